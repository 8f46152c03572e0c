"""Kernels that are ready at once: forked from a process that has already imported everything.

A `Forge` is a warm, single-threaded process that waits on a socket pair for one of two requests:
fork a kernel, or fork another forge that first runs a function (`branch`). What that function
computed is then in the memory of every kernel forked from the branch, and of no other.

`WarmProvisioner` is jupyter_client's official way to start a kernel by other means than a new
interpreter; it is registered in the project's metadata under the name `siting-warm`. Where a
process cannot fork, or on request, plain kernels take its place (`plain_kernels`).
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from collections.abc import Iterator
from contextvars import ContextVar
from functools import cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.factory import KernelProvisionerFactory
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

import siting

PROVISIONER = "siting-warm"
CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds")
_MESSAGE_BYTES = 1 << 20

_WARM_MODULES = (
    "ipykernel.debugger",
    "ipykernel.kernelapp",
    "IPython.core.completer",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "tornado.platform.asyncio",
    "sqlite3",
    "matplotlib.backends.backend_svg",
    "matplotlib_inline.backend_inline",
    "papermill",
    "SALib.analyze.rbd_fast",
    "SALib.analyze.sobol",
    "SALib.sample.sobol",
    "genai_prices.data",
)
"""What a kernel imports on its way, or a chapter only when it computes."""


def preload() -> None:
    """Imports what kernels need, and draws once, so that forked kernels have it in memory."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in _WARM_MODULES:
        importlib.import_module(name)
    for module in pkgutil.walk_packages(siting.__path__, "siting."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    _show_each_exhibit()
    gc.collect()
    gc.freeze()


def _show_each_exhibit() -> None:
    """Reads and compiles what the first chart, table and prose of a process need."""
    import pandas as pd

    from siting import exhibits

    figure, axes = exhibits.style.figure(1.0)
    axes.imshow([[0]])
    frame = pd.DataFrame({"warm": ["1"]})
    for exhibit in (
        exhibits.Chart(figure, "warm", "warm"),
        exhibits.Table(frame, "warm"),
        exhibits.Prose("warm"),
    ):
        exhibit._repr_mimebundle_()


def run_plain(function: str, cwd: Path, limit_s: float) -> str:
    """Runs `module:name`, without arguments, in a new interpreter in the folder `cwd`.

    Returns its last line of error as text, empty if it went well.
    """
    module, name = function.split(":")
    command = [sys.executable, "-c", f"from {module} import {name}; {name}()"]
    try:
        done = subprocess.run(
            command, cwd=cwd, capture_output=True, text=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{function} took longer than {limit_s} s"
    return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["killed"])[-1]


class ForgeError(RuntimeError):
    """The warm process refused or took too long."""


class ForgeLost(ForgeError):
    """The warm process is gone, through no fault of what it was asked: ask another."""


def short_folder() -> str | None:
    """A place for sockets, whose paths may have some 100 bytes; None for the system's own."""
    return None if len(tempfile.gettempdir()) < 50 or not os.path.isdir("/tmp") else "/tmp"


class Forge:
    """Handle to a warm process. Closing it ends the process and every kernel forked from it.

    `folder` is for temporary files: the warm process removes it at its end, so that nothing of a
    client is left behind if the process that holds this handle is killed. A branch has none.
    """

    def __init__(self, channel: socket.socket, folder: str | None = None) -> None:
        self._channel, self.folder = channel, folder
        self._lock = threading.Lock()
        self._branches: weakref.WeakSet[Forge] = weakref.WeakSet()

    @classmethod
    def start(cls) -> Forge:
        """A forge forked from this process if that is safe (one thread), else a new interpreter.

        Raises ForgeError where processes cannot fork, OSError where no folder can be made.
        """
        if not CAN_FORK:
            raise ForgeError("this system cannot fork processes")
        folder = tempfile.mkdtemp(prefix="siting-", dir=short_folder())
        ours, theirs = socket.socketpair()
        if single_threaded():
            preload()
            if os.fork() == 0:
                ours.close()
                _serve_and_exit(theirs, folder)
        else:
            theirs.set_inheritable(True)
            subprocess.Popen(
                [sys.executable, "-m", "siting.run.kernels", str(theirs.fileno()), folder],
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_SETTINGS},
                stdin=subprocess.DEVNULL,
            )
        theirs.close()
        return cls(ours, folder)

    def branch(self, function: str, cwd: Path, limit_s: float) -> tuple[Forge, str]:
        """A forge that has run `module:name`, without arguments, in the folder `cwd`.

        Returns it and the function's error as text, empty if there was none.
        Raises ForgeError where the function takes longer than `limit_s` [s], ForgeLost where its
        process is killed.
        """
        ours, theirs = socket.socketpair()
        request = {"do": "branch", "function": function, "cwd": str(cwd)}
        pid = self._ask(request, theirs.fileno())["pid"]
        theirs.close()
        branch = Forge(ours)
        self._branches.add(branch)
        ours.settimeout(limit_s)
        try:
            answer = _received(ours)
            ours.settimeout(None)
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise ForgeError(f"{function} took longer than {limit_s} s") from None
        except OSError:
            answer = None
        if answer is None:
            raise ForgeLost(f"the process that ran {function} was killed")
        return branch, answer["error"]

    def kernel(self, cmd: list[str], env: dict[str, str], cwd: str | None) -> WarmProcess:
        """Forks a kernel for ipykernel's command line `cmd`."""
        alive, held = os.pipe()
        try:
            request = {"do": "kernel", "argv": cmd[cmd.index("-f") :], "env": env, "cwd": cwd}
            return WarmProcess(self._ask(request, held)["pid"], alive)
        except BaseException:
            os.close(alive)
            raise
        finally:
            os.close(held)

    def _ask(self, request: dict[str, Any], descriptor: int) -> dict[str, Any]:
        with self._lock:
            try:
                socket.send_fds(self._channel, [_encoded(request)], [descriptor])
                answer = _received(self._channel)
            except OSError as error:
                raise ForgeLost(f"the warm process is gone ({error})") from error
        if answer is None:
            raise ForgeLost("the warm process is gone")
        return answer

    def close(self) -> None:
        """Ends the process, its branches and all kernels, also while another thread waits."""
        for branch in list(self._branches):
            branch.close()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)
        self._channel.close()
        if self.folder:  # in case that the warm process was killed
            shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Forge:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class WarmProcess:
    """A forked kernel with the part of `subprocess.Popen` that jupyter_client uses.

    The kernel holds the other end of a pipe: when it ends, for whatever reason, the pipe closes.
    """

    stdin = stdout = stderr = None

    def __init__(self, pid: int, alive: int) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._alive = alive

    def poll(self) -> int | None:
        if self.returncode is None and select.select([self._alive], [], [], 0)[0]:
            os.close(self._alive)
            self.returncode = 0
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            ready = select.select([self._alive], [], [], timeout)[0]
            if not ready:
                raise subprocess.TimeoutExpired("kernel", timeout or 0)
        return self.poll() or 0

    def send_signal(self, signum: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, signum)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


_forge: ContextVar[Forge | None] = ContextVar("forge", default=None)


@contextlib.contextmanager
def kernels_from(forge: Forge) -> Iterator[None]:
    """Within it, kernels that this thread starts are forked from `forge`.

    A library that was not installed, only found on the path, registers no provisioner; its
    kernels start as new interpreters.
    """
    if not _registered():
        yield
        return
    token = _forge.set(forge)
    KernelProvisionerFactory.instance().default_provisioner_name = PROVISIONER
    try:
        yield
    finally:
        _forge.reset(token)


@cache
def _registered() -> bool:
    known = KernelProvisionerFactory.instance().provisioners
    group = KernelProvisionerFactory.GROUP_NAME
    known[PROVISIONER] = EntryPoint(PROVISIONER, "siting.run.kernels:WarmProvisioner", group)
    return True


class WarmProvisioner(LocalProvisioner):
    """Starts a kernel from the forge of the current context; without one, as usual."""

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        forge = _forge.get()
        if forge is None or "-f" not in cmd:
            return await super().launch_kernel(cmd, **kwargs)
        process = forge.kernel(cmd, kwargs["env"], kwargs.get("cwd"))
        self.process = process  # type: ignore[assignment]  # it quacks like the Popen it replaces
        self.pid = self.pgid = process.pid
        return self.connection_info


_SETTINGS = {
    **{f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMEXPR")},
    "JE_ARROW_MALLOC_CONF": "background_thread:false",
    "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}
"""Settings under which numpy and pyarrow start no thread of their own when imported, for a process
with threads cannot be forked safely, and under which a kernel's debugger says nothing."""


def single_threaded() -> bool:
    """Whether this process has one thread, Python's and native ones together.

    The system may still list a thread that has ended, so a native one is given a moment to go.
    """
    if not CAN_FORK or threading.active_count() > 1:
        return False
    tasks, deadline = Path("/proc/self/task"), time.monotonic() + 0.2
    while tasks.is_dir() and len(list(tasks.iterdir())) > 1:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message).encode()


def _received(channel: socket.socket) -> dict[str, Any] | None:
    data = channel.recv(_MESSAGE_BYTES)
    message: dict[str, Any] | None = json.loads(data) if data else None
    return message


def _serve_and_exit(channel: socket.socket, folder: str | None = None) -> None:
    """Never returns: a forked child must not run its parent's clean-up. Removes the folder."""
    try:
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):  # what goes wrong is answered over the channel, in one sentence
            os.dup2(null, stream)
        gc.set_threshold(20_000, 20, 20)  # what is computed here is kept, and the process soon ends
        _serve(channel)
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os._exit(0)


def _serve(channel: socket.socket) -> None:
    """Answers requests until the other end closes, then ends all that was forked from here."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle
    children: set[int] = set()
    kernels: set[int] = set()
    while True:
        try:
            data, descriptors, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 1)
        except ConnectionError:  # the other end was killed before it read an answer
            break
        children -= _ended(children)
        if not data:
            break
        request, handed = json.loads(data), descriptors[0]
        pid = os.fork()
        if pid == 0:
            channel.close()
            if request["do"] == "kernel":
                _become_kernel(request)
            _become_branch(request, socket.socket(fileno=handed))
        children.add(pid)
        if request["do"] == "kernel":
            kernels.add(pid)
        os.close(handed)
        with contextlib.suppress(ConnectionError):
            channel.sendall(_encoded({"pid": pid}))
    for pid in kernels & children:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
    deadline = time.monotonic() + 60
    while children and time.monotonic() < deadline:  # branches end by themselves, when computed
        children -= _ended(children)
        time.sleep(0.01)


def _ended(children: set[int]) -> set[int]:
    """Those of the children that have ended; their exit is collected."""
    return {pid for pid in children if os.waitpid(pid, os.WNOHANG)[0] == pid}


def _become_branch(request: dict[str, Any], channel: socket.socket) -> None:
    os.chdir(request["cwd"])
    module, name = request["function"].split(":")
    try:
        getattr(importlib.import_module(module), name)()
        error = ""
    except Exception as raised:
        error = f"{type(raised).__name__}: {raised}"
    channel.sendall(_encoded({"error": error}))
    gc.freeze()
    _serve_and_exit(channel)


def _become_kernel(request: dict[str, Any]) -> None:
    """Never returns. The pipe that says "alive" stays open until this process ends."""
    try:
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.clear()
        os.environ.update(request["env"])
        os.environ["JPY_PARENT_PID"] = str(os.getppid())
        if request["cwd"]:
            os.chdir(request["cwd"])
            sys.path.insert(0, request["cwd"])
        from ipykernel.kernelapp import IPKernelApp

        IPKernelApp.launch_instance(argv=request["argv"])
    finally:
        os._exit(0)


def _main() -> None:
    channel = socket.socket(fileno=int(sys.argv[1]))
    preload()
    _serve_and_exit(channel, sys.argv[2])


if __name__ == "__main__":
    _main()
