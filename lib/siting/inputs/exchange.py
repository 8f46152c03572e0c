"""Tables in and out: a client's quotes, and results for own questions.

What comes in is turned into a piece of scenario, with its evidence, for the analyst to read and
paste: nothing enters a report unseen, and what cannot be meant is refused by file, line and column.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
from pydantic import ValidationError

from siting.inputs import document, messages
from siting.inputs.document import DocumentError, YamlDocument
from siting.inputs.scenario import checks
from siting.inputs.scenario.model import Quote
from siting.inputs.sheet import DAY, NUMBER, TEXT, Table, read


class Imported(NamedTuple):
    """What a table says, the last day that it covers, and what of it was read."""

    value: Any
    day: dt.date
    extent: str


# --- Quotes ---------------------------------------------------------------------------------------


def quotes(path: Path) -> Imported:
    """A client's quotes from columns item, value, unit, source, date; and low, high, valid_until
    where they are there. Raises DocumentError."""
    needed = {"item": TEXT, "value": NUMBER, "unit": TEXT, "source": TEXT, "date": DAY}
    optional = {"valid_until": DAY, "low": NUMBER, "high": NUMBER}
    table = read(path, needed, optional)
    table.refuse_twins(["item"])
    frame = table.rows.reindex(columns=[*needed, *optional])
    low = frame.pop("low")
    high = frame.pop("high")
    table.refuse(low.isna() != high.isna(), "has one end of a range", "write low and high")
    ends = {"low": low.fillna(frame["value"]), "central": frame["value"]}
    band = pd.DataFrame(ends | {"high": high.fillna(frame["value"])})
    rows = frame.assign(value=pd.Series(band.to_dict("records"), frame.index)).iterrows()
    found = tuple(quote(row.dropna().to_dict(), path, line) for line, row in rows)
    return Imported(found, max(q.date for q in found), f"offers: {len(found)}{unread(table)}")


def unread(table: Table) -> str:
    """Columns from which nothing was read, to end what is told with."""
    return f"; not read: {', '.join(table.unread)}" if table.unread else ""


def quote(data: dict[Any, Any], path: Path, line: Any = 0) -> Quote:
    """A quote that a scenario may hold. Raises DocumentError."""
    try:
        found = Quote.model_validate(data)
        faults = list(checks.priced(found, "EUR"))[:1]
    except ValidationError as error:
        faults = messages.faults(error, data, Quote)
    if faults:
        raise DocumentError(YamlDocument(data, {(): (str(path), line)}).problems(faults))
    return found


# --- Results --------------------------------------------------------------------------------------


def tidy(summaries: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Every figure of every option of every report, one row each.

    summaries: content of summary.json by client. Columns: client, option, figure, low, central,
    high, unit; the figure's name is its path in the summary.
    """
    rows = [
        {**value, "client": client, "option": path[0], "figure": ".".join(path[1:])}
        for client, summary in summaries.items()
        for path, value in _figures(summary.get("options"))
        if path
    ]
    columns = ["client", "option", "figure", "low", "central", "high", "unit"]
    frame = pd.DataFrame(rows, columns=columns).astype({"unit": "str"})
    ends = ["low", "central", "high"]
    frame[ends] = frame[ends].apply(pd.to_numeric, errors="coerce").astype("float64")
    return frame.sort_values(columns[:3], ignore_index=True)


def _figures(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict) and value.keys() >= document.BAND:
        if value["central"] is not None:
            yield path, value
        return
    for key, inner in document.members(value):
        yield from _figures(inner, (*path, str(key)))


FORMULA = re.compile(r"\s*[=+\-@]")
"""How a text begins that a spreadsheet would compute."""


def write(frame: pd.DataFrame, path: Path) -> None:
    """Writes a table as .parquet or .csv; in the latter, an apostrophe keeps a text that begins
    like a formula a text. Raises DocumentError for any other ending."""
    texts = frame.map(_kept_text)
    ways: dict[str, Callable[..., object]] = {".csv": texts.to_csv, ".parquet": frame.to_parquet}
    if path.suffix not in ways:
        raise DocumentError.of(path, "is no format that is known", "end it in .csv or .parquet")
    try:
        ways[path.suffix](path, index=False)
    except ImportError:
        write = "pip install pyarrow, or write .csv"
        raise DocumentError.of(path, "Parquet needs pyarrow", write) from None


def _kept_text(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and FORMULA.match(cell) else cell
