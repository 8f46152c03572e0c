"""Renders many small reports through a Dask cluster on this machine and watches its memory.

    python -m benchmarks.cluster --reports 1000 --kill-at 300

Two workers on loopback. Prints every 25 reports how much each process holds, and fails where the
mean of the last quarter is more than a tenth above that of the second quarter. `--kill-at` kills
one worker after so many reports: none may be lost.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import tempfile
import time

from siting.inputs import scenario
from siting.publishing import batch, job


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


def resident_mib(pid: int) -> float:
    """Memory of one process. [MiB]"""
    with open(f"/proc/{pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    from distributed import LocalCluster

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--kill-at", type=int, default=0)
    chosen = parser.parse_args()
    held: list[float] = []
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
            workers = [w.pid for w in cluster.workers.values()]
            if done == chosen.kill_at:
                os.kill(workers[0], signal.SIGKILL)
                print(f"{done}: killed a worker", flush=True)
            elif done % 25 == 0:
                sizes = [resident_mib(pid) for pid in (os.getpid(), *workers) if pid]
                held.append(sum(sizes))
                words = ", ".join(f"{size:.0f}" for size in sizes)
                print(f"{done}: {time.monotonic() - began:.0f} s; MiB {words}", flush=True)

        outcome = batch.run(
            small(chosen.reports), out, scheduler=cluster.scheduler_address, say=say
        )
    print(outcome.lines()[-1])
    quarter = len(held) // 4
    if quarter:
        early, late = statistics.mean(held[quarter : 2 * quarter]), statistics.mean(held[-quarter:])
        print(f"memory: {early:.0f} MiB in the second quarter, {late:.0f} MiB in the last")
        if late > 1.1 * early:
            raise SystemExit("memory grows")
    if len(outcome.rendered) != chosen.reports:
        raise SystemExit(f"lost: {sorted(outcome.failed)[:5]}")


if __name__ == "__main__":
    main()
