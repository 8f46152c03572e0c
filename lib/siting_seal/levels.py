"""Levels that tenders ask for: SEAL of the EU Cloud Sovereignty Framework, and BSI's C3A.

The framework grades a provider's service by the provider's own answers to 48 questions, most of
which nobody asks here. So an option gets a ceiling for each of the eight objectives, never a grade:
the highest level that what is on file does not exclude. What is unknown leaves a ceiling where it
is, and is said. A grade that a public buyer, the provider or a third party gave stands beside it,
with its basis; only the first can clear a floor (rule SEAL-FLOOR).

Own servers have no provider, so the framework does not grade them; their ceilings are by analogy.
What C3A's criteria ask of the same objective and nobody answered leaves a ceiling open; BSI assigns
no levels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import Field
from siting import catalogue
from siting.catalogue import Fact, column, one_of
from siting.records import frozen
from siting.rules import conditions
from siting.rules.conditions import Condition
from siting.rules.findings import ASKED_LEVELS
from siting.rules.flows import FlowFacts
from siting.rules.rulebook import OfFlows, RuleBook, rule_book

HIGHEST = 4
"""SEAL-4: only EU law, complete EU control."""

LOWEST = 0
"""SEAL-0: exclusive control from outside the Union. What is not known cannot lower it."""


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


@frozen
class Level:
    """The highest SEAL level of an option in one objective that is not excluded."""

    objective: Objective
    at_most: int
    spoken: frozenset[str] = frozenset()
    """Attributes whose answers the ceiling rests on; where none holds, those that exclude the
    ceilings."""
    unknown: frozenset[str] = frozenset()
    """Attributes whose answers could lower it further."""

    @property
    def is_open(self) -> bool:
        """Whether it may be lower: an answer is not known, or no answer on file speaks for it."""
        return self.at_most > LOWEST and bool(self.unknown or not self.spoken)


def objectives() -> tuple[Objective, ...]:
    """The eight objectives of the framework, in its order."""
    return catalogue.table("seal_objectives", Objective)


@catalogue.of_facts
def ceilings() -> Mapping[Ceiling, Condition]:
    """What excludes a level, and when. Raises FactError naming file, line and column."""
    rows = catalogue.table("seal_ceilings", Ceiling)
    return catalogue.read_all(rows, "holds_when", rule_book().dictionary.read)


@catalogue.of_facts
def c3a() -> Mapping[C3aCriterion, Condition]:
    """The criteria of C3A, and when each is met. Raises FactError naming file, line and column."""
    rows = catalogue.table("c3a_criteria", C3aCriterion)
    return catalogue.read_all(rows, "holds_when", rule_book().dictionary.read)


def levels(flows: Sequence[FlowFacts], law: RuleBook) -> tuple[Level, ...]:
    """Ceilings of an option with these flows, objective by objective."""
    return tuple(_level(objective, flows, law) for objective in objectives())


def _level(objective: Objective, flows: Sequence[FlowFacts], law: RuleBook) -> Level:
    """What C3A asks of the same objective and nobody answered could lower a ceiling, too: one
    thing that is not known is not known in both."""
    found = _ceiling(objective, flows, law)
    awaited = (
        _awaited(row, holds, flows, law)
        for row, holds in c3a().items()
        if row.objective == objective.objective and row.level <= found.at_most
    )
    return replace(found, unknown=found.unknown.union(*awaited))


def _ceiling(objective: Objective, flows: Sequence[FlowFacts], law: RuleBook) -> Level:
    rows = [(c, w) for c, w in ceilings().items() if c.objective == objective.objective]
    rows.sort(key=lambda row: row[0].level)
    unknown: frozenset[str] = frozenset()
    spoken: frozenset[str] = frozenset()
    for ceiling, holds in rows:
        for flow in _looked_at(ceiling, flows):
            answered = conditions.names(holds) & flow.known.keys()
            if _holds(holds, flow, law):
                return Level(
                    objective=objective, at_most=ceiling.level, spoken=answered, unknown=unknown
                )
            unknown |= _unanswered(holds, flow, law)
            spoken |= answered
    return Level(objective=objective, at_most=HIGHEST, spoken=spoken, unknown=unknown)


def _awaited(
    row: C3aCriterion, holds: Condition, flows: Sequence[FlowFacts], law: RuleBook
) -> frozenset[str]:
    """Attributes on which a criterion hangs; none where one flow does not meet it."""
    looked_at = list(_looked_at(row, flows))
    if row.gradable == "no" or any(_holds(holds, flow, law) is False for flow in looked_at):
        return frozenset()
    return frozenset().union(*(_undecided(holds, flow, law) for flow in looked_at))


def _looked_at(row: OfFlows, flows: Sequence[FlowFacts]) -> Iterator[FlowFacts]:
    return (flow for flow in flows if row.looks_at(flow.kind))


def _holds(condition: Condition, flow: FlowFacts, law: RuleBook) -> bool | None:
    return conditions.evaluate(condition, {**law.sets, **flow.values})


def _undecided(condition: Condition, flow: FlowFacts, law: RuleBook) -> frozenset[str]:
    return conditions.undecided(condition, {**law.sets, **flow.values})


def _unanswered(condition: Condition, flow: FlowFacts, law: RuleBook) -> frozenset[str]:
    """What is not known of a flow and a condition names: of what the client carries itself all of
    it, for no provider answers there, and nobody else has."""
    if flow.may_be_outside:
        return _undecided(condition, flow, law)
    named = conditions.names(condition) & law.attributes.keys()
    return frozenset(
        name
        for name in named
        if flow.values.get(name) is None and law.attributes[name].level in ASKED_LEVELS
    )
