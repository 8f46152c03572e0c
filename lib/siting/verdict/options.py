"""The options as the decision sees them: what each costs by case, its limits, its properties.

Nothing is judged here. What another chapter could not estimate stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import field
from typing import Literal

import numpy as np

from siting import draws as streams
from siting import places, quality
from siting.catalogue import Fact, Input, settings, table
from siting.cost import cashflow, dates, fiscal, tco
from siting.cost.costing import Remedy
from siting.cost.ledger import CashFlow, Totals
from siting.cost.money import MONTHS
from siting.cost.priced import Plan, PricedHybrid, PricedOption, PricedSplit, Split
from siting.draws import Floats
from siting.inputs.scenario.constraints import BUDGET, LIVE_BY, Constraint
from siting.inputs.scenario.model import Option, Scenario
from siting.places import OWNED
from siting.quality import leaves, place
from siting.quantity import Range
from siting.records import frozen
from siting.rules.findings import spelt_day
from siting.rules.sovereignty import OptionAssessment, Sovereignty
from siting.serving.capacity import OptionCapacity
from siting.vendors import vendor_record
from siting.vendors.stability import OptionRisk, VendorRisks, untuned
from siting.verdict.candidate import (
    Barrier,
    Burden,
    Candidate,
    Doubt,
    Future,
    YearPaid,
)
from siting.verdict.leaving import Terms
from siting.verdict.plan import PlanStep, doubted

TERM_MONTHS = {"1y": 12, "3y": 36}
"""For how long a commitment binds. [months]"""


@frozen
class Priced:
    """What one option costs, as planned."""

    name: str
    plan: Plan
    """Of the option, of its parts, and of what is paid until it serves."""
    flows: tuple[CashFlow, ...]
    """As planned, month by month."""

    @property
    def own(self) -> PricedOption:
        """Its own prices."""
        return self.plan.options[self.name]

    @property
    def life(self) -> int:
        """Life of a server. [years]"""
        return cashflow.life_years(self.plan.central())

    def paid(self, category: str) -> float:
        """What is paid for a category over the horizon, as planned."""
        return sum(float(f.amounts.sum()) for f in self.flows if f.category == category)

    def paid_for(self, item: str) -> float:
        """The same for one cost item."""
        return sum(float(f.amounts.sum()) for f in self.flows if f.item == item)

    def project(self, category: str, currency: str) -> Range:
        """Cost of all projects of a category, with the bands of their factors multiplied."""
        total = Range.exact(0.0, currency)
        for flow in self.flows:
            if flow.category == category:
                values = (self.plan.factors[n].value for n in flow.factors)
                bands = [b for b in values if b.central > 0]
                low = math.prod(b.low / b.central for b in bands)
                high = math.prod(b.high / b.central for b in bands)
                paid = float(flow.amounts.sum())
                total = total.plus(Range(paid * low, paid, paid * high, unit=currency))
        return total

    def bought(self, months: int) -> float:
        """What is paid for machines in so many months, as planned."""
        return sum(float(f.amounts[:months].sum()) for f in self.flows if f.capital)

    def entry(self, terms: Terms) -> float:
        """What it takes to come on the day of leaving: the move, and machines, less what they are
        still worth in the end. [worth today]"""
        lost = settings("decision_settings")["exit_value_lost"].central
        in_books = max(0.0, 1 - (terms.years - terms.after) / self.life)
        machines = self.bought(terms.after * MONTHS) * (1 - (1 - lost) * in_books)
        return (machines + self.paid("migration")) * terms.then

    def by_request(self, first: float, last: float) -> float:
        """What is paid by the request from one day after the report to another, as planned."""
        paid = (flow for flow in self.flows if flow.category == "api")
        return sum(tco.between(flow.amounts, first, last) for flow in paid)

    @property
    def split(self) -> Split | None:
        """How much a hybrid owns; None of any other option."""
        return self.own.split if isinstance(self.own, PricedHybrid) else None


class OwnShock(Fact, tables="own_shocks", key="shock"):
    """Something that may befall machines of one's own, and what it costs."""

    shock: str
    label: str
    chance: Range
    """A year."""
    share: Range
    """What it costs, as a share of what it is measured in."""
    of: Literal["staff", "hardware"]
    """staff: a year of one engineer; hardware: what the servers cost."""
    unless_spare: bool = False
    """Whether a spare machine covers it."""


@frozen
class Assessed:
    """One option, as the other chapters assessed it."""

    scenario: Scenario
    name: str
    capacity: OptionCapacity
    law: Sovereignty
    parities: tuple[quality.Parity, ...]
    """Its models against the floors of its workloads."""
    costs: Mapping[str, Priced] = field(default_factory=dict)
    """Of all options that have a price."""
    not_estimated: str = ""
    """Why it has no cost; blank where it has one."""

    @property
    def option(self) -> Option:
        """As the scenario has it."""
        return self.scenario.options[self.name]

    @property
    def priced(self) -> Priced:
        """What it costs, of one that has a price."""
        return self.costs[self.name]

    @property
    def parts(self) -> list[Option]:
        """Itself; of a mix or a split the options that it is made of."""
        return [self.scenario.options[part] for part in leaves(self.scenario, self.name)]

    def candidate(
        self, stability: VendorRisks, bears: Callable[[], Burden], has: frozenset[str]
    ) -> Candidate:
        """The option with its costs, its limits and its properties.

        bears: works out its burden. has: properties that it is shown to have.
        """
        scenario = self.scenario
        years = bears().years if scenario.finance.budget_any_year else ()
        ending = tuple(ceasing(stability, self.name))
        told = (
            *self.gone(),
            *ending,
            *self.held(),
            *by_budget(scenario, years),
            *_by_day(scenario, self.name),
            *self.unproven(),
            # A service that ends is asked about once, whichever model it would tune.
            *(() if ending else self.untunable()),
        )
        return Candidate(
            name=self.name,
            label=self.option.label,
            kind=self.option.kind,
            place=place(scenario, self.name),
            models=frozenset().union(*quality.models(scenario, self.name).values()),
            bears=bears,
            has=has,
            barriers=tuple(each for each in told if isinstance(each, Barrier)),
            uncleared=tuple(dict.fromkeys(each for each in told if isinstance(each, Doubt))),
        )

    def burden(
        self, risk: OptionRisk, remedies: Mapping[str, Remedy], costs: Mapping[Future, Totals]
    ) -> Burden:
        """What it costs, loses and takes to leave, of one that has a price.

        risk: of its vendors. remedies: what they cost, by cost item. costs: see there.
        """
        n = len(costs["hold"].present)
        terms = Terms.of(self.scenario.finance)
        mended = self.remedied(remedies, n)
        months = 0.0 if self.option.in_use else self.option.months_to_production.central
        return Burden(
            costs=costs,
            loss=self.expected_loss(risk, n),
            remedies_once=mended.once,
            remedies_yearly=mended.yearly,
            entry=self.priced.entry(terms),
            bound=self.bound(terms),
            wait=months / MONTHS * terms.then,
            years=tuple(_paid_by_year(self.scenario, costs["hold"].paid, mended)),
        )

    # --- the sum ----------------------------------------------------------------------------------

    def expected_loss(self, risk: OptionRisk, n: int) -> Floats:
        """Expected loss a year from the vendors' side, of the shocks that are counted as loss, and
        from machines of one's own. [n]"""
        total = np.zeros(n)
        for shock in risk.kinds:
            if shock.costs is not None and shock.kind.counted == "loss":
                total += (shock.chances * shock.costs)[:n] * self.split_share(shock.vendor)
        return np.asarray(total * self.burst_share() + self.own_shocks(n))

    def split_share(self, vendor: str) -> float:
        """Share of a full move that the loss of a vendor means to a split: that of the workloads
        which it serves there, as each is tested and connected by itself; of all else 1."""
        if self.option.kind != "split":
            return 1.0
        served = 0
        for part, works in quality.parts(self.scenario, self.name).items():
            called = self.scenario.options[part].vendor
            known = vendor_record.load().vendor(called)
            if vendor == (known.vendor if known else called):
                served += len(works)
        return served / len(self.scenario.workloads)

    def burst_share(self) -> float:
        """Share of a full move that the loss of a vendor means: of a mix on machines of one's own,
        what it sends there, and of the rest the work of testing one move."""
        own = self.priced.own
        if not isinstance(own, PricedHybrid) or own.base.option.vendor:
            return 1.0
        alone = self.costs.get(own.burst.name)
        whole = alone.paid("api") if alone else 0.0
        sent = min(1.0, self.priced.paid("api") / whole) if whole > 0 else 1.0
        move = self.priced.paid("migration")
        test = self.priced.paid_for("migration_evaluation") / move if move > 0 else 0.0
        return sent + (1 - sent) * test

    def own_shocks(self, n: int) -> Floats:
        """Expected loss a year from machines of one's own: a card or a server is out for longer
        than its spare covers, or the person leaves who knows them. [n]"""
        owned = [part for part in self.parts if part.kind in OWNED]
        total = np.zeros(n)
        if not owned:
            return total
        seed = self.scenario.seed
        factors = self.priced.plan.factors
        staff = factors["staff_cost"].value.central if "staff_cost" in factors else 0.0
        spare = all(part.redundancy != "none" for part in owned)
        basis = {"staff": staff, "hardware": self.priced.paid("hardware")}
        for row in table("own_shocks", OwnShock):
            if not (row.unless_spare and spare):
                chance = streams.at_score(row.chance, streams.normal(seed, n, "own", row.shock))
                share = streams.at_score(row.share, streams.normal(seed, n, "own cost", row.shock))
                total += np.maximum(0, chance) * np.maximum(0, share) * basis[row.of]
        return total

    def remedied(self, known: Mapping[str, Remedy], n: int) -> Remedied:
        """What remedies cost in each case.

        Whether one is needed is a coin by its cause, the same for all options that would need it.
        """
        needed = settings("decision_settings")["remedy_needed"].central
        bill = self.priced.paid("api") * MONTHS / self.scenario.finance.horizon_months
        once = np.zeros(n)
        yearly = np.zeros(n)
        for item in self.law.remedies(self.name):
            if item in known:
                remedy = known[item]
                is_needed = streams.uniform(self.scenario.seed, n, "remedy", item) < needed
                once += is_needed * remedy.once.central
                share = remedy.share_of_api_bill.central * bill
                yearly += is_needed * (remedy.per_year.central + share)
        return Remedied(once=once, yearly=yearly)

    def bound(self, terms: Terms) -> float:
        """What is lost in leaving: of what was bought the part of its book value that a sale loses,
        and what the longest commitment still demands, taken for all its rent. [worth today]"""
        months = terms.after * MONTHS
        lost = settings("decision_settings")["exit_value_lost"].central
        books = self.priced.bought(months + 1) * max(0.0, 1 - terms.after / self.priced.life)
        rented = (part for part in self.parts if part.kind in places.COMMITTED)
        until = max((TERM_MONTHS.get(part.commitment, 0) for part in rented), default=0)
        rent = [
            f.amounts[months + 1 : until + 1] for f in self.priced.flows if f.category == "rental"
        ]
        return (books * lost + float(np.sum(rent))) * terms.then

    # --- limits and proof -------------------------------------------------------------------------

    def gone(self) -> Iterator[Barrier]:
        """Vendors, models and services of the option that are supposed to be gone."""
        lost_ones = self.scenario.suppose.gone
        service = self.scenario.tunes_at(self.name)
        if service and service in lost_ones:
            yield Barrier(reason=f"{service} can no longer be had", by="gone")
        for part, served in quality.models(self.scenario, self.name).items():
            for lost in lost_ones:
                if lost == self.scenario.options[part].vendor or lost in served:
                    called = quality.spoken(lost) if lost in served else lost
                    yield Barrier(reason=f"{called} can no longer be had", by="gone")

    def held(self) -> Iterator[Barrier | Doubt]:
        """What rules the option out, and what is not shown, each with what clears it, as far as
        neither hangs on draws or days.

        What cannot be priced cannot compete; nor can a hybrid whose cheapest split is one of its
        parts, or what its room cannot hold in the first year (a hybrid may own less).
        """
        if self.not_estimated:
            why = f"its cost is not estimated, because {self.not_estimated}"
            yield Barrier(reason=why, by="price")
        split = self.priced.split if self.name in self.costs else None
        if split and split.alone:
            alone = self.option.burst if split.alone == "burst" else self.option.base
            itself = f"{self.scenario.options[alone].label} alone"
            yield Barrier(reason=f"its cheapest split is {itself}", by="part")
        if self.capacity.kind != "hybrid":
            for words in self.capacity.beyond_room.get(1, []):
                yield Barrier(reason=f"its servers need {words}", by="room")
        for line in self.scenario.decision.hard_constraints:
            yield from self.judged(line)

    def judged(self, line: str) -> Iterator[Barrier | Doubt]:
        """What the option fails of a constraint, and what of it is not shown to hold; of the budget
        nothing, which hangs on draws.

        line: the constraint, as the scenario writes it. Raises ValueError where it is none.
        """
        asked = Constraint.read(line)
        match asked.kind:
            case "sovereignty" | "rule":  # a floor of SEAL is one of the rules
                yield from _by_rules(self.law.options[self.name], line, asked.rule_id)
            case "quality":
                for told in filter(None, map(short_of_floor, self.parities)):
                    yield _broken(line, told)
            case "latency":
                if self.capacity.keeps_limits is None:
                    why = "It is not known at your load."
                    yield Doubt(point="Response time", reason=why, clears="Measure it.")
                elif not self.capacity.keeps_limits:
                    yield _broken(line, "it misses the latency limits")
            case "live":
                yield from _by_day(self.scenario, self.name)

    def unproven(self) -> Iterator[Doubt]:
        """Models whose quality is not shown; none where no floor is set."""
        tester = next(s.owner for s in table("plan_steps", PlanStep) if s.when == "unproven")
        for p in self.parities:
            if not p.supported:
                yield Doubt(
                    point=f"{p.spoken} as good as {p.reference_spoken}",
                    reason=p.reason,
                    clears=f"Test it on {quality.tried_on(self.scenario, p)}.",
                    owner=tester,
                    quality=True,
                )

    def untunable(self) -> Iterator[Doubt]:
        """Models of the option that a job of the client's would have its vendor tune, and that it
        does not."""
        tunes = self.scenario.tunes_at(self.name)
        for model in dict.fromkeys(self.option.models.values() if tunes else ()):
            if untuned(self.scenario, self.name, model):
                called = quality.spoken(model)
                yield Doubt(
                    point=f"Fine-tuning of {called}",
                    reason=f"{self.option.vendor} does not fine-tune {called}.",
                    clears="Test the model as it is, or tune another one.",
                )


@frozen
class Remedied:
    """What remedies cost in each case. [n each, money]"""

    once: Floats
    yearly: Floats
    """A year."""


# Constraints ------------------------------------------------------------------------------------


def _broken(line: str, reason: str) -> Barrier:
    """A hard constraint that is on no rule, and that an option breaks."""
    return Barrier(reason=reason, by="condition", line=line)


def short_of_floor(found: quality.Parity) -> str:
    """By what a model falls short of what the client asks of it; blank where nothing shows that."""
    own = found.own
    if own is not None and not own.reached:
        return (
            f"{found.spoken} is below your floor in your own test: {own.score:g}, not {own.floor:g}"
        )
    if found.verdict != "worse":
        return ""
    return f"{found.spoken} is worse than {found.reference_spoken}"


def _by_rules(assessed: OptionAssessment, line: str, rule_id: str) -> Iterator[Barrier | Doubt]:
    """Rules that fail, and what is open, the weightiest first.

    line: the constraint that asks for it. rule_id: the one rule that it is on; blank for all.
    """
    for key, v in assessed.verdicts.items():
        if v.verdict == "fail" and rule_id in ("", key):
            reason = f"{v.rule.title} ({v.provision}): {v.reason}"
            yield Barrier(reason=reason, by="rule", line=line, findings=assessed.failing(key))
    for point in assessed.open_points:
        if not rule_id or rule_id in {f.rule.rule_id for f in point.findings}:
            yield doubted(point)


def _paid_by_year(scenario: Scenario, paid: Floats, remedies: Remedied) -> Iterator[YearPaid]:
    """What an option pays in each fiscal year, remedies as they may be needed included; nothing
    where there is no ceiling. paid: without them [n × F]."""
    years = fiscal.spans(scenario) if paid.size else ()
    for i, year in enumerate(years):
        mended = remedies.once * (i == 0) + remedies.yearly * year.months / MONTHS
        central, high = np.quantile(paid[:, i] + mended, (0.5, 0.9)).tolist()
        yield YearPaid(year=year, central=central, high=high)


def by_budget(scenario: Scenario, years: Sequence[YearPaid]) -> Iterator[Barrier | Doubt]:
    """A year over the ceiling in the median is a fail, over it in one case of ten a doubt."""
    most = scenario.finance.budget_any_year
    if not most or not years:
        return
    worst = max(years, key=lambda paid: paid.central)
    riskiest = max(years, key=lambda paid: paid.high)
    money = scenario.client.currency
    if worst.central > most:
        over = f"{money} {worst.central - most:,.0f} over your ceiling"
        yield _broken(BUDGET, f"it pays {money} {worst.central:,.0f} in {worst.year.name}, {over}")
    elif riskiest.high > most:
        yield Doubt(
            point=f"Ceiling of a year ({riskiest.year.name})",
            reason=f"In one case of ten it pays {money} {riskiest.high:,.0f} or more in that year.",
            clears="Get a price that is fixed, or a higher ceiling.",
            owner="finance",
        )


def _by_day(scenario: Scenario, name: str) -> Iterator[Barrier | Doubt]:
    """Serving after the latest go-live as planned is a fail, at the latest estimate a doubt."""
    late = dates.late(scenario, name)
    latest = scenario.client.live_by
    if late is None or latest is None:
        return
    day = spelt_day(latest)
    if round(late.central) > 0:
        yield _broken(
            LIVE_BY, f"it serves {late.central:.0f} days after {day}, your latest go-live"
        )
    elif round(late.high) > 0:
        yield Doubt(
            point=f"Live by {day}",
            reason=f"It may serve {late.high:.0f} days later.",
            clears="Agree on a day of delivery in the order.",
        )


def ceasing(stability: VendorRisks, name: str) -> Iterator[Doubt]:
    """Services of an option's vendor that a job of the client's needs and a dated notice ends."""
    for end in stability.ceasing[name]:
        yield Doubt(
            point=end.point,
            reason=end.event.summary,
            clears="Agree in writing what stays open, or tune elsewhere.",
        )


# The vendor side --------------------------------------------------------------------------------


def switching_costs(costs: Mapping[str, Priced], currency: str) -> dict[str, Range]:
    """A full move away from each option's vendor: the cheapest migration to an option of another
    vendor, or to machines of one's own, and the option's own exit. Options that cannot be left are
    left out. [currency]

    Of a mix on servers of the client's own, what leaves is its other side: that one's exit counts.
    Another one is tested and connected with the same work, however little of the load it serves.
    To a split nobody moves in full who is at one of its parts.
    """
    moves = {n: o.project("migration", currency) for n, o in costs.items()}
    left = {n: costs.get(leaving(o.own), o) for n, o in costs.items()}
    vendors = {n: _vendor(o.own) for n, o in left.items()}
    entered = [
        n for n, o in costs.items() if moves[n].central > 0 and not isinstance(o.own, PricedSplit)
    ]
    found = {}
    for name in costs:
        others = [n for n in entered if n != name]
        elsewhere = [n for n in others if not vendors[n] or vendors[n] != vendors[name]]
        away = [moves[n] for n in elsewhere or others or [name]]
        cheapest = min(away, key=lambda m: m.central)
        move = cheapest.plus(left[name].project("exit", currency))
        if move.central > 0:
            found[name] = move
    return found


def _vendor(plan: PricedOption) -> str:
    """Whom an option leaves; blank for the client's own machines."""
    option = plan.burst.option if isinstance(plan, PricedHybrid) else plan.option
    return option.vendor or option.provider


def leaving(plan: PricedOption) -> str:
    """The option whose vendor could withdraw it: of a mix on servers of one's own, the other side
    of it."""
    if isinstance(plan, PricedHybrid) and not plan.base.option.vendor:
        return plan.burst.name
    return plan.name


# What a reader must know of it ----------------------------------------------------------------


def notes(
    scenario: Scenario, parity: quality.Parities, options: Sequence[Candidate]
) -> Iterator[str]:
    """What a reader must know about the comparison itself."""
    yield from parity.warnings
    for lost in scenario.suppose.gone:
        yield f"it is supposed that {lost} can no longer be had"
    for event in scenario.suppose.law:
        yield f"it is supposed that this happens: {event.replace('_', ' ')}"
    for base in (c for c in options if c.name == scenario.finance.baseline):
        if base.likely is None:
            yield f"{base.label}, which runs today, could not be priced"
        if base.struck:
            yield f"{base.label}, which runs today, fails a hard constraint: {base.struck[0]}"


ROOM = {"kw": "kW", "servers": "servers"}
"""Limits of a room, with their units."""


def inputs(scenario: Scenario) -> Iterator[Input]:
    """Limits that the client sets, of its budget and its rooms, and the numbers behind the sum,
    with their origin."""
    budget = scenario.finance.budget_any_year
    said = {BUDGET: ("most that a fiscal year may cost", budget, scenario.client.currency)}
    for key, option in scenario.options.items():
        for limit, unit in ROOM.items() if option.room else ():
            most = getattr(option.room, limit)
            said[f"options.{key}.room.{limit}"] = (f"room of {option.label}, at most", most, unit)
    for path, (name, value, unit) in said.items():
        if value is not None:
            yield Input(name=name, value=Range.exact(value, unit), source=scenario.source(path))
    for s in settings("decision_settings").values():
        yield Input(name=s.meaning.split(";")[0], value=s.range, source=s.provenance)
