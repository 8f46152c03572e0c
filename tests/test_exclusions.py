"""Whose rule rules an option out: from the cause that the decision holds."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.constraints import Constraint
from siting.inputs.scenario.constraints import known as known_constraints
from siting.verdict.candidate import Candidate
from siting.verdict.chain import Chain
from siting.verdict.exclusion import Exclusion, exclusion, lacked, unshown

C5 = "that a service holds a C5 Type 2 attestation"
SECNUMCLOUD = "that a service holds a SecNumCloud qualification"


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
    assert found.reason in struck.struck
    return found


def test_a_policy_whose_rules_are_no_hard_condition_rules_nothing_out() -> None:
    """The clinic's own policy asks for C5, which the regional cloud lacks; the budget strikes."""
    found = told("klinikverbund-nordheide", "rented", conditions=[], budget=1000.0)
    assert found.whose == "your condition"
    assert found.rule == CEILING
    assert found.reason.endswith("over your ceiling")


def test_only_the_condition_that_strikes_is_named() -> None:
    asked = ["latency", "quality"]
    found = told("klinikverbund-nordheide", "azure", conditions=asked, budget=1000.0)
    assert found.rule == found.title == CEILING


def test_one_rule_strikes_every_option_for_the_same_reason() -> None:
    """The CLOUD Act's rule fails for one option, too, but is no hard condition here."""
    asked = {"conditions": ["rule:SNC-1"], "policies": ["secnumcloud"]}
    found = {name: told("agence-lumiere", name, **asked) for name in ("api", "managed")}
    assert {x.whose for x in found.values()} == {"your policy"}
    assert {x.title for x in found.values()} == {SECNUMCLOUD}
    # Whether the client is a body of the State, which alone Art. 31 binds, nobody has said.
    assert all(x.rule.endswith("(SREN) Art. 31 may ask the same (open)") for x in found.values())


def test_a_body_of_the_state_is_bound_by_the_law_that_asks_what_its_policy_asks() -> None:
    start = put(scenario.load("agence-lumiere"), {"rules.attributes.fr_state_body": True})
    changed = put(start, {"decision.hard_constraints": ["rule:SNC-1"]})
    (api,) = (c for c in chain().candidates(changed) if c.name == "api")
    found = exclusion(api, changed.rules.policies)
    assert found is not None
    assert found.whose == "the law"
    assert found.rule.endswith("(SREN) Art. 31)")


def test_an_answer_that_leaves_no_choice_is_told_before_a_policy() -> None:
    asked = {"policies": ["secnumcloud"], "conditions": ["rule:SNC-1", "rule:US-CLOUD-1"]}
    found = told("agence-lumiere", "managed", **asked)
    assert found.whose == "your answer"
    # The Act binds its provider; what forbids its reach is the secrecy of the State.
    assert found.title == "state secrecy, which orders to its provider could break"
    under = "state secrecy, which orders to its provider under 18 U.S.C. § 2713 (CLOUD Act, 2018)"
    assert found.rule == f"{under} could break"


def test_two_lines_at_work_are_both_named_with_the_law_behind_the_first() -> None:
    """No law stands behind the second, which its own rule asks: POL-PARENT."""
    lines = ["secnumcloud", "no_us_parent"]
    asked = {"policies": lines, "conditions": ["rule:SNC-1", "rule:POL-PARENT"]}
    found = told("agence-lumiere", "managed", **asked)
    assert found.whose == "your policy"
    assert found.title == f"{SECNUMCLOUD} and that an operator has no parent in the USA"
    law = "French Law 2024-449 (SREN) Art. 31 may ask the same (open)"
    assert found.rule == f"{SECNUMCLOUD} ({law}) and that an operator has no parent in the USA"
    assert found.law == "the law may ask for a part of it"
    # The parent of the French services is French: one line strikes them.
    assert told("agence-lumiere", "api", **asked).title == SECNUMCLOUD


def test_a_line_whose_rule_is_no_condition_is_not_named() -> None:
    asked = {"policies": ["secnumcloud", "c5_type2"], "conditions": ["rule:SNC-1"]}
    found = told("agence-lumiere", "api", **asked)
    assert found.title == SECNUMCLOUD


def test_a_policy_is_told_before_a_condition_on_money() -> None:
    found = told("klinikverbund-nordheide", "rented", conditions=["sovereignty"], budget=1000.0)
    assert found.whose == "your policy"
    # Section 393 takes Type 1 of some systems for 18 months, and nobody has said which it holds.
    # It binds a hospital since 1 July 2025 all the same.
    assert found.rule == f"{C5}; § 393(1) to (4) SGB V asks for the like (open)"
    assert found.law == "the law asks for the like, which is open"


def test_what_a_policy_alone_strikes_is_free_without_it() -> None:
    """The statute remains, under which an attestation of another kind may do."""
    found = candidates("klinikverbund-nordheide", policies=[], conditions=["sovereignty"])
    struck = {name for name, (_, excluded) in found.items() if excluded is not None}
    assert "rented" not in struck


def test_what_cannot_be_had_is_told_before_any_rule() -> None:
    """Its machines are left to the kit, and here nobody has designed them: it has no price."""
    struck, found = candidates("agence-lumiere")["rented"]
    assert struck.barriers[0].by == "price"
    assert found is not None
    assert found.whose == "the comparison"
    assert found.rule.startswith("its cost is not estimated, because")
    assert any(barrier.by == "rule" for barrier in struck.barriers)


def test_a_vendor_that_is_gone_is_the_comparisons() -> None:
    vendor = scenario.load("klinikverbund-nordheide").options["azure"].vendor
    found = told("klinikverbund-nordheide", "azure", gone=[vendor])
    assert found.whose == "the comparison"
    assert found.rule.endswith("can no longer be had")


@pytest.mark.parametrize("line", ["sovereignty", "quality", "latency"])
def test_a_condition_of_one_word_is_read_as_it_is_written(line: str) -> None:
    read = Constraint.read(line)
    assert (read.kind, read.rule_id, read.seal) == (line, "", None)
    assert read.is_on_law == (line == "sovereignty")


def test_a_condition_on_one_rule_or_a_level_is_read_with_it() -> None:
    assert Constraint.read("rule:SNC-1") == Constraint(kind="rule", rule_id="SNC-1")
    assert Constraint.read("sovereignty:seal2") == Constraint(kind="sovereignty", seal=2)
    for written in known_constraints(["SNC-1"]):
        Constraint.read(written)


@pytest.mark.parametrize("line", ["souvereignty", "sovereignty:seal7", "seal2", ""])
def test_what_is_no_condition_passes_for_none_in_silence(line: str) -> None:
    with pytest.raises(ValueError, match="is no hard condition"):
        Constraint.read(line)


OFFER = {
    "kind": "rented_gpus",
    "label": "Cards elsewhere",
    "vendor": "Hyperbolic",
    "provider": "hyperbolic",
    "gpu": "h100-sxm5-80gb",
}


@pytest.mark.parametrize(
    ("client", "model", "rule", "lacks", "rival", "stated"),
    [
        ("klinikverbund-nordheide", "google/gemma-4-31B-it", "C5-1", "C5 Type 2 attestation",
         "Regional cloud", "c5_type2"),
        ("agence-lumiere", "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "SNC-1",
         "SecNumCloud qualification", "Scaleway GPUs", "secnumcloud_qualified"),
    ],
)  # fmt: skip
def test_an_offer_that_is_silent_on_what_rules_out_a_rival_is_not_clear_of_it(
    client: str, model: str, rule: str, lacks: str, rival: str, stated: str
) -> None:
    def silent(**said: Any) -> dict[str, tuple[str, ...]]:
        offer = {**OFFER, "models": {"all": model}, "attributes": said}
        changed = put(scenario.load(client), {"options.extra": offer})
        law = chain().rules(changed).options["extra"]
        known = [c for c in chain().candidates(changed) if c.name != "extra"]
        assert said or law.verdicts[rule].verdict == "review"  # nothing on file strikes it
        return {each.attribute.label: each.ruled_out for each in unshown(law, known)}

    assert rival in silent()[lacks]
    # One that says it holds what is asked, or that it does not, is silent on it no more.
    assert lacks not in silent(**{stated: True})
    assert lacks not in silent(**{stated: False})


def test_what_a_provider_lacks_is_what_alone_keeps_its_option_out() -> None:
    def labels(name: str, client: str = "klinikverbund-nordheide", **changes: Any) -> list[str]:
        option, _ = candidates(client, **changes)[name]
        return [attribute.label for attribute in lacked(option)]

    assert labels("rented") == ["C5 Type 2 attestation"]
    assert labels("owned") == []  # ruled out by nothing
    # An attestation does not bring back what is gone.
    gone = scenario.load("klinikverbund-nordheide").options["rented"].vendor
    assert labels("rented", gone=[gone]) == []
