"""Frames of a study on money: what each option costs, when, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from siting.catalogue import Source
from siting.cost import costing, money
from siting.cost.ledger import FORGONE
from siting.study.frames import Rows, Topic, frame, frame_citing

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

    @frame_citing(_prices(*PRICES))
    def costs(self) -> Rows:
        """A priced option: what it costs over the horizon, and what it saves against today.

        option: label of the option
        today: whether it runs today
        chosen: whether the report's money is about it: the recommended option, or the cheapest
            where none may be chosen
        rival: whether the chosen one is held against it
        cheapest: whether it has the lowest present cost as planned
        ruled_out: whether a condition rules it out
        total: plain sum of all costs as planned [currency]
        present: present cost as planned [currency]
        cleared: the same with every remedy that its open points name [currency]
        present_low: present cost, 1 in 10 cases is below [currency]
        present_median: present cost, middle of all cases [currency]
        present_high: present cost, 1 in 10 cases is above [currency]
        saving?: present value of what it saves against today as planned [currency]
        saving_low?: saving, 1 in 10 cases is below [currency]
        saving_median?: saving, middle of all cases [currency]
        saving_high?: saving, 1 in 10 cases is above [currency]
        saves_in?: share of cases in which it costs less than today [share]
        cheapest_in: share of cases in which it is the cheapest [share]
        irr?: yearly return of what it costs more at first; missing where none exists [per year]
        payback?: months until the money is back for good [months]
        payback_discounted?: the same in present value [months]
        per_million: levelised cost of a million tokens, input and output [currency/M tokens]
        price_age?: age of its oldest price of machines, GPU-hours or tokens [days]
        """
        chosen, rival = self.results.compared
        ruled_out = {c.name for c in self.results.decision.candidates if c.struck}
        current = self.results.cost.options.get(self.results.cost.plan.baseline)
        for name, option in self.results.cost.options.items():
            spread = self.results.uncertainty.spreads[name]
            row = {
                "option": name,
                "today": option is current,
                "chosen": name == chosen,
                "rival": name == rival and rival != chosen,
                "cheapest": name == self.results.cost.cheapest,
                "ruled_out": name in ruled_out,
                "total": option.total,
                "present": option.present,
                "cleared": option.present + self.results.cured(name),
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
            if current is not None and option is not current:
                row["saves_in"] = spread.chance_of_saving
                if np.any(option.monthly - current.monthly):
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

    @frame_citing(_prices(*PRICES, "staff_cost", "maintenance"))
    def cash_flows(self) -> Rows:
        """One cost item of one option in one month, as planned.

        option: label of the option
        item: what is paid for
        category: kind of cost
        is_paid: whether somebody pays it; waiting is counted at what a month of the option costs
            at least, and nobody bills the difference
        month: 0 is today; the last holds exit and resale [months]
        amount: cost; income is negative [currency]
        present: the same, discounted to today [currency]
        """
        worth = money.discount_factors(self.results.cost.plan.months, self.results.cost.rate)
        for option in self.results.cost.options.values():
            for flow in option.flows:
                category = CATEGORIES.get(flow.category, flow.category)
                for month, amount in enumerate(flow.amounts):
                    yield {
                        "option": option.name,
                        "item": flow.label,
                        "category": category,
                        "is_paid": flow.category != FORGONE,
                        "month": month,
                        "amount": amount,
                        "present": amount * worth[month],
                    }

    @frame_citing(_prices(*PRICES, "life_years"))
    def yearly_costs(self) -> Rows:
        """One option in one year, as planned.

        option: label of the option
        year: 1 is the first, and holds what is paid today [year]
        paid: as it is paid [currency]
        booked: investments in equal parts over their life; what is left falls on the last year
            [currency]
        """
        for option in self.results.cost.options.values():
            views = zip(option.cash_view, option.accounting_view, strict=True)
            for year, (paid, booked) in enumerate(views, 1):
                yield {"option": option.name, "year": year, "paid": paid, "booked": booked}

    # --- over time and volume ---------------------------------------------------------------------

    # --- beside the money -------------------------------------------------------------------------

    @frame
    def remedies(self) -> Rows:
        """What it costs to cure one finding of the rules for one option; in no total.

        option: label of the option
        remedy: what is done
        kind: how the amount is known
        once*: paid once [currency]
        yearly*: paid every year [currency]
        of_api_bill: share of the API bill on top [share]
        """
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
