"""Fixtures that several test files share. What renders is imported by those who ask for it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import settings

# A busy machine takes longer over an example, and is not wrong.
settings.register_profile("no stopwatch", deadline=None)
settings.load_profile("no stopwatch")

# Two test processes do not share four threads of numpy's.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

ROOT = Path(__file__).parents[1]
# Kernels and other processes that tests start find the kits of the tests.
PLACES = [str(Path(__file__).parent), os.environ.get("PYTHONPATH")]
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, PLACES))
GROUPS = {
    "studies": r"^(import shown|from (shown|printed) import|from studies import .*opened)"
    r"|\bstudies\.opened\(",
    "rendered": r"\brendered: dict\b",
    "notebooks": r'"nbformat": 4',
}
"""Files whose tests open studies go to one process, which keeps each study; so do those that read
the one report that is rendered for all of them, and the chapters that nbval runs."""
LONG = (
    "studies", "tests/test_clients.py", "tests/test_tutorial.py", "tests/test_faults.py",
    "tests/test_howto.py", "rendered", "notebooks", "tests/test_free_texts.py",
    "tests/test_packaging.py", "tests/test_ordered_well.py", "tests/test_recheck.py",
    "tests/test_edited_chapter.py", "tests/test_docs.py", "tests/test_few_options.py",
    "tests/test_capacity.py",
)  # fmt: skip
"""What takes longest. It starts first, so that no process works long on the last one."""


@cache
def _group(file: str) -> str:
    """What a process takes whole: a group of files, or the file that is named from the project's
    folder."""
    text = (ROOT / file).read_text(encoding="utf-8")
    found = (name for name, has in GROUPS.items() if re.search(has, text, re.MULTILINE))
    return next(found, file)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Puts what takes longest before the others, whose order stays."""
    rank = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: rank.get(_group(item.nodeid.partition("::")[0]), len(rank)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands groups to processes where files would be, with `--dist loadfile`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadFileScheduling

    class ByGroup(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return _group(nodeid.partition("::")[0])

    return ByGroup(config, log)


KEEPS = "import functools; from siting import study; study.open = functools.cache(study.open)"
FRESH = "import matplotlib.pyplot; matplotlib.pyplot.close('all')\n%reset_selective -f ."


def pytest_configure(config: pytest.Config) -> None:
    """Has nbval run all chapters in one kernel, as a report does: each finds a fresh notebook, and
    the study computed. That a chapter runs alone is seen in test_report."""
    if not config.getoption("nbval_lax", default=False):
        return
    from nbval.plugin import IPyNbFile

    kept: list[Any] = []
    starts = IPyNbFile.setup

    def setup(chapter: IPyNbFile) -> None:
        if not kept or not kept[-1].is_alive():
            starts(chapter)
            kept.append(chapter.kernel)
            chapter.kernel.kc.execute(KEEPS, reply=True)
        chapter.kernel = kept[-1]

    def teardown(chapter: IPyNbFile) -> None:
        if chapter.kernel.is_alive():
            chapter.kernel.kc.execute(FRESH, reply=True)

    IPyNbFile.setup = setup
    IPyNbFile.teardown = teardown
    config.add_cleanup(lambda: [one.stop() for one in kept if one.is_alive()])


@pytest.fixture
def facts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the tables of facts that the library reads instead, to be changed."""
    from siting import catalogue

    shutil.copytree(catalogue.facts_dir(), tmp_path / "facts")
    monkeypatch.setenv("SITING_FACTS", str(tmp_path / "facts"))
    return tmp_path / "facts"


@pytest.fixture
def untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """No change is tried: for tests of what a plan holds, which no change moves. Trying all takes
    two thirds of what a study takes."""
    from siting.verdict import plausible, variants

    for module, name in ((plausible, "variants"), (variants, "switches")):
        monkeypatch.setattr(module, name, lambda *_: [])


if TYPE_CHECKING:
    from siting_report.run.job import Job
    from siting_report.run.report import Files


@pytest.fixture(scope="session")
def render() -> Iterator[Callable[[Job], Files]]:
    """Makes the files of a report. A kernel waits for the next job with the same study, and page
    and paper are set in this process: reports that follow one another take a second each."""
    from siting_report.run import report

    with report._workplace() as place, contextlib.ExitStack() as ends:
        kept: dict[str, report._Bench] = {}

        def render(job: Job) -> Files:
            if job.study() not in kept:
                ends.close()
                kept.clear()
                kept[job.study()] = report._Bench(job, place)
                ends.callback(kept[job.study()].close)
            bench = kept[job.study()]
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(report._Bench, "_published", _published_here)
                patch.setattr(bench._kernel, "close", bench._kernel.rest)
                if bench._kernel._manager is not None:
                    patch.setattr(bench, "_begin", lambda kit: None)
                try:
                    return bench.make(job, lambda chapters: None)
                except BaseException:
                    kept.clear()  # closed with the others; the next job has another kernel
                    raise

        yield render


def _published_here(bench: Any, job: Job, shown: Files) -> Files:
    from siting_report.run.job import SCENARIO
    from siting_report.run.published import publish

    return publish(job, shown, str(bench.folder / SCENARIO))


@pytest.fixture(scope="session")
def trial_job() -> Job:
    """A job whose client has a hostile name and a bright brand, with its figures."""
    from siting.run import job
    from trial import HOSTILE, make

    return make(kit=job.KIT, name=HOSTILE, question=f"Where? {HOSTILE}", brand_colour="#ffcc00")


@pytest.fixture(scope="session")
def rendered(trial_job: Job) -> Files:
    """The files of that job's report, made as `siting report` makes them."""
    from siting_report.run.report import Here

    with Here(1) as maker:
        return maker.make(trial_job)
