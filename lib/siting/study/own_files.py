"""A client's own files, beside its chapters: `s.file` gives a path that knows its source.

They lie in `notebooks/<client>/`. What a chapter names travels with the report, so that the chapter
reads the same bytes in JupyterLab, in a report, and on a cluster.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path, PosixPath
from typing import Any

from pydantic import ValidationError
from siting_report import plain_files
from siting_report.run.job import SCENARIO

from siting.catalogue import Source, unknown
from siting.inputs import scenario


class OwnFile(PosixPath):
    """A path for `pd.read_csv` and the like, and for `data=` of whatever shows its numbers."""

    attrs: Mapping[str, Any] = {}
    """As of a frame: its source, and how the client writes numbers."""


def in_report() -> bool:
    """Whether this is a chapter of a report that is being made, far from its project: such a one
    runs beside the client's own files, one folder below its scenario."""
    return Path("..", SCENARIO).is_file()


def refuse_unknown_chapter(name: str, client: str) -> None:
    """Raises ValueError for a name that is none of a project's chapters. Within a report they are
    not there to be asked; `siting check` has read beforehand which ones its chapters name."""
    if in_report():
        return
    known = [Path(file).stem for file in scenario.chapters(client)]
    if name not in known:
        raise ValueError(unknown(name, "chapter", known))


def found(name: str, client: str) -> OwnFile:
    """Where a file of a client is. Raises ValueError where it is not, or is no plain file."""
    is_report = in_report()
    folder = Path() if is_report else scenario.project() / "notebooks" / client
    try:
        return OwnFile(scenario.own_file(name, folder))
    except plain_files.Missing as error:
        if not is_report:
            raise ValueError(str(error)) from None
        raise ValueError(
            f"s.file: {name!r} did not come with the report; write its name in full, as a text"
        ) from None


def source_of(name: str, source: str, date: str, url: str) -> Source:
    """The source of a client's file. Raises ValueError where a field is not what a source needs."""
    try:
        return Source(source=source, url=url, locator=name, date=date, kind="client")
    except ValidationError as error:
        fault = error.errors()[0]
        said = fault["msg"].removeprefix("Value error, ")
        raise ValueError(f"s.file, {fault['loc'][0]}: {said}") from None
