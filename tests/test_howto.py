"""Every how-to page is carried out as written: one file changes, the report shows it."""

import csv
import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import nbformat
import pytest
from commands import siting
from siting.cli.frame import check_tables
from siting.inputs import scenario
from siting.rules import properties, rulebook
from siting.rules.flows import flows_of

ROOT = Path(__file__).parents[1]
USES = ("batch", "tables", "recheck", "audit", "replay", "translation")
"""Pages that change no file; tests of these names, test_exchange, test_phrases hold it."""
PAGES = sorted(p for p in (ROOT / "docs" / "how-to").glob("*.md") if p.stem not in USES)
EDIT = re.compile(r"(notebooks/\S+), (in place of|after) cell (\S+)")
"""Title of a block that changes a cell of a chapter."""
FENCE = re.compile(r"^```(\w+)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)

EVERYTHING = """
client: {name: Example Works, country: DE, report_date: 2026-11-24}
workloads:
  assistant:
    users: 300
    requests_per_user_day: 8
    input_tokens: {mean: 3_000, p95: 8_000}
    output_tokens: {mean: 400, p95: 1_000}
    models: [example/Example-8B]
options:
  api: {attributes: {trains_on_data: true}}
  rented:
    label: Rented GPUs
    vendor: Nebius
    provider: example-cloud
    gpu: h100-sxm5-80gb
    weights: fp8
    models: {all: example/Example-8B}
    region: eu-1
    country: DE
  own:
    label: Own servers, newest GPU
    kind: colocation
    models: {all: example/Example-8B}
    gpu: example-x1-96gb
    country: DE
  bought:
    label: Own servers, of the page on servers
    kind: on_premises
    models: {all: example/Example-8B}
    server: server-4x-h100-example
    country: DE
finance:
  quotes:
    - {item: option.own.server_price, value: 300_000, unit: EUR, source: Offer, date: 2026-11-01}
decision: {premiums: {short_storage: 5_000}}
evidence:
  - {fields: [workloads, options, finance, decision], source: How-to pages, date: 2026-11-24}
report:
  leave_out: [15_why, 17_turns, 20_quality, 40_cost, 71_letters, 72_memory, 74_capacity_tables,
              76_cost_tables, 95_methods]  # to be quick
"""
SHOWN = {
    "gpu": "8 × Example X1 96GB server, its power estimated", "server": "4x H100 Example 2U",
    "model": "Example-8B", "price": "Price list of Example Cloud",
    "cost-item": "Fire insurance of the servers", "event": "Nebius status page (example)",
    "rule": "No training on the client", "property": "No storage beyond a day",
    "chapter": "Which inputs are worth a better source?", "client": "Example Works",
}  # fmt: skip


@dataclass(frozen=True)
class HowTo:
    """A page: the file that it changes and with what, and the commands with their answers."""

    file: str
    content: str
    steps: tuple[tuple[str, str], ...]


def read(page: Path) -> HowTo:
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    _, file, content = next(b for b in blocks if b[1])
    plain = [(kind, text) for kind, title, text in blocks if not title]
    steps = [
        (command.removeprefix("$ ").strip(), answer)
        for (asks, command), (says, answer) in pairwise(plain)
        if (asks, says) == ("console", "text")
    ]
    assert len(steps) == sum(kind == "text" for kind, _ in plain)  # no answer without a command
    return HowTo(file, content, tuple(steps))


def carry_out(howto: HowTo, root: Path) -> None:
    target = root / howto.file
    if target.suffix == ".csv":
        (row,) = csv.DictReader(howto.content.splitlines())
        with target.open(encoding="utf-8", newline="") as file:
            columns = next(csv.reader(file))
        assert set(row) <= set(columns), set(row) - set(columns)
        with target.open("a", encoding="utf-8", newline="") as file:
            csv.DictWriter(file, columns, lineterminator="\n").writerow(row)
    else:
        assert not target.exists()
        made = howto.content if target.suffix != ".ipynb" else nbformat.writes(notebook(howto))
        target.write_text(made, encoding="utf-8")


def notebook(howto: HowTo) -> nbformat.NotebookNode:
    """The cells of a page, written in the percent format, as a notebook."""
    made = nbformat.v4.new_notebook()
    for i, block in enumerate(re.split(r"^# %%", howto.content, flags=re.MULTILINE)[1:]):
        head, _, body = block.partition("\n")
        if "[markdown]" in head:
            text = re.sub(r"^# ?", "", body.strip(), flags=re.MULTILINE)
            cell = nbformat.v4.new_markdown_cell(text, id=f"cell-{i}")
        else:
            cell = nbformat.v4.new_code_cell(body.strip(), id=f"cell-{i}")
        cell.metadata["tags"] = re.findall(r'"([\w-]+)"', head)
        made.cells.append(cell)
    return made


def digests(root: Path) -> dict[str, str]:
    return {
        str(p.relative_to(root)): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in root.rglob("*")
        if p.is_file() and "__pycache__" not in p.parts
    }


def run(command: str | list[str], root: Path) -> str:
    words = command.split() if isinstance(command, str) else command
    words = [sys.executable, "-m", *words]
    environment = {**os.environ, "PYTHONPATH": str(root / "lib")}
    done = subprocess.run(words, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A copy of what a report is made from, compiled already where that is here."""
    for name in ("lib", "params", "notebooks"):
        left_out = shutil.ignore_patterns("*.egg-info")
        shutil.copytree(ROOT / name, tmp_path / name, ignore=left_out)
    return tmp_path


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_page_changes_one_file_and_gives_the_printed_answers(page, project, monkeypatch):
    howto = read(page)
    before = digests(project)
    carry_out(howto, project)
    changed = {f for f, digest in digests(project).items() if before.get(f) != digest}
    assert changed == {howto.file}
    monkeypatch.chdir(project)
    monkeypatch.setenv("SITING_FACTS", str(project / "lib" / "siting_facts"))
    check_tables()
    for command, answer in howto.steps:
        done = siting(*command.split()[1:])
        assert done.exit_code == 0, done.output
        for line in answer.splitlines():
            assert line in done.stdout
    assert howto.steps


def test_what_no_attribute_says_becomes_one_that_a_property_tests(project, monkeypatch):
    monkeypatch.setenv("SITING_FACTS", str(project / "lib" / "siting_facts"))
    text = (ROOT / "docs" / "how-to" / "property.md").read_text(encoding="utf-8")
    own, *others = [HowTo(title, body, ()) for _, title, body in FENCE.findall(text) if title]
    own = replace(own, content=re.sub("retention_days[^,]*", "green_power", own.content))
    for howto in (own, *others):
        carry_out(howto, project)
    check_tables()
    found = scenario.changed(scenario.load("base"), {"options.rented.vendor": "Nebius"})
    flows = flows_of(found, "rented", rulebook.rule_book().on(found.client.report_date))
    assert "short_storage" in properties.shown(flows, rulebook.rule_book(), "DE")


def test_every_change_is_shown_in_a_report_and_breaks_nothing(project):
    for page in PAGES:
        carry_out(read(page), project)
    assert "no problem" in run("siting check", project)
    (project / "params" / "everything.yaml").write_text(EVERYTHING, encoding="utf-8")
    run("siting report everything --format html", project)
    page = (project / "reports" / "everything" / "report.html").read_text(encoding="utf-8")
    assert not {name: text for name, text in SHOWN.items() if text not in page}


EDITS = {
    "notebooks/51_cash.ipynb": "In year 1",
    "notebooks/52_answer.ipynb": "one case in ten is dearer than that",
    "notebooks/53_in-all.ipynb": "People cost",
    "notebooks/54_in-all.ipynb": "dearer by",
    "notebooks/55_terms.ipynb": "The dearest year of",
    "notebooks/acme/offers.csv": "Beta Cloud",
    "notebooks/acme/45_offers.ipynb": "Alpha Hosting asks for",
    "params/acme.yaml, at the end": "",
}
"""What each edit of the page on chapters shows in a report that did not show it before. Each edit
of a cell is made in a copy of its chapter, alone: edits must not hang on each other."""


def edit(file: Path, place: str, cell_id: str, content: str) -> Path:
    """Carries out an edit of one cell in a copy of a chapter; the copy."""
    chapter = nbformat.read(file, as_version=4)
    at = next(i for i, c in enumerate(chapter.cells) if c.id == cell_id)
    if place == "after":
        cell = nbformat.v4.new_code_cell(content.strip(), id=f"after-{cell_id}")
        chapter.cells.insert(at + 1, cell)
    else:
        chapter.cells[at].source = content.strip()
    number = 51 + len(list(file.parent.glob("5?_*.ipynb")))
    copy = file.with_name(f"{number}_{cell_id}.ipynb")
    nbformat.write(chapter, copy)
    return copy


def written(project: Path, title: str, content: str) -> str:
    """Carries out one block of the page on chapters; the key of EDITS that it belongs to."""
    if found := EDIT.fullmatch(title):
        copy = edit(project / found[1], found[2], found[3], content)
        return str(copy.relative_to(project))
    target = project / title.partition(",")[0]
    target.parent.mkdir(exist_ok=True)
    if title.endswith("at the end"):
        content = target.read_text(encoding="utf-8") + content
    elif target.suffix == ".ipynb":
        content = nbformat.writes(notebook(HowTo(title, content, ())))
    target.write_text(content, encoding="utf-8")
    return title


def test_what_an_analyst_writes_is_shown_and_no_test_of_notebooks_refuses_it(project):
    for name in ("tests/test_notebooks.py", "tests/readable.py", "docs/tutorial.ipynb"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    shutil.copy(ROOT / "pyproject.toml", project)
    run("siting new acme", project)
    text = (ROOT / "docs" / "how-to" / "chapter.md").read_text(encoding="utf-8")
    shipped = sorted(path.stem for path in (project / "notebooks").glob("[0-9]*.ipynb"))
    assert not any(stem.startswith("5") for stem in shipped)  # numbers of copies
    before = digests(project)
    done = []
    for kind, title, content in FENCE.findall(text):
        if title and (kind, title) != ("python", read_title(text)):
            done.append(written(project, title, content))
    suite = ["pytest", "-q", "-p", "no:cacheprovider", "-m", "not style", "tests/test_notebooks.py"]
    run(suite, project)
    assert sorted(done) == sorted(EDITS)
    changed = {f for f, digest in digests(project).items() if before.get(f) != digest}
    assert changed == {title.partition(",")[0] for title in EDITS}

    path = project / "params" / "acme.yaml"  # only what was edited, of two options, to be quick
    scenario, _, left_out = path.read_text(encoding="utf-8").partition("\nreport:")
    assert "  rented: {}\n" in scenario and "  hybrid: {}\n" in scenario
    scenario = scenario.replace("  rented: {}\n", "").replace("  hybrid: {}\n", "")
    assert "95_methods" in left_out
    report = f"\nreport: {{leave_out: [{', '.join(shipped)}]}}\n"
    path.write_text(scenario + report, encoding="utf-8")
    run("siting report acme --format html", project)
    acme = (project / "reports" / "acme" / "report.html").read_text(encoding="utf-8")
    assert not [key for key, text in EDITS.items() if text not in acme]
    assert "The appendix lists every item." not in acme, "the chapter that does is left out"
    assert "Written offers of two hosts" in acme


def read_title(page: str) -> str:
    """Title of the first block of a page, which its own test carries out."""
    return next(title for _, title, _ in FENCE.findall(page) if title)


def test_there_is_a_page_for_everything_that_can_be_added():
    assert {p.stem for p in PAGES} == set(SHOWN)
    table = (ROOT / "README.md").read_text(encoding="utf-8")
    for page in PAGES:
        assert f"](docs/how-to/{page.name})" in table
        assert f"`{read(page).file.rsplit('/', 1)[0]}/" in table
