"""One client's study: the one object that notebooks, the report and the command line see.

It has three kinds of names. **Frames** are tables: methods such as `s.sums()`, collected from the
topics of `topics()`, modules here and in packages beside (`siting.study.frames` says how one is
written).
**Formats** write a number or a name into a sentence: `s.money(x)`, `s.years`
(`siting.study.wording`). **Results** are what the frames are made of: the records of the domain,
each computed when it is first asked for, under one name: `s.results.cost`
(`siting.study.results`). Evaluating `s` in a cell lists all three; in plain Python it names the
frames.

>>> from siting import study
>>> s = study.open("base")
>>> s.sums()          # doctest: +SKIP
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from siting import beside
from siting.catalogue import STALE_DAYS, facts_version, unknown
from siting.inputs import scenario
from siting.inputs.document import Problem
from siting.inputs.scenario.changes import Changes
from siting.study import frames, page, summary
from siting.study.answer import AnswerFrames
from siting.study.budget import BudgetFrames
from siting.study.capacity import CapacityFrames
from siting.study.cost import CostFrames
from siting.study.data import DataFrames
from siting.study.decision import DecisionFrames
from siting.study.frames import Topic, picked
from siting.study.memory import MemoryFrames
from siting.study.results import Results
from siting.study.sizing import SizingFrames
from siting.study.sources import SourceFrames
from siting.study.timeline import TimelineFrames
from siting.study.turns import TurnFrames
from siting.study.vendors import VendorFrames
from siting.study.verdict import VerdictFrames
from siting.study.wording import Wording
from siting.verdict.variants import Outcome, Variant, change, tried

CORE: tuple[type[Topic], ...] = (
    AnswerFrames,
    VerdictFrames,
    DecisionFrames,
    TurnFrames,
    CostFrames,
    BudgetFrames,
    CapacityFrames,
    SizingFrames,
    DataFrames,
    VendorFrames,
    TimelineFrames,
    SourceFrames,
    MemoryFrames,
)


def topics() -> tuple[type[Topic], ...]:
    """What a study is made of, those of packages beside this one last. Its page lists them in this
    order: what is asked first is first."""
    return (*CORE, *beside.loaded("topics").values())


class Study(Wording):
    """A scenario and what follows from it: frames, formats, and the files of its report."""

    def __init__(self, chosen: scenario.Scenario) -> None:
        super().__init__(Results(chosen.spoken))
        for topic in topics():
            made = topic(self)
            for name in frames.listed(topic):
                setattr(self, name, getattr(made, name))

    def __getattr__(self, name: str) -> Any:
        """Raises AttributeError for a name that a study does not have, with the nearest one."""
        said = unknown(name, "part of a study", dir(self))
        if lacking := beside.missing("topics"):
            said += f"; {', '.join(lacking)} with further frames is not installed"
        raise AttributeError(said, name=name)

    def has(self, frame: str) -> bool:
        """Whether there is a frame: some come with packages beside this one."""
        return any(frame in frames.listed(topic) for topic in topics())

    def __repr__(self) -> str:
        """What a study can be asked, for Python outside Jupyter, without computing any frame."""
        return page.told(self, topics())

    def _repr_html_(self) -> str:
        """Every frame with its columns and units, without computing any."""
        return page.content(self, topics())

    @property
    def facts_version(self) -> str:
        """Day of the last change of the tables of facts, as 2026-11-28, or `undated`."""
        return facts_version()

    @property
    def stale_days(self) -> int:
        """Age from which on a number counts as old. [days]"""
        return STALE_DAYS

    def summary(self) -> dict[str, Any]:
        """The content of summary.json: worked out once, so nobody may change it."""
        return self._summary

    @cached_property
    def _summary(self) -> dict[str, Any]:
        return summary.content(self)

    def variants_tried(self) -> list[dict[str, Any]]:
        """What would change the answer, as `siting variants --json` gives it: plain values, with
        the words for `--set`, and of continuous inputs the value at which the answer switches.

        in_all and lead in the client's currency, sure from 0 to 1; card is the GPU of the option
        that is then first, blank where it names none.
        """
        switches = self.results.switches
        at_switches = (_tried(s.variant, s.outcome) | {"switching_value": s.at} for s in switches)
        return [*itertools.starmap(_tried, self.results.tried), *at_switches]

    def what_if(self, values: Mapping[str, Sequence[Any]]) -> pd.DataFrame:
        """The answer for each combination of values, a row each.

        values: by path of the scenario, as `--set` takes it: {"finance.falling_prices": [0, 1]}.
        Columns: client and its currency; one for each path; option (the one that is first; None
        where none may be chosen), in_all (what it costs in all) and own_in_all (what the report's
        choice costs then) [currency], sure (share of cases), answer (stays, level, changes or
        none).
        Raises scenario.DocumentError for a value that the scenario cannot take.
        """
        made = [
            change("together", dict(zip(values, each, strict=True)), {"label": ""})
            for each in itertools.product(*values.values())
        ]
        for variant in made:  # what cannot be is refused before anything is computed
            scenario.changed(self.results.said, variant.changes)
        rows = [
            {
                "client": self.client.name,
                "currency": self.client.currency,
                **variant.changes,
                "option": self.results.label_after(found.option, variant),
                **picked(found, "in_all own_in_all sure answer"),
            }
            for variant, found in tried(self.results.chain, self.results.said, made)
        ]
        frame = pd.DataFrame(rows)
        said = frames.listed(TurnFrames)["variants"]
        frame.attrs = {
            **self.sums().attrs,
            "row": said.row,
            "units": said.units_in(self.client.currency),
            "meanings": frames.NamedTexts(said.meanings),
        }
        return frame

    def files(self) -> dict[str, bytes]:
        """Files of a report that packages beside this one make, by name."""
        return {name: made(self) for name, made in beside.loaded("files").items()}


def _tried(variant: Variant, found: Outcome) -> dict[str, Any]:
    return {
        **picked(variant, "kind what before after"),
        "set": list(variant.set),
        **picked(found, "option in_all sure lead answer card"),
    }


def open(client: str = "base", changes: Changes | None = None) -> Study:
    """The study of `params/<client>.yaml`, or of a YAML file anywhere.

    changes: values at dotted paths that take the place of the scenario's.
    Raises scenario.DocumentError naming file, line, field and remedy, and ValueError where another
    client's report is being rendered: no number of one client may stand in another's.
    """
    if _kept and _said(client) not in _kept:
        raise ValueError(
            f"{client!r} is another client than that of this report; compare clients in JupyterLab"
        )
    if changes:
        return Study(scenario.changed(scenario.load(client), changes))
    return _kept.get(_said(client)) or Study(scenario.load(client))


def open_all() -> tuple[dict[str, Study], list[Problem]]:
    """The study of every client of `params/`, by name, and all that is wrong with the scenarios of
    those that have none."""
    studies: dict[str, Study] = {}
    problems: list[Problem] = []
    for client in scenario.names():
        try:
            studies[client] = open(client)
        except scenario.DocumentError as error:
            problems += error.problems
    return studies, problems


_kept: dict[bytes, Study] = {}


def keep(computed: Study, path: str) -> None:
    """Lets `open` hand out this study for every file that says what the one at `path` says.

    A report computes its study once, from a complete scenario; every chapter finds it done.
    """
    _kept.clear()
    _kept[_said(path)] = computed


def _said(path: str) -> bytes:
    """What a file says; nothing where `path` is a client's name."""
    return Path(path).read_bytes() if os.path.isfile(path) else b""
