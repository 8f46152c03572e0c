"""Frames of a study on what is open and what comes when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from siting.catalogue import Source
from siting.study.cost import CostFrames
from siting.study.data import DataFrames
from siting.study.decision import DecisionFrames
from siting.study.frames import Made, frame
from siting.study.vendors import VendorFrames

OWNERS = {
    "DORA": "risk management",
    "Security": "information security",
    "Continuity": "architect",
    "Licence": "legal department",
    "Data Act": "procurement",
    "Client policy": "management",
}
"""Who settles an open point, by the regime of its rule; data protection for the others."""

SETTLED_IN = 30
"""Open points are settled before money is spent: within the first horizon of the plan. [days]"""

PURCHASES = ("servers", "moving over")
"""Categories of cost that are paid once, to begin."""


class TimelineFrames(DecisionFrames, DataFrames, CostFrames, VendorFrames):
    """Frames on what is open and what comes when."""

    @frame
    def open_points(self) -> Made:
        """One thing about one option that a person must still decide or show.

        option: label of the option
        point: what it is about, in a few words
        question: what is asked; missing where no answer of a vendor or of the team decides it
        remedy: what clears it
        reason: why it is open
        hard: whether the option is not cleared before it is settled
        owner: who settles it
        due: day by which it should be settled
        """
        asked = {rule: q.question for q in self.sovereignty.questions for rule in q.rules}
        rows = []
        for c in self.decision.candidates:
            doubts = [(d.point, d.reason, d.clears, d.regime, True) for d in c.uncleared]
            reviews = [
                (v.rule.title, v.reason, v.rule.remedy, v.rule.regime, False)
                for v in self.sovereignty.options[c.name].verdicts.values()
                if v.verdict == "review"
            ]
            seen = {d[0] for d in doubts}
            for point, reason, remedy, regime, hard in [
                *doubts,
                *(r for r in reviews if r[0] not in seen),
            ]:
                rows.append(
                    {
                        "option": c.label,
                        "point": point,
                        "question": asked.get(point),
                        "remedy": remedy,
                        "reason": reason,
                        "hard": hard,
                        "owner": OWNERS.get(regime, "data protection" if regime else "architect"),
                        "due": self._day(SETTLED_IN),
                    }
                )
        return rows, self.sovereignty.sources

    @frame
    def timeline(self) -> Made:
        """One thing that happens or is due, in the lane that it belongs to, by date.

        lane: work, contract, law, retirement or money
        start: first day of a span; missing for a single day
        end: the day, or the last day of a span
        date_low: earliest day where it is uncertain
        date_high: latest day where it is uncertain
        label: what it is, in a few words
        option: label of the option that it concerns; missing where it concerns all
        kind: planned, fixed or ends
        needs_decision: whether it calls for a decision of the client's
        concerns_client: whether anything changes for the client
        amount: money that falls due; missing for most [currency]
        owner: who does it; missing where nobody needs to
        """
        rows = [
            *self._work_events(),
            *self._contract_events(),
            *self._law_events(),
            *self._retirement_events(),
            *self._money_events(),
        ]
        return sorted(rows, key=lambda r: str(r["end"])), self._timeline_sources()

    def _timeline_sources(self) -> list[Source]:
        frames = self.steps(), self.law_ahead(), self.retiring_models()
        return [source for f in frames for source in f.attrs["sources"]]

    def _work_events(self) -> Iterator[dict[str, Any]]:
        days = sorted({s.day for s in self.decision.plan})
        for step in self.decision.plan:
            before = max((d for d in days if d < step.day), default=0)
            yield _event(
                "work", self._day(step.day), step.label,
                start=self._day(before), owner=step.owner,
            )  # fmt: skip
        (v,) = self.verdict().to_dict("records")
        if v["option"] and not v["stays"]:
            yield _event(
                "work", v["live"], "in service", option=v["option"],
                date_low=v["live_low"], date_high=v["live_high"],
            )  # fmt: skip

    def _contract_events(self) -> Iterator[dict[str, Any]]:
        for quote in self.scenario.finance.quotes:
            name = quote.item.split(".")[1] if quote.item.startswith("option.") else None
            if quote.valid_until:
                yield _event(
                    "contract", quote.valid_until.isoformat(), "offer ends",
                    option=self._labelled(name), kind="ends",
                )  # fmt: skip

        for option in self.options.values():
            if option.contract_until:
                yield _event(
                    "contract", option.contract_until.isoformat(), "contract ends",
                    option=option.label, kind="ends", needs_decision=True,
                )  # fmt: skip

    def _law_events(self) -> Iterator[dict[str, Any]]:
        chosen = self._labelled(self.decision.recommended)
        ahead = self.law_ahead()
        for (date, event), rows in ahead.groupby(["date", "event"], sort=False):
            mine = rows[rows.option == chosen]
            yield _event(
                "law", str(date), str(event), kind="fixed",
                needs_decision=bool(mine.after.isin(["review", "fail"]).any()),
                concerns_client=bool(rows.option.notna().any()),
            )  # fmt: skip

    def _retirement_events(self) -> Iterator[dict[str, Any]]:
        chosen = self._labelled(self.decision.recommended)
        for r in self.retiring_models().to_dict("records"):
            yield _event(
                "retirement", str(r["retired"]), r["model"], option=r["option"], kind="ends",
                needs_decision=bool(r["baseline"]) or r["option"] == chosen,
            )  # fmt: skip

    def _money_events(self) -> Iterator[dict[str, Any]]:
        chosen = self._labelled(self.decision.recommended)
        flows = self.cash_flows()
        paid = flows[(flows.option == chosen) & flows.category.isin(PURCHASES) & (flows.amount > 0)]
        sums = paid.groupby(["month", "category"], observed=True).amount.sum().reset_index()
        for r in sums.to_dict("records"):
            yield _event(
                "money", self._day(float(r["month"]) * 365.25 / 12), str(r["category"]),
                option=chosen, amount=float(r["amount"]),
            )  # fmt: skip


def _event(lane: str, end: str, label: str, **more: Any) -> dict[str, Any]:
    empty = {
        "start": None, "date_low": None, "date_high": None, "option": None, "kind": "planned",
        "needs_decision": False, "concerns_client": True, "amount": None, "owner": None,
    }  # fmt: skip
    return {"lane": lane, "end": end, "label": label, **empty, **more}
