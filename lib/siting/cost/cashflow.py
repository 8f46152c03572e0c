"""What an option owes: cost items × quantities × prices, for one case or many draws at once.

`costing` finds the prices once; `bill` then turns any number of draws of the uncertain factors into
amounts by year, in one pass of array arithmetic. The central case is a draw like any other, so that
the report and its uncertainty cannot disagree. `ledger` sums the amounts up over the months.

Arrays are n × Y: n draws, Y years of the horizon. Money is in the client's currency, nominal, and
costs are positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial, reduce
from typing import Literal

import numpy as np

from siting.cost.money import MONTHS, Array, annuity, by_year
from siting.cost.paths import Paths
from siting.cost.priced import (
    RESIDUALS,
    CostItem,
    Draws,
    Line,
    Plan,
    PricedHybrid,
    PricedOption,
    PricedSplit,
    machines_key,
    owned_key,
)
from siting.cost.prices import NotPriced
from siting.draws import at_score
from siting.inputs.scenario import Option
from siting.places import BY_REQUEST
from siting.quantity import Range
from siting.records import frozen
from siting.serving import machines
from siting.serving.load import peaks_by_month
from siting.serving.machines import ExistingKind, Fleet, Renting, Work, of_pools
from siting.serving.pools import Pool

SECONDS_PER_HOUR = 3600
BYTES_PER_GB = 1e9
GPUS_PER_STAFF_UNIT = 8
"""The staffing parameters are stated for eight GPUs."""
CREDITED = ("request", "gpu_hour", "provisioned_hour")
"""Drivers of what counts towards a minimum commitment."""
CAPITAL = ("hardware", "network")
"""Categories whose one-off payments are written off over the life of a server."""
TESTED_FROM = 0.001
"""Share of a workload's requests that goes to the other side of a mix from which the successor of
its model is tested there. Below one request in a thousand a side that answers badly for a year is
no worse than an outage of nine hours, and a test costs weeks of work: the traffic is sent to the
model untested, or not at all."""
LEAST_GROWTH = 0.05
"""Load of a year over that of the year before, at least: where a wide band of growth is drawn at
its far end, the load dwindles and does not turn negative."""


# --- what the load asks -----------------------------------------------------------------------


def load_ratio(steps: Sequence[Range], draws: Draws, years: int) -> Array:
    """Load of each year over the plan for the first one, growing at the draw's quantile. [n × Y]"""
    growth = draws["growth"]
    bands = [steps[min(y, len(steps)) - 1] for y in range(1, years)]
    # Most loads grow by the same band every year.
    grown = {b: np.maximum(1 + at_score(b, growth), LEAST_GROWTH) for b in dict.fromkeys(bands)}
    ratio = np.stack([np.ones_like(growth), *(grown[band] for band in bands)], axis=1)
    return draws["demand"][:, None] * np.cumprod(ratio, axis=1)


def total_tokens(plan: Plan, draws: Draws, answers_only: bool = False) -> Array:
    """Tokens by month, whichever option serves them. [n × Y]"""
    total = np.zeros((len(draws["growth"]), plan.years))
    for load in plan.loads.values():
        each = load.lengths.output.mean + (0 if answers_only else load.lengths.input.mean)
        asked = load_ratio(load.growth, draws, plan.years) * draws["hours_per_month"][:, None]
        total += asked * (load.mean_rate * SECONDS_PER_HOUR * each)
    return total


def work(priced: PricedOption, draws: Draws, years: int) -> Work:
    """What the load asks of the machines of an option. [pools × n × Y]"""
    pools = priced.pools
    hidden = draws.get(f"hidden_work.{priced.name}", np.ones(1))
    rate = of_pools(pools, lambda pool: pool.rate_per_replica.central)[..., 0]
    growth = np.array([load_ratio(pool.growth, draws, years) for pool in pools])
    per_request = (hidden / (rate * draws["throughput"]))[..., None] * growth
    return Work(
        pools=pools,
        per_request=per_request,
        peak=per_request * of_pools(pools, lambda pool: pool.mix.peak_rate),
        mean=per_request * of_pools(pools, lambda pool: pool.mix.mean_rate),
    )


# --- machines ---------------------------------------------------------------------------------


def option_fleet(priced: PricedOption, draws: Draws, years: int) -> Fleet | None:
    """An option's own machines, of a hybrid as many as it owns; None where the vendor has them."""
    if not isinstance(priced, PricedHybrid):
        return fleet_needed(priced, draws, years) if priced.pools else None
    most = draws.get(owned_key(priced.name))
    if most is None and priced.split is not None and priced.split.alone != "base":
        most = np.full(1, float(priced.split.servers))
    if most is None:
        return fleet_needed(priced.base, draws, years)
    assert priced.machine is not None
    asked = work(priced.base, draws, years)
    return machines.owned_in_part(asked, priced.machine, most, priced.existing)


def fleet_needed(priced: PricedOption, draws: Draws, years: int) -> Fleet:
    """Machines that an option needs for all of its load, with what stands by."""
    asked = work(priced, draws, years)
    if priced.machine is None:
        return machines.rented(asked, _renting(priced, draws))
    site = priced.option.second_site
    return machines.owned(asked, priced.machine, site, priced.existing)


def _renting(priced: PricedOption, draws: Draws) -> Renting:
    """A month of rented GPUs."""
    return Renting(
        hours=draws["hours_per_month"][:, None],
        idle=draws["scale_down"][:, None],
        option=priced.option,
    )


# --- amounts ----------------------------------------------------------------------------------


@frozen
class Falls:
    """How an amount falls on the months: what falls alike is summed up together."""

    when: Literal["running", "start", "end"]
    """By month of a year, at the start of a year, or at the end of the horizon."""
    path: str
    """How its price moves; what is paid at one time is paid at today's price."""
    months: tuple[float, ...] = ()
    """Quantity of each month of a plan's year over that of a mean one; empty where they are alike.
    [12]"""
    is_capital: bool = False
    """Whether it is an investment that is written off, not an expense."""
    before: bool = False
    """Owed until another option is in production, whose baseline this is; else: once in
    production."""


@frozen
class Amount:
    """What a line costs and when it falls due."""

    line: Line
    falls: Falls
    quantity: Array
    """[n × Y; of one row or column where it is the same in all draws or years]"""
    price: Array
    """[n]"""
    credited: Sequence[Amount] | None = None
    """Of a commitment, which is then its quantity: the bills that count towards it."""

    @property
    def value(self) -> Array:
        """Money at today's prices: by month while it runs, else at one time. [n × Y]"""
        return self.quantity * self.price[:, None]


def bill(plan: Plan, name: str, draws: Draws) -> list[Amount]:
    """Amounts of an option, its own only: not the baseline before production."""
    market = plan.market(draws)
    paths = partial(plan.paths, draws=draws, market=market)
    return settled(counted(plan, name, draws), plan.months, paths)


def settled(owed: Sequence[Amount], months: int, paths: Callable[[str], Paths]) -> list[Amount]:
    """Amounts with each commitment as what it costs beyond the bill: a year's against what the year
    uses, a season included, on its mean price. paths: where the path of a line is found."""
    of_year = by_year(np.ones((1, months)))
    found = []
    for amount in owed:
        if amount.credited is not None:
            used = np.zeros_like(of_year)
            for each in amount.credited:
                path, _ = paths(each.line.path).whole(each.line.path)
                used = used + each.value * path / of_year
            short = np.maximum(0.0, amount.quantity - used)
            amount = replace(amount, quantity=short, credited=None)
        found.append(amount)
    return found


def counted(plan: Plan, name: str, draws: Draws) -> list[Amount]:
    """Amounts of an option, whichever way prices move: of commitments the whole."""
    priced = plan.options[name]
    if isinstance(priced, PricedSplit):
        bills = (counted(part.within(plan), part.priced.name, draws) for part in priced.parts)
        return [amount for own_bill in bills for amount in own_bill]
    own = option_fleet(priced, draws, plan.years)
    if not isinstance(priced, PricedHybrid):
        side = Side(plan=plan, priced=priced, draws=draws, known_fleet=own)
        return side.counted(priced.lines)
    assert own is not None
    assert priced.machine is not None
    # A vendor is paid for what goes elsewhere, which the fleet of the base tells.
    burst = own
    if priced.burst.pools:
        asked = work(priced.burst, draws, plan.years)
        held = machines.per_server(priced.base.pools, priced.machine)
        burst = machines.rented_for_peaks(asked, _renting(priced.burst, draws), own, held)
    fleets = ((priced.base, own), (priced.burst, burst))
    base_side, burst_side = (
        Side(plan=plan, priced=part, draws=draws, known_fleet=fleet, mixed=priced.base.pools)
        for part, fleet in fleets
    )
    return [
        *base_side.counted([line for line in priced.lines if not line.for_peaks]),
        *burst_side.counted([line for line in priced.lines if line.for_peaks]),
    ]


@frozen
class Side:
    """An option with its machines over some draws; of a hybrid, one of its two sides."""

    plan: Plan
    """Of all options."""
    priced: PricedOption
    draws: Draws
    known_fleet: Fleet | None
    """Its machines; None where a vendor has them."""
    mixed: Sequence[Pool] = ()
    """Of a side of a mix: pools of its own machines, of whose requests the other side serves
    some."""
    existing: ExistingKind | None = None
    """Existing servers of another kind, where it is these that are billed."""

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

    def beside(self, kind: ExistingKind) -> Side:
        """Its existing servers of another kind."""
        servers = np.broadcast_to(kind.count(self.plan.years), self.fleet.servers.shape)
        fleet = replace(self.fleet, servers=servers, gpus=servers * kind.server.gpu_count)
        return replace(self, existing=kind, known_fleet=fleet)

    def drawn(self, factor: str) -> Array:
        """Values of a factor, for all years alike. [n × 1]"""
        return self.draws[factor][:, None]

    # --- money

    def counted(self, lines: Sequence[Line]) -> list[Amount]:
        """What lines cost and when; of commitments the whole."""
        found = [self.amount(line) for line in lines]
        credited = [a for a in found if a.line.item.driver in CREDITED]
        return [
            replace(a, credited=credited) if a.line.item.driver == "unused_commitment" else a
            for a in found
        ]

    def amount(self, line: Line) -> Amount:
        """What a line costs and when."""
        if line.existing is not None and self.existing is None:
            return self.beside(line.existing).amount(line)
        item = line.item
        unit = np.ones(len(self.draws["growth"]))
        price = reduce(np.multiply, (self.draws[name] for name in line.factors), unit)
        by_use = item.driver == "request"
        level = self.requests(line.workload) if by_use else QUANTITIES[item.driver](self)
        level = np.atleast_2d(level)
        whole = np.broadcast_to(level, (len(level), self.plan.years))
        is_capital = item.category in CAPITAL
        match item.when:
            case "monthly" | "yearly":
                quantity = level if item.when == "monthly" else level / MONTHS
                falls = Falls(when="running", path=line.path, months=self._months(line))
            case "at_exit":
                resold = item.driver == "resale_server"
                quantity = np.zeros(whole.shape)
                quantity[:, -1] = self._resale(whole) if resold else whole[:, -1]
                falls = Falls(when="end", path=line.path)
            case _ if is_capital and (lease := self.option.lease):
                quantity = _in_parts(self._bought(item, whole), lease.years, lease.rate)
                falls = Falls(when="running", path=line.path)
            case _:
                quantity = self._bought(item, whole)
                falls = Falls(when="start", path="flat", is_capital=is_capital)
        return Amount(line=line, falls=falls, quantity=quantity, price=price)

    def _bought(self, item: CostItem, level: Array) -> Array:
        """What is bought at the start of each year, less what is owned already. [n × Y]"""
        again = item.when == "at_refresh"
        new = _refreshed(level, life_years(self.draws)) if again else additions(level)
        if item.driver in ("server", "serving_server", "spare_server"):
            new[:, 0] *= 1 - self._owned_share()
        return new

    def _months(self, line: Line) -> tuple[float, ...]:
        """How what a line counts by use is spread over the months of a year: as requests are.
        Machines that are kept around the clock are paid alike in all."""
        match line.item.driver:
            case "request":
                return self.plan.months_of([line.workload])
            case "gb":
                return self.plan.months_of(self.plan.loads)
            case "gpu_hour" if self.option.commitment == "month":
                peaks = [peaks_by_month(pool.loads) for pool in self.priced.pools]
                return self.plan.from_first(np.mean(peaks, axis=0))
            case "gpu_hour" if not self.option.is_committed:
                names = [load.name for pool in self.priced.pools for load in pool.loads]
                return self.plan.months_of(names)
        return ()

    def _owned_share(self) -> Array | float:
        """Share of the first year's servers that is owned already, and so not bought. [n]"""
        if not self.option.owned_servers and self.priced.name != self.plan.baseline:
            return 0.0
        needed = fleet_needed(self.priced, self.draws, self.plan.years)
        return self._owned_already(needed) / np.maximum(needed.servers[:, 0], 1e-9)

    def _owned_already(self, fleet: Fleet) -> Array:
        """Servers that the client owns today: as said, or all that an option in use needs. [n]"""
        first = fleet.servers[:, 0]
        if self.option.owned_servers is None:
            is_owned = self.option.in_use and not self.option.existing_servers
            return first if is_owned else np.zeros_like(first)
        return np.minimum(float(self.option.owned_servers), first)

    def _resale(self, level: Array) -> Array:
        """Servers at the end, each counted with the share of its price that it fetches. [n]"""
        if self.existing is not None:
            age = self.existing.stated.age_years + self.plan.months / MONTHS
            return level[:, -1] * resale_share(self.draws, age)
        fetched = np.zeros(len(level))
        if self.option.lease is not None and self.option.lease.returned:
            return fetched
        life = life_years(self.draws)
        for y, bought in enumerate(additions(level).T):
            # At the end of the horizon stands what was bought last: whole lives are taken off.
            age = self.plan.months / MONTHS - y
            age -= life * max(0, math.ceil(age / life) - 1)
            fetched += bought * resale_share(self.draws, age)
        return fetched

    # --- quantities

    def could_sell(self) -> Array:
        """Servers owned today, each counted with the share of its price that it fetches, or once
        where the client says what it would fetch. [n × 1]"""
        if self.existing is not None:
            stated = self.existing.stated
            fetches = resale_share(self.draws, stated.age_years)
            each = np.ones(1) if stated.value_each is not None else fetches
            return stated.number * each[:, None]
        fetches = resale_share(self.draws, self.option.owned_age_years)
        return (self._owned_already(self.fleet) * fetches)[:, None]

    def kwh(self) -> Array:
        """Electricity of the servers by month, before cooling. [kWh]

        kW × hours × (idle share + (1 - idle share) × load), the load being the used share.
        """
        idle = self.drawn("idle_share")
        kw = self.drawn(f"power_kw.{machines_key(self.priced.name, self.existing)}")
        drawn = idle + (1 - idle) * self.fleet.busy
        return self.fleet.servers * kw * drawn * self.drawn("hours_per_month")

    def kw_provisioned(self) -> Array:
        """Power that the room keeps for the servers. [kW]"""
        machine = self.existing.server if self.existing else self.priced.machine
        assert machine is not None
        return self.fleet.servers * machine.provisioned_kw

    def requests(self, workload: str) -> Array:
        """Requests of a workload by month that this side serves. [n × Y]"""
        load = self.plan.loads[workload]
        ratio = load_ratio(load.growth, self.draws, self.plan.years)
        asked = ratio * load.mean_rate * SECONDS_PER_HOUR * self.drawn("hours_per_month")
        if bought := self.option.provisioned:
            asked = asked * (1 - np.minimum(1, bought.serves / ratio))
        for pool, away in zip(self.mixed, self.fleet.away_share if self.mixed else (), strict=True):
            if any(each.name == workload for each in pool.loads):
                asked = asked * away
        return asked

    def away_share(self) -> Array:
        """Share of the workloads' requests that the other side of a mix serves, workloads counting
        alike; all where there is no mix. [n × Y or 1 × 1]"""
        return self._mean(self.fleet.away_share) if self.mixed else np.ones((1, 1))

    def model_moves(self) -> Array:
        """Tests of successors by year: of a mix, for workloads that the other side serves at all.

        A test is the same work, however little of a workload goes there. [n × Y or 1 × Y]
        """
        moves = np.array([self.priced.moves], dtype=float)
        if not self.mixed:
            return moves
        return moves * self._mean(np.where(self.fleet.away_share > TESTED_FROM, 1.0, 0.0))

    def _mean(self, of_pools: Array) -> Array:
        """Mean over workloads of what holds for each pool of a mix. [n × Y]"""
        served = [len(pool.loads) for pool in self.mixed]
        return np.average(of_pools, axis=0, weights=served)

    def provisioned_hours(self) -> Array:
        """Unit-hours of throughput that are paid by month, used or not; of a mix, of as many units
        as what goes to the other side needs. [n × Y or 1 × 1]"""
        bought = self.option.provisioned
        hours = bought.units * bought.hours_per_month if bought else 0.0
        return hours * self.away_share()

    def egress_gb(self) -> Array:
        """Answers sent out by month. [GB]"""
        answers = total_tokens(self.plan, self.draws, answers_only=True) * self.away_share()
        return answers * (self.drawn("bytes_per_token") / BYTES_PER_GB)

    def fte(self) -> Array:
        """Work of platform team and hands for machines in a month, as a twelfth of their full-time
        equivalents, because a wage is a year's. [FTE-years by month, n × 1 or n × Y]"""
        staff = self.drawn(f"fte_platform.{self.priced.name}")
        if self.priced.pools:
            there = sum(self.beside(kind).fleet.gpus for kind in self.priced.existing)
            units = (self.fleet.gpus + there) / GPUS_PER_STAFF_UNIT
            # Up to eight GPUs hands grow as the GPUs do, from then on more slowly.
            slower = np.maximum(units, 1.0) ** self.drawn("staff_scale")
            grown = np.where(units > 1, slower, units)
            staff = staff + self.drawn(f"fte_per_8_gpus.{self.priced.name}") * grown
        return staff / MONTHS

    def users(self) -> float:
        """Users who are told and trained: none where another model serves the tool of today at the
        same vendor."""
        today = self.plan.options.get(self.plan.baseline)
        if isinstance(today, PricedOption):
            is_same = self.option.vendor == today.option.vendor != ""
            if is_same and {self.option.kind, today.option.kind} <= set(BY_REQUEST):
                return 0.0
        return sum(self.plan.users.values())

    def sites(self) -> float:
        """Places with machines; the other side of a mix is its second one."""
        return 2.0 if self.option.second_site and not self.mixed else 1.0


QUANTITIES: Mapping[str, Callable[[Side], Array | float]] = {
    "option": lambda side: 1.0,
    "stock": lambda side: 1.0,
    "site": Side.sites,
    "workload": lambda side: float(len(side.plan.loads)),
    "user": Side.users,
    "on_call": lambda side: float(bool(side.plan.on_call)),
    "fte": Side.fte,
    "model_move": Side.model_moves,
    "provisioned_hour": Side.provisioned_hours,
    "unused_commitment": lambda side: side.option.committed_per_month,
    "gb": Side.egress_gb,
    "server": lambda side: side.fleet.servers,
    "resale_server": lambda side: side.fleet.servers,
    "serving_server": lambda side: side.fleet.serving,
    "spare_server": lambda side: side.fleet.servers - side.fleet.serving,
    "owned_server": Side.could_sell,
    "replica": lambda side: side.fleet.replicas,
    "gpu": lambda side: side.fleet.gpus,
    "gpu_hour": lambda side: side.fleet.gpu_hours,
    "kw": Side.kw_provisioned,
    "kwh": Side.kwh,
}
"""What a cost item can be counted by, beside the requests of a workload."""


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


def _in_parts(bought: Array, years: int, rate: float) -> Array:
    """What is bought at the start of each year as it is paid by month, in equal parts over some
    years at a yearly interest. [n × Y]"""
    part = annuity(rate, years * MONTHS)
    paid = np.zeros_like(bought)
    for y in range(bought.shape[1]):
        paid[:, y : y + years] += bought[:, y : y + 1] * part
    return paid


def resale_share(draws: Draws, age: float) -> Array:
    """Share of its price that a server of an age fetches, over the draw's `residual_scale`, which
    multiplies it; together never more than the price. [n]"""
    curve = [1.0, *(float(draws[name][0]) for name in RESIDUALS), 0.0]
    share = float(np.interp(age, range(len(curve)), curve))
    return np.minimum(share, 1 / np.maximum(draws["residual_scale"], 1e-9))
