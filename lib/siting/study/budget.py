"""Frames of a study for who signs the budget: cash by year, payback, bridge and terms of money."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from siting.catalogue import Source
from siting.cost import cashflow, money
from siting.cost.ledger import FORGONE, TAX
from siting.cost.money import Array
from siting.inputs.scenario.constraints import BUDGET
from siting.quantity import DAYS_OF_MONTH
from siting.study.frames import Rows, Topic, frame
from siting.study.verdict import PRICES, prices_of

SUMS = ("plan", "planned", "in_all")
"""Lines of the bridge that others lead to; the others are added."""
BRIDGE = {
    "plan": "Its own plan",
    "steps": "steps that moving over does not hold",
    "remedies": "remedies, as likely as they are needed",
    "between": "a model that bridges, beyond the plan",
    "planned": "As planned",
    "beside": "steps and bridge, counted here alone",
    "tax": "profit tax saved, as planned",
    "counted": "ranges and falling prices, interest, waiting",
    "leaving": "right to leave",
    "vendors": "losses by vendors and failures",
    "premiums": "principles that it lacks",
    "in_all": "In all, mean of the cases",
}
"""The bridge from what is paid as planned to the mean in all, line by line."""
PAID = ("plan", "steps", "remedies", "between")
"""Lines of it that are paid."""
ORDERED = (*cashflow.CAPITAL, "migration")
"""Categories of siting_facts/cost_items.csv that are ordered at go."""


Cash: TypeAlias = "dict[str, Array]"
"""What is paid for an option as planned, by lines of PAID, not discounted and before profit tax.
[M + 1 each]"""


def _month(days: float, last: int) -> int:
    """The month in which a day lies, within the horizon."""
    return min(last, round(days / DAYS_OF_MONTH))


class BudgetFrames(Topic):
    """Frames on cash by year, payback and the budget."""

    # --- cash of the choice, with what falls due beside its plan ----------------------------------

    @frame(
        "option month",
        "date paid so_far",
    )
    def paid_so_far(self) -> Rows:
        """The chosen option, or what it is held against, at the end of one month, as planned,
        with what falls due beside its plan."""
        for name, cash in self._cash.items():
            each = np.sum([*cash.values()], axis=0)
            so_far = np.cumsum(each)
            for month, paid in enumerate(each):
                yield {
                    "option": name,
                    "month": month,
                    "date": self.results.day(month * DAYS_OF_MONTH),
                    "paid": paid,
                    "so_far": so_far[month],
                }
        yield from self._of_cash()

    @frame(
        "option key",
        "step line_kind amount",
    )
    def budget(self) -> Rows:
        """One step of the bridge from what is paid as planned to the mean in all."""
        for name, cash in self._cash.items():
            if self.results.decision.candidate(name).burden.costs:
                amounts = self._to_all(name, cash)
                for key, step in BRIDGE.items():
                    yield {
                        "option": name,
                        "key": key,
                        "step": step,
                        "line_kind": "sum" if key in SUMS else "added",
                        "amount": amounts[key],
                    }
        yield from self._of_cash()

    def _to_all(self, name: str, cash: Cash) -> dict[str, float]:
        """Amounts of the bridge of an option. [currency]"""
        found = self.results.decision
        sums = {part: amounts.sum() for part, amounts in cash.items()}
        of_risk = {part: found.part(name, part) for part in ("leaving", "vendors", "premiums")}
        planned = sum(sums.values())
        beside = -(sums["steps"] + sums["between"])
        in_all = found.mean(name)
        tax = self.results.cost.options[name].of(TAX).sum()
        counted = in_all - planned - beside - tax - sum(of_risk.values())
        added = {"planned": planned, "beside": beside, "tax": tax, "counted": counted}
        return sums | of_risk | added | {"in_all": in_all}

    @property
    def _cash(self) -> dict[str, Cash]:
        """By option that is compared, what is paid for it."""
        return {name: self._cash_of(name) for name in dict.fromkeys(self.results.compared) if name}

    def _cash_of(self, name: str) -> Cash:
        plan = self.results.cost.plan
        months = plan.months
        ordered = _month(0 if name == plan.baseline else self.results.go.day, months)
        cash = {line: np.zeros(months + 1) for line in PAID}
        cash["plan"] = self._paid(name, ordered)
        burden = self.results.decision.candidate(name).burden
        cash["remedies"][ordered] = burden.remedies_once.mean()
        cash["remedies"][ordered + 1 :] += burden.remedies_yearly.mean() / money.MONTHS
        if name == self.results.decision.recommended:
            for step in self.results.plan:
                if step.price and not self.results.is_held(step):
                    cash["steps"][_month(step.due, months)] += step.price.central
            self._bridge(cash["between"])
        return cash

    def _paid(self, name: str, ordered: int) -> Array:
        """What the plan of an option pays, what it buys today being paid in month `ordered`."""
        paid = np.zeros(self.results.cost.plan.months + 1)
        for flow in self.results.cost.options[name].flows:
            if flow.category in (FORGONE, TAX):
                continue
            amounts = np.array(flow.amounts)
            if flow.category in ORDERED and ordered:
                amounts[ordered] += amounts[0]
                amounts[0] = 0.0
            paid += amounts
        return paid

    def _bridge(self, paid: Array) -> None:
        """Adds what a model that bridges until the choice runs costs more than the plan holds for
        the same days."""
        bridge = self.results.until_live.bridging
        if bridge and bridge.beyond is not None:
            days = bridge.until - self.client.report_date
            paid[_month(days.days, len(paid) - 1)] += bridge.beyond

    def _of_cash(self) -> Iterator[Source]:
        """Where what is paid so far comes from."""
        study = self.study
        yield from prices_of(self.results, *PRICES)
        for shown in (study.remedies(), study.steps()):
            yield from shown.attrs["sources"]
        if bridge := self.results.until_live.bridging:
            yield from bridge.sources
        if self.scenario.finance.budget_any_year:
            yield self.scenario.source(BUDGET)
        yield from self.results.tax.sources
