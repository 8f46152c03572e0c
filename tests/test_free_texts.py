"""Free texts of a real scenario, full of markup: each is shown as the text that it is."""

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
from ruamel.yaml import YAML
from siting.inputs import scenario
from siting.run import job
from siting_report.run import batch
from siting_report.run.job import Job

CLIENT = "agence-lumiere"
"""One of the clients with most fields."""
OPTIONS = {"api", "owned", "sovereign"}
"""Of its options, to be quick: a seller of tokens, its own machines, what runs today."""
WHAT_IF = {"label": "Cheaper money", "set": {"finance.discount_rate": 0.03}}
"""A text that its file lacks."""

MARKUP = '<b>j</b> *a* _b_ `c` $d$ $5 [e](javascript:f) #im "g" {{7*7}} @i k~l^m'
"""What Markdown, HTML, Typst, mathematics of charts and templates would read as more than text."""


def texts(data: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Every text of nested data: its path, and the container and the key that hold it."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        place = f"{path}.{key}".lstrip(".") if isinstance(data, dict) else f"{path}[{key}]"
        if isinstance(value, dict | list):
            yield from texts(value, place)
        elif isinstance(value, str):
            yield place, data, key


def hostile(folder: Path) -> tuple[Job, int]:
    """The client's job with markup in every text that a scenario may freely choose, and how many
    they are; each has a number of its own and begins as a spreadsheet's formula would."""
    data = YAML(typ="safe").load(scenario.resolved(scenario.load(CLIENT))) | {"what_if": [WHAT_IF]}
    gone = tuple(f"options.{name}." for name in data["options"].keys() - OPTIONS)
    data["options"] = {name: data["options"][name] for name in sorted(OPTIONS)}
    for said in data["evidence"]:
        said["fields"] = [field for field in said["fields"] if not field.startswith(gone)]
    data["evidence"] = [said for said in data["evidence"] if said["fields"]]
    path = folder / f"{CLIENT}.yaml"
    before = {place: (holder, key, holder[key]) for place, holder, key in texts(data)}
    for number, (holder, key, _) in enumerate(before.values()):
        holder[key] = f"=k|h ⟦{number}⟧ {MARKUP}"
    while True:  # what is refused is put back, until nothing is
        path.write_text(scenario.as_yaml(data), encoding="utf-8")
        try:
            scenario.load(path)
        except scenario.DocumentError as error:
            fields = {problem.field for problem in error.problems}
            refused = before.keys() & fields
            # What stands further up may be why what it holds is refused: it goes first.
            first = min(place.count(".") for place in refused)
            for place in [place for place in refused if place.count(".") == first]:
                holder, key, text = before.pop(place)
                holder[key] = text
        else:
            return job.prepare(path), len(before)


def is_as_written(shown: str) -> bool:
    """Whether a text is shown as the text that it is. A chart breaks long names into lines; the
    picture of page one cuts those of options with a mark, after which comes what else it says; a
    name gives way to what tells another form of the option apart, which follows a comma."""
    kept = re.split(" …|, ", shown)[0]
    is_cut_late = kept == shown or len(kept) >= len("<b>j</b> *a*")
    return is_cut_late and MARKUP.startswith(kept.strip())


def test_every_text_of_a_scenario_is_shown_as_text(tmp_path):
    made, count = hostile(tmp_path)
    assert count > 25
    # On paper, too: Typst refuses what it cannot read.
    outcome = batch.run([made], str(tmp_path / "out"))
    assert outcome.rendered == [CLIENT], outcome.failed
    folder = tmp_path / "out" / CLIENT
    page = html.unescape(re.sub(r"<[^>]*>", "", (folder / "report.html").read_text("utf-8")))
    shown = re.findall(rf"=k\|h ⟦\d+⟧ (.{{1,{len(MARKUP)}}})", page)
    assert len(shown) > 40
    assert [text for text in shown if not is_as_written(text)] == []
    book = openpyxl.load_workbook(folder / "cash-flows.xlsx")
    cells = [c for sheet in book for row in sheet for c in row if "⟦" in str(c.value)]
    assert cells and {c.data_type for c in cells} == {"s"}
