"""Frames of a study on what is open and what comes when."""

from __future__ import annotations

from typing import Any

from siting.cost.dates import LAST_HORIZON_DAYS
from siting.quality import spoken
from siting.rules.sovereignty import OpenPoint
from siting.study import short
from siting.study.frames import Rows, Topic, frame, picked
from siting.verdict.candidate import Candidate
from siting.verdict.plan import NOTICES, open_points

WORK = {
    "early": "What is due at once",
    "points": "Open points, offers, counsel",
    "order": "Test and preparation",
    "use": "Ready to move",
}
"""Work up to a gate, by what the gate decides."""


class TimelineFrames(Topic):
    """Frames on what is open and what comes when."""

    @frame(
        "option point",
        "letter? in_short? can_strike laws? cure? meanwhile? question? to asks basis hard "
        "owner due ends? usual_from? usual_until? in_force? is_due?",
    )
    def points(self) -> Rows:
        """One thing about one option that a person must still decide or show, what must be cleared
        first; and a rule that the service of today fails, where another is chosen."""
        for c in self.results.decision.candidates:
            yield from self._points(c)
        due = self.results.due
        options = self.results.sovereignty.options
        today = self.scenario.finance.baseline
        for failed in due.broken:
            yield {
                "option": today,
                "point": failed.rule.title,
                "can_strike": False,
                "laws": failed.cited,
                "to": "does",
                "asks": short.cure(options[today].remedy(failed)),
                "basis": "law" if failed.is_of_law else "rule",
                "hard": False,
                "owner": failed.rule.owner,
                "due": due.horizon,
                "in_force": failed.is_of_law,
                "is_due": failed.is_of_law,
            }
        every = (point for option in options.values() for point in option.open_points)
        yield from dict.fromkeys(point.usual.provenance for point in every if point.usual)
        if due.broken or due.left_open:
            asked = [*due.broken]
            asked += [f for point in options[today].open_points for f in point.findings]
            yield from dict.fromkeys(f.rule.provenance for f in asked)

    def _points(self, c: Candidate) -> Rows:
        """What is open of an option."""
        found = {p.label: p for p in self.results.sovereignty.options[c.name].open_points}
        ends = {end.point: end for end in self.results.stability.ceasing[c.name]}
        due = self.results.due
        is_left = c.name == self.scenario.finance.baseline
        for doubt, hard in open_points(c, found.values()):
            point = found.get(doubt.point)
            step = due.step_of(c.name, point)
            end = ends.get(doubt.point)
            row = {
                "option": c.name,
                "point": doubt.point,
                "can_strike": False,
                "to": "does",
                "asks": short.asked(doubt.clears),
                "basis": _basis(point),
                "hard": hard,
                "owner": step.owner if step else doubt.owner,
                "due": self.results.day(step.day) if step else due.day(c.name, point, end),
            }
            if end:
                row["ends"] = end.last
            if point:
                row |= self._of_law(point)
                row["letter"] = short.letter(list(found).index(point.label))
            if is_left:
                row |= due.left_open.get(doubt.point, {})
            yield row

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
            is_ordered = answer["at_go"].startswith("order")
            yield {
                "what": "order",
                "label": "Order, install, accept" if is_ordered else "Move over, accept",
                "start": answer["decided_on"],
                "end": live and self.results.day(live.central),
                "end_high": live and self.results.day(live.high),
                "amount": answer["once"],
            }
        yield from self._ending()
        s = self.study
        yield from s.steps().attrs["sources"]
        if bridge := self.results.until_live.bridging:
            yield from bridge.sources
        yield from s.contract().attrs["sources"]
        yield from (x for end in self.results.retiring for x in end.ending.sources)

    def _work(self) -> Rows:
        """Work up to each gate but the last, at which a year is measured."""
        start = self.client.report_date
        gates = (
            self.study.steps()
            .groupby("day")
            .agg(due=("due", "max"), price=("price", "sum"), decides=("decides", "first"))
        )
        for gate in gates.itertuples():
            if gate.decides in WORK and gate.price > 0:
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
        today = self.client.report_date
        baseline = self.scenario.finance.baseline
        ends = [
            end
            for end in self.results.retiring
            if end.option == baseline
            if 0 <= (end.last - today).days <= LAST_HORIZON_DAYS
        ]
        ends.sort(key=lambda end: end.last)
        bar = {"start": today}
        for end in ends[:1]:
            yield bar | {"what": "model", "label": spoken(end.ending.model), "end": end.last}
        for stopped in self.results.stability.ceasing.get(baseline, ()):
            if 0 <= (stopped.last - today).days <= LAST_HORIZON_DAYS:
                yield bar | {"what": "service", "label": stopped.point, "end": stopped.last}
        for found in self.results.until_live.contracts:
            label = f"Contract of {self.results.labels[baseline]}"
            yield bar | {"what": "contract", "label": label, "end": found.renewal.until}
        bridge = self.results.until_live.bridging
        if bridge:
            yield {
                "what": "between",
                "label": spoken(bridge.model),
                "start": ends[0].last if ends else None,
                "end": bridge.until,
                "amount": bridge.beyond,
            }

    @frame(
        "vendor",
        "until notice answer_by owed unused given owner",
    )
    def contract(self) -> Rows:
        """A contract of what runs today of which notice is due within a year."""
        baseline = self.scenario.finance.baseline
        steps = [step.row for step in self.results.plan if step.row.when in NOTICES]
        for end in self.results.until_live.contracts:
            row = picked(end, "owed unused given") | picked(
                end.renewal, "vendor until notice answer_by"
            )
            yield row | {"owner": steps[0].owner}
            yield self.scenario.source(f"options.{baseline}.contract_until")


def _basis(point: OpenPoint | None) -> str:
    """What asks for a point: law, another rule, or the quality that the client asks for."""
    if point is None:
        return "quality"
    if point.is_of_law:
        return "law"
    return "others" if point.is_on_others else "rule"
