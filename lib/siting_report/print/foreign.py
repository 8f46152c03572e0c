"""HTML of an analyst's own as Typst: headings, lists, tables, links, pictures; of what else it
holds, the text.

Text reaches Typst as string literals, in which no sign is code. Nothing is loaded: a picture is
set where its data stand in the page itself.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser

from siting_report.print.strings import quoted, quoted_lines

UNDESCRIBED = "Picture without a description"

Picture = Callable[[str, str, bytes], str]
"""Typst that shows a picture, of its alternative text, its suffix and its content."""

SUFFIXES = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}

_EMPTY = {
    "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source",
    "track", "wbr",
}  # fmt: skip
"""Elements that hold nothing and need no end."""
_ENDS_LATE = {
    "caption": 1, "colgroup": 1, "tbody": 1, "tfoot": 1, "thead": 1,
    "tr": 2, "td": 3, "th": 3, "dd": 4, "dt": 4, "li": 4, "p": 5, "optgroup": 6, "option": 7,
    "rp": 7, "rt": 7,
}  # fmt: skip
"""Elements whose end may be left out: one of them ends where another begins that stands as high or
higher. So no more than seven stand in one another without an element that is counted between."""
_DEEPEST = 28
"""Other elements in one another. Typst sets no more than 10 tables so, 14 lists, 16 quotes and 30
others."""
_WEIGHS = {"table": 3, "ul": 2, "ol": 2, "blockquote": 2}
"""Elements that count as several."""
_MARKED = {
    "b": "strong", "strong": "strong", "i": "emph", "em": "emph", "cite": "emph", "sub": "sub",
    "sup": "super", "u": "underline", "ins": "underline", "s": "strike", "del": "strike",
}  # fmt: skip
_BLOCKS = {
    "address", "article", "aside", "caption", "details", "div", "dl", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "main", "nav", "p", "section", "summary",
}  # fmt: skip
_SET = {
    "blockquote": "\n#quote(block: true)[{}]\n",
    "br": " #linebreak() ",
    "dd": "\n#pad(left: 1em)[{}]\n",
    "dt": "\n\n#strong[{}]\n\n",
    "hr": "\n#line(length: 100%, stroke: 0.5pt + grid-colour)\n",
    "option": "{} ",
    **dict.fromkeys(_BLOCKS, "\n\n{}\n\n"),
    **{name: f"#{function}[{{}}]" for name, function in _MARKED.items()},
}
"""What becomes of elements, around what is inside them."""
_BLANKS = " \t\n\r\f"
_MOST_SPANNED = 100
"""Columns or rows that one cell may take."""


@dataclass(slots=True)
class _Element:
    name: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[_Element | str] = field(default_factory=list)

    def elements(self) -> Iterator[_Element]:
        """The children that are no text."""
        return (child for child in self.children if isinstance(child, _Element))

    def text(self) -> str:
        """All text in it."""
        found = (child if isinstance(child, str) else child.text() for child in self.children)
        return "".join(found)


class _Reader(HTMLParser):
    """Reads HTML as it comes, with ends left out or too many, into a tree. Raises ValueError where
    that is too deep."""

    def __init__(self) -> None:
        super().__init__()
        self.root = _Element("")
        self._open = [self.root]

    def _depth(self) -> int:
        """Of the elements that are open, in those that Typst bears."""
        names = (element.name for element in self._open[1:])
        return sum(_WEIGHS.get(name, 1) for name in names if name not in _ENDS_LATE)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        late = _ENDS_LATE.get(tag)
        if late is not None:
            while _ENDS_LATE.get(self._open[-1].name, -1) >= late:
                self._open.pop()
        element = _Element(tag, {name: value or "" for name, value in attrs})
        self._open[-1].children.append(element)
        if tag not in _EMPTY:
            self._open.append(element)
        if self._depth() > _DEEPEST:
            raise ValueError("its HTML is nested too deeply; show it flatter")

    def handle_endtag(self, tag: str) -> None:
        for place in range(len(self._open) - 1, 0, -1):
            if self._open[place].name == tag:
                del self._open[place:]
                return

    def handle_data(self, data: str) -> None:
        self._open[-1].children.append(data)


@dataclass(frozen=True)
class Read:
    """Some HTML, and its drawings, each of which an image in it stands for."""

    root: _Element
    mark: str
    """Attribute that numbers the drawing whose place an image takes."""
    drawings: list[str]


def read(html: str) -> Read:
    """HTML as a tree. Raises ValueError where it is nested too deeply."""
    mark = "drawing-" + hashlib.sha256(html.encode()).hexdigest()[:16]
    drawings: list[str] = []

    def kept(found: re.Match[str]) -> str:
        drawings.append(found[0])
        return f'<img {mark}="{len(drawings) - 1}">'

    # Drawings are taken out first: the reader would write their names in small letters.
    plain = re.sub(r"<svg\b.*?</svg>", kept, html, flags=re.DOTALL)
    reader = _Reader()
    reader.feed(re.sub(r"<!\[[^>]*>", "", plain))  # conditions of word processors
    reader.close()
    return Read(reader.root, mark, drawings)


def typst(html: str, picture: Picture) -> str:
    """HTML as Typst. picture: makes a file of a picture, and tells how it is shown. Raises
    ValueError where it is nested too deeply."""
    found = read(html)
    return _Writer(picture, found).inside(found.root)


def _said(text: str) -> str:
    """Text as a string of Typst; blanks around it stay blanks."""
    bare = text.strip(_BLANKS)
    if not bare:
        return " " if text else ""
    before = " " if text[0] in _BLANKS else ""
    after = " " if text[-1] in _BLANKS else ""
    return f"{before}#{quoted(re.sub(f'[{_BLANKS}]+', ' ', bare))};{after}"


class _Writer:
    """Elements as Typst."""

    def __init__(self, picture: Picture, found: Read) -> None:
        self.picture = picture
        self.found = found
        self.level = 1
        """Of the last heading: the chapter's own at first."""

    def inside(self, element: _Element) -> str:
        """All that an element holds."""
        return "".join(map(self._set, element.children))

    def _set(self, node: _Element | str) -> str:
        """An element, or a text; of an element that is not known, what it holds."""
        if isinstance(node, str):
            return _said(node)
        match node.name:
            case "script" | "style" | "template" | "head" | "svg" | "title":
                return ""
            case "code" | "kbd" | "samp" | "tt":
                return f"#raw({quoted(node.text())})"
            case "pre" | "textarea":
                return f"\n#raw(block: true, {quoted_lines(node.text().expandtabs(4))})\n"
            case "h1" | "h2" | "h3" | "h4" | "h5" | "h6":
                return self._heading(node)
            case "ul" | "menu":
                return self._list(node, "list")
            case "ol":
                return self._list(node, "enum")
            case "a":
                return self._link(node)
            case "img":
                return self._picture(node)
            case "table":
                return self._table(node)
        return _SET.get(node.name, "{}").format(self.inside(node))

    def _heading(self, node: _Element) -> str:
        """A heading under the chapter's; none is more than one level below the one before it, which
        a tagged PDF does not allow."""
        self.level = min(int(node.name[1]) + 1, self.level + 1)
        return f"\n#heading(level: {self.level})[{self.inside(node)}]\n"

    def _link(self, node: _Element) -> str:
        address = node.attributes.get("href", "")
        said = self.inside(node)
        return f"#link({quoted(address)})[{said}]" if address.startswith("https://") else said

    def _picture(self, node: _Element) -> str:
        """A picture whose data stand in the page; none of an address, which is not loaded."""
        drawn = node.attributes.get(self.found.mark)
        if drawn is not None:
            svg = self.found.drawings[int(drawn)]
            label = re.search(r'\saria-label="([^"]*)"', svg)
            said = unescape(label[1]) if label else ""
            return self.picture(said or UNDESCRIBED, "svg", svg.encode())
        source = node.attributes.get("src", "")
        data = re.fullmatch(r"data:([\w/+]+)(;base64)?,(.*)", source, re.DOTALL)
        if data is None or data[1] not in SUFFIXES:
            return ""
        content = base64.b64decode(data[3]) if data[2] else data[3].encode()
        return self.picture(node.attributes.get("alt") or UNDESCRIBED, SUFFIXES[data[1]], content)

    def _list(self, node: _Element, kind: str) -> str:
        """A list; what stands in it outside of an item becomes one."""
        items = []
        for child in node.children:
            if isinstance(child, _Element) and child.name == "li":
                said = self.inside(child)
            else:
                said = self._set(child)
            if said.strip():
                items.append(f"[{said}]")
        if not items:
            return ""
        start = node.attributes.get("start", "")
        if node.name == "ol" and re.fullmatch(r"\d{1,6}", start):
            items.insert(0, f"start: {start}")
        return f"\n#{kind}({', '.join(items)})\n"

    def _table(self, node: _Element) -> str:
        """A table; what stands in it outside of a cell comes before it."""
        before = "".join(self._set(child) for child in _outside(node))
        rows = list(_rows(node))
        heads = _rows_of_heads(rows)
        placed = list(_placed(rows, heads))
        if not placed:
            return before
        width = max(cell.x + cell.columns for cell in placed)
        head = "".join(self._cell(cell) for cell in placed if cell.y < heads)
        body = "".join(self._cell(cell) for cell in placed if cell.y >= heads)
        repeated = f"table.header(repeat: false, {head})," if head else ""
        return f"{before}\n#table(columns: {width}, {repeated}\n{body})\n"

    def _cell(self, cell: _Placed) -> str:
        said = self.inside(cell.element)
        if cell.element.name == "th" and said.strip():
            said = f"#strong[{said}]"
        return f"table.cell({cell.place})[{said}],\n"


# --- Tables


_PARTS = ("thead", "tbody", "tfoot")
_CELLS = ("td", "th")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A cell and where it stands."""

    element: _Element
    x: int
    y: int
    columns: int
    lines: int

    @property
    def place(self) -> str:
        """As arguments of Typst's cell."""
        return f"x: {self.x}, y: {self.y}, colspan: {self.columns}, rowspan: {self.lines}"


def _rows(table: _Element) -> Iterator[list[_Element]]:
    """The cells of each row, in order; cells outside of any row are one of their own."""
    for part in table.elements():
        if part.name == "tr":
            yield [cell for cell in part.elements() if cell.name in _CELLS]
        elif part.name in _PARTS:
            yield from _rows(part)
        elif part.name in _CELLS:
            yield [part]


def _outside(table: _Element) -> Iterator[_Element | str]:
    """What stands in a table, or in a part of it, outside of its cells: a caption, lost text."""
    for child in table.children:
        if isinstance(child, str):
            if child.strip():
                yield child
        elif child.name in ("tr", *_PARTS):
            yield from _outside(child)
        elif child.name not in (*_CELLS, "colgroup", "col"):
            yield child


def _rows_of_heads(rows: list[list[_Element]]) -> int:
    """How many rows from the first on hold headings alone."""
    count = 0
    for row in rows:
        if not row or any(cell.name != "th" for cell in row):
            break
        count += 1
    return count


def _placed(rows: list[list[_Element]], heads: int) -> Iterator[_Placed]:
    """Every cell at its place: the first of its row that those above and before it leave free. A
    heading reaches no further down than headings do."""
    taken = set[tuple[int, int]]()
    for y, row in enumerate(rows):
        x = 0
        last = heads if y < heads else len(rows)
        for cell in row:
            columns = _span(cell, "colspan")
            lines = min(_span(cell, "rowspan"), last - y)
            while any((x + i, y) in taken for i in range(columns)):
                x += 1
            yield _Placed(element=cell, x=x, y=y, columns=columns, lines=lines)
            taken |= {(x + i, y + j) for i in range(columns) for j in range(lines)}
            x += columns


def _span(cell: _Element, name: str) -> int:
    """How many columns or rows a cell says that it takes."""
    said = cell.attributes.get(name, "").lstrip("0")
    if not re.fullmatch(r"[0-9]+", said):
        return 1
    return min(int(said[:4]), _MOST_SPANNED)
