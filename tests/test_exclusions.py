"""Whose rule rules an option out: from the cause that the decision holds."""

from functools import cache
from typing import Any

import pytest
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.constraints import Constraint
from siting.inputs.scenario.constraints import known as known_constraints
from siting.verdict.candidate import Candidate
from siting.verdict.chain import Chain
from siting.verdict.exclusion import Exclusion, exclusion

C5 = "that a service holds a C5 Type 2 attestation"


CEILING = "that no year costs more than your ceiling"


@cache
def chain() -> Chain:
    return Chain(draws=64)


def candidates(client: str, **changes: Any) -> dict[str, tuple[Candidate, Exclusion | None]]:
    """Every option of a client's scenario with these conditions and policies, by name."""
    keys = {"conditions": "decision.hard_constraints", "policies": "rules.policies"}
    keys |= {"budget": "finance.budget_any_year", "gone": "suppose.gone"}
    start = scenario.load(client)
    changed = put(start, {keys[name]: value for name, value in changes.items()})
    found = chain().candidates(changed)
    return {c.name: (c, exclusion(c, changed.rules.policies)) for c in found}


def told(client: str, option: str, **changes: Any) -> Exclusion:
    """How an option's exclusion is told, which is held to what strikes it."""
    struck, found = candidates(client, **changes)[option]
    assert found is not None
    assert found.why_not in struck.struck
    return found


def test_a_policy_whose_rules_are_no_hard_condition_rules_nothing_out():
    """The clinic's own policy asks for C5, which the regional cloud lacks; the budget strikes."""
    found = told("klinikverbund-nordheide", "rented", conditions=[], budget=1000.0)
    assert found.whose == "your condition"
    assert found.title == CEILING
    assert found.why_not.endswith("over your ceiling")


def test_what_a_policy_alone_strikes_is_free_without_it():
    """The statute remains, under which an attestation of another kind may do."""
    found = candidates("klinikverbund-nordheide", policies=[], conditions=["sovereignty"])
    struck = {name for name, (_, excluded) in found.items() if excluded is not None}
    assert "rented" not in struck


def test_a_condition_is_read_with_its_rule_or_level():
    assert Constraint.read("quality") == Constraint(kind="quality")
    assert Constraint.read("rule:SNC-1") == Constraint(kind="rule", rule_id="SNC-1")
    assert Constraint.read("sovereignty:seal2") == Constraint(kind="sovereignty", seal=2)
    for written in known_constraints(["SNC-1"]):
        Constraint.read(written)


@pytest.mark.parametrize("line", ["souvereignty", "sovereignty:seal7", "seal2", ""])
def test_what_is_no_condition_passes_for_none_in_silence(line):
    with pytest.raises(ValueError, match="is no hard condition"):
        Constraint.read(line)
