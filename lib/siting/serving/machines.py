"""Machines that carry a load: how many there are, and how busy they are.

There is one count for what is sized and for what is billed: `capacity` asks it for the central
case, and `cost.fleets` for every draw. What is owned comes in whole servers and is kept; what is
rented comes and goes with the load.

Arrays are n × Y: n cases, Y years of the horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from siting.serving.pools import Pool
from siting.serving.servers import (
    ROUNDING,
    Array,
    Server,
    StandBy,
    replicas_per_server,
    whole_down,
    whole_up,
)


@dataclass(frozen=True, kw_only=True)
class Fleet:
    """Machines of an option by case and year. [n × Y]"""

    servers: Array
    """Servers that are owned, those that stand by included; zero where GPUs are rented."""
    serving: Array
    """Those of them that serve: of a hybrid, no more than it owns."""
    at_second_site: Array
    """Those of them that stand ready for the loss of the first site."""
    owned_replicas: Array
    """Replicas on servers that are owned: as many as the whole load asks for, however few servers a
    hybrid owns; of existing servers, as many as they hold. Zero where GPUs are rented."""
    rented_replicas: Array
    """Replicas of rented GPUs that serve or stand by; zero where servers are owned."""
    gpus: Array
    """GPUs of those servers, or of those rented replicas."""
    gpu_hours: Array
    """Paid in the span that was asked for, as a month; zero for owned machines."""
    busy: Array
    """Share of the machines' capacity that is used, on average."""
    away_share: Array
    """Share of each pool's requests that goes elsewhere. [pools × n × Y]"""
    by_existing: Array | float = 0.0
    """What existing servers carry, in replicas of what is bought. [pools × n × Y]"""
    existing: Mapping[str, Fleet] = field(default_factory=dict)
    """Existing servers beside those that are bought, by `ExistingTask.key`."""

    @classmethod
    def of_servers(
        cls,
        server: Server,
        *,
        servers: Array,
        serving: Array,
        used: Array,
        owned_replicas: Array,
        away_share: Array,
        at_second_site: Array | None = None,
        by_existing: Array | float = 0.0,
        existing: Mapping[str, Fleet] | None = None,
    ) -> Fleet:
        """Servers of one kind that are owned: nothing is rented. used: of them in the mean of all
        hours. [servers; n × Y]"""
        none = np.zeros_like(servers)
        return cls(
            servers=servers,
            serving=serving,
            at_second_site=none if at_second_site is None else at_second_site,
            owned_replicas=owned_replicas,
            rented_replicas=none,
            gpus=servers * server.gpu_count,
            gpu_hours=none,
            busy=np.clip(over(used, servers), 0, 1),
            away_share=away_share,
            by_existing=by_existing,
            existing=existing or {},
        )


# --- what the load asks -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Task:
    """The whole load of an option, in replicas on machines of one kind."""

    pools: Sequence[Pool]
    peak: Array
    """Replicas that must be there at once, in the busiest week of the year. [pools × n × Y]"""
    mean: Array
    """Replicas that are busy in a mean hour. [pools × n × Y]"""

    def per_server(self, server: Server) -> Array:
        """Replicas of each pool that one server holds; below one where a replica spans servers.
        [pools × 1 × 1]"""
        return of_pools(self.pools, lambda p: replicas_per_server(server, p.gpus_per_replica))


@dataclass(frozen=True, kw_only=True)
class ExistingTask(Task):
    """The same on existing servers of one kind, of the models that they serve. They carry what they
    can of it."""

    key: str
    """Server of siting_facts/servers.csv."""
    server: Server
    count: Array
    """Those that still serve or stand by, by year. [Y]"""
    equivalent: float
    """Servers of the kind that is bought that carry as much as one of these."""


def of_pools(pools: Sequence[Pool], figure: Callable[[Pool], float]) -> Array:
    """A figure of each pool. [pools × 1 × 1]"""
    return np.array([[[float(figure(pool))]] for pool in pools])


def over(part: Array, whole: Array) -> Array:
    """Part over whole, and nothing where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(whole), where=whole > 0)


# --- owned ------------------------------------------------------------------------------------


def owned_fleet(
    task: Task, server: Server, *, second_site: float, existing: Sequence[ExistingTask]
) -> Fleet:
    """Servers that carry all of a load, beside existing ones.

    They come whole and are kept. With redundancy, so many more servers (or as many again) stand by,
    because a server fails as a whole. second_site: servers there over those that serve.
    """
    per_server = task.per_server(server)
    beside = on_existing(task, existing)
    filled = filled_servers(task.peak, per_server, beside.left)
    serving = kept(filled)
    # Where several kinds serve, the second site is equipped for all of the load with new servers.
    for_all = serving
    if existing:
        for_all = whole_up(filled_servers(task.peak, per_server).sum(axis=0))
    stand_by = StandBy.most(pool.stand_by for pool in task.pools)
    spare = np.full_like(serving, stand_by.count)
    if existing:
        strongest = max(kind.equivalent for kind in existing)
        spare = stand_by.of_several_kinds(for_all, strongest, beside.idle)
    elif stand_by.as_many_again:
        spare = serving
    at_second_site = whole_up(for_all * second_site)
    servers = serving + spare + at_second_site
    return Fleet.of_servers(
        server,
        servers=servers,
        serving=serving,
        at_second_site=at_second_site,
        used=(task.mean * beside.left / per_server).sum(axis=0),
        owned_replicas=(filled * per_server).sum(axis=0),
        away_share=np.zeros_like(filled),
        by_existing=task.peak * (1 - beside.left),
        existing=beside.fleets,
    )


def filled_servers(peak: Array, per_server: Array, left: Array | float = 1.0) -> Array:
    """Servers that each pool fills, parts of one too: pools share servers. A pool has one replica
    at least, unless existing servers leave nothing of its load. peak: replicas for all of it; left:
    the share that existing servers leave. [pools × n × Y]"""
    replicas = np.maximum(1.0, whole_up(peak * left))
    return np.asarray(np.where(np.asarray(left) > ROUNDING, replicas, 0.0) / per_server)


def kept(filled: Array) -> Array:
    """Whole servers that hold what pools fill; those bought once are kept. [n × Y]"""
    return np.asarray(np.maximum.accumulate(whole_up(filled.sum(axis=0)), axis=1))


# --- existing ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class OnExisting:
    """What existing servers carry of an option's load."""

    left: Array | float
    """Share of each pool's load that they leave to those that are bought. [pools × n × Y]"""
    idle: Array
    """Those that serve nothing, in servers of the kind that is bought. [n × Y]"""
    fleets: Mapping[str, Fleet]
    """By `ExistingTask.key`."""


def on_existing(task: Task, existing: Sequence[ExistingTask]) -> OnExisting:
    """What existing servers carry: each kind in turn a share of the load, as large as the replicas
    that it holds are of those that the whole load would need."""
    shape = task.peak.shape[1:]
    if not existing:
        return OnExisting(left=1.0, idle=np.zeros(shape), fleets={})
    left = {pool.model: np.ones(shape) for pool in task.pools}
    idle = np.zeros(shape)
    fleets = {}
    for kind in existing:
        served = _served_by(kind, shape, left)
        for model, share in served.shares.items():
            left[model] = left[model] - share
        idle += (served.fleet.servers - served.fleet.serving) * kind.equivalent
        fleets[kind.key] = served.fleet
    shares = np.array([left[pool.model] for pool in task.pools])
    return OnExisting(left=shares, idle=idle, fleets=fleets)


def held_replicas(peak: Array, per_server: Array, count: Array) -> Array:
    """Replicas of each pool that so many servers hold; pools share them by what each would need of
    them for its whole load. peak: replicas for that. [pools × n × Y]"""
    needed = peak / per_server
    return np.asarray(whole_down(count * needed / needed.sum(axis=0) * per_server))


@dataclass(frozen=True, kw_only=True)
class _Served:
    """What one kind of existing servers does."""

    fleet: Fleet
    shares: Mapping[str, Array]
    """By model: the share of its load that they carry. [n × Y]"""


def _served_by(kind: ExistingTask, shape: tuple[int, ...], left: Mapping[str, Array]) -> _Served:
    """One kind of existing servers, which carry what they hold of the share that is `left` of each
    model's load. [n × Y each] shape: of those arrays, which a kind that serves nothing has none
    of."""
    none = np.zeros(shape)
    servers = np.broadcast_to(kind.count, shape)
    replicas = none
    serving = none
    used = none
    shares: dict[str, Array] = {}
    if kind.pools:
        models = [pool.model for pool in kind.pools]
        per_server = kind.per_server(kind.server)
        held = held_replicas(kind.peak, per_server, servers)
        carried = np.minimum(held / kind.peak, np.array([left[model] for model in models]))
        shares = dict(zip(models, carried, strict=True))
        replicas = held.sum(axis=0)
        serving = np.minimum(servers, whole_up((carried * kind.peak / per_server).sum(axis=0)))
        used = (kind.mean * carried / per_server).sum(axis=0)
    fleet = Fleet.of_servers(
        kind.server,
        servers=servers,
        serving=serving,
        used=used,
        owned_replicas=replicas,
        away_share=np.zeros((len(kind.pools), *shape)),
    )
    return _Served(fleet=fleet, shares=shares)


# --- rented -----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Rented:
    """Replicas on rented GPUs. [pools × n × Y each]"""

    serving: Array
    """That serve when most is asked."""
    paid: Array
    """Of those that serve, how many are paid for in a mean hour."""
    spare: Array
    """That stand by beside them at all hours."""
    away_share: Array
    """Of each pool's requests, what they serve for another's machines; nothing where they serve
    all."""


def rented_beside(peak: Array, owned: Array) -> Array:
    """Replicas that are rented beside those on own servers; a pool that has none there keeps one,
    however small its load is. [pools × n × Y]"""
    least = np.where(owned > 0, 0.0, 1.0)
    return np.maximum(least, whole_up(peak) - owned)


def standing_by(pools: Sequence[Pool], serving: Array) -> Array:
    """Rented replicas that stand by beside so many that serve. [pools × n × Y]"""
    as_many_again = of_pools(pools, lambda pool: pool.stand_by.as_many_again) > 0
    count = of_pools(pools, lambda pool: pool.stand_by.count)
    return np.asarray(np.where(as_many_again, serving, count))


def paid_replicas(
    needed: Array, serving: Array, *, idle: Array | float, least: Array | float
) -> Array:
    """Rented replicas that are paid for in a mean hour where they are given back hour by hour.

    They are the whole ones that hours need, some idle beside them until they are given back, and no
    more than serve at the peak. needed: whole replicas of a mean hour; idle: those that are paid
    over those that are needed; least: what is busy in a mean hour, because work that may wait is in
    no hour's need. [pools × n × Y]
    """
    return np.minimum(np.maximum(needed * idle, least), serving)


def rented_fleet(task: Task, rented: Rented, hours: Array | float) -> Fleet:
    """Rented machines over a span of so many hours, as a month. hours: [n × 1]"""
    gpus = of_pools(task.pools, lambda pool: pool.gpus_per_replica)
    standing = rented.serving + rented.spare
    paid = (hours * ((rented.paid + rented.spare) * gpus)).sum(axis=0)
    used = (task.mean * gpus * hours).sum(axis=0)
    none = np.zeros_like(paid)
    return Fleet(
        servers=none,
        serving=none,
        at_second_site=none,
        owned_replicas=none,
        rented_replicas=standing.sum(axis=0),
        gpus=(standing * gpus).sum(axis=0),
        gpu_hours=paid,
        busy=np.clip(used / np.maximum(paid, 1e-12), 0, 1),
        away_share=rented.away_share,
    )
