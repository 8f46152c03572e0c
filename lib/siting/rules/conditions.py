"""The small language in which fact tables write conditions, and its evaluator.

    personal_data and external and place not in eea
    retention_days > retention_days_limit and not retention_needed
    exit_plan == 'untested' or as_of >= 2027-12-02

Names are attributes; `in` takes a list in braces or the name of a set of countries. There is
no arithmetic, no call and no access to anything else; nothing is ever handed to `eval`.

Logic has three values (Kleene, "Introduction to Metamathematics", 1952, § 64): true, false and
unknown (None). A condition is true or false only if no value of the unknown attributes could
make it otherwise by the connectives; otherwise it is unknown.
"""

from __future__ import annotations

import ast
import datetime as dt
import operator
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from siting.catalogue import FactError
from siting.inputs.attributes import Value

Values = Mapping[str, Value | frozenset[str] | None]
"""Attributes and sets of countries by name; what is missing, or None, is unknown."""

MAX_LENGTH = 2_000
MAX_DEPTH = 40
"""Bounds on a condition: longer ones are mistakes, and nobody could review them."""


class ConditionError(FactError):
    """A condition cannot be read: the message names fault and remedy."""


@dataclass(frozen=True, slots=True)
class Name:
    """An attribute, on its own a yes/no one; after `in` a group of countries."""

    name: str

    def __str__(self) -> str:
        return self.name

    def held(self, values: Values) -> Any:
        """The value of the attribute; None where it is not known."""
        return values.get(self.name)


@dataclass(frozen=True, slots=True)
class Constant:
    """A constant: yes/no, number, quoted word or date; after `in` a list of words."""

    value: Value | frozenset[str]

    def __str__(self) -> str:
        return repr(self.value)

    def held(self, values: Values) -> Any:
        """The constant itself, whatever the values."""
        return self.value


@dataclass(frozen=True, slots=True)
class Operation:
    """`and`, `or` and `not` of conditions, or a comparison of two attributes or constants."""

    sign: str
    parts: tuple[Condition, ...]

    def held(self, values: Values) -> bool | None:
        """Whether it holds of these values. A part that settles it spares those behind it: rules
        are judged a hundred thousand times for a report."""
        if self.sign in _CONNECTIVES:
            return self._connected(values, settled_by=self.sign == "or")
        known = []
        for part in self.parts:
            value = part.held(values)
            if value is None:
                return None
            known.append(value)
        return _OPERATORS[self.sign](*known)

    def _connected(self, values: Values, settled_by: bool) -> bool | None:
        """`and` is settled by a part that is false, `or` by one that is true; None where an unknown
        part could still settle it."""
        unknown = False
        for part in self.parts:
            value = part.held(values)
            if value == settled_by:
                return settled_by
            unknown = unknown or value is None
        return None if unknown else not settled_by


Condition = Name | Constant | Operation

_CONNECTIVES = frozenset({"and", "or"})
_OPERATORS: dict[str, Callable[..., bool]] = {
    "not": operator.not_,
    "in": lambda one, of: one in of,
    "not in": lambda one, of: one not in of,
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
"""What is known only if all of its parts are known."""
_NODES = (ast.Not, ast.In, ast.NotIn, ast.Eq, ast.NotEq, ast.LtE, ast.GtE, ast.Lt, ast.Gt)
_SIGNS = {**dict(zip(_NODES, _OPERATORS, strict=True)), ast.And: "and", ast.Or: "or"}
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")
_MADE_OF = "names, 'words', numbers, dates, and, or, not, in, ==, !=, <, >, <=, >=, ( ) and { }"


def parse(text: str) -> Condition:
    """The condition written in `text`; an empty text never holds.

    Python's own grammar reads it (dates as a call), and every node that is none of ours is refused.
    Raises ConditionError.
    """
    if len(text) > MAX_LENGTH:
        raise ConditionError(f"longer than {MAX_LENGTH} characters; split the rule")
    source = _DATE.sub(r"date('\g<0>')", text.strip())
    if not source:
        return Constant(False)
    try:
        if "#" in source or not source.isascii():
            raise SyntaxError("a sign stands here that no condition has")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            return _condition(ast.parse(source, mode="eval").body, 0)
    except SyntaxError as error:
        raise _unreadable(source[(error.offset or 1) - 1 :], error.msg) from None
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        raise _unreadable(source, str(error)) from None


def _unreadable(rest: str, fault: str) -> ConditionError:
    """The message for a condition that cannot be read from `rest` on."""
    near = rest[:25] or "the end"
    return ConditionError(f"{near!r}: {fault}; a condition is made of {_MADE_OF}")


def _refused(node: ast.expr, fault: str) -> SyntaxError:
    return SyntaxError(fault, ("condition", node.lineno, node.col_offset + 1, None))


def _condition(node: ast.expr, depth: int) -> Condition:
    if depth > MAX_DEPTH:
        raise _refused(node, f"more than {MAX_DEPTH} levels; split the rule")
    match node:
        case ast.BoolOp(op, values):
            parts = tuple(_condition(v, depth + 1) for v in values)
        case ast.UnaryOp(ast.Not() as op, part):
            parts = (_condition(part, depth + 1),)
        case ast.Compare(ast.Name() as left, [ast.In() | ast.NotIn() as op], [right]):
            parts = _term(left), _choices(right)
        case ast.Compare(left, [op], [right]) if type(op) in _SIGNS:
            parts = _term(left), _term(right)
        case ast.Constant():
            raise _refused(node, "a constant alone is no condition; compare it with an attribute")
        case _:
            return _term(node)
    return Operation(_SIGNS[type(op)], parts)


def _choices(node: ast.expr) -> Name | Constant:
    match node:
        case ast.Name(group):
            return Name(group)
        case ast.Set(elements):
            words = [e.value for e in elements if isinstance(e, ast.Constant)]
            if len(words) == len(elements) and all(isinstance(w, str) for w in words):
                return Constant(frozenset(map(str, words)))
    raise _refused(node, "after in comes a list such as {'US', 'CN'} or the name of a set")


def _term(node: ast.expr) -> Name | Constant:
    match node:
        case ast.Name("yes" | "no" as said):
            return Constant(said == "yes")
        case ast.Name(name):
            return Name(name)
        case ast.Constant(str() as word):
            return Constant(word)
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            return Constant(float(number))
        case ast.Call(ast.Name("date"), [ast.Constant(str() as day)]):
            try:
                return Constant(dt.date.fromisoformat(day))
            except ValueError:
                raise _refused(node, "is no date of the calendar; write YYYY-MM-DD") from None
    raise _refused(node, "an attribute or a constant is expected here")


def walk(condition: Condition) -> Iterator[Condition]:
    """The condition and everything in it."""
    yield condition
    if isinstance(condition, Operation):
        for part in condition.parts:
            yield from walk(part)


def names(condition: Condition) -> frozenset[str]:
    """The attributes and groups of countries that `condition` names."""
    return frozenset(part.name for part in walk(condition) if isinstance(part, Name))


def dates(condition: Condition, name: str) -> frozenset[dt.date]:
    """The dates that `condition` compares the attribute `name` with."""
    compared = (c.parts for c in walk(condition) if isinstance(c, Operation))
    terms = (t for parts in compared if Name(name) in parts for t in parts)
    values = (t.value for t in terms if isinstance(t, Constant))
    return frozenset(value for value in values if isinstance(value, dt.date))


def evaluate(condition: Condition, values: Values) -> bool | None:
    """True, False, or None where the answer depends on an attribute that is not known.

    Whether the values are of types that can be compared was checked when the rule was read.
    """
    held: bool | None = condition.held(values)
    return held


def undecided(condition: Condition, values: Values) -> frozenset[str]:
    """The unknown attributes that keep `condition` from being true or false."""
    match condition:
        case Name(name) if values.get(name) is None:
            return frozenset({name})
        case Operation(_, parts) if evaluate(condition, values) is None:
            return frozenset().union(*(undecided(p, values) for p in parts))
    return frozenset()
