"""The cells of a chapter by name, as messages, how-to pages and tests call them.

JupyterLab shows no names of cells; the file holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from siting_report import plain_files

from siting.catalogue import unknown
from siting.inputs import scenario
from siting.run import job


@dataclass(frozen=True, kw_only=True)
class NamedCell:
    """A cell of a chapter."""

    name: str
    kind: str
    """code, markdown (printed in the report) or note (for whoever edits the chapter)."""
    begins: str
    """Its first line."""


def of_chapter(chapter: str, client: str) -> list[NamedCell]:
    """The cells of a chapter of a client in their order; of those that it does not replace, the
    shared ones.

    chapter: name of its file, with or without `.ipynb`. Raises ValueError for one that is not
    there, and DocumentError where it is no notebook, or there is no such client.
    """
    own = scenario.path_of(client).stem  # refused where there is no such client
    files = {file.removesuffix(".ipynb"): path for file, path in scenario.chapters(own).items()}
    stem = chapter.removesuffix(".ipynb")
    if stem not in files:
        raise ValueError(unknown(stem, "chapter", sorted(files)))
    book = plain_files.parsed(job.notebook(files[stem]))
    return [_named(cell) for cell in book.get("cells", [])]


def _named(cell: Mapping[str, Any]) -> NamedCell:
    """A cell as a notebook's file holds it; what an older Jupyter wrote has no names."""
    is_note = "remove-cell" in cell["metadata"].get("tags", [])
    return NamedCell(
        name=cell.get("id", "without a name"),
        kind="note" if is_note else cell["cell_type"],
        begins="".join(cell["source"]).strip().partition("\n")[0],
    )
