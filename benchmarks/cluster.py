"""Renders a thousand reports through a Dask cluster on this machine and watches its memory.

    python -m benchmarks.cluster --reports 1000 --kill-at 300 --restart-at 600

Two workers on loopback, whole clients; `--full-every 5` has four of five reports with one option
and one short chapter, so that a thousand fit into half an hour. Counts fifty times what the
processes that last hold: this one, the scheduler, the workers and their kernels. `--kill-at`
kills one worker after so many reports, `--restart-at` the scheduler: none may be lost. Fails where
memory rises by more than a twentieth. Writes its section of docs/performance.md.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import functools
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from siting.inputs import scenario
from siting.run import job
from siting_cluster.workers import workers
from siting_report.run import batch
from siting_report.run.job import Job, PlacedNotebook

from benchmarks.rendering import ROOT, SCALE, copies


def small(count: int) -> list[Job]:
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
         "source": "from siting_report.show import say\nsay('It does.')"},
    ]  # fmt: skip
    chapter = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    chapters = {"10_scale.ipynb": PlacedNotebook(json.dumps(chapter))}
    resolved = scenario.resolved(alone)
    return [
        Job(kit=job.KIT, client=f"client-{i:04}", scenario=resolved, chapters=chapters)
        for i in range(count)
    ]


def mixed(count: int, full_every: int) -> list[Job]:
    """Small jobs, and in every `full_every`-th place a client's whole report."""
    jobs = small(count)
    names = scenario.names()
    places = range(full_every - 1, count, full_every)
    wholes = copies([names[turn % len(names)] for turn in range(len(places))])
    for i, whole in zip(places, wholes, strict=True):
        jobs[i] = dataclasses.replace(whole, client=jobs[i].client)
    return jobs


class Cluster:
    """A scheduler and two workers of one thread, started as a user would, on loopback."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        dask = "distributed.cli.dask_"
        local = ("--host", "127.0.0.1")
        two = ("--nworkers", "2", "--nthreads", "1")
        # Dask's profiler keeps what it sampled for an hour, a few dozen MiB in each worker, and
        # each connection the last 1,000 messages, jobs included.
        settings = os.environ | {
            "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED": "false",
            "DASK_DISTRIBUTED__ADMIN__LOW_LEVEL_LOG_LENGTH": "100",
        }
        start = functools.partial(
            psutil.Popen, env=settings, cwd=self.folder, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.scheduler = start(
            [sys.executable, "-m", f"{dask}scheduler", *local, "--port", str(self.port)]
        )
        self.workers = start([sys.executable, "-m", f"{dask}worker", self.address, *local, *two])

    def restart(self) -> None:
        """Ends the scheduler without a warning, and starts it and its workers again."""
        self.scheduler.kill()
        self.workers.terminate()
        self.workers.wait()
        self.start()

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_: object) -> None:
        self.workers.terminate()
        self.scheduler.terminate()


def held_mib(process: psutil.Process, below: bool = True) -> float:
    """Memory of a process and of those below it that have lived for half a minute. [MiB]

    Kernels, studies and typesetting end sooner. What is read from files and so shared is left out.
    """
    held = 0
    looked_at = [process]
    if below:
        looked_at += process.children(recursive=True)
    for one in looked_at:
        with contextlib.suppress(psutil.NoSuchProcess):
            if one == process or time.time() - one.create_time() > 30:
                memory = one.memory_info()
                held += memory.rss - memory.shared
    return held / 2**20


def kill_one(workers: psutil.Process) -> None:
    """Ends one of the worker processes, without a warning."""
    of_dask = (p for p in workers.children() if "spawn_main" in " ".join(p.cmdline()))
    next(of_dask).kill()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    """Memory held when so many reports were done. [MiB]"""

    reports: int
    time_s: float
    asking: float
    scheduler: float
    workers: float

    @property
    def total(self) -> float:
        return self.asking + self.scheduler + self.workers


SECTION = """{heading}

`python -m benchmarks.cluster {words}` on {cores} cores: {reports} reports, {full}, through
`dask scheduler` and two `dask worker` processes on loopback, in {time:.0f} s; one worker was killed
after {kill_at}, the scheduler after {restart_at}. {outcome}.

Memory of the processes that last (the one that asks, scheduler, workers) was {early:.0f} MiB once
all had warmed up after the kill, and {late:.0f} MiB at the end (medians of the first and the last
quarter of that time). Dask's profiler is off and its logs hold the last hundred things.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--reports", type=int, default=1000)
    parser.add_argument("--kill-at", type=int, default=0)
    parser.add_argument("--restart-at", type=int, default=0)
    parser.add_argument("--full-every", type=int, default=1)
    chosen = parser.parse_args()
    jobs = mixed(chosen.reports, chosen.full_every)
    samples: list[Sample] = []
    every = max(1, chosen.reports // 50)
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as out, Cluster(Path(out)) as cluster:
        done = 0

        def say(line: str) -> None:
            nonlocal done
            if not line.startswith("["):
                print(line, flush=True)
                return
            done += 1
            if done == chosen.kill_at:
                kill_one(cluster.workers)
                print(f"{done}: killed a worker", flush=True)
            elif done == chosen.restart_at:
                cluster.restart()
                print(f"{done}: killed the scheduler and started it again", flush=True)
            elif done % every == 0:
                sample = Sample(
                    reports=done,
                    time_s=time.monotonic() - began,
                    asking=held_mib(psutil.Process(), below=False),
                    scheduler=held_mib(cluster.scheduler),
                    workers=held_mib(cluster.workers),
                )
                samples.append(sample)
                print(samples[-1], flush=True)

        with workers(cluster.address, job.KIT, say) as maker:
            outcome = batch.run(jobs, f"{out}/reports", maker=maker, say=say)
    print(outcome.lines()[-1])
    if len(outcome.rendered) != chosen.reports:
        raise SystemExit(f"lost: {sorted(outcome.failed)[:5]}")
    # A new worker starts small; what counts is whether memory rises once all have warmed up.
    settled = [
        s.total
        for s in samples
        if s.reports > max(chosen.kill_at, chosen.restart_at) + chosen.reports // 10
    ]
    if len(settled) < 4:
        raise SystemExit("too few reports after the last kill to say whether memory rises")
    quarter = len(settled) // 4
    early = statistics.median(settled[:quarter])
    late = statistics.median(settled[-quarter:])
    print(f"memory: {early:.0f} MiB once all had warmed up, {late:.0f} MiB at the end")
    full = "each of a whole client"
    if chosen.full_every > 1:
        wholes = chosen.reports // chosen.full_every
        full = f"{wholes} of whole clients, the others of one option and one chapter"
    text = SECTION.format(
        heading=SCALE, reports=chosen.reports, kill_at=chosen.kill_at,
        restart_at=chosen.restart_at, cores=os.cpu_count(), words=" ".join(sys.argv[1:]),
        full=full, time=samples[-1].time_s, early=early, late=late,
        outcome=outcome.lines()[-1].capitalize(),
    )  # fmt: skip
    written = ROOT / "docs" / "performance.md"
    before, _, _ = written.read_text(encoding="utf-8").partition(f"\n{SCALE}\n")
    written.write_text(f"{before.rstrip()}\n\n{text}", encoding="utf-8")
    if late > 1.05 * early:
        raise SystemExit("memory grows")


if __name__ == "__main__":
    main()
