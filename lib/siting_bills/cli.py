"""Commands on bills: what was foretold and what came, and what a request of an API costs."""

from __future__ import annotations

from pathlib import Path

import click
from siting.cli import frame
from siting.cli.frame import Answer, Number, name_in_scenario, option
from siting.cli.tables import offers


@frame.command()
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
@option("--service", str, "Only charges that hold this text.", "")
@click.option("--narrow", is_flag=True, help="Print the narrowed inputs, as a piece of scenario.")
@option("--rows target", click.Path(path_type=Path), "Also write a row a month to this CSV.")
@frame.changes
def audit(
    client: str,
    bills: tuple[Path, ...],
    place: str,
    workloads: tuple[str, ...],
    service: str,
    narrow: bool,
    target: Path | None,
    changes: tuple[str, ...],
) -> Answer:
    """Hold a plan against its bills: what was foretold, what came, and why, month by month.

    BILL is a FOCUS export (1.2 to 1.4), or an invoice typed by month. The difference is split into
    volume, tokens a request, utilisation and price, as far as the files tell them. Below stands
    what the months say of each input; with --narrow, as a piece of scenario with its source. CLIENT
    may be the scenario.yaml of a report.

    \b
    Example:
      siting audit sent/acme/scenario.yaml invoice.csv
      siting audit acme focus.csv counts.csv --option rented
      siting audit acme focus.csv --service OpenAI --narrow
    """
    from siting import study
    from siting.inputs import exchange, scenario

    from siting_bills import billing
    from siting_bills import bills as files

    opened = study.open(client, frame.said(changes))
    read = files.read(bills, service)
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


@frame.command("focus")
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
@option("--option place", name_in_scenario, "Option that was billed.", "api", metavar="NAME")
@option("--service", str, "Only charges that hold this text.", "")
@option("--requests", Number(1, 10**12), "Requests a month behind the bill.")
def import_focus(table: str, place: str, service: str, requests: float | None) -> Answer:
    """An invoice in FOCUS format: what a request of today's API really costs.

    \b
    Example:
      siting import focus invoice.csv --option api --service OpenAI --requests 310000
    """
    from siting_bills import focus

    return offers(table, focus.request_price(Path(table), requests or 0, service), place)
