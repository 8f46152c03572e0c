"""How stable is each vendor of this client, how sure are we, and what could it cost?

`assess` is the one entry: scores with intervals, who can be told apart from whom and why, red
flags, what drives a score, shocks and the expected yearly loss. The score itself is worked out in
`vendor_score`, from the record in `vendor_record`; higher is safer.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from siting.catalogue import Input, Source, source_of
from siting.quantity import Range
from siting.vendors.shocks import (
    OptionLoss,
    ReadinessItem,
    ShockEffect,
    checklist,
    effect,
    expected_loss,
)
from siting.vendors.vendor_record import (
    Event,
    Notice,
    Record,
    Vendor,
    load,
)
from siting.vendors.vendor_score import (
    Array,
    Draws,
    Evidence,
    Method,
    Term,
    case_state,
    central,
    draw,
    evidence,
    habit,
    losses,
    method,
    promised_days,
    weak_promise,
)

if TYPE_CHECKING:
    from siting.inputs.scenario import Scenario, Shock


@dataclass(frozen=True, slots=True)
class Contribution:
    """Points that one item takes from 100 (negative: takes away; positive: gives back)."""

    criterion: str
    what: str
    points: float
    ids: tuple[str, ...]
    origin: str
    sources: tuple[Source, ...]


@dataclass(frozen=True, slots=True)
class RedFlag:
    """Something to read before any number, with its source."""

    text: str
    source: Source
    ids: tuple[str, ...] = ()
    cap: float | None = None
    """Highest score that it allows, where it sets one."""


@dataclass(frozen=True, slots=True)
class VendorScore:
    """One vendor's result. `score` is the median with its 80 % interval; higher is safer."""

    vendor: str
    role: str
    press: str
    ranked: bool
    why_not: str
    """Why there is no rank: 'insufficient evidence: …'; empty where there is one."""
    score: Range
    rows: int
    covered: int
    """Criteria with an event, a notice or a fact."""
    contributions: tuple[Contribution, ...]
    red_flags: tuple[RedFlag, ...]
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    notice_quartile_days: float | None
    notice_count: int
    promised_days: float | None


def score(ev: Evidence, m: Method, draws: Draws) -> VendorScore:
    """Score one vendor: a pure function of its own evidence, the method and the draws."""
    values, terms = losses(ev, m, draws)
    p = np.percentile(values, [10, 50, 90])
    covered = _covered(ev, m)
    why_not = _why_not(ev, covered, m)
    known = habit(ev.notices)
    days = [n.days for n in known if n.days is not None]
    return VendorScore(
        vendor=ev.vendor.vendor,
        role=ev.vendor.role,
        press=ev.vendor.press,
        ranked=not why_not,
        why_not=why_not,
        score=Range(float(p[0]), float(p[1]), float(p[2]), "points of 100"),
        rows=ev.rows,
        covered=covered,
        contributions=contributions(values, terms),
        red_flags=red_flags(ev, m),
        events=ev.events,
        notices=ev.notices,
        notice_quartile_days=float(np.percentile(days, 25)) if days else None,
        notice_count=len(known),
        promised_days=promised_days(ev, m),
    )


def contributions(values: Array, terms: list[Term]) -> tuple[Contribution, ...]:
    """Points that each term takes from 100; together they lead from 100 to the median score.

    Terms add on the log scale in every draw. A term's share of the loss, averaged over draws, is
    applied to 100 minus the median, so the points add up to the score exactly.
    """
    total = np.log(100 / values)
    lost = 100 - float(np.median(values))
    whole = float(np.mean(total))
    merged: dict[tuple[str, str, tuple[str, ...]], list[Term]] = defaultdict(list)
    for t in terms:
        merged[t.criterion, t.what, t.ids].append(t)
    out = []
    for (criterion, what, ids), group in merged.items():
        share = sum(float(np.mean(t.loss)) for t in group) / whole if whole else 0.0
        points = -lost * share
        if points or group[0].origin != "cap":
            out.append(
                Contribution(criterion, what, points, ids, group[0].origin, group[0].sources)
            )
    return tuple(sorted(out, key=lambda x: (x.points, x.criterion, x.what)))


def _covered(ev: Evidence, m: Method) -> int:
    covered = {m.categories[e.category].criterion for e in ev.events} - {""}
    covered |= {"C4"} if ev.notices or ev.promise is not None else set()
    for criterion, parts in m.indicators.items():
        if any(i.indicator in ev.facts for i in parts):
            covered.add(criterion)
    return len(covered)


def _why_not(ev: Evidence, covered: int, m: Method) -> str:
    """Why no rank can be given; counts evidence, so it does not depend on other vendors."""
    lacks = []
    if ev.rows < m.value("min_rows"):
        lacks.append(f"{ev.rows} of {m.value('min_rows'):.0f} rows needed")
    if covered < m.value("min_criteria"):
        lacks.append(f"{covered} of {m.value('min_criteria'):.0f} criteria needed")
    return f"insufficient evidence: {', '.join(lacks)}" if lacks else ""


def red_flags(ev: Evidence, m: Method) -> tuple[RedFlag, ...]:
    """What a reader should know before the number: worst recent events, open control, promises."""
    flags = []
    control = ev.facts.get("control_change")
    limits = {"open": "cap_control_open", "acqui-hire": "cap_acquihire"}
    if control is not None and control.value in limits:
        words = {"open": "a change of control is announced and open", "acqui-hire": "acqui-hire"}
        text = f"{words[control.value]} ({control.note or control.date})"
        flags.append(RedFlag(text, source_of(control), (), m.value(limits[control.value])))
    for event in reversed(ev.events):
        recent = (ev.day - event.known_date).days <= m.value("cap_days")
        if recent and event.direction == "adverse" and event.severity >= 4:
            flags.append(_event_flag(event, ev, m))
    if weak_promise(ev, m):
        said = f"{ev.promise.days:.0f} days" if ev.promise.days else "no number of days"
        text = f"notice promised before a model is retired: {said}"
        flags.append(RedFlag(text, source_of(ev.promise), (), None))
    return tuple(flags)


def _event_flag(event: Event, ev: Evidence, m: Method) -> RedFlag:
    left = case_state(event, ev.events, central(m))[0]
    state = "" if left == 1 else " (since lifted or settled)" if left == 0 else " (since ruled on)"
    label = "alleged: " if event.evidence == "alleged" else ""
    cap = None
    if event.severity >= 5:
        cap = m.value("cap_lost_reversed" if left < 0.5 else "cap_lost")
    text = f"{event.event_date}: {label}{event.summary}{state}"
    return RedFlag(text, source_of(event), (event.event_id,), cap)


# The entry: one client's question


@dataclass(frozen=True, slots=True)
class OptionStability:
    """What stability says about one option. `score` is that of its least stable vendor."""

    option: str
    vendors: tuple[str, ...]
    score: Range | None
    why_not: str
    loss: OptionLoss


@dataclass(frozen=True, slots=True)
class Assessment:
    """Everything that the chapter, summary.json and the decision need. Higher is safer."""

    as_of: dt.date
    vendors: Mapping[str, VendorScore]
    """The client's vendors, by the names that their options use."""
    everyone: Mapping[str, VendorScore]
    """All vendors of the record: the comparison."""
    options: Mapping[str, OptionStability]
    shocks: tuple[ShockEffect, ...]
    readiness: tuple[ReadinessItem, ...]
    unknown_vendors: tuple[str, ...]
    """Vendors of options that are not in the record: no score, and no guess."""
    inputs: tuple[Input, ...]


def option_vendors(scenario: Scenario, name: str) -> tuple[str, ...]:
    """Names of the vendors that an option depends on; a hybrid depends on those of both parts."""
    option = scenario.options[name]
    own = [option.vendor] if option.vendor else []
    for part in (option.base, option.burst):
        if part and part in scenario.options and part != name:
            own += option_vendors(scenario, part)
    return tuple(dict.fromkeys(own))


def assess(
    scenario: Scenario,
    switching_cost: Range | Mapping[str, Range] | None = None,
    yearly_spend: Mapping[str, Range] | None = None,
) -> Assessment:
    """Scores, comparisons, red flags, shocks and expected yearly loss for a client's options.

    switching_cost: a full move away from an option's vendor, in the client's currency: one range
    for all options, or one by option. Without it the loss is 'not estimated, because …'.
    yearly_spend: what an option pays its vendor a year, for shocks that change a price.
    Raises ValueError for weights that name no criterion.
    """
    m, record, day = method(), load(), scenario.client.report_date
    draws = draw(m, int(m.value("draws")), scenario.seed, scenario.stability.weights)
    scores = {v.vendor: score(evidence(record, v, day), m, draws) for v in record.vendors}
    names = {o: option_vendors(scenario, o) for o in scenario.options}
    known = {n: record.vendor(n) for group in names.values() for n in group}
    items = checklist(scenario.stability.readiness)
    costs = _by_option(switching_cost, scenario)
    options = {
        o: _option(record, o, group, known, scores, costs.get(o), items, day, scenario.seed)
        for o, group in names.items()
    }
    effects = [
        _shock(record, s, names, costs, yearly_spend or {}, items, day, scenario.seed)
        for s in scenario.stability.shocks
    ]
    return Assessment(
        as_of=day,
        vendors={n: scores[v.vendor] for n, v in known.items() if v is not None},
        everyone=scores,
        options=options,
        shocks=tuple(e for e in effects if e is not None),
        readiness=items,
        unknown_vendors=tuple(sorted(n for n, v in known.items() if v is None)),
        inputs=_inputs(m, scenario),
    )


def _by_option(cost: Range | Mapping[str, Range] | None, scenario: Scenario) -> Mapping[str, Range]:
    if cost is None:
        return {}
    return dict.fromkeys(scenario.options, cost) if isinstance(cost, Range) else cost


def _option(
    record: Record,
    name: str,
    group: tuple[str, ...],
    known: Mapping[str, Vendor | None],
    scores: Mapping[str, VendorScore],
    cost: Range | None,
    items: tuple[ReadinessItem, ...],
    day: dt.date,
    seed: int,
) -> OptionStability:
    vendors = [known[n] for n in group]
    found = tuple(v for v in vendors if v is not None)
    loss = expected_loss(record, name, found, cost, items, day, seed)
    if not group:
        return OptionStability(name, group, None, loss.why_not, loss)
    missing = [n for n, v in zip(group, vendors, strict=True) if v is None]
    thin = [scores[v.vendor] for v in found if not scores[v.vendor].ranked]
    if missing:
        why = f"insufficient evidence: {', '.join(missing)} is not in the record"
        return OptionStability(name, group, None, why, loss)
    if thin:
        why = "; ".join(f"{s.vendor}: {s.why_not}" for s in thin)
        return OptionStability(name, group, None, why, loss)
    weakest = min((scores[v.vendor].score for v in found), key=lambda r: r.central)
    return OptionStability(name, group, weakest, "", loss)


def _shock(
    record: Record,
    shock: Shock,
    names: Mapping[str, tuple[str, ...]],
    costs: Mapping[str, Range],
    spend: Mapping[str, Range],
    items: tuple[ReadinessItem, ...],
    day: dt.date,
    seed: int,
) -> ShockEffect | None:
    vendor = record.vendor(shock.vendor)
    if vendor is None:
        return None
    hit = tuple(o for o, group in names.items() if any(record.vendor(n) == vendor for n in group))
    return effect(record, shock, vendor, hit, costs, spend, items, day, seed)


def _inputs(m: Method, scenario: Scenario) -> tuple[Input, ...]:
    """The numbers of the method that the result rests on, each with its origin."""
    client = scenario.stability.weights
    out = [
        Input(
            name=f"stability weight, {c.name}",
            value=Range(c.weight_low, c.weight, c.weight_high),
            source=source_of(c),
        )
        for c in m.criteria
        if not client
    ]
    out += [
        Input(
            name=f"stability, {s.setting.replace('_', ' ')}",
            value=Range(s.low, s.central, s.high, s.unit),
            source=source_of(s),
        )
        for s in m.settings.values()
    ]
    return tuple(out)
