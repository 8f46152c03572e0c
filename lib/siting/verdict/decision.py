"""What to do, how sure we are, what it costs, and what would change the answer.

Options that fail a hard constraint are ruled out, with the reason, and stay visible. The others
are ranked (`ranking`), and the one with the highest mean score is recommended: what runs today has
no advantage but that it needs no move. A hard constraint that is not shown to hold, or a model that
is not shown to be good enough, makes an option *not cleared*: it may lead, and the report says
first what clears it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from siting import quality
from siting.catalogue import Input, settings, source_of
from siting.cost.tco import Comparison
from siting.cost.uncertainty import Uncertainty, described, drivers
from siting.inputs.scenario import Scenario
from siting.quantity import Range
from siting.rules.sovereignty import Assessment as Sovereignty
from siting.serving.capacity import OptionCapacity
from siting.vendors.stability import Assessment as Stability
from siting.verdict import candidates as gather
from siting.verdict.plan import Facts, Knowledge, Step, facts_of, plan, worth_knowing
from siting.verdict.ranking import (
    Candidate,
    ConfidenceWord,
    Criterion,
    Floats,
    Ranking,
    Sampled,
    confidence,
    criteria,
    rank,
    weights_of,
)
from siting.verdict.resilience import Fit
from siting.verdict.turns import (
    CostCurve,
    Driver,
    Flip,
    Lead,
    Swing,
    value_of_perfect_information,
)

DRAWS = 20_000
"""Draws of weights and measures together."""


@dataclass(frozen=True)
class Future:
    """One path of API prices, with all criteria."""

    costs: Mapping[str, Sampled]
    """Present cost of each priced option."""
    ranking: Ranking | None


@dataclass(frozen=True)
class Case:
    """What a decision is taken on: options, criteria, weights, and what moves them."""

    candidates: tuple[Candidate, ...]
    baseline: str
    criteria: tuple[Criterion, ...]
    weights: Mapping[str, Range]
    facts: Facts
    seed: int
    curve: CostCurve | None = None
    """Cost of each option against volume."""
    drivers: tuple[Driver, ...] = ()
    uncertain: Mapping[str, Floats] = field(default_factory=dict)
    """Draws of the drivers of cost, aligned with the cost draws of the candidates."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """The drivers in words."""

    @property
    def competing(self) -> tuple[Candidate, ...]:
        """Options that no hard constraint strikes."""
        return tuple(c for c in self.candidates if not c.struck)


@dataclass(frozen=True, kw_only=True)
class Decision(Case):
    """The answer, and everything that it rests on."""

    word: ConfidenceWord
    """How sure: from the share of draws that the best option wins."""
    ranking: Ranking | None = None
    """Over all options that compete; None when every option is struck."""
    recommended: str | None = None
    flips: tuple[Flip, ...] = ()
    swings: tuple[Swing, ...] = ()
    """What each input does to the lead of the recommended option, widest first."""
    futures: Mapping[str, Future] = field(default_factory=dict)
    """By path of API prices: `list` and `same_capability`."""
    perfect_information: float | None = None
    """Expected saving if nothing were uncertain. [client's currency]"""
    knowledge: tuple[Knowledge, ...] = ()
    """By worth, highest first."""
    plan: tuple[Step, ...] = ()
    resilience: tuple[Fit, ...] = ()
    yard: float | None = None
    """Cost that money is measured against. [client's currency]"""
    warnings: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    def candidate(self, name: str) -> Candidate:
        """The candidate of that option name."""
        return next(c for c in self.candidates if c.name == name)

    @property
    def struck(self) -> tuple[Candidate, ...]:
        """Options that fail a hard constraint."""
        return tuple(c for c in self.candidates if c.struck)

    @property
    def stays(self) -> bool:
        """True when the answer is to stay where the client is."""
        return self.recommended == self.baseline

    @property
    def share(self) -> float:
        """Share of draws that the recommended option wins; 0 without one."""
        if self.ranking is None or self.recommended is None:
            return 0.0
        return self.ranking.first(self.recommended)

    @property
    def leaving(self) -> float | None:
        """Share of draws in which the best option scores above the baseline; None if they are
        the same, or one of them is missing."""
        ranking = self.ranking
        if ranking is None or self.baseline not in ranking.names or ranking.best == self.baseline:
            return None
        return ranking.beats_share(ranking.best, self.baseline)

    @property
    def nearest_flips(self) -> tuple[Flip, ...]:
        """One flip a kind and subject, plausible ones first, then the nearest to today."""
        return tuple(sorted(self.flips, key=lambda f: (not f.plausible, _distance(f))))


def _distance(flip: Flip) -> float:
    """How far a threshold is from today, as a factor (for weights: in share of all weight)."""
    if flip.kind == "weight":
        return abs(flip.threshold - flip.today) * 4
    return abs(float(np.log(flip.threshold / flip.today)))


def decide(case: Case) -> Decision:
    """The decision from candidates alone: everything above it only prepares them."""
    competing, nothing = case.competing, Decision(**vars(case), word=confidence(0.0))
    if not competing:
        return nothing
    ranking = rank(competing, case.criteria, case.weights, DRAWS, case.seed)
    recommended = ranking.best
    lead = Lead(competing, case.criteria, case.weights, recommended)
    costs = {c.name: c.cost.draws for c in competing if c.cost is not None}
    knowledge = worth_knowing(costs, case.uncertain, case.labels, case.facts.rates)
    return replace(
        nothing,
        word=confidence(ranking.first(recommended)),
        ranking=ranking,
        recommended=recommended,
        flips=lead.flips(case.curve),
        swings=lead.swings(case.drivers),
        perfect_information=value_of_perfect_information(costs) if len(costs) > 1 else None,
        knowledge=knowledge,
        plan=plan(nothing.candidate(recommended), case.baseline, knowledge, case.facts),
    )


def assess(
    scenario: Scenario,
    capacity: Mapping[str, OptionCapacity],
    cost: Comparison,
    uncertainty: Uncertainty,
    stability: Stability,
    sovereignty: Sovereignty,
    parity: quality.Assessment,
    memory: Mapping[str, Any] | None = None,
) -> Decision:
    """The decision on a client's options, from the results of the other chapters.

    memory: what vram.assess returned; with it, the room for the next model generation is told.
    Raises ValueError for a weight that names no criterion.
    """
    draws = gather.cost_draws(
        uncertainty.by_path, cost.price_path, scenario.decision.falling_prices
    )
    chapters = gather.Chapters(scenario, capacity, draws, sovereignty, parity)
    options = gather.candidates(chapters, cost, stability)
    yard = gather.yardstick({c.name: c.cost for c in options if c.cost and not c.struck} or draws)
    case = Case(
        options,
        scenario.finance.baseline,
        criteria(),
        weights_of(scenario.decision.weights, criteria()),
        facts_of(scenario, sovereignty, parity),
        scenario.seed,
        gather.volume_curve(cost),
        gather.cost_drivers(cost, yard) if yard else (),
        uncertainty.scores,
        {name: described(cost.plan, name)[0] for name in drivers(cost.plan)},
    )
    return replace(
        decide(case),
        yard=yard,
        futures={
            path: _future(case, gather.cost_draws(uncertainty.by_path, path), yard)
            for path in sorted(uncertainty.by_path)
        },
        resilience=gather.fits(capacity, memory or {}, scenario.client.report_date),
        warnings=notes(scenario, parity, options),
        inputs=inputs(scenario, case.criteria),
    )


def _future(case: Case, costs: Mapping[str, Sampled], yard: float | None) -> Future:
    """The options that compete in the case, ranked with the costs of one path of API prices."""
    moved = [
        replace(c, measures={**c.measures, "cost_ratio": costs[c.name].scaled(1 / yard)})
        for c in case.competing
        if yard and c.name in costs
    ]
    ranking = rank(moved, case.criteria, case.weights, DRAWS, case.seed) if moved else None
    return Future(costs, ranking)


def notes(
    scenario: Scenario, parity: quality.Assessment, options: Sequence[Candidate]
) -> tuple[str, ...]:
    """What a reader must know about the comparison itself."""
    found = list(parity.warnings)
    if parity.without_floor:
        names = ", ".join(parity.without_floor)
        found.append(f"no quality floor is stated for {names}: any model counts as good enough")
    base = next((c for c in options if c.name == scenario.finance.baseline), None)
    if base is not None and base.cost is None:
        found.append(f"{base.label}, which runs today, could not be priced")
    if base is not None and base.struck:
        found.append(f"{base.label}, which runs today, fails a hard constraint: {base.struck[0]}")
    return tuple(found)


def inputs(scenario: Scenario, known: Sequence[Criterion]) -> tuple[Input, ...]:
    """Weights, the client's or ours, and the numbers behind the measures, with their origin."""
    stated = scenario.decision.weights
    weights = [
        Input(
            name=f"weight of {c.label.lower()}",
            value=replace(stated.get(c.criterion, c.weight), unit="points"),
            source=scenario.source(f"decision.weights.{c.criterion}")
            if c.criterion in stated
            else source_of(c),
        )
        for c in known
    ]
    ours = settings("decision_settings").values()
    measures = [
        Input(name=s.meaning.split(";")[0], value=s.range, source=source_of(s)) for s in ours
    ]
    return (*weights, *measures)
