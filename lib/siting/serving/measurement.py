"""Benchmark runs: what was deployed and how it was loaded, and what the model expects of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from siting.inputs.benchmark import Benchmark
from siting.memory.deployment import Deployment
from siting.quantity import NotEstimated, Range
from siting.serving import loops, performance, spread
from siting.serving.loops import Loop, Traffic
from siting.serving.performance import Replica

ROUNDS = 10.0
"""Requests that a client of a closed loop sends, where a run does not say (InferenceX: 10)."""


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark run."""

    deployment: Deployment
    loop: Loop
    input_tokens: float
    output_tokens: float
    load: float
    """Batch (static), clients (closed), requests a second (open), requests (saturated; inf)."""
    rounds: float = ROUNDS
    """Requests that a client sends; 1 is a burst; inf where the first round is not counted."""
    spread: float = 0.0
    """Range of the lengths of answers over their mean."""
    cached_share: float = 0.0
    """Share of the prompt that a prefix cache holds."""
    dummy: bool = False
    """Whether the weights are random."""

    @property
    def traffic(self) -> Traffic:
        """The run as its replica meets it."""
        longest = self.input_tokens + self.output_tokens
        read = max(1.0, self.input_tokens * (1 - self.cached_share))
        return Traffic(
            self.load,
            read,
            self.output_tokens,
            self.input_tokens - read,
            performance.prompt_tokens_a_step(self.deployment, longest),
            self.spread,
            self.rounds,
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model expects of a run, with the range that a report would print."""

    output_tokens_per_s_total: Range
    ttft_ms: Range | None
    """None where every request is queued, or where no first token of the engine was measured."""
    itl_or_tpot_ms: Range
    distance: spread.Distance
    queued: bool = False
    """Whether every request waited from the start: then a first token has no time of its own."""


def room(d: Deployment, r: Replica, run: Run) -> float:
    """Sequences that the replica takes in at once."""
    if run.loop == "static":
        return math.inf
    t = run.traffic
    longest = run.input_tokens + run.output_tokens
    held = performance.slots(d, r, float(t.longest), longest, ran=True)
    return max(1.0, min(held, performance.most_sequences(d)))


def expected(run: Run) -> Expected:
    """The model's estimate of a run. Raises NotEstimated with the reason."""
    d = run.deployment
    r, where = performance.replica(d, run.dummy), performance.regime(d) | {"loop": run.loop}
    k = performance.efficiencies(where)
    found = loops.speed(r, k, run.loop, run.traffic, room(d, r, run))
    distance = spread.distance(where)
    load = float(np.asarray(found.running))

    def ranged(quantity: str, value: float, unit: str) -> Range | None:
        factors = spread.factors(where, quantity, load)
        if factors is None or not math.isfinite(value):
            return None
        return Range(value * factors[0], value, value * factors[1], unit)

    rate = ranged("output_tokens_per_s_total", float(found.output_tokens_per_s), "tokens/s")
    tpot = ranged("itl_or_tpot_ms", float(found.tpot_s) * 1e3, "ms")
    if rate is None or tpot is None:
        raise NotEstimated("the estimate is not a finite number")
    first = ranged("ttft_ms", float(found.ttft_s) * 1e3, "ms")
    return Expected(rate, first, tpot, distance, run.loop == "saturated")


def slower(d: Deployment, seen: Benchmark, inp: float, out: float) -> float:
    """Measured time over the time that the model expects of the same run: above 1, it is slower.

    inp, out: tokens of a request where the benchmark does not say. The time per token is
    compared, else the throughput. Raises NotEstimated where neither can be.
    """
    if not seen.concurrency:
        raise NotEstimated("the benchmark does not state its concurrency; write `concurrency`")
    run = Run(d, "closed", seen.input_tokens or inp, seen.output_tokens or out, seen.concurrency)
    expects = expected(run)
    if seen.tpot_ms:
        return seen.tpot_ms / expects.itl_or_tpot_ms.central
    if seen.output_tokens_per_s:
        return expects.output_tokens_per_s_total.central / seen.output_tokens_per_s
    raise NotEstimated("the benchmark states neither tokens a second nor a time per token")
