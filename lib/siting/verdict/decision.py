"""The verdict: which allowed option costs least in all, how surely, and what would turn it.

Every option has one sum of money in each case: cost (with what is paid or forgone until it serves),
what the right to leave it saves, expected loss by vendors, remedies, and premiums. A premium is
what the client would pay a year for a property; whoever lacks it bears it, and what is not shown is
lacked. Limits are never part of the sum: an option that fails one is ruled out, one that may fail
one is open.

A case is a draw of all inputs, common to all options, in one of two futures of API prices: they
hold, or they fall. How likely the second is, is a belief, by which means and shares are weighted:
no future is drawn. The mean decides: it alone adds up over parts, prices rare losses, and is linear
in the belief.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import cached_property
from typing import Literal, TypeAlias, get_args

import numpy as np

from siting.cost.ledger import Totals
from siting.draws import Floats
from siting.records import frozen
from siting.verdict.candidate import Candidate, Future
from siting.verdict.leaving import Course, Left, Terms, leave

Part = Literal["cost", "leaving", "vendors", "remedies", "premiums"]
PARTS: tuple[Part, ...] = get_args(Part)
"""What a sum is made of."""
BRIDGE = 0.5
"""Share of cases from which on an option that is left is a bridge to another."""
STEPS = 24
"""Bisections of a premium: to a millionth of where it begins."""


@frozen
class InAll:
    """What one option costs in all in one future, case by case. [n each, money]"""

    parts: Mapping[Part, Floats]
    left: Left

    @cached_property
    def total(self) -> Floats:
        """The sum of its parts."""
        return np.asarray(sum(self.parts.values()))

    @property
    def kept(self) -> Floats:
        """The same if it is kept to the end."""
        return np.asarray(self.total - self.parts["leaving"])


@frozen
class Turn:
    """A belief at which another option becomes first."""

    at: float
    option: str


@frozen
class Principle:
    """What a property must be worth a year for an option that has it to be first."""

    property: str
    with_it: str
    without: str
    premium: float | None
    """None: no option with it is first at any price. 0 or less: it costs nothing. [a year]"""


@frozen
class Saving:
    """What the choice saves in all against what runs today: so much the model, so much the place,
    so much the way of ordering. [money]"""

    model: float
    place: float
    order: float
    first_year: float
    """What it saves in the second year, the first whole one of most moves."""


@frozen
class Fallback:
    """What is first if a point that can stop the choice does."""

    point: str
    option: str | None
    """None where nothing else may be chosen."""
    in_all: float | None
    """[money]"""


Sums: TypeAlias = Mapping[Future, InAll]
"""What one option costs in all, by future."""


@frozen
class Decision:
    """What is decided on, and the answer."""

    candidates: tuple[Candidate, ...]
    baseline: str
    """What runs today; `none`: nothing does."""
    terms: Terms
    falling: float
    """Belief that API prices fall, 0 to 1."""
    premiums: Mapping[str, float]
    """By property, what the client pays for it. [money a year]"""
    matters: float | None = None
    """A difference that counts; None: a month of this very scenario. [money]"""
    kept: dict[Hashable, Sums] = field(default_factory=dict, compare=False, repr=False)
    """Sums by what they are made of, for decisions that share them."""

    def candidate(self, name: str) -> Candidate:
        """The candidate of that option name."""
        return next(c for c in self.candidates if c.name == name)

    @cached_property
    def today(self) -> Candidate | None:
        """What runs today; None where nothing does."""
        return next((c for c in self.candidates if c.name == self.baseline), None)

    @cached_property
    def competing(self) -> tuple[Candidate, ...]:
        """Options that no limit rules out."""
        return tuple(c for c in self.candidates if not c.struck)

    # --- the sum ----------------------------------------------------------------------------------

    @property
    def weights(self) -> dict[Future, float]:
        """How much each future counts."""
        return {"hold": 1 - self.falling, "fall": self.falling}

    def lacks(self, c: Candidate) -> float:
        """Premiums of the properties that an option is not shown to have. [a year]"""
        return sum(paid for name, paid in self.premiums.items() if name not in c.has)

    def _course(self, c: Candidate, billed: Totals) -> Course:
        own = c.burden
        yearly = own.loss + own.remedies_yearly + self.lacks(c)
        return Course(own=own, billed=billed, yearly=yearly)

    def _left(self, c: Candidate, future: Future) -> Left:
        """Where one goes who may leave: to another allowed option, or to the model of the same
        quality that the same place then sells cheaper."""
        mine = self._course(c, c.burden.costs[future])
        others = {
            other.name: self._course(other, other.burden.costs[future])
            for other in self.competing
            if other.name != c.name
        }
        cheaper = c.burden.costs.get("move")
        if future == "fall" and cheaper is not None:
            # Who stays at the place leaves nothing behind, and its bills hold the tests.
            nothing = np.zeros_like(mine.own.remedies_once)
            own = replace(mine.own, remedies_once=nothing, entry=-mine.own.bound, wait=0.0)
            others[c.name] = replace(mine, own=own, billed=cheaper)
        return leave(mine, others, self.terms)

    def sums(self, name: str) -> Sums:
        """What an option that has a cost costs in all in each future, also one that is ruled out:
        worked out when it is first asked for."""
        c = self.candidate(name)
        held = ((each.name, each.burden, self.lacks(each)) for each in (c, *self.competing))
        made_of = (self.terms, *held)
        if made_of not in self.kept:
            self.kept[made_of] = {future: self._in_all(c, future) for future in self.weights}
        return self.kept[made_of]

    def _in_all(self, c: Candidate, future: Future) -> InAll:
        years = self.terms.annuity()
        left = self._left(c, future)
        own = c.burden
        parts: dict[Part, Floats] = {
            "cost": own.costs[future].present,
            "leaving": left.saved,
            "vendors": own.loss * years,
            "remedies": own.remedies_once + own.remedies_yearly * years,
            "premiums": np.full(len(left.saved), self.lacks(c) * years),
        }
        return InAll(parts=parts, left=left)

    def weighted(self, name: str, of: Callable[[InAll], Floats | float]) -> float:
        """Mean of something of an option over all cases, at the belief."""
        found = self.sums(name)
        return float(sum(w * np.mean(of(found[future])) for future, w in self.weights.items()))

    def mean(self, name: str) -> float:
        """What an option costs in all, in the mean of the cases. [money]"""
        return self.weighted(name, lambda sums: sums.total)

    def part(self, name: str, part: Part) -> float:
        """One part of it. [money]"""
        return self.weighted(name, lambda sums: sums.parts[part])

    def mean_if(self, name: str, future: Future) -> float:
        """The mean in one future. [money]"""
        return float(self.sums(name)[future].total.mean())

    def left(self, name: str) -> float:
        """Share of cases in which an option is left: not for a cheaper model at its place."""
        return self.weighted(name, lambda sums: sums.left.share - sums.left.going().get(name, 0.0))

    def is_bridge(self, name: str) -> bool:
        """Whether it is left in more than half of the cases: it bridges to another."""
        return self.left(name) > BRIDGE

    # --- the answer -------------------------------------------------------------------------------

    @cached_property
    def means(self) -> Mapping[str, float]:
        """Mean in all of each option that competes, the cheapest first."""
        found = {c.name: self.mean(c.name) for c in self.competing}
        return dict(sorted(found.items(), key=lambda item: item[1]))

    @property
    def recommended(self) -> str | None:
        """The option that costs least in all; None when every option is ruled out."""
        return next(iter(self.means), None)

    @property
    def choice(self) -> Candidate | None:
        """The same, as a candidate."""
        return self.candidate(self.recommended) if self.recommended else None

    @property
    def stays(self) -> bool:
        """True when the answer is to stay where the client is."""
        return self.recommended == self.baseline

    @property
    def cleared(self) -> bool:
        """Whether nothing that is demanded of the recommended option is still to be shown."""
        return self.choice is not None and not self.choice.uncleared

    @property
    def others(self) -> tuple[str, ...]:
        """What else may be chosen, one option a place in its best form, the cheapest first."""
        best: dict[str, str] = {}
        for name in self.means:
            best.setdefault(self.candidate(name).place, name)
        return tuple(best.values())[1:]

    @property
    def next(self) -> str | None:
        """The next best that is no bridge; None where there is none."""
        return next((name for name in self.others if not self.is_bridge(name)), None)

    @property
    def lead(self) -> float | None:
        """What the next best costs more in all; None where there is none. [money]"""
        if self.recommended is None or self.next is None:
            return None
        return self.means[self.next] - self.means[self.recommended]

    @cached_property
    def month(self) -> float:
        """A month of today's bill; where nothing runs or none is known, of the cheapest allowed
        option's. [money]"""
        pays = self.competing or self.candidates
        if self.today and self.today.burden.costs:
            pays = (self.today,)
        costs = (c.burden.costs for c in pays if c.burden.costs)
        return float(min((each["hold"].yearly[:, 0].mean() for each in costs), default=0.0)) / 12

    @property
    def counts(self) -> float:
        """A difference that counts. [money]"""
        return self.month if self.matters is None else self.matters

    def error(self, a: str, b: str) -> float:
        """Standard error of the difference of two means. [money]"""
        one = self.sums(a)
        other = self.sums(b)
        spread = sum(
            w**2 * np.var(one[future].total - other[future].total) / len(one[future].total)
            for future, w in self.weights.items()
        )
        return float(np.sqrt(spread))

    @property
    def level(self) -> tuple[str, ...]:
        """Options that cost no more than what matters, or two standard errors, above the first."""
        best = self.recommended
        if best is None:
            return ()
        return tuple(
            name
            for name in self.others
            if self.means[name] - self.means[best] <= max(self.counts, 2 * self.error(best, name))
        )

    def cheaper(self, a: str, b: str, of: Callable[[InAll], Floats]) -> float:
        """Share of cases in which one option costs less in all than that of another."""
        one = self.sums(a)
        other = self.sums(b)
        return float(sum(w * np.mean(one[f].total < of(other[f])) for f, w in self.weights.items()))

    @property
    def share(self) -> float:
        """How sure: share of cases in which nothing allowed costs less in all by more than what
        matters; 0 without a choice."""
        if self.recommended is None:
            return 0.0
        found = 0.0
        for future, weight in self.weights.items():
            totals = np.stack([self.sums(name)[future].total for name in self.means])
            found += weight * float((totals[0] <= totals.min(axis=0) + self.counts).mean())
        return found

    # --- what would turn it -----------------------------------------------------------------------

    @property
    def beliefs(self) -> tuple[Turn | None, Turn | None]:
        """The nearest beliefs below and above the client's at which another option is first."""
        found = []
        best = self.recommended
        for name in self.means if best else ():
            hold, fall = (self.mean_if(name, f) - self.mean_if(str(best), f) for f in self.weights)
            if hold * fall < 0:
                found.append(Turn(at=hold / (hold - fall), option=name))
        below = [t for t in found if t.at <= self.falling]
        above = [t for t in found if t.at > self.falling]
        return (
            max(below, key=lambda t: t.at, default=None),
            min(above, key=lambda t: t.at, default=None),
        )

    def paying(self, property_: str, premium: float) -> Decision:
        """The decision of a client who pays so much a year for a property."""
        premiums = {**self.premiums, property_: premium}
        return replace(self, premiums=premiums, matters=self.counts, kept={})

    def principles(self, properties: Iterable[str]) -> Iterator[Principle]:
        """What each property costs that some options have and others lack, solved with leaving
        decided anew: who values a property does not leave it."""
        solved: dict[tuple[frozenset[str], float], Principle] = {}
        for name in properties:
            having = frozenset(c.name for c in self.competing if name in c.has)
            if not having or len(having) == len(self.competing):
                continue
            # Properties that come together cost the same.
            key = having, self.premiums.get(name, 0.0)
            if key not in solved:
                solved[key] = self._principle(name, having)
            yield replace(solved[key], property=name)

    def _principle(self, name: str, having: frozenset[str]) -> Principle:
        free = self.paying(name, 0.0).means
        with_it = next(option for option in free if option in having)
        without = next(option for option in free if option not in having)
        low = 0.0
        high = 2 * (max(free.values()) - min(free.values())) / self.terms.annuity() + self.month
        premium = None
        if next(iter(free)) in having:  # it is had for nothing: so much dearer is the best without
            premium = (free[with_it] - free[without]) / self.terms.annuity()
        elif self.paying(name, high).recommended in having:
            for _ in range(STEPS):
                middle = (low + high) / 2
                then = self.paying(name, middle).recommended
                if then in having:
                    high = middle
                    with_it = str(then)
                else:
                    low = middle
            premium = high
        return Principle(property=name, with_it=with_it, without=without, premium=premium)

    def saving(self, listed: Iterable[float] = ()) -> Saving | None:
        """What the choice saves against today, split; None where nothing runs today, or no price is
        known of it.

        listed: what models at today's place would cost in all that nobody has measured, where the
        choice is elsewhere and has a test to pass itself. [money]
        """
        today = self.today
        if self.choice is None or today is None or not today.burden.costs:
            return None
        is_there = self.choice.place == today.place
        sums = [self.means[c.name] for c in self.competing if c.place == today.place]
        sums += () if is_there else listed
        at_place = min(sums, default=self.mean(today.name))
        alike = [c for c in self.competing if c.place == self.choice.place]
        typed = max(self.means[c.name] for c in alike if c.models == self.choice.models)
        best = self.means[self.choice.name]
        model = self.mean(today.name) - at_place
        order = 0.0 if is_there else typed - best
        whole = self.mean(today.name) - best
        bills = [self.weighted_bill(c) for c in (today, self.choice)]
        return Saving(
            model=model, order=order, place=whole - model - order, first_year=bills[0] - bills[1]
        )

    def weighted_bill(self, c: Candidate) -> float:
        """What an option costs in the first full year after it serves, in the mean. [money]"""
        year = min(1, self.terms.years - 1)
        costs = c.burden.costs
        paid = (w * costs[future].yearly[:, year].mean() for future, w in self.weights.items())
        return float(sum(paid))

    @cached_property
    def fallback(self) -> Fallback | None:
        """What is first if the gravest limit that is open of the choice strikes it, and all others
        of which it is open; None where none is."""
        if self.choice is None or not self.choice.uncleared:
            return None
        point = self.choice.uncleared[0].point
        kept = tuple(c for c in self.candidates if all(d.point != point for d in c.uncleared))
        then = replace(self, candidates=kept, matters=self.counts)
        best = then.recommended
        return Fallback(point=point, option=best, in_all=then.means.get(best or ""))
