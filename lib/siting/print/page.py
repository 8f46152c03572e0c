"""The report on screen: one page that loads nothing and reads whole without its script."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from functools import cache
from typing import Any

import jinja2

from siting.print.document import Block, Chapter, Document, below, gathered, rows_of_charts, runs
from siting.show import style
from siting.show.exhibit import Exhibit, answers_html, colour_class, rendered, table_html


def page(document: Document) -> str:
    """The report as one HTML page."""
    cover = document.cover
    logo = base64.b64encode(cover.logo).decode() if cover.logo else ""
    css, script = sheet() + f":root{{--brand:{cover.brand}}}", _script()
    return _template().render(
        cover=cover,
        logo=f"data:image/{cover.logo_type};base64,{logo}" if logo else "",
        css=css,
        css_hash=_hash(css),
        script=script,
        script_hash=_hash(script),
        chapters=document.chapters,
        bodies={c.name: _chapter(c) for c in document.chapters},
        leads={c.name: _themed(rendered(c.lead)) for c in document.chapters if c.lead},
        headlines={c.name: _line(c.headline) for c in document.chapters if c.headline},
        exhibits={c.name: [b for b in c.blocks if b.number] for c in document.chapters},
        closing={c.name: gathered(c.sources) for c in document.chapters},
        sources=document.sources,
        runs=runs,
    )


def warm() -> None:
    """Prepares what every report needs, while others compute."""
    for prepare in (_template, sheet, _script):
        prepare()


def _hash(text: str) -> str:
    """The name by which the page's policy allows one style sheet or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@cache
def _template() -> jinja2.Template:
    loader = jinja2.FileSystemLoader(style.THEME)
    return jinja2.Environment(loader=loader, autoescape=True).get_template("page.html.j2")


@cache
def _script() -> str:
    return (style.THEME / "report.js").read_text(encoding="utf-8")


@cache
def sheet() -> str:
    """The house's style sheet: typeface, palette in the light and in the dark, page, exhibits."""
    names = ("typeface.css", "report.css", "exhibits.css")
    typeface, *others = [(style.THEME / name).read_text(encoding="utf-8") for name in names]
    return "".join([typeface, _palette(), *others])


def _variable(colour: str) -> str:
    return f"--{colour_class(colour)}"


def _palette() -> str:
    """Every colour of the palette as a variable that the dark page changes, and as a class."""
    lines = [f"{_variable(c)}:light-dark({c},{dark})" for c, dark in style.DARK.items()]
    classes = [f".{colour_class(c)}{{color:var({_variable(c)})}}" for c in style.DARK]
    return ":root{" + ";".join(lines) + "}\n" + "".join(classes) + "\n"


def _themed(markup: str) -> str:
    """Charts take the page's colours, so that they are legible in the dark too."""
    return re.sub(r"<svg .*?</svg>", _dark_svg, markup, flags=re.DOTALL)


def _dark_svg(match: re.Match[str]) -> str:
    any_colour = "|".join(style.DARK)
    return re.sub(rf"(?<=: )({any_colour})\b", lambda c: f"var({_variable(c[1])})", match[0])


def _line(markdown: str) -> str:
    """One line of Markdown without its paragraph."""
    return re.sub(r"^<p>|</p>\s*$", "", rendered(markdown))


def _chapter(chapter: Chapter) -> str:
    rows = []
    for row in rows_of_charts(chapter.blocks):
        blocks = "".join(map(_block, row))
        rows.append(blocks if len(row) == 1 else f'<div class="beside">{blocks}</div>')
    body = _themed("\n".join(rows))
    return _raised(body) if chapter.page_one else body


def _raised(markup: str) -> str:
    """Headings one level up: page one has no heading of second level above them."""
    return re.sub(r"<(/?)h([3-5])>", lambda m: f"<{m[1]}h{int(m[2]) - 1}>", markup)


def _block(block: Block) -> str:
    match block.kind:
        case "exhibit":
            return _exhibit(block)
        case "markdown":
            return _lower(rendered(block.text))
        case "picture":
            return _picture(block)
        case "html":
            return f'<div class="wide" tabindex="0">{_harmless(block.text)}</div>'
        case _:
            return f"<pre>{html.escape(block.text)}</pre>"


def _lower(markup: str) -> str:
    """Headings one level down: a chapter's own is the second."""
    return re.sub(r"<(/?)h([1-5])>", lambda m: f"<{m[1]}h{int(m[2]) + 1}>", markup)


def _exhibit(block: Block) -> str:
    shown = block.exhibit
    match shown["kind"]:
        case "prose":
            return f'<div class="prose">{_lower(rendered(shown["markdown"]))}</div>'
        case "answers":
            item = "h4>" if shown["heading"] else "h3>"
            return answers_html(shown).replace("h4>", "h3>").replace("h5>", item)
        case "chart":
            body = f'<div class="wide" tabindex="0">{shown["svg"]}</div>'
            if narrow := shown.get("narrow"):
                body += f'<div class="narrow">{narrow}</div>'
        case _:
            body = f'<div class="wide" tabindex="0">{table_html(shown)}</div>'
    about = ""
    if shown["kind"] == "cases":
        body = f"<details><summary>All {len(shown['rows'])} cases</summary>{body}</details>"
        about = "".join(f' data-{key}="{shown[key]}"' for key in ("controls", "options", "start"))
    kind = f'class="exhibit {shown["kind"]}"'
    return f"<figure {kind}{about}{_id(block)}>{_caption(block)}{body}</figure>"


def _id(block: Block) -> str:
    return f' id="{block.anchor}"' if block.number else ""


def _caption(block: Block) -> str:
    shown: Exhibit = block.exhibit
    if not shown["title"] and not below(block):
        return ""
    anchor = f'<a class="number" href="#{block.anchor}">{block.number}</a> ' if block.number else ""
    note = html.escape(shown["note"].strip())
    cited = ", ".join(
        f'<a href="#source-{re.match(r"[0-9]+", span)[0]}">{span}</a>'  # type: ignore[index]
        for span in runs(block.sources).split(", ")
        if span
    )
    cited = f" Sources {cited}." if cited else ""
    line = f'<span class="note">{note}{cited}</span>' if note or cited else ""
    return f"<figcaption>{anchor}{html.escape(shown['title'])}{line}</figcaption>"


def _picture(block: Block) -> str:
    content: Any = block.text
    if block.mime == "image/svg+xml":
        content = base64.b64encode(content.encode()).decode()
    alt = html.escape(block.exhibit["alt"] or "Picture without a description")
    data = "".join(content.split())
    return (
        f'<figure class="exhibit"><img alt="{alt}" src="data:{block.mime};base64,{data}"></figure>'
    )


def _harmless(markup: str) -> str:
    """An analyst's own HTML without scripts and style sheets: the page's policy would stop them."""
    return re.sub(r"<(script|style)\b.*?</\1\s*>", "", markup, flags=re.DOTALL | re.IGNORECASE)
