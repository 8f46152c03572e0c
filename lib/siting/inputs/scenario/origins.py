"""Where each figure of a scenario comes from: the client's evidence, spelled out by figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from siting import catalogue
from siting.inputs.document import BAND, Fault, Path_, dotted
from siting.inputs.scenario.model import LANGUAGES, Evidence, Scenario

FIGURES = ("workloads", "options", "fine_tuning", "finance", "stability", "rules", "decision")
"""Sections of a scenario whose figures need evidence."""


def _leaves(data: Any, path: Path_ = ()) -> Iterator[Path_]:
    """Paths of the figures below `data`; a list, a {low, central, high} and a text in several
    languages are one figure."""
    if not isinstance(data, dict) or (
        data and any(data.keys() <= one for one in (BAND, LANGUAGES))
    ):
        if data is not None:
            yield path
        return
    for key, value in data.items():
        yield from _leaves(value, (*path, key))


def _figures(data: dict[str, Any], *beside: str) -> Iterator[Path_]:
    return _leaves({part: data[part] for part in (*beside, *FIGURES) if part in data})


def _place_of(evidence: Sequence[Evidence], figure: str) -> int | None:
    """Place of the evidence that speaks of a figure: the one that names most of its path, of equals
    the first; None where none does."""
    named = {}
    for place, entry in enumerate(evidence):
        lengths = [
            0 if field == "*" else len(field)
            for field in entry.fields
            if field in ("*", figure) or figure.startswith(f"{field}.")
        ]
        if lengths:
            named[place] = max(lengths)
    return max(named, key=named.__getitem__, default=None)


def with_origins(found: Scenario, own: dict[str, Any] | None) -> tuple[Scenario, list[Fault]]:
    """The scenario with the client's evidence spelled out figure by figure, and what is wrong.

    own: what the client's file says; None where it is complete. A client's entry speaks for what
    the client's file says, not for what base.yaml adds below the same path; that stays base.yaml's
    estimate. A figure of the client's file without evidence is wrong, and so is evidence of
    something that is not there.
    """
    everything = found.model_dump()
    evidence = found.evidence if own is None else own.get("evidence") or []
    stated = len(evidence) if isinstance(evidence, list) else len(found.evidence)
    client = found.evidence[:stated]
    rest = found.evidence[stated:]
    faults = list(_unfounded(client, everything))
    spoken: dict[int, list[str]] = {}
    for path in _figures(everything if own is None else own):
        figure = dotted(path)
        place = _place_of(client, figure)
        if place is not None:
            spoken.setdefault(place, []).append(figure)
        else:
            write = f"add {path[0]} or the whole path to `fields` of an evidence"
            faults.append(Fault(path, "nothing says where this figure comes from", write))
    if own is not None and not faults:
        narrowed = [client[i].model_copy(update={"fields": spoken[i]}) for i in sorted(spoken)]
        found = found.model_copy(update={"evidence": [*narrowed, *rest]})
    return found.model_copy(update={"inherits": "nothing"}), faults


def _unfounded(entries: list[Evidence], everything: dict[str, Any]) -> Iterator[Fault]:
    """Evidence of something that is not there."""
    paths = {"*", *Scenario.model_fields}
    for leaf in _figures(everything, "client"):
        paths |= {dotted(leaf[:n]) for n in range(1, len(leaf) + 1)}
    for i, entry in enumerate(entries):
        for j, field in enumerate(entry.fields):
            if field not in paths:
                write = "write a path such as workloads or finance.discount_rate"
                if catalogue.nearest(field, paths):
                    write = catalogue.suggestion(field, paths - {"*"})
                wrong = f"{field!r} is nothing in this scenario"
                place = ("evidence", i, "fields", j)
                yield Fault(place, wrong, write, rests_on=tuple(field.split(".")))
