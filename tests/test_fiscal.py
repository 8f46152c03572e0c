"""Cash by fiscal year: where years begin, what falls in them, and that none is lost."""

import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from siting import study
from siting.cost import fiscal
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from studies import designed, opened


def plan(decided: str, months: int, start: int | None) -> Any:
    """What fiscal years are made from."""
    day = dt.date.fromisoformat(decided)
    finance = SimpleNamespace(fiscal_year_start=start, horizon_months=months)
    return SimpleNamespace(client=SimpleNamespace(report_date=day), finance=finance)


@pytest.mark.parametrize(
    ("decided", "months", "start", "years"),
    [
        # November to March are five months of a year that begins in April.
        ("2026-11-24", 36, 4, [("2026/27", 5), ("2027/28", 12), ("2028/29", 12), ("2029/30", 7)]),
        ("2026-11-24", 14, 1, [("2026", 2), ("2027", 12)]),
        ("2026-11-24", 24, 11, [("2026/27", 12), ("2027/28", 12)]),
        ("2026-02-01", 13, 3, [("2025/26", 1), ("2026/27", 12)]),
        ("2099-06-30", 12, 7, [("2098/99", 1), ("2099/00", 11)]),
        ("2026-11-24", 36, None, []),
    ],
)
def test_a_plan_falls_into_fiscal_years_month_by_month(decided, months, start, years):
    found = fiscal.years(plan(decided, months, start))
    assert [(year.name, year.months) for year in found] == years
    # Each month, and today, stands in one year and in one alone.
    taken = [t for year in found for t in range(year.first, year.last + 1)]
    assert taken == (list(range(months + 1)) if start else [])
    assert all(year.begins.month == start and year.begins.day == 1 for year in found)


def test_a_fiscal_year_is_whole_even_where_the_plan_is_not():
    # Decided in November, for 14 months: the year that began in April ends at the end of March.
    first, second = fiscal.years(plan("2026-11-24", 14, 4))
    assert (first.begins, first.ends) == (dt.date(2026, 4, 1), dt.date(2027, 3, 31))
    assert (second.begins, second.ends) == (dt.date(2027, 4, 1), dt.date(2028, 3, 31))


def test_what_is_paid_today_falls_in_the_first_year_and_each_month_in_its_own():
    first, second = fiscal.years(plan("2026-11-24", 14, 1))
    monthly = np.array([100.0, 1, 2, *range(3, 15)])
    assert first.sum_of(monthly) == 100 + 1 + 2  # today, November, December
    assert second.sum_of(monthly) == sum(range(3, 15))


def test_fiscal_years_of_a_client_hold_all_that_is_paid_and_booked():
    assert (opened("klinikverbund-nordheide").cash_flows().fiscal_year == "").all()
    chosen = designed("klinikverbund-nordheide")
    finance = chosen.finance.model_copy(update={"fiscal_year_start": 4})
    s = study.Study(chosen.model_copy(update={"finance": finance}))
    cash = s.cash_flows()
    assert cash.groupby("fiscal_year").month.nunique().sum() == finance.horizon_months + 1
    for option, rows in cash.groupby("option", observed=True):
        cost = next(c for c in s.results.cost.options.values() if c.label == option)
        assert rows.paid.sum() == pytest.approx(cost.paid.sum())
        assert rows.booked.sum() == pytest.approx(rows.paid.sum())


@pytest.mark.parametrize("start", ["13", "april"])
def test_a_month_that_is_none_is_refused_where_it_stands(tmp_path, start):
    for name in ("base", "tidewater-apps"):
        text = Path(f"params/{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / f"{name}.yaml").write_text(
            text.replace("fiscal_year_start: 2", f"fiscal_year_start: {start}"), encoding="utf-8"
        )
    with pytest.raises(DocumentError) as refused:
        scenario.load(tmp_path / "tidewater-apps.yaml")
    message = str(refused.value)
    lines = (tmp_path / "tidewater-apps.yaml").read_text(encoding="utf-8").splitlines()
    place = 1 + next(n for n, line in enumerate(lines) if "fiscal_year_start" in line)
    assert f"tidewater-apps.yaml:{place}" in message
    assert "finance.fiscal_year_start" in message
