"""Processes of their own: forked from a warm one, or new interpreters. What they find, they tell.

A process is told over a connection what to do, and answers there: with messages while it works,
and at its end with what its function returned or raised. It ends with the process that started it,
however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any, NoReturn

CORES = os.cpu_count() or 1


class Lost(RuntimeError):
    """A process is gone, through no fault of what it was asked."""


class ChapterFailed(Exception):
    """A chapter did not run to its end. `notebook` is what it had shown until then."""

    def __init__(self, chapter: str, cell: str, reason: str, notebook: str) -> None:
        super().__init__(chapter, cell, reason, notebook)
        self.chapter = chapter
        self.cell = cell
        self.reason = reason
        self.notebook = notebook

    def __str__(self) -> str:
        return f"{self.chapter}, cell {self.cell}: {self.reason}"


@dataclass(frozen=True)
class Ended:
    """The last message of a process."""

    made: Any
    """What it returned, or the exception that it raised; Lost where it was killed."""


def side_by_side(reports: int) -> int:
    """Chapters of one report that run at once, where so many reports are made at once: more than
    there are cores for would take no less time, and each takes memory."""
    return max(1, min(4, CORES // reports))


class Child:
    """A process that runs a function; `channel` gives what it tells."""

    def __init__(self, pid: int, channel: Connection) -> None:
        self.pid = pid
        self.channel = channel

    @classmethod
    def start(
        cls, function: Callable[..., Any], *args: Any, fork: bool = True, tells: bool = False
    ) -> Child:
        """Runs `function(*args)`, which lies in a module, in a process of its own.

        fork: from this process, which has one thread; else in a new interpreter. tells: whether
        the function takes `tell`, which sends a message.
        """
        ours, theirs = Pipe()
        with theirs:
            pid = os.fork() if fork else interpreter("siting_report.run.child", theirs.fileno())
            if pid == 0:
                ours.close()
                serve(theirs)
        with contextlib.suppress(ConnectionError):  # it ended at once: so the answer says
            ours.send((function, args, tells))
        return cls(pid, ours)

    def answer(self, patience_s: float | None = None) -> Any:
        """What the function of a process that tells nothing returns; raises as `answer` does, and
        Lost where it is waited for no longer. [s]"""
        try:
            if not self.channel.poll(patience_s):
                raise Lost("it took too long")
            return answer(self.channel)
        finally:
            self.end()

    def end(self) -> None:
        """Kills the process if it still runs, and collects its exit."""
        self.channel.close()
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self.pid, 0)


def told(channel: Connection) -> Any:
    """The next message of a process. Its last is `Ended`."""
    try:
        return channel.recv()
    except (EOFError, OSError):
        return Ended(Lost("its process was killed"))


def answer(channel: Connection) -> Any:
    """What the process at the other end returns, which tells nothing else. Raises what it raises,
    and Lost where it was killed."""
    made = told(channel).made
    if isinstance(made, Exception):
        raise made
    return made


def serve(channel: Connection) -> NoReturn:
    """Does what a new process is told over `channel`. Never returns: a child must not run its
    parent's clean-up."""
    try:
        end_with_parent()
        gc.set_threshold(20_000, 20, 20)  # what it makes it keeps, and it soon ends
        gc.enable()
        function, args, tells = channel.recv()
        try:
            made = function(*args, **{"tell": channel.send} if tells else {})
        except Exception as error:
            made = sendable(error)
        with contextlib.suppress(ConnectionError):  # nobody asks any more
            channel.send(Ended(made))
    finally:
        os._exit(0)


UNHEARD = frozenset({"PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONINSPECT"})
"""Settings of Python that are meant for other programs: they would take away docstrings, in which
frames declare their columns, or make errors of what libraries say to each other."""


def environment() -> dict[str, str]:
    """This process's environment without what must change no report."""
    return {name: value for name, value in os.environ.items() if name not in UNHEARD}


def interpreter(module: str, *handed: int, say: Any = None, session: bool = False) -> int:
    """Starts a module of the library in a new interpreter, which sees nothing of this folder.

    handed: descriptors that it gets, as its arguments. say: object that it reads from its standard
    input. session: whether it stays out of this process's group. Returns its process id.
    """
    library = str(Path(__file__).parents[2])
    heard = environment()
    path = os.pathsep.join(filter(None, (library, heard.get("PYTHONPATH"))))
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *map(str, handed)],
        pass_fds=handed, start_new_session=session,
        env=heard | {"PYTHONPATH": path},
        stdin=subprocess.DEVNULL if say is None else subprocess.PIPE,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    process.returncode = 0  # whoever started it collects its exit by its id
    if process.stdin:
        with contextlib.suppress(BrokenPipeError), process.stdin as pipe:
            pickle.dump(say, pipe)
    return process.pid


def stands_alone() -> bool:
    """Whether a copy of this process can take the place of a new interpreter: it has one thread,
    and neither the current folder nor settings meant for other programs had a say in it."""
    told = sys.flags.optimize or sys.flags.dev_mode or sys.flags.inspect or sys.warnoptions
    here = os.path.realpath(os.curdir)
    reads_here = any(os.path.realpath(place) == here for place in sys.path)
    is_alone = threading.active_count() == 1 and os.path.isdir(_OPEN)
    return is_alone and not told and not reads_here


_OPEN = "/dev/fd"
"""Where the system lists what is open in a process."""


def copied(function: Callable[..., None], channel: socket.socket, **told: Any) -> int:
    """Runs `function(channel, **told)` in a copy of this process, which has one thread, and keeps
    what it has imported and read. Returns its process id.

    Like a new interpreter, the copy sees neither this terminal, nor files that are open here, nor
    modules beside the script that was started.
    """
    pid = os.fork()
    if pid:
        return pid
    try:
        os.setsid()
        _let_go(channel.fileno())
        beside = os.path.dirname(os.path.realpath(sys.argv[0]))
        found = [place for place in sys.path if os.path.realpath(place) != beside]
        sys.path[:] = [str(Path(__file__).parents[2]), *found]
        function(channel, **told)
    finally:
        os._exit(0)


def _let_go(but: int) -> None:
    """Lets go of all that is open in this process, and was so in the one that it is a copy of.

    Nothing stands in its place, and no number becomes free: objects of Python's that think that it
    is theirs would close what comes after.
    """
    nothing = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir(_OPEN):
        number = int(name)
        with contextlib.suppress(OSError):  # the folder itself, which is closed by now
            os.fstat(number)
            if number not in (but, nothing):
                os.dup2(nothing, number, inheritable=number < 3)


def end_with_parent() -> None:
    """Has the system kill this process when the one that started it ends, where it can."""
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def settle() -> None:
    """Gives back what was needed only to compute, and has collections pass over what is kept.

    For a process that forks: what it holds stays shared with its children.
    """
    gc.collect()
    gc.freeze()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def sendable(error: Exception) -> Exception:
    """The exception, or one that says the same where it cannot be sent."""
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
