"""A chart laid out anew for a phone: panels below each other, names of rows above their rows, and
type as large as on paper, so that nothing is read sideways."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from textwrap import wrap
from typing import Any

from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.category import StrCategoryLocator
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.text import Annotation, Text

from siting_report import style

WIDTH = 2.8
"""Width of a drawing for a phone: text of 8 pt is then 13 px on a screen of 360. [inches]"""
_LETTERS = 46
"""Letters of 8 pt that a line of this width holds."""
_LINE = 10
"""Height of a line of 8 pt. [points]"""
_BAR = 13
"""Thickness of a bar. [points]"""
_OVER = 15
"""Room above the middle of a row in which a value stands over its mark. [points]"""
_FOOT = 30
"""Room for the ticks of an axis and its label. [points]"""
_LEAST = 110
"""Height of a panel that has no rows. [points]"""
_NAME = re.compile("[A-Za-z]{2}")


def laid_out(figure: Figure) -> None:
    """Makes a figure, which has been drawn, as wide as a phone and as tall as its panels need."""
    panels = _below_each_other(figure)
    heights = []
    for panel in panels:
        own = max(ax.get_position().height for ax in panel) * figure.get_figheight() * 72
        tall = max(_LEAST, own)
        for ax in panel:
            if rows := _rows(ax):
                tall = _raise_names(ax, rows)
        titles = max(_title_lines(ax) for ax in panel) * _LINE
        heights.append(tall + titles + _FOOT)
    if len(panels) > 1:
        grid = figure.add_gridspec(len(panels), 1, height_ratios=heights)
        for place, panel in enumerate(panels):
            for ax in panel:
                ax.set_subplotspec(grid[place])
    figure.set_size_inches(WIDTH, sum(heights) / 72)
    _place_axes(figure)
    for panel in panels:
        _thin_ticks(figure, panel[0])


def _place_axes(figure: Figure) -> None:
    """Places the axes as drawing would, without drawing anything."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)


def _below_each_other(figure: Figure) -> list[list[Axes]]:
    """Panels in the order of reading; axes that lie over each other, as twins do, are one."""
    places: dict[tuple[float, float], list[Axes]] = {}
    for ax in figure.axes:
        if ax.get_visible():
            box = ax.get_position()
            places.setdefault((-round(box.y1, 2), round(box.x0, 2)), []).append(ax)
    return [places[place] for place in sorted(places)]


@dataclass(kw_only=True)
class _Row:
    """A row of a chart: its place upwards, its name, and what is said of it at the right edge."""

    at: float
    name: Text
    said: str = ""
    colour: str = ""

    @property
    def lines(self) -> list[str]:
        """The name in lines as long as a phone holds."""
        return wrap(" ".join(self.name.get_text().split()), _LETTERS)

    @property
    def fits(self) -> bool:
        """Whether what is said has room beside the last line of the name."""
        return len(self.lines[-1]) + len(self.said) < _LETTERS - 2


def _rows(ax: Axes) -> dict[float, _Row]:
    """The rows of an axis whose ticks upwards are names; none of any other."""
    if not isinstance(ax.yaxis.get_major_locator(), ticker.FixedLocator | StrCategoryLocator):
        return {}
    low, high = sorted(ax.get_ylim())
    places = zip(ax.yaxis.get_majorticklocs(), ax.get_yticklabels(), strict=False)
    rows = {
        float(at): _Row(at=float(at), name=label)
        for at, label in places
        if low <= at <= high and label.get_text().strip()
    }
    return rows if any(_NAME.search(row.name.get_text()) for row in rows.values()) else {}


def _raise_names(ax: Axes, rows: dict[float, _Row]) -> float:
    """Sets names above their rows. Returns the height that the rows need. [points]"""
    first, last = (min(rows), max(rows)) if ax.yaxis_inverted() else (max(rows), min(rows))
    down = 1 if last >= first else -1
    over = _told_at_the_edge(ax, rows)
    heads = [text for text in ax.texts if (_height(text, first) - first) * down < -0.45]
    thick = max((bar.get_height() for bars in _bars(ax) for bar in bars.patches), default=0.0)
    above = _BAR / 2 + 2 if thick and not over else _OVER
    most = max(len(row.lines) + (not row.fits) for row in rows.values())
    below = _BAR / 2
    pitch = above + most * _LINE + below + 3
    for row in rows.values():
        _write(ax, row, above)
    ax.yaxis.set_major_locator(ticker.NullLocator())
    for bars in _bars(ax):
        for bar in bars.patches:
            middle = bar.get_y() + bar.get_height() / 2
            bar.set_height(bar.get_height() / thick * _BAR / pitch)
            bar.set_y(middle - bar.get_height() / 2)
    top = first - down * (above + most * _LINE) / pitch
    ax.set_ylim(last + down * (below + 2) / pitch, top)
    for text in heads:
        _move(text, top)
    return pitch * (abs(last - first) + 1)


def _told_at_the_edge(ax: Axes, rows: dict[float, _Row]) -> bool:
    """Takes texts at the right edge of a row to its name. Returns whether others stand over marks,
    as the values of intervals do."""
    over = False
    for text in list(ax.texts):
        box = text.get_window_extent()
        at = float(ax.transData.inverted().transform((box.x0, (box.y0 + box.y1) / 2))[1])
        row = min(rows.values(), key=lambda row: abs(row.at - at))
        if (
            abs(row.at - at) < 0.1
            and abs(box.x1 - ax.bbox.x1) < 3
            and text.get_horizontalalignment() == "right"
        ):
            row.said = " ".join(text.get_text().split())
            row.colour = str(text.get_color())
            text.remove()
        elif 0.1 < abs(row.at - at) < 0.45:
            over = True
    return over


def _write(ax: Axes, row: _Row, above: float) -> None:
    """Writes the name of a row and what is said of it above the row."""
    look: dict[str, Any] = {
        "xycoords": ax.get_yaxis_transform(),
        "textcoords": "offset points",
        "va": "bottom",
        "annotation_clip": False,
        "bbox": style.PLAIN,
    }
    beside = row.said and row.fits
    lines = row.lines if beside or not row.said else [*row.lines, row.said]
    name = "\n".join(lines)
    weight = row.name.get_fontweight()
    ax.annotate(
        name, (0, row.at), (0, above), ha="left", color=row.name.get_color(), weight=weight, **look
    )
    if beside:
        ax.annotate(row.said, (1, row.at), (0, above), ha="right", color=row.colour, **look)


def _height(text: Text, otherwise: float) -> float:
    """Where a text is anchored upwards, in the numbers of the axis; `otherwise` where it is not."""
    if isinstance(text, Annotation):
        kind = text.xycoords
        upwards = kind[1] if isinstance(kind, tuple) else kind
        return float(text.xy[1]) if upwards == "data" else otherwise
    is_placed = text.axes is not None and text.get_transform() == text.axes.transData
    return float(text.get_position()[1]) if is_placed else otherwise


def _move(text: Text, to: float) -> None:
    """Moves a text upwards."""
    if isinstance(text, Annotation):
        text.xy = (text.xy[0], to)
    else:
        text.set_y(to)


def _bars(ax: Axes) -> list[BarContainer]:
    """Bars that lie."""
    kinds = (bars for bars in ax.containers if isinstance(bars, BarContainer))
    return [bars for bars in kinds if bars.orientation == "horizontal" and len(bars)]


def _title_lines(ax: Axes) -> int:
    """Lines of the tallest title over an axis."""
    titles = [ax.get_title(loc=side) for side in ("left", "center", "right")]
    return max(text.count("\n") + 1 if text else 0 for text in titles)


def _thin_ticks(figure: Figure, ax: Axes) -> None:
    """Leaves out every other tick to the right until no two of their labels touch."""
    while True:
        labels = ax.get_xticklabels()
        boxes = [label.get_window_extent() for label in labels if label.get_text()]
        ends = sorted((box.x0, box.x1) for box in boxes)
        touch = any(right[0] < left[1] + 4 for left, right in pairwise(ends))
        places = ax.get_xticks()
        if not touch or len(places) < 3:
            return
        low, high = sorted(ax.get_xlim())
        kept = [
            (at, x.get_text()) for at, x in zip(places, labels, strict=True) if low <= at <= high
        ]
        ax.set_xticks([at for at, _ in kept[::2]], [text for _, text in kept[::2]])
        _place_axes(figure)
