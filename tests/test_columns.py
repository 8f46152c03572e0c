"""Every column holds what it says."""

import inspect
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from siting import study
from siting.inputs import scenario
from siting.study import Study, frames
from studies import FEW, compute, opened

LISTED = frames.listed(*study.topics())
of_frames = pytest.mark.parametrize("name", LISTED)
LADDERS = (
    ("in_all_p10", "in_all_p50", "in_all_p90"),
    ("p50", "p95", "p99"),
    ("present_low", "present_high"),
    ("start", "end"),
)
"""Columns that never fall from left to right, where a frame has them; and every range."""
NOT_FROM_ZERO_TO_ONE = {
    ("loads", "growth"), ("loads", "growth_low"), ("loads", "growth_high"),  # a change
    ("loads", "working"),  # more than all there is
    ("pools", "used"),
}  # fmt: skip
"""Shares that may be below none or above all."""
COUNTED = {"servers", "notices", "points", "figures", "measurements", "items", "year"}
"""Units of what is counted in whole."""


def made(name: str) -> Iterator[pd.DataFrame]:
    """A frame of each of a few clients."""
    return (getattr(opened(client), name)() for client in FEW)


def test_what_could_not_be_sized_is_told_by_option_model_and_reason():
    changes = {
        "options.rented.gpu": "l4-24gb",
        "options.rented.weights": "",
        "options.rented.models": {"all": "deepseek-ai/DeepSeek-V3.1"},
    }
    told = Study(scenario.changed(scenario.load("base"), changes)).left_out().set_index("subject")
    assert told.about["deepseek-ai/DeepSeek-V3.1"] == "Rented GPUs, Nebius"
    assert "does not fit on 8" in told.why["deepseek-ai/DeepSeek-V3.1"]


def test_latency_is_seen_at_the_percentile_that_is_asked_for():
    changes = {"workloads.assistant.latency.percentile": 99}
    s = Study(scenario.changed(scenario.load("base"), changes))
    asked = s.latencies()
    assert (asked.seen == asked.p99).all() and (s.loads().percentile == 99).all()
    assert (asked.p95[np.isfinite(asked.p95)] < asked.p99[np.isfinite(asked.p95)]).all()


# --- rows -----------------------------------------------------------------------------------------


@of_frames
def test_a_key_is_never_missing_and_tells_rows_apart(name):
    key = list(LISTED[name].key)
    for frame in made(name):
        if key:
            assert not frame[key].isna().any(axis=None)
            assert not frame.duplicated(key).any()
        else:
            assert len(frame) <= 1


def test_every_column_that_means_something_is_in_a_frame():
    named = {cell.removesuffix("*") or "*" for said in LISTED.values() for cell in said.cells}
    folders = {Path(inspect.getfile(topic)).parent for topic in study.topics()}
    tables = [frames.meanings(f) for f in folders if (f / frames.COLUMNS).is_file()]
    assert {column for table in tables for column in table} == named
    assert sum(map(len, tables)) == len(named)


@pytest.mark.parametrize("client", FEW)
def test_figures_of_frames_stand_in_the_summary_under_their_names(client):
    s = opened(client)
    content = s.summary()
    keys = {option.label: name for name, option in s.options.items()}
    for row in s.sums().dropna(subset="in_all").itertuples():
        assert content["options"][row.key]["in_all"]["total"] == row.in_all
        assert content["options"][row.key]["in_all"]["vendors"] == row.vendors
    for row in s.sums().dropna(subset="total").itertuples():
        found = content["options"][keys[row.option]]["cost"]
        assert found["present_cost"] == row.present
        assert found["total_cost"] == row.total
    for row in s.fits().dropna(subset="need").itertuples():
        memory = content["options"][keys[row.option]]["memory"]
        found = next(memory[model] for model in memory if model.endswith(row.model))
        assert found["need_per_gpu"]["central"] == row.need
        assert found["kv_pool"]["central"] == row.free
    for row in s.pools().itertuples():
        pools = content["options"][keys[row.option]]["capacity"]["pools"]
        found = next(pools[model] for model in pools if model.endswith(row.model))
        assert found["rate_per_replica"]["low"] == row.rate_low
        assert found["gpus"] == row.gpus
    verdicts = s.rule_verdicts()
    for option, counted in pd.crosstab(verdicts.option, verdicts.verdict).iterrows():
        found = content["options"][keys[option]]["sovereignty"]["counts"]
        assert {word: n for word, n in found.items() if n} == counted[counted > 0].to_dict()
    tried = s.variants().query("change_kind != 'switch'")
    for row, said in zip(tried.itertuples(), content["variants"], strict=True):
        assert (said["answer"], said["what"]) == (row.answer, row.what)
    for row, said in zip(s.inputs().itertuples(), content["inputs"], strict=True):
        assert said["value"]["central"] == row.central


# --- each column ----------------------------------------------------------------------------------


@of_frames
def test_what_may_not_be_missing_is_in_every_row(name):
    said = LISTED[name]
    optional = {column for cell in said.may_be_missing for column in frames.columns(cell)}
    for frame in made(name):
        missing = frame.columns[frame.isna().any()]
        assert not {*missing} - optional


@of_frames
def test_ends_and_quantiles_stand_in_order(name):
    said = LISTED[name]
    ranges = [frames.columns(cell) for cell in said.cells if cell.endswith("*")]
    ladders = [ladder for ladder in LADDERS if {*ladder} <= {*said.meanings}]
    for frame in made(name):
        for ladder in (*ranges, *ladders):
            for lower, upper in itertools.pairwise(ladder):
                known = frame[[lower, upper]].dropna()
                assert (known[lower] <= known[upper]).all(), (lower, upper)


@of_frames
def test_shares_lie_between_none_and_all_and_counts_are_whole(name):
    for column, unit in LISTED[name].units.items():
        for frame in made(name):
            known = frame[column].dropna()
            if unit == "share" and (name, column) not in NOT_FROM_ZERO_TO_ONE:
                assert known.between(0, 1 + 1e-9).all(), column
            if unit in COUNTED:
                assert ((known >= 0) & (known == known.round())).all(), column


@of_frames
def test_what_says_whether_is_true_or_false_and_nothing_else_is(name):
    for frame in made(name):
        for column, meaning in LISTED[name].meanings.items():
            truths = frame[column].dropna().map(lambda value: isinstance(value, bool | np.bool_))
            assert (truths == meaning.startswith("whether")).all(), column


@of_frames
def test_addresses_days_and_options_are_what_they_are_called(name):
    said = LISTED[name]
    for client in FEW:
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


@pytest.fixture(scope="module", params=FEW)
def s(request: pytest.FixtureRequest) -> Study:
    return opened(request.param)


def test_what_a_model_takes_is_made_of_its_parts_which_have_sources(s):
    fits = s.fits().dropna(subset="taken")
    parts = fits[["of_weights", "of_activations", "of_libraries", "of_graphs"]].sum(axis=1)
    assert fits.taken.to_list() == pytest.approx(parts.to_list())
    assert (fits.need > fits.taken).all()
    left = fits.dropna(subset="free")
    assert (left.taken + left.free).to_list() == pytest.approx(left.budget.to_list())
    made = [part for found in s.results.memory.values() for f in found for part in f.memory.parts]
    assert made and all(part.formula and part.source.source for part in made)


def test_monthly_flows_add_up_to_the_totals(s):
    flows = s.cash_flows()
    for row in s.sums().dropna(subset="total").itertuples():
        own = flows[flows.option == row.option]
        assert own.amount.sum() == pytest.approx(row.total)
        assert own.present.sum() == pytest.approx(row.present)
        billed = own.amount[own.category != "waiting, counted and not billed"].sum()
        assert own.paid.sum() == pytest.approx(billed)
        assert own.booked.sum() == pytest.approx(billed)


def test_profit_tax_stands_by_itself_between_what_is_paid_and_what_is_compared():
    budget = compute("base", {"finance.tax_rate": 0.2}).budget()
    taxed = budget.pivot(index="option", columns="key")["amount"]
    parts = ["planned", "beside", "tax", "counted", "leaving", "vendors", "premiums"]
    assert (taxed.tax < 0).all()
    assert taxed[parts].sum(axis=1).to_numpy() == pytest.approx(taxed.in_all.to_numpy())


def test_a_saving_is_the_cost_of_what_runs_today_less_the_options(s):
    costs = s.sums().dropna(subset="total")
    if (costs.role == "today").any():
        today = costs[costs.role == "today"].iloc[0]
        saved = (today.present - costs.present).tolist()
        assert costs.saving.tolist() == pytest.approx(saved)
