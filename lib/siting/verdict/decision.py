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
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np

from siting import quality
from siting.catalogue import Input, settings, source_of
from siting.cost.uncertainty import Uncertainty
from siting.draws import DRAWS
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.model import Method
from siting.memory import vram
from siting.quantity import Range
from siting.serving.capacity import OptionCapacity
from siting.verdict import knowledge, plan, ranking, resilience
from siting.verdict.exclusion import POLICIES
from siting.verdict.knowledge import Knowledge
from siting.verdict.plan import Facts, Step
from siting.verdict.ranking import Candidate, ConfidenceWord, Criterion, Ranking, Weights
from siting.verdict.resilience import SuccessorFit


@dataclass(frozen=True, kw_only=True)
class Case:
    """What a decision is taken on: options, criteria, weights, and how they are put together."""

    candidates: tuple[Candidate, ...]
    baseline: str
    criteria: tuple[Criterion, ...]
    weights: Weights
    method: Method = "additive"
    seed: int
    draws: int = DRAWS
    """Draws of weights and measures together."""
    usual: float | None = None
    """What such a service usually costs: what money is measured against. [client's currency]"""

    @property
    def competing(self) -> tuple[Candidate, ...]:
        """Options that no hard constraint strikes."""
        return tuple(c for c in self.candidates if not c.struck)


@dataclass(frozen=True)
class FirstMove:
    """What several options begin with, and how often one of them is right."""

    words: str
    options: tuple[str, ...]
    share: float
    """Share of draws in which no option that begins otherwise is better by more than matters."""


@dataclass(frozen=True, kw_only=True)
class Decision(Case):
    """The answer."""

    ranking: Ranking | None = None
    """Over all options that compete; None when every option is struck."""

    def candidate(self, name: str) -> Candidate:
        """The candidate of that option name."""
        return next(c for c in self.candidates if c.name == name)

    @property
    def recommended(self) -> str | None:
        """The option with the highest mean score; None when every option is struck."""
        return self.ranking.best if self.ranking else None

    @property
    def stays(self) -> bool:
        """True when the answer is to stay where the client is."""
        return self.recommended == self.baseline

    @property
    def cleared(self) -> bool:
        """Whether nothing that is demanded of the recommended option is still to be shown."""
        return self.ranking is not None and not self.candidate(self.ranking.best).uncleared

    @property
    def share(self) -> float:
        """Share of draws in which no other option is better than the recommended one by more than
        matters; 0 without one."""
        if self.ranking is None:
            return 0.0
        return self.ranking.holds([self.ranking.best], ranking.matters_points())

    @property
    def cost_share(self) -> float | None:
        """Share of draws in which no other option is cheaper than the recommended one by more than
        matters; None where a cost is missing."""
        if self.ranking is None:
            return None
        return self.ranking.near_cheapest(self.ranking.best, ranking.matters_cost())

    @property
    def word(self) -> ConfidenceWord:
        """How sure, in a word."""
        return ranking.confidence(self.share)

    @property
    def loss(self) -> float | None:
        """Mean loss of score against the best option of each draw, as money: what such points cost
        by the weight of cost. None without one, or where cost has no weight. [client's currency]"""
        each = self.point
        if self.ranking is None or each is None:
            return None
        return self.ranking.regret(self.ranking.best) * each

    @property
    def point(self) -> float | None:
        """What a point of score costs. [client's currency]"""
        for criterion in self.criteria:
            weight = self.weights[criterion.criterion].central
            if criterion.measure == "cost_ratio" and weight and self.usual:
                share = weight / sum(w.central for w in self.weights.values())
                return self.usual * abs(criterion.worst - criterion.best) / (100 * share)
        return None

    @property
    def leaving(self) -> float | None:
        """Share of draws in which the best option scores above the baseline; None if they are
        the same, or one of them is missing."""
        if self.ranking is None or self.stays or self.baseline not in self.ranking.names:
            return None
        return self.ranking.beats_share(self.ranking.best, self.baseline)

    @property
    def first_moves(self) -> tuple[FirstMove, ...]:
        """What options begin with, and how often that is right: the surest first."""
        if self.ranking is None:
            return ()
        alike: dict[str, list[str]] = {}
        for c in self.competing:
            alike.setdefault(c.begins or c.label, []).append(c.name)
        matters = ranking.matters_points()
        found = (FirstMove(w, tuple(n), self.ranking.holds(n, matters)) for w, n in alike.items())
        return tuple(sorted(found, key=lambda move: -move.share))


def decide(case: Case) -> Decision:
    """The decision from candidates alone: everything above it only prepares them."""
    known = Decision(**vars(case))
    if not case.competing:
        return known
    rules = ranking.RankingRules(
        criteria=case.criteria,
        weights=case.weights,
        method=case.method,
        draws=case.draws,
        seed=case.seed,
    )
    return replace(known, ranking=ranking.rank(case.competing, rules))


@dataclass(frozen=True, kw_only=True)
class PricedPolicy:
    """A policy that the client keeps up to a price, and what keeping it comes to."""

    line: str
    at_most: float
    """What the client pays more for it at most. [share]"""
    keeps: str | None
    """The first option where it is asked; None where all are ruled out."""
    cost: float | None
    """Its likely cost; None where that is not estimated. [client's currency]"""
    without: str | None
    """The first option where it is not asked."""
    cost_without: float | None
    """[client's currency]"""

    @property
    def more(self) -> float | None:
        """What keeping it costs more, negative where less; None where a cost is missing. [share]"""
        if not self.cost or not self.cost_without:
            return None
        return self.cost / self.cost_without - 1

    @property
    def holds(self) -> bool:
        """Whether it is kept: where the first option keeps it anyway, or costs no more than it
        may. What cannot be priced is not kept."""
        if self.keeps is None:
            return False
        return self.keeps == self.without or (self.more is not None and self.more <= self.at_most)


def priced_policy(line: str, at_most: float, asked: Decision, unasked: Decision) -> PricedPolicy:
    """What a policy comes to, from the decision where it is asked and the one where it is not."""
    return PricedPolicy(
        line=line,
        at_most=at_most,
        keeps=asked.recommended,
        cost=_likely(asked),
        without=unasked.recommended,
        cost_without=_likely(unasked),
    )


def _likely(found: Decision) -> float | None:
    """Likely cost of what is recommended. [client's currency]"""
    cost = found.candidate(found.recommended).cost if found.recommended else None
    return cost.central if cost else None


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
    cost = found.candidate(name).cost if name else None
    if name is None or cost is None or cost.central <= 0:
        return None

    def first(factor: float) -> str | None:
        return _decided_at(found, name, factor).recommended

    low = 1.0
    high = FARTHEST
    beyond = first(high)
    if beyond == name or beyond is None:
        return None
    while high / low > CLOSE:
        middle = math.sqrt(low * high)
        then = first(middle)
        if then == name:
            low = middle
        else:
            high = middle
            beyond = then
    return CostLimit(at=cost.central * low, first=str(beyond))


FARTHEST = 8.0
"""So many times its cost no offer is looked at."""
CLOSE = 1.002
"""Ratio of the ends between which a limit lies."""


def _decided_at(found: Decision, name: str, factor: float) -> Decision:
    """The decision, were an option dearer by a factor."""

    def dearer(c: Candidate) -> Candidate:
        measured = c.measures.get("cost_ratio")
        if c.name != name or c.cost is None or not isinstance(measured, ranking.Sampled):
            return c
        measures = {**c.measures, "cost_ratio": measured.scaled(factor)}
        return replace(c, measures=measures, cost=c.cost.scaled(factor))

    case = {field.name: getattr(found, field.name) for field in fields(Case)}
    return decide(Case(**case | {"candidates": tuple(map(dearer, found.candidates))}))


# --- what to do about it --------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Advice:
    """What follows from a decision: what to measure, what to do, what to know."""

    perfect_information: float | None
    """Expected saving if nothing were uncertain; None with fewer than two options. [client's
    currency]"""
    knowledge: tuple[Knowledge, ...]
    """By worth, highest first."""
    plan: tuple[Step, ...]
    resilience: tuple[SuccessorFit, ...] = ()
    warnings: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()


def advise(found: Decision, facts: Facts, drivers: Sequence[knowledge.Driver]) -> Advice:
    """What knowledge is worth before deciding, and the steps of the plan."""
    costs = [c.cost.draws for c in found.competing if c.cost is not None]
    everything: float | None = None
    each: tuple[Knowledge, ...] = ()
    if len(costs) > 1:
        draws = np.stack(costs)
        everything = knowledge.value_of_perfect_information(draws)
        each = knowledge.worth_knowing(draws, drivers, facts.rates)
    steps: tuple[Step, ...] = ()
    if found.ranking is not None:
        steps = plan.plan(found.candidate(found.ranking.best), found.baseline, each, facts)
    return Advice(perfect_information=everything, knowledge=each, plan=steps)


def assess(
    found: Decision,
    scenario: Scenario,
    uncertainty: Uncertainty,
    facts: Facts,
    parity: quality.Parities,
    capacity: Mapping[str, OptionCapacity],
    memory: Mapping[str, Sequence[vram.Fit]],
) -> Advice:
    """All advice on a client's decision, from the results of the other chapters."""
    drivers = tuple(knowledge.drivers(uncertainty))
    return replace(
        advise(found, facts, drivers),
        resilience=tuple(resilience.fits(capacity, memory, scenario.client.report_date)),
        warnings=tuple(notes(scenario, parity, found.candidates)),
        inputs=tuple(inputs(scenario, found.criteria)),
    )


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


def limits(scenario: Scenario) -> Iterator[Input]:
    """Limits that the client sets: of its budget, its policies and its rooms, with their origin."""
    money = scenario.client.currency
    decision = scenario.decision
    if decision.budget_per_year is not None:
        kept = "budget" in decision.hard_constraints
        yield _limit(
            scenario,
            "budget of a year" if kept else "budget of a year, not a hard condition",
            "decision.budget_per_year",
            Range.exact(decision.budget_per_year, money),
        )
    for line, share in scenario.rules.policies_up_to.items():
        name = f"what it may cost more {POLICIES[line]}"
        yield _limit(scenario, name, f"rules.policies_up_to.{line}", Range.exact(share, "share"))
    for key, option in scenario.options.items():
        for field, unit in ROOM.items():
            most = getattr(option.room, field) if option.room else None
            if most is not None:
                name = f"room of {option.label}, at most"
                path = f"options.{key}.room.{field}"
                yield _limit(scenario, name, path, Range.exact(most, unit))


ROOM = {"kw": "kW", "racks": "racks", "servers": "servers"}
"""Limits of a room, with their units."""


def _limit(scenario: Scenario, name: str, path: str, value: Range) -> Input:
    return Input(name=name, value=value, source=scenario.source(path))


def inputs(scenario: Scenario, known: Sequence[Criterion]) -> Iterator[Input]:
    """Weights, the client's or ours, and the numbers behind the measures, with their origin."""
    for c in known:
        value = c.weight
        source = source_of(c)
        if c.criterion in scenario.decision.weights:
            value = scenario.decision.weights[c.criterion]
            source = scenario.source(f"decision.weights.{c.criterion}")
        name = f"weight of {c.label.lower()}"
        yield Input(name=name, value=replace(value, unit="points"), source=source)
    yield from limits(scenario)
    for s in settings("decision_settings").values():
        if s.setting == "indifferent_worth" and scenario.decision.method != "promethee":
            continue
        yield Input(name=s.meaning.split(";")[0], value=s.range, source=source_of(s))
