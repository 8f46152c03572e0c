"""The rule book of data sovereignty: rules, dictionary of attributes and groups of countries.

Rules are rows of `facts/sovereignty_rules.csv`; their conditions are parsed once and checked
against the dictionary, so that a misspelt name is refused by rule and column when the tables are
read. To add a rule, an attribute or a country, add a row.
"""

from __future__ import annotations

import datetime as dt
import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
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
    summary: str


@dataclass(frozen=True)
class Conditions:
    """The three conditions of a rule, parsed, and the attributes that they test."""

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
        day = dt.timedelta(days=1)
        found = {r.valid_from for r in self.rules} | {g.valid_from for g in self.groups}
        ends = [r.valid_to for r in self.rules] + [g.valid_to for g in self.groups]
        found |= {end + day for end in ends if end}
        for c in self.parsed.values():
            for part in (c.applies, c.fail, c.review):
                found |= conditions.dates(part, "as_of")
        return frozenset(d for d in found if d)

    @cache  # noqa: B019  # a book is kept as long as the process
    def read_by(self, rule: Rule) -> tuple[str, ...]:
        """Attributes that a verdict of `rule` depends on: tested, or named in a reason."""
        reasons = rule.fail_reason + rule.review_reason + rule.pass_reason
        return tuple(sorted({*self.parsed[rule.rule_id].tested, *PLACE.findall(reasons)}))

    def flows_of(self, rule: Rule) -> tuple[str, ...]:
        """Kinds of flow that `rule` looks at."""
        if rule.flows == "all":
            return tuple(k.flow for k in self.flow_kinds)
        return tuple(rule.flows.split(";"))


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


def rule_book() -> RuleBook:
    """The rule book of the fact tables. Raises FactError naming table, rule and column."""
    return _rule_book(catalogue.facts_dir())


@cache
def _rule_book(folder: Path) -> RuleBook:
    attributes = {a.attribute: a for a in catalogue.table("sovereignty_attributes", Attribute)}
    kinds = catalogue.table("sovereignty_flows", FlowKind)
    groups = catalogue.table("country_groups", CountryGroup)
    derived = _definitions(attributes)
    checker = _Checker(attributes, frozenset(g.group for g in groups))
    parsed = {}
    rules = catalogue.table("sovereignty_rules", Rule)
    known_flows = {k.flow for k in kinds} | {"all"}
    for rule in rules:
        if rule.rule_id in parsed:
            raise FactError(f"sovereignty_rules.csv: {rule.rule_id} stands there twice")
        if unknown := set(rule.flows.split(";")) - known_flows:
            raise FactError(
                f"sovereignty_rules.csv, {rule.rule_id}, flows: {', '.join(sorted(unknown))} is "
                f"no flow; known: {', '.join(sorted(known_flows))}"
            )
        columns = ("applies_when", "fail_when", "review_when")
        parts = [
            checker.read(getattr(rule, c), f"rule {rule.rule_id}, {c}", derived) for c in columns
        ]
        parsed[rule.rule_id] = Conditions(*parts)
    exists = {k.flow: checker.read(k.exists_when, f"flow {k.flow}", derived) for k in kinds}
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


@dataclass(frozen=True)
class _Checker:
    """Reads a condition and refuses names and constants that the dictionary does not know."""

    attributes: Mapping[str, Attribute]
    groups: frozenset[str]

    def read(self, text: str, where: str, derived: Mapping[str, Condition]) -> Condition:
        try:
            condition = conditions.substitute(conditions.parse(text, where), derived)
            self._check(condition, where)
        except conditions.ConditionError as error:
            raise FactError(str(error)) from None
        return condition

    def _check(self, condition: Condition, where: str) -> None:
        for part in conditions.walk(condition):
            match part:
                case conditions.Name(name):
                    if self._type(name, where) != "yes/no":
                        raise FactError(
                            f"{where}: {name} is not yes or no; compare it with a value"
                        )
                case conditions.Compare(_, left, right):
                    self._compared(left, right, where)
                    self._compared(right, left, where)
                case conditions.Member(left, choices):
                    self._listed(left.name, choices, where)

    def _listed(self, name: str, choices: frozenset[str] | str, where: str) -> None:
        if self._type(name, where) not in ("word", "country"):
            raise FactError(f"{where}: {name} is neither word nor country")
        if isinstance(choices, frozenset):
            for word in choices:
                self._word(name, word, where)
        elif choices not in self.groups:
            known = ", ".join(sorted(self.groups))
            raise FactError(f"{where}: {choices} is no group of countries; known: {known}")

    def _type(self, name: str, where: str) -> str:
        if name not in self.attributes:
            raise FactError(f"{where}: " + unknown_attribute(name, self.attributes))
        return self.attributes[name].type

    def _compared(
        self,
        term: conditions.Name | conditions.Literal,
        other: conditions.Name | conditions.Literal,
        where: str,
    ) -> None:
        if not isinstance(term, conditions.Name):
            return
        kind = self._type(term.name, where)
        if isinstance(other, conditions.Name):
            if self._type(other.name, where) != kind:
                raise FactError(f"{where}: {term.name} and {other.name} are of different types")
            return
        fits = {"yes/no": bool, "number": float, "date": dt.date}.get(kind, str)
        if not isinstance(other.value, fits):
            raise FactError(f"{where}: {term.name} is a {kind}, {other.value!r} is not")
        if isinstance(other.value, str):
            self._word(term.name, other.value, where)

    def _word(self, name: str, word: str, where: str) -> None:
        words = self.attributes[name].words
        if words and word not in words:
            raise FactError(f"{where}: {name} is never {word!r}; known: {', '.join(words)}")


def unknown_attribute(name: str, attributes: Mapping[str, Attribute]) -> str:
    """The message for a name that is no attribute, with near names."""
    near = difflib.get_close_matches(name, attributes, n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    return f"{name!r} is no attribute of facts/sovereignty_attributes.csv{hint}"


_WRITTEN: Mapping[str, tuple[type, str]] = {
    "yes/no": (bool, "yes or no; write true or false"),
    "number": (float, "a number; write it without a unit"),
    "word": (str, "a word; write it in words"),
    "country": (str, "a country; write it in words"),
    "date": (str, "a date; write it in words"),
}
"""What an answer of each type is in a scenario, and how to say so."""


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
    if value is None:
        return None
    kind, words = _WRITTEN[a.type]
    if type(value) is not kind and not (kind is float and type(value) is int):
        return f"{name} is {words}"
    if a.words and value not in a.words:
        return f"{name} is one of {', '.join(a.words)}, not {value!r}"
    if a.type == "country" and not re.fullmatch("[A-Z]{2,3}", str(value)):
        return f"{name} is an ISO 3166 code such as IT, or EU, EEA; not {value!r}"
    if a.type == "date" and plain_value(str(value), a) is None:
        return f"{name} is a date; write YYYY-MM-DD"
    return None


def read_value(text: str, name: str, attributes: Mapping[str, Attribute]) -> Value:
    """The value that a cell of provider_attributes.csv means. Raises FactError."""
    if name not in attributes:
        raise FactError(f"provider_attributes.csv: {unknown_attribute(name, attributes)}")
    value = plain_value(text, attributes[name])
    if value is None:
        a = attributes[name]
        raise FactError(
            f"provider_attributes.csv: {name} is {a.type}"
            + (f" ({', '.join(a.words)})" if a.words else "")
            + f", not {text!r}"
        )
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


def typed(answer: bool | int | float | str | None, attribute: Attribute) -> Value | None:
    """A checked answer of a scenario as the value that conditions compare."""
    if attribute.type in ("date", "number") and answer is not None:
        return plain_value(str(answer), attribute)
    return answer


def value_text(value: Value | None) -> str:
    """A value as a reader reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float | int):
        return f"{value:g}"
    return str(value).replace("_", " ")
