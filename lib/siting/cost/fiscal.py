"""A plan's months by the client's fiscal years, the first and the last of which may be cut.

Month 1 of a plan is the calendar month of the decision, as in the workbook's table of charges; what
is paid today falls in it.
"""

from __future__ import annotations

import datetime as dt

from siting.cost.money import MONTHS, Array
from siting.inputs.scenario.model import Scenario
from siting.records import frozen


@frozen
class FiscalYear:
    """The months of a plan that fall in one fiscal year."""

    name: str
    """The calendar years that it touches: `2026/27`, or `2027` where it begins in January."""
    begins: dt.date
    """First day of the whole year, whether the plan reaches back to it or not."""
    first: int
    """First month of the plan in it; 0, which is today, in the first year."""
    last: int
    """Last month of the plan in it."""

    @property
    def months(self) -> int:
        """How many months of the plan fall in it; today is none. [months]"""
        return self.last - max(self.first, 1) + 1

    @property
    def ends(self) -> dt.date:
        """Last day of the whole year."""
        return self.begins.replace(year=self.begins.year + 1) - dt.timedelta(days=1)

    def sum_of(self, monthly: Array) -> float:
        """Sum of what falls in it. monthly: by month of the plan, 0 = today. [M + 1]"""
        return float(monthly[self.first : self.last + 1].sum())


def years(scenario: Scenario) -> tuple[FiscalYear, ...]:
    """The fiscal years of a scenario's horizon in turn; none where the client names no month in
    which they begin."""
    start = scenario.finance.fiscal_year_start
    if start is None:
        return ()
    return _years(scenario, start)


def spans(scenario: Scenario) -> tuple[FiscalYear, ...]:
    """Years that a ceiling holds for: the client's fiscal years, else calendar years."""
    return years(scenario) or _years(scenario, 1)


def _years(scenario: Scenario, start: int) -> tuple[FiscalYear, ...]:
    """Years that begin in a month, from the one in which the plan begins."""
    day = scenario.client.report_date
    months = scenario.finance.horizon_months
    over = (day.month - start) % MONTHS  # months of the first one before the plan begins
    earliest = day.year if day.month >= start else day.year - 1
    found = []
    for year, before in enumerate(range(-over, months, MONTHS), earliest):
        found.append(
            FiscalYear(
                name=str(year) if start == 1 else f"{year}/{(year + 1) % 100:02}",
                begins=dt.date(year, start, 1),
                first=before + 1 if before > 0 else 0,
                last=min(months, before + MONTHS),
            )
        )
    return tuple(found)


def by_month(scenario: Scenario) -> dict[int, str]:
    """The fiscal year by month of the plan, 0 = today; empty where the client names none."""
    found = years(scenario)
    return {month: year.name for year in found for month in range(year.first, year.last + 1)}
