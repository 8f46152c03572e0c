"""A scenario with other values at dotted paths: what if there were twice the users?

A path names keys from the top, `finance.discount_rate`; a value is what YAML would say there. A
key that is free in the scenario (an option, a weight, an answer to a rule) may be new.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import BaseModel, ValidationError

from siting import catalogue
from siting.inputs import document, messages
from siting.inputs.attributes import dictionary
from siting.inputs.document import DocumentError, Fault, YamlDocument, inline
from siting.inputs.scenario import usual
from siting.inputs.scenario.checks import contradictions
from siting.inputs.scenario.model import Evidence, Option, Scenario
from siting.inputs.scenario.origins import FIGURES

Changes: TypeAlias = Mapping[str, Any]
"""Values by dotted path, as YAML would say them."""

TRIED = "A change that is tried (--set)"
"""Source of a value that nobody says but the one who asks."""
WHERE = "--set"
"""Where a change is said to stand, in messages."""


def changed(scenario: Scenario, changes: Changes) -> Scenario:
    """The scenario with other values at dotted paths.

    >>> changed(scenario, {"workloads.assistant.users": 4_000})     # doctest: +SKIP

    Raises DocumentError for a path that is not there, or a value that cannot be.
    """
    if not changes:
        return scenario
    whole = scenario.model_dump()
    data = scenario.model_dump(exclude_unset=True)
    for path, value in changes.items():
        keys = path.split(".")
        _refuse_unknown(scenario, whole, keys)
        _write(data, scenario, whole, keys, value)
    data["evidence"] = [*_said_by(changes, scenario), *whole["evidence"]]
    usual.fill(data, _alone(scenario, changes))
    try:
        found = Scenario.model_validate(data)
        wrong = [*contradictions(found), *faults(found)]
    except ValidationError as error:
        wrong = messages.faults(error, data, Scenario)
    if wrong:
        raise DocumentError(YamlDocument(data, {(): (WHERE, 0)}).problems(wrong))
    return found


def _alone(scenario: Scenario, changes: Changes) -> dict[str, Any]:
    """Lengths of workloads that are changed to a mean whose spread nobody states, as a file's."""
    found: dict[str, Any] = {}
    for path, value in changes.items():
        match path.split("."):
            case ["workloads", name, field] if field in usual.LENGTHS:
                found.setdefault(name, {})[field] = value
            case ["workloads", name, field, "mean"] if field in usual.LENGTHS:
                if (
                    usual.ratio(scenario, name, field)
                    and f"workloads.{name}.{field}.p95" not in changes
                ):
                    found.setdefault(name, {})[field] = {"mean": value}
    return {"workloads": found}


def faults(scenario: Scenario) -> Iterator[Fault]:
    """What is wrong with what a scenario wants tried: changes that it does not take, and vendors,
    models or services supposed to be gone, that none of its options uses."""
    plain = scenario.model_copy(update={"what_if": []})
    known = contradictions(plain) if scenario.what_if else ()
    there = {(document.dotted(f.place), f.wrong) for f in known}
    for i, asked in enumerate(scenario.what_if):
        try:
            changed(plain, asked.set)
        except DocumentError as error:
            own = [p for p in error.problems if (p.field, p.wrong) not in there]
            for first in own[:1]:
                wrong = f"{first.field} {first.wrong}"
                yield Fault(("what_if", i, "set"), wrong, first.write)
    options = scenario.options.values()
    used = {o.vendor for o in options} | {m for o in options for m in o.models.values()}
    for name in scenario.options:
        used |= {scenario.tunes_at(name), scenario.hourly_at(name)}
    for i, lost in enumerate(scenario.suppose.gone):
        if lost not in used:
            wrong = f"{lost!r} is no vendor, model or service of an option"
            meant = catalogue.suggestion(lost, sorted(used - {""}))
            yield Fault(("suppose", "gone", i), wrong, meant)


def _write(
    data: dict[str, Any], scenario: Scenario, whole: Any, keys: Sequence[str], value: Any
) -> None:
    """Puts a value at a path of what the file says, with the record that holds it where the file
    has left that out.

    All other lines that are left out stay out: one that is written as null says that somebody asked
    and nobody knows (data of a workload).
    """
    record: Any = scenario
    holder = data
    for key in keys[:-1]:
        record = _member(record, key)
        whole = whole[key]
        is_record = isinstance(record, BaseModel)
        said = record.model_dump(exclude_unset=True) if is_record else whole
        holder = holder.setdefault(key, said)
    holder[keys[-1]] = value
    whole[keys[-1]] = value  # a later path may lead on from here


def _refuse_unknown(scenario: Scenario, data: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Raises DocumentError where a key of a path is neither there nor free to be new."""
    record: Any = scenario
    holder: Any = data
    for place, key in enumerate(keys):
        last = place == len(keys) - 1
        there = isinstance(holder, dict) and key in holder
        free = last and isinstance(record, Mapping)
        if not there and not free:
            known = map(str, holder) if isinstance(holder, dict) else ()
            meant = messages.EXPECTED.get(key) or catalogue.suggestion(key, known)
            if holder is None and place:  # a record that the file leaves out
                meant = _whole(keys, place)
            elif isinstance(record, Option) and key in dictionary():
                meant = f"did you mean attributes.{key}?"
            raise DocumentError.of(WHERE, "is not there", meant, field=".".join(keys))
        if not last:
            record = _member(record, key)
            holder = holder[key]


def _whole(keys: Sequence[str], place: int) -> str:
    """How to say a change within a record that is not there: the record as a whole."""
    opened = "".join(f"{{{key}: " for key in keys[place:])
    closed = "".join("}" for _ in keys[place:])
    inner = f"{opened}…{closed}"
    return f"{'.'.join(keys[:place])} is left out; write {'.'.join(keys[:place])}='{inner}'"


def _member(record: Any, key: str) -> Any:
    if isinstance(record, Mapping):
        return record.get(key)
    return getattr(record, key, None)


def _said_by(changes: Changes, scenario: Scenario) -> Iterator[dict[str, Any]]:
    """Who says so: nobody but the one who asks. Which chapters a report has needs no evidence."""
    figures = [path for path in changes if path.split(".")[0] in (*FIGURES, "client")]
    if figures:
        entry = Evidence(
            fields=figures,
            source=TRIED,
            date=scenario.client.report_date,
            kind="estimate",
        )
        yield entry.model_dump()


def put(scenario: Scenario, changes: Changes) -> Scenario:
    """The same for values that are known to be possible, and quicker: only the records that hold
    them are read anew, all others are shared. Raises ValidationError for what cannot be.
    """
    for path, value in changes.items():
        scenario = _put(scenario, path.split("."), value)
    return scenario


def _put(record: Any, keys: Sequence[str], value: Any) -> Any:
    head, *rest = keys
    if isinstance(record, Mapping):
        return {**record, head: _put(record[head], rest, value)}
    if not rest:
        return _read_anew(record, head, value)
    current = getattr(record, head)
    if isinstance(current, Mapping) and len(rest) == 1:
        return _read_anew(record, head, {**current, rest[0]: value})
    return record.model_copy(update={head: _put(current, rest, value)})


def _read_anew(record: BaseModel, field: str, value: Any) -> BaseModel:
    """A record with another value in a field, checked as the file's would be."""
    fields = {name: getattr(record, name) for name in record.model_fields_set}
    return type(record).model_validate({**fields, field: value})


# --- words ----------------------------------------------------------------------------------------


def words(changes: Changes) -> tuple[str, ...]:
    """Changes as `--set` takes them: `finance.discount_rate=0.06`."""
    return tuple(f"{path}={inline(value)}" for path, value in changes.items())


def tried(scenario: Scenario) -> tuple[str, ...]:
    """What was changed to make a scenario, as `--set` takes it; none of one as it was written."""
    said = scenario.model_dump(exclude_unset=True)
    found: dict[str, Any] = {}
    for path in (p for entry in scenario.evidence if entry.source == TRIED for p in entry.fields):
        held = document.at(said, path.split("."))  # None where it is left out
        is_band = isinstance(held, Mapping) and held.keys() == document.BAND
        is_exact = is_band and len(set(held.values())) == 1
        found[path] = held["central"] if is_exact else held
    return words(found)


def read(said: Iterable[str]) -> dict[str, Any]:
    """Changes from the words of `--set`. Raises DocumentError for what is no `KEY=VALUE`, holds
    several lines, or is said twice."""
    found: dict[str, Any] = {}
    for word in said:
        path, sign, text = word.partition("=")
        path = path.strip()
        if not sign or not path or len(text.splitlines()) > 1:
            write = "write KEY=VALUE in a line, such as finance.discount_rate=0.06"
            raise DocumentError.of(WHERE, f"{word!r} is no change", write)
        if path in found:
            raise DocumentError.of(WHERE, "is changed twice", "keep one of the two", field=path)
        found[path] = _value(path, text)
    return found


def _value(path: str, text: str) -> Any:
    """What a text says in YAML. Raises DocumentError naming the path."""
    try:
        whole, problems = document.examined(f"value: {text}", WHERE)
    except DocumentError as error:
        problems = list(error.problems)
    if problems:
        raise DocumentError([replace(p, line=0, field=path) for p in problems])
    return whole.data["value"]
