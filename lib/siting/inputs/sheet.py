"""A stranger's table in CSV: columns by name, cells by what they mean, refused by line."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TextIO

import numpy as np
import pandas as pd

from siting import catalogue
from siting.inputs import bounds, document
from siting.inputs.document import DocumentError
from siting.inputs.scenario import known

MAX_CELLS = 5_000_000
MAX_BYTES = 256 << 20
MAX_COLUMNS = 1_000
"""An export of costs has about a hundred."""
MAX_LINE = 1 << 20
"""Of a CSV file. [characters]"""


class Column(NamedTuple):
    """What stands in a column: how it is read, and what is said of a cell that is not that."""

    read: Callable[[pd.Series[str]], pd.Series[Any]]
    """Cells to values; missing where a cell is wrong."""
    wrong: str
    """`{}` is the cell's text."""
    write: str


def _number(cells: pd.Series[str]) -> pd.Series[float]:
    plain = cells.str.replace("_", "").str.replace(" ", "")
    values = pd.to_numeric(plain, errors="coerce").astype(float)
    return values.where(values.abs() <= bounds.MOST)


def _count(cells: pd.Series[str]) -> pd.Series[float]:
    values = _number(cells)
    return values.where(values.between(0, 1e12))


def _moment(cells: pd.Series[str], form: str) -> pd.Series[pd.Timestamp]:
    """Moments in UTC of the cells that begin in a form."""
    text = cells.where(cells.str.match(form))
    moments = pd.to_datetime(text, errors="coerce", utc=True, format="ISO8601")
    return moments.where((moments >= bounds.FIRST) & (moments < bounds.END))


def _day(cells: pd.Series[str]) -> pd.Series[Any]:
    return _moment(cells, r"\d{4}-\d\d-\d\d").dt.date


def _time(cells: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    """UTC where every cell says how far it is from it; without a zone where none does."""
    moments = _moment(cells, r"\d{4}-?\d\d-?\d\d[T ]\d\d:?\d\d")
    zoned = cells.str.contains(r"(?:[Zz]|[+-]\d\d(?::?\d\d)?)$", regex=True)
    alike = moments.where(zoned == zoned.iloc[0])
    return alike if zoned.iloc[0] else alike.dt.tz_localize(None)


def _visible(cells: pd.Series[str]) -> pd.Series[str]:
    return cells.mask(cells.map(document.INVISIBLE.search).notna()).str.strip()


TEXT = Column(_visible, "holds an invisible control character", "type the cell anew")
"""What every column is."""
NUMBER = Column(_number, "{} is no number", "write such as 1234.50")
COUNT = Column(_count, "{} is no count", "write a number of 0 or more")
DAY = Column(_day, "{} is no date", "write YYYY-MM-DD, of the years 2000 to 2099")
MONTH = Column(
    lambda cells: _day(cells.where(~cells.str.fullmatch(r"\d{4}-\d\d"), cells + "-01")),
    "is no month or day",
    "write YYYY-MM or YYYY-MM-DD",
)
"""A day, or a month, which stands for its first."""
TIME = Column(
    _time,
    "{} is no time like the first, or none of 2000 to 2099",
    "write 2026-10-01T14:00:00, or all with +02:00 or Z",
)
CURRENCY = Column(lambda c: c.where(c.map(known.is_currency)), "{} is no currency", "write EUR")


@dataclass(frozen=True)
class Table:
    """A table that was read: its columns by line, and the headings that nothing was read from."""

    path: Path
    rows: pd.DataFrame
    unread: Sequence[str] = ()

    def refuse(
        self, where: pd.Series[bool] | np.bool | bool, wrong: str, write: str, field: str = ""
    ) -> None:
        """Raises DocumentError where something holds: in a row, the first, or of the whole file."""
        if isinstance(where, pd.Series):
            lines = self.rows.index[where].tolist()
        else:
            lines = [0] if where else []
        if lines:
            raise DocumentError.of(self.path, wrong, write, lines[0], field)

    def refuse_twins(self, columns: Sequence[str]) -> None:
        """Raises DocumentError for a row that holds the same in some columns as one above it."""
        write = "remove it, or add the column that tells them apart"
        self.refuse(self.rows.duplicated(columns), "is the same as a row above it", write)


def read(path: Path, needed: Mapping[str, Column], optional: Mapping[str, Column] = {}) -> Table:
    """A CSV file, by line; raises DocumentError.

    needed, optional: columns that must and that may be there; case and spaces do not matter, and
    others stay text. A blank cell of an optional column is missing.
    """
    cells, points = texts(path)
    kinds = {**needed, **optional}
    names = {name.lower(): name for name in kinds}
    heads = [str(c).strip() or f"column {i}" for i, c in enumerate(cells.columns, start=1)]
    cells.columns = columns = pd.Index([names.get(h.lower().replace(" ", "_"), h) for h in heads])
    for name in columns[columns.str.lower().duplicated()]:
        raise DocumentError.of(path, "two columns have this name", "keep one", 1, name)
    for name in needed:
        if name not in columns:
            hint = catalogue.suggestion(name, map(str, columns))
            raise DocumentError.of(path, "this column is missing", hint, 1, name)
    if cells.empty:
        raise DocumentError.of(path, "no row follows the headings", "add at least one", 2)
    found = Table(path, cells.copy(), [name for name in columns if name not in kinds])
    for name in columns:
        for kind in dict.fromkeys((TEXT, kinds.get(name, TEXT))):
            found.rows[name] = understood(path, cells[name], kind, name, needed=name in needed)
        if points and kinds.get(name) in (NUMBER, COUNT):
            odd = cells[name].str.fullmatch(r"-?\d{1,3}(\.\d{3})+")
            said = "a point may part thousands or decimals"
            found.refuse(odd, said, "write 250000, or 250.0", name)
    return found


def understood(
    path: Path, cells: pd.Series[str], kind: Column, field: str, *, needed: bool = False
) -> pd.Series[Any]:
    """Cells as what they mean. Raises DocumentError for the first that is none; needed: a blank one
    is none either."""
    values = kind.read(cells)
    wrong = values.isna() & ((cells != "") | needed)
    said = repr(cells[wrong].iloc[0][:40]) if wrong.any() else ""
    Table(path, cells.to_frame()).refuse(wrong, kind.wrong.format(said), kind.write, field)
    return values


def headings(path: Path) -> list[str]:
    """The headings of a table, by which its format is known. Raises DocumentError."""
    return [str(column) for column in texts(path)[0].columns]


def texts(path: Path) -> tuple[pd.DataFrame, bool]:
    """The text of a file's cells, by column and line, rows that are empty left out; and whether
    points may part thousands, as where semicolons part columns."""
    if not path.is_file():
        wrong = "is no plain file" if path.exists() else "does not exist"
        raise DocumentError.of(path, wrong, "check the name")
    if path.stat().st_size > MAX_BYTES:
        wrong = f"is larger than {MAX_BYTES >> 20} MiB"
        raise DocumentError.of(path, wrong, "export a part of it")
    try:
        separator = _separator(path)
        return _framed(path, _text(path, separator)), separator == ";"
    except DocumentError:
        raise
    except Exception as error:  # a decoder fed with a stranger's bytes may fail in any way
        reason = (str(error).splitlines() or ["damaged"])[0][:100]
        reason = "no UTF-8 text" if isinstance(error, UnicodeError) else reason
        write = "save it as UTF-8 CSV"
        raise DocumentError.of(path, f"cannot be read ({reason})", write) from None


def _framed(path: Path, rows: Iterator[tuple[int, list[str]]]) -> pd.DataFrame:
    """Rows and their lines below their headings: as few as they are, however far out they stand."""
    heads = next(rows, (1, []))[1]
    count = 0
    if len(heads) > MAX_COLUMNS:
        wrong = f"has {len(heads):,} headings, more than {MAX_COLUMNS:,}"
        raise DocumentError.of(path, wrong, "keep the columns that are asked for", 1)
    body: dict[int, list[str]] = {}
    for line, cells in rows:
        count += len(cells) or 1
        if count > MAX_CELLS:
            wrong = f"has more than {MAX_CELLS:,} cells"
            raise DocumentError.of(path, wrong, "export a part of it, or a row an hour", line)
        if any(cells[len(heads) :]):
            raise DocumentError.of(path, "has more cells than headings", "name each column", line)
        if any(cells):
            body[line] = (cells + [""] * len(heads))[: len(heads)]
    lines = pd.Index(body, dtype=int)
    columns = pd.Index(heads, dtype=str)
    return pd.DataFrame(list(body.values()), lines, columns, dtype=str)


def _separator(path: Path) -> str:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(100_000)
    if first.lower().startswith("sep="):
        raise DocumentError.of(path, "names the separator", "remove this line", 1)
    # A guess from the cells would take the `T` of a time for what separates them.
    return max(",;\t|", key=first.count)


def _text(path: Path, separator: str) -> Iterator[tuple[int, list[str]]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.reader(_lines(path, file), delimiter=separator, strict=True)
        line = 0
        try:
            for cells in rows:
                if rows.line_num > line + 1:
                    raise csv.Error
                yield (line := line + 1), cells
        except csv.Error:
            wrong = "a quotation mark is not closed in its line, or a cell is too long"
            raise DocumentError.of(path, wrong, "correct the cell", line + 1) from None


def _lines(path: Path, file: TextIO) -> Iterator[str]:
    """The lines of a text; one that no row of a table is refused before its cells are made."""
    for line in itertools.count(1):
        text = file.readline(MAX_LINE + 1)
        if len(text) > MAX_LINE:
            wrong = f"is longer than {MAX_LINE:,} characters"
            raise DocumentError.of(path, wrong, "write a row a line", line)
        if not text:
            return
        yield text
