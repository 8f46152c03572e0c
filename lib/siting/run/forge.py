"""A warm process that has imported everything and forks one process a report.

Whoever renders asks one: the threads of a batch, a worker of a cluster, a notebook. It is started
as a new interpreter, so it does not matter what the asking process holds; it has one thread, so it
can be forked; it ends with the asking process, and takes its reports and their files with it.
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
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import siting
from siting.run.job import Job
from siting.run.process import (
    Child,
    Lost,
    end_with_parent,
    hurry,
    interpreter,
    outcome,
    sendable,
    settle,
    silence,
)

try:
    import fcntl
except ImportError:  # nothing here works without; plain processes take its place
    fcntl = None  # type: ignore[assignment]

CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds") and fcntl is not None

_MODULES = (
    "IPython.core.completer",
    "matplotlib.backends.backend_svg",
    "matplotlib_inline.backend_inline",
    "nbconvert.preprocessors",
    "pandas.plotting._matplotlib",
    "SALib.analyze.rbd_fast",
    "SALib.analyze.sobol",
    "SALib.sample.sobol",
    "genai_prices.data",
)
"""What is otherwise imported only when a chapter or a study needs it."""

_PREFIX = "siting-run-"


class Forge:
    """Handle to a warm process. Closing it ends the process and every report that it makes.

    `folder` holds the temporary files of its reports. Whichever of the two processes outlives the
    other removes it; should both be killed at once, the next run does.
    """

    def __init__(self, many: bool = False, ahead: Job | None = None) -> None:
        """many: worth working out first what is the same for every client. ahead: a job whose
        study is computed at once, for all reports with the same figures.

        Raises OSError where no temporary folder can be made, Lost where the system cannot fork.
        """
        if not CAN_FORK:
            raise Lost("this system cannot fork processes")
        self._asking = threading.Lock()
        self.folder, self._held = _folder()
        try:
            self._start(many, ahead)
        except OSError:
            os.close(self._held)
            _remove(self.folder, 0)
            raise

    def _start(self, many: bool, ahead: Job | None) -> None:
        self._channel, theirs = socket.socketpair()
        with theirs:
            self._pid = interpreter(
                "siting.run.forge", theirs.fileno(), self._held,
                say=(str(self.folder), many, ahead), session=True,
            )  # fmt: skip

    def render(self, job: Job) -> dict[str, bytes]:
        """The files of a report, made in a process of its own.

        Raises what made the report impossible; Lost where its process was killed.
        """
        files: dict[str, bytes] = self._ask("siting.run.report", "make", job, Path("report"))
        return files

    def index(self, summaries: Sequence[tuple[str, Sequence[str], bytes]]) -> str:
        """The page over all reports, of which `Shelf.summaries` tells; raises as `render` does."""
        page: str = self._ask("siting.run.portfolio", "index", summaries)
        return page

    def _ask(self, *what: Any) -> Any:
        """What a function of a module returns, called in a process and a folder of its own."""
        ours, theirs = socket.socketpair()
        with ours:
            try:
                with theirs, self._asking:
                    socket.send_fds(self._channel, [b"."], [theirs.fileno()])
                ours.sendall(pickle.dumps(what))
                ours.shutdown(socket.SHUT_WR)
                answer = _all(ours)
            except OSError:
                answer = b""
        if not answer:
            raise self._why()
        made = pickle.loads(answer)
        if isinstance(made, Exception):
            raise made
        return made

    def _why(self) -> Exception:
        """What kept the warm process from its work; or that a process was killed."""
        with contextlib.suppress(OSError, EOFError):
            told: Exception = pickle.loads(
                self._channel.recv(1 << 16, socket.MSG_PEEK | socket.MSG_DONTWAIT)
            )
            return told
        return Lost("its process was killed")

    @property
    def gone(self) -> bool:
        """Whether the process has ended."""
        try:
            return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def close(self) -> None:
        """Ends the process and its reports, also while other threads wait; leaves no file."""
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        with contextlib.suppress(OSError):
            os.close(self._held)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._pid, 0)
        _remove(self.folder, 20)

    def __enter__(self) -> Forge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _all(connection: socket.socket) -> bytes:
    return b"".join(iter(lambda: connection.recv(1 << 20), b""))


def _folder() -> tuple[Path, int]:
    """A folder for temporary files, and a lock on it that every process that uses it holds.

    Those that nobody holds any more, because all their processes were killed at once, are removed.
    """
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        if left.is_dir() and not left.is_symlink() and left.stat().st_uid == os.getuid():
            _remove(left, 0)
    while True:
        folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
        try:
            held = os.open(folder, os.O_RDONLY)
        except FileNotFoundError:  # another run took it for one that was left
            continue
        except OSError:
            folder.rmdir()
            raise
        fcntl.flock(held, fcntl.LOCK_SH)
        if folder.exists():
            return folder, held
        os.close(held)


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


def render(job: Job, forge: Forge | None = None) -> dict[str, bytes]:
    """The files of a report, by their path in its folder, made in a process of its own.

    forge: warm process to fork it from; None takes new interpreters.
    Raises what `report.make` does, and Lost where its process was killed.
    """
    if forge is not None and not job.plain:
        return forge.render(job)
    with _kept_folder() as folder:
        child = Child.start(_make_plain, job, folder / "report", fork=False)
        try:
            _, made = child.channel.recv()
        except EOFError:
            raise Lost("its process was killed") from None
        finally:
            child.end()
    if isinstance(made, Exception):
        raise made
    files: dict[str, bytes] = made
    return files


@contextlib.contextmanager
def _kept_folder() -> Iterator[Path]:
    """A folder for temporary files, which no other run takes for one that was left."""
    if fcntl is None:
        with tempfile.TemporaryDirectory() as name:
            yield Path(name)
        return
    folder, held = _folder()
    try:
        yield folder
    finally:
        os.close(held)
        _remove(folder, 5)


def _make_plain(job: Job, folder: Path, tell: object) -> dict[str, bytes]:
    from siting.run import report

    return report.make(job, folder, fork=False)


# --- In the warm process --------------------------------------------------------------------------


def preload(folder: str) -> Iterator[None]:
    """Imports what reports need, step by step, and prepares what is the same for all."""
    # jsonschema, which nbformat loads, compiles a grammar of addresses if it finds this package:
    # a second, for a kind of check that no notebook asks for.
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
    from siting.print import publish
    from siting.run import chapter

    if sys.modules["rfc3987_syntax"] is None:
        del sys.modules["rfc3987_syntax"]
    modules = (m.name for m in pkgutil.walk_packages(siting.__path__, "siting."))
    for name in (*_MODULES, *(n for n in modules if not n.endswith("__main__"))):
        importlib.import_module(name)
        yield
    chapter.rehearse(folder)
    publish.warm()


def _deserted(channel: socket.socket) -> bool:
    """Whether the asking process is gone, even if its requests still wait to be read."""
    poll = select.poll()
    poll.register(channel, 0)
    return bool(poll.poll(0))


def _serve(channel: socket.socket, folder: str, many: bool, ahead: Job | None) -> None:
    """Forks a report for each request until the asking process closes its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the asking process's to handle
    gc.disable()  # what is imported stays; looking through it is a third of the time
    reports: set[int] = set()
    try:
        for _ in preload(folder):
            if _deserted(channel):
                return
        from siting import study
        from siting.run import report

        if many:
            study.prepare()
        if ahead:
            with contextlib.suppress(Exception):  # the report that needs it tells
                report.lay_out(ahead, Path(folder) / "ahead")
                report.compute(ahead)
        settle()
        _answer(channel, folder, reports)
    finally:
        for pid in reports:
            _kill_group(pid)
        while reports:
            reports -= _ended(reports, folder)
            time.sleep(0.01)


def _answer(channel: socket.socket, folder: str, reports: set[int]) -> None:
    """Forks a report for each request; `reports` holds the ids of those that run."""
    with contextlib.suppress(ConnectionError):
        while (request := socket.recv_fds(channel, 1, 1))[0] and not _deserted(channel):
            reports -= _ended(reports, folder)
            with socket.socket(fileno=request[1][0]) as connection:
                if (pid := os.fork()) == 0:
                    channel.close()
                    _make(connection, folder)
            reports.add(pid)


def _ended(reports: set[int], folder: str) -> set[int]:
    """Those that have ended; what they started and left behind goes, too."""
    ended = {pid for pid in reports if os.waitpid(pid, os.WNOHANG)[0] == pid}
    for pid in ended:
        _kill_group(pid)
        shutil.rmtree(Path(folder) / str(pid), ignore_errors=True)
    return ended


def _kill_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _make(connection: socket.socket, folder: str) -> None:
    """Never returns: a child must not run its parent's clean-up."""
    place = Path(folder) / str(os.getpid())
    try:
        os.setsid()
        end_with_parent()
        hurry()
        module, name, *args = pickle.loads(_all(connection))
        place.mkdir()
        os.chdir(place)
        made = outcome(getattr(importlib.import_module(module), name), *args)
        shutil.rmtree(place, ignore_errors=True)
        connection.sendall(pickle.dumps(made))
    finally:
        os._exit(0)


def _main() -> None:
    folder, many, ahead = pickle.load(sys.stdin.buffer)
    channel, held = map(int, sys.argv[1:])
    for descriptor in (channel, held):
        os.set_inheritable(descriptor, False)
    silence()
    with socket.socket(fileno=channel) as connection:
        try:
            _serve(connection, folder, many, ahead)
        except Exception as error:
            with contextlib.suppress(OSError):  # nobody asks any more
                connection.sendall(pickle.dumps(sendable(error)))
        os.close(held)
        _remove(Path(folder), 5)


if __name__ == "__main__":
    _main()
