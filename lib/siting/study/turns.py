"""Frames of a study on what turns the answer, when that is known, and what is done then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from siting.cost import dates
from siting.cost.dates import FIRST_HORIZON_DAYS, LAST_HORIZON_DAYS, PILOT_DAYS
from siting.quality import leaves, spoken
from siting.quantity import Range
from siting.rules.sovereignty import OpenPoint
from siting.study.budget import HOURS
from siting.study.cost import CATEGORIES
from siting.study.frames import Rows, Topic, frame, frame_citing
from siting.study.timeline import PURCHASES
from siting.study.verdict import of_sums
from siting.verdict import offers, variants
from siting.verdict.candidate import Candidate
from siting.verdict.decision import Decision
from siting.verdict.exclusion import exclusion, given_up
from siting.verdict.plan import to_prove
from siting.verdict.variants import Answer, Outcome, Settled, Variant

HORIZONS: Mapping[Settled, int] = {
    "decision": FIRST_HORIZON_DAYS,
    "answer": FIRST_HORIZON_DAYS,
    "offer": FIRST_HORIZON_DAYS,
    "pilot": PILOT_DAYS,
    "year": 365,
}
"""Days after the report by which something settles a change."""
Settler = Literal["you", "use", "nothing", "an offer"]
"""What settles a change, in the order in which page one shows them: what the client's own file
names comes before what is brought from outside. you: the client decides, answers, or orders one of
its options otherwise; use: the pilot, a year of use, an announced day; an offer: of somebody who is
no option of the report."""
BY_USE = ("pilot", "year", "day")
ON_PAGE_ONE = 3
"""Changes that page one has room for."""
NEAREST = 6
"""Changes that come nearest to turning the answer, and do not: as many as a short list holds."""


@dataclass(frozen=True, kw_only=True)
class _Sorted:
    """A change that turns the answer, as page one sorts it."""

    settler: Settler
    asked: bool
    """Whether the scenario itself wants it tried."""


class TurnFrames(Topic):
    """Frames on what turns the answer, both futures of API prices, and go or no-go."""

    @frame_citing(of_sums)
    def turns(self) -> Rows:
        """A change after which another option is first, the worst for the choice first: the one
        list of what may be called decisive.

        rank: 1 is the worst [1]
        kind: kind of change, as in `variants`
        what: what changes, in words that stay when its value moves
        change: what changes, as a clause
        settled: what settles it: decision, answer, offer, pilot, year, day or nothing
        settler: the same as page one sorts it: you (you decide, answer, or order one of your
            options otherwise), use, nothing or an offer (of somebody who is no option)
        is_asked: whether the scenario itself wants it tried
        on_page_one: whether page one shows it, three in all: by settler in the order of these
            words, of each what is asked, else the worst; then the worst that are left
        known_by?: day by which that is known; missing where no date settles it
        key?: the option that is first then, as the scenario names it
        then_first?: the same by its label; missing where all are ruled out
        in_all?: what that option then costs in all [currency]
        own_in_all?: the same of the choice; missing where it may not be chosen any more [currency]
        share?: share of cases in which nothing allowed costs less by more than what matters [share]
        lead?: what the best of the others costs more in all than the choice, below 0 where it costs
            less; missing where the choice may not be chosen any more [currency]
        answer: level (another costs less by no more than what matters), changes or none
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
            points = self._to_clear(variant, found)
            silent = self.results.unshown(variant, found)
            labels = dict.fromkeys(label for each in silent for label in each.ruled_out)
            card = self.results.card_after(found)
            yield {
                "rank": rank,
                "kind": variant.kind,
                "what": variant.what,
                "change": self.results.numbers.regrouped(variant.clause),
                "settled": variant.settled,
                "settler": self._sorted(variant, found).settler,
                "is_asked": variant.asked,
                "on_page_one": rank - 1 in shown,
                "known_by": self._known_by(variant),
                "key": found.option,
                "then_first": self.results.label_after(found.option, variant),
                "in_all": found.in_all,
                "own_in_all": found.own_in_all,
                "share": found.share,
                "lead": found.lead,
                "answer": found.answer,
                "open_points": None if points is None else len(points),
                "may_strike": None if points is None else sum(p.strikes for p in points),
                "unshown": self._named([each.attribute.label for each in silent]),
                "ruled_out_by_it": self._named([*labels]),
                "lacks": variant.lacks,
                "is_rebuilt": variant.sets(found.option, "server"),
                "is_rented_otherwise": variant.sets(found.option, "commitment"),
                "is_term_stated": self._term_is_stated(found.option),
                "card_then": card,
                "card_now": self.results.card_of(found.option) if card else "",
                "is_a_side": found.option in sides,
            }

    def _term_is_stated(self, name: str | None) -> bool:
        """Whether the client's file says for how long an option is rented."""
        option = self.options.get(name or "")
        return option is not None and "commitment" in option.model_fields_set

    def _sorted(self, variant: Variant, found: Outcome) -> _Sorted:
        """A change as page one sorts it."""
        settler: Settler = "you"
        if variant.settled == "nothing":
            settler = "nothing"
        elif variant.settled in BY_USE:
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

    def _known_by(self, variant: Variant) -> str | None:
        if variant.day:
            return variant.day.isoformat()
        days = HORIZONS.get(variant.settled)
        if variant.settled == "pilot" and not self.results.decision.stays:
            days = self.results.go.day
        return self.results.day(days) if days else None

    @frame_citing(of_sums)
    def nearest(self) -> Rows:
        """A plausible change after which the choice stays first with a lead as small as can be: the
        six that come nearest to turning the answer, the smallest lead first.

        kind: kind of change, as in `variants`
        what: what changes, in words that stay when its value moves
        change: what changes, as a clause
        lead: what the next best costs more in all then [currency]
        is_rebuilt: whether it is the server of the choice that changes
        """
        chosen = self.results.decision.recommended
        held = [(v, o) for v, o in self.results.tried if o.answer == "stays"]
        closest = variants.worst_of_each((v, o) for v, o in held if o.lead is not None)
        for variant, found in closest[:NEAREST]:
            yield {
                "kind": variant.kind,
                "what": variant.what,
                "change": self.results.numbers.regrouped(variant.clause),
                "lead": found.lead,
                "is_rebuilt": variant.sets(chosen, "server"),
            }

    @frame_citing(of_sums)
    def tries(self) -> Rows:
        """What was tried in all: one row.

        tried: changes, each decided anew [changes]
        stays: those after which the choice stays first [changes]
        close: those of them after which it leads by no more than what matters [changes]
        """
        held = [found.lead for _, found in self.results.tried if found.answer == "stays"]
        matters = self.results.decision.counts
        yield {
            "tried": len(self.results.tried),
            "stays": len(held),
            "close": sum(lead is not None and lead <= matters for lead in held),
        }

    @frame_citing(of_sums)
    def tries_by_kind(self) -> Rows:
        """What was tried of one kind of change, and what the answer did.

        kind: kind of change, as in `variants`
        stays: changes after which the choice stays first [changes]
        level: after which another is first, by no more than what matters [changes]
        changes: after which another is first by more [changes]
        none: after which no option may be chosen [changes]
        """
        by_kind: dict[str, Counter[str]] = {}
        for variant, found in self.results.tried:
            by_kind.setdefault(variant.kind, Counter())[found.answer] += 1
        for kind, counted in by_kind.items():
            yield {"kind": kind} | {answer: counted[answer] for answer in get_args(Answer)}

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
        in_all?: what it would cost in all, in the mean of the cases [currency]
        opens?: what of policy, requirements and conditions the client must give up for it to be
            allowed, in words; missing where something else rules it out, too
        is_easiest: whether it is the one that is allowed first: least is given up, and of those
            it costs least
        """
        d = self.results.decision
        policies = self.scenario.rules.lines
        opens = {c.name: given_up(c, policies) for c in d.candidates if c.costs}
        may = [name for name, gives in opens.items() if gives]
        easiest = min(may, key=lambda name: (len(opens[name]), d.mean(name)), default=None)
        for c in d.candidates:
            found = exclusion(c, policies)
            if found is not None:
                yield vars(found) | {
                    "option": c.name,
                    "likely": c.cost and c.cost.central,
                    "in_all": d.mean(c.name) if c.costs else None,
                    "opens": " and ".join(opens.get(c.name, ())) or None,
                    "is_easiest": c.name == easiest,
                }

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
            "ordered": round(max(0.0, paid - max(of_hours, before))),
            "rental": self._rented(target.name),
        }

    def _limits(self, target: Candidate) -> dict[str, Any]:
        """Up to which cost offers for the choice may go, and which option is first from there on:
        nothing where nothing limits them."""
        found = self.results.decision
        if found.lead is None or target.cost is None:
            return {}
        ceiling = target.cost.central + found.lead
        limit = {"turns_at": ceiling, "turns_to": found.next}
        return limit | self._price_limit(target.name, ceiling)

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

    def _latest_go(self, name: str) -> str | None:
        last = dates.latest_go(self.scenario, name)
        return None if last is None else last.isoformat()

    @frame
    def gate(self) -> Rows:
        """The day on which go or no-go is decided, and on what: one row; none without a choice.

        date: the day
        stated?: day that the client has set for it; missing where it has set none. Where an offer
            for the choice ends before, `date` is the last day of that
        latest?: last day of go with which the choice is planned to serve by the latest go-live of
            the client; missing where that is not stated, or what runs today stays
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
        ordered: the other part, to the unit of the currency: nought where nothing is bought
            [currency]
        moved_before: what of moving over is spent on steps before [currency]
        rental?: what cards cost to rent over the horizon, as planned; missing where the choice
            rents none, or runs already [currency]
        turns_at?: likely cost of the choice, its lead added, from which on another option is first,
            all else the same; missing where what runs today stays [currency]
        turns_to?: the option that is first from there on [option]
        price_of?: what is offered at the price that weighs most in the choice: server, GPU-hour or
            request; missing where no price reaches that
        price?: one of them as planned, without value-added tax; missing where each workload has
            its own [currency]
        price_limit?: the same where the likely cost is there, all else as it is [currency]
        price_times?: how many times its planned price it is there [1]
        fallback?: the option that comes next in all [option]
        untested?: the model of both that is not shown to be good enough, as a person says it;
            missing where the fallback runs another
        fallback_if_untested?: what comes next where that model fails its test; missing where
            nothing else may be chosen [option]
        fallback_points?: what is open of the option that comes next [points]
        fallback_shared?: how many of them are points of the choice, too, so that what strikes the
            one may strike the other [points]
        """
        found = self.results.decision
        if found.recommended is None:
            return
        go = self.results.go
        days = go.day
        before = [s.price for s in self.results.plan if s.row.day <= days and s.price]
        target = found.candidate(found.recommended)
        points = self.study.open_points()
        own = points[points.option == target.label]
        row: dict[str, Any] = {
            "date": self.results.day(days),
            "stated": None if go.stated is None else self.results.day(go.stated),
            "latest": None if found.stays else self._latest_go(target.name),
            "pilot": None if found.stays else days,
            "usual_pilot": None if found.stays else PILOT_DAYS,
            "spent*": _sum(before, self.client.currency),
            "points": int(own.hard.sum()),
            "moved_before": self.results.moved_before,
            "ordered": 0.0,
        }
        if not found.stays:
            row |= self._to_begin(target) | self._limits(target)
        row["fallback"] = next(iter(found.others), None)
        if row["fallback"] is not None:
            after = found.candidate(row["fallback"]).label
            theirs = points[points.option == after]
            row["fallback_points"] = len(theirs)
            row["fallback_shared"] = int(theirs.point.isin(own.point).sum())
        if proofs := to_prove(found.recommended, self.results.sovereignty):
            row["proofs"] = " and ".join(proofs)
        yield row | self._if_untested(found)

    def _rented(self, name: str) -> float | None:
        """What an option pays to rent cards over the horizon, as planned; None where nothing."""
        flows = self.results.cost.options[name].flows
        rent = sum(float(flow.amounts.sum()) for flow in flows if flow.category == "rental")
        return rent if rent > 0 else None

    def _if_untested(self, found: Decision) -> dict[str, Any]:
        """What comes next where the model that is to be tested fails: it fails wherever it runs."""
        compared = [p for p in self.results.quality.parities if p.verdict != "same model"]
        chosen = found.recommended
        doubted = [spoken(p.model) for p in compared if p.option == chosen and not p.supported]
        every = self.results.quality.parities
        runs_it = {p.option for p in every if spoken(p.model) in doubted}
        if not found.others or found.others[0] not in runs_it:
            return {}
        left = (name for name in found.others if name not in runs_it)
        return {"untested": doubted[0], "fallback_if_untested": next(left, None)}


def _sum(ranges: Sequence[Range], currency: str) -> Range:
    """Ranges added up; none is nothing."""
    if not ranges:
        return Range.exact(0.0, currency)
    low, central, high = (sum(end) for end in zip(*(r.ends for r in ranges), strict=True))
    return Range(low, central, high, unit=currency)


def _of_page_one(ranked: Sequence[_Sorted]) -> set[int]:
    """Places of the changes that page one shows, the worst being at 0: by kind of what settles
    them, of each kind what the scenario asks for, else the worst; then the worst that are left."""
    first: dict[str, int] = {}
    for place in sorted(range(len(ranked)), key=lambda place: not ranked[place].asked):
        first.setdefault(ranked[place].settler, place)
    of_each = [first[kind] for kind in get_args(Settler) if kind in first]
    return set(list(dict.fromkeys([*of_each, *range(len(ranked))]))[:ON_PAGE_ONE])


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
