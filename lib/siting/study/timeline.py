"""Frames of a study on what is open and what comes when."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from siting.catalogue import source_of
from siting.cost.dates import LAST_HORIZON_DAYS
from siting.quality import spoken
from siting.rules.findings import Finding
from siting.rules.sovereignty import OpenPoint, OptionAssessment
from siting.study import short
from siting.study.frames import Rows, Topic, frame
from siting.vendors.stability import ServiceEnd
from siting.verdict.plan import PlanStep, mending, open_points

WORK = {
    "early": "What is due at once",
    "points": "Open points, offers, counsel",
    "order": "Test and preparation",
    "use": "Ready to move",
}
"""Work up to a gate, by what the gate decides."""

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
class _LeftOpen:
    """What is open of the service that runs today."""

    rank: str
    """Of `STANDINGS`."""
    row: dict[str, Any]


class TimelineFrames(Topic):
    """Frames on what is open and what comes when."""

    @frame(
        "option point",
        "letter? in_short? can_strike laws? cure? meanwhile? question? to asks reason basis hard "
        "owner due usual_from? usual_until?",
    )
    def points(self) -> Rows:
        """One thing about one option that a person must still decide or show, what must be cleared
        first."""
        law = self.results.sovereignty
        for c in self.results.decision.candidates:
            found = {point.label: point for point in law.options[c.name].open_points}
            ends = {end.point: end for end in self.results.stability.ceasing[c.name]}
            for doubt, hard in open_points(c, found.values()):
                point = found.get(doubt.point)
                step = self._step_of(c.name, point)
                end = ends.get(doubt.point)
                row = {
                    "option": c.name,
                    "point": doubt.point,
                    "can_strike": False,
                    "to": "does",
                    "asks": short.asked(doubt.clears),
                    "reason": doubt.reason,
                    "basis": _basis(point),
                    "hard": hard,
                    "owner": step.owner if step else doubt.owner,
                    "due": self.results.day(step.day) if step else self._due(c.name, point, end),
                }
                if point:
                    row |= self._of_law(point)
                    row["letter"] = short.letter(list(found).index(point.label))
                yield row
        every = (point for option in law.options.values() for point in option.open_points)
        yield from dict.fromkeys(source_of(point.usual) for point in every if point.usual)

    def _of_law(self, point: OpenPoint) -> dict[str, Any]:
        """What the law says of a point, and what settles it."""
        return {
            "in_short": point.short,
            "can_strike": point.strikes,
            "laws": "; ".join(f.cited for f in point.by_gravity),
            "cure": short.cure(point.clears),
            "meanwhile": point.meanwhile,
            "question": " ".join(point.question(name) for name in point.missing) or None,
            "to": short.settling(point, self.options),
            **self._later_than_go(point),
        }

    def _later_than_go(self, point: OpenPoint) -> dict[str, str]:
        """From when to when a point is usually settled, where that is after go or no-go."""
        usual = point.usual
        if usual is None or usual.days <= self.results.go.day:
            return {}
        return {
            "usual_from": self.results.day(usual.low),
            "usual_until": self.results.day(usual.high),
        }

    def _step_of(self, option: str, point: OpenPoint | None) -> PlanStep | None:
        """The step of the plan that mends a point of the choice, if one does."""
        is_planned = option == self.results.decision.recommended
        return mending(point, self.results.plan) if is_planned else None

    def _due(self, option: str, point: OpenPoint | None, end: ServiceEnd | None) -> str:
        """The day by which a point should be settled. end: of the service that it is about."""
        if end is not None:
            return max(min(end.last, self._horizon), self.client.report_date).isoformat()
        found = self.results.sovereignty
        stricter = found.stricter_from(option, point, self._horizon) if point else None
        if stricter and point and not self._has_time(option, point):
            stricter = None
        last = stricter - dt.timedelta(days=1) if stricter else self._horizon
        is_planned = option == self.results.decision.recommended
        if point and point.usual and is_planned and not stricter:
            usual = self.results.day(min(point.usual.days, self.results.go.day))
            last = max(last, dt.date.fromisoformat(usual))
        return max(last, self.client.report_date).isoformat()

    def _has_time(self, option: str, point: OpenPoint) -> bool:
        """Whether time that the law gives by an answer is time for an option: what was in service
        has it, and what is new has none, so that its day is that of all points. Where nobody has
        answered, the earlier day counts."""
        turning = self.results.sovereignty.spared_by(option, point, self._horizon)
        is_said = turning and point.lead.flow.known.get(turning[0].name) is not None
        return self.options[option].in_use or not is_said

    @property
    def _horizon(self) -> dt.date:
        return dt.date.fromisoformat(self.results.first_gate)

    @frame(
        "letter",
        "point law standing in_force is_due of_law since? owner due clears",
    )
    def points_today(self) -> Rows:
        """One thing that is open of the service that runs today, where another is chosen, the
        gravest first."""
        today = self.scenario.finance.baseline
        law = self.results.sovereignty
        chosen = self.results.decision.recommended
        if today not in law.options or today == chosen:
            return
        option = law.options[today]
        failed = [f for f in option.verdicts.values() if f.verdict == "fail"]
        found = [self._broken(option, f) for f in failed]
        found += [self._left_open(today, point) for point in option.open_points]
        found.sort(key=lambda left: (STANDINGS.index(left.rank), left.row["due"]))
        for place, left in enumerate(found):
            yield {"letter": short.letter(place).lower(), **left.row}
        open_ = (f for point in option.open_points for f in point.findings)
        yield from dict.fromkeys(source_of(f.rule) for f in (*failed, *open_))

    def _broken(self, option: OptionAssessment, failed: Finding) -> _LeftOpen:
        """A rule that the service of today fails."""
        said = BROKEN if failed.is_of_law else NO_LAW
        row = {
            "point": failed.rule.title,
            "law": failed.cited,
            "standing": f"{said}: fails",
            "in_force": failed.is_of_law,
            "is_due": failed.is_of_law,
            "of_law": failed.is_of_law,
            "since": _since([failed]),
            "owner": failed.rule.owner,
            "due": self._horizon.isoformat(),
            "clears": short.cure(option.remedy(failed)),
        }
        return _LeftOpen(rank=said, row=row)

    def _left_open(self, today: str, point: OpenPoint) -> _LeftOpen:
        """A point that is open at the service of today."""
        rank = self._rank(today, point)
        # One duty has one owner, whichever service it is told of, and one day; but what is known to
        # be lacking of what runs is made good before go or no-go, and before any notice.
        step = mending(point, self.results.plan)
        day = self.results.day(step.day) if step else self._due(today, point, None)
        row = {
            "point": point.label,
            "law": "; ".join(f.cited for f in _binding(point)),
            "standing": rank,
            "in_force": rank in IN_FORCE,
            "is_due": rank == DUE,
            "of_law": point.is_of_law,
            "since": _since(point.findings),
            "owner": step.owner if step else point.owner,
            "due": min(day, self._horizon.isoformat()) if rank == DUE else day,
            "clears": short.cure(point.clears),
        }
        return _LeftOpen(rank=rank, row=row)

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
        if self.results.sovereignty.stricter_from(today, point, self._horizon):
            return TIME
        if point.is_lacking:
            return DUE
        return JUDGED if point.awaited is None else UNLESS

    @frame(
        "what label",
        "start end end_high? amount?",
    )
    def timeline(self) -> Rows:
        """A bar of the plan: work, an order, what of today's service ends, what then serves."""
        if self.results.decision.recommended is None:
            return
        yield from self._work()
        (answer,) = self.study.answer().to_dict("records")
        live = self.results.live
        if not answer["stays"]:
            yield {
                "what": "order",
                "label": "Order, install, accept" if answer["ordered"] else "Move over, accept",
                "start": answer["decided_on"],
                "end": live and self.results.day(live.central),
                "end_high": live and self.results.day(live.high),
                "amount": answer["once"],
            }
        yield from self._ending()
        s = self.study
        for shown in (s.steps(), s.bridges(), s.contract()):
            yield from shown.attrs["sources"]
        yield from (x for end in self.results.retiring for x in end.ending.sources)

    def _work(self) -> Rows:
        """Work up to each gate but the last, at which a year is measured."""
        start = self.client.report_date.isoformat()
        gates = (
            self.study.steps()
            .groupby("day")
            .agg(due=("due", "max"), price=("price", "sum"), decides=("decides", "first"))
        )
        for gate in gates.itertuples():
            if gate.decides in WORK:
                what = "test" if gate.decides == "order" else "settle"
                yield {
                    "what": "ready" if gate.decides == "use" else what,
                    "label": WORK[gate.decides],
                    "start": start,
                    "end": gate.due,
                    "amount": gate.price,
                }
                start = gate.due

    def _ending(self) -> Rows:
        """What of today's service ends within a year, and what then serves."""
        today = self.client.report_date.isoformat()
        ends = [
            end
            for end in self.results.retiring
            if end.option == self.scenario.finance.baseline
            if 0 <= end.days(self.client.report_date) <= LAST_HORIZON_DAYS
        ]
        ends.sort(key=lambda end: end.days(self.client.report_date))
        for end in ends[:1]:
            label = spoken(end.ending.model)
            yield {
                "what": "model",
                "label": label,
                "start": today,
                "end": str(end.ending.retired),
            }
        contract = f"Contract of {self.results.labels[self.scenario.finance.baseline]}"
        for found in self.results.contracts:
            until = found.renewal.until.isoformat()
            yield {"what": "contract", "label": contract, "start": today, "end": until}
        bridge = self.results.bridging
        if bridge:
            yield {
                "what": "between",
                "label": f"{spoken(bridge.model)} as a bridge",
                "start": str(ends[0].ending.retired) if ends else None,
                "end": bridge.until,
                "amount": bridge.beyond,
            }

    @frame(
        "vendor",
        "option until notice owed given",
    )
    def contract(self) -> Rows:
        """A contract of what runs today that ends within a year."""
        baseline = self.scenario.finance.baseline
        for end in self.results.contracts:
            yield {
                "option": baseline,
                "vendor": end.renewal.vendor,
                "until": end.renewal.until.isoformat(),
                "notice": end.renewal.notice.isoformat(),
                "owed": end.owed,
                "given": end.given,
            }
            yield self.scenario.source(f"options.{baseline}.contract_until")


def _basis(point: OpenPoint | None) -> str:
    """What asks for a point: law, another rule, or the quality that the client asks for."""
    if point is None:
        return "quality"
    if point.is_of_law:
        return "law"
    return "others" if point.is_on_others else "rule"


def _binding(point: OpenPoint) -> list[Finding]:
    """What of a point binds the client, where anything does: its standing and its day are of that
    alone."""
    own = [f for f in point.by_gravity if f.is_of_law]
    return own or list(point.by_gravity)


def _since(findings: Iterable[Finding]) -> str | None:
    """First day on which a law among rules that binds the client is in force."""
    days = [f.rule.valid_from for f in findings if f.is_of_law and not f.rule.to_come]
    return min((day.isoformat() for day in days if day), default=None)
