"""Tables in and out: a client's quotes, measured loads and invoices; results for own questions.

What comes in is turned into a piece of scenario, with its evidence, for the analyst to read and
paste: nothing enters a report unseen, and what cannot be meant is refused by file, line and column.

[1] FinOps Open Cost and Usage Specification (FOCUS) 1.2, https://focus.finops.org
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from pydantic import ValidationError

from siting import catalogue
from siting.inputs import bills, bounds, document, logs, messages
from siting.inputs.document import DocumentError, YamlDocument
from siting.inputs.logs import Log
from siting.inputs.scenario import checks
from siting.inputs.scenario.model import BUSIEST, Quote
from siting.inputs.sheet import COUNT, DAY, NUMBER, TEXT, Table, read
from siting.quantity import DAYS_OF_YEAR, Z90


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
    found = tuple(_made(row.dropna().to_dict(), path, line) for line, row in rows)
    return Imported(found, max(q.date for q in found), f"offers: {len(found)}{_unread(table)}")


def _unread(table: Table) -> str:
    return f"; not read: {', '.join(table.unread)}" if table.unread else ""


def _made(data: dict[Any, Any], path: Path, line: Any = 0) -> Quote:
    """A quote that a scenario may hold. Raises DocumentError."""
    try:
        quote = Quote.model_validate(data)
        faults = list(checks.priced(quote, "EUR"))[:1]
    except ValidationError as error:
        faults = messages.faults(error, data, Quote)
    if faults:
        raise DocumentError(YamlDocument(data, {(): (str(path), line)}).problems(faults))
    return quote


# --- Measured loads -------------------------------------------------------------------------------

LOGGED = ("requests", "input_tokens", "output_tokens", "cached_tokens")
WEEK = pd.Timedelta(hours=167)
"""From the first to the last row of a week by hour."""
BUSY_MINUTE = 5
"""Requests a minute of an hour in which bunching can be told from chance."""
LEAST_VARIATION = 0.05
"""Of minutes, where chance hides all."""
LEAST_WEEKS = 13
"""Of a log from which growth can be told."""
LONGEST_GAP = pd.Timedelta(days=5)
"""Holidays are shorter: what lacks for longer was lost."""


def load(path: Path, zone: str = "UTC") -> Imported:
    """The load fields of a workload, of a log in the kit's own columns or in a format of `logs`.

    A row of the kit's own is a request or an hour. Columns: `time` (ISO 8601); `requests` where a
    row is an hour; `input_tokens` (with those from a cache), `output_tokens`, `cached_tokens` where
    known, per request. zone: the clock of the profile, where times tell their distance from UTC;
    others are taken as they stand. The fields are users: 0, requests_per_day (mean working day),
    hours, weekdays, peak_factor and, where they can be told, tokens (mean and p95), the share from
    a cache, how requests bunch, and growth. A log in another format that covers less than a week,
    or says no time of day, gives no profile. Raises DocumentError.
    """
    log = logged(path)
    when = log.table.rows["time"]
    told = [log.extent]
    result: dict[str, Any] = {}
    if log.format and (not log.has_days or when.max() - when.min() < WEEK):
        span = (when.max() - when.min()).total_seconds() / 3600
        told.append(f"{span:,.1f} hours of no known week, so that no profile and no volume follow")
    else:
        result = _profile(log, zone, told)
    result |= _lengths(log, told)
    if "requests" not in log.table.rows:
        result |= _bunching(when, told)
    if not result:
        raise DocumentError.of(path, "says nothing of a load", "export at least a week")
    # A log that counts from its start has no day; it is as old as its import at least.
    day = when.max().date() if log.has_days else dt.date.today()
    extent = ", ".join(told)
    return Imported(result, day, extent if log.format else extent + _unread(log.table))


def logged(path: Path) -> Log:
    """A log whose columns and rows are what they seem. Raises DocumentError."""
    log = logs.read(path, dict.fromkeys(LOGGED, COUNT))
    _refuse_rows(log)
    return log


def _profile(log: Log, zone: str, told: list[str]) -> dict[str, Any]:
    """Volume, hours, weekdays, peak and growth; adds to what is told which days they are of."""
    when = log.table.rows["time"]
    _refuse_span(log.table, when)
    hours = log.requests.groupby(when.dt.floor("h")).sum().asfreq("h", fill_value=0.0)
    clock = "the clock that wrote them"
    if when.dt.tz is not None:
        clock = zone
        hours = hours.tz_convert(zone).tz_localize(None)
    first, last = (f"{hours.index[end]:%Y-%m-%d}" for end in (0, -1))
    told.append(f"{first} to {last}, hours of {clock}")
    return _shape(log.table, hours) | _growth(hours, told)


def _lengths(log: Log, told: list[str]) -> dict[str, Any]:
    """Tokens of a request, and the share of the input that came from a cache.

    Of sums over several requests the mean is told alone, for how far they spread is not known.
    """
    frame = log.table.rows
    requests = log.requests
    found: dict[str, Any] = {}
    for column in ("input_tokens", "output_tokens"):
        if column in frame:
            tokens = _tokens(log.table, column, requests)
            if log.has_sums:
                told.append(f"mean {column.replace('_', ' ')} {tokens['mean']:,g}, spread not told")
            else:
                found[column] = tokens
    if {"cached_tokens", "input_tokens"} <= set(frame):
        both = frame[["cached_tokens", "input_tokens"]].mul(requests, axis=0).dropna().sum()
        share = both["cached_tokens"] / both["input_tokens"] if both["input_tokens"] else 0.0
        found["cached_input_share"] = round(float(share), 3)
    elif "blocks" in frame:
        share = logs.repeated_share(log)
        found["cached_input_share"] = round(share, 3)
        told.append("cached: what a cache without limit would find; `siting replay` says of yours")
    return found


def _bunching(when: pd.Series[pd.Timestamp], told: list[str]) -> dict[str, str]:
    """How requests bunch: the kind whose minutes vary as those of the log's busy hours do.

    What Poisson arrivals vary by is taken off: of n a minute, 1 / n of the squared variation.
    """
    minutes = when.groupby(when.dt.floor("min")).size()
    hours = minutes.groupby(pd.DatetimeIndex(minutes.index).floor("h")).agg(["sum", list])
    busy = [
        counts
        for total, counts in zip(hours["sum"], hours["list"], strict=True)
        if total >= 60 * BUSY_MINUTE
    ]
    if not busy:
        return {}
    squared = []
    for counts in busy:
        each = np.zeros(60)
        each[: len(counts)] = counts
        squared.append(each.var() / each.mean() ** 2 - 1 / each.mean())
    varies = math.sqrt(max(float(np.mean(squared)), LEAST_VARIATION**2))
    known = catalogue.settings("load_settings")
    kinds = ("people", "machines", "agents")
    apart = {k: abs(math.log(varies / known[f"{k}_minute_cv"].central)) for k in kinds}
    told.append(f"minutes of {len(busy):,} busy hours vary by {varies:.2f}")
    return {"arrivals": min(apart, key=lambda kind: apart[kind])}


def _growth(hours: pd.Series[float], told: list[str]) -> dict[str, Any]:
    """Growth a year, from a line through the logarithms of whole weeks, with 80 % of its spread;
    nothing where the log has fewer than a quarter of a year of them."""
    whole = len(hours) // 168
    weeks = hours.to_numpy()[: whole * 168].reshape(whole, 168).sum(axis=1)
    if whole < LEAST_WEEKS or not weeks.all():
        return {}
    place = np.arange(whole) - (whole - 1) / 2
    logs_of = np.log(weeks)
    slope = float(place @ logs_of / (place @ place))
    off = logs_of - logs_of.mean() - slope * place
    error = math.sqrt(float(off @ off) / (whole - 2) / float(place @ place))
    ends = {"low": slope - Z90 * error, "central": slope, "high": slope + Z90 * error}
    told.append(f"growth of {whole} weeks")
    return {"growth_per_year": {end: _yearly(each) for end, each in ends.items()}}


def _yearly(slope: float) -> float:
    """Growth a year of so much a week, within what a scenario may hold."""
    return round(min(max(math.expm1(min(slope * DAYS_OF_YEAR / 7, 9.0)), -0.95), 10.0), 3)


def _refuse_rows(log: Log) -> None:
    """Raises DocumentError for columns and rows that would be counted as what they are not."""
    table = log.table
    rows = table.rows
    write = f"name it one of {', '.join(LOGGED)} (per request), or remove it"
    for name in table.unread:
        if re.search("request_?id$", name, re.IGNORECASE):
            table.refuse_twins([name])
        elif re.search("token|request", name, re.IGNORECASE):
            table.refuse(True, "is no column of a log", write, name)
    whole = rows.get("input_tokens", pd.Series(0.0, rows.index))
    if "cached_tokens" in rows:
        write = "count those from a cache in input_tokens, too"
        table.refuse(rows["cached_tokens"] > whole, "is above input_tokens", write, "cached_tokens")
    if "requests" in rows:
        if log.format is None:
            table.refuse_twins(list(rows.columns))
        table.refuse(rows["requests"].isna(), "is blank", "write 0 for none", "requests")
        table.refuse(not rows["requests"].sum(), "counts no request", "export more", "requests")


def _refuse_span(table: Table, when: pd.Series[pd.Timestamp]) -> None:
    """Raises DocumentError for times that no profile of a week can be read from."""
    span = when.max() - when.min()
    gap = when.sort_values().diff().reindex(when.index)
    for wrong, holds, write in (
        ("covers less than a week", span < WEEK, "export four weeks"),
        ("covers more than ten years", span > bounds.LONGEST, "correct the dates"),
        ("has all rows at 00:00", (when == when.dt.floor("D")).all(), "export a row an hour"),
        ("begins after days without a row", gap > LONGEST_GAP, "export them, with 0 for none"),
    ):
        table.refuse(holds, wrong, write, "time")


def _shape(table: Table, hourly: pd.Series[float]) -> dict[str, Any]:
    """Profile of a usual week: by hour, by weekday, and how far the busiest hour stands out.

    Raises DocumentError where it stands out further than a scenario may hold.
    """
    index = pd.DatetimeIndex(hourly.index)
    # Whole days; of an hour that a clock set back gives twice, the mean.
    days = hourly.groupby([index.floor("D"), index.hour]).mean().unstack().dropna()
    weekday = pd.DatetimeIndex(days.index).day_of_week
    week = days.groupby(weekday).mean()
    by_weekday = week.sum(axis=1)
    usual_peak = float(week.max().max())
    usual_day = float(by_weekday.reindex(range(5)).mean())
    working = days[weekday < 5]
    if not usual_day:  # a service of weekends: its busiest day is the working day
        usual_day = float(by_weekday.max())
        working = days
    scale = usual_day or 1.0
    peak = max(1.0, float(hourly.max()) / (usual_peak or 1.0))
    wrong = f"{hourly.idxmax():%Y-%m-%d %H:%M} has {peak:,.0f} times a usual busy hour"
    table.refuse(peak > BUSIEST, wrong, f"correct what is above {BUSIEST} times", "time")
    return {
        "users": 0,  # the log counts every request, so none are added for users
        "requests_per_day": round(usual_day, 1),
        "hours": [round(float(x), 2) for x in working.mean()],
        "weekdays": [round(float(by_weekday.get(d, 0.0)) / scale, 3) for d in range(7)],
        "peak_factor": round(peak, 2),
    }


def _tokens(table: Table, column: str, requests: pd.Series[float]) -> dict[str, float]:
    """Mean and 95th percentile over the requests whose tokens are known."""
    ordered = table.rows[column][requests > 0].dropna().sort_values()
    write = "remove the column, or save the workbook with its results"
    table.refuse(ordered.empty, "is blank everywhere", write, column)
    counts = requests.loc[ordered.index]
    mean = float((ordered * counts).sum() / counts.sum())
    share = counts.cumsum()
    p95 = float(ordered[share >= 0.95 * share.iloc[-1]].iloc[0])
    return {"mean": round(mean, 1), "p95": round(max(p95, mean), 1)}


# --- Invoices -------------------------------------------------------------------------------------


def request_price(path: Path, requests_per_month: float, service: str = "") -> Imported:
    """What a request of today's API costs, from what was billed: a quote of item `api_request`.

    Low and high are the cheapest and the dearest full month; the mean is the central value. Taxes
    are left out, as a report adds those that are not recovered. Raises DocumentError.
    """
    kind = bills.format_named("FOCUS")
    charges = bills.charges_of(path, kind, service)
    if "end" in charges.rows:
        _refuse_cut_months(charges)
    write = "add --requests"
    charges.refuse(requests_per_month <= 0, "the number of requests is not known", write)
    months = _invoices(charges, kind.amount)
    currency = charges.rows["currency"].iloc[0]
    first, last = months.index[[0, -1]]
    each = months["amount"] / requests_per_month
    ends = {"low": each.min(), "central": each.mean(), "high": each.max()}
    total = months.sum()
    netted = f", net of {-total.credits:.2f} of credits" if total.credits else ""
    taxed = f", without {total.taxes:.2f} of tax" if total.taxes else ""
    of = f"{len(charges.rows):,} charges"
    if "service" in charges.rows:
        of += f" of {', '.join(sorted(charges.rows.service.dropna().unique()))}"
    extent = f"{of}, {first} to {last}, {total.amount:.2f} {currency} billed{netted}{taxed}"
    day = dt.date.fromisoformat(f"{last}-01")
    data = {
        "item": "api_request",
        "value": {end: float(f"{value:.4g}") for end, value in ends.items()},
        "unit": f"{currency}/request",
        "source": f"Invoices in FOCUS format, {path.name}: {extent}",
        "date": day,
    }
    return Imported((_made(data, path),), day, extent)


def _refuse_cut_months(charges: Table) -> None:
    """Raises DocumentError for a first or last month that is cut."""
    write = "leave out months that are billed in part"
    first = charges.rows["start"].min()
    late = first - first.replace(day=1) > bills.ROOM
    charges.refuse(late, f"begins on {first:%Y-%m-%d}", write)
    last = charges.rows["end"].max() - pd.Timedelta(days=1)
    rest = last + pd.offsets.MonthEnd(0) - last
    charges.refuse(rest > bills.ROOM, f"ends on {last:%Y-%m-%d}", write)


def _invoices(charges: Table, field: str) -> pd.DataFrame:
    """What charges add up to by month: columns amount (net of credits), credits, taxes.

    field: the amount, as the file calls it. Raises DocumentError for a month without charges, or
    in which credits leave nothing.
    """
    parts = bills.parts_of(charges)
    month = charges.rows["month"]
    months = parts.groupby(month).sum()
    for name in pd.period_range(months.index[0], months.index[-1], freq="M").astype(str):
        lost = name not in months.index
        write = "export every month between first and last"
        charges.refuse(lost, f"has no charge in {name}", write)
        wrong = f"{name} adds up to {months.amount[name]:.2f}, which is no price"
        write = "leave out credits of other months; what a commitment paid is in EffectiveCost"
        inside = parts.amount.where(month == name)
        least = (inside == inside.min()).cummax()
        charges.refuse(least & (months.amount[name] <= 0), wrong, write, field)
    return months


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
