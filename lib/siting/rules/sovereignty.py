"""Data sovereignty and compliance: which rule says what about each flow of each option.

Every rule of `siting_facts/sovereignty_rules.csv` looks at the flows that it names
(`siting.rules.flows`) and gives a verdict on each (`siting.rules.findings`). An option takes the
worst verdict of its flows for each rule, and a hybrid has the flows of both its parts. Verdicts
are counted, never averaged.

This is a checklist with its evidence, not legal advice.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from siting import catalogue
from siting.catalogue import Owner
from siting.inputs.attributes import Attribute, Known, Value
from siting.inputs.scenario.model import Scenario
from siting.records import frozen
from siting.rules import conditions, properties, rulebook
from siting.rules.conditions import Values
from siting.rules.findings import SEVERITY, Finding, Verdict, said_of
from siting.rules.flows import Cited, FlowFacts, evidence_of, flows_of
from siting.rules.rulebook import (
    Coverage,
    LawTopic,
    Rule,
    RuleBook,
    UsualTime,
    usual_time,
)

NO_FLOW = FlowFacts(kind="", label="", carrier="", known={}, still={})
"""Stands for the flow of a rule that looks at none of an option's."""


@frozen
class OpenPoint:
    """What a person must still decide or answer of an option: one question is one point.

    A rule that waits for several answers stands under the one that most rules wait for.
    """

    findings: tuple[Finding, ...]
    """The rules that are open: one that a person must judge, or all that wait for one answer."""
    awaited: Attribute | None
    """The answer that they wait for; None where a person must judge."""
    missing: tuple[str, ...]
    """All answers that they wait for, on whatever flow: first the one that most rules do."""
    remedy: str
    """What is missing of what would mend the rule that stands for it."""
    strikes: bool
    """Whether the option may fall by it: by one of its rules, on any flow."""
    flows: tuple[str, ...] = ()
    """The flows that it is about, without what carries them: of an answer, those that lack it."""
    carriers: tuple[str, ...] = ()
    """Options whose vendor carries a flow of which something is not known, or may: whom a question
    to a vendor is put to. None where the client carries all itself."""
    served_by: tuple[str, ...] = ()
    """Options that carry a flow of which something is not known, the client's own among them: the
    makers of their models are whom a question to a maker is put to."""

    @cached_property
    def lead(self) -> Finding:
        """The finding that stands for the point: the one that weighs most."""
        return _lead(self.findings)

    @property
    def is_of_law(self) -> bool:
        """Whether some law that binds the client asks for it, not only good practice, a policy, a
        caution of ours or law that binds others."""
        return any(f.is_of_law for f in self.findings)

    @property
    def is_lacking(self) -> bool:
        """Whether what some law asks for is known to be lacking, so that no answer and no judgement
        is awaited."""
        return any(f.is_lacking for f in self.findings)

    @property
    def binds_now(self) -> bool:
        """Whether some law that binds the client asks for it already: in force, and a duty."""
        of_law = (f.rule for f in self.findings if f.is_of_law)
        return any(not rule.to_come and not rule.is_condition for rule in of_law)

    @property
    def is_on_others(self) -> bool:
        """Whether it is about law that binds who sells or made what is used, and no law that binds
        the client asks for it."""
        return not self.is_of_law and any(f.rule.binds for f in self.findings)

    @property
    def by_gravity(self) -> tuple[Finding, ...]:
        """Its rules: what the client's law of secrecy asks first, then of data protection, then
        other law, last what no law asks."""
        if len(self.findings) == 1:
            return self.findings
        country = str(self.lead.flow.values.get("controller_country", ""))
        ranked = {f.rule.rule_id: f.law.gravity(f.rule.rule_id, country) for f in self.findings}
        own = sorted(self.findings, key=lambda f: (not f.is_of_law, ranked[f.rule.rule_id]))
        return tuple(own)

    @property
    def label(self) -> str:
        """The rule, or the gravest of several that wait for one answer, and how many more."""
        first, *others = self.by_gravity
        return f"{first.rule.title} and {len(others)} more" if others else first.rule.title

    @property
    def owner(self) -> Owner:
        """Who settles it: who answers or asks the question, or whose the rule is that names it."""
        return (self.awaited and self.awaited.owner) or self.by_gravity[0].rule.owner

    @cached_property
    def usual(self) -> UsualTime | None:
        """How long it usually takes to settle it, once it is begun; None where nothing is on
        file."""
        found = filter(None, (usual_time(f.rule.rule_id) for f in self.findings))
        return max(found, key=lambda time: time.days, default=None)

    @property
    def meanwhile(self) -> str:
        """What the client keeps to from today until it is settled; blank where nothing is said."""
        return "; ".join(filter(None, (f.rule.meanwhile for f in self.findings)))

    @property
    def reason(self) -> str:
        """Why it is open."""
        if len(self.findings) == 1:
            return self.lead.reason
        titles = "; ".join(f.rule.title for f in self.findings)
        return f"{len(self.findings)} rules wait for it: {titles}."

    @property
    def may_not_apply(self) -> bool:
        """Whether it is not even known if its one rule concerns the option."""
        return len(self.findings) == 1 and self.lead.may_not_apply

    @property
    def settled_by(self) -> Settling:
        """What settles it: whom a question goes to, or what the client has to do or judge."""
        if self.awaited:
            outside = self.awaited.addressee == "vendor" and self.carriers
            return "ask" if outside or self.is_for_maker else "answer"
        mends = self.lead.may_fail or self.lead.rule.weight != "option"
        return "do" if mends else "judge"

    @property
    def is_for_maker(self) -> bool:
        """Whether its question is for who made the model, whoever runs it."""
        return self.awaited is not None and self.awaited.addressee == "maker"

    def question(self, name: str) -> str:
        """What is asked of an answer that it waits for, to whom it goes."""
        return self.lead.law.attributes[name].asked(is_own=not self.carriers)

    @property
    def short(self) -> str:
        """What is asked or judged, in a few words."""
        if not self.awaited:
            return self.lead.rule.short
        asked = self.awaited.short or f"{self.awaited.label}?"
        return asked[:1].upper() + asked[1:]

    @property
    def clears(self) -> str:
        """The question to ask, or what would mend it."""
        asked = self.question(self.awaited.name) if self.awaited else ""
        if self.flows:
            asked = asked.replace("this flow", f"this flow ({_listed(self.flows)})", 1)
        return asked or self.remedy

    @property
    def weight(self) -> tuple[bool, bool, bool, bool, int]:
        """Place among the points of an option: those that can strike it first, of these first what
        is known to concern it, then what decides which law reaches the client, or keeps data out
        until it is settled; those of law that binds others last."""
        rank = WEIGHTS.index(self.lead.rule.weight)
        comes_first = self.strikes and (self.lead.rule.is_condition or bool(self.meanwhile))
        rare = self.lead.may_not_apply
        return not self.strikes, rare, not comes_first, self.is_on_others, rank


def _carriers(flows: Iterable[FlowFacts]) -> tuple[str, ...]:
    """Options that carry flows, each once."""
    return tuple(dict.fromkeys(flow.carrier for flow in flows))


Settling = Literal["ask", "answer", "do", "judge"]
"""What settles a point. ask: a vendor answers; answer: the client does; do: the client mends what
would else be wrong; judge: a person judges what the rule shows, or mends it."""


def _listed(flows: Sequence[str]) -> str:
    """Flows as a question names them: the first two of many, and how many more."""
    named = [flow.lower() for flow in flows]
    if len(named) > 3:
        named = [*named[:2], f"{len(named) - 2} more"]
    return ", ".join(named)


def _lead(findings: Iterable[Finding]) -> Finding:
    """The first of those that weigh most."""
    return min(findings, key=_weight)


def _weight(finding: Finding) -> tuple[bool, int, bool]:
    """Order of open points: what can strike the option first; of both sorts what lies with the
    option first, marking duties last; what may not even apply after what does."""
    rank = WEIGHTS.index(finding.rule.weight)
    return not finding.can_strike, rank, finding.may_not_apply


WEIGHTS = ("option", "duty", "marking")
"""From what lies with an option to what is a notice."""


@dataclass(frozen=True)
class OptionAssessment:
    """What every rule says of an option."""

    flows: tuple[FlowFacts, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    """By rule: one for each flow that it looks at."""

    def bound(self, rule_id: str) -> tuple[FlowFacts, ...]:
        """The flows on which a rule gives the verdict that it gives of the option."""
        verdict = self.verdicts[rule_id].verdict
        return tuple(f.flow for f in self.findings[rule_id] if f.verdict == verdict)

    def failing(self, rule_id: str) -> tuple[Finding, ...]:
        """What a rule says of each flow on which it fails."""
        return tuple(f for f in self.findings[rule_id] if f.verdict == "fail")

    def remedy(self, finding: Finding) -> str:
        """What would mend a rule, without the measures that are in place on all flows it binds."""
        rule_id = finding.rule.rule_id
        return finding.law.remedy(rule_id, (flow.values for flow in self.bound(rule_id)))

    @cached_property
    def open_points(self) -> tuple[OpenPoint, ...]:
        """What is open, what weighs most first; rules that wait for one answer are one point."""
        reviews = [f for f in self.verdicts.values() if f.verdict == "review"]
        points = [self._point((f,), None) for f in reviews if not f.waits]
        waiting = {f.rule.rule_id: f for f in reviews if f.waits}
        # On whatever flow: answers that would decide it, as whether data leave the country.
        awaited = {
            rule_id: {name for f in self.findings[rule_id] if f.waits for name in f.missing}
            for rule_id in waiting
        }
        while waiting:
            asked = Counter(name for rule_id in waiting for name in awaited[rule_id])
            # Of two that as many wait for, the one that the dictionary asks first.
            law = next(iter(waiting.values())).law
            order = list(law.attributes)
            name = min(asked, key=lambda n: (-asked[n], order.index(n)))
            own = tuple(f for rule_id, f in waiting.items() if name in awaited[rule_id])
            points.append(self._point(own, law.attributes[name]))
            for f in own:
                del waiting[f.rule.rule_id]
        return tuple(sorted(points, key=lambda point: point.weight))

    def _point(self, findings: tuple[Finding, ...], awaited: Attribute | None) -> OpenPoint:
        """What some rules leave open. Also where a person must judge all the same, as of a transfer
        whose safeguards are to be assessed whatever the vendor answers, it is told what is not
        known: of a mix, on both sides."""
        by_rule = [self.findings[found.rule.rule_id] for found in findings]
        every = [f for own in by_rule for f in own]
        names = [n for own in by_rule for n in sorted({n for f in own for n in f.missing})]
        reviewed = [f for f in every if f.verdict == "review"]
        if awaited:
            names.insert(0, awaited.name)
            reviewed = [f for f in reviewed if awaited.name in f.missing]
        labels = (f.flow.label.split(": ")[-1] for f in reviewed if f.flow.label)
        open_ = [f.flow for f in [f for f in every if f.missing] or findings]
        return OpenPoint(
            findings=findings,
            awaited=awaited,
            missing=tuple(dict.fromkeys(names)),
            remedy=self.remedy(_lead(findings)),
            strikes=any(f.can_strike for f in every),
            flows=tuple(dict.fromkeys(labels)),
            carriers=_carriers(flow for flow in open_ if flow.may_be_outside),
            served_by=_carriers(open_),
        )

    @cached_property
    def verdicts(self) -> dict[str, Finding]:
        """The finding that decides, by rule: that of the worst flow.

        Of two flows that are open, the one that a person must judge: an answer about the other
        does not clear it.
        """
        return {
            rule_id: max(found, key=lambda f: (SEVERITY.index(f.verdict), not f.waits))
            for rule_id, found in self.findings.items()
        }

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of rules by verdict, worst first."""
        found = Counter(v.verdict for v in self.verdicts.values())
        return {verdict: found[verdict] for verdict in reversed(SEVERITY)}


@frozen
class Touched:
    """A topic of law that concerns the client, or may."""

    found: Finding
    """The rule of coverage by which it does."""
    law: Coverage
    """What is on file of it in the client's country."""


PEOPLE_IN = {
    "eu_data_subjects": "EEA",
    "output_in_eu": "EEA",
    "swiss_data_subjects": "CH",
    "uk_data_subjects": "GB",
    "canada_data_subjects": "CA",
}
"""Answers by which the law of a place reaches a client from elsewhere."""


@dataclass(frozen=True)
class Sovereignty:
    """Everything that the chapter, summary.json and the decision need to know."""

    scenario: Scenario
    law: RuleBook
    options: Mapping[str, OptionAssessment]

    @cached_property
    def touched(self) -> tuple[Touched, ...]:
        """Topics of law that this client touches, on file or not: the same for every option."""
        laws = rulebook.coverage(self.scenario.client.country)
        flows = [flow for option in self.options.values() for flow in option.flows]
        found = []
        for rule_id, law in laws.items():
            rule = self.law.rules[rule_id]
            own = (Finding.of(rule, f, self.law, {}) for f in flows if rule.looks_at(f.kind))
            found += [Touched(found=f, law=law) for f in own if f.verdict == "review"][:1]
        return tuple(found)

    @property
    def for_counsel(self) -> tuple[Touched, ...]:
        """What counsel must review, one line a topic: law that is not on file, then known gaps of
        law that is."""
        lacking = (topic for topic in self.touched if topic.law.gap or not topic.law.on_file)
        return tuple(sorted(lacking, key=lambda topic: topic.law.on_file))

    @cached_property
    def not_looked_at(self) -> Mapping[str, tuple[LawTopic, ...]]:
        """Topics of law, or what rules leave of them, at which no rule looks, each with the acts
        that are named of the countries whose law reaches the client: the same for every option."""
        flows = [flow.values for option in self.options.values() for flow in option.flows]
        home = self.scenario.client.country
        abroad = (place for name, place in PEOPLE_IN.items() if any(v.get(name) for v in flows))
        here = {home, *abroad}
        if here & self.law.sets["eea"]:
            here.add("EU")
        rows = catalogue.table("law_topics", LawTopic)
        found: dict[str, list[LawTopic]] = {row.topic: [] for row in rows}
        for row in rows:
            found[row.topic] += [row] if row.country in here else []
        named = {
            topic: max((row.beyond for row in own), default="") for topic, own in found.items()
        }
        return {named[topic] or topic: tuple(own) for topic, own in found.items()}

    @property
    def findings(self) -> Iterator[tuple[str, Finding]]:
        """What every rule says of every flow of every option, with the option's name."""
        for name, option in self.options.items():
            for found in option.findings.values():
                yield from ((name, finding) for finding in found)

    def stricter_from(self, option: str, point: OpenPoint, until: dt.date) -> dt.date | None:
        """First day by `until` from which a rule of a point fails and does not yet, were one or
        two of the answers otherwise that a person still has to check or that nobody gave; None
        where there is none. What the client has answered else stands: whom the law spares for a
        time by it has that time, and whom it does not spare has none.
        """
        days = (self._stricter(option, f.rule, until, {}) for f in point.findings)
        return min(filter(None, days), default=None)

    def spared_by(self, option: str, point: OpenPoint, until: dt.date) -> tuple[Attribute, ...]:
        """Answers by yes or no on which it turns whether the law binds already or spares the client
        up to a day by `until`."""
        found: dict[str, Attribute] = {}
        for f in point.findings:
            when = self.law.parsed[f.rule.rule_id]
            fails_on = conditions.names(when.fails) - conditions.names(when.applies)
            for name in sorted(fails_on - conditions.names(when.reviews)):
                attribute = self.law.attributes.get(name)
                if attribute and attribute.type == "yes/no":
                    supposed = ({name: said} for said in (True, False))
                    days = {self._stricter(option, f.rule, until, said) for said in supposed}
                    found |= {name: attribute} if len(days) > 1 else {}
        return tuple(found.values())

    def _stricter(
        self, option: str, rule: Rule, until: dt.date, supposed: Values
    ) -> dt.date | None:
        """First day by `until` from which a rule may fail and does not yet; None where there is
        none."""
        named = self.law.named_days(rule.rule_id)
        for day in sorted(day for day in named if self.law.day < day <= until):
            then = self.law.on(day)
            for said in self._sayings(option, rule, supposed):
                fails_now = self._fails(option, rule, said, self.law)
                if not fails_now and self._fails(option, rule, said, then):
                    return day
        return None

    def _sayings(self, option: str, rule: Rule, supposed: Values) -> Iterator[Values]:
        """What may be found of a rule: each answer to what is not known or must be checked, and
        each two, all with what is supposed."""
        checked = conditions.names(self.law.parsed[rule.rule_id].reviews)
        free = {n for n in self.law.tested[rule.rule_id] if n in checked} - supposed.keys()
        flows = [f for f in self.options[option].flows if rule.looks_at(f.kind)]
        for name in self.law.tested[rule.rule_id]:
            known = [f.known.get(name) for f in flows]
            is_said = all(k and not k.assumed for k in known)
            free |= set() if is_said or name in supposed else {name}
        said = [(name, answer) for name in sorted(free) for answer in self._answers(name)]
        pairs = itertools.combinations(said, 2)
        yield from ({**supposed, name: answer} for name, answer in said)
        yield from ({**supposed, **dict(pair)} for pair in pairs)

    def _answers(self, name: str) -> tuple[Value, ...]:
        attribute = self.law.attributes[name]
        return (True, False) if attribute.type == "yes/no" else attribute.words

    def _fails(self, option: str, rule: Rule, said: Values, law: RuleBook) -> bool:
        """Whether a rule fails on a flow of an option, with some attributes supposed."""
        flows = (f for f in self.options[option].flows if rule.looks_at(f.kind))
        return any(said_of(rule, f, law, said).verdict == "fail" for f in flows)

    @cached_property
    def questions(self) -> Mapping[str, tuple[str, ...]]:
        """Options on which a verdict waits for an answer, by attribute: first what most rules wait
        for. What is asked of a part of a mix is asked of the mix, too."""
        waiting: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for option, finding in self.findings:
            for attribute in finding.missing:
                waiting[attribute].append((option, finding.rule.rule_id))
        rules = {name: {rule for _, rule in asked} for name, asked in waiting.items()}
        order = sorted(waiting, key=lambda name: (-len(rules[name]), name))
        return {name: tuple(dict.fromkeys(o for o, _ in waiting[name])) for name in order}

    @property
    def assumptions(self) -> Iterable[Known]:
        """What the kit took for granted, each once, where another answer makes another verdict
        today or from the day of the rule: to be confirmed."""
        assumed = ((f, k) for _, f in self.findings for k in f.evidence if k.assumed)
        return {k.attribute.name: k for f, k in assumed if self._turns_on(f, k)}.values()

    def _turns_on(self, finding: Finding, known: Known) -> bool:
        law = self.law.on(max(self.law.day, finding.rule.valid_from or self.law.day))
        each = ({known.attribute.name: said} for said in (True, False))
        said = {said_of(finding.rule, finding.flow, law, answer).verdict for answer in each}
        return len(said) > 1

    def remedies(self, option: str) -> tuple[str, ...]:
        """Cost items of what would remedy the fails and reviews of an option, each once; without
        what is in place already on every flow that is to be remedied."""
        assessed = self.options[option]
        wanted: dict[str, None] = {}
        for rule_id, decisive in assessed.verdicts.items():
            if decisive.verdict not in ("fail", "review"):
                continue
            bound = assessed.bound(rule_id)
            for item in filter(None, decisive.rule.remedy_items.split(";")):
                known = (self.law.is_in_place(item, rule_id, flow.values) for flow in bound)
                if not all(known):
                    wanted[item] = None
        return tuple(wanted)

    def properties(self, option: str) -> frozenset[str]:
        """What an option is shown to have of what a client may value."""
        return properties.shown(self.options[option].flows, self.law, self.scenario.client.country)


def assess(scenario: Scenario) -> Sovereignty:
    """Verdicts of every rule on every option; what follows from them is worked out when asked for.

    Raises ValueError naming an answer of the scenario that cannot be.
    """
    law = law_of(scenario)
    source = evidence_of(scenario)
    flows = {name: flows_of(scenario, name, law, source) for name in scenario.options}
    return Sovereignty(scenario, law, {name: _judged(f, law, {}) for name, f in flows.items()})


def law_of(scenario: Scenario) -> RuleBook:
    """The rule book as it stands on the day of the report."""
    return rulebook.rule_book().on(scenario.client.report_date)


def judged(
    scenario: Scenario,
    name: str,
    supposed: Values | None = None,
    source: Cited | None = None,
) -> OptionAssessment:
    """What every rule says of one option, with some attributes supposed.

    source: the scenario's evidence, where others share what is looked up.
    """
    law = law_of(scenario)
    return _judged(flows_of(scenario, name, law, source), law, supposed or {})


def _judged(flows: tuple[FlowFacts, ...], law: RuleBook, supposed: Values) -> OptionAssessment:
    """What every rule says of an option with these flows, with some attributes supposed."""
    found: dict[str, list[Finding]] = {
        rule_id: [] for rule_id, rule in law.rules.items() if not rule.is_limit
    }
    for flow in flows:
        for rule in law.looking_at[flow.kind]:
            found[rule.rule_id].append(Finding.of(rule, flow, law, supposed))
    return OptionAssessment(
        flows,
        {name: tuple(own or [_no_such_flow(law.rules[name], law)]) for name, own in found.items()},
    )


def _no_such_flow(rule: Rule, law: RuleBook) -> Finding:
    reason = "The option has no such flow."
    return Finding(rule=rule, flow=NO_FLOW, law=law, verdict="n.a.", reason=reason, missing=())
