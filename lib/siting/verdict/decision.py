"""What to do, and how sure we are.

Options that fail a hard constraint are ruled out, with the reason, and stay visible. The others
are ranked (`ranking`), and the one with the highest mean score is recommended: what runs today has
no advantage but that it needs no move. A hard constraint that is not shown to hold, or a model that
is not shown to be good enough, makes an option *not cleared*: it may lead, and the report says
first what clears it.

What would change the answer is found by changing the scenario and deciding again
(`verdict.variants`); nothing here looks beyond the scenario as it stands.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from siting import quality
from siting.catalogue import Input, settings, source_of
from siting.draws import DRAWS, Floats
from siting.inputs.scenario import Scenario
from siting.quantity import Range
from siting.verdict import ranking
from siting.verdict.exclusion import POLICIES
from siting.verdict.ranking import Candidate, Criterion, Ranking, Weights

CLEAR = 0.6
"""Share of cases from which on the first option is clearly better."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """Options, criteria and weights, and the answer that follows from them."""

    candidates: tuple[Candidate, ...]
    baseline: str
    criteria: tuple[Criterion, ...]
    weights: Weights
    seed: int
    draws: int = DRAWS
    """Draws of weights and measures together."""
    usual: float | None = None
    """What such a service usually costs: what money is measured against. [client's currency]"""

    # --- the answer -------------------------------------------------------------------------------

    def candidate(self, name: str) -> Candidate:
        """The candidate of that option name."""
        return next(c for c in self.candidates if c.name == name)

    @property
    def competing(self) -> tuple[Candidate, ...]:
        """Options that no hard constraint strikes."""
        return tuple(c for c in self.candidates if not c.struck)

    @cached_property
    def ranking(self) -> Ranking | None:
        """Over all options that compete; None when every option is struck."""
        if not self.competing:
            return None
        return ranking.rank(
            self.competing,
            self.criteria,
            self.weights,
            draws=self.draws,
            seed=self.seed,
        )

    @property
    def recommended(self) -> str | None:
        """The option with the highest mean score; None when every option is struck."""
        return self.ranking.best if self.ranking else None

    @property
    def choice(self) -> Candidate | None:
        """The same, as a candidate."""
        return self.candidate(self.ranking.best) if self.ranking else None

    @property
    def likely(self) -> float | None:
        """Median of its cost; None where it has none. [client's currency]"""
        return self.choice.cost.central if self.choice and self.choice.cost else None

    @property
    def costs(self) -> Floats:
        """Cost of all options that compete and have one. [option, draw] [client's currency]"""
        return np.array([c.cost.draws for c in self.competing if c.cost is not None])

    @property
    def stays(self) -> bool:
        """True when the answer is to stay where the client is."""
        return self.recommended == self.baseline

    @property
    def cleared(self) -> bool:
        """Whether nothing that is demanded of the recommended option is still to be shown."""
        return self.choice is not None and not self.choice.uncleared

    # --- how sure ---------------------------------------------------------------------------------

    @property
    def share(self) -> float:
        """Share of draws in which no other option is better than the recommended one by more than
        matters; 0 without one."""
        if self.ranking is None:
            return 0.0
        return self.ranking.holds([self.ranking.best], ranking.matters_points())

    @property
    def is_open(self) -> bool:
        """Whether no option is clearly better: another is in more than two cases of five."""
        return self.share < CLEAR


# --- a policy with a price ------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class PricedPolicy:
    """A policy that the client keeps up to a price, and what keeping it comes to."""

    line: str
    at_most: float
    """What the client pays more for it at most. [share]"""
    asked: Decision
    """Where it is asked."""
    unasked: Decision
    """Where it is not."""

    @property
    def more(self) -> float | None:
        """What keeping it costs more, negative where less; None where a cost is missing. [share]"""
        if not self.asked.likely or not self.unasked.likely:
            return None
        return self.asked.likely / self.unasked.likely - 1

    @property
    def holds(self) -> bool:
        """Whether it is kept: where the first option keeps it anyway, or costs no more than it
        may. What cannot be priced is not kept."""
        keeps = self.asked.recommended
        if keeps is None or keeps == self.unasked.recommended:
            return keeps is not None
        return self.more is not None and self.more <= self.at_most


# --- how dear it may be offered -------------------------------------------------------------------

FARTHEST = 8.0
"""So many times its cost no offer is looked at."""
CLOSE = 1.002
"""Ratio of the ends between which a limit lies."""


@dataclass(frozen=True, kw_only=True)
class CostLimit:
    """A likely cost of the recommended option from which on another is first."""

    at: float
    """Median present cost. [client's currency]"""
    first: str
    """The option that is first just beyond it."""


def cost_limit(found: Decision) -> CostLimit | None:
    """How dear the recommended option may be offered: its likely cost at which another option
    comes first, every case of its cost dearer in the same proportion and all else the same. None
    where none does up to FARTHEST times its cost, or its cost is not known."""
    name = found.recommended
    if name is None or not found.likely or found.likely < 0:
        return None
    low = 1.0
    high = FARTHEST
    beyond = _dearer(found, name, high).recommended
    if beyond is None or beyond == name:
        return None
    while high / low > CLOSE:
        middle = math.sqrt(low * high)
        then = _dearer(found, name, middle).recommended
        if then == name:
            low = middle
        else:
            high = middle
            beyond = then or beyond
    return CostLimit(at=found.likely * low, first=beyond)


def _dearer(found: Decision, name: str, factor: float) -> Decision:
    """The decision, were an option dearer by a factor."""

    def at(c: Candidate) -> Candidate:
        measured = c.measures.get("cost_ratio")
        if c.name != name or c.cost is None or not isinstance(measured, ranking.Sampled):
            return c
        measures = {**c.measures, "cost_ratio": measured.scaled(factor)}
        return replace(c, measures=measures, cost=c.cost.scaled(factor))

    return replace(found, candidates=tuple(map(at, found.candidates)))


# --- what a reader must know of it ----------------------------------------------------------------


def notes(
    scenario: Scenario, parity: quality.Parities, options: Sequence[Candidate]
) -> Iterator[str]:
    """What a reader must know about the comparison itself."""
    yield from parity.warnings
    for lost in scenario.suppose.gone:
        yield f"it is supposed that {lost} can no longer be had"
    for model, heir in scenario.suppose.follows.items():
        yield f"it is supposed that {quality.spoken(heir)} follows {quality.spoken(model)}"
    for event in scenario.suppose.law:
        yield f"it is supposed that this happens: {event.replace('_', ' ')}"
    for base in (c for c in options if c.name == scenario.finance.baseline):
        if base.cost is None:
            yield f"{base.label}, which runs today, could not be priced"
        if base.struck:
            yield f"{base.label}, which runs today, fails a hard constraint: {base.struck[0]}"


ROOM = {"kw": "kW", "racks": "racks", "servers": "servers"}
"""Limits of a room, with their units."""


def limits(scenario: Scenario) -> Iterator[Input]:
    """Limits that the client sets: of its budget, its policies and its rooms, with their origin."""
    decision = scenario.decision
    said: list[tuple[str, str, float | None, str]] = []
    kept = "" if "budget" in decision.hard_constraints else ", not a hard condition"
    money = scenario.client.currency
    budget = decision.budget_per_year
    said.append((f"budget of a year{kept}", "decision.budget_per_year", budget, money))
    for line, share in scenario.rules.policies_up_to.items():
        name = f"what it may cost more {POLICIES[line]}"
        said.append((name, f"rules.policies_up_to.{line}", share, "share"))
    for key, option in scenario.options.items():
        for field, unit in ROOM.items() if option.room else ():
            name = f"room of {option.label}, at most"
            path = f"options.{key}.room.{field}"
            said.append((name, path, getattr(option.room, field), unit))
    for name, path, value, unit in said:
        if value is not None:
            yield Input(name=name, value=Range.exact(value, unit), source=scenario.source(path))


def inputs(scenario: Scenario, known: Sequence[Criterion]) -> Iterator[Input]:
    """Weights, the client's or ours, and the numbers behind the measures, with their origin."""
    own = scenario.decision.weights
    for c in known:
        value = replace(own.get(c.criterion, c.weight), unit="points")
        is_own = c.criterion in own
        source = scenario.source(f"decision.weights.{c.criterion}") if is_own else source_of(c)
        yield Input(name=f"weight of {c.label.lower()}", value=value, source=source)
    yield from limits(scenario)
    for s in settings("decision_settings").values():
        yield Input(name=s.meaning.split(";")[0], value=s.range, source=source_of(s))
