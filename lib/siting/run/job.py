"""The job of a client: its scenario, its chapters, and the files that the scenario names."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from siting_report import plain_files
from siting_report.plain_files import MIB
from siting_report.run.apart import Call, Ended
from siting_report.run.job import Format, Job, PlacedNotebook

from siting.catalogue import suggestion, unknown
from siting.inputs import document, scenario
from siting.inputs.document import DocumentError, Fault, Gathered, Problem, parted
from siting.inputs.scenario.model import Report

KIT = "siting.kit"
"""The module that tells a report of this library."""
APPENDIX = 70
"""Chapters numbered from here are the appendix, if the scenario does not say otherwise."""

_NO_DATA = (".ipynb", ".py", ".pyc", ".so")
"""Chapters and modules: no file for `s.file`."""
LOGO_S = 10
"""Time that a logo may take to be drawn; a usual one takes some milliseconds. [s]"""


def prepare(
    name_or_path: str | Path,
    found: scenario.Scenario | None = None,
    *,
    notebooks: Path | None = None,
    formats: tuple[Format, ...] = ("html", "pdf"),
) -> Job:
    """The job of a client of `params/`, or of a YAML file anywhere.

    found: its scenario, where that is read already, or is to be another than the file's.
    notebooks: folder of the chapters; by default the project's.
    Raises DocumentError where the scenario, or a file that it names, cannot be used.
    """
    path = scenario.path_of(name_or_path)
    found = found or scenario.load(path)
    folder = notebooks or scenario.project() / "notebooks"
    wrong = Gathered()
    with wrong:
        stored, attachments = attached(found, path)
    chapters = _chapters(found, folder, path, wrong)
    data = _own_files(folder / found.client.id, chapters, wrong)
    wrong.refuse()
    return Job(
        kit=KIT,
        client=found.client.id,
        scenario=scenario.resolved(stored),
        chapters=chapters,
        attachments=attachments,
        data=data,
        formats=formats,
    )


def refuse_replacing(path: Path, client: str, out: Path) -> None:
    """Raises DocumentError where a file would replace a report that belongs to another file.

    The report of a client of `params/` belongs to its file there, any other to the file of its
    name; the scenario.yaml of a report may always make that report again.
    path: the scenario; out: folder of the reports.
    """
    path = Path(os.path.abspath(path))
    home = Path(os.path.abspath(out / client))
    if path.parent == home:
        return
    owner = Path(os.path.abspath(scenario.project() / "params" / f"{client}.yaml"))
    if owner.is_file():
        is_its_own = path == owner
        is_taken = home.exists() or home.parent == owner.parents[1] / "reports"
    else:
        is_its_own = path.stem == client
        is_taken = home.exists()
    if is_taken and not is_its_own:
        wrong = f"would replace the report of {client}, which belongs to another file"
        raise DocumentError.of(path, wrong, "give the client a name of its own, or add --out DIR")


def attached(found: scenario.Scenario, path: Path) -> tuple[scenario.Scenario, dict[str, bytes]]:
    """A scenario that names the logo beside it as the kit stores it, and its content.

    A file's own name goes nowhere, so that none can be taken for a module or for a part of the
    report. Raises DocumentError where it is missing, or is not what it should be.
    """
    client = found.client
    if not client.logo:
        return found, {}
    try:
        name, logo = _logo(path.parent / client.logo)
    except ValueError as error:
        wrong, write = parted(f"{client.logo!r} beside it {error}")
        fault = Fault(("client", "logo"), wrong, write or "put a plain file there")
        raise DocumentError(_with_lines(path, [fault])) from None
    stored = client.model_copy(update={"logo": name})
    return found.model_copy(update={"client": stored}), {name: logo}


def _with_lines(path: Path, faults: list[Fault]) -> list[Problem]:
    """Faults of a scenario, each with its line in the file."""
    return document.examined(document.read(path), str(path))[0].problems(faults)


def _logo(file: Path) -> tuple[str, bytes]:
    """A logo's name and content; decoded in a process of its own, which is ended if need be."""
    content = plain_files.content(file, 2 * MIB)
    try:
        kind = Call("siting_report.plain_files:picture", content).answer(LOGO_S)
    except Ended:
        write = "export it smaller, without filters"
        raise ValueError(f"cannot be drawn in {LOGO_S} s; {write}") from None
    return f"logo.{kind}", content


def _chapters(
    found: scenario.Scenario, folder: Path, path: Path, wrong: Gathered
) -> dict[str, PlacedNotebook]:
    """The client's chapters, body before appendix, each in the order of their names.

    wrong: takes those that cannot be read, or that ask for a chapter that is not there.
    """
    files = scenario.chapters(found.client.id, folder)
    asked: dict[str, str] = {}
    with wrong:
        asked = _asked(found.report, files, path)
    chapters = []
    for name, file in sorted(files.items()):
        with wrong:
            text, data = notebook(file)
            part: Any = asked.get(name) or _own_part(data, name, file)
            if part != "leave_out":
                is_own = file.parent != folder
                chapters.append((name, PlacedNotebook(text, part, is_own)))
                _refuse_unknown_chapters(text, files, file)
    if not (chapters or wrong):
        wrong.append(_problem(folder, "holds no chapter; add notebooks named 10_question.ipynb"))
    return dict(sorted(chapters, key=lambda c: c[1].part == "appendix"))


_ASKED_FOR = re.compile(r"""\b(?:has_chapter|see)\(\\?["']([^"'\\]+)""")
"""A name of a chapter that the text of a notebook asks for; its JSON escapes quotation marks."""


def _refuse_unknown_chapters(text: str, files: Collection[str], file: Path) -> None:
    """Raises DocumentError where a chapter asks for one by a name that none has."""
    known = [name.removesuffix(".ipynb") for name in files]
    asked = dict.fromkeys(name.removesuffix(".ipynb") for name in _ASKED_FOR.findall(text))
    said = (unknown(name, "chapter", known) for name in asked if name not in known)
    Gathered(_problem(file, each) for each in said).refuse()


def _own_part(data: Mapping[str, Any], name: str, file: Path) -> str:
    """Where a chapter belongs if the scenario does not say: what its metadata say under
    `siting.part`, or by its number. Raises DocumentError for another word."""
    metadata = data.get("metadata")
    said = metadata.get("siting") if isinstance(metadata, dict) else None
    part = said.get("part") if isinstance(said, dict) else None
    if part is None:
        number = int(re.match(r"\d+", name)[0])  # type: ignore[index]  # files begin with a digit
        return "body" if number < APPENDIX else "appendix"
    if part not in ("body", "appendix"):
        raise DocumentError.of(file, f"its part is {part!r}", "write body or appendix")
    return str(part)


_READS = re.compile(r"""\bs\.file\(\\?["']([^"'\\]+)""")
"""A name of a file that the text of a notebook reads."""


def _own_files(
    folder: Path, chapters: Mapping[str, PlacedNotebook], wrong: Gathered
) -> dict[str, bytes]:
    """The files beside a client's own chapters that a chapter names, for `s.file`.

    wrong: takes those that are too large, no plain files, or not there.
    """
    data: dict[str, bytes] = {}
    for file in sorted(folder.glob("[!.]*.*")):
        # As a notebook's JSON writes it, with signs of other languages plain or escaped.
        written = {json.dumps(file.name, ensure_ascii=ascii)[1:-1] for ascii in (False, True)}
        named = any(w in chapter.text for w in written for chapter in chapters.values())
        if file.suffix in _NO_DATA or not named:
            continue
        try:
            data[file.name] = plain_files.content(file, 20 * MIB)
        except ValueError as error:
            wrong.append(_problem(file, error))
    for name, chapter in chapters.items():
        for read in dict.fromkeys(_READS.findall(chapter.text) if chapter.own else ()):
            try:
                scenario.own_file(read, folder)
            except plain_files.Missing as error:
                wrong.append(_problem(folder / name, error))
    return data


def _problem(file: Path, said: object) -> Problem:
    """What is wrong with a file as a whole."""
    wrong, write = parted(said)
    return Problem(file=str(file), wrong=wrong, write=write)


def _asked(wanted: Report, files: Collection[str], path: Path) -> dict[str, str]:
    """File name to the part that the scenario gives a chapter, `leave_out` among them."""
    asked: dict[str, str] = {}
    faults: list[Fault] = []
    known = [name.removesuffix(".ipynb") for name in files]
    for part in ("body", "appendix", "leave_out"):
        for place, named in enumerate(getattr(wanted, part)):
            name = named.removesuffix(".ipynb")
            where = ("report", part, place)
            if name not in known:
                wrong = f"{named!r} is no chapter"
                faults.append(Fault(where, wrong, suggestion(name, known)))
                continue
            first = asked.setdefault(f"{name}.ipynb", part)
            if first != part:
                faults.append(Fault(where, f"{named!r} is in {first}, too", "name it once"))
    if faults:
        raise DocumentError(_with_lines(path, faults))
    return asked


def notebook(file: Path) -> tuple[str, dict[str, Any]]:
    """The text of a notebook, and what it holds. Raises DocumentError where the file is none."""
    try:
        text = plain_files.content(file, 20 * MIB).decode()
        data = plain_files.parsed(text)
        if not isinstance(data, dict):
            raise ValueError("is no notebook")
    except (OSError, ValueError) as error:
        wrong = "is no notebook" if isinstance(error, UnicodeDecodeError) else str(error)
        raise DocumentError.of(file, wrong, "save it in JupyterLab") from None
    return text, data
