"""What requests see that arrive at random at a replica, and the load at which it keeps limits.

A replica with n requests under way serves them at a rate that depends on n: the batch shares the
GPU. That is a processor-sharing queue with state-dependent service, whose number in the system is
known exactly and does not depend on the distribution of lengths (Baskett, Chandy, Muntz,
Palacios, J. ACM 22(2), 1975). Waiting for the first token adds an M/G/1 queue of prompts
(Pollaczek-Khinchine) and, when the KV cache is full, waiting for a place.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cache, partial
from statistics import NormalDist

import numpy as np

from siting import catalogue
from siting.quantity import LogNormal
from siting.records import frozen
from siting.serving.curve import Curve, Lengths, second_moment
from siting.serving.performance import Array


def without_limits() -> float:
    """Share of its saturation at which a replica works that nobody waits for."""
    return catalogue.settings("load_settings")["work_without_limits"].central


_FINE = (np.arange(200) + 0.5) / 200
_AVERAGED = 2 / 3
"""Variance of the mean of a number in service over one stay of constant length, as a share of the
number's own: its correlation falls linearly to zero within a stay, and twice the integral of
(1 - u)(1 - u) over 0..1 is 2/3."""
LONE_RATE = 1e-6
"""So few requests a second (one in twelve days) that none meets another."""
NEAR = 0.999
"""Share of its saturation from which a replica's queue is taken to grow without end."""
WORST_STRAIN = 1e3
"""Latency over its limit beyond which it is no longer told apart."""


@frozen
class Latency:
    """What users of one replica see at one arrival rate. Times in seconds."""

    rate: float
    """Requests a second."""
    concurrency: float
    """Mean requests in the system, waiting ones included."""
    residence: float
    """Mean time of a request from arrival to last token."""
    ttft: dict[int, float]
    """By percentile: 50, 95, 99, and the one that the limits name."""
    tpot: dict[int, float]
    ttft_mean: float
    tpot_mean: float
    """Means obey residence = ttft_mean + tpot_mean × (output tokens - 1)."""
    whole: dict[int, float]
    """The whole answer, by percentile."""


LOOSEST_TPOT_S = 5.0
"""Of a further token, the most that a scenario can say, and has where it limits whole answers."""


@frozen
class Limits:
    """Latency that must hold at a percentile."""

    ttft_s: float
    tpot_s: float
    percentile: int
    whole_s: float = math.inf
    """Of the whole answer."""

    def strain(self, seen: Latency) -> float:
        """Latency as a share of its limit, the worst of all: up to one, all limits hold."""
        q = self.percentile
        first = seen.ttft[q] / self.ttft_s
        return max(first, seen.tpot[q] / self.tpot_s, seen.whole[q] / self.whole_s)

    @property
    def stated(self) -> dict[str, float]:
        """What has a limit of its own: beside the whole answer's, neither the first token that may
        take as long nor further ones that may take the longest that a scenario can say. [s]"""
        found = {}
        if self.ttft_s < self.whole_s:
            found["first token"] = self.ttft_s
        if self.tpot_s < LOOSEST_TPOT_S or math.isinf(self.whole_s):
            found["further token"] = self.tpot_s
        if math.isfinite(self.whole_s):
            found["whole answer"] = self.whole_s
        return found

    def slack(self, usual: Latency) -> float:
        """What one may wait beyond what is usual. [s]"""
        return min(self.ttft_s - usual.ttft[50], self.whole_s - usual.whole[50])


def latency(
    curve: Curve,
    rate: float,
    percentiles: tuple[int, ...] = (50, 95, 99),
    own: Lengths | None = None,
) -> Latency:
    """Latency of Poisson arrivals of `rate` requests a second at one replica.

    own: lengths of the requests that are looked at, where others share the replica with them.
    """
    if rate >= NEAR * curve.saturation_rate:
        never = dict.fromkeys(percentiles, math.inf)
        return Latency(
            rate=rate,
            concurrency=math.inf,
            residence=math.inf,
            ttft=never,
            tpot=never,
            ttft_mean=math.inf,
            tpot_mean=math.inf,
            whole=never,
        )
    return _seen(_Busy(curve, rate), percentiles, own or curve.lengths)


def _seen(busy: _Busy, percentiles: tuple[int, ...], own: Lengths) -> Latency:
    """What requests of these lengths see of a replica under a load."""
    curve = busy.curve
    rate = busy.rate
    alone = float(curve.decode_s[0])
    tokens = {p: _stretched(busy, p, own) for p in percentiles}
    tpot = {p: each.decode_s + each.prompts_s for p, each in tokens.items()}
    ttft, ttft_mean = _ttft(busy, percentiles, own)
    concurrency = busy.served + busy.waiting + rate * curve.first_token_s
    residence = curve.first_token_s + curve.prompt_s + curve.lengths.output.mean * alone
    if rate:
        residence = concurrency / rate
    steps = max(curve.lengths.output.mean - 1, 1.0)
    tpot_mean = max(residence - ttft_mean, steps * alone) / steps
    return Latency(
        rate=rate,
        concurrency=concurrency,
        residence=residence,
        ttft=ttft,
        tpot=tpot,
        ttft_mean=ttft_mean,
        tpot_mean=tpot_mean,
        whole={
            q: _whole(q, ttft[q], ttft_mean, tpot[q], tpot_mean, own.output) for q in percentiles
        },
    )


def _whole(
    q: int, ttft: float, ttft_mean: float, tpot: float, tpot_mean: float, output: LogNormal
) -> float:
    """Percentile of the time until the last token. [s]

    The mean, and how far the first token, the speed and the length of the answer lie from theirs at
    the percentile: what is independent adds up in squares.
    """
    longer = output.quantile(NormalDist().inv_cdf(q / 100)) - output.mean
    beyond = (ttft - ttft_mean, (tpot - tpot_mean) * output.mean, longer * tpot_mean)
    spread = math.copysign(math.hypot(*beyond), sum(beyond))
    return ttft_mean + tpot_mean * output.mean + spread


class _Busy:
    """A replica under a load, in the long run.

    Birth and death: p(n) = p(n-1) × rate / service(n). Above the slots the rate of service stays,
    and those who wait form an M/M/c queue, scaled by (1 + cv²) / 2 for the spread of answers'
    lengths (Lee and Longton, Operational Research Quarterly 10(1), 1959).
    """

    def __init__(self, curve: Curve, rate: float) -> None:
        self.curve = curve
        self.rate = rate
        service = curve.rates
        log_p = np.concatenate([[0.0], np.cumsum(np.log(max(rate, 1e-12) / service))])
        p = np.exp(log_p - log_p.max())
        load = rate / service[-1]
        if load >= 1:  # the largest batch is not the fastest: hold the best one
            best = int(service.argmax()) + 1
            p = p[: best + 1]
            load = rate / service[best - 1]
        one_plus_cv2 = second_moment(curve.lengths.output)
        waiting = p[-1] * load / (1 - load) ** 2 * one_plus_cv2 / 2
        p[-1] += p[-1] * load / (1 - load)
        self.waiting = float(waiting / p.sum())
        """Mean number that waits for a place."""
        self.share = p / p.sum()
        """Probability of each number in service, from none."""
        number = np.arange(len(p), dtype=float)
        self.served = float(self.share @ number)
        """Mean number in service."""
        self.variance = max(0.0, float(self.share @ number**2) - self.served**2)
        """Of that number."""


@frozen
class Stretched:
    """What a token after the first takes at a percentile: a step, and the prompts read between."""

    together: float
    """Requests that share the step."""
    decode_s: float
    """The step itself. [s]"""
    prompts_s: float
    """Prompts of others, for each token. [s]"""


def stretched(curve: Curve, rate: float, percentile: float) -> Stretched:
    """What a token takes on one replica at so many requests a second of its own mix."""
    return _stretched(_Busy(curve, rate), percentile, curve.lengths)


def _stretched(busy: _Busy, percentile: float, own: Lengths) -> Stretched:
    """A request's mean over its stay, with those that share its batch."""
    curve = busy.curve
    rate = busy.rate
    out = own.output.mean
    deviation = math.sqrt(busy.variance * _AVERAGED)
    z = NormalDist().inv_cdf(percentile / 100)
    together = min(max(1.0, 1 + busy.served + z * deviation), len(busy.share) - 1)
    decode = float(np.interp(together, np.arange(1, curve.slots + 1), curve.decode_s))
    # Prompts of others that are read during the stay, which they stretch themselves; their
    # total time is that of a Poisson number of prompts, whose variance is the number times the
    # second moment of one.
    prompts = rate * out * decode / max(1e-9, 1 - rate * curve.prompt_s)
    beyond_mean = max(z, 0) * math.sqrt(prompts * curve.reading_spread)
    extra = max(0.0, prompts + beyond_mean) * curve.prompt_s / out
    return Stretched(together=together, decode_s=decode, prompts_s=extra)


def _ttft(
    busy: _Busy, percentiles: tuple[int, ...], own: Lengths
) -> tuple[dict[int, float], float]:
    """Time to first token by percentile, and its mean.

    It is the rest of the step under way, the prompts ahead, waiting for a place in the cache, and
    the own prompt.
    """
    curve = busy.curve
    rate = busy.rate
    lengths = curve.lengths
    decode = float(curve.decode_s[int(min(max(1, round(busy.served)), curve.slots)) - 1])
    served = curve.own_reading + lengths.prompts * (decode / curve.chunk_tokens)
    ahead = _ahead(curve, rate, decode, served).quantiles()
    full = float(busy.share[-1]) if busy.waiting else 0.0
    for_a_place = _Wait(chance=full, mean=busy.waiting / rate if rate else 0.0).quantiles()
    steps = np.ceil(own.prompts / curve.chunk_tokens)
    reading = curve.own_reading if own is lengths else curve.reading(own.prompts)
    alone = reading + steps * decode + decode / 2 * float(1 - busy.share[0])
    # Sums of 100 × 200 quantiles, and of 200 × 200, are enough.
    read = quantiles(alone[:, None] + ahead[None, :], _FINE)
    times = read[:, None] + for_a_place[None, :]
    found = quantiles(times, np.array(percentiles) / 100)
    base = curve.first_token_s
    by_percentile = {p: float(base + t) for p, t in zip(percentiles, found, strict=True)}
    return by_percentile, float(base + times.mean())


def quantiles(values: Array, at: Array) -> Array:
    """As numpy.quantile, in a quarter of the time; for a few, only what they need is ordered."""
    position = at * (values.size - 1)
    below = position.astype(int)
    above = np.minimum(below + 1, values.size - 1)
    few = len(at) < 10
    ordered = (
        np.partition(values, [*below, *above], axis=None) if few else np.sort(values, axis=None)
    )
    return np.asarray((ordered[above] - ordered[below]) * (position - below) + ordered[below])


@frozen
class _Wait:
    """A wait that is zero but with a chance, and exponential then."""

    chance: float
    mean: float
    """Of all, those that do not wait included. [s]"""

    def quantiles(self) -> Array:
        """At `_FINE`; a single zero where nobody waits. [s]"""
        if self.chance < 1e-9 or self.mean <= 0:
            return np.zeros(1)
        tail = np.clip((1 - _FINE) / self.chance, None, 1.0)
        return -np.log(tail) * self.mean / self.chance


_STEPS_MET = 1.5
"""Steps whose arrivals one meets where prompts are read together: the rest of the step under way,
half of one on average, and one's own."""


def _ahead(curve: Curve, rate: float, decode: float, served: Array) -> _Wait:
    """The wait for the prompts of others.

    Long prompts queue one by one: M/G/1, E[W] = λ E[s²] / (2 (1 - ρ)), where λ is `rate`, s is
    `served`, the time of one prompt, and ρ = λ E[s] is `in_line`. Short ones are read together: all
    that arrive in a `step` of mean length D = decode / (1 - ρ), where ρ = λ prompt_s is `reading`,
    are read in the next, so that one waits for the rest of a step and for what shares one's own,
    E[D²]/E[D] × (1/2 + ρ), of which half a decode step is counted elsewhere. The longer wait of
    the two is taken.
    """
    second_moment = curve.reading_spread
    mean = float(served.mean())
    in_line = min(rate * mean, 0.99)
    one_by_one = rate * mean**2 * second_moment / (2 * (1 - in_line))
    reading = min(rate * curve.prompt_s, 0.99)
    step = decode / (1 - reading)
    # E[D²]/E[D]: a moment falls into a long step more often than into a short one.
    step_met = step + rate * curve.prompt_s**2 * second_moment / (1 - reading**2)
    together = step_met * (0.5 + reading) - decode / 2
    if one_by_one > together:
        return _Wait(chance=in_line, mean=one_by_one)
    somebody_came = 1 - math.exp(-_STEPS_MET * rate * step)
    return _Wait(chance=max(somebody_came, in_line), mean=together)


def sustained(
    curve: Curve, limits: Limits | None, also: Iterable[tuple[Lengths, Limits]] = ()
) -> float:
    """Largest rate of Poisson arrivals at which a replica keeps the limits. [requests/s]

    limits: None where the requests may wait. also: other requests that come now and then, and must
    keep limits of their own. Zero where not even a lone request keeps them.
    """
    from scipy.optimize import brentq

    watched = list(also)
    if limits is not None:
        watched.append((curve.lengths, limits))
    top = curve.saturation_rate
    lowest = min(LONE_RATE, top * 1e-3)
    exact = top * 2**-18
    kept = NEAR * top
    for own, limit in watched:
        beyond = cache(partial(_beyond, curve, own, limit))
        if beyond(lowest) > 0:
            return 0.0
        # Most often one limit binds, and the others are looked at where it does. Brent's method
        # asks for a third of the evaluations of bisection. It may end on either side of the limit;
        # the step back leads to the side on which it is kept.
        if beyond(kept) > 0:
            kept = max(lowest, float(brentq(beyond, lowest, kept, xtol=exact)) - 2 * exact)
    return kept


def _beyond(curve: Curve, own: Lengths, limit: Limits, rate: float) -> float:
    """Positive where requests of these lengths miss a limit; on a scale on which the way to
    saturation is short."""
    seen = latency(curve, rate, (limit.percentile,), own)
    return math.log(min(limit.strain(seen), WORST_STRAIN))


RELAXED = 1.5
"""A limit that cannot be kept is replaced by so many times what a lone request sees."""


def relaxed(curve: Curve, limits: Limits, lengths: Lengths) -> Limits:
    """The limits themselves where a lone request of these lengths keeps both of them on a replica
    of this curve; otherwise limits of at least RELAXED times what it sees."""
    q = limits.percentile
    alone = latency(curve, LONE_RATE, (q,), lengths)
    if limits.strain(alone) <= 1:
        return limits
    return Limits(
        ttft_s=max(limits.ttft_s, RELAXED * alone.ttft[q]),
        tpot_s=max(limits.tpot_s, RELAXED * alone.tpot[q]),
        percentile=q,
        whole_s=max(limits.whole_s, RELAXED * alone.whole[q]),
    )
