"""Result files of a client's own benchmark, read by tool: figures in one unit, or a refusal.

vLLM's `bench serve` and SGLang's `bench_serving` (one run, JSON lines, or a sweep in a list),
GuideLLM (with `metrics`, and 0.1's own keys), AIPerf and genai-perf, LLMPerf's summary. Units are
those that the file states. A figure that no run can have is refused, with one line that says which.
To read another tool's file, add a row to siting_facts/benchmark_files.csv.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from json import JSONDecodeError
from pathlib import Path
from typing import Any

from siting_report import plain_files

from siting.catalogue import Fact, table
from siting.inputs.document import at, members

MOST = {
    "concurrency": 1e6, "output_tokens_per_s": 1e9, "ttft_ms": 1e8, "tpot_ms": 1e6,
    "input_tokens": 1e8, "output_tokens": 1e8,
}  # fmt: skip
"""No run of one replica has more; such a figure is damaged or in another unit."""
FIGURES = tuple(MOST)
"""Names of the figures of a benchmark; a scenario's `measured` has the same."""
Figures = Mapping[str, float | None]
"""What a benchmark file says of one run, by figure; None where it does not say."""
_LITTLE = ("requests_per_s", "latency_ms")
LEAST = 1e-4
"""Nor less of any of them."""
LARGEST = 64 << 20
"""All files of a scenario together; larger ones hold single requests. [B]"""
MOST_FILES = 50
"""Files of a scenario."""
MOST_VALUES = 2_000_000
MOST_OBJECTS = 300_000
"""Of one file: in memory each takes up to a hundred times what it takes in the file."""
DEEPEST = 40
"""Results are not nested deeper."""

Object = Mapping[str, Any]


class ReadAllowance:
    """What a scenario may still have read of benchmark files."""

    def __init__(self) -> None:
        self.files = MOST_FILES
        self.size = LARGEST

    def take(self, path: Path) -> bytes:
        """The content of a file. Raises ValueError where it is no plain file, one too many, or
        larger than what is left."""
        if not self.files:
            raise ValueError(
                f"is one of more than {MOST_FILES} benchmark files; keep those of the runs that "
                "decide, or join them in one file, a run a line"
            )
        content = plain_files.content(path, LARGEST)
        if len(content) > self.size:
            raise ValueError(
                f"and the benchmark files before it are larger than {LARGEST >> 20} MiB; "
                "export them without single requests"
            )
        self.files -= 1
        self.size -= len(content)
        return content


class Tool(Fact, tables="benchmark_files", key="tool"):
    """What the JSON files of a tool hold, and where.

    A figure is a list of keys, of which the first that is there counts: `outer.inner` leads into an
    object, `a/b` is divided, `key:s` is in seconds unless the file says otherwise.
    """

    tool: str
    marks: str
    """Keys by which such a file is known: one is enough, or all where it is refused."""
    refused: str = ""
    """Why such a file says too little, and what to give instead."""
    concurrency: str = ""
    output_tokens_per_s: str = ""
    ttft_ms: str = ""
    tpot_ms: str = ""
    input_tokens: str = ""
    output_tokens: str = ""
    requests_per_s: str = ""
    latency_ms: str = ""
    """Of a whole request; with requests_per_s it tells how many are under way (Little's law)."""

    def wrote(self, data: Object) -> bool:
        """Whether a file with these keys is one of its."""
        known = {*self.marks.split()} & data.keys()
        return len(known) == len(self.marks.split()) if self.refused else bool(known)


# --- files ------------------------------------------------------------------------------------


def read(text: str) -> Figures:
    """The run in a benchmark file; of several runs, the one with the highest throughput.

    Means are taken. Raises ValueError saying in one line what is wrong with the file.
    """
    runs = [run for item in _objects(text) for run in _runs(item)]
    runs = [r for r in runs if r["output_tokens_per_s"] or r["tpot_ms"]]
    if not runs:
        raise ValueError(
            "the file holds neither tokens a second nor a time per token; give the JSON result of "
            "vLLM's bench serve, SGLang's bench_serving, GuideLLM, AIPerf, genai-perf or LLMPerf"
        )
    return max(runs, key=lambda r: r["output_tokens_per_s"] or 0.0)


def _objects(text: str) -> list[Object]:
    """The JSON objects of a file: one, those of a list, or one a line."""
    objects_at_most = text.count("{") + text.count("[")
    values_at_most = objects_at_most + text.count(",")
    if objects_at_most > MOST_OBJECTS or values_at_most > MOST_VALUES:
        raise ValueError(
            f"the benchmark file holds more than {MOST_VALUES:,} values, or {MOST_OBJECTS:,} "
            "objects; export it without single requests"
        )
    try:
        try:
            found = plain_files.parsed(text, DEEPEST)
        except JSONDecodeError:
            lines = [line for line in text.splitlines() if line.strip()]
            found = [plain_files.parsed(line, DEEPEST) for line in lines or [text]]
    except ValueError as error:
        wrong = "is not JSON" if isinstance(error, JSONDecodeError) else str(error)
        raise ValueError(f"the benchmark file {wrong}; write the tool's JSON result") from None
    listed = found if isinstance(found, list) else [found]
    objects: list[Object] = [x for x in listed if isinstance(x, dict)]
    if not objects:
        raise ValueError("the benchmark file holds no result")
    return objects


def _runs(data: Object) -> list[Figures]:
    """The runs of one object, by the tool that wrote it. Raises ValueError naming what is not."""
    listed = data.get("benchmarks")
    if "benchmarks" in data and not isinstance(listed, list):
        raise ValueError("the benchmark file's `benchmarks` is no list of runs")
    if listed is None:
        for tool in table("benchmark_files", Tool):
            if tool.wrote(data):
                return [_run(tool, data)]
        listed = [data.get(key) for key in ("records", "results", "summary")]
    return [run for item in listed if isinstance(item, dict) for run in _runs(item)]


def _run(tool: Tool, data: Object) -> Figures:
    if tool.refused:
        raise ValueError(tool.refused)
    found = {f: _figure(data, f, getattr(tool, f)) for f in (*FIGURES, *_LITTLE)}
    rate, latency = (found.pop(f) for f in _LITTLE)
    first, each, tokens = (found[f] for f in ("ttft_ms", "tpot_ms", "output_tokens"))
    if latency is None and first and each and tokens:
        latency = first + each * (tokens - 1)
    found["concurrency"] = _phases(data) or found["concurrency"]
    if not found["concurrency"] and rate and latency:
        found["concurrency"] = max(rate * latency / 1e3, LEAST)
    for name, value in found.items():
        if value is not None and not LEAST <= value <= MOST[name]:
            raise ValueError(f"{tool.tool}: {name} is {value:g}, which no run can have")
    return found


def _phases(data: Object) -> float | None:
    """Concurrency of the phase that was measured, where AIPerf's configuration lists phases."""
    phases = at(data, ("input_config", "phases"))
    if not isinstance(phases, dict | list | None):
        raise ValueError("input_config.phases is no list of phases")
    listed = (phase for _, phase in members(phases))
    measured = [p for p in listed if isinstance(p, dict) and "warm" not in _name(p)]
    places = "concurrency load.concurrency loadgen.concurrency"
    found = {_figure(p, "concurrency", places) for p in measured} - {None}
    if len(found) > 1:
        raise ValueError(
            "input_config.phases holds several concurrencies for one set of figures; measure one"
        )
    return next(iter(found), None)


def _name(phase: Object) -> str:
    return str(phase.get("name") or phase.get("phase") or phase.get("type") or "").lower()


# --- figures ----------------------------------------------------------------------------------

UNITS = {
    "ns": 1e-6, "nanoseconds": 1e-6, "us": 1e-3, "µs": 1e-3, "μs": 1e-3, "microseconds": 1e-3,
    "ms": 1.0, "milliseconds": 1.0, "s": 1e3, "sec": 1e3, "secs": 1e3, "seconds": 1e3,
    "min": 6e4, "minutes": 6e4,
}  # fmt: skip
"""A unit of time in milliseconds."""


def _figure(data: Object, figure: str, places: str) -> float | None:
    """The first of the figures at `places` that is above zero, in the unit of `figure`."""
    for place in places.split():
        keys, _, unit = place.partition(":")
        whole, _, parts = keys.partition("/")
        value = _number(data, whole)
        if value and parts:
            count = _number(data, parts)
            return value / count if count else None
        if value:
            return value * _factor(figure, whole, at(data, whole.split(".")), unit)
    return None


def _number(data: Object, keys: str) -> float | None:
    """The number at dotted keys, or at `mean` or `avg` below them; None where nothing stands.

    Raises ValueError for anything but a finite number of zero or more.
    """
    found = at(data, keys.split("."))
    if isinstance(found, dict):
        found = found.get("mean", found.get("avg"))
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"{keys} is {str(found)[:20]!r}, not a number")
    try:
        value = float(found)
    except OverflowError:
        digits = len(str(abs(found)))
        raise ValueError(f"{keys} has {digits} digits, which no run can have") from None
    if not math.isfinite(value) or value < 0:
        raise ValueError(f"{keys} is {value:g}, which no run can have")
    return value


def _factor(figure: str, key: str, stated: Any, default: str) -> float:
    """What turns the unit that the file states beside a figure into milliseconds or tokens/s."""
    if not figure.endswith(("_ms", "tokens_per_s")):
        return 1.0
    usual = default or ("ms" if figure.endswith("_ms") else "tokens/s")
    unit = str(stated.get("unit", usual) if isinstance(stated, dict) else usual)
    of, _, time = unit.strip().lower().rpartition("/")
    milliseconds = UNITS.get(time.strip())
    if milliseconds and figure.endswith("_ms") and not of:
        return milliseconds
    if milliseconds and not figure.endswith("_ms") and of.strip() in ("tokens", "token"):
        return 1e3 / milliseconds
    raise ValueError(f"{key} is in {unit[:20]!r}, a unit that is not known")
