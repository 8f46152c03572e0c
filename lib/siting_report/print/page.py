"""The report on screen: one page that loads nothing and reads whole without its script."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache

from siting_report import style
from siting_report.exhibit import answers_html, colour_class, rendered, table_html
from siting_report.print.document import Block, Chapter, Document


def page(document: Document) -> str:
    """The report as one HTML page."""
    cover = document.cover
    css = sheet() + f":root{{--brand:{cover.brand_colour}}}"
    script = (style.THEME / "report.js").read_text(encoding="utf-8")
    return style.template("page.html.j2").render(
        cover=cover,
        logo=_inline(f"image/{cover.logo_type}", cover.logo) if cover.logo else "",
        css=css,
        script=script,
        t=cover.told,
        allowed=allowed,
        chapters=document.chapters,
        sources=document.sources,
        body=_body,
        lead=lambda chapter: _themed(rendered(chapter.lead)),
        opening=lambda chapter: _block(chapter.opening, cites=True, opens=True),
        line=_line,
    )


_NAME = re.compile(r"(?:\b[A-Z][\w.]*[ -])?\b[A-Z]\w*(?:[ -]\d[\w.]*)+(?: (?:mini|nano|flash)\b)?")
"""The name of a model or of a card, such as GPT-5.4 mini or Gemma 4 31B."""


def _line(markdown: str) -> str:
    """A heading: it breaks between words, and not within a name."""
    line = re.sub(r"^<p>|</p>\s*$", "", rendered(markdown))
    return _NAME.sub(lambda name: f'<span class="name">{name[0]}</span>', line)


def _inline(mime: str, content: bytes) -> str:
    """An address that holds the picture itself."""
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


def allowed(text: str) -> str:
    """The name by which a page's policy allows one style sheet or script."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


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


_POINT_PX = 13 / 8
"""Pixels that a point of a drawing takes on screen: its text of 8 pt is 13 px there."""
_POINTS_A_MM = 72 / 25.4
_SIZE = re.compile(r'(?<= )(width|height)="([\d.]+)pt"')


def _sized(drawing: str) -> str:
    """A drawing as large as its text is legible."""
    head, end, rest = drawing.partition(">")
    head = _SIZE.sub(lambda m: f'{m[1]}="{float(m[2]) * _POINT_PX:.1f}"', head)
    return head + end + rest


_COLOUR = re.compile(rf"(?<=: )({'|'.join(style.DARK)})\b")


def _themed(markup: str) -> str:
    """Charts take the page's colours, so that they are legible in the dark too, and its size."""
    return re.sub(
        r"<svg .*?</svg>",
        lambda svg: _COLOUR.sub(lambda colour: f"var({_variable(colour[1])})", _sized(svg[0])),
        markup,
        flags=re.DOTALL,
    )


def _body(chapter: Chapter) -> str:
    rows = []
    for row in chapter.rows:
        blocks = "".join(_block(block, cites=not chapter.page_one) for block in row)
        rows.append(blocks if len(row) == 1 else f'<div class="beside">{blocks}</div>')
    body = _themed("\n".join(rows))
    # Page one has no heading of second level above its others.
    return _moved(body, -1) if chapter.page_one else body


def _moved(markup: str, levels: int) -> str:
    """Headings so many levels down, none above the second."""
    return re.sub(r"<(/?)h([1-5])>", lambda m: f"<{m[1]}h{max(2, int(m[2]) + levels)}>", markup)


def _block(block: Block, cites: bool, opens: bool = False) -> str:
    """cites: whether prose says what it rests on. opens: whether it stands in a chapter's head."""
    return style.template("block.html.j2").render(
        block=block,
        cites=cites,
        opens=opens,
        basis=round(block.chart["width"] * _POINTS_A_MM * _POINT_PX) if block.chart else 0,
        read=lambda markdown: _moved(rendered(markdown), 1),
        inline=_inline,
        answers_html=answers_html,
        table_html=table_html,
    )
