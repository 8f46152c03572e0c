"""What each layer of a model keeps of a sequence: keys and values, latents, windows, states.

Every kind of attention in use is reduced to groups of like layers (`layer_groups`). From them
follow the bytes of a request (`Cells.held`) and the blocks that vLLM's allocator makes of a pool
of memory (`Cells.blocks`). All figures are per rank of a tensor-parallel group.

[1] vLLM, v1/kv_cache_interface.py and v1/core/kv_cache_utils.py (page sizes, groups, blocks)
[2] DeepSeek-V2, arXiv:2405.04434, sec. 2.1 (multi-head latent attention)
[3] Ainslie et al., "GQA", arXiv:2305.13245
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache
from operator import mul
from typing import Literal

from siting import catalogue
from siting.catalogue import Model
from siting.dtypes import KvFormat
from siting.quantity import NotEstimated
from siting.records import frozen

CacheKind = Literal["full", "window", "chunk", "latent", "compressed", "state", "cross"]

BLOCK_TOKENS = 16
"""Tokens of a block in vLLM unless a state or a wider page needs more."""


@frozen
class Layers:
    """Like layers of a model, by what they keep of a sequence."""

    kind: CacheKind
    count: int
    heads: int = 0
    """Key-value heads of a layer; 0 where every rank keeps the same latent or state."""
    width: int = 0
    """Elements of a token and head, K and V together; of a latent: the whole entry."""
    span: int = 0
    """Window, chunk or number of image tokens. [tokens]"""
    ratio: float = 1.0
    """Tokens for each cached entry."""
    index_bytes: float = 0.0
    """Key of a sparse-attention indexer, for each cached entry. [B]"""
    conv_bytes: float = 0.0
    """State of a linear layer's convolution and of its recurrence. [B]"""
    recurrent_bytes: float = 0.0

    def bytes_per_token(self, kv: KvFormat, tp: int = 1) -> float:
        """Bytes that one token adds to one layer on one rank.

        Heads are shared among ranks, but a rank holds at least one [3]; a latent is one copy a
        token and is repeated on every rank [2].
        """
        if self.kind == "state":
            return 0.0
        if self.heads:
            held = math.ceil(self.heads / tp)
            return held * (self.width * kv.bytes_per_element + 2 * kv.scale_bytes_per_head)
        entry = self.width * kv.bytes_per_element
        if self.index_bytes and kv.sparse_latent_bytes:
            entry = kv.sparse_latent_bytes
        return (entry + self.index_bytes) / self.ratio

    def state_bytes(self, tp: int = 1, speculative_tokens: int = 0) -> float:
        """Bytes of a linear layer's state on one rank, whatever the length of the sequence.

        The convolution keeps kernel - 1 = 3 columns, and one more for each speculative token.
        """
        return (self.conv_bytes * (1 + speculative_tokens / 3) + self.recurrent_bytes) / tp

    def tokens_kept(self, tokens: float, chunk: int) -> float:
        """Tokens of a sequence that the layer still holds while a chunk of it is computed [1]."""
        if self.kind == "window":
            return min(tokens, self.span - 1 + chunk)
        if self.kind == "chunk":
            return min(tokens, self.span + chunk)
        if self.kind == "cross":
            return self.span
        return tokens


INDEX_SCALE_BYTES = 4
"""An indexer key is stored in 8 bits with one 32-bit scale."""


@cache
def layer_groups(model: Model, mtp: bool = False) -> tuple[Layers, ...]:
    """Groups of like layers of `model`; `mtp`: its multi-token-prediction layers are loaded.

    Raises NotEstimated where the catalogue lacks a field that decides the size of the cache.
    """
    if explained(model) != model.num_hidden_layers:
        raise NotEstimated(_unexplained(model))
    extra = (model.mtp_layers or 0) if mtp else 0
    return tuple(g for g in _groups(model, extra) if g.count)


def explained(model: Model) -> int:
    """Layers of which a rule says what they keep of a sequence, or that they keep nothing."""
    kept = sum(g.count for g in _groups(model, 0) if g.kind != "compressed")
    return kept + (model.kv_shared_layers or 0) + (model.layers_without_cache or 0)


def check_models() -> None:
    """Refuses models of the catalogue with layers that no rule explains. Raises FactError."""
    faults = catalogue.Faults()
    for model in catalogue.models():
        try:
            found = explained(model)
        except NotEstimated:
            continue  # a field is not known: that is said when the model is asked for
        if found != model.num_hidden_layers:
            faults[f"models.csv, {_unexplained(model)}"] = None
    faults.refuse()


def _unexplained(model: Model) -> str:
    found = f"the rules explain {explained(model)} of {model.num_hidden_layers} layers"
    write = "correct attention_kind, layers_full_attention, linear_layers or layers_without_cache"
    return f"{model.model_id}: {found}; {write}"


def _groups(model: Model, extra: int) -> Iterator[Layers]:
    width = model.head_dim
    layers = model.num_hidden_layers
    index = model.index_head_dim + INDEX_SCALE_BYTES if model.index_head_dim else 0.0
    if model.attention_kind == "compressed":  # one entry for each `ratio` tokens, and windows
        pairs = [map(int, p.split(":")) for p in model.compress_ratios.split(";") if p]
        if not pairs or not model.sliding_window:
            raise NotEstimated(
                f"{model.model_id}: window or compression ratios are not in the catalogue"
            )
        yield Layers(kind="window", count=layers, width=width, span=model.sliding_window)
        for ratio, count in pairs:
            own = index if ratio < 128 else 0.0  # coarse layers need no index
            if ratio:
                yield Layers(
                    kind="compressed",
                    count=count,
                    heads=0,
                    width=width,
                    ratio=float(ratio),
                    index_bytes=own,
                )
    elif model.kv_lora_rank:
        latent = model.kv_lora_rank + (model.qk_rope_head_dim or 0)
        full = model.layers_full_attention or layers
        yield Layers(kind="latent", count=full + extra, width=latent, index_bytes=index)
    else:
        yield from _heads(model, extra)
    conv = 2.0 * (model.conv_state_elements or 0)
    recurrent = (4.0 if model.recurrent_state_fp32 else 2.0) * (model.recurrent_state_elements or 0)
    states = model.linear_layers or 0
    yield Layers(kind="state", count=states, conv_bytes=conv, recurrent_bytes=recurrent)
    crossed = model.cross_attention_layers or 0
    images = model.cross_attention_tokens or 0
    yield Layers(
        kind="cross", count=crossed, heads=model.num_key_value_heads, width=2 * width, span=images
    )


def _heads(model: Model, extra: int) -> Iterator[Layers]:
    """Layers with key-value heads: all alike, or full ones among windows or chunks."""
    layers = model.num_hidden_layers
    heads = model.num_key_value_heads
    width = model.head_dim
    full = layers if model.layers_full_attention is None else model.layers_full_attention
    windowed = layers - full if model.attention_kind in ("sliding", "chunked") else 0
    if model.kv_shared_layers:  # the last layers reuse the keys and values of earlier ones
        kept = full + windowed - model.kv_shared_layers
        full = round(full * (1 - model.kv_shared_layers / layers))
        windowed = max(0, kept - full)
    wide = model.head_dim_global_layers or width
    value = model.v_head_dim
    some = model.kv_heads_global_layers or heads
    yield Layers(kind="full", count=full + extra, heads=some, width=wide + (value or wide))
    if windowed:
        if not model.sliding_window:
            raise NotEstimated(f"{model.model_id} has windowed layers of unknown window")
        kind: CacheKind = "chunk" if model.attention_kind == "chunked" else "window"
        yield Layers(
            kind=kind,
            count=windowed,
            heads=heads,
            width=width + (value or width),
            span=model.sliding_window,
        )


@frozen
class Blocks:
    """What vLLM's allocator makes of a pool of memory on one rank."""

    blocks: int
    groups: int
    block_tokens: int
    """Tokens of the smallest block of any group."""
    per_request: int
    """Blocks that one request of the longest length holds."""

    @property
    def concurrency(self) -> float:
        """Requests of the longest length that fit at once."""
        return self.blocks / self.per_request

    @property
    def smallest_group_tokens(self) -> int:
        """The tokens that releases before 0.20 print; not a capacity where groups differ."""
        return self.blocks // self.groups * self.block_tokens


@frozen
class Cells:
    """How an engine keeps groups of layers on one rank of a tensor-parallel group."""

    groups: tuple[Layers, ...]
    kv: KvFormat
    tp: int = 1
    chunk: int = 2048
    """Tokens of a prompt computed at once (`max_num_batched_tokens`): a window keeps them."""
    speculative_tokens: int = 0
    state_blocks: int = 1

    @property
    def states(self) -> int:
        """States that a request holds: one for each block and drafted token."""
        return self.state_blocks + self.speculative_tokens

    def held(self, tokens: float) -> float:
        """Bytes that one request of `tokens` holds, without rounding to blocks."""
        return sum(
            g.count
            * (
                g.tokens_kept(tokens, self.chunk) * g.bytes_per_token(self.kv, self.tp)
                + g.state_bytes(self.tp, self.speculative_tokens) * self.states
            )
            for g in self.groups
        )

    def _held_blocks(self, g: Layers, longest: int, step: int) -> int:
        """Blocks of `step` tokens that the longest request holds of one layer."""
        held = math.ceil(min(longest, g.tokens_kept(longest, self.chunk)) / step)
        return held + 1 if g.kind == "window" else held  # a window seldom begins with a block

    def blocks(self, pool_bytes: float, longest: int) -> Blocks:
        """Blocks of a pool: layers of a kind form groups of equal size, all pages are equal [1].

        The group size is the smallest number of layers of a kind. The widest page rules: narrower
        layers take more tokens a block, and attention blocks grow until they hold a state.
        Raises NotEstimated for a pool that holds no block.
        """
        grown = [g for g in self.groups if g.kind not in ("state", "cross")]
        states = [g for g in self.groups if g.kind == "state"]
        rates = [g.bytes_per_token(self.kv, self.tp) for g in grown]
        widest = max(rates, default=0.0)
        page = BLOCK_TOKENS * widest
        if states:
            page = max([page, *(g.state_bytes(self.tp, self.speculative_tokens) for g in states)])
            if widest:
                page = widest * BLOCK_TOKENS * math.ceil(page / widest / BLOCK_TOKENS)
        counts = [g.count for g in (*grown, *states)]
        size = max(counts) if max(counts) < 1.25 * min(counts) else min(counts)
        total = int(pool_bytes // (page * size))
        if total < 1:
            raise NotEstimated("the KV cache pool is smaller than one block")
        steps = [BLOCK_TOKENS * max(1, round(page / rate / BLOCK_TOKENS)) for rate in rates]
        held = [self._held_blocks(g, longest, step) for g, step in zip(grown, steps, strict=True)]
        held += [self.states] * len(states)
        groups = [math.ceil(count / size) for count in counts]
        needed = sum(map(mul, groups, held))
        return Blocks(
            blocks=total,
            groups=sum(groups),
            block_tokens=min(steps, default=BLOCK_TOKENS),
            per_request=needed,
        )
