"""How far two raters agree on the severity of events, and a blind sheet for another one.

The second coding of 104 events was made on 25 November 2026 from vendor, date, category and summary
alone, in random order, by the written rubric; of eight the first severity had been seen before.
What was added on 26 November has a second coding by the same hand, which is left out here.
Rows on which the raters differ by two, or across 3 to 4, were then decided by the rubric.
"""

from __future__ import annotations

import csv
import io
import random
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from siting.catalogue import Fact, table
from siting.vendors.vendor_record import Direction, Event, Record

from siting_validation import tables


class Rating(Fact):
    """One rater's coding of one event, from vendor, date, category and summary alone."""

    event_id: str
    rater: str
    severity: int
    direction: Direction


def ratings() -> tuple[Rating, ...]:
    """Every coding of every event."""
    return table("vendor_event_ratings", Rating)


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far two raters agree on the severity of the same events."""

    group: str
    n: int
    exact: float
    within_one: float
    kappa: float | None
    """Quadratic-weighted; None where all ratings are equal."""
    low: float | None
    high: float | None
    """95 %, bootstrap over events."""


def weighted_kappa(first: np.ndarray, second: np.ndarray) -> float:
    """Quadratic-weighted kappa of two codings on the scale 1 to 5; nan if neither varies.

    1 − Σ w·observed / Σ w·expected with w = (i − j)² (Cohen 1968, Psychological Bulletin 70).
    """
    return float(_kappas(first[None, :], second[None, :])[0])


def _kappas(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Weighted kappa of each row. The mean of (i - j)² over all pairs needs no table of pairs:
    it is the mean of i² and of j² less twice the product of the means."""
    observed = np.mean((first - second) ** 2.0, axis=1)
    squares = np.mean(first**2.0, axis=1) + np.mean(second**2.0, axis=1)
    expected = squares - 2 * first.mean(axis=1) * second.mean(axis=1)
    same = np.isclose(expected, 0, atol=1e-9)
    return np.asarray(np.where(same, np.nan, 1 - observed / np.where(same, 1.0, expected)))


def agreement(record: Record, raters: tuple[str, str] = ("first", "second")) -> list[Agreement]:
    """Agreement on all events, without retirements, and by category."""
    pairs = _pairs(record, raters)
    category = {e.event_id: e.category for e in record.events}
    groups = {"all events": list(pairs)}
    groups["without retirements"] = [i for i in pairs if category[i] != "lifecycle"]
    for name in sorted({category[i] for i in pairs}):
        groups[name] = [i for i in pairs if category[i] == name]
    return [_agree(name, np.array([pairs[i] for i in ids])) for name, ids in groups.items() if ids]


def _pairs(record: Record, raters: tuple[str, str]) -> dict[str, tuple[int, int]]:
    coded: dict[str, dict[str, int]] = defaultdict(dict)
    for rating in ratings():
        if "not blind" not in rating.note:
            coded[rating.event_id][rating.rater] = rating.severity
    known = {e.event_id for e in record.events}
    return {
        i: (c[raters[0]], c[raters[1]])
        for i, c in sorted(coded.items())
        if i in known and raters[0] in c and raters[1] in c
    }


def _agree(name: str, pairs: np.ndarray) -> Agreement:
    gap = np.abs(pairs[:, 0] - pairs[:, 1])
    kappa = weighted_kappa(pairs[:, 0], pairs[:, 1])
    rng = np.random.default_rng(len(pairs))
    picks = rng.integers(0, len(pairs), (400, len(pairs)))
    draws = _kappas(pairs[picks, 0], pairs[picks, 1])
    draws = draws[np.isfinite(draws)]
    low, high = np.percentile(draws, [2.5, 97.5]) if len(draws) > 1 else (np.nan, np.nan)
    known = np.isfinite(kappa)
    return Agreement(
        group=name,
        n=len(pairs),
        exact=float(np.mean(gap == 0)),
        within_one=float(np.mean(gap <= 1)),
        kappa=kappa if known else None,
        low=float(low) if known and np.isfinite(low) else None,
        high=float(high) if known and np.isfinite(high) else None,
    )


def without_primary(record: Record) -> list[Event]:
    """Counted events of severity 4 or 5 that rest on no text of a vendor, court or authority."""
    return [e for e in record.events if e.counted and e.severity > 3 and e.evidence != "primary"]


def markdown(record: Record) -> str:
    """The record on vendors in docs/validation.md: two raters, and grave events without a source.

    Categories of fewer than ten events are left out of the table.
    """
    rows = [
        {
            "events": a.group.replace("_", " "),
            "n": str(a.n),
            "same": f"{a.exact:.0%}",
            "within one": f"{a.within_one:.0%}",
            "kappa": "–" if a.kappa is None else f"{a.kappa:.2f} ({a.low:.2f}–{a.high:.2f})",
        }
        for a in agreement(record)
        if a.n >= 10
    ]
    grave = [f"- {e.vendor}, {e.event_date}: {e.summary}" for e in without_primary(record)]
    return "\n".join(
        [
            "### The record",
            "",
            "Severity of events, coded twice by the rubric from vendor, date, category and summary "
            "alone; second codings that were not blind are left out. Kappa is weighted by "
            "squares, with its 95 % interval over events.",
            "",
            tables.of(rows),
            "",
            f"Grave events (4 or 5) that count and rest on no text of a vendor, court or "
            f"authority: {len(grave)}.",
            "",
            *grave,
            "",
        ]
    )


def recoding_sheet(record: Record, seed: int = 1) -> str:
    """A blind coding sheet as CSV: every event in random order, without any earlier coding.

    The rubric belongs beside it (`siting_facts/severity_rubric.csv`). The filled columns go into
    `siting_facts/vendor_event_ratings.csv` under a new rater's name.
    """
    events = sorted(record.events, key=lambda e: e.event_id)
    random.Random(seed).shuffle(events)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["event_id", "vendor", "date", "category", "summary", "severity", "direction"])
    for e in events:
        writer.writerow([e.event_id, e.vendor, e.event_date, e.category, e.summary, "", ""])
    return out.getvalue()
