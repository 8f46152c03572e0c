"""Each risk is counted once, and the method page says where."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from siting.catalogue import table
from siting.inputs import scenario
from siting.vendors.stability import ShockKind
from siting.verdict.options import expected_loss


def test_a_shock_that_the_path_of_prices_holds_is_no_loss() -> None:
    """Twice a chance of a half of 100; the price rise is in the cost already."""
    base = scenario.load("base")
    api = next(name for name, option in base.options.items() if option.kind == "api")
    shocks = [
        SimpleNamespace(kind=kind, vendor="", chances=np.full(3, 0.5), costs=np.full(3, 100.0))
        for kind in table("stability_shocks", ShockKind)
        if kind.shock in ("price_change", "outage_of_a_day", "terms_changed")
    ]
    found = SimpleNamespace(scenario=base, costs={api: SimpleNamespace(own=None)})
    risk = SimpleNamespace(kinds=shocks)
    loss = expected_loss(cast("Any", found), cast("Any", risk), api, 3)
    assert loss.tolist() == [100.0, 100.0, 100.0]
