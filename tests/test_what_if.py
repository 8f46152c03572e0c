"""Cases of volume, API prices and weight of cost: those that the report has too are its own."""

from __future__ import annotations

import pandas as pd
import pytest
from siting import study
from siting.inputs import scenario
from studies import opened

KEYS = ["option", "first"]


@pytest.fixture(scope="module")
def s() -> study.Study:
    return opened("base")


@pytest.fixture(scope="module")
def cases(s: study.Study) -> pd.DataFrame:
    return s.what_if()


def test_the_reported_case_is_the_ranking_and_the_cost_of_the_report(
    s: study.Study, cases: pd.DataFrame
) -> None:
    mine = cases[cases.reported].set_index("option")
    standing = s.standings().set_index("option").loc[mine.index]
    assert (mine.path == "list").all() and (mine.volume == 1).all()
    pd.testing.assert_series_equal(mine["first"], standing["first"])
    pd.testing.assert_series_equal(mine.cost, standing.p50, check_names=False)
    assert mine.index[mine.best].tolist() == [s.verdict().option[0]]


def test_falling_prices_alone_are_the_reports_second_future(
    s: study.Study, cases: pd.DataFrame
) -> None:
    weight = cases.weight[cases.reported].iloc[0]
    mine = cases[(cases.volume == 1) & (cases.path == "falling") & (cases.weight == weight)]
    future = s.price_futures().query("path == 'falling' and first == first")
    pd.testing.assert_frame_equal(
        mine[KEYS].reset_index(drop=True), future[KEYS].reset_index(drop=True)
    )


def test_every_case_is_whole_and_a_heavier_weight_of_cost_helps_the_cheapest(
    cases: pd.DataFrame,
) -> None:
    by = cases.groupby(["volume", "path", "weight"])
    assert len(by) == 5 * 2 * 4
    assert by["first"].sum().tolist() == pytest.approx([1] * len(by))
    assert (by.best.sum() == 1).all()
    for _, part in cases[cases.volume == 1].groupby("path"):
        cheapest = part.option[part.cost.idxmin()]
        counts = part[part.option == cheapest].sort_values("weight")["first"]
        assert counts.is_monotonic_increasing and counts.iloc[-1] > counts.iloc[0]


def test_cost_at_another_volume_follows_the_curve_of_cost_over_volume(
    s: study.Study, cases: pd.DataFrame
) -> None:
    """An API is paid by the token: four times the volume costs nearly four times as much, and
    never more; what is owned costs less than that."""
    listed = cases[(cases.path == "list") & (cases.weight == cases.weight.min())]
    cost = listed.pivot(index="volume", columns="option", values="cost")
    ratio = cost.loc[4.0] / cost.loc[1.0]
    keys = s.standings().set_index("key").option
    assert 3.5 < ratio[keys["api"]] <= 4.0
    assert 1.0 <= ratio[keys["owned"]] < ratio[keys["api"]]


def test_where_cost_counts_for_nothing_it_has_that_weight_alone(s: study.Study) -> None:
    given = scenario.changed(s.scenario, {"decision.weights": {"cost": 0}})
    cases = study.Study(given).what_if()
    assert set(cases.weight) == {0}
    assert cases[cases.reported]["first"].sum() == pytest.approx(1)
