"""The one visual language of a report: colours, chart style, verdict badges, origin marks.

Importing this module puts matplotlib in the house style (`theme/report.mplstyle`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import font_source_sans_pro
import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.ticker import MaxNLocator

from siting.formats import Numbers, Style
from siting.quantity import Range

THEME = Path(__file__).parent.parent / "theme"
FONTS = Path(font_source_sans_pro.font_directory)

INK = "#1b2733"
MUTED = "#56616b"
LINE = "#8b959e"
GRID = "#e1e5e9"
SHADE = "#f1f4f6"

# Okabe and Ito, "Color Universal Design" (2008), darkened so that every colour but the sixth has a
# contrast of 3:1 on white, and stays apart from the others with any one cone type missing.
SERIES = ("#0072b2", "#d55e00", "#00866a", "#b4528f", "#5c3d11", "#4a9fd4", "#6b7780")

GOOD, BAD, CAUTION, OPEN = "#00694f", "#a8320a", "#7a5c00", "#56616b"
"""Text colours of verdicts; each has a contrast of 4.5:1 on white and on its badge."""

VERDICTS = {
    "good": ("pass", "fits", "yes", "better", "parity", "open", "chosen", "low", "met", "ok"),
    "bad": ("fail", "no", "does not fit", "struck", "worse", "high", "not met", "blocked"),
    "caution": ("review", "tight", "partial", "medium", "conditional", "open question", "at risk"),
    "open": ("n.a.", "not applicable", "unknown", "not estimated", "none"),
}
"""Words that print as a badge, by tone. A badge always shows its word: colour only supports it."""

SIGNS = {"good": "✓", "bad": "✕", "caution": "!", "open": "–"}

MARKS = {"measured": "M", "published": "P", "client": "C", "estimate": "E"}
"""Origin of a figure, and the letter that marks it."""

WIDTH = 6.3
"""Width of the text of an A4 page. [inches]"""

for _font in sorted(FONTS.glob("SourceSansPro-*.ttf")):
    fontManager.addfont(str(_font))
mpl.rcParams.update(mpl.rc_params_from_file(THEME / "report.mplstyle", use_default_template=False))
mpl.rcParams["axes.prop_cycle"] = cycler(color=SERIES)


def tone(verdict: str) -> str:
    """Tone of a verdict word (`good`, `bad`, `caution`, `open`); `open` for any other word."""
    word = verdict.strip().lower()
    return next((t for t, words in VERDICTS.items() if word in words), "open")


def mark(kind: str) -> str:
    """Text that exhibits and prose turn into the mark of a figure's origin: `[estimate]`.

    Append it to a formatted number: `numbers.range(power) + style.mark("estimate")`.
    """
    if kind not in MARKS:
        raise ValueError(f"{kind!r} is no origin of a figure; known: {', '.join(MARKS)}")
    return f" [{kind}]"


def colours(names: Iterable[str]) -> dict[str, str]:
    """One colour for each name, in order: the same option has the same colour in every chart."""
    return {name: SERIES[i % len(SERIES)] for i, name in enumerate(names)}


def figure(
    height: float = 2.8, rows: int = 1, columns: int = 1, **subplots: Any
) -> tuple[Figure, Any]:
    """A figure of the report's width and `height` [inches], and its axes.

    `subplots` goes to `Figure.subplots` (sharex, width_ratios …).
    """
    drawn = Figure(figsize=(WIDTH, height), layout="constrained")
    return drawn, drawn.subplots(rows, columns, **subplots)


def intervals(
    ax: Axes,
    labels: Sequence[str],
    ranges: Sequence[Range],
    numbers: Numbers,
    style: Style = "number",
    colour: str | Sequence[str] = SERIES[0],
    decimals: int | None = None,
) -> None:
    """A row for each label: a dot at the central value, a bar from low to high, the number.

    The first label is on top. The x axis starts at zero where all values are positive.
    """
    shades = [colour] * len(labels) if isinstance(colour, str) else list(colour)
    tick = numbers.axis(style, decimals)
    for y, (value, shade) in enumerate(zip(ranges, shades, strict=True)):
        ax.plot([value.low, value.high], [y, y], color=shade, linewidth=5, alpha=0.3)
        ax.plot(value.central, y, "o", color=shade)
        ax.annotate(
            tick(value.central), (value.central, y), (0, 6), textcoords="offset points",
            ha="center", fontsize=8.5,
        )  # fmt: skip
    ax.set_yticks(range(len(labels)), labels)
    ax.set_ylim(len(labels) - 0.5, -0.7)
    if all(r.low >= 0 for r in ranges):
        ax.set_xlim(left=0)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(numbers.axis(style, decimals))
    ax.xaxis.grid(True)
    ax.spines["left"].set_visible(False)


def label_line(ax: Axes, x: float, y: float, text: str, colour: str) -> None:
    """Name a line at its end, in its colour, instead of in a legend."""
    ax.annotate(
        text, (x, y), (4, 0), textcoords="offset points", va="center", color=colour,
        fontsize=8.5, annotation_clip=False,
    )  # fmt: skip


def legend(figure: Figure, ax: Axes) -> None:
    """Name the lines of `ax` above the figure, where they cannot hide what is drawn.

    In one row, or in as few as the width of the figure allows.
    """
    handles, labels = ax.get_legend_handles_labels()
    for columns in range(len(labels), 0, -1):
        drawn = figure.legend(handles, labels, loc="outside upper left", ncols=columns, fontsize=8)
        if columns == 1 or drawn.get_window_extent().width <= figure.bbox.width:
            break
        drawn.remove()


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours `#rrggbb`, 1 to 21, as WCAG 2.2 defines it."""

    def luminance(colour: str) -> float:
        channels = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
