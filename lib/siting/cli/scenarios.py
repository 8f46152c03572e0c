"""Commands on scenarios: checking, making, showing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from siting.cli import frame
from siting.cli.frame import Answer, Refused, cli, option

if TYPE_CHECKING:
    from siting.inputs.document import Problem
    from siting.inputs.scenario.changes import Changes
    from siting.inputs.scenario.model import Scenario
    from siting.study import Study
    from siting.verdict.chain import Chain


MOST_RIVALS = 12
"""Ways that are listed, the cheapest."""
ONE_HOUR = 3
"""A busiest hour of so many times a usual one is asked about: it may be meant for weeks."""


@cli.command()
@frame.clients
@frame.changes
@click.option("--deep", is_flag=True, help="Size and price the options, too.")
def check(clients: tuple[str, ...], changes: Changes, deep: bool) -> Answer:
    """Validate scenarios without rendering them.

    CLIENT is a name in params/ or a path to a YAML file; without one, all of params/ and
    base.yaml are checked. Every problem, also of a table of facts, is listed with file, line,
    field, what is wrong and what to write instead; so is what has no price, of which a report
    will estimate no cost. Nothing is sized unless --deep asks: then it tells what stands idle,
    what nobody prices, and what another term would save.

    \b
    Example:
      siting check acme
      siting check ../elsewhere/client.yaml --json
      siting check acme --deep
      siting check acme --set finance.discount_rate=0.06
    """
    from siting.inputs import scenario

    checked = clients or ("base", *scenario.names())
    found = faulty_tables()
    try:
        ready = frame.prepare(checked, changes=changes)
        others = dict.fromkeys(chain(*ready.wrong.values()))
        found += [p for p in others if not any(fault.wrong in p.wrong for fault in found)]
        notes = [note for client in clients for note in noted(ready, client, deep, changes)]
    except (LookupError, ValueError):  # a table that is wrong itself is told
        if not found:
            raise
        notes = []
    data = {"checked": checked, "problems": found, "notes": notes}
    if found:
        return Answer(data, [*frame.listed(found), *notes], frame.WRONG_INPUT)
    fine = f"{frame.counted(len(checked), 'scenario')} checked, no problem."
    return Answer(data, [*notes, fine])


def noted(ready: frame.Prepared, client: str, deep: bool, changes: Changes) -> Iterator[str]:
    """What is told of a scenario and is no problem: of one that has some, what has no price."""
    from siting.cost import listed
    from siting.inputs import scenario
    from siting.inputs.scenario import usual

    read = ready.opened.get(client)
    if read is None:
        return
    found = read.found
    unlisted = read.told(listed.faults(found), changes)
    if client not in ready.wrong:
        told = [*usual.unstated(found), *chain(*(tell(found) for tell in AS_WRITTEN))]
        if deep:
            whys = [p.wrong.partition("because ")[2] for p in unlisted]
            sized = as_sized(found)
            told += [note for note in sized if not any(why and why in note for why in whys)]
        told += unread(found)
        yield from (f"{scenario.path_of(client)}: {note}" for note in dict.fromkeys(told))
    yield from map(str, unlisted)


def faulty_tables() -> list[Problem]:
    """What is wrong with the tables of facts."""
    from siting.catalogue import FactError
    from siting.inputs.document import Problem, parted

    found = []
    try:
        frame.check_changed_tables()
    except FactError as error:
        for line in str(error).splitlines():
            place, _, said = line.partition(": ")
            wrong, write = parted(said)
            write = write or "correct it"
            found.append(Problem(file=place, wrong=wrong, write=write))
    return found


def unread(found: Scenario) -> Iterator[str]:
    """What nothing reads of a client's own notebooks: those without a number, and unknown tags."""
    from siting.inputs import scenario

    folder = scenario.project() / "notebooks" / found.client.id
    own = sorted(folder.glob("*.ipynb"))
    if not own:
        return
    from siting_report.print.document import TAGS

    from siting.catalogue import suggestion
    from siting.run import job

    for path in own:
        if not path.name[0].isdigit():
            yield f"{path} is in no report: name it after its place, such as 45_{path.name}"
        for number, cell in enumerate(job.notebook(path)[1].get("cells", ()), start=1):
            for tag in cell.get("metadata", {}).get("tags", ()):
                if tag not in TAGS:
                    meant = suggestion(tag, TAGS)
                    yield f"{path}: cell {number}: nothing reads the tag {tag}; {meant}"


def as_sized(found: Scenario) -> Iterator[str]:
    """What is told of a scenario as it is sized and priced: of the machines that are designed,
    too."""
    from siting.cost.costing import beside_list
    from siting.verdict.chain import Chain

    stages = Chain()
    designed = stages.designed(found)
    yield from (paid.warning for name in found.options for paid in beside_list(found, name))
    for name in designed.options:
        if reason := stages.as_planned(designed, name).unpriced:
            yield f"options.{name}: its cost will not be estimated, because {reason}"
    yield from idle(found, stages)


def idle(found: Scenario, stages: Chain) -> list[str]:
    """Where half or more of what a scenario buys stands idle."""
    from siting.inputs.scenario.model import BEST
    from siting.places import OWNED

    designed = stages.designed(found)
    notes: list[str] = []
    for name, runs in designed.options.items():
        sized = stages.sized(designed, name) if runs.kind in OWNED else None
        machine = sized.server if sized else None
        for kind in sized.existing if sized else ():
            notes += (
                f"options.{name}.existing_servers: {kind.server.id} does not serve {model}: {why}"
                for model, why in kind.not_served.items()
            )
        if sized is None or machine is None:
            continue
        bought = sized.serving_servers() * machine.gpu_count
        if bought and 2 * sized.idle_gpus >= bought:
            asked = found.options[name]
            write = "`server: best` and `gpu: best` let the kit look for smaller ones"
            if {asked.server, asked.gpu} <= {"", BEST}:
                write = "of all servers and cards that were looked at, these cost least"
            notes.append(
                f"options.{name}: {sized.idle_gpus:g} of {bought} GPUs that are bought to serve "
                f"stand idle; {write}"
            )
    return notes


FAR_TARIFF = 8
"""A price of electricity so many times what is on file, or so small a part of it, is a slip."""


def dear_power(found: Scenario) -> Iterator[str]:
    """A tariff that is far from the price of electricity on file, as cents for a currency are."""
    client = found.client
    stated = found.finance.electricity_per_kwh
    if stated is None:
        return
    from siting.cost import prices

    row = prices.row(
        "electricity", prices.ElectricityPrice, client.report_date, country=client.country
    )
    if row is None:
        return
    rate = prices.exchange_rate(row.currency, client.currency, client.report_date).rate
    usual = row.price_kwh * rate
    if not usual / FAR_TARIFF <= stated.central <= usual * FAR_TARIFF:
        yield (
            f"finance.electricity_per_kwh: {stated.central:g} {client.currency} a kWh is far from "
            f"the {usual:.2g} on file for {client.country}; write it in {client.currency}, not in "
            "cents, and for one kWh"
        )


def unheard(found: Scenario) -> Iterator[str]:
    """Vendors of whom nothing is on record, and whose name is near to one that is."""
    from siting import catalogue
    from siting.inputs.scenario.known import providers

    listed = catalogue.column("vendors", "vendor")
    spoken = {word.lower(): name for name in sorted(listed) for word in (*name.split(), name)}
    for key, told in found.options.items():
        own = told.vendor.lower()
        if own in providers() or not spoken.keys().isdisjoint(
            {own, *own.replace("/", " ").split()}
        ):
            continue
        for near in catalogue.nearest(own, sorted(spoken), 1):
            yield (
                f"options.{key}.vendor: nothing is on record of {told.vendor!r}; did you mean "
                f"{spoken[near]}? (`siting facts --table vendors`)"
            )


LARGE = 100
"""Options times workloads from which a report takes minutes."""
DESIGNED = 6
"""An option of which the kit looks for something takes as long as so many that say all."""


def large(found: Scenario) -> Iterator[str]:
    """That a report will take minutes, and what makes it large."""
    from siting.inputs.scenario.model import BEST
    from siting.places import SELF_HOSTED

    left = 0
    for each in found.options.values():
        said = (each.gpu, each.server, each.weights, each.effort, each.commitment)
        is_silent = each.kind in SELF_HOSTED and not each.gpu
        left += is_silent or BEST in (*said, *each.models.values())
    works = len(found.workloads)
    if (len(found.options) + (DESIGNED - 1) * left) * works > LARGE:
        yield (
            f"options: {len(found.options)} for {works} workloads, {left} of them left to the kit "
            "in part (`best`), take minutes to compute; say what is settled, and leave out what "
            "nobody would choose"
        )


def peaked(found: Scenario) -> Iterator[str]:
    """Workloads whose busiest hour is taken to be far above a usual one."""
    for name, load in found.workloads.items():
        if load.peak_factor > ONE_HOUR:
            yield (
                f"workloads.{name}.peak_factor: {load.peak_factor:g} is one hour of the year and "
                "adds no requests; weeks that hold more are `seasons: [{from: 11-28, weeks: 4, "
                "factor: 3}]`, on top of it"
            )


def abroad(found: Scenario) -> Iterator[str]:
    """Countries of the client and of people whose law no rule on file looks at."""
    from siting.inputs.attributes import dictionary
    from siting.rules import rulebook

    if not rulebook.knows(home := found.client.country):
        yield (
            f"client.country: no law of {home} is on file; no verdict speaks of it, and the report "
            "clears nothing: ask counsel what it asks of you"
        )

    stated = (a.stated_in.split() for a in dictionary().values())
    seen = {words[2] for words in stated if words[:2] == ["client.people_in", "with"]}
    for country in found.client.people:
        own = found.client.model_copy(update={"people": [country]}).people_in or []
        if country != found.client.country and seen.isdisjoint(own):
            yield (
                f"client.people: no rule on file looks at people in {country}; ask counsel what "
                "its law asks of you"
            )


def crossed(found: Scenario) -> Iterator[str]:
    """What ends or is due before the client's own day of go or no-go."""
    decided = found.decision.date
    if decided is None:
        return
    from siting.cost import dates

    for item, last in dates.offers_before(found):
        yield (
            f"decision.date: the offer for {item} ends on {last}, before {decided}; if its option "
            "is the choice, it is decided on that day: ask to have it extended, or date it earlier"
        )
    for contract in (each for each in dates.renewals(found) if each.notice < decided):
        yield (
            f"decision.date: notice to {contract.vendor} is due by {contract.notice}, before "
            f"{decided}; where another option is chosen, the report says on what ground to give it"
        )
    days = (decided - found.client.report_date).days
    if days < dates.PILOT_DAYS:
        yield (
            f"decision.date: {days} days after the report; a test with one team usually takes "
            f"{dates.PILOT_DAYS}, and is planned to end by then"
        )


AS_WRITTEN = (crossed, peaked, abroad, dear_power, unheard, large)
"""What is told of a scenario without a size of anything, beside what it leaves out."""


@cli.command()
@click.argument("client")
def new(client: str) -> Answer:
    """Write a short, commented params/CLIENT.yaml that renders as it is.

    \b
    Example:
      siting new acme
    """
    from siting.inputs import scenario

    path = scenario.create(client)
    said = f"{path} is written. Edit it, then: siting report {client}"
    return Answer({"client": client, "file": str(path)}, [said])


@cli.command()
@click.argument("folder", default=".", type=click.Path(file_okay=False, path_type=Path))
def init(folder: Path) -> Answer:
    """Write notebooks, params/ with an example client, and a README into an empty FOLDER.

    For those who installed the package without the repository; `siting report` then renders the
    example. Nothing that is there is overwritten.

    \b
    Example:
      siting init
      siting init consulting && cd consulting && siting report
    """
    from siting.inputs import starter

    written = starter.init(folder)
    said = f"{len(written)} files are written to {folder.resolve()}. Next: siting report"
    return Answer({"folder": str(folder), "files": sorted(map(str, written))}, [said])


@cli.command()
def schema() -> Answer:
    """Print the JSON schema of a scenario file, for completion and checks in editors.

    \b
    Example:
      siting schema > params/.schema.json
    """
    from siting.inputs import scenario

    return Answer(scenario.json_schema())


@cli.command()
@frame.client
@click.option("--all", "everything", is_flag=True, help="Also list what changes nothing.")
@frame.changes
def variants(client: str, everything: bool, changes: Changes) -> Answer:
    """What would change the answer: one thing changed at a time, computed anew.

    Each row is the scenario with an input, an answer, an offer, a vendor, a weight changed, put
    through the whole chain again; values of continuous inputs at which the answer switches stand
    below. `set` holds the words that make a row again: siting summary CLIENT --set WORDS.

    \b
    Example:
      siting variants acme
      siting variants acme --json
    """
    from siting import study

    s = study.open(client, changes)
    rows = s.variants_tried()
    told = [r for r in rows if everything or r["answer"] != "stays"]
    lines = [_counted(s)]
    if alike := [_line(s, r) for r in told if "switching_value" not in r]:
        lines += ["", *frame.aligned(alike)]
    if turning := [_line(s, r) for r in told if "switching_value" in r]:
        lines += ["", "Values at which the answer switches:", *frame.aligned(turning)]
    return Answer(rows, [*lines, "", *_answers_in_words(s, told)])


def _line(s: Study, row: Mapping[str, Any]) -> dict[str, str]:
    """A change as one line of the answer."""
    return {
        "answer": row["answer"],
        "changed": row["what"],
        "from → to": f"{row['before']} → {row['after']}",
        "then first": _money(s, row),
    }


def _answers_in_words(s: Study, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """What the words for answers mean, of those that are there."""
    matters = f"{s.results.decision.counts:,.0f} {s.client.currency} in all"
    meanings = {
        "stays": "stays: the report's choice is first",
        "level": f"level: another option is first, by no more than {matters}",
        "changes": f"changes: another is, by more than {matters}, or the choice is ruled out",
        "none": "none: every option is ruled out",
    }
    there = {row["answer"] for row in rows}
    return [meaning for word, meaning in meanings.items() if word in there]


def _counted(s: Study) -> str:
    """How many changes leave the choice first, counted as the report counts them."""
    answers = [outcome.answer for _, outcome in s.results.tried]
    first = s.results.labels.get(s.results.decision.recommended or "", "nothing")
    return f"{first} stays first in {answers.count('stays')} of {len(answers)} changes."


def _money(s: Study, row: Mapping[str, Any]) -> str:
    if row["option"] is None:
        return "none may be chosen"
    label = s.results.labels.get(row["option"], row["option"])
    there = s.options.get(row["option"])
    # The kit may choose another card for another term or load.
    card = f" on {row['card']}" if there and row["card"] not in ("", there.gpu) else ""
    return f"{label}{card}, {row['in_all']:,.0f} {s.client.currency}"


@cli.command()
@click.argument("client")
@option(
    "--kind kinds",
    click.Choice(["open_api", "api", "rented_gpus", "servers"]),
    "What to search; may be given several times. Default: all.",
    multiple=True,
)
def rivals(client: str, kinds: tuple[str, ...]) -> Answer:
    """Search the catalogue for ways to run a client's load that its scenario does not name.

    Vendors' models, the same open model at each host, rented GPUs and servers: those that keep the
    limits and that no condition rules out, cheapest first, each with its present cost as planned
    and as a piece of scenario to paste under `options:`. Where no board knows a model, that is said
    and it comes last.

    \b
    Example:
      siting rivals acme
      siting rivals acme --kind open_api --json
    """
    from siting.inputs import scenario
    from siting.quantity import Range
    from siting.verdict import alternatives

    chosen = scenario.load(client)
    offered = alternatives.search(chosen, kinds or alternatives.KINDS)
    found = [r for r in offered if not r.ruled_out and r.keeps_limits is not False]
    if not found:
        raise Refused("nothing in the catalogue keeps the limits and meets the conditions")
    shown = found[:MOST_RIVALS]
    money = chosen.client.currency
    plain = ("name", "keeps_limits", "quality", "ruled_out", "open_points", "paste")
    data = [
        {
            **{name: getattr(r, name) for name in plain},
            "option": r.option.model_dump(mode="json", exclude_defaults=True),
            "present_cost": Range.exact(r.present, money),
        }
        for r in shown
    ]
    rows = [
        {
            f"present cost [{money}]": f"{r.present:,.0f}",
            "way": r.option.label,
            "quality": r.quality,
            "open points": r.open_points,
        }
        for r in shown
    ]
    lines = frame.aligned(rows)
    lines += ["", "To rank one, paste it under `options:` of the scenario:", ""]
    return Answer(
        {"client": chosen.client.id, "rivals": data}, [*lines, *(r.paste for r in shown[:3])]
    )
