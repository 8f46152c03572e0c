"""What a request of today's API costs, from invoices in FOCUS format [1].

[1] FinOps Open Cost and Usage Specification (FOCUS) 1.2, https://focus.finops.org
"""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pandas as pd
from siting.inputs import exchange
from siting.inputs.exchange import Imported
from siting.inputs.sheet import Table

from siting_bills import bills


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
    return Imported((exchange.quote(data, path),), day, extent)


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
