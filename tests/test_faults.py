"""Whatever breaks: other reports are complete, the last good one stays, the next run goes on."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
import small_kit
from siting_report.run import batch, shelf
from siting_report.run.forge import Forge
from siting_report.run.job import Job, PlacedNotebook
from trial import chapter

KIT = small_kit.__name__
PATH = [str(Path(batch.__file__).parents[2]), str(Path(__file__).parent)]
GOOD = chapter("Why?", "say('Because.')")

PATIENCE_S = 120
"""How long a test waits for what a busy machine may do late. No test passes or fails by time."""
HANGS_S = 900
"""After which a run that should end is taken to hang."""

FAULTS = {
    "raises": ("1 / 0", "10_x.ipynb, cell cell-0: ZeroDivisionError: division by zero"),
    "dies": (
        "import os; os.kill(os.getpid(), 9)",
        "10_x.ipynb, cell cell-0: its process was killed",
    ),
    "hangs": ("import time; time.sleep(60)", "10_x.ipynb, cell cell-0: ran longer than 6 s"),
    "exits": ("raise SystemExit(3)", "10_x.ipynb, cell cell-0: SystemExit: 3"),
}


def small(client: str, *cells: str, limit_s: int = 60) -> Job:
    text = chapter("Why?", *cells) if cells else GOOD
    return Job(
        kit=KIT,
        client=client,
        scenario="{}\n",
        chapters={"10_x.ipynb": PlacedNotebook(text)},
        formats=("html",),
        cell_limit_s=limit_s,
    )


@pytest.fixture(scope="module", autouse=True)
def _kit_is_found() -> Iterator[None]:
    """Processes that are started find the small kit."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", os.pathsep.join(PATH))
        yield


@pytest.fixture(scope="module")
def forge(_kit_is_found: None) -> Iterator[Forge]:
    """A warm process to fork reports from."""
    with Forge(KIT) as started:
        yield started


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for temporary files that nothing else uses."""
    with tempfile.TemporaryDirectory(prefix="t-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def left_behind(folder: Path, of: str = "*") -> list[Path]:
    """Temporary files that are still there once the processes that own them have had time."""
    deadline = time.monotonic() + PATIENCE_S
    while (found := list(folder.glob(of))) and time.monotonic() < deadline:
        time.sleep(0.1)
    return found


def test_a_chapter_that_breaks_in_any_way_breaks_its_own_report_alone(
    tmp_path: Path, forge: Forge
) -> None:
    good = small("good")
    names = [*FAULTS, "good"]
    batch.run([small(name) for name in FAULTS], str(tmp_path), at_once=2, forge=forge)
    last_good = {name: (tmp_path / name / "report.html").read_bytes() for name in FAULTS}

    # Only the cell that hangs meets its limit: a busy machine may be slow with the others.
    limit = {"hangs": 6}
    bad = [small(n, "print('so far')\n" + FAULTS[n][0], limit_s=limit.get(n, 60)) for n in FAULTS]
    outcome = batch.run([*bad, good], str(tmp_path), at_once=2, forge=forge)
    assert outcome.rendered == ["good"]
    assert outcome.failed == {name: reason for name, (_, reason) in FAULTS.items()}
    assert outcome.lines()[-1] == "1 rendered, 0 up to date, 4 failed"
    for name in FAULTS:
        assert (tmp_path / name / "report.html").read_bytes() == last_good[name]
        assert "so far" in (tmp_path / name / "failed" / "10_x.ipynb").read_text(encoding="utf-8")

    # The same input fails again: a failed attempt never counts as up to date.
    assert list(batch.run(bad[:1], str(tmp_path), at_once=1, forge=forge).failed) == ["raises"]
    # Mended, it is rendered, and nothing is left of the failure.
    mended = batch.run([small(n) for n in names], str(tmp_path), at_once=2, forge=forge)
    assert sorted(mended.rendered) == sorted(FAULTS)
    assert not (tmp_path / "raises" / "failed").exists()


KILL_WORKER = """
import os, pathlib, signal
flag = pathlib.Path({flag!r})
def parent(pid):
    return int(pathlib.Path(f"/proc/{{pid}}/stat").read_text().rsplit(")", 1)[1].split()[1])
worker = os.getpid()  # the child of the run among the kernel's ancestors, never the run itself
while parent(worker) != {run}:
    worker = parent(worker)
if {always} or not flag.exists():
    flag.touch()
    os.kill(worker, signal.SIGKILL)
    import time; time.sleep(0.5)  # else the report may end before its worker does
"""

WITH_KILLER = """
import sys; sys.path[:0] = {path!r}
import json, os, threading, time
from siting_report.run import batch
from test_faults import KILL_WORKER, small
if {threads}:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
cell = KILL_WORKER.format(run=os.getpid(), flag={flag!r}, always={always})
outcome = batch.run([small("killer", cell), *map(small, "bcd")], {out!r}, at_once=2)
print(json.dumps([sorted(outcome.rendered), outcome.failed]), flush=True)
"""

needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs Linux's /proc")


def with_killer(
    folder: Path, place: Path, always: bool = False, threads: bool = False
) -> list[object]:
    """What became of a run, in a process of its own, one of whose reports kills what renders it.

    place: for temporary files; nothing may be left there.
    """
    text = WITH_KILLER.format(
        path=PATH,
        flag=str(folder / "flag"),
        always=always,
        threads=threads,
        out=str(folder / "out"),
    )
    done = subprocess.run(
        [sys.executable, "-c", text], check=True, stdout=subprocess.PIPE, text=True,
        timeout=HANGS_S, cwd=Path(__file__).parents[1], env=os.environ | {"TMPDIR": str(place)},
    )  # fmt: skip
    assert left_behind(place) == []
    outcome: list[object] = json.loads(done.stdout.splitlines()[-1])
    return outcome


@needs_proc
def test_a_killed_worker_loses_nothing(tmp_path: Path, short: Path) -> None:
    assert with_killer(tmp_path, short, threads=True) == [["b", "c", "d", "killer"], {}]
    assert (tmp_path / "flag").exists()


@needs_proc
def test_a_report_that_always_kills_its_worker_is_given_up_alone(
    tmp_path: Path, short: Path
) -> None:
    reason = "its process was killed 3 times"
    assert with_killer(tmp_path, short, always=True) == [["b", "c", "d"], {"killer": reason}]


WITHOUT_GUARD = """
import threading, time
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
import sys; sys.path[:0] = {path!r}
from siting_report.run import batch
from test_faults import small
print(batch.run([small("a"), small("b")], {out!r}, at_once=2).lines()[-1], flush=True)
"""


def test_a_script_with_threads_and_without_a_guard_renders(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    text = WITHOUT_GUARD.format(path=PATH, out=str(tmp_path / "out"))
    script.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)], check=True, stdout=subprocess.PIPE, text=True,
        timeout=HANGS_S, cwd=Path(__file__).parents[1],
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "2 rendered, 0 up to date, 0 failed"


COMMAND = """
import sys; sys.path[:0] = {path!r}
from siting_report.run import batch, process
from test_faults import SEES, small
held = open({held!r}, "w")
print("half a line", end="")
made = process.copied
process.copied = lambda *args, **told: print(", a copy", end="") or made(*args, **told)
batch.run([small("a", SEES)], {out!r}, copies={copies!r})
"""
SEES = """
import os, sys
links = [f"/proc/self/fd/{n}" for n in os.listdir("/proc/self/fd")]
print("held" in [os.path.basename(os.path.realpath(link)) for link in links])
try:
    import beside
    print("imports what lies beside the script")
except ImportError:
    print("finds the library alone", *map(os.path.basename, sys.argv), os.isatty(0))
"""


def test_a_copy_of_a_command_makes_the_report_that_a_new_interpreter_makes(tmp_path: Path) -> None:
    (tmp_path / "beside.py").touch()
    script = tmp_path / "script.py"
    said = {}
    pages = {}
    for copies in (True, False):
        out = tmp_path / f"copies-{copies}"
        held = str(tmp_path / "held")
        text = COMMAND.format(path=PATH, held=held, out=str(out), copies=copies)
        script.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, str(script), "a", "word"], check=True, stdout=subprocess.PIPE,
            text=True, timeout=HANGS_S, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        said[copies] = done.stdout
        pages[copies] = (out / "a" / "report.html").read_text(encoding="utf-8")
    assert said == {True: "half a line, a copy", False: "half a line"}
    assert "False\nfinds the library alone forge.py False" in pages[True]
    assert pages[True] == pages[False]


def test_a_full_disk_leaves_the_last_good_report_and_the_other_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge
) -> None:
    jobs = [small("one"), small("two")]
    batch.run(jobs, str(tmp_path), at_once=1, forge=forge)
    before = {p.name: p.read_bytes() for p in (tmp_path / "one").iterdir() if p.is_file()}
    sync = os.fsync

    def full(descriptor: int) -> None:
        name = os.readlink(f"/proc/self/fd/{descriptor}")
        if "/one" in name and name.endswith("summary.json"):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    outcome = batch.run(jobs, str(tmp_path), at_once=1, force=True, forge=forge)
    assert outcome.failed == {"one": "cannot be written: No space left on device"}
    assert outcome.rendered == ["two"]
    assert {p.name: p.read_bytes() for p in (tmp_path / "one").iterdir() if p.is_file()} == before
    assert not list((tmp_path / shelf.WORK).glob("one.new*"))
    assert batch.run(jobs, str(tmp_path), forge=forge).up_to_date == ["one", "two"]


REALLY_FULL = """
import sys; sys.path[:0] = {path!r}
import json, os, pathlib, tempfile
from siting_report.run import batch
from siting_report.run.forge import Forge
from test_faults import small
disk, filler = pathlib.Path({disk!r}), pathlib.Path({disk!r}) / "filler"
jobs, out, seen = [small("one"), small("two")], {out!r}, []
forge = Forge({kit!r}) if {warm} else None  # whose own files need the disk, if it is theirs
def run():
    outcome = batch.run(jobs, out, at_once=2, force=True, forge=forge)
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
if forge: forge.close()
left = [str(p) for p in disk.rglob("*") if ".new" in p.name or ".old" in p.name or p.is_socket()]
print(json.dumps([*seen, left]), flush=True)
"""


def elsewhere(mounts: str, text: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs Python among file systems of its own, which end with its process.

    mounts: shell commands that lay them out.
    """
    apart = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-euc"]
    if not shutil.which("unshare") or subprocess.run([*apart, mounts], check=False).returncode:
        pytest.skip("this system lets nobody mount a file system of their own")
    return subprocess.run(
        [*apart, f'{mounts}\nexec "$0" -c "$1"', sys.executable, text], check=True, text=True,
        capture_output=True, timeout=HANGS_S, cwd=Path(__file__).parents[1],
        env=os.environ | environment,
    )  # fmt: skip


@pytest.mark.parametrize("full", ["reports", "temporary files"])
def test_a_disk_that_is_really_full_spoils_nothing(full: str, short: Path, tmp_path: Path) -> None:
    """On a file system of 8 MiB."""
    out = str((short if full == "reports" else tmp_path) / "out")
    text = REALLY_FULL.format(path=PATH, kit=KIT, disk=str(short), out=out, warm=full == "reports")
    place = {} if full == "reports" else {"TMPDIR": str(short)}
    done = elsewhere(f"mount -t tmpfs -o size=8m tmpfs '{short}'", text, **place)
    before, during, after, left = json.loads(done.stdout.splitlines()[-1])
    assert before == after == [["one", "two"], {}]
    assert during[0] == [] and sorted(during[1]) == ["one", "two"]
    for reason in during[1].values():
        assert reason.endswith("No space left on device") and reason.startswith("cannot be ")
    assert left == []
    assert done.stderr == ""


BARE_DEV = """
mount -t tmpfs tmpfs '{place}'
for name in null zero full random urandom tty; do
    touch '{place}'/$name
    mount --bind /dev/$name '{place}'/$name
done
ln -s /proc/self/fd '{place}/fd'
mount --rbind '{place}' /dev
"""

NO_SHARED_MEMORY = """
import sys; sys.path[:0] = {path!r}
import dataclasses, multiprocessing
from siting_report.run import batch
from test_faults import small
try:
    multiprocessing.Lock()
except OSError:  # nothing can be shared through memory here, or this proves nothing
    jobs = [dataclasses.replace(small(name), formats=("html", "pdf")) for name in "ab"]
    print(batch.run(jobs, {out!r}, at_once=2).lines()[-1])
"""


@needs_proc
def test_a_batch_needs_no_shared_memory(short: Path, tmp_path: Path) -> None:
    """Where a system, often a container, has no `/dev/shm`."""
    text = NO_SHARED_MEMORY.format(path=PATH, out=str(tmp_path / "out"))
    done = elsewhere(BARE_DEV.format(place=short), text)
    assert done.stdout.splitlines() == ["2 rendered, 0 up to date, 0 failed"]
    assert done.stderr == ""


def test_what_broke_is_told_even_if_there_is_no_room_to_keep_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(shelf.Folder, "put_failure", full)
    outcome = batch.run([small("one", "1 / 0")], str(tmp_path), at_once=1, forge=forge)
    why = FAULTS["raises"][1]
    assert outcome.failed == {"one": f"{why}; cannot be written: No space left on device"}


def test_a_run_killed_between_two_renames_is_undone(tmp_path: Path) -> None:
    folder = shelf.Folder(tmp_path)
    with folder.lock("one"):
        folder.put(small("one"), {"report.html": b"good"})
    # The state after the old report was moved aside and before the new one took its place.
    (tmp_path / "one").rename(tmp_path / shelf.WORK / "one.old")
    (tmp_path / shelf.WORK / "one.new").mkdir()
    with folder.lock("one"):
        assert folder.read("one", "report.html") == b"good"
    assert sorted(p.name for p in (tmp_path / shelf.WORK).iterdir()) == ["one.lock"]


def held(client: str, folder: Path) -> Job:
    """A job; unless it is the first, its chapter names its process in a folder and waits while a
    file `hold` is there."""
    cell = f"""import os, pathlib, time
folder = pathlib.Path({str(folder)!r})
(folder / str(os.getpid())).touch()
for _ in range({HANGS_S} * 10):
    if not (folder / "hold").exists():
        break
    time.sleep(0.1)"""
    return small(client, *([] if client == "a" else [cell]), "say('ok')", limit_s=2 * HANGS_S)


HELD = """
import sys; sys.path[:0] = {path!r}
import pathlib, signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background ignores it
from siting_report.run import batch
from test_faults import held
if {threads}:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
outcome = batch.run([held(n, pathlib.Path({pids!r})) for n in "abc"], {out!r}, at_once=2)
print(outcome.lines()[-1], flush=True)
sys.exit(130 if outcome.interrupted else 0)
"""


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    return False


@needs_proc
@pytest.mark.parametrize(
    "how,threads", [(signal.SIGINT, True), (signal.SIGTERM, False), (signal.SIGKILL, True)]
)
def test_an_interrupted_run_keeps_what_was_done_and_goes_on_later(
    tmp_path: Path, short: Path, how: signal.Signals, threads: bool, forge: Forge
) -> None:
    pids = tmp_path / "pids"
    out = tmp_path / "out"
    pids.mkdir()
    (pids / "hold").touch()
    text = HELD.format(path=PATH, pids=str(pids), out=str(out), threads=threads)
    with subprocess.Popen(
        [sys.executable, "-c", text], cwd=Path(__file__).parents[1], stdout=subprocess.PIPE,
        text=True, env=os.environ | {"TMPDIR": str(short)},
    ) as run:  # fmt: skip
        while not ((out / "a" / "manifest.json").exists() and len(list(pids.iterdir())) == 3):
            assert run.poll() is None  # its cells end by themselves
            time.sleep(0.05)
        chapters = [int(p.name) for p in pids.iterdir() if p.name != "hold"]
        run.send_signal(how)
        said, _ = run.communicate(timeout=HANGS_S)
    if how != signal.SIGKILL:
        assert run.returncode == 130
        assert said.splitlines()[-1] == (
            "1 rendered, 0 up to date, 0 failed; interrupted, run it again to go on; left: b, c"
        )
    deadline = time.monotonic() + PATIENCE_S
    while any(map(alive, chapters)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(map(alive, chapters)), "a chapter outlived its run"
    assert left_behind(short) == []

    (pids / "hold").unlink()
    again = batch.run([held(n, pids) for n in "abc"], str(out), at_once=2, forge=forge)
    assert (sorted(again.rendered), again.up_to_date, again.failed) == (["b", "c"], ["a"], {})
    assert all((out / name / "report.html").is_file() for name in "abc")


UNREAD = """
import os, socket, time
from siting_report.run.forge import Forge
forge = Forge({kit!r})
ours, theirs = socket.socketpair()
socket.send_fds(forge._channel, [b"."], [theirs.fileno()])
time.sleep({rest})
os.kill(os.getpid(), 9)
"""


@needs_proc
@pytest.mark.parametrize("rest", [0, 0.5, 8])
def test_a_process_killed_before_it_read_an_answer_leaves_nothing_behind(
    short: Path, rest: float
) -> None:
    environment = os.environ | {"TMPDIR": str(short)}
    text = UNREAD.format(kit=KIT, rest=rest)
    done = subprocess.run([sys.executable, "-c", text], check=False, env=environment)
    assert done.returncode == -signal.SIGKILL
    assert left_behind(short) == []


FEW = """
import sys; sys.path[:0] = {path!r}
import resource
from siting_report.run import batch
from test_faults import small
jobs = [small("a"), small("b")]
resource.setrlimit(resource.RLIMIT_NOFILE, ({handles}, {handles}))
outcome = batch.run(jobs, {out!r}, at_once=2)
resource.setrlimit(resource.RLIMIT_NOFILE, ({handles}, {handles}))
print(outcome.lines())
"""


@pytest.mark.parametrize("handles,said", [(64, "2 rendered"), (9, "Too many open files")])
def test_few_file_handles_are_enough_or_are_named(
    tmp_path: Path, short: Path, handles: int, said: str
) -> None:
    text = FEW.format(path=PATH, handles=handles, out=str(tmp_path / "out"))
    done = subprocess.run(
        [sys.executable, "-c", text], check=True, capture_output=True, text=True, timeout=HANGS_S,
        cwd=Path(__file__).parents[1], env=os.environ | {"TMPDIR": str(short)},
    )  # fmt: skip
    assert said in done.stdout and "Traceback" not in done.stderr
    assert left_behind(short) == []


def test_a_cluster_that_is_gone_is_said_so() -> None:
    gone: Future[batch.Files | batch.Failure] = Future()
    gone.cancel()
    gone.set_running_or_notify_cancel()
    assert batch._result(gone) == batch.Failure(reason=batch.GONE, gone=True)


def test_a_cluster_that_closes_while_it_is_handed_a_report_is_waited_for(
    tmp_path: Path, forge: Forge, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Closed:
        def submit(self, *_: object) -> None:
            raise RuntimeError("Client is closed. Can't send update-graph message.")

    with ThreadPoolExecutor(1) as pool:
        executors = iter([Closed(), pool])
        monkeypatch.setattr(
            batch, "_executor", lambda *_: contextlib.nullcontext((next(executors), 1))
        )
        said: list[str] = []
        outcome = batch.run(
            [small("a")], str(tmp_path), scheduler="tcp://x", say=said.append, forge=forge
        )
    assert outcome.rendered == ["a"]
    assert said[0] == "the cluster is gone; waiting for it, at most 60 s"


def test_a_killed_cluster_worker_loses_nothing_and_the_reports_are_the_same(
    tmp_path: Path, short: Path, monkeypatch: pytest.MonkeyPatch, forge: Forge
) -> None:
    distributed = pytest.importorskip("distributed")
    dask = pytest.importorskip("dask")
    monkeypatch.setenv("TMPDIR", str(short))  # the workers read it when they start
    jobs = [small(f"client-{i}") for i in range(5)]
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

        address = cluster.scheduler_address
        outcome = batch.run(jobs, str(tmp_path / "cluster"), scheduler=address, say=say)
    assert killed
    assert left_behind(short, of="siting*") == []
    assert sorted(outcome.rendered) == [j.client for j in jobs], outcome.failed
    batch.run(jobs[:1], str(tmp_path / "here"), at_once=1, forge=forge)
    for path in (tmp_path / "here" / "client-0").rglob("*.*"):
        twin = tmp_path / "cluster" / path.relative_to(tmp_path / "here")
        assert twin.read_bytes() == path.read_bytes(), path.name


def test_a_connection_to_a_cluster_does_not_keep_the_jobs_it_sent() -> None:
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=1, processes=False, dashboard_address="127.0.0.1:0"
        ) as local,
        batch._cluster(KIT, local.scheduler_address, print, 10) as client,
    ):
        assert [client.get_executor().submit(len, "x" * n).result() for n in range(20)][-1] == 19
        assert len(client.scheduler_comm.recent_message_log) <= 10


def test_a_killed_scheduler_that_is_started_again_loses_nothing(
    tmp_path: Path, short: Path
) -> None:
    pytest.importorskip("distributed")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    running = list[subprocess.Popen[bytes]]()

    def start() -> None:
        for words in (
            ["scheduler", "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"],
            ["worker", address, "--host", "127.0.0.1", "--nthreads", "2", "--no-dashboard"],
        ):
            command = [sys.executable, "-m", "distributed.cli.dask_" + words[0], *words[1:]]
            quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
            running.append(
                subprocess.Popen(command, env=os.environ | {"TMPDIR": str(short)}, **quiet)
            )

    def say(line: str) -> None:
        if line.startswith("[1/"):
            for process in running:
                process.kill()
            start()

    try:
        start()
        outcome = batch.run(list(map(small, "abcd")), str(tmp_path), scheduler=address, say=say)
    finally:
        for process in running:
            process.kill()
            process.wait()
    assert len(running) == 4
    assert sorted(outcome.rendered) == ["a", "b", "c", "d"], outcome.failed
