"""Many reports: what is out of date, in parallel, whole or not at all.

Written against `concurrent.futures`: threads here, each of which has reports made in processes of
their own, or a running Dask cluster. Whoever makes a report returns its files; this process alone
writes them. Whatever happens to another process, or to this one, every report on disk is complete,
and a second run does what is left.
"""

from __future__ import annotations

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent import futures
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING

from siting_report.kit import kit_named
from siting_report.run import carried
from siting_report.run import forge as warm
from siting_report.run.forge import Forge
from siting_report.run.job import Job, library
from siting_report.run.process import ChapterFailed, Lost, side_by_side
from siting_report.run.shelf import INDEX, BadAddress, Busy, Shelf, shelf

if TYPE_CHECKING:
    from distributed import Client
    from distributed.security import Security

ATTEMPTS = 3
"""Times that a report is tried whose process was killed under it."""
PATIENCE_S = 60
"""How long a cluster that is gone, or has no workers, is waited for. [s]"""
GONE = "the cluster is gone; run it again to go on"


@dataclass(frozen=True)
class Tls:
    """Files by which a cluster and who asks it know each other, in PEM."""

    authority: str
    """Certificate of who signed the certificates of both."""
    certificate: str
    """Ours."""
    key: str
    """The private key of our certificate."""

    def security(self) -> Security:
        """As Dask takes it: nothing is sent in the clear. Raises BadAddress naming a file that is
        not there."""
        from distributed.security import Security

        for file in (self.authority, self.certificate, self.key):
            if not os.path.isfile(file):
                raise BadAddress(f"{file}: does not exist; name the PEM file")
        return Security(
            tls_ca_file=self.authority,
            tls_client_cert=self.certificate,
            tls_client_key=self.key,
            require_encryption=True,
        )


class _Gone(Exception):
    """The connection to the cluster broke."""


Files = dict[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a report was not made, in one line, and the chapter up to the error if there is one."""

    reason: str
    files: Files = field(default_factory=dict)
    lost: bool = False
    """Through no fault of the report: it is tried again."""
    gone: bool = False
    """With the cluster, which is waited for."""


Running = dict[Future[Files | Failure], tuple[Job, contextlib.ExitStack]]
"""Reports under way, each with the lock on its client."""


@dataclass(kw_only=True)
class Outcome:
    """What became of each client of a run."""

    rendered: list[str] = field(default_factory=list)
    up_to_date: list[str] = field(default_factory=list)
    """Nothing had changed since the report was made."""
    failed: dict[str, str] = field(default_factory=dict)
    lacking: list[str] = field(default_factory=list)
    """Exhibits without a source or an alternative text, a line for each chapter."""
    left: list[str] = field(default_factory=list)
    """What an interrupted run did not come to."""
    interrupted: bool = False

    def lines(self) -> list[str]:
        """The last lines of a run: what lacks, what failed and why, then the count."""
        failures = [f"{client}: {reason}" for client, reason in sorted(self.failed.items())]
        counts = [
            f"{len(self.rendered)} rendered",
            f"{len(self.up_to_date)} up to date",
            f"{len(self.failed)} failed",
        ]
        left = f"; left: {', '.join(self.left)}" if self.left else ""
        tail = f"; interrupted, run it again to go on{left}" if self.interrupted else ""
        return [*sorted(self.lacking), *failures, ", ".join(counts) + tail]


def run(
    jobs: Sequence[Job],
    out: str,
    *,
    at_once: int = 0,
    force: bool = False,
    scheduler: str = "",
    tls: Tls | None = None,
    say: Callable[[str], None] = lambda line: None,
    forge: Forge | None = None,
    copies: bool = False,
) -> Outcome:
    """Renders the jobs that are out of date to `out`, a folder or an fsspec address.

    at_once: reports made side by side here; 0 takes one a core. scheduler: address of a Dask
    scheduler, which then does the work; tls: how it is known and spoken to in secret. say: takes a
    line of progress. forge: a warm process that stays; by default one is started for the run.
    copies: that one may be a copy of this process, in which nothing may change a report.
    Raises BadAddress where `out` or the scheduler cannot be reached.
    """
    target = shelf(out)
    with contextlib.suppress(OSError):  # whoever writes there is told
        target.clear()
    warm.sweep()
    todo = deque(job for job in jobs if force or not target.holds(job))
    stale = {job.client for job in todo}
    outcome = Outcome(up_to_date=[job.client for job in jobs if job.client not in stale])
    with contextlib.ExitStack() as ends:
        if todo:
            if not (forge or scheduler):
                forge = ends.enter_context(Forge(todo[0].kit, len(todo) > 4, copies=copies))
            with _interruptible():
                _Run(
                    todo=todo,
                    total=len(todo),
                    target=target,
                    outcome=outcome,
                    say=say,
                    force=force,
                    forge=forge,
                    tls=tls,
                ).finish(at_once, scheduler)
        if outcome.rendered or (outcome.up_to_date and target.read("", INDEX) is None):
            _index(target, outcome, jobs[0].kit, forge)
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


def _index(target: Shelf, outcome: Outcome, kit: str, forge: Forge | None) -> None:
    """Lists all reports anew; of two runs at once, the later one lists those of both."""
    while True:
        try:
            with target.lock(INDEX):
                target.put_index(_index_page(target, kit, forge))
            return
        except Busy:
            time.sleep(0.2)
        except OSError as error:
            outcome.failed[INDEX] = _unwritten(error)
            return


def _index_page(target: Shelf, kit: str, forge: Forge | None) -> str:
    """Made where all that it needs is imported, while there is such a process."""
    summaries = target.summaries()
    if forge:
        with contextlib.suppress(Lost, OSError):
            return str(forge.call(f"{kit}:index", summaries))
    return kit_named(kit).index(summaries)


@dataclass(kw_only=True)
class _Run:
    """A run under way: what is queued, what is being rendered, how long it may take."""

    todo: deque[Job]
    total: int
    target: Shelf
    outcome: Outcome
    say: Callable[[str], None]
    force: bool
    forge: Forge | None
    """Makes the reports here; on a cluster, each worker has its own."""
    tls: Tls | None = None
    began: float = field(default_factory=time.monotonic)
    running: Running = field(default_factory=dict)
    tries: Counter[str] = field(default_factory=Counter)
    waited: set[str] = field(default_factory=set)
    suspects: list[Job] = field(default_factory=list)
    """Lost twice: made alone, at the end, so that one that kills takes no other with it."""

    def finish(self, at_once: int, scheduler: str) -> None:
        """Works until nothing is queued. A cluster that is gone is waited for."""
        width = min(at_once or os.cpu_count() or 1, self.total)
        kit = self.todo[0].kit
        gone = False
        while self.todo or self.suspects:
            try:
                with _executor(kit, width, scheduler, self.say, gone, self.tls) as (pool, size):
                    self._all(pool, size)
            except _Gone:
                gone = True
                self.say(f"the cluster is gone; waiting for it, at most {PATIENCE_S} s")
            except BadAddress:
                if not gone:
                    raise
                for left in (self.todo, self.suspects):
                    while left:
                        self._count(left.pop(), Failure(reason=GONE))
            if self.outcome.interrupted:
                return

    def _all(self, executor: Executor, size: int) -> None:
        try:
            self._work(executor, size)
            while self.suspects:
                self.todo.append(self.suspects.pop())
                self._work(executor, 1)
        except KeyboardInterrupt:
            self.outcome.interrupted = True
            begun = [job for job, _ in self.running.values()]
            self.outcome.left = sorted(j.client for j in (*begun, *self.todo, *self.suspects))
            if self.forge:
                self.forge.close()
        except _Gone:
            self.todo.extend(job for job, _ in self.running.values())
            raise
        finally:
            for _, lock in self.running.values():
                lock.close()
            self.running.clear()

    def _work(self, executor: Executor, size: int) -> None:
        waiting = False
        while self.todo or self.running:
            while self.todo and len(self.running) < size:
                waiting = not self._submit(executor, size)
                if waiting:
                    break
            if not self.running:
                time.sleep(0.2)
                continue
            patience_s = 0.5 if waiting else None
            for future in futures.wait(self.running, patience_s, futures.FIRST_COMPLETED).done:
                result = _result(future)
                if isinstance(result, Failure) and result.gone:
                    raise _Gone
                job, lock = self.running.pop(future)
                if isinstance(result, Failure) and result.lost and self._again(job):
                    lock.close()
                else:
                    self._settle(job, lock, result)

    def _again(self, job: Job) -> bool:
        """Queues a report whose process was killed, unless that has happened too often."""
        self.tries[job.client] += 1
        again = self.tries[job.client] < ATTEMPTS
        if again:
            (self.todo if self.tries[job.client] == 1 else self.suspects).append(job)
        return again

    def _submit(self, executor: Executor, size: int) -> bool:
        """Starts the next report; false where another run holds it, which then comes last."""
        job = self.todo.popleft()
        lock = contextlib.ExitStack()
        try:
            lock.enter_context(self.target.lock(job.client))
        except Busy:
            if job.client not in self.waited:
                self.say(f"{job.client}: waiting for another run")
            self.waited.add(job.client)
            self.todo.append(job)
            return False
        except OSError as error:  # the place for reports is no folder, not ours, or full
            self._count(job, Failure(reason=_unwritten(error)))
            return True
        if job.client in self.waited and not self.force and self.target.holds(job):
            lock.close()
            self.outcome.up_to_date.append(job.client)
            return True
        if not self.force:
            job = replace(job, done=self.target.still_true(job))
        try:
            at_once = self._at_once(size)
            future = executor.submit(render, job, library(job.kit), self.forge, at_once)
        except Exception:  # a client of a cluster closes by itself where it lost its scheduler
            lock.close()
            self.todo.append(job)
            raise _Gone from None
        self.running[future] = (job, lock)
        return True

    def _at_once(self, size: int) -> int:
        """Chapters of the next report that run side by side: its share of the cores here. 0, which
        is left to whoever makes it, for the last one, which is soon alone, and on a cluster."""
        is_shared = self.forge is not None and bool(self.todo)
        return side_by_side(size) if is_shared else 0

    def _settle(self, job: Job, lock: contextlib.ExitStack, result: Files | Failure) -> None:
        with lock:
            try:
                if isinstance(result, Failure):
                    self.target.put_failure(job.client, result.files)
                else:
                    self.target.put(job, result)
            except OSError as error:
                why = f"{result.reason}; " if isinstance(result, Failure) else ""
                result = Failure(reason=why + _unwritten(error))
        self._count(job, result)

    def _count(self, job: Job, result: Files | Failure) -> None:
        """Notes what became of a report, and says how far the run is."""
        word = "done"
        if isinstance(result, Failure):
            lost = f"its process was killed {ATTEMPTS} times"
            self.outcome.failed[job.client] = lost if result.lost else result.reason
            word = f"failed, {result.reason}"
        else:
            self.outcome.rendered.append(job.client)
            self.outcome.lacking += carried.lacking(job.client, result)
        waiting = len(self.todo) + len(self.suspects) + len(self.running)
        done = self.total - waiting
        left_s = (time.monotonic() - self.began) / done * waiting
        ahead = f", about {left_s:.0f} s left" if waiting else ""
        self.say(f"[{done}/{self.total}] {job.client}: {word}{ahead}")


def _unwritten(error: OSError) -> str:
    place = f"{error.filename}: " if error.filename else ""
    return f"cannot be written: {place}{error.strerror or error}"


def _result(future: Future[Files | Failure]) -> Files | Failure:
    try:
        return future.result()
    except futures.CancelledError:
        return Failure(reason=GONE, gone=True)
    except Exception as error:  # a fault of the kit, or of a cluster: this report alone fails
        return Failure(reason=f"{type(error).__name__}: {error}")


@contextlib.contextmanager
def _executor(
    kit: str,
    width: int,
    scheduler: str,
    say: Callable[[str], None],
    again: bool,
    tls: Tls | None = None,
) -> Iterator[tuple[Executor, int]]:
    """An executor and how many reports to keep on it at once. again: a cluster that was there may
    come back."""
    if scheduler:
        with _cluster(kit, scheduler, say, PATIENCE_S if again else 10, tls) as client:
            threads = sum(client.nthreads().values())
            yield client.get_executor(), 2 * max(1, threads)
        return
    with futures.ThreadPoolExecutor(width) as pool:
        yield pool, width


@contextlib.contextmanager
def _cluster(
    kit: str,
    scheduler: str,
    say: Callable[[str], None],
    patience_s: int,
    tls: Tls | None = None,
) -> Iterator[Client]:
    """A client of the cluster, whose workers run this very library. Raises BadAddress."""
    with contextlib.ExitStack() as leave:
        try:
            import dask
            from distributed import Client

            # A connection logs its last messages, and with them the jobs: 1,000 by default.
            leave.enter_context(dask.config.set({"distributed.admin.low-level-log-length": 10}))
            security = tls.security() if tls else None
            asked = Client(scheduler, timeout=patience_s, security=security)
            client = leave.enter_context(asked)
        except ImportError:
            raise BadAddress("a scheduler needs Dask: pip install 'siting[dask]'") from None
        except BadAddress:
            raise
        except TypeError:  # neither told nor in Dask's own configuration
            raise BadAddress(
                f"scheduler {scheduler!r} speaks TLS; add --tls-ca, --tls-cert and --tls-key"
            ) from None
        except (OSError, ValueError) as error:
            raise BadAddress(
                f"scheduler {scheduler!r}: {error}; write the address that `dask scheduler` "
                "prints, such as tcp://10.0.0.5:8786"
            ) from None
        if not client.nthreads():
            say(f"the cluster has no workers yet; waiting for them, at most {PATIENCE_S} s")
            try:
                client.wait_for_workers(1, timeout=PATIENCE_S)
            except TimeoutError:
                raise BadAddress(
                    f"scheduler {scheduler!r}: no worker came within {PATIENCE_S} s; "
                    f"start some with `dask worker {scheduler}`"
                ) from None
        _refuse_others(client, kit)
        yield client


def _refuse_others(client: Client, kit: str) -> None:
    """Raises BadAddress naming the processes of a cluster that run another library."""
    mine = library(kit)
    found = client.run(library, kit, on_error="return")
    with contextlib.suppress(Exception):  # a scheduler may do without the library
        found["the scheduler"] = client.run_on_scheduler(library, kit)
    others = [process for process, digest in found.items() if digest != mine]
    if others:
        raise BadAddress(
            f"{', '.join(others)}: not this version of the library and of what it stands on; "
            "install the same there as here, and start it again"
        )


_own = cache(Forge)
_owning = threading.Lock()


def render(
    job: Job, asked_by: str = "", forge: Forge | None = None, at_once: int = 0
) -> Files | Failure:
    """What a worker does: one report, or why there is none. Never raises for a report's fault.

    asked_by: digest of the library that asks; another one's report would not be its own. forge:
    warm process that makes it; by default this worker's own, started on first use. at_once:
    chapters that run side by side (`forge.render`).
    """
    if asked_by and asked_by != library(job.kit):
        return Failure(
            reason="a worker runs another version of the library; install the same there"
        )
    try:
        if not job.plain:
            with _owning:
                forge = forge or _own(job.kit)
        return warm.render(job, forge, at_once)
    except ChapterFailed as error:
        return Failure(reason=str(error), files={error.chapter: error.notebook.encode()})
    except Lost as error:
        return Failure(reason=str(error), lost=True)
    except OSError as error:
        place = error.filename or tempfile.gettempdir()
        return Failure(reason=f"cannot be made: {place}: {error.strerror or error}")
    except ValueError as error:
        return Failure(reason=f"{error}" or type(error).__name__)
