"""What a cell shows, as data: a chart, a table, a piece of prose, or answers.

An exhibit travels as JSON in a notebook's output (`MIME`). The page and the paper are set from it;
JupyterLab takes the HTML that stands beside it. No text in it is markup, save `markdown`.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import groupby
from typing import Any, TypeAlias

import mistune
import pandas as pd

from siting.catalogue import Source
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
    found: Iterable[Source] = dict.fromkeys(
        s for attrs in attributes(data) for s in attrs.get("sources", ())
    )
    return [
        {
            "text": s.citation,
            "title": s.source,
            "where": f"{s.locator} ({s.date})",
            "url": s.url,
            "kind": s.kind,
        }
        for s in found
    ]


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
    spanned = any(c["over"] for c in columns)
    lines = [f"<tr>{_spanners(columns)}</tr>"] if spanned else []
    lines.append(f"<tr>{''.join(map(_head, columns))}</tr>")
    head, lines = "".join(lines), []
    for row in exhibit["rows"]:
        if row["kind"] == "group":
            name = html.escape(row["cells"][0]["text"])
            lines.append(
                f'<tr class="group"><th scope="colgroup" colspan="{len(columns)}">{name}</th></tr>'
            )
            continue
        cells = "".join(map(_cell, row["cells"], columns))
        lines.append(
            f'<tr class="{row["kind"]}">{cells}</tr>' if row["kind"] else f"<tr>{cells}</tr>"
        )
    small = ' class="small"' if exhibit.get("small") else ""
    # Roles are said, since on a phone rows are set as blocks.
    body = "".join(lines).replace("<tr", '<tr role="row"')
    head = head.replace("<tr", '<tr role="row"')
    return f'<table role="table"{small}><thead>{head}</thead><tbody>{body}</tbody></table>'


def _spanners(columns: Sequence[dict[str, Any]]) -> str:
    return "".join(
        f'<th scope="colgroup" colspan="{len(list(under))}" class="over">{html.escape(over)}</th>'
        for over, under in groupby(columns, lambda c: c["over"])
    )


def _head(column: dict[str, Any]) -> str:
    unit = f' <span class="unit">{html.escape(column["unit"])}</span>' if column["unit"] else ""
    head = html.escape(column["head"])
    if colour := column.get("colour"):
        head = f'<span class="{colour_class(colour)}">{head}</span>'
    return f'<th scope="col" class="{column["align"]}">{head}{unit}</th>'


def _cell(cell: dict[str, Any], column: dict[str, Any]) -> str:
    text = html.escape(cell["text"])
    classes = " ".join(c for c in (column["align"], cell.get("tone", "")) if c and c != "left")
    if colour := cell.get("colour"):
        text = f'<span class="{colour_class(colour)}">{text}</span>'
    value = f' data-v="{cell["value"]!r}"' if "value" in cell else ""
    tag = "th" if column["stub"] else "td"
    scope = ' scope="row"' if column["stub"] else ""
    kind = f' class="{classes}"' if classes else ""
    head = html.escape(f"{column['head']} {column['unit']}".strip())
    role = "rowheader" if column["stub"] else "cell"
    return f'<{tag}{scope}{kind}{value} role="{role}" data-h="{head}">{text}</{tag}>'


def colour_class(colour: str) -> str:
    """The class of text in a colour of the palette: a page in the dark has another."""
    return "c" + colour.lstrip("#")


@cache
def _css() -> str:
    """Style for JupyterLab; a report has its own."""
    return f"<style>{(style.THEME / 'exhibits.css').read_text(encoding='utf-8')}</style>"
