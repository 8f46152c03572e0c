"""The report on paper: a document as Typst, which sets it as a tagged PDF (PDF/UA-1).

Text reaches Typst as string literals, in which no sign is code. Markdown is read by mistune;
tables and charts come from exhibits. Only HTML of an analyst's own goes through pandoc.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import html as markup
import itertools
import json
import re
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mistune
import pypandoc
import typst

from siting.print.document import (
    Block,
    Chapter,
    Cited,
    Document,
    below,
    gathered,
    rows_of_charts,
    runs,
)
from siting.show import style
from siting.show.exhibit import Exhibit

_COVER = "cover.json"
_SUFFIX = {"image/png": "png", "image/jpeg": "jpg", "image/svg+xml": "svg"}
LONG = 500
"""A row with a cell of more characters than this may break across pages."""
SHORT = 1400
"""A table of no more characters than this keeps together: no row leaves it for the next page."""
_MOST_SOURCES = 8
"""Titles of sources that close a chapter of the body; the appendix has them all."""


def lay_out(document: Document, folder: Path) -> None:
    """Writes what Typst sets as the PDF into `folder`, an empty place.

    Raises ValueError where HTML of a chapter cannot be read.
    """
    cover = document.cover
    facts = asdict(cover) | {
        "day": cover.day.isoformat(),
        "on_brand": cover.on_brand,
        "logo": f"logo.{cover.logo_type[:3]}" if cover.logo else None,
    }
    if cover.logo:
        (folder / facts["logo"]).write_bytes(cover.logo)
    (folder / _COVER).write_text(json.dumps(facts), encoding="utf-8")
    (folder / "report.typ").write_bytes((style.THEME / "report.typ").read_bytes())
    setter = _Setter(folder, cover.question)
    parts = [
        '#import "report.typ": *',
        f'#let cover = json("{_COVER}")',
        "#show: report.with(cover)",
    ]
    parts += [setter.chapter(chapter) for chapter in document.body]
    if document.appendix or document.sources:
        parts.append("#show: appendix")
        parts += [setter.chapter(chapter) for chapter in document.appendix]
    if document.sources:
        letter = chr(ord("A") + len(document.appendix))
        parts.append(setter.all_sources(document.sources, f"Appendix {letter}"))
    (folder / "main.typ").write_text("\n".join(parts), encoding="utf-8")


def typeset() -> None:
    """Sets what `lay_out` wrote into the current folder: `report.pdf`, tagged (PDF/UA-1).

    Meant for a process of its own. Typst keeps what it worked out for the last ten documents, some
    120 MiB for each, which no later report can use.
    Raises typst.TypstError where Typst refuses it.
    """
    day = json.loads(Path(_COVER).read_text(encoding="utf-8"))["day"]
    noon = dt.datetime.combine(dt.date.fromisoformat(day), dt.time(12), dt.UTC)
    typst.compile(
        "main.typ",
        output="report.pdf",
        root=".",
        font_paths=_fonts(),
        pdf_standards=["ua-1"],
        timestamp=int(noon.timestamp()),
    )


@cache
def _fonts() -> Any:
    return typst.Fonts(include_system_fonts=False, font_paths=[str(style.FONTS)])


@cache
def _glyphs() -> frozenset[int]:
    """Code points that the report's fonts can show: PDF/UA allows no other."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    fonts = [
        style.FONTS / "SourceSansPro-Regular.ttf",
        Path(get_data_path(), "fonts", "ttf", "DejaVuSansMono.ttf"),
    ]
    return frozenset(code for font in fonts for code in get_font(font).get_charmap())


def _shown(text: str) -> str:
    """Text without signs that no font of the report has; each becomes a box."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if ord(c) in _glyphs() or c == "\n" else "" if c < " " else "□" for c in text)


def quoted(text: str) -> str:
    """Text as a string of Typst."""
    plain = _shown(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
    return f'"{plain}"'


class _Setter:
    """Blocks as Typst; pictures are written into the folder as files."""

    def __init__(self, folder: Path, question: str) -> None:
        self.folder, self.question = folder, question
        self.files = itertools.count(1)

    def chapter(self, chapter: Chapter) -> str:
        own = " · this client’s own chapter" if chapter.own else ""
        asks = chapter.page_one and chapter.headline and self.question
        asked = f"“{self.question}”" if asks else chapter.title
        open_ = (
            f"#chapter({quoted(chapter.place)}, {quoted(asked + own)}, "
            f"[{_inline(chapter.headline)}], [{markdown(chapter.lead)}], "
            f"appendix: {str(chapter.appendix).lower()}, first: {str(chapter.page_one).lower()})"
        )
        rows = [self.row(row) for row in rows_of_charts(chapter.blocks)]
        if chapter.page_one:
            rows = list(itertools.chain.from_iterable(zip(rows, itertools.repeat("#v(1fr)"))))[:-1]
        close = _closing(chapter) if not chapter.appendix and not chapter.page_one else ""
        return "\n".join([open_, *rows, close])

    def row(self, row: Sequence[Block]) -> str:
        if len(row) == 1:
            return self.block(row[0])
        columns = ", ".join(f"{block.exhibit['width']}mm" for block in row)
        cells = ", ".join(f"[{self.block(block)}]" for block in row)
        return f"#beside(({columns}), {cells})"

    def block(self, block: Block) -> str:
        match block.kind:
            case "exhibit":
                return self.exhibit(block)
            case "markdown":
                return markdown(block.text)
            case "picture":
                return self.picture(block)
            case "html":
                return self.foreign(block.text)
            case _:
                return f"#printed({quoted_lines(block.text)})"

    def exhibit(self, block: Block) -> str:
        shown = block.exhibit
        match shown["kind"]:
            case "prose":
                return markdown(shown["markdown"])
            case "answers":
                return _answers(shown)
            case "cases":
                return ""
            case "chart":
                name = self._file("svg", shown["svg"].encode())
                return (
                    f"#chart({name}, {quoted(shown['alt'])}, {_caption(block)}, {shown['width']}mm)"
                )
        return f"#tabled({_caption(block)}, {_table(shown)})"

    def picture(self, block: Block) -> str:
        drawn = block.mime == "image/svg+xml"
        content = block.text.encode() if drawn else base64.b64decode(block.text)
        name = self._file(_SUFFIX[block.mime], content)
        alt = block.exhibit["alt"] or "Picture without a description"
        return f"#picture({name}, {quoted(alt)})"

    def foreign(self, html: str) -> str:
        """HTML of an analyst's own; its pictures become files, and nothing else is loaded."""
        mark = "picture" + hashlib.sha256(html.encode()).hexdigest()[:12]
        calls: list[str] = []

        def kept(alt: str, suffix: str, content: bytes) -> str:
            said = quoted(markup.unescape(alt) or "Picture without a description")
            calls.append(f"#picture({self._file(suffix, content)}, {said})")
            return f"{mark}{len(calls) - 1}x"

        def drawing(found: re.Match[str]) -> str:
            alt = re.search(r'aria-label="([^"]*)"', found[0])
            return kept(alt[1] if alt else "", "svg", found[0].encode())

        def picture(found: re.Match[str]) -> str:
            alt = re.search(r'\salt="([^"]*)"', found[0])
            data = re.search(r'\ssrc="data:([\w/+]+)(;base64)?,([^"]*)"', found[0])
            if data is None or data[1] not in _SUFFIX:
                return ""
            content = base64.b64decode(data[3]) if data[2] else data[3].encode()
            return kept(alt[1] if alt else "", _SUFFIX[data[1]], content)

        html = re.sub(r"<(style|script)\b.*?</\1\s*>", "", html, flags=re.DOTALL | re.IGNORECASE)
        html = re.sub(r"<svg\b.*?</svg>", drawing, html, flags=re.DOTALL)
        html = re.sub(r"<img\b[^>]*>", picture, html)
        return re.sub(rf"{mark}(\d+)x", lambda m: calls[int(m[1])], _pandoc(html))

    def _file(self, suffix: str, content: bytes) -> str:
        name = f"shown-{next(self.files)}.{suffix}"
        (self.folder / name).write_bytes(content)
        return quoted(name)

    def all_sources(self, sources: Iterable[Cited], place: str) -> str:
        rows = []
        for title, under in gathered(sources):
            places = "".join(
                f"({source.number}, {quoted(source.where)}, {quoted(source.url)}), "
                for source in under
            )
            rows.append(f"#source({quoted(title)}, {quoted(_site(under))}, ({places}))")
        head = f'#chapter({quoted(place)}, "Sources cited", [], [], appendix: true)'
        return "\n".join([head, "#columns(3, gutter: 5mm)[", *rows, "]"])


def _site(sources: Sequence[Cited]) -> str:
    """Where on the web sources of one title are, where they are in one place."""
    sites = {urlsplit(source.url).netloc for source in sources if source.url}
    return sites.pop() if len(sites) == 1 else ""


def quoted_lines(text: str) -> str:
    """Text whose line breaks stay."""
    return '"' + "\\n".join(quoted(line)[1:-1] for line in text.rstrip().splitlines()) + '"'


def _caption(block: Block) -> str:
    """Number, title, and the line under it with the numbers of the sources."""
    shown = block.exhibit
    return f"cap({quoted(block.number)}, {quoted(shown['title'])}, {quoted(below(block))})"


def _closing(chapter: Chapter) -> str:
    """The sources that close a chapter of the body, by title, with their numbers."""
    if not chapter.sources:
        return ""
    titles = gathered(chapter.sources)
    said = [f"{runs(s.number for s in under)} {title}" for title, under in titles[:_MOST_SOURCES]]
    more = len(titles) - _MOST_SOURCES
    if more > 0:
        said.append(f"{more} more in the appendix")
    brief = f"{runs(s.number for s in chapter.sources)}, listed in the appendix."
    return f"#sources({quoted('; '.join(said) + '.')}, {quoted(brief)})"


def _answers(shown: Exhibit) -> str:
    items = ", ".join(f"({quoted(q)}, [{markdown(a)}])" for q, a in shown["items"])
    return f"#answers({quoted(shown['heading'])}, {quoted(shown['tone'])}, ({items},))"


# --- Markdown


@cache
def _tokens() -> mistune.Markdown:
    return mistune.create_markdown(renderer=None, plugins=["table"])


def markdown(text: str) -> str:
    """Markdown as Typst. HTML in it is shown as text, an image as its description."""
    if not text.strip():
        return ""
    return "\n".join(filter(None, map(_block, _tokens()(text))))  # type: ignore[arg-type]


def _inline(text: str) -> str:
    """Markdown of one paragraph, without the paragraph."""
    found = [t for t in _tokens()(text) if isinstance(t, dict) and "children" in t]
    return "".join(map(_span, found[0]["children"])) if found else ""


def _block(token: dict[str, Any]) -> str:
    children = token.get("children", [])
    inside = "".join(map(_span, children)) if _holds_spans(token) else ""
    match token["type"]:
        case "heading":
            level = min(max(token["attrs"]["level"], 2), 4)
            return f"#heading(level: {level})[{inside}]"
        case "paragraph" | "block_text":
            return inside + "\n"
        case "list":
            items = ", ".join(f"[{''.join(map(_block, item['children']))}]" for item in children)
            return f"#{'enum' if token['attrs']['ordered'] else 'list'}({items})"
        case "block_quote":
            return f"#quote(block: true)[{''.join(map(_block, children))}]"
        case "block_code" | "block_html":
            return f"#printed({quoted_lines(token['raw'])})"
        case "thematic_break":
            return "#line(length: 100%, stroke: 0.5pt + grid-colour)"
        case "table":
            return _markdown_table(token)
    return ""


def _holds_spans(token: dict[str, Any]) -> bool:
    return token["type"] in ("heading", "paragraph", "block_text")


def _markdown_table(token: dict[str, Any]) -> str:
    head, body = token["children"]
    heads = ", ".join(f"[{''.join(map(_span, c['children']))}]" for c in head["children"])
    rows = [
        ", ".join(f"[{''.join(map(_span, cell['children']))}]" for cell in row["children"])
        for row in body["children"]
    ]
    lines = "".join(f"{row},\n" for row in rows)
    return f"#table(columns: {len(head['children'])}, table.header({heads}),\n{lines})"


_WRAPPED = {"strong": "strong", "emphasis": "emph", "strikethrough": "strike"}


def _span(token: dict[str, Any]) -> str:
    kind = token["type"]
    if kind in _WRAPPED:
        return f"#{_WRAPPED[kind]}[{''.join(map(_span, token['children']))}]"
    if kind == "link":
        url, inside = token["attrs"]["url"], "".join(map(_span, token["children"]))
        return f"#link({quoted(url)})[{inside}]" if url.startswith("https://") else inside
    if kind == "image":
        return "".join(map(_span, token["children"]))
    if kind in ("softbreak", "linebreak"):
        return "#linebreak()" if kind == "linebreak" else " "
    if kind == "codespan":
        return f"#raw({quoted(token['raw'])})"
    return f"#{quoted(markup.unescape(token.get('raw', '')))};"


# --- tables


def _table(shown: Exhibit) -> str:
    columns, rows = shown["columns"], shown["rows"]
    widths = ", ".join(f"{w:.2f}%" for w in _widths(columns, rows))
    short = sum(len(c["text"]) for row in rows for c in row["cells"]) <= SHORT
    aligned = ", ".join("right" if c["align"] == "right" else "left" for c in columns)
    body = "".join(f"  {_row(row, len(columns))},\n" for row in rows)
    small = str(bool(shown.get("small"))).lower()
    return (
        f"rows(({widths},), ({aligned},), ({_header(columns)},), short: {str(short).lower()}, "
        f"small: {small},\n{body})"
    )


def _header(columns: Sequence[Any]) -> str:
    cells = []
    if any(c["over"] for c in columns):
        for over, under in itertools.groupby(columns, lambda c: c["over"]):
            cells.append(f"table.cell(colspan: {len(list(under))}, over[#{quoted(over)}])")
    for column in columns:
        unit = f" #unit({quoted(column['unit'])})" if column["unit"] else ""
        head = f"#{quoted(column['head'])}"
        if colour := column.get("colour"):
            head = f"#text(fill: rgb({quoted(colour)}), weight: 600)[{head}]"
        cells.append(f"[{head}{unit}]")
    return ", ".join(cells)


def _row(row: Any, count: int) -> str:
    if row["kind"] == "group":
        name = quoted(row["cells"][0]["text"])
        return (
            f"table.header(level: 2, repeat: false, table.cell(colspan: {count}, strong[#{name}]))"
        )
    whole = max((len(c["text"]) for c in row["cells"]), default=0) < LONG
    cells = []
    for place, cell in enumerate(row["cells"]):
        content = f"#{quoted(cell['text'])}"
        if colour := cell.get("colour"):
            content = f"#text(fill: rgb({quoted(colour)}), weight: 600)[{content}]"
        if tone := cell.get("tone"):
            content = f"#verdict({quoted(tone)})[{content}]"
        if row["kind"] == "total":
            content = f"#strong[{content}]"
        keeps = "table.cell(breakable: false)" if whole and place == 0 else ""
        cells.append(f"{keeps}[{content}]")
    return ", ".join(cells)


def _widths(columns: Sequence[Any], rows: Sequence[Any]) -> list[float]:
    """Columns as wide as their text where all fit; else each has room for its longest word, and
    what is left goes to those that need more, the neediest not taking all. [% of the text's width]
    """
    least, whole = [], []
    for place, column in enumerate(columns):
        head = f"{column['head']} {column['unit']}".strip()
        texts = [r["cells"][place]["text"] for r in rows if r["kind"] != "group"]
        word = max([_longest_word(head), *map(_longest_word, texts)])
        least.append(word)
        whole.append(max([word, -(-len(head) // 2) + 1, *map(len, texts)]))
    width = [0.0] * len(columns)
    for short in (24, 18, 14, 0):
        width = [_percent(a if a <= short else b) for a, b in zip(whole, least, strict=True)]
        if sum(width) <= 92:
            break
    if sum(width) > 100:
        return [100 * w / sum(width) for w in width]
    more = [max(0.0, _percent(a) - w) for a, w in zip(whole, width, strict=True)]
    if sum(map(_percent, whole)) > 100 and any(more):
        shares = [m**0.6 for m in more]
        left = 100 - sum(width)
        more = [left * s / sum(shares) for s in shares]
    return _spread([w + m for w, m in zip(width, more, strict=True)], columns)


def _spread(widths: list[float], columns: Sequence[Any]) -> list[float]:
    """A table takes the width of the text: what is left goes to the first column and the rest."""
    left = 100 - sum(widths)
    if left <= 0 or len(columns) == 1:
        return widths
    return [w + left * (w / sum(widths)) for w in widths]


def _percent(characters: int) -> float:
    """Width of so many characters in a table's cell. [% of the text's width]"""
    return (characters * 4.5 + 9) / 470 * 100


def _longest_word(text: str) -> int:
    words: Iterable[str] = text.replace("/", " ").replace("-", " ").split(" ")
    return min(18, max(map(len, words)))  # report.typ breaks longer words in a table


def _pandoc(html: str) -> str:
    """HTML as Typst. Called as a program: pypandoc's own call starts it three times, to ask first
    what it can do. Raises ValueError where pandoc refuses."""
    done = subprocess.run(
        [
            pypandoc.get_pandoc_path(), "+RTS", "-A64m", "-RTS",  # room that saves it collecting
            "--from=html-auto_identifiers", "--to=typst", "--wrap=none",
            "--shift-heading-level-by=1",
        ],
        input=html, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"HTML of a chapter cannot be set: {done.stderr.strip()}")
    return done.stdout.replace("align(center)[#table(", "align(left)[#table(")
