"""Fine-tuning jobs of a client: on how many cards, for how long, with what energy.

[1] Kaplan et al., arXiv:2001.08361 (6 FLOP a parameter and token of training)
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from siting import catalogue
from siting.catalogue import Banded, Gpu, Input, Kernels, Model, UnknownName, table
from siting.inputs.scenario.model import FineTuning, Scenario
from siting.memory.engines import constant
from siting.memory.pool import Verdict
from siting.memory.training import Job, Peak
from siting.memory.vram import TENSOR_PARALLEL
from siting.places import SELF_HOSTED
from siting.quantity import NotEstimated, Range
from siting.records import frozen


class Utilisation(Banded, tables="training_mfu", key="regime"):
    """Model FLOPs utilisation of training."""

    regime: Literal[Kernels, "other", "adapters"]
    unit: Literal["share"]
    """Generation of the cards of full training (`kernels` of gpus.csv), `other`, or `adapters`."""


class RunTime:
    """Time and energy of one run of a job on `tokens` in all [1].

    Full training takes 6 FLOP a parameter and token, which is what its measured utilisation
    counts, recomputation or not; adapters take 4 (no gradient of the base), 6 where whole layers
    are recomputed. Raises NotEstimated where the card's peak or its power is unknown.
    """

    def __init__(self, job: Job, gpu: Gpu, tokens: float) -> None:
        peak = gpu.bf16_dense_tflops or gpu.fp16_dense_tflops
        if not peak:
            raise NotEstimated(f"the 16-bit peak of {gpu.gpu} is not in the catalogue")
        if gpu.tdp_w is None:
            raise NotEstimated(f"the power of {gpu.gpu} is not in the catalogue")
        row = utilisation(job, gpu)
        each = 6.0 if job.is_full or job.recomputes is True else 4.0
        active = job.model.active_recomputed_b or job.model.active_params_b
        active = active or job.model.params_recomputed_b or job.model.total_params_b
        at_peak = each * active * 1e9 * tokens / (peak * 1e12 * 3600)
        self.gpu_hours = Range.ordered((at_peak / end for end in row.range.ends), "GPU-h")
        self.hours = self.gpu_hours.scaled(1 / job.gpus, "h")
        power = constant("training", "power_share").range.scaled(gpu.tdp_w / 1000)
        self.energy_kwh = self.gpu_hours.times(power, "kWh")
        """Of the GPUs alone; cooling and the server come with the cost chapter. [kWh]"""
        self.utilisation = row.range
        self.source = row.provenance


def utilisation(job: Job, gpu: Gpu) -> Utilisation:
    """Measured model FLOPs utilisation of a job on a card, or the planning value."""
    rows = {r.regime: r for r in table("training_mfu", Utilisation)}
    if not job.is_full:
        return rows["adapters"]
    return rows.get(gpu.kernels, rows["other"])


# --- a client's jobs --------------------------------------------------------------------------


@frozen
class Plan:
    """A client's fine-tuning job on one kind of card."""

    job: str
    option: str
    gpu: str
    runs_per_year: float
    peak: Peak | None = None
    """On the fewest GPUs that hold it; None if none does or it is not estimated."""
    verdict: Verdict | None = None
    time: RunTime | None = None
    reason: str = ""
    inputs: tuple[Input, ...] = ()


def assess(scenario: Scenario) -> dict[str, tuple[Plan, ...]]:
    """For each fine-tuning job: what it takes on the cards of each option that has cards."""
    return {
        name: tuple(
            _plan(name, job, option_name, catalogue.gpu(option.gpu))
            for option_name, option in scenario.options.items()
            if option.kind in SELF_HOSTED and option.gpu
        )
        for name, job in scenario.fine_tuning.items()
    }


def _plan(name: str, wanted: FineTuning, option: str, gpu: Gpu) -> Plan:
    plan = Plan(job=name, option=option, gpu=gpu.id, runs_per_year=wanted.runs_per_year)
    try:
        peak = fewest_gpus(wanted, catalogue.model(wanted.model), gpu)
        if peak is None:
            most = TENSOR_PARALLEL[-1]
            return replace(plan, reason=f"no group of up to {most} GPUs holds the run")
        time = RunTime(peak.job, gpu, wanted.examples * wanted.tokens_per_example * wanted.epochs)
    except (UnknownName, NotEstimated) as error:
        return replace(plan, reason=f"not estimated, because {error.args[0]}")
    inputs = [part.input for part in peak.parts]
    inputs.append(Input(name="model FLOPs utilisation", value=time.utilisation, source=time.source))
    verdict = peak.verdict(gpu)
    return replace(plan, peak=peak, verdict=verdict, time=time, inputs=tuple(inputs))


def fewest_gpus(wanted: FineTuning, model: Model, gpu: Gpu) -> Peak | None:
    """Memory of a job on the fewest GPUs that hold it; None if 8 do not. Raises NotEstimated."""
    tried = (Peak(_job(wanted, model, n)) for n in TENSOR_PARALLEL)
    return next((p for p in tried if p.verdict(gpu) != "does not fit"), None)


def _job(wanted: FineTuning, model: Model, gpus: int) -> Job:
    return Job(
        model=model,
        method=wanted.method,
        base="nf4-dq" if wanted.method == "qlora" else "bf16",
        tokens=wanted.sequence_length,
        checkpointing=True,
        gpus=gpus,
        sharding="none" if gpus == 1 else "fsdp",
        lora_rank=wanted.lora_rank,
        framework="torchtune" if gpus > 1 else "peft",
    )
