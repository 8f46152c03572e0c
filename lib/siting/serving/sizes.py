"""Which tensor-parallel size the replicas of a pool take, and how fast such a group of GPUs is.

Each size that fits is tried: its speed is estimated, or taken from the client's own benchmark, and
the pool that it makes is sized. The one that burdens least is taken.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from siting import catalogue
from siting.catalogue import Input, Source
from siting.inputs.scenario.model import Measured, Option
from siting.memory import vram
from siting.memory.deployment import Deployment, planned
from siting.memory.weights import tensors
from siting.quantity import NotEstimated, Range
from siting.records import frozen
from siting.serving import loops, performance, servers, spread
from siting.serving.carrying import Ask, carried
from siting.serving.curve import DeployedReplica, Lengths
from siting.serving.load import Load
from siting.serving.mix import PoolWorkload, WorkloadMix
from siting.serving.pools import Burden, Pool
from siting.serving.servers import StandBy

ALONE = (
    "Even a lone request misses the latency limits; sized for limits that it keeps with half to "
    "spare."
)
SHOWN = {"weight_memory": "share of memory bandwidth reached", "compute": "share of peak reached"}
"""Fitted constants that matter most; all are in siting_facts/engine_efficiency.csv."""


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
    benchmarks = [m for m in measured if _same(m, option, model)]
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
    needed = pool.serving()
    if server := servers.server_of(option):
        needed = servers.whole_up(pool.filled(server))
    return StandBy(count=max(1, servers.spares_for(needed, wanted)))


def _same(benchmark: Measured, option: Option, model: str) -> bool:
    """Whether a benchmark is of this model and GPU, by any of their names."""
    return (
        catalogue.model(benchmark.model).model_id == catalogue.model(model).model_id
        and catalogue.gpu(benchmark.gpu).id == catalogue.gpu(option.gpu).id
    )


@frozen
class _Group:
    """So many GPUs that a model would be split among, and the load that they would serve."""

    replica: DeployedReplica
    loads: Sequence[Load]
    speed: _Speed
    benchmark: Measured | None
    """The client's own of such a group, which corrects the estimate of its speed."""


def _group(
    option: Option,
    model: str,
    loads: Sequence[Load],
    size: int,
    benchmarks: Sequence[Measured],
) -> _Group:
    """A group of so many GPUs. Raises NotEstimated where the model does not divide among them."""
    benchmark = next((m for m in benchmarks if m.tensor_parallel == size), None)
    made = catalogue.model(model)
    if not vram.can_split(made, size):
        raise NotEstimated(f"{model}: attention heads do not divide among {size} GPUs")
    deployment = planned(vram.deployment(option, made, size))
    speed = _speed(deployment, benchmark, loads)
    replica = DeployedReplica(
        deployment=deployment,
        slower=speed.slower,
        longest=option.context or max(load.longest for load in loads),
    )
    return _Group(replica=replica, loads=loads, speed=speed, benchmark=benchmark)


def _pool(group: _Group, years: int) -> Pool:
    """The pool of a model on such groups, with nothing in reserve yet.

    Raises NotEstimated where the model does not fit, or where they carry no request of some
    workload within the limits of all.
    """
    deployment = group.replica.deployment
    speed = group.speed
    mix = WorkloadMix(_workloads(group))
    # A client runs whichever release is current then.
    regime = performance.regime(deployment) | {"loop": "closed", "release": ""}
    if speed.measured:
        regime["measured"] = "yes"
    # The range is that of the largest batch that a replica runs.
    batch = max(w.carried.concurrency for w in mix.workloads)
    faster, slower = spread.factors(regime, "itl_or_tpot_ms", batch) or (1.0, 1.0)
    distance = spread.distance(regime)
    notes = []
    if speed.measured:
        notes.append(f"Measured: {speed.measured}.")
    if not mix.keeps_limits:
        notes.append(ALONE)
    if distance.words and not speed.measured:
        notes.append(f"Speed: {distance.words}.")
    if speed.unused:
        notes.append(speed.unused)
    return Pool(
        mix=mix,
        replica=group.replica,
        slowness=Range(faster, 1.0, slower, unit="times"),
        years=years,
        stand_by=StandBy(),
        calibrated="engine" not in distance.unmeasured,
        measured=speed.measured,
        notes=tuple(notes),
        inputs=tuple(_inputs(deployment, group.benchmark if speed.measured else None)),
    )


@frozen
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
    asks = tuple(
        Ask(
            lengths=load.lengths,
            limits=load.limits,
            waits=load.batchable_share == 1,
            arrivals=load.arrivals,
        )
        for load in group.loads
    )
    both = zip(group.loads, carried(group.replica, asks), strict=True)
    workloads = tuple(PoolWorkload(load=load, carried=carries) for load, carries in both)
    for workload in workloads:
        if not 0 < workload.rate_alone < math.inf:
            cards = group.replica.deployment
            raise NotEstimated(
                f"{cards.gpus} × {cards.gpu.gpu} with {cards.model.model_id} carry no request of "
                f"{workload.load.name} within the limits of all workloads that share them"
            )
    return workloads


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
    of_card = gpu.provenance
    of_model = model.provenance
    yield fact(f"memory bandwidth, {gpu.gpu}", gpu.memory_bandwidth_gb_s, "GB/s", of_card)
    yield fact(f"parameters of {model.model_id}", tensors(model).total / 1e9, "billion", of_model)
    if benchmark:
        value = benchmark.tpot_ms or benchmark.output_tokens_per_s or 0.0
        unit = "ms per token" if benchmark.tpot_ms else "tokens/s"
        source = Source(
            source=benchmark.source,
            locator="scenario, measured",
            date=benchmark.date.isoformat(),
            kind="measured",
        )
        yield fact(f"benchmark of {benchmark.model} on {benchmark.gpu}", value, unit, source)
        return
    fitted = performance.efficiencies(performance.regime(deployment))
    table = catalogue.table("engine_efficiency", performance.Efficiency)
    for name, label in SHOWN.items():
        source = next(r for r in table if r.name == name).provenance
        yield fact(f"{label}, {gpu.gpu}", fitted[name], "share", source)
