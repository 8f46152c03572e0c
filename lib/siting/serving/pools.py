"""The replicas that serve a model: how many, what stands by, and what users see of them.

The smallest number of replicas that keeps limits in the busiest hour of the year, and deadlines in
its busiest week, is taken; spares follow from the availability that is asked for. Requests that may
wait have a deadline and are put into the idlest hours before it. Utilisation is what comes out; it
is never put in.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from siting.catalogue import Input
from siting.memory.deployment import Deployment
from siting.quantity import Range
from siting.records import frozen
from siting.serving import bunching, queueing, servers
from siting.serving.curve import Curve, DeployedReplica, Lengths
from siting.serving.load import ENDS, Load, Schedule, schedule
from siting.serving.mix import PoolWorkload, WorkloadMix
from siting.serving.performance import Array
from siting.serving.queueing import Latency, latency
from siting.serving.servers import Server, StandBy


@dataclass(frozen=True, kw_only=True, order=True)
class Burden:
    """What speaks against a pool, the weightiest first: the lesser one is taken."""

    misses_limits: bool
    gpu_years: float
    """GPUs of all years of the horizon, spares included."""
    size: int
    """GPUs of a replica."""


@frozen
class Pool:
    """The replicas of one model in one option: how many, how busy, how fast."""

    mix: WorkloadMix
    """What they serve, in replicas' worth of work."""
    replica: DeployedReplica
    slowness: Range
    """Ratio of times to the estimate, from the fast to the slow end."""
    years: int
    stand_by: StandBy
    """Servers that stand by where they are bought, else replicas."""
    calibrated: bool
    """Whether the engine and this generation of GPU were in the measurements behind the model."""
    measured: str = ""
    """The benchmark that replaced the estimate, and the difference; blank: estimated."""
    notes: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    @property
    def deployment(self) -> Deployment:
        return self.replica.deployment

    @property
    def model(self) -> str:
        return self.deployment.model.model_id

    @property
    def gpus_per_replica(self) -> int:
        return self.deployment.gpus

    @property
    def workloads(self) -> tuple[PoolWorkload, ...]:
        """Those that share the replicas."""
        return self.mix.workloads

    @property
    def loads(self) -> tuple[Load, ...]:
        """What the pool was sized for."""
        return tuple(w.load for w in self.workloads)

    @property
    def keeps_limits(self) -> bool:
        """False: a lone request of a workload misses its limits; sized for what it can keep."""
        return self.mix.keeps_limits

    @cached_property
    def growth(self) -> tuple[Range, ...]:
        """Growth of the pool's work from year to year; a mean of its workloads' own."""
        years = range(1, max(2, self.years) + 1)
        used = np.array([[self.mix.used(y, end) for end in ENDS] for y in years])
        grown = [later / before - 1 for before, later in pairwise(used)]
        return tuple(Range.ordered(map(float, ends), "share") for ends in grown)

    @cached_property
    def rate_per_replica(self) -> Range:
        """Requests a second of the busiest hour's mix that one replica serves within limits."""
        central = self.mix.rate
        return Range(
            central / self.slowness.high, central, central / self.slowness.low, unit="requests/s"
        )

    # --- how many replicas

    def level(self, year: int = 1, end: str = "central") -> float:
        """Replicas' worth of work that must be carried at once in the busiest week of a year."""
        grown = [w.load.growth_factor(year, end) for w in self.workloads]
        # A level is linear in the load: that of workloads that grow alike need not be found anew.
        alike = len(set(grown)) == 1
        level = self.mix.first_level * grown[0] if alike else self.mix.level(grown)
        return float(level * getattr(self.slowness, end))

    def serving(self, year: int = 1, end: str = "central") -> int:
        """Replicas that serve in a year, one at least: of the least load on the fastest cards, the
        expected on expected ones, or the most load on the slowest."""
        return max(1, servers.whole_up(self.level(year, end)))

    @cached_property
    def replicas(self) -> tuple[Range, ...]:
        """The same by year of the horizon."""
        years = range(1, self.years + 1)
        return tuple(Range(*(self.serving(y, e) for e in ENDS), unit="replicas") for y in years)

    def filled(self, server: Server) -> float:
        """Servers that the replicas of the first year fill: not whole ones, as pools share them."""
        return self.serving() / servers.replicas_per_server(server, self.gpus_per_replica)

    def total_replicas(self, year: int) -> Range:
        """Serving and spare replicas of a year of the horizon.

        Of servers that stand by, each counts as one replica here: what the load needs, not what
        such a server holds. Whole servers are counted by `OptionCapacity`.
        """
        serving = self.replicas[year - 1]
        return Range(*map(self.stand_by.total, serving.ends), unit=serving.unit)

    def gpus(self, year: int) -> Range:
        """GPUs of a year of the horizon, spares included."""
        return self.total_replicas(year).scaled(self.gpus_per_replica, "GPUs")

    @property
    def burden(self) -> Burden:
        """What speaks against it, beside the pools of other sizes."""
        serving = (self.serving(year) for year in range(1, self.years + 1))
        return Burden(
            misses_limits=not self.keeps_limits,
            gpu_years=self.gpus_per_replica * sum(map(self.stand_by.total, serving)),
            size=self.gpus_per_replica,
        )

    # --- when work that may wait is done

    @cached_property
    def schedule(self) -> Schedule:
        """Waiting work of the busiest week of the first year, in the hours in which it is done."""
        times = [w.load.peak_factor for w in self.workloads]
        return schedule(self.mix.busy(times), self.mix.work(times), self.replicas[0].central)

    @cached_property
    def latency(self) -> PoolLatency:
        """What users see of it."""
        return PoolLatency(self)

    @cached_property
    def hours(self) -> PoolHours:
        """How its load is spread over the hours of a year."""
        return PoolHours(self)


# --- its load, hour by hour -------------------------------------------------------------------


CURVE_POINTS = 624
"""Points of the load duration curve: one for each 14 hours of a year of 52 weeks."""
CAPACITIES = np.concatenate([[0.0], 2.0 ** (np.arange(-100, 51) / 10)])
"""Ratios of what machines carry to the mean of the year's busiest hour, at which is worked out what
they turn away."""
GRID = np.exp(np.linspace(math.log(1e-3), math.log(1e5), 260))
"""Peaks for which the mean number of replicas is worked out. [replicas]"""


class PoolHours:
    """The interactive load of a pool's first year, hour by hour: what of it is beyond so many
    machines. What is asked here for every draw is worked out once, on a grid, and interpolated."""

    def __init__(self, pool: Pool) -> None:
        mix = pool.mix
        self.batchable_share = mix.batchable_share
        self.mean = _at_quantiles(mix.hours_of_year(waiting=False))
        """Load at even quantiles of the hours, lowest first. [requests/s]"""
        self.bunched = _at_quantiles(mix.hours_of_year(waiting=False, bunched=True))
        """What must be carried in them, because requests bunch within each. [requests/s]"""
        self._mix = mix
        self._beyond: dict[float, Array] = {}

    @cached_property
    def _away(self) -> Array:
        """Share of the year's requests that is turned away by machines that carry each of
        CAPACITIES. [capacities]"""
        hours = self.mean[self.mean > 0]
        carried = np.outer(CAPACITIES * self.mean[-1], 1 / hours)
        share = np.interp(carried, bunching.CARRIED, self._mix.turned_away)
        return np.asarray(share @ hours / hours.sum())

    def away(self, capacity: Array, per_request: Array) -> Array:
        """Share of the requests above a capacity, minute by minute; waiting work fills the valleys.

        capacity: replicas; per_request: replicas for a request a second. [n × Y each]
        """
        if not self.mean.any():
            return np.where(capacity > 0, 0.0, 1.0)
        without_limit = np.full_like(per_request, np.inf)
        carried = np.divide(capacity, per_request, out=without_limit, where=per_request > 0)
        interactive = np.interp(carried / self.mean[-1], CAPACITIES, self._away)
        return np.where(capacity > 0, interactive * (1 - self.batchable_share), 1.0)

    def replicas_beyond(self, owned: Array, per_request: Array) -> Array:
        """Mean over the hours of whole replicas beyond the owned ones; without any, one at least.

        per_request: replicas for a request a second. [n × Y each]
        """
        mean = np.where(owned > 0, 0.0, 1.0)
        if self.bunched[-1] > 0:
            peak = np.log(np.maximum(per_request * self.bunched[-1], 1e-9))
            for count in np.unique(owned).tolist():
                here = owned == count
                mean[here] = np.interp(peak[here], np.log(GRID), self._beyond_on_grid(count))
        return mean

    def _beyond_on_grid(self, owned: float) -> Array:
        """The same where the busiest hour asks for each of GRID. [peaks]"""
        if owned not in self._beyond:
            whole = servers.whole_up(np.outer(GRID, self.bunched / self.bunched[-1]))
            least = 0.0 if owned else 1.0
            self._beyond[owned] = np.maximum(whole - owned, least).mean(axis=1)
        return self._beyond[owned]


def _at_quantiles(hours: Array) -> Array:
    """Hours of a year, highest first, at CURVE_POINTS even quantiles, lowest first."""
    middles = (np.arange(CURVE_POINTS) + 0.5) / CURVE_POINTS * len(hours)
    return np.asarray(hours[::-1][middles.astype(int)])


# --- what users see ---------------------------------------------------------------------------


@dataclass(frozen=True)
class PoolLatency:
    """What users of a pool see in the busy minute of its busiest hour, by workload."""

    pool: Pool

    def rates(self, *, of_year: bool) -> Array:
        """Requests a second of each workload in the busy minute of the busiest hour of a usual
        week, or of the year.

        In the busy minute of people, whoever sends them: that much is carried of every workload
        at least (`carrying.Carried`). Bunches of machines and agents, of seconds, come on top
        where replicas are counted, and not in what users see here.
        """
        hour = self.pool.mix.busy_hour_of_week
        rates = []
        for load in self.pool.loads:
            peak = load.peak_factor if of_year else 1.0
            rates.append(load.interactive[hour] * bunching.busy_minute() * peak)
        return np.array(rates)

    def curve(self, rates: Array) -> Curve:
        """Speed of a replica for workloads that share it at these rates."""
        weight = rates if rates.any() else np.ones(len(rates))
        lengths = Lengths.mixed([load.lengths for load in self.pool.loads], weight)
        return self.pool.replica.curve(lengths)

    def seen(self, rates: Array, replicas: float) -> dict[str, Latency]:
        """What users of each workload see when so many replicas share these rates."""
        curve = self.curve(rates)
        each = max(float(rates.sum()), queueing.LONE_RATE) / replicas
        seen = {}
        for load in self.pool.loads:
            percentiles = tuple(sorted({50, 95, 99, load.limits.percentile}))
            seen[load.name] = latency(curve, each, percentiles, load.lengths)
        return seen
