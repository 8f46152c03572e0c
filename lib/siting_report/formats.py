"""Numbers, money and dates as one report writes them: in prose, tables, charts and workbook alike.

A comma and a point mean opposite things to a German and an American reader of English. So thousands
are set apart by a narrow space for euro clients and most others, an apostrophe in Switzerland, a
comma in Britain, Ireland and the United States; the decimal sign is always a point. Large amounts
are written in millions, never as "702k" or "1.2M". In another language than English numbers, dates
and the place of a currency's sign are as that language and the country have them.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from babel import Locale, localedata
from babel.dates import format_date, format_skeleton
from babel.lists import format_list
from babel.numbers import get_currency_symbol, is_currency

from siting_report.texts import ENGLISH, catalogue

NARROW = "\N{NARROW NO-BREAK SPACE}"
_NBSP = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"
NONE = "–"
"""What stands where a number is missing."""
NEVER = "never"
"""What stands for an infinite time."""
_PLAIN = re.compile(r"[\d,]+(\.\d+)?%?")
"""A number as the library writes it within a text."""
_COMMA = ("GB", "IE", "US")
_APOSTROPHE = ("CH", "LI")
_CLOSED_UP = "£$"
MILLION_FROM = 200_000
"""Amounts from here on are written in millions."""


class Ranged(Protocol):
    """A central value with its low and high, and the unit of all three."""

    @property
    def low(self) -> float: ...
    @property
    def central(self) -> float: ...
    @property
    def high(self) -> float: ...
    @property
    def unit(self) -> str: ...
    @property
    def is_exact(self) -> bool: ...
    @property
    def ends(self) -> tuple[float, float, float]: ...


@dataclass(frozen=True)
class Numbers:
    """Formats of one report.

    country: ISO 3166 code, e.g. `IT`; currency: ISO 4217 code, e.g. `EUR`, blank where none is
    known; language: of the report. A missing value is a dash, an infinite one "never".
    """

    country: str
    currency: str
    language: str = ENGLISH

    @cached_property
    def words(self) -> Locale:
        """The language as written in the country; British English, or the language as it is, where
        CLDR knows none."""
        name = f"{self.language}_{self.country}"
        usual = "en_GB" if self.language == ENGLISH else self.language
        return Locale.parse(name if localedata.exists(name) else usual)

    def word(self, english: str) -> str:
        """A word that stands with numbers, in the report's language."""
        return catalogue(self.language).message(english, "number")

    @cached_property
    def point(self) -> str:
        """The decimal sign."""
        if self.language == ENGLISH:
            return "."
        return str(self.words.number_symbols["latn"]["decimal"])

    @property
    def per_cent(self) -> str:
        """The sign behind a percentage, with the space before it."""
        return "%" if self.language == ENGLISH else f"{NARROW}%"

    @cached_property
    def separator(self) -> str:
        """What sets thousands apart."""
        if self.language != ENGLISH:
            group = str(self.words.number_symbols["latn"]["group"])
            return NARROW if group.isspace() else group
        if self.country in _COMMA:
            return ","
        return "’" if self.country in _APOSTROPHE else NARROW

    def regrouped(self, text: str) -> str:
        """An English text whose numbers set thousands apart with commas, as the country sets them;
        another language writes them as it translates (`as_client`)."""
        if self.language != ENGLISH:
            return text
        return re.sub(r"(?<=\d),(?=\d{3}(?!\d))", self.separator, text)

    def as_client(self, part: str) -> str:
        """A number as the library writes it, `1,234.5` or `12.5%`, as the client does; any other
        text as it is."""
        if not _PLAIN.fullmatch(part):
            return part
        signs = {",": self.separator, ".": self.point, "%": self.per_cent}
        return "".join(signs.get(letter, letter) for letter in part)

    def number(self, value: float, decimals: int | None = None) -> str:
        """`value` with so many decimals; by default three significant digits, whole above 100."""
        if math.isnan(value):
            return NONE
        if math.isinf(value):
            return self.word(NEVER)
        places = _places(value) if decimals is None else decimals
        text = f"{abs(value):,.{places}f}"
        text = text.translate({ord(","): self.separator, ord("."): self.point})
        return (MINUS if value < 0 and any(c in "123456789" for c in text) else "") + text

    def percent(self, share: float, decimals: int | None = 0) -> str:
        """A share of 1 as a percentage: 0.123 is 12%; without a number of decimals, 12.3%. With
        decimals, what is below all is not called 100%."""
        most = 1 - 10.0 ** -((decimals or 0) + 2)
        over = f"{self.word('over')} " if decimals and most < share < 1 else ""
        text = self._lean(100 * (most if over else share), decimals)
        if not math.isfinite(share):
            return text
        return over + text + self.per_cent

    def sign(self, currency: str | None = None) -> str:
        """The currency's sign. Raises ValueError where none is known."""
        if not (currency or self.currency):
            raise ValueError(
                "money of no currency, or of several: name the frame of one client in data=, or "
                "leave out the format and show its column currency"
            )
        symbol = get_currency_symbol(currency or self.currency, locale="en_GB")
        is_own = self.language == ENGLISH and self.currency == "USD"
        return "$" if symbol == "US$" and is_own else symbol

    def _signed(self, text: str, currency: str | None) -> str:
        """An amount with the currency's sign where the language has it."""
        sign = self.sign(currency)
        if self.language == ENGLISH:
            closed_up = sign in _CLOSED_UP or (self.country in _COMMA and len(sign) == 1)
            return sign + ("" if closed_up else NARROW) + text
        is_before = self.words.currency_formats["standard"].pattern.startswith("¤")
        return f"{sign}{NARROW}{text}" if is_before else f"{text}{NARROW}{sign}"

    def money(self, amount: float, decimals: int | None = None, currency: str | None = None) -> str:
        """An amount in the report's currency, or in another one (ISO 4217).

        By default as prose has it: millions with two decimals from 200,000 up, below that full
        thousands, below 10,000 full hundreds, below 1,000 full units, below 10 two decimals.
        `decimals` writes it out.
        """
        if not math.isfinite(amount):
            return self.number(amount)
        write, word = self._amounts(abs(amount))
        text = write(abs(amount)) + word
        if decimals is not None:
            text = self.number(abs(amount), decimals)
        is_below = amount < 0 and text.strip(f"0{self.point}")
        return (MINUS if is_below else "") + self._signed(text, currency)

    def _amounts(self, top: float) -> tuple[Callable[[float], str], str]:
        """How amounts up to `top` are written, and the word that follows them."""
        if math.isfinite(top) and round(top, -3) >= MILLION_FROM:
            return lambda amount: self.number(amount / 1e6, 2), NARROW + self.word("million")
        if top < 10:
            digits = 2
        elif top < 1000:
            digits = 0
        else:
            digits = -2 if top < 10_000 else -3
        return lambda amount: self.number(_rounded(amount, digits), 2 if 0 < top < 10 else 0), ""

    def money_span(self, low: float, high: float, currency: str | None = None) -> str:
        """Two amounts, the sign and the word once: `€ 0.59 to 1.17 million`."""
        write, word = self._amounts(max(abs(low), abs(high)))
        return self._signed(f"{write(low)} {self.word('to')} {write(high)}{word}", currency)

    def _money_range(self, value: Ranged) -> str:
        """An amount with its range, in one form: `€ 1.04 million (0.73 to 1.54)`."""
        write, word = self._amounts(max(abs(value.low), abs(value.high)))
        if not word:
            span = self.money_span(value.low, value.high, value.unit)
            return f"{self.money(value.central, currency=value.unit)} ({span})"
        low, central, high = map(write, value.ends)
        minus = MINUS if central.startswith(MINUS) else ""
        told = self._signed(central.removeprefix(MINUS) + word, value.unit)
        return f"{minus}{told} ({low} {self.word('to')} {high})"

    def compact(self, value: float, decimals: int | None = None) -> str:
        """A large number for the tick of an axis: 2 million, 3.5 billion."""
        return self._stepped(value, ((1e9, 1e9, "billion"), (1e6, 1e6, "million")), decimals)

    def rounded(self, value: float) -> str:
        """A number to three digits, as one asks for a limit: 329,000, 10.5 million."""
        return self.compact(float(f"{value:.3g}"))

    def compact_money(self, amount: float, decimals: int | None = None) -> str:
        """A large amount for the tick of an axis: € 0.5 million."""
        text = self._stepped(abs(amount), ((MILLION_FROM, 1e6, "million"),), decimals)
        return (MINUS if amount < 0 else "") + self._signed(text, self.currency)

    def _stepped(
        self, value: float, steps: Iterable[tuple[float, float, str]], decimals: int | None
    ) -> str:
        """From a bound on in its unit and word, the highest first; below all as it stands."""
        found = ((size, word) for bound, size, word in steps if abs(value) >= bound)
        size, word = next(found, (1.0, ""))
        said = NARROW + self.word(word) if word else ""
        return self._lean(value / size, decimals) + said

    def _lean(self, value: float, decimals: int | None) -> str:
        """With as many decimals as the value has, six at most, or as told."""
        if decimals is not None or not math.isfinite(value):
            return self.number(value, decimals)
        text = self.number(value, 6)
        return text.rstrip("0").rstrip(self.point) if self.point in text else text

    def quantity(self, value: float, unit: str, decimals: int | None = None) -> str:
        """A value with its unit. A currency code prints as money, `share` as a percentage."""
        if is_currency(unit):
            return self.money(value, decimals, unit)
        if unit in ("%", "share"):
            return self.percent(value if unit == "share" else value / 100, decimals or 0)
        if is_currency(unit[:3]) and unit[3:4] == " ":
            places = _places(value) if decimals is None else decimals
            return f"{self.money(value, places, unit[:3])} {self.unit(unit[4:])}"
        bare = unit in ("", "1") or not math.isfinite(value)
        text = self.number(value, decimals)
        return text if bare else f"{text}{_NBSP}{self.unit(unit)}"

    def unit(self, english: str) -> str:
        """A unit as the report's language has it; most are the same in all."""
        return catalogue(self.language).known(english) or english

    def range(self, value: Ranged, decimals: int | None = None) -> str:
        """Central value and, in brackets, low to high: `12 GiB (10 to 15)`."""
        central = self.quantity(value.central, value.unit, decimals)
        if value.is_exact:
            return central
        if is_currency(value.unit) and decimals is None:
            return self._money_range(value)
        if decimals is None and value.unit not in ("%", "share"):
            decimals = _places(value.central or max(-value.low, value.high))
        return f"{central} ({self.span(value, decimals)})"

    def span(self, value: Ranged, decimals: int | None = None) -> str:
        """Low to high alone, without unit: `10 to 15`; with the sign where it is money; once where
        both read the same."""
        if value.unit in ("%", "share"):
            scale = 1 if value.unit == "share" else 100
            low, high = (self.percent(v / scale, decimals or 0) for v in (value.low, value.high))
        elif is_currency(value.unit) and decimals is None:
            return self.money_span(value.low, value.high, value.unit)
        else:
            low, high = (self.number(v, decimals) for v in (value.low, value.high))
        return low if low == high else f"{low} {self.word('to')} {high}"

    def date(self, day: dt.date | str) -> str:
        """A day, or a source's date as the catalogue writes it (`2026-11`, `undated`)."""
        if isinstance(day, dt.date):
            return format_date(day, "long", locale=self.words)
        parts = day.split("-")
        if day == "undated":
            return self.word(day)
        if len(parts) == 1:
            return day
        if len(parts) == 2:
            return self.month(dt.date(int(parts[0]), int(parts[1]), 1))
        return self.date(dt.date.fromisoformat(day))

    def month(self, day: dt.date) -> str:
        """Month and year: November 2026."""
        return format_skeleton("yMMMM", day, locale=self.words)

    def short_month(self, day: dt.date) -> str:
        """Month and year for the tick of an axis: Nov 2026."""
        return format_skeleton("yMMM", day, locale=self.words)

    def names(self, items: Sequence[str]) -> str:
        """A list in words: `a, b and c`; semicolons where a name has a comma of its own."""
        if any(", " in item for item in items):
            return "; ".join(items)
        return format_list(list(items), locale=self.words) if items else self.word("none")

    def axis(self, style: str, decimals: int | None) -> Callable[..., str]:
        """Writes the ticks of an axis: as number, whole, percent, money, compact or
        compact_money."""
        write: dict[str, Callable[..., str]] = {"number": self._lean, "whole": self.number}
        chosen = write.get(style) or getattr(self, style)
        places = decimals or 0 if style in ("whole", "money") else decimals
        return lambda value, _position: chosen(value, places)


def _rounded(amount: float, digits: int) -> float:
    """An amount as people round it: a half goes up, as it does in every table of the report."""
    step = 10.0**-digits
    return math.copysign(math.floor(abs(amount) / step + 0.5) * step, amount)


def _places(value: float) -> int:
    """Decimals that leave three significant digits."""
    size = abs(value)
    if size == 0 or size >= 100 or not math.isfinite(size):
        return 0
    return min(6, 2 - math.floor(math.log10(size)))
