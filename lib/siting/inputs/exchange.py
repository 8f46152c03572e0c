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
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

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
FOCUS_COLUMNS = ("BilledCost", "BillingCurrency", "ChargePeriodStart", "ServiceName")
"""Columns of FOCUS [1] that are needed; `ChargeDescription` and others may be there too."""


def read(path: Path, needed: Iterable[str]) -> pd.DataFrame:
    """A CSV or XLSX file (first sheet) as text cells; raises DocumentError.

    needed: columns that must be there; their case and surrounding spaces do not matter.
    """
    if not path.is_file():
        wrong = "is no plain file" if path.exists() else "does not exist"
        raise DocumentError.of(path, wrong, "check the name")
    if path.stat().st_size > MAX_BYTES:
        wrong = f"is larger than {MAX_BYTES >> 20} MiB"
        raise DocumentError.of(path, wrong, "export a part of it")
    sheet = path.suffix.lower() in (".xlsx", ".xlsm")
    try:
        frame = _sheet(path) if sheet else _text(path)
    except DocumentError:
        raise
    except Exception as error:  # a decoder fed with a stranger's bytes may fail in any way
        reason = (str(error).splitlines() or ["damaged"])[0][:100]
        write = "save it as UTF-8 CSV or as XLSX"
        raise DocumentError.of(path, f"cannot be read ({reason})", write) from None
    frame = frame[(frame != "").any(axis=1)]
    heads = [str(c).strip() or f"column {i}" for i, c in enumerate(frame.columns, start=1)]
    known = {name.lower(): name for name in needed}
    frame.columns = pd.Index([known.get(h.lower(), h) for h in heads])
    twice = frame.columns[frame.columns.str.lower().duplicated()]
    if len(twice):
        raise DocumentError.of(path, "two columns have this name", "keep one", 1, twice[0])
    for name in known.values():
        if name not in frame.columns:
            hint = catalogue.suggestion(name, map(str, frame.columns))
            raise DocumentError.of(path, "this column is missing", hint, 1, name)
    if frame.empty:
        raise DocumentError.of(path, "no row follows the headings", "add at least one", 2)
    for name in frame.columns:
        plain = ~frame[name].map(document.INVISIBLE.search).astype(bool)
        wrong = "holds an invisible control character"
        _all_good(path, frame, name, plain, wrong, "type the cell anew")
    return frame


def _all_good(
    path: Path, frame: pd.DataFrame, column: str, good: pd.Series[bool], wrong: str, write: str
) -> None:
    """Refuses the first cell of a column that is not good; `{}` in `wrong` is its text."""
    if not good.all():
        place = int(good.to_numpy().argmin())
        text = repr(frame[column].iloc[place])
        raise DocumentError.of(path, wrong.format(text), write, frame.index[place] + 2, column)


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
        rows.append([_cell(value) for value in row])
    width = len(rows[0]) if rows else 0
    for line, cells in enumerate(rows[1:], start=2):
        if any(cells[width:]):
            raise DocumentError.of(path, "has more cells than headings", "name each column", line)
    body = [[*cells[:width], *[""] * (width - len(cells))] for cells in rows[1:]]
    frame = pd.DataFrame(body, columns=range(width), dtype=str)
    frame.columns = pd.Index(rows[0] if rows else [])
    return frame


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    return value.isoformat() if isinstance(value, dt.datetime | dt.date) else str(value)


def _number(path: Path, line: int, column: str, text: str) -> float:
    try:
        value = float(text.replace("_", "").replace(" ", ""))
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        wrong = f"{text!r} is no number"
        raise DocumentError.of(path, wrong, "write such as 1234.50", line, column)
    return value


def _day(path: Path, line: int, column: str, text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text.strip()[:10])
    except ValueError:
        wrong = f"{text!r} is no date"
        raise DocumentError.of(path, wrong, "write YYYY-MM-DD", line, column) from None


# --- Quotes ---------------------------------------------------------------------------------------


def quotes(path: Path) -> tuple[Quote, ...]:
    """A client's quotes from columns item, value, unit, source, date; and low, high, valid_until
    where they are there. Raises DocumentError."""
    frame = read(path, ("item", "value", "unit", "source", "date"))
    rows = zip(frame.index + 2, frame.to_dict("records"), strict=True)
    return tuple(_quote(path, line, row) for line, row in rows)


def _quote(path: Path, line: int, row: Mapping[Any, str]) -> Quote:
    central = _number(path, line, "value", row["value"])
    low, high = (
        _number(path, line, end, row[end]) if row.get(end) else central for end in ("low", "high")
    )
    data: dict[str, Any] = {name: row[name].strip() for name in ("item", "unit", "source")}
    data["value"] = {"low": low, "central": central, "high": high}
    for name in ("date", *(["valid_until"] if row.get("valid_until") else [])):
        data[name] = _day(path, line, name, row[name])
    return _made(data, path, line)


def _made(data: dict[str, Any], path: Path, line: int = 0) -> Quote:
    """A quote that a scenario may hold. Raises DocumentError."""
    try:
        quote = Quote.model_validate(data)
    except ValidationError as error:
        found = messages.problems(error, Document(data, {(): (str(path), line)}), Quote)
        raise DocumentError([problem for _, problem in found]) from None
    for where, wrong, write in checks.priced(quote, "EUR"):
        raise DocumentError.of(path, wrong, write, line, document.dotted(where))
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
    frame = read(path, ("time",))
    when = pd.to_datetime(frame["time"], errors="coerce", utc=True, format="ISO8601")
    _all_good(path, frame, "time", when.notna(), "{} is no time", "write 2026-10-01T14:00:00")
    counts = (
        _column(path, frame, "requests") if "requests" in frame else pd.Series(1.0, frame.index)
    )
    if not counts.sum():
        raise DocumentError.of(path, "counts no request", "export a busier time", field="requests")
    hour = when.dt.floor("h")
    hours = (hour.max() - hour.min()) // pd.Timedelta(hours=1) + 1  # before there is a row for each
    if hours < 7 * 24:
        write = "export at least four weeks"
        raise DocumentError.of(path, "covers less than a week", write, field="time")
    if hours > 3660 * 24:
        write = "correct the dates"
        raise DocumentError.of(path, "covers more than ten years", write, field="time")
    hourly = counts.groupby(hour).sum().asfreq("h", fill_value=0.0)
    result = _shape(hourly)
    weights = counts.to_numpy()
    for column in ("input_tokens", "output_tokens"):
        if column in frame:
            result[column] = _tokens(_column(path, frame, column), weights)
    if {"cached_tokens", "input_tokens"} <= {*frame.columns}:
        columns = ("cached_tokens", "input_tokens")
        cached, whole = (float((_column(path, frame, c) * weights).sum()) for c in columns)
        result["cached_input_share"] = round(min(1.0, cached / whole), 3) if whole else 0.0
    return result, when.max().date()


def _column(path: Path, frame: pd.DataFrame, name: str) -> pd.Series[float]:
    values = pd.to_numeric(frame[name].replace("", "0"), errors="coerce")
    good = values.between(0, 1e12)
    _all_good(path, frame, name, good, "{} is no count", "write a number of 0 or more")
    return values.astype(float)


def _shape(hourly: pd.Series[float]) -> dict[str, Any]:
    """Profile of a usual week: by hour, by weekday, and how far the busiest hour stands out."""
    dates = pd.Series(pd.DatetimeIndex(hourly.index).date, hourly.index)
    hourly = hourly[dates.groupby(dates).transform("size") == 24]  # whole days only
    index = pd.DatetimeIndex(hourly.index)
    days = hourly.groupby(index.date).sum()
    by_weekday = days.groupby(pd.DatetimeIndex(days.index).day_of_week).mean()
    usual_day = float(by_weekday.reindex(range(5)).mean())
    working = hourly[index.day_of_week < 5]
    if not usual_day:  # a service of weekends: its busiest day is the working day
        usual_day, working = float(by_weekday.max()), hourly
    by_hour = working.groupby(pd.DatetimeIndex(working.index).hour).mean().reindex(range(24))
    usual_peak = float(hourly.groupby([index.day_of_week, index.hour]).mean().max())
    scale = usual_day or 1.0
    return {
        "users": 0,  # the log counts every request, so none are added for users
        "requests_per_day": round(usual_day, 1),
        "hours": [round(float(x), 2) for x in by_hour.fillna(0.0)],
        "weekdays": [round(float(by_weekday.get(d, 0.0)) / scale, 3) for d in range(7)],
        "peak_factor": round(min(50.0, max(1.0, float(hourly.max()) / (usual_peak or 1.0))), 2),
    }


def _tokens(values: pd.Series[float], weights: Any) -> dict[str, float]:
    ordered = values.sort_values()
    share = pd.Series(weights, values.index).loc[ordered.index].cumsum()
    mean = float((values * weights).sum() / weights.sum())
    p95 = float(ordered[share >= 0.95 * share.iloc[-1]].iloc[0])
    return {"mean": round(mean, 1), "p95": round(max(p95, mean), 1)}


# --- Invoices -------------------------------------------------------------------------------------


def invoices(path: Path, service: str = "") -> pd.DataFrame:
    """Billed cost by month and currency from a FOCUS export [1].

    service: only charges whose ServiceName, SkuMeter or ChargeDescription holds this text.
    Columns of the result: month, currency, billed_cost (net of credits), credits, charges.
    Raises DocumentError.
    """
    frame = read(path, FOCUS_COLUMNS)
    if service:
        known = [c for c in ("ServiceName", "SkuMeter", "ChargeDescription") if c in frame]
        text = frame[known].agg(" ".join, axis=1)
        frame = frame[text.str.contains(service, case=False, regex=False)]
        if frame.empty:
            wrong = f"no charge holds {service!r}"
            raise DocumentError.of(path, wrong, "check the word", field="ServiceName")
    rows = [
        {
            "month": f"{_day(path, line, 'ChargePeriodStart', row['ChargePeriodStart']):%Y-%m}",
            "currency": row["BillingCurrency"].strip(),
            "billed_cost": _number(path, line, "BilledCost", row["BilledCost"]),
        }
        for line, row in zip(frame.index + 2, frame.to_dict("records"), strict=True)
    ]
    found = pd.DataFrame(rows)
    found["credits"] = found.billed_cost.clip(upper=0)
    grouped = found.groupby(["month", "currency"], as_index=False)
    months = grouped.agg(
        billed_cost=("billed_cost", "sum"),
        credits=("credits", "sum"),
        charges=("billed_cost", "size"),
    )
    for month in months.month[months.billed_cost < 0]:
        line = frame.index[int(found.credits.to_numpy().argmin())] + 2
        wrong = f"{month} has more credits than charges"
        write = "leave out credits that belong to other months, or export longer"
        raise DocumentError.of(path, wrong, write, line, "BilledCost")
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
    if isinstance(value, Mapping) and {"low", "central", "high"} <= value.keys():
        if value["central"] is not None:
            yield path, value
        return
    inside = enumerate(value) if isinstance(value, list) else ()
    for key, inner in value.items() if isinstance(value, Mapping) else inside:
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
    except OSError as error:
        wrong = f"cannot be written ({error.strerror or error})"
        raise DocumentError.of(path, wrong, "name a folder that is there") from None
