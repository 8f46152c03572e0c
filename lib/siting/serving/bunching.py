"""How requests bunch within an hour: as those of many people, of a few machines, or of agents.

The rate drifts from minute to minute: chat of many people is Poisson within a minute, code
completion and agents come in bursts. A queue fed with the mean of the hour understates waits by a
factor of four for chat and of a hundred for code. So chat is sized on its busy minute, and bursts
of machines and agents are simulated, second by second (`serving.bursts`).
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np

from siting import catalogue
from siting.quantity import Z95
from siting.serving.performance import Array


def scores(n: int) -> Array:
    """Standard normal scores of n evenly spaced quantiles."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


Bunching = Literal["people", "machines", "agents"]
"""How requests bunch: those of many people, of a few machines, or of agents."""
HOURS = 8
"""Length of the simulated series."""
SEED = 20261125


def busy_minute() -> float:
    """Rate of people in the busiest of 20 minutes, as a ratio to the mean of the hour."""
    sigma = _sigma(catalogue.settings("load_settings")["people_minute_cv"].central)
    return math.exp(Z95 * sigma - sigma * sigma / 2)


def series(kind: Bunching, hours: int = HOURS, seed: int = SEED, even: bool = False) -> Array:
    """Rate of each second of some hours, mean one: log-normal minutes, gamma seconds within.

    even: minutes are evenly spaced quantiles in random order, so that few hours tell what many do.
    """
    known = catalogue.settings("load_settings")
    rng = np.random.default_rng(seed)
    memory = known[f"{kind}_memory"].central
    sigma = _sigma(known[f"{kind}_minute_cv"].central)
    count = hours * 60
    drawn = rng.permutation(scores(count)) if even else rng.standard_normal(count)
    shocks = drawn * math.sqrt(1 - memory * memory)
    state = rng.standard_normal()
    minutes = np.empty(count)
    for minute, shock in enumerate(shocks):
        state = memory * state + shock
        minutes[minute] = math.exp(sigma * state)
    rates = np.repeat(minutes, 60)
    spread = known[f"{kind}_second_cv"].central
    if spread:
        rates = rates * rng.gamma(1 / spread**2, spread**2, len(rates))
    return np.asarray(rates / rates.mean())


LEAST_SLACK = 0.05
"""Seconds that a request may wait in a queue, at least, as bunching is worked out. A limit that
leaves less is all but missed by a lone request; with no room at all the share that finds none
would depend on the length of a step of the series and not on the client's load."""
CARRIED = np.concatenate([[0.0], 2.0 ** (np.arange(-50, 51) / 10)])
"""Ratios of what machines carry to the mean of an hour, for which `turned_away` tells the share."""


@cache
def _hours(kind: Bunching) -> Array:
    """Rate of each second of HOURS hours over the mean of the hour. [hour, second]"""
    hours = series(kind).reshape(HOURS, -1)
    return np.asarray(hours / hours.mean(axis=1, keepdims=True))


@cache
def turned_away(kind: Bunching, slack: float) -> Array:
    """Share of an hour's requests that machines turn away that carry each of CARRIED.

    What comes above that waits in a queue, at most `slack` seconds of work; what finds it full goes
    elsewhere. As a fluid, second by second: Lindley's recursion (1952) with a lid.
    """
    hours = _hours(kind)
    lid = CARRIED * slack
    queue = np.zeros((HOURS, len(CARRIED)))
    beyond = np.zeros_like(queue)
    for came in hours.T:
        queue += came[:, None]
        queue -= CARRIED
        np.maximum(queue, 0.0, out=queue)
        beyond += queue
        np.minimum(queue, lid, out=queue)
        beyond -= queue
    away = beyond.sum(axis=0)
    return np.asarray(away / away[0])


def _sigma(cv: float) -> float:
    """Sigma of the log-normal with this coefficient of variation."""
    return math.sqrt(math.log1p(cv * cv))
