"""Summaries of reports: of one that was rendered, of a client now, or of a client on a past day.

A past day is computed by today's library from the scenario and the facts that the repository
held then, so that what differs is the inputs' doing and not the code's. Columns and tables that
have come since are taken from today's.
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import siting_facts
from siting_report import plain_files
from siting_report.run.folder import LARGEST
from siting_report.run.job import SCENARIO

from siting.inputs import document, scenario
from siting.inputs.scenario import ScenarioError
from siting.inputs.scenario.changes import Changes, words
from siting.run.job import attached

_FACTS = ("lib/siting_facts", "lib/siting/facts")
"""Where a clone holds the tables of facts, and where it held them until November 2026."""
_DATED = re.compile(r"(?P<client>[a-z0-9][a-z0-9-]*)@(?P<date>\d{4}-\d{2}(-\d{2})?|now)")


def summary(name: str, changes: Changes | None = None) -> dict[str, Any]:
    """The summary that `name` stands for, with its scenario as `scenario` where that is at hand.

    name: a summary.json or a folder that holds one; a client whose report is in `reports/`;
    `CLIENT@now`, computed without rendering; or `CLIENT@YYYY-MM[-DD]`, as of the start of that
    day. changes: values at dotted paths that take the place of the scenario's, of CLIENT@now only.
    Raises ScenarioError where there is none.
    """
    dated = _DATED.fullmatch(name)
    if dated and dated["date"] == "now":
        return _computed(dated["client"], scenario.project(), changes or {})
    if changes:
        write = "write CLIENT@now: what was rendered cannot be changed"
        raise ScenarioError.of(name, "is not computed anew, so --set has nothing to change", write)
    if dated:
        return _on(dated["client"], dated["date"])
    path = Path(name)
    remedy = "name a client, a report's folder, CLIENT@now or CLIENT@2026-03"
    if re.fullmatch(r"[a-z0-9-]+", name) and not os.path.exists(path):
        path = scenario.project() / "reports" / name
        remedy = f"run `siting report {name}`, or write {name}@now"
    file = path / "summary.json" if os.path.isdir(path) else path
    try:
        found = plain_files.parsed(plain_files.content(file, LARGEST))
    except OSError:
        raise ScenarioError.of(name or '""', "is no rendered report", remedy) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise ScenarioError.of(name, "is not a summary.json", "name a report's folder")
    written = file.with_name(SCENARIO)
    if file.name == "summary.json" and written.is_file():
        found["scenario"] = document.examined(document.read(written))[0].data
    return found


def _on(client: str, date: str) -> dict[str, Any]:
    root = scenario.project()
    said = f"{client}@{date}"
    try:
        day = dt.date.fromisoformat(date if len(date) == 10 else f"{date}-01")
    except ValueError:
        raise ScenarioError.of(said, "names no such day", "write YYYY-MM or YYYY-MM-DD") from None
    if day > dt.date.today():
        raise ScenarioError.of(said, "is yet to come", f"write {client}@now")
    revision = _git(root, "rev-list", "-1", f"--before={day}T00:00:00", "HEAD").decode().strip()
    if not revision:
        raise ScenarioError.of(said, "is before the first commit", "choose a later date")
    with tempfile.TemporaryDirectory() as folder:
        packed = _git(root, "archive", revision, "params", _facts_of(root, revision))
        with tarfile.open(fileobj=BytesIO(packed)) as archive:
            archive.extractall(folder, filter="data")
        if facts := _facts_in(Path(folder)):
            _complete(facts)
        return _computed(client, Path(folder), {})


def _facts_of(root: Path, revision: str) -> str:
    """Where the tables of facts lay in a commit."""
    listed = _git(root, "ls-tree", "--name-only", "-d", revision, *_FACTS).decode().split()
    return listed[0] if listed else _FACTS[0]


def _facts_in(root: Path) -> Path | None:
    """The folder of the tables of facts in a clone, or in what was taken out of a commit."""
    return next((root / place for place in _FACTS if (root / place).is_dir()), None)


def _complete(facts: Path) -> None:
    """Adds to tables of facts of an earlier day what they have gained since, for today's library
    to read: whole tables, and columns, filled as today's row of the same name has them."""
    for today in sorted(siting_facts.FOLDER.glob("*.csv")):
        then = facts / today.name
        if not then.exists():
            shutil.copy(today, then)
            continue
        columns, rows = _table(then)
        columns_today, rows_today = _table(today)
        gained = [column for column in columns_today if column not in columns]
        if not gained:
            continue
        key = columns_today[0]
        known = {row[key]: row for row in rows_today}
        for row in rows:
            same = known.get(row.get(key, ""), {})
            row |= {column: same.get(column, "") for column in gained}
        with then.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, [*columns, *gained], lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)


def _table(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Columns and rows of a table of facts."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    return list(reader.fieldnames or ()), rows


def _git(root: Path, *arguments: str) -> bytes:
    command = ["git", "-C", str(root), *arguments]
    try:
        return subprocess.run(command, check=True, capture_output=True).stdout
    except FileNotFoundError:
        wrong = "git is not installed"
        remedy = "compare two reports' folders"
    except subprocess.CalledProcessError as error:
        reason = error.stderr.decode(errors="replace").strip().splitlines() or ["no reason given"]
        wrong = f"git cannot tell ({reason[-1]})"
        remedy = "run this in a clone with history, or compare two reports' folders"
    raise ScenarioError.of(root, wrong, remedy)


def _computed(client: str, root: Path, changes: Changes) -> dict[str, Any]:
    """Runs in a process of its own, which sees that root's scenarios and facts alone."""
    environment = dict(os.environ)
    environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
    facts = _facts_in(root)
    if facts:
        environment["SITING_FACTS"] = str(facts)
    # -P: a module in the folder of that root is no module of ours.
    asked = itertools.chain(*(("--set", word) for word in words(changes)))
    command = [sys.executable, "-P", "-m", "siting", "summary", client, *asked]
    run = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    if run.returncode:
        reason = run.stderr.strip().splitlines() or ["no reason given"]
        wrong = f"cannot be computed ({reason[0]})"
        raise ScenarioError.of(client, wrong, "check it with `siting check`")
    path = root / "params" / f"{client}.yaml"
    found = scenario.changed(scenario.load(path), changes)
    whole = scenario.resolved(attached(found, path)[0])
    return {**json.loads(run.stdout), "scenario": document.examined(whole)[0].data}
