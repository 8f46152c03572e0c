"""The rule book of data sovereignty: rules, dictionary of attributes and groups of countries.

Rules are rows of `siting_facts/sovereignty_rules.csv`; their conditions are parsed once and checked
against the dictionary, so that a misspelt name is refused by rule and column when the tables are
read. To add a rule, an attribute or a country, add a row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import cache, cached_property, partial
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from siting import catalogue, places
from siting.catalogue import (
    Country,
    CountryOrUnion,
    Fact,
    FactError,
    Owner,
    Source,
    column,
    one_of,
)
from siting.inputs.attributes import (
    KIND_OF_OPTION,
    Attribute,
    AttributeName,
    FlowKind,
    Flows,
    Known,
    Value,
    dictionary,
    meaning,
    unknown_attribute,
)
from siting.inputs.countries import CountryGroup, Dated
from siting.records import frozen
from siting.rules import conditions, remedies
from siting.rules.conditions import Condition, Constant, Name, Operation, Values
from siting.rules.remedies import Way
from siting.vendors.vendor_record import known_by


class OfFlows(Dated):
    """What holds for some kinds of flow."""

    flows: Flows = "all"
    """Kinds of flow, separated by semicolons, or `all`."""

    def looks_at(self, flow: str) -> bool:
        """Whether it holds for a kind of flow."""
        return self.flows == "all" or flow in self.flows.split(";")


VERDICTS = ("fail", "review", "pass", "n.a.")
POLICY_LINE = ["rules.policies", "with"]
"""Begins what an attribute is stated in (`stated_in`) that asks for a line of client's policy."""


class Rule(OfFlows, tables="sovereignty_rules", key="rule_id"):
    """A rule: what it applies to, when it fails, when a person must look, else pass."""

    rule_id: str
    regime: str
    """Head under which it is printed; a rule may bring its own."""
    title: str
    short: str = ""
    """What a person must judge where it is open, in a few words; blank where nobody does."""
    flows: Flows
    scope: str
    """When it applies, in words; the reason for `n.a.`."""
    applies_when: str
    fail_when: str = ""
    review_when: Annotated[str, Field(validate_default=True)] = ""
    fail_reason: Annotated[str, Field(validate_default=True)] = ""
    review_reason: Annotated[str, Field(validate_default=True)] = ""
    pass_reason: str = ""
    cannot: Annotated[
        str, one_of(lambda: VERDICTS, "verdict", ";"), Field(validate_default=True)
    ] = ""
    """Verdicts that the rule cannot give by its nature: those whose condition is blank, and why."""
    cannot_why: Annotated[str, Field(validate_default=True)] = ""
    to_come: Annotated[str, one_of(lambda: column("sovereignty_rules", "rule_id"), "rule", ";")] = (
        ""
    )
    """Rules whose duties it tells of before they bind anybody, so that nothing of it is due."""
    may_forbid: bool = False
    """Of a rule that cannot fail here, or is open for another reason than that by which it fails:
    whether its text forbids all the same, or rules that hang on it do, so that a person or a court
    may find that the option is not allowed."""
    forbidden_by: Annotated[
        str, one_of(lambda: column("sovereignty_attributes", "name"), "attribute", ";")
    ] = ""
    """Attributes for what forbids the client, where the provision itself lets a provider be
    ordered and forbids the client nothing."""
    binds: Literal["", "provider", "maker"] = ""
    """Whose duty the provision is where it is not the client's: of who sells the service, or who
    made the model. The client breaks nothing; it obtains what is owed by contract, or bears it."""
    lacking_when: str = ""
    """When what is under review is itself what the provision asks for and is known to be lacking:
    the client's answers leave nothing of it to a judgement or an exception. Blank: never known."""
    is_condition: bool = False
    """Whether the provision is no duty: what the law protects, or whether it reaches the client,
    hangs on what it says. Nothing of it is ever due, and nobody breaks it."""
    meanwhile: str = ""
    """What the client keeps to from today until it is settled, whichever service runs: a clause
    that begins small. Such a point stands first. Blank: nothing but what settles it."""
    remedy: str = ""
    """What mends it: ways out, measures, and when each is in place (`siting.rules.remedies`)."""
    remedy_items: Annotated[
        str,
        one_of(lambda: column("cost_items", "id"), "cost item of siting_facts/cost_items.csv", ";"),
    ] = ""
    """Cost items of the remedy (siting_facts/cost_items.csv), separated by semicolons."""
    owner: Owner = "data protection"
    """Who settles it where it is open."""
    weight: Literal["option", "duty", "marking"] = "option"
    """Whose what is wrong would be. option: it lies with the option; duty: the client can mend it
    whatever the option; marking: a notice or mark that is due. Points that can strike the option
    stand first, and of both sorts those in this order."""
    provision: str
    """Article, paragraph or decision, as a lawyer cites it."""
    provision_beyond: str = ""
    """The same where the GDPR does not reach the flow; blank where nothing of it is cited, or the
    rule is about nothing else."""
    address: Literal["official", "secondary", "practice", "client"]
    """Whether `url` is the law's or the authority's own page; `practice`: it is good practice and
    no law; `client`: it is what the client itself requires."""

    @field_validator("review_when")
    @classmethod
    def _judges(cls, review_when: str, row: ValidationInfo) -> str:
        """Refuses a rule that would pass whatever is known."""
        if not review_when and not row.data.get("fail_when"):
            raise ValueError("is missing, as is fail_when; write one of both, or it always passes")
        return review_when

    @field_validator("fail_reason", "review_reason")
    @classmethod
    def _says_why(cls, reason: str, row: ValidationInfo) -> str:
        """Refuses a verdict without a reason, and a reason that would never be printed."""
        when = f"{row.field_name}".replace("reason", "when")
        if bool(reason) != bool(row.data.get(when)):
            raise ValueError(f"stands beside {when}; write both or none")
        return reason

    @field_validator("cannot")
    @classmethod
    def _agrees(cls, cannot: str, row: ValidationInfo) -> str:
        """Refuses a verdict that no condition gives, where nothing says that it is never given."""
        for verdict in ("fail", "review"):
            when = row.data.get(f"{verdict}_when")
            if when is not None and (when == "") != (verdict in cannot.split(";")):
                wrong = f"names {verdict} where {verdict}_when is blank, and there alone"
                raise ValueError(f"{wrong}; write one of both, and cannot_why")
        return cannot

    @field_validator("cannot_why")
    @classmethod
    def _says_why_not(cls, why: str, row: ValidationInfo) -> str:
        """Refuses a verdict that is never given without a reason."""
        if row.data.get("cannot") and not why:
            raise ValueError("is missing; write why the rule cannot give that verdict")
        return why

    @property
    def cited(self) -> str:
        """The first article or paragraph of `provision`, without what is said of it."""
        return first_cited(self.provision)

    @property
    def is_of_law(self) -> bool:
        """Whether it is law or an authority's, whomever it binds: no good practice, nor what the
        client requires."""
        return self.address not in ("practice", "client")

    @property
    def is_limit(self) -> bool:
        """It says which law is not on file: a limit of the rule book, the same for all options."""
        return self.regime == COVERAGE


def first_cited(provision: str) -> str:
    """The first article or paragraph of several, without what is said of it."""
    return re.split(r"[;,](?![^(]*\))", provision)[0]


COVERAGE = "Coverage"
"""Regime of the rules that say which law is not on file."""


def _known_subject(subject: str) -> str:
    """Refuses a subject of no known sort, or a kind of option or a vendor that does not exist."""
    sort, colon, name = subject.partition(":")
    if subject not in SUBJECTS and not (colon and name and f"{sort}:" in SUBJECTS):
        raise ValueError(catalogue.unknown(subject, "subject", SUBJECTS))
    vendor, _, clients = name.partition("/")
    asked: Iterable[tuple[str, str, Collection[str]]] = ()
    if sort == "kind":
        asked = [(name, "kind of option", places.KINDS)]
    elif sort == "vendor":
        vendors = column("vendors", "vendor", "group")
        asked = [(vendor, "vendor here", vendors), (clients, "group of clients", _clients())]
    for word, what, known in asked:
        if word and word not in known:
            raise ValueError(catalogue.unknown(word, what, known))
    return subject


def _clients() -> frozenset[str]:
    """For whom alone a fact about a vendor may hold: a country, a group of them, a trait."""
    groups = column("country_groups", "group") | column("eea_incorporation", "group")
    return groups | {code.lower() for code in catalogue.countries()} | {*places.TRAITS}


SUBJECTS = ("law", "threshold", "assumed", "kind:", "vendor:", "model:", "profile:")
"""What a row of siting_facts/provider_attributes.csv is about; after a colon, which."""


class ProviderAttribute(OfFlows, tables="provider_attributes"):
    """What is known of a vendor, or holds for a kind of option by definition.

    subject: `law`, `threshold` (a bound that is no law), `kind:KIND`, `vendor:NAME`,
    `vendor:NAME/GROUP` where it holds for clients of a group of countries only (small letters:
    `eea`, `us`) or for kinds of option with a trait (`by_request`: it is about a vendor's API, not
    its machines), `model:PREFIX` where it holds for a line of models on every channel,
    `profile:PREFIX` where it follows from the geography that a name begins with (`eu.`), `assumed`
    for what the kit takes for granted until the client says otherwise (always marked so).
    """

    subject: Annotated[str, AfterValidator(_known_subject)]
    attribute: AttributeName
    value: str
    unless: str = ""
    """Of what is `assumed`: the condition under which nothing is, and the client is asked; also as
    long as it is not known whether it holds."""

    @property
    def is_weak(self) -> bool:
        """Also not of what is no report on a vendor: law, a definition, the name of a profile."""
        return super().is_weak and self.subject.startswith(("vendor:", "model:"))

    def holds(self, day: dt.date) -> bool:
        """Whether it holds on `day` and, if it is about a vendor, was public by then."""
        about = self.subject.startswith(("vendor:", "model:", "profile:"))
        return super().holds(day) and (not about or known_by(self.date) <= day)


class Coverage(Fact, tables="law_coverage", key="country topic"):
    """Whether the law of a country on a topic is on file; `*`: of every country without a row."""

    country: str
    topic: str
    touched_by: Annotated[str, one_of(lambda: column("sovereignty_rules", "rule_id"), "rule")]
    """The rule of coverage that says whom the topic concerns."""
    status: Literal["on file", "on file (Union)", "partly", "not on file"]
    rules: str = ""
    """The rules, by semicolons."""
    gap: str = ""
    """What is known to be missing."""

    @property
    def on_file(self) -> bool:
        return self.status.startswith("on file")


class LawTopic(Fact, tables="law_topics", key="topic country"):
    """Acts of a country, or of the Union, on a topic at which no rule looks."""

    topic: str
    country: CountryOrUnion
    acts: str
    beyond: str = ""
    """The topic as it is named where rules look at a part of it; blank where none does."""


class Incorporation(Dated, tables="eea_incorporation", key="group country"):
    """Whether an act of the Union binds in a state of the EEA outside it, and since when."""

    group: str
    """Name, in conditions, of the states in which the act is in force: the Union's, and these."""
    country: Country
    act: str
    incorporated: Literal["yes", "not seen"]

    def holds(self, day: dt.date) -> bool:
        """Whether it is in force there on `day`, as far as was seen."""
        return self.incorporated == "yes" and super().holds(day)


class RemedyInPlace(Fact, tables="remedies_in_place", key="item rules"):
    """When a remedy of some rules is there already, so that nobody has to buy it."""

    item: Annotated[str, one_of(lambda: column("cost_items", "id"), "cost item")]
    rules: Annotated[
        str, one_of(lambda: column("sovereignty_rules", "rule_id") | {"all"}, "rule", ";")
    ]
    """Rules whose remedy it is, separated by semicolons, or `all`."""
    in_place_when: str
    """Condition on what is known of the flow that the rule looks at."""


class UsualTime(Fact, tables="usual_times", key="rules"):
    """How long it usually takes until what some rules ask for is there, once it is begun."""

    rules: Annotated[str, one_of(lambda: column("sovereignty_rules", "rule_id"), "rule", ";")]
    """Separated by semicolons."""
    low: catalogue.Positive
    days: catalogue.Positive
    high: catalogue.Positive


def usual_time(rule_id: str) -> UsualTime | None:
    """How long it usually takes until what a rule asks for is there; None where nothing is on
    file."""
    rows = catalogue.table("usual_times", UsualTime)
    return next((row for row in rows if rule_id in row.rules.split(";")), None)


@frozen
class Assumption:
    """What the kit takes for granted, and when it asks instead."""

    known: Known
    unless: Condition

    def is_made(self, values: Values) -> bool:
        """Whether it is taken for granted of a flow with these values."""
        return conditions.evaluate(self.unless, values) is False


class Stress(Fact, tables="sovereignty_stress", key="stress"):
    """A 'what if' that changes one attribute for every option."""

    stress: str
    label: str
    attribute: AttributeName
    value: str


@frozen
class When:
    """The conditions of a rule: when it applies, when it fails, when a person must look, and when
    it is known that what the rule asks for is lacking."""

    applies: Condition
    fails: Condition
    reviews: Condition
    lacks: Condition


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleBook:
    """Rules, dictionary and groups of countries, with every condition parsed and checked."""

    rules: Mapping[str, Rule]
    parsed: Mapping[str, When]
    tested: Mapping[str, tuple[str, ...]]
    """Attributes that each rule tests."""
    ways_out: Mapping[str, tuple[Way, ...]]
    """What mends each rule."""
    attributes: Mapping[str, Attribute]
    flow_kinds: Mapping[FlowKind, Condition]
    """Each with the condition under which an option has one."""
    groups: tuple[CountryGroup, ...]
    published: Mapping[str, Sequence[tuple[ProviderAttribute, Known]]]
    """What provider_attributes.csv states, by subject."""
    assumptions: tuple[Assumption, ...]
    incorporations: tuple[Incorporation, ...]
    remedies_in_place: Mapping[RemedyInPlace, Condition]
    dictionary: Dictionary
    day: dt.date = dt.date.min
    """On which all this is asked for."""

    @cache  # noqa: B019  # a book is kept as long as the process
    def on(self, day: dt.date) -> RuleBook:
        """The rule book as it stands on `day`."""
        return replace(self, day=day)

    @cached_property
    def sets(self) -> dict[str, frozenset[str]]:
        """Members of each group of countries on the day, and kinds of option by their traits."""
        members: dict[str, set[str]] = defaultdict(set)
        for trait in places.TRAITS:
            members[trait] |= set(places.having(trait))
        for g in self.groups:
            members[g.group] |= {g.country} if g.holds(self.day) else set()
        for act in self.incorporations:
            members[act.group] |= members["eu"] | ({act.country} if act.holds(self.day) else set())
        return {name: frozenset(found) for name, found in members.items()}

    @cached_property
    def looking_at(self) -> Mapping[str, tuple[Rule, ...]]:
        """Rules that look at each kind of flow, without limits."""
        judging = [rule for rule in self.rules.values() if not rule.is_limit]
        kinds = [kind.flow for kind in self.flow_kinds]
        return {kind: tuple(r for r in judging if r.looks_at(kind)) for kind in kinds}

    @cached_property
    def questions(self) -> tuple[str, ...]:
        """Attributes whose values make a question of what is taken for granted else."""
        named = (conditions.names(made.unless) for made in self.assumptions)
        return tuple(sorted(frozenset().union(*named) & self.attributes.keys()))

    @cached_property
    def stated(self) -> tuple[tuple[Attribute, tuple[str, ...]], ...]:
        """Attributes that a line of the scenario states, and the keys that lead to it."""
        lines = {a: a.stated_in.split() for a in self.attributes.values() if a.stated_in}
        return tuple((a, tuple(line[0].split("."))) for a, line in lines.items())

    @cached_property
    def policy_attributes(self) -> Mapping[str, str]:
        """The attribute that each line of a client's policy states."""
        stated = ((a.name, a.stated_in.split()) for a in self.attributes.values())
        return {words[2]: name for name, words in stated if words[:2] == POLICY_LINE}

    def follows(self, name: str, values: Values) -> bool | None:
        """Whether a derived attribute holds, such as `gdpr`; None where that is not known."""
        return conditions.evaluate(self.dictionary.derived[name], {**self.sets, **values})

    def is_in_place(self, item: str, rule_id: str, values: Values) -> bool:
        """Whether a remedy of a rule is there already, as far as is known of a flow."""
        return any(
            row.item == item
            and (row.rules == "all" or rule_id in row.rules.split(";"))
            and conditions.evaluate(condition, {**self.sets, **values}) is True
            for row, condition in self.remedies_in_place.items()
        )

    def gravity(self, rule_id: str, country: str) -> int:
        """Place of a rule among those that wait for one answer: 0 for what a country's law of
        secrecy asks, 1 for its data protection, 2 for all other."""
        topics = self._topics.get((rule_id, country), frozenset())
        if any("secrecy" in topic for topic in topics):
            return 0
        return 1 if "data protection" in topics else 2

    @cached_property
    def _topics(self) -> Mapping[tuple[str, str], Set[str]]:
        """Topics of a country's law that a rule is about, by rule and country."""
        found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        for law in catalogue.table("law_coverage", Coverage):
            for rule_id in law.rules.split(";"):
                found[rule_id, law.country].add(law.topic)
        return found

    def not_in_force(self, rule_id: str, country: str) -> str:
        """Why a rule does not reach a state of the EEA; blank where that is not why."""
        named = conditions.names(self.parsed[rule_id].applies)
        acts = (a for a in self.incorporations if a.group in named and a.country == country)
        act = next((act.act for act in acts if not act.holds(self.day)), "")
        return act and f"{act} is not seen in force in {country} by the EEA agreement."

    def remedy(self, rule_id: str, flows: Iterable[Values]) -> str:
        """What would mend a rule that is open on these flows, without what is in place on all of
        them; nothing where no remedy is known."""
        known = [{**self.sets, **values} for values in flows]
        return remedies.missing(self.ways_out[rule_id], known)

    def named_days(self, rule_id: str) -> set[dt.date]:
        """Days that the conditions of a rule name, on which its verdict may change."""
        when = self.parsed[rule_id]
        parts = (when.applies, when.fails, when.reviews)
        return {day for part in parts for day in conditions.dates(part, "as_of")}

    def known(self, name: str, value: Value | None, source: Source, *also: Source) -> Known:
        """A value of the attribute called `name`. also: others that say the same."""
        return Known(self.attributes[name], value, source, also=also)


def coverage(country: str) -> Mapping[str, Coverage]:
    """What is on file of a country's law, by the rule of coverage."""
    laws = catalogue.table("law_coverage", Coverage)
    rows = sorted(laws, key=lambda law: law.country == country)
    return {law.touched_by: law for law in rows if law.country in ("*", country)}


def knows(country: str) -> bool:
    """Whether the law of a country is on file on any topic, and not in part only."""
    return any(law.on_file for law in coverage(country).values())


@catalogue.of_facts
def vocabulary() -> Dictionary:
    """What conditions of the fact tables may name. Raises FactError naming file, line and column of
    all that is wrong."""
    attributes = dictionary()
    groups = {g.group for g in catalogue.table("country_groups", CountryGroup)}
    groups |= {act.group for act in catalogue.table("eea_incorporation", Incorporation)}
    derived: dict[str, Condition] = {}
    known = Dictionary(attributes=attributes, groups=groups, derived=derived)
    faults = catalogue.Faults()
    for a in attributes.values():  # a definition may use those above it, so none is circular
        if a.derived_as:
            derived[a.name] = faults.read(a, "derived_as", known.read)
    faults.refuse()
    return known


@catalogue.of_facts
def rule_book() -> RuleBook:
    """The rule book of the fact tables. Raises FactError naming file, line and column of all that
    is wrong."""
    attributes = dictionary()
    known = vocabulary()
    faults = catalogue.Faults()

    def read(row: Fact, column: str) -> Condition:
        return faults.read(row, column, known.read)

    rules = {rule.rule_id: rule for rule in catalogue.table("sovereignty_rules", Rule)}
    parsed = {rule_id: _when(rule, read) for rule_id, rule in rules.items()}
    heads = Counter(rule.regime for rule in rules.values())
    for rule in rules.values():
        faults.read(rule, "regime", partial(_refuse_slip, heads=heads))
    published = _published(attributes, faults)
    for s in catalogue.table("sovereignty_stress", Stress):
        faults.read(s, "value", meaning(attributes[s.attribute]))
    kinds = catalogue.table("sovereignty_flows", FlowKind)
    in_place = catalogue.table("remedies_in_place", RemedyInPlace)
    book = RuleBook(
        rules=rules,
        parsed=parsed,
        tested={rule_id: _tested(when, attributes) for rule_id, when in parsed.items()},
        ways_out={
            rule_id: faults.read(rule, "remedy", lambda text: remedies.read(text, known.read))
            for rule_id, rule in rules.items()
        },
        attributes=attributes,
        flow_kinds={k: read(k, "exists_when") for k in kinds},
        groups=catalogue.table("country_groups", CountryGroup),
        published=published,
        assumptions=tuple(
            Assumption(known=said, unless=read(row, "unless"))
            for row, said in published.get("assumed", ())
        ),
        incorporations=catalogue.table("eea_incorporation", Incorporation),
        remedies_in_place={row: read(row, "in_place_when") for row in in_place},
        dictionary=known,
    )
    faults.refuse()
    return book


def _when(rule: Rule, read: Callable[[Fact, str], Condition]) -> When:
    """The conditions of a rule. read: a column of it."""
    return When(
        applies=read(rule, "applies_when"),
        fails=read(rule, "fail_when"),
        reviews=read(rule, "review_when"),
        lacks=read(rule, "lacking_when"),
    )


def _refuse_slip(head: str, heads: Counter[str]) -> None:
    """Refuses (ValueError) the head of one rule alone that is another's but for a slip in one
    word. heads: of all rules, and of how many."""
    for other in heads:
        odd = {*head.lower().split()} ^ {*other.lower().split()}
        is_alike = len(odd) == 2 and SequenceMatcher(None, min(odd), max(odd)).ratio() >= 0.75
        if is_alike and heads[head] == 1:
            raise ValueError(catalogue.unknown(head, "head of the report", [other]))


def _tested(when: When, attributes: Mapping[str, Attribute]) -> tuple[str, ...]:
    """Attributes that the conditions of a rule name, in the order of the alphabet."""
    named = (conditions.names(part) for part in (when.applies, when.fails, when.reviews))
    return tuple(sorted(attributes.keys() & frozenset().union(*named)))


def _published(
    attributes: Mapping[str, Attribute], faults: catalogue.Faults
) -> dict[str, list[tuple[ProviderAttribute, Known]]]:
    """What provider_attributes.csv states, by subject."""
    found = defaultdict(list)
    for row in catalogue.table("provider_attributes", ProviderAttribute):
        value = faults.read(row, "value", meaning(attributes[row.attribute]))
        known = Known(
            attributes[row.attribute],
            value,
            row.provenance,
            assumed=row.subject == "assumed",
            weak=row.is_weak,
        )
        found[row.subject].append((row, known))
    _check_kinds({kind: {r.attribute for r, _ in found[f"kind:{kind}"]} for kind in places.KINDS})
    return dict(found)


def _check_kinds(stated: Mapping[str, set[str]]) -> None:
    """Refuses a kind of option of which less is stated than of every other. Raises FactError.

    stated: the attributes of each kind. A mix has those of its parts.
    """
    alone = {kind: said for kind, said in stated.items() if kind not in places.having("mixed")}
    usual = set.intersection(*filter(None, alone.values()))
    for kind, said in alone.items():
        if lacking := sorted(usual - said):
            wrong = f"nothing says {' or '.join(lacking)} of kind:{kind}"
            write = f"add a row for each, with the subject kind:{kind}, as for the other kinds"
            raise FactError(f"provider_attributes.csv: {wrong}; {write}")


@frozen
class Dictionary:
    """The names and words that conditions may use, and where one of them stands."""

    attributes: Mapping[str, Attribute]
    groups: Collection[str]
    """Groups of countries."""
    derived: Mapping[str, Condition]
    """What an attribute that is never asked follows from, by its name."""

    def read(self, text: str) -> Condition:
        """A condition with what defines a name in its place.

        Raises FactError for names, words and comparisons that are not allowed.
        """
        return self.resolved(conditions.parse(text))

    def resolved(self, part: Condition) -> Condition:
        """A condition with what defines a name in its place. Raises FactError for names, words and
        comparisons that are not allowed."""
        match part:
            case Name(name) if name in self.derived:
                return self.derived[name]
            case Operation("and" | "or" | "not", parts):
                return replace(part, parts=tuple(map(self.resolved, parts)))
            case Operation("in" | "not in", (left, right)):
                self._check_member(left, right)
            case Operation(sign, (left, right)):
                self._check_compared(sign, left, right)
            case _ if self._kind(part) != "yes/no":
                raise FactError(f"{part} is not yes or no; compare it with a value")
        match part:
            case Operation(_, (Name(name), Constant(value))):
                self._check_words(name, value)
        return part

    def _kind(self, term: Condition) -> str:
        """What a term of a comparison is: a kind of attribute, or a condition."""
        match term:
            case Name(name) if name in self.derived:
                told = f"{name} is defined by a condition; write it alone, without == or in"
                raise FactError(told)
            case Name(name) if name not in self.attributes:
                raise FactError(unknown_attribute(name, self.attributes))
            case Name(name):
                return self.attributes[name].type.replace("country", "word")
            case Constant(value):
                return _KINDS[type(value)]
        return "condition"

    def _check_member(self, left: Condition, right: Condition) -> None:
        """Of a word in a set: kinds of option have traits, and countries have groups."""
        if self._kind(left) != "word":
            raise FactError(f"{left} is neither word nor country")
        if not isinstance(right, Name):
            return
        what = "group of countries"
        known: Collection[str] = self.groups
        attribute = self.attributes[left.name] if isinstance(left, Name) else None
        if attribute is not None and attribute.stated_in == KIND_OF_OPTION:
            what = "trait of kinds of option"
            known = places.TRAITS
        if right.name not in known:
            raise FactError(catalogue.unknown(right.name, what, known))

    def _check_compared(self, sign: str, left: Condition, right: Condition) -> None:
        if self._kind(left) != self._kind(right):
            raise FactError(f"{left} is a {self._kind(left)}, {right} is not")
        if sign not in ("==", "!=") and self._kind(left) not in ("number", "date"):
            raise FactError(f"{left} {sign}: only numbers and dates have an order; write == or in")

    def _check_words(self, name: str, value: object) -> None:
        known: Collection[str] = self.attributes[name].words
        if self.attributes[name].type == "country":
            known = catalogue.areas()
        for word in value if isinstance(value, frozenset) else {value}:
            if known and word not in known:
                raise FactError(catalogue.unknown(str(word), f"value of {name}", known))


_KINDS = {bool: "yes/no", float: "number", str: "word", dt.date: "date", frozenset: "list"}
