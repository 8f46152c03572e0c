"""Data sovereignty and compliance: which rule says what about each flow of each option.

An option is split into flows of data (inference, logs, support access …). What is known of each
are answers laid over one another, from the general to the specific, the later ones winning:
thresholds and assumptions of the kit, what holds by definition of the kind of option, published
facts about the vendor and the maker of the model, the scenario's own lines, and its answers for all
options, for one option, for one flow. What none of them answers stays unknown. An answer of null
says 'asked, and not known'. Every rule of `facts/sovereignty_rules.csv` looks at the flows that it
names:

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
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce
from typing import Literal

from siting import catalogue
from siting.catalogue import Source, source_of
from siting.inputs.scenario.model import OWNED, Data, Scenario, Workload
from siting.quality import leaves
from siting.rules import conditions, openness, rulebook
from siting.rules.conditions import Condition, Value, Values
from siting.rules.rulebook import Attribute, Event, Known, Rule, RuleBook, Stress, value_text
from siting.vendors import vendor_record

Verdict = Literal["pass", "review", "fail", "n.a."]
SEVERITY: tuple[Verdict, ...] = ("n.a.", "pass", "review", "fail")
"""From best to worst; the worst of several verdicts is the last of them in this order."""

ASKED = ("flow", "option", "client")
"""Levels of attributes that somebody answers; the scenario's own are given."""

SEARCH_LIMIT = 3
"""How many answers at once are tried when looking for what would turn a verdict into pass."""

# --- flows of data ----------------------------------------------------------------------------

Workloads = Mapping[str, Workload]


@dataclass(frozen=True)
class FlowFacts:
    """One flow of one option with all that is known of it.

    carrier: the option that carries it (a part of a hybrid, else the option itself).
    """

    kind: str
    label: str
    carrier: str
    known: Mapping[str, Known]

    @cached_property
    def values(self) -> dict[str, Value | None]:
        return {name: known.value for name, known in self.known.items()}


def flows_of(scenario: Scenario, name: str, law: RuleBook) -> tuple[FlowFacts, ...]:
    """The flows of an option with all that is known of them; a hybrid has those of its parts.

    Raises ValueError naming an answer of the scenario that cannot be.
    """
    parts = leaves(scenario, name)
    return tuple(f for part in parts for f in _carried(scenario, part, name, law))


def _carried(scenario: Scenario, part: str, name: str, law: RuleBook) -> Iterator[FlowFacts]:
    """Flows that option `part` carries; `name` is itself, or the hybrid that it is a part of."""
    carrier = scenario.options[part]
    covered = scenario.workloads if carrier.models else {}
    for kind, exists in law.flow_kinds.items():
        for flow, label, workloads in _split(kind, covered):
            answers = _answers(scenario, (part, name), kind, flow, workloads, law)
            laid = {k.attribute.name: k for k in answers}
            known = {n: k for n, k in laid.items() if k.value is not None}
            title = label if part == name else f"{carrier.label}: {label}"
            found = FlowFacts(kind.flow, title, part, known)
            if conditions.evaluate(exists, {**law.sets, **found.values}):
                yield found


def _split(kind: rulebook.FlowKind, workloads: Workloads) -> Iterator[tuple[str, str, Workloads]]:
    """Inference is one flow for each workload, since their data differ; others are one flow."""
    if kind.flow == "inference" and len(workloads) > 1:
        for name, workload in workloads.items():
            yield f"inference-{name}", f"{kind.label} of {name}", {name: workload}
    elif workloads:
        yield kind.flow, kind.label, workloads


def _answers(
    scenario: Scenario,
    owners: tuple[str, str],
    kind: rulebook.FlowKind,
    flow: str,
    workloads: Workloads,
    law: RuleBook,
) -> Iterator[Known]:
    """From the general to the specific; owners: what carries the flow, and its hybrid."""
    part, carrier = owners[0], scenario.options[owners[0]]
    model = carrier.runs(next(iter(workloads)))
    yield from _published(["law", "threshold", "assumed", f"kind:{carrier.kind}"], kind.flow, law)
    yield from _vendor_facts(scenario, carrier.vendor, kind.flow, law)
    yield from openness.model_facts(scenario, part, model, law)
    yield from _published(_model_subjects(model, law), kind.flow, law)
    yield from _scenario_lines(scenario, part, workloads, law)
    if carrier.country and (kind.flow == "inference" or carrier.kind in OWNED):
        source = _client_source(scenario, f"options.{part}.country")
        yield law.known("place", carrier.country, source)
    stated = {"rules": scenario.rules.attributes}
    for owner in owners:
        option = scenario.options[owner]
        stated[f"options.{owner}"] = option.attributes
        for key in (kind.flow, flow):
            if key in option.flows:
                stated[f"options.{owner}.flows.{key}"] = option.flows[key].attributes
    for path, answers in stated.items():
        for name, answer in answers.items():
            where = f"{path}.attributes.{name}"
            if problem := rulebook.value_problem(name, answer, law.attributes):
                raise ValueError(f"{where}: {problem}")
            value = rulebook.typed(answer, law.attributes[name])
            yield law.known(name, value, _client_source(scenario, where))


def _published(subjects: Sequence[str], flow: str, law: RuleBook) -> Iterator[Known]:
    """What provider_attributes.csv states of `subjects` for a kind of flow on the day of `law`."""
    for subject in subjects:
        for row, known in law.published.get(subject, ()):
            if row.looks_at(flow) and row.holds(law.day):
                yield known


def _model_subjects(model: str, law: RuleBook) -> list[str]:
    """Subjects of what a vendor demands for a line of models on every channel."""
    bare = model.rsplit(".", 1)[-1] if model.startswith(("eu.", "us.")) else model
    lines = (s for s in law.published if s.startswith("model:"))
    return [s for s in lines if bare.startswith(s.removeprefix("model:"))]


def _vendor_facts(scenario: Scenario, name: str, flow: str, law: RuleBook) -> Iterator[Known]:
    """Published facts about the vendor, as far as they were known on the day of the report."""
    record = vendor_record.load().as_of(scenario.client.report_date)
    vendor = record.vendor(name)
    if vendor is None:
        return
    facts = record.facts_of(vendor)
    for a in law.attributes.values():
        if fact := facts.get(a.vendor_fact):
            yield Known(a, rulebook.plain_value(fact.value, a), source_of(fact))
    home = scenario.client.country
    groups = ["", f"/{home.lower()}", *(f"/{g}" for g, c in law.sets.items() if home in c)]
    names = filter(None, dict.fromkeys((vendor.group, vendor.vendor)))
    yield from _published([f"vendor:{n}{group}" for n in names for group in groups], flow, law)


def _client_source(scenario: Scenario, path: str) -> Source:
    """The scenario's own evidence for `path`, as a source."""
    try:
        return scenario.source(path)
    except KeyError:
        return Source(source="Scenario", locator=path, date="undated", kind="client")


def _scenario_lines(
    scenario: Scenario, part: str, workloads: Workloads, law: RuleBook
) -> Iterator[Known]:
    """What lines of the scenario say, as far as the dictionary names them (`stated_in`)."""
    sections = {**dict(scenario), "data": _data(workloads), "option": scenario.options[part]}
    paths = {"data": f"workloads.{next(iter(workloads))}.data", "option": f"options.{part}"}
    for a in law.attributes.values():
        if a.stated_in:
            line, how, word = (*a.stated_in.split(), "", "")[:3]
            section, *fields = line.split(".")
            found = reduce(getattr, fields, sections[section])
            said = (word in found) == (how == "with") if how else found
            value = {"yes/no": bool, "number": float}.get(a.type, str)(said)
            path = ".".join([paths.get(section, section), *fields])
            yield Known(a, value, _client_source(scenario, path))
    flop, source = openness.fine_tuning_flop(scenario), _client_source(scenario, "fine_tuning")
    yield law.known("fine_tuning_flop", flop, source)


RESIDENCY = ("country", "CH", "GB", "EU", "EEA", "US", "any")
"""From the strictest to the loosest; a list is as loose as the loosest place in it."""


def _data(workloads: Workloads) -> Data:
    """What the data of these workloads are; several count as the most delicate of them."""
    data = [w.data for w in workloads.values()]
    strictest = min(data, key=lambda d: max(map(RESIDENCY.index, d.residency)))
    yes_no = (n for n, value in strictest if isinstance(value, bool))
    flags = {n: any(getattr(d, n) for d in data) for n in yes_no}
    return strictest.model_copy(update={**flags, "secrecy": [s for d in data for s in d.secrecy]})


NOT_KNOWN_WHETHER = "Not known whether it applies"

# --- verdicts ---------------------------------------------------------------------------------

NO_FLOW = FlowFacts("", "", "", {})
"""Stands for the flow of a rule that looks at none of an option's."""

Decided = tuple[Verdict, str, tuple[str, ...]]
"""A verdict, why, and the unknown attributes that it waits for."""

Answers = tuple[tuple[str, str], ...]
"""Answers to suppose together: label of the attribute and value."""


@dataclass(frozen=True)
class Finding:
    """What one rule says of one flow under the law of a day."""

    rule: Rule
    flow: FlowFacts
    law: RuleBook
    verdict: Verdict
    reason: str
    missing: tuple[str, ...]
    """Unknown attributes that the verdict waits for."""

    def supposing(self, answers: Values) -> Decided:
        """What the rule would say if these were the answers."""
        return decide(self.rule, {**self.flow.values, **answers}, self.law)

    @cached_property
    def evidence(self) -> tuple[Known, ...]:
        """Answers that the verdict rests on."""
        tested = map(self.flow.known.get, self.law.tested[self.rule.rule_id])
        return tuple(k for k in tested if k and k.attribute.level not in ("stress", "setting"))

    @cached_property
    def grounds(self) -> tuple[Known, ...]:
        """The evidence that matters: if it were unknown, verdict or reason would be another.

        Where each single piece could be missing, all of it is the ground.
        """
        said = (self.verdict, self.reason)
        answers = self.evidence if self.verdict != "n.a." else ()
        needed = (k for k in answers if self.supposing({k.attribute.name: None})[:2] != said)
        return tuple(needed) or self.evidence

    @property
    def switched_off_by(self) -> tuple[Known, ...]:
        """Stated facts each of which alone keeps the rule from applying."""
        yes_no = (k for k in self.evidence if self.verdict == "n.a." and isinstance(k.value, bool))
        turned = ((k, {k.attribute.name: not k.value}) for k in yes_no)
        return tuple(k for k, other in turned if self.supposing(other)[0] != "n.a.")

    @cached_property
    def cleared_by(self) -> tuple[Answers, ...]:
        """Answers that would clear a rule that is open: the fewest together that make it pass, or
        those that keep it from applying where that is what is asked."""
        scope = self.reason.startswith(NOT_KNOWN_WHETHER)
        asked = self.missing if scope else self.law.tested[self.rule.rule_id]
        options = [(a, value) for a, value in self._supposable() if a.name in asked]

        def ways(size: int) -> Iterator[Answers]:
            for supposed in itertools.combinations(options, size):
                answers = {a.name: value for a, value in supposed}
                said = self.supposing(answers)[0] if len(answers) == size else self.verdict
                if said == ("n.a." if scope else "pass"):
                    yield tuple((a.label, _in_words(a, value)) for a, value in supposed)

        tried = range(1, SEARCH_LIMIT + 1) if self.verdict in ("fail", "review") else ()
        return next(filter(None, (tuple(ways(size)) for size in tried)), ())

    def _supposable(self) -> Iterator[tuple[Attribute, Value]]:
        """Other values of what somebody can answer; for a number, a very low and a very high."""
        law, values = self.law, self.flow.values
        for a in map(law.attributes.__getitem__, law.tested[self.rule.rule_id]):
            by_type: Mapping[str, Iterable[Value]] = {
                "yes/no": (True, False),
                "word": a.words,
                "number": EXTREMES,
                "country": (values.get("controller_country") or "FR", "US"),
            }
            for value in by_type.get(a.type, ()) if a.level in ASKED else ():
                if value != values.get(a.name):
                    yield a, value


EXTREMES: Mapping[Value, str] = {0.0: "low enough", 1e9: "too high"}
"""Numbers that are supposed, and how a reader is told."""


def _in_words(attribute: Attribute, value: Value) -> str:
    return EXTREMES[value] if attribute.type == "number" else value_text(value)


@dataclass(frozen=True)
class OptionAssessment:
    """What every rule says of an option."""

    flows: tuple[FlowFacts, ...]
    findings: Mapping[str, tuple[Finding, ...]]
    """By rule: one for each flow that it looks at."""

    @cached_property
    def verdicts(self) -> dict[str, Finding]:
        """The finding that decides, by rule: that of the worst flow."""
        return {
            rule_id: max(found, key=lambda f: SEVERITY.index(f.verdict))
            for rule_id, found in self.findings.items()
        }

    @property
    def counts(self) -> dict[Verdict, int]:
        """Number of rules by verdict, worst first."""
        found = Counter(v.verdict for v in self.verdicts.values())
        return {verdict: found[verdict] for verdict in reversed(SEVERITY)}


@dataclass(frozen=True, slots=True)
class Change:
    """A verdict on an option that is another one after something happens (a stress, a date)."""

    option: str
    before: Finding
    after: Finding


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


Options = Mapping[str, OptionAssessment]


@dataclass(frozen=True)
class Assessment:
    """Everything that the chapter, summary.json and the decision need to know."""

    scenario: Scenario
    law: RuleBook
    options: Options

    @cached_property
    def models(self) -> tuple[openness.ModelFinding, ...]:
        """Every candidate model, with its openness and licence."""
        return openness.findings(self.scenario)

    @property
    def findings(self) -> Iterator[tuple[str, Finding]]:
        """What every rule says of every flow of every option, with the option's name."""
        options = self.options.items()
        return ((n, f) for n, o in options for found in o.findings.values() for f in found)

    def under(self, law: RuleBook, supposed: Values | None = None) -> Options:
        """The options under another law, or with some attributes supposed."""
        return {n: _judged(o.flows, law, supposed or {}) for n, o in self.options.items()}

    @cached_property
    def stress(self) -> dict[Stress, tuple[Change, ...]]:
        """Verdicts that flip in each 'what if' of the scenario."""
        rows = {s.stress: s for s in catalogue.table("sovereignty_stress", Stress)}
        found = {}
        for s in map(rows.__getitem__, dict.fromkeys(self.scenario.rules.stress)):
            value = rulebook.plain_value(s.value, self.law.attributes[s.attribute])
            found[s] = _changed(self.options, self.under(self.law, {s.attribute: value}))
        return found

    @cached_property
    def ahead(self) -> tuple[Ahead, ...]:
        """Dates to come on which a rule or a country's status changes, or an event is due."""
        law, events = self.law, catalogue.table("environment_events", Event)
        before, found = self.options, []
        dates = {e.day for e in events} | law.dates()
        for date in sorted(d for d in dates if d > law.day):
            after = self.under(law.on(date))
            changes = _changed(before, after)
            due = [e for e in events if e.day == date]
            rules = [r for r in law.rules.values() if r.valid_from == date]
            text = [e.summary for e in due] or [
                f"{r.regime}: {r.title} ({r.provision})." for r in rules
            ]
            if text or changes:
                said = " ".join(text) or "A date that a rule names."
                cited = dict.fromkeys(map(source_of, [*due, *rules]))
                found.append(Ahead(date, said, changes, tuple(cited)))
            before = after
        return tuple(found)

    @property
    def pending(self) -> list[Event]:
        """Law that is not settled, with the last news by the day of the report, newest first."""
        events = catalogue.table("environment_events", Event)
        told = (e for e in events if e.then and e.day <= self.law.day)
        return sorted(told, key=lambda e: e.day, reverse=True)

    @cached_property
    def questions(self) -> list[Question]:
        """One question for each unknown attribute that a verdict waits for, most awaited first.

        A mix waits for what its parts are asked, and is named beside them.
        """
        waiting: dict[str, list[tuple[str, Finding]]] = defaultdict(list)
        for option, finding in self.findings:
            for attribute in finding.missing:
                waiting[attribute].append((option, finding))
        found = [_question(self.law.attributes[a], f) for a, f in waiting.items()]
        return sorted(found, key=lambda q: (q.addressee, -len(q.rules), q.attribute))

    @property
    def assumptions(self) -> Iterable[Known]:
        """What the kit took for granted, each once, where another answer makes another verdict
        today or from the day of the rule: to be confirmed."""
        assumed = ((f, k) for _, f in self.findings for k in f.evidence if k.assumed)
        return {k.attribute.name: k for f, k in assumed if self._turns_on(f, k)}.values()

    def _turns_on(self, finding: Finding, known: Known) -> bool:
        law = self.law.on(max(self.law.day, finding.rule.valid_from or self.law.day))
        values = ({**finding.flow.values, known.attribute.name: said} for said in (True, False))
        return len({decide(finding.rule, v, law)[0] for v in values}) > 1

    def remedies(self, option: str) -> tuple[str, ...]:
        """Cost items of what would remedy the fails and reviews of an option, each once."""
        verdicts = self.options[option].verdicts.values()
        wanting = (v.rule.remedy_items for v in verdicts if v.verdict in ("fail", "review"))
        items = (item for cell in wanting for item in cell.split(";"))
        return tuple(dict.fromkeys(filter(None, items)))

    def switches(self) -> list[tuple[Known, list[Rule]]]:
        """Facts each of which keeps rules in force, which apply to no option, from applying."""
        found: dict[tuple[str, str], tuple[Known, dict[str, Rule]]] = {}
        idle = {r for r, rule in self.law.rules.items() if rule.holds(self.law.day)}
        idle -= {f.rule.rule_id for _, f in self.findings if f.verdict != "n.a."}
        for f in (f for _, f in self.findings if f.rule.rule_id in idle):
            for k in f.switched_off_by:
                found.setdefault((k.attribute.name, k.text), (k, {}))[1][f.rule.rule_id] = f.rule
        return [(k, list(rules.values())) for k, rules in found.values()]

    @property
    def sources(self) -> tuple[Source, ...]:
        """Every source that a verdict rests on: the rules' own and the evidence's."""
        cited = [*map(source_of, self.law.rules.values())]
        cited += [k.source for _, f in self.findings for k in f.evidence]
        cited += [s for a in self.ahead for s in a.sources]
        return tuple(dict.fromkeys([*cited, *(m.source for m in self.models)]))


def worst(verdicts: Iterable[Verdict]) -> Verdict:
    """The worst of `verdicts`; `n.a.` if there are none."""
    return max(verdicts, key=SEVERITY.index, default="n.a.")


def decide(rule: Rule, values: Values, law: RuleBook) -> Decided:
    """Verdict of `rule` on a flow with these `values`, its reason, and what it waits for."""
    tested = law.tested[rule.rule_id]
    given = (law.day if name == "as_of" else values.get(name) for name in tested)
    verdict, reason, missing = _decided(rule.rule_id, law, *given)
    filled = PLACE.sub(lambda place: value_text(values.get(place[1])), reason)
    return verdict, filled, missing


PLACE = re.compile(r"\{([a-z0-9_]+)\}")
"""An attribute in a reason, which its value replaces."""


@lru_cache(1 << 16, typed=True)
def _decided(rule_id: str, law: RuleBook, *given: Value | None) -> Decided:
    """Kept: options, suppositions and searches for rivals put the same to a rule many times.

    In the reason, {attribute} stands for its value; ` | ` parts one reason from the next.
    """
    rule, (applies, fail, review) = law.rules[rule_id], law.parsed[rule_id]
    if rule.valid_from and law.day < rule.valid_from:
        return "n.a.", f"Applies from {rule.valid_from}.", ()
    if rule.valid_to and law.day > rule.valid_to:
        return "n.a.", f"Applied until {rule.valid_to}.", ()
    values = {**law.sets, **dict(zip(law.tested[rule_id], given, strict=True))}

    def waiting(why: str, *parts: Condition) -> Decided:
        unknown = (conditions.undecided(p, values) for p in parts)
        missing = tuple(sorted(frozenset().union(*unknown)))
        labels = "; ".join(law.attributes[a].label for a in missing)
        return "review", f"{why}: {labels}.", missing

    held = conditions.evaluate(applies, values)
    if not held:
        if held is None:
            return waiting(NOT_KNOWN_WHETHER, applies)
        return "n.a.", f"Applies only where {rule.scope}.", ()
    fails, reviews = (conditions.evaluate(part, values) for part in (fail, review))
    if fails:
        return "fail", _told(rule.fail_reason, fail, values), ()
    if reviews:
        return "review", _told(rule.review_reason, review, values), waiting("", fail)[2]
    if fails is None or reviews is None:
        return waiting("Not known", fail, review)
    return "pass", rule.pass_reason, ()


def _told(reason: str, condition: Condition, values: conditions.Values) -> str:
    """A reason; of several, one for each part of an `or`, those whose part holds."""
    if " | " not in reason or not isinstance(condition, conditions.Operation):
        return reason
    told = zip(reason.split(" | "), condition.parts, strict=True)
    return " ".join(text for text, part in told if conditions.evaluate(part, values))


def assess(scenario: Scenario) -> Assessment:
    """Verdicts of every rule on every option; what follows from them is worked out when asked for.

    Raises ValueError naming an answer of the scenario that cannot be.
    """
    law = rulebook.rule_book().on(scenario.client.report_date)
    flows = {name: flows_of(scenario, name, law) for name in scenario.options}
    return Assessment(scenario, law, {name: _judged(f, law, {}) for name, f in flows.items()})


def _judged(flows: tuple[FlowFacts, ...], law: RuleBook, supposed: Values) -> OptionAssessment:
    """What every rule says of an option with these flows, with some attributes supposed."""
    values = [(f, {**f.values, **supposed}) for f in flows]
    found = {
        rule_id: tuple(
            Finding(rule, f, law, *decide(rule, v, law)) for f, v in values if rule.looks_at(f.kind)
        )
        or (Finding(rule, NO_FLOW, law, "n.a.", "The option has no such flow.", ()),)
        for rule_id, rule in law.rules.items()
    }
    return OptionAssessment(flows, found)


def _changed(before: Options, after: Options) -> tuple[Change, ...]:
    return tuple(
        Change(name, old, new)
        for name, option in after.items()
        for rule_id, new in option.verdicts.items()
        if new.verdict != (old := before[name].verdicts[rule_id]).verdict
    )


def _question(attribute: Attribute, waiting: list[tuple[str, Finding]]) -> Question:
    """To the vendor only where some flow that waits for it is not the client's own."""
    options, findings = zip(*waiting, strict=True)
    outside = any(f.flow.values.get("external") is not False for f in findings)
    return Question(
        attribute.name,
        attribute.level,
        attribute.addressee if attribute.addressee and outside else "own team",
        attribute.question or f"Not stated: {attribute.label}.",
        options=tuple(dict.fromkeys(options)),
        flows=tuple(dict.fromkeys(f.flow.kind for f in findings)),
        rules=tuple(dict.fromkeys(f.rule.rule_id for f in findings)),
    )
