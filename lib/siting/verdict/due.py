"""By when what is open is settled, and what is open of the service that runs today."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from siting.cost import dates
from siting.inputs.scenario import Scenario
from siting.records import frozen
from siting.rules.findings import Finding
from siting.rules.sovereignty import OpenPoint, OptionAssessment, Sovereignty
from siting.vendors.stability import ServiceEnd
from siting.verdict.plan import PlanStep, Step, mending


@frozen
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

    @property
    def _today(self) -> OptionAssessment | None:
        """What the rules say of today's service; None where that is chosen, or nothing runs."""
        today = self.scenario.finance.baseline
        return None if today == self.recommended else self.law.options.get(today)

    @property
    def broken(self) -> list[Finding]:
        """Rules that today's service fails, where another is chosen: those of law first."""
        found = self._today.verdicts.values() if self._today else ()
        return sorted((f for f in found if f.verdict == "fail"), key=lambda f: not f.is_of_law)

    @cached_property
    def left_open(self) -> dict[str, dict[str, Any]]:
        """What is open of today's service, where another is chosen, by its label: `in_force`,
        whether law asks it of the client today, known to be lacking or not; `is_due`, whether it is
        known to be lacking besides; and the day on which it is `due`, as YYYY-MM-DD."""
        points = self._today.open_points if self._today else ()
        return {point.label: self._left_open(point) for point in points}

    def _left_open(self, point: OpenPoint) -> dict[str, Any]:
        """A point that is open at the service of today."""
        today = self.scenario.finance.baseline
        # One duty has one owner, whichever service it is told of, and one day; but what is known to
        # be lacking of what runs is made good before go or no-go, and before any notice.
        step = mending(point, self.plan)
        day = self.day(today, point, None)
        if step:
            day = dates.after(self.scenario, step.day).isoformat()
        is_later = self.law.stricter_from(today, point, self.horizon)
        in_force = point.binds_now and not is_later
        is_due = in_force and point.is_lacking
        due = min(day, self.horizon.isoformat()) if is_due else day
        return {"in_force": in_force, "is_due": is_due, "due": due}
