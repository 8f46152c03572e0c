"""The index of all reports: one line a client, read from each report's summary.json.

The page needs no other file and requests nothing; its one small script sorts the table, which is
readable and in order without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from siting_report import plain_files, style
from siting_report.exhibit import colour_class
from siting_report.formats import Numbers
from siting_report.print.page import allowed, sheet

from siting.catalogue import STALE_DAYS, Source
from siting.quantity import Range
from siting.run import THEME

FILES = (
    ("report.html", "HTML"),
    ("report.pdf", "PDF"),
    ("cash-flows.xlsx", "workbook"),
    ("resolution.md", "resolution"),
    ("letters.md", "letters"),
    ("summary.json", "data"),
)
"""Files of a report that the index links to, where they exist, with their words."""


Row = SimpleNamespace
"""One client's line, in words, with the values that sort it."""


def row(summary: Mapping[str, Any], folder: str, files: Iterable[str]) -> Row:
    """The line of one report.

    Raises KeyError where summary.json lacks what every report has, TypeError where something else
    stands in place of a name.
    """
    client = summary["client"]
    found = summary["recommendation"]
    for name in (client["name"], client["country"], client.get("sector", "")):
        if not isinstance(name, str):
            raise TypeError(f"{name!r} is no name")
    numbers = Numbers(client["country"], client["currency"])
    day = dt.date.fromisoformat(client["report_date"])
    cost = found["in_all"]
    option = found["option"]
    present = set(files)
    ages = sorted(_ages(summary.get("inputs", ()), day))
    old = sum(age > STALE_DAYS for age in ages)
    median = ages[len(ages) // 2] if ages else None
    cleared = found.get("cleared", True) or option is None
    move = "Stay with" if found["stays"] else "Move to"
    sure = float(found["sure"])
    return Row(
        client=client["name"],
        place=", ".join(filter(None, (client.get("sector"), client["country"]))),
        verdict="No option meets the constraints" if option is None else f"{move} {found['label']}",
        remark="" if cleared else "not cleared yet: page one says what is open",
        state=f"{found['state']}, {100 * sure:.0f} of 100" if option else "–",
        sure=sure,
        cost="not estimated" if cost is None else numbers.money(cost),
        cost_key="" if cost is None else f"{cost:.0f}",
        costs=list(_marks(summary, numbers)),
        date=numbers.date(day),
        date_key=day.strftime("%Y%m%d"),
        age=f"{median} days" if median is not None else "–",
        age_key="" if median is None else str(median),
        stale=f"{old} of {len(ages)} over {STALE_DAYS} days" if old else "",
        warnings=list(map(str, summary.get("warnings", ()))),
        links=tuple((f"{folder}/{name}", label) for name, label in FILES if name in present),
    )


def _marks(summary: Mapping[str, Any], numbers: Numbers) -> Iterator[SimpleNamespace]:
    """What every priced option costs in all, in % of the width of one scale from zero: the mean,
    and if API prices fall or hold, with the class of the colour that it has in its report."""
    found = summary["recommendation"]
    options = summary.get("options", {})
    roles = {found.get("baseline"): "today", found["option"]: "chosen"}
    colours = style.colours({o["label"]: roles.get(name, "other") for name, o in options.items()})
    costs = {name: _in_all(o["in_all"]) for name, o in options.items() if o["in_all"]}
    top = max((cost.high for cost in costs.values()), default=0)
    for name, cost in costs.items() if top > 0 else ():
        label = options[name]["label"]
        low, middle, high = (94 * end / top + 3 for end in cost.ends)
        yield SimpleNamespace(
            colour=colour_class(style.TEXT[colours[label]]), low=low, central=middle, high=high,
            text=f"{label}: {numbers.range(cost)}",
            ruled_out=options[name]["state"] == "ruled out",
        )  # fmt: skip


def _in_all(said: Mapping[str, Any]) -> Range:
    """The mean sum of an option, from the less to the more of both futures of API prices."""
    sums = [said[name] for name in ("if_prices_fall", "total", "if_prices_hold")]
    return Range.ordered(sums, said["unit"])


def _ages(inputs: Iterable[Mapping[str, Any]], day: dt.date) -> Iterator[int]:
    """Age of each published or measured input that has a date, on the report's date. [days]"""
    for entry in inputs:
        source = Source(source="input", locator="summary.json", date=entry["date"])
        age = source.age_days(day)
        if entry["kind"] in ("published", "measured") and age is not None:
            yield age


def index(summaries: Iterable[tuple[str, Sequence[str], bytes]]) -> str:
    """The page over all finished reports, of each its folder, its files and its summary.json."""
    rows = []
    unread = []
    for client, files, content in summaries:
        if "summary.json" not in files:
            unread.append((client, "no report was finished"))
            continue
        if not content:
            unread.append((client, "its summary.json is empty, or larger than any that we write"))
            continue
        try:
            rows.append(row(plain_files.parsed(content), client, files))
        except (LookupError, ValueError, TypeError, AttributeError, ArithmeticError) as error:
            unread.append((client, f"its summary.json cannot be read ({error})"))
    script = (THEME / "portfolio.js").read_text(encoding="utf-8")
    return style.template("portfolio.html.j2", THEME).render(
        rows=sorted(rows, key=lambda r: r.client.lower()),
        unread=unread,
        css=sheet(),
        script=script,
        allowed=allowed,
    )
