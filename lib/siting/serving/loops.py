"""What clients see of a replica that each wait for their answer: latency and throughput.

Requests meet a scheduler that reads at most `chunk` prompt tokens in a step. How long a first
token takes follows from how many prompts are read with it, and that from how requests arrive:

- all at once (a burst, or the first round of a closed loop): a prompt waits for half the others;
- in later rounds of a closed loop, answers of equal length end together, so that the prompts that
  one step read are followed by as many; lengths that differ pull them apart over `spread` of an
  answer's steps, until prompts come as at random: `running / output` of them a step.

`tests/serving_rounds.py` steps through the same scheduler request by request and agrees. Other
ways of loading a replica, which only published measurements have, are in `siting_validation.runs`.
"""

from __future__ import annotations

import numpy as np

from siting.inputs.scenario.model import Measured
from siting.memory.deployment import Deployment
from siting.quantity import NotEstimated
from siting.records import frozen
from siting.serving import performance
from siting.serving.performance import Efficiencies, Numbers, Replica, step_seconds

ROUNDS = 10.0
"""Requests that a client of a closed loop sends, where a run does not say (InferenceX: 10)."""


@frozen
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
    sent: Numbers = np.inf
    """Requests of the whole run (open); inf: so many that its beginning and end do not tell."""
    looks: Numbers = 1.0
    """Steps from one look for new requests to the next (closed). SGLang looks at every one unless
    `--scheduler-recv-interval` says otherwise; having read a prompt, it looks at once."""

    @property
    def context(self) -> Numbers:
        """Mean length of a sequence while it decodes."""
        return self.prefix_tokens + self.input_tokens + self.output_tokens / 2

    @property
    def longest(self) -> Numbers:
        """Length of a request at its end, for which a scheduler keeps room."""
        return self.prefix_tokens + self.input_tokens + self.output_tokens


@frozen
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
    inp = t.input_tokens
    prefix = t.prefix_tokens
    return step_seconds(r, k, running, t.context, prompts * inp, inp, prefix)


def streamed(k: Efficiencies, running: Numbers, seconds: Numbers) -> Numbers:
    """A step, or the time in which the server sends a token to each of `running` clients. [s]"""
    return np.maximum(seconds, running * k["stream_us"] * 1e-6)


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
    return np.minimum(in_step + t.looks * (running - 1) / t.output_tokens, together - 1)


def closed_loop(r: Replica, k: Efficiencies, t: Traffic, room: Numbers) -> Speed:
    """Clients that each send the next request when the last is answered; Little's law.

    The first round is a burst: `1 / rounds` of all requests. Clients beyond `room` wait.
    """
    out = t.output_tokens
    running = np.minimum(t.load, room)
    first = 1 / t.rounds
    decode = step(r, k, t, running)

    def read(prompts: Numbers) -> Numbers:
        return step(r, k, t, running, prompts) - decode

    a_prompt = read(running / out) * out / running
    together = prompts_together(running, t.chunk * k["step_tokens"] / t.input_tokens)
    steps = running / together
    burst = read(together) / together * (running + together) / 2 + decode * (steps + 1) / 2
    others = others_read(k, running, together, a_prompt, t)
    waits = k["step_wait"] + (t.looks - 1) / 2  # it comes at any step between two looks
    later = read(1 + others) + decode * (1 + waits * np.minimum(running - 1, 1))
    ttft = performance.first_token_seconds(r, k) + first * burst + (1 - first) * later
    delayed = first * (running - together) / 2 + (1 - first) * (running - 1 - others)
    tpot = streamed(k, running, decode + a_prompt / out * np.maximum(delayed, 0.0))
    last = (running - together) / 2 * a_prompt + (steps - 1) / 2 * decode
    rate = running / (ttft + tpot * (out - 1) + first * last)
    wait = (t.load - running) / rate * (1 - first / 2)
    return Speed(running=running, ttft_s=ttft + wait, tpot_s=tpot, output_tokens_per_s=rate * out)


def slower(d: Deployment, seen: Measured, inp: float, out: float) -> float:
    """Measured time over the time that the model expects of the same run: above 1, it is slower.

    inp, out: tokens of a request where the benchmark does not say. The time per token is
    compared, else the throughput. Raises NotEstimated where neither can be.
    """
    if not seen.concurrency:
        raise NotEstimated("the benchmark does not state its concurrency; write `concurrency`")
    inp = seen.input_tokens or inp
    out = seen.output_tokens or out
    t = Traffic(
        load=seen.concurrency,
        input_tokens=inp,
        output_tokens=out,
        chunk=performance.prompt_tokens_a_step(d, inp + out),
    )
    r = performance.replica(d)
    k = performance.efficiencies(performance.regime(d))
    found = closed_loop(r, k, t, performance.room(d, r, inp + out))
    if seen.tpot_ms:
        return float(seen.tpot_ms / (found.tpot_s * 1e3))
    if seen.output_tokens_per_s:
        return float(found.output_tokens_per_s / seen.output_tokens_per_s)
    raise NotEstimated("the benchmark states neither tokens a second nor a time per token")
