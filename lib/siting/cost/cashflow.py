"""Cash flows of every option: cost items × quantities × prices, for one case or many draws at once.

A cost item is a row of facts/cost_items.csv: what it is multiplied by (`driver`), when it falls
due, and for which kinds of option. `compile_plan` finds the prices once; `bill` then turns any
number of draws of the uncertain factors into amounts by year, in one pass of array arithmetic. The
central case is a draw like any other, so that the report and its uncertainty cannot disagree.

Arrays are n × Y: n draws, Y years of the horizon. Money is in the client's currency, nominal, and
costs are positive.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.catalogue import Fact
from siting.cost.prices import Factor, NotPriced
from siting.inputs.scenario import OWNED, Option
from siting.quantity import Z90, Range
from siting.serving.capacity import Pool
from siting.serving.load import Load
from siting.serving.servers import Server

Array = npt.NDArray[np.float64]
Draws = Mapping[str, Array]
"""Values of the factors by name, one for each draw; `growth` holds standard normal values."""

When = Literal["once", "monthly", "yearly", "at_refresh", "at_exit"]
BYTES_PER_GB = 1e9
GPUS_PER_STAFF_UNIT = 8
"""The staffing parameters are stated for eight GPUs."""
RENTED = ("rented_gpus", "sovereign_cloud")
BY_REQUEST = ("api", "managed_cloud", "open_api")
MONTHS = 12
CAPITAL = ("hardware", "network")
"""Categories whose one-off payments are written off over the life of a server."""
BEFORE = "before_production"
"""Item under which an option carries the baseline's bill until it is in production."""


class CostItem(Fact):
    """One kind of cost. Its amount is quantity(driver) × value × the prices it is multiplied by."""

    id: str
    label: str
    category: str
    driver: str
    when: When
    options: str = ""
    """Option kinds, separated by spaces; blank: none by itself (a remedy that a chapter names)."""
    countries: str = ""
    multiply_by: str = ""
    """Looked-up prices, separated by spaces."""
    path: Literal["flat", "api", "rental", "inflation"]
    """How the price moves over the horizon."""
    low: float
    central: float
    high: float
    unit: str
    currency: str = ""
    valid_from: str


def cost_items(kind: str, country: str, day: str) -> list[CostItem]:
    """Items of an option kind on a day (ISO), one for each id, `when` and driver.

    A row that names the country beats one for all; of equal rows the latest valid one is taken,
    so that a new price is a new row and the old one stays.
    """
    best: dict[tuple[str, str, str], CostItem] = {}
    for item in catalogue.table("cost_items", CostItem):
        if kind not in item.options.split() or item.valid_from > day:
            continue
        if item.countries and country not in item.countries.split():
            continue
        key = (item.id, item.when, item.driver)
        old = best.get(key)
        rank = (bool(item.countries), item.valid_from)
        if old is None or rank >= (bool(old.countries), old.valid_from):
            best[key] = item
    return list(best.values())


# --- compiled options -------------------------------------------------------------------------


@dataclass(frozen=True)
class Line:
    """A cost item of one option: which factors multiply which quantity."""

    item: CostItem
    factors: tuple[str, ...]
    """Names of the factors whose product is the unit price."""
    workload: str = ""
    """For API usage: the workload that is billed."""
    side: Literal["own", "burst"] = "own"
    """Hybrid: the base's machines, or the option that takes the rest."""
    path: str = "flat"
    """`flat`, `api`, `inflation` or `rental:<months between two prices>`."""

    @property
    def key(self) -> str:
        """Item and workload: unique inside an option and side."""
        return f"{self.item.id}:{self.workload}" if self.workload else self.item.id


DEPRECIATION = Line(
    CostItem(
        id="tax", label="Tax saved", category="tax", driver="option", when="monthly", path="flat",
        low=1, central=1, high=1, unit="allowed cost", valid_from="2020-01-01", date="undated",
        source="siting cost model", locator="straight line over the life of a server",
    ),
    (),
)  # fmt: skip
"""Line of what is written off each month of investments: no payment, but it saves tax."""


@dataclass(frozen=True)
class PoolLoad:
    """A pool of replicas as the cost model needs it: load in requests/s, speed of a replica."""

    gpus: int
    rate: float
    """Requests a second of one replica within the limits, central."""
    peak: float
    """What must be carried at once in the first year, deadlines included. [requests/s]"""
    spares: int
    growth: tuple[Range, ...]
    """From year to year; the last one holds on."""
    curve: Array
    """Interactive load of the first year at even quantiles, lowest first. [requests/s]"""
    batch_share: float
    mean: float
    """Mean load of the first year, waiting work included. [requests/s]"""

    @classmethod
    def of(cls, pool: Pool) -> PoolLoad:
        """From the capacity chapter's pool."""
        hours = pool.hours_of_year(waiting=False)[::-1]
        middles = (np.arange(CURVE_POINTS) + 0.5) / CURVE_POINTS * len(hours)
        return cls(
            pool.gpus_per_replica,
            pool.rate_per_replica.central,
            pool.peak_rate,
            pool.spares,
            pool.growth,
            np.asarray(hours[middles.astype(int)]),
            pool.batchable_share,
            pool.mean_rate,
        )


CURVE_POINTS = 624
"""Points of the load duration curve: one for each 14 hours of a year of 52 weeks."""


@dataclass(frozen=True)
class Fleet:
    """Machines of an option by draw and year. [n × Y]"""

    servers: Array
    serving: Array
    replicas: Array
    gpus: Array
    gpu_hours: Array
    """Paid by month; zero for owned machines."""
    busy: Array
    """Share of the machines' capacity that is used, on average."""
    spilled: tuple[Array, ...]
    """Share of each pool's requests that goes elsewhere."""

    @property
    def spare(self) -> Array:
        return self.servers - self.serving


@dataclass(frozen=True)
class OptionPlan:
    """An option with its prices found, ready to be billed."""

    name: str
    option: Option
    lines: tuple[Line, ...]
    pools: tuple[PoolLoad, ...]
    pool_of: Mapping[str, int]
    """Workload to its pool."""
    machine: Server | None = None
    burst: OptionPlan | None = None
    base: OptionPlan | None = None

    @property
    def owned(self) -> bool:
        return self.option.kind in OWNED

    @property
    def per_server(self) -> list[float]:
        """Replicas of each pool that one server holds; below one where a replica spans servers."""
        assert self.machine is not None
        count = self.machine.gpu_count
        return [
            count // p.gpus if count >= p.gpus else 1 / math.ceil(p.gpus / count)
            for p in self.pools
        ]


@dataclass(frozen=True)
class Plan:
    """All options of a scenario that could be priced, and why the others could not."""

    options: Mapping[str, OptionPlan]
    not_estimated: Mapping[str, str]
    factors: Mapping[str, Factor]
    loads: Mapping[str, Load]
    baseline: str
    months: int
    users: float
    tax_rate: float
    round_the_clock: bool = False
    """Whether some workload may stop for less than nine hours a year."""
    notes: tuple[str, ...] = ()

    @property
    def years(self) -> int:
        return math.ceil(self.months / MONTHS)

    def central(self, **changes: float | Array) -> dict[str, Array]:
        """The central draw; `changes` overrides factors, with one value or one for each draw."""
        size = max((np.size(v) for v in changes.values()), default=1)
        values = {n: np.full(size, f.value.central) for n, f in self.factors.items()}
        values["growth"] = np.zeros(size)
        for name, value in changes.items():
            values[name] = np.broadcast_to(np.asarray(value, float), (size,))
        return values

    def with_option(self, plan: OptionPlan) -> Plan:
        """The same plan with one option replaced."""
        return replace(self, options={**self.options, plan.name: plan})


# --- quantities -------------------------------------------------------------------------------


def growth_factor(steps: Sequence[Range], growth: Array, years: int) -> Array:
    """Load of each year over the first year's, each step at the draw's quantile. [n × Y]"""
    factor = np.ones((len(growth), years))
    for year in range(1, years):
        band = steps[min(year, len(steps)) - 1]
        up, down = (band.high - band.central) / Z90, (band.central - band.low) / Z90
        g = band.central + np.where(growth >= 0, growth * up, growth * down)
        factor[:, year] = factor[:, year - 1] * np.maximum(1 + g, 0.05)
    return factor


def load_ratio(steps: Sequence[Range], draws: Draws, years: int) -> Array:
    """Load of each year over the plan for the first year. [n × Y]"""
    return np.asarray(draws["demand"][:, None] * growth_factor(steps, draws["growth"], years))


def fleet(plan: OptionPlan, draws: Draws, years: int, limit: Array | None = None) -> Fleet:
    """Machines that an option needs; `limit` [n]: own servers at most, the rest of the load spills.

    Owned servers come whole and are kept; with redundancy, so many more servers (or as many again)
    stand by, because a server fails as a whole. A hybrid needs no spare: the other side is it.
    """
    need = [_per_rate(plan, p, draws) * load_ratio(p.growth, draws, years) for p in plan.pools]
    serving = [
        np.maximum(1.0, np.ceil(x * p.peak - 1e-9)) for x, p in zip(need, plan.pools, strict=True)
    ]
    if plan.machine is None:
        return _rented(plan, need, serving, draws)
    per = plan.per_server
    exact = sum(s / n for s, n in zip(serving, per, strict=True))
    servers = np.maximum.accumulate(np.ceil(np.asarray(exact) - 1e-9), axis=1)
    spares = [p.spares for p in plan.pools]
    spare = servers if min(spares, default=0) < 0 else float(max(spares, default=0))
    if limit is not None:
        servers, spare = np.minimum(servers, limit[:, None]), np.zeros_like(servers)
    total = servers + spare
    capacity = [
        _capacity(servers, s / n / np.asarray(exact), n) for s, n in zip(serving, per, strict=True)
    ]
    spilled = tuple(
        _spilled(p, c, x) if limit is not None else np.zeros_like(servers)
        for p, c, x in zip(plan.pools, capacity, need, strict=True)
    )
    used = sum(
        x * p.mean * (1 - w) / n for x, p, w, n in zip(need, plan.pools, spilled, per, strict=True)
    )
    busy = np.divide(used, total, out=np.zeros_like(total), where=total > 0)
    return Fleet(
        total, servers, np.asarray(sum(serving)), total * plan.machine.gpu_count,
        np.zeros_like(total), np.clip(busy, 0, 1), spilled,
    )  # fmt: skip


def _per_rate(plan: OptionPlan, pool: PoolLoad, draws: Draws) -> Array:
    """Replicas for one request a second, its hidden tokens included. [n × 1]"""
    work = draws.get(f"hidden_work.{plan.name}", np.ones(1))
    return np.asarray(work / (pool.rate * draws["throughput"]))[:, None]


def _capacity(servers: Array, weight: Array, per_server: float) -> Array:
    """Replicas of a pool on so many servers: whole where it has them to itself."""
    return np.asarray(np.floor(servers * weight * per_server + 1e-9))


def _spilled(pool: PoolLoad, capacity: Array, need: Array) -> Array:
    """Share of a pool's requests above the own capacity; waiting work fills the valleys."""
    if not pool.curve.any():
        return np.where(capacity > 0, 0.0, 1.0)
    q = np.divide(capacity, need, out=np.full_like(need, np.inf), where=need > 0)
    rising = np.concatenate([[0.0], pool.curve])
    above = np.concatenate([[pool.curve.sum()], _excess(pool.curve)]) / pool.curve.sum()
    interactive = np.interp(q, rising, above)
    return np.where(capacity > 0, interactive * (1 - pool.batch_share), 1.0)


def _excess(curve: Array) -> Array:
    """Sum of what lies above each point of a rising curve."""
    tail = np.cumsum(curve[::-1])[::-1]
    count = np.arange(len(curve), 0, -1)
    return np.asarray(tail - count * curve)


def _rented(plan: OptionPlan, need: list[Array], serving: list[Array], draws: Draws) -> Fleet:
    """Rented machines: committed ones are paid around the clock, others while they are needed."""
    spares = [
        s if p.spares < 0 else np.full_like(s, p.spares)
        for s, p in zip(serving, plan.pools, strict=True)
    ]
    replicas = np.asarray(sum(s + e for s, e in zip(serving, spares, strict=True)))
    gpus = np.asarray(
        sum((s + e) * p.gpus for s, e, p in zip(serving, spares, plan.pools, strict=True))
    )
    month = draws["hours_per_month"][:, None]
    if plan.option.commitment in ("1y", "3y"):
        hours = gpus * month
    else:
        slack = draws["scale_down"][:, None]
        hours = month * np.asarray(
            sum(
                np.minimum(_mean_replicas(p, x, 0) * slack, s) * p.gpus + e * p.gpus
                for p, x, s, e in zip(plan.pools, need, serving, spares, strict=True)
            )
        )
    used = sum(x * p.mean * p.gpus for x, p in zip(need, plan.pools, strict=True)) * month
    busy = np.clip(used / np.maximum(hours, 1e-12), 0, 1)
    none = tuple(np.zeros_like(s) for s in serving)
    return Fleet(np.zeros_like(gpus), np.zeros_like(gpus), replicas, gpus, hours, busy, none)


_GRID = np.exp(np.linspace(math.log(1e-3), math.log(1e5), 260))


def _mean_replicas(pool: PoolLoad, need: Array, own: int) -> Array:
    """Mean over the hours of whole replicas needed beyond `own`; at least one where own is 0."""
    peak = pool.curve[-1]
    if peak == 0:
        return np.full_like(need, 0.0 if own else 1.0)
    whole = np.ceil(np.outer(_GRID, pool.curve / peak) - 1e-9)
    mean = np.maximum(whole - own, 0.0 if own else 1.0).mean(axis=1)
    return np.asarray(np.interp(np.log(np.maximum(need * peak, 1e-9)), np.log(_GRID), mean))


def burst_fleet(plan: OptionPlan, own: Fleet, base: OptionPlan, draws: Draws, years: int) -> Fleet:
    """Machines rented on top of the own ones of a hybrid, hour by hour or committed to the peak."""
    month = draws["hours_per_month"][:, None]
    shape = own.serving.shape
    replicas, hours, gpus, used = (np.zeros(shape) for _ in range(4))
    for p, per in zip(plan.pools, base.per_server, strict=True):
        need = np.broadcast_to(
            _per_rate(plan, p, draws) * load_ratio(p.growth, draws, years), shape
        )
        capacity = np.floor(own.serving * per / len(plan.pools) + 1e-9)
        peak = np.maximum(0.0, np.ceil(need * p.peak - 1e-9) - capacity)
        if plan.option.commitment in ("1y", "3y"):
            mean = peak
        else:
            mean = np.zeros(shape)
            for c in np.unique(capacity):
                at = capacity == c
                mean[at] = np.minimum(
                    _mean_replicas(p, need, int(c))[at] * draws["scale_down"].mean(), peak[at]
                )
        replicas, gpus = replicas + peak, gpus + peak * p.gpus
        hours = hours + mean * p.gpus * month
    spill = np.asarray(sum(own.spilled)) / max(1, len(own.spilled))
    used = spill * sum(p.mean for p in plan.pools)
    return Fleet(
        np.zeros(shape), np.zeros(shape), replicas, gpus, hours, np.clip(used, 0, 1), own.spilled
    )


# --- billing ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Amount:
    """What a line costs: by month of a year [n × Y], at the start of a year, or at the end."""

    line: Line
    when: Literal["running", "start", "end"]
    quantity: Array
    price: Array
    """[n]"""

    @property
    def value(self) -> Array:
        """Quantity × price. [n × Y; the last column counts for `end`]"""
        return np.asarray(self.quantity * self.price[:, None])

    @property
    def path(self) -> str:
        """How its price moves; what is paid at one time is paid at today's price."""
        return "flat" if self.when == "start" else self.line.path

    @property
    def is_capital(self) -> bool:
        """Whether it is an investment that is written off, not an expense."""
        return self.when == "start" and self.line.item.category in CAPITAL


def unit_price(line: Line, draws: Draws) -> Array:
    """Product of a line's factors. [n]"""
    size = len(draws["growth"])
    price = np.ones(size)
    for name in line.factors:
        price = price * draws[name]
    return price


def bill(plan: Plan, name: str, draws: Draws) -> list[Amount]:
    """Amounts of an option, its own only: neither the baseline before production, nor tax."""
    option = plan.options[name]
    if option.base is not None and option.burst is not None:
        return _hybrid_bill(plan, option, draws)
    machines = fleet(option, draws, plan.years) if option.pools else None
    return [_amount(plan, option, line, machines, draws) for line in option.lines]


def _hybrid_bill(plan: Plan, option: OptionPlan, draws: Draws) -> list[Amount]:
    assert option.base and option.burst
    own = fleet(option.base, draws, plan.years, draws[owned_key(option.name)])
    if option.burst.pools:
        rest = burst_fleet(option.burst, own, option.base, draws, plan.years)
    else:
        rest = own
    return [
        _amount(
            plan, option.base if line.side == "own" else option.burst, line,
            own if line.side == "own" else rest, draws, hybrid=option,
        )
        for line in option.lines
    ]  # fmt: skip


def _amount(
    plan: Plan,
    side: OptionPlan,
    line: Line,
    machines: Fleet | None,
    draws: Draws,
    hybrid: OptionPlan | None = None,
) -> Amount:
    shape = (len(draws["growth"]), plan.years)
    level = _level(plan, side, line, machines, draws, shape, hybrid)
    price = unit_price(line, draws)
    match line.item.when:
        case "monthly":
            return Amount(line, "running", level, price)
        case "yearly":
            return Amount(line, "running", level / MONTHS, price)
        case "once":
            return _bought(plan, side, line, additions(level), price, draws)
        case "at_refresh":
            return _bought(plan, side, line, _refreshed(level, life_years(draws)), price, draws)
        case "at_exit":
            if line.item.driver == "resale_server":
                returned = side.option.lease is not None and side.option.lease.returned
                left = np.zeros_like(level) if returned else _resale(plan, level, draws)
                return Amount(line, "end", left, price)
            last = np.zeros_like(level)
            last[:, -1] = level[:, -1]
            return Amount(line, "end", last, price)


def _bought(
    plan: Plan, side: OptionPlan, line: Line, new: Array, price: Array, draws: Draws
) -> Amount:
    """What is bought at the start of each year: what is owned already is not; a lease is paid in
    equal parts."""
    if line.item.driver in ("server", "serving_server", "spare_server"):
        new = new.copy()
        new[:, 0] = np.maximum(0.0, new[:, 0] - _owned_share(plan, side, line, draws) * new[:, 0])
    lease = side.option.lease
    if lease is None or line.item.category not in CAPITAL:
        return Amount(line, "start", new, price)
    parts = lease.years * MONTHS
    rate = (1 + lease.rate) ** (1 / MONTHS) - 1
    part = 1 / parts if rate == 0 else rate / (1 - (1 + rate) ** -parts)
    paid = np.zeros_like(new)
    for y in range(new.shape[1]):
        paid[:, y : y + lease.years] += new[:, y : y + 1] * part
    return Amount(line, "running", paid, price)


def _owned_share(plan: Plan, side: OptionPlan, line: Line, draws: Draws) -> Array:
    """Share of the first year's servers that is owned already. [n]"""
    if not side.option.owned_servers and side.name != plan.baseline:
        return np.zeros(len(draws["growth"]))
    machines = fleet(side, draws, plan.years)
    first = np.maximum(machines.servers[:, 0], 1e-9)
    return np.asarray(np.minimum(1.0, owned_already(plan, side, machines) / first))


def owned_already(plan: Plan, side: OptionPlan, machines: Fleet) -> Array:
    """Servers that the client owns today: as said, or all that an option needs that is in use.
    [n]"""
    count = side.option.owned_servers
    if count is None:
        return machines.servers[:, 0] if side.option.in_use else np.zeros(len(machines.servers))
    return np.minimum(float(count), machines.servers[:, 0])


def additions(level: Array) -> Array:
    """What is bought at the start of each year to reach a level that is never sold down."""
    kept = np.maximum.accumulate(level, axis=1)
    return np.diff(kept, axis=1, prepend=0.0)


def life_years(draws: Draws) -> int:
    """Whole years after which a server is replaced (central; not varied by draw)."""
    return round(float(np.median(draws["life_years"])))


def _refreshed(level: Array, life: int) -> Array:
    """Servers replaced at the start of each year, `life` years after they were bought."""
    bought = additions(level)
    out = np.zeros_like(bought)
    for y in range(life, bought.shape[1]):
        out[:, y] = bought[:, y - life] + out[:, y - life]
    return out


def _resale(plan: Plan, level: Array, draws: Draws) -> Array:
    """Servers at the end, each counted with the share of its price that it still fetches."""
    life, end = life_years(draws), plan.months / MONTHS
    bought = additions(level)
    out = np.zeros_like(bought)
    for y in range(bought.shape[1]):
        age = end - y
        age = age - life * max(0, math.ceil(age / life) - 1)
        out[:, -1] += bought[:, y] * worth_at(draws, age)
    return out


def worth_at(draws: Draws, age: float) -> Array:
    """Share of its price that a server of an age fetches, over the draw's `residual_scale`, which
    multiplies it; together never more than the price. [n]"""
    curve = [1.0] + [float(np.median(draws[f"residual_after_{a}"])) for a in range(1, 6)] + [0.0]
    share = float(np.interp(age, range(len(curve)), curve))
    return np.asarray(np.minimum(share, 1 / np.maximum(draws["residual_scale"], 1e-9)))


def _level(
    plan: Plan,
    side: OptionPlan,
    line: Line,
    machines: Fleet | None,
    draws: Draws,
    shape: tuple[int, int],
    hybrid: OptionPlan | None,
) -> Array:
    """Quantity of a line's driver by year. [n × Y]"""
    name = line.item.driver
    if name == "request":
        return _requests(plan, side, line.workload, machines, draws, hybrid)
    if name == "unused_commitment":
        return _unused(plan, side, machines, draws, hybrid)
    if name == "on_call":
        return np.full(shape, float(plan.round_the_clock))
    fixed = {"option": 1.0, "site": 1.0, "workload": len(plan.loads), "user": plan.users}
    if name in fixed:
        return np.full(shape, float(fixed[name]))
    if name == "fte":
        return _fte(side, machines, draws, shape)
    if machines is None:
        raise NotPriced(f"cost item {line.item.id}: {side.name} has no machines to count by {name}")
    if name == "owned_server":
        shares = np.zeros(shape)
        shares[:, 0] = owned_already(plan, side, machines) * worth_at(
            draws, side.option.owned_age_years
        )
        return np.maximum.accumulate(shares, axis=1)
    simple = {
        "server": machines.servers,
        "resale_server": machines.servers,
        "serving_server": machines.serving,
        "spare_server": machines.spare,
        "replica": machines.replicas,
        "gpu": machines.gpus,
        "gpu_hour": machines.gpu_hours,
    }
    if name in simple:
        return simple[name]
    if name == "kw":
        assert side.machine is not None
        return machines.servers * side.machine.provisioned_kw
    if name == "kwh":
        return server_kwh(side, machines, draws)
    if name == "gb":
        return _egress_gb(plan, machines, draws, shape, hybrid)
    raise NotPriced(
        f"facts/cost_items.csv, {line.item.id}: driver {name!r} is not known; write one of "
        + ", ".join(sorted([*simple, *fixed, "fte", "kw", "kwh", "gb", "request"]))
    )


def server_kwh(side: OptionPlan, machines: Fleet, draws: Draws) -> Array:
    """Electricity of the servers by month, before cooling. [kWh]

    kW × hours × (idle share + (1 - idle share) × load), the load being the used share.
    """
    idle = draws["idle_share"][:, None]
    drawn = idle + (1 - idle) * machines.busy
    kw = draws[f"power_kw.{side.name}"][:, None]
    return np.asarray(machines.servers * kw * drawn * draws["hours_per_month"][:, None])


def _requests(
    plan: Plan,
    side: OptionPlan,
    workload: str,
    machines: Fleet | None,
    draws: Draws,
    hybrid: OptionPlan | None,
) -> Array:
    """Requests of a workload by month that this side serves."""
    load = plan.loads[workload]
    monthly = load.mean_rate * 3600
    asked = load_ratio(load.growth, draws, plan.years) * monthly * draws["hours_per_month"][:, None]
    if hybrid is not None and machines is not None and hybrid.base is not None:
        asked = asked * machines.spilled[hybrid.base.pool_of[workload]]
    return np.asarray(asked)


def _unused(
    plan: Plan, side: OptionPlan, machines: Fleet | None, draws: Draws, hybrid: OptionPlan | None
) -> Array:
    """What a minimum commitment costs beyond the bill, by month, on the year's mean price."""
    used: Array = np.zeros((len(draws["growth"]), plan.years))
    for line in side.lines:
        if line.item.driver in ("request", "gpu_hour"):
            amount = _amount(plan, side, line, machines, draws, hybrid)
            used = used + amount.value * mean_path(plan, line.path, draws)
    return np.maximum(0.0, side.option.minimum_commitment_per_month - used)


def _fte(side: OptionPlan, machines: Fleet | None, draws: Draws, shape: tuple[int, int]) -> Array:
    """Full-time equivalents: a platform team, and hands for the machines; over 12 for a month."""
    staff = np.broadcast_to(draws[f"fte_platform.{side.name}"][:, None], shape)
    if machines is not None and side.pools:
        each = draws[f"fte_per_8_gpus.{side.name}"][:, None]
        units = machines.gpus / GPUS_PER_STAFF_UNIT
        scale = draws["staff_scale"][:, None]
        staff = staff + each * np.where(units > 1, np.maximum(units, 1.0) ** scale, units)
    return np.asarray(staff / MONTHS)


def _egress_gb(
    plan: Plan, machines: Fleet, draws: Draws, shape: tuple[int, int], hybrid: OptionPlan | None
) -> Array:
    """Answers sent out by month. [GB]"""
    total: Array = np.zeros(shape)
    for load in plan.loads.values():
        seconds = draws["hours_per_month"][:, None] * 3600
        tokens = load.mean_rate * seconds * load.lengths.output_mean
        total = total + tokens * load_ratio(load.growth, draws, plan.years)
    share = np.asarray(sum(machines.spilled)) / len(machines.spilled) if hybrid else 1.0
    return np.asarray(total * share * draws["bytes_per_token"][:, None] / BYTES_PER_GB)


# --- price paths over the months --------------------------------------------------------------


def path_factor(path: str, draws: Draws, months: int) -> Array:
    """Price of month 1 … M over today's. [n × M]"""
    elapsed = np.arange(months, dtype=float)
    name, _, step = path.partition(":")
    if name == "flat":
        return np.ones((len(draws["growth"]), months))
    if step:
        elapsed = np.floor(elapsed / int(step)) * int(step)
        memory = draws["rental_memory"][:, None]
        years = memory * (1 - np.exp(-elapsed / MONTHS / memory))
        return np.asarray((1 + draws["rental_drift"])[:, None] ** years)
    yearly = {"api": 1 - draws["api_decline"], "inflation": 1 + draws["inflation"]}[name]
    return powers(yearly ** (1 / MONTHS), months)


def powers(base: Array, count: int) -> Array:
    """base^0 … base^(count - 1), by repeated multiplication. [n × count]"""
    out = np.empty((len(base), count))
    out[:, 0] = 1.0
    out[:, 1:] = base[:, None]
    return np.cumprod(out, axis=1, out=out)


def mean_path(plan: Plan, path: str, draws: Draws) -> Array:
    """Mean of a price path over the months of each year. [n × Y]"""
    return by_year(path_factor(path, draws, plan.months), plan.years, np.mean)


def by_year(monthly: Array, years: int, how: Literal["sum"] | object = np.sum) -> Array:
    """Sum (or mean) over the months of each year; the last year may be short. [n × Y]"""
    starts = np.arange(0, monthly.shape[1], MONTHS)
    sums = np.add.reduceat(monthly, starts, axis=1)
    if how is np.mean:
        return np.asarray(sums / np.diff(np.append(starts, monthly.shape[1])))
    return np.asarray(sums)


# --- totals -----------------------------------------------------------------------------------


def total_tokens(plan: Plan, draws: Draws) -> Array:
    """Tokens served by month, input and output, whichever option serves them. [n × Y]"""
    shape = (len(draws["growth"]), plan.years)
    total: Array = np.zeros(shape)
    for load in plan.loads.values():
        each = load.lengths.input_mean + load.lengths.output_mean
        monthly = load.mean_rate * 3600 * each
        asked = load_ratio(load.growth, draws, plan.years) * draws["hours_per_month"][:, None]
        total = total + asked * monthly
    return total


def drivers(factors: Sequence[Factor]) -> list[str]:
    """Names of what moves independently, fixed factors left out."""
    return list(dict.fromkeys(f.driver for f in factors if f.shape != "fixed"))


def replace_factors(plan: Plan, factors: Mapping[str, Factor]) -> Plan:
    """The same plan with other factors."""
    return replace(plan, factors=dict(factors))


def with_value(factor: Factor, value: Range) -> Factor:
    """The same factor with another value."""
    return replace(factor, value=value)


def owned_key(hybrid: str) -> str:
    """Name of the factor that says how many servers a hybrid owns at most."""
    return f"owned_servers.{hybrid}"
