"""Benchmark runs: what was deployed and how it was loaded, and what the model expects of it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from siting import catalogue, hf_config
from siting.inputs.benchmark import Benchmark
from siting.memory.deployment import Deployment
from siting.quantity import Range
from siting.serving import loops, performance, spread
from siting.serving.loops import Loop, Traffic
from siting.serving.performance import NotPredicted, Replica

ROUNDS = 10.0
"""Requests that a client of a closed loop sends, where a run does not say (InferenceX: 10)."""


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark run."""

    deployment: Deployment
    loop: Loop
    input_tokens: float
    output_tokens: float
    load: float
    """Batch (static), clients (closed), requests a second (open), requests (saturated; inf)."""
    rounds: float = ROUNDS
    """Requests that a client sends; 1 is a burst; inf where the first round is not counted."""
    spread: float = 0.0
    """Range of the lengths of answers over their mean."""
    cached_share: float = 0.0
    """Share of the prompt that a prefix cache holds."""

    @property
    def traffic(self) -> Traffic:
        """The run as its replica meets it."""
        longest = self.input_tokens + self.output_tokens
        read = max(1.0, self.input_tokens * (1 - self.cached_share))
        return Traffic(
            self.load,
            read,
            self.output_tokens,
            self.input_tokens - read,
            performance.prompt_tokens_a_step(self.deployment, longest),
            self.spread,
            self.rounds,
        )


def run_of_row(row: Mapping[str, str]) -> Run:
    """A row of a table of throughput measurements. Raises NotPredicted saying what is missing."""
    inp, out = _number(row, "input_tokens"), _number(row, "output_tokens")
    mode, note = (row.get("offline_or_server") or "").lower(), row.get("note") or ""
    stated, rate = row.get("concurrency_or_batch") or "", row.get("request_rate") or ""
    single = "static" in mode or "single stream" in mode or "batch" in mode
    loop: Loop
    clients, arriving = _positive(stated), _positive(rate)
    sent = _found(r"(\d+) (?:requests|prompts)\b", note)
    rounds, load = ROUNDS, 0.0
    if clients:
        loop, load = ("static" if single else "closed"), clients
        rounds = max(1.0, sent / clients) if sent else ROUNDS
    elif arriving:
        loop, load = "open", arriving
    elif "max" in stated or "inf" in rate:
        loop, load = "saturated", sent or math.inf
    else:
        raise NotPredicted("neither concurrency, batch nor request rate is stated")
    if "burst" in mode or "at once, one answer each" in note or "llama-benchy" in note:
        rounds = 1.0
    elif "median TTFT" in note:
        rounds = math.inf
    batching: Literal["continuous", "static"] = (
        "static" if loop == "static" and load > 1 else "continuous"
    )
    share = min(_found(r"prefix (?:cache )?hits? (?:of )?([\d.]+) ?%", note) / 100, 1.0)
    return Run(_deployment(row, batching), loop, inp, out, load, rounds, _spread(note), share)


def _found(pattern: str, note: str) -> float:
    """The number that a note states; 0 where it does not."""
    found = re.search(pattern, note, re.IGNORECASE)
    return (_positive(found[1]) or 0.0) if found else 0.0


def _spread(note: str) -> float:
    """Range of lengths over their mean, where they were drawn between shares of the stated."""
    if "InferenceMAX" in note:
        return 0.2 / 0.9  # that harness draws from 0.8 to 1 times the stated
    found = re.search(r"lengths drawn from ([\d.]+\d|\d) to ([\d.]+\d|\d) times", note)
    low, high = (_positive(found[1]), _positive(found[2])) if found else (None, None)
    return (high - low) / ((high + low) / 2) if low and high and high > low else 0.0


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model expects of a run, with the range that a report would print."""

    output_tokens_per_s_total: Range
    ttft_ms: Range | None
    """None where every request is queued, or where no first token of the engine was measured."""
    itl_or_tpot_ms: Range
    distance: spread.Distance
    queued: bool = False
    """Whether every request waited from the start: then a first token has no time of its own."""


def room(d: Deployment, r: Replica, run: Run) -> float:
    """Sequences that the replica takes in at once."""
    if run.loop == "static":
        return math.inf
    t = run.traffic
    longest = run.input_tokens + run.output_tokens
    held = performance.slots(d, r, float(t.longest), longest, ran=True)
    return max(1.0, min(held, performance.most_sequences(d)))


def expected(run: Run) -> Expected:
    """The model's estimate of a run. Raises NotPredicted with the reason."""
    d = run.deployment
    r, where = performance.replica(d), performance.regime(d) | {"loop": run.loop}
    k = performance.efficiencies(where)
    found = loops.speed(r, k, run.loop, run.traffic, room(d, r, run))
    distance = spread.distance(where)
    load = float(np.asarray(found.running))

    def ranged(quantity: str, value: float, unit: str) -> Range | None:
        factors = spread.factors(where, quantity, load)
        if factors is None or not math.isfinite(value):
            return None
        return Range(value * factors[0], value, value * factors[1], unit)

    rate = ranged("output_tokens_per_s_total", float(found.output_tokens_per_s), "tokens/s")
    tpot = ranged("itl_or_tpot_ms", float(found.tpot_s) * 1e3, "ms")
    if rate is None or tpot is None:
        raise NotPredicted("the estimate is not a finite number")
    first = ranged("ttft_ms", float(found.ttft_s) * 1e3, "ms")
    return Expected(rate, first, tpot, distance, run.loop == "saturated")


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


MOST_GPUS = 4096
"""No replica of a published run has more."""


def _count(row: Mapping[str, str], *columns: str) -> int:
    """The first of the columns that states a number; 1 if none does.

    Raises NotPredicted where one states what no layout can have.
    """
    for column in columns:
        text = row.get(column) or ""
        if not text:
            continue
        value = _positive(text)
        if value is None or value < 1 or value > MOST_GPUS or value != round(value):
            raise NotPredicted(f"{column} is {text!r}, which no layout can have")
        return round(value)
    return 1


def _deployment(row: Mapping[str, str], batching: Literal["continuous", "static"]) -> Deployment:
    try:
        model, gpu = hf_config.model(row["model_id"]), catalogue.gpu(row["gpu"])
    except KeyError as error:
        raise NotPredicted(str(error.args[0])) from None
    tp, ranks = _parallel(row)
    note = row.get("note") or ""
    share = _found(r"gpu_mem\w*fraction up to ([\d.]+\d)", note)
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
        share if 0 < share <= 1 else None,
        round(_found(r"--max-num-batched-tokens[ =](\d+)", note)) or None,
        power_limit_w=_found(r"([\d.]+) W limit", note) or None,
    )


def _parallel(row: Mapping[str, str]) -> tuple[int, int]:
    """Tensor-parallel size and attention data-parallel ranks.

    Some tables multiply tensor and expert parallelism that share the same GPUs: eight of them
    appear as 64. Where both are equal and their product is the count, one of them is taken.
    Raises NotPredicted where the note gives a layout with a zero: it was not recorded.
    """
    tp = _count(row, "tensor_parallel", "num_gpus")
    note = dict(re.findall(r"(attention_dp|moe_tp|moe_ep)=(\d+)", row.get("note") or ""))
    sizes = {name: _count(note, name) if name in note else 1 for name in PARALLEL}
    ranks, moe_tp, moe_ep = (sizes[x] for x in PARALLEL)
    if moe_tp == moe_ep > 1 and tp * ranks == moe_tp * moe_ep:
        return (moe_tp, 1) if ranks == 1 else (1, moe_tp)
    return tp, ranks


PARALLEL = ("attention_dp", "moe_tp", "moe_ep")


def _weights(printed: str) -> str:
    """A printed weight format in the catalogue's words."""
    name = re.sub(r"\s*\(.*\)", "", printed).strip().lower().replace("_", "-")
    names = {"gptq-int8": "int8", "fp8-block": "fp8", "awq": "int4", "int4-wo": "int4-experts"}
    return names.get(name, name)


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
