"""Every column holds what it says."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from siting import study
from siting.inputs import scenario
from siting.study import Study, frames
from studies import CLIENTS, opened

LISTED = frames.listed(*study.topics())
of_frames = pytest.mark.parametrize("name", LISTED)
LADDERS = (
    ("p10", "p25", "p50", "p75", "p90"),
    ("p50", "p95", "p99"),
    ("score_p10", "score_p50", "score_p90"),
    ("score_p10", "score", "score_p90"),
    ("worth_p10", "worth", "worth_p90"),
    ("present_low", "present_median", "present_high"),
    ("saving_low", "saving_median", "saving_high"),
    ("date_low", "end", "date_high"),
    ("low", "median", "high"),
    ("announced", "retired"),
    ("start", "end"),
)
"""Columns that never fall from left to right, where a frame has them; and every range."""
NOT_FROM_ZERO_TO_ONE = {
    ("loads", "growth"), ("loads", "growth_low"), ("loads", "growth_high"),  # a change
    ("loads", "working"),  # more than all there is
    ("gpus_by_year", "used"), ("pools", "used"),
}  # fmt: skip
"""Shares that may be below none or above all."""
COUNTED = {"servers", "rules", "inputs", "figures", "pairs", "measurements", "items"}
"""Units of what is counted in whole."""


def made(name: str) -> Iterator[pd.DataFrame]:
    """A frame of each client."""
    return (getattr(opened(client), name)() for client in CLIENTS)


# --- two columns ----------------------------------------------------------------------------------


def test_what_could_not_be_sized_is_told_by_option_model_and_reason() -> None:
    changes = {
        "options.rented.gpu": "l4-24gb",
        "options.rented.weights": "",
        "options.rented.models": {"all": "deepseek-ai/DeepSeek-V3.1"},
    }
    (row,) = Study(scenario.changed(scenario.load("base"), changes)).not_sized().itertuples()
    assert row.option == "Rented GPUs, Nebius"
    assert row.model == "DeepSeek-V3.1"
    assert row.model_key == "deepseek-ai/DeepSeek-V3.1"
    assert "does not fit on 8" in row.why


def test_latency_is_seen_at_the_percentile_that_is_asked_for() -> None:
    changes = {"workloads.assistant.latency.percentile": 99}
    asked = Study(scenario.changed(scenario.load("base"), changes)).latencies()
    assert (asked.seen == asked.p99).all() and (asked.percentile == 99).all()
    assert (asked.p95[np.isfinite(asked.p95)] < asked.p99[np.isfinite(asked.p95)]).all()


# --- each column ----------------------------------------------------------------------------------


@of_frames
def test_what_may_not_be_missing_is_in_every_row(name: str) -> None:
    said = LISTED[name]
    optional = {column for cell in said.may_be_missing for column in frames.columns(cell)}
    for frame in made(name):
        missing = frame.columns[frame.isna().any()]
        assert not {*missing} - optional


@of_frames
def test_ends_and_quantiles_stand_in_order(name: str) -> None:
    said = LISTED[name]
    ranges = [frames.columns(cell) for cell in said.cells if cell.endswith("*")]
    ladders = [ladder for ladder in LADDERS if {*ladder} <= {*said.meanings}]
    for frame in made(name):
        for ladder in (*ranges, *ladders):
            for lower, upper in itertools.pairwise(ladder):
                known = frame[[lower, upper]].dropna()
                assert (known[lower] <= known[upper]).all(), (lower, upper)


@of_frames
def test_shares_lie_between_none_and_all_and_counts_are_whole(name: str) -> None:
    for column, unit in LISTED[name].units.items():
        for frame in made(name):
            known = frame[column].dropna()
            if unit == "share" and (name, column) not in NOT_FROM_ZERO_TO_ONE:
                assert known.between(0, 1 + 1e-9).all(), column
            if unit in COUNTED:
                assert ((known >= 0) & (known == known.round())).all(), column


@of_frames
def test_what_says_whether_is_true_or_false_and_nothing_else_is(name: str) -> None:
    for frame in made(name):
        for column, meaning in LISTED[name].meanings.items():
            truths = frame[column].dropna().map(lambda value: isinstance(value, bool | np.bool_))
            assert (truths == meaning.startswith("whether")).all(), column


@of_frames
def test_addresses_days_and_options_are_what_they_are_called(name: str) -> None:
    said = LISTED[name]
    for client in CLIENTS:
        s = opened(client)
        labels = {option.label for option in s.options.values()}
        frame = getattr(s, name)()
        for column, meaning in said.meanings.items():
            known = frame[column].dropna()
            known = known[known != ""]
            if column == "url":
                assert known.str.startswith("http").all()
            if column in said.keys:
                assert {*known} <= labels, column
            if re.match(r"(the )?(last |earliest |latest )?day\b", meaning) and column != "date":
                assert known.astype(str).str.fullmatch(r"\d{4}-\d\d-\d\d").all(), column


# --- between columns, rows and frames -------------------------------------------------------------


@pytest.fixture(scope="module", params=CLIENTS)
def s(request: pytest.FixtureRequest) -> Study:
    return opened(request.param)


def test_what_a_model_takes_is_made_of_its_parts(s: Study) -> None:
    parts = s.memory_parts()
    taken = parts[parts.before_cache].groupby(["option", "model"], observed=True).central.sum()
    for fit in s.fits().dropna(subset="taken").itertuples():
        assert fit.taken == pytest.approx(taken[fit.option, fit.model])
        assert fit.need > fit.taken


def test_a_saving_is_the_cost_of_what_runs_today_less_the_options(s: Study) -> None:
    costs = s.costs()
    if costs.today.any():
        today = costs[costs.today].iloc[0]
        saved = (today.present - costs.present).tolist()
        assert costs.saving.tolist() == pytest.approx(saved)
