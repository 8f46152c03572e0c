"""What could happen to this client if a vendor fails it, and what would it cost in a year?

A shock is rare, so its yearly chance is taken from the record of all vendors, not from a vendor's
score: the score has shown no skill as a forecast (`siting validate stability`). Model retirement
is the exception: notice is a habit of each vendor, so the vendor's own notices count, drawn to
those of all. The loss is a share of the client's switching cost, lowered by what the
client has in hand. It is an estimate and stands on a line of its own.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.catalogue import Fact
from siting.quantity import Range
from siting.vendors.vendor_record import Event, Record, Retirement, Vendor, setting

if TYPE_CHECKING:
    from siting.inputs.scenario import Readiness, Shock

Array = npt.NDArray[np.float64]

DRAWS = 4000


class Kind(Fact):
    """One kind of shock: what counts as one, what it does, and how much of a move it costs."""

    shock: str
    outcome: str
    min_severity: int | None = None
    category: str
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
class Rate:
    """Yearly chance of a shock, and the count that it rests on."""

    chance: Range
    cases: int
    vendor_years: float
    basis: str
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class KindLoss:
    """One kind of shock for one option: chance, cost when it happens, and expected yearly loss."""

    kind: Kind
    vendor: str
    rate: Rate
    cost: Range | None
    expected: Range | None


@dataclass(frozen=True, slots=True)
class OptionLoss:
    """Expected yearly loss of an option from shocks to its vendors, in the client's currency."""

    option: str
    vendors: tuple[str, ...]
    kinds: tuple[KindLoss, ...]
    expected: Range | None
    with_nothing: Range | None
    """The same if nothing of the readiness list were in hand."""
    with_everything: Range | None
    """The same if all of it were in hand."""
    why_not: str
    """Why there is no figure; empty where there is one."""


@dataclass(frozen=True, slots=True)
class ReadinessItem:
    """One line of the readiness checklist."""

    remedy: Remedy
    in_hand: bool


@dataclass(frozen=True, slots=True)
class ShockEffect:
    """The answer to one 'what if' of the scenario."""

    vendor: str
    kind: Kind
    month: int
    options: tuple[str, ...]
    service: str
    months: Range
    one_off: Range | None
    """Cost of the move, in the client's currency; None where no switching cost is given."""
    yearly: Range | None
    """Change of yearly cost (price_change only), where the yearly spend is given."""
    rate: Rate
    not_estimated: str


def kinds() -> dict[str, Kind]:
    return {k.shock: k for k in catalogue.table("stability_shocks", Kind)}


def remedies() -> tuple[Remedy, ...]:
    return catalogue.table("stability_readiness", Remedy)


def checklist(readiness: Readiness) -> tuple[ReadinessItem, ...]:
    """The readiness list with what the client has in hand."""
    return tuple(ReadinessItem(r, _in_hand(r, readiness)) for r in remedies())


def _in_hand(remedy: Remedy, readiness: Readiness) -> bool:
    value = getattr(readiness, remedy.item)
    if remedy.item == "contract_notice_days":
        return (value or 0) >= setting("notice_short_days")
    return bool(value)


def _rng(seed: int, *key: str) -> np.random.Generator:
    digest = hashlib.blake2b(":".join((str(seed), *key)).encode(), digest_size=16).digest()
    return np.random.default_rng(np.frombuffer(digest, np.uint32))


def _triangular(rng: np.random.Generator, low: float, mid: float, high: float) -> Array:
    return rng.triangular(low, mid, high, DRAWS) if high > low else np.full(DRAWS, mid)


def _range(draws: Array, unit: str) -> Range:
    low, mid, high = (float(x) for x in np.percentile(draws, [10, 50, 90]))
    return Range(low, mid, high, unit)


def followed(record: Record) -> tuple[Vendor, ...]:
    """Vendors that sell model access and are followed closely enough for a rate to be counted."""
    return tuple(v for v in record.vendors if v.role in ("api", "platform") and v.press != "low")


def _cases(record: Record, kind: Kind, day: dt.date) -> tuple[Event, ...]:
    """The worst event of every case of this kind within the last years, allegations left out."""
    since = dt.date(day.year - int(setting("rate_years")), day.month, min(day.day, 28))
    worst: dict[tuple[str, str], Event] = {}
    known = record.as_of(day)
    for vendor in followed(record):
        for e in known.events_of(vendor):
            counts = e.category == kind.category and e.direction == "adverse"
            if counts and e.evidence != "alleged" and e.severity >= (kind.min_severity or 1):
                key = (e.vendor, e.case)
                if e.known_date > since and (key not in worst or e.severity > worst[key].severity):
                    worst[key] = e
    return tuple(sorted(worst.values(), key=lambda e: (e.known_date, e.event_id)))


def _pooled_draws(record: Record, kind: Kind, day: dt.date, seed: int) -> tuple[Array, Rate]:
    """Chance of at least one case in a year, from cases per vendor-year (Jeffreys gamma)."""
    events = _cases(record, kind, day)
    vendors = len({v.group or v.vendor for v in followed(record)})
    years = vendors * setting("rate_years")
    rate = _rng(seed, "rate", kind.shock).gamma(len(events) + 0.5, 1 / years, DRAWS)
    draws: Array = 1 - np.exp(-rate)
    cases = "1 case" if len(events) == 1 else f"{len(events)} cases"
    basis = f"{cases} in {years:.0f} vendor-years, {vendors} vendors"
    return draws, Rate(_range(draws, "per year"), len(events), years, basis, events)


def _retirement_draws(
    record: Record, vendor: Vendor, day: dt.date, seed: int
) -> tuple[Array, Rate]:
    """Chance in a year that the model in use is retired at 90 days or less.

    Share of short notices among the vendor's own, with all vendors' share as two more notices,
    times the chance that a model in use reaches its end in a year (one over its life).
    """
    known = [n for n in record.as_of(day).notices if n.stage == "ga" and n.short is not None]
    own = [n.short for n in known if n.vendor == vendor.vendor]
    pool = float(np.mean([bool(n.short) for n in known])) if known else 0.5
    short = sum(map(bool, own))
    rng = _rng(seed, "retirement", vendor.vendor)
    share = rng.beta(short + 2 * pool, len(own) - short + 2 * (1 - pool), DRAWS)
    life = _lives([r for n in known for r in [n.row]])
    low, mid, high = (float(x) for x in np.percentile(life, [25, 50, 75]))
    ending = np.minimum(1.0, 365 / _triangular(rng, low, mid, high))
    draws: Array = share * ending
    basis = (
        f"{short} of {len(own)} own notices short, {pool:.0%} over all vendors; a model lives "
        f"{mid:.0f} days (median of {len(life)})"
    )
    return draws, Rate(_range(draws, "per year"), short, float(len(own)), basis)


def _lives(rows: list[Retirement]) -> list[int]:
    """Days from release to end of models whose two dates are known to the day. [d]"""
    out = []
    for r in rows:
        if len(r.released) == 10 and len(r.retired) == 10:
            days = (dt.date.fromisoformat(r.retired) - dt.date.fromisoformat(r.released)).days
            out += [days] if days > 0 else []
    return out


def chance_draws(
    record: Record, kind: Kind, vendor: Vendor, day: dt.date, seed: int
) -> tuple[Array, Rate]:
    """Draws of the yearly chance of a shock to `vendor`, and the rate with its basis."""
    if kind.category == "notices":
        if vendor.role == "infrastructure":
            zero = Rate(Range.exact(0.0, "per year"), 0, 0.0, "no model is retired by this vendor")
            return np.zeros(DRAWS), zero
        return _retirement_draws(record, vendor, day, seed)
    return _pooled_draws(record, kind, day, seed)


def _cost_draws(kind: Kind, cost: Range, spared: Array, seed: int) -> Array:
    """Cost when the shock happens: share of the switching cost, less what is in hand."""
    rng = _rng(seed, "cost", kind.shock)
    share = _triangular(
        rng, kind.migration_share_low, kind.migration_share, kind.migration_share_high
    )
    # One stream for the cost in all kinds: the client has one switching cost, not six.
    whole = _triangular(_rng(seed, "switching"), cost.low, cost.central, cost.high)
    out: Array = whole * share * spared
    return out


def _spared(items: tuple[ReadinessItem, ...], seed: int) -> Array:
    """Share of the switching cost that is left after what is in hand; savings multiply."""
    left = np.ones(DRAWS)
    for i in items:
        if i.in_hand:
            r = i.remedy
            saved = _triangular(_rng(seed, r.item), r.reduces_low, r.reduces, r.reduces_high)
            left = left * (1 - saved)
    return left


def expected_loss(
    record: Record,
    option: str,
    vendors: tuple[Vendor, ...],
    switching_cost: Range | None,
    readiness: tuple[ReadinessItem, ...],
    day: dt.date,
    seed: int,
) -> OptionLoss:
    """Expected yearly loss of an option: sum over its vendors and kinds of chance times cost.

    switching_cost: a full move of the option's workloads, in the client's currency (prompts,
    evaluation, retraining, parallel running, time). None: the loss is not estimated.
    """
    names = tuple(v.vendor for v in vendors)
    found: list[KindLoss] = []
    totals = {"now": np.zeros(DRAWS), "none": np.zeros(DRAWS), "all": np.zeros(DRAWS)}
    states = {
        "now": _spared(readiness, seed),
        "none": np.ones(DRAWS),
        "all": _spared(tuple(ReadinessItem(i.remedy, True) for i in readiness), seed),
    }
    for vendor in vendors:
        for kind in kinds().values():
            chance, rate = chance_draws(record, kind, vendor, day, seed)
            cost = expected = None
            if switching_cost is not None:
                for state, spared in states.items():
                    totals[state] += chance * _cost_draws(kind, switching_cost, spared, seed)
                own = _cost_draws(kind, switching_cost, states["now"], seed)
                cost = _range(own, switching_cost.unit)
                expected = _range(chance * own, f"{switching_cost.unit} per year")
            found.append(KindLoss(kind, vendor.vendor, rate, cost, expected))
    if not vendors:
        return OptionLoss(option, names, (), None, None, None, NO_VENDOR)
    if switching_cost is None:
        return OptionLoss(option, names, tuple(found), None, None, None, NO_COST)
    unit = f"{switching_cost.unit} per year"
    now, none, everything = (_range(totals[s], unit) for s in ("now", "none", "all"))
    return OptionLoss(option, names, tuple(found), now, none, everything, "")


NO_COST = "not estimated, because no switching cost is given"
NO_VENDOR = "no vendor of a running service: nothing can be withdrawn"


def effect(
    record: Record,
    shock: Shock,
    vendor: Vendor,
    options: tuple[str, ...],
    switching_cost: Mapping[str, Range],
    yearly_spend: Mapping[str, Range],
    readiness: tuple[ReadinessItem, ...],
    day: dt.date,
    seed: int,
) -> ShockEffect:
    """What one shock of the scenario does to service and cost of the options it hits."""
    kind = kinds()[shock.kind]
    spared = _spared(readiness, seed)
    costs = [switching_cost[o] for o in options if o in switching_cost]
    draws = [_cost_draws(kind, c, spared, seed) for c in costs]
    one_off = _range(np.sum(draws, axis=0), costs[0].unit) if draws else None
    spend = [yearly_spend[o] for o in options if o in yearly_spend]
    yearly = None
    if shock.kind == "price_change" and spend:
        changes = [s.scaled(shock.factor - 1) for s in spend]
        yearly = Range(
            sum(c.low for c in changes),
            sum(c.central for c in changes),
            sum(c.high for c in changes),
            f"{spend[0].unit}",
        )
    missing = []
    if options and one_off is None:
        missing.append("cost of the move not estimated, because no switching cost is given")
    if shock.kind == "price_change" and options and yearly is None:
        missing.append("change of yearly cost not estimated, because the yearly spend is not given")
    if not options:
        missing.append("no option of this scenario depends on this vendor")
    months = Range(kind.months_low, kind.months, kind.months_high, "months")
    return ShockEffect(
        vendor=vendor.vendor,
        kind=kind,
        month=shock.month,
        options=options,
        service=kind.service_effect,
        months=months,
        one_off=one_off,
        yearly=yearly,
        rate=chance_draws(record, kind, vendor, day, seed)[1],
        not_estimated="; ".join(missing),
    )
