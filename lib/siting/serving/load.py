"""The load: requests a second by hour of the week, their lengths, and what a year of them asks for.

A workload's users, hours and peaks make a `Load`; workloads that share a model are merged into
one. Requests that may wait are kept apart from those that are answered at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from siting.inputs.scenario import Workload
from siting.memory import vram
from siting.quantity import LogNormal, Range
from siting.serving.queueing import Lengths

Array = npt.NDArray[np.float64]

HOURS_OF_WEEK = 168
WEEKS_OF_YEAR = 52
"""The load duration curve is drawn for 52 weeks of 168 hours."""
DAYS_OF_YEAR = 365.25

PROFILES: Mapping[str, tuple[float, ...]] = {
    "office": (0, 0, 0, 0, 0, 0, 1, 4, 8, 10, 10, 8, 6, 8, 10, 10, 8, 5, 3, 2, 1, 1, 0, 0),
    "day": (1, 1, 1, 1, 1, 1, 3, 5, 7, 8, 8, 8, 7, 8, 8, 8, 7, 7, 6, 5, 5, 4, 3, 2),
    "flat": (1,) * 24,
    "night": (8, 8, 8, 8, 8, 6, 2) + (0,) * 13 + (2, 6, 8, 8),
}
"""Shares of a day by hour, from midnight; a scenario may write its own 24 numbers instead."""


@dataclass(frozen=True, slots=True)
class YearlyTokens:
    """What a year of the horizon asks for. Tokens are tokens, not millions."""

    year: int
    """1 is the first year of the horizon."""
    requests: Range
    input_uncached: Range
    input_cached: Range
    output: Range
    """Reasoning tokens included."""
    batchable_share: float
    """Share of all the above that may wait for hours."""


@dataclass(frozen=True)
class Load:
    """Requests of one workload, or of workloads that share a model, in the first year."""

    workloads: tuple[str, ...]
    hourly: Array
    """Requests a second in each hour of a usual week, Monday midnight first. [168]"""
    lengths: Lengths
    peak_factor: float
    batchable_share: float
    growth: Range
    longest: int = 0
    """Longest request that must fit in the cache. [tokens]"""

    @cached_property
    def interactive(self) -> Array:
        """`hourly` without the requests that may wait."""
        return np.asarray(self.hourly * (1 - self.batchable_share))

    @property
    def busy_rate(self) -> float:
        """Busiest hour of a usual week, waiting work aside. [requests/s]"""
        return float(self.interactive.max())

    @property
    def peak_rate(self) -> float:
        """Busiest hour of the year, waiting work aside. [requests/s]"""
        return self.busy_rate * self.peak_factor

    def growth_factor(self, year: int) -> Range:
        """Load of a year of the horizon over the first year's."""
        g = self.growth
        low, central, high = ((1 + x) ** (year - 1) for x in (g.low, g.central, g.high))
        return Range(low, central, high, "x")

    def year(self, year: int) -> YearlyTokens:
        """Requests and tokens of a year of the horizon."""
        first = float(self.hourly.sum()) * 3600 / 7 * DAYS_OF_YEAR
        requests = self.growth_factor(year).scaled(first, "requests")
        n = self.lengths
        return YearlyTokens(
            year,
            requests,
            requests.scaled(n.input_mean * (1 - n.cached_share), "tokens"),
            requests.scaled(n.input_mean * n.cached_share, "tokens"),
            requests.scaled(n.output_mean, "tokens"),
            self.batchable_share,
        )

    def duration_curve(self) -> Array:
        """Request rate of each hour of the first year, highest first. [requests/s]

        Weeks differ by a log-normal factor of mean one whose largest of 52 is the peak factor.
        """
        weeks = _week_factors(self.peak_factor)
        return np.sort(np.outer(weeks, self.hourly).ravel())[::-1]


def _week_factors(peak: float) -> Array:
    """52 log-normal quantiles with mean one; the largest is `peak`, or the widest there can be."""
    normal = NormalDist()
    z = np.array([normal.inv_cdf((i + 0.5) / WEEKS_OF_YEAR) for i in range(WEEKS_OF_YEAR)])

    def factors(sigma: float) -> Array:
        raw = np.exp(sigma * z)
        return np.asarray(raw / raw.mean())

    low, high = 0.0, z[-1]
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if factors(middle)[-1] < peak else (low, middle)
    return factors(high)


def workload_load(name: str, w: Workload) -> Load:
    """The load of one workload."""
    day = np.array(PROFILES[w.hours] if isinstance(w.hours, str) else w.hours, float)
    per_day = w.users * w.requests_per_user_day + w.requests_per_day
    week = np.outer(np.array(w.weekdays), day / day.sum()).ravel()
    visible = LogNormal.fitted(w.output_tokens.mean, w.output_tokens.p95)
    lengths = Lengths(
        LogNormal.fitted(w.input_tokens.mean, w.input_tokens.p95),
        LogNormal(visible.mean + (w.reasoning_tokens or 0), visible.sigma),
        w.cached_input_share,
    )
    return Load(
        (name,),
        week * per_day / 3600,
        lengths,
        w.peak_factor,
        w.batchable_share,
        w.growth_per_year,
        vram.longest_request((w.input_tokens, w.output_tokens), w.reasoning_tokens or 0),
    )


def merged(loads: Sequence[Load]) -> Load:
    """Workloads that share a pool, as one load: rates add, lengths are weighted by requests."""
    if len(loads) == 1:
        return loads[0]
    weight = np.array([float(x.hourly.sum()) for x in loads])
    weight = weight / weight.sum() if weight.sum() else np.full(len(loads), 1 / len(loads))
    hourly = np.sum([x.hourly for x in loads], axis=0)
    peak = np.sum([x.hourly * x.peak_factor for x in loads], axis=0).max() / hourly.max()
    sides = {
        side: float(weight @ [getattr(x.growth, side) for x in loads])
        for side in ("low", "central", "high")
    }
    return Load(
        tuple(n for x in loads for n in x.workloads),
        hourly,
        Lengths.mixed([x.lengths for x in loads], weight),
        float(peak),
        float(weight @ [x.batchable_share for x in loads]),
        Range(sides["low"], sides["central"], sides["high"]),
        max(x.longest for x in loads),
    )


def fill_valleys(base: Array, amount: float) -> Array:
    """`base` with `amount` more, poured into its lowest hours up to one level."""
    level = np.sort(base)
    room = np.cumsum(level) - level * np.arange(1, len(level) + 1)  # minus the water held
    held = -room
    i = int(np.searchsorted(held, amount, side="right")) - 1
    top = level[i] + (amount - held[i]) / (i + 1)
    return np.maximum(base, top) if amount > 0 else base
