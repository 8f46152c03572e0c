"""Where each figure of a scenario comes from: the client's evidence, spelled out by figure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from siting.inputs import messages
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


def _figures(data: dict[str, Any]) -> list[str]:
    return [dotted(p) for key in _FIGURES for p in _leaves(data.get(key, {}), (key,))]


def _covers(field: str, figure: str) -> bool:
    return field in ("*", figure) or figure.startswith(field + ".")


def with_origins(found: Scenario, own: Document, whole: Document, inherited: bool) -> Scenario:
    """The scenario with the client's evidence spelled out figure by figure.

    A client's entry speaks for what the client's file says, not for what base.yaml adds below
    the same path; that stays base.yaml's estimate. Raises ScenarioError for a figure of the
    client's file without evidence, and for evidence of something that is not there.
    """
    everything = found.model_dump()
    stated = len(own.data.get("evidence") or [])
    entries = list(found.evidence)
    client, rest = (entries[:stated], entries[stated:]) if inherited else (entries, [])
    figures = _figures(own.data if inherited else everything)
    problems = list(_unfounded(client, everything, whole))
    spoken: dict[int, list[str]] = {i: [] for i in range(len(client))}
    for figure in figures:
        best = max(
            (
                (0 if f == "*" else len(f), -i)
                for i, e in enumerate(client)
                for f in e.fields
                if _covers(f, figure)
            ),
            default=None,
        )
        if best is None:
            place = whole.place(_path(figure, own.data if inherited else everything))
            problems.append(
                Problem(
                    *place,
                    figure,
                    "nothing says where this figure comes from",
                    f"add {figure.split('.')[0]} or the whole path to `fields` of an evidence",
                )
            )
        else:
            spoken[-best[1]].append(figure)
    if problems:
        raise ScenarioError(problems)
    if not inherited:
        return found.model_copy(update={"inherits": "nothing"})
    narrowed = [
        e.model_copy(update={"fields": spoken[i]}) for i, e in enumerate(client) if spoken[i]
    ]
    return found.model_copy(update={"evidence": [*narrowed, *rest], "inherits": "nothing"})


def _path(figure: str, data: Any) -> Path_:
    """The keys behind a dotted path, where keys may hold dots themselves."""
    for path in (p for key in _FIGURES for p in _leaves(data.get(key, {}), (key,))):
        if dotted(path) == figure:
            return path
    return ()


def _unfounded(
    entries: list[Evidence], everything: dict[str, Any], whole: Document
) -> Iterator[Problem]:
    paths = {"*", *Scenario.model_fields}
    for key in ("client", *_FIGURES):
        for leaf in _leaves(everything.get(key, {}), (key,)):
            paths |= {dotted(leaf[:n]) for n in range(1, len(leaf) + 1)}
    for i, entry in enumerate(entries):
        for j, field in enumerate(entry.fields):
            if field not in paths:
                where: Path_ = ("evidence", i, "fields", j)
                yield Problem(
                    *whole.place(where),
                    dotted(where),
                    f"{field!r} is nothing in this scenario",
                    messages.suggestion(field, paths - {"*"})
                    if messages.nearest(field, paths)
                    else "write a path such as workloads or finance.discount_rate",
                )
