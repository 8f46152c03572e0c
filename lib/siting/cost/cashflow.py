"""Cash flows of every option: cost items × quantities × prices, for one case or many draws at once.

`costing` finds the prices once; `bill` then turns any number of draws of the uncertain factors into
amounts by year, in one pass of array arithmetic. The central case is a draw like any other, so that
the report and its uncertainty cannot disagree.

Arrays are n × Y: n draws, Y years of the horizon. Money is in the client's currency, nominal, and
costs are positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Literal

import numpy as np

from siting.cost.fleets import (
    fleet_needed,
    load_ratio,
    option_fleet,
    rented_for_peaks,
    total_tokens,
)
from siting.cost.money import MONTHS, Array, annuity, by_year
from siting.cost.priced import (
    RESIDUALS,
    Draws,
    Line,
    Plan,
    PricedHybrid,
    PricedKind,
    PricedOption,
)
from siting.cost.prices import NotPriced
from siting.inputs.scenario import Option
from siting.serving.machines import Fleet

Phase = Literal["serving", "before", ""]
"""Part of time in which an amount is owed. `serving`: once in production; `before`: until then,
what the baseline costs in the meantime; blank: at all times."""
BYTES_PER_GB = 1e9
GPUS_PER_STAFF_UNIT = 8
"""The staffing parameters are stated for eight GPUs."""
CAPITAL = ("hardware", "network")
"""Categories whose one-off payments are written off over the life of a server."""
TESTED_FROM = 0.001
"""Share of a workload's requests that goes to the other side of a mix from which the successor of
its model is tested there. Below one request in a thousand a side that answers badly for a year is
no worse than an outage of nine hours, and a test costs weeks of work: the traffic is sent to the
model untested, or not at all."""
BEFORE = "before_production"
"""Category under which an option carries the baseline's bill until it is in production."""
FORGONE = "forgone"
"""Category of service that nobody gives until an option is in production: counted, not paid."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What a line costs and when it falls due."""

    line: Line
    falls: Literal["running", "start", "end"]
    """By month of a year, at the start of a year, or at the end of the horizon."""
    quantity: Array
    """[n × Y; of one row or column where it is the same in all draws or years]"""
    price: Array
    """[n]"""
    phase: Phase = "serving"

    @property
    def value(self) -> Array:
        """Quantity × price. [n × Y or n × 1; the last column counts for `end`]"""
        return np.asarray(self.quantity * self.price[:, None])

    @property
    def path(self) -> str:
        """How its price moves; what is paid at one time is paid at today's price."""
        return "flat" if self.falls == "start" else self.line.path

    @property
    def is_capital(self) -> bool:
        """Whether it is an investment that is written off, not an expense."""
        return self.falls == "start" and self.line.item.category in CAPITAL


def bill(plan: Plan, name: str, draws: Draws) -> list[Amount]:
    """Amounts of an option, its own only: neither the baseline before production, nor tax."""
    priced = plan.options[name]
    fleet = option_fleet(priced, draws, plan.years)
    if isinstance(priced, PricedHybrid):
        sides = _sides(plan, priced, draws, fleet)
    else:
        sides = {"base": Side(plan=plan, priced=priced, draws=draws, known_fleet=fleet)}
    for kind in priced.kinds:
        existing = fleet.existing[kind.key] if fleet else None
        sides[kind.key] = Side(plan=plan, priced=kind, draws=draws, known_fleet=existing)
    return [sides[line.side].amount(line) for line in priced.lines]


def _sides(
    plan: Plan, hybrid: PricedHybrid, draws: Draws, own_fleet: Fleet | None
) -> dict[str, Side]:
    """The two sides of a hybrid, as `Line.side` calls them."""
    # A vendor is paid for what goes elsewhere, which the fleet of the base tells.
    burst_fleet = own_fleet
    if hybrid.burst.pools and own_fleet is not None:
        burst_fleet = rented_for_peaks(hybrid, draws, plan.years, own_fleet)
    return {
        "base": Side(
            plan=plan, priced=hybrid.base, draws=draws, known_fleet=own_fleet, hybrid=hybrid
        ),
        "burst": Side(
            plan=plan, priced=hybrid.burst, draws=draws, known_fleet=burst_fleet, hybrid=hybrid
        ),
    }


@dataclass(frozen=True, kw_only=True)
class Side:
    """An option with its machines over some draws; of a hybrid, one of its two sides."""

    plan: Plan
    """Of all options."""
    priced: PricedOption
    draws: Draws
    known_fleet: Fleet | None
    """Its machines; None where a vendor has them."""
    hybrid: PricedHybrid | None = None
    """What it is a side of."""

    @property
    def option(self) -> Option:
        """What the scenario says of it."""
        return self.priced.option

    @property
    def fleet(self) -> Fleet:
        """The machines. Raises NotPriced where there are none to count."""
        if self.known_fleet is None:
            raise NotPriced(
                f"{self.priced.name} has no machines that its costs could be counted by"
            )
        return self.known_fleet

    def amount(self, line: Line) -> Amount:
        """What a line costs and when."""
        item = line.item
        unit = np.ones(len(self.draws["growth"]))
        price = reduce(np.multiply, (self.draws[name] for name in line.factors), unit)
        level = np.atleast_2d(self.quantity(line))
        if item.when == "monthly":
            return Amount(line=line, falls="running", quantity=level, price=price)
        if item.when == "yearly":
            return Amount(line=line, falls="running", quantity=level / MONTHS, price=price)
        level = np.broadcast_to(level, (len(level), self.plan.years))
        if item.when == "at_exit":
            last = np.zeros(level.shape)
            last[:, -1] = self._resale(level) if item.driver == "resale_server" else level[:, -1]
            return Amount(line=line, falls="end", quantity=last, price=price)
        new = additions(level) if item.when == "once" else _refreshed(level, life_years(self.draws))
        return self._bought(line, new, price)

    def quantity(self, line: Line) -> Array | float:
        """Quantity of a line's driver. [n × Y, n × 1 or 1]"""
        return QUANTITIES[line.item.driver](self, line)

    def _bought(self, line: Line, new: Array, price: Array) -> Amount:
        """What is bought at the start of each year: what is owned already is not; a lease is paid
        in equal parts."""
        if line.item.driver in ("server", "serving_server", "spare_server"):
            new = new.copy()
            new[:, 0] *= 1 - self._owned_share()
        lease = self.option.lease
        if lease is None or line.item.category not in CAPITAL:
            return Amount(line=line, falls="start", quantity=new, price=price)
        part = annuity(lease.rate, lease.years * MONTHS)
        paid = np.zeros_like(new)
        for y in range(new.shape[1]):
            paid[:, y : y + lease.years] += new[:, y : y + 1] * part
        return Amount(line=line, falls="running", quantity=paid, price=price)

    def _owned_share(self) -> Array | float:
        """Share of the first year's servers that is owned already. [n]"""
        if not self.option.owned_servers and self.priced.name != self.plan.baseline:
            return 0.0
        needed = fleet_needed(self.priced, self.draws, self.plan.years)
        return self.owned_already(needed) / np.maximum(needed.servers[:, 0], 1e-9)

    def owned_already(self, fleet: Fleet) -> Array:
        """Servers that the client owns today: as said, or all that an option in use needs. [n]"""
        first = fleet.servers[:, 0]
        option = self.option
        if option.owned_servers is None:
            is_owned = option.in_use and not option.existing_servers
            return first if is_owned else np.zeros_like(first)
        return np.minimum(float(option.owned_servers), first)

    def could_sell(self) -> Array:
        """Servers owned today, each counted with the share of its price that it fetches, or once
        where the client says what it would fetch. [n × 1]"""
        if isinstance(self.priced, PricedKind):
            existing = self.priced.existing
            first = self.fleet.servers[:, :1]
            if existing.value_each is not None:
                return first
            return np.asarray(first * resale_share(self.draws, existing.age_years)[:, None])
        fetches = resale_share(self.draws, self.option.owned_age_years)
        return (self.owned_already(self.fleet) * fetches)[:, None]

    def _resale(self, level: Array) -> Array:
        """Servers at the end, each counted with the share of its price that it fetches. [n]"""
        if isinstance(self.priced, PricedKind):
            age = self.priced.existing.age_years + self.plan.months / MONTHS
            return np.asarray(level[:, -1] * resale_share(self.draws, age))
        fetched = np.zeros(len(level))
        lease = self.option.lease
        if lease is not None and lease.returned:
            return fetched
        life = life_years(self.draws)
        for y, bought in enumerate(additions(level).T):
            # At the end of the horizon stands what was bought last: whole lives are taken off.
            age = self.plan.months / MONTHS - y
            age -= life * max(0, math.ceil(age / life) - 1)
            fetched += bought * resale_share(self.draws, age)
        return fetched

    def kwh(self) -> Array:
        """Electricity of the servers by month, before cooling. [kWh]

        kW × hours × (idle share + (1 - idle share) × load), the load being the used share.
        """
        idle = self.draws["idle_share"][:, None]
        hours = self.draws["hours_per_month"][:, None]
        kw = self.draws[self.priced.power_key][:, None]
        drawn = idle + (1 - idle) * self.fleet.busy
        return np.asarray(self.fleet.servers * kw * drawn * hours)

    def kw_provisioned(self) -> Array:
        """Power that the room keeps for the servers. [kW]"""
        assert self.priced.machine is not None
        return self.fleet.servers * self.priced.machine.provisioned_kw

    def requests(self, workload: str) -> Array:
        """Requests of a workload by month that this side serves. [n × Y]"""
        load = self.plan.loads[workload]
        ratio = load_ratio(load.growth, self.draws, self.plan.years)
        asked = ratio * load.mean_rate * 3600 * self.draws["hours_per_month"][:, None]
        if bought := self.option.provisioned:
            asked = asked * (1 - np.minimum(1, bought.serves / ratio))
        if self.hybrid is not None:
            asked = asked * self._away_share_of(workload, self.hybrid)
        return np.asarray(asked)

    def _away_share_of(self, workload: str, hybrid: PricedHybrid) -> Array:
        """Share of a workload's requests that the other side of a mix serves: that of the pool that
        it shares. [n × Y]"""
        by_pool = zip(hybrid.base.pools, self.fleet.away_share, strict=True)
        return next(away for each, away in by_pool if each.serves(workload))

    def away_share(self) -> Array:
        """Share of the workloads' requests that the other side of a mix serves, workloads counting
        alike; all where there is no mix. [n × Y or 1 × 1]"""
        if self.hybrid is None:
            return np.ones((1, 1))
        return self._over_workloads(self.fleet.away_share, self.hybrid)

    def _tested_share(self) -> Array:
        """Share of the workloads of which the other side of a mix serves enough for a test; all
        where there is no mix. [n × Y or 1 × 1]"""
        if self.hybrid is None:
            return np.ones((1, 1))
        is_tested = np.where(self.fleet.away_share > TESTED_FROM, 1.0, 0.0)
        return self._over_workloads(is_tested, self.hybrid)

    @staticmethod
    def _over_workloads(of_pools: Array, hybrid: PricedHybrid) -> Array:
        """Mean over workloads of what holds for each pool of a hybrid's base. [n × Y]"""
        served = [len(each.pool.loads) for each in hybrid.base.pools]
        return np.asarray(np.average(of_pools, axis=0, weights=served))

    def model_moves(self) -> Array:
        """Tests of successors by year: of a mix, for workloads that the other side serves at all.

        A test is the same work, however little of a workload goes there. [n × Y or 1 × Y]
        """
        return np.array([self.priced.moves], dtype=float) * self._tested_share()

    def provisioned_hours(self) -> Array:
        """Unit-hours of throughput that are paid by month, used or not; of a mix, of as many units
        as what goes to the other side needs. [n × Y or 1 × 1]"""
        bought = self.option.provisioned
        hours = bought.units * bought.hours_per_month if bought else 0.0
        return hours * self.away_share()

    def egress_gb(self) -> Array:
        """Answers sent out by month. [GB]"""
        answers = total_tokens(self.plan, self.draws, answers_only=True) * self.away_share()
        return np.asarray(answers * (self.draws["bytes_per_token"][:, None] / BYTES_PER_GB))

    def unused(self) -> Array:
        """What a minimum commitment costs beyond the bill, by month, on the year's mean price.
        [client's currency, n × Y]"""
        months = np.ones((1, self.plan.months))
        used = np.zeros((1, self.plan.years))
        for line in self.priced.lines:
            if line.item.driver in ("request", "gpu_hour", "provisioned_hour"):
                path = by_year(self.plan.path(line.path, self.draws))
                used = used + self.amount(line).value * path / by_year(months)
        return np.maximum(0.0, self.option.minimum_commitment_per_month - used)

    def fte(self) -> Array:
        """Work of platform team and hands for machines in a month, as a twelfth of their full-time
        equivalents, because a wage is a year's. [FTE-years by month, n × 1 or n × Y]"""
        staff = self.draws[f"fte_platform.{self.priced.name}"][:, None]
        if self.priced.pools:
            hands = self.draws[f"fte_per_8_gpus.{self.priced.name}"][:, None]
            existing = sum((fleet.gpus for fleet in self.fleet.existing.values()), 0.0)
            units = (self.fleet.gpus + existing) / GPUS_PER_STAFF_UNIT
            scale = self.draws["staff_scale"][:, None]
            # Up to eight GPUs hands grow as the GPUs do, from then on more slowly.
            grown = np.where(units > 1, np.maximum(units, 1.0) ** scale, units)
            staff = staff + hands * grown
        return np.asarray(staff / MONTHS)

    def replicas(self) -> Array:
        """Replicas that the client deploys: on rented GPUs those that stand by too, on its own
        servers those that the load asks for."""
        fleet = self.fleet
        return fleet.rented_replicas if self.priced.machine is None else fleet.owned_replicas

    def sites(self) -> float:
        """Places with machines; the other side of a mix is its second one."""
        return 2.0 if self.option.second_site and self.hybrid is None else 1.0


QUANTITIES: Mapping[str, Callable[[Side, Line], Array | float]] = {
    "option": lambda side, line: 1.0,
    "site": lambda side, line: side.sites(),
    "workload": lambda side, line: float(len(side.plan.loads)),
    "user": lambda side, line: side.plan.users,
    "on_call": lambda side, line: float(side.plan.round_the_clock),
    "fte": lambda side, line: side.fte(),
    "model_move": lambda side, line: side.model_moves(),
    "provisioned_hour": lambda side, line: side.provisioned_hours(),
    "request": lambda side, line: side.requests(line.workload),
    "unused_commitment": lambda side, line: side.unused(),
    "gb": lambda side, line: side.egress_gb(),
    "server": lambda side, line: side.fleet.servers,
    "resale_server": lambda side, line: side.fleet.servers,
    "serving_server": lambda side, line: side.fleet.serving,
    "spare_server": lambda side, line: side.fleet.servers - side.fleet.serving,
    "owned_server": lambda side, line: side.could_sell(),
    "replica": lambda side, line: side.replicas(),
    "gpu": lambda side, line: side.fleet.gpus,
    "gpu_hour": lambda side, line: side.fleet.gpu_hours,
    "kw": lambda side, line: side.kw_provisioned(),
    "kwh": lambda side, line: side.kwh(),
}
"""What a cost item can be counted by."""


def additions(level: Array) -> Array:
    """What is bought at the start of each year to reach a level that is never sold down.
    [n × Y]"""
    reached = np.maximum.accumulate(level, axis=1)
    new = reached.copy()
    new[:, 1:] -= reached[:, :-1]
    return new


def life_years(draws: Draws) -> int:
    """Whole years after which a server is replaced; the same in all draws."""
    return round(float(draws["life_years"][0]))


def _refreshed(level: Array, life: int) -> Array:
    """Servers replaced at the start of each year, `life` years after they were bought."""
    bought = additions(level)
    out = np.zeros_like(bought)
    for y in range(life, bought.shape[1]):
        out[:, y] = bought[:, y - life] + out[:, y - life]
    return out


def resale_share(draws: Draws, age: float) -> Array:
    """Share of its price that a server of an age fetches, over the draw's `residual_scale`, which
    multiplies it; together never more than the price. [n]"""
    curve = [1.0, *(float(draws[name][0]) for name in RESIDUALS), 0.0]
    share = float(np.interp(age, range(len(curve)), curve))
    return np.asarray(np.minimum(share, 1 / np.maximum(draws["residual_scale"], 1e-9)))
