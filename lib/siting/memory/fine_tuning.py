"""Fine-tuning jobs of a client: on how many cards, for how long, with what energy.

[1] Kaplan et al., arXiv:2001.08361 (6 FLOP a parameter and token of training)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from siting import catalogue, hf_config
from siting.catalogue import Fact, Gpu, Input, Model, table
from siting.inputs.scenario import SELF_HOSTED, FineTuning, Scenario
from siting.memory.attention import NotEstimated
from siting.memory.engines import constant
from siting.memory.training import Job, Peak, Verdict, framework, memory
from siting.memory.vram import TENSOR_PARALLEL
from siting.quantity import Range


class Utilisation(Fact):
    """Model FLOPs utilisation of training."""

    regime: str
    """GPU architecture of full training, `other`, or `adapters`."""
    low: float
    central: float
    high: float


@dataclass(frozen=True, slots=True)
class RunTime:
    """Time and energy of one run."""

    hours: Range
    gpu_hours: Range
    energy_kwh: Range
    """Of the GPUs alone; cooling and the server come with the cost chapter. [kWh]"""
    utilisation: Range
    source: catalogue.Source


def run_time(job: Job, gpu: Gpu, tokens: float) -> RunTime:
    """Hours and energy to train on `tokens` in all [1].

    Full training takes 6 FLOP a parameter and token, which is what its measured utilisation
    counts, recomputation or not; adapters take 4 (no gradient of the base), 6 with
    recomputation. Raises NotEstimated where the card's peak is unknown.
    """
    peak = gpu.bf16_dense_tflops or gpu.fp16_dense_tflops
    if not peak:
        raise NotEstimated(f"the 16-bit peak of {gpu.gpu} is not in the catalogue")
    frame = framework(job.framework)
    recomputed = frame.checkpoints if job.checkpointing is None else job.checkpointing
    row = utilisation(job, gpu)
    each = 6.0 if job.is_full or recomputed else 4.0
    active = job.model.active_recomputed_b or job.model.active_params_b
    active = active or job.model.params_recomputed_b or job.model.total_params_b
    if active is None:
        raise NotEstimated(f"the parameter count of {job.model.model_id} is not known")
    flop = each * active * 1e9 * tokens
    speed = peak * 1e12 * job.gpus * 3600
    hours = Range(flop / speed / row.high, flop / speed / row.central, flop / speed / row.low, "h")
    power = constant("training", "power_share").range.scaled((gpu.tdp_w or 0.0) / 1000)
    gpu_hours = hours.scaled(job.gpus, "GPU-h")
    energy = Range(
        gpu_hours.low * power.low,
        gpu_hours.central * power.central,
        gpu_hours.high * power.high,
        "kWh",
    )
    used = Range(row.low, row.central, row.high, "share")
    return RunTime(hours, gpu_hours, energy, used, catalogue.source_of(row))


def utilisation(job: Job, gpu: Gpu) -> Utilisation:
    """Measured model FLOPs utilisation of a job on a card, or the planning value."""
    rows = {r.regime.lower(): r for r in table("training_mfu", Utilisation)}
    if not job.is_full:
        return rows["adapters"]
    return rows.get(gpu.architecture.lower(), rows["other"])


# --- a client's jobs --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Plan:
    """A client's fine-tuning job on one kind of card."""

    job: str
    option: str
    gpu: str
    peak: Peak | None
    """On the fewest GPUs that hold it; None if none does or it is not estimated."""
    verdict: Verdict | None
    time: RunTime | None
    runs_per_year: float
    reason: str = ""
    tried: tuple[Peak, ...] = field(default=())
    inputs: tuple[Input, ...] = field(default=())


def assess(scenario: Scenario) -> dict[str, tuple[Plan, ...]]:
    """For each fine-tuning job: what it takes on the cards of each option that has cards."""
    return {
        name: tuple(
            _plan(name, job, option_name, option.gpu)
            for option_name, option in scenario.options.items()
            if option.kind in SELF_HOSTED and option.gpu
        )
        for name, job in scenario.fine_tuning.items()
    }


def _plan(name: str, wanted: FineTuning, option: str, card: str) -> Plan:
    runs = wanted.runs_per_year
    try:
        gpu, model = catalogue.gpu(card), hf_config.model(wanted.model)
        tried = tuple(memory(_job(wanted, model, n)) for n in TENSOR_PARALLEL)
        fitting = next((p for p in tried if p.verdict(gpu) != "does not fit"), None)
        if fitting is None:
            reason = f"no group of up to {TENSOR_PARALLEL[-1]} GPUs holds the run"
            return Plan(name, option, gpu.id, None, None, None, runs, reason, tried)
        tokens = wanted.examples * wanted.tokens_per_example * wanted.epochs
        time = run_time(fitting.job, gpu, tokens)
    except (KeyError, NotEstimated) as error:
        return Plan(
            name, option, card, None, None, None, runs, f"not estimated, because {error.args[0]}"
        )
    inputs = (
        *(Input(name=p.name, value=p.gib, source=p.source) for p in fitting.parts),
        Input(name="model FLOPs utilisation", value=time.utilisation, source=time.source),
    )
    return Plan(name, option, gpu.id, fitting, fitting.verdict(gpu), time, runs, "", tried, inputs)


def _job(wanted: FineTuning, model: Model, gpus: int) -> Job:
    return Job(
        model=model,
        method=wanted.method,
        base="nf4-dq" if wanted.method == "qlora" else "bf16",
        tokens=wanted.sequence_length,
        micro_batch=wanted.micro_batch,
        checkpointing=True,
        gpus=gpus,
        sharding="none" if gpus == 1 else "fsdp",
        lora_rank=wanted.lora_rank,
        framework="torchtune" if gpus > 1 else "peft",
    )


METHODS: tuple[Literal["full", "lora", "qlora"], ...] = ("full", "lora", "qlora")
"""The methods whose feasibility a report shows where the client names no job."""


@dataclass(frozen=True, slots=True)
class Feasible:
    """The fewest GPUs on which a model could be fine-tuned in one way."""

    model: str
    gpu: str
    method: str
    peak: Peak | None
    """None: no group of up to 8 GPUs holds it, or it is not estimated."""
    verdict: Verdict | None
    reason: str = ""


def feasibility(model: Model, gpu: Gpu, tokens: int = 4096) -> tuple[Feasible, ...]:
    """What each of METHODS takes on a card, for one sequence of `tokens` at a time."""
    found = []
    for name in METHODS:
        wanted = FineTuning(
            model=model.model_id,
            method=name,
            examples=1,
            tokens_per_example=tokens,
            sequence_length=tokens,
        )
        try:
            tried = [memory(_job(wanted, model, n)) for n in TENSOR_PARALLEL]
        except NotEstimated as error:
            why = f"not estimated, because {error.args[0]}"
            found.append(Feasible(model.model_id, gpu.id, name, None, None, why))
            continue
        peak = next((p for p in tried if p.verdict(gpu) != "does not fit"), None)
        reason = "" if peak else f"needs more than {TENSOR_PARALLEL[-1]} GPUs"
        verdict = peak.verdict(gpu) if peak else None
        found.append(Feasible(model.model_id, gpu.id, name, peak, verdict, reason))
    return tuple(found)
