"""Whose rule rules an option out, from the causes that the decision holds of it (`Barrier`).

Policy and law are told apart by one question to the rule itself: what would it say if the client
had no such policy (`Finding.lines_behind`, `Finding.law_behind`)? Words come last.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, get_args

from siting import catalogue
from siting.inputs.attributes import Attribute
from siting.inputs.scenario.constraints import Constraint
from siting.records import frozen
from siting.rules.findings import Finding
from siting.rules.rulebook import Rule
from siting.verdict.candidate import Barrier, Candidate

Whose = Literal[
    "the comparison",
    "a part",
    "the law",
    "your answer",
    "your policy",
    "your requirement",
    "your condition",
]
"""What cannot be had as described comes first, then what leaves the client no choice. An answer of
the client's rules an option out where the law that it brings in is not on file."""
WHOSE: tuple[Whose, ...] = get_args(Whose)

GIVEN: tuple[Whose, ...] = ("your policy", "your requirement", "your condition")
"""Whose rule the client may give up."""

POLICIES: Mapping[str, str] = {
    "secnumcloud": "that a service holds a SecNumCloud qualification",
    "c5_type2": "that a service holds a C5 Type 2 attestation",
    "european_model": "that the maker of a model is European",
    "eu_operator": "that an operator is from the EEA",
    "no_us_parent": "that an operator has no parent in the USA",
    "parent_in": "that an ultimate parent lies in the zones that you name",
}
"""Lines of a client's policy in words."""
CONDITIONS: Mapping[str, str] = {
    "latency": "that your limits on response time are kept",
    "quality": "that the model is shown to be good enough",
    "budget": "that no year costs more than your ceiling",
    "live": "that it serves by your latest go-live",
    "sovereignty": "that no rule on data fails",
}
"""Hard conditions in words."""


@frozen
class Exclusion:
    """Whose rule rules an option out, and which, in words."""

    whose: Whose
    title: str
    """What is not met."""
    why_not: str
    """In full."""
    also_law: bool = False
    """Whether law asks for the same as a policy, or may: then it is not the client's to give up."""


def lacked(struck: Candidate) -> tuple[Attribute, ...]:
    """What the provider of an option says that it lacks, and with which no rule would rule the
    option out: it may come to have it, and is the one to say when. Empty where the option is ruled
    out by anything else besides, or not at all.
    """
    found: dict[str, Attribute] = {}
    for barrier in struck.barriers:
        if barrier.by != "rule":
            return ()
        for failed in barrier.findings:
            mends = _mended_by(failed)
            if not mends:
                return ()
            found |= {attribute.name: attribute for attribute in mends}
    return tuple(found.values())


def _mended_by(failed: Finding) -> tuple[Attribute, ...]:
    """Facts of the whole service that its provider denies, and by which the rule would no longer
    fail: one where one is enough, else all of them; empty where all are not enough."""
    tested = (failed.law.attributes[name] for name in failed.law.tested[failed.rule.rule_id])
    denied = [
        attribute
        for attribute in tested
        if attribute.level == "option" and attribute.addressee == "vendor"
        if failed.flow.values.get(attribute.name) is False
    ]
    for together in (*((attribute,) for attribute in denied), tuple(denied)):
        if failed.supposing({a.name: True for a in together}).verdict != "fail":
            return together
    return ()


def exclusion(struck: Candidate, policies: Sequence[str]) -> Exclusion | None:
    """Why an option is ruled out: by the barrier that comes first in `WHOSE`, and all others that
    are of the same. None where it is not ruled out.

    policies: lines of the client's own policy.
    """
    by_whose: dict[Whose, list[Barrier]] = {}
    for barrier in struck.barriers:
        by_whose.setdefault(whose(barrier, policies), []).append(barrier)
    if not by_whose:
        return None
    first = min(by_whose, key=WHOSE.index)
    return _excluded(first, by_whose[first], policies)


def given_up(struck: Candidate, policies: Sequence[str]) -> tuple[str, ...]:
    """What the client would have to give up for an option to be allowed, in words, each once; empty
    where that is not the client's to give, or the option is not ruled out."""
    found: dict[str, None] = {}
    for barrier in struck.barriers:
        said = _excluded(by := whose(barrier, policies), [barrier], policies)
        if by not in GIVEN or said.also_law:
            return ()
        found[said.title] = None
    return tuple(found)


def whose(barrier: Barrier, policies: Sequence[str]) -> Whose:
    """Whose rule a barrier is.

    One that fails on several flows is the client's where each of them fails by its policy.
    """
    if barrier.by == "part":
        return "a part"
    if barrier.by == "condition":
        return "your condition"
    if barrier.by != "rule":
        return "the comparison"
    if all(finding.lines_behind(policies) for finding in barrier.findings):
        return "your policy"
    if not any(finding.rule.is_of_law for finding in barrier.findings):
        return "your requirement"
    by_answer = all(finding.forbidden_by for finding in barrier.findings)
    return "your answer" if by_answer else "the law"


def _excluded(whose: Whose, alike: Sequence[Barrier], policies: Sequence[str]) -> Exclusion:
    """What barriers of one kind ask, in words."""
    title = reason = alike[0].reason
    findings = [finding for barrier in alike for finding in barrier.findings]
    also_law = False
    match whose:
        case "your condition":
            title = " and ".join(dict.fromkeys(condition_in_words(each.line) for each in alike))
        case "your policy":
            at_work = {line for found in findings for line in found.lines_behind(policies)}
            lines = [line for line in policies if line in at_work]
            title = " and ".join(POLICIES[line] for line in lines)
            also_law = any(asked_by_law(findings, line, policies) for line in lines)
        case "your requirement" | "the law":
            title = findings[0].rule.title
        case "your answer":
            # The act binds the provider; what that may be ordered, something else forbids.
            secret = " and ".join(findings[0].forbidden_by)
            title = f"{secret}, which orders to its provider could break"
    return Exclusion(whose=whose, title=title, why_not=reason, also_law=also_law)


def asked_by_law(findings: Iterable[Finding], line: str, policies: Sequence[str]) -> bool:
    """Whether a law asks what a line of the client's policy asks, or may."""
    return any(finding.law_behind(line, policies) for finding in findings)


def condition_in_words(line: str) -> str:
    """A hard condition as a clause that begins with "that"."""
    asked = Constraint.read(line)
    if asked.rule_id:
        rules = {r.rule_id: r.title for r in catalogue.table("sovereignty_rules", Rule)}
        return f"that the rule “{rules[asked.rule_id]}” is met"
    if asked.seal is not None:
        return f"that the service reaches level {asked.seal} of the EU framework"
    return CONDITIONS[asked.kind]
