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
from siting.catalogue import Fact, one_of, settings, table
from siting.cost import tco, uncertainty
from siting.cost.cashflow import HybridPlan
from siting.cost.tco import Comparison, OptionCost
from siting.inputs.scenario.model import Scenario
from siting.places import SELF_HOSTED
from siting.quality import leaves
from siting.quantity import Z90, Range
from siting.rules.openness import SERVED_ALONE, Licence, ModelFinding, Parts
from siting.rules.sovereignty import Assessment as Sovereignty
from siting.serving.capacity import OptionCapacity
from siting.vendors.stability import Assessment as Stability
from siting.verdict.plan import PlanStep, doubted, driver_label
from siting.verdict.ranking import Candidate, Doubt, Floats, Measure, Sampled
from siting.verdict.turns import VOLUME, CostCurve, Driver

EXIT_MONTH = 12
"""Leaving is priced one year in: after the first budget, before the first renewal."""


def cost_draws(
    by_path: Mapping[str, Mapping[str, tco.Totals]], path: str, falling: float | None = None
) -> dict[str, Sampled]:
    """Present cost of each option in the draws of the cost chapter's Monte Carlo.

    falling: share of the draws that are taken from the future of falling API prices; None: all
    are from `path`.
    """
    if falling is None:
        return {n: Sampled.of(t.present) for n, t in by_path[path].items()}
    listed, other = by_path["list"], by_path["same_capability"]
    # Multiples of the golden ratio spread evenly: each next one falls into a gap.
    size = max((len(t.present) for t in listed.values()), default=0)
    falls = np.arange(size) * ((5**0.5 - 1) / 2) % 1 < falling
    return {n: Sampled.of(np.where(falls, other[n].present, t.present)) for n, t in listed.items()}


@dataclass(frozen=True)
class Chapters:
    """What the other chapters found."""

    scenario: Scenario
    capacity: Mapping[str, OptionCapacity]
    draws: Mapping[str, Sampled]
    """Present cost of each priced option."""
    sovereignty: Sovereignty
    parity: quality.Assessment


def candidates(
    found: Chapters, cost: Comparison, stability: Stability
) -> tuple[tuple[Candidate, ...], float | None]:
    """Every option with its measures, the constraints that it fails, and what is not cleared; and
    the cost that theirs are measured against."""
    scenario, draws, law = found.scenario, found.draws, found.sovereignty
    held = {name: barriers(found, cost, name) for name in scenario.options}
    yard = yardstick({n: d for n, d in draws.items() if not held[n][0]} or draws)
    yearly = yard / (cost.plan.months / 12) if yard else None
    out = []
    for name, option in scenario.options.items():
        measures: dict[str, Measure | None] = {
            "cost_ratio": draws[name].scaled(1 / yard) if yard and name in draws else None,
            "latency_margin": latency_margin(found.capacity[name]),
            "loss_share": loss_share(stability, name, yearly),
            "findings": findings(law, name),
            "openness": openness(scenario, law, name),
            "months_to_production": option.months_to_production.scaled(1, "months"),
            "exit_share": exit_share(cost.options.get(name), scenario, name, yearly),
        }
        for key, value in option.attributes.items():
            if isinstance(value, (int, float)) and not isinstance(value, bool):
                for sort in ("attribute", "answer"):
                    measures[f"{sort}:{key}"] = Range.exact(float(value))
        known = {k: v for k, v in measures.items() if v is not None}
        price = draws.get(name)
        fails, doubts = held[name][0], (*ceasing(scenario, stability, name), *held[name][1])
        candidate = Candidate(
            name=name,
            label=option.label,
            kind=option.kind,
            measures=known,
            cost=price,
            struck=fails,
            uncleared=doubts,
        )
        out.append(candidate)
    return tuple(out), yard


def yardstick(draws: Mapping[str, Sampled]) -> float | None:
    """The cost that all costs are measured against: the median of the cheapest allowed option.

    It is the same for every case and whatever runs today, so that a euro counts alike everywhere.
    """
    return min((d.central for d in draws.values() if d.central > 0), default=None)


# Measures ---------------------------------------------------------------------------------------


def latency_margin(capacity: OptionCapacity) -> Range | None:
    """Share of the latency limit that is left, at the stricter of the two limits.

    From the busiest hour of the year to the busiest of a usual week; an API's is unknown.
    """
    if not capacity.pools:
        return None
    pools = capacity.pools.values()
    peak = 1 - max(pool.strain(pool.peak_hour) for pool in pools)
    usual = 1 - max(pool.strain(pool.busy_hour) for pool in pools)
    return Range(min(peak, usual), peak, max(peak, usual), "share")


def loss_share(stability: Stability, name: str, yearly: float | None) -> Range | None:
    """Expected yearly loss from the vendor's side over the yearly cost of the cheapest option.

    Zero where no vendor runs the service; unknown where the record or the cost is.
    """
    loss = stability.options[name]
    if not loss.vendors:
        return Range.exact(0.0, "share")
    if loss.expected is None or not yearly:
        return None
    return loss.expected.scaled(1 / yearly, "share")


def findings(sovereignty: Sovereignty, name: str) -> Range:
    """Rules that fail or may fail: a rule under review counts as anything between none and one."""
    counts = sovereignty.options[name].counts
    fails, reviews = counts["fail"], counts["review"]
    return Range(fails, fails + reviews / 2, fails + reviews, "rules")


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
    """Mean openness of the models that an option runs itself: weights, licence, data and code.

    A model behind an API counts as closed, whoever else may run it.
    """
    values = [
        _openness(model) if scenario.options[part].kind in SELF_HOSTED else 0.0
        for part in leaves(scenario, name)
        for model in sovereignty.models
        if part in model.used_by
    ]
    return Range.exact(float(np.mean(values)), "share") if values else None


def _openness(model: ModelFinding) -> float:
    """Points of a model, 0 to 1; a part that nobody describes counts half of its points."""
    points = {(row.part, row.word): row.points for row in table("openness_points", OpennessPoints)}
    most = {part: max(p for (of, _), p in points.items() if of == part) for part, _ in points}
    gained = sum(points.get((part, model.said[part]), top / 2) for part, top in most.items())
    return gained / sum(most.values())


def exit_share(
    option: OptionCost | None, scenario: Scenario, name: str, yearly: float | None
) -> Range | None:
    """Money still bound when leaving after twelve months, over the cheapest option's yearly cost.

    Book value of what was bought, times the share that a sale then loses, and what a longer
    commitment still demands.
    """
    if option is None or not yearly:
        return None
    bought = sum(float(f.amounts[: EXIT_MONTH + 1].sum()) for f in option.flows if f.capital)
    left = bought * max(0.0, 1 - EXIT_MONTH / (12 * option.life))
    bound = settings("decision_settings")["exit_value_lost"].range.scaled(left)
    owed = sum(committed(option, scenario, part) for part in leaves(scenario, name))
    return bound.plus(Range.exact(owed)).scaled(1 / yearly, "share")


def committed(option: OptionCost, scenario: Scenario, part: str) -> float:
    """Payments after month twelve that a commitment of a part of the option still demands."""
    terms = scenario.options[part]
    months = {"3y": 36, "1y": 12}.get(terms.commitment, 0)
    if months <= EXIT_MONTH or terms.kind not in places.COMMITTED:
        return 0.0
    rent = [f.amounts[EXIT_MONTH + 1 : months + 1] for f in option.flows if f.category == "rental"]
    return float(np.sum(rent)) if rent else 0.0


# Constraints and proof --------------------------------------------------------------------------


def barriers(
    found: Chapters, cost: Comparison, name: str
) -> tuple[tuple[str, ...], tuple[Doubt, ...]]:
    """What rules an option out, in words, and what is not shown, each with what clears it.

    What cannot be priced cannot compete; nor can a hybrid whose cheapest split is one of its parts,
    or what its room cannot hold in the first year (a hybrid may own less).
    """
    fails: list[str] = []
    doubts: list[Doubt] = []
    scenario, capacity = found.scenario, found.capacity[name]
    if name in cost.plan.not_estimated:
        fails.append(f"its cost is not estimated, because {cost.plan.not_estimated[name]}")
    option, priced = scenario.options[name], cost.options.get(name)
    if priced and priced.hybrid and priced.hybrid.end:
        part = scenario.options[option.burst if priced.hybrid.end == "burst" else option.base]
        itself = f"{part.label} alone, which stands in the comparison itself"
        fails.append(f"its cheapest split is {itself}")
    if capacity.kind != "hybrid":
        fails += [f"its servers need {words}" for words in capacity.beyond_room.get(1, [])]
    for constraint in scenario.decision.hard_constraints:
        held = judged(constraint, found, name)
        fails += held.fails
        doubts += held.doubts
    doubts += unproven(found.parity, name)
    return tuple(dict.fromkeys(fails)), tuple(dict.fromkeys(doubts))


@dataclass(frozen=True)
class Held:
    """What an option fails of a hard constraint, and what of it is not shown to hold."""

    fails: list[str] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)


def judged(constraint: str, found: Chapters, name: str) -> Held:
    """What an option fails of a hard constraint, and what of it is not shown to hold."""
    kind, _, rule_id = constraint.partition(":")
    match kind:
        case "sovereignty" | "rule":
            return _by_rules(found.sovereignty, name, rule_id)
        case "quality":
            worse = (p for p in found.parity.of(name) if p.verdict == "worse")
            return Held([f"{p.model} is worse than {p.reference}" for p in worse])
        case "latency":
            return _by_latency(found.capacity[name])
        case "budget":
            return _by_budget(found, name)
    return Held()


def _by_rules(law: Sovereignty, name: str, rule_id: str) -> Held:
    """Rules that fail, and those that are open: of them last what may not apply at all."""
    verdicts = law.options[name].verdicts.items()
    rules = [v for key, v in verdicts if rule_id in ("", key)]
    waiting = [v for v in rules if v.verdict == "review"]
    waiting.sort(key=lambda v: v.may_not_apply)
    fails = [f"{v.rule.title}: {v.reason}" for v in rules if v.verdict == "fail"]
    return Held(fails, [doubted(v) for v in waiting])


def _by_latency(capacity: OptionCapacity) -> Held:
    if capacity.keeps_limits is None:
        why = "It is not known at your load."
        return Held([], [Doubt(point="Response time", reason=why, clears="Measure it.")])
    return Held() if capacity.keeps_limits else Held(["it misses the latency limits"])


def _by_budget(found: Chapters, name: str) -> Held:
    """Over the budget in the median is a fail, over it in one case of ten a doubt."""
    budget = found.scenario.decision.budget_per_year
    if not budget or name not in found.draws:
        return Held()
    _, median, high = found.draws[name].scaled(12 / found.scenario.finance.horizon_months).ends
    doubt = Doubt(
        point="Budget",
        reason="It may cost more than the budget.",
        clears="Get a price that is fixed, or a larger budget.",
    )
    fails = ["its cost is over the budget"] if median > budget else []
    return Held(fails, [doubt] if high > budget else [])


def unproven(parity: quality.Assessment, name: str) -> list[Doubt]:
    """Models whose quality is not shown; none where no floor is set."""
    tester = next(s.owner for s in table("plan_steps", PlanStep) if s.when == "unproven")
    return [
        Doubt(
            point=f"{quality.spoken(p.model)} as good as {quality.spoken(p.reference)}",
            reason=p.reason,
            clears=f"Test it on {p.items} of your own items.",
            owner=tester,
            quality=True,
        )
        for p in parity.of(name)
        if not p.supported
    ]


def ceasing(scenario: Scenario, stability: Stability, name: str) -> tuple[Doubt, ...]:
    """Services of an option's vendor that a job of the client's needs and a dated notice ends."""
    option = scenario.options[name]
    record = stability.vendors.get(option.vendor) if option.kind in places.BY_REQUEST else None
    events = record.events if record and scenario.fine_tuning else ()
    return tuple(
        Doubt(
            point=f"Fine-tuning at {e.vendor}",
            reason=e.summary,
            clears="Agree in writing what stays open, or tune elsewhere.",
        )
        for e in events
        if e.ends == "fine-tuning"
    )


# What flips, and what moves the vendor side -----------------------------------------------------


def volume_curve(cost: Comparison) -> CostCurve | None:
    """Present cost of each option against the volume of tokens; None where none is priced."""
    volume = cost.volume
    if not volume.per_million:
        return None
    costs = {n: p * volume.million_tokens for n, p in volume.per_million.items()}
    band = settings("decision_settings")["volume_band"].range
    return CostCurve(volume.million_tokens, costs, band.scaled(volume.planned, VOLUME))


def cost_drivers(
    cost: Comparison, scores: Mapping[str, Floats], draws: Mapping[str, Sampled], yard: float
) -> Iterator[Driver]:
    """Every uncertain input of cost at P10 and at P90, the others central; and how fast API prices
    fall for equal quality, where the case as planned takes them as listed.

    An end is the median of an option's draws times what the input does to its cost as planned, so
    that an input at its planned value changes nothing.
    """
    if not cost.options:
        return

    def ratios(found: Mapping[str, tco.Totals], at: int) -> dict[str, float]:
        moved = {n: float(t.present[at]) / cost.options[n].present for n, t in found.items()}
        return {n: factor * draws[n].central / yard for n, factor in moved.items()}

    names, found = uncertainty.one_at_a_time(cost.plan, np.array([-Z90, Z90]))
    for i, name in enumerate(names):
        label, band = uncertainty.described(cost.plan, name)
        ends = ratios(found, 2 * i), ratios(found, 2 * i + 1)
        yield Driver(name, driver_label(name, label), band, *ends, scores[name])
    name, falling = "api_decline", uncertainty.falling(cost.plan)
    if cost.price_path == "list" and name in uncertainty.drivers(falling):
        label, band = uncertainty.described(falling, name)
        high = uncertainty.draws_at(falling, {name: np.array([Z90])})
        today = {n: d.central / yard for n, d in draws.items()}
        band = Range(0.0, 0.0, band.high, band.unit)
        yield Driver(name, label, band, today, ratios(tco.totals(falling, high), 0))


def switching_costs(cost: Comparison) -> dict[str, Range]:
    """A full move away from each option, in the client's currency: the cheapest migration to
    another option, and the option's own exit. Options that cannot be left are left out; of a hybrid
    on servers of the client's own, it is the share of the work that its vendor serves."""
    moves = {n: _project(cost, o, "migration") for n, o in cost.options.items()}
    found = {}
    for name, option in cost.options.items():
        away = [m for n, m in moves.items() if n != name and m.central > 0] or [moves[name]]
        move = min(away, key=lambda m: m.central).plus(_project(cost, option, "exit"))
        if move.central > 0:
            found[name] = move.scaled(vendor_share(cost, name))
    return found


def vendor_share(cost: Comparison, name: str) -> float:
    """Share of an option's work that vendors serve who could withdraw it."""
    planned, hybrid = cost.plan.options[name], cost.options[name].hybrid
    owns = isinstance(planned, HybridPlan) and not planned.base.option.vendor
    return hybrid.burst_share if owns and hybrid is not None else 1.0


def yearly_spend(cost: Comparison) -> dict[str, Range]:
    """What each option pays vendors a year for use, on average, in the client's currency."""
    found = {}
    for name, option in cost.options.items():
        paid = sum(float(f.amounts.sum()) for f in option.flows if f.category in ("api", "rental"))
        found[name] = Range.exact(paid * 12 / cost.plan.months, f"{cost.currency} per year")
    return found


def _project(cost: Comparison, option: OptionCost, category: str) -> Range:
    """Cost of all projects of a category, with the bands of their factors multiplied."""
    total = Range.exact(0.0, cost.currency)
    for flow in option.flows:
        if flow.category == category:
            values = (cost.plan.factors[n].value for n in flow.factors)
            bands = [b for b in values if b.central > 0]
            low = math.prod(b.low / b.central for b in bands)
            high = math.prod(b.high / b.central for b in bands)
            paid = float(flow.amounts.sum())
            total = total.plus(Range(paid * low, paid, paid * high, cost.currency))
    return total
