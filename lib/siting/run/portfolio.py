"""The index of all reports: one line a client, read from each report's summary.json.

The page needs no other file and requests nothing; its one small script sorts the table, which is
readable and in order without it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from siting_report import plain_files, style
from siting_report.formats import Numbers
from siting_report.kit import Summaries
from siting_report.print.page import allowed, sheet

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


def row(summary: Mapping[str, Any], folder: str, files: Iterable[str]) -> dict[str, Any]:
    """The line of one report, in words, with the values that sort it.

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
    cleared = found.get("cleared", True) or option is None
    move = "Stay with" if found["stays"] else "Move to"
    sure = float(found["sure"])
    return dict(
        client=client["name"],
        place=", ".join(filter(None, (client.get("sector"), client["country"]))),
        verdict="No option meets the constraints" if option is None else f"{move} {found['label']}",
        remark="" if cleared else "not cleared yet: page one says what is open",
        state=f"{found['state']}, {100 * sure:.0f} of 100" if option else "–",
        sure=sure,
        cost="not estimated" if cost is None else numbers.money(cost),
        cost_key="" if cost is None else f"{cost:.0f}",
        date=numbers.date(day),
        date_key=day.strftime("%Y%m%d"),
        warnings=list(map(str, summary.get("warnings", ()))),
        links=tuple((f"{folder}/{name}", label) for name, label in FILES if name in present),
    )


def index(summaries: Summaries) -> str:
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
        rows=sorted(rows, key=lambda r: r["client"].lower()),
        unread=unread,
        css=sheet(),
        script=script,
        allowed=allowed,
    )
