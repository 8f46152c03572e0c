"""Continuous batching, request by request: replicas behind a router, stepped through in time.

A step moves every running sequence on by one token and reads up to `chunk` tokens of the prompts
that wait, first come, first served, while there is a place for one more sequence and room for it in
the cache. Requests that may wait are read only where no other waits. The router sends a request to
where the fewest tokens wait to be read, its own included; of equals, to where fewest are under way.

A request takes room for prompt and answer when it is taken in: an engine, which cannot know how
long an answer will be, would take in a few more and now and then compute one of them again.

Stretches of equal steps are taken at once, so that an hour of one replica takes a fraction of a
second. Nothing is random here: the same requests give the same times.
"""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop, heappush, heapreplace

import numpy as np
import numpy.typing as npt
import pandas as pd
from siting.records import frozen
from siting.serving.performance import Array

Whole = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


@frozen
class Speed:
    """How long the steps of one replica take."""

    step_s: Sequence[Sequence[float]]
    """Step in which n = 0 … most sequences decode and j columns of prompt tokens are read, without
    what attention to earlier tokens adds. [s]"""
    column: float
    """Prompt tokens from one column to the next."""
    chunk: int
    """Prompt tokens that one step reads at most."""
    cache_tokens: float = math.inf
    """Tokens that the cache of a replica holds, of requests of mean length."""

    @property
    def most(self) -> int:
        """Sequences that run at once at most."""
        return len(self.step_s) - 1


@dataclass(frozen=True)
class Prefix:
    """Parts of a prompt, from its beginning, by which a replica's cache knows them again."""

    keys: tuple[int, ...]
    """Block hashes, each over its block and all before it; or one: the session."""
    tokens: int
    """Tokens of a block; of a session, what the cache holds of it once this request is done."""
    most: float = math.inf
    """Tokens that repeat what was served before, where a log says it."""


class PrefixCache:
    """What a replica keeps of served prompts; the longest unused is given up first."""

    def __init__(self, tokens: float) -> None:
        self.room = tokens
        self.kept: OrderedDict[int, int] = OrderedDict()
        self.used = 0

    def found(self, prefix: Prefix, prompt: int) -> int:
        """Tokens of a prompt that are held; the last one is always computed anew."""
        held = 0
        for key in prefix.keys:
            tokens = self.kept.get(key)
            if tokens is None:
                break
            held += tokens
        return int(min(held, prefix.most, prompt - 1))

    def keep(self, prefix: Prefix) -> None:
        """Holds a prompt from now on; its end is given up before its beginning."""
        for key in reversed(prefix.keys):
            self.used += prefix.tokens - self.kept.get(key, 0)
            self.kept[key] = prefix.tokens
            self.kept.move_to_end(key)
        while self.used > self.room and self.kept:
            self.used -= self.kept.popitem(last=False)[1]


@frozen
class Served:
    """When each request was served; arrays in the order of the jobs."""

    first_s: Array
    """First token. [s] Infinite: refused, because a replica's cache cannot hold it."""
    last_s: Array
    """Last token. [s]"""
    cached: Whole
    """Prompt tokens that were found in a cache."""


def serve(jobs: pd.DataFrame, speed: Speed, replicas: int) -> Served:
    """All jobs through so many replicas, until the last is answered.

    jobs: a row each, in the order in which they come to the router, with the columns

    - when it comes [s]; waits: whether it is read only where no other waits;
    - input, output: tokens to read, and to write, at least one; cached: of the input, tokens whose
      cache is found, whichever replica serves;
    - room: share of a replica's cache that prompt and answer take;
    - decode_s: what the own context adds to each step while it decodes [s];
    - attention_s: what attention adds for each prompt token read and each token before it [s];
    - prefix: what can be found in a replica's own cache; without it, nothing beyond `cached`.
    """
    state = _State(jobs, speed, replicas)
    servers = [_Replica(state, place) for place in range(replicas)]
    waiting = _Router(state, servers)
    events: list[tuple[float, int]] = []
    held = (jobs["room"] <= 1.0).tolist()
    for job, now in enumerate(jobs["when"].tolist()):
        if not held[job]:
            continue
        _turn(servers, events, now)
        chosen = waiting.choose(job)
        server = servers[chosen]
        until = server.until
        server.join(job, now)
        if server.until != until:
            heappush(events, (server.until, chosen))
    _turn(servers, events, math.inf)
    return Served(
        first_s=np.array(state.first), last_s=np.array(state.last), cached=np.array(state.cached)
    )


def _turn(servers: Sequence[_Replica], events: list[tuple[float, int]], now: float) -> None:
    """Events up to now: a replica ends what it did, unless an arrival has cut that short since."""
    while events and events[0][0] <= now:
        until, place = events[0]
        server = servers[place]
        if server.until != until:
            heappop(events)
            continue
        server.turn()
        if server.until < math.inf:
            heapreplace(events, (server.until, place))
        else:
            heappop(events)


class _State:
    """The jobs as lists, which a loop reads faster than arrays, and what became of them."""

    def __init__(self, jobs: pd.DataFrame, speed: Speed, replicas: int) -> None:
        count = len(jobs)
        self.most = speed.most
        self.chunk = speed.chunk
        self.column = speed.column
        self.step_s = speed.step_s
        self.cache_tokens = speed.cache_tokens
        self.loads = [0] * replicas
        """Of each replica: tokens that wait to be read, each counting `_TOKEN`, and requests under
        way."""
        self.prompt = jobs["input"].tolist()
        self.output = jobs["output"].tolist()
        self.waits = jobs["waits"].tolist()
        self.room = jobs["room"].tolist()
        self.decode_s = jobs["decode_s"].tolist()
        self.attention_s = jobs["attention_s"].tolist()
        self.prefixes: list[Prefix] | None = jobs["prefix"].tolist() if "prefix" in jobs else None
        self.cached = np.minimum(jobs["cached"], jobs["input"] - 1).tolist()
        self.unread = [p - c for p, c in zip(self.prompt, self.cached, strict=True)]
        """Tokens that a replica expects to read of a prompt."""
        self.first = [math.inf] * count
        self.last = [math.inf] * count


class _Router:
    """Sends a request to where its prompt would be read soonest."""

    def __init__(self, state: _State, servers: Sequence[_Replica]) -> None:
        self.loads = state.loads
        self.servers = servers
        self.finds = state.prefixes is not None
        self.next = 0

    def choose(self, job: int) -> int:
        loads = self.loads
        if self.finds:
            unread = [server.unread(job) for server in self.servers]
            loads = [a + b * _TOKEN for a, b in zip(loads, unread, strict=True)]
        # Idle replicas are alike, so that taking the first would leave the last ones unused.
        self.next = (self.next + 1) % len(loads)
        turned = loads[self.next :] + loads[: self.next]
        return (turned.index(min(turned)) + self.next) % len(loads)


_TOKEN = 1 << 16
"""A token that waits to be read counts more than all requests that can be under way."""


class _Replica:
    """One replica: what it is doing until when, what runs on it, and what waits."""

    __slots__ = (
        "cache", "context_s", "ended", "left", "loads", "pace", "place", "queue", "reading",
        "reads", "running", "since", "state", "step", "steps", "taken", "until", "used", "waiting",
        "whole_s",
    )  # fmt: skip

    def __init__(self, state: _State, place: int) -> None:
        self.state = state
        self.loads = state.loads
        self.place = place
        self.queue: deque[int] = deque()
        self.waiting: deque[int] = deque()
        """Requests that are read only where no other waits."""
        self.running: list[tuple[int, int]] = []
        """Step of the last token, and job, of each sequence that decodes."""
        self.reading = -1
        """Job whose prompt is read in part; -1: none."""
        self.left = 0
        """Tokens of that prompt still to be read."""
        self.whole_s = 0.0
        """What attention adds for each of them. [s]"""
        self.ended: list[int] = []
        """Jobs whose prompt is read whole in this step."""
        self.reads = False
        self.since = 0.0
        self.until = math.inf
        self.pace = 0.0
        """Time of one step of a stretch of equal ones. [s]"""
        self.step = 0
        self.steps = 0
        self.taken = 0
        """Sequences that have a place."""
        self.used = 0.0
        """Share of the cache that they take."""
        self.context_s = 0.0
        """What the contexts of those that decode add to a step. [s]"""
        found = state.prefixes is not None
        self.cache = PrefixCache(state.cache_tokens) if found else None

    def unread(self, job: int) -> int:
        """Tokens of a prompt that this replica would have to read."""
        state = self.state
        prompt = state.prompt[job]
        cached = state.cached[job]
        if self.cache is not None and state.prefixes is not None:
            cached = max(cached, self.cache.found(state.prefixes[job], prompt))
        return int(prompt - cached)

    def join(self, job: int, now: float) -> None:
        """A request comes."""
        state = self.state
        line = self.waiting if state.waits[job] else self.queue
        line.append(job)
        if self.cache is not None:
            state.unread[job] = self.unread(job)
        self.loads[self.place] += state.unread[job] * _TOKEN + 1
        if self.until == math.inf:
            self._start(now)
        elif not self.reads and self._has_place(self.queue[0] if self.queue else job):
            # It is read from the next step on: the stretch ends there.
            steps = max(1, math.ceil((now - self.since) / self.pace))
            if steps < self.steps:
                self.steps = steps
                self.until = self.since + steps * self.pace

    def _has_place(self, job: int) -> bool:
        if not self.taken:
            return True
        state = self.state
        return self.taken < state.most and self.used + state.room[job] <= 1.0

    def turn(self) -> None:
        """Ends what was done until now, and starts what comes next."""
        now = self.until
        state = self.state
        self.step += self.steps
        for job in self.ended:
            state.first[job] = now
            further = state.output[job] - 1
            if further:
                heappush(self.running, (self.step + further, job))
                self.context_s += state.decode_s[job]
            else:
                self._leave(job, now)
        running = self.running
        while running and running[0][0] <= self.step:
            job = heappop(running)[1]
            self.context_s -= state.decode_s[job]
            self._leave(job, now)
        self._start(now)

    def _leave(self, job: int, now: float) -> None:
        state = self.state
        state.last[job] = now
        self.taken -= 1
        self.used -= state.room[job]
        self.loads[self.place] -= 1

    def _start(self, now: float) -> None:
        """A step that reads prompts; else a stretch of equal steps; else nothing."""
        self.since = now
        self.ended = []
        self.reads = False
        waits = self.reading >= 0 or self.queue or self.waiting
        if waits and self._read(now):
            return
        running = self.running
        if not running:
            self.until = math.inf
            self.context_s = 0.0  # sums of what came and went are off by a little
            self.used = 0.0
            return
        self.pace = self.state.step_s[len(running)][0] + self.context_s
        self.steps = running[0][0] - self.step
        self.until = now + self.steps * self.pace

    def _read(self, now: float) -> bool:
        """Starts a step with as many prompt tokens as it can take; False: none may be taken in."""
        state = self.state
        count = len(self.running)
        budget = max(1, state.chunk - count)
        tokens = 0
        attention = 0.0
        while tokens < budget and (self.reading >= 0 or self._take()):
            part = min(self.left, budget - tokens)
            tokens += part
            attention += part * self.whole_s
            self.left -= part
            if not self.left:
                self.ended.append(self.reading)
                self.reading = -1
        if not tokens:
            return False
        self.loads[self.place] -= tokens * _TOKEN
        self.reads = True
        row = state.step_s[count]
        place = tokens / state.column
        below = int(place)
        each = row[below] + (row[below + 1] - row[below]) * (place - below)
        self.steps = 1
        self.until = now + each + attention + self.context_s
        return True

    def _take(self) -> bool:
        """Takes in the next request, if there is a place for it."""
        line = self.queue or self.waiting
        if not line or not self._has_place(line[0]):
            return False
        job = line.popleft()
        state = self.state
        if self.cache is not None:
            self._look_up(job, self.cache)
        self.taken += 1
        self.used += state.room[job]
        self.reading = job
        self.left = state.unread[job]
        before = state.prompt[job] - self.left / 2
        self.whole_s = state.attention_s[job] * before
        return True

    def _look_up(self, job: int, cache: PrefixCache) -> None:
        """Finds of a prompt what is held by now; it is kept itself from now on."""
        state = self.state
        unread = self.unread(job)
        self.loads[self.place] += (unread - state.unread[job]) * _TOKEN
        state.unread[job] = unread
        state.cached[job] = state.prompt[job] - unread
        if state.prefixes is not None:
            cache.keep(state.prefixes[job])
