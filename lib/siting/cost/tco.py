"""Total cost of ownership of every option for the same service, month by month.

`assess` compiles the prices (`costing`), bills the central case (`cashflow`), and derives what a
finance department asks for: net present value against the baseline, internal rate, paybacks,
levelised cost, three break-evens, the hybrid optimum, energy and carbon. `totals` is the one
evaluation that the report, the curves and the Monte Carlo share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, partial
from typing import Literal

import numpy as np
import numpy.typing as npt

from siting.catalogue import Input, Source, source_of
from siting.cost import cashflow, money, prices
from siting.cost.cashflow import BY_REQUEST, MONTHS, Amount, Draws, OptionPlan, Plan, owned_key
from siting.cost.costing import compile_plan
from siting.cost.money import MILLION
from siting.cost.prices import Factor
from siting.inputs.scenario import Scenario
from siting.quantity import Range
from siting.serving.capacity import OptionCapacity

Array = npt.NDArray[np.float64]
G_PER_TONNE = 1e6
BASE_ALONE = -1.0
"""Value of a hybrid's owned servers that stands for its base option on its own."""


# --- evaluation -------------------------------------------------------------------------------


class Clock:
    """Price paths, time in production and discount factors, for one set of draws."""

    def __init__(self, plan: Plan, draws: Draws) -> None:
        self.plan, self.draws = plan, draws
        v = (1 + draws["discount_rate"]) ** (-1 / MONTHS)
        self._discount = cashflow.powers(v, plan.months + 1)
        self._paths: dict[str, Array] = {}
        self._early: dict[tuple[str, str], Array] = {}
        self._sums: dict[tuple[str, str, str], tuple[Array, Array]] = {}

    def path(self, name: str) -> Array:
        """Price of month 1 … M over today's. [n × M]"""
        if name not in self._paths:
            self._paths[name] = cashflow.path_factor(name, self.draws, self.plan.months)
        return self._paths[name]

    def waiting(self, phase: str, name: str) -> Array:
        """Share of each month before production, or (`before`) in which the baseline is paid, which
        runs on for a while; as many years as any draw needs. [n × ≤ M]"""
        if (phase, name) not in self._early:
            wait = self.draws[f"months_to_production.{name}"]
            if phase == "before":
                wait = np.where(wait > 0, wait + self.draws["parallel_months"], 0)
            years = max(1, math.ceil(float(wait.max()) / MONTHS))
            months = np.arange(min(self.plan.months, years * MONTHS))
            self._early[phase, name] = np.clip(wait[:, None] - months, 0, 1)
        return self._early[phase, name]

    def share(self, phase: str, name: str) -> Array:
        """Share of each month in which an option is in production, or is not yet. [n × M]"""
        early = self.waiting(phase, name)
        early = np.pad(early, ((0, 0), (0, self.plan.months - early.shape[1])))
        return early if phase == "before" else 1 - early

    def sums(self, path: str, phase: str = "", name: str = "") -> tuple[Array, Array]:
        """Nominal and present sum of a path over the months of each year. [n × Y each]

        phase: `before` an option `name` is in production, its `own` time, or blank for all time.
        """
        key = (path, phase, name)
        if key not in self._sums:
            if phase == "own":
                whole, early = self.sums(path), self.sums(path, "waiting", name)
                self._sums[key] = (whole[0] - early[0], whole[1] - early[1])
            else:
                share = self.waiting(phase, name) if phase else np.ones((1, self.plan.months))
                part = self.path(path)[:, : share.shape[1]] * share
                worth = part * self._discount[:, 1 : share.shape[1] + 1]
                self._sums[key] = (self._by_year(part), self._by_year(worth))
        return self._sums[key]

    def _by_year(self, monthly: Array) -> Array:
        sums = np.zeros((len(monthly), self.plan.years))
        found = cashflow.by_year(monthly)
        sums[:, : found.shape[1]] = found
        return sums

    def along(self, decline: Array) -> Clock:
        """The same, but for API prices, which fall by so much a year. [n]"""
        other = copy(self)
        other.draws = {**self.draws, "api_decline": decline}
        other._paths = {name: found for name, found in self._paths.items() if name != "api"}
        other._sums = {key: found for key, found in self._sums.items() if key[0] != "api"}
        return other

    @property
    def starts(self) -> Array:
        """Discount factors of the start of each year. [n × Y]"""
        return self._discount[:, : self.plan.months : MONTHS]

    @property
    def end(self) -> Array:
        """Discount factor of the end of the horizon. [n × 1]"""
        return self._discount[:, -1:]

    def at_end(self, path: str) -> Array:
        """Price at the end of the horizon over today's. [n × 1]"""
        return self.path(path)[:, -1:]


@dataclass(frozen=True)
class Totals:
    """Cost of an option over draws, in the client's currency."""

    present: Array
    """Net present value of all costs. [n]"""
    yearly: Array
    """Nominal cost of each year; the end's exit and resale in the last. [n × Y]"""


def due(plan: Plan, name: str, draws: Draws, billed: Callable[[str], list[Amount]]) -> list[Amount]:
    """All that an option owes: its own bill, the baseline's until production, and tax saved."""
    wait = draws[f"months_to_production.{name}"]
    starts = (wait < plan.months)[:, None]
    out = [
        a if a.when == "running" or starts.all() else replace(a, quantity=a.quantity * starts)
        for a in billed(name)
    ]
    if (wait > 0).any() and plan.baseline in plan.options and plan.baseline != name:
        out += [replace(a, phase="before") for a in billed(plan.baseline) if a.when == "running"]
    return out + (_tax(plan, out, draws) if plan.tax_rate else [])


def _tax(plan: Plan, owed: Sequence[Amount], draws: Draws) -> list[Amount]:
    """Tax saved: the rate times every expense, and times what is written off of investments."""
    rate, bought = -plan.tax_rate, [a.value for a in owed if a.is_capital]
    out = [replace(a, quantity=rate * a.quantity, tax=True) for a in owed if not a.is_capital]
    if bought:
        monthly, left = written_off(np.sum(bought, axis=0), cashflow.life_years(draws), plan.months)
        saved = partial(Amount, cashflow.DEPRECIATION, price=np.ones(len(monthly)), tax=True)
        out += [saved("running", rate * monthly), saved("end", rate * left)]
    return out


def written_off(bought: Array, life: int, months: int) -> tuple[Array, Array]:
    """Straight-line depreciation of what is bought at the start of each year. [n × Y each]

    First by month of each year; then the book value left at the end, in the last year's column.
    """
    monthly, left = np.zeros_like(bought), np.zeros_like(bought)
    for y in range(bought.shape[1]):
        monthly[:, y : y + life] += bought[:, y : y + 1] / (life * MONTHS)
        used = min(life, months / MONTHS - y)
        left[:, -1] += bought[:, y] * (1 - used / life)
    return monthly, left


BLOCK = 2_000
"""Draws that are evaluated at once: what a block needs on the way is freed before the next."""


def totals(plan: Plan, draws: Draws, names: Iterable[str] = ()) -> dict[str, Totals]:
    """Cost of some options, or of all, over any number of draws: what every figure comes from."""
    return by_path(plan, draws, {"": draws["api_decline"]}, names)[""]


def by_path(
    plan: Plan, draws: Draws, declines: Mapping[str, Array], names: Iterable[str] = ()
) -> dict[str, dict[str, Totals]]:
    """The same draws with each of several yearly falls of API prices [n], by the name of each."""
    names = tuple(names or plan.options)
    blocks = [
        _of_block(
            plan,
            {n: x[at : at + BLOCK] for n, x in draws.items()},
            {n: x[at : at + BLOCK] for n, x in declines.items()},
            names,
        )
        for at in range(0, len(draws["growth"]), BLOCK)
    ]
    found = {
        key: map(np.concatenate, zip(*(b[key] for b in blocks), strict=True)) for key in blocks[0]
    }
    return {path: {name: Totals(*found[path, name]) for name in names} for path in declines}


def _of_block(
    plan: Plan, draws: Draws, declines: Mapping[str, Array], names: Iterable[str]
) -> dict[tuple[str, str], tuple[Array, Array]]:
    """Present and yearly cost by fall of API prices and option; a hybrid that is one of its parts
    alone has its cost."""
    wanted = dict.fromkeys(part for n in names for part in (*plan.options[n].parts, n))
    drivers = {line.item.driver for option in plan.options.values() for line in option.lines}
    clock, bills = Clock(plan, draws), dict[str, _Bill]()
    found: dict[tuple[str, str], tuple[Array, Array]] = {}
    for path, decline in declines.items():
        clock = clock.along(decline)
        if not bills or "unused_commitment" in drivers:  # which counts what is paid at that price
            billed = cache(partial(cashflow.bill, plan, draws=clock.draws))
            bills = {n: _alike(due(plan, n, clock.draws, billed)) for n in wanted}
        for name in wanted:
            found[path, name] = present, yearly = _summed(clock, name, bills[name])
            for part, alone in zip(plan.options[name].parts, (0.0, BASE_ALONE), strict=False):
                there = draws[owned_key(name)] == alone
                present[there], yearly[there] = (x[there] for x in found[path, part])
    return found


_Bill = Mapping[tuple[str, str, cashflow.Phase], Array]
"""Sum of the amounts that fall due alike: when, on which price path, in which part of time."""


def _alike(owed: Sequence[Amount]) -> _Bill:
    alike: dict[tuple[str, str, cashflow.Phase], Array] = {}
    for a in owed:
        key = (a.when, a.path, a.phase)
        alike[key] = alike[key] + a.value if key in alike else a.value
    return alike


def _summed(clock: Clock, name: str, bill: _Bill) -> tuple[Array, Array]:
    """Present [n] and nominal cost by year [n × Y] of a bill: amounts times the path's sums."""
    wait = clock.draws[f"months_to_production.{name}"]
    present, yearly = np.zeros(len(wait)), np.zeros((len(wait), clock.plan.years))
    for (when, path, phase), value in bill.items():
        nominal: Array | float
        if when == "running":
            nominal, worth = clock.sums(path, phase, name)
        elif when == "start":
            nominal, worth = 1.0, clock.starts
        else:
            nominal = clock.at_end(path)
            worth = nominal * clock.end
        yearly += value * nominal
        present += (value * worth).sum(axis=1)
    return present, yearly


# --- one case, month by month -----------------------------------------------------------------


@dataclass(frozen=True)
class Flow:
    """One line of a cash-flow table: a cost item of an option by month."""

    item: str
    label: str
    category: str
    amounts: Array
    """Cost by month, 0 = today; income is negative. [M + 1]"""
    factors: tuple[str, ...] = ()
    """Factors whose product is the unit price."""
    quantity: Array = field(default_factory=lambda: np.zeros(0))
    """Units by month. [M + 1]"""
    path: str = "flat"
    unit: str = ""
    capital: bool = False
    commitment: bool = False

    @property
    def by_use(self) -> bool:
        """Whether a vendor bills it by use: tokens or GPU-hours."""
        return self.path.startswith(("api", "rental"))


def flows(plan: Plan, name: str, draws: Draws) -> list[Flow]:
    """Monthly costs of an option in one draw; their sums are those of `totals`."""
    for part, alone in zip(plan.options[name].parts, (0.0, BASE_ALONE), strict=False):
        if draws[owned_key(name)][0] == alone:
            return flows(plan, part, draws)
    clock = Clock(plan, draws)
    owed = due(plan, name, draws, lambda n: cashflow.bill(plan, n, draws))
    out = [_flow(clock, name, a) for a in owed if not a.tax]
    saved = np.sum([_by_month(clock, name, a)[0] for a in owed if a.tax], axis=0)
    if plan.tax_rate:
        units = saved / plan.tax_rate
        out.append(
            Flow("tax", "Tax saved", "tax", saved, ("tax_rate",), units, unit="allowed cost")
        )
    return [f for f in out if np.any(f.amounts)]


def _by_month(clock: Clock, name: str, amount: Amount) -> tuple[Array, Array]:
    """Cost and quantity of the first draw by month. [M + 1 each]"""
    months = clock.plan.months
    quantity, path = np.zeros(months + 1), np.ones(months + 1)
    if amount.when == "running":
        share = clock.share(amount.phase, name)[0]
        quantity[1:] = cashflow.by_month(amount.quantity[0], months) * share
        path[1:] = clock.path(amount.path)[0]
    elif amount.when == "start":
        quantity[:months:MONTHS] = amount.quantity[0]
    else:
        quantity[-1] = amount.quantity[0, -1]
        path[-1] = clock.at_end(amount.path)[0, 0]
    return quantity * path * amount.price[0], quantity


def _flow(clock: Clock, name: str, amount: Amount) -> Flow:
    line, early = amount.line, amount.phase == "before"
    amounts, quantity = _by_month(clock, name, amount)
    label = line.item.label + (f", {line.workload}" if line.workload else "")
    if line.side == "burst" and line.item.category in ("api", "rental"):
        label += " for peaks"
    return Flow(
        f"{cashflow.BEFORE}:{line.key}" if early else line.key,
        f"Baseline until production: {label}" if early else label,
        cashflow.BEFORE if early else line.item.category,
        amounts, line.factors, quantity, amount.path, line.item.driver,
        amount.is_capital, line.item.driver == "unused_commitment",
    )  # fmt: skip


def depreciation(lines: Sequence[Flow], life: int, months: int) -> Array:
    """What is written off of all investments by month; what is left falls on the end. [M + 1]"""
    bought = sum((f.amounts[:months:MONTHS] for f in lines if f.capital), np.zeros(1))
    out = np.zeros(months + 1)
    if np.any(bought):
        monthly, left = written_off(np.asarray(bought)[None, :], life, months)
        out[1:] = cashflow.by_month(monthly[0], months)
        out[-1] += left[0, -1]
    return out


# --- results ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class BreakEven:
    """Three answers to one question, always printed together; None with the reason in `why`."""

    rival: str
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


@dataclass(frozen=True)
class Energy:
    """Electricity and emissions over the horizon, central case."""

    kwh: float | None
    tonnes_co2e: float | None
    grid: str
    why: str = ""
    """Why not estimated."""
    inputs: tuple[Input, ...] = ()


@dataclass(frozen=True)
class Hybrid:
    """How much to own, so that the present cost is lowest."""

    servers: int
    """Servers owned at most; they are bought as the load needs them."""
    end: Literal["", "burst", "base"]
    """Not blank: the optimum is one of the two parts alone."""
    curve: tuple[tuple[int, float, float], ...]
    """Servers owned (none to all that peaks need), present cost, share of tokens that bursts."""
    burst_share: float
    """Share of tokens that the other side serves, at the optimum, over the horizon."""
    base_cost: float
    """Present cost of all load on own servers."""


@dataclass(frozen=True)
class OptionCost:
    """What an option costs, central case, client's currency; before tax unless a rate is set."""

    name: str
    label: str
    kind: str
    flows: tuple[Flow, ...]
    rate: float
    tokens: Array
    """Tokens served by month. [M + 1]"""
    life: int
    npv: float
    """Present value of what it saves against the baseline; negative: it costs more."""
    irr: float | None
    payback_simple: float | None
    payback_discounted: float | None
    break_even: BreakEven
    energy: Energy
    present_by_path: Mapping[str, float]
    """Present cost under both API price paths: `list` and `same_capability`."""
    servers: tuple[float, ...] = ()
    hybrid: Hybrid | None = None

    @cached_property
    def monthly(self) -> Array:
        """Cost by month, 0 = today. [M + 1]"""
        return _sum_of(self.flows)

    @property
    def total(self) -> float:
        """Plain sum of the costs."""
        return float(self.monthly.sum())

    @property
    def present(self) -> float:
        """Present value of the costs."""
        return money.npv(self.monthly, self.rate)

    @property
    def lcot(self) -> float | None:
        """Levelised cost of a million tokens, input and output together."""
        return money.levelised_cost(self.monthly, self.tokens, self.rate)

    @property
    def cash_view(self) -> tuple[float, ...]:
        """Cost by year as it is paid; today's payments in the first year."""
        return _years(self.monthly)

    @property
    def accounting_view(self) -> tuple[float, ...]:
        """Cost by year as it is booked: investments over their life, what is left at the end."""
        expense = self.monthly - _sum_of(f for f in self.flows if f.capital)
        return _years(expense + depreciation(self.flows, self.life, len(self.monthly) - 1))


def _years(monthly: Array) -> tuple[float, ...]:
    later = monthly[1:].copy()
    later[0] += monthly[0]
    return tuple(float(later[i : i + MONTHS].sum()) for i in range(0, len(later), MONTHS))


@dataclass(frozen=True)
class Winner:
    """The cheapest option in a range of volumes. [million tokens a month, mean of the horizon]"""

    option: str
    above: float
    below: float


@dataclass(frozen=True)
class Volume:
    """Cost of every option over the volume of tokens."""

    million_tokens: Array
    """A month, mean of the horizon. [V]"""
    per_million: Mapping[str, Array]
    """Levelised cost of a million tokens, by option. [V]"""
    winners: tuple[Winner, ...]
    planned: float
    """Million tokens a month of the scenario."""


@dataclass(frozen=True)
class Comparison:
    """The cost chapter's result."""

    options: Mapping[str, OptionCost]
    not_estimated: Mapping[str, str]
    baseline: str
    currency: str
    months: int
    rate: float
    price_path: str
    volume: Volume
    inputs: tuple[Input, ...]
    notes: tuple[str, ...]
    plan: Plan

    @property
    def cheapest(self) -> str:
        """The option with the lowest present cost; a hybrid only if it beats both its parts.

        Blank where no option could be priced.
        """
        return min(
            self.options,
            key=lambda n: (round(self.options[n].present, 6), self.options[n].kind == "hybrid"),
            default="",
        )


def assess(scenario: Scenario, capacity: Mapping[str, OptionCapacity]) -> Comparison:
    """Costs of every option of a scenario.

    capacity: by option, from capacity.assess. Options that cannot be priced appear in
    `not_estimated` with the reason.
    """
    plan = with_optimum(compile_plan(scenario, capacity))
    draws, decline = plan.central(), prices.parameter("api_decline").central
    falls = {"list": np.zeros(1), "same_capability": np.full(1, decline)}
    present = {
        path: {n: float(t.present[0]) for n, t in found.items()}
        for path, found in by_path(plan, draws, falls).items()
    }
    volume, own = _volume(plan), present[scenario.finance.price_decline]
    lines = {name: tuple(flows(plan, name, draws)) for name in plan.options}
    found = {
        name: _option_cost(plan, name, draws, lines, present, own, volume) for name in plan.options
    }
    factors = shown_factors(plan).values()
    return Comparison(
        found,
        plan.not_estimated,
        plan.baseline,
        scenario.client.currency,
        plan.months,
        scenario.finance.discount_rate.central,
        scenario.finance.price_decline,
        volume,
        tuple(Input(name=f.label, value=f.value, source=f.source) for f in factors),
        plan.notes,
        plan,
    )


_IN_QUANTITIES = (
    "demand", "throughput", "api_decline", "rental_drift", "inflation", "idle_share",
    "scale_down", "bytes_per_token", "discount_rate", "hidden_tokens", "parallel_months",
)  # fmt: skip


def drawn_factors(plan: Plan) -> set[str]:
    """Factors that some price or quantity depends on, and that a draw may move."""
    by_option = ("months_to_production", "fte_platform", "fte_per_8_gpus", "power_kw",
                 "hidden_work")  # fmt: skip
    used = {f"{stem}.{name}" for stem in by_option for name in plan.options}
    lines = (line for option in plan.options.values() for line in option.lines)
    return used.union(_IN_QUANTITIES, *(line.factors for line in lines))


def shown_factors(plan: Plan) -> dict[str, Factor]:
    """Factors that a report lists: all that were used, and none that is a result."""
    used = drawn_factors(plan) | {"hours_per_month", "rental_memory", "staff_scale"}
    if plan.tax_rate:
        used.add("tax_rate")
    if any(o.owned for o in plan.options.values()):
        used |= {"life_years", *(n for n in plan.factors if n.startswith("residual_after_"))}
    return {n: f for n, f in plan.factors.items() if n in used}


def _option_cost(
    plan: Plan, name: str, draws: Draws, lines: Mapping[str, tuple[Flow, ...]],
    by_path: Mapping[str, Mapping[str, float]], present: Mapping[str, float], volume: Volume,
) -> OptionCost:  # fmt: skip
    option, rate = plan.options[name], float(draws["discount_rate"][0])
    today, planned = (_sum_of(lines.get(n, ())) for n in (plan.baseline, name))
    saving, machines = today - planned, _machines(plan, option, draws)
    tokens = cashflow.by_month(cashflow.total_tokens(plan, draws)[0], plan.months)
    returns = bool(saving.any())
    return OptionCost(
        name,
        option.option.label,
        option.option.kind,
        lines[name],
        rate,
        np.append(0.0, tokens),
        cashflow.life_years(draws),
        money.npv(saving, rate),
        money.irr(saving) if returns else None,
        money.payback(saving) if returns else None,
        money.payback(saving, rate) if returns else None,
        _break_even(plan, option, draws, saving, machines, volume, present),
        energy(plan, option, draws),
        {path: cost[name] for path, cost in by_path.items()},
        tuple(map(float, machines.servers[0])) if machines is not None and option.machine else (),
        hybrid_curve(plan, name) if option.base is not None else None,
    )


def _sum_of(lines: Iterable[Flow]) -> Array:
    """Cost by month. [M + 1; one zero of no lines]"""
    return np.asarray(np.sum([f.amounts for f in lines], axis=0))


def _machines(plan: Plan, option: OptionPlan, draws: Draws) -> cashflow.Fleet | None:
    """An option's own machines, as many as a hybrid owns; None where the vendor has them."""
    limit = draws[owned_key(option.name)] if option.base is not None else None
    if limit is not None and limit[0] == BASE_ALONE:
        limit = None
    side = option.base or option
    return cashflow.fleet(side, draws, plan.years, limit) if side.pools else None


# --- the hybrid optimum -----------------------------------------------------------------------


def with_optimum(plan: Plan) -> Plan:
    """The plan with every hybrid owning the number of servers of lowest present cost."""
    factors = dict(plan.factors)
    source = Source(
        source="siting cost model", locator="lowest present cost over whole servers",
        date="undated", kind="estimate",
    )  # fmt: skip
    for name, option in plan.options.items():
        if option.base is not None:
            key, label = owned_key(name), f"Servers owned, {option.option.label}"
            whole = prices.Factor(key, label, Range.exact(0, "servers"), source, shape="fixed")
            choices = owned_choices(plan, option)
            costed = replace(plan, factors={**factors, key: whole})
            cost = totals(costed, costed.central(**{key: choices}), [name])[name].present
            best = float(choices[int(np.argmin(np.round(cost, 6)))])
            factors[key] = replace(whole, value=Range.exact(best, "servers"))
    return replace(plan, factors=factors)


def owned_choices(plan: Plan, option: OptionPlan) -> Array:
    """Servers that a hybrid may own: the two parts alone first, then 1 … all that peaks need."""
    assert option.base is not None
    most = int(cashflow.fleet(option.base, plan.central(), plan.years).serving.max())
    return np.concatenate([[0.0, BASE_ALONE], np.arange(1.0, most + 1)])


STEPS = 60
"""Numbers of servers that a hybrid's curve holds at most, besides none and the best."""


def hybrid_curve(plan: Plan, name: str) -> Hybrid:
    """Present cost and bursting share against the number of servers owned."""
    option = plan.options[name]
    assert option.base is not None and option.burst is not None
    choices = owned_choices(plan, option)
    draws = plan.central(**{owned_key(name): choices})
    cost = totals(plan, draws, [name])[name].present
    share = _burst_share(plan, option, draws)
    best = float(plan.central()[owned_key(name)][0])
    at = int(np.flatnonzero(choices == best)[0])
    end: Literal["", "burst", "base"] = "burst" if best == 0 else "base" if best < 0 else ""
    steps = np.linspace(2, len(choices) - 1, min(len(choices) - 2, STEPS)).round().astype(int)
    order = sorted({0, *steps.tolist(), at} - {1})
    most = int(choices.max())
    return Hybrid(
        most if end == "base" else int(best),
        end,
        tuple((int(choices[i]), float(cost[i]), float(share[i])) for i in order),
        0.0 if end == "base" else float(share[at]),
        float(cost[1]),
    )


def _burst_share(plan: Plan, option: OptionPlan, draws: Draws) -> Array:
    """Share of the horizon's requests that the other side serves. [n]"""
    assert option.base is not None
    own = cashflow.fleet(
        option.base, draws, plan.years, np.maximum(draws[owned_key(option.name)], 0)
    )
    asked, spilled = np.zeros(1), np.zeros(1)
    for pool, share in zip(option.base.pools, own.spilled, strict=True):
        load = cashflow.load_ratio(pool.growth, draws, plan.years) * pool.mean
        asked, spilled = asked + load.sum(axis=1), spilled + (load * share).sum(axis=1)
    return np.asarray(spilled / asked)


# --- break-evens and volume -------------------------------------------------------------------


def rival_of(plan: Plan, name: str, present: Mapping[str, float]) -> str:
    """What break-evens by use are measured against: the baseline, or else the cheapest API."""
    by_use = [n for n, o in plan.options.items() if o.option.kind in BY_REQUEST]
    if plan.baseline in by_use:
        return plan.baseline
    return min((n for n in by_use if n != name), key=present.__getitem__, default="")


def _break_even(
    plan: Plan, option: OptionPlan, draws: Draws, saving: Array, machines: cashflow.Fleet | None,
    volume: Volume, present: Mapping[str, float],
) -> BreakEven:  # fmt: skip
    name = option.name
    rival = rival_of(plan, name, present)
    if option.base is not None and draws[owned_key(name)][0] == 0:
        return BreakEven(rival, "the optimum owns nothing: it is the other option alone")
    rate = float(draws["discount_rate"][0])
    month = None if name == plan.baseline else money.payback(saving, rate)
    if not rival or rival == name:
        why = "it is itself the rival" if rival == name else "no option is billed by use"
        return BreakEven(rival, why, month)
    crossing, above = _crossing(plan, volume, name, rival)
    if machines is None:
        why = "the vendor runs the machines: use of capacity is not the client's matter"
        return BreakEven(rival, why, month, volume=crossing, cheaper_above=above)
    used = float(machines.busy[0].mean())
    at = money.break_even_utilisation(present[name], present[rival] / used if used else math.inf)
    return BreakEven(rival, "", month, at, used, crossing, above)


def _crossing(
    plan: Plan, volume: Volume, name: str, rival: str
) -> tuple[float | None, bool | None]:
    """Volume nearest to the plan at which two options cost the same, and who wins above it."""
    gap = volume.per_million[name] - volume.per_million[rival]
    turns = np.flatnonzero(np.sign(gap[:-1]) * np.sign(gap[1:]) < 0)
    if not len(turns):
        return None, None
    points = [_meeting(plan, volume, name, rival, int(i)) for i in turns]
    nearest = int(np.argmin(np.abs(np.log(points) - math.log(volume.planned))))
    return points[nearest], bool(gap[turns[nearest]] > 0)


def _meeting(plan: Plan, volume: Volume, a: str, b: str, i: int) -> float:
    """Volume between points i and i + 1 of the curves at which two options cost the same.

    Billed again, ever closer: text, chart and tables all quote this one.
    """
    low, high = SCALES[i], SCALES[i + 1]
    for _ in range(2):
        scales = np.linspace(low, high, 33)
        present = _present(plan, plan.central(demand=scales), [a, b])
        gap = np.sign(np.round(present[a] - present[b], 6))
        before = np.flatnonzero(gap != gap[-1])  # level counts as not yet crossed
        turn = min(int(before[-1]) if len(before) else 0, len(scales) - 2)
        low, high = scales[turn], scales[turn + 1]
    return float(volume.planned * (low + high) / 2)


def _present(plan: Plan, draws: Draws, names: Sequence[str]) -> dict[str, Array]:
    """Present cost of options; a hybrid split anew in each draw. [n]"""
    simple = [n for n in names if plan.options[n].base is None]
    present = {n: t.present for n, t in totals(plan, draws, simple).items()} if simple else {}
    mixed = {n: _best_split(plan, plan.options[n], draws) for n in names if n not in simple}
    return present | mixed


SCALES = np.exp(np.linspace(math.log(0.02), math.log(50), 81))
"""Volumes of the curves, over the planned one."""
SHARES = np.linspace(0, 1, 13)
"""Shares of the servers needed that a hybrid may own, in the curves over volume."""


def _volume(plan: Plan) -> Volume:
    """Cost per million tokens of every option against volume; hybrids re-optimised at each."""
    draws = plan.central(demand=SCALES)
    sums = Clock(plan, draws).sums("flat")
    by_year = cashflow.total_tokens(plan, draws)
    tokens = by_year * sums[1]
    mean = (by_year * sums[0]).sum(axis=1) / plan.months / MILLION
    present = _present(plan, draws, list(plan.options))
    per = {n: present[n] / tokens.sum(axis=1) * MILLION for n in plan.options}
    central = plan.central()
    planned = (cashflow.total_tokens(plan, central) * Clock(plan, central).sums("flat")[0]).sum()
    found = Volume(mean, per, (), float(planned) / plan.months / MILLION)
    return replace(found, winners=_winners(plan, found))


def _best_split(plan: Plan, option: OptionPlan, draws: Draws) -> Array:
    """Lowest present cost of a hybrid over the shares that it may own. [n]"""
    assert option.base is not None
    name, need = option.name, cashflow.fleet(option.base, draws, plan.years).serving.max(axis=1)
    owned = [np.full_like(need, BASE_ALONE), *(np.ceil(share * need) for share in SHARES)]
    each = {n: np.tile(x, len(owned)) for n, x in draws.items()}
    each[owned_key(name)] = np.hstack(owned)
    return np.asarray(totals(plan, each, [name])[name].present.reshape(len(owned), -1).min(axis=0))


def _winners(plan: Plan, volume: Volume) -> tuple[Winner, ...]:
    """Ranges of volume by cheapest option; a hybrid wins only where it beats both its parts."""
    per = volume.per_million
    if not per:
        return ()
    order = sorted(per, key=lambda n: plan.options[n].base is not None)
    best = np.argmin(np.array([np.round(per[n], 9) for n in order]), axis=0)
    turns = [int(i) for i in np.flatnonzero(np.diff(best))]
    meet = [_meeting(plan, volume, order[best[i]], order[best[i + 1]], i) for i in turns]
    first = [0, *(i + 1 for i in turns)]
    ranges = zip(first, [0.0, *meet], [*meet, math.inf], strict=True)
    return tuple(Winner(order[int(best[i])], above, below) for i, above, below in ranges)


# --- energy and carbon ------------------------------------------------------------------------


def energy(plan: Plan, option: OptionPlan, draws: Draws) -> Energy:
    """Electricity at the meter and emissions over the horizon, for machines that can be counted."""
    side, machines = option.base or option, _machines(plan, option, draws)
    country, known = side.option.country, prices.power_per_gpu(side.option.gpu)
    if machines is None:
        return Energy(None, None, country, "not estimated, because the vendor publishes no energy "
                      "per token of this model")  # fmt: skip
    if side.machine is not None:
        name, source = f"Power of {side.machine.label}", source_of(side.machine)
        power = Range.exact(float(draws[f"power_kw.{side.name}"][0]), "kW")
        monthly = cashflow.Side(plan, side, draws, machines).kwh()[0]
    elif known is not None:
        name, (power, source) = f"Power of a GPU's share of its server, {side.option.gpu}", known
        idle = draws["idle_share"][0]
        monthly = machines.gpu_hours[0] * power.central * (idle + (1 - idle) * machines.busy[0])
    else:
        return Energy(None, None, country, f"not estimated, because no server with "
                      f"{side.option.gpu} is in facts/servers.csv")  # fmt: skip
    place, grid = prices.pue(side.option), prices.grid_carbon(country)
    months = Clock(plan, draws).sums("flat", "own", option.name)[0][0]
    kwh = float((monthly * months).sum() * place.central)
    ratio = Range(place.low, place.central, place.high, "x")
    inputs = (Input(name=name, value=power, source=source),
              Input(name=f"PUE, {place.place}", value=ratio, source=source_of(place)))  # fmt: skip
    if grid is None:
        why = f"no carbon intensity for {country or 'no country'}"
        return Energy(kwh, None, country, why, inputs)
    intensity = Range.exact(grid.g_per_kwh, "g/kWh")
    carbon = Input(name=f"Grid carbon, {country}", value=intensity, source=source_of(grid))
    return Energy(kwh, kwh * grid.g_per_kwh / G_PER_TONNE, country, "", (*inputs, carbon))
