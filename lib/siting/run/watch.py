"""One client's report, made anew on every save: only what the edit touches runs again.

The kernel that computed the client's study is kept. A chapter that is saved runs alone, and page
and paper are set anew; a scenario that is saved has the study computed again.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from siting_report.run import batch
from siting_report.run.job import Format
from siting_report.run.report import Here

from siting.inputs import scenario
from siting.run import job

PAUSE_S = 0.2
"""Between two looks at the files. [s]"""
Stamps = dict[Path, tuple[int, int]]
"""When each file that the report depends on was last written, and its size."""


def watch(
    client: str,
    out: str,
    formats: tuple[Format, ...],
    say: Callable[[str], None],
    looks: Iterator[None] | None = None,
) -> None:
    """Renders a client's report to `out` whenever its scenario or a chapter changes, until Ctrl-C.

    looks: paces the looks at the files and may end them; by default every fifth of a second.
    """
    seen: Stamps | None = None
    with contextlib.suppress(KeyboardInterrupt), Here(1, keeps=True) as maker:
        for _ in looks or _forever():
            now = _stamps(client)
            if now == seen:
                continue
            saved = [os.path.relpath(p) for p in now if seen and seen.get(p) != now[p]]
            say(f"{', '.join(saved)} saved, rendering …" if saved else f"{client}: rendering …")
            seen = now
            try:
                made = job.prepare(client, formats=formats)
                if "://" not in out:
                    job.refuse_replacing(scenario.path_of(client), made.client, Path(out))
            except (scenario.ScenarioError, OSError) as error:
                say(str(error))
                continue
            began = time.monotonic()
            outcome = batch.run([made], out, maker=maker)
            if outcome.left:
                return
            for line in outcome.lines()[:-1]:
                say(line)
            took_s = time.monotonic() - began
            say(f"{made.client}: {_word(outcome)} after {took_s:.1f} s; waiting for a save")


def _word(outcome: batch.Outcome) -> str:
    """What became of the one client of a run."""
    if outcome.failed:
        return "failed"
    return "renewed" if outcome.rendered else "up to date"


def _forever() -> Iterator[None]:
    while True:
        yield
        time.sleep(PAUSE_S)


def _stamps(client: str) -> Stamps:
    try:
        path = scenario.path_of(client)
    except scenario.ScenarioError:
        return {}
    chapters = scenario.project() / "notebooks"
    places = (path.parent.glob("*"), chapters.glob("[0-9]*"), (chapters / path.stem).glob("[!.]*"))
    found = {}
    for file in itertools.chain(*places):
        with contextlib.suppress(OSError):  # gone in this moment; the next look sees it
            status = file.lstat()
            found[file] = (status.st_mtime_ns, status.st_size)
    return found
