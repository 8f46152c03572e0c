"""Scenarios of `params/`: found, read, laid over base.yaml, checked; and new ones made.

Mappings merge key by key, lists and values are replaced, and `null` removes what base.yaml says
(JSON Merge Patch, RFC 7396). Workloads, options and fine-tuning jobs are the client's own list:
once the client's file names any, those of base.yaml that it does not name are dropped, and an
entry of the same name starts from base.yaml's.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from siting.inputs import benchmark, beside, document, messages
from siting.inputs.document import Document, DocumentError, Problem, dotted
from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.model import Measured, Scenario, ScenarioError
from siting.inputs.scenario.origins import with_origins

_CLIENT = re.compile(r"[a-z0-9][a-z0-9-]{0,49}")
_LISTED = ("workloads", "options", "fine_tuning")


def project() -> Path:
    """The folder that holds `params/` and `notebooks/`: the current one, one above it, or the
    checkout that the library was installed from."""
    here = Path.cwd()
    for folder in (here, *here.parents, Path(__file__).resolve().parents[4]):
        if (folder / "params" / "base.yaml").is_file():
            return folder
    raise ScenarioError(
        [
            Problem(
                "params/base.yaml", 0, "", "is not here or above", "run this in a copy of the kit"
            )
        ]
    )


def names() -> list[str]:
    """The clients of `params/`, sorted; base.yaml is no client."""
    return sorted(p.stem for p in (project() / "params").glob("[a-z0-9]*.yaml") if p.stem != "base")


def path_of(name_or_path: str | Path) -> Path:
    """The file of a client's name, or of a path to a YAML file. Raises ScenarioError."""
    text = str(name_or_path)
    if isinstance(name_or_path, Path) or text.endswith((".yaml", ".yml")) or "\0" in text:
        return Path(text.replace("\0", "?"))
    if not _CLIENT.fullmatch(text):
        raise ScenarioError(
            [
                Problem(
                    text,
                    0,
                    "",
                    "is no client's name",
                    "write small letters, digits and -, or a path that ends in .yaml",
                )
            ]
        )
    path = project() / "params" / f"{text}.yaml"
    if not path.is_file():
        known = [*names(), "base"]
        raise ScenarioError(
            [
                Problem(
                    str(_shown(path)),
                    0,
                    "",
                    "does not exist",
                    f"{messages.suggestion(text, known)} `siting new {text}` makes it",
                )
            ]
        )
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
    path = path_of(name_or_path)
    try:
        own = document.read(_shown(path))
        base = _base_of(path, own)
    except DocumentError as error:
        raise ScenarioError(list(error.problems)) from None
    whole = _combined(own, base)
    _name_client(whole, path)
    found = _validated(whole)
    found = with_origins(found, own, whole, inherited=base is not None)
    found = _with_benchmarks(found, path.parent, whole)
    problems = [
        Problem(*whole.place(where), dotted(where), wrong, write)
        for where, wrong, write in contradictions(found)
    ]
    if problems:
        raise ScenarioError(problems)
    return found


def _with_benchmarks(found: Scenario, folder: Path, whole: Document) -> Scenario:
    """The scenario with the figures of benchmark files in place; figures that it states win."""
    problems, workloads = [], {}
    for name, workload in found.workloads.items():
        runs = []
        for i, run in enumerate(workload.measured):
            try:
                runs.append(_benchmark(run, folder))
            except (OSError, ValueError) as error:
                place = whole.place(("workloads", name, "measured", i, "file"))
                where = f"workloads.{name}.measured.{i}.file"
                why = "is not beside the scenario" if isinstance(error, OSError) else str(error)
                problems.append(Problem(*place, where, f"{run.file}: {why}", "name a result file"))
        workloads[name] = workload.model_copy(update={"measured": runs})
    if problems:
        raise ScenarioError(problems)
    return found.model_copy(update={"workloads": workloads})


def _benchmark(run: Measured, folder: Path) -> Measured:
    if not run.file or ((run.tpot_ms or run.output_tokens_per_s) and run.concurrency):
        return run
    seen = benchmark.read(
        beside.content(folder / run.file, benchmark.LARGEST).decode(errors="replace")
    )
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
            raise ScenarioError(
                [
                    Problem(
                        str(_shown(path)),
                        0,
                        "",
                        "the name of the file is no name for a folder",
                        "use small letters, digits and -, or write client.id",
                    )
                ]
            )
        whole.data["client"] = {"id": path.stem, **client}


def _validated(whole: Document) -> Scenario:
    try:
        return Scenario.model_validate(
            {**whole.data, "inherits": whole.data.get("inherits", "base.yaml")}
        )
    except ValidationError as error:
        found = messages.problems(error.errors(include_url=False), whole, Scenario)
        raise ScenarioError(sorted(found, key=lambda p: (p.file, p.line))) from None


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
            known = sorted(map(str, here))
            raise ScenarioError(
                [Problem("what if", 0, path, "is not there", messages.suggestion(last, known))]
            )
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
    wrong = (
        ("is no client's name", "write small letters, digits and -, such as acme-bank")
        if not _CLIENT.fullmatch(client)
        else ("already exists", "choose another name, or edit that file")
        if path.exists()
        else None
    )
    if wrong:
        raise ScenarioError([Problem(client, 0, "", *wrong)])
    text = (Path(__file__).parent / "new_client.yaml").read_text(encoding="utf-8")
    for word, value in (
        ("CLIENT", client),
        ("TITLE", client.replace("-", " ").title()),
        ("TODAY", dt.date.today().isoformat()),
    ):
        text = text.replace(word, value)
    with path.open("x", encoding="utf-8") as file:
        file.write(text)
    return _shown(path)
