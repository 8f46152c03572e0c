"""Data sovereignty and compliance: which rule says what about each flow of each option.

An option is split into flows of data (inference, logs, support access …). Every rule of
`facts/sovereignty_rules.csv` looks at the flows that it names, with what is known of each:

    fail     a hard condition of the rule is missing
    review   a person must decide, or an attribute that matters is unknown
    pass     the conditions hold whatever the unknown attributes turn out to be
    n.a.     the rule does not apply, or not on this date

Unknown never becomes pass. An option takes the worst verdict of its flows for each rule, and a
hybrid has the flows of both its parts. Verdicts are counted, never averaged.

This is a checklist with its evidence, not legal advice.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

from siting import catalogue
from siting.catalogue import Source, source_of
from siting.inputs.scenario import Scenario
from siting.rules import conditions, openness, rulebook
from siting.rules.conditions import Condition, Value, Values
from siting.rules.dataflows import FlowFacts, flows_of
from siting.rules.rulebook import Event, Law, Rule, RuleBook, Stress, value_text

Verdict = Literal["pass", "review", "fail", "n.a."]
SEVERITY: tuple[Verdict, ...] = ("n.a.", "pass", "review", "fail")
"""From best to worst; the worst of several verdicts is the last of them in this order."""

ASKED = ("flow", "option", "client")
"""Levels of attributes that somebody answers; the scenario's own are given."""

SEARCH_LIMIT = 3
"""How many answers at once are tried when looking for what would turn a verdict into pass."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """An answer that a verdict rests on."""

    attribute: str
    label: str
    value: str
    level: str
    """Where it is answered: flow, option, client, or the scenario."""
    source: Source
    assumed: bool


Answers = tuple[tuple[str, str], ...]
"""Answers to suppose: label of the attribute and value."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What would change a verdict."""

    to_pass: tuple[Answers, ...]
    """Sets of answers, each of which gives pass: the smallest sets; empty if none was found."""
    to_fail: Answers
    """Single answers, each of which gives fail."""
    to_review: Answers = ()
    """For a pass: single answers, each of which calls for a person."""


@dataclass(frozen=True)
class Finding:
    """What one rule says of one flow."""

    rule: Rule
    flow: FlowFacts
    verdict: Verdict
    reason: str
    missing: tuple[str, ...]
    """Unknown attributes that the verdict waits for."""
    evidence: tuple[Evidence, ...]
    switched_off_by: tuple[Evidence, ...] = ()
    """Stated facts each of which alone keeps the rule from applying."""


@dataclass(frozen=True)
class RuleVerdict:
    """What one rule says of an option: the worst of its flows, and every finding."""

    rule: Rule
    verdict: Verdict
    findings: tuple[Finding, ...]
    law: Law

    @property
    def decisive(self) -> Finding | None:
        """The finding that decides; None where the option has none of the rule's flows."""
        return next((f for f in self.findings if f.verdict == self.verdict), None)

    @cached_property
    def changes(self) -> Changes:
        """What would change the decisive finding."""
        return _changes(self.decisive, self.law) if self.decisive else Changes((), ())

    @cached_property
    def grounds(self) -> tuple[Evidence, ...]:
        """Evidence without which the decisive finding would be another."""
        return _grounds(self.decisive, self.law) if self.decisive else ()

    @property
    def reason(self) -> str:
        """Why, and in which flow."""
        if self.decisive is None:
            return "The option has no such flow."
        return self.decisive.reason

    @property
    def missing(self) -> tuple[str, ...]:
        """Unknown attributes of all flows that this verdict waits for, each once."""
        return tuple(dict.fromkeys(a for f in self.findings for a in f.missing))


@dataclass(frozen=True)
class OptionAssessment:
    """All verdicts on one option."""

    option: str
    label: str
    flows: tuple[FlowFacts, ...]
    verdicts: Mapping[str, RuleVerdict]

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of rules by verdict, worst first."""
        found = Counter(v.verdict for v in self.verdicts.values())
        return {verdict: found[verdict] for verdict in reversed(SEVERITY)}

    @property
    def overall(self) -> Verdict:
        return worst(v.verdict for v in self.verdicts.values())


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict that is another one after something happens (a stress, a date)."""

    option: str
    rule_id: str
    before: Verdict
    after: Verdict
    reason: str


@dataclass(frozen=True)
class StressTest:
    """One 'what if' and the verdicts that flip."""

    stress: Stress
    flips: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A date to come: what happens, and which verdicts change on today's answers."""

    date: dt.date
    text: str
    changes: tuple[Change, ...]
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class Question:
    """An open question, whom to put it to, and the verdicts that wait for the answer."""

    attribute: str
    level: str
    """`flow`: it is asked flow by flow."""
    addressee: str
    question: str
    options: tuple[str, ...]
    flows: tuple[str, ...]
    rules: tuple[str, ...]


@dataclass(frozen=True)
class Assessment:
    """Everything that the chapter, summary.json and the decision need to know."""

    as_of: dt.date
    rules: tuple[Rule, ...]
    options: Mapping[str, OptionAssessment]
    law: Law
    supposed: tuple[Stress, ...]
    pending: tuple[Event, ...]
    """Law that is not settled, with the last news by the day of the report, newest first."""
    questions: tuple[Question, ...]
    assumptions: tuple[Evidence, ...]
    """What the kit took for granted and a verdict rests on: to be confirmed."""
    models: tuple[openness.ModelFinding, ...]
    vendors: tuple[openness.Transparency, ...]

    @cached_property
    def stress(self) -> tuple[StressTest, ...]:
        """Verdicts that flip in each 'what if' of the scenario."""
        return tuple(_stress(s, self._flows, self._today, self.law) for s in self.supposed)

    @cached_property
    def ahead(self) -> tuple[Ahead, ...]:
        """Dates to come, and what they change."""
        events = catalogue.table("environment_events", Event)
        return tuple(_ahead(self._flows, self._today, events, self.law))

    @property
    def _flows(self) -> Mapping[str, tuple[FlowFacts, ...]]:
        return {name: option.flows for name, option in self.options.items()}

    @property
    def _today(self) -> Verdicts:
        found = ((n, r, v) for n, o in self.options.items() for r, v in o.verdicts.items())
        return {(name, rule): (v.verdict, "") for name, rule, v in found}

    def verdict(self, option: str, rule_id: str) -> Verdict:
        """What one rule says of an option. Raises KeyError with near names."""
        found = self.options[option].verdicts
        if rule_id not in found:
            raise KeyError(catalogue.unknown(rule_id, "rule", found))
        return found[rule_id].verdict

    def counts(self, option: str) -> dict[Verdict, int]:
        return self.options[option].counts

    def remedies(self, option: str) -> tuple[str, ...]:
        """Cost items of what would remedy the fails and reviews of an option, each once."""
        found = (
            item
            for v in self.options[option].verdicts.values()
            if v.verdict in ("fail", "review")
            for item in v.rule.remedy_items.split(";")
        )
        return tuple(dict.fromkeys(filter(None, found)))

    def switches(self) -> dict[Evidence, tuple[Rule, ...]]:
        """Facts each of which keeps rules in force, which apply to no option, from applying."""
        found: dict[Evidence, tuple[Rule, ...]] = defaultdict(tuple)
        first: dict[tuple[str, str], Evidence] = {}
        for rule in self.rules:
            verdicts = [o.verdicts[rule.rule_id] for o in self.options.values()]
            if rule.holds(self.as_of) and all(v.verdict == "n.a." for v in verdicts):
                off = (e for v in verdicts for f in v.findings for e in f.switched_off_by)
                for e in {first.setdefault((e.attribute, e.value), e): None for e in off}:
                    found[e] += (rule,)
        return dict(found)

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source that a verdict rests on: the rules' own and the evidence's."""
        cited = [*map(source_of, self.rules)]
        cited += [e.source for _, f in _findings(self.options) for e in f.evidence]
        cited += [s for a in self.ahead for s in a.sources]
        return tuple(dict.fromkeys([*cited, *(m.source for m in self.models)]))


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; `n.a.` if there are none."""
    return max(verdicts, key=SEVERITY.index, default="n.a.")


# Judging: pure functions of a rule, what is known of a flow, and a date.


def judge(rule: Rule, flow: FlowFacts, law: Law) -> Finding:
    """What `rule` says of `flow` under the law of a day."""
    verdict, reason, missing = decide(rule, flow.values, law)
    evidence = _evidence(rule, flow, law.book)
    off = _switches(rule, flow, law, evidence) if verdict == "n.a." else ()
    return Finding(rule, flow, verdict, reason, missing, evidence, off)


def _switches(
    rule: Rule, flow: FlowFacts, law: Law, evidence: tuple[Evidence, ...]
) -> tuple[Evidence, ...]:
    """Facts that, taken the other way, would make the rule apply."""
    applies = law.book.parsed[rule.rule_id].applies
    values = {**law.sets, **flow.values, "as_of": law.day}
    turned = ((e, {**values, e.attribute: values.get(e.attribute) is False}) for e in evidence)
    yes_no = ((e, other) for e, other in turned if isinstance(values.get(e.attribute), bool))
    return tuple(e for e, other in yes_no if conditions.evaluate(applies, other) is not False)


def decide(rule: Rule, values: Values, law: Law) -> tuple[Verdict, str, tuple[str, ...]]:
    """Verdict of `rule` on a flow with these `values`, its reason, and what it waits for."""
    read = law.book.read_by(rule)
    return _decided(rule, law, read, *map({**values, "as_of": law.day}.get, read))


@lru_cache(1 << 16, typed=True)
def _decided(
    rule: Rule, law: Law, read: tuple[str, ...], *given: Value | None
) -> tuple[Verdict, str, tuple[str, ...]]:
    """Kept: options, suppositions and searches for rivals put the same to a rule many times."""
    if rule.valid_from and law.day < rule.valid_from:
        return "n.a.", f"Applies from {rule.valid_from}.", ()
    if rule.valid_to and law.day > rule.valid_to:
        return "n.a.", f"Applied until {rule.valid_to}.", ()
    c = law.book.parsed[rule.rule_id]
    known = dict(zip(read, given, strict=True))
    values = {**law.sets, **known}
    applies, fails, review = (
        conditions.evaluate(part, values) for part in (c.applies, c.fail, c.review)
    )

    def waiting(why: str, *parts: Condition) -> tuple[Verdict, str, tuple[str, ...]]:
        unknown = (conditions.undecided(p, values) for p in parts)
        missing = tuple(sorted(frozenset().union(*unknown)))
        labels = "; ".join(law.book.attributes[a].label for a in missing)
        return "review", f"{why}: {labels}.", missing

    def filled(reason: str) -> str:
        """`reason` with {attribute} replaced by its value in words."""
        return rulebook.PLACE.sub(lambda m: value_text(known.get(m[1])), reason)

    if applies is False:
        return "n.a.", f"Applies only where {rule.scope}.", ()
    if applies is None:
        return waiting("Not known whether it applies", c.applies)
    if fails:
        return "fail", filled(rule.fail_reason), ()
    if review:
        return "review", filled(rule.review_reason), waiting("", c.fail)[2]
    if fails is None or review is None:
        return waiting("Not known", c.fail, c.review)
    return "pass", filled(rule.pass_reason), ()


def _evidence(rule: Rule, flow: FlowFacts, book: RuleBook) -> tuple[Evidence, ...]:
    tested = book.parsed[rule.rule_id].tested
    return tuple(
        Evidence(d.attribute, d.label, value_text(k.value), d.level, k.source, k.assumed)
        for d in map(book.attributes.__getitem__, tested)
        if (k := flow.known.get(d.attribute)) and d.level not in ("stress", "setting")
    )


def _grounds(finding: Finding, law: Law) -> tuple[Evidence, ...]:
    """The evidence that matters: if it were unknown, verdict or reason would be another.

    Where each single piece could be missing, all of it is the ground.
    """
    if finding.verdict == "n.a.":
        return finding.evidence
    rule, values = finding.rule, finding.flow.values
    said = (finding.verdict, finding.reason)
    needed = [
        e for e in finding.evidence if decide(rule, {**values, e.attribute: None}, law)[:2] != said
    ]
    return tuple(needed) or finding.evidence


def _changes(finding: Finding, law: Law) -> Changes:
    """Which answers would turn the verdict into pass (the fewest together), and into fail."""
    rule, flow, book = finding.rule, finding.flow, law.book
    if finding.verdict == "n.a.":
        return Changes((), ())
    options = list(_supposable(rule, flow, book))

    def given(answers: Iterable[Supposed]) -> Verdict:
        return decide(rule, {**flow.values, **{a: v for a, v, _ in answers}}, law)[0]

    to_pass: list[Answers] = []
    if finding.verdict != "pass":
        for size in range(1, SEARCH_LIMIT + 1):
            together = itertools.combinations(options, size)
            sets = (c for c in together if len({a for a, *_ in c}) == size)
            to_pass = [_named(c) for c in sets if given(c) == "pass"]
            if to_pass:
                break
    to_fail = [o for o in options if finding.verdict != "fail" and given([o]) == "fail"]
    to_review = [o for o in options if finding.verdict == "pass" and given([o]) == "review"]
    return Changes(tuple(to_pass), _named(to_fail), _named(to_review))


EXTREMES: Mapping[Value, str] = {0.0: "low enough", 1e9: "too high"}
"""Numbers that are supposed, and how a reader is told."""

Supposed = tuple[str, Value, tuple[str, str]]
"""An attribute, another value, and both in words."""


def _named(answers: Iterable[Supposed]) -> Answers:
    return tuple(words for *_, words in answers)


def _supposable(rule: Rule, flow: FlowFacts, book: RuleBook) -> Iterator[Supposed]:
    """Other values of what somebody can answer; for a number, a very low and a very high one."""
    home = flow.values.get("controller_country") or "FR"
    for a in map(book.attributes.__getitem__, book.parsed[rule.rule_id].tested):
        by_type: Mapping[str, Iterable[Value]] = {
            "yes/no": (True, False),
            "word": a.words,
            "number": EXTREMES,
            "country": (home, "US"),
        }
        for value in by_type.get(a.type, ()) if a.level in ASKED else ():
            if value != flow.values.get(a.attribute):
                words = EXTREMES[value] if a.type == "number" else value_text(value)
                yield a.attribute, value, (a.label, words)


# The assessment of a scenario.


def assess(scenario: Scenario) -> Assessment:
    """Verdicts of every rule on every option, stress tests, dates ahead and open questions.

    Raises ValueError naming an answer of the scenario that cannot be.
    """
    book, day = rulebook.rule_book(), scenario.client.report_date
    law = book.on(day)
    flows = {name: flows_of(scenario, name, law) for name in scenario.options}
    options = {
        name: OptionAssessment(
            name,
            option.label,
            flows[name],
            {r.rule_id: _rule_verdict(r, flows[name], law) for r in book.rules},
        )
        for name, option in scenario.options.items()
    }
    events = catalogue.table("environment_events", Event)
    return Assessment(
        as_of=day,
        rules=book.rules,
        options=options,
        law=law,
        supposed=tuple(_stresses(scenario)),
        pending=tuple(
            sorted(
                (e for e in events if e.then and e.day <= day), key=lambda e: e.day, reverse=True
            )
        ),
        questions=_questions(options, book),
        assumptions=_assumptions(options),
        models=openness.findings(scenario),
        vendors=openness.transparency(scenario),
    )


def _rule_verdict(rule: Rule, flows: tuple[FlowFacts, ...], law: Law) -> RuleVerdict:
    """The worst of the flows that the rule looks at; n.a. where the option has none of them."""
    found = tuple(judge(rule, f, law) for f in flows if law.book.looks_at(rule, f.kind))
    verdict = worst(f.verdict for f in found)
    return RuleVerdict(rule, verdict, found, law)


Verdicts = Mapping[tuple[str, str], tuple[Verdict, str]]
"""(option, rule id) to verdict and reason."""


def _verdicts(flows: Mapping[str, tuple[FlowFacts, ...]], law: Law, supposed: Values) -> Verdicts:
    """Every option's verdict and reason on every rule, with some attributes supposed."""
    found = {}
    for option, rule in itertools.product(flows, law.book.rules):
        seen = (f.values for f in flows[option] if law.book.looks_at(rule, f.kind))
        decided = (decide(rule, {**values, **supposed}, law)[:2] for values in seen)
        worst_ = max(decided, key=lambda d: SEVERITY.index(d[0]), default=("n.a.", ""))
        found[option, rule.rule_id] = worst_
    return found


def _compared(before: Verdicts, after: Verdicts) -> tuple[Change, ...]:
    return tuple(
        Change(*key, before[key][0], verdict, reason)
        for key, (verdict, reason) in after.items()
        if verdict != before[key][0]
    )


def _stresses(scenario: Scenario) -> Iterator[Stress]:
    rows = {s.stress: s for s in catalogue.table("sovereignty_stress", Stress)}
    return (rows[name] for name in dict.fromkeys(scenario.rules.stress))


def _stress(
    stress: Stress,
    flows: Mapping[str, tuple[FlowFacts, ...]],
    today: Verdicts,
    law: Law,
) -> StressTest:
    value = rulebook.read_value(stress.value, stress.attribute, law.book.attributes)
    after = _verdicts(flows, law, {stress.attribute: value})
    return StressTest(stress, _compared(today, after))


def _ahead(
    flows: Mapping[str, tuple[FlowFacts, ...]],
    today: Verdicts,
    events: Iterable[Event],
    law: Law,
) -> Iterator[Ahead]:
    """Dates to come on which a rule or a country's status changes, or an event is due."""
    before = today
    announced = {e.day for e in events if e.day > law.day}
    for date in sorted(announced | {d for d in law.book.dates() if d > law.day}):
        after = _verdicts(flows, law.book.on(date), {})
        changes = _compared(before, after)
        due = [e for e in events if e.day == date]
        rules = [r for r in law.book.rules if r.valid_from == date]
        text = [e.summary for e in due] or [
            f"{r.regime}: {r.title} ({r.provision})." for r in rules
        ]
        if text or changes:
            said = " ".join(text) or "A date that a rule names."
            cited = dict.fromkeys(map(source_of, [*due, *rules]))
            yield Ahead(date, said, changes, tuple(cited))
        before = after


def _questions(options: Mapping[str, OptionAssessment], book: RuleBook) -> tuple[Question, ...]:
    """One question for each unknown attribute that a verdict waits for, the most awaited first.

    A mix waits for what its parts are asked, and is named beside them.
    """
    waiting: dict[str, list[Finding]] = defaultdict(list)
    concerned: dict[str, dict[str, None]] = defaultdict(dict)
    for option, finding in _findings(options):
        for attribute in finding.missing:
            waiting[attribute].append(finding)
            concerned[attribute][option] = None
    found = [_question(book.attributes[a], f, tuple(concerned[a])) for a, f in waiting.items()]
    return tuple(sorted(found, key=lambda q: (q.addressee, -len(q.rules), q.attribute)))


def _findings(options: Mapping[str, OptionAssessment]) -> Iterator[tuple[str, Finding]]:
    """What is found on each flow of an option, with the option's name."""
    return ((n, f) for n, o in options.items() for v in o.verdicts.values() for f in v.findings)


def _question(
    attribute: rulebook.Attribute, findings: list[Finding], options: tuple[str, ...]
) -> Question:
    """To the vendor only where some flow that waits for it is not the client's own."""
    outside = any(f.flow.values.get("external") is not False for f in findings)
    return Question(
        attribute.attribute,
        attribute.level,
        attribute.addressee if attribute.addressee and outside else "own team",
        attribute.question or f"Not stated: {attribute.label}.",
        options=options,
        flows=tuple(dict.fromkeys(f.flow.kind for f in findings)),
        rules=tuple(dict.fromkeys(f.rule.rule_id for f in findings)),
    )


def _assumptions(options: Mapping[str, OptionAssessment]) -> tuple[Evidence, ...]:
    """Assumptions of the kit that a verdict rests on, each once."""
    found = {e.attribute: e for _, f in _findings(options) for e in f.evidence if e.assumed}
    return tuple(found.values())
