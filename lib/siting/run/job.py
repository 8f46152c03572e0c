"""A job: everything that one client's report depends on, and a fingerprint of it.

The fingerprint tells whether a report is up to date without importing what renders it.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Literal

from siting.catalogue import facts_dir
from siting.inputs import scenario
from siting.inputs.document import Problem
from siting.inputs.messages import suggestion

Format = Literal["html", "pdf"]

SCENARIO = "scenario.yaml"
"""Name of the resolved scenario, in a report and in the folder that a chapter runs in."""


@dataclass(frozen=True)
class Job:
    """Everything that a report depends on, besides the library and its facts."""

    client: str
    """Name of the report's folder."""
    scenario: str
    """The resolved scenario, as YAML."""
    chapters: Mapping[str, str]
    """File name to notebook, as JSON; their order is the report's."""
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the scenario names (a logo, a benchmark), by name."""
    formats: tuple[Format, ...] = ("html", "pdf")
    cell_limit_s: int = 600
    """A cell that runs longer fails. [s]"""
    plain: bool = False
    """Run the report and each chapter in new interpreters, and fork none."""

    def fingerprint(self) -> str:
        """SHA-256 over content: scenario, chapters, attachments, library, facts, versions."""
        digest = hashlib.sha256(library().encode())
        parts: list[tuple[str, bytes]] = [(SCENARIO, self.scenario.encode())]
        parts += [(name, text.encode()) for name, text in self.chapters.items()]
        parts += sorted(self.attachments.items())
        for name, content in parts:
            digest.update(f"{name}\0{len(content)}\0".encode())
            digest.update(content)
        return digest.hexdigest()


def prepare(
    name_or_path: str | Path,
    *,
    notebooks: Path | None = None,
    formats: tuple[Format, ...] = ("html", "pdf"),
    cell_limit_s: int = 600,
    plain: bool = False,
) -> Job:
    """The job of a client of `params/`, or of a YAML file anywhere.

    notebooks: folder of the chapters; by default the project's.
    Raises scenario.ScenarioError where the scenario, or a file that it names, cannot be used.
    """
    path = scenario.path_of(name_or_path)
    found = scenario.load(name_or_path)
    attachments = _attachments(found, path)
    folder = notebooks or scenario.project() / "notebooks"
    return Job(
        client=found.client.id,
        scenario=scenario.resolved(found),
        chapters=_chapters(found, folder, attachments, path),
        attachments=attachments,
        formats=formats,
        cell_limit_s=cell_limit_s,
        plain=plain,
    )


def _attachments(found: scenario.Scenario, path: Path) -> dict[str, bytes]:
    """Content of the files that a scenario names; they lie beside it."""
    named = [("client.logo", found.client.logo)]
    named += [("chapters.add", name) for name in found.chapters.add]
    for name, workload in found.workloads.items():
        named += [(f"workloads.{name}.measured", run.file) for run in workload.measured]
    content = {}
    for where, file in named:
        if file:
            beside = path.parent / file
            if not beside.is_file():
                raise _refused(path, where, f"{file!r} is not beside it", "put the file there")
            content[file] = beside.read_bytes()
    return content


def _chapters(
    found: scenario.Scenario, folder: Path, attachments: Mapping[str, bytes], path: Path
) -> dict[str, str]:
    """The client's chapters in the order of their names."""
    files = {p.name: p for p in sorted(folder.glob("[0-9]*.ipynb"))}
    for name in found.chapters.leave_out:
        if f"{name.removesuffix('.ipynb')}.ipynb" not in files:
            known = [f.removesuffix(".ipynb") for f in files]
            wrong = f"{name!r} is no chapter"
            raise _refused(path, "chapters.leave_out", wrong, suggestion(name, known))
        del files[f"{name.removesuffix('.ipynb')}.ipynb"]
    texts = {name: file.read_text(encoding="utf-8") for name, file in files.items()}
    for name in found.chapters.add:
        try:
            texts[name] = json.dumps(json.loads(attachments[name]))
        except ValueError:
            wrong = f"{name!r} is no notebook"
            raise _refused(path, "chapters.add", wrong, "save it as .ipynb") from None
    if not texts:
        raise _refused(folder, "", "holds no chapter", "add notebooks named 10_question.ipynb")
    return dict(sorted(texts.items()))


def _refused(file: Path, where: str, wrong: str, write: str) -> scenario.ScenarioError:
    return scenario.ScenarioError([Problem(str(file), 0, where, wrong, write)])


@cache
def library() -> str:
    """Digest of the library, its theme, its facts, and the versions that it runs on."""
    package = Path(__file__).parents[1]
    files = [p for p in package.rglob("*") if p.suffix != ".pyc" and p.is_file()]
    files += facts_dir().glob("*.csv")
    digest = hashlib.sha256(platform.python_version().encode())
    for path in sorted(set(files)):
        digest.update(f"{path.name}\0".encode())
        digest.update(path.read_bytes())
    for name, version in _versions():
        digest.update(f"{name}=={version}\0".encode())
    return digest.hexdigest()


def _versions() -> Iterable[tuple[str, str]]:
    """Installed versions of the libraries that the project requires."""
    try:
        required = metadata.requires("siting") or []
    except metadata.PackageNotFoundError:
        required = []
    for requirement in required:
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement:
            yield name, metadata.version(name)
