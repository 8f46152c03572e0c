"""Frames of a study on what is open and what comes when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from siting.study.cost import CostFrames
from siting.study.data import DataFrames
from siting.study.decision import DecisionFrames
from siting.study.frames import Yielded, frame
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

BLANK: dict[str, Any] = {
    **dict.fromkeys(("start", "date_low", "date_high", "option", "amount", "owner")),
    "kind": "planned",
    "needs_decision": False,
    "concerns_client": True,
}
"""What holds of an event unless it says otherwise."""

PURCHASES = ("servers", "moving over")
"""Categories of cost that are paid once, to begin."""


class TimelineFrames(DecisionFrames, DataFrames, CostFrames, VendorFrames):
    """Frames on what is open and what comes when."""

    @frame
    def open_points(self) -> Yielded:
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
        for c in self.decision.candidates:
            open_ = [(d.point, d.clears, d.reason, True, d.regime) for d in c.uncleared]
            points = {point for point, *_ in open_}
            for v in self.sovereignty.options[c.name].verdicts.values():
                if v.verdict == "review" and (rule := v.rule).title not in points:
                    open_.append((rule.title, rule.remedy, v.reason, False, rule.regime))
            for point, *said, regime in open_:
                owner = OWNERS.get(regime, "data protection" if regime else "architect")
                yield c.label, point, asked.get(point), *said, owner, self._day(SETTLED_IN)
        yield from self.sovereignty.sources

    @frame
    def timeline(self) -> Yielded:
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
        lanes = {
            "work": self._work(),
            "contract": self._contracts(),
            "law": self._law(),
            "retirement": self._retirements(),
            "money": self._money(),
        }
        rows = [BLANK | {"lane": lane} | event for lane, found in lanes.items() for event in found]
        yield from sorted(rows, key=lambda r: str(r["end"]))
        for shown in self.steps(), self.law_ahead(), self.retiring_models():
            yield from shown.attrs["sources"]

    def _work(self) -> Iterator[dict[str, Any]]:
        steps, (v,) = self.steps(), self.verdict().to_dict("records")
        due = dict(zip(steps.day, steps.due, strict=True))
        for s in steps.to_dict("records"):
            before = max((d for d in due if d < s["day"]), default=0)
            begin = due.get(before) or self._day(0)
            yield {"start": begin, "end": s["due"], "label": s["label"], "owner": s["owner"]}
        if v["option"] and not v["stays"]:
            uncertain = {"date_low": v["live_low"], "date_high": v["live_high"]}
            yield {"end": v["live"], "label": "in service", "option": v["option"], **uncertain}

    def _contracts(self) -> Iterator[dict[str, Any]]:
        for quote in self.scenario.finance.quotes:
            if quote.valid_until:
                name = quote.item.split(".")[1] if quote.item.startswith("option.") else None
                said = {"label": "offer ends", "option": self._labelled(name)}
                yield {"end": quote.valid_until.isoformat(), "kind": "ends", **said}
        for option in self.options.values():
            if option.contract_until:
                said = {"label": "contract ends", "option": option.label}
                asks = {"kind": "ends", "needs_decision": True}
                yield {"end": option.contract_until.isoformat(), **said, **asks}

    def _law(self) -> Iterator[dict[str, Any]]:
        for (date, event), rows in self.law_ahead().groupby(["date", "event"], sort=False):
            worse = rows.after.isin(["review", "fail"]) & (rows.option == self._chosen)
            asks = {"needs_decision": bool(worse.any())}
            known = {"concerns_client": bool(rows.option.notna().any())}
            yield {"end": str(date), "label": str(event), "kind": "fixed", **asks, **known}

    def _retirements(self) -> Iterator[dict[str, Any]]:
        for r in self.retiring_models().to_dict("records"):
            asks = {"needs_decision": bool(r["baseline"]) or r["option"] == self._chosen}
            what = {"label": r["model"], "option": r["option"], "kind": "ends"}
            yield {"end": str(r["retired"]), **what, **asks}

    def _money(self) -> Iterator[dict[str, Any]]:
        flows = self.cash_flows().query("option == @self._chosen and amount > 0")
        paid = flows[flows.category.isin(PURCHASES)]
        sums = paid.groupby(["month", "category"], observed=True).amount.sum().reset_index()
        for r in sums.to_dict("records"):
            due = {"end": self._day(float(r["month"]) * 365.25 / 12), "amount": float(r["amount"])}
            yield {**due, "label": str(r["category"]), "option": self._chosen}

    @property
    def _chosen(self) -> str | None:
        """Label of the recommended option."""
        return self._labelled(self.decision.recommended)
