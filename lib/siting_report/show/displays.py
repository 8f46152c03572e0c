"""Makes whatever runs in JupyterLab appear in a report: one IPython extension, for every kernel.

A figure in any of matplotlib's ways, a frame and a Styler become exhibits. Importing
`siting_report.show` in a notebook loads it; a report's own process loads it before the first cell.
"""

from __future__ import annotations

import gc
import sys
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from siting_report.exhibit import Row, Table, bundle
from siting_report.show import drawn, dressing, tabled

_MOST_ROWS = 60


def load(shell: Any) -> None:
    """Registers the displays of figures, axes, frames and Stylers with an IPython shell."""
    from matplotlib_inline.config import InlineBackend

    dressing.dress()
    # Figures become exhibits below: pyplot has nothing to draw a second time.
    InlineBackend.instance(parent=shell).figure_formats = set()
    shell.run_line_magic("matplotlib", "inline")
    dressing.dress()
    bundles = shell.display_formatter.mimebundle_formatter
    bundles.for_type(Figure, lambda figure, **_: bundle(drawn.chart(figure)))
    bundles.for_type(pd.DataFrame, lambda frame, **_: bundle(_frame(frame)))
    bundles.for_type_by_name(
        "pandas.io.formats.style", "Styler", lambda styler, **_: bundle(_styler(styler))
    )
    # Axes as a cell's last value: pyplot shows their figure at the end of the cell.
    shell.display_formatter.ipython_display_formatter.for_type(Axes, lambda _: None)


def freshen(shell: Any) -> None:
    """Has a kernel that ran a chapter stand as for the first: no names, no figures, house style."""
    plt.close("all")
    gc.freeze()  # the study stays: looking through it after each chapter would take a third longer
    gc.set_threshold(200_000, 20, 20)
    shell.reset(new_session=True)
    shell.siting_shows = True
    load(shell)


def load_if_running() -> None:
    """Loads the displays where this process is a notebook's."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython else None
    if shell is not None and not getattr(shell, "siting_shows", False):
        shell.siting_shows = True
        load(shell)


def _frame(frame: pd.DataFrame) -> Table:
    """A frame as its cell ends with it: at most so many rows, the middle left out."""
    if len(frame) <= _MOST_ROWS:
        return tabled.table(frame)
    half = _MOST_ROWS // 2
    note = f"{len(frame)} rows; the first and last {half} are shown."
    shown = tabled.table(frame.head(half), note=note)
    gap: Row = {"kind": "", "cells": [{"text": "…"} for _ in shown["columns"]]}
    shown["rows"] += [gap, *tabled.table(frame.tail(half))["rows"]]
    return shown


def _styler(styler: Any) -> Table:
    """A Styler's cells as it formats them; its colours and bars are left out, and told as such."""
    made = styler._translate(False, False)
    is_coloured = any(styler._compute().ctx.values())
    head, *rows = (
        [str(c["display_value"]).replace("&nbsp;", "").strip() for c in row if c["is_visible"]]
        for row in (*(made["head"][-1:] or [[]]), *made["body"])
    )
    frame = pd.DataFrame(rows)
    heads = dict.fromkeys(frame.columns, "") | dict(enumerate(head))
    shown = tabled.table(frame, str(styler.caption or ""), heads=heads)
    if is_coloured:
        shown["lacks"].append("styles")
    return shown
