"""Tables of Markdown from cells by heading, for docs/validation.md."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping


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
