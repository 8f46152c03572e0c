"""Cash flows of every option: cost items × quantities × prices, for one case or many draws at once.

A cost item is a row of siting_facts/cost_items.csv: what it is multiplied by (`driver`), when it
falls due, and for which kinds of option. `compile_plan` finds the prices once; `bill` then turns
any number of draws of the uncertain factors into amounts by year, in one pass of array arithmetic.
The central case is a draw like any other, so that the report and its uncertainty cannot disagree.

Arrays are n × Y: n draws, Y years of the horizon. Money is in the client's currency, nominal, and
costs are positive.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from typing import Annotated, Literal

import numpy as np

from siting import catalogue, places
from siting.catalogue import Banded, Countries, Currency, Day, one_of
from siting.cost.api_prices import ModelPath
from siting.cost.money import MONTHS, Array
from siting.cost.prices import Factor, NotPriced, OptionKinds
from siting.draws import at_score
from siting.inputs.scenario import Option
from siting.inputs.scenario.model import ExistingServers, in_words
from siting.quantity import Range
from siting.serving import queueing
from siting.serving.capacity import Pool
from siting.serving.load import Load
from siting.serving.servers import Server, StandBy, replicas_per_server, whole_down, whole_up

Draws = Mapping[str, Array]
"""Values of the factors by name, one for each draw; `growth` holds standard normal values."""

Phase = Literal["own", "before", ""]
"""Part of time in which an amount is owed. `own`: once in production; `before`: until then, what
the baseline costs in the meantime; blank: at all times."""
When = Literal["once", "monthly", "yearly", "at_refresh", "at_exit"]
BYTES_PER_GB = 1e9
GPUS_PER_STAFF_UNIT = 8
"""The staffing parameters are stated for eight GPUs."""
CAPITAL = ("hardware", "network")
"""Categories whose one-off payments are written off over the life of a server."""
SHARED = (
    "demand", "throughput", "rental_drift", "inflation", "idle_share", "scale_down",
    "bytes_per_token", "hours_per_month", "staff_scale", "rental_memory", "parallel_months",
)  # fmt: skip
"""Parameters of siting_facts/cost_parameters.csv that quantities and price paths of any option
read."""
RESIDUALS = tuple(f"residual_after_{age}" for age in range(1, 6))
OF_SERVERS = ("life_years", "residual_scale", *RESIDUALS)
"""Parameters that servers of one's own add to these."""
TESTED_FROM = 0.001
"""Share of a workload's requests that goes to the other side of a mix from which the successor of
its model is tested there."""
BEFORE = "before_production"
"""Category under which an option carries the baseline's bill until it is in production."""
FORGONE = "forgone"
"""Category of service that nobody gives until an option is in production: counted, not paid."""


Category = Literal[
    "api", "energy", "exit", "facility", "fine_tuning", "hardware", "insurance", "licences",
    "maintenance", "migration", "model_moves", "network", "remedy", "rental", "residual", "staff",
    "storage",
]  # fmt: skip
FACTORS = (
    "api_request", "electricity", "gpu_hour", "moves_band", "provisioned_price", "pue_overhead",
    "residual_scale", "retries", "server_list_price", "server_price", "staff_cost",
    "training_gpu_hours", "training_kwh",
)  # fmt: skip
"""What the amount of a cost item may be multiplied by (`costing` looks each up)."""


class CostItem(Banded, tables="cost_items", key="id when driver options countries valid_from"):
    """One kind of cost. Its amount is quantity(driver) × value × the prices it is multiplied by."""

    id: str
    label: str
    category: Category
    driver: Annotated[str, one_of(lambda: {*QUANTITIES, "api_bill"}, "driver")]
    when: When
    options: OptionKinds = ""
    """Kinds of option, or traits of them, separated by spaces; blank: none by itself (a remedy that
    a chapter names)."""
    countries: Countries = ""
    multiply_by: Annotated[str, one_of(lambda: FACTORS, "price that is looked up", " ")] = ""
    """Looked-up prices, separated by spaces."""
    path: Literal["flat", "api", "rental", "inflation"]
    """How the price moves over the horizon."""
    currency: Currency = ""
    valid_from: Day
    quoted_per: str = ""
    """What a client's quote for it is the price of: `GPU-year`; `once` for an amount that is paid
    once; blank where none can be quoted."""


def cost_items(kind: str, country: str, day: str) -> list[CostItem]:
    """Items of an option kind on a day (ISO), one for each id, `when` and driver.

    A row that names the country beats one for all; of equal rows the latest valid one is taken,
    so that a new price is a new row and the old one stays.
    """
    valid = [
        item
        for item in catalogue.table("cost_items", CostItem)
        if kind in places.meant(item.options.split())
        and item.valid_from <= day
        and (not item.countries or country in item.countries.split())
    ]
    best = dict.fromkeys((item.id, item.when, item.driver) for item in valid)
    for item in sorted(valid, key=lambda i: (bool(i.countries), i.valid_from)):
        best[item.id, item.when, item.driver] = item
    return [item for item in best.values() if item]


# --- compiled options -------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Line:
    """A cost item of one option: which factors multiply which quantity."""

    item: CostItem
    factors: tuple[str, ...]
    """Names of the factors whose product is the unit price."""
    workload: str = ""
    """For API usage: the workload that is billed."""
    side: str = "own"
    """Hybrid: the base's machines (`own`), or the option that takes the rest (`burst`). Of servers
    that are there already: which."""
    of: str = ""
    """Whose servers they are, as their maker calls them: blank for those that are bought."""
    path: str = "flat"
    """`flat`, `inflation`, `rental:<months between two prices>` or `api:<vendor and model>`."""

    @property
    def label(self) -> str:
        """What is paid for, as a table of cash flows calls it."""
        peaks = self.side == "burst" and self.item.category in ("api", "rental")
        workload = f", {in_words(self.workload)}" if self.workload else ""
        when = " for peaks" if peaks else ""
        of = f", {self.of}" if self.of else ""
        return self.item.label + workload + when + of


@dataclass(frozen=True)
class PoolLoad:
    """A pool of replicas as the cost model needs it: how its load is spread over the hours."""

    pool: Pool
    found: dict[float, Array] = field(default_factory=dict, compare=False)
    """What `beyond` has found."""

    @cached_property
    def curve(self) -> Array:
        """Interactive load of the first year at even quantiles, lowest first. [requests/s]"""
        return _at_quantiles(self.pool.hours_of_year(waiting=False))

    @cached_property
    def bunched(self) -> Array:
        """What must be carried in those hours, because requests bunch within each. [requests/s]"""
        return _at_quantiles(self.pool.hours_of_year(waiting=False, bunched=True))

    @cached_property
    def away(self) -> Array:
        """Share of the year's interactive requests that go elsewhere, minute by minute, for each
        of CAPACITIES times the busiest hour's mean that is carried. [capacities]"""
        hours = self.curve[self.curve > 0]
        carried = np.outer(CAPACITIES * self.curve[-1], 1 / hours)
        share = np.interp(carried, queueing.CARRIED, self.pool.turned_away)
        return np.asarray(share @ hours / hours.sum())

    def beyond(self, own: float) -> Array:
        """Mean over the hours of whole replicas needed beyond the own ones, for peaks of GRID;
        without any own, at least one. [peaks]"""
        if own not in self.found:
            whole = whole_up(np.outer(GRID, self.bunched / self.bunched[-1]))
            self.found[own] = np.maximum(whole - own, 0.0 if own else 1.0).mean(axis=1)
        return self.found[own]


def _at_quantiles(hours: Array) -> Array:
    """Hours of a year, highest first, at CURVE_POINTS even quantiles, lowest first."""
    middles = (np.arange(CURVE_POINTS) + 0.5) / CURVE_POINTS * len(hours)
    return np.asarray(hours[::-1][middles.astype(int)])


CURVE_POINTS = 624
"""Points of the load duration curve: one for each 14 hours of a year of 52 weeks."""
CAPACITIES = np.concatenate([[0.0], 2.0 ** (np.arange(-100, 51) / 10)])
"""Ratios of what own machines carry to the mean of the year's busiest hour, at which a mix is
worked out."""
GRID = np.exp(np.linspace(math.log(1e-3), math.log(1e5), 260))
"""Peaks for which the mean number of rented replicas is worked out. [replicas]"""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Machines of an option by draw and year. [n × Y]"""

    servers: Array
    """Servers that are owned, those that stand by included; zero where GPUs are rented."""
    serving: Array
    """Those of them that serve: of a hybrid, no more than it owns."""
    replicas: Array
    """Of owned servers: replicas that the whole load asks for, however few servers a hybrid owns.
    Of rented GPUs: replicas that serve or stand by."""
    gpus: Array
    """GPUs of those servers, or of those rented replicas."""
    gpu_hours: Array
    """Paid by month; zero for owned machines."""
    busy: Array
    """Share of the machines' capacity that is used, on average."""
    spilled: Array
    """Share of each pool's requests that goes elsewhere. [pools × n × Y]"""
    held: Array | float = 0.0
    """What servers that are there already carry, in replicas of what is bought. [pools × n × Y]"""
    there: Mapping[str, Fleet] = field(default_factory=dict)
    """Servers that are there already beside those that are bought, by `KindPlan.key`."""


@dataclass(frozen=True, kw_only=True)
class OptionPlan:
    """An option with its prices found, ready to be billed."""

    name: str
    option: Option
    lines: tuple[Line, ...]
    pools: tuple[PoolLoad, ...]
    machine: Server | None = None
    moves: tuple[float, ...] = ()
    """Tests of a successor's model to budget for in each year: moves times workloads."""
    alone: str = ""
    """Of a hybrid whose cheapest split is one of its parts alone: that part."""
    kinds: tuple[KindPlan, ...] = ()
    """Servers of other kinds that are there already, in the order in which they serve."""

    @property
    def power_key(self) -> str:
        """Name of the factor that says what a server draws."""
        return f"power_kw.{self.name}"

    def of_pools(self, figure: Callable[[Pool], float]) -> Array:
        """A figure of each pool. [pools × 1 × 1]"""
        return np.array([[[float(figure(p.pool))]] for p in self.pools])

    @property
    def per_server(self) -> Array:
        """Replicas of each pool that one server holds; below one where a replica spans servers."""
        assert self.machine is not None
        server = self.machine
        return self.of_pools(lambda pool: replicas_per_server(server, pool.gpus_per_replica))


@dataclass(frozen=True, kw_only=True)
class KindPlan(OptionPlan):
    """Servers of one kind that an option has already, with the models that they serve.

    Named as the option; its own lines are among that option's.
    """

    key: str
    """Server of siting_facts/servers.csv."""
    existing: ExistingServers
    equivalent: float
    """Servers of the kind that is bought that carry as much as one of these."""

    @property
    def power_key(self) -> str:
        return f"power_kw.{self.name}.{self.key}"

    def count(self, years: int) -> Array:
        """Servers that still serve, by year. [Y]"""
        return np.where(
            np.arange(years) < self.existing.years_left, float(self.existing.number), 0.0
        )


@dataclass(frozen=True)
class Owned:
    """What a hybrid costs that owns so many servers at most."""

    servers: int
    present: float
    """Present cost, client's currency."""
    burst_share: float
    """Share of the horizon's tokens that the other side serves."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """How much a hybrid owns, so that its present cost is lowest."""

    servers: int
    """Servers bought at most, as the load needs them; those of other kinds that are there already
    are not counted."""
    end: Literal["", "burst", "base"]
    """Not blank: the optimum is one of the two parts alone."""
    curve: tuple[Owned, ...]
    """From no server owned to all that peaks need."""
    burst_share: float
    """Share of tokens that the other side serves, at the optimum, over the horizon."""
    base_cost: float
    """Present cost of all load on own servers."""

    @property
    def best(self) -> Owned | None:
        """The optimum's point of the curve; None where all load on own servers is cheapest."""
        found = (
            step
            for step in self.curve
            if (step.servers, step.burst_share) == (self.servers, self.burst_share)
        )
        return next(found, None)


@dataclass(frozen=True, kw_only=True)
class HybridPlan(OptionPlan):
    """An option that owns servers for part of the load, and what takes the rest."""

    base: OptionPlan
    burst: OptionPlan
    split: Split | None = None


@dataclass(frozen=True, kw_only=True)
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
    api_paths: Mapping[str, ModelPath] = field(default_factory=dict)
    """How prices of models move, by vendor and model."""
    round_the_clock: bool = False
    """Whether some workload may stop for less than nine hours a year."""
    notes: tuple[str, ...] = ()

    @property
    def years(self) -> int:
        """Years of the horizon; the last may be cut."""
        return math.ceil(self.months / MONTHS)

    def path(self, name: str, draws: Draws) -> Array:
        """Price of month 1 … M over today's. [n × M]"""
        kind, _, key = name.partition(":")
        if kind == "api":
            return self.api_paths[key].over(draws, self.months)
        return path_factor(name, draws, self.months)

    def simple_first(self, names: Iterable[str]) -> list[str]:
        """Options in an order in which a hybrid leaves a tie to the part that it is alone."""
        return sorted(names, key=lambda n: isinstance(self.options[n], HybridPlan))

    def central(self, **changes: float | Array) -> dict[str, Array]:
        """The central draw; `changes` overrides factors, with one value or one for each draw.
        [n each]"""
        size = max((np.size(v) for v in changes.values()), default=1)
        values = {n: np.full(size, f.value.central) for n, f in self.factors.items()}
        moved = {n: np.broadcast_to(np.asarray(v, float), (size,)) for n, v in changes.items()}
        return {**values, "growth": np.zeros(size), **moved}


# --- quantities -------------------------------------------------------------------------------


def load_ratio(steps: Sequence[Range], draws: Draws, years: int) -> Array:
    """Load of each year over the plan for the first one, growing at the draw's quantile. [n × Y]"""
    growth = draws["growth"]
    bands = (steps[min(y, len(steps)) - 1] for y in range(1, years))
    grown = [np.ones_like(growth), *(np.maximum(1 + at_score(b, growth), 0.05) for b in bands)]
    return np.asarray(draws["demand"][:, None] * np.cumprod(np.stack(grown, axis=1), axis=1))


def machines(option: OptionPlan, draws: Draws, years: int) -> Fleet | None:
    """An option's own machines, as many as a hybrid owns; None where the vendor has them."""
    if not isinstance(option, HybridPlan):
        return fleet(option, draws, years) if option.pools else None
    owned = draws.get(owned_key(option.name))
    if owned is None and option.split is not None and option.split.end != "base":
        owned = np.full(1, float(option.split.servers))
    return fleet(option.base, draws, years, owned)


def fleet(option: OptionPlan, draws: Draws, years: int, limit: Array | None = None) -> Fleet:
    """Machines that an option needs; `limit` [n]: own servers at most, the rest of the load spills.

    Owned servers come whole and are kept; with redundancy, so many more servers (or as many again)
    stand by, because a server fails as a whole. A hybrid needs no spare: the other side is it.
    """
    if option.machine is None:
        return rented(option, draws, years)
    per = option.per_server
    need = _needs(option, draws, years)
    peak = need * option.of_pools(lambda pool: pool.peak_rate)
    mean = need * option.of_pools(lambda pool: pool.mean_rate)
    there = _there(option, draws, years)
    # Servers that each pool fills, parts of one too: pools share servers.
    filled = np.maximum(1.0, whole_up(peak)) / per
    whole = whole_up(filled.sum(axis=0))
    if option.kinds:
        filled = np.where(there.left > 1e-9, whole_up(peak * there.left), 0.0) / per
    exact = filled.sum(axis=0)
    servers = np.maximum.accumulate(whole_up(exact), axis=1)
    stand_by = StandBy.most(p.pool.stand_by for p in option.pools)
    spare = servers if stand_by.as_many_again else float(stand_by.count)
    spare = spare + whole_up(servers * option.option.second_site)
    if option.kinds:
        strongest = max(kind.equivalent for kind in option.kinds)
        spare = stand_by.bought(whole, strongest, there.idle)
        spare = spare + whole_up(whole * option.option.second_site)
    spilled = np.zeros_like(filled)
    held = peak * (1 - there.left)
    left = there.left
    if limit is not None:
        servers = np.minimum(servers, limit[:, None])
        spare = 0.0
        part = np.divide(filled, exact, out=np.zeros_like(filled), where=exact > 0)
        capacity = whole_down(servers * part * per) + held
        spilled = np.array(list(map(_spilled, option.pools, capacity, need)))
        # All that the option has serves alike, by what it can carry.
        left = 1 - np.divide(held, capacity, out=np.zeros_like(held), where=capacity > 0)
        there = there.busier((1 - spilled) * (1 - left), mean)
    total = servers + spare
    used = (mean * (1 - spilled) * left / per).sum(axis=0)
    busy = np.divide(used, total, out=np.zeros_like(total), where=total > 0)
    replicas = (filled * per).sum(axis=0)
    gpus = total * option.machine.gpu_count
    return Fleet(
        servers=total,
        serving=servers,
        replicas=replicas,
        gpus=gpus,
        gpu_hours=np.zeros_like(total),
        busy=np.clip(busy, 0, 1),
        spilled=spilled,
        held=held,
        there=there.fleets,
    )


@dataclass(frozen=True, kw_only=True)
class _There:
    """What servers that an option has already carry of its load."""

    left: Array | float
    """Share of each pool's load that they leave to those that are bought. [pools × n × Y]"""
    idle: Array
    """Those that serve nothing, in servers of the kind that is bought. [n × Y]"""
    fleets: Mapping[str, Fleet]
    """By `KindPlan.key`."""

    def busier(self, share: Array, mean: Array) -> _There:
        """The same where they serve another share of each pool's load, because a part of it goes
        elsewhere. share: of each pool; mean: its load in replicas. [pools × n × Y]"""
        if not self.fleets:
            return self
        before = (mean * (1 - self.left)).sum(axis=0)
        after = (mean * share).sum(axis=0)
        times = np.divide(after, before, out=np.zeros_like(before), where=before > 0)
        fleets = {
            key: replace(fleet, busy=np.clip(fleet.busy * times, 0, 1))
            for key, fleet in self.fleets.items()
        }
        return replace(self, fleets=fleets)


def _there(option: OptionPlan, draws: Draws, years: int) -> _There:
    """What an option's existing servers carry: each kind in turn a share of the load, as large as
    the replicas that it holds are of those that the whole load would need.

    A kind's pools share its servers by what each would need of them.
    """
    shape = (len(draws["growth"]), years)
    if not option.kinds:
        return _There(left=1.0, idle=np.zeros(shape), fleets={})
    left = {p.pool.model: np.ones(shape) for p in option.pools}
    idle = np.zeros(shape)
    fleets = {}
    for kind in option.kinds:
        found = _of_kind(kind, draws, years, left)
        idle += (found.servers - found.serving) * kind.equivalent
        fleets[kind.key] = found
    shares = np.array([left[p.pool.model] for p in option.pools])
    return _There(left=shares, idle=idle, fleets=fleets)


def _of_kind(kind: KindPlan, draws: Draws, years: int, left: dict[str, Array]) -> Fleet:
    """The fleet of one kind of existing servers, which takes its share off what is `left` of each
    model's load. [n × Y each]"""
    assert kind.machine is not None
    shape = (len(draws["growth"]), years)
    count = np.broadcast_to(kind.count(years), shape)
    replicas = np.zeros(shape)
    serving = np.zeros(shape)
    used = np.zeros(shape)
    if kind.pools:
        per = kind.per_server
        need = _needs(kind, draws, years)
        level = need * kind.of_pools(lambda pool: pool.peak_rate)
        exact = level / per
        held = whole_down(count * exact / exact.sum(axis=0) * per)
        models = [each.pool.model for each in kind.pools]
        carried = np.minimum(held / level, np.array([left[model] for model in models]))
        for model, share in zip(models, carried, strict=True):
            left[model] = left[model] - share
        replicas = held.sum(axis=0)
        serving = np.minimum(count, whole_up((carried * exact).sum(axis=0)))
        mean = need * kind.of_pools(lambda pool: pool.mean_rate)
        used = (mean * carried / per).sum(axis=0)
    busy = np.divide(used, count, out=np.zeros(shape), where=count > 0)
    return Fleet(
        servers=count,
        serving=serving,
        replicas=replicas,
        gpus=count * kind.machine.gpu_count,
        gpu_hours=np.zeros(shape),
        busy=np.clip(busy, 0, 1),
        spilled=np.zeros((len(kind.pools), *shape)),
    )


def _needs(option: OptionPlan, draws: Draws, years: int) -> Array:
    """Replicas of each pool for a load of one request a second in the first year.
    [pools × n × Y]"""
    work = draws.get(f"hidden_work.{option.name}", np.ones(1))
    speed = option.of_pools(lambda pool: pool.rate_per_replica.central)
    ratio = np.array([load_ratio(p.pool.growth, draws, years) for p in option.pools])
    return np.asarray((work / (speed[..., 0] * draws["throughput"]))[..., None] * ratio)


def _spilled(pool: PoolLoad, capacity: Array, need: Array) -> Array:
    """Share of a pool's requests above the own capacity, minute by minute; waiting work fills the
    valleys. [n × Y]"""
    if not pool.curve.any():
        return np.where(capacity > 0, 0.0, 1.0)
    carried = np.divide(capacity, need, out=np.full_like(need, np.inf), where=need > 0)
    interactive = np.interp(carried / pool.curve[-1], CAPACITIES, pool.away)
    return np.where(capacity > 0, interactive * (1 - pool.pool.batchable_share), 1.0)


def rented(option: OptionPlan, draws: Draws, years: int, own: Fleet | None = None,
           per_server: float | Array = 0.0) -> Fleet:  # fmt: skip
    """Rented machines, or those that a hybrid rents beyond its own servers.

    Committed ones are paid around the clock, others while they are needed. own: servers that a
    hybrid owns; per_server: replicas that one of them holds, as its base deploys the models. Its
    own servers are taken to be shared evenly by the pools, and stand by in the place of spares.
    """
    month, slack = (draws[name][:, None] for name in ("hours_per_month", "scale_down"))
    need = _needs(option, draws, years)
    there = np.zeros_like(need)
    none = np.zeros(need.shape[1:])
    if own is not None:
        evenly = own.serving * per_server / len(option.pools)
        there = there + whole_down(evenly + own.held)
    peak = need * option.of_pools(lambda pool: pool.peak_rate)
    # A pool without own replicas keeps one, however small its load is.
    least = np.where(there > 0, 0.0, 1.0)
    serving = np.maximum(least, whole_up(peak) - there)
    spare = np.zeros_like(serving)
    if own is None:
        doubled = option.of_pools(lambda pool: pool.stand_by.as_many_again)
        count = option.of_pools(lambda pool: pool.stand_by.count)
        spare = np.where(doubled > 0, serving, count)
    paid = serving
    if not option.option.is_committed:
        mean = np.array(list(map(_mean_replicas, option.pools, need, there)))
        paid = np.minimum(mean * slack, serving)
    gpus = option.of_pools(lambda pool: pool.gpus_per_replica)
    hours = (month * ((paid + spare) * gpus)).sum(axis=0)
    used = (need * option.of_pools(lambda pool: pool.mean_rate) * gpus * month).sum(axis=0)
    standing = serving + spare
    return Fleet(
        servers=none,
        serving=none,
        replicas=standing.sum(axis=0),
        gpus=(standing * gpus).sum(axis=0),
        gpu_hours=hours,
        busy=np.clip(used / np.maximum(hours, 1e-12), 0, 1),
        spilled=own.spilled if own else np.zeros_like(need),
    )


def _mean_replicas(pool: PoolLoad, need: Array, own: Array) -> Array:
    """Mean over the hours of whole replicas needed beyond the own ones; without any, at least one.
    [n × Y]"""
    mean = np.where(own > 0, 0.0, 1.0)
    peak = pool.bunched[-1]
    if peak > 0:
        load = np.log(np.maximum(need * peak, 1e-9))
        for count in np.unique(own).tolist():
            here = own == count
            mean[here] = np.interp(load[here], np.log(GRID), pool.beyond(count))
    return mean


def total_tokens(plan: Plan, draws: Draws, answers_only: bool = False) -> Array:
    """Tokens by month, whichever option serves them. [n × Y]"""
    total = np.zeros((len(draws["growth"]), plan.years))
    for load in plan.loads.values():
        each = load.lengths.output.mean + (0 if answers_only else load.lengths.input.mean)
        asked = load_ratio(load.growth, draws, plan.years) * draws["hours_per_month"][:, None]
        total += asked * (load.mean_rate * 3600 * each)
    return total


# --- billing ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What a line costs: by month of a year [n × Y], at the start of a year, or at the end."""

    line: Line
    when: Literal["running", "start", "end"]
    quantity: Array
    """[n × Y; of one row or column where it is the same in all draws or years]"""
    price: Array
    """[n]"""
    phase: Phase = "own"

    @property
    def value(self) -> Array:
        """Quantity × price. [n × Y or n × 1; the last column counts for `end`]"""
        return np.asarray(self.quantity * self.price[:, None])

    @property
    def path(self) -> str:
        """How its price moves; what is paid at one time is paid at today's price."""
        return "flat" if self.when == "start" else self.line.path

    @property
    def is_capital(self) -> bool:
        """Whether it is an investment that is written off, not an expense."""
        return self.when == "start" and self.line.item.category in CAPITAL


def bill(plan: Plan, name: str, draws: Draws) -> list[Amount]:
    """Amounts of an option, its own only: neither the baseline before production, nor tax."""
    option = plan.options[name]
    rest = own = machines(option, draws, plan.years)
    if isinstance(option, HybridPlan):
        if option.burst.pools:
            rest = rented(option.burst, draws, plan.years, own, option.base.per_server)
        sides = {
            "own": Side(plan=plan, option=option.base, draws=draws, fleet=own, hybrid=option),
            "burst": Side(plan=plan, option=option.burst, draws=draws, fleet=rest, hybrid=option),
        }
    else:
        sides = {"own": Side(plan=plan, option=option, draws=draws, fleet=own)}
    for kind in option.kinds:
        there = own.there[kind.key] if own else None
        sides[kind.key] = Side(plan=plan, option=kind, draws=draws, fleet=there)
    return [sides[line.side].amount(line) for line in option.lines]


@dataclass(frozen=True, kw_only=True)
class Side:
    """An option with its machines over some draws; of a hybrid, one of its two sides."""

    plan: Plan
    option: OptionPlan
    draws: Draws
    fleet: Fleet | None
    hybrid: HybridPlan | None = None

    def amount(self, line: Line) -> Amount:
        """What a line costs and when."""
        item = line.item
        unit = np.ones(len(self.draws["growth"]))
        price = reduce(np.multiply, (self.draws[name] for name in line.factors), unit)
        level = np.atleast_2d(self.quantity(line))
        if item.when in ("monthly", "yearly"):
            return Amount(
                line=line,
                when="running",
                quantity=level / (MONTHS if item.when == "yearly" else 1),
                price=price,
            )
        level = np.broadcast_to(level, (len(level), self.plan.years))
        if item.when == "at_exit":
            last = np.zeros(level.shape)
            last[:, -1] = self._resale(level) if item.driver == "resale_server" else level[:, -1]
            return Amount(line=line, when="end", quantity=last, price=price)
        new = additions(level) if item.when == "once" else _refreshed(level, life_years(self.draws))
        return self._bought(line, new, price)

    def quantity(self, line: Line) -> Array | float:
        """Quantity of a line's driver. [n × Y, n × 1 or 1]"""
        return QUANTITIES[line.item.driver](self, line)

    @property
    def machines(self) -> Fleet:
        """The machines. Raises NotPriced where there are none to count."""
        if self.fleet is None:
            raise NotPriced(
                f"{self.option.name} has no machines that its costs could be counted by"
            )
        return self.fleet

    def _bought(self, line: Line, new: Array, price: Array) -> Amount:
        """What is bought at the start of each year: what is owned already is not; a lease is paid
        in equal parts."""
        if line.item.driver in ("server", "serving_server", "spare_server"):
            new = new.copy()
            new[:, 0] *= 1 - self._owned_share()
        lease = self.option.option.lease
        if lease is None or line.item.category not in CAPITAL:
            return Amount(line=line, when="start", quantity=new, price=price)
        parts = lease.years * MONTHS
        rate = (1 + lease.rate) ** (1 / MONTHS) - 1
        part = 1 / parts if rate == 0 else rate / (1 - (1 + rate) ** -parts)
        paid = np.zeros_like(new)
        for y in range(new.shape[1]):
            paid[:, y : y + lease.years] += new[:, y : y + 1] * part
        return Amount(line=line, when="running", quantity=paid, price=price)

    def _owned_share(self) -> Array | float:
        """Share of the first year's servers that is owned already. [n]"""
        if not self.option.option.owned_servers and self.option.name != self.plan.baseline:
            return 0.0
        needed = fleet(self.option, self.draws, self.plan.years)
        return self.owned_already(needed) / np.maximum(needed.servers[:, 0], 1e-9)

    def owned_already(self, machines: Fleet) -> Array:
        """Servers that the client owns today: as said, or all that an option in use needs. [n]"""
        first = machines.servers[:, 0]
        option = self.option.option
        if option.owned_servers is None:
            is_owned = option.in_use and not option.existing_servers
            return first if is_owned else np.zeros_like(first)
        return np.minimum(float(option.owned_servers), first)

    def could_sell(self) -> Array:
        """Servers owned today, each counted with the share of its price that it fetches, or once
        where the client says what it would fetch. [n × 1]"""
        if isinstance(self.option, KindPlan):
            existing = self.option.existing
            first = self.machines.servers[:, :1]
            if existing.value_each is not None:
                return first
            return np.asarray(first * worth_at(self.draws, existing.age_years)[:, None])
        worth = worth_at(self.draws, self.option.option.owned_age_years)
        return (self.owned_already(self.machines) * worth)[:, None]

    def _resale(self, level: Array) -> Array:
        """Servers at the end, each counted with the share of its price that it fetches. [n]"""
        if isinstance(self.option, KindPlan):
            age = self.option.existing.age_years + self.plan.months / MONTHS
            return np.asarray(level[:, -1] * worth_at(self.draws, age))
        lease = self.option.option.lease
        life = life_years(self.draws)
        worth = np.zeros(len(level))
        for y, bought in enumerate(additions(level).T if not (lease and lease.returned) else ()):
            # At the end of the horizon stands what was bought last: whole lives are taken off.
            age = self.plan.months / MONTHS - y
            age -= life * max(0, math.ceil(age / life) - 1)
            worth += bought * worth_at(self.draws, age)
        return worth

    def kwh(self) -> Array:
        """Electricity of the servers by month, before cooling. [kWh]

        kW × hours × (idle share + (1 - idle share) × load), the load being the used share.
        """
        idle = self.draws["idle_share"][:, None]
        hours = self.draws["hours_per_month"][:, None]
        kw = self.draws[self.option.power_key][:, None]
        drawn = idle + (1 - idle) * self.machines.busy
        return np.asarray(self.machines.servers * kw * drawn * hours)

    def kw_provisioned(self) -> Array:
        """Power that the room keeps for the servers. [kW]"""
        assert self.option.machine is not None
        return self.machines.servers * self.option.machine.provisioned_kw

    def requests(self, workload: str) -> Array:
        """Requests of a workload by month that this side serves. [n × Y]"""
        load = self.plan.loads[workload]
        ratio = load_ratio(load.growth, self.draws, self.plan.years)
        asked = ratio * load.mean_rate * 3600 * self.draws["hours_per_month"][:, None]
        if bought := self.option.option.provisioned:
            asked = asked * (1 - np.minimum(1, bought.serves / ratio))
        if self.hybrid is not None:
            pools = zip(self.hybrid.base.pools, self.machines.spilled, strict=True)
            asked = asked * next(w for p, w in pools if workload in {x.name for x in p.pool.loads})
        return np.asarray(asked)

    def sent(self, least: float = 0.0) -> Array:
        """Share of the workloads' requests that the other side of a mix serves, workloads counting
        alike; all where there is no mix. [n × Y]

        least: one of which more than this goes there counts as a whole, the others as none.
        """
        if self.hybrid is None:
            return np.ones((1, 1))
        away = self.machines.spilled
        parts = [len(p.pool.loads) for p in self.hybrid.base.pools]
        return np.average(np.where(away > least, 1.0, 0.0) if least else away, 0, parts)

    def model_moves(self) -> Array:
        """Tests of successors by year: of a mix, for workloads that the other side serves at all.

        A test is the same work, however little of a workload goes there. [n × Y or 1 × Y]
        """
        return np.reshape(self.option.moves, (1, -1)) * self.sent(TESTED_FROM)

    def provisioned_hours(self) -> Array:
        """Unit-hours of throughput that are paid by month, used or not; of a mix, of as many units
        as what goes to the other side needs. [n × Y or 1 × 1]"""
        bought = self.option.option.provisioned
        hours = bought.units * bought.hours_per_month if bought else 0.0
        return hours * self.sent()

    def egress_gb(self) -> Array:
        """Answers sent out by month. [GB]"""
        share = self.sent()
        size = self.draws["bytes_per_token"][:, None] / BYTES_PER_GB
        return np.asarray(total_tokens(self.plan, self.draws, answers_only=True) * share * size)

    def unused(self) -> Array:
        """What a minimum commitment costs beyond the bill, by month, on the year's mean price.
        [client's currency, n × Y]"""
        months = np.ones((1, self.plan.months))
        used = np.zeros((1, self.plan.years))
        for line in self.option.lines:
            if line.item.driver in ("request", "gpu_hour", "provisioned_hour"):
                path = by_year(self.plan.path(line.path, self.draws))
                used = used + self.amount(line).value * path / by_year(months)
        return np.maximum(0.0, self.option.option.minimum_commitment_per_month - used)

    def fte(self) -> Array:
        """Full-time equivalents of platform team and hands for machines; over 12 for a month.
        [FTE-years, n × 1 or n × Y]"""
        staff = self.draws[f"fte_platform.{self.option.name}"][:, None]
        if self.option.pools:
            each = self.draws[f"fte_per_8_gpus.{self.option.name}"][:, None]
            others = sum((kind.gpus for kind in self.machines.there.values()), 0.0)
            units = (self.machines.gpus + others) / GPUS_PER_STAFF_UNIT
            scale = self.draws["staff_scale"][:, None]
            staff = staff + each * np.where(units > 1, np.maximum(units, 1.0) ** scale, units)
        return np.asarray(staff / MONTHS)


QUANTITIES: Mapping[str, Callable[[Side, Line], Array | float]] = {
    "option": lambda side, line: 1.0,
    "site": lambda side, line: 2.0 if side.option.option.second_site and not side.hybrid else 1.0,
    "workload": lambda side, line: float(len(side.plan.loads)),
    "user": lambda side, line: side.plan.users,
    "on_call": lambda side, line: float(side.plan.round_the_clock),
    "fte": lambda side, line: side.fte(),
    "model_move": lambda side, line: side.model_moves(),
    "provisioned_hour": lambda side, line: side.provisioned_hours(),
    "request": lambda side, line: side.requests(line.workload),
    "unused_commitment": lambda side, line: side.unused(),
    "gb": lambda side, line: side.egress_gb(),
    "server": lambda side, line: side.machines.servers,
    "resale_server": lambda side, line: side.machines.servers,
    "serving_server": lambda side, line: side.machines.serving,
    "spare_server": lambda side, line: side.machines.servers - side.machines.serving,
    "owned_server": lambda side, line: side.could_sell(),
    "replica": lambda side, line: side.machines.replicas,
    "gpu": lambda side, line: side.machines.gpus,
    "gpu_hour": lambda side, line: side.machines.gpu_hours,
    "kw": lambda side, line: side.kw_provisioned(),
    "kwh": lambda side, line: side.kwh(),
}
"""What a cost item can be counted by."""


def additions(level: Array) -> Array:
    """What is bought at the start of each year to reach a level that is never sold down.
    [n × Y]"""
    return np.diff(np.maximum.accumulate(level, axis=1), axis=1, prepend=0.0)


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


def worth_at(draws: Draws, age: float) -> Array:
    """Share of its price that a server of an age fetches, over the draw's `residual_scale`, which
    multiplies it; together never more than the price. [n]"""
    curve = [1.0, *(float(draws[name][0]) for name in RESIDUALS), 0.0]
    share = float(np.interp(age, range(len(curve)), curve))
    return np.asarray(np.minimum(share, 1 / np.maximum(draws["residual_scale"], 1e-9)))


# --- price paths over the months --------------------------------------------------------------


def path_factor(path: str, draws: Draws, months: int) -> Array:
    """Price of month 1 … M over today's, of all but a model's. [n × M]"""
    name, _, step = path.partition(":")
    if name == "flat":
        return np.ones((len(draws["growth"]), months))
    if step:
        elapsed = np.arange(months) // int(step) * float(step)
        memory = draws["rental_memory"][:, None]
        years = memory * (1 - np.exp(-elapsed / MONTHS / memory))
        return np.asarray((1 + draws["rental_drift"])[:, None] ** years)
    return powers((1 + draws["inflation"]) ** (1 / MONTHS), months)


def powers(base: Array, count: int) -> Array:
    """base^0 … base^(count - 1), by repeated multiplication. [n × count]"""
    out = np.empty((len(base), count))
    out[:, 0] = 1.0
    out[:, 1:] = base[:, None]
    return np.cumprod(out, axis=1, out=out)


def by_year(monthly: Array, years: int = 0) -> Array:
    """Sum over the months of each year, nothing in those that are left. [n × Y]"""
    sums = np.add.reduceat(monthly, np.arange(0, monthly.shape[1], MONTHS), axis=1)
    return np.pad(sums, ((0, 0), (0, max(0, years - sums.shape[1]))))


def by_month(yearly: Array, months: int) -> Array:
    """What holds in each year, or in all alike, for every month. [M]"""
    return np.broadcast_to(yearly, math.ceil(months / MONTHS)).repeat(MONTHS)[:months]


def owned_key(hybrid: str) -> str:
    """Name of the factor that says how many servers a hybrid owns at most."""
    return f"owned_servers.{hybrid}"
