"""One client's question: `params/base.yaml` with the client's differences laid over it.

A scenario is data, never code. Every key is known, every value typed; whatever is wrong is
refused with file, line, field, what is wrong and what to write instead (`ScenarioError`).

Mappings merge key by key, lists and values are replaced, and `null` removes what base.yaml says
(JSON Merge Patch, RFC 7396). Workloads, options and fine-tuning jobs are the client's own list:
once the client's file names any, those of base.yaml that it does not name are dropped, and an
entry of the same name starts from base.yaml's.

`load` gives the scenario of a client, `resolved` writes it out whole.
"""

# ruff: noqa: I001  # names given on, one a line

from __future__ import annotations

import copy
import datetime as dt
import os
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from siting import catalogue
from siting.inputs import benchmark, beside, document, messages
from siting.inputs.document import Document, DocumentError, Fault, Path_, Problem, dotted
from siting.inputs.document import as_yaml as as_yaml
from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.model import (
    OWNED as OWNED,
    SELF_HOSTED as SELF_HOSTED,
    Client as Client,
    Deadline as Deadline,
    Evidence as Evidence,
    FineTuning as FineTuning,
    Latency as Latency,
    Measured as Measured,
    Option as Option,
    OwnEvaluation as OwnEvaluation,
    Quality as Quality,
    Quote as Quote,
    Readiness as Readiness,
    Room as Room,
    Scenario as Scenario,
    Shock as Shock,
    Tokens as Tokens,
    Workload as Workload,
)
from siting.inputs.scenario.origins import with_origins

ScenarioError = DocumentError
"""A scenario cannot be used: `problems` has file, line, field, fault and remedy of each."""

_CLIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_LISTED = ("workloads", "options", "fine_tuning")
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


def path_of(name_or_path: str | Path) -> Path:
    """The file of a client's name, or of a path to a YAML file. Raises DocumentError."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "\0" in text:
        return Path(text.replace("\0", "?"))
    path = _place(text)
    if not os.path.lexists(path):
        write = f"{catalogue.suggestion(text, [*names(), 'base'])} `siting new {text}` makes it"
        raise DocumentError.of(_shown(path), "does not exist", write)
    return path


def _place(client: str, own: bool = False) -> Path:
    """Where the file of a client's name belongs. Raises DocumentError for what is none."""
    if not _CLIENT.fullmatch(client):
        write = "write small letters, digits and -, such as acme-bank, or a path that ends in .yaml"
        raise DocumentError.of(client, "is no client's name", write)
    return project(own) / "params" / f"{client}.yaml"


def _shown(path: Path) -> Path:
    """A path as messages print it: relative where it lies below the current folder.

    Links are left as they are: one that leads to itself has no end.
    """
    try:
        return path.absolute().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def load(name_or_path: str | Path) -> Scenario:
    """The scenario of a client of `params/`, or of a YAML file anywhere.

    Raises DocumentError with every problem: file, line, field, fault and remedy.
    """
    found, problems = examined(name_or_path)
    if problems:
        raise DocumentError(problems)
    return found


def examined(name_or_path: str | Path) -> tuple[Scenario, list[Problem]]:
    """A scenario without what is wrong in it, and all that is wrong.

    Raises DocumentError where too little is left to go on.
    """
    path = path_of(name_or_path)
    shown = _shown(path)
    own, problems = document.examined(document.read(shown), str(shown))
    base = _base_of(path, own)
    whole = _combined(own, base)
    if fault := _name_client(whole, path.stem):
        raise DocumentError([*problems, Problem(str(shown), 0, "", *fault)])
    found, faults, holes = _tolerant(whole.data, base.data if base else {})
    if found:
        found, unfounded = with_origins(found, own.data if base else None)
        found, unread = _measured(found, path.parent)
        follow = [*unread, *contradictions(found)]
        faults += [f for f in unfounded if not any(dotted(hole) in f[1] for hole in holes)]
        faults += [f for f in follow if not any(_related(f[0], hole) for hole in holes)]
    refused = {problem.field for problem in problems}
    problems += [p for p in whole.problems(faults) if p.field not in refused]
    problems = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line))
    if not found:
        raise DocumentError(problems)
    return found, problems


def _related(one: Path_, other: Path_) -> bool:
    """Whether one of two places lies in the other: a problem here may only follow from one there"""
    return all(a == b for a, b in zip(one, other, strict=False))


def _tolerant(data: Any, base: Any) -> tuple[Scenario | None, list[Fault], list[Path_]]:
    """The scenario without what is malformed in it, the faults of that, and where it was.

    So that whoever corrects a file sees what else is wrong with it in the same round. No scenario
    where too much is malformed to go on.
    """
    faults: list[Fault] = []
    holes: list[Path_] = []
    while True:
        try:
            return Scenario.model_validate(data), faults, holes
        except ValidationError as error:
            malformed = messages.faults(error, data, Scenario)
            # base.yaml is read once for all clients: what is taken out of a copy stays in it.
            data = copy.deepcopy(data)
            faults += [f for f in malformed if not any(_related(f[0], hole) for hole in holes)]
            taken = [where for where, *_ in malformed if _taken_out(data, where, base)]
            if not taken or len(holes) > _MOST_HOLES:
                return None, faults, holes
            holes += taken


def _taken_out(data: Any, where: Path_, base: Any) -> bool:
    """Puts base.yaml's value in the place of a value, or of the list that it stands in; without
    one, takes it out. False where nothing is there."""
    inside = [data]
    for step in where:
        try:
            inside.append(inside[-1][step])
        except (KeyError, IndexError, TypeError):
            if not any(isinstance(holder, list) for holder in inside[-2:]):
                return False
            break  # what a member of a list lacks takes the list along
    for depth in range(len(inside) - 2, -1, -1):
        holder, step = inside[depth], where[depth]
        if isinstance(holder, dict):
            usual = document.at(base, where[: depth + 1])
            if usual is None or usual == holder[step]:
                del holder[step]
            else:
                holder[step] = copy.deepcopy(usual)
            return True
    return False


def _measured(found: Scenario, folder: Path) -> tuple[Scenario, list[Fault]]:
    """A scenario with the figures of the files beside it, and what is wrong with those files.

    Figures of a benchmark that the scenario states itself win.
    """
    faults: list[Fault] = []
    workloads = {}
    for name, workload in found.workloads.items():
        runs = list(workload.measured)
        for i, run in enumerate(runs):
            try:
                runs[i] = _benchmark(run, folder)
            except ValueError as error:
                wrong, _, write = f"{run.file} beside it {error}".partition("; ")
                where: Path_ = ("workloads", name, "measured", i, "file")
                faults.append((where, wrong, write or "name a result file"))
        workloads[name] = workload.model_copy(update={"measured": runs})
    return found.model_copy(update={"workloads": workloads}), faults


def _benchmark(run: Measured, folder: Path) -> Measured:
    if not run.file:
        return run
    content = beside.content(folder / run.file, benchmark.LARGEST)
    if (run.tpot_ms or run.output_tokens_per_s) and run.concurrency:
        return run
    seen = benchmark.read(content.decode(errors="replace"))
    stated = {k: getattr(run, k) or seen[k] for k in benchmark.FIGURES}
    return run.model_copy(update=stated)


@cache
def _read_once(path: Path, changed_ns: int) -> Document:
    found, problems = document.examined(document.read(path), str(path))
    if problems:
        raise DocumentError(problems)
    return found


def _base_of(path: Path, own: Document) -> Document | None:
    """The base that a file is laid over: beside it, or of the project; None if it is complete."""
    beside = path.parent / "base.yaml"
    if own.data.get("inherits") == "nothing" or path.name == "base.yaml":
        return None
    base = beside if beside.is_file() else project() / "params" / "base.yaml"
    return _read_once(_shown(base), base.stat().st_mtime_ns)


def _combined(own: Document, base: Document | None) -> Document:
    """Own file over base, with the client's evidence before that of base.yaml."""
    if base is None:
        return Document(document.merged({}, own.data), own.lines)
    ground, lines = dict(base.data), base.lines
    for section in _LISTED:
        listed, below = own.data.get(section), ground.get(section)
        if isinstance(listed, dict) and isinstance(below, dict):
            ground[section] = {k: v for k, v in below.items() if k in listed}
    ground["client"] = {k: v for k, v in ground.get("client", {}).items() if k != "id"}
    data = document.merged(ground, own.data)
    stated, assumed = own.data.get("evidence"), ground.get("evidence")
    if isinstance(stated, list) and isinstance(assumed, list):
        data["evidence"] = [*stated, *assumed]
        lines = {_after(len(stated), where): place for where, place in lines.items()}
    return Document(data, {**lines, **own.lines})


def _after(entries: int, where: Path_) -> Path_:
    """A place of base.yaml where its evidence follows so many entries of the client's."""
    match where:
        case ("evidence", int(entry), *below):
            return ("evidence", entry + entries, *below)
    return where


def _name_client(whole: Document, stem: str) -> tuple[str, str] | None:
    """Gives a client without an id the name of its file; fault and remedy where that is none."""
    client = whole.data.get("client")
    if isinstance(client, dict) and "id" not in client:
        if not _CLIENT.fullmatch(stem):
            write = "use small letters, digits and -, or write client.id"
            return "the name of the file is no name for a folder", write
        whole.data["client"] = {"id": stem, **client}
    return None


def changed(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    """The scenario with other values at dotted paths: what if there were twice the users?

    >>> changed(scenario, {"workloads.assistant.users": 4_000})     # doctest: +SKIP

    Raises DocumentError for a path that is not there, or a value that cannot be.
    """
    data = scenario.model_dump()
    for path, value in changes.items():
        *above, last = path.split(".")
        holder = document.at(data, above)
        here = holder if isinstance(holder, dict) else {}
        if last not in here:
            meant = catalogue.suggestion(last, map(str, here))
            raise DocumentError.of("what if", "is not there", meant, field=path)
        here[last] = value
    try:
        found = Scenario.model_validate(data)
        faults = list(contradictions(found))
    except ValidationError as error:
        faults = messages.faults(error, data, Scenario)
    if faults:
        raise DocumentError(Document(data, {(): ("what if", 0)}).problems(faults))
    return found


def create(client: str) -> Path:
    """Writes `params/<client>.yaml`, short and commented, and says where. Never overwrites.

    Raises DocumentError for a name that is taken or that no folder can have.
    """
    path = _place(client, own=True)
    if os.path.lexists(path):
        raise DocumentError.of(client, "already exists", "choose another name, or edit that file")
    with path.open("x", encoding="utf-8") as file:
        file.write(new_text(client, dt.date.today()))
    return _shown(path)


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
