"""A matplotlib figure as a chart of the report: ticks in the client's formats, lines named at
their ends, an alternative text drafted from what is drawn, and lean SVG with live text."""

from __future__ import annotations

import hashlib
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from typing import Any, Final

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import ticker
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_mixed import MixedModeRenderer
from matplotlib.backends.backend_svg import FigureCanvasSVG, RendererSVG
from matplotlib.collections import PathCollection
from matplotlib.colors import to_hex
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text as Label

from siting_report import style
from siting_report.exhibit import (
    Chart,
    Data,
    Text,
    attributes,
    cited,
    format_of,
    in_language,
    joined,
    lacking,
    numbers_of,
    refuse_unknown,
    units_of,
)
from siting_report.formats import Numbers
from siting_report.show import phone
from siting_report.texts import ENGLISH, catalogue

TICKS = ("money", "compact_money", "percent", "number", "whole", "compact")
"""Formats of ticks."""
_LINE = 8 * 1.25
"""Height of a label of 8 pt. [points]"""
_SAID = "_said: "
"""Begins the label of a median with its eight cases in ten (`intervals`): no legend names it, but a
reader may point at it."""
DASHES: Final = ("-", "--", ":")
HATCHES: Final = ("", "////", "....")
"""How lines and bars of one colour of the cycle look, the first, the second and the third."""
_MOST_SAID = 14
"""Marks of one kind that a drafted text reads out; more are summed up."""


def chart(
    ax: Any,
    title: Text = "",
    data: Data = None,
    alt: Text | None = None,
    note: Text = "",
    *,
    x: str | Sequence[str] = "",
    y: str | Sequence[str] = "",
    narrow: bool = True,
) -> Chart:
    """Shows a drawing as a numbered figure.

    ax: axes, an array of axes, or a figure. title: the finding, in a sentence of one line.
    note: stands under the title: unit, period, what line, dot and hatching mean.
    alt: what the chart shows with its key numbers, or a list of marks; drafted from the drawing by
    default.
    x, y: format of the ticks (`money`, `compact_money`, `percent`, `number`, `whole`, `compact`,
    with decimals as `percent:1`), one for all axes or one for each. An axis without one that is
    named by a column of `data` says its unit as well.
    narrow: whether the same is laid out anew for a phone. Where it is not, the page says there in
    words what it shows.
    """
    figure = figure_of(ax)
    attrs = attributes(data)
    numbers = numbers_of(attrs)
    title = joined(title, data)
    note = joined(note, data)
    _speak(figure, numbers)
    for place, each in enumerate(_axes_of(ax)):
        for axis, kinds in ((each.xaxis, x), (each.yaxis, y)):
            kind = kinds if isinstance(kinds, str) else kinds[min(place, len(kinds) - 1)]
            _ticks(axis, kind, numbers)
            if not kind:
                _unit(axis, attrs)
    for each in figure.axes:
        if each.get_visible():
            _told_apart(each)
            _name(figure, each)
    marks = [alt or ""] if isinstance(alt, str) else alt or ()
    text = "; ".join(in_language(mark, data) for mark in marks) or drafted(figure) or title
    lacks = lacking(title, attrs)
    if not text:
        lacks.append("alternative text")
    width = round(float(figure.get_figwidth()) * 25.4)
    text = text or "Chart without a description"
    drawing = svg(figure, text)
    small = _for_a_phone(figure, text) if narrow else ""
    return {
        "kind": "chart", "title": title, "note": note, "alt": text, "sources": cited(data),
        "width": width, "svg": drawing, "lacks": lacks, "narrow": small,
    }  # fmt: skip


def _for_a_phone(figure: Figure, text: str) -> str:
    """A drawing for a phone, from that for paper, which has just been drawn."""
    phone.laid_out(figure)
    for legend in list(figure.legends):  # the same in as many rows as the width now asks
        named = [text.get_text() for text in legend.get_texts()]
        legend.remove()
        _legend(figure, legend.legend_handles, named)
    legends = sum(legend.get_window_extent().height for legend in figure.legends)
    figure.set_figheight(figure.get_figheight() + legends / figure.dpi)
    return svg(figure, text)


def _speak(figure: Figure, numbers: Numbers) -> None:
    """Words of a drawing in the report's language; names and numbers stay as they are."""
    if numbers.language == ENGLISH:
        return
    known = catalogue(numbers.language).known
    groups = (group for ax in figure.axes for group in ax.containers)
    artists: list[Any] = [*figure.findobj(), *groups]
    for artist in artists:
        label = str(artist.get_label())
        if not label.startswith("_") and (told := known(label)):
            artist.set_label(told)
        if isinstance(artist, Label) and (told := known(artist.get_text())):
            artist.set_text(told)
    for axis in (axis for ax in figure.axes for axis in (ax.xaxis, ax.yaxis)):
        named = axis.get_major_formatter()
        if isinstance(named, ticker.FixedFormatter):
            axis.set_major_formatter(ticker.FixedFormatter([known(n) or n for n in named.seq]))


def _told_apart(ax: Axes) -> None:
    """Lines and bars of a colour that the cycle gave to one before them: these are dashed, those
    hatched, in the order in which they come. Colours that a chart names stay as they are."""
    seen: Counter[str] = Counter()
    for line in ax.get_lines():
        colour = to_hex(line.get_color())
        if (
            colour in style.NEUTRAL
            and np.size(line.get_xdata()) > 1
            and line.get_linestyle() == "-"
        ):
            line.set_linestyle(DASHES[seen[colour] % len(DASHES)])
            seen[colour] += 1
    seen.clear()
    for bars in (each for each in ax.containers if isinstance(each, BarContainer)):
        patches = [patch for patch in bars.patches if not patch.get_hatch()]
        colours = {to_hex(patch.get_facecolor()) for patch in patches}
        for colour in colours & set(style.NEUTRAL):
            if hatch := HATCHES[seen[colour] % len(HATCHES)]:
                for patch in patches:
                    patch.set(hatch=hatch, edgecolor=style.GROUND)
            seen[colour] += 1


def figure_of(drawn: Any) -> Figure:
    """The figure of axes, of an array of axes, or itself. Raises TypeError for anything else."""
    found = drawn if isinstance(drawn, Figure) else _axes_of(drawn)[0].get_figure(root=True)
    assert found is not None
    return found


def _axes_of(drawn: Any) -> list[Axes]:
    """The axes that formats apply to, in order. Raises TypeError for what has none."""
    if isinstance(drawn, Axes):
        return [drawn]
    if isinstance(drawn, Figure):
        return [ax for ax in drawn.axes if ax.get_visible()]
    if isinstance(drawn, (np.ndarray, list, tuple)) and len(drawn):
        return [ax for part in drawn for ax in _axes_of(part)]
    raise TypeError(
        f"chart takes axes, an array of axes or a figure, not {type(drawn).__name__}; "
        "write chart(ax, …)"
    )


def _ticks(axis: Axis, kind: str, numbers: Numbers) -> None:
    """Ticks as the client writes numbers; named categories and dates stay as they are."""
    formatter = axis.get_major_formatter()
    if type(formatter).__name__ in ("FixedFormatter", "StrCategoryFormatter"):
        return
    if not kind and not isinstance(formatter, ticker.ScalarFormatter):
        return
    name, places = format_of(kind or "compact", TICKS, "chart, x or y")
    axis.set_major_formatter(ticker.FuncFormatter(numbers.axis(name, places)))
    # A notebook may have chosen the places of the ticks itself.
    chosen = ticker.FixedLocator | ticker.NullLocator | ticker.IndexLocator
    if axis.get_scale() == "linear" and not isinstance(axis.get_major_locator(), chosen):
        axis.set_major_locator(ticker.MaxNLocator(4, steps=[2, 2.5, 5], integer=name == "whole"))


def _unit(axis: Axis, attrs: Sequence[Mapping[str, Any]]) -> None:
    """An axis that pandas names by a column says the unit that the frame declares of it: `volume,
    M tokens/month`. A format of ticks says it by itself, and `month` needs no `months`."""
    column = axis.get_label_text()
    unit = units_of(attrs).get(column, "")
    if unit not in ("", "1", column, f"{column}s"):
        axis.set_label_text(f"{column.replace('_', ' ')}, {unit}")


def _name(figure: Figure, ax: Axes) -> None:
    """Says what is drawn: lines at their ends where nothing else has a name, or in a legend."""
    named = _named(ax)
    handles, labels = ax.get_legend_handles_labels()
    only_lines = len(named) == len(labels) > 0
    legend = ax.get_legend()
    if legend is not None:
        legend.remove()
    elif not only_lines or len(named) == 1:
        return
    if only_lines:
        _name_lines(ax, named)
    else:
        _legend(figure, handles, labels)


def _named(ax: Axes) -> list[Line2D]:
    return [
        line
        for line in ax.lines
        if _called(line) and np.isfinite(_numbers(line.get_ydata(orig=False))).any()
    ]


def _numbers(values: Any) -> np.ndarray[Any, Any]:
    return np.asarray(np.ma.filled(np.ma.asarray(values, dtype=float), np.nan), dtype=float)


def _name_lines(ax: Axes, named: Iterable[Line2D]) -> None:
    """Names lines at their ends, in their colours, apart from each other, instead of a legend."""
    ax.autoscale_view()
    to_axes = ax.transData + ax.transAxes.inverted()
    ends = []
    for line in named:
        xs = _numbers(line.get_xdata(orig=False))
        ys = _numbers(line.get_ydata(orig=False))
        known = np.flatnonzero(np.isfinite(xs) & np.isfinite(ys))
        if len(known):
            ends.append((to_axes.transform((xs[known[-1]], ys[known[-1]])), line))
    height = ax.get_position().height * figure_of(ax).get_figheight() * 72
    places = _apart([float(end[1]) for end, _ in ends], _LINE / max(height, 1.0))
    for place, (end, line) in zip(places, ends, strict=True):
        colour = str(line.get_color())
        ax.annotate(
            str(line.get_label()), (max(float(end[0]), 0), place), (5, 0), xycoords="axes fraction",
            textcoords="offset points", va="center", color=style.TEXT.get(colour, colour),
            fontweight=600, annotation_clip=False,
        )  # fmt: skip


def _apart(places: Sequence[float], gap: float) -> list[float]:
    """Places moved as little as it takes, in squares, to keep `gap` between neighbours."""
    from scipy.optimize import isotonic_regression

    if not places:
        return []
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(places))
    moved = np.empty(len(places))
    moved[order] = isotonic_regression(np.asarray(places)[order] - steps).x + steps
    return [float(x) for x in moved]


def _legend(figure: Figure, handles: Any, labels: Sequence[str]) -> None:
    """A legend above the chart, in one row or as few as its width allows."""
    for columns in range(len(labels), 0, -1):
        drawn = figure.legend(
            handles, labels, loc="outside upper left", ncols=columns, handlelength=1.1,
            handleheight=0.9, columnspacing=1.4, borderpad=0,
        )  # fmt: skip
        if columns == 1 or drawn.get_window_extent().width <= figure.bbox.width:
            return
        drawn.remove()


# --- alternative text


def drafted(figure: Figure) -> str:
    """What a figure shows, read off its axes: lines by their ends, bars and points by value."""
    return " ".join(said for ax in figure.axes if ax.get_visible() for said in _said(ax))


def _said(ax: Axes) -> Iterator[str]:
    titles = [ax.get_title(loc=side) for side in ("left", "center", "right")]
    if any(titles):
        yield f"{' '.join(filter(None, titles))}:"
    across = ax.get_xlabel() or "the horizontal axis"
    up = ax.get_ylabel() or "the vertical axis"
    marks = [m.removeprefix(_SAID) for m in map(_label, ax.lines) if m.startswith(_SAID)]
    if marks:
        yield f"Medians, and eight in ten cases: {'; '.join(marks)}."
    lines = [line for line in _named(ax) or ax.lines if len(line.get_xdata()) > 1]  # type: ignore[arg-type]
    lines = [line for line in lines if _label(line) != "_" and not marks]
    if lines:
        named = "; ".join(map(_line_said, lines[:_MOST_SAID]))
        yield f"Lines of {up} over {across}. {named}."
    for bars in ax.containers:
        if isinstance(bars, BarContainer) and len(bars):
            yield from _bars_said(ax, bars)
    if points := [c for c in ax.collections if isinstance(c, PathCollection)]:
        count = sum(len(np.asarray(p.get_offsets())) for p in points)
        yield f"{count} points of {up} over {across}."
    texts = [t.get_text() for t in ax.texts if t.get_text().strip()]
    if texts and not lines and not marks:
        yield f"Labels: {', '.join(texts[: 3 * _MOST_SAID])}."


def _label(line: Line2D) -> str:
    return str(line.get_label())


def _called(drawn: Line2D | BarContainer) -> str:
    """What lines and bars are of, as the key says it; blank where it does not."""
    label = str(drawn.get_label())
    return "" if label.startswith("_") else label


def _line_said(line: Line2D) -> str:
    if _label(line).startswith(_SAID):
        return _label(line).removeprefix(_SAID)
    ys = _numbers(line.get_ydata(orig=False))
    ys = ys[np.isfinite(ys)]
    return f"{_called(line) or 'A line'} from {_short(ys[0])} to {_short(ys[-1])}"


def _bars_said(ax: Axes, bars: BarContainer) -> Iterator[str]:
    names, sizes, _ = _as_seen(ax, bars)
    kept = [(name, size) for name, size in zip(names, sizes, strict=False) if size]
    lead = f"Bars of {_called(bars)}" if _called(bars) else "Bars"
    if kept and len(names) == len(sizes) and len(kept) <= _MOST_SAID:
        yield f"{lead}: " + ", ".join(f"{n} {_short(v)}" for n, v in kept) + "."
    elif sizes:
        yield f"{len(sizes)} {lead.lower()} from {_short(min(sizes))} to {_short(max(sizes))}."


def _as_seen(ax: Axes, bars: BarContainer) -> tuple[list[str], list[float], Axis]:
    """What stands below bars on their axis, their sizes, and the axis that these are read off."""
    upright = bars.orientation != "horizontal"
    axis, values = (ax.xaxis, ax.yaxis) if upright else (ax.yaxis, ax.xaxis)
    names = [label.get_text() for label in axis.get_ticklabels()]
    sizes = [p.get_height() if upright else p.get_width() for p in bars.patches]
    return names, sizes, values


def _short(value: float) -> str:
    if not math.isfinite(value):
        return "none"
    size = abs(value)
    for scale, word in ((1e9, " billion"), (1e6, " million")):
        if size >= scale:
            return f"{value / scale:.3g}{word}"
    return f"{value:.0f}" if size >= 100 else f"{value:.3g}"


# --- SVG


def _written(figure: Figure) -> str:
    """The figure as matplotlib writes it. Not savefig: it draws twice, the first time only to lay
    the figure out, which drawing does."""
    out = io.StringIO()
    width, height = figure.get_size_inches()
    dpi = figure.dpi
    figure.dpi = FigureCanvasSVG.fixed_dpi
    told: dict[str, Any] = {"image_dpi": dpi, "metadata": {"Date": None, "Creator": None}}
    drawing = RendererSVG(72 * width, 72 * height, out, **told)  # type: ignore[no-untyped-call]
    mixed: Any = MixedModeRenderer(  # type: ignore[no-untyped-call]
        figure, width, height, dpi, drawing
    )
    figure.draw(mixed)
    mixed.finalize()
    return out.getvalue()


def svg(figure: Figure, alt: str) -> str:
    """The figure as inline SVG: no date, ids of its own, whole numbers of 1/100 point.

    Bars and named lines say what they are when pointed at.
    """
    said = list[str]()
    for mark, words in _marks(figure):
        mark.set_gid(f"mark-{len(said)}")
        said.append(words)
    FigureCanvasSVG(figure)  # which figures are laid out for
    text = _written(figure)
    plt.close(figure)
    text = text[text.index("<svg") :]
    # matplotlib's own style sheet says what the two attributes below say.
    unwanted = r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->"
    text = re.sub(unwanted, "", text, flags=re.DOTALL)
    text = re.sub(
        r'<g id="mark-(\d+)">', lambda m: f"<g><title>{escape(said[int(m[1])])}</title>", text
    )
    key = hashlib.sha256((alt + str(len(text))).encode()).hexdigest()[:8]
    text = re.sub(r"<[^>]*>", lambda tag: _lean(tag[0], key), text)
    text = re.sub(r"\s*\n\s*", "\n", text)
    joined = 'stroke-linejoin="round" stroke-linecap="butt"'
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(alt)}" {joined} ', 1)


def _marks(figure: Figure) -> Iterator[tuple[Artist, str]]:
    """Each bar and each named line, and what it says when pointed at."""
    for ax in figure.axes:
        for bars in (bars for bars in ax.containers if isinstance(bars, BarContainer)):
            names, sizes, axis = _as_seen(ax, bars)
            if len(names) != len(sizes):
                names = [""] * len(sizes)
            write = axis.get_major_formatter()
            for bar, name, size in zip(bars.patches, names, sizes, strict=True):
                words = name.replace("\n", " "), _called(bars), str(write(size)) or _short(size)
                yield bar, ", ".join(filter(None, words))
        for line in (*_named(ax), *(m for m in ax.lines if _label(m).startswith(_SAID))):
            yield line, _line_said(line)


def _lean(tag: str, key: str) -> str:
    """A tag of a drawing with ids of its own and whole numbers of 1/100 point."""
    if tag.startswith("<g "):
        tag = re.sub(r' id="[^"]*"', "", tag)
    tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{key}-", tag)
    return re.sub(r'(?<= d=")[^"]*', lambda d: re.sub(r"(\d\.\d\d)\d+", r"\1", d[0]), tag)


# --- intervals


def intervals(
    ax: Axes,
    df: pd.DataFrame,
    columns: Sequence[str] = ("p10", "p25", "p50", "p75", "p90"),
    *,
    colours: Mapping[str, str] | str = style.CHOSEN,
) -> None:
    """Draws the house's interval for each row of `df`, first row on top, named by its index.

    A thin line for eight cases in ten, a thick one for half of them, a dot for the median. With
    three columns (low, central, high) there is no thick line.
    """
    refuse_unknown(columns, df.columns, "intervals, columns")
    ends = df[list(columns)].to_numpy(float)
    ax.set_yticks(range(len(df)), list(map(str, df.index)))
    ax.set_ylim(len(df) - 0.5, -0.65)
    for place, (name, row, label) in enumerate(
        zip(df.index, ends, ax.get_yticklabels(), strict=True)
    ):
        colour = colours if isinstance(colours, str) else colours.get(name, style.MUTED)
        label.set(color=style.TEXT.get(colour, colour), fontweight=600)
        if np.isfinite(row).all():
            _interval(ax, place, str(name), row, colour)
    if np.isfinite(ends).any() and np.nanmin(ends) >= 0:
        ax.set_xlim(left=0)
    ax.xaxis.grid(True)


def _interval(ax: Axes, place: int, name: str, row: Any, colour: str) -> None:
    low = row[0]
    middle = row[len(row) // 2]
    high = row[-1]
    said = f"{_SAID}{' '.join(name.split())} {_short(middle)} ({_short(low)} to {_short(high)})"
    ax.plot([low, high], [place, place], color=colour, linewidth=2, label="_")
    if len(row) == 5:
        half = [row[1], row[3]]
        ax.plot(half, [place, place], color=colour, linewidth=6, alpha=0.45, solid_capstyle="butt")
    look: dict[str, Any] = {"color": colour, "markeredgecolor": style.GROUND, "zorder": 5}
    ax.plot(middle, place, "o", label=said, markersize=7, **look)
