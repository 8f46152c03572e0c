"""Frames of a study that lead from a client's load to its machines, step by step with numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from siting import catalogue
from siting.inputs.scenario.model import Workload
from siting.quality import bare_name
from siting.serving import performance, queueing, servers
from siting.serving.capacity import OptionCapacity
from siting.serving.mix import PoolWorkload
from siting.serving.pools import Pool
from siting.serving.servers import ROUNDING
from siting.study.frames import Row, Rows, Topic, frame

PARTS = {
    "weights": "weights and matrix products",
    "cache": "cache",
    "decode attention": "attention and all else on the card",
    "prompt attention": "attention and all else on the card",
    "elementwise": "attention and all else on the card",
    "links": "attention and all else on the card",
    "engine": "engine between steps",
}
"""What a step takes time for, as a client reads it."""
FAILURES = ("server_failures", "server_repair")
"""Settings behind the time in which a server runs."""
HOURS = 24
SECONDS = 3600


def _rows(figures: Iterable[Row], **where: str) -> Rows:
    """Rows of figures, one number each: what most say is without a unit."""
    return [{"unit": "", **where, **figure} for figure in figures]


class SizingFrames(Topic):
    """Frames on how the number of machines follows from the load."""

    @frame(
        "option model about step",
        "value unit how",
    )
    def sizing_steps(self) -> Rows:
        """One step on the way from the load to the machines of an option, first year."""
        for name, found in self.results.capacity.items():
            if found.kind == "hybrid" or found.existing:
                continue
            for model, pool in found.pools.items():
                own = {"option": name, "model": bare_name(model)}
                for workload in pool.workloads:
                    steps = [*self._of_load(workload), *self._of_workload(workload, pool)]
                    yield from _rows(steps, about=workload.load.name, **own)
                yield from _rows(self._of_group(pool), about="a group", **own)
                yield from _rows(self._of_machines(found, pool), about="machines", **own)
        yield from (known.provenance for known in self._settings())

    def _settings(self) -> list[catalogue.Setting]:
        known = catalogue.settings("load_settings")
        kinds = {load.arrivals for o in self.results.capacity.values() for load in o.loads.values()}
        return [known[name] for name in (*FAILURES, *(f"{kind}_minute_cv" for kind in kinds))]

    def _said(self, value: float) -> str:
        return str(self.results.numbers.number(value, 0 if value == int(value) else None))

    def _told_by(self, field: str) -> str:
        """Who says a figure of the scenario."""
        found = self.scenario.source(field)
        return f"your answer, {found.date}" if found.kind == "client" else found.kind

    # --- the load ---------------------------------------------------------------------------------

    def _of_load(self, workload: PoolWorkload) -> Iterator[Row]:
        load = workload.load
        asked = self.scenario.workloads[load.name]
        days = np.array(asked.weekdays)
        a_day = load.hourly.sum() * SECONDS / days.sum()
        top = load.hourly.max()
        fullest = load.hourly.reshape(7, HOURS)[int(days.argmax())]
        of_day = fullest.max() / fullest.sum()
        said = self._said
        apart = "holidays and seasons" if load.seasons else "holidays"
        yield from self._of_users(load.name, asked)
        yield {
            "step": "requests of a full day",
            "value": a_day,
            "how": f"a week holds {said(days.sum())} full days",
        }
        yield {
            "step": "mean of the year",
            "value": load.mean_rate,
            "unit": "requests/s",
            "how": f"× {said(days.sum())} / 7 days × {said(load.working)} for {apart} / 86 400 s",
        }
        yield {
            "step": "busiest hour of a usual week",
            "value": top,
            "unit": "requests/s",
            "how": f"{said(100 * of_day)}% of a full day / 3 600 s × {said(days.max())}",
        }
        if load.batchable_share:
            yield {
                "step": "that may not wait",
                "value": load.interactive.max(),
                "unit": "requests/s",
                "how": f"less {said(100 * load.batchable_share)}% that may wait",
            }
        if load.batchable_share < 1:
            yield {
                "step": "busiest hour of the year",
                "value": load.interactive.max() * load.peak_factor,
                "unit": "requests/s",
                "how": f"× {said(load.peak_factor)} in the fullest week",
            }

    def _of_users(self, name: str, asked: Workload) -> Iterator[Row]:
        """Who asks, how often, and in conversations of how many turns, as far as it is said."""
        if asked.users:
            told = self._told_by(f"workloads.{name}.users")
            yield {"step": "users", "value": asked.users, "how": told}
            if asked.per_user_day:
                each = asked.per_user_day
                words = "requests of each on a full day"
                told = self._told_by(f"workloads.{name}.requests_per_user_day")
                yield {"step": words, "value": each, "how": told}
        if asked.turns > 1:
            read = f"the last one reads {self._said(asked.last_input)} tokens"
            told = f"{read}, {asked.cached_share:.0%} of all that is read stands in a cache"
            yield {"step": "turns of a conversation", "value": asked.turns, "how": told}

    def _of_workload(self, workload: PoolWorkload, pool: Pool) -> Iterator[Row]:
        load = workload.load
        said = self._said
        busiest = load.interactive.max() * load.peak_factor * workload.headroom
        held = workload.bunched(1.0).max() * workload.rate_alone
        varies = catalogue.settings("load_settings")[f"{load.arrivals}_minute_cv"].central
        bunched = f"× {said(workload.headroom)}"
        how = f"{bunched}, the busiest of 20 minutes: minutes of many people vary "
        how += f"by {said(100 * varies)}%"
        if load.arrivals != "people":
            how = f"{bunched}, simulated second by second on a group, so that the "
            how += f"limits hold while requests of {load.arrivals} bunch"
        if held < busiest - ROUNDING:
            busiest = held
            how = f"no more at once than your {said(load.most_at_once)} users: one each"
        if load.batchable_share < 1:
            words = "busiest minute of that hour"
            yield {"step": words, "value": busiest, "unit": "requests/s", "how": how}
        alone = "" if len(pool.workloads) == 1 else " of these alone"
        yield {
            "step": f"a group carries{alone}",
            "value": workload.rate_alone,
            "unit": "requests/s",
            "how": "the most within your limits, below"
            if load.batchable_share < 1
            else f"{queueing.without_limits():.0%} of what it can",
        }

    # --- a group ----------------------------------------------------------------------------------

    def _of_group(self, pool: Pool) -> Iterator[Row]:
        """Why a group carries no more of the workload that asks most of the groups."""
        answered = [w for w in pool.workloads if w.load.batchable_share < 1]
        if not answered:
            return
        workload = max(answered, key=lambda w: w.interactive.max())
        curve = pool.replica.curve(workload.load.lengths)
        limits = workload.load.limits
        at = queueing.stretched(curve, workload.rate_alone, limits.percentile)
        seen = queueing.latency(curve, workload.rate_alone, (limits.percentile,))
        said = self._said
        of_100 = f"{limits.percentile} of 100"
        rate = said(workload.rate_alone)
        lasts = f"{rate} a second × {said(seen.residence)} s from asking to the end"
        yield {
            "step": f"{workload.load.name}: under way, mean",
            "value": seen.concurrency,
            "unit": "requests",
            "how": lasts,
        }
        yield {
            "step": f"share a step, {of_100} find no more",
            "value": at.together,
            "unit": "requests",
            "how": "mean and spread of those under way",
        }
        yield from self._of_step(pool, workload, at)
        yield {
            "step": "prompts of others",
            "value": 1000 * at.prompts_s,
            "unit": "ms",
            "how": f"each takes {said(1000 * curve.prompt_s)} ms",
        }
        yield {
            "step": f"a further token, {of_100}",
            "value": 1000 * seen.tpot[limits.percentile],
            "unit": "ms",
            "how": f"their sum; your limit: {said(1000 * limits.tpot_s)} ms",
        }
        yield {
            "step": f"first token, {of_100}",
            "value": seen.ttft[limits.percentile],
            "unit": "s",
            "how": f"queue and reading; your limit: {said(limits.ttft_s)} s",
        }

    def _of_step(self, pool: Pool, workload: PoolWorkload, at: queueing.Stretched) -> Iterator[Row]:
        """A step of so many requests, part by part; between two whole numbers, in a line."""
        low = np.floor(at.together)
        parts = pool.replica.step_parts(workload.load.lengths, np.array([low, low + 1]))
        taken = dict.fromkeys(PARTS.values(), 0.0)
        for part, (first, second) in parts.items():
            taken[PARTS[part]] += 1000 * (first + (second - first) * (at.together - low))
        how = self._read(pool, workload, at)
        for words, value in taken.items():
            yield {"step": words, "value": value, "unit": "ms", "how": how.get(words, "")}

    def _read(self, pool: Pool, workload: PoolWorkload, at: queueing.Stretched) -> dict[str, str]:
        """What a step reads, in numbers: GB over the bandwidth that is reached."""
        deployed = pool.replica.deployment
        r = performance.replica(deployed)
        k = performance.efficiencies(performance.regime(deployed))
        said = self._said
        length = workload.load.lengths.context_mean
        bandwidth = float(r.bandwidth)
        weights = float(r.dense_bytes + r.expert_bytes) / 1e9
        held = at.together / float(r.attention_ranks)
        cache = held * float(r.read_bytes(length)) / 1e9
        states = held * float(r.state_bytes) / 1e9
        written = f" and {said(states)} GB of states written" if states else ""
        reached = {n: said(bandwidth * k[n] / 1e9) for n in ("weight_memory", "kv_memory")}
        of_card = "on each card, of experts those drawn" if r.expert_bytes else "on each card"
        over = performance.overlap(r, k, at.together)
        return {
            PARTS["weights"]: f"{said(weights)} GB {of_card} at {reached['weight_memory']} GB/s: "
            f"{said(1000 * over.read)} ms; products {said(1000 * over.computed)} ms; of both the "
            f"{said(over.power)}-norm; a step reads no embeddings",
            PARTS["cache"]: f"{said(cache)} GB read{written} at {reached['kv_memory']} GB/s: each "
            f"request holds {said(length)} tokens",
        }

    # --- machines ---------------------------------------------------------------------------------

    def _of_machines(self, found: OptionCapacity, pool: Pool) -> Iterator[Row]:
        said = self._said
        serving = pool.replicas[0].central
        yield {
            "step": "groups at work at once",
            "value": pool.level(),
            "how": self._level_how(pool),
        }
        yield {"step": "groups that serve", "value": serving, "how": "rounded up"}
        down, repair = (catalogue.settings("load_settings")[name].central for name in FAILURES)
        up = servers.uptime()
        needed = f"{said(serving)} groups"
        if found.server is not None:
            held = servers.replicas_per_server(found.server, pool.gpus_per_replica)
            needed = f"{said(found.serving_servers())} servers, {said(held)} groups on each"
        yield {
            "step": "of the time a server runs",
            "value": up,
            "unit": "share",
            "how": f"{said(1000 * down)} failures in 1 000 days; days to mend each: {said(repair)}",
        }
        without = found.availability(spares=False)
        reached = found.availability()
        if without is not None and reached is not None:
            yield {
                "step": "all that serve run",
                "value": without,
                "unit": "share",
                "how": f"{needed}, none in reserve",
            }
            spares = pool.total_replicas(1).central - serving
            words = f"with {said(spares)} in reserve; you ask for {100 * found.wanted:.6g}%"
            yield {"step": "enough run", "value": reached, "unit": "share", "how": words}
        if found.server is not None:
            bought = found.bought()
            words = f"those that serve and stand by, of {said(found.server.gpu_count)} cards each"
            yield {"step": "servers bought", "value": bought, "how": words}
        else:
            words = "groups that serve and stand by"
            yield {"step": "cards rented", "value": pool.gpus(1).central, "how": words}

    def _level_how(self, pool: Pool) -> str:
        """What sets the number of groups: the busiest minute, or work that may wait."""
        busiest = pool.mix.bunched([1.0] * len(pool.workloads))
        if busiest.max() >= pool.level() - ROUNDING:
            if len(pool.workloads) == 1:
                return "the busiest minute over what a group carries"
            hour = int(busiest.argmax())
            day = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
            return (
                f"each workload's minute over what a group carries of it, in the hour from "
                f"{hour % HOURS}:00 on {day[hour // HOURS]}"
            )
        share = f"{queueing.without_limits():.0%} of capacity"
        return f"work that may wait, in the busiest week, done by its deadlines at {share}"
