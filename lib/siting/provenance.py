"""Every fact of the catalogue with its source, its date and its age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Annotated

from siting.catalogue import (
    PROVENANCE,
    Fact,
    Source,
    Unread,
    facts_dir,
    of_facts,
    one_of,
    rows,
    table,
    validated,
)
from siting.records import frozen


@of_facts
def tables() -> list[str]:
    """Names of all fact tables."""
    return sorted(path.stem for path in facts_dir().glob("*.csv"))


class Renewal(Fact, tables="renewals", key="table"):
    """How a fact table is kept up to date, and where to look first (`url`)."""

    table: Annotated[str, one_of(tables, "table of facts")]
    how: str


@of_facts
def renewals() -> Mapping[str, Renewal]:
    """How each table is renewed, by its name."""
    return {row.table: row for row in table("renewals", Renewal)}


@frozen
class Entry:
    """A row of a fact table: what it says, and where that comes from."""

    table: str
    line: int
    """Line of the file `siting_facts/<table>.csv`."""
    name: str
    """The row's own first columns, enough to tell it from its neighbours."""
    facts: dict[str, str]
    """Every other cell of the row, by column."""
    source: Source
    age_days: int | None
    """None: the source prints no date."""

    @property
    def value(self) -> str:
        """What the fact says, with its range; several named cells where it says several things."""
        if self._column:
            value = self.facts[self._column]
            ends = [self.facts[end] for end in ("low", "high") if end in self.facts]
            is_exact = set(ends) <= {value}
            return value if is_exact else f"{value} ({' to '.join(ends)})"
        said = {k: v for k, v in self.facts.items() if v not in self.name.split(", ")}
        if len(said) == 1:
            return next(iter(said.values()))
        return "; ".join(f"{column} {cell}" for column, cell in said.items())

    @property
    def unit(self) -> str:
        """Unit of the value, where the row states one."""
        own = self.facts.get("unit", "") or self.facts.get("currency", "")
        return own + _VALUES.get(self._column, "")

    @property
    def _column(self) -> str:
        return next((c for c in _VALUES if c in self.facts), "")

    def as_dict(self) -> dict[str, object]:
        """The shape of `siting facts --json`."""
        said = {"value": self.value, "unit": self.unit}
        return {**asdict(self), **said, "source": self.source.model_dump()}


_VALUES = {
    "central": "", "value": "", "score": "", "bits": "bit", "price": "", "price_kwh": "/kWh",
    "usd_gpu_hour": "USD/GPU-h", "summary": "", "retired": "", "memory_gb_marketing": "GB",
}  # fmt: skip
"""Columns that hold what a row is about, and what follows the row's own unit."""
_BESIDE = (*PROVENANCE, "grade", "note")


def entries(today: dt.date, table: str | None = None) -> Iterator[Entry]:
    """Every fact, with its age on `today`; of one table where it is named."""
    for path in sorted(facts_dir().glob(f"{table or '*'}.csv")):
        for line, cells in rows(path):
            facts = {k: v for k, v in cells.items() if k not in _BESIDE}
            source = validated(Unread, cells, path.stem, line).provenance
            yield Entry(
                table=path.stem,
                line=line,
                name=_name(facts),
                facts=facts,
                source=source,
                age_days=source.age_days(today),
            )


def _name(facts: dict[str, str]) -> str:
    """The first cells of a row, until one of them is a number or two are taken."""
    words: list[str] = []
    for value in facts.values():
        if words and (len(words) == 2 or value[:1].isdigit()):
            break
        words.append(value)
    return ", ".join(words)[:80]
