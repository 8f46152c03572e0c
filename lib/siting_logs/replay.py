"""A week of requests, one by one, through the replicas that were sized for it.

Sizing follows formulas; this is the check on them: the same step times, with every request a
length of its own, a router in front, and prompts that share steps with each other and with the
sequences that decode.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from siting.memory.deployment import max_sequences, prompt_chunk
from siting.records import frozen
from siting.serving import performance
from siting.serving.curve import DeployedReplica, Lengths
from siting.serving.load import LATE_FROM, Load
from siting.serving.performance import Array, Efficiencies, Replica
from siting.serving.pools import Pool
from siting.serving.queueing import Limits

from siting_logs import arrivals, batching
from siting_logs.arrivals import HOUR
from siting_logs.batching import Flags, Speed, Whole
from siting_logs.logs import Log

COLUMNS = 64
"""Steps are worked out for so many numbers of prompt tokens up to the chunk; between, a line."""
LEAST = 1e-6
"""Instead of no token at all. [tokens]"""
BUSY = 0.95
"""Hours that ask for so much of what the busiest one asks for are told as the busiest."""
WARM_UP = 900.0
"""Requests that came so long before the first hour that is told are done by then. [s]"""
PERCENTILES = (50, 95, 99)


# --- one replica ------------------------------------------------------------------------------


@frozen
class ReplicaTimes:
    """Step times of one replica, as sizing has them too, for requests of any length."""

    speed: Speed
    replica: Replica
    """With a second axis, along which contexts differ."""
    efficiencies: Efficiencies
    cache_bytes: float
    """That the sequences of a replica share. [byte]"""
    slower: float
    first_token_s: float
    """Before and after the engine: server, tokeniser, network. [s]"""

    @classmethod
    def of(cls, made: DeployedReplica, lengths: Lengths) -> ReplicaTimes:
        """lengths: of the mixture that comes. Raises NotEstimated as `DeployedReplica.curve`."""
        d = made.deployment
        r = performance.replica(d)
        k = performance.efficiencies(performance.regime(d))
        longest = max(made.longest, lengths.input.mean + lengths.output.mean)
        held = lengths.held_mean
        slots = performance.slots(d, r, held, longest)
        chunk = prompt_chunk(d.known, int(longest))
        column = max(1.0, chunk / COLUMNS)
        prompts = np.arange(math.ceil(chunk / column) + 2.0) * column
        return cls(
            speed=Speed(
                step_s=_steps(
                    made, np.asarray(prompts, float), max(1.0, lengths.prompt_mean)
                ).tolist(),
                column=column,
                chunk=chunk,
                cache_tokens=slots * held,
            ),
            replica=_by_context(r, axes=1),
            efficiencies=k,
            cache_bytes=slots * float(r.sequence_bytes(held)),
            slower=made.slower,
            first_token_s=float(performance.first_token_seconds(r, k)),
        )

    def jobs(self, requests: pd.DataFrame) -> pd.DataFrame:
        """The requests with what they ask of a replica, as `batching.serve` takes them."""
        prompt = requests["input"].to_numpy()
        output = requests["output"].to_numpy()
        context = prompt + output / 2.0
        decode = self._step(context, 0.0, context) - self._step(0.0, 0.0, 0.0)
        seen = prompt / 2.0
        some = float(self.speed.chunk)
        read = self._step(0.0, some, seen) - self._step(0.0, some, 0.0)
        whole = self.replica.sequence_bytes((prompt + output).astype(float))
        return requests.assign(
            waits=arrivals.may_wait(requests),
            room=np.asarray(whole / self.cache_bytes),
            decode_s=decode * self.slower,
            attention_s=read * self.slower / (some * seen),
        )

    def _step(self, context: Array | float, prompt: float, seen: Array | float) -> Array:
        """One sequence decodes, and prompts are read of which each token attends to `seen`."""
        k = self.efficiencies
        found = performance.step_seconds(self.replica, k, 1.0, context, prompt, 1.0, seen - 0.5)
        return np.asarray(found)


def _steps(made: DeployedReplica, prompts: Array, mean_prompt: float) -> Array:
    """Step in which 0 … most sequences decode and so many tokens of prompts are read, without
    attention, which is counted request by request. [s]"""
    d = made.deployment
    r = _by_context(performance.replica(d), axes=2)
    k = performance.efficiencies(performance.regime(d))
    sequences = np.arange(max_sequences(d.known) + 1.0)[:, None]
    tokens = np.zeros_like(sequences) + prompts
    tokens[0, 0] = LEAST
    length = np.maximum(tokens / np.maximum(prompts / mean_prompt, LEAST), LEAST)
    steps = performance.step_seconds(r, k, sequences, 0.0, tokens, length, -length / 2)
    return np.asarray(steps) * made.slower


def _by_context(r: Replica, axes: int) -> Replica:
    """The same replica, for arrays of contexts of so many axes."""
    names = ("kv_bytes", "kept", "attended", "attention_flop", "prompt_attention_flop")
    shape = (-1, *[1] * axes)
    return replace(r, **{name: getattr(r, name).reshape(shape) for name in names})


# --- what users saw ---------------------------------------------------------------------------


@frozen
class Waits:
    """How long the users of a workload waited for one thing. [s]"""

    percentiles: Mapping[int, float]
    """50, 95, 99, and the one that the limits name."""
    busiest: float
    """In the busiest hours, at the percentile of the limits."""
    limit: float
    """Infinite where there is none."""


@frozen
class Seen:
    """What the users of one workload saw."""

    workload: str
    limits: Limits
    requests: int
    """That are answered at once."""
    waiting: int
    """That may wait."""
    refused: int
    """Too long for the cache of a replica."""
    waits: Mapping[str, Waits]
    """For the first token, a further token, and the whole answer."""
    missed: tuple[int, ...]
    """Hours, counted from the first, in which a limit does not hold at its percentile, or a request
    that waits for its answer is refused."""
    late: float
    """Share of what may wait that is done after its deadline."""

    @property
    def kept(self) -> bool:
        """Whether the limits hold in the busiest hours, and the deadlines always."""
        fast = all(each.busiest <= each.limit for each in self.waits.values())
        return fast and self.late <= LATE_FROM and not self.refused


@frozen
class Replay:
    """Requests that went through so many replicas."""

    replicas: int
    hours: int
    """That were replayed."""
    seen: tuple[Seen, ...]
    """By workload."""
    hit_rate: float
    """Share of the input tokens that were found in a cache."""

    @property
    def kept(self) -> bool:
        return all(each.kept for each in self.seen)

    @property
    def missed(self) -> tuple[int, ...]:
        """Hours in which a workload misses a limit."""
        return tuple(sorted({hour for each in self.seen for hour in each.missed}))


def replay(
    pool: Pool,
    requests: pd.DataFrame,
    replicas: int,
    busiest: Flags,
    hours: range | None = None,
) -> Replay:
    """Requests through so many replicas of a pool; those of `hours`, or all, are told.

    busiest: whether an hour is one of the busiest. [hours, the last of them for all that follow]
    """
    times = ReplicaTimes.of(pool.replica, lengths(pool))
    served = batching.serve(times.jobs(requests), times.speed, replicas)
    told = requests.assign(
        first=served.first_s,
        last=served.last_s,
        found=served.cached,
        hour=np.minimum(hours_of(requests), len(busiest) - 1),
    )
    if hours:
        told = told[told["hour"].isin(hours)]
    seen = [
        _seen(load, told[told["workload"] == place], busiest, times.first_token_s)
        for place, load in enumerate(pool.loads)
    ]
    return Replay(
        replicas=replicas,
        hours=len(hours or busiest),
        seen=tuple(seen),
        hit_rate=float(told["found"].sum()) / max(1.0, float(told["input"].sum())),
    )


def hours_of(requests: pd.DataFrame) -> Whole:
    """The hour in which each request comes, counted from the first."""
    return (requests["when"].to_numpy() / HOUR).astype(int)


def lengths(pool: Pool) -> Lengths:
    """Of a mean request of the pool."""
    rates = np.array([load.mean_rate for load in pool.loads])
    return Lengths.mixed([load.lengths for load in pool.loads], rates)


def _seen(load: Load, requests: pd.DataFrame, busiest: Flags, first_token_s: float) -> Seen:
    """What the users of one workload saw. requests: theirs, with the hour in which each came and,
    of its answer, the first and the last token [s]."""
    limits = load.limits
    answered = np.isfinite(requests["first"])
    may_wait = arrivals.may_wait(requests)
    now = requests[answered & ~may_wait]
    later = requests[may_wait]
    first = (now["first"] - now["when"]).to_numpy() + first_token_s
    writing = (now["last"] - now["first"]).to_numpy()
    each = writing / np.maximum(now["output"].to_numpy() - 1, 1)
    at = now["hour"].to_numpy()
    waits: dict[str, Waits] = {}
    over = []
    for measure, values, limit in (
        ("first token", first, limits.ttft_s),
        ("further token", each, limits.tpot_s),
        ("whole answer", first + writing, limits.whole_s),
    ):
        levels = sorted({*PERCENTILES, limits.percentile})
        busy = _percentile(values[busiest[at]], limits.percentile)
        found = {q: _percentile(values, q) for q in levels}
        waits[measure] = Waits(percentiles=found, busiest=busy, limit=limit)
        over.append(values > limit)
    slow = _missed(at, over, limits.percentile)
    unanswered = requests["hour"][~answered & ~may_wait]
    late = later["last"] > later["due"]
    return Seen(
        workload=load.name,
        limits=limits,
        requests=len(now),
        waiting=len(later),
        refused=int((~answered).sum()),
        waits=waits,
        missed=tuple(sorted({*slow, *unanswered.tolist()})),
        late=float(late.mean()) if len(late) else 0.0,
    )


def _percentile(values: Array, q: int) -> float:
    return float(np.quantile(values, q / 100)) if len(values) else 0.0


def _missed(hour: Array, over: Sequence[Flags], percentile: int) -> tuple[int, ...]:
    """Hours in which more requests than the percentile leaves miss one of the limits.

    Of hours with few requests, a percentile says nothing: one at least must be allowed to miss.
    """
    if not len(hour):
        return ()
    count = np.bincount(hour)
    allowed = count * (1 - percentile / 100)
    most = np.max([np.bincount(hour, slow, len(count)) for slow in over], axis=0)
    return tuple(np.flatnonzero((most > allowed) & (allowed >= 1)).tolist())


# --- the week that was sized ------------------------------------------------------------------


@frozen
class Week:
    """The requests of a week of a pool, and the hours of it that are told."""

    pool: Pool
    requests: pd.DataFrame
    """As of `arrivals`."""
    times: tuple[float, ...]
    """Requests of each workload over those of a usual week; none of a log, of which none wait."""
    hours: range | None
    """None: all, and what of their work is done later."""
    busiest: Flags
    """Of the hours of the week, those that ask for most. [168]"""

    def through(self, replicas: int) -> Replay:
        """The week through so many replicas."""
        if not self.times:
            return replay(self.pool, self.requests, replicas, self.busiest)
        now = self.pool.mix.busy(self.times)
        work = self.pool.mix.work(self.times)
        requests = arrivals.released(self.requests, now, work, replicas)
        return replay(self.pool, requests, replicas, self.busiest, self.hours)


def week(
    pool: Pool, seed: int = arrivals.SEED, usual: bool = False, hours: range | None = None
) -> Week:
    """The busiest week of the first year, or a usual one, of a pool.

    hours: those of the week that are told; what comes just before them is served, too. None: all.
    """
    times = tuple(1.0 if usual else s.load.peak_factor for s in pool.workloads)
    seconds = arrivals.WEEK
    if hours:
        seconds = range(max(0, int(hours.start * HOUR - WARM_UP)), int(hours.stop * HOUR))
    requests = arrivals.drawn(pool.loads, times, seed, seconds)
    now = pool.mix.busy(times)
    asked = now if now.any() else np.sum([s.waiting for s in pool.workloads], axis=0)
    return Week(
        pool=pool,
        requests=requests,
        times=times,
        hours=hours,
        busiest=asked >= BUSY * asked.max(),
    )


def busy_hours(pool: Pool, most: float) -> range:
    """The hours around the busiest of the year, as many of its day as hold so many requests."""
    asked = np.sum([s.load.hourly * s.load.peak_factor for s in pool.workloads], axis=0) * HOUR
    first = pool.mix.busy_hour_of_week
    last = first
    day = range(first // 24 * 24, first // 24 * 24 + 24)
    while asked[first : last + 1].sum() < most and (first > day[0] or last < day[-1]):
        before = asked[first - 1] if first > day[0] else -1.0
        after = asked[last + 1] if last < day[-1] else -1.0
        if before > after:
            first -= 1
        else:
            last += 1
    return range(first, last + 1)


def of_log(pool: Pool, log: Log, workload: str) -> Week:
    """The requests of a log as those of a workload of a pool, whole."""
    names = [load.name for load in pool.loads]
    place = names.index(workload)
    requests = arrivals.logged(log, place, pool.loads[place])
    count = np.bincount(hours_of(requests))
    return Week(
        pool=pool,
        requests=requests,
        times=(),
        hours=None,
        busiest=np.asarray(count >= BUSY * count.max()),
    )
