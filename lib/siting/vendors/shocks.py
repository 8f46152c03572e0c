"""What could happen to this client if a vendor fails it, and what would it cost in a year?

A shock is rare, so its yearly chance is the base rate over all vendors that sell model access: no
test shows that a vendor's own record moves it (`siting validate stability`). The end of a model is
the exception: notice and life are habits of each vendor (`siting.vendors.notice`). The loss is a
share of the client's switching cost, lowered by what the client has in hand. It is an estimate and
stands on a line of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.catalogue import Fact
from siting.quantity import Range
from siting.vendors import notice
from siting.vendors.notice import Ending
from siting.vendors.vendor_record import Event, Record, Vendor, setting

if TYPE_CHECKING:
    from siting.inputs.scenario import Readiness, Shock

Array = npt.NDArray[np.float64]
Chance = tuple[Array, str, tuple[Event, ...]]
"""Yearly chance of a shock by draw, the count that it rests on, and the events counted."""

DRAWS = 4000
NO_COST = "not estimated, because no switching cost is given"
NO_VENDOR = "no vendor of a running service: nothing can be withdrawn"


class Kind(Fact):
    """One kind of shock: what counts as one, what it does, and how much of a move it costs."""

    shock: str
    outcome: str
    min_severity: int | None = None
    category: str
    """Category of events that it is counted from; `notices` for the end of a model."""
    unless_settled: bool = False
    """A case that was settled later does not count: what was claimed did not come."""
    service_effect: str
    migration_share_low: float
    migration_share: float
    migration_share_high: float
    """Share of the full switching cost that it causes."""
    months_low: float
    months: float
    months_high: float
    """Time until the workload runs normally again. [months]"""
    rate_basis: str
    """What the chance rests on, in words."""


class Remedy(Fact):
    """Something that a client can have in hand before a shock."""

    item: str
    name: str
    reduces_low: float
    reduces: float
    reduces_high: float
    """Share of the switching cost that it saves."""
    meaning: str


@dataclass(frozen=True, slots=True)
class KindLoss:
    """One kind of shock for one option: chance, cost when it happens, and expected yearly loss."""

    kind: Kind
    vendor: str
    chance: Range
    """In a year. [share]"""
    basis: str
    """The count that it rests on."""
    events: tuple[Event, ...]
    cost: Range | None
    expected: Range | None


@dataclass(frozen=True, slots=True)
class OptionRisk:
    """The ends of the models that an option uses, and what shocks to its vendors may cost it."""

    option: str
    vendors: tuple[str, ...]
    endings: tuple[Ending, ...]
    kinds: tuple[KindLoss, ...]
    why_not: str = ""
    """Why there is no figure; empty where there is one."""
    expected: Range | None = None
    """Expected yearly loss, in the client's currency."""
    with_nothing: Range | None = None
    """The same if nothing of the readiness list were in hand."""
    with_everything: Range | None = None
    """The same if all of it were in hand."""


@dataclass(frozen=True, slots=True)
class ShockEffect:
    """The answer to one 'what if' of the scenario."""

    vendor: str
    kind: Kind
    month: int
    options: tuple[str, ...]
    one_off: Range | None
    """Cost of the move, in the client's currency; None where no switching cost is given."""
    yearly: Range | None
    """Change of yearly cost (price_change only), where the yearly spend is given."""
    not_estimated: str


def kinds() -> dict[str, Kind]:
    return {k.shock: k for k in catalogue.table("stability_shocks", Kind)}


def checklist(readiness: Readiness) -> dict[Remedy, bool]:
    """The readiness list, and whether the client has each item in hand."""
    remedies = catalogue.table("stability_readiness", Remedy)
    least = {"contract_notice_days": setting("notice_short_days")}
    return {r: (getattr(readiness, r.item) or 0) >= least.get(r.item, 1) for r in remedies}


def _rng(seed: int, *key: str) -> np.random.Generator:
    digest = hashlib.blake2b(":".join((str(seed), *key)).encode(), digest_size=16).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _triangular(rng: np.random.Generator, low: float, mid: float, high: float) -> Array:
    return rng.triangular(low, mid, high, DRAWS) if high > low else np.full(DRAWS, mid)


def _range(draws: Array, unit: str) -> Range:
    """Mean with its 80 % interval: an expected loss is a mean, and a rare one has a long tail."""
    low, high = (float(x) for x in np.percentile(draws, [10, 90]))
    mean = float(draws.mean())
    return Range(min(low, mean), mean, max(high, mean), unit)


# Chances


def followed(record: Record) -> tuple[Vendor, ...]:
    """Vendors that sell model access and are followed closely enough for a rate to be counted."""
    return tuple(v for v in record.vendors if v.role in ("api", "platform") and v.press != "low")


def cases(record: Record, kind: Kind, day: dt.date, years: float) -> tuple[Event, ...]:
    """The worst event of every case of this kind in the years up to `day`, allegations left out."""
    since, known = day - dt.timedelta(days=round(365.25 * years)), record.as_of(day)
    worst: dict[tuple[str, str], Event] = {}
    for vendor in followed(record):
        events = known.events_of(vendor)
        settled = {e.case for e in events if e.settles} if kind.unless_settled else set()
        for e in events:
            counts = e.category == kind.category and e.direction == "adverse"
            counts = counts and e.severity >= (kind.min_severity or 1) and e.known_date > since
            if counts and e.evidence != "alleged" and e.case not in settled:
                key = (e.vendor, e.case)
                if key not in worst or e.severity > worst[key].severity:
                    worst[key] = e
    return tuple(sorted(worst.values(), key=lambda e: (e.known_date, e.event_id)))


def base_rate(record: Record, kind: Kind, day: dt.date, seed: int) -> Chance:
    """Chance that a vendor has at least one case in a year: share of vendor-years with one.

    Beta, with half a year added on each side (Jeffreys). Several cases of one vendor in one year
    count once: one vendor that many authorities bar does not speak for all.
    """
    years = round(setting("rate_years"))
    events = cases(record, kind, day, years)
    vendors = len({v.group or v.vendor for v in followed(record)})
    hit = len(years_hit(events, day))
    draws = _rng(seed, "rate", kind.shock).beta(hit + 0.5, vendors * years - hit + 0.5, DRAWS)
    basis = f"{hit} of {vendors * years} vendor-years, {vendors} vendors"
    return draws, basis, events


def years_hit(events: Iterable[Event], day: dt.date) -> set[tuple[str, int]]:
    """Vendor and year before `day`, counted back from 0, of each vendor-year with a case."""
    return {(e.vendor, int((day - e.known_date).days // 365.25)) for e in events}


def _short_end(
    record: Record, vendor: str, endings: Sequence[Ending], years: float, day: dt.date, seed: int
) -> Chance:
    """Short-notice ends of the models in use in a year: moves a year × chance of short notice."""
    if not endings:
        return np.zeros(DRAWS), "the weights are yours: no vendor ends them", ()
    short = int(setting("notice_short_days"))
    chance = next(c for c in notice.notice_chances(record, vendor, day) if c.within == short)
    rng = _rng(seed, "retirement", vendor)
    share = rng.beta(chance.a, chance.b, DRAWS)
    moves = np.zeros(DRAWS)
    for end in endings:
        moves += _triangular(rng, *end.migrations.ends) / years
    draws: Array = share * np.minimum(1.0, moves / len(endings))
    basis = (
        f"{chance.short} of {chance.notices} own notices short, {chance.pool:.0%} for a typical "
        f"vendor; {moves.mean() / len(endings):.1f} moves a year"
    )
    return draws, basis, ()


# Losses


def _cost_draws(kind: Kind, cost: Range, spared: Array, seed: int) -> Array:
    """Cost when the shock happens: share of the switching cost, less what is in hand."""
    ends = kind.migration_share_low, kind.migration_share, kind.migration_share_high
    share = _triangular(_rng(seed, "cost", kind.shock), *ends)
    # One stream for the cost in all kinds: the client has one switching cost, not six.
    whole = _triangular(_rng(seed, "switching"), *cost.ends)
    out: Array = whole * share * spared
    return out


def _spared(held: Iterable[Remedy], seed: int) -> Array:
    """Share of the switching cost that is left after what is in hand; savings multiply."""
    left = np.ones(DRAWS)
    for r in held:
        saved = _triangular(_rng(seed, r.item), r.reduces_low, r.reduces, r.reduces_high)
        left = left * (1 - saved)
    return left


def expected_loss(
    record: Record,
    option: str,
    vendors: Mapping[str, Sequence[Ending]],
    years: float,
    switching_cost: Range | None,
    readiness: Mapping[Remedy, bool],
    day: dt.date,
    seed: int,
) -> OptionRisk:
    """Expected yearly loss of an option: sum over its vendors and kinds of chance times cost.

    vendors: each with the ends of the models that are used from it. switching_cost: a full move of
    the option's workloads, in the client's currency. None: the loss is not estimated.
    """
    in_hand = filter(readiness.get, readiness)
    spared = [_spared(held, seed) for held in (in_hand, (), readiness)]
    totals = np.zeros((len(spared), DRAWS))
    found: list[KindLoss] = []
    for vendor, endings in vendors.items():
        for kind in kinds().values():
            if kind.category == "notices":
                chance, basis, events = _short_end(record, vendor, endings, years, day, seed)
            else:
                chance, basis, events = base_rate(record, kind, day, seed)
            cost = expected = None
            if switching_cost is not None:
                costs = [_cost_draws(kind, switching_cost, left, seed) for left in spared]
                totals += chance * costs
                cost = _range(costs[0], switching_cost.unit)
                expected = _range(chance * costs[0], f"{switching_cost.unit} per year")
            yearly = _range(chance, "share")
            found.append(KindLoss(kind, vendor, yearly, basis, events, cost, expected))
    known = option, tuple(vendors), tuple(e for own in vendors.values() for e in own), tuple(found)
    if not vendors or switching_cost is None:
        return OptionRisk(*known, NO_COST if vendors else NO_VENDOR)
    return OptionRisk(*known, "", *(_range(t, f"{switching_cost.unit} per year") for t in totals))


def effect(
    shock: Shock,
    vendor: Vendor,
    options: tuple[str, ...],
    switching_cost: Mapping[str, Range],
    yearly_spend: Mapping[str, Range],
    readiness: Mapping[Remedy, bool],
    seed: int,
) -> ShockEffect:
    """What one shock of the scenario does to service and cost of the options it hits."""
    kind = kinds()[shock.kind]
    spared = _spared(filter(readiness.get, readiness), seed)
    costs = [switching_cost[o] for o in options if o in switching_cost]
    draws = [_cost_draws(kind, c, spared, seed) for c in costs]
    one_off = _range(np.sum(draws, axis=0), costs[0].unit) if draws else None
    spend = [yearly_spend[o] for o in options if o in yearly_spend]
    yearly = None
    if shock.kind == "price_change" and spend:
        yearly = reduce(Range.plus, (s.scaled(shock.factor - 1) for s in spend))
    missing = []
    if options and one_off is None:
        missing.append("cost of the move not estimated, because no switching cost is given")
    if shock.kind == "price_change" and options and yearly is None:
        missing.append("change of yearly cost not estimated, because the yearly spend is not given")
    if not options:
        missing.append("no option of this scenario depends on this vendor")
    return ShockEffect(
        vendor.vendor, kind, shock.month, options, one_off, yearly, "; ".join(missing)
    )
