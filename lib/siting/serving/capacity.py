"""What each option of a scenario needs to carry the load: pools of replicas, and their machines.

Options that a vendor runs have none. An option with existing servers uses these first, and buys for
the rest. The pools are found in `pools`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np

from siting import catalogue, pictures, quality
from siting.catalogue import Input, UnknownName
from siting.inputs.scenario.model import ExistingServers, Option, Scenario
from siting.memory import vram
from siting.places import SELF_HOSTED
from siting.quantity import NotEstimated, Range
from siting.serving import servers
from siting.serving.load import LATE_FROM, Load, workload_load
from siting.serving.pools import Pool, best_pool
from siting.serving.servers import OnServers, Server, StandBy


@dataclass(frozen=True, kw_only=True)
class Kind:
    """Servers of one kind that an option has already; they serve before others are bought.

    What they carry is worked out here for the central case, year by year, and over the draws in
    `fleets`; tests of kinds hold both together.
    """

    existing: ExistingServers
    server: Server
    pools: Mapping[str, Pool]
    """By model: what they serve."""
    not_served: Mapping[str, str]
    """By model: why they do not serve it."""

    def count(self, year: int = 1) -> int:
        """Servers that still serve in a year. [servers]"""
        return self.existing.number if year <= self.existing.years_left else 0

    def needed(self, year: int = 1) -> int:
        """Servers whose replicas serve in a year; the others stand by. [servers]"""
        parts = (pool.load_share(year) * whole for pool, whole in self._whole(year))
        return min(self.count(year), servers.whole_up(sum(parts)))

    def equivalent(self, server: Server, pools: Mapping[str, Pool]) -> float:
        """Servers of the kind that is bought that carry as much as one of these. [servers]

        pools: by model, on the kind that is bought.
        """
        of_these = sum(whole for _, whole in self._whole(1))
        if not of_these:
            return 0.0
        of_bought = 0.0
        for model in self.pools:
            held = servers.replicas_per_server(server, pools[model].gpus_per_replica)
            of_bought += pools[model].level() / held
        return of_bought / of_these

    def _whole(self, year: int) -> Iterator[tuple[Pool, float]]:
        """Each pool, with the servers of this kind that would carry all of its load."""
        for pool in self.pools.values():
            held = servers.replicas_per_server(self.server, pool.gpus_per_replica)
            yield pool, pool.level(year) / held


@dataclass(frozen=True, kw_only=True)
class OptionCapacity:
    """What an option needs to carry the load, in the central case.

    What is billed is worked out over the draws in `fleets.fleet_needed`; tests of kinds and of
    the load hold both together.
    """

    kind: str
    years: int
    loads: Mapping[str, Load]
    """By workload."""
    pools: Mapping[str, Pool]
    """By model; empty where the vendor runs the GPUs, or nothing could be estimated."""
    not_estimated: Mapping[str, str]
    """By model: why there is no pool."""
    runs: Option
    """The option whose machines these are: a hybrid's base, else itself."""
    wanted: float
    """Availability that is asked for."""
    kinds: tuple[Kind, ...] = ()
    """Existing servers of other kinds."""

    @property
    def serving_pools(self) -> tuple[Pool, ...]:
        """Pools of all kinds of server that serve in the first year; those of the kind that is
        bought, where none does."""
        serving = tuple(pool for pool in self.all_pools if pool.load_share() > 0)
        return serving or tuple(self.pools.values())

    @property
    def all_pools(self) -> tuple[Pool, ...]:
        """Pools of all kinds of server, in the order in which they serve: those of existing
        servers, then those of the kind that is bought."""
        existing = (pool for kind in self.kinds for pool in kind.pools.values())
        return (*existing, *self.pools.values())

    def existing_servers(self, year: int = 1) -> int:
        """Servers of other kinds that serve or stand by in a year. [servers]"""
        return sum(kind.count(year) for kind in self.kinds)

    def existing_gpus(self, year: int = 1) -> int:
        """GPUs of those servers."""
        return sum(kind.count(year) * kind.server.gpu_count for kind in self.kinds)

    def gpus(self, year: int = 1) -> Range:
        """GPUs of all pools in a year of the horizon, spares included."""
        existing = Range.exact(self.existing_gpus(year), "GPUs")
        return reduce(Range.plus, (p.gpus(year) for p in self.pools.values()), existing)

    # --- what is paid for

    @cached_property
    def server(self) -> Server | None:
        """The server that is bought; None for rented GPUs, or where none is known."""
        return servers.server_of(self.runs) if self.pools else None

    def serving(self, year: int = 1) -> list[OnServers]:
        """What serves of each pool."""
        return [pool.serving(year) for pool in self.pools.values()]

    def serving_servers(self, year: int = 1) -> int:
        """Servers whose replicas serve; those bought once are kept."""
        if self.server is None:
            return 0
        return max(servers.servers_for(self.server, self.serving(y)) for y in range(1, year + 1))

    def spare_servers(self, year: int = 1) -> int:
        """Servers that stand by for failure and maintenance, beside those that serve."""
        if self.server is None:
            return 0
        stand_by = StandBy.most(pool.stand_by for pool in self.pools.values())
        if not self.kinds:
            return stand_by.beside(self.serving_servers(year))
        equivalent = {k.server.id: k.equivalent(self.server, self.pools) for k in self.kinds}
        idle = sum(equivalent[k.server.id] * (k.count(year) - k.needed(year)) for k in self.kinds)
        whole = np.array(self._for_all(year))
        return int(stand_by.of_several_kinds(whole, max(equivalent.values()), np.array(idle)))

    def _for_all(self, year: int) -> int:
        """Servers of the kind that is bought that would carry the whole load."""
        assert self.server is not None
        per = (
            (p, servers.replicas_per_server(self.server, p.gpus_per_replica))
            for p in self.pools.values()
        )
        exact = sum(max(1, servers.whole_up(p.level(year))) / each for p, each in per)
        return servers.whole_up(exact)

    def second_site_servers(self, year: int = 1) -> int:
        """Servers that stand ready at a second site for the loss of the first."""
        first = self._for_all(year) if self.kinds else self.serving_servers(year)
        return servers.whole_up(first * self.runs.second_site)

    def in_room(self, year: int = 1) -> int:
        """Servers that stand in the client's room: those that serve, of all kinds, and spares
        beside them."""
        return self.serving_servers(year) + self.spare_servers(year) + self.existing_servers(year)

    def bought(self, year: int = 1) -> int:
        """Servers bought by a year, at the second site too."""
        at_first_site = self.serving_servers(year) + self.spare_servers(year)
        return at_first_site + self.second_site_servers(year)

    def paid_gpus(self, year: int = 1) -> float:
        """GPUs paid for in a mean hour of a year: whole servers, commitments, or hours in use."""
        if self.server is not None:
            return float(self.bought(year) * self.server.gpu_count + self.existing_gpus(year))
        if self.runs.is_committed:
            return self.gpus(year).central
        return sum(_rented(p, year) for p in self.pools.values())

    def mean_utilisation(self, year: int = 1) -> float | None:
        """Used share of what the GPUs that are paid for could carry within the limits."""
        if not self.pools:
            return None
        used = sum(p.used(year) * p.load_share(year) * p.gpus_per_replica for p in self.all_pools)
        return min(1.0, used / self.paid_gpus(year))

    def left_when_one_fails(self, pool: Pool) -> float:
        """Replicas of a pool that serve in the first year with one machine down: a server of one's
        own with all that it holds, or one rented replica. What stands by takes its place."""
        serving = pool.replicas[0].central
        fails = 1.0
        standing_by = pool.total_replicas(1).central - serving
        if self.server is not None:
            held = servers.replicas_per_server(self.server, pool.gpus_per_replica)
            fails = max(1.0, held)  # one that spans servers fails with the first of them
            standing_by = servers.whole_down(self.spare_servers() * held)
        return max(0.0, min(serving, serving + standing_by - fails))

    @property
    def idle_gpus(self) -> float:
        """GPUs of the serving servers that no replica uses in the first year."""
        if self.server is None:
            return 0.0
        taken = sum(each.replicas * each.gpus_per_replica for each in self.serving())
        return self.serving_servers() * self.server.gpu_count - taken

    def availability(self, spares: bool = True) -> float | None:
        """Share of the time in which enough servers run for the busiest hour; None for an API.

        spares: whether those that stand by are counted.
        """
        if not self.pools:
            return None
        up = servers.uptime()
        if self.server is not None:
            serving = self.serving_servers() + sum(kind.needed() for kind in self.kinds)
            idle = self.existing_servers() - sum(kind.needed() for kind in self.kinds)
            standing_by = self.spare_servers() + idle if spares else 0
            return servers.reached(serving, standing_by, up)
        chances = []
        for pool in self.pools.values():
            needed = pool.replicas[0].central
            standing_by = int(pool.total_replicas(1).central - needed) if spares else 0
            chances.append(servers.reached(int(needed), standing_by, up))
        return math.prod(chances)

    @property
    def beyond_room(self) -> dict[int, list[str]]:
        """By year: what the servers need beyond the room that the client has, in words; years in
        which all fits are left out."""
        by_year = ((year, self._beyond_room(year)) for year in range(1, self.years + 1))
        return {year: words for year, words in by_year if words}

    def _beyond_room(self, year: int) -> list[str]:
        """What the servers of a year need beyond the room, in words."""
        room = self.runs.room
        if self.server is None or room is None:
            return []
        count = self.in_room(year)
        bought = (count - self.existing_servers(year)) * self.server.power_kw.central
        existing = sum(k.count(year) * k.server.power_kw.central for k in self.kinds)
        kw = (bought + existing) * (room.pue or 1.0)
        racks = math.ceil(count / room.servers_per_rack)
        words = []
        if room.kw is not None and kw > room.kw:
            words.append(f"{kw:.1f} kW with cooling, the room has {room.kw:g}")
        if room.racks is not None and racks > room.racks:
            words.append(f"{racks} racks, the room has {room.racks:g}")
        if room.servers is not None and count > room.servers:
            words.append(f"{count} servers, the room has places for {room.servers:g}")
        return words

    @property
    def keeps_limits(self) -> bool | None:
        """Whether every pool keeps its latency limits; None where nobody can know beforehand.

        An API's latency is the vendor's, and only measuring tells.
        """
        if not self.pools or self.not_estimated:
            return None
        return all(p.keeps_limits for p in self.pools.values())

    @property
    def warnings(self) -> list[str]:
        """What a reader must know of the machines: room, availability and deadlines."""
        if self.kind == "hybrid":
            return []
        found = [
            f"in year {year} its servers need {' and '.join(words)}"
            for year, words in list(self.beyond_room.items())[:1]
        ]
        reached = self.availability()
        if reached is not None and reached < self.wanted:
            found.append(
                f"without more machines in reserve it runs {reached:.2%} of the time; "
                f"{self.wanted:.2%} are asked for"
            )
        late = max((p.schedule.late for p in self.pools.values() if p.batchable_share), default=0)
        if late > LATE_FROM:
            found.append(f"{late:.1%} of the work that may wait misses its deadline")
        return found

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(i for p in self.pools.values() for i in p.inputs)


def _rented(pool: Pool, year: int) -> float:
    """GPUs of a pool that are paid in a mean hour, idle ones returned hour by hour.

    What is billed is worked out over the draws in `fleets.rented_fleet`; a test of the load holds
    both together.
    """
    serving = pool.replicas[year - 1].central
    spares = pool.total_replicas(year).central - serving
    grown = pool.used(year) / pool.used()
    asked = pool.hours_of_year(waiting=False, bunched=True)
    hours = asked * grown / pool.rate_per_replica.central
    scale_down = catalogue.settings("load_settings")["scale_down"].central
    mean = float(np.maximum(1.0, servers.whole_up(hours)).mean())
    busy = max(mean * scale_down, pool.used(year))
    return (min(busy, serving) + spares) * pool.gpus_per_replica


def assess(scenario: Scenario) -> dict[str, OptionCapacity]:
    """Capacity of every option of the scenario; a hybrid's is that of its base."""
    options = scenario.options
    sized = {n: _option(scenario, n, o) for n, o in options.items() if o.kind != "hybrid"}
    return {
        name: sized[name] if name in sized else replace(sized[option.base], kind=option.kind)
        for name, option in options.items()
    }


def _option(scenario: Scenario, name: str, option: Option) -> OptionCapacity:
    """Capacity of an option: one pool a model of it, or why there is none."""
    years = math.ceil(scenario.finance.horizon_months / 12)
    loads = {
        work: workload_load(
            work,
            quality.at_effort(scenario, name, work),
            scenario.client.country,
            scenario.client.report_date,
        )
        for work in scenario.workloads
    }
    pools: dict[str, Pool] = {}
    why: dict[str, str] = {}
    served = vram.served(option, scenario) if option.kind in SELF_HOSTED else {}
    for model, names in served.items():
        works = [scenario.workloads[n] for n in names]
        measured = [m for w in works for m in w.measured]
        wanted = max(w.availability for w in works)
        try:
            for work in works:
                pictures.tokens(work, model)  # refuses a model that takes none
            asked = [loads[n] for n in names]
            pools[model] = best_pool(option, model, asked, years, measured, wanted)
        except (NotEstimated, UnknownName) as reason:
            why[model] = str(reason.args[0])
    wanted = max(w.availability for w in scenario.workloads.values())
    found = OptionCapacity(
        kind=option.kind,
        years=years,
        loads=loads,
        pools=pools,
        not_estimated=why,
        runs=option,
        wanted=wanted,
    )
    return _beside_existing(found, scenario) if option.existing_servers and pools else found


def _beside_existing(found: OptionCapacity, scenario: Scenario) -> OptionCapacity:
    """An option whose existing servers serve first, and whose bought ones take the rest."""
    kinds: list[Kind] = []
    for existing in found.runs.existing_servers:
        kinds.append(_kind(existing, found, kinds, scenario))
    pools = {}
    for model, pool in found.pools.items():
        first = tuple(kind.pools[model] for kind in kinds if model in kind.pools)
        pools[model] = replace(pool, earlier=first)
    found = replace(found, pools=pools, kinds=tuple(kinds))
    return replace(found, pools={m: _with_stand_by(found, pool) for m, pool in pools.items()})


def _with_stand_by(found: OptionCapacity, pool: Pool) -> Pool:
    """A pool with as many in reserve as all servers together ask for."""
    if not pool.stand_by.count:
        return pool
    serving = found.serving_servers() + sum(kind.needed() for kind in found.kinds)
    count = max(pool.stand_by.count, servers.spares_for(serving, found.wanted))
    return replace(pool, stand_by=StandBy(count=count))


def _kind(
    existing: ExistingServers, found: OptionCapacity, first: Sequence[Kind], scenario: Scenario
) -> Kind:
    """What servers of a kind serve, each model on the smallest groups that keep the limits, and why
    they do not serve the others. Pools share the servers by what each would need of them.

    first: kinds that serve before these.
    """
    server = servers.server(existing.server)
    card = {"gpu": server.gpu_id, "server": server.id, "tensor_parallel": None}
    option = found.runs.model_copy(update=card)
    sized: dict[str, Pool] = {}
    why: dict[str, str] = {}
    for model, works in vram.served(found.runs, scenario).items():
        if model not in found.pools:
            continue
        measured = [m for work in works for m in scenario.workloads[work].measured]
        loads = [found.loads[work] for work in works]
        try:
            pool = best_pool(option, model, loads, found.years, measured)
            _refuse(pool, server)
        except (NotEstimated, UnknownName) as reason:
            why[model] = str(reason.args[0])
        else:
            sized[model] = pool
    pools = {}
    for model, pool in sized.items():
        held = tuple(_held(existing, server, sized, model, year + 1) for year in range(found.years))
        earlier = tuple(kind.pools[model] for kind in first if model in kind.pools)
        pools[model] = replace(pool, existing_replicas=held, earlier=earlier)
    return Kind(existing=existing, server=server, pools=pools, not_served=why)


def _refuse(pool: Pool, server: Server) -> None:
    """Raises NotEstimated where existing servers cannot serve a pool, with the reason."""
    if pool.gpus_per_replica > server.gpu_count:
        raise NotEstimated(f"a group of {pool.gpus_per_replica} cards would span servers")
    if not pool.keeps_limits:
        raise NotEstimated("even a lone request misses the latency limits there")


def _held(
    existing: ExistingServers, server: Server, pools: Mapping[str, Pool], model: str, year: int
) -> int:
    """Replicas of a model that existing servers hold in a year."""
    if year > existing.years_left:
        return 0
    per = {
        m: servers.replicas_per_server(server, pool.gpus_per_replica) for m, pool in pools.items()
    }
    needs = {m: pool.level(year) / per[m] for m, pool in pools.items()}
    part = needs[model] / sum(needs.values())
    return servers.whole_down(existing.number * part * per[model])
