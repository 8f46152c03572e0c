"""The command on bills: what was foretold and what came."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from siting.cli import frame
from siting.cli.frame import Answer, option

if TYPE_CHECKING:
    from siting.inputs.scenario.changes import Changes


@frame.command()
@click.argument("client")
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
@frame.changes
def audit(
    client: str,
    bills: tuple[Path, ...],
    place: str,
    workloads: tuple[str, ...],
    service: str,
    changes: Changes,
) -> Answer:
    """Hold a plan against its bills: what was foretold, what came, and why, month by month.

    BILL is a FOCUS export (1.2 to 1.4), or an invoice typed by month. The difference is split into
    volume, tokens a request, utilisation and price, as far as the files tell them. CLIENT may be
    the scenario.yaml of a report.

    \b
    Example:
      siting audit sent/acme/scenario.yaml invoice.csv
      siting audit acme focus.csv counts.csv --option rented
      siting audit acme focus.csv --service OpenAI
    """
    from siting import study

    from siting_bills import billing
    from siting_bills import bills as files

    opened = study.open(client, changes)
    read = files.read(bills, service)
    told = billing.of_study(opened, read, place, workloads)
    rows = billing.cells(told)
    items = ", ".join(told.audit.foretold.items) or "nothing is billed by use"
    first = f"{told.label}: {items}, {opened.client.currency}, no tax"
    numbers = [heading for heading in rows[0] if heading not in ("month", "")]
    table = frame.aligned(rows, right=numbers)
    taken = [told.taken] if told.taken else []
    return Answer(told, [*taken, first, "", *table, "", *told.notes])
