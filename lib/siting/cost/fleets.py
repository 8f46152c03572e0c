"""Machines of an option, by draw and year, with its prices found: how many, and how busy.

How machines are counted stands in `serving.machines`; here is what each draw asks of them, and how
a hybrid shares the load: it owns so many servers at most, and what they do not carry goes
elsewhere.

Arrays are n × Y: n draws, Y years of the horizon.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from siting.cost.money import Array
from siting.cost.priced import (
    CAPACITIES,
    GRID,
    Draws,
    Plan,
    PoolLoad,
    PricedHybrid,
    PricedOption,
    owned_key,
)
from siting.draws import at_score
from siting.quantity import Range
from siting.serving import machines
from siting.serving.machines import ExistingTask, Fleet, OnExisting, Rented, Task, over
from siting.serving.servers import whole_down

LEAST_GROWTH = 0.05
"""Load of a year over that of the year before, at least: where a wide band of growth is drawn at
its far end, the load dwindles and does not turn negative."""


# --- what the load asks -----------------------------------------------------------------------


def load_ratio(steps: Sequence[Range], draws: Draws, years: int) -> Array:
    """Load of each year over the plan for the first one, growing at the draw's quantile. [n × Y]"""
    growth = draws["growth"]
    bands = [steps[min(y, len(steps)) - 1] for y in range(1, years)]
    # Most loads grow by the same band every year.
    grown = {b: np.maximum(1 + at_score(b, growth), LEAST_GROWTH) for b in dict.fromkeys(bands)}
    ratio = np.stack([np.ones_like(growth), *(grown[band] for band in bands)], axis=1)
    return np.asarray(draws["demand"][:, None] * np.cumprod(ratio, axis=1))


def total_tokens(plan: Plan, draws: Draws, answers_only: bool = False) -> Array:
    """Tokens by month, whichever option serves them. [n × Y]"""
    total = np.zeros((len(draws["growth"]), plan.years))
    for load in plan.loads.values():
        each = load.lengths.output.mean + (0 if answers_only else load.lengths.input.mean)
        asked = load_ratio(load.growth, draws, plan.years) * draws["hours_per_month"][:, None]
        total += asked * (load.mean_rate * 3600 * each)
    return total


def _per_request(priced: PricedOption, draws: Draws, years: int) -> Array:
    """Replicas of each pool that one request a second of the first year comes to ask for.
    [pools × n × Y]"""
    work = draws.get(f"hidden_work.{priced.name}", np.ones(1))
    rate = priced.of_pools(lambda pool: pool.rate_per_replica.central)
    carries = rate[..., 0] * draws["throughput"]  # requests a second of one replica [pools × n]
    growth = np.array([load_ratio(p.pool.growth, draws, years) for p in priced.pools])
    return np.asarray((work / carries)[..., None] * growth)


@dataclass(frozen=True, kw_only=True)
class _Drawn:
    """What the load asks of an option's machines, over the draws."""

    per_request: Array
    """Replicas for one request a second of the first year. [pools × n × Y]"""
    task: Task


def _drawn(priced: PricedOption, draws: Draws, years: int) -> _Drawn:
    per_request = _per_request(priced, draws, years)
    task = Task(
        pools=[each.pool for each in priced.pools],
        peak=per_request * priced.of_pools(lambda pool: pool.mix.peak_rate),
        mean=per_request * priced.of_pools(lambda pool: pool.mix.mean_rate),
    )
    return _Drawn(per_request=per_request, task=task)


def _of_existing(priced: PricedOption, draws: Draws, years: int) -> list[ExistingTask]:
    """What it would ask of each kind of its existing servers."""
    nothing = np.zeros((0, len(draws["growth"]), years))
    tasks = []
    for kind in priced.kinds:
        assert kind.machine is not None
        asked = Task(pools=(), peak=nothing, mean=nothing)
        if kind.pools:
            asked = _drawn(kind, draws, years).task
        task = ExistingTask(
            pools=asked.pools,
            peak=asked.peak,
            mean=asked.mean,
            key=kind.key,
            server=kind.machine,
            count=kind.count(years),
            equivalent=kind.equivalent,
        )
        tasks.append(task)
    return tasks


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
    """Machines that an option needs for all of its load, with what stands by."""
    if priced.machine is None:
        return rented_fleet(priced, draws, years)
    return machines.owned_fleet(
        _drawn(priced, draws, years).task,
        priced.machine,
        second_site=priced.option.second_site,
        existing=_of_existing(priced, draws, years),
    )


def fleet_of_hybrid(base: PricedOption, draws: Draws, years: int, most: Array) -> Fleet:
    """Machines of a hybrid that owns at most so many servers, as its base does: what they do not
    carry of the load goes elsewhere. It needs no spare: the other side is it. most: [n]"""
    assert base.machine is not None
    asked = _drawn(base, draws, years)
    task = asked.task
    per_server = task.per_server(base.machine)
    existing = machines.on_existing(task, _of_existing(base, draws, years))
    filled = machines.filled_servers(task.peak, per_server, existing.left)
    servers = np.minimum(machines.kept(filled), most[:, None])
    # Pools share the servers by what each would fill of them, and existing ones serve beside.
    of_pool = servers * over(filled, np.broadcast_to(filled.sum(axis=0), filled.shape))
    by_existing = task.peak * (1 - existing.left)
    capacity = whole_down(of_pool * per_server) + by_existing
    away = np.array(list(map(_away_share, base.pools, capacity, asked.per_request)))
    # All that the option has serves alike, by what it can carry.
    own_share = 1 - over(by_existing, capacity)
    used = (task.mean * (1 - away) * own_share / per_server).sum(axis=0)
    return Fleet.of_servers(
        base.machine,
        servers=servers,
        serving=servers,
        used=used,
        owned_replicas=(filled * per_server).sum(axis=0),
        away_share=away,
        by_existing=by_existing,
        existing=_busier(existing, (1 - away) * (1 - own_share), task.mean),
    )


def _busier(existing: OnExisting, share: Array, mean: Array) -> dict[str, Fleet]:
    """Existing servers where they serve another share of each pool's load, because a part of it
    goes elsewhere. share: of each pool; mean: its load in replicas. [pools × n × Y]"""
    if not existing.fleets:
        return {}
    before = (mean * (1 - existing.left)).sum(axis=0)
    times = over((mean * share).sum(axis=0), before)
    return {
        key: replace(fleet, busy=np.clip(fleet.busy * times, 0, 1))
        for key, fleet in existing.fleets.items()
    }


def _away_share(pool: PoolLoad, capacity: Array, per_request: Array) -> Array:
    """Share of a pool's requests above the own capacity, minute by minute; waiting work fills the
    valleys. capacity: replicas; per_request: replicas for a request a second. [n × Y]"""
    if not pool.curve.any():
        return np.where(capacity > 0, 0.0, 1.0)
    without_limit = np.full_like(per_request, np.inf)
    carried = np.divide(capacity, per_request, out=without_limit, where=per_request > 0)
    interactive = np.interp(carried / pool.curve[-1], CAPACITIES, pool.away_share)
    return np.where(capacity > 0, interactive * (1 - pool.pool.mix.batchable_share), 1.0)


# --- rented -----------------------------------------------------------------------------------


def rented_fleet(priced: PricedOption, draws: Draws, years: int) -> Fleet:
    """Rented machines that an option needs for all of its load, with what stands by."""
    asked = _drawn(priced, draws, years)
    task = asked.task
    owned = np.zeros_like(task.peak)
    serving = machines.rented_beside(task.peak, owned)
    rented = Rented(
        serving=serving,
        paid=_paid(priced, draws, asked, owned=owned, serving=serving, least=task.mean),
        spare=machines.standing_by(task.pools, serving),
        away_share=np.zeros_like(owned),
    )
    return machines.rented_fleet(task, rented, draws["hours_per_month"][:, None])


def rented_for_peaks(hybrid: PricedHybrid, draws: Draws, years: int, own_fleet: Fleet) -> Fleet:
    """Rented machines of a hybrid beyond its own servers, which stand by in the place of spares.

    Own servers are taken to be shared evenly by the pools.
    """
    asked = _drawn(hybrid.burst, draws, years)
    task = asked.task
    evenly = own_fleet.serving * hybrid.base.per_server / len(hybrid.burst.pools)
    owned = np.broadcast_to(whole_down(evenly + own_fleet.by_existing), task.peak.shape)
    serving = machines.rented_beside(task.peak, owned)
    rented = Rented(
        serving=serving,
        # Work that may wait is done on its own servers.
        paid=_paid(hybrid.burst, draws, asked, owned=owned, serving=serving, least=0.0),
        spare=np.zeros_like(task.peak),
        away_share=own_fleet.away_share,
    )
    return machines.rented_fleet(task, rented, draws["hours_per_month"][:, None])


def _paid(
    priced: PricedOption, draws: Draws, asked: _Drawn, *, owned: Array, serving: Array,
    least: Array | float,
) -> Array:  # fmt: skip
    """Rented replicas that are paid for in a mean hour: committed ones around the clock, others
    while they are needed beyond the `owned` ones. [pools × n × Y]"""
    if priced.option.is_committed:
        return serving
    needed = np.array(list(map(_mean_replicas, priced.pools, asked.per_request, owned)))
    idle = draws["scale_down"][:, None]
    return machines.paid_replicas(needed, serving, idle=idle, least=least)


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
