"""A report as a document: executed chapters taken apart into blocks, exhibits and sources numbered.

What a cell showed as an exhibit keeps its structure; whatever else it showed (a picture, HTML,
Markdown, text) becomes a block of its own. Page and paper are set from the same document, which
depends neither on the clock nor on the machine.
"""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from siting_report.exhibit import MIME, Chart, CitedSource, Exhibit
from siting_report.formats import Numbers
from siting_report.print import foreign
from siting_report.print.foreign import UNDESCRIBED
from siting_report.texts import catalogue

_NUMBERED = {"chart": "Figure", "table": "Table"}
_MOST_SPANS = 5
"""Numbers of sources, or runs of them, below a sentence: more are a wall that nobody reads."""
_TEXT_MM = 167
_GUTTER_MM = 6
"""Width that charts in a row may take, and what lies between two."""
_NARROW_MM = 120
"""A chart as wide as that stands alone."""
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_HEADING = re.compile(r"^(#+ )(.+)$", re.MULTILINE)
"""A heading in Markdown."""
_HARMFUL = re.compile(r"<(script|style)\b.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
"""Scripts and style sheets of an analyst's own HTML: the page's policy would stop them."""


@dataclass(frozen=True, kw_only=True)
class Cover:
    """What stands on page one, besides the answer, and how the report looks."""

    title: str
    client: str
    """Name of who asks."""
    question: str
    """In one sentence; empty where none is said."""
    report_date: dt.date
    numbers: Numbers
    """How the client's country writes them."""
    paper: str
    """`a4` or `us-letter`."""
    brand_colour: str
    """As `#1f3a5f`."""
    logo: bytes | None
    """A picture, PNG or SVG."""
    figures: Mapping[str, str]
    """Files of the report that hold its figures, and what a reader calls each."""
    facts: str = ""
    """In words, the day of the facts that it was made with, where that is not the report's own."""

    @property
    def date(self) -> str:
        """The report's day as the client's country writes it."""
        return self.numbers.date(self.report_date)

    @property
    def quoted_question(self) -> str:
        """What the client asks, between the marks of the report's language."""
        opens, closes = "„“" if self.numbers.language == "de" else "“”"
        return f"{opens}{self.question}{closes}"

    def told(self, english: str) -> str:
        """A text of the report's frame in its language."""
        return catalogue(self.numbers.language).told(english)

    @property
    def logo_type(self) -> str:
        return "png" if (self.logo or b"").startswith(b"\x89PNG") else "svg+xml"


@dataclass(kw_only=True)
class Block:
    """A piece of a chapter.

    kind: `markdown`, `exhibit`, `picture`, `html` or `text`. An exhibit that has a title also has
    a number (`Figure 3`).
    """

    kind: str
    text: str = ""
    exhibit: Exhibit | None = None
    number: str = ""
    mime: str = ""
    content: bytes = b""
    """Of a picture."""
    alt: str = ""
    """Of a picture: what it shows."""
    cites: str = ""
    """The word before the numbers of its sources."""
    spans: Sequence[str] = ()
    """These numbers, runs of them drawn together."""
    others: str = ""
    """A word on sources that are not numbered below it: the report's list of sources has them."""

    @property
    def prose(self) -> str:
        """The Markdown that it says; empty for a block of another kind."""
        return self.exhibit["markdown"] if self.exhibit and self.exhibit["kind"] == "prose" else ""

    @property
    def chart(self) -> Chart | None:
        """Its exhibit, where that is a chart."""
        return self.exhibit if self.exhibit and self.exhibit["kind"] == "chart" else None

    @property
    def below(self) -> str:
        """The small line of an exhibit: how to read it, and where its numbers come from."""
        cited = f"{self.cites} {', '.join(self.spans)}{self.others}." if self.spans else ""
        note = self.exhibit.get("note", "") if self.exhibit else ""
        return f"{str(note).strip()} {cited}".strip()

    @property
    def anchor(self) -> str:
        return self.number.lower().replace(" ", "-")


@dataclass(kw_only=True)
class Chapter:
    """A chapter: its question, the answer that opens it, and its blocks."""

    name: str
    title: str
    headline: str
    """The answer in one sentence; empty where the chapter opens without."""
    lead: str
    """What qualifies it, in Markdown."""
    opening: Block
    """The prose that both come from, with its sources; without any where the chapter has none."""
    blocks: list[Block]
    """All that follows."""
    appendix: bool = False
    own: bool = False
    """A chapter that this client alone has."""
    page_one: bool = False
    place: str = ""
    """`4`, or `Appendix B`."""

    @property
    def rows(self) -> list[list[Block]]:
        """Blocks in rows: charts that follow each other and fit beside each other share one."""
        rows = list[list[Block]]()
        room_mm = 0.0
        for block in self.blocks:
            width = block.chart["width"] if block.chart else _TEXT_MM
            is_narrow = width < _NARROW_MM
            if is_narrow and width <= room_mm:
                rows[-1].append(block)
            else:
                rows.append([block])
                room_mm = _TEXT_MM
            room_mm = room_mm - width - _GUTTER_MM if is_narrow else 0
        return rows

    @property
    def every_block(self) -> list[Block]:
        """Blocks as they are read, the opening first."""
        return [self.opening, *self.blocks]

    @property
    def anchor(self) -> str:
        return "c-" + re.sub(r"\W+", "-", self.name.lower())


@dataclass(frozen=True)
class Document:
    """A whole report."""

    cover: Cover
    chapters: tuple[Chapter, ...]
    sources: Sequence[CitedSource]
    """In the order of their numbers, from 1."""

    @property
    def body(self) -> list[Chapter]:
        return [c for c in self.chapters if not c.appendix]

    @property
    def appendix(self) -> list[Chapter]:
        return [c for c in self.chapters if c.appendix]

    @property
    def letters(self) -> dict[str, str]:
        """Markdown files of the report by their name: what chapters say in each, in order."""
        said: dict[str, list[str]] = {}
        for block in itertools.chain.from_iterable(c.every_block for c in self.chapters):
            shown = block.exhibit
            if shown and shown["kind"] == "prose" and shown.get("file"):
                head = f"# {self.cover.client}, {self.cover.date}"
                said.setdefault(shown["file"], [head]).append(shown["markdown"].strip())
        return {name: "\n\n".join(texts) + "\n" for name, texts in said.items()}


def compose(chapters: Iterable[Chapter], cover: Cover) -> Document:
    """The document of chapters in their order, appendix after body; numbers all that has one."""
    placed = sorted(chapters, key=lambda c: c.appendix)  # stable: each part keeps its order
    numbers = itertools.count(1)
    letters = map(chr, itertools.count(ord("A")))
    for chapter in placed:
        chapter.title = cover.told(chapter.title)
        appendix = f"{cover.told('Appendix')} {next(letters)}" if chapter.appendix else ""
        chapter.place = appendix or str(next(numbers))
    counts = {kind: itertools.count(1) for kind in _NUMBERED}
    known: dict[tuple[str, str], tuple[int, CitedSource]] = {}
    for block in itertools.chain.from_iterable(chapter.every_block for chapter in placed):
        shown = block.exhibit
        if block.kind == "markdown":
            block.text = _HEADING.sub(lambda found: found[1] + cover.told(found[2]), block.text)
        if shown is None:
            continue
        if shown["kind"] in ("chart", "table") and shown["title"]:
            kind = shown["kind"]
            block.number = f"{cover.told(_NUMBERED[kind])} {next(counts[kind])}"
        numbers_cited = set()
        for source in shown["sources"]:  # numbered as the report first cites them
            new = (len(known) + 1, source)
            number, _ = known.setdefault((source["text"], source["url"]), new)
            numbers_cited.add(number)
        _cite(block, numbers_cited, cover)
    _refer(placed, cover.told("part"))
    return Document(cover, tuple(placed), [source for _, source in known.values()])


def _cite(block: Block, numbers: Collection[int], cover: Cover) -> None:
    """Says below a block by which numbers its sources are listed; of sentences, by a few."""
    spans = runs(numbers)
    is_said = block.exhibit is not None and block.exhibit["kind"] in ("prose", "answers")
    block.cites = cover.told("Source")
    if len(numbers) > 1:
        block.cites = cover.told("Sources")
    block.spans = spans[:_MOST_SPANS] if is_said else spans
    block.others = f" {cover.told('and others')}" if len(block.spans) < len(spans) else ""


_REFERENCE = re.compile(r"\[([^\]]+)\]\(#([\w-]+)\)")
"""A sentence's link to an exhibit, or to a chapter, by its name."""


def _refer(chapters: Iterable[Chapter], part: str) -> None:
    """Writes the number of a named exhibit, or of a chapter, where a sentence refers to it; what
    the link says where the report has none of this name."""
    chapters = tuple(chapters)
    numbers = {
        chapter.name: chapter.place if chapter.appendix else f"{part} {chapter.place}"
        for chapter in chapters
    }
    for block in itertools.chain.from_iterable(chapter.blocks for chapter in chapters):
        shown = block.exhibit
        if shown and shown["kind"] == "table" and shown["name"]:
            numbers[shown["name"]] = block.number

    def told(text: str) -> str:
        return _REFERENCE.sub(lambda found: numbers.get(found[2], found[1]), text)

    for chapter in chapters:
        chapter.headline = told(chapter.headline)
        chapter.lead = told(chapter.lead)
        for block in chapter.blocks:
            if block.exhibit:
                _tell_anew(block.exhibit, told)


def _tell_anew(shown: Exhibit, told: Callable[[str], str]) -> None:
    """Changes the sentences of an exhibit."""
    match shown["kind"]:
        case "prose":
            shown["markdown"] = told(shown["markdown"])
        case "answers":
            shown["items"] = [[question, told(said)] for question, said in shown["items"]]
        case _:
            shown["note"] = told(shown["note"])


_FOR_TESTS = frozenset({"keep_output", "remove-cell"})
"""Tags of cells that are for tests alone."""
_PAGE_ONE = "page_one"
TAGS = (
    frozenset({"parameters", "injected-parameters", "nbval-check-output", _PAGE_ONE}) | _FOR_TESTS
)
"""Tags of cells that something reads."""


def chapter(executed: Mapping[str, Any], name: str, part: str, own: bool) -> Chapter:
    """A chapter of an executed notebook, its JSON. part: body or appendix.

    Raises ValueError where it has no first-level heading, or a cell shows what cannot be set.
    """
    title = ""
    blocks = list[Block]()
    first = False
    for cell in executed["cells"]:
        tags = cell["metadata"].get("tags", ())
        if not _FOR_TESTS.isdisjoint(tags):
            continue
        if cell["cell_type"] == "markdown":
            text = cell["source"]
            heading = re.match(r"\s*# (.*?)\s*(?:\n|$)", text)
            if heading and not title:
                title = heading[1]
                text = text[heading.end() :]
            if text.strip():
                blocks.append(Block(kind="markdown", text=text))
        elif cell["cell_type"] == "code":
            first = first or _PAGE_ONE in tags
            try:
                blocks += filter(None, map(_shown, cell.get("outputs", ())))
            except ValueError as error:
                where = f"{name}.ipynb, cell {cell.get('id', '?')}"
                raise ValueError(f"{where}: {error}") from None
    if not title:
        raise ValueError("a chapter needs a first-level heading: its question")
    opening = next((block for block in blocks if block.prose), None)
    answer = _ANSWER.search(opening.prose) if opening else None
    if opening is None or answer is None:
        opening = Block(kind="exhibit")
    around = (opening.prose[: answer.start()], opening.prose[answer.end() :]) if answer else ()
    return Chapter(
        name=name,
        title=title,
        headline=answer[1] if answer else "",
        lead="\n\n".join(around).strip(),
        opening=opening,
        blocks=[block for block in blocks if block is not opening],
        appendix=part == "appendix",
        own=own,
        page_one=first,
    )


def _shown(output: Mapping[str, Any]) -> Block | None:
    """What one output of a cell becomes; nothing of an error or stderr, which are no reading.
    Raises ValueError where its HTML is nested too deeply, or its picture is none."""
    data = output.get("data", {})
    metadata = output.get("metadata", {})
    if output.get("name") == "stdout":
        data = {"text/plain": output["text"]}
    if MIME in data:
        exhibit: Exhibit = data[MIME]
        return Block(kind="exhibit", exhibit=exhibit)
    for kind in _PICTURES:
        if kind in data:
            alt = metadata.get("alt") or metadata.get(kind, {}).get("alt")
            drawn = kind == "image/svg+xml"
            content = data[kind].encode() if drawn else base64.b64decode(data[kind])
            return Block(kind="picture", mime=kind, content=content, alt=alt or UNDESCRIBED)
    if "text/html" in data:
        html = _HARMFUL.sub("", data["text/html"])
        foreign.read(html)
        return Block(kind="html", text=html)
    if "text/markdown" in data:
        return Block(kind="markdown", text=data["text/markdown"])
    text = data.get("text/latex") or data.get("text/plain", "")
    return Block(kind="text", text=text) if text.strip() else None


_ANSWER = re.compile(r"^# (.*?)\s*$", re.MULTILINE)
"""The line of prose that answers a chapter's question. A chapter is opened by its first prose, if
that has one."""


def runs(numbers: Iterable[int]) -> list[str]:
    """Numbers in short: 1, 2, 3, 7 as `1–3` and `7`."""
    said = list[str]()
    for _, run in itertools.groupby(enumerate(sorted(set(numbers))), lambda at: at[1] - at[0]):
        row = [str(number) for _, number in run]
        said += [f"{row[0]}–{row[-1]}"] if len(row) > 2 else row
    return said


def gathered(sources: Iterable[CitedSource]) -> dict[str, dict[int, CitedSource]]:
    """Sources by title and number, so that ten cells of one price list are one line; in order of
    number."""
    by_title: dict[str, dict[int, CitedSource]] = {}
    for number, source in enumerate(sources, start=1):
        by_title.setdefault(source["title"], {})[number] = source
    return by_title
