"""What requests see that arrive at random at a replica, and the load at which it keeps limits.

A replica with n requests under way serves them at a rate that depends on n: the batch shares the
GPU. That is a processor-sharing queue with state-dependent service, whose number in the system is
known exactly and does not depend on the distribution of lengths (Baskett, Chandy, Muntz,
Palacios, J. ACM 22(2), 1975). Waiting for the first token adds an M/G/1 queue of prompts
(Pollaczek-Khinchine) and, when the KV cache is full, waiting for a place.

The rate drifts from minute to minute: chat of many people is Poisson within a minute, code
completion and agents come in bursts. A queue fed with the mean of the hour understates waits by a
factor of four for chat and of a hundred for code. So chat is sized on its busy minute, and bursts
of machines and agents are simulated, second by second.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Literal

import numpy as np
import numpy.typing as npt

from siting import catalogue
from siting.memory.deployment import Deployment, max_sequences, prompt_chunk
from siting.quantity import Z95, Z999, LogNormal, NotEstimated
from siting.serving import performance
from siting.serving.performance import Array

Places = npt.NDArray[np.intp]


def without_limits() -> float:
    """Share of its saturation at which a replica works that nobody waits for."""
    return catalogue.settings("load_settings")["work_without_limits"].central


def scores(n: int) -> Array:
    """Standard normal scores of n evenly spaced quantiles."""
    return np.array([NormalDist().inv_cdf((i + 0.5) / n) for i in range(n)])


_SCORES = scores(100)
_FINE = (np.arange(200) + 0.5) / 200
_AVERAGED = 2 / 3
"""Variance of the mean of a number in service over one stay of constant length, as a share of the
number's own: its correlation falls linearly to zero within a stay, and twice the integral of
(1 - u)(1 - u) over 0..1 is 2/3."""


# --- how requests bunch within an hour --------------------------------------------------------

Bunching = Literal["people", "machines", "agents"]
"""How requests bunch: those of many people, of a few machines, or of agents."""

HOURS = 8
"""Length of the simulated series."""
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
SEED = 20261125


def busy_minute(kind: Bunching) -> float:
    """Rate of the busiest of 20 minutes, as a ratio to the mean of the hour."""
    sigma = _sigma(catalogue.settings("load_settings")[f"{kind}_minute_cv"].central)
    return math.exp(Z95 * sigma - sigma * sigma / 2)


def series(kind: Bunching, hours: int = HOURS, seed: int = SEED, even: bool = False) -> Array:
    """Rate of each second of some hours, mean one: log-normal minutes, gamma seconds within.

    even: minutes are evenly spaced quantiles in random order, so that few hours tell what many do.
    """
    known = catalogue.settings("load_settings")
    rng = np.random.default_rng(seed)
    memory = known[f"{kind}_memory"].central
    sigma = _sigma(known[f"{kind}_minute_cv"].central)
    count = hours * 60
    drawn = rng.permutation(scores(count)) if even else rng.standard_normal(count)
    shocks = drawn * math.sqrt(1 - memory * memory)
    state = rng.standard_normal()
    minutes = np.empty(count)
    for minute, shock in enumerate(shocks):
        state = memory * state + shock
        minutes[minute] = math.exp(sigma * state)
    rates = np.repeat(minutes, 60)
    spread = known[f"{kind}_second_cv"].central
    if spread:
        rates = rates * rng.gamma(1 / spread**2, spread**2, len(rates))
    return np.asarray(rates / rates.mean())


LONE_RATE = 1e-6
"""So few requests a second (one in twelve days) that none meets another."""
LEAST_SLACK = 0.05
"""Seconds that a request may wait in a queue, at least, as bunching is worked out. A limit that
leaves less is all but missed by a lone request; with no room at all the share that finds none
would depend on the length of a step of the series and not on the client's load."""
CARRIED = np.concatenate([[0.0], 2.0 ** (np.arange(-50, 51) / 10)])
"""Ratios of what machines carry to the mean of an hour, for which `turned_away` tells the share."""


@cache
def _hours(kind: Bunching) -> Array:
    """Rate of each second of HOURS hours over the mean of the hour. [hour, second]"""
    hours = series(kind).reshape(HOURS, -1)
    return np.asarray(hours / hours.mean(axis=1, keepdims=True))


@cache
def turned_away(kind: Bunching, slack: float) -> Array:
    """Share of an hour's requests that machines turn away that carry each of CARRIED.

    What comes above that waits in a queue, at most `slack` seconds of work; what finds it full goes
    elsewhere. As a fluid, second by second: Lindley's recursion (1952) with a lid.
    """
    hours = _hours(kind)
    lid = CARRIED * slack
    queue = np.zeros((HOURS, len(CARRIED)))
    beyond = np.zeros_like(queue)
    for came in hours.T:
        queue += came[:, None]
        queue -= CARRIED
        np.maximum(queue, 0.0, out=queue)
        beyond += queue
        np.minimum(queue, lid, out=queue)
        beyond -= queue
    away = beyond.sum(axis=0)
    return np.asarray(away / away[0])


def _sigma(cv: float) -> float:
    """Sigma of the log-normal with this coefficient of variation."""
    return math.sqrt(math.log1p(cv * cv))


# --- one replica ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Tokens of requests: log-normal input and output, and the share of input that is cached."""

    input: LogNormal
    output: LogNormal
    cached_share: float = 0.0
    held: float | None = None
    """Tokens in the cache for a sequence under way, of a mixture; None: follows from the means."""
    seen: float | None = None
    """Context of a sequence under way, of a mixture; None: follows from the means."""

    @classmethod
    def mixed(cls, parts: Sequence[Lengths], rates: Array) -> Lengths:
        """Lengths of a mixture that comes at these rates: first and second moments add.

        Among sequences under way, those with long answers are met more often.
        """
        if len(parts) == 1:
            return parts[0]
        weight = rates / rates.sum()
        inputs = _mixture([p.input for p in parts], weight)
        output = _mixture([p.output for p in parts], weight)
        cached = float(weight @ np.array([p.cached_share * p.input.mean for p in parts]))
        met = weight * [p.output.mean for p in parts] / output.mean
        held = float(met @ np.array([p.held_mean for p in parts]))
        seen = float(met @ np.array([p.context_mean for p in parts]))
        return cls(
            input=inputs,
            output=output,
            cached_share=cached / inputs.mean,
            held=held,
            seen=seen,
        )

    @property
    def prompt_mean(self) -> float:
        """Input tokens that must be read. [tokens]"""
        return self.input.mean * (1 - self.cached_share)

    @property
    def context_mean(self) -> float:
        """Context of a sequence under way, seen at a random moment. [tokens]

        Longer answers are seen for longer: half of E[out²]/E[out].
        """
        if self.seen is not None:
            return self.seen
        return self.input.mean + self.output.mean * math.exp(self.output.sigma**2) / 2

    @property
    def held_mean(self) -> float:
        """Tokens in the cache for a sequence under way, on average over its stay."""
        return self.input.mean + self.output.mean / 2 if self.held is None else self.held

    def prompts(self) -> Array:
        """Input tokens to read, at evenly spaced quantiles, scaled to the exact mean.

        Of a prompt that is found whole in its cache an engine still reads the last token.
        """
        raw = np.exp(self.input.sigma * _SCORES)
        return np.asarray(raw / raw.mean() * max(1.0, self.prompt_mean))


def _mixture(parts: Sequence[LogNormal], weight: Array) -> LogNormal:
    """The log-normal with a mixture's mean and second moment."""
    means = np.array([p.mean for p in parts])
    mean = float(weight @ means)
    second = float(weight @ (means * means * [math.exp(p.sigma**2) for p in parts]))
    return LogNormal(mean, math.sqrt(max(0.0, math.log(second / mean**2))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """One replica at every batch size: the decode step, and what prompts add."""

    decode_s: Array
    """Time of a step of n sequences, n = 1 … slots. [s]"""
    prompt_s: float
    """Reading a prompt, on top of a decode step: the mean over the prompts' lengths. [s]"""
    attention_s: float
    """Of `prompt_s`, what attention takes, which grows with the square of a prompt's length. [s]"""
    first_token_s: float
    """Before and after the engine: server, tokeniser, network. [s]"""
    chunk_tokens: float
    """Prompt tokens read in one step at most."""
    lengths: Lengths

    @property
    def slots(self) -> int:
        """Sequences that the replica holds at once."""
        return len(self.decode_s)

    def reading(self, prompts: Array) -> Array:
        """Time to read prompts of so many tokens, on top of decode steps. [s]"""
        over_mean = prompts / max(1.0, self.lengths.prompt_mean)
        attention = over_mean**2 * (self.attention_s / _planned_second_moment(self.lengths.input))
        return np.asarray(over_mean * (self.prompt_s - self.attention_s) + attention)

    @property
    def reading_spread(self) -> float:
        """E[x²]/E[x]² of the time to read a prompt."""
        usual = self.lengths.prompts()
        return _second_moment(self.lengths.input) * _spread(self.reading(usual)) / _spread(usual)

    def rates(self) -> Array:
        """Requests a second served with n = 1 … slots under way."""
        n = np.arange(1, self.slots + 1)
        return np.asarray(n / (self.lengths.output.mean * self.decode_s + n * self.prompt_s))

    def within(self, tpot_s: float) -> int:
        """Most sequences under way with which a token, prompts read between included, takes so
        long."""
        each = np.arange(1, self.slots + 1) / (self.rates() * self.lengths.output.mean)
        return int(np.searchsorted(each, tpot_s, side="right"))

    @property
    def saturation_rate(self) -> float:
        """Most requests a second that the replica can serve for long."""
        return float(self.rates().max())


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedReplica:
    """A deployment, and what is known of its speed beyond the estimate."""

    deployment: Deployment
    slower: float = 1.0
    """Multiplies every time: the ratio of a benchmark to the estimate."""
    longest: float = 0.0
    """Request that must fit in the cache; at least a mean one. [tokens]"""
    accepted: float = 0.0
    """Drafted tokens that are right, a step."""

    def step_parts(self, lengths: Lengths, sequences: Array) -> dict[str, Array]:
        """Time of a step for each token that so many sequences get from it, by what takes it. [s]

        sequences: those of one step. [n] As in `curve`, at the mean context of a sequence.
        """
        d = self.deployment
        context = lengths.context_mean
        drafts = sequences * d.speculative_tokens
        r = performance.replica(d)
        k = performance.efficiencies(performance.regime(d))
        parts = performance.step_parts(r, k, sequences, context, drafts, 1.0, context)
        scale = self.slower / (1 + self.accepted)
        return {part: np.asarray(seconds) * scale for part, seconds in parts.items()}

    def curve(self, lengths: Lengths) -> Curve:
        """Speed at every batch size for requests of these lengths. Kept, because latencies of the
        usual week and of the year are told by the curve that it was sized by.

        A step computes all drafts, and yields one token and those that are right (Leviathan,
        Kalman, Matias, arXiv 2211.17192); the time of drafting itself is left out. Raises
        NotEstimated where the catalogue lacks a figure or the model does not fit.
        """
        return _curve(self, lengths)


@catalogue.of_facts
def _curve(replica: DeployedReplica, lengths: Lengths) -> Curve:
    """As `DeployedReplica.curve` says."""
    d = replica.deployment
    context = lengths.context_mean
    r = performance.replica(d)
    k = performance.efficiencies(performance.regime(d))
    longest = max(replica.longest, lengths.input.mean + lengths.output.mean)
    room = performance.slots(d, r, lengths.held_mean, longest)
    slots = int(min(room, max_sequences(d.known)))
    if slots < 1 or performance.slots(d, r, longest, longest) < 1:
        raise NotEstimated(
            f"{d.model.model_id} does not fit on {d.gpus} × {d.gpu.gpu} with one request of "
            f"{longest:,.0f} tokens"
        )
    n = np.arange(1, slots + 1, dtype=float)
    prompt = max(1.0, lengths.prompt_mean)
    prefix = max(0.0, lengths.input.mean - prompt)
    # Most tokens are those of long prompts, where each attends to more.
    attended = (prefix + prompt / 2) * _planned_second_moment(lengths.input)
    step = performance.step_seconds
    decode = np.asarray(step(r, k, n, context, n * d.speculative_tokens, 1.0, context))
    parts = performance.step_parts(r, k, 1.0, context, prompt, prompt, attended - prompt / 2)
    reading = float(sum(parts.values())) - float(step(r, k, 1.0, context))
    return Curve(
        decode_s=decode / (1 + replica.accepted) * replica.slower,
        prompt_s=reading * replica.slower,
        attention_s=float(parts["prompt attention"]) * replica.slower,
        first_token_s=float(performance.first_token_seconds(r, k)),
        chunk_tokens=prompt_chunk(d.known, int(longest)),
        lengths=lengths,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
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


@dataclass(frozen=True, slots=True)
class Limits:
    """Latency that must hold at a percentile."""

    ttft_s: float
    tpot_s: float
    percentile: int

    def strain(self, seen: Latency) -> float:
        """Latency as a share of its limit, the worse of the two: up to one, both limits hold."""
        q = self.percentile
        return max(seen.ttft[q] / self.ttft_s, seen.tpot[q] / self.tpot_s)


def latency(
    curve: Curve,
    rate: float,
    percentiles: tuple[int, ...] = (50, 95, 99),
    own: Lengths | None = None,
) -> Latency:
    """Latency of Poisson arrivals of `rate` requests a second at one replica.

    own: lengths of the requests that are looked at, where others share the replica with them.
    """
    alone = float(curve.decode_s[0])
    if rate >= 0.999 * curve.saturation_rate:
        never = dict.fromkeys(percentiles, math.inf)
        return Latency(
            rate=rate,
            concurrency=math.inf,
            residence=math.inf,
            ttft=never,
            tpot=never,
            ttft_mean=math.inf,
            tpot_mean=math.inf,
        )
    busy = _Busy(curve, rate)
    tpot = _tpot(busy, percentiles, own or curve.lengths)
    ttft, ttft_mean = _ttft(busy, percentiles, own or curve.lengths)
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
    )


class _Busy:
    """A replica under a load, in the long run.

    Birth and death: p(n) = p(n-1) × rate / service(n). Above the slots the rate of service stays,
    and those who wait form an M/M/c queue, scaled by (1 + cv²) / 2 for the spread of answers'
    lengths (Lee and Longton, Operational Research Quarterly 10(1), 1959).
    """

    def __init__(self, curve: Curve, rate: float) -> None:
        self.curve = curve
        self.rate = rate
        service = curve.rates()
        log_p = np.concatenate([[0.0], np.cumsum(np.log(max(rate, 1e-12) / service))])
        p = np.exp(log_p - log_p.max())
        load = rate / service[-1]
        if load >= 1:  # the largest batch is not the fastest: hold the best one
            best = int(service.argmax()) + 1
            p = p[: best + 1]
            load = rate / service[best - 1]
        one_plus_cv2 = _second_moment(curve.lengths.output)
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


@dataclass(frozen=True, slots=True, kw_only=True)
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


def _tpot(busy: _Busy, percentiles: tuple[int, ...], own: Lengths) -> dict[int, float]:
    """Time per output token: a request's mean over its stay, with those that share its batch."""
    found = {p: _stretched(busy, p, own) for p in percentiles}
    return {p: each.decode_s + each.prompts_s for p, each in found.items()}


def _stretched(busy: _Busy, percentile: float, own: Lengths) -> Stretched:
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


def _second_moment(lengths: LogNormal) -> float:
    """E[x²]/E[x]² of lengths: one of equal ones, more of lengths that differ."""
    return math.exp(lengths.sigma**2)


def _planned_second_moment(lengths: LogNormal) -> float:
    """The same where none is longer than what is planned for, the 99.9th percentile.

    E[min(x, q)²] of a log-normal: that below q, and q² of those above.
    """
    sigma = lengths.sigma
    below = NormalDist().cdf(Z999 - 2 * sigma) * _second_moment(lengths)
    return below + (1 - NormalDist().cdf(Z999)) * math.exp(2 * sigma * Z999 - sigma**2)


def _spread(values: Array) -> float:
    """The same of some values."""
    return float((values**2).mean() / values.mean() ** 2)


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
    prompts = lengths.prompts()
    served = curve.reading(prompts) + prompts * (decode / curve.chunk_tokens)
    ahead = _ahead(curve, rate, decode, served).quantiles()
    full = float(busy.share[-1]) if busy.waiting else 0.0
    for_a_place = _Wait(chance=full, mean=busy.waiting / rate if rate else 0.0).quantiles()
    prompts = prompts if own is lengths else own.prompts()
    steps = np.ceil(prompts / curve.chunk_tokens)
    alone = curve.reading(prompts) + steps * decode + decode / 2 * float(1 - busy.share[0])
    # Sums of 100 × 200 quantiles, and of 200 × 200, are enough.
    read = _quantiles(alone[:, None] + ahead[None, :], _FINE)
    times = read[:, None] + for_a_place[None, :]
    found = _quantiles(times, np.array(percentiles) / 100)
    base = curve.first_token_s
    by_percentile = {p: float(base + t) for p, t in zip(percentiles, found, strict=True)}
    return by_percentile, float(base + times.mean())


def _quantiles(values: Array, at: Array) -> Array:
    """As numpy.quantile, in a quarter of the time; for a few, only what they need is ordered."""
    position = at * (values.size - 1)
    below = position.astype(int)
    above = np.minimum(below + 1, values.size - 1)
    few = len(at) < 10
    ordered = (
        np.partition(values, [*below, *above], axis=None) if few else np.sort(values, axis=None)
    )
    return np.asarray((ordered[above] - ordered[below]) * (position - below) + ordered[below])


@dataclass(frozen=True, slots=True, kw_only=True)
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
        return np.asarray(-np.log(tail) * self.mean / self.chance)


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
    in_line = min(rate * float(served.mean()), 0.99)
    one_by_one = rate * float(served.mean()) ** 2 * second_moment / (2 * (1 - in_line))
    reading = min(rate * curve.prompt_s, 0.99)
    step = decode / (1 - reading)
    # E[D²]/E[D]: a moment falls into a long step more often than into a short one.
    step_met = step + rate * curve.prompt_s**2 * second_moment / (1 - reading**2)
    together = step_met * (0.5 + reading) - decode / 2
    if one_by_one > together:
        return _Wait(chance=in_line, mean=one_by_one)
    somebody_came = 1 - math.exp(-_STEPS_MET * rate * step)
    return _Wait(chance=max(somebody_came, in_line), mean=together)


# --- within limits ----------------------------------------------------------------------------


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

    def beyond(rate: float) -> float:
        """Positive where a limit is missed; on a scale on which the way to saturation is short."""
        strains = (
            limit.strain(latency(curve, rate, (limit.percentile,), own)) for own, limit in watched
        )
        return math.log(min(max(strains), 1e3))

    top = curve.saturation_rate
    lowest = min(LONE_RATE, top * 1e-3)
    if beyond(lowest) > 0:
        return 0.0
    exact = top * 2**-18
    # Brent's method asks for a third of the evaluations of bisection. It may end on either side
    # of the limit; the step back leads to the side on which it is kept.
    return max(lowest, float(brentq(beyond, lowest, 0.999 * top, xtol=exact)) - 2 * exact)


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


class _Bursts:
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
        return float(_quantiles(values, np.array([self.limits.percentile / 100]))[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class _Lane:
    """A replica under bursts where one of BUNCHED is carried."""

    bursts: _Bursts
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


def _most_read(bursts: _Bursts) -> Array:
    """Prompts that are read in a step with so many under way, at most: each chunk of them shares
    its step with those."""
    curve = bursts.curve
    chunk_s = bursts.prompt_s * curve.chunk_tokens / max(1.0, curve.lengths.prompt_mean)
    return np.asarray(BURST_STEP * chunk_s / (chunk_s + _from_none(curve)) / bursts.prompt_s)


def _look_for_least(searches: Sequence[_Bursts]) -> None:
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
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a workload asks of a replica, whatever its volume."""

    lengths: Lengths
    limits: Limits
    waits: bool
    """All of its requests may wait."""
    arrivals: Bunching


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a replica carries of one workload."""

    rate: float
    """Requests a second of it alone, within the limits of all."""
    headroom: float
    """What must be carried because arrivals bunch within an hour, as a ratio to its mean.

    Chat is carried in its busy minute. Bursts of machines and agents are simulated on the replica
    itself, and are carried as well as chat at least: a burst is read within seconds and then
    served in a larger batch, so that it stretches answers long before it makes them wait.
    """
    slack: float
    """Seconds of work that bunched requests may add to what is under way, within the limits."""
    keeps_limits: bool
    concurrency: float
    """Mean number of requests under way at that rate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A replica, and what the workloads that share it ask of it."""

    replica: DeployedReplica
    asks: tuple[Ask, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Alone:
    """What a replica carries of one workload while its requests come at random, with the others
    beside it."""

    curve: Curve
    limits: Limits
    keeps_limits: bool
    rate: float
    """Requests a second."""
    usual: Latency
    """At that rate."""


@catalogue.of_facts
def fits(asked: Asked) -> bool:
    """Whether a replica holds a request of every workload, and the catalogue has what tells.

    Kept, because each design is asked twice: before what several replicas do is simulated together,
    and as it is sized.
    """
    try:
        for ask in asked.asks:
            asked.replica.curve(ask.lengths)
    except NotEstimated:
        return False
    return True


def carried(asked: Asked) -> list[Carried]:
    """What a replica carries of each workload, with the others beside it.

    Kept, because no volume of work changes it. A limit that a lone request misses, on its own or
    beside those of another workload, is relaxed, and so not kept. Raises NotEstimated as
    `DeployedReplica.curve`.
    """
    look_up([asked])
    return _known()[asked]


def look_up(several: Iterable[Asked]) -> None:
    """Works out what replicas carry, as `carried` will tell; bursts of all of them are simulated
    together, which takes a third of the time that they take one by one."""
    known = _known()
    new = {asked: _alone(asked) for asked in several if asked not in known}
    searches = {asked: [*map(_search, asked.asks, found)] for asked, found in new.items()}
    for kind in ("machines", "agents"):
        bursts = (each for found in searches.values() for each in found if each)
        _look_for_least([each for each in bursts if each.kind == kind])
    for asked, found in new.items():
        known[asked] = [*map(_carried, asked.asks, found, searches[asked])]


@catalogue.of_facts
def _known() -> dict[Asked, list[Carried]]:
    """What was worked out before."""
    return {}


def _alone(asked: Asked) -> list[_Alone]:
    """Of each workload of a replica."""
    asks = asked.asks
    curves = [asked.replica.curve(ask.lengths) for ask in asks]
    kept_limits = [relaxed(c, ask.limits, ask.lengths) for c, ask in zip(curves, asks, strict=True)]
    found = []
    for i, (curve, limits) in enumerate(zip(curves, kept_limits, strict=True)):
        ask = asks[i]
        beside = [j for j in range(len(asks)) if j != i and not asks[j].waits]
        others = [
            (asks[j].lengths, relaxed(curve, kept_limits[j], asks[j].lengths)) for j in beside
        ]
        others_kept = [limit for _, limit in others] == [kept_limits[j] for j in beside]
        rate = curve.saturation_rate * without_limits()
        if others or not ask.waits:
            rate = sustained(curve, None if ask.waits else limits, others)
        found.append(
            _Alone(
                curve=curve,
                limits=limits,
                keeps_limits=limits == ask.limits and others_kept,
                rate=rate,
                usual=latency(curve, rate, (50, limits.percentile)),
            )
        )
    return found


def _search(ask: Ask, alone: _Alone) -> _Bursts | None:
    """The search for what a workload's bursts ask for; None where it comes in none, or waits."""
    if ask.waits or ask.arrivals == "people":
        return None
    return _Bursts(curve=alone.curve, limits=alone.limits, kind=ask.arrivals, rate=alone.rate)


def _carried(ask: Ask, alone: _Alone, bursts: _Bursts | None) -> Carried:
    """Of one workload, with its bursts."""
    bunched = 1.0
    slack = 0.0
    if not ask.waits:
        # A queue may take what the limits leave. It is read before the first token, or between the
        # tokens of those who are served: a usual answer must not be stretched by more than its
        # limit leaves, either.
        usual = alone.usual
        stretch = (alone.limits.tpot_s - usual.tpot[50]) * ask.lengths.output.median
        slack = min(alone.limits.ttft_s - usual.ttft[50], stretch)
        bunched = busy_minute("people")
    if bursts:
        bunched = bursts.headroom
        # Bursts are held in the batch: as many as it serves within the limit, at once.
        slack = max(slack, alone.curve.within(alone.limits.tpot_s) / alone.rate)
    return Carried(
        rate=alone.rate,
        headroom=bunched,
        slack=max(slack, 0.0),
        keeps_limits=alone.keeps_limits,
        concurrency=alone.usual.concurrency,
    )
