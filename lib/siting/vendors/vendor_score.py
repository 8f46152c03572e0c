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
score. On news events the score has shown no skill as a forecast (`siting validate stability`):
read it as a sorted record with ranges.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.catalogue import Fact, Setting, Source, facts_dir, source_of
from siting.vendors.vendor_record import Event, Notice, Record, Vendor, known_by

Array = npt.NDArray[np.float64]


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
        settings=catalogue.settings("stability_settings"),
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


def case_state(event: Event, events: tuple[Event, ...], draws: Draws) -> Array:
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
            residual = case_state(event, ev.events, draws)
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

    No more than the observed lower quartile, once there are enough notices to see one; until
    then half, while the promise is younger than a year.
    """
    if ev.promise is None:
        return None
    promised = float(ev.promise.days or 0)
    seen = [n.days for n in habit(ev.notices) if n.days is not None]
    if len(seen) >= m.value("notice_min"):
        return min(promised, float(np.percentile(seen, 25)))
    young = (ev.day - known_by(ev.promise.date)).days < m.value("promise_young_days")
    return promised / 2 if young else promised


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
    if c.criterion == "C4" and weak_promise(ev, m):
        short = math.log(100 / m.value("cap_no_promise")) - np.minimum(total, limit)
        what = f"cap: no promised notice of {m.value('promise_short_days'):.0f} days or more"
        sources = (source_of(ev.promise),)
        terms.append(Term(c.criterion, what, (), np.maximum(0.0, short), "cap", sources))
    return terms


def weak_promise(ev: Evidence, m: Method) -> bool:
    """Whether the vendor promises no notice, or less than a month."""
    return ev.promise is not None and (ev.promise.days or 0) < m.value("promise_short_days")


def _times(term: Term, factor: Array) -> Term:
    return Term(term.criterion, term.what, term.ids, term.loss * factor, term.origin, term.sources)


def _cap(ev: Evidence, weighed: list[_Weighed], m: Method, draws: Draws) -> tuple[Array, list[Any]]:
    """Highest score by draw, and the evidence of each cap that applies."""
    cap = np.full(draws.n, 100.0)
    why: list[Any] = []
    for w in weighed:
        if w.event.direction == "adverse" and (ev.day - w.event.known_date).days <= m.value(
            "cap_days"
        ):
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
