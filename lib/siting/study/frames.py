"""Tidy frames: what a study hands to notebooks, summary, workbook, tables and comparisons.

A frame is a method decorated with `frame`. **Its docstring is its only declaration**: the first
paragraph says what a row is, then each column stands as `name: meaning [unit]`. From it come the
frame's `attrs`, `help(s.costs)`, the list that evaluating a study shows, and the reference page.

    @frame
    def cash_flows(self) -> Made:
        \"\"\"One cost item of one option in one month, central case.

        option: label of the option
        month: 0 is today [months]
        amount: cost; income is negative [currency]
        \"\"\"
        return [(o.label, m, a) for o in … for m, a in …], sources

A row is a tuple in the declared order, or a mapping by column. A method may as well yield rows, and
sources between or after them.

`[currency]` becomes the client's currency. A column with a unit is numeric: what is unknown or not
applicable is missing, never is infinite. A column `option` holds labels as a categorical in the
scenario's order, so that pivots keep it and charts find each option's colour.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from siting.catalogue import Source
from siting.quantity import Range

if TYPE_CHECKING:
    from siting.study.results import Results

Row: TypeAlias = "tuple[Any, ...] | Mapping[str, Any]"
Rows: TypeAlias = "Iterable[Row] | pd.DataFrame"
Made: TypeAlias = "tuple[Rows, Iterable[Source]]"
"""What a frame's method returns: its rows, and where their numbers come from."""
Yielded: TypeAlias = "Iterator[Row | Source]"
"""What a frame's method yields instead: rows, and sources between or after them."""

_COLUMN = re.compile(r"^(\w+): (.*?)(?: \[([^\]]+)\])?$")


class Several(tuple[Any, ...]):
    """Several of something in `attrs`, which pandas copies deeply at every step: as itself."""

    def __deepcopy__(self, memo: object) -> Several:
        return self


class Named(dict[str, str]):
    """Texts by name in `attrs`, which pandas copies deeply at every step: flatly."""

    def __deepcopy__(self, memo: object) -> Named:
        return Named(self)


@dataclass(frozen=True)
class Declared:
    """What the docstring of a frame says."""

    row: str
    meanings: Mapping[str, str]
    units: Mapping[str, str]
    """Units by column, `currency` for the client's; columns without a unit are left out."""


@functools.cache
def declared(method: Callable[..., Any]) -> Declared:
    """Reads a frame's docstring. Raises ValueError where a column is not declared as it must be."""
    row, _, columns = inspect.cleandoc(method.__doc__ or "").partition("\n\n")
    meanings, units = {}, {}
    for line in re.sub(r"\n\s+", " ", columns).splitlines():
        if not line.strip():
            continue
        found = _COLUMN.match(line)
        if found is None:
            raise ValueError(f"{method.__name__}: write `column: meaning [unit]`, not {line!r}")
        meanings[found[1]] = found[2]
        if found[3]:
            units[found[1]] = found[3]
    if not row or not meanings:
        raise ValueError(f"{method.__name__}: its docstring says neither row nor columns")
    return Declared(" ".join(row.split()), meanings, units)


def frame(method: Callable[..., Made | Yielded]) -> Callable[..., pd.DataFrame]:
    """Makes a method that returns or yields rows and sources one that returns a tidy frame.

    Computed once for each set of arguments; every call gives a copy that may be changed.
    Raises ValueError where rows and declaration differ.
    """

    @functools.wraps(method)
    def made(self: Results, *args: Any) -> pd.DataFrame:
        key = (method.__name__, *args)
        if key not in self.frames_made:
            found = method(self, *args)
            rows, sources = found if isinstance(found, tuple) else _apart(found)
            self.frames_made[key] = _tidy(declared(made), rows, sources, self)
        kept: pd.DataFrame = self.frames_made[key]
        return kept.copy()

    made.is_frame = True  # type: ignore[attr-defined]
    return made


def _apart(found: Yielded) -> Made:
    """Rows and sources that come one by one."""
    each = list(found)
    rows = [x for x in each if not isinstance(x, Source)]
    return rows, [x for x in each if isinstance(x, Source)]


def _tidy(said: Declared, rows: Rows, sources: Iterable[Source], study: Results) -> pd.DataFrame:
    columns = list(said.meanings)
    data = rows if isinstance(rows, pd.DataFrame) else pd.DataFrame(list(rows))
    if data.columns.equals(pd.RangeIndex(len(columns))):  # made of tuples
        data.columns = pd.Index(columns)
    if len(data) and set(data.columns) != set(columns):
        differing = ", ".join(sorted(set(map(str, data.columns)) ^ set(columns)))
        raise ValueError(f"declared and made columns differ: {differing}")
    data = data.reindex(columns=columns)
    kinds = data.dtypes
    for column in said.units:
        if kinds[column].kind not in "biuf":
            data[column] = pd.to_numeric(data[column])
    if "option" in columns:
        labels = [option.label for option in study.options.values()]
        data["option"] = pd.Categorical(data["option"], labels, ordered=True)
    money = study.client.currency
    data.attrs = {
        "row": said.row,
        "meanings": Named(said.meanings),
        "units": Named({k: re.sub(r"\bcurrency\b", money, u) for k, u in said.units.items()}),
        "sources": Several(dict.fromkeys(sources)),
        "country": study.client.country,
        "currency": money,
        "names": Several(study.names),
        "roles": Named(study.roles),
    }
    return data


def ends(value: Range | None) -> tuple[float | None, float | None, float | None]:
    """Low, central and high of a range; nothing three times where it is not known."""
    return (None,) * 3 if value is None else (value.low, value.central, value.high)


def listed(study_class: type) -> dict[str, Declared]:
    """Every frame of a study by its method's name, in the order of the report."""
    found = {}
    for owner in reversed(study_class.__mro__):
        for name, value in vars(owner).items():
            if getattr(value, "is_frame", False):
                found[name] = declared(value)
    return found


def catalogue(study_class: type, currency: str = "currency") -> pd.DataFrame:
    """All frames as a table: one row a column of a frame, with its meaning and unit."""
    rows: Sequence[dict[str, str]] = [
        {
            "frame": f"s.{name}()",
            "row": said.row,
            "column": column,
            "meaning": meaning,
            "unit": re.sub(r"\bcurrency\b", currency, said.units.get(column, "")),
        }
        for name, said in listed(study_class).items()
        for column, meaning in said.meanings.items()
    ]
    return pd.DataFrame(rows)
