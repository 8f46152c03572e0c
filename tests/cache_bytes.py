"""Bytes that requests hold in the cache of a model, in one line for many tests."""

from siting import catalogue
from siting.dtypes import KvFormat
from siting.memory.attention import Cells, layer_groups

GROWING = ("full", "latent", "compressed")


def request_bytes(
    model: catalogue.Model, kv: KvFormat, tokens: float, tp: int = 1, chunk: int = 2048
) -> float:
    """Of one request of `tokens`, on one rank."""
    return Cells(groups=layer_groups(model), kv=kv, tp=tp, chunk=chunk).held(tokens)


def bytes_per_token(model: catalogue.Model, kv: KvFormat, tp: int = 1) -> float:
    """Of one more token of a long request, on one rank, all layers."""
    layers = [g for g in layer_groups(model) if g.kind in GROWING]
    return sum(g.count * g.bytes_per_token(kv, tp) for g in layers)
