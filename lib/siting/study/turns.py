"""The frame of a study on what was tried, what of it turns the answer, and when that is known."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal, TypeAlias, get_args

from siting.cost.dates import FIRST_HORIZON_DAYS, LAST_HORIZON_DAYS, PILOT_DAYS
from siting.study.frames import Rows, Topic, frame, picked
from siting.study.verdict import of_sums
from siting.verdict.variants import Outcome, Settled, Variant

ASKED: tuple[Settled, ...] = ("decision", "answer", "offer")
"""What somebody is asked for: it is there by the plan's first gate, or by go or no-go where that is
sooner."""
Settler = Literal["you", "use", "nothing", "an offer"]
"""What settles a change, in the order in which page one shows them: what the client's own file
names comes before what is brought from outside. you: the client decides, answers, or orders one of
its options otherwise; use: the pilot, a year of use, an announced day; an offer: of somebody who is
no option of the report."""
BY_USE = ("pilot", "year", "day")
ON_PAGE_ONE = 3
"""Changes that page one has room for."""
Tried: TypeAlias = tuple[Variant, Outcome]


class TurnFrames(Topic):
    """The frame on what was tried, and what of it turns the answer."""

    @frame(
        "change set",
        "change_kind what before after settled known_by? key? then_first? in_all? own_in_all? "
        "sure? lead? answer open_points? rank? on_page_one",
        citing=of_sums,
    )
    def variants(self) -> Rows:
        """The scenario with one thing changed, decided anew by the same chain in the same cases;
        and each value of an input at which another option comes first, where it is expected."""
        ranked = self.results.turning
        shown = self._of_page_one(ranked)
        switches = [each for each in ranked if each not in self.results.tried]
        for each in (*self.results.tried, *switches):
            v, found = each
            row = {
                "change_kind": "switch" if each in switches else v.kind,
                **picked(v, "what before after settled"),
                **picked(found, "in_all own_in_all sure lead answer"),
                "change": self.results.numbers.regrouped(v.clause),
                "set": " ".join(v.set),
                "known_by": self._known_by(v),
                "key": found.option,
                "then_first": self.results.label_after(found.option, v),
                "on_page_one": each in shown,
            }
            if each in ranked:
                row["open_points"] = self.results.left_open(v, found)
                row["rank"] = ranked.index(each) + 1
            yield row

    def _of_page_one(self, ranked: Sequence[Tried]) -> list[Tried]:
        """The changes that page one shows, of those that turn the answer: by kind of what settles
        them, of each kind what the scenario asks for, else the worst; then the worst that are left.
        Not that the tested model fails: the verdict itself says what is done then. Nor where an
        option of the report is only ordered otherwise.
        """
        fails = self.results.failing
        told = [
            (variant, found)
            for variant, found in ranked
            if variant.changes != fails and not self._is_reordered(variant, found)
        ]
        first: dict[Settler, Tried] = {}
        for variant, found in sorted(told, key=lambda each: not each[0].asked):
            first.setdefault(self._settler(variant, found), (variant, found))
        of_each = [first[kind] for kind in get_args(Settler) if kind in first]
        return [*of_each, *(each for each in told if each not in of_each)][:ON_PAGE_ONE]

    def _is_reordered(self, variant: Variant, found: Outcome) -> bool:
        """Whether what is first then is an option of the report on terms that it has not."""
        return found.option not in (None, *self.options, *variant.options)

    def _settler(self, variant: Variant, found: Outcome) -> Settler:
        """What settles a change, as page one sorts it."""
        if variant.settled == "nothing":
            return "nothing"
        if variant.settled in BY_USE:
            return "use"
        return "an offer" if self.results.is_brought(found.option, variant) else "you"

    def _known_by(self, variant: Variant) -> dt.date | str | None:
        if variant.day:
            return variant.day
        go = self.results.go.day
        pilot = PILOT_DAYS if self.results.decision.stays else go
        known = dict.fromkeys(ASKED, min(FIRST_HORIZON_DAYS, go))
        days = (known | {"pilot": pilot, "year": LAST_HORIZON_DAYS}).get(variant.settled)
        return self.results.day(days) if days else None
