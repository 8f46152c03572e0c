"""What a chapter prints and shows, run here, cell by cell, so that a test can read it."""

import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from unittest import mock

import nbformat
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output
from shown import Shown, listening
from siting import study
from studies import opened

HERE = Path(__file__).parents[1]


@dataclass(frozen=True, kw_only=True)
class Cell:
    """A code cell that ran, and the plain text of what it shows."""

    tags: tuple[str, ...]
    text: str


@dataclass(frozen=True, kw_only=True)
class Run:
    """A chapter that ran for a client."""

    cells: tuple[Cell, ...]
    exhibits: tuple[Shown, ...]


@cache
def _run(chapter: str, client: str) -> Run:
    """Runs a chapter, once for all tests of a process."""
    with listening(chapter) as found:
        cells = tuple(_cells(chapter, client, opened))
    return Run(cells=cells, exhibits=tuple(found))


def exhibits(chapter: str, client: str) -> tuple[Shown, ...]:
    """What a chapter shows a client, in order."""
    return _run(chapter, client).exhibits


def printed(chapter: str, client: str, tag: str = "") -> str:
    """Plain text of what a chapter shows for a client; of the cells with a tag, if one is given."""
    return _joined(_run(chapter, client).cells, tag)


def shown_of(chapter: str, open_study: Callable[[str], study.Study]) -> tuple[Shown, ...]:
    """The same of the study that `open_study` gives."""
    with listening(chapter) as found:
        all(_cells(chapter, "base", open_study))
    return tuple(found)


def told(chapter: str, client: str, open_study: Callable[[str], study.Study], tag: str = "") -> str:
    """The same of the study that `open_study` gives."""
    return _joined(_cells(chapter, client, open_study), tag)


def _joined(cells: Iterable[Cell], tag: str) -> str:
    texts = (cell.text for cell in cells if not tag or tag in cell.tags)
    return "\n".join(texts).replace("\\", "")


def _cells(chapter: str, client: str, open_study: Callable[[str], study.Study]) -> Iterator[Cell]:
    """Each code cell of a chapter, as it runs."""
    book = nbformat.read(HERE / "notebooks" / f"{chapter}.ipynb", as_version=4)
    main = sys.modules["__main__"]
    shell = InteractiveShell.instance()
    shell.enable_gui = lambda *_: None  # a bare shell has none
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
            texts = [str(output.data.get("text/plain", "")) for output in seen.outputs]
            yield Cell(tags=tuple(tags), text="\n".join([*texts, seen.stdout]))
            if ran.error_in_exec is not None:
                assert type(ran.error_in_exec).__name__ == "Enough", (cell.id, ran.error_in_exec)
                break
    finally:
        InteractiveShell.clear_instance()
        sys.modules["__main__"] = main  # from which this process may start others
