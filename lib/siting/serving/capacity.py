"""What each option of a scenario needs to carry the load: pools of replicas, and their machines.

Options that a vendor runs have none. The pools are found in `sizes`, and `machines` counts what
they stand on. Where an option has existing servers of other kinds, its pools are still those of the
whole load on servers that are bought; its machines are those that are bought, and those beside.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, reduce
from typing import TypeAlias

from siting import catalogue, pictures, quality
from siting.catalogue import Input, UnknownName
from siting.inputs.scenario.model import ExistingServers, Option, Scenario
from siting.memory import vram
from siting.places import SELF_HOSTED
from siting.quantity import NotEstimated, Range
from siting.records import frozen
from siting.serving import machines, servers
from siting.serving.load import LATE_FROM, Load, workload_load
from siting.serving.machines import ExistingKind, Fleet, Renting
from siting.serving.pools import Pool
from siting.serving.servers import Server
from siting.serving.sizes import best_pool


@frozen
class OptionCapacity:
    """What an option needs to carry the load, in the central case. Years count from 1."""

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
    """The option whose machines these are: a hybrid's base, a split's only part that has some, else
    itself."""
    wanted: float
    """Availability that is asked for."""
    existing: Sequence[ExistingKind] = ()
    """Existing servers of other kinds than the one that is bought."""

    def of_existing(self, figure: Callable[[Server], float], year: int = 1) -> float:
        """A figure of each server that exists in a year, summed up."""
        return sum(float(kind.count(year)[-1]) * figure(kind.server) for kind in self.existing)

    def gpus(self, year: int = 1) -> Range:
        """GPUs of all pools, spares included; with existing servers, those that are there then."""
        if self.existing:
            return Range.exact(self.paid_gpus(year), "GPUs")
        nothing = Range.exact(0.0, "GPUs")
        return reduce(Range.plus, (pool.gpus(year) for pool in self.pools.values()), nothing)

    # --- what is paid for

    @cached_property
    def server(self) -> Server | None:
        """The server that is bought; None for rented GPUs, or where none is known."""
        return servers.server_of(self.runs) if self.pools else None

    @cached_property
    def fleet(self) -> Fleet | None:
        """Its machines year by year, a mean hour of which is paid; None where there are none."""
        if not self.pools:
            return None
        work = machines.planned(tuple(self.pools.values()), self.years)
        if self.server is not None:
            return machines.owned(work, self.server, self.runs.second_site, self.existing)
        idle = catalogue.settings("load_settings")["scale_down"].central
        return machines.rented(work, Renting(hours=1.0, idle=idle, option=self.runs))

    def serving_servers(self, year: int = 1) -> int:
        """Servers whose replicas serve; those bought once are kept."""
        return int(self.fleet.serving[0, year - 1]) if self.fleet else 0

    def bought(self, year: int = 1) -> int:
        """Servers bought by a year, at the second site too."""
        return int(self.fleet.servers[0, year - 1]) if self.fleet else 0

    def existing_servers(self, year: int = 1) -> int:
        """Existing servers of other kinds."""
        return int(self.of_existing(lambda server: 1.0, year))

    def in_room(self, year: int = 1) -> int:
        """Servers in the client's room: those that serve, spares beside them, existing ones."""
        away = int(self.fleet.at_second_site[0, year - 1]) if self.fleet else 0
        return self.bought(year) - away + self.existing_servers(year)

    def spare_servers(self) -> int:
        """Servers bought that stand by in that room for failure and maintenance, in the first
        year."""
        return self.in_room() - self.serving_servers() - self.existing_servers()

    def paid_gpus(self, year: int = 1) -> float:
        """GPUs paid for in a mean hour: whole servers, commitments, or hours in use."""
        if self.fleet is None:
            return 0.0
        paid = self.fleet.gpu_hours if self.server is None else self.fleet.gpus
        there = self.of_existing(lambda server: server.gpu_count, year)
        return float(paid[0, year - 1]) + there

    def mean_utilisation(self, year: int = 1) -> float | None:
        """Used share of what the GPUs that are paid for could carry within the limits."""
        if not self.pools:
            return None
        if self.existing and self.fleet:
            return float(self.fleet.busy[0, year - 1])
        used = sum(pool.mix.used(year) * pool.gpus_per_replica for pool in self.pools.values())
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
        pools = self.pools.values()
        taken = sum(pool.replicas[0].central * pool.gpus_per_replica for pool in pools)
        return self.serving_servers() * self.server.gpu_count - taken

    def availability(self, spares: bool = True) -> float | None:
        """Share of the time in which enough machines run for the busiest hour; None for an API.

        spares: whether those that stand by are counted.
        """
        if not self.pools:
            return None
        if self.server is not None and self.fleet is not None:
            serving = servers.whole_up(sum(p.filled(self.server) for p in self.pools.values()))
            there = self.serving_servers() + self.spare_servers() + self.fleet.beside[0, 0]
            stands = [(serving, max(0, servers.whole_down(there - serving)))]
        else:
            pools = [(pool.replicas[0], pool.total_replicas(1)) for pool in self.pools.values()]
            stands = [(int(s.central), int(all_.central - s.central)) for s, all_ in pools]
        up = servers.uptime()
        return math.prod(servers.reached(n, beside if spares else 0, up) for n, beside in stands)

    @property
    def beyond_room(self) -> dict[int, list[str]]:
        """By year: what the servers need beyond the room that the client has, in words; years in
        which all fits are left out."""
        room = self.runs.room
        if self.server is None or room is None:
            return {}
        found: dict[int, list[str]] = {}
        for year in range(1, self.years + 1):
            count = self.in_room(year)
            bought = (count - self.existing_servers(year)) * self.server.power_kw.central
            there = self.of_existing(lambda server: server.power_kw.central, year)
            kw = (bought + there) * (room.pue or 1.0)
            if room.kw is not None and kw > room.kw:
                words = f"{kw:.1f} kW with cooling, the room has {room.kw:g}"
                found.setdefault(year, []).append(words)
            if room.servers is not None and count > room.servers:
                words = f"{count} servers, the room has places for {room.servers:g}"
                found.setdefault(year, []).append(words)
        return found

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


@frozen
class SplitCapacity(OptionCapacity):
    """What a split needs: the sum of what its parts need. Its pools are those of the only part that
    has machines; none where several have."""

    parts: Mapping[str, OptionCapacity]
    """By option, each for its workloads."""

    @classmethod
    def of(cls, option: Option, parts: Mapping[str, OptionCapacity]) -> SplitCapacity:
        """Of the capacity of each part."""
        sized = [part for part in parts.values() if part.pools]
        first = next(iter(sized or parts.values()))
        only = first if len(sized) == 1 else None
        return cls(
            kind=option.kind,
            years=first.years,
            loads={name: load for part in parts.values() for name, load in part.loads.items()},
            pools=only.pools if only else {},
            not_estimated={m: why for p in parts.values() for m, why in p.not_estimated.items()},
            runs=only.runs if only else option,
            wanted=max(part.wanted for part in parts.values()),
            existing=only.existing if only else (),
            parts=parts,
        )

    def gpus(self, year: int = 1) -> Range:
        every = (part.gpus(year) for part in self.parts.values())
        return reduce(Range.plus, every, Range.exact(0.0, "GPUs"))

    def paid_gpus(self, year: int = 1) -> float:
        return sum(part.paid_gpus(year) for part in self.parts.values())

    def mean_utilisation(self, year: int = 1) -> float | None:
        each = ((p.mean_utilisation(year), p.paid_gpus(year)) for p in self.parts.values())
        known = [(used, paid) for used, paid in each if used is not None]
        paid = sum(paid for _, paid in known)
        return sum(used * paid for used, paid in known) / paid if paid else None

    @property
    def keeps_limits(self) -> bool | None:
        each = {part.keeps_limits for part in self.parts.values()}
        return next((kept for kept in (False, None) if kept in each), True)

    @property
    def beyond_room(self) -> dict[int, list[str]]:
        each = [part.beyond_room for part in self.parts.values()]
        years = sorted({year for short in each for year in short})
        return {year: [word for s in each for word in s.get(year, ())] for year in years}

    @property
    def warnings(self) -> list[str]:
        return [words for part in self.parts.values() for words in part.warnings]

    @property
    def inputs(self) -> tuple[Input, ...]:
        return tuple(i for part in self.parts.values() for i in part.inputs)


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


Sized: TypeAlias = Callable[[Scenario, str], OptionCapacity]


def assess(scenario: Scenario, name: str, sized: Sized) -> OptionCapacity:
    """Capacity of an option that is no mix: one pool a model of it, or why there is none.

    sized: tells the same of an option that has nothing but existing servers, and keeps it: they
    stay as they are, whatever is bought beside them.
    """
    option = scenario.options[name]
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
            if any(work.task == "embed" for work in works):
                raise NotEstimated(
                    f"no speed of {model} is on file as it makes vectors, which some workload needs"
                )
            for work in works:
                pictures.tokens(work, model)  # refuses a model that takes none
            asked = [loads[n] for n in names]
            pools[model] = best_pool(option, model, asked, years, measured, wanted)
        except (NotEstimated, UnknownName) as reason:
            why[model] = str(reason.args[0])
    found = OptionCapacity(
        kind=option.kind,
        years=years,
        loads=loads,
        pools=pools,
        not_estimated=why,
        runs=option,
        wanted=max(w.availability for w in scenario.workloads.values()),
    )
    there = option.existing_servers if pools else ()
    return replace(found, existing=[_kind(scenario, name, each, found, sized) for each in there])


def _kind(
    scenario: Scenario, name: str, stated: ExistingServers, bought: OptionCapacity, sized: Sized
) -> ExistingKind:
    """What existing servers can do of an option's load, each model on the smallest groups that keep
    the limits, and why they do not serve the others. Models share them by what each would need."""
    server = servers.server(stated.server)
    same = {"server": server.id, "gpu": server.gpu_id, "tensor_parallel": None}
    option = scenario.options[name].model_copy(update={**same, "existing_servers": []})
    alone = scenario.model_copy(update={"options": {**scenario.options, name: option}})
    there = sized(alone, name)
    why = dict(there.not_estimated)
    for model, pool in there.pools.items():
        if pool.gpus_per_replica > server.gpu_count:
            why[model] = f"a group of {pool.gpus_per_replica} cards would span servers"
        elif not pool.keeps_limits:
            why[model] = "even a lone request misses the latency limits there"
    pools = {m: pool for m, pool in there.pools.items() if m in bought.pools and m not in why}
    needed = sum(
        pool.level() / servers.replicas_per_server(server, pool.gpus_per_replica)
        for pool in pools.values()
    )
    worth = {}
    for model, pool in pools.items():
        held = servers.whole_down(stated.number * pool.level() / needed) / stated.number
        worth[model] = held * bought.pools[model].level() / pool.level()
    return ExistingKind(stated=stated, server=server, worth=worth, not_served=why)
