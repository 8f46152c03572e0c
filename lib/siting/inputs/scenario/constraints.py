"""Hard conditions of `decision.hard_constraints`: how a scenario writes them, and what they ask.

The one home of their grammar: `sovereignty`, `sovereignty: {seal: 2}`, `rule:GDPR-28-1`, `quality`,
and `latency`; and limits that stand where money and days are said, which are named by their path.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, cast

from siting.records import frozen

WORDS = ("sovereignty", "quality", "latency")
"""Conditions that are a word alone."""
BUDGET = "finance.budget_any_year"
LIVE_BY = "client.live_by"
SEAL = "sovereignty:seal"
"""Begins the condition that law holds and that no option lies below a SEAL level."""
SEAL_LEVELS = range(5)
"""Of the EU Cloud Sovereignty Framework."""
RULE = "rule:"
"""Begins a condition that names one rule."""


@frozen
class Constraint:
    """A hard condition, as read."""

    kind: Literal["sovereignty", "rule", "quality", "latency", "budget", "live"]
    rule_id: str = ""
    """The one rule that must not fail; blank where all are asked, or none."""
    seal: int | None = None
    """The least SEAL level that is asked for beside."""

    @property
    def is_on_law(self) -> bool:
        """Whether it is on rules: that none of them fails, or one."""
        return self.kind in ("sovereignty", "rule")

    @classmethod
    def read(cls, line: str) -> Constraint:
        """The condition that a line writes. Raises ValueError for a line that is none."""
        if line in WORDS:
            return cls(kind=cast("Literal['sovereignty']", line))
        if line in (BUDGET, LIVE_BY):
            return cls(kind="budget" if line == BUDGET else "live")
        if line.startswith(RULE):
            return cls(kind="rule", rule_id=line.removeprefix(RULE))
        if line in map(with_seal, SEAL_LEVELS):
            return cls(kind="sovereignty", seal=int(line.removeprefix(SEAL)))
        raise ValueError(f"{line!r} is no hard condition")


def with_seal(level: int) -> str:
    """The condition that asks for a SEAL level."""
    return f"{SEAL}{level}"


def as_a_word(written: object) -> object:
    """`sovereignty: {seal: 2}` as one word; all else as it is written."""
    match written:
        case {"sovereignty": {"seal": int() as level, **more}, **others} if not (more or others):
            return with_seal(level)
    return written


def known(rule_ids: Iterable[str]) -> Iterator[str]:
    """Every condition that may be written, where these are the rules."""
    yield from WORDS
    yield from map(with_seal, SEAL_LEVELS)
    yield from (f"{RULE}{rule_id}" for rule_id in rule_ids)
