"""The tutorial, followed to the letter in a fresh copy, gives what it shows."""

import os
import re
import shutil
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

ROOT = Path(__file__).parents[1]
TUTORIAL = ROOT / "docs" / "tutorial.ipynb"
LEFT_OUT = shutil.ignore_patterns("*.egg-info")


@pytest.fixture(scope="module")
def followed(tmp_path_factory: pytest.TempPathFactory) -> tuple[nbformat.NotebookNode, Path]:
    """The tutorial after all of its cells but the last, which tidies up, and its folder."""
    folder = tmp_path_factory.mktemp("clone")
    for name in ("lib", "params", "notebooks", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=LEFT_OUT)
    (folder / "reports").mkdir()
    notebook = nbformat.read(TUTORIAL, as_version=4)
    last = next(i for i, c in enumerate(notebook.cells) if c.id == "tidy")
    notebook.cells = notebook.cells[:last]
    commands = folder / "bin"
    commands.mkdir()
    script = commands / "siting"  # the command, whether or not the kit is installed here
    script.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m siting "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(folder / "lib"),
    }
    client = NotebookClient(
        notebook, timeout=600, resources={"metadata": {"path": str(folder / "docs")}}
    )
    client.execute(env=environment)
    return notebook, folder


def text(cell: nbformat.NotebookNode) -> str:
    return "".join(o.text for o in cell.outputs if o.output_type == "stream").replace("\r\n", "\n")


def test_every_cell_prints_what_the_tutorial_shows(followed):
    notebook, _ = followed
    shown = {c.id: c for c in nbformat.read(TUTORIAL, as_version=4).cells}
    kept = [c for c in notebook.cells if "keep_output" in c.metadata.get("tags", [])]
    assert len(kept) == 5
    for cell in kept:
        assert text(cell) == text(shown[cell.id]), cell.id


def test_the_report_is_there_and_answers_the_clients_question(followed):
    _, folder = followed
    page = (folder / "reports" / "acme-robotics" / "report.html").read_text(encoding="utf-8")
    assert "Should our service assistant leave the API?" in page
    assert (folder / "reports" / "acme-robotics" / "report.pdf").stat().st_size > 50_000


def test_the_differences_name_what_was_changed(followed):
    notebook, _ = followed
    (cell,) = [c for c in notebook.cells if c.id == "change"]
    assert "Results" in text(cell)
    assert re.search(r"from €\s[\d.]+\smillion to €\s[\d.]+\smillion", text(cell))


def test_nothing_else_in_the_copy_was_touched(followed):
    _, folder = followed
    for path in (ROOT / "params").glob("*.yaml"):
        assert (folder / "params" / path.name).read_bytes() == path.read_bytes()
