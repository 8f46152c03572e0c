"""Times three ways to render clients, in one run, and writes docs/performance.md.

    python -m benchmarks.rendering --clients 1 10 20 100

naive    for each chapter: papermill, jupyter nbconvert, a browser's print, as commands
python   the same loop in one process, through papermill's and nbconvert's Python interfaces
kit      `batch`, which also makes the workbook, the summary and the whole report as one

Once each from a cold start, then as often as asked for from a warm one.

CPU time is that of all processes together, taken from the kernel when each ends. Peak memory is
the sum of what is resident, shared pages counted once (PSS), sampled while it runs. Linux only;
the first two ways need Chromium for their PDFs. A machine's speed drifts, so the loops are
measured in turns with the kit, one client at a time, before each of its batches and after the last.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import dataclasses
import itertools
import multiprocessing
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from siting.inputs import scenario
from siting.run import job
from siting_report.run.job import Job

ROOT = Path(__file__).resolve().parents[1]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or ""
SCALE = "## Many reports on a cluster"
"""Heading of the section of docs/performance.md that benchmarks.cluster writes."""
PRINT = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one way of rendering took. Times in seconds, memory in MiB."""

    way: str
    clients: int
    cores: int
    wall_s: float
    cpu_s: float
    peak_mib: float
    cold: bool = False


def measure(
    way: str, clients: int, cores: int, work: Callable[[], None], cold: bool = False
) -> Measured:
    """Runs `work` in a process of its own on so many cores and takes its time and memory.

    cold: all programs and packages are read from disk again.
    """
    if cold:
        _forget_files()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.monotonic()
    child = multiprocessing.get_context("spawn").Process(target=_confined, args=(work, cores))
    child.start()
    with _peak(child.pid or 0) as peak:
        child.join()
        wall = time.monotonic() - began
        _collect_orphans()
    if child.exitcode:
        raise SystemExit(f"{way} failed with status {child.exitcode}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(f"{way}, {clients} clients, {cores} cores: {wall:.1f} s, CPU {cpu:.1f} s", flush=True)
    return Measured(way, clients, cores, wall, cpu, max(peak) / 1024, cold)


def _forget_files() -> None:
    """Has the system drop what it keeps in memory of Python, its packages, the kit and the browser,
    as after a start of the machine."""
    roots = {ROOT, Path(sys.prefix), Path(sys.base_prefix), Path("/usr/lib/chromium")}
    for path in itertools.chain.from_iterable(root.rglob("*") for root in roots):
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
            os.close(descriptor)


def _collect_orphans() -> None:
    """Waits for orphans, which come to this process as their sub-reaper; a browser's helper may
    outlive it, so not for long."""
    deadline = time.monotonic() + 3
    with contextlib.suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                time.sleep(0.05)


def _confined(work: Callable[[], None], cores: int) -> None:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
    work()


@contextlib.contextmanager
def _peak(root: int) -> Iterator[list[int]]:
    """Samples the memory of a process and all below it. [KiB]"""
    samples = [0]
    stop = threading.Event()

    def sample() -> None:
        while not stop.wait(1):
            samples.append(sum(resident_kib(pid) for pid in _below(root)))

    threading.Thread(target=sample, daemon=True).start()
    yield samples
    stop.set()


def _below(root: int) -> list[int]:
    """Process ids in the trees under `root` and under this process's adopted orphans."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError, ValueError):
            parents[int(path.parent.name)] = int(path.read_text().rsplit(")", 1)[1].split()[1])
    found = set[int]()
    fresh = {root} | {p for p, parent in parents.items() if parent == os.getpid()}
    while fresh:
        found |= fresh
        fresh = {p for p, parent in parents.items() if parent in fresh} - found
    return sorted(found)


def resident_kib(pid: int) -> int:
    """Memory of a process, its share of what others use too. [KiB]"""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


# --- The three ways -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Naive:
    clients: Sequence[str]

    def __call__(self) -> None:
        with tempfile.TemporaryDirectory() as out:
            for client in self.clients:
                for chapter in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
                    executed = Path(out) / chapter.name
                    _command("papermill", chapter, executed, "-p", "client", client)
                    _command("jupyter", "nbconvert", "--to", "html", "--no-input", executed)
                    _print(executed.with_suffix(".html"))


@dataclasses.dataclass(frozen=True)
class InPython:
    clients: Sequence[str]

    def __call__(self) -> None:
        import nbconvert
        import papermill

        os.chdir(ROOT)
        exporter = nbconvert.HTMLExporter(exclude_input=True)
        with tempfile.TemporaryDirectory() as out:
            for client in self.clients:
                for chapter in sorted((ROOT / "notebooks").glob("[0-9]*.ipynb")):
                    executed = Path(out) / chapter.name
                    papermill.execute_notebook(
                        chapter, executed, {"client": client}, progress_bar=False
                    )
                    page = executed.with_suffix(".html")
                    page.write_text(exporter.from_filename(str(executed))[0], encoding="utf-8")
                    _print(page)


@dataclasses.dataclass(frozen=True)
class Kit:
    clients: Sequence[str]
    cores: int
    out: str

    def __call__(self) -> None:
        from siting_report.run import batch

        os.chdir(ROOT)
        outcome = batch.run(copies(self.clients), self.out, at_once=self.cores)
        if outcome.failed:
            raise SystemExit("\n".join(outcome.lines()))


def copies(clients: Sequence[str]) -> list[Job]:
    """Jobs of the clients. One that is named again gets a number and a few per cent more load, so
    that all its figures and charts are its own."""
    seen: dict[str, int] = {}
    jobs = []
    for client in clients:
        seen[client] = again = seen.get(client, 0) + 1
        made = job.prepare(client)
        if again > 1:
            text = scenario.resolved(_busier(scenario.load(client), 1 + 0.03 * (again - 1)))
            made = dataclasses.replace(made, client=f"{client}-{again}", scenario=text)
        jobs.append(made)
    return jobs


def _busier(found: scenario.Scenario, factor: float) -> scenario.Scenario:
    """The scenario with all its loads multiplied."""
    loads = {
        name: workload.model_copy(
            update={
                "users": workload.users * factor,
                "requests_per_day": workload.requests_per_day * factor,
            }
        )
        for name, workload in found.workloads.items()
    }
    return found.model_copy(update={"workloads": loads})


def _command(*words: object) -> None:
    program = Path(sys.executable).parent / str(words[0])
    subprocess.run([str(program), *map(str, words[1:])], check=True, cwd=ROOT, capture_output=True)


def _print(page: Path) -> None:
    if CHROMIUM:
        target = page.with_suffix(".pdf")
        words = [CHROMIUM, *PRINT, f"--print-to-pdf={target}", page.as_uri()]
        subprocess.run(words, check=True, capture_output=True)


# --- The page -----------------------------------------------------------------------------------


def times(turns: Sequence[Measured], count: int, cores: int) -> Measured:
    """A loop over `count` clients, from its turns over one client each: it shares nothing."""
    return Measured(
        way=turns[0].way,
        clients=count,
        cores=cores,
        wall_s=count * statistics.fmean(t.wall_s for t in turns),
        cpu_s=count * statistics.fmean(t.cpu_s for t in turns),
        peak_mib=max(t.peak_mib for t in turns),
    )


def page(rows: Sequence[Measured], stages: Sequence[Stage]) -> str:
    naive = {(r.clients, r.cores, r.cold): r for r in rows if r.way == "naive"}
    lines = [
        "# How fast a batch is",
        "",
        f"Written by `python -m benchmarks.rendering` on {os.cpu_count()} cores "
        f"({platform.machine()}, Python {platform.python_version()}). All chapters, HTML and PDF.",
        f"Mean load while it ran: {os.getloadavg()[2]:.1f}; where that is well above the cores,",
        "other work shared the machine and wall times are upper bounds.",
        "",
        "| way | start | clients | cores | wall [s] | CPU [s] | peak memory [MiB] "
        "| naive wall over this | naive CPU over this |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for r in rows:
        other = naive.get((r.clients, r.cores, r.cold))
        ratios = (
            (f"{other.wall_s / r.wall_s:.1f} ×", f"{other.cpu_s / r.cpu_s:.1f} ×")
            if other and r.way != "naive"
            else ("", "")
        )
        mark = "" if r.cold or r.way.startswith("kit") else " *"
        start = "cold" if r.cold else "warm"
        lines.append(
            f"| {r.way} | {start} | {r.clients}{mark} | {r.cores} | {r.wall_s:.1f} | "
            f"{r.cpu_s:.1f} | {r.peak_mib:.0f} | {ratios[0]} | {ratios[1]} |"
        )
    lines += [
        "",
        "\\* From turns over one client each, taken between the kit's batches: a loop shares",
        "nothing. Clients beyond the first six are these six with other loads, no two alike.",
        "",
        "Cold: files of Python, its packages, the kit and the browser are not in memory, as after",
        "the machine started. Each row, cold or warm, begins with a new process.",
        "",
        "## One report of the kit, by stage",
        "",
        "| stage | wall [s] | CPU [s] |",
        "|---|--:|--:|",
        *(f"| {name} | {wall:.2f} | {_known(used)} |" for name, wall, used in stages),
        "",
        (Path(__file__).parent / "rendering.md").read_text(encoding="utf-8").rstrip(),
        "",
    ]
    return "\n".join(lines)


def _known(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f}"


Stage = tuple[str, float, float | None]
"""Name, wall time, and CPU time where it was taken. [s]"""


class Laps:
    """Wall and CPU time from one call to the next, of this process and of those that it awaited."""

    def __init__(self) -> None:
        self.stages: list[Stage] = []
        self.last = (time.monotonic(), cpu())

    def __call__(self, name: str) -> None:
        now = (time.monotonic(), cpu())
        self.stages.append((name, now[0] - self.last[0], now[1] - self.last[1]))
        self.last = now


def cpu() -> float:
    """CPU time of this process and of those that it awaited. [s]"""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(u.ru_utime + u.ru_stime for u in used)


def by_stage(client: str) -> list[Stage]:
    """Where the time of one report goes, and what it takes again after one chapter was edited."""
    from siting_report.run import report

    with report.Here(1) as maker:
        lap = Laps()
        made = job.prepare(client)
        lap("reading and checking the input")
        maker.make(made)
        lap("the kernel, the chapters in it, HTML and PDF")
    return [*lap.stages, *after_an_edit(client)]


def after_an_edit(client: str) -> list[Stage]:
    """A report that is watched, after its chapter on cost was saved with one more line."""
    from siting_report.run import batch
    from siting_report.run.report import Here

    made = job.prepare(client)
    name = next(name for name in made.chapters if "cost" in name)
    chapter = made.chapters[name]
    edited = dataclasses.replace(
        chapter, text=chapter.text.replace("plt.subplots(", "(plt.subplots)(")
    )
    assert edited != chapter
    again = dataclasses.replace(made, chapters={**made.chapters, name: edited})
    with tempfile.TemporaryDirectory() as out, Here(1) as maker:
        batch.run([made], out, maker=maker)
        began = time.monotonic()
        outcome = batch.run([again], out, maker=maker)
        wall = time.monotonic() - began
    if not outcome.rendered:
        raise SystemExit("\n".join(outcome.lines()))
    return [("watched: one chapter edited, page and paper set anew", wall, None)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 20])
    parser.add_argument("--cores", type=int, nargs="+", default=[1, 2])
    parser.add_argument(
        "--few", type=int, default=10, help="more clients than these are rendered on all cores only"
    )
    chosen = parser.parse_args()
    ctypes.CDLL(None).prctl(36, 1)  # PR_SET_CHILD_SUBREAPER: every descendant's time is counted
    os.chdir(ROOT)
    names = scenario.names()
    most = max(chosen.cores)
    first = names[:1]
    with tempfile.TemporaryDirectory() as out:
        cold = [
            measure("naive", 1, most, Naive(first), cold=True),
            measure("python", 1, most, InPython(first), cold=True),
            measure("kit", 1, most, Kit(first, most, out), cold=True),
        ]
    naive = list[Measured]()
    python = list[Measured]()
    kit = list[Measured]()

    def take_turn() -> None:
        client = [names[len(naive) % len(names)]]
        naive.append(measure("naive", 1, most, Naive(client)))
        python.append(measure("python", 1, most, InPython(client)))

    take_turn()
    for count in chosen.clients:
        clients = [names[i % len(names)] for i in range(count)]
        for cores in chosen.cores:
            if cores < most and count > chosen.few:
                continue
            with tempfile.TemporaryDirectory() as out:
                kit.append(measure("kit", count, cores, Kit(clients, cores, out)))
                if cores == chosen.cores[-1]:
                    again = measure("kit, nothing changed", count, cores, Kit(clients, cores, out))
                    kit.append(again)
        take_turn()
    rows = [*cold]
    for (count, cores), made in itertools.groupby(kit, lambda k: (k.clients, k.cores)):
        rows += [times(naive, count, cores), times(python, count, cores), *made]
    text = page(rows, by_stage(names[0]))
    written = ROOT / "docs" / "performance.md"
    _, heading, scale = written.read_text(encoding="utf-8").partition(f"\n{SCALE}\n")
    written.write_text(text + heading + scale, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
