"""One report: runs the chapters of one client and publishes them. It knows no GPU and no money.

`render` takes a `Job`, which holds everything that the report depends on, and returns the files
of the report: the same job gives the same bytes. Nothing is read from or written to the client's
folder here; `siting.run.batch` does that, whole or not at all.
"""

from __future__ import annotations

import contextlib
import json
import logging
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from papermill.engines import NBClientEngine, papermill_engines
from traitlets.config import Config

from siting.inputs.scenario import Scenario
from siting.print import publish
from siting.run import kernels
from siting.run.job import SCENARIO, Job
from siting.run.kernels import Forge, ForgeError

CHAPTERS_AT_ONCE = 4
"""Kernels of one report that run side by side; most of a kernel's time is waiting."""


class ChapterFailed(Exception):
    """A chapter did not run to its end. `notebook` is what it had shown until then."""

    def __init__(self, chapter: str, cell: str, reason: str, notebook: str) -> None:
        super().__init__(chapter, cell, reason, notebook)
        self.chapter, self.cell, self.reason, self.notebook = chapter, cell, reason, notebook

    def __str__(self) -> str:
        return f"{self.chapter}, cell {self.cell}: {self.reason}"


def render(job: Job, forge: Forge | None = None) -> dict[str, bytes]:
    """The files of a report, by their path in its folder.

    forge: warm process to fork kernels from; None starts plain kernels.
    Raises ChapterFailed, or ValueError where the report cannot be published.
    """
    place = forge.folder if forge else kernels.short_folder()
    with tempfile.TemporaryDirectory(prefix="siting-", dir=place) as name:
        folder = Path(name)
        _lay_out(job, folder)
        study = _apart("siting.run.report:compute", folder / "work", job, forge)
        with study as (branch, failure):
            # A fault of the study is reported after the chapters: the one that shows it says more.
            notebooks = _run_chapters(job, folder, branch)
            if failure:
                raise ValueError(failure)
        files = {SCENARIO: job.scenario.encode(), **job.attachments}
        for path in sorted((folder / "results").iterdir()):
            files[path.name] = path.read_bytes()
        files |= _published(job, list(notebooks.values()), folder, forge)
    for chapter, notebook in notebooks.items():
        files[f"notebooks/{chapter}"] = nbformat.writes(notebook).encode()
    return files


def _lay_out(job: Job, folder: Path) -> None:
    for part in ("work", "results", "paper", "kernels/ipython/profile_default"):
        (folder / part).mkdir(parents=True)
    (folder / "work" / SCENARIO).write_text(job.scenario, encoding="utf-8")
    for name, content in job.attachments.items():
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no plain file name")
        (folder / "work" / name).write_bytes(content)


def compute() -> None:
    """Computes the study of the current folder once and writes its files to `../results`.

    Runs in the process that the client's kernels are forked from, so that they find it done.
    """
    from siting import study

    opened = study.open(SCENARIO)
    study.keep(opened, SCENARIO)
    summary = json.dumps(opened.summary(), indent=1, ensure_ascii=False, allow_nan=False)
    Path("../results/summary.json").write_text(summary + "\n", encoding="utf-8")
    Path("../results/cash-flows.xlsx").write_bytes(opened.workbook())


@contextlib.contextmanager
def _apart(
    function: str, folder: Path, job: Job, forge: Forge | None
) -> Iterator[tuple[Forge | None, str]]:
    """Runs `module:name` in `folder`, in a process of its own.

    Gives that process as a forge, whose kernels know what the function computed (None for plain
    kernels), and what went wrong.
    """
    if forge is None or job.plain_kernels:
        yield None, kernels.run_plain(function, folder, job.cell_limit_s)
        return
    branch, failure = forge.branch(function, folder, job.cell_limit_s)
    with branch:
        yield branch, failure


def _run_chapters(job: Job, folder: Path, forge: Forge | None) -> dict[str, NotebookNode]:
    """The executed chapters. The first failure, in the order of the report, is raised."""

    def run(chapter: str) -> NotebookNode:
        warm: AbstractContextManager[None] = kernels.kernels_from(forge) if forge else nullcontext()
        with warm:
            return _run_chapter(chapter, job, folder)

    with ThreadPoolExecutor(CHAPTERS_AT_ONCE) as pool:
        running = {chapter: pool.submit(run, chapter) for chapter in job.chapters}
        try:
            return {chapter: future.result() for chapter, future in running.items()}
        finally:
            for future in running.values():
                future.cancel()


def _run_chapter(chapter: str, job: Job, folder: Path) -> NotebookNode:
    source = nbformat.reads(job.chapters[chapter], as_version=4)
    socket = folder / "kernels" / f"{list(job.chapters).index(chapter)}.json"
    try:
        notebook = papermill.execute_notebook(
            source,
            None,
            parameters={"client": SCENARIO},
            engine_name=_Engine.name,
            kernel_name="python3",
            language="python",
            progress_bar=False,
            request_save_on_cell_execute=False,
            execution_timeout=job.cell_limit_s,
            record_timing=False,
            resources={"metadata": {"path": str(folder / "work")}},
            extra_arguments=[f"--ipython-dir={folder / 'kernels' / 'ipython'}"],
            config=Config(KernelManager={"transport": "ipc", "connection_file": str(socket)}),
        )
    except _CutShort as error:
        raise ChapterFailed(
            chapter, error.cell, error.reason, nbformat.writes(_clean(error.notebook))
        ) from None
    except (ForgeError, RuntimeError) as error:
        raise ChapterFailed(chapter, "none", f"no kernel: {error}", job.chapters[chapter]) from None
    return _clean(notebook)


class _CutShort(Exception):
    def __init__(self, notebook: NotebookNode, cell: str, reason: str) -> None:
        super().__init__(cell, reason)
        self.notebook, self.cell, self.reason = notebook, cell, reason


class _Engine(NBClientEngine):  # type: ignore[misc]
    """Papermill's engine, which loses the notebook when a kernel dies or hangs: this keeps it."""

    name = "siting"

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:
        try:
            super().execute_managed_notebook(nb_man, kernel_name, **kwargs)
        except CellTimeoutError:
            reason = f"ran longer than {kwargs.get('execution_timeout')} s"
            raise _CutShort(nb_man.nb, _last_cell(nb_man.nb), reason) from None
        except DeadKernelError:
            reason = "its kernel was killed"
            raise _CutShort(nb_man.nb, _last_cell(nb_man.nb), reason) from None
        except CellExecutionError as error:
            raise _CutShort(nb_man.nb, _last_cell(nb_man.nb), error.ename) from None
        for cell in nb_man.nb.cells:
            for output in cell.get("outputs", ()):
                if output.output_type == "error":
                    reason = f"{output.ename}: {output.evalue}"
                    raise _CutShort(nb_man.nb, cell.get("id", "?"), reason)


papermill_engines.register(_Engine.name, _Engine)
logging.getLogger("papermill").setLevel(logging.CRITICAL)  # a failure is told once, in the outcome


def _last_cell(notebook: NotebookNode) -> str:
    """Id of the cell that was running."""
    for cell in notebook.cells:
        if cell.metadata.get("papermill", {}).get("status") in ("running", "failed"):
            return str(cell.get("id", "?"))
    begun = [c for c in notebook.cells if c.metadata.get("papermill", {}).get("start_time")]
    return str(begun[-1].get("id", "?")) if begun else "none"


def _clean(notebook: NotebookNode) -> NotebookNode:
    """The notebook without what differs from run to run: times, versions, random cell ids."""
    run = notebook.metadata.pop("papermill", {})
    notebook.metadata["papermill"] = {"parameters": run.get("parameters", {})}
    notebook.metadata.pop("language_info", None)
    for number, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if "injected-parameters" in cell.metadata.get("tags", ()):
            cell["id"] = f"injected-{number}"
    return notebook


def _published(
    job: Job, notebooks: list[NotebookNode], folder: Path, forge: Forge | None
) -> dict[str, bytes]:
    from siting.inputs import scenario

    cover = _cover(scenario.load(folder / "work" / SCENARIO), job)
    document = publish.compose(notebooks, cover)
    files = {}
    if "html" in job.formats:
        files["report.html"] = publish.page(document).encode()
    if "pdf" in job.formats:
        paper = folder / "paper"
        publish.lay_out(document, paper)
        with _apart("siting.print.publish:typeset", paper, job, forge) as (_, failure):
            if failure:
                raise ValueError(f"the PDF cannot be made: {failure}")
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
