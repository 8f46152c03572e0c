"""How a model is deployed on one replica of GPUs: the record that memory and speed read.

A blank field takes the engine's own default for the card. A blank release is unknown: `planned`
fills in the current one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from siting.catalogue import Gpu, Kernels, Model, UnknownName
from siting.memory import engines
from siting.memory.engines import MemoryConstant, Release, constant
from siting.quantity import NotEstimated, Range
from siting.records import frozen

OF_AMD: tuple[Kernels, ...] = ("CDNA", "RDNA", "GCN")
"""Cards that engines run through ROCm."""
BEFORE_AMPERE: tuple[Kernels, ...] = ("Volta", "Turing")
"""Cards of compute capability below 8.0."""
BEFORE_HOPPER: tuple[Kernels, ...] = ("Volta", "Turing", "Ampere")
"""Cards of compute capability up to 8.6."""


@frozen
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
    """Ranks that each hold all attention weights and a share of the sequences."""
    expert_parallel: int = 1
    """Ranks that whole experts are split among, instead of a slice of each to every rank."""
    engine: str = "vllm"
    engine_version: str = ""
    batching: Literal["continuous", "static"] = "continuous"
    utilization: float | None = None
    """Share of memory that the engine may take (mem_fraction_static in SGLang)."""
    batched_tokens: int | None = None
    """Prompt tokens read in one step."""
    speculative_tokens: int = 0
    """Tokens drafted ahead in each step."""
    sequences: int | None = None
    """Requests that run at once, at most (max_num_seqs)."""
    eager: bool = False
    """No CUDA graphs."""
    mtp: bool = False
    """Multi-token-prediction layers are loaded."""
    flash_attention: bool = True
    first_generation: bool | None = None
    """vLLM's V0 engine; None: from release and card, else no."""
    context_parallel: int = 1
    """Ranks that share a request's tokens among them (decode context parallelism)."""
    images: bool | None = True
    """Requests may hold images, where the model takes them; False: an engine loads no encoder for
    them; None: not known."""
    prefix_caching: bool | None = None
    """Prefixes of requests are kept; None: the engine's default."""
    power_limit_w: float | None = None
    """Power that a card is allowed; None: all that it is built for. [W]"""

    @property
    def gpus(self) -> int:
        """GPUs of the replica."""
        return self.tensor_parallel * self.pipeline_parallel * self.attention_data_parallel

    @property
    def expert_ranks(self) -> int:
        """Ranks that share the experts among them; 1: as the other weights are shared."""
        return self.gpus if self.attention_data_parallel > 1 else 1

    @property
    def family(self) -> str:
        """The engine that shares out memory as this one does. Raises NotEstimated."""
        return engines.engine_family(self.engine)

    @property
    def release(self) -> Release | None:
        """Major and minor of the engine's release; None: unknown, or a development build."""
        return engines.version(self.engine_version)

    @property
    def is_v0(self) -> bool:
        """Whether vLLM's first generation runs: before 0.8, and on old cards before 0.11."""
        if self.first_generation is not None:
            return self.first_generation
        if self.family != "vllm" or self.release is None:
            return False
        old = self.gpu.kernels in BEFORE_AMPERE
        return self.release < ((0, 11) if old else (0, 8))

    @property
    def likely_release(self) -> Release | None:
        """The release, or the one that was current when the model came out; None: today's."""
        main_branch = self.engine_version.strip().startswith(("0.1.dev", "v0.1.dev"))
        if self.release or main_branch:  # a build from it is newer than any release known
            return self.release
        return (0, 7) if self.is_v0 else engines.release_of(self.family, self.model.release_date)

    def behaviour(self, name: str) -> MemoryConstant:
        """What this engine's release does, on these cards: a row of
        siting_facts/memory_constants.csv."""
        return constant(self.family, name, self.likely_release, self._regime)

    @property
    def _regime(self) -> frozenset[tuple[str, str]]:
        """What constants depend on; ranks and links were measured on NVIDIA's own cards alone."""
        if self.gpu.unified_memory:
            return frozenset({("card", "unified")})
        if self.gpu.kernels in OF_AMD:
            return frozenset({("card", "amd")})
        ranks = self.tensor_parallel * self.attention_data_parallel
        group = "few" if ranks < 8 else "many"
        # Engines fuse reductions with what follows where all cards have a link of their own; a
        # bridge reaches one.
        fused = "yes" if self.gpu.fused_reductions and self.gpu.linked == "all" else "no"
        return frozenset({("ranks", "one" if ranks == 1 else group), ("fused", fused)})

    @property
    def known(self) -> Deployment:
        """This one; an engine that is unknown is taken to share out memory as vLLM does."""
        try:
            _ = self.family
        except NotEstimated:
            return replace(self, engine="vllm")
        return self


def planned(deployment: Deployment) -> Deployment:
    """As a new deployment: a blank release becomes the engine's current one."""
    if deployment.engine_version or engines.engine_name(deployment.engine) != "vllm":
        return deployment
    current = constant("vllm", "current_release").central
    return replace(deployment, engine_version=f"{current:g}")


def usable_gib(gpu: Gpu) -> Range:
    """Memory that a process sees on the card. [GiB] Estimated where it was never measured."""
    if gpu.usable_gib is not None:
        return Range.exact(gpu.usable_gib, "GiB")
    share = constant("any", "unified_share" if gpu.unified_memory else "usable_share").range
    return share.scaled(gpu.memory_gb_marketing, "GiB")


def is_large(gpu: Gpu) -> bool:
    """Whether vLLM takes its larger defaults: 70 GiB and more, A100 apart.

    Logs on unified-memory machines show warm-ups as small as on small cards.
    """
    if "a100" in gpu.id or gpu.unified_memory:
        return False
    return usable_gib(gpu).central >= constant("vllm", "large_card_gib").central


def max_sequences(d: Deployment) -> int:
    """Sequences that the warm-up batch holds."""
    if d.sequences is not None:
        return d.sequences
    large = is_large(d.gpu) and not d.is_v0
    size = "large" if large else "small"
    count = int(constant("vllm", f"max_num_seqs_{size}").central)
    return min(count, d.batched_tokens or count)


def batch_class(d: Deployment) -> str:
    """Size of the card by which vLLM takes its default batch: small, large, or huge."""
    if not is_large(d.gpu):
        return "small"
    try:
        huge = constant("vllm", "huge_card_gib", d.known.likely_release).central
    except UnknownName:  # releases that know no such class
        return "large"
    return "huge" if usable_gib(d.gpu).central >= huge else "large"


def prompt_chunk(d: Deployment, context: int) -> int:
    """Tokens of the largest batch of prompts. V0 without chunking: the whole context."""
    if d.batched_tokens is not None:
        return d.batched_tokens
    if d.family == "llama.cpp":
        return int(constant("llama.cpp", "ubatch").central)
    if d.is_v0:
        return context
    tokens = int(constant("vllm", f"batched_tokens_{batch_class(d)}").central)
    if d.images is not False and d.model.head_dim_global_layers and d.model.vision_tower_params_b:
        tokens = max(tokens, int(constant("vllm", "batched_tokens_images").central))
    return tokens
