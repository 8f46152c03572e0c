"""Functions of the library that are called in a process of their own, which then ends.

It gives back what memory it took, can be ended if it takes too long, and leaves this process's
terminal, folder and settings alone.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import pkgutil
import signal
import subprocess
import sys
from typing import Any

_NOT_FOR_US = frozenset({
    "PYTHONOPTIMIZE", "PYTHONWARNINGS", "PYTHONDEVMODE", "PYTHONINSPECT", "PYTHONSTARTUP",
})  # fmt: skip
"""Settings of Python that are meant for other programs: they would take away docstrings, in which
frames declare their columns, make errors of what libraries say to each other, or run a script."""


class Ended(RuntimeError):
    """A process was killed, or took too long."""


def environment(**more: str) -> dict[str, str]:
    """This process's environment, without what must change no report."""
    return {name: text for name, text in os.environ.items() if name not in _NOT_FOR_US} | more


class Call:
    """A function of the library, `module:name`, that is being called in a process of its own."""

    def __init__(self, name: str, *args: Any) -> None:
        self._asked = pickle.dumps((name, args))
        # -P: no module of the current folder is one of ours.
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", __name__],
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def answer(self, patience_s: float | None = None) -> Any:
        """What the function returns; raises ValueError with what it raises, and Ended. [s]"""
        try:
            said, _ = self._process.communicate(self._asked, patience_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.communicate()
            raise Ended("it took too long") from None
        if self._process.returncode:
            raise Ended("its process was killed")
        made = pickle.loads(said)
        if isinstance(made, Exception):
            raise made
        return made

    def kill(self) -> None:
        """Ends the process, from any thread; whoever waits for its answer is told."""
        kill_group(self._process.pid)


def kill_group(pid: int) -> None:
    """Ends a process that leads a session, and all that it started in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _main() -> None:
    name, args = pickle.load(sys.stdin.buffer)
    with contextlib.redirect_stdout(sys.stderr):
        try:
            made = pkgutil.resolve_name(name)(*args)
        except ValueError as error:
            made = ValueError(str(error))
        except Exception as error:  # of whatever kind it is, it can be sent and is told
            made = ValueError(f"{type(error).__name__}: {error}")
    sys.stdout.buffer.write(pickle.dumps(made))


if __name__ == "__main__":
    _main()
