"""Frames of a study on money: what each option costs, when, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from siting.catalogue import Source, source_of
from siting.cost import api_prices, claims, costing, money
from siting.cost.ledger import FORGONE
from siting.cost.money import MONTHS
from siting.cost.prices import open_prices
from siting.quality import hidden_tokens, leaves, spoken
from siting.study.frames import Rows, Topic, frame, frame_citing
from siting.study.vendors import iso
from siting.vendors import notice
from siting.verdict.alternatives import search

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
JUDGED = 4
"""Hosts that the scenario lacks, so many of the cheapest are held against rules and quality."""


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

    @frame
    def year_limit(self) -> Rows:
        """An option beside what a year may cost, where the client makes that a hard condition.

        option: label of the option
        limit: the client's limit [currency]
        mean: what is held against it: the likely present cost over the years of the horizon, so
            that a single year may pay more [currency]
        """
        decision = self.scenario.decision
        if "budget" not in decision.hard_constraints or not decision.budget_per_year:
            return
        years = self.scenario.finance.horizon_months / MONTHS
        for name in self.results.cost.options:
            present = self.results.uncertainty.spreads[name].present.central
            yield {"option": name, "limit": decision.budget_per_year, "mean": present / years}

    # --- over time and volume ---------------------------------------------------------------------

    @frame_citing(_prices(*PRICES))
    def cost_bands(self) -> Rows:
        """Cost of an option summed up to the end of a year, over all cases; not discounted.

        option: label of the option
        month: end of the year [months]
        low: 1 in 10 cases is below [currency]
        median: middle of all cases [currency]
        high: 1 in 10 cases is above [currency]
        """
        for name, spread in self.results.uncertainty.spreads.items():
            for year, (low, median, high) in enumerate(spread.cumulative.T, 1):
                yield {
                    "option": name,
                    "month": min(year * MONTHS, self.results.cost.plan.months),
                    "low": low,
                    "median": median,
                    "high": high,
                }

    @frame_citing(_prices(*PRICES))
    def cost_draws(self) -> pd.DataFrame:
        """Present cost of an option in one case; one case has the same future for all options.

        option: label of the option
        draw: number of the case [1]
        present: present cost [currency]
        """
        totals = self.results.uncertainty.totals  # a frame at once: rows by the ten thousand
        wide = pd.DataFrame({self.results.labels[name]: t.present for name, t in totals.items()})
        wide = wide.rename_axis("draw")
        return wide.melt(var_name="option", value_name="present", ignore_index=False).reset_index()

    @frame_citing(_prices(*PRICES))
    def volume_curve(self) -> Rows:
        """Cost of a million tokens of one option at one volume, all else as planned; a hybrid is
        split anew at each.

        option: label of the option
        volume: mean of the horizon [M tokens/month]
        per_million: levelised cost, input and output together [currency/M tokens]
        """
        found = self.results.cost.volume
        for name, costs in found.per_million.items():
            for volume, per_million in zip(found.million_tokens, costs, strict=True):
                yield {"option": name, "volume": volume, "per_million": per_million}

    @frame_citing(_prices(*PRICES))
    def volume_winners(self) -> Rows:
        """A range of volumes in which one option is the cheapest, all else as planned.

        option: label of the option
        above: volume from which on it is the cheapest [M tokens/month]
        below: volume up to which it is [M tokens/month]
        planned: volume of the scenario, mean of the horizon [M tokens/month]
        """
        found = self.results.cost.volume
        for winner in found.winners:
            yield {
                "option": winner.option,
                "above": winner.above,
                "below": winner.below,
                "planned": found.planned,
            }

    @frame_citing(_prices(*PRICES))
    def break_evens(self) -> Rows:
        """Three break-evens of an option, which answer one question: when does it pay?

        option: label of the option
        today: whether it runs today
        month?: discounted saving against today is back for good [months]
        utilisation?: share of the machines' capacity at which they cost what the rival costs
            [share]
        used?: share of it that this load uses [share]
        volume?: mean of the horizon at which option and rival cost the same [M tokens/month]
        cheaper_above?: whether the option is the cheaper one above that volume
        rival: the one billed by use that it is held against [option]
        why: why something is missing
        """
        for option in self.results.cost.options.values():
            found = option.break_even
            is_today = option.name == self.results.cost.plan.baseline
            row = {
                "option": option.name,
                "today": is_today,
                "utilisation": found.utilisation,
                "used": found.used,
                "volume": found.volume,
                "cheaper_above": found.cheaper_above,
                "rival": found.rival,
                "why": found.why,
            }
            is_split = option.hybrid is None or not option.hybrid.alone
            compared = not is_today and self.results.cost.plan.baseline in self.results.cost.options
            if compared and (found.month is not None or is_split):
                row["month"] = _never(found.month)
            yield row

    @frame_citing(_prices(*PRICES))
    def hybrid_curve(self) -> Rows:
        """One hybrid that owns at most so many servers.

        option: label of the hybrid
        servers: owned at most, without those of other kinds that are there already; they are
            bought when the load needs them [servers]
        present: present cost [currency]
        bursts: share of requests that the other side serves [share]
        best: whether it is the split that costs least
        all_owned: present cost of all load on own servers, with a spare [currency]
        """
        for option in self.results.cost.options.values():
            if option.hybrid is None:
                continue
            for owned in option.hybrid.curve:
                yield {
                    "option": option.name,
                    "servers": owned.servers,
                    "present": owned.present,
                    "bursts": owned.away_share,
                    "best": option.hybrid.alone != "base" and owned is option.hybrid.best,
                    "all_owned": option.hybrid.base_cost,
                }

    # --- beside the money -------------------------------------------------------------------------

    @frame
    def energy(self) -> Rows:
        """Electricity and emissions of an option over the horizon, as planned.

        option: label of the option
        electricity?: at the meter of the site [MWh]
        emissions?: with the yearly mean of the country's grid [t CO2e]
        grid: country of the grid
        present: present cost [currency]
        why: why something is missing
        """
        for option in self.results.cost.options.values():
            used = option.energy
            yield {
                "option": option.name,
                "electricity": None if used.kwh is None else used.kwh / 1000,
                "emissions": used.tonnes_co2e,
                "grid": used.country,
                "present": option.present,
                "why": used.why,
            }
            yield from (i.source for i in used.inputs)

    @frame
    def published_claims(self) -> Rows:
        """A published claim, recomputed, and the same question with this client's numbers.

        claim: what was printed, in words
        printed: the printed result
        recomputed: by the paper's formula on the inputs printed beside it [1]
        yours: with all cost items, today's prices and this client's load [1]
        unit: unit of both
        assumption: what the paper takes and this client does not have
        why: why it is never
        """
        for claim in claims.for_client(self.results.cost, self.scenario):
            case = claim.case
            yield {
                "claim": f"{case.claim} ({case.case_id})",
                "printed": f"{case.published} {case.unit}",
                "recomputed": case.recomputed,
                "yours": _never(claim.yours),
                "unit": case.client_unit.format(currency=self.results.cost.currency),
                "assumption": case.assumption,
                "why": case.never if claim.yours is None else "",
            }
            yield from claim.sources

    @frame
    def alternatives(self) -> Rows:
        """A host that sells the same open weights by the token and that the scenario does not name;
        those without a doubt first, then the cheapest first.

        name: name of the offer, as `variants` has it where it was tried
        way: model and host, in words
        model: identifier of the open model
        host: who runs it
        country: country of processing, where the host says it
        present: present cost as planned [currency]
        saving: what it would save against the chosen option, as planned [currency]
        quality: verdict on the model where it is weakest
        ruled_out: conditions that it fails, a floor of quality that its model falls short of among
            them; blank where none
        open_points: points to clear first, of law and beside it [points]
        same_model: whether it is the one model that the chosen option runs
        """
        chosen = self.results.cost.options.get(self.results.compared.chosen)
        if chosen is None:
            return
        parts = (self.options[part] for part in leaves(self.scenario, chosen.name))
        runs = {model for part in parts for model in part.models.values()}
        for way in search(self.scenario, ("open_api",), judged=JUDGED):
            yield {
                "name": way.name,
                "way": f"{spoken(way.model)} at {way.option.vendor}",
                "model": way.model,
                "host": way.option.vendor,
                "country": way.option.country,
                "present": way.present,
                "saving": chosen.present - way.present,
                "quality": way.quality,
                "ruled_out": "; ".join(way.ruled_out),
                "open_points": way.open_points,
                "same_model": runs == {way.model},
            }
            sold = open_prices(self.client.report_date, way.model, way.option.provider)
            yield from map(source_of, sold)

    @frame
    def successor_prices(self) -> Rows:
        """A model that an option buys, which ends within the horizon, announced or as planned, and
        what the plan takes a request to cost from then on: the same number that is in every total.

        option: label of the option; a hybrid buys what its other option does
        model: identifier of the model
        spoken: the model's name as a person says it
        retired?: its last day; missing where none is announced
        months*: from the report to its end, as the plan takes it [months]
        named: successors that the vendor names, as a person says them; blank where none is
        lasting: those of them that are not gone by then
        listed: whether the price is the listed one of such a successor; else it is drawn from what
            successors of models of this price cost
        times*: price of a request to what follows, over that of the day before [times]
        """
        plan = self.results.cost.plan
        horizon = self.scenario.finance.horizon_months
        for end in self.results.endings:
            known = end.ending
            parts = {name: self.options[name] for name in leaves(self.scenario, end.option)}
            keys = (api_prices.path_key(n, part, known.model) for n, part in parts.items())
            path = next((plan.api_paths[key] for key in keys if key in plan.api_paths), None)
            factor = plan.factors.get(path.successor) if path else None
            if path is None or factor is None:
                continue
            months = plan.factors[path.end].value
            if months.central > horizon:
                continue
            yield {
                "option": end.option,
                "model": known.model,
                "spoken": spoken(known.model),
                "retired": iso(known.retired) if known.retired else None,
                "months*": months,
                "named": _spoken_of(notice.named_in(known.replacement)),
                "lasting": _spoken_of(known.lasting),
                "listed": factor.note == api_prices.AS_LISTED,
                "times*": factor.value,
            }
            yield from known.sources
            yield factor.source

    @frame_citing(_prices("hidden_tokens"))
    def uncounted(self) -> Rows:
        """A priced option that pays for hidden reasoning which nobody has counted, only estimated:
        what it costs with it, and would cost were there none.

        option: label of the option
        tokens*: hidden tokens of a request, of the workload where they may be most [tokens]
        likely: middle of its present cost, as on page one [currency]
        without: the same with no hidden token [currency]
        part: share of the likely cost that hidden reasoning makes [share]
        """
        for name in self.results.cost.options:
            hidden = {
                workload: hidden_tokens(self.scenario, leaf, workload)
                for leaf in leaves(self.scenario, name)
                for workload in self.scenario.workloads
            }
            guessed = {workload: found for workload, found in hidden.items() if not found.is_exact}
            if not guessed:
                continue
            none = {f"workloads.{workload}.reasoning_tokens": 0 for workload in guessed}
            silent = self.results.changed(none, redesigned=False)
            found = self.results.chain.option(silent, name).totals
            if found is None:
                continue
            likely = self.results.uncertainty.spreads[name].present.central
            without = float(np.median(found.present))
            yield {
                "option": name,
                "tokens*": max(guessed.values(), key=lambda tokens: tokens.high),
                "likely": likely,
                "without": without,
                "part": 1 - without / likely,
            }

    @frame
    def invoices(self) -> Rows:
        """A workload whose requests at an API are priced by an invoice, or a quote, of the client's
        own.

        option: label of the option
        workload: workload, as the scenario names it
        times?: what it pays over the list price; missing where that is within the range of the list
            price, or where no list has the model [times]
        """
        for name in self.options:
            for paid in costing.invoiced(self.scenario, name):
                yield {"option": name, "workload": paid.workload, "times": paid.times}

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


def _spoken_of(models: Iterable[str]) -> str:
    """Models as a person says them, one after the other."""
    return "; ".join(map(spoken, models))


def _never(months: float | None) -> float:
    """What never happens is infinitely far away."""
    return math.inf if months is None else months
