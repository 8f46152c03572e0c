"""What would mend a rule, measure by measure, so that only what is missing is asked for.

A rule's remedy is written as ways out with ` | ` between them, each of them measures with `; `
between them. A measure may end in square brackets with the condition under which it is in place:

    Hold the keys [key_control == 'customer']; compute confidentially [confidential_computing]
    | choose an operator without a foreign parent.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from siting.rules import conditions
from siting.rules.conditions import Condition, Values

WRITTEN = re.compile(r"(?P<text>[^\[\]]+?)\s*(?:\[(?P<condition>[^\[\]]+)\])?")
"""A measure, and the condition under which it is in place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One thing to do."""

    text: str
    in_place: Condition
    """Holds where nobody has to do it; never, where the table does not say."""


Way = tuple[Measure, ...]
"""Measures that together mend a rule."""


def read(text: str, condition: Callable[[str], Condition]) -> tuple[Way, ...]:
    """The ways out that a rule's remedy names.

    condition: reads what stands in square brackets, and nothing for what has none. Raises
    ValueError naming a measure whose brackets are not one pair at its end.
    """
    ways = filter(None, text.strip().removesuffix(".").split(" | "))
    return tuple(tuple(_measure(part, condition) for part in way.split("; ")) for way in ways)


def _measure(part: str, condition: Callable[[str], Condition]) -> Measure:
    found = WRITTEN.fullmatch(part.strip())
    if found is None:
        raise ValueError(f"{part!r}: write one condition in square brackets at the end")
    return Measure(text=found["text"], in_place=condition(found["condition"] or ""))


def told(ways: Sequence[Way], flows: Sequence[Values]) -> str:
    """What is missing, as a sentence; nothing where no remedy is known.

    A measure is in place where it is on all of these flows. A way of which every measure is in
    place has not mended the rule and is left out; where that is so of every way, all are told.
    flows: what is known of each flow on which the rule is open, with the sets of countries.
    """
    missing = [tuple(m for m in way if not _is_in_place(m, flows)) for way in ways]
    left = [way for way in missing if way] or ways
    sentence = ", or ".join(_together([measure.text for measure in way]) for way in left)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _is_in_place(measure: Measure, flows: Sequence[Values]) -> bool:
    found = [conditions.evaluate(measure.in_place, values) is True for values in flows]
    return bool(found) and all(found)


def _together(texts: Sequence[str]) -> str:
    """`a, b and c`."""
    *others, last = texts
    return " and ".join([", ".join(others), last]) if others else last
