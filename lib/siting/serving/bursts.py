"""Bursts of machines and agents, simulated on a replica as a fluid, second by second.

What must be carried so that limits are kept while requests come in bursts, as a ratio to the mean
of an hour, is looked for among a few of them (`BUNCHED`).
"""

from __future__ import annotations

import math
from functools import cache

import numpy as np

from siting.records import frozen
from siting.serving.bunching import LEAST_SLACK, SEED, Bunching, busy_minute, scores, series
from siting.serving.curve import Curve
from siting.serving.performance import Array
from siting.serving.queueing import LONE_RATE, Limits, latency, quantiles

BURST_HOURS = 96
"""Length of the one by which a replica's bursts are sized; shorter ones differ by their luck."""
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
TOGETHER = (range(2), range(2, 7), range(7, 12))
"""Places that are simulated together: a step takes hardly longer for a row of them than for one,
and most searches end in the row in which they begin."""


def headroom(curve: Curve, limits: Limits, kind: Bunching, rate: float) -> float:
    """What a replica must carry, as a ratio to the mean of an hour, so that bursts keep its limits;
    at least what chat must carry.

    rate: what it carries of requests that come at random. [requests/s]
    """
    carried = rate / BUNCHED
    courses: dict[int, _Course] = {}

    @cache
    def strain(place: int) -> float:
        if place not in courses:
            row = next(each for each in TOGETHER if place in each)
            courses.update(zip(row, _fluid(curve, kind, carried[row]), strict=True))
        return _strain(curve, limits, kind, float(carried[place]), courses[place])

    # More room never strains more: from the usual place it is one way to the first that is enough.
    first = USUAL
    while first < len(BUNCHED) and strain(first) > 1:
        first += 1
    while 0 < first < len(BUNCHED) and strain(first - 1) <= 1:
        first -= 1
    if first == len(BUNCHED):
        return float(BUNCHED[-1])
    least = busy_minute()
    if first == 0:
        return least
    beyond = math.log(strain(first - 1))
    part = beyond / (beyond - math.log(strain(first)))
    below = float(BUNCHED[first - 1])
    return max(least, below * math.pow(float(BUNCHED[first]) / below, part))


@frozen
class _Course:
    """What a replica under bursts has done by each step. [step, hour]"""

    read: Array
    """Prompts."""
    lasted: Array
    """Tokens that each sequence under way was given, over those of a mean answer."""


def _fluid(curve: Curve, kind: Bunching, carried: Array) -> list[_Course]:
    """What a replica does under bursts where each of so many requests of a mean step, a second, is
    carried.

    Prompts are read first come, first served, as long as there is a place, and all who are under
    way wait while that lasts, so that a burst stretches the answers that it meets. In what is left
    of a step they are given tokens, as fast as their number allows, and leave as answers of
    exponential length would.

    Thousands of steps over few numbers: each result goes into an array that is there, and constants
    are arrays, since to fit a lone number to one takes NumPy as long as to multiply them.
    """
    risen = _evenly(kind).risen[1:]
    shape = len(carried), risen.shape[1]
    prompt_s = max(curve.prompt_s, 1e-9)
    decode_s = np.concatenate([curve.decode_s[:1], curve.decode_s])  # with 0 … most under way
    # Each chunk of prompts shares its step with those who are under way.
    chunk_s = prompt_s * curve.chunk_tokens / max(1.0, curve.lengths.prompt_mean)
    most_read = chunk_s / (chunk_s + decode_s) / prompt_s
    leaving = 1 / (decode_s * curve.lengths.output.mean)
    by_number = np.stack([most_read, leaving])
    read = np.zeros((1 + len(risen) + DRAIN_STEPS, *shape))
    came = read[1:]  # until it is known what of it is read
    np.multiply(carried[:, None], risen[:, None, :], out=came[: len(risen)])
    came[len(risen) :] = came[len(risen) - 1]
    lasted = np.zeros_like(read)
    slots, prompts_s, step_s = (np.full(shape, float(each)) for each in (curve.slots, prompt_s, 1))
    under_way = np.zeros(shape)
    number = np.empty(shape, np.intp)
    other = np.empty(shape)
    looked_up = np.empty((2, *shape))
    now, rate = looked_up
    for before, after, begun, ended in zip(read, came, lasted, lasted[1:], strict=False):
        number[...] = under_way  # whole ones
        by_number.take(number, axis=1, out=looked_up, mode="clip")
        np.minimum(now, np.subtract(slots, under_way, out=other), out=now)
        now += before
        np.minimum(now, after, out=after)
        np.subtract(after, before, out=now)
        np.multiply(now, prompts_s, out=other)
        other -= step_s  # less than nothing: what is left of the step
        other *= rate
        np.subtract(begun, other, out=ended)
        under_way *= np.exp(other, out=other)
        under_way += now
    return [_Course(read=read[:, i], lasted=lasted[:, i]) for i in range(len(carried))]


def _strain(curve: Curve, limits: Limits, kind: Bunching, carried: float, course: _Course) -> float:
    """Latency as a share of its limit, the worse of two: up to one, both limits hold.

    Requests of every length are followed through a course from when they come to their last token.
    """
    read = course.read.T.copy()
    lasted = course.lasted.T.copy()
    followed = _evenly(kind)
    prompt_s = max(curve.prompt_s, 1e-9)

    def within(values: Array) -> float:
        """What as many of those that are followed do not exceed as must keep a limit."""
        return float(quantiles(values, np.array([limits.percentile / 100]))[0])

    asked = followed.before * carried
    begun = np.maximum(_when(read, asked), followed.came)
    waits = within(begun - followed.came)
    answers = _answers(curve.lengths.output.sigma, followed.came.shape[1])
    ended = _when(lasted, _at(lasted, begun) + answers)
    # Of few prompts of others that are read meanwhile, some meet more than the mean of them.
    others = _at(read, ended) - asked
    spread = curve.reading_spread
    met = np.random.default_rng(SEED).poisson(np.maximum(others, 0.0) / spread) * spread
    stay = ended - begun + (met - others) * prompt_s
    between = within(stay / answers) / curve.lengths.output.mean
    # What may be waited beside the time of a lone prompt.
    slack = max(limits.slack(latency(curve, LONE_RATE, (50,))), LEAST_SLACK)
    return max(between / limits.tpot_s, waits / slack, 1e-6)


# --- the requests that come -------------------------------------------------------------------


@frozen
class _Followed:
    """Requests that are followed, evenly spaced among those of their hour. [followed, hour]"""

    risen: Array
    """What has come by each step, over what comes in a mean one. [step, hour]"""
    before: Array
    """What comes before them, likewise."""
    came: Array
    """Step, and part of it, in which they come."""


@cache
def _answers(sigma: float, hours: int) -> Array:
    """Tokens of the answers of those that are followed, over those of a mean one, for log-normal
    lengths. [followed, hour]"""
    raw = np.exp(sigma * scores(ANSWERS))
    turn = np.add.outer(np.arange(FOLLOWED), np.arange(hours))
    return np.asarray((raw / raw.mean())[turn % ANSWERS])


@cache
def _evenly(kind: Bunching) -> _Followed:
    """Those of FOLLOWED, of the requests of each second of BURST_HOURS hours over the mean of the
    hour."""
    hours = series(kind, BURST_HOURS, even=True).reshape(BURST_HOURS, -1)
    came = np.ascontiguousarray((hours / hours.mean(axis=1, keepdims=True)).T)
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
