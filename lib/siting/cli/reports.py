"""Commands on reports: rendering them, their figures alone, and what changed between two."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from siting.cli import frame
from siting.cli.frame import Answer, Refused, cli, option

if TYPE_CHECKING:
    from siting_report.run.report import Maker

    from siting.inputs.scenario.changes import Changes
    from siting.run.attribution import Alone
    from siting.study.results import Results


def _formats(value: str) -> tuple[str, ...]:
    """`html`, `pdf` or both with a comma."""
    chosen = tuple(value.split(","))
    if set(chosen) - {"html", "pdf"}:
        raise click.BadParameter(f"{value!r} is no format; write html, pdf or html,pdf")
    return chosen


@cli.command()
@frame.clients
@option("--out", str, "Folder, or address of a store such as s3://bucket/reports.", "reports")
@option("--jobs", click.IntRange(0), "Reports at once; default: one a core.", 0)
@click.option("--force", is_flag=True, help="Render even what is up to date.")
@option("--scheduler", str, "Address of a running Dask scheduler.", "")
@option("--format formats", _formats, "Documents.", "html,pdf", metavar="HTML,PDF")
@frame.changes
def report(
    clients: tuple[str, ...],
    out: str,
    jobs: int,
    force: bool,
    scheduler: str,
    formats: tuple[Any, ...],
    changes: Changes,
) -> Answer:
    """Render reports to reports/CLIENT: HTML, PDF, letters, summary.json, workbook, notebooks.

    CLIENT is a name in params/ or a path to a YAML file; without one, all of params/ are
    rendered. What is up to date is left alone. A report appears whole or not at all.

    Papermill runs the chapters of a report, one after the other, in one kernel.

    \b
    Example:
      siting report
      siting report acme --format html --out /tmp/draft
      siting report acme --set finance.discount_rate=0.06 --out /tmp/draft
    """
    if not hasattr(os, "killpg"):
        raise Refused(
            "reports are made in groups of processes, which this system does not have; render "
            "under Linux, macOS or WSL (check, fit, size, summary and diff work here)"
        )
    from siting_report.run import batch

    from siting.inputs import scenario
    from siting.run import job

    named = clients or scenario.names(own=True)
    frame.check_tables()
    prepared, _, wrong = frame.prepare(named, formats, out, changes)
    problems = [p for found in wrong.values() for p in found]
    if problems and not prepared:
        return Answer({"problems": problems}, frame.refusal(problems), frame.WRONG_INPUT)
    with _elsewhere(scheduler, job.KIT) as maker:
        outcome = batch.run(prepared, out, at_once=jobs, force=force, say=_say, maker=maker)
    for name, found in wrong.items():
        outcome.failed[name] = "\n".join(map(str, found))
    status = frame.FAILED if outcome.failed or outcome.left else 0
    return Answer({"out": out, **asdict(outcome)}, outcome.lines(), status)


@contextlib.contextmanager
def _elsewhere(scheduler: str, kit: str) -> Iterator[Maker | None]:
    """What makes reports on a cluster; None where they are made here."""
    from siting_report.run import extras

    if not scheduler:
        yield None
        return
    workers = extras.find("workers", f"--scheduler {scheduler}: reports made on a cluster")
    with workers(scheduler, kit, _say) as maker:
        yield maker


def _say(line: str) -> None:
    click.echo(frame.shown(line), err=True)


@cli.command()
@frame.clients
@frame.changes
def summary(clients: tuple[str, ...], changes: Changes) -> Answer:
    """Compute a client's figures without rendering a report: the content of summary.json.

    Without CLIENT, the figures of base.yaml; of several clients, each by its name.

    \b
    Example:
      siting summary acme > figures.json
      siting summary acme --set "options.own.redundancy=none"
    """
    from siting import study

    with frame.followed() as follow:
        opened = [study.open(client, changes) for client in clients or ("base",)]
        found = {}
        for s in opened:
            follow(partial(_tries, s.results))
            found[s.client.id] = s.summary()
    return Answer(found if len(clients) > 1 else found[opened[0].client.id])


def _tries(found: Results) -> str:
    """How far a study is."""
    return f"{found.tries} changes tried, {found.tries_ahead} left"


@cli.command()
@click.argument("before")
@click.argument("after")
@frame.changes
def diff(before: str, after: str, changes: Changes) -> Answer:
    """Show what changed between two reports, the most important first.

    BEFORE and AFTER are each a client of reports/, a report's folder or summary.json, or
    CLIENT@now (computed, not rendered). With --set, AFTER is CLIENT@now with these changes. Of
    several edits of the scenario each is tried alone, too, with today's facts.

    \b
    Example:
      siting diff acme acme@now
      siting diff old/acme reports/acme
      siting diff acme@now acme@now --set finance.discount_rate=0.06
    """
    from siting.run import attribution, comparison, history
    from siting.verdict.chain import Chain

    old = history.summary(before)
    new = history.summary(after, changes)
    found = comparison.compare(old, new)
    numbers = comparison.numbers_of(new)
    edits = attribution.alone(old.get("scenario", {}), new.get("scenario", {}), Chain())
    data = {"before": before, "after": after, "changes": found, "edits": edits}
    told = comparison.as_text(found, before, after, numbers)
    return Answer(data, [told, *_each_edit(edits, old, new)])


def _each_edit(edits: Sequence[Alone], old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """What each of several edits does alone, as lines."""
    if not edits:
        return []
    labels = {
        name: said.get("label", name)
        for side in (old, new)
        for name, said in side.get("options", {}).items()
    }
    rows = [
        {
            "each edit alone": each.edit or "none of them",
            "then first": each.why or labels.get(each.option or "", "nothing"),
            "in all": "" if each.in_all is None else f"{each.in_all:,.0f}",
            "moves the first by": "" if each.moves is None else f"{each.moves:+,.0f}",
        }
        for each in edits
    ]
    return ["", *frame.aligned(rows)]
