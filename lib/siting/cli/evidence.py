"""Commands on evidence: the facts that the kit uses, and how far off its predictions are."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import click

from siting.cli import frame
from siting.cli.frame import Answer, Refused, aligned, cli, option


@cli.command()
@option("--table", str, "One table, such as gpus.")
@option("--stale days", click.IntRange(0), "Only facts older than DAYS, or undated.")
@option("--search", str, "Only facts that hold this text.")
def facts(table: str | None, days: int | None, search: str | None) -> Answer:
    """List every fact the kit uses: value, unit, source, date and age in days.

    Names are whole; long values and sources are cut, which --json does not.

    \b
    Example:
      siting facts --table gpus
      siting facts --stale 90
    """
    from siting import provenance
    from siting.catalogue import unknown

    known = provenance.tables()
    if table and table not in known:
        raise Refused(unknown(table, "table of facts", known))
    found = provenance.entries(dt.date.today(), table)
    if days is not None:  # of an undated one, nobody knows the age
        found = (e for e in found if e.age_days is None or e.age_days > days)
    chosen = [e for e in found if not search or search.lower() in str(e.facts).lower()]
    click.echo(f"{len(chosen)} facts", err=True)

    rows = [
        {
            "where": f"{e.table}:{e.line}",
            "fact": e.name,
            "value": _short(e.value, 40),
            "unit": _short(e.unit, 20),
            "kind": e.source.kind,
            "date": e.source.date,
            "age": "?" if e.age_days is None else str(e.age_days),
            "source": _short(e.source.source, 40),
        }
        for e in chosen
    ]
    return Answer(chosen, aligned(rows, right={"age"}))


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


@cli.command()
@click.argument("kind", type=click.Choice(["vram", "finetune", "throughput", "stability"]))
@click.argument("csv", required=False, type=click.Path(exists=True, dir_okay=False))
@option("--rows", click.Path(dir_okay=False), "Write each comparison to this CSV.")
def validate(kind: str, csv: str | None, rows: str | None) -> Answer:
    """Predict published measurements and say how far off the kit is.

    CSV has the columns of tests/data/KIND.csv in the kit's repository, which is taken there when
    no file is named; anywhere else, name one. For stability, each probability on vendors is tried
    on the past instead.

    \b
    Example:
      siting validate vram
      siting validate throughput mine.csv --rows comparisons.csv
    """
    if kind == "stability":
        from siting_validation import stability

        panels = stability.results()
        return Answer(stability.as_json(panels), aligned(stability.cells(panels)))
    from siting_validation import comparison

    try:
        path = Path(csv) if csv else comparison.shipped(kind)
        compared = comparison.compare(kind, comparison.read(path, kind))
    except ValueError as error:
        raise Refused(str(error)) from None
    if rows:
        with frame.writing(rows):
            comparison.write_rows(compared, Path(rows))
    errors = comparison.summarise(compared)
    columns = ("n", "predicted", "median_error_pct", "p90_error_pct", "bias_pct", "coverage")
    words = {column: column.replace("_", " ") for column in columns}
    cells = [
        {"quantity": name, **{words[c]: _cell(found.get(c)) for c in columns}}
        for name, found in errors.items()
    ]
    return Answer(errors, aligned(cells, right=words.values()))


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
