"""Summaries of reports: of one that was rendered, or of a client now."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from siting_report import plain_files
from siting_report.run.folder import LARGEST
from siting_report.run.job import SCENARIO

from siting import study
from siting.inputs import document, scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario.changes import Changes
from siting.run.job import attached

_NOW = re.compile(r"([a-z0-9][a-z0-9-]*)@now")


def summary(name: str, changes: Changes | None = None) -> dict[str, Any]:
    """The summary that `name` stands for, with its scenario as `scenario` where that is at hand.

    name: a summary.json or a folder that holds one; a client whose report is in `reports/`; or
    `CLIENT@now`, computed without rendering. changes: values at dotted paths that take the place of
    the scenario's, of CLIENT@now only. Raises DocumentError where there is none.
    """
    now = _NOW.fullmatch(name)
    if now:
        return _computed(now[1], changes or {})
    if changes:
        write = "write CLIENT@now: what was rendered cannot be changed"
        raise DocumentError.of(name, "is not computed anew, so --set has nothing to change", write)
    path = Path(name)
    remedy = "name a client, a report's folder, or CLIENT@now"
    if re.fullmatch(r"[a-z0-9-]+", name) and not os.path.exists(path):
        path = scenario.project() / "reports" / name
        remedy = f"run `siting report {name}`, or write {name}@now"
    file = path / "summary.json" if os.path.isdir(path) else path
    try:
        found = plain_files.parsed(plain_files.content(file, LARGEST))
    except OSError:
        raise DocumentError.of(name or '""', "is no rendered report", remedy) from None
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise DocumentError.of(name, "is not a summary.json", "name a report's folder")
    written = file.with_name(SCENARIO)
    if file.name == "summary.json" and written.is_file():
        found["scenario"] = document.examined(document.read(written))[0].data
    return found


def _computed(client: str, changes: Changes) -> dict[str, Any]:
    """The summary of a client as its file and the facts are now."""
    path = scenario.path_of(client)
    found = scenario.changed(scenario.load(path), changes)
    whole = scenario.resolved(attached(found, path)[0])
    computed = json.loads(json.dumps(study.open(client, changes).summary()))
    return {**computed, "scenario": document.examined(whole)[0].data}
