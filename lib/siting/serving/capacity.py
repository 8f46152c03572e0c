"""What each option of a scenario needs to carry the load: pools of replicas, and their machines.

Options that a vendor runs have none. An option with existing servers uses these first, and buys for
the rest. The pools are found in `pools`, and `machines` counts what they stand on.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from itertools import product, starmap

import numpy as np

from siting import catalogue, pictures, quality
from siting.catalogue import Input, UnknownName
from siting.inputs.scenario.model import ExistingServers, Option, Scenario
from siting.memory import vram
from siting.places import SELF_HOSTED
from siting.quantity import NotEstimated, Range
from siting.serving import carrying, machines, servers
from siting.serving.load import LATE_FROM, Load, workload_load
from siting.serving.machines import ExistingTask, Fleet, Rented, Task
from siting.serving.pools import Pool
from siting.serving.servers import Array, OnServers, Server, StandBy
from siting.serving.sizes import asked_first, best_pool


@dataclass(frozen=True, kw_only=True)
class ExistingKind:
    """Servers of one kind that an option has already; they serve before others are bought."""

    existing: ExistingServers
    server: Server
    pools: Mapping[str, Pool]
    """By model: what they serve."""
    not_served: Mapping[str, str]
    """By model: why they do not serve it."""

    def count(self, year: int = 1) -> int:
        """Servers that still serve in a year. [servers]"""
        return self.existing.number if year <= self.existing.years_left else 0

    def counts(self, years: int) -> Array:
        """The same of each year. [Y]"""
        return np.array([float(self.count(year)) for year in range(1, years + 1)])

    def equivalent(self, server: Server, pools: Mapping[str, Pool]) -> float:
        """Servers of the kind that is bought that carry as much as one of these. [servers]

        pools: by model, on the kind that is bought.
        """
        of_these = 0.0
        of_bought = 0.0
        for model, pool in self.pools.items():
            here = servers.replicas_per_server(self.server, pool.gpus_per_replica)
            there = servers.replicas_per_server(server, pools[model].gpus_per_replica)
            of_these += pool.level() / here
            of_bought += pools[model].level() / there
        return of_bought / of_these if of_these else 0.0


@dataclass(frozen=True, kw_only=True)
class OptionCapacity:
    """What an option needs to carry the load, in the central case."""

    kind: str
    """Of place, as `places` knows them."""
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
    existing_kinds: tuple[ExistingKind, ...] = ()
    """Existing servers of other kinds than the one that is bought, in the order in which they
    serve."""

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
        existing = (pool for kind in self.existing_kinds for pool in kind.pools.values())
        return (*existing, *self.pools.values())

    def existing_servers(self, year: int = 1) -> int:
        """Servers of other kinds that serve or stand by in a year. [servers]"""
        return sum(kind.count(year) for kind in self.existing_kinds)

    def existing_gpus(self, year: int = 1) -> int:
        """GPUs of those servers."""
        return sum(kind.count(year) * kind.server.gpu_count for kind in self.existing_kinds)

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

    @cached_property
    def fleet(self) -> Fleet | None:
        """Its machines year by year, a mean hour of which is paid; None where there are none."""
        if not self.pools:
            return None
        task = _task(self.pools, self.years)
        if self.server is None:
            rented = _rented(self.pools, task, self.years, is_committed=self.runs.is_committed)
            return machines.rented_fleet(task, rented, hours=1.0)
        existing = [self._of_existing(kind, self.server) for kind in self.existing_kinds]
        site = self.runs.second_site
        return machines.owned_fleet(task, self.server, second_site=site, existing=existing)

    def _of_existing(self, kind: ExistingKind, bought: Server) -> ExistingTask:
        """What the load would ask of existing servers of a kind."""
        asked = _task(kind.pools, self.years)
        return ExistingTask(
            pools=asked.pools,
            peak=asked.peak,
            mean=asked.mean,
            key=kind.server.id,
            server=kind.server,
            count=kind.counts(self.years),
            equivalent=kind.equivalent(bought, self.pools),
        )

    def serving_servers(self, year: int = 1) -> int:
        """Servers that are bought and whose replicas serve; those bought once are kept."""
        return int(self.fleet.serving[0, year - 1]) if self.fleet else 0

    def serving_existing(self, year: int = 1) -> int:
        """Existing servers of other kinds whose replicas serve; the others stand by."""
        if self.fleet is None:
            return 0
        return sum(int(fleet.serving[0, year - 1]) for fleet in self.fleet.existing.values())

    def spare_servers(self, year: int = 1) -> int:
        """Servers that stand by for failure and maintenance, beside those that serve."""
        beside = self.bought(year) - self.serving_servers(year)
        return beside - self.second_site_servers(year)

    def second_site_servers(self, year: int = 1) -> int:
        """Servers that stand ready at a second site for the loss of the first."""
        return int(self.fleet.at_second_site[0, year - 1]) if self.fleet else 0

    def in_room(self, year: int = 1) -> int:
        """Servers that stand in the client's room: those that serve, of all kinds, and spares
        beside them."""
        return self.serving_servers(year) + self.spare_servers(year) + self.existing_servers(year)

    def bought(self, year: int = 1) -> int:
        """Servers bought by a year, at the second site too."""
        return int(self.fleet.servers[0, year - 1]) if self.fleet else 0

    def paid_gpus(self, year: int = 1) -> float:
        """GPUs paid for in a mean hour of a year: whole servers, commitments, or hours in use."""
        if self.fleet is None:
            return 0.0
        if self.server is None:
            return float(self.fleet.gpu_hours[0, year - 1])
        return float(self.fleet.gpus[0, year - 1] + self.existing_gpus(year))

    def mean_utilisation(self, year: int = 1) -> float | None:
        """Used share of what the GPUs that are paid for could carry within the limits."""
        if not self.pools:
            return None
        used = sum(
            p.mix.used(year) * p.load_share(year) * p.gpus_per_replica for p in self.all_pools
        )
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
            serving = self.serving_servers() + self.serving_existing()
            idle = self.existing_servers() - self.serving_existing()
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
        existing = sum(k.count(year) * k.server.power_kw.central for k in self.existing_kinds)
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
        late = max(
            (p.schedule.late for p in self.pools.values() if p.mix.batchable_share), default=0
        )
        if late > LATE_FROM:
            found.append(f"{late:.1%} of the work that may wait misses its deadline")
        return found

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(i for p in self.pools.values() for i in p.inputs)


def _task(pools: Mapping[str, Pool], years: int) -> Task:
    """What the load asks of pools in the central case, year by year. [pools × 1 × Y]"""
    span = range(1, years + 1)
    shape = (len(pools), 1, years)
    peak = [pool.level(year) for pool in pools.values() for year in span]
    mean = [pool.mix.used(year) for pool in pools.values() for year in span]
    return Task(
        pools=tuple(pools.values()),
        peak=np.array(peak).reshape(shape),
        mean=np.array(mean).reshape(shape),
    )


def _rented(pools: Mapping[str, Pool], task: Task, years: int, *, is_committed: bool) -> Rented:
    """Replicas on rented GPUs: committed ones are paid around the clock, others hour by hour."""
    none = np.zeros_like(task.peak)
    serving = machines.rented_beside(task.peak, none)
    paid = serving
    if not is_committed:
        idle = catalogue.settings("load_settings")["scale_down"].central
        needed = np.array([_whole_replicas(pool, years) for pool in pools.values()])
        paid = machines.paid_replicas(needed, serving, idle=idle, least=task.mean)
    return Rented(
        serving=serving,
        paid=paid,
        spare=machines.standing_by(task.pools, serving),
        away_share=none,
    )


def _whole_replicas(pool: Pool, years: int) -> Array:
    """Mean over the hours of each year of the whole replicas that requests need; at least one.

    `priced.PoolLoad.beyond` has the same for any load, between points of a grid. [1 × Y]
    """
    now = pool.mix.hours_of_year(waiting=False, bunched=True) / pool.rate_per_replica.central
    grown = np.array([[pool.mix.used(year) / pool.mix.used() for year in range(1, years + 1)]])
    hours = servers.whole_up(now[:, None] * grown)
    return np.asarray(np.maximum(1.0, hours).mean(axis=0, keepdims=True))


def assess(scenario: Scenario) -> dict[str, OptionCapacity]:
    """Capacity of every option of the scenario; a hybrid's is that of its base."""
    options = scenario.options
    look_up([scenario], options)
    sized = {n: _option(scenario, n, o) for n, o in options.items() if o.kind != "hybrid"}
    return {
        name: sized[name] if name in sized else replace(sized[option.base], kind=option.kind)
        for name, option in options.items()
    }


def look_up(scenarios: Iterable[Scenario], names: Iterable[str]) -> None:
    """Simulates together the bursts that options of these names will ask for in each of the
    scenarios as they are sized (`carrying.look_up`); sizing finds the same then, and sooner."""
    both = product(scenarios, names)
    carrying.look_up(asked for each in starmap(_asked, both) for asked in each)


def _asked(scenario: Scenario, name: str) -> Iterator[carrying.Asked]:
    """What an option asks of replicas first; nothing of what cannot be estimated."""
    option = scenario.options[name]
    bunches = any(work.bunching != "people" for work in scenario.workloads.values())
    if option.kind not in SELF_HOSTED or not bunches:
        return
    loads = _loads(scenario, name)
    for model, names in vram.served(option, scenario).items():
        measured = [m for work in names for m in scenario.workloads[work].measured]
        with contextlib.suppress(NotEstimated, UnknownName):
            yield from asked_first(option, model, [loads[work] for work in names], measured)


def _loads(scenario: Scenario, name: str) -> dict[str, Load]:
    """The load of each workload, as an option has it."""
    return {
        work: workload_load(
            work,
            quality.at_effort(scenario, name, work),
            scenario.client.country,
            scenario.client.report_date,
        )
        for work in scenario.workloads
    }


def _option(scenario: Scenario, name: str, option: Option) -> OptionCapacity:
    """Capacity of an option: one pool a model of it, or why there is none."""
    years = math.ceil(scenario.finance.horizon_months / 12)
    loads = _loads(scenario, name)
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
    kinds: list[ExistingKind] = []
    for existing in found.runs.existing_servers:
        kinds.append(_existing_kind(existing, found, kinds, scenario))
    pools = {}
    for model, pool in found.pools.items():
        first = tuple(kind.pools[model] for kind in kinds if model in kind.pools)
        pools[model] = replace(pool, earlier=first)
    found = replace(found, pools=pools, existing_kinds=tuple(kinds))
    return replace(found, pools={m: _with_stand_by(found, pool) for m, pool in pools.items()})


def _with_stand_by(found: OptionCapacity, pool: Pool) -> Pool:
    """A pool with as many in reserve as all servers together ask for."""
    if not pool.stand_by.count:
        return pool
    serving = found.serving_servers() + found.serving_existing()
    count = max(pool.stand_by.count, servers.spares_for(serving, found.wanted))
    return replace(pool, stand_by=StandBy(count=count))


def _existing_kind(
    existing: ExistingServers,
    found: OptionCapacity,
    first: Sequence[ExistingKind],
    scenario: Scenario,
) -> ExistingKind:
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
    kind = ExistingKind(existing=existing, server=server, pools=sized, not_served=why)
    pools = {}
    for model, held in _held(kind, found.years).items():
        earlier = tuple(each.pools[model] for each in first if model in each.pools)
        pools[model] = replace(sized[model], existing_replicas=held, earlier=earlier)
    return replace(kind, pools=pools)


def _refuse(pool: Pool, server: Server) -> None:
    """Raises NotEstimated where existing servers cannot serve a pool, with the reason."""
    if pool.gpus_per_replica > server.gpu_count:
        raise NotEstimated(f"a group of {pool.gpus_per_replica} cards would span servers")
    if not pool.keeps_limits:
        raise NotEstimated("even a lone request misses the latency limits there")


def _held(kind: ExistingKind, years: int) -> dict[str, tuple[int, ...]]:
    """By model, the replicas that existing servers hold in each year."""
    if not kind.pools:
        return {}
    task = _task(kind.pools, years)
    held = machines.held_replicas(task.peak, task.per_server(kind.server), kind.counts(years))
    by_pool = zip(kind.pools, held[:, 0].tolist(), strict=True)
    return {model: tuple(map(int, by_year)) for model, by_year in by_pool}
