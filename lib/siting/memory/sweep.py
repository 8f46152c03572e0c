"""Every model on every card at once: the central estimate of `vram.inference`, as arrays."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import product

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
    room = np.array([[_room(models[0], g, tp) for g in gpus] for tp in TENSOR_PARALLEL])
    large = np.array([is_large(g) for g in gpus])
    left = np.full((len(models), len(formats), *room.shape), np.nan)
    each = np.full((len(models), 1, *room.shape), np.nan)
    for (m, model), (t, tp) in product(enumerate(models), enumerate(TENSOR_PARALLEL)):
        if not can_split(model, tp):
            continue
        warm_up = np.empty(len(gpus))
        for cards in (c for c in (large, ~large) if c.any()):
            d = planned(Deployment(model, gpus[int(cards.argmax())], tensor_parallel=tp))
            warm_up[cards] = _known(lambda x: activations(x, context).gib.central, d)
            each[m, 0, t, cards] = _known(lambda x: request_gib(x, context), d)
        for f, form in enumerate(formats):
            weights = _known(lambda x: loaded(x).central, replace(d, weights=form))
            left[m, f, t] = room[t] - warm_up - weights
    return Sweep(left, left / each)


def _room(model: Model, gpu: Gpu, tp: int) -> float:
    """What a card has for weights, activations and cache, whatever the model. [GiB]"""
    d = planned(Deployment(model, gpu, tensor_parallel=tp))
    return engine_budget(d).central - libraries(d).gib.central - graphs(d).gib.central


def _known(figure: Callable[[Deployment], float], d: Deployment) -> float:
    """A figure, or NaN where the catalogue does not determine it."""
    try:
        return figure(d)
    except NotEstimated:
        return math.nan
