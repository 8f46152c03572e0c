"""Random numbers by cause: whatever has the same cause shares its draws, whichever option has it.

Every cause has a stream of its own, so that an option more, or a change of another, moves no draw.
Draws are stratified (Latin hypercube, McKay, Beckman and Conover, Technometrics 21(2), 1979,
239–245): each of n equal slices of probability holds one, so that medians and shares settle with
fewer of them.
"""

from __future__ import annotations

import zlib
from functools import lru_cache

import numpy as np
import scipy  # whose parts load once they are used: a check of a file needs none
from numpy.typing import NDArray

from siting.quantity import Z90, Range

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]

DRAWS = 2_000
"""Draws of a study, of every variant of it, and of whatever they are compared with: the same."""


def generator(seed: int, *cause: str) -> np.random.Generator:
    """The stream of a cause."""
    return np.random.default_rng([seed, zlib.crc32(":".join(cause).encode())])


@lru_cache(maxsize=4096)
def uniform(seed: int, n: int, *cause: str) -> Floats:
    """Draws between 0 and 1 of a cause. [n]"""
    rng = generator(seed, *cause)
    found = (rng.permutation(n) + rng.random(n)) / n
    found.setflags(write=False)
    return found


@lru_cache(maxsize=4096)
def normal(seed: int, n: int, *cause: str) -> Floats:
    """Standard normal draws of a cause. [n]"""
    found = np.asarray(scipy.special.ndtri(np.clip(uniform(seed, n, *cause), 1e-12, 1 - 1e-12)))
    found.setflags(write=False)
    return found


def at_score(band: Range, z: Floats) -> Floats:
    """Values of a band at standard normal scores: its ends are P10 and P90, and each side has its
    own spread (two half normals that meet at the centre). [as the band; shape of z]"""
    above = band.high - band.central
    below = band.central - band.low
    half = above if above == below else np.where(z >= 0, above, below)
    return band.central + z * half / Z90
