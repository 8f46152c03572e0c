"""Properties of an option that a client may value: each is a row of properties.csv.

An option has a property where it is shown of every flow of requests that it carries. What is not
known is not shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from siting import catalogue
from siting.inputs.attributes import properties
from siting.rules import conditions
from siting.rules.conditions import Condition
from siting.rules.flows import FlowFacts
from siting.rules.rulebook import RuleBook, vocabulary

HOME = "home"
"""The client's own country, as conditions name it."""
NEAR = "near"
"""Countries whose law is no third country's to the client."""


@catalogue.of_facts
def parsed() -> Mapping[str, Condition]:
    """When an option has each property. Raises FactError naming file, line and column."""
    words = vocabulary()
    known = replace(words, groups={*words.groups, HOME, NEAR})
    read = catalogue.read_all(properties().values(), "holds_when", known.read)
    return {row.property: condition for row, condition in read.items()}


def shown(flows: Sequence[FlowFacts], law: RuleBook, country: str) -> frozenset[str]:
    """Properties that an option with these flows is shown to have, for a client of a country."""
    eea = law.sets["eea"]
    near = {country} | (eea if country in eea | law.sets["beside_eea"] else frozenset())
    sets = {**law.sets, HOME: frozenset({country}), NEAR: frozenset(near)}
    asked = [{**sets, **flow.values} for flow in flows if flow.kind == "inference"]
    return frozenset(
        name
        for name, holds in parsed().items()
        if asked and all(conditions.evaluate(holds, values) for values in asked)
    )
