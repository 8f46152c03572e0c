"""Options of a scenario with their prices found: what `costing` makes, and `cashflow` bills.

A bill is a list of lines. A line is a cost item (a row of siting_facts/cost_items.csv), the factors
whose product is its unit price, and the driver that it is counted by.

Arrays are n × Y: n draws, Y years of the horizon.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import field, replace
from functools import partial
from typing import Annotated, Literal

import numpy as np
from pydantic import Field, ValidationInfo, field_validator

from siting import catalogue, places
from siting.catalogue import Banded, Countries, Currency, Day, one_of
from siting.cost import paths
from siting.cost.api_prices import ModelPath
from siting.cost.dates import Owed
from siting.cost.money import MONTHS, Array
from siting.cost.paths import Paths
from siting.cost.prices import Factor, OptionKinds
from siting.inputs.scenario import Option
from siting.inputs.scenario.model import in_words
from siting.records import frozen
from siting.serving.load import Load
from siting.serving.machines import ExistingKind
from siting.serving.pools import Pool
from siting.serving.servers import Server

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


# --- cost items -------------------------------------------------------------------------------


When = Literal["once", "monthly", "yearly", "at_refresh", "at_exit"]
Category = Literal[
    "api", "energy", "exit", "facility", "fine_tuning", "hardware", "insurance", "licences",
    "maintenance", "migration", "model_moves", "network", "remedy", "rental", "residual", "staff",
    "storage",
]  # fmt: skip
PRICES = (
    "api_request", "electricity", "gpu_hour", "provisioned_price", "server_list_price",
    "server_price", "staff_cost", "stock_price",
)  # fmt: skip
SCALES = (
    "moves_band",
    "pue_overhead",
    "residual_scale",
    "retries",
    "training_gpu_hours",
    "training_kwh",
)
"""What the amount of a cost item may be multiplied by (`costing` looks each up): prices, which
have a currency, and what has none."""
DRIVERS = (
    "api_bill", "fte", "gb", "gpu", "gpu_hour", "kw", "kwh", "model_move", "on_call", "option",
    "owned_server", "provisioned_hour", "replica", "request", "resale_server", "server",
    "serving_server", "site", "spare_server", "stock", "unused_commitment", "user", "workload",
)  # fmt: skip
"""What a cost item can be counted by: `cashflow.QUANTITIES` counts all but requests, which are
those of a workload, and the bill of an API, of which a remedy takes a share."""
SUMS = ("api_bill", "unused_commitment")
"""Drivers that are sums of money themselves: their items have neither currency nor price."""
PER = (
    "once", "month", "year", "kWh", "GPU-h", "unit-h",
    *(
        f"{what}{time}"
        for what in ("server", "GPU", "kW", "GB", "FTE", "site", "replica", "workload", "user",
                     "request", "move")
        for time in ("", "-month", "-year")
    ),
)  # fmt: skip
"""What a quote may be the price of."""


class CostItem(Banded, tables="cost_items", key="id when driver options countries valid_from"):
    """One kind of cost. Its amount is quantity(driver) × value × the prices it is multiplied by."""

    id: str
    label: str
    category: Category
    driver: Annotated[str, one_of(lambda: DRIVERS, "driver")]
    when: When
    options: Annotated[OptionKinds, Field(validate_default=True)] = ""
    """Kinds of option, or traits of them, separated by spaces; blank: none by itself (a remedy that
    a chapter names)."""
    countries: Countries = ""
    multiply_by: Annotated[str, one_of(lambda: PRICES + SCALES, "price that is looked up", " ")] = (
        ""
    )
    """Looked-up prices, separated by spaces."""
    path: Literal["flat", "api", "rental", "inflation"]
    """How the price moves over the horizon."""
    currency: Annotated[Currency, Field(validate_default=True)] = ""
    valid_from: Day
    quoted_per: Annotated[str, one_of(lambda: PER, "unit of a quote")] = ""
    """What a client's quote for it is the price of: `GPU-year`; `once` for an amount that is paid
    once; blank where none can be quoted."""

    @field_validator("options")
    @classmethod
    def _is_paid(cls, options: str, row: ValidationInfo) -> str:
        """Refuses an item that nobody would pay, and a remedy that somebody would pay always."""
        category = row.data.get("category")
        if category and bool(options) == (category == "remedy"):
            raise ValueError(
                "a remedy names no kind of option, and every other item some; write such as owned"
            )
        return options

    @field_validator("currency")
    @classmethod
    def _is_money(cls, currency: str, row: ValidationInfo) -> str:
        """Refuses an amount without a currency, and one that would be multiplied by a second."""
        if "driver" not in row.data or "multiply_by" not in row.data:
            return currency  # they are refused themselves
        prices = [word for word in row.data["multiply_by"].split() if word in PRICES]
        sums = [row.data["driver"]] if row.data["driver"] in SUMS else []
        money = [*filter(None, [currency]), *prices, *sums]
        if not money:
            raise ValueError("is missing; write such as EUR, or a price in multiply_by")
        if len(money) > 1:
            raise ValueError(f"{' and '.join(money)} are money each; keep one")
        return currency

    def is_paid_with(self, other: CostItem) -> bool:
        """Whether some kind of option pays both."""
        kinds = places.meant(self.options.split())
        return not kinds.isdisjoint(places.meant(other.options.split()))


@catalogue.of_facts
def checked_items() -> tuple[CostItem, ...]:
    """All cost items. Raises FactError naming file and line of those whose id is another's."""
    items = catalogue.table("cost_items", CostItem)
    faults = catalogue.Faults()
    for above, item in itertools.combinations(items, 2):
        if item.id == above.id and item.is_paid_with(above):
            faults.read(item, "id", partial(_refuse_another, item=item, above=above))
    faults.refuse()
    return items


def _refuse_another(name: str, item: CostItem, above: CostItem) -> None:
    """Refuses (ValueError) an id that an item above has, which an option pays too. Where both are
    paid at the same times for the same, one stands for the other: a price of another day or
    country. Else they are beside each other, and one amount holds for both."""
    if (item.when, item.driver) == (above.when, above.driver):
        is_same = item.label == above.label
    else:
        of_one_day = (item.valid_from, item.countries) == (above.valid_from, above.countries)
        is_same = item.range == above.range or not of_one_day
    if not is_same:
        raise ValueError(f"{name!r} is {above.label} already; write another")


def cost_items(kind: str, country: str, day: str) -> list[CostItem]:
    """Items of an option kind on a day (ISO), one for each id, `when` and driver.

    A row that names the country beats one for all; of equal rows the latest valid one is taken,
    so that a new price is a new row and the old one stays.
    """
    valid = [
        item
        for item in checked_items()
        if kind in places.meant(item.options.split())
        and item.valid_from <= day
        and (not item.countries or country in item.countries.split())
    ]
    best = dict.fromkeys((item.id, item.when, item.driver) for item in valid)
    for item in sorted(valid, key=lambda i: (bool(i.countries), i.valid_from)):
        best[item.id, item.when, item.driver] = item
    return [item for item in best.values() if item]


@frozen
class Line:
    """A cost item of one option: which factors multiply which quantity."""

    item: CostItem
    factors: tuple[str, ...]
    """Names of the factors whose product is the unit price."""
    workload: str = ""
    """For API usage: the workload that is billed."""
    for_peaks: bool = False
    """Of a hybrid: billed by the option that takes what its own machines do not carry."""
    existing: ExistingKind | None = None
    """Existing servers of another kind that it is paid for."""
    path: str = "flat"
    """`flat`, `inflation`, `rental:<months between two prices>` or `api:<vendor and model>`."""

    @property
    def label(self) -> str:
        """What is paid for, as a table of cash flows calls it."""
        by_use = self.for_peaks and self.item.category in ("api", "rental")
        workload = f", {in_words(self.workload)}" if self.workload else ""
        existing = f", {self.existing.server.label}" if self.existing else ""
        return self.item.label + workload + (" for peaks" if by_use else "") + existing


# --- options ----------------------------------------------------------------------------------


@frozen
class PricedOption:
    """An option with its prices found, ready to be billed."""

    name: str
    option: Option
    lines: tuple[Line, ...]
    pools: tuple[Pool, ...]
    machine: Server | None = None
    moves: tuple[float, ...] = ()
    """Tests of a successor's model to budget for in each year: moves times workloads."""
    existing: Sequence[ExistingKind] = ()
    """Existing servers of other kinds."""

    @property
    def sides(self) -> tuple[PricedOption, ...]:
        """Itself, and the parts of a split."""
        return (self,)

    @property
    def alone(self) -> str:
        """Of a hybrid whose cheapest split is one of its parts alone: that part's name; blank for
        all else."""
        return ""


@frozen
class Split:
    """How much a hybrid owns, so that its present cost is lowest."""

    servers: int
    """Servers bought at most, as the load needs them."""
    alone: Literal["", "burst", "base"]
    """Not blank: the optimum is one of the two parts alone."""


@frozen
class PricedHybrid(PricedOption):
    """An option that owns servers for part of the load, and what takes the rest."""

    base: PricedOption
    burst: PricedOption
    split: Split | None = None

    @property
    def alone(self) -> str:
        parts = {"burst": self.burst.name, "base": self.base.name}
        return parts.get(self.split.alone, "") if self.split else ""


@frozen
class PricedPart:
    """An option with some of the workloads."""

    priced: PricedOption
    workloads: tuple[str, ...]

    def within(self, plan: Plan) -> Plan:
        """A plan in which it is the whole option, and its workloads are all."""
        return replace(
            plan,
            options={**plan.options, self.priced.name: self.priced},
            loads={name: plan.loads[name] for name in self.workloads},
            users={name: plan.users[name] for name in self.workloads},
            on_call=plan.on_call.intersection(self.workloads),
        )


@frozen
class PricedSplit(PricedOption):
    """An option that gives each workload to another one."""

    parts: tuple[PricedPart, ...]

    @property
    def sides(self) -> tuple[PricedOption, ...]:
        return (self, *(part.priced for part in self.parts))


@frozen
class Plan:
    """All options of a scenario that could be priced, and why the others could not."""

    options: Mapping[str, PricedOption]
    not_estimated: Mapping[str, str]
    factors: Mapping[str, Factor]
    loads: Mapping[str, Load]
    baseline: str
    months: int
    first_month: int
    """Calendar month of month 1, from 1 to 12."""
    users: Mapping[str, float]
    """Who is told and trained, by workload."""
    tax_rate: float = 0.0
    """Of profit, by which all that is paid or written off saves tax; 0: before tax."""
    owed: Mapping[str, tuple[Owed, ...]] = field(default_factory=dict)
    """What contracts of the baseline demand of who moves to an option."""
    freezes: tuple[tuple[float, float], ...] = ()
    """Months after the report from when to when nothing goes live."""
    api_paths: Mapping[str, ModelPath] = field(default_factory=dict)
    """How prices of models move, by vendor and model."""
    on_call: frozenset[str] = frozenset()
    """Workloads that may stop for less than nine hours a year."""
    notes: tuple[str, ...] = ()

    @property
    def years(self) -> int:
        """Years of the horizon; the last may be cut."""
        return math.ceil(self.months / MONTHS)

    @property
    def falling(self) -> Plan:
        """The same where prices of models fall."""
        return replace(self, api_paths={key: path.falling for key, path in self.api_paths.items()})

    def months_of(self, workloads: Iterable[str]) -> tuple[float, ...]:
        """Requests of some workloads in each month of a plan's year over those of a mean one;
        empty where months are alike. [12]"""
        loads = [self.loads[name] for name in workloads]
        if not any(load.seasons for load in loads):
            return ()
        tokens = [
            load.mean_rate * (load.lengths.input.mean + load.lengths.output.mean) for load in loads
        ]
        months = [load.by_month for load in loads]
        return self.from_first(np.average(months, axis=0, weights=tokens))

    def from_first(self, months: Array) -> tuple[float, ...]:
        """What holds in calendar months, January first, over its mean, by month of a plan's year.
        [12]"""
        return tuple(np.roll(months / months.mean(), 1 - self.first_month).tolist())

    def central(self, **changes: float | Array) -> dict[str, Array]:
        """The central draw; `changes` overrides factors, with one value or one for each draw.
        [n each]"""
        size = max((np.size(v) for v in changes.values()), default=1)
        values = {n: np.full(size, f.value.central) for n, f in self.factors.items()}
        moved = {n: np.broadcast_to(np.asarray(v, float), (size,)) for n, v in changes.items()}
        return {**values, "growth": np.zeros(size), **moved}

    def market(self, draws: Draws) -> Paths:
        """Paths that all options share."""
        return paths.market(self.months, *(draws[each].tobytes() for each in paths.MARKET))

    def paths(self, name: str, draws: Draws, market: Paths) -> Paths:
        """Where the path is found that a line has by this name: those of models are the plan's own,
        all others the market's."""
        kind, _, key = name.partition(":")
        if kind != "api":
            return market
        path = self.api_paths[key]
        drawn = (draws[factor].tobytes() for factor in path.factors)
        return paths.walked(path, self.months, market, *drawn)

    def path(self, name: str, draws: Draws) -> Array:
        """Price of month 1 … M over today's. [n × M]"""
        return self.paths(name, draws, self.market(draws)).path(name)


def owned_key(hybrid: str) -> str:
    """Name of the factor that says how many servers a hybrid owns at most."""
    return f"owned_servers.{hybrid}"


def machines_key(option: str, existing: ExistingKind | None = None) -> str:
    """Ends the names of factors of an option's machines, or of existing ones of another kind."""
    return f"{option}.{existing.server.id}" if existing else option
