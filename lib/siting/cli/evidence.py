"""Commands on evidence: the facts that the kit uses, and how far off its predictions are."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from siting.cli import frame
from siting.cli.frame import Answer, Refused, aligned, cli, option
from siting.records import frozen

if TYPE_CHECKING:
    from siting.catalogue import Source
    from siting.study.results import Results


@cli.command()
@option("--table", str, "One table, such as gpus.")
@option("--stale days", click.IntRange(0), "Only facts older than DAYS, or undated.")
@option("--search", str, "Only facts that hold this text.")
@option("--client", str, "Only what its answer rests on.")
def facts(table: str | None, days: int | None, search: str | None, client: str | None) -> Answer:
    """List every fact the kit uses: value, unit, source, date and age in days.

    Names are whole; long values and sources are cut, which --json does not.

    \b
    Example:
      siting facts --table gpus
      siting facts --stale 90
      siting facts --stale 90 --client acme

    With a client, the most decisive facts come first: those that rule an option out, then by how
    far a tenth more of the figure moves the cost of the choice against another option. Each says
    where to look, and the last lines how each table is renewed.
    """
    from siting import provenance
    from siting.catalogue import unknown

    known = provenance.tables()
    if table and table not in known:
        raise Refused(unknown(table, "table of facts", known))
    if client:
        if table or search:
            raise Refused("--client lists facts of all tables; leave --table and --search out")
        return _of_client(client, days or 0)
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


@frozen
class Resting:
    """A source on which a client's answer rests."""

    source: Source
    where: str
    """Table and line of the first row that it stands in; blank for a package or several rows."""
    says: str
    """What is taken from it."""
    rules_out: str
    """Options that fail a rule by it."""
    moves: float
    """By how much a tenth more moves the cost of the choice, in today's money, against what it is
    held against or an option that may be chosen instead. [currency of the client]"""
    age_days: int | None

    @property
    def rank(self) -> tuple[bool, float, float]:
        """The most decisive first, then the oldest."""
        return not self.rules_out, -self.moves, -(self.age_days or 0)


def _of_client(client: str, days: int) -> Answer:
    """Facts older than some days on which a client's answer rests, and how they are renewed."""
    from siting import provenance, study

    s = study.open(client, {})
    today = dt.date.today()
    rows = {e.source: e for e in provenance.entries(today)}
    moved = _moved(s.results)
    told: dict[Source, list[str]] = defaultdict(list)
    for used in s.results.used:
        told[used.source].append(used.name)
    strikes = _strikes(s.results)
    found = [
        Resting(
            source=source,
            where=f"{rows[source].table}:{rows[source].line}" if source in rows else "",
            says="; ".join(dict.fromkeys(told.get(source, ()))) or rows[source].name,
            rules_out=", ".join(strikes.get(source, ())),
            moves=moved.get(source, 0.0),
            age_days=source.age_days(today),
        )
        for source in {**told, **strikes}
        if source.kind != "client" and (source in told or source in rows)
    ]
    old = [f for f in found if f.age_days is None or f.age_days > days]
    stale = sorted(old, key=lambda f: f.rank)
    click.echo(f"{len(stale)} of {len(found)} facts", err=True)
    lines = aligned(
        {
            "moves": s.results.numbers.money(f.moves) if f.moves else "",
            "rules out": _short(f.rules_out, 24),
            "age": "?" if f.age_days is None else str(f.age_days),
            "where": f.where,
            "fact": _short(f.says, 60),
            "look": f"{f.source.url or f.source.source} · {_short(f.source.locator, 80)}",
        }
        for f in stale
    )
    known = provenance.renewals()
    names = sorted({f.where.partition(":")[0] for f in stale} & known.keys())
    how = [f"{name}: {known[name].how} {known[name].url}".rstrip() for name in names]
    return Answer({"facts": stale, "renewals": [known[n] for n in names]}, [*lines, "", *how])


def _moved(results: Results) -> dict[Source, float]:
    """By source, how far a tenth more of what is taken from it moves the choice."""
    from siting.cost import uncertainty

    plan = results.cost.plan
    moved: dict[Source, float] = defaultdict(float)
    chosen, rival = results.compared
    if not chosen:
        return moved
    competing = {c.name for c in results.decision.competing} & results.cost.options.keys()
    rivals = {rival, *competing} - {chosen}
    for factor, added in uncertainty.a_tenth_more(plan, [chosen, *rivals]).items():
        against = [added[chosen] - added[name] for name in rivals] or [added[chosen]]
        moved[plan.factors[factor].source] += max(map(abs, against))
    return moved


def _strikes(results: Results) -> dict[Source, list[str]]:
    """By source of a rule or of an answer, the options that fail by it."""

    strikes: dict[Source, list[str]] = defaultdict(list)
    for name, judged in results.sovereignty.options.items():
        failing = (f for f in chain(*judged.findings.values()) if f.verdict == "fail")
        for finding in failing:
            cited = [finding.rule.provenance, *(x for k in finding.evidence for x in k.sources)]
            for source in cited:
                if results.labels[name] not in strikes[source]:
                    strikes[source].append(results.labels[name])
    return strikes


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
