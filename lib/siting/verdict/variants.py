"""What would change the answer? Change one thing, run the chain again, compare.

A *variant* is the scenario with one thing changed, an input, an answer, an offer, a vendor, a
weight. It goes through the same chain with the same draws as the report (`verdict.chain`), so that
nothing that would change the answer is told without having been computed. Which variants are
plausible stands in `verdict.plausible`.

A *switching value* is the value of one continuous input at which the first option changes (the
term of public appraisal: HM Treasury, The Green Book). A grid comes before any bisection: an option
that buys whole servers can win, lose and win again.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from siting.inputs.scenario.changes import Changes, put, words
from siting.inputs.scenario.model import Scenario
from siting.rules import sovereignty
from siting.rules.sovereignty import VerdictChange
from siting.verdict import ranking
from siting.verdict.chain import Chain
from siting.verdict.decision import Decision

ChangeKind = Literal[
    "input", "assumed", "stated", "unanswered", "policy", "offer", "event", "weight", "method",
    "together",
]  # fmt: skip
"""input: an end of its range; assumed: taken for granted by the kit, the other way; stated: what
the client says of its data, the other way, or an invoice, left out; unanswered: a blank filled in;
policy: what the client itself asks, left out; offer: what can be ordered or agreed otherwise;
event: what may happen; weight; method: another way to rank; together: what the scenario wants tried
at once."""
Settled = Literal["decision", "answer", "offer", "pilot", "year", "day", "nothing", "weighing"]
"""What settles whether a change holds. decision: the client decides it; answer: the client or a
vendor answers; offer: a written offer; pilot: the test with one team; year: a year of use; day: an
announced one; nothing: no date does; weighing: it is a matter of how one weighs."""
SETTLED: Mapping[ChangeKind, Settled] = {
    "input": "pilot",
    "assumed": "answer",
    "stated": "answer",
    "unanswered": "answer",
    "policy": "decision",
    "offer": "offer",
    "event": "nothing",
    "weight": "weighing",
    "method": "weighing",
    "together": "decision",
}
"""What settles most changes of a kind."""
Answer = Literal["stays", "level", "changes", "none"]
"""stays: the report's choice is first; level: another is, by no more than matters; changes: another
is, by more, or the choice is ruled out; none: all are."""


UNSAID = ("as planned", "asked", "blank", "not looked at")
"""What stands in the report, where to say it adds nothing."""


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A scenario with one thing changed."""

    kind: ChangeKind
    what: str
    """What is changed, in words."""
    before: str
    after: str
    changes: Changes
    """Values by dotted path."""
    plausible: bool = True
    """Whether it lies in its range, is dated, or can be had or asked."""
    clause: str = ""
    """The change as it stands after "if": `the volume is twice the plan`."""
    settled: Settled | None = None
    """What settles it, where it is not what settles most of its kind."""
    day: dt.date | None = None
    """Day on which it comes, where that is announced."""
    rebuilds: str = ""
    """The option whose server it changes; blank where it changes none."""
    offer: str = ""
    """The offer that it adds as one more option, by its name; blank where it adds none."""
    lacks: str = ""
    """What its provider lacks today, in words, where the change is that it comes to have it."""
    asked: bool = False
    """Whether the scenario itself wants it tried."""

    @property
    def phrase(self) -> str:
        """The change in a phrase: its clause, or else what is what instead of what."""
        if self.clause:
            return self.clause
        if self.kind == "event" and self.after in ("gone", "yes"):
            return self.what
        instead = f" instead of {self.before}" if self.before not in UNSAID else ""
        return f"{self.what}: {self.after}{instead}"

    @property
    def options(self) -> tuple[str, ...]:
        """The options that it changes, or adds, as the scenario names them."""
        within = (path.split(".") for path in self.changes if path.startswith("options."))
        return tuple(dict.fromkeys(name for _, name, *_ in within))

    @property
    def set(self) -> tuple[str, ...]:
        """The words for `--set` that make it again."""
        return words(self.changes)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """The answer to a variant, beside that of the report."""

    option: str | None
    """First by mean score; None where every option is ruled out."""
    present_cost: float | None
    """Its median. [client's currency]"""
    share: float | None
    """How sure: as in the report."""
    lead: float | None
    """Points of the report's choice over its best rival, mean; None where it is ruled out or
    alone."""
    cleared: bool | None
    """Whether nothing that is demanded of the report's choice is still to be shown; None where it
    is ruled out."""
    answer: Answer
    own_cost: float | None = None
    """The median of the report's choice then; None where it is ruled out. [client's currency]"""
    present_mean: float | None = None
    """Mean over all cases of the cost of the option that is first. [client's currency]"""
    own_mean: float | None = None
    """The same of the report's choice; None where it is ruled out. [client's currency]"""
    lead_planned: float | None = None
    """Points of the report's choice over the option that is first, at middle values; None where it
    is ruled out."""
    verdicts: int = 0
    """Rules whose verdict on the report's choice is another."""
    card: str = ""
    """GPU on which the option that is first runs then; blank where it names none."""


@dataclass(frozen=True, kw_only=True)
class OrderedBeside:
    """What is first where the choice is gone and another option is ordered otherwise as well."""

    order: Variant
    option: str
    present_cost: float
    """Its median. [client's currency]"""


def ordered_beside(
    chain: Chain,
    scenario: Scenario,
    gone: tuple[Variant, Outcome],
    turning: Iterable[tuple[Variant, Outcome]],
) -> OrderedBeside | None:
    """Of changes of how an option is rented the one with which that is first, for less, once the
    choice may not be chosen any more; None where there is none.

    gone: an event after which the choice is ruled out. turning: changes that turn the answer.
    """
    event, found = gone
    best: OrderedBeside | None = None
    cost = found.present_cost
    if found.lead is not None or cost is None or event.kind != "event":
        return best
    for order, then in turning:
        if f"options.{then.option}.commitment" not in order.changes:
            continue
        decided = chain.decide(put(scenario, {**event.changes, **order.changes}))
        name = decided.recommended
        priced = decided.candidate(name).cost if name else None
        if name and name != found.option and priced and priced.central < cost:
            cost = priced.central
            best = OrderedBeside(order=order, option=name, present_cost=cost)
    return best


def outcome(found: Decision, chosen: str | None) -> Outcome:
    """The decision on a variant, against the option that the report chooses."""
    if found.ranking is None:
        return Outcome(
            option=None, present_cost=None, share=None, lead=None, cleared=None, answer="none"
        )
    best = found.candidate(found.ranking.best)
    lead = found.ranking.lead(chosen) if chosen else None
    competes = chosen in found.ranking.names
    own = found.candidate(chosen).cost if competes and chosen else None
    planned = None
    if competes and chosen:
        score = found.ranking.score
        planned = score(chosen).central - score(best.name).central
    return Outcome(
        option=best.name,
        present_cost=best.cost.central if best.cost else None,
        share=found.share,
        lead=lead,
        cleared=not found.candidate(chosen).uncleared if competes and chosen else None,
        answer=_answer(best.name, chosen, lead),
        own_cost=own.central if own else None,
        present_mean=float(best.cost.draws.mean()) if best.cost else None,
        own_mean=float(own.draws.mean()) if own else None,
        lead_planned=planned,
    )


def _answer(best: str, chosen: str | None, lead: float | None) -> Answer:
    if best == chosen:
        return "stays"
    level = lead is not None and lead >= -ranking.matters_points()
    return "level" if level else "changes"


def tried(
    chain: Chain, scenario: Scenario, variants: Iterable[Variant]
) -> Iterator[tuple[Variant, Outcome]]:
    """Every variant with its outcome."""
    chosen = chain.decide(scenario).recommended
    said = _verdicts(chain, scenario, chosen)
    for variant in variants:
        changed = put(scenario, variant.changes)
        now = _verdicts(chain, changed, chosen)
        moved = sum(verdict != said[rule] for rule, verdict in now.items())
        found = outcome(chain.decide(changed), chosen)
        first = chain.designed(changed).options.get(found.option or "")
        card = first.gpu if first else ""
        yield variant, replace(found, verdicts=moved, card=card)


def worst_of_each(tried: Iterable[tuple[Variant, Outcome]]) -> list[tuple[Variant, Outcome]]:
    """Of changes to one thing the one that is worst for the choice, the worst first."""
    worst: dict[str, tuple[Variant, Outcome]] = {}
    for variant, found in sorted(tried, key=lambda each: _worth(each[1])):
        worst.setdefault(variant.what, (variant, found))
    return list(worst.values())


def _worth(found: Outcome) -> float:
    """Where a change stands in the order of the worst; one after which the choice may not be
    chosen is worse than any lead."""
    return float("-inf") if found.lead is None else found.lead


def apart(
    tried: Sequence[tuple[Variant, Outcome]],
) -> tuple[tuple[Variant, Outcome], ...]:
    """Without changes of several things at once of which one alone moves the answer as far: who
    reads them would count one reason twice. What the scenario itself wants tried stays."""
    turning = [(v.changes.items(), found) for v, found in tried if found.answer != "stays"]

    def is_told(variant: Variant, found: Outcome) -> bool:
        return any(
            changes < variant.changes.items()
            and one.option == found.option
            and one.lead == found.lead
            for changes, one in turning
        )

    return tuple((v, found) for v, found in tried if v.asked or not is_told(v, found))


def _verdicts(chain: Chain, scenario: Scenario, chosen: str | None) -> dict[str, str]:
    """What each rule says of an option."""
    found = chain.rules(scenario).options.get(chosen or "")
    return {rule: v.verdict for rule, v in found.verdicts.items()} if found else {}


def verdicts_moved(chain: Chain, scenario: Scenario, variant: Variant) -> tuple[VerdictChange, ...]:
    """Verdicts of rules that are others under a variant, on all options."""
    now = chain.rules(put(scenario, variant.changes)).options
    return sovereignty.changed(chain.rules(scenario).options, now)


# --- where the answer switches --------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Dial:
    """A continuous input that can be turned."""

    kind: ChangeKind = "input"
    what: str
    unit: str
    today: float
    low: float
    """Of the range that is expected of it."""
    high: float
    grid: tuple[float, ...]
    """Values at which it is tried first, rising: as far as one may look."""
    change: Callable[[float], Changes]
    """What makes it a value."""
    settled: Settled | None = None
    """As of a variant."""


@dataclass(frozen=True, kw_only=True)
class Switch:
    """A value of an input at which the first option changes."""

    dial: Dial
    at: float
    below: str | None
    """The option that is first just below."""
    above: str | None
    lead_below: float | None
    """Points of the first option over the second, just below."""
    lead_above: float | None
    beyond: float
    """A value just beyond it, seen from today."""
    outcome: Outcome
    """The answer there, beside that of the report."""

    @property
    def variant(self) -> Variant:
        """The value beyond as a variant."""
        return Variant(
            kind=self.dial.kind,
            what=self.dial.what,
            before=f"{self.dial.today:.3g}",
            after=f"{self.beyond:.4g}",
            changes=self.dial.change(self.beyond),
            plausible=self.inside,
            clause=self._clause,
            settled=self.dial.settled,
        )

    @property
    def _clause(self) -> str:
        """The value in words: `volume is above 1.7 times the plan`."""
        side = "above" if self.at >= self.dial.today else "below"
        at = f"{self.at:.3g} {self.dial.unit}"
        if self.dial.unit.startswith("share"):
            at = f"{self.at:.0%}{self.dial.unit.removeprefix('share')}"
        return f"{self.dial.what} is {side} {at}"

    @property
    def inside(self) -> bool:
        """Whether it lies in the range that is expected of the input."""
        return self.dial.low <= self.at <= self.dial.high


STEPS = 5
"""Bisections after the grid: 32 parts of a step of it."""
BESIDE = 0.02
"""So far on either side it is decided again, to show that the first option differs."""


def switches(chain: Chain, scenario: Scenario, dials: Iterable[Dial]) -> Iterator[Switch]:
    """Every switching value that the grids of some dials show."""
    chosen = chain.decide(scenario).recommended
    for dial in dials:
        yield from _of_dial(chain, scenario, dial, chosen)


def _of_dial(chain: Chain, scenario: Scenario, dial: Dial, chosen: str | None) -> Iterator[Switch]:
    def decided(value: float) -> Decision:
        return chain.decide(put(scenario, dial.change(value)))

    into, back = _scale(dial.grid)
    found = [(x, decided(x).recommended) for x in dial.grid]
    for (low, below), (high, above) in pairwise(found):
        if below == above:
            continue
        a = into(low)
        b = into(high)
        for _ in range(STEPS):
            middle = (a + b) / 2
            if decided(back(middle)).recommended == below:
                a = middle
            else:
                b = middle
        at = back((a + b) / 2)
        before = max(low, at * (1 - BESIDE))
        after = min(high, at * (1 + BESIDE))
        under = decided(before)
        over = decided(after)
        if under.recommended == over.recommended:
            continue
        upward = at >= dial.today
        yield Switch(
            dial=dial,
            at=at,
            below=under.recommended,
            above=over.recommended,
            lead_below=_ahead(under),
            lead_above=_ahead(over),
            beyond=after if upward else before,
            outcome=outcome(over if upward else under, chosen),
        )


def _scale(
    grid: Sequence[float],
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Halves steps in logarithms where all values are above nought."""
    return (math.log, math.exp) if min(grid) > 0 else (float, float)


def _ahead(found: Decision) -> float | None:
    return found.ranking.lead(found.ranking.best) if found.ranking else None
