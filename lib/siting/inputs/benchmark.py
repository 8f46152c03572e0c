"""Result files of a client's own benchmark: vLLM's `bench serve`, GuideLLM's and AIPerf's JSON."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, fields
from typing import Any


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


def read(text: str) -> Benchmark:
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
