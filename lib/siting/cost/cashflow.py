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
from siting.cost.money import MONTHS, Array, annuity
from siting.cost.prices import Factor, NotPriced, OptionKinds
from siting.draws import at_score
from siting.inputs.scenario import Option
from siting.inputs.scenario.model import ExistingServers, in_words
from siting.quantity import Range
from siting.serving import queueing
from siting.serving.capacity import Pool
from siting.serving.load import Load
from siting.serving.servers import (
    ROUNDING,
    Server,
    StandBy,
    replicas_per_server,
    whole_down,
    whole_up,
)

Draws = Mapping[str, Array]
"""Values of the factors by name, one for each draw; `growth` holds standard normal values."""

Phase = Literal["serving", "before", ""]
"""Part of time in which an amount is owed. `serving`: once in production; `before`: until then,
what the baseline costs in the meantime; blank: at all times."""
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
"""Parameters that quantities of servers of one's own read beside those of `SHARED`."""
TESTED_FROM = 0.001
"""Share of a workload's requests that goes to the other side of a mix from which the successor of
its model is tested there. Below one request in a thousand a side that answers badly for a year is
no worse than an outage of nine hours, and a test costs weeks of work: the traffic is sent to the
model untested, or not at all."""
LEAST_GROWTH = 0.05
"""Load of a year over that of the year before, at least: where a wide band of growth is drawn at
its far end, the load dwindles and does not turn negative."""
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
    side: str = "base"
    """Of a hybrid: the option whose machines it owns (`base`), or the one that takes the rest
    (`burst`). Of existing servers: their `PricedKind.key`. Of all else: `base`."""
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
    known: dict[float, Array] = field(default_factory=dict, compare=False)
    """What `beyond` has worked out, by the number of own replicas: all draws ask for the same few.
    It fills up as it is asked, and says nothing of the pool, so that it counts in no comparison."""

    @cached_property
    def curve(self) -> Array:
        """Interactive load of the first year at even quantiles, lowest first. [requests/s]"""
        return _at_quantiles(self.pool.hours_of_year(waiting=False))

    @cached_property
    def bunched(self) -> Array:
        """What must be carried in those hours, because requests bunch within each. [requests/s]"""
        return _at_quantiles(self.pool.hours_of_year(waiting=False, bunched=True))

    @cached_property
    def away_share(self) -> Array:
        """Share of the year's interactive requests that go elsewhere, minute by minute, for each
        of CAPACITIES times the busiest hour's mean that is carried. [capacities]"""
        hours = self.curve[self.curve > 0]
        carried = np.outer(CAPACITIES * self.curve[-1], 1 / hours)
        share = np.interp(carried, queueing.CARRIED, self.pool.turned_away)
        return np.asarray(share @ hours / hours.sum())

    def serves(self, workload: str) -> bool:
        """Whether a workload, by its name, is among those that share the pool."""
        return any(load.name == workload for load in self.pool.loads)

    def beyond(self, owned: float) -> Array:
        """Mean over the hours of whole replicas needed beyond so many owned ones, for peaks of
        GRID; without any owned, at least one. [peaks]"""
        if owned not in self.known:
            whole = whole_up(np.outer(GRID, self.bunched / self.bunched[-1]))
            least = 0.0 if owned else 1.0
            self.known[owned] = np.maximum(whole - owned, least).mean(axis=1)
        return self.known[owned]


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
    owned_replicas: Array
    """Replicas on servers that are owned: as many as the whole load asks for, however few servers a
    hybrid owns; of existing servers, as many as they hold. Zero where GPUs are rented."""
    rented_replicas: Array
    """Replicas of rented GPUs that serve or stand by; zero where servers are owned."""
    gpus: Array
    """GPUs of those servers, or of those rented replicas."""
    gpu_hours: Array
    """Paid by month; zero for owned machines."""
    busy: Array
    """Share of the machines' capacity that is used, on average."""
    away_share: Array
    """Share of each pool's requests that goes elsewhere. [pools × n × Y]"""
    by_existing: Array | float = 0.0
    """What existing servers carry, in replicas of what is bought. [pools × n × Y]"""
    existing: Mapping[str, Fleet] = field(default_factory=dict)
    """Existing servers beside those that are bought, by `PricedKind.key`."""


@dataclass(frozen=True, kw_only=True)
class PricedOption:
    """An option with its prices found, ready to be billed."""

    name: str
    option: Option
    lines: tuple[Line, ...]
    pools: tuple[PoolLoad, ...]
    machine: Server | None = None
    moves: tuple[float, ...] = ()
    """Tests of a successor's model to budget for in each year: moves times workloads."""
    kinds: tuple[PricedKind, ...] = ()
    """Existing servers of other kinds, in the order in which they serve."""

    @property
    def alone(self) -> str:
        """Of a hybrid whose cheapest split is one of its parts alone: that part's name; blank for
        all else."""
        return ""

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
class PricedKind(PricedOption):
    """Existing servers of one kind, with the models that they serve.

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


@dataclass(frozen=True, kw_only=True)
class Owned:
    """What a hybrid costs that owns so many servers at most."""

    servers: int
    """Servers bought at most, as the load needs them; existing ones of other kinds are not
    counted."""
    present: float
    """Present cost, client's currency."""
    away_share: float
    """Share of the horizon's requests that the other side serves."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """How much a hybrid owns, so that its present cost is lowest."""

    best: Owned
    """The optimum."""
    alone: Literal["", "burst", "base"]
    """Not blank: the optimum is one of the two parts alone."""
    curve: tuple[Owned, ...]
    """From no server owned to all that peaks need. The optimum is among them, unless it is the base
    alone: that needs spares, which no point of the curve has."""
    base_cost: float
    """Present cost of all load on own servers."""

    @property
    def servers(self) -> int:
        """Servers bought at most, at the optimum."""
        return self.best.servers


@dataclass(frozen=True, kw_only=True)
class PricedHybrid(PricedOption):
    """An option that owns servers for part of the load, and what takes the rest."""

    base: PricedOption
    burst: PricedOption
    split: Split | None = None

    @property
    def alone(self) -> str:
        match self.split.alone if self.split else "":
            case "burst":
                return self.burst.name
            case "base":
                return self.base.name
        return ""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All options of a scenario that could be priced, and why the others could not."""

    options: Mapping[str, PricedOption]
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
        return sorted(names, key=lambda n: isinstance(self.options[n], PricedHybrid))

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
    grown = (np.maximum(1 + at_score(band, growth), LEAST_GROWTH) for band in bands)
    ratio = np.stack([np.ones_like(growth), *grown], axis=1)
    return np.asarray(draws["demand"][:, None] * np.cumprod(ratio, axis=1))


def total_tokens(plan: Plan, draws: Draws, answers_only: bool = False) -> Array:
    """Tokens by month, whichever option serves them. [n × Y]"""
    total = np.zeros((len(draws["growth"]), plan.years))
    for load in plan.loads.values():
        each = load.lengths.output.mean + (0 if answers_only else load.lengths.input.mean)
        asked = load_ratio(load.growth, draws, plan.years) * draws["hours_per_month"][:, None]
        total += asked * (load.mean_rate * 3600 * each)
    return total


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the load asks of an option's machines, in replicas. [pools × n × Y each]"""

    per_request: Array
    """For one request a second of the first year."""
    peak: Array
    """That must be there at once, in the busiest week of the year."""
    mean: Array
    """That are busy in a mean hour."""


def _asked(priced: PricedOption, draws: Draws, years: int) -> _Asked:
    """Replicas that each pool of an option is asked for, over the draws."""
    work = draws.get(f"hidden_work.{priced.name}", np.ones(1))
    rate = priced.of_pools(lambda pool: pool.rate_per_replica.central)
    carries = rate[..., 0] * draws["throughput"]  # requests a second of one replica [pools × n]
    growth = np.array([load_ratio(p.pool.growth, draws, years) for p in priced.pools])
    per_request = np.asarray((work / carries)[..., None] * growth)
    return _Asked(
        per_request=per_request,
        peak=per_request * priced.of_pools(lambda pool: pool.peak_rate),
        mean=per_request * priced.of_pools(lambda pool: pool.mean_rate),
    )


def _over(part: Array, whole: Array) -> Array:
    """Part over whole, and nothing where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


# --- machines: owned --------------------------------------------------------------------------


def option_fleet(priced: PricedOption, draws: Draws, years: int) -> Fleet | None:
    """An option's own machines, of a hybrid as many as it owns; None where the vendor has them."""
    if not isinstance(priced, PricedHybrid):
        return fleet_needed(priced, draws, years) if priced.pools else None
    most = draws.get(owned_key(priced.name))
    if most is None and priced.split is not None and priced.split.alone != "base":
        most = np.full(1, float(priced.split.servers))
    if most is None:
        return fleet_needed(priced.base, draws, years)
    return fleet_of_hybrid(priced.base, draws, years, most)


def fleet_needed(priced: PricedOption, draws: Draws, years: int) -> Fleet:
    """Machines that an option needs for all of its load.

    Owned servers come whole and are kept; with redundancy, so many more servers (or as many again)
    stand by, because a server fails as a whole. The same is worked out for the central case, year
    by year, in `capacity.OptionCapacity`; tests of kinds and of the load hold both together.
    """
    if priced.machine is None:
        return rented_fleet(priced, draws, years)
    asked = _asked(priced, draws, years)
    existing = _existing(priced, draws, years)
    filled = _filled(priced, asked.peak, existing.left)
    serving = _kept(filled)
    spare = _spare(priced, asked, existing, serving)
    used = (asked.mean * existing.left / priced.per_server).sum(axis=0)
    return _owned_fleet(
        priced,
        filled=filled,
        serving=serving,
        servers=serving + spare,
        used=used,
        away_share=np.zeros_like(filled),
        by_existing=asked.peak * (1 - existing.left),
        existing=existing.fleets,
    )


def fleet_of_hybrid(base: PricedOption, draws: Draws, years: int, most: Array) -> Fleet:
    """Machines of a hybrid that owns at most so many servers, as its base does: what they do not
    carry of the load goes elsewhere. It needs no spare: the other side is it. most: [n]"""
    asked = _asked(base, draws, years)
    existing = _existing(base, draws, years)
    filled = _filled(base, asked.peak, existing.left)
    servers = np.minimum(_kept(filled), most[:, None])
    # Pools share the servers by what each would fill of them, and existing ones serve beside.
    of_pool = servers * _over(filled, np.broadcast_to(filled.sum(axis=0), filled.shape))
    by_existing = asked.peak * (1 - existing.left)
    capacity = whole_down(of_pool * base.per_server) + by_existing
    away = np.array(list(map(_away_share, base.pools, capacity, asked.per_request)))
    # All that the option has serves alike, by what it can carry.
    own_share = 1 - _over(by_existing, capacity)
    used = (asked.mean * (1 - away) * own_share / base.per_server).sum(axis=0)
    return _owned_fleet(
        base,
        filled=filled,
        serving=servers,
        servers=servers,
        used=used,
        away_share=away,
        by_existing=by_existing,
        existing=existing.busier((1 - away) * (1 - own_share), asked.mean).fleets,
    )


def _owned_fleet(
    priced: PricedOption, *, filled: Array, serving: Array, servers: Array, used: Array,
    away_share: Array, by_existing: Array, existing: Mapping[str, Fleet],
) -> Fleet:  # fmt: skip
    """Servers that are bought, beside existing ones. filled: by each pool; used: of them all, in a
    mean hour; else as `Fleet` has it. [servers]"""
    assert priced.machine is not None
    none = np.zeros_like(servers)
    return Fleet(
        servers=servers,
        serving=serving,
        owned_replicas=(filled * priced.per_server).sum(axis=0),
        rented_replicas=none,
        gpus=servers * priced.machine.gpu_count,
        gpu_hours=none,
        busy=np.clip(_over(used, servers), 0, 1),
        away_share=away_share,
        by_existing=by_existing,
        existing=existing,
    )


def _filled(priced: PricedOption, peak: Array, left: Array | float = 1.0) -> Array:
    """Servers that each pool fills, parts of one too: pools share servers. A pool has one replica
    at least, unless existing servers leave nothing of its load. peak: replicas for all of it; left:
    the share that existing servers leave. [pools × n × Y]"""
    replicas = np.maximum(1.0, whole_up(peak * left))
    return np.asarray(np.where(np.asarray(left) > ROUNDING, replicas, 0.0) / priced.per_server)


def _kept(filled: Array) -> Array:
    """Whole servers that hold what pools fill; those bought once are kept. [n × Y]"""
    return np.asarray(np.maximum.accumulate(whole_up(filled.sum(axis=0)), axis=1))


def _spare(priced: PricedOption, asked: _Asked, existing: _Existing, serving: Array) -> Array:
    """Servers that stand by: for failure and maintenance, and at a second site. [n × Y]"""
    stand_by = StandBy.most(p.pool.stand_by for p in priced.pools)
    if not priced.kinds:
        spare = serving if stand_by.as_many_again else np.full_like(serving, stand_by.count)
        return np.asarray(spare + whole_up(serving * priced.option.second_site))
    for_all = whole_up(_filled(priced, asked.peak).sum(axis=0))
    strongest = max(kind.equivalent for kind in priced.kinds)
    spare = stand_by.bought(for_all, strongest, existing.idle)
    return np.asarray(spare + whole_up(for_all * priced.option.second_site))


def _away_share(pool: PoolLoad, capacity: Array, per_request: Array) -> Array:
    """Share of a pool's requests above the own capacity, minute by minute; waiting work fills the
    valleys. capacity: replicas; per_request: replicas for a request a second. [n × Y]"""
    if not pool.curve.any():
        return np.where(capacity > 0, 0.0, 1.0)
    without_limit = np.full_like(per_request, np.inf)
    carried = np.divide(capacity, per_request, out=without_limit, where=per_request > 0)
    interactive = np.interp(carried / pool.curve[-1], CAPACITIES, pool.away_share)
    return np.where(capacity > 0, interactive * (1 - pool.pool.batchable_share), 1.0)


# --- machines: existing -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Existing:
    """What existing servers carry of an option's load."""

    left: Array | float
    """Share of each pool's load that they leave to those that are bought. [pools × n × Y]"""
    idle: Array
    """Those that serve nothing, in servers of the kind that is bought. [n × Y]"""
    fleets: Mapping[str, Fleet]
    """By `PricedKind.key`."""

    def busier(self, share: Array, mean: Array) -> _Existing:
        """The same where they serve another share of each pool's load, because a part of it goes
        elsewhere. share: of each pool; mean: its load in replicas. [pools × n × Y]"""
        if not self.fleets:
            return self
        before = (mean * (1 - self.left)).sum(axis=0)
        times = _over((mean * share).sum(axis=0), before)
        fleets = {
            key: replace(fleet, busy=np.clip(fleet.busy * times, 0, 1))
            for key, fleet in self.fleets.items()
        }
        return replace(self, fleets=fleets)


def _existing(priced: PricedOption, draws: Draws, years: int) -> _Existing:
    """What an option's existing servers carry: each kind in turn a share of the load, as large as
    the replicas that it holds are of those that the whole load would need.

    `capacity.Kind` works out the same of the central case.
    """
    shape = (len(draws["growth"]), years)
    if not priced.kinds:
        return _Existing(left=1.0, idle=np.zeros(shape), fleets={})
    left = {p.pool.model: np.ones(shape) for p in priced.pools}
    idle = np.zeros(shape)
    fleets = {}
    for kind in priced.kinds:
        served = _served_by(kind, draws, years, left)
        for model, share in served.shares.items():
            left[model] = left[model] - share
        idle += (served.fleet.servers - served.fleet.serving) * kind.equivalent
        fleets[kind.key] = served.fleet
    shares = np.array([left[p.pool.model] for p in priced.pools])
    return _Existing(left=shares, idle=idle, fleets=fleets)


@dataclass(frozen=True, kw_only=True)
class _Served:
    """What one kind of existing servers does."""

    fleet: Fleet
    shares: Mapping[str, Array]
    """By model: the share of its load that they carry. [n × Y]"""


def _served_by(kind: PricedKind, draws: Draws, years: int, left: Mapping[str, Array]) -> _Served:
    """One kind of existing servers, which carry what they hold of the share that is `left` of each
    model's load. Their pools share them by what each would need of them. [n × Y each]"""
    assert kind.machine is not None
    shape = (len(draws["growth"]), years)
    none = np.zeros(shape)
    servers = np.broadcast_to(kind.count(years), shape)
    replicas = none
    serving = none
    used = none
    shares: dict[str, Array] = {}
    if kind.pools:
        models = [each.pool.model for each in kind.pools]
        asked = _asked(kind, draws, years)
        needed = asked.peak / kind.per_server
        held = whole_down(servers * needed / needed.sum(axis=0) * kind.per_server)
        carried = np.minimum(held / asked.peak, np.array([left[model] for model in models]))
        shares = dict(zip(models, carried, strict=True))
        replicas = held.sum(axis=0)
        serving = np.minimum(servers, whole_up((carried * needed).sum(axis=0)))
        used = (asked.mean * carried / kind.per_server).sum(axis=0)
    fleet = Fleet(
        servers=servers,
        serving=serving,
        owned_replicas=replicas,
        rented_replicas=none,
        gpus=servers * kind.machine.gpu_count,
        gpu_hours=none,
        busy=np.clip(_over(used, servers), 0, 1),
        away_share=np.zeros((len(kind.pools), *shape)),
    )
    return _Served(fleet=fleet, shares=shares)


# --- machines: rented -------------------------------------------------------------------------


def rented_fleet(priced: PricedOption, draws: Draws, years: int) -> Fleet:
    """Rented machines that an option needs for all of its load, with what stands by."""
    asked = _asked(priced, draws, years)
    owned = np.zeros_like(asked.peak)
    serving = _rented_beside(asked, owned)
    as_many_again = priced.of_pools(lambda pool: pool.stand_by.as_many_again) > 0
    count = priced.of_pools(lambda pool: pool.stand_by.count)
    return _rented(
        priced,
        draws,
        asked=asked,
        owned=owned,
        serving=serving,
        spare=np.where(as_many_again, serving, count),
        away_share=np.zeros_like(owned),
    )


def rented_for_peaks(hybrid: PricedHybrid, draws: Draws, years: int, own_fleet: Fleet) -> Fleet:
    """Rented machines of a hybrid beyond its own servers, which stand by in the place of spares.

    Own servers are taken to be shared evenly by the pools.
    """
    asked = _asked(hybrid.burst, draws, years)
    evenly = own_fleet.serving * hybrid.base.per_server / len(hybrid.burst.pools)
    owned = np.broadcast_to(whole_down(evenly + own_fleet.by_existing), asked.peak.shape)
    return _rented(
        hybrid.burst,
        draws,
        asked=asked,
        owned=owned,
        serving=_rented_beside(asked, owned),
        spare=np.zeros_like(asked.peak),
        away_share=own_fleet.away_share,
    )


def _rented_beside(asked: _Asked, owned: Array) -> Array:
    """Replicas that are rented beside those on own servers; a pool that has none there keeps one,
    however small its load is. [pools × n × Y]"""
    least = np.where(owned > 0, 0.0, 1.0)
    return np.maximum(least, whole_up(asked.peak) - owned)


def _rented(
    priced: PricedOption, draws: Draws, *, asked: _Asked, owned: Array, serving: Array,
    spare: Array, away_share: Array,
) -> Fleet:  # fmt: skip
    """Rented replicas that serve and stand by: committed ones are paid around the clock, others
    while they are needed. owned: replicas on own servers. [pools × n × Y]"""
    month = draws["hours_per_month"][:, None]
    paid = serving
    if not priced.option.is_committed:
        mean = np.array(list(map(_mean_replicas, priced.pools, asked.per_request, owned)))
        paid = np.minimum(mean * draws["scale_down"][:, None], serving)
    gpus = priced.of_pools(lambda pool: pool.gpus_per_replica)
    hours = (month * ((paid + spare) * gpus)).sum(axis=0)
    used = (asked.mean * gpus * month).sum(axis=0)
    standing = serving + spare
    none = np.zeros_like(hours)
    return Fleet(
        servers=none,
        serving=none,
        owned_replicas=none,
        rented_replicas=standing.sum(axis=0),
        gpus=(standing * gpus).sum(axis=0),
        gpu_hours=hours,
        busy=np.clip(used / np.maximum(hours, 1e-12), 0, 1),
        away_share=away_share,
    )


def _mean_replicas(pool: PoolLoad, per_request: Array, owned: Array) -> Array:
    """Mean over the hours of whole replicas needed beyond the owned ones; without any, at least
    one. per_request: replicas for a request a second. [n × Y]"""
    mean = np.where(owned > 0, 0.0, 1.0)
    peak = pool.bunched[-1]
    if peak > 0:
        load = np.log(np.maximum(per_request * peak, 1e-9))
        for count in np.unique(owned).tolist():
            here = owned == count
            mean[here] = np.interp(load[here], np.log(GRID), pool.beyond(count))
    return mean


# --- billing ----------------------------------------------------------------------------------


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


def resale_share(draws: Draws, age: float) -> Array:
    """Share of its price that a server of an age fetches, over the draw's `residual_scale`, which
    multiplies it; together never more than the price. [n]"""
    curve = [1.0, *(float(draws[name][0]) for name in RESIDUALS), 0.0]
    share = float(np.interp(age, range(len(curve)), curve))
    return np.asarray(np.minimum(share, 1 / np.maximum(draws["residual_scale"], 1e-9)))


# --- price paths over the months --------------------------------------------------------------


def path_factor(path: str, draws: Draws, months: int) -> Array:
    """Price of month 1 … M over today's, of all but a model's, by the name that a line has for its
    path. Raises ValueError for one that is unknown. [n × M]"""
    name, _, months_between = path.partition(":")
    match name:
        case "flat":
            return np.ones((len(draws["growth"]), months))
        case "inflation":
            return powers((1 + draws["inflation"]) ** (1 / MONTHS), months)
        case "rental":
            return _rental_path(draws, months, int(months_between))
    raise ValueError(f"no price moves along a path called {path}")


def _rental_path(draws: Draws, months: int, months_between: int) -> Array:
    """Price of a rented GPU in month 1 … M over today's, one that is agreed anew every so many
    months. [n × M]

    A drift of rents levels off: after t years as much of it has happened as m (1 - e^(-t/m)) years
    of it would bring, m being the memory (docs/decisions.md: the price of servers stays where it is
    today; rents drift and level off).
    """
    elapsed = np.arange(months) // months_between * float(months_between)
    memory = draws["rental_memory"][:, None]
    years = memory * (1 - np.exp(-elapsed / MONTHS / memory))
    return np.asarray((1 + draws["rental_drift"])[:, None] ** years)


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
