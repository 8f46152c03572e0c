"""Frames of a study on load, GPUs and latency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from siting import catalogue
from siting.catalogue import Source
from siting.serving import capacity, performance
from siting.serving.capacity import Pool
from siting.serving.load import Load
from siting.serving.performance import NotPredicted
from siting.serving.queueing import Latency, latency
from siting.study.frames import Made, frame, spread
from siting.study.memory import short
from siting.study.results import Results

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
CURVE_POINTS = 24
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
        growth_low: change of the load in a year [share]
        growth: the same, central [share]
        growth_high: the same, at most [share]
        """
        rows = [
            {
                "workload": name,
                "requests": load.year(1).requests.central,
                "mean_rate": float(load.hourly.mean()),
                "usual_peak": load.busy_rate,
                "year_peak": load.peak_rate,
                "input": load.lengths.input_mean,
                "cached": load.lengths.cached_share,
                "output": load.lengths.output_mean,
                "may_wait": load.batchable_share,
                "growth_low": load.growth.low,
                "growth": load.growth.central,
                "growth_high": load.growth.high,
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
            hours = pool.load.duration_curve()
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
        gpu: card
        gpus_per_replica: cards that hold the model once [GPUs]
        replicas: that serve [replicas]
        spares: that stand by [replicas]
        rate_low: what a replica carries within the limits [requests/s]
        rate: the same, central [requests/s]
        rate_high: the same, at most [requests/s]
        saturation: what a replica could serve without limits [requests/s]
        peak: busiest hour of the year, waiting work aside [requests/s]
        used: share of the GPUs' throughput that is used over the week [share]
        limit_first: wait for the first token at most [s]
        limit_token: time of each further token at most [s]
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
            q = pool.limits.percentile
            for rate in np.linspace(0.02, 0.97, CURVE_POINTS) * pool.curve.saturation_rate:
                seen = latency(pool.curve, rate, (q,))
                rows.append({**where, "rate": rate, "first": seen.ttft[q], "token": seen.tpot[q]})
        return rows, self._speed_sources()

    @frame
    def latencies(self) -> Made:
        """What users of a model of an option wait for, in one situation.

        option: label of the option
        model: open model
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
        used: share of their throughput that is used over the week [share]
        """
        rows = [
            {
                "option": self.options[name].label,
                "year": year,
                **spread(found.gpus(year)),
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
        used: share of the throughput of all replicas, spares included [share]
        """
        rows = [
            {**where, "hour": hour, "used": used}
            for where, pool in self._pools()
            for hour, used in enumerate(pool.utilisation())
        ]
        return rows, self._speed_sources()

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
        table = catalogue.table("engine_calibration", performance.Calibration)
        counts = {(row.regime, row.value): row.measurements for row in table}
        rows = []
        for where, pool in self._pools():
            regime, rate = performance.regime(pool.deployment), pool.rate_per_replica
            rows.append(
                {
                    **where,
                    "engine": pool.deployment.engine,
                    "of_engine": counts.get(("engine", regime["engine"]), 0),
                    "generation": regime["architecture"],
                    "of_generation": counts.get(("architecture", regime["architecture"]), 0),
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
        rows = []
        for name, found in self.capacity.items():
            option = self.options[name]
            if found.kind == "hybrid":
                continue
            for model, pool in found.pools.items():
                where = {"option": option.label, "model": short(model)}
                for change, (load, limits) in _otherwise(pool).items():
                    try:
                        other = capacity.best_pool(option, model, load, limits, 1)
                    except NotPredicted:
                        other = None
                    rows.append(
                        {
                            **where,
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
        chosen = self.capacity.get(self.decision.recommended or "")
        having = [c for c in (chosen, *self.capacity.values()) if c and c.pools]
        pools = having[0].pools.values() if having else ()
        return max(pools, key=lambda p: p.gpus(1).central, default=None)

    def _loads(self) -> Mapping[str, Load]:
        """Load by workload: as models on GPUs of one's own see it, if there are any."""
        found = list(self.capacity.values())
        return next((f.loads for f in found if f.pools), found[0].loads)

    def _load_sources(self) -> Iterable[Source]:
        return [
            self.scenario.source(f"workloads.{name}.{field}")
            for name in self.scenario.workloads
            for field in ("hours", "input_tokens", "growth_per_year")
        ]

    def _speed_sources(self) -> Iterable[Source]:
        return [i.source for _, p in self._pools() for i in p.inputs]


def _pool_row(pool: Pool) -> dict[str, Any]:
    return {
        "gpu": pool.deployment.gpu.gpu,
        "gpus_per_replica": pool.gpus_per_replica,
        "replicas": pool.replicas[0].central,
        "spares": pool.total_replicas(1).central - pool.replicas[0].central,
        **spread(pool.rate_per_replica, "rate"),
        "saturation": pool.curve.saturation_rate,
        "peak": pool.load.peak_rate,
        "used": pool.mean_utilisation(),
        "limit_first": pool.limits.ttft_s,
        "limit_token": pool.limits.tpot_s,
        "percentile": pool.limits.percentile,
        "keeps_limits": pool.keeps_limits,
        "calibrated": pool.calibrated,
        "measured": pool.measured,
        "notes": " ".join(dict.fromkeys(pool.notes)),
    }


def _days(pool: Pool) -> dict[str, list[tuple[float, float]]]:
    """Work for now and work that may wait, by hour of three kinds of day."""
    now = pool.load.interactive.reshape(7, 24)
    later = pool.hourly.reshape(7, 24) - now
    sums = now.sum(axis=1)
    usual, weekend, busiest = 2, 5 + int(sums[6] > sums[5]), int(sums.argmax())
    peak = now[busiest] * pool.load.peak_factor
    return {
        "a weekday": list(zip(now[usual], later[usual], strict=True)),
        "a weekend day": list(zip(now[weekend], later[weekend], strict=True)),
        "the busiest day of the year": list(zip(peak, later[busiest], strict=True)),
    }


def _situations(where: Mapping[str, str], pool: Pool) -> Iterator[dict[str, Any]]:
    """Rows of `latencies`: usual peak, the year's, and the year's with one replica down."""
    total, limits = pool.total_replicas(1).central, pool.limits
    serving = pool.replicas[0].central
    seen: dict[str, tuple[Latency | None, float]] = {
        "usual peak": (pool.busy_hour, serving),
        "busiest hour": (pool.peak_hour, serving),
        "one group down": (pool.without_one(), max(total - 1, 0)),
    }
    for situation, (found, replicas) in seen.items():
        for measure, limit in (("first token", limits.ttft_s), ("further token", limits.tpot_s)):
            at = found and (found.ttft if measure == "first token" else found.tpot)
            here = at[limits.percentile] if at else float("inf")
            yield {
                **where,
                "situation": situation,
                "measure": measure,
                "replicas": replicas,
                **{f"p{q}": at[q] if at else float("inf") for q in (50, 95, 99)},
                "seen": here,
                "limit": limit,
                "percentile": limits.percentile,
                "kept": here <= limit,
                "under_way": found.concurrency * replicas if found else None,
            }


def _otherwise(pool: Pool) -> dict[str, tuple[Load, capacity.Limits]]:
    load, limits = pool.load, pool.limits
    n = load.lengths
    short_answers = replace(n, output=replace(n.output, mean=n.output_mean / 2))
    tight = replace(limits, ttft_s=limits.ttft_s / 2, tpot_s=limits.tpot_s / 2)
    return {
        "twice the load": (replace(load, hourly=load.hourly * 2), limits),
        "half the limits": (load, tight),
        "no cached prefixes": (replace(load, lengths=replace(n, cached_share=0.0)), limits),
        "half the answers": (replace(load, lengths=short_answers), limits),
    }
