"""One client's question: `params/base.yaml` with the client's differences laid over it.

A scenario is data, never code. Every key is known, every value typed; whatever is wrong is
refused with file, line, field, what is wrong and what to write instead (`DocumentError`).

Mappings merge key by key, lists and values are replaced, and `null` removes what base.yaml says
(JSON Merge Patch, RFC 7396). Workloads are the client's alone: load, tokens, limits and residency
are nobody else's. Options and fine-tuning jobs are the client's own list: once the client's file
names any, those of base.yaml that it does not name are dropped, and an entry of the same name
starts from base.yaml's. An option of another kind, vendor or provider does not: a region, a weight
format or months of somebody else's service are none of its own.

`load` gives the scenario of a client, `resolved` writes it out whole.
"""

# ruff: noqa: I001  # names given on, in one line

from __future__ import annotations

import copy
import datetime as dt
import os
import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from siting_report import plain_files

from siting import catalogue
from siting.inputs import document, messages
from siting.inputs.document import (
    YamlDocument,
    DocumentError as DocumentError,
    Fault,
    Path_,
    Problem,
)
from siting.inputs.document import as_yaml as as_yaml
from siting.inputs.scenario import changes, usual
from siting.inputs.scenario.changes import changed as changed
from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.model import Option as Option, Scenario as Scenario
from siting.inputs.scenario.origins import with_origins
from siting.records import frozen

_CLIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_LISTED = ("options", "fine_tuning")
_WHOSE = ("kind", "vendor", "provider")
"""Whose service an option is: one that differs in these shares no more than its name."""
_MOST_HOLES = 100


def project(own: bool = False) -> Path:
    """The folder that holds `params/` and `notebooks/`: the current one, one above it, or, to who
    only reads, the checkout that the library was installed from. own: not that one."""
    here = Path.cwd()
    installed = [] if own else [Path(__file__).resolve().parents[4]]
    for folder in (here, *here.parents, *installed):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    raise DocumentError.of(here, "no project is here or above", "run `siting init`")


def names(own: bool = False) -> list[str]:
    """The clients of `params/`, sorted; base.yaml is no client. own: as for `project`."""
    folder = project(own) / "params"
    return sorted(p.stem for p in folder.glob("[a-z0-9]*.yaml") if p.stem != "base")


def chapters(client: str, folder: Path | None = None) -> dict[str, Path]:
    """The notebooks that a client's report may hold, by the names of their files.

    Those in a folder of the client's name replace shared ones of theirs, or add to them.
    folder: of the shared ones; by default the project's.
    """
    folder = folder or project() / "notebooks"
    shared = {path.name: path for path in folder.glob("[0-9]*.ipynb")}
    own = {path.name: path for path in (folder / client).glob("[0-9]*.ipynb")}
    return shared | own


def own_file(name: str, folder: Path) -> Path:
    """A file that a client's own chapter reads, in the folder of those.

    Raises Missing where it is not there, ValueError where it is no plain file.
    """
    if Path(name).name != name:
        raise ValueError(f"s.file: {name!r} is no plain name of a file; write it without a folder")
    try:
        plain_files.opened(folder / name).close()
    except plain_files.Missing:
        there = [p.name for p in folder.glob("*") if p.is_file() and p.suffix != ".ipynb"]
        write = catalogue.suggestion(name, there) if there else "put it there"
        said = f"s.file: {name!r} is not in notebooks/{folder.name}; {write}"
        raise plain_files.Missing(said) from None
    except ValueError as error:
        raise ValueError(f"s.file: {name!r} {error}") from None
    return folder / name


def path_of(name_or_path: str | Path) -> Path:
    """The file of a client's name, or of a path to a YAML file, as messages print it.

    Raises DocumentError.
    """
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "\0" in text:
        return Path(text.replace("\0", "?"))
    path = _place(text)
    if not os.path.lexists(path):
        write = f"`siting new {text}` makes it; {catalogue.suggestion(text, [*names(), 'base'])}"
        raise DocumentError.of(path, "does not exist", write)
    return path


def _place(client: str, own: bool = False) -> Path:
    """Where the file of a client's name belongs, as messages print it.

    Raises DocumentError for what is no name.
    """
    if not _CLIENT.fullmatch(client):
        write = "write small letters, digits and -, such as acme-bank, or a path that ends in .yaml"
        raise DocumentError.of(client, "is no client's name", write)
    return _shown(project(own) / "params" / f"{client}.yaml")


def _shown(path: Path) -> Path:
    """A path as messages print it: relative where it lies below the current folder.

    Links are left as they are: one that leads to itself has no end.
    """
    try:
        return Path(os.path.abspath(path)).relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def load(name_or_path: str | Path) -> Scenario:
    """The scenario of a client of `params/`, or of a YAML file anywhere.

    Raises DocumentError with every problem: file, line, field, fault and remedy.
    """
    read = examined(name_or_path)
    if read.problems:
        raise DocumentError(read.problems)
    return read.found


@frozen
class Examined:
    """What a scenario's file says, and all that is wrong in it."""

    found: Scenario
    """Without what is malformed."""
    problems: list[Problem]
    whole: YamlDocument
    holes: Mapping[Path_, bool]
    """Where something malformed was, and whether something harmless is there now."""

    def told(self, faults: Iterable[Fault], changed: Iterable[str] = ()) -> list[Problem]:
        """Further faults with file and line, but those of what is wrong already, and those that may
        only follow from what is malformed. changed: paths that the file does not say."""
        lines = dict(self.whole.lines)
        lines |= {tuple(path.split(".")): (changes.WHERE, 0) for path in changed}
        whole = YamlDocument(self.whole.data, lines)
        there = {problem.field for problem in self.problems}
        told = (
            fault
            for fault in faults
            if not _follows(fault.place, self.holes)
            and not (fault.rests_on and _follows(fault.rests_on, self.holes))
        )
        return [problem for problem in whole.problems(told) if problem.field not in there]


def examined(name_or_path: str | Path) -> Examined:
    """A scenario without what is wrong in it, and all that is wrong.

    Raises DocumentError where too little is left to go on.
    """
    path = path_of(name_or_path)
    own, problems = document.examined(document.read(path, _is_shared(path)), str(path))
    base = _base_of(path, own)
    whole = _combined(own, base)
    usual.fill(whole.data, own.data)
    if misnamed := _name_client(whole, path):
        raise DocumentError([*problems, *whole.problems([misnamed])])
    found, faults, holes = _tolerant(whole.data)
    if found:
        found, unfounded = with_origins(found, own.data if base else None)
        follow = [*contradictions(found), *changes.faults(found)]
        # What is asked of an option depends on its kind.
        holes |= {h[:2]: True for h in holes if h[0] == "options" and h[-1] in ("kind", "provider")}
        faults += unfounded + [f for f in follow if not _follows(f.place, holes)]
        faults = [f for f in faults if not (f.rests_on and _follows(f.rests_on, holes))]
    refused = {problem.field for problem in problems}
    problems += [p for p in whole.problems(faults) if p.field not in refused]
    problems = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line))
    if not found:
        raise DocumentError(problems)
    return Examined(found=found, problems=problems, whole=whole, holes=holes)


def _follows(place: Path_, holes: Mapping[Path_, bool]) -> bool:
    """Whether a fault at a place may only follow from a hole: it lies in one, or one from which
    something was taken out lies in it."""
    return any(
        all(a == b for a, b in zip(place, hole, strict=False))
        and (len(place) >= len(hole) or not filled)
        for hole, filled in holes.items()
    )


def _tolerant(data: Any) -> tuple[Scenario | None, list[Fault], dict[Path_, bool]]:
    """The scenario without what is malformed in it, the faults of that, and the holes: where it
    was, and whether something harmless is there now.

    So that whoever corrects a file sees what else is wrong with it in the same round. No scenario
    where too much is malformed to go on.
    """
    faults: list[Fault] = []
    holes: dict[Path_, bool] = {}
    while True:
        try:
            return Scenario.model_validate(data), faults, holes
        except ValidationError as error:
            malformed = messages.faults(error, data, Scenario)
            # base.yaml is read once for all clients: what is taken out of a copy stays in it.
            data = copy.deepcopy(data)
            faults += [f for f in malformed if not _follows(f.place, holes)]
            mended: dict[Path_, bool] = {}
            for fault in malformed[: _MOST_HOLES + 1]:
                if not _follows(fault.place, mended):
                    mended |= _mended(data, fault.place, holes)
            if not mended or len(holes) > _MOST_HOLES:
                return None, faults, holes
            holes |= mended


def _mended(data: Any, where: Path_, holes: dict[Path_, bool]) -> dict[Path_, bool]:
    """The hole that is made of a place, or of what it stands in: something harmless stands there
    at first; where that does not help, it is taken out. None where nothing is there."""
    for end in range(len(where), 0, -1):
        place = where[:end]
        holder = document.at(data, where[: end - 1])
        step = where[end - 1]
        usual = _stand_in(place)
        if usual is not None and place not in holes:
            was = document.at(data, place)
            added = _left_out(was, usual)
            if added:
                was |= {key: copy.deepcopy(usual[key]) for key in added}
                return {(*place, key): True for key in added}
            holder[step] = copy.deepcopy(usual)
            # Of what was empty nothing is unknown: the hole is what was put into it.
            return {(*place, "any") if was == {} else place: True}
        if isinstance(holder, dict) and step in holder:
            del holder[step]
            return {place: False}
    return {}


def _left_out(was: Any, usual: Any) -> list[str]:
    """Keys of a record that somebody wrote which stand in for what it lacks; none of a mapping of
    records by name. What else it says is examined with them."""
    if not was or not isinstance(was, dict) or not isinstance(usual, dict) or "any" in usual:
        return []
    return [key for key in usual if key not in was]


def _stand_in(place: Path_) -> Any:
    """What stands in for a malformed value; None where nothing does."""
    found: Any = _stand_ins()
    for step in place:
        inside = dict(document.members(found))
        found = inside.get(0 if isinstance(step, int) else step, inside.get("any"))
    return found


@cache
def _stand_ins() -> dict[str, Any]:
    text = (Path(__file__).parent / "stand_ins.yaml").read_text(encoding="utf-8")
    return document.examined(text)[0].data


@cache
def _read_once(path: Path, changed_ns: int) -> YamlDocument:
    found, problems = document.examined(document.read(path, _is_shared(path)), str(path))
    if problems:
        raise DocumentError(problems)
    return found


def _is_shared(path: Path) -> bool:
    """Whether a file is the project's own base.yaml, which several projects may share by a link.

    Beside a stranger's file a link could show another client's scenario.
    """
    if path.name != "base.yaml":
        return False
    try:
        return os.path.abspath(path) == os.path.abspath(project() / "params" / "base.yaml")
    except DocumentError:
        return False


def _base_of(path: Path, own: YamlDocument) -> YamlDocument | None:
    """The base that a file is laid over: beside it, or of the project; None if it is complete."""
    beside = path.parent / "base.yaml"
    if own.data.get("inherits") == "nothing" or path.name == "base.yaml":
        return None
    base = beside if beside.is_file() else project() / "params" / "base.yaml"
    return _read_once(_shown(base), base.stat().st_mtime_ns)


def _combined(own: YamlDocument, base: YamlDocument | None) -> YamlDocument:
    """Own file over base, with the client's evidence before that of base.yaml."""
    if base is None:
        return YamlDocument(document.merged({}, own.data), own.lines)
    ground = {section: said for section, said in base.data.items() if section != "workloads"}
    lines = {where: place for where, place in base.lines.items() if where[:1] != ("workloads",)}
    for section in _LISTED:
        listed = own.data.get(section)
        below = ground.get(section)
        if isinstance(listed, dict) and isinstance(below, dict):
            ground[section] = {k: v for k, v in below.items() if k in listed}
    ground["options"] = _of_the_same_service(ground.get("options"), own.data.get("options"))
    ground["client"] = {k: v for k, v in ground.get("client", {}).items() if k != "id"}
    data = document.merged(ground, own.data)
    stated = own.data.get("evidence")
    assumed = ground.get("evidence")
    if isinstance(stated, list) and isinstance(assumed, list):
        data["evidence"] = [*stated, *assumed]
        lines = {_after(len(stated), where): place for where, place in lines.items()}
    return YamlDocument(data, {**lines, **own.lines})


def _of_the_same_service(below: Any, stated: Any) -> Any:
    """Options of base.yaml that a client's start from: of one that the client gives another kind,
    vendor or provider, the kind alone."""
    if not isinstance(below, dict) or not isinstance(stated, dict):
        return below
    found = dict(below)
    for name, option in below.items():
        said = dict(document.members(stated.get(name)))
        others = [k for k in _WHOSE if k in option and said.get(k, option[k]) != option[k]]
        if others:
            found[name] = {"kind": option["kind"]}
    return found


def _after(entries: int, where: Path_) -> Path_:
    """A place of base.yaml where its evidence follows so many entries of the client's."""
    match where:
        case ("evidence", int(entry), *below):
            return ("evidence", entry + entries, *below)
    return where


def _name_client(whole: YamlDocument, path: Path) -> Fault | None:
    """Gives a client without an id the name of its file; what is wrong where it has another one.

    A report stands in a folder of the client's id. An id of one's own choice would let a file
    replace the report of another client; only a complete scenario, as a report keeps it, has to
    say whose it is.
    """
    client = whole.data.get("client")
    if not isinstance(client, dict):
        return None
    complete = whole.data.get("inherits") == "nothing"
    if "id" in client and not complete and client["id"] != path.stem:
        wrong = f"{client['id']!r} is not the name of the file, {path.name}"
        return Fault(("client", "id"), wrong, f"remove it, or write {path.stem}")
    if "id" not in client and not _CLIENT.fullmatch(path.stem):
        wrong = f"the name of the file, {path.name}, is no name for a folder"
        return Fault(("client",), wrong, "call it by small letters, digits and -, as in acme.yaml")
    whole.data["client"] = {"id": path.stem, **client}
    return None


def create(client: str) -> Path:
    """Writes `params/<client>.yaml`, short and commented, and says where. Never overwrites.

    Raises DocumentError for a name that is taken or that no folder can have.
    """
    path = _place(client, own=True)
    if os.path.lexists(path):
        raise DocumentError.of(client, "already exists", "choose another name, or edit that file")
    with path.open("x", encoding="utf-8") as file:
        file.write(new_text(client, dt.date.today()))
    return path


def new_text(client: str, day: dt.date) -> str:
    """A client's first file: short, commented, and it renders as it is."""
    text = (Path(__file__).parent / "new_client.yaml").read_text(encoding="utf-8")
    title = client.replace("-", " ").title()
    for word, value in (("CLIENT", client), ("TITLE", title), ("TODAY", day.isoformat())):
        text = text.replace(word, value)
    return text


# --- written out ----------------------------------------------------------------------------------


def resolved(scenario: Scenario) -> str:
    """The whole scenario as YAML that loads, alone, to the same scenario."""
    head = "# Written by siting: complete, so base.yaml is not read.\n"
    return head + as_yaml(scenario.model_dump(exclude_none=True))


_REPLACED_WHOLE = ("Evidence", "Quote", "Measured", "Shock")
"""Records that stand in lists: never merged with base.yaml, so their required keys stay so."""


def json_schema() -> dict[str, Any]:
    """JSON schema of a client's file, for editors. base.yaml supplies what is left out."""
    schema = Scenario.model_json_schema()
    for name, record in (("", schema), *schema["$defs"].items()):
        if name not in _REPLACED_WHOLE:
            record.pop("required", None)
        for field in record.get("properties", {}).values():
            if isinstance(field.get("default"), dict):
                field["default"].pop("unit", None)  # a range of a scenario has none
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
