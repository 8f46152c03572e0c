"""Weights of a model by tensor group and storage format, and how ranks share them.

[1] vLLM, model_executor/layers (what tensor parallelism divides, and what it repeats)
[2] llama.cpp, llama-model.cpp (layers of a file over several cards)
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from functools import cache

from siting.catalogue import Fact, Model, WeightFormatName, of_facts, table
from siting.dtypes import WeightFormat, weight_format
from siting.quantity import NotEstimated, Range
from siting.records import frozen

# --- what checkpoints quantise ---------------------------------------------------------------


class CheckpointMaker(Fact, tables="checkpoint_makers", key="pattern"):
    """What a maker of quantised checkpoints puts into few bits, told by their names."""

    pattern: str
    """A regular expression on the checkpoint's name."""
    weights: WeightFormatName
    """A name of siting_facts/weight_formats.csv."""
    holds_for: str
    """How a stated format must begin for it."""


@of_facts
def checkpoint_format(checkpoint: str, stated: str) -> str:
    """The format of a checkpoint by its name, where that says more than the `stated` one."""
    for row in table("checkpoint_makers", CheckpointMaker):
        said = stated.lower().startswith(tuple(row.holds_for.split(";")))
        if said and re.search(row.pattern, checkpoint, re.IGNORECASE):
            return row.weights
    return stated


# --- tensors ----------------------------------------------------------------------------------


@frozen
class Tensors:
    """Parameters of a model by the group that a format or a split treats alike."""

    embedding: float
    head: float
    """Output head; 0 where it is the embedding itself."""
    attention: float
    """Projections of attention, states and routers."""
    mlp: float
    """Dense MLPs and shared experts."""
    experts: float
    towers: float
    """Vision and audio encoders."""
    mtp: float
    """Multi-token-prediction layers, if loaded."""
    replicated: float
    """The part of `attention` that every rank of a tensor-parallel group repeats."""

    @property
    def linear(self) -> float:
        """Layers that every quantisation may reach."""
        return self.attention + self.mlp + self.experts

    def attention_on(self, tp: int) -> float:
        """The part of `attention` that one of `tp` ranks holds."""
        return (self.attention - self.replicated) / tp + self.replicated

    @property
    def total(self) -> float:
        return self.embedding + self.head + self.linear + self.towers + self.mtp


@cache
def tensors(model: Model, mtp: bool = False) -> Tensors:
    """Parameters of `model` by group. Raises NotEstimated where those of experts are not known."""
    count = (model.params_recomputed_b or model.total_params_b) * 1e9
    ends = model.vocab_size * model.hidden_size
    embedding = (model.embedding_params_b or ends / 1e9) * 1e9
    head = 0.0 if model.tie_word_embeddings else float(ends)
    towers = ((model.vision_tower_params_b or 0) + (model.audio_tower_params_b or 0)) * 1e9
    if model.num_experts and model.expert_params_b is None:
        raise NotEstimated(
            f"parameters of the experts of {model.model_id} are not in the catalogue"
        )
    experts = (model.expert_params_b or 0.0) * 1e9
    linear = count - embedding - head - towers - experts
    mlp = min(max(linear, 0.0), _dense_mlp_params(model))
    extra = 0.0
    if mtp and model.mtp_layers and model.params_recomputed_b:
        extra = max(0.0, model.total_params_b - model.params_recomputed_b) * 1e9
    attention = max(linear - mlp, 0.0)
    replicated = _latent_projections(model)
    return Tensors(
        embedding=embedding,
        head=head,
        attention=attention,
        mlp=mlp,
        experts=experts,
        towers=towers,
        mtp=extra,
        replicated=replicated,
    )


def _dense_mlp_params(model: Model) -> float:
    """Parameters of dense MLPs and shared experts, three matrices a layer."""
    layers = model.num_hidden_layers
    width = model.intermediate_size or 0
    if not model.num_experts:
        return 3.0 * layers * model.hidden_size * width
    dense = model.first_dense_layers or 0
    if model.moe_layer_step:
        dense = layers - layers // model.moe_layer_step
    shared = (layers - dense) * (model.shared_experts or 0) * (model.moe_intermediate_size or 0)
    return 3.0 * model.hidden_size * (dense * width + shared)


def _latent_projections(model: Model) -> float:
    """Down-projections of latent attention and the sparse indexer: whole on every rank."""
    if not model.kv_lora_rank:
        return 0.0
    hidden = model.hidden_size
    rank = model.q_lora_rank or 0
    down = hidden * (rank + model.kv_lora_rank + (model.qk_rope_head_dim or 0))
    indexers = model.index_heads or 0
    key = model.index_head_dim or 0
    indexer = rank * indexers * key + hidden * (key + indexers)
    return float((model.layers_full_attention or model.num_hidden_layers) * (down + indexer))


def _pad(width: float, tile: int) -> float:
    return math.ceil(width / tile) * tile


def _expert_padding(model: Model, fmt: WeightFormat, ranks: int) -> float:
    """Factor by which tiles of a kernel enlarge the experts' matrices."""
    hidden = model.hidden_size
    width = model.moe_intermediate_size
    if not width or (fmt.pad_hidden == 1 and fmt.pad_intermediate == 1):
        return 1.0
    share = width / ranks
    return _pad(hidden, fmt.pad_hidden) / hidden * _pad(share, fmt.pad_intermediate) / share


def _key_value_copies(model: Model, tp: int) -> float:
    """Parameters that a rank holds beyond its share because it has at least one KV head."""
    heads = model.num_key_value_heads
    if model.kv_lora_rank or tp <= heads or not heads:
        return 0.0
    layers = model.num_hidden_layers
    if model.linear_layers and model.layers_full_attention is not None:
        layers = model.layers_full_attention
    return 2.0 * layers * model.hidden_size * model.head_dim * (1 - heads / tp)


def weight_bytes_per_gpu(
    model: Model,
    fmt: str = "",
    tp: int = 1,
    pp: int = 1,
    ep: int = 1,
    mtp: bool = False,
    towers: bool = True,
) -> Range:
    """Weights on the fullest GPU. [B]

    fmt: a name of siting_facts/weight_formats.csv; blank: native. tp, pp, ep: tensor-, pipeline-
    and expert-parallel ranks; experts are split over `ep` ranks where it is above 1, else over tp.
    mtp, towers: multi-token-prediction layers, encoders of images and sound are loaded.
    Raises NotEstimated.
    """
    form = weight_format(fmt, model)
    if form.scope == "file":
        size = gguf_bytes(model, form, tp * pp)
        return Range(size * form.low_factor, size, size * form.high_factor, unit="B")
    t = tensors(model, mtp)
    if not towers:
        t = replace(t, towers=0.0)
    experts = ep if ep > 1 else tp
    forms = [form, weight_format(form.other)] if form.other else [form]
    ends = [_rank_bytes(model, t, each, tp, pp, experts) for each in forms]
    # An engine may leave an encoder for images whole on each rank.
    whole = (1 - 1 / tp) * 2.0 * t.towers
    return Range(
        min(ends) * form.low_factor, ends[0], max(ends) * form.high_factor + whole, unit="B"
    )


@frozen
class LinearBytes:
    """Bytes a parameter of linear layers."""

    attention: float
    mlp: float
    """Of dense MLPs and shared experts."""


def linear_bytes(form: WeightFormat, t: Tensors) -> LinearBytes:
    """Bytes a parameter of linear layers of a model with these tensors."""
    low = form.bits / 8
    rest = form.other_linear_bits / 8
    if form.scope in ("all", "linear", "file") or (form.scope == "experts" and not t.experts):
        return LinearBytes(attention=low, mlp=low)
    if form.scope == "mlp":
        return LinearBytes(attention=rest, mlp=low)
    return LinearBytes(attention=rest, mlp=rest)


def by_width(model: Model, form: WeightFormat, towers: bool = True) -> dict[float, float]:
    """Parameters of a model by the bits that each is kept in, widest last; a file has one width.

    towers: encoders of images and sound are loaded.
    """
    t = tensors(model)
    linear = linear_bytes(form, t)
    plain = form.bits if form.scope in ("all", "file") else 16.0
    sizes = (
        (8 * linear.attention, t.attention),
        (8 * linear.mlp, t.mlp),
        (form.bits, t.experts),
        (plain, t.embedding + t.head + (t.towers if towers else 0.0)),
    )
    found: dict[float, float] = {}
    for bits, parameters in sorted(sizes):
        if parameters:
            found[bits] = found.get(bits, 0.0) + parameters
    return found


def _rank_bytes(
    model: Model, t: Tensors, form: WeightFormat, tp: int, pp: int, ranks: int
) -> float:
    """Weights on the fullest GPU. ranks: among which experts are divided. [B]"""
    low = form.bits / 8
    plain = low if form.scope == "all" else 2.0
    linear = linear_bytes(form, t)
    shared = t.attention_on(tp) + _key_value_copies(model, tp)
    experts = t.experts * low * _expert_padding(model, form, ranks) / ranks
    body = shared * linear.attention + t.mlp / tp * linear.mlp + experts
    ends = t.embedding + t.head
    if pp > 1:  # one stage has the one, one the other
        ends = max(t.embedding, t.head or t.embedding)
        body *= math.ceil(model.num_hidden_layers / pp) / model.num_hidden_layers
    # Multi-token-prediction layers stay in 16 bit unless the whole checkpoint is quantised.
    prediction = t.mtp * (low if form.scope in ("all", "linear") else 2.0)
    undivided = (model.undivided_params_b or 0.0) * 1e9 * (1 - 1 / tp)
    return body + (ends * plain + t.towers * plain + prediction) / tp + undivided * plain


def gguf_bytes(model: Model, form: WeightFormat, gpus: int) -> float:
    """Weights on the fullest of `gpus` cards [2]. [B]

    The token embedding stays in host memory; the output head counts as one more layer and goes
    to the last card. Vision towers are a file of their own.
    """
    t = tensors(model)
    layers = model.num_hidden_layers
    file = (t.total - t.towers) * form.bits / 8
    head = (t.head or t.embedding) * form.head_bytes
    body = file - t.embedding * form.bits / 8 - (head if t.head else 0.0)
    if gpus == 1:
        return body + head
    most = math.ceil((layers + 1) / gpus)
    last = max(layers - most * (gpus - 1), (layers + 1) // gpus - 1)
    return max(body * min(most, layers) / layers, body * last / layers + head)
