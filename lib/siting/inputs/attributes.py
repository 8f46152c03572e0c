"""The dictionary of attributes: what a scenario may answer about flows, options and the client.

Rows of siting_facts/sovereignty_attributes.csv, which rules of data sovereignty test, and of
properties.csv, which a client may pay for.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Annotated, Literal

from siting import catalogue, places
from siting.catalogue import Fact, Owner, Source, column, one_of

Value = bool | float | str | dt.date
KIND_OF_OPTION = "option.kind"
"""Where a scenario states the kind of an option."""


class Attribute(Fact, tables="sovereignty_attributes", key="name"):
    """What is asked about a flow, an option or a client: one line of the dictionary."""

    name: str
    label: str
    type: Literal["yes/no", "number", "word", "country", "date"]
    choices: str = ""
    """Words that a `word` may be, separated by semicolons; of the kind of option, all kinds."""
    level: Literal["flow", "option", "client", "scenario", "setting", "stress"]
    """Where it is answered; `scenario`: it follows from the rest of the scenario."""
    addressee: Literal["vendor", "maker", "own team", ""] = ""
    """Whom the question goes to: who sells the service, who made the model (which may be another
    than its host), or the client's own team."""
    owner: Literal[Owner, ""] = ""
    """Who at the client answers or asks it, where that is another than who settles the rule."""
    short: str = ""
    """The question in a few words, as page five has it; blank where the label says enough."""
    question: str = ""
    own_question: str = ""
    """The same where the client itself carries what is asked about: own rooms have no vendor, and
    who makes a product is asked otherwise than who buys it. Blank where it is asked alike."""
    derived_as: str = ""
    """A condition that defines it by other attributes; it is then never asked."""
    vendor_fact: Annotated[
        str, one_of(lambda: column("vendor_facts", "attribute"), "fact about a vendor")
    ] = ""
    """Attribute of siting_facts/vendor_facts.csv that answers it."""
    presupposes: Annotated[
        str, one_of(lambda: column("sovereignty_attributes", "name"), "attribute")
    ] = ""
    """Attribute of the same flow without which nobody can have answered: what is said of all
    transfers is said of none whose place is not known."""
    stated_in: str = ""
    """Line of the scenario that answers it (`data` of the workloads, `option` that carries the
    flow, or a section); of a list, `LINE with WORD`, or `LINE without WORD`."""

    def asked(self, is_own: bool) -> str:
        """The question, as it is put to the client itself (`is_own`) or to a vendor."""
        own = self.own_question if is_own else ""
        return own or self.question or f"Not stated: {self.label}."

    @property
    def words(self) -> tuple[str, ...]:
        """What a `word` may be; empty where it may be anything."""
        if self.stated_in == KIND_OF_OPTION:
            return tuple(places.KINDS)
        return tuple(filter(None, self.choices.split(";")))


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an attribute, and where it comes from."""

    attribute: Attribute
    value: Value | None
    """None: 'asked, and not known'."""
    source: Source
    _: KW_ONLY
    assumed: bool = False
    """Taken for granted by the kit until the client says otherwise."""
    weak: bool = False
    """Published of a vendor by a third party, roughly, or on no day: nothing fails by it."""
    also: tuple[Source, ...] = ()
    """Others that say the same, where an answer is of several workloads."""

    @property
    def sources(self) -> tuple[Source, ...]:
        """All that say so."""
        return (self.source, *self.also)

    @property
    def text(self) -> str:
        """The value as a report prints it."""
        return value_text(self.value)


EXTREMES: Mapping[Value, str] = {0.0: "low enough", 1e6: "too high"}
"""Answers that are supposed where a number is asked, and how a reader is told: beyond every limit
that a rule sets in days, hours, months or shares."""


@catalogue.of_facts
def dictionary() -> Mapping[str, Attribute]:
    """Every attribute by name."""
    return {a.name: a for a in catalogue.table("sovereignty_attributes", Attribute)}


class Property(Fact, tables="properties", key="property"):
    """Something that a client may pay for, or not."""

    property: str
    label: str
    contradicts: Annotated[str, one_of(lambda: column("properties", "property"), "property")] = ""
    """A property that no option can have beside it."""
    holds_when: str
    """Condition on what is known of a flow; `home` and `near` are countries of the client."""


def properties() -> Mapping[str, Property]:
    """All of them by name, in the order of the table."""
    return {row.property: row for row in catalogue.table("properties", Property)}


class FlowKind(Fact, tables="sovereignty_flows", key="flow"):
    """A kind of flow, and the condition under which an option has one."""

    flow: str
    label: str
    meaning: str
    exists_when: str
    own_answers: Annotated[
        str, one_of(lambda: column("sovereignty_attributes", "name"), "attribute", ";")
    ] = ""
    """Attributes that an answer for the whole option says nothing of: where support staff sit is
    asked apart from where the servers stand. By semicolons."""

    def inherits(self, attribute: str) -> bool:
        """Whether an answer for the whole option holds for this flow too."""
        return attribute not in self.own_answers.split(";")


Flows = Annotated[str, one_of(lambda: column("sovereignty_flows", "flow") | {"all"}, "flow", ";")]


AttributeName = Annotated[
    str, one_of(lambda: column("sovereignty_attributes", "name"), "attribute")
]


def unknown_attribute(name: str, attributes: Mapping[str, Attribute]) -> str:
    """The message for a name that is no attribute, with near names."""
    return catalogue.unknown(
        name, "attribute of siting_facts/sovereignty_attributes.csv", attributes
    )


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


def meaning(attribute: Attribute) -> Callable[[str], Value]:
    """What a cell means as a value of an attribute; a text that means none is refused with what to
    write (ValueError)."""

    def read(text: str) -> Value:
        value = plain_value(text, attribute)
        if value is None:
            known = f" ({', '.join(attribute.words)})" if attribute.words else ""
            fault = f"{attribute.name} is {attribute.type}{known}, not {text!r}"
            raise ValueError(f"{fault}; write a value of it")
        return value

    return read


def plain_value(text: str, attribute: Attribute) -> Value | None:
    """The value that a text states plainly; None where it says more than the type can hold.

    A country may be followed by a remark in brackets.
    """
    if attribute.type == "yes/no":
        return {"yes": True, "no": False}.get(text)
    if attribute.type == "country":
        code = re.match(r"[A-Z]{2,3}\b", text)
        return code[0] if code and code[0] in catalogue.areas() else None
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


_RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def value_text(value: object) -> str:
    """A value as a reader reads it."""
    if value is None:
        return "unknown"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float | int):
        return str(value).replace("_", " ")
    if abs(value) < 1e15:
        return f"{value:.15g}"
    digits, _, power = f"{value:.2e}".partition("e+")
    return f"{float(digits):g} × 10{power.translate(_RAISED)}"  # such as 3.2 × 10²⁰
