"""One option as the decision sees it: what is known of it, before anything is decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from siting.cost.fiscal import FiscalYear
from siting.cost.ledger import Totals
from siting.draws import Floats
from siting.records import frozen
from siting.rules.findings import Finding

Future = Literal["hold", "fall", "move"]
"""Of API prices. move: they fall, and who pays them moves each year to what the place then sells of
the same quality."""


@frozen
class Doubt:
    """A constraint that is neither kept for certain nor broken."""

    point: str
    """What is in doubt, in a few words."""
    reason: str
    clears: str
    """What would clear it."""
    owner: str = "architect"
    """Who settles it."""
    quality: bool = False
    """Whether it is the model's quality that is not shown."""


@frozen
class Barrier:
    """What rules an option out: the cause, and the reason in words."""

    reason: str
    by: Literal["gone", "price", "part", "room", "rule", "condition"]
    """gone: its vendor or model; price: it has none; part: it is a mix of one part alone; room: too
    small for its servers; rule: fails, as a hard condition asks that it does not; condition: a hard
    condition on anything else."""
    line: str = ""
    """The hard condition, as the scenario writes it; blank where none is needed to strike."""
    findings: tuple[Finding, ...] = ()
    """What the rule says of each flow on which it fails."""


@frozen
class YearPaid:
    """What an option pays in a fiscal year, before profit tax. [money]"""

    year: FiscalYear
    central: float
    high: float
    """In one case of ten it is more."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Burden:
    """What an option costs, loses and takes to leave, whatever may be chosen; amounts are in the
    client's currency. Each is itself alone: what is made of it is kept by it."""

    costs: Mapping[Future, Totals] = field(default_factory=dict)
    """Present cost and yearly bills in each future; none where it has no price, and none for who
    moves where no API is paid."""
    loss: Floats = field(default_factory=lambda: np.zeros(1))
    """Expected loss by vendors, or by failures of machines of one's own. [n, a year]"""
    remedies_once: Floats = field(default_factory=lambda: np.zeros(1))
    """Remedies that are needed, bought at the start. [n]"""
    remedies_yearly: Floats = field(default_factory=lambda: np.zeros(1))
    """Remedies that are needed. [n, a year]"""
    entry: float = 0.0
    """For who comes on the day of leaving: the move, and machines for the rest. [worth today]"""
    bound: float = 0.0
    """For who leaves on that day: value of machines that is lost, commitments. [worth today]"""
    wait: float = 0.0
    """Until it serves who comes. [years, worth today]"""
    years: tuple[YearPaid, ...] = ()
    """What it pays in each fiscal year, where there is a ceiling."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Candidate:
    """One option as the decision sees it.

    Draws of all candidates are as many, in one order: a case is the same in each.
    """

    name: str
    label: str
    kind: str
    place: str
    """Where it is had: options of one place differ in model, effort or commitment alone."""
    bears: Callable[[], Burden]
    """Works out its burden."""
    models: frozenset[str] = frozenset()
    """Models that it runs."""
    has: frozenset[str] = frozenset()
    """Properties that it is shown to have."""
    barriers: tuple[Barrier, ...] = ()
    """What rules it out."""
    uncleared: tuple[Doubt, ...] = ()
    """Limits that are not shown to hold, and models not shown to be good enough."""

    @cached_property
    def burden(self) -> Burden:
        """Worked out when it is first asked for: of what is ruled out it moves no answer."""
        return self.bears()

    @property
    def likely(self) -> float | None:
        """Median of its present cost over the horizon where prices hold; None where it has no
        price."""
        costs = self.burden.costs
        return float(np.median(costs["hold"].present)) if costs else None

    @property
    def nearest(self) -> YearPaid | None:
        """The year that comes nearest to the ceiling, or is furthest above it."""
        return max(self.burden.years, key=lambda paid: paid.central, default=None)

    @property
    def struck(self) -> tuple[str, ...]:
        """What rules it out, in words, each said once."""
        return tuple(dict.fromkeys(barrier.reason for barrier in self.barriers))
