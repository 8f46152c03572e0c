"""Memory of one GPU that an engine does not give to the cache, and what the rest of it holds.

`CachePool` takes weights, activations, libraries and graphs off the engine's budget; `holds`
says how many tokens and requests the pool serves, as this release of the engine counts them.
What the catalogue does not determine raises `NotEstimated` with the reason.

[1] vLLM, v1/worker/gpu_worker.py, determine_available_memory (the budget and what comes off it)
[2] SGLang, mem_cache and model_runner.profile_max_num_token (mem_fraction_static)
[3] llama.cpp, llama-model.cpp, layer split over devices
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from siting import catalogue, dtypes
from siting.catalogue import Model
from siting.dtypes import WeightFormat, weight_format
from siting.memory import attention
from siting.memory.deployment import (
    BEFORE_HOPPER,
    OF_AMD,
    Deployment,
    max_sequences,
    prompt_chunk,
    usable_gib,
)
from siting.memory.distance import aspects, unmeasured, widened
from siting.memory.engines import MemoryConstant, constant
from siting.memory.weights import by_width, weight_bytes_per_gpu
from siting.quantity import GIB, NotEstimated, Range, total
from siting.records import frozen

Verdict = Literal["fits", "tight", "does not fit"]
"""Whether what a GPU must hold fits; tight where only the central estimate does."""


@frozen
class MemoryPart:
    """One part of the memory of a GPU."""

    name: str
    gib: Range
    formula: str
    source: catalogue.Source
    less: float = 0.0
    """By how much it is smaller where a setting that nobody states is the other one. [GiB]"""

    @property
    def input(self) -> catalogue.Input:
        """The part as a report lists it."""
        return catalogue.Input(name=self.name, value=self.gib, source=self.source)


# --- parts beside weights and cache -----------------------------------------------------------


def _forward_bytes(model: Model, tokens: int, tp: int) -> float:
    """Widest intermediates of one layer over a batch of `tokens`. [B]"""
    hidden = model.hidden_size
    width = 3 * (model.intermediate_size or 0) / tp + 4 * hidden
    if model.num_experts and model.moe_intermediate_size:
        expert = model.moe_intermediate_size / tp
        routed = (model.experts_per_token or 1) * (max(2 * expert, hidden) + expert)
        width = max(width, routed + 4 * hidden)
    return tokens * width * 2.0


def activations(d: Deployment, context: int) -> MemoryPart:
    """Peak of the warm-up beyond weights: the widest layer or the sampler, whichever is more.

    The sampler works on the gathered logits, so tensor parallelism does not divide it. A vision
    tower's largest input is encoded in the same warm-up. Hidden states, encoded images and the
    workspaces of experts stay allocated meanwhile.
    """
    if d.family == "llama.cpp":
        return _compute_buffer(d, context)
    model = d.model
    tokens = prompt_chunk(d, context)
    sequences = max_sequences(d)
    forward = _forward_bytes(model, tokens, d.tensor_parallel)
    if not d.flash_attention:
        per = constant("vllm", "naive_attention_bytes").central
        forward += model.num_attention_heads / d.tensor_parallel * context**2 * per
    row = sampler_row(d)
    sampler = row.range.scaled(sequences * model.vocab_size, "B")
    tower = _vision_encoder(d, context)
    states = tokens * model.hidden_size * 2.0
    # A later pipeline stage receives hidden states and residuals; images wait for their text.
    copies = 1
    if d.pipeline_parallel > 1:
        copies += 2
    if d.images is not False and model.vision_tokens:
        copies += 1
    workspace = _expert_workspace(d, tokens)
    index = _index_scores(d, tokens, context)
    sides = zip((0.8, 1.0, 1.25), sampler.ends, tower.ends, workspace.ends, index.ends, strict=True)
    peak = (max(forward * f + i, s, v) + copies * states + w for f, s, v, w, i in sides)
    beside = max(forward, tower.central)
    other = sampler.central * (row.other or row.central) / row.central
    return MemoryPart(
        name="activations",
        gib=Range.ordered(peak, "B").scaled(1 / GIB, "GiB"),
        formula=_largest(
            {
                f"widest layer x {tokens:,} tokens": forward + index.central,
                f"{row.central:g} B x {sequences:,} sequences x {model.vocab_size:,} vocabulary": (
                    sampler.central
                ),
                "vision encoder": tower.central,
            },
            {f"states of {tokens:,} tokens": copies * states, "experts": workspace.central},
        ),
        source=row.provenance,
        less=(max(beside, sampler.central) - max(beside, other)) / GIB,
    )


def _largest(parts: Mapping[str, float], beside: Mapping[str, float]) -> str:
    """The peak in words: the largest of some parts, and what stays beside it. [B]"""

    def told(of: Mapping[str, float]) -> str:
        return "; ".join(f"{name} {size / GIB:.2f} GiB" for name, size in of.items() if size)

    return f"largest of: {told(parts)}; and {told(beside)}"


def sampler_row(d: Deployment) -> MemoryConstant:
    """Bytes that the sampler of this release takes, for each sequence and vocabulary entry.

    Engines other than vLLM are taken as its newest release: their logs print no such part.
    """
    return d.behaviour("sampler_bytes") if d.family == "vllm" else constant("vllm", "sampler_bytes")


def _expert_workspace(d: Deployment, tokens: int) -> Range:
    """Two workspaces of the experts' kernels, as wide as their widest matrices. [B]"""
    width = d.model.moe_intermediate_size
    if d.family != "vllm" or not d.model.num_experts or not width:
        return Range.exact(0.0, "B")
    share = width / d.tensor_parallel
    hidden = d.model.hidden_size
    rows = tokens * (d.model.experts_per_token or 1)
    whole = 2.0 * rows * (max(share, hidden) + max(2 * share, hidden))
    if weight_format(d.weights, d.model).bits < 6:  # kernels of their own for 4-bit experts
        return Range(0.0, 0.0, whole, unit="B")
    return d.behaviour("expert_workspace").range.scaled(whole, "B")


def _index_scores(d: Deployment, tokens: int, context: int) -> Range:
    """Scores of a sparse-attention indexer, for each prompt token and what it may attend to. [B]

    Kernels for NVIDIA's cards score compressed entries, in chunks of a given size; those for AMD's
    score every position of a batch at once, and mask a copy.
    """
    ratios = [g.ratio for g in attention.layer_groups(d.model) if g.index_bytes]
    if d.family != "vllm" or not ratios:
        return Range.exact(0.0, "B")
    each = d.behaviour("index_scores_bytes").range.scaled(float(tokens) * context, "B")
    if d.gpu.kernels in OF_AMD:
        return each
    whole = each.central / min(ratios)
    most = constant("vllm", "index_scores_gib").range.scaled(GIB, "B")
    return Range.ordered((min(end, whole) for end in most.ends), "B")


def _vision_encoder(d: Deployment, context: int) -> Range:
    """Peak of encoding the largest image or video at start-up. [B]

    Releases before 0.12 encode a video of 16 frames, in pairs, where a model takes any size; an
    unstated release is taken as that of the model's own year.
    """
    tokens = 0.0 if d.images is False else float(d.model.vision_tokens or 0)
    old = d.release < (0, 12) if d.release else d.model.release_date < "2026"
    if tokens >= constant("vllm", "video_from_tokens").central and old:
        tokens *= constant("vllm", "video_pairs").central
    seen = min(tokens, context)
    return constant("vllm", "vision_bytes_per_token").range.scaled(seen, "B")


def _compute_buffer(d: Deployment, context: int) -> MemoryPart:
    """llama.cpp's compute buffer: logits of one micro-batch; scores where no flash attention.

    The ik fork unfolds the latents of the whole context into keys and values of every head.
    """
    model = d.model
    tokens = prompt_chunk(d, context)
    heads = model.num_attention_heads
    logits = 4.0 * tokens * model.vocab_size
    largest = logits
    how = f"{model.vocab_size:,} vocabulary"
    if model.kv_lora_rank:  # scores of latents are made in chunks
        key = model.head_dim
        value = model.v_head_dim or key - (model.qk_rope_head_dim or 0)
        if is_fork(d):
            chunk = constant("llama.cpp", "latent_chunk_gib").central * GIB
            largest = logits + 2.0 * heads * (key + value) * context + chunk
            how += f"; latents unfolded over {context:,} tokens"
    elif not d.flash_attention:
        scores = 4.0 * heads * tokens * context
        if scores > logits:
            largest = scores
            how = f"{context:,} tokens x heads"
    row = constant("llama.cpp", "multi_gpu_mib")
    central = largest + (row.central * 2**20 if d.gpus > 1 else 0.0)
    high = max(central, largest + logits) * 1.6
    return MemoryPart(
        name="activations",
        gib=Range(central * 0.8, central, high, unit="B").scaled(1 / GIB, "GiB"),
        formula=f"compute buffer: 4 B x {tokens} tokens x {how}",
        source=row.provenance,
    )


def is_fork(d: Deployment) -> bool:
    """Whether llama.cpp is the ik fork of it."""
    return d.family == "llama.cpp" and "ik" in d.engine_version.lower()


def libraries(d: Deployment) -> MemoryPart:
    """CUDA context, libraries and communication buffers of one GPU."""
    row = d.behaviour("non_torch_gib")
    return MemoryPart(name="libraries", gib=row.range, formula=row.reason, source=row.provenance)


def graphs(d: Deployment) -> MemoryPart:
    """CUDA graphs, where the engine counts them inside its budget."""
    row = constant("vllm", "graph_gib_layer", d.likely_release)
    inside = d.family == "vllm" and not d.eager and d.behaviour("graphs_inside_budget").central
    gib = _captured(d) if inside else Range.exact(0.0, "GiB")
    return MemoryPart(name="graphs", gib=gib, formula=row.reason, source=row.provenance)


def graphs_outside(d: Deployment) -> Range:
    """CUDA graphs that are captured after the pool is made, beside the budget. [GiB]"""
    if d.family != "vllm" or d.eager or d.behaviour("graphs_inside_budget").central:
        return Range.exact(0.0, "GiB")
    return _captured(d)


def _captured(d: Deployment) -> Range:
    """Graphs of the batch sizes that are captured, over all layers. [GiB]

    Sizes are 1, 2, 4, each eighth up to 256 and each sixteenth up to 512, as far as twice the
    sequences that run at once.
    """
    largest = min(2 * max_sequences(d), 512)
    sizes = 3 + min(largest, 256) / 8 + max(largest - 256, 0) / 16
    share = sizes / (3 + 32 + 16)
    times = {"graph_gib_fixed": share, "graph_gib_layer": share * d.model.num_hidden_layers}
    if d.model.num_experts:
        times["graph_gib_experts"] = share
    return total((d.behaviour(n).range.scaled(x) for n, x in times.items()), "GiB")


def warms_up(d: Deployment) -> bool:
    """Whether graphs and the sampler's first batch find room beside the budget.

    Two logs of 4-bit experts under vLLM 0.19 made their pool and then ran out of memory in the
    sampler's warm-up: what their kernels keep is not in the profile. Other models, with as little
    room beside the budget, started. Two logs are few, and a start that is promised and fails is the
    worst error: the high ends of both count.
    """
    release = d.release if d.family == "vllm" else None
    narrow = d.model.num_experts and weight_format(d.weights, d.model).bits < 6
    if not narrow or release is None or release < (0, 17):
        return True
    beside = usable_gib(d.gpu).central - engine_budget(d).central
    burst = sampler_row(d).high * max_sequences(d) * d.model.vocab_size / GIB
    outside = graphs_outside(d).high
    return not outside or outside + burst <= beside


NO_START = (
    "graphs and the sampler's first batch find no room beside the share that the engine takes: "
    "lower its utilization"
)
NO_ENCODER = (
    "this release encodes a video of the largest size when it starts, for which cards of this "
    "generation have no fused attention: limit images and videos"
)


def stops(d: Deployment, longest: int, pool: float) -> tuple[str, str]:
    """Why an engine stops before the first request, and what a default must give way to.

    pool: GiB that are left for the cache. Blank where nothing does. An engine that captures graphs
    wants a state block of a hybrid model for each sequence that may run (vLLM, pull request 38270).
    """
    if not warms_up(d):
        return NO_START, ""
    # Encoding the largest video at start-up is known to run out, or not known to fit.
    takes_video = (d.model.vision_tokens or 0) >= constant("vllm", "video_from_tokens").central
    old = d.family == "vllm" and d.release is not None and d.release < (0, 12)
    if takes_video and old and d.images is not False and d.gpu.kernels in BEFORE_HOPPER:
        return NO_ENCODER, ""
    most = _state_limit(d, longest, pool)
    if most >= max_sequences(d):
        return "", ""
    said = f"the engine starts with at most {most:,} sequences: set max_num_seqs"
    return (said, "") if d.sequences else ("", said)


def _state_limit(d: Deployment, longest: int, pool: float) -> float:
    """Sequences that the state blocks of a hybrid model allow; inf where nothing is checked."""
    checked = d.family == "vllm" and not d.eager and d.behaviour("wants_state_blocks").central
    if not checked or not d.model.linear_layers or pool <= 0:
        return math.inf
    try:
        return _cells(d, longest).blocks(pool * GIB, longest).blocks
    except NotEstimated:
        return math.inf


# --- budget and pool --------------------------------------------------------------------------


class CachePool:
    """The budget of a GPU, the parts that come off it, and what an engine leaves for the cache.

    All are of the fullest GPU. [GiB]
    """

    def __init__(self, d: Deployment, context: int) -> None:
        size = loaded(d)
        self.budget = engine_budget(d)
        self.parts = (
            MemoryPart(
                name="weights",
                gib=size,
                formula=_weights_formula(d),
                source=d.model.provenance,
            ),
            activations(d, context),
            libraries(d),
            graphs(d),
        )
        # SGLang's activations and graphs live outside mem_fraction_static [2].
        taken = [size] if d.family == "sglang" else [p.gib for p in self.parts]
        left = total([self.budget, *(t.scaled(-1) for t in taken)], "GiB")
        if d.family == "tensorrt-llm":
            share = d.utilization or constant("tensorrt-llm", "utilization").central
            left = left.scaled(share) if left.central > 0 else left
        self.left = widened(left, "pool", far(d), up=sum(p.less for p in self.parts))


def loaded(d: Deployment) -> Range:
    """Weights on the fullest GPU, as the engine logs them. [GiB]"""
    size = _stored(d, d.weights)
    other = weight_format(d.weights, d.model).other
    others = [_stored(d, other)] if other else []
    if d.family == "vllm" and d.images is None:  # it may run for text only
        others.append(_stored(d, d.weights, towers=False))
    less = sum(size.central - x.low for x in others if x.central < size.central)
    more = sum(x.high - size.central for x in others if x.central > size.central)
    size = size.plus(_beside_weights(d))
    return widened(size, "weights", far(d), down=less, up=more)


def _beside_weights(d: Deployment) -> Range:
    """What an engine loads with the weights. [GiB]"""
    if d.family == "sglang":
        return constant("sglang", "load_extra_gib").range
    if d.family == "vllm":  # sines and cosines of every position: each rank holds a head's table
        positions = d.model.rope_positions or d.model.max_position_embeddings or 0
        width = d.model.qk_rope_head_dim or d.model.head_dim
        return Range.exact(2.0 * positions * width / GIB)
    return Range.exact(0.0)


def _stored(d: Deployment, weights: str, towers: bool = True) -> Range:
    """Weights on the fullest GPU in a format. [GiB]"""
    skipped = d.family == "vllm" and d.images is False
    size = weight_bytes_per_gpu(
        d.model,
        weights,
        tp=d.tensor_parallel,
        pp=d.pipeline_parallel,
        ep=d.expert_ranks,
        mtp=d.mtp,
        towers=towers and not skipped,
    )
    return size.scaled(1 / GIB, "GiB")


def far(d: Deployment) -> int:
    """How many aspects of a deployment nobody measured."""
    return len(unmeasured("serving", aspects(d)))


def _weights_formula(d: Deployment) -> str:
    form: WeightFormat = weight_format(d.weights, d.model)
    if form.scope == "file":
        return f"{form.bits:g} bit, mean of the file; embedding in host memory"
    widths = by_width(d.model, form, towers=d.family != "vllm" or d.images is not False)
    kept = (f"{count / 1e9:.3g} billion x {bits:g} bit" for bits, count in widths.items())
    said = f"{' + '.join(kept)} / {d.tensor_parallel} x {d.pipeline_parallel} GPUs"
    beside = _beside_weights(d).central
    return f"{said}; {beside:.2f} GiB beside" if beside >= 0.005 else said


def engine_share(d: Deployment) -> Range:
    """Share of the memory of the card that an engine may take."""
    if d.family in ("llama.cpp", "tensorrt-llm"):
        return Range.exact(1.0, "share")
    row = d.behaviour("utilization").range
    return row if d.utilization is None else Range.exact(d.utilization)


def engine_budget(d: Deployment) -> Range:
    """What an engine may take of the card. [GiB]"""
    free = size = usable_gib(d.gpu)
    if d.family in ("llama.cpp", "tensorrt-llm"):
        return size
    share = engine_share(d)
    if d.family == "sglang":
        free = total([size, d.behaviour("host_gib").range.scaled(-1)])
    return share.times(free, "GiB")


# --- what a pool holds ------------------------------------------------------------------------


def _cached_layers(d: Deployment) -> tuple[attention.Layers, ...]:
    """The layers of the fullest stage, as this release of the engine caches them.

    Windows cost full length in vLLM's V0 engine and in the ik fork of llama.cpp. Latents were
    kept as plain heads before vLLM 0.7.
    """
    draft = d.mtp and d.family == "vllm"  # SGLang keeps a pool of its own for drafts
    groups = attention.layer_groups(d.model, draft)
    if d.family == "vllm" and d.release and d.release < (0, 7):
        groups = tuple(_as_heads(g, d.model) if g.kind == "latent" else g for g in groups)
    if d.is_v0 or is_fork(d):
        windowed = ("window", "chunk")
        groups = tuple(replace(g, kind="full") if g.kind in windowed else g for g in groups)
    return tuple(replace(g, count=math.ceil(g.count / d.pipeline_parallel)) for g in groups)


def kv_format(d: Deployment) -> dtypes.KvFormat:
    """Format of the cache; `auto` follows the type of the run, which may be 32 bit."""
    wanted = d.kv_cache or "auto"
    if wanted == "auto" and weight_format(d.weights, d.model).format == "fp32":
        wanted = "f32"
    return dtypes.kv_format(wanted)


def _state_blocks(d: Deployment) -> int:
    """Blocks that a request holds of each linear layer's state."""
    if d.family != "vllm":
        return 1
    row = d.behaviour("state_blocks")
    if d.prefix_caching is None:
        return int(row.central)
    return int(row.high if d.prefix_caching else row.low)


def _as_heads(g: attention.Layers, model: Model) -> attention.Layers:
    """A latent layer cached as keys and values of every head, values padded to the keys' width."""
    width = 2 * model.head_dim
    return replace(g, kind="full", heads=model.num_attention_heads, width=width, index_bytes=0)


def _cells(d: Deployment, tokens: int) -> attention.Cells:
    """The cache of the fullest stage of a deployment for requests of up to `tokens`."""
    return attention.Cells(
        groups=_cached_layers(d),
        kv=kv_format(d),
        tp=d.tensor_parallel,
        chunk=prompt_chunk(d, tokens),
        speculative_tokens=d.speculative_tokens,
        state_blocks=_state_blocks(d),
    )


def request_formula(d: Deployment, tokens: int) -> str:
    """What one request of `tokens` keeps on the fullest GPU, layer by layer kind."""
    cells = _cells(d, tokens)
    kept = []
    for g in cells.groups:
        each = g.count * g.bytes_per_token(cells.kv, cells.tp) / 1024
        if each:
            held = g.tokens_kept(tokens, cells.chunk)
            kept.append(f"{each:.4g} KiB x {held:,.0f} tokens in {g.count} layers")
        state = g.count * g.state_bytes(cells.tp, cells.speculative_tokens) * cells.states
        if state:
            kept.append(f"{state / 1024**2:.4g} MiB in {g.count} layers")
    return " + ".join(kept)


def request_gib(d: Deployment, tokens: int) -> float:
    """Cache of one request of `tokens` on the fullest GPU. [GiB]"""
    if d.family != "llama.cpp":
        return _cells(d, tokens).held(tokens) / GIB
    held = _cells(replace(d, tensor_parallel=1, pipeline_parallel=1), tokens).held(tokens)
    if d.gpus > 1:  # cards share layers, not heads
        layers = d.model.num_hidden_layers
        held *= math.ceil((layers + 1) / d.gpus) / layers
    return held / GIB


@dataclass(frozen=True, slots=True)
class Held:
    """What the memory that is left for the cache holds."""

    tokens: float
    """As the engine prints them."""
    requests: float
    """Of the longest length, at once."""


def holds(d: Deployment, longest: int, pool: float) -> Held:
    """What a pool of `pool` GiB holds, for requests of up to `longest` tokens."""
    if pool <= 0:
        return Held(0.0, 0.0)
    if d.family != "vllm":
        held = pool / request_gib(d, longest) * d.context_parallel
        return Held(held * longest, held)
    try:
        made = _cells(d, longest).blocks(pool * GIB, longest)
    except NotEstimated:
        return Held(0.0, 0.0)
    tokens = made.concurrency * longest
    if made.groups == 1 or d.behaviour("prints_smallest_group").central:
        tokens = float(made.smallest_group_tokens)
    return Held(tokens * d.context_parallel, made.concurrency * d.context_parallel)


def fixed_shares(d: Deployment, tokens: float, pool: float) -> float:
    """Requests of `tokens` that SGLang runs at once on a pool of `pool` GiB.

    It shares the pool out when it starts: windows get a fixed part of the tokens of full layers,
    and states a fixed part of the memory, of which a running request takes several. [2]
    """
    per_token = states = 0.0
    for g in _cached_layers(d):
        size = g.count * g.bytes_per_token(kv_format(d), d.tensor_parallel)
        windowed = g.kind in ("window", "chunk")
        per_token += size * (constant("sglang", "window_share").central if windowed else 1.0)
        if g.kind == "state":
            states += g.count * g.state_bytes(d.tensor_parallel)
    free = pool * GIB
    if not states:
        return free / (per_token * tokens) if per_token else math.inf
    ratio = constant("sglang", "state_ratio").central
    cached = free / (1 + ratio)
    running = (free - cached) / states / d.behaviour("state_slots").central
    return min(running, cached / (per_token * tokens)) if per_token else running


def longest_context(d: Deployment, pool: float) -> int:
    """Longest single request that a pool of `pool` GiB holds, up to the model's limit. [tokens]"""
    lengths = range(1, (d.model.max_position_embeddings or 1_048_576) + 1)
    return bisect_right(lengths, pool, key=lambda tokens: request_gib(d, tokens))
