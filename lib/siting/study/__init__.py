"""One client's study: the one object that notebooks, the report and the command line see.

Its methods give tidy frames (`siting.study.frames`); evaluating it in a cell lists them.

>>> from siting import study
>>> s = study.open("base")
>>> s.costs()          # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Any

import pandas as pd

from siting.catalogue import facts_version
from siting.cost import workbook
from siting.inputs import scenario
from siting.inputs.document import Problem
from siting.study import frames, summary
from siting.study.capacity import CapacityFrames
from siting.study.memory import MemoryFrames
from siting.study.sources import SourceFrames
from siting.study.timeline import TimelineFrames
from siting.study.wording import Wording


class Study(TimelineFrames, SourceFrames, CapacityFrames, MemoryFrames, Wording):
    """A scenario and what follows from it: tidy frames, and the files of its report.

    Frames on the decision, costs, data and vendors come with those of the timeline.
    """

    def _repr_html_(self) -> str:
        """Every frame with its columns and units, without computing any."""
        listed = frames.catalogue(type(self), self.client.currency)
        html: str = listed.set_index(["frame", "row", "column"]).to_html()
        return html

    def rivals(self) -> pd.DataFrame:
        """The name that `alternatives` had before: a rival is the next-best option."""
        return self.alternatives()

    @property
    def facts_version(self) -> str:
        """Day of the last change of the tables of facts, as 2026-11-28, or `undated`."""
        return facts_version()

    def summary(self) -> dict[str, Any]:
        """The content of summary.json."""
        return summary.content(self)

    def workbook(self) -> bytes:
        """The content of cash-flows.xlsx: the cost chapter with live formulas."""
        return workbook.content(self.cost, self.scenario)


def open(client: str = "base") -> Study:
    """The study of `params/<client>.yaml`, or of a YAML file anywhere.

    Raises scenario.ScenarioError naming file, line, field and remedy.
    """
    return _kept.get(_said(client)) or Study(scenario.load(client))


def open_all() -> tuple[dict[str, Study], list[Problem]]:
    """The study of every client of `params/`, by name, and all that is wrong with the scenarios of
    those that have none."""
    studies: dict[str, Study] = {}
    problems: list[Problem] = []
    for client in scenario.names():
        try:
            studies[client] = open(client)
        except scenario.ScenarioError as error:
            problems += error.problems
    return studies, problems


def prepare() -> None:
    """Works out what is the same for every client: a batch does it once, before it forks.

    The base scenario is computed to read, check and index every table of facts on the way.
    """
    with contextlib.suppress(scenario.ScenarioError):  # each client may be complete by itself
        warm = Study(scenario.load("base"))
        warm.summary()
        warm.workbook()


_kept: dict[bytes, Study] = {}


def keep(computed: Study, path: str) -> None:
    """Lets `open` hand out this study for every file that says what the one at `path` says.

    A report computes its study once, from a complete scenario; what is forked finds it done.
    """
    _kept.clear()
    _kept[_said(path)] = computed


def _said(path: str) -> bytes:
    """What a file says; nothing where `path` is a client's name."""
    return Path(path).read_bytes() if os.path.isfile(path) else b""
