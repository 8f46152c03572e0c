"""Bursts of machines and agents, simulated on a replica as a fluid, second by second.

What must be carried so that limits are kept while requests come in bursts, as a ratio to the mean
of an hour, is looked for among a few of them (`BUNCHED`). Several searches go abreast, since a step
of the fluid takes hardly longer for all of them than for one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from siting.serving.bunching import LEAST_SLACK, SEED, Bunching, busy_minute, scores, series
from siting.serving.curve import Curve
from siting.serving.performance import Array
from siting.serving.queueing import LONE_RATE, Limits, latency, quantiles

Places = npt.NDArray[np.intp]
BURST_HOURS = 96
"""Length of the one by which a replica's bursts are sized; shorter ones differ by their luck."""
BURST_STEP = 1
"""[s]"""
DRAIN_STEPS = 180
"""After each hour of bursts, in which nothing comes and what is under way is served."""
FOLLOWED = 120
"""Requests of each hour of bursts that are followed to their last token, evenly spaced among those
that come."""
ANSWERS = 8
"""Lengths of answers, evenly spaced quantiles, that those requests have in turn."""
BUNCHED = np.geomspace(1.0, 20.0, 12)
"""Ratios of what is carried to the mean of an hour, among which the least is looked for."""
USUAL = 5
"""Place of the one of them that most agents ask for, or the one below it: there the search
begins."""
TOGETHER = 5
"""Neighbours among them that are simulated together, those from 3 below the usual one to one above
it first: a step takes hardly longer for all of them than for one."""
ABREAST = 3
"""Replicas whose bursts are simulated together at most: what they do takes 29 MiB each."""


@cache
def _steps(kind: Bunching) -> Array:
    """Requests of each step of BURST_HOURS hours over the mean of the hour. [step, hour]"""
    seconds = series(kind, BURST_HOURS, even=True)
    hours = seconds.reshape(BURST_HOURS, -1, BURST_STEP).mean(axis=2)
    return np.ascontiguousarray((hours / hours.mean(axis=1, keepdims=True)).T)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Course:
    """What a replica under bursts has done by each step. [hour, step]"""

    read: Array
    """Prompts."""
    lasted: Array
    """Tokens that each sequence under way was given, over those of a mean answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Followed:
    """Requests that are followed, evenly spaced among those of their hour. [followed, hour]"""

    risen: Array
    """What has come by each step, over what comes in a mean one. [step, hour]"""
    before: Array
    """What comes before them, likewise."""
    came: Array
    """Step, and part of it, in which they come."""


class Bursts:
    """A replica under bursts, where some of BUNCHED times the mean of an hour are carried, and the
    search for the least of them that keeps its limits."""

    def __init__(self, curve: Curve, limits: Limits, kind: Bunching, rate: float) -> None:
        self.curve = curve
        self.limits = limits
        self.kind = kind
        self.rate = rate
        alone = latency(curve, LONE_RATE, (50,))
        self.slack = max(limits.ttft_s - alone.ttft[50], LEAST_SLACK)
        """What may be waited beside the time of a lone prompt. [s]"""
        self.followed = _evenly(kind)
        self.prompt_s = max(curve.prompt_s, 1e-9)
        self._strains: dict[int, float] = {}

    def carried(self, place: int) -> float:
        """Requests of a mean step where one of BUNCHED is carried."""
        return float(BURST_STEP * self.rate / BUNCHED[place])

    @property
    def low(self) -> int:
        """The last place of BUNCHED that is known to miss a limit; -1: none."""
        return max((place for place, strain in self._strains.items() if strain > 1), default=-1)

    @property
    def high(self) -> int:
        """The first place that is known to keep them, where all after it do; past the last: none.

        More room never strains more.
        """
        kept = (place for place, strain in self._strains.items() if strain <= 1)
        return min(kept, default=len(BUNCHED))

    @property
    def next(self) -> int | None:
        """The place to look at next: from the usual one it is one way to the first that keeps the
        limits; None: it is found."""
        if not self._strains:
            return USUAL
        if self.high - self.low == 1:
            return None
        return self.low + 1 if self.high == len(BUNCHED) else self.high - 1

    @property
    def headroom(self) -> float:
        """Ratio that is just enough, between two of BUNCHED; at least what chat must carry."""
        least = busy_minute("people")
        if self.high == 0:
            return least
        if self.high == len(BUNCHED):
            return float(BUNCHED[-1])
        below = float(BUNCHED[self.low])
        beyond = math.log(self._strains[self.low])
        part = beyond / (beyond - math.log(self._strains[self.high]))
        ratio = float(BUNCHED[self.high]) / below
        return max(least, below * math.pow(ratio, part))

    def strain(self, place: int) -> float:
        """Latency as a share of its limit, the worse of two, where one of BUNCHED is carried: up to
        one, both limits hold."""
        if place not in self._strains:
            fluid = _Fluid(1, self.followed.risen)
            fluid.run([_Lane(bursts=self, place=place)])
            self.look_at(place, fluid.course(0))
        return self._strains[place]

    def neighbours(self) -> Iterator[_Lane]:
        """The place to look at next, and those around it."""
        if self.next is not None:
            first = self.next - (self.next - USUAL + 3) % TOGETHER
            for place in range(max(0, first), min(first + TOGETHER, len(BUNCHED))):
                yield _Lane(bursts=self, place=place)

    def go_on(self, fluid: _Fluid) -> None:
        """Goes on with the search as far as a fluid leads."""
        lanes = {e.place: lane for lane, e in enumerate(fluid.lanes) if e.bursts is self}
        while self.next in lanes:
            self.look_at(self.next, fluid.course(lanes[self.next]))

    def look_at(self, place: int, course: _Course) -> None:
        """Follows requests of every length through a course, from when they come to their last
        token, and keeps how they are strained."""
        came = self.followed.came
        asked = self.followed.before * self.carried(place)
        begun = np.maximum(_when(course.read, asked), came)
        waits = self._within((begun - came) * BURST_STEP)
        answers = _answers(self.curve.lengths.output.sigma, came.shape[1])
        ended = _when(course.lasted, _at(course.lasted, begun) + answers)
        # Of few prompts of others that are read meanwhile, some meet more than the mean of them.
        others = _at(course.read, ended) - asked
        spread = self.curve.reading_spread
        met = np.random.default_rng(SEED).poisson(np.maximum(others, 0.0) / spread) * spread
        stay = (ended - begun) * BURST_STEP + (met - others) * self.prompt_s
        between = self._within(stay / answers) / self.curve.lengths.output.mean
        self._strains[place] = max(between / self.limits.tpot_s, waits / self.slack, 1e-6)

    def _within(self, values: Array) -> float:
        """What as many of those that are followed do not exceed as must keep a limit."""
        return float(quantiles(values, np.array([self.limits.percentile / 100]))[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """A replica under bursts where one of BUNCHED is carried."""

    bursts: Bursts
    place: int


class _Fluid:
    """What replicas under bursts do, as a fluid, step by step, several of them at once.

    Prompts are read first come, first served, as long as there is a place, and all who are under
    way wait while that lasts, so that a burst stretches the answers that it meets. In what is left
    of a step they are given tokens, as fast as their number allows, and leave as answers of
    exponential length would.

    Thousands of steps over few numbers: constants are arrays of their shape, since to fit a lone
    number to an array takes NumPy as long as to multiply them, and each result goes into an array
    that is there. A step of twenty lanes takes twice as long as one of five.
    """

    def __init__(self, most: int, risen: Array) -> None:
        """most: lanes at once. risen: what has come by each step, over what comes in a mean one, in
        all lanes. [step, hour]"""
        self.risen = [*risen[1:], *np.broadcast_to(risen[-1], (DRAIN_STEPS, risen.shape[1]))]
        shape = (len(self.risen) + 1, most, risen.shape[1])
        self._read = np.zeros(shape)
        self._lasted = np.zeros(shape)
        self._course = _Course(
            read=np.zeros(shape[::2]).T.copy(), lasted=np.zeros(shape[::2]).T.copy()
        )
        self.lanes: Sequence[_Lane] = ()

    def run(self, lanes: Sequence[_Lane]) -> None:
        """Steps through all that comes; what was done before is given up."""
        self.lanes = lanes
        self.read = self._read[:, : len(lanes)]
        """Prompts read by each step. [step, lane, hour]"""
        self.lasted = self._lasted[:, : len(lanes)]
        """Tokens that each sequence under way was given by each step, over those of a mean answer.
        [step, lane, hour]"""
        replicas = dict.fromkeys(lane.bursts for lane in lanes)
        leaving = [_leaving(bursts.curve) for bursts in replicas]
        begin = dict(zip(replicas, np.cumsum([0, *map(len, leaving)]).tolist(), strict=False))
        self._step(
            most_read=np.concatenate([_most_read(bursts) for bursts in replicas]),
            leaving=np.concatenate(leaving),
            begin=self._each(begin[lane.bursts] for lane in lanes).astype(np.intp),
        )

    def _step(self, *, most_read: Array, leaving: Array, begin: Places) -> None:
        """All steps. most_read, leaving: with 0 … most sequences under way, replica by replica;
        begin: where a lane's own begin there."""
        carried = self._each(lane.bursts.carried(lane.place) for lane in self.lanes)
        prompt_s = self._each(lane.bursts.prompt_s for lane in self.lanes)
        slots = self._each(lane.bursts.curve.slots for lane in self.lanes)
        step_s = np.full_like(slots, BURST_STEP)
        under_way = np.zeros_like(slots)
        number = np.empty_like(begin)
        now = np.empty_like(slots)
        other = np.empty_like(slots)
        rate = np.empty_like(slots)
        read = self.read[0]
        lasted = self.lasted[0]
        by_step = zip(self.risen, self.read[1:], self.lasted[1:], strict=True)
        for come, by_now, lasted_now in by_step:
            number[...] = under_way  # whole ones
            number += begin
            most_read.take(number, out=now, mode="clip")
            np.minimum(now, np.subtract(slots, under_way, out=other), out=now)
            now += read
            np.minimum(now, np.multiply(carried, come, out=other), out=by_now)
            np.subtract(by_now, read, out=now)
            np.multiply(now, prompt_s, out=other)
            other -= step_s  # less than nothing: what is left of the step
            leaving.take(number, out=rate, mode="clip")
            other *= rate
            np.subtract(lasted, other, out=lasted_now)
            under_way *= np.exp(other, out=other)
            under_way += now
            read = by_now
            lasted = lasted_now

    def _each(self, values: Iterable[float]) -> Array:
        """A number of each lane, for all of its hours. [lane, hour]"""
        return np.repeat(np.array([*values], float)[:, None], self.read.shape[2], axis=1)

    def course(self, lane: int) -> _Course:
        """What one of the lanes does; it is overwritten by the next that is asked for."""
        self._course.read[...] = self.read[:, lane].T
        self._course.lasted[...] = self.lasted[:, lane].T
        return self._course


def _from_none(curve: Curve) -> Array:
    """Time of a decode step with 0 … most sequences under way. [s]"""
    return np.concatenate([curve.decode_s[:1], curve.decode_s])


def _leaving(curve: Curve) -> Array:
    """Rate at which so many leave while they decode. [1/s]"""
    return np.asarray(1 / (_from_none(curve) * curve.lengths.output.mean))


def _most_read(bursts: Bursts) -> Array:
    """Prompts that are read in a step with so many under way, at most: each chunk of them shares
    its step with those."""
    curve = bursts.curve
    chunk_s = bursts.prompt_s * curve.chunk_tokens / max(1.0, curve.lengths.prompt_mean)
    return np.asarray(BURST_STEP * chunk_s / (chunk_s + _from_none(curve)) / bursts.prompt_s)


def look_for_least(searches: Sequence[Bursts]) -> None:
    """Goes through searches to their end, several abreast.

    searches: of requests that bunch in the same way.
    """
    left = [*searches]
    if not left:
        return
    fluid = _Fluid(min(len(left), ABREAST) * TOGETHER, left[0].followed.risen)
    while left:
        fluid.run([lane for bursts in left[:ABREAST] for lane in bursts.neighbours()])
        for bursts in left[:ABREAST]:
            bursts.go_on(fluid)
        left = [bursts for bursts in left if bursts.next is not None]


@cache
def _answers(sigma: float, hours: int) -> Array:
    """Tokens of the answers of those that are followed, over those of a mean one, for log-normal
    lengths. [followed, hour]"""
    raw = np.exp(sigma * scores(ANSWERS))
    turn = np.add.outer(np.arange(FOLLOWED), np.arange(hours))
    return np.asarray((raw / raw.mean())[turn % ANSWERS])


@cache
def _evenly(kind: Bunching) -> _Followed:
    """Those of FOLLOWED."""
    came = _steps(kind)
    before = (np.arange(FOLLOWED)[:, None] + 0.5) / FOLLOWED * came.sum(axis=0)
    risen = np.concatenate([np.zeros((1, came.shape[1])), np.cumsum(came, axis=0)])
    return _Followed(risen=risen, before=before, came=_when(risen.T, before))


def _when(course: Array, reached: Array) -> Array:
    """Step, and part of it, by which a course [hour, step] reaches values. [followed, hour]"""
    steps = np.arange(course.shape[1])
    both = zip(course, reached.T, strict=True)
    return np.stack([np.interp(values, hour, steps) for hour, values in both], axis=1)


def _at(course: Array, step: Array) -> Array:
    """What a course [hour, step] has reached by steps and parts of them. [followed, hour]"""
    hour = np.arange(len(course))
    last = course.shape[1] - 1
    whole = np.minimum(step.astype(np.intp), last)
    begun = course[hour, whole]
    ended = course[hour, np.minimum(whole + 1, last)]
    return np.asarray((ended - begun) * (step - whole) + begun)
