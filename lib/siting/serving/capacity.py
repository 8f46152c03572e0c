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

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from siting import catalogue, hf_config, quality
from siting.catalogue import Input, Source
from siting.inputs import benchmark
from siting.inputs.scenario import OWNED, SELF_HOSTED, Measured, Option, Scenario
from siting.memory import vram
from siting.memory.deployment import Deployment
from siting.memory.weights import tensors
from siting.quantity import Range
from siting.serving import arrivals, measurement, performance, servers, spread
from siting.serving.load import (
    Load,
    Schedule,
    YearlyTokens,
    duration_curve,
    level_needed,
    schedule,
    workload_load,
)
from siting.serving.performance import NotPredicted
from siting.serving.queueing import Curve, Latency, Lengths, latency
from siting.serving.replica import WITHOUT_LIMITS, Limits, Replica, relaxed, sustained
from siting.serving.servers import Server

Array = npt.NDArray[np.float64]

SIDES = ("low", "central", "high")


@dataclass(frozen=True)
class Share:
    """What one workload asks of the replicas of a pool."""

    load: Load
    limits: Limits
    rate: float
    """Requests a second of this workload alone on one replica, within the limits of all."""
    headroom: float
    """What must be carried over the mean of an hour, because arrivals bunch within it."""
    keeps_limits: bool
    """False: even a lone request misses the limits."""

    @property
    def now(self) -> Array:
        """Replicas busy with requests of each hour of a usual week. [168]"""
        return self.load.interactive / self.rate

    @property
    def waiting(self) -> Array:
        """Work that may wait, by the hour in which it comes. [168, replica-hours]"""
        return self.load.waiting / self.rate


@dataclass(frozen=True)
class Pool:
    """The replicas of one model in one option: how many, how busy, how fast."""

    shares: tuple[Share, ...]
    """By workload."""
    replica: Replica
    faster: float
    """Time over the estimate at the fast end of the range, and `slower` at the slow end."""
    slower: float
    years: int
    spares: int
    """Replicas that stand by for failure and maintenance; -1: as many again."""
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
    def workloads(self) -> tuple[str, ...]:
        return tuple(s.load.name for s in self.shares)

    @property
    def keeps_limits(self) -> bool:
        """False: a lone request of a workload misses its limits; sized for what it can keep."""
        return all(s.keeps_limits for s in self.shares)

    # --- how many replicas

    def level(self, year: int = 1, side: str = "central") -> float:
        """Replicas' worth of work that must be carried at once in the busiest week of a year."""
        grown: list[float] = [getattr(s.load.growth_factor(year), side) for s in self.shares]
        pace = {"low": self.faster, "central": 1.0, "high": self.slower}[side]
        if len(set(grown)) == 1:
            return self._first_level * grown[0] * pace
        return self._level(grown) * pace

    @cached_property
    def _first_level(self) -> float:
        return self._level([1.0] * len(self.shares))

    def _level(self, grown: Sequence[float]) -> float:
        peaks = [s.load.peak_factor * g for s, g in zip(self.shares, grown, strict=True)]
        each = list(zip(self.shares, peaks, strict=True))
        now = np.sum([s.now * p for s, p in each], axis=0)
        bunched = np.sum([s.now * p * s.headroom for s, p in each], axis=0)
        work = [(s.waiting * p, s.load.due()) for s, p in each if s.waiting.any()]
        return max(float(bunched.max()), level_needed(now, work) / WITHOUT_LIMITS)

    @cached_property
    def replicas(self) -> tuple[Range, ...]:
        """Replicas that serve, by year of the horizon; whole numbers.

        Least load on the fastest cards, expected on expected, most load on the slowest.
        """
        return tuple(self._replicas(year) for year in range(1, self.years + 1))

    def _replicas(self, year: int) -> Range:
        low, central, high = (max(1, math.ceil(self.level(year, side) - 1e-9)) for side in SIDES)
        return Range(low, central, high, "replicas")

    def total_replicas(self, year: int) -> Range:
        """Serving and spare replicas of a year of the horizon."""
        r = self.replicas[year - 1]
        low, central, high = (
            x + (int(x) if self.spares < 0 else self.spares) for x in (r.low, r.central, r.high)
        )
        return Range(low, central, high, "replicas")

    def gpus(self, year: int) -> Range:
        """GPUs of a year of the horizon, spares included."""
        return self.total_replicas(year).scaled(self.gpus_per_replica, "GPUs")

    @property
    def gpus_by_year(self) -> tuple[Range, ...]:
        return tuple(self.gpus(y) for y in range(1, self.years + 1))

    # --- the load in requests of its mix

    @cached_property
    def now(self) -> Array:
        """Replicas busy with requests in each hour of a usual week of the first year. [168]"""
        return np.asarray(np.sum([s.now for s in self.shares], axis=0))

    @cached_property
    def busy_hour_of_week(self) -> int:
        """The hour that asks for most replicas in the busiest week of the year."""
        peaks = [s.now * s.load.peak_factor * s.headroom for s in self.shares]
        total = np.sum(peaks, axis=0)
        if not total.any():
            total = np.sum([s.waiting for s in self.shares], axis=0)
        return int(total.argmax())

    @cached_property
    def rate_per_replica(self) -> Range:
        """Requests a second of the busiest hour's mix that one replica serves within limits."""
        hour = self.busy_hour_of_week
        rates = np.array([s.load.hourly[hour] for s in self.shares])
        taken = float(rates @ [1 / s.rate for s in self.shares])
        central = float(rates.sum()) / taken
        return Range(central / self.slower, central, central / self.faster, "requests/s")

    def _requests(self, replicas: float) -> float:
        """Replicas' worth of work as requests a second of the mix."""
        return replicas * self.rate_per_replica.central

    @property
    def peak_rate(self) -> float:
        """What must be carried in the first year, bunching and deadlines included. [requests/s]"""
        return self._requests(self._first_level)

    @property
    def mean_rate(self) -> float:
        """Mean load of the first year, waiting work included. [requests/s]"""
        return self._requests(sum(_mean(s) for s in self.shares))

    @property
    def batchable_share(self) -> float:
        """Share of the first year's work that may wait."""
        total = sum(_mean(s) for s in self.shares)
        return sum(_mean(s) * s.load.batchable_share for s in self.shares) / total

    @cached_property
    def growth(self) -> tuple[Range, ...]:
        """Growth of the pool's work from year to year; a mean of its workloads' own."""
        grown = [self._grown(y) for y in range(1, max(2, self.years) + 1)]
        steps = [
            sorted(b / a - 1 for a, b in zip(one, two, strict=True)) for one, two in pairwise(grown)
        ]
        return tuple(Range(low, central, high, "share") for low, central, high in steps)

    def _grown(self, year: int) -> list[float]:
        return [
            sum(_mean(s) * getattr(s.load.growth_factor(year), side) for s in self.shares)
            for side in SIDES
        ]

    def hours_of_year(self, waiting: bool = True) -> Array:
        """Load in each hour of the first year, highest first. [requests/s]"""
        weeks = [(s.load.hourly if waiting else s.load.interactive) / s.rate for s in self.shares]
        return self._requests(1.0) * duration_curve([s.load for s in self.shares], weeks)

    # --- what users see

    def mix(self, busiest: bool) -> Array:
        """Requests a second of each workload in the busiest hour of a usual week, or of the year.

        In the busy minute of that hour, as far as people are concerned.
        """
        hour = self.busy_hour_of_week
        return np.array(
            [
                s.load.interactive[hour]
                * arrivals.busy_minute("people")
                * (s.load.peak_factor if busiest else 1.0)
                for s in self.shares
            ]
        )

    def latencies(self, rates: Array, replicas: float) -> dict[str, Latency]:
        """What users of each workload see when so many replicas share these rates."""
        if not rates.any():
            rates = np.full(len(rates), 1e-6)
        lengths = Lengths.mixed([s.load.lengths for s in self.shares], rates / rates.sum())
        curve = self.replica.curve(lengths)
        each = float(rates.sum()) / replicas
        return {
            s.load.name: latency(curve, each, _percentiles(s.limits), s.load.lengths)
            for s in self.shares
        }

    @cached_property
    def busy_hour(self) -> dict[str, Latency]:
        """By workload, in the busiest hour of a usual week of the first year."""
        return self.latencies(self.mix(False), self.replicas[0].central)

    @cached_property
    def peak_hour(self) -> dict[str, Latency]:
        """By workload, in the busiest hour of the first year."""
        return self.latencies(self.mix(True), self.replicas[0].central)

    def without_one(self) -> dict[str, Latency] | None:
        """In the busiest hour of the first year with one replica down; None where none is left."""
        left = self.total_replicas(1).central - 1
        return self.latencies(self.mix(True), left) if left >= 1 else None

    def strain(self, seen: Mapping[str, Latency]) -> float:
        """Latency as a share of its limit, the worst of all workloads that are answered at once."""
        asked = [s for s in self.shares if s.load.batchable_share < 1]
        return max((s.limits.strain(seen[s.load.name]) for s in asked), default=0.0)

    @cached_property
    def schedule(self) -> Schedule:
        """Waiting work of the busiest week of the first year, in the hours in which it is done."""
        return self._scheduled([s.load.peak_factor for s in self.shares])

    @cached_property
    def usual_schedule(self) -> Schedule:
        """Waiting work of a usual week of the first year, in the hours in which it is done."""
        return self._scheduled([1.0] * len(self.shares))

    def _scheduled(self, peaks: Sequence[float]) -> Schedule:
        each = list(zip(self.shares, peaks, strict=True))
        now = np.asarray(np.sum([s.now * p for s, p in each], axis=0))
        work = [(s.waiting * p, s.load.due()) for s, p in each if s.waiting.any()]
        return schedule(now, work, self.replicas[0].central)

    @cached_property
    def hourly(self) -> Array:
        """Load by hour of a usual week, waiting work when it is done. [168, requests/s]"""
        return np.asarray(self._requests(1.0) * (self.now + self.usual_schedule.done))

    def used(self, year: int = 1) -> float:
        """Replicas' worth of work in a mean hour of a year, holidays counted."""
        return sum(_mean(s) * s.load.growth_factor(year).central for s in self.shares)

    def served_share(self, replicas: float, year: int = 1) -> float:
        """Share of a year's requests that this many serving replicas carry within the limits.

        The rest is what a hybrid option sends elsewhere, hour by hour.
        """
        hours = self.hours_of_year() * self.used(year) / self.used(1)
        return float(np.minimum(hours, self._requests(replicas)).sum() / hours.sum())


def _mean(share: Share) -> float:
    """Replicas' worth of a workload in a mean hour of the first year."""
    return share.load.mean_rate / share.rate


def _percentiles(limits: Limits) -> tuple[int, ...]:
    return tuple(sorted({50, 95, 99, limits.percentile}))


@dataclass(frozen=True)
class OptionCapacity:
    """What an option needs to carry the load."""

    option: str
    kind: str
    years: int
    tokens: Mapping[str, tuple[YearlyTokens, ...]]
    """By workload and year: what an API bills."""
    loads: Mapping[str, Load]
    """By workload."""
    pools: Mapping[str, Pool]
    """By model; empty where the vendor runs the GPUs, or nothing could be estimated."""
    not_estimated: Mapping[str, str]
    """By model: why there is no pool."""
    latency_known: bool
    """False for an API: its latency is the vendor's, and only measuring tells."""
    runs: Option
    """The option whose machines these are: a hybrid's base, else itself."""
    wanted: float
    """Availability that is asked for."""

    def gpus(self, year: int = 1) -> Range:
        """GPUs of all pools in a year of the horizon, spares included."""
        none = Range.exact(0, "GPUs")
        return reduce(Range.plus, (p.gpus(year) for p in self.pools.values()), none)

    @property
    def gpus_by_year(self) -> tuple[Range, ...]:
        return tuple(self.gpus(y) for y in range(1, self.years + 1))

    # --- what is paid for

    @cached_property
    def server(self) -> Server | None:
        """The server that is bought; None for rented GPUs, or where none is known."""
        if self.runs.kind not in OWNED or not self.pools:
            return None
        return next(iter(servers.known_servers(self.runs)), None)

    def groups(self, year: int = 1) -> list[tuple[float, int]]:
        """Replicas that serve, and GPUs of each, by pool."""
        return [(p.replicas[year - 1].central, p.gpus_per_replica) for p in self.pools.values()]

    def serving_servers(self, year: int = 1) -> int:
        """Servers whose replicas serve; those bought once are kept."""
        if self.server is None:
            return 0
        return max(servers.servers_for(self.server, self.groups(y)) for y in range(1, year + 1))

    def spare_servers(self, year: int = 1) -> int:
        """Servers that stand by: a server fails as a whole."""
        spares = [p.spares for p in self.pools.values()]
        if self.server is None or not any(spares):
            return 0
        return self.serving_servers(year) if min(spares) < 0 else max(spares)

    def bought(self, year: int = 1) -> int:
        """Servers bought by a year."""
        return self.serving_servers(year) + self.spare_servers(year)

    def paid_gpus(self, year: int = 1) -> float:
        """GPUs paid for in a mean hour of a year: whole servers, commitments, or hours in use."""
        if self.server is not None:
            return float(self.bought(year) * self.server.gpu_count)
        if self.runs.commitment in ("1y", "3y"):
            return self.gpus(year).central
        return sum(self._rented(p, year) for p in self.pools.values())

    def _rented(self, pool: Pool, year: int) -> float:
        """GPUs of a pool that are paid in a mean hour, idle ones returned hour by hour."""
        serving = pool.replicas[year - 1].central
        spares = pool.total_replicas(year).central - serving
        grown = pool.used(year) / pool.used(1)
        needed = np.maximum(1.0, np.ceil(pool.hours_of_year(False) * grown / pool._requests(1.0)))
        warm_up = arrivals.settings()["warm_up"].central
        busy = max(float(needed.mean()) * warm_up, pool.used(year))
        return (min(busy, serving) + spares) * pool.gpus_per_replica

    def mean_utilisation(self, year: int = 1) -> float | None:
        """Used share of what the GPUs that are paid for could carry within the limits."""
        if not self.pools:
            return None
        used = sum(p.used(year) * p.gpus_per_replica for p in self.pools.values())
        return min(1.0, used / self.paid_gpus(year))

    @property
    def idle_gpus(self) -> float:
        """GPUs of the serving servers that no replica uses in the first year."""
        if self.server is None:
            return 0.0
        taken = sum(count * gpus for count, gpus in self.groups())
        return self.serving_servers() * self.server.gpu_count - taken

    @property
    def smaller_servers(self) -> list[Server]:
        """Servers with the same card of which fewer GPUs would have to be bought."""
        return servers.smaller_servers(self.server, self.groups()) if self.server else []

    @property
    def availability(self) -> float | None:
        """Share of the time in which enough servers run for the busiest hour; None for an API."""
        return self._reached(True)

    @property
    def without_spares(self) -> float | None:
        """The same with none in reserve."""
        return self._reached(False)

    def _reached(self, spares: bool) -> float | None:
        if not self.pools:
            return None
        up = servers.uptime()
        if self.server is not None:
            return servers.reached(self.serving_servers(), self.spare_servers() * spares, up)
        found = 1.0
        for p in self.pools.values():
            serving, total = p.replicas[0].central, p.total_replicas(1).central
            found *= servers.reached(int(serving), int(total - serving) * spares, up)
        return found

    @property
    def beyond_room(self) -> dict[int, list[str]]:
        """By year: what the servers need beyond the room that the client has."""
        if self.server is None or self.runs.room is None:
            return {}
        found = {
            year: servers.beyond_room(self.runs.room, self.server, self.bought(year))
            for year in range(1, self.years + 1)
        }
        return {year: words for year, words in found.items() if words}

    @property
    def keeps_limits(self) -> bool | None:
        """Whether every pool keeps its latency limits; None where nobody can know beforehand."""
        if not self.latency_known or self.not_estimated:
            return None
        return all(p.keeps_limits for p in self.pools.values())

    @property
    def warnings(self) -> list[str]:
        """What a reader must know of the machines: room, availability and deadlines."""
        if self.kind == "hybrid":
            return []
        found = [
            f"in year {year} its servers need {' and '.join(words)}"
            for year, words in list(self.beyond_room.items())[:1]
        ]
        reached = self.availability
        if reached is not None and reached < self.wanted:
            found.append(
                f"without more machines in reserve it runs {reached:.2%} of the time; "
                f"{self.wanted:.2%} are asked for"
            )
        late = max((p.schedule.late for p in self.pools.values() if p.batchable_share), default=0)
        if late > 0.001:
            found.append(f"{late:.0%} of the work that may wait misses its deadline")
        return found

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(i for p in self.pools.values() for i in p.inputs)


def loads_of(scenario: Scenario, option: str) -> dict[str, Load]:
    """Load by workload as the models of an option see it."""
    client = scenario.client
    return {
        w: workload_load(
            w, quality.at_effort(scenario, option, w), client.country, client.report_date
        )
        for w in scenario.workloads
    }


def assess(scenario: Scenario, fits: Any = None) -> dict[str, OptionCapacity]:
    """Capacity of every option of the scenario.

    fits: what vram.assess returned; a model that does not fit on the option's GPUs gets no pool.
    """
    years = math.ceil(scenario.finance.horizon_months / 12)
    wanted = max(w.availability for w in scenario.workloads.values())
    found: dict[str, OptionCapacity] = {}
    for name, option in scenario.options.items():
        leaf = option.base if option.kind == "hybrid" else name
        runs = scenario.options[leaf]
        loads = loads_of(scenario, leaf)
        pools: dict[str, Pool] = {}
        why: dict[str, str] = {}
        if runs.kind in SELF_HOSTED:
            pools, why = _pools(scenario, runs, loads, years)
        found[name] = OptionCapacity(
            name,
            option.kind,
            years,
            {n: tuple(x.year(y) for y in range(1, years + 1)) for n, x in loads.items()},
            loads,
            pools,
            why,
            runs.kind in SELF_HOSTED,
            runs,
            wanted,
        )
    return found


def _pools(
    scenario: Scenario, option: Option, loads: Mapping[str, Load], years: int
) -> tuple[dict[str, Pool], dict[str, str]]:
    """One pool a model of the option, and why there is none for the others."""
    by_model: dict[str, list[str]] = {}
    for workload in loads:
        model = option.models.get(workload) or option.models.get("all", "")
        if model:
            by_model.setdefault(model, []).append(workload)
    pools, why = {}, {}
    for model, names in by_model.items():
        asked = [(loads[n], Limits.of(scenario.workloads[n])) for n in names]
        wanted = max(scenario.workloads[n].availability for n in names)
        try:
            own = [m for n in names for m in scenario.workloads[n].measured]
            pools[model] = best_pool(option, model, asked, years, own, wanted)
        except (NotPredicted, KeyError) as reason:
            why[model] = str(reason.args[0])
    return pools, why


def best_pool(
    option: Option,
    model: str,
    asked: Sequence[tuple[Load, Limits]],
    years: int,
    measured: Sequence[Measured] = (),
    wanted: float = 0.0,
) -> Pool:
    """The pool with the fewest GPUs over the horizon among the tensor-parallel sizes that fit.

    A size that keeps the limits beats any that does not; of equals the smaller size is taken.
    asked: workloads with their limits. measured: the client's benchmarks; one of this model and
    GPU replaces the estimate, and its size is taken unless the option states another. wanted:
    availability. Raises NotPredicted when no size fits.
    """
    own = [m for m in measured if _same(m, option, model)]
    sizes: tuple[int, ...] = vram.TENSOR_PARALLEL
    if option.tensor_parallel:
        sizes = (option.tensor_parallel,)
    elif own:
        sizes = tuple(dict.fromkeys(m.tensor_parallel for m in own))
    pools, reasons = [], []
    for size in sizes:
        benchmark = next((m for m in own if m.tensor_parallel == size), None)
        try:
            pool = _pool(option, model, asked, years, size, benchmark)
            pools.append(replace(pool, spares=_spares(option, pool, wanted)))
        except NotPredicted as reason:
            reasons.append(str(reason))
    if not pools and own:
        estimated = best_pool(option, model, asked, years, wanted=wanted)
        unused = tuple(_unused(m, reasons[-1]) for m in own)
        return replace(estimated, notes=estimated.notes + unused)
    if not pools:
        raise NotPredicted(reasons[-1])
    return min(
        pools,
        key=lambda p: (
            not p.keeps_limits,
            sum(r.central for r in p.gpus_by_year),
            p.gpus_per_replica,
        ),
    )


def _spares(option: Option, pool: Pool, wanted: float) -> int:
    """Spares that the option states, or more where the availability asks for more.

    An option that states none has none: what it reaches is told beside what is asked for.
    """
    if option.redundancy in ("none", "2n"):
        return SPARES[option.redundancy]
    needed: float = pool.replicas[0].central
    known = servers.known_servers(option) if option.kind in OWNED else []
    if known:
        needed = servers.servers_for(known[0], [(needed, pool.gpus_per_replica)])
    return max(SPARES[option.redundancy], servers.spares_for(int(needed), wanted))


def _same(m: Measured, option: Option, model: str) -> bool:
    """Whether a benchmark is of this model and GPU, by any of their names."""
    return (
        hf_config.model(m.model).model_id == hf_config.model(model).model_id
        and catalogue.gpu(m.gpu).id == catalogue.gpu(option.gpu).id
    )


def _pool(
    option: Option,
    model: str,
    asked: Sequence[tuple[Load, Limits]],
    years: int,
    size: int,
    own: Measured | None,
) -> Pool:
    d = _deployment(option, model, size)
    if not option.prefix_caching:
        asked = [(load.without_cache(), limits) for load, limits in asked]
    where = performance.regime(d) | {"loop": "closed"}
    factor, origin, unused = 1.0, "", ""
    if own:
        try:
            factor, origin = _measured(d, own, _mean_lengths([load for load, _ in asked]))
            where["measured"] = "yes"
        except NotPredicted as reason:
            unused, own = _unused(own, str(reason)), None
    longest = option.context or max(load.longest for load, _ in asked)
    replica = Replica(d, factor, longest, option.accepted_tokens)
    shares = tuple(_shares(replica, asked))
    faster, slower = _range(replica, shares, where)
    far = spread.distance(where)
    keeps = all(s.keeps_limits for s in shares)
    return Pool(
        shares,
        replica,
        faster,
        slower,
        years,
        0,
        "engine" not in far.unseen,
        origin,
        _notes(keeps, "" if own else far.words, origin) + ((unused,) if unused else ()),
        _inputs(d, own),
    )


def _range(
    replica: Replica, shares: Sequence[Share], where: Mapping[str, str]
) -> tuple[float, float]:
    """Time over the estimate at the fast and at the slow end, at the batch that a replica runs."""
    running = max(latency(replica.curve(s.load.lengths), s.rate, (50,)).concurrency for s in shares)
    return spread.factors(where, "itl_or_tpot_ms", running) or (1.0, 1.0)


def _unused(own: Measured, reason: str) -> str:
    """That a benchmark leaves the estimate in place, and why."""
    return f"Measured, but not used: {own.source}, because {reason}."


def _mean_lengths(loads: Sequence[Load]) -> Lengths:
    weight = np.array([load.mean_rate for load in loads])
    return Lengths.mixed([load.lengths for load in loads], weight / weight.sum())


def _shares(replica: Replica, asked: Sequence[tuple[Load, Limits]]) -> list[Share]:
    """What each workload asks of a replica. A limit that a lone request misses is relaxed."""
    curves = [replica.curve(load.lengths) for load, _ in asked]
    held = [relaxed(c, limits) for c, (_, limits) in zip(curves, asked, strict=True)]
    at_once = [
        (load.lengths, limits)
        for (load, _), limits in zip(asked, held, strict=True)
        if load.batchable_share < 1
    ]
    found = []
    for curve, (load, stated), limits in zip(curves, asked, held, strict=True):
        others = [pair for pair in at_once if pair[0] is not load.lengths]
        rate = curve.saturation_rate * WITHOUT_LIMITS
        if load.batchable_share < 1:
            rate = sustained(curve, limits, others)
        elif others:
            rate = sustained(curve, others[0][1], others)
        found.append(
            Share(load, stated, rate, _headroom(curve, load, limits, rate), limits == stated)
        )
    return found


def _headroom(curve: Curve, load: Load, limits: Limits, rate: float) -> float:
    """What must be carried over the mean of an hour: a queue may take what the limits leave.

    It is read before the first token, or between the tokens of those who are served: a usual
    answer must not be stretched by more than its limit leaves, either.
    """
    if load.batchable_share == 1:
        return 1.0
    usual = latency(curve, rate, (50, limits.percentile))
    stretch = (limits.tpot_s - usual.tpot[50]) * load.lengths.output.median
    slack = min(limits.ttft_s - usual.ttft[50], stretch)
    return arrivals.headroom(load.arrivals, slack, limits.percentile)


SPARES = {"none": 0, "n+1": 1, "2n": -1}
"""Replicas that stand by; -1 is as many again."""


def _deployment(option: Option, model: str, size: int) -> Deployment:
    """A model on `size` of an option's GPUs. Raises NotPredicted where it cannot be split so."""
    found = hf_config.model(model)
    if not vram.can_split(found, size):
        raise NotPredicted(f"{model}: attention heads do not divide among {size} GPUs")
    return Deployment(
        found,
        catalogue.gpu(option.gpu),
        option.weights,
        option.kv_cache,
        size,
        engine=option.engine,
        batched_tokens=option.batched_tokens,
        speculative_tokens=option.speculative_tokens,
        power_limit_w=option.power_limit_w,
    )


def _measured(d: Deployment, own: Measured, lengths: Lengths) -> tuple[float, str]:
    """Factor on every time that makes the model agree with a benchmark, and what that says."""
    figures = {name: getattr(own, name) for name in benchmark.FIGURES}
    seen = benchmark.Benchmark(own.source, **figures)
    factor = measurement.slower(d, seen, lengths.input_mean, lengths.output_mean)
    way = "slower" if factor > 1 else "faster"
    return factor, f"{own.source}: {abs(factor - 1) * 100:.0f} % {way} than the estimate"


def _notes(keeps: bool, unseen: str, origin: str) -> tuple[str, ...]:
    """What a reader must know about how sure the figures are; unseen: what was never measured."""
    notes = []
    if origin:
        notes.append(f"Measured: {origin}.")
    if not keeps:
        notes.append(
            "Even a lone request misses the latency limits; sized for limits that it keeps with "
            "half to spare."
        )
    if unseen:
        notes.append(f"Speed: {unseen}.")
    return tuple(notes)


def _inputs(d: Deployment, own: Measured | None) -> tuple[Input, ...]:
    """The facts that the speed of a deployment rests on."""
    rows = [
        Input(
            name=f"memory bandwidth, {d.gpu.gpu}",
            value=Range.exact(d.gpu.memory_bandwidth_gb_s, "GB/s"),
            source=catalogue.source_of(d.gpu),
        ),
        Input(
            name=f"parameters of {d.model.model_id}",
            value=Range.exact(tensors(d.model).total / 1e9, "billion"),
            source=catalogue.source_of(d.model),
        ),
    ]
    if own:
        value = own.tpot_ms or own.output_tokens_per_s or 0.0
        rows.append(
            Input(
                name=f"benchmark of {own.model} on {own.gpu}",
                value=Range.exact(value, "ms per token" if own.tpot_ms else "tokens/s"),
                source=Source(
                    source=own.source,
                    locator=own.file or "scenario, measured",
                    date=own.date.isoformat(),
                    kind="measured",
                ),
            )
        )
    else:
        rows += _efficiency_inputs(d)
    return tuple(rows)


SHOWN = {"weight_memory": "share of memory bandwidth reached", "compute": "share of peak reached"}
"""Fitted constants that matter most; all are in facts/engine_efficiency.csv."""


def _efficiency_inputs(d: Deployment) -> list[Input]:
    where = performance.regime(d)
    k = performance.efficiencies(where)
    table = catalogue.table("engine_efficiency", performance.Efficiency)
    return [
        Input(
            name=f"{label}, {d.gpu.gpu}",
            value=Range.exact(k[name], "share"),
            source=catalogue.source_of(next(r for r in table if r.name == name)),
        )
        for name, label in SHOWN.items()
    ]
