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
from collections.abc import Iterable, Iterator, Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal

from siting import study
from siting.catalogue import settings
from siting.inputs.document import DocumentError, at
from siting.inputs.scenario import load
from siting.inputs.scenario.model import Scenario
from siting.records import frozen
from siting.run import history
from siting_report.run.job import SCENARIO

Summary = Mapping[str, Any]
"""The content of a summary.json."""
What = Literal["answer", "turn", "switch"]

MOST = 1e300
"""No figure of a summary is larger."""
NAMED = 3
"""Turning points that a sentence names; it counts the others."""
_NEEDED = ("recommendation", "options", "turns", "flip_points")
"""Sections without which nothing can be compared."""


@frozen
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
    def clause(self) -> str:
        """The move as a clause."""
        if self.what == "answer":
            return f"the answer moves from {self.before} to {self.after}"
        if self.before is None:
            return f"a turning point is new: {self.after}"
        if self.after is None:
            return f"a turning point is gone: {self.before}"
        return f"a turning point moves: {self.before}; now {self.after}"


@frozen
class Recheck:
    """What moved of one client's report."""

    client: str
    day: dt.date
    """Day as of which the facts were taken."""
    moves: tuple[Move, ...]

    @property
    def sentence(self) -> str:
        """What moved, in one sentence; nothing where nothing moved."""
        if not self.moves:
            return ""
        clauses = [move.clause for move in self.moves]
        if self.moves[0].what == "answer":  # what turns another answer is another list
            clauses = clauses[:1]
        named = clauses[:NAMED]
        if len(clauses) > NAMED:
            named.append(f"{len(clauses) - NAMED} more turning points")
        return f"{self.client}, facts of {self.day}: {'; '.join(named)}"

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting recheck --json`."""
        return {
            "client": self.client,
            "day": self.day.isoformat(),
            "moves": self.moves,
            "sentence": self.sentence,
        }


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
    changes = as_of(scenario, today)
    return compared(folder.name, kept, study.open(str(file), changes).summary(), today)


def as_of(scenario: Scenario, day: dt.date) -> dict[str, Any]:
    """What makes a report's scenario one of a later day, by dotted path: offers that have ended by
    then do not count any more."""
    quotes = scenario.finance.quotes
    valid = [q for q in quotes if q.valid_until is None or q.valid_until >= day]
    changes: dict[str, Any] = {"client.report_date": day}
    if scenario.decision.date and scenario.decision.date <= day:
        changes["decision.date"] = None
    if len(valid) < len(quotes):
        changes["finance.quotes"] = [q.model_dump() for q in valid]
    return changes


def compared(client: str, kept: Summary, now: Summary, day: dt.date) -> Recheck:
    """What moved between a report as it was kept and the same scenario on facts of now.

    Raises DocumentError where the kept summary lacks what is compared.
    """
    _refuse_other_shape(client, kept, now)
    return Recheck(client=client, day=day, moves=moved(kept, now))


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
    before = _by_sides(kept["flip_points"])
    after = _by_sides(now["flip_points"])
    for switch in {**before, **after}:
        for old, new in zip_longest(before.get(switch, ()), after.get(switch, ())):
            if old is None or new is None or _apart(old, new):
                yield Move(
                    what="switch",
                    name=switch.what,
                    before=_switch_in_words(kept, old) if old else None,
                    after=_switch_in_words(now, new) if new else None,
                )


@frozen
class Switch:
    """An input at whose value the answer switches, and what is first on both sides of it."""

    what: str
    below: str
    above: str


def _by_sides(rows: Iterable[Any]) -> dict[Switch, list[Mapping[str, Any]]]:
    """Rows of switching values by what they switch."""
    found: dict[Switch, list[Mapping[str, Any]]] = {}
    for row in rows:
        if isinstance(row, dict):
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
    """The value of a file that somebody else may have written; no number where it is none."""
    found: Any = row.get("threshold")
    known = isinstance(found, int | float) and abs(found) <= MOST
    return float(found) if known else math.nan


def _switch_in_words(summary: Summary, row: Mapping[str, Any]) -> str:
    unit = str(row.get("unit") or "")
    value = f"{_value(row):.3g} {unit}".strip()
    if math.isnan(_value(row)):
        value = "a value that cannot be read"
    elif unit.startswith("share"):
        value = f"{_value(row):.0%}{unit.removeprefix('share')}"
    below = _first(summary, row.get("below"))
    above = _first(summary, row.get("above"))
    return f"{row.get('what')} at {value}, below it {below}, above it {above}"
