"""The report on paper: a document as Typst, which sets it as a tagged PDF (PDF/UA-1).

Text reaches Typst as string literals, in which no sign is code. Markdown is read by mistune;
tables and charts come from exhibits. HTML of an analyst's own is read by `foreign`.
"""

from __future__ import annotations

import datetime as dt
import html as markup
import itertools
import json
import math
import re
import tempfile
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import mistune
import typst

from siting_report import style
from siting_report.exhibit import CitedSource, Column, Row, Table, head_of
from siting_report.print import foreign
from siting_report.print.document import (
    Block,
    Chapter,
    Cover,
    Document,
    gathered,
)
from siting_report.print.strings import in_line, quoted, quoted_lines

LONG = 500
"""A row with a cell of more characters than this may break across pages."""
SHORT = 1400
"""A table of no more characters than this keeps together: no row leaves it for the next page."""


def typeset(document: Document) -> bytes:
    """The document as a tagged PDF (PDF/UA-1).

    Meant for a process of its own. Typst keeps what it worked out for the last ten documents, some
    120 MiB for each, which no later report can use.
    Raises ValueError where HTML of a chapter cannot be read, or Typst refuses the document.
    """
    noon = dt.datetime.combine(document.cover.report_date, dt.time(12), dt.UTC)
    fonts = typst.Fonts(include_system_fonts=False, font_paths=[str(style.FONTS)])
    with tempfile.TemporaryDirectory() as folder:
        for name, content in _files(document).items():
            Path(folder, name).write_bytes(content)
        try:
            made = _fewest_pages(f"{folder}/main.typ", fonts).compile(
                format="pdf", pdf_standards=["ua-1"], timestamp=int(noon.timestamp())
            )
        except RuntimeError as error:
            raise ValueError(f"the PDF cannot be made: {error}") from None
    if not isinstance(made, bytes):  # a list is one of pictures, page by page
        raise TypeError("Typst returned no PDF")
    return made


def _fewest_pages(main: str, fonts: typst.Fonts) -> typst.Compiler:
    """What sets the document with a chapter of the body a page; where one does not fit on its page,
    and pages are saved by it, with the chapters from it on flowing."""
    folder = Path(main).parent
    a_page_each = typst.Compiler(main, root=folder, font_paths=fonts)
    begun = _starts(a_page_each)
    for nth, (page, following) in enumerate(itertools.pairwise(begun)):
        if following > page + 1:
            said = {"flows-from": str(nth)}
            flowing = typst.Compiler(main, root=folder, font_paths=fonts, sys_inputs=said)
            return min(a_page_each, flowing, key=lambda compiler: _starts(compiler)[-1])
    return a_page_each


def _starts(compiler: typst.Compiler) -> list[int]:
    """Pages on which the chapters of the body begin, and then the appendix."""
    pages: list[int] = json.loads(compiler.query("<begun>", field="value"))
    return pages


def _files(document: Document) -> dict[str, bytes]:
    """What Typst sets, by file name."""
    cover = document.cover
    setter = _Setter(cover)
    logo = {f"logo.{cover.logo_type[:3]}": cover.logo} if cover.logo else {}
    about = {
        "title": cover.title,
        "client": cover.client,
        "date": cover.date,
        "facts": cover.facts,
        "language": cover.numbers.language,
        "region": cover.numbers.country,
        "logo-of": cover.told("Logo of"),
        "of": cover.told("of"),
        "brand": cover.brand_colour,
        "paper": cover.paper,
        "logo": next(iter(logo), None),
    }
    parts = ['#import "report.typ": *', '#let cover = json("cover.json")']
    body = [setter.chapter(chapter, nth) for nth, chapter in enumerate(document.body)]
    parts += ["#show: report.with(cover)", *body]
    if document.appendix or document.sources:
        parts += ["#show: appendix", *map(setter.chapter, document.appendix)]
    if document.sources:
        letter = chr(ord("A") + len(document.appendix))
        parts.append(_all_sources(document.sources, letter, cover))
    return {
        "main.typ": "\n".join(parts).encode(),
        "report.typ": (style.THEME / "report.typ").read_bytes(),
        "cover.json": json.dumps(about).encode(),
        **logo,
        **setter.files,
    }


class _Setter:
    """Blocks as Typst; pictures become files."""

    def __init__(self, cover: Cover) -> None:
        self.cover = cover
        self.files: dict[str, bytes] = {}
        self.appendix = False
        self.cites = True

    def chapter(self, chapter: Chapter, nth: int = 0) -> str:
        """A chapter; nth: its place in the body, from 0."""
        self.appendix = chapter.appendix
        self.cites = not chapter.page_one
        own = f" · {self.cover.told('this client’s own chapter')}" if chapter.own else ""
        asks = chapter.page_one and chapter.headline and self.cover.question
        asked = self.cover.quoted_question if asks else chapter.title
        open_ = (
            f"#chapter({quoted(chapter.place)}, {quoted(asked + own)}, "
            f"[{_inline(chapter.headline)}], [{self._lead(chapter)}], "
            f"appendix: {json.dumps(chapter.appendix)}, first: {json.dumps(chapter.page_one)}, "
            f"nth: {nth})"
        )
        if chapter.appendix:
            return "\n".join([open_, *map(self.row, chapter.rows)])
        between = f"\n#gap({nth})\n" if chapter.page_one else "\n"
        shown = between.join(map(self.row, chapter.rows))
        return "\n".join([open_, "#fitted[", shown, "]"])

    def _lead(self, chapter: Chapter) -> str:
        """What qualifies the answer, and in its last line what both rest on; not on page one."""
        said = markdown(chapter.lead).rstrip()
        if not self.cites or not chapter.opening.spans:
            return said
        return f"{said} #small({quoted(chapter.opening.below)})"

    def row(self, row: Sequence[Block]) -> str:
        if len(row) == 1:
            return self.block(row[0])
        columns = ", ".join(f"{block.chart['width']}mm" for block in row if block.chart)
        cells = ", ".join(f"[{self.block(block)}]" for block in row)
        return f"#beside(({columns}), {cells})"

    def _below(self, block: Block) -> str:
        """The sources of prose, small; none on page one."""
        if not self.cites or not block.spans:
            return ""
        return f"\n#block(above: 1.5mm, small({quoted(block.below)}))"

    def block(self, block: Block) -> str:
        match block.kind:
            case "exhibit":
                return self.exhibit(block)
            case "markdown":
                return markdown(block.text)
            case "picture":
                suffix = foreign.SUFFIXES[block.mime]
                return self.picture(block.alt, suffix, block.content)
            case "html":
                return foreign.typst(block.text, self.picture)
            case _:
                return f"#printed({quoted_lines(block.text)})"

    def exhibit(self, block: Block) -> str:
        shown = block.exhibit
        assert shown is not None  # a block of this kind in a chapter's rows shows one
        match shown["kind"]:
            case "prose":
                return markdown(shown["markdown"]) + self._below(block)
            case "answers":
                items = ", ".join(f"({quoted(q)}, [{markdown(a)}])" for q, a in shown["items"])
                return f"#answers({quoted(shown['tone'])}, ({items},))" + self._below(block)
        titles = (block.number, shown["title"], block.below)
        caption = f"cap({', '.join(map(quoted, titles))})"
        if shown["kind"] == "chart":
            name = self._file("svg", shown["svg"].encode())
            return f"#chart({name}, {quoted(shown['alt'])}, {caption}, {shown['width']}mm)"
        table = json.dumps(_table(shown, self.appendix)).encode()
        return f"#tabled({caption}, json({self._file('json', table)}))"

    def picture(self, alt: str, suffix: str, content: bytes) -> str:
        return f"#picture({self._file(suffix, content)}, {quoted(alt)})"

    def _file(self, suffix: str, content: bytes) -> str:
        name = f"shown-{len(self.files) + 1}.{suffix}"
        self.files[name] = content
        return quoted(name)


def _all_sources(sources: Iterable[CitedSource], letter: str, cover: Cover) -> str:
    place = f"{cover.told('Appendix')} {letter}"
    title = cover.told("Sources cited")
    head = f"#chapter({quoted(place)}, {quoted(title)}, [], [], appendix: true)"
    rows = []
    for title, under in gathered(sources).items():
        places = "".join(
            f"({number}, {quoted(source['where'])}, {quoted(source['url'])}), "
            for number, source in under.items()
        )
        rows.append(f"#source({quoted(title)}, {quoted(_site(under.values()))}, ({places}))")
    return "\n".join([head, "#columns(3, gutter: 5mm)[", *rows, "]"])


def _site(sources: Iterable[CitedSource]) -> str:
    """Where on the web sources of one title are, where they are in one place."""
    sites = {urlsplit(source["url"]).netloc for source in sources if source["url"]}
    return sites.pop() if len(sites) == 1 else ""


# --- Markdown


@cache
def _tokens() -> mistune.Markdown:
    return mistune.create_markdown(renderer=None, plugins=["table"])


def markdown(text: str) -> str:
    """Markdown as Typst. HTML in it is shown as text, an image as its description."""
    return "\n".join(filter(None, map(_set, _read(text))))


def _inline(text: str) -> str:
    """Markdown of one paragraph, without the paragraph."""
    return "".join(_inside(token) for token in _read(text) if "children" in token)


def _read(text: str) -> list[dict[str, Any]]:
    return _tokens()(text) if text.strip() else []  # type: ignore[return-value]


_SET = {
    "blank_line": "",
    "block_quote": "#quote(block: true)[{}]",
    "block_text": "{}\n",
    "emphasis": "#emph[{}]",
    "image": "{}",
    "linebreak": "#linebreak()",
    "list_item": "[{}]",
    "paragraph": "{}\n",
    "softbreak": " ",
    "strikethrough": "#strike[{}]",
    "strong": "#strong[{}]",
    "table_cell": "[{}]",
    "thematic_break": "#line(length: 100%, stroke: 0.5pt + grid-colour)",
}
"""What becomes of Markdown's tokens, around what is inside them."""


def _set(token: dict[str, Any]) -> str:
    kind = token["type"]
    children = token.get("children", [])
    match kind:
        case "heading":
            level = min(max(token["attrs"]["level"], 2), 4)
            return f"#heading(level: {level})[{_inside(token)}]"
        case "list":
            ordered = "enum" if token["attrs"]["ordered"] else "list"
            return f"#{ordered}({', '.join(map(_set, children))})"
        case "link":
            url = token["attrs"]["url"]
            inside = _inside(token)
            return f"#link({quoted(url)})[{inside}]" if url.startswith("https://") else inside
        case "codespan":
            return f"#raw({quoted(token['raw'])})"
        case "block_code" | "block_html":
            return f"#printed({quoted_lines(token['raw'])})"
        case "table":
            head, body = children
            rows = [", ".join(map(_set, row["children"])) for row in (head, *body["children"])]
            lines = "".join(f"{row},\n" for row in rows[1:])
            return f"#table(columns: {len(head['children'])}, table.header({rows[0]}),\n{lines})"
    if kind in _SET:
        return _SET[kind].format(_inside(token))
    return f"#{quoted(markup.unescape(token.get('raw', '')))};"


def _inside(token: dict[str, Any]) -> str:
    return "".join(map(_set, token.get("children", ())))


# --- tables


BODY_PT = {"usual": 9.0, "small": 7.0}
APPENDIX_PT = {"usual": 7.3, "small": 6.6}
"""Sizes of a table's text."""
TEXT_PT = 470
"""Width of the text on a page."""
BESIDE_PT = 9
"""What a cell keeps free on both sides of its text."""
LONGEST_WORD = 18
"""Letters: report.typ breaks longer words in a table."""


def _table(shown: Table, appendix: bool) -> dict[str, Any]:
    """A table as report.typ takes it."""
    columns = shown["columns"]
    sizes = APPENDIX_PT if appendix else BODY_PT
    size = sizes["small" if shown["small"] else "usual"]
    rows = []
    lengths = list[int]()
    for row in shown["rows"]:
        cells = [{**cell, "text": in_line(cell["text"])} for cell in row["cells"]]
        own = [len(cell["text"]) for cell in row["cells"]]
        lengths += own
        rows.append({**row, "cells": cells, "whole": max(own, default=0) < LONG})
    return {
        "columns": [{**c, "head": in_line(c["head"]), "unit": in_line(c["unit"])} for c in columns],
        "rows": rows,
        "widths": [round(width, 2) for width in _widths(columns, shown["rows"], size)],
        "size": size,
        "short": sum(lengths) <= SHORT,
    }


def _widths(columns: Sequence[Column], rows: Sequence[Row], size: float) -> list[float]:
    """Columns as wide as their text where all fit; else each has room for its longest word, and
    what is left is shared in proportion to what each needs beyond that. A table of several columns
    takes the width of the text. [% of the text's width]
    """
    least = list[float]()
    more = list[float]()
    for place, column in enumerate(columns):
        head = head_of(column)
        texts = [r["cells"][place]["text"] for r in rows if r["kind"] != "group"]
        word = max(map(_longest_word, [head, *texts]))
        # All of its text in one line, and its head in two.
        whole = max([word, math.ceil(len(head) / 2) + 1, *map(len, texts)])
        least.append(_percent(word, size))
        more.append(_percent(whole, size) - least[-1])
    left = max(0.0, 100 - sum(least))
    share = min(1.0, left / sum(more)) if any(more) else 0.0
    width = [word + share * beyond for word, beyond in zip(least, more, strict=True)]
    if len(columns) == 1 and sum(width) < 100:
        return width
    return [100 * given / sum(width) for given in width]


def _percent(letters: int, size: float) -> float:
    """Width of so many letters of a size [pt] in a table's cell. [% of the text's width]"""
    return (letters * size / 2 + BESIDE_PT) / TEXT_PT * 100


def _longest_word(text: str) -> int:
    # No line breaks before a digit: `gemma-4-31B` is one word.
    return min(LONGEST_WORD, max(map(len, re.split(r" |[/-](?!\d)", text))))
