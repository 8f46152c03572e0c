"""Commands on tables: a client's own into a scenario, and every figure of all reports out."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from siting.cli.frame import Answer, Commands, Refused, cli, option, writing

if TYPE_CHECKING:
    from siting.inputs.exchange import Imported


class Imports(Commands):
    """Kinds of table, those of packages beside this one too."""

    within = "import."


@cli.group("import", cls=Imports)
def import_() -> None:
    """Turn a client's table (CSV or XLSX) into a piece of scenario, to read and paste."""


@import_.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
def quotes(table: str) -> Answer:
    """Offers, from columns item, value, unit, source, date (low, high, valid_until).

    \b
    Example:
      siting import quotes offers.xlsx
    """
    from siting.inputs import exchange

    return offers(table, exchange.quotes(Path(table)))


def offers(table: str, read: Imported, option: str = "") -> Answer:
    """Quotes that were read, as a piece of scenario; option: the one that they are all of."""
    own = {"item": f"option.{option}.api_request"} if option else {}
    found = [q.model_copy(update=own).model_dump(exclude_none=True) for q in read.value]
    return piece(table, read, {"finance": {"quotes": found}}, ["finance.quotes"], "client")


def piece(
    table: str, read: Imported, found: dict[str, Any], fields: Sequence[str], kind: str
) -> Answer:
    """What a table says, with its evidence: dated by what it covers, whenever it is imported."""
    from siting.inputs import scenario

    source = f"{Path(table).name}, as exported"
    evidence = {"fields": [*fields], "source": source, "locator": read.extent}
    found = {**found, "evidence": [{**evidence, "date": read.day, "kind": kind}]}
    return Answer(found, scenario.as_yaml(found).splitlines())


@cli.command()
@click.argument("target", type=click.Path(dir_okay=False))
@option("--reports", str, "Folder of the reports.", "reports")
def table(target: str, reports: str) -> Answer:
    """Write every figure of all reports as one tidy table, .csv or .parquet.

    One row is a client, an option and a figure, with low, central, high and unit.

    \b
    Example:
      siting table results.parquet
    """
    from siting.inputs import exchange
    from siting.run import history

    paths = sorted(Path(reports).glob("*/summary.json"))
    found = {path.parent.name: history.summary(str(path)) for path in paths}
    if not found:
        raise Refused(f"{reports} holds no report; run `siting report` first")
    figures = exchange.tidy(found)
    with writing(target):
        exchange.write(figures, Path(target))
    data = {"file": target, "rows": len(figures), "clients": sorted(found)}
    return Answer(data, [f"{target}: {len(figures)} figures of {len(found)} clients"])
