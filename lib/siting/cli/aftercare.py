"""Commands for the time after a decision: whether it still holds, and what it came to."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import click

from siting.cli import frame
from siting.cli.frame import Answer, Refused, StatusAnswer, cli, option


def _day(value: str) -> dt.date:
    """A day as YYYY-MM-DD."""
    try:
        return dt.date.fromisoformat(value)
    except ValueError:
        wrong = f"{value!r} is no day; write YYYY-MM-DD, such as 2026-11-24"
        raise click.BadParameter(wrong) from None


@cli.command()
@frame.clients
@option("--reports", click.Path(path_type=Path), "Folder of the reports.", Path("reports"))
@option("--date day", _day, "Day as of which facts count; default: today.", metavar="YYYY-MM-DD")
def recheck(clients: tuple[str, ...], reports: Path, day: dt.date | None) -> Answer:
    """Say whether rendered reports still hold with the facts of today.

    The scenario that a report keeps is computed anew, with the tables of facts as they are: as of
    the report's own day, then as of today. Silence and status 0: neither the answer nor a turning
    point that was printed moves. Status 1: a sentence a client says what moves, and which facts
    differ. Status 2: a report could not be checked. Without CLIENT, all reports of the folder.

    \b
    Example:
      siting recheck
      siting recheck acme --json
      siting recheck acme --reports sent/2026 --date 2027-03-01
    """
    from siting.inputs.document import DocumentError, Problem
    from siting.run import recheck as rechecks

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


@cli.command()
@click.argument("client", shell_complete=frame.completer(frame.known_clients))
@click.argument(
    "bills", nargs=-1, required=True, type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@option("--option place", str, "Option that was billed; default: the recommended one.", "")
@click.option(
    "--workload",
    "workloads",
    multiple=True,
    help="Whose requests are on the bill; may be given several times. Default: those of the "
    "option's quote for a request, else all.",
)
@option("--currency", str, "Of files that state none, such as USD.", "")
@option("--service", str, "Only charges that hold this text.", "")
@click.option("--narrow", is_flag=True, help="Print the narrowed inputs, as a piece of scenario.")
@option("--rows target", click.Path(path_type=Path), "Also write a row a month to this CSV.")
@frame.changes
def audit(
    client: str,
    bills: tuple[Path, ...],
    place: str,
    workloads: tuple[str, ...],
    currency: str,
    service: str,
    narrow: bool,
    target: Path | None,
    changes: tuple[str, ...],
) -> Answer:
    """Hold a plan against its bills: what was foretold, what came, and why, month by month.

    BILL is a FOCUS export (1.2 to 1.4), an invoice typed by month, OpenCost's allocations or
    readings of vLLM's metrics. The difference is split into volume, tokens a request, utilisation
    and price, as far as the files tell them. Below stands what the months say of each input; with
    --narrow, as a piece of scenario with its source. CLIENT may be the scenario.yaml of a report.

    \b
    Example:
      siting audit sent/acme/scenario.yaml invoice.csv
      siting audit acme focus.csv metrics-2027-01-01.txt metrics-2027-07-01.txt --option rented
      siting audit acme focus.csv --service OpenAI --narrow
    """
    from siting import study
    from siting.inputs import bills as files
    from siting.inputs import exchange, scenario
    from siting.run import billing

    opened = study.open(client, frame.said(changes))
    read = files.read(bills, currency.upper(), service)
    told = billing.of_study(opened, read, place, workloads)
    if target is not None:
        with frame.writing(str(target)):
            exchange.write(billing.frame(told), target)
    if narrow:
        piece = billing.narrowed(told, opened)
        return Answer(piece, scenario.as_yaml(piece).splitlines())
    rows = billing.cells(told)
    items = ", ".join(told.audit.foretold.items) or "nothing is billed by use"
    first = f"{told.label}: {items}, {opened.client.currency}, no tax"
    numbers = [heading for heading in rows[0] if heading not in ("month", "")]
    table = frame.aligned(rows, right=numbers)
    guessed = [note for note in told.notes if not place and "--option names" in note]
    notes = [note for note in told.notes if note not in guessed]
    return Answer(told, [*guessed, first, "", *table, "", *billing.lessons(told), *notes])
