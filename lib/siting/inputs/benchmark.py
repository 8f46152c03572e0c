"""Result files of a client's own benchmark, read by tool: figures in one unit, or a refusal.

vLLM's `bench serve` and SGLang's `bench_serving` (one run, JSON lines, or a sweep in a list),
GuideLLM (with `metrics`, and 0.1's own keys), AIPerf and genai-perf, LLMPerf's summary. Units are
those that the file states. A figure that no run can have is refused, with one line that says which.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
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
MOST = {
    "concurrency": 1e6, "output_tokens_per_s": 1e9, "ttft_ms": 1e8, "tpot_ms": 1e6,
    "input_tokens": 1e8, "output_tokens": 1e8,
}  # fmt: skip
"""No run of one replica has more; such a figure is damaged or in another unit."""
LEAST = 1e-4
"""Nor less of any of them."""
LARGEST = 64 << 20
"""Files above 64 MiB hold single requests. [B]"""
DEEPEST = 40
"""Results are not nested deeper."""

Object = Mapping[str, Any]
HOLDERS = (dict, list)


def read(text: str) -> Benchmark:
    """The run in a benchmark file; of several runs, the one with the highest throughput.

    Means are taken. Raises ValueError saying in one line what is wrong with the file.
    """
    runs = [run for item in _objects(text) for run in _runs(item)]
    for run in runs:
        _check(run)
    runs = [r for r in runs if r.output_tokens_per_s or r.tpot_ms]
    if not runs:
        raise ValueError(
            "the file holds neither tokens a second nor a time per token; give the JSON result of "
            "vLLM's bench serve, SGLang's bench_serving, GuideLLM, AIPerf, genai-perf or LLMPerf"
        )
    return max(runs, key=lambda r: r.output_tokens_per_s or 0.0)


def _objects(text: str) -> list[Object]:
    """The JSON objects of a file: one, those of a list, or one a line."""
    if len(text) > LARGEST:
        raise ValueError("the benchmark file is larger than 64 MiB; give the tool's summary")
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError("the benchmark file is nested deeper than any result") from None
    except ValueError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except (ValueError, RecursionError):
            found = None
        if not found:
            raise ValueError(
                "the benchmark file is not JSON; write the tool's JSON result"
            ) from None
    if _depth(found) > DEEPEST:
        raise ValueError("the benchmark file is nested deeper than any result")
    listed = found if isinstance(found, list) else [found]
    objects: list[Object] = [x for x in listed if isinstance(x, dict)]
    if not objects:
        raise ValueError("the benchmark file holds no result")
    return objects


def _depth(found: Any) -> int:
    """Levels of lists and objects, counted without recursion."""
    level, deep = [found], -1
    while level and deep <= DEEPEST:
        nested = [x.values() if isinstance(x, dict) else x for x in level if isinstance(x, HOLDERS)]
        level = [y for x in nested for y in x]
        deep += 1
    return deep


def _runs(data: Object) -> list[Benchmark]:
    """The runs of one object, by the tool that wrote it. Raises ValueError naming what is not."""
    listed = data.get("benchmarks")
    if isinstance(listed, list):
        return [run for item in listed if isinstance(item, dict) for run in _runs(item)]
    if "benchmarks" in data:
        raise ValueError("the benchmark file's `benchmarks` is no list of runs")
    for keys, why in REFUSED:
        if keys <= data.keys():
            raise ValueError(why)
    for marks, reader in READERS:
        if marks & data.keys():
            return [reader(data)]
    inner = [data.get(key) for key in ("records", "results", "summary")]
    return [run for item in inner if isinstance(item, dict) for run in _runs(item)]


def _check(run: Benchmark) -> None:
    for name in FIGURES:
        value = getattr(run, name)
        if value is not None and not LEAST <= value <= MOST[name]:
            raise ValueError(f"{run.tool}: {name} is {value:g}, which no run can have")


# --- figures ----------------------------------------------------------------------------------

UNITS = {
    "ns": 1e-6, "nanoseconds": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "microseconds": 1e-3,
    "ms": 1.0, "milliseconds": 1.0, "s": 1e3, "sec": 1e3, "secs": 1e3, "seconds": 1e3,
    "min": 6e4, "minutes": 6e4,
}  # fmt: skip
"""A unit of time in milliseconds."""


def _figure(data: Any, *path: str) -> float | None:
    """The number at a path of keys, or at `mean` or `avg` below it; None where nothing stands.

    Raises ValueError for anything but a finite number of zero or more.
    """
    for key in path:
        data = data.get(key) if isinstance(data, dict) else None
    if isinstance(data, dict):
        data = data.get("mean", data.get("avg"))
    if data is None:
        return None
    name = ".".join(path)
    if isinstance(data, bool) or not isinstance(data, int | float):
        raise ValueError(f"{name} is {str(data)[:20]!r}, not a number")
    try:
        value = float(data)
    except OverflowError:
        raise ValueError(
            f"{name} has {len(str(abs(data)))} digits, which no run can have"
        ) from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{name} is {value:g}, which no run can have")
    return value or None


def _in_ms(data: Object, key: str, default: str = "ms") -> float | None:
    """A time in milliseconds, from the unit that the file states beside it."""
    return _scaled(data, key, default, lambda unit: UNITS.get(unit.strip().lower()))


def _per_second(data: Object, key: str) -> float | None:
    """Tokens a second, from the unit that the file states beside it."""

    def factor(unit: str) -> float | None:
        of, _, time = unit.strip().lower().partition("/")
        milliseconds = UNITS.get(time.strip()) if of.strip() in ("tokens", "token") else None
        return 1e3 / milliseconds if milliseconds else None

    return _scaled(data, key, "tokens/s", factor)


def _scaled(
    data: Object, key: str, default: str, factor: Callable[[str], float | None]
) -> float | None:
    value, stated = _figure(data, key), data.get(key)
    unit = stated.get("unit", default) if isinstance(stated, dict) else default
    if value is None:
        return None
    times = factor(str(unit))
    if times is None:
        raise ValueError(f"{key} is in {str(unit)[:20]!r}, a unit that is not known")
    return value * times


def _little(run: Benchmark, requests_per_s: float | None, latency_ms: float | None) -> Benchmark:
    """The run with the mean number of requests under way, where no limit on it is stated."""
    if run.concurrency or not requests_per_s:
        return run
    if latency_ms is None and run.ttft_ms and run.tpot_ms and run.output_tokens:
        latency_ms = run.ttft_ms + run.tpot_ms * (run.output_tokens - 1)
    if latency_ms is None:
        return run
    return replace(run, concurrency=max(requests_per_s * latency_ms / 1e3, LEAST))


# --- tools ------------------------------------------------------------------------------------


def _vllm(data: Object) -> Benchmark:
    """vLLM's `bench serve` and SGLang's `bench_serving`, whose keys are the same."""
    count = _figure(data, "completed")
    read, written = _figure(data, "total_input_tokens"), _figure(data, "total_output_tokens")
    sglang = "mean_e2e_latency_ms" in data or "sharegpt_output_len" in data
    lengths = [total / count if total and count else None for total in (read, written)]
    run = Benchmark(
        "SGLang bench_serving" if sglang else "vLLM bench serve",
        _figure(data, "max_concurrency") or _figure(data, "concurrency"),
        _figure(data, "output_throughput"),
        _figure(data, "mean_ttft_ms"),
        _figure(data, "mean_tpot_ms"),
        *lengths,
    )
    latency = _figure(data, "mean_e2el_ms") or _figure(data, "mean_e2e_latency_ms")
    return _little(run, _figure(data, "request_throughput"), latency)


def _guidellm(data: Object) -> Benchmark:
    def mean(metric: str) -> float | None:
        return _figure(data, "metrics", metric, "successful") or _figure(data, "metrics", metric)

    return Benchmark(
        "GuideLLM",
        mean("request_concurrency"),
        mean("output_tokens_per_second"),
        mean("time_to_first_token_ms"),
        mean("inter_token_latency_ms") or mean("time_per_output_token_ms"),
        mean("prompt_token_count"),
        mean("output_token_count"),
    )


def _guidellm_first(data: Object) -> Benchmark:
    """GuideLLM 0.1: means beside the list of requests; times in milliseconds."""
    run = Benchmark(
        "GuideLLM 0.1",
        None,
        _figure(data, "output_token_throughput"),
        _figure(data, "time_to_first_token"),
        _figure(data, "inter_token_latency"),
        _figure(data, "prompt_token"),
        _figure(data, "output_token"),
    )
    latency = _figure(data, "request_latency")
    rate = _figure(data, "completed_request_rate")
    return _little(run, rate, latency * 1e3 if latency else None)


def _aiperf(data: Object) -> Benchmark:
    """AIPerf and genai-perf: each figure is an object with a unit."""
    run = Benchmark(
        "AIPerf or genai-perf",
        _aiperf_concurrency(data),
        _per_second(data, "output_token_throughput"),
        _in_ms(data, "time_to_first_token"),
        _in_ms(data, "inter_token_latency"),
        _figure(data, "input_sequence_length"),
        _figure(data, "output_sequence_length"),
    )
    return _little(run, _figure(data, "request_throughput"), _in_ms(data, "request_latency"))


def _aiperf_concurrency(data: Object) -> float | None:
    """What the configuration says: a limit, or that of the phase that was measured."""
    config = data.get("input_config")
    config = config if isinstance(config, dict) else {}
    phases = config.get("phases")
    listed: Iterable[Any] = phases.values() if isinstance(phases, dict) else phases or []
    if not isinstance(phases, dict | list | None):
        raise ValueError("input_config.phases is no list of phases")
    measured = [p for p in listed if isinstance(p, dict) and "warm" not in str(_name(p)).lower()]
    found = {_phase_concurrency(p) for p in measured} - {None}
    if len(found) > 1:
        raise ValueError(
            "input_config.phases holds several concurrencies for one set of figures; measure one"
        )
    return (
        next(iter(found), None)
        or _figure(config, "loadgen", "concurrency")
        or _figure(config, "concurrency")
        or _figure(config, "perf_analyzer", "stimulus", "concurrency")
        or _figure(data, "concurrency")
    )


def _name(phase: Object) -> Any:
    return phase.get("name") or phase.get("phase") or phase.get("type") or ""


def _phase_concurrency(phase: Object) -> float | None:
    return (
        _figure(phase, "concurrency")
        or _figure(phase, "load", "concurrency")
        or _figure(phase, "loadgen", "concurrency")
    )


def _llmperf(data: Object) -> Benchmark:
    """LLMPerf's summary: times in seconds."""

    def seconds(key: str) -> float | None:
        value = _figure(data, f"results_{key}_s_mean")
        return value * 1e3 if value else None

    return Benchmark(
        "LLMPerf",
        _figure(data, "num_concurrent_requests"),
        _figure(data, "results_mean_output_throughput_token_per_s"),
        seconds("ttft"),
        seconds("inter_token_latency"),
        _figure(data, "results_number_input_tokens_mean") or _figure(data, "mean_input_tokens"),
        _figure(data, "results_number_output_tokens_mean") or _figure(data, "mean_output_tokens"),
    )


REFUSED: tuple[tuple[frozenset[str], str], ...] = (
    (
        frozenset({"avg_latency", "latencies"}),
        "vLLM's bench latency measures no server under load; give the result of bench serve",
    ),
    (
        frozenset({"requests_per_second", "tokens_per_second", "elapsed_time"}),
        "vLLM's bench throughput states neither lengths nor concurrency; give the result of "
        "bench serve",
    ),
    (
        frozenset({"batch_size", "latency", "overall_throughput"}),
        "SGLang's bench_one_batch measures no server under load; give bench_serving's result",
    ),
    (
        frozenset({"experiments", "version"}),
        "this is Perf Analyzer's raw export; give profile_export_genai_perf.json",
    ),
    (
        frozenset({"end_to_end_latency_s", "number_output_tokens"}),
        "these are LLMPerf's single responses; give its summary file",
    ),
    (
        frozenset({"metadata", "metrics", "error"}),
        "these are AIPerf's single requests; give profile_export_aiperf.json",
    ),
)
"""Files that say too little, by keys that they alone hold together."""

READERS: tuple[tuple[frozenset[str], Callable[[Object], Benchmark]], ...] = (
    (frozenset({"results_ttft_s_mean", "results_mean_output_throughput_token_per_s"}), _llmperf),
    (frozenset({"output_throughput", "mean_tpot_ms"}), _vllm),
    (frozenset({"completed_request_rate"}), _guidellm_first),
    (frozenset({"metrics"}), _guidellm),
    (frozenset({"output_token_throughput", "inter_token_latency", "input_config"}), _aiperf),
)
"""Readers of a tool's results, by keys of which one is enough."""
