"""The kernel of a report, in which Papermill runs its chapters one after the other.

It is the kernel that JupyterLab starts, so a chapter shows here what it shows there. It has
imported the library and computed the study for the first chapter; those that follow find both.
It serves one client and no other. Should it die, its report alone fails; it ends with the process
that started it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from jupyter_client.provisioning.local_provisioner import LocalProvisioner
from jupyter_core.utils import ensure_event_loop, run_sync
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from papermill.exceptions import PapermillExecutionError

from siting_report.run import apart

logging.getLogger("papermill").setLevel(logging.CRITICAL)  # a chapter need not be parameterised
START_S = 300
"""Time that a kernel may take to start, which a busy machine needs. [s]"""
HANDLES = 64
"""Handles of files that must be free for a kernel: ZeroMQ ends the whole process where it lacks
one."""
STARTS = 3
"""Times that a kernel is started: a port that was free may be taken before the kernel has it."""
_COMMAND = [
    sys.executable,
    "-P",
    "-m",
    "ipykernel_launcher",
    "-f",
    "{connection_file}",
    "--ignore-cwd",
    "--InteractiveShell.colors=nocolor",
    "--HistoryManager.enabled=False",
]
"""No file of the current folder is taken for a module; tracebacks are plain text."""
_FRESH = """
import os; os.chdir({folder!r})
from siting_report.show import displays; displays.freshen(get_ipython())
"""
_ENOUGH = "Enough"
"""Name of `show.Enough`. Who drives a kernel need not import what it shows with."""


class ChapterFailed(Exception):
    """A chapter did not run to its end. `notebook` is what it had shown until then, as JSON."""

    def __init__(self, chapter: str, cell: str, reason: str, notebook: str) -> None:
        super().__init__(chapter, cell, reason, notebook)  # all of them: so it can be sent
        self.chapter = chapter
        self.cell = cell
        self.reason = reason
        self.notebook = notebook

    def __str__(self) -> str:
        return f"{self.chapter}, cell {self.cell}: {self.reason}"


class _OurPython(KernelSpecManager):
    """Knows one kernel: this Python's, whatever the user has installed under its name."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(argv=_COMMAND, display_name="Python 3", language="python")


class _Manager(AsyncKernelManager):
    """Ends the last client where the next is asked for: nbclient opens one a notebook, and leaves
    those of a kernel that is not its own open, each with a thread and its messages."""

    _last: Any = None

    def client(self, **how: Any) -> Any:
        self.hang_up()
        self._last = super().client(**how)
        return self._last

    def hang_up(self) -> None:
        if self._last is not None:
            self._last.stop_channels()
            self._last = None


class Kernel:
    """A Python kernel that works in `folder`, until it is closed. One thread uses it; any may kill
    it."""

    def __init__(self, folder: Path, own: Path, cell_limit_s: int) -> None:
        """own: folder for what the kernel and the chapters keep for themselves. cell_limit_s: a
        cell that runs longer fails. [s]"""
        self.cell_limit_s = cell_limit_s
        self._folder = folder
        self._own = own
        self._manager: _Manager | None = None
        self.is_killed = False

    def start(self) -> None:
        """Raises ValueError where it cannot; OSError where too few handles are free."""
        with contextlib.ExitStack() as held:
            for _ in range(HANDLES):
                held.enter_context(open(os.devnull))
        for tries_left in reversed(range(STARTS)):
            self._launch()
            try:
                self.run("import siting_report.show")
            except ValueError:
                self.close()
                if self.is_killed or not tries_left:
                    raise
            else:
                return

    def _launch(self) -> None:
        manager = self._manager = _Manager(
            kernel_spec_manager=_OurPython(), connection_file=str(self._own / "kernel.json")
        )
        # Nothing of the user's own is read, and a warning names no file that differs each time.
        env = apart.environment(
            IPYTHONDIR=str(self._own), IPYKERNEL_CELL_NAME="<cell>", TMPDIR=str(self._own)
        )
        nothing = subprocess.DEVNULL
        run_sync(manager.start_kernel)(
            cwd=str(self._folder), env=env, stdin=nothing, stdout=nothing, stderr=nothing
        )
        if self.is_killed:  # while there was nothing to kill
            self._kill()

    def run(self, code: str) -> None:
        """Runs code that shows nothing, however long. Raises ValueError with what it raised."""
        asked = new_notebook(cells=[new_code_cell(code)])
        try:
            NotebookClient(asked, km=self._manager, timeout=None, startup_timeout=START_S).execute()
        except CellExecutionError as error:
            raise ValueError(f"{error.ename}: {error.evalue}") from None
        except RuntimeError as error:
            raise ValueError(self._ended(error)) from None

    def execute(self, name: str, text: str, client: str) -> str:
        """The chapter `text`, a notebook as JSON, after its cells ran for `client`.

        Raises ChapterFailed.
        """
        notebook = nbformat.reads(text, as_version=4)
        begun: list[NotebookNode] = []
        reason = ""
        try:
            self.run(_FRESH.format(folder=str(self._folder)))
            papermill.execute_notebook(
                notebook,
                None,
                parameters={"client": client},
                km=self._manager,
                kernel_name="python3",
                language="python",
                progress_bar=False,
                start_timeout=START_S,
                execution_timeout=self.cell_limit_s,
                iopub_timeout=START_S,
                coalesce_streams=True,
                on_cell_start=lambda cell, cell_index: begun.append(cell),
            )
        except PapermillExecutionError as error:
            reason = "" if error.ename == _ENOUGH else _raised(error, begun[-1])
        except (ValueError, RuntimeError, CellTimeoutError) as error:
            reason = self._ended(error)
        notebook.cells = begun or notebook.cells
        ran = written(notebook, client)
        if reason:
            last = begun[-1].get("id", "?") if begun else "none"
            raise ChapterFailed(name, last, reason, ran)
        return ran

    def _ended(self, error: Exception) -> str:
        if isinstance(error, CellTimeoutError):
            return f"ran longer than {self.cell_limit_s} s"
        return "its process was killed" if isinstance(error, DeadKernelError) else str(error)

    def kill(self) -> None:
        """Ends it at once, with all that chapters started in it, from any thread."""
        self.is_killed = True
        self._kill()

    def close(self) -> None:
        """Ends it, whatever it does."""
        if self._manager is not None:
            self._kill()
            self._manager.hang_up()
            with contextlib.suppress(RuntimeError):
                run_sync(self._manager.shutdown_kernel)(now=True)
            self.rest()
            self._manager = None

    def rest(self) -> None:
        """Lets go of what this thread has opened to speak to it; another one may go on."""
        if self._manager is not None:
            self._manager.hang_up()
        loop = ensure_event_loop()
        if not loop.is_running():
            loop.close()

    def _kill(self) -> None:
        here = self._manager.provisioner if self._manager is not None else None
        if isinstance(here, LocalProvisioner) and here.has_process and here.pid:
            apart.kill_group(here.pid)


def _raised(error: PapermillExecutionError, cell: NotebookNode) -> str:
    """What a cell raised. IPython prints a misused magic's error, and gives it no name."""
    printed = [output.text for output in cell.outputs if output.output_type == "stream"]
    if error.ename == CellExecutionError.__name__ and printed:
        return str(printed[-1]).strip()
    remedy = _NO_FILE if error.ename == FileNotFoundError.__name__ else ""
    return f"{error.ename}: {error.evalue}{remedy}"


_NO_FILE = "; put the file into notebooks/<client>/ and read it with s.file(name, source=…)"
_DRAWN = re.compile(
    r"<Axes|<Figure|<\w*Container|<matplotlib\.|<[\w.]+ object\b| at 0x[0-9a-f]+>|^Text\("
)
"""Text of a value that is a drawn thing, or that holds an address, which differs from run to run:
nothing to read."""


def _is_read(output: NotebookNode) -> bool:
    if output.output_type == "error":
        return str(output.ename) != _ENOUGH
    data = output.get("data", {})
    return set(data) != {"text/plain"} or not _DRAWN.search(data["text/plain"])


def written(notebook: NotebookNode, client: str) -> str:
    """As JSON, without what differs from run to run (times, versions, random names), and without
    outputs that nobody reads.

    On one line: an indented one takes ten times as long, and nobody edits it.
    """
    notebook.metadata.pop("language_info", None)
    notebook.metadata["papermill"] = {"parameters": {"client": client}}
    for number, cell in enumerate(notebook.cells):
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell["id"] = f"injected-{number}"
        for left in ("papermill", "execution"):
            cell.metadata.pop(left, None)
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _is_read(output)]
    return json.dumps(notebook, ensure_ascii=False, sort_keys=True)
