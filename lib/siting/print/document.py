"""A report as a document: executed chapters taken apart into blocks, exhibits and sources numbered.

What a cell showed as an exhibit keeps its structure; whatever else it showed (a picture, HTML,
Markdown, text) becomes a block of its own. Page and paper are set from the same document, which
depends neither on the clock nor on the machine.
"""

from __future__ import annotations

import datetime as dt
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

import nbformat
from nbconvert.preprocessors import TagRemovePreprocessor

from siting.show import style
from siting.show.exhibit import MIME, Exhibit

_NUMBERED = {"chart": "Figure", "table": "Table"}
_PICTURES = ("image/svg+xml", "image/png", "image/jpeg")
_DRAWN = re.compile(
    r"<Axes|<Figure|<BarContainer|<matplotlib\.| at 0x[0-9a-f]+>|^Text\(|<\w*Container"
)
"""Text of a value that is a drawn thing, or that holds an address: nothing to read."""


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
class Cited:
    """A source of the list."""

    number: int
    text: str
    title: str
    where: str
    """Place inside the source, and its date."""
    url: str


@dataclass
class Block:
    """A piece of a chapter.

    kind: `markdown`, `exhibit`, `picture`, `html` or `text`. An exhibit that has a title also has
    a number (`Figure 3`) and the numbers of its sources.
    """

    kind: str
    text: str = ""
    exhibit: Exhibit = field(default_factory=dict)
    number: str = ""
    sources: tuple[int, ...] = ()
    mime: str = ""

    @property
    def anchor(self) -> str:
        return self.number.lower().replace(" ", "-")


@dataclass
class Chapter:
    """A chapter: its question, the answer that opens it, and its blocks."""

    name: str
    title: str
    place: str
    """`4`, or `Appendix B`."""
    headline: str
    """The answer in one sentence; empty where the chapter opens without."""
    lead: str
    """What qualifies it, in Markdown."""
    blocks: list[Block]
    appendix: bool = False
    own: bool = False
    """A chapter that this client alone has."""
    page_one: bool = False
    sources: tuple[Cited, ...] = ()

    @property
    def anchor(self) -> str:
        return "c-" + re.sub(r"\W+", "-", self.name.lower())


@dataclass(frozen=True)
class Document:
    """A whole report."""

    cover: Cover
    chapters: tuple[Chapter, ...]
    sources: tuple[Cited, ...]

    @property
    def body(self) -> list[Chapter]:
        return [c for c in self.chapters if not c.appendix]

    @property
    def appendix(self) -> list[Chapter]:
        return [c for c in self.chapters if c.appendix]


def compose(notebooks: Sequence[Mapping[str, Any]], cover: Cover) -> Document:
    """The document of executed chapters, each the JSON of a notebook, in their order.

    Each notebook says in `metadata.siting` what it is: `name`, `part` (body or appendix), `own`.
    Raises ValueError where a chapter has no first-level heading.
    """
    seen = (_for_tests().preprocess(nbformat.from_dict(notebook), {})[0] for notebook in notebooks)
    chapters = [_chapter(notebook, number) for number, notebook in enumerate(seen, start=1)]
    chapters.sort(key=lambda c: c.appendix)  # stable: the order within each part stays
    _place(chapters)
    _number(chapters)
    sources = _cite(chapters)
    return Document(cover, tuple(chapters), sources)


@cache
def _for_tests() -> TagRemovePreprocessor:
    """nbconvert's step that takes cells away which are for tests alone."""
    return TagRemovePreprocessor(enabled=True, remove_cell_tags={"keep_output", "remove-cell"})


def _chapter(notebook: Mapping[str, Any], number: int) -> Chapter:
    about = notebook["metadata"].get("siting", {})
    title, blocks, first = "", list[Block](), False
    for cell in notebook["cells"]:
        tags = cell["metadata"].get("tags", ())
        if cell["cell_type"] == "markdown":
            text = cell["source"]
            heading = re.match(r"\s*# (.*?)\s*(?:\n|$)", text)
            if heading and not title:
                title, text = heading[1], text[heading.end() :]
            if text.strip():
                blocks.append(Block("markdown", text))
        elif cell["cell_type"] == "code":
            first = first or "page_one" in tags
            blocks += filter(None, map(_shown, cell.get("outputs", ())))
    if not title:
        raise ValueError("a chapter needs a first-level heading: its question")
    headline, lead, blocks = _opening(blocks)
    return Chapter(
        name=about.get("name", f"chapter-{number}"), title=title, place="", headline=headline,
        lead=lead, blocks=blocks, appendix=about.get("part") == "appendix",
        own=about.get("own", False), page_one=first,
    )  # fmt: skip


def _shown(output: Mapping[str, Any]) -> Block | None:
    """What one output of a cell becomes; nothing where there is nothing to read."""
    if output["output_type"] == "stream":
        kept = output["name"] == "stdout" and output["text"].strip()
        return Block("text", output["text"]) if kept else None
    if output["output_type"] == "error":
        return None
    data, metadata = output.get("data", {}), output["metadata"]
    if MIME in data:
        return Block("exhibit", exhibit=dict(data[MIME]))
    for kind in _PICTURES:
        if kind in data:
            alt = metadata.get("alt") or metadata.get(kind, {}).get("alt") or ""
            return Block("picture", data[kind], exhibit={"alt": alt}, mime=kind)
    if "text/html" in data:
        return Block("html", data["text/html"])
    if "text/markdown" in data:
        return Block("markdown", data["text/markdown"])
    text = data.get("text/latex") or data.get("text/plain", "")
    return Block("text", text) if text.strip() and not _DRAWN.search(text) else None


def _opening(blocks: list[Block]) -> tuple[str, str, list[Block]]:
    """The sentence that opens a chapter: the line of its first prose that begins with `# `."""
    for place, block in enumerate(blocks):
        said = block.exhibit.get("markdown", "") if block.exhibit.get("kind") == "prose" else ""
        found = re.search(r"^# (.*?)\s*$", said, re.MULTILINE)
        if found:
            lead = f"{said[: found.start()]}\n\n{said[found.end() :]}".strip()
            return found[1], lead, [*blocks[:place], *blocks[place + 1 :]]
        if said:
            break
    return "", "", blocks


def _place(chapters: Sequence[Chapter]) -> None:
    numbers, letters = itertools.count(1), map(chr, itertools.count(ord("A")))
    for chapter in chapters:
        chapter.place = f"Appendix {next(letters)}" if chapter.appendix else str(next(numbers))


def _number(chapters: Iterable[Chapter]) -> None:
    """Figures and tables numbered through the report."""
    counts = {kind: itertools.count(1) for kind in _NUMBERED}
    for block in _blocks(chapters):
        kind = block.exhibit.get("kind", "")
        if kind in _NUMBERED and block.exhibit["title"]:
            block.number = f"{_NUMBERED[kind]} {next(counts[kind])}"
        elif kind == "cases":
            block.number = "What if"


def _blocks(chapters: Iterable[Chapter]) -> Iterator[Block]:
    return (block for chapter in chapters for block in chapter.blocks)


def _cite(chapters: Iterable[Chapter]) -> tuple[Cited, ...]:
    """Sources numbered in the order in which they are first cited."""
    known: dict[tuple[str, str], Cited] = {}
    for chapter in chapters:
        here: dict[int, Cited] = {}
        for block in chapter.blocks:
            for source in block.exhibit.get("sources", ()):
                key = (source["text"], source["url"])
                if key not in known:
                    number = len(known) + 1
                    known[key] = Cited(
                        number, source["text"], source["title"], source["where"], source["url"]
                    )
                here[known[key].number] = known[key]
            block.sources = tuple(
                sorted(
                    {known[s["text"], s["url"]].number for s in block.exhibit.get("sources", ())}
                )
            )
        chapter.sources = tuple(here[n] for n in sorted(here))
    return tuple(known.values())


def runs(numbers: Iterable[int]) -> str:
    """Sorted numbers in short: 1, 2, 3, 7 as `1–3, 7`."""
    spans: list[list[int]] = []
    for n in sorted(set(numbers)):
        if spans and n == spans[-1][1] + 1:
            spans[-1][1] = n
        else:
            spans.append([n, n])
    return ", ".join(
        str(a) if a == b else f"{a}–{b}" if b - a > 1 else f"{a}, {b}" for a, b in spans
    )


def below(block: Block) -> str:
    """The small line of an exhibit: how to read it, and where its numbers come from."""
    note = block.exhibit["note"].strip()
    cited = f"Sources {runs(block.sources)}." if len(block.sources) > 1 else ""
    cited = cited or (f"Source {block.sources[0]}." if block.sources else "")
    return f"{note} {cited}".strip()


def gathered(sources: Iterable[Cited]) -> list[tuple[str, list[Cited]]]:
    """Sources by title, so that ten cells of one price list are one line; in order of number."""
    by_title: dict[str, list[Cited]] = {}
    for source in sources:
        by_title.setdefault(source.title, []).append(source)
    return list(by_title.items())


def rows_of_charts(
    blocks: Sequence[Block], width: float = 166, gutter: float = 6
) -> list[list[Block]]:
    """Blocks in rows: charts that follow each other and fit beside each other share one."""
    rows: list[list[Block]] = []
    for block in blocks:
        taken = (
            sum(b.exhibit["width"] + gutter for b in rows[-1])
            if rows and _narrow(rows[-1][0])
            else 0
        )
        if taken and _narrow(block) and taken + block.exhibit["width"] <= width + 1:
            rows[-1].append(block)
        else:
            rows.append([block])
    return rows


def _narrow(block: Block) -> bool:
    return block.exhibit.get("kind") == "chart" and block.exhibit["width"] < 120
