"""What came after a decision: bills, read by format, month by month.

A format is a row of siting_facts/bill_files.csv, of a table in CSV: FOCUS [1], an invoice
typed by month. Bills are data of strangers: bounded in size, refused by file, line and field.

[1] FinOps Open Cost and Usage Specification 1.2 to 1.4, https://focus.finops.org
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

import pandas as pd
from siting.catalogue import table
from siting.inputs import bounds, sheet
from siting.inputs.document import DocumentError
from siting.inputs.sheet import COUNT, CURRENCY, DAY, MONTH, NUMBER, TEXT, Table
from siting.records import frozen

from siting_bills.audit import Billed
from siting_bills.bill_files import BillFile

Counted = Literal["requests", "tokens", "gpu_hours"]
COUNTED = get_args(Counted)
"""What bills may count beside money."""

LONGEST = pd.Timedelta(days=31)
"""A charge for more than a month belongs to none."""
ROOM = pd.Timedelta(days=4)
"""Days without a charge at either end of a month that is still taken as whole."""


@frozen
class Bills:
    """What came, by month, and what was left out of the files."""

    months: tuple[Billed, ...]
    formats: tuple[str, ...]
    """By file, in words."""
    notes: tuple[str, ...] = ()


def read(paths: Sequence[Path], service: str = "") -> Bills:
    """What bills say, by month.

    service: only charges that hold this text. Raises DocumentError.
    """
    notes: list[str] = []
    formats: list[str] = []
    months: dict[str, Billed] = {}
    for path in paths:
        kind = _format(path)
        formats.append(f"{path.name} ({kind.format})")
        for month in _of_table(path, kind, service, notes):
            if month.month in months:
                wrong = f"{month.month}: another file tells it, too"
                raise DocumentError.of(path, wrong, "give one of them, or join the two")
            months[month.month] = month
    if not months:
        wrong = "holds no whole month"
        said = f" ({'; '.join(notes)})" if notes else ""
        raise DocumentError.of(paths[0], wrong + said, "export the whole of a month")
    ordered = tuple(months[month] for month in sorted(months))
    return Bills(months=ordered, formats=tuple(formats), notes=tuple(notes))


def _format(path: Path) -> BillFile:
    """The format of a file, by its marks. Raises DocumentError where it has those of none."""
    if path.is_symlink():
        raise DocumentError.of(path, "is a link", "name the file itself")
    heads = {heading.strip().lower() for heading in sheet.headings(path)}
    for kind in table("bill_files", BillFile):
        if heads.issuperset(kind.marks.lower().split()):
            return kind
    known_by = "; ".join(
        f"{kind.format}: {', '.join(kind.marks.split())}" for kind in table("bill_files", BillFile)
    )
    wrong = f"is no bill of a format that is known ({known_by})"
    raise DocumentError.of(path, wrong, "add a row to bill_files.csv, or type it as an invoice")


def _whole(
    months: Iterable[str], first: pd.Timestamp, last: pd.Timestamp, path: Path, notes: list[str]
) -> set[str]:
    """Of some months those of which what was read from `first` to `last` leaves out no more than
    a few days at either end; the others are noted."""
    found = set()
    for month in sorted(months):
        period = pd.Period(month)
        if first - period.start_time > ROOM:
            notes.append(f"{path.name}: {month} is left out, for it begins on {first:%Y-%m-%d}")
        elif (period + 1).start_time - last > ROOM:
            said = last - pd.Timedelta(seconds=1)
            notes.append(f"{path.name}: {month} is left out, for it ends on {said:%Y-%m-%d}")
        else:
            found.add(month)
    return found


def _of_table(path: Path, kind: BillFile, service: str, notes: list[str]) -> Iterator[Billed]:
    charges = charges_of(path, kind, service)
    rows = charges.rows
    parts = parts_of(charges).assign(**_counts(charges, kind, notes))
    by_month = parts.groupby(rows["month"]).sum(min_count=1)
    whole = set(by_month.index)
    if "end" in rows:
        whole = _whole(whole, rows["start"].min(), rows["end"].max(), path, notes)
    for month in by_month.index[by_month.index.isin(whole)]:
        told = by_month.loc[month].dropna()
        yield Billed(month=month, currency=str(rows["currency"].iloc[0]), **told.to_dict())


def _is(rows: pd.DataFrame, column: str, word: str) -> pd.Series[bool]:
    """Where a column says a word; nowhere without the column."""
    if column not in rows:
        return pd.Series(False, rows.index)
    return rows[column].fillna("").str.lower() == word


def parts_of(charges: Table) -> pd.DataFrame:
    """What each charge adds: columns amount (without tax, net of credits), credits, taxes."""
    rows = charges.rows
    tax = _is(rows, "category", "tax")
    credit = ~tax & ((rows["amount"] < 0) | _is(rows, "category", "credit"))
    return pd.DataFrame(
        {
            "amount": rows["amount"].mask(tax, 0.0),
            "credits": rows["amount"].where(credit, 0.0),
            "taxes": rows["amount"].where(tax, 0.0),
        }
    )


NAMES = ("start", "end", "amount", "currency", "category", "quantity", "unit")
"""What columns of charges are called here."""


def charges_of(path: Path, kind: BillFile, service: str) -> Table:
    """The rows of a table of charges, in one currency and of one service: columns month, start,
    amount, currency, and those of end, category, service, quantity and counts that are there.

    service: part of what a charge is called; blank: all are of one. Raises DocumentError.
    """
    services = kind.service.split()
    named = {
        kind.start: DAY if kind.end else MONTH,
        kind.amount: NUMBER,
        kind.currency: CURRENCY,
    }
    counts = f"{kind.requests} {kind.tokens} {kind.gpu_hours}".split()
    more = {
        kind.end: DAY,
        kind.quantity: NUMBER,
        **dict.fromkeys([kind.category, kind.unit, *services], TEXT),
        **dict.fromkeys(counts, COUNT),
    }
    whole = sheet.read(path, named, {name: column for name, column in more.items() if name})
    rows = whole.rows
    words = [name for name in services if name in rows]
    if service and words:
        called = rows[words].fillna("").agg(" ".join, axis=1)
        chosen = called.str.contains(service, case=False, regex=False)
        whole.refuse(not chosen.any(), f"no charge holds {service!r}", "check the word", words[0])
        rows = rows[chosen]
    names = {getattr(kind, name): name for name in NAMES} | dict.fromkeys(words[:1], "service")
    found = Table(path, rows.rename(columns=names))
    _refuse_several(found, kind, service)
    found.rows["start"] = pd.to_datetime(found.rows["start"])
    found.rows["month"] = found.rows["start"].map("{:%Y-%m}".format)
    if "end" in found.rows:
        found.rows["end"] = pd.to_datetime(found.rows["end"])
        ahead = found.rows["end"] - found.rows["start"] > LONGEST
        write = "leave it out; or give EffectiveCost, which spreads it, the name of the amount"
        found.refuse(ahead, "is a charge for more than a month", write, kind.end)
    return found


def _refuse_several(charges: Table, kind: BillFile, service: str) -> None:
    """Raises DocumentError for charges of several services or currencies, and for twins."""
    rows = charges.rows
    if "service" in rows:
        services = rows["service"].dropna().unique()
        several = f"has charges of {', '.join(services[:5])}"
        write = "name one with --service"
        field = kind.service.split()[0]
        charges.refuse(not service and len(services) > 1, several, write, field)
    charges.refuse_twins(list(rows.columns))
    first = rows["currency"].iloc[0]
    wrong = f"is not {first}, as above"
    charges.refuse(rows["currency"] != first, wrong, "split the file by currency", kind.currency)


def _counts(charges: Table, kind: BillFile, notes: list[str]) -> dict[str, pd.Series[float]]:
    """Requests, tokens and GPU-hours of each row, as far as the table tells them."""
    rows = charges.rows
    found = {}
    for name in COUNTED:
        columns = [column for column in getattr(kind, name).split() if column in rows]
        if columns:
            found[name] = rows[columns].sum(axis=1, min_count=len(columns))
    if "quantity" not in rows or "unit" not in rows:
        return found
    units = {unit: unit_of(unit) for unit in rows["unit"].dropna().unique() if unit}
    for name in ("tokens", "gpu_hours"):
        scale = rows["unit"].map(
            {unit: said.scale for unit, said in units.items() if said and said.counted == name}
        )
        counted = rows["quantity"] * scale.astype(float)
        if counted.notna().any():
            found[name] = counted
    unread = sorted(unit for unit, said in units.items() if said is None)
    if unread:
        notes.append(
            f"{charges.path.name}: quantities in {', '.join(repr(u[:40]) for u in unread[:5])} "
            "are not read; "
            "tokens and GPU-hours are"
        )
    return found


@dataclass(frozen=True)
class Unit:
    """What a unit counts, and how many of it."""

    counted: Counted
    scale: float


_UNIT = re.compile(
    r"(?P<number>\d[\d.]*)?(?P<times>k|m|b|thousand|million|billion)?-?"
    r"(?P<what>tokens?|gpu-?(h|hrs?|hours?))"
)
_TIMES = {"k": 1e3, "m": 1e6, "b": 1e9, "thousand": 1e3, "million": 1e6, "billion": 1e9}


def unit_of(text: str) -> Unit | None:
    """Tokens or GPU-hours, as in `1M tokens`, `1000 Tokens`, `GPU-Hours`; None for another unit."""
    plain = "".join(text.lower().replace(",", "").split())
    found = _UNIT.fullmatch(plain)
    number = bounds.number(found["number"] or "1") if found else None
    if not found or not number:
        return None
    counted: Counted = "tokens" if found["what"].startswith("token") else "gpu_hours"
    return Unit(counted, number * _TIMES.get(found["times"] or "", 1.0))
