"""Makes whatever runs in JupyterLab appear in a report: one IPython extension, for every kernel.

A figure in any of matplotlib's ways, a frame and a Styler become exhibits. Importing `siting.show`
in a notebook loads it; a report's own process loads it before the first cell.
"""

from __future__ import annotations

import sys
from typing import Any

from siting.formats import Numbers
from siting.show import drawn, style, tabled
from siting.show.exhibit import Exhibit, bundle

_MOST_ROWS = 60


def load(shell: Any) -> None:
    """Registers the displays of figures, axes, frames and Stylers with an IPython shell."""
    import matplotlib as mpl
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib_inline.config import InlineBackend

    mpl.rcParams.update(style.settings())
    # Figures become exhibits below: pyplot has nothing to draw a second time.
    InlineBackend.instance(parent=shell).figure_formats = set()
    shell.run_line_magic("matplotlib", "inline")
    mpl.rcParams.update(style.settings())
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type(Figure, lambda figure, **_: bundle(_figure(figure)))
    bundles.for_type(pd.DataFrame, lambda frame, **_: bundle(_frame(frame)))
    bundles.for_type_by_name(
        "pandas.io.formats.style", "Styler", lambda styler, **_: bundle(_styler(styler))
    )
    # Axes as a cell's last value: pyplot shows their figure at the end of the cell.
    shell.display_formatter.ipython_display_formatter.for_type(Axes, lambda _: None)


def load_if_running() -> None:
    """Loads the displays where this process is a notebook's."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and not getattr(shell, "siting_shows", False):
        shell.siting_shows = True
        load(shell)


def _figure(figure: Any) -> Exhibit:
    """A figure that no call of `chart` has titled."""
    drawn.finish(figure, "", "", Numbers("DE", "EUR"))
    text = drawn.drafted(figure)
    lacks = ["title", "source", *(() if text else ("alternative text",))]
    alt = text or "Chart without a description"
    width = round(float(figure.get_figwidth()) * 25.4)
    return {
        "kind": "chart", "title": "", "note": "", "alt": alt, "sources": [], "lacks": lacks,
        "width": width, "svg": drawn.svg(figure, alt),
    }  # fmt: skip


def _frame(frame: Any) -> Exhibit:
    """A frame as its cell ends with it: at most so many rows, the middle left out."""
    if len(frame) > _MOST_ROWS:
        half = _MOST_ROWS // 2
        shown = tabled.table(frame.head(half))
        gap = {"kind": "", "cells": [{"text": "…"} for _ in shown["columns"]]}
        shown["rows"] += [gap, *tabled.table(frame.tail(half))["rows"]]
        shown["note"] = f"{len(frame)} rows; the first and last {half} are shown."
        return {**shown, "lacks": ["title", *shown["lacks"]]}
    shown = tabled.table(frame)
    return {**shown, "lacks": ["title", *shown["lacks"]]}


def _styler(styler: Any) -> Exhibit:
    """A Styler's cells as it formats them, its captions and text colours left out."""
    made = styler._translate(False, False)
    heads = [c for c in made["head"][-1] if c["is_visible"]] if made["head"] else []
    rows = [[c for c in row if c["is_visible"]] for row in made["body"]]
    rows = rows or [[]]
    width = max(map(len, rows))
    texts = [[_plain(c["display_value"]) for c in row] for row in rows]
    columns = [
        {
            "head": _plain(heads[i]["display_value"]) if i < len(heads) else "", "unit": "",
            "over": "", "stub": i < len(rows[0]) and rows[0][i]["type"] == "th",
            "align": "",
        }
        for i in range(width)
    ]  # fmt: skip
    for place, column in enumerate(columns):
        found = [row[place] for row in texts if place < len(row)]
        column["align"] = "left" if column["stub"] else tabled.alignment(found)
    return {
        "kind": "table", "title": str(styler.caption or ""), "note": "", "sources": [],
        "lacks": ["source"], "columns": columns, "small": width > 9,
        "rows": [{"kind": "", "cells": [{"text": t} for t in row]} for row in texts],
    }  # fmt: skip


def _plain(value: Any) -> str:
    return str(value).replace("&nbsp;", "").strip()
