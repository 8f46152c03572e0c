"""Replays the kit's own history of facts: does `siting recheck` alarm when, and only when, it must?

    python -m benchmarks.recheck_history                 # the last six changes, all clients
    python -m benchmarks.recheck_history --last 12 --clients polderwerk --kept /var/tmp/history

Each client's report is computed with the tables of one commit and held against one of the next, by
the code of now and by what `siting recheck` compares. Beside that, every option that either side
prints as first, plainly and under a change, is computed anew on the other side: the scenario with
that change, from its file to its answer, which knows nothing of how `siting recheck` compares.
Alarm and recomputation must agree.

Writes the table of docs/how-to/recheck.md. Some 20 s of CPU for a client and a version; with
`--kept`, a run that was ended goes on where it was.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import multiprocessing
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from siting import study
from siting.catalogue import settings
from siting.cli import frame
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario.changes import words
from siting.study import Study
from siting.verdict import plausible
from siting.verdict.variants import Switch
from siting_recheck import recheck

ROOT = Path(__file__).resolve().parents[1]
FACTS = "lib/siting_facts"
PAGE = ROOT / "docs" / "how-to" / "recheck.md"
HEADING = "## Held against the history of the facts"
"""Of the section of the page that is written here; it is the last one."""
NO_ANSWER_RESTS_ON = (
    "audit_settings", "benchmark_files", "bill_files", "experiments", "log_files", "plan_steps",
    "vendor_questions",
)  # fmt: skip
"""Tables that say how files of others are read, or that word a step: a commit that changed nothing
else is no other version."""
REFUSED = "refused"
"""What stands for the first option of a scenario that the tables refuse."""

Probe = dict[str, Any]
"""Something that a report prints as first, and how it is made again: `set`, the words for `--set`;
`option`, what is first then; `what`, its name; `day`, where it is announced; for a switching value
also `low` and `high`, the range that was expected, and `at`."""


# --- versions of the tables -----------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Version:
    """The tables as of a commit, as far as the code of now reads them."""

    commit: str
    day: str
    folder: Path
    newer: tuple[str, ...]
    """Tables that are those of now, because that commit has none of the name or the code of now
    refuses them."""
    digest: str


def versions(last: int, until: str, into: Path) -> list[Version]:
    """The tables before and after each of the last changes until a commit, the oldest first.

    Raises SystemExit where the history is cut off before so many.
    """
    shallow = git("rev-parse", "--is-shallow-repository").strip() == "true"
    log = git("log", "--format=%h %cs", until, "--", FACTS).splitlines()
    found: list[Version] = []
    for commit, day in map(str.split, log):
        version = _kept(into / f"{commit}.json") or laid_out(commit, day, into / commit)
        if found and found[-1].digest == version.digest:
            found.pop()  # the earlier commit made the change
        found.append(version)
        if len(found) > last:
            break
    if len(found) <= last and shallow:
        raise SystemExit("the clone is shallow: run `git fetch --unshallow`, or ask for fewer")
    return found[: last + 1][::-1]


def _kept(file: Path) -> Version | None:
    """A version that an earlier run laid out, unless the tables of now are others since."""
    if not file.is_file():
        return None
    said = json.loads(file.read_text(encoding="utf-8"))
    if said.pop("beside") != _digest(ROOT / FACTS):
        return None
    return Version(**said | {"folder": Path(said["folder"]), "newer": tuple(said["newer"])})


def _digest(folder: Path) -> str:
    """Of the tables that an answer rests on."""
    digest = hashlib.sha256()
    for file in sorted(folder.glob("*.csv")):
        if file.stem not in NO_ANSWER_RESTS_ON:
            digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def git(*words: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True)
    return done.stdout


def laid_out(commit: str, day: str, folder: Path) -> Version:
    """A commit's tables laid over those of now: what the code of now refuses stays as it is now."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / FACTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    now = {path.stem: path.read_bytes() for path in folder.glob("*.csv")}
    packed = subprocess.run(
        ["git", "archive", commit, FACTS], cwd=ROOT, check=True, capture_output=True
    )
    before: dict[str, bytes] = {}
    with tarfile.open(fileobj=io.BytesIO(packed.stdout)) as archive:
        for member in archive.getmembers():
            content = archive.extractfile(member)
            if member.name.endswith(".csv") and content:
                before[Path(member.name).stem] = content.read()
    newer = {name for name in now if not _columns_kept(before.get(name, b""), now[name])}
    for name in set(now) - newer:
        (folder / f"{name}.csv").write_bytes(_with_settings_of_now(before[name], now[name]))
    while refused := with_facts(folder, _refused_table):
        name = _to_blame(refused, folder, now) if refused in newer else refused
        newer.add(name)
        (folder / f"{name}.csv").write_bytes(now[name])
    made = Version(
        commit=commit,
        day=day,
        folder=folder,
        newer=tuple(sorted(newer)),
        digest=_digest(folder),
    )
    beside = {"beside": _digest(ROOT / FACTS)}
    said = json.dumps(vars(made) | beside, default=str)
    folder.with_suffix(".json").write_text(said, encoding="utf-8")
    return made


def _columns_kept(before: bytes, now: bytes) -> bool:
    """Whether a table was there with every column that it has now: else it meant another thing."""
    then, today = (
        next(csv.reader(io.StringIO(raw.decode("utf-8-sig"))), []) for raw in (before, now)
    )
    return set(today) <= set(then)


def _with_settings_of_now(before: bytes, now: bytes) -> bytes:
    """A table; of constants by name also those that came since, without which nothing computes."""
    then, today = (
        {line.partition(",")[0]: line for line in raw.decode("utf-8-sig").splitlines()}
        for raw in (before, now)
    )
    if next(iter(today)) != "setting":
        return before
    return "\n".join([*then.values(), *(today[k] for k in today if k not in then), ""]).encode()


def _to_blame(refused: str, folder: Path, now: dict[str, bytes]) -> str:
    """The old table whose words a table of now goes beyond, so that it is refused beside it.

    Raises SystemExit where there is no such single table.
    """
    for name, content in now.items():
        file = folder / f"{name}.csv"
        old = file.read_bytes()
        if old == content:
            continue
        file.write_bytes(content)
        found = with_facts(folder, _refused_table)
        file.write_bytes(old)
        if found != refused:
            return name
    raise SystemExit(f"{folder.name}: {refused} is refused as it is now")


def _refused_table() -> str:
    """The first table that the code of now refuses; nothing where it takes all."""
    try:
        frame.check_tables()
    except ValueError as error:
        return str(error).partition(".csv")[0].split("/")[-1]
    return ""


def with_facts(folder: Path, work: Callable[..., Any], *given: Any) -> Any:
    """What a function returns in a process of its own that reads other tables of facts."""
    os.environ["SITING_FACTS"] = str(folder)
    try:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            return pool.apply(work, given)
    finally:
        del os.environ["SITING_FACTS"]


# --- what a report prints, and the same computed anew ---------------------------------------------


def printed(client: str) -> dict[str, Any]:
    """A client's summary, and what it prints as first, with the words that make it again."""
    try:
        opened = study.open(client)
        summary = json.loads(json.dumps(opened.summary(), default=str))
    except ValueError as error:
        return {"refused": str(error)}
    switches = [switch for switch in opened.results.switches if switch.inside]
    return {
        "summary": summary,
        "answer": opened.results.decision.recommended,
        "turns": list(_turns(opened, summary)),
        "switches": [probe for switch in switches for probe in _both_sides(switch)],
        "ranges": {
            dial.what: [dial.low, dial.high]
            for dial in plausible.dials(opened.scenario, opened.results.decision.recommended)
        },
    }


def _turns(opened: Study, summary: dict[str, Any]) -> Iterator[Probe]:
    """Changes that are printed as turning the answer, but for switching values."""
    for turn in summary["turns"]:
        for variant, _ in opened.results.tried:
            phrase = opened.results.numbers.regrouped(variant.clause)
            if (variant.what, phrase) == (turn["name"], turn["change"]):
                announced = turn["known_by"] if turn["settled"] == "day" else None
                yield {
                    "what": variant.what,
                    "set": list(variant.set),
                    "option": turn["option"],
                    "day": announced,
                }


def _both_sides(switch: Switch) -> Iterator[Probe]:
    """What is first below and above a switching value, by as much as a difference must be."""
    apart = 1 + settings("decision_settings")["matters_cost"].range.central
    sides = ((switch.at / apart, switch.below), (switch.at * apart, switch.above))
    for value, option in sides:
        yield {
            "what": switch.dial.what,
            "set": list(words(switch.dial.change(value))),
            "option": option,
            "at": switch.at,
        }


def first_options(client: str, probes: Sequence[Probe]) -> list[str | None]:
    """The first option under each change, the whole scenario computed anew."""
    return [_first(client, probe["set"]) for probe in probes]


def _first(client: str, said: Sequence[str]) -> str | None:
    try:
        found = study.open(client, frame.said(said)).results.decision.recommended
    except DocumentError:
        return REFUSED
    return str(found) if found else None


@dataclass(frozen=True, kw_only=True)
class Firsts:
    """First options under what one side prints, each computed anew."""

    here: list[str | None]
    """With that side's own tables."""
    there: list[str | None]
    """With the other side's."""


def moved(before: dict[str, Any], after: dict[str, Any], anew: dict[str, Firsts]) -> list[str]:
    """What moved by recomputation: the answer, or the first option under something that one side
    prints.

    anew: for `before` and `after`, what its probes come to.
    """
    found = []
    if before["answer"] != after["answer"]:
        found.append(f"answer: {before['answer']} → {after['answer']}")
    sides = (("before", before, after), ("after", after, before))
    for side, own, other in sides:
        days = {turn["what"]: turn["day"] for turn in other["turns"]}
        firsts = anew[side]
        for probe, here, there in zip(_probes(own), firsts.here, firsts.there, strict=True):
            low, high = other["ranges"].get(probe["what"], (None, None))
            if here != there:
                found.append(f"{probe['what']} ({side}): {here}, else {there}")
            elif probe.get("day") and days.get(probe["what"], probe["day"]) != probe["day"]:
                found.append(f"{probe['what']}: announced for another day")
            elif "at" in probe and low is not None and not low <= probe["at"] <= high:
                found.append(f"{probe['what']}: outside the range expected of it")
    return found


# --- the history ----------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Checked:
    """One client's report, checked again after one change of the tables."""

    client: str
    version: Version
    """The tables of afterwards."""
    alarm: list[str]
    """What `siting recheck` tells; nothing where it is silent."""
    moved: list[str]
    """What moved by recomputation."""
    refused: str = ""
    """Why there is nothing to compare."""

    @property
    def verdict(self) -> str:
        """Whether alarm and recomputation agree."""
        if self.refused:
            return "refused"
        if bool(self.alarm) == bool(self.moved):
            return "right"
        return "false" if self.alarm else "missed"


@dataclass(frozen=True)
class Store:
    """Keeps what was computed, by tables, client and code, so that a run may go on later."""

    folder: Path

    def __call__(self, name: str, tables: Version, work: Callable[..., Any], *given: Any) -> Any:
        """The result of a function with other tables, computed once; `name` tells it apart."""
        asked = hashlib.sha256(json.dumps(given, sort_keys=True, default=str).encode()).hexdigest()
        file = self.folder / f"{tables.digest}-{name}-{asked[:12]}.json"
        if not file.is_file():
            content = json.dumps(with_facts(tables.folder, work, *given))
            file.write_text(content, encoding="utf-8")
        return json.loads(file.read_text(encoding="utf-8"))


def checked(client: str, old: Version, new: Version, kept: Store) -> Checked:
    """One client's report of the old tables, checked with the new ones, by both ways."""
    before = kept("printed", old, printed, client)
    after = kept("printed", new, printed, client)
    refused = before.get("refused") or after.get("refused") or ""
    if refused:
        return Checked(client=client, version=new, alarm=[], moved=[], refused=refused)
    anew = {
        "before": _computed_anew(client, _probes(before), old, new, kept),
        "after": _computed_anew(client, _probes(after), new, old, kept),
    }
    day = scenario.load(client).client.report_date
    told = recheck.compared(client, before["summary"], after["summary"], day)
    return Checked(
        client=client,
        version=new,
        alarm=[move.told for move in told.moves],
        moved=moved(before, after, anew),
    )


def _computed_anew(
    client: str, probes: Sequence[Probe], own: Version, other: Version, kept: Store
) -> Firsts:
    """What the probes of one side come to on both; on their own only where the other side differs
    from what is printed. A switching value need not hold so far beside it: an option that buys
    whole machines may win, lose and win again."""
    there = kept("first", other, first_options, client, probes)
    here = [probe["option"] for probe in probes]
    if here != there:
        here = kept("first", own, first_options, client, probes)
    return Firsts(here=here, there=there)


def _probes(side: dict[str, Any]) -> list[Probe]:
    return [*side["turns"], *side["switches"]]


INTRODUCTION = """\
{heading}

Written by `python -m benchmarks.recheck_history`. The last {changes} changes of the tables of facts in this repository's history, each with up to {clients} clients: a report of the tables before, checked with those after, by the code of now{newer}. Whether it moved is found out another way: whatever either report prints as first, plainly, under a change, or 5% beside a switching value, is computed anew with the other's tables, from the scenario's file to its answer. An alarm is false where nothing of that differs, and missed where something does and `siting recheck` is silent.

{head}
|---|---|--:|--:|--:|--:|--:|
"""  # noqa: E501
HEAD = "| change | day | reports | alarms | moved | false | missed |"


def section(done: Sequence[Checked]) -> str:
    """The section of the page."""
    changes = list({c.version.commit: c.version for c in done}.values())
    newer = {name for version in changes for name in version.newer}
    words = f" ({len(newer)} tables that were not there yet, or that it cannot read, as of now)"
    text = INTRODUCTION.format(
        heading=HEADING,
        changes=len(changes),
        clients=len({c.client for c in done}),
        newer=words if newer else "",
        head=HEAD,
    )
    lines = [_line(v.commit, v.day, [c for c in done if c.version is v]) for v in changes]
    return text + "\n".join([*lines, _line("all", "", done), ""])


def _line(name: str, day: str, done: Sequence[Checked]) -> str:
    compared = [c for c in done if not c.refused]
    counts = [
        len(compared),
        sum(bool(c.alarm) for c in compared),
        sum(bool(c.moved) for c in compared),
        sum(c.verdict == "false" for c in compared),
        sum(c.verdict == "missed" for c in compared),
    ]
    return f"| {name} | {day} | {' | '.join(map(str, counts))} |"


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--last", type=int, default=6, help="changes of the tables")
    asked.add_argument("--until", default="HEAD", help="commit of the last of them")
    asked.add_argument("--clients", nargs="*", default=scenario.names())
    asked.add_argument("--kept", type=Path, help="folder that keeps what was computed")
    asked.add_argument("--no-page", action="store_true", help="print, and leave the page")
    chosen = asked.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        store = Store(chosen.kept or Path(scratch))
        store.folder.mkdir(parents=True, exist_ok=True)
        steps = versions(chosen.last, chosen.until, store.folder / "tables")
        done = []
        for old, new in pairwise(steps):
            print(f"{old.commit} → {new.commit} ({new.day}), newer: {new.newer}", flush=True)
            for client in chosen.clients:
                found = checked(client, old, new, store)
                done.append(found)
                print(f"  {client}: {found.verdict} {found.refused}", flush=True)
                for what, lines in (("alarm", found.alarm), ("moved", found.moved)):
                    print(*(f"    {what}: {line}" for line in lines), sep="\n", flush=True)
    text = section(done)
    print(text)
    if not chosen.no_page:
        before = PAGE.read_text(encoding="utf-8").partition(f"\n{HEADING}\n")[0]
        PAGE.write_text(f"{before.rstrip()}\n\n{text}", encoding="utf-8")


if __name__ == "__main__":
    main()
