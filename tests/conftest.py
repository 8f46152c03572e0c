"""Fixtures that several test files share. What renders is imported by those who ask for it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

# A test process without threads of numpy's can be forked, and two of them do not share four.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if TYPE_CHECKING:
    from siting.run import job, kernels


@pytest.fixture(scope="session")
def forge() -> Iterator[kernels.Forge]:
    """A warm process to fork kernels from."""
    from siting.run import kernels

    with kernels.Forge.start() as started:
        yield started


@pytest.fixture(scope="session")
def trial_job() -> job.Job:
    """A job whose client has a hostile name and a bright brand."""
    from trial import HOSTILE, make

    return make(name=HOSTILE, question=f"Where? {HOSTILE}", brand_colour="#ffcc00")


@pytest.fixture(scope="session")
def rendered(forge: kernels.Forge, trial_job: job.Job) -> dict[str, bytes]:
    """The files of that job's report."""
    from siting.run import report

    return report.render(trial_job, forge)
