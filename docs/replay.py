# ruff: noqa: E501
"""Writes the page that holds sizing against replay: `python docs/replay.py` (some minutes).

Every client's machines, at its own load and at ten times it: what was sized, a fifth less, and the
fewest replicas that keep the limits when the busiest day is replayed request by request.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from siting import study
from siting.inputs import scenario
from siting.quality import bare_name
from siting.serving.load import HOURS_OF_WEEK
from siting.serving.performance import Array
from siting.serving.pools import Pool
from siting.serving.queueing import Limits
from siting.serving.sizes import best_pool
from siting_logs import arrivals, batching, replay
from siting_logs.arrivals import HOUR
from siting_logs.batching import Flags, Whole
from siting_logs.replay import Replay, ReplicaTimes, Week

PAGE = Path(__file__).parent / "replay.md"
TIMES = (1, 10)
ENOUGH = 100_000
"""Requests of a day that are replayed; more hours than hold so many would only take longer."""
SEARCHED = 100
"""Replicas up to which the fewest that keep the limits are looked for: more take too long."""
DRAWS = 10
"""Of a week in which requests come in bursts."""
INTRODUCTION = """\
# Sizing against replay

Written by `python docs/replay.py`: for the machines that each client's report tells first, the replicas that formulas give ([capacity](method/capacity.md)), and what the busiest day of the first year does to so many, request by request ([replay](how-to/replay.md)); also sized anew at ten times the load.

Times are those of the workload nearest to its limit, in the busiest hours, as a share of the limit: up to 100 % it holds. A day is one draw of arrivals; `siting replay CLIENT` draws a week and may ask for another number, most of all where agents send bursts.

"""
HEAD = (
    "| client | × load | a replica | sized | first token | each further | kept | a fifth fewer "
    "| kept then | fewest that keep |\n|---|--:|---|--:|--:|--:|---|--:|---|--:|\n"
)


@dataclass(frozen=True, kw_only=True)
class Compared:
    """A pool, sized and replayed."""

    client: str
    times: int
    pool: Pool
    sized: Replay
    fewer: Replay | None
    """With a fifth less; None where one replica is all there is."""
    fewest: int | None
    """None: not looked for, or not even half as many again keep the limits."""

    @property
    def first_token(self) -> float:
        """Share of its limit, of the workload that comes nearest."""
        return self._share("first token")

    @property
    def each_further(self) -> float:
        return self._share("further token")

    def _share(self, measure: str) -> float:
        waits = (seen.waits[measure] for seen in self.sized.seen if seen.requests)
        return max(each.busiest / each.limit for each in waits)


def compared(client: str) -> Iterator[Compared]:
    """The machines of a client that its report tells first."""
    s = study.Study(scenario.load(client))
    found = s.results.capacity[s.results.sized_option]
    for model, pool in found.pools.items():
        for times in TIMES:
            loads = [replace(load, hourly=load.hourly * times) for load in pool.loads]
            sized = best_pool(found.runs, model, loads, 1, wanted=found.wanted)
            yield _replayed(s.client.name, times, sized)


def _replayed(client: str, times: int, pool: Pool) -> Compared:
    count = int(pool.replicas[0].central)
    week = replay.week(pool, hours=replay.busy_hours(pool, ENOUGH))
    less = int(count * 0.8)
    sized = week.through(count)
    fewer = week.through(less) if less else None
    too_few = less
    most = count - 1
    if not sized.kept:
        too_few = count
        most = count + max(1, count // 2)
    elif fewer is None or fewer.kept:
        too_few = 0
        most = less
    fewest = _fewest(week, most, too_few) if count <= SEARCHED else None
    if fewest is None and sized.kept and count <= SEARCHED:
        fewest = count
    return Compared(
        client=client,
        times=times,
        pool=pool,
        sized=sized,
        fewer=fewer,
        fewest=fewest,
    )


def _fewest(asked: Week, most: int, too_few: int) -> int | None:
    """The smallest number of replicas up to `most` that keeps limits and deadlines; None: none.

    too_few: a number that is known not to keep them.
    """
    low = too_few
    high = most + 1
    while high - low > 1:
        middle = (low + high) // 2
        if asked.through(middle).kept:
            high = middle
        else:
            low = middle
    return high if high <= most else None


def _row(found: Compared) -> str:
    d = found.pool.deployment
    fewer = found.fewer
    cells = (
        found.client,
        str(found.times),
        f"{d.gpus} × {d.gpu.gpu}, {bare_name(d.model.model_id)}",
        str(found.sized.replicas),
        f"{found.first_token:.0%}",
        f"{found.each_further:.0%}",
        _yes(found.sized.kept),
        str(fewer.replicas) if fewer else "–",
        _yes(fewer.kept) if fewer else "one is the least",
        str(found.fewest or "not searched"),
    )
    return f"| {' | '.join(cells)} |\n"


def _yes(kept: bool) -> str:
    return "yes" if kept else "no"


def _why(found: Compared) -> str:
    """Where the two differ, and why."""
    count = found.sized.replicas
    where = f"**{found.client}, × {found.times}.** "
    if not found.sized.kept:
        return f"{where}Sized {count}, replayed {found.fewest}: the luck of one day's arrivals."
    if found.fewer is None or not found.fewer.kept:
        return ""
    if any(load.arrivals != "people" for load in found.pool.loads):
        return (
            f"{where}{found.fewer.replicas} of {count} keep the limits of this one day, too, whose "
            "bursts are light; other draws of it ask for more."
        )
    level = found.pool.level()
    return (
        f"{where}{found.fewer.replicas} of {count} keep the limits, too. Formulas ask for "
        f"{level:.1f} replicas' work: they keep the limits in the busy minute, with requests that "
        "fall on replicas at random; replay tells whole hours, behind a router that knows who is "
        "idle."
    )


def _differs(rows: Sequence[Compared]) -> str:
    """How far sizing lies from replay."""
    known = [row for row in rows if row.fewest]
    most = max(known, key=lambda row: row.sized.replicas / (row.fewest or 1))
    of = most.sized.replicas
    return (
        f"\nAt most, sizing asks for {of / (most.fewest or 1):.2f} times what replay needs "
        f"({most.client}, × {most.times}: {of} and {most.fewest}).\n\n"
    )


# --- draw by draw ---------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The busiest hours of some draws of a week of bursts, through so many replicas."""

    client: str
    replicas: int
    limits: Limits
    first: float
    """Wait for the first token at the percentile, the longest of all draws. [s]"""
    each: tuple[float, ...]
    """What tokens take at the percentile, draw by draw. [s]"""
    together: float
    """The same of the requests of all draws. [s]"""


@dataclass(frozen=True)
class _Times:
    """What the requests of a draw wait for. [s]"""

    first: Array
    further: Array


def bursts(row: Compared) -> list[Drawn]:
    """Draws of the busiest week through what was sized, one less and one more; none where people
    send the requests, or several workloads share the replicas."""
    pool = row.pool
    if row.times > 1 or len(pool.loads) > 1 or pool.loads[0].arrivals == "people":
        return []
    times = ReplicaTimes.of(pool.replica, replay.lengths(pool))
    counts = [row.sized.replicas + more for more in (-1, 0, 1)]
    found: dict[int, list[_Times]] = {count: [] for count in counts}
    for seed in range(1, DRAWS + 1):
        week = replay.week(pool, seed)
        asked = _near(week.requests, week.busiest)
        told = week.busiest[_hour(asked)]
        for count, draws in found.items():
            served = batching.serve(times.jobs(asked), times.speed, count)
            first = (served.first_s - asked["when"].to_numpy())[told] + times.first_token_s
            further = np.maximum(asked["output"].to_numpy() - 1, 1)
            draws.append(_Times(first, ((served.last_s - served.first_s) / further)[told]))
    limits = pool.loads[0].limits
    share = limits.percentile / 100
    return [
        Drawn(
            client=row.client,
            replicas=count,
            limits=limits,
            first=max(float(np.quantile(draw.first, share)) for draw in draws),
            each=tuple(float(np.quantile(draw.further, share)) for draw in draws),
            together=float(np.quantile(np.concatenate([d.further for d in draws]), share)),
        )
        for count, draws in found.items()
    ]


def _near(requests: pd.DataFrame, busiest: Flags) -> pd.DataFrame:
    """Requests of the busiest hours and of the quarter of an hour before each."""
    hour = _hour(requests)
    later = _hour(requests, replay.WARM_UP)
    return requests[(busiest[hour] | busiest[later]) & ~arrivals.may_wait(requests)]


def _hour(requests: pd.DataFrame, later: float = 0.0) -> Whole:
    """The hour of the week in which each comes, or in which it is `later`. [s]"""
    moved = requests["when"].to_numpy() + later
    return np.minimum((moved / HOUR).astype(int), HOURS_OF_WEEK - 1)


def _drawn_rows(found: Sequence[Drawn]) -> str:
    """A table of draws, and what it says."""
    if not found:
        return ""
    one = found[0]
    head = (
        "| client | replicas | draws that keep it | least | middle | most | all together |\n"
        "|---|--:|--:|--:|--:|--:|--:|\n"
    )
    rows = []
    for drawn in found:
        kept = sum(each <= drawn.limits.tpot_s for each in drawn.each)
        ends = (min(drawn.each), float(np.median(drawn.each)), max(drawn.each), drawn.together)
        cells = [drawn.client, str(drawn.replicas), f"{kept} of {len(drawn.each)}"]
        cells += [f"{1e3 * each:.0f} ms" for each in ends]
        rows.append(f"| {' | '.join(cells)} |\n")
    return (
        "\n## Bursts, draw by draw\n\n"
        f"What each further token takes, at the {one.limits.percentile}th percentile, in the "
        f"busiest hours of {len(one.each)} draws of the busiest week of the first year; the limit "
        f"is {1e3 * one.limits.tpot_s:.0f} ms. First tokens take at most {one.first:.1f} s of "
        f"{one.limits.ttft_s:g} in any of them.\n\n{head}{''.join(rows)}\n"
        f"{_together(found)} Sizing aims at the percentile of all requests of such hours, and not "
        "at every week; whoever must keep the limit in each takes the number that replay of the "
        "week asks for, or states a higher percentile.\n"
    )


def _together(found: Sequence[Drawn]) -> str:
    """How many replicas keep the limit of all draws together, beside those that are sized."""
    kept = [drawn.replicas for drawn in found if drawn.together <= drawn.limits.tpot_s]
    sized = found[1].replicas
    if not kept:
        return f"All draws together ask for more than these; {sized} are sized."
    return f"All draws together keep it with {min(kept)} replicas; {sized} are sized."


def measured() -> list[Compared]:
    """All clients, one after another."""
    rows = []
    for client in scenario.names():
        for row in compared(client):
            print(f"{client} × {row.times}: {row.sized.replicas} sized, {row.fewest} replayed")
            rows.append(row)
    return rows


def page(rows: Sequence[Compared]) -> str:
    """The whole page."""
    reasons = [reason for row in rows if (reason := _why(row))]
    told = f"{_differs(rows)}## Where they differ, and why\n\n"
    table = HEAD + "".join(_row(row) for row in rows)
    drawn = "".join(_drawn_rows(bursts(row)) for row in rows)
    return (
        INTRODUCTION + table + drawn + told + "\n\n".join(reasons or ["Nowhere by a fifth."]) + "\n"
    )


if __name__ == "__main__":
    PAGE.write_text(page(measured()), encoding="utf-8")
