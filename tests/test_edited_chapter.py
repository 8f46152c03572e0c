"""One edited chapter: it alone runs again, and the report is the one that a whole run gives."""

import dataclasses
from pathlib import Path

from siting_report.run import batch
from siting_report.run.folder import ReportFolder
from siting_report.run.job import Job
from siting_report.run.report import Here
from trial import chapter, make


def counted(folder: Path, name: str, text: str) -> str:
    """A chapter that leaves a mark each time it runs."""
    mark = f"open({str(folder / name)!r}, 'a').write('.')"
    return chapter(f"Why {name}?", f"{mark};", f"say({text!r})")


def times(folder: Path, *names: str) -> list[int]:
    return [len((folder / name).read_text()) if (folder / name).exists() else 0 for name in names]


def two(folder: Path, second: str) -> Job:
    texts = {
        f"{n}0_{x}.ipynb": counted(folder, x, t) for n, x, t in ((1, "a", "A."), (2, "b", second))
    }
    return dataclasses.replace(make("one", texts), formats=("html",))


def test_only_the_edited_chapter_runs_again_and_the_report_is_the_same(tmp_path):
    with Here(1) as maker:
        only_the_edited_chapter_runs_again(tmp_path, maker)


def only_the_edited_chapter_runs_again(tmp_path: Path, maker: Here) -> None:
    out = tmp_path / "out"
    assert batch.run([two(tmp_path, "B.")], str(out), maker=maker).rendered == ["one"]
    assert times(tmp_path, "a", "b") == [1, 1]
    assert batch.run([two(tmp_path, "C.")], str(out), maker=maker).rendered == ["one"]
    assert times(tmp_path, "a", "b") == [1, 2]
    assert "C." in (out / "one" / "report.html").read_text(encoding="utf-8")
    edited = {p: p.read_bytes() for p in (out / "one").rglob("*") if p.is_file()}

    # Whoever forces has all run again; so has who changes a file of the report.
    batch.run([two(tmp_path, "C.")], str(out), force=True, maker=maker)
    assert times(tmp_path, "a", "b") == [2, 3]
    assert {p: p.read_bytes() for p in (out / "one").rglob("*") if p.is_file()} == edited
    executed = out / "one" / "notebooks" / "10_a.ipynb"
    executed.write_text(executed.read_text(encoding="utf-8") + " ", encoding="utf-8")
    batch.run([two(tmp_path, "C.")], str(out), maker=maker)
    assert times(tmp_path, "a", "b") == [3, 3]
    assert ReportFolder(out).holds(two(tmp_path, "C."))
