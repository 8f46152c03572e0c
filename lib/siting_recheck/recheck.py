"""Whether a report that was sent still holds: its answer and its turning points, on facts of now.

What a report printed is read from its summary.json and held against the same scenario, computed
anew. Three things can move:

- the **answer**: the option that is recommended;
- a **turn**: a change after which another option is first. One is new, is gone, puts another
  option first, or is known on another day where a day is announced;
- a **switch**: the value of an input at which the first option changes, inside the range that is
  expected of it. It moves when it enters or leaves that range, when another option lies beyond it,
  or when its value differs by more than a difference in cost that counts (`matters_cost` in
  decision_settings.csv). It is found by halving a grid, so that less than that says nothing.

Nothing else is told: a cost that differs and turns nothing leaves the decision as it is.
"""

from __future__ import annotations

import datetime as dt
import math
import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from siting import study
from siting.catalogue import settings
from siting.inputs.document import DocumentError, at
from siting.inputs.scenario import load
from siting.inputs.scenario.model import Scenario
from siting.quantity import Range
from siting.run import comparison, history
from siting.run.comparison import Change
from siting_report.run.job import SCENARIO

Summary = Mapping[str, Any]
"""The content of a summary.json."""
What = Literal["answer", "turn", "switch"]

MOST = 1e300
"""No figure of a summary is larger."""
TOLD = 3
"""Turning points, and facts, that a sentence names; it counts the others."""
FLAG_CHARACTERS = 100
"""Of a red flag that a sentence quotes."""
_RECORD = {"events": "events", "notices": "notices of endings"}
"""What a summary counts of a vendor's record, in words."""
_VERSIONS = {"facts_version": "version of the facts", "version": "version of the kit"}
_NEEDED = ("recommendation", "options", "turns", "flip_points", "inputs", "vendors", "client")
"""Sections without which nothing can be compared."""


@dataclass(frozen=True, kw_only=True)
class Move:
    """One thing that a report printed and that is otherwise now."""

    what: What
    name: str
    """The change or the input in words; nothing for the answer."""
    before: str | None
    """As the report printed it; None where it is new."""
    after: str | None
    """As it is now; None where it is gone."""

    @property
    def told(self) -> str:
        """The move as a clause."""
        if self.what == "answer":
            return f"the answer moves from {self.before} to {self.after}"
        if self.before is None:
            return f"a turning point is new: {self.after}"
        if self.after is None:
            return f"a turning point is gone: {self.before}"
        return f"a turning point moves: {self.before}; now {self.after}"


@dataclass(frozen=True, kw_only=True)
class Recheck:
    """What moved of one client's report, and which facts differ."""

    client: str
    day: dt.date
    """Day as of which the facts were taken."""
    moves: tuple[Move, ...]
    facts: tuple[str, ...]
    """Facts that differ, in words, the largest differences first."""

    @property
    def sentence(self) -> str:
        """What moved and which facts differ, in one sentence; nothing where nothing moved."""
        if not self.moves:
            return ""
        told = [move.told for move in self.moves]
        if self.moves[0].what == "answer":  # what turns another answer is another list
            told = told[:1]
        moved = _some(told, "more turning points")
        why = "no fact that it used differs"
        if self.facts:
            why = f"what differs: {_some(self.facts, 'more')}"
        return f"{self.client}, facts of {self.day}: {moved}; {why}"

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting recheck --json`."""
        return {
            "client": self.client,
            "day": self.day.isoformat(),
            "moves": self.moves,
            "facts": self.facts,
            "sentence": self.sentence,
        }


def _some(told: Sequence[str], others: str) -> str:
    """The first few, and how many more there are."""
    more = len(told) - TOLD
    listed = [*told[:TOLD]]
    if more > 0:
        listed.append(f"{more} {others}")
    return "; ".join(listed)


def of_report(folder: Path, today: dt.date) -> Recheck:
    """What moved of the report in a folder: on facts of now as of its own day, which shows what
    was corrected since; where nothing moved, as of today, which also shows what has come since.

    Raises DocumentError where the folder holds no report, or one that cannot be computed anew.
    """
    kept = history.summary(str(folder))
    file = folder / SCENARIO
    if "scenario" not in kept:
        wrong = f"holds no {SCENARIO}, without which nothing can be computed anew"
        raise DocumentError.of(folder, wrong, "render the report again with `siting report`")
    scenario = load(str(file))
    day = scenario.client.report_date
    found = compared(folder.name, kept, study.open(str(file)).summary(), day)
    if found.moves or today <= day:
        return found
    changes, ended = as_of(scenario, today)
    later = compared(folder.name, kept, study.open(str(file), changes).summary(), today)
    return replace(later, facts=(*ended, *later.facts)) if later.moves else later


def as_of(scenario: Scenario, day: dt.date) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What makes a report's scenario one of a later day, by dotted path, and the offers that have
    ended by then, in words: they do not count any more."""
    quotes = scenario.finance.quotes
    valid = [q for q in quotes if q.valid_until is None or q.valid_until >= day]
    ended = [f"offer for {q.item}: ended on {q.valid_until}" for q in quotes if q not in valid]
    changes: dict[str, Any] = {"client.report_date": day}
    if scenario.decision.date and scenario.decision.date <= day:
        changes["decision.date"] = None
    if ended:
        changes["finance.quotes"] = [q.model_dump() for q in valid]
    return changes, tuple(ended)


def compared(client: str, kept: Summary, now: Summary, day: dt.date) -> Recheck:
    """What moved between a report as it was kept and the same scenario on facts of now.

    Raises DocumentError where the kept summary lacks what is compared.
    """
    _refuse_other_shape(client, kept, now)
    moves = moved(kept, now)
    return Recheck(
        client=client,
        day=day,
        moves=moves,
        facts=tuple(differing(kept, now)) if moves else (),
    )


def _refuse_other_shape(client: str, kept: Summary, now: Summary) -> None:
    lacks = [name for name in _NEEDED if not isinstance(kept.get(name), type(now[name]))]
    other = kept.get("schema_version") != now["schema_version"]
    if lacks or other:
        shape = f"its summary.json has no {lacks[0]!r}" if lacks else "its summary.json is another"
        wrong = f"{shape}: the report was rendered by another version of the kit"
        raise DocumentError.of(client, wrong, f"render it again with `siting report {client}`")


def moved(kept: Summary, now: Summary) -> tuple[Move, ...]:
    """What moved of the answer and of the turning points, the answer first.

    A change whose worst turns the answer is told once, and not by its switching value as well.
    """
    turns = list(_turns(kept, now))
    turned = {turn.name for turn in turns}
    switches = [switch for switch in _switches(kept, now) if switch.name not in turned]
    return (*_answer(kept, now), *turns, *switches)


def _answer(kept: Summary, now: Summary) -> Iterator[Move]:
    before = at(kept, ("recommendation", "option"))
    after = at(now, ("recommendation", "option"))
    if before != after:
        yield Move(what="answer", name="", before=_first(kept, before), after=_first(now, after))


def _first(summary: Summary, option: Any, label: Any = None) -> str:
    """An option as a reader knows it: by its label, or by that of an option only tried."""
    if option is None:
        return "no option that may be chosen"
    return str(at(summary, ("options", str(option), "label")) or label or option)


# --- turns ----------------------------------------------------------------------------------------


def _turns(kept: Summary, now: Summary) -> Iterator[Move]:
    before = _by_name(kept["turns"])
    after = _by_name(now["turns"])
    for name in {**before, **after}:
        old = before.get(name)
        new = after.get(name)
        if old is None or new is None or _turned(old) != _turned(new):
            yield Move(
                what="turn",
                name=name,
                before=_turn_in_words(kept, old) if old else None,
                after=_turn_in_words(now, new) if new else None,
            )


def _by_name(rows: Iterable[Any]) -> dict[str, Mapping[str, Any]]:
    return {str(row["name"]): row for row in rows if isinstance(row, dict) and "name" in row}


def _turned(turn: Mapping[str, Any]) -> tuple[Any, Any]:
    """What is then first, and the day on which it is announced to be known."""
    return turn.get("option"), _announced(turn)


def _announced(turn: Mapping[str, Any]) -> Any:
    """The day on which a turn is known, where it is an announced one: other days are counted from
    that of the report."""
    return turn.get("known_by") if turn.get("settled") == "day" else None


def _turn_in_words(summary: Summary, turn: Mapping[str, Any]) -> str:
    first = _first(summary, turn.get("option"), turn.get("first"))
    known = _announced(turn)
    by = f", known by {known}" if known else ""
    return f"if {turn.get('change')}{by}, then {first}"


# --- switching values -----------------------------------------------------------------------------


def _switches(kept: Summary, now: Summary) -> Iterator[Move]:
    before = _inside(kept["flip_points"])
    after = _inside(now["flip_points"])
    for switch in {**before, **after}:
        for old, new in zip_longest(before.get(switch, ()), after.get(switch, ())):
            if old is None or new is None or _apart(old, new):
                yield Move(
                    what="switch",
                    name=switch.what,
                    before=_switch_in_words(kept, old) if old else None,
                    after=_switch_in_words(now, new) if new else None,
                )


@dataclass(frozen=True, kw_only=True)
class Switch:
    """An input at whose value the answer switches, and what is first on both sides of it."""

    what: str
    below: str
    above: str


def _inside(rows: Iterable[Any]) -> dict[Switch, list[Mapping[str, Any]]]:
    """Rows of switching values inside the expected range, by what they switch."""
    found: dict[Switch, list[Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row, dict) and row.get("plausible"):
            sides = {name: str(row.get(name)) for name in ("what", "below", "above")}
            found.setdefault(Switch(**sides), []).append(row)
    return found


def _apart(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two switching values differ by more than matters; a value that cannot be read is
    another than any."""
    before = _value(old)
    after = _value(new)
    if math.isnan(before) or math.isnan(after):
        return math.isnan(before) != math.isnan(after)
    counts = settings("decision_settings")["matters_cost"].range.central
    return abs(after - before) > counts * max(abs(before), abs(after))


def _value(row: Mapping[str, Any]) -> float:
    return _number(at(row, ("threshold", "central")))


def _number(found: Any) -> float:
    """A number of a file that somebody else may have written; no number where it is none."""
    known = isinstance(found, int | float) and abs(found) <= MOST
    return float(found) if known else math.nan


def _switch_in_words(summary: Summary, row: Mapping[str, Any]) -> str:
    unit = str(at(row, ("threshold", "unit")) or "")
    value = f"{_value(row):.3g} {unit}".strip()
    if math.isnan(_value(row)):
        value = "a value that cannot be read"
    elif unit.startswith("share"):
        value = f"{_value(row):.0%}{unit.removeprefix('share')}"
    below = _first(summary, row.get("below"))
    above = _first(summary, row.get("above"))
    return f"{row.get('what')} at {value}, below it {below}, above it {above}"


# --- facts that differ ----------------------------------------------------------------------------


def differing(kept: Summary, now: Summary) -> Iterator[str]:
    """Facts of a report that are otherwise now, in words: the record of vendors, then figures,
    the largest differences first.

    A figure that only one side uses is told where none of both differs: otherwise, that it is
    used or is not any more follows from what moved.
    """
    numbers = comparison.numbers_of(now)
    both, one_sided = _figures(kept, now)
    changes = [*_records(kept, now), *sorted(both, key=_least)]
    yield from (change.sentence(numbers) for change in changes or one_sided)
    for name, words in _VERSIONS.items():
        if kept.get(name) != now.get(name):
            yield f"{words}: from {kept.get(name)} to {now.get(name)}"


def _records(kept: Summary, now: Summary) -> Iterator[Change]:
    """What stands on record of vendors that both sides know."""
    for vendor in sorted({*kept["vendors"]} & {*now["vendors"]}):
        for field, words in _RECORD.items():
            old = at(kept, ("vendors", vendor, field))
            new = at(now, ("vendors", vendor, field))
            if old != new:
                name = f"{words} on record of {vendor}"
                yield Change(part="fact", name=name, before=str(old), after=str(new))
        known = at(kept, ("vendors", vendor, "red_flags")) or []
        for flag in at(now, ("vendors", vendor, "red_flags")) or []:
            if flag not in known:
                said = textwrap.shorten(str(flag), FLAG_CHARACTERS, placeholder=" …")
                yield Change(part="fact", name=f"red flag of {vendor}", before=None, after=said)


def _figures(kept: Summary, now: Summary) -> tuple[list[Change], list[Change]]:
    """Figures that differ, and those that only one side uses."""
    before = _published(kept["inputs"])
    after = _published(now["inputs"])
    both: list[Change] = []
    one_sided: list[Change] = []
    for stem in {**before, **after}:
        old = before.get(stem)
        new = after.get(stem)
        if old == new:
            continue
        change = Change(part="fact", name=stem, before=old, after=new)
        if old and new:
            both.append(change)
        else:
            one_sided.append(change)
    return both, one_sided


def _published(inputs: Iterable[Any]) -> dict[str, Range]:
    """Figures that do not come from the client, by their name before a colon: what follows it
    are values, as in `Price of a request, assistant, gpt-5: 1.25 in, 10 out`."""
    found: dict[str, Range] = {}
    for row in inputs:
        if not isinstance(row, dict) or row.get("kind") == "client":
            continue
        ends = [_number(at(row, ("value", end))) for end in ("low", "central", "high")]
        if not any(map(math.isnan, ends)):
            stem = str(row.get("name")).partition(": ")[0]
            found[stem] = Range.ordered(ends, str(row.get("unit", "")))
    return found


def _least(change: Change) -> float:
    """Sorts changes of figures, the largest ratio first; where none can be told, before all."""
    return -abs(math.log(change.ratio)) if change.ratio else -math.inf
