"""What a notebook asks a study for by name: the choice, what runs today, a month, a chapter."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from siting.inputs import scenario
from siting.study import Study, frames
from studies import opened


def test_the_choice_and_what_runs_today_are_labels() -> None:
    s = opened("klinikverbund-nordheide")
    answer = s.answer().iloc[0]
    assert s.chosen == answer.option
    assert s.today == s.options[s.scenario.finance.baseline].label
    assert {s.roles[s.chosen], s.roles[s.today]} == {"chosen", "today"}


def test_where_nothing_is_allowed_or_runs_the_label_is_none() -> None:
    changes = {
        "finance.baseline": "none",
        "finance.budget_any_year": 1,
    }
    s = Study(scenario.changed(scenario.load("polderwerk"), changes))
    assert s.today is None
    assert s.chosen is None


@pytest.mark.parametrize("day", ["2027-04-09", dt.date(2027, 4, 9), pd.Timestamp("2027-04-09")])
def test_a_month_is_written_as_the_country_writes_it(day: str | dt.date) -> None:
    assert opened("klinikverbund-nordheide").month(day) == "April 2027"


def test_a_chapter_that_is_misspelt_is_refused_with_the_one_that_is_meant() -> None:
    with pytest.raises(ValueError, match=r"'95_methodes' is no chapter; did you mean 95_method"):
        opened("base").has_chapter("95_methodes")


def test_a_frame_without_rows_is_compared_and_filtered_like_any_other() -> None:
    class Empty(frames.Topic):
        @frames.frame("option", "price_date stale age_days")
        def nothing(self) -> frames.Rows:
            """A model that ends."""
            return []

    rows = Empty(opened("base")).nothing()
    assert rows[(rows.price_date < "2027-01-01") & rows.stale & (rows.age_days > 1)].empty
    assert rows[~rows.stale].empty
    assert rows.price_date.str.upper().empty
    assert rows.age_days.sum() == 0
