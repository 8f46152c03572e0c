"""The rule book of data sovereignty: rules, dictionary of attributes and groups of countries.

Rules are rows of `facts/sovereignty_rules.csv`; their conditions are parsed once and checked
against the dictionary, so that a misspelt name is refused by rule and column when the tables are
read. To add a rule, an attribute or a country, add a row.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from types import MappingProxyType
from typing import Annotated, Literal

from siting import catalogue
from siting.catalogue import Fact, FactError, Source, column, one_of, source_of
from siting.rules import conditions
from siting.rules.conditions import Condition, Constant, Name, Operation, Value
from siting.vendors.vendor_record import known_by


class Attribute(Fact, tables="sovereignty_attributes", key="name"):
    """What is asked about a flow, an option or a client: one line of the dictionary."""

    name: str
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
    stated_in: str = ""
    """Line of the scenario that answers it (`data` of the workloads, `option` that carries the
    flow, or a section); of a list, `LINE with WORD`, or `LINE without WORD`."""

    @property
    def words(self) -> tuple[str, ...]:
        return tuple(filter(None, self.choices.split(";")))


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an attribute, and where it comes from."""

    attribute: Attribute
    value: Value | None
    """None: 'asked, and not known'."""
    source: Source
    assumed: bool = False
    """Taken for granted by the kit until the client says otherwise."""

    @property
    def text(self) -> str:
        return value_text(self.value)


class FlowKind(Fact, tables="sovereignty_flows", key="flow"):
    """A kind of flow, and the condition under which an option has one."""

    flow: str
    label: str
    meaning: str
    exists_when: str


Flows = Annotated[str, one_of(lambda: column("sovereignty_flows", "flow") | {"all"}, "flow", ";")]


class Dated(Fact):
    """What holds from a day to a day; a day that is not given is no limit."""

    valid_from: dt.date | None = None
    valid_to: dt.date | None = None

    def holds(self, day: dt.date) -> bool:
        return (self.valid_from or day) <= day <= (self.valid_to or day)


class OfFlows(Dated):
    """What holds for some kinds of flow."""

    flows: Flows = "all"
    """Kinds of flow, separated by semicolons, or `all`."""

    def looks_at(self, flow: str) -> bool:
        """Whether it holds for a kind of flow."""
        return self.flows == "all" or flow in self.flows.split(";")


class Rule(OfFlows, tables="sovereignty_rules", key="rule_id"):
    """A rule: what it applies to, when it fails, when a person must look, else pass."""

    rule_id: str
    regime: str
    title: str
    flows: Flows
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
    owner: str = "data protection"
    """Who settles it where it is open."""
    provision: str
    """Article, paragraph or decision, as a lawyer cites it."""
    address: Literal["official", "secondary", "client"]
    """Whether `url` is the law's or the authority's own page; `client`: it is no law."""


Asked = Annotated[str, one_of(lambda: column("sovereignty_attributes", "name"), "attribute")]


class ProviderAttribute(OfFlows, tables="provider_attributes"):
    """What is known of a vendor, or holds for a kind of option by definition.

    subject: `law`, `threshold` (a bound that is no law), `kind:KIND`, `vendor:NAME`,
    `vendor:NAME/GROUP` where it holds for clients of a group of countries only (small letters:
    `eea`, `us`), `model:PREFIX` where it holds for a line of models on every channel, or `assumed`
    for what the kit takes for granted until the client says otherwise (always marked so).
    """

    subject: str
    attribute: Asked
    value: str

    def holds(self, day: dt.date) -> bool:
        """Whether it holds on `day` and, if it is about a vendor, was public by then."""
        about = self.subject.startswith(("vendor:", "model:"))
        return super().holds(day) and (not about or known_by(self.date) <= day)


class CountryGroup(Dated, tables="country_groups", key="group country valid_from"):
    """A country as a member of a group (`eea`, `adequate` …), with the days it is one."""

    group: str
    country: str


class Stress(Fact, tables="sovereignty_stress", key="stress"):
    """A 'what if' that changes one attribute for every option."""

    stress: str
    label: str
    attribute: Asked
    value: str


class Event(Fact, tables="environment_events"):
    """A dated event of the legal environment, past or announced."""

    regime: str
    day: dt.date
    """When it happened or is due; of law that is pending, the day of the last news."""
    summary: str
    then: str = ""
    """Of law that is pending: what would follow."""


@dataclass(frozen=True)
class When:
    """The conditions of a rule: when it applies, when it fails, when a person must look."""

    applies: Condition
    fails: Condition
    reviews: Condition


@dataclass(frozen=True, eq=False, kw_only=True)
class RuleBook:
    """Rules, dictionary and groups of countries, with every condition parsed and checked."""

    rules: Mapping[str, Rule]
    parsed: Mapping[str, When]
    tested: Mapping[str, tuple[str, ...]]
    """Attributes that each rule tests."""
    attributes: Mapping[str, Attribute]
    flow_kinds: Mapping[FlowKind, Condition]
    """Each with the condition under which an option has one."""
    groups: tuple[CountryGroup, ...]
    published: Mapping[str, Sequence[tuple[ProviderAttribute, Known]]]
    """What provider_attributes.csv states, by subject."""
    day: dt.date = dt.date.min
    """On which all this is asked for."""

    @cache  # noqa: B019  # a book is kept as long as the process
    def on(self, day: dt.date) -> RuleBook:
        """The rule book as it stands on `day`."""
        return replace(self, day=day)

    @cached_property
    def sets(self) -> dict[str, frozenset[str]]:
        """Members of each group of countries on the day."""
        held = [g for g in self.groups if g.holds(self.day)]
        names = dict.fromkeys(g.group for g in self.groups)
        return {name: frozenset(g.country for g in held if g.group == name) for name in names}

    def dates(self) -> set[dt.date]:
        """Days on which a verdict may change by itself: rules, groups, dates in conditions."""
        dated = (*self.rules.values(), *self.groups)
        ends = (d.valid_to + dt.timedelta(days=1) for d in dated if d.valid_to)
        parts = (part for w in self.parsed.values() for part in (w.applies, w.fails, w.reviews))
        named = (day for part in parts for day in conditions.dates(part, "as_of"))
        return {*(d.valid_from for d in dated if d.valid_from), *ends, *named}

    def known(self, name: str, value: Value | None, source: Source) -> Known:
        """A value of the attribute called `name`."""
        return Known(self.attributes[name], value, source)


@catalogue.of_facts
def rule_book() -> RuleBook:
    """The rule book of the fact tables. Raises FactError naming table, rule and column."""
    attributes = {a.name: a for a in catalogue.table("sovereignty_attributes", Attribute)}
    groups = catalogue.table("country_groups", CountryGroup)
    group_names = {g.group for g in groups}
    derived: dict[str, Condition] = {}

    def read(text: str, where: str) -> Condition:
        return check(conditions.parse(text, where), attributes, group_names, where, derived)

    for a in attributes.values():  # a definition may use those above it, so none is circular
        if a.derived_as:
            derived[a.name] = read(a.derived_as, f"attribute {a.name}, derived_as")
    rules = {rule.rule_id: rule for rule in catalogue.table("sovereignty_rules", Rule)}
    parsed = {
        rule_id: When(
            applies=read(rule.applies_when, f"rule {rule_id}, applies_when"),
            fails=read(rule.fail_when, f"rule {rule_id}, fail_when"),
            reviews=read(rule.review_when, f"rule {rule_id}, review_when"),
        )
        for rule_id, rule in rules.items()
    }
    kinds = catalogue.table("sovereignty_flows", FlowKind)
    for s in catalogue.table("sovereignty_stress", Stress):
        read_value(s.value, s.attribute, attributes, f"sovereignty_stress.csv, {s.stress}")
    return RuleBook(
        rules=rules,
        parsed=parsed,
        tested={rule_id: _tested(when, attributes) for rule_id, when in parsed.items()},
        attributes=attributes,
        flow_kinds={k: read(k.exists_when, f"flow {k.flow}") for k in kinds},
        groups=groups,
        published=_published(attributes),
    )


def _tested(when: When, attributes: Mapping[str, Attribute]) -> tuple[str, ...]:
    """Attributes that the conditions of a rule name, in the order of the alphabet."""
    named = (conditions.names(part) for part in (when.applies, when.fails, when.reviews))
    return tuple(sorted(attributes.keys() & frozenset().union(*named)))


def _published(
    attributes: Mapping[str, Attribute],
) -> dict[str, list[tuple[ProviderAttribute, Known]]]:
    """What provider_attributes.csv states, by subject."""
    found = defaultdict(list)
    for row in catalogue.table("provider_attributes", ProviderAttribute):
        where = f"provider_attributes.csv, {row.subject}"
        value = read_value(row.value, row.attribute, attributes, where)
        known = Known(attributes[row.attribute], value, source_of(row), row.subject == "assumed")
        found[row.subject].append((row, known))
    return dict(found)


def check(
    condition: Condition,
    attributes: Mapping[str, Attribute],
    groups: Iterable[str],
    where: str,
    derived: Mapping[str, Condition] = MappingProxyType({}),
) -> Condition:
    """`condition` with what defines a name in its place.

    Refuses names, words and comparisons that the dictionary does not allow. Raises FactError.
    """

    def fault(text: str) -> FactError:
        return FactError(f"{where}: {text}")

    def kind(term: Condition) -> str:
        match term:
            case Name(name) if name in derived:
                raise fault(f"{name} is defined by a condition; write it alone, without == or in")
            case Name(name) if name not in attributes:
                raise fault(unknown_attribute(name, attributes))
            case Name(name):
                return attributes[name].type.replace("country", "word")
            case Constant(value):
                return _KINDS[type(value)]
        return "condition"

    def checked(part: Condition) -> Condition:
        match part:
            case Name(name) if name in derived:
                return derived[name]
            case Operation("and" | "or" | "not", parts):
                return replace(part, parts=tuple(map(checked, parts)))
            case Operation("in" | "not in", (left, right)):
                if kind(left) != "word":
                    raise fault(f"{left} is neither word nor country")
                if isinstance(right, Name) and right.name not in groups:
                    raise fault(catalogue.unknown(right.name, "group of countries", groups))
            case Operation(sign, (left, right)):
                if kind(left) != kind(right):
                    raise fault(f"{left} is a {kind(left)}, {right} is not")
                if sign not in ("==", "!=") and kind(left) not in ("number", "date"):
                    raise fault(f"{left} {sign}: only numbers and dates have an order")
            case _ if kind(part) != "yes/no":
                raise fault(f"{part} is not yes or no; compare it with a value")
        match part:
            case Operation(_, (Name(name), Constant(value))):
                known = attributes[name].words
                for word in value if isinstance(value, frozenset) else {value}:
                    if known and word not in known:
                        raise fault(f"{name} is never {word!r}; known: {', '.join(known)}")
        return part

    return checked(condition)


_KINDS = {bool: "yes/no", float: "number", str: "word", dt.date: "date", frozenset: "list"}


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


def read_value(text: str, name: str, attributes: Mapping[str, Attribute], where: str) -> Value:
    """The value of an attribute that a cell means. Raises FactError naming where it stands."""
    a = attributes[name]
    value = plain_value(text, a)
    if value is None:
        known = f" ({', '.join(a.words)})" if a.words else ""
        raise FactError(f"{where}: {name} is {a.type}{known}, not {text!r}")
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
    if isinstance(answer, str) == (attribute.type in ("yes/no", "number")):
        return None
    text = {True: "yes", False: "no"}[answer] if isinstance(answer, bool) else str(answer)
    value = plain_value(text, attribute)
    return value if attribute.type != "country" or value == answer else None


def value_text(value: object) -> str:
    """A value as a reader reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return f"{value:g}"
    return str(value).replace("_", " ")
