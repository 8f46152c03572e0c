"""A job: everything that one report depends on, and a fingerprint of it.

The fingerprint tells whether a report is up to date without importing what renders it.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Literal

from siting_report.kit import kit_named

Format = Literal["html", "pdf"]
Part = Literal["body", "appendix"]
SCENARIO = "scenario.yaml"
"""Name of the resolved scenario in a report's folder."""


@dataclass(frozen=True)
class PlacedNotebook:
    """A notebook, as JSON, and its place in the report."""

    text: str
    part: Part = "body"
    own: bool = False
    """The client's own, in the place of a shared chapter or beside them."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything that a report depends on, besides the library and its facts."""

    kit: str
    """Name of the module that tells of the library that the chapters call (`kit.Kit`)."""
    client: str
    """Name of the report's folder."""
    scenario: str
    """The resolved scenario, as YAML."""
    chapters: Mapping[str, PlacedNotebook]
    """By file name; their order is the report's."""
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the scenario names (a logo, a benchmark), by names of the kit's own."""
    data: Mapping[str, bytes] = field(default_factory=dict)
    """The client's own files that a chapter names; they lie beside the chapters of the report."""
    formats: tuple[Format, ...] = ("html", "pdf")
    cell_limit_s: int = 600
    """A cell that runs longer fails. [s]"""
    done: Mapping[str, bytes] = field(default_factory=dict, compare=False)
    """Files of the last report that would come out the same: chapters as they ran, and figures."""

    @property
    def notebooks(self) -> dict[str, PlacedNotebook]:
        """The chapters by their path in a report."""
        return {f"notebooks/{name}": chapter for name, chapter in self.chapters.items()}

    @property
    def own_files(self) -> dict[str, bytes]:
        """The client's own files by their path in a report."""
        return {f"notebooks/{name}": content for name, content in self.data.items()}

    def fingerprint(self) -> str:
        """SHA-256 over content: scenario, chapters, attachments, library, facts, versions."""
        chapters = [
            (f"{name} {chapter.part} {chapter.own}", chapter.text.encode())
            for name, chapter in self.chapters.items()
        ]
        return _digest([("study", self.study().encode()), *chapters, *sorted(self.data.items())])

    def study(self) -> str:
        """SHA-256 over all that the figures depend on: the same without the chapters."""
        parts = [("library", library(self.kit).encode()), (SCENARIO, self.scenario.encode())]
        return _digest([*parts, *sorted(self.attachments.items())])

    def origins(self) -> dict[str, str]:
        """File of a report to the SHA-256 of what alone it depends on: chapters and figures."""
        study = self.study()
        data = sorted(self.data.items())
        return dict.fromkeys(kit_named(self.kit).FIGURES, study) | {
            path: _digest(
                [("study", study.encode()), (Path(path).name, chapter.text.encode()), *data]
            )
            for path, chapter in self.notebooks.items()
        }


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


@cache
def library(name: str) -> str:
    """Digest of a kit and of what renders it: code, themes, facts, and the versions they run on.

    name: module of the kit.
    """
    library = kit_named(name)
    own = {p for p in Path(__file__).parents[1].rglob("*") if p.suffix != ".pyc" and p.is_file()}
    content = ((path.name, path.read_bytes()) for path in sorted(own | library.files()))
    return _digest(chain(content, _versions(library.DISTRIBUTION)))


def _versions(distribution: str) -> Iterable[tuple[str, bytes]]:
    """Versions of Python and of the installed libraries that a distribution requires."""
    yield "python", platform.python_version().encode()
    try:
        required = metadata.requires(distribution) or []
    except metadata.PackageNotFoundError:
        required = []
    for requirement in required:
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement:
            yield name, metadata.version(name).encode()
