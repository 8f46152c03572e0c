"""Each risk is counted once, and the method page says where."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from siting.catalogue import table
from siting.inputs import scenario
from siting.vendors.stability import ShockKind
from siting.verdict.decision import PARTS
from siting.verdict.options import Assessed, OwnShock

METHOD = Path(__file__).parents[1] / "docs" / "method" / "verdict.md"
IN_PART = {
    "cost": "cost", "leaving": "leaving", "loss": "vendors", "remedy": "remedies",
    "premium": "premiums",
}  # fmt: skip
"""Part of the sum that a word of the page names; a limit is in none."""


def told() -> list[tuple[str, str]]:
    """Risk and place, row by row, as the page has them."""
    page = METHOD.read_text("utf-8").split("| risk | where it is counted |")[1]
    return re.findall(r"^\| (?!---)`?(.+?)`? \| (\w+) \|$", page, re.M)


def test_a_risk_stands_once_and_every_part_of_a_sum_holds_one():
    risks, places = zip(*told(), strict=True)
    assert len(set(risks)) == len(risks)
    assert set(places) == {*IN_PART, "limit"}
    assert sorted(IN_PART.values()) == sorted(PARTS)


def test_the_page_tells_of_every_shock_where_the_verdict_counts_it():
    counted = {kind.shock: str(kind.counted) for kind in table("stability_shocks", ShockKind)}
    counted |= {row.shock: "loss" for row in table("own_shocks", OwnShock)}
    shocks = {risk: place for risk, place in told() if re.fullmatch(r"[a-z]+(_[a-z]+)+", risk)}
    assert shocks == counted


def test_a_shock_that_the_path_of_prices_holds_is_no_loss():
    """Twice a chance of a half of 100; the price rise is in the cost already."""
    base = scenario.load("base")
    api = next(name for name, option in base.options.items() if option.kind == "api")
    shocks = [
        SimpleNamespace(kind=kind, vendor="", chances=np.full(3, 0.5), costs=np.full(3, 100.0))
        for kind in table("stability_shocks", ShockKind)
        if kind.shock in ("price_change", "outage_of_a_day", "terms_changed")
    ]
    nothing: Any = {"capacity": None, "law": None, "parities": ()}
    costs: Any = {api: SimpleNamespace(own=None)}
    found = Assessed(scenario=base, name=api, costs=costs, **nothing)
    risk: Any = SimpleNamespace(kinds=shocks)
    loss = found.expected_loss(risk, 3)
    assert loss.tolist() == [100.0, 100.0, 100.0]
