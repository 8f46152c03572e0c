"""Storage formats of weights, and of cached keys and values: how many bits, and of which tensors.

A format counts its scales and names the groups of tensors that it applies to
(siting_facts/weight_formats.csv). "4 bit" is therefore never half a byte a parameter.

[1] OCP Microscaling Formats v1.0 (blocks and scales of 4-bit formats)
"""

from __future__ import annotations

import re
from typing import Literal

from siting.catalogue import (
    Count,
    Model,
    Named,
    Positive,
    WeightFormatName,
    column,
    find,
    of_facts,
    unknown,
)
from siting.quantity import NotEstimated

Scope = Literal["all", "linear", "experts", "mlp", "file"]


class WeightFormat(Named, tables="weight_formats", key="format"):
    """A storage format of weights: bits a parameter, scales included, and which tensors have it."""

    format: str
    bits: Positive
    scope: Scope
    """all: every tensor; linear: attention, MLP, experts; experts: routed experts, or all linear
    layers of a dense model; mlp: MLP and experts; file: mean over a GGUF file."""
    other_linear_bits: float = 16.0
    pad_intermediate: Count = 1
    pad_hidden: Count = 1
    low_factor: Positive
    high_factor: Positive
    head_bits: float | None = None
    """Bits of the output head in a GGUF file, where it differs."""
    weight_only: bool = False
    """Activations stay in 16 bit, and so do the products: weights are unpacked for them."""
    other: WeightFormatName = ""
    """The format that checkpoints under this name may be instead, with more or fewer tensors in few
    bits."""

    @property
    def head_bytes(self) -> float:
        """Of the output head, for a parameter: in 16 bit where its linear layers alone are in
        fewer. [B]"""
        return (self.head_bits or self.bits) / 8 if self.scope in ("all", "file") else 2.0


def weight_format(name: str, model: Model | None = None) -> WeightFormat:
    """The format called `name`; blank means the model's native one.

    A GGUF name may carry its own mean, e.g. `gguf-Q4_K (4.64 BPW)`. Raises NotEstimated.
    """
    return _found((name or (model.native_weight_dtype if model else "")).strip().lower())


@of_facts
def _found(key: str) -> WeightFormat:
    stated = re.search(r"(\d+(?:\.\d+)?)\s*bpw", key)
    bare = re.sub(r"\s*\(.*\)", "", key)
    found = _stored(key) or _stored(bare)
    if found is None and bare.startswith("gguf"):  # repacked or mixed: as the type it is made from
        found = _stored(re.sub(r"(?<=-)ud-|[_-](r4|r8|xl|xxl|mix)\b", "", bare))
        if found is None and stated and (file := _stored("gguf-q8_0")):
            found = file.model_copy(update={"format": bare, "head_bits": None})
    if found is None:
        raise NotEstimated(unknown(key, "weight format", column("weight_formats", "format")))
    if not stated or found.scope != "file":
        return found
    own = {"bits": float(stated[1]), "low_factor": 0.98, "high_factor": 1.02}
    return found.model_copy(update=own)


def _stored(name: str) -> WeightFormat | None:
    return find(name, "weight_formats", WeightFormat)


class KvFormat(Named, tables="kv_formats", key="format"):
    """A storage format of cached keys and values."""

    format: str
    bytes_per_element: Positive
    scale_bytes_per_head: float = 0.0
    """Scales that each token and head adds, for K and again for V."""
    sparse_latent_bytes: float | None = None
    """Bytes of a token and layer where sparse latent attention has a layout of its own."""


def kv_format(name: str) -> KvFormat:
    """The cache format called `name`; `auto` and blank mean the model's own 16-bit type.

    Raises NotEstimated with the known names.
    """
    found = find(name or "auto", "kv_formats", KvFormat)
    if found is None:
        raise NotEstimated(unknown(name, "KV cache format", column("kv_formats", "format")))
    return found
