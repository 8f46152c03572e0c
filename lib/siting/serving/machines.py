"""Machines that carry a load: how many there are, how busy they are, and what is paid of them.

There is one count for what is sized and for what is billed: both say what the load asks (`Work`),
for the central case or for many draws at once. What is owned comes in whole servers and is kept;
what is rented comes and goes with the load. Existing servers of other kinds do what they can, and
what is bought does the rest.

Arrays are n × Y: n cases, Y years of the horizon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from siting.inputs.scenario.model import ExistingServers, Option
from siting.records import frozen
from siting.serving.load import peaks_by_month
from siting.serving.pools import Pool
from siting.serving.servers import (
    Array,
    Server,
    StandBy,
    replicas_per_server,
    whole_down,
    whole_up,
)


@frozen
class Work:
    """What a load asks of the replicas that serve it. [pools × n × Y each]"""

    pools: Sequence[Pool]
    per_request: Array
    """Replicas for one request a second of the first year."""
    peak: Array
    """Replicas that must be there at once, in the busiest week of the year."""
    mean: Array
    """Replicas that are busy in a mean hour."""


def of_pools(pools: Sequence[Pool], figure: Callable[[Pool], float]) -> Array:
    """A figure of each pool. [pools × 1 × 1]"""
    return np.array([[[float(figure(pool))]] for pool in pools])


def per_server(pools: Sequence[Pool], server: Server) -> Array:
    """Replicas of each pool that one server holds; below one where a replica spans servers.
    [pools × 1 × 1]"""
    return of_pools(pools, lambda pool: replicas_per_server(server, pool.gpus_per_replica))


def planned(pools: Sequence[Pool], years: int) -> Work:
    """What the load asks of pools as planned. [pools × 1 × Y]"""
    span = range(1, years + 1)

    def by_year(figure: Callable[[Pool, int], float]) -> Array:
        return np.array([[[figure(pool, year) for year in span]] for pool in pools])

    mean = by_year(lambda pool, year: pool.mix.used(year))
    rate = of_pools(pools, lambda pool: pool.rate_per_replica.central)
    return Work(
        pools=pools,
        per_request=mean / mean[..., :1] / rate,
        peak=by_year(lambda pool, year: pool.level(year)),
        mean=mean,
    )


@frozen
class Fleet:
    """Machines of an option by case and year. [n × Y]"""

    servers: Array
    """Servers that are owned, those that stand by included; zero where GPUs are rented."""
    serving: Array
    """Those of them that serve."""
    at_second_site: Array
    """Those of them that stand ready for the loss of the first site."""
    replicas: Array
    """Replicas on rented GPUs, those that stand by included; zero where servers are owned."""
    gpus: Array
    """GPUs of those servers, or of those replicas."""
    gpu_hours: Array
    """Paid in the span that was asked for, as a month; zero for owned machines."""
    busy: Array
    """Share of the machines' capacity that is used, on average."""
    away_share: Array
    """Share of each pool's requests that goes elsewhere. [pools × n × Y]"""
    beside: Array
    """What existing servers of other kinds are worth, in servers of the kind that is bought."""


# --- existing ---------------------------------------------------------------------------------


@frozen
class ExistingKind:
    """Servers of one kind that an option has already: what they can do is counted in replicas on
    servers of the kind that is bought. All that is there serves alike, by what it can do."""

    stated: ExistingServers
    server: Server
    worth: Mapping[str, float]
    """By model that they serve: replicas that can do as much as one of these."""
    not_served: Mapping[str, str]
    """By model: why they serve none of it."""

    def count(self, years: int) -> Array:
        """Those that serve or stand by, by year. [Y]"""
        return np.where(np.arange(years) < self.stated.years_left, float(self.stated.number), 0.0)

    def each(self, pools: Sequence[Pool]) -> Array:
        """Replicas of each pool that one of them is worth. [pools × 1 × 1]"""
        return of_pools(pools, lambda pool: self.worth.get(pool.model, 0.0))


def _worth(work: Work, existing: Sequence[ExistingKind]) -> Array:
    """Replicas that existing servers are worth. [pools × n × Y]"""
    none = np.zeros_like(work.peak)
    years = none.shape[-1]
    return sum((kind.each(work.pools) * kind.count(years) for kind in existing), none)


# --- owned ------------------------------------------------------------------------------------


def owned(
    work: Work, server: Server, second_site: float = 0.0, existing: Sequence[ExistingKind] = ()
) -> Fleet:
    """Servers that carry all of a load that existing ones leave.

    So many more (or as many as carry all of it) stand by, because a server fails as a whole: in the
    place of the strongest that may fail, less what existing ones have idle.
    second_site: servers there over those that would carry all.
    """
    per = per_server(work.pools, server)
    worth = _worth(work, existing)
    part = np.minimum(work.peak, worth)
    serving = _kept(_beyond(work, part) / per)
    for_all = _kept(_beyond(work, 0 * part) / per)
    stand_by = StandBy.most(pool.stand_by for pool in work.pools)
    strongest = max([1.0, *(float((kind.each(work.pools) / per).sum()) for kind in existing)])
    wanted = np.where(stand_by.as_many_again, for_all, stand_by.count * strongest)
    spare = whole_up(np.maximum(0.0, wanted - ((worth - part) / per).sum(axis=0)))
    at_second_site = whole_up(for_all * second_site)
    return _of_servers(
        work,
        server,
        servers=serving + spare + at_second_site,
        serving=serving,
        at_second_site=at_second_site,
        away_share=np.zeros_like(work.peak),
        beside=(worth / per).sum(axis=0),
    )


def owned_in_part(
    work: Work, server: Server, most: Array, existing: Sequence[ExistingKind] = ()
) -> Fleet:
    """The servers of a mix, which buys at most so many beside existing ones: what they do not carry
    goes elsewhere. It needs no spare: the other side is it. most: [n]"""
    per = per_server(work.pools, server)
    worth = _worth(work, existing)
    filled = _beyond(work, np.minimum(work.peak, worth)) / per
    servers = np.minimum(_kept(filled), most[:, None])
    # Pools share the servers by what each would fill of them.
    of_pool = servers * _over(filled, np.broadcast_to(filled.sum(axis=0), filled.shape))
    capacity = whole_down(of_pool * per) + worth
    asked = zip(work.pools, capacity, work.per_request, strict=True)
    return _of_servers(
        work,
        server,
        servers=servers,
        serving=servers,
        at_second_site=np.zeros_like(servers),
        away_share=np.array([pool.hours.away(held, each) for pool, held, each in asked]),
        beside=(worth / per).sum(axis=0),
    )


def _beyond(work: Work, held: Array, share: Array | float = 1.0) -> Array:
    """Replicas beyond those that are held elsewhere; a pool that has none there keeps one, however
    small its load is. share: of the busiest week's load. [pools × n × Y]"""
    return np.maximum(np.where(held > 0, 0.0, 1.0), whole_up(work.peak * share - held))


def _kept(filled: Array) -> Array:
    """Whole servers that hold what pools fill; those bought once are kept. [n × Y]"""
    return np.maximum.accumulate(whole_up(filled.sum(axis=0)), axis=1)


def _over(part: Array, whole: Array) -> Array:
    """Part over whole, and nothing where there is no whole."""
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _of_servers(
    work: Work, server: Server, *, servers: Array, serving: Array, at_second_site: Array,
    away_share: Array, beside: Array,
) -> Fleet:  # fmt: skip
    used = (work.mean * (1 - away_share) / per_server(work.pools, server)).sum(axis=0)
    none = np.zeros_like(servers)
    return Fleet(
        servers=servers,
        serving=serving,
        at_second_site=at_second_site,
        replicas=none,
        gpus=servers * server.gpu_count,
        gpu_hours=none,
        busy=np.clip(_over(used, servers + beside), 0, 1),
        away_share=away_share,
        beside=beside,
    )


# --- rented -----------------------------------------------------------------------------------


@frozen
class Renting:
    """How rented GPUs are paid."""

    hours: Array | float
    """Of the span that is paid for, as a month. [n × 1]"""
    idle: Array | float
    """Hours paid over hours needed, where replicas are given back when they are not. [n × 1]"""
    option: Option
    """Whose term says how: committed, all that serve are paid around the clock; by the month, those
    that the busiest hour of a month needs."""


def rented(work: Work, how: Renting) -> Fleet:
    """Rented machines that carry all of a load, with what stands by."""
    serving = _beyond(work, np.zeros_like(work.peak))
    as_many_again = of_pools(work.pools, lambda pool: pool.stand_by.as_many_again) > 0
    count = of_pools(work.pools, lambda pool: pool.stand_by.count)
    return _of_rented(
        work,
        how,
        serving=serving,
        # Work that may wait is in no hour's need, and is paid for all the same.
        paid=_paid(work, how, serving, np.zeros_like(work.peak), least=work.mean),
        spare=np.where(as_many_again, serving, count),
        away_share=np.zeros_like(work.peak),
    )


def rented_for_peaks(work: Work, how: Renting, own: Fleet, each_holds: Array) -> Fleet:
    """Rented machines of a mix beside its own servers, which stand by in the place of spares.

    own: those servers, shared evenly by the pools. each_holds: replicas of each pool on one of
    them. [pools × 1 × 1]
    """
    evenly = whole_down((own.serving + own.beside) * each_holds / len(work.pools))
    held = np.broadcast_to(evenly, work.peak.shape)
    serving = _beyond(work, held)
    return _of_rented(
        work,
        how,
        serving=serving,
        paid=_paid(work, how, serving, held, least=0.0),  # what may wait is done on own servers
        spare=np.zeros_like(work.peak),
        away_share=own.away_share,
    )


def _paid(work: Work, how: Renting, serving: Array, held: Array, *, least: Array | float) -> Array:
    """Rented replicas that are paid for in a mean hour, at least so many and no more than serve at
    the peak: the whole ones that hours need, and some idle until they are given back.
    [pools × n × Y]"""
    if how.option.is_committed:
        return serving
    if how.option.commitment == "month":
        months = np.array([peaks_by_month(pool.loads) for pool in work.pools])[..., None, None]
        every = [_beyond(work, held, month) for month in months.swapaxes(0, 1)]
        return np.asarray(np.mean(every, axis=0))
    asked = zip(work.pools, held, work.per_request, strict=True)
    needed = np.array([pool.hours.replicas_beyond(own, each) for pool, own, each in asked])
    return np.minimum(np.maximum(needed * how.idle, least), serving)


def _of_rented(
    work: Work, how: Renting, *, serving: Array, paid: Array, spare: Array, away_share: Array
) -> Fleet:
    gpus = of_pools(work.pools, lambda pool: pool.gpus_per_replica)
    gpu_hours = (how.hours * ((paid + spare) * gpus)).sum(axis=0)
    used = (work.mean * gpus * how.hours).sum(axis=0)
    none = np.zeros_like(gpu_hours)
    return Fleet(
        servers=none,
        serving=none,
        at_second_site=none,
        replicas=(serving + spare).sum(axis=0),
        gpus=((serving + spare) * gpus).sum(axis=0),
        gpu_hours=gpu_hours,
        busy=np.clip(used / np.maximum(gpu_hours, 1e-12), 0, 1),
        away_share=away_share,
        beside=none,
    )
