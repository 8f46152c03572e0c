"""Fixtures that several test files share. What renders is imported by those who ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

# A busy machine takes longer over an example, and is not wrong.
settings.register_profile("no stopwatch", deadline=None)
settings.load_profile("no stopwatch")

# Two test processes do not share four threads of numpy's.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

LONG = (
    "test_clients", "test_faults", "test_free_texts", "test_howto", "test_batch", "test_report",
    "test_tutorial", "test_packaging", "test_pdf",
)  # fmt: skip
"""Files that take longest. They start first, so that no process works long on the last one."""


@pytest.hookimpl(tryfirst=True)  # before the names of groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Gives each file to one process, all that ask for studies to the same, and long ones first.

    Studies come before all: a process that has computed one keeps it for every test.
    """
    rank = {STUDIES: -1} | {f"{name}.py": place for place, name in enumerate(LONG)}
    group = {item: _group(item) for item in items}
    for item in items:
        item.add_marker(pytest.mark.xdist_group(group[item]))
    items.sort(key=lambda item: rank.get(group[item], len(rank)))


STUDIES = "studies"


def _group(item: pytest.Item) -> str:
    """What a process takes whole: the tests of a file, or all that open studies."""
    return STUDIES if hasattr(getattr(item, "module", None), "opened") else item.path.name


if TYPE_CHECKING:
    from siting_report.run.forge import Forge
    from siting_report.run.job import Job


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    """A warm process to fork reports from, which has read the tables of facts."""
    from siting_report.run.forge import Forge

    with Forge("siting.kit", many=True) as started:
        yield started


@pytest.fixture(scope="session")
def trial_job() -> Job:
    """A job whose client has a hostile name and a bright brand."""
    from trial import HOSTILE, make

    return make(name=HOSTILE, question=f"Where? {HOSTILE}", brand_colour="#ffcc00")


@pytest.fixture(scope="session")
def rendered(forge: Forge, trial_job: Job) -> dict[str, bytes]:
    """The files of that job's report."""
    from siting_report.run.forge import render

    return render(trial_job, forge)
