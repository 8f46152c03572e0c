"""What a cell shows, as data: a chart, a table, a piece of prose, or answers.

An exhibit travels as JSON in a notebook's output (`MIME`). The page and the paper are set from it;
JupyterLab takes the HTML that stands beside it. No text in it is markup, save `markdown`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import chain, groupby
from typing import Any, TypeAlias

import mistune
import pandas as pd

from siting.catalogue import Source
from siting.formats import Numbers
from siting.show import style

MIME = "application/vnd.siting+json"

Exhibit: TypeAlias = "dict[str, Any]"
"""`kind` (chart, table, prose, answers), `sources`, `lacks` (what a reader will miss), and the
fields that the functions below write."""

Data: TypeAlias = "pd.DataFrame | pd.Series[Any] | Sequence[pd.DataFrame | pd.Series[Any]] | None"


def listed(data: Data) -> list[Any]:
    """The frames that `data` names."""
    return [] if data is None else [data] if hasattr(data, "attrs") else list(data)


def attributes(data: Data) -> list[dict[str, Any]]:
    """The `attrs` of a frame, or of each frame of a list; those without are left out."""
    return [dict(f.attrs) for f in listed(data) if getattr(f, "attrs", None)]


def cited(data: Data) -> list[dict[str, str]]:
    """Every source behind some frames, once."""
    found: Iterable[Source] = chain(*(attrs.get("sources", ()) for attrs in attributes(data)))
    return [
        {"text": s.citation, "title": s.source, "url": s.url, "kind": s.kind}
        | {"where": f"{s.locator} ({s.date})"}
        for s in dict.fromkeys(found)
    ]


def lacking(title: str, attrs: Sequence[object], alt: str = "drafted") -> list[str]:
    """What a reader will miss of an exhibit."""
    found = {"title": title, "source": attrs, "alternative text": alt}
    return [what for what, there in found.items() if not there]


def numbers_of(attrs: Sequence[Mapping[str, Any]]) -> Numbers:
    """Formats of the client whose frames these are; euros for a frame of nobody's."""
    for a in attrs:
        if "country" in a:
            return Numbers(a["country"], a["currency"])
    return Numbers("DE", "EUR")


def literal(text: str) -> str:
    """`text` with every sign that Markdown would read as markup made a plain sign."""
    return re.sub(r"([\\`*_{}\[\]()#+\-.!|<>~:/@&^$=])", r"\\\1", " ".join(text.split()))


def protected(markdown: str, data: Data) -> str:
    """Markdown in which the names that `data` holds are plain text."""
    names = {n for attrs in attributes(data) for n in attrs.get("names", ())}
    if not names:
        return markdown
    any_name = "|".join(re.escape(n) for n in sorted(names, key=len, reverse=True))
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
            return str(exhibit["markdown"])
        case "answers":
            said = [f"{q}\n{a}" for q, a in exhibit["items"]]
            return "\n\n".join([exhibit["heading"], *said]).strip()
        case "chart":
            return f"{exhibit['title']}\n{exhibit['note']}\n{exhibit['alt']}".strip()
    rows = [" | ".join(cell["text"] for cell in row["cells"]) for row in exhibit["rows"]]
    heads = " | ".join(f"{c['head']} {c['unit']}".strip() for c in exhibit["columns"])
    return "\n".join([exhibit["title"], heads, *rows, exhibit["note"]]).strip()


def in_lab(exhibit: Exhibit) -> str:
    """An exhibit as HTML for JupyterLab."""
    sources = "; ".join(html.escape(s["text"]) for s in exhibit["sources"])
    below = f'<p class="sources">Sources: {sources}</p>' if sources else ""
    match exhibit["kind"]:
        case "prose":
            return f'<div class="prose">{rendered(exhibit["markdown"])}{below}</div>'
        case "answers":
            return answers_html(exhibit)
        case "chart":
            body = exhibit["svg"]
        case _:
            body = table_html(exhibit)
    title, note = html.escape(exhibit["title"]), html.escape(exhibit["note"])
    note = f'<p class="note">{note}</p>' if note else ""
    caption = f"<figcaption>{title}{note}</figcaption>" if title or note else ""
    return f'<figure class="exhibit {exhibit["kind"]}">{caption}{body}{below}</figure>'


def answers_html(exhibit: Exhibit) -> str:
    """Answers as a block of headed texts."""
    heading = f"<h4>{html.escape(exhibit['heading'])}</h4>" if exhibit["heading"] else ""
    cards = "".join(
        f'<div class="answer"><h5>{html.escape(q)}</h5>{rendered(a)}</div>'
        for q, a in exhibit["items"]
    )
    kind = f"answers {exhibit['tone']}".strip()
    return f'<div class="{kind}">{heading}<div class="cards">{cards}</div></div>'


def table_html(exhibit: Exhibit) -> str:
    """A table with headings over headings, groups, totals and verdict words."""
    columns = exhibit["columns"]
    above = [(over, len(list(under))) for over, under in groupby(c["over"] for c in columns)]
    head = _row(map(_head, columns))
    if any(over for over, _ in above):
        head = _row(_spanned(*each, "over") for each in above) + head
    body = "".join(
        _row([_spanned(row["cells"][0]["text"], len(columns))], "group")
        if row["kind"] == "group"
        else _row(map(_cell, row["cells"], columns), row["kind"])
        for row in exhibit["rows"]
    )
    small = ' class="small"' if exhibit.get("small") else ""
    return f'<table role="table"{small}><thead>{head}</thead><tbody>{body}</tbody></table>'


def _row(cells: Iterable[str], kind: str = "") -> str:
    """A row; its role is said, since on a phone rows are set as blocks."""
    return f'<tr role="row"{_classed(kind)}>{"".join(cells)}</tr>'


def _spanned(text: str, columns: int, kind: str = "") -> str:
    span = f'<th scope="colgroup" colspan="{columns}"{_classed(kind)}>'
    return f"{span}{html.escape(text)}</th>"


def _classed(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


def _coloured(text: str, colour: str) -> str:
    text = html.escape(text)
    return f'<span class="{colour_class(colour)}">{text}</span>' if colour else text


def _head(column: dict[str, Any]) -> str:
    unit = f' <span class="unit">{html.escape(column["unit"])}</span>' if column["unit"] else ""
    head = _coloured(column["head"], column.get("colour", ""))
    return f'<th scope="col" class="{column["align"]}">{head}{unit}</th>'


def _cell(cell: dict[str, Any], column: dict[str, Any]) -> str:
    classes = " ".join(c for c in (column["align"], cell.get("tone", "")) if c and c != "left")
    value = f' data-v="{cell["value"]!r}"' if "value" in cell else ""
    tag, role = ('th scope="row"', "rowheader") if column["stub"] else ("td", "cell")
    head = html.escape(f"{column['head']} {column['unit']}".strip())
    text = _coloured(cell["text"], cell.get("colour", ""))
    about = f'{_classed(classes)}{value} role="{role}" data-h="{head}"'
    return f"<{tag}{about}>{text}</{tag[:2]}>"


def colour_class(colour: str) -> str:
    """The class of text in a colour of the palette: a page in the dark has another."""
    return "c" + colour.lstrip("#")


@cache
def _css() -> str:
    """Style for JupyterLab; a report has its own."""
    return f"<style>{(style.THEME / 'exhibits.css').read_text(encoding='utf-8')}</style>"
