"""What would mend a rule, measure by measure, so that only what is missing is asked for.

A rule's remedy is written as ways out with ` | ` between them, each of them measures with `; `
between them. A measure may end in square brackets with the condition under which it is in place:

    Hold the keys [key_control == 'customer']; compute confidentially [confidential_computing]
    | choose an operator without a foreign parent.

A way that is open to some options alone begins with `if`, the condition, and a colon:

    if deployment not in by_request: Hold the keys [key_control == 'customer'] | bear the risk.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from siting.records import frozen
from siting.rules import conditions
from siting.rules.conditions import Condition, Values

WRITTEN = re.compile(r"(?P<text>[^\[\]]+?)\s*(?:\[(?P<condition>[^\[\]]+)\])?")
"""A measure, and the condition under which it is in place."""
OPEN_IF = re.compile(r"if (?P<condition>[^:]+): ")
"""What begins a way that is not open to all: the condition under which it is."""


@frozen
class Measure:
    """One thing to do."""

    text: str
    in_place: Condition
    """Holds where nobody has to do it; never, where the table does not say."""
    possible: Condition
    """Does not hold where nobody can do it; holds, where the table does not say."""


Way = tuple[Measure, ...]
"""Measures that together mend a rule."""


def read(text: str, condition: Callable[[str], Condition]) -> tuple[Way, ...]:
    """The ways out that a rule's remedy names.

    condition: reads what stands in square brackets, and nothing for what has none. Raises
    ValueError naming a measure whose brackets are not one pair at its end.
    """
    ways = filter(None, text.strip().removesuffix(".").split(" | "))
    return tuple(_way(way.strip(), condition) for way in ways)


def _way(text: str, condition: Callable[[str], Condition]) -> Way:
    begins = OPEN_IF.match(text)
    possible = condition(begins["condition"]) if begins else conditions.Constant(True)
    measures = text[begins.end() :] if begins else text
    return tuple(_measure(part, possible, condition) for part in measures.split("; "))


def _measure(part: str, possible: Condition, condition: Callable[[str], Condition]) -> Measure:
    found = WRITTEN.fullmatch(part.strip())
    if found is None:
        raise ValueError(f"{part!r}: write one condition in square brackets at the end")
    in_place = condition(found["condition"] or "")
    return Measure(text=found["text"], in_place=in_place, possible=possible)


def missing(ways: Sequence[Way], flows: Sequence[Values]) -> str:
    """What is missing, as a sentence; nothing where no remedy is known.

    A measure is in place where it is on all of these flows. A way of which every measure is in
    place has not mended the rule and is left out, and so is one that is not open to all of these
    flows; where no way is left, all are named.
    flows: what is known of each flow on which the rule is open, with the sets of countries.
    """
    open_ = [way for way in ways if all(_is_possible(m, flows) for m in way)] or ways
    left_to_do = [tuple(m for m in way if not _is_in_place(m, flows)) for way in open_]
    left = [way for way in left_to_do if way] or open_
    sentence = ", or ".join(_together([measure.text for measure in way]) for way in left)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _is_in_place(measure: Measure, flows: Sequence[Values]) -> bool:
    found = [conditions.evaluate(measure.in_place, values) is True for values in flows]
    return bool(found) and all(found)


def _is_possible(measure: Measure, flows: Sequence[Values]) -> bool:
    return all(conditions.evaluate(measure.possible, v) is not False for v in flows)


def _together(texts: Sequence[str]) -> str:
    """`a, b and c`."""
    *others, last = texts
    return " and ".join([", ".join(others), last]) if others else last
