"""Many reports: what is out of date, side by side, whole or not at all.

A thread a report, which asks a `Maker` for its files and puts them in their place: what takes long
happens in other processes. Whatever happens to one of those, or to this one, every report on disk
is complete, and a second run does what is left.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence, Sized
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

from siting_report.kit import kit_named
from siting_report.run import carried
from siting_report.run.folder import INDEX, Busy, ReportFolder, reports_at
from siting_report.run.job import Job
from siting_report.run.kernel import ChapterFailed
from siting_report.run.report import Files, Here, Maker

QUIET_S = 2
"""After which a run says how far it is; then again after twice the time. [s]"""


@dataclass(kw_only=True)
class Outcome:
    """What became of each client of a run."""

    rendered: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)
    """Nothing had changed since the report was made."""
    failed: dict[str, str] = field(default_factory=dict)
    """Client to the reason, in one line."""
    lacking: list[str] = field(default_factory=list)
    """Exhibits without a source or an alternative text, a line for each chapter."""
    english: int = 0
    """Texts that have no translation into the language of their report."""
    left: list[str] = field(default_factory=list)
    """What an interrupted run did not come to."""

    def lines(self) -> list[str]:
        """The last lines of a run: what lacks, what failed and why, then the count."""
        failures = [f"{client}: {reason}" for client, reason in sorted(self.failed.items())]
        counts = [
            f"{len(self.rendered)} rendered",
            f"{len(self.up_to_date)} up to date",
            f"{len(self.failed)} failed",
        ]
        if self.english:
            counts.append(f"{self.english} texts not translated")
        left = f"; interrupted, run it again to go on; left: {', '.join(self.left)}"
        return [*sorted(self.lacking), *failures, ", ".join(counts) + (left if self.left else "")]


def run(
    jobs: Sequence[Job],
    out: str,
    *,
    at_once: int = 0,
    force: bool = False,
    say: Callable[[str], None] = lambda line: None,
    maker: Maker | None = None,
) -> Outcome:
    """Renders the jobs that are out of date to `out`, a folder or an address.

    at_once: reports made side by side here; 0 takes one a core. say: takes a line of progress.
    maker: what makes the reports; by default this machine. Raises BadAddress where `out` cannot be
    reached.
    """
    reports = reports_at(out)
    with contextlib.suppress(OSError):  # whoever writes there is told
        reports.clear()
    todo = [job for job in jobs if force or not reports.holds(job)]
    stale = {job.client for job in todo}
    outcome = Outcome(up_to_date=[job.client for job in jobs if job.client not in stale])
    if todo:
        with contextlib.ExitStack() as ends:
            maker = maker or ends.enter_context(Here(at_once))
            ends.enter_context(_interruptible())
            under_way = _Run(
                todo=todo, reports=reports, maker=maker, force=force, say=say, outcome=outcome
            )
            under_way.finish()
    if outcome.rendered or (outcome.up_to_date and reports.read("", INDEX) is None):
        _index(reports, outcome, jobs[0].kit)
    return outcome


@contextlib.contextmanager
def _interruptible() -> Iterator[None]:
    """Has a run that is told to end (SIGTERM) end as on Ctrl-C: it says what was left."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _index(reports: ReportFolder, outcome: Outcome, kit: str) -> None:
    """Lists all reports anew; of two runs at once, the later one lists those of both."""
    while True:
        try:
            with reports.lock(INDEX):
                reports.put_index(kit_named(kit).index(reports.summaries()))
            return
        except Busy:
            time.sleep(0.2)
        except OSError as error:
            outcome.failed[INDEX] = f"cannot be written: {_why(error)}"
            return


@dataclass(kw_only=True)
class _Run:
    """A run under way: a thread for each report, and what it has said."""

    todo: Sequence[Job]
    reports: ReportFolder
    maker: Maker
    force: bool
    say: Callable[[str], None]
    outcome: Outcome
    ended: threading.Event = field(default_factory=threading.Event)
    began: float = field(default_factory=time.monotonic)
    chapters: dict[str, int] = field(default_factory=dict)
    """Client to the chapters of its report that have run."""

    @property
    def of_chapters(self) -> int:
        """Chapters of all reports."""
        return sum(len(job.chapters) for job in self.todo)

    def finish(self) -> None:
        """Works until nothing is left, or Ctrl-C."""
        with ThreadPoolExecutor(min(self.maker.at_once, len(self.todo))) as pool:
            running = {pool.submit(self._made, job): job for job in self.todo}
            try:
                self._follow(running)
            except KeyboardInterrupt:
                self.outcome.left = sorted(job.client for job in running.values())
                self.ended.set()
                for future in running:
                    future.cancel()
                self.maker.end()

    def _follow(self, running: dict[Future[Files | None], Job]) -> None:
        """Says what became of each report, and at times how far the run is."""
        says_next = self.began + QUIET_S
        while running:
            patience_s = max(0, says_next - time.monotonic())
            for future in wait(running, patience_s, FIRST_COMPLETED).done:
                job = running[future]
                word = self._count(job.client, future)
                del running[future]
                self.chapters[job.client] = len(job.chapters)
                self.say(f"{self._done(running)} {job.client}: {word}{self._ahead()}")
            now = time.monotonic()
            if running and now >= says_next:
                says_next = now + (now - self.began)
                chapters = f"{sum(self.chapters.values())} of {self.of_chapters} chapters done"
                self.say(f"{self._done(running)} {chapters}{self._ahead()}")

    def _done(self, running: Sized) -> str:
        return f"[{len(self.todo) - len(running)}/{len(self.todo)}]"

    def _ahead(self) -> str:
        """How long the rest takes, if chapters go on at the rate of those that have run."""
        done = sum(self.chapters.values())
        left = self.of_chapters - done
        if not (done and left):
            return ""
        left_s = (time.monotonic() - self.began) / done * left
        return f", about {left_s:.0f} s left"

    def _made(self, job: Job) -> Files | None:
        """Makes a report and puts it in its place. Returns its files, or None where another run has
        made it meanwhile; raises why there is none."""
        with contextlib.ExitStack() as lock:
            if self._waited(job, lock) and not self.force and self.reports.holds(job):
                return None
            if not self.force:
                job = replace(job, done=self.reports.still_true(job))
            files = self._files(job)
            try:
                self.reports.put(job, files)
            except OSError as error:
                raise ValueError(f"cannot be written: {_why(error)}") from None
        return files

    def _waited(self, job: Job, lock: contextlib.ExitStack) -> bool:
        """Holds the job's client, and says whether another run had to be waited for."""
        waited = False
        while not self.ended.is_set():
            try:
                lock.enter_context(self.reports.lock(job.client))
                return waited
            except Busy:
                if not waited:
                    self.say(f"{job.client}: waiting for another run")
                waited = True
                self.ended.wait(0.2)
            except OSError as error:  # the place for reports is no folder, not ours, or full
                raise ValueError(f"cannot be written: {_why(error)}") from None
        raise ValueError("interrupted")

    def _files(self, job: Job) -> Files:
        """The files of a report. Where it fails, what it had shown is kept beside the last one."""
        failed: Files = {}
        try:
            return self.maker.make(job, lambda done: self.chapters.update({job.client: done}))
        except ChapterFailed as failure:
            reason = str(failure)
            failed = {failure.chapter: failure.notebook.encode()}
        except OSError as error:
            reason = f"cannot be made: {_why(error)}"
        except ValueError as error:
            reason = str(error) or type(error).__name__
        except Exception as error:  # a fault of the kit: this report alone fails
            reason = f"{type(error).__name__}: {error}"
        if not self.ended.is_set():
            try:
                self.reports.put_failure(job.client, failed)
            except OSError as error:
                reason += f"; cannot be written: {_why(error)}"
        raise ValueError(reason)

    def _count(self, client: str, future: Future[Files | None]) -> str:
        """Notes what became of a report, and says it."""
        error = future.exception()
        if error is not None:
            self.outcome.failed[client] = str(error)
            return f"failed, {error}"
        files = future.result()
        if files is None:
            self.outcome.up_to_date.append(client)
            return "up to date"
        self.outcome.rendered.append(client)
        self.outcome.lacking += carried.lacking(client, files)
        self.outcome.english += len(carried.untranslated(files))
        return "done"


def _why(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"{place}{error.strerror or error}"
