"""A YAML file as plain data that remembers the line of every value, and plain data as YAML.

Only the part of YAML that every reader understands alike is accepted. YAML 1.1 and 1.2 disagree
on words such as `no` (false or text?) and `8e9` (text or number?); anchors and tags can make a
short file enormous or run code. Such values are refused with what to write instead, and all
of a file's problems are reported at once.
"""

from __future__ import annotations

import datetime as dt
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import KW_ONLY, dataclass, field
from pathlib import Path
from typing import Any, Self

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    DocumentStartEvent,
    Event,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceStartEvent,
)
from siting_report.plain_files import content
from siting_report.plain_files import members as members

from siting.records import frozen

MAX_BYTES = 262_144
MAX_DEPTH = 12
MAX_DIGITS = 30

Path_ = tuple[str | int, ...]
"""Keys and list positions that lead to a value."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Where something is wrong with data, what, and what to write instead."""

    place: Path_
    wrong: str
    write: str
    _: KW_ONLY
    rests_on: Path_ = ()
    """Another place of the data that it was held against; what is malformed there may be why."""


def parted(said: object) -> tuple[str, str]:
    """What is wrong, and what to write instead, of a text or an error that says both with a
    semicolon between; the second is blank where it says the first alone."""
    wrong, _, write = str(said).partition("; ")
    return wrong, write


_AMBIGUOUS = re.compile(r"(y|n|yes|no|on|off)", re.IGNORECASE)
_WORDS = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*(_[0-9]+)*)")
_DECIMAL = re.compile(r"[-+]?[0-9]+(_[0-9]+)*\.[0-9]+([eE][-+][0-9]{1,3})?")
_COLOUR = re.compile(r":[ \t]+#[0-9a-fA-F]{6}\b")
"""After a key: a colour of which nothing is read without quotes."""
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_EXPONENT = re.compile(r"[-+]?(\.?[0-9]+|[0-9]+\.[0-9]*)[eE][-+]?[0-9]+")
_ODD_NUMBER = re.compile(
    r"[-+]?(0[0-9_]+|0[xob][0-9a-fA-F_]+|[0-9][0-9_]*(:[0-9]{1,2})+|\.[0-9]+|[0-9]+\.)"
)
INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffe\uffff\ud800-\udfff]"
)
"""Controls, lone surrogates, and the marks that make text look other than it is."""
_NOT_FINITE = re.compile(r"[-+]?\.(inf|nan)", re.IGNORECASE)


@frozen
class Problem:
    """One thing that is wrong with a file, and what to write instead."""

    file: str
    line: int = 0
    """Line in the file, from 1; 0 where the fault is the file's as a whole."""
    field: str = ""
    """Dotted path such as `workloads.assistant.users`; empty for the file as a whole."""
    wrong: str
    write: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        text = ": ".join(filter(None, (place, self.field, f"{self.wrong}; {self.write}")))
        return INVISIBLE.sub("?", text)


class DocumentError(ValueError):
    """A file cannot be used: `problems` says why, each with its line and a remedy."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = tuple(problems)

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))

    @classmethod
    def of(cls, file: object, wrong: str, write: str, line: int = 0, field: str = "") -> Self:
        """With one problem alone."""
        problem = Problem(file=str(file), line=line, field=field, wrong=wrong, write=write)
        return cls([problem])


class Gathered(list[Problem]):
    """Problems of several steps: `with` it, a step that is refused adds its own and ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> bool:
        if isinstance(error, DocumentError):
            self.extend(error.problems)
        return isinstance(error, DocumentError)

    def refuse(self) -> None:
        """Raises DocumentError with all of them, where there are any."""
        if self:
            raise DocumentError(self)


@dataclass(frozen=True, slots=True)
class YamlDocument:
    """Data of a YAML mapping, and the file and line where each path of it was written."""

    data: dict[str, Any]
    lines: dict[Path_, tuple[str, int]]

    def place(self, path: Path_) -> tuple[str, int]:
        """File and line of `path`, or of the nearest part of it that was written."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return ("", 0)

    def problems(self, faults: Iterable[Fault]) -> list[Problem]:
        """Faults of the data, each with the file and line where it was written."""
        found = []
        for fault in faults:
            file, line = self.place(fault.place)
            field = dotted(fault.place)
            found.append(
                Problem(file=file, line=line, field=field, wrong=fault.wrong, write=fault.write)
            )
        return found


def merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`change` laid over `base` as a JSON Merge Patch (RFC 7396): mappings merge, lists and values
    replace, null removes."""
    result = dict(base)
    for key, value in change.items():
        below = result.get(key)
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = merged(below if isinstance(below, dict) else {}, value)
        else:
            result[key] = value
    return result


def at(data: Any, path: Iterable[str | int]) -> Any:
    """What stands at the end of a path of keys and positions; None where nothing does."""
    for step in path:
        data = dict(members(data)).get(step)
    return data


def dotted(path: Path_) -> str:
    """`("workloads", "a", "hours", 3)` as `workloads.a.hours[3]`."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text


def read(path: Path, follows: bool = False) -> str:
    """The text of a plain file, of at most MAX_BYTES. A link is followed only where the caller
    knows whose it is: `follows`. Raises DocumentError."""
    place = Path(os.path.realpath(path)) if follows else path
    try:
        raw = content(place, MAX_BYTES)
    except (ValueError, OSError) as error:
        wrong, write = parted(error)
        raise DocumentError.of(path, wrong, write or "check the disk") from None
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise DocumentError.of(path, "is not UTF-8 text", "save the file as UTF-8", line) from None


def examined(text: str, file: str = "text") -> tuple[YamlDocument, list[Problem]]:
    """The document in `text`, and what is refused in it; such a value stands there as text.

    file: its name in messages. Raises DocumentError where it cannot be read to its end.
    """
    builder = _Builder(file)
    try:
        builder.take(YAML(typ="safe", pure=True).parse(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        fault = _explained(str(error.problem or ""))
        builder.refuse(mark.line if mark else -1, (), fault.wrong, fault.write)
        raise DocumentError(builder.problems) from None
    except DocumentError:
        raise
    except (YAMLError, ValueError) as error:
        number = getattr(error, "position", None)
        line = text.count("\n", 0, number) if isinstance(number, int) else -1
        wrong = "holds a character that YAML does not allow"
        builder.refuse(line, (), wrong, "remove control characters")
        raise DocumentError(builder.problems) from None
    if not isinstance(builder.root, dict):
        if not builder.problems:
            builder.refuse(-1, (), "is not a mapping", "write `key: value` lines, as in base.yaml")
        raise DocumentError(builder.problems)
    return YamlDocument(builder.root, builder.lines), builder.problems


_COMPLAINTS: Mapping[str, Fault] = {
    r"\\t|tab": Fault((), "a tab stands where YAML wants spaces", "indent with spaces"),
    "mapping values are not allowed": Fault(
        (), "a second `:` in this line", 'put text that holds ": " in "quotes"'
    ),
    "expected ',' or '": Fault(
        (),
        "a list [ ] or a mapping { } goes wrong here",
        'put text that holds ", : [ ] { }" in "quotes", and close the bracket',
    ),
    "expected <block end>": Fault(
        (), "the indentation does not match the lines above", "align the keys of a block"
    ),
    "could not find expected ':'": Fault((), "a key has no `:`", "write `key: value`"),
}
"""By what the parser complains of, the fault in words that help."""


def _explained(problem: str) -> Fault:
    for pattern, fault in _COMPLAINTS.items():
        if re.search(pattern, problem):
            return fault
    wrong = f"is not valid YAML ({problem.strip()})"
    return Fault((), wrong, "compare with params/base.yaml")


@dataclass
class _Builder:
    """Turns parser events into data, noting lines and problems on the way."""

    file: str
    _: KW_ONLY
    problems: list[Problem] = field(default_factory=list)
    lines: dict[Path_, tuple[str, int]] = field(default_factory=dict)
    root: Any = None

    def refuse(self, line: int, path: Path_, wrong: str, write: str) -> None:
        at_line = line + 1  # the parser counts from 0
        self.problems.append(
            Problem(file=self.file, line=at_line, field=dotted(path), wrong=wrong, write=write)
        )

    def take(self, events: Iterator[Event]) -> None:
        for event in events:
            if isinstance(event, DocumentStartEvent) and self.lines:
                line = event.start_mark.line
                return self.refuse(line, (), "a second document begins", "remove the `---`")
            if isinstance(event, NodeEvent):
                self.root = self.value(event, events, ())

    def value(self, event: Any, events: Iterator[Event], path: Path_) -> Any:
        line = event.start_mark.line
        self.lines.setdefault(path, (self.file, line + 1))
        if isinstance(event, AliasEvent) or event.anchor is not None:
            self.refuse(line, path, "anchors (&) and aliases (*) are not used", "write it out")
        elif event.ctag is not None:
            self.refuse(line, path, f"the tag {event.tag} is not used", "write the plain value")
        if len(path) >= MAX_DEPTH:
            self.refuse(line, path, "is nested too deeply", "flatten it")
            raise DocumentError(self.problems)
        inside = itertools.takewhile(lambda e: not isinstance(e, CollectionEndEvent), events)
        if isinstance(event, MappingStartEvent):
            return self.mapping(inside, events, path)
        if isinstance(event, SequenceStartEvent):
            return [self.value(e, events, (*path, place)) for place, e in enumerate(inside)]
        return self.scalar(event, path) if isinstance(event, ScalarEvent) else None

    def mapping(
        self, keys: Iterator[Event], events: Iterator[Event], path: Path_
    ) -> dict[str, Any]:
        result: dict[str, Any] = {}
        for event in keys:
            line = event.start_mark.line
            if not isinstance(event, ScalarEvent):
                self.refuse(line, path, "a key is not a plain word", "write `key: value`")
                self.value(event, events, (*path, "?"))
                self.value(next(events), events, (*path, "?"))
                continue
            key = event.value
            here = (*path, key)
            if key == "<<":
                self.refuse(line, path, "merge keys (<<) are not used", "write the values out")
            elif key in result:
                first = self.lines[here][1]
                self.refuse(line, here, f"is already given in line {first}", "keep one of the two")
            elif INVISIBLE.search(key):
                self.refuse(line, path, "a key holds a control character", "type the key anew")
            elif event.anchor is not None or event.ctag is not None:
                self.refuse(line, here, "a key has an anchor or a tag", "write the plain key")
            if _COLOUR.match(event.end_mark.buffer, event.end_mark.pointer):
                self.refuse(line, here, "is blank: # begins a comment", "put the colour in quotes")
            self.lines.setdefault(here, (self.file, line + 1))
            value = self.value(next(events), events, here)
            if key != "<<" and not INVISIBLE.search(key):
                result[key] = value
        return result

    def scalar(self, event: ScalarEvent, path: Path_) -> Any:
        text = event.value
        line = event.start_mark.line
        if INVISIBLE.search(text):
            wrong = "holds an invisible control character"
            self.refuse(line, path, wrong, "remove it, or type the text anew")
            return ""
        if event.style is not None:
            return text
        if text in _WORDS:
            return _WORDS[text]
        kind = _number(text)
        if kind and sum(map(str.isdigit, text)) > MAX_DIGITS:
            wrong = f"a number of more than {MAX_DIGITS} digits"
            self.refuse(line, path, wrong, "round it, or put it in quotes if it is text")
            return 0
        if kind:
            return kind(text)
        if _DATE.fullmatch(text):
            try:
                return dt.date.fromisoformat(text)
            except ValueError:
                self.refuse(line, path, f"{text} is no day of the calendar", "write YYYY-MM-DD")
        elif fault := ambiguity(text):
            self.refuse(line, path, fault.wrong, fault.write)
        return text


def _number(text: str) -> type[int] | type[float] | None:
    """What kind of number a plain word is; None where it is none."""
    if _INTEGER.fullmatch(text):
        return int
    return float if _DECIMAL.fullmatch(text) else None


def hour_of(text: str) -> str:
    """The hour of a time of day such as 07:30, as a number; blank where it is none."""
    clock = re.fullmatch(r"([01]?[0-9]|2[0-3]):([0-5][0-9])", text)
    return f"{int(clock[1]) + int(clock[2]) / 60:.4g}" if clock else ""


def ambiguity(text: str) -> Fault | None:
    """Why an unquoted word means different things to different YAML readers; None where it means
    one."""
    if _AMBIGUOUS.fullmatch(text):
        meaning = "true" if text.lower() in ("y", "yes", "on") else "false"
        wrong = f"{text} is {meaning} to some YAML readers and text to others"
        return Fault((), wrong, f'write {meaning}, or "{text}" in quotes if you mean the text')
    if _EXPONENT.fullmatch(text):
        value = float(text)
        plain = f"{int(value):_}" if value.is_integer() and abs(value) < 1e18 else repr(value)
        digits = plain[-1].isdigit() and "e" not in plain
        wrong = f"{text} is text to some YAML readers and a number to others"
        return Fault((), wrong, f"write {plain}" if digits else "write the digits out")
    if _ODD_NUMBER.fullmatch(text):
        write = "write a plain decimal number such as 10 or 0.5, or put text in quotes"
        if hour := hour_of(text):
            write = f"for a time of day write its hour, {hour}, or put text in quotes"
        return Fault((), f"{text} is different numbers to different YAML readers", write)
    if _NOT_FINITE.fullmatch(text):
        return Fault((), f"{text} is no amount", "write a finite number")
    return None


# --- written --------------------------------------------------------------------------------------

BAND = {"low", "central", "high"}
"""Keys of a number that is not known exactly, which stands in one line."""
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def as_yaml(data: dict[str, Any]) -> str:
    """Plain data as YAML that every reader understands alike."""
    return "\n".join(_yaml(data)) + "\n"


def _yaml(data: dict[Any, Any] | list[Any]) -> Iterator[str]:
    """Its lines; what stands within another is indented by two."""
    for key, value in members(data):
        head = f"{inline(key)}:" if isinstance(data, dict) else "-"
        nested = isinstance(value, dict) and not value.keys() <= BAND
        if not nested and not (isinstance(value, list) and any(isinstance(v, dict) for v in value)):
            yield f"{head} {inline(value)}"
        elif isinstance(value, dict) and head == "-":
            first, *rest = _yaml(value)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
        else:
            yield head
            yield from (f"  {line}" for line in _yaml(value))


def inline(value: Any) -> str:
    """A value as this kit's reader, and any other, reads it back."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(k)}: {inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, value)) + "]"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        digits, e, exponent = repr(value).partition("e")
        return (digits if "." in digits else digits + ".0") + e + exponent
    if isinstance(value, dt.date):
        return str(value)
    bare = isinstance(value, str) and _PLAIN.fullmatch(value) and not ambiguity(value)
    if bare and value.lower() not in ("true", "false", "null"):
        return str(value)
    return json.dumps(value, ensure_ascii=False)
