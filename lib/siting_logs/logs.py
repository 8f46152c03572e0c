"""Logs of requests as gateways, tracers and vendors write them, read by the table of their formats.

A format is a row of siting_facts/log_files.csv: the keys by which a file of it is known, and where
a record says when a request came, how many tokens it had, and what a cache held of it. To read
another, add a row.
"""

from __future__ import annotations

import itertools
import json
from collections import ChainMap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from siting.catalogue import table
from siting.inputs import bounds, sheet
from siting.inputs.document import DocumentError
from siting.inputs.sheet import COUNT, TEXT, TIME, Column, Table
from siting.records import frozen
from siting_report import plain_files

from siting_logs.log_files import LogFile

DEEPEST = 40
"""Records are not nested deeper."""
TOKENS = ("input_tokens", "output_tokens", "cached_tokens")
FIGURES = (*TOKENS, "requests")
SECONDS = {"s": 1.0, "ms": 1e-3, "ns": 1e-9}
SEARCHED = 1000
"""Records that are searched for the marks of a format."""

Record = Mapping[str, Any]


@frozen
class Log:
    """A log that was read. Columns of its table: time, those of FIGURES that it has, and model,
    session and blocks where it has them."""

    table: Table
    format: LogFile | None
    """None: the kit's own columns."""
    left_out: int = 0
    """Records that cost no inference."""

    @property
    def requests(self) -> pd.Series[float]:
        """Requests of each row."""
        rows = self.table.rows
        return rows.get("requests", pd.Series(1.0, rows.index))

    @property
    def has_sums(self) -> bool:
        """Whether its rows are sums over requests."""
        return bool(self.format and self.format.requests)

    @property
    def extent(self) -> str:
        """How many rows there are of what."""
        rows = self.table.rows
        each = "a count" if "requests" in rows else "a request"
        said = f"{len(rows):,} rows, each {each}"
        if self.format is None:
            return said
        said = f"{self.format.format}: {said}"
        if "model" in rows:
            said += f", models counted together: {rows['model'].nunique()}"
        if self.left_out:
            said += f", left out as {self.format.skipped_because}: {self.left_out:,}"
        return said

    @property
    def has_days(self) -> bool:
        """Whether its times say the hour of a day."""
        return self.format is None or self.format.clock != "start"


def read(path: Path, own: Mapping[str, Column]) -> Log:
    """A log in one of the known formats, else with the kit's own columns: `time`, and `own`.

    Raises DocumentError naming file, line and field of what is wrong first.
    """
    if path.is_file() and not path.stat().st_size:
        raise DocumentError.of(path, "is empty", "export at least a week")
    lines = _records(path)
    found = _format(lines[:SEARCHED])
    if found is None and _is_json(path):
        known = ", ".join(row.format for row in table("log_files", LogFile))
        raise DocumentError.of(path, "is JSON of no known log", f"known: {known}", 1)
    if found is None:
        return Log(table=sheet.read(path, {"time": TIME}, own), format=None)
    return _log(path, found, lines)


def _is_json(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(200).lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")


def _format(lines: Sequence[tuple[int, Record]]) -> LogFile | None:
    """The format of which a record has all marks."""
    for row in table("log_files", LogFile):
        marks = row.marks.split(" | ")
        for _, record in lines:
            if all(_at(record, place) is not None for place in marks):
                return row
    return None


# --- records ----------------------------------------------------------------------------------


def _records(path: Path) -> list[tuple[int, Record]]:
    """Records and the lines on which they stand."""
    if not path.is_file() or not _is_json(path):
        cells, _ = sheet.texts(path)
        heads = [str(head).strip() for head in cells.columns]
        rows = cells.itertuples(name=None)
        return [(row[0], dict(zip(heads, row[1:], strict=True))) for row in rows]
    if path.stat().st_size > sheet.MAX_BYTES:
        wrong = f"is larger than {sheet.MAX_BYTES >> 20} MiB"
        raise DocumentError.of(path, wrong, "export a part of it")
    try:
        found = list(itertools.islice(_objects(path), bounds.RECORDS + 1))
    except UnicodeDecodeError:
        raise DocumentError.of(path, "is no UTF-8 text", "save it as UTF-8") from None
    if len(found) > bounds.RECORDS:
        wrong = f"holds more than {bounds.RECORDS:,} records"
        raise DocumentError.of(path, wrong, "export fewer weeks, or a table with a row an hour")
    if not found:
        raise DocumentError.of(path, "holds no record", "export at least one")
    return found


def _objects(path: Path) -> Iterator[tuple[int, Record]]:
    """One object a line; or one object, or a list, over several lines, of which records are
    counted instead of lines."""
    with path.open(encoding="utf-8-sig") as file:
        first = next((line for line in file if line.strip()), "")
        several = first.strip().endswith("}") and any(line.strip() for line in file)
        file.seek(0)
        parts = enumerate(file, start=1) if several else [(0, file.read())]
        count = 0
        for line, part in parts:
            for record in _opened(_parsed(path, part, line)) if part.strip() else ():
                count += 1
                if not isinstance(record, Mapping):
                    said = f"{str(record)[:20]!r} is no record"
                    raise DocumentError.of(path, said, "export objects", line)
                yield line or count, record


def _parsed(path: Path, text: str, line: int) -> Any:
    """JSON as plain data. Raises DocumentError where it is none."""
    try:
        return plain_files.parsed(text, DEEPEST)
    except ValueError as error:
        said = "is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
        write = "export one record a line, or remove what is damaged"
        raise DocumentError.of(path, said, write, line) from None


def _opened(data: Any) -> Iterator[Any]:
    """The records of a file's data: of a list each, and of what formats keep records in, each."""
    if isinstance(data, list):
        for item in data:
            yield from _opened(item)
        return
    for row in table("log_files", LogFile):
        if row.records and isinstance(data, dict) and row.records.split(" > ")[0] in data:
            yield from _inner(ChainMap(), data, row.records.split(" > "))
            return
    yield data


def _inner(outer: ChainMap[str, Any], data: Any, keys: Sequence[str]) -> Iterator[Any]:
    """Records below keys, through lists; each holds what the plain members around it say, which
    records share: a copy for each would make a small file enormous."""
    if isinstance(data, list):
        for item in data:
            yield from _inner(outer, item, keys)
        return
    if not isinstance(data, dict):
        yield data
        return
    if not keys:
        yield outer.new_child({**data, **_attributes(data.get("attributes"))})
        return
    around = outer.new_child({k: v for k, v in data.items() if not isinstance(v, dict | list)})
    yield from _inner(around, data.get(keys[0], []), keys[1:])


def _attributes(listed: Any) -> dict[str, Any]:
    """Attributes of a span, which OTLP lists as key and value of a type."""
    if not isinstance(listed, list):
        return {}
    found = {}
    for item in listed:
        typed = item.get("value") if isinstance(item, dict) else None
        if isinstance(typed, dict):
            found[str(item.get("key"))] = next(iter(typed.values()), None)
    return found


def _at(record: Any, places: str) -> Any:
    """What stands at the first of several places at which something does; None: nowhere."""
    for place in places.split(" | "):
        value = record
        for key in place.split(" > "):
            value = _opened_text(value)
            value = value.get(key) if isinstance(value, Mapping) else None
        if value not in (None, ""):
            return value
    return None


def _opened_text(value: Any) -> Any:
    """JSON text as what it says, as a column of a table may hold an object."""
    if isinstance(value, str) and value.startswith("{"):
        try:
            return plain_files.parsed(value, DEEPEST)
        except ValueError:
            return None
    return value


# --- columns ----------------------------------------------------------------------------------


def _log(path: Path, of: LogFile, lines: Sequence[tuple[int, Record]]) -> Log:
    kept = [(line, record) for line, record in lines if _holds(record, of.only, True)]
    paid = [(line, record) for line, record in kept if not _holds(record, of.skipped, False)]
    if not paid:
        wrong = f"no record of {of.format} is a request that was answered"
        raise DocumentError.of(path, wrong, "export more")
    index = pd.Index([line for line, _ in paid], dtype=int)

    def texts(places: str) -> pd.Series[str]:
        values = (_at(record, places) for _, record in paid) if places else ()
        said = [_text(value) for value in values] or [""] * len(paid)
        return pd.Series(said, index, dtype=str)

    made = pd.DataFrame({"time": _moments(path, of, texts), **_counts(path, of, texts)})
    named = {"identity": of.identity, "model": of.model, "session": of.session}
    for name, places in named.items():
        if places:
            made[name] = sheet.understood(path, texts(places), TEXT, places)
    if of.blocks:
        made["blocks"] = [_at(record, of.blocks) for _, record in paid]
    found = Table(path, made)
    if of.identity:
        told = Table(path, made[made["identity"] != ""])
        told.refuse_twins(["identity"])
    return Log(table=found, format=of, left_out=len(kept) - len(paid))


def _text(value: Any) -> str:
    return "" if value is None else str(value)


def _holds(record: Record, condition: str, without: bool) -> bool:
    """Whether a record has one of the values of a condition; `without`: where there is none."""
    if not condition:
        return without
    place, _, values = condition.partition("=")
    return _text(_at(record, place)).lower() in values.lower().split()


def _moments(path: Path, of: LogFile, texts: Any) -> pd.Series[pd.Timestamp]:
    place, _, unit = of.time.partition(":")
    cells = texts(place)
    if unit not in SECONDS:
        when = sheet.understood(path, cells, TIME, place, needed=True)
        bare = when.dt.tz is None and of.clock == "utc"
        return when.dt.tz_localize("UTC") if bare else when
    seconds = sheet.understood(path, cells, _SECONDS[unit], place, needed=True)
    return pd.to_datetime(seconds * SECONDS[unit], unit="s", utc=True)


def _until(unit: str) -> Column:
    """A moment as a number of a unit of time."""

    def read(cells: pd.Series[str]) -> pd.Series[float]:
        values = pd.to_numeric(cells, errors="coerce").astype(float)
        return values.where(values.between(0, bounds.END.timestamp() / SECONDS[unit]))

    return Column(read, "{} is no time", f"write a number of {unit} of 0 or more")


_SECONDS = {unit: _until(unit) for unit in SECONDS}


def _counts(path: Path, of: LogFile, texts: Any) -> dict[str, pd.Series[float]]:
    """Tokens a request, and requests a record."""
    found = {}
    for name in FIGURES:
        places = getattr(of, name)
        if places:
            needed = name in ("input_tokens", "output_tokens")
            found[name] = sheet.understood(path, texts(places), COUNT, places, needed=needed)
    if "cached_tokens" in found and found["cached_tokens"].isna().all():
        del found["cached_tokens"]  # no record says what a cache held
    if "cached_tokens" in found:
        found["cached_tokens"] = found["cached_tokens"].fillna(0.0)
        if of.cached_is == "beside":
            found["input_tokens"] = found["input_tokens"] + found["cached_tokens"]
    if "requests" in found:
        some = found["requests"].where(found["requests"] > 0)
        for name in set(TOKENS) & set(found):
            found[name] = found[name] / some
    return found


# --- prefixes ---------------------------------------------------------------------------------


def repeated(log: Log) -> list[tuple[str, ...]] | None:
    """By what a cache knows each request again: hashes of its blocks, else its session; None:
    neither. A request without a session stands alone."""
    rows = log.table.rows
    if "blocks" in rows:
        return [tuple(map(str, keys)) if isinstance(keys, list) else () for keys in rows["blocks"]]
    if "session" not in rows or not (rows["session"] != "").any():
        return None
    return [(name or f"line {line}",) for line, name in rows["session"].items()]


def repeated_share(log: Log) -> float:
    """Share of the input tokens whose block hashes a cache without limit would hold; the last
    token of a prompt is always computed."""
    size = int(log.format.block_tokens) if log.format else 0
    inputs = log.table.rows["input_tokens"]
    held: set[str] = set()
    found = 0.0
    for keys, tokens in zip(repeated(log) or (), inputs, strict=True):
        leading = len(list(itertools.takewhile(held.__contains__, keys)))
        found += max(0.0, min(leading * size, tokens - 1))
        held.update(keys)
    return found / max(1.0, float(inputs.sum()))
