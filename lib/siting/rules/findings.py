"""What one rule says of one flow: a verdict, its reason, and what it waits for.

    fail     a hard condition of the rule is missing
    review   a person must decide, or an attribute that matters is unknown
    pass     the conditions hold whatever the unknown attributes turn out to be
    n.a.     the rule does not apply, or not on this date

Unknown never becomes pass.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from typing import Literal

from siting.inputs.attributes import Known, Value, value_text
from siting.records import frozen
from siting.rules import conditions
from siting.rules.conditions import Condition, Values
from siting.rules.flows import FlowFacts
from siting.rules.rulebook import Rule, RuleBook, first_cited

Verdict = Literal["pass", "review", "fail", "n.a."]
SEVERITY: tuple[Verdict, ...] = ("n.a.", "pass", "review", "fail")
"""From best to worst; the worst of several verdicts is the last of them in this order."""

ASKED_LEVELS = ("flow", "option", "client")
"""Levels of attributes that somebody answers; the scenario's own are given."""

IN_SERVICE = "in_service"
"""Attribute that an option comes to have by being chosen."""


@frozen
class Decided:
    """A verdict, why, and the unknown attributes that it waits for."""

    verdict: Verdict
    reason: str
    missing: tuple[str, ...] = ()
    may_not_apply: bool = False
    """Whether it is not even known if the rule concerns the flow."""
    waits: bool = False
    """Whether it is open for want of an answer alone: no person has to judge what is known."""
    may_fail: bool = False
    """Whether it is open, and what is not known does not exclude that it fails in service."""


@frozen
class Finding(Decided):
    """What one rule says of one flow under the law of a day."""

    rule: Rule
    flow: FlowFacts
    law: RuleBook

    @classmethod
    def of(cls, rule: Rule, flow: FlowFacts, law: RuleBook, supposed: Values) -> Finding:
        """What a rule says of a flow, with some answers supposed."""
        return cls(rule=rule, flow=flow, law=law, **vars(said_of(rule, flow, law, supposed)))

    @cached_property
    def can_strike(self) -> bool:
        """Whether the option may fall by it.

        An answer that is not known may make the rule fail, whosever duty it is; or a person must
        judge what lies with the option, under a rule that can fail and itself forbids the client
        something, which a caution of ours does not, nor law that binds others; or the law forbids
        what no table can find, and a person or a court may.
        """
        if self.verdict != "review":
            return False
        can_fail = "fail" not in self.rule.cannot.split(";")
        forbids = can_fail and not self.rule.binds and not self._is_beyond_gdpr
        judged = not self.waits and self.rule.weight == "option" and forbids
        return self.may_fail or judged or self.rule.may_forbid

    @property
    def is_lacking(self) -> bool:
        """Whether law that binds the client asks for what is known to be lacking: nothing of it is
        left to a judgement or an exception."""
        lacks = self.law.parsed[self.rule.rule_id].lacks
        known = {**self.law.sets, **self.flow.values}
        is_known = conditions.evaluate(lacks, known) is True
        return self.is_of_law and self.verdict == "review" and is_known

    @property
    def provision(self) -> str:
        """Article or decision, as a lawyer cites it: none of the GDPR where it does not reach the
        flow."""
        return self.rule.provision_beyond if self._is_beyond_gdpr else self.rule.provision

    @property
    def is_of_law(self) -> bool:
        """Whether it is law that binds the client: no good practice, no policy, no law that binds
        others, and no caution of ours, which is left of a rule on the GDPR where that does not
        reach the flow."""
        return self.rule.is_of_law and not self.rule.binds and not self._is_beyond_gdpr

    @property
    def forbidden_by(self) -> tuple[str, ...]:
        """What forbids the client, in words, where the provision binds its provider alone: an
        answer without which the rule would not fail."""
        asked = filter(None, self.rule.forbidden_by.split(";"))
        return tuple(
            self.law.attributes[name].label
            for name in asked
            if self.flow.values.get(name) and self.supposing({name: False}).verdict != "fail"
        )

    @cached_property
    def _is_beyond_gdpr(self) -> bool:
        """Whether the GDPR does not reach the flow, and the rule says what is then left of it."""
        beyond = self.rule.provision_beyond
        return bool(beyond) and self.law.follows("gdpr", self.flow.values) is False

    @property
    def cited(self) -> str:
        """The first of them, without what is said of it."""
        return first_cited(self.provision)

    def supposing(self, answers: Values) -> Decided:
        """What the rule would say if these were the answers."""
        return said_of(self.rule, self.flow, self.law, answers)

    def without(self, policies: Iterable[str], kept: str = "") -> Finding:
        """The same if the client had none of these lines of policy, or but the one kept."""
        asked = {self.law.policy_attributes[line]: line == kept for line in policies}
        return Finding.of(self.rule, self.flow, self.law, asked)

    def lines_behind(self, policies: Sequence[str]) -> tuple[str, ...]:
        """Lines of the client's policy by which a rule fails: each would make it fail alone, and
        no law alone does."""
        if self.without(policies).verdict == "fail":
            return ()
        return tuple(p for p in policies if self.without(policies, kept=p).verdict == "fail")

    def law_behind(self, line: str, policies: Iterable[str]) -> Finding | None:
        """What a law says that asks what a line of the client's policy asks: the line is in its
        scope, and without the client's policies it applies all the same, or may. None where none
        does."""
        bare = self.without(policies)
        in_scope = conditions.names(self.law.parsed[self.rule.rule_id].applies)
        is_in_scope = self.law.policy_attributes[line] in in_scope
        asks_it = self.rule.is_of_law and is_in_scope and bare.verdict != "n.a."
        return bare if asks_it else None

    @cached_property
    def evidence(self) -> tuple[Known, ...]:
        """Answers that the verdict rests on."""
        tested = map(self.flow.known.get, self.law.tested[self.rule.rule_id])
        return tuple(k for k in tested if k and k.attribute.level not in ("stress", "setting"))

    @cached_property
    def grounds(self) -> tuple[Known, ...]:
        """The evidence that matters: if it were unknown, verdict or reason would be another.

        Where each of several pieces could be missing, but not all of them, they are grounds, too:
        that nothing is kept decides, though zero retention is agreed besides.
        """
        if self.verdict == "n.a.":
            return self.evidence
        asked = [k.attribute.name for k in self.evidence]
        spared = {name for name in asked if self._stands(self.supposing({name: None}))}
        left = self.supposing(dict.fromkeys(spared))
        idle = spared if self._stands(left) else spared - set(left.missing)
        return tuple(k for k in self.evidence if k.attribute.name not in idle) or self.evidence

    def _stands(self, supposed: Decided) -> bool:
        """Whether the rule says the same of what is supposed, for the same reason."""
        return (supposed.verdict, supposed.reason) == (self.verdict, self.reason)

    @property
    def undated(self) -> tuple[Known, ...]:
        """Answers that decide a pass and whose source has no date: weak evidence."""
        if self.verdict != "pass":
            return ()
        return tuple(k for k in self.grounds if k.source.url and k.source.date == "undated")


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; `n.a.` if there are none."""
    return max(verdicts, key=SEVERITY.index, default="n.a.")


def said_of(rule: Rule, flow: FlowFacts, law: RuleBook, supposed: Values) -> Decided:
    """What a rule says of a flow, with some answers supposed.

    It fails by no weak fact, and still by what was known before a vaguer answer.
    """
    said = decide(rule, {**flow.values, **supposed} if supposed else flow.values, law)
    if said.verdict == "fail":
        return decide(rule, {**flow.firm, **supposed}, law)
    if flow.still:
        before = decide(rule, {**flow.firm, **flow.still, **supposed}, law)
        return before if before.verdict == "fail" else said
    return said


def decide(rule: Rule, values: Values, law: RuleBook) -> Decided:
    """Verdict of `rule` on a flow with these `values`, its reason, and what it waits for."""
    decided = _decided(rule.rule_id, law, *map(values.get, law.tested[rule.rule_id]))
    if "{" not in decided.reason:
        return decided
    return replace(decided, reason=filled(decided.reason, values))


def filled(text: str, values: Values) -> str:
    """A text in which {attribute} is replaced by its value, as a reader reads it."""
    return PLACE.sub(lambda place: value_text(values.get(place[1])), text)


PLACE = re.compile(r"\{([a-z0-9_]+)\}")
"""An attribute in a reason, which its value replaces."""


@lru_cache(1 << 16, typed=True)
def _decided(rule_id: str, law: RuleBook, *given: Value | None) -> Decided:
    """Kept: options, suppositions and searches for rivals put the same to a rule many times.

    In the reason, {attribute} stands for its value; ` | ` parts one reason from the next.
    """
    rule = law.rules[rule_id]
    if rule.valid_from and law.day < rule.valid_from:
        return Decided(verdict="n.a.", reason=f"Applies from {spelt_day(rule.valid_from)}.")
    if rule.valid_to and law.day > rule.valid_to:
        return Decided(verdict="n.a.", reason=f"Applied until {spelt_day(rule.valid_to)}.")
    told = dict(zip(law.tested[rule_id], given, strict=True))
    values = {**law.sets, **told, "as_of": law.day}
    when = law.parsed[rule_id]
    held = conditions.evaluate(when.applies, values)
    fails = conditions.evaluate(when.fails, values)
    # Before a start a rule may ask for a look alone; what is chosen will be in service.
    may_fail = conditions.evaluate(when.fails, {**values, IN_SERVICE: True}) is not False
    reviews = conditions.evaluate(when.reviews, values)
    if held is None:
        if reviews is False and not may_fail:
            # Whether it applies or not, nothing is missing: no answer can strike or change it.
            passes = f"If it applies: {rule.pass_reason}"
            return Decided(verdict="pass", reason=passes, may_not_apply=True)
        asked = [when.applies]
        if not may_fail and conditions.names(when.fails) and _is_own(when.reviews, law, values):
            # Answers exclude that it fails, and the client's own to the rest make it pass whatever
            # its scope: they are asked, too.
            asked.append(when.reviews)
        scope = _waiting("Not known whether it applies", law, values, *asked)
        return replace(scope, may_not_apply=True, may_fail=may_fail)
    if not held:
        abroad = law.not_in_force(rule_id, str(values.get("controller_country") or ""))
        return Decided(verdict="n.a.", reason=abroad or f"Applies only where {rule.scope}.")
    if fails:
        return Decided(verdict="fail", reason=_reason(rule.fail_reason, when.fails, values))
    if reviews:
        # A person must judge; what the fail turns on is told beside it, but is not waited for.
        unknown = tuple(sorted(conditions.undecided(when.fails, values)))
        return Decided(
            verdict="review",
            reason=_reason(rule.review_reason, when.reviews, values),
            missing=unknown,
            may_fail=may_fail,
        )
    if fails is None or reviews is None:
        found = _waiting("Not known", law, values, when.fails, when.reviews)
        return replace(found, may_fail=may_fail)
    return Decided(verdict="pass", reason=rule.pass_reason)


def spelt_day(day: dt.date) -> str:
    """A day as it stands in a sentence: `24 December 2026`."""
    return f"{day.day} {day:%B %Y}"


def _is_own(condition: Condition, law: RuleBook, values: Values) -> bool:
    """Whether a condition turns on unknown answers, and all of them are the client's."""
    unknown = conditions.undecided(condition, values)
    return bool(unknown) and all(law.attributes[name].level == "client" for name in unknown)


def _waiting(why: str, law: RuleBook, values: Values, *parts: Condition) -> Decided:
    """A review because what these conditions turn on is unknown."""
    unknown = (conditions.undecided(p, values) for p in parts)
    missing = tuple(sorted(frozenset().union(*unknown)))
    labels = "; ".join(law.attributes[a].label for a in missing)
    return Decided(verdict="review", reason=f"{why}: {labels}.", missing=missing, waits=True)


def _reason(reason: str, condition: Condition, values: conditions.Values) -> str:
    """A reason; of several, one for each part of an `or`, those whose part holds."""
    if " | " not in reason or not isinstance(condition, conditions.Operation):
        return reason
    told = zip(reason.split(" | "), condition.parts, strict=True)
    return " ".join(text for text, part in told if conditions.evaluate(part, values))
