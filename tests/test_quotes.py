"""A client's quotes: each is the price of just what its unit names."""

import datetime as dt

import numpy as np
import pytest
from cost_fixtures import plain_capacity, with_changes
from siting.catalogue import table
from siting.cost import cashflow, costing
from siting.cost.priced import CostItem
from siting.inputs.document import DocumentError
from siting.inputs.scenario.changes import changed
from siting.inputs.scenario.model import Scenario


def scenario() -> Scenario:
    """Every kind of place, one with units of throughput."""
    options = with_changes().model_dump()["options"]
    options["api"]["provisioned"] = {"units": 2, "price_per_unit_hour": 3}
    options["room"] = {**options["owned"], "kind": "on_premises", "label": "Own room"}
    return with_changes(options=options)


def paid(chosen: Scenario) -> dict[str, list[tuple[float, float]]]:
    """What an option pays for an item: quantity of all months and price of each line."""
    plan = costing.compile_plan(chosen, plain_capacity(chosen))
    found: dict[str, list[tuple[float, float]]] = {}
    for name in plan.options:
        for amount in cashflow.bill(plan, name, plan.central()):
            line = (float(np.sum(amount.quantity)), float(amount.price[0]))
            found.setdefault(f"{name}.{amount.line.item.id}", []).append(line)
    return found


def test_a_quote_of_what_is_paid_anyhow_moves_nothing():
    chosen = scenario()
    before = paid(chosen)
    per = {item.id: item.quoted_per for item in table("cost_items", CostItem) if item.quoted_per}
    tried = set()
    for place, lines in before.items():
        item = place.partition(".")[2]
        prices = {price for _, price in lines}
        if item not in per or len(prices) > 1 or place.startswith("hybrid"):
            continue
        unit = "EUR" if per[item] == "once" else f"EUR/{per[item]}"
        quote = {"item": f"option.{place}", "value": prices.pop(), "unit": unit,
                 "source": "offer", "date": dt.date(2026, 11, 1)}  # fmt: skip
        after = paid(changed(chosen, {"finance.quotes": [quote]}))
        assert after == {k: [pytest.approx(line) for line in v] for k, v in before.items()}, place
        tried.add(item)
    absent = {"fine_tuning", "owned_already", "api_commitment"}
    assert set(per) - tried <= absent


def test_a_wage_is_quoted_by_the_year():
    by_month = {"item": "staff", "value": 9_000, "unit": "EUR/FTE-month", "source": "offer",
                "date": dt.date(2026, 11, 1)}  # fmt: skip
    with pytest.raises(DocumentError, match="write unit: EUR/FTE-year"):
        changed(scenario(), {"finance.quotes": [by_month]})
