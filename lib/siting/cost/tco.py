"""Total cost of ownership of every option for the same service: what a finance department asks for.

`assess` compiles the prices (`costing`), sums up the central case (`ledger`), and derives net
present value against the baseline, internal rate, paybacks, levelised cost, three break-evens, the
hybrid optimum, energy and carbon.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from siting import catalogue
from siting.catalogue import Input, source_of
from siting.cost import cashflow, ledger, money, prices
from siting.cost.costing import compile_plan
from siting.cost.ledger import FORGONE, CashFlow, Clock, depreciation, totals
from siting.cost.money import MILLION, MONTHS, Array
from siting.cost.priced import (
    OF_SERVERS,
    SHARED,
    Draws,
    Owned,
    Plan,
    PricedHybrid,
    PricedOption,
    PricedSplit,
    Split,
    machines_key,
    owned_key,
)
from siting.cost.prices import Factor
from siting.inputs.scenario import Scenario
from siting.places import BY_REQUEST
from siting.quantity import DAYS_OF_PLAN_YEAR, NotEstimated, Range
from siting.serving.capacity import OptionCapacity
from siting.serving.machines import Fleet
from siting.serving.servers import Server, whole_up

G_PER_TONNE = 1e6


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
    """Servers that are bought, or were, by year; empty where none is bought. [servers]"""
    hybrid: Split | None
    """How many servers a mix owns, and what others would cost."""

    @property
    def total(self) -> float:
        """Plain sum of the costs."""
        return float(self.monthly.sum())


def _option_cost(plan: Plan, name: str, comparison: _Compared) -> OptionCost:
    """What an option of a plan costs."""
    option = plan.options[name]
    draws = plan.central()
    rate = float(draws["discount_rate"][0])
    life = cashflow.life_years(draws)
    fleet = cashflow.option_fleet(option, draws, plan.years)
    own = comparison.flows[name]
    monthly = _sum_of(own)
    paid = _sum_of(f for f in own if f.category != FORGONE)
    saving = _sum_of(comparison.flows.get(plan.baseline, ())) - monthly
    return OptionCost(
        name=name,
        label=option.option.label,
        kind=option.option.kind,
        flows=own,
        life=life,
        monthly=monthly,
        present=money.npv(monthly, rate),
        lcot=money.levelised_cost(monthly, comparison.tokens, rate),
        paid=paid,
        npv=money.npv(saving, rate),
        irr=money.irr(saving),
        payback_simple=money.payback(saving) if saving.any() else None,
        payback_discounted=money.payback(saving, rate) if saving.any() else None,
        break_even=_break_even(plan, option, saving, fleet, comparison),
        energy=_energy(plan, option, fleet),
        servers=_servers(option, draws, plan.years),
        hybrid=option.split if isinstance(option, PricedHybrid) else None,
    )


def _servers(option: PricedOption, draws: Draws, years: int) -> tuple[float, ...]:
    """Servers that are bought, or were, by year; empty where none is."""
    own = (cashflow.option_fleet(side, draws, years) for side in option.sides if side.machine)
    counts = [fleet.servers[0] for fleet in own if fleet]
    return tuple(map(float, np.sum(counts, axis=0))) if counts else ()


def booked(flows: Iterable[CashFlow], life: int, months: int) -> Array:
    """Cost by month as it is booked: investments over their life, what is left at the end.
    [M + 1]"""
    paid = [flow for flow in flows if flow.category != FORGONE]
    expense = [flow.amounts for flow in paid if not flow.capital]
    return np.asarray(np.sum(expense, axis=0) + depreciation(paid, life, months))


@dataclass(frozen=True, kw_only=True)
class _Compared:
    """What all options are held against."""

    flows: Mapping[str, tuple[CashFlow, ...]]
    """By option, central case."""
    present: Mapping[str, float]
    """Present cost by option."""
    tokens: Array
    """Served by month. [M + 1]"""
    volume: Volume


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
    monthly = money.by_month(cashflow.total_tokens(plan, draws), plan.months)[0]
    compared = _Compared(
        flows={name: ledger.flows(plan, name, draws) for name in plan.options},
        present={name: float(t.present[0]) for name, t in totals(plan, draws).items()},
        tokens=np.append(0.0, monthly),
        volume=Volume(plan),
    )
    return Comparison(
        plan=plan,
        options={name: _option_cost(plan, name, compared) for name in plan.options},
        currency=scenario.client.currency,
        rate=scenario.finance.discount_rate.central,
        tokens=compared.tokens,
        volume=compared.volume,
    )


def drawn_factors(plan: Plan) -> set[str]:
    """Factors that some price or quantity depends on, and that a draw may move."""
    by_option = ("months_to_production", "fte_platform", "fte_per_8_gpus", "power_kw",
                 "hidden_work")  # fmt: skip
    sides = [side for option in plan.options.values() for side in option.sides]
    used = {f"{stem}.{side.name}" for stem in by_option for side in sides}
    used.update(*(path.factors for path in plan.api_paths.values()))
    existing = ((side.name, kind) for side in sides for kind in side.existing)
    used.update(f"power_kw.{machines_key(*each)}" for each in existing)
    lines = (line for option in plan.options.values() for line in option.lines)
    used.update(SHARED, ("discount_rate", "hidden_tokens", "tax_rate"))
    return used.union(*(line.factors for line in lines))


def shown_factors(plan: Plan) -> dict[str, Factor]:
    """Factors that a report lists: all that were used, and none that is a result."""
    used = drawn_factors(plan)
    if any(side.machine for option in plan.options.values() for side in option.sides):
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


# --- the hybrid optimum -----------------------------------------------------------------------


def with_optimum(plan: Plan) -> Plan:
    """The plan with every hybrid owning the number of servers of lowest present cost; one that is
    split stays so."""
    mixes = {n: o for n, o in plan.options.items() if isinstance(o, PricedHybrid) and not o.split}
    return replace(plan, options={**plan.options, **{n: _split(plan, o) for n, o in mixes.items()}})


STEPS = 60
"""Numbers of servers that a hybrid's curve holds at most, besides none and the best."""


def _split(plan: Plan, hybrid: PricedHybrid) -> PricedHybrid:
    """A hybrid at its optimum: one of the two parts alone, or 1 … all servers that peaks need, of
    those that its room holds.

    Of equal costs a part alone is taken before a mix, and the other side before own machines.
    """
    most = int(cashflow.fleet_needed(hybrid.base, plan.central(), plan.years).serving.max())
    parts = totals(plan, plan.central(), (hybrid.burst.name, hybrid.base.name))
    none_owned = Owned(
        servers=0, present=float(parts[hybrid.burst.name].present[0]), away_share=1.0
    )
    all_owned = Owned(
        servers=most, present=float(parts[hybrid.base.name].present[0]), away_share=0.0
    )
    holds = _room_holds(hybrid.base)
    mixed = list(_mixes(plan, hybrid, min(most, holds)))
    tried = (none_owned, *([all_owned] if most <= holds else []), *mixed)
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
    )
    return replace(hybrid, split=split)


def _room_holds(base: PricedOption) -> int:
    """Servers that the room of the base of a hybrid holds beside existing ones; no limit where it
    has none."""
    room = base.option.room
    if room is None or base.machine is None:
        return sys.maxsize
    there = sum(kind.stated.number for kind in base.existing)
    holds = [room.servers - there] if room.servers is not None else []
    if room.kw is not None:
        drawn = sum(kind.stated.number * kind.server.power_kw.central for kind in base.existing)
        free = room.kw / (room.pue or 1.0) - drawn
        holds.append(math.floor(free / base.machine.power_kw.central))
    return max(0, min(holds, default=sys.maxsize))


def _mixes(plan: Plan, hybrid: PricedHybrid, most: int) -> Iterator[Owned]:
    """A hybrid that buys 1 … `most` servers, as planned; or none beside existing ones."""
    fewest = 0 if hybrid.existing else 1
    draws = plan.central(**{owned_key(hybrid.name): np.arange(float(fewest), most + 1)})
    costs = totals(plan, draws, [hybrid.name])[hybrid.name].present.tolist()
    away, asked = _requests(plan, hybrid, draws)
    shares = (away.sum(axis=1) / asked.sum(axis=1)).tolist()
    for servers, (cost, share) in enumerate(zip(costs, shares, strict=True), start=fewest):
        yield Owned(servers=servers, present=cost, away_share=share)


def _requests(plan: Plan, hybrid: PricedHybrid, draws: Draws) -> tuple[Array, Array]:
    """Requests of each year that go to the other side of a hybrid, and all of them; a year's mean
    rate. draws: with the servers that it owns at most. [n × Y each, requests/s]"""
    fleet = cashflow.option_fleet(hybrid, draws, plan.years)
    assert fleet is not None
    asked = np.array([
        cashflow.load_ratio(pool.growth, draws, plan.years) * pool.mix.mean_rate
        for pool in hybrid.pools
    ])  # fmt: skip
    return (asked * fleet.away_share).sum(axis=0), asked.sum(axis=0)


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
    plan: Plan, option: PricedOption, saving: Array, fleet: Fleet | None, compared: _Compared
) -> BreakEven:
    name = option.name
    present = compared.present
    rival = by_use(plan, name, present)
    if isinstance(option, PricedHybrid) and option.alone == option.burst.name:
        return BreakEven(rival=rival, why="the optimum owns nothing: it is the other option alone")
    rate = float(plan.central()["discount_rate"][0])
    month = None if name == plan.baseline else money.payback(saving, rate)
    if not rival or rival == name:
        why = "it is itself the rival" if rival == name else "no option is billed by use"
        return BreakEven(rival=rival, why=why, month=month)
    crossing, above = compared.volume.crossing(name, rival)
    found = BreakEven(rival=rival, month=month, volume=crossing, cheaper_above=above)
    if fleet is None:
        why = "the vendor runs the machines: use of capacity is not the client's matter"
        if isinstance(option, PricedSplit):
            why = "capacity is used in each of its parts by itself"
        return replace(found, why=why)
    used = float(fleet.busy[0].mean())
    at = money.break_even_utilisation(present[name], present[rival] / used if used else math.inf)
    return replace(found, utilisation=at, used=used)


SCALES = np.exp(np.linspace(math.log(0.02), math.log(50), 81))
"""Volumes of the curves, as a ratio to the planned one: a fiftieth to fifty times."""
SHARES = np.linspace(0, 1, 13)
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
        tokens, worth = _tokens(plan, draws)
        self.plan = plan
        self.planned = float(_tokens(plan, plan.central())[0][0] / plan.months / MILLION)
        """Million tokens a month of the scenario."""
        self.million_tokens = tokens / plan.months / MILLION
        """A month, mean of the horizon. [V]"""
        self.per_million = {
            name: _present(plan, draws, name) / worth * MILLION for name in plan.options
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


def _tokens(plan: Plan, draws: Draws) -> Array:
    """Tokens over the horizon, whichever option serves them; and discounted as money is. [2 × n]"""
    months = Clock(plan, draws).market.whole("flat")
    return np.asarray((cashflow.total_tokens(plan, draws) * months).sum(axis=2))


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
    need = cashflow.fleet_needed(option.base, draws, plan.years).serving.max(axis=1)
    each = {n: np.tile(x, len(SHARES)) for n, x in draws.items()}
    each[owned_key(name)] = whole_up(np.outer(SHARES, need)).ravel()
    mixed = replace(plan, options={**plan.options, name: replace(option, split=None)})
    return totals(mixed, each, [name])[name].present.reshape(len(SHARES), -1)


# --- energy and carbon ------------------------------------------------------------------------


def _energy(plan: Plan, priced: PricedOption, fleet: Fleet | None) -> Energy:
    """Electricity at the meter and emissions over the horizon, for machines that can be counted."""
    base = priced.base if isinstance(priced, PricedHybrid) else priced
    country = base.option.country
    if isinstance(priced, PricedSplit):
        return Energy(country=country, why="not estimated, because it is that of its parts")
    try:
        by_month, power = _drawn_power(plan, base, fleet)
    except NotEstimated as reason:
        return Energy(country=country, why=f"not estimated, because {reason}")
    overhead = _overhead(plan, base)
    clock = Clock(plan, plan.central())
    waiting = clock.market.sums("flat", clock.waiting(priced.name))
    in_production = (clock.market.whole("flat") - waiting)[0, 0]
    kwh = float((by_month * in_production).sum() * overhead.value.central)
    found = Energy(country=country, kwh=kwh, inputs=(power, overhead))
    grid = prices.row("carbon", prices.GridCarbon, country=country)
    if grid is None:
        return replace(found, why=f"no carbon intensity for {country or 'no country'}")
    intensity = Range.exact(grid.g_per_kwh, "g/kWh")
    carbon = Input(name=f"Grid carbon, {country}", value=intensity, source=source_of(grid))
    tonnes = kwh * grid.g_per_kwh / G_PER_TONNE
    return replace(found, tonnes_co2e=tonnes, inputs=(*found.inputs, carbon))


def _drawn_power(plan: Plan, base: PricedOption, fleet: Fleet | None) -> tuple[Array, Input]:
    """What own servers draw in a month of each year, or rented GPUs as their share of a server,
    before cooling [Y, kWh]; and the power of one. Raises NotEstimated where nobody publishes it."""
    if fleet is None:
        raise NotEstimated("the vendor publishes no energy per token of this model")
    draws = plan.central()
    if base.machine is not None:
        side = cashflow.Side(plan=plan, priced=base, draws=draws, known_fleet=fleet)
        power = Range.exact(float(draws[f"power_kw.{base.name}"][0]), "kW")
        name = f"Power of {base.machine.label}"
        kwh = side.kwh() + sum(side.beside(kind).kwh() for kind in base.existing)
        return kwh[0], Input(name=name, value=power, source=source_of(base.machine))
    gpu = catalogue.gpu(base.option.gpu).id if base.option.gpu else ""
    server = prices.row("servers", Server, gpu_id=gpu)
    if server is None:
        raise NotEstimated(f"no server with {gpu} is on file")
    share = server.power_kw.scaled(1 / server.gpu_count, "kW")
    idle = draws["idle_share"][0]
    by_month = fleet.gpu_hours[0] * share.central * (idle + (1 - idle) * fleet.busy[0])
    name = f"Power of a GPU's share of its server, {gpu}"
    return by_month, Input(name=name, value=share, source=source_of(server))


def _overhead(plan: Plan, base: PricedOption) -> Input:
    """What a room takes over its machines, as billed, else as is usual in such a place. [PUE]"""
    place = prices.pue(base.option)
    name = f"PUE, {place.place}"
    billed = plan.factors.get(f"pue_overhead.{base.name}")
    if billed is None:
        return Input(name=name, value=replace(place.range, unit="x"), source=source_of(place))
    ratio = Range.ordered((1 + share for share in billed.value.ends), "x")
    return Input(name=name, value=ratio, source=billed.source)
