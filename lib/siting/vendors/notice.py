"""How long will the model in use live, and how much notice will its end come with?

Notice is a habit of each vendor, and its own record foretells the next one (`siting validate
stability`). The chance that the next notice is at most d days is beta-binomial: the vendor's own
notices of generally available models, each with a weight that halves with every year of age, and
two more notices at the share of a typical vendor: the mean over vendors of their own shares, so
that a vendor with many notices does not stand for all.

    share ~ Beta(Σ w short + 2 pool, Σ w (1 − short) + 2 (1 − pool)),   w = 2^(−age / 1 year)

The life of a model is log-normal: the median of the vendor's own models from release to end, drawn
to that of all vendors by the weight of a few models, with the spread of all. Only models with an
end date have a life to count, so lives are those of models that were retired: rather short.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import beta, norm

from siting.catalogue import Source, source_of
from siting.quantity import Range
from siting.vendors.vendor_record import Notice, Record, Retirement, Vendor, setting

Array = npt.NDArray[np.float64]

LIMITS = (30, 90, 180)
"""Days of notice that chances are given for."""

DRAWS = 4000
"""Simulated series of models for the number of migrations."""


@dataclass(frozen=True, slots=True)
class NoticeChance:
    """Chance that a vendor's next retirement notice is at most `within` days."""

    within: int
    chance: Range
    """Mean and 80 % interval of the beta distribution. [share]"""
    notices: int
    short: int
    """The vendor's own notices so far, and those of at most `within` days."""
    pool: float
    """Share of short notices of a typical vendor."""
    a: float
    b: float
    """Parameters of the beta distribution."""


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known and to be expected of the end of one API model."""

    vendor: str
    model: str
    released: dt.date | None
    announced: dt.date | None
    retired: dt.date | None
    """Announced last day; None where none is announced."""
    replacement: str
    life: Range
    """Usual life of the vendor's models. [days]"""
    lives: int
    """Models of the vendor that it rests on."""
    by_year: tuple[float, ...]
    """Chance that the model ends in each year of the horizon. [share]"""
    migrations: Range
    """Moves to another model to budget for within the horizon. [moves]"""
    moves: tuple[Range, ...]
    """The same by year of the horizon: expected, and in the tenths of fewest and of most moves."""
    sources: tuple[Source, ...]


def short(notice: Notice, within: int) -> bool | None:
    """Whether customers had at most `within` days; None where the notice may have been longer."""
    if notice.days is None or (notice.bound_only and notice.days <= within):
        return None
    return notice.days <= within


def separate(notices: Iterable[Notice]) -> list[Notice]:
    """Notices that show a habit: generally available models, a day of notice of their own."""
    return [n for n in notices if n.stage == "ga" and n.announced and not n.at_launch]


def _tally(notices: Iterable[Notice], within: int, day: dt.date) -> tuple[float, float]:
    """Weights of short and of longer notices, halved with every year of age."""
    weights = [0.0, 0.0]
    for notice in notices:
        is_short = short(notice, within)
        if is_short is not None and notice.announced:
            age = (day - notice.announced).days / setting("notice_half_life_days")
            weights[not is_short] += 0.5**age
    return weights[0], weights[1]


def typical(notices: Iterable[Notice], within: int, day: dt.date) -> float:
    """Share of short notices of a typical vendor: mean over vendors, half a notice added to each.

    One half where no vendor has given notice.
    """
    by_vendor: dict[str, list[Notice]] = defaultdict(list)
    for notice in notices:
        by_vendor[notice.vendor].append(notice)
    tallies = [_tally(own, within, day) for own in by_vendor.values()]
    shares = [(a + 0.25) / (a + b + 0.5) for a, b in tallies if a + b]
    return sum(shares) / len(shares) if shares else 0.5


def chance(own: Iterable[Notice], pool: float, within: int, day: dt.date) -> tuple[float, float]:
    """Parameters of the beta distribution of a vendor's share of short notices on `day`."""
    prior, (a, b) = setting("notice_pool_weight"), _tally(own, within, day)
    return a + prior * pool, b + prior * (1 - pool)


def notice_chances(record: Record, vendor: Vendor, day: dt.date) -> tuple[NoticeChance, ...]:
    """Chances for `vendor` from what was public on `day`."""
    known = separate(record.as_of(day).notices)
    own = [n for n in known if n.vendor == vendor.vendor]
    found = []
    for within in LIMITS:
        pool = typical(known, within, day)
        a, b = chance(own, pool, within, day)
        mean = a / (a + b)
        low, high = (float(q) for q in beta.ppf([0.1, 0.9], a, b))
        seen = [s for n in own if (s := short(n, within)) is not None]
        spread = Range(min(low, mean), mean, max(high, mean), "share")
        found.append(NoticeChance(within, spread, len(seen), sum(seen), pool, a, b))
    return tuple(found)


# Lives of models


def rows_of(record: Record, vendor: Vendor, day: dt.date) -> list[Retirement]:
    """Rows of retired and retiring models of a vendor that were public on `day`."""
    return [r for n in record.as_of(day).notices_of(vendor) for r in n.rows]


def _lives(rows: Iterable[Retirement]) -> list[float]:
    """Days from release to end of generally available models with both dates known. [d]"""
    found = []
    for r in rows:
        if r.stage == "ga" and len(r.released) == len(r.retired) == len("2026-11-24"):
            days = dt.date.fromisoformat(r.retired) - dt.date.fromisoformat(r.released)
            found += [float(days.days)] if days.days > 0 else []
    return found


def life(record: Record, vendor: Vendor, day: dt.date) -> tuple[Range, int, float]:
    """Usual life of a vendor's models [days], on how many it rests, and its log-spread."""
    everyone = np.log(_lives(r for n in record.as_of(day).notices for r in n.rows))
    own = np.log(_lives(rows_of(record, vendor, day)))
    weight = setting("life_pool_weight")
    typical = (own.sum() + weight * float(np.median(everyone))) / (len(own) + weight)
    sigma = float(np.std(everyone))
    low, mid, high = (float(np.exp(typical + z * sigma)) for z in norm.ppf([0.1, 0.5, 0.9]))
    return Range(low, mid, high, "days"), len(own), sigma


def _key(name: str) -> str:
    """A model's name without maker, signs and date of its version."""
    bare = re.sub(r"[^a-z0-9.]", "", name.lower().split("/")[-1])
    bare = re.sub(r"^((eu|us|apac|global)\.)?(anthropic|amazon|cohere|meta|mistral)\.", "", bare)
    return re.sub(r"(20\d{6}|20\d\d\.?\d\d\.?\d\d)(v\d+)?$", "", bare)


def known_end(
    record: Record, vendor: Vendor, model: str, day: dt.date
) -> tuple[Retirement | None, Retirement | None]:
    """The row that says when `model` ends at `vendor`, and one that says when it was released.

    Of several versions of a name the one that lives longest counts.
    """
    wanted = _key(model)
    rows = [r for r in rows_of(record, vendor, day) if _key(r.model) == wanted]
    dated = [r for r in rows if len(r.retired) == len("2026-11-24")]
    born = [r for r in rows if len(r.released) == len("2026-11-24")]
    return (
        max(dated, key=lambda r: r.retired, default=None),
        max(born, key=lambda r: r.released, default=None),
    )


def ending(
    record: Record, vendor: Vendor, model: str, day: dt.date, months: int, seed: int
) -> Ending:
    """When `model` is likely to end at `vendor`, and how many moves a horizon of months brings.

    Where an end is announced, it is taken as it stands. Each successor lives a whole life from the
    day on which it is moved to.
    """
    end, born = known_end(record, vendor, model, day)
    usual, count, sigma = life(record, vendor, day)
    retired = _date(end.retired) if end else None
    released = _date(born.released) if born else None
    rng = np.random.default_rng([seed, len(model), *model.encode()])
    first = _remaining(usual.central, sigma, retired, released, day, rng)
    years = int(np.ceil(months / 12))
    shares = [float(np.mean((first > 365 * y) & (first <= 365 * (y + 1)))) for y in range(years)]
    shares[0] += float(np.mean(first <= 0))
    moves, at, draw = np.zeros((years, DRAWS)), first, np.arange(DRAWS)
    while (inside := at < 365 * months / 12).any():
        year = np.clip(at // 365, 0, years - 1).astype(int)
        moves[year[inside], draw[inside]] += 1
        at = at + np.exp(np.log(usual.central) + sigma * rng.standard_normal(DRAWS))
    by_year = moves.mean(axis=1)
    total = moves.sum(axis=0)
    low, high = (float(q) for q in np.percentile(total, [10, 90]))
    few, many = (moves[:, kept].mean(axis=1) for kept in (total <= low, total >= high))
    mean = float(total.mean())
    return Ending(
        vendor=vendor.vendor,
        model=model,
        released=released,
        announced=_date(end.announced) if end else None,
        retired=retired,
        replacement=end.replacement if end else "",
        life=usual,
        lives=count,
        by_year=tuple(shares),
        migrations=Range(min(low, mean), mean, max(high, mean), "moves"),
        moves=tuple(
            Range(min(f, m), m, max(h, m), "moves a year")
            for f, m, h in zip(few.tolist(), by_year.tolist(), many.tolist(), strict=True)
        ),
        sources=tuple(source_of(r) for r in (end, born) if r),
    )


def _date(text: str) -> dt.date | None:
    return dt.date.fromisoformat(text) if len(text) == len("2026-11-24") else None


def _remaining(
    median: float,
    sigma: float,
    retired: dt.date | None,
    released: dt.date | None,
    day: dt.date,
    rng: np.random.Generator,
) -> Array:
    """Days until the model ends, by draw: announced, else what is left of a life at its age.

    Without a day of release the model is taken as new. [d]
    """
    if retired is not None:
        return np.full(DRAWS, float((retired - day).days))
    age = max(0.0, float((day - released).days)) if released else 0.0
    lived = norm.cdf((np.log(max(age, 1.0)) - np.log(median)) / sigma)
    u = lived + (1 - lived) * rng.random(DRAWS)
    u = np.clip(u, 1e-9, 1 - 1e-9)
    whole: Array = np.exp(np.log(median) + sigma * norm.ppf(u))
    return np.maximum(whole - age, 1.0)
