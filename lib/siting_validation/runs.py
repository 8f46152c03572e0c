"""Runs of published measurements: how they were loaded, and what the model expects of them.

Beside clients that each wait for their answer (`siting.serving.loops`), a replica is measured with
one batch to the end, with requests at a rate, and with a queue that never empties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from siting.memory.deployment import Deployment
from siting.quantity import NotEstimated, Range
from siting.records import frozen
from siting.serving import performance, spread
from siting.serving.loops import Speed, Traffic, closed_loop, step, streamed
from siting.serving.performance import Efficiencies, Numbers, Replica, step_seconds

Loop = Literal["static", "closed", "open", "saturated"]
"""static: one batch to the end; closed: clients that each wait for their answer; open: requests at
a rate; saturated: all requests queued at the start."""


def static_batch(r: Replica, k: Efficiencies, t: Traffic, _room: Numbers) -> Speed:
    """All prompts are read in one step, then all sequences decode to the end."""
    inp = t.input_tokens
    tpot = step(r, k, t, t.load)
    ttft = step_seconds(r, k, 0.0, inp, t.load * inp, inp, t.prefix_tokens)
    whole = ttft + tpot * (t.output_tokens - 1)
    return Speed(
        running=t.load,
        ttft_s=ttft,
        tpot_s=tpot,
        output_tokens_per_s=t.load * t.output_tokens / whole,
    )


def pace(r: Replica, k: Efficiencies, t: Traffic, running: Numbers) -> Numbers:
    """Mean step of continuous batching: each sequence that ends lets a new prompt in. [s]"""
    return streamed(k, running, step(r, k, t, running, running / t.output_tokens))


def saturated(r: Replica, k: Efficiencies, t: Traffic, room: Numbers) -> Speed:
    """Every request is queued at the start: the batch is as large as there is room."""
    running = np.minimum(t.load, room)
    tpot = pace(r, k, t, running)
    return Speed(
        running=running,
        ttft_s=np.full_like(tpot, np.nan),
        tpot_s=tpot,
        output_tokens_per_s=running / tpot,
    )


def met(t: Traffic, stay: Numbers) -> Numbers:
    """Requests under way that a request of an open loop meets, in the mean over its `stay`. [s]

    They grow from none over the first stay and fade over the last: of n(t) under way, the mean is
    that of n² over that of n. A short run ends before they are as many as its rate asks for.
    """
    comes = t.sent / t.load
    longer = t.load * stay * (1 - stay / (3 * comes))
    shorter = t.sent * (1 - comes / (3 * np.maximum(stay, 1e-9)))
    return np.where(stay <= comes, longer, shorter)


def open_loop(
    r: Replica, k: Efficiencies, t: Traffic, room: Numbers, slower: Numbers = 1.0
) -> Speed:
    """Poisson arrivals of `load` requests a second: bisection finds the batch that serves them.

    slower: every step takes so many times as long.
    """
    rate = t.load
    out = t.output_tokens
    low = np.zeros_like(rate + room)
    high = np.minimum(room, t.sent) + np.zeros_like(rate + room)
    for _ in range(40):
        middle = (low + high) / 2
        enough = middle >= met(t, out * pace(r, k, t, middle) * slower)
        low = np.where(enough, low, middle)
        high = np.where(enough, middle, high)
    tpot = pace(r, k, t, high) * slower
    ttft = performance.first_token_seconds(r, k) + step(r, k, t, high, 1.0)
    return Speed(
        running=high,
        ttft_s=ttft,
        tpot_s=tpot,
        output_tokens_per_s=np.minimum(rate, high / (out * tpot)) * out,
    )


KINDS = {
    "static": static_batch, "closed": closed_loop, "open": open_loop, "saturated": saturated,
}  # fmt: skip


@frozen
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


@dataclass(frozen=True, slots=True)
class Expected:
    """What the model expects of a run, with the range that a report would print."""

    speeds: Mapping[str, Range]
    """By the names of `spread.factors`. Without a time to first token where every request is
    queued, or where none of the engine was measured."""
    distance: spread.Distance
    loop: Loop


def expected(run: Run) -> Expected:
    """The model's estimate of a run. Raises NotEstimated with the reason."""
    d = run.deployment
    r = performance.replica(d, run.dummy)
    where = performance.regime(d) | {"loop": run.loop}
    k = performance.efficiencies(where)
    longest = float(run.asked.longest)
    room = math.inf if run.loop == "static" else performance.room(d, r, longest)
    found = KINDS[run.loop](r, k, run.traffic, room)
    speeds = {}
    for quantity, value, unit in (
        ("output_tokens_per_s_total", float(found.output_tokens_per_s), "tokens/s"),
        ("itl_or_tpot_ms", float(found.tpot_s) * 1e3, "ms"),
        ("ttft_ms", float(found.ttft_s) * 1e3, "ms"),
    ):
        factors = spread.factors(where, quantity, float(found.running))
        if factors and math.isfinite(value):
            low, high = (value * f for f in factors)
            if run.loop == "open" and quantity == "itl_or_tpot_ms":
                low, high = (_tpot_ms(r, k, run.traffic, room, f) for f in factors)
            speeds[quantity] = Range(low, value, high, unit=unit)
        elif quantity != "ttft_ms":
            raise NotEstimated("the estimate is not a finite number")
    return Expected(speeds, spread.distance(where), run.loop)


def _tpot_ms(r: Replica, k: Efficiencies, t: Traffic, room: Numbers, slower: float) -> float:
    """Time per token of an open loop whose steps take `slower` times as long: the longer they take,
    the more requests meet, which makes them longer still."""
    return float(open_loop(r, k, t, room, slower).tpot_s) * 1e3
