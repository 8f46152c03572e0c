"""Small chapters and jobs for the tests of rendering: one of everything that a report can show."""

from __future__ import annotations

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from siting.inputs import scenario
from siting.run import job

HOSTILE = (
    "<script>alert(1)</script> #import $(rm) {{7*7}} =cmd|x ../.. `a` *b* [l](http://evil.test)"
)
"""Markup of every language that a name passes through on its way into a report."""

LATER = """
import datetime, time_machine
time_machine.travel(datetime.datetime(2028, 2, 29, 23, 59, 1), tick=True).start()
"""
"""Start of a script that takes place on another day."""

EXHIBITS = f"""
import pandas as pd
from siting.catalogue import Source
from siting.exhibits import Answers, Chart, Prose, Table, literal, style
from siting.formats import Numbers
from siting.quantity import Range
numbers = Numbers("IT", "EUR")
name = {HOSTILE!r}
sources = [Source(source="Price list", url="https://vendor.test/prices?a=1&b=2",
                  locator="table 3", date="2026-05"),
           Source(source="Our own estimate", locator="chapter 3", date="undated", kind="estimate")]
frame = pd.DataFrame({{"Option": ["API", name, "Sum"], "Cost": ["1.234,50 € [estimate]", "12,00 €",
                      "1.246,50 €"], "Verdict": ["pass", "does not fit", "review"]}})
"""

TABLE = (
    'Table(frame, "The API costs a hundred times more", sources, badges=["Verdict"], stub="Option",'
    ' spanners={"Checks": ["Verdict"]}, notes=["Before tax."], totals=1)'
)

CHART = """figure, ax = style.figure(1.8)
ranges = [Range(1e6, 1.5e6, 2e6, "EUR"), Range(4e5, 8e5, 9e5, "EUR")]
style.intervals(ax, ["API", "Own"], ranges, numbers, "compact_money", list(style.SERIES[:2]))
Chart(figure, "Own servers cost least", "API 1,5M €; own servers 0,8M €.", sources)"""

ANSWERS = (
    'Answers([("What to do?", f"**Rent** {literal(name)}"), ("How sure?", "Likely [measured].")])'
)


def chapter(title: str, *cells: str, tags: tuple[str, ...] = ()) -> str:
    """A notebook as JSON: title, parameter, imports, then one code cell for each text.

    `tags` belong to the first of those cells.
    """
    book = new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    book.cells = [
        new_markdown_cell(f"# {title}", id="title"),
        new_code_cell('client = "base"', id="client", metadata={"tags": ["parameters"]}),
        new_code_cell(EXHIBITS, id="imports"),
    ]
    for number, source in enumerate(cells):
        metadata = {"tags": list(tags)} if tags and number == 0 else {}
        book.cells.append(new_code_cell(source, id=f"cell-{number}", metadata=metadata))
    return str(nbformat.writes(book))


def everything() -> dict[str, str]:
    """Two chapters with one exhibit of each kind, page one, a second level and a long table."""
    first = chapter("What should you do?", ANSWERS, f"{TABLE}", CHART, tags=("page_one",))
    second = chapter(
        "What does it cost?",
        'Prose(f"The TTFT of {literal(name)} is 2 s [published].", sources[:1])',
        'Table(pd.concat([frame] * 30), "A table of three pages", sources, badges=["Verdict"])',
        'print("kept for the test of the notebook")',
    )
    book = nbformat.reads(second, as_version=4)
    book.cells.insert(3, new_markdown_cell("## Cash flows\n\nEvidence.\n\n### By month", id="h2"))
    book.cells[-1].metadata["tags"] = ["keep_output"]
    return {"10_decision.ipynb": first, "40_cost.ipynb": str(nbformat.writes(book))}


def make(
    client: str = "trial", chapters: dict[str, str] | None = None, **changes: object
) -> job.Job:
    """A job of the base scenario with one option alone, under another name, with the trial
    chapters: quick to compute, for tests of what surrounds the computation."""
    base = scenario.load("base")
    named = base.client.model_copy(update={"id": client, **changes})
    alone = {"api": base.options["api"]}
    finance = base.finance.model_copy(update={"baseline": "api"})
    small = base.model_copy(update={"client": named, "options": alone, "finance": finance})
    return job.Job(client, scenario.resolved(small), everything() if chapters is None else chapters)
