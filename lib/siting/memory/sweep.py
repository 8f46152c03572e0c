"""Every model on every card at once: the central estimate of `vram.inference`, as arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from siting.catalogue import Gpu, Model
from siting.memory.attention import NotEstimated
from siting.memory.deployment import Deployment, is_large, planned
from siting.memory.pool import activations, engine_budget, graphs, libraries, loaded, request_gib
from siting.memory.vram import TENSOR_PARALLEL, can_split


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
    sizes: Sequence[int] = TENSOR_PARALLEL,
) -> Sweep:
    """What `vram.inference` says of all combinations under vLLM's current release, in one pass.

    The card enters through its memory, its libraries and which default batch it takes, so that a
    model's own parts are computed once for each kind of card and spread over all of them.
    """
    kinds = sorted({is_large(g) for g in gpus})
    examples = [next(g for g in gpus if is_large(g) == k) for k in kinds]
    of_card = np.array([kinds.index(is_large(g)) for g in gpus])
    runs = [planned(Deployment(models[0], g, kv_cache=kv)) for g in gpus] if models else []
    budget = np.array([engine_budget(d).central for d in runs])
    beside = np.array([[_beside(replace(d, tensor_parallel=tp)) for d in runs] for tp in sizes])
    weights = np.full((len(models), len(formats), len(sizes)), np.nan)
    warm_up = np.full((len(models), len(sizes), len(kinds)), np.nan)
    cache_gib = np.full_like(warm_up, np.nan)
    for m, model in enumerate(models):
        for t, tp in enumerate(sizes):
            if not can_split(model, tp):
                continue
            for k, card in enumerate(examples):
                d = replace(runs[0], model=model, gpu=card, tensor_parallel=tp)
                warm_up[m, t, k], cache_gib[m, t, k] = _of_model(d, context)
            for f, form in enumerate(formats):
                weights[m, f, t] = _weights_or_nan(replace(d, weights=form))
    taken = warm_up[:, None][..., of_card] + beside
    left = budget - weights[..., None] - taken
    requests = left / cache_gib[:, None][..., of_card]
    return Sweep(tuple(models), tuple(formats), tuple(sizes), tuple(gpus), context, left, requests)


def _beside(d: Deployment) -> float:
    """Libraries and graphs, which do not depend on the model. [GiB]"""
    return libraries(d).gib.central + graphs(d).gib.central


def _of_model(d: Deployment, context: int) -> tuple[float, float]:
    """Activations, and the cache of one request, both in GiB; NaN if not known."""
    try:
        return activations(d, context).gib.central, request_gib(d, context)
    except NotEstimated:
        return math.nan, math.nan


def _weights_or_nan(d: Deployment) -> float:
    try:
        return loaded(d).central
    except NotEstimated:
        return math.nan
