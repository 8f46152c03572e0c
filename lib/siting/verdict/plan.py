"""What to do next: what is worth measuring first, and the steps for 30, 90 and 365 days."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from siting import quality
from siting.catalogue import Fact, Source, source_of, table
from siting.inputs.scenario import Scenario
from siting.rules.sovereignty import Assessment as Sovereignty
from siting.verdict.ranking import Candidate, Floats
from siting.verdict.turns import value_of_knowing

FIRST_HORIZON_DAYS = 30
"""The plan's first horizon."""

MOST_REVIEWS = 3
"""Open findings named in one step of the plan; the sovereignty chapter lists them all."""


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
    label: str
    """The step in a few words, filled in likewise."""
    step: str
    """Sentence; {option}, {model}, {reference}, {vendor}, {reviews}, {experiment} are filled in."""
    why: str


@dataclass(frozen=True)
class Step:
    """A step of this client's plan."""

    day: int
    owner: str
    label: str
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
        Step(
            s.day,
            s.owner,
            s.label.format(**words | {"model": quality.spoken(words["model"])}),
            s.step.format(**words),
            s.why,
            source_of(s),
        )
        for s in sorted(table("plan_steps", PlanStep), key=lambda s: s.day)
        if s.when in holds and ("*" in s.kinds or target.kind in s.kinds.split(";"))
    )


def facts_of(scenario: Scenario, sovereignty: Sovereignty, parity: quality.Assessment) -> Facts:
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
