"""How fast one replica runs: the time of a step of continuous batching, from first principles.

A step advances every running sequence by one token and reads the prompts of new requests. It
costs the weights and the KV cache that memory must deliver, the arithmetic, the messages between
GPUs, and a fixed overhead a layer, a step and a sequence. The costs are added: kernels run one
after another, and overlap is small in the published measurements. Each cost is a bare bound
divided by an efficiency; the efficiencies are rows of `facts/engine_efficiency.csv`, each fitted
on public measurements by `benchmarks/fit_throughput.py` and valid where its `scope` says.

Every formula works on numbers and on arrays alike, so that a whole table of measurements, or a
sweep of batch sizes, is one call.

The form follows published rooflines (arXiv 2402.16363, 2406.01698) with the overheads that they
leave out; attention and expert arithmetic are counted as in arXiv 2205.05198.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.catalogue import Fact, Gpu, Model
from siting.quantity import GIB

Numbers = float | npt.NDArray[np.float64]
Efficiencies = Mapping[str, Numbers]
"""Constant name to its value in force."""


class NotPredicted(ValueError):
    """The model has no basis for a figure; the text says which fact is missing."""


class Efficiency(Fact):
    """One fitted constant: `name` is multiplied by `value` where every condition holds."""

    name: str
    scope: str = ""
    """Conditions joined by `&`, each `regime=value`; blank: always."""
    value: float
    unit: str = ""
    prior: float
    """Expected before fitting: the value that holds where no measurement speaks."""
    prior_factor: float
    """How far the fit may pull it: one standard deviation, as a factor."""
    reason: str

    def applies(self, regime: Mapping[str, str]) -> bool:
        """Whether all conditions of the scope hold in `regime`."""
        return all(
            regime.get(key.strip(), "") == wanted.strip()
            for key, _, wanted in (c.partition("=") for c in self.scope.split("&") if c.strip())
        )


@dataclass(frozen=True, slots=True)
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
    kv_bytes: Numbers
    """KV cache a token, where it grows with the context."""
    kv_window_bytes: Numbers
    """KV cache a token in sliding-window layers."""
    window: Numbers
    """Length of the sliding window; the context's length without one. [tokens]"""
    state_bytes: Numbers
    """State of linear-attention layers, a sequence: read and written at every step."""
    attention_flop: Numbers
    """One new token attending to one cached one, full-attention layers. [FLOP]"""
    prompt_attention_flop: Numbers
    """The same inside a prompt; differs from `attention_flop` for latent attention. [FLOP]"""
    window_flop: Numbers
    """The same in sliding-window layers. [FLOP]"""
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
    link: Numbers
    """One direction to the other GPUs of the replica. [byte/s]"""
    group: Numbers
    """GPUs that exchange activations twice a layer (tensor or expert parallel)."""
    stages: Numbers
    """Pipeline-parallel stages."""
    attention_ranks: Numbers
    """Attention data parallel: ranks that share the sequences among them."""

    def sequence_bytes(self, context: Numbers) -> Numbers:
        """KV cache and state of one sequence of `context` tokens, on each GPU that holds it."""
        grown = self.kv_bytes * context + self.kv_window_bytes * np.minimum(context, self.window)
        return grown + self.state_bytes


def stack(replicas: Sequence[Replica]) -> Replica:
    """Replicas as one whose numbers are arrays, in order."""
    columns = {f.name: [getattr(r, f.name) for r in replicas] for f in fields(Replica)}
    return Replica(**{name: np.array(values, float) for name, values in columns.items()})


def step_seconds(
    r: Replica,
    k: Efficiencies,
    sequences: Numbers,
    context: Numbers,
    prompt: Numbers = 0.0,
    prompt_length: Numbers = 1.0,
    prefix: Numbers = 0.0,
) -> Numbers:
    """Time of one step. [s]

    sequences: that decode one token each, at a mean length of `context` tokens.
    prompt: tokens of new requests read in the same step, each request `prompt_length` long
    after `prefix` tokens whose cache is found.
    With pipeline stages, the sequences are split into as many micro-batches, all under way.
    """
    sequences, prompt = sequences / r.stages, prompt / r.stages
    tokens = sequences + prompt
    sampled = sequences + prompt / prompt_length
    ranks = r.attention_ranks
    gemm = (
        _weight_seconds(r, k, tokens) ** k["additivity"]
        + _gemm_seconds(r, k, tokens, sampled) ** k["additivity"]
    ) ** (1 / k["additivity"])
    cache = sequences / ranks * (r.sequence_bytes(context) + r.state_bytes)
    decode = (
        sequences
        / ranks
        * (r.attention_flop * context + r.window_flop * np.minimum(context, r.window))
    )
    reading = (
        prompt
        / ranks
        * (
            r.prompt_attention_flop * prompt_length / 2
            + r.window_flop * np.minimum(prompt_length / 2, r.window)
        )
    )
    elementwise = tokens / ranks * r.layers * r.hidden * 2 * k["elementwise_passes"]
    return (
        gemm
        + cache / (r.bandwidth * k["kv_memory"])
        + decode / (r.compute_16 * k["decode_attention"])
        + reading / (r.compute_16 * k["prompt_attention"])
        + elementwise / r.bandwidth
        + _link_seconds(r, k, tokens)
        + k["engine_overhead"]
        * (
            r.layers * k["layer_overhead_us"]
            + k["step_overhead_us"]
            + sequences / ranks * k["sequence_overhead_us"]
        )
        * 1e-6
    )


def _weight_seconds(r: Replica, k: Efficiencies, tokens: Numbers) -> Numbers:
    """Reading the dense weights and those experts that `tokens` draw, were routing uniform."""
    touched = 1 - (1 - r.experts_per_token / r.experts) ** tokens
    return (
        r.dense_bytes / k["weight_memory"] + touched * r.expert_bytes / k["expert_memory"]
    ) / r.bandwidth


def _gemm_seconds(r: Replica, k: Efficiencies, tokens: Numbers, sampled: Numbers) -> Numbers:
    """Matrix products; tiles are padded, so that `half_tokens` more are paid for at each step."""
    dense = r.dense_flop * (tokens / r.attention_ranks + k["half_tokens"])
    head = r.head_flop * sampled
    experts = r.expert_flop * tokens
    return (dense + head) / (r.compute * k["compute"]) + experts / (
        r.expert_compute * k["expert_compute"]
    )


def _link_seconds(r: Replica, k: Efficiencies, tokens: Numbers) -> Numbers:
    """Two exchanges a layer: a latency that grows with the group, and a ring's traffic."""
    sent = tokens * r.hidden * 2 * 2 * (r.group - 1) / r.group
    latency = k["link_latency_us"] * 1e-6 * np.sqrt(np.log2(np.maximum(r.group, 1)))
    return 2 * r.layers * (latency + sent / (r.link * k["link"]))


# --- from catalogue entries to a replica ------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Deployment:
    """How a model is deployed on one replica of GPUs."""

    model: Model
    gpu: Gpu
    weights: str = ""
    """Weight format; blank: the model's native format."""
    kv_cache: str = "auto"
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    attention_data_parallel: int = 1
    engine: str = "vllm"
    batching: Literal["continuous", "static"] = "continuous"

    @property
    def gpus(self) -> int:
        """GPUs of the replica."""
        return self.tensor_parallel * self.pipeline_parallel * self.attention_data_parallel


def architecture(gpu: Gpu) -> str:
    """The generation whose kernels run: superchips and refreshes count with their generation."""
    for generation in ("Blackwell", "Hopper", "Ada", "Ampere", "CDNA"):
        if generation in gpu.architecture:
            return generation
    return gpu.architecture


def link(gpu: Gpu, group: int) -> tuple[str, float]:
    """Kind of link inside a replica of `group` GPUs, and its bandwidth in one direction. [byte/s]

    Cards with an NVLink bridge reach one neighbour by it; more than two of them talk over PCIe,
    16 lanes: 16 GB/s in its third generation, twice as much in each later one (PCI-SIG).
    """
    bridged = "bridge" in gpu.interconnect.lower() and group > 2
    if gpu.nvlink_gb_s and not bridged:
        return "nvlink", gpu.nvlink_gb_s / 2 * 1e9
    generation = gpu.pcie_gen or 4
    return "pcie", 16e9 * 2 ** (generation - 3)


_BITS = {"16": 16.0, "fp8": 8.0, "int8": 8.0, "fp4": 4.5, "mxfp4": 4.25, "int4": 4.16}


def _format(name: str) -> str:
    """Class of a weight format, as its bits and its arithmetic depend on it."""
    key = name.lower()
    for word, cls in (
        ("mxfp4", "mxfp4"),
        ("fp4", "fp4"),
        ("fp8", "fp8"),
        ("int8", "int8"),
        ("8bit", "int8"),
        ("int4", "int4"),
        ("awq", "int4"),
        ("4bit", "int4"),
        ("16", "16"),
    ):
        if word in key:
            return cls
    raise NotPredicted(f"weight format {name!r} is unknown")


def formats(model: Model, weights: str) -> tuple[str, str]:
    """Format class of dense layers and of routed experts.

    Four-bit checkpoints of mixtures of experts quantise the experts; the rest stays native.
    """
    native = model.native_weight_dtype.lower()
    native_dense = "16" if "experts" in native else _format(native)
    wanted = _format(weights or native)
    if model.num_experts and wanted in ("fp4", "mxfp4", "int4"):
        expert = "mxfp4" if "mxfp4" in native else wanted
        return native_dense, expert
    return wanted, wanted


def _peak(gpu: Gpu, fmt: str) -> float:
    """Peak arithmetic of a format; one that the card lacks is unpacked to 16 bit. [FLOP/s]"""
    sixteen = gpu.bf16_dense_tflops or gpu.fp16_dense_tflops
    if not sixteen:
        raise NotPredicted(f"the arithmetic peak of {gpu.gpu} is not in the catalogue")
    own = {
        "fp8": gpu.fp8_dense_tflops,
        "fp4": gpu.fp4_dense_tflops or gpu.fp8_dense_tflops,
        "mxfp4": gpu.fp4_dense_tflops or gpu.fp8_dense_tflops,
    }.get(fmt)
    return (own or sixteen) * 1e12


def kv_bytes_per_value(deployment: Deployment) -> float:
    """Bytes of one cached value. `auto`: 8 bit where TensorRT-LLM runs quantised weights."""
    wanted = deployment.kv_cache.lower()
    if wanted in ("", "auto"):
        quantised = _format(deployment.weights or deployment.model.native_weight_dtype) != "16"
        return (
            1.0
            if quantised and engine_family(deployment.engine) in ("tensorrt-llm", "nim")
            else 2.0
        )
    return 1.0 if "8" in wanted else 0.5625 if "4" in wanted else 2.0


def engine_family(name: str) -> str:
    """`vllm`, `sglang`, `tensorrt-llm`, `nim`, `lmdeploy`, or the name in lower case."""
    key = name.lower()
    for word, family in (
        ("nim", "nim"),
        ("tensorrt", "tensorrt-llm"),
        ("trt", "tensorrt-llm"),
        ("vllm", "vllm"),
        ("sglang", "sglang"),
        ("lmdeploy", "lmdeploy"),
    ):
        if word in key:
            return family
    return key


def regime(d: Deployment) -> dict[str, str]:
    """The words that scopes of `facts/engine_efficiency.csv` test."""
    dense, expert = formats(d.model, d.weights)
    return {
        "architecture": architecture(d.gpu),
        "form": "sxm" if d.gpu.form_factor.startswith(("SXM", "super", "OAM")) else "pcie",
        "link": link(d.gpu, d.gpus)[0],
        "dense": dense,
        "experts": expert if d.model.num_experts else "none",
        "engine": engine_family(d.engine),
        "batching": d.batching,
        "attention": "latent" if d.model.kv_lora_rank else "grouped",
        "gpu": d.gpu.id,
        "model": d.model.model_id,
    }


def _stated(model: Model, **values: float | None) -> tuple[float, ...]:
    missing = [name for name, value in values.items() if value is None]
    if missing:
        raise NotPredicted(
            f"{model.model_id}: {', '.join(missing)} not in the catalogue, so speed is not estimated"
        )
    return tuple(float(v) for v in values.values() if v is not None)


def replica(d: Deployment) -> Replica:
    """The numbers of `d` that its speed depends on. Raises NotPredicted naming what is missing."""
    m, tp = d.model, d.tensor_parallel
    group = tp * d.attention_data_parallel
    total, layers, hidden, vocab, heads, head_dim, kv = _stated(
        m,
        params_recomputed_b=m.params_recomputed_b or m.total_params_b,
        num_hidden_layers=m.num_hidden_layers,
        hidden_size=m.hidden_size,
        vocab_size=m.vocab_size,
        num_attention_heads=m.num_attention_heads,
        head_dim=m.head_dim,
        kv_bytes_per_token_bf16=m.kv_bytes_per_token_bf16,
    )
    dense_format, expert_format = formats(m, d.weights)
    head = vocab * hidden
    embedding = (m.embedding_params_b or head / 1e9) * 1e9
    experts = (m.expert_params_b or 0.0) * 1e9
    dense = total * 1e9 - experts - embedding - (0.0 if m.tie_word_embeddings else head)
    dense -= ((m.vision_tower_params_b or 0.0) + (m.audio_tower_params_b or 0.0)) * 1e9
    full = m.layers_full_attention if m.layers_full_attention is not None else layers
    windowed = layers - full if m.attention_kind == "sliding" else 0.0
    share = max(1 / tp, 1 / (m.num_key_value_heads or 1)) if not m.kv_lora_rank else 1.0
    value = kv_bytes_per_value(d) / 2
    pair = 4 * heads * head_dim
    decode_pair, prompt_pair = pair, pair
    if m.kv_lora_rank:  # absorbed in decoding: every head attends to the latent itself
        rope = m.qk_rope_head_dim or 0
        decode_pair = 2 * heads * (2 * m.kv_lora_rank + rope)
        prompt_pair = 2 * heads * (2 * head_dim - rope)
    sixteen = _peak(d.gpu, "16")
    return Replica(
        dense_bytes=(dense * _BITS[dense_format] + head * 16) / 8 / tp,
        expert_bytes=experts * _BITS[expert_format] / 8 / group,
        experts=m.num_experts or 1,
        experts_per_token=m.experts_per_token or 0,
        dense_flop=2 * dense / tp,
        head_flop=2 * head / tp,
        expert_flop=2 * experts * (m.experts_per_token or 0) / (m.num_experts or 1) / group,
        kv_bytes=kv * value * share,
        kv_window_bytes=(m.kv_bytes_per_token_in_window_bf16 or 0.0) * value * share,
        window=m.sliding_window or 1e9,
        state_bytes=_state_bytes(m) / tp,
        attention_flop=decode_pair * full / tp,
        prompt_attention_flop=prompt_pair * full / tp,
        window_flop=pair * windowed / tp,
        layers=layers,
        hidden=hidden,
        bandwidth=d.gpu.memory_bandwidth_gb_s * 1e9,
        compute=_peak(d.gpu, dense_format),
        expert_compute=_peak(d.gpu, expert_format),
        compute_16=sixteen,
        link=link(d.gpu, group)[1],
        group=group,
        stages=d.pipeline_parallel,
        attention_ranks=d.attention_data_parallel,
    )


def _state_bytes(model: Model) -> float:
    """State of linear-attention layers of one sequence, from the catalogue's note. [byte]"""
    found = re.search(r"= ([\d.]+) MiB/seq", model.linear_state_note)
    return float(found.group(1)) * 2**20 if found else 0.0


# --- from a step to what a user sees ----------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Speed:
    """What a load sees; numbers or arrays."""

    running: Numbers
    """Sequences in the batch."""
    ttft_s: Numbers
    tpot_s: Numbers
    output_tokens_per_s: Numbers


def static_batch(r: Replica, k: Efficiencies, batch: Numbers, inp: Numbers, out: Numbers) -> Speed:
    """All prompts are read in one step, then all sequences decode to the end."""
    ttft = step_seconds(r, k, 0.0, inp, batch * inp, inp)
    tpot = step_seconds(r, k, batch, inp + out / 2)
    return Speed(batch, ttft, tpot, batch * out / (ttft + tpot * (out - 1)))


def iteration_seconds(
    r: Replica, k: Efficiencies, running: Numbers, inp: Numbers, out: Numbers
) -> Numbers:
    """Mean step of continuous batching: each sequence that ends lets a new prompt in. [s]"""
    return step_seconds(r, k, running, inp + out / 2, running / out * inp, inp)


def closed_loop(
    r: Replica, k: Efficiencies, clients: Numbers, slots: Numbers, inp: Numbers, out: Numbers
) -> Speed:
    """`clients` that each send the next request when the last is answered.

    slots: sequences that the KV cache holds; further clients wait (Little's law).
    """
    running = np.minimum(clients, slots)
    tpot = iteration_seconds(r, k, running, inp, out)
    alone = step_seconds(r, k, running, inp + out / 2, inp, inp)
    prompt = alone - step_seconds(r, k, running, inp + out / 2)
    wave = np.minimum(k["wave_share"] * (running - 1) * inp, k["wave_tokens"]) / inp
    first = k["first_token_us"] * 1e-6 + alone + wave * prompt
    rate = running / (first + tpot * (out - 1))
    return Speed(running, first + (clients - running) / rate, tpot, rate * out)


def saturated(r: Replica, k: Efficiencies, slots: Numbers, inp: Numbers, out: Numbers) -> Speed:
    """Every request is queued: the batch is as large as the KV cache lets it be."""
    tpot = iteration_seconds(r, k, slots, inp, out)
    return Speed(slots, np.full_like(tpot, np.nan), tpot, slots / tpot)


def open_loop(
    r: Replica, k: Efficiencies, rate: Numbers, slots: Numbers, inp: Numbers, out: Numbers
) -> Speed:
    """Poisson arrivals of `rate` requests a second; the batch that serves them is found by bisection."""
    low, high = np.zeros_like(rate + slots), slots + np.zeros_like(rate + slots)
    for _ in range(40):
        middle = (low + high) / 2
        enough = middle / (out * iteration_seconds(r, k, middle, inp, out)) >= rate
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    tpot = iteration_seconds(r, k, high, inp, out)
    ttft = k["first_token_us"] * 1e-6 + step_seconds(r, k, high, inp + out / 2, inp, inp)
    return Speed(high, ttft, tpot, np.minimum(rate, high / (out * tpot)) * out)


def pool_bytes(d: Deployment) -> float:
    """Memory that one GPU of the replica has left for the KV cache. [byte]"""
    total = (d.model.params_recomputed_b or d.model.total_params_b or 0.0) * 1e9
    experts = (d.model.expert_params_b or 0.0) * 1e9
    dense_format, expert_format = formats(d.model, d.weights)
    shards = d.tensor_parallel * d.pipeline_parallel
    embedding = 2 * (d.model.embedding_params_b or 0.0) * 1e9
    weights = ((total - experts - embedding) * _BITS[dense_format] + 16 * embedding) / 8 / shards
    weights += experts * _BITS[expert_format] / 8 / (shards * d.attention_data_parallel)
    memory = d.gpu.usable_gib * GIB if d.gpu.usable_gib else 0.93 * d.gpu.memory_gb_marketing * 1e9
    return 0.92 * memory - weights - 2e9


# --- constants in force -----------------------------------------------------------------------


def efficiencies(where: Mapping[str, str]) -> dict[str, float]:
    """Every constant in the regime `where`: the product of the rows whose scope holds there."""
    found: dict[str, float] = {}
    for row in catalogue.table("engine_efficiency", Efficiency):
        found.setdefault(row.name, 1.0)
        if row.applies(where):
            found[row.name] *= row.value
    return found


# --- published measurements -------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark run: what was deployed and how it was loaded."""

    deployment: Deployment
    loop: Literal["static", "closed", "open", "saturated"]
    input_tokens: float
    output_tokens: float
    load: float
    """Batch (static), clients (closed) or requests a second (open); unused when saturated."""


def run_of_row(row: Mapping[str, str]) -> Run:
    """A row of a table of throughput measurements. Raises NotPredicted saying what is missing."""
    inp, out = _number(row, "input_tokens"), _number(row, "output_tokens")
    mode = row.get("offline_or_server", "").lower()
    stated, rate = row.get("concurrency_or_batch", ""), row.get("request_rate", "")
    static = "static" in mode or "single stream" in mode
    if re.fullmatch(r"[\d.]+", stated):
        loop, load = ("static" if static else "closed"), float(stated)
    elif re.fullmatch(r"[\d.]+", rate):
        loop, load = "open", float(rate)
    elif "max" in stated or "inf" in rate:
        loop, load = "saturated", 0.0
    else:
        raise NotPredicted("neither concurrency, batch nor request rate is stated")
    deployment = _deployment_of_row(row, "static" if static and load > 1 else "continuous")
    return Run(deployment, loop, inp, out, load)  # type: ignore[arg-type]


def _number(row: Mapping[str, str], column: str) -> float:
    try:
        return float(row[column])
    except (KeyError, ValueError):
        raise NotPredicted(f"{column} is not stated") from None


def _deployment_of_row(row: Mapping[str, str], batching: str) -> Deployment:
    try:
        model, gpu = catalogue.model(row["model_id"]), catalogue.gpu(row["gpu"])
    except KeyError as error:
        raise NotPredicted(str(error.args[0])) from None
    tp = int(float(row.get("tensor_parallel") or row.get("num_gpus") or 1))
    pp = int(float(row.get("pipeline_parallel") or 1))
    note = dict(re.findall(r"(attention_dp|moe_tp|moe_ep)=(\d+)", row.get("note", "")))
    ranks, moe_tp, moe_ep = (int(note.get(x, 1)) for x in ("attention_dp", "moe_tp", "moe_ep"))
    if moe_tp == moe_ep > 1 and tp * ranks == moe_tp * moe_ep:
        # TP and EP that share the same GPUs were multiplied: 8 GPUs appear as 64.
        tp, ranks = (moe_tp, 1) if ranks == 1 else (1, moe_tp)
    weights = row.get("weight_format", "")
    return Deployment(
        model,
        gpu,
        weights,
        row.get("kv_dtype", "") or "auto",
        tp,
        pp,
        ranks,
        row.get("engine", ""),
        batching,  # type: ignore[arg-type]
    )


def calibrated(where: Mapping[str, str]) -> bool:
    """Whether measurements of this engine and this generation of GPU stand behind the model."""
    return where["architecture"] in CALIBRATED_ON and where["engine"] in CALIBRATED_ENGINES


CALIBRATED_ON = ("Ampere", "Ada", "Hopper", "Blackwell")
CALIBRATED_ENGINES = ("vllm", "sglang", "tensorrt-llm", "nim", "lmdeploy")


def spread(where: Mapping[str, str], quantity: str) -> tuple[float, float]:
    """Low and high of the 80 % range around an estimate, as factors."""
    return (0.75, 1.3) if calibrated(where) else (0.55, 1.6)
