"""Read a public record of fine-tuning as the kit's own inputs, and predict its peak.

Only what was set before the run is read; a blank setting is unknown, and the note says which.
"""

from __future__ import annotations

import re
from typing import Literal

from siting.memory import training
from siting.memory.deployment import usable_gib
from siting.memory.distance import in_words, unmeasured
from siting.quantity import NotEstimated, Range

from siting_validation.cases import Estimate, Kind, Row, positive, whole
from siting_validation.vram import gpu_of, model_of


def predict(job: training.Job, row: Row, quantity: str) -> Estimate:
    """A quantity of a run. Raises NotEstimated, KeyError or ValueError."""
    far = in_words(unmeasured("training", training.aspects(job)))
    note = "; ".join(filter(None, (far, _assumed(row))))
    peak = training.Peak(job)
    return Estimate(peak.reported if quantity == "peak_gib_per_gpu" else _fits(peak, row), note)


def _fits(peak: training.Peak, row: Row) -> Range:
    gpu, _ = gpu_of(row)
    if gpu is None:
        raise NotEstimated("the card is not stated")
    room = usable_gib(gpu)
    need = peak.reserved
    return Range(
        float(need.high <= room.low),
        float(need.central <= room.central),
        float(need.low <= room.high),
    )


def job_of(row: Row) -> training.Job:
    """A fine-tuning run from a row of finetune.csv. Raises NotEstimated, KeyError, ValueError."""
    model, _ = model_of(row, "model_id")
    method, _, task = row.get("method", "").lower().partition("[")
    if not method.strip():
        raise NotEstimated("the method is not stated")
    if re.search(r"grpo|ppo|rloo", task):
        raise NotEstimated("the memory of the generation engine beside the training is not stated")
    pairs = 2 if re.search(r"dpo|kto|orpo|cpo|rm\b", task) else 1
    month = _month(row)
    frame = training.framework(row.get("framework", ""), model.model_id, month)
    rule, in_backward = _optimizer(row)
    checkpointing, offloaded = _checkpointing(row)
    if checkpointing is None and "pretrain" in row["method"].lower():
        checkpointing = False  # recomputing is asked for when tuning, seldom when training anew
    sharding, host = _sharding(row)
    note = row.get("note", "").lower()
    ranks = _ranks(row)
    tokens = whole(row, "seq_len")
    if tokens is None:
        raise NotEstimated("seq_len is not stated")
    return training.Job(
        model=model,
        method=method,
        base=_base(row, method, frame),
        optimizer=rule,
        in_backward=in_backward,
        tokens=tokens,
        micro_batch=(whole(row, "micro_batch") or 1) * pairs,
        checkpointing=checkpointing,
        activations_offloaded=offloaded or "activation_offloading" in note,
        parameters_offloaded=host,
        gpus=whole(row, "num_gpus") or 1,
        sharding=sharding,
        lora_rank=whole(row, "lora_rank") or 8,
        targets=_targets(row.get("note", "")) or frame.targets,
        adapted_experts=_experts_are_adapted(note, frame),
        loss=_loss(note),
        adapted_head=bool(re.search(r"targets?=[^;]*head", row.get("note", ""))),
        packed="packing=false" not in note and (frame.packs or "packing=true" in note),
        capped="<" in row["seq_len"] and "sets the peak" not in note,
        float8="float8" in note or "fp8" in note,
        reference_model=pairs == 2,
        framework=frame.name,
        month=month,
        tensor_parallel=ranks.get("tp", 1),
        pipeline_parallel=ranks.get("pp", 1),
        context_parallel=ranks.get("cp", 1),
        expert_parallel=ranks.get("ep", 1),
    )


def _experts_are_adapted(note: str, frame: training.Framework) -> bool:
    """Whether a note says so, or adapts all linear layers where experts are such layers."""
    said = re.search(r"(?<!no )\btarget experts", note)
    return bool(said) or (frame.adapts_experts and "targets=true" in note)


def _loss(note: str) -> Literal["", "whole", "cut"]:
    """How a note says that the loss is computed; blank: it does not."""
    found = re.search(r"\bloss=(whole|cut)\b", note)
    if not found:
        return ""
    return "cut" if found[1] == "cut" else "whole"


def _month(row: Row) -> str:
    """The month (YYYY-MM) before which a note says that a record was made; blank: not stated."""
    found = re.search(r"pre-?\s?(\d{4}-\d{2})", row.get("note", ""))
    return found[1] if found else ""


def _ranks(row: Row) -> dict[str, int]:
    """Degrees of tensor, pipeline, context and expert parallelism, as written in the row."""
    text = f"{row.get('sharding', '')} {row.get('note', '')}".lower()
    words = {"tensor": "tp", "pipeline": "pp", "context": "cp", "expert": "ep"}
    for word, short in words.items():
        text = re.sub(rf"{word}[ _-](?:model[ _-])?parallel(?:[ _-]size)?", short, text)
    found = re.findall(r"\b(tp|pp|cp|ep)\s*[=: x]?\s*(\d{1,4})\b", text)
    return {name: max(1, int(size)) for name, size in found}


def _assumed(row: Row) -> str:
    blank = [c for c in ("micro_batch", "optimizer", "grad_checkpointing") if c not in row]
    return f"{', '.join(blank)} not stated, the usual value taken" if blank else ""


def _base(row: Row, method: str, frame: training.Framework) -> str:
    text = row.get("base_precision", "").lower()
    if "mixed" in text:
        return "mixed"
    if re.search(r"nf4|fp4|int4|4[ -]?bit|awq|gptq", text) or (
        method == "qlora" and "8" not in text
    ):
        return "nf4-dq" if "dq" in text or frame.double_quant else "nf4"
    if re.search(r"int8|8[ -]?bit|fp8", text):
        return "int8"
    if re.match(r"(fp|float)32", text):
        return "fp32"
    if not text or re.search(r"bf16|bfloat16|fp16|float16|half", text):
        return "bf16"
    raise NotEstimated(f"base_precision {row['base_precision']!r} is not understood")


def _optimizer(row: Row) -> tuple[str, bool]:
    text = row.get("optimizer", "").lower()
    plain = re.sub(r"[\s,+(]*(in[- _]?backward|in_bwd)\)?", "", text)
    return training.optimizer(plain).name, plain != text


def _checkpointing(row: Row) -> tuple[bool | Literal["selective"] | None, bool]:
    """Whether activations are recomputed (None: not stated), and whether they are offloaded."""
    text = row.get("grad_checkpointing", "").lower()
    if not text:
        return None, False
    if "selective" in text:
        return "selective", "offload" in text
    return text.startswith(("true", "yes", "full", "unsloth")), "offload" in text


STAGES: dict[str, training.Sharding] = {"0": "none", "1": "zero1", "2": "zero2", "3": "zero3"}
"""Stages of ZeRO by their number."""


def _sharding(row: Row) -> tuple[training.Sharding, bool]:
    text = row.get("sharding", "none").lower()
    host = "offload" in text
    stage = re.search(r"zero[ -_]?(\d)", text)
    if stage:
        return STAGES[stage[1]], host
    if "fsdp" in text or "hsdp" in text:
        return "fsdp", host
    if "distributed optimizer" in text or "dist_opt" in text or "megatron" in text:
        return "zero1", host
    if text in ("none", "ddp", "single", "dp"):
        return "none", host
    if re.search(r"\b(tp|pp|cp|ep|tensor|pipeline|expert)", text):  # Megatron's usual way
        return "zero1", host
    raise NotEstimated(f"sharding {row['sharding']!r} is not understood")


def _targets(note: str) -> training.Targets | None:
    """Matrices that a note says are adapted; None where it does not say."""
    found = re.search(r"targets?=([^;]*)", note.lower())
    text = found[1] if found else ""
    if not text or text in ("-", "none"):
        return None
    if re.search(r"mlp|true|all|gate", text):
        return "all"
    return "attention" if re.search(r"key|k_proj|projection", text) else "query_value"


KIND = Kind(
    quantities=("peak_gib_per_gpu", "fits"),
    cells=dict.fromkeys(("seq_len", "micro_batch", "num_gpus", "lora_rank"), whole)
    | {"peak_gib_per_gpu": positive},
    run=job_of,
    predict=predict,
)
