"""From a client's load to a number of GPUs, and how busy they will be.

Workloads that share a model share a pool of replicas. Each replica is described by its speed at
every batch size (`performance`) and by what random arrivals do to it (`queueing`); the smallest
number of replicas that keeps the limits in the busiest hour of the year is taken, and a spare is
added where the option asks for one. Utilisation is what comes out; it is never put in.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq

from siting import catalogue, hf_config, quality
from siting.catalogue import Input, Source
from siting.inputs import benchmark
from siting.inputs.scenario import SELF_HOSTED, Measured, Option, Scenario, Workload
from siting.memory import vram
from siting.memory.deployment import Deployment, max_sequences, prompt_chunk
from siting.memory.weights import tensors
from siting.quantity import Range
from siting.serving import measurement, performance
from siting.serving.load import Load, YearlyTokens, fill_valleys, merged, workload_load
from siting.serving.performance import NotPredicted
from siting.serving.queueing import Curve, Latency, Lengths, latency

Array = npt.NDArray[np.float64]

# --- one replica ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Limits:
    """Latency that must hold at a percentile."""

    ttft_s: float
    tpot_s: float
    percentile: int

    def kept(self, seen: Latency) -> bool:
        """Whether both limits hold."""
        return self.strain(seen) <= 1

    def strain(self, seen: Latency) -> float:
        """Latency as a share of its limit, the worse of the two."""
        q = self.percentile
        return max(seen.ttft[q] / self.ttft_s, seen.tpot[q] / self.tpot_s)


def limits_of(workloads: list[Workload]) -> Limits:
    """The strictest limits of the workloads of a pool."""
    found = [w.latency for w in workloads]
    return Limits(
        min(x.ttft_s for x in found),
        min(x.tpot_ms for x in found) / 1e3,
        round(max(x.percentile for x in found)),
    )


def replica_curve(
    d: Deployment,
    lengths: Lengths,
    slower: float = 1.0,
    longest: float = 0.0,
    accepted: float = 0.0,
) -> Curve:
    """Speed of a replica at every batch size; `slower` multiplies every time.

    longest: request that must fit [tokens]; at least a mean one. accepted: drafted tokens that
    are right, a step: each step computes all drafts and yields one token and those (Leviathan,
    Kalman, Matias, arXiv 2211.17192); the time of drafting itself is left out.

    Raises NotPredicted where the catalogue lacks a figure or the model does not fit.
    """
    r = performance.replica(d)
    k = performance.efficiencies(performance.regime(d))
    context = lengths.context_mean
    longest = max(longest, lengths.input_mean + lengths.output_mean)
    room = performance.slots(d, r, lengths.input_mean + lengths.output_mean / 2, longest)
    slots = int(min(room, max_sequences(d.known)))
    if slots < 1 or performance.slots(d, r, longest, longest) < 1:
        raise NotPredicted(
            f"{d.model.model_id} does not fit on {d.gpus} × {d.gpu.gpu} with one request of "
            f"{longest:,.0f} tokens"
        )
    n = np.arange(1, slots + 1, dtype=float)
    drafts = n * d.speculative_tokens
    step = performance.step_seconds(r, k, n, context, drafts, 1.0, context)
    decode = np.asarray(step) / (1 + accepted)
    prompt = lengths.prompt_mean
    prefix = lengths.input_mean - prompt
    alone = performance.step_seconds(r, k, 1.0, context, prompt, prompt, prefix)
    reading = float(alone) - float(performance.step_seconds(r, k, 1.0, context))
    chunk = prompt_chunk(d.known, int(longest))
    return Curve(decode * slower, reading * slower, k["first_token_us"] * 1e-6, chunk, lengths)


def sustained(curve: Curve, limits: Limits) -> float:
    """Largest rate of Poisson arrivals at which a replica keeps the limits. [requests/s]

    Zero where not even a lone request keeps them.
    """
    percentiles = (limits.percentile,)

    def beyond(rate: float) -> float:
        """Positive where a limit is missed; on a scale on which the way to saturation is short."""
        return math.log(min(limits.strain(latency(curve, rate, percentiles)), 1e3))

    lowest, top = 1e-6, curve.saturation_rate
    if beyond(lowest) > 0:
        return 0.0
    exact = top * 2**-18
    # Brent's method asks for a third of the evaluations of bisection. It may end on either side
    # of the limit; the step back leads to the side on which it is kept.
    return max(lowest, float(brentq(beyond, lowest, 0.999 * top, xtol=exact)) - 2 * exact)


# --- a pool of replicas -----------------------------------------------------------------------


@dataclass(frozen=True)
class Pool:
    """The replicas of one model in one option: how many, how busy, how fast."""

    load: Load
    limits: Limits
    deployment: Deployment
    curve: Curve
    rate_per_replica: Range
    """Requests a second that one replica serves within the limits."""
    replicas: tuple[Range, ...]
    """Replicas that serve, by year of the horizon; whole numbers."""
    spares: int
    """Replicas on top that stand by for failure and maintenance: none, one, or as many again."""
    keeps_limits: bool
    """False: even a lone request misses the limits, and the pool is sized for the load alone."""
    calibrated: bool
    """Whether the engine and this generation of GPU were in the measurements behind the model."""
    measured: str = ""
    """The benchmark that replaced the estimate, and the difference; blank: estimated."""
    notes: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    @property
    def model(self) -> str:
        return self.deployment.model.model_id

    @property
    def gpus_per_replica(self) -> int:
        return self.deployment.gpus

    def _spare(self, replicas: float) -> int:
        return int(replicas) if self.spares < 0 else self.spares

    def total_replicas(self, year: int) -> Range:
        """Serving and spare replicas of a year of the horizon."""
        r = self.replicas[year - 1]
        low, central, high = (x + self._spare(x) for x in (r.low, r.central, r.high))
        return Range(low, central, high, "replicas")

    def gpus(self, year: int) -> Range:
        """GPUs of a year of the horizon, spares included."""
        return self.total_replicas(year).scaled(self.gpus_per_replica, "GPUs")

    @property
    def gpus_by_year(self) -> tuple[Range, ...]:
        return tuple(self.gpus(y) for y in range(1, len(self.replicas) + 1))

    def latency(self, rate: float, year: int = 1) -> Latency:
        """Latency when `rate` requests a second are spread over the year's serving replicas."""
        share = rate / self.replicas[year - 1].central
        return latency(self.curve, share, _percentiles(self.limits))

    @cached_property
    def busy_hour(self) -> Latency:
        """At one replica, in the busiest hour of a usual week of the first year."""
        return self.latency(self.load.busy_rate)

    @cached_property
    def peak_hour(self) -> Latency:
        """At one replica, in the busiest hour of the first year."""
        return self.latency(self.load.peak_rate)

    def without_one(self) -> Latency | None:
        """In the busiest hour of the first year with one replica down; None where none is left."""
        left = self.total_replicas(1).central - 1
        if left < 1:
            return None
        return latency(self.curve, self.load.peak_rate / left, _percentiles(self.limits))

    def throughput(self, year: int = 1) -> float:
        """Requests a second that all replicas, spares too, could serve for long."""
        return self.curve.saturation_rate * self.total_replicas(year).central

    def utilisation(self, year: int = 1) -> Array:
        """Used share of all replicas' throughput in each hour of a usual week. [168]"""
        growth = self.load.growth_factor(year).central
        return np.asarray(self.hourly * growth / self.throughput(year))

    @cached_property
    def hourly(self) -> Array:
        """Load by hour of a usual week, waiting work in the idlest hours. [168, requests/s]"""
        base = self.load.interactive
        return fill_valleys(base, float(self.load.hourly.sum() - base.sum()))

    def mean_utilisation(self, year: int = 1) -> float:
        """Used share of the GPUs over the week; the idle share is one minus it."""
        return float(self.utilisation(year).mean())

    @cached_property
    def concurrency(self) -> Array:
        """Mean requests under way in each hour of a usual week, all replicas. [168]"""
        count = self.replicas[0].central
        rates, where = np.unique(self.hourly, return_inverse=True)
        found = [latency(self.curve, r / count, (50,)).concurrency * count for r in rates]
        return np.array(found)[where]

    def served_share(self, replicas: float, year: int = 1) -> float:
        """Share of a year's requests that this many serving replicas carry within the limits.

        The rest is what a hybrid option sends elsewhere, hour by hour.
        """
        hours = self.load.duration_curve() * self.load.growth_factor(year).central
        return float(
            np.minimum(hours, replicas * self.rate_per_replica.central).sum() / hours.sum()
        )


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

    def gpus(self, year: int = 1) -> Range:
        """GPUs of all pools in a year of the horizon, spares included."""
        none = Range.exact(0, "GPUs")
        return reduce(Range.plus, (p.gpus(year) for p in self.pools.values()), none)

    @property
    def gpus_by_year(self) -> tuple[Range, ...]:
        return tuple(self.gpus(y) for y in range(1, self.years + 1))

    def mean_utilisation(self, year: int = 1) -> float | None:
        """Used share of all GPUs over a week; None without GPUs."""
        total = sum(p.gpus(year).central for p in self.pools.values())
        if not total:
            return None
        used = [p.mean_utilisation(year) * p.gpus(year).central for p in self.pools.values()]
        return sum(used) / total

    @property
    def keeps_limits(self) -> bool | None:
        """Whether every pool keeps its latency limits; None where nobody can know beforehand."""
        if not self.latency_known or self.not_estimated:
            return None
        return all(p.keeps_limits for p in self.pools.values())

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(i for p in self.pools.values() for i in p.inputs)


def assess(scenario: Scenario, fits: Any = None) -> dict[str, OptionCapacity]:
    """Capacity of every option of the scenario.

    fits: what vram.assess returned; a model that does not fit on the option's GPUs gets no pool.
    """
    years = math.ceil(scenario.finance.horizon_months / 12)
    found: dict[str, OptionCapacity] = {}
    for name, option in scenario.options.items():
        leaf = option.base if option.kind == "hybrid" else name
        runs = scenario.options[leaf]
        loads = {
            w: workload_load(w, quality.at_effort(scenario, leaf, w)) for w in scenario.workloads
        }
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
        load = merged([loads[n] for n in names])
        limits = limits_of([scenario.workloads[n] for n in names])
        try:
            own = [m for n in names for m in scenario.workloads[n].measured]
            pools[model] = best_pool(option, model, load, limits, years, own)
        except (NotPredicted, KeyError) as reason:
            why[model] = str(reason.args[0])
    return pools, why


def best_pool(
    option: Option,
    model: str,
    load: Load,
    limits: Limits,
    years: int,
    measured: Sequence[Measured] = (),
) -> Pool:
    """The pool with the fewest GPUs over the horizon among the tensor-parallel sizes that fit.

    A size that keeps the limits beats any that does not; of equals the smaller size is taken.
    measured: the client's benchmarks; one of this model and GPU replaces the estimate, and its
    size is taken unless the option states another. Raises NotPredicted when no size fits.
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
            pools.append(_pool(option, model, load, limits, years, size, benchmark))
        except NotPredicted as reason:
            reasons.append(str(reason))
    if not pools and own:
        estimated = best_pool(option, model, load, limits, years)
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


def _same(m: Measured, option: Option, model: str) -> bool:
    """Whether a benchmark is of this model and GPU, by any of their names."""
    return (
        hf_config.model(m.model).model_id == hf_config.model(model).model_id
        and catalogue.gpu(m.gpu).id == catalogue.gpu(option.gpu).id
    )


def _pool(
    option: Option,
    model: str,
    load: Load,
    limits: Limits,
    years: int,
    size: int,
    own: Measured | None,
) -> Pool:
    d = _deployment(option, model, size)
    if not option.prefix_caching:
        load = replace(load, lengths=replace(load.lengths, cached_share=0.0))
    where = performance.regime(d) | {"loop": "closed"}
    factor, origin, unused = 1.0, "", ""
    if own:
        try:
            factor, origin = _measured(d, own, load.lengths)
            where["measured"] = "yes"
        except NotPredicted as reason:
            unused, own = _unused(own, str(reason)), None
    longest = option.context or load.longest
    curve = replica_curve(d, load.lengths, factor, longest, option.accepted_tokens)
    rate, keeps = _rate(curve, limits, where)
    calibrated = performance.calibrated(where)
    return Pool(
        load,
        limits,
        d,
        curve,
        rate,
        tuple(
            _replicas(load.growth_factor(y).scaled(load.peak_rate, "requests/s"), rate)
            for y in range(1, years + 1)
        ),
        SPARES[option.redundancy],
        keeps,
        calibrated,
        origin,
        _notes(d, keeps, calibrated or bool(own), origin) + ((unused,) if unused else ()),
        _inputs(d, own),
    )


def _unused(own: Measured, reason: str) -> str:
    """That a benchmark leaves the estimate in place, and why."""
    return f"Measured, but not used: {own.source}, because {reason}."


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
    )


def _rate(curve: Curve, limits: Limits, where: dict[str, str]) -> tuple[Range, bool]:
    """Requests a second that a replica carries, and whether the client's limits are kept at it."""
    central = sustained(curve, limits)
    keeps = central > 0
    if not keeps:
        central = sustained(curve, _relaxed(curve, limits))
    faster, slower = performance.spread(where, "itl_or_tpot_ms")
    return Range(central / slower, central, central / faster, "requests/s"), keeps


def _measured(d: Deployment, own: Measured, lengths: Lengths) -> tuple[float, str]:
    """Factor on every time that makes the model agree with a benchmark, and what that says."""
    figures = {name: getattr(own, name) for name in benchmark.FIGURES}
    seen = benchmark.Benchmark(own.source, **figures)
    factor = measurement.slower(d, seen, lengths.input_mean, lengths.output_mean)
    way = "slower" if factor > 1 else "faster"
    return factor, f"{own.source}: {abs(factor - 1) * 100:.0f} % {way} than the estimate"


def _notes(d: Deployment, keeps: bool, known: bool, origin: str) -> tuple[str, ...]:
    """What a reader must know about how sure the figures are."""
    notes = []
    if origin:
        notes.append(f"Measured: {origin}.")
    if not keeps:
        notes.append(
            "Even a lone request misses the latency limits; sized for limits that it keeps with "
            "half to spare."
        )
    if not known:
        notes.append(
            f"No public measurement of {d.engine} on {performance.architecture(d.gpu)} cards "
            "stands behind the model, so the range is wide."
        )
    return tuple(notes)


def _relaxed(curve: Curve, limits: Limits) -> Limits:
    """Limits that a lone request keeps with half to spare, where the client's cannot be kept."""
    alone = latency(curve, 1e-6, (limits.percentile,))
    return Limits(
        max(limits.ttft_s, 1.5 * alone.ttft[limits.percentile]),
        max(limits.tpot_s, 1.5 * alone.tpot[limits.percentile]),
        limits.percentile,
    )


def _replicas(demand: Range, rate: Range) -> Range:
    """Whole replicas: least load on the fastest, expected on expected, most load on the slowest."""
    low, central, high = (
        max(1, math.ceil(asked / each))
        for asked, each in (
            (demand.low, rate.high),
            (demand.central, rate.central),
            (demand.high, rate.low),
        )
    )
    return Range(low, central, high, "replicas")


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
