"""What is left to the kit beside what was typed: all clients with loads at random.

In each scenario every field of every option is left open, one at a time; what the option then costs
in all is held against what was typed.

    python -m benchmarks.left_open 5
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from itertools import product
from typing import Any

from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import BEST, Option, Scenario
from siting.places import COMMITTED, MIXED, OWNED, SELF_HOSTED
from siting.verdict import ordered
from siting.verdict.chain import Chain

TRIALS = 15
"""Scenarios at random for each client."""
OPEN: dict[str, Any] = {
    "gpu": BEST, "server": BEST, "weights": BEST, "tensor_parallel": None,
    "commitment": BEST, "effort": BEST, "models": {"all": BEST},
}  # fmt: skip
"""Fields of an option, as they stand where they are left to the kit."""
ROUNDING = 1e-9
"""Share of a sum that is no difference."""
MACHINES = ("gpu", "server", "weights", "tensor_parallel")


@dataclass(frozen=True)
class Compared:
    """An option with one field left open, beside what was typed."""

    option: str
    field: str
    typed: float
    """In all, the mean over draws. [client's currency]"""
    found: float
    """The same where the field is left open."""

    @property
    def dearer(self) -> float:
        """By what share of the sum what was left open costs more; negative where less."""
        return self.found / self.typed - 1


def at_random(client: str, number: int) -> Scenario:
    """A client with another load, horizon and discount rate."""
    chance = random.Random(f"{client} {number}")
    found = scenario.load(client)
    changes: dict[str, Any] = {
        "finance.horizon_months": chance.choice([36, 48, 60]),
        "finance.discount_rate": round(chance.uniform(0.02, 0.12), 3),
    }
    for name, load in found.workloads.items():
        times = 10 ** chance.uniform(-0.5, 0.5)
        for line in ("requests_per_user_day", "requests_per_day", "requests_per_month"):
            if value := getattr(load, line):
                changes[f"workloads.{name}.{line}"] = value * times
    return put(found, changes)


def fields(s: Scenario, name: str) -> list[str]:
    """Fields of an option that can be left open: of what runs today, its machines alone."""
    kind = s.options[name].kind
    possible = list(MACHINES) if kind in SELF_HOSTED else []
    if name != s.finance.baseline:
        possible += [field for field in OPEN if field not in MACHINES]
    lacking = {"server": kind not in OWNED, "commitment": kind not in COMMITTED}
    return [field for field in possible if not lacking.get(field)]


def opened(option: Option, field: str) -> Option:
    """An option with one field left to the kit."""
    return option.model_copy(update={field: OPEN[field]})


def compared(chain: Chain, s: Scenario, name: str, field: str) -> Compared | None:
    """An option of a scenario that is built, and the same with one field left open; None where what
    was typed has no price, cannot be taken, or may not take part."""
    built = chain.built(ordered.with_option(s, name, opened(s.options[name], field)))
    taken = built.options[name]
    assert not ordered.is_open(taken) or not taken.models
    if field in ("models", "effort"):
        assert not taken.models or ordered.standing(s, taken) != "out"
        if ordered.standing(s, s.options[name]) != "in":
            return None
    typed = chain.as_planned(s, name)
    if typed.refused or typed.present is None:
        return None
    before, found = (chain.decided(each).mean(name) for each in (s, built))
    return Compared(name, field, before, found)


def main(trials: int) -> None:
    """Every field of every option of so many scenarios for each client."""
    shares: list[float] = []
    for client, number in product(scenario.names(), range(trials)):
        chain = Chain()
        s = chain.built(at_random(client, number))
        for name in (n for n, o in s.options.items() if o.kind not in MIXED):
            for each in filter(None, (compared(chain, s, name, f) for f in fields(s, name))):
                shares.append(each.dearer)
                said = f"{client} {number} {name} {each.field}"
                print(f"{said}: {each.typed:.0f} {each.found:.0f} {each.dearer:+.3%}", flush=True)
    dearer = [share for share in shares if share > ROUNDING]
    cheaper = [share for share in shares if share < -ROUNDING]
    print(f"{len(shares)} compared, {len(dearer)} dearer, {len(cheaper)} cheaper")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or [TRIALS]))
