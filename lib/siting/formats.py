"""Numbers, money and dates as the client's country writes them, in English words.

One `Numbers` serves prose, tables, chart axes and the workbook, so that they cannot differ.
Formats come from the Unicode CLDR, through Babel.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton
from babel.languages import get_official_languages
from babel.lists import format_list
from babel.numbers import (
    format_currency,
    format_decimal,
    format_percent,
    is_currency,
)

from siting.quantity import Range

Style = Literal["number", "percent", "money", "compact", "compact_money"]

_NBSP = "\N{NO-BREAK SPACE}"
_WHOLE = re.compile(r"[#,0]+(\.[#0]+)?")
_SHORT = ((1e9, "B"), (1e6, "M"), (1e3, "k"))


def columns(rows: Iterable[Sequence[object]], right: Container[int] = ()) -> list[str]:
    """Lines of plain text with the cells in columns; `right`: places of those that align right."""
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


@dataclass(frozen=True)
class Numbers:
    """Formats of one report.

    country: ISO 3166 code, e.g. `IT`; currency: ISO 4217 code, e.g. `EUR`.
    """

    country: str
    currency: str

    @cached_property
    def words(self) -> Locale:
        """English as written in the country; British English where CLDR knows none."""
        try:
            return Locale.parse(f"en_{self.country}")
        except UnknownLocaleError:
            return Locale.parse("en_GB")

    @cached_property
    def locale(self) -> Locale:
        """Locale of digits, separators and the place of the currency sign."""
        if self.words.territory == self.country:
            return self.words
        for language in get_official_languages(self.country):
            try:
                return Locale.parse(f"{language}_{self.country}")
            except UnknownLocaleError:
                continue
        return self.words

    def _pattern(self, decimals: int) -> str:
        whole: str = self.locale.decimal_formats[None].pattern.split(".")[0]
        return whole + ("." + "0" * decimals if decimals else "")

    def number(self, value: float, decimals: int | None = None) -> str:
        """`value` with so many decimals; by default three significant digits, whole above 100."""
        places = _places(value) if decimals is None else decimals
        return format_decimal(value, format=self._pattern(places), locale=self.locale)

    def percent(self, share: float, decimals: int = 0) -> str:
        """A share of 1 as a percentage: 0.123 is 12 %."""
        pattern = self.locale.percent_formats[None].pattern
        pattern = _WHOLE.sub(self._pattern(decimals), pattern)
        return format_percent(share, format=pattern, locale=self.locale)

    def money(self, amount: float, decimals: int = 0, currency: str | None = None) -> str:
        """An amount in the report's currency, or in another one (ISO 4217)."""
        code = currency or self.currency
        pattern = self.locale.currency_formats["standard"].pattern
        pattern = _WHOLE.sub(self._pattern(decimals), pattern)
        return format_currency(
            amount, code, format=pattern, locale=self.locale, currency_digits=False
        )

    def compact(self, value: float, decimals: int | None = 1) -> str:
        """A large number in short: 1,234,567 is 1.2M; k thousand, M million, B billion (10^9).

        decimals: None shows as many as the value has, two at most (for the ticks of an axis).
        """
        pattern = self._pattern(0) + ".##" if decimals is None else self._pattern(decimals)
        places = 2 if decimals is None else decimals
        for size, letter in _SHORT:
            if round(abs(value) / size, places) >= 1:
                return format_decimal(value / size, format=pattern, locale=self.locale) + letter
        return self.number(value)

    def compact_money(
        self, amount: float, decimals: int | None = 1, currency: str | None = None
    ) -> str:
        """A large amount in short, the currency sign where `money` puts it."""
        whole = self.money(0, 0, currency)
        sign = "-" if amount < 0 else ""
        return sign + whole.replace(self.number(0, 0), self.compact(abs(amount), decimals), 1)

    def quantity(self, value: float, unit: str, decimals: int | None = None) -> str:
        """A value with its unit. A currency code prints as money, `share` as a percentage."""
        if is_currency(unit):
            return self.money(value, decimals or 0, unit)
        if unit in ("%", "share"):
            return self.percent(value if unit == "share" else value / 100, decimals or 0)
        if is_currency(unit[:3]) and unit[3:4] == " ":
            places = _places(value) if decimals is None else decimals
            return self.money(value, places, unit[:3]) + unit[3:]
        return f"{self.number(value, decimals)}{_NBSP}{unit}" if unit else self.number(value)

    def range(self, value: Range, decimals: int | None = None) -> str:
        """Central value and, in brackets, low to high: `12 GiB (10 to 15)`."""
        central = self.quantity(value.central, value.unit, decimals)
        if value.is_exact:
            return central
        if decimals is None and not is_currency(value.unit) and value.unit not in ("%", "share"):
            decimals = _places(value.central)
        return f"{central} ({self.span(value, decimals)})"

    def span(self, value: Range, decimals: int | None = None) -> str:
        """Low to high alone, without unit: `10 to 15`."""
        if value.unit in ("%", "share"):
            scale = 1 if value.unit == "share" else 100
            low, high = (self.percent(v / scale, decimals or 0) for v in (value.low, value.high))
        else:
            places = 0 if decimals is None and is_currency(value.unit) else decimals
            low, high = (self.number(v, places) for v in (value.low, value.high))
        return f"{low} to {high}"

    def date(self, day: dt.date | str) -> str:
        """A day, or a source's date as the catalogue writes it (`2026-11`, `undated`)."""
        if isinstance(day, dt.date):
            return format_date(day, "long", locale=self.words)
        parts = day.split("-")
        if day == "undated" or len(parts) == 1:
            return day
        if len(parts) == 2:
            return self.month(dt.date(int(parts[0]), int(parts[1]), 1))
        return self.date(dt.date.fromisoformat(day))

    def month(self, day: dt.date) -> str:
        """Month and year: November 2026."""
        return format_skeleton("yMMMM", day, locale=self.words)

    def names(self, items: Sequence[str]) -> str:
        """A list in words: `a, b and c`; semicolons where a name has a comma of its own."""
        if any(", " in item for item in items):
            return "; ".join(items)
        return format_list(list(items), locale=self.words) if items else "none"

    def axis(self, style: Style = "number", decimals: int | None = None) -> Callable[..., str]:
        """A tick formatter: `ax.xaxis.set_major_formatter(numbers.axis("money"))`."""

        def tick(value: float, _position: int | None = None) -> str:
            match style:
                case "percent":
                    return self.percent(value, decimals or 0)
                case "money":
                    return self.money(value, decimals or 0)
                case "compact":
                    return self.compact(value, decimals)
                case "compact_money":
                    return self.compact_money(value, decimals)
                case "number":
                    return self.number(value, decimals)

        return tick

    def excel(self, style: Literal["number", "percent", "money", "date"], decimals: int = 0) -> str:
        """Number format of a workbook cell.

        Excel shows the separators of the reader's own machine; the currency sign and its place
        are the client's.
        """
        digits = "#,##0" + ("." + "0" * decimals if decimals else "")
        match style:
            case "percent":
                return "0" + ("." + "0" * decimals if decimals else "") + "%"
            case "date":
                return (
                    "d mmmm yyyy" if self.date(dt.date(2026, 1, 31))[0] == "3" else "mmmm d, yyyy"
                )
            case "number":
                return digits
            case "money":
                before, after = self.money(0).split(self.number(0))
                return "".join(
                    (f'"{before}"' if before else "", digits, f'"{after}"' if after else "")
                )


def _places(value: float) -> int:
    """Decimals that leave three significant digits."""
    size = abs(value)
    if size == 0 or size >= 100:
        return 0
    places = 0
    while size < 100 and places < 6:
        size *= 10
        places += 1
    return places
