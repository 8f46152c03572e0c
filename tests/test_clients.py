"""Every real client, rendered whole: twice, on two days and in two orders, to the same bytes."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import pytest
from siting.inputs import scenario
from siting.publishing import batch
from trial import LATER

ROOT = Path(__file__).parents[1]
CLIENTS = scenario.names()

RENDER = """
{clock}
from siting.publishing import batch, job
jobs = [job.prepare(name) for name in {names!r}]
outcome = batch.run(jobs, {out!r})
print(outcome.lines())
assert len(outcome.rendered) == len(jobs)
"""


def rendered(out: Path, names: list[str], clock: str, hash_seed: int) -> dict[str, bytes]:
    """Files of all reports by path, made by a process of its own."""
    script = RENDER.format(clock=clock, names=names, out=str(out))
    lib = str(Path(batch.__file__).parents[2])
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
    later = rendered(tmp_path, CLIENTS[::-1], LATER, 2)
    assert len(reports) > 12 * len(CLIENTS)
    assert reports.keys() == later.keys()
    assert [name for name in reports if reports[name] != later[name]] == []


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
