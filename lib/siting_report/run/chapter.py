"""The cells of a chapter, run in this process by an IPython shell that keeps what they show.

What a chapter shows here is what it shows in JupyterLab: figures in any of matplotlib's ways,
frames, Markdown, pictures, printed text, the output of commands. papermill puts the parameters in
and runs `InProcess`, an engine that takes no kernel.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import os
import re
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, assert_never

import nbformat
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat import NotebookNode
from papermill.engines import Engine, papermill_engines
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook
from traitlets import Type
from traitlets.config import Config

from siting_report.run import misspelt
from siting_report.show import Enough, style


@dataclass(frozen=True)
class Begun:
    """A cell begins to run."""

    number: int
    """Its place among all cells of the notebook."""
    count: int
    """How many of code have begun with it, as Jupyter numbers them."""


@dataclass(frozen=True)
class Printed:
    """Text that a cell prints, or a program that it starts."""

    stream: str
    """stdout or stderr"""
    text: str


@dataclass(frozen=True)
class Displayed:
    """A display, the value of a cell, or its error."""

    output: dict[str, Any]
    """As nbformat writes it."""
    name: str | None = None
    """By which it can be updated."""


@dataclass(frozen=True)
class Updated:
    """Every display of that name shows something else."""

    name: str | None
    changed: dict[str, Any]


@dataclass(frozen=True)
class Cleared:
    """What the cell has shown goes."""

    waits: bool
    """Not before it shows something more."""


Event = Begun | Printed | Displayed | Updated | Cleared
"""What may happen while the cells of a notebook run. Processes send it to each other."""
Tell = Callable[[Event], None]


class Outputs:
    """What the cells of a notebook have shown so far, as nbformat writes it."""

    def __init__(self, cells: Sequence[NotebookNode], tell: Tell | None = None) -> None:
        """tell: hears each event, from which another `Outputs` can be brought to this state."""
        self._cells = cells
        self._tell = tell
        self._named: dict[str | None, list[dict[str, Any]]] = {}
        self._is_stale = False
        self.number: int | None = None
        """Of the cell that runs; None before the first."""

    def hear(self, event: Event) -> None:
        """Applies an event, and passes it on."""
        match event:
            case Begun():
                self._begin(event)
            case Printed():
                self._print(event)
            case Displayed():
                self._kept().append(event.output)
                if event.name:
                    self._named.setdefault(event.name, []).append(event.output)
            case Updated():
                for output in self._named.get(event.name, ()):
                    output |= event.changed
            case Cleared():
                self._is_stale = True
                if not event.waits:
                    self._drop_stale()
            case _:
                assert_never(event)
        if self._tell:
            self._tell(event)

    def _begin(self, event: Begun) -> None:
        self.number = event.number
        self._is_stale = False
        self._cells[event.number].outputs = []
        self._cells[event.number].execution_count = event.count

    def _print(self, event: Printed) -> None:
        """What one stream says without anything between is one output."""
        kept = self._kept()
        if kept and kept[-1].get("name") == event.stream:
            kept[-1]["text"] += event.text
        else:
            kept.append({"output_type": "stream", "name": event.stream, "text": event.text})

    def _kept(self) -> list[dict[str, Any]]:
        """What the cell that runs has shown and has not cleared."""
        self._drop_stale()
        return self._shown()

    def _drop_stale(self) -> None:
        if self._is_stale:
            self._shown().clear()
            self._is_stale = False

    def _shown(self) -> list[dict[str, Any]]:
        if self.number is None:  # whatever is shown before the first cell belongs to none
            return []
        shown: list[dict[str, Any]] = self._cells[self.number].outputs
        return shown


@dataclass(frozen=True)
class Ran:
    """A cell that ran."""

    number: int
    """Its place among all cells of the notebook."""
    error: BaseException | None
    """What it raised."""


class _Stream(io.TextIOBase):
    """What a cell prints to standard output or error."""

    def __init__(self, outputs: Outputs, name: str) -> None:
        self._outputs = outputs
        self._name = name

    def write(self, text: str) -> int:
        if text:
            self._outputs.hear(Printed(self._name, text))
        return len(text)

    def writable(self) -> bool:
        return True


class _Publisher(DisplayPublisher):
    """Shows what `display` is given."""

    shell: Shell

    def publish(
        self, data: Any, metadata: Any = None, source: Any = None, *, transient: Any = None,
        update: bool = False, **_: Any,
    ) -> None:  # fmt: skip
        name = (transient or {}).get("display_id")
        if update:
            self.shell.outputs.hear(Updated(name, _bundle(data, metadata)))
        else:
            self.shell.show("display_data", _bundle(data, metadata), name)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.outputs.hear(Cleared(wait))


class _Hook(DisplayHook):
    """Shows the value of a cell's last line."""

    shell: Shell

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        counted = {"execution_count": self.prompt_count}
        self.shell.show("execute_result", _bundle(format_dict, md_dict) | counted)

    def finish_displayhook(self) -> None:
        self._is_active = False  # IPython's own also ends a line on the terminal


def _bundle(data: dict[str, Any], metadata: dict[str, Any] | None) -> dict[str, Any]:
    """What is shown, as JSON: pictures as base64."""
    plain = {
        kind: b64encode(value).decode() if isinstance(value, bytes) else value
        for kind, value in data.items()
    }
    return {"data": plain, "metadata": metadata or {}}


_DRAWN = re.compile(
    r"<Axes|<Figure|<\w*Container|<matplotlib\.|<[\w.]+ object\b| at 0x[0-9a-f]+>|^Text\("
)
"""Text of a value that is a drawn thing, or that holds an address, which differs from run to run:
nothing to read."""


def drawn_alone(data: Mapping[str, Any]) -> bool:
    """Whether a display is but the text of such a value."""
    return set(data) == {"text/plain"} and bool(_DRAWN.search(data["text/plain"]))


class Shell(InteractiveShell):
    """IPython as a notebook's kernel has it, without the kernel."""

    display_pub_class = Type(_Publisher)
    displayhook_class = Type(_Hook)
    outputs: Outputs

    def show(self, kind: str, shown: dict[str, Any], name: str | None = None) -> None:
        """Keeps a display, or the value of a cell. name: by which it can be updated."""
        if not drawn_alone(shown["data"]):
            self.outputs.hear(Displayed({"output_type": kind, **shown}, name))

    def enable_gui(self, gui: Any = None) -> None:
        """No window is opened: `%matplotlib inline` asks."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: list[str]) -> None:
        said = {"ename": etype.__name__, "evalue": str(evalue), "traceback": stb}
        if stb:  # `Enough` has none: it ends a chapter, and is no error to show
            self.outputs.hear(Displayed({"output_type": "error", **said}))

    def run(self, cells: Sequence[NotebookNode], outputs: Outputs) -> Iterator[Ran]:
        """Runs the cells of code, one at each step."""
        self.outputs = outputs
        for number, cell in enumerate(cells):
            if cell.cell_type == "code" and cell.source.strip():
                outputs.hear(Begun(number, self.execution_count))
                with _printing(outputs):
                    # With history, as that counts the cells.
                    done = self.run_cell(  # type: ignore[no-untyped-call]
                        cell.source, store_history=True
                    )
                yield Ran(number, done.error_before_exec or done.error_in_exec)


# pandas, rich and others ask by this name whether a page shows their output, and not a terminal.
Shell.__name__ = Shell.__qualname__ = "ZMQInteractiveShell"


@contextlib.contextmanager
def _printing(outputs: Outputs) -> Iterator[None]:
    """What is printed is shown; what programs write past Python follows at the end."""
    kept = sys.stdin, sys.stdout, sys.stderr
    with _past(1) as out, _past(2) as err, open(os.devnull, encoding="utf-8") as nothing:
        sys.stdin = nothing  # whoever asks for an answer finds the end of the file
        sys.stdout = _Stream(outputs, "stdout")
        sys.stderr = _Stream(outputs, "stderr")
        try:
            yield
        finally:
            sys.stdin, sys.stdout, sys.stderr = kept
            for name, file in (("stdout", out), ("stderr", err)):
                file.seek(0)
                if text := file.read().decode(errors="replace"):
                    outputs.hear(Printed(name, text))


@contextlib.contextmanager
def _past(number: int) -> Iterator[Any]:
    """A file that takes what is written to a descriptor of this process."""
    kept = os.dup(number)
    try:
        with tempfile.TemporaryFile() as file:
            os.dup2(file.fileno(), number)
            yield file
    finally:
        os.dup2(kept, number)
        os.close(kept)


def rehearse(folder: str) -> None:
    """Has this process, and all that are forked from it, ready to run chapters at full speed.

    theme/rehearsal.ipynb is what chapters do first, and what is slow only the first time: fonts,
    formats, schemas.
    """
    shell = ready(folder)
    execute((style.THEME / "rehearsal.ipynb").read_text(encoding="utf-8"), "")
    shell.reset(new_session=True)  # type: ignore[no-untyped-call]
    shell.execution_count = 1


def ready(folder: str) -> Shell:
    """The shell of this process, as a fresh kernel: what makes displays exhibits is loaded.

    folder: for the little that IPython keeps on disk; nothing of the user's own is read.
    """
    if not Shell.initialized():
        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "nocolor"
        shell = Shell.instance(config=config, ipython_dir=folder)
        shell.outputs = Outputs([])
        shell.run_line_magic("load_ext", "siting_report.show")
    found: Shell = Shell.instance()
    return found


class CellFailed(Exception):
    """A cell raised something, or its process ended: the chapter goes no further."""

    def __init__(self, cell: str, reason: str, notebook: str = "") -> None:
        """notebook: what the chapter had shown until then, where its process tells no events: in a
        kernel of its own, with `--plain`."""
        super().__init__(cell, reason, notebook)  # all of them: so it can be sent to a process
        self.cell = cell
        self.reason = reason
        self.notebook = notebook


class InProcess(Engine):  # type: ignore[misc]
    """Runs a notebook's cells in the process that asks, and takes no kernel."""

    @classmethod
    def execute_managed_notebook(
        cls, nb_man: Any, kernel_name: str, *, tell: Tell | None = None, **_: Any
    ) -> None:
        cells = nb_man.nb.cells
        with tempfile.TemporaryDirectory(prefix="siting-") as folder:
            shell = ready(folder)
            for ran in shell.run(cells, Outputs(cells, tell)):
                if isinstance(ran.error, Enough):
                    del cells[ran.number + 1 :]  # they have nothing to show, and do not run
                    return
                if ran.error is not None:
                    reason = misspelt.told(ran.error, shell.user_ns)
                    raise CellFailed(_name_of(cells[ran.number]), reason)


papermill_engines.register("siting", InProcess)
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # a chapter need not be parameterised


def execute(text: str, client: str, tell: Tell | None = None) -> str:
    """The chapter `text`, a notebook as JSON, after its cells ran for `client`.

    tell: hears what `seen` needs. Raises CellFailed.
    """
    # `papermill.execute_notebook` does the same, then checks and writes every output, at a tenth
    # of a report's time.
    notebook = papermill_engines.execute_notebook_with_engine(
        "siting", _given(text, client), "python3", progress_bar=False, tell=tell
    )
    return written(notebook)


def seen(text: str, client: str, events: Sequence[Event]) -> tuple[str, str]:
    """What a chapter had shown when its process ended, as JSON, and the id of the cell that ran."""
    if not events:
        return text, "none"
    notebook = _given(text, client)
    outputs = Outputs(notebook.cells)
    for event in events:
        outputs.hear(event)
    cell = "none" if outputs.number is None else _name_of(notebook.cells[outputs.number])
    return written(notebook), cell


def _name_of(cell: NotebookNode) -> str:
    """The id of a cell, which notebooks of old formats lack."""
    return str(cell.get("id", "?"))


def _given(text: str, client: str) -> NotebookNode:
    """A chapter with its parameters, and nothing of an earlier run."""
    notebook: NotebookNode = parameterize_notebook(
        load_notebook_node(nbformat.reads(text, as_version=4)), {"client": client},
        kernel_name="python3", language="python",
    )  # fmt: skip
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
            cell.execution_count = None
    number_injected(notebook)
    return notebook


def number_injected(notebook: NotebookNode) -> None:
    """Names cells of parameters by their place, which Papermill names at random."""
    for number, cell in enumerate(notebook.cells):
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell["id"] = f"injected-{number}"


def written(notebook: NotebookNode) -> str:
    """As JSON, without what differs from run to run: times, versions.

    On one line: an indented one takes ten times as long, and nobody edits it.
    """
    notebook.metadata.pop("language_info", None)
    run = notebook.metadata.pop("papermill", {})
    notebook.metadata["papermill"] = {"parameters": run.get("parameters", {})}
    for cell in notebook.cells:
        for left in ("papermill", "execution"):
            cell.metadata.pop(left, None)
    return json.dumps(notebook, ensure_ascii=False, sort_keys=True)
