"""Every real client, rendered whole: twice, on two days and in two orders, to the same bytes."""

from __future__ import annotations

import dataclasses
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from ruamel.yaml import YAML
from siting.inputs import scenario
from siting.run import batch, job
from trial import later

ROOT = Path(__file__).parents[1]
CLIENTS = scenario.names()

RENDER = """
from siting.run import batch, job
jobs = [job.prepare(name) for name in {names!r}]
outcome = batch.run(jobs, {out!r})
print(outcome.lines())
assert len(outcome.rendered) == len(jobs)
"""


def rendered(out: Path, names: list[str], clock: str, hash_seed: int) -> dict[str, bytes]:
    """Files of all reports by path, made by a process of its own."""
    script = RENDER.format(names=names, out=str(out))
    lib = os.pathsep.join([str(Path(batch.__file__).parents[2]), clock])
    environment = {**os.environ, "PYTHONPATH": lib, "PYTHONHASHSEED": str(hash_seed)}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment, cwd=ROOT)
    return {
        str(path.relative_to(out)): path.read_bytes()
        for path in sorted(out.rglob("*"))
        if path.is_file() and ".siting" not in path.parts
    }


def letters(text: str) -> str:
    """Without what line breaks and typography change."""
    return re.sub(r"\W+", "", text)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    return rendered(tmp_path_factory.mktemp("now"), CLIENTS, "", 1)


def test_another_day_and_another_order_give_the_same_bytes(
    reports: dict[str, bytes], tmp_path: Path
) -> None:
    again = rendered(tmp_path / "out", CLIENTS[::-1], later(tmp_path), 2)
    assert len(reports) > 12 * len(CLIENTS)
    assert reports.keys() == again.keys()
    assert [name for name in reports if reports[name] != again[name]] == []


@pytest.mark.parametrize("client", CLIENTS)
def test_page_paper_and_summary_say_the_same(reports: dict[str, bytes], client: str) -> None:
    pypdf = pytest.importorskip("pypdf")
    summary = json.loads(reports[f"{client}/summary.json"])
    page = reports[f"{client}/report.html"].decode()
    paper = pypdf.PdfReader(BytesIO(reports[f"{client}/report.pdf"]))
    chosen = letters(scenario.load(client).options[summary["recommendation"]["option"]].label)
    assert chosen in letters(paper.pages[0].extract_text())
    assert chosen in letters(html.unescape(page.split('<section class="chapter"')[0]))
    chapters = [n for n in reports if n.startswith(f"{client}/notebooks/")]
    assert page.count('<section class="chapter"') >= len(chapters)
    assert len(paper.outline) >= len(chapters)


@pytest.mark.parametrize("client", CLIENTS)
def test_no_report_names_another_client(reports: dict[str, bytes], client: str) -> None:
    others = {scenario.load(name).client.name for name in CLIENTS if name != client}
    for name in ("report.html", "summary.json", "scenario.yaml"):
        text = reports[f"{client}/{name}"].decode()
        assert not [other for other in others if other in text]


MARKUP = '<b>j</b> *a* _b_ `c` $d$ $5 [e](javascript:f) #im "g" {{7*7}} @i k~l^m'
"""What Markdown, HTML, Typst, mathematics of charts and templates would read as more than text."""


def texts(data: Any) -> Iterator[tuple[Any, Any]]:
    """Every text of nested data, as the container and the key that hold it."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data):
        if isinstance(value, dict | list):
            yield from texts(value)
        elif isinstance(value, str):
            yield data, key


def hostile(client: str, folder: Path) -> tuple[job.Job, int]:
    """The client's job with markup in every text that a scenario may freely choose, and how many
    they are; each has a number of its own and begins as a spreadsheet's formula would."""
    data = YAML(typ="safe").load(scenario.resolved(scenario.load(client)))
    path, count = folder / f"{client}.yaml", 0
    for number, (holder, key) in enumerate(texts(data)):
        before, holder[key] = holder[key], f"=k|h ⟦{number}⟧ {MARKUP}"
        path.write_text(scenario.as_yaml(data), encoding="utf-8")
        try:
            scenario.load(path)
            count += 1
        except scenario.ScenarioError:
            holder[key] = before
    path.write_text(scenario.as_yaml(data), encoding="utf-8")
    return job.prepare(path), count


def test_every_text_of_a_scenario_is_shown_as_text(tmp_path: Path) -> None:
    made = [hostile(client, tmp_path) for client in CLIENTS]
    assert min(count for _, count in made) > 25
    # One of them on paper, too: Typst refuses what it cannot read.
    jobs = [dataclasses.replace(j, formats=("html",)) for j, _ in made[1:]] + [made[0][0]]
    outcome = batch.run(jobs, str(tmp_path / "out"))
    assert sorted(outcome.rendered) == CLIENTS, outcome.failed
    for client in CLIENTS:
        folder = tmp_path / "out" / client
        page = html.unescape(re.sub(r"<[^>]*>", "", (folder / "report.html").read_text("utf-8")))
        shown = re.findall(rf"=k\|h ⟦\d+⟧ (.{{1,{len(MARKUP)}}})", page)
        assert len(shown) > 100
        whole = [text.split("…")[0] for text in shown]  # charts and tables may cut a long name
        assert [text for text in whole if not MARKUP.startswith(text)] == []
        book = openpyxl.load_workbook(folder / "cash-flows.xlsx")
        cells = [c for sheet in book for row in sheet for c in row if "⟦" in str(c.value)]
        assert cells and {c.data_type for c in cells} == {"s"}
