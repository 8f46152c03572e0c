"""A job: everything that one client's report depends on, and a fingerprint of it.

The fingerprint tells whether a report is up to date without importing what renders it.
"""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import metadata
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypeVar

from siting.catalogue import facts_dir, suggestion
from siting.inputs import beside, document, scenario
from siting.inputs.beside import MIB
from siting.inputs.document import Fault, Path_, Problem
from siting.inputs.scenario import ScenarioError
from siting.inputs.scenario.model import Report
from siting.run.process import Child, Lost

Format = Literal["html", "pdf"]
Part = Literal["body", "appendix"]
T = TypeVar("T")
APPENDIX = 70
"""Chapters numbered from here are the appendix, if the scenario does not say otherwise."""

LOGO_S = 10
"""Time that a logo may take to be drawn; a usual one takes some milliseconds. [s]"""
SCENARIO = "scenario.yaml"
"""Name of the resolved scenario in a report's folder."""
FIGURES = ("summary.json", "cash-flows.xlsx")
"""Files of a report that hold its figures."""


@dataclass(frozen=True)
class Chapter:
    """A notebook, as JSON, and its place in the report."""

    text: str
    part: Part = "body"
    own: bool = False
    """The client's own, in the place of a shared chapter or beside them."""


@dataclass(frozen=True)
class Job:
    """Everything that a report depends on, besides the library and its facts."""

    client: str
    """Name of the report's folder."""
    scenario: str
    """The resolved scenario, as YAML."""
    chapters: Mapping[str, Chapter]
    """By file name; their order is the report's."""
    attachments: Mapping[str, bytes] = field(default_factory=dict)
    """Files that the scenario names (a logo, a benchmark), by names of the kit's own."""
    formats: tuple[Format, ...] = ("html", "pdf")
    cell_limit_s: int = 600
    """A cell that runs longer fails. [s]"""
    plain: bool = False
    """Run the report and each chapter in new interpreters, and fork none."""
    done: Mapping[str, bytes] = field(default_factory=dict, compare=False)
    """Files of the last report that would come out the same: chapters as they ran, and figures."""

    @property
    def notebooks(self) -> dict[str, Chapter]:
        """The chapters by their path in a report."""
        return {f"notebooks/{name}": chapter for name, chapter in self.chapters.items()}

    def fingerprint(self) -> str:
        """SHA-256 over content: scenario, chapters, attachments, library, facts, versions."""
        chapters = [
            (f"{name} {chapter.part} {chapter.own}", chapter.text.encode())
            for name, chapter in self.chapters.items()
        ]
        return _digest([("study", self.study().encode()), *chapters])

    def study(self) -> str:
        """SHA-256 over all that the figures depend on: the same without the chapters."""
        parts = [("library", library().encode()), (SCENARIO, self.scenario.encode())]
        return _digest([*parts, *sorted(self.attachments.items())])

    def origins(self) -> dict[str, str]:
        """File of a report to the SHA-256 of what alone it depends on: chapters and figures."""
        study = self.study()
        return dict.fromkeys(FIGURES, study) | {
            path: _digest([("study", study.encode()), (Path(path).name, chapter.text.encode())])
            for path, chapter in self.notebooks.items()
        }


def _digest(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()


def prepare(
    name_or_path: str | Path,
    *,
    notebooks: Path | None = None,
    formats: tuple[Format, ...] = ("html", "pdf"),
) -> Job:
    """The job of a client of `params/`, or of a YAML file anywhere.

    notebooks: folder of the chapters; by default the project's.
    Raises ScenarioError where the scenario, or a file that it names, cannot be used.
    """
    path = scenario.path_of(name_or_path)
    folder = notebooks or scenario.project() / "notebooks"
    found, problems = scenario.examined(name_or_path)
    try:
        stored, attachments = attached(found, path)
    except ScenarioError as error:
        known = [problem.field for problem in problems]
        problems += [p for p in error.problems if not any(k.startswith(p.field) for k in known)]
    try:
        chapters = _chapters(found, folder, path)
    except ScenarioError as error:
        problems += error.problems
    if problems:
        raise ScenarioError(sorted(problems, key=lambda p: (p.file, p.line)))
    return Job(
        client=found.client.id,
        scenario=scenario.resolved(stored),
        chapters=chapters,
        attachments=attachments,
        formats=formats,
    )


def attached(found: scenario.Scenario, path: Path) -> tuple[scenario.Scenario, dict[str, bytes]]:
    """A scenario that names the files beside it as the kit stores them, and their content.

    A file's own name goes nowhere, so that none can be taken for a module or for a part of the
    report. Raises ScenarioError where one is missing, or is not what it should be.
    """
    content: dict[str, bytes] = {}
    client, workloads, stored = found.client, {}, dict[str, str]()
    measurement = partial(beside.content, most=64 * MIB)
    if client.logo:
        name, logo = _beside(path, ("client", "logo"), client.logo, _logo)
        client, content[name] = client.model_copy(update={"logo": name}), logo
    for workload, said in found.workloads.items():
        runs = list(said.measured)
        for place, run in enumerate(runs):
            if run.file:
                name = stored.setdefault(run.file, f"measured-{len(stored) + 1}.json")
                where = ("workloads", workload, "measured")
                content[name] = _beside(path, where, run.file, measurement)
                runs[place] = run.model_copy(update={"file": name})
        workloads[workload] = said.model_copy(update={"measured": runs})
    return found.model_copy(update={"client": client, "workloads": workloads}), content


def _beside(path: Path, where: Path_, name: str, read: Callable[[Path], T]) -> T:
    """What is read from a file beside the scenario at `path`, which a field of it names."""
    try:
        return read(path.parent / name)
    except ValueError as error:
        wrong, _, write = f"{name!r} beside it {error}".partition("; ")
    raise ScenarioError(_told(path, [Fault(where, wrong, write or "put a plain file there")]))


def _told(path: Path, faults: list[Fault]) -> list[Problem]:
    """Faults of a scenario, each with its line in the file."""
    return document.examined(document.read(path), str(path))[0].problems(faults)


def _logo(file: Path) -> tuple[str, bytes]:
    """A logo's name and content; decoded in a process of its own, which is ended if need be."""
    content = beside.content(file, 2 * MIB)
    try:
        kind = Child.start(beside.picture, content, fork=False).answer(LOGO_S)
    except Lost:
        write = "export it smaller, without filters"
        raise ValueError(f"cannot be drawn in {LOGO_S} s; {write}") from None
    return f"logo.{kind}", content


def _chapters(found: scenario.Scenario, folder: Path, path: Path) -> dict[str, Chapter]:
    """The client's chapters, body before appendix, each in the order of their names.

    Those in a folder of the client's name replace shared ones of theirs, or add to them.
    """
    own = {p.name: p for p in (folder / found.client.id).glob("[0-9]*.ipynb")}
    files = {p.name: p for p in folder.glob("[0-9]*.ipynb")} | own
    asked = _asked(found.report, files, path)
    chapters = []
    for name, file in sorted(files.items()):
        number = int(re.match(r"\d+", name)[0])  # type: ignore[index]  # files begin with a digit
        part: Any = asked.get(name) or ("body" if number < APPENDIX else "appendix")
        if part != "leave_out":
            chapters.append((name, Chapter(_notebook(file), part, name in own)))
    if not chapters:
        raise ScenarioError.of(folder, "holds no chapter", "add notebooks named 10_question.ipynb")
    return dict(sorted(chapters, key=lambda c: c[1].part == "appendix"))


def _asked(wanted: Report, files: Collection[str], path: Path) -> dict[str, str]:
    """File name to the part that the scenario gives a chapter, `leave_out` among them."""
    asked: dict[str, str] = {}
    faults: list[Fault] = []
    known = [name.removesuffix(".ipynb") for name in files]
    for part in ("body", "appendix", "leave_out"):
        for place, named in enumerate(getattr(wanted, part)):
            name = named.removesuffix(".ipynb")
            said = (f"{named!r} is no chapter", suggestion(name, known))
            if name in known:
                said = (f"{named!r} is in {asked.get(f'{name}.ipynb', part)}, too", "name it once")
            if name not in known or asked.setdefault(f"{name}.ipynb", part) != part:
                faults.append(Fault(("report", part, place), *said))
    if faults:
        raise ScenarioError(_told(path, faults))
    return asked


def _notebook(file: Path) -> str:
    try:
        text = beside.content(file, 20 * MIB).decode()
        if not isinstance(beside.parsed(text), dict):
            raise ValueError("is no notebook")
    except (OSError, ValueError) as error:
        wrong = "is no notebook" if isinstance(error, UnicodeDecodeError) else str(error)
        raise ScenarioError.of(file, wrong, "save it in JupyterLab") from None
    return text


@cache
def library() -> str:
    """Digest of the library, its theme, its facts, and the versions that it runs on."""
    package = Path(__file__).parents[1]
    files = {p for p in package.rglob("*") if p.suffix != ".pyc" and p.is_file()}
    files |= set(facts_dir().glob("*.csv"))
    content = ((path.name, path.read_bytes()) for path in sorted(files))
    return _digest(chain(content, _versions()))


def _versions() -> Iterable[tuple[str, bytes]]:
    """Versions of Python and of the installed libraries that the project requires."""
    yield "python", platform.python_version().encode()
    try:
        required = metadata.requires("siting") or []
    except metadata.PackageNotFoundError:
        required = []
    for requirement in required:
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        if "extra ==" not in requirement:
            yield name, metadata.version(name).encode()
