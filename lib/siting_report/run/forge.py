"""A warm process that has imported everything and forks one process a report.

Whoever renders asks one: the threads of a batch, a worker of a cluster, a notebook. It is started
as a new interpreter, so it does not matter what the asking process holds; a command of the command
line, which holds nothing, has itself copied instead, with what it has read to check the input. It
has one thread, so it can be forked; it ends with the asking process, and takes its reports and
their files with it.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import pickle
import pkgutil
import select
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

with contextlib.suppress(ImportError):  # where nothing can be forked; `can_render` says so
    import fcntl

import siting_report
from siting_report.kit import kit_named
from siting_report.run import process
from siting_report.run.job import Job
from siting_report.run.process import Child, Lost
from siting_report.run.unseen import ADDRESSES, ARROW, unseen

_PREFIX = "siting-run-"


def can_render() -> bool:
    """Whether this system can fork processes, in which reports are made."""
    return hasattr(os, "fork")


class Forge:
    """Handle to a warm process. Closing it ends the process and every report that it makes.

    Should the process end before, the next question starts another.
    """

    def __init__(
        self, kit: str, many: bool = False, ahead: Job | None = None, copies: bool = False
    ) -> None:
        """kit: name of the module that tells of the library. many: worth working out first what is
        the same for every client. ahead: a job whose study is computed at once, for all reports
        with the same figures. copies: a copy of this process serves, if it stands alone: nothing in
        it may change a report."""
        self._ready = {"kit": kit, "many": many, "ahead": ahead}
        self._copies = copies
        self._asking = threading.Lock()
        self._pid = 0
        self._closed = False
        with contextlib.suppress(OSError):  # whoever asks is told
            self._start()

    def _start(self) -> None:
        """Raises OSError where no process can be started."""
        self._stop()
        self._channel, theirs = socket.socketpair()
        with theirs:
            setup = {"place": tempfile.gettempdir(), **self._ready}
            if self._copies and process.stands_alone():
                self._pid = process.copied(_warm, theirs, **setup)
            else:
                self._pid = process.interpreter(
                    "siting_report.run.forge", theirs.fileno(), say=setup, session=True
                )

    def call(self, name: str, *args: Any) -> Any:
        """What a function of the library, `module:name`, returns, which is called in a process and
        a folder of its own. Raises what it raises; Lost where its process was killed."""
        ours, theirs = Pipe()
        with ours:
            with theirs, self._asking:
                if self._closed:
                    raise Lost("its process was ended")
                if self._gone:
                    self._start()
                with contextlib.suppress(OSError):  # it is gone: so the answer says
                    socket.send_fds(self._channel, [b"."], [theirs.fileno()])
            with contextlib.suppress(OSError):
                ours.send((_inside, (Path(), name, *args), False))
            try:
                return process.answer(ours)
            except Lost as lost:
                raise self._why() or lost from None

    def _why(self) -> Exception | None:
        """What kept the warm process from its work, if it told."""
        with contextlib.suppress(OSError, EOFError):
            told: Exception = pickle.loads(
                self._channel.recv(1 << 16, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            )
            return told
        return None

    @property
    def _gone(self) -> bool:
        """Whether the process has ended."""
        with contextlib.suppress(ChildProcessError):
            ended = os.WEXITED | os.WNOHANG | os.WNOWAIT
            return not self._pid or os.waitid(os.P_PID, self._pid, ended) is not None
        return True

    def close(self) -> None:
        """Ends the process and its reports, also while other threads wait; leaves no file."""
        with self._asking:
            self._closed = True
            self._stop()

    def _stop(self) -> None:
        if not self._pid:
            return
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        sweep(f"{self._pid}-", 20)
        self._pid = 0

    def __enter__(self) -> Forge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """A folder for temporary files, and a lock on it that every process that uses it holds.

    Those that nobody holds any more, because all their processes were killed at once, are removed.
    """
    sweep()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))
        try:
            held = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another run took it for one that was left
            continue
        except OSError:
            folder.rmdir()
            raise
        fcntl.flock(held, fcntl.LOCK_SH)
        if folder.exists():
            break
        os.close(held)
    try:
        yield folder
    finally:
        os.close(held)
        _remove(folder, 5)


def sweep(of: str = "", patience_s: float = 0) -> None:
    """Removes folders of processes that were killed, or of the one that `of` names. [s]"""
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}{of}*"):
        with contextlib.suppress(FileNotFoundError):  # another run was quicker
            if left.is_dir() and not left.is_symlink() and left.stat().st_uid == os.getuid():
                _remove(left, patience_s)


def _remove(folder: Path, patience_s: float) -> None:
    """Removes a folder once no process holds it; gives up after a while. [s]"""
    deadline = time.monotonic() + patience_s
    while True:
        try:
            held = os.open(folder, os.O_RDONLY)
        except OSError:
            return
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                return
            time.sleep(0.02)
        finally:
            os.close(held)


def render(job: Job, forge: Forge | None = None, at_once: int = 0) -> dict[str, bytes]:
    """The files of a report, by their path in its folder, made in a process of its own.

    forge: warm process to fork it from; None takes new interpreters. at_once: chapters that run
    side by side; 0 takes as many as serve a report that is made alone.
    Raises what `report.make` does, and Lost where its process was killed.
    """
    made: dict[str, bytes]
    at_once = at_once or process.side_by_side(1)
    if forge is not None and not job.plain:
        made = forge.call(_MAKE, job, at_once)
    else:
        with _folder() as folder:
            made = Child.start(_inside, folder, _MAKE, job, at_once, fork=False).answer()
    return made


_MAKE = "siting_report.run.report:make"


def _inside(folder: Path, name: str, *args: Any) -> Any:
    """What a function of the library returns that is called in a folder of its own."""
    place = folder / str(os.getpid())
    place.mkdir()
    os.chdir(place)
    try:
        return pkgutil.resolve_name(name)(*args)
    finally:
        shutil.rmtree(place, ignore_errors=True)


# --- In the warm process --------------------------------------------------------------------------


def preload(kit: str, folder: str) -> Iterator[None]:
    """Imports what reports need, step by step, and prepares what is the same for all."""
    with unseen(ARROW, *ADDRESSES):
        from siting_report.print import page
        from siting_report.run import chapter

    library = kit_named(kit)
    for name in (*library.LATER, *_modules(siting_report.__name__, *library.PACKAGES)):
        importlib.import_module(name)
        yield
    gc.freeze()  # or each collection from here on would look through all that was imported
    chapter.rehearse(folder)
    page.warm()


def _modules(*packages: str) -> Iterator[str]:
    """The names of all modules of some packages, save those that are run as a command."""
    for package in packages:
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if not module.name.endswith("__main__"):
                yield module.name


def _deserted(channel: socket.socket) -> bool:
    """Whether the asking process is gone, even if its requests still wait to be read."""
    poll = select.poll()
    poll.register(channel, 0)
    return bool(poll.poll(0))


def _serve(channel: socket.socket, kit: str, many: bool, ahead: Job | None) -> None:
    """Forks a report for each request until the asking process closes its end. The current folder
    is theirs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the asking process's to handle
    gc.disable()  # what is imported stays; looking through it is a third of the time
    reports = set[int]()
    folder = Path.cwd()
    try:
        for _ in preload(kit, str(folder)):
            if _deserted(channel):
                return
        from siting_report.run import report

        if many:
            kit_named(kit).prepare()
        if ahead:
            with contextlib.suppress(Exception):  # the report that needs it tells
                report.lay_out(ahead, folder / "ahead")
                report.compute(ahead)
            os.chdir(folder)
        process.settle()
        with contextlib.suppress(ConnectionError):
            while (request := socket.recv_fds(channel, 1, 1))[0] and not _deserted(channel):
                reports -= _ended(reports)
                with Connection(request[1][0]) as connection:
                    if (pid := os.fork()) == 0:
                        channel.close()
                        os.setsid()
                        process.serve(connection)
                reports.add(pid)
    finally:
        for pid in reports:
            _kill_group(pid)
        while reports:
            reports -= _ended(reports)
            time.sleep(0.01)


def _ended(reports: set[int]) -> set[int]:
    """Those that have ended; what they started and left behind goes, too."""
    ended = {pid for pid in reports if os.waitpid(pid, os.WNOHANG)[0] == pid}
    for pid in ended:
        _kill_group(pid)
        shutil.rmtree(str(pid), ignore_errors=True)
    return ended


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _warm(channel: socket.socket, *, place: str, kit: str, many: bool, ahead: Job | None) -> None:
    """Serves in a folder below `place`; tells the asking process what kept it from that."""
    tempfile.tempdir = place
    sys.argv[:] = [__file__]  # what a chapter sees does not hang on how this process was started
    channel.set_inheritable(False)
    try:
        with _folder() as folder:
            os.chdir(folder)
            _serve(channel, kit, many, ahead)
    except Exception as error:
        with contextlib.suppress(OSError):  # nobody asks any more
            channel.sendall(pickle.dumps(process.sendable(error)))


def _main() -> None:
    setup = pickle.load(sys.stdin.buffer)
    with socket.socket(fileno=int(sys.argv[1])) as channel:
        _warm(channel, **setup)


if __name__ == "__main__":
    _main()
