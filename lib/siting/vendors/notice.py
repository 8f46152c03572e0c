"""How long will the model in use live, and how much notice will its end come with?

Notice is a habit of each vendor, and its own record foretells the next one (`siting validate
stability`). The chance that the next notice is at most d days is beta-binomial: the vendor's own
notices of generally available models, halved with every half-life of age, and a few more at the
share of a typical vendor: the mean over vendors of their own shares, so that a vendor with many
notices does not stand for all. What all vendors drift to moves its log odds, with the same memory.

    share ~ Beta(Σ w short + k pool, Σ w (1 − short) + k (1 − pool)),   w = 2^(−age / half-life)

How fast habits fade, how much the typical vendor weighs and how slowly the drift is believed is
not chosen by hand: each stands at evenly spaced values of a wide range, and the variants are mixed
by how well each foretold the notices before the day (weights ∝ likelihood: Dawid 1984, Journal of
the Royal Statistical Society A 147). No notice enters a forecast of its own day.

All of it tells who gives short notice, not when.

The life of a model is log-normal, fitted by maximum likelihood to models that have ended, or whose
last day is announced, and to those that still live, which count as longer than they have lived so
far. The vendor's own lives are drawn to those of all vendors by the weight of a few models.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
import scipy  # whose parts load once they are used: a check of a file needs none

from siting import catalogue
from siting.catalogue import Source
from siting.quantity import DAYS_OF_MONTH, DAYS_OF_PLAN_YEAR, Range
from siting.records import frozen
from siting.vendors.vendor_record import (
    Living,
    Notice,
    Record,
    Retirement,
    exact_day,
    known_by,
    separate,
    setting,
)

Array = npt.NDArray[np.float64]

LIMITS = (30, 90, 180)
"""Days of notice that chances are given for."""

DRAWS = 4000
"""Simulated series of models and of shocks."""

VARIANTS = {"half_life_days": 8, "pool_weight": 5, "drift_weight": 4}
"""Values that each constant takes, from its low to its high one
(siting_facts/vendor_settings.csv)."""

STEPS = 2
"""Newton steps to the drift; more change no chance in the fourth digit."""


@frozen
class NoticeChance:
    """Chance that a vendor's next retirement notice is at most `within` days."""

    within: int
    chance: Range
    """Mean and 80 % interval of the beta distribution. [share]"""
    notices: int
    short: int
    """The vendor's own notices so far, and those of at most `within` days."""
    pool: float
    """The same chance for a vendor without notices."""
    a: float
    b: float
    """Parameters of the beta distribution."""


@frozen
class Successor:
    """A model that may follow another at its vendor."""

    model: str
    until: dt.date | None
    """Its announced last day; None where none is announced."""
    region: str = ""
    """Where it is sold in the other's place; blank for the same region."""
    is_good: bool = False
    """Whether it is known to be as good at like effort: then it has a price in the plan."""


@frozen
class Ending:
    """What is known and to be expected of the end of one API model."""

    vendor: str
    model: str
    released: dt.date | None
    announced: dt.date | None
    retired: dt.date | None
    """Announced last day; None where none is announced."""
    named: tuple[Successor, ...]
    """What a vendor of it names and that outlives it at this one: what lasts longest first."""
    life: Range
    """Usual life of the vendor's models. [days]"""
    by_year: tuple[float, ...]
    """Chance that the model ends in each year of the horizon. [share]"""
    moves: tuple[Range, ...]
    """Moves to another model to budget for, by year of the horizon: expected, and in the tenths of
    fewest and of most moves."""
    sources: tuple[Source, ...]


def mixed(chances: Array, worth: Array, likelihood: Array) -> tuple[Array, Array]:
    """Chance that a notice is short, and the notices that it is worth, over all variants.

    Each counts by how well it foretold before. Both by limit and asked (vendor, day).
    """
    weight = scipy.special.softmax(likelihood, axis=0)[:, None]
    return (weight * chances).sum(axis=0), (weight * worth).sum(axis=0)


def variants(
    notices: Sequence[Notice], asked: Sequence[tuple[str, dt.date]]
) -> tuple[Array, Array, Array]:
    """What each variant foretells, its worth in notices, and how well it did before. [log]

    notices: separate ones. The first two by variant, limit and asked (vendor, day), the last by
    variant and asked: from earlier days alone.
    """
    rows = [(n.vendor, n.announced or dt.date.max) for n in notices] + list(asked)
    _, who = np.unique([vendor for vendor, _ in rows], return_inverse=True)
    day = np.array([float(d.toordinal()) for _, d in rows])
    past = len(notices)
    was_short = np.array([[n.within(limit) for n in notices] for limit in LIMITS], float)
    known = np.isfinite(was_short)
    came = was_short == 1
    of_vendor = np.eye(who.max() + 1)[who]
    age = day[:, None] - day[:past]
    before = age > 0
    settings = (catalogue.settings("vendor_settings")[f"notice_{name}"] for name in VARIANTS)
    each = zip(settings, VARIANTS.values(), strict=True)
    fading, pooling, drifting = (np.geomspace(s.low, s.high, count) for s, count in each)
    chances = []
    worth = []
    for half_life in fading:
        weight = before * 0.5 ** (np.maximum(age, 0) / half_life)
        brief, every = ((kind[:, None] * weight) @ of_vendor[:past] for kind in (came, known))
        seen = (every > 0).sum(axis=-1)
        shares = np.where(every > 0, (brief + 0.25) / (every + 0.5), 0).sum(axis=-1)
        pool = np.where(seen, shares / np.maximum(seen, 1), 0.5)
        own_brief, own = ((of_vendor * x).sum(axis=-1) for x in (brief, every))
        counted = weight * known[:, None]
        for k in pooling:
            odds = scipy.special.logit((own_brief + k * pool) / (own + k))
            chances += [_drifted(odds, came, counted, slow) for slow in drifting]
            worth += [own + k] * len(drifting)
    chance = np.array(chances)
    evidence = np.array(worth)
    hit = np.where(came, chance[..., :past], 1 - chance[..., :past])
    likelihood: Array = np.where(known, np.log(hit), 0).sum(axis=1) @ before.T
    return chance[..., past:], evidence[..., past:], likelihood[:, past:]


def _drifted(odds: Array, came: Array, counted: Array, weight: float) -> Array:
    """Chances moved in log odds by what they missed of late: ridge, by Newton's method.

    counted: how much each earlier notice counts on a day. [limit × asked × notice] weight: against
    a drift.
    """
    shift = np.zeros((len(odds), 1))
    past = came.shape[1]
    for _ in range(STEPS):
        p = scipy.special.expit(odds[:, None, :past] + shift[..., None])
        slope = np.einsum("lan,lan->la", counted, came[:, None] - p) - weight * shift
        shift = shift + slope / (np.einsum("lan,lan->la", counted, p * (1 - p)) + weight)
    found: Array = scipy.special.expit(odds + shift)
    return found


def notice_chances(record: Record, vendor: str, day: dt.date) -> tuple[NoticeChance, ...]:
    """Chances for `vendor` from what was public on `day`."""
    known = _chances(record.as_of(day), day)
    return known.get(vendor, known[""])


def notice_chance(record: Record, vendor: str, day: dt.date, needed: int) -> NoticeChance:
    """Chance of a notice that is shorter than the days that are needed.

    Of the nearest limit that is no less than these, or the longest.
    """
    limit = next((days for days in LIMITS if days >= needed), LIMITS[-1])
    return next(c for c in notice_chances(record, vendor, day) if c.within == limit)


@lru_cache(maxsize=64)
def _chances(record: Record, day: dt.date) -> dict[str, tuple[NoticeChance, ...]]:
    """Chances for every vendor with notices, and under no name for one without any.

    record: of what was public on `day`.
    """
    known = separate(record.notices)
    names = ["", *dict.fromkeys(n.vendor for n in known)]
    tomorrow = day + dt.timedelta(days=1)
    chance, worth = mixed(*variants(known, [(name, tomorrow) for name in names]))

    def chance_of(i: int, j: int) -> NoticeChance:
        own = (n.within(LIMITS[i]) for n in known if n.vendor == names[j])
        seen = [short for short in own if short is not None]
        mean = float(chance[i, j])
        pool = float(chance[i, 0])
        a = float(mean * worth[i, j])
        b = float((1 - mean) * worth[i, j])
        low, high = (float(q) for q in scipy.special.betaincinv(a, b, [0.1, 0.9]))
        spread = Range(min(low, mean), mean, max(high, mean), unit="share")
        return NoticeChance(
            within=LIMITS[i],
            chance=spread,
            notices=len(seen),
            short=sum(seen),
            pool=pool,
            a=a,
            b=b,
        )

    limits = range(len(LIMITS))
    return {name: tuple(chance_of(i, j) for i in limits) for j, name in enumerate(names)}


# Lives of models


@lru_cache(maxsize=64)
def _rows(record: Record, day: dt.date) -> Mapping[tuple[str, str], Sequence[Retirement]]:
    """Rows of retired and retiring models that were public on `day`, by vendor and bare name of the
    model, in the order of their notices."""
    found: dict[tuple[str, str], list[Retirement]] = {}
    for notice in sorted(record.as_of(day).notices, key=lambda n: n.known_date):
        for row in notice.rows:
            found.setdefault((notice.vendor, _key(row.model)), []).append(row)
    return found


@dataclass(frozen=True, slots=True)
class Life:
    """One generally available model, from its release on."""

    vendor: str
    days: float
    """Until its last day, or until the day that is asked about while none is announced. [d]"""
    ended: bool
    """Whether its last day is past or announced."""


@lru_cache(maxsize=64)
def lives(record: Record, day: dt.date) -> tuple[Life, ...]:
    """Lives of all models whose day of release is known, as they stood on `day`.

    A model that is retired later, without a word by the day, was living then like any other.
    """
    known = {r for n in record.as_of(day).notices for r in n.rows}
    retiring = [r for n in record.notices for r in n.rows if r.stage == "ga"]
    every: list[Retirement | Living] = [*retiring, *record.living]
    found = []
    for born in every:
        start = exact_day(born.released)
        if start is None or start >= day:
            continue
        end = exact_day(born.retired) if isinstance(born, Retirement) and born in known else None
        last = known_by(born.date) if isinstance(born, Living) else day  # on which it was seen
        until = end or min(day, last)
        if until > start:
            found.append(Life(born.vendor, float((until - start).days), end is not None))
    return tuple(found)


@frozen
class UsualLife:
    """How long models of a vendor live."""

    range: Range
    """Median and the middle 80 %. [days]"""
    sigma: float
    """Spread of the logarithm, that of all vendors."""


@lru_cache(maxsize=256)
def life(record: Record, vendor: str, day: dt.date) -> UsualLife:
    """Usual life of a vendor's models: log-normal with right-censored lives.

    Of few own models, and of none, the median is drawn to that of all vendors by the weight of
    `life_pool_weight` models.
    """
    every = lives(record, day)
    own = [x for x in every if x.vendor == vendor]
    sigma, median = _fit(tuple(every))
    typical = float(np.log(median))
    ends = sum(x.ended for x in own)
    if ends:
        weight = setting("life_pool_weight")
        _, scale = _fit(tuple(own), sigma)
        typical = (ends * float(np.log(scale)) + weight * typical) / (ends + weight)
    tenths = scipy.special.ndtri([0.1, 0.5, 0.9])
    low, mid, high = (float(np.exp(typical + z * sigma)) for z in tenths)
    return UsualLife(
        range=Range(low, mid, high, unit="days"),
        sigma=sigma,
    )


@lru_cache(maxsize=256)
def _fit(found: tuple[Life, ...], sigma: float | None = None) -> tuple[float, float]:
    """Spread of the logarithm and median of lives, by maximum likelihood; the spread may be given.

    Where none has ended there is nothing to fit: all are taken as ended today, which is too short.
    """
    ended = np.array([x.days for x in found if x.ended] or [x.days for x in found])
    living = np.array([x.days for x in found if not x.ended][: len(found) - len(ended)])
    if not len(living):
        logs = np.log(ended)
        return float(logs.std() if sigma is None else sigma), float(np.exp(logs.mean()))

    def unlikely(sought: Array) -> float:
        """Minus the log likelihood: a life that lasts counts as longer than it is so far."""
        spread = float(sought[0]) if sigma is None else sigma
        median = float(sought[-1])
        if spread <= 0 or median <= 0:
            return np.inf
        over = np.log(ended / median)
        density = -(over**2) / (2 * spread**2) - np.log(spread * np.sqrt(2 * np.pi) * ended)
        longer = scipy.special.log_ndtr(-np.log(living / median) / spread)
        return -float(density.sum() + longer.sum())

    # A spread of one, a median of a day: another beginning moves the seventh digit.
    begun = (1.0, 1.0) if sigma is None else (1.0,)
    best = scipy.optimize.fmin(unlikely, begun, disp=0)
    return float(best[0]) if sigma is None else sigma, float(best[-1])


@cache
def _key(name: str) -> str:
    """A model's name without maker, signs and date of its version."""
    bare = re.sub(r"[^a-z0-9.]", "", name.lower().split("/")[-1])
    bare = re.sub(r"^((eu|us|apac|global)\.)?(anthropic|amazon|cohere|meta|mistral)\.", "", bare)
    return re.sub(r"(20\d{6}|20\d\d\.?\d\d\.?\d\d)(v\d+)?$", "", bare)


def known_end(
    record: Record, vendor: str, model: str, day: dt.date
) -> tuple[Retirement | None, Retirement | None]:
    """The row that says when `model` ends at `vendor`, and one that says when it was released.

    A version that is named with its date counts alone; of several versions of a bare name the one
    that lives longest.
    """
    known = _rows(record, day).get((vendor, _key(model)), ())
    rows = [r for r in known if r.model.lower() == model.lower()] or known
    dated = [r for r in rows if exact_day(r.retired)]
    born = [r for r in rows if exact_day(r.released)]
    return (
        max(dated, key=lambda r: r.retired, default=None),
        max(born, key=lambda r: r.released, default=None),
    )


def _born(record: Record, vendor: str, model: str, day: dt.date) -> Retirement | Living | None:
    """The row that says when a model was released which no retirement of its vendor dates: as one
    that lives there, else as one that another vendor has had the longest."""
    wanted = _key(model)
    living = [x for x in record.living if _key(x.model) == wanted and exact_day(x.released)]
    elsewhere = (known_end(record, v.vendor, model, day)[1] for v in record.vendors)
    found: list[Retirement | Living] = [*living, *filter(None, elsewhere)]
    own = [x for x in found if x.vendor == vendor]
    public = (x for x in own or found if x.released <= day.isoformat())
    return min(public, key=lambda x: x.released, default=None)


@lru_cache(maxsize=1024)
def ending(
    record: Record,
    vendor: str,
    model: str,
    day: dt.date,
    months: int,
    seed: int,
    born_on: dt.date | None = None,
) -> Ending:
    """When `model` is likely to end at `vendor`, and how many moves a horizon of months brings.

    Where an end is announced, it is taken as it stands; a model without a day of release is taken
    as new, unless `born_on` says when, or the record knows it from another vendor.
    """
    end, own = known_end(record, vendor, model, day)
    born = own if own or born_on else _born(record, vendor, model, day)
    usual = life(record, vendor, day)
    retired = exact_day(end.retired) if end else None
    released = exact_day(born.released) if born else born_on
    rng = np.random.default_rng([seed, len(model), *model.encode()])
    if retired:
        first = np.full(DRAWS, float((retired - day).days))
    else:
        age = _age(released, day)
        first = _remaining(usual.range.central, usual.sigma, age, rng.random(DRAWS))
    return Ending(
        vendor=vendor,
        model=model,
        released=released,
        announced=exact_day(end.announced) if end else None,
        retired=retired,
        named=_successors(record, vendor, model, day),
        life=usual.range,
        by_year=_ends_by_year(first, months),
        moves=_moves_a_year(first, months, usual, rng),
        sources=tuple(r.provenance for r in (end, born) if r),
    )


def _age(released: dt.date | None, day: dt.date) -> float:
    """How long a model has lived; one without a day of release is new. [d]"""
    return max(0.0, float((day - released).days)) if released else 0.0


def _ends_by_year(left: Array, months: int) -> tuple[float, ...]:
    """Chance that a model ends in each year of a horizon; what is over already, in the first.
    left: days that it still lives, by draw. [share]"""
    year_of_end = np.maximum(np.ceil(left / DAYS_OF_PLAN_YEAR) - 1, 0)
    return tuple(float(np.mean(year_of_end == year)) for year in range(math.ceil(months / 12)))


def _moves_a_year(
    first: Array, months: int, usual: UsualLife, rng: np.random.Generator
) -> tuple[Range, ...]:
    """Moves to another model in each year of a horizon: those expected, and those in the tenths of
    draws with the fewest and with the most of them over the horizon.

    Each successor lives a whole life from the day on which it is moved to.
    first: days until the first move, by draw.
    """
    years = math.ceil(months / 12)
    moves = np.zeros((years, DRAWS))
    at = first
    draw = np.arange(DRAWS)
    while (inside := at < DAYS_OF_PLAN_YEAR * months / 12).any():
        year = np.clip(at // DAYS_OF_PLAN_YEAR, 0, years - 1).astype(int)
        moves[year[inside], draw[inside]] += 1
        at = at + np.exp(np.log(usual.range.central) + usual.sigma * rng.standard_normal(DRAWS))
    total = moves.sum(axis=0)
    low, high = np.percentile(total, [10, 90])
    few = moves[:, total <= low].mean(axis=1)
    many = moves[:, total >= high].mean(axis=1)
    return tuple(
        Range(min(f, m), m, max(h, m), unit="moves a year")
        for f, m, h in zip(few.tolist(), moves.mean(axis=1).tolist(), many.tolist(), strict=True)
    )


def named_in(replacement: str) -> list[str]:
    """Models that a vendor names as successors, written such as `a / b` or `a or b`."""
    return [name for name in re.split(r"[;,/ ]+(?:or )?", replacement) if name]


def _successors(record: Record, vendor: str, model: str, day: dt.date) -> tuple[Successor, ...]:
    """Models that may follow one at a vendor, as vendors of it name them.

    All vendors of a model are heard, so that two of them tell the same; what another names counts
    where this one has it.
    """
    own, _ = known_end(record, vendor, model, day)
    last = exact_day(own.retired) if own else None
    wanted = _key(model)
    living = {_key(x.model) for x in record.living if x.vendor == vendor}
    found: dict[str, dt.date | None] = {}
    for seller in (vendor, *(v.vendor for v in record.vendors if v.vendor != vendor)):
        rows = _rows(record, day).get((seller, wanted), ())
        for name in (n for row in rows for n in named_in(row.replacement)):
            ends, born = known_end(record, vendor, name, day)
            until = exact_day(ends.retired) if ends else None
            is_there = seller == vendor or ends or born or _key(name) in living
            if is_there and (last is None or until is None or until > last):
                found.setdefault(name, until)
    known = [Successor(model=name, until=until) for name, until in found.items()]
    return tuple(sorted(known, key=lambda each: each.until or dt.date.max, reverse=True))


def months_left(known: Ending, day: dt.date) -> Range:
    """Months until a model ends: as announced, or as its vendor's models live, given its age; in
    one case of ten sooner than the low end, in one later than the high one."""
    if known.retired:
        return Range.exact(max(0.0, (known.retired - day).days / DAYS_OF_MONTH), "months")
    median = known.life.central
    high = known.life.high
    sigma = (np.log(high) - np.log(median)) / scipy.special.ndtri(0.9)
    left = _remaining(median, sigma, _age(known.released, day), np.array([0.1, 0.5, 0.9]))
    return Range.ordered((left / DAYS_OF_MONTH).tolist(), "months")


def _remaining(median: float, sigma: float, age: float, share: Array) -> Array:
    """Days until a model ends: what is left of a life at its age, by the share of such lives that
    end sooner. [d]"""
    lived = scipy.special.ndtr((np.log(max(age, 1.0)) - np.log(median)) / sigma)
    u = np.clip(lived + (1 - lived) * share, 1e-9, 1 - 1e-9)
    whole: Array = np.exp(np.log(median) + sigma * scipy.special.ndtri(u))
    return np.maximum(whole - age, 1.0)
