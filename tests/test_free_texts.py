"""Free texts of real scenarios, full of markup: each is shown as the text that it is."""

from __future__ import annotations

import dataclasses
import html
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openpyxl
import studies
from ruamel.yaml import YAML
from siting.inputs import scenario
from siting.run import job
from siting_report.run import batch
from siting_report.run.job import Job

CLIENTS = [studies.CLIENTS[-1], studies.CLIENTS[0]]
"""Two that differ: among them one with most fields."""

MARKUP = '<b>j</b> *a* _b_ `c` $d$ $5 [e](javascript:f) #im "g" {{7*7}} @i k~l^m'
"""What Markdown, HTML, Typst, mathematics of charts and templates would read as more than text."""


TRIES = 3
"""Texts of a field that are refused, after which it is taken for one that no text is free in."""


def texts(data: Any, name: Any = "") -> Iterator[tuple[Any, Any, Any]]:
    """Every text of nested data: the container and the key that hold it, and its field's name."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        field = key if isinstance(data, dict) else name
        if isinstance(value, dict | list):
            yield from texts(value, field)
        elif isinstance(value, str):
            yield data, key, field


def hostile(client: str, folder: Path, chosen: set[Any]) -> tuple[Job, int]:
    """The client's job with markup in every text that a scenario may freely choose, and how many
    they are; each has a number of its own and begins as a spreadsheet's formula would.

    chosen: fields of which no text was free in a client before, and is not tried again."""
    data = YAML(typ="safe").load(scenario.resolved(scenario.load(client)))
    path = folder / f"{client}.yaml"
    free = []
    tried = [text for text in texts(data) if text[2] not in chosen]
    refused = Counter[Any]()
    for number, (holder, key, field) in enumerate(tried):
        if refused[field] >= TRIES and field not in free:
            continue
        before = holder[key]
        holder[key] = f"=k|h ⟦{number}⟧ {MARKUP}"
        path.write_text(scenario.as_yaml(data), encoding="utf-8")
        try:
            scenario.load(path)
            free.append(field)
        except scenario.ScenarioError:
            holder[key] = before
            refused[field] += 1
    chosen |= {field for *_, field in tried} - set(free)
    path.write_text(scenario.as_yaml(data), encoding="utf-8")
    return job.prepare(path), len(free)


def is_as_written(shown: str) -> bool:
    """Whether a text is shown as the text that it is. A chart breaks long names into lines; the
    picture of page one cuts those of options with a mark, after which comes what else it says; a
    name gives way to what tells another form of the option apart, which follows a comma."""
    kept = re.split(" …|, ", shown)[0]
    is_cut_late = kept == shown or len(kept) >= len("<b>j</b> *a*")
    return is_cut_late and MARKUP.startswith(kept.strip())


def test_every_text_of_a_scenario_is_shown_as_text(tmp_path: Path) -> None:
    chosen: set[Any] = set()
    made = [hostile(client, tmp_path, chosen) for client in CLIENTS]
    assert min(count for _, count in made) > 25
    # One of them on paper, too: Typst refuses what it cannot read.
    jobs = [dataclasses.replace(j, formats=("html",)) for j, _ in made[1:]] + [made[0][0]]
    outcome = batch.run(jobs, str(tmp_path / "out"))
    assert sorted(outcome.rendered) == sorted(CLIENTS), outcome.failed
    for client in CLIENTS:
        folder = tmp_path / "out" / client
        page = html.unescape(re.sub(r"<[^>]*>", "", (folder / "report.html").read_text("utf-8")))
        shown = re.findall(rf"=k\|h ⟦\d+⟧ (.{{1,{len(MARKUP)}}})", page)
        assert len(shown) > 40
        assert [text for text in shown if not is_as_written(text)] == []
        book = openpyxl.load_workbook(folder / "cash-flows.xlsx")
        cells = [c for sheet in book for row in sheet for c in row if "⟦" in str(c.value)]
        assert cells and {c.data_type for c in cells} == {"s"}
