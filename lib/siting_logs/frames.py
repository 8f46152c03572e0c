"""Frames of a study on the busiest hour replayed, request by request."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from siting.catalogue import Source
from siting.quality import bare_name
from siting.serving.pools import Pool
from siting.serving.queueing import Latency
from siting.study.frames import Rows, Topic, frame

from siting_logs import replay
from siting_logs.replay import Replay, Seen

ENOUGH = 40_000
"""Requests that tell a 95th percentile within a few percent, and take a second at most."""


class ReplayFrames(Topic):
    """What sizing expects, held against the same hour request by request."""

    def _pools(self) -> dict[str, Pool]:
        """Of the option whose machines are told first, by model."""
        about = self.results.sized_option
        found = self.results.capacity.get(about)
        # What servers of several kinds share is not replayed.
        return {} if found is None or found.existing else dict(found.pools)

    def _speed_sources(self) -> Iterator[Source]:
        return (i.source for pool in self._pools().values() for i in pool.inputs)

    @frame(
        "option model workload replicas measure",
        "sized replayed missed replayed_requests p50 p95 p99 seen by_sizing limit? kept hit_rate",
        citing=_speed_sources,
    )
    def replay(self) -> Rows:
        """What users of a workload wait for on the busiest day, request by request, with as
        many replicas as sized and one fewer."""
        for model, pool in self._pools().items():
            where = {"option": self.results.sized_option, "model": bare_name(model)}
            asked = replay.week(pool, hours=replay.busy_hours(pool, ENOUGH))
            sized = int(pool.replicas[0].central)
            for count in (sized, sized - 1):
                if count:
                    expected = pool.latency.seen(pool.latency.rates(of_year=True), count)
                    for row in _rows(asked.through(count), expected):
                        yield {**where, "replicas": count, "sized": count == sized, **row}


def _rows(found: Replay, expected: dict[str, Latency]) -> Iterator[dict[str, Any]]:
    for seen in found.seen:
        if seen.requests:
            both = {"replayed": found.hours, "missed": len(seen.missed), "hit_rate": found.hit_rate}
            for measure in _measures(seen, expected[seen.workload]):
                yield measure | both


def _measures(seen: Seen, expected: Latency) -> Iterator[dict[str, Any]]:
    """First and further tokens of one workload, and the whole answer where that has a limit."""
    limits = seen.limits.stated
    by_sizing = {
        "first token": expected.ttft,
        "further token": expected.tpot,
        "whole answer": expected.whole,
    }
    for measure, waits in seen.waits.items():
        if measure in ("first token", "further token", *limits):
            yield {
                "workload": seen.workload,
                "measure": measure,
                "replayed_requests": seen.requests,
                **{f"p{q}": waits.percentiles[q] for q in replay.PERCENTILES},
                "seen": waits.busiest,
                "by_sizing": by_sizing[measure][seen.limits.percentile],
                "limit": limits.get(measure),
                "kept": waits.busiest <= limits.get(measure, math.inf),
            }
