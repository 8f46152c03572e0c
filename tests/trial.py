"""Small chapters and jobs for the tests of rendering: one of everything that a report can show."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import covered_kit
import nbformat
import small_kit
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from siting.inputs import scenario
from siting_report.run.job import Job, PlacedNotebook

Render: TypeAlias = Callable[[Job], dict[str, bytes]]
"""Makes the files of a report: the fixture `render`."""
HOSTILE = (
    "<script>alert(1)</script> #import $(rm) {{7*7}} =cmd|x ../.. `a` *b* [l](http://evil.test)"
    " [measured] PAGE-ONE-ENDS"
)
"""Markup of every language that a name passes through on its way into a report, and what looks
like a mark of the kit's own: it stays the text that it is."""

LATER = """
import datetime, time_machine
time_machine.travel(datetime.datetime(2028, 2, 29, 23, 59, 1), tick=True).start()
"""


def later(folder: Path) -> str:
    """A folder for PYTHONPATH: interpreters that find it there take place on another day."""
    (folder / "sitecustomize.py").write_text(LATER, encoding="utf-8")
    return str(folder)


EXHIBITS = f"""
import matplotlib.pyplot as plt
import pandas as pd
from siting.catalogue import Source
from siting_report.show import answers, chart, intervals, need, say, style, table
name = {HOSTILE!r}
sources = [Source(source="Price list", url="https://vendor.test/prices?a=1&b=2",
                  locator="table 3", date="2026-05"),
           Source(source="Our own estimate", locator="chapter 3", date="undated", kind="estimate")]
frame = pd.DataFrame({{"option": ["API", name, "Sum"], "cost": [1234.5, 12.0, 1246.5],
                      "verdict": ["pass", "does not fit", "review"]}})
frame.attrs = {{"country": "IT", "currency": "EUR", "units": {{"cost": "EUR"}}, "names": (name,),
               "meanings": {{"cost": "what it costs"}}, "sources": tuple(sources),
               "roles": {{"API": "chosen", name: "today"}}}}
"""
"""First lines of a trial chapter: a frame as a study gives one, with a hostile name in it."""

TABLE = (
    'table(frame, "The API costs a hundred times more", {"cost": "money:2"}, note="Before tax.",'
    ' badges=["verdict"], totals=1)'
)

CHART = """ax = pd.DataFrame({"cost": [1.5e6, 8e5]}, index=["API", "Own"]).plot.barh(legend=False)
chart(ax, "Own servers cost least", frame, "API 1.5 million; own 0.8 million.", x="money")"""

ANSWERS = 'answers({"What to do?": f"**Rent** {name}", "How sure?": "Likely."}, frame)'


ANALYST = (
    "plt.plot([1, 2], label='shown');\nplt.show()",
    "pd.DataFrame({'frame plot': [1, 3]}).plot()",
    "fig, ax = plt.subplots()\nax.set_title('last line')\nfig",
    "%matplotlib inline\nplt.plot([3, 4])\nplt.xlabel('inline');",
    "pd.DataFrame({'a frame': ['its cell']})",
    "print('printed words')",
    "pd.DataFrame({'styled': [0.5]}).style.format('{:.0%}')",
    "from IPython.display import HTML, Image, Markdown\nMarkdown('*marked* down')",
    "HTML('<p>own <b>markup</b></p>')",
    "import io\nbuffer = io.BytesIO()\nplt.figure(figsize=(1, 1)).savefig(buffer)\n"
    "plt.close()\nImage(buffer.getvalue())",
)
"""What an analyst appends to a chapter, in matplotlib's and pandas' usual ways."""


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
        'say(f"# GPT-5.4 mini answers: the TTFT of {name} is 2 s\\n\\nIt is enough.", frame)',
        'table(pd.concat([frame] * 30), "A table of three pages", data=frame, badges=["verdict"])',
        'print("kept for the test of the notebook")',
    )
    book = nbformat.reads(second, as_version=4)
    book.cells.insert(3, new_markdown_cell("## Cash flows\n\nEvidence.\n\n### By month", id="h2"))
    book.cells[-1].metadata["tags"] = ["keep_output"]
    return {"10_decision.ipynb": first, "40_cost.ipynb": str(nbformat.writes(book))}


def make(
    client: str = "trial",
    chapters: dict[str, str] | None = None,
    kit: str = covered_kit.__name__,
    **changes: object,
) -> Job:
    """A job of the base scenario with one option alone, under another name, with the trial
    chapters. Without `kit` its figures are not computed: for tests of what surrounds them."""
    base = scenario.load("base")
    named = base.client.model_copy(update={"id": client, **changes})
    alone = {"api": base.options["api"]}
    finance = base.finance.model_copy(update={"baseline": "api"})
    small = base.model_copy(update={"client": named, "options": alone, "finance": finance})
    texts = everything() if chapters is None else chapters
    placed = {name: PlacedNotebook(text) for name, text in texts.items()}
    return Job(kit=kit, client=client, scenario=scenario.resolved(small), chapters=placed)


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours `#rrggbb`, 1 to 21, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def plain(client: str, *cells: str, limit_s: int = 300) -> Job:
    """A job of one short chapter, as a page alone, whose figures are not computed."""
    text = chapter("Why?", *cells or ["say('Because.')"])
    return Job(
        kit=small_kit.__name__, client=client, scenario="{}\n",
        chapters={"10_x.ipynb": PlacedNotebook(text)}, formats=("html",), cell_limit_s=limit_s,
    )  # fmt: skip


class Quick:
    """Has the files of a report at once, for tests of what becomes of them."""

    at_once = 2

    def make(self, job: Job, note: object) -> dict[str, bytes]:
        scenario = job.scenario.encode()
        return {"report.html": scenario, "scenario.yaml": scenario, "summary.json": b"{}"}

    def end(self) -> None:
        """Nothing is being made."""
