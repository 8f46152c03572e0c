"""Total cost of ownership of every option for the same service: what a finance department asks for.

`assess` compiles the prices (`costing`), sums up the central case (`ledger`), and derives net
present value against the baseline, levelised cost, and how much a hybrid owns.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from siting.catalogue import Input
from siting.cost import cashflow, ledger, money
from siting.cost.costing import compile_plan
from siting.cost.ledger import FORGONE, CashFlow, depreciation, totals
from siting.cost.money import MONTHS, Array
from siting.cost.priced import (
    OF_SERVERS,
    SHARED,
    Plan,
    PricedHybrid,
    PricedOption,
    Split,
    machines_key,
    owned_key,
)
from siting.cost.prices import Factor
from siting.inputs.scenario import Scenario
from siting.quantity import DAYS_OF_PLAN_YEAR
from siting.records import frozen
from siting.serving.capacity import OptionCapacity

# --- results ----------------------------------------------------------------------------------


@frozen
class OptionCost:
    """What an option costs, central case, client's currency; before tax unless a rate is set."""

    name: str
    label: str
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
    npv: float | None
    """Present value of what it saves against the baseline; negative: it costs more. None where that
    has no price."""
    servers: tuple[float, ...]
    """Servers that are bought, or were, by year; empty where none is bought. [servers]"""

    def of(self, category: str) -> Array:
        """Its cost of a category by month. [M + 1]"""
        flows = (flow.amounts for flow in self.flows if flow.category == category)
        return sum(flows, np.zeros_like(self.monthly))

    @property
    def total(self) -> float:
        """Plain sum of the costs."""
        return float(self.monthly.sum())


def _option_cost(plan: Plan, name: str, today: Array, tokens: Array) -> OptionCost:
    """What an option of a plan costs. today: cost of the baseline, by month."""
    option = plan.options[name]
    draws = plan.central()
    rate = float(draws["discount_rate"][0])
    own = ledger.flows(plan, name, draws)
    monthly = _sum_of(own)
    bought = (side for side in option.sides if side.machine)
    fleets = (cashflow.option_fleet(side, draws, plan.years) for side in bought)
    counts = [fleet.servers[0] for fleet in fleets if fleet]
    return OptionCost(
        name=name,
        label=option.option.label,
        flows=own,
        life=cashflow.life_years(draws),
        monthly=monthly,
        present=money.npv(monthly, rate),
        lcot=money.levelised_cost(monthly, tokens, rate),
        paid=_sum_of(f for f in own if f.category != FORGONE),
        npv=money.npv(today - monthly, rate) if plan.baseline in plan.options else None,
        servers=tuple(map(float, np.sum(counts, axis=0))) if counts else (),
    )


def booked(flows: Iterable[CashFlow], life: int, months: int) -> Array:
    """Cost by month as it is booked: investments over their life, what is left at the end.
    [M + 1]"""
    paid = [flow for flow in flows if flow.category != FORGONE]
    expense = [flow.amounts for flow in paid if not flow.capital]
    return np.asarray(np.sum(expense, axis=0) + depreciation(paid, life, months))


@frozen
class Comparison:
    """The cost chapter's result."""

    plan: Plan
    options: Mapping[str, OptionCost]
    currency: str
    rate: float
    tokens: Array
    """Tokens served by month, by any option. [M + 1]"""

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
        plan = self.plan
        simple_first = sorted(self.options, key=lambda n: isinstance(plan.options[n], PricedHybrid))
        return min(simple_first, key=lambda n: round(self.options[n].present, 6), default="")


def assess(scenario: Scenario, capacity: Mapping[str, OptionCapacity]) -> Comparison:
    """Costs of every option of a scenario.

    capacity: by option. Options that cannot be priced appear in
    `plan.not_estimated` with the reason.
    """
    plan = with_optimum(compile_plan(scenario, capacity))
    draws = plan.central()
    monthly = money.by_month(cashflow.total_tokens(plan, draws), plan.months)[0]
    tokens = np.append(0.0, monthly)
    today = _sum_of(
        ledger.flows(plan, plan.baseline, draws) if plan.baseline in plan.options else ()
    )
    return Comparison(
        plan=plan,
        options={name: _option_cost(plan, name, today, tokens) for name in plan.options},
        currency=scenario.client.currency,
        rate=scenario.finance.discount_rate.central,
        tokens=tokens,
    )


def drawn_factors(plan: Plan) -> set[str]:
    """Factors that some price or quantity depends on, and that a draw may move."""
    by_option = ("months_to_production", "fte_platform", "fte_per_8_gpus", "power_kw",
                 "hidden_work")  # fmt: skip
    sides = [side for option in plan.options.values() for side in option.sides]
    used = {f"{stem}.{side.name}" for stem in by_option for side in sides}
    used.update(*(path.factors for path in plan.api_paths.values()))
    used.update(f"power_kw.{machines_key(s.name, kind)}" for s in sides for kind in s.existing)
    lines = (line for option in plan.options.values() for line in option.lines)
    used.update(SHARED, ("discount_rate", "hidden_tokens", "tax_rate"))
    return used.union(*(line.factors for line in lines))


def shown_factors(plan: Plan) -> dict[str, Factor]:
    """Factors that a report lists: all that were used, and none that is a result."""
    used = drawn_factors(plan)
    if any(side.machine for option in plan.options.values() for side in option.sides):
        used.update(OF_SERVERS)
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


def _split(plan: Plan, hybrid: PricedHybrid) -> PricedHybrid:
    """A hybrid at its optimum: one of the two parts alone, or 1 … all servers that peaks need, of
    those that its room holds; or none beside existing ones.

    Of equal costs a part alone is taken before a mix, and the other side before own machines.
    """
    central = plan.central()
    most = int(cashflow.fleet_needed(hybrid.base, central, plan.years).serving.max())
    holds = _room_holds(hybrid.base)
    parts = totals(plan, central, (hybrid.burst.name, hybrid.base.name))
    counts = np.arange(0.0 if hybrid.existing else 1.0, min(most, holds) + 1.0)
    mixed: list[float] = []
    if counts.size:  # none where the room holds no server
        draws = plan.central(**{owned_key(hybrid.name): counts})
        mixed = totals(plan, draws, [hybrid.name])[hybrid.name].present.tolist()
    costs = [
        float(parts[hybrid.burst.name].present[0]),
        float(parts[hybrid.base.name].present[0]) if most <= holds else math.inf,
        *mixed,
    ]
    tried = [Split(servers=0, alone="burst"), Split(servers=most, alone="base")]
    tried += [Split(servers=int(count), alone="") for count in counts]
    return replace(hybrid, split=tried[int(np.argmin(np.round(costs, 6)))])


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
