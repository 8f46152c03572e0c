"""What would change the answer? Change one thing, run the chain again, compare.

A *variant* is the scenario with one thing changed, an input, an answer, an offer, a vendor. It goes
through the same chain with the same draws as the report (`verdict.chain`), so that nothing that
would change the answer is told without having been computed. Which variants are plausible stands in
`verdict.plausible`, and how each is told in changes.csv.

A *switching value* is the volume at which the first option changes (the
term of public appraisal: HM Treasury, The Green Book). A grid comes first, and is searched between:
an option that buys whole servers can win, lose and win again.
"""

from __future__ import annotations

import csv
import datetime as dt
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from siting.catalogue import settings
from siting.inputs.scenario.changes import Changes, put, words
from siting.inputs.scenario.model import Scenario
from siting.records import frozen
from siting.verdict.chain import VOLUMES, Chain
from siting.verdict.decision import Decision

ChangeKind = Literal[
    "input", "assumed", "stated", "unanswered", "policy", "offer", "event", "together",
]  # fmt: skip
"""input: an end of its range; assumed: taken for granted by the kit, the other way; stated: what
the client says of its data, the other way, or an invoice, left out; unanswered: a blank filled in;
policy: what the client itself asks, left out; offer: what can be ordered or agreed otherwise;
event: what may happen; together: what the scenario wants tried at once."""
Settled = Literal["decision", "answer", "offer", "pilot", "year", "day", "nothing"]
"""What settles whether a change holds. decision: the client decides it; answer: the client or a
vendor answers; offer: a written offer; pilot: the test with one team; year: a year of use; day: an
announced one; nothing: no date does."""
Answer = Literal["stays", "level", "changes", "none"]
"""stays: the report's choice is first; level: another is, by no more than matters; changes: another
is, by more, or the choice is ruled out; none: all are."""


@frozen
class Variant:
    """A scenario with one thing changed."""

    kind: ChangeKind
    what: str
    """What is changed, in words."""
    before: str
    """As it stands in the report."""
    after: str
    changes: Changes
    """Values by dotted path."""
    clause: str
    """The change as it stands after "if": `the volume is twice the plan`."""
    settled: Settled
    day: dt.date | None = None
    """Day on which it comes, where that is announced."""
    asked: bool = False
    """Whether the scenario itself wants it tried."""

    @property
    def options(self) -> tuple[str, ...]:
        """The options that it changes, or adds, as the scenario names them."""
        within = (path.split(".") for path in self.changes if path.startswith("options."))
        return tuple(dict.fromkeys(name for _, name, *_ in within))

    @property
    def set(self) -> tuple[str, ...]:
        """The words for `--set` that make it again."""
        return words(self.changes)


@cache
def _forms() -> Mapping[str, Mapping[str, str]]:
    """How each change is told, by its name: the rows of changes.csv."""
    with Path(__file__).with_name("changes.csv").open(encoding="utf-8", newline="") as table:
        return {row.pop("change"): row for row in csv.DictReader(table)}


def change(
    form: str,
    changes: Changes,
    said: Mapping[str, Any],
    *,
    day: dt.date | None = None,
) -> Variant:
    """A variant as changes.csv tells it.

    form: its row. said: what fills the places there. day: on which it comes, which then settles it.
    """
    told = {field: text.format_map(said) for field, text in _forms()[form].items()}
    if day is not None:
        told["settled"] = "day"
    return Variant(
        **told,  # type: ignore[arg-type]  # words of kind and settled, which a test reads
        changes=changes,
        day=day,
    )


@frozen
class Outcome:
    """The answer to a variant, beside that of the report."""

    answer: Answer
    option: str | None = None
    """First in all; None where every option is ruled out."""
    in_all: float | None = None
    """Its mean. [client's currency]"""
    sure: float | None = None
    """As in the report."""
    lead: float | None = None
    """What the next best costs more in all than the report's choice; None where that is ruled out,
    or alone. [client's currency]"""
    own_in_all: float | None = None
    """The mean of the report's choice then; None where it is ruled out. [client's currency]"""
    card: str = ""
    """GPU on which the option that is first runs then; blank where it names none."""
    moves: bool = True
    """Whether a sum is another, or what may be chosen."""


def outcome(found: Decision, chosen: str | None) -> Outcome:
    """The decision on a variant, against the option that the report chooses."""
    best = found.recommended
    if best is None:
        return Outcome(answer="none")
    least = found.means[best]
    own = found.means.get(chosen or "")
    lead = None if own is None else least - own
    answer: Answer = "changes"
    if best == chosen:
        answer = "stays"
        lead = found.lead
    elif own is not None and own - least <= found.counts:
        answer = "level"
    return Outcome(
        answer=answer, option=best, in_all=least, sure=found.share, lead=lead, own_in_all=own
    )


Tried = tuple[Variant, Outcome]
ANSWERS: tuple[ChangeKind, ...] = ("assumed", "stated", "unanswered")
"""Changes to what is said, or taken, of the client's own use."""


def turns(variant: Variant, found: Outcome) -> bool:
    """Whether a change turns where the load runs. An answer after which no place is left does not:
    it asks the same of all of them, and stands among the points to clear."""
    forbids_all = found.answer == "none" and variant.kind in ANSWERS
    return found.answer != "stays" and not forbids_all


def tried(chain: Chain, scenario: Scenario, variants: Iterable[Variant]) -> Iterator[Tried]:
    """Every variant with its outcome."""
    unchanged = chain.decide(scenario)
    for variant in variants:
        changed = chain.designed(put(scenario, variant.changes))
        decided = chain.decided(changed)
        found = outcome(decided, unchanged.recommended)
        first = changed.options.get(found.option or "")
        moves = decided.means != unchanged.means
        yield variant, replace(found, card=first.gpu if first else "", moves=moves)


def worst_of_each(tried: Iterable[Tried]) -> list[Tried]:
    """Of changes to one thing the one that is worst for the choice, the worst first; one after
    which the choice may not be chosen is worse than any lead."""

    def lead(each: Tried) -> float:
        return -math.inf if each[1].lead is None else each[1].lead

    worst: dict[str, Tried] = {}
    for each in sorted(tried, key=lead):
        worst.setdefault(each[0].what, each)
    return list(worst.values())


def apart(tried: Sequence[Tried]) -> tuple[Tried, ...]:
    """Without changes that move no sum, and those of several things at once of which one alone
    moves the answer as far: who reads them would count one reason twice. What the scenario itself
    wants tried stays."""
    turning = [(v.changes.items(), found) for v, found in tried if found.answer != "stays"]

    def is_told(variant: Variant, found: Outcome) -> bool:
        return any(
            changes < variant.changes.items()
            and (one.option, one.lead) == (found.option, found.lead)
            for changes, one in turning
        )

    return tuple(
        (v, found) for v, found in tried if v.asked or (found.moves and not is_told(v, found))
    )


# --- where the answer switches --------------------------------------------------------------------

BESIDE = 0.02
"""So far on either side it is decided again, to show that the first option differs."""
BETWEEN = (0.6, 1.7)
"""Volumes at which it is decided first, besides the ends of what is expected. [times the plan]"""


def scaled_load(s: Scenario, factor: float) -> dict[str, Any]:
    """All requests of all workloads times a factor: tokens, machines, moves and staff follow."""
    return {
        f"workloads.{name}.{line}": float(value) * factor
        for name, w in s.workloads.items()
        for line in VOLUMES
        if (value := getattr(w, line))
    }


@frozen
class Switch:
    """A volume at which the first option changes, within what is expected."""

    at: float
    """[times the plan]"""
    below: str | None
    """The option that is first just below."""
    above: str | None
    variant: Variant
    """A volume just beyond it, seen from the plan."""
    outcome: Outcome
    """The answer there, beside that of the report."""


def switches(chain: Chain, scenario: Scenario) -> Iterator[Switch]:
    """Every switching value that a grid of volumes shows."""
    chosen = chain.decide(scenario).recommended
    band = settings("decision_settings")["volume_band"].range

    def point(times: float) -> _Point:
        changed = put(scenario, scaled_load(scenario, times))
        return _Point(times, chain.decide(changed))

    for low, high in pairwise(map(point, (band.low, *BETWEEN, band.high))):
        if low.first == high.first:
            continue
        under, at, over = _narrowed(low, high, point)
        side = "above" if at >= 1 else "below"
        beyond = over if at >= 1 else under
        said = {"at": at, "side": side, "beyond": beyond.value}
        yield Switch(
            at=at,
            below=under.first,
            above=over.first,
            variant=change("switch", scaled_load(scenario, beyond.value), said),
            outcome=outcome(beyond.decision, chosen),
        )


@dataclass(frozen=True)
class _Point:
    """A volume, and what is decided there."""

    value: float
    decision: Decision

    @property
    def first(self) -> str | None:
        """The option that is first there."""
        return self.decision.recommended

    def gap(self, one: str | None, other: str | None) -> float:
        """What one option costs more than another; not a number where one is ruled out."""
        means = self.decision.means
        return means.get(one or "", math.nan) - means.get(other or "", math.nan)


def _narrowed(
    low: _Point, high: _Point, point: Callable[[float], _Point]
) -> tuple[_Point, float, _Point]:
    """The value between two points at which the first option changes, with a point just below it
    and one just above: sought where the costs of both would cross in a line, and where that is not
    it, in the middle."""
    on_the_line = True
    while True:
        at = _crossing(low, high) if on_the_line else math.sqrt(low.value * high.value)
        if high.value * (1 - BESIDE) <= low.value * (1 + BESIDE):
            return low, _crossing(low, high), high
        on_the_line = not on_the_line
        under = point(max(low.value, at * (1 - BESIDE)))
        if under.first != low.first:
            high = under
            continue
        over = point(min(high.value, at * (1 + BESIDE)))
        if over.first != low.first:
            return under, _crossing(under, over), over
        low = over


def _crossing(low: _Point, high: _Point) -> float:
    """Where the costs of the options that are first at two points would cross, were they lines; the
    middle where one has none."""
    before = low.gap(low.first, high.first)
    after = high.gap(low.first, high.first)
    if not before < after:
        return math.sqrt(low.value * high.value)
    return low.value - before * (high.value - low.value) / (after - before)
