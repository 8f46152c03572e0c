"""What to do, how sure we are, what it costs, and what would change the answer.

Options that fail a hard constraint are struck, with the reason, and stay visible. The others are
ranked (`ranking`). A switch is recommended only when the new model's quality is shown; an
option that would win but is not yet proven is named as preferred, with the test that decides.
Staying where one is needs no proof. When no option is clearly better, the advice is to stay and
to measure what decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from siting import quality
from siting.catalogue import Fact, Input, Source, source_of, table
from siting.cost.tco import Comparison
from siting.cost.uncertainty import Uncertainty, described, drivers
from siting.inputs.scenario import Scenario
from siting.quantity import Range
from siting.rules.sovereignty import Assessment as Sovereignty
from siting.serving.capacity import OptionCapacity
from siting.vendors.stability import Assessment as Stability
from siting.verdict import candidates as gather
from siting.verdict.ranking import (
    Candidate,
    ConfidenceWord,
    CostCurve,
    Criterion,
    Flip,
    Floats,
    Ranking,
    Weight,
    central_values,
    confidence,
    criteria,
    load_flips,
    price_flips,
    rank,
    value_of_knowing,
    value_of_perfect_information,
    weight_flips,
    weights_of,
)
from siting.verdict.resilience import Fit

DRAWS = 20_000
"""Draws of weights and measures together."""

FIRST_HORIZON_DAYS = 30
"""The plan's first horizon."""

MOST_REVIEWS = 3
"""Open findings named in one step of the plan; the sovereignty chapter lists them all."""

OPEN_WORD, LEANING = "open", "leaning"
"""Confidence words below `likely`: too little to leave for."""


class Experiment(Fact):
    """A way to measure an uncertain input of the cost comparison, and what it costs."""

    driver: str
    """Start of the name of the driver of cost that it measures."""
    label: str
    """What is then known, in words."""
    action: str
    days: float
    cost_low: float
    cost_central: float
    cost_high: float
    currency: str


class PlanStep(Fact):
    """One step of the plan: when it is due, for which options, under which condition."""

    day: int
    kinds: str
    """Option kinds, separated by `;`, or `*`."""
    when: str
    """`always`, or a condition of `conditions`."""
    owner: str
    step: str
    """Sentence; {option}, {model}, {reference}, {vendor}, {reviews}, {experiment} are filled in."""
    why: str


@dataclass(frozen=True)
class Step:
    """A step of this client's plan."""

    day: int
    owner: str
    text: str
    why: str
    source: Source


@dataclass(frozen=True)
class Knowledge:
    """What it is worth to know one input before deciding."""

    label: str
    worth: float
    """Expected saving if the input were known. [client's currency]"""
    experiment: Experiment | None


@dataclass(frozen=True)
class Facts:
    """What the plan's sentences are filled with, beyond the options themselves."""

    models: Mapping[str, str]
    """Option to the model that it runs, in words."""
    references: Mapping[str, str]
    """Option to the model that it is compared with, in words."""
    vendors: Mapping[str, str]
    reviews: Mapping[str, tuple[str, ...]]
    """Option to its open sovereignty findings, in words."""
    critical: bool = False


@dataclass(frozen=True)
class Decision:
    """The answer, and everything that it rests on."""

    baseline: str
    candidates: tuple[Candidate, ...]
    criteria: tuple[Criterion, ...]
    weights: Mapping[str, Weight]
    word: ConfidenceWord
    """How sure: from the share of draws that the best option wins."""
    ranking: Ranking | None = None
    """Over all options that compete; None when every option is struck."""
    recommended: str | None = None
    preferred: str | None = None
    """The option that would win if its model's quality were shown; None if it is not another."""
    flips: tuple[Flip, ...] = ()
    perfect_information: float | None = None
    """Expected saving if nothing were uncertain. [client's currency]"""
    knowledge: tuple[Knowledge, ...] = ()
    """By worth, highest first."""
    plan: tuple[Step, ...] = ()
    resilience: tuple[Fit, ...] = ()
    warnings: tuple[str, ...] = ()
    inputs: tuple[Input, ...] = ()

    def candidate(self, name: str) -> Candidate:
        """The candidate of that option name."""
        return next(c for c in self.candidates if c.name == name)

    @property
    def competing(self) -> tuple[Candidate, ...]:
        """Options that no hard constraint strikes."""
        return tuple(c for c in self.candidates if not c.struck)

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
        if ranking is None or self.baseline not in ranking.names:
            return None
        best = ranking.best
        return None if best == self.baseline else ranking.beats_share(best, self.baseline)

    @property
    def leader(self) -> str | None:
        """The option that leads at central weights and measures: where flip points start."""
        ranking = self.ranking
        if ranking is None:
            return None
        return max(ranking.names, key=lambda n: ranking.score[n].central)

    @property
    def nearest_flips(self) -> tuple[Flip, ...]:
        """One flip a kind and subject, plausible ones first, then the nearest to today."""
        return tuple(sorted(self.flips, key=lambda f: (not f.plausible, _distance(f))))


def _distance(flip: Flip) -> float:
    """How far a threshold is from today, as a factor (for weights: in share of all weight)."""
    if flip.kind == "weight":
        return abs(flip.threshold - flip.today) * 4
    return abs(float(np.log(flip.threshold / flip.today)))


def choose(
    ranking: Ranking, candidates: Sequence[Candidate], baseline: str
) -> tuple[str, str | None, ConfidenceWord]:
    """(recommended, preferred, confidence word) from a ranking.

    The option with the least regret is recommended if its quality is proven, if it is the
    baseline, or if nothing else is proven. Otherwise it is preferred until it passes its test,
    and the client stays where it is; where a constraint forbids that, the proven option with the
    least regret is recommended. When the best option wins fewer than half of the draws, the
    client stays unless that option is likely better than staying.
    """
    best = ranking.best
    word = confidence(ranking.first(best))
    proven = [c.name for c in candidates if not c.unproven or c.name == baseline]
    waits = best not in proven and bool(proven)
    preferred = best if waits else None
    if baseline in ranking.names and best != baseline:
        unclear = confidence(ranking.beats_share(best, baseline)).word in (OPEN_WORD, LEANING)
        if waits or (word.word == OPEN_WORD and unclear):
            return baseline, preferred, word
    if not waits:
        return best, None, word
    return min(proven, key=lambda n: ranking.regret[n].points), preferred, word


def decide(
    candidates: Sequence[Candidate],
    baseline: str,
    criteria: Sequence[Criterion],
    weights: Mapping[str, Weight],
    facts: Facts,
    seed: int,
    curves: Sequence[CostCurve] = (),
    uncertain: Mapping[str, Floats] | None = None,
    labels: Mapping[str, str] | None = None,
    resilience: Sequence[Fit] = (),
    warnings: Sequence[str] = (),
    inputs: Sequence[Input] = (),
) -> Decision:
    """The decision from candidates alone: everything above it only prepares them.

    curves: cost of each option against load; uncertain: draws of the drivers of cost, aligned
    with the cost draws of the candidates; labels: the drivers in words.
    """
    competing = [c for c in candidates if not c.struck]
    if not competing:
        return Decision(
            baseline,
            tuple(candidates),
            tuple(criteria),
            dict(weights),
            confidence(0.0),
            resilience=tuple(resilience),
            warnings=tuple(warnings),
            inputs=tuple(inputs),
        )
    ranking = rank(competing, criteria, weights, DRAWS, seed)
    recommended, preferred, word = choose(ranking, competing, baseline)
    costs = {c.name: c.cost.draws for c in competing if c.cost is not None}
    knowledge = worth_knowing(costs, uncertain or {}, labels or {})
    return Decision(
        baseline,
        tuple(candidates),
        tuple(criteria),
        dict(weights),
        word,
        ranking,
        recommended,
        preferred,
        all_flips(competing, criteria, weights, curves, baseline),
        value_of_perfect_information(costs) if len(costs) > 1 else None,
        knowledge,
        plan(candidates, recommended, preferred, baseline, knowledge, facts),
        tuple(resilience),
        tuple(warnings),
        tuple(inputs),
    )


def all_flips(
    competing: Sequence[Candidate],
    criteria: Sequence[Criterion],
    weights: Mapping[str, Weight],
    curves: Sequence[CostCurve],
    baseline: str,
) -> tuple[Flip, ...]:
    """Weights, prices and loads at which another option takes the lead."""
    if len(competing) < 2:
        return ()
    names = [c.name for c in competing]
    values = central_values(competing, criteria)
    loads = [load_flips(competing, criteria, weights, c, baseline) for c in curves]
    return (
        *weight_flips(names, values, criteria, weights),
        *price_flips(competing, criteria, weights, baseline),
        *(flip for found in loads for flip in found),
    )


def worth_knowing(
    costs: Mapping[str, Floats], uncertain: Mapping[str, Floats], labels: Mapping[str, str]
) -> tuple[Knowledge, ...]:
    """What each uncertain driver is worth knowing, highest first; only those worth something."""
    if len(costs) < 2:
        return ()
    experiments = table("experiments", Experiment)
    found = []
    for name, draws in uncertain.items():
        test = next((e for e in experiments if name.startswith(e.driver)), None)
        label = test.label if test else labels.get(name, name).split(":")[0]
        found.append(Knowledge(label, value_of_knowing(costs, draws), test))
    return tuple(sorted((k for k in found if k.worth > 0), key=lambda k: -k.worth))


def conditions(
    chosen: str,
    preferred: str | None,
    baseline: str,
    knowledge: Sequence[Knowledge],
    facts: Facts,
    unproven: bool,
) -> set[str]:
    """Which `when` words of the plan hold for this client."""
    holds = {
        "always": True,
        "stay": chosen == baseline,
        "switch": chosen != baseline or preferred is not None,
        "unproven": unproven or preferred is not None,
        "measure": any(map(_soon, knowledge)),
        "reviews": bool(facts.reviews.get(preferred or chosen)),
        "critical": facts.critical,
    }
    return {word for word, true in holds.items() if true}


def _soon(knowledge: Knowledge) -> bool:
    """Whether there is an experiment that fits into the first horizon of the plan."""
    return knowledge.experiment is not None and knowledge.experiment.days <= FIRST_HORIZON_DAYS


def plan(
    candidates: Sequence[Candidate],
    chosen: str,
    preferred: str | None,
    baseline: str,
    knowledge: Sequence[Knowledge],
    facts: Facts,
) -> tuple[Step, ...]:
    """The steps of facts/plan_steps.csv that apply, in order of their day, with names filled in.

    Where a preferred option waits for proof, the steps are those of the preferred option.
    """
    by_name = {c.name: c for c in candidates}
    target = by_name[preferred or chosen]
    holds = conditions(chosen, preferred, baseline, knowledge, facts, bool(target.unproven))
    first = next((k.experiment.action for k in knowledge if k.experiment and _soon(k)), "")
    words = {
        "option": target.label,
        "model": facts.models.get(target.name, "the model"),
        "reference": facts.references.get(target.name, "the model in use"),
        "vendor": facts.vendors.get(baseline, "the vendor"),
        "reviews": "; ".join(facts.reviews.get(target.name, ())),
        "experiment": first,
    }
    return tuple(
        Step(s.day, s.owner, s.step.format(**words), s.why, source_of(s))
        for s in sorted(table("plan_steps", PlanStep), key=lambda s: s.day)
        if s.when in holds and ("*" in s.kinds or target.kind in s.kinds.split(";"))
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
    draws = gather.cost_draws(cost, uncertainty.simulation)
    options = gather.candidates(scenario, capacity, cost, draws, stability, sovereignty, parity)
    known = criteria()
    chosen = {n: Weight(w.low, w.central, w.high) for n, w in scenario.decision.weights.items()}
    labels = {name: described(cost.plan, name)[0] for name in drivers(cost.plan)}
    curve = gather.volume_curve(cost)
    found = decide(
        options,
        scenario.finance.baseline,
        known,
        weights_of(chosen, known),
        plan_facts(scenario, sovereignty, parity),
        scenario.seed,
        (curve,) if curve else (),
        uncertainty.simulation.scores,
        labels,
        gather.fits(capacity, memory or {}, scenario.client.report_date),
        notes(scenario, parity, options),
        inputs(scenario, known),
    )
    return replace(found, flips=(*found.flips, *gather.utilisation_flips(cost)))


def plan_facts(scenario: Scenario, sovereignty: Sovereignty, parity: quality.Assessment) -> Facts:
    """Names that the plan's sentences need."""

    def reviews(name: str) -> tuple[str, ...]:
        found = sovereignty.options[name].verdicts.values()
        return tuple(v.rule.title for v in found if v.verdict == "review")[:MOST_REVIEWS]

    options = scenario.options
    tested = {n: [p for p in parity.of(n) if p.verdict != "same model"] for n in options}
    return Facts(
        {n: tested[n][0].model if tested[n] else _model(scenario, n) for n in options},
        {n: tested[n][0].reference if tested[n] else "the model in use" for n in options},
        {n: o.vendor or o.label for n, o in options.items()},
        {n: reviews(n) for n in options},
        any(w.data.critical_function for w in scenario.workloads.values()),
    )


def _model(scenario: Scenario, name: str) -> str:
    part = scenario.options[quality.leaves(scenario, name)[0]]
    return next(iter(part.models.values()), "the model")


def notes(
    scenario: Scenario, parity: quality.Assessment, options: Sequence[Candidate]
) -> tuple[str, ...]:
    """What a reader must know about the comparison itself."""
    found = list(parity.warnings)
    if parity.without_floor:
        names = ", ".join(parity.without_floor)
        found.append(f"no quality floor is stated for {names}: any model counts as good enough")
    base = next(c for c in options if c.name == scenario.finance.baseline)
    if base.cost is None:
        found.append("the baseline is not priced: costs are measured against the cheapest option")
    if base.struck:
        found.append(f"the baseline {base.label} fails a hard constraint: {base.struck[0]}")
    return tuple(found)


def inputs(scenario: Scenario, known: Sequence[Criterion]) -> tuple[Input, ...]:
    """Weights, the client's or ours, and the numbers behind the measures, with their origin."""
    stated = scenario.decision.weights
    weights = [
        Input(
            name=f"weight of {c.label.lower()}",
            value=Range(w.low, w.central, w.high, "points"),
            source=scenario.source(f"decision.weights.{c.criterion}")
            if c.criterion in stated
            else source_of(c),
        )
        for c in known
        for w in [stated.get(c.criterion, Weight(c.weight_low, c.weight_central, c.weight_high))]
    ]
    return (*weights, *gather.setting_inputs())


def summary(d: Decision, currency: str) -> dict[str, Any]:
    """The decision's part of summary.json. Amounts are ranges with their unit."""

    def option(c: Candidate) -> dict[str, Any]:
        entry: dict[str, Any] = {"label": c.label, "kind": c.kind, "struck": list(c.struck)}
        entry["unproven"] = list(c.unproven)
        cost = present_cost(c, currency)
        entry["present_cost"] = cost.as_dict() if cost else None
        if d.ranking is not None and c.name in d.ranking.names:
            i = d.ranking.names.index(c.name)
            regret = d.ranking.regret[c.name]
            entry |= {
                "score": d.ranking.score[c.name].as_dict(),
                "acceptability": [round(float(x), 4) for x in d.ranking.acceptability[i]],
                "contributions": d.ranking.contributions[c.name],
                "regret_points": regret.points,
                "regret_money": regret.money,
            }
        return entry

    chosen = d.candidate(d.recommended) if d.recommended else None
    return {
        "recommendation": {
            "option": d.recommended,
            "label": chosen.label if chosen else None,
            "kind": chosen.kind if chosen else None,
            "stays": d.stays,
            "baseline": d.baseline,
            "preferred": d.preferred,
            "preferred_label": d.candidate(d.preferred).label if d.preferred else None,
            "confidence": d.word.word,
            "definition": d.word.definition,
            "share": d.share,
            "leaving": d.leaving,
            "present_cost": (
                c.as_dict() if chosen and (c := present_cost(chosen, currency)) else None
            ),
        },
        "ranking": {c.name: option(c) for c in d.candidates},
        "weights": {n: asdict(w) for n, w in d.weights.items()},
        "flip_points": [asdict(f) for f in d.nearest_flips],
        "worth_knowing": {
            "everything": d.perfect_information,
            "inputs": {k.label: k.worth for k in d.knowledge},
        },
        "plan": [{"day": s.day, "owner": s.owner, "step": s.text, "why": s.why} for s in d.plan],
        "resilience": {
            f.option: {
                "model": f.model,
                "room": f.room,
                "successor": f.growth.same_class.as_dict(),
                "chance": f.chance,
                "verdict": f.verdict,
            }
            for f in d.resilience
        },
    }


def present_cost(candidate: Candidate, currency: str) -> Range | None:
    """Central case of the present cost over the horizon with P10 and P90 of the draws; None if
    it is not estimated."""
    return candidate.cost.range(currency) if candidate.cost is not None else None
