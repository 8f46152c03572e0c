"""How fast one replica runs: the time of a step of continuous batching, from first principles.

A step advances every running sequence by one token and reads the prompts of new requests. It
costs the weights and the KV cache that memory must deliver, the arithmetic, the messages between
GPUs, and a fixed overhead a layer, a step and a sequence. The costs are added: kernels run one
after another, and overlap is small in the published measurements. Each cost is a bare bound
divided by an efficiency; the efficiencies are rows of `siting_facts/engine_efficiency.csv`, each
fitted on public measurements by `siting_validation/fit_throughput.py` and valid where its `scope`
says.

Every formula works on numbers and on arrays alike, so that a whole table of measurements, or a
sweep of batch sizes, is one call.

The form follows published rooflines (arXiv 2402.16363, 2406.01698) with the overheads that they
leave out; attention and expert arithmetic are counted as in arXiv 2205.05198.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Annotated, Literal, get_args

import numpy as np
import numpy.typing as npt

from siting import catalogue, dtypes
from siting.catalogue import Fact, Gpu, Kernels, Positive, UnknownName, column, conditions, scoped
from siting.dtypes import weight_format
from siting.memory import attention, engines, pool
from siting.memory.deployment import OF_AMD, Deployment, max_sequences, prompt_chunk
from siting.memory.weights import linear_bytes, tensors
from siting.quantity import GIB, NotEstimated
from siting.records import frozen

Array = npt.NDArray[np.float64]
Numbers = float | Array
Efficiencies = Mapping[str, Numbers]
"""Constant name to its value in force."""


ARITHMETIC = ("16", "fp8", "fp4", "int8", "int4", "fp8 unpacked", "fp4 unpacked")
"""Formats in which products are computed; unpacked: to 16 bit, for want of a unit for them."""


def words() -> Mapping[str, Collection[str]]:
    """What the scope of an efficiency may test, and the values that each word has."""
    return {
        "gpu": column("gpus", "id"),
        "architecture": get_args(Kernels),
        "products": ("synchronous", "asynchronous", "other"),
        "link": ("fabric", "pcie", "network"),
        "neighbours": ("many", "one"),
        "bridge": ("pairs", "none"),
        "dense": ARITHMETIC,
        "narrow": ("yes", "no"),
        "experts": (*ARITHMETIC, "none"),
        "model": column("models", "model_id"),
        "mixture": ("yes", "no"),
        "family": column("models", "family"),
        "cache": ("16", "8"),
        "engine": frozenset(engines.WORDS.values()),
        "kernels": ("vendor", "general"),
        "generation": ("early", "today"),
        "scheduling": ("overlapped", "between steps"),
        "prompts": ("launched", "captured"),
        "release": (),  # any
    }


class Efficiency(Fact, tables="engine_efficiency", key="name scope"):
    """One fitted constant: `name` is multiplied by `value` where every condition holds."""

    name: str
    scope: Annotated[str, scoped(words)] = ""
    """Conditions joined by `&`, each `regime=value`; blank: always."""
    value: Positive
    unit: str = ""
    prior: Positive
    """Expected before fitting: the value that holds where no measurement speaks."""
    prior_factor: Positive
    """How far the fit may pull it: one standard deviation, as a factor."""
    reason: str


def applies(scope: str, regime: Mapping[str, str]) -> bool:
    """Whether every condition of a scope such as `engine=nim & cache=8` holds in `regime`."""
    return all(regime.get(key, "") == value for key, value in conditions(scope))


@frozen
class Replica:
    """What the speed of one replica depends on, per GPU of it; numbers, or arrays of equal shape.

    Bytes are bytes, arithmetic is FLOP, rates are per second.
    """

    dense_bytes: Numbers
    """Weights read at every step: all but embeddings and routed experts."""
    expert_bytes: Numbers
    """All routed experts."""
    experts: Numbers
    experts_per_token: Numbers
    dense_flop: Numbers
    """A token, outside attention, routed experts and the head. [FLOP]"""
    head_flop: Numbers
    """A sampled token, in the output head. [FLOP]"""
    expert_flop: Numbers
    """A token, in routed experts. [FLOP]"""
    kv_bytes: Array
    """KV cache a token, of each of LAYERS. [3]"""
    kept: Array
    """Last tokens that layers of each kind keep of a sequence, at most. [3]"""
    attended: Array
    """Tokens of them that a new token attends to, at most. [3]"""
    cache_reads: Numbers
    """Times that a step reads the cache: once, or for each of the query heads that share it."""
    attention_flop: Array
    """One new token attending to one cached one. [3, FLOP]"""
    prompt_attention_flop: Array
    """The same inside a prompt; differs for latent attention. [3, FLOP]"""
    state_bytes: Numbers
    """State of linear-attention layers, a sequence: read and written at every step."""
    heads: Numbers
    """Query heads."""
    block_heads: Numbers
    """Query heads, each of which one block of threads attends for, from end to end; 0 where the
    cache of a sequence is split among blocks."""
    layers: Numbers
    hidden: Numbers
    bandwidth: Numbers
    """Memory. [byte/s]"""
    compute: Numbers
    """Peak in the format of the dense weights. [FLOP/s]"""
    expert_compute: Numbers
    """Peak in the format of the experts. [FLOP/s]"""
    compute_16: Numbers
    """Peak in 16 bit, for attention. [FLOP/s]"""
    energy: Numbers
    """Power that the card is built for, over that peak. [pJ/FLOP]"""
    power: Numbers
    """Share of that power that it is allowed."""
    link: Numbers
    """One direction to the other GPUs of the replica. [byte/s]"""
    group: Numbers
    """GPUs that exchange activations twice a layer (tensor or expert parallel)."""
    stages: Numbers
    """Pipeline-parallel stages."""
    waits: Numbers
    """1 where a micro-batch starts when the one before it has left the last stage, else 0."""
    attention_ranks: Numbers
    """Attention data parallel: ranks that share the sequences among them."""
    expert_ranks: Numbers
    """Ranks that whole experts are split among; where each has a slice of all, 1."""

    def sequence_bytes(self, context: Numbers) -> Numbers:
        """KV cache and state of one sequence of `context` tokens, on each GPU that holds it."""
        return _summed(self.kv_bytes, context, self.kept) + self.state_bytes

    def read_bytes(self, context: Numbers) -> Numbers:
        """What a step reads of it, all reads counted."""
        read = _summed(self.kv_bytes, context, self.attended)
        return read * self.cache_reads + self.state_bytes

    def decode_flop(self, context: Numbers) -> Numbers:
        """A new token attending to `context` tokens. [FLOP]"""
        return _summed(self.attention_flop, context, self.attended)

    def prompt_flop(self, context: Numbers) -> Numbers:
        """The same for a token of a prompt. [FLOP]"""
        return _summed(self.prompt_attention_flop, context, self.attended)


LAYERS = ("growing", "window", "sparse")
"""Kinds of layers with a cache: of all tokens, of the last ones, and of all of which each new
token selects some."""


def _summed(each: Array, context: Numbers, most: Array) -> Numbers:
    """What `context` tokens, at most `most` of them, come to over the kinds of layers."""
    total: Numbers = (each * np.minimum(context, most)).sum(axis=0)
    return total


def step_seconds(
    r: Replica,
    k: Efficiencies,
    sequences: Numbers,
    context: Numbers,
    prompt: Numbers = 0.0,
    prompt_length: Numbers = 1.0,
    prefix: Numbers = 0.0,
) -> Numbers:
    """Time of one step: the sum of `step_parts`, which says what is given. [s]"""
    parts = step_parts(r, k, sequences, context, prompt, prompt_length, prefix)
    return sum(parts.values())


def step_parts(
    r: Replica,
    k: Efficiencies,
    sequences: Numbers,
    context: Numbers,
    prompt: Numbers = 0.0,
    prompt_length: Numbers = 1.0,
    prefix: Numbers = 0.0,
) -> dict[str, Numbers]:
    """Time of one step by what takes it. [s]

    sequences: that decode one token each, at a mean length of `context` tokens.
    prompt: tokens of new requests read in the same step, each request `prompt_length` long
    after `prefix` tokens whose cache is found.
    With pipeline stages, the sequences are split into as many micro-batches: all under way at
    once, or one after another where the engine waits for each.
    """
    batches = np.clip(sequences + prompt / prompt_length, 1.0, r.stages)
    sequences = sequences / batches
    prompt = prompt / batches
    tokens = sequences + prompt
    sampled = sequences + prompt / prompt_length
    ranks = r.attention_ranks
    clock = _clock(r, k)
    p = k["additivity"]
    read = _weight_seconds(r, k, tokens)
    gemm = (read**p + _gemm_seconds(r, k, tokens, sampled) ** p) ** (1 / p)
    cache = sequences / ranks * (r.read_bytes(context) + r.state_bytes)
    reading_cache = cache / (r.bandwidth * k["kv_memory"])
    decode = sequences / ranks * r.decode_flop(context)
    reading = prompt / ranks * r.prompt_flop(prefix + prompt_length / 2)
    passes = k["elementwise_passes"] / ranks + EXPERT_PASSES * r.experts_per_token / r.expert_ranks
    elementwise = tokens * r.layers * r.hidden * 2 * passes
    overhead_us = (
        r.layers * k["layer_overhead_us"] * k["pace"]
        + k["step_overhead_us"]
        + sequences / ranks * k["sequence_overhead_us"]
    )
    walked = _block_seconds(r, k, sequences / ranks, context)
    seconds: dict[str, Numbers] = {
        "weights": gemm,
        "cache": np.maximum(reading_cache, walked),
        "decode attention": decode / (r.compute_16 * clock * k["decode_attention"]),
        "prompt attention": reading / (r.compute_16 * clock * k["prompt_attention"]),
        "elementwise": elementwise / r.bandwidth,
        "links": _link_seconds(r, k, tokens),
        "engine": k["engine_overhead"] * overhead_us * 1e-6,
    }
    in_turn = np.where(r.waits, batches, 1.0)
    return {part: each * in_turn for part, each in seconds.items()}


EXPERT_PASSES = 3.0
"""Passes over the hidden vector for each expert that a token draws: it is gathered, and what comes
out is written and read to be summed."""
BLOCK_FLOP = 512.0
"""Arithmetic of one head of 128 values attending to one token. [FLOP]"""
POWER_EXPONENT = 0.4
"""Clocks follow the power to about this power: it grows with the clock and the square of the
voltage, which falls with the clock."""


def first_token_seconds(r: Replica, k: Efficiencies) -> Numbers:
    """What comes before a first token beside the steps that read its prompt: server, tokeniser
    and network, and the launching of the prompt's kernels where they are not captured. [s]

    Launching is counted here and not in the step: the published times per token, in whose steps
    others' prompts are read, do not show it.
    """
    return (k["first_token_us"] + r.layers * k["prompt_launch_us"]) * 1e-6


@frozen
class Overlap:
    """What the part `weights` of a step is made of: (read^p + computed^p)^(1/p)."""

    read: float
    """Reading the weights. [s]"""
    computed: float
    """Matrix products. [s]"""
    power: float


def overlap(r: Replica, k: Efficiencies, sequences: float) -> Overlap:
    """Reading and computing in a step in which so many sequences decode one token each."""
    tokens = sequences / float(np.clip(sequences, 1.0, r.stages))
    return Overlap(
        read=float(_weight_seconds(r, k, tokens)),
        computed=float(_gemm_seconds(r, k, tokens, tokens)),
        power=float(k["additivity"]),
    )


def _clock(r: Replica, k: Efficiencies) -> Numbers:
    """Clock under large products over the one that the peak is stated for.

    A card that is built for less power than its peak would take runs below it.
    """
    return (r.power * np.minimum(r.energy / k["product_pj"], 1.0)) ** POWER_EXPONENT


def _block_seconds(r: Replica, k: Efficiencies, sequences: Numbers, context: Numbers) -> Numbers:
    """Decode attention where one block of threads walks the whole cache of a sequence and head.

    A block takes `block_ns` a cached token however idle the card is, and a card holds
    `resident_blocks` at once: more of them come in waves.
    """
    heads = np.maximum(r.block_heads, 1.0)
    walked = r.decode_flop(context) / np.maximum(r.heads, 1.0) / BLOCK_FLOP
    waves = np.maximum(sequences * heads / k["resident_blocks"] + 0.5, 1.0)
    return np.where(r.block_heads > 0, walked * waves * k["block_ns"] * k["pace"] * 1e-9, 0.0)


def _touched(r: Replica, k: Efficiencies, tokens: Numbers) -> Numbers:
    """Share of the experts that `tokens` draw.

    The popularity of experts follows a gamma distribution of variance `routing_skew`; without
    skew this is the uniform 1 - (1 - k/E)^tokens.
    """
    drawn = -tokens * np.log1p(-np.minimum(r.experts_per_token / r.experts, 1 - 1e-9))
    return -np.expm1(-np.log1p(k["routing_skew"] * drawn) / k["routing_skew"])


def _weight_seconds(r: Replica, k: Efficiencies, tokens: Numbers) -> Numbers:
    """Reading the dense weights and those experts that `tokens` draw."""
    experts = _touched(r, k, tokens) * r.expert_bytes / k["expert_memory"]
    return (r.dense_bytes + experts) / (r.bandwidth * k["weight_memory"])


def _padded(rows: Numbers, half: Numbers) -> Numbers:
    """Rows of a product that are paid for: tiles are padded, by nearly `half` rows where many."""
    return rows + half * rows / (rows + half)


def _gemm_seconds(r: Replica, k: Efficiencies, tokens: Numbers, sampled: Numbers) -> Numbers:
    """Matrix products; each expert drawn works on its own, padded share of the tokens."""
    dense = r.dense_flop * _padded(tokens / r.attention_ranks, k["half_tokens"])
    head = r.head_flop * sampled
    drawn = np.maximum(_touched(r, k, tokens) * r.experts, 1e-9)
    rows = tokens * np.maximum(r.experts_per_token, 1e-9) / drawn
    experts = r.expert_flop * tokens * _padded(rows, k["half_tokens"]) / rows
    seconds = (dense + head) / (r.compute * k["compute"]) + experts / (
        r.expert_compute * k["expert_compute"]
    )
    return seconds / _clock(r, k)


ONE_SHOT_BYTES = 100_000
"""Longest message that is sent to all at once; longer ones go round a ring."""


def _link_seconds(r: Replica, k: Efficiencies, tokens: Numbers) -> Numbers:
    """Exchanges after the blocks of a layer: a latency that grows with the group, more for long
    messages, which go round a ring, and a ring's traffic.

    Ranks that attend for sequences of their own exchange only around the experts.
    """
    blocks = np.where(r.attention_ranks > 1, 1.0, 2.0)
    message = tokens * r.hidden * 2
    sent = message * 2 * (r.group - 1) / r.group
    latency = k["link_latency_us"] * 1e-6 * np.sqrt(np.log2(np.maximum(r.group, 1)))
    latency = latency * np.where(message > ONE_SHOT_BYTES, k["ring_latency"], 1.0)
    return blocks * k["exchanges"] * r.layers * (latency + sent / (r.link * k["link"]))


# --- from catalogue entries to a replica ------------------------------------------------------


VENDOR = ("tensorrt-llm", "nim")
"""Engines whose kernels come from the maker of the card."""

FIRST_OF_TODAY = {"tensorrt-llm": (0, 14), "nim": (1, 3), "vllm": (0, 7), "lmdeploy": (0, 6)}
"""Release from which an engine's scheduler and kernels resemble today's: measurements of older
ones tell of models and cards, but carry their own overhead."""


def generation(d: Deployment) -> str:
    """`early` or `today`, by the engine's version; NIM without a version is of 2024."""
    family = engines.engine_name(d.engine)
    release = d.release
    if release is None:
        return "early" if family == "nim" else "today"
    return "early" if release < FIRST_OF_TODAY.get(family, (0, 0)) else "today"


def _does(d: Deployment, what: str) -> bool:
    """Whether the engine does what is said of it in siting_facts/memory_constants.csv:

    `overlaps_scheduling`: prepares a step while the card works on the one before;
    `launches_prompts`: reads prompts kernel by kernel from Python, without captured graphs.
    """
    try:
        row = engines.constant(engines.engine_name(d.engine), what, d.release)
    except UnknownName:
        return False
    return bool(row.central)


@frozen
class Link:
    """What joins the cards of a replica."""

    kind: Literal["fabric", "pcie", "network"]
    bandwidth: float
    """In one direction. [byte/s]"""


def link(gpu: Gpu, group: int) -> Link:
    """What joins `group` GPUs of a replica.

    NVLink, Infinity Fabric and the Ethernet of Gaudi are `fabric`. Cards with a bridge reach one
    neighbour by it; more than two of them talk over PCIe, 16 lanes: 16 GB/s in its third
    generation, twice as much in each later one (PCI-SIG). Groups of more cards than a server holds
    reach each other over its network.
    """
    of_server = gpu.linked == "all" and "NVL72" not in gpu.interconnect
    if of_server and group > engines.constant("any", "server_gpus").central:
        network = engines.constant("any", "network_gb_s").central
        return Link(kind="network", bandwidth=network * 1e9)
    bridged = gpu.linked == "pairs" and group > 2
    if gpu.nvlink_gb_s and not bridged:
        return Link(kind="fabric", bandwidth=gpu.nvlink_gb_s / 2 * 1e9)
    gen = gpu.pcie_gen or 4
    if group > 4:  # over two sockets
        gen = min(gen, 4)
    return Link(kind="pcie", bandwidth=16e9 * 2 ** (gen - 3))


def arithmetic_format(gpu: Gpu, name: str, bits: float) -> str:
    """What products of weights in a format of so many bits are computed in: `fp8`, `fp4`, `int8`,
    `int4` or `16`; `unpacked` where the card has none and unpacks them to 16 bit."""
    if "fp4" in name or name.startswith("fp8"):
        kind = "fp4" if "fp4" in name else "fp8"
        return kind if _own_tflops(gpu, kind) else f"{kind} unpacked"
    if bits > 9:
        return "16"
    return "int8" if bits > 6 else "int4"


def _own_tflops(gpu: Gpu, arithmetic: str) -> float | None:
    """Peak of a card's products of 4- and 8-bit floats; None where it has none. [TFLOP/s]"""
    return {"fp8": gpu.fp8_dense_tflops, "fp4": gpu.fp4_dense_tflops}.get(arithmetic)


def _peak(gpu: Gpu, arithmetic: str) -> float:
    """Peak arithmetic in a format. [FLOP/s]"""
    sixteen = gpu.bf16_dense_tflops or gpu.fp16_dense_tflops
    if not sixteen:
        raise NotEstimated(f"the arithmetic peak of {gpu.gpu} is not in the catalogue")
    return (_own_tflops(gpu, arithmetic) or sixteen) * 1e12


def kv_format(d: Deployment) -> dtypes.KvFormat:
    """Format of the cache. `auto`: 8 bit where TensorRT-LLM runs quantised weights."""
    wanted = d.kv_cache or "auto"
    if wanted == "auto" and engines.engine_name(d.engine) in VENDOR:
        wanted = "fp8" if weight_format(d.weights, d.model).bits < 9 else wanted
    return dtypes.kv_format(wanted)


def regime(d: Deployment) -> dict[str, str]:
    """The words that scopes of `siting_facts/engine_efficiency.csv` test."""
    form = weight_format(d.weights, d.model)
    gpu = d.gpu
    group = d.tensor_parallel * d.attention_data_parallel
    engine = engines.engine_name(d.engine)
    experts = tensors(d.model).experts > 0
    low = arithmetic_format(gpu, form.format, form.bits)
    if form.weight_only and low == "fp4":
        low = "fp4 unpacked"
    rest = "16" if form.other_linear_bits > 9 else arithmetic_format(gpu, "fp8", 8)
    dense = rest if experts and form.scope == "experts" else low
    return {
        "gpu": gpu.id,
        "architecture": gpu.kernels,
        "products": gpu.tensor_cores,
        "link": link(gpu, group).kind,
        "neighbours": "many" if group > 2 else "one",
        "bridge": "pairs" if gpu.linked == "pairs" and group > 2 else "none",
        "dense": dense,
        "narrow": "yes" if dense.startswith(("fp4", "int4")) else "no",
        "experts": low if experts else "none",
        "model": d.model.model_id,
        "mixture": "yes" if experts else "no",
        "family": d.model.family,
        "cache": "16" if kv_format(d).bytes_per_element > 1.5 else "8",
        "engine": engine,
        "kernels": "vendor" if engine in VENDOR else "general",
        "generation": generation(d),
        "scheduling": "overlapped" if _does(d, "overlaps_scheduling") else "between steps",
        "prompts": "launched" if _does(d, "launches_prompts") else "captured",
        "release": ".".join(map(str, d.release or ())),
    }


def replica(d: Deployment, dummy: bool = False) -> Replica:
    """The numbers of `d` that its speed depends on. Raises NotEstimated naming what is missing.

    dummy: the weights are random, so that routers send every token to the same experts.
    """
    m = d.model
    tp = d.tensor_parallel
    group = tp * d.attention_data_parallel
    t = tensors(m)
    form = weight_format(d.weights, m)
    where = regime(d)
    linear = linear_bytes(form, t)
    head = t.head or float(m.vocab_size * m.hidden_size)
    split = t.attention_on(tp)
    mlp = t.mlp / tp
    per_token = (m.experts_per_token or 0) / (m.num_experts or 1)
    drawn = per_token if dummy and per_token else 1.0
    watts = d.gpu.tdp_w or d.power_limit_w or 1e6  # unknown: as much as it takes
    window = float(m.sliding_window or math.inf)
    groups = attention.layer_groups(m)
    kv_bytes, flop, prompt_flop = _attention(d, groups)
    return Replica(
        dense_bytes=split * linear.attention + mlp * linear.mlp + head * form.head_bytes / tp,
        expert_bytes=t.experts * drawn * form.bits / 8 / group,
        experts=(m.num_experts or 1) * drawn,
        experts_per_token=m.experts_per_token or 0,
        dense_flop=2 * (split + mlp),
        head_flop=2 * head / tp,
        expert_flop=2 * t.experts * per_token / group,
        layers=float(m.num_hidden_layers),
        hidden=float(m.hidden_size),
        bandwidth=d.gpu.memory_bandwidth_gb_s * 1e9,
        compute=_peak(d.gpu, where["dense"]),
        expert_compute=_peak(d.gpu, where["experts"]),
        compute_16=_peak(d.gpu, "16"),
        energy=watts * 1e12 / _peak(d.gpu, "16"),
        power=min(1.0, (d.power_limit_w or watts) / watts),
        link=link(d.gpu, group).bandwidth,
        group=group,
        stages=d.pipeline_parallel,
        waits=1.0 if d.batching == "static" and generation(d) == "early" else 0.0,
        attention_ranks=d.attention_data_parallel,
        expert_ranks=max(d.attention_data_parallel, d.expert_parallel),
        heads=m.num_attention_heads / tp,
        block_heads=_block_heads(d),
        kv_bytes=kv_bytes,
        kept=np.array([math.inf, window, math.inf]),
        attended=np.array([math.inf, window, SELECTED]),
        cache_reads=_cache_reads(d),
        attention_flop=flop,
        prompt_attention_flop=prompt_flop,
        state_bytes=sum(g.count * g.state_bytes(tp) for g in groups if g.kind == "state"),
    )


def _attention(d: Deployment, groups: Sequence[attention.Layers]) -> Array:
    """What attention takes on one GPU, by kind of layers: cache of a token [B], and arithmetic for
    a cached token, while answers are written and while a prompt is read [FLOP]. [3 × LAYERS]

    A token attending to another costs two products of each head with a key and a value. Latent
    attention decodes on the latent itself, and reads prompts with keys and values unfolded
    (DeepSeek-V2, arXiv 2405.04434, section 2.1).
    """
    m = d.model
    tp = d.tensor_parallel
    kv = kv_format(d)
    rank = m.kv_lora_rank or 0
    rope = m.qk_rope_head_dim or 0
    key = m.head_dim
    # Whether the engine keeps only the window of sliding layers: vLLM from 0.8 on, TensorRT-LLM
    # from 1.0 on; before, such layers were full ones.
    vendors = engines.engine_name(d.engine) in VENDOR
    windows = (d.release or (1, 0)) >= (1, 0) if vendors else not d.known.is_v0
    found = np.zeros((3, len(LAYERS)))
    growing, window, sparse = found.T
    for g in groups:
        size = g.count * g.bytes_per_token(kv, tp)
        products = 2 * g.count
        heads = products * m.num_attention_heads / tp
        latent = heads * (2 * rank + rope)
        flop = heads * g.width
        if g.kind in ("window", "chunk") and windows:
            window += size, flop, flop
        elif g.kind == "latent" and g.index_bytes:
            index = g.count * g.index_bytes
            indexing = products * (m.index_heads or 0) * (m.index_head_dim or 0)
            growing += index, indexing, indexing
            sparse += size - index, latent, latent
        elif g.kind == "latent":
            unfolded = heads * (key + (m.v_head_dim or key - rope))
            growing += size, latent, unfolded
        elif g.kind not in ("state", "cross"):
            flop /= g.ratio
            growing += size, flop, flop
    return found


SELECTED = 2048.0
"""Tokens that sparse latent attention selects: `index_topk` of DeepSeek-V3.2 and GLM-5."""


def _block_heads(d: Deployment) -> float:
    """Blocks of threads that attend for one sequence on a GPU; 0: as many as needed.

    Flash decoding and vLLM's paged attention split a sequence's cache among blocks of threads;
    TensorRT-LLM did only when asked before 0.14. There, each block takes a query head; where eight
    share a cached head, one takes them together (TensorRT-LLM's XQA kernel of the time).
    """
    if engines.engine_name(d.engine) not in VENDOR or generation(d) == "today":
        return 0.0
    queries = d.model.num_attention_heads
    cached = d.model.num_key_value_heads
    return queries / d.tensor_parallel / (8 if queries == 8 * cached else 1)


FIRST_SHARED_ON_AMD = (0, 6, 2)
"""Release of vLLM from which query heads share what is read of the cache on AMD cards (pull request
8310 of vllm-project/vllm, merged in September 2024). The kernel of before gives each query head of
each sequence a block of threads of its own (`paged_attention_v1` in csrc/attention)."""


def _cache_reads(d: Deployment) -> float:
    """Times that a step reads the cache of a sequence on a GPU."""
    patch = engines.patch(d.engine_version)
    shared = patch is None or patch >= FIRST_SHARED_ON_AMD
    if d.gpu.kernels not in OF_AMD or engines.engine_name(d.engine) != "vllm" or shared:
        return 1.0
    tp = d.tensor_parallel
    return d.model.num_attention_heads / tp / max(d.model.num_key_value_heads / tp, 1.0)


def pool_bytes(d: Deployment, longest: float, ran: bool = False) -> float:
    """Memory that one GPU of the replica has left for the cache, at requests this long. [byte]

    ran: the deployment is known to have run, so that where the central estimate leaves nothing,
    the high one is taken. Raises NotEstimated where the memory model cannot say.
    """
    left = pool.CachePool(d.known, int(longest)).left
    tight = ran and left.central <= 0
    return (left.high if tight else left.central) * GIB


def prompt_tokens_a_step(d: Deployment, longest: float) -> float:
    """Prompt tokens that the scheduler reads in one step at most."""
    if d.batched_tokens is None and engines.engine_name(d.engine) in VENDOR:
        return 8192.0
    return float(prompt_chunk(d.known, int(longest)))


def slots(d: Deployment, r: Replica, length: float, longest: float, ran: bool = False) -> float:
    """Sequences of mean `length` that the cache of a replica holds at once, requests of `longest`
    tokens being allowed. [sequences]  ran: as in `pool_bytes`.

    Raises NotEstimated where the weights leave no memory.
    """
    free = pool_bytes(d, longest, ran)
    if free <= 0:
        raise NotEstimated(
            f"{d.model.model_id} does not fit on {d.gpus} × {d.gpu.gpu} with room for requests"
        )
    held = float(free / r.sequence_bytes(length))
    if d.known.family == "sglang":
        held = min(held, pool.fixed_shares(d.known, length, free / GIB))
    return held * d.attention_data_parallel * d.pipeline_parallel


def room(d: Deployment, r: Replica, longest: float) -> float:
    """Sequences that a replica took in at once that is known to have run requests this long."""
    # The scheduler runs no more at once, whatever the cache holds.
    each = max_sequences(d.known) if d.known.family == "vllm" else 4096 * d.tensor_parallel
    most = float(each * d.attention_data_parallel)
    return max(1.0, min(slots(d, r, longest, longest, ran=True), most))


# --- constants in force -----------------------------------------------------------------------


def efficiencies(where: Mapping[str, str]) -> dict[str, float]:
    """Every constant in the regime `where`: the product of the rows whose scope holds there."""
    found: dict[str, float] = {}
    for row in catalogue.table("engine_efficiency", Efficiency):
        found.setdefault(row.name, 1.0)
        if applies(row.scope, where):
            found[row.name] *= row.value
    return found
