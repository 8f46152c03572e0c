"""From a client's load to a number of GPUs, and how busy they will be.

Workloads that share a model share a pool of replicas. What a workload asks of a replica is one
over the rate at which it alone would keep the limits of all in the pool: both the wait for prompts
(Pollaczek-Khinchine) and the time of a step are linear in the rates, so that those shares add up,
and more of anything never needs less. Requests that may wait have a deadline and are put into the
idlest hours before it. The smallest number of replicas that keeps limits in the busiest hour of
the year, and deadlines in its busiest week, is taken; spares follow from the availability that is
asked for. Utilisation is what comes out; it is never put in.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np

from siting import catalogue, hf_config
from siting.catalogue import Input, Source
from siting.inputs.scenario.model import Measured, Option
from siting.memory import vram
from siting.memory.deployment import Deployment, planned
from siting.memory.weights import tensors
from siting.quantity import NotEstimated, Range
from siting.serving import loops, performance, queueing, servers, spread
from siting.serving.load import (
    ENDS,
    Load,
    Schedule,
    WaitingWork,
    duration_curve,
    level_needed,
    schedule,
)
from siting.serving.performance import Array
from siting.serving.queueing import (
    Ask,
    Asked,
    Carried,
    Curve,
    DeployedReplica,
    Latency,
    Lengths,
    carried,
    latency,
)
from siting.serving.servers import OnServers, StandBy

ALONE = (
    "Even a lone request misses the latency limits; sized for limits that it keeps with half to "
    "spare."
)
SHOWN = {"weight_memory": "share of memory bandwidth reached", "compute": "share of peak reached"}
"""Fitted constants that matter most; all are in siting_facts/engine_efficiency.csv."""


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

    @property
    def turned_away(self) -> Array:
        """Share of an hour's requests that go elsewhere, where each of `queueing.CARRIED` times its
        mean is carried."""
        # In hundredths, so that one series serves all that wait about as long.
        slack = round(max(self.carried.slack, queueing.LEAST_SLACK), 2)
        return queueing.turned_away(self.load.arrivals, slack)

    @property
    def keeps_limits(self) -> bool:
        """False: even a lone request misses the limits."""
        return self.carried.keeps_limits

    @property
    def concurrency(self) -> float:
        """Mean number of requests under way at that rate."""
        return self.carried.concurrency

    @property
    def interactive(self) -> Array:
        """Replicas busy with requests of each hour of a usual week. [168]"""
        return self.load.interactive / self.rate_alone

    @property
    def interactive_work(self) -> float:
        """Replica-hours that requests ask for in a mean week of the year, without those that may
        wait."""
        return float(self.load.interactive.sum() * self.load.working / self.rate_alone)

    @property
    def waiting(self) -> Array:
        """Work that may wait, by the hour in which it comes. [168, replica-hours]"""
        return self.load.waiting / self.rate_alone

    @property
    def mean(self) -> float:
        """Replicas busy in a mean hour of the first year."""
        return self.load.mean_rate / self.rate_alone


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

    workloads: tuple[PoolWorkload, ...]
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
    def loads(self) -> tuple[Load, ...]:
        """What the pool was sized for."""
        return tuple(w.load for w in self.workloads)

    @property
    def keeps_limits(self) -> bool:
        """False: a lone request of a workload misses its limits; sized for what it can keep."""
        return all(w.keeps_limits for w in self.workloads)

    # --- how many replicas

    def level(self, year: int = 1, end: str = "central") -> float:
        """Replicas' worth of work that must be carried at once in the busiest week of a year."""
        grown = [w.load.growth_factor(year, end) for w in self.workloads]
        # A level is linear in the load: that of workloads that grow alike need not be found anew.
        level = self._first_level * grown[0] if len(set(grown)) == 1 else self._level(grown)
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
    def _first_level(self) -> float:
        """The central level of the first year, before the speed's own range."""
        return self._level([1.0] * len(self.workloads))

    def _level(self, grown: Sequence[float]) -> float:
        """The same where each workload has grown so many times: what keeps the limits while
        requests bunch, or what work that may wait needs by its deadlines."""
        peaks = [w.load.peak_factor * g for w, g in zip(self.workloads, grown, strict=True)]
        bunched = self.busy([p * w.headroom for w, p in zip(self.workloads, peaks, strict=True)])
        asked = [p / w.rate_alone for w, p in zip(self.workloads, peaks, strict=True)]
        needed = level_needed([w.load.demand for w in self.workloads], asked)
        return max(float(bunched.max()), needed / queueing.without_limits())

    def busy(self, times: Sequence[float]) -> Array:
        """Replicas busy with requests in each hour of a week with so many `times` a usual one's."""
        return np.asarray(
            sum(w.interactive * t for w, t in zip(self.workloads, times, strict=True))
        )

    def work(self, times: Sequence[float]) -> list[WaitingWork]:
        """Work that may wait, as it comes in such a week, and when it is due."""
        return [
            WaitingWork(amount=w.waiting * t, due=w.load.due())
            for w, t in zip(self.workloads, times, strict=True)
            if w.waiting.any()
        ]

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

    # --- the load in requests of its mix

    @cached_property
    def interactive(self) -> Array:
        """Replicas busy with requests in each hour of a usual week of the first year. [168]"""
        return self.busy([1.0] * len(self.workloads))

    @cached_property
    def busy_hour_of_week(self) -> int:
        """The hour that asks for most replicas in the busiest week of the year."""
        now = self.busy([w.load.peak_factor * w.headroom for w in self.workloads])
        work = now if now.any() else np.sum([w.waiting for w in self.workloads], axis=0)
        return int(work.argmax())

    @cached_property
    def rate_per_replica(self) -> Range:
        """Requests a second of the busiest hour's mix that one replica serves within limits."""
        rates = np.array([w.load.hourly[self.busy_hour_of_week] for w in self.workloads])
        central = float(rates.sum()) / float(rates @ [1 / w.rate_alone for w in self.workloads])
        return Range(
            central / self.slowness.high, central, central / self.slowness.low, unit="requests/s"
        )

    @property
    def peak_rate(self) -> float:
        """What must be carried in the first year, bunching and deadlines included. [requests/s]"""
        return self._first_level * self.rate_per_replica.central

    @cached_property
    def mean_rate(self) -> float:
        """Mean load of the first year, waiting work included. [requests/s]"""
        return self.used() * self.rate_per_replica.central

    @cached_property
    def batchable_share(self) -> float:
        """Share of the first year's work that may wait."""
        return sum(w.mean * w.load.batchable_share for w in self.workloads) / self.used()

    @cached_property
    def growth(self) -> tuple[Range, ...]:
        """Growth of the pool's work from year to year; a mean of its workloads' own."""
        years = range(1, max(2, self.years) + 1)
        used = np.array([[self.used(y, end) for end in ENDS] for y in years])
        grown = [later / before - 1 for before, later in pairwise(used)]
        return tuple(Range.ordered(map(float, ends), "share") for ends in grown)

    def hours_of_year(self, waiting: bool = True, bunched: bool = False) -> Array:
        """Load in each hour of the first year, highest first. [requests/s]

        waiting: with work that may wait. bunched: what must be carried, not the hour's mean.
        """
        weeks = []
        for w in self.workloads:
            asked = w.load.hourly if waiting else w.load.interactive
            weeks.append(asked * (w.headroom if bunched else 1.0) / w.rate_alone)
        curve = duration_curve([w.load for w in self.workloads], weeks)
        return self.rate_per_replica.central * curve

    @cached_property
    def turned_away(self) -> Array:
        """Share of an hour's interactive requests that go elsewhere, where each of
        `queueing.CARRIED` times its mean is carried; workloads count by their work."""
        asked = [w for w in self.workloads if w.interactive_work > 0]
        if not asked:
            return np.zeros(len(queueing.CARRIED))
        work = [w.interactive_work for w in asked]
        return np.average([w.turned_away for w in asked], axis=0, weights=work)

    # --- what users see

    def mix(self, *, of_year: bool) -> Array:
        """Requests a second of each workload in the busy minute of the busiest hour of a usual
        week, or of the year; of servers of several kinds, those that fall to this one.

        In the busy minute of people, whoever sends them: that much is carried of every workload
        at least (`queueing.Carried`). Bunches of machines and agents, of seconds, come on top
        where replicas are counted, and not in what users see here.
        """
        hour = self.busy_hour_of_week
        bunched = queueing.busy_minute("people")
        rates = []
        for w in self.workloads:
            peak = w.load.peak_factor if of_year else 1.0
            rates.append(w.load.interactive[hour] * bunched * peak)
        return np.array(rates) * self.load_share()

    def curve(self, rates: Array) -> Curve:
        """Speed of a replica for workloads that share it at these rates."""
        weight = rates if rates.any() else np.ones(len(rates))
        return self.replica.curve(Lengths.mixed([w.load.lengths for w in self.workloads], weight))

    def latencies(self, rates: Array, replicas: float) -> dict[str, Latency]:
        """What users of each workload see when so many replicas share these rates."""
        curve = self.curve(rates)
        each = max(float(rates.sum()), queueing.LONE_RATE) / replicas
        seen = {}
        for w in self.workloads:
            percentiles = tuple(sorted({50, 95, 99, w.load.limits.percentile}))
            seen[w.load.name] = latency(curve, each, percentiles, w.load.lengths)
        return seen

    @cached_property
    def usual_week_peak(self) -> dict[str, Latency]:
        """By workload, in the busiest hour of a usual week of the first year."""
        return self.latencies(self.mix(of_year=False), self.replicas[0].central or 1.0)

    @cached_property
    def year_peak(self) -> dict[str, Latency]:
        """By workload, in the busiest hour of the first year."""
        return self.latencies(self.mix(of_year=True), self.replicas[0].central or 1.0)

    def strain(self, seen: Mapping[str, Latency]) -> float:
        """Latency as a share of its limit, the worst of all workloads that are answered at once."""
        asked = [w for w in self.workloads if w.load.batchable_share < 1]
        return max((w.load.limits.strain(seen[w.load.name]) for w in asked), default=0.0)

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
        return schedule(self.busy(times), self.work(times), self.replicas[0].central)

    def used(self, year: int = 1, end: str = "central") -> float:
        """Replicas' worth of work in a mean hour of a year, holidays counted."""
        return sum(w.mean * w.load.growth_factor(year, end) for w in self.workloads)

    def served_share(self, replicas: float) -> float:
        """Share of the first year's requests that so many replicas carry within the limits.

        Hour by hour, on means: what a hybrid sends elsewhere is more, because requests bunch within
        the hour (`priced.PoolLoad.away_share`).
        """
        hours = self.hours_of_year()
        carried = replicas * self.rate_per_replica.central
        return float(np.minimum(hours, carried).sum() / hours.sum())


def best_pool(
    option: Option,
    model: str,
    loads: Sequence[Load],
    years: int,
    measured: Sequence[Measured] = (),
    wanted: float = 0.0,
) -> Pool:
    """The pool with the fewest GPUs over the horizon among the tensor-parallel sizes that fit.

    A size that keeps the limits beats any that does not; of equals the smaller size is taken.
    Larger groups hold the weights once among more cards, and pay for it in messages, which grow
    with the group: once the limits are kept, the first size that asks for more than the one before
    is the last that is looked at. measured: the client's benchmarks; one of this model and GPU
    replaces the estimate, and its size is taken unless the option states another; one that is not
    used is told with its reason. wanted: availability. Raises NotEstimated when no size fits.
    """
    queueing.look_up(asked_first(option, model, loads, measured))
    benchmarks = _benchmarks(option, model, measured)
    sizes = _sizes(option, benchmarks)
    reasons: dict[int, str] = {}
    """Why nothing is told of a size."""
    if stated := option.tensor_parallel:
        others = {m.tensor_parallel for m in benchmarks} - {stated}
        reasons = {n: f"the option states {stated} GPUs a replica, not {n}" for n in others}
    best: Pool | None = None
    for size in sizes:
        lone = Burden(misses_limits=False, gpu_years=years * size, size=size)
        if best and best.burden < lone:
            break  # one group of this size would be more
        try:
            pool = _pool(_group(option, model, loads, size, benchmarks), years)
        except NotEstimated as why:
            reasons[size] = str(why)
            continue
        pool = replace(pool, stand_by=_stand_by(option, pool, wanted))
        if best is None or pool.burden < best.burden:
            best = pool
        elif best.keeps_limits and not benchmarks:
            break
    if best is None and not benchmarks:
        raise NotEstimated(reasons[sizes[-1]])
    if best is None:
        best = best_pool(option, model, loads, years, wanted=wanted)
    without = [m for m in benchmarks if m.tensor_parallel in reasons]
    unused = tuple(_unused(m, reasons[m.tensor_parallel]) for m in without)
    return replace(best, notes=best.notes + unused)


FIRST = 2
"""Sizes of a pool that are hardly ever too many to look at."""


def asked_first(
    option: Option, model: str, loads: Sequence[Load], measured: Sequence[Measured] = ()
) -> Iterator[Asked]:
    """What `best_pool` asks of the first sizes that fit, where requests come in bursts: whoever
    sizes several pools lets `queueing.look_up` simulate those together."""
    if all(load.arrivals == "people" for load in loads):
        return
    benchmarks = _benchmarks(option, model, measured)
    fitting = 0
    for size in _sizes(option, benchmarks):
        with contextlib.suppress(NotEstimated):
            asked = _group(option, model, loads, size, benchmarks).asked
            if queueing.fits(asked):
                yield asked
                fitting += 1
        if fitting == FIRST:
            return


def _benchmarks(option: Option, model: str, measured: Sequence[Measured]) -> list[Measured]:
    """Those of the client that are of this model and GPU."""
    return [m for m in measured if _same(m, option, model)]


def _sizes(option: Option, benchmarks: Sequence[Measured]) -> Sequence[int]:
    """Tensor-parallel sizes that are looked at, the smallest first."""
    if option.tensor_parallel:
        return [option.tensor_parallel]
    return sorted({m.tensor_parallel for m in benchmarks}) or vram.TENSOR_PARALLEL


def _stand_by(option: Option, pool: Pool, wanted: float) -> StandBy:
    """What the option states, or more where the availability asks for more.

    An option that states none has none: what it reaches is told beside what is asked for.
    """
    match option.redundancy:
        case "none":
            return StandBy()
        case "2n":
            return StandBy(as_many_again=True)
    needed: float = pool.replicas[0].central
    if server := servers.server_of(option):
        needed = servers.servers_for(server, [pool.serving()])
    return StandBy(count=max(1, servers.spares_for(int(needed), wanted)))


def _same(benchmark: Measured, option: Option, model: str) -> bool:
    """Whether a benchmark is of this model and GPU, by any of their names."""
    return (
        hf_config.model(benchmark.model).model_id == hf_config.model(model).model_id
        and catalogue.gpu(benchmark.gpu).id == catalogue.gpu(option.gpu).id
    )


@dataclass(frozen=True, kw_only=True)
class _Group:
    """So many GPUs that a model would be split among, and the load that they would serve."""

    replica: DeployedReplica
    loads: Sequence[Load]
    speed: _Speed
    benchmark: Measured | None
    """The client's own of such a group, which corrects the estimate of its speed."""

    @property
    def asked(self) -> Asked:
        """What the workloads ask of it."""
        return Asked(replica=self.replica, asks=tuple(map(_ask, self.loads)))


def _group(
    option: Option,
    model: str,
    loads: Sequence[Load],
    size: int,
    benchmarks: Sequence[Measured],
) -> _Group:
    """A group of so many GPUs. Raises NotEstimated where the model does not divide among them."""
    benchmark = next((m for m in benchmarks if m.tensor_parallel == size), None)
    made = hf_config.model(model)
    if not vram.can_split(made, size):
        raise NotEstimated(f"{model}: attention heads do not divide among {size} GPUs")
    deployment = planned(vram.deployment(option, made, size))
    if not option.prefix_caching:
        loads = [load.without_cache() for load in loads]
    speed = _speed(deployment, benchmark, loads)
    replica = DeployedReplica(
        deployment=deployment,
        slower=speed.slower,
        longest=option.context or max(load.longest for load in loads),
        accepted=option.accepted_tokens,
    )
    return _Group(replica=replica, loads=loads, speed=speed, benchmark=benchmark)


def _pool(group: _Group, years: int) -> Pool:
    """The pool of a model on such groups, with nothing in reserve yet.

    Raises NotEstimated where the model does not fit, or where they carry no request of some
    workload within the limits of all.
    """
    deployment = group.replica.deployment
    speed = group.speed
    workloads = _workloads(group)
    # A client runs whichever release is current then.
    regime = performance.regime(deployment) | {"loop": "closed", "release": ""}
    if speed.measured:
        regime["measured"] = "yes"
    # The range is that of the largest batch that a replica runs.
    batch = max(w.concurrency for w in workloads)
    faster, slower = spread.factors(regime, "itl_or_tpot_ms", batch) or (1.0, 1.0)
    distance = spread.distance(regime)
    notes = []
    if speed.measured:
        notes.append(f"Measured: {speed.measured}.")
    if not all(w.keeps_limits for w in workloads):
        notes.append(ALONE)
    if distance.words and not speed.measured:
        notes.append(f"Speed: {distance.words}.")
    if speed.unused:
        notes.append(speed.unused)
    return Pool(
        workloads=workloads,
        replica=group.replica,
        slowness=Range(faster, 1.0, slower, unit="times"),
        years=years,
        stand_by=StandBy(),
        calibrated="engine" not in distance.unseen,
        measured=speed.measured,
        notes=tuple(notes),
        inputs=tuple(_inputs(deployment, group.benchmark if speed.measured else None)),
    )


@dataclass(frozen=True, kw_only=True)
class _Speed:
    """How a client's benchmark moves the estimate of a replica's speed."""

    slower: float = 1.0
    """Times over those of the estimate."""
    measured: str = ""
    """The benchmark that does, and by how much; blank: estimated."""
    unused: str = ""
    """That a benchmark leaves the estimate in place, and why."""


def _speed(deployment: Deployment, benchmark: Measured | None, loads: Sequence[Load]) -> _Speed:
    """Speed of a deployment by a benchmark, for the lengths of its mean load."""
    if benchmark is None:
        return _Speed()
    rates = np.array([load.mean_rate for load in loads])
    usual = Lengths.mixed([load.lengths for load in loads], rates)
    try:
        slower = loops.slower(deployment, benchmark, usual.input.mean, usual.output.mean)
    except NotEstimated as reason:
        return _Speed(unused=_unused(benchmark, str(reason)))
    way = "slower" if slower > 1 else "faster"
    apart = f"{abs(slower - 1) * 100:.0f} % {way} than the estimate"
    return _Speed(slower=slower, measured=f"{benchmark.source}: {apart}")


def _workloads(group: _Group) -> tuple[PoolWorkload, ...]:
    """What a group carries of each workload. Raises NotEstimated where it carries nothing of
    one."""
    both = zip(group.loads, carried(group.asked), strict=True)
    workloads = tuple(PoolWorkload(load=load, carried=carries) for load, carries in both)
    for workload in workloads:
        if not 0 < workload.rate_alone < math.inf:
            cards = group.replica.deployment
            raise NotEstimated(
                f"{cards.gpus} × {cards.gpu.gpu} with {cards.model.model_id} carry no request of "
                f"{workload.load.name} within the limits of all workloads that share them"
            )
    return workloads


def _ask(load: Load) -> Ask:
    """What a workload asks of a replica."""
    return Ask(
        lengths=load.lengths,
        limits=load.limits,
        waits=load.batchable_share == 1,
        arrivals=load.arrivals,
    )


def _unused(benchmark: Measured, reason: str) -> str:
    """That a benchmark leaves the estimate in place, and why."""
    return f"Measured, but not used: {benchmark.source}, because {reason}."


def _inputs(deployment: Deployment, benchmark: Measured | None) -> Iterator[Input]:
    """The facts that the speed of a deployment rests on. benchmark: the client's own, where it
    corrects the estimate."""

    def fact(name: str, value: float, unit: str, source: Source) -> Input:
        return Input(name=name, value=Range.exact(value, unit), source=source)

    gpu = deployment.gpu
    model = deployment.model
    of_card = catalogue.source_of(gpu)
    of_model = catalogue.source_of(model)
    yield fact(f"memory bandwidth, {gpu.gpu}", gpu.memory_bandwidth_gb_s, "GB/s", of_card)
    yield fact(f"parameters of {model.model_id}", tensors(model).total / 1e9, "billion", of_model)
    if benchmark:
        value = benchmark.tpot_ms or benchmark.output_tokens_per_s or 0.0
        unit = "ms per token" if benchmark.tpot_ms else "tokens/s"
        source = Source(
            source=benchmark.source,
            locator=benchmark.file or "scenario, measured",
            date=benchmark.date.isoformat(),
            kind="measured",
        )
        yield fact(f"benchmark of {benchmark.model} on {benchmark.gpu}", value, unit, source)
        return
    fitted = performance.efficiencies(performance.regime(deployment))
    table = catalogue.table("engine_efficiency", performance.Efficiency)
    for name, label in SHOWN.items():
        source = catalogue.source_of(next(r for r in table if r.name == name))
        yield fact(f"{label}, {gpu.gpu}", fitted[name], "share", source)
