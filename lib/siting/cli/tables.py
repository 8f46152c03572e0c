"""Commands on tables: a client's own into a scenario, and every figure of all reports out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from siting.cli.frame import Answer, Number, Refused, cli, option, writing


def _name(value: str) -> str:
    """Name of a workload or an option in a scenario."""
    from siting.inputs.scenario.model import NAME

    if not re.fullmatch(NAME, value):
        wrong = f"{value!r} is no name; write small letters, digits, - or _"
        raise click.BadParameter(wrong)
    return value


def _zone(value: str) -> str:
    """A clock of the IANA time-zone database."""
    from zoneinfo import available_timezones

    if value not in available_timezones():
        raise click.BadParameter(f"{value!r} is no time zone; write such as Europe/Rome or UTC")
    return value


@cli.command("import")
@click.argument("kind", type=click.Choice(["quotes", "load", "focus"]))
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
@option("--workload", _name, "load: the workload that was measured.", "assistant", metavar="NAME")
@option("--option place", _name, "focus: the option that was billed.", "api", metavar="NAME")
@option("--zone", _zone, "load: clock of the profile, such as Europe/Rome.", "UTC", metavar="ZONE")
@option("--service", str, "focus: only charges that hold this text.", "")
@option("--requests", Number(1, 10**12), "focus: requests a month behind the bill.")
def import_(
    kind: str,
    table: str,
    workload: str,
    place: str,
    zone: str,
    service: str,
    requests: float | None,
) -> Answer:
    """Turn a client's table (CSV or XLSX) into a piece of scenario, to read and paste.

    \b
    quotes: columns item, value, unit, source, date (low, high, valid_until)
    load:   a log with time, requests, input_tokens, output_tokens, cached_tokens
    focus:  an invoice in FOCUS format: what a request of today's API really costs

    \b
    Example:
      siting import quotes offers.xlsx
      siting import load gateway.csv --workload assistant
      siting import focus invoice.csv --option api --service OpenAI --requests 310000
    """
    from siting.inputs import exchange, scenario

    path = Path(table)
    found: dict[str, Any]
    if kind == "load":
        read = exchange.load(path, zone)
        found = {"workloads": {workload: read.value}}
        covered = [f"workloads.{workload}.{field}" for field in read.value]
    else:
        focus = kind == "focus"
        read = (
            exchange.request_price(path, requests or 0, service) if focus else exchange.quotes(path)
        )
        own = {"item": f"option.{place}.api_request"} if focus else {}
        quotes = [q.model_copy(update=own).model_dump(exclude_none=True) for q in read.value]
        found = {"finance": {"quotes": quotes}}
        covered = ["finance.quotes"]
    # Dated by what the table covers: what was measured until then, whenever it is imported.
    evidence = {"fields": covered, "source": f"{path.name}, as exported", "locator": read.extent}
    is_a = "measured" if kind == "load" else "client"
    found["evidence"] = [{**evidence, "date": read.day, "kind": is_a}]
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
