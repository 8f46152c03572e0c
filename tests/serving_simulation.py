"""A discrete-event simulation of one replica's batch scheduler, to check the queueing model by.

Every step decodes one token of each running sequence and reads up to a chunk of the prompts that
wait, first come first served, while there is a place. Stretches of equal steps are taken at once,
so that a thousand hours pass in seconds.
"""

import heapq
import math
from dataclasses import dataclass

import numpy as np
from siting.serving.curve import Curve, Lengths


@dataclass(frozen=True)
class Seen:
    """What the simulated users saw, one entry a request, and means over time."""

    ttft: np.ndarray
    tpot: np.ndarray
    residence: np.ndarray
    concurrency: float
    rate: float


def simulate(
    curve: Curve,
    arrivals: np.ndarray,
    seed: int = 1,
    lengths: tuple[np.ndarray, np.ndarray] | None = None,
) -> Seen:
    """Serve requests that arrive at `arrivals` [s, rising] with lengths drawn from the curve's.

    lengths: tokens to read and to write of each request, instead of drawn ones.
    """
    n = curve.lengths
    count = len(arrivals)
    prompts, outputs = lengths or drawn(n, count, np.random.default_rng(seed))
    outputs = np.maximum(1, np.round(outputs))
    first = np.zeros(count)
    last = np.zeros(count)
    # Plain numbers: reading one of an array takes several times as long.
    per_token = (curve.reading(prompts) / prompts).tolist()
    decode = curve.decode_s.tolist()
    comes = arrivals.tolist()
    asked = prompts.tolist()
    written = outputs.tolist()
    now = 0.0
    step = 0
    next_in = 0
    head = 0
    left = 0.0
    running: list[tuple[float, int]] = []  # (step of the last token, request)
    while head < count or running:
        while next_in < count and comes[next_in] <= now:
            next_in += 1
        if head == next_in and not running:
            now = comes[next_in]
            continue
        size = len(running)
        if head < next_in and size < curve.slots:  # a step with prompts
            budget = curve.chunk_tokens
            read = 0.0
            ended = []
            while head < next_in and size + len(ended) < curve.slots and budget > 0:
                left = left or asked[head]
                part = min(left, budget)
                budget, left = budget - part, left - part
                read += part * per_token[head]
                if left <= 1e-9:
                    ended.append(head)
                    head = head + 1
                    left = 0.0
            now += (decode[size - 1] if size else 0.0) + read
            step += 1
            for request in ended:
                first[request] = now
                heapq.heappush(running, (step + written[request] - 1, request))
        else:  # equal steps until a sequence ends or a request comes
            steps = running[0][0] - step
            if next_in < count and size < curve.slots:
                until = math.ceil((comes[next_in] - now) / decode[size - 1])
                steps = min(steps, max(1, until))
            steps = max(steps, 0)
            now += steps * decode[size - 1]
            step += int(steps)
        while running and running[0][0] <= step:
            last[heapq.heappop(running)[1]] = now
    keep = slice(count // 50, count)
    span = arrivals[-1] - arrivals[count // 50]
    residence = (last - arrivals)[keep] + curve.first_token_s
    return Seen(
        (first - arrivals)[keep] + curve.first_token_s,
        ((last - first) / np.maximum(outputs - 1, 1))[keep][outputs[keep] > 1],
        residence,
        float(residence.sum() / span),
        len(residence) / span,
    )


def drawn(n: Lengths, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Tokens to read and to write of so many requests."""
    prompts = _lognormal(rng, n.prompt_mean, n.input.sigma, count)
    return prompts, _lognormal(rng, n.output.mean, n.output.sigma, count)


def served_together(
    curve: Curve, kinds: list[Lengths], rates: list[float], hours: float, seed: int = 7
) -> list[Seen]:
    """What requests of several kinds see that share one replica, by kind."""
    rng = np.random.default_rng(seed)
    when = [poisson(rate, hours, seed + i) for i, rate in enumerate(rates)]
    kind = np.repeat(np.arange(len(kinds)), [len(w) for w in when])
    parts = [drawn(n, len(w), rng) for n, w in zip(kinds, when, strict=True)]
    order = np.argsort(np.concatenate(when), kind="stable")
    prompts, outputs = (np.concatenate(part)[order] for part in zip(*parts, strict=True))
    outputs = np.maximum(2, np.round(outputs))  # so that every request has a time per token
    seen = simulate(curve, np.concatenate(when)[order], lengths=(prompts, outputs))
    mine = kind[order][len(order) // 50 :]
    return [
        Seen(seen.ttft[mine == k], seen.tpot[mine == k], seen.residence[mine == k], 0.0, rates[k])
        for k in range(len(kinds))
    ]


def poisson(rate: float, hours: float, seed: int = 2) -> np.ndarray:
    """Arrival times of a constant rate [requests/s] over so many hours. [s]"""
    rng = np.random.default_rng(seed)
    return np.sort(rng.uniform(0, hours * 3600, rng.poisson(rate * hours * 3600)))


def _lognormal(rng: np.random.Generator, mean: float, sigma: float, count: int) -> np.ndarray:
    return np.asarray(mean * np.exp(sigma * rng.standard_normal(count) - sigma**2 / 2))
