"""What is said of causes beside the measurements: `tests/data/remarks.csv`, a row a remark.

Figures in a remark were read when it was written, so that each says the day, and what it rests on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

DATA = Path(__file__).parents[2] / "tests" / "data"


@dataclass(frozen=True, kw_only=True)
class Remark:
    """A row of remarks.csv."""

    section: str
    """The part of docs/validation.md that it stands in."""
    date: str
    """On which it was written, its figures with it: 2026-11-30."""
    rests_on: str
    """Groups of throughput.csv.gz, files of measurements or fits, addresses; by semicolons."""
    remark: str
    """Markdown."""

    @property
    def sources(self) -> list[str]:
        return [name.strip() for name in self.rests_on.split(";")]

    @property
    def markdown(self) -> str:
        """The remark with its day and what it rests on, as one line."""
        named = (name if name.startswith("https:") else f"`{name}`" for name in self.sources)
        return f"{self.remark} [{self.date}: {', '.join(named)}]"


@cache
def every() -> tuple[Remark, ...]:
    """All remarks, in the order of the page."""
    with (DATA / "remarks.csv").open(encoding="utf-8", newline="") as file:
        return tuple(_read(csv.DictReader(file)))


def _read(rows: csv.DictReader[str]) -> Iterator[Remark]:
    for row in rows:
        yield Remark(
            section=row["section"],
            date=row["date"],
            rests_on=row["rests_on"],
            remark=row["remark"],
        )


def of(section: str) -> list[str]:
    """Remarks of a section of the page, in Markdown. Raises LookupError where it has none."""
    found = [remark.markdown for remark in every() if remark.section == section]
    if not found:
        raise LookupError(f"remarks.csv has no row of section {section!r}")
    return found
