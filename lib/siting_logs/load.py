"""The load of a workload as a log has it: volume, profile, lengths, bunching and growth."""

from __future__ import annotations

import datetime as dt
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import linregress
from siting import catalogue
from siting.inputs import bounds
from siting.inputs.document import DocumentError
from siting.inputs.scenario.model import BUSIEST
from siting.inputs.sheet import COUNT, Table
from siting.quantity import DAYS_OF_YEAR, Z90
from siting.records import frozen

from siting_logs import logs
from siting_logs.logs import Log

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


@frozen
class LoggedLoad:
    """What a log says of a load."""

    fields: dict[str, Any]
    """Of a workload, by name."""
    day: dt.date
    """The last that it covers."""
    extent: str
    """What of it was read."""


def load(path: Path, zone: str = "UTC") -> LoggedLoad:
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
    if log.table.unread and not log.format:
        told[-1] += f"; not read: {', '.join(log.table.unread)}"
    return LoggedLoad(fields=result, day=day, extent=", ".join(told))


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
    by_minute = when.groupby([when.dt.floor("h"), when.dt.minute]).size().unstack(fill_value=0)
    minutes = by_minute.reindex(columns=range(60), fill_value=0).to_numpy(float)
    busy = minutes[minutes.sum(axis=1) >= 60 * BUSY_MINUTE]
    if not len(busy):
        return {}
    mean = busy.mean(axis=1)
    squared = busy.var(axis=1) / mean**2 - 1 / mean
    varies = math.sqrt(max(float(squared.mean()), LEAST_VARIATION**2))
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
    line = linregress(np.arange(whole), np.log(weeks))
    beside = Z90 * line.stderr
    ends = {"low": line.slope - beside, "central": line.slope, "high": line.slope + beside}
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
    known = table.rows[column][requests > 0].dropna()
    write = "remove the column, or save the workbook with its results"
    table.refuse(known.empty, "is blank everywhere", write, column)
    counts = requests.loc[known.index]
    mean = float(np.average(known, weights=counts))
    p95 = float(np.quantile(known, 0.95, weights=counts, method="inverted_cdf"))
    return {"mean": round(mean, 1), "p95": round(max(p95, mean), 1)}
