"""By when what is open is settled, and what is open of the service that runs today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

from siting.cost import dates
from siting.inputs.scenario import Scenario
from siting.rules.findings import Finding
from siting.rules.sovereignty import OpenPoint, OptionAssessment, Sovereignty
from siting.vendors.stability import ServiceEnd
from siting.verdict.plan import PlanStep, Step, mending

BROKEN = "broken"
DUE = "known, and due already"
JUDGED = "due already, unless a person judges it met, or finds an exception"
UNLESS = "due already, unless an answer clears it"
TO_COME = "to come"
NO_LAW = "no law"
CONDITION = "no duty: what the law protects or reaches hangs on it"
TIME = "time, until the day to settle it by"
ON_VENDORS = "law that binds vendors"
IN_FORCE = (BROKEN, DUE, JUDGED, UNLESS)
"""Standings of what law asks today, whether it is known to be lacking or not."""
STANDINGS = (*IN_FORCE, TIME, CONDITION, TO_COME, NO_LAW, ON_VENDORS)
"""How a point of the service that runs today stands, the gravest first."""


@dataclass(frozen=True, kw_only=True)
class LeftOpen:
    """What is open of the service that runs today, where another is chosen."""

    point: str
    law: str
    rank: str
    """Of `STANDINGS`."""
    of_law: bool
    """Whether it binds the client by law."""
    since: str | None
    """First day on which such a law is in force, as YYYY-MM-DD."""
    owner: str
    due: str
    """As YYYY-MM-DD."""
    clears: str
    fails: bool = False
    """Whether a rule fails; else its point is open."""

    @property
    def standing(self) -> str:
        """How it stands, in words."""
        return f"{self.rank}: fails" if self.fails else self.rank

    @property
    def in_force(self) -> bool:
        """Whether law asks it today, known to be lacking or not."""
        return self.rank in IN_FORCE

    @property
    def is_due(self) -> bool:
        """Whether it is known to be lacking, and law asks it today."""
        return self.rank in (BROKEN, DUE)


@dataclass(frozen=True, kw_only=True)
class Due:
    """By whom and when what is open is settled."""

    scenario: Scenario
    law: Sovereignty
    plan: Sequence[Step]
    recommended: str | None
    go: dates.Go

    @cached_property
    def horizon(self) -> dt.date:
        """Day of the plan's first gate: never after go or no-go."""
        return dates.after(self.scenario, min(dates.FIRST_HORIZON_DAYS, self.go.day))

    def step_of(self, option: str, point: OpenPoint | None) -> PlanStep | None:
        """The step of the plan that mends a point of the choice, if one does."""
        is_planned = option == self.recommended
        return mending(point, self.plan) if is_planned else None

    def day(self, option: str, point: OpenPoint | None, end: ServiceEnd | None) -> str:
        """The day by which a point should be settled. end: of the service that it is about."""
        if end is not None:
            return max(min(end.last, self.horizon), self.scenario.client.report_date).isoformat()
        stricter = self.law.stricter_from(option, point, self.horizon) if point else None
        if stricter and point and not self._has_time(option, point):
            stricter = None
        last = stricter - dt.timedelta(days=1) if stricter else self.horizon
        is_planned = option == self.recommended
        if point and point.usual and is_planned and not stricter:
            last = max(last, dates.after(self.scenario, min(point.usual.days, self.go.day)))
        return max(last, self.scenario.client.report_date).isoformat()

    def _has_time(self, option: str, point: OpenPoint) -> bool:
        """Whether time that the law gives by an answer is time for an option: what was in service
        has it, and what is new has none, so that its day is that of all points. Where nobody has
        answered, the earlier day counts."""
        turning = self.law.spared_by(option, point, self.horizon)
        is_said = turning and point.lead.flow.known.get(turning[0].name) is not None
        return self.scenario.options[option].in_use or not is_said

    @cached_property
    def left_open(self) -> list[LeftOpen]:
        """What is open of today's service, the gravest first; nothing where that is chosen."""
        today = self.scenario.finance.baseline
        if today not in self.law.options or today == self.recommended:
            return []
        option = self.law.options[today]
        failed = (f for f in option.verdicts.values() if f.verdict == "fail")
        found = [self._broken(option, f) for f in failed]
        found += [self._left_open(today, point) for point in option.open_points]
        return sorted(found, key=lambda left: (STANDINGS.index(left.rank), left.due))

    def _broken(self, option: OptionAssessment, failed: Finding) -> LeftOpen:
        """A rule that the service of today fails."""
        return LeftOpen(
            point=failed.rule.title,
            law=failed.cited,
            rank=BROKEN if failed.is_of_law else NO_LAW,
            of_law=failed.is_of_law,
            since=_since([failed]),
            owner=failed.rule.owner,
            due=self.horizon.isoformat(),
            clears=option.remedy(failed),
            fails=True,
        )

    def _left_open(self, today: str, point: OpenPoint) -> LeftOpen:
        """A point that is open at the service of today."""
        rank = self._rank(today, point)
        # One duty has one owner, whichever service it is told of, and one day; but what is known to
        # be lacking of what runs is made good before go or no-go, and before any notice.
        step = mending(point, self.plan)
        day = self.day(today, point, None)
        if step:
            day = dates.after(self.scenario, step.day).isoformat()
        return LeftOpen(
            point=point.label,
            law="; ".join(f.cited for f in _binding(point)),
            rank=rank,
            of_law=point.is_of_law,
            since=_since(point.findings),
            owner=step.owner if step else point.owner,
            due=min(day, self.horizon.isoformat()) if rank == DUE else day,
            clears=point.clears,
        )

    def _rank(self, today: str, point: OpenPoint) -> str:
        """How a point of today's service stands: of `STANDINGS`."""
        if point.is_on_others:
            return ON_VENDORS
        if not point.is_of_law:
            return NO_LAW
        if all(f.rule.to_come for f in point.findings if f.is_of_law):
            return TO_COME
        if all(f.rule.is_condition for f in point.findings if f.is_of_law):
            return CONDITION
        if self.law.stricter_from(today, point, self.horizon):
            return TIME
        if point.is_lacking:
            return DUE
        return JUDGED if point.awaited is None else UNLESS


def _binding(point: OpenPoint) -> list[Finding]:
    """What of a point binds the client, where anything does: its standing and its day are of that
    alone."""
    own = [f for f in point.by_gravity if f.is_of_law]
    return own or list(point.by_gravity)


def _since(findings: Iterable[Finding]) -> str | None:
    """First day on which a law among rules that binds the client is in force."""
    days = [f.rule.valid_from for f in findings if f.is_of_law and not f.rule.to_come]
    return min((day.isoformat() for day in days if day), default=None)
