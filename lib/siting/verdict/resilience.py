"""Does hardware that is bought today still fit the model that will be wanted in 24 months?

The release history of the catalogue answers: for each open model, which model did the same maker
release about two years later in the same size class, and how large was its flagship by then? The
ratios of sizes are the forecast; few pairs make a wide one, and it says how many there were.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from siting.catalogue import Model, models
from siting.memory import vram
from siting.quantity import Range
from siting.serving.capacity import OptionCapacity

Release: TypeAlias = tuple[str, dt.date, float]
"""Maker, day, and size in 10^9 parameters."""

WINDOW_MONTHS = (18, 30)
"""Releases that count as "about 24 months later"."""

SMALLEST_B = 3.0
"""Models below it [10^9 parameters] are made for phones and laptops: another class of hardware."""

ENOUGH_PAIRS = 5
"""Fewer pairs of one maker are joined by those of all makers."""


@dataclass(frozen=True)
class Growth:
    """How sizes changed over about 24 months, as factors on the model in use."""

    ratios: list[float]
    """Size of the nearest-sized successor over the model's own size, for each pair of models."""
    flagship: Range
    """Size of the maker's largest model then over the largest before, P10 to P90."""
    makers: str
    """Whose history it is: one maker, or all of the catalogue."""

    @property
    def same_class(self) -> Range:
        """P10 to P90 of the successors."""
        return _spread(self.ratios)


@dataclass(frozen=True, kw_only=True)
class SuccessorFit:
    """Room of an option's hardware for a model of the next generation."""

    option: str
    model: str
    weights: float
    """Of one replica; these and what follows in GiB, over the GPUs together."""
    other: float
    """What else it needs (caches, engine), taken as unchanged."""
    budget: float
    """What its GPUs offer."""
    budget_all: float
    """What all GPUs of the option offer."""
    growth: Growth

    @property
    def room(self) -> float:
        """Factor by which the weights may grow before one replica no longer fits its GPUs."""
        return (self.budget - self.other) / self.weights

    @property
    def room_one_server(self) -> float:
        """The same if all GPUs that the option has may serve one replica."""
        return (self.budget_all - self.other) / self.weights

    @property
    def chance(self) -> float:
        """Share of the observed successors whose size fits `room`."""
        return float(np.mean(np.array(self.growth.ratios) <= self.room))

    @property
    def verdict(self) -> str:
        """`fits`, `tight` or `does not fit`: the central successor against the room."""
        if self.growth.same_class.high <= self.room:
            return "fits"
        return "tight" if self.growth.same_class.central <= self.room_one_server else "does not fit"


def _spread(ratios: list[float]) -> Range:
    return Range.ordered(np.quantile(ratios, (0.1, 0.5, 0.9)).tolist(), "times")


def _maker(model: Model) -> str:
    return model.model_id.split("/")[0]


def _history(day: dt.date) -> list[Release]:
    """Models known on `day`, of those whose month of release and size are known."""
    return sorted(
        (_maker(m), released, m.total_params_b)
        for m in models()
        if m.total_params_b and m.total_params_b >= SMALLEST_B and "-" in m.release_date
        if (released := dt.date.fromisoformat(f"{m.release_date}-01"[:10])) <= day
    )


def successors(history: list[Release], maker: str = "") -> tuple[list[float], list[float]]:
    """Size ratios of same-class successors and of flagships, 18 to 30 months apart.

    The successor is the later model of the same maker whose size is nearest on a log scale.
    """
    same = []
    flagship = []
    for owner, released, size in history:
        if maker not in ("", owner):
            continue
        own = [(d, s) for o, d, s in history if o == owner]
        low, high = (released.toordinal() + m * 30.44 for m in WINDOW_MONTHS)
        later = [s for d, s in own if low <= d.toordinal() <= high]
        if later:
            same.append(min(later, key=lambda s: abs(np.log(s / size))) / size)
            before = max(s for d, s in own if d <= released)
            flagship.append(max(s for d, s in own if d.toordinal() <= high) / before)
    return same, flagship


def growth(model: Model, day: dt.date) -> Growth | None:
    """Growth seen by `day` in the maker's history, or in everyone's where that is too short; None
    if nothing can be said."""
    history = _history(day)
    for maker in (_maker(model), ""):
        same, flagships = successors(history, maker)
        if len(same) >= ENOUGH_PAIRS:
            return Growth(same, _spread(flagships), maker or "all makers of the catalogue")
    return None


def fits(
    capacity: Mapping[str, OptionCapacity], memory: Mapping[str, Sequence[vram.Fit]], day: dt.date
) -> Iterator[SuccessorFit]:
    """Room of every self-hosted option for the next generation of each model that it runs; none
    where the catalogue's history says too little."""
    for name, models_run in memory.items():
        gpus = capacity[name].gpus().central
        for m in filter(None, (run.memory for run in models_run)):
            d = m.deployment
            if known := growth(d.model, day):
                parts = {p.name: p.gib.central * d.gpus for p in m.parts}
                each = m.budget_gib.central
                yield SuccessorFit(
                    option=name,
                    model=d.model.model_id,
                    weights=parts.pop("weights"),
                    other=sum(parts.values()),
                    budget=each * d.gpus,
                    budget_all=each * max(gpus, d.gpus),
                    growth=known,
                )
