"""Levels that tenders ask for: SEAL of the EU Cloud Sovereignty Framework, and BSI's C3A.

The framework grades a provider's service by the provider's own answers to 48 questions, most of
which nobody asks here. So an option gets a ceiling for each of the eight objectives, never a grade:
the highest level that what is on file does not exclude. What is unknown leaves a ceiling where it
is, and is said. A grade that a public buyer, the provider or a third party gave stands beside it,
with its basis; only the first can clear a floor (rule SEAL-FLOOR).

Own servers have no provider, so the framework does not grade them; their ceilings are by analogy.
C3A's criteria are met, not met or not known as far as what is asked here tells; for most of them
nothing does. BSI assigns no levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal

from pydantic import Field
from siting import catalogue
from siting.catalogue import Fact, column, one_of
from siting.inputs.attributes import Attribute, Known
from siting.rules import conditions
from siting.rules.conditions import Condition
from siting.rules.findings import ASKED_LEVELS, filled
from siting.rules.flows import FlowFacts
from siting.rules.rulebook import OfFlows, RuleBook, rule_book

HIGHEST = 4
"""SEAL-4: only EU law, complete EU control."""

LOWEST = 0
"""SEAL-0: exclusive control from outside the Union. What is not known cannot lower it."""

NOTHING = "nothing on file excludes a higher level"
NOTHING_ASKED = "nothing is asked here that could exclude a higher level"


class Objective(Fact, tables="seal_objectives", key="objective"):
    """An objective of the EU Cloud Sovereignty Framework."""

    objective: str
    name: str
    weight: float
    """In the score of the framework's document. [share]"""
    tender_weight: float
    """In the calculator of the first tender, which is another. [share]"""
    lacks: str
    """What a grade needs beside what is asked here."""


Objectives = Annotated[str, one_of(lambda: column("seal_objectives", "objective"), "objective")]


class Ceiling(OfFlows, tables="seal_ceilings", key="objective level holds_when"):
    """What keeps an option from a higher SEAL level in an objective."""

    objective: Objectives
    level: Annotated[int, Field(ge=0, le=4)]
    holds_when: str
    because: str


class C3aCriterion(OfFlows, tables="c3a_criteria", key="criterion"):
    """A criterion of BSI's C3A, and the condition under which an option meets it."""

    criterion: str
    name: str
    objective: Objectives
    level: Annotated[int, Field(ge=0, le=4)]
    """SEAL level that it is taken to speak for; BSI assigns none."""
    gradable: Literal["yes", "part", "no"]
    """Whether what is asked here says all of it, a part, or nothing."""
    holds_when: str = ""
    lacks: str = ""


@dataclass(frozen=True, kw_only=True)
class Level:
    """The highest SEAL level of an option in one objective that is not excluded."""

    objective: Objective
    at_most: int
    because: str
    evidence: tuple[Known, ...]
    """Answers that the ceiling rests on; where none holds, those that exclude the ceilings."""
    unknown: tuple[Attribute, ...]
    """Answers that could lower it further."""

    @property
    def is_open(self) -> bool:
        """Whether it may be lower: an answer is not known, or no answer on file speaks for it."""
        return self.at_most > LOWEST and bool(self.unknown or not self.evidence)


@dataclass(frozen=True, kw_only=True)
class Met:
    """Whether an option meets a criterion of C3A, as far as it can be told."""

    criterion: C3aCriterion
    met: Literal["yes", "no", "not known", "not asked here"]
    evidence: tuple[Known, ...]
    unknown: tuple[Attribute, ...]


@dataclass(frozen=True, kw_only=True)
class Given:
    """The grade that somebody gave a service."""

    level: Known | None
    basis: Known | None
    covers: Known | None
    """Whether it is for the service that the client would use."""


def objectives() -> tuple[Objective, ...]:
    """The eight objectives of the framework, in its order."""
    return catalogue.table("seal_objectives", Objective)


@catalogue.of_facts
def ceilings() -> Mapping[Ceiling, Condition]:
    """What excludes a level, and when. Raises FactError naming the row."""
    read = rule_book().dictionary.read
    return {
        row: read(row.holds_when, f"seal_ceilings.csv, {row.objective} at {row.level}")
        for row in catalogue.table("seal_ceilings", Ceiling)
    }


@catalogue.of_facts
def c3a() -> Mapping[C3aCriterion, Condition]:
    """The criteria of C3A, and when each is met. Raises FactError naming the row."""
    read = rule_book().dictionary.read
    return {
        row: read(row.holds_when, f"c3a_criteria.csv, {row.criterion}")
        for row in catalogue.table("c3a_criteria", C3aCriterion)
    }


def levels(flows: Sequence[FlowFacts], law: RuleBook) -> tuple[Level, ...]:
    """Ceilings of an option with these flows, objective by objective."""
    return tuple(_level(objective, flows, law) for objective in objectives())


def overall(found: Sequence[Level]) -> int:
    """The lowest of the eight: the weakest objective is that of the offer."""
    return min((level.at_most for level in found), default=HIGHEST)


def given(flows: Sequence[FlowFacts]) -> Given:
    """The grade on record of the service that carries inference."""
    known = next((f.known for f in flows if f.kind == "inference"), {})
    return Given(
        level=known.get("seal_level"),
        basis=known.get("seal_basis"),
        covers=known.get("seal_covers_service"),
    )


def criteria(flows: Sequence[FlowFacts], law: RuleBook) -> tuple[Met, ...]:
    """Every criterion of C3A, for an option with these flows."""
    return tuple(_met(row, holds, flows, law) for row, holds in c3a().items())


def _level(objective: Objective, flows: Sequence[FlowFacts], law: RuleBook) -> Level:
    """What C3A asks of the same objective and nobody answered could lower a ceiling, too: one
    thing that is not known is not known in both."""
    found = _ceiling(objective, flows, law)
    awaited = (
        attribute
        for met in criteria(flows, law)
        if met.criterion.objective == objective.objective and met.criterion.level <= found.at_most
        for attribute in met.unknown
    )
    unknown = {a.name: a for a in (*found.unknown, *awaited)}
    # A floor that is reached already leaves nothing to lower.
    return replace(found, unknown=tuple(unknown.values()) if found.at_most > LOWEST else ())


def _ceiling(objective: Objective, flows: Sequence[FlowFacts], law: RuleBook) -> Level:
    rows = [(c, w) for c, w in ceilings().items() if c.objective == objective.objective]
    rows.sort(key=lambda row: row[0].level)
    unknown: dict[str, Attribute] = {}
    spoken: dict[tuple[str, str], Known] = {}
    for ceiling, holds in rows:
        for flow in _looked_at(ceiling, flows):
            if _holds(holds, flow, law):
                return Level(
                    objective=objective,
                    at_most=ceiling.level,
                    because=filled(ceiling.because, flow.values),
                    evidence=_evidence(holds, flow),
                    unknown=tuple(unknown.values()),
                )
            unknown |= {a.name: a for a in _unanswered(holds, flow, law)}
            spoken |= {(k.attribute.name, k.text): k for k in _evidence(holds, flow)}
    return Level(
        objective=objective,
        at_most=HIGHEST,
        because=NOTHING if rows else NOTHING_ASKED,
        evidence=tuple(spoken.values()),
        unknown=tuple(unknown.values()),
    )


def _met(row: C3aCriterion, holds: Condition, flows: Sequence[FlowFacts], law: RuleBook) -> Met:
    """Met where it is on every flow, not met where it is not on one."""
    if row.gradable == "no":
        return Met(criterion=row, met="not asked here", evidence=(), unknown=())
    looked_at = list(_looked_at(row, flows))
    found = [_holds(holds, flow, law) for flow in looked_at]
    unknown = {a.name: a for flow in looked_at for a in _undecided(holds, flow, law)}
    evidence = {k.attribute.name: k for flow in looked_at for k in _evidence(holds, flow)}
    met: Literal["yes", "no", "not known"] = "yes"
    if False in found:
        met = "no"
    elif None in found or not found:
        met = "not known"
    return Met(
        criterion=row,
        met=met,
        evidence=tuple(evidence.values()),
        unknown=() if met == "no" else tuple(unknown.values()),
    )


def _looked_at(row: OfFlows, flows: Sequence[FlowFacts]) -> Iterator[FlowFacts]:
    return (flow for flow in flows if row.looks_at(flow.kind))


def _holds(condition: Condition, flow: FlowFacts, law: RuleBook) -> bool | None:
    return conditions.evaluate(condition, {**law.sets, **flow.values})


def _undecided(condition: Condition, flow: FlowFacts, law: RuleBook) -> list[Attribute]:
    names = conditions.undecided(condition, {**law.sets, **flow.values})
    return [law.attributes[name] for name in sorted(names)]


def _unanswered(condition: Condition, flow: FlowFacts, law: RuleBook) -> list[Attribute]:
    """What is not known of a flow and a condition names: of what the client carries itself all of
    it, for no provider answers there, and nobody else has."""
    if flow.may_be_outside:
        return _undecided(condition, flow, law)
    named = sorted(conditions.names(condition) & law.attributes.keys())
    asked = (law.attributes[name] for name in named if flow.values.get(name) is None)
    return [a for a in asked if a.level in ASKED_LEVELS]


def _evidence(condition: Condition, flow: FlowFacts) -> tuple[Known, ...]:
    """Answers that a condition names."""
    named = sorted(conditions.names(condition))
    return tuple(flow.known[name] for name in named if name in flow.known)
