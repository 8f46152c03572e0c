"""The steps for 30, 90 and 365 days: rows of siting_facts/plan_steps.csv that a client has cause
for, with their words filled in.

A row names one cause (`when`). `Facts.causes` says which of them the chosen option has, and each
cause carries all that it changes of its rows: words, owner, days, price.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field
from functools import cached_property
from typing import Annotated, Literal, get_args

from siting import places, quality
from siting.catalogue import Currency, Fact, Owner, column, one_of, table
from siting.cost import dates
from siting.cost.dates import FIRST_HORIZON_DAYS, LAST_HORIZON_DAYS, PILOT_DAYS
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.model import SECTORS, Readiness
from siting.quality import HARMLESS, Parities, spoken
from siting.quantity import Range
from siting.records import frozen
from siting.rules.findings import spelt_day
from siting.rules.sovereignty import OpenPoint, Sovereignty
from siting.vendors.stability import ServiceEnd, VendorRisks
from siting.verdict.candidate import Candidate, Doubt
from siting.verdict.knowledge import Knowledge, estimate_in

Condition = Literal[
    "always",
    "stay",
    "switch",
    "piloting",
    "unproven",
    "measure",
    "reviews",
    "today",
    "due soon",
    "mends",
    "moving",
    "counsel",
    "ending",
    "ceasing",
    "renewing",
    "leaving",
    "leaving at go",
    "overlap",
    "turning",
    "dated",
    "proving",
]
"""What a client may have cause for with an option (`Facts.causes`)."""

NOTICES: tuple[Condition, ...] = ("renewing", "leaving", "leaving at go")
"""Causes of the step in which it is decided whether today's contract goes on."""


def _when() -> tuple[str, ...]:
    lacks = (f"no {field}" for field in Readiness.model_fields)
    return (*get_args(Condition), "critical", *lacks)


class PlanStep(Fact, tables="plan_steps", key="day label"):
    """One step of the plan: when it is due, for which options, under which condition."""

    day: int
    kinds: Annotated[str, one_of(lambda: ("*", *places.WORDS), "kind of option", ";")]
    """Kinds of option, or traits of them, separated by `;`, or `*`."""
    sectors: Annotated[str, one_of(lambda: ("*", *SECTORS), "sector", ";")]
    """Sectors of clients, separated by `;`, or `*`."""
    when: Annotated[str, one_of(_when, "condition of a step")]
    """The cause: one of `Facts.causes`, or `no` and a field of the client's readiness."""
    owner: Owner
    label: str
    """What is done, in a few words, with places for {owner}, {today}, {model}, {vendor}, and for
    the words that its cause brings (`Facts.causes`)."""
    cost: Range | None = None
    """Blank: that of the experiment that the step names, or not estimated. Of one offer where it
    is for {turning}."""
    rules: Annotated[str, one_of(lambda: column("sovereignty_rules", "rule_id"), "rule", ";")] = ""
    """Rules that it mends, separated by semicolons: where one is open, day and owner are those of
    the step, and nobody has to decide it besides. `mends`: the step is there only for that;
    `moving`: it is there where an option is moved to under one of these rules, open or not."""
    in_moving: bool = False
    """Whether what moving over costs, or the service of today until then, holds its work already,
    where the option moves."""
    currency: Currency = ""

    @property
    def mends(self) -> frozenset[str]:
        """The rules that it mends."""
        return frozenset(self.rules.split(";")) - {""}

    def suits(self, kind: str, sector: str) -> bool:
        """Whether it is for a kind of option and a sector of clients."""
        of_kind = "*" in self.kinds or kind in places.meant(self.kinds.split(";"))
        return of_kind and ("*" in self.sectors or sector in self.sectors.split(";"))


@frozen
class Step:
    """A step of this client's plan."""

    row: PlanStep
    """With its words filled in."""
    price: Range | None
    """What it costs, in the client's currency."""
    tests: str = ""
    """Model whose quality it tests, in words."""
    ends: int = 0
    """Its own day, where that comes before `row.day`, the day of its gate. [days after the report]
    """

    @property
    def due(self) -> int:
        """The day on which it is due. [days after the report]"""
        return self.ends or self.row.day


@frozen
class Cause:
    """Why a step is due, and what that changes of its row."""

    when: str
    """As of a row."""
    words: Mapping[str, str] = field(default_factory=dict)
    """What fills the places of its label."""
    owner: str = ""
    """Blank: that of the row."""
    by: int = LAST_HORIZON_DAYS
    """Its gate is no later. [days after the report]"""
    ends: int = 0
    """As of a step."""
    price: Range | None = None
    """In place of that of the row. [client's currency]"""
    takes: int = 0
    """How long it usually takes. [days]"""
    times: int = 1
    """How often its price is paid; nought where hours of another step hold it. [1]"""


@frozen
class Facts:
    """What holds of the chosen option and of what runs today, as far as steps hang on it."""

    scenario: Scenario
    law: Sovereignty
    parity: Parities
    risks: VendorRisks
    target: Candidate
    """The chosen option."""
    knowledge: Sequence[Knowledge] = ()
    """What it is worth to know, by worth, highest first."""
    turning: int = 0
    """How many changes that an offer would settle put another option before the choice. [offers]"""
    cheaper: str = ""
    """Model, in words, that nobody has measured and that would cost less; blank where none is."""

    # --- days -------------------------------------------------------------------------------------

    @cached_property
    def today(self) -> str:
        """What runs today, as the scenario names it; blank where nothing does."""
        baseline = self.scenario.finance.baseline
        return baseline if baseline in self.scenario.options else ""

    @cached_property
    def moves(self) -> bool:
        """Whether something else than the choice runs today."""
        return self.target.name != self.scenario.finance.baseline

    @cached_property
    def keeps(self) -> bool:
        """Whether the service of today goes on, with its model or another."""
        return dates.keeps(self.scenario, self.target.name)

    @cached_property
    def go(self) -> dates.Go:
        """When go or no-go is decided."""
        return dates.go(self.scenario, self.target.name)

    @cached_property
    def live(self) -> dt.date:
        """The latest day on which the choice serves."""
        return dates.latest_live(self.scenario, self.target.name)

    def until(self, day: dt.date) -> int:
        """From the report to a day. [days]"""
        return (day - self.scenario.client.report_date).days

    # --- what ends --------------------------------------------------------------------------------

    @property
    def has_ending(self) -> bool:
        """Whether a model of the choice or of what runs today has its last day within the plan."""
        risks = (self.risks.options.get(name) for name in (self.today, self.target.name))
        ends = (end.retired for risk in risks if risk for end in risk.endings)
        return any(last and self.until(last) <= LAST_HORIZON_DAYS for last in ends)

    @cached_property
    def ceasing(self) -> ServiceEnd | None:
        """What the client's jobs need of today's vendor and that ends within the plan, before the
        choice may serve; the first of several."""
        ends = sorted(self.risks.ceasing.get(self.today, ()), key=lambda end: end.last)
        early = (end for end in ends if 0 <= self.until(end.last) <= LAST_HORIZON_DAYS)
        return next((end for end in early if self.moves and end.last <= self.live), None)

    # --- what is open -----------------------------------------------------------------------------

    def points(self, name: str) -> Sequence[OpenPoint]:
        """What is open of an option under the rules."""
        return self.law.options[name].open_points if name in self.law.options else ()

    @cached_property
    def early(self) -> dict[str, int]:
        """Points of what runs today to which a law gives time until a day that comes before the
        first gate, with that day, by label. [days after the report]"""
        gate = dates.after(self.scenario, FIRST_HORIZON_DAYS)
        found: dict[str, int] = {}
        for point in self.points(self.today):
            stricter = self.law.stricter_from(self.today, point, gate)
            if stricter and self.until(stricter) > 1:
                found[point.label] = self.until(stricter) - 1
        return found

    @cached_property
    def own_steps(self) -> dict[str, PlanStep]:
        """Steps that mend an open rule of the choice, by rule; of two, the one lower in the table.

        A rule that waits for an answer is asked first: nothing is to be mended before.
        """
        points = (p for p in self.points(self.target.name) if p.awaited is None)
        open_ = {f.rule.rule_id for p in points for f in p.findings}
        suited = [row for row in self.rows if row.when in self.always or self._is_moved_under(row)]
        return {rule: row for row in suited for rule in row.mends & open_}

    @cached_property
    def always(self) -> frozenset[str]:
        """Causes that hold whatever is chosen; and `mends`, whose rows wait for an open rule."""
        lacks = (f"no {what}" for what, there in self.scenario.stability.readiness if not there)
        loads = self.scenario.workloads.values()
        critical = ("critical" for w in loads if w.data.critical_function)
        return frozenset((*lacks, *critical, "mends"))

    def _is_moved_under(self, row: PlanStep) -> bool:
        """Whether a step is due because the choice is moved to under one of its rules."""
        name = self.target.name
        verdicts = self.law.options[name].verdicts if name in self.law.options else {}
        applies = any(verdicts[rule].verdict != "n.a." for rule in row.mends if rule in verdicts)
        return row.when == "moving" and self.moves and applies

    def _to_decide(self) -> Iterator[Cause]:
        """Who decides what is open of the choice and has no step of its own."""
        points = self.points(self.target.name)
        mended = {
            p.label for p in points if all(f.rule.rule_id in self.own_steps for f in p.findings)
        }
        every = (doubt for doubt, _ in open_points(self.target, points) if not doubt.quality)
        for owner in dict.fromkeys(doubt.owner for doubt in every if doubt.point not in mended):
            times = [p.usual.days for p in points if p.owner == owner and p.usual]
            yield Cause(when="reviews", owner=owner, takes=round(max(times, default=0)))

    def _today(self) -> Iterator[Cause]:
        """The same of what runs today, where another is chosen: what is open of that alone, what is
        known to be lacking today, as nothing that is done for the other mends it, and what a law
        asks of both already. Who settles the last for the choice settles it for both at once."""
        mine = {point.label for point in self.points(self.target.name)}
        left = [p for p in self.points(self.today) if self.moves and p.label not in self.early]
        shared = [p for p in left if p.label in mine and not p.is_lacking]
        alone = dict.fromkeys(p.owner for p in left if p not in shared)
        both = dict.fromkeys(p.owner for p in shared if p.binds_now)
        for owner in alone | both:
            yield Cause(when="today", owner=owner, times=int(owner in alone))

    def _due_soon(self) -> Iterator[Cause]:
        """What a law gives what runs today time for, until a day before the first gate, where
        another is chosen: whose own point of it, if there is one, has another day and service."""
        found: dict[tuple[int, str], list[str]] = {}
        for point in self.points(self.today):
            if self.moves and point.label in self.early:
                alike = found.setdefault((self.early[point.label], point.owner), [])
                alike.append(_within_sentence(point.label))
        for (ends, owner), labels in sorted(found.items()):
            words = {"reviews": " and ".join(labels)}
            yield Cause(when="due soon", words=words, owner=owner, ends=ends)

    def _to_test(self) -> Iterator[Cause]:
        """Models to be tested: that of the choice, and the cheapest that nobody has measured."""
        tried = quality.tried_on(self.scenario, self.compared) if self.compared else HARMLESS
        if any(doubt.quality for doubt in self.target.uncleared):
            yield Cause(when="unproven", words={"tried": tried})
        if self.cheaper:
            yield Cause(when="unproven", words={"model": self.cheaper, "tried": tried})

    # --- causes -----------------------------------------------------------------------------------

    @cached_property
    def rows(self) -> tuple[PlanStep, ...]:
        """Steps of the table for the choice's kind and the client's sector."""
        sector = self.scenario.client.sector
        steps = table("plan_steps", PlanStep)
        kinds = [self.target.kind]
        if self.target.kind == "split":
            parts = quality.leaves(self.scenario, self.target.name)
            kinds = [self.scenario.options[part].kind for part in parts]
        return tuple(row for row in steps if any(row.suits(kind, sector) for kind in kinds))

    def causes(self) -> Iterator[Cause]:
        """What there is cause for; where several persons or days are concerned, once for each."""
        holds = {
            "always": True,
            "stay": not self.moves,
            **dict.fromkeys(("switch", "piloting", "moving"), self.moves),
            "counsel": self.law.for_counsel or self.law.not_looked_at,
            "ending": self.has_ending,
            "dated": self.go.stated is not None,
        }
        for when in (*self.always, *filter(holds.get, holds)):
            yield Cause(when=when)
        yield from self._to_decide()
        yield from self._today()
        yield from self._due_soon()
        yield from self._to_test()
        # What a test tells that fits in and is worth more than it costs: first is the worthiest.
        worthy = ((k, k.experiment) for k in self.knowledge if k.pays)
        fits = (k for k, test in worthy if test and test.days <= FIRST_HORIZON_DAYS)
        if known := next(fits, None):
            words = {"measured": _within_sentence(known.label)}
            yield Cause(when="measure", words=words, price=known.price)
        if self.ceasing:
            words = {"service": self.ceasing.service, "last": spelt_day(self.ceasing.last)}
            yield Cause(when="ceasing", words=words, by=self.until(self.ceasing.last))
        if self.turning:
            yield Cause(when="turning", times=self.turning)
        if proofs := to_prove(self.target.name, self.law):
            yield Cause(when="proving", words={"proofs": " and ".join(proofs)})
        yield from self._of_today()

    def _of_today(self) -> Iterator[Cause]:
        """Causes that the contracts of today's service give, and its end."""
        for contract in dates.renewals(self.scenario):
            when = "renewing"
            if not self.keeps:
                decided = dates.after(self.scenario, self.go.day)
                is_early = contract.given(decided, self.live) == "extended"
                when = "leaving" if is_early else "leaving at go"
            words = {"renewed": contract.vendor, "notice": spelt_day(contract.notice)}
            yield Cause(when=when, words=words, by=contract.days)
        off = round(dates.switched_off(self.scenario, self.target.name))
        if self.moves and self.today and off <= LAST_HORIZON_DAYS:
            yield Cause(when="overlap", ends=off)

    @cached_property
    def compared(self) -> quality.Parity | None:
        """The comparison of the first model of the choice that is another than its reference."""
        every = self.parity.of(self.target.name)
        return next((found for found in every if found.verdict != "same model"), None)

    @cached_property
    def words(self) -> dict[str, str]:
        """Words that every step may have."""
        option = self.scenario.options[self.target.name]
        every = quality.models(self.scenario, self.target.name).values()
        first = next((model for own in every for model in own), "the model")
        return {
            "today": self.scenario.options[self.today].label if self.today else "",
            "model": self.compared.spoken if self.compared else spoken(first),
            "vendor": option.vendor or option.label,
        }

    # --- steps ------------------------------------------------------------------------------------

    def plan(self) -> tuple[Step, ...]:
        """The steps that there is cause for, in order of their gate and their day."""
        causes = [*self.causes()]
        own = [*self.own_steps.values()]
        steps = [
            self._step(row, cause)
            for row in self.rows
            if row.when not in ("mends", "moving") or row in own or self._is_moved_under(row)
            for cause in causes
            if cause.when == row.when
        ]
        return tuple(sorted(steps, key=lambda step: (step.row.day, step.due)))

    def _step(self, row: PlanStep, cause: Cause) -> Step:
        """A step with its words filled in."""
        owner = cause.owner or row.owner
        words = {**self.words, **cause.words, "owner": owner}
        label = row.label.format_map(words)
        day = min(self._gate(row), cause.by)
        ends = min(day, cause.ends)
        if cause.takes > day:  # as long as it usually takes, and never beyond go or no-go
            day = max(day, self.go.day)
            ends = min(day, cause.takes)
        price = cause.price
        if price is None and row.cost is not None:
            price = estimate_in(self.scenario.client, row.cost, row.currency)
        return Step(
            row=row.model_copy(update={"label": label, "owner": owner, "day": day}),
            price=price and price.scaled(cause.times),
            tests=words["model"] if row.when == "unproven" else "",
            ends=ends,
        )

    def _gate(self, row: PlanStep) -> int:
        """The day of a step's gate: what is due before go or no-go is due by its day. [days after
        the report]"""
        if row.when == "dated" or (row.day == PILOT_DAYS and not self.keeps):
            return self.go.day
        return min(row.day, self.go.day) if row.day <= FIRST_HORIZON_DAYS else row.day


def open_points(target: Candidate, rules: Iterable[OpenPoint]) -> tuple[tuple[Doubt, bool], ...]:
    """What a person must still decide or show of an option, each with whether it is not cleared
    before; those first."""
    found = {d.point: (d, True) for d in target.uncleared}
    for point in rules:
        found.setdefault(point.label, (doubted(point), False))
    return tuple(found.values())


def doubted(point: OpenPoint) -> Doubt:
    """What is open under a rule, or under all that wait for one answer."""
    return Doubt(
        point=point.label,
        reason=point.reason,
        clears=point.clears,
        owner=point.owner,
    )


def mending(point: OpenPoint | None, steps: Iterable[Step]) -> PlanStep | None:
    """The step of a plan that mends a point, if one does; none, where it waits for an answer."""
    if point is None or point.awaited is not None:
        return None
    rules = {f.rule.rule_id for f in point.findings}
    return next((step.row for step in steps if rules <= step.row.mends), None)


def to_prove(name: str, law: Sovereignty) -> tuple[str, ...]:
    """What the seller of an option must still prove: answers by yes or no that decide a pass of it
    under a rule that another option fails, and whose source has no date."""
    failed = {
        rule
        for other, option in law.options.items()
        for rule, found in option.verdicts.items()
        if other != name and found.verdict == "fail"
    }
    found = (f for rule, f in law.options[name].verdicts.items() if rule in failed)
    weak = (known.attribute for f in found for known in f.undated)
    return tuple(dict.fromkeys(a.label for a in weak if a.type == "yes/no"))


# --- words ----------------------------------------------------------------------------------------


def _within_sentence(topic: str) -> str:
    """A topic as it stands within a sentence: "employment law", but "AI law"."""
    return topic if topic[:2].isupper() else topic[:1].lower() + topic[1:]
