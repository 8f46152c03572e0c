"""What a notebook asks a study for by name: the choice, what runs today, a month, a chapter."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest
from siting.inputs import scenario
from siting.study import Study
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
