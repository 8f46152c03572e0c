"""Exhibits: the tables and charts of a report, one module a chapter.

An exhibit shows one result and carries its title (the finding in words), its alternative text and
its sources, so that it can stand in HTML, PDF and JupyterLab alike. `style` holds every colour
and font. All text is shown as the text that it is: markup in a name stays visible as such.
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from html import escape
from itertools import groupby
from typing import Any, Literal

import jinja2
import mistune
import pandas as pd
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure

from siting.catalogue import Source
from siting.exhibits import style
from siting.formats import columns

Align = Literal["left", "right", "center"]


@dataclass(frozen=True)
class Chart:
    """A matplotlib figure with the finding as its title.

    alt: what the chart shows, with its key numbers, for a reader who cannot see it.
    note: how to read it, where that is not obvious.
    """

    figure: Figure
    title: str
    alt: str
    sources: Sequence[Source] = ()
    note: str = ""

    def __post_init__(self) -> None:
        if not self.alt.strip():
            raise ValueError(f"chart {self.title!r} needs an alternative text: say what it shows")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        svg = _svg(self.figure, self.alt, _key(self.title + self.alt))
        body = f'<div class="wide" tabindex="0">{svg}</div>'
        return _bundle("chart", self.title, body, self.note, self.sources, self.alt)


@dataclass(frozen=True)
class Table:
    """A frame of already formatted strings.

    align: alignment by column; default left, and right for columns whose cells are numbers.
    badges: columns whose cells are verdicts (`style.VERDICTS`), printed as badges.
    stub: column that names the rows; group: column that gathers rows under a heading.
    spanners: headings over several columns. totals: number of last rows that are totals.
    notes: lines under the table. A cell may end in an origin mark (`style.mark`).
    """

    frame: pd.DataFrame
    title: str
    sources: Sequence[Source] = ()
    align: Mapping[str, Align] = field(default_factory=dict)
    badges: Sequence[str] = ()
    stub: str | None = None
    group: str | None = None
    spanners: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()
    totals: int = 0

    def __post_init__(self) -> None:
        named = [*self.align, *self.badges, *(c for s in self.spanners.values() for c in s)]
        named += [c for c in (self.stub, self.group) if c]
        unknown = [c for c in named if c not in self.frame.columns]
        if unknown:
            raise ValueError(f"table {self.title!r} has no column {unknown[0]!r}")

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        return _bundle(
            "table", self.title, self._html(), " ".join(self.notes), self.sources, self._plain()
        )

    def _plain(self) -> str:
        """The cells in columns of equal width, for a reader without HTML."""
        return "\n".join(columns([list(self.frame.columns), *self.frame.astype(str).to_numpy()]))

    def _alignment(self, column: str) -> Align:
        if column in self.align:
            return self.align[column]
        cells = [c for c in self.frame[column].astype(str) if c.strip() not in ("", "–")]
        numeric = cells and all(re.match(r"\D{0,4}\d[\d.,\s’]*", c) for c in cells)
        return "right" if numeric and column not in (self.stub, self.group) else "left"

    def _html(self) -> str:
        over = {name: _text(label) for label, under in self.spanners.items() for name in under}
        columns = [
            _Column(
                _text(name),
                over.get(name, ""),
                self._alignment(name),
                name == self.stub,
                [
                    (_badge if name in self.badges else _text)(c)
                    for c in self.frame[name].astype(str)
                ],
            )
            for name in sorted(self.frame.columns, key=lambda name: name != self.stub)
            if name != self.group
        ]
        groups: dict[str | None, list[int]] = {}
        for row, label in enumerate(
            self.frame[self.group] if self.group else [None] * len(self.frame)
        ):
            groups.setdefault(None if label is None else _text(str(label)), []).append(row)
        html = _template().render(
            columns=columns,
            spanned=[(k, list(under)) for k, under in groupby(columns, lambda c: c.spanner)]
            if over
            else [],
            groups=list(groups.items()),
            first_total=len(self.frame) - self.totals,
        )
        return f'<div class="wide" tabindex="0">{html}</div>'


@dataclass(frozen=True)
class _Column:
    """A column as the template of a table takes it: all text is HTML already."""

    label: str
    spanner: str
    """Heading over this column and its neighbours; empty for none."""
    align: Align
    names_rows: bool
    cells: Sequence[str]

    @property
    def attribute(self) -> str:
        return "" if self.align == "left" else f' class="{self.align}"'


@cache
def _template() -> jinja2.Template:
    """Escapes nothing itself: `_text` and `_badge` have done it."""
    text = (style.THEME / "table.html.j2").read_text(encoding="utf-8")
    return jinja2.Environment(autoescape=False).from_string(text)


@dataclass(frozen=True)
class Prose:
    """Computed sentences, in Markdown. HTML and images inside it are shown as text.

    Names that come from a scenario go through `literal`, so that none of their signs is markup.
    """

    markdown: str
    sources: Sequence[Source] = ()

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        html = f'<div class="prose">{_markdown(self.markdown)}{_cited(self.sources)}</div>'
        return {"text/html": html, "text/plain": self.markdown}


@dataclass(frozen=True)
class Answers:
    """Questions with their answers in Markdown: what page one of a report shows.

    Tag its cell `page_one`, and the report puts it on the cover.
    """

    items: Sequence[tuple[str, str]]

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        cards = "".join(
            f'<div class="answer"><div class="question"><p>{_text(question)}</p></div>'
            f"{_markdown(answer)}</div>"
            for question, answer in self.items
        )
        plain = "\n\n".join(f"{question}\n{answer}" for question, answer in self.items)
        return {"text/html": f'<div class="answers">{_css()}{cards}</div>', "text/plain": plain}


def literal(text: str) -> str:
    """`text` with every sign that Markdown would read as markup made a plain sign."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~:/@&^$=])", r"\\\1", " ".join(text.split()))


def _bundle(
    kind: str, title: str, body: str, note: str, sources: Sequence[Source], plain: str
) -> dict[str, str]:
    caption = f"<figcaption>{_text(title)}</figcaption>"
    below = f'<div class="note"><p>{_text(note)}</p></div>' if note else ""
    html = f'<figure class="{kind}">{caption}{body}</figure>{below}{_cited(sources)}'
    return {
        "text/html": f'<div class="exhibit">{_css()}{html}</div>',
        "text/plain": f"{title}\n{plain}",
    }


def _cited(sources: Sequence[Source]) -> str:
    """A line of sources; the report turns each into a numbered footnote."""
    items = "; ".join(
        f'<cite data-url="{escape(s.url)}" data-kind="{s.kind}">{escape(s.citation)}</cite>'
        for s in dict.fromkeys(sources)
    )
    return f'<div class="sources"><p>Sources: {items}</p></div>' if items else ""


def _text(text: str) -> str:
    return _marked(escape(text))


def _badge(verdict: str) -> str:
    if not verdict.strip() or verdict == "–":
        return ""
    tone = style.tone(verdict)
    return (
        f'<span class="badge {tone}"><span class="sign" aria-hidden="true">{style.SIGNS[tone]}'
        f"</span>&nbsp;{escape(verdict)}</span>"
    )


def _marked(html: str) -> str:
    """Turns `[estimate]` into the mark of an estimate."""

    def one(match: re.Match[str]) -> str:
        kind = match[1]
        return f'<abbr class="mark {kind}" title="{kind}">{style.MARKS[kind]}</abbr>'

    return re.sub(rf" ?\[({'|'.join(style.MARKS)})\]", one, html)


class _Safe(mistune.HTMLRenderer):
    """Markdown without a way to load anything: an image is shown as its text, and a link leads to
    a page or nowhere."""

    def image(self, text: str, url: str, title: str | None = None) -> str:
        return escape(f"![{text}]({url})")

    def link(self, text: str, url: str, title: str | None = None) -> str:
        return super().link(text, url, title) if url.startswith("https://") else text


def _markdown(text: str) -> str:
    render = mistune.create_markdown(renderer=_Safe(escape=True), plugins=["table"])
    return _marked(str(render(text)))


def _svg(figure: Figure, alt: str, key: str) -> str:
    """The figure as inline SVG: no date, ids of its own, whole numbers of 1/100 point."""
    out = io.StringIO()
    # Not savefig: it draws twice, the first time only to lay the figure out, which drawing does.
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(out, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]*>", lambda tag: _lean(tag[0], key), svg)
    svg = re.sub(r"\s*\n\s*", "\n", svg)
    return svg.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" ', 1)


def _lean(tag: str, key: str) -> str:
    """A tag of a drawing with ids of its own and whole numbers of 1/100 point."""
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", tag)
    return re.sub(r'(?<= d=")[^"]*', lambda d: re.sub(r"(\d\.\d\d)\d+", r"\1", d[0]), tag)


def _key(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


@cache
def _css() -> str:
    """Style for JupyterLab; a report holds it once and drops these."""
    return f"<style>{(style.THEME / 'exhibits.css').read_text(encoding='utf-8')}</style>"
