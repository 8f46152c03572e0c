"""The right to leave: what it changes of an option's cost that it need not be kept to the end.

After a notice and a budget (`after` years) the client looks at the bill of the next year and goes
where another allowed option is expected to cost less a year by more than a margin, what it takes
to leave and to come included. Nobody foresees: the leaver knows the own bill and, of the others,
in what relation to it they are on average where the own bill is about as large; leaving may prove
wrong. From then
on all that is paid, lost, mended or missed is that of the destination.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from siting.catalogue import settings
from siting.cost.ledger import Totals
from siting.cost.money import MONTHS, discount_factors
from siting.draws import Floats, Indices
from siting.inputs.scenario.model import Finance
from siting.records import frozen
from siting.verdict.candidate import Burden

BINS = 20
"""Groups of cases alike in the own bill, of which the leaver knows what it costs elsewhere."""
NOWHERE = -1
"""Destination of a case that stays."""


@frozen
class Terms:
    """When and for what one leaves, and what money is worth until then."""

    rate: float
    """Discount rate. [per year]"""
    months: int
    """Horizon. [months]"""
    after: int
    """Years after which who wants to leaves."""
    margin: float
    """Share of the bill that leaving must save a year."""

    @classmethod
    def of(cls, finance: Finance) -> Terms:
        """As the client counts money, and the table of settings has the rest."""
        known = settings("decision_settings")
        return cls(
            rate=finance.discount_rate.central,
            months=finance.horizon_months,
            after=round(known["leave_after"].central),
            margin=known["leave_margin"].central,
        )

    @property
    def years(self) -> int:
        """Years of the horizon, a part of one counted as one."""
        return -(-self.months // MONTHS)

    @property
    def discount(self) -> Floats:
        """Worth today of what is paid in the middle of each year. [Y]"""
        return np.asarray((1 + self.rate) ** -(np.arange(self.years) + 0.5))

    @property
    def then(self) -> float:
        """Worth today of what is paid on the day of leaving."""
        return float((1 + self.rate) ** -self.after)

    def annuity(self, first: int = 0) -> float:
        """Worth today of 1 a year, paid monthly to the end of the horizon. [years]

        first: years after which it is paid.
        """
        factors = discount_factors(self.months, self.rate)
        return float(factors[first * MONTHS + 1 :].sum() / MONTHS)

    def rest(self, bills: Floats) -> Floats:
        """Worth today of the bills from the day of leaving on. [n]"""
        return np.asarray((bills * self.discount)[:, self.after :].sum(axis=1))


@frozen
class Course:
    """One option in one future of prices as who may leave it, or come to it, sees it. [money]"""

    own: Burden
    billed: Totals
    """By year."""
    yearly: Floats
    """Expected loss, remedies and premiums of a year. [n]"""


@frozen
class Left:
    """What leaving changes, case by case."""

    saved: Floats
    """Cost with it less cost if kept to the end; above 0 where it proved wrong. [n, money]"""
    to: tuple[str, ...]
    """Destinations that were looked at."""
    taken: Indices
    """Which of them is taken, NOWHERE where none is. [n]"""

    @property
    def share(self) -> float:
        """Share of cases in which it is left."""
        return float((self.taken != NOWHERE).mean())

    def going(self) -> Mapping[str, float]:
        """Share of cases that go to each destination."""
        return {name: float((self.taken == i).mean()) for i, name in enumerate(self.to)}


def leave(mine: Course, others: Mapping[str, Course], terms: Terms) -> Left:
    """What the right to leave one option for one of the others changes."""
    n = len(mine.yearly)
    stays = Left(saved=np.zeros(n), to=tuple(others), taken=np.full(n, NOWHERE))
    if not 0 < terms.after < terms.years or not others:
        return stays
    there = list(others.values())
    bill = mine.billed.yearly[:, terms.after]
    bills = np.stack([course.billed.yearly[:, terms.after] for course in there])
    expected = _expected(bill, bills)
    rest = np.stack([terms.rest(course.billed.yearly) for course in there])
    burden = np.stack([course.yearly for course in there])
    bound = mine.own.bound
    comes = [course.own for course in there]
    fixed = np.stack([bound + own.entry + own.remedies_once * terms.then for own in comes])
    wait = np.array([[own.wait] for own in comes])
    years = float(terms.discount[terms.after :].sum())
    yearly = expected + (fixed + wait * np.maximum(0, bill - expected)) / years + burden
    best = yearly.argmin(axis=0)
    cases = np.arange(n)
    is_left = yearly[best, cases] < bill * (1 - terms.margin) + mine.yearly
    paid = fixed + wait * np.maximum(0, bill - bills)
    missed = (burden - mine.yearly) * terms.annuity(terms.after)
    changed = rest - terms.rest(mine.billed.yearly) + paid + missed
    return replace(
        stays,
        saved=np.where(is_left, changed[best, cases], 0.0),
        taken=np.where(is_left, best, NOWHERE),
    )


def _expected(own: Floats, bills: Floats) -> Floats:
    """What is expected of other bills by who knows the own one: the own, times the ratio of the
    mean bills of cases that are alike in it. So nobody leaves for the same thing. [option × n]"""
    order = np.argsort(own, kind="stable")
    groups = np.array_split(order, min(BINS, len(order)))
    starts = np.cumsum([0, *(len(group) for group in groups[:-1])])
    sizes = [len(group) for group in groups]
    mean_own = np.maximum(np.add.reduceat(own[order], starts), 1e-9)
    ratio = np.add.reduceat(bills[:, order], starts, axis=1) / mean_own
    found = np.empty_like(bills)
    found[:, order] = np.repeat(ratio, sizes, axis=1) * own[order]
    return found
