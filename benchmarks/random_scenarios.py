"""Scenarios at random from what the schema allows: each is refused in words, or computes.

`python -m benchmarks.random_scenarios` tries 300.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario.model import BEST
from siting.verdict.chain import Chain

EXAMPLES = 300
CARDS = (BEST, "h100-sxm5-80gb", "l40s-48gb", "a100-sxm4-80gb", "h200-sxm5-141gb")
ONE_OF: dict[str, tuple[Any, ...]] = {
    "client.country": ("DE", "FR", "CH", "US", "GB", "CA"),
    "client.sector": ("banking", "insurance", "health", "public", "software", "industry"),
    "client.currency": ("EUR", "USD", "CHF", "GBP"),
    "workloads.assistant.task": ("chat", "classify", "summarise", "code", "agent", "mathematics"),
    "workloads.assistant.arrivals": (None, "people", "machines", "agents"),
    "workloads.assistant.hours": ("office", "day", "flat", "night"),
    "workloads.assistant.users": (0.0, 1.0, 40.0, 2_000.0, 60_000.0),
    "workloads.assistant.requests_per_user_day": (0.0, 0.1, 12.0, 400.0),
    "workloads.assistant.requests_per_month": (0.0, 1.0, 90_000.0),
    "workloads.assistant.batchable_share": (0.0, 0.3, 1.0),
    "workloads.assistant.cached_input_share": (0.0, 0.5, 1.0),
    "workloads.assistant.peak_factor": (1.0, 1.5, 20.0),
    "workloads.assistant.reasoning_tokens": (None, 0.0, 5_000.0),
    "workloads.assistant.latency.ttft_s": (0.05, 0.5, 2.0, 60.0),
    "workloads.assistant.latency.tpot_ms": (2.0, 30.0, 500.0),
    "workloads.assistant.growth_by_year": ([], [-0.9], [0.0, 3.0]),
    "workloads.assistant.images_per_request": (0.0, 0.5, 12.0),
    "workloads.assistant.input_tokens": (
        {"mean": 700.0},
        {"mean": 1.0, "p95": 1.0},
        {"mean": 900.0, "p95": 4_000.0},
        {"mean": 60_000.0, "p95": 200_000.0},
    ),
    "workloads.assistant.output_tokens": (
        {"mean": 1.0, "p95": 1.0},
        {"mean": 300.0, "p95": 900.0},
        {"mean": 8_000.0, "p95": 30_000.0},
    ),
    "options.owned.gpu": CARDS,
    "options.owned.server": ("", BEST, "server-4x-l40s", "dgx-h200"),
    "options.owned.weights": ("", BEST, "fp8", "awq"),
    "options.owned.tensor_parallel": (None, 1, 3, 8),
    "options.owned.redundancy": ("none", "n+1", "2n"),
    "options.owned.room": (None, {"kw": 0.5}, {"kw": 30.0, "pue": 1.6}),
    "options.rented.gpu": CARDS,
    "options.rented.commitment": ("on_demand", "spot", "1y", "3y"),
    "options.owned.months_to_production": (0.0, 6.0, 30.0, 80.0),
    "options.api.months_to_production": (0.0, 11.0, 30.0),
    "finance.baseline": ("none", "api", "owned", "hybrid"),
    "finance.horizon_months": (12, 31, 120),
    "finance.tax_rate": (None, 0.0, 0.3),
}
"""Values of fields that are tried together: usual ones, and the ends of what is allowed."""


@st.composite
def changes(draw: st.DrawFn) -> dict[str, Any]:
    """Values for some of these fields."""
    fields = draw(st.lists(st.sampled_from(sorted(ONE_OF)), min_size=1, max_size=9, unique=True))
    return {field: draw(st.sampled_from(ONE_OF[field])) for field in fields}


def computes(asked: dict[str, Any]) -> bool:
    """Whether base with these values is computed; False where it is refused in words.

    Raises AssertionError for a number that is none, and whatever the chain raises.
    """
    try:
        found = scenario.changed(scenario.load("base"), asked)
    except DocumentError as refused:
        assert refused.problems
        return False
    chain = Chain(draws=100)
    decided = chain.decide(found)
    for candidate in decided.candidates:
        costs = candidate.burden.costs
        assert all(np.isfinite(c.present).all() for c in costs.values()), (candidate.name, asked)
        assert costs or chain.plan(chain.designed(found), candidate.name)
    return True


def drawn(examples: int) -> list[dict[str, Any]]:
    """So many changes of base, the same each time."""
    found: list[dict[str, Any]] = []

    @settings(
        max_examples=examples, deadline=None, database=None, derandomize=True,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(changes())
    def each(asked: dict[str, Any]) -> None:
        found.append(asked)

    each()
    return found


def run(examples: int) -> dict[str, int]:
    """Tries so many; says how many were computed and how many refused."""
    counted = {"computed": 0, "refused": 0}
    for asked in drawn(examples):
        counted["computed" if computes(asked) else "refused"] += 1
    return counted


if __name__ == "__main__":
    print(run(EXAMPLES))
