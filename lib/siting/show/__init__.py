"""What a notebook shows: `chart`, `table`, `say`, `answers`, `cases`, `need`. It knows no
GPU and no money.

Each call shows at once and returns nothing, so it may stand in a loop or an `if`; a table without
rows, answers without questions and an empty text are not shown. Style, numbers of exhibits,
sources, alternative texts, formats and escaping come from here. A figure, a frame, a Styler,
Markdown, a picture or a print appears in the report without these calls as well, in the house
style, only without title and source.

`data` is the frame, or the list of frames, that the numbers come from: it brings the sources, the
client's formats and the names that Markdown must not misread. `pivot`, `unstack`, `merge` and the
like lose it, so name it there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.core import display_functions

from siting.show import displays, drawn, style, tabled
from siting.show.drawn import intervals
from siting.show.exhibit import Data, Exhibit, attributes, bundle, cited, protected

__all__ = [
    "Enough", "answers", "cases", "chart", "intervals", "load_ipython_extension", "need", "say",
    "style", "table",
]  # fmt: skip

load_ipython_extension = displays.load
_display: Callable[..., Any] = display_functions.display
displays.load_if_running()


class Enough(Exception):
    """The rest of a chapter has nothing to show. No failure: the report goes on."""

    def _render_traceback_(self) -> list[str]:
        return []


def chart(
    ax: Any,
    title: str,
    data: Data = None,
    alt: str | None = None,
    note: str = "",
    *,
    x: str | Sequence[str] = "",
    y: str | Sequence[str] = "",
    narrow: Any = False,
) -> None:
    """Shows a drawing as a numbered figure.

    ax: axes, an array of axes, or a figure. title: the finding, in a sentence of one line.
    note: stands under the title: unit, period, what line, dot and hatching mean.
    alt: what the chart shows with its key numbers; drafted from the drawing by default.
    x, y: format of the ticks (`money`, `compact_money`, `percent`, `number`, `whole`, `compact`,
    with decimals as `percent:1`), one for all axes or one for each.
    narrow: draws it a second time for a phone, less wide, where labels then still fit; or axes with
    a drawing of its own for a phone.
    """
    numbers, phone = tabled.numbers_of(attributes(data)), ""
    figure = drawn.finish(ax, x, y, numbers)
    text = alt or drawn.drafted(figure) or title
    width = round(float(figure.get_figwidth()) * 25.4)
    drawing = drawn.svg(figure, text)
    if narrow is not False:
        phone = drawn.narrow(figure if narrow is True else drawn.figure_of(narrow), text)
    _show({
        "kind": "chart", "title": title, "note": note, "alt": text, "sources": cited(data),
        "width": width, "svg": drawing, "lacks": [] if attributes(data) else ["source"],
        "narrow": phone,
    })  # fmt: skip


def _show(made: Exhibit) -> None:
    """Shows an exhibit that holds anything."""
    if made.get("rows", made.get("items", made.get("markdown", True))):
        _display(bundle(made), raw=True)


@functools.wraps(tabled.table)
def table(*args: Any, **kwargs: Any) -> None:
    _show(tabled.table(*args, **kwargs))


def say(markdown: str, data: Data = None) -> None:
    """Shows computed sentences, in Markdown; HTML and images in it are shown as text.

    A first line that begins with `# ` is the chapter's answer, set large.
    """
    text, sources = protected(markdown, data), cited(data)
    _show({"kind": "prose", "markdown": text, "sources": sources, "lacks": []})


def answers(items: Mapping[str, str], data: Data = None, heading: str = "", tone: str = "") -> None:
    """Shows short headed texts side by side: questions with their answers in Markdown.

    tone: `open` sets them on the colour of what is not cleared, `chosen` on that of the choice.
    """
    _show({
        "kind": "answers", "heading": heading, "tone": tone, "lacks": [], "sources": cited(data),
        "items": [[q, protected(a, data)] for q, a in items.items()],
    })  # fmt: skip


@functools.wraps(tabled.cases)
def cases(df: pd.DataFrame, *args: Any, **kwargs: Any) -> None:
    if len(df):
        _show(tabled.cases(df, *args, **kwargs))


def need(condition: object, otherwise: str, data: Data = None) -> None:
    """Ends the chapter with the sentence `otherwise` where there is nothing to show."""
    if not condition:
        say(otherwise, data)
        raise Enough(otherwise)
