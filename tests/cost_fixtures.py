"""A capacity result with round numbers, so that costs can be checked by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
from siting.inputs.scenario.model import Scenario
from siting.places import SELF_HOSTED
from siting.quantity import Range
from siting.serving.bunching import CARRIED
from siting.serving.capacity import OptionCapacity
from siting.serving.load import Load, duration_curve, workload_load
from siting.serving.pools import PoolHours
from siting.serving.servers import StandBy
from siting.verdict.chain import Chain
from studies import designed


def sized(s: Scenario, name: str) -> OptionCapacity:
    """What an option needs; nothing is kept."""
    return Chain().sized(s, name)


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
            stand_by = {
                "none": StandBy(), "n+1": StandBy(count=1), "2n": StandBy(as_many_again=True),
            }[runs.redundancy]  # fmt: skip
            pools["model"] = SimpleNamespace(
                model="model",
                loads=tuple(loads.values()),
                gpus_per_replica=gpus_per_replica,
                rate_per_replica=Range.exact(rate, "requests/s"),
                stand_by=stand_by,
                mix=_mix(list(loads.values())),
                growth=next(iter(loads.values())).growth,
            )
            pools["model"].hours = PoolHours(pools["model"])
        found[name] = SimpleNamespace(loads=loads, pools=pools, not_estimated={}, existing=())
    return found


def _mix(loads: list[Load]) -> SimpleNamespace:
    """What all workloads ask of a pool, in requests a second, as `mix.WorkloadMix` says it."""
    rates = np.array([load.mean_rate for load in loads])
    share = float(rates @ [load.batchable_share for load in loads]) / float(rates.sum())
    peak = np.sum([load.interactive * load.peak_factor for load in loads], axis=0).max()
    hours = duration_curve(loads, [load.interactive for load in loads])
    return SimpleNamespace(
        peak_rate=max(float(peak), float(rates.sum())),
        mean_rate=float(rates.sum()),
        batchable_share=share,
        hours_of_year=lambda waiting, bunched=False: hours,
        turned_away=np.maximum(0.0, 1 - CARRIED),
    )


def with_changes(client: str = "base", **changes: Any) -> Scenario:
    """The scenario of a client with parts replaced, as `finance={"tax_rate": 0.3}`."""
    data = designed(client).model_dump()
    for part, values in changes.items():
        data[part] = {**data[part], **values}
    return Scenario.model_validate(data)
