"""Chapters: whatever runs in JupyterLab is kept, and each client has its own choice of them."""

import json
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode
from siting.inputs import scenario
from siting.run import job
from siting_report.run.job import Job
from siting_report.run.kernel import ChapterFailed, Kernel
from studies import WITH_SOURCE
from trial import chapter as notebook

PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk"
    "+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
CELLS = {
    "plt.show()": "import matplotlib.pyplot as plt, pandas as pd\nplt.plot([1, 2])\nplt.show()",
    "df.plot()": "df = pd.DataFrame({'a': [1, 2]})\ndf.plot()",
    "figure": "fig, ax = plt.subplots()\nax.plot([1, 3])\nfig",
    "axes": "plt.subplots(1, 2)[1]",
    "%matplotlib inline": "%matplotlib inline\nplt.plot([1, 2])",
    "frame": "df",
    "styler": "df.style.format('{:.2f}')",
    "markdown": "from IPython.display import *\nMarkdown('*m*')",
    "png": f"import base64\nImage(base64.b64decode('{PIXEL}'))",
    "print": "import sys\nprint('a')\nprint('b')\nprint('c', file=sys.stderr)",
    "command": "!echo from a command",
    "%%bash": "%%bash\necho from bash",
    "past Python": "import os\nos.write(1, b'past Python\\n');",
    "updated": "was = display(Markdown('before'), display_id='x')\nwas.update(Markdown('after'))",
    "cleared": "print('old')\nclear_output()\nprint('new')",
    "cleared later": "print('old')\nclear_output(wait=True)\nprint('new')",
    "awaited": "import asyncio\nawait asyncio.sleep(0)\n42",
    "quiet": "43;",
    "need": "from siting_report.show import need\nneed(False, 'Nothing is left to show.')",
    "never": "print('never')",
}
SHOWN = "application/vnd.siting+json"


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    """What runs the chapters of a report, one after the other."""
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST")  # a kernel that finds it leaves some output to pytest
        own = Path(folder, "own")
        own.mkdir()
        started = Kernel(Path(folder), own, 300)
        started.start()
        yield started
        started.close()


@pytest.fixture(scope="module")
def cells(kernel: Kernel) -> dict[str, NotebookNode]:
    text = kernel.execute("10_x.ipynb", notebook("Why?", *CELLS.values()), "base")
    book = nbformat.reads(text, as_version=4)
    nbformat.validate(book)
    by_id = {cell.id: cell for cell in book.cells}
    return {name: by_id.get(f"cell-{i}") for i, name in enumerate(CELLS)}


@pytest.mark.parametrize(
    "name", ["plt.show()", "df.plot()", "figure", "axes", "%matplotlib inline"]
)
def test_a_figure_is_shown_once_in_any_of_matplotlibs_ways(cells, name):
    kinds = [o.data[SHOWN]["kind"] for o in cells[name].outputs if "data" in o]
    assert kinds == ["chart"]


@pytest.mark.parametrize(
    "name,kind",
    [("frame", SHOWN), ("styler", SHOWN), ("markdown", "text/markdown"), ("png", "image/png")],
)
def test_a_rich_value_is_kept(cells, name, kind):
    (output,) = cells[name].outputs
    assert output.output_type == "execute_result"
    assert output.execution_count == cells[name].execution_count
    assert output.data[kind]


@pytest.mark.parametrize(
    "name,texts",
    [
        ("print", ["a\nb\n", "c\n"]),
        ("command", ["from a command\n"]),
        ("%%bash", ["from bash\n"]),
        ("past Python", ["past Python\n"]),
        ("cleared", ["new\n"]),
        ("cleared later", ["new\n"]),
    ],
)
def test_what_is_printed_is_kept(cells, name, texts):
    assert [o.text.replace("\r", "") for o in cells[name].outputs] == texts


def test_a_display_is_updated_where_it_stands(cells):
    assert [o.data["text/markdown"] for o in cells["updated"].outputs] == ["after"]


def test_no_output_holds_an_address(cells):
    assert not re.search(r"\bat 0x[0-9a-f]+", "".join(str(c) for c in cells.values()))


@pytest.mark.parametrize(
    "cell,error",
    [("import getpass; getpass.getpass()", "StdinNotImplementedError"),
     ("def f(:", "SyntaxError"), ("%nonsense", "UsageError"), ("totl", "NameError")],
)  # fmt: skip
def test_a_cell_that_asks_or_is_wrong_fails_and_does_not_hang(kernel, cell, error):
    with pytest.raises(ChapterFailed) as failed:
        kernel.execute("10_x.ipynb", notebook("Why?", cell), "base")
    assert failed.value.cell == "cell-0"
    assert failed.value.reason.startswith(error)


def test_a_file_that_a_chapter_does_not_find_is_told_with_how_to_read_one(kernel):
    with pytest.raises(ChapterFailed, match=r"'x\.csv'; .*s\.file\("):
        kernel.execute("10_x.ipynb", notebook("Why?", "open('x.csv')"), "base")


def test_a_chapter_finds_a_fresh_notebook_and_nothing_that_the_user_has_set(kernel):
    leaves = "left_over = 1; plt.rcParams['font.size'] = 40; plt.figure()\nimport os; os.chdir('/')"
    kernel.execute("10_x.ipynb", notebook("Why?", leaves), "base")
    looks = (
        "import os\n"
        "print('left_over' in globals(), plt.rcParams['font.size'] < 20, plt.get_fignums(),"
        " os.getcwd() != '/')"
    )
    book = json.loads(kernel.execute("20_y.ipynb", notebook("Why?", looks), "base"))
    assert book["cells"][-1]["outputs"][0]["text"] == "False True [] True\n"


# --- Which chapters a client has ------------------------------------------------------------------


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A folder with three shared chapters."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("10_decision", "40_cost", "76_cost_tables"):
        (folder / f"{name}.ipynb").write_text(notebook(f"{name}?"), encoding="utf-8")
    return folder


def prepared(shared: Path, client: str, text: str = "") -> Job:
    path = shared.parent / f"{client}.yaml"
    path.write_text(text + WITH_SOURCE, encoding="utf-8")
    return job.prepare(path, notebooks=shared)


def placed(made: Job) -> dict[str, tuple[str, bool]]:
    return {name: (c.part, c.own) for name, c in made.chapters.items()}


def test_a_clients_own_chapters_replace_and_add_for_this_client_alone(shared):
    before = {name: prepared(shared, name) for name in ("acme", "other")}
    (shared / "acme").mkdir()
    for name in ("40_cost", "45_fleet", "90_notes"):
        (shared / "acme" / f"{name}.ipynb").write_text(notebook("Our own?"), encoding="utf-8")
    after = {name: prepared(shared, name) for name in ("acme", "other")}

    assert placed(after["acme"]) == {
        "10_decision.ipynb": ("body", False),
        "40_cost.ipynb": ("body", True),
        "45_fleet.ipynb": ("body", True),
        "76_cost_tables.ipynb": ("appendix", False),
        "90_notes.ipynb": ("appendix", True),
    }
    assert "Our own?" in after["acme"].chapters["40_cost.ipynb"].text
    assert after["acme"].fingerprint() != before["acme"].fingerprint()
    assert after["other"] == before["other"]
    assert after["other"].fingerprint() == before["other"].fingerprint()


def test_a_scenario_moves_chapters_and_leaves_them_out(shared):
    text = "report: {body: [76_cost_tables], appendix: [10_decision.ipynb], leave_out: [40_cost]}\n"
    assert list(placed(prepared(shared, "acme", text)).items()) == [
        ("76_cost_tables.ipynb", ("body", False)),
        ("10_decision.ipynb", ("appendix", False)),
    ]


@pytest.mark.parametrize(
    "text,said",
    [
        ("report: {body: [40_costs]}", r"report.body.*: '40_costs' is no chapter.*40_cost"),
        ("report: {body: [40_cost], leave_out: [40_cost]}", "'40_cost' is in body, too"),
        ("chapters: {leave_out: [40_cost]}", "chapters"),
        ("report: {leave_out: [10_decision, 40_cost, 76_cost_tables]}", "holds no chapter"),
    ],
)
def test_a_wrong_choice_of_chapters_is_refused(shared, text, said):
    with pytest.raises(scenario.DocumentError, match=said):
        prepared(shared, "acme", f"{text}\n")
