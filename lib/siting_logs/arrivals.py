"""Single requests of a week: drawn from the load model, or as a log has them.

Requests are a frame, a row each in the order in which they come, with the columns

- when: from the start of the first hour [s];
- workload: place of the workload among those of the pool;
- input, output: tokens to read, and to write, hidden ones included;
- cached: input tokens whose cache is found, wherever they are served;
- due: when the answer must be there, of those that may wait; infinite for all others [s];
- prefix: by what a cache knows the prompt again (`batching.Prefix`), where a log says it.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from siting.inputs.document import DocumentError
from siting.quantity import LogNormal
from siting.serving import bunching
from siting.serving.load import HOURS_OF_WEEK, Load, WaitingWork, schedule
from siting.serving.performance import Array

from siting_logs import logs
from siting_logs.batching import Flags, Prefix, Whole
from siting_logs.logs import Log

SEED = bunching.SEED
HOUR = 3600.0
"""[s]"""


def may_wait(requests: pd.DataFrame) -> Flags:
    """Whether each request may wait."""
    return np.asarray(np.isfinite(requests["due"]))


def _in_order(requests: pd.DataFrame) -> pd.DataFrame:
    return requests.sort_values("when", kind="stable", ignore_index=True)


# --- drawn from the load model ----------------------------------------------------------------


WEEK = range(HOURS_OF_WEEK * int(HOUR))
"""Its seconds."""


def drawn(
    loads: Sequence[Load], times: Sequence[float], seed: int = SEED, seconds: range = WEEK
) -> pd.DataFrame:
    """Requests of a week with so many `times` the requests of a usual one, by workload.

    Arrivals are Poisson at a rate that drifts within each hour as `bunching.series` has it, around
    the mean that the load gives for that hour; lengths are log-normal, up to the longest request
    that is planned for.
    seconds: those of the week whose requests are given; they are the same as in the whole week.
    """
    parts = [
        _of_load(place, load, factor, seed + place, seconds)
        for place, (load, factor) in enumerate(zip(loads, times, strict=True))
    ]
    return _in_order(pd.concat(parts))


def _of_load(place: int, load: Load, times: float, seed: int, asked: range) -> pd.DataFrame:
    rng = np.random.default_rng([seed, 1])
    bunched = bunching.series(load.arrivals, HOURS_OF_WEEK, seed).reshape(HOURS_OF_WEEK, -1)
    bunched = bunched / bunched.mean(axis=1, keepdims=True)
    counts = rng.poisson((bunched * load.hourly[:, None] * times).ravel())
    total = int(counts.sum())
    # Of all requests of the week one number is drawn each time, and those that are asked for are
    # kept: millions would take half a gigabyte, and a generator cannot pass over any.
    first = int(counts[: asked.start].sum())
    kept = slice(first, first + int(counts[asked.start : asked.stop].sum()))
    when = np.repeat(np.array(asked, float), counts[asked.start : asked.stop])
    when += rng.random(total)[kept]
    when.sort()
    lengths = load.lengths
    longest = load.longest or None
    prompt = _tokens(lengths.input, rng.standard_normal(total)[kept], longest)
    waits = rng.random(total)[kept] < load.batchable_share
    due = load.due()[(when / HOUR).astype(int)] * HOUR
    return pd.DataFrame(
        {
            "when": when,
            "workload": place,
            "input": prompt,
            "cached": np.round(prompt * lengths.cached_share).astype(int),
            "output": _tokens(lengths.output, rng.standard_normal(total)[kept], longest),
            "due": np.where(waits, due, np.inf),
        }
    )


def _tokens(length: LogNormal, score: Array, longest: int | None) -> Whole:
    """Lengths of prompts or answers at so many sigmas from the middle. [tokens]"""
    sigma = length.sigma
    raw = length.mean * np.exp(sigma * score - sigma * sigma / 2)
    return np.clip(np.round(raw), 1, longest).astype(int)


# --- work that may wait -----------------------------------------------------------------------


def released(
    requests: pd.DataFrame, now: Array, work: Sequence[WaitingWork], replicas: float
) -> pd.DataFrame:
    """The requests as machines get them: what may wait comes in the hours that have room.

    now: replicas busy in each hour with requests that are answered at once [168]; work: what may
    wait, in replica-hours. As much is released in an hour as `load.schedule` does in it, earliest
    deadline first; what is due in the next hour comes in any case.
    """
    waits = np.flatnonzero(may_wait(requests))
    if not len(waits):
        return requests
    done = schedule(now, work, replicas).done
    share = done / max(float(sum(each.amount.sum() for each in work)), 1e-12)
    when = requests["when"].to_numpy(copy=True)
    due = requests["due"].to_numpy()
    for place, moment in _in_turn(when[waits], due[waits], share * len(waits)):
        when[waits[place]] = moment
    return _in_order(requests.assign(when=when))


def _in_turn(when: Array, due: Array, quota: Array) -> Iterator[tuple[int, float]]:
    """Place and moment of release of each piece of work; the week's quota [168] repeats."""
    queue: list[tuple[float, int]] = []
    came = 0
    hour = 0
    carried = 0.0
    while came < len(when) or queue:
        while came < len(when) and when[came] < hour * HOUR:
            heapq.heappush(queue, (float(due[came]), came))
            came += 1
        carried += float(quota[hour % HOURS_OF_WEEK])
        now: list[int] = []
        last = (hour + 2) * HOUR
        while queue and (len(now) + 1 <= carried or queue[0][0] < last):
            now.append(heapq.heappop(queue)[1])
        carried = max(0.0, carried - len(now)) if queue else 0.0
        for order, place in enumerate(now):
            # What is due at the end of the hour must have time to be done.
            span = 0.5 if due[place] < last else 1.0
            yield place, (hour + (order + 0.5) / len(now) * span) * HOUR
        hour += 1


# --- as a log has them ------------------------------------------------------------------------


def logged(log: Log, place: int, load: Load) -> pd.DataFrame:
    """The requests of a log, as those of the workload at a place of the pool.

    What a cache finds follows from block hashes or sessions, where the log has them, of a session
    no more than the log says was cached; else from what it says was cached, else from the share
    that the load states. Raises DocumentError where the log has no single requests, or no tokens.
    """
    rows = log.table.rows.sort_values("time", kind="stable")
    path = log.table.path
    if "requests" in rows:
        raise DocumentError.of(path, "counts requests", "give a log with a row a request")
    for column in ("input_tokens", "output_tokens"):
        if column not in rows or rows[column].isna().any():
            raise DocumentError.of(path, "is not there in every row", "export it", field=column)
    seconds = (rows["time"] - rows["time"].min().floor("h")).dt.total_seconds().to_numpy(float)
    prompt = np.maximum(rows["input_tokens"].round().to_numpy(), 1).astype(int)
    output = np.maximum(rows["output_tokens"].round().to_numpy(), 1).astype(int)
    keys = logs.repeated(log)
    said = rows.get("cached_tokens")
    cached = prompt * load.lengths.cached_share if said is None else said.to_numpy(float)
    most = np.full(len(rows), np.inf) if said is None else cached
    found = pd.DataFrame(
        {
            "when": seconds,
            "workload": place,
            "input": prompt,
            "cached": 0 if keys else np.round(cached).astype(int),
            "output": output,
            "due": np.inf,
        }
    )
    if keys:
        found["prefix"] = pd.Series(_prefixes(log, keys, prompt + output, most))
    return found


def _prefixes(log: Log, keys: Sequence[tuple[str, ...]], whole: Whole, most: Array) -> list[Prefix]:
    """By what a cache knows each request again, in the order of time.

    Of a session it holds what the last request of it read and wrote.
    """
    order = log.table.rows["time"].argsort(kind="stable")
    numbers: dict[str, int] = {}
    block = int(log.format.block_tokens) if log.format and log.format.blocks else 0
    found = []
    for place, tokens, repeats in zip(order, whole.tolist(), most.tolist(), strict=True):
        own = tuple(numbers.setdefault(key, len(numbers)) for key in keys[place])
        found.append(Prefix(own, block or tokens, repeats))
    return found
