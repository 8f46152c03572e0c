"""What changed between two summaries of a report, in words, the most important first.

A summary is the content of summary.json, with the scenario that it was computed from where that
is at hand. What was edited comes first, then a change of the recommendation, one of a verdict,
one of a figure. Among figures, an option's own (its cost, its GPUs) come before their parts,
those whose ranges no longer touch before the others, and large relative changes before small
ones. Of an option that one side alone has, its standing is told.

theme/changes.csv says by path what a field is called, in what unit it is, and to which part it
belongs; `none` is told elsewhere. The headings of the parts stand there in their order.
"""

from __future__ import annotations

import csv
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from babel.numbers import is_currency
from siting_report.formats import NONE, Numbers

from siting.inputs.document import BAND, at
from siting.quantity import Range
from siting.records import frozen
from siting.run import THEME

_NAMES = ("id", "name", "kind", "subject", "option", "model", "owner", "day", "item")
"""Keys that tell the records of a list apart; the first two do so alone."""
_UNSAID = ("options", "recommendation", "flip_points", "inputs")
"""Sections that need no name."""
_BY_OPTION = ("options", "quality")
_DETAILS = {"limits"}
"""Keys of an option whose members are parts."""
MOST_LINES = 12
"""Of a kind of change, that are told."""
_HEADLINE_DEPTH = 4
"""Keys from the top to a figure of an option as a whole, such as options.api.cost.present_cost."""
_AMOUNT = re.compile(r"\d(?:[\d.,’\u202f]*\d)?%?")

Key = tuple[str, ...]


@cache
def _told_of(path: Key, column: str) -> str:
    """What the first row of theme/changes.csv that says something of `path` says in a column."""
    rows = _column(column)
    return next((said for glob, said in rows if fnmatchcase(".".join(path), glob)), "")


@cache
def _column(name: str) -> list[tuple[str, str]]:
    lines = (THEME / "changes.csv").read_text(encoding="utf-8").splitlines()
    return [(row["path"], row[name]) for row in csv.DictReader(lines) if row[name]]


def _words(*path: str) -> str:
    """The last key of a path, as a reader says it."""
    return _told_of(path, "words").replace("#", path[-1]) or path[-1].replace("_", " ")


@frozen
class Change:
    """One thing that differs; `before` or `after` is None where it is new or gone."""

    part: str
    name: str
    before: Any
    """A figure as a `Range`, or words."""
    after: Any
    depth: int = 0
    """Keys that lead to it: an option's own figures are less deep than their parts."""

    @property
    def _figures(self) -> tuple[Range, Range]:
        """Before and after; nothing and nothing where they are no two figures of one unit."""
        old = self.before
        new = self.after
        known = isinstance(old, Range) and isinstance(new, Range) and old.unit == new.unit
        return (old, new) if known else (Range.exact(0), Range.exact(0))

    @property
    def ratio(self) -> float | None:
        """After over before, of two figures of one sign and unit; None otherwise."""
        old, new = (figure.central for figure in self._figures)
        return new / old if old * new > 0 else None

    @property
    def apart(self) -> bool:
        """Two ranges that do not touch: a change beyond the uncertainty that they state.

        False where neither has a range, or one is exactly nothing: an exact figure does not say
        how sure it is.
        """
        old, new = self._figures
        exact = (old.is_exact and new.is_exact) or (0, 0, 0) in (old.ends, new.ends)
        return not exact and (old.high < new.low or new.high < old.low)

    @property
    def rank(self) -> tuple[int, bool, bool, float, str]:
        """Sorts changes, the most important first."""
        size = abs(math.log(self.ratio)) if self.ratio else math.inf
        inner = self.depth > _HEADLINE_DEPTH - (self.part == "scenario")
        minor = inner or (self.part == "recommendation" and self.name != "option")
        place = [glob for glob, _ in _column("words")].index(f"part.{self.part}")
        return (place, minor, not self.apart, -size, self.name)

    def _by(self, numbers: Numbers) -> str:
        """By how much a figure changed: a share in points, another in per cent."""
        old, new = self._figures
        ratio = self.ratio or 1
        more = "more" if new.central > old.central else "less"
        if old.unit == "share":
            size = 100 * abs(new.central - old.central)
            if size < 0.05:
                return ""
            text = numbers.number(size, 0 if size >= 1 else 1)
            points = "point" if text == "1" else "points"
            return f"{text} {points} {more}"
        if self.part == "scenario" or abs(ratio - 1) < 0.0005:
            return ""
        said = f"{numbers.percent(abs(ratio - 1), 1)} {more}"
        return said if ratio < 3 else f"{numbers.number(ratio)} times as much"

    def sentence(self, numbers: Numbers) -> str:
        """The change in one line."""
        before, after = (_shown(side, numbers) for side in (self.before, self.after))
        if self.before is None or self.after is None:
            state = "new" if self.before is None else "gone"
            if self.part == "warning" or not (self.before or self.after):
                return f"{self.name}: {state}"
            said = after if self.before is None else f"was {before}"
            return f"{self.name}: {state}, {said}"
        if self.part == "warning":
            pairs = zip(_AMOUNT.findall(before), _AMOUNT.findall(after), strict=False)
            return f"{self.name}: was {numbers.names([a for a, b in pairs if a != b])} before"
        far = "the ranges do not touch" if self.apart else ""
        by = "; ".join(filter(None, (self._by(numbers), far)))
        return ", ".join(filter(None, (f"{self.name}: from {before} to {after}", by)))

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting diff --json`."""
        said = {name: getattr(self, name) for name in ("part", "name", "before", "after", "ratio")}
        return said | {"ranges_apart": self.apart}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """What differs between two summaries, the most important first.

    An option that has another label on the two sides is named by both, its values by each side's.
    """
    own_before = _labels(before)
    own_after = _labels(after)
    own = (own_before, own_after)
    labels = {
        name: " → ".join(dict.fromkeys(side[name] for side in own if name in side))
        for name in {**own_before, **own_after}
    }
    untold = {"client"} if all("scenario" in side for side in (before, after)) else {"scenario"}
    changes = (
        Change(
            part=_part(path, either),
            name=_name(path, labels, either),
            before=_plain(path, old, before, own_before),
            after=_plain(path, new, after, own_after),
            depth=len(path) + bool(_DETAILS & set(path)),
        )
        for path, old, new in _pairs(before, after)
        for either in [old if new is None else new]
        if path[0] not in untold
    )
    told = _joined(change for change in changes if change.before != change.after)
    return tuple(sorted(told, key=lambda change: change.rank))


def _joined(changes: Iterable[Change]) -> Iterable[Change]:
    """Changes, of which those of one rule's verdict are one, whatever options they are of."""
    found: dict[Any, Change] = {}
    for place, change in enumerate(changes):
        rule = change.name.partition(" · ")[2]
        alike = (rule, change.before, change.after) if " · verdicts · " in change.name else place
        options = found[alike].name.partition(" · ")[0] + "; " if alike in found else ""
        found[alike] = replace(change, name=options + change.name)
    return found.values()


def numbers_of(summary: Mapping[str, Any]) -> Numbers:
    """Writes numbers as the summary's client does."""
    said = _mapping(summary, "client")
    return Numbers(str(said.get("country", "")), str(said.get("currency", "")))


def as_text(
    changes: Sequence[Change], before: str, after: str, numbers: Numbers, most: int = MOST_LINES
) -> str:
    """The changes as lines under headings, at most `most` of each kind, but all of verdicts."""
    lines = [f"{before} → {after}"]
    if not changes:
        return f"{lines[0]}: nothing changed"
    for part, group in itertools.groupby(changes, lambda change: change.part):
        found = list(group)
        shown = found if part == "verdict" else found[:most]
        lines += ["", f"{_words('part', part)} ({len(found)})"]
        lines += [f"  {c.sentence(numbers)}" for c in shown]
        if left := len(found) - len(shown):
            lines.append(f"  … and {left} more (--json has them)")
    return "\n".join(lines)


def _shown(value: Any, numbers: Numbers) -> str:
    """A figure or words, as a reader sees them."""
    if not isinstance(value, Range):
        return NONE if value is None else str(value)
    whole = all(v == int(v) for v in value.ends)
    text = numbers.range(value, 0 if whole and not is_currency(value.unit[:3]) else None)
    one = value.central == 1 and value.unit.isalpha() and value.unit != "times"
    return text.replace(value.unit, value.unit.removesuffix("s")) if one else text


# --- A summary as flat lines --------------------------------------------------------------------


def _mapping(data: Any, *path: str) -> dict[str, Any]:
    """What stands at a path, or nothing where that is no mapping."""
    found = at(data, path)
    return found if isinstance(found, dict) else {}


def _pairs(old: Any, new: Any, path: Key = ()) -> Iterator[tuple[Key, Any, Any]]:
    """Leaves of two summaries, each with its path and what stands there on either side.

    Of an option or a workload that one side lacks, only its cost is told, if it has one.
    """
    form = _told_of(path, "form")
    sides = [_members(side, form) for side in (old, new)]
    if sides == [None, None]:
        yield path, old, new
    for key in {**(sides[0] or {}), **(sides[1] or {})}:
        left, right = ((side or {}).get(key) for side in sides)
        if form == "entries" and (left is None or right is None):
            left, right = (_mapping(e).get("present_cost", e and "") for e in (left, right))
        if _told_of((*path, str(key)), "part") != "none":
            yield from _pairs(left, right, (*path, str(key)))


def _members(value: Any, form: str) -> dict[str, Any] | None:
    """What a value holds by name, and not by place; None where it is a leaf."""
    if isinstance(value, dict):
        return None if form == "record" or _is_figure(value) else value
    if not isinstance(value, list) or not (form or any(isinstance(v, dict) for v in value)):
        return None
    seen = Counter[str]()
    found = {}
    for place, member in enumerate(value):
        name, said = _called(member, place, form)
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name} (number {seen[name]} of this name)"
        found[name] = said
    return found


def _called(member: Any, place: int, form: str) -> tuple[str, Any]:
    """By what a member of a list is known again, and what it says: of a sentence all but its
    figures, of a point what stands before the colon, of what is known `by` some keys these."""
    if form == "sentence":
        return _AMOUNT.sub("#", str(member)), str(member)
    if form == "point":
        point, _, said = str(member).partition(": ")
        return point, said
    known = member if isinstance(member, dict) else {}
    if form.startswith("by "):
        return " ".join(str(known.get(k, "")) for k in form.split()[1:]), member
    named = [str(known[k]) for k in _NAMES if isinstance(known.get(k), str | int)]
    told = named[:1] if {"id", "name"} & known.keys() else named
    return " ".join(told) or str(place + 1), member


def _labels(summary: Mapping[str, Any]) -> dict[str, str]:
    """Options by their name in the scenario, as a reader knows them."""
    found = _mapping(summary, "options").items()
    return {name: str(said["label"]) for name, said in found if "label" in _mapping(said)}


def _name(path: Key, labels: Mapping[str, str], value: Any) -> str:
    """The way to a leaf in words, without the section that the heading says."""
    if path[0] == "warnings":
        return str(value)
    words = []
    for end, (above, part) in enumerate(itertools.pairwise(("", *path)), 1):
        named = labels.get(part) if above in _BY_OPTION else None
        words.append(named or _words(*path[:end]))
    if path[0] == "scenario":
        is_entry = len(path) > 3 and _told_of(path[:2], "form") == "entries"
        told = words[2:] if is_entry else words[1:]
        return " of ".join(reversed(told))
    is_unsaid = path[0] in _UNSAID and len(path) > 1
    return " · ".join(words[1:] if is_unsaid else words)


def _part(path: Key, value: Any) -> str:
    """Part of a leaf; of an input by the kind of its source."""
    kind = _mapping(value).get("kind") or _mapping(value, "source").get("kind")
    own = _told_of(("kind", str(kind)), "part") if path[0] == "inputs" else ""
    return own or _told_of(path, "part") or "result"


def _plain(path: Key, value: Any, summary: Mapping[str, Any], labels: Mapping[str, str]) -> Any:
    """A leaf as a figure with its unit, or as words; None where there is none."""
    said = _mapping(value)
    stated = _unit(path, summary)
    inner = said.get("value", value)
    money = str(_mapping(summary, "client").get("currency", ""))
    figure = _figure(inner, str(said.get("unit") or stated).replace("{currency}", money))
    if figure is not None or value is None:
        return figure
    shown = labels if stated == "option" else {}
    if isinstance(inner, list):
        return "; ".join(shown.get(str(v), str(v)) for v in inner) or "none"
    text = shown.get(str(inner), str(inner))
    return _words("", text) if re.fullmatch(r"[a-z_]+|True|False", text) else text


def _unit(path: Key, summary: Mapping[str, Any]) -> str:
    """The unit of an exact figure: as theme/changes.csv has it, as the summary has that of its
    name, or its record its own, from the inside out."""
    told = _told_of(path, "unit")
    if told or path[0] == "scenario":
        return told
    units = _mapping(summary, "units")
    for end in range(len(path), 0, -1):
        inside = path[: end - 1]
        if found := units.get(path[end - 1]) or _mapping(summary, *inside).get("unit"):
            return str(found)
    return ""


def _figure(value: Any, unit: str) -> Range | None:
    ends = [value[k] for k in ("low", "central", "high")] if _is_figure(value) else [value] * 3
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends):
        return None
    if isinstance(value, dict) and (own := str(value.get("unit", ""))):
        unit = "share" if own in ("1", "share of all weight") else own
    try:
        return Range(ends[0], ends[1], ends[2], unit=unit)
    except (ValueError, OverflowError):  # no range, in a file that something else wrote
        return None


def _is_figure(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() >= BAND
