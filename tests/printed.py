"""What a chapter prints, run here, cell by cell, so that a test can read it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from unittest import mock

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from siting import study
from studies import opened

HERE = Path(__file__).parents[1]


@cache
def printed(chapter: str, client: str, tag: str = "") -> str:
    """Plain text of what a chapter shows for a client; of the cells with a tag, if one is given."""
    return told(chapter, client, opened, tag)


def told(chapter: str, client: str, open_study: Callable[[str], study.Study], tag: str = "") -> str:
    """The same of the study that `open_study` gives."""
    book = nbformat.read(HERE / "notebooks" / f"{chapter}.ipynb", as_version=4)
    main = sys.modules["__main__"]
    shell = InteractiveShell.instance()
    shell.enable_gui = lambda *_: None  # a bare shell has none
    said = []
    try:
        for cell in book.cells:
            if cell.cell_type != "code":
                continue
            tags = cell.metadata.get("tags", [])
            source = f"client = {client!r}" if "parameters" in tags else cell.source
            with (
                capture_output() as seen,
                warnings.catch_warnings(),
                mock.patch.object(study, "open", open_study),  # as in a report, computed once
            ):
                warnings.simplefilter("ignore", DeprecationWarning)  # IPython's inline backend
                ran = shell.run_cell(source)
            if not tag or tag in tags:
                said += [str(o.data.get("text/plain", "")) for o in seen.outputs] + [seen.stdout]
            if ran.error_in_exec is not None:
                assert type(ran.error_in_exec).__name__ == "Enough", (cell.id, ran.error_in_exec)
                break
    finally:
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = main  # from which this process may start others
    return "\n".join(said).replace("\\", "")
