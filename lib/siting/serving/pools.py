"""The replicas that serve a model: how many, what stands by, and what users see of them.

The smallest number of replicas that keeps limits in the busiest hour of the year, and deadlines in
its busiest week, is taken; spares follow from the availability that is asked for. Requests that may
wait have a deadline and are put into the idlest hours before it. Utilisation is what comes out; it
is never put in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from siting.catalogue import Input
from siting.memory.deployment import Deployment
from siting.quantity import Range
from siting.serving import bunching, queueing, servers
from siting.serving.curve import Curve, DeployedReplica, Lengths
from siting.serving.load import ENDS, Load, Schedule, schedule
from siting.serving.mix import PoolWorkload, WorkloadMix
from siting.serving.performance import Array
from siting.serving.queueing import Latency, latency
from siting.serving.servers import OnServers, StandBy


@dataclass(frozen=True, kw_only=True, order=True)
class Burden:
    """What speaks against a pool, the weightiest first: the lesser one is taken."""

    misses_limits: bool
    gpu_years: float
    """GPUs of all years of the horizon, spares included."""
    size: int
    """GPUs of a replica."""


@dataclass(frozen=True, kw_only=True)
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
    existing_replicas: tuple[int, ...] = ()
    """Of existing servers: replicas that they hold, by year; else as many as are needed."""
    earlier: tuple[Pool, ...] = ()
    """The same model on servers of other kinds, which serve first."""

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

    def load_share(self, year: int = 1, end: str = "central") -> float:
        """Share of the load that falls to these replicas: what servers of other kinds leave, and
        no more than they hold.

        A kind of server serves the same share at all hours, by what it can carry: replicas' worth
        of work is linear in the load, so that it needs as large a share of its replicas.
        """
        left = max(0.0, 1 - sum(pool.load_share(year, end) for pool in self.earlier))
        if not self.existing_replicas:
            return left
        return min(left, self.existing_replicas[year - 1] / self.level(year, end))

    @cached_property
    def replicas(self) -> tuple[Range, ...]:
        """Replicas that serve, by year of the horizon; whole numbers.

        Least load on the fastest cards, expected on expected, most load on the slowest.
        """
        if self.existing_replicas:
            return tuple(Range.exact(count, "replicas") for count in self.existing_replicas)
        return tuple(map(self._bought_replicas, range(1, self.years + 1)))

    def _bought_replicas(self, year: int) -> Range:
        """Replicas that serve in a year on servers that are bought; one at least, unless existing
        servers may carry all."""
        least = 0 if self.earlier else 1
        whole = {}
        for end in ENDS:
            level = self.level(year, end) * self.load_share(year, end)
            whole[end] = max(least, servers.whole_up(level))
        return Range(**whole, unit="replicas")

    def serving(self, year: int = 1) -> OnServers:
        """The replicas that serve in a year, as servers hold them."""
        return OnServers(
            replicas=self.replicas[year - 1].central, gpus_per_replica=self.gpus_per_replica
        )

    def total_replicas(self, year: int) -> Range:
        """Serving and spare replicas of a year of the horizon.

        Of servers that stand by, each counts as one replica here: what the load needs, not what
        such a server holds. Whole servers are counted by `OptionCapacity`.
        """
        serving = self.replicas[year - 1]
        if self.stand_by.as_many_again and self.earlier:
            return serving.plus(Range.exact(servers.whole_up(self.level(year))))
        if self.stand_by.as_many_again:
            return serving.scaled(2)
        return serving.plus(Range.exact(self.stand_by.count))

    def gpus(self, year: int) -> Range:
        """GPUs of a year of the horizon, spares included."""
        return self.total_replicas(year).scaled(self.gpus_per_replica, "GPUs")

    @property
    def burden(self) -> Burden:
        """What speaks against it, beside the pools of other sizes."""
        return Burden(
            misses_limits=not self.keeps_limits,
            gpu_years=sum(self.gpus(year).central for year in range(1, self.years + 1)),
            size=self.gpus_per_replica,
        )

    # --- when work that may wait is done

    @cached_property
    def schedule(self) -> Schedule:
        """Waiting work of the busiest week of the first year, in the hours in which it is done."""
        return self._scheduled([w.load.peak_factor for w in self.workloads])

    @cached_property
    def usual_schedule(self) -> Schedule:
        """Waiting work of a usual week of the first year, in the hours in which it is done."""
        return self._scheduled([1.0] * len(self.workloads))

    def _scheduled(self, times: Sequence[float]) -> Schedule:
        times = [each * self.load_share() for each in times]
        return schedule(self.mix.busy(times), self.mix.work(times), self.replicas[0].central)

    @cached_property
    def latency(self) -> PoolLatency:
        """What users see of it."""
        return PoolLatency(self)


@dataclass(frozen=True)
class PoolLatency:
    """What users of a pool see in the busy minute of its busiest hour, by workload."""

    pool: Pool

    def rates(self, *, of_year: bool) -> Array:
        """Requests a second of each workload in the busy minute of the busiest hour of a usual
        week, or of the year; of servers of several kinds, those that fall to this one.

        In the busy minute of people, whoever sends them: that much is carried of every workload
        at least (`carrying.Carried`). Bunches of machines and agents, of seconds, come on top
        where replicas are counted, and not in what users see here.
        """
        hour = self.pool.mix.busy_hour_of_week
        bunched = bunching.busy_minute("people")
        rates = []
        for w in self.pool.workloads:
            peak = w.load.peak_factor if of_year else 1.0
            rates.append(w.load.interactive[hour] * bunched * peak)
        return np.array(rates) * self.pool.load_share()

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

    @cached_property
    def usual_week_peak(self) -> dict[str, Latency]:
        """By workload, in the busiest hour of a usual week of the first year."""
        return self.seen(self.rates(of_year=False), self.pool.replicas[0].central or 1.0)

    @cached_property
    def year_peak(self) -> dict[str, Latency]:
        """By workload, in the busiest hour of the first year."""
        return self.seen(self.rates(of_year=True), self.pool.replicas[0].central or 1.0)

    def strain(self, seen: Mapping[str, Latency]) -> float:
        """Latency as a share of its limit, the worst of all workloads that are answered at once."""
        asked = [load for load in self.pool.loads if load.batchable_share < 1]
        return max((load.limits.strain(seen[load.name]) for load in asked), default=0.0)
