"""Every model on every card at once: the central estimate of `vram.inference`, as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from siting.catalogue import Gpu, Model
from siting.memory.deployment import Deployment, is_large, planned
from siting.memory.pool import activations, engine_budget, graphs, libraries, loaded, request_gib
from siting.memory.vram import TENSOR_PARALLEL, can_split
from siting.quantity import NotEstimated


@dataclass(frozen=True, slots=True)
class Sweep:
    """Axes of both arrays: model, format, group of TENSOR_PARALLEL cards, card.

    NaN where the catalogue does not determine a figure or heads do not divide.
    """

    left_gib: np.ndarray
    """Cache pool on one GPU, central estimate; below zero: the weights do not fit. [GiB]"""
    requests: np.ndarray
    """Requests of the stated length that the group holds at once."""

    def fewest_gpus(self, concurrency: float = 1) -> np.ndarray:
        """Smallest group that holds `concurrency` requests, by model, format, card; inf if none."""
        sizes = np.asarray(TENSOR_PARALLEL, dtype=float)[:, None]
        smallest: np.ndarray = np.where(self.requests >= concurrency, sizes, np.inf).min(axis=2)
        return smallest


def sweep(
    models: Sequence[Model], gpus: Sequence[Gpu], formats: Sequence[str], context: int
) -> Sweep:
    """What `vram.inference` says of all combinations under vLLM's current release, in one pass.

    The card enters through its memory, its libraries and which default batch it takes, so that a
    model's own parts are computed once for each kind of card and spread over all of them.
    """
    kinds = sorted({is_large(g) for g in gpus})
    examples = [next(g for g in gpus if is_large(g) == k) for k in kinds]
    of_card = np.array([kinds.index(is_large(g)) for g in gpus])
    groups = [
        [planned(Deployment(models[0], g, tensor_parallel=tp)) for g in gpus]
        for tp in TENSOR_PARALLEL
    ]
    budget = np.array([engine_budget(d).central for d in groups[0]])
    beside = [[libraries(d).gib.central + graphs(d).gib.central for d in row] for row in groups]
    weights = np.full((len(models), len(formats), len(groups)), np.nan)
    warm_up = np.full((len(models), len(groups), len(kinds)), np.nan)
    cache_gib = np.full_like(warm_up, np.nan)
    for m, model in enumerate(models):
        for t, row in enumerate(groups):
            if not can_split(model, row[0].tensor_parallel):
                continue
            for k, card in enumerate(examples):
                d = replace(row[0], model=model, gpu=card)
                warm_up[m, t, k] = _known(lambda x: activations(x, context).gib.central, d)
                cache_gib[m, t, k] = _known(lambda x: request_gib(x, context), d)
            for f, form in enumerate(formats):
                weights[m, f, t] = _known(lambda x: loaded(x).central, replace(d, weights=form))
    left = budget - weights[..., None] - (warm_up[:, None][..., of_card] + np.array(beside))
    return Sweep(left, left / cache_gib[:, None][..., of_card])


def _known(figure: Callable[[Deployment], float], d: Deployment) -> float:
    """A figure, or NaN where the catalogue does not determine it."""
    try:
        return figure(d)
    except NotEstimated:
        return math.nan
