"""Frames of a study on what turns the answer, when that is known, and what is done then."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any, Literal, get_args

import numpy as np

from siting.catalogue import Source, source_of
from siting.cost import costing, ledger, prices, tco
from siting.cost.api_prices import falling_years
from siting.cost.priced import PricedHybrid
from siting.inputs.scenario.model import in_words
from siting.places import BY_REQUEST
from siting.quality import leaves, spoken
from siting.quantity import Range
from siting.rules.sovereignty import OpenPoint
from siting.study.budget import HOURS
from siting.study.cost import CATEGORIES
from siting.study.frames import Rows, Topic, frame, frame_citing
from siting.study.timeline import PURCHASES
from siting.verdict import offers, variants
from siting.verdict.decision import Decision, cost_limit
from siting.verdict.exclusion import POLICIES, exclusion
from siting.verdict.plan import FIRST_HORIZON_DAYS, LAST_HORIZON_DAYS, PILOT_DAYS, to_prove
from siting.verdict.plausible import FUTURES
from siting.verdict.ranking import Candidate, Ranking, matters_points
from siting.verdict.variants import SETTLED, Answer, Outcome, Settled, Variant

HORIZONS: Mapping[Settled, int] = {
    "decision": FIRST_HORIZON_DAYS,
    "answer": FIRST_HORIZON_DAYS,
    "offer": FIRST_HORIZON_DAYS,
    "pilot": PILOT_DAYS,
    "year": 365,
}
"""Days after the report by which something settles a change."""
OTHER_FUTURE: Mapping[str, str] = {
    "named_model": "equal_quality",
    "equal_quality": "named_model",
    "list": "equal_quality",
}
"""The path of API prices that is shown beside a scenario's own."""
FALLS = tuple(step / 20 for step in range(20))
"""Yearly falls of API prices that a curve is drawn through. [share]"""
Settler = Literal["you", "use", "nothing", "an offer", "weighing"]
"""What settles a change, in the order in which page one shows them: what the client's own file
names comes before what is brought from outside. you: the client decides, answers, or orders one of
its options otherwise; use: the pilot, a year of use, an announced day; an offer: of somebody who is
no option of the report."""
BY_USE = ("pilot", "year", "day")
ON_PAGE_ONE = 3
"""Changes that page one has room for."""
NEAREST = 6
"""Changes that come nearest to turning the answer, and do not: as many as a short list holds."""
FALLING = "api_decline"
"""The factor of the cost plan that holds the fall."""


@dataclass(frozen=True, kw_only=True)
class _Sorted:
    """A change that turns the answer, as page one sorts it."""

    settler: Settler
    asked: bool
    """Whether the scenario itself wants it tried."""


class TurnFrames(Topic):
    """Frames on what turns the answer, both futures of API prices, and go or no-go."""

    def _criteria_sources(self) -> list[Source]:
        return [source_of(c) for c in self.results.decision.criteria]

    @frame_citing(_criteria_sources)
    def turns(self) -> Rows:
        """A change after which another option is first, the worst for the choice first: the one
        list of what may be called decisive.

        rank: 1 is the worst [1]
        kind: kind of change, as in `variants`
        what: what changes, in words that stay when its value moves
        change: what changes, as a clause
        settled: what settles it: decision, answer, offer, pilot, year, day, nothing or weighing
        settler: the same as page one sorts it: you (you decide, answer, or order one of your
            options otherwise), use, nothing, an offer (of somebody who is no option) or weighing
        is_asked: whether the scenario itself wants it tried
        on_page_one: whether page one shows it, three in all: by settler in the order of these
            words, of each what is asked, else the worst; then the worst that are left
        known_by?: day by which that is known; missing where no date settles it
        key?: the option that is first then, as the scenario names it
        then_first?: the same by its label; missing where all are ruled out
        present_cost?: likely present cost of that option then [currency]
        own_cost?: the same of the choice; missing where it may not be chosen any more [currency]
        present_mean?: mean over all cases of the cost of the option that is first then [currency]
        own_mean?: the same of the choice [currency]
        share?: share of cases in which no other is better by more than matters [share]
        lead?: lead of the choice then; missing where it may not be chosen any more [points]
        lead_planned?: points of the choice over the option that is first then, at middle values
            [points]
        answer: level (another leads by no more than matters), changes or none
        open_points?: points to clear of an option that is no option of the report; missing
            where another is first [points]
        may_strike?: how many of these can rule it out: nothing on file says yet that it may be
            chosen [points]
        unshown: what nobody states of that option and another is ruled out by, so that it is ruled
            out as well unless it shows it, in words; blank where nothing, or where it is one of the
            report
        ruled_out_by_it: the options that are ruled out by it, in words; blank where none
        lacks: what the provider of that option lacks today and rules it out, in words, where the
            change is that it comes to hold it; else blank
        is_rebuilt: whether it is the server of the option that is first then that changes
        is_rented_otherwise: whether it is for how long the option that is first then is rented
        is_term_stated: whether the client's file says for how long it is rented now
        with_order: where the choice may not be chosen any more, a change of how another option is
            ordered that is in this list as well and with which that one is first then, for less; as
            a clause, blank where there is none
        with_order_first?: the option that is first with both
        with_order_cost?: its likely present cost then [currency]
        card_then: card on which that option runs then, where it is another than in the report;
            blank where it is the same, or the report has no such option
        card_now: card on which it runs in the report, where that is another
        is_a_side: whether the option that is first then is a side of the choice, which is a mix
        """
        chosen = self.results.decision.recommended
        sides: frozenset[str] = frozenset()
        if chosen in self.options and self.options[chosen].kind == "hybrid":
            sides = frozenset(leaves(self.scenario, chosen))
        ranked = self.results.turning
        shown = _of_page_one([self._sorted(variant, found) for variant, found in ranked])
        for rank, (variant, found) in enumerate(ranked, 1):
            settled = variant.settled or SETTLED[variant.kind]
            points = self._to_clear(variant, found)
            silent = self.results.unshown(variant, found)
            labels = dict.fromkeys(label for each in silent for label in each.ruled_out)
            card = self.results.card_after(found)
            yield {
                "rank": rank,
                "kind": variant.kind,
                "what": variant.what,
                "change": self.results.numbers.regrouped(variant.phrase),
                "settled": settled,
                "settler": self._sorted(variant, found).settler,
                "is_asked": variant.asked,
                "on_page_one": rank - 1 in shown,
                "known_by": self._known_by(variant, settled),
                "key": found.option,
                "then_first": self.results.label_after(found.option, variant),
                "present_cost": found.present_cost,
                "own_cost": found.own_cost,
                "present_mean": found.present_mean,
                "own_mean": found.own_mean,
                "lead_planned": found.lead_planned,
                "share": found.share,
                "lead": found.lead,
                "answer": found.answer,
                "open_points": None if points is None else len(points),
                "may_strike": None if points is None else sum(p.strikes for p in points),
                "unshown": self._named([each.attribute.label for each in silent]),
                "ruled_out_by_it": self._named([*labels]),
                "lacks": variant.lacks,
                "is_rebuilt": variant.rebuilds != "" and variant.rebuilds == found.option,
                "is_rented_otherwise": f"options.{found.option}.commitment" in variant.changes,
                "is_term_stated": self._term_is_stated(found.option),
                "card_then": card,
                "card_now": self.results.card_of(found.option) if card else "",
                "is_a_side": found.option in sides,
                **self._with_order(variant),
            }

    def _term_is_stated(self, name: str | None) -> bool:
        """Whether the client's file says for how long an option is rented."""
        option = self.options.get(name or "")
        return option is not None and "commitment" in option.model_fields_set

    def _with_order(self, variant: Variant) -> dict[str, Any]:
        """The cheapest order of another option once the choice is gone: columns of `turns`."""
        found = self.results.ordered_beside.get(variant.what)
        if found is None:
            return {"with_order": ""}
        return {
            "with_order": self.results.numbers.regrouped(found.order.phrase),
            "with_order_first": self.results.labels[found.option],
            "with_order_cost": found.present_cost,
        }

    def _sorted(self, variant: Variant, found: Outcome) -> _Sorted:
        """A change as page one sorts it."""
        settled = variant.settled or SETTLED[variant.kind]
        settler: Settler = "you"
        if settled in ("nothing", "weighing"):
            settler = settled
        elif settled in BY_USE:
            settler = "use"
        elif found.option is not None and found.option not in self.options:
            settler = "an offer"
        return _Sorted(settler=settler, asked=variant.asked)

    def _named(self, labels: Sequence[str]) -> str:
        """Labels in words; blank where there is none."""
        return self.results.numbers.names(labels) if labels else ""

    def _to_clear(self, variant: Variant, found: Outcome) -> Sequence[OpenPoint] | None:
        """What the law leaves open of an option that only a variant has; it went through the same
        rules as the others, and none of them fails. None where the option is one of the report."""
        offer = self.results.offered(variant, found)
        return offer.open_points if offer else None

    def _known_by(self, variant: Variant, settled: Settled) -> str | None:
        if settled == "day" and variant.day:
            return variant.day.isoformat()
        days = HORIZONS.get(settled)
        if settled == "pilot" and not self.results.decision.stays:
            days = self.results.go.day
        return self.results.day(days) if days else None

    @frame_citing(_criteria_sources)
    def nearest(self) -> Rows:
        """A plausible change after which the choice stays first with a lead as small as can be: the
        six that come nearest to turning the answer, the smallest lead first.

        kind: kind of change, as in `variants`
        what: what changes, in words that stay when its value moves
        change: what changes, as a clause
        lead: lead of the choice then [points]
        is_rebuilt: whether it is the server of the choice that changes
        """
        chosen = self.results.decision.recommended
        held = [(v, o) for v, o in self.results.tried if v.plausible and o.answer == "stays"]
        closest = variants.worst_of_each((v, o) for v, o in held if o.lead is not None)
        for variant, found in closest[:NEAREST]:
            yield {
                "kind": variant.kind,
                "what": variant.what,
                "change": self.results.numbers.regrouped(variant.phrase),
                "lead": found.lead,
                "is_rebuilt": variant.rebuilds != "" and variant.rebuilds == chosen,
            }

    @frame_citing(_criteria_sources)
    def tries(self) -> Rows:
        """What was tried in all: one row.

        tried: plausible changes, each decided anew [changes]
        stays: those after which the choice stays first [changes]
        close: those of them after which it leads by no more than matters [changes]
        beyond: changes that are not plausible, tried as well and counted nowhere else [changes]
        beyond_turns: those of them after which another option is first [changes]
        """
        counted = [found for variant, found in self.results.tried if variant.plausible]
        beyond = [found for variant, found in self.results.tried if not variant.plausible]
        held = [found.lead for found in counted if found.answer == "stays"]
        yield {
            "tried": len(counted),
            "stays": len(held),
            "close": sum(lead is not None and lead <= matters_points() for lead in held),
            "beyond": len(beyond),
            "beyond_turns": sum(found.answer != "stays" for found in beyond),
        }

    @frame_citing(_criteria_sources)
    def tries_by_kind(self) -> Rows:
        """What was tried of one kind of change, and what the answer did. Changes that are not
        plausible are left out.

        kind: kind of change, as in `variants`
        stays: changes after which the choice stays first [changes]
        level: after which another is first, by no more than matters [changes]
        changes: after which another is first by more [changes]
        none: after which no option may be chosen [changes]
        """
        by_kind: dict[str, Counter[str]] = {}
        for variant, found in self.results.tried:
            if variant.plausible:
                by_kind.setdefault(variant.kind, Counter())[found.answer] += 1
        for kind, counted in by_kind.items():
            yield {"kind": kind} | {answer: counted[answer] for answer in get_args(Answer)}

    @frame_citing(_criteria_sources)
    def futures(self) -> Rows:
        """One option in one future of API prices, decided anew by the same chain.

        path: name of the path of API prices
        told: the path as a clause
        planned: whether it is the scenario's own
        fall*?: fall of API prices a year that it takes, in the first years; missing where it takes
            none of its own [share]
        falls_for?: so many years, the first of them a year after the report [years]
        option: label of the option
        status: allowed, not cleared or ruled out
        p10?: present cost, one case in ten is cheaper [currency]
        p25?: a quarter of the cases are cheaper [currency]
        p50?: likely present cost [currency]
        p75?: three quarters are cheaper [currency]
        p90?: nine in ten are cheaper [currency]
        first?: share of cases in which it ranks first [share]
        best: whether it has the highest mean score of all
        """
        own = self.scenario.finance.price_path
        paths: list[str] = [own]
        if any(o.kind in BY_REQUEST for o in self.options.values()):
            paths.append(OTHER_FUTURE[own])
        for path in paths:
            other = self.results.changed({"finance.price_path": path}, redesigned=False)
            yield from self._future(path, path == own, self.results.chain.decide(other))

    def _future(self, path: str, planned: bool, found: Decision) -> Iterator[dict[str, Any]]:
        for c in found.candidates:
            row: dict[str, Any] = {
                "path": path,
                "told": FUTURES[path],
                "planned": planned,
                "option": c.name,
                "status": _status(bool(c.struck), bool(c.uncleared)),
                "best": c.name == found.recommended,
            }
            if path == "equal_quality":
                row |= {"fall*": prices.parameter(FALLING).range, "falls_for": falling_years()}
            if c.cost is not None:
                row |= {
                    f"p{share}": float(np.quantile(c.cost.draws, share / 100))
                    for share in (10, 25, 50, 75, 90)
                }
            if found.ranking and c.name in found.ranking.names:
                row["first"] = found.ranking.first(c.name)
            yield row

    @frame_citing(_criteria_sources)
    def ordered_then(self) -> Rows:
        """What a chosen mix costs in the other future of API prices once its servers are ordered as
        planned: one row; none where the choice is no mix, or its mix buys none.

        path: name of the other path of API prices
        told: the path as a clause
        option: label of the option
        servers: that it owns, as planned [1]
        likely*: present cost with them: 1 case in 10 is below, middle, 1 in 10 above [currency]
        free: likely present cost were nothing ordered, and the cheapest split taken [currency]
        """
        name = self.results.decision.recommended
        own = self.results.cost.plan.options.get(name or "")
        if name is None or not isinstance(own, PricedHybrid) or not own.split or own.split.alone:
            return
        path = OTHER_FUTURE[self.scenario.finance.price_path]
        other = self.results.changed({"finance.price_path": path}, redesigned=False)
        free = self.results.chain.option(other, name).totals
        if free is None:
            return
        kept = self.results.chain.kept(other, name, own.split).present
        low, middle, high = np.percentile(kept, (10, 50, 90)).tolist()
        yield {
            "path": path,
            "told": FUTURES[path],
            "option": name,
            "servers": own.split.servers,
            "likely*": Range(low, middle, high, unit=self.client.currency),
            "free": float(np.median(free.present)),
        }

    @frame
    def exclusions(self) -> Rows:
        """One option that is ruled out, with whose rule does it.

        option: label of the option
        whose: the law, your answer (which brings in law that is not on file), your policy, your
            requirement (where data may lie), your condition; a part: the cheapest split of a mix is
            one of its parts alone, which stands beside it; the comparison: it cannot be had as
            described, because it has no price, its room is too small, or its vendor or model is
            gone
        rule: what is not met, in words, with the law that asks the same as a policy
        title: the same without the law beside a policy, and of a law without its article
        law: that law asks for the same as a policy, or may, in words; blank where none does
        reason: why, in full
        likely?: median of its present cost [currency]
        """
        for c in self.results.decision.candidates:
            found = exclusion(c, self.scenario.rules.policies)
            if found is not None:
                yield {"option": c.name, "likely": c.cost and c.cost.central} | vars(found)

    @frame
    def wishes(self) -> Rows:
        """What the scenario wants tried, whatever it does to the answer; it may be a change that is
        tried in any case.

        asked: the scenario's own words
        then_first?: the option that is first then; missing where all are ruled out
        lead?: lead of the choice then; missing where it is ruled out or alone [points]
        """
        for wish in self.scenario.what_if:
            tried = ((v, found) for v, found in self.results.tried if v.changes == wish.set)
            for variant, found in itertools.islice(tried, 1):
                yield {
                    "asked": wish.label,
                    "then_first": self.results.label_after(found.option, variant),
                    "lead": found.lead,
                }

    @frame
    def priced_policies(self) -> Rows:
        """A policy that the client keeps up to a price, and what keeping it comes to.

        policy: what it asks, in words
        at_most: what it may cost more than what is first without it [share]
        holds: whether it is kept
        keeps?: what is first where it is asked; missing where all are ruled out [option]
        cost?: likely cost of that [currency]
        without?: what is first where it is not asked [option]
        cost_without?: likely cost of that [currency]
        more?: what keeping it costs more, negative where less; missing where a cost is [share]
        """
        for found in self.results.priced_policies:
            yield {
                "policy": POLICIES[found.line],
                "at_most": found.at_most,
                "holds": found.holds,
                "keeps": found.keeps,
                "cost": found.cost,
                "without": found.without,
                "cost_without": found.cost_without,
                "more": found.more,
            }
            yield self.scenario.source(f"rules.policies_up_to.{found.line}")

    # --- prices that fall -------------------------------------------------------------------------

    @frame
    def price_curve(self) -> Rows:
        """Cost of one option, as planned, were API prices of equal quality to fall so fast a year
        for the years in which they fall; a hybrid is split anew at each fall.

        option: label of the option
        fall: of the price a year [share]
        falls_for: so many years, the first of them a year after the report [years]
        planned: present cost, with all else as planned [currency]
        """
        if not any(o.kind in BY_REQUEST for o in self.options.values()):
            return
        equal_quality = {"finance.price_path": "equal_quality"}
        falling = self.results.changed(equal_quality, redesigned=False)
        plan = costing.compile_plan(falling, self.results.capacity)
        if FALLING not in plan.factors:
            return
        factor = plan.factors[FALLING]
        for fall in FALLS:
            exact = replace(factor, value=Range.exact(fall, factor.value.unit))
            at = tco.with_optimum(replace(plan, factors={**plan.factors, FALLING: exact}))
            for name, found in ledger.totals(at, at.central()).items():
                yield {
                    "option": name,
                    "fall": fall,
                    "falls_for": falling_years(),
                    "planned": float(found.present[0]),
                }
        yield factor.source

    @frame
    def price_crossings(self) -> Rows:
        """A yearly fall of API prices at which two options cost the same, as planned.

        fall: of the price a year [share]
        cheaper: the option that costs less beyond it
        dearer: the option that costs more beyond it
        planned: present cost of both there [currency]
        """
        curve = self.study.price_curve()
        wide = curve.pivot_table(index="fall", columns="option", values="planned", observed=True)
        for a, b in combinations(wide.columns, 2):
            apart = wide[a] - wide[b]
            for low, high in pairwise(apart.index):
                if apart[low] * apart[high] >= 0:
                    continue
                at = low + (high - low) * apart[low] / (apart[low] - apart[high])
                cost = float(np.interp(at, wide.index, wide[a]))
                falling = apart[high] < 0
                yield {
                    "fall": at,
                    "cheaper": a if falling else b,
                    "dearer": b if falling else a,
                    "planned": cost,
                }
        yield from curve.attrs["sources"]

    # --- go or no-go ------------------------------------------------------------------------------

    @frame
    def gates(self) -> Rows:
        """A day on which it is decided whether the plan goes on: one on which steps are due. As
        planned.

        number: 1 is the first [1]
        day: so many days after the report [days]
        due: the day
        price: what the steps that are due then cost [currency]
        spent: what all steps until then cost [currency]
        decides: what it asks. early: whether what is due that soon is done; points: whether an open
            point forbids the plan; order: whether the test holds, so that one may order; use:
            whether what runs is used as planned; year: whether a year went as planned
        """
        steps = self.study.steps()
        by_day = steps.groupby("day").agg(due=("due", "max"), price=("price", "sum"))
        by_day["spent"] = by_day.price.cumsum()
        found = self.results.decision
        go = self.results.go.day if found.recommended else PILOT_DAYS
        decides = _decided(by_day.index, found.stays, go)
        for number, row in enumerate(by_day.itertuples(), 1):
            yield {
                "number": number,
                "day": row.Index,
                "due": row.due,
                "price": row.price,
                "spent": row.spent,
                "decides": decides[row.Index],
            }
        yield from steps.attrs["sources"]

    def _to_begin(self, target: Candidate) -> dict[str, Any]:
        """What is paid once after a go, by columns of `gate`; nothing where nothing is."""
        flows = self.study.cash_flows()
        ordered = flows[(flows.option == target.label) & flows.category.isin(PURCHASES)]
        paid = ordered[ordered.month == 0].amount.clip(lower=0).sum()
        if paid <= 0:
            return {}
        of_hours = sum(
            float(flow.amounts[0])
            for flow in self.results.cost.options[target.name].flows
            if HOURS in flow.factors and CATEGORIES.get(flow.category) in PURCHASES
        )
        # Steps before are own hours of moving over that are spent by then.
        before = self.results.moved_before
        return {
            "once": paid - before,
            "own_hours": max(0.0, of_hours - before),
            "rental": self._rented(target.name),
        }

    def _limits(self, target: Candidate) -> dict[str, Any]:
        """Up to which likely cost offers for the choice may go, and from where on which other
        option is first: nothing where nothing limits them."""
        found = self.results.decision
        today = next((c.cost for c in found.candidates if c.name == found.baseline), None)
        limit = cost_limit(found)
        row: dict[str, Any] = {}
        if limit is not None:
            row = {"turns_at": limit.at, "turns_to": limit.first, "ceiling": limit.at}
        # A choice that costs more than staying already is made for other reasons.
        if today and target.cost and today.central > target.cost.central:
            row["ceiling"] = min(today.central, row.get("ceiling", today.central))
        if "ceiling" in row:
            row |= self._price_limit(target.name, row["ceiling"])
        return row

    def _price_limit(self, name: str, ceiling: float) -> dict[str, Any]:
        """The limit of a likely cost as one of the price that weighs most, by columns of `gate`."""
        results = self.results
        central = {factor: x.value.central for factor, x in results.cost.plan.factors.items()}
        priced = offers.main_price(results.cost.options[name].flows, central)
        if priced is None:
            return {}

        def likely(times: float) -> float:
            return results.chain.likely_at(results.scenario, name, priced.factors, times)

        times = offers.times_at(likely, ceiling)
        if times is None:
            return {}
        row: dict[str, Any] = {"price_of": priced.thing, "price_times": times}
        if priced.planned is not None:
            row |= {"price": priced.planned, "price_limit": times * priced.planned}
        return row

    @frame
    def gate(self) -> Rows:
        """The day on which go or no-go is decided, and on what: one row; none without a choice.

        date: the day
        stated?: day that the client has set for it; missing where it has set none. Where an offer
            for the choice ends before, `date` is the last day of that
        pilot?: from the report to that day, in which one team tests; missing where what runs today
            stays [days]
        usual_pilot?: what such a test usually takes [days]
        spent*: what the steps until then cost [currency]
        points: what must be cleared of the choice by then [points]
        proofs?: what the seller of the choice must prove by then, as it rules out other options and
            rests on a source without a day here; missing where nothing
        once?: what is paid once, to begin, after a go, without what of it is spent before; missing
            where nothing is [currency]
        own_hours?: part of it that is time of the client's own people: nobody is asked for it in
            an order [currency]
        moved_before: what of moving over is spent on steps before [currency]
        rental?: what cards cost to rent over the horizon, as planned; missing where the choice
            rents none, or runs already [currency]
        turns_at?: likely cost of the choice from which on another option is first, all else the
            same; missing where none is however dear, or what runs today stays [currency]
        turns_to?: the option that is first from there on [option]
        ceiling?: likely cost up to which offers may go: where another is first, or where staying
            costs less, whichever comes first; missing where there is neither [currency]
        price_of?: what is offered at the price that weighs most in the choice: server, GPU-hour or
            request; missing where no price reaches the ceiling
        price?: one of them as planned, without value-added tax; missing where each workload has
            its own [currency]
        price_limit?: the same where the likely cost is at the ceiling, all else as it is [currency]
        price_times?: how many times its planned price it is there [1]
        fallback?: the option that comes next by mean score, over which the choice has its lead
            [option]
        untested?: the model of both that is not shown to be good enough, as a person says it;
            missing where the fallback runs another
        fallback_if_untested?: what comes next where that model fails its test; missing where
            nothing else may be chosen [option]
        fallback_points?: what is open of the option that comes next [points]
        fallback_shared?: how many of them are points of the choice, too, so that what strikes the
            one may strike the other [points]
        """
        found = self.results.decision
        ranking = found.ranking
        if found.recommended is None or ranking is None:
            return
        go = self.results.go
        days = go.day
        before = [s.price for s in self.results.advice.plan if s.row.day <= days and s.price]
        target = found.candidate(found.recommended)
        points = self.study.open_points()
        own = points[points.option == target.label]
        row: dict[str, Any] = {
            "date": self.results.day(days),
            "stated": None if go.stated is None else self.results.day(go.stated),
            "pilot": None if found.stays else days,
            "usual_pilot": None if found.stays else PILOT_DAYS,
            "spent*": _sum(before, self.client.currency),
            "points": int(own.hard.sum()),
            "moved_before": self.results.moved_before,
        }
        if not found.stays:
            row |= self._to_begin(target) | self._limits(target)
        row["fallback"] = ranking.next(found.recommended)
        if row["fallback"] is not None:
            after = found.candidate(row["fallback"]).label
            theirs = points[points.option == after]
            row["fallback_points"] = len(theirs)
            row["fallback_shared"] = int(theirs.point.isin(own.point).sum())
        if proofs := to_prove(found.recommended, self.results.sovereignty):
            row["proofs"] = " and ".join(proofs)
        yield row | self._if_untested(found.recommended, ranking)

    def _rented(self, name: str) -> float | None:
        """What an option pays to rent cards over the horizon, as planned; None where nothing."""
        flows = self.results.cost.options[name].flows
        rent = sum(float(flow.amounts.sum()) for flow in flows if flow.category == "rental")
        return rent if rent > 0 else None

    def _if_untested(self, chosen: str, ranking: Ranking) -> dict[str, Any]:
        """What comes next where the model that is to be tested fails: it fails wherever it runs."""
        compared = [p for p in self.results.quality.parities if p.verdict != "same model"]
        doubted = [spoken(p.model) for p in compared if p.option == chosen and not p.supported]
        every = self.results.quality.parities
        runs_it = {p.option for p in every if spoken(p.model) in doubted}
        if ranking.next(chosen) not in runs_it:
            return {}
        return {
            "untested": doubted[0],
            "fallback_if_untested": ranking.next(chosen, without=runs_it),
        }

    @frame
    def pilot_limits(self) -> Rows:
        """A limit on response time that a pilot must keep: of a workload of which not every request
        may wait.

        workload: the workload in words
        first_token: until the first token [s]
        token: for each further token [ms]
        """
        for name, workload in self.scenario.workloads.items():
            if workload.latency and workload.batchable_share < 1:
                yield {
                    "workload": in_words(name),
                    "first_token": workload.latency.ttft_s,
                    "token": workload.latency.tpot_ms,
                }


def _sum(ranges: Sequence[Range], currency: str) -> Range:
    """Ranges added up; none is nothing."""
    if not ranges:
        return Range.exact(0.0, currency)
    low, central, high = (sum(end) for end in zip(*(r.ends for r in ranges), strict=True))
    return Range(low, central, high, unit=currency)


def _of_page_one(ranked: Sequence[_Sorted]) -> set[int]:
    """Places of the changes that page one shows, the worst being at 0: by kind of what settles
    them, of each kind what the scenario asks for, else the worst; then those that are left, matters
    of weight last."""
    first: dict[str, int] = {}
    for place in sorted(range(len(ranked)), key=lambda place: not ranked[place].asked):
        first.setdefault(ranked[place].settler, place)
    of_each = [first[kind] for kind in get_args(Settler) if kind in first and kind != "weighing"]
    left = sorted(range(len(ranked)), key=lambda place: ranked[place].settler == "weighing")
    order = dict.fromkeys([*of_each, *left])
    return set(list(order)[:ON_PAGE_ONE])


def _status(struck: bool, doubted: bool) -> str:
    if struck:
        return "ruled out"
    return "not cleared" if doubted else "allowed"


def _decided(days: Iterable[int], stays: bool, go: int) -> dict[int, str]:
    """What is decided on each day of the plan, in the words of `gates`. go: day of go or no-go."""
    return {day: _word_of(day, stays, go) for day in sorted(days)}


def _word_of(day: int, stays: bool, go: int) -> str:
    if day == go:
        return "points" if stays else "order"
    if day >= LAST_HORIZON_DAYS:
        return "year"
    if day > go:
        return "use"
    is_settled = not stays and day >= FIRST_HORIZON_DAYS
    return "points" if is_settled else "early"
