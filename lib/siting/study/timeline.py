"""Frames of a study on what is open and what comes when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from siting.study.cost import CostFrames
from siting.study.data import DataFrames
from siting.study.decision import DecisionFrames
from siting.study.frames import Rows, frame
from siting.study.vendors import VendorFrames
from siting.verdict.plan import FIRST_HORIZON_DAYS, PILOT_DAYS, open_points

LANES = "work", "contract", "law", "retirement", "money"

USUAL = {"kind": "planned", "needs_decision": False, "concerns_client": True}
"""What holds of an event unless it says otherwise."""

PURCHASES = ("servers", "moving over")
"""Categories of cost that are paid once, to begin."""


class TimelineFrames(DecisionFrames, DataFrames, CostFrames, VendorFrames):
    """Frames on what is open and what comes when."""

    @frame
    def open_points(self) -> Rows:
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
        law, due = self.sovereignty, self._day(FIRST_HORIZON_DAYS)
        for c in self.decision.candidates:
            found = law.options[c.name].verdicts.values()
            missing = {v.rule.title: v.missing for v in found}
            for d, hard in open_points(c, found):
                waits = missing.get(d.point, ())
                asked = " ".join(q.question for q in law.questions if q.attribute in waits)
                yield c.name, d.point, asked or None, d.clears, d.reason, hard, d.owner, due
        yield from law.sources

    @frame
    def timeline(self) -> Rows:
        """One thing that happens or is due, in the lane that it belongs to, by date.

        lane: work, contract, law, retirement or money
        start: first day of a span; missing for a single day
        end: the day, or the last day of a span
        date_low: earliest day where it is uncertain
        date_high: latest day where it is uncertain
        label: what it is, in a few words
        option: the one that it concerns; missing where it concerns all
        kind: planned, fixed or ends
        needs_decision: whether it calls for a decision of the client's
        concerns_client: whether anything changes for the client
        amount: money that falls due; missing for most [currency]
        owner: who does it; missing where nobody needs to
        """
        found = self._work(), self._contracts(), self._law(), self._retirements(), self._money()
        lanes = zip(LANES, found, strict=True)
        rows = [USUAL | event | {"lane": lane} for lane, events in lanes for event in events]
        yield from sorted(rows, key=lambda r: str(r["end"]))
        for shown in self.steps(), self.law_ahead(), self.retiring_models():
            yield from shown.attrs["sources"]

    def _work(self) -> Iterator[dict[str, Any]]:
        steps = [s.row for s in self.decision.plan]
        for s in steps:
            begin, end = max((x.day for x in steps if x.day < s.day), default=0), self._day(s.day)
            yield {"start": self._day(begin), "end": end, "label": s.label, "owner": s.owner}
        (v,) = self.verdict().to_dict("records")
        if self.decision.recommended and not v["stays"]:
            uncertain = {"date_low": v["live_low"], "date_high": v["live_high"]}
            said = {"label": "in service", "option": self.decision.recommended}
            yield {"end": v["live"], **said, **uncertain}

    def _contracts(self) -> Iterator[dict[str, Any]]:
        named = [(q.valid_until, q.item.split(".")) for q in self.scenario.finance.quotes]
        ends = [(d, "offer", at[1] if at[0] == "option" else None, False) for d, at in named]
        ends += [(o.contract_until, "contract", n, True) for n, o in self.options.items()]
        for day, what, name, asks in ends:
            if day:
                said = {"label": f"{what} ends", "option": name, "kind": "ends"}
                yield {"end": day.isoformat(), **said, "needs_decision": asks}

    def _law(self) -> Iterator[dict[str, Any]]:
        for x in self.sovereignty.ahead:
            mine = (c.after.verdict for c in x.changes if c.option == self.decision.recommended)
            asks = {"needs_decision": not {"review", "fail"}.isdisjoint(mine)}
            said = {"label": x.text, "kind": "fixed", "concerns_client": bool(x.changes)}
            yield {"end": x.date.isoformat(), **said, **asks}

    def _retirements(self) -> Iterator[dict[str, Any]]:
        decided = (self.scenario.finance.baseline, self.decision.recommended)
        for name, e, _ in self._retiring:
            what = {"label": f"{e.model} at {e.vendor}", "option": name, "kind": "ends"}
            yield {"end": str(e.retired), **what, "needs_decision": name in decided}

    def _money(self) -> Iterator[dict[str, Any]]:
        """What is paid once, to begin, by month; nothing is ordered before the pilot's end."""
        flows, ordered = self.cash_flows(), 0 if self.decision.stays else PILOT_DAYS
        mine = flows.option == self.labels[self.decision.recommended or ""]
        paid = flows[mine & (flows.amount > 0) & flows.category.isin(PURCHASES)]
        sums = paid.groupby(["month", "category"], observed=True).amount.sum().reset_index()
        for month, category, amount in sums.itertuples(index=False):
            due = {"end": self._day(ordered + month * 365.25 / 12), "amount": amount}
            yield {**due, "label": category, "option": self.decision.recommended}
