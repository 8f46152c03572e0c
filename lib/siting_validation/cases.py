"""A case of a file of measurements, and what the kit says of it without looking."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Any, NamedTuple

from siting.quantity import Range
from siting.records import frozen

Row = dict[str, str]
"""One case, blank cells left out."""
MOST = 1e15
"""No size or speed of a run is larger."""
MOST_COUNTED = 100_000_000
"""Larger counts are no setting of an engine."""


class Estimate(NamedTuple):
    """What the kit says of a quantity."""

    range: Range
    note: str = ""
    scale: float | None = None
    """Memory of the card, where errors are better judged as a share of it. [GiB]"""


@frozen
class Kind:
    """A kind of measurement: what its rows hold, and what the kit makes of them."""

    quantities: tuple[str, ...]
    """What a row may ask for."""
    cells: Mapping[str, Callable[[Row, str], float | None]]
    """Columns that hold numbers, and what reads them."""
    run: Callable[[Row], Any]
    """What a row states. Raises one of ERRORS."""
    predict: Callable[[Any, Row, str], Estimate]
    """A quantity of such a run. Raises one of ERRORS."""
    measured_in: Mapping[str, str] = field(default_factory=dict)
    """Columns of quantities that are called otherwise."""


ERRORS = (KeyError, ValueError, ArithmeticError)
"""What a row that cannot be read or predicted may raise."""


def positive(row: Row, column: str) -> float | None:
    """A cell as a number above zero; None where it is blank. Raises ValueError for others."""
    value = number(row, column)
    if value is not None and value <= 0:
        raise ValueError(f"{column} {row[column]!r} is not above zero")
    return value


def whole(row: Row, column: str) -> int | None:
    """A count; None where the cell is blank. Raises ValueError for zero, negative, absurd."""
    value = number(row, column)
    if value is None:
        return None
    if not 1 <= value <= MOST_COUNTED:
        raise ValueError(f"{column} {row[column]!r} is not a positive number of plausible size")
    return int(value)


def scored(row: Row) -> list[str]:
    """The quantities that a case asks for."""
    return row.get("score", "").replace(",", " ").replace(";", " ").split()


def number(row: Row, column: str) -> float | None:
    """A cell as a number; None where it is blank. Raises ValueError naming the column."""
    text = row.get(column, "")
    if not text:
        return None
    try:
        value = float(text.replace(",", "").lstrip("<=~ "))
    except ValueError:
        raise ValueError(f"{column} {text!r} is not a number") from None
    if not math.isfinite(value):
        raise ValueError(f"{column} {text!r} is not a finite number")
    if abs(value) > MOST:
        raise ValueError(f"{column} {text!r} is larger than anything measured")
    return value


def as_printed(found: Range, row: Row, column: str) -> Range:
    """A range that holds every value which a table would print as what it prints in `column`."""
    half = _digit(row.get(column, "")) / 2
    low = min(found.low, max(found.low - half, 0.0))  # nothing printed is below zero for rounding
    return Range(low, found.central, found.high + half, unit=found.unit)


def _digit(text: str) -> float:
    """Step of the last digit of a printed number: 12.3 is known to 0.1, and yes to nothing."""
    whole, _, decimals = text.strip().partition(".")
    return 10.0 ** -len(decimals) if (whole + decimals).isdigit() else 0.0
