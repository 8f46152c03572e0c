"""Every chapter runs on its own; those of this repository also read alike (`make lint`).

Tests marked `style` hold the shipped chapters to `readable.py` and to a few rules more. `make test`
leaves them out: a chapter that an analyst adds or edits is refused only where it would not run.
"""

import ast
import re
import runpy
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import readable
from babel.messages.pofile import read_po
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from siting_report import texts

ROOT = Path(__file__).parents[1]
CHAPTERS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
OTHERS = [p for p in sorted((ROOT / "notebooks").glob("*.ipynb")) if p not in CHAPTERS]
LETTERS = ROOT / "notebooks" / "71_letters.ipynb"
OTHERS.append(ROOT / "docs" / "tutorial.ipynb")
PARAMETER = 'client = "base"  # which params/<client>.yaml to report on'

of_chapters = pytest.mark.parametrize("path", CHAPTERS, ids=lambda p: p.stem)
style = pytest.mark.style
of_all = pytest.mark.parametrize("path", [*CHAPTERS, *OTHERS], ids=lambda p: p.stem)


def notebook(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code(path: Path) -> list[nbformat.NotebookNode]:
    return [c for c in notebook(path).cells if c.cell_type == "code"]


@of_chapters
def test_a_chapter_has_one_parameter_cell_and_runs_on_its_own(path):
    cells = code(path)
    tagged = [c for c in cells if "parameters" in c.metadata.get("tags", [])]
    assert tagged == [cells[0]]
    assert cells[0].source == PARAMETER


def test_papermill_gives_the_sliders_another_client():
    path = ROOT / "notebooks" / "explore.ipynb"
    given = parameterize_notebook(load_notebook_node(str(path)), {"client": "acme"})
    cells = [c.source for c in given.cells if c.cell_type == "code"]
    assert cells[0].startswith("client = ")
    assert cells[1].endswith('client = "acme"\n')  # after the shipped one, so that it holds


@style
@of_chapters
def test_a_chapter_asks_one_question_and_answers_it_before_any_other_heading(path):
    cells = notebook(path).cells
    texts = [c.source for c in cells if c.cell_type == "markdown"]
    assert texts[0].startswith("# ")
    assert texts[0].splitlines()[0].endswith("?")
    assert not any(line.startswith("# ") for t in texts[1:] for line in t.splitlines())
    assert [c.cell_type for c in cells[:3]] == ["markdown", "code", "code"]  # title, client, study
    said = next(
        i for i, c in enumerate(cells) if re.search(r"^ *(say|answers|need)\(", c.source, re.M)
    )
    headings = [i for i, c in enumerate(cells) if c.cell_type == "markdown" and "## " in c.source]
    assert not headings or said < headings[0]


@style
@of_chapters
def test_a_shipped_chapter_tells_what_each_cell_shows_and_shows_one_thing(path):
    assert readable.faults(notebook(path).cells) == []


@style
@of_chapters
def test_notes_between_cells_stay_out_of_the_report(path):
    """A heading and its text are for the client; what is called a note is for the analyst."""
    for cell in notebook(path).cells:
        if cell.cell_type == "markdown":
            is_removed = "remove-cell" in cell.metadata.get("tags", [])
            assert is_removed == cell.id.endswith("note"), cell.id


DRAWN = {"plt", "ax", "axes", "fig", "figure", "Figure", "chart", "table", "floor"}
"""Names in cells that draw: their numbers are of the page: sizes, places, weights of a line."""


@style
@of_chapters
def test_a_chapter_states_no_number_of_the_field(path):
    """Prices, rates and counts come from frames. A cell that draws needs sizes and places; a
    comparison looks rows up, and a quantile says which cases are shown."""
    for cell in code(path):
        nodes = list(ast.walk(readable.parse(cell.source)))
        if {n.id for n in nodes if isinstance(n, ast.Name)} & DRAWN:
            continue
        looked_up = {
            id(c)
            for n in nodes
            if isinstance(n, ast.Compare)
            or (isinstance(n, ast.Call) and getattr(n.func, "attr", "") in ("quantile", "head"))
            for c in ast.walk(n)
        }
        for n in nodes:
            if isinstance(n, ast.Constant) and type(n.value) in (int, float):
                small = abs(n.value) <= 12 and n.value == int(n.value)
                line = cell.source.splitlines()[n.lineno - 1]
                assert small or n.value in (100, 1e3, 1e6) or id(n) in looked_up, line


@style
@of_chapters
def test_only_key_figures_are_kept_as_output_and_as_text(path):
    kept = [c for c in code(path) if "keep_output" in c.metadata.get("tags", [])]
    assert 1 <= len(kept) <= 3
    for cell in kept:
        assert "nbval-check-output" in cell.metadata.tags, f"{cell.id}: nbval would not look"
    for cell in code(path):
        assert cell.execution_count is None or cell in kept
        if cell in kept:
            assert cell.outputs, f"{cell.id}: run `make figures`"
            assert {o.output_type for o in cell.outputs} == {"stream"}
        else:
            assert not cell.outputs, f"{cell.id}: run `make figures`"


@of_all
def test_cells_have_readable_and_unique_ids(path):
    nbformat.validate(notebook(path))
    ids = [c.id for c in notebook(path).cells]
    assert len(set(ids)) == len(ids)


@style
def test_notebooks_are_clean_under_ruff():
    paths = [str(p) for p in (*CHAPTERS, *OTHERS)]
    for words in (["check"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *words, *paths], cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout


@style
def test_every_text_of_the_chapters_is_translated():
    """`make texts` finds them; what it adds waits for its `msgstr`."""
    found = runpy.run_path(str(ROOT / "notebooks" / "texts.py"))
    said = {text for path in CHAPTERS for text in found["of_cells"](path)}
    said |= {*found["of_library"](), *found["of_facts"]()}
    for language in texts.languages()[1:]:
        assert said - texts.catalogue(language).messages.keys() == set()


@style
def test_every_translation_is_of_a_text_that_is_found():
    """What `make texts` no longer finds, it would drop, though it may still be shown."""
    found = runpy.run_path(str(ROOT / "notebooks" / "texts.py"))
    said = {text for path in CHAPTERS for text in found["of_cells"](path)}
    said |= {*found["of_library"](), *found["of_facts"]()}
    for file in texts.FOLDER.glob("*.po"):
        with file.open("rb") as opened:
            written = [m for m in read_po(opened) if m.id and found["KEPT"] not in m.auto_comments]
        assert {(m.context or "", m.id) for m in written} - said == set()


@style
def test_a_group_of_open_points_is_not_quoted_as_if_it_were_the_name_of_one():
    """A point may be “Transfers and 4 more”."""
    english = set(runpy.run_path(str(ROOT / "notebooks" / "texts.py"))["of_cells"](LETTERS))
    said = [text for _, text in english]
    for language in texts.languages()[1:]:
        said += [texts.catalogue(language).messages[each] for each in english]
    about = [sentence for sentence in said if "{point:text}" in sentence]
    assert len(about) == 3 * len(texts.languages())
    assert not [sentence for sentence in about if re.search("[“„]{point:text}", sentence)]


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        ("{option} costs {cost:mony}.", "{cost:mony} is no format; write {cost:money}"),
        ("{option} costs {cost:money.", "write a field as {option}"),
        ("{} costs {cost:money}.", "a field needs a name"),
    ],
)
def test_a_field_that_is_none_is_told_with_file_and_cell(sentence, told, tmp_path):
    cells = ["x = 1\n\ny = 2", f"say(p({sentence!r}, row))"]
    path = tmp_path / "15_cost.ipynb"
    path.write_text(
        nbformat.writes(nbformat.v4.new_notebook(cells=[*map(nbformat.v4.new_code_cell, cells)]))
    )
    found = runpy.run_path(str(ROOT / "notebooks" / "texts.py"))
    with pytest.raises(ValueError, match=r"^15_cost\.ipynb, cell 2: ") as refused:
        list(found["of_cells"](path))
    assert told in str(refused.value)
