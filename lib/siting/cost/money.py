"""Money over time: present value, payback, levelised cost, annuity.

Flows are counted from today: element 0 is paid now, element t at the end of month t. Positive
flows are savings or income, negative ones are costs, except where a function says `costs`. The
published cases of siting_facts/tco_cases.csv are recomputed with these same functions.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
MONTHS = 12
MILLION = 1e6


def discount_factors(months: int, yearly_rate: float | Array) -> Array:
    """(1 + r)^(-t/12), not (1 + r/12)^-t, for t = 0 … months. [months + 1 by draw]"""
    t = np.arange(months + 1) / MONTHS
    rate = np.asarray(yearly_rate, dtype=float)
    return (1 + rate)[..., None] ** -t


def npv(flows: Sequence[float] | Array, yearly_rate: float) -> float:
    """Present value of monthly flows at a yearly rate, in the unit of the flows."""
    values = np.asarray(flows, dtype=float)
    return float(values @ discount_factors(len(values) - 1, yearly_rate))


def payback(flows: Sequence[float] | Array) -> float | None:
    """Months until the running sum of flows is no longer negative; None if never.

    Inside the month in which that happens, the flow is taken as even. If the sum falls below zero
    again (a replacement), the last crossing counts: only then is the money back for good.
    """
    values = np.asarray(flows, dtype=float)
    running = np.cumsum(values)
    below = np.flatnonzero(running < -1e-9 * np.abs(values).max(initial=1.0))
    if not len(below):
        return 0.0
    last = int(below[-1])
    if last == len(running) - 1:
        return None
    return float(last + -running[last] / values[last + 1])


def levelised_cost(
    costs: Sequence[float] | Array, tokens: Sequence[float] | Array, yearly_rate: float
) -> float | None:
    """Present cost over present tokens, in currency per million tokens; None without tokens.

    The form of the levelised cost of electricity: tokens are discounted as money is.
    costs: by month, positive; tokens: by month, same length.
    """
    served = npv(tokens, yearly_rate)
    return npv(costs, yearly_rate) / served * MILLION if served > 0 else None


def annuity(yearly_rate: float, months: int) -> float:
    """Part of a sum borrowed today that is paid back each month, in so many equal payments of which
    the first falls due in a month: i / (1 - (1 + i)^-n), with i the monthly rate."""
    if yearly_rate == 0:
        return 1 / months
    rate = (1 + yearly_rate) ** (1 / MONTHS) - 1
    return float(rate / (1 - (1 + rate) ** -months))


# --- months and years -------------------------------------------------------------------------


def powers(base: Array, count: int) -> Array:
    """base^0 … base^(count - 1), by repeated multiplication. [n × count]"""
    out = np.empty((len(base), count))
    out[:, 0] = 1.0
    out[:, 1:] = base[:, None]
    return np.cumprod(out, axis=1, out=out)


def by_year(monthly: Array, years: int = 0) -> Array:
    """Sum over the months of each year, nothing in those that are left. [n × Y]"""
    sums = np.add.reduceat(monthly, np.arange(0, monthly.shape[1], MONTHS), axis=1)
    whole = np.zeros((len(sums), max(years, sums.shape[1])))
    whole[:, : sums.shape[1]] = sums
    return whole


def by_month(yearly: Array | float, months: int) -> Array:
    """What holds in each year, or in all alike, for every month. [n × M]"""
    whole = np.atleast_2d(yearly)
    years = max(whole.shape[1], math.ceil(months / MONTHS))
    spread = np.broadcast_to(whole, (len(whole), years))
    return spread.repeat(MONTHS, axis=1)[:, :months]
