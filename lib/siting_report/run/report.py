"""One report: runs the chapters of one client and publishes them. It knows no GPU and no money.

Whatever makes reports takes a `Job`, which holds everything that the report depends on, and
returns the files of the report: the same job gives the same bytes. Nothing is read from or written
to the client's folder here; `siting_report.run.batch` does that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout

from siting_report.kit import kit_named
from siting_report.run.apart import Call, Ended
from siting_report.run.job import SCENARIO, Job
from siting_report.run.kernel import Kernel

_CLIENT = f"../{SCENARIO}"
"""The parameter `client` of a chapter, here and in the folder of a report: its scenario."""
_PREFIX = "siting-run-"
Files = dict[str, bytes]
"""By their path in the folder of a report."""
Note = Callable[[int], None]
"""Takes how many chapters of a report have run."""


class Maker(Protocol):
    """What makes reports, here or on other machines, each asked for by a thread of its own."""

    at_once: int
    """Reports that it is worth asking for at once."""

    def make(self, job: Job, note: Note) -> Files:
        """The files of a report.

        Raises ChapterFailed; ValueError where the study cannot be computed, the report cannot be
        published or its process was killed; OSError where there is no room to make it.
        """

    def end(self) -> None:
        """Ends all that is being made, at once and from any thread: `make` then raises."""


class Here:
    """Makes reports on this machine, each in a kernel of its own."""

    def __init__(self, at_once: int = 0) -> None:
        """at_once: 0 takes one a core."""
        self.at_once = at_once or os.cpu_count() or 1
        self._lock = threading.Lock()
        self._open = set[_Bench]()
        self._has_ended = False

    def __enter__(self) -> Here:
        self._ends = contextlib.ExitStack()
        self._place = self._ends.enter_context(_workplace())
        return self

    def __exit__(self, *_: object) -> None:
        with self._ends:
            for bench in list(self._open):
                bench.close()

    def make(self, job: Job, note: Note = lambda chapters: None) -> Files:
        with self._lock:
            if self._has_ended:
                raise ValueError("its process was ended")
            bench = _Bench(job, self._place)
            self._open.add(bench)
        try:
            return bench.make(job, note)
        finally:
            self._open.discard(bench)
            bench.close()

    def end(self) -> None:
        with self._lock:
            self._has_ended = True
            for bench in list(self._open):
                bench.kill()


class _Bench:
    """A folder that is laid out as a report's, and the kernel that works in it."""

    def __init__(self, job: Job, place: Path) -> None:
        """place: folder for this one. Nothing is started yet."""
        self.folder = Path(tempfile.mkdtemp(dir=place))
        own = self.folder / "temporary"
        self._kernel = Kernel(self.folder / "notebooks", own, job.cell_limit_s)
        self._call: Call | None = None

    def make(self, job: Job, note: Note) -> Files:
        shown = dict(job.done)
        todo = {path: placed for path, placed in job.notebooks.items() if path not in shown}
        figures = kit_named(job.kit).FIGURES
        lay_out(job, self.folder)
        if todo or not shown.keys() >= set(figures):
            self._begin(job.kit)
            for path, placed in todo.items():
                note(len(shown.keys() & job.notebooks.keys()))
                text = self._kernel.execute(Path(path).name, placed.text, _CLIENT)
                shown[path] = text.encode()
            if not shown.keys() >= set(figures):
                self._kernel.run(f"import {job.kit} as kit; kit.write_results({_CLIENT!r}, '..')")
                shown |= {name: (self.folder / name).read_bytes() for name in figures}
        self._kernel.close()
        note(len(job.notebooks))
        ordered = {path: shown[path] for path in (*figures, *job.notebooks)}
        beside = {SCENARIO: job.scenario.encode(), **job.attachments, **job.own_files}
        return {**beside, **ordered, **self._published(job, ordered)}

    def _begin(self, kit: str) -> None:
        """Starts the kernel, in which the study is kept for every chapter."""
        self._kernel.start()
        self._kernel.run(f"import {kit} as kit; kit.keep({_CLIENT!r})")

    def _published(self, job: Job, shown: Files) -> Files:
        """Page and paper, set in a process that ends: Typst keeps what memory it took."""
        scenario = str(self.folder / SCENARIO)
        self._call = Call("siting_report.run.published:publish", job, shown, scenario)
        if self._kernel.is_killed:
            self._call.kill()
        try:
            published: Files = self._call.answer()
        except Ended as ended:
            raise ValueError(str(ended)) from None
        return published

    def kill(self) -> None:
        """Ends what works on it, at once and from any thread."""
        self._kernel.kill()
        if self._call is not None:
            self._call.kill()

    def close(self) -> None:
        self._kernel.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def lay_out(job: Job, folder: Path) -> None:
    """Writes what a report's chapters read to `folder`, as in the folder of a finished report."""
    for part in ("notebooks", "temporary"):
        (folder / part).mkdir(exist_ok=True)
    for name in (*job.attachments, *job.data):
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no plain file name")
    for path, content in {**job.attachments, **job.own_files}.items():
        (folder / path).write_bytes(content)
    (folder / SCENARIO).write_text(job.scenario, encoding="utf-8")


@contextlib.contextmanager
def _workplace() -> Iterator[Path]:
    """A folder for the temporary files of a run. Those that killed runs left are removed."""
    _sweep()
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name,
        FileLock(Path(name, "held")),
    ):
        yield Path(name)


def _sweep() -> None:
    """Removes the folders of runs that nobody holds any more."""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError, Timeout):
            status = left.lstat()
            is_ours = stat.S_ISDIR(status.st_mode) and status.st_uid == os.getuid()
            may_be_unheld_yet = time.time() - status.st_mtime < 60
            if is_ours and not may_be_unheld_yet:
                with FileLock(left / "held", timeout=0):
                    shutil.rmtree(left, ignore_errors=True)
