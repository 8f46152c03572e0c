"""A chapter run as Papermill runs any notebook: by its own engine, in a kernel of its own.

`siting report --plain` goes this way. It takes seconds a chapter longer: a kernel starts, and the
study is computed anew in each. `chapter.execute` is the fast way, and keeps to the same bytes.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.exceptions import PapermillExecutionError
from papermill.execute import remove_error_markers

from siting_report.run.chapter import CellFailed, drawn_alone, number_injected, written
from siting_report.show import Enough

_TOLD = """\
c = get_config()
c.InteractiveShellApp.extensions = ["siting_report.show"]
c.InteractiveShellApp.ignore_cwd = True
c.InteractiveShell.colors = "nocolor"
c.HistoryManager.enabled = False
"""
"""What a kernel is told so that it stands like a chapter's own process: displays become exhibits
before the first cell, and no file of the current folder is taken for a module."""


def execute(text: str, client: str, cell_limit_s: int) -> str:
    """The chapter `text`, a notebook as JSON, after a kernel ran its cells for `client`.

    Raises CellFailed with what the chapter had shown until then.
    """
    with tempfile.TemporaryDirectory(prefix="siting-") as folder:
        profile = Path(folder, "profile_default")
        profile.mkdir()
        (profile / "ipython_kernel_config.py").write_text(_TOLD, encoding="utf-8")
        os.environ |= {"IPYTHONDIR": folder, "JUPYTER_PREFER_ENV_PATH": "1"}
        given = Path(folder, "given.ipynb")
        given.write_text(text, encoding="utf-8")
        ran = Path(folder, "ran.ipynb")
        failure = _papermill(given, ran, client, cell_limit_s)
        return _read(ran, failure)


def _papermill(given: Path, ran: Path, client: str, cell_limit_s: int) -> str:
    """Runs a notebook; why a cell failed, if one did and not because nothing was left to show."""
    try:
        papermill.execute_notebook(
            given,
            ran,
            parameters={"client": client},
            engine_name="nbclient",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            execution_timeout=cell_limit_s,
            coalesce_streams=True,
        )
    except PapermillExecutionError as error:
        return "" if error.ename == Enough.__name__ else f"{error.ename}: {error.evalue}"
    except CellTimeoutError:
        return f"ran longer than {cell_limit_s} s"
    except DeadKernelError:
        return "its process was killed"
    return ""


def _read(ran: Path, failure: str) -> str:
    """What Papermill wrote, as a chapter's own process writes it, up to the last cell that ran."""
    notebook: NotebookNode = remove_error_markers(nbformat.read(ran, as_version=4))
    last = 0
    for number, cell in enumerate(notebook.cells):
        if cell.metadata.get("papermill", {}).get("start_time"):
            last = number
        if cell.cell_type == "code":
            cell.outputs = [output for output in cell.outputs if _is_read(output)]
    number_injected(notebook)
    if failure:
        raise CellFailed(str(notebook.cells[last].get("id", "?")), failure, written(notebook))
    del notebook.cells[last + 1 :]
    return written(notebook)


def _is_read(output: NotebookNode) -> bool:
    """Whether a chapter's own process keeps an output."""
    if output.output_type == "error":
        return bool(output.traceback)
    return not drawn_alone(output.get("data", {}))
