"""Memory of one GPU that an engine does not give to the cache, and what the rest of it holds.

`cache_pool` takes weights, activations, libraries and graphs off the engine's budget; `holds`
says how many tokens and requests the pool serves, as this release of the engine counts them.
What the catalogue does not determine raises `NotEstimated` with the reason.

[1] vLLM, v1/worker/gpu_worker.py, determine_available_memory (the budget and what comes off it)
[2] SGLang, mem_cache and model_runner.profile_max_num_token (mem_fraction_static)
[3] llama.cpp, llama-model.cpp, layer split over devices
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from siting import catalogue
from siting.catalogue import Model
from siting.memory import attention
from siting.memory.attention import NotEstimated
from siting.memory.deployment import (
    Deployment,
    is_large,
    is_unified,
    max_sequences,
    prompt_chunk,
    usable_gib,
)
from siting.memory.engines import constant
from siting.memory.weights import WeightFormat, weight_bytes_per_gpu, weight_format
from siting.quantity import GIB, Range, total


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the memory of a GPU."""

    name: str
    gib: Range
    formula: str
    source: catalogue.Source


# --- parts beside weights and cache -----------------------------------------------------------


def _forward_bytes(model: Model, tokens: int, tp: int) -> float:
    """Widest intermediates of one layer over a batch of `tokens`. [B]"""
    hidden = model.hidden_size or 0
    width = 3 * (model.intermediate_size or 0) / tp + 4 * hidden
    if model.num_experts and model.moe_intermediate_size:
        expert = model.moe_intermediate_size / tp
        routed = (model.experts_per_token or 1) * (max(2 * expert, hidden) + expert)
        width = max(width, routed + 4 * hidden)
    return tokens * width * 2.0


def activations(d: Deployment, context: int) -> Part:
    """Peak of the warm-up beyond weights: the widest layer or the sampler, whichever is more.

    The sampler works on the gathered logits, so tensor parallelism does not divide it. A vision
    tower's largest input is encoded in the same warm-up.
    """
    model, tp = d.model, d.tensor_parallel
    if d.family == "llama.cpp":
        return _compute_buffer(d, context)
    tokens, sequences = prompt_chunk(d, context), max_sequences(d)
    forward = _forward_bytes(model, tokens, tp)
    if not d.flash_attention:
        per = constant("vllm", "naive_attention_bytes").central
        forward += (model.num_attention_heads or 0) / tp * context**2 * per
    small = not (is_large(d.gpu) or d.is_v0)
    row = constant("vllm", "sampler_bytes_small" if small else "sampler_bytes")
    sampler = row.range.scaled(sequences * float(model.vocab_size or 0), "B")
    tower = _vision_encoder(d, context)
    kept = tokens * (model.hidden_size or 0) * 2.0
    peak = [
        max(forward * f, s, v) + kept
        for f, s, v in zip((0.8, 1.0, 1.25), values(sampler), values(tower), strict=True)
    ]
    return Part(
        "activations",
        ordered(peak, "B").scaled(1 / GIB, "GiB"),
        f"largest of: widest layer x {tokens:,} tokens; {row.central:g} B x {sequences:,} "
        f"sequences x {model.vocab_size:,} vocabulary"
        + ("; vision encoder" if tower.central else ""),
        catalogue.source_of(row),
    )


def _vision_encoder(d: Deployment, context: int) -> Range:
    """Peak of encoding the largest image or video at start-up. [B]

    Releases before 0.12 encode a video of 16 frames, in pairs, where a model takes any size; an
    unstated release is taken as that of the model's own year.
    """
    tokens = float(d.model.vision_tokens or 0)
    old = d.release < (0, 12) if d.release else d.model.release_date < "2026"
    if tokens >= constant("vllm", "video_from_tokens").central and old:
        tokens *= constant("vllm", "video_pairs").central
    seen = min(tokens, context)
    return constant("vllm", "vision_bytes_per_token").range.scaled(seen, "B")


def _compute_buffer(d: Deployment, context: int) -> Part:
    """llama.cpp's compute buffer: logits of one micro-batch; scores where no flash attention."""
    model, tokens = d.model, prompt_chunk(d, context)
    logits = 4.0 * tokens * (model.vocab_size or 0)
    scores = 0.0
    if not d.flash_attention and not model.kv_lora_rank:  # latents are scored in chunks
        scores = 4.0 * (model.num_attention_heads or 0) * tokens * context
    row = constant("llama.cpp", "multi_gpu_mib")
    central = max(logits, scores) + (row.central * 2**20 if d.gpus > 1 else 0.0)
    return Part(
        "activations",
        Range(central * 0.8, central, max(logits + scores, central) * 1.6, "B").scaled(
            1 / GIB, "GiB"
        ),
        f"compute buffer: 4 B x {tokens} tokens x "
        + (
            f"{context:,} tokens x heads" if scores > logits else f"{model.vocab_size:,} vocabulary"
        ),
        catalogue.source_of(row),
    )


def libraries(d: Deployment) -> Part:
    """CUDA context, libraries and communication buffers of one GPU."""
    gpus = d.tensor_parallel * d.pipeline_parallel
    if d.family == "vllm":
        step = 1 if gpus == 1 else 2 if gpus < 8 else 8
        row = constant("vllm", f"non_torch_gib_{step}")
    elif d.family == "tensorrt-llm":
        row = constant(d.family, "overhead_gib")
    else:
        row = constant(d.family, "context_gib")
    return Part("libraries", row.range, row.reason, catalogue.source_of(row))


def graphs(d: Deployment) -> Part:
    """CUDA graphs, where the engine counts them inside its budget."""
    row = constant("vllm", "cuda_graph_gib")
    development = d.engine_version.strip().startswith("0.1.dev")
    inside = development or (d.release is not None and d.release >= (0, 21))
    counted = d.family == "vllm" and inside and not d.eager
    gib = row.range if counted else Range.exact(0.0, "GiB")
    return Part("graphs", gib, row.reason, catalogue.source_of(row))


# --- budget and pool --------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pool:
    """The budget of a GPU and the parts that come off it before the cache."""

    parts: tuple[Part, ...]
    budget: Range
    left: Range
    """[GiB]"""


def loaded(d: Deployment) -> Range:
    """Weights on the fullest GPU, as the engine logs them. [GiB]"""
    size = weight_bytes_per_gpu(
        d.model, d.weights, d.tensor_parallel, d.pipeline_parallel, d.expert_ranks, d.mtp
    ).scaled(1 / GIB, "GiB")
    if d.family == "sglang":
        size = size.plus(constant("sglang", "load_extra_gib").range)
    return size


def cache_pool(d: Deployment, context: int) -> Pool:
    """What an engine leaves for the cache on the fullest GPU. [GiB]"""
    size = loaded(d)
    parts = (
        Part("weights", size, _weights_formula(d), catalogue.source_of(d.model)),
        activations(d, context),
        libraries(d),
        graphs(d),
    )
    budget = engine_budget(d)
    # SGLang's activations and graphs live outside mem_fraction_static [2].
    taken = [size] if d.family == "sglang" else [p.gib for p in parts]
    left = total([budget, *(t.scaled(-1) for t in taken)], "GiB")
    if d.family == "tensorrt-llm":
        share = d.utilization or constant("tensorrt-llm", "utilization").central
        left = left.scaled(share) if left.central > 0 else left
    return Pool(parts, budget, left)


def _weights_formula(d: Deployment) -> str:
    form: WeightFormat = weight_format(d.weights, d.model)
    scope = {
        "all": "every tensor",
        "linear": "linear layers, the rest in 16 bit",
        "experts": "routed experts (all linear layers of a dense model), the rest in "
        f"{form.other_linear_bits:g} bit",
        "mlp": "MLP layers, the rest in 16 bit",
        "file": "mean of the file, embedding in host memory",
    }[form.scope]
    return (
        f"parameters x {form.bits:g} bit ({scope}) / "
        f"{d.tensor_parallel} x {d.pipeline_parallel} GPUs"
    )


def engine_budget(d: Deployment) -> Range:
    """What an engine may take of the card. [GiB]"""
    free = size = usable_gib(d.gpu)
    if d.family in ("llama.cpp", "tensorrt-llm"):
        return size
    row = constant(d.family, "utilization").range
    share = row if d.utilization is None else Range.exact(d.utilization)
    if d.family == "sglang":
        host = "unified_host_gib" if is_unified(d.gpu) else "context_gib"
        free = total([size, constant("sglang", host).range.scaled(-1)])
    return Range(share.low * free.low, share.central * free.central, share.high * free.high, "GiB")


def ordered(found: Sequence[float], unit: str) -> Range:
    """Three values as a range."""
    low, central, high = sorted(found)
    return Range(low, central, high, unit)


def values(r: Range) -> tuple[float, float, float]:
    """Low, central and high."""
    return r.low, r.central, r.high


# --- what a pool holds ------------------------------------------------------------------------


def _cached_layers(d: Deployment, stages: int) -> tuple[attention.Layers, ...]:
    """The layers of the fullest stage, as this release of the engine caches them.

    Windows cost full length in vLLM's V0 engine, in its V1 engine where full layers have heads
    of another shape (before 0.21), and in the ik fork of llama.cpp. Latents were kept as plain
    heads before vLLM 0.7.
    """
    draft = d.mtp and d.family == "vllm"  # SGLang keeps a pool of its own for drafts
    groups = attention.layer_groups(d.model, draft)
    release = d.release if d.family == "vllm" else None
    if release and release < (0, 7):
        groups = tuple(_as_heads(g, d.model) if g.kind == "latent" else g for g in groups)
    shapes = {(g.heads, g.width) for g in groups if g.kind in ("full", "window", "chunk")}
    apart = release is not None and release < (0, 21) and len(shapes) > 1
    forked = d.family == "llama.cpp" and "ik" in d.engine_version.lower()
    if d.is_v0 or apart or forked:
        groups = _as_full(groups)
    return attention.stage(groups, stages) if stages > 1 else groups


def _as_heads(g: attention.Layers, model: Model) -> attention.Layers:
    """A latent layer cached as keys and values of every head, values padded to the keys' width."""
    width = 2 * (model.head_dim or 0)
    return replace(g, kind="full", heads=model.num_attention_heads or 0, width=width, index_bytes=0)


def _as_full(groups: tuple[attention.Layers, ...]) -> tuple[attention.Layers, ...]:
    return tuple(replace(g, kind="full") if g.kind in ("window", "chunk") else g for g in groups)


def request_gib(d: Deployment, tokens: int) -> float:
    """Cache of one request of `tokens` on the fullest GPU. [GiB]"""
    cells = attention.kv_format(d.kv_cache)
    chunk = prompt_chunk(d, tokens)
    by_layer = d.family == "llama.cpp"  # cards share layers, not heads
    groups = _cached_layers(d, 1 if by_layer else d.pipeline_parallel)
    ranks = 1 if by_layer else d.tensor_parallel
    held = 0.0
    for g in groups:
        held += g.count * (
            g.tokens_kept(tokens, chunk) * g.bytes_per_token(cells, ranks)
            + g.state_bytes(ranks, d.speculative_tokens) * (1 + d.speculative_tokens)
        )
    if by_layer and d.gpus > 1:
        layers = d.model.num_hidden_layers or 1
        held *= math.ceil((layers + 1) / d.gpus) / layers
    return held / GIB


def holds(d: Deployment, longest: int, pool: float) -> tuple[float, float]:
    """Tokens that an engine prints for a pool of `pool` GiB, and requests of the longest length."""
    if pool <= 0:
        return 0.0, 0.0
    if d.family != "vllm":
        need = request_gib(d, longest)
        return pool / need * longest, pool / need
    groups = _cached_layers(d, d.pipeline_parallel)
    try:
        made = attention.blocks(
            pool * GIB,
            groups,
            attention.kv_format(d.kv_cache),
            longest,
            d.tensor_parallel,
            prompt_chunk(d, longest),
            d.speculative_tokens,
        )
    except NotEstimated:
        return 0.0, 0.0
    tokens = made.concurrency * longest
    if made.groups == 1:
        tokens = float(made.blocks * made.block_tokens)
    elif d.release is not None and d.release < (0, 20):
        tokens = float(made.smallest_group_tokens)
    return tokens, made.concurrency


def longest_context(d: Deployment, pool: float) -> int:
    """Longest single request that a pool of `pool` GiB holds, up to the model's limit. [tokens]"""
    low, high = 0, d.model.max_position_embeddings or 1_048_576
    while low < high:
        middle = (low + high + 1) // 2
        if request_gib(d, middle) <= pool:
            low = middle
        else:
            high = middle - 1
    return low
