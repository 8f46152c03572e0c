"""Tidy frames: what a study hands to notebooks, summary, workbook, tables and comparisons.

A frame is a method of a topic, decorated with `frame`. It names the columns that tell its rows
apart, its key, and then the others. What a column means and its unit stand in `columns.csv` beside
this module, once for all frames; a package beside this one has such a table of its own. From both
come the frame's `attrs`, `help(s.sums)` and the reference.

    @frame("option item month", "amount* irr?", citing=of_prices)
    def cash_flows(self) -> Rows:
        \"\"\"One cost item of one option in one month, as planned.\"\"\"
        for name, month, amount in …:
            yield {"option": name, "month": month, "amount*": amount}

A method yields rows, and sources between or after them; `citing` names those that many frames
share. A row is a mapping by column: it names each cell, so that none is found by counting. It may
leave out `irr?`; all others must stand in it, or the frame is refused by its name and the column's.
`amount*` are three columns, amount_low, amount and amount_high, of which a row holds one cell,
called `amount*` there: a range, or None where it is not known. `*` alone are low, central and high;
`amount*?` may be left out. A day is written as 2026-11-24.

The unit `currency` becomes the client's. A column with a unit is numeric: what is unknown or not
applicable is missing, never is infinite. One without is text, or a truth value where its meaning
begins with "whether": also in a frame without rows, so that a comparison holds there, too. Rows
name an option by its key in the scenario; a column of the unit `option` then shows its label.
`option` itself is a categorical in the scenario's order, so that pivots keep it and charts find
each option's colour.
"""

from __future__ import annotations

import csv
import datetime as dt
import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from siting.catalogue import Source, unknown
from siting.quantity import Range
from siting.records import frozen

if TYPE_CHECKING:
    from siting.study import Study
    from siting.study.results import Results

Row: TypeAlias = "Mapping[str, Any]"
Rows: TypeAlias = "Iterable[Row | Source]"
"""What a frame's method makes: rows, and sources between or after them."""
Method: TypeAlias = "Callable[..., Rows]"
Frame: TypeAlias = "Callable[..., pd.DataFrame]"

COLUMNS = "columns.csv"
"""Of the folder of a topic: what its columns mean, and their units."""


class Topic:
    """What one study says of one topic: a class of frames, which read results and other topics.

    Topics stand side by side: what several of them pick from the results stands in `Results`, and a
    frame that is made from another topic's frame asks the study for it.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.results = study.results
        self.scenario = study.scenario
        self.client = study.client
        self.options = study.options
        self.made: dict[tuple[object, ...], pd.DataFrame] = {}
        """Frames that were asked for, by their name and arguments."""


class Several(tuple[Any, ...]):
    """Several of something in `attrs`, which pandas copies deeply at every step: as itself."""

    def __deepcopy__(self, memo: object) -> Several:
        return self


class NamedTexts(dict[str, str]):
    """Texts by name in `attrs`, which pandas copies deeply at every step: flatly."""

    def __deepcopy__(self, memo: object) -> NamedTexts:
        return NamedTexts(self)


@frozen
class Declared:
    """What is known of a frame before it is made."""

    row: str
    """What one row is."""
    key: tuple[str, ...]
    """Columns that tell rows apart; none where there is one row at most."""
    cells: tuple[str, ...]
    """What a row holds: columns, and `name*` for the three of a range."""
    meanings: Mapping[str, str]
    """By column."""
    units: Mapping[str, str]
    """By column, `currency` for the client's; columns without a unit are left out."""
    keys: frozenset[str]
    """Columns whose cells name options."""
    may_be_missing: frozenset[str]
    """Cells that a row may leave out."""

    def units_in(self, currency: str) -> NamedTexts:
        return NamedTexts({c: re.sub(r"\bcurrency\b", currency, u) for c, u in self.units.items()})


def columns(cell: str) -> tuple[str, ...]:
    """The columns that a declaration stands for: `gpus`, or the three of `rate*` or of `*`."""
    stem = cell.removesuffix("*")
    if stem == cell:
        return (cell,)
    return (f"{stem}_low", stem, f"{stem}_high") if stem else ("low", "central", "high")


@functools.cache
def meanings(folder: Path) -> Mapping[str, tuple[str, str]]:
    """Unit and meaning by column, of a table of columns."""
    with (folder / COLUMNS).open(encoding="utf-8", newline="") as file:
        return {row["column"]: (row["unit"], row["meaning"]) for row in csv.DictReader(file)}


def _known_to(method: Method) -> Mapping[str, tuple[str, str]]:
    """Columns that a topic may name: those of all, and those of its own package."""
    core = Path(__file__).parent
    own = Path(inspect.getfile(method)).parent
    beside = meanings(own) if own != core and (own / COLUMNS).is_file() else {}
    return {**meanings(core), **beside}


def _declared(method: Method, key: str, others: str) -> Declared:
    """Reads what a frame names. Raises ValueError for a column that is not known or named twice."""
    if sys.flags.optimize > 1:
        raise ValueError("Python runs without docstrings; start it without -OO or PYTHONOPTIMIZE")
    known = _known_to(method)
    named = f"{key} {others}".split()
    cells = [name.removesuffix("?") for name in named]
    found: dict[str, str] = {}
    units: dict[str, str] = {}
    for cell in cells:
        stem = cell.removesuffix("*") or "*"
        if stem not in known:
            where = f"{method.__name__}, {COLUMNS}"
            raise ValueError(f"{where}: {unknown(stem, 'column that is declared', known)}")
        unit, meaning = known[stem]
        made = columns(cell)
        if twice := [column for column in made if column in found]:
            raise ValueError(f"{method.__name__}: {twice[0]} is named twice; remove one")
        tails = ("",) if len(made) == 1 else (", low end", "", ", high end")
        found |= {c: meaning + tail for c, tail in zip(made, tails, strict=True)}
        units |= dict.fromkeys(made, unit)
    return Declared(
        row=" ".join((method.__doc__ or "").split()),
        key=tuple(c for name in key.split() for c in columns(name.removesuffix("?"))),
        cells=tuple(cells),
        meanings=found,
        units={column: unit for column, unit in units.items() if unit not in ("", "option")},
        keys=frozenset(c for c, unit in units.items() if unit == "option"),
        may_be_missing=frozenset(cells) - frozenset(named),
    )


def _in_full(said: Declared) -> str:
    """A frame's docstring: its row, then its columns with their units."""
    units = {column: f" [{unit}]" for column, unit in said.units.items()}
    lines = (
        f"{column}: {meaning}{units.get(column, '')}" for column, meaning in said.meanings.items()
    )
    return "\n".join((said.row, "", *lines))


def frame(
    key: str, others: str, *, citing: Callable[[Any], Iterable[Source]] = lambda _: ()
) -> Callable[[Method], Frame]:
    """Makes a method that yields rows one that returns a tidy frame, with sources of the study.

    key: columns that tell rows apart. others: its other columns. citing: sources besides those
    that the method yields.
    Computed once for each set of arguments; every call gives a copy that may be changed.
    Raises ValueError where rows and columns differ.
    """

    def decorate(method: Method) -> Frame:
        said = _declared(method, key, others)

        @functools.wraps(method)
        def made(self: Topic, *args: Any) -> pd.DataFrame:
            asked = (method.__name__, *args)
            if asked not in self.made:
                each = list(method(self, *args))
                cited = [x for x in each if isinstance(x, Source)]
                told = [x for x in each if not isinstance(x, Source)]
                rows = _framed(method.__name__, said, told, self.results)
                self.made[asked] = _tidy(said, rows, [*cited, *citing(self)], self.results)
            return self.made[asked].copy()

        made.__doc__ = _in_full(said)
        made.said = said  # type: ignore[attr-defined]
        return made

    return decorate


def _framed(name: str, said: Declared, rows: Sequence[Any], results: Results) -> pd.DataFrame:
    """Rows as columns: ranges by their ends, options by their labels."""
    made = [_complete(name, said, row) for row in rows]
    found: dict[str, Sequence[Any]] = {}
    for cell in said.cells if made else ():
        values = [row.get(cell) for row in made]
        if cell.endswith("*"):
            found |= zip(columns(cell), zip(*map(ends, values), strict=True), strict=True)
        elif cell in said.keys:
            found[cell] = [key if key is None else results.labels.get(key) for key in values]
        else:
            found[cell] = [v.isoformat() if isinstance(v, dt.date) else v for v in values]
    return pd.DataFrame(found, columns=list(said.meanings))


def _complete(name: str, said: Declared, row: Any) -> Mapping[str, Any]:
    """A row in which every declared cell stands, save those that may be missing, and no other."""
    if not isinstance(row, Mapping):
        cells = ", ".join(said.cells)
        raise ValueError(f"{name}: a row names its cells ({cells}), unlike {row!r}")
    lacking = [c for c in said.cells if c not in row and c not in said.may_be_missing]
    if lacking:
        raise ValueError(
            f"{name}: a row lacks {', '.join(lacking)}; "
            f"what may be missing is named `{lacking[0]}?`. The row: {dict(row)}"
        )
    for cell in row:
        if cell not in said.cells:
            raise ValueError(f"{name}: {unknown(cell, 'column that is declared', said.cells)}")
    return row


def _tidy(
    said: Declared, data: pd.DataFrame, sources: Iterable[Source], results: Results
) -> pd.DataFrame:
    if data.empty:
        data = data.astype({c: _kind_without_rows(said, c) for c in said.meanings})
    for column in said.units:
        data[column] = pd.to_numeric(data[column])
    if "option" in data:
        labels = [option.label for option in results.options.values()]
        data["option"] = pd.Categorical(data["option"], labels, ordered=True)
    data.attrs = {
        "row": said.row,
        "meanings": NamedTexts(said.meanings),
        "units": said.units_in(results.client.currency),
        "sources": Several(dict.fromkeys(sources)),
        **of_client(results),
    }
    return data


def of_client(results: Results) -> dict[Any, Any]:
    """What whatever shows figures of a client must know of it, by name in `attrs`: how it writes
    numbers, which of its texts Markdown could misread, and which option is which."""
    return {
        "country": results.client.country,
        "currency": results.client.currency,
        "language": results.client.language,
        "names": Several(results.names),
        "roles": NamedTexts(results.roles),
    }


def _kind_without_rows(said: Declared, column: str) -> str:
    """What pandas calls the kind of a column of which no row tells."""
    if column in said.units:
        return "float"
    return "bool" if said.meanings[column].startswith("whether") else "str"


def picked(record: object, names: str) -> dict[str, Any]:
    """What a record of the domain says in columns that bear its own names, blanks between them."""
    return {name: getattr(record, name) for name in names.split()}


def ends(value: Range | None) -> tuple[float | None, float | None, float | None]:
    """Low, central and high of a range; nothing three times where it is not known."""
    return (None, None, None) if value is None else value.ends


def listed(*topics: type[Topic]) -> dict[str, Declared]:
    """Every frame of some topics by its name, in their order."""
    every = (each for topic in topics for each in vars(topic).items())
    return {name: method.said for name, method in every if hasattr(method, "said")}
