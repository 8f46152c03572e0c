"""How far a case is from what was measured, and how wide its range is therefore.

`siting_validation/left_out.py` predicts each measurement from what other sources measured, and
keeps two tables: what was seen (siting_facts/memory_seen.csv), and by how much the ranges that the
parts of a prediction have must be stretched to hold 80 % of measurements
(siting_facts/memory_spread.csv), by the number of aspects of a case, its card, its model's family,
its engine, that nobody measured. What was seen of speed is in siting_facts/engine_calibration.csv;
its ranges are in `serving.spread`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from siting.catalogue import Fact, Positive, of_facts, table
from siting.memory.deployment import Deployment
from siting.quantity import Range

Topic = Literal["serving", "training", "speed"]


class Seen(Fact, tables="memory_seen engine_calibration", key="topic aspect value"):
    """One thing that measurements were made of: a card, a family of models, an engine."""

    topic: Topic
    aspect: Literal[
        "card",
        "family",
        "engine",
        "framework",
        "model",
        "experts",
        "loop",
        "release",
        "first token",
    ]
    """Of speed: a key of `serving.spread.ASPECTS`, or `first token`: of these, the engine."""
    value: str
    measurements: int


class Stretch(Fact, tables="memory_spread", key="quantity distance"):
    """Factors on the low and the high side of a range, by the number of unmeasured aspects."""

    quantity: Literal["weights", "pool", "peak"]
    distance: int
    low: Positive
    high: Positive
    narrowest: Positive
    """High over low of the middle range of the cases that are nearer: of less that is known, no
    range is narrower. 1: none are nearer."""
    measurements: int
    sources: int


def aspects(d: Deployment) -> dict[str, str]:
    """What a deployment is told apart by, from the nearest to the farthest."""
    return {"card": d.gpu.id, "family": d.model.family.lower(), "engine": d.family}


def unmeasured(topic: Topic, of: Mapping[str, str]) -> tuple[str, ...]:
    """The aspects of a case that no measurement has."""
    return tuple(a for a, value in of.items() if (topic, a, value) not in _seen())


@of_facts
def _seen() -> frozenset[tuple[str, str, str]]:
    rows = (*table("memory_seen", Seen), *table("engine_calibration", Seen))
    return frozenset((r.topic, r.aspect, r.value) for r in rows)


def in_words(missing: tuple[str, ...]) -> str:
    """What a reader should know of a case that nobody measured; blank if all was seen."""
    names = {"family": "family of models"}
    things = [names.get(m, m) for m in missing]
    return f"no measurement of this {' or this '.join(things)}: range wide" if things else ""


PRINTED_GIB = 0.005
"""Logs round to a hundredth of a GiB: no range is narrower than that on either side."""


def widened(r: Range, quantity: str, distance: int, down: float = 0.0, up: float = 0.0) -> Range:
    """`r` stretched for its distance. [GiB]

    down, up: how far another case reaches that cannot be told from this one: what is one of two
    is a matter of no scatter, and no factor takes it out of the range.
    """
    row = _spread(quantity, distance)
    least = max(PRINTED_GIB, r.central * (row.narrowest - 1) / (row.narrowest + 1))
    down = max((r.central - r.low) * row.low, least, down)
    up = max((r.high - r.central) * row.high, least, up)
    return Range(r.central - down, r.central, r.central + up, unit=r.unit)


@of_facts
def _spread(quantity: str, distance: int) -> Stretch:
    rows = [r for r in table("memory_spread", Stretch) if r.quantity == quantity]
    return max((r for r in rows if r.distance <= distance), key=lambda r: r.distance)
