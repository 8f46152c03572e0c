"""Frames of a study on load, GPUs and latency."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import numpy as np

from siting import catalogue
from siting.catalogue import Source
from siting.places import SELF_HOSTED
from siting.quality import bare_name
from siting.serving.capacity import OptionCapacity
from siting.serving.load import Load
from siting.serving.performance import Array
from siting.serving.pools import Pool
from siting.serving.queueing import Latency
from siting.study.frames import Rows, Topic, frame, picked
from siting.verdict import design
from siting.verdict.design import Machines
from siting.verdict.ordered import with_option

HOURS = 24
MEASURES = {"first token": "ttft", "further token": "tpot", "whole answer": "whole"}
"""What users wait for, and the field of `Latency` that says how long."""

Where: TypeAlias = "dict[str, str]"
"""Option and model of a row, by column."""


class CapacityFrames(Topic):
    """Frames on load, GPUs and latency.

    A hybrid is sized as its base is, as if that carried the whole load; `machines` says how many of
    those it owns, which is a question of cost.
    """

    def _pools(self) -> Iterator[tuple[Where, Pool]]:
        """Every pool of GPUs, and its option and model as a row names them."""
        for name, found in self.results.capacity.items():
            for model, pool in found.pools.items():
                yield {"option": name, "model": bare_name(model)}, pool

    def _load_sources(self) -> Iterator[Source]:
        for name in self.scenario.workloads:
            for field in ("hours", "input_tokens", "growth_per_year"):
                yield self.scenario.source(f"workloads.{name}.{field}")

    def _speed_sources(self) -> Iterator[Source]:
        yield from (i.source for _, p in self._pools() for i in p.inputs)
        known = catalogue.settings("load_settings")
        yield from (known[name].provenance for name in ("server_failures", "server_repair"))

    # --- the load -----------------------------------------------------------------------------

    @frame(
        "workload",
        "mean_rate usual_peak year_peak input_tokens output_tokens waiting_share limit_first? "
        "limit_token? limit_whole? percentile growth*",
        citing=_load_sources,
    )
    def loads(self) -> Rows:
        """A workload in the first year."""
        for name, load in self.results.loads.items():
            busiest = float(load.interactive.max())
            lengths = load.lengths
            limits = load.limits.stated
            yield {
                "workload": name,
                "mean_rate": load.mean_rate,
                "usual_peak": busiest,
                "year_peak": busiest * load.peak_factor,
                "input_tokens": lengths.input.mean,
                "output_tokens": lengths.output.mean,
                "waiting_share": load.batchable_share,
                "limit_first": limits.get("first token"),
                "limit_token": limits.get("further token"),
                "limit_whole": limits.get("whole answer"),
                "percentile": load.limits.percentile,
                "growth*": load.growth[0],
            }

    @frame(
        "option model hour",
        "now may_wait tokens? waiting_tokens?",
        citing=_load_sources,
    )
    def hours(self) -> Rows:
        """An hour of the busiest day of the first year: of all workloads, as they come, the model
        being blank; and of a model on an option's machines, work that may wait when it is done."""
        loads = self.results.loads.values()
        per_minute = [60 * (x.lengths.input.mean + x.lengths.output.mean) for x in loads]
        now = np.array([x.interactive * x.peak_factor for x in loads])
        may_wait = np.array([x.waiting * x.peak_factor for x in loads])
        week = {
            "now": now.sum(axis=0),
            "may_wait": may_wait.sum(axis=0),
            "tokens": per_minute @ now,
            "waiting_tokens": per_minute @ may_wait,
        }
        of_all = {"option": self.results.load_seen_by, "model": ""}
        yield from _busiest_day(of_all, week, week["now"] + week["may_wait"])
        for where, pool in self._pools():
            rate = pool.rate_per_replica.central
            peaks = [w.interactive * w.load.peak_factor for w in pool.workloads]
            at_once = rate * np.sum(peaks, axis=0)
            week = {"now": at_once, "may_wait": rate * pool.schedule.done}
            yield from _busiest_day(where, week, at_once)

    # --- one replica and a pool ---------------------------------------------------------------

    @frame(
        "option model",
        "shown base gpu gpus_per_replica replicas owned? spares gpus rate* carries? used "
        "keeps_limits notes origin",
        citing=_speed_sources,
    )
    def pools(self) -> Rows:
        """A model of an option: the replicas that serve it in the first year."""
        about = self.results.sized_option
        shown = self.results.capacity[about].pools.values() if about else ()
        largest = max(shown, key=lambda p: p.gpus(1).central, default=None)
        for where, pool in self._pools():
            name = where["option"]
            found = self.results.capacity[name]
            owned = self._owned(name, found, pool)
            # What is there already carries, too; of a mix what its cheapest split owns.
            at_work = owned if found.kind == "hybrid" else pool.replicas[0].central
            rate = pool.rate_per_replica.central
            yield {
                **where,
                "shown": name == about and pool is largest,
                "base": (found.runs if found.kind == "hybrid" else self.options[name]).label,
                "owned": owned,
                "carries": None if at_work is None else float(at_work * rate),
                "used": found.mean_utilisation(),
                **_replicas_of(pool),
            }

    def _owned(self, name: str, found: OptionCapacity, pool: Pool) -> int | None:
        """Replicas of a pool on the servers that a hybrid's cheapest split owns at first."""
        split = self.results.cost.options.get(name)
        if found.kind != "hybrid" or split is None or found.server is None:
            return None
        cards = split.servers[0] * found.server.gpu_count
        return int(cards // pool.gpus_per_replica)

    @frame(
        "option model workload situation measure",
        "p50 p95 p99 seen limit? concurrency?",
        citing=_speed_sources,
    )
    def latencies(self) -> Rows:
        """What users of a model of an option wait for, in one situation."""
        for where, pool in self._pools():
            found = self.results.capacity[where["option"]]
            yield from ({**where, **row} for row in _situations(found, pool))

    # --- GPUs over time -----------------------------------------------------------------------

    @frame(
        "option year",
        "needed* gpus_paid",
        citing=_speed_sources,
    )
    def gpus_by_year(self) -> Rows:
        """GPUs of an option in a year, spares included; a mix's are those for the whole load."""
        for name, found in self.results.capacity.items():
            for year in range(1, found.years + 1):
                paid = found.paid_gpus(year) if found.pools else 0.0
                yield {
                    "option": name,
                    "year": year,
                    "needed*": found.gpus(year),
                    "gpus_paid": paid,
                }

    @frame(
        "option server model",
        "servers years_left load_share why",
        citing=_speed_sources,
    )
    def server_kinds(self) -> Rows:
        """A kind of server that an option has already, and a model that it may serve."""
        for name, found in self.results.capacity.items():
            for kind in found.existing if found.kind != "hybrid" else ():
                for model, pool in found.pools.items():
                    worth = [k.worth.get(model, 0.0) * k.stated.number for k in found.existing]
                    yield {
                        "option": name,
                        "server": kind.server.label,
                        "model": bare_name(model),
                        "servers": kind.stated.number,
                        "years_left": kind.stated.years_left,
                        "load_share": kind.worth.get(model, 0.0)
                        * kind.stated.number
                        / max(sum(worth), pool.level()),
                        "why": kind.not_served.get(model, ""),
                    }

    @frame(
        "option machine",
        "weights gpus? servers? present? planned refused",
    )
    def designs(self) -> Rows:
        """A card or server that was looked at for an option on machines."""
        for name, option in self.results.said.options.items():
            if option.kind not in SELF_HOSTED:
                continue
            taken = self.options[name]
            is_open = design.is_open(option)
            free = Machines.of(option).put_in(taken) if is_open else design.opened(taken)
            asked = with_option(self.scenario, name, free)
            for d in self.results.chain.every_design(asked, name):
                sized = d.sized
                yield picked(d, "present refused") | {
                    "option": name,
                    "machine": d.machines.label,
                    "weights": d.machines.weights,
                    "gpus": sized.gpus().central if sized and sized.pools else None,
                    "servers": sized.bought() if sized and sized.server else None,
                    "planned": d.machines == Machines.of(taken),
                }


def _busiest_day(where: Where, week: Mapping[str, Array], load: Array) -> Rows:
    """Rows of `hours`: of figures by hour of a week, those of the day with the highest load."""
    first = HOURS * load.reshape(7, HOURS).max(axis=1).argmax()
    for hour in range(HOURS):
        yield {**where, "hour": hour, **{name: of[first + hour] for name, of in week.items()}}


def _situations(found: OptionCapacity, pool: Pool) -> Iterator[dict[str, Any]]:
    """Rows of `latencies`: usual peak, the year's, and the year's with one machine down."""
    latency = pool.latency
    serving = pool.replicas[0].central
    peak = latency.rates(of_year=True)
    machine = "server" if found.server else "group"
    situations = {
        "usual peak": (latency.rates(of_year=False), serving),
        "busiest hour": (peak, serving),
        f"one {machine} down": (peak, found.left_when_one_fails(pool)),
    }
    every = {name: latency.seen(rates, n) for name, (rates, n) in situations.items() if n}
    for place, load in enumerate(pool.loads):
        if load.batchable_share < 1:
            for situation, (rates, replicas) in situations.items():
                seen = every[situation][load.name] if replicas else None
                at_once = seen and rates[place] * seen.residence * (1 / replicas)
                both = {"workload": load.name, "situation": situation, "concurrency": at_once}
                yield from (both | waits for waits in _waits(load, seen))


def _waits(load: Load, seen: Latency | None) -> Iterator[dict[str, Any]]:
    """First and further tokens of a workload, and the whole answer where that has a limit; without
    end where the load is not carried."""
    limits = load.limits.stated
    for measure, field in MEASURES.items():
        if measure == "whole answer" and measure not in limits:
            continue
        waits = getattr(seen, field) if seen else {}
        quantiles = {f"p{q}": waits.get(q, math.inf) for q in (50, 95, 99)}
        yield quantiles | {
            "measure": measure,
            "seen": waits.get(load.limits.percentile, math.inf),
            "limit": limits.get(measure),
        }


def _replicas_of(pool: Pool) -> dict[str, Any]:
    """The replicas of a pool in the first year: how many, on which cards, for which load."""
    serving = pool.replicas[0].central
    standing = pool.total_replicas(1).central - serving
    return picked(pool, "gpus_per_replica keeps_limits") | {
        "gpu": pool.deployment.gpu.gpu,
        "replicas": serving,
        "spares": standing,
        "gpus": pool.gpus_per_replica * (serving + standing),
        "rate*": pool.rate_per_replica,
        "origin": "measured" if pool.measured else "estimate",
        "notes": " ".join(dict.fromkeys(pool.notes)),
    }
