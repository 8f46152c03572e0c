"""Benchmark runs: what was deployed and how it was loaded, and what the model expects of it.

Reads rows of tables of published measurements, and the files that a client's own benchmark
writes: vLLM's `bench serve --save-result`, GuideLLM's and AIPerf's JSON.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Literal

from siting import catalogue
from siting.quantity import Range
from siting.serving import performance
from siting.serving.performance import Deployment, Loop, NotPredicted


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


# --- a client's own benchmark -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Benchmark:
    """What a benchmark file says of one run; None where it does not say."""

    tool: str
    concurrency: float | None = None
    output_tokens_per_s: float | None = None
    ttft_ms: float | None = None
    tpot_ms: float | None = None
    input_tokens: float | None = None
    output_tokens: float | None = None


FIGURES = tuple(f.name for f in fields(Benchmark) if f.name != "tool")
"""Names of the figures of a benchmark; a scenario's `measured` has the same."""


def read_benchmark(text: str) -> Benchmark:
    """The run in a benchmark file; of several runs, the one with the highest throughput.

    Means are taken. Raises ValueError saying what is wrong with the file.
    """
    try:
        data = json.loads(text)
    except ValueError:
        raise ValueError("the benchmark file is not JSON; write the tool's JSON result") from None
    if isinstance(data, list):
        data = {"benchmarks": data}
    if not isinstance(data, dict):
        raise ValueError("the benchmark file holds no result")
    if "benchmarks" in data:
        runs = [_guidellm(run) for run in data["benchmarks"] if isinstance(run, dict)]
    elif "output_throughput" in data or "mean_tpot_ms" in data:
        runs = [_vllm(data)]
    else:
        runs = [_aiperf(data.get("records") or data)]
    runs = [r for r in runs if r.output_tokens_per_s or r.tpot_ms]
    if not runs:
        raise ValueError(
            "the file holds neither tokens a second nor a time per token; give the JSON result of "
            "vLLM's bench, GuideLLM or AIPerf"
        )
    return max(runs, key=lambda r: r.output_tokens_per_s or 0.0)


def _at(data: Any, *path: str) -> float | None:
    """The number at a path of keys, or at `mean` or `avg` below it."""
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data = data.get("mean", data.get("avg"))
    return float(data) if isinstance(data, int | float) and math.isfinite(data) else None


def _vllm(data: dict[str, Any]) -> Benchmark:
    count = _at(data, "completed") or 0.0
    read, written = _at(data, "total_input_tokens"), _at(data, "total_output_tokens")
    return Benchmark(
        "vLLM bench",
        _at(data, "max_concurrency"),
        _at(data, "output_throughput"),
        _at(data, "mean_ttft_ms"),
        _at(data, "mean_tpot_ms"),
        read / count if read and count else None,
        written / count if written and count else None,
    )


def _guidellm(run: dict[str, Any]) -> Benchmark:
    def mean(metric: str) -> float | None:
        return _at(run, "metrics", metric, "successful") or _at(run, "metrics", metric)

    return Benchmark(
        "GuideLLM",
        mean("request_concurrency"),
        mean("output_tokens_per_second"),
        mean("time_to_first_token_ms"),
        mean("inter_token_latency_ms") or mean("time_per_output_token_ms"),
        mean("prompt_token_count"),
        mean("output_token_count"),
    )


def _aiperf(data: dict[str, Any]) -> Benchmark:
    config = data.get("input_config") or {}
    return Benchmark(
        "AIPerf",
        _at(config, "loadgen", "concurrency") or _at(data, "concurrency"),
        _at(data, "output_token_throughput"),
        _at(data, "time_to_first_token"),
        _at(data, "inter_token_latency"),
        _at(data, "input_sequence_length"),
        _at(data, "output_sequence_length"),
    )


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
