"""Predict published speeds row by row: tokens a second, time to first token, time per token."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Literal

from siting import catalogue
from siting.memory import engines
from siting.memory.deployment import OF_AMD, Deployment
from siting.memory.weights import tensors
from siting.quantity import NotEstimated
from siting.serving.loops import ROUNDS, Traffic
from siting.serving.performance import VENDOR

from siting_validation.cases import Estimate, Kind, Row, number, positive, whole
from siting_validation.runs import Expected, Loop, Run, expected

SPEEDS = ("ttft_ms", "itl_or_tpot_ms", "output_tokens_per_s_total")
QUEUED = "every request is queued at the start: the wait for the first token has no estimate"
NO_FIRST = "no time to first token of this engine was ever measured: none is estimated"


def predict(found: Expected, _row: Row, quantity: str) -> Estimate:
    """A speed of a run. Raises NotEstimated where none is estimated."""
    if quantity not in found.speeds:
        raise NotEstimated(QUEUED if found.loop == "saturated" else NO_FIRST)
    return Estimate(found.speeds[quantity], found.distance.words)


# --- a row of a table as a run -----------------------------------------------------------------


def run_of(row: Row) -> Run:
    """A row of a table of throughput measurements. Raises one of ERRORS saying what is missing."""
    inp = _tokens(row, "input_tokens")
    out = _tokens(row, "output_tokens")
    note = row.get("note", "")
    loop, load = _load_of(row)
    d = _deployment(row, "static" if loop == "static" and load > 1 else "continuous")
    dummy = False
    if engines.engine_name(d.engine) in VENDOR and d.release is not None:
        dummy = loop == "static" and d.release < (0, 10)
        if loop == "saturated" and d.release >= (1, 0) and "attention_dp" not in note:
            d = _attending_apart(d)
    read = max(1.0, inp * (1 - _cached_share(note)))
    asked = Traffic(
        load=load,
        input_tokens=read,
        output_tokens=out,
        prefix_tokens=inp - read,
        spread=_spread(note),
        rounds=_rounds(row, loop, load),
        sent=_found(r"(\d+) ShareGPT prompts\b", note) or math.inf,
        looks=_looks(d, row, load, out),
    )
    return Run(deployment=d, loop=loop, asked=asked, dummy=dummy)


def _load_of(row: Row) -> tuple[Loop, float]:
    """How a run was loaded, and with how much: sequences in a batch, clients, requests a second, or
    requests that were queued at the start."""
    mode = row.get("offline_or_server", "").lower()
    stated = row.get("concurrency_or_batch", "")
    rate = row.get("request_rate", "")
    if clients := _positive(stated):
        single = "static" in mode or "single stream" in mode or "batch" in mode
        return "static" if single else "closed", clients
    if arriving := _positive(rate):
        return "open", arriving
    if "max" in stated or "inf" in rate:
        return "saturated", _sent(row) or math.inf
    raise NotEstimated("neither concurrency, batch nor request rate is stated")


def _sent(row: Row) -> float:
    """Requests of a whole run, as a note says; 0 where it does not."""
    return _found(r"(\d+) (?:requests|prompts)\b", row.get("note", ""))


def _rounds(row: Row, loop: Loop, load: float) -> float:
    """Requests that a client sends one after the other."""
    note = row.get("note", "")
    is_burst = "burst" in row.get("offline_or_server", "").lower()
    if is_burst or "at once, one answer each" in note or "llama-benchy" in note:
        return 1.0
    if "median TTFT" in note:
        return math.inf
    sent = _sent(row)
    is_of_clients = loop in ("static", "closed")
    return max(1.0, sent / load) if sent and is_of_clients else ROUNDS


HELD_BACK = 60.0
"""Steps for which TensorRT-LLM holds prompts back with attention data parallel, if not every rank
has one before, under InferenceX: `enable_balance` and `timeout_iters: 60` of `attention_dp_config`
in its scripts dsr1_*_trt*.sh since September 2025; those of gpt-oss leave the engine's own 50."""


def _looks(d: Deployment, row: Row, clients: float, out: float) -> float:
    """Steps from one that takes requests in to the next: as a note says, or as a harness is known
    to set it; else every step does.

    TensorRT-LLM lets prompts in when every rank has one, or when it has counted its steps to the
    end (`_balance_adp_requests` in py_executor.py). Each prompt goes to the rank with the fewest,
    so that all have one after as many as there are ranks.
    """
    note = row.get("note", "")
    stated = _found(r"--scheduler-recv-interval[ =](\d+)", note)
    if stated:
        return stated
    ranks = d.attention_data_parallel
    held_back = engines.engine_name(d.engine) == "tensorrt-llm" and ranks > 1
    if not (held_back and INFERENCEX.search(f"{note} {row.get('source', '')}")):
        return 1.0
    return max(1.0, min(HELD_BACK, ranks * out / clients))


INFERENCEX = re.compile(r"\bInference(?:MAX|X)\b")
"""Names of SemiAnalysis' harness."""


REPEATED = 0.95
"""Part of a prompt that is found in the cache where a harness draws from a few dozen prompts."""


def _cached_share(note: str) -> float:
    """Part of a prompt that a prefix cache holds: as a note says.

    A load profile of inference-perf draws from 44 prompts (11 system prompts for 4 users each),
    and engines keep prefixes unless told otherwise: all but the first requests find their own.
    """
    stated = _found(r"prefix (?:cache )?hits? (?:of )?([\d.]+) ?%", note) / 100
    if not stated and re.search(r"\bprofile (?:codegen|general|roleplay|reasoning)", note):
        return REPEATED
    return min(stated, 1.0)


def _attending_apart(d: Deployment) -> Deployment:
    """A mixture of experts in the layout in which TensorRT-LLM's tables have run it since 1.0.

    Its page of performance states the command: `enable_attention_dp` for all such models.
    """
    if not tensors(d.model).experts:
        return d
    return replace(d, tensor_parallel=1, attention_data_parallel=d.tensor_parallel)


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


MOST = 1e9
"""No run has as many tokens, clients or requests a second; such a cell is damaged."""


def _positive(text: str) -> float | None:
    """A number above zero that a run can have; None for anything else."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 1 / MOST < value < MOST else None


def _tokens(row: Row, column: str) -> float:
    """Tokens of a request: one or more."""
    value = number(row, column)
    if value is None:
        raise NotEstimated(f"{column} is not stated")
    if not 1 <= value <= MOST:
        raise NotEstimated(f"{column} is {row[column]!r}, which no run can have")
    return value


BY_ROW = re.compile(r"\bfbgemm|FP8-meta\b", re.IGNORECASE)
"""Names of Meta's own 8-bit checkpoints, whose config.json says `fbgemm_fp8`: scales by row."""
SLOW_BY_ROW = (
    "8-bit weights with scales by row (FBGEMM) have no fused product on AMD cards: "
    "how much slower they are is not known"
)


SHARE = r"(?:gpu_mem\w*fraction up to|mem-fraction-static|--gpu-memory-utilization)"
"""Words before the share of a card that an engine may take."""


def _deployment(row: Row, batching: Literal["continuous", "static"]) -> Deployment:
    gpu = catalogue.gpu(row["gpu"])
    tp, ranks = _parallel(row)
    note = row.get("note", "")
    printed = row.get("weight_format", "")
    if gpu.kernels in OF_AMD and BY_ROW.search(f"{printed} {note}"):
        raise NotEstimated(SLOW_BY_ROW)
    share = _found(SHARE + r"[ =]{0,2}([\d.]*\d)", note)
    return Deployment(
        model=catalogue.model(row["model_id"]),
        gpu=gpu,
        weights=_weights(f"{printed} ({note})" if "w4a16" in note.lower() else printed),
        kv_cache=row.get("kv_dtype") or "auto",
        tensor_parallel=tp,
        pipeline_parallel=whole(row, "pipeline_parallel") or 1,
        attention_data_parallel=ranks,
        expert_parallel=round(_found(r"\bmoe_ep=(\d+)", note)) or 1,
        engine=row.get("engine", ""),
        engine_version=row.get("engine_version", ""),
        batching=batching,
        utilization=share if 0 < share <= 1 else None,
        batched_tokens=round(_found(r"--max-num-batched-tokens[ =](\d+)", note)) or None,
        sequences=round(_found(r"--max-num-seqs[ =](\d+)", note)) or None,
        power_limit_w=_found(r"([\d.]+) W limit", note) or None,
    )


def _parallel(row: Row) -> tuple[int, int]:
    """Tensor-parallel size and attention data-parallel ranks.

    Some tables multiply tensor and expert parallelism that share the same GPUs: eight of them
    appear as 64. Where both are equal and their product is the count, one of them is taken.
    Raises ValueError where the note gives a layout with a zero: it was not recorded.
    """
    tp = whole(row, "tensor_parallel") or whole(row, "num_gpus") or 1
    note = dict(re.findall(r"(attention_dp|moe_tp|moe_ep)=(\d+)", row.get("note", "")))
    ranks, moe_tp, moe_ep = (whole(note, x) or 1 for x in ("attention_dp", "moe_tp", "moe_ep"))
    if moe_tp == moe_ep > 1 and tp * ranks == moe_tp * moe_ep:
        return (moe_tp, 1) if ranks == 1 else (1, moe_tp)
    return tp, ranks


def _weights(printed: str) -> str:
    """A printed weight format in the catalogue's words."""
    if re.search(r"fp4", printed, re.IGNORECASE) and re.search(r"w4a16", printed, re.IGNORECASE):
        return "nvfp4-w4a16"
    name = re.sub(r"\s*\(.*\)", "", printed).strip().lower().replace("_", "-")
    names = {"gptq-int8": "int8", "fp8-block": "fp8", "awq": "int4", "int4-wo": "int4-experts"}
    return names.get(name, name)


KIND = Kind(
    quantities=SPEEDS,
    cells=dict.fromkeys(SPEEDS, positive),
    run=lambda row: expected(run_of(row)),
    predict=predict,
)
