"""The command that says whether a decision still holds."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click
from siting.cli import frame
from siting.cli.frame import Refused, StatusAnswer, option


def _day(value: str) -> dt.date:
    """A day as YYYY-MM-DD."""
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        wrong = f"{value!r} is no day; write YYYY-MM-DD, such as 2026-11-24"
        raise click.BadParameter(wrong) from None


@frame.command()
@frame.clients
@option("--reports", click.Path(path_type=Path), "Folder of the reports.", Path("reports"))
@option("--date day", _day, "Day as of which facts count; default: today.", metavar="YYYY-MM-DD")
def recheck(clients: tuple[str, ...], reports: Path, day: dt.date | None) -> StatusAnswer:
    """Say whether rendered reports still hold with the facts of today.

    The scenario that a report keeps is computed anew, with the tables of facts as they are: as of
    the report's own day, then as of today. Silence and status 0: neither the answer nor a turning
    point that was printed moves. Status 1: a sentence a client says what moves; `siting diff` lists
    every figure. Status 2: a report could not be checked. Without CLIENT, all reports of the
    folder.

    \b
    Example:
      siting recheck
      siting recheck acme --json
      siting recheck acme --reports sent/2026 --date 2027-03-01
    """
    from siting.inputs.document import DocumentError, Problem

    from siting_recheck import recheck as rechecks

    frame.check_tables()
    named = clients or sorted(path.parent.name for path in reports.glob("*/summary.json"))
    if not named:
        raise Refused(f"{reports} holds no report; run `siting report` first")
    found = []
    problems: list[Problem] = []
    for client in named:
        try:
            found.append(rechecks.of_report(reports / client, day or dt.date.today()))
        except DocumentError as error:
            problems += error.problems
    lines = [each.sentence for each in found if each.moves]
    for line in frame.listed(problems):
        click.echo(line, err=True)
    status = frame.FAILED if lines else 0
    if problems:
        status = frame.WRONG_INPUT
    return StatusAnswer({"reports": found, "problems": problems}, lines, status)
