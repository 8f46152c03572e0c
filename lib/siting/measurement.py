"""Benchmark runs: what was deployed and how it was loaded, and what the model expects of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from siting import catalogue, performance
from siting.performance import Deployment, Loop, NotPredicted
from siting.quantity import Range


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
    if re.fullmatch(r"[\d.]+", stated) and float(stated) > 0:
        loop, load = ("static" if single else "closed"), float(stated)
    elif re.fullmatch(r"[\d.]+", rate) and float(rate) > 0:
        loop, load = "open", float(rate)
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


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        value = float(row[column])
    except (KeyError, ValueError):
        raise NotPredicted(f"{column} is not stated") from None
    if not value > 0:
        raise NotPredicted(f"{column} is {row[column]}, not above zero")
    return value


def _count(row: Mapping[str, str], *columns: str) -> int:
    """The first of the columns that states a number; 1 if none does."""
    for column in columns:
        text = (row.get(column) or "").strip()
        if re.fullmatch(r"\d+(\.0*)?", text) and float(text) > 0:
            return int(float(text))
    return 1


def _deployment(row: Mapping[str, str], batching: Literal["continuous", "static"]) -> Deployment:
    try:
        model, gpu = catalogue.model(row["model_id"]), catalogue.gpu(row["gpu"])
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
