"""Amounts summed up over the months: what an option costs in every draw, and line by line.

`totals` is the one evaluation that the report, the curves and the Monte Carlo share; `flows` tells
a single draw month by month, and sums up to the same. Amounts hold for a year, price paths for a
month: only the paths are worked out by month, once for all amounts that follow them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial

import numpy as np

from siting.cost import cashflow, money
from siting.cost.cashflow import Amount, Falls
from siting.cost.fiscal import FiscalYear
from siting.cost.money import MONTHS, Array
from siting.cost.priced import Draws, Plan
from siting.quantity import Range
from siting.records import frozen

BEFORE = "before_production"
"""Category under which an option carries the baseline's bill until it is in production."""
FORGONE = "forgone"
"""Category of service that nobody gives until an option is in production: counted, not paid."""
TAX = "tax"
"""Category of the profit tax that is saved by what is paid and written off."""


# --- prices over time -------------------------------------------------------------------------


class Clock:
    """Prices over the months, and when options are in production, for one set of draws.

    Nothing that it keeps holds the clock itself: it and its draws are gone with who asks.
    """

    def __init__(self, plan: Plan, draws: Draws, alike: Clock | None = None) -> None:
        """alike: of the same draws, and of a plan that differs in nothing but how prices move."""
        self.plan = plan
        self.draws = draws
        self.market = plan.market(draws)
        self.bill: Callable[[str], list[Amount]] = (
            alike.bill if alike else cache(partial(cashflow.counted, plan, draws=draws))
        )
        """Amounts of an option before what is short of commitments; see `cashflow.counted`."""
        self.paths = cache(partial(plan.paths, draws=draws, market=self.market))
        """Where a path is found: see `Plan.paths`."""
        self.waiting: Callable[..., Array] = (
            alike.waiting if alike else cache(partial(_waiting, plan, draws))
        )
        """Share of each month before an option is in production; see `_waiting`."""

    def path(self, name: str) -> Array:
        """Price of month 1 … M over today's. [n × M]"""
        return self.paths(name).path(name)

    def times(self, months: tuple[float, ...]) -> Array:
        """Weight of month 1 … M, where those of a year have these. [1 × M]"""
        return np.resize(months or (1.0,), (1, self.plan.months))

    def owed(self, name: str) -> Array:
        """What contracts of the baseline still demand of who has moved to an option. [n × M]"""
        months = np.arange(self.plan.months)
        used = np.zeros((len(self.draws["growth"]), self.plan.months))
        early = self.waiting(name, parallel=True)
        used[:, : early.shape[1]] = early
        found = np.zeros_like(used)
        for each in self.plan.owed.get(name, ()):
            runs = np.clip(each.months - months, 0, 1)
            found += each.minimum * np.maximum(0.0, runs - used)
        return found


def _waiting(plan: Plan, draws: Draws, name: str, parallel: bool = False) -> Array:
    """Share of each month before an option is in production; as many years as any draw needs.

    parallel: with the months in which the baseline runs on beside it. [n × ≤ M]
    """
    wait = draws[f"months_to_production.{name}"]
    for first, last in plan.freezes:
        wait = np.where((first <= wait) & (wait < last) & (wait > 0), last, wait)
    if parallel:
        wait = np.where(wait > 0, wait + draws["parallel_months"], 0)
    years = max(1, math.ceil(float(wait.max()) / MONTHS))
    months = np.arange(min(plan.months, years * MONTHS))
    return np.clip(wait[:, None] - months, 0, 1)


# --- totals -----------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Totals:
    """Cost of an option over draws, in the client's currency. Each is itself alone: what is made
    of it is kept by it."""

    present: Array
    """Net present value of all costs. [n]"""
    yearly: Array
    """Nominal cost of each year; the end's exit and resale in the last. [n × Y]"""
    paid: Array = field(default_factory=lambda: np.zeros((0, 0)))
    """What is paid in each fiscal year that was asked for, nominal and before profit tax, with what
    serves and what contracts demand until then; not service that is forgone. [n × F]"""

    @property
    def spread(self) -> Range:
        """P10, median and P90 of the present cost. [client's currency]"""
        return Range(*np.percentile(self.present, (10, 50, 90)).tolist())


def totals(plan: Plan, draws: Draws, names: Iterable[str] | None = None) -> dict[str, Totals]:
    """Cost of some options, or of all (None), over any number of draws."""
    clock = Clock(plan, draws)
    return {name: total(clock, name) for name in (plan.options if names is None else names)}


def together(owed: Sequence[Amount]) -> dict[Falls, Array]:
    """Money at today's prices of all amounts that are summed up alike. [n × Y]"""
    found: dict[Falls, Array] = {}
    for each in owed:
        found[each.falls] = found[each.falls] + each.value if each.falls in found else each.value
    return found


def total(clock: Clock, name: str, years: Sequence[FiscalYear] = ()) -> Totals:
    """Cost of one option; a hybrid that is one of its parts alone has its cost. years: fiscal ones
    of which is told what is paid."""
    name = clock.plan.options[name].alone or name
    owed = together(due(clock, name))
    early = {before: clock.waiting(name, parallel=before) for before in (False, True)}

    @cache
    def sums(path: str, months: tuple[float, ...], before: bool) -> Array:
        """Sums of a path over the months in which the baseline is paid for an option, or in which
        it serves itself, each weighted. [2 × n × Y]"""
        paths = clock.paths(path)
        times = clock.times(months)
        part = paths.sums(path, early[before] * times[:, : early[before].shape[1]])
        if before:
            return part
        return (paths.sums(path, times) if months else paths.whole(path)) - part

    present = np.zeros(len(clock.draws["growth"]))
    yearly = np.zeros((len(present), clock.plan.years))
    discount = clock.market.discount
    rate = clock.plan.tax_rate
    for alike, value in owed.items():
        nominal: Array | float = 1.0
        if alike.when == "running":
            nominal, worth = sums(alike.path, alike.months, alike.before)
        elif alike.when == "start":
            worth = discount[:, :-1:MONTHS]
        else:
            nominal = clock.path(alike.path)[:, -1:]
            worth = nominal * discount[:, -1:]
        kept = value if alike.is_capital else value * (1 - rate)
        yearly += kept * nominal
        present += (kept * worth).sum(axis=1)
        if alike.is_capital and rate:
            saved = rate * written_off(value, cashflow.life_years(clock.draws), clock.plan.months)
            yearly -= money.by_year(saved[:, 1:], clock.plan.years)
            present -= (saved * discount).sum(axis=1)
    if clock.plan.owed.get(name):
        beyond = clock.owed(name) * (1 - rate)
        yearly += money.by_year(beyond, clock.plan.years)
        present += (beyond * discount[:, 1:]).sum(axis=1)
    lacking = forgone(clock, name, owed)
    yearly += money.by_year(lacking, clock.plan.years)
    present += (lacking * discount[:, 1 : lacking.shape[1] + 1]).sum(axis=1)
    return Totals(present=present, yearly=yearly, paid=_paid(clock, name, owed, years))


def _paid(
    clock: Clock, name: str, owed: Mapping[Falls, Array], years: Sequence[FiscalYear]
) -> Array:
    """`Totals.paid` of an option that owes so much."""
    paid = np.zeros((len(clock.draws["growth"]), len(years)))
    if not years:
        return paid
    monthly = np.zeros((len(paid), clock.plan.months + 1))
    if clock.plan.owed.get(name):
        monthly[:, 1:] += clock.owed(name)
    for alike, value in owed.items():
        falls, path = _by_month(clock, name, alike, value)
        monthly += falls * path
    for place, year in enumerate(years):
        paid[:, place] = monthly[:, year.first : year.last + 1].sum(axis=1)
    return paid


def _by_month(clock: Clock, name: str, how: Falls, yearly: Array) -> tuple[Array, Array]:
    """What an option owes by year as it falls on each month, and its price over today's.
    [n × M + 1 each]"""
    months = clock.plan.months
    n = len(clock.draws["growth"])
    owed = np.zeros((n, months + 1))
    path = np.ones((n, months + 1))
    if how.when == "running":
        share = np.zeros((n, months))
        waiting = clock.waiting(name, parallel=how.before)
        share[:, : waiting.shape[1]] = waiting
        owed[:, 1:] = money.by_month(yearly, months) * clock.times(how.months)
        owed[:, 1:] *= share if how.before else 1 - share
        path[:, 1:] = clock.path(how.path)
    elif how.when == "start":
        owed[:, :months:MONTHS] = yearly
    else:
        owed[:, -1] = yearly[:, -1]
        path[:, -1] = clock.path(how.path)[:, -1]
    return owed, path


def due(clock: Clock, name: str) -> list[Amount]:
    """All that an option owes: its own bill, and the baseline's until production.

    What is bought counts even in a draw that starts only after the horizon. It buys no service
    there, and stands for the service that is forgone: left out, a later start would be cheaper than
    an earlier one. (A scenario whose planned start lies beyond its horizon is refused.)
    """
    plan = clock.plan
    owed = clock.bill(name)
    waits = bool((clock.draws[f"months_to_production.{name}"] > 0).any())
    if waits and plan.baseline in plan.options and plan.baseline != name:
        running = (a for a in clock.bill(plan.baseline) if a.falls.when == "running")
        owed = [*owed, *(replace(a, falls=replace(a.falls, before=True)) for a in running)]
    return cashflow.settled(owed, plan.months, clock.paths)


def forgone(clock: Clock, name: str, owed: Mapping[Falls, Array]) -> Array:
    """What is counted for the months until production beyond what is paid in them. [n × ≤ M]

    An option that starts late gives less service in the same time, and must not look cheaper for
    it. A month of waiting costs what serves meanwhile, and never less than a month of the option:
    the difference is service that is forgone, worth what the client would pay for it after tax.
    """
    waiting = clock.waiting(name)
    if not waiting.any():
        return np.zeros_like(waiting)
    more: dict[tuple[str, tuple[float, ...]], Array | float] = {}
    """By path and season: what a month of the option costs over one of the baseline. [n × Y]"""
    for alike, value in owed.items():
        if alike.when == "running":
            key = alike.path, alike.months
            more[key] = more.get(key, 0.0) + (-value if alike.before else value)
    months = waiting.shape[1]
    monthly = sum(
        money.by_month(each, months) * (clock.path(path) * clock.times(by))[:, :months]
        for (path, by), each in more.items()
    )
    return waiting * np.maximum(0.0, monthly) * (1 - clock.plan.tax_rate)


# --- one case, month by month -----------------------------------------------------------------


@frozen
class CashFlow:
    """One line of a cash-flow table: a cost item of an option by month."""

    item: str
    label: str
    category: str
    amounts: Array
    """Cost by month, 0 = today; income is negative. [M + 1]"""
    factors: tuple[str, ...]
    """Factors whose product is the unit price."""
    quantity: Array
    """Units by month. [M + 1]"""
    unit: str
    path: str = "flat"
    capital: bool = False


def _sum_of_money(item: str, label: str, category: str, amounts: Array) -> CashFlow:
    """A line that no quantity and no price stand behind."""
    return CashFlow(
        item=item,
        label=label,
        category=category,
        amounts=amounts,
        factors=(),
        quantity=amounts,
        unit="money",
    )


def flows(plan: Plan, name: str, draws: Draws) -> tuple[CashFlow, ...]:
    """Monthly costs of an option in one draw; their sums are those of `totals`."""
    name = plan.options[name].alone or name
    clock = Clock(plan, draws)
    owed = due(clock, name)
    early = forgone(clock, name, together(owed))[0]
    lacking = np.zeros(plan.months + 1)
    lacking[1 : len(early) + 1] = early
    not_paid = _sum_of_money("forgone", "Waiting, counted and not billed", FORGONE, lacking)
    told = [_flow(clock, name, amount) for amount in owed]
    beyond = np.append(0.0, clock.owed(name)[0])
    told.append(_sum_of_money("contract", "Today’s contract until it ends, unused", BEFORE, beyond))
    if plan.tax_rate:
        told.append(_tax_saved(plan, told, cashflow.life_years(draws)))
    return tuple(flow for flow in (*told, not_paid) if np.any(flow.amounts))


def _tax_saved(plan: Plan, paid: Sequence[CashFlow], life: int) -> CashFlow:
    """Profit tax that is saved: its rate of all expenses, and of what is written off."""
    allowed = depreciation(paid, life, plan.months)
    allowed += np.sum([flow.amounts for flow in paid if not flow.capital], axis=0)
    return CashFlow(
        item=TAX,
        label="Tax saved",
        category=TAX,
        amounts=-plan.tax_rate * allowed,
        factors=("tax_rate",),
        quantity=-allowed,
        unit="allowed cost",
    )


def _flow(clock: Clock, name: str, amount: Amount) -> CashFlow:
    """An amount of the first draw, month by month."""
    line = amount.line
    quantity, path = (each[0] for each in _by_month(clock, name, amount.falls, amount.quantity))
    existing = line.existing.server.id if line.existing else ""
    item = ":".join(filter(None, (line.item.id, line.workload, existing)))
    return CashFlow(
        item=f"{BEFORE}:{item}" if amount.falls.before else item,
        label=f"Baseline until production: {line.label}" if amount.falls.before else line.label,
        category=BEFORE if amount.falls.before else line.item.category,
        amounts=quantity * path * amount.price[0],
        factors=line.factors,
        quantity=quantity,
        unit=line.item.driver,
        path=amount.falls.path,
        capital=amount.falls.is_capital,
    )


def depreciation(lines: Iterable[CashFlow], life: int, months: int) -> Array:
    """What is written off of all investments by month. [M + 1]"""
    bought = np.zeros((1, math.ceil(months / MONTHS)))
    for line in lines:
        if line.capital:
            bought += line.amounts[:months:MONTHS]
    return np.asarray(written_off(bought, life, months)[0])


def written_off(bought: Array, life: int, months: int) -> Array:
    """What is written off by month of what is bought at the start of each year, in equal parts over
    its life; what is left at the end of the horizon falls on its last month.
    bought: [n × Y] [n × M + 1]"""
    out = np.zeros((len(bought), months + 1))
    for year, each in enumerate(bought.T[..., None]):
        start = year * MONTHS
        ends = min(months, start + life * MONTHS)
        out[:, start + 1 : ends + 1] += each / (life * MONTHS)
        out[:, -1:] += each * (1 - (ends - start) / (life * MONTHS))
    return out
