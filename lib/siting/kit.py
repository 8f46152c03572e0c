"""What `siting_report` asks of this library (`siting_report.kit.Kit`); a report knows its name."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from siting_report.kit import Summaries

from siting import beside
from siting.catalogue import facts_dir, facts_version

if TYPE_CHECKING:
    from siting_report.print.document import Cover

DISTRIBUTION = "siting"
FIGURES = ("summary.json", *beside.names("files"))
_CALLED = {".xlsx": "Workbook", ".json": "Data"}
"""What a reader calls files, by their ending."""


def files() -> set[Path]:
    """Code, themes and tables of this library and of those beside it, and the facts, wherever
    they lie."""
    found = list(facts_dir().glob("*"))
    for package in ("siting", *beside.packages()):
        found += Path(str(resources.files(package))).rglob("*")
    return {path for path in found if path.suffix != ".pyc" and path.is_file()}


def keep(path: str) -> None:
    """Has every chapter of this kernel find one study of the scenario at `path`."""
    from siting import study

    opened = study.open(path)
    study.keep(opened, path)
    with contextlib.suppress(Exception):  # the chapter that asks for it tells
        opened.results.try_all()


def write_results(path: str, folder: str) -> None:
    """Writes the files of figures of the scenario at `path` to a folder."""
    from siting import study

    opened = study.open(path)
    summary = json.dumps(opened.summary(), indent=1, ensure_ascii=False, allow_nan=False)
    Path(folder, "summary.json").write_text(f"{summary}\n", encoding="utf-8")
    for name, content in opened.files().items():
        Path(folder, name).write_bytes(content)


def cover(path: str) -> Cover:
    """Who asks in the scenario at `path`, and how the report looks."""
    from siting_report.formats import Numbers
    from siting_report.print.document import Cover
    from siting_report.texts import catalogue

    from siting.inputs import scenario
    from siting.inputs.scenario import changes

    found = scenario.load(path)
    client = found.spoken.client
    numbers = Numbers(client.country, client.currency, client.language)
    words = catalogue(client.language)
    facts = ""
    if facts_version() not in ("undated", client.report_date.isoformat()):
        day = numbers.date(dt.date.fromisoformat(facts_version()))
        facts = f"{words.told('facts of')} {day}"
    return Cover(
        title=words.told("Where should the models run?"),
        client=client.name
        + _varied([w for w in changes.tried(found) if not w.startswith(LANGUAGE)]),
        question=client.question,
        report_date=client.report_date,
        numbers=numbers,
        paper=client.paper,
        brand_colour=client.brand_colour,
        logo=scenario.path_of(path).with_name(client.logo).read_bytes() if client.logo else None,
        figures={name: _CALLED.get(Path(name).suffix, name) for name in sorted(FIGURES)},
        facts=facts,
    )


LANGUAGE = "client.language="
"""Begins a change after which a report says the same, in another language."""
LETTERS_TRIED = 60
"""Of what was changed, for which the line at the head of a page has room."""


def _varied(tried: Sequence[str]) -> str:
    """That a report is of a variant, and which, after the client's name; blank where it is not."""
    if not tried:
        return ""
    told = tried[0] if len(tried[0]) <= LETTERS_TRIED else f"{tried[0][: LETTERS_TRIED - 1]}…"
    more = f" and {len(tried) - 1} more" if len(tried) > 1 else ""
    return f" · tried with {told}{more}"


def index(summaries: Summaries) -> str:
    """The page over all reports."""
    from siting.run import portfolio

    return portfolio.index(summaries)
