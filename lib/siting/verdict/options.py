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
from siting.inputs.scenario.model import Scenario
from siting.places import OWNED
from siting.quality import leaves, place
from siting.quantity import Range
from siting.records import frozen
from siting.rules.findings import spelt_day
from siting.rules.sovereignty import Sovereignty
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

    def by_request(self, first: float, last: float) -> float:
        """What is paid by the request from one day after the report to another, as planned."""
        paid = (flow for flow in self.flows if flow.category == "api")
        return sum(tco.between(flow.amounts, first, last) for flow in paid)

    @property
    def split(self) -> Split | None:
        """How much a hybrid owns; None of any other option."""
        return self.own.split if isinstance(self.own, PricedHybrid) else None


@frozen
class Chapters:
    """What the other chapters found."""

    scenario: Scenario
    capacity: Mapping[str, OptionCapacity]
    sovereignty: Sovereignty
    parity: quality.Parities
    costs: Mapping[str, Priced] = field(default_factory=dict)
    remedies: Mapping[str, Remedy] = field(default_factory=dict)
    """What remedies cost, by cost item."""
    not_estimated: Mapping[str, str] = field(default_factory=dict)
    """Why the other options have no cost."""

    @property
    def terms(self) -> Terms:
        """When and for what one leaves."""
        return Terms.of(self.scenario.finance)


def candidate(
    found: Chapters,
    stability: VendorRisks,
    name: str,
    bears: Callable[[], Burden],
    has: frozenset[str],
) -> Candidate:
    """An option with its costs, its limits and its properties.

    bears: works out its burden. has: properties that it is shown to have.
    """
    scenario = found.scenario
    option = scenario.options[name]
    years = bears().years if scenario.finance.budget_any_year else ()
    limits = (*by_budget(scenario, years), *_by_day(scenario, name))
    told = (*held(found, name), *limits, *unproven(scenario, found.parity, name))
    doubts = (each for each in told if isinstance(each, Doubt))
    return Candidate(
        name=name,
        label=option.label,
        kind=option.kind,
        place=place(scenario, name),
        models=frozenset().union(*quality.models(scenario, name).values()),
        bears=bears,
        has=has,
        barriers=(*gone(scenario, name), *(b for b in told if isinstance(b, Barrier))),
        uncleared=tuple(
            dict.fromkeys((*ceasing(stability, name), *doubts, *untunable(scenario, name)))
        ),
    )


def burden(
    found: Chapters,
    stability: VendorRisks,
    name: str,
    costs: Mapping[Future, Totals],
) -> Burden:
    """What an option that has a price costs, loses and takes to leave. costs: see there."""
    n = len(costs["hold"].present)
    priced = found.costs[name]
    once, yearly = remedied(found, name, n)
    return Burden(
        costs=costs,
        loss=expected_loss(found, stability.options[name], name, n),
        remedies_once=once,
        remedies_yearly=yearly,
        entry=entry(priced, found.terms),
        bound=bound(priced, found, name),
        wait=waiting(found, name),
        years=tuple(_paid_by_year(found.scenario, costs["hold"].paid, once, yearly)),
    )


def gone(scenario: Scenario, name: str) -> Iterator[Barrier]:
    """Vendors, models and services of an option that are supposed to be gone."""
    service = scenario.tunes_at(name)
    if service and service in scenario.suppose.gone:
        yield Barrier(reason=f"{service} can no longer be had", by="gone")
    for part, served in quality.models(scenario, name).items():
        option = scenario.options[part]
        for lost in scenario.suppose.gone:
            if lost == option.vendor or lost in served:
                called = quality.spoken(lost) if lost in served else lost
                yield Barrier(reason=f"{called} can no longer be had", by="gone")


# The sum ----------------------------------------------------------------------------------------


def expected_loss(found: Chapters, risk: OptionRisk, name: str, n: int) -> Floats:
    """Expected loss a year from the vendors' side, of the shocks that are counted as loss, and
    from machines of one's own. [n]"""
    total = np.zeros(n)
    for shock in risk.kinds:
        if shock.costs is not None and shock.kind.counted == "loss":
            part = split_share(found.scenario, name, shock.vendor)
            total += (shock.chances * shock.costs)[:n] * part
    return np.asarray(total * burst_share(found, name) + own_shocks(found, name, n))


def split_share(scenario: Scenario, name: str, vendor: str) -> float:
    """Share of a full move that the loss of a vendor means to a split: that of the workloads which
    it serves there, as each is tested and connected by itself; of all else 1."""
    if scenario.options[name].kind != "split":
        return 1.0
    served = 0
    for part, works in quality.parts(scenario, name).items():
        called = scenario.options[part].vendor
        known = vendor_record.load().vendor(called)
        if vendor == (known.vendor if known else called):
            served += len(works)
    return served / len(scenario.workloads)


def burst_share(found: Chapters, name: str) -> float:
    """Share of a full move that the loss of a vendor means: of a mix on machines of one's own, what
    it sends there, and of the rest the work of testing one move."""
    priced = found.costs[name]
    own = priced.own
    if not isinstance(own, PricedHybrid) or own.base.option.vendor:
        return 1.0
    alone = found.costs.get(own.burst.name)
    whole = alone.paid("api") if alone else 0.0
    sent = min(1.0, priced.paid("api") / whole) if whole > 0 else 1.0
    move = priced.paid("migration")
    test = priced.paid_for("migration_evaluation") / move if move > 0 else 0.0
    return sent + (1 - sent) * test


def own_shocks(found: Chapters, name: str, n: int) -> Floats:
    """Expected loss a year from machines of one's own: a card or a server is out for longer than
    its spare covers, or the person leaves who knows them. [n]"""
    parts = (found.scenario.options[part] for part in leaves(found.scenario, name))
    owned = [part for part in parts if part.kind in OWNED]
    if not owned:
        return np.zeros(n)
    seed = found.scenario.seed
    priced = found.costs[name]
    factors = priced.plan.factors
    staff = factors["staff_cost"].value.central if "staff_cost" in factors else 0.0
    spare = all(part.redundancy != "none" for part in owned)
    basis = {"staff": staff, "hardware": priced.paid("hardware")}
    total = np.zeros(n)
    for row in table("own_shocks", OwnShock):
        if not (row.unless_spare and spare):
            chance = streams.at_score(row.chance, streams.normal(seed, n, "own", row.shock))
            share = streams.at_score(row.share, streams.normal(seed, n, "own cost", row.shock))
            total += np.maximum(0, chance) * np.maximum(0, share) * basis[row.of]
    return total


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


def remedied(found: Chapters, name: str, n: int) -> tuple[Floats, Floats]:
    """What remedies cost once, and a year. [n each]

    Whether one is needed is a coin by its cause, the same for all options that would need it.
    """
    known = found.remedies
    needed = settings("decision_settings")["remedy_needed"].central
    yearly_bill = found.costs[name].paid("api") * MONTHS / found.scenario.finance.horizon_months
    once = np.zeros(n)
    yearly = np.zeros(n)
    for item in found.sovereignty.remedies(name):
        if item in known:
            remedy = known[item]
            is_needed = streams.uniform(found.scenario.seed, n, "remedy", item) < needed
            once += is_needed * remedy.once.central
            share = remedy.share_of_api_bill.central * yearly_bill
            yearly += is_needed * (remedy.per_year.central + share)
    return once, yearly


def entry(priced: Priced, terms: Terms) -> float:
    """What it takes to come on the day of leaving: the move, and machines, less what they are
    still worth in the end. [worth today]"""
    until = terms.after * MONTHS
    bought = sum(float(f.amounts[:until].sum()) for f in priced.flows if f.capital)
    lost = settings("decision_settings")["exit_value_lost"].central
    in_books = max(0.0, 1 - (terms.years - terms.after) / priced.life)
    return (bought * (1 - (1 - lost) * in_books) + priced.paid("migration")) * terms.then


def bound(priced: Priced, found: Chapters, name: str) -> float:
    """What is lost in leaving: of what was bought the part of its book value that a sale loses,
    and what the longest commitment still demands, taken for all its rent. [worth today]"""
    terms = found.terms
    months = terms.after * MONTHS
    bought = sum(float(f.amounts[: months + 1].sum()) for f in priced.flows if f.capital)
    lost = settings("decision_settings")["exit_value_lost"].central
    books = bought * max(0.0, 1 - terms.after / priced.life)
    parts = leaves(found.scenario, name)
    owed = max(committed(priced, found.scenario, part, months) for part in parts)
    return (books * lost + owed) * terms.then


def committed(option: Priced, scenario: Scenario, part: str, after: int) -> float:
    """Payments that a commitment of a part of the option still demands after so many months."""
    terms = scenario.options[part]
    months = {"3y": 36, "1y": 12}.get(terms.commitment, 0)
    if months <= after or terms.kind not in places.COMMITTED:
        return 0.0
    rent = [f.amounts[after + 1 : months + 1] for f in option.flows if f.category == "rental"]
    return float(np.sum(rent)) if rent else 0.0


def waiting(found: Chapters, name: str) -> float:
    """Until an option serves who comes to it on the day of leaving. [years, worth today]"""
    option = found.scenario.options[name]
    months = 0.0 if option.in_use else option.months_to_production.central
    return months / MONTHS * found.terms.then


# Constraints and proof --------------------------------------------------------------------------


def held(found: Chapters, name: str) -> Iterator[Barrier | Doubt]:
    """What rules an option out, and what is not shown, each with what clears it, as far as neither
    hangs on draws or days.

    What cannot be priced cannot compete; nor can a hybrid whose cheapest split is one of its parts,
    or what its room cannot hold in the first year (a hybrid may own less).
    """
    scenario = found.scenario
    capacity = found.capacity[name]
    option = scenario.options[name]
    if name in found.not_estimated:
        why = f"its cost is not estimated, because {found.not_estimated[name]}"
        yield Barrier(reason=why, by="price")
    split = found.costs[name].split if name in found.costs else None
    if split and split.alone:
        part = scenario.options[option.burst if split.alone == "burst" else option.base]
        itself = f"{part.label} alone"
        yield Barrier(reason=f"its cheapest split is {itself}", by="part")
    if capacity.kind != "hybrid":
        for words in capacity.beyond_room.get(1, []):
            yield Barrier(reason=f"its servers need {words}", by="room")
    for line in scenario.decision.hard_constraints:
        yield from judged(line, found, name)


def judged(line: str, found: Chapters, name: str) -> Iterator[Barrier | Doubt]:
    """What an option fails of a constraint, and what of it is not shown to hold; of the budget
    nothing, which hangs on draws.

    line: the constraint, as the scenario writes it. Raises ValueError where it is none.
    """
    asked = Constraint.read(line)
    match asked.kind:
        case "sovereignty" | "rule":  # a floor of SEAL is one of the rules
            yield from _by_rules(found.sovereignty, name, line, asked.rule_id)
        case "quality":
            for told in filter(None, map(short_of_floor, found.parity.of(name))):
                yield _broken(line, told)
        case "latency":
            yield from _by_latency(found.capacity[name], line)
        case "live":
            yield from _by_day(found.scenario, name)


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


def _by_rules(law: Sovereignty, name: str, line: str, rule_id: str) -> Iterator[Barrier | Doubt]:
    """Rules that fail, and what is open, the weightiest first.

    line: the constraint that asks for it. rule_id: the one rule that it is on; blank for all.
    """
    assessed = law.options[name]
    for key, v in assessed.verdicts.items():
        if v.verdict == "fail" and rule_id in ("", key):
            reason = f"{v.rule.title} ({v.provision}): {v.reason}"
            yield Barrier(reason=reason, by="rule", line=line, findings=assessed.failing(key))
    for point in assessed.open_points:
        if not rule_id or rule_id in {f.rule.rule_id for f in point.findings}:
            yield doubted(point)


def _by_latency(capacity: OptionCapacity, line: str) -> Iterator[Barrier | Doubt]:
    if capacity.keeps_limits is None:
        why = "It is not known at your load."
        yield Doubt(point="Response time", reason=why, clears="Measure it.")
    elif not capacity.keeps_limits:
        yield _broken(line, "it misses the latency limits")


def _paid_by_year(
    scenario: Scenario, paid: Floats, once: Floats, yearly: Floats
) -> Iterator[YearPaid]:
    """What an option pays in each fiscal year, remedies as they may be needed included; nothing
    where there is no ceiling. paid: without them [n × F]; once, yearly: remedies [n]."""
    years = fiscal.spans(scenario) if paid.size else ()
    for i, year in enumerate(years):
        mended = once * (i == 0) + yearly * year.months / MONTHS
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


def unproven(scenario: Scenario, parity: quality.Parities, name: str) -> list[Doubt]:
    """Models whose quality is not shown; none where no floor is set."""
    tester = next(s.owner for s in table("plan_steps", PlanStep) if s.when == "unproven")
    return [
        Doubt(
            point=f"{p.spoken} as good as {p.reference_spoken}",
            reason=p.reason,
            clears=f"Test it on {quality.tried_on(scenario, p)}.",
            owner=tester,
            quality=True,
        )
        for p in parity.of(name)
        if not p.supported
    ]


def ceasing(stability: VendorRisks, name: str) -> tuple[Doubt, ...]:
    """Services of an option's vendor that a job of the client's needs and a dated notice ends."""
    return tuple(
        Doubt(
            point=end.point,
            reason=end.event.summary,
            clears="Agree in writing what stays open, or tune elsewhere.",
        )
        for end in stability.ceasing[name]
    )


def untunable(scenario: Scenario, name: str) -> Iterator[Doubt]:
    """Models of an option that a job of the client's would have its vendor tune, and that it does
    not."""
    option = scenario.options[name]
    for model in dict.fromkeys(option.models.values() if scenario.tunes_at(name) else ()):
        if untuned(scenario, name, model):
            called = quality.spoken(model)
            yield Doubt(
                point=f"Fine-tuning of {called}",
                reason=f"{option.vendor} does not fine-tune {called}.",
                clears="Test the model as it is, or tune another one.",
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
    moves = {
        n: _project(o, "migration", currency)
        for n, o in costs.items()
        if not isinstance(o.own, PricedSplit)
    }
    left = {n: costs.get(leaving(o.own), o) for n, o in costs.items()}
    vendors = {n: _vendor(o.own) for n, o in left.items()}
    found = {}
    for name, option in costs.items():
        others = [n for n, m in moves.items() if n != name and m.central > 0]
        elsewhere = [n for n in others if not vendors[n] or vendors[n] != vendors[name]]
        own = _project(option, "migration", currency)
        away = [moves[n] for n in elsewhere or others] or [own]
        cheapest = min(away, key=lambda m: m.central)
        move = cheapest.plus(_project(left[name], "exit", currency))
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


def _project(option: Priced, category: str, currency: str) -> Range:
    """Cost of all projects of a category, with the bands of their factors multiplied."""
    total = Range.exact(0.0, currency)
    for flow in option.flows:
        if flow.category == category:
            values = (option.plan.factors[n].value for n in flow.factors)
            bands = [b for b in values if b.central > 0]
            low = math.prod(b.low / b.central for b in bands)
            high = math.prod(b.high / b.central for b in bands)
            paid = float(flow.amounts.sum())
            total = total.plus(Range(paid * low, paid, paid * high, unit=currency))
    return total


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
