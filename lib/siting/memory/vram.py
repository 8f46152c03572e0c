"""GPU memory of serving a model: weights, cache, activations, libraries; what fits and what not.

`inference` adds the parts up for one model, card and engine, per GPU, each with a range, its
formula and its source. What the catalogue does not determine raises `NotEstimated` with the
reason. The solvers (`longest_context`, `fewest_gpus`, `sweep`) call the same functions.

[1] vLLM, v1/worker/gpu_worker.py, determine_available_memory (the budget and what comes off it)
[2] SGLang, mem_cache and model_runner.profile_max_num_token (mem_fraction_static)
[3] llama.cpp, llama-model.cpp, layer split over devices
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np

from siting import catalogue, hf_config, quality
from siting.catalogue import Fact, Gpu, Input, Model, table
from siting.inputs.scenario import SELF_HOSTED, Option, Scenario, Tokens
from siting.memory import attention
from siting.memory.attention import NotEstimated
from siting.memory.weights import Tensors as Tensors
from siting.memory.weights import WeightFormat as WeightFormat
from siting.memory.weights import gguf_split as gguf_split
from siting.memory.weights import tensors as tensors
from siting.memory.weights import weight_bytes_per_gpu as weight_bytes_per_gpu
from siting.memory.weights import weight_format as weight_format
from siting.memory.weights import weight_formats as weight_formats
from siting.quantity import GIB, Range, total

Verdict = Literal["fits", "tight", "does not fit"]


# --- facts ------------------------------------------------------------------------------------


class MemoryConstant(Fact):
    """A fitted or published constant of an engine, with the reason why it is what it is."""

    engine: str
    name: str
    low: float
    central: float
    high: float
    unit: str
    reason: str

    @property
    def range(self) -> Range:
        return Range(self.low, self.central, self.high, self.unit)


def constant(engine: str, name: str) -> MemoryConstant:
    """A row of facts/memory_constants.csv."""
    return _constants(catalogue.facts_dir())[engine, name]


@cache
def _constants(folder: Path) -> dict[tuple[str, str], MemoryConstant]:
    return {(r.engine, r.name): r for r in table("memory_constants", MemoryConstant)}


# --- cache ------------------------------------------------------------------------------------


def kv_bytes(
    model: Model, tokens: float, kv: str = "auto", tp: int = 1, chunk: int = 2048, pp: int = 1
) -> float:
    """Cache and states of one request of `tokens` on one GPU, without rounding to blocks. [B]

    chunk: tokens of a prompt computed at once, which windows keep. Raises NotEstimated.
    """
    return attention.request_bytes(model, attention.kv_format(kv), tokens, tp, chunk) / pp


def kv_bytes_per_token(model: Model, kv: str = "auto", tp: int = 1) -> float:
    """Bytes that one more token of a long request adds on one GPU. Raises NotEstimated."""
    return attention.bytes_per_token(model, attention.kv_format(kv), tp)


# --- engines ----------------------------------------------------------------------------------

ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")


def engine_name(text: str) -> str:
    """One name for the many ways of writing an engine's; its own, in lower case, if unknown."""
    key = re.sub(r"[\s_\-.]", "", text.lower())
    for word, name in (
        ("nim", "nim"),  # before the engine that it wraps, which its name may mention
        ("tensorrt", "tensorrt-llm"),
        ("trt", "tensorrt-llm"),
        ("vllm", "vllm"),
        ("sglang", "sglang"),
        ("lmdeploy", "lmdeploy"),
        ("llamacpp", "llama.cpp"),
        ("llamaserver", "llama.cpp"),
        ("ollama", "llama.cpp"),
        ("lmstudio", "llama.cpp"),
    ):
        if word in key:
            return name
    return text.lower()


def engine_family(text: str) -> str:
    """The engine of ENGINES that shares out memory as the one named does. Raises NotEstimated."""
    name = engine_name(text)
    family = "tensorrt-llm" if name == "nim" else name
    if family not in ENGINES:
        raise NotEstimated(f"engine {text!r} is unknown; known: {', '.join(ENGINES)}")
    return family


def version(text: str) -> tuple[int, int] | None:
    """Major and minor of a release such as 0.10.1.1; None for a development build or blank."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    if not found or re.match(r"v?0\.1\.dev", text.strip()):
        return None
    return int(found[1]), int(found[2])


@dataclass(frozen=True, slots=True)
class Setting:
    """How an engine is started; blank fields take the engine's own default for the card."""

    engine: str = "vllm"
    engine_version: str = ""
    first_generation: bool | None = None
    """vLLM's V0 engine (before 0.8); None: from the version, else no."""
    utilization: float | None = None
    """Share of the card that the engine may take (mem_fraction_static in SGLang)."""
    max_batched_tokens: int | None = None
    max_num_seqs: int | None = None
    eager: bool = False
    """No CUDA graphs."""
    mtp: bool = False
    """Multi-token-prediction layers are loaded."""
    speculative_tokens: int = 0
    flash_attention: bool = True

    @property
    def family(self) -> str:
        return engine_family(self.engine)

    @property
    def is_v0(self) -> bool:
        if self.first_generation is not None:
            return self.first_generation
        release = version(self.engine_version)
        return self.family == "vllm" and release is not None and release < (0, 8)


def usable_gib(gpu: Gpu) -> Range:
    """Memory that a process sees on the card. [GiB] Estimated where it was never measured."""
    if gpu.usable_gib is not None:
        return Range.exact(gpu.usable_gib, "GiB")
    share = constant("any", "unified_share" if is_unified(gpu) else "usable_share").range
    return share.scaled(gpu.memory_gb_marketing, "GiB")


def _large(gpu: Gpu | None) -> bool:
    """Whether vLLM takes its larger defaults: 70 GiB and more, A100 apart.

    Logs on unified-memory machines show warm-ups as small as on small cards.
    """
    if gpu is None or "a100" in gpu.id or is_unified(gpu):
        return False
    return usable_gib(gpu).central >= constant("vllm", "large_card_gib").central


def is_unified(gpu: Gpu) -> bool:
    """Whether processor and accelerator share one memory."""
    return bool(re.search(r"\bsoc\b|unified", f"{gpu.form_factor} {gpu.interconnect}".lower()))


def max_num_seqs(gpu: Gpu | None, setting: Setting) -> int:
    """Sequences that the warm-up batch holds."""
    if setting.max_num_seqs is not None:
        return setting.max_num_seqs
    large = _large(gpu) and not setting.is_v0
    count = int(constant("vllm", f"max_num_seqs_{'large' if large else 'small'}").central)
    return min(count, setting.max_batched_tokens or count)


def batched_tokens(gpu: Gpu | None, setting: Setting, context: int) -> int:
    """Tokens of the largest batch of prompts. V0 without chunking: the whole context.

    gpu: None is taken as a small card.
    """
    if setting.family == "llama.cpp":
        return setting.max_batched_tokens or int(constant("llama.cpp", "ubatch").central)
    if setting.max_batched_tokens is not None:
        return setting.max_batched_tokens
    if setting.is_v0:
        return context
    size = "large" if _large(gpu) else "small"
    return int(constant("vllm", f"batched_tokens_{size}").central)


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the memory of a GPU."""

    name: str
    gib: Range
    formula: str
    source: catalogue.Source


def _forward_bytes(model: Model, tokens: int, tp: int) -> float:
    """Widest intermediates of one layer over a batch of `tokens`. [B]"""
    hidden = model.hidden_size or 0
    width = 3 * (model.intermediate_size or 0) / tp + 4 * hidden
    if model.num_experts and model.moe_intermediate_size:
        expert = model.moe_intermediate_size / tp
        routed = (model.experts_per_token or 1) * (max(2 * expert, hidden) + expert)
        width = max(width, routed + 4 * hidden)
    return tokens * width * 2.0


def activations(model: Model, gpu: Gpu | None, setting: Setting, tp: int, context: int) -> Part:
    """Peak of the warm-up beyond weights: the widest layer or the sampler, whichever is more.

    The sampler works on the gathered logits, so tensor parallelism does not divide it. A vision
    tower's largest input is encoded in the same warm-up.
    """
    family = setting.family
    if family == "llama.cpp":
        return _compute_buffer(model, setting, tp, context)
    tokens = batched_tokens(gpu, setting, context)
    hidden = model.hidden_size or 0
    forward = _forward_bytes(model, tokens, tp)
    if not setting.flash_attention:
        per = constant("vllm", "naive_attention_bytes").central
        forward += (model.num_attention_heads or 0) / tp * context**2 * per
    seqs = max_num_seqs(gpu, setting)
    small = not (_large(gpu) or setting.is_v0)
    row = constant("vllm", "sampler_bytes_small" if small else "sampler_bytes")
    sampler = row.range.scaled(seqs * float(model.vocab_size or 0), "B")
    tower = _vision_encoder(model, setting, context)
    kept = tokens * hidden * 2.0
    peak = [
        max(forward * f, s, v) + kept
        for f, s, v in zip(
            (0.8, 1.0, 1.25),
            (sampler.low, sampler.central, sampler.high),
            (tower.low, tower.central, tower.high),
            strict=True,
        )
    ]
    return Part(
        "activations",
        _ordered(peak, "B").scaled(1 / GIB, "GiB"),
        f"largest of: widest layer x {tokens:,} tokens; {row.central:g} B x {seqs:,} sequences x "
        f"{model.vocab_size:,} vocabulary" + ("; vision encoder" if tower.central else ""),
        catalogue.source_of(row),
    )


def _vision_encoder(model: Model, setting: Setting, context: int) -> Range:
    """Peak of encoding the largest image or video at start-up. [B]

    Releases before 0.12 encode a video of 16 frames, in pairs, where a model takes any size; an
    unstated release is taken as that of the model's own year.
    """
    tokens = float(model.vision_tokens or 0)
    release = version(setting.engine_version)
    old = release < (0, 12) if release else model.release_date < "2026"
    if tokens >= constant("vllm", "video_from_tokens").central and old:
        tokens *= constant("vllm", "video_pairs").central
    seen = min(tokens, context)
    return constant("vllm", "vision_bytes_per_token").range.scaled(seen, "B")


def _compute_buffer(model: Model, setting: Setting, gpus: int, context: int) -> Part:
    """llama.cpp's compute buffer: logits of one micro-batch; scores where no flash attention."""
    ubatch = setting.max_batched_tokens or int(constant("llama.cpp", "ubatch").central)
    logits = 4.0 * ubatch * (model.vocab_size or 0)
    scores = 0.0
    if not setting.flash_attention and not model.kv_lora_rank:  # latents are scored in chunks
        scores = 4.0 * (model.num_attention_heads or 0) * ubatch * context
    row = constant("llama.cpp", "multi_gpu_mib")
    central = max(logits, scores) + (row.central * 2**20 if gpus > 1 else 0.0)
    return Part(
        "activations",
        Range(central * 0.8, central, max(logits + scores, central) * 1.6, "B").scaled(
            1 / GIB, "GiB"
        ),
        f"compute buffer: 4 B x {ubatch} tokens x "
        + (
            f"{context:,} tokens x heads" if scores > logits else f"{model.vocab_size:,} vocabulary"
        ),
        catalogue.source_of(row),
    )


def libraries(setting: Setting, gpus: int) -> Part:
    """CUDA context, libraries and communication buffers of one GPU."""
    family = setting.family
    if family == "vllm":
        step = 1 if gpus == 1 else 2 if gpus < 8 else 8
        row = constant("vllm", f"non_torch_gib_{step}")
    elif family == "tensorrt-llm":
        row = constant(family, "overhead_gib")
    else:
        row = constant(family, "context_gib")
    return Part("libraries", row.range, row.reason, catalogue.source_of(row))


def graphs(setting: Setting) -> Part:
    """CUDA graphs, where the engine counts them inside its budget."""
    row = constant("vllm", "cuda_graph_gib")
    release = version(setting.engine_version)
    development = setting.engine_version.strip().startswith("0.1.dev")
    inside = development or (release is not None and release >= (0, 21))
    counted = setting.family == "vllm" and inside and not setting.eager
    gib = row.range if counted else Range.exact(0.0, "GiB")
    return Part("graphs", gib, row.reason, catalogue.source_of(row))


# --- the sum ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one GPU (the fullest) while serving a model, with what it leaves for requests."""

    model: Model
    gpu: Gpu
    setting: Setting
    weights: str
    """Weight format, by its name in the catalogue."""
    kv: str
    tp: int
    pp: int
    context: int
    """Longest request. [tokens]"""
    concurrency: float
    """Requests of that length that were asked for."""
    parts: tuple[Part, ...]
    """Weights, activations, libraries, graphs, and the cache that was asked for."""
    budget_gib: Range
    """What the engine may take of the card."""
    pool_gib: Range
    """What is left for the cache; below zero: the weights alone do not fit."""
    request_gib: float
    """Cache of one request of the longest length."""
    tokens: Range
    """Tokens that the pool holds, as the engine would print them."""
    max_concurrency: Range
    """Requests of the longest length that fit at once."""
    longest_context: int
    """Longest single request that fits, up to what the model allows. [tokens]"""
    verdict: Verdict
    inputs: tuple[Input, ...] = field(default=())

    @property
    def gpus(self) -> int:
        return self.tp * self.pp

    @property
    def need_gib(self) -> Range:
        """Sum of the parts, with the cache that was asked for."""
        return total((p.gib for p in self.parts), "GiB")


def inference(
    model: Model,
    gpu: Gpu,
    weights: str = "",
    kv: str = "auto",
    tp: int = 1,
    pp: int = 1,
    ep: int = 1,
    engine: str = "vllm",
    engine_version: str = "",
    context: int | None = None,
    concurrency: float = 1,
    utilization: float | None = None,
    max_batched_tokens: int | None = None,
    max_num_seqs: int | None = None,
    setting: Setting | None = None,
) -> Memory:
    """Memory of serving `model` on `tp` x `pp` cards of kind `gpu`, per GPU.

    weights, kv: format names, blank or `auto` for native. context: longest request [tokens], the
    model's own limit if None. concurrency: requests of that length at once. A blank
    engine_version is the current release. `setting` replaces the engine arguments where more of
    them matter; its version, if blank, is unknown. Raises NotEstimated with the reason.
    """
    start = setting or replace(
        planned_setting(engine),
        engine_version=engine_version or planned_setting(engine).engine_version,
        utilization=utilization,
        max_batched_tokens=max_batched_tokens,
        max_num_seqs=max_num_seqs,
    )
    longest = context or model.max_position_embeddings
    if longest is None:
        raise NotEstimated(f"the context of {model.model_id} is not known: state one")
    pool = cache_pool(model, gpu, start, weights, tp, pp, ep, longest)
    return _judge(model, gpu, start, pool, weights, kv, tp, pp, longest, concurrency)


@dataclass(frozen=True, slots=True)
class Pool:
    """The budget of a GPU and the parts that come off it before the cache."""

    parts: tuple[Part, ...]
    budget: Range
    left: Range
    """[GiB]"""


def cache_pool(
    model: Model, gpu: Gpu, setting: Setting, weights: str, tp: int, pp: int, ep: int, context: int
) -> Pool:
    """What an engine leaves for the cache on the fullest GPU. [GiB]"""
    form = weight_format(weights, model)
    size = weight_bytes_per_gpu(model, weights, tp, pp, ep, setting.mtp).scaled(1 / GIB, "GiB")
    if setting.family == "sglang":
        size = size.plus(constant("sglang", "load_extra_gib").range)
    loaded = Part("weights", size, _weights_formula(form, tp, pp), catalogue.source_of(model))
    parts = (
        loaded,
        activations(model, gpu, setting, tp * pp if form.scope == "file" else tp, context),
        libraries(setting, tp * pp),
        graphs(setting),
    )
    budget = _budget(gpu, setting)
    # SGLang's activations and graphs live outside mem_fraction_static [2].
    taken = [size] if setting.family == "sglang" else [p.gib for p in parts]
    spread = total([budget, *(t.scaled(-1) for t in taken)], "GiB")
    if setting.family == "tensorrt-llm":
        share = setting.utilization or constant("tensorrt-llm", "utilization").central
        spread = spread.scaled(share) if spread.central > 0 else spread
    return Pool(parts, budget, spread)


def _weights_formula(form: WeightFormat, tp: int, pp: int) -> str:
    scope = {
        "all": "every tensor",
        "linear": "linear layers, the rest in 16 bit",
        "experts": "routed experts (all linear layers of a dense model), the rest in "
        f"{form.other_linear_bits:g} bit",
        "mlp": "MLP layers, the rest in 16 bit",
        "file": "mean of the file, embedding in host memory",
    }[form.scope]
    return f"parameters x {form.bits:g} bit ({scope}) / {tp} x {pp} GPUs"


def _budget(gpu: Gpu, setting: Setting) -> Range:
    """What an engine may take of the card. [GiB]"""
    size = usable_gib(gpu)
    if setting.family in ("llama.cpp", "tensorrt-llm"):
        return size
    row = constant(setting.family, "utilization").range
    share = row if setting.utilization is None else Range.exact(setting.utilization)
    free = size
    if setting.family == "sglang":
        host = "unified_host_gib" if is_unified(gpu) else "context_gib"
        free = total([size, constant("sglang", host).range.scaled(-1)])
    return Range(share.low * free.low, share.central * free.central, share.high * free.high, "GiB")


def _judge(
    model: Model,
    gpu: Gpu,
    setting: Setting,
    pool: Pool,
    weights: str,
    kv: str,
    tp: int,
    pp: int,
    longest: int,
    concurrency: float,
) -> Memory:
    form, cells = weight_format(weights, model), attention.kv_format(kv)
    need = request_gib(model, setting, gpu, kv, tp, pp, longest)
    counts = [holds(model, gpu, setting, kv, tp, pp, longest, g) for g in _values(pool.left)]
    tokens = _ordered([c[0] for c in counts], "tokens")
    requests = _ordered([c[1] for c in counts], "requests")
    asked = Part(
        "cache",
        Range.exact(need * concurrency, "GiB"),
        f"{concurrency:g} requests of {longest:,} tokens, {cells.format}",
        catalogue.source_of(cells),
    )
    verdict: Verdict = "does not fit"
    if requests.central >= concurrency:
        verdict = "fits" if requests.low >= concurrency else "tight"
    return Memory(
        model=model,
        gpu=gpu,
        setting=setting,
        weights=form.format,
        kv=cells.format,
        tp=tp,
        pp=pp,
        context=longest,
        concurrency=concurrency,
        parts=(*pool.parts, asked),
        budget_gib=pool.budget,
        pool_gib=pool.left,
        request_gib=need,
        tokens=tokens,
        max_concurrency=requests,
        longest_context=longest_context(model, gpu, setting, kv, tp, pp, pool.left.central),
        verdict=verdict,
        inputs=_inputs(model, gpu, form, pool),
    )


def _ordered(values: Sequence[float], unit: str) -> Range:
    low, central, high = sorted(values)
    return Range(low, central, high, unit)


def _values(r: Range) -> tuple[float, float, float]:
    return r.low, r.central, r.high


def _inputs(model: Model, gpu: Gpu, form: WeightFormat, pool: Pool) -> tuple[Input, ...]:
    return (
        Input(
            name=f"parameters of {model.model_id}",
            value=Range.exact(tensors(model).total / 1e9, "billion"),
            source=catalogue.source_of(model),
        ),
        Input(
            name=f"usable memory, {gpu.gpu}",
            value=usable_gib(gpu),
            source=catalogue.source_of(gpu),
        ),
        Input(
            name=f"bits a parameter, {form.format}",
            value=Range.exact(form.bits, "bit"),
            source=catalogue.source_of(form),
        ),
        *(Input(name=p.name, value=p.gib, source=p.source) for p in pool.parts[1:]),
    )


def _cached_layers(model: Model, setting: Setting, pp: int) -> tuple[attention.Layers, ...]:
    """The layers of the fullest stage, as this release of the engine caches them.

    Windows cost full length in vLLM's V0 engine, in its V1 engine where full layers have heads
    of another shape (before 0.21), and in the ik fork of llama.cpp. Latents were kept as plain
    heads before vLLM 0.7.
    """
    draft = setting.mtp and setting.family == "vllm"  # SGLang keeps a pool of its own for drafts
    groups = attention.layer_groups(model, draft)
    release = version(setting.engine_version) if setting.family == "vllm" else None
    if release and release < (0, 7):
        groups = tuple(_as_heads(g, model) if g.kind == "latent" else g for g in groups)
    shapes = {(g.heads, g.width) for g in groups if g.kind in ("full", "window", "chunk")}
    apart = release is not None and release < (0, 21) and len(shapes) > 1
    forked = setting.family == "llama.cpp" and "ik" in setting.engine_version.lower()
    if setting.is_v0 or apart or forked:
        groups = _as_full(groups)
    return attention.stage(groups, pp) if pp > 1 else groups


def _as_heads(g: attention.Layers, model: Model) -> attention.Layers:
    """A latent layer cached as keys and values of every head, values padded to the keys' width."""
    width = 2 * (model.head_dim or 0)
    return replace(g, kind="full", heads=model.num_attention_heads or 0, width=width, index_bytes=0)


def _as_full(groups: tuple[attention.Layers, ...]) -> tuple[attention.Layers, ...]:
    return tuple(replace(g, kind="full") if g.kind in ("window", "chunk") else g for g in groups)


def request_gib(
    model: Model, setting: Setting, gpu: Gpu | None, kv: str, tp: int, pp: int, tokens: int
) -> float:
    """Cache of one request of `tokens` on the fullest GPU. [GiB]"""
    cells = attention.kv_format(kv)
    chunk = batched_tokens(gpu, setting, tokens)
    by_layer = setting.family == "llama.cpp"  # cards share layers, not heads
    groups = _cached_layers(model, setting, 1 if by_layer else pp)
    ranks = 1 if by_layer else tp
    held = 0.0
    for g in groups:
        held += g.count * (
            g.tokens_kept(tokens, chunk) * g.bytes_per_token(cells, ranks)
            + g.state_bytes(ranks, setting.speculative_tokens) * (1 + setting.speculative_tokens)
        )
    if by_layer and tp * pp > 1:
        layers = model.num_hidden_layers or 1
        held *= math.ceil((layers + 1) / (tp * pp)) / layers
    return held / GIB


def holds(
    model: Model,
    gpu: Gpu | None,
    setting: Setting,
    kv: str,
    tp: int,
    pp: int,
    longest: int,
    pool: float,
) -> tuple[float, float]:
    """Tokens that an engine prints for a pool of `pool` GiB, and requests of the longest length."""
    if pool <= 0:
        return 0.0, 0.0
    if setting.family != "vllm":
        need = request_gib(model, setting, gpu, kv, tp, pp, longest)
        return pool / need * longest, pool / need
    groups = _cached_layers(model, setting, pp)
    chunk = batched_tokens(gpu, setting, longest)
    try:
        made = attention.blocks(
            pool * GIB,
            groups,
            attention.kv_format(kv),
            longest,
            tp,
            chunk,
            setting.speculative_tokens,
        )
    except NotEstimated:
        return 0.0, 0.0
    release = version(setting.engine_version)
    tokens = made.concurrency * longest
    if made.groups == 1:
        tokens = float(made.blocks * made.block_tokens)
    elif release is not None and release < (0, 20):
        tokens = float(made.smallest_group_tokens)
    return tokens, made.concurrency


def longest_context(
    model: Model, gpu: Gpu, setting: Setting, kv: str, tp: int, pp: int, pool: float
) -> int:
    """Longest single request that a pool of `pool` GiB holds, up to the model's limit. [tokens]"""
    limit = model.max_position_embeddings or 1_048_576
    low, high = 0, limit
    while low < high:
        middle = (low + high + 1) // 2
        if request_gib(model, setting, gpu, kv, tp, pp, middle) <= pool:
            low = middle
        else:
            high = middle - 1
    return low


TENSOR_PARALLEL = (1, 2, 4, 8)


def can_split(model: Model, tp: int) -> bool:
    """Whether attention heads divide evenly over `tp` ranks."""
    return (model.num_attention_heads or tp) % tp == 0


def fewest_gpus(
    model: Model,
    gpu: Gpu,
    setting: Setting | None = None,
    weights: str = "",
    kv: str = "auto",
    context: int | None = None,
    concurrency: float = 1,
) -> Memory | None:
    """The smallest tensor-parallel group that holds `concurrency` requests; None if none does.

    setting: None is the current release of vLLM.
    """
    tried = group_sizes(model, gpu, setting, weights, kv, context, concurrency)
    return next((m for m in tried if m.verdict != "does not fit"), None)


def group_sizes(
    model: Model,
    gpu: Gpu,
    setting: Setting | None = None,
    weights: str = "",
    kv: str = "auto",
    context: int | None = None,
    concurrency: float = 1,
) -> tuple[Memory, ...]:
    """The memory on 1, 2, 4 and 8 cards, as far as attention heads divide."""
    return tuple(
        inference(
            model,
            gpu,
            weights,
            kv,
            tp,
            context=context,
            concurrency=concurrency,
            setting=setting,
        )
        for tp in TENSOR_PARALLEL
        if can_split(model, tp)
    )


def larger(
    memory: Memory, context_factor: float = 1, concurrency_factor: float = 1
) -> Memory | None:
    """The smallest group of the same card for longer or more requests; None if 8 do not hold it.

    The context stops at what the model allows.
    """
    limit = memory.model.max_position_embeddings or math.inf
    return fewest_gpus(
        memory.model,
        memory.gpu,
        memory.setting,
        memory.weights,
        memory.kv,
        int(min(limit, memory.context * context_factor)),
        memory.concurrency * concurrency_factor,
    )


# --- the whole catalogue at once --------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Sweep:
    """Every model on every card, in every format and group size, as arrays.

    Axes of `left_gib` and `requests`: model, format, group size, card. NaN where the catalogue
    does not determine a figure or heads do not divide.
    """

    models: tuple[Model, ...]
    formats: tuple[str, ...]
    sizes: tuple[int, ...]
    gpus: tuple[Gpu, ...]
    context: int
    left_gib: np.ndarray
    """Cache pool on one GPU, central estimate; below zero: the weights do not fit. [GiB]"""
    requests: np.ndarray
    """Requests of `context` tokens that the group holds at once."""

    @property
    def combinations(self) -> int:
        return self.left_gib.size

    def fewest_gpus(self, concurrency: float = 1) -> np.ndarray:
        """Smallest group that holds `concurrency` requests, by model, format, card; inf if none."""
        held = self.requests >= concurrency
        sizes = np.asarray(self.sizes, dtype=float)[None, None, :, None]
        smallest: np.ndarray = np.where(held, sizes, np.inf).min(axis=2)
        return smallest


def sweep(
    models: Sequence[Model],
    gpus: Sequence[Gpu],
    formats: Sequence[str],
    context: int,
    kv: str = "auto",
    setting: Setting | None = None,
    sizes: Sequence[int] = TENSOR_PARALLEL,
) -> Sweep:
    """What `inference` says of all combinations, its central estimate only, in one pass.

    The card enters through its memory and through which default batch it takes, so the parts are
    computed once for each kind of card and spread over all of them.
    """
    setting = setting or planned_setting("vllm")
    kinds = sorted({_large(g) for g in gpus})
    examples = [next(g for g in gpus if _large(g) == k) for k in kinds]
    of_card = np.array([kinds.index(_large(g)) for g in gpus])
    budget = np.array([_budget(g, setting).central for g in gpus])
    shape = (len(models), len(formats), len(sizes))
    weights = np.full(shape, np.nan)
    others = np.full((len(models), len(sizes), len(kinds)), np.nan)
    cache_gib = np.full_like(others, np.nan)
    for m, model in enumerate(models):
        for t, tp in enumerate(sizes):
            if not can_split(model, tp):
                continue
            for k, card in enumerate(examples):
                others[m, t, k], cache_gib[m, t, k] = _fixed(model, card, setting, kv, tp, context)
            for f, form in enumerate(formats):
                weights[m, f, t] = _weights_or_nan(model, form, tp)
    left = budget - weights[..., None] - others[:, None][..., of_card]
    requests = left / cache_gib[:, None][..., of_card]
    return Sweep(tuple(models), tuple(formats), tuple(sizes), tuple(gpus), context, left, requests)


def _fixed(
    model: Model, card: Gpu, setting: Setting, kv: str, tp: int, context: int
) -> tuple[float, float]:
    """Parts beside weights, and the cache of one request, both in GiB; NaN if not known."""
    try:
        taken = (
            activations(model, card, setting, tp, context).gib.central
            + libraries(setting, tp).gib.central
            + graphs(setting).gib.central
        )
        return taken, request_gib(model, setting, card, kv, tp, 1, context)
    except NotEstimated:
        return math.nan, math.nan


def _weights_or_nan(model: Model, form: str, tp: int) -> float:
    try:
        return weight_bytes_per_gpu(model, form, tp).central / GIB
    except NotEstimated:
        return math.nan


def best_format(
    model: Model,
    gpu: Gpu,
    formats: Sequence[str],
    context: int,
    concurrency: float = 1,
    size: int = 1,
) -> str | None:
    """The first of `formats`, best quality first, whose weights leave room; None if none does."""
    made = sweep([model], [gpu], formats, context, sizes=[size])
    held = made.requests[0, :, 0, 0] >= concurrency
    return next((f for f, fits in zip(formats, held, strict=True) if fits), None)


# --- a client's options -----------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Fit:
    """Whether a model fits where an option would run it."""

    option: str
    workloads: tuple[str, ...]
    """Workloads that share this model in this option."""
    model: str
    memory: Memory | None
    """The group of GPUs that was chosen; None if nothing fits or it could not be estimated."""
    choices: tuple[Memory, ...]
    """What was looked at: 1, 2, 4 and 8 GPUs, or the group that the client names."""
    reason: str = ""
    """Why there is no `memory`."""


def longest_request(tokens: Sequence[Tokens], extra: float = 0.0) -> int:
    """Longest request to plan for: the 99.9th percentile of each part, added up. [tokens]

    A log-normal distribution is fitted to mean and 95th percentile; rounded up to 1,024.
    """
    length = extra
    for t in tokens:
        spread = Z95 - math.sqrt(max(Z95**2 - 2 * math.log(t.p95 / t.mean), 0.0))
        length += t.mean * math.exp(Z999 * spread - spread**2 / 2)
    return math.ceil(length / 1024) * 1024


Z95, Z999 = 1.6449, 3.0902
"""Quantiles of the standard normal distribution."""


def assess(scenario: Scenario) -> dict[str, tuple[Fit, ...]]:
    """For each option that runs models on GPUs of its own: a `Fit` for each model it serves.

    An API has no memory to fit; a hybrid is made of other options. Both are left out.
    """
    return {
        name: tuple(
            _fit(name, option, model, works, scenario)
            for model, works in served(option, scenario).items()
        )
        for name, option in scenario.options.items()
        if option.kind in SELF_HOSTED
    }


def served(option: Option, scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Models that an option serves, each with its workloads."""
    pools: dict[str, tuple[str, ...]] = {}
    for name, workload in scenario.workloads.items():
        model = option.models.get(name) or option.models.get("all") or workload.models[0]
        pools[model] = (*pools.get(model, ()), name)
    return pools


def _fit(
    name: str, option: Option, model_name: str, works: tuple[str, ...], scenario: Scenario
) -> Fit:
    loads = [quality.at_effort(scenario, name, w) for w in works]
    try:
        model, gpu = hf_config.model(model_name), catalogue.gpu(option.gpu)
        context = option.context or max(
            longest_request((w.input_tokens, w.output_tokens), w.reasoning_tokens) for w in loads
        )
        context = min(context, model.max_position_embeddings or context)
        setting, wanted = planned_setting(option.engine), planning_concurrency()
        if option.tensor_parallel:
            tp = option.tensor_parallel
            choices: tuple[Memory, ...] = (
                inference(
                    model,
                    gpu,
                    option.weights,
                    option.kv_cache,
                    tp,
                    context=context,
                    concurrency=wanted,
                    setting=setting,
                ),
            )
        else:
            choices = group_sizes(
                model, gpu, setting, option.weights, option.kv_cache, context, wanted
            )
    except (KeyError, NotEstimated) as error:
        why = str(error.args[0]) if error.args else str(error)
        return Fit(name, works, model_name, None, (), f"not estimated, because {why}")
    chosen = next((m for m in choices if m.verdict != "does not fit"), None)
    if chosen is None and choices:  # a lone long request may still be served
        chosen = next((m for m in choices if m.max_concurrency.central >= 1), None)
    reason = "" if chosen else "no group of up to 8 GPUs holds the model and one longest request"
    return Fit(name, works, model.model_id, chosen, choices, reason)


def planned_setting(engine: str) -> Setting:
    """A new deployment: defaults of the engine's current release."""
    if engine_family(engine) != "vllm":
        return Setting(engine=engine)
    current = constant("vllm", "current_release").central
    return Setting(engine=engine, engine_version=f"{current:g}")


def planning_concurrency() -> float:
    """Longest requests that a choice of GPUs must hold before the load is known."""
    return constant("any", "planning_concurrency").central
