"""Does hardware that is bought today still fit the model that will be wanted in 24 months?

The release history of the catalogue answers: for each open model, which model did the same maker
release about two years later in the same size class, and how large was its flagship by then? The
ratios of sizes are the forecast; few pairs make a wide one, and it says how many there were.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from siting.catalogue import Model, models
from siting.quantity import Range

MONTHS_AHEAD = 24
WINDOW_MONTHS = (18, 30)
"""Releases that count as "about 24 months later"."""

SMALLEST_B = 3.0
"""Models below it [10^9 parameters] are made for phones and laptops: another class of hardware."""

ENOUGH_PAIRS = 5
"""Fewer pairs of one maker are joined by those of all makers."""


@dataclass(frozen=True)
class Growth:
    """How sizes changed over about 24 months, as factors on the model in use."""

    same_class: Range
    """Size of the nearest-sized successor over the model's own size."""
    flagship: Range
    """Size of the maker's largest model then over the largest before."""
    pairs: int
    """Pairs of models behind `same_class`."""
    makers: str
    """Whose history it is: one maker, or all of the catalogue."""


@dataclass(frozen=True)
class Fit:
    """Room of an option's hardware for a model of the next generation."""

    option: str
    model: str
    room: float
    """Factor by which the weights may grow before one replica no longer fits its GPUs."""
    room_one_server: float
    """The same if all GPUs that the option has may serve one replica."""
    growth: Growth
    chance: float
    """Share of the observed successors whose size fits `room`."""

    @property
    def verdict(self) -> str:
        """`fits`, `tight` or `does not fit`: the central successor against the room."""
        if self.growth.same_class.high <= self.room:
            return "fits"
        return "tight" if self.growth.same_class.central <= self.room_one_server else "does not fit"


def _released(model: Model) -> dt.date | None:
    parts = model.release_date.split("-")
    if len(parts) < 2:
        return None
    return dt.date(int(parts[0]), int(parts[1]), int(parts[2]) if len(parts) > 2 else 1)


def _maker(model: Model) -> str:
    return model.model_id.split("/")[0]


def _history(day: dt.date) -> list[tuple[str, dt.date, float]]:
    """(maker, release, size in 10^9 parameters) of models known on `day`."""
    return sorted(
        (_maker(m), released, m.total_params_b)
        for m in models()
        if (released := _released(m)) is not None
        and released <= day
        and m.total_params_b is not None
        and m.total_params_b >= SMALLEST_B
    )


def successors(
    history: list[tuple[str, dt.date, float]], maker: str | None = None
) -> tuple[list[float], list[float]]:
    """Size ratios of same-class successors and of flagships, 18 to 30 months apart.

    The successor is the later model of the same maker whose size is nearest on a log scale.
    """
    same, flagship = [], []
    for owner, released, size in history:
        if maker not in (None, owner):
            continue
        own = [(d, s) for o, d, s in history if o == owner]
        low, high = (released.toordinal() + m * 30.44 for m in WINDOW_MONTHS)
        later = [s for d, s in own if low <= d.toordinal() <= high]
        if later:
            same.append(min(later, key=lambda s: abs(np.log(s / size))) / size)
            before = max(s for d, s in own if d <= released)
            flagship.append(max(s for d, s in own if d.toordinal() <= high) / before)
    return same, flagship


def _spread(ratios: list[float]) -> Range:
    low, centre, high = np.quantile(ratios, (0.1, 0.5, 0.9))
    return Range(float(low), float(centre), float(high), "times")


def growth(model: Model, day: dt.date) -> tuple[Growth, list[float]] | None:
    """Growth seen by `day` in the maker's history, or in everyone's where that is too short.

    Returns the growth and the same-class ratios behind it; None if nothing can be said.
    """
    history = _history(day)
    same, flagship = successors(history, _maker(model))
    makers = _maker(model)
    if len(same) < ENOUGH_PAIRS:
        same, flagship = successors(history)
        makers = "all makers of the catalogue"
    if len(same) < ENOUGH_PAIRS:
        return None
    return Growth(_spread(same), _spread(flagship), len(same), makers), same


def fit(
    option: str,
    model: Model,
    weights_gib: float,
    other_gib: float,
    budget_gib: float,
    budget_all_gib: float,
    day: dt.date,
) -> Fit | None:
    """Whether the next generation fits. None where the catalogue's history says too little.

    weights_gib: weights of one replica; other_gib: what else it needs (caches, engine), taken as
    unchanged; budget_gib: what its GPUs offer; budget_all_gib: what all GPUs of the option offer.
    All in GiB over the GPUs together. Raises ValueError for weights of zero.
    """
    if weights_gib <= 0:
        raise ValueError("weights_gib must be above zero")
    known = growth(model, day)
    if known is None:
        return None
    grown, ratios = known
    room = (budget_gib - other_gib) / weights_gib
    room_all = (budget_all_gib - other_gib) / weights_gib
    chance = float(np.mean(np.array(ratios) <= room))
    return Fit(option, model.model_id, room, max(room, room_all), grown, chance)
