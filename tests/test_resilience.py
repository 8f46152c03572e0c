"""Model-change resilience on a small, made-up history, and on the catalogue."""

import datetime as dt

import pytest
from siting import catalogue
from siting.verdict import resilience
from siting.verdict.resilience import Release

DAY = dt.date(2026, 11, 24)
HISTORY = [
    Release(maker="maker", day=dt.date(2024, 1, 1), size=10.0),
    Release(maker="maker", day=dt.date(2024, 1, 1), size=70.0),
    Release(maker="maker", day=dt.date(2026, 1, 1), size=12.0),  # 24 months later
    Release(maker="maker", day=dt.date(2026, 1, 1), size=140.0),
    Release(
        maker="other", day=dt.date(2026, 1, 1), size=11.0
    ),  # another maker's model is no successor
]


def test_the_successor_is_the_nearest_in_size_of_the_same_maker_two_years_on():
    steps = resilience.successors(HISTORY)
    assert [s.same_class for s in steps] == pytest.approx([1.2, 2.0])  # 12/10 and 140/70
    assert [s.flagship for s in steps] == pytest.approx([2.0, 2.0])  # 140/70 for both


def test_a_release_only_a_year_later_does_not_count():
    early = [
        Release(maker="m", day=dt.date(2024, 1, 1), size=10.0),
        Release(maker="m", day=dt.date(2025, 1, 1), size=40.0),
    ]
    assert resilience.successors(early) == []


def test_room_is_what_the_gpus_offer_beyond_caches_over_the_weights():
    # 80 GiB − 20 GiB of caches, over 30 GiB of weights: the weights may double.
    model = catalogue.model("google/gemma-4-31B-it")
    found = resilience.SuccessorFit(
        option="own",
        model=model.model_id,
        weights=30,
        other=20,
        budget=80,
        budget_all=160,
        growth=resilience.growth(model, DAY),
    )
    assert found.room == pytest.approx(2.0)
    assert found.room_one_server == pytest.approx(140 / 30)
    assert 0 <= found.chance <= 1


def test_ample_room_fits_and_none_does_not():
    model = catalogue.model("google/gemma-4-31B-it")
    known = resilience.growth(model, DAY)
    assert (
        resilience.SuccessorFit(
            option="own", model="m", weights=1, other=0, budget=1000, budget_all=1000, growth=known
        ).verdict
        == "fits"
    )
    assert (
        resilience.SuccessorFit(
            option="own", model="m", weights=100, other=0, budget=60, budget_all=60, growth=known
        ).verdict
        == "does not fit"
    )


def test_the_forecast_uses_only_what_was_released_by_the_reports_date():
    assert resilience.growth(catalogue.model("google/gemma-2-9b-it"), dt.date(2024, 7, 1)) is None
