"""Commands on logs of requests: what load one tells, and a week of it replayed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click
from siting.cli import frame
from siting.cli.frame import Answer, Refused, name_in_scenario, option

if TYPE_CHECKING:
    from siting.inputs.scenario.changes import Changes
    from siting.serving.pools import Pool
    from siting.study import Study

    from siting_logs.logs import Log
    from siting_logs.replay import Replay, Seen

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
UNITS = {"first token": ("s", 1.0), "further token": ("ms", 1e3), "whole answer": ("s", 1.0)}
"""Of what users wait for: symbol, and how many make a second."""
MOST_HOURS = 12
"""Hours that are listed; of more, the number is told."""


def _zone(value: str) -> str:
    """A clock of the IANA time-zone database."""
    from zoneinfo import available_timezones

    if value not in available_timezones():
        raise click.BadParameter(f"{value!r} is no time zone; write such as Europe/Rome or UTC")
    return value


@frame.command("load")
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
@option("--workload", name_in_scenario, "Workload that was measured.", "assistant", metavar="NAME")
@option("--zone", _zone, "Clock of the profile, such as Europe/Rome.", "UTC", metavar="ZONE")
def import_load(table: str, workload: str, zone: str) -> Answer:
    """A log of requests, with time, requests, input_tokens, output_tokens, cached_tokens.

    Also reads the formats that `siting facts --table log_files` lists.

    \b
    Example:
      siting import load gateway.csv --workload assistant
    """
    from pathlib import Path

    from siting.inputs import scenario

    from siting_logs import load

    read = load.load(Path(table), zone)
    evidence = {
        "fields": [f"workloads.{workload}.{field}" for field in read.fields],
        "source": f"{Path(table).name}, as exported",
        "locator": read.extent,
        "date": read.day,
        "kind": "measured",
    }
    found = {"workloads": {workload: read.fields}, "evidence": [evidence]}
    return Answer(found, scenario.as_yaml(found).splitlines())


@frame.command()
@click.argument("client", default="base")
@click.argument("log", required=False, type=click.Path(exists=True, dir_okay=False))
@option("--workload", str, "Workload that a log is of; default: the first.", "")
@option("--option place", str, "Option to replay; default: the chosen one on machines.", "")
@option("--usual", bool, "A usual week instead of the busiest.", None, is_flag=True)
@option("--seed", click.IntRange(0, 2**31), "Of the requests that are drawn.")
@frame.changes
def replay(
    client: str,
    log: str | None,
    workload: str,
    place: str,
    usual: bool,
    seed: int | None,
    changes: Changes,
) -> Answer:
    """Send a client's week, request by request, through the replicas that were sized for it.

    Requests are drawn from the scenario's own load, its hours and its bunching, and served by
    continuous batching on the kit's step times; work that may wait is done in idle hours. Says what
    users wait for by workload, which hours miss the limits, and what one replica fewer would do.
    The same seed gives the same numbers.

    With a LOG, its requests take the place of drawn ones, in any format that `siting import load`
    reads with a row a request. What a cache finds again follows from its block hashes or sessions.

    \b
    Example:
      siting replay acme
      siting replay acme gateway.csv --workload assistant
      siting replay acme --option owned --json
    """
    from siting import study

    from siting_logs import arrivals, replay

    s = study.open(client, changes)
    data = []
    lines: list[str] = []
    for pool in _pools(s, place, workload):
        if log:
            asked = replay.of_log(pool, _read(log), workload or pool.loads[0].name)
        else:
            asked = replay.week(pool, arrivals.SEED if seed is None else seed, usual=usual)
        sized = int(pool.replicas[0].central)
        found = [asked.through(count) for count in (sized, sized - 1) if count]
        data.append(_json(pool, found))
        which = "a usual week" if usual else "the busiest week of the first year"
        lines += [f"{_machines(pool)}: {log or which}, {len(asked.requests):,} requests", ""]
        lines += [*_lines(found, _hour_of_log if log else _hour_of_week), ""]
    return Answer({"client": s.client.id, "pools": data}, lines[:-1])


def _read(path: str) -> Log:
    from pathlib import Path

    from siting_logs import load

    return load.logged(Path(path))


def _pools(s: Study, place: str, workload: str) -> list[Pool]:
    """The pools of an option on machines, or the one of a workload. Raises Refused where there are
    none."""
    from siting.catalogue import unknown

    if workload and workload not in s.scenario.workloads:
        known = unknown(workload, "workload of the scenario", s.scenario.workloads)
        raise Refused(f"--workload: {known}")

    name = place or s.results.sized_option
    if place and place not in s.options:
        raise Refused(f"--option: {unknown(place, 'option of the scenario', s.options)}")
    found = s.results.capacity[name].pools if name else {}
    if not found:
        said = f"{place} runs on no machines that could be sized" if place else "no option does"
        raise Refused(f"--option: {said}; name one whose machines the scenario or the kit states")
    if s.results.capacity[name].existing:
        raise Refused(
            f"--option: {name} has servers of several kinds, which are not replayed; "
            "name one whose machines are all alike"
        )
    of = [p for p in found.values() if not workload or workload in (x.name for x in p.loads)]
    if not of:
        raise Refused(f"--workload: the machines of {name} do not serve {workload}")
    return of


def _machines(pool: Pool) -> str:
    d = pool.deployment
    return f"{pool.model} on {d.gpus} × {d.gpu.gpu} a replica"


def _hour_of_log(hour: int) -> str:
    return f"hour {hour + 1}"


def _hour_of_week(hour: int) -> str:
    return f"{DAYS[hour // 24 % 7]} {hour % 24:02}:00"


def _lines(found: Sequence[Replay], name: Callable[[int], str]) -> Iterator[str]:
    rows = [row for each in found for seen in each.seen for row in _rows(each, seen)]
    numbers = {"replicas", "p50", "p95", "p99", "busiest hours", "limit"}
    yield from frame.aligned(rows, right=numbers)
    yield ""
    for each in found:
        yield _hours(each, name)
        for seen in each.seen:
            if seen.waiting:
                yield f"  {seen.workload}: {seen.late:.2%} of {seen.waiting:,} that may wait late"
            if seen.refused:
                yield f"  {seen.workload}: {seen.refused:,} too long for the cache of a replica"
    yield f"found in a cache: {found[0].hit_rate:.1%} of the input tokens"


def _hours(of: Replay, name: Callable[[int], str]) -> str:
    """Which hours miss a limit."""
    missed = of.missed
    said = (
        f"{frame.counted(of.replicas, 'replica')}: {len(missed)} of {of.hours} hours miss a limit"
    )
    if not missed:
        return said
    hours = ", ".join(map(name, missed[:MOST_HOURS]))
    more = len(missed) - MOST_HOURS
    return f"{said}: {hours} and {more} more" if more > 0 else f"{said}: {hours}"


def _rows(of: Replay, seen: Seen) -> Iterator[dict[str, object]]:
    """What is limited of the answers of a workload, where any of it is answered at once."""
    if not seen.requests:
        return
    for measure, limit in seen.limits.stated.items():
        waits = seen.waits[measure]
        symbol, unit = UNITS[measure]
        yield {
            "replicas": of.replicas,
            "workload": seen.workload,
            "wait for": f"{measure}, {symbol}",
            **{f"p{q}": f"{waits.percentiles[q] * unit:,.2f}" for q in (50, 95, 99)},
            "busiest hours": f"{waits.busiest * unit:,.2f} (p{seen.limits.percentile})",
            "limit": f"{limit * unit:g}",
            "": "kept" if waits.busiest <= limit else "missed",
        }


def _json(pool: Pool, found: Sequence[Replay]) -> dict[str, Any]:
    d = pool.deployment
    return {
        "model": pool.model,
        "gpu": d.gpu.id,
        "gpus_per_replica": d.gpus,
        "sized": pool.replicas[0].central,
        "replays": [
            {
                "replicas": each.replicas,
                "kept": each.kept,
                "hours": each.hours,
                "hours_missed": each.missed,
                "hit_rate": each.hit_rate,
                "workloads": each.seen,
            }
            for each in found
        ],
    }
