"""The rule book of data sovereignty: rules, dictionary of attributes and groups of countries.

Rules are rows of `facts/sovereignty_rules.csv`; their conditions are parsed once and checked
against the dictionary, so that a misspelt name is refused by rule and column when the tables are
read. To add a rule, an attribute or a country, add a row.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal

from siting import catalogue
from siting.catalogue import Fact, FactError, Source
from siting.rules import conditions
from siting.rules.conditions import Condition, Value


@dataclass(frozen=True, slots=True)
class Known:
    """The value of an attribute, and where it comes from."""

    value: Value
    source: Source
    assumed: bool = False
    """Taken for granted by the kit until the client says otherwise."""


Layer = Mapping[str, Known | None]
"""Attributes that are answered; None says 'asked, and not known'."""


class Attribute(Fact):
    """What is asked about a flow, an option or a client: one line of the dictionary."""

    attribute: str
    label: str
    type: Literal["yes/no", "number", "word", "country", "date"]
    choices: str = ""
    """Words that a `word` may be, separated by semicolons."""
    level: Literal["flow", "option", "client", "scenario", "setting", "stress"]
    """Where it is answered; `scenario`: it follows from the rest of the scenario."""
    addressee: Literal["vendor", "own team", ""] = ""
    question: str = ""
    derived_as: str = ""
    """A condition that defines it by other attributes; it is then never asked."""
    vendor_fact: str = ""
    """Attribute of facts/vendor_facts.csv that answers it."""

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(filter(None, self.choices.split(";")))


class FlowKind(Fact):
    """A kind of flow, and the condition under which an option has one."""

    flow: str
    label: str
    meaning: str
    exists_when: str


class Dated(Fact):
    """What holds from a day to a day; a day that is not given is no limit."""

    valid_from: dt.date | None = None
    valid_to: dt.date | None = None

    def holds(self, day: dt.date) -> bool:
        return (self.valid_from or day) <= day <= (self.valid_to or day)

    @property
    def turns(self) -> Iterator[dt.date]:
        """Days on which it begins to hold and ceases to."""
        if self.valid_from:
            yield self.valid_from
        if self.valid_to:
            yield self.valid_to + dt.timedelta(days=1)


class Rule(Dated):
    """A rule: what it applies to, when it fails, when a person must look, else pass."""

    rule_id: str
    regime: str
    title: str
    flows: str
    """Kinds of flow that it looks at, separated by semicolons, or `all`."""
    scope: str
    """When it applies, in words; the reason for `n.a.`."""
    applies_when: str
    fail_when: str = ""
    review_when: str = ""
    fail_reason: str = ""
    review_reason: str = ""
    pass_reason: str = ""
    cannot: str = ""
    """Verdicts that the rule cannot give by its nature (`fail`, `review`), and why."""
    cannot_why: str = ""
    remedy: str = ""
    remedy_items: str = ""
    """Cost items of the remedy (facts/cost_items.csv), separated by semicolons."""
    provision: str
    """Article, paragraph or decision, as a lawyer cites it."""
    address: Literal["official", "secondary", "client"]
    """Whether `url` is the law's or the authority's own page; `client`: it is no law."""


class ProviderAttribute(Dated):
    """What is known of a vendor, or holds for a kind of option by definition.

    subject: `law`, `kind:KIND`, `vendor:NAME`, `vendor:NAME/GROUP` where it holds for clients of a
    group of countries only (small letters: `eea`, `us`), `model:PREFIX` where it holds for a line
    of models on every channel, or `assumed` for what the kit takes for granted until the client
    says otherwise (always marked so).
    """

    subject: str
    flows: str = "all"
    attribute: str
    value: str


class CountryGroup(Dated):
    """A country as a member of a group (`eea`, `adequate` …), with the days it is one."""

    group: str
    country: str


class Stress(Fact):
    """A 'what if' that changes one attribute for every option."""

    stress: str
    label: str
    attribute: str
    value: str


class Event(Fact):
    """A dated event of the legal environment, past or announced."""

    regime: str
    day: dt.date
    """When it happened or is due; of law that is pending, the day of the last news."""
    summary: str
    then: str = ""
    """Of law that is pending: what would follow."""


@dataclass(frozen=True)
class Conditions:
    """What a rule says, parsed: its conditions, the attributes that they test, its flows."""

    flows: frozenset[str]
    """Kinds of flow that the rule looks at."""
    applies: Condition
    fail: Condition
    review: Condition

    @cached_property
    def tested(self) -> tuple[str, ...]:
        found = map(conditions.names, (self.applies, self.fail, self.review))
        return tuple(sorted(frozenset().union(*found)))


PLACE = re.compile(r"\{([a-z0-9_]+)\}")
"""An attribute in a reason, which its value replaces."""


@dataclass(frozen=True, eq=False)
class RuleBook:
    """Rules, dictionary and groups of countries, with every condition parsed and checked."""

    rules: tuple[Rule, ...]
    attributes: Mapping[str, Attribute]
    flow_kinds: tuple[FlowKind, ...]
    groups: tuple[CountryGroup, ...]
    parsed: Mapping[str, Conditions]
    flow_conditions: Mapping[str, Condition]

    def on(self, day: dt.date) -> Law:
        """The rule book as it stands on `day`."""
        return Law(self, day)

    def dates(self) -> frozenset[dt.date]:
        """Days on which a verdict may change by itself: rules, groups, dates in conditions."""
        found = {day for dated in (*self.rules, *self.groups) for day in dated.turns}
        for c in self.parsed.values():
            found.update(*(conditions.dates(p, "as_of") for p in (c.applies, c.fail, c.review)))
        return frozenset(found)

    @cache  # noqa: B019  # a book is kept as long as the process
    def read_by(self, rule: Rule) -> tuple[str, ...]:
        """Attributes that a verdict of `rule` depends on: tested, or named in a reason."""
        reasons = rule.fail_reason + rule.review_reason + rule.pass_reason
        return tuple(sorted({*self.parsed[rule.rule_id].tested, *PLACE.findall(reasons)}))

    def looks_at(self, rule: Rule, flow: str) -> bool:
        """Whether `rule` looks at a kind of flow."""
        return flow in self.parsed[rule.rule_id].flows


@dataclass(frozen=True)
class Law:
    """The rule book on a day."""

    book: RuleBook
    day: dt.date

    @cached_property
    def sets(self) -> dict[str, frozenset[str]]:
        """Members of each group of countries on the day."""
        found: dict[str, set[str]] = {g.group: set() for g in self.book.groups}
        for g in self.book.groups:
            if g.holds(self.day):
                found[g.group].add(g.country)
        return {group: frozenset(countries) for group, countries in found.items()}


@catalogue.of_facts
def rule_book() -> RuleBook:
    """The rule book of the fact tables. Raises FactError naming table, rule and column."""
    attributes = {a.attribute: a for a in catalogue.table("sovereignty_attributes", Attribute)}
    kinds = catalogue.table("sovereignty_flows", FlowKind)
    groups = catalogue.table("country_groups", CountryGroup)
    names, derived = {g.group for g in groups}, _definitions(attributes)

    def read(text: str, where: str) -> Condition:
        try:
            condition = conditions.substitute(conditions.parse(text, where), derived)
        except conditions.ConditionError as error:
            raise FactError(str(error)) from None
        check(condition, attributes, names, where)
        return condition

    parsed: dict[str, Conditions] = {}
    rules = catalogue.table("sovereignty_rules", Rule)
    flows = frozenset(k.flow for k in kinds)
    for rule in rules:
        if rule.rule_id in parsed:
            raise FactError(f"sovereignty_rules.csv: {rule.rule_id} stands there twice")
        seen = flows if rule.flows == "all" else frozenset(rule.flows.split(";"))
        for unknown in seen - flows:
            wrong = catalogue.unknown(unknown, "flow", flows | {"all"})
            raise FactError(f"sovereignty_rules.csv, {rule.rule_id}, flows: {wrong}")
        columns = ("applies_when", "fail_when", "review_when")
        parts = (read(getattr(rule, c), f"rule {rule.rule_id}, {c}") for c in columns)
        parsed[rule.rule_id] = Conditions(seen, *parts)
    exists = {k.flow: read(k.exists_when, f"flow {k.flow}") for k in kinds}
    return RuleBook(rules, attributes, kinds, groups, parsed, exists)


def _definitions(attributes: Mapping[str, Attribute]) -> dict[str, Condition]:
    """Conditions of the attributes that others define, in the order of the dictionary.

    A definition may use those above it, so that none can be circular.
    """
    found: dict[str, Condition] = {}
    for a in attributes.values():
        if a.derived_as:
            where = f"attribute {a.attribute}, derived_as"
            found[a.attribute] = conditions.substitute(conditions.parse(a.derived_as, where), found)
    return found


def check(
    condition: Condition, attributes: Mapping[str, Attribute], groups: Iterable[str], where: str
) -> None:
    """Refuses names, words and comparisons that the dictionary does not allow. Raises FactError."""

    def kind(term: conditions.Name | conditions.Literal) -> str:
        if not isinstance(term, conditions.Name):
            return _KINDS[type(term.value)]
        if term.name not in attributes:
            raise FactError(f"{where}: {unknown_attribute(term.name, attributes)}")
        return attributes[term.name].type.replace("country", "word")

    def faults(part: Condition) -> Iterator[str]:
        match part:
            case conditions.Name(name) if kind(part) != "yes/no":
                yield f"{name} is not yes or no; compare it with a value"
            case conditions.Compare("in", left, right):
                if kind(left) != "word":
                    yield f"{_said(left)} is neither word nor country"
                if isinstance(right, conditions.Name) and right.name not in groups:
                    yield catalogue.unknown(right.name, "group of countries", groups)
            case conditions.Compare(op, left, right):
                if kind(left) != kind(right):
                    yield f"{_said(left)} is a {kind(left)}, {_said(right)} is not"
                if op not in ("==", "!=") and kind(left) not in ("number", "date"):
                    yield f"{_said(left)} {op}: only numbers and dates have an order"
        match part:
            case conditions.Compare(_, conditions.Name(name), conditions.Literal(value)):
                known = attributes[name].words
                for word in value if isinstance(value, frozenset) else {value}:
                    if known and word not in known:
                        yield f"{name} is never {word!r}; known: {', '.join(known)}"

    for fault in itertools.chain.from_iterable(map(faults, conditions.walk(condition))):
        raise FactError(f"{where}: {fault}")


_KINDS = {bool: "yes/no", float: "number", str: "word", dt.date: "date", frozenset: "list"}


def _said(term: conditions.Name | conditions.Literal) -> str:
    return term.name if isinstance(term, conditions.Name) else repr(term.value)


def unknown_attribute(name: str, attributes: Mapping[str, Attribute]) -> str:
    """The message for a name that is no attribute, with near names."""
    return catalogue.unknown(name, "attribute of facts/sovereignty_attributes.csv", attributes)


_MEANT = {
    "yes/no": "yes or no; write true or false",
    "number": "a number without a unit",
    "word": "one of {}",
    "country": "an ISO 3166 code such as IT, or EU, EEA",
    "date": "a date; write YYYY-MM-DD",
}
"""What an answer of each type is in a scenario."""


def value_problem(name: str, value: object, attributes: Mapping[str, Attribute]) -> str | None:
    """What is wrong with an answer in a scenario, and what to write; None if nothing is.

    None as a value means 'asked, and not known', which is always allowed.
    """
    if name not in attributes:
        return unknown_attribute(name, attributes)
    a = attributes[name]
    if a.derived_as:
        return f"{name} follows from other attributes ({a.derived_as}); answer those"
    if a.level in ("setting", "stress"):
        return f"{name} is a {a.level}, not an answer; see the section rules"
    if value is None or typed(value, a) is not None:
        return None
    return f"{name} is {_MEANT[a.type].format(', '.join(a.words))}; not {value!r}"


def read_value(text: str, name: str, attributes: Mapping[str, Attribute]) -> Value:
    """The value that a cell of provider_attributes.csv means. Raises FactError."""
    if name not in attributes:
        raise FactError(f"provider_attributes.csv: {unknown_attribute(name, attributes)}")
    a = attributes[name]
    value = plain_value(text, a)
    if value is None:
        words = f" ({', '.join(a.words)})" if a.words else ""
        raise FactError(f"provider_attributes.csv: {name} is {a.type}{words}, not {text!r}")
    return value


def plain_value(text: str, attribute: Attribute) -> Value | None:
    """The value that a text states plainly; None where it says more than the type can hold.

    A country may be followed by a remark in brackets.
    """
    if attribute.type == "yes/no":
        return {"yes": True, "no": False}.get(text)
    if attribute.type == "country":
        code = re.match(r"[A-Z]{2,3}\b", text)
        return code[0] if code else None
    try:
        if attribute.type == "number":
            return float(text)
        if attribute.type == "date":
            return dt.date.fromisoformat(text)
    except ValueError:
        return None
    return text if text in attribute.words else None


def typed(answer: object, attribute: Attribute) -> Value | None:
    """An answer of a scenario as the value that conditions compare; None where it is none."""
    if isinstance(answer, bool) or attribute.type == "yes/no":
        return answer if isinstance(answer, bool) and attribute.type == "yes/no" else None
    if isinstance(answer, str) == (attribute.type == "number"):
        return None
    value = plain_value(str(answer), attribute)
    return value if attribute.type in ("number", "date") or value == answer else None


def value_text(value: Value | None) -> str:
    """A value as a reader reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return f"{value:g}"
    return str(value).replace("_", " ")
