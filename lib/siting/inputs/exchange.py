"""Tables in and out: a client's quotes, measured loads and invoices; results for own questions.

What comes in is turned into a piece of scenario, with its evidence, for the analyst to read and
paste: nothing enters a report unseen. Columns are looked up by name; a row that cannot be read is
refused by file, line and column.

[1] FinOps Open Cost and Usage Specification (FOCUS) 1.2, https://focus.finops.org
"""

from __future__ import annotations

import csv
import datetime as dt
import math
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import openpyxl
import pandas as pd
from pydantic import ValidationError

from siting import catalogue
from siting.inputs import document, messages
from siting.inputs.document import Document, DocumentError
from siting.inputs.scenario import Quote, checks

MAX_ROWS = 2_000_000
MAX_SHEET_ROWS = 200_000
MAX_COLUMNS = 400
MAX_BYTES = 256 << 20


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
    return values.where(values.abs() < math.inf)


def _count(cells: pd.Series[str]) -> pd.Series[float]:
    values = _number(cells.replace("", "0"))
    return values.where(values.between(0, 1e12))


def _day(cells: pd.Series[str]) -> pd.Series[Any]:
    text = cells.str.strip().str[:10]
    return pd.to_datetime(text, errors="coerce", format="%Y-%m-%d").dt.date


def _time(cells: pd.Series[str]) -> pd.Series[pd.Timestamp]:
    return pd.to_datetime(cells, errors="coerce", utc=True, format="ISO8601")


def _visible(cells: pd.Series[str]) -> pd.Series[str]:
    return cells.mask(cells.map(document.INVISIBLE.search).notna()).str.strip()


TEXT = Column(_visible, "holds an invisible control character", "type the cell anew")
"""What every column is."""
NUMBER = Column(_number, "{} is no number", "write such as 1234.50")
COUNT = Column(_count, "{} is no count", "write a number of 0 or more")
DAY = Column(_day, "{} is no date", "write YYYY-MM-DD")
TIME = Column(_time, "{} is no time", "write 2026-10-01T14:00:00")


def read(
    path: Path, needed: Mapping[str, Column], optional: Mapping[str, Column] = {}
) -> pd.DataFrame:
    """A CSV or XLSX file (first sheet), by line; raises DocumentError.

    needed, optional: columns that must and that may be there; their case and surrounding spaces
    do not matter, and others stay text.
    """
    cells = _cells(path)
    heads = [str(c).strip() or f"column {i}" for i, c in enumerate(cells.columns, start=1)]
    known = {name.lower(): name for name in (*needed, *optional)}
    cells.columns = columns = pd.Index([known.get(h.lower(), h) for h in heads])
    for name in columns[columns.str.lower().duplicated()]:
        raise DocumentError.of(path, "two columns have this name", "keep one", 1, name)
    for name in needed:
        if name not in columns:
            hint = catalogue.suggestion(name, map(str, columns))
            raise DocumentError.of(path, "this column is missing", hint, 1, name)
    if cells.empty:
        raise DocumentError.of(path, "no row follows the headings", "add at least one", 2)
    found = cells.copy()
    for name in columns:
        for kind in dict.fromkeys((TEXT, needed.get(name) or optional.get(name, TEXT))):
            found[name] = kind.read(cells[name])
            wrong = found[name].isna() & ((cells[name] != "") | (name in needed))
            for place in wrong[wrong].index:
                text = repr(cells[name][place])
                raise DocumentError.of(path, kind.wrong.format(text), kind.write, place, name)
    return found


def _cells(path: Path) -> pd.DataFrame:
    """The text of a file's cells, by column and line; rows that are empty are left out."""
    if not path.is_file():
        wrong = "is no plain file" if path.exists() else "does not exist"
        raise DocumentError.of(path, wrong, "check the name")
    if path.stat().st_size > MAX_BYTES:
        wrong = f"is larger than {MAX_BYTES >> 20} MiB"
        raise DocumentError.of(path, wrong, "export a part of it")
    try:
        cells = _sheet(path) if path.suffix.lower() in (".xlsx", ".xlsm") else _text(path)
    except DocumentError:
        raise
    except Exception as error:  # a decoder fed with a stranger's bytes may fail in any way
        reason = (str(error).splitlines() or ["damaged"])[0][:100]
        write = "save it as UTF-8 CSV or as XLSX"
        raise DocumentError.of(path, f"cannot be read ({reason})", write) from None
    cells.index += 2
    return cells[(cells != "").any(axis=1)]


def _text(path: Path) -> pd.DataFrame:
    with path.open(encoding="utf-8-sig", newline="") as file:
        first = file.readline(100_000)
        # A guess from the cells would take the `T` of a time for what separates them.
        separator = max(",;\t|", key=first.count)
        heads = next(csv.reader([first], delimiter=separator), [])
    if len(heads) > MAX_COLUMNS:
        raise ValueError(f"more than {MAX_COLUMNS} columns")
    frame = pd.read_csv(
        path, dtype=str, encoding="utf-8-sig", sep=separator, nrows=MAX_ROWS, skip_blank_lines=False
    )
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes what is too much for labels
        raise DocumentError.of(path, "has more cells than headings", "name each column", 2)
    if len(heads) != len(frame.columns):
        raise ValueError("the headings are not in one line")
    frame.columns = pd.Index(heads)
    return frame.fillna("")


def _sheet(path: Path) -> pd.DataFrame:
    """The first sheet, row by row: a single cell far out must not make a sheet of billions."""
    with zipfile.ZipFile(path) as archive:
        if sum(part.file_size for part in archive.infolist()) > MAX_BYTES:
            raise ValueError(f"unpacks to more than {MAX_BYTES >> 20} MiB")
    book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    sheet = book.worksheets[0]
    sheet.reset_dimensions()
    rows: list[list[str]] = []
    for number, row in enumerate(sheet.iter_rows(values_only=True)):
        if number > MAX_SHEET_ROWS or len(row) > MAX_COLUMNS:
            raise ValueError(f"more than {MAX_SHEET_ROWS:,} rows or {MAX_COLUMNS} columns")
        rows.append(["" if value is None else str(value) for value in row])
    head, *body = rows or [[]]
    for line, cells in enumerate(body, start=2):
        if any(cells[len(head) :]):
            raise DocumentError.of(path, "has more cells than headings", "name each column", line)
        cells[len(head) :] = [""] * (len(head) - len(cells))
    return pd.DataFrame(body, columns=pd.Index(head, dtype=str), dtype=str)


# --- Quotes ---------------------------------------------------------------------------------------


def quotes(path: Path) -> tuple[Quote, ...]:
    """A client's quotes from columns item, value, unit, source, date; and low, high, valid_until
    where they are there. Raises DocumentError."""
    needed = {"item": TEXT, "value": NUMBER, "unit": TEXT, "source": TEXT, "date": DAY}
    optional = {"valid_until": DAY, "low": NUMBER, "high": NUMBER}
    frame = read(path, needed, optional).reindex(columns=[*needed, *optional])
    low, high = (frame.pop(end).fillna(frame["value"]) for end in ("low", "high"))
    band = pd.DataFrame({"low": low, "central": frame["value"], "high": high})
    rows = frame.assign(value=pd.Series(band.to_dict("records"), frame.index)).iterrows()
    return tuple(_made(row.dropna().to_dict(), path, line) for line, row in rows)


def _made(data: dict[Any, Any], path: Path, line: Any = 0) -> Quote:
    """A quote that a scenario may hold. Raises DocumentError."""
    try:
        quote = Quote.model_validate(data)
        faults = list(checks.priced(quote, "EUR"))[:1]
    except ValidationError as error:
        faults = messages.faults(error, data, Quote)
    if faults:
        raise DocumentError(Document(data, {(): (str(path), line)}).problems(faults))
    return quote


# --- Measured loads -------------------------------------------------------------------------------


def load(path: Path) -> tuple[dict[str, Any], dt.date]:
    """The load fields of a workload, and the last day [UTC] of the log that they come from.

    A row of the log is a request or an hour.

    Columns: `time` (ISO 8601); `requests` where a row is an hour; `input_tokens`, `output_tokens`,
    `cached_tokens` where known, per request. The fields are users: 0, requests_per_day (mean
    working day), hours, weekdays, peak_factor and, where known, tokens: mean and p95.
    Raises DocumentError.
    """
    known = ("requests", "input_tokens", "output_tokens", "cached_tokens")
    frame = read(path, {"time": TIME}, dict.fromkeys(known, COUNT))
    when, requests = frame["time"], frame.get("requests", pd.Series(1.0, frame.index))
    if not requests.sum():
        raise DocumentError.of(path, "counts no request", "export a busier time", field="requests")
    hour = when.dt.floor("h")
    hours = (hour.max() - hour.min()) // pd.Timedelta(hours=1) + 1  # before there is a row for each
    if hours < 7 * 24:
        write = "export at least four weeks"
        raise DocumentError.of(path, "covers less than a week", write, field="time")
    if hours > 3660 * 24:
        write = "correct the dates"
        raise DocumentError.of(path, "covers more than ten years", write, field="time")
    result = _shape(requests.groupby(hour).sum().asfreq("h", fill_value=0.0))
    for column in ("input_tokens", "output_tokens"):
        if column in frame:
            result[column] = _tokens(frame[column], requests)
    if {"cached_tokens", "input_tokens"} <= {*frame.columns}:
        cached, whole = ((frame[c] * requests).sum() for c in ("cached_tokens", "input_tokens"))
        share = min(1.0, float(cached / whole)) if whole else 0.0
        result["cached_input_share"] = round(share, 3)
    return result, when.max().date()


def _shape(hourly: pd.Series[float]) -> dict[str, Any]:
    """Profile of a usual week: by hour, by weekday, and how far the busiest hour stands out."""
    index = pd.DatetimeIndex(hourly.index)
    days = hourly.groupby([index.floor("D"), index.hour]).sum().unstack().dropna()  # whole ones
    weekday = pd.DatetimeIndex(days.index).day_of_week
    week = days.groupby(weekday).mean()
    by_weekday, usual_peak = week.sum(axis=1), float(week.max().max())
    usual_day, working = float(by_weekday.reindex(range(5)).mean()), days[weekday < 5]
    if not usual_day:  # a service of weekends: its busiest day is the working day
        usual_day, working = float(by_weekday.max()), days
    scale = usual_day or 1.0
    return {
        "users": 0,  # the log counts every request, so none are added for users
        "requests_per_day": round(usual_day, 1),
        "hours": [round(float(x), 2) for x in working.mean()],
        "weekdays": [round(float(by_weekday.get(d, 0.0)) / scale, 3) for d in range(7)],
        "peak_factor": round(min(50.0, max(1.0, float(days.max().max()) / (usual_peak or 1.0))), 2),
    }


def _tokens(values: pd.Series[float], requests: pd.Series[float]) -> dict[str, float]:
    ordered = values.sort_values()
    share = requests.loc[ordered.index].cumsum()
    mean = float((values * requests).sum() / requests.sum())
    p95 = float(ordered[share >= 0.95 * share.iloc[-1]].iloc[0])
    return {"mean": round(mean, 1), "p95": round(max(p95, mean), 1)}


# --- Invoices -------------------------------------------------------------------------------------


def invoices(path: Path, service: str = "") -> pd.DataFrame:
    """Billed cost by month and currency from a FOCUS export [1].

    service: only charges whose ServiceName, SkuMeter or ChargeDescription holds this text.
    Columns of the result: month, currency, billed_cost (net of credits), credits, charges.
    Raises DocumentError.
    """
    needed = {"BilledCost": NUMBER, "BillingCurrency": TEXT, "ChargePeriodStart": DAY}
    words = {"ServiceName": TEXT, "SkuMeter": TEXT, "ChargeDescription": TEXT}
    frame = read(path, needed | {"ServiceName": TEXT}, words)
    text = frame[[word for word in words if word in frame]].agg(" ".join, axis=1)
    frame = frame[text.str.contains(service, case=False, regex=False)]
    if frame.empty:
        wrong = f"no charge holds {service!r}"
        raise DocumentError.of(path, wrong, "check the word", field="ServiceName")
    cost = frame["BilledCost"]
    charges = frame["ChargePeriodStart"].map("{:%Y-%m}".format).to_frame("month")
    charges["currency"], charges["billed_cost"] = frame["BillingCurrency"], cost
    charges["credits"], charges["charges"] = cost.clip(upper=0), 1
    months = charges.groupby(["month", "currency"], as_index=False).sum()
    for month in months.month[months.billed_cost < 0]:
        wrong = f"{month} has more credits than charges"
        write = "leave out credits that belong to other months, or export longer"
        raise DocumentError.of(path, wrong, write, frame.index[int(cost.argmin())], "BilledCost")
    return months


def cost_per_request(months: pd.DataFrame, requests_per_month: float, path: Path) -> Quote:
    """What a request of today's API costs, from what was billed: a quote of item `api_request`.

    Low and high are the cheapest and the dearest full month; the mean is the central value.
    """
    currencies = sorted(set(months["currency"]))
    if len(currencies) != 1:
        wrong = f"has {', '.join(currencies)}"
        raise DocumentError.of(path, wrong, "split the file by currency", field="BillingCurrency")
    if requests_per_month <= 0:
        raise DocumentError.of(path, "the number of requests is not known", "add --requests")
    each = months["billed_cost"] / requests_per_month
    credit = months["credits"].sum()
    netted = f", net of {-credit:.2f} of credits" if credit else ""
    last = dt.date.fromisoformat(f"{months['month'].max()}-01")
    ends = {"low": each.min(), "central": each.mean(), "high": each.max()}
    data = {
        "item": "api_request",
        "value": {end: float(f"{value:.4g}") for end, value in ends.items()},
        "unit": f"{currencies[0]} per request",
        "source": f"Invoices in FOCUS format, {path.name}, {len(months)} months{netted}",
        "date": last,
    }
    return _made(data, path)


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


def write(frame: pd.DataFrame, path: Path) -> None:
    """Writes a table as .parquet or .csv. Raises DocumentError for any other ending."""
    ways: dict[str, Callable[..., object]] = {".csv": frame.to_csv, ".parquet": frame.to_parquet}
    if path.suffix not in ways:
        raise DocumentError.of(path, "is no format that is known", "end it in .csv or .parquet")
    try:
        ways[path.suffix](path, index=False)
    except ImportError:
        write = "pip install pyarrow, or write .csv"
        raise DocumentError.of(path, "Parquet needs pyarrow", write) from None
