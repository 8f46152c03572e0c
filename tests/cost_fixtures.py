"""A capacity result with round numbers, so that costs can be checked by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from siting.inputs import scenario
from siting.inputs.scenario import SELF_HOSTED, Scenario
from siting.quantity import Range
from siting.serving import capacity
from siting.serving.load import workload_load


def plain_capacity(
    chosen: Scenario, rate: float = 2.0, gpus_per_replica: int = 1
) -> dict[str, Any]:
    """Every model served at `rate` requests/s by replicas of so many GPUs, whatever its size."""
    loads = {n: workload_load(n, w) for n, w in chosen.workloads.items()}
    found: dict[str, Any] = {}
    for name, option in chosen.options.items():
        runs = chosen.options[option.base] if option.kind == "hybrid" else option
        pools: dict[str, Any] = {}
        if runs.kind in SELF_HOSTED:
            spares = {"none": 0, "n+1": 1, "2n": -1}[runs.redundancy]
            pools["model"] = SimpleNamespace(
                load=capacity.merged(list(loads.values())),
                gpus_per_replica=gpus_per_replica,
                rate_per_replica=Range.exact(rate, "requests/s"),
                spares=spares,
            )
        found[name] = SimpleNamespace(loads=loads, pools=pools, not_estimated={})
    return found


def with_changes(client: str = "base", **changes: Any) -> Scenario:
    """The scenario of a client with parts replaced, as `finance={"tax_rate": 0.3}`."""
    data = scenario.load(client).model_dump()
    for part, values in changes.items():
        data[part] = {**data[part], **values}
    return Scenario.model_validate(data)
