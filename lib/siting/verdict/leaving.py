"""The right to leave: what it changes of an option's cost that it need not be kept to the end.

After a notice and a budget (`after` years) the client looks at the bill of the next year and goes
where another allowed option is expected to cost less a year by more than a margin, what it takes
to leave and to come included. Nobody foresees: the leaver knows the own bill and, of the others,
what they cost on average where the own bill is about as large; leaving may prove wrong. From then
on all that is paid, lost, mended or missed is that of the destination.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siting.catalogue import settings
from siting.cost.money import MONTHS
from siting.draws import Floats, Indices

BINS = 20
"""Groups of cases alike in the own bill, of which the leaver knows the mean bill elsewhere."""
NOWHERE = -1
"""Destination of a case that stays."""


@dataclass(frozen=True, kw_only=True)
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
    def of(cls, rate: float, months: int) -> Terms:
        """As the table of settings has them."""
        known = settings("decision_settings")
        after = round(known["leave_after"].range.central)
        return cls(
            rate=rate, months=months, after=after, margin=known["leave_margin"].range.central
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

    @property
    def may_leave(self) -> bool:
        """Whether a year is left then."""
        return 0 < self.after < self.years

    @property
    def annuity(self) -> float:
        """Worth today of 1 a year, paid monthly over the horizon. [years]"""
        return self._paid_from(0)

    @property
    def annuity_after(self) -> float:
        """The same, from the day of leaving. [years]"""
        return self._paid_from(self.after * MONTHS)

    def _paid_from(self, month: int) -> float:
        months = np.arange(month + 1, self.months + 1)
        return float(((1 + self.rate) ** (-months / MONTHS)).sum() / MONTHS)

    def rest(self, bills: Floats) -> Floats:
        """Worth today of the bills from the day of leaving on. [n]"""
        return np.asarray((bills * self.discount)[:, self.after :].sum(axis=1))


@dataclass(frozen=True, kw_only=True)
class Course:
    """One option in one future of prices as who may leave it, or come to it, sees it. [money]"""

    bills: Floats
    """By year. [n × Y]"""
    burden: Floats
    """Expected loss, remedies and premiums of a year. [n]"""
    once: Floats
    """Remedies that are bought on coming. [n]"""
    entry: float = 0.0
    """Worth today of the move, and of machines for the rest of the time."""
    bound: float = 0.0
    """Worth today of what is lost in leaving: the value of machines, commitments that run on."""
    wait: float = 0.0
    """Until it serves who comes; the old bill is paid till then. [years, worth today]"""


@dataclass(frozen=True, kw_only=True)
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
    n = len(mine.burden)
    saved = np.zeros(n)
    taken = np.full(n, NOWHERE)
    if not terms.may_leave:
        return Left(saved=saved, to=(), taken=taken)
    own = mine.bills[:, terms.after]
    rest = terms.rest(mine.bills)
    years = float(terms.discount[terms.after :].sum())
    least = own * (1 - terms.margin) + mine.burden
    alike = np.array_split(np.argsort(own, kind="stable"), BINS)
    for i, there in enumerate(others.values()):
        bill = there.bills[:, terms.after]
        fixed = mine.bound + there.entry + there.once * terms.then
        expected = _means(bill, alike)
        entering = fixed + there.wait * np.maximum(0, own - expected)
        yearly = expected + entering / years + there.burden
        paid = fixed + there.wait * np.maximum(0, own - bill)
        burden = (there.burden - mine.burden) * terms.annuity_after
        better = yearly < least
        saved = np.where(better, terms.rest(there.bills) + paid - rest + burden, saved)
        taken = np.where(better, i, taken)
        least = np.minimum(least, yearly)
    return Left(saved=saved, to=tuple(others), taken=taken)


def _means(values: Floats, groups: Sequence[Indices]) -> Floats:
    """The mean of each group, at each of its members. [n]"""
    found = np.empty(len(values))
    for members in groups:
        found[members] = values[members].mean()
    return found
