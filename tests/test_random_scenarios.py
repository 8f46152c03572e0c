"""A few scenarios at random from the schema; `python -m benchmarks.random_scenarios` tries 300."""

from benchmarks import random_scenarios

CRASHED = (
    {
        "workloads.assistant.cached_input_share": 1.0,
        "workloads.assistant.output_tokens": {"mean": 1.0, "p95": 1.0},
    },
    {"options.owned.room": {"kw": 0.5}},  # holds no server, for a mix neither
)
"""Scenarios that once ended in a traceback."""


def test_scenarios_that_once_crashed_are_computed():
    assert all(random_scenarios.computes(asked) for asked in CRASHED)


def test_scenarios_at_random_compute_or_are_refused_in_words():
    counted = random_scenarios.run(4)
    assert counted["computed"] > 0
