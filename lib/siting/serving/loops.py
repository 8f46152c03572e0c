"""What a run's load sees of a replica: time to first token, time per token and throughput.

Requests meet a scheduler that reads at most `chunk` prompt tokens in a step. How long a first
token takes follows from how many prompts are read with it, and that from how requests arrive:

- all at once (a burst, or the first round of a closed loop): a prompt waits for half the others;
- in later rounds of a closed loop, answers of equal length end together, so that the prompts that
  one step read are followed by as many; lengths that differ pull them apart over `spread` of an
  answer's steps, until prompts come as at random: `running / output` of them a step.

`tests/serving_rounds.py` steps through the same scheduler request by request and agrees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from siting.inputs.benchmark import Benchmark
from siting.inputs.scenario import Measured
from siting.memory.deployment import Deployment
from siting.quantity import NotEstimated, Range
from siting.serving import performance, spread
from siting.serving.performance import Efficiencies, Numbers, Replica, step_seconds

Loop = Literal["static", "closed", "open", "saturated"]
"""static: one batch to the end; closed: clients that each wait for their answer; open: requests at
a rate; saturated: all requests queued at the start."""


ROUNDS = 10.0
"""Requests that a client of a closed loop sends, where a run does not say (InferenceX: 10)."""


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests of a run; numbers, or arrays of equal shape."""

    load: Numbers
    """Batch (static), clients (closed), requests a second (open), requests (saturated; inf)."""
    input_tokens: Numbers
    """Prompt to be read: without what a prefix cache holds."""
    output_tokens: Numbers
    prefix_tokens: Numbers = 0.0
    """Prompt whose cache is found."""
    chunk: Numbers = 8192.0
    """Prompt tokens that one step reads at most."""
    spread: Numbers = 0.0
    """Range of the lengths of answers over their mean; 0: all equal."""
    rounds: Numbers = ROUNDS
    """Requests that a client sends one after another (closed); 1 is a burst; inf: the first round
    is not counted."""

    @property
    def context(self) -> Numbers:
        """Mean length of a sequence while it decodes."""
        return self.prefix_tokens + self.input_tokens + self.output_tokens / 2

    @property
    def longest(self) -> Numbers:
        """Length of a request at its end, for which a scheduler keeps room."""
        return self.prefix_tokens + self.input_tokens + self.output_tokens


@dataclass(frozen=True, slots=True)
class Speed:
    """What a load sees; numbers or arrays."""

    running: Numbers
    """Sequences in the batch."""
    ttft_s: Numbers
    tpot_s: Numbers
    output_tokens_per_s: Numbers


def step(
    r: Replica, k: Efficiencies, t: Traffic, running: Numbers, prompts: Numbers = 0.0
) -> Numbers:
    """A step in which so many sequences decode and so many prompts are read. [s]"""
    inp, prefix = t.input_tokens, t.prefix_tokens
    return step_seconds(r, k, running, t.context, prompts * inp, inp, prefix)


def static_batch(r: Replica, k: Efficiencies, t: Traffic, _room: Numbers) -> Speed:
    """All prompts are read in one step, then all sequences decode to the end."""
    inp, tpot = t.input_tokens, step(r, k, t, t.load)
    ttft = step_seconds(r, k, 0.0, inp, t.load * inp, inp, t.prefix_tokens)
    whole = ttft + tpot * (t.output_tokens - 1)
    return Speed(t.load, ttft, tpot, t.load * t.output_tokens / whole)


def streamed(k: Efficiencies, running: Numbers, seconds: Numbers) -> Numbers:
    """A step, or the time in which the server sends a token to each of `running` clients. [s]"""
    return np.maximum(seconds, running * k["stream_us"] * 1e-6)


def pace(r: Replica, k: Efficiencies, t: Traffic, running: Numbers) -> Numbers:
    """Mean step of continuous batching: each sequence that ends lets a new prompt in. [s]"""
    return streamed(k, running, step(r, k, t, running, running / t.output_tokens))


def prompts_together(running: Numbers, fitting: Numbers) -> Numbers:
    """Prompts of a burst that one step reads: all, or as many as fit, with a soft edge."""
    fitting = np.maximum(fitting, 1.0)
    return np.maximum(fitting * -np.expm1(-running / fitting), 1.0)


def others_read(
    k: Efficiencies, running: Numbers, together: Numbers, a_prompt: Numbers, t: Traffic
) -> Numbers:
    """Prompts read in one step with a request's own, in later rounds of a closed loop.

    a_prompt: time to read one; where the server takes in requests more slowly, fewer are there.
    """
    there = a_prompt / (a_prompt + k["frontend_us"] * 1e-6)
    behind = (together - 1) * (running - 1) / running  # the first of all to come is read alone
    in_step = there * behind / (1 + t.spread * t.output_tokens)
    return np.minimum(in_step + (running - 1) / t.output_tokens, together - 1)


def closed_loop(r: Replica, k: Efficiencies, t: Traffic, room: Numbers) -> Speed:
    """Clients that each send the next request when the last is answered; Little's law.

    The first round is a burst: `1 / rounds` of all requests. Clients beyond `room` wait.
    """
    out, running, first = t.output_tokens, np.minimum(t.load, room), 1 / t.rounds
    decode = step(r, k, t, running)

    def read(prompts: Numbers) -> Numbers:
        return step(r, k, t, running, prompts) - decode

    a_prompt = read(running / out) * out / running
    together = prompts_together(running, t.chunk * k["step_tokens"] / t.input_tokens)
    steps = running / together
    burst = read(together) / together * (running + together) / 2 + decode * (steps + 1) / 2
    others = others_read(k, running, together, a_prompt, t)
    later = read(1 + others) + decode * (1 + k["step_wait"] * np.minimum(running - 1, 1))
    ttft = k["first_token_us"] * 1e-6 + first * burst + (1 - first) * later
    delayed = first * (running - together) / 2 + (1 - first) * (running - 1 - others)
    tpot = streamed(k, running, decode + a_prompt / out * np.maximum(delayed, 0.0))
    last = (running - together) / 2 * a_prompt + (steps - 1) / 2 * decode
    rate = running / (ttft + tpot * (out - 1) + first * last)
    wait = (t.load - running) / rate * (1 - first / 2)
    return Speed(running, ttft + wait, tpot, rate * out)


def saturated(r: Replica, k: Efficiencies, t: Traffic, room: Numbers) -> Speed:
    """Every request is queued at the start: the batch is as large as there is room."""
    running = np.minimum(t.load, room)
    tpot = pace(r, k, t, running)
    return Speed(running, np.full_like(tpot, np.nan), tpot, running / tpot)


def open_loop(r: Replica, k: Efficiencies, t: Traffic, room: Numbers) -> Speed:
    """Poisson arrivals of `load` requests a second: bisection finds the batch that serves them."""
    rate, out = t.load, t.output_tokens
    low, high = np.zeros_like(rate + room), room + np.zeros_like(rate + room)
    for _ in range(40):
        middle = (low + high) / 2
        enough = middle / (out * pace(r, k, t, middle)) >= rate
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    tpot = pace(r, k, t, high)
    ttft = k["first_token_us"] * 1e-6 + step(r, k, t, high, 1.0)
    return Speed(high, ttft, tpot, np.minimum(rate, high / (out * tpot)) * out)


KINDS = {
    "static": static_batch, "closed": closed_loop, "open": open_loop, "saturated": saturated,
}  # fmt: skip


# --- runs -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Run:
    """A benchmark run: what was deployed, and how it was loaded."""

    deployment: Deployment
    loop: Loop
    asked: Traffic
    dummy: bool = False
    """Whether the weights are random."""

    @property
    def traffic(self) -> Traffic:
        """What is asked, with what the scheduler of the deployment reads in a step."""
        chunk = performance.prompt_tokens_a_step(self.deployment, float(self.asked.longest))
        return replace(self.asked, chunk=chunk)

    def room(self, r: Replica) -> float:
        """Sequences that the replica takes in at once."""
        if self.loop == "static":
            return math.inf
        longest = float(self.asked.longest)
        held = performance.slots(self.deployment, r, longest, longest, ran=True)
        return max(1.0, min(held, performance.most_sequences(self.deployment)))


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model expects of a run, with the range that a report would print."""

    speeds: Mapping[str, Range]
    """By the names of `spread.factors`. Without a time to first token where every request is
    queued, or where none of the engine was measured."""
    distance: spread.Distance


def expected(run: Run) -> Expected:
    """The model's estimate of a run. Raises NotEstimated with the reason."""
    r = performance.replica(run.deployment, run.dummy)
    where = performance.regime(run.deployment) | {"loop": run.loop}
    k = performance.efficiencies(where)
    found = KINDS[run.loop](r, k, run.traffic, run.room(r))
    speeds = {}
    for quantity, value, unit in (
        ("output_tokens_per_s_total", float(found.output_tokens_per_s), "tokens/s"),
        ("itl_or_tpot_ms", float(found.tpot_s) * 1e3, "ms"),
        ("ttft_ms", float(found.ttft_s) * 1e3, "ms"),
    ):
        factors = spread.factors(where, quantity, float(found.running))
        if factors and math.isfinite(value):
            speeds[quantity] = Range(value * factors[0], value, value * factors[1], unit)
        elif quantity != "ttft_ms":
            raise NotEstimated("the estimate is not a finite number")
    return Expected(speeds, spread.distance(where))


def slower(d: Deployment, seen: Benchmark | Measured, inp: float, out: float) -> float:
    """Measured time over the time that the model expects of the same run: above 1, it is slower.

    inp, out: tokens of a request where the benchmark does not say. The time per token is
    compared, else the throughput. Raises NotEstimated where neither can be.
    """
    if not seen.concurrency:
        raise NotEstimated("the benchmark does not state its concurrency; write `concurrency`")
    asked = Traffic(seen.concurrency, seen.input_tokens or inp, seen.output_tokens or out)
    expects = expected(Run(d, "closed", asked)).speeds
    if seen.tpot_ms:
        return seen.tpot_ms / expects["itl_or_tpot_ms"].central
    if seen.output_tokens_per_s:
        return expects["output_tokens_per_s_total"].central / seen.output_tokens_per_s
    raise NotEstimated("the benchmark states neither tokens a second nor a time per token")
