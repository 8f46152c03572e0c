"""Whatever breaks: other reports are complete, the last good one stays, the next run goes on."""

import contextlib
import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_kit
from siting_cluster import workers
from siting_report.run import batch, folder
from siting_report.run.folder import ReportFolder
from siting_report.run.job import Job, PlacedNotebook
from trial import Quick, chapter, plain

PATH = [str(Path(batch.__file__).parents[2]), str(Path(__file__).parent)]
ROOT = Path(__file__).parents[1]

PATIENCE_S = 120
"""How long a test waits for what a busy machine may do late. No test passes or fails by time."""
HANGS_S = 900
"""After which a run that should end is taken to hang."""

ASKS = "StdinNotImplementedError: raw_input was called, but this frontend does not support"
FAULTS = {
    "raises": ("1 / 0", "10_x.ipynb, cell cell-1: ZeroDivisionError: division by zero"),
    "dies": (
        "import os; os.kill(os.getpid(), 9)",
        "10_x.ipynb, cell cell-1: its process was killed",
    ),
    "hangs": ("import time; time.sleep(600)", "10_x.ipynb, cell cell-1: ran longer than 6 s"),
    "exits": ("raise SystemExit(3)", "10_x.ipynb, cell cell-1: SystemExit: 3"),
    "asks": ("input('?')", f"10_x.ipynb, cell cell-1: {ASKS} input requests."),
}


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files that nothing else uses."""
    with tempfile.TemporaryDirectory(prefix="t-", ignore_cleanup_errors=True) as place:
        yield Path(place)


def put(place: Path, *jobs: Job) -> None:
    """Has last good reports of these jobs stand there."""
    batch.run(jobs, str(place), maker=Quick())


def python(text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", text], check=True, capture_output=True, text=True, timeout=HANGS_S,
        cwd=ROOT, env=os.environ | environment,
    )  # fmt: skip


def test_a_chapter_that_breaks_in_any_way_breaks_its_own_report_alone(tmp_path):
    put(tmp_path, *map(plain, FAULTS))
    # Only the cell that hangs meets its limit: a busy machine may be slow with the others.
    limit = {"hangs": 6}
    bad = [
        plain(name, "print('so far')", fault, "print('never')", limit_s=limit.get(name, 300))
        for name, (fault, _) in FAULTS.items()
    ]
    outcome = batch.run([*bad, plain("good")], str(tmp_path), at_once=2)
    assert outcome.rendered == ["good"]
    assert outcome.failed == {name: reason for name, (_, reason) in FAULTS.items()}
    assert outcome.lines()[-1] == f"1 rendered, 0 up to date, {len(FAULTS)} failed"
    for name in FAULTS:
        assert (tmp_path / name / "report.html").read_bytes() == b"{}\n"
        kept = json.loads((tmp_path / name / "failed" / "10_x.ipynb").read_bytes())
        *_, before, broke = kept["cells"]
        assert before["outputs"][0]["text"] == "so far\n" and broke["id"] == "cell-1"
        assert kept["metadata"]["papermill"]["parameters"] == {"client": "../scenario.yaml"}

    # The last good report is of this very job; beside what failed since, it is not up to date.
    assert batch.run([plain("raises")], str(tmp_path), maker=Quick()).rendered == ["raises"]
    assert not (tmp_path / "raises" / "failed").exists()


def test_no_kernel_serves_two_clients_and_one_serves_all_chapters_of_one(tmp_path):
    says = PlacedNotebook(chapter("Which?", "import os", "print(os.getpid())"))
    two = {"10_a.ipynb": says, "20_b.ipynb": says}
    jobs = [
        Job(kit=small_kit.__name__, client=n, scenario="{}\n", chapters=two, formats=("html",))
        for n in ("one", "two")
    ]
    batch.run(jobs, str(tmp_path), at_once=1)

    def kernels(client: str) -> set[str]:
        executed = sorted((tmp_path / client / "notebooks").glob("*.ipynb"))
        cells = [json.loads(path.read_bytes())["cells"][-1] for path in executed]
        return {cell["outputs"][0]["text"] for cell in cells}

    assert len(kernels("one")) == len(kernels("two")) == 1
    assert kernels("one") != kernels("two")


def test_a_full_disk_leaves_the_last_good_report_and_the_other_clients(tmp_path, monkeypatch):
    jobs = [plain("one"), plain("two")]
    put(tmp_path, *jobs)
    before = {p.name: p.read_bytes() for p in (tmp_path / "one").iterdir() if p.is_file()}
    sync = os.fsync

    def full(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if "/one" in name and name.endswith("summary.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    outcome = batch.run(jobs, str(tmp_path), force=True, maker=Quick())
    assert outcome.failed == {"one": "cannot be written: No space left on device"}
    assert outcome.rendered == ["two"]
    assert {p.name: p.read_bytes() for p in (tmp_path / "one").iterdir() if p.is_file()} == before
    assert not list((tmp_path / folder.WORK).glob("one.new*"))
    assert batch.run(jobs, str(tmp_path)).up_to_date == ["one", "two"]


REALLY_FULL = """
import sys; sys.path[:0] = {path!r}
import json, os, pathlib, tempfile
from siting_report.run import batch
from trial import plain
disk, filler = pathlib.Path({disk!r}), pathlib.Path({disk!r}) / "filler"
jobs, out, seen = [plain("one")], {out!r}, []
def run():
    outcome = batch.run(jobs, out, force=True)
    seen.append([sorted(outcome.rendered), outcome.failed])
    return (pathlib.Path(out) / "one" / "report.html").read_bytes()
good = run()
with filler.open("wb", buffering=0) as file:
    try:
        while file.write(bytes(4096)): pass
    except OSError: pass
assert run() == good
filler.unlink()
assert run() == good
left = [str(p) for p in disk.rglob("*") if ".new" in p.name or ".old" in p.name or p.is_socket()]
print(json.dumps([*seen, left]), flush=True)
"""


@pytest.mark.parametrize("full", ["reports", "temporary files"])
def test_a_disk_that_is_really_full_spoils_nothing(full, short, tmp_path):
    """On a file system of 8 MiB."""
    out = str((short if full == "reports" else tmp_path) / "out")
    text = REALLY_FULL.format(path=PATH, disk=str(short), out=out)
    place = {} if full == "reports" else {"TMPDIR": str(short)}
    mount = f"mount -t tmpfs -o size=8m tmpfs '{short}'"
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc"]
    if not shutil.which("unshare") or subprocess.run([*apart, mount], check=False).returncode:
        pytest.skip("this system lets nobody mount a file system of their own")
    done = subprocess.run(
        [*apart, f'{mount}\nexec "$0" -c "$1"', sys.executable, text], check=True, text=True,
        capture_output=True, timeout=HANGS_S, cwd=ROOT, env=os.environ | place,
    )  # fmt: skip
    before, during, after, left = json.loads(done.stdout.splitlines()[-1])
    assert before == after == [["one"], {}]
    assert during[0] == [] and "No space left on device" in during[1]["one"]
    assert left == []
    assert done.stderr == ""


def test_a_run_killed_between_two_renames_is_undone(tmp_path):
    reports = ReportFolder(tmp_path)
    with reports.lock("one"):
        reports.put(plain("one"), {"report.html": b"good"})
    # The state after the old report was moved aside and before the new one took its place.
    (tmp_path / "one").rename(tmp_path / folder.WORK / "one.old")
    (tmp_path / folder.WORK / "one.new").mkdir()
    with reports.lock("one"):
        assert reports.read("one", "report.html") == b"good"
    assert sorted(p.name for p in (tmp_path / folder.WORK).iterdir()) == ["one.lock"]


def held(client: str, place: Path) -> Job:
    """A job; unless it is the first, its chapter names its kernel, and a program that this starts,
    in a folder and waits while a file `hold` is there."""
    cell = f"""import os, pathlib, subprocess, time
place = pathlib.Path({str(place)!r})
started = subprocess.Popen(["sleep", "{HANGS_S}"])
(place / str(started.pid)).touch()
(place / str(os.getpid())).touch()
for _ in range({HANGS_S} * 10):
    if not (place / "hold").exists():
        break
    time.sleep(0.1)
started.kill();"""
    return plain(client, *([] if client == "a" else [cell]), "say('ok')", limit_s=2 * HANGS_S)


HELD = """
import sys; sys.path[:0] = {path!r}
import pathlib, signal
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from siting_report.run import batch
from test_faults import held
jobs = [held(n, pathlib.Path({pids!r})) for n in "abc"]
outcome = batch.run(jobs, {out!r}, at_once=2, say=lambda line: print(line, file=sys.stderr))
print(outcome.lines()[-1], flush=True)
sys.exit(130 if outcome.left else 0)
"""


def alive(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_run_keeps_what_was_done_and_goes_on_later(
    tmp_path, short, monkeypatch, how
):
    pids = tmp_path / "pids"
    out = tmp_path / "out"
    pids.mkdir()
    (pids / "hold").touch()
    text = HELD.format(path=PATH, pids=str(pids), out=str(out))
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True, env=os.environ | {"TMPDIR": str(short)}, start_new_session=True,
    ) as run:  # fmt: skip
        while not ((out / "a" / "manifest.json").exists() and len(list(pids.iterdir())) == 5):
            assert run.poll() is None  # its cells end by themselves
            time.sleep(0.05)
        started = [int(p.name) for p in pids.iterdir() if p.name != "hold"]
        os.killpg(run.pid, how)  # as a terminal does
        said, progress = run.communicate(timeout=HANGS_S)
    if how == signal.SIGKILL:
        started = started[:0]  # what a chapter has started itself, a killed run cannot end
    else:
        assert run.returncode == 130
        assert said.splitlines()[-1] == (
            "1 rendered, 0 up to date, 0 failed; interrupted, run it again to go on; left: b, c"
        )
        assert "Traceback" not in progress
        assert list(short.iterdir()) == []
        assert not (out / "b").exists()
    deadline = time.monotonic() + PATIENCE_S
    while any(map(alive, started)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, started)), "a chapter outlived its run"

    (pids / "hold").unlink()
    for left in short.iterdir():  # of a killed run: the next one takes it away
        os.utime(left, (0, 0))
    monkeypatch.setattr(tempfile, "tempdir", str(short))
    # What a run does with the folders of a killed one, it does where it makes reports itself.
    maker = None if how == signal.SIGKILL else Quick()
    again = batch.run([held(n, pids) for n in "abc"], str(out), at_once=2, maker=maker)
    assert (sorted(again.rendered), again.up_to_date, again.failed) == (["b", "c"], ["a"], {})
    assert list(short.iterdir()) == []


FEW = """
import sys; sys.path[:0] = {path!r}
import resource
from siting_report.run import batch
from trial import plain
resource.setrlimit(resource.RLIMIT_NOFILE, (12, 12))
print(batch.run([plain("a"), plain("b")], {out!r}, at_once=2).lines())
"""


def test_too_few_file_handles_are_named(tmp_path, short):
    done = python(FEW.format(path=PATH, out=str(tmp_path / "out")), TMPDIR=str(short))
    assert "Too many open files" in done.stdout and "Traceback" not in done.stderr
    assert list(short.iterdir()) == []


# --- On a cluster ---------------------------------------------------------------------------------


def on_cluster(jobs: list[Job], out: Path, address: str, say: object) -> batch.Outcome:
    assert callable(say)
    with workers.workers(address, small_kit.__name__, say) as maker:
        return batch.run(jobs, str(out), maker=maker, say=say)


def test_a_killed_cluster_worker_loses_nothing_and_the_reports_are_the_same(tmp_path):
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    jobs = [plain(f"client-{i}") for i in range(3)]
    patient = {"distributed.comm.timeouts.connect": "180s"}  # a busy machine starts workers late
    with (
        dask.config.set(patient),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
    ):
        victim = next(iter(cluster.workers.values()))
        killed: list[str] = []

        def say(line: str) -> None:
            if not killed:
                os.kill(victim.pid, signal.SIGKILL)
                killed.append(line)

        outcome = on_cluster(jobs, tmp_path / "cluster", cluster.scheduler_address, say)
    assert killed
    assert sorted(outcome.rendered) == [j.client for j in jobs], outcome.failed
    batch.run(jobs[:1], str(tmp_path / "here"))
    for path in (tmp_path / "here" / "client-0").rglob("*.*"):
        twin = tmp_path / "cluster" / path.relative_to(tmp_path / "here")
        assert twin.read_bytes() == path.read_bytes(), path.name
