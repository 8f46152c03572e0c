"""How stable and predictable is each vendor, and how sure are we? Higher is safer.

Eight criteria, each 0 to 100 on fixed goalposts, joined by a weighted geometric mean, so that a
strong criterion cannot buy off a weak one (OECD/JRC, Handbook on Constructing Composite
Indicators, 2008). Scores are worked out as losses on a log scale, where everything adds:

    ln(100 / score) = Σ_criteria weight · Σ_parts share · ln(100 / part)

and the part made of events is 100 · 2^(−burden / halving burden), with

    burden = Σ_cases max over its events of base^(severity−1) · evidence · 2^(−age / half-life)

so every event has its own term. What is not known is an interval, never a zero and never an
average: each draw takes a value from the whole interval, and the result widens. Random numbers of
an event or a vendor come from its own name, so adding, cloning or reordering rows moves no other
score. On news events the score has shown no skill as a forecast (`siting.backtest`): read it as a
sorted record with ranges.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.catalogue import Fact, Input, Source, facts_dir, source_of
from siting.quantity import Range
from siting.shocks import (
    OptionLoss,
    ReadinessItem,
    ShockEffect,
    checklist,
    effect,
    expected_loss,
)
from siting.vendor_record import (
    Agreement,
    Event,
    Notice,
    Record,
    Vendor,
    agreement,
    known_by,
    load,
    recoding_sheet,
)

if TYPE_CHECKING:
    from siting.scenario import Scenario, Shock

Array = npt.NDArray[np.float64]

__all__ = ["Assessment", "VendorScore", "assess", "recoding_sheet", "score_at"]


class Criterion(Fact):
    """One of the eight criteria, with the range of its weight."""

    criterion: str
    name: str
    question: str
    weight_low: float
    weight: float
    weight_high: float
    halving_burden: float
    """Burden of events at which their part of the criterion falls to one half."""


class Category(Fact):
    """A category of events: the criterion it counts for, and how fast it fades."""

    category: str
    criterion: str = ""
    half_life_days: float
    meaning: str


class Indicator(Fact):
    """One part of a criterion: events, notice, or a fact with its scale."""

    indicator: str
    criterion: str
    share: float
    scale: str
    """`burden`, `days`, or `value=points;value=points` (numbers are interpolated)."""
    meaning: str


class Setting(Fact):
    """A constant of the method with the range over which it is varied."""

    setting: str
    low: float
    central: float
    high: float
    unit: str = ""
    meaning: str


@dataclass(frozen=True, slots=True)
class Method:
    """The method's tables: what is scored, how it fades, and what is varied."""

    criteria: tuple[Criterion, ...]
    categories: Mapping[str, Category]
    indicators: Mapping[str, tuple[Indicator, ...]]
    settings: Mapping[str, Setting]

    def value(self, setting: str) -> float:
        return self.settings[setting].central


@cache
def _method(folder: Path) -> Method:
    criteria = catalogue.table("stability_criteria", Criterion)
    indicators = catalogue.table("stability_indicators", Indicator)
    return Method(
        criteria=criteria,
        categories={c.category: c for c in catalogue.table("stability_categories", Category)},
        indicators={
            c.criterion: tuple(i for i in indicators if i.criterion == c.criterion)
            for c in criteria
        },
        settings={s.setting: s for s in catalogue.table("stability_settings", Setting)},
    )


def method() -> Method:
    """The method of `facts/`, read once."""
    return _method(facts_dir())


# Draws: what all vendors share


@dataclass(frozen=True, slots=True)
class Draws:
    """One value per draw of everything that the method leaves open. Arrays of length `n`."""

    n: int
    seed: int
    weights: dict[str, Array]
    settings: dict[str, Array]

    @property
    def random(self) -> bool:
        """Whether rows, severities and unknown values are varied (False: central values)."""
        return self.n > 1


def draw(m: Method, n: int, seed: int, weights: Mapping[str, float] | None = None) -> Draws:
    """`n` joint draws of weights and settings; settings uniform between low and high."""
    rng = np.random.default_rng(seed)
    settings = {
        name: rng.uniform(s.low, s.high, n) if s.high > s.low else np.full(n, s.central)
        for name, s in sorted(m.settings.items())
        if name != "half_life_factor"
    }
    half = m.settings["half_life_factor"]
    # A factor is as likely to halve as to double, so it is uniform on a log scale.
    settings["half_life_factor"] = np.exp(rng.uniform(np.log(half.low), np.log(half.high), n))
    return Draws(n, seed, draw_weights(m, rng, n, weights or {}), settings)


def central(m: Method, weights: Mapping[str, float] | None = None) -> Draws:
    """The single draw with every setting at its central value: deterministic."""
    settings = {name: np.array([s.central]) for name, s in m.settings.items()}
    return Draws(
        1, 0, {c: np.array([v]) for c, v in weights_of(m, weights or {}).items()}, settings
    )


def weights_of(m: Method, weights: Mapping[str, float]) -> dict[str, float]:
    """The client's weights scaled to one, or the method's where none are given.

    Raises ValueError for an unknown criterion, a negative weight, or no positive one.
    """
    known = {c.criterion: c.weight for c in m.criteria}
    unknown = sorted(set(weights) - set(known))
    if unknown:
        raise ValueError(
            f"stability.weights: {', '.join(unknown)} is no criterion; write {', '.join(known)}"
        )
    chosen = {c: float(weights.get(c, 0.0)) for c in known} if weights else known
    if min(chosen.values()) < 0 or sum(chosen.values()) <= 0:
        raise ValueError(
            "stability.weights: write weights of zero or more, at least one above zero"
        )
    total = sum(chosen.values())
    return {c: w / total for c, w in chosen.items()}


def draw_weights(
    m: Method, rng: np.random.Generator, n: int, weights: Mapping[str, float]
) -> dict[str, Array]:
    """Weights uniform on the simplex inside each criterion's range.

    All but one are drawn uniformly from their ranges and the last takes the rest; draws whose
    rest lies outside its range are rejected, which leaves the uniform law on the slice.
    """
    mid = weights_of(m, weights)
    low = np.array([mid[c.criterion] * c.weight_low / c.weight for c in m.criteria])
    high = np.array([min(1.0, mid[c.criterion] * c.weight_high / c.weight) for c in m.criteria])
    last = int(np.argmax(high - low))
    kept: list[Array] = []
    for _ in range(60):
        box = rng.uniform(low, high, (4 * n, len(low)))
        box[:, last] = 1 - (box.sum(axis=1) - box[:, last])
        kept.append(box[(box[:, last] >= low[last] - 1e-9) & (box[:, last] <= high[last] + 1e-9)])
        if sum(map(len, kept)) >= n:
            break
    found = np.concatenate(kept)[:n]
    if len(found) < n:  # ranges that hardly meet the simplex: scale draws from the box instead
        box = rng.uniform(low, high, (n, len(low)))
        found = box / box.sum(axis=1, keepdims=True)
    found = np.clip(found, 0, None)
    return {c.criterion: found[:, i] for i, c in enumerate(m.criteria)}


def _own_random(key: str, draws: Draws, streams: int) -> Array:
    """Uniform numbers that belong to `key` alone: independent of every other row or vendor."""
    digest = hashlib.blake2b(f"{draws.seed}:{key}".encode(), digest_size=16).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32)).random((streams, draws.n))


# Losses: what one vendor adds up to


@dataclass(frozen=True, slots=True)
class Term:
    """One term of ln(100 / score), in every draw. Positive lowers the score."""

    criterion: str
    what: str
    ids: tuple[str, ...]
    loss: Array
    origin: Literal["event", "notice", "fact", "unknown", "cap"]
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one vendor's score is made from, as of a day."""

    vendor: Vendor
    day: dt.date
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    facts: Mapping[str, Any]
    promise: Any
    ratings: Mapping[str, tuple[int, ...]]

    @property
    def rows(self) -> int:
        """Rows of the record: events and retirement notices."""
        return len(self.events) + len(self.notices)


def evidence(record: Record, vendor: Vendor, day: dt.date) -> Evidence:
    """What was known about `vendor` on `day`."""
    known = record.as_of(day)
    events = known.events_of(vendor)
    wanted = {e.event_id for e in events}
    ratings: dict[str, list[int]] = defaultdict(list)
    for rating in record.ratings:
        if rating.event_id in wanted:
            ratings[rating.event_id].append(rating.severity)
    return Evidence(
        vendor=vendor,
        day=day,
        events=events,
        notices=known.notices_of(vendor),
        facts=known.facts_of(vendor),
        promise=known.promise_of(vendor),
        ratings={k: tuple(sorted(v)) for k, v in ratings.items()},
    )


def applicable(m: Method, vendor: Vendor) -> tuple[Criterion, ...]:
    """Criteria that apply: on rented GPUs the customer runs weights of its own choice, so no vendor
    retires a model (C4), and the model can move to any other card (C7)."""
    leave_out = {"C4", "C7"} if vendor.role == "infrastructure" else set()
    return tuple(c for c in m.criteria if c.criterion not in leave_out)


def _severities(event: Event, ratings: tuple[int, ...], draws: Draws, u: Array) -> Array:
    """Severity by draw: the decided one or a rater's, and now and then a step beside it."""
    if not draws.random:
        return np.full(draws.n, float(event.severity))
    codings = np.array([event.severity, event.severity, *ratings], dtype=float)
    chosen = codings[(u[0] * len(codings)).astype(int)]
    shift = draws.settings["severity_shift"]
    step = np.where(u[1] < shift / 2, -1.0, np.where(u[1] < shift, 1.0, 0.0))
    varied: Array = np.clip(chosen + step, 1, 5)
    return varied


def _residual(event: Event, events: tuple[Event, ...], draws: Draws) -> Array:
    """Share of an adverse event that later rulings of its case leave standing."""
    left = np.ones(draws.n)
    for other in events:
        if other.settles and other.case == event.case and other.known_date > event.known_date:
            left = left * (1 - draws.settings[f"settled_{other.settles}"])
    return left


@dataclass(frozen=True, slots=True)
class _Weighed:
    event: Event
    severity: Array
    size: Array
    """Weight on the burden scale, after evidence, age, settlement and dropped rows."""
    residual: Array


def _weigh(ev: Evidence, m: Method, draws: Draws) -> list[_Weighed]:
    out = []
    for event in ev.events:
        category = m.categories[event.category]
        u = _own_random(event.event_id, draws, 3)
        severity = _severities(event, ev.ratings.get(event.event_id, ()), draws, u)
        age = max(0, (ev.day - event.known_date).days)
        fade = 0.5 ** (age / (category.half_life_days * draws.settings["half_life_factor"]))
        size = draws.settings["severity_base"] ** (severity - 1) * fade
        size = size * draws.settings[f"evidence_{event.evidence}"]
        if draws.random:
            size = size * (u[2] >= draws.settings["drop_rate"])
        residual = np.ones(draws.n)
        if event.direction == "adverse":
            residual = _residual(event, ev.events, draws)
        out.append(_Weighed(event, severity, size * residual, residual))
    return out


def _case_sizes(weighed: list[_Weighed]) -> list[tuple[Event, Array]]:
    """Size of each event after counting its case once, at its worst event in that draw."""
    cases: dict[str, list[_Weighed]] = defaultdict(list)
    for w in weighed:
        cases[w.event.case].append(w)
    out = []
    for group in cases.values():
        sizes = np.array([w.size for w in group])
        worst = sizes.argmax(axis=0)
        out += [(w.event, np.where(worst == i, w.size, 0.0)) for i, w in enumerate(group)]
    return out


def _event_terms(
    c: Criterion, share: float, weighed: list[_Weighed], ev: Evidence, m: Method, draws: Draws
) -> list[Term]:
    """Terms of the events of one criterion, and of those that nobody wrote down."""
    mine = [w for w in weighed if m.categories[w.event.category].criterion == c.criterion]
    adverse = _case_sizes([w for w in mine if w.event.direction == "adverse"])
    # A ruling that settles a case acts on that case alone, through what it leaves standing.
    good = _case_sizes(
        [w for w in mine if w.event.direction == "favourable" and not w.event.settles]
    )
    zero = np.zeros(draws.n)
    burden = sum((size for _, size in adverse), zero)
    credit = draws.settings["favourable_weight"] * sum((size for _, size in good), zero)
    # Good news offsets at most a share of the burden: it never erases an outage or a ruling.
    used = np.minimum(credit, m.value("favourable_limit") * burden)
    scale = share * math.log(2) / c.halving_burden
    with np.errstate(divide="ignore", invalid="ignore"):
        part = np.where(credit > 0, used / np.where(credit > 0, credit, 1), 0.0)
    terms = [_event_term(c, event, scale * size) for event, size in adverse]
    good_weight = draws.settings["favourable_weight"]
    terms += [_event_term(c, event, -scale * part * good_weight * size) for event, size in good]
    unseen = draws.settings[f"unseen_{ev.vendor.press}"]
    if draws.random:
        u = _own_random(f"{ev.vendor.vendor}:{c.criterion}:unseen", draws, 1)[0]
        unseen = m.settings[f"unseen_{ev.vendor.press}"].high * u
    if m.settings[f"unseen_{ev.vendor.press}"].high > 0:
        what = "events that nobody wrote down (press follows this vendor less)"
        terms.append(Term(c.criterion, what, (), scale * unseen, "unknown"))
    return terms


def _event_term(c: Criterion, event: Event, loss: Array) -> Term:
    return Term(c.criterion, event.summary, (event.event_id,), loss, "event", (source_of(event),))


def _log_loss(points: Array, m: Method) -> Array:
    loss: Array = np.log(100 / np.clip(points, m.value("floor"), 100))
    return loss


def _unknown(c: Criterion, i: Indicator, ev: Evidence, m: Method, draws: Draws) -> Term:
    """A part without evidence: anything between the floor and the best that could be true."""
    floor = m.value("floor")
    top = 100.0
    if i.scale == "days":  # no more than any platform is seen to give
        top = 100 * m.settings["notice_unknown"].high / m.value("notice_full_days")
    u = np.full(draws.n, 0.5)
    if draws.random:
        u = _own_random(f"{ev.vendor.vendor}:{c.criterion}:{i.indicator}", draws, 1)[0]
    loss = i.share * _log_loss(floor + u * (top - floor), m)
    return Term(
        c.criterion, f"not known: {i.meaning[0].lower()}{i.meaning[1:]}", (), loss, "unknown"
    )


def points_of(scale: str, value: str) -> float | None:
    """Points of a fact on an indicator's scale; None where the value is not on it.

    >>> points_of("98=5;99.95=100", "98.975")
    52.5
    """
    steps = dict(step.split("=") for step in scale.split(";"))
    word = value.strip().lower()
    if word in steps:
        return float(steps[word])
    try:
        number, knots = float(word), sorted((float(k), float(p)) for k, p in steps.items())
    except ValueError:
        return None
    return float(np.interp(number, [k for k, _ in knots], [p for _, p in knots]))


def _fact_term(c: Criterion, i: Indicator, ev: Evidence, m: Method, draws: Draws) -> Term:
    fact = ev.facts.get(i.indicator)
    points = points_of(i.scale, fact.value) if fact else None
    if fact is None or points is None:
        return _unknown(c, i, ev, m, draws)
    loss = i.share * _log_loss(np.full(draws.n, points), m)
    what = f"{i.meaning}: {fact.value}"
    ids = (f"fact:{fact.vendor}:{fact.attribute}",)
    return Term(c.criterion, what, ids, loss, "fact", (source_of(fact),))


def habit(notices: tuple[Notice, ...]) -> tuple[Notice, ...]:
    """Notices that show a vendor's habit: generally available models, with a separate notice."""
    return tuple(n for n in notices if n.stage == "ga" and n.days is not None and not n.at_launch)


def shrunk_notice_days(days: list[int], pool_days: Array, pool_weight: float) -> Array:
    """Lower quartile of notice, drawn to the pooled one with the weight of a few notices. [d]"""
    quartile = float(np.percentile(days, 25)) if days else 0.0
    drawn: Array = (len(days) * quartile + pool_weight * pool_days) / (len(days) + pool_weight)
    return drawn


def _notice_terms(c: Criterion, i: Indicator, ev: Evidence, m: Method, draws: Draws) -> list[Term]:
    known = habit(ev.notices)
    if not known:
        return [_unknown(c, i, ev, m, draws)]
    days = [n.days for n in known if n.days is not None]
    pool = draws.settings["notice_pool_days"]
    typical = shrunk_notice_days(days, pool, m.value("notice_pool_weight"))
    spread = draws.settings["notice_spread"]
    if draws.random:
        band = m.settings["notice_spread"]
        u = _own_random(f"{ev.vendor.vendor}:notice", draws, 1)[0]
        # A short record is less sure: the band is for the least number of notices.
        spread = (band.low + u * (band.high - band.low)) ** math.sqrt(
            m.value("notice_min") / len(days)
        )
    points = 100 * typical * spread / m.value("notice_full_days")
    loss = i.share * _log_loss(points, m)
    quartile = float(np.percentile(days, 25))
    what = f"{i.meaning}: {quartile:.0f} days in {len(days)} notices"
    ids = tuple(n.notice_id for n in known)
    sources = tuple({n.row.url: source_of(n.row) for n in known}.values())
    return [Term(c.criterion, what, ids, loss, "notice", sources)]


def promised_days(ev: Evidence, m: Method) -> float | None:
    """Days of notice that the promise is worth today; 0 for none; None if nothing is known.

    No more than the observed lower quartile, once there are enough notices to see one; and half,
    while the promise is younger than a year and no notice has kept it.
    """
    if ev.promise is None:
        return None
    promised = float(ev.promise.days or 0)
    since = known_by(ev.promise.date)
    young = (ev.day - since).days < m.value("promise_young_days")
    kept = any(
        n.days is not None and n.days >= promised and n.known_date >= since for n in ev.notices
    )
    worth = promised / 2 if young and not kept else promised
    seen = [n.days for n in habit(ev.notices) if n.days is not None]
    if len(seen) < m.value("notice_min"):
        return worth
    return min(worth, float(np.percentile(seen, 25)))


def _promise_term(c: Criterion, i: Indicator, ev: Evidence, m: Method, draws: Draws) -> Term:
    days = promised_days(ev, m)
    if days is None:
        return _unknown(c, i, ev, m, draws)
    loss = i.share * _log_loss(np.full(draws.n, 100 * days / m.value("notice_full_days")), m)
    said = f"{ev.promise.days:.0f} days" if ev.promise.days else "none in days"
    ids = (f"policy:{ev.promise.vendor}:{ev.promise.date}",)
    return Term(c.criterion, f"{i.meaning}: {said}", ids, loss, "fact", (source_of(ev.promise),))


def _criterion_terms(
    c: Criterion, weighed: list[_Weighed], ev: Evidence, m: Method, draws: Draws
) -> list[Term]:
    """Terms of one criterion: their sum lies between ln(100/100) and ln(100/floor)."""
    terms: list[Term] = []
    for i in m.indicators[c.criterion]:
        if i.indicator == "events":
            terms += _event_terms(c, i.share, weighed, ev, m, draws)
        elif i.indicator == "notice_observed":
            terms += _notice_terms(c, i, ev, m, draws)
        elif i.indicator == "notice_promised":
            terms.append(_promise_term(c, i, ev, m, draws))
        else:
            terms.append(_fact_term(c, i, ev, m, draws))
    total = sum((t.loss for t in terms), np.zeros(draws.n))
    limit = math.log(100 / m.value("floor"))
    with np.errstate(divide="ignore", invalid="ignore"):
        squeeze = np.where(total > limit, limit / np.where(total > 0, total, 1), 1.0)
    terms = [_times(t, squeeze) for t in terms]
    if c.criterion == "C4" and _weak_promise(ev, m):
        short = math.log(100 / m.value("cap_no_promise")) - np.minimum(total, limit)
        what = f"cap: no promised notice of {m.value('promise_short_days'):.0f} days or more"
        sources = (source_of(ev.promise),)
        terms.append(Term(c.criterion, what, (), np.maximum(0.0, short), "cap", sources))
    return terms


def _weak_promise(ev: Evidence, m: Method) -> bool:
    return ev.promise is not None and (ev.promise.days or 0) < m.value("promise_short_days")


def _times(term: Term, factor: Array) -> Term:
    return Term(term.criterion, term.what, term.ids, term.loss * factor, term.origin, term.sources)


def _cap(ev: Evidence, weighed: list[_Weighed], m: Method, draws: Draws) -> tuple[Array, list[Any]]:
    """Highest score by draw, and the evidence of each cap that applies."""
    cap = np.full(draws.n, 100.0)
    why: list[Any] = []
    for w in weighed:
        if w.event.direction == "adverse" and (ev.day - w.event.known_date).days <= 365:
            lost = w.severity >= 5
            level = np.where(w.residual < 0.5, m.value("cap_lost_reversed"), m.value("cap_lost"))
            cap = np.where(lost & (w.size > 0), np.minimum(cap, level), cap)
            if lost.any():
                why.append(w.event)
    control = ev.facts.get("control_change")
    limits = {"open": "cap_control_open", "acqui-hire": "cap_acquihire"}
    if control is not None and control.value in limits:
        cap = np.minimum(cap, m.value(limits[control.value]))
        why.append(control)
    return cap, why


def losses(ev: Evidence, m: Method, draws: Draws) -> tuple[Array, list[Term]]:
    """The score of every draw [0–100], and terms that add up to ln(100 / score) in every draw."""
    weighed = _weigh(ev, m, draws)
    criteria = applicable(m, ev.vendor)
    norm = sum((draws.weights[c.criterion] for c in criteria), np.zeros(draws.n))
    norm = np.where(norm > 0, norm, 1.0)
    terms: list[Term] = []
    for c in criteria:
        weight = draws.weights[c.criterion] / norm
        terms += [_times(t, weight) for t in _criterion_terms(c, weighed, ev, m, draws)]
    total = sum((t.loss for t in terms), np.zeros(draws.n))
    cap, why = _cap(ev, weighed, m, draws)
    extra = np.maximum(0.0, np.log(100 / cap) - total)
    if why:
        ids = tuple(getattr(x, "event_id", f"fact:{x.vendor}:control_change") for x in why)
        sources = tuple(source_of(x) for x in why)
        terms.append(Term("cap", "cap by a red flag", ids, extra, "cap", sources))
    return 100 * np.exp(-(total + extra)), terms


def score_at(record: Record, vendor: Vendor, day: dt.date, m: Method | None = None) -> float:
    """The score with every setting at its central value: deterministic. [0–100, higher is safer]"""
    m = m or method()
    return float(losses(evidence(record, vendor, day), m, central(m))[0][0])


# Results


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
class CriterionScore:
    """One cell of the heat map: the criterion's own score, and what is behind it."""

    criterion: str
    name: str
    score: Range
    weight: float
    events: int
    notices: int
    facts: int
    unknown: bool
    """Part of the criterion is not known, so its interval is wide."""


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
    low95: float
    high95: float
    severe_only: float
    """Score from events of severity 3 and more alone: less press, fewer rows, same events."""
    rows: int
    covered: int
    """Criteria with an event, a notice or a fact."""
    criteria: tuple[CriterionScore, ...]
    contributions: tuple[Contribution, ...]
    red_flags: tuple[RedFlag, ...]
    events: tuple[Event, ...]
    notices: tuple[Notice, ...]
    notice_quartile_days: float | None
    notice_count: int
    promised_days: float | None
    draws: Array = field(repr=False, compare=False)

    @property
    def words(self) -> str:
        return "scored" if self.ranked else self.why_not


@dataclass(frozen=True, slots=True)
class Pair:
    """Is one vendor ahead of another, and why can or cannot one say so?"""

    ahead: str
    behind: str
    probability: float
    separable: bool
    gap: float
    """Difference of the medians. [points]"""
    spread: float
    """Mean width of the two 80 % intervals. [points]"""
    reasons: tuple[tuple[str, float], ...]
    """Criteria with the largest differences; positive is in favour of `ahead`. [points]"""


def score(ev: Evidence, m: Method, draws: Draws) -> VendorScore:
    """Score one vendor: a pure function of its own evidence, the method and the draws."""
    values, terms = losses(ev, m, draws)
    p = np.percentile(values, [2.5, 10, 50, 90, 97.5])
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
        score=Range(float(p[1]), float(p[2]), float(p[3]), "points of 100"),
        low95=float(p[0]),
        high95=float(p[4]),
        severe_only=_severe_only(ev, m),
        rows=ev.rows,
        covered=covered,
        criteria=_criteria(ev, m, draws, terms),
        contributions=contributions(values, terms),
        red_flags=red_flags(ev, m),
        events=ev.events,
        notices=ev.notices,
        notice_quartile_days=float(np.percentile(days, 25)) if days else None,
        notice_count=len(known),
        promised_days=promised_days(ev, m),
        draws=values,
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


def _criteria(
    ev: Evidence, m: Method, draws: Draws, terms: list[Term]
) -> tuple[CriterionScore, ...]:
    criteria = applicable(m, ev.vendor)
    norm = sum((draws.weights[c.criterion] for c in criteria), np.zeros(draws.n))
    norm = np.where(norm > 0, norm, 1.0)
    out = []
    for c in criteria:
        mine = [t for t in terms if t.criterion == c.criterion]
        weight = draws.weights[c.criterion] / norm
        loss = sum((t.loss for t in mine), np.zeros(draws.n))
        own = 100 * np.exp(-loss / np.where(weight > 0, weight, np.inf))
        low, mid, high = (float(x) for x in np.percentile(own, [10, 50, 90]))
        events = sum(m.categories[e.category].criterion == c.criterion for e in ev.events)
        out.append(
            CriterionScore(
                criterion=c.criterion,
                name=c.name,
                score=Range(low, mid, high, "points of 100"),
                weight=float(np.mean(weight)),
                events=events,
                notices=len(ev.notices) if c.criterion == "C4" else 0,
                facts=sum(t.origin == "fact" for t in mine),
                unknown=any(t.what.startswith("not known") for t in mine),
            )
        )
    return tuple(out)


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


def _severe_only(ev: Evidence, m: Method) -> float:
    severe = tuple(e for e in ev.events if e.severity >= 3)
    thin = Evidence(ev.vendor, ev.day, severe, ev.notices, ev.facts, ev.promise, ev.ratings)
    return float(losses(thin, m, central(m))[0][0])


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
        recent = (ev.day - event.known_date).days <= 365
        if recent and event.direction == "adverse" and event.severity >= 4:
            flags.append(_event_flag(event, ev, m))
    if _weak_promise(ev, m):
        said = f"{ev.promise.days:.0f} days" if ev.promise.days else "no number of days"
        text = f"notice promised before a model is retired: {said}"
        flags.append(RedFlag(text, source_of(ev.promise), (), None))
    return tuple(flags)


def _event_flag(event: Event, ev: Evidence, m: Method) -> RedFlag:
    left = _residual(event, ev.events, central(m))[0]
    state = "" if left == 1 else " (since lifted or settled)" if left == 0 else " (since ruled on)"
    label = "alleged: " if event.evidence == "alleged" else ""
    cap = None
    if event.severity >= 5:
        cap = m.value("cap_lost_reversed" if left < 0.5 else "cap_lost")
    text = f"{event.event_date}: {label}{event.summary}{state}"
    return RedFlag(text, source_of(event), (event.event_id,), cap)


def rank_acceptability(scores: list[VendorScore]) -> dict[str, tuple[float, ...]]:
    """Share of draws in which each vendor takes rank 1, 2, … among those with enough evidence.

    SMAA rank acceptability index (Lahdelma and Salminen 2001, Operations Research 49).
    """
    ranked = [s for s in scores if s.ranked]
    if not ranked:
        return {}
    values = np.array([s.draws for s in ranked])
    ranks = (-values).argsort(axis=0, kind="stable").argsort(axis=0, kind="stable")
    places = range(len(ranked))
    return {
        s.vendor: tuple(float(np.mean(ranks[i] == p)) for p in places) for i, s in enumerate(ranked)
    }


def pairwise(scores: list[VendorScore], m: Method) -> tuple[Pair, ...]:
    """Every pair of vendors with enough evidence: who is ahead, with what probability, and why."""
    ranked = sorted((s for s in scores if s.ranked), key=lambda s: (-s.score.central, s.vendor))
    return tuple(_pair(a, b, m) for i, a in enumerate(ranked) for b in ranked[i + 1 :])


def _pair(a: VendorScore, b: VendorScore, m: Method) -> Pair:
    p = float(np.mean(a.draws > b.draws) + np.mean(a.draws == b.draws) / 2)
    if p < 0.5:
        a, b, p = b, a, 1 - p
    widths = [x.score.high - x.score.low for x in (a, b)]
    return Pair(
        ahead=a.vendor,
        behind=b.vendor,
        probability=p,
        separable=p >= m.value("separable"),
        gap=a.score.central - b.score.central,
        spread=sum(widths) / 2,
        reasons=_reasons(a, b),
    )


def _reasons(a: VendorScore, b: VendorScore) -> tuple[tuple[str, float], ...]:
    """The three criteria that differ most between two vendors, half a point and more."""
    points: dict[str, float] = defaultdict(float)
    for sign, s in ((1, a), (-1, b)):
        for c in s.contributions:
            points[c.criterion] += sign * c.points
    names = {c.criterion: c.name for s in (a, b) for c in s.criteria} | {"cap": "red-flag cap"}
    order = sorted(points.items(), key=lambda kv: (-abs(kv[1]), kv[0]))[:3]
    return tuple((names[c], v) for c, v in order if abs(v) >= 0.5)


@dataclass(frozen=True, slots=True)
class Driver:
    """How much of a score's variance one setting or weight explains on its own."""

    name: str
    share: float
    low: float
    high: float


def drivers(s: VendorScore, draws: Draws) -> tuple[Driver, ...]:
    """First-order sensitivity of a score to weights and settings, from the draws already made.

    SALib's RBD-FAST in its given-data form (Plischke 2010); what remains is the rows themselves
    (severity codings, dropped rows) and values that are not known.
    """
    from SALib.analyze import rbd_fast

    inputs = {f"weight {c}": x for c, x in draws.weights.items()}
    inputs |= {name.replace("_", " "): x for name, x in draws.settings.items()}
    inputs = {k: x for k, x in inputs.items() if float(np.ptp(x)) > 0}
    bounds = [[float(x.min()), float(x.max())] for x in inputs.values()]
    problem = {"num_vars": len(inputs), "names": list(inputs), "bounds": bounds}
    columns = np.column_stack(list(inputs.values()))
    found = rbd_fast.analyze(problem, columns, s.draws, num_resamples=50, seed=draws.seed)
    half = found["S1_conf"]
    out = [
        Driver(n, max(0.0, float(v)), max(0.0, float(v - h)), max(0.0, float(v + h)))
        for n, v, h in zip(inputs, found["S1"], half, strict=True)
    ]
    return tuple(sorted(out, key=lambda d: -d.share))


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
    acceptability: Mapping[str, tuple[float, ...]]
    pairs: tuple[Pair, ...]
    shocks: tuple[ShockEffect, ...]
    readiness: tuple[ReadinessItem, ...]
    agreement: tuple[Agreement, ...]
    weights: Mapping[str, float]
    unknown_vendors: tuple[str, ...]
    """Vendors of options that are not in the record: no score, and no guess."""
    inputs: tuple[Input, ...]
    draws: Draws = field(repr=False)

    def pair(self, a: str, b: str) -> Pair | None:
        """The comparison of two vendors, whichever is ahead; None if either has no rank."""
        wanted = {a, b}
        return next((p for p in self.pairs if {p.ahead, p.behind} == wanted), None)

    def drivers(self, vendor: str) -> tuple[Driver, ...]:
        """Which weights and settings move a vendor's score."""
        return drivers(self.everyone[vendor], self.draws)


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
    ranked = list(scores.values())
    return Assessment(
        as_of=day,
        vendors={n: scores[v.vendor] for n, v in known.items() if v is not None},
        everyone=scores,
        options=options,
        acceptability=rank_acceptability(ranked),
        pairs=pairwise(ranked, m),
        shocks=tuple(e for e in effects if e is not None),
        readiness=items,
        agreement=tuple(agreement(record)),
        weights=weights_of(m, scenario.stability.weights),
        unknown_vendors=tuple(sorted(n for n, v in known.items() if v is None)),
        inputs=_inputs(m, scenario),
        draws=draws,
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
