"""A ranked list as a picture: for each row a bar, words beside it, and a word at the right edge.

All sizes that such a picture and what follows it on the page have stand here. They are those of
a page of A4 or Letter with a text 166 mm wide; lengths are in inches.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from siting_report import style

ROW = 0.29
"""Height of a row, whose words have room on two lines."""
TALL_ROW = 0.42
"""Height of a row where the words of some row take more."""
LETTER = 0.33
"""Height of a row at most on Letter, which is 18 mm shorter than A4."""
HEADS = 0.45
"""Height of what stands above the rows."""
BAR = 0.16
"""Thickness of a bar."""
BARS = 0.42
"""Share of the picture's width that bars take; words take the rest."""
LABEL = 48
BESIDE = 28
"""Signs in a line of a row's label, and of the words beside its bar."""
REACH = -2.0
"""Where the picture begins at the left, at most: a small value is no long bar."""
SPARE = 5 / 4
"""Room at the left of the longest bar, over its length."""
SHORT = 1.8
"""Height of the rows up to which a table has room on the page besides what follows the list."""
CURVE = 1.75
"""Height of a chart that follows a list which fills its part of the page …"""
PART = 3.1
"""… and that part: what the list leaves of it, the chart has."""
CURVE_BESIDE_TABLE = 1.5
"""Height of that chart where a table follows, too, and the list has so many rows or more …"""
ROWS = 4
MISSING_ROW = 0.35
"""… and what each row that the list has less adds to it."""
CURVE_ON_LETTER = 1.3


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A ranked list that is drawn, and the room that it leaves on its page."""

    ax: Axes
    rows: int
    pitch: float
    """Height of a row."""
    is_letter: bool

    def leaves_a_table(self, rows: int) -> bool:
        """Whether a list of so many rows leaves room for a chart and a table below it."""
        return self.pitch * rows < SHORT and self.pitch < TALL_ROW

    def height_of_next(self, *, with_table: bool) -> float:
        """Height of the chart that follows on the same page, with a table below it or not."""
        if self.is_letter:
            return CURVE_ON_LETTER
        if with_table:
            return CURVE_BESIDE_TABLE + MISSING_ROW * max(0, ROWS - self.rows)
        return CURVE + max(0.0, PART - self.pitch * self.rows)


def ranked(
    rows: pd.DataFrame, *, mark: float, beside: str, edge: str, apart: int, paper: str
) -> Ranked:
    """Draws rows from the top, the first of them first.

    rows: `label`; `value`, where the bar ends, missing where it reaches the edge and is hatched;
    `beside`, what is said of it; `edge`, a word at the right edge; `colour`. mark: a value that a
    dotted line shows. beside, edge: heads of what stands there. apart: rows at the bottom that a
    line sets apart. paper: `us-letter`, or any other.
    """
    upwards = rows[::-1].reset_index(drop=True)
    told = [fill(words, BESIDE) for words in upwards.beside]
    pitch = TALL_ROW if any(words.count("\n") > 1 for words in told) else ROW
    is_letter = paper == "us-letter"
    if is_letter:
        pitch = min(pitch, LETTER)
    ax = Figure(figsize=(style.WIDTH, HEADS + pitch * len(upwards))).subplots()

    left = min(REACH, SPARE * upwards.value.fillna(0).min())
    widest = max(mark, upwards.value.max())
    right = left + (widest - left) / BARS
    words = widest + (widest - left) / 25
    for line, (value, colour) in enumerate(zip(upwards.value, upwards.colour, strict=True)):
        if pd.isna(value):
            looks = {"facecolor": style.GROUND, "edgecolor": colour, "hatch": "////"}
            ax.barh(line, left, BAR / pitch, **looks)
        else:
            ax.barh(line, value, BAR / pitch, color=colour)
    for line, (said, last) in enumerate(zip(told, upwards.edge, strict=True)):
        ax.text(words, line, said, va="center", color=style.MUTED)
        ax.text(right, line, last, ha="right", va="center", color=style.INK)

    head = len(upwards) - 0.4
    ax.text(words, head, beside, va="bottom", color=style.MUTED)
    ax.text(right, head, edge, ha="right", va="bottom", color=style.MUTED)
    if apart:
        ax.hlines(apart - 0.5, left, right, color=style.MUTED, lw=0.6)
    ax.vlines(0, -0.6, head, color=style.INK, lw=1)
    ax.vlines(mark, -0.6, head, color=style.MUTED, lw=1, linestyle=":", zorder=0)
    # Above the topmost bar stand the heads.
    ax.set(xlim=(left, right), ylim=(-0.6, len(upwards) + 0.05 / pitch), xticks=[])
    ax.set_yticks(range(len(upwards)), [fill(label, LABEL) for label in upwards.label])
    ax.spines.bottom.set_visible(False)
    return Ranked(ax=ax, rows=len(upwards), pitch=pitch, is_letter=is_letter)
