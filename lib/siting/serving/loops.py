"""What a load sees of a replica: time to first token, time per token and throughput.

Requests meet a scheduler that reads at most `chunk` prompt tokens in a step. How long a first
token takes follows from how many prompts are read with it, and that from how requests arrive:

- all at once (a burst, or the first round of a closed loop): a prompt waits for half the others;
- in later rounds of a closed loop, answers of equal length end together, so that the prompts that
  one step read are followed by as many; lengths that differ pull them apart over `spread` of an
  answer's steps, until prompts come as at random: `running / output` of them a step.

`tests/serving_rounds.py` steps through the same scheduler request by request and agrees.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from siting.serving.performance import Efficiencies, Numbers, Replica, step_seconds

Loop = Literal["static", "closed", "open", "saturated"]
"""static: one batch to the end; closed: clients that each wait for their answer; open: requests at
a rate; saturated: all requests queued at the start."""


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
    rounds: Numbers = 10.0
    """Requests a client sends one after another (closed); 1 is a burst; inf: the steady state."""

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


def speed(r: Replica, k: Efficiencies, loop: Loop, t: Traffic, room: Numbers) -> Speed:
    """What the traffic of a kind of loop sees; room: sequences that the replica takes in."""
    return KINDS[loop](r, k, t, room)


def static_batch(r: Replica, k: Efficiencies, t: Traffic, _room: Numbers) -> Speed:
    """All prompts are read in one step, then all sequences decode to the end."""
    inp = t.input_tokens
    ttft = step_seconds(r, k, 0.0, inp, t.load * inp, inp, t.prefix_tokens)
    tpot = step_seconds(r, k, t.load, t.context)
    return Speed(
        t.load, ttft, tpot, t.load * t.output_tokens / (ttft + tpot * (t.output_tokens - 1))
    )


def iteration_seconds(r: Replica, k: Efficiencies, running: Numbers, t: Traffic) -> Numbers:
    """Mean step of continuous batching: each sequence that ends lets a new prompt in. [s]"""
    prompts = running / t.output_tokens * t.input_tokens
    return step_seconds(r, k, running, t.context, prompts, t.input_tokens, t.prefix_tokens)


def streamed(k: Efficiencies, running: Numbers, step: Numbers) -> Numbers:
    """A step, or the time in which the server sends a token to each of `running` clients. [s]"""
    return np.maximum(step, running * k["stream_us"] * 1e-6)


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
    inp, out = t.input_tokens, t.output_tokens
    running = np.minimum(t.load, room)
    first = 1 / t.rounds
    decode = step_seconds(r, k, running, t.context)
    mixed = iteration_seconds(r, k, running, t)
    a_prompt = (mixed - decode) * out / running

    def read(prompts: Numbers) -> Numbers:
        whole = step_seconds(r, k, running, t.context, prompts * inp, inp, t.prefix_tokens)
        return whole - decode

    together = prompts_together(running, t.chunk * k["step_tokens"] / inp)
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
    tpot = streamed(k, running, iteration_seconds(r, k, running, t))
    return Speed(running, np.full_like(tpot, np.nan), tpot, running / tpot)


def open_loop(r: Replica, k: Efficiencies, t: Traffic, room: Numbers) -> Speed:
    """Poisson arrivals of `load` requests a second: bisection finds the batch that serves them."""
    rate, inp, out = t.load, t.input_tokens, t.output_tokens
    low, high = np.zeros_like(rate + room), room + np.zeros_like(rate + room)
    for _ in range(40):
        middle = (low + high) / 2
        step = streamed(k, middle, iteration_seconds(r, k, middle, t))
        enough = middle / (out * step) >= rate
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    tpot = streamed(k, high, iteration_seconds(r, k, high, t))
    ttft = k["first_token_us"] * 1e-6 + step_seconds(
        r, k, high, t.context, inp, inp, t.prefix_tokens
    )
    return Speed(high, ttft, tpot, np.minimum(rate, high / (out * tpot)) * out)


KINDS = {
    "static": static_batch, "closed": closed_loop, "open": open_loop, "saturated": saturated,
}  # fmt: skip
