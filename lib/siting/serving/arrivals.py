"""How requests bunch within an hour, and how much more than its mean a replica must carry for it.

The rate drifts from minute to minute: chat of many people is Poisson within a minute, code
completion and agents come in bursts. A queue fed with the mean of the hour understates waits by a
factor of four for chat and of a hundred for code. So chat is sized on its busy minute, and bursts
of machines and agents are simulated, second by second.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Literal

import numpy as np

from siting import catalogue
from siting.quantity import Z95
from siting.serving.performance import Array

Kind = Literal["people", "machines", "agents"]

HOURS, SEED = 8, 20261125
"""Length and seed of the simulated series."""


def busy_minute(kind: Kind) -> float:
    """Rate of the busiest of 20 minutes over the mean of the hour."""
    sigma = _sigma(catalogue.settings("load_settings")[f"{kind}_minute_cv"].central)
    return math.exp(Z95 * sigma - sigma * sigma / 2)


def headroom(kind: Kind, slack: float, percentile: int) -> float:
    """What must be carried, over the mean of the hour, for waits of at most `slack` seconds.

    percentile: share of requests that wait no longer. Chat is carried in its busy minute;
    arrivals of machines and agents are simulated, and carried as well as chat at least.
    """
    least = busy_minute("people")
    if kind == "people":
        return least
    return max(least, _simulated(kind, round(max(slack, 0.05), 2), percentile))


@cache
def _simulated(kind: Kind, slack: float, percentile: int) -> float:
    rate = series(kind)
    low, high = 1.0, float(rate.max())
    for _ in range(12):
        middle = (low + high) / 2
        kept = _wait(rate, middle, percentile) <= slack
        low, high = (low, middle) if kept else (middle, high)
    return high


def _wait(rate: Array, carried: float, percentile: int) -> float:
    """Wait that so many of 100 requests do not exceed. [s]

    Work in the queue is what came above what was carried since the queue was last empty:
    the reflected sum of the differences (Lindley 1952).
    """
    total = np.cumsum(rate - carried)
    queue = total - np.minimum.accumulate(np.minimum(total, 0.0))
    order = np.argsort(queue)
    share = np.cumsum(rate[order]) / rate.sum()
    return float(queue[order][np.searchsorted(share, percentile / 100)] / carried)


@cache
def series(kind: Kind) -> Array:
    """Rate of each second of some hours, mean one: log-normal minutes, gamma seconds within."""
    known = catalogue.settings("load_settings")
    rng = np.random.default_rng(SEED)
    memory = known[f"{kind}_memory"].central
    sigma = _sigma(known[f"{kind}_minute_cv"].central)
    shocks = rng.standard_normal(HOURS * 60) * math.sqrt(1 - memory * memory)
    state, minutes = rng.standard_normal(), np.empty(HOURS * 60)
    for minute, shock in enumerate(shocks):
        state = memory * state + shock
        minutes[minute] = math.exp(sigma * state)
    rates = np.repeat(minutes, 60)
    spread = known[f"{kind}_second_cv"].central
    if spread:
        rates = rates * rng.gamma(1 / spread**2, spread**2, len(rates))
    return np.asarray(rates / rates.mean())


def _sigma(cv: float) -> float:
    """Sigma of the log-normal with this coefficient of variation."""
    return math.sqrt(math.log1p(cv * cv))
