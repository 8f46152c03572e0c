"""Total cost of ownership of every option for the same service, month by month.

`assess` compiles the prices (`costing`), bills the central case (`cashflow`), and derives what a
finance department asks for: net present value against the baseline, internal rate, paybacks,
levelised cost, three break-evens, the hybrid optimum, energy and carbon. `totals` is the one
evaluation that the report, the curves and the Monte Carlo share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any, Literal, TypeVar

import numpy as np

from siting import catalogue
from siting.catalogue import Input, source_of
from siting.cost import cashflow, fleets, money, prices
from siting.cost.cashflow import Amount
from siting.cost.costing import compile_plan
from siting.cost.money import MILLION, MONTHS, Array
from siting.cost.priced import (
    OF_SERVERS,
    SHARED,
    Draws,
    Owned,
    Plan,
    PricedHybrid,
    PricedOption,
    Split,
    owned_key,
)
from siting.cost.prices import Factor
from siting.inputs.scenario import Scenario
from siting.places import BY_REQUEST
from siting.quantity import DAYS_OF_PLAN_YEAR, NotEstimated, Range
from siting.serving.capacity import OptionCapacity
from siting.serving.machines import Fleet
from siting.serving.servers import Server, whole_up

T = TypeVar("T")

G_PER_TONNE = 1e6


# --- evaluation -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Sums:
    """A price path summed over the months of each year. [n × Y each]"""

    nominal: Array
    present: Array


class Market:
    """What prices do over the months whichever option pays them: found once for the draws that it
    is read from, and shared by all options and variants in which these are the same."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Any] = {}

    def found(self, what: Hashable, read: Sequence[Array], make: Callable[[], T]) -> T:
        """What `make` makes, the first time.

        what: what it is, with all that tells it from others but draws. read: the draws that it is
        read from; their values are the rest of its key.
        """
        key = what, *(values.tobytes() for values in read)
        if key not in self._kept:
            self._kept[key] = make()
        kept: T = self._kept[key]
        return kept

    def forget(self) -> None:
        """Lets go of all of it; it can be made again."""
        self._kept.clear()


class Clock:
    """Price paths, time in production and discount factors, for one set of draws."""

    def __init__(self, plan: Plan, draws: Draws, market: Market | None = None) -> None:
        self.plan = plan
        self.draws = draws
        self.market = market or Market()
        self._paths: dict[str, Array] = {}
        self._early: dict[tuple[str, str], Array] = {}
        self._sums: dict[tuple[str, str, str], Sums] = {}

    @cached_property
    def discount(self) -> Array:
        """Factors of today and the end of each month. [n × M + 1]"""

        def make() -> Array:
            v = (1 + self.draws["discount_rate"]) ** (-1 / MONTHS)
            return money.powers(v, self.plan.months + 1)

        return self._of_market(("discount",), ("discount_rate",), make)

    def path(self, name: str) -> Array:
        """Price of month 1 … M over today's. [n × M]"""
        if name not in self._paths:
            make = partial(self.plan.path, name, self.draws)
            is_models = name.startswith("api:")  # whose path few options share
            read = self.plan.read_by(name)
            self._paths[name] = make() if is_models else self._of_market((name,), read, make)
        return self._paths[name]

    def _of_market(
        self, what: tuple[Hashable, ...], factors: Sequence[str], make: Callable[[], T]
    ) -> T:
        """What hangs on these factors alone, by month or by year of the plan."""
        months = self.plan.months
        count = len(self.draws["growth"])
        return self.market.found(
            (*what, months, count), [self.draws[name] for name in factors], make
        )

    def waiting(self, phase: str, name: str) -> Array:
        """Share of each month before an option is in production (phase `waiting`), or in which the
        baseline is still paid (`before`), which runs on for a while; as many years as any draw
        needs. [n × ≤ M]"""
        if (phase, name) not in self._early:
            wait = self.draws[f"months_to_production.{name}"]
            if phase == "before":
                wait = np.where(wait > 0, wait + self.draws["parallel_months"], 0)
            years = max(1, math.ceil(float(wait.max()) / MONTHS))
            months = np.arange(min(self.plan.months, years * MONTHS))
            self._early[phase, name] = np.clip(wait[:, None] - months, 0, 1)
        return self._early[phase, name]

    def sums(self, path: str, phase: str = "", name: str = "") -> Sums:
        """Sums of a path over the months of each year.

        phase: `waiting`, until option `name` is in production; `before`, while the baseline is paid
        for it, a while longer; `serving`, all but `waiting`; blank, all time.
        """
        key = (path, phase, name)
        if key not in self._sums:
            if phase == "serving":
                whole = self.sums(path)
                early = self.sums(path, "waiting", name)
                self._sums[key] = Sums(
                    nominal=whole.nominal - early.nominal, present=whole.present - early.present
                )
            elif phase:
                self._sums[key] = self._summed(path, self.waiting(phase, name))
            else:
                read = ("discount_rate", *self.plan.read_by(path))
                make = partial(self._summed, path, np.ones((1, self.plan.months)))
                what = ("sums", path, self.plan.api_paths.get(path.removeprefix("api:")))
                self._sums[key] = self._of_market(what, read, make)
        return self._sums[key]

    def _summed(self, path: str, share: Array) -> Sums:
        """Sums of a path over the months of each year, of each month a share. [share: n × ≤ M]"""
        part = self.path(path)[:, : share.shape[1]] * share
        discounted = part * self.discount[:, 1 : share.shape[1] + 1]
        by_year = partial(money.by_year, years=self.plan.years)
        return Sums(nominal=by_year(part), present=by_year(discounted))


@dataclass(frozen=True)
class Totals:
    """Cost of an option over draws, in the client's currency."""

    present: Array
    """Net present value of all costs. [n]"""
    yearly: Array
    """Nominal cost of each year; the end's exit and resale in the last. [n × Y]"""


def due(plan: Plan, name: str, draws: Draws, billed: Callable[[str], list[Amount]]) -> list[Amount]:
    """All that an option owes before tax: its own bill, and the baseline's until production.

    What is bought counts even in a draw that starts only after the horizon. It buys no service
    there, and stands for the service that is forgone: left out, a later start would be cheaper than
    an earlier one. (A scenario whose planned start lies beyond its horizon is refused.)
    """
    wait = draws[f"months_to_production.{name}"]
    out = list(billed(name))
    if (wait > 0).any() and plan.baseline in plan.options and plan.baseline != name:
        out += [replace(a, phase="before") for a in billed(plan.baseline) if a.falls == "running"]
    return out


def written_off(bought: Array, life: int, months: int) -> tuple[Array, Array]:
    """Straight-line depreciation of what is bought at the start of each year. [n × Y each]

    First by month of each year; then the book value left at the end, in the last year's column.
    """
    monthly = np.zeros_like(bought)
    left = np.zeros_like(bought)
    for y in range(bought.shape[1]):
        monthly[:, y : y + life] += bought[:, y : y + 1] / (life * MONTHS)
        used = min(life, months / MONTHS - y)
        left[:, -1] += bought[:, y] * (1 - used / life)
    return monthly, left


BLOCK = 2_000
"""Draws that are evaluated at once: what a block needs on the way is freed before the next."""


def totals(
    plan: Plan, draws: Draws, names: Iterable[str] = (), market: Market | None = None
) -> dict[str, Totals]:
    """Cost of some options, or of all, over any number of draws: what every figure comes from. A
    hybrid that is one of its parts alone has its cost.

    market: for who asks many times, what prices do over the months, kept from one time to the next.
    """
    part = {name: plan.options[name].alone or name for name in names or plan.options}
    blocks = [
        _of_block(plan, {n: x[at : at + BLOCK] for n, x in draws.items()}, {*part.values()}, market)
        for at in range(0, len(draws["growth"]), BLOCK)
    ]
    whole = {
        name: Totals(
            present=np.concatenate([b[name].present for b in blocks]),
            yearly=np.concatenate([b[name].yearly for b in blocks]),
        )
        for name in blocks[0]
    }
    return {name: whole[each] for name, each in part.items()}


def _of_block(
    plan: Plan, draws: Draws, names: Iterable[str], market: Market | None
) -> dict[str, Totals]:
    """Present and yearly cost by option."""
    clock = Clock(plan, draws, market)
    billed = cache(partial(cashflow.bill, plan, draws=draws))
    bills = {n: _alike(plan, draws, due(plan, n, draws, billed)) for n in names}
    return {name: _summed(clock, name, bill) for name, bill in bills.items()}


_Bill = Mapping[tuple[str, str, str], Array]
"""Sum of the amounts that fall due alike: when, on which price path, in which part of time."""


def _alike(plan: Plan, draws: Draws, owed: Sequence[Amount]) -> _Bill:
    """Amounts less the tax that they save: on expenses, and on what is written off."""
    alike: dict[tuple[str, str, str], Array] = {}
    for a in owed:
        key = (a.falls, a.path, a.phase)
        is_taxed = bool(plan.tax_rate) and not a.is_capital
        value = a.value * (1 - plan.tax_rate) if is_taxed else a.value
        alike[key] = alike.get(key, 0.0) + value
    bought = [a.value for a in owed if a.is_capital]
    if bought and plan.tax_rate:
        life = cashflow.life_years(draws)
        monthly, left = written_off(np.sum(bought, axis=0), life, plan.months)
        # No amount of a bill has a blank phase (`cashflow.Phase`), so nothing is overwritten, and
        # `forgone` counts no relief from tax as what serves or what runs before.
        alike["running", "flat", ""] = -plan.tax_rate * monthly
        alike["end", "flat", ""] = -plan.tax_rate * left
    return alike


def _summed(clock: Clock, name: str, bill: _Bill) -> Totals:
    """Present [n] and nominal cost by year [n × Y] of a bill: amounts times the path's sums."""
    wait = clock.draws[f"months_to_production.{name}"]
    present = np.zeros(len(wait))
    yearly = np.zeros((len(wait), clock.plan.years))
    for (falls, path, phase), value in bill.items():
        nominal: Array | float
        if falls == "running":
            sums = clock.sums(path, phase, name)
            nominal = sums.nominal
            discounted = sums.present
        elif falls == "start":
            nominal = 1.0
            discounted = clock.discount[:, :-1:MONTHS]
        else:
            nominal = clock.path(path)[:, -1:]
            discounted = nominal * clock.discount[:, -1:]
        yearly += value * nominal
        present += (value * discounted).sum(axis=1)
    lacking = forgone(clock, name, bill)
    yearly += money.by_year(lacking, clock.plan.years)
    present += (lacking * clock.discount[:, 1 : lacking.shape[1] + 1]).sum(axis=1)
    return Totals(present=present, yearly=yearly)


def forgone(clock: Clock, name: str, bill: _Bill) -> Array:
    """What is counted for the months until production beyond what is paid in them. [n × ≤ M]

    An option that starts late gives less service in the same time, and must not look cheaper for
    it. A month of waiting costs what serves meanwhile, and never less than a month of the option:
    the difference is service that is forgone, worth what the client would pay for it.
    """
    waiting = clock.waiting("waiting", name)
    if not waiting.any():
        return np.zeros_like(waiting)
    months = waiting.shape[1]
    paid = {phase: np.zeros((len(waiting), months)) for phase in ("serving", "before")}
    for (falls, path, phase), value in bill.items():
        if falls == "running" and phase in paid:
            yearly = np.broadcast_to(value, (len(value), clock.plan.years))
            monthly = yearly.repeat(MONTHS, axis=1)[:, :months]
            paid[phase] += monthly * clock.path(path)[:, :months]
    return np.asarray(waiting * np.maximum(0.0, paid["serving"] - paid["before"]))


# --- one case, month by month -----------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
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

    @property
    def by_use(self) -> bool:
        """Whether a vendor bills it by use: tokens or GPU-hours."""
        return self.path.startswith(("api", "rental"))


def flows(plan: Plan, name: str, draws: Draws) -> tuple[CashFlow, ...]:
    """Monthly costs of an option in one draw; their sums are those of `totals`."""
    if part := plan.options[name].alone:
        return flows(plan, part, draws)
    clock = Clock(plan, draws)
    owed = due(plan, name, draws, partial(cashflow.bill, plan, draws=draws))
    out = [_flow(clock, name, a) for a in owed]
    if plan.tax_rate:
        life = cashflow.life_years(draws)
        allowed = _sum_of(f for f in out if not f.capital) + depreciation(out, life, plan.months)
        saved = -plan.tax_rate * allowed
        out.append(
            CashFlow(
                item="tax",
                label="Tax saved",
                category="tax",
                amounts=saved,
                factors=("tax_rate",),
                quantity=-allowed,
                unit="allowed cost",
            )
        )
    lacking = np.zeros(plan.months + 1)
    early = forgone(clock, name, _alike(plan, draws, owed))[0]
    lacking[1 : len(early) + 1] = early
    out.append(
        CashFlow(
            item="forgone",
            label="Waiting, counted and not billed",
            category=cashflow.FORGONE,
            amounts=lacking,
            factors=(),
            quantity=lacking,
            unit="money",
        )
    )
    return tuple(f for f in out if np.any(f.amounts))


def _flow(clock: Clock, name: str, amount: Amount) -> CashFlow:
    """An amount of the first draw, month by month."""
    months = clock.plan.months
    line = amount.line
    early = amount.phase == "before"
    quantity = np.zeros(months + 1)
    path = np.ones(months + 1)
    if amount.falls == "running":
        waiting = clock.waiting("before" if early else "waiting", name)[0]
        share = np.zeros(months)
        share[: len(waiting)] = waiting
        quantity[1:] = money.by_month(amount.quantity[0], months)
        quantity[1:] *= share if early else 1 - share
        path[1:] = clock.path(amount.path)[0]
    elif amount.falls == "start":
        quantity[:months:MONTHS] = amount.quantity[0]
    else:
        quantity[-1] = amount.quantity[0, -1]
        path[-1] = clock.path(amount.path)[0, -1]
    amounts = quantity * path * amount.price[0]
    unit = line.item.driver
    existing = line.side if line.existing_label else ""
    key = ":".join(filter(None, (line.item.id, line.workload, existing)))
    label = line.label
    category: str = line.item.category
    if early:
        key = f"{cashflow.BEFORE}:{key}"
        category = cashflow.BEFORE
        label = f"Baseline until production: {label}"
    return CashFlow(
        item=key,
        label=label,
        category=category,
        amounts=amounts,
        factors=line.factors,
        quantity=quantity,
        unit=unit,
        path=amount.path,
        capital=amount.is_capital,
    )


def depreciation(lines: Sequence[CashFlow], life: int, months: int) -> Array:
    """What is written off of all investments by month; what is left falls on the end. [M + 1]"""
    bought = sum((f.amounts[:months:MONTHS] for f in lines if f.capital), np.zeros(1))
    out = np.zeros(months + 1)
    if np.any(bought):
        monthly, left = written_off(np.asarray(bought)[None, :], life, months)
        out[1:] = money.by_month(monthly[0], months)
        out[-1] += left[0, -1]
    return out


# --- results ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class BreakEven:
    """When, at which use and at which volume an option costs as little as its rival: three answers
    to one question, always printed together; None with the reason in `why`."""

    rival: str
    """Of use and volume: what is billed by use (`by_use`); the month is against the baseline."""
    why: str = ""
    month: float | None = None
    """First month in which the discounted saving against the baseline is back for good."""
    utilisation: float | None = None
    """Share of the machines' capacity at which they cost what the rival costs."""
    used: float | None = None
    """Share that this load uses."""
    volume: float | None = None
    """Million tokens a month, mean of the horizon, at which option and rival cost the same."""
    cheaper_above: bool | None = None
    """Whether the option is the cheaper one above that volume."""


@dataclass(frozen=True, kw_only=True)
class Energy:
    """Electricity and emissions over the horizon, central case."""

    country: str
    """Code of the country whose grid feeds the machines."""
    why: str = ""
    """Why not estimated."""
    kwh: float | None = None
    """At the meter, cooling included."""
    tonnes_co2e: float | None = None
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True, kw_only=True)
class OptionCost:
    """What an option costs, central case, client's currency; before tax unless a rate is set."""

    name: str
    label: str
    kind: str
    flows: tuple[CashFlow, ...]
    life: int
    """Years after which a server is written off."""
    monthly: Array
    """Cost by month, 0 = today. [M + 1]"""
    present: float
    """Present value of the costs."""
    lcot: float | None
    """Levelised cost of a million tokens, input and output together."""
    paid: Array
    """What of the cost is paid: not service that is forgone. [M + 1]"""
    booked: Array
    """Cost by month as it is booked: investments over their life, what is left at the end.
    [M + 1]"""
    npv: float
    """Present value of what it saves against the baseline; negative: it costs more."""
    irr: float | None
    """Internal rate of return of that saving. [share a year]"""
    payback_simple: float | None
    """When that saving is back for good, not discounted. [months]"""
    payback_discounted: float | None
    """The same, discounted. [months]"""
    break_even: BreakEven
    energy: Energy
    servers: tuple[float, ...]
    """Servers that are bought, or were, by year, without those of other kinds that are there
    already; empty where none is bought. [servers]"""
    hybrid: Split | None
    """How many servers a mix owns, and what others would cost."""

    @property
    def total(self) -> float:
        """Plain sum of the costs."""
        return float(self.monthly.sum())

    @property
    def cash_view(self) -> tuple[float, ...]:
        """Cost by year as it is paid; today's payments in the first year."""
        return by_year_from_today(self.paid)

    @property
    def accounting_view(self) -> tuple[float, ...]:
        """Cost by year as it is booked."""
        return by_year_from_today(self.booked)


def option_cost(
    plan: Plan,
    name: str,
    *,
    lines: Mapping[str, tuple[CashFlow, ...]],
    tokens: Array,
    volume: Volume,
    present: Mapping[str, float],
) -> OptionCost:
    """What an option of a plan costs.

    lines, present: lines and present cost of every option. tokens: served by month. [M + 1]
    """
    option = plan.options[name]
    draws = plan.central()
    rate = float(draws["discount_rate"][0])
    fleet = fleets.option_fleet(option, draws, plan.years)
    bought = fleet.servers[0] if fleet and option.machine else ()
    own = lines[name]
    life = cashflow.life_years(draws)
    monthly = _sum_of(own)
    paid = _sum_of(f for f in own if f.category != cashflow.FORGONE)
    expense = paid - _sum_of(f for f in own if f.capital)
    saving = _sum_of(lines.get(plan.baseline, ())) - monthly
    return OptionCost(
        name=name,
        label=option.option.label,
        kind=option.option.kind,
        flows=own,
        life=life,
        monthly=monthly,
        present=money.npv(monthly, rate),
        lcot=money.levelised_cost(monthly, tokens, rate),
        paid=paid,
        booked=expense + depreciation(own, life, plan.months),
        npv=money.npv(saving, rate),
        irr=money.irr(saving),
        payback_simple=money.payback(saving) if saving.any() else None,
        payback_discounted=money.payback(saving, rate) if saving.any() else None,
        break_even=_break_even(plan, option, saving, fleet, volume, present),
        energy=energy(plan, option, fleet),
        servers=tuple(map(float, bought)),
        hybrid=option.split if isinstance(option, PricedHybrid) else None,
    )


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The cost chapter's result."""

    plan: Plan
    options: Mapping[str, OptionCost]
    currency: str
    rate: float
    tokens: Array
    """Tokens served by month, by any option. [M + 1]"""
    volume: Volume

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What was used, as the sources chapter lists it."""
        factors = shown_factors(self.plan).values()
        return tuple(Input(name=f.label, value=f.value, source=f.source) for f in factors)

    @property
    def cheapest(self) -> str:
        """The option with the lowest present cost; a hybrid only if it beats both its parts.

        Blank where no option could be priced.
        """
        order = self.plan.simple_first(self.options)
        return min(order, key=lambda name: round(self.options[name].present, 6), default="")


def assess(scenario: Scenario, capacity: Mapping[str, OptionCapacity]) -> Comparison:
    """Costs of every option of a scenario.

    capacity: by option, from capacity.assess. Options that cannot be priced appear in
    `plan.not_estimated` with the reason.
    """
    plan = with_optimum(compile_plan(scenario, capacity))
    draws = plan.central()
    volume = Volume(plan)
    present = {name: float(t.present[0]) for name, t in totals(plan, draws).items()}
    lines = {name: flows(plan, name, draws) for name in plan.options}
    tokens = np.append(0.0, money.by_month(fleets.total_tokens(plan, draws)[0], plan.months))
    priced = partial(option_cost, plan, lines=lines, tokens=tokens, volume=volume, present=present)
    return Comparison(
        plan=plan,
        options={name: priced(name) for name in plan.options},
        currency=scenario.client.currency,
        rate=scenario.finance.discount_rate.central,
        tokens=tokens,
        volume=volume,
    )


def drawn_factors(plan: Plan) -> set[str]:
    """Factors that some price or quantity depends on, and that a draw may move."""
    by_option = ("months_to_production", "fte_platform", "fte_per_8_gpus", "power_kw",
                 "hidden_work")  # fmt: skip
    used = {f"{stem}.{name}" for stem in by_option for name in plan.options}
    used.update(kind.power_key for option in plan.options.values() for kind in option.kinds)
    used.update(*(path.factors for path in plan.api_paths.values()))
    lines = (line for option in plan.options.values() for line in option.lines)
    used.update(SHARED, ("discount_rate", "hidden_tokens"))
    return used.union(*(line.factors for line in lines))


def shown_factors(plan: Plan) -> dict[str, Factor]:
    """Factors that a report lists: all that were used, and none that is a result."""
    used = drawn_factors(plan)
    if plan.tax_rate:
        used.add("tax_rate")
    if any(o.machine for o in plan.options.values()):
        used |= {*OF_SERVERS}
    return {n: f for n, f in plan.factors.items() if n in used}


def _sum_of(lines: Iterable[CashFlow]) -> Array:
    """Cost by month. [M + 1; one zero of no lines]"""
    return np.asarray(np.sum([f.amounts for f in lines], axis=0))


def between(monthly: Array, first: float, last: float) -> float:
    """What is paid from one day to another, a month's amount spread evenly over its days; what is
    paid at once lies before all days. [as the months]

    first, last: days after the report.
    """
    begins = np.arange(len(monthly)) - 1.0
    begun = np.clip(first * MONTHS / DAYS_OF_PLAN_YEAR - begins, 0, 1)
    ended = np.clip(last * MONTHS / DAYS_OF_PLAN_YEAR - begins, 0, 1)
    return float((monthly * (ended - begun))[1:].sum())


def by_year_from_today(monthly: Array) -> tuple[float, ...]:
    """Sum of each year of anything that is counted by month, money or machines: today's in the
    first. [as the months]"""
    later = monthly[1:].copy()
    later[0] += monthly[0]
    return tuple(float(later[i : i + MONTHS].sum()) for i in range(0, len(later), MONTHS))


# --- the hybrid optimum -----------------------------------------------------------------------


def with_optimum(plan: Plan) -> Plan:
    """The plan with every hybrid owning the number of servers of lowest present cost."""
    split = {n: _split(plan, o) for n, o in plan.options.items() if isinstance(o, PricedHybrid)}
    return replace(plan, options={**plan.options, **split})


STEPS = 60
"""Numbers of servers that a hybrid's curve holds at most, besides none and the best."""


def _split(plan: Plan, hybrid: PricedHybrid) -> PricedHybrid:
    """A hybrid at its optimum: one of the two parts alone, or 1 … all servers that peaks need; from
    none on, where servers of other kinds exist already.

    Of equal costs a part alone is taken before a mix, and the other side before own machines.
    """
    most = int(fleets.fleet_needed(hybrid.base, plan.central(), plan.years).serving.max())
    parts = totals(plan, plan.central(), (hybrid.burst.name, hybrid.base.name))
    none_owned = Owned(
        servers=0, present=float(parts[hybrid.burst.name].present[0]), away_share=1.0
    )
    all_owned = Owned(
        servers=most, present=float(parts[hybrid.base.name].present[0]), away_share=0.0
    )
    mixed = list(_mixes(plan, hybrid, most))
    tried = (none_owned, all_owned, *mixed)
    best = tried[int(np.argmin(np.round([step.present for step in tried], 6)))]
    count = len(mixed)
    shown = {mixed[i] for i in np.linspace(0, count - 1, min(count, STEPS)).round().astype(int)}
    alone: Literal["", "burst", "base"] = ""
    if best is none_owned:
        alone = "burst"
    elif best is all_owned:
        alone = "base"
    if alone != "base":  # which needs a spare, and so is no point of the curve
        shown.add(best)
    split = Split(
        best=best,
        alone=alone,
        curve=tuple(sorted({none_owned, *shown}, key=lambda step: step.servers)),
        base_cost=all_owned.present,
    )
    return replace(hybrid, split=split)


def _mixes(plan: Plan, hybrid: PricedHybrid, most: int) -> Iterator[Owned]:
    """A hybrid that buys 1 … `most` servers, as planned; or none beside existing ones."""
    fewest = 0 if hybrid.kinds else 1
    owned = np.arange(float(fewest), most + 1)
    draws = plan.central(**{owned_key(hybrid.name): owned})
    costs = totals(plan, draws, [hybrid.name])[hybrid.name].present.tolist()
    requests = _requests(plan, hybrid, draws, owned)
    away = (requests.away.sum(axis=1) / requests.total.sum(axis=1)).tolist()
    for servers, (cost, share) in enumerate(zip(costs, away, strict=True), start=fewest):
        yield Owned(servers=servers, present=cost, away_share=share)


def away_by_year(plan: Plan, hybrid: PricedHybrid) -> tuple[float, ...]:
    """Share of each year's requests that the other side of a mix serves, as planned. [share]"""
    split = hybrid.split
    if split is None or split.alone == "base":
        return (0.0,) * plan.years
    requests = _requests(plan, hybrid, plan.central(), np.full(1, float(split.servers)))
    return tuple((requests.away / requests.total)[0].tolist())


@dataclass(frozen=True, kw_only=True)
class _Requests:
    """Requests of each year to a mix. [n × Y each, a year's mean rate in requests/s]"""

    away: Array
    """Those that the other side serves."""
    total: Array


def _requests(plan: Plan, hybrid: PricedHybrid, draws: Draws, owned: Array) -> _Requests:
    """Requests to a hybrid that owns so many servers at most. owned: [n]"""
    fleet = fleets.fleet_of_hybrid(hybrid.base, draws, plan.years, owned)
    pools = [each.pool for each in hybrid.base.pools]
    loads = [fleets.load_ratio(p.growth, draws, plan.years) * p.mix.mean_rate for p in pools]
    away = [load * share for load, share in zip(loads, fleet.away_share, strict=True)]
    return _Requests(away=np.sum(away, axis=0), total=np.sum(loads, axis=0))


# --- break-evens and volume -------------------------------------------------------------------


def by_use(plan: Plan, name: str, present: Mapping[str, float]) -> str:
    """What break-evens are measured against: the baseline if it is billed by use, or else the
    cheapest option that is; blank without one. Another option would have no use to break even at.
    """
    billed = [n for n, o in plan.options.items() if o.option.kind in BY_REQUEST]
    if plan.baseline in billed:
        return plan.baseline
    return min((n for n in billed if n != name), key=present.__getitem__, default="")


def _break_even(
    plan: Plan, option: PricedOption, saving: Array, fleet: Fleet | None,
    volume: Volume, present: Mapping[str, float],
) -> BreakEven:  # fmt: skip
    name = option.name
    rival = by_use(plan, option.name, present)
    if isinstance(option, PricedHybrid) and option.alone == option.burst.name:
        return BreakEven(rival=rival, why="the optimum owns nothing: it is the other option alone")
    rate = float(plan.central()["discount_rate"][0])
    month = None if name == plan.baseline else money.payback(saving, rate)
    if not rival or rival == name:
        why = "it is itself the rival" if rival == name else "no option is billed by use"
        return BreakEven(rival=rival, why=why, month=month)
    crossing, above = volume.crossing(name, rival)
    if fleet is None:
        why = "the vendor runs the machines: use of capacity is not the client's matter"
        return BreakEven(rival=rival, why=why, month=month, volume=crossing, cheaper_above=above)
    used = float(fleet.busy[0].mean())
    at = money.break_even_utilisation(present[name], present[rival] / used if used else math.inf)
    return BreakEven(
        rival=rival,
        why="",
        month=month,
        utilisation=at,
        used=used,
        volume=crossing,
        cheaper_above=above,
    )


SCALES = np.exp(np.linspace(math.log(0.02), math.log(50), 81))
"""Volumes of the curves, as a ratio to the planned one: a fiftieth to fifty times."""
SHARES = np.linspace(0, 1, 13)[1:]
"""Shares of the servers needed that a hybrid may own, in the curves over volume."""


@dataclass(frozen=True)
class Winner:
    """The cheapest option in a range of volumes. [million tokens a month, mean of the horizon]"""

    option: str
    above: float
    below: float


class Volume:
    """Cost of every option over the volume of tokens; hybrids are split anew at each."""

    def __init__(self, plan: Plan) -> None:
        """From a fiftieth of what is planned to fifty times (`SCALES`)."""
        draws = plan.central(demand=SCALES)
        tokens = _tokens(plan, draws)
        planned = _tokens(plan, plan.central()).plain[0]
        self.plan = plan
        self.planned = float(planned / plan.months / MILLION)
        """Million tokens a month of the scenario."""
        self.million_tokens = tokens.plain / plan.months / MILLION
        """A month, mean of the horizon. [V]"""
        self.per_million = {
            name: _present(plan, draws, name) / tokens.present * MILLION for name in plan.options
        }
        """Levelised cost of a million tokens, by option. [V]"""

    @cached_property
    def winners(self) -> tuple[Winner, ...]:
        """Ranges of volume by cheapest option; a hybrid wins only where it beats both its parts."""
        if not self.per_million:
            return ()
        order = self.plan.simple_first(self.per_million)
        best = np.argmin(np.array([np.round(self.per_million[n], 9) for n in order]), axis=0)
        turns = [int(i) for i in np.flatnonzero(np.diff(best))]
        meet = [self._meeting(order[best[i]], order[best[i + 1]], i) for i in turns]
        ranges = zip([0, *(i + 1 for i in turns)], [0.0, *meet], [*meet, math.inf], strict=True)
        return tuple(Winner(order[int(best[i])], above, below) for i, above, below in ranges)

    def crossing(self, name: str, rival: str) -> tuple[float | None, bool | None]:
        """Volume nearest to the plan at which two options cost the same, and whether the first one
        wins above it; None where they do not meet. [million tokens a month]"""
        gap = self.per_million[name] - self.per_million[rival]
        turns = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) < 0)
        if not len(turns):
            return None, None
        points = [self._meeting(name, rival, int(i)) for i in turns]
        nearest = int(np.argmin(np.abs(np.log(points) - math.log(self.planned))))
        return points[nearest], bool(gap[turns[nearest]] > 0)

    def _meeting(self, a: str, b: str, i: int) -> float:
        """Volume between points i and i + 1 of the curves at which two options cost the same.

        Billed again, ever closer: text, chart and tables all quote this one.
        """
        low = SCALES[i]
        high = SCALES[i + 1]
        for _ in range(2):
            scales = np.linspace(low, high, 33)
            draws = self.plan.central(demand=scales)
            present, rival = (_present(self.plan, draws, name) for name in (a, b))
            gap = np.sign(np.round(present - rival, 6))
            before = np.flatnonzero(gap != gap[-1])  # level counts as not yet crossed
            turn = min(int(before[-1]) if len(before) else 0, len(scales) - 2)
            low = scales[turn]
            high = scales[turn + 1]
        return float(self.planned * (low + high) / 2)


@dataclass(frozen=True, kw_only=True)
class _Tokens:
    """Tokens over the horizon. [n each]"""

    plain: Array
    present: Array
    """Discounted as money is."""


def _tokens(plan: Plan, draws: Draws) -> _Tokens:
    """Tokens over the horizon, whichever option serves them."""
    by_month = fleets.total_tokens(plan, draws)
    months = Clock(plan, draws).sums("flat")
    return _Tokens(
        plain=(by_month * months.nominal).sum(axis=1),
        present=(by_month * months.present).sum(axis=1),
    )


def _present(plan: Plan, draws: Draws, name: str) -> Array:
    """Present cost of an option; a hybrid split anew in each draw. [n]"""
    option = plan.options[name]
    if not isinstance(option, PricedHybrid):
        return totals(plan, draws, [name])[name].present
    alone = (_present(plan, draws, part.name) for part in (option.burst, option.base))
    return np.asarray(np.min([*alone, *_by_share(plan, option, draws)], axis=0))


def _by_share(plan: Plan, option: PricedHybrid, draws: Draws) -> Array:
    """Present cost of a hybrid that owns each of SHARES of the servers needed. [shares × n]"""
    name = option.name
    need = fleets.fleet_needed(option.base, draws, plan.years).serving.max(axis=1)
    shares = np.append(0.0, SHARES) if option.kinds else SHARES
    each = {n: np.tile(x, len(shares)) for n, x in draws.items()}
    each[owned_key(name)] = whole_up(np.outer(shares, need)).ravel()
    mixed = replace(plan, options={**plan.options, name: replace(option, split=None)})
    return totals(mixed, each, [name])[name].present.reshape(len(shares), -1)


# --- energy and carbon ------------------------------------------------------------------------


def energy(plan: Plan, priced: PricedOption, fleet: Fleet | None) -> Energy:
    """Electricity at the meter and emissions over the horizon, for machines that can be counted."""
    base = priced.base if isinstance(priced, PricedHybrid) else priced
    country = base.option.country
    try:
        drawn = _drawn_power(plan, base, fleet)
    except NotEstimated as reason:
        return Energy(country=country, why=f"not estimated, because {reason}")
    overhead = _overhead(plan, base)
    in_production = Clock(plan, plan.central()).sums("flat", "serving", priced.name).nominal[0]
    kwh = float((drawn.by_month * in_production).sum() * overhead.value.central)
    inputs = (drawn.power, overhead)
    grid = prices.row("carbon", prices.GridCarbon, country=country)
    if grid is None:
        why = f"no carbon intensity for {country or 'no country'}"
        return Energy(country=country, why=why, kwh=kwh, inputs=inputs)
    intensity = Range.exact(grid.g_per_kwh, "g/kWh")
    carbon = Input(name=f"Grid carbon, {country}", value=intensity, source=source_of(grid))
    return Energy(
        country=country,
        kwh=kwh,
        tonnes_co2e=kwh * grid.g_per_kwh / G_PER_TONNE,
        inputs=(*inputs, carbon),
    )


@dataclass(frozen=True, kw_only=True)
class _DrawnPower:
    """Electricity that an option's machines draw, before cooling."""

    by_month: Array
    """A month of each year. [Y, kWh]"""
    power: Input
    """Power of a server, or of a rented GPU's share of one."""


def _drawn_power(plan: Plan, base: PricedOption, fleet: Fleet | None) -> _DrawnPower:
    """What own servers draw, or rented GPUs as their share of a server. Raises NotEstimated where
    nobody publishes it."""
    if fleet is None:
        raise NotEstimated("the vendor publishes no energy per token of this model")
    draws = plan.central()
    if base.machine is not None:
        own = cashflow.Side(plan=plan, priced=base, draws=draws, known_fleet=fleet)
        by_month = own.kwh()[0]
        for kind in base.kinds:
            existing = fleet.existing[kind.key]
            beside = cashflow.Side(plan=plan, priced=kind, draws=draws, known_fleet=existing)
            by_month = by_month + beside.kwh()[0]
        power = Input(
            name=f"Power of {base.machine.label}",
            value=Range.exact(float(draws[base.power_key][0]), "kW"),
            source=source_of(base.machine),
        )
        return _DrawnPower(by_month=by_month, power=power)
    gpu = catalogue.gpu(base.option.gpu).id if base.option.gpu else ""
    server = prices.row("servers", Server, gpu_id=gpu)
    if server is None:
        raise NotEstimated(f"no server with {gpu} is on file")
    share = server.power_kw.scaled(1 / server.gpu_count, "kW")
    idle = draws["idle_share"][0]
    return _DrawnPower(
        by_month=fleet.gpu_hours[0] * share.central * (idle + (1 - idle) * fleet.busy[0]),
        power=Input(
            name=f"Power of a GPU's share of its server, {gpu}",
            value=share,
            source=source_of(server),
        ),
    )


def _overhead(plan: Plan, base: PricedOption) -> Input:
    """What a room takes over its machines, as billed, else as is usual in such a place. [PUE]"""
    place = prices.pue(base.option)
    name = f"PUE, {place.place}"
    billed = plan.factors.get(f"pue_overhead.{base.name}")
    if billed is None:
        return Input(name=name, value=replace(place.range, unit="x"), source=source_of(place))
    ratio = Range.ordered((1 + share for share in billed.value.ends), "x")
    return Input(name=name, value=ratio, source=billed.source)
