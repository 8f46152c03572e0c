"""Tidy frames: what a study hands to notebooks, summary, workbook, tables and comparisons.

A frame is a method of a topic, decorated with `frame`. **Its docstring is its only declaration**:
the first paragraph says what a row is, then each column stands as `name: meaning [unit]`. From it
come the frame's `attrs`, `help(s.costs)`, the page that evaluating a study shows, and the
reference.

    @frame
    def cash_flows(self) -> Rows:
        \"\"\"One cost item of one option in one month, central case.

        option: label of the option
        month: 0 is today [months]
        amount*: cost; income is negative [currency]
        \"\"\"
        for name, month, amount in …:
            yield {"option": name, "month": month, "amount*": amount}

A method yields rows, and sources between or after them; sources that many frames share are told
to the decorator: `@frame_citing(of_prices)`. A row is a mapping by column: it names each cell, so
that none is found by counting. `irr?: …` declares a column that may be missing: a row may leave it
out. All others must stand in every row, or the frame is refused by its name and the column's.
`amount*` declares three columns, amount_low, amount and amount_high, of which a row holds one cell,
called `amount*` there: a range, or None where it is not known. `*` alone declares low, central and
high; `amount*?` may be left out.

`[currency]` becomes the client's currency. A column with a unit is numeric: what is unknown or not
applicable is missing, never is infinite. One without is text, or a truth value where its meaning
begins with "whether": also in a frame without rows, so that a comparison holds there, too. Rows
name an option by its key in the scenario; the column `option`, and others declared with `[option]`,
then show its label. `option` is a categorical in the scenario's order, so that pivots keep it and
charts find each option's colour.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pandas as pd

from siting.catalogue import Source, unknown
from siting.quantity import Range

if TYPE_CHECKING:
    from siting.study import Study
    from siting.study.results import Results

Row: TypeAlias = "Mapping[str, Any]"
Rows: TypeAlias = "Iterable[Row | Source]"
"""What a frame's method makes: rows, and sources between or after them."""
Method: TypeAlias = "Callable[..., Rows | pd.DataFrame]"
Frame: TypeAlias = "Callable[..., pd.DataFrame]"

_DECLARED = re.compile(
    r"^(?P<cell>\w*\*?)(?P<may_be_missing>\??): (?P<meaning>.*?)(?: \[(?P<unit>[^\]]+)\])?$"
)


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


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What the docstring of a frame says."""

    row: str
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
def declared(method: Callable[..., Any]) -> Declared:
    """Reads a frame's docstring. Raises ValueError where a column is not declared as it must be."""
    row, _, said = inspect.cleandoc(method.__doc__ or "").partition("\n\n")
    cells: list[str] = []
    optional: set[str] = set()
    meanings: dict[str, str] = {}
    units: dict[str, str] = {}
    for line in re.sub(r"\n\s+", " ", said).splitlines():
        found = _DECLARED.match(line)
        if found is None:
            raise ValueError(f"{method.__name__}: write `column: meaning [unit]`, not {line!r}")
        cell = found["cell"]
        made = columns(cell)
        twice = [column for column in made if column in meanings]
        if twice:
            raise ValueError(f"{method.__name__}: {twice[0]} is declared twice; remove one line")
        ends = ("",) if len(made) == 1 else (", low end", "", ", high end")
        cells.append(cell)
        meanings |= {c: found["meaning"] + end for c, end in zip(made, ends, strict=True)}
        if found["unit"]:
            units |= dict.fromkeys(made, found["unit"])
        if found["may_be_missing"]:
            optional.add(cell)
    if sys.flags.optimize > 1:
        raise ValueError("Python runs without docstrings; start it without -OO or PYTHONOPTIMIZE")
    if not row or not meanings:
        raise ValueError(f"{method.__name__}: its docstring says neither row nor columns")
    keys = frozenset(c for c in meanings if c == "option" or units.get(c) == "option")
    return Declared(
        row=" ".join(row.split()),
        cells=tuple(cells),
        meanings=meanings,
        units={column: unit for column, unit in units.items() if column not in keys},
        keys=keys,
        may_be_missing=frozenset(optional),
    )


def frame_citing(sources: Callable[[Any], Iterable[Source]]) -> Callable[[Method], Frame]:
    """Makes a method that yields rows one that returns a tidy frame, with `sources` of the study.

    Computed once for each set of arguments; every call gives a copy that may be changed.
    Raises ValueError where rows and declaration differ.
    """

    def decorate(method: Method) -> Frame:
        @functools.wraps(method)
        def made(self: Topic, *args: Any) -> pd.DataFrame:
            key = (method.__name__, *args)
            if key not in self.made:
                rows = method(self, *args)
                cited: list[Source] = []
                if not isinstance(rows, pd.DataFrame):
                    each = list(rows)
                    cited = [x for x in each if isinstance(x, Source)]
                    told = [x for x in each if not isinstance(x, Source)]
                    rows = _framed(made, told, self.results)
                cited += sources(self)
                self.made[key] = _tidy(declared(made), rows, cited, self.results)
            return self.made[key].copy()

        made.is_frame = True  # type: ignore[attr-defined]
        return made

    return decorate


frame = frame_citing(lambda _: ())
"""The same for a method that yields all of its sources, or that has none."""


def _framed(method: Frame, rows: Sequence[Any], results: Results) -> pd.DataFrame:
    """Rows as columns: ranges by their ends, options by their labels."""
    said = declared(method)
    made = [_complete(method.__name__, said, row) for row in rows]
    found: dict[str, Sequence[Any]] = {}
    for cell in said.cells if made else ():
        values = [row.get(cell) for row in made]
        if cell.endswith("*"):
            found |= zip(columns(cell), zip(*map(ends, values), strict=True), strict=True)
        elif cell in said.keys:
            found[cell] = [key if key is None else results.labels.get(key) for key in values]
        else:
            found[cell] = values
    return pd.DataFrame(found)


def _complete(name: str, said: Declared, row: Any) -> Mapping[str, Any]:
    """A row in which every declared cell stands, save those that may be missing, and no other."""
    if not isinstance(row, Mapping):
        cells = ", ".join(said.cells)
        raise ValueError(f"{name}: a row names its cells ({cells}), unlike {row!r}")
    lacking = [c for c in said.cells if c not in row and c not in said.may_be_missing]
    if lacking:
        raise ValueError(
            f"{name}: a row lacks {', '.join(lacking)}; "
            f"what may be missing is declared as `{lacking[0]}?: …`. The row: {dict(row)}"
        )
    for cell in row:
        if cell not in said.cells:
            raise ValueError(f"{name}: {unknown(cell, 'column that is declared', said.cells)}")
    return row


def _tidy(
    said: Declared, rows: pd.DataFrame, sources: Iterable[Source], results: Results
) -> pd.DataFrame:
    data = rows.reindex(columns=list(said.meanings))
    if data.empty:
        data = data.astype({c: _kind_without_rows(said, c) for c in said.meanings})
    kinds = data.dtypes
    for column in said.units:
        if kinds[column].kind not in "biuf":
            data[column] = pd.to_numeric(data[column])
    if "option" in data:
        labels = [option.label for option in results.options.values()]
        data["option"] = pd.Categorical(data["option"], labels, ordered=True)
    money = results.client.currency
    data.attrs = {
        "row": said.row,
        "meanings": NamedTexts(said.meanings),
        "units": said.units_in(money),
        "sources": Several(dict.fromkeys(sources)),
        "country": results.client.country,
        "currency": money,
        "language": results.client.language,
        "names": Several(results.names),
        "roles": NamedTexts(results.roles),
    }
    return data


def _kind_without_rows(said: Declared, column: str) -> str:
    """What pandas calls the kind of a column of which no row tells."""
    if column in said.units:
        return "float"
    return "bool" if said.meanings[column].startswith("whether") else "str"


def ends(value: Range | None) -> tuple[float | None, float | None, float | None]:
    """Low, central and high of a range; nothing three times where it is not known."""
    return (None, None, None) if value is None else value.ends


def names(topic: type[Topic]) -> tuple[str, ...]:
    """The frames of a topic by their names, as they stand in its class."""
    return tuple(n for n, method in vars(topic).items() if getattr(method, "is_frame", False))


def listed(*topics: type[Topic]) -> dict[str, Declared]:
    """Every frame of some topics by its name, in their order."""
    return {name: declared(getattr(topic, name)) for topic in topics for name in names(topic)}
