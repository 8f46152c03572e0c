"""Exhibits of the chapter on sources: every input with its value, source, date, age and kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import pandas as pd

from siting.catalogue import Input, Source
from siting.exhibits import Chart, Prose, Table, literal, style
from siting.quantity import Range
from siting.study import Study
from siting.study.results import STALE_DAYS

KINDS = {
    "measured": "measured by the client or in a published benchmark",
    "published": "printed in a price list, data sheet, law or register",
    "client": "stated by the client",
    "estimate": "judged by us, because nothing better was found",
}
AGES = ((0, 30), (30, STALE_DAYS), (STALE_DAYS, 180), (180, 365), (365, None))
"""Bands of the chart of ages. [days]"""


def _age(study: Study, source: Source) -> int | None:
    return source.age_days(study.client.report_date)


def _is_stale(study: Study, source: Source) -> bool:
    age = _age(study, source)
    return age is not None and age > STALE_DAYS


def _value(study: Study, value: Range) -> str:
    return study.numbers.range(value)


def _age_text(study: Study, source: Source) -> str:
    age = _age(study, source)
    if age is None:
        return "no date"
    return f"{study.numbers.number(age, 0)} days" + (" – old" if age > STALE_DAYS else "")


def answer(study: Study) -> Prose:
    """How many inputs, of which kinds, how old: the answer of the chapter."""
    inputs = study.inputs
    kinds = Counter(i.source.kind for i in inputs)
    stale = sum(_is_stale(study, i.source) for i in inputs)
    undated = sum(_age(study, i.source) is None for i in inputs)
    number = study.numbers
    share = kinds["estimate"] / len(inputs) if inputs else 0
    parts = [f"{number.number(n, 0)} {kind}" for kind, n in kinds.most_common()]
    return Prose(
        f"**The report rests on {number.number(len(inputs), 0)} inputs: {number.names(parts)}.** "
        f"{number.percent(share)} are our own estimates, and each says so where it is used. "
        f"{number.number(stale, 0)} come from a source older than {STALE_DAYS} days on "
        f"{number.date(study.client.report_date)}, and {number.number(undated, 0)} from a source "
        "that prints no date; both are marked below."
    )


def counts(study: Study) -> list[tuple[str, int]]:
    """Inputs by kind, the undated and the old ones."""
    found = [(kind, sum(i.source.kind == kind for i in study.inputs)) for kind in KINDS]
    stale = sum(_is_stale(study, i.source) for i in study.inputs)
    undated = sum(_age(study, i.source) is None for i in study.inputs)
    return [*found, (f"older than {STALE_DAYS} days", stale), ("undated", undated)]


def kinds(study: Study) -> Table:
    """Inputs by kind: how many, how many old, what the word means."""
    rows = []
    for kind, meaning in KINDS.items():
        found = [i for i in study.inputs if i.source.kind == kind]
        rows.append(
            {
                "Kind": f"{kind}{style.mark(kind)}",
                "Meaning": meaning,
                "Inputs": study.numbers.number(len(found), 0),
                f"Older than {STALE_DAYS} days": study.numbers.number(
                    sum(_is_stale(study, i.source) for i in found), 0
                ),
                "Undated": study.numbers.number(
                    sum(_age(study, i.source) is None for i in found), 0
                ),
            }
        )
    return Table(
        pd.DataFrame(rows),
        f"Where the {len(study.inputs)} inputs come from",
        stub="Kind",
        align={"Meaning": "left"},
    )


def ages(study: Study) -> Chart:
    """Inputs by age of their source and by kind, as stacked bars."""
    labels = [*(_band(low, high) for low, high in AGES), "no date"]
    counts = {kind: [0] * len(labels) for kind in KINDS}
    for item in study.inputs:
        counts[item.source.kind][_place(_age(study, item.source))] += 1
    figure, ax = style.figure(height=2.4)
    start = [0] * len(labels)
    for kind, colour in style.colours(KINDS).items():
        ax.barh(labels, counts[kind], left=start, color=colour, label=kind)
        start = [a + b for a, b in zip(start, counts[kind], strict=True)]
    for row, count in enumerate(start):
        ax.annotate(
            study.numbers.number(count, 0),
            (count, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
        )
    ax.invert_yaxis()
    ax.set_xlabel("inputs")
    ax.margins(x=0.12)
    ax.legend(loc="lower right", frameon=False)
    fresh = sum(start[:2])
    whole = max(1, sum(start))
    alt = "Bars of the number of inputs by age of their source: " + ", ".join(
        f"{label}: {count}" for label, count in zip(labels, start, strict=True)
    )
    title = (
        f"{study.numbers.percent(fresh / whole)} of the inputs are at most {STALE_DAYS} days old"
    )
    return Chart(figure, title, alt + ".")


def _band(low: int, high: int | None) -> str:
    if high is None:
        return f"more than {low} days"
    return f"up to {high} days" if low == 0 else f"{low + 1} to {high} days"


def _place(age: int | None) -> int:
    if age is None:
        return len(AGES)
    return next(i for i, (_, high) in enumerate(AGES) if high is None or age <= high)


def evidence(study: Study) -> Table:
    """Who told us what: the documents and people behind the scenario."""
    rows = [
        {
            "Source": entry.source + (f", {entry.locator}" if entry.locator else ""),
            "Date": study.numbers.date(entry.date),
            "Kind": f"{entry.kind}{style.mark(entry.kind)}",
            "Figures": "all others"
            if "*" in entry.fields
            else study.numbers.number(len(entry.fields), 0),
        }
        for entry in study.scenario.evidence
    ]
    return Table(pd.DataFrame(rows), "Documents and people behind the scenario")


def old(study: Study) -> Table:
    """Inputs whose source is older than 90 days, or undated: the first to look up again."""
    found = [i for i in study.inputs if _is_stale(study, i.source) or _age(study, i.source) is None]
    found.sort(key=lambda i: -(_age(study, i.source) or 10**6))
    title = f"{len(found)} inputs are old or undated and worth looking up again"
    return _listing(study, found, title)


def estimates(study: Study) -> Table:
    """Inputs that are our own judgement."""
    found = [i for i in study.inputs if i.source.kind == "estimate"]
    return _listing(study, found, f"{len(found)} inputs are estimates: replace them first")


def everything(study: Study) -> Table:
    """Every input, gathered under its source."""
    found = sorted(study.inputs, key=lambda i: (i.source.kind, i.source.citation, i.name))
    return _listing(study, found, f"All {len(found)} inputs, by source")


def _listing(study: Study, inputs: Sequence[Input], title: str) -> Table:
    rows = [
        {
            "Source": item.source.source,
            "Input": item.name,
            "Value": _value(study, item.value) + style.mark(item.source.kind),
            "Where": item.source.locator,
            "Date": study.numbers.date(item.source.date),
            "Age": _age_text(study, item.source),
        }
        for item in inputs
    ]
    columns = ["Source", "Input", "Value", "Where", "Date", "Age"]
    return Table(
        pd.DataFrame(rows, columns=columns),
        title,
        sources=tuple(dict.fromkeys(i.source for i in inputs)),
        group="Source" if rows else None,
        align={"Value": "right", "Age": "right", "Input": "left", "Where": "left", "Date": "left"},
    )


def missing(study: Study) -> Prose:
    """What the report leaves out, and why."""
    if not study.warnings:
        return Prose("Nothing that the scenario asks for was left out.")
    return Prose("\n".join(f"- {literal(text)}" for text in study.warnings))


def what_would_change(study: Study) -> Prose:
    """Which inputs to replace first."""
    estimated = sum(i.source.kind == "estimate" for i in study.inputs)
    wide = sorted(
        (i for i in study.inputs if i.source.kind == "estimate" and i.value.central),
        key=lambda i: (i.value.low - i.value.high) / abs(i.value.central),
    )[:3]
    names = study.numbers.names([literal(i.name) for i in wide])
    return Prose(
        f"Each of the {estimated} estimates can be replaced by the client's own figure in the "
        f"scenario. The widest are {names}. A price that has moved since its date changes the "
        "cost chapter; `siting facts --stale 90` lists what to look up, and `siting diff` shows "
        "what a new figure changes."
        if wide
        else "No input is an uncertain estimate; the dates of prices are what may change."
    )
