"""Executed chapters to one HTML page and one PDF, with the same content.

nbconvert turns each notebook into a piece of HTML; here the pieces get their numbers, footnotes,
cover, terms and contents. The page is that HTML in a template; the PDF is the same HTML through
pandoc and Typst. Nothing here depends on the clock or on the machine.
"""

from __future__ import annotations

import base64
import csv
import datetime as dt
import html
import io
import itertools
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import jinja2
import pypandoc
import typst
from fontTools import subset
from fontTools.ttLib import TTFont
from nbconvert.exporters import TemplateExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbformat import NotebookNode

from siting.exhibits import style
from siting.print import paper_table

THEME = style.THEME


@dataclass(frozen=True)
class Cover:
    """What stands on page one, besides the answer."""

    client: str
    title: str
    question: str
    date: str
    """As the client's country writes it."""
    day: dt.date
    """The same day; it dates the PDF."""
    region: str
    brand: str
    paper: Literal["a4", "us-letter"]
    logo: bytes | None = None

    @property
    def on_brand(self) -> str:
        """Black or white, whichever is easier to read on the brand colour."""
        return max(("#ffffff", "#000000"), key=lambda text: style.contrast(text, self.brand))

    @property
    def logo_type(self) -> str:
        return "png" if (self.logo or b"").startswith(b"\x89PNG") else "svg+xml"


@dataclass(frozen=True)
class Chapter:
    """A chapter's title, its anchor, and its body as HTML."""

    title: str
    anchor: str
    body: str


@dataclass(frozen=True)
class Cited:
    """A source of the list: citation and address, both escaped HTML."""

    citation: str
    url: str


@dataclass(frozen=True)
class Document:
    """A whole report as HTML pieces; `<cite>` marks where a source is cited."""

    cover: Cover
    page_one: str
    chapters: tuple[Chapter, ...]
    sources: tuple[Cited, ...]
    glossary: tuple[tuple[str, str], ...]


_CITE = re.compile(r'<cite data-url="([^"]*)"[^>]*>(.*?)</cite>', re.DOTALL)
_CITES = re.compile(r"<cite .*?</cite>(?:; <cite .*?</cite>)*", re.DOTALL)
_SVG = re.compile(r"<svg .*?</svg>", re.DOTALL)
_PAGE_ONE = re.compile(r"<!--page one-->(.*?)<!--/page one-->", re.DOTALL)
_CAPTION = re.compile(r'(<figure class="(chart|table)"[^>]*>\s*<figcaption>)')


def compose(notebooks: Sequence[NotebookNode], cover: Cover) -> Document:
    """The report's document: exhibits numbered, headings one level down, sources collected."""
    exporter = _exporter()
    pieces = []
    for number, notebook in enumerate(notebooks, start=1):
        body, _ = exporter.from_notebook_node(notebook)
        body = re.sub(r"<style>.*?</style>", "", body, flags=re.DOTALL)
        pieces.append(_headed(body, number))
    body = _numbered("\f".join(pieces))
    page_one = "".join(_PAGE_ONE.findall(body))
    body = _PAGE_ONE.sub("", body)
    chapters = tuple(map(_chapter, body.split("\f")))
    sources = tuple(Cited(text, url) for url, text in dict.fromkeys(_CITE.findall(body)))
    return Document(cover, page_one, chapters, sources, _terms(body + page_one))


@cache
def _exporter() -> TemplateExporter:
    """nbconvert without the second reading that HTMLExporter gives the whole page: it costs as
    much as all the rest, and spells `viewBox` in a way that only HTML readers understand."""
    exporter = TemplateExporter(
        template_name="chapter",
        template_file="index.html.j2",
        extra_template_basedirs=[str(THEME)],
        exclude_input=True,
    )
    exporter.register_filter("markdown2html", _markdown)
    return exporter


def _markdown(source: str) -> str:
    renderer = IPythonRenderer(escape=False, exclude_anchor_links=True)
    return str(MarkdownWithMath(renderer=renderer).render(source))


def _headed(body: str, number: int) -> str:
    """Each heading one level down, with an id that is unique in the report."""
    count = itertools.count()

    def heading(match: re.Match[str]) -> str:
        return (
            f'<h{int(match[1]) + 1} id="c{number}-{next(count)}">{match[2]}</h{int(match[1]) + 1}>'
        )

    return re.sub(r"<h([1-5])[^>]*>(.*?)</h\1>", heading, body, flags=re.DOTALL)


def _numbered(body: str) -> str:
    """Puts `Figure 3.` or `Table 2.` before each title."""
    count = {"chart": 0, "table": 0}
    words = {"chart": "Figure", "table": "Table"}

    def one(match: re.Match[str]) -> str:
        kind = match[2]
        count[kind] += 1
        return f'{match[1]}<span class="number">{words[kind]} {count[kind]}.</span> '

    return _CAPTION.sub(one, body)


def _chapter(body: str) -> Chapter:
    heading = re.search(r'<h2 id="([^"]*)">(.*?)</h2>', body, re.DOTALL)
    if heading is None:
        raise ValueError("a chapter needs a first-level heading: its question")
    title = html.unescape(re.sub(r"<[^>]+>", "", heading[2])).strip()
    return Chapter(title, heading[1], body)


def _terms(body: str) -> tuple[tuple[str, str], ...]:
    """The terms of the glossary that the text uses."""
    text = html.unescape(re.sub(r"<[^>]+>", " ", _SVG.sub(" ", body)))
    with (THEME / "glossary.csv").open(encoding="utf-8", newline="") as file:
        rows = [(row["term"], row["meaning"]) for row in csv.DictReader(file)]
    return tuple(
        row for row in rows if re.search(rf"\b{re.escape(row[0])}s?\b", text, re.IGNORECASE)
    )


def _sources_in(markup: str) -> list[Cited]:
    return [Cited(text, url) for url, text in dict.fromkeys(_CITE.findall(markup))]


def _runs(numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Sorted numbers, three or more in a row as one run: 1, 2, 3, 7 as 1 to 3 and 7."""
    runs: list[tuple[int, int]] = []
    for n in sorted(set(numbers)):
        if runs and n == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], n)
        else:
            runs.append((n, n))
    return [
        run
        for first, last in runs
        for run in (
            [(first, last)] if last - first > 1 else [(n, n) for n in range(first, last + 1)]
        )
    ]


def _span(first: int, last: int) -> str:
    return str(first) if first == last else f"{first}–{last}"


# --- the page


def page(document: Document) -> str:
    """The report as one self-contained HTML page without scripts."""
    number = {source: i for i, source in enumerate(document.sources, start=1)}

    def note(numbers: Sequence[int]) -> str:
        return ", ".join(
            f'<a class="noteref" role="doc-noteref" href="#source-{first}">{_span(first, last)}</a>'
            for first, last in _runs(numbers)
        )

    def cited(match: re.Match[str]) -> str:
        return note([number[source] for source in _sources_in(match[0])])

    def finished(body: str) -> str:
        return _themed(_CITES.sub(cited, body))

    cover = document.cover
    logo = base64.b64encode(cover.logo).decode() if cover.logo else ""
    return _template().render(
        cover=cover,
        logo=f"data:image/{cover.logo_type};base64,{logo}" if logo else "",
        css=_css(),
        page_one=finished(document.page_one),
        chapters=[Chapter(c.title, c.anchor, finished(c.body)) for c in document.chapters],
        glossary=document.glossary,
        sources=document.sources,
        marks=style.MARKS,
    )


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(THEME)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("page.html.j2")


@cache
def _css() -> str:
    sheets = [(THEME / name).read_text(encoding="utf-8") for name in ("report.css", "exhibits.css")]
    return "".join([*_font_faces(), *sheets])


_LETTERS = (
    *range(0x20, 0x180), *range(0x2000, 0x2070), *range(0x20A0, 0x20C0), *range(0x2190, 0x2194),
    0x2212, 0x2248, 0x2260, 0x2264, 0x2265, 0x2713, 0x2715,
)  # fmt: skip
"""Code points that the page's own font covers: European Latin, currencies, marks. Others fall
back to a font of the reader's machine."""


def _font_faces() -> Iterator[str]:
    """The typeface of paper and charts, in the page itself: no reader has to have it."""
    faces = (("Regular", 400, "normal"), ("Semibold", 600, "normal"), ("It", 400, "italic"))
    for name, weight, slant in faces:
        options = subset.Options(hinting=False, recalc_timestamp=False, name_IDs=[])
        options.layout_features = ["kern", "tnum", "lnum"]
        font = TTFont(style.FONTS / f"SourceSansPro-{name}.ttf", recalcTimestamp=False)
        chosen = subset.Subsetter(options)
        chosen.populate(unicodes=_LETTERS)
        chosen.subset(font)
        font.flavor = "woff"
        data = io.BytesIO()
        font.save(data)
        yield (
            f"@font-face{{font-family:'Source Sans Pro';font-weight:{weight};font-style:{slant};"
            f"src:url(data:font/woff;base64,{base64.b64encode(data.getvalue()).decode()})}}\n"
        )


def warm() -> None:
    """Prepares what every report needs, while others compute."""
    for prepare in (_exporter, _template, _css):
        prepare()


def _themed(body: str) -> str:
    """Charts take the page's colours, so that they are legible in the dark too."""
    named = {colour: f"c{i}" for i, colour in enumerate(style.SERIES)}
    named |= {style.INK: "ink", style.MUTED: "muted", style.LINE: "line", style.GRID: "grid"}
    named |= {style.GOOD: "good", style.BAD: "bad", style.CAUTION: "caution", "#ffffff": "paper"}
    colours = re.compile(rf"(?<=: )({'|'.join(named)})\b")

    def svg(match: re.Match[str]) -> str:
        return colours.sub(lambda c: f"var(--{named[c[1]]})", match[0])

    return _SVG.sub(svg, body)


# --- paper


def lay_out(document: Document, folder: Path) -> None:
    """Writes what Typst sets as the PDF into `folder`, an empty place.

    Raises ValueError where pandoc refuses the document.
    """
    body = _for_paper(document, folder)
    front, rest = _pandoc(body).split("PAGE-ONE-ENDS", 1)
    cover = document.cover
    facts = asdict(cover) | {
        "day": cover.day.isoformat(),
        "on_brand": cover.on_brand,
        "logo": f"logo.{cover.logo_type[:3]}" if cover.logo else None,
    }
    if cover.logo:
        (folder / facts["logo"]).write_bytes(cover.logo)
    (folder / _COVER).write_text(json.dumps(facts), encoding="utf-8")
    (folder / "marks.json").write_text(json.dumps(style.MARKS), encoding="utf-8")
    (folder / "report.typ").write_bytes((THEME / "report.typ").read_bytes())
    main = _MAIN.format(front=front, rest=rest, cover=_COVER)
    (folder / "main.typ").write_text(main, encoding="utf-8")


def typeset() -> None:
    """Sets what `lay_out` wrote into the current folder: `report.pdf`, tagged (PDF/UA-1).

    Meant for a process of its own. Typst keeps what it worked out for the last ten documents, some
    120 MiB for each, which no later report can use.
    Raises typst.TypstError where Typst refuses it, as when a chart has no alternative text.
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


def _pandoc(body: str) -> str:
    """HTML as Typst. Called as a program: pypandoc's own call starts it three times, to ask first
    what it can do. Raises ValueError where pandoc refuses."""
    done = subprocess.run(
        [
            pypandoc.get_pandoc_path(), "+RTS", "-A64m", "-RTS",  # room that saves it collecting
            "--from=html-auto_identifiers", "--to=typst", "--wrap=none",
            "--shift-heading-level-by=-1", f"--lua-filter={THEME}/paper.lua",
        ],
        input=body, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    if done.returncode:
        raise ValueError(f"the PDF cannot be made: {done.stderr.strip()}")
    # pandoc centres every table; the reader's eye wants them at the margin, like the text.
    return done.stdout.replace("align(center)[#table(", "align(left)[#table(")


_COVER = "cover.json"

_MAIN = """#import "report.typ": *
#let cover = json("{cover}")
#show: body => report(cover, json("marks.json"), body)
#cover-band(cover)
{front}
#pagebreak()
#contents()
{rest}
"""


@cache
def _fonts() -> Any:
    return typst.Fonts(include_system_fonts=False, font_paths=[str(style.FONTS)])


_OWN_TABLE = re.compile(r'<div class="wide" tabindex="0">(<table>.*?</table>)</div>', re.DOTALL)


def _for_paper(document: Document, folder: Path) -> str:
    """One HTML text for pandoc: charts and tables as files, citations as footnotes."""
    number: Mapping[Cited, int] = {s: i for i, s in enumerate(document.sources, start=1)}
    seen: set[int] = set()
    charts, tables = itertools.count(1), itertools.count(1)

    def chart(match: re.Match[str]) -> str:
        name = f"chart-{next(charts)}.svg"
        (folder / name).write_text(match[0], encoding="utf-8")
        label = re.search(r'aria-label="([^"]*)"', match[0])
        return f'<img src="{name}" alt="{label[1] if label else ""}">'

    def footnote(source: Cited) -> str:
        link = f' <a href="{source.url}">{source.url}</a>' if source.url else ""
        return f'<span class="source">{source.citation}{link}</span>'

    def cited(match: re.Match[str]) -> str:
        """New sources as footnotes, then those that have one already by their numbers."""
        new = [s for s in _sources_in(match[0]) if number[s] not in seen]
        old = sorted({number[s] for s in _sources_in(match[0])} & seen)
        seen.update(number[s] for s in new)
        marks = [footnote(s) for s in new]
        marks += [_span(first, last) for first, last in _runs(old)]
        again = '<span class="again">, </span>'
        return again.join(
            m if m.startswith("<") else f'<span class="again">{m}</span>' for m in marks
        )

    def table(match: re.Match[str]) -> str:
        name = f"table-{next(tables)}.typ"
        (folder / name).write_text(paper_table.typst(match[1]), encoding="utf-8")
        return f'<img src="{name}">'

    def finished(body: str) -> str:
        return _CITES.sub(cited, _OWN_TABLE.sub(table, _SVG.sub(chart, body)))

    parts = [finished(document.page_one), "<p>PAGE-ONE-ENDS</p>"]
    parts += [finished(chapter.body) for chapter in document.chapters]
    if document.glossary:
        terms = "".join(
            f"<dt>{html.escape(term)}</dt><dd>{html.escape(meaning)}</dd>"
            for term, meaning in document.glossary
        )
        parts.append(f"<h2>Terms</h2><dl>{terms}</dl>")
    return "".join(parts)
