"""What the workloads of a model ask of one kind of replica, each alone and all together.

What a workload asks of a replica is one over the rate at which it alone would keep the limits of
all in the pool: both the wait for prompts (Pollaczek-Khinchine) and the time of a step are linear
in the rates, so that those shares add up, and more of anything never needs less. All here is in
replicas' worth of work, or in requests of the mix; how many replicas there are is `pools.Pool`'s.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from siting.serving import bunching, queueing
from siting.serving.carrying import Carried
from siting.serving.load import (
    Load,
    WaitingWork,
    duration_curve,
    level_needed,
)
from siting.serving.performance import Array


@dataclass(frozen=True)
class PoolWorkload:
    """A workload of a pool: what it asks of the replicas that serve it."""

    load: Load
    carried: Carried
    """What one replica carries of it."""

    @property
    def rate_alone(self) -> float:
        """Requests a second of this workload alone on one replica, within the limits of all."""
        return self.carried.rate

    @property
    def headroom(self) -> float:
        """What must be carried because arrivals bunch within an hour, as a ratio to its mean."""
        return self.carried.headroom

    def bunched(self, grown: float) -> Array:
        """Replicas that must be there in each hour of the busiest week, where the workload has
        grown so many times.

        Who waits for an answer asks for no other: in a queue of a finite source of N customers
        (M/M/c//N, the machine repairman; Gross, Shortle, Thompson and Harris, Fundamentals of
        Queueing Theory, 4th ed., 2.7) no more than N are under way. So a bunch of theirs asks for
        no more replicas than hold N requests within the limits, one each at least; what an hour
        asks for on average is carried whatever its bunches. [168]
        """
        times = self.load.peak_factor * grown
        mean = self.interactive * times
        users = self.load.most_at_once * grown / max(1.0, self.carried.concurrency)
        return np.minimum(self.interactive * (times * self.headroom), np.maximum(mean, users))

    @property
    def turned_away(self) -> Array:
        """Share of an hour's requests that go elsewhere, where each of `bunching.CARRIED` times its
        mean is carried."""
        # In hundredths, so that one series serves all that wait about as long.
        slack = round(max(self.carried.slack, bunching.LEAST_SLACK), 2)
        return bunching.turned_away(self.load.arrivals, slack)

    @cached_property
    def interactive(self) -> Array:
        """Replicas busy with requests of each hour of a usual week. [168]"""
        return self.load.interactive / self.rate_alone

    @property
    def interactive_work(self) -> float:
        """Replica-hours that requests ask for in a mean week of the year, without those that may
        wait."""
        return float(self.load.interactive.sum() * self.load.working / self.rate_alone)

    @cached_property
    def waiting(self) -> Array:
        """Work that may wait, by the hour in which it comes. [168, replica-hours]"""
        return self.load.waiting / self.rate_alone

    @cached_property
    def mean(self) -> float:
        """Replicas busy in a mean hour of the first year."""
        return self.load.mean_rate / self.rate_alone


@dataclass(frozen=True)
class WorkloadMix:
    """The workloads that share the replicas of a pool, all together."""

    workloads: tuple[PoolWorkload, ...]

    @property
    def keeps_limits(self) -> bool:
        """False: a lone request of a workload misses its limits; sized for what it can keep."""
        return all(w.carried.keeps_limits for w in self.workloads)

    # --- in replicas' worth of work

    def level(self, grown: Sequence[float]) -> float:
        """What must be carried at once in the busiest week, where each workload has grown so many
        times: what keeps the limits while requests bunch, or what work that may wait needs by its
        deadlines. Kept, as pools of the same mix ask with other spares."""
        times = tuple(grown)
        if times not in self._levels:
            both = zip(self.workloads, grown, strict=True)
            asked = [w.load.peak_factor * g / w.rate_alone for w, g in both]
            needed = level_needed([w.load.demand for w in self.workloads], asked)
            bunched = float(self.bunched(grown).max())
            self._levels[times] = max(bunched, needed / queueing.without_limits())
        return self._levels[times]

    @cached_property
    def _levels(self) -> dict[tuple[float, ...], float]:
        return {}

    @cached_property
    def first_level(self) -> float:
        """The same in the first year."""
        return self.level([1.0] * len(self.workloads))

    def bunched(self, grown: Sequence[float]) -> Array:
        """Replicas that must be there in each hour of the busiest week, where each workload has
        grown so many times. [168]"""
        both = zip(self.workloads, grown, strict=True)
        return np.asarray(sum(w.bunched(times) for w, times in both))

    def busy(self, times: Sequence[float]) -> Array:
        """Replicas busy with requests in each hour of a week with so many `times` a usual one's."""
        return np.asarray(
            sum(w.interactive * t for w, t in zip(self.workloads, times, strict=True))
        )

    @cached_property
    def interactive(self) -> Array:
        """Replicas busy with requests in each hour of a usual week of the first year. [168]"""
        return self.busy([1.0] * len(self.workloads))

    def work(self, times: Sequence[float]) -> list[WaitingWork]:
        """Work that may wait, as it comes in such a week, and when it is due."""
        return [
            WaitingWork(amount=w.waiting * t, due=w.load.due())
            for w, t in zip(self.workloads, times, strict=True)
            if w.waiting.any()
        ]

    def used(self, year: int = 1, end: str = "central") -> float:
        """What a mean hour of a year asks for, holidays counted."""
        return sum(w.mean * w.load.growth_factor(year, end) for w in self.workloads)

    @cached_property
    def batchable_share(self) -> float:
        """Share of the first year's work that may wait."""
        return sum(w.mean * w.load.batchable_share for w in self.workloads) / self.used()

    @cached_property
    def turned_away(self) -> Array:
        """Share of an hour's interactive requests that go elsewhere, where each of
        `bunching.CARRIED` times its mean is carried; workloads count by their work."""
        asked = [w for w in self.workloads if w.interactive_work > 0]
        if not asked:
            return np.zeros(len(bunching.CARRIED))
        work = [w.interactive_work for w in asked]
        return np.average([w.turned_away for w in asked], axis=0, weights=work)

    @cached_property
    def busy_hour_of_week(self) -> int:
        """The hour that asks for most replicas in the busiest week of the year."""
        now = self.bunched([1.0] * len(self.workloads))
        work = now if now.any() else np.sum([w.waiting for w in self.workloads], axis=0)
        return int(work.argmax())

    # --- in requests of the mix

    @cached_property
    def rate(self) -> float:
        """Requests of the busiest hour's mix that one replica serves within limits, at the
        estimate of its speed. [requests/s]"""
        rates = np.array([w.load.hourly[self.busy_hour_of_week] for w in self.workloads])
        return float(rates.sum()) / float(rates @ [1 / w.rate_alone for w in self.workloads])

    @property
    def peak_rate(self) -> float:
        """What must be carried in the first year, bunching and deadlines included. [requests/s]"""
        return self.first_level * self.rate

    @cached_property
    def mean_rate(self) -> float:
        """Mean load of the first year, waiting work included. [requests/s]"""
        return self.used() * self.rate

    def hours_of_year(self, waiting: bool = True, bunched: bool = False) -> Array:
        """Load in each hour of the first year, highest first. [requests/s]

        waiting: with work that may wait. bunched: what must be carried, not the hour's mean.
        """
        weeks = []
        for w in self.workloads:
            asked = w.load.hourly if waiting else w.load.interactive
            weeks.append(asked * (w.headroom if bunched else 1.0) / w.rate_alone)
        curve = duration_curve([w.load for w in self.workloads], weeks)
        return self.rate * curve
