"""One report: runs the chapters of one client and publishes them. It knows no GPU and no money.

`make` takes a `Job`, which holds everything that the report depends on, and returns the files of
the report: the same job gives the same bytes. The study is computed once; each chapter then runs
in a process forked from it, so that chapters run side by side and see nothing of each other.
Nothing is read from or written to the client's folder here; `siting.run.batch` does that.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from siting.inputs.scenario import Scenario
from siting.print import publish
from siting.run import chapter, process
from siting.run.job import FIGURES, SCENARIO, Job
from siting.run.process import ChapterFailed, Child, Lost

AT_ONCE = min(4, os.cpu_count() or 1)
"""Chapters of one report that run side by side."""
_RESULTS = "results"
_NOTEBOOKS = "notebooks"
_CLIENT = f"../{SCENARIO}"
"""What `study.open` takes in a chapter, here and in the folder of a report."""


def make(job: Job, folder: Path, fork: bool = True) -> dict[str, bytes]:
    """The files of a report, by their path in its folder, made in this process, which then ends.

    folder: does not exist yet. fork: chapters from this process, not in new interpreters.
    Raises ChapterFailed, ValueError where the report cannot be published, OSError where there is
    no room for its temporary files.
    """
    folder = folder.absolute()
    lay_out(job, folder)
    shown = _Chapters(job, fork).run()
    files = {SCENARIO: job.scenario.encode(), **job.attachments, **shown.results}
    files |= _published(job, shown.done, folder / "paper")
    return files | {f"{_NOTEBOOKS}/{name}": text.encode() for name, text in shown.done.items()}


def lay_out(job: Job, folder: Path) -> None:
    """Has this process work in `notebooks` of `folder`, which is laid out as a report's.

    No file of a client lies in the current folder, and none is taken for a module.
    """
    for part in (_NOTEBOOKS, "paper", "temporary"):
        (folder / part).mkdir(parents=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(folder / "temporary")
    sys.path[:] = [place for place in sys.path if place]
    os.chdir(folder / _NOTEBOOKS)
    (folder / SCENARIO).write_text(job.scenario, encoding="utf-8")
    for name, content in job.attachments.items():
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no plain file name")
        (folder / name).write_bytes(content)


def results(tell: object = None) -> dict[str, bytes]:
    """The files of figures, of the scenario in the current folder."""
    from siting import study

    opened = study.open(_CLIENT)
    summary = json.dumps(opened.summary(), indent=1, ensure_ascii=False, allow_nan=False)
    return dict(zip(FIGURES, (f"{summary}\n".encode(), opened.workbook()), strict=True))


def compute(job: Job) -> None:
    """Computes the study of the current folder once, for all that is forked from this process.

    Frames that several chapters ask for are made here, too.
    """
    from siting import study

    opened = study.open(_CLIENT)
    study.keep(opened, _CLIENT)
    if not job.done.keys() >= set(FIGURES):
        opened.summary()
    asked: Counter[str] = Counter()
    for name, placed in job.chapters.items():
        if f"{_NOTEBOOKS}/{name}" not in job.done:
            asked.update(set(re.findall(r"\bs\.(\w+)\(\)", placed.text)))
    for name, times in asked.items():
        if times > 1 and getattr(getattr(type(opened), name, None), "is_frame", False):
            with contextlib.suppress(Exception):  # the chapter that asks for it tells
                getattr(opened, name)()
    process.settle()


@dataclass
class _Running:
    child: Child
    events: list[chapter.Event] = field(default_factory=list)
    since: float = field(default_factory=time.monotonic)
    """When the cell that runs began."""


class _Chapters:
    """The chapters of a report and its files of figures, several at once."""

    def __init__(self, job: Job, fork: bool) -> None:
        self.job, self.fork = job, fork
        self.results = {name: job.done[name] for name in FIGURES if name in job.done}
        self.done = {
            name: job.done[f"{_NOTEBOOKS}/{name}"].decode()
            for name in job.chapters
            if f"{_NOTEBOOKS}/{name}" in job.done
        }
        self.failed: dict[str, Exception] = {}
        self.running: dict[str, _Running] = {}

    def run(self) -> _Chapters:
        """Runs all. Raises the first failure, in the order of the report."""
        waiting = [name for name in self.job.chapters if name not in self.done]
        if len(self.results) < len(FIGURES):
            waiting.insert(0, _RESULTS)
        if self.fork and waiting:
            try:
                compute(self.job)
            except Exception as error:  # told after the chapters: one that shows it says more
                self.failed[_RESULTS] = ValueError(f"{type(error).__name__}: {error}")
        try:
            while self.running or waiting:
                while waiting and len(self.running) < AT_ONCE:
                    self._start(waiting.pop(0))
                self._listen()
                if self.failed.keys() - {_RESULTS}:
                    waiting.clear()
        finally:
            for running in self.running.values():
                running.child.end()
        for name in (*self.job.chapters, _RESULTS):
            if name in self.failed:
                raise self.failed[name]
        self.done = {name: self.done[name] for name in self.job.chapters}
        return self

    def _start(self, name: str) -> None:
        if name == _RESULTS:
            child = Child.start(results, fork=self.fork)
        else:
            text = self.job.chapters[name].text
            child = Child.start(chapter.execute, text, _CLIENT, fork=self.fork)
        self.running[name] = _Running(child)

    def _listen(self) -> None:
        """Takes in what the running processes tell; ends those whose cell runs too long."""
        by_channel = {r.child.channel: (name, r) for name, r in self.running.items()}
        for channel in wait(list(by_channel), 0.5):
            name, running = by_channel[channel]  # type: ignore[index]
            try:
                event = running.child.channel.recv()
            except (EOFError, OSError):
                event = ("ended", Lost("its process was killed"))
            if event[0] == "ended":
                self._end(name, event[1])
            else:
                running.events.append(event)
                running.since = time.monotonic() if event[0] == "begin" else running.since
        for name, running in list(self.running.items()):
            if time.monotonic() > running.since + self.job.cell_limit_s:
                self._end(name, Lost(f"ran longer than {self.job.cell_limit_s} s"))

    def _end(self, name: str, made: Any) -> None:
        running = self.running.pop(name)
        running.child.end()
        if not isinstance(made, Exception):
            if name == _RESULTS:
                self.results = made
            else:
                self.done[name] = made
            return
        if name == _RESULTS:
            self.failed[name] = ValueError(str(made))
            return
        notebook, cell = chapter.seen(self.job.chapters[name].text, _CLIENT, running.events)
        reason = made.reason if isinstance(made, chapter.CellFailed) else str(made)
        self.failed[name] = ChapterFailed(name, cell, reason, notebook)


def _published(job: Job, shown: Mapping[str, str], paper: Path) -> dict[str, bytes]:
    """Page and paper of executed chapters, whose metadata says which and where they are."""
    from siting.inputs import scenario

    notebooks = []
    for name, text in shown.items():
        notebook, placed = json.loads(text), job.chapters[name]
        about = {"name": Path(name).stem, "part": placed.part, "own": placed.own}
        notebook["metadata"]["siting"] = about
        notebooks.append(notebook)
    document = publish.compose(notebooks, _cover(scenario.load(_CLIENT), job))
    files = {}
    if "html" in job.formats:
        files["report.html"] = publish.page(document).encode()
    if "pdf" in job.formats:
        publish.lay_out(document, paper)
        os.chdir(paper)
        try:
            publish.typeset()
        except Exception as error:
            raise ValueError(f"the PDF cannot be made: {error}") from None
        files["report.pdf"] = (paper / "report.pdf").read_bytes()
    return files


def _cover(scenario: Scenario, job: Job) -> publish.Cover:
    from siting.formats import Numbers

    client = scenario.client
    return publish.Cover(
        client=client.name,
        title="Where should the models run?",
        question=client.question,
        date=Numbers(client.country, client.currency).date(client.report_date),
        day=client.report_date,
        region=client.country,
        brand=client.brand_colour,
        paper=client.paper,
        logo=job.attachments.get(client.logo) if client.logo else None,
    )
