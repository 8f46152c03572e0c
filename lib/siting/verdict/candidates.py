"""The options as the decision sees them: measures from the other chapters, one for each criterion.

Nothing is judged here. What a chapter could not estimate stays unknown.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, get_args

import numpy as np

from siting import places, quality
from siting.catalogue import Fact, of_facts, one_of, settings, table
from siting.cost.ledger import CashFlow
from siting.cost.money import MONTHS
from siting.cost.priced import PricedHybrid, PricedOption, Split
from siting.cost.prices import Factor
from siting.inputs.scenario.constraints import Constraint
from siting.inputs.scenario.model import Scenario
from siting.places import BY_REQUEST, HOSTED_OPEN, MIXED, OWNED, SELF_HOSTED
from siting.quality import leaves
from siting.quantity import Range
from siting.rules.openness import SERVED_ALONE, Licence, ModelFinding, Parts
from siting.rules.sovereignty import OpenPoint, Sovereignty
from siting.serving.capacity import OptionCapacity
from siting.vendors.stability import VendorRisks
from siting.verdict.plan import PlanStep, doubted
from siting.verdict.ranking import Barrier, Candidate, Coins, Doubt, Measure, Sampled

EXIT_MONTH = 12
"""Leaving is priced one year in: after the first budget, before the first renewal."""


@dataclass(frozen=True, kw_only=True)
class Priced:
    """What one option costs, as planned."""

    plan: PricedOption
    factors: Mapping[str, Factor]
    flows: tuple[CashFlow, ...]
    """As planned, month by month."""
    life: int
    """Life of a server. [years]"""

    @property
    def split(self) -> Split | None:
        """How much a hybrid owns; None of any other option."""
        return self.plan.split if isinstance(self.plan, PricedHybrid) else None


@dataclass(frozen=True, kw_only=True)
class Chapters:
    """What the other chapters found."""

    scenario: Scenario
    capacity: Mapping[str, OptionCapacity]
    draws: Mapping[str, Sampled]
    """Present cost of each priced option."""
    sovereignty: Sovereignty
    parity: quality.Parities
    costs: Mapping[str, Priced] = field(default_factory=dict)
    not_estimated: Mapping[str, str] = field(default_factory=dict)
    """Why the other options have no cost."""


def candidate(found: Chapters, stability: VendorRisks, usual: float, name: str) -> Candidate:
    """An option with its measures, the constraints that it fails, and what is not cleared.

    usual: what such a service usually costs over the horizon, which money is measured against
    (`cost.reference`). [client's currency]
    """
    option = found.scenario.options[name]
    held = barriers(found, name)
    return Candidate(
        name=name,
        label=option.label,
        kind=option.kind,
        measures=measures(found, stability, usual, name),
        cost=found.draws.get(name),
        barriers=(*gone(found.scenario, name), *held.fails),
        uncleared=tuple(dict.fromkeys((*ceasing(stability, name), *held.doubts))),
        cause=cause(found.scenario, name),
        begins=begins(found.scenario, name),
    )


def measures(
    found: Chapters, stability: VendorRisks, usual: float, name: str
) -> dict[str, Measure]:
    """What is known of an option, by measure."""
    scenario = found.scenario
    option = found.scenario.options[name]
    price = found.costs.get(name)
    yearly = usual / (scenario.finance.horizon_months / MONTHS)
    every: dict[str, Measure | None] = {
        "cost_ratio": found.draws[name].scaled(1 / usual) if name in found.draws else None,
        "latency_margin": latency_margin(found.capacity[name]),
        "loss_share": loss_share(stability, name, yearly),
        "findings": findings(found.sovereignty, scenario, name),
        "openness": openness(scenario, found.sovereignty, name),
        "months_to_production": option.months_to_production.scaled(1, "months"),
        "exit_share": exit_share(price, scenario, name, yearly),
    }
    for key, value in option.attributes.items():
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            for sort in ("attribute", "answer"):
                every[f"{sort}:{key}"] = Range.exact(float(value))
    return {k: v for k, v in every.items() if v is not None}


def cause(scenario: Scenario, name: str) -> str:
    """What an option's uncertain measures are drawn by: its kind and its vendors."""
    vendors = (scenario.options[part].vendor for part in leaves(scenario, name))
    return ":".join((scenario.options[name].kind, *vendors))


def begins(scenario: Scenario, name: str) -> str:
    """What an option begins with, in words: options that begin alike share a first move."""
    option = scenario.options[name]
    first = scenario.options.get(option.base, option) if option.kind in MIXED else option
    if first.kind in OWNED:
        return "own servers"
    where = first.vendor or first.provider or first.label
    return f"GPUs at {where}" if first.kind in SELF_HOSTED else where


def gone(scenario: Scenario, name: str) -> Iterator[Barrier]:
    """Vendors, models and services of an option that are supposed to be gone."""
    service = scenario.tunes_at(name)
    if service and service in scenario.suppose.gone:
        yield Barrier(told=f"{service} can no longer be had", by="gone")
    for part in leaves(scenario, name):
        option = scenario.options[part]
        served = option.models.values() if option.kind in BY_REQUEST else ()
        for lost in scenario.suppose.gone:
            if lost == option.vendor or lost in served:
                called = quality.spoken(lost) if lost in served else lost
                yield Barrier(told=f"{called} can no longer be had", by="gone")


# Measures ---------------------------------------------------------------------------------------


def latency_margin(capacity: OptionCapacity) -> Range | None:
    """Share of the latency limit that is left, at the stricter of the two limits.

    From the busiest hour of the year to the busiest of a usual week; an API's is unknown.
    """
    if not capacity.pools:
        return None
    pools = capacity.pools.values()
    peak = 1 - max(pool.latency.strain(pool.latency.year_peak) for pool in pools)
    usual = 1 - max(pool.latency.strain(pool.latency.usual_week_peak) for pool in pools)
    return Range(min(peak, usual), peak, max(peak, usual), unit="share")


def loss_share(stability: VendorRisks, name: str, yearly: float) -> Range | None:
    """Expected yearly loss from the vendor's side over what such a service usually costs a year.

    Zero where no vendor runs the service; unknown where the record or the cost is.
    """
    loss = stability.options[name]
    if not loss.vendors:
        return Range.exact(0.0, "share")
    if loss.expected is None:
        return None
    return loss.expected.scaled(1 / yearly, "share")


def findings(sovereignty: Sovereignty, scenario: Scenario, name: str) -> Coins:
    """Rules that fail, and what is open: a point counts, or does not, as its coin falls.

    Rules that wait for one answer are one point, and law that is not on file is none: it is the
    same for every option.
    """
    assessed = sovereignty.options[name]
    coins = tuple(_coin(scenario, point) for point in assessed.open_points)
    return Coins(assessed.counts["fail"], coins)


def _coin(scenario: Scenario, point: OpenPoint) -> str:
    """What a point turns on, whichever option carries it: the client's own answer is the same for
    all, and so is what only its own team can mend; a vendor's is the vendor's."""
    if point.awaited is not None and point.awaited.level == "client":
        return point.awaited.name
    if point.awaited is None and point.lead.turns_on_client:
        return f"{point.lead.rule.rule_id}:{point.lead.reason}"
    carrier = scenario.options.get(point.lead.flow.carrier)
    vendor = carrier.vendor if carrier else ""
    if point.awaited is not None:
        return f"{point.awaited.name}:{vendor}"
    return f"{point.lead.rule.rule_id}:{vendor}:{point.lead.reason}"


def _openness_words() -> tuple[str, ...]:
    of_licence = get_args(Licence.model_fields["licence_class"].annotation)
    of_parts = get_args(Parts.model_fields["training_data"].annotation)
    return (*of_licence, *of_parts, SERVED_ALONE)


class OpennessPoints(Fact, tables="openness_points", key="part word"):
    """What one part of a model counts, by how it is published."""

    part: Literal["weights", "licence_class", "training_data", "training_code"]
    word: Annotated[str, one_of(_openness_words, "word for openness")]
    points: float


def openness(scenario: Scenario, sovereignty: Sovereignty, name: str) -> Range | None:
    """Mean openness of the models that an option runs: weights, licence, data and code.

    Open weights at a host count like those on own machines: when its contract ends, another may
    serve the same model. A model behind its vendor's API counts as closed.
    """
    open_kinds = (*SELF_HOSTED, *HOSTED_OPEN)
    values = [
        _openness(model) if scenario.options[part].kind in open_kinds else 0.0
        for part in leaves(scenario, name)
        for model in sovereignty.models
        if part in model.used_by
    ]
    return Range.exact(float(np.mean(values)), "share") if values else None


def _openness(model: ModelFinding) -> float:
    """Points of a model, 0 to 1; a part that nobody describes counts half of its points."""
    points = _openness_points()
    most = {part: max(by_word.values()) for part, by_word in points.items()}
    gained = sum(points[part].get(model.said[part], top / 2) for part, top in most.items())
    return gained / sum(most.values())


@of_facts
def _openness_points() -> Mapping[str, Mapping[str, float]]:
    """Points by part of a model, and by how it is published."""
    found: dict[str, dict[str, float]] = {}
    for row in table("openness_points", OpennessPoints):
        found.setdefault(row.part, {})[row.word] = row.points
    return found


def exit_share(option: Priced | None, scenario: Scenario, name: str, yearly: float) -> Range | None:
    """Money still bound when leaving after twelve months, over what such a service usually costs
    a year.

    Book value of what was bought, times the share that a sale then loses, and what a longer
    commitment still demands.
    """
    if option is None:
        return None
    bought = sum(float(f.amounts[: EXIT_MONTH + 1].sum()) for f in option.flows if f.capital)
    left = bought * max(0.0, 1 - EXIT_MONTH / (12 * option.life))
    bound = settings("decision_settings")["exit_value_lost"].range.scaled(left)
    owed = sum(committed(option, scenario, part) for part in leaves(scenario, name))
    return bound.plus(Range.exact(owed)).scaled(1 / yearly, "share")


def committed(option: Priced, scenario: Scenario, part: str) -> float:
    """Payments after month twelve that a commitment of a part of the option still demands."""
    terms = scenario.options[part]
    months = {"3y": 36, "1y": 12}.get(terms.commitment, 0)
    if months <= EXIT_MONTH or terms.kind not in places.COMMITTED:
        return 0.0
    rent = [f.amounts[EXIT_MONTH + 1 : months + 1] for f in option.flows if f.category == "rental"]
    return float(np.sum(rent)) if rent else 0.0


# Constraints and proof --------------------------------------------------------------------------


@dataclass(frozen=True)
class Held:
    """What an option fails of a hard constraint, and what of it is not shown to hold."""

    fails: list[Barrier] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def barriers(found: Chapters, name: str) -> Held:
    """What rules an option out, and what is not shown, each with what clears it.

    What cannot be priced cannot compete; nor can a hybrid whose cheapest split is one of its parts,
    or what its room cannot hold in the first year (a hybrid may own less).
    """
    scenario = found.scenario
    capacity = found.capacity[name]
    option = found.scenario.options[name]
    held = Held()
    if name in found.not_estimated:
        why = f"its cost is not estimated, because {found.not_estimated[name]}"
        held.fails.append(Barrier(told=why, by="price"))
    split = found.costs[name].split if name in found.costs else None
    if split and split.alone:
        part = scenario.options[option.burst if split.alone == "burst" else option.base]
        itself = f"{part.label} alone, which stands in the comparison itself"
        held.fails.append(Barrier(told=f"its cheapest split is {itself}", by="part"))
    if capacity.kind not in MIXED:
        short = capacity.beyond_room.get(1, [])
        held.fails.extend(Barrier(told=f"its servers need {words}", by="room") for words in short)
    for line in scenario.decision.hard_constraints:
        asked = judged(line, found, name)
        held.fails.extend(asked.fails)
        held.doubts.extend(asked.doubts)
    held.doubts.extend(unproven(scenario, found.parity, name))
    return held


def judged(line: str, found: Chapters, name: str) -> Held:
    """What an option fails of a hard constraint, and what of it is not shown to hold.

    line: the constraint, as the scenario writes it. Raises ValueError where it is none.
    """
    asked = Constraint.read(line)
    match asked.kind:
        case "sovereignty" | "rule":  # a floor of SEAL is one of the rules
            return _by_rules(found.sovereignty, name, line, asked.rule_id)
        case "quality":
            short = filter(None, map(short_of_floor, found.parity.of(name)))
            return Held([_broken(line, told) for told in short])
        case "latency":
            return _by_latency(found.capacity[name], line)
        case "budget":
            return _by_budget(found, name, line)


def _broken(line: str, told: str) -> Barrier:
    """A hard constraint that is on no rule, and that an option breaks."""
    return Barrier(told=told, by="condition", line=line)


def short_of_floor(found: quality.Parity) -> str:
    """By what a model falls short of what the client asks of it; blank where nothing shows that."""
    own = found.own
    if own is not None and not own.reached:
        model = quality.spoken(found.model)
        return f"{model} is below your floor in your own test: {own.score:g}, not {own.floor:g}"
    return worse_in_words(found) if found.verdict == "worse" else ""


def worse_in_words(found: quality.Parity) -> str:
    """Of a model that is worse than its reference: that it is, in words."""
    return f"{quality.spoken(found.model)} is worse than {quality.spoken(found.reference)}"


def _by_rules(law: Sovereignty, name: str, line: str, rule_id: str) -> Held:
    """Rules that fail, and what is open, the weightiest first.

    line: the constraint that asks for it. rule_id: the one rule that it is on; blank for all.
    """
    assessed = law.options[name]
    fails = [
        Barrier(
            told=f"{v.rule.title} ({v.provision}): {v.reason}",
            by="rule",
            line=line,
            findings=assessed.failing(key),
        )
        for key, v in assessed.verdicts.items()
        if v.verdict == "fail" and rule_id in ("", key)
    ]
    open_ = [
        point
        for point in assessed.open_points
        if not rule_id or rule_id in {f.rule.rule_id for f in point.findings}
    ]
    return Held(fails, [doubted(point) for point in open_])


def _by_latency(capacity: OptionCapacity, line: str) -> Held:
    if capacity.keeps_limits is None:
        why = "It is not known at your load."
        return Held([], [Doubt(point="Response time", reason=why, clears="Measure it.")])
    if capacity.keeps_limits:
        return Held()
    return Held([_broken(line, "it misses the latency limits")])


def _by_budget(found: Chapters, name: str, line: str) -> Held:
    """Over the budget in the median is a fail, over it in one case of ten a doubt."""
    budget = found.scenario.decision.budget_per_year
    if not budget or name not in found.draws:
        return Held()
    yearly = found.draws[name].scaled(MONTHS / found.scenario.finance.horizon_months)
    doubt = Doubt(
        point="Budget",
        reason="It may cost more than the budget.",
        clears="Get a price that is fixed, or a larger budget.",
    )
    over = _broken(line, "its cost is over the budget")
    fails = [over] if yearly.central > budget else []
    return Held(fails, [doubt] if yearly.high > budget else [])


def unproven(scenario: Scenario, parity: quality.Parities, name: str) -> list[Doubt]:
    """Models whose quality is not shown; none where no floor is set."""
    tester = next(s.owner for s in table("plan_steps", PlanStep) if s.when == "unproven")
    return [
        Doubt(
            point=f"{quality.spoken(p.model)} as good as {quality.spoken(p.reference)}",
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


# The vendor side --------------------------------------------------------------------------------


def switching_costs(costs: Mapping[str, Priced], currency: str) -> dict[str, Range]:
    """A full move away from each option: the cheapest migration to another option, and the option's
    own exit. Options that cannot be left are left out. [currency]

    Of a mix on servers of the client's own, what leaves is its other side: that one's exit counts.
    Another one is tested and connected with the same work, however little of the load it serves.
    """
    moves = {n: _project(o, "migration", currency) for n, o in costs.items()}
    found = {}
    for name, option in costs.items():
        away = [m for n, m in moves.items() if n != name and m.central > 0] or [moves[name]]
        cheapest = min(away, key=lambda m: m.central)
        left = costs.get(leaving(option.plan), option)
        move = cheapest.plus(_project(left, "exit", currency))
        if move.central > 0:
            found[name] = move
    return found


def leaving(plan: PricedOption) -> str:
    """The option whose vendor could withdraw it: of a mix on servers of one's own, the other side
    of it."""
    if isinstance(plan, PricedHybrid) and not plan.base.option.vendor:
        return plan.burst.name
    return plan.name


def yearly_spend(costs: Mapping[str, Priced], months: int, currency: str) -> dict[str, Range]:
    """What each option pays vendors a year for use, on average. [currency]"""
    found = {}
    for name, option in costs.items():
        paid = sum(float(f.amounts.sum()) for f in option.flows if f.category in ("api", "rental"))
        found[name] = Range.exact(paid * MONTHS / months, f"{currency} per year")
    return found


def _project(option: Priced, category: str, currency: str) -> Range:
    """Cost of all projects of a category, with the bands of their factors multiplied."""
    total = Range.exact(0.0, currency)
    for flow in option.flows:
        if flow.category == category:
            values = (option.factors[n].value for n in flow.factors)
            bands = [b for b in values if b.central > 0]
            low = math.prod(b.low / b.central for b in bands)
            high = math.prod(b.high / b.central for b in bands)
            paid = float(flow.amounts.sum())
            total = total.plus(Range(paid * low, paid, paid * high, unit=currency))
    return total
