"""What a cell shows, as data: a chart, a table, a piece of prose, or answers.

An exhibit travels as JSON in a notebook's output (`MIME`). The page and the paper are set from it;
JupyterLab takes the HTML that stands beside it. No text in it is markup, save `markdown`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from itertools import chain
from typing import Any, Literal, NotRequired, Protocol, TypeAlias, TypedDict

import mistune

from siting_report import style, texts
from siting_report.formats import Numbers
from siting_report.nearest import nearest
from siting_report.texts import ENGLISH

MIME = "application/vnd.siting+json"


class CitedSource(TypedDict):
    """Where a number of an exhibit comes from."""

    text: str
    """Title, place and date in a line."""
    title: str
    where: str
    """Place inside the source, and its date."""
    url: str
    kind: str
    """measured, published, client or estimate."""


class Shown(TypedDict):
    """What every exhibit says besides what it shows."""

    sources: list[CitedSource]
    lacks: list[str]
    """What a reader will miss: "source", "title", "alternative text", "brevity", "styles"."""


class Prose(Shown):
    """Sentences."""

    kind: Literal["prose"]
    markdown: str
    file: NotRequired[str]
    """Name of a Markdown file of the report that holds it, too; empty for none."""


class Answers(Shown):
    """Short headed texts side by side."""

    kind: Literal["answers"]
    tone: str
    items: list[list[str]]
    """Question and answer, each a Markdown text."""


class Chart(Shown):
    """A drawing."""

    kind: Literal["chart"]
    title: str
    note: str
    alt: str
    width: int
    """[mm]"""
    svg: str
    narrow: str
    """SVG for a phone; empty where its place is taken by words."""


class Column(TypedDict):
    """Head of a table's column, and how its cells stand."""

    head: str
    unit: str
    stub: bool
    """Whether it names the rows."""
    align: str
    """left or right."""
    colour: str
    """Of the option that it is of; empty for none."""


class Cell(TypedDict):
    """What a cell of a table shows."""

    text: str
    colour: NotRequired[str]
    """Of the option that it names."""
    tone: NotRequired[str]
    """Of a verdict."""
    value: NotRequired[float]
    """By which a reader sorts."""


class Row(TypedDict):
    """A row of a table."""

    kind: Literal["", "total", "group"]
    cells: list[Cell]
    """A group has one: its name."""


class Table(Shown):
    """A table."""

    kind: Literal["table"]
    title: str
    note: str
    name: str
    """By which a sentence refers to it; empty for none."""
    columns: list[Column]
    rows: list[Row]
    small: bool
    """Whether its type is smaller."""


Exhibit: TypeAlias = Prose | Answers | Chart | Table
"""What a cell shows, by `kind`. It is a mapping of plain values, for it travels as JSON."""


def head_of(column: Column) -> str:
    """What stands over a column: its name and its unit."""
    return f"{column['head']} {column['unit']}".strip()


def holds_anything(exhibit: Exhibit) -> bool:
    """Whether there is something to see."""
    match exhibit["kind"]:
        case "prose":
            return bool(exhibit["markdown"])
        case "answers":
            return bool(exhibit["items"])
        case "table":
            return bool(exhibit["rows"])
    return True


class Sourced(Protocol):
    """A frame, or whatever else says in `attrs` where its numbers come from."""

    @property
    def attrs(self) -> Mapping[Any, Any]: ...


Data: TypeAlias = "Sourced | Sequence[Sourced] | None"


Text: TypeAlias = "str | Sequence[str]"
"""Markdown; or the sentences of one paragraph, of which empty ones are left out."""
_WORD = re.compile("[a-z]{3}")


def listed(data: Data) -> list[Any]:
    """The frames that `data` names."""
    if data is None:
        return []
    return [data] if hasattr(data, "attrs") else list(data)


def attributes(data: Data) -> list[dict[str, Any]]:
    """The `attrs` of a frame, or of each frame of a list; those without are left out."""
    return [dict(f.attrs) for f in listed(data) if getattr(f, "attrs", None)]


def cited(data: Data) -> list[CitedSource]:
    """Every source behind some frames, once: what `attrs["sources"]` of a frame holds has source,
    locator, date, url, kind and citation."""
    found = chain(*(attrs.get("sources", ()) for attrs in attributes(data)))
    return [
        {
            "text": s.citation,
            "title": s.source,
            "url": s.url,
            "kind": s.kind,
            "where": f"{s.locator} ({s.date})",
        }
        for s in dict.fromkeys(found)
    ]


def lacking(title: str, attrs: Sequence[object]) -> list[str]:
    """What a reader will miss of an exhibit with a title."""
    found = {"title": title, "source": attrs}
    return [what for what, there in found.items() if not there]


def unfounded(texts: Iterable[str], data: Data) -> list[str]:
    """What a reader will miss of sentences: what is behind their figures, where nothing is told."""
    return ["data"] if data is None and any(re.search(r"\d", text) for text in texts) else []


def numbers_of(attrs: Sequence[Mapping[str, Any]]) -> Numbers:
    """Formats of the client whose frames these are: of the first of several. Money is refused where
    no frame says its currency, or two say another."""
    told = [a for a in attrs if "country" in a]
    if not told:
        return Numbers("DE", "")
    currencies = {a["currency"] for a in told}
    currency = currencies.pop() if len(currencies) == 1 else ""
    return Numbers(told[0]["country"], currency, told[0].get("language", ENGLISH))


def units_of(attrs: Sequence[Mapping[str, Any]]) -> dict[Any, str]:
    """The unit of each column of some frames; none for one that they have in several."""
    found: dict[Any, str] = {}
    for column, unit in chain(*(a.get("units", {}).items() for a in attrs)):
        found[column] = unit if found.get(column, unit) == unit else ""
    return found


def in_language(text: str, data: Data) -> str:
    """A text in the language of the client whose frames these are, where it is not yet."""
    language = numbers_of(attributes(data)).language
    if language == ENGLISH or not _WORD.search(text):
        return text
    return texts.catalogue(language).told(text)


def joined(text: Text, data: Data) -> str:
    """The sentences of one paragraph in the report's language, those that begin with `- ` in a line
    each; empty ones are left out."""
    sentences = [text] if isinstance(text, str) else text
    said = ""
    for sentence in filter(None, (in_language(sentence, data) for sentence in sentences)):
        between = "\n" if sentence.startswith("- ") else " "
        said += between + sentence if said else sentence
    return said


def refuse_unknown(told: Iterable[Any], known: Iterable[Any], what: str) -> None:
    """Raises ValueError for a name that is not known, with the one that may be meant."""
    names = [str(name) for name in known]
    for name in map(str, told):
        if name not in names:
            raise ValueError(f"{what}: {name!r} is not known; {remedy(name, names)}")


def remedy(name: str, known: Collection[str]) -> str:
    """What to write instead of a name: the one that is like it, or all that are known."""
    near = nearest(name, known)
    if near:
        return f"write {near!r}"
    return f"write one of: {', '.join(known)}" if known else "leave it out"


def format_of(kind: str, known: Sequence[str], what: str) -> tuple[str, int | None]:
    """Name and decimals of a format such as `percent:1`. Raises ValueError for one that is not
    known."""
    name, colon, places = kind.partition(":")
    refuse_unknown([name], known, what)
    if colon and not places.isdecimal():
        raise ValueError(f"{what}: {kind!r} has no number of decimals; write '{name}:1'")
    return name, int(places) if places else None


def literal(text: str) -> str:
    """`text` with every sign that Markdown would read as markup made a plain sign."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~:/@&^$=])", r"\\\1", " ".join(text.split()))


def protected(markdown: str, data: Data) -> str:
    """Markdown in which the names that `data` holds are plain text."""
    names = {n for attrs in attributes(data) for n in attrs.get("names", ())}
    said = [name for name in names if name in markdown]
    if not said:
        return markdown
    # Of the few that are said: a pattern of all takes longer to compile than the text to read.
    any_name = "|".join(re.escape(n) for n in sorted(said, key=len, reverse=True))
    return re.sub(any_name, lambda found: literal(found[0]), markdown)


class _Safe(mistune.HTMLRenderer):
    """Markdown without a way to load anything: an image is shown as its text, and a link leads to
    a page or nowhere."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return html.escape(f"![{text}]({url})")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, url, title) if url.startswith("https://") else text


@cache
def _reader() -> mistune.Markdown:
    return mistune.create_markdown(renderer=_Safe(escape=True), plugins=["table"])


def rendered(markdown: str) -> str:
    """Markdown as HTML; markup inside it is shown as text."""
    return str(_reader()(markdown))


def bundle(exhibit: Exhibit) -> dict[str, Any]:
    """An exhibit as a cell shows it: for the report, for JupyterLab, and as plain text."""
    return {MIME: exhibit, "text/html": _css() + in_lab(exhibit), "text/plain": plain(exhibit)}


def plain(exhibit: Exhibit) -> str:
    """The text of an exhibit, for a reader without HTML and for tests."""
    match exhibit["kind"]:
        case "prose":
            return exhibit["markdown"]
        case "answers":
            return "\n\n".join(f"{q}\n{a}" for q, a in exhibit["items"])
        case "chart":
            return f"{exhibit['title']}\n{exhibit['note']}\n{exhibit['alt']}".strip()
        case "table":
            rows = [" | ".join(cell["text"] for cell in row["cells"]) for row in exhibit["rows"]]
            heads = " | ".join(map(head_of, exhibit["columns"]))
            return "\n".join([exhibit["title"], heads, *rows, exhibit["note"]]).strip()


def in_lab(exhibit: Exhibit) -> str:
    """An exhibit as HTML for JupyterLab."""
    parts = {"exhibit": exhibit, "answers_html": answers_html, "table_html": table_html}
    return style.template("lab.html.j2").render(exhibit, **parts, rendered=rendered)


def answers_html(exhibit: Answers) -> str:
    """Answers as a block of headed texts."""
    return style.template("answers.html.j2").render(exhibit, rendered=rendered)


def table_html(exhibit: Table) -> str:
    """A table with groups, totals and verdict words."""
    heads = [*map(head_of, exhibit["columns"])]
    return style.template("table.html.j2").render(exhibit, heads=heads, zip=zip)


def colour_class(colour: str) -> str:
    """The class of text in a colour of the palette: a page in the dark has another."""
    return "c" + colour.lstrip("#")


@cache
def _css() -> str:
    """Style for JupyterLab; a report has its own."""
    return f"<style>{(style.THEME / 'exhibits.css').read_text(encoding='utf-8')}</style>"
