"""One replica at every batch size: how long a step takes, and what prompts add to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property
from statistics import NormalDist

import numpy as np

from siting import catalogue
from siting.memory.deployment import Deployment, max_sequences, prompt_chunk
from siting.quantity import Z999, LogNormal, NotEstimated
from siting.records import frozen
from siting.serving import performance
from siting.serving.bunching import scores
from siting.serving.performance import Array

_SCORES = scores(100)


@frozen
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

    @cached_property
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


@frozen
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
        return over_mean * (self.prompt_s - self.attention_s) + attention

    @cached_property
    def own_reading(self) -> Array:
        """Time to read its own prompts. [s]"""
        return self.reading(self.lengths.prompts)

    @cached_property
    def reading_spread(self) -> float:
        """E[x²]/E[x]² of the time to read a prompt."""
        usual = self.lengths.prompts
        return second_moment(self.lengths.input) * _spread(self.own_reading) / _spread(usual)

    @cached_property
    def rates(self) -> Array:
        """Requests a second served with n = 1 … slots under way."""
        n = np.arange(1, self.slots + 1)
        return n / (self.lengths.output.mean * self.decode_s + n * self.prompt_s)

    def within(self, tpot_s: float) -> int:
        """Most sequences under way with which a token, prompts read between included, takes so
        long."""
        each = np.arange(1, self.slots + 1) / (self.rates * self.lengths.output.mean)
        return int(np.searchsorted(each, tpot_s, side="right"))

    @cached_property
    def saturation_rate(self) -> float:
        """Most requests a second that the replica can serve for long."""
        return float(self.rates.max())


@frozen
class DeployedReplica:
    """A deployment, and what is known of its speed beyond the estimate."""

    deployment: Deployment
    slower: float = 1.0
    """Multiplies every time: the ratio of a benchmark to the estimate."""
    longest: float = 0.0
    """Request that must fit in the cache; at least a mean one. [tokens]"""

    def step_parts(self, lengths: Lengths, sequences: Array) -> dict[str, Array]:
        """Time of a step for each token that so many sequences get from it, by what takes it. [s]

        sequences: those of one step. [n] As in `curve`, at the mean context of a sequence.
        """
        d = self.deployment
        context = lengths.context_mean
        r = performance.replica(d)
        k = performance.efficiencies(performance.regime(d))
        parts = performance.step_parts(r, k, sequences, context)
        return {part: np.asarray(seconds) * self.slower for part, seconds in parts.items()}

    @catalogue.of_facts
    def curve(self, lengths: Lengths) -> Curve:
        """Speed at every batch size for requests of these lengths. Kept, because latencies of the
        usual week and of the year are told by the curve that it was sized by.

        Raises NotEstimated where the catalogue lacks a figure or the model does not fit.
        """
        d = self.deployment
        context = lengths.context_mean
        r = performance.replica(d)
        k = performance.efficiencies(performance.regime(d))
        longest = max(self.longest, lengths.input.mean + lengths.output.mean)
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
        decode = np.asarray(step(r, k, n, context))
        parts = performance.step_parts(r, k, 1.0, context, prompt, prompt, attended - prompt / 2)
        reading = float(sum(parts.values())) - float(step(r, k, 1.0, context))
        return Curve(
            decode_s=decode * self.slower,
            prompt_s=reading * self.slower,
            attention_s=float(parts["prompt attention"]) * self.slower,
            first_token_s=float(performance.first_token_seconds(r, k)),
            chunk_tokens=prompt_chunk(d.known, int(longest)),
            lengths=lengths,
        )


def second_moment(lengths: LogNormal) -> float:
    """E[x²]/E[x]² of lengths: one of equal ones, more of lengths that differ."""
    return math.exp(lengths.sigma**2)


def _planned_second_moment(lengths: LogNormal) -> float:
    """The same where none is longer than what is planned for, the 99.9th percentile.

    E[min(x, q)²] of a log-normal: that below q, and q² of those above.
    """
    sigma = lengths.sigma
    below = NormalDist().cdf(Z999 - 2 * sigma) * second_moment(lengths)
    return below + (1 - NormalDist().cdf(Z999)) * math.exp(2 * sigma * Z999 - sigma**2)


def _spread(values: Array) -> float:
    """The same of some values."""
    return float((values**2).mean() / values.mean() ** 2)
