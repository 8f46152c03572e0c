"""What clears a point of law, in fewer words than the law's own: for a card and for a table's line.

The words come from siting_facts/sovereignty_rules.csv and attributes.csv: a question, often with
what may be answered, or measures with another way out (`siting.rules.remedies`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import ascii_uppercase

from siting.inputs.scenario.model import Option
from siting.rules import openness
from siting.rules.sovereignty import OpenPoint

OTHER_WAY = ", or choose an operator"
"""Begins the way out that is open to every option: to be another one."""
_SENTENCE = re.compile(r"(?<=[?;]) |(?<!Art)(?<=\.) (?=[A-Z])")
"""Where a sentence or a part of it ends; the point of `Art. 28` ends none."""


def asked(clears: str) -> str:
    """A question without what may be answered, a measure without another way out.

    What stands after a colon explains, unless it is within brackets: these belong to the question.
    """
    question = clears.split("? ")[0]
    before = question.partition(": ")[0]
    kept = question if "(" in before else before
    if kept != clears and "?" in clears:
        kept = f"{kept.rstrip('?')}?"
    return f"{kept.partition(OTHER_WAY)[0]}." if OTHER_WAY in kept else kept


def cure(clears: str) -> str:
    """The first sentence, or part of one, without another way out and without its full stop."""
    first = _SENTENCE.split(clears, maxsplit=1)[0]
    return first.partition(OTHER_WAY)[0].rstrip(".,;")


def settling(point: OpenPoint, options: Mapping[str, Option]) -> str:
    """What its owner does to settle a point: asks (with the vendor or the maker), answers, does, or
    judges or mends."""
    if point.settled_by != "ask":
        return {"answer": "answers", "do": "does", "judge": "judges or mends"}[point.settled_by]
    names = point.served_by if point.is_for_maker else point.carriers
    asked = [options[name] for name in names if name in options]
    if point.is_for_maker:
        made = (openness.maker(model) for option in asked for model in option.models.values())
        makers = " and ".join(dict.fromkeys(m.maker for m in made if m))
        return f"asks {makers or 'the maker of the model'}"
    vendors = " and ".join(dict.fromkeys(o.vendor for o in asked if o.vendor))
    return f"asks {vendors or 'the vendor'}"


def letter(place: int) -> str:
    """A to Z, then AA to AZ."""
    again, within = divmod(place, len(ascii_uppercase))
    last = ascii_uppercase[within]
    return ascii_uppercase[again - 1] + last if again else last
