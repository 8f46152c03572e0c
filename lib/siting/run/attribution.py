"""Which edit of a scenario changed what: of several, each alone, decided anew by the same chain."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from siting.inputs.document import BAND
from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.model import Scenario
from siting.records import frozen
from siting.verdict.chain import Chain
from siting.verdict.decision import Decision

SILENT = frozenset({"evidence", "report", "what_if", "seed", "inherits"})
"""Sections that move no figure."""
WORDS = frozenset({"label", "description", "name", "question", "decides"})
"""Keys that hold words alone."""


@frozen
class Alone:
    """What one edit does where it is the only one."""

    edit: str
    """Its dotted path; blank: none of them is made."""
    option: str | None
    """What is then first; None where nothing may be chosen, or the edit cannot stand alone."""
    in_all: float | None
    """What that costs in all, in the mean of the cases. [client's currency]"""
    moves: float | None
    """By how much the edit alone moves what was first in all, below 0 where that gets cheaper; None
    where it is no longer there. [client's currency]"""
    why: str = ""
    """Why it cannot stand alone."""


def alone(old: Mapping[str, Any], new: Mapping[str, Any], chain: Chain) -> tuple[Alone, ...]:
    """Each of several edits alone, after the first scenario itself; empty where there is one edit
    or none. old, new: two scenarios of one client as plain data, empty where one is not at hand.
    Facts are today's."""
    edits = list(_edits(old, new)) if old and new else []
    if len(edits) < 2:
        return ()
    first = chain.decide(Scenario.model_validate(old))
    found = [_outcome("", first, first)]
    for path in edits:
        data = _with(old, new, path)
        try:
            scenario = Scenario.model_validate(data)
            stands = not any(contradictions(scenario))
        except ValidationError:
            stands = False
        if not stands:
            why = "it cannot stand without another of them"
            none = Alone(edit=".".join(path), option=None, in_all=None, moves=None, why=why)
            found.append(none)
        else:
            found.append(_outcome(".".join(path), chain.decide(scenario), first))
    return tuple(found)


def _edits(old: Any, new: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Paths at which two scenarios differ; a range, a list and an entry that is new are whole."""
    if old == new or (path and (path[0] in SILENT or path[-1] in WORDS)):
        return
    within = isinstance(old, Mapping) and isinstance(new, Mapping)
    if within and not (old.keys() >= BAND or new.keys() >= BAND):
        for key in {**old, **new}:
            yield from _edits(old.get(key), new.get(key), (*path, key))
    else:
        yield path


def _with(old: Mapping[str, Any], new: Mapping[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    """The old scenario with what the new one says at a path."""
    data = copy.deepcopy(dict(old))
    data["evidence"] = [*new.get("evidence", ()), *old.get("evidence", ())]
    there: Any = new
    here: Any = data
    for key in path[:-1]:
        there = there[key]
        here = here[key]
    if path[-1] in there:
        here[path[-1]] = there[path[-1]]
    else:
        del here[path[-1]]
    return data


def _outcome(edit: str, found: Decision, first: Decision) -> Alone:
    before = first.recommended
    name = found.recommended
    there = {c.name for c in found.candidates if c.burden.costs}
    moved = None
    if before in there:
        moved = found.mean(str(before)) - first.mean(str(before))
    in_all = None if name is None else found.means[name]
    return Alone(edit=edit, option=name, in_all=in_all, moves=moved)
