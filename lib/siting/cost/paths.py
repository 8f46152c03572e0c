"""Price paths over the months of a plan, and their sums by year: each worked out once for the draws
that it depends on, whichever option or variant asks."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial

import numpy as np

from siting.cost import money
from siting.cost.api_prices import ModelPath
from siting.cost.money import MONTHS, Array


class Paths:
    """Price paths and their sums by year over some draws, each worked out once."""

    def __init__(self, path: Callable[[str], Array], discount: Array) -> None:
        self.path = cache(path)
        """Price of month 1 … M over today's. [n × M]"""
        self.discount = discount
        """Factors of today and the end of each month. [n × M + 1]"""
        self._whole: dict[str, Array] = {}

    def whole(self, name: str) -> Array:
        """Sums of a path over all months of each year, as of `sums`. [2 × n × Y]"""
        if name not in self._whole:
            self._whole[name] = self.sums(name, np.ones((1, self.discount.shape[1] - 1)))
        return self._whole[name]

    def sums(self, name: str, share: Array) -> Array:
        """Sums of a path over the months of each year, of each month a share: nominal, and worth
        today. share: [n × ≤ M] [2 × n × Y]"""
        months = share.shape[1]
        part = self.path(name)[:, :months] * share
        years = math.ceil((self.discount.shape[1] - 1) / MONTHS)
        worth = part * self.discount[:, 1 : months + 1]
        return np.stack([money.by_year(each, years) for each in (part, worth)])


MARKET = ("discount_rate", "inflation", "rental_memory", "rental_drift")
"""Factors by which prices move whichever option pays them."""


@lru_cache(maxsize=4)
def market(months: int, *drawn: bytes) -> Paths:
    """Paths that all options share: variants of a scenario ask for the same again and again.
    drawn: values of each of MARKET."""
    draws = {name: np.frombuffer(values) for name, values in zip(MARKET, drawn, strict=True)}
    worth = (1 + draws["discount_rate"]) ** (-1 / MONTHS)
    return Paths(partial(path_factor, draws=draws, months=months), money.powers(worth, months + 1))


@lru_cache(maxsize=32)
def walked(path: ModelPath, months: int, market: Paths, *drawn: bytes) -> Paths:
    """The path of a model, which all options share that buy it. drawn: values of its factors."""
    draws = {name: np.frombuffer(each) for name, each in zip(path.factors, drawn, strict=True)}
    draws["growth"] = market.discount[:, 0]
    return Paths(lambda _: path.over(draws, months), market.discount)


def path_factor(name: str, draws: Mapping[str, Array], months: int) -> Array:
    """Price of month 1 … M over today's, of all but a model's. [n × M]

    A drift of rents levels off: after t years as much of it has happened as m (1 - e^(-t/m)) years
    of it would bring, m being the memory (docs/decisions.md: the price of servers stays where it is
    today; rents drift and level off). Rents are agreed anew every so many months.
    """
    kind, _, months_between = name.partition(":")
    match kind:
        case "flat":
            return np.ones((len(draws["inflation"]), months))
        case "inflation":
            return money.powers((1 + draws["inflation"]) ** (1 / MONTHS), months)
        case "rental":
            elapsed = np.arange(months) // int(months_between) * float(months_between)
            memory = draws["rental_memory"][:, None]
            years = memory * (1 - np.exp(-elapsed / MONTHS / memory))
            return np.asarray((1 + draws["rental_drift"])[:, None] ** years)
    raise ValueError(f"no price moves along a path called {name}")
