"""A frame as a table of the report: formats by unit, heads in words, one scale for money."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import pandas as pd
from babel.numbers import is_currency

from siting.formats import MILLION_FROM, NONE, Numbers
from siting.show import style
from siting.show.exhibit import Data, Exhibit, attributes, cited, listed

Format: TypeAlias = "str | Callable[[Any], str]"
"""`money`, `percent`, `number`, `whole`, `text`, with decimals as `percent:1`; or a function."""

_SMALL_FROM = 10
"""A table of so many columns is set in smaller type."""
_NUMERIC = re.compile(r"[−–+]?\D{0,5}\d[\d.,\s’]*%?$|never$|–$|$")


def table(
    df: pd.DataFrame,
    title: str = "",
    formats: Format | Mapping[Any, Format] = "",
    data: Data = None,
    note: str = "",
    *,
    heads: Mapping[Any, str] | None = None,
    over: Mapping[str, Sequence[Any]] | None = None,
    totals: int = 0,
    badges: Iterable[Any] = (),
    explain: bool = False,
) -> Exhibit:
    """A frame as a numbered table. Its index names the rows, if it is more than a count.

    formats: for all columns or by column: `money`, `percent`, `number`, `whole`, `text`, with
    decimals as `percent:1`, or a function; by default the unit decides. heads: other words for
    columns. over: headings over several columns. totals: number of last rows that are sums.
    badges: columns of verdict words. explain: adds what the columns mean. A two-level index gives
    groups of rows, two-level columns give headings over headings.
    """
    attrs = [*attributes(df), *attributes(data)]
    numbers = numbers_of(attrs)
    units = {k: u for a in reversed(attrs) for k, u in a.get("units", {}).items()}
    frame, stubs = _flat(df)
    makers = _Columns(frame, formats, units, numbers, heads or {}, over or {}, stubs)
    columns = [makers.column(name) for name in frame.columns]
    roles: Mapping[str, str] = next((a["roles"] for a in attrs if "roles" in a), {})
    colours = {label: style.TEXT[c] for label, c in style.colours(roles).items()}
    cells = [makers.cells(name, colours, set(badges)) for name in frame.columns]
    for column, texts in zip(columns, cells, strict=True):
        column["align"] = column["align"] or alignment(c["text"] for c in texts)
        column["colour"] = colours.get(column["head"], "")
    rows = [{"kind": "", "cells": list(row)} for row in zip(*cells, strict=True)]
    for row in rows[len(rows) - totals :]:
        row["kind"] = "total"
    if isinstance(df.index, pd.MultiIndex):
        columns, rows = _grouped(columns, rows)
    shared = _shared_unit(columns)
    if explain:
        note = " ".join([*_meanings(columns, frame, attrs), note]).strip()
    note = f"{_raised(shared)}. {note}".strip() if shared else note
    return {
        "kind": "table", "title": title, "note": note, "sources": cited([df, *listed(data)]),
        "columns": columns, "rows": rows, "small": len(columns) >= _SMALL_FROM,
        "lacks": [] if attrs else ["source"],
    }  # fmt: skip


def cases(df: pd.DataFrame, title: str, controls: Mapping[str, str], note: str = "") -> Exhibit:
    """Shows computed cases as controls that move a ranking: on screen only, a table without script.

    df: one row an option in one case: what `controls` names by column, as text; `option`; `first`
    (of 100); `cost` as text; `best`, `confidence`, and `reported` for the case of the report.
    """
    first, cost = "first, of 100 cases", "cost, median"
    rows: dict[Any, dict[tuple[str, str], Any]] = {}
    reported = 0
    for key, case in df.groupby(list(controls), sort=False):
        best = case[case.best].iloc[0]
        texts: Any = key
        found = {("", name): text for name, text in zip(controls.values(), texts, strict=True)}
        found |= {("", "best placed"): best.option, ("", "how sure"): best.confidence}
        for over, column in ((first, "first"), (cost, "cost")):
            found |= {(over, name): x for name, x in zip(case.option, case[column], strict=True)}
        reported = len(rows) if case.reported.any() else reported
        rows[key] = found
    frame = pd.DataFrame(list(rows.values()))
    frame.columns = pd.MultiIndex.from_tuples(list(frame.columns))  # type: ignore[arg-type]
    made = table(frame, title, {first: "whole"}, df, note)
    counts = {"controls": len(controls), "options": df.option.nunique(), "start": reported}
    return {**made, "kind": "cases", **counts}


def _shared_unit(columns: list[dict[str, Any]]) -> str:
    """The unit of all columns with numbers, taken out of their heads, where they share one."""
    units = {c["unit"] for c in columns if not c["stub"] and c["align"] == "right"}
    if len(units) != 1 or len(columns) < 3:
        return ""
    for column in columns:
        column["unit"] = ""
    return str(units.pop())


def numbers_of(attrs: Sequence[Mapping[str, Any]]) -> Numbers:
    """Formats of the client whose frames these are; euros for a frame of nobody's."""
    for a in attrs:
        if "country" in a:
            return Numbers(a["country"], a["currency"])
    return Numbers("DE", "EUR")


def _flat(df: pd.DataFrame) -> tuple[pd.DataFrame, list[Hashable]]:
    """The frame with its index as first columns, and the names of those."""
    plain = isinstance(df.index, pd.RangeIndex) and df.index.name is None
    if plain:
        return df, []
    names = [n if n is not None else "" for n in df.index.names]
    frame = df.copy()
    left = df.index.to_frame(index=False)
    levels = frame.columns.nlevels
    keys = [(n, *[""] * (levels - 1)) if levels > 1 else n for n in names]
    for place, key in enumerate(keys):
        frame.insert(place, key, left.iloc[:, place].to_numpy(), allow_duplicates=True)
    return frame.reset_index(drop=True), keys


def _grouped(columns: list[Any], rows: list[Any]) -> tuple[list[Any], list[Any]]:
    """The first column as headings over the rows that share it."""
    made, last = [], None
    for row in rows:
        name = row["cells"][0]
        if name["text"] != last:
            made.append({"kind": "group", "cells": [name]})
            last = name["text"]
        made.append({**row, "cells": row["cells"][1:]})
    return columns[1:], made


def _meanings(columns: Any, frame: pd.DataFrame, attrs: Any) -> list[str]:
    said = {k: m for a in reversed(attrs) for k, m in a.get("meanings", {}).items()}
    heads = dict(zip(frame.columns, (c["head"] for c in columns), strict=False))
    return [f"{_raised(heads[k])}: {said[k]}." for k in frame.columns if k in said and k in heads]


def _raised(text: str) -> str:
    return text[:1].upper() + text[1:]


def alignment(texts: Iterable[str]) -> str:
    return "right" if all(_NUMERIC.match(t) for t in texts) else "left"


class _Columns:
    """Heads and cells of one table. All money without decimals of its own shares one scale."""

    def __init__(
        self,
        frame: pd.DataFrame,
        formats: Format | Mapping[Any, Format],
        units: Mapping[str, str],
        numbers: Numbers,
        heads: Mapping[Any, str],
        over: Mapping[str, Sequence[Any]],
        stubs: Sequence[Hashable],
    ) -> None:
        self.frame, self.units, self.numbers, self.heads = frame, units, numbers, heads
        self.over = {name: label for label, names in over.items() for name in names}
        self.stubs = list(stubs) or list(frame.columns[:1])
        self.formats = {
            name: self._format(name, formats, first_text=name in self.stubs)
            for name in frame.columns
        }
        amounts = [frame[n] for n, f in self.formats.items() if f == "money"]
        top = max((float(abs(pd.to_numeric(a, errors="coerce")).max()) for a in amounts), default=0)
        self.scale = 1000 if top >= MILLION_FROM else 1

    def _format(self, name: Any, formats: Any, first_text: bool) -> Format:
        levels = name if isinstance(name, tuple) else (name,)
        if isinstance(formats, Mapping):
            for key in (name, *levels):
                if key in formats:
                    chosen: Format = formats[key]
                    return chosen
        elif formats and not first_text:
            return formats  # type: ignore[no-any-return]
        unit = self.unit_of(name)
        if is_currency(unit):
            return "money"
        if unit == "share":
            return "percent"
        return "number:2" if is_currency(unit[:3]) else ""

    def unit_of(self, name: Any) -> str:
        for key in (name, *(name if isinstance(name, tuple) else ())):
            if isinstance(key, Hashable) and key in self.units:
                return self.units[key]  # type: ignore[index]
        return ""

    def column(self, name: Any) -> dict[str, Any]:
        """Head, unit, heading over it, and alignment where it is known already."""
        levels = name if isinstance(name, tuple) else (name,)
        head = next((self.heads[k] for k in (name, levels[-1], levels[0]) if k in self.heads), None)
        own = levels[-1] if str(levels[-1]) else levels[0]
        over = self.over.get(name, "")
        if len(levels) > 1 and str(levels[-1]):
            over = self.heads.get(levels[0], words(levels[0]))
            head = self.heads.get(levels[-1], words(own))
        unit = "" if name in self.stubs else self._shown_unit(name)
        return {
            "head": words(own) if head is None else head, "unit": unit, "over": over,
            "stub": name in self.stubs, "align": "left" if name in self.stubs else "",
        }  # fmt: skip

    def _shown_unit(self, name: Any) -> str:
        kind, unit = self.formats[name], self.unit_of(name)
        if callable(kind) or kind.startswith("percent") or kind == "text" or unit in ("1", "share"):
            return ""
        sign = self.numbers.sign().strip("\N{NARROW NO-BREAK SPACE}")
        if kind == "money":
            return f"{sign} thousand" if self.scale > 1 else sign
        if is_currency(unit[:3]):
            return unit.replace(
                unit[:3], self.numbers.sign(unit[:3]).strip("\N{NARROW NO-BREAK SPACE}")
            )
        return unit

    def cells(
        self, name: Any, colours: Mapping[str, str], badges: set[Any]
    ) -> list[dict[str, Any]]:
        """The cells of a column: text, colour of an option, tone of a verdict, value to sort by."""
        found = []
        for value in self.frame[name]:
            text = self._text(value, self.formats[name])
            cell: dict[str, Any] = {"text": text}
            if text in colours:
                cell["colour"] = colours[text]
            if name in badges:
                cell["tone"] = style.tone(text)
            number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if number and math.isfinite(value):
                cell["value"] = float(f"{value:.6g}")
            found.append(cell)
        return found

    def _text(self, value: Any, kind: Format) -> str:
        if callable(kind):
            return str(kind(value))
        if value is None or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
            return NONE
        if isinstance(value, bool) or type(value).__name__ == "bool_":
            return "yes" if value else "no"
        if isinstance(value, dt.date):
            return self.numbers.date(value)
        if isinstance(value, str) or not hasattr(value, "__float__"):
            return str(value)
        name, _, places = kind.partition(":")
        return written(
            float(value) / (self.scale if kind == "money" else 1), name, places, self.numbers
        )


def written(value: float, name: str, places: str, numbers: Numbers) -> str:
    """A number as a named format has it, without its unit."""
    decimals = int(places) if places else None
    match name:
        case "percent":
            return numbers.percent(value, decimals or 0)
        case "whole" | "money" | "compact_money":
            return numbers.number(value, decimals or 0)
        case "text":
            return f"{value:g}"
        case _:
            whole = decimals is None and value == int(value) if math.isfinite(value) else False
            return numbers.number(value, 0 if whole else decimals)


def words(name: object) -> str:
    """A column's name as a heading: `per_million` reads "per million"; labels stay as they are."""
    text = str(name)
    return text.replace("_", " ") if re.fullmatch(r"[a-z][a-z0-9_]*", text) else text
