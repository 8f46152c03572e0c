"""Every fact of the catalogue with its source, its date and its age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import asdict, dataclass

from siting.catalogue import PROVENANCE, Source, all_facts


@dataclass(frozen=True, slots=True)
class Entry:
    """A row of a fact table: what it says, and where that comes from."""

    table: str
    line: int
    """Line of the file `facts/<table>.csv`."""
    name: str
    """The row's own first columns, enough to tell it from its neighbours."""
    facts: dict[str, str]
    """Every other cell of the row, by column."""
    source: Source
    age_days: int | None
    """None: the source prints no date."""

    def as_dict(self) -> dict[str, object]:
        """The shape of `siting facts --json`."""
        return {**asdict(self), "source": self.source.model_dump()}


_BESIDE = (*PROVENANCE, "grade", "note")


def entries(today: dt.date, table: str | None = None) -> Iterator[Entry]:
    """Every fact, with its age on `today`; of one table where it is named."""
    for name, line, cells in all_facts():
        if table in (None, name):
            facts = {k: v for k, v in cells.items() if k not in _BESIDE}
            source = Source.model_validate({k: cells[k] for k in PROVENANCE if k in cells})
            yield Entry(name, line, _name(facts), facts, source, source.age_days(today))


def _name(facts: dict[str, str]) -> str:
    """The first cells of a row, until one of them is a number or two are taken."""
    words: list[str] = []
    for value in facts.values():
        if words and (len(words) == 2 or value[:1].isdigit()):
            break
        words.append(value)
    return ", ".join(words)[:80]


def stale(found: Iterator[Entry], days: int) -> Iterator[Entry]:
    """Entries older than `days`, and those without a date, whose age nobody knows."""
    return (e for e in found if e.age_days is None or e.age_days > days)
