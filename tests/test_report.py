"""One report: complete, self-contained, hostile text harmless, the same bytes each time."""

import dataclasses
import html
import importlib.util
import json
import re
import subprocess
import sys
from typing import Any

import nbformat
import pytest
from nbconvert.nbconvertapp import NbConvertApp
from siting.inputs import scenario
from siting.run import job
from siting_report.exhibit import MIME
from siting_report.run.job import PlacedNotebook
from siting_report.run.kernel import ChapterFailed
from trial import CHART, HOSTILE, Render, chapter, make

LONGEST = 3_000_000


def page(files: dict[str, bytes]) -> str:
    return files["report.html"].decode()


def without_drawings(text: str) -> str:
    return re.sub(r"<(style|svg|script)\b.*?</\1>", "", text, flags=re.DOTALL)


def words(markup: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", without_drawings(markup))).split())


def test_a_report_has_every_file_of_the_contract(rendered):
    assert set(rendered) == {
        "report.html", "report.pdf", "summary.json", "scenario.yaml", "cash-flows.xlsx",
        "notebooks/10_decision.ipynb", "notebooks/40_cost.ipynb",
    }  # fmt: skip
    assert json.loads(rendered["summary.json"])


def test_the_page_is_self_contained_and_light(rendered):
    text = page(rendered)
    assert len(text) < LONGEST
    assert text.count("<script") == 1  # the page's own, which its policy allows by name
    assert re.search(r"default-src 'none'[^\"]*script-src 'sha256-[A-Za-z0-9+/=]+'", text)
    assert "@font-face{font-family:'Source Sans Pro'" in text  # which charts name, too
    loaded = re.findall(r'(?:src|poster|srcset|data)="([^"]*)"|url\(([^)]*)\)|@import', text)
    assert all((a or b).startswith(("data:", "#")) for a, b in loaded if a or b)
    links = re.findall(r'<link|<a [^>]*href="([^"]*)"', text)
    assert all(link.startswith(("#", "https://")) or link in rendered for link in links if link)


def test_no_code_of_a_chapter_is_in_the_page(rendered):
    text = page(rendered)
    for word in ("import pandas", "Table(frame", "study.open", "kept for the test"):
        assert word not in text


def test_page_one_comes_before_the_first_chapter(rendered):
    text = without_drawings(page(rendered))
    assert text.index("What to do?") < text.index('<section class="chapter"')
    assert text.count("What to do?") == 1


def test_exhibits_are_numbered_and_sources_become_notes(rendered):
    text = words(page(rendered))
    for title in (
        "Table 1 The API costs", "Figure 1 Own servers", "Table 2 A table of three pages",
    ):  # fmt: skip
        assert title in text
    assert re.search(r'id="source-1"[^>]*>\s*Price list, table 3', page(rendered))
    assert set(re.findall(r'href="#source-(\d)"', page(rendered))) == {"1", "2"}


def test_hostile_text_stays_text(rendered):
    text = page(rendered)
    assert text.count("<script") == 1
    assert 'href="http://evil' not in text
    assert words(text).count("<script>alert(1)</script> #import $(rm) {{7*7}} =cmd|x ../..") >= 5


def test_every_id_is_unique_and_every_inner_link_has_a_target(rendered):
    text = page(rendered)
    ids = re.findall(r'\bid="([^"]+)"', text)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', without_drawings(text))) <= set(ids)


def nbconvert(form: str, *words: object) -> None:
    """Does what `jupyter nbconvert` does, here."""
    app = NbConvertApp()
    app.initialize(["--to", form, *map(str, words)])
    app.start()


def test_nbconvert_shows_the_exhibits_of_an_executed_chapter(rendered, tmp_path):
    names = ("10_decision", "40_cost")
    for name in names:
        (tmp_path / f"{name}.ipynb").write_bytes(rendered[f"notebooks/{name}.ipynb"])
    nbconvert("html", *(tmp_path / f"{name}.ipynb" for name in names), "--no-input")
    for name in names:
        shown = words((tmp_path / f"{name}.html").read_text(encoding="utf-8"))
        book = nbformat.reads(rendered[f"notebooks/{name}.ipynb"].decode(), as_version=4)
        found = exhibits(book)
        assert found and any(one["kind"] == "table" for one in found)
        for one in found:
            for said in texts_of(one):
                assert words(html.escape(said)) in shown, said


def exhibits(book: nbformat.NotebookNode) -> list[dict[str, Any]]:
    """What the cells of an executed chapter show, as data."""
    outputs = (output for cell in book.cells for output in cell.get("outputs", ()))
    return [output.data[MIME] for output in outputs if MIME in output.get("data", {})]


def texts_of(shown: dict[str, Any]) -> list[str]:
    """Words that a reader must find of an exhibit: its title, and the cells of a table."""
    rows = shown.get("rows", ()) if shown["kind"] == "table" else ()
    cells = [cell["text"] for row in rows for cell in row["cells"]]
    return [text for text in (shown.get("title", ""), *cells) if text]


def test_nbconvert_sets_an_executed_chapter_alone_as_page_and_paper(rendered, tmp_path):
    for name, content in rendered.items():
        if name in ("notebooks/40_cost.ipynb", "scenario.yaml"):
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
    chapter = tmp_path / "notebooks" / "40_cost.ipynb"
    for form in ("siting_html", "siting_pdf"):
        nbconvert(form, chapter)
    shown = words(chapter.with_suffix(".html").read_text(encoding="utf-8"))
    for one in exhibits(nbformat.reads(rendered["notebooks/40_cost.ipynb"].decode(), as_version=4)):
        assert one["kind"] != "table" or words(html.escape(one["title"])) in shown
    assert chapter.with_suffix(".pdf").read_bytes().startswith(b"%PDF")


def test_papermill_alone_runs_a_shipped_chapter_from_any_folder(tmp_path):
    shared = scenario.project() / "notebooks" / "72_memory.ipynb"
    words_to_run = ["-m", "papermill", str(shared), "out.ipynb", "-p", "client", "tidewater-apps"]
    done = subprocess.run(
        [sys.executable, *words_to_run], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    found = exhibits(nbformat.read(tmp_path / "out.ipynb", as_version=4))
    assert {"chart", "table", "prose"} <= {one["kind"] for one in found}


def test_the_resolved_scenario_gives_the_same_report(rendered, trial_job, tmp_path):
    path = tmp_path / "scenario.yaml"
    path.write_bytes(rendered["scenario.yaml"])
    chapters = tmp_path / "chapters"
    chapters.mkdir()
    for name, placed in trial_job.chapters.items():
        (chapters / name).write_text(placed.text, encoding="utf-8")
    again = job.prepare(path, notebooks=chapters)
    assert again == trial_job
    assert again.fingerprint() == trial_job.fingerprint()


def test_executed_chapters_hold_no_time_and_no_path(rendered):
    for name in ("notebooks/10_decision.ipynb", "notebooks/40_cost.ipynb"):
        text = rendered[name].decode()
        assert not re.search(r"\d\d:\d\d:\d\d|/tmp|/home|start_time|duration", text)
        book = nbformat.reads(text, as_version=4)
        nbformat.validate(book)
        assert book.metadata.papermill.parameters == {"client": "../scenario.yaml"}


def test_a_chapter_that_fails_is_named_with_its_cell_and_keeps_what_it_had_shown(render):
    broken = make(chapters={"10_x.ipynb": chapter("Why?", "print('so far')", "1 / 0", "print(2)")})
    said = r"10_x.ipynb, cell cell-1: ZeroDivisionError"
    with pytest.raises(ChapterFailed, match=said) as failed:
        render(broken)
    assert "so far" in failed.value.notebook
    assert "ZeroDivisionError" in failed.value.notebook


def test_a_study_that_cannot_be_computed_fails_and_does_not_wait(render):
    broken = dataclasses.replace(make(kit=job.KIT), scenario="nonsense: 1\n")
    with pytest.raises(ValueError, match="nonsense"):
        render(broken)


def test_a_chapter_sees_nothing_of_another_client(render):
    # The first leaves traces in every place that processes could share; the second looks for them.
    leave = "import builtins, os; builtins.secret = os.environ['SECRET'] = 'first'; say('left')"
    look = (
        "import builtins, os\n"
        "say(str(hasattr(builtins, 'secret')) + os.environ.get('SECRET', 'no'))"
    )
    render(make("first", {"10_x.ipynb": chapter("A?", leave)}))
    second = make("second", {"10_x.ipynb": chapter("B?", look), "20_y.ipynb": chapter("C?", leave)})
    files = render(dataclasses.replace(second, formats=("html",)))
    assert "Falseno" in page(files)


@pytest.mark.parametrize("what", ["attachments", "data"])
@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/b"])
def test_no_file_of_a_client_leaves_the_folder(render, what, name):
    with pytest.raises(ValueError, match="no plain file name"):
        render(dataclasses.replace(make(), **{what: {name: b"x"}}))


LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><path d="M0 0h9z"/></svg>'
SAYS = (
    'say("# It is long.\\n\\n[The appendix](#list) has all; [no page](#gone) has more: all"'
    ' " of it ([see](#80_list)), in short ([see](#20_short)).", frame)'
)
LOOKS = (
    "import importlib.util, os, sys\n"
    "importlib.invalidate_caches()\n"
    "found = importlib.util.find_spec('planted') or [p for p in sys.path if not p]\n"
    "say(f'{found} {sorted(os.listdir())}')"
)
PYARROW = (
    "import pyarrow as pa\n"
    "texts = pd.Series(['ab'], dtype=pd.ArrowDtype(pa.string()))\n"
    "count = pd.Series([1, 2], dtype='int8[pyarrow]').sum()\n"
    "say(f'{texts.dtype}: {texts.str.upper()[0]}, {count}')"
)


@pytest.fixture(scope="module")
def sundry(render: Render) -> dict[str, bytes]:
    """A report with a logo and another file of the client's, of chapters that refer to each other,
    look for that file and keep columns as pyarrow does."""
    has_pyarrow = importlib.util.find_spec("pyarrow") is not None
    chapters = {
        "10_first.ipynb": chapter("What?", SAYS),
        "15_own.ipynb": chapter("Why?", 'table(frame, "Mine")'),
        "20_short.ipynb": chapter("How?", 'table(frame, "Short")'),
        "80_list.ipynb": chapter(
            "Which?", 'table(frame, "Others")', 'table(frame, "All of it", name="list")'
        ),
        "90_looks.ipynb": chapter("A?", LOOKS),
        "91_kept.ipynb": chapter("B?", PYARROW if has_pyarrow else "None", CHART),
    }
    # Python of a name that the kit itself never gives.
    planted = {"logo.svg": LOGO, "planted.py": b"raise SystemExit('ran')"}
    made = make(chapters=chapters, logo="logo.svg")
    return render(dataclasses.replace(made, attachments=planted, formats=("html",)))


def test_a_chapter_finds_no_file_of_a_client_as_a_module(sundry):
    assert "[] []" in page(sundry)


def test_a_chapter_may_keep_columns_in_pyarrows_memory(sundry):
    pytest.importorskip("pyarrow")
    assert "string[pyarrow]: AB, 3" in words(page(sundry))


def test_a_logo_is_in_the_page_and_travels_with_the_report(sundry):
    assert 'src="data:image/svg+xml;base64,' in page(sundry)
    assert sundry["logo.svg"] == LOGO


def test_a_sentence_refers_to_tables_and_chapters_by_their_numbers(sundry):
    told = "Table 4 has all; no page has more: all of it (part 4), in short (part 3)."
    assert told in words(page(sundry))


def test_any_change_of_content_changes_the_fingerprint(trial_job):
    first = trial_job.fingerprint()
    assert (
        make(
            kit=job.KIT, name=HOSTILE, question=f"Where? {HOSTILE}", brand_colour="#ffcc00"
        ).fingerprint()
        == first
    )
    moved = dataclasses.replace(trial_job.chapters["40_cost.ipynb"], part="appendix")
    changes = (
        {"scenario": trial_job.scenario + " "},
        {"chapters": {**trial_job.chapters, "99_z.ipynb": PlacedNotebook("{}")}},
        {"chapters": {**trial_job.chapters, "40_cost.ipynb": moved}},
        {"attachments": {"logo.svg": b"1"}},
    )
    others = {dataclasses.replace(trial_job, **change).fingerprint() for change in changes}
    assert len(others | {first}) == 5
    assert dataclasses.replace(trial_job, cell_limit_s=1).fingerprint() == first
