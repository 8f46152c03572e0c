"""Benchmark runs: what was deployed and how it was loaded, and what the model expects of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from siting import catalogue, hf_config
from siting.inputs.benchmark import Benchmark
from siting.memory.deployment import Deployment
from siting.quantity import Range
from siting.serving import performance
from siting.serving.performance import Loop, NotPredicted


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark run."""

    deployment: Deployment
    loop: Loop
    input_tokens: float
    output_tokens: float
    load: float
    """Batch (static), clients (closed) or requests a second (open); 0 when saturated."""


def run_of_row(row: Mapping[str, str]) -> Run:
    """A row of a table of throughput measurements. Raises NotPredicted saying what is missing."""
    inp, out = _number(row, "input_tokens"), _number(row, "output_tokens")
    mode = (row.get("offline_or_server") or "").lower()
    stated, rate = row.get("concurrency_or_batch") or "", row.get("request_rate") or ""
    single = "static" in mode or "single stream" in mode or "batch" in mode
    loop: Loop
    clients, arriving = _positive(stated), _positive(rate)
    if clients:
        loop, load = ("static" if single else "closed"), clients
    elif arriving:
        loop, load = "open", arriving
    elif "max" in stated or "inf" in rate:
        loop, load = "saturated", 0.0
    else:
        raise NotPredicted("neither concurrency, batch nor request rate is stated")
    batching: Literal["continuous", "static"] = (
        "static" if loop == "static" and load > 1 else "continuous"
    )
    return Run(_deployment(row, batching), loop, inp, out, load)


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model expects of a run, with the range that a report would print."""

    output_tokens_per_s_total: Range
    ttft_ms: Range | None
    """None where every request is queued: then the wait has no limit."""
    itl_or_tpot_ms: Range
    calibrated: bool


def expected(run: Run) -> Expected:
    """The model's estimate of a run. Raises NotPredicted with the reason."""
    d = run.deployment
    r, where = performance.replica(d), performance.regime(d) | {"loop": run.loop}
    k = performance.efficiencies(where)
    inp, out = run.input_tokens, run.output_tokens
    room = math.inf
    if run.loop != "static":
        room = performance.slots(d, r, inp + k["occupancy"] * out, inp + out, ran=True)
    found = performance.speed(r, k, run.loop, run.load, max(room, 1.0), inp, out)

    def ranged(quantity: str, value: float, unit: str) -> Range:
        low, high = performance.spread(where, quantity)
        return Range(value * low, value, value * high, unit)

    ttft = float(found.ttft_s) * 1e3
    return Expected(
        ranged("output_tokens_per_s_total", float(found.output_tokens_per_s), "tokens/s"),
        ranged("ttft_ms", ttft, "ms") if math.isfinite(ttft) else None,
        ranged("itl_or_tpot_ms", float(found.tpot_s) * 1e3, "ms"),
        performance.calibrated(where),
    )


MOST = 1e9
"""No run has as many tokens, clients or requests a second; such a cell is damaged."""


def _positive(text: str) -> float | None:
    """A number above zero that a run can have; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 1 / MOST < value < MOST else None


def _number(row: Mapping[str, str], column: str) -> float:
    """Tokens of a request: one or more."""
    text = row.get(column) or ""
    value = _positive(text)
    if value is None or value < 1:
        fault = f"is {text!r}, which no run can have" if text else "is not stated"
        raise NotPredicted(f"{column} {fault}")
    return value


def _count(row: Mapping[str, str], *columns: str) -> int:
    """The first of the columns that states a number; 1 if none does."""
    found = (_positive(row.get(column) or "") for column in columns)
    return next((max(1, round(value)) for value in found if value), 1)


def _deployment(row: Mapping[str, str], batching: Literal["continuous", "static"]) -> Deployment:
    try:
        model, gpu = hf_config.model(row["model_id"]), catalogue.gpu(row["gpu"])
    except KeyError as error:
        raise NotPredicted(str(error.args[0])) from None
    tp, ranks = _parallel(row)
    share = re.search(r"gpu_mem\w*fraction up to ([\d.]+\d)", row.get("note") or "")
    return Deployment(
        model,
        gpu,
        _weights(row.get("weight_format") or ""),
        row.get("kv_dtype") or "auto",
        tp,
        _count(row, "pipeline_parallel"),
        ranks,
        row.get("engine") or "",
        row.get("engine_version") or "",
        batching,
        float(share[1]) if share else None,
    )


def _parallel(row: Mapping[str, str]) -> tuple[int, int]:
    """Tensor-parallel size and attention data-parallel ranks.

    Some tables multiply tensor and expert parallelism that share the same GPUs: eight of them
    appear as 64. Where both are equal and their product is the count, one of them is taken.
    """
    tp = _count(row, "tensor_parallel", "num_gpus")
    note = dict(re.findall(r"(attention_dp|moe_tp|moe_ep)=(\d+)", row.get("note") or ""))
    ranks, moe_tp, moe_ep = (int(note.get(x, 1)) for x in ("attention_dp", "moe_tp", "moe_ep"))
    if moe_tp == moe_ep > 1 and tp * ranks == moe_tp * moe_ep:
        return (moe_tp, 1) if ranks == 1 else (1, moe_tp)
    return tp, ranks


def _weights(printed: str) -> str:
    """A printed weight format in the catalogue's words."""
    name = re.sub(r"\s*\(.*\)", "", printed).strip().lower().replace("_", "-")
    return {"gptq-int8": "int8", "fp8-block": "fp8", "awq": "int4"}.get(name, name)


def slower(d: Deployment, seen: Benchmark, inp: float, out: float) -> float:
    """Measured time over the time that the model expects of the same run: above 1, it is slower.

    inp, out: tokens of a request where the benchmark does not say. The time per token is
    compared, else the throughput. Raises NotPredicted where neither can be.
    """
    if not seen.concurrency:
        raise NotPredicted("the benchmark does not state its concurrency; write `concurrency`")
    run = Run(d, "closed", seen.input_tokens or inp, seen.output_tokens or out, seen.concurrency)
    expects = expected(run)
    if seen.tpot_ms:
        return seen.tpot_ms / expects.itl_or_tpot_ms.central
    if seen.output_tokens_per_s:
        return expects.output_tokens_per_s_total.central / seen.output_tokens_per_s
    raise NotPredicted("the benchmark states neither tokens a second nor a time per token")
