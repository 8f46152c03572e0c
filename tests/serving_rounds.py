"""A scheduler stepped through request by request: the yardstick for `siting.serving.loops`.

Clients send their next request when the last is answered. A step reads waiting prompts, first
come first served, as many as fit into `chunk` tokens, and advances every other sequence by one
token; it takes `decode` seconds and `prompt` seconds for each prompt read.
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Seen:
    ttft_s: float
    tpot_s: float
    output_tokens_per_s: float


def closed_loop(
    clients: int,
    rounds: int,
    output: float,
    spread: float,
    together: int,
    decode: float,
    prompt: float,
) -> Seen:
    """Means over all requests of a run; together: prompts that fit into a step."""
    rng = np.random.default_rng(7)
    lengths = np.maximum(
        2, rng.uniform(1 - spread / 2, 1 + spread / 2, (clients, rounds)) * output
    ).round()
    now = 0.0
    turn = np.zeros(clients, int)
    waiting = list(range(clients))
    arrived = np.zeros(clients)
    first = np.zeros(clients)
    left = np.zeros(clients)
    ttft = []
    tpot = []
    while waiting or (left > 0).any():
        read, waiting = waiting[:together], waiting[together:]
        now += decode + prompt * len(read)
        running = np.flatnonzero(left > 0)
        left[running] -= 1
        for c in read:
            first[c] = now
            left[c] = lengths[c, turn[c]] - 1
            ttft.append(now - arrived[c])
        for c in running[left[running] == 0]:
            tpot.append((now - first[c]) / (lengths[c, turn[c]] - 1))
            turn[c] += 1
            if turn[c] < rounds:
                arrived[c] = now
                waiting.append(int(c))
    return Seen(float(np.mean(ttft)), float(np.mean(tpot)), float(lengths.sum() / now))
