"""A frame as a table of the report: formats by unit, heads in words, one scale for money."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from babel.numbers import is_currency

from siting_report import style
from siting_report.exhibit import (
    Cell,
    Column,
    Data,
    Row,
    Table,
    Text,
    attributes,
    cited,
    format_of,
    joined,
    lacking,
    listed,
    numbers_of,
    refuse_unknown,
    units_of,
)
from siting_report.formats import MILLION_FROM, NEVER, NONE, Numbers
from siting_report.texts import ENGLISH, catalogue

T = TypeVar("T")

Format: TypeAlias = "str | Callable[[Any], str]"
"""`money`, `percent`, `number`, `whole`, `text`, with decimals as `percent:1`; or a function."""
FORMATS = ("money", "compact_money", "percent", "number", "whole", "text")

_LONG_FROM = 300
"""A table of so many rows fills more than five pages."""
_TENTHS_BELOW = 9_500
"""A column in thousands with no amount from here on has tenths: 4 500 would read as 4."""
_SMALL_FROM = 10
"""A table of so many columns is set in smaller type."""
_NUMERIC = re.compile(rf"[−–+]?\D{{0,5}}\d[\d.,\s’]*%?$|{NEVER}$|–$|$")
"""Text of a cell that stands among numbers: one with a sign or a currency before it, or none."""


def table(
    df: pd.DataFrame,
    title: Text = "",
    formats: Format | Mapping[Any, Format] = "",
    data: Data = None,
    note: Text = "",
    *,
    heads: Mapping[Any, str] | None = None,
    totals: int = 0,
    badges: Iterable[Any] = (),
    name: str = "",
) -> Table:
    """A frame as a numbered table. Its index names the rows, if it is more than a count.

    formats: for all columns or by column: `money`, `percent`, `number`, `whole`, `text`, with
    decimals as `percent:1`, or a function; by default the unit decides. heads: other words for
    columns. totals: number of last rows that are sums. badges: columns of verdict words. name: by
    which a sentence of any chapter refers to it: `[the appendix](#name)` reads `Table 61` in a
    report that has it. A two-level index gives groups of rows; the levels of a column's name stand
    in its head. A column of text that is empty in every row is left out. Raises ValueError for the
    name of a column or of a format that is not there, TypeError for what is no frame.
    """
    badges = [*badges]
    _refuse_misspelt(df, formats, heads or {}, badges)
    frames = [df, *listed(data)]
    attrs = attributes(frames)
    title = joined(title, frames)
    made = _columns(df, attrs, formats, heads or {}, badges)
    columns = made.columns()
    rows = made.rows(totals)
    if isinstance(df.index, pd.MultiIndex):
        rows = _grouped(rows)
        columns = columns[1:]
    note = joined(note, frames)
    shared = _shared_unit(columns)
    if shared:
        columns = [{**column, "unit": ""} for column in columns]
        unit = f"{shared[0].upper()}{shared[1:]}.".replace("..", ".")
        note = f"{unit} {note}".strip()
    lacks = lacking(title, attrs)
    if len(made.frame) >= _LONG_FROM:
        lacks.append("brevity")
    return {
        "kind": "table", "title": title, "note": note,
        "sources": cited(frames), "columns": columns, "rows": rows,
        "small": len(columns) >= _SMALL_FROM, "lacks": lacks, "name": name,
    }  # fmt: skip


def _columns(
    df: pd.DataFrame,
    attrs: Sequence[Mapping[str, Any]],
    formats: Format | Mapping[Any, Format],
    heads: Mapping[Any, str],
    badges: Sequence[Any],
) -> _Columns:
    """The columns of a frame as a table shows them. attrs: of all frames that it rests on."""
    frame, stubs = _flat(df)
    frame = frame.drop(columns=[c for c in frame if len(frame) and (frame[c] == "").all()])
    if not isinstance(formats, Mapping):
        formats = {c: formats for c in frame.columns if formats and c not in stubs}
    roles: Mapping[str, str] = next((a["roles"] for a in attrs if "roles" in a), {})
    return _Columns(
        frame=frame,
        formats=formats,
        numbers=numbers_of(attrs),
        units=units_of(attrs),
        heads=heads,
        stubs=stubs,
        colours={label: style.TEXT[c] for label, c in style.colours(roles).items()},
        badges=set(badges),
    )


def _refuse_misspelt(
    df: Any,
    formats: Format | Mapping[Any, Format],
    heads: Mapping[Any, str],
    badges: Sequence[Any],
) -> None:
    if not isinstance(df, pd.DataFrame):
        write = "table(series.to_frame())" if isinstance(df, pd.Series) else "table(frame)"
        raise TypeError(f"table takes a frame, not {type(df).__name__}; write {write}")
    levels = [level for name in df.columns if isinstance(name, tuple) for level in name]
    names = [*df.columns, *levels, *("" if name is None else name for name in df.index.names)]
    by_column = formats if isinstance(formats, Mapping) else {}
    for what, told in (("formats", by_column), ("heads", heads), ("badges", badges)):
        refuse_unknown(told, dict.fromkeys(map(str, names)), f"table, {what}")
    for kind in by_column.values() if by_column else [formats]:
        if isinstance(kind, str) and kind:
            format_of(kind, FORMATS, "table, formats")


def _shared_unit(columns: Sequence[Column]) -> str:
    """The unit of all columns with numbers, where they share one; else empty."""
    units = {c["unit"] for c in columns if not c["stub"] and c["align"] == "right"}
    if len(units) != 1 or len(columns) < 3:
        return ""
    return units.pop()


def _flat(df: pd.DataFrame) -> tuple[pd.DataFrame, list[Any]]:
    """The frame with its index as first columns, and the names of those that name the rows."""
    if isinstance(df.index, pd.RangeIndex) and df.index.name is None:
        return df, list(df.columns[:1])
    names = [n if n is not None else "" for n in df.index.names]
    frame = df.reset_index(names=names, allow_duplicates=True)
    return frame, list(frame.columns[: len(names)])


def _grouped(rows: Sequence[Row]) -> list[Row]:
    """The first cells as headings over the rows that share them."""
    made: list[Row] = []
    for _, group in groupby(rows, key=lambda row: row["cells"][0]["text"]):
        own = list(group)
        made.append({"kind": "group", "cells": own[0]["cells"][:1]})
        made += [{**row, "cells": row["cells"][1:]} for row in own]
    return made


@dataclass(frozen=True, kw_only=True)
class _Columns:
    """Heads and cells of one table. All money without decimals of its own shares one scale."""

    frame: pd.DataFrame
    formats: Mapping[Any, Format]
    numbers: Numbers
    units: Mapping[Any, str]
    heads: Mapping[Any, str]
    stubs: Sequence[Any]
    colours: Mapping[str, str]
    badges: Container[Any]

    @cached_property
    def kinds(self) -> dict[Any, Format]:
        """How each column is written: as told, or as its unit wants it."""
        return {name: self._kind(name) for name in self.frame.columns}

    @cached_property
    def scale(self) -> int:
        """What money is divided by."""
        amounts = [self.frame[name] for name, kind in self.kinds.items() if kind == "money"]
        return 1000 if max(map(_largest, amounts), default=0) >= MILLION_FROM else 1

    def _kind(self, name: Any) -> Format:
        told = _told(self.formats, name)
        unit = _told(self.units, name) or ""
        is_money = isinstance(told, str) and "money" in told
        if is_money and unit not in ("", "1") and not is_currency(unit[:3]):
            raise ValueError(
                f"table, formats: {name} is in {unit}, not in money; "
                "name the formats of the other columns alone"
            )
        if told is not None:
            return told
        if is_currency(unit):
            return "money"
        if unit == "share":
            return "percent"
        return "money:2" if is_currency(unit[:3]) else ""

    @cached_property
    def cells(self) -> list[list[Cell]]:
        """What each column holds."""
        frame = self.frame
        return [[self.cell(value, name) for value in frame[name]] for name in frame.columns]

    def columns(self) -> list[Column]:
        """All of them, from left to right."""
        both = zip(self.frame.columns, self.cells, strict=True)
        return [self.column(name, cells) for name, cells in both]

    def rows(self, totals: int) -> list[Row]:
        """All of them, of which so many at the end are sums."""
        found: list[Row] = [
            {"kind": "", "cells": list(row)} for row in zip(*self.cells, strict=True)
        ]
        for row in found[len(found) - totals :]:
            row["kind"] = "total"
        return found

    def column(self, name: Any, cells: Iterable[Cell]) -> Column:
        """Head, unit, and how its cells stand."""
        levels = name if isinstance(name, tuple) else (name,)
        said = [self.heads.get(level, words(level)) for level in levels if str(level)]
        head = " ".join(
            each if each in self.colours else self._in_language(each, is_name=False)
            for each in said
        )
        stub = name in self.stubs
        unit = "" if stub else self._shown_unit(name)
        is_right = not stub and all(_NUMERIC.match(cell["text"]) for cell in cells)
        return {
            "head": head,
            "unit": "" if unit in head.split() else unit,
            "stub": stub,
            "align": "right" if is_right else "left",
            "colour": self.colours.get(head, ""),
        }

    def _in_language(self, text: str, is_name: bool = True) -> str:
        """Words of a heading or of a cell in the report's language; what may be a name stays as it
        is where it has no translation."""
        texts = catalogue(self.numbers.language)
        if self.numbers.language == ENGLISH or text in texts.said:
            return text
        return texts.known(text) or text if is_name else texts.told(text)

    def _shown_unit(self, name: Any) -> str:
        kind = self.kinds[name]
        unit = _told(self.units, name) or ""
        if callable(kind) or kind.startswith("percent") or kind == "text" or unit in ("1", "share"):
            return ""
        if kind == "money":
            thousand = self.numbers.word("thousand") if self.scale > 1 else ""
            sign = self.numbers.sign()
            is_before = self.numbers.language == ENGLISH
            return (f"{sign} {thousand}" if is_before else f"{thousand} {sign}").strip()
        if is_currency(code := unit[:3]):
            return unit.replace(code, self.numbers.sign(code))
        return self.numbers.unit(unit) or (self.numbers.sign() if "money" in kind else "")

    def cell(self, value: Any, name: Any) -> Cell:
        """Text, colour of an option, tone of a verdict, and value to sort by."""
        text = self._text(value, name)
        cell: Cell = {"text": self._in_language(text)}
        if text in self.colours:
            cell["colour"] = self.colours[text]
        if name in self.badges:
            cell["tone"] = style.tone(text)
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if number and math.isfinite(value):
            cell["value"] = float(f"{value:.6g}")
        return cell

    def _text(self, value: Any, name: Any) -> str:
        kind = self.kinds[name]
        if callable(kind):
            return str(kind(value))
        if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
            return NONE
        if isinstance(value, (bool, np.bool_)):
            return "yes" if value else "no"
        if isinstance(value, dt.date):
            return self.numbers.date(value)
        if isinstance(value, str) or not hasattr(value, "__float__"):
            return str(value)
        if kind != "money" or self.scale == 1:
            return written(float(value), kind, self.numbers)
        return written(float(value) / self.scale, _in_thousands(self.frame[name]), self.numbers)


def _largest(amounts: pd.Series) -> float:
    """The largest amount of a column, whichever its sign; NaN where it has none."""
    return float(pd.to_numeric(amounts, errors="coerce").abs().max())


def _in_thousands(amounts: pd.Series) -> str:
    """How thousands of a column are written: a tenth counts where none reaches ten of them."""
    return "money:1" if _largest(amounts) < _TENTHS_BELOW else "money"


def _told(said: Mapping[Any, T], name: Any) -> T | None:
    """What is said of a column, or of a level of its name."""
    levels = name if isinstance(name, tuple) else ()
    return next((said[key] for key in (name, *levels) if key in said), None)


def written(value: float, kind: str, numbers: Numbers) -> str:
    """A number as a named format has it, without its unit. Money that would read as none has as
    many decimals as tell how much it is."""
    name, decimals = format_of(kind, FORMATS, "table, formats") if kind else ("", None)
    match name:
        case "percent":
            return numbers.percent(value, decimals or 0)
        case "money" if 0 < round(abs(value), 6) <= 0.5 * 10 ** -(decimals or 0):
            return numbers.number(value)
        case "whole" | "money" | "compact_money":
            return numbers.number(value, decimals or 0)
        case "text":
            return f"{value:g}"
    whole = decimals is None and math.isfinite(value) and value == int(value)
    return numbers.number(value, 0 if whole else decimals)


def words(name: object) -> str:
    """A column's name as a heading: `per_million` reads "per million"; labels stay as they are."""
    text = name if isinstance(name, str) else str(name)
    return text.replace("_", " ") if re.fullmatch(r"[a-z][a-z0-9_]*", text) else text
