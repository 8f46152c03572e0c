"""Cost items: rows of siting_facts/cost_items.csv.

A row says what it is multiplied by (`driver`), when it falls due, and for which kinds of option.
"""

from __future__ import annotations

from typing import Annotated, Literal

from siting import catalogue, places
from siting.catalogue import Banded, Countries, Currency, Day, one_of
from siting.cost.prices import OptionKinds

When = Literal["once", "monthly", "yearly", "at_refresh", "at_exit"]
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
DRIVERS = (
    "api_bill", "fte", "gb", "gpu", "gpu_hour", "kw", "kwh", "model_move", "on_call", "option",
    "owned_server", "provisioned_hour", "replica", "request", "resale_server", "server",
    "serving_server", "site", "spare_server", "unused_commitment", "user", "workload",
)  # fmt: skip
"""What a cost item can be counted by: `cashflow.QUANTITIES` counts all but the bill of an API, of
which a remedy takes a share."""


class CostItem(Banded, tables="cost_items", key="id when driver options countries valid_from"):
    """One kind of cost. Its amount is quantity(driver) × value × the prices it is multiplied by."""

    id: str
    label: str
    category: Category
    driver: Annotated[str, one_of(lambda: DRIVERS, "driver")]
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
