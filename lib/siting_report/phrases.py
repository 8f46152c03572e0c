"""Sentences with numbers and names in them, in the report's language.

    p = s.phrases
    p("{option} costs {total:money} over {years}.", row, years=s.years)

The English sentence is the key of its translation, as in gettext; `make texts` finds it in the
cell. A field stands in the sentence by its name, with its format after a colon; names are put in
as they are, uninflected.
"""

from __future__ import annotations

import datetime as dt
import math
import re
import string
from collections.abc import Mapping
from typing import Any

import pandas as pd
from babel.numbers import is_currency

from siting_report.formats import Numbers
from siting_report.nearest import nearest
from siting_report.texts import ENGLISH, catalogue, fields

SPELT = (
    "no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven",
    "twelve",
)  # fmt: skip
"""Numbers that stand in words within a sentence."""
COUNTS = ("count", "spelt")
"""Formats of the number that decides between one and several."""
FORMATS = (
    "money", "percent", "number", "whole", "rounded", "date", "of_100", *COUNTS, "names", "text",
)  # fmt: skip
"""Those whose misspelling is no unit; `month` is not among them, as `months` is one."""
_SHARES = ("percent", "of_100")
_MISSPELT = 0.75
"""Likeness to a format from which a word is no unit."""
_RAISED = ("count", "text", "names")
"""Formats whose words may begin a sentence: then with a capital."""


class Phrases:
    """Writes sentences of one report."""

    def __init__(self, numbers: Numbers) -> None:
        self.numbers = numbers
        self._texts = catalogue(numbers.language)

    def __call__(self, sentence: str, *rows: Any, one: str = "", **told: Any) -> str:
        """The sentence with its fields filled; blank where one of them is null.

        rows: where a field is looked up that is not told by its name: a row of a frame, or a
        mapping; the first that has it. one: the sentence where its `count` is one.
        Formats: `money`, `percent`, `number` and `whole`, with decimals as `percent:1`; `rounded`
        (to three digits); `date`, `month`; `of_100` (66 of 100); `count` (in words up to twelve,
        at the beginning with a capital) and `spelt` (without); `names` (a list in words); `text`
        (a text of the facts, which has a translation of its own); a unit as `s` or `GiB`.
        Raises KeyError for a field that nothing has, and ValueError for a number that would be
        printed in another unit than its own.
        """
        if not sentence:
            return ""
        refuse_misspelt(sentence)
        values = {name: _found(name, told, rows) for name, _ in fields(sentence + one)}
        if any(_is_null(value) for value in values.values()):
            return ""
        counted = next((values[name] for name, form in fields(sentence) if form in COUNTS), None)
        if counted == 1 and not one:
            raise ValueError(f"{sentence!r}: say it for one as well, as one=")
        chosen = self._texts.message(one if counted == 1 else sentence)
        text = "".join(
            before + (self._written(name, form or "", told, rows) if name else "")
            for before, name, form, _ in string.Formatter().parse(chosen)
        )
        if re.match(rf"\W*\{{\w+:(?:{'|'.join(_RAISED)})\}}", chosen):
            text = re.sub(r"\w", lambda first: first[0].upper(), text, count=1)
        return self._kept(text)

    def text(self, said: str) -> str:
        """A text of the facts in the report's language; where it has none, as it is."""
        if self.numbers.language == ENGLISH or not said or said in self._texts.said:
            return said
        lowered = said[:1].lower() + said[1:]
        written = self.numbers.as_client
        found = self._texts.known(said, written) or self._texts.known(lowered, written)
        return self._kept(found if found else self._texts.message(said))

    def _kept(self, text: str) -> str:
        """A text of which is known from now on that it is in the report's language."""
        self._texts.said.add(text)
        return text

    def _written(self, name: str, form: str, told: Mapping[str, Any], rows: tuple[Any, ...]) -> str:
        """A field in a format. Raises ValueError where that is not its value's own."""
        kind, _, places = form.partition(":")
        decimals = int(places) if places else None
        value = _found(name, told, rows)
        unit = _unit(name, kind, told, rows)
        _refuse_other_unit(name, kind, unit)
        match kind:
            case "money":
                return self.numbers.money(value, decimals, unit)
            case "percent":
                return self.numbers.percent(value, decimals or 0)
            case "of_100":
                return f"{_of_100(value)} {self.numbers.word('of 100')}"
            case "number" | "whole":
                return self.numbers.number(value, 0 if kind == "whole" else decimals)
            case "rounded":
                return self.numbers.rounded(value)
            case "date":
                return self.numbers.date(value)
            case "month":
                return self.numbers.month(_day(value))
            case "count" | "spelt":
                return self.count(value)
            case "names":
                return self.numbers.names([str(each) for each in value])
            case "text":
                return self.text(str(value))
            case "":
                return self._plain(name, value, unit)
        return self.numbers.quantity(value, kind, decimals)

    def _plain(self, name: str, value: Any, unit: str | None) -> str:
        """A name as it is, a number in its unit."""
        if isinstance(value, str):
            return value
        if isinstance(value, (bool, dt.date)) or (unit is None and not float(value).is_integer()):
            raise ValueError(
                f"{{{name}}} is {value!r}: say how it is written, as {{{name}:number}}"
            )
        if unit is None:
            return self.numbers.number(value, 0)
        return self.numbers.quantity(value, unit)

    def count(self, number: float) -> str:
        """A number within a sentence: up to twelve in words, `three`, else in figures."""
        whole = math.isfinite(number) and number == int(number)
        if whole and 0 <= number < len(SPELT):
            return self.numbers.word(SPELT[int(number)])
        return self.numbers.number(number, 0 if whole else None)


def refuse_misspelt(sentence: str) -> None:
    """Raises ValueError where a sentence has a bracket that is not closed, a field without a name,
    or a format that reads like a misspelt one."""
    for name, form in fields(sentence):
        kind = form.partition(":")[0]
        meant = None if kind in FORMATS else nearest(kind, FORMATS, _MISSPELT)
        if meant:
            raise ValueError(
                f"{sentence!r}: {{{name}:{form}}} is no format; write {{{name}:{meant}}}"
            )


def _of_100(share: float) -> int:
    """A share as a count of 100: neither none nor all, unless it is."""
    is_some = 0 < share < 1
    return min(max(round(100 * share), 1), 99) if is_some else round(100 * share)


def _found(name: str, told: Mapping[str, Any], rows: tuple[Any, ...]) -> Any:
    """A field's value. Raises KeyError with the nearest name where nothing has it."""
    if name in told:
        return told[name]
    for row in rows:
        if isinstance(row, (Mapping, pd.Series)):
            if name in row:
                return row[name]
        elif hasattr(row, name):
            return getattr(row, name)
    known = [*told, *(key for row in rows for key in _names(row))]
    near = nearest(name, known)
    meant = f"did you mean {near!r}?" if near else f"there are: {', '.join(known)}"
    raise KeyError(f"no field {name!r}; {meant}")


def _names(row: Any) -> list[str]:
    if isinstance(row, pd.Series):
        return [str(name) for name in row.index]
    return [*(row if isinstance(row, Mapping) else getattr(row, "_fields", ()))]


def _unit(name: str, kind: str, told: Mapping[str, Any], rows: tuple[Any, ...]) -> str | None:
    """The unit of a column's value: as its frame says, or of money as its row does in `currency`;
    None where it is not known."""
    row = None if name in told else next((row for row in rows if name in _names(row)), None)
    units: Mapping[str, str] = row.attrs.get("units", {}) if isinstance(row, pd.Series) else {}
    if name not in units and kind == "money" and "currency" in _names(row):
        return str(_found("currency", {}, (row,)))
    return units.get(name)


def _is_null(value: Any) -> bool:
    return value is None or (pd.api.types.is_scalar(value) and bool(pd.isna(value)))


def _refuse_other_unit(name: str, kind: str, unit: str | None) -> None:
    """Raises ValueError where a column's number would be printed in another unit than its own."""
    if unit is None:
        return
    is_money = is_currency(unit)
    wrong = {
        "money": not is_money,
        **dict.fromkeys(_SHARES, unit not in ("share", "1")),
        **dict.fromkeys(("number", "whole", "count"), is_money or unit == "share"),
    }
    if wrong.get(kind):
        raise ValueError(f"{{{name}:{kind}}}: {name} is in {unit}; leave out the format")


def _day(value: Any) -> dt.date:
    return dt.date.fromisoformat(str(value)[:10])
