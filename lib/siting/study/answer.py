"""The frame of a study on its answer: one row that says what is first, when it is decided and paid.

Its parts: the sum against the next best, at other beliefs and if a point stops it; the day of go or
no-go and what it hangs on; cash against what it is held against.
"""

from __future__ import annotations

import math
import operator
from typing import TYPE_CHECKING, Any

import numpy as np

from siting import quality
from siting.cost import dates, money
from siting.cost.ledger import BEFORE
from siting.quantity import DAYS_OF_MONTH
from siting.study.frames import Rows, Topic, frame
from siting.study.verdict import models_of, of_sums
from siting.verdict import offers, plausible
from siting.verdict.candidate import Candidate
from siting.verdict.decision import PARTS, Decision, Part

if TYPE_CHECKING:
    from siting.study import Study

HOURS = "staff_cost"
"""The factor in the price of what the client's own people do: no invoice asks for it."""
ONCE = ("hardware", "network", "migration")
"""Categories of siting_facts/cost_items.csv that are paid once after a go."""


class AnswerFrames(Topic):
    """The frame on the answer."""

    @frame(
        "",
        "option? advice way clarity stays today? model? today_model? servers? "
        "in_all? sure matters rival? rival_is_kept? rival_in_all? cheaper_in? cheaper_than_rival? "
        "belief below? first_below? above? first_above? fallback? fallback_point? worth? "
        "decided_on? latest_go? spent? once? own_hours? rental? turns_at? "
        "turns_to? price_of? planned_price? price_times? comes_next? "
        "fallback_if_untested? fallback_live? held_against? outcome payback? "
        "payback_day? late? vat at_go if_stopped? if_failed? at_no_go? "
        "saved_by_model? idle_at?",
        citing=of_sums,
    )
    def answer(self) -> Rows:
        """The answer: one row."""
        d = self.results.decision
        name = d.recommended
        row: dict[str, Any] = {
            "option": name,
            "advice": self._advice(d),
            "way": self._way(d),
            "clarity": _surety(d),
            "stays": d.stays,
            "today": d.baseline,
            "model": models_of(self.scenario, name),
            "today_model": models_of(self.scenario, d.baseline),
            "sure": d.share,
            "matters": d.counts,
            "belief": d.falling,
            "worth": self.results.perfect_information,
            "vat": self._taxed(),
            "at_go": "none",
            "outcome": "none",
        } | self._paid_back()
        if name is not None:
            row["servers"] = self._servers(name)
            row |= _compared(d) | self._rival(d) | self._stopped() | self._gate(d, name)
            row |= self._failed(d, row) | self._idle(d, name)
            if saving := self.results.saving:
                row["saved_by_model"] = saving.model
        yield row

    def _advice(self, d: Decision) -> str:
        """What the board is told to do, in a closed word."""
        if d.choice is None:
            return "none"
        if any(doubt.quality for doubt in d.choice.uncleared):
            return "test first"
        return "stay" if d.stays else "move"

    def _way(self, d: Decision) -> str:
        """What is carried out, in a closed word."""
        if d.choice is None:
            return "none"
        if d.stays:
            return "stay"
        if d.today and d.choice.place == d.today.place:
            return "switch"
        return "buy" if self._servers(d.choice.name) else "move"

    def _servers(self, name: str) -> float | None:
        """Servers of an option in the first year; None where it has none of its own."""
        priced = self.results.cost.options.get(name)
        return priced.servers[0] if priced and priced.servers else None

    def _rival(self, d: Decision) -> dict[str, Any]:
        """What the first option is held against: the next best; where each other option is a
        bridge, the one that costs least if it is kept to the end."""
        is_kept = d.next is None
        of = operator.attrgetter("kept" if is_kept else "total")
        against = {name: d.weighted(name, of) for name in d.others if is_kept or name == d.next}
        rival = min(against, key=against.__getitem__, default=None)
        if rival is None:
            return {}
        best = str(d.recommended)
        gaps = {part: d.part(rival, part) - d.part(best, part) for part in PARTS}
        return {
            "rival": rival,
            "rival_is_kept": is_kept,
            "rival_in_all": against[rival],
            "cheaper_in": self._cheaper_in(gaps, best, rival, is_kept),
            "cheaper_than_rival": d.cheaper(best, rival, of),
        }

    def _cheaper_in(self, gaps: dict[Part, float], best: str, rival: str, is_kept: bool) -> str:
        """The part of the sum by which the first option beats its rival most, in a closed word:
        `sooner` where today's bill until each serves makes most of what it pays less in bills."""
        leaving = 0.0 if is_kept else gaps["leaving"]
        bills = gaps["cost"] + leaving
        others = {part: gaps[part] for part in PARTS if part not in ("cost", "leaving")}
        costs = self.results.cost.options
        sooner = (costs[rival].of(BEFORE) - costs[best].of(BEFORE)).sum()
        if bills < max(others.values()):
            return max(others, key=others.__getitem__)
        return "sooner" if sooner > bills / 2 else "bills"

    def _stopped(self) -> dict[str, Any]:
        """What is first if a point that can stop the choice does."""
        found = self.results.decision.fallback
        if found is None:
            return {"if_stopped": "never" if self.study.has_law_on_file else "unseen"}
        word = "other" if found.option else "none"
        return {"if_stopped": word, "fallback_point": found.point, "fallback": found.option}

    # --- go or no-go ------------------------------------------------------------------------------

    def _gate(self, found: Decision, name: str) -> dict[str, Any]:
        """The day on which go or no-go is decided, and on what."""
        go = self.results.go
        target = found.candidate(name)
        row: dict[str, Any] = {
            "decided_on": self.results.day(go.day),
            "spent": self.results.spent_before_go.central,
            "comes_next": next(iter(found.others), None),
        }
        if found.stays:
            return row | {"at_go": "stay"}
        row["latest_go"] = dates.latest_go(self.scenario, name)
        row |= self._to_begin(name) | self._limits(target)
        ordered = row.get("once", 0.0) - row.get("own_hours", 0.0)
        at_go = "order" if round(ordered) > 0 else "sign"
        return row | {"at_go": f"{at_go}, if" if self._advice(found) == "test first" else at_go}

    def _to_begin(self, name: str) -> dict[str, Any]:
        """What is paid once after a go; nothing where nothing is."""
        cost = self.results.cost.options[name]
        at_once = [flow for flow in cost.flows if flow.category in ONCE]
        paid = sum(max(0.0, flow.amounts[0]) for flow in at_once)
        if paid <= 0:
            return {}
        of_hours = sum(f.amounts[0] for f in at_once if HOURS in f.factors)
        rent = cost.of("rental").sum()
        # Steps before are own hours of moving over that are spent by then.
        before = self.results.moved_before
        return {
            "once": paid - before,
            "own_hours": max(0.0, of_hours - before),
            "rental": rent if rent > 0 else None,
        }

    def _limits(self, target: Candidate) -> dict[str, Any]:
        """Up to which cost offers for the choice may go, and which option is first from there on:
        nothing where nothing limits them."""
        found = self.results.decision
        if found.lead is None or target.likely is None:
            return {}
        ceiling = target.likely + found.lead
        price = self._price_limit(target.name, ceiling)
        return {"turns_at": ceiling, "turns_to": found.next, **price}

    def _price_limit(self, name: str, ceiling: float) -> dict[str, Any]:
        """The limit of a likely cost as one of the price that weighs most."""
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
            row["planned_price"] = priced.planned
        return row

    def _failed(self, found: Decision, row: dict[str, Any]) -> dict[str, Any]:
        """What is done at no-go, and what is first where the model that is to be tested fails: it
        fails wherever it runs."""
        fails = self.results.failing
        outcomes = (o.option for v, o in self.results.tried if v.changes == fails)
        first = next(outcomes, None)
        if_failed = "fallback"
        if first is None:
            if_failed = "none"
        elif first == found.baseline:
            if_failed = "today"
        elif first == found.recommended:
            if_failed = "another"
        at_no_go = "fallback" if row.get("fallback") or row["comes_next"] else "none"
        if found.today and not found.today.struck:
            at_no_go = "today"
        told = {
            "fallback_if_untested": first,
            "if_failed": if_failed,
            "at_no_go": "stays" if found.stays else at_no_go,
        }
        if if_failed == "fallback":
            serves = dates.serves(self.scenario, str(first))
            told["fallback_live"] = self.results.day(serves.central)
        return told

    def _idle(self, found: Decision, name: str) -> dict[str, Any]:
        """Whose idle cards the choice must be able to give back by the hour: nothing where no more
        than matters hangs on it."""
        for part in quality.leaves(self.scenario, name):
            hours = self.scenario.hourly_at(part)
            refused = plausible.without(self.results.said, hours)
            for variant, then in self.results.tried:
                dearer = (then.in_all or math.inf) - found.means[name]
                if variant.changes == refused and dearer > found.counts:
                    return {"idle_at": self.scenario.options[part].vendor}
        return {}

    # --- cash -------------------------------------------------------------------------------------

    def _paid_back(self) -> dict[str, Any]:
        """What the choice, or the cheapest without one, has cost against what its cash is held
        against; nothing where there is nothing to hold it against."""
        chosen, rival = self.results.compared
        if chosen == rival:
            return {}
        found = money.payback(saved(self.study))
        return {
            "held_against": rival,
            "outcome": self._outcome(found),
            "payback": math.inf if found is None else found,
            "payback_day": self.results.day(found * DAYS_OF_MONTH) if found else None,
            "late": self.results.cost.options[chosen].of(BEFORE).max() or None,
        }

    def _outcome(self, payback: float | None) -> str:
        """`outcome`: who stays spends nothing that could come back."""
        if payback is None:
            return "behind"
        return "back" if payback and not self.results.decision.stays else "ahead"

    def _taxed(self) -> str:
        """What totals hold of value-added tax, or of sales tax."""
        tax = self.results.tax
        if tax.rate is None:
            return "without VAT or sales tax (no rate is on file)"
        if tax.borne > 0:
            part = "" if math.isclose(tax.borne, tax.rate) else f"{100 * tax.borne:.3g} of "
            return f"with the VAT that you do not get back ({part}{100 * tax.rate:.3g}%)"
        if self.scenario.finance.vat_recoverable is None:
            return "without VAT, as you are taken to get it back"
        return "without VAT, which you get back"


def saved(study: Study) -> money.Array:
    """What the choice, or the cheapest without one, pays less in each month than what its cash is
    held against. [currency]"""
    paid = study.paid_so_far().pivot(index="month", columns="option", values="paid")
    chosen, rival = (study.results.labels[name] for name in study.results.compared)
    return np.asarray(paid[rival] - paid[chosen])


def _surety(d: Decision) -> str:
    """How clear the answer is, in a closed word."""
    if d.recommended is None:
        return "none"
    return "level" if d.level else "clear"


def _compared(d: Decision) -> dict[str, Any]:
    """What the first option costs, and what is first at other beliefs."""
    best = str(d.recommended)
    row: dict[str, Any] = {"in_all": d.means[best]}
    for side, turn in zip(("below", "above"), d.beliefs, strict=True):
        if turn is not None:
            row |= {side: turn.at, f"first_{side}": turn.option}
    return row
