"""The kit's own tables as Typst: the HTML of `theme/table.html.j2` to a file for `report.typ`.

pandoc would do it, but tables are most of a report's cells, and what it drops (alignment, weight,
widths that fit the text) had to be put back cell by cell. Text becomes string literals, in which
no sign is code.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

LONG = 500
"""A row with a cell of more characters than this may break across pages."""

SHORT = 1000
"""A table of no more characters than this keeps together: no row leaves it for the next page."""


@dataclass
class _Cell:
    align: str
    columns: int
    rows: int
    code: str = ""
    text: str = ""


@dataclass
class _Row:
    head: bool
    kind: str
    """`total`, `group` (names the rows below it), or blank."""
    cells: list[_Cell] = field(default_factory=list)


class _Reader(HTMLParser):
    """Rows and cells of one table. Of what is inside a cell it knows badges and marks."""

    def __init__(self, markup: str) -> None:
        super().__init__()
        self.rows: list[_Row] = []
        self._head = False
        self._closing: list[str] = []
        self.feed(markup)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        if tag in ("thead", "tbody"):
            self._head = tag == "thead"
        elif tag == "tr":
            self.rows.append(_Row(self._head, has.get("class", "")))
        elif tag in ("th", "td"):
            spans = (int(has.get("colspan", 1)), int(has.get("rowspan", 1)))
            self.rows[-1].cells.append(_Cell(has.get("class", ""), *spans))
        elif tag in ("span", "abbr"):
            self._open(has)

    def _open(self, has: dict[str, str]) -> None:
        first, *rest = has.get("class", "").split()
        call = {"badge": f"#badge({_quoted(' '.join(rest))})[",
                "mark": f"#mark({_quoted(has.get('title', ''))})["}.get(first, "")  # fmt: skip
        self._closing.append("]" if call else "")
        self.rows[-1].cells[-1].code += call

    def handle_endtag(self, tag: str) -> None:
        if tag in ("span", "abbr"):
            self.rows[-1].cells[-1].code += self._closing.pop()

    def handle_data(self, data: str) -> None:
        if self.rows and self.rows[-1].cells and (data.strip() or "\n" not in data):
            cell, text = self.rows[-1].cells[-1], re.sub(r"[ \t\r\n]+", " ", data)
            cell.code += f"#{_quoted(text)}"
            cell.text += text


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def typst(markup: str) -> str:
    """A table as the content of a Typst file."""
    rows = _Reader(markup).rows
    count = max(sum(c.columns for c in row.cells) for row in rows)
    head = ", ".join(_row(row) for row in rows if row.head)
    body = "".join(f"  {_line(row)},\n" for row in rows if not row.head)
    columns = ", ".join(f"{width:.2f}%" for width in _widths(rows, count))
    short = sum(len(c.text) for row in rows for c in row.cells) <= SHORT
    return (
        f'#import "report.typ": badge, mark\n#let short = {str(short).lower()}\n'
        f"#let body = table(\n  columns: ({columns},),\n"
        f"  table.header({head}),\n  table.hline(),\n{body})\n"
    )


def _line(row: _Row) -> str:
    """A row of the body. The name of a group is a header of its own: none ends a page."""
    return (
        f"table.header(level: 2, repeat: false, {_row(row)})" if row.kind == "group" else _row(row)
    )


def _row(row: _Row) -> str:
    """Cells with commas; one that may not break holds its row together."""
    whole = not row.head and max((len(c.text) for c in row.cells), default=0) < LONG
    strong = row.head or row.kind in ("total", "group")
    return ", ".join(_cell(c, strong, whole and c is row.cells[0]) for c in row.cells)


def _cell(cell: _Cell, strong: bool, whole: bool) -> str:
    said = {
        "align": cell.align,
        "colspan": str(cell.columns) if cell.columns > 1 else "",
        "rowspan": str(cell.rows) if cell.rows > 1 else "",
        "breakable": "false" if whole else "",
    }
    settings = ", ".join(f"{name}: {value}" for name, value in said.items() if value)
    content = f"[#strong[{cell.code}]]" if strong else f"[{cell.code}]"
    return f"table.cell({settings}){content}" if settings else content


def _widths(rows: Sequence[_Row], count: int) -> list[float]:
    """Columns as wide as their text where all fit; else each has room for its longest word, and
    what is left goes to those that need more, the neediest not taking all. [% of the page's text]
    """
    least, whole = [2] * count, [2] * count
    for i, row, cell in _placed(rows):
        word, all_ = _longest_word(cell.text), len(cell.text)
        if row.head:  # a heading may take two lines; a short cell stays on one
            all_ = max(word, -(-all_ // 2) + 1)
        least[i], whole[i] = max(least[i], word), max(whole[i], all_)
    wanted = sum(map(_percent, whole))
    width = [0.0] * count
    for short in (20, 16, 12, 0):
        width = [_percent(a if a <= short else b) for a, b in zip(whole, least, strict=True)]
        if sum(width) <= 90:
            break
    if sum(width) > 100:
        return [100 * w / sum(width) for w in width]
    more = [max(0.0, _percent(a) - w) for a, w in zip(whole, width, strict=True)]
    if wanted > 100:
        shares = [m**0.6 for m in more]
        left = 100 - sum(width)
        more = [left * s / sum(shares) for s in shares] if any(shares) else more
    return [w + m for w, m in zip(width, more, strict=True)]


def _placed(rows: Sequence[_Row]) -> Iterator[tuple[int, _Row, _Cell]]:
    """The cells of one column, each with the column that it stands in."""
    taken: set[tuple[int, int]] = set()
    for y, row in enumerate(rows):
        x = 0
        for cell in row.cells:
            while (x, y) in taken:  # by a cell that spans rows from above
                x += 1
            taken |= {(x + i, y + j) for i in range(cell.columns) for j in range(cell.rows)}
            if cell.columns == 1:
                yield x, row, cell


def _percent(characters: int) -> float:
    """Width of so many characters at the size of a table. [% of the page's text]"""
    return (characters * 4.6 + 14) / 453 * 100


def _longest_word(text: str) -> int:
    words: Iterable[str] = re.split(r"[ /-]+", text)  # not at a space that may not break
    return min(18, max(map(len, words)))  # report.typ breaks longer words in a table
