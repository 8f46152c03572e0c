"""Many reports: only what is out of date, the same bytes in any order, readable by their owner."""

import dataclasses
import errno
import os
import stat
from pathlib import Path

import pytest
from commands import siting
from siting.inputs import scenario
from siting.run import portfolio
from siting_report.run import batch
from siting_report.run.folder import ReportFolder
from trial import Quick, plain


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(p.relative_to(folder)): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file() and ".siting" not in p.parts
    }


def test_a_second_run_renders_nothing_and_a_change_renders_one(tmp_path):
    said: list[str] = []
    jobs = [plain("one"), plain("two")]
    first = batch.run(jobs, str(tmp_path), say=said.append, maker=Quick())
    assert sorted(first.rendered) == ["one", "two"]
    assert first.lines() == ["2 rendered, 0 up to date, 0 failed"]
    assert said[0].startswith("[1/2] ")
    assert "about" in said[0] and "left" in said[0]
    assert said[1].startswith("[2/2] ") and said[1].endswith("done")
    before = contents(tmp_path)

    second = batch.run(jobs, str(tmp_path), maker=Quick())
    assert (second.rendered, second.up_to_date) == ([], ["one", "two"])

    changed = dataclasses.replace(jobs[1], scenario=jobs[1].scenario + "# a remark\n")
    third = batch.run([jobs[0], changed], str(tmp_path), maker=Quick())
    assert (third.rendered, third.up_to_date) == (["two"], ["one"])
    assert contents(tmp_path)["one/report.html"] == before["one/report.html"]

    # A damaged or missing file makes the report out of date, whatever its manifest says.
    (tmp_path / "one" / "report.html").write_text("broken", encoding="utf-8")
    (tmp_path / "two" / "summary.json").unlink()
    assert ReportFolder(tmp_path).holds(jobs[0]) is False
    fourth = batch.run([jobs[0], changed], str(tmp_path), maker=Quick())
    assert sorted(fourth.rendered) == ["one", "two"]
    assert contents(tmp_path)["one/report.html"] == before["one/report.html"]
    assert batch.run([jobs[0]], str(tmp_path), force=True, maker=Quick()).rendered == ["one"]


def test_reports_are_readable_by_their_owner_alone(tmp_path):
    out = tmp_path / "out"
    batch.run([plain("one")], str(out), maker=Quick())
    assert (out / "index.html").is_file()
    for path in (out, *out.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_the_index_lists_all_reports_and_is_made_again_where_it_is_missing(tmp_path, monkeypatch):
    batch.run([plain("one")], str(tmp_path), maker=Quick())
    put = ReportFolder.put_index

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ReportFolder, "put_index", full)
    outcome = batch.run([plain("two")], str(tmp_path), maker=Quick())
    assert outcome.rendered == ["two"]
    assert outcome.lines()[0] == "index.html: cannot be written: No space left on device"
    monkeypatch.setattr(ReportFolder, "put_index", put)
    (tmp_path / "index.html").unlink()
    assert batch.run([plain("two")], str(tmp_path), maker=Quick()).up_to_date == ["two"]
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert all(client in page for client in ("one", "two"))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> str:
    """Has the command line make no real reports; text of a client with a single chapter."""
    run = batch.run
    quickly = {"maker": Quick()}
    monkeypatch.setattr(batch, "run", lambda jobs, out, **how: run(jobs, out, **how | quickly))
    text = (scenario.project() / "params" / "tidewater-apps.yaml").read_text(encoding="utf-8")
    chapters = sorted(p.stem for p in (scenario.project() / "notebooks").glob("[0-9]*.ipynb"))
    return text + f"report: {{leave_out: [{', '.join(chapters[:-1])}]}}\n"


def test_of_two_scenarios_with_one_name_the_second_is_refused_and_the_same_twice_is_made_once(
    tmp_path, quick
):
    paths = [tmp_path / "here" / "acme.yaml", tmp_path / "there" / "acme.yaml"]
    for path, country in zip(paths, ("US", "CA"), strict=True):
        path.parent.mkdir()
        path.write_text(quick.replace("country: US", f"country: {country}", 1), encoding="utf-8")
    first, second = map(str, paths)
    result = siting(
        "report", first, second, first, "--format", "html", "--out", str(tmp_path / "out")
    )
    assert result.exit_code == 1
    assert "another scenario of this run is named 'acme', too; rename it" in result.stderr
    assert result.stderr.splitlines()[-1] == "1 rendered, 0 up to date, 1 failed"
    resolved = (tmp_path / "out" / "acme" / "scenario.yaml").read_text(encoding="utf-8")
    assert "country: US" in resolved


HOSTILE_FILES = {"text": "no picture", "deep": "<svg>" * 100_000, "link": None, "pipe": None}
"""Logos that somebody might put beside a scenario."""


def test_one_clients_bad_file_fails_that_client_alone_with_one_line(tmp_path, quick):
    (tmp_path / "good.yaml").write_text(quick, encoding="utf-8")
    for name, content in HOSTILE_FILES.items():
        text = quick.replace("client:\n", f"client:\n  logo: {name}.svg\n", 1)
        assert text != quick
        (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
        if content:
            (tmp_path / f"{name}.svg").write_text(content, encoding="utf-8")
    (tmp_path / "link.svg").symlink_to("/etc/hostname")
    os.mkfifo(tmp_path / "pipe.svg")
    out = tmp_path / "out"
    files = sorted(map(str, tmp_path.glob("*.yaml")))
    result = siting("report", *files, "--format", "html", "--out", str(out))
    assert result.exit_code == 1, result.output
    *refusals, counts = result.stderr.splitlines()[-len(HOSTILE_FILES) - 1 :]
    assert counts == f"1 rendered, 0 up to date, {len(HOSTILE_FILES)} failed"
    for name, line in zip(sorted(HOSTILE_FILES), refusals, strict=True):
        assert f"{name}.svg" in line and "client.logo" in line
    assert sorted(p.name for p in out.iterdir() if p.is_dir()) == [".siting", "good"]
    assert "Traceback" not in result.output


@pytest.mark.parametrize("what", ["link", "file"])
def test_a_link_or_a_file_in_a_reports_place_is_refused_each_time(tmp_path, what):
    place = tmp_path / "out" / "one"
    folder = ReportFolder(tmp_path / "out")
    elsewhere = tmp_path / "elsewhere"
    for where in (elsewhere, place.parent):
        where.mkdir()
    if what == "link":
        place.symlink_to(elsewhere)
    else:
        place.touch()
    for _ in range(2):
        with folder.lock("one"), pytest.raises(OSError, match=f"a {what} where a folder should be"):
            folder.put(plain("one"), {"report.html": b"new"})
        with folder.lock("one"), pytest.raises(OSError, match=f"a {what} where a folder should be"):
            folder.put_failure("one", {})
    assert list(elsewhere.iterdir()) == []
    place.unlink()
    with folder.lock("one"):
        folder.put(plain("one"), {"report.html": b"new"})
    assert folder.read("one", "report.html") == b"new"


def test_a_failed_clients_folder_is_its_owners_alone(tmp_path):
    folder = ReportFolder(tmp_path)
    with folder.lock("one"):
        folder.put_failure("one", {"10_x.ipynb": b"{}"})
    for path in (tmp_path / "one", tmp_path / "one" / "failed"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    "content", [b"[" * 200_000, b'{"a": ' + b"9" * 5000 + b"}", b"[]", b"null", b"\xff", b"{}"]
)
def test_a_spoilt_manifest_or_summary_counts_as_none_and_stops_nobody(tmp_path, content):
    folder = ReportFolder(tmp_path)
    one = plain("one")
    with folder.lock("one"):
        folder.put(one, {"report.html": b"x", "summary.json": content})
    (tmp_path / "one" / "manifest.json").write_bytes(content)
    assert not folder.holds(one)
    assert "its summary.json cannot be read" in portfolio.index(folder.summaries())


def test_a_pipe_or_a_link_in_a_reports_folder_is_not_read(tmp_path):
    folder = ReportFolder(tmp_path)
    (tmp_path / "one").mkdir()
    os.mkfifo(tmp_path / "one" / "manifest.json")
    (tmp_path / "one" / "summary.json").symlink_to("/etc/hostname")
    assert not folder.holds(plain("one"))
    assert folder.read("one", "summary.json") is None


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    file = tmp_path / "file"
    file.touch()
    outcome = batch.run([plain("one"), plain("two")], str(file), maker=Quick())
    reason = f"cannot be written: {file}/.siting: Not a directory"
    assert outcome.failed == {"one": reason, "two": reason}
