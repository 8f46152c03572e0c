"""Many reports: what is out of date, in parallel, whole or not at all.

Written against `concurrent.futures`: a pool of local processes (of threads, where the process that
asks has threads already and cannot be forked safely), or a running Dask cluster. A
worker returns a report's files; this process alone writes them. Whatever happens to a worker, a
kernel or this process, every report on disk is complete, and a second run does what is left.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from siting.run.job import Job
from siting.run.shelf import INDEX, BadAddress, Busy, Shelf, shelf

if TYPE_CHECKING:
    from distributed import Client

    from siting.run.kernels import Forge

ATTEMPTS = 3
"""Times that a report is tried whose process was killed under it."""

Files = dict[str, bytes]


@dataclass(frozen=True)
class Failure:
    """Why a report was not made, in one line, and the chapter up to the error if there is one."""

    reason: str
    files: Files = field(default_factory=dict)
    lost: bool = False
    """Through no fault of the report: it is tried again."""


@dataclass
class Outcome:
    """What became of each client of a run."""

    rendered: list[str] = field(default_factory=list)
    current: list[str] = field(default_factory=list)
    """Nothing had changed since the report was made."""
    failed: dict[str, str] = field(default_factory=dict)
    interrupted: bool = False

    def lines(self) -> list[str]:
        """The last lines of a run: what failed and why, then the count."""
        failures = [f"{client}: {reason}" for client, reason in sorted(self.failed.items())]
        counts = [
            f"{len(self.rendered)} rendered",
            f"{len(self.current)} up to date",
            f"{len(self.failed)} failed",
        ]
        tail = "; interrupted, run it again to go on" if self.interrupted else ""
        return [*failures, ", ".join(counts) + tail]


def run(
    jobs: Sequence[Job],
    out: str,
    *,
    at_once: int = 0,
    force: bool = False,
    scheduler: str = "",
    say: Callable[[str], None] = lambda line: None,
) -> Outcome:
    """Renders the jobs that are out of date to `out`, a folder or an fsspec address.

    at_once: local processes; 0 takes one a core. scheduler: address of a Dask scheduler, which
    then does the work. say: takes a line of progress.
    Raises BadAddress where `out` or the scheduler cannot be reached.
    """
    outcome = Outcome()
    target = shelf(out)
    todo: deque[Job] = deque()
    for job in jobs:
        if not force and target.holds(job):
            outcome.current.append(job.client)
        else:
            todo.append(job)
    if todo:
        _Run(todo, target, outcome, say, force).finish(at_once, scheduler)
    if outcome.rendered or (outcome.current and target.read("", INDEX) is None):
        _index(target, outcome)
    return outcome


def _index(target: Shelf, outcome: Outcome) -> None:
    """Lists all reports anew; of two runs at once, the later one lists those of both."""
    from siting.run import portfolio

    while True:
        try:
            with target.lock(INDEX):
                target.put_index(portfolio.index(target))
            return
        except Busy:
            time.sleep(0.2)
        except OSError as error:
            outcome.failed[INDEX] = _unwritten(error)
            return


class _Run:
    """A run under way: what is queued, what is being rendered, how long it may take."""

    def __init__(
        self,
        todo: deque[Job],
        target: Shelf,
        outcome: Outcome,
        say: Callable[[str], None],
        force: bool,
    ) -> None:
        self.todo, self.target, self.outcome, self.say, self.force = (
            todo, target, outcome, say, force,
        )  # fmt: skip
        self.total, self.done, self.began = len(todo), 0, time.monotonic()
        self.running: dict[Future[Files | Failure], tuple[Job, contextlib.ExitStack]] = {}
        self.tries: dict[str, int] = {}

    def finish(self, at_once: int, scheduler: str) -> None:
        """Works until nothing is queued. A broken pool is replaced and its reports tried again,
        one at a time, so that one which kills its worker takes no other with it."""
        width = min(at_once or os.cpu_count() or 1, self.total)
        suspects: list[Job] = []
        while self.todo or suspects:
            alone = not self.todo
            if alone:
                self.todo.extend(suspects[:1])
                del suspects[:1]
            chosen = _executor(1 if alone else width, scheduler, len(self.todo) > 4, self.say)
            with chosen as (executor, size):
                try:
                    self._work(executor, size)
                except BrokenProcessPool:
                    suspects += self._lost()
                except KeyboardInterrupt:
                    self.outcome.interrupted = True
                    self._lost()
                    _end_children()
                    return

    def _work(self, executor: Executor, size: int) -> None:
        waiting = False
        while self.todo or self.running:
            while self.todo and len(self.running) < size:
                waiting = not self._submit(executor)
                if waiting:
                    break
            if not self.running:
                time.sleep(0.2)
                continue
            limit = 0.5 if waiting else None
            for future in wait(self.running, limit, FIRST_COMPLETED).done:
                result = _result(future)
                job, lock = self.running.pop(future)
                if isinstance(result, Failure) and result.lost and self._again(job):
                    lock.close()
                    self.todo.append(job)
                else:
                    self._settle(job, lock, result)

    def _submit(self, executor: Executor) -> bool:
        """Starts the next report; false where another run holds it, which then comes last."""
        job = self.todo.popleft()
        lock = contextlib.ExitStack()
        try:
            lock.enter_context(self.target.lock(job.client))
        except Busy:
            if self.tries.setdefault(f"wait {job.client}", 0) == 0:
                self.say(f"{job.client}: waiting for another run")
            self.tries[f"wait {job.client}"] += 1
            self.todo.append(job)
            return False
        except OSError as error:  # the place for reports is no folder, not ours, or full
            self._count(job, Failure(_unwritten(error)))
            return True
        if f"wait {job.client}" in self.tries and not self.force and self.target.holds(job):
            lock.close()
            self.done += 1
            self.outcome.current.append(job.client)
            return True
        try:
            self.running[executor.submit(render, job)] = (job, lock)
        except BrokenProcessPool:
            lock.close()
            self.todo.appendleft(job)
            raise
        return True

    def _settle(self, job: Job, lock: contextlib.ExitStack, result: Files | Failure) -> None:
        with lock:
            try:
                if isinstance(result, Failure):
                    self.target.put_failure(job.client, result.files)
                else:
                    self.target.put(job, result)
            except OSError as error:
                why = [result.reason] if isinstance(result, Failure) else []
                result = Failure("; ".join([*why, _unwritten(error)]))
        self._count(job, result)

    def _count(self, job: Job, result: Files | Failure) -> None:
        self.done += 1
        if isinstance(result, Failure):
            self.outcome.failed[job.client] = result.reason
        else:
            self.outcome.rendered.append(job.client)
        self.say(self._progress(job, result))

    def _progress(self, job: Job, result: Files | Failure) -> str:
        spent = time.monotonic() - self.began
        left = spent / self.done * (self.total - self.done)
        word = f"failed, {result.reason}" if isinstance(result, Failure) else "done"
        ahead = f", about {left:.0f} s left" if self.done < self.total else ""
        return f"[{self.done}/{self.total}] {job.client}: {word}{ahead}"

    def _lost(self) -> list[Job]:
        """Gives up what is being rendered; returns what is worth another try."""
        again = []
        for job, lock in self.running.values():
            lock.close()
            if self._again(job):
                again.append(job)
            elif not self.outcome.interrupted:
                self.done += 1
                reason = f"its worker process was killed {ATTEMPTS} times"
                self.outcome.failed[job.client] = reason
        self.running.clear()
        return again

    def _again(self, job: Job) -> bool:
        """Counts an attempt whose process was killed; whether the report is worth another."""
        self.tries[job.client] = self.tries.get(job.client, 0) + 1
        return self.tries[job.client] < ATTEMPTS


def _unwritten(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"cannot be written: {place}{error.strerror or error}"


def _result(future: Future[Files | Failure]) -> Files | Failure:
    try:
        return future.result()
    except BrokenProcessPool:
        raise
    except CancelledError:
        return Failure("the cluster is gone; run it again to go on")
    except Exception as error:  # a fault of the kit, or of a cluster: this report alone fails
        return Failure(f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def _executor(
    width: int, scheduler: str, many: bool, say: Callable[[str], None]
) -> Iterator[tuple[Executor, int]]:
    """An executor and how many reports to keep on it at once. many: worth preparing for."""
    if scheduler:
        with _cluster(scheduler) as client:
            threads = sum(client.nthreads().values())
            if not threads:
                say("the cluster has no workers yet; waiting for them")
            size = 2 * max(1, threads)
            yield client.get_executor(), size
        return
    from siting import study
    from siting.print import publish
    from siting.run import kernels

    if kernels.single_threaded():
        kernels.preload()
        if many:
            study.prepare()
            publish.warm()
    pool: Executor
    if kernels.single_threaded():
        fork = multiprocessing.get_context("fork")
        pool = ProcessPoolExecutor(width, fork, _start_worker, (os.getpid(),))
    else:
        # A process with threads, such as a notebook's kernel, cannot be forked safely. Its
        # threads share one warm process, in which all that computes is forked.
        pool = ThreadPoolExecutor(width)
    try:
        yield pool, width
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        _drop_forge()


def _cluster(scheduler: str) -> Client:
    try:
        from distributed import Client

        return Client(scheduler)
    except ImportError:
        raise BadAddress("a scheduler needs Dask: pip install 'siting[dask]'") from None
    except (OSError, ValueError) as error:
        raise BadAddress(
            f"scheduler {scheduler!r}: {error}; write the address that `dask scheduler` prints, "
            "such as tcp://10.0.0.5:8786"
        ) from None


def _end_children() -> None:
    _drop_forge()
    for child in multiprocessing.active_children():
        child.terminate()


def _start_worker(parent: int) -> None:
    """Prepares a local worker: its own forge, and the resolve to end with the process that
    started it."""
    from siting.print import publish

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the starting process's to handle
    with contextlib.suppress(OSError):  # `render` tells
        _forge()

    def watch() -> None:
        publish.warm()
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


_warm: list[Forge | None] = []
_warming = threading.Lock()


def _forge() -> Forge | None:
    """This process's forge, started on first use; None where processes cannot fork."""
    from siting.run import kernels

    with _warming:
        if not _warm:
            _warm.append(kernels.Forge.start() if kernels.CAN_FORK else None)
        return _warm[0]


def _drop_forge(dead: Forge | None = None) -> None:
    """Ends this process's forge, or forgets it if it is the one that is `dead`."""
    with _warming:
        if _warm and dead in (None, _warm[0]):
            forge = _warm.pop()
            if forge is not None:
                forge.close()


def render(job: Job) -> Files | Failure:
    """What a worker does: one report, or why there is none. Never raises for a report's fault."""
    from siting.run import report
    from siting.run.kernels import ForgeError, ForgeLost

    forge = None
    try:
        forge = _forge()
        return report.render(job, forge)
    except report.ChapterFailed as error:
        failure = Failure(str(error), {error.chapter: error.notebook.encode()})
    except ForgeLost as error:
        _drop_forge(forge)  # the next report starts another
        failure = Failure(str(error), lost=True)
    except ForgeError as error:
        failure = Failure(str(error))
    except OSError as error:
        place = error.filename or tempfile.gettempdir()
        failure = Failure(f"cannot be made: {place}: {error.strerror or error}")
    except ValueError as error:
        failure = Failure(f"{error}" or type(error).__name__)
    # Of threads that share a warm process, one that finds it gone drops its folder for all.
    gone = forge is not None and not os.path.isdir(forge.folder or "")
    return replace(failure, lost=failure.lost or gone)
