"""Renders a thousand reports through a Dask cluster on this machine and watches its memory.

    python -m benchmarks.cluster --reports 1000 --kill-at 300

Two workers on loopback. Most reports have one option and one short chapter, so that a thousand
fit into a coffee break; every fiftieth is a client's whole report. Counts every 25 reports what
the processes that last hold: this one, the workers and their warm processes. `--kill-at` kills one
worker after so many reports: none may be lost. Writes its section of docs/performance.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from siting.inputs import scenario
from siting.publishing import batch, job

from benchmarks.rendering import ROOT, SCALE, copies, resident_kib


def small(count: int) -> list[job.Job]:
    """Jobs of one option and one short chapter each."""
    base = scenario.load("base")
    alone = base.model_copy(
        update={
            "options": {"api": base.options["api"]},
            "finance": base.finance.model_copy(update={"baseline": "api"}),
        }
    )
    cells = [
        {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "# Does it scale?"},
        {"cell_type": "code", "id": "b", "metadata": {"tags": ["parameters"]},
         "source": 'client = "base"', "outputs": [], "execution_count": None},
        {"cell_type": "code", "id": "c", "metadata": {}, "outputs": [], "execution_count": None,
         "source": "from siting.exhibits import Prose\nProse('It does.')"},
    ]  # fmt: skip
    chapter = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    chapters = {"10_scale.ipynb": json.dumps(chapter)}
    return [job.Job(f"client-{i:04}", scenario.resolved(alone), chapters) for i in range(count)]


def mixed(count: int, full_every: int) -> list[job.Job]:
    """Small jobs, and in every `full_every`-th place a client's whole report."""
    jobs, names = small(count), scenario.names()
    places = range(full_every - 1, count, full_every)
    wholes = copies([names[turn % len(names)] for turn in range(len(places))])
    for i, whole in zip(places, wholes, strict=True):
        jobs[i] = dataclasses.replace(whole, client=jobs[i].client)
    return jobs


def children(pid: int) -> list[int]:
    """Process ids below `pid`, one level."""
    return [
        int(child)
        for task in Path(f"/proc/{pid}/task").glob("*/children")
        for child in task.read_text(encoding="ascii").split()
    ]


def held_mib(workers: Sequence[int]) -> float:
    """Memory of this process, the workers and their warm processes, shared pages once. [MiB]"""
    lasting = [os.getpid(), *workers, *(c for w in workers for c in children(w))]
    return sum(map(resident_kib, lasting)) / 1024


SECTION = """{heading}

Written by `python -m benchmarks.cluster --reports {reports} --kill-at {kill_at}` on {cores} cores:
{reports} reports, {full} of them whole clients and the others one option and one chapter, through a
Dask cluster of two workers on loopback; one worker was killed after {kill_at}.

| reports done | time [s] | memory held [MiB] |
|--:|--:|--:|
{rows}

{outcome}. The killed worker's report was made by another.

Memory held is that of the processes that last: the one that asks, the workers and their warm
processes. Once all had warmed up after the kill it was {early:.0f} MiB, at the end {late:.0f} MiB
(medians of the first and the last quarter of that time). Dask's profiler is off: it keeps what it
sampled for an hour.
"""


def main() -> None:
    import dask
    from distributed import LocalCluster

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--kill-at", type=int, default=0)
    parser.add_argument("--full-every", type=int, default=50)
    chosen = parser.parse_args()
    # Dask's profiler keeps what it sampled for an hour, a few dozen MiB in each worker.
    dask.config.set({"distributed.worker.profile.enabled": False})
    held: list[tuple[int, float, float]] = []
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory() as out,
        LocalCluster(
            n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
        ) as cluster,
    ):
        done = 0

        def say(line: str) -> None:
            nonlocal done
            done += 1
            workers = [w.pid for w in cluster.workers.values() if w.pid]
            if done == chosen.kill_at:
                os.kill(workers[0], signal.SIGKILL)
                print(f"{done}: killed a worker", flush=True)
            elif done % 25 == 0:
                held.append((done, time.monotonic() - began, held_mib(workers)))
                print("{}: {:.0f} s; {:.0f} MiB".format(*held[-1]), flush=True)

        jobs = mixed(chosen.reports, chosen.full_every)
        outcome = batch.run(jobs, out, scheduler=cluster.scheduler_address, say=say)
    print(outcome.lines()[-1])
    if len(outcome.rendered) != chosen.reports:
        raise SystemExit(f"lost: {sorted(outcome.failed)[:5]}")
    # A new worker starts small; what counts is whether memory rises once all have warmed up.
    settled = [m for n, _, m in held if n > chosen.kill_at + chosen.reports // 10]
    quarter = max(1, len(settled) // 4)
    early, late = statistics.median(settled[:quarter]), statistics.median(settled[-quarter:])
    print(f"memory: {early:.0f} MiB once all had warmed up, {late:.0f} MiB at the end")
    rows = "\n".join(f"| {n} | {s:.0f} | {m:.0f} |" for n, s, m in held if n % 100 == 0)
    text = SECTION.format(
        heading=SCALE, reports=chosen.reports, kill_at=chosen.kill_at, cores=os.cpu_count(),
        full=chosen.reports // chosen.full_every, rows=rows, early=early, late=late,
        outcome=outcome.lines()[-1].capitalize(),
    )  # fmt: skip
    written = ROOT / "docs" / "performance.md"
    before, _, _ = written.read_text(encoding="utf-8").partition(f"\n{SCALE}\n")
    written.write_text(f"{before.rstrip()}\n\n{text}", encoding="utf-8")
    if late > 1.1 * early:
        raise SystemExit("memory grows")


if __name__ == "__main__":
    main()
