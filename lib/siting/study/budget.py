"""Frames of a study for who signs the budget: cash by year, payback, bridge and terms of money."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from siting.catalogue import source_of
from siting.cost import cashflow, fiscal, money, prices, tco
from siting.cost.ledger import BEFORE, FORGONE, CashFlow
from siting.cost.money import Array
from siting.cost.priced import PricedHybrid
from siting.quantity import DAYS_OF_MONTH, Range
from siting.study.frames import Rows, Topic, frame

BOUGHT = "Servers and network, bought"
RESALE = "Resale"
"""Lines of cash that are investments."""
MOVED = "Moving over and leaving"
LINES = {
    "residual": RESALE,
    "migration": MOVED,
    "exit": MOVED,
    "before_production": "Today's bill until it runs",
    "api": "API",
    "rental": "GPU rental",
    "staff": "Staff",
    "model_moves": "Changes of model",
    "fine_tuning": "Fine-tuning",
    "tax": "Tax saved",
}
"""Lines of cash by category of siting_facts/cost_items.csv, of what is no investment."""
RUNNING = "Power, room, upkeep, licences"
"""The line of all other categories."""
MACHINES = {"serving_server": "server", "spare_server": "server", "gpu_hour": "GPU-hour"}
"""What is paid for by the piece, by the unit of its line."""
PAID = ("hardware", "rental")
"""Categories of these lines: not of what serves until the option runs."""
ORDER = (BOUGHT, RESALE, *dict.fromkeys(LINES.values()), RUNNING)


HOURS = "staff_cost"
"""The factor in the price of what the client's own people do: no invoice asks for it."""


def _by_line(flows: Iterable[CashFlow]) -> dict[str, Array]:
    """What cash flows come to by line of cash, in the order of a table. [M + 1 each]"""
    by_line: dict[str, list[Array]] = {}
    for flow in flows:
        if flow.category == FORGONE:  # counted, and paid by nobody
            continue
        line = LINES.get(flow.category, RUNNING)
        is_bought = flow.capital and line != RESALE
        by_line.setdefault(BOUGHT if is_bought else line, []).append(flow.amounts)
    return {line: np.sum(by_line[line], axis=0) for line in sorted(by_line, key=ORDER.index)}


def _dearest_month_until_it_runs(option: tco.OptionCost) -> float | None:
    """Most that an option pays in a month for what serves until it does; None where nothing."""
    until = [flow.amounts for flow in option.flows if flow.category == BEFORE]
    return float(np.sum(until, axis=0).max()) if until else None


@dataclass(frozen=True, kw_only=True)
class _CashLine:
    """What an option pays by a line of cash, as planned, month by month. [M + 1]"""

    name: str
    paid: Array
    own_hours: Array
    """What of it is time of the client's own people."""

    @property
    def kind(self) -> str:
        """`capex` for an investment, else `opex`."""
        return "capex" if self.name in (BOUGHT, RESALE) else "opex"


def _lines(option: tco.OptionCost) -> Iterator[_CashLine]:
    """The lines of cash of an option."""
    hours = _by_line(flow for flow in option.flows if HOURS in flow.factors)
    for name, paid in _by_line(option.flows).items():
        yield _CashLine(name=name, paid=paid, own_hours=hours.get(name, np.zeros_like(paid)))


@dataclass(frozen=True, kw_only=True)
class BridgeStep:
    """A step of the bridge from what is paid to all that may fall due."""

    key: str
    told: str
    kind: Literal["sum", "added", "held"]


BRIDGE = (
    BridgeStep(key="paid", kind="sum", told="Planned, as paid"),
    BridgeStep(key="forgone", kind="added", told="waiting, counted and not billed"),
    BridgeStep(key="later", kind="added", told="paid later is worth less today"),
    BridgeStep(key="present", kind="sum", told="Planned, in today's money"),
    BridgeStep(key="ranges", kind="added", told="ranges reach further one way"),
    BridgeStep(key="likely", kind="sum", told="Likely"),
    BridgeStep(key="remedies", kind="added", told="remedies of the open points"),
    BridgeStep(key="steps", kind="added", told="steps of the plan"),
    BridgeStep(key="steps_in_moving", kind="held", told="steps that moving over holds"),
    BridgeStep(key="model", kind="added", told="a model that bridges, beyond what the plan holds"),
    BridgeStep(key="not_billed", kind="added", told="waiting is not billed"),
    BridgeStep(key="in_all", kind="sum", told="All that may fall due"),
)
"""In their order."""


class BudgetFrames(Topic):
    """Frames on cash by year, payback and the budget."""

    @frame
    def cash_by_year(self) -> Rows:
        """One line of an option's cash in one year, as planned and not discounted.

        option: label of the option
        line: what is paid for
        kind: capex (investments and what they bring back) or opex
        is_bought: whether it is servers and network that are bought
        is_moved: whether it is moving over and leaving
        year: 1 is the first, and holds what is paid today [year]
        paid: as it is paid; income is negative [currency]
        own_hours: part of it that is time of the client's own people: nobody is paid for it beside
            their wages [currency]
        """
        for option in self.results.cost.options.values():
            for line in _lines(option):
                of_hours = tco.by_year_from_today(line.own_hours)
                for year, paid in enumerate(tco.by_year_from_today(line.paid), 1):
                    yield {
                        "option": option.name,
                        "line": line.name,
                        "kind": line.kind,
                        "is_bought": line.name == BOUGHT,
                        "is_moved": line.name == MOVED,
                        "year": year,
                        "paid": paid,
                        "own_hours": of_hours[year - 1],
                    }
        yield from self.study.cash_flows().attrs["sources"]

    @frame
    def items_by_year(self) -> Rows:
        """One cost item of an option in one year, as planned and not discounted.

        option: label of the option
        item: what is paid for
        price: how its price moves
        first: first month in which it is paid; 0 is today [months]
        last: last month in which it is paid [months]
        year: 1 is the first, and holds what is paid today [year]
        paid: as it is paid; income is negative [currency]
        """
        for option in self.results.cost.options.values():
            for label in dict.fromkeys(flow.label for flow in option.flows):
                mine = [flow for flow in option.flows if flow.label == label]
                monthly = np.sum([flow.amounts for flow in mine], axis=0)
                months = np.flatnonzero(monthly)
                for year, paid in enumerate(tco.by_year_from_today(monthly), 1):
                    yield {
                        "option": option.name,
                        "item": label,
                        "price": self._moves(mine[0].path),
                        "first": months.min() if months.size else 0,
                        "last": months.max() if months.size else 0,
                        "year": year,
                        "paid": paid,
                    }
        yield from self.study.cash_flows().attrs["sources"]

    def _moves(self, path: str) -> str:
        """How a price moves over the months, in words."""
        kind, _, every = path.partition(":")
        if kind == "inflation":
            rate = self.results.cost.plan.factors["inflation"].value.central
            return f"+{self.results.numbers.percent(rate, 1)} a year"
        if kind == "rental":
            return f"rented cards’, set every {every} months"
        return "API tokens’" if kind == "api" else "stays"

    @frame
    def fiscal_cash(self) -> Rows:
        """One line of an option's cash in one fiscal year of the client, as planned and not
        discounted; none where the client names no month in which a fiscal year begins.

        option: label of the option
        line: what is paid for
        kind: capex (investments and what they bring back) or opex
        fiscal_year: calendar years that it touches
        paid: as it is paid; income is negative [currency]
        own_hours: part of it that is time of the client's own people [currency]
        """
        years = fiscal.years(self.scenario)
        for option in self.results.cost.options.values():
            for line in _lines(option):
                for year in years:
                    yield {
                        "option": option.name,
                        "line": line.name,
                        "kind": line.kind,
                        "fiscal_year": year.name,
                        "paid": year.sum_of(line.paid),
                        "own_hours": year.sum_of(line.own_hours),
                    }
        yield from self.study.cash_flows().attrs["sources"]

    @frame
    def fiscal_costs(self) -> Rows:
        """One option in one fiscal year of the client, as planned; none where the client names no
        month in which a fiscal year begins.

        option: label of the option
        fiscal_year: calendar years that it touches
        begins: first day of the whole fiscal year
        months: months of the plan that fall in it; the first and the last year may be cut [months]
        paid: as it is paid [currency]
        booked: investments in equal parts over their life; what is left falls on the last year
            [currency]
        """
        for option in self.results.cost.options.values():
            for year in fiscal.years(self.scenario):
                yield {
                    "option": option.name,
                    "fiscal_year": year.name,
                    "begins": year.begins.isoformat(),
                    "months": year.months,
                    "paid": year.sum_of(option.paid),
                    "booked": year.sum_of(option.booked),
                }
        yield from self.study.yearly_costs().attrs["sources"]
        if self.scenario.finance.fiscal_year_start is not None:
            yield self.scenario.source("finance.fiscal_year_start")

    @frame
    def cash_table(self) -> Rows:
        """A cell of the chosen option's cash by year, beside that of what it is held against: as
        planned and not discounted, in the client's fiscal years where it names the month in which
        they begin.

        option: label of the option whose money it is
        line: what is paid for, or what the line sums up
        kind: capex (investments and what they bring back) or opex of a line of cost; paid, own
            hours or booked of its sums; saved of the difference so far
        year: year as a table heads it, or sum for all of them
        amount: as it is paid; income is negative [currency]
        """
        options = self.results.cost.options
        chosen, rival = self.results.compared
        if not chosen:
            return
        labels = self.results.labels
        own = options[chosen]
        lines = list(_lines(own))
        for line in lines:
            yield from self._cells(chosen, line.name, line.kind, line.paid)
        yield from self._cells(chosen, f"{labels[chosen]}, paid", "paid", own.paid)
        hours = np.sum([line.own_hours for line in lines], axis=0)
        yield from self._cells(chosen, "of it hours of your own people", "own hours", hours)
        if any(line.kind == "capex" for line in lines):
            booked = "the same, investments booked over their life"
            yield from self._cells(chosen, booked, "booked", own.booked)
        if rival != chosen:
            other = options[rival].paid
            yield from self._cells(rival, f"{labels[rival]}, paid", "paid", other)
            so_far = 0.0
            for cell in self._cells(chosen, "saved, running sum", "saved", other - own.paid):
                so_far += cell["amount"]
                yield cell if cell["year"] == "sum" else {**cell, "amount": so_far}
        yield from self.study.yearly_costs().attrs["sources"]
        if self.scenario.finance.fiscal_year_start is not None:
            yield self.scenario.source("finance.fiscal_year_start")

    def _cells(
        self, name: str, line: str, kind: str, monthly: Array
    ) -> Iterator[Mapping[str, Any]]:
        """A line of the table of cash by year: its years, then their sum. monthly: [M + 1]"""
        years = fiscal.years(self.scenario)
        by_year = {year.name: year.sum_of(monthly) for year in years}
        if not years:
            found = enumerate(tco.by_year_from_today(monthly), 1)
            by_year = {f"year {number}": paid for number, paid in found}
        for year, amount in {**by_year, "sum": float(monthly.sum())}.items():
            yield {"option": name, "line": line, "kind": kind, "year": year, "amount": amount}

    @frame
    def machines_paid(self) -> Rows:
        """What an option pays for machines in one year, as planned: servers that are bought, spare
        ones included, or GPU-hours that are rented. Years in which nothing is paid are left out.

        option: label of the option
        thing: server or GPU-hour
        year: 1 is the first, and holds what is paid today [year]
        number: how many are paid for [1]
        months: months in which some are paid for [months]
        price: of each, in the mean of the year, with what is borne of VAT [currency]
        paid: for all of them, without network and installation [currency]
        if_kept?: what as many GPUs as the year's busiest hour needs would cost, were none of them
            given back when idle; missing for servers [currency]
        """
        for option in self.results.cost.options.values():
            bought = [f for f in option.flows if MACHINES.get(f.unit) and f.category in PAID]
            for thing in dict.fromkeys(MACHINES[f.unit] for f in bought):
                mine = [f for f in bought if MACHINES[f.unit] == thing]
                numbers = tco.by_year_from_today(np.sum([f.quantity for f in mine], axis=0))
                amounts = tco.by_year_from_today(np.sum([f.amounts for f in mine], axis=0))
                some = np.sum([f.quantity for f in mine], axis=0) > 0
                months = tco.by_year_from_today(some.astype(float))
                for year, (number, paid) in enumerate(zip(numbers, amounts, strict=True), 1):
                    if number > 0:
                        yield {
                            "option": option.name,
                            "thing": thing,
                            "year": year,
                            "number": number,
                            "months": months[year - 1],
                            "price": paid / number,
                            "paid": paid,
                            "if_kept": self._if_kept(option.name, year, paid, thing),
                        }
        yield from self.study.cash_flows().attrs["sources"]

    def _if_kept(self, name: str, year: int, paid: float, thing: str) -> float | None:
        """What GPUs that are paid by the hour would cost in a year, were all kept that its busiest
        hour needs: at the same price an hour, by the machines that are billed."""
        plan = self.results.cost.plan
        fleet = cashflow.option_fleet(plan.options[name], plan.central(), plan.years)
        if thing != "GPU-hour" or fleet is None or not fleet.gpu_hours[0, year - 1]:
            return None
        around_the_clock = fleet.gpus[0, year - 1] * plan.central()["hours_per_month"][0]
        return float(paid * around_the_clock / fleet.gpu_hours[0, year - 1])

    @frame
    def cash_gap(self) -> Rows:
        """The chosen option's cash against that of what it is held against: one row, or none where
        only one option has a price. As planned and not discounted, unless said otherwise.

        option: label of the chosen option
        rival: what it is held against [option]
        saved: what it saves over the horizon; negative: what it costs more [currency]
        deepest: most that it is ever behind; nought where it never is [currency]
        deepest_month: end of the month in which that is so [months]
        payback?: months until the money is back for good; infinite where never [months]
        payback_day?: day on which that is so; missing where it is never, or never behind
        present_saved: what it saves in today's money [currency]
        likely_saving*: the same over all cases: 1 in 10 is below, middle, 1 in 10 above [currency]
        cheaper: share of cases in which it costs less [share]
        late?: what the service of today costs in its dearest month until the choice runs: a month
            that it goes live later costs as much; missing where nothing is paid until then
            [currency]
        """
        chosen, rival = self.results.compared
        if chosen == rival:
            return
        options = self.results.cost.options
        totals = self.results.uncertainty.totals
        by_case = totals[rival].present - totals[chosen].present
        low, middle, high = np.percentile(by_case, (10, 50, 90)).tolist()
        saving = options[rival].paid - options[chosen].paid
        running = np.cumsum(saving)
        found = money.payback(saving)
        day = self.results.day(found * DAYS_OF_MONTH) if found else None
        yield {
            "option": chosen,
            "rival": rival,
            "saved": float(running[-1]),
            "deepest": max(0.0, float(-running.min())),
            "deepest_month": int(running.argmin()),
            "payback": math.inf if found is None else found,
            "payback_day": day,
            "present_saved": options[rival].present - options[chosen].present,
            "likely_saving*": Range(low, middle, high, unit=self.client.currency),
            "cheaper": float((by_case > 0).mean()),
            "late": _dearest_month_until_it_runs(options[chosen]),
        }
        yield from self.study.costs().attrs["sources"]

    @frame
    def budget(self) -> Rows:
        """One step of the bridge from what is paid as planned to all that may fall due, for the
        chosen option and what it is held against. Steps of the plan are those of the chosen one
        alone, without those whose work moving over pays for; they fall within a year and are not
        discounted. Nor is what a model costs that serves today's users until the chosen one does.

        option: label of the option
        order: place in the bridge [1]
        key: name of the step, which stays when its words move
        step: what is added, or the sum up to here
        kind: sum, added, or held (by a sum above, so not added)
        amount: amount [currency]
        """
        for name in dict.fromkeys(self.results.compared):
            if not name:
                continue
            for order, step in enumerate(self._bridge(name)):
                yield {"option": name, "order": order} | step
        for shown in (
            self.study.costs(),
            self.study.remedies(),
            self.study.steps(),
            self.study.bridges(),
        ):
            yield from shown.attrs["sources"]

    def _bridge(self, name: str) -> Iterator[dict[str, Any]]:
        """Steps of one option."""
        priced = self.results.cost.options[name]
        likely = self.results.uncertainty.spreads[name].present.central
        paid = float(priced.paid.sum())
        forgone = priced.present - money.npv(priced.paid, self.results.cost.rate)
        cured = self.results.cured(name)
        is_planned = name == self.results.decision.recommended
        plan = self.results.plan if is_planned else ()
        held = sum(x.price.central for x in plan if x.price and self.results.is_held(x))
        done = sum(x.price.central for x in plan if x.price) - held
        bridging = self._bridging() if is_planned else 0.0
        amounts = {
            "paid": paid,
            "forgone": forgone,
            "later": priced.present - paid - forgone,
            "present": priced.present,
            "ranges": likely - priced.present,
            "likely": likely,
            "remedies": cured,
            "steps": done,
            "steps_in_moving": held,
            "model": bridging,
            "not_billed": -forgone,
            "in_all": likely + cured + done + bridging - forgone,
        }
        for step in BRIDGE:
            yield {
                "key": step.key,
                "step": step.told,
                "kind": step.kind,
                "amount": amounts[step.key],
            }

    def _bridging(self) -> float:
        """What a model that bridges until the chosen option runs costs more than the plan holds for
        the same days, of the one that page one names. [currency]"""
        bridges = self.study.bridges()
        return float(bridges.beyond[bridges.lasts].tail(1).sum())

    @frame
    def money_terms(self) -> Rows:
        """How money is counted: one row.

        vat?: standard rate of value-added tax in the client's country; missing where none is on
            file [share]
        vat_borne: what it adds to the price of what is bought: nought where the client gets all of
            it back [share]
        told: the same as a phrase that stands beside a total
        discount_rate*: by which later payments are worth less [per year]
        tax_rate?: rate of profit tax whose shield is in all figures; missing: before profit tax
            [share]
        """
        factors = self.results.cost.plan.factors
        rate = prices.row("vat", prices.Vat, country=self.client.country)
        borne = factors["vat"].value.central - 1 if "vat" in factors else 0.0
        yield {
            "vat": rate and rate.rate,
            "vat_borne": borne,
            "told": self._vat_told(rate, borne),
            "discount_rate*": self.scenario.finance.discount_rate,
            "tax_rate": self.scenario.finance.tax_rate,
        }
        if rate is not None:
            yield source_of(rate)
        yield from (factors[name].source for name in ("vat", "discount_rate") if name in factors)

    def _vat_told(self, rate: prices.Vat | None, borne: float) -> str:
        """What totals hold of value-added tax, or of sales tax."""
        if rate is None:
            return "without VAT or sales tax (no rate is on file)"
        if borne > 0:
            part = "" if math.isclose(borne, rate.rate) else f"{100 * borne:.3g} of "
            return f"with the VAT that you do not get back ({part}{100 * rate.rate:.3g}%)"
        if self.scenario.finance.vat_recoverable is None:
            return "without VAT, as you are taken to get it back"
        return "without VAT, which you get back"

    @frame
    def mix_by_year(self) -> Rows:
        """One mix in one year, as planned: which part of the requests goes to the other side.

        option: label of the mix
        year: 1 is the first [year]
        away: share of the requests that the other side serves [share]
        """
        plan = self.results.cost.plan
        for name, option in plan.options.items():
            if isinstance(option, PricedHybrid):
                for year, away in enumerate(tco.away_by_year(plan, option), 1):
                    yield {"option": name, "year": year, "away": away}
