"""Machines of an option, by draw and year: how many, and how busy.

What is owned comes in whole servers and is kept; what is rented comes and goes with the load. A
hybrid owns so many servers at most, and what they do not carry goes elsewhere.

Arrays are n × Y: n draws, Y years of the horizon.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from siting.cost.money import Array
from siting.cost.priced import (
    CAPACITIES,
    GRID,
    Draws,
    Plan,
    PoolLoad,
    PricedHybrid,
    PricedKind,
    PricedOption,
    owned_key,
)
from siting.draws import at_score
from siting.quantity import Range
from siting.serving.servers import ROUNDING, StandBy, whole_down, whole_up

LEAST_GROWTH = 0.05
"""Load of a year over that of the year before, at least: where a wide band of growth is drawn at
its far end, the load dwindles and does not turn negative."""


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Machines of an option by draw and year. [n × Y]"""

    servers: Array
    """Servers that are owned, those that stand by included; zero where GPUs are rented."""
    serving: Array
    """Those of them that serve: of a hybrid, no more than it owns."""
    owned_replicas: Array
    """Replicas on servers that are owned: as many as the whole load asks for, however few servers a
    hybrid owns; of existing servers, as many as they hold. Zero where GPUs are rented."""
    rented_replicas: Array
    """Replicas of rented GPUs that serve or stand by; zero where servers are owned."""
    gpus: Array
    """GPUs of those servers, or of those rented replicas."""
    gpu_hours: Array
    """Paid by month; zero for owned machines."""
    busy: Array
    """Share of the machines' capacity that is used, on average."""
    away_share: Array
    """Share of each pool's requests that goes elsewhere. [pools × n × Y]"""
    by_existing: Array | float = 0.0
    """What existing servers carry, in replicas of what is bought. [pools × n × Y]"""
    existing: Mapping[str, Fleet] = field(default_factory=dict)
    """Existing servers beside those that are bought, by `PricedKind.key`."""


# --- what the load asks -----------------------------------------------------------------------


def load_ratio(steps: Sequence[Range], draws: Draws, years: int) -> Array:
    """Load of each year over the plan for the first one, growing at the draw's quantile. [n × Y]"""
    growth = draws["growth"]
    bands = (steps[min(y, len(steps)) - 1] for y in range(1, years))
    grown = (np.maximum(1 + at_score(band, growth), LEAST_GROWTH) for band in bands)
    ratio = np.stack([np.ones_like(growth), *grown], axis=1)
    return np.asarray(draws["demand"][:, None] * np.cumprod(ratio, axis=1))


def total_tokens(plan: Plan, draws: Draws, answers_only: bool = False) -> Array:
    """Tokens by month, whichever option serves them. [n × Y]"""
    total = np.zeros((len(draws["growth"]), plan.years))
    for load in plan.loads.values():
        each = load.lengths.output.mean + (0 if answers_only else load.lengths.input.mean)
        asked = load_ratio(load.growth, draws, plan.years) * draws["hours_per_month"][:, None]
        total += asked * (load.mean_rate * 3600 * each)
    return total


@dataclass(frozen=True, kw_only=True)
class _Asked:
    """What the load asks of an option's machines, in replicas. [pools × n × Y each]"""

    per_request: Array
    """For one request a second of the first year."""
    peak: Array
    """That must be there at once, in the busiest week of the year."""
    mean: Array
    """That are busy in a mean hour."""


def _asked(priced: PricedOption, draws: Draws, years: int) -> _Asked:
    """Replicas that each pool of an option is asked for, over the draws."""
    work = draws.get(f"hidden_work.{priced.name}", np.ones(1))
    rate = priced.of_pools(lambda pool: pool.rate_per_replica.central)
    carries = rate[..., 0] * draws["throughput"]  # requests a second of one replica [pools × n]
    growth = np.array([load_ratio(p.pool.growth, draws, years) for p in priced.pools])
    per_request = np.asarray((work / carries)[..., None] * growth)
    return _Asked(
        per_request=per_request,
        peak=per_request * priced.of_pools(lambda pool: pool.peak_rate),
        mean=per_request * priced.of_pools(lambda pool: pool.mean_rate),
    )


def _over(part: Array, whole: Array) -> Array:
    """Part over whole, and nothing where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


# --- owned ------------------------------------------------------------------------------------


def option_fleet(priced: PricedOption, draws: Draws, years: int) -> Fleet | None:
    """An option's own machines, of a hybrid as many as it owns; None where the vendor has them."""
    if not isinstance(priced, PricedHybrid):
        return fleet_needed(priced, draws, years) if priced.pools else None
    most = draws.get(owned_key(priced.name))
    if most is None and priced.split is not None and priced.split.alone != "base":
        most = np.full(1, float(priced.split.servers))
    if most is None:
        return fleet_needed(priced.base, draws, years)
    return fleet_of_hybrid(priced.base, draws, years, most)


def fleet_needed(priced: PricedOption, draws: Draws, years: int) -> Fleet:
    """Machines that an option needs for all of its load.

    Owned servers come whole and are kept; with redundancy, so many more servers (or as many again)
    stand by, because a server fails as a whole. The same is worked out for the central case, year
    by year, in `capacity.OptionCapacity`; tests of kinds and of the load hold both together.
    """
    if priced.machine is None:
        return rented_fleet(priced, draws, years)
    asked = _asked(priced, draws, years)
    existing = _existing(priced, draws, years)
    filled = _filled(priced, asked.peak, existing.left)
    serving = _kept(filled)
    spare = _spare(priced, asked, existing, serving)
    used = (asked.mean * existing.left / priced.per_server).sum(axis=0)
    return _owned_fleet(
        priced,
        filled=filled,
        serving=serving,
        servers=serving + spare,
        used=used,
        away_share=np.zeros_like(filled),
        by_existing=asked.peak * (1 - existing.left),
        existing=existing.fleets,
    )


def fleet_of_hybrid(base: PricedOption, draws: Draws, years: int, most: Array) -> Fleet:
    """Machines of a hybrid that owns at most so many servers, as its base does: what they do not
    carry of the load goes elsewhere. It needs no spare: the other side is it. most: [n]"""
    asked = _asked(base, draws, years)
    existing = _existing(base, draws, years)
    filled = _filled(base, asked.peak, existing.left)
    servers = np.minimum(_kept(filled), most[:, None])
    # Pools share the servers by what each would fill of them, and existing ones serve beside.
    of_pool = servers * _over(filled, np.broadcast_to(filled.sum(axis=0), filled.shape))
    by_existing = asked.peak * (1 - existing.left)
    capacity = whole_down(of_pool * base.per_server) + by_existing
    away = np.array(list(map(_away_share, base.pools, capacity, asked.per_request)))
    # All that the option has serves alike, by what it can carry.
    own_share = 1 - _over(by_existing, capacity)
    used = (asked.mean * (1 - away) * own_share / base.per_server).sum(axis=0)
    return _owned_fleet(
        base,
        filled=filled,
        serving=servers,
        servers=servers,
        used=used,
        away_share=away,
        by_existing=by_existing,
        existing=existing.busier((1 - away) * (1 - own_share), asked.mean).fleets,
    )


def _owned_fleet(
    priced: PricedOption, *, filled: Array, serving: Array, servers: Array, used: Array,
    away_share: Array, by_existing: Array, existing: Mapping[str, Fleet],
) -> Fleet:  # fmt: skip
    """Servers that are bought, beside existing ones. filled: by each pool; used: of them all, in a
    mean hour; else as `Fleet` has it. [servers]"""
    assert priced.machine is not None
    none = np.zeros_like(servers)
    return Fleet(
        servers=servers,
        serving=serving,
        owned_replicas=(filled * priced.per_server).sum(axis=0),
        rented_replicas=none,
        gpus=servers * priced.machine.gpu_count,
        gpu_hours=none,
        busy=np.clip(_over(used, servers), 0, 1),
        away_share=away_share,
        by_existing=by_existing,
        existing=existing,
    )


def _filled(priced: PricedOption, peak: Array, left: Array | float = 1.0) -> Array:
    """Servers that each pool fills, parts of one too: pools share servers. A pool has one replica
    at least, unless existing servers leave nothing of its load. peak: replicas for all of it; left:
    the share that existing servers leave. [pools × n × Y]"""
    replicas = np.maximum(1.0, whole_up(peak * left))
    return np.asarray(np.where(np.asarray(left) > ROUNDING, replicas, 0.0) / priced.per_server)


def _kept(filled: Array) -> Array:
    """Whole servers that hold what pools fill; those bought once are kept. [n × Y]"""
    return np.asarray(np.maximum.accumulate(whole_up(filled.sum(axis=0)), axis=1))


def _spare(priced: PricedOption, asked: _Asked, existing: _Existing, serving: Array) -> Array:
    """Servers that stand by: for failure and maintenance, and at a second site. [n × Y]"""
    stand_by = StandBy.most(p.pool.stand_by for p in priced.pools)
    if not priced.kinds:
        spare = serving if stand_by.as_many_again else np.full_like(serving, stand_by.count)
        return np.asarray(spare + whole_up(serving * priced.option.second_site))
    for_all = whole_up(_filled(priced, asked.peak).sum(axis=0))
    strongest = max(kind.equivalent for kind in priced.kinds)
    spare = stand_by.of_several_kinds(for_all, strongest, existing.idle)
    return np.asarray(spare + whole_up(for_all * priced.option.second_site))


def _away_share(pool: PoolLoad, capacity: Array, per_request: Array) -> Array:
    """Share of a pool's requests above the own capacity, minute by minute; waiting work fills the
    valleys. capacity: replicas; per_request: replicas for a request a second. [n × Y]"""
    if not pool.curve.any():
        return np.where(capacity > 0, 0.0, 1.0)
    without_limit = np.full_like(per_request, np.inf)
    carried = np.divide(capacity, per_request, out=without_limit, where=per_request > 0)
    interactive = np.interp(carried / pool.curve[-1], CAPACITIES, pool.away_share)
    return np.where(capacity > 0, interactive * (1 - pool.pool.batchable_share), 1.0)


# --- existing ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class _Existing:
    """What existing servers carry of an option's load."""

    left: Array | float
    """Share of each pool's load that they leave to those that are bought. [pools × n × Y]"""
    idle: Array
    """Those that serve nothing, in servers of the kind that is bought. [n × Y]"""
    fleets: Mapping[str, Fleet]
    """By `PricedKind.key`."""

    def busier(self, share: Array, mean: Array) -> _Existing:
        """The same where they serve another share of each pool's load, because a part of it goes
        elsewhere. share: of each pool; mean: its load in replicas. [pools × n × Y]"""
        if not self.fleets:
            return self
        before = (mean * (1 - self.left)).sum(axis=0)
        times = _over((mean * share).sum(axis=0), before)
        fleets = {
            key: replace(fleet, busy=np.clip(fleet.busy * times, 0, 1))
            for key, fleet in self.fleets.items()
        }
        return replace(self, fleets=fleets)


def _existing(priced: PricedOption, draws: Draws, years: int) -> _Existing:
    """What an option's existing servers carry: each kind in turn a share of the load, as large as
    the replicas that it holds are of those that the whole load would need.

    `capacity.Kind` works out the same of the central case.
    """
    shape = (len(draws["growth"]), years)
    if not priced.kinds:
        return _Existing(left=1.0, idle=np.zeros(shape), fleets={})
    left = {p.pool.model: np.ones(shape) for p in priced.pools}
    idle = np.zeros(shape)
    fleets = {}
    for kind in priced.kinds:
        served = _served_by(kind, draws, years, left)
        for model, share in served.shares.items():
            left[model] = left[model] - share
        idle += (served.fleet.servers - served.fleet.serving) * kind.equivalent
        fleets[kind.key] = served.fleet
    shares = np.array([left[p.pool.model] for p in priced.pools])
    return _Existing(left=shares, idle=idle, fleets=fleets)


@dataclass(frozen=True, kw_only=True)
class _Served:
    """What one kind of existing servers does."""

    fleet: Fleet
    shares: Mapping[str, Array]
    """By model: the share of its load that they carry. [n × Y]"""


def _served_by(kind: PricedKind, draws: Draws, years: int, left: Mapping[str, Array]) -> _Served:
    """One kind of existing servers, which carry what they hold of the share that is `left` of each
    model's load. Their pools share them by what each would need of them. [n × Y each]"""
    assert kind.machine is not None
    shape = (len(draws["growth"]), years)
    none = np.zeros(shape)
    servers = np.broadcast_to(kind.count(years), shape)
    replicas = none
    serving = none
    used = none
    shares: dict[str, Array] = {}
    if kind.pools:
        models = [each.pool.model for each in kind.pools]
        asked = _asked(kind, draws, years)
        needed = asked.peak / kind.per_server
        held = whole_down(servers * needed / needed.sum(axis=0) * kind.per_server)
        carried = np.minimum(held / asked.peak, np.array([left[model] for model in models]))
        shares = dict(zip(models, carried, strict=True))
        replicas = held.sum(axis=0)
        serving = np.minimum(servers, whole_up((carried * needed).sum(axis=0)))
        used = (asked.mean * carried / kind.per_server).sum(axis=0)
    fleet = Fleet(
        servers=servers,
        serving=serving,
        owned_replicas=replicas,
        rented_replicas=none,
        gpus=servers * kind.machine.gpu_count,
        gpu_hours=none,
        busy=np.clip(_over(used, servers), 0, 1),
        away_share=np.zeros((len(kind.pools), *shape)),
    )
    return _Served(fleet=fleet, shares=shares)


# --- rented -----------------------------------------------------------------------------------


def rented_fleet(priced: PricedOption, draws: Draws, years: int) -> Fleet:
    """Rented machines that an option needs for all of its load, with what stands by."""
    asked = _asked(priced, draws, years)
    owned = np.zeros_like(asked.peak)
    serving = _rented_beside(asked, owned)
    as_many_again = priced.of_pools(lambda pool: pool.stand_by.as_many_again) > 0
    count = priced.of_pools(lambda pool: pool.stand_by.count)
    return _rented(
        priced,
        draws,
        asked=asked,
        owned=owned,
        serving=serving,
        spare=np.where(as_many_again, serving, count),
        away_share=np.zeros_like(owned),
    )


def rented_for_peaks(hybrid: PricedHybrid, draws: Draws, years: int, own_fleet: Fleet) -> Fleet:
    """Rented machines of a hybrid beyond its own servers, which stand by in the place of spares.

    Own servers are taken to be shared evenly by the pools.
    """
    asked = _asked(hybrid.burst, draws, years)
    evenly = own_fleet.serving * hybrid.base.per_server / len(hybrid.burst.pools)
    owned = np.broadcast_to(whole_down(evenly + own_fleet.by_existing), asked.peak.shape)
    return _rented(
        hybrid.burst,
        draws,
        asked=asked,
        owned=owned,
        serving=_rented_beside(asked, owned),
        spare=np.zeros_like(asked.peak),
        away_share=own_fleet.away_share,
    )


def _rented_beside(asked: _Asked, owned: Array) -> Array:
    """Replicas that are rented beside those on own servers; a pool that has none there keeps one,
    however small its load is. [pools × n × Y]"""
    least = np.where(owned > 0, 0.0, 1.0)
    return np.maximum(least, whole_up(asked.peak) - owned)


def _rented(
    priced: PricedOption, draws: Draws, *, asked: _Asked, owned: Array, serving: Array,
    spare: Array, away_share: Array,
) -> Fleet:  # fmt: skip
    """Rented replicas that serve and stand by: committed ones are paid around the clock, others
    while they are needed. owned: replicas on own servers. [pools × n × Y]"""
    month = draws["hours_per_month"][:, None]
    paid = serving
    if not priced.option.is_committed:
        mean = np.array(list(map(_mean_replicas, priced.pools, asked.per_request, owned)))
        paid = np.minimum(mean * draws["scale_down"][:, None], serving)
    gpus = priced.of_pools(lambda pool: pool.gpus_per_replica)
    hours = (month * ((paid + spare) * gpus)).sum(axis=0)
    used = (asked.mean * gpus * month).sum(axis=0)
    standing = serving + spare
    none = np.zeros_like(hours)
    return Fleet(
        servers=none,
        serving=none,
        owned_replicas=none,
        rented_replicas=standing.sum(axis=0),
        gpus=(standing * gpus).sum(axis=0),
        gpu_hours=hours,
        busy=np.clip(used / np.maximum(hours, 1e-12), 0, 1),
        away_share=away_share,
    )


def _mean_replicas(pool: PoolLoad, per_request: Array, owned: Array) -> Array:
    """Mean over the hours of whole replicas needed beyond the owned ones; without any, at least
    one. per_request: replicas for a request a second. [n × Y]"""
    mean = np.where(owned > 0, 0.0, 1.0)
    peak = pool.bunched[-1]
    if peak > 0:
        load = np.log(np.maximum(per_request * peak, 1e-9))
        for count in np.unique(owned).tolist():
            here = owned == count
            mean[here] = np.interp(load[here], np.log(GRID), pool.beyond(count))
    return mean
