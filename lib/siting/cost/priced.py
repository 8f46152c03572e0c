"""Options of a scenario with their prices found: what `costing` makes, and what is billed.

Arrays are n × Y: n draws, Y years of the horizon.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from siting.cost.api_prices import ModelPath
from siting.cost.items import CostItem
from siting.cost.money import MONTHS, Array, powers
from siting.cost.prices import Factor
from siting.inputs.scenario import Option
from siting.inputs.scenario.model import ExistingServers, in_words
from siting.serving import bunching, machines
from siting.serving.load import Load
from siting.serving.pools import Pool
from siting.serving.servers import Server, replicas_per_server, whole_up

Draws = Mapping[str, Array]
"""Values of the factors by name, one for each draw; `growth` holds standard normal values."""
SHARED = (
    "demand", "throughput", "rental_drift", "inflation", "idle_share", "scale_down",
    "bytes_per_token", "hours_per_month", "staff_scale", "rental_memory", "parallel_months",
)  # fmt: skip
"""Parameters that quantities and price paths of any option read: of cost_parameters.csv, and
`scale_down` of load_settings.csv, by which capacity counts the same hours."""
RESIDUALS = tuple(f"residual_after_{age}" for age in range(1, 6))
OF_SERVERS = ("life_years", "residual_scale", *RESIDUALS)
"""Parameters that quantities of servers of one's own read beside those of `SHARED`."""


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
    existing_label: str = ""
    """Existing servers that it is paid for, as their maker calls them: blank for all else."""
    path: str = "flat"
    """`flat`, `inflation`, `rental:<months between two prices>` or `api:<vendor and model>`."""

    @property
    def label(self) -> str:
        """What is paid for, as a table of cash flows calls it."""
        peaks = self.side == "burst" and self.item.category in ("api", "rental")
        workload = f", {in_words(self.workload)}" if self.workload else ""
        when = " for peaks" if peaks else ""
        existing = f", {self.existing_label}" if self.existing_label else ""
        return self.item.label + workload + when + existing


# --- the load of a pool -----------------------------------------------------------------------


CURVE_POINTS = 624
"""Points of the load duration curve: one for each 14 hours of a year of 52 weeks."""
CAPACITIES = np.concatenate([[0.0], 2.0 ** (np.arange(-100, 51) / 10)])
"""Ratios of what own machines carry to the mean of the year's busiest hour, at which a mix is
worked out."""
GRID = np.exp(np.linspace(math.log(1e-3), math.log(1e5), 260))
"""Peaks for which the mean number of rented replicas is worked out. [replicas]"""


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
        return _at_quantiles(self.pool.mix.hours_of_year(waiting=False))

    @cached_property
    def bunched(self) -> Array:
        """What must be carried in those hours, because requests bunch within each. [requests/s]"""
        return _at_quantiles(self.pool.mix.hours_of_year(waiting=False, bunched=True))

    @cached_property
    def away_share(self) -> Array:
        """Share of the year's interactive requests that go elsewhere, minute by minute, for each
        of CAPACITIES times the busiest hour's mean that is carried. [capacities]"""
        hours = self.curve[self.curve > 0]
        carried = np.outer(CAPACITIES * self.curve[-1], 1 / hours)
        share = np.interp(carried, bunching.CARRIED, self.pool.mix.turned_away)
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


# --- options ----------------------------------------------------------------------------------


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
        return machines.of_pools([each.pool for each in self.pools], figure)

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

    def read_by(self, name: str) -> tuple[str, ...]:
        """Factors that a price path reads."""
        kind, _, key = name.partition(":")
        return self.api_paths[key].factors if kind == "api" else PATHS[kind]

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


def owned_key(hybrid: str) -> str:
    """Name of the factor that says how many servers a hybrid owns at most."""
    return f"owned_servers.{hybrid}"


# --- price paths over the months --------------------------------------------------------------


PATHS: Mapping[str, tuple[str, ...]] = {
    "flat": (),
    "inflation": ("inflation",),
    "rental": ("rental_memory", "rental_drift"),
}
"""Paths of all prices but a model's, with the factors that each reads."""


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
