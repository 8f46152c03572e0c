"""Does hardware that is bought today still fit the model that will be wanted in 24 months?

The release history of the catalogue answers: for each open model, which model did the same maker
release about two years later in the same size class, and how large was its flagship by then? The
ratios of sizes are the forecast; few pairs make a wide one, and it says how many there were.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siting.catalogue import Model, models
from siting.memory import vram
from siting.quantity import DAYS_OF_MONTH, Range
from siting.serving.capacity import OptionCapacity

WINDOW_FROM = 18 * DAYS_OF_MONTH
WINDOW_TO = 30 * DAYS_OF_MONTH
"""Releases in between count as "about 24 months later". [days]"""

SMALLEST_B = 3.0
"""Models below it [10^9 parameters] are made for phones and laptops: another class of hardware."""

ENOUGH_PAIRS = 5
"""Fewer pairs of one maker are joined by those of all makers."""


@dataclass(frozen=True, order=True, kw_only=True)
class Release:
    """An open model of the catalogue."""

    maker: str
    day: dt.date
    size: float
    """[10^9 parameters]"""

    def later(self, other: Release) -> int:
        """Days by which another one came later."""
        return (other.day - self.day).days


@dataclass(frozen=True, kw_only=True)
class Step:
    """What a maker had about 24 months after a model, in factors on sizes."""

    same_class: float
    """Size of the successor over that of the model."""
    flagship: float
    """Size of its largest model then over the largest before."""


@dataclass(frozen=True, kw_only=True)
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
        if self.growth.same_class.central <= self.room_one_server:
            return "tight"
        return "does not fit"


def _spread(ratios: list[float]) -> Range:
    return Range.ordered(np.quantile(ratios, (0.1, 0.5, 0.9)).tolist(), "times")


def _maker(model: Model) -> str:
    return model.model_id.split("/")[0]


def _history(day: dt.date) -> list[Release]:
    """Models known on `day`, of those whose month of release and size are known."""
    known = []
    for model in models():
        size = model.total_params_b
        has_month = "-" in model.release_date
        if size and size >= SMALLEST_B and has_month:
            # Where no day is known, the first of the month.
            released = dt.date.fromisoformat(f"{model.release_date}-01"[:10])
            known.append(Release(maker=_maker(model), day=released, size=size))
    return sorted(release for release in known if release.day <= day)


def successors(history: Sequence[Release], maker: str = "") -> list[Step]:
    """How sizes changed in 18 to 30 months, one step for each model that has a successor.

    The successor is the later model of the same maker whose size is nearest on a log scale.
    maker: whose models; blank: those of all.
    """
    steps = []
    for model in history:
        if maker not in ("", model.maker):
            continue
        of_maker = [release for release in history if release.maker == model.maker]
        later = [r.size for r in of_maker if WINDOW_FROM <= model.later(r) <= WINDOW_TO]
        if later:
            nearest = min(later, key=lambda size: abs(np.log(size / model.size)))
            largest = max(r.size for r in of_maker if model.later(r) <= 0)
            largest_then = max(r.size for r in of_maker if model.later(r) <= WINDOW_TO)
            steps.append(Step(same_class=nearest / model.size, flagship=largest_then / largest))
    return steps


def growth(model: Model, day: dt.date) -> Growth | None:
    """Growth seen by `day` in the maker's history, or in everyone's where that is too short; None
    if nothing can be said."""
    history = _history(day)
    for maker in (_maker(model), ""):
        steps = successors(history, maker)
        if len(steps) >= ENOUGH_PAIRS:
            return Growth(
                ratios=[step.same_class for step in steps],
                flagship=_spread([step.flagship for step in steps]),
                makers=maker or "all makers of the catalogue",
            )
    return None


def fits(
    capacity: Mapping[str, OptionCapacity], memory: Mapping[str, Sequence[vram.Fit]], day: dt.date
) -> Iterator[SuccessorFit]:
    """Room of every self-hosted option for the next generation of each model that it runs; none
    where the catalogue's history says too little."""
    for name, models_run in memory.items():
        gpus = capacity[name].gpus().central
        for memory_of in filter(None, (run.memory for run in models_run)):
            runs = memory_of.deployment
            known = growth(runs.model, day)
            if known is None:
                continue
            parts = {p.name: p.gib.central * runs.gpus for p in memory_of.parts}
            weights = parts.pop("weights")
            each = memory_of.budget_gib.central
            yield SuccessorFit(
                option=name,
                model=runs.model.model_id,
                weights=weights,
                other=sum(parts.values()),
                budget=each * runs.gpus,
                budget_all=each * max(gpus, runs.gpus),
                growth=known,
            )
