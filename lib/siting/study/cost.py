"""Frames of a study on money: what each option costs, when, how sure that is, what turns it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property

import numpy as np
import pandas as pd

from siting.catalogue import Source, source_of
from siting.cost import claims, costing, money, uncertainty
from siting.cost.money import MONTHS
from siting.cost.prices import open_prices, parameter
from siting.study import rivals
from siting.study.frames import Rows, ends, frame, frame_citing
from siting.study.vendors import VendorFrames, iso

CATEGORIES = {
    "hardware": "servers", "network": "network", "facility": "space and cooling plant",
    "energy": "electricity", "maintenance": "maintenance", "licences": "licences",
    "staff": "staff", "rental": "GPU rental", "api": "API", "storage": "storage",
    "migration": "moving over", "exit": "leaving", "residual": "resale", "insurance": "insurance",
    "fine_tuning": "fine-tuning", "model_moves": "changes of model", "tax": "tax",
    "before_production": "today's bill until it runs",
}  # fmt: skip
"""Categories of facts/cost_items.csv as a client reads them."""
PRICES = ("server_price", "gpu_hour", "api_request", "electricity", "colocation", "fx")
"""Factors whose sources stand under every figure of the total."""
JUDGED = 4
"""Hosts that the scenario lacks, so many of the cheapest are held against rules and quality."""
PATHS = {"list": "as listed", "same_capability": "falling"}


def _prices(*stems: str) -> Callable[[CostFrames], Iterable[Source]]:
    """Sources of a study's prices whose names begin with one of the stems."""
    return lambda study: (
        f.source for n, f in study.cost.plan.factors.items() if n.split(".")[0] in stems
    )


class CostFrames(VendorFrames):
    """Frames on money."""

    # --- who is compared with whom ----------------------------------------------------------------

    @cached_property
    def compared(self) -> tuple[str, str]:
        """The chosen option and what it is held against, both priced; blank where none is.

        Against what runs today; who stays is held against the cheapest other option that is not
        ruled out and no mix of one part alone.
        """
        priced = self.cost.options
        if not priced:
            return "", ""
        chosen = self.decision.recommended or ""
        chosen = chosen if chosen in priced else self.cost.cheapest
        if self.cost.plan.baseline in priced and chosen != self.cost.plan.baseline:
            return chosen, self.cost.plan.baseline
        ruled_out = {c.name for c in self.decision.candidates if c.struck}
        rest = [n for n, o in priced.items() if n != chosen and not (o.hybrid and o.hybrid.end)]
        allowed = [n for n in rest if n not in ruled_out] or rest
        return chosen, min(allowed, key=lambda n: priced[n].present, default=chosen)

    @property
    def not_priced(self) -> str:
        """Why options have no price, in one sentence; blank where all have one."""
        reasons = self.cost.plan.not_estimated.items()
        return "; ".join(f"{self.labels[name]}: {why}" for name, why in reasons)

    @cached_property
    def _bars(self) -> list[uncertainty.Bar]:
        """What each input does to the saving of the chosen option over what it is held against."""
        found = uncertainty.tornado(self.cost.plan, self.compared) if self.cost.options else ()
        return [bar for bar in found if bar.swing > 0]

    def _of_drivers(self, drivers: Iterable[str]) -> Iterator[Source]:
        """Sources of the factors that some drivers move."""
        moved = uncertainty.drivers(self.cost.plan)
        return (f.source for d in drivers for f in moved.get(d, ()))

    # --- totals -----------------------------------------------------------------------------------

    @frame_citing(_prices(*PRICES))
    def costs(self) -> Rows:
        """A priced option: what it costs over the horizon, and what it saves against today.

        option: label of the option
        today: whether it runs today
        chosen: whether it is the one that the report recommends
        rival: whether the chosen one is held against it
        cheapest: whether it has the lowest present cost as planned
        ruled_out: whether a condition rules it out
        total: plain sum of all costs as planned [currency]
        present: present cost as planned [currency]
        present_low: present cost, 1 in 10 cases is below [currency]
        present_median: present cost, middle of all cases [currency]
        present_high: present cost, 1 in 10 cases is above [currency]
        saving: present value of what it saves against today as planned [currency]
        saving_low: saving, 1 in 10 cases is below [currency]
        saving_median: saving, middle of all cases [currency]
        saving_high: saving, 1 in 10 cases is above [currency]
        saves_in: share of cases in which it costs less than today [share]
        cheapest_in: share of cases in which it is the cheapest [share]
        irr: yearly return of what it costs more at first; missing where none exists [per year]
        payback: months until the money is back for good [months]
        payback_discounted: the same in present value [months]
        per_million: levelised cost of a million tokens, input and output [currency/M tokens]
        price_age: age of its oldest price of machines, GPU-hours or tokens [days]
        """
        chosen, rival = self.compared
        ruled_out = {c.name for c in self.decision.candidates if c.struck}
        today = self.cost.options.get(self.cost.plan.baseline)
        for name, o in self.cost.options.items():
            runs, spread = o is today, self.uncertainty.spreads[name]
            present, npv, known = spread.present, spread.npv, math.nan if today is None else 1.0
            saving = (known * x for x in (o.npv, npv.low, npv.central, npv.high))
            same = runs or today is None or not np.any(o.monthly - today.monthly)
            returns = (o.irr, _never(o.payback_simple), _never(o.payback_discounted))
            marks = (runs, name == chosen, name == rival != chosen, name == self.cost.cheapest)
            row = (name, *marks, name in ruled_out, o.total, o.present, *ends(present), *saving)
            chances = (None if runs else known * spread.chance_of_saving, spread.chance_cheapest)
            back = (None,) * 3 if same else returns
            yield *row, *chances, *back, o.lcot, self._price_age(name)

    def _price_age(self, name: str) -> float:
        """Days since the oldest main price of an option was seen; missing where none is dated."""
        plan, day = self.cost.plan, self.client.report_date
        stems = ("server_price", "server_list_price", "gpu_hour", "api_request")
        paid = plan.options[plan.options[name].alone or name].lines
        used = {f for line in paid for f in line.factors}
        dated = (plan.factors[f].source for f in used if f.split(".")[0] in stems)
        ages = [age for source in dated if (age := source.age_days(day)) is not None]
        return max(ages, default=math.nan)

    @frame_citing(_prices(*PRICES, "staff_cost", "maintenance"))
    def cash_flows(self) -> Rows:
        """One cost item of one option in one month, as planned.

        option: label of the option
        item: what is paid for
        category: kind of cost
        month: 0 is today; the last holds exit and resale [months]
        amount: cost; income is negative [currency]
        present: the same, discounted to today [currency]
        """
        worth = money.discount_factors(self.cost.plan.months, self.cost.rate)
        for o in self.cost.options.values():
            for f in o.flows:
                what = o.name, f.label, CATEGORIES.get(f.category, f.category)
                for month, amounts in enumerate(zip(f.amounts, f.amounts * worth, strict=True)):
                    yield *what, month, *amounts

    @frame_citing(_prices(*PRICES, "life_years"))
    def yearly_costs(self) -> Rows:
        """One option in one year, as planned.

        option: label of the option
        year: 1 is the first, and holds what is paid today [year]
        paid: as it is paid [currency]
        booked: investments in equal parts over their life; what is left falls on the last year
            [currency]
        """
        for o in self.cost.options.values():
            for year, views in enumerate(zip(o.cash_view, o.accounting_view, strict=True), 1):
                yield o.name, year, *views

    @frame_citing(_prices(*PRICES, "staff_cost"))
    def waterfall(self) -> Rows:
        """A step from the cost of what runs today to that of the chosen option, in present value;
        for who stays, to that of the option it is held against.

        step: kind of cost, or the option at either end
        kind: total, dropped (no longer paid) or added
        option: the one of a total
        amount: present cost as planned of a total; else the difference [currency]
        start: sum of the steps before it, where its bar begins [currency]
        label: the step as a chart names it
        """
        if not self.cost.options:
            return
        chosen, rival = self.compared
        today = self.cost.plan.baseline if self.cost.plan.baseline in self.cost.options else ""
        end = rival if chosen == today else chosen
        flows = self.cash_flows()
        sums = flows.groupby(["option", "category"], observed=True, sort=False).present.sum()
        after = sums[self.labels[end]]
        before = sums[self.labels[today]] if today else after * 0
        change = after.sub(before, fill_value=0.0)
        less = change[(change < 0) & change.index.isin(before.index[before > 0])].sort_values()
        more = change.drop(less.index)
        more = more[more != 0].sort_values(ascending=False)
        at = 0.0
        if today:
            at, words = before.sum(), self.labels[today]
            yield words, "total", today, at, 0.0, f"{words}, as planned"
        for kind, steps, then in ("dropped", less, " no longer paid"), ("added", more, ""):
            for step, x in steps.items():
                yield step, kind, None, x, at, step[:1].upper() + step[1:] + then
                at += x
        words = self.labels[end]
        yield words, "total", end, after.sum(), 0.0, f"{words}, as planned"

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
        for name, spread in self.uncertainty.spreads.items():
            for year, band in enumerate(spread.cumulative.T, 1):
                yield name, min(year * MONTHS, self.cost.plan.months), *band

    @frame_citing(_prices(*PRICES))
    def cost_draws(self) -> pd.DataFrame:
        """Present cost of an option in one case; one case has the same future for all options.

        option: label of the option
        draw: number of the case [1]
        present: present cost [currency]
        """
        totals = self.uncertainty.totals  # a frame at once: rows by the ten thousand
        wide = pd.DataFrame({self.labels[name]: t.present for name, t in totals.items()})
        wide = wide.rename_axis("draw")
        return wide.melt(var_name="option", value_name="present", ignore_index=False).reset_index()

    @frame_citing(_prices(*PRICES))
    def cost_quantiles(self) -> Rows:
        """Present cost of an option over all cases: median, half and eight in ten of them.

        option: label of the option
        p10: 1 in 10 cases is below [currency]
        p25: 1 in 4 cases is below [currency]
        p50: middle of all cases [currency]
        p75: 1 in 4 cases is above [currency]
        p90: 1 in 10 cases is above [currency]
        """
        for name, t in self.uncertainty.totals.items():
            yield name, *np.percentile(t.present, (10, 25, 50, 75, 90))

    @frame_citing(_prices(*PRICES))
    def volume_curve(self) -> Rows:
        """Cost of a million tokens of one option at one volume; a hybrid is split anew at each.

        option: label of the option
        volume: mean of the horizon [M tokens/month]
        per_million: levelised cost, input and output together [currency/M tokens]
        """
        v = self.cost.volume
        for name, per in v.per_million.items():
            yield from ((name, *x) for x in zip(v.million_tokens, per, strict=True))

    @frame_citing(_prices(*PRICES))
    def volume_winners(self) -> Rows:
        """A range of volumes in which one option is the cheapest.

        option: label of the option
        above: volume from which on it is the cheapest [M tokens/month]
        below: volume up to which it is [M tokens/month]
        planned: volume of the scenario, mean of the horizon [M tokens/month]
        """
        v = self.cost.volume
        return ((w.option, w.above, w.below, v.planned) for w in v.winners)

    @frame_citing(_prices(*PRICES))
    def break_evens(self) -> Rows:
        """Three break-evens of an option, which answer one question: when does it pay?

        option: label of the option
        today: whether it runs today
        month: discounted saving against today is back for good [months]
        utilisation: share of the machines' capacity at which they cost what the rival costs [share]
        used: share of it that this load uses [share]
        volume: mean of the horizon at which option and rival cost the same [M tokens/month]
        cheaper_above: whether the option is the cheaper one above that volume
        rival: the one billed by use that it is held against [option]
        why: why something is missing
        """
        for o in self.cost.options.values():
            b, today = o.break_even, o.name == self.cost.plan.baseline
            split = o.hybrid is None or not o.hybrid.end
            known = not today and self.cost.plan.baseline in self.cost.options
            month = _never(b.month) if known and (b.month is not None or split) else None
            points = month, b.utilisation, b.used, b.volume, b.cheaper_above
            yield o.name, today, *points, b.rival, b.why

    @frame_citing(_prices(*PRICES))
    def hybrid_curve(self) -> Rows:
        """One hybrid that owns at most so many servers.

        option: label of the hybrid
        servers: owned at most; they are bought when the load needs them [servers]
        present: present cost [currency]
        bursts: share of tokens that the other side serves [share]
        best: whether it is the split that costs least
        all_owned: present cost of all load on own servers, with a spare [currency]
        """
        for o in self.cost.options.values():
            if h := o.hybrid:
                for servers, present, bursts in h.curve:
                    best = h.end != "base" and servers == h.servers
                    yield o.name, servers, present, bursts, best, h.base_cost

    # --- how sure ---------------------------------------------------------------------------------

    @frame
    def sensitivities(self) -> Rows:
        """An input that is not known exactly: what it does to the saving of the chosen option over
        what it is held against; widest effect first.

        driver: the input
        unit: unit of its values
        *: its value as planned, and those that 1 in 10 cases is below and above [1]
        saving_low: saving with the input at its low, all others as planned [currency]
        saving_high: saving with the input at its high [currency]
        alone: share of the saving's variance that it explains by itself [share]
        with_others: the same, together with others [share]
        """
        plan, pair, bars = self.cost.plan, self.compared, self._bars
        shares = uncertainty.sobol(plan, pair, bars, self.scenario.seed)
        for b in bars:
            known = b.driver in shares.index
            alone = shares.loc[b.driver, ["S1", "ST"]] if known else (None, None)
            yield b.label, b.band.unit, b.band, b.at_low, b.at_high, *alone
        yield from self._of_drivers(b.driver for b in bars)

    @frame
    def flips(self) -> Rows:
        """An input that, alone, turns the order of the chosen option and what it is held against;
        nearest first.

        driver: the input
        unit: unit of its values
        central: its value as planned [1]
        at: its value at which both cost the same [1]
        option: the one that is cheaper beyond
        inside: whether that value lies in eight of ten cases
        """
        priced = self.cost.options
        pair = sorted({*self.compared} & {*priced}, key=lambda n: priced[n].present)
        for f in uncertainty.flips(self.cost.plan, pair[0], pair[1:]) if len(pair) > 1 else ():
            yield f.label, f.band.unit, f.band.central, f.at, f.winner, f.inside
            yield from self._of_drivers([f.driver])

    @frame_citing(_prices("api_request"))
    def price_paths(self) -> Rows:
        """One option under one future of API prices.

        option: label of the option
        path: as listed (the same model at its list price) or falling (same capability)
        present: present cost as planned [currency]
        cheapest_in: share of cases in which it is the cheapest [share]
        decline: yearly fall of prices on that path, as planned [per year]
        """
        fall, chances = parameter("api_decline"), self.uncertainty.chance_cheapest
        for name, o in self.cost.options.items():
            for path, words in PATHS.items():
                decline = 0.0 if path == "list" else fall.central
                yield name, words, o.present_by_path[path], chances[path][name], decline
        yield source_of(fall)

    # --- beside the money -------------------------------------------------------------------------

    @frame
    def energy(self) -> Rows:
        """Electricity and emissions of an option over the horizon, as planned.

        option: label of the option
        electricity: at the meter of the site [MWh]
        emissions: with the yearly mean of the country's grid [t CO2e]
        grid: country of the grid
        present: present cost [currency]
        why: why something is missing
        """
        for o in self.cost.options.values():
            e = o.energy
            yield o.name, e.kwh and e.kwh / 1000, e.tonnes_co2e, e.grid, o.present, e.why
            yield from (i.source for i in e.inputs)

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
        for x in claims.for_client(self.cost, self.scenario):
            said = f"{x.case.claim} ({x.case.case_id})", f"{x.case.published} {x.case.unit}"
            unit = x.case.client_unit.format(currency=self.cost.currency)
            why = x.case.never if x.yours is None else ""
            yield *said, x.case.recomputed, _never(x.yours), unit, x.case.assumption, why
            yield from x.sources

    @frame
    def rivals(self) -> Rows:
        """A host that sells the same open weights by the token and that the scenario does not name;
        those without a doubt first, then the cheapest first.

        way: model and host
        model: the open model
        host: who runs it
        country: country of processing, where the host says it
        present: present cost as planned [currency]
        saving: what it would save against the chosen option, as planned [currency]
        quality: verdict on the model where it is weakest
        ruled_out: conditions that it fails; blank where none
        open_points: rules that need a review before it is cleared [rules]
        """
        chosen = self.cost.options.get(self.compared[0])
        if chosen is None:
            return
        for r in rivals.search(self.scenario, ("open_api",), judged=JUDGED):
            way = r.option.label, r.model, r.option.vendor, r.option.country
            judged = r.quality, "; ".join(r.ruled_out), r.open_points
            yield *way, r.present, chosen.present - r.present, *judged
            sold = open_prices(self.client.report_date, r.model, r.option.provider)
            yield from map(source_of, sold)

    @frame
    def successor_costs(self) -> Rows:
        """A model that an option uses and that ends within the horizon, and what comes after it.

        option: label of the option
        model: the model
        retired: its last day
        replacement: successor that the vendor names
        present: present cost of the option as planned, with the model to the end [currency]
        after: the same with the successor from that day on; missing where it has no price
            [currency]
        """
        months = self.scenario.finance.horizon_months
        for name, e, days in self._retiring:
            yield from e.sources
            if name not in self.cost.options or self.options[name].kind == "hybrid":
                continue
            present = self.cost.options[name].present
            other = rivals.with_model(self.scenario, name, e.model, e.replacement)
            left = min(1.0, max(0.0, days / 365 * MONTHS / months))
            after = None if other is None else left * present + (1 - left) * other
            yield name, e.model, iso(e.retired), e.replacement, present, after

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
            for item in self.sovereignty.remedies(name):
                if r := known.get(item):
                    share = r.share_of_api_bill.central
                    yield name, r.label, r.source.kind, r.once, r.per_year, share
                    yield r.source


def _never(months: float | None) -> float:
    """What never happens is infinitely far away."""
    return math.inf if months is None else months
