"""Frames of a study on load, GPUs and latency."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from siting import catalogue
from siting.catalogue import Source, source_of
from siting.cost import prices
from siting.serving import arrivals, capacity, performance
from siting.serving.capacity import Array, OptionCapacity, Pool
from siting.serving.load import Load
from siting.serving.performance import NotPredicted
from siting.serving.queueing import Latency, Lengths, latency
from siting.serving.replica import Limits
from siting.serving.servers import Server
from siting.serving.spread import Calibration
from siting.study.frames import Made, frame, spread
from siting.study.memory import short
from siting.study.results import Results

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CURVE_POINTS = 24
MOST_TIMES = 3
"""Servers instead of one that anybody would still want to run."""
YEAR_POINTS = 400
"""As many as a page can show, not one for each hour of a year."""


class CapacityFrames(Results):
    """Frames on load, GPUs and latency. A hybrid shows the machines that it owns."""

    # --- the load -----------------------------------------------------------------------------

    @frame
    def loads(self) -> Made:
        """A workload in the first year.

        workload: name of the workload
        requests: in the year [requests]
        mean_rate: over all hours [requests/s]
        usual_peak: busiest hour of a usual week, waiting work aside [requests/s]
        year_peak: busiest hour of the year, waiting work aside [requests/s]
        input: mean of a request [tokens]
        cached: share of the input that repeats an earlier prefix [share]
        output: mean of a request, hidden reasoning included [tokens]
        may_wait: share of the requests that may wait [share]
        deadline: when requests that may wait are done
        arrivals: how requests bunch within an hour: people, machines or agents
        working: load of a mean week, holidays counted, over that of a usual one [share]
        growth_low: change of the load into the second year [share]
        growth: the same, central [share]
        growth_high: the same, at most [share]
        """
        rows = [
            {
                "workload": name,
                "requests": load.year(1).requests.central,
                "mean_rate": load.mean_rate,
                "usual_peak": load.busy_rate,
                "year_peak": load.peak_rate,
                "input": load.lengths.input_mean,
                "cached": load.lengths.cached_share,
                "output": load.lengths.output_mean,
                "may_wait": load.batchable_share,
                "deadline": _deadline(load) if load.batchable_share else "",
                "arrivals": load.arrivals,
                "working": load.working,
                **spread(load.growth[0], "growth"),
            }
            for name, load in self._loads().items()
        ]
        return rows, self._load_sources()

    @frame
    def load_by_hour(self) -> Made:
        """A workload in one hour of a usual week of the first year.

        workload: name of the workload
        day: Mon to Sun
        hour: of the week, 0 is Monday midnight [hours]
        now: asked for at once [requests/s]
        may_wait: asked for, but may wait [requests/s]
        """
        rows = [
            {
                "workload": name,
                "day": DAYS[hour // 24],
                "hour": hour,
                "now": now,
                "may_wait": whole - now,
            }
            for name, load in self._loads().items()
            for hour, (now, whole) in enumerate(zip(load.interactive, load.hourly, strict=True))
        ]
        return rows, self._load_sources()

    @frame
    def days(self) -> Made:
        """A model of an option in one hour of a kind of day, first year.

        option: label of the option
        model: open model
        day: a weekday, a weekend day, or the busiest day of the year
        hour: of the day [hours]
        now: asked for at once [requests/s]
        may_wait: work that may wait, in the hours in which it is done [requests/s]
        """
        rows = [
            {**where, "day": day, "hour": hour, "now": now, "may_wait": later}
            for where, pool in self._pools()
            for day, hours in _days(pool).items()
            for hour, (now, later) in enumerate(hours)
        ]
        return rows, self._load_sources()

    @frame
    def duration_curve(self) -> Made:
        """The load of a model of an option in the hours of the first year, busiest first.

        option: label of the option
        model: open model
        share: of the hours of the year [share]
        rate: load of that hour [requests/s]
        """
        rows = []
        share = np.linspace(0, 1, YEAR_POINTS)
        for where, pool in self._pools():
            hours = pool.hours_of_year()
            rates = np.interp(share, np.linspace(0, 1, len(hours)), hours)
            rows += [{**where, "share": s, "rate": r} for s, r in zip(share, rates, strict=True)]
        return rows, self._load_sources()

    # --- one replica and a pool ---------------------------------------------------------------

    @frame
    def pools(self) -> Made:
        """A model of an option: the replicas that serve it in the first year.

        option: label of the option
        model: open model
        model_key: its name in the catalogue
        shown: whether the capacity chapter is about it: the chosen option's largest, or that of
            the first option on machines of its own
        hybrid: whether another option takes the rest of the load
        base: label of the option whose machines these are
        gpu: card
        gpus_per_replica: cards that hold the model once [GPUs]
        replicas: that serve [replicas]
        spares: that stand by [replicas]
        rate_low: what a replica carries within the limits [requests/s]
        rate: the same, central [requests/s]
        rate_high: the same, at most [requests/s]
        saturation: what a replica could serve without limits [requests/s]
        peak: what must be carried at once in the first year [requests/s]
        level: work at once in the busiest week, bunching and deadlines counted [replicas]
        used: share of what the paid GPUs of the option could carry that is used [share]
        limit_first: wait for the first token at most, the strictest of its workloads [s]
        limit_token: time of each further token at most, likewise [s]
        percentile: share of requests for which the limits hold [%]
        keeps_limits: whether they are kept
        calibrated: whether engine and generation of cards were measured in public
        measured: the client's benchmark behind the speed
        notes: what a reader must know
        """
        hybrids = {o.label for o in self.options.values() if o.kind == "hybrid"}
        rows = [
            {
                **where,
                "model_key": pool.model,
                "shown": pool is self._shown_pool,
                "hybrid": where["option"] in hybrids,
                "base": self._capacity_of(where["option"]).runs.label,
                "used": self._capacity_of(where["option"]).mean_utilisation(),
                **_pool_row(pool),
            }
            for where, pool in self._pools()
        ]
        return rows, self._speed_sources()

    @frame
    def not_sized(self) -> Made:
        """A model of an option whose GPUs could not be estimated.

        option: label of the option
        model: open model
        model_key: its name in the catalogue
        why: the reason
        """
        rows = [
            {
                "option": self.options[name].label,
                "model": short(model),
                "model_key": model,
                "why": why,
            }
            for name, found in self.capacity.items()
            for model, why in found.not_estimated.items()
        ]
        return rows, ()

    @frame
    def replica_curve(self) -> Made:
        """One replica at one load: latency at the percentile of the limits.

        option: label of the option
        model: open model
        rate: load of the replica [requests/s]
        first: wait for the first token [s]
        token: time of each further token [s]
        """
        rows = []
        for where, pool in self._pools():
            curve, q = pool.replica.curve(_mixed(pool)), pool.shares[0].limits.percentile
            for rate in np.linspace(0.02, 0.97, CURVE_POINTS) * curve.saturation_rate:
                seen = latency(curve, rate, (q,))
                rows.append({**where, "rate": rate, "first": seen.ttft[q], "token": seen.tpot[q]})
        return rows, self._speed_sources()

    @frame
    def latencies(self) -> Made:
        """What users of a model of an option wait for, in one situation.

        option: label of the option
        model: open model
        workload: name of the workload
        situation: usual peak (of a week), busiest hour (of the year), or one group down then
        measure: first token, or each further token
        replicas: that serve [replicas]
        p50: half of the requests wait less [s]
        p95: 95 of 100 wait less [s]
        p99: 99 of 100 wait less [s]
        seen: at the percentile of the limit; infinite: the load is not carried [s]
        limit: the client's [s]
        percentile: of the limit [%]
        kept: whether the limit is kept
        under_way: mean requests in the system, all replicas [requests]
        """
        rows = [row for where, pool in self._pools() for row in _situations(where, pool)]
        return rows, self._speed_sources()

    @frame
    def served(self) -> Made:
        """A number of serving replicas: what it carries within the limits, first year.

        option: label of the option
        model: open model
        replicas: that serve [replicas]
        rate: carried within the limits [requests/s]
        share: of the year's requests that they carry [share]
        """
        rows = [
            {
                **where,
                "replicas": n,
                "rate": n * pool.rate_per_replica.central,
                "share": pool.served_share(n),
            }
            for where, pool in self._pools()
            for n in range(1, int(pool.replicas[0].central) + 1)
        ]
        return rows, self._speed_sources()

    # --- GPUs over time -----------------------------------------------------------------------

    @frame
    def gpus_by_year(self) -> Made:
        """GPUs of an option in a year of the horizon, spares included.

        option: label of the option
        year: 1 is the first
        low: least growth on the fastest cards [GPUs]
        central: expected [GPUs]
        high: most growth on the slowest cards [GPUs]
        paid: GPUs paid for in a mean hour: whole servers, commitments, or hours in use [GPUs]
        used: share of what the paid ones could carry that is used [share]
        """
        rows = [
            {
                "option": self.options[name].label,
                "year": year,
                **spread(found.gpus(year)),
                "paid": found.paid_gpus(year) if found.pools else 0.0,
                "used": found.mean_utilisation(year),
            }
            for name, found in self.capacity.items()
            for year in range(1, found.years + 1)
        ]
        return rows, self._speed_sources()

    @frame
    def replicas_by_year(self) -> Made:
        """Replicas of a model of an option that serve in a year of the horizon.

        option: label of the option
        model: open model
        year: 1 is the first
        low: least growth on the fastest cards [replicas]
        central: expected [replicas]
        high: most growth on the slowest cards [replicas]
        """
        rows = [
            {**where, "year": year, **spread(count)}
            for where, pool in self._pools()
            for year, count in enumerate(pool.replicas, 1)
        ]
        return rows, self._speed_sources()

    @frame
    def utilisation_by_hour(self) -> Made:
        """Use of the GPUs of a model of an option in one hour of a usual week, first year.

        option: label of the option
        model: open model
        hour: of the week, 0 is Monday midnight [hours]
        used: share of what all its replicas, spares too, could carry [share]
        """
        rows = [
            {**where, "hour": hour, "used": used / pool.total_replicas(1).central}
            for where, pool in self._pools()
            for hour, used in enumerate(pool.now + pool.usual_schedule.done)
        ]
        return rows, self._speed_sources()

    @frame
    def machines(self) -> Made:
        """The machines of an option in the first year: what is bought or paid, and what is idle.

        option: label of the option
        server: the server that is bought; missing for rented GPUs
        gpus_of_server: its GPUs [GPUs]
        servers: bought, those that stand by included [servers]
        standing_by: of them stand by [servers]
        idle: GPUs of serving servers that no replica uses [GPUs]
        paid: GPUs paid for in a mean hour [GPUs]
        smaller: a server with the same card of which fewer GPUs would be bought
        without_spares: share of the time in which enough would run without any in reserve [share]
        wanted: availability that is asked for [share]
        reached: share of the time in which enough machines run for the busiest hour [share]
        room: what the servers need beyond the room in the first year in which it is too small
        """
        rows = [
            {
                "option": self.options[name].label,
                "server": found.server.label if found.server else None,
                "gpus_of_server": found.server.gpu_count if found.server else None,
                "servers": found.bought() if found.server else None,
                "standing_by": found.spare_servers() if found.server else None,
                "idle": found.idle_gpus,
                "paid": found.paid_gpus(),
                "smaller": next((s.label for s in found.smaller_servers), None),
                "without_spares": found.without_spares,
                "wanted": found.wanted,
                "reached": found.availability,
                "room": next(
                    (f"year {y}: {' and '.join(w)}" for y, w in found.beyond_room.items()), ""
                ),
            }
            for name, found in self.capacity.items()
            if found.pools
        ]
        return rows, self._reliability_sources()

    @frame
    def cheaper_servers(self) -> Made:
        """Another server on which an option that leaves half a server idle would need less money.

        option: label of the option
        server: the other server
        servers: that serve and stand by in the first year [servers]
        price: of all of them, central [USD]
        now: of those that are planned, central [USD]
        saved: share of the price that is saved [share]
        keeps_limits: whether the limits are kept on it
        """
        rows = [
            {"option": self.options[name].label, **row}
            for name, found in self.capacity.items()
            if found.server and found.kind != "hybrid"
            and found.idle_gpus >= found.server.gpu_count / 2
            for row in self._other_servers(found, found.server)
        ]  # fmt: skip
        return rows, ()

    def _other_servers(self, found: OptionCapacity, own: Server) -> Iterator[dict[str, Any]]:
        share, day = prices.parameter("host_share"), self.client.report_date
        now = prices.server_price(own, share, day)[0].central * found.bought()
        on_card: dict[str, dict[str, Pool]] = {}
        for other in catalogue.table("servers", Server):
            try:
                each = prices.server_price(other, share, day)[0].central
                if each >= now or other.id == own.id:
                    continue
                if other.gpu_id not in on_card:
                    on_card[other.gpu_id] = _pools_on(found, other)
            except (NotPredicted, prices.NotPriced):
                continue
            runs = found.runs.model_copy(update={"server": other.id})
            sized = replace(found, runs=runs, pools=on_card[other.gpu_id], years=1)
            if each * sized.bought() < now and sized.bought() <= MOST_TIMES * found.bought():
                yield {
                    "server": other.label,
                    "servers": sized.bought(),
                    "price": each * sized.bought(),
                    "now": now,
                    "saved": 1 - each * sized.bought() / now,
                    "keeps_limits": sized.keeps_limits,
                }

    @frame
    def deadlines(self) -> Made:
        """Work of a model of an option that may wait, in the busiest week of the first year.

        option: label of the option
        model: open model
        share: of the work that may wait [share]
        half: half of it is done so long after it came [hours]
        p95: 95 of 100 parts are done so long after they came [hours]
        missed: share that misses its deadline [share]
        """
        rows = [
            {
                **where,
                "share": pool.batchable_share,
                "half": pool.schedule.within(0.5),
                "p95": pool.schedule.within(0.95),
                "missed": round(pool.schedule.late, 4),
            }
            for where, pool in self._pools()
            if pool.batchable_share
        ]
        return rows, self._load_sources()

    # --- how sure, and what would change it ---------------------------------------------------

    @frame
    def speed_basis(self) -> Made:
        """What the speed of a model of an option rests on.

        option: label of the option
        model: open model
        engine: serving engine
        of_engine: public measurements of it [measurements]
        generation: of the card
        of_generation: public measurements of it [measurements]
        factor: highest over lowest speed of the range [x]
        origin: measured by the client, or estimate
        """
        table = catalogue.table("engine_calibration", Calibration)
        pairs = [(r.value.split(" & "), r.measurements) for r in table if r.regime == "engine"]
        rows = []
        for where, pool in self._pools():
            regime, rate = performance.regime(pool.deployment), pool.rate_per_replica
            rows.append(
                {
                    **where,
                    "engine": pool.deployment.engine,
                    "of_engine": sum(n for x, n in pairs if x[0] == regime["engine"]),
                    "generation": regime["architecture"],
                    "of_generation": sum(n for x, n in pairs if x[-1] == regime["architecture"]),
                    "factor": rate.high / rate.low if rate.low else None,
                    "origin": "measured" if pool.measured else "estimate",
                }
            )
        return rows, self._speed_sources()

    @frame
    def capacity_changes(self) -> Made:
        """GPUs of a model of an option in the first year if something were otherwise.

        option: label of the option
        model: open model
        change: what would be otherwise
        gpus: spares included; missing: the model does not fit then [GPUs]
        keeps_limits: whether the limits are kept
        """
        known: dict[tuple[str, str, str], Pool | None] = {}
        rows = []
        for name, found in self.capacity.items():
            for model, pool in found.pools.items():
                for change, asked in _otherwise(pool).items():
                    key = (found.runs.label, model, change)
                    if key not in known:
                        known[key] = _sized(found, model, asked)
                    other = known[key]
                    rows.append(
                        {
                            "option": self.options[name].label,
                            "model": short(model),
                            "change": change,
                            "gpus": other and other.gpus(1).central,
                            "keeps_limits": other is not None and other.keeps_limits,
                        }
                    )
        return rows, self._speed_sources()

    # --- rows ---------------------------------------------------------------------------------

    def _pools(self) -> Iterator[tuple[dict[str, str], Pool]]:
        return (
            ({"option": self.options[name].label, "model": short(model)}, pool)
            for name, found in self.capacity.items()
            for model, pool in found.pools.items()
        )

    @property
    def _shown_pool(self) -> Pool | None:
        allowed = [c.name for c in self.decision.candidates if not c.struck]
        order = [self.decision.recommended or "", *allowed, *self.capacity]
        having = [self.capacity[n] for n in order if n in self.capacity and self.capacity[n].pools]
        pools = having[0].pools.values() if having else ()
        return max(pools, key=lambda p: p.gpus(1).central, default=None)

    def _capacity_of(self, label: str) -> OptionCapacity:
        return next(c for n, c in self.capacity.items() if self.options[n].label == label)

    def _loads(self) -> Mapping[str, Load]:
        """Load by workload: as models on GPUs of one's own see it, if there are any."""
        found = list(self.capacity.values())
        return next((f.loads for f in found if f.pools), found[0].loads)

    def _reliability_sources(self) -> Iterable[Source]:
        known = arrivals.settings()
        return [source_of(known[name]) for name in ("server_failures", "server_repair")]

    def _load_sources(self) -> Iterable[Source]:
        return [
            self.scenario.source(f"workloads.{name}.{field}")
            for name in self.scenario.workloads
            for field in ("hours", "input_tokens", "growth_per_year")
        ]

    def _speed_sources(self) -> Iterable[Source]:
        return [i.source for _, p in self._pools() for i in p.inputs]


def _sized(found: OptionCapacity, model: str, asked: Sequence[tuple[Load, Limits]]) -> Pool | None:
    """The pool for another load or other limits; None where the model does not fit then."""
    try:
        return capacity.best_pool(found.runs, model, asked, 1, wanted=found.wanted)
    except NotPredicted:
        return None


def _pools_on(found: OptionCapacity, server: Server) -> dict[str, Pool]:
    """The pools of an option on another server's cards. Raises NotPredicted."""
    changes = {"gpu": server.gpu_id, "server": server.id, "tensor_parallel": None}
    runs = found.runs.model_copy(update=changes)
    return {
        model: capacity.best_pool(
            runs, model, [(s.load, s.limits) for s in pool.shares], 1, wanted=found.wanted
        )
        for model, pool in found.pools.items()
    }


def _pool_row(pool: Pool) -> dict[str, Any]:
    at_once = [s for s in pool.shares if s.load.batchable_share < 1]
    limits = [share.limits for share in at_once or pool.shares]
    return {
        "gpu": pool.deployment.gpu.gpu,
        "gpus_per_replica": pool.gpus_per_replica,
        "replicas": pool.replicas[0].central,
        "spares": pool.total_replicas(1).central - pool.replicas[0].central,
        **spread(pool.rate_per_replica, "rate"),
        "saturation": _saturation(pool),
        "peak": pool.peak_rate,
        "level": pool.level(),
        "limit_first": min(x.ttft_s for x in limits),
        "limit_token": min(x.tpot_s for x in limits),
        "percentile": max(x.percentile for x in limits),
        "keeps_limits": pool.keeps_limits,
        "calibrated": pool.calibrated,
        "measured": pool.measured,
        "notes": " ".join(dict.fromkeys(pool.notes)),
    }


def _mixed(pool: Pool) -> Lengths:
    rates = pool.mix(True)
    weights = rates / rates.sum() if rates.any() else np.full(len(rates), 1 / len(rates))
    return Lengths.mixed([share.load.lengths for share in pool.shares], weights)


def _saturation(pool: Pool) -> float:
    return pool.replica.curve(_mixed(pool)).saturation_rate


def _deadline(load: Load) -> str:
    if load.deadline.by is not None:
        return f"by {load.deadline.by}:00"
    return f"within {load.deadline.hours:g} hours"


def _days(pool: Pool) -> dict[str, list[tuple[float, float]]]:
    """Work for now and work that may wait, by hour of three kinds of day. [requests/s]"""
    each = pool.rate_per_replica.central
    now = pool.now.reshape(7, 24) * each
    later = pool.usual_schedule.done.reshape(7, 24) * each
    peaks = [share.now * share.load.peak_factor for share in pool.shares]
    peak = np.sum(peaks, axis=0).reshape(7, 24) * each
    put_off = pool.schedule.done.reshape(7, 24) * each
    sums = now.sum(axis=1)
    usual, weekend = 2, 5 + int(sums[6] > sums[5])
    busiest = int(peak.max(axis=1).argmax())
    return {
        "a weekday": list(zip(now[usual], later[usual], strict=True)),
        "a weekend day": list(zip(now[weekend], later[weekend], strict=True)),
        "the busiest day of the year": list(zip(peak[busiest], put_off[busiest], strict=True)),
    }


def _situations(where: Mapping[str, str], pool: Pool) -> Iterator[dict[str, Any]]:
    """Rows of `latencies`: usual peak, the year's, and the year's with one replica down."""
    serving, total = pool.replicas[0].central, pool.total_replicas(1).central
    seen: dict[str, tuple[Mapping[str, Latency] | None, float, Array]] = {
        "usual peak": (pool.busy_hour, serving, pool.mix(False)),
        "busiest hour": (pool.peak_hour, serving, pool.mix(True)),
        "one group down": (pool.without_one(), max(total - 1, 0), pool.mix(True)),
    }
    for share, place in ((s, i) for i, s in enumerate(pool.shares) if s.load.batchable_share < 1):
        for situation, (found, replicas, rates) in seen.items():
            mine = found[share.load.name] if found else None
            for measure, limit in (
                ("first token", share.limits.ttft_s),
                ("further token", share.limits.tpot_s),
            ):
                at = mine and (mine.ttft if measure == "first token" else mine.tpot)
                here = at[share.limits.percentile] if at else math.inf
                yield {
                    **where,
                    "workload": share.load.name,
                    "situation": situation,
                    "measure": measure,
                    "replicas": replicas,
                    **{f"p{q}": at[q] if at else math.inf for q in (50, 95, 99)},
                    "seen": here,
                    "limit": limit,
                    "percentile": share.limits.percentile,
                    "kept": here <= limit,
                    "under_way": rates[place] * mine.residence if mine else None,
                }


def _otherwise(pool: Pool) -> dict[str, list[tuple[Load, Limits]]]:
    asked = [(share.load, share.limits) for share in pool.shares]

    def shorter(load: Load) -> Load:
        n = load.lengths
        return replace(load, lengths=replace(n, output=replace(n.output, mean=n.output_mean / 2)))

    def tighter(x: Limits) -> Limits:
        return replace(x, ttft_s=x.ttft_s / 2, tpot_s=x.tpot_s / 2)

    return {
        "twice the load": [(replace(x, hourly=x.hourly * 2), held) for x, held in asked],
        "half the limits": [(x, tighter(held)) for x, held in asked],
        "no cached prefixes": [(x.without_cache(), held) for x, held in asked],
        "half the answers": [(shorter(x), held) for x, held in asked],
        "nothing may wait": [(replace(x, batchable_share=0.0), held) for x, held in asked],
    }
