"""Days of the plan: its gates, go or no-go, go-live, and the contracts of what runs today.

All follow from the scenario alone. Days are counted from the day of the report.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Literal

from siting.cost.prices import parameter
from siting.inputs.scenario.model import Contract, Scenario, day_of, months_from
from siting.places import BY_REQUEST
from siting.quality import leaves, place
from siting.quantity import DAYS_OF_MONTH, Range
from siting.records import frozen

FIRST_HORIZON_DAYS = 30
PILOT_DAYS = 90
"""By then a pilot has shown whether to order."""
LAST_HORIZON_DAYS = 365
ANSWER_DAYS = 14
"""Before notice is due, its vendor's answer is asked for: time to read it, and to give notice."""
YEARS_OF_FREEZES = 12
"""Beyond the longest horizon and the latest go-live."""


@frozen
class Go:
    """The day on which go or no-go on an option is decided."""

    day: int
    """[days after the report]"""
    stated: int | None = None
    """Day that the client has set; None where it has set none. [days after the report]"""


def go(scenario: Scenario, name: str) -> Go:
    """When go or no-go on an option is decided: on the client's own day, or that on which an offer
    for it ends, where that comes first; without such a day when the plan's own gate is due, or
    earlier where the latest go-live, or the notice of a contract that is kept, asks for it."""
    asked = scenario.decision.date
    if asked is None:
        return Go(day=min(_gates(scenario, name)))
    ends = (last for item, last in offers_before(scenario) if item.split(".")[1:2] == [name])
    day = scenario.client.report_date
    return Go(day=(min(ends, default=asked) - day).days, stated=(asked - day).days)


def _gates(scenario: Scenario, name: str) -> Iterator[int]:
    """Days by which go or no-go on an option is due. [days after the report]"""
    if keeps(scenario, name):
        yield FIRST_HORIZON_DAYS
        yield from (each.days for each in renewals(scenario) if each.days)
    else:
        yield PILOT_DAYS
    if name in scenario.options and name != scenario.finance.baseline:
        last = latest_go(scenario, name)
        if last is not None:
            yield max((last - scenario.client.report_date).days, 1)


def keeps(scenario: Scenario, name: str) -> bool:
    """Whether an option is what runs today, or another model there, billed by request: a test
    settles it, nothing is ordered, and today's contracts go on."""
    today = scenario.finance.baseline
    if name == today:
        return True
    if not {name, today} <= set(scenario.options) or scenario.options[name].kind not in BY_REQUEST:
        return False
    return place(scenario, name) == place(scenario, today)


def offers_before(scenario: Scenario) -> Iterator[tuple[str, dt.date]]:
    """Offers that end before the client's day of go or no-go: what is quoted, and its last day."""
    asked = scenario.decision.date
    for quote in scenario.finance.quotes:
        if asked and quote.valid_until and quote.valid_until < asked:
            yield quote.item, quote.valid_until


def days_to_serve(months: Range, ordered: int = PILOT_DAYS) -> Range:
    """When an option that is moved to serves, where nothing is ordered before go or no-go.

    A pilot takes its days however fast the rest is: what follows it is at its earliest as small a
    part of its plan as the whole is, so that nothing serves on the day on which it is ordered. A go
    that comes before the pilot's usual end makes nothing else faster.
    months: to production, as the scenario has them
    ordered: day of go or no-go. [days after the report]
    """
    planned, late = (
        max(end * DAYS_OF_MONTH, ordered + max(end * DAYS_OF_MONTH - PILOT_DAYS, 0.0))
        for end in (months.central, months.high)
    )
    soonest = months.low / months.central if months.central > 0 else 0.0
    return Range(ordered + (planned - ordered) * soonest, planned, late, unit="days")


def serves(scenario: Scenario, name: str) -> Range:
    """When an option that is moved to serves: never in a freeze. [days after the report]"""
    is_today = name == scenario.finance.baseline
    ordered = PILOT_DAYS if is_today else go(scenario, name).day
    found = days_to_serve(scenario.options[name].months_to_production, ordered)
    ends = (thawed(scenario, end) for end in (found.low, found.central, found.high))
    return Range(*ends, unit="days")


def frozen_days(scenario: Scenario) -> Iterator[tuple[int, int]]:
    """From which day to which nothing goes live, the first after a freeze not counted; from the
    year before the report on. [days after the report]"""
    day = scenario.client.report_date
    for year in range(day.year - 1, day.year + YEARS_OF_FREEZES):
        for freeze in scenario.client.freezes:
            first = day_of(freeze.start, year)
            last = day_of(freeze.to, year + (freeze.to < freeze.start))
            yield (first - day).days, (last - day).days + 1


def frozen_months(scenario: Scenario) -> tuple[tuple[float, float], ...]:
    """The same in months after the report, of those that meet the horizon."""
    months = [
        (first / DAYS_OF_MONTH, last / DAYS_OF_MONTH) for first, last in frozen_days(scenario)
    ]
    horizon = scenario.finance.horizon_months
    return tuple((first, last) for first, last in months if last > 0 and first < horizon)


def thawed(scenario: Scenario, day: float) -> float:
    """The day itself, or the first one after the freeze that it lies in. [days after the report]"""
    return max([day, *(last for first, last in frozen_days(scenario) if first <= day < last)])


def late(scenario: Scenario, name: str) -> Range | None:
    """By how long an option misses the latest go-live; below 0 where it keeps it. None where none
    is set, or it serves today. [days]"""
    latest = scenario.client.live_by
    today = scenario.finance.baseline
    if latest is None or name == today or scenario.options[name].in_use:
        return None
    last = (latest - scenario.client.report_date).days
    return serves(scenario, name).plus(Range.exact(-last))


def latest_go(scenario: Scenario, name: str) -> dt.date | None:
    """The last day of go or no-go with which an option is planned to serve by the latest go-live,
    counted back from it, and from before a freeze; None where no such day is set."""
    latest = scenario.client.live_by
    if latest is None:
        return None
    last = (latest - scenario.client.report_date).days
    last = min([last, *(first - 1 for first, end in frozen_days(scenario) if first <= last < end)])
    planned = scenario.options[name].months_to_production.central * DAYS_OF_MONTH
    return after(scenario, last - max(planned - PILOT_DAYS, 0.0))


def latest_live(scenario: Scenario, name: str) -> dt.date:
    """The latest day on which an option that is moved to serves."""
    return after(scenario, serves(scenario, name).high)


def after(scenario: Scenario, days: float) -> dt.date:
    """The day so many days after the report."""
    return scenario.client.report_date + dt.timedelta(days=round(days))


def side_by_side(scenario: Scenario) -> Range:
    """How long old and new run side by side. [months]"""
    return scenario.finance.parallel_months or parameter("parallel_months").range


def switched_off(scenario: Scenario, name: str) -> float:
    """When what runs today is no longer paid, as the costs have it. [days after the report]"""
    return serves(scenario, name).central + side_by_side(scenario).central * DAYS_OF_MONTH


Notice = Literal["extended", "at go"]
"""When notice is given of the contract of what runs today, for an option that is moved to.
extended: once its vendor has agreed that the service runs on by the month, and not without; at go:
with go."""


@frozen
class Renewal:
    """A contract of what runs today of which notice is due within the plan."""

    vendor: str
    until: dt.date
    """Its last day."""
    notice: dt.date
    """Last day to give notice of it; its last day where no notice is stated."""
    days: int
    """From the report to that notice; 0 where the day is past. [days]"""
    minimum: float | None
    """Owed a month, used or not; None where the client has not said. [client's currency]"""
    renewed_to: dt.date | None = None
    """Last day of the term that follows without a notice; None where the client has not said."""

    @property
    def answer_by(self) -> dt.date:
        """Day by which its vendor is asked to answer what notice hangs on: before it, or half-way
        to it where there is less time."""
        return self.notice - dt.timedelta(days=min(ANSWER_DAYS, self.days // 2))

    def given(self, decided: dt.date, serves: dt.date) -> Notice:
        """When to give notice, for an option that is moved to.

        A notice binds the client alone: given before go or no-go it gives up the service of today
        for one that nobody has ordered, and a contract that ends before the other serves leaves a
        gap. Where neither can be, notice waits for go.
        decided: day of go or no-go
        serves: the latest day on which the option goes live
        """
        return "extended" if self.notice < decided or self.until < serves else "at go"


def renewals(scenario: Scenario) -> tuple[Renewal, ...]:
    """Contracts of what runs today of which notice is due by the plan's last horizon, as it is."""
    today = scenario.options.get(scenario.finance.baseline)
    agreed = today.agreed if today else ()
    every = [_renewal(scenario, each) for each in agreed]
    run_on = [each for each in every if each.until >= scenario.client.report_date]
    due = [each for each in run_on if each.days <= LAST_HORIZON_DAYS]
    return tuple(sorted(due, key=lambda each: each.notice))


def _renewal(scenario: Scenario, contract: Contract) -> Renewal:
    today = scenario.options[scenario.finance.baseline]
    until = contract.contract_until
    notice = contract.notice_by(scenario.client) or until
    term = contract.renews_for_months
    return Renewal(
        vendor=today.vendor or today.label,
        until=until,
        notice=notice,
        days=max(0, (notice - scenario.client.report_date).days),
        minimum=contract.minimum_commitment_per_month,
        renewed_to=months_from(until, term) if term else None,
    )


@frozen
class Owed:
    """What a contract of what runs today demands of who moves, used or not."""

    minimum: float
    """[client's currency a month]"""
    months: float
    """Until it ends. [months after the report]"""


def owed(scenario: Scenario, name: str) -> Iterator[Owed]:
    """What contracts of what runs today demand of who moves to an option: to their last day, or to
    that of the terms that follow where the move needs them, as notice must be given before go, or
    the option serves later. Nothing where the option itself is of the same seller."""
    today = scenario.options.get(scenario.finance.baseline)
    if today is None or name == scenario.finance.baseline:
        return
    for part in (scenario.options[leaf] for leaf in leaves(scenario, name)):
        if part.kind == today.kind and part.provider and part.provider == today.provider:
            return
    live = latest_live(scenario, name)
    decided = after(scenario, go(scenario, name).day)
    for contract in today.agreed:
        last = contract.contract_until
        term = contract.renews_for_months
        if term and _renewal(scenario, contract).given(decided, live) == "extended":
            last = months_from(last, term)
            while last < live:
                last = months_from(last, term)
        if contract.minimum_commitment_per_month:
            days = (last - scenario.client.report_date).days
            yield Owed(minimum=contract.minimum_commitment_per_month, months=days / DAYS_OF_MONTH)
