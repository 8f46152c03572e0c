"""Where each figure of a scenario comes from: the client's evidence, spelled out by figure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from siting import catalogue
from siting.inputs.document import Document, Path_, Problem, dotted
from siting.inputs.scenario.model import Evidence, Scenario, ScenarioError

_FIGURES = ("workloads", "options", "fine_tuning", "finance", "stability", "rules", "decision")
_BAND = {"low", "central", "high"}


def _leaves(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of the figures below `data`; a list or a {low, central, high} is one figure."""
    if not isinstance(data, dict) or (data and data.keys() <= _BAND):
        if data is not None:
            yield path
        return
    for key, value in data.items():
        yield from _leaves(value, (*path, key))


def _figures(data: dict[str, Any], parts: Iterable[str] = _FIGURES) -> Iterator[Path_]:
    for part in parts:
        yield from _leaves(data.get(part, {}), (part,))


def _covers(field: str, figure: str) -> bool:
    return field in ("*", figure) or figure.startswith(field + ".")


def with_origins(found: Scenario, own: Document, whole: Document, inherited: bool) -> Scenario:
    """The scenario with the client's evidence spelled out figure by figure.

    A client's entry speaks for what the client's file says, not for what base.yaml adds below
    the same path; that stays base.yaml's estimate. Raises ScenarioError for a figure of the
    client's file without evidence, and for evidence of something that is not there.
    """
    everything = found.model_dump()
    said = own.data if inherited else everything
    stated = len(own.data.get("evidence") or []) if inherited else len(found.evidence)
    client, rest = found.evidence[:stated], found.evidence[stated:]
    problems = list(_unfounded(client, everything, whole))
    spoken: dict[int, list[str]] = {}
    for path in _figures(said):
        figure = dotted(path)
        covering = [
            (len(field) if field != "*" else 0, -place)
            for place, entry in enumerate(client)
            for field in entry.fields
            if _covers(field, figure)
        ]
        if covering:
            spoken.setdefault(-max(covering)[1], []).append(figure)
        else:
            wrong = "nothing says where this figure comes from"
            write = f"add {path[0]} or the whole path to `fields` of an evidence"
            problems.append(Problem(*whole.place(path), figure, wrong, write))
    if problems:
        raise ScenarioError(problems)
    if not inherited:
        return found.model_copy(update={"inherits": "nothing"})
    narrowed = [client[i].model_copy(update={"fields": spoken[i]}) for i in sorted(spoken)]
    return found.model_copy(update={"evidence": [*narrowed, *rest], "inherits": "nothing"})


def _unfounded(
    entries: list[Evidence], everything: dict[str, Any], whole: Document
) -> Iterator[Problem]:
    paths = {"*", *Scenario.model_fields}
    for leaf in _figures(everything, ("client", *_FIGURES)):
        paths |= {dotted(leaf[:n]) for n in range(1, len(leaf) + 1)}
    for i, entry in enumerate(entries):
        for j, field in enumerate(entry.fields):
            if field not in paths:
                where: Path_ = ("evidence", i, "fields", j)
                write = "write a path such as workloads or finance.discount_rate"
                if catalogue.nearest(field, paths):
                    write = catalogue.suggestion(field, paths - {"*"})
                wrong = f"{field!r} is nothing in this scenario"
                yield Problem(*whole.place(where), dotted(where), wrong, write)
