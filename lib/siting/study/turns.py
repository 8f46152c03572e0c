"""Frames of a study on what turns the answer, when that is known, and what is done then."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from siting.cost import dates
from siting.cost.dates import FIRST_HORIZON_DAYS, LAST_HORIZON_DAYS, PILOT_DAYS
from siting.quality import spoken
from siting.quantity import Range
from siting.rules.sovereignty import OpenPoint
from siting.study.budget import HOURS
from siting.study.cost import CATEGORIES
from siting.study.frames import Rows, Topic, frame
from siting.study.timeline import PURCHASES
from siting.study.verdict import of_sums
from siting.verdict import offers
from siting.verdict.candidate import Candidate
from siting.verdict.decision import Decision
from siting.verdict.exclusion import exclusion, given_up
from siting.verdict.plan import to_prove
from siting.verdict.variants import Outcome, Settled, Variant

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


@dataclass(frozen=True, kw_only=True)
class _Sorted:
    """A change that turns the answer, as page one sorts it."""

    settler: Settler
    asked: bool
    """Whether the scenario itself wants it tried."""


class TurnFrames(Topic):
    """Frames on what turns the answer, both futures of API prices, and go or no-go."""

    @frame(
        "rank",
        "change_kind what change settled on_page_one known_by? key? then_first? in_all? "
        "own_in_all? sure? lead? answer open_points? may_strike?",
        citing=of_sums,
    )
    def turns(self) -> Rows:
        """A change after which another option is first, the worst for the choice first."""
        ranked = self.results.turning
        shown = _of_page_one([self._sorted(variant, found) for variant, found in ranked])
        for rank, (variant, found) in enumerate(ranked, 1):
            points = self._to_clear(variant, found)
            yield {
                "rank": rank,
                "change_kind": variant.kind,
                "what": variant.what,
                "change": self.results.numbers.regrouped(variant.clause),
                "settled": variant.settled,
                "on_page_one": rank - 1 in shown,
                "known_by": self._known_by(variant),
                "key": found.option,
                "then_first": self.results.label_after(found.option, variant),
                "in_all": found.in_all,
                "own_in_all": found.own_in_all,
                "sure": found.share,
                "lead": found.lead,
                "answer": found.answer,
                "open_points": None if points is None else len(points),
                "may_strike": None if points is None else sum(p.strikes for p in points),
            }

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

    @frame(
        "option",
        "whose rule title reason likely? in_all? opens? is_easiest",
    )
    def exclusions(self) -> Rows:
        """One option that is ruled out, with whose rule does it."""
        d = self.results.decision
        policies = self.scenario.rules.lines
        opens = {c.name: given_up(c, policies) for c in d.candidates if c.costs}
        may = [name for name, gives in opens.items() if gives]
        easiest = min(may, key=lambda name: (len(opens[name]), d.mean(name)), default=None)
        for c in d.candidates:
            found = exclusion(c, policies)
            if found is not None:
                yield {
                    "option": c.name,
                    "whose": found.whose,
                    "rule": found.rule,
                    "title": found.title,
                    "reason": found.reason,
                    "likely": c.cost and c.cost.central,
                    "in_all": d.mean(c.name) if c.costs else None,
                    "opens": " and ".join(opens.get(c.name, ())) or None,
                    "is_easiest": c.name == easiest,
                }

    # --- go or no-go ------------------------------------------------------------------------------

    @frame(
        "day",
        "number due price spent decides",
    )
    def gates(self) -> Rows:
        """A day on which it is decided whether the plan goes on."""
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
            row |= {"planned_price": priced.planned, "price_limit": times * priced.planned}
        return row

    def _latest_go(self, name: str) -> str | None:
        last = dates.latest_go(self.scenario, name)
        return None if last is None else last.isoformat()

    @frame(
        "",
        "date stated_day? latest_go? pilot? usual_pilot? spent* points proofs? once? own_hours? "
        "ordered moved_before rental? turns_at? turns_to? price_of? planned_price? price_limit? "
        "price_times? comes_next? fallback_if_untested? fallback_points? fallback_shared?",
    )
    def gate(self) -> Rows:
        """The day on which go or no-go is decided, and on what: one row; none without a
        choice."""
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
            "stated_day": None if go.stated is None else self.results.day(go.stated),
            "latest_go": None if found.stays else self._latest_go(target.name),
            "pilot": None if found.stays else days,
            "usual_pilot": None if found.stays else PILOT_DAYS,
            "spent*": _sum(before, self.client.currency),
            "points": int(own.hard.sum()),
            "moved_before": self.results.moved_before,
            "ordered": 0.0,
        }
        if not found.stays:
            row |= self._to_begin(target) | self._limits(target)
        row["comes_next"] = next(iter(found.others), None)
        if row["comes_next"] is not None:
            after = found.candidate(row["comes_next"]).label
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
        return {"fallback_if_untested": next(left, None)}


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
