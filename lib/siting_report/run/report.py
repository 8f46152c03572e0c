"""One report: runs the chapters of one client and publishes them. It knows no GPU and no money.

`make` takes a `Job`, which holds everything that the report depends on, and returns the files of
the report: the same job gives the same bytes. The study is computed once, in a process of its own
that gives back its memory before Typst takes as much; each chapter runs in a process forked from
it, so that chapters run side by side and see nothing of each other.
Nothing is read from or written to the client's folder here; `siting_report.run.batch` does that.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from siting_report.kit import Kit, kit_named
from siting_report.print import document, page, paper
from siting_report.run import chapter, kernel, process
from siting_report.run.job import SCENARIO, Job
from siting_report.run.process import ChapterFailed, Child, Lost
from siting_report.run.unseen import asks_for_arrow

_RESULTS = "results"
_CLIENT = f"../{SCENARIO}"
"""The parameter `client` of a chapter, here and in the folder of a report: its scenario."""


def make(job: Job, at_once: int) -> dict[str, bytes]:
    """The files of a report, by their path in its folder, made in this process, which then ends.

    at_once: chapters that run side by side.
    Raises ChapterFailed, ValueError where the report cannot be published, OSError where there is
    no room for its temporary files.
    """
    lay_out(job, Path("report").absolute())
    run = Execution(job, at_once).run
    shown = run() if job.plain else Child.start(run).answer()
    beside = {SCENARIO: job.scenario.encode(), **job.attachments, **job.own_files}
    return {**beside, **shown, **published(job, shown)}


def lay_out(job: Job, folder: Path) -> None:
    """Has this process work in `notebooks` of `folder`, which is laid out as a report's.

    In the current folder lie only files of the client that a chapter names; none of them, nor of
    those above, is taken for a module.
    """
    for part in ("notebooks", "temporary"):
        (folder / part).mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "temporary")
    sys.path[:] = [place for place in sys.path if place]
    os.chdir(folder / "notebooks")
    (folder / SCENARIO).write_text(job.scenario, encoding="utf-8")
    for name in (*job.attachments, *job.data):
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no plain file name")
    for path, content in {**job.attachments, **job.own_files}.items():
        (folder / path).write_bytes(content)


def compute(job: Job) -> None:
    """Computes the study of the current folder once, for all that is forked from this process."""
    kit = kit_named(job.kit)
    todo = [chapter.text for path, chapter in job.notebooks.items() if path not in job.done]
    kit.compute(_CLIENT, todo, not job.done.keys() >= set(kit.FIGURES))
    process.settle()


@dataclass
class _Running:
    child: Child
    events: list[chapter.Event] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    """When the cell that runs began."""


class Execution:
    """The chapters of a report and its files of figures, several at once."""

    def __init__(self, job: Job, at_once: int) -> None:
        self.job = job
        self.at_once = at_once
        self.made = dict(job.done)
        self.failed: dict[str, Exception] = {}
        self.running: dict[str, _Running] = {}

    @property
    def kit(self) -> Kit:
        """Asked for each time: an execution is sent to another process, and no module can be."""
        return kit_named(self.job.kit)

    def run(self) -> dict[str, bytes]:
        """The files, by their path in the report. Raises the first failure, in its order."""
        waiting = [path for path in self.job.notebooks if path not in self.made]
        if not self.made.keys() >= set(self.kit.FIGURES):
            waiting.insert(0, _RESULTS)
        if waiting and not self.job.plain:
            try:
                compute(self.job)
            except Exception as error:  # told after the chapters: one that shows it says more
                self.failed[_RESULTS] = ValueError(f"{type(error).__name__}: {error}")
        try:
            while self.running or waiting:
                while waiting and len(self.running) < self.at_once:
                    self._start(waiting.pop(0))
                self._listen()
                if self.failed.keys() - {_RESULTS}:
                    waiting.clear()
        finally:
            for running in self.running.values():
                running.child.end()
        for path in (*self.job.notebooks, _RESULTS):
            if path in self.failed:
                raise self.failed[path]
        return {path: self.made[path] for path in (*self.kit.FIGURES, *self.job.notebooks)}

    def _start(self, path: str) -> None:
        if path == _RESULTS:
            child = Child.start(self.kit.results, _CLIENT, fork=not self.job.plain)
        else:
            child = self._chapter(self.job.notebooks[path].text)
        self.running[path] = _Running(child)

    def _chapter(self, text: str) -> Child:
        """A process that executes a chapter."""
        if self.job.plain:
            limit_s = self.job.cell_limit_s
            return Child.start(kernel.execute, text, _CLIENT, limit_s, fork=False)
        fork = not asks_for_arrow(text)
        return Child.start(chapter.execute, text, _CLIENT, fork=fork, tells=True)

    def _listen(self) -> None:
        """Takes in what the running processes tell; ends those whose cell runs too long."""
        paths = {running.child.channel: path for path, running in self.running.items()}
        for channel in wait(list(paths), 0.5):
            path = paths[channel]  # type: ignore[index]
            event = process.told(channel)  # type: ignore[arg-type]
            if isinstance(event, process.Ended):
                self._end(path, event.made)
                continue
            self.running[path].events.append(event)
            if isinstance(event, chapter.Begun):
                self.running[path].since = time.monotonic()
        for path, running in list(self.running.items()):
            if not self.job.plain and time.monotonic() > running.since + self.job.cell_limit_s:
                self._end(path, Lost(f"ran longer than {self.job.cell_limit_s} s"))

    def _end(self, path: str, made: Any) -> None:
        running = self.running.pop(path)
        running.child.end()
        if not isinstance(made, Exception):
            self.made |= made if path == _RESULTS else {path: made.encode()}
        elif path == _RESULTS:
            self.failed[path] = ValueError(str(made))
        else:
            text = self.job.notebooks[path].text
            notebook, cell = chapter.seen(text, _CLIENT, running.events)
            reason = str(made)
            if isinstance(made, chapter.CellFailed):
                reason = made.reason
                cell = made.cell
                notebook = made.notebook or notebook
            self.failed[path] = ChapterFailed(
                chapter=Path(path).name, cell=cell, reason=reason, notebook=notebook
            )


def published(job: Job, shown: Mapping[str, bytes]) -> dict[str, bytes]:
    """Page and paper of executed chapters. Raises ValueError where they cannot be made."""
    chapters = [
        document.chapter(json.loads(shown[path]), Path(path).stem, placed.part, placed.own)
        for path, placed in job.notebooks.items()
    ]
    composed = document.compose(chapters, kit_named(job.kit).cover(_CLIENT))
    files = {}
    if "html" in job.formats:
        files["report.html"] = page.page(composed).encode()
    if "pdf" in job.formats:
        files["report.pdf"] = paper.typeset(composed)
    return files
