"""Tables of Markdown from cells by heading, for docs/validation.md; and tables of fitted facts."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd


def of(rows: Iterable[Mapping[str, str]], text: Container[str] = ()) -> str:
    """A table of cells by heading.

    The first column is text, and so are those in `text`; the others are numbers.

    Raises:
        ValueError: if a row has other headings than the first.
    """
    found = list(rows)
    head = list(found[0])
    for row in found:
        if list(row) != head:
            raise ValueError(f"a row has the headings {list(row)}, the first one {head}")
    rule = ["---" if name == head[0] or name in text else "---:" for name in head]
    cells = [list(row.values()) for row in found]
    return "\n".join("| " + " | ".join(line) + " |" for line in (head, rule, *cells))


GROUPS = ("model and card", "source")
"""What is left out in turn of what a prediction may know."""


def left_out(cell: Callable[[str], str]) -> dict[str, str]:
    """The cells of what was predicted with each group left out, by heading."""
    return {f"each {group} left out": cell(group) for group in GROUPS}


def read(path: Path) -> pd.DataFrame:
    """A table of facts, cells as they are written."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def write(path: Path, rows: pd.DataFrame | list[dict[str, Any]]) -> None:
    """Writes a table of facts anew, whatever stood there, be it a link."""
    path.unlink(missing_ok=True)
    pd.DataFrame(rows).to_csv(path, index=False)
