"""Up to which price an offer for an option may go, if its likely cost is to stay below a limit.

A limit on a likely cost is nothing that a buyer can hold an offer against. So it is turned into the
one price that weighs most in the option: of a server, of a GPU-hour, or of a request. That price is
made dearer in every case of the report's own draws, all else as it is, until the middle of all
cases reaches the limit: a switching value (HM Treasury, The Green Book).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Literal

from siting.cost.ledger import CashFlow
from siting.records import frozen

Thing = Literal["server", "GPU-hour", "request"]
STEMS: Mapping[str, Thing] = {
    "server_price": "server",
    "gpu_hour": "GPU-hour",
    "api_request": "request",
}
"""What a price is of, by the first word of its factor's name."""
BILLED: Mapping[str, str] = {
    "hardware": "server_price",
    "rental": "gpu_hour",
    "api": "api_request",
}
"""The price by which what a category of cost holds is paid."""
TAX = "vat"
"""A factor that no offer holds."""
NEAR = 1e-4
"""How near a likely cost must come to its limit. [share of it]"""
ROUNDS = 30
"""Prices that are tried at most."""


@frozen
class MainPrice:
    """The price that weighs most in an option."""

    thing: Thing
    factors: frozenset[str]
    """Factors that hold it: one, or one for each workload."""
    planned: float | None
    """One of them as planned, without value-added tax; None where each workload has its own.
    [client's currency]"""


def main_price(flows: Iterable[CashFlow], central: Mapping[str, float]) -> MainPrice | None:
    """The price by which most is paid of what an option's own machines and requests cost as
    planned; None where nothing is paid by such a price.

    flows: of the option. central: every factor as planned.
    """
    priced = [flow for flow in flows if flow.amounts.sum() > 0 and _price_of(flow)]
    largest = max(priced, key=lambda flow: float(flow.amounts.sum()), default=None)
    if largest is None:
        return None
    stem = _price_of(largest)
    names = {name for flow in priced for name in flow.factors if _stem(name) == stem}
    planned = math.prod(central[name] for name in largest.factors if name != TAX)
    return MainPrice(
        thing=STEMS[stem],
        factors=frozenset(names),
        planned=planned if len(names) == 1 else None,
    )


def _price_of(flow: CashFlow) -> str:
    """The price by which a line is paid; blank where it is by none of them."""
    stem = BILLED.get(flow.category, "")
    return stem if any(_stem(name) == stem for name in flow.factors) else ""


def _stem(factor: str) -> str:
    return factor.partition(".")[0]


def times_at(likely: Callable[[float], float], limit: float) -> float | None:
    """How many times its planned price it may be until a likely cost reaches a limit; None where it
    is there as planned already, or the price moves it by too little to get there.

    likely: the likely cost at so many times the price, which rises with it.
    """
    low = 1.0
    below = likely(low)
    if below >= limit:
        return None
    high = 2.0
    above = likely(high)
    for _ in range(ROUNDS):
        if abs(above - limit) <= NEAR * limit:
            return high
        slope = (above - below) / (high - low)
        if slope <= 0:
            return None
        # The middle of all cases bends a little: it is followed along its last slope.
        low = high
        below = above
        high = max(1.0, high + (limit - above) / slope)
        above = likely(high)
    return None
