"""Scenarios of `params/`: found, read, laid over base.yaml, checked; and new ones made.

Mappings merge key by key, lists and values are replaced, and `null` removes what base.yaml says
(JSON Merge Patch, RFC 7396). Workloads, options and fine-tuning jobs are the client's own list:
once the client's file names any, those of base.yaml that it does not name are dropped, and an
entry of the same name starts from base.yaml's.
"""

from __future__ import annotations

import copy
import datetime as dt
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from siting import catalogue
from siting.inputs import benchmark, beside, document, messages
from siting.inputs.document import Document, DocumentError, Path_, Problem, dotted
from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.known import Contradiction
from siting.inputs.scenario.model import Measured, Scenario, ScenarioError
from siting.inputs.scenario.origins import with_origins

_CLIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_LISTED = ("workloads", "options", "fine_tuning")
_MOST_HOLES = 100


class Malformed(ScenarioError):
    """Values that are not what their keys ask for, each with its place in the data."""

    def __init__(self, found: list[tuple[Path_, Problem]]) -> None:
        self.found = sorted(found, key=lambda place: (place[1].file, place[1].line))
        super().__init__([problem for _, problem in self.found])
        self.args = (found,)


def project() -> Path:
    """The folder that holds `params/` and `notebooks/`: the current one, one above it, or the
    checkout that the library was installed from."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[4]):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    write = "run this in a copy of the kit"
    raise ScenarioError.of("params/base.yaml", "is not here or above", write)


def names() -> list[str]:
    """The clients of `params/`, sorted; base.yaml is no client."""
    return sorted(p.stem for p in (project() / "params").glob("[a-z0-9]*.yaml") if p.stem != "base")


def path_of(name_or_path: str | Path) -> Path:
    """The file of a client's name, or of a path to a YAML file. Raises ScenarioError."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "\0" in text:
        return Path(text.replace("\0", "?"))
    if not _CLIENT.fullmatch(text):
        write = "write small letters, digits and -, or a path that ends in .yaml"
        raise ScenarioError.of(text, "is no client's name", write)
    path = project() / "params" / f"{text}.yaml"
    if not path.is_file():
        meant = catalogue.suggestion(text, [*names(), "base"])
        write = f"{meant} `siting new {text}` makes it"
        raise ScenarioError.of(_shown(path), "does not exist", write)
    return path


def _shown(path: Path) -> Path:
    """A path as messages print it: relative where it lies below the current folder."""
    try:
        return path.resolve().relative_to(Path.cwd())
    except (ValueError, OSError):
        return path


def load(name_or_path: str | Path) -> Scenario:
    """The scenario of a client of `params/`, or of a YAML file anywhere.

    Raises ScenarioError with every problem: file, line, field, fault and remedy.
    """
    found, problems = examined(name_or_path)
    if problems:
        raise ScenarioError(problems)
    return found


def examined(name_or_path: str | Path) -> tuple[Scenario, list[Problem]]:
    """A scenario without what is wrong in it, and all that is wrong.

    Raises ScenarioError where too little is left to go on.
    """
    path = path_of(name_or_path)
    try:
        own, refused = document.examined(_shown(path))
        base = _base_of(path, own)
    except DocumentError as error:
        raise ScenarioError(list(error.problems)) from None
    try:
        found, problems = _examined(path, own, base)
    except ScenarioError as error:
        if not refused:
            raise
        found, problems = None, list(error.problems)
    known = {problem.field for problem in refused}
    problems = [*refused, *(p for p in problems if p.field not in known)]
    problems = sorted(dict.fromkeys(problems), key=lambda p: (p.file, p.line))
    if found is None:
        raise ScenarioError(problems)
    return found, problems


def _examined(path: Path, own: Document, base: Document | None) -> tuple[Scenario, list[Problem]]:
    whole = _combined(own, base)
    _name_client(whole, path)
    found, problems, holes = _tolerant(whole, base.data if base else {})
    try:
        found = with_origins(found, own, whole, inherited=base is not None)
    except ScenarioError as error:
        problems += [p for p in error.problems if not any(dotted(h) in p.wrong for h in holes)]
    found, unread = _measured(found, path.parent)
    problems += [
        Problem(*whole.place(where), dotted(where), wrong, write)
        for where, wrong, write in [*unread, *contradictions(found)]
        if not any(_related(where, hole) for hole in holes)
    ]
    return found, problems


def _related(one: Path_, other: Path_) -> bool:
    """Whether one of two places lies in the other: a problem here may only follow from one there"""
    return all(a == b for a, b in zip(one, other, strict=False))


def _tolerant(whole: Document, base: Any) -> tuple[Scenario, list[Problem], list[Path_]]:
    """The scenario without what is malformed in it, the problems of that, and where it was.

    So that whoever corrects a file sees what else is wrong with it in the same round. Raises
    ScenarioError where too much is malformed to go on.
    """
    problems: list[Problem] = []
    holes: list[Path_] = []
    rest = whole
    while True:
        try:
            return _validated(rest), problems, holes
        except Malformed as error:
            # base.yaml is read once for all clients: what is taken out of a copy stays in it.
            rest = Document(copy.deepcopy(rest.data), rest.lines)
            problems += [
                problem
                for where, problem in error.found
                if not any(_related(where, hole) for hole in holes)
            ]
            taken = [where for where, _ in error.found if _taken_out(rest.data, where, base)]
            if not taken or len(holes) > _MOST_HOLES:
                raise ScenarioError(problems) from None
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
            usual = _at(base, where[: depth + 1])
            if usual is None or usual == holder[step]:
                del holder[step]
            else:
                holder[step] = copy.deepcopy(usual)
            return True
    return False


def _at(data: Any, where: Path_) -> Any:
    for step in where:
        data = data.get(step) if isinstance(data, dict) else None
    return data


def _measured(found: Scenario, folder: Path) -> tuple[Scenario, list[Contradiction]]:
    """A scenario with the figures of the files beside it, and what is wrong with those files.

    Figures of a benchmark that the scenario states itself win.
    """
    problems: list[Contradiction] = []
    workloads = {}
    for name, workload in found.workloads.items():
        runs = list(workload.measured)
        for i, run in enumerate(runs):
            try:
                runs[i] = _benchmark(run, folder)
            except (OSError, ValueError) as error:
                missing = isinstance(error, FileNotFoundError)
                why = "is not beside the scenario" if missing else str(error)
                wrong, _, write = f"{run.file}: {why}".partition("; ")
                where: Path_ = ("workloads", name, "measured", i, "file")
                problems.append((where, wrong, write or "name a result file"))
        workloads[name] = workload.model_copy(update={"measured": runs})
    return found.model_copy(update={"workloads": workloads}), problems


def _benchmark(run: Measured, folder: Path) -> Measured:
    if not run.file:
        return run
    content = beside.content(folder / run.file, benchmark.LARGEST)
    if (run.tpot_ms or run.output_tokens_per_s) and run.concurrency:
        return run
    seen = benchmark.read(content.decode(errors="replace"))
    stated = {k: getattr(run, k) or getattr(seen, k) for k in benchmark.FIGURES}
    return run.model_copy(update=stated)


@cache
def _read_once(path: Path, changed_ns: int) -> Document:
    return document.read(path)


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
    ground = dict(base.data)
    for section in _LISTED:
        listed, below = own.data.get(section), ground.get(section)
        if isinstance(listed, dict) and isinstance(below, dict):
            ground[section] = {k: v for k, v in below.items() if k in listed}
    ground["client"] = {k: v for k, v in ground.get("client", {}).items() if k != "id"}
    whole = own.laid_over(Document(ground, base.lines))
    stated, assumed = own.data.get("evidence"), base.data.get("evidence")
    if isinstance(stated, list) and isinstance(assumed, list):
        whole.data["evidence"] = [*stated, *assumed]
        for where, place in base.lines.items():
            if where[:1] == ("evidence",) and len(where) > 1 and isinstance(where[1], int):
                whole.lines[("evidence", where[1] + len(stated), *where[2:])] = place
        for where, place in own.lines.items():
            whole.lines[where] = place
    return whole


def _name_client(whole: Document, path: Path) -> None:
    client = whole.data.get("client")
    if isinstance(client, dict) and "id" not in client:
        if not _CLIENT.fullmatch(path.stem):
            wrong = "the name of the file is no name for a folder"
            write = "use small letters, digits and -, or write client.id"
            raise ScenarioError.of(_shown(path), wrong, write)
        whole.data["client"] = {"id": path.stem, **client}


def _validated(whole: Document) -> Scenario:
    data = {"inherits": "base.yaml", **whole.data}
    try:
        return Scenario.model_validate(data)
    except ValidationError as error:
        raise Malformed(messages.problems(error, whole, Scenario)) from None


def changed(scenario: Scenario, changes: dict[str, Any]) -> Scenario:
    """The scenario with other values at dotted paths: what if there were twice the users?

    >>> changed(scenario, {"workloads.assistant.users": 4_000})     # doctest: +SKIP

    Raises ScenarioError for a path that is not there, or a value that cannot be.
    """
    data = scenario.model_dump()
    for path, value in changes.items():
        *above, last = path.split(".")
        here = data
        for key in above:
            here = here.get(key, {}) if isinstance(here, dict) else {}
        if last not in here:
            meant = catalogue.suggestion(last, map(str, here))
            raise ScenarioError.of("what if", "is not there", meant, field=path)
        here[last] = value
    found = _validated(Document(data, {}))
    problems = [Problem("what if", 0, dotted(p), *said) for p, *said in contradictions(found)]
    if problems:
        raise ScenarioError(problems)
    return found


def create(client: str) -> Path:
    """Writes `params/<client>.yaml`, short and commented, and says where. Never overwrites.

    Raises ScenarioError for a name that is taken or that no folder can have.
    """
    folder = project() / "params"
    path = folder / f"{client}.yaml"
    if not _CLIENT.fullmatch(client):
        write = "write small letters, digits and -, such as acme-bank"
        raise ScenarioError.of(client, "is no client's name", write)
    if path.exists():
        raise ScenarioError.of(client, "already exists", "choose another name, or edit that file")
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
