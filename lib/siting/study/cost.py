"""Frames of a study on money: what each option costs, when, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from siting.catalogue import Source
from siting.cost import costing, fiscal, money, tco
from siting.cost.ledger import FORGONE
from siting.study.frames import Rows, Topic, frame
from siting.study.verdict import PRICES, prices_of

CATEGORIES = {
    "hardware": "servers", "network": "network", "facility": "space and cooling plant",
    "energy": "electricity", "maintenance": "maintenance", "licences": "licences",
    "staff": "staff", "rental": "GPU rental", "api": "API", "storage": "storage",
    "migration": "moving over", "exit": "leaving", "residual": "resale", "insurance": "insurance",
    "fine_tuning": "fine-tuning", "model_moves": "changes of model", "tax": "tax",
    "before_production": "today's bill until it runs",
    "forgone": "waiting, counted and not billed",
}  # fmt: skip
"""Categories of siting_facts/cost_items.csv as a client reads them."""


class CostFrames(Topic):
    """Frames on money."""

    def _prices(self) -> Iterator[Source]:
        return prices_of(self.results, *PRICES, "staff_cost", "maintenance", "life_years")

    @frame(
        "option item category month",
        "price_path year fiscal_year amount present paid booked",
        citing=_prices,
    )
    def cash_flows(self) -> Rows:
        """One cost item of one option in one month, as planned: waiting is counted, and not
        paid."""
        plan = self.results.cost.plan
        worth = money.discount_factors(plan.months, self.results.cost.rate)
        fiscal_years = fiscal.by_month(self.scenario)
        for option in self.results.cost.options.values():
            for label, of_flows in dict.fromkeys((f.label, f.category) for f in option.flows):
                mine = [f for f in option.flows if (f.label, f.category) == (label, of_flows)]
                amounts = np.sum([f.amounts for f in mine], axis=0)
                booked = tco.booked(mine, option.life, plan.months)
                for month, amount in enumerate(amounts):
                    yield {
                        "option": option.name,
                        "item": label,
                        "category": CATEGORIES.get(of_flows, of_flows),
                        "price_path": self._moves(mine[0].path),
                        "month": month,
                        "year": max(0, month - 1) // money.MONTHS + 1,
                        "fiscal_year": fiscal_years.get(month, ""),
                        "amount": amount,
                        "present": amount * worth[month],
                        "paid": 0.0 if of_flows == FORGONE else amount,
                        "booked": booked[month],
                    }
        yield from self.results.tax.sources
        if self.scenario.finance.fiscal_year_start is not None:
            yield self.scenario.source("finance.fiscal_year_start")

    def _moves(self, path: str) -> str:
        """How a price moves over the months, in words."""
        kind, _, every = path.partition(":")
        if kind == "inflation":
            rate = self.results.cost.plan.factors["inflation"].value.central
            return f"+{self.results.numbers.percent(rate, 1)} a year"
        if kind == "rental":
            return f"rented cards’, set every {every} months"
        return "API tokens’" if kind == "api" else "stays"

    # --- beside the money -------------------------------------------------------------------------

    @frame(
        "option remedy",
        "once yearly of_api_bill",
    )
    def remedies(self) -> Rows:
        """What it costs to cure one finding of the rules for one option; in no total."""
        known = costing.remedies(self.scenario)
        for name in self.options:
            items = self.results.sovereignty.remedies(name)
            for found in (known[item] for item in items if item in known):
                yield {
                    "option": name,
                    "remedy": found.label,
                    "once": found.once.central,
                    "yearly": found.per_year.central,
                    "of_api_bill": found.share_of_api_bill.central,
                }
                yield found.source
