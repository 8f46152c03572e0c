"""The small language in which fact tables write conditions, and its evaluator.

    personal_data and external and place not in eea
    retention_days > retention_days_limit and not retention_needed
    exit_plan == 'untested' or as_of >= 2027-12-02

Names are attributes; `in` takes a list in braces or the name of a set of countries. There is
no arithmetic, no call and no access to anything else, and Python's own `eval` is never used.

Logic has three values (Kleene, "Introduction to Metamathematics", 1952, § 64): true, false and
unknown (None). A condition is true or false only if no value of the unknown attributes could
make it otherwise by the connectives; otherwise it is unknown.
"""

from __future__ import annotations

import datetime as dt
import operator
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

Value = bool | float | str | dt.date
Values = Mapping[str, Value | None]
Sets = Mapping[str, frozenset[str]]

MAX_LENGTH = 2_000
MAX_DEPTH = 40
"""Bounds on a condition: longer ones are mistakes, and nobody could review them."""


class ConditionError(ValueError):
    """A condition cannot be read or compared: the message names rule, column, fault and remedy."""


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute; on its own it must be a yes/no attribute."""

    name: str


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: yes/no, number, quoted word or date."""

    value: Value


@dataclass(frozen=True, slots=True)
class Compare:
    """`left op right`, each an attribute or a constant."""

    op: str
    left: Name | Literal
    right: Name | Literal


@dataclass(frozen=True, slots=True)
class Member:
    """`left in {…}` or `left in set`."""

    left: Name
    choices: frozenset[str] | str


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds (`and`)."""

    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any_:
    """At least one part holds (`or`)."""

    parts: tuple[Condition, ...]


Condition = Name | Literal | Compare | Member | Not | All | Any_

NEVER = Literal(False)

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_TOKEN = re.compile(
    r"(?:(?P<date>\d{4}-\d\d-\d\d)|(?P<number>\d+(?:\.\d+)?(?:e\d+)?)|'(?P<word>[^']*)'"
    r"|(?P<name>[a-z][a-z0-9_]*)|(?P<sign>==|!=|<=|>=|[<>(){},]))"
)
_RESERVED = ("and", "or", "not", "in", "yes", "no")


def parse(text: str, where: str = "condition") -> Condition:
    """The condition written in `text`; an empty text never holds.

    where: the rule and column, which every error begins with. Raises ConditionError.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"{where}: longer than {MAX_LENGTH} characters; split the rule")
    if not text.strip():
        return NEVER
    return _Parser(text, where).whole()


class _Parser:
    """Recursive descent over the tokens of one condition."""

    def __init__(self, text: str, where: str) -> None:
        self.text, self.where = text, where
        self.tokens = list(self._tokens())
        self.at = 0
        self.depth = 0

    def _tokens(self) -> Iterator[tuple[str, str, int]]:
        position, end = 0, len(self.text.rstrip())
        while position < end:
            position += len(self.text[position:]) - len(self.text[position:].lstrip())
            found = _TOKEN.match(self.text, position)
            if found is None:
                self._fail(
                    "cannot be read; write names, 'words', numbers, dates, "
                    "and, or, not, in, ==, !=, <, >, <=, >=, ( ) or { }",
                    position,
                )
            assert found.lastgroup
            yield found.lastgroup, found[found.lastgroup], found.start(found.lastgroup)
            position = found.end()

    def _fail(self, fault: str, position: int | None = None) -> NoReturn:
        if position is None:
            position = self.tokens[self.at][2] if self.at < len(self.tokens) else len(self.text)
        rest = self.text[position : position + 25] or "the end"
        raise ConditionError(f"{self.where}: at character {position + 1}, {rest!r}: {fault}")

    def _peek(self) -> tuple[str, str]:
        return self.tokens[self.at][:2] if self.at < len(self.tokens) else ("end", "")

    def _take(self, *wanted: str) -> bool:
        """Steps over the next token if it is one of these names or signs."""
        kind, text = self._peek()
        if kind in ("name", "sign") and text in wanted:
            self.at += 1
            return True
        return False

    def whole(self) -> Condition:
        condition = self._or()
        if self._peek()[0] != "end":
            self._fail("is not expected here; join conditions with and or or")
        return condition

    def _or(self) -> Condition:
        parts = [self._and()]
        while self._take("or"):
            parts.append(self._and())
        return parts[0] if len(parts) == 1 else Any_(tuple(parts))

    def _and(self) -> Condition:
        parts = [self._not()]
        while self._take("and"):
            parts.append(self._not())
        return parts[0] if len(parts) == 1 else All(tuple(parts))

    def _not(self) -> Condition:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self._fail(f"more than {MAX_DEPTH} levels; split the rule")
        if self._take("not"):
            condition: Condition = Not(self._not())
        elif self._take("("):
            condition = self._or()
            if not self._take(")"):
                self._fail("a closing bracket ) is missing")
        else:
            condition = self._comparison()
        self.depth -= 1
        return condition

    def _comparison(self) -> Condition:
        left = self._term()
        if isinstance(left, Name):
            negated = self._take("not")
            if self._take("in"):
                member = Member(left, self._choices())
                return Not(member) if negated else member
            if negated:
                self._fail("after not comes in")
        kind, op = self._peek()
        if kind == "sign" and op in _OPERATORS:
            self.at += 1
            return Compare(op, left, self._term())
        if isinstance(left, Literal) and not isinstance(left.value, bool):
            self._fail("a constant alone is no condition; compare it with an attribute")
        return left

    def _choices(self) -> frozenset[str] | str:
        kind, text = self._peek()
        if kind == "name" and text not in _RESERVED:
            self.at += 1
            return text
        if not self._take("{"):
            self._fail("after in comes a list such as {'US', 'CN'} or the name of a set")
        words = [self._word()]
        while self._take(","):
            words.append(self._word())
        if not self._take("}"):
            self._fail("a closing brace } is missing")
        return frozenset(words)

    def _word(self) -> str:
        kind, text = self._peek()
        if kind != "word":
            self._fail("is no quoted word; write for example 'none'")
        self.at += 1
        return text

    def _term(self) -> Name | Literal:
        kind, text = self._peek()
        if kind == "name" and text in ("yes", "no"):
            term: Name | Literal = Literal(text == "yes")
        elif kind == "name" and text not in _RESERVED:
            term = Name(text)
        elif kind == "number":
            term = Literal(float(text))
        elif kind == "word":
            term = Literal(text)
        elif kind == "date":
            term = Literal(self._date(text))
        else:
            self._fail("an attribute or a constant is expected here")
        self.at += 1
        return term

    def _date(self, text: str) -> dt.date:
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            self._fail("is no date of the calendar; write YYYY-MM-DD")


def names(condition: Condition) -> frozenset[str]:
    """The attributes that `condition` tests."""
    match condition:
        case Name(name):
            return frozenset({name})
        case Literal():
            return frozenset()
        case Compare(_, left, right):
            return names(left) | names(right)
        case Member(left, _):
            return names(left)
        case Not(part):
            return names(part)
        case All(parts) | Any_(parts):
            return frozenset().union(*map(names, parts))


def dates(condition: Condition, name: str) -> frozenset[dt.date]:
    """The dates that `condition` compares the attribute `name` with."""
    match condition:
        case Compare(_, Name(left), Literal(dt.date() as day)) if left == name:
            return frozenset({day})
        case Not(part):
            return dates(part, name)
        case All(parts) | Any_(parts):
            return frozenset().union(*(dates(p, name) for p in parts))
        case _:
            return frozenset()


def evaluate(condition: Condition, values: Values, sets: Sets, where: str) -> bool | None:
    """True, False, or None where the answer depends on an attribute that is not known.

    values: attributes; a missing one, or None, is unknown. sets: named groups of countries.
    Raises ConditionError when two values cannot be compared or a set is not defined.
    """
    match condition:
        case Name() | Literal():
            value = _value(condition, values)
            if value is not None and not isinstance(value, bool):
                raise ConditionError(f"{where}: {_text(condition)} is not yes or no")
            return value
        case Compare(op, left, right):
            return _compare(op, left, right, values, where)
        case Member(left, choices):
            return _member(left, choices, values, sets, where)
        case Not(part):
            inner = evaluate(part, values, sets, where)
            return None if inner is None else not inner
        case All(parts):
            return _joined(parts, False, values, sets, where)
        case Any_(parts):
            return _joined(parts, True, values, sets, where)


def _joined(
    parts: tuple[Condition, ...], settles: bool, values: Values, sets: Sets, where: str
) -> bool | None:
    """Of parts of which one that is `settles` settles all, whatever the others are."""
    found: bool | None = not settles
    for part in parts:
        one = evaluate(part, values, sets, where)
        if one is settles:
            return settles
        found = found if one is not None else None
    return found


def undecided(condition: Condition, values: Values, sets: Sets, where: str) -> frozenset[str]:
    """The unknown attributes that keep `condition` from being true or false."""
    if evaluate(condition, values, sets, where) is not None:
        return frozenset()
    match condition:
        case Not(part):
            return undecided(part, values, sets, where)
        case All(parts) | Any_(parts):
            return frozenset().union(*(undecided(p, values, sets, where) for p in parts))
        case _:
            return frozenset(n for n in names(condition) if values.get(n) is None)


def substitute(condition: Condition, definitions: Mapping[str, Condition]) -> Condition:
    """`condition` with each name that is defined by another condition replaced by it.

    A defined name may stand alone only (not in a comparison). Raises ConditionError.
    """
    match condition:
        case Name(name):
            return definitions.get(name, condition)
        case Not(part):
            return Not(substitute(part, definitions))
        case All(parts):
            return All(tuple(substitute(p, definitions) for p in parts))
        case Any_(parts):
            return Any_(tuple(substitute(p, definitions) for p in parts))
        case _:
            if compared := names(condition) & set(definitions):
                raise ConditionError(
                    f"{', '.join(compared)} is defined by a condition; write it alone, "
                    "without == or in"
                )
            return condition


def _value(term: Name | Literal, values: Values) -> Value | None:
    return values.get(term.name) if isinstance(term, Name) else term.value


def _text(term: Name | Literal) -> str:
    return term.name if isinstance(term, Name) else repr(term.value)


def _kind(value: Value) -> str:
    if isinstance(value, bool):
        return "yes/no"
    if isinstance(value, str):
        return "a word"
    return "a date" if isinstance(value, dt.date) else "a number"


def _compare(
    op: str, left: Name | Literal, right: Name | Literal, values: Values, where: str
) -> bool | None:
    first, second = _value(left, values), _value(right, values)
    if first is None or second is None:
        return None
    if _kind(first) != _kind(second):
        raise ConditionError(
            f"{where}: {_text(left)} is {_kind(first)} and {_text(right)} is {_kind(second)}; "
            "compare like with like"
        )
    if op not in ("==", "!=") and _kind(first) in ("yes/no", "a word"):
        raise ConditionError(f"{where}: {_text(left)} {op}: only numbers and dates have an order")
    return _OPERATORS[op](first, second)


def _member(
    left: Name, choices: frozenset[str] | str, values: Values, sets: Sets, where: str
) -> bool | None:
    if isinstance(choices, str):
        if choices not in sets:
            raise ConditionError(
                f"{where}: {choices} is no set; known: {', '.join(sorted(sets))}, "
                "or write a list such as {'US', 'CN'}"
            )
        choices = sets[choices]
    value = values.get(left.name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise ConditionError(f"{where}: {left.name} is {_kind(value)}; only words are in a list")
    return value in choices
