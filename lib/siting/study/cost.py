"""Frames of a study on money: what each option costs, when, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from siting.catalogue import Source
from siting.cost import costing, fiscal, money, tco
from siting.cost.ledger import FORGONE
from siting.study.frames import Rows, Topic, frame

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
PRICES = ("server_price", "gpu_hour", "api_request", "electricity", "colocation", "fx")
"""Factors whose sources stand under every figure of the total."""
MAIN_PRICES = ("server_price", "server_list_price", "gpu_hour", "api_request")
"""Factors whose age is that of an option's prices."""


def _prices(*stems: str) -> Callable[[Topic], Iterable[Source]]:
    """Sources of a study's prices whose names begin with one of the stems."""
    return lambda topic: (
        factor.source
        for name, factor in topic.results.cost.plan.factors.items()
        if name.split(".")[0] in stems
    )


class CostFrames(Topic):
    """Frames on money."""

    # --- totals -----------------------------------------------------------------------------------

    @frame(
        "option",
        "is_today is_chosen is_rival is_cheapest total present with_remedies present_low "
        "present_median present_high saving? saving_low? saving_median? saving_high? "
        "cheapest_in irr? payback? payback_discounted? per_million price_age?",
        citing=_prices(*PRICES),
    )
    def costs(self) -> Rows:
        """A priced option: what it costs over the horizon, and what it saves against today."""
        chosen, rival = self.results.compared
        current = self.results.cost.options.get(self.results.cost.plan.baseline)
        for name, option in self.results.cost.options.items():
            spread = self.results.uncertainty.spreads[name]
            row = {
                "option": name,
                "is_today": option is current,
                "is_chosen": name == chosen,
                "is_rival": name == rival and rival != chosen,
                "is_cheapest": name == self.results.cost.cheapest,
                "total": option.total,
                "present": option.present,
                "with_remedies": option.present + self.results.cured(name),
                "present_low": spread.present.low,
                "present_median": spread.present.central,
                "present_high": spread.present.high,
                "cheapest_in": spread.chance_cheapest,
                "per_million": option.lcot,
                "price_age": self._price_age(name),
            }
            if current is not None:
                row |= {
                    "saving": option.npv,
                    "saving_low": spread.npv.low,
                    "saving_median": spread.npv.central,
                    "saving_high": spread.npv.high,
                }
            if current is not None and np.any(option.monthly - current.monthly):
                row |= {
                    "irr": option.irr,
                    "payback": _never(option.payback_simple),
                    "payback_discounted": _never(option.payback_discounted),
                }
            yield row

    def _price_age(self, name: str) -> float:
        """Days since the oldest main price of an option was seen; missing where none is dated."""
        plan = self.results.cost.plan
        paid = plan.options[plan.options[name].alone or name].lines
        used = {factor for line in paid for factor in line.factors}
        main = (plan.factors[f].source for f in used if f.split(".")[0] in MAIN_PRICES)
        ages = [source.age_days(self.client.report_date) for source in main]
        return max((age for age in ages if age is not None), default=math.nan)

    @frame(
        "option item category month",
        "price_path year fiscal_year amount present paid booked",
        citing=_prices(*PRICES, "staff_cost", "maintenance", "life_years"),
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

    # --- over time and volume ---------------------------------------------------------------------

    # --- beside the money -------------------------------------------------------------------------

    @frame(
        "option remedy",
        "kind once* yearly* of_api_bill",
    )
    def remedies(self) -> Rows:
        """What it costs to cure one finding of the rules for one option; in no total."""
        known = costing.remedies(self.scenario)
        for name in self.options:
            for item in self.results.sovereignty.remedies(name):
                found = known.get(item)
                if found is None:
                    continue
                yield {
                    "option": name,
                    "remedy": found.label,
                    "kind": found.source.kind,
                    "once*": found.once,
                    "yearly*": found.per_year,
                    "of_api_bill": found.share_of_api_bill.central,
                }
                yield found.source


def _never(months: float | None) -> float:
    """What never happens is infinitely far away."""
    return math.inf if months is None else months
