"""What to do, how sure we are, what it costs, and what would change the answer.

Options that fail a hard constraint are ruled out, with the reason, and stay visible. The others
are ranked (`ranking`), and the one with the highest mean score is recommended: what runs today has
no advantage but that it needs no move. A hard constraint that is not shown to hold, or a model that
is not shown to be good enough, makes an option *not cleared*: it may lead, and the report says
first what clears it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from siting import quality
from siting.catalogue import Input, settings, source_of
from siting.cost.tco import Comparison
from siting.cost.uncertainty import Uncertainty
from siting.inputs.scenario import Scenario
from siting.memory import vram
from siting.rules.sovereignty import Assessment as Sovereignty
from siting.serving.capacity import OptionCapacity
from siting.vendors.stability import Assessment as Stability
from siting.verdict import candidates as gather
from siting.verdict import plan, ranking, resilience, turns
from siting.verdict.plan import Facts, Knowledge, Step
from siting.verdict.ranking import Candidate, ConfidenceWord, Criterion, Ranking, Sampled, Weights
from siting.verdict.resilience import SuccessorFit

DRAWS = 20_000
"""Draws of weights and measures together."""


@dataclass(frozen=True)
class Case:
    """What a decision is taken on: options, criteria, weights, and what moves them."""

    candidates: tuple[Candidate, ...]
    baseline: str
    criteria: tuple[Criterion, ...]
    weights: Weights
    facts: Facts
    seed: int
    curve: turns.CostCurve | None = None
    """Cost of each option against volume."""
    drivers: tuple[turns.Driver, ...] = ()

    @property
    def competing(self) -> tuple[Candidate, ...]:
        """Options that no hard constraint strikes."""
        return tuple(c for c in self.candidates if not c.struck)


@dataclass(frozen=True)
class Decision(Case):
    """The answer, and everything that it rests on."""

    ranking: Ranking | None = None
    """Over all options that compete; None when every option is struck."""
    flips: tuple[turns.Flip, ...] = ()
    """Plausible ones first, then the nearest to today."""
    swings: tuple[turns.Swing, ...] = ()
    """What each input does to the lead of the recommended option, widest first."""
    perfect_information: float | None = None
    """Expected saving if nothing were uncertain. [client's currency]"""
    knowledge: tuple[Knowledge, ...] = ()
    """By worth, highest first."""
    plan: tuple[Step, ...] = ()
    futures: Mapping[str, Mapping[str, Sampled]] = field(default_factory=dict)
    """Present cost of each priced option by path of API prices: `list` and `same_capability`."""
    resilience: tuple[SuccessorFit, ...] = ()
    yard: float | None = None
    """Cost that money is measured against. [client's currency]"""
    warnings: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

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
    def share(self) -> float:
        """Share of draws that the recommended option wins; 0 without one."""
        return self.ranking.first(self.ranking.best) if self.ranking else 0.0

    @property
    def word(self) -> ConfidenceWord:
        """How sure: from the share of draws that the best option wins."""
        return ranking.confidence(self.share)

    @property
    def leaving(self) -> float | None:
        """Share of draws in which the best option scores above the baseline; None if they are
        the same, or one of them is missing."""
        if self.ranking is None or self.stays or self.baseline not in self.ranking.names:
            return None
        return self.ranking.beats_share(self.ranking.best, self.baseline)


def decide(case: Case) -> Decision:
    """The decision from candidates alone: everything above it only prepares them."""
    competing, known = case.competing, Decision(**vars(case))
    if not competing:
        return known
    ranked = ranking.rank(competing, case.criteria, case.weights, DRAWS, case.seed)
    lead = turns.Lead(competing, case.criteria, case.weights, ranked.best)
    flips = sorted(lead.flips(case.curve), key=lambda f: (not f.plausible, f.distance))
    swings = lead.swings(case.drivers)
    known = replace(known, ranking=ranked, flips=tuple(flips), swings=swings)
    costs = [c.cost.draws for c in competing if c.cost is not None]
    if len(costs) > 1:
        draws = np.stack(costs)
        everything = turns.value_of_perfect_information(draws)
        each = plan.worth_knowing(draws, case.drivers, case.facts.rates)
        known = replace(known, perfect_information=everything, knowledge=each)
    target = known.candidate(ranked.best)
    return replace(known, plan=plan.plan(target, case.baseline, known.knowledge, case.facts))


def assess(
    scenario: Scenario,
    capacity: Mapping[str, OptionCapacity],
    cost: Comparison,
    uncertainty: Uncertainty,
    stability: Stability,
    sovereignty: Sovereignty,
    parity: quality.Assessment,
    memory: Mapping[str, Sequence[vram.Fit]],
) -> Decision:
    """The decision on a client's options, from the results of the other chapters.

    Raises ValueError for a weight that names no criterion.
    """
    known, paths = ranking.criteria(), uncertainty.by_path
    draws = gather.cost_draws(paths, cost.price_path, scenario.decision.falling_prices)
    chapters = gather.Chapters(scenario, capacity, draws, sovereignty, parity)
    options, yard = gather.candidates(chapters, cost, stability)
    weights = ranking.weights_of(scenario.decision.weights, known)
    facts = plan.facts_of(scenario, sovereignty, parity, stability)
    drivers = tuple(gather.cost_drivers(cost, uncertainty.scores, draws, yard)) if yard else ()
    case = options, scenario.finance.baseline, known, weights, facts, scenario.seed
    return replace(
        decide(Case(*case, gather.volume_curve(cost), drivers)),
        futures={path: gather.cost_draws(paths, path) for path in sorted(paths)},
        resilience=tuple(resilience.fits(capacity, memory, scenario.client.report_date)),
        yard=yard,
        warnings=tuple(notes(scenario, parity, options)),
        inputs=tuple(inputs(scenario, known)),
    )


def notes(
    scenario: Scenario, parity: quality.Assessment, options: Sequence[Candidate]
) -> Iterator[str]:
    """What a reader must know about the comparison itself."""
    yield from parity.warnings
    for base in (c for c in options if c.name == scenario.finance.baseline):
        if base.cost is None:
            yield f"{base.label}, which runs today, could not be priced"
        if base.struck:
            yield f"{base.label}, which runs today, fails a hard constraint: {base.struck[0]}"


def inputs(scenario: Scenario, known: Sequence[Criterion]) -> Iterator[Input]:
    """Weights, the client's or ours, and the numbers behind the measures, with their origin."""
    for c in known:
        value, source = c.weight, source_of(c)
        if c.criterion in scenario.decision.weights:
            value = scenario.decision.weights[c.criterion]
            source = scenario.source(f"decision.weights.{c.criterion}")
        name = f"weight of {c.label.lower()}"
        yield Input(name=name, value=replace(value, unit="points"), source=source)
    for s in settings("decision_settings").values():
        yield Input(name=s.meaning.split(";")[0], value=s.range, source=source_of(s))
