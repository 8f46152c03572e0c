"""What a notebook shows: `chart`, `table`, `say`, `answers`, `cases`, `need`. It knows no
GPU and no money.

Each call shows at once and returns nothing, so it may stand in a loop or an `if`. Style, numbers of
exhibits, sources, alternative texts, formats and escaping come from here. A figure, a frame, a
Styler, Markdown, a picture or a print appears in the report without these calls as well, in the
house style, only without title and source.

`data` is the frame, or the list of frames, that the numbers come from: it brings the sources, the
client's formats and the names that Markdown must not misread. `pivot`, `unstack`, `merge` and the
like lose it, so name it there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd
from IPython.core import display_functions

from siting.show import displays, drawn, style, tabled
from siting.show.exhibit import Data, attributes, bundle, cited, protected
from siting.show.tabled import Format

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
    narrow: bool = False,
) -> None:
    """Shows a drawing as a numbered figure.

    ax: axes, an array of axes, or a figure. title: the finding, in a sentence of one line.
    note: stands under the title: unit, period, what line, dot and hatching mean.
    alt: what the chart shows with its key numbers; drafted from the drawing by default.
    x, y: format of the ticks (`money`, `compact_money`, `percent`, `number`, `whole`, `compact`,
    with decimals as `percent:1`), one for all axes or one for each.
    narrow: draws it a second time for a phone, less wide; for charts whose labels then still fit.
    """
    numbers = tabled.numbers_of(attributes(data))
    figure = drawn.finish(ax, x, y, numbers)
    text = alt or drawn.drafted(figure) or title
    width = round(float(figure.get_figwidth()) * 25.4)
    lacks = [] if attributes(data) else ["source"]
    _display(
        bundle({
            "kind": "chart", "title": title, "note": note, "alt": text, "sources": cited(data),
            "width": width, "svg": drawn.svg(figure, text), "lacks": lacks,
            "narrow": drawn.narrow(figure, text) if narrow else "",
        }),
        raw=True,
    )  # fmt: skip


def table(
    df: pd.DataFrame,
    title: str = "",
    formats: Format | Mapping[Any, Format] = "",
    data: Data = None,
    note: str = "",
    *,
    heads: Mapping[Any, str] | None = None,
    over: Mapping[str, Sequence[Any]] | None = None,
    totals: int = 0,
    badges: Iterable[Any] = (),
    explain: bool = False,
) -> None:
    """Shows a frame as a numbered table. Its index names the rows, if it is more than a count.

    formats: for all columns or by column: `money`, `percent`, `number`, `whole`, `text`, with
    decimals as `percent:1`, or a function; by default the unit decides. heads: other words for
    columns. over: headings over several columns. totals: number of last rows that are sums.
    badges: columns of verdict words. explain: adds what the columns mean. A two-level index gives
    groups of rows, two-level columns give headings over headings.
    """
    made = tabled.table(
        df, title, formats, data, note,
        heads=heads, over=over, totals=totals, badges=badges, explain=explain,
    )  # fmt: skip
    _display(bundle(made), raw=True)


def say(markdown: str, data: Data = None) -> None:
    """Shows computed sentences, in Markdown; HTML and images in it are shown as text.

    A first line that begins with `# ` is the chapter's answer, set large.
    """
    made = {
        "kind": "prose", "markdown": protected(markdown, data), "sources": cited(data), "lacks": [],
    }  # fmt: skip
    _display(bundle(made), raw=True)


def answers(items: Mapping[str, str], data: Data = None, heading: str = "", tone: str = "") -> None:
    """Shows short headed texts side by side: questions with their answers in Markdown.

    tone: `open` sets them on the colour of what is not cleared, `chosen` on that of the choice.
    """
    made = {
        "kind": "answers", "heading": heading, "tone": tone, "lacks": [], "sources": cited(data),
        "items": [[q, protected(a, data)] for q, a in items.items()],
    }  # fmt: skip
    _display(bundle(made), raw=True)


def cases(df: pd.DataFrame, title: str, controls: Mapping[str, str], note: str = "") -> None:
    """Shows computed cases as controls that move a ranking: on screen only, a table without script.

    df: one row an option in one case: what `controls` names by column, as text; `option`; `first`
    (of 100); `cost` as text; `best`, `confidence`, and `reported` for the case of the report.
    """
    _display(bundle(tabled.cases(df, title, controls, note)), raw=True)


def need(condition: object, otherwise: str, data: Data = None) -> None:
    """Ends the chapter with the sentence `otherwise` where there is nothing to show."""
    if not condition:
        say(otherwise, data)
        raise Enough(otherwise)


def intervals(
    ax: Any,
    df: pd.DataFrame,
    columns: Sequence[str] = ("p10", "p25", "p50", "p75", "p90"),
    *,
    colours: Mapping[str, str] | str = style.CHOSEN,
    hollow: Iterable[str] = (),
    value: Callable[[float], str] | None = None,
) -> None:
    """Draws the house's interval for each row of `df`, first row on top, named by its index.

    A thin line for eight cases in ten, a thick one for half of them, a dot for the median. With
    three columns (low, central, high) there is no thick line. hollow: rows that are ruled out.
    value: writes the median above its dot and the ends beside the line.
    """
    drawn.intervals(ax, df, list(columns), colours, set(hollow), value)
