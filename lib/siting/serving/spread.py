"""How far a measurement may lie from the estimate, and how far a case is from what was measured.

A case is judged by how much of it no measurement behind the model has seen: the card, the model,
the format of the experts (one step each), the engine on that generation of cards, the engine under
that kind of loop (two steps each). The more is new, the wider the range. The ranges are quantiles
of measured over predicted, each source (or each model with its card) being left out of the fit
(`siting_validation/throughput_ranges.py`).
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from siting import catalogue
from siting.catalogue import Fact, Positive, Size, scoped
from siting.memory.distance import unmeasured
from siting.serving import performance
from siting.serving.performance import applies


@dataclass(frozen=True, slots=True)
class Aspect:
    """One way in which a case can be new."""

    words: tuple[str, ...]
    """Words of its regime that measurements must share."""
    steps: int
    said: str


ASPECTS: Mapping[str, Aspect] = {
    "card": Aspect(("gpu",), 1, "this card"),
    "model": Aspect(("model",), 1, "this model"),
    "experts": Aspect(("experts",), 1, "experts in this format"),
    "engine": Aspect(
        ("engine", "generation", "architecture"), 2, "this engine on this generation of cards"
    ),
    "loop": Aspect(("engine", "loop"), 2, "this engine under this kind of load"),
    "release": Aspect(("engine", "release"), 1, "this release of the engine"),
}
ENOUGH = 10
"""Measurements from which an aspect counts as seen; fewer tell little of another case."""


def known_words() -> Mapping[str, Collection[str]]:
    """What the scope of a range may test, and the values that each word has."""
    return {
        **performance.words(),
        "loop": ("static", "closed", "open", "saturated"),
        "measured": ("yes",),
        "distance": ("0", "1", "2", "3"),
        "campaign": ("yes", "no"),
        "kind": ("static", "saturated", "served"),
        "load": ("full", "small", "middle", "large"),
    }


class Spread(Fact, tables="engine_spread", key="quantity scope"):
    """80 % range of measurements around an estimate, where every condition of `scope` holds."""

    quantity: Literal["output_tokens_per_s_total", "ttft_ms", "itl_or_tpot_ms"]
    scope: Annotated[str, scoped(known_words)] = ""
    low: Positive
    high: Positive
    measurements: Size


@dataclass(frozen=True, slots=True)
class Distance:
    """What no measurement behind the model has seen of a case."""

    unmeasured: tuple[str, ...] = ()
    """Keys of `ASPECTS`."""

    @property
    def level(self) -> int:
        """0: all was seen; 1: but for one step; 2: two or three steps; 3: more."""
        return level(sum(ASPECTS[key].steps for key in self.unmeasured))

    @property
    def words(self) -> str:
        """A sentence for a reader; blank where all was seen."""
        if not self.unmeasured:
            return ""
        *most, last = (ASPECTS[key].said for key in self.unmeasured)
        listed = " or ".join(filter(None, (", ".join(most), last)))
        wide = ("", "wider than usual", "wide", "very wide")[self.level]
        return f"no measurement of {listed} stands behind the estimate: its range is {wide}"


def level(steps: int) -> int:
    """Class of a distance of so many steps."""
    return bisect((1, 2, 4), steps)


def value_of(key: str, where: Mapping[str, str]) -> str:
    """What measurements must share with a regime, `loop` among its words, in an aspect.

    What a regime does not say is a value of its own: of an unstated release, many were measured.
    """
    return " & ".join(where.get(word) or "unstated" for word in ASPECTS[key].words)


def distance(where: Mapping[str, str]) -> Distance:
    """What no measurement has seen of the case with this regime, `loop` among its words."""
    return Distance(unmeasured("speed", {key: value_of(key, where) for key in ASPECTS}))


def load_class(running: float, loop: str) -> str:
    """Batches by size: ranges differ between a few sequences and a full card."""
    if loop == "saturated":
        return "full"
    if running <= 4:
        return "small"
    return "middle" if running <= 64 else "large"


def kind_of(loop: str) -> str:
    """`static`, `saturated`, or `served`: requests that come and go."""
    return loop if loop in ("static", "saturated") else "served"


def words(where: Mapping[str, str], far: int, load: str) -> dict[str, str]:
    """The words that scopes of `siting_facts/engine_spread.csv` test."""
    return dict(where) | {
        "distance": str(far),
        "campaign": "no" if far else "yes",
        "kind": kind_of(where.get("loop", "")),
        "load": load,
    }


def factors(where: Mapping[str, str], quantity: str, running: float) -> tuple[float, float] | None:
    """Low and high of the 80 % range around an estimate, as factors.

    running: sequences in the batch. None for a time to first token of an engine of which none
    was measured. The first row whose scope holds counts.
    """
    if quantity == "ttft_ms" and unmeasured("speed", {"first token": where.get("engine", "")}):
        return None
    case = words(where, distance(where).level, load_class(running, where.get("loop", "")))
    for row in catalogue.table("engine_spread", Spread):
        if row.quantity == quantity and applies(row.scope, case):
            return row.low, row.high
    raise catalogue.FactError(f"siting_facts/engine_spread.csv: no row for {quantity}; add one")
