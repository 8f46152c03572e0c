"""GPU memory of training: full, LoRA, DoRA and QLoRA.

`Peak` adds up what a rank holds at its peak: weights, gradients, optimizer states, adapters,
activations and the logits. How frameworks differ (loss in chunks, what their figure of the peak
counts, what they shard) is a table, siting_facts/training_frameworks.csv.

[1] Rajbhandari et al., "ZeRO", arXiv:1910.02054 (what each stage shards)
[2] Korthikanti et al., arXiv:2205.05198 (activations of a layer, selective recomputation)
[3] Hu et al., "LoRA", arXiv:2106.09685; Dettmers et al., "QLoRA", arXiv:2305.14314
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

from siting.catalogue import Day, Gpu, Model, Named, of_facts, table
from siting.dtypes import weight_format
from siting.memory.deployment import usable_gib
from siting.memory.distance import unmeasured, widened
from siting.memory.engines import MemoryConstant, constant
from siting.memory.pool import MemoryPart, Verdict
from siting.memory.weights import tensors
from siting.quantity import GIB, NotEstimated, Range, total
from siting.records import frozen

Sharding = Literal["none", "zero1", "zero2", "zero3", "fsdp"]
Targets = Literal["attention", "query_value", "all"]


# --- facts ------------------------------------------------------------------------------------


class Choice(Named):
    """A row that is looked up by a part of its name."""

    name: str


class Framework(Choice, tables="training_frameworks", key="name before models"):
    """How a training framework treats loss, adapters, and the figure that it calls the peak."""

    logits_low: float
    logits_bytes: float
    """Bytes for each token and vocabulary entry at the loss."""
    logits_high: float
    reserved: bool
    """Its peak counts what the allocator reserved, not only what was allocated."""
    accumulates: bool
    """Gradients of earlier micro-batches are usually alive during a forward pass."""
    checkpoints: bool
    """Recomputes activations unless told otherwise."""
    ties: bool
    """Keeps one copy of a tied embedding."""
    adapter_bytes: float
    """Width of adapter weights and gradients."""
    double_quant: bool
    frozen_sharding: Literal["shard", "whole", "whole and shard"]
    """What a rank was measured to hold of a frozen base under full sharding."""
    targets: Targets
    """Matrices that get an adapter unless told otherwise."""
    before: Day = ""
    """Month (YYYY-MM) from which it is so no more; blank: it still is."""
    models: str = ""
    """Pattern of the models that it is so for; blank: all."""
    offloads: bool = False
    """Checkpointed activations go to host memory."""
    copies: bool = True
    """Adapters and 4-bit kernels keep copies of their inputs for the backward pass."""
    expandable: bool = False
    """Asks the allocator for segments that grow, which leaves few gaps."""
    packs: bool = True
    """Packs short examples to full length unless told otherwise."""
    plain: bool = False
    """Runs Transformers as it is: encoders of images are put into few bits like all else, and the
    gradient of one expert is made as large as the tensor that all experts of a layer share."""
    unpacks_experts: bool = False
    """Experts in few bits are unpacked to 16 bit, all of a layer, while it is at work."""
    adapts_experts: bool = False
    """Adapters on all linear layers are on those of each expert too."""

    def describes(self, model: str, month: str) -> bool:
        """Whether the row is about this model and this month; blank month: today."""
        if self.before and (not month or month >= self.before):
            return False
        return not self.models or bool(re.search(self.models, model.lower()))


class Optimizer(Choice, tables="optimizers", key="name"):
    """States of an optimizer."""

    states: float
    """Values kept for each trained parameter."""
    bytes_per_state: float | None = None
    """None: as wide as the parameter."""
    paged: bool
    """States may move to host memory, so they need not count."""
    step_copies: float = 0.0
    step_copies_most: float = 0.0
    """Copies of the trained parameters that a step makes for all tensors at once; most: where
    nobody says which of its forms runs."""


class Method(Choice, tables="training_methods", key="name"):
    """A way of fine-tuning, by what it keeps of each linear layer for its own gradient."""

    keeps: Literal["everything", "inputs", "inputs and outputs", "outputs", "nothing"]


N = TypeVar("N", bound=Choice)


def _named(rows: Sequence[N], name: str, what: str) -> N:
    """The first row of that name, else the one with the longest name that is part of it."""
    key = _plain(name)
    found: dict[str, N] = {}
    for row in rows:
        for known_as in map(_plain, row.names):
            if known_as in key:
                found.setdefault(known_as, row)
    if found:
        return found[max(found, key=len)]
    known = ", ".join(dict.fromkeys(row.name for row in rows))
    raise NotEstimated(f"{what} {name!r} is unknown; known: {known}")


def _plain(name: str) -> str:
    """Names compare without case, and with every kind of gap as one underscore."""
    return "_" + re.sub(r"[\s_+/()-]+", "_", name.strip().lower()).strip("_") + "_"


@of_facts
def framework(name: str, model: str = "", month: str = "") -> Framework:
    """The framework called `name`, with or without its version. Raises NotEstimated.

    model, month: what is trained, and when (YYYY-MM), where the framework tells them apart.
    """
    rows = [r for r in table("training_frameworks", Framework) if r.describes(model, month)]
    return _named(rows, name, "training framework")


@of_facts
def optimizer(name: str) -> Optimizer:
    """The optimizer called `name`; blank is AdamW. Raises NotEstimated."""
    return _named(table("optimizers", Optimizer), name or "adamw", "optimizer")


@of_facts
def method(name: str) -> Method:
    """The method called `name`. Raises NotEstimated."""
    return _named(table("training_methods", Method), name, "training method")


# --- what a job is ----------------------------------------------------------------------------

BASES = {"fp32": 4.0, "mixed": 6.0, "bf16": 2.0, "int8": 1.0}
"""Bytes a parameter of the base. mixed: 32-bit weights and the 16-bit copies of autocast."""


@frozen
class Job:
    """A fine-tuning run, as far as memory depends on it."""

    model: Model
    method: str = "lora"
    """A name of siting_facts/training_methods.csv."""
    base: str = "bf16"
    """fp32, mixed, bf16, int8, nf4 or nf4-dq (double quantisation)."""
    optimizer: str = "adamw"
    in_backward: bool = False
    """The optimizer steps during the backward pass, so gradients are not kept."""
    tokens: int = 4096
    """Tokens of one sequence; padded or packed to this length."""
    micro_batch: int = 1
    checkpointing: bool | Literal["selective"] | None = None
    """None: the framework's default."""
    float8: bool = False
    """Products are computed in 8 bit."""
    activations_offloaded: bool = False
    parameters_offloaded: bool = False
    gpus: int = 1
    sharding: Sharding = "none"
    lora_rank: int = 16
    targets: Targets = "all"
    adapted_head: bool = False
    """The output head has an adapter too."""
    adapted_experts: bool = False
    """Each expert has adapters of its own."""
    loss: Literal["", "whole", "cut"] = ""
    """Whether logits are kept whole, or cut cross entropy keeps none; blank: as frameworks do."""
    packed: bool = True
    """Sequences are packed to full length, or the length is that of the longest example."""
    reference_model: bool = False
    """A frozen copy of the model is loaded beside it (preference training of all weights)."""
    capped: bool = False
    """The length is a limit that the longest example may not reach."""
    framework: str = "peft"
    month: str = ""
    """When it ran (YYYY-MM), where frameworks have changed since."""
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    context_parallel: int = 1
    expert_parallel: int = 1

    @property
    def replicas(self) -> int:
        """GPUs among which full or staged sharding divides what is left of a layer's tensors."""
        inside = self.tensor_parallel * self.pipeline_parallel * self.context_parallel
        return max(1, self.gpus // inside)

    @property
    def share(self) -> float:
        """Part of the parameters that one rank of the model-parallel group holds."""
        t = tensors(self.model)
        ranks = self.expert_parallel if self.expert_parallel > 1 else self.tensor_parallel
        dense = (t.total - t.experts) / self.tensor_parallel
        return (dense + t.experts / ranks) / self.pipeline_parallel / t.total

    @property
    def frame(self) -> Framework:
        """Its framework, as that was for this model in this month. Raises NotEstimated."""
        return framework(self.framework, self.model.model_id, self.month)

    @property
    def is_full(self) -> bool:
        return method(self.method).keeps == "everything"

    @property
    def recomputes(self) -> bool | Literal["selective"]:
        """Whether activations are recomputed: as stated, else as frameworks do."""
        if self.checkpointing is not None:
            return self.checkpointing
        return self.frame.checkpoints or self.sharding in ("fsdp", "zero3")

    @property
    def width(self) -> float:
        """Bytes of a trained parameter, and of its gradient."""
        if not self.is_full:
            return self.frame.adapter_bytes
        if self.frame.name == "megatron":
            return 4.0  # gradients are added up in 32 bit
        return min(BASES.get(self.base, 2.0), 4.0)

    @property
    def is_sharded(self) -> bool:
        """Whether weights are divided among the replicas."""
        return self.sharding in ("zero3", "fsdp") and self.replicas > 1

    @property
    def state_share(self) -> float:
        """Part of the states of its optimizer that a rank keeps [1]."""
        return 1.0 if self.sharding == "none" else 1 / self.replicas

    @property
    def gradient_share(self) -> float:
        """Part of its gradients that a rank keeps [1]."""
        return 1.0 if self.sharding in ("none", "zero1") else 1 / self.replicas

    @property
    def batch(self) -> Range:
        """Tokens of a micro-batch at the peak."""
        sequences = self.micro_batch / self.context_parallel
        if not self.packed:  # as long as its longest example
            found = sorted(min(t, self.tokens) * sequences for t in _fitted("unpacked_tokens").ends)
            return Range.ordered(found, "tokens")
        if not self.capped:
            return Range.exact(self.tokens * sequences, "tokens")
        return _fitted("capped_share").scaled(self.tokens * sequences, "tokens")


def _fitted(name: str, sharded: bool = False) -> Range:
    """A constant of siting_facts/memory_constants.csv."""
    regime = frozenset({("sharded", "yes" if sharded else "no")})
    return constant("training", name, None, regime).range


class Peak:
    """Memory of the fullest GPU of a fine-tuning run at its peak, by part.

    Raises NotEstimated with the reason.
    """

    def __init__(self, job: Job) -> None:
        activations = _activations(job)
        logits = _logits(job)
        states = _gradients_and_states(job, activations.gib.central + logits.gib.central)
        self.job = job
        self.parts = (
            _weights(job),
            states,
            activations,
            *_experts_at_work(job),
            logits,
            _step(job, activations, logits),
        )
        allocated = total((p.gib for p in self.parts), "GiB")
        kept = _fitted("reserved_factor", job.is_sharded and not job.frame.expandable)
        reserved = allocated.times(kept, "GiB").plus(_fitted("reserved_gib"))
        distance = len(unmeasured("training", aspects(job)))
        self.allocated = _no_narrower(widened(allocated, "peak", distance))
        """[GiB]"""
        self.reserved = _no_narrower(widened(reserved, "peak", distance))
        """What must be free on the card. [GiB]"""

    @property
    def reported(self) -> Range:
        """What the framework would print as its peak. [GiB]"""
        return self.reserved if self.job.frame.reserved else self.allocated

    def verdict(self, gpu: Gpu) -> Verdict:
        """Whether the run fits on `gpu`; tight where only the central estimate does."""
        room = usable_gib(gpu)
        if self.reserved.central > room.central:
            return "does not fit"
        return "fits" if self.reserved.high <= room.low else "tight"


def _no_narrower(found: Range) -> Range:
    """A range at least as wide as records of like runs scatter."""
    least = _fitted("scatter").scaled(found.central)
    low = min(found.low, least.low)
    return Range(low, found.central, max(found.high, least.high), unit=found.unit)


def aspects(job: Job) -> dict[str, str]:
    """What a job is told apart by."""
    return {"family": job.model.family.lower(), "framework": job.frame.name}


# --- the parts --------------------------------------------------------------------------------


def _weights(job: Job) -> MemoryPart:
    """The base model; embeddings are not quantised, and towers only by some frameworks."""
    t = tensors(job.model)
    frame = job.frame
    n = job.replicas
    wide = BASES[job.base] if job.base in BASES else weight_format(job.base).bits / 8
    if job.base == "mixed" and job.is_sharded:
        wide = 4.0  # 16-bit copies are made of gathered layers alone
    embedding = t.embedding if frame.ties or t.head else 2 * t.embedding
    outside = (embedding + t.head) * max(wide, 2.0)
    outside += t.towers * (wide if frame.plain else max(wide, 2.0))
    whole = (t.linear * wide + outside) * job.share
    held = whole
    how = "whole on each GPU" if job.share == 1 else f"{job.share:.3g} on each GPU"
    if job.is_sharded:
        gathered = _gathered(job) / job.tensor_parallel
        if job.parameters_offloaded:
            held = gathered
            how = "the layers at work; the rest in host memory"
        elif job.is_full or frame.frozen_sharding == "shard":
            held = whole / n + gathered
            how = f"1/{n} and the layers at work"
        elif frame.frozen_sharding == "whole and shard":
            held = whole + whole / n
            how = f"whole and 1/{n}"
    if job.reference_model and job.is_full:
        held = held * 2
        how = f"{how}; twice, with the reference model"
    gib = Range.around(held / GIB, 0.02 if job.gpus == 1 else 0.08, "GiB")
    return MemoryPart(
        name="weights", gib=gib, formula=f"{job.base}, {how}", source=job.model.provenance
    )


def _gathered(job: Job) -> float:
    """Layers, embedding and head that full sharding holds whole for a moment. [B]"""
    t = tensors(job.model)
    layer = t.linear / job.model.num_hidden_layers
    at_work = layer * _fitted("gathered_layers").central * min(BASES.get(job.base, 0.5), 2.0)
    gradient = layer * 4.0 if job.is_full else 0.0  # whole, and once more on its way to its owners
    return at_work + gradient + (t.embedding + t.head) * 2.0


def _trained(job: Job) -> float:
    """Trained parameters: all of them, or two low-rank factors for each adapted matrix [3]."""
    m = job.model
    if job.is_full:
        return tensors(m).total
    hidden = m.hidden_size
    width = m.head_dim
    sides = 2 * hidden + (m.num_attention_heads + m.num_key_value_heads) * width
    if job.targets != "query_value":
        sides *= 2
    if job.targets == "all":
        sides += 3 * (hidden + (m.intermediate_size or m.moe_intermediate_size or 0))
    adapted = float(m.num_hidden_layers * sides)
    if job.adapted_experts and m.num_experts:
        wide = m.moe_intermediate_size or 0
        each = 2 * hidden + 3 * wide if job.frame.unpacks_experts else 3 * (hidden + wide)
        adapted += _expert_layers(m) * m.num_experts * each  # gate and up are one tensor, or two
    return adapted * job.lora_rank


def _expert_layers(model: Model) -> int:
    """Layers that have experts."""
    dense = model.first_dense_layers or 0
    layers = model.num_hidden_layers
    return layers // model.moe_layer_step if model.moe_layer_step else layers - dense


def _gradients_and_states(job: Job, beside: float) -> MemoryPart:
    """Gradients and optimizer states of a rank, adapters included [1].

    beside: activations and logits. [GiB] They go while gradients grow: a step without
    accumulation has none of the one at its start, none of the other at its end.
    """
    rule = optimizer(job.optimizer)
    wide = job.width
    whole = _trained(job)
    master = job.is_full and (job.sharding.startswith("zero") or job.frame.name == "megatron")
    states = rule.states * (rule.bytes_per_state or (4.0 if master else wide))
    if master:
        states += _fitted("master_bytes").central
    gradients = wide
    if job.in_backward and job.is_full:  # one tensor at a time
        gradients *= tensors(job.model).embedding / whole
    own = 0.0 if job.is_full else wide  # adapters are weights of their own
    trained = whole * job.share
    rest = gradients * job.gradient_share + own
    central = 0.0 if job.parameters_offloaded else trained * (states * job.state_share + rest)
    low = min(central, trained * rest) if rule.paged else central * 0.97
    gib = Range(low, central, central * 1.05, unit="B").scaled(1 / GIB, "GiB")
    how = (
        f"{trained / 1e9:.3g} billion trained parameters x ({states:g} B states on "
        f"{job.state_share:.3g}, {gradients:g} B gradients on {job.gradient_share:.3g} of the GPUs)"
    )
    if job.is_full and not job.frame.accumulates:
        grown = 0.0 if job.in_backward else trained * wide * job.gradient_share / GIB
        saved = min(grown, beside, gib.central)
        gib = Range(
            max(gib.low - saved, 0.0), gib.central - saved, gib.high - saved / 2, unit="GiB"
        )
        how += "; gradients grow while activations go"
    return MemoryPart(name="gradients and states", gib=gib, formula=how, source=rule.provenance)


def _step(job: Job, activations: MemoryPart, logits: MemoryPart) -> MemoryPart:
    """What the optimizer's step takes beyond activations and logits, which are gone by then.

    PyTorch's AdamW works on all tensors at once and makes a copy of as many values as are trained:
    10 bytes a parameter in 16 bit. A fused one works in place.
    """
    rule = optimizer(job.optimizer)
    copy = job.width * _trained(job) * job.share * job.state_share / GIB
    beside = activations.gib.central + logits.gib.central
    if not job.is_full or job.in_backward or job.parameters_offloaded:
        copy = 0.0
    elif not job.frame.accumulates:  # gradients are whole again, which is counted as saved
        grown = _trained(job) * job.share * job.width * job.gradient_share / GIB
        beside -= min(grown, beside)
    more = max(0.0, copy * rule.step_copies - beside)
    most = max(more, copy * rule.step_copies_most - beside)
    return MemoryPart(
        name="optimizer step",
        gib=Range(0.5 * more, more, most, unit="GiB"),
        formula=f"{copy:.3g} GiB of copies less what is gone by then",
        source=rule.provenance,
    )


def _activations(job: Job) -> MemoryPart:
    """What a rank keeps of its tokens for the backward pass [2]."""
    layers = job.model.num_hidden_layers
    layer = _layer_values(job)
    how = "every layer kept"
    if job.float8:
        layer = _product(layer, _fitted("float8_values"))
    if job.recomputes == "selective":
        layer = _product(layer, _fitted("selective_values"))
        how = "part of every layer kept"
    values = layer.scaled(layers)
    if job.recomputes is True:
        inputs = 0.0 if job.activations_offloaded else float(layers * job.model.hidden_size)
        kept = Range(0.0, 0.0, inputs) if job.frame.offloads else Range.exact(inputs)
        values = layer.times(_fitted("recomputed_layers")).plus(kept)
        how = "layer inputs, and one layer recomputed"
    values = values.scaled(1 / job.tensor_parallel)
    return MemoryPart(
        name="activations",
        gib=_product(values, job.batch).scaled(2.0 / GIB, "GiB"),
        formula=f"{job.batch.central:,.0f} tokens x {layers} layers, {how}",
        source=constant("training", "hidden_values").provenance,
    )


def _experts_at_work(job: Job) -> Iterator[MemoryPart]:
    """What the experts of one layer take beside their place among the weights, if anything.

    In few bits they are unpacked, whole layers at a time, by some frameworks. Trained, each makes
    a gradient that is zero but for its own part, to be added to that of the others.
    """
    each = tensors(job.model).experts / max(1, _expert_layers(job.model)) * job.share
    narrow = job.base in ("int8", "nf4", "nf4-dq")
    if not each:
        return
    if narrow and job.frame.unpacks_experts:
        row = constant("training", "unpacked_layers")
        yield _of_experts(row, each * 2.0, "experts of a layer in 16 bit")
    if job.is_full and job.frame.plain:
        row = constant("training", "expert_gradients")
        yield _of_experts(row, each * job.width, "a gradient as large as the experts of a layer")


def _of_experts(row: MemoryConstant, once: float, how: str) -> MemoryPart:
    """A part that is `once` bytes as often as a constant says."""
    return MemoryPart(
        name="experts at work",
        gib=row.range.scaled(once / GIB, "GiB"),
        formula=f"{row.central:g} x {once / GIB:.3g} GiB: {how}",
        source=row.provenance,
    )


def _layer_values(job: Job) -> Range:
    """16-bit values that one layer keeps of one token, for the base and for adapters."""
    m = job.model
    gated = _is_gated(job.model)
    copies = job.frame.copies
    hidden = m.hidden_size
    width = m.head_dim
    mlp = m.intermediate_size or 0
    keys = m.num_key_value_heads * width
    if m.kv_lora_rank:
        keys = m.kv_lora_rank + m.num_attention_heads * width
    if m.num_experts:
        routed = (m.experts_per_token or 1) + (m.shared_experts or 0)
        mlp = routed * (m.moe_intermediate_size or 0)
    of_mlp = "gated_values" if gated else "plain_values"
    widths = {"hidden_values": hidden, "key_value_values": keys, of_mlp: mlp}
    keeps = method(job.method).keeps
    gates = 2 if gated else 1
    inputs = (1 + gates) * hidden + mlp
    outputs = 3 * hidden + 2 * keys + gates * mlp
    if copies and job.targets == "all" and keeps.startswith("inputs"):
        # query and value alone are within the base's own count
        widths["adapter_values"] = inputs + (outputs if keeps == "inputs and outputs" else 0)
    if copies and job.base.startswith("nf4") and not job.recomputes:
        widths["quantised_base_values"] = hidden
    parts = [_fitted(name).scaled(float(width)) for name, width in widths.items()]
    if copies and keeps == "outputs":
        parts.append(Range.around(float(outputs), 0.2))
    return total(parts)


def _is_gated(model: Model) -> bool:
    """Three matrices an MLP instead of two, told from the parameter count."""
    if model.num_experts or not model.intermediate_size or not model.num_hidden_layers:
        return True
    t = tensors(model)
    hidden = model.hidden_size
    heads = model.num_attention_heads + model.num_key_value_heads
    attention = hidden * model.head_dim * 2 * heads
    rest = (t.attention + t.mlp) / model.num_hidden_layers - attention
    return rest / (hidden * model.intermediate_size) > 2.5


def _product(a: Range, b: Range) -> Range:
    """Product of two independent positive ranges: relative deviations in quadrature."""
    central = a.central * b.central
    if not central:
        return Range.exact(0.0)
    down = math.hypot(1 - a.low / a.central, 1 - b.low / b.central)
    up = math.hypot(a.high / a.central - 1, b.high / b.central - 1)
    return Range(central * max(0.0, 1 - down), central, central * (1 + up))


def _logits(job: Job) -> MemoryPart:
    """Logits of a micro-batch and what the loss makes of them."""
    frame = framework("transformers") if job.loss == "whole" else job.frame
    entries = job.batch.scaled(job.model.vocab_size)
    bytes_each = Range(frame.logits_low, frame.logits_bytes, frame.logits_high)
    source = frame.provenance
    if job.loss == "cut":
        row = constant("training", "cut_loss_bytes")
        bytes_each = row.range
        source = row.provenance
    if job.adapted_head and not job.is_full:
        bytes_each = bytes_each.plus(_fitted("head_adapter_bytes"))
    return MemoryPart(
        name="logits",
        gib=_product(bytes_each, entries).scaled(1 / GIB / job.tensor_parallel, "GiB"),
        formula=f"{bytes_each.central:g} B x {job.batch.central:,.0f} tokens x "
        f"{job.model.vocab_size:,} vocabulary",
        source=source,
    )
