"""The cost chapter: what each option costs, when it pays back, how sure that is, and what flips it.

Every sentence, table and chart is computed from `tco.Comparison` and `uncertainty.Uncertainty`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import wraps
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pandas as pd

from siting import catalogue
from siting.catalogue import Source, source_of
from siting.cost import claims as published
from siting.cost import costing
from siting.cost.prices import parameter
from siting.cost.tco import BreakEven, Comparison, OptionCost, shown_factors
from siting.cost.uncertainty import Bar, Correlation, Flip, described
from siting.cost.uncertainty import flips as _flips
from siting.cost.uncertainty import sobol as _sobol
from siting.cost.uncertainty import tornado as _tornado
from siting.exhibits import Chart, Prose, Table, literal, style
from siting.formats import Numbers
from siting.quantity import Range

if TYPE_CHECKING:
    from siting.study import Study

DASH = "–"
HIGHEST_IRR = 10.0
"""A return above 1,000 % a year says only that hardly anything is invested."""
CATEGORIES = {
    "hardware": "hardware", "network": "network", "facility": "space", "energy": "electricity",
    "maintenance": "maintenance", "licences": "licences", "staff": "staff", "rental": "GPU rental",
    "api": "API", "storage": "storage", "migration": "migration", "exit": "exit",
    "residual": "resale", "fine_tuning": "fine-tuning", "tax": "tax",
    "before_production": "baseline until production",
}  # fmt: skip
MOST_BARS = 10
"""Inputs that the tornado and the table of Sobol indices show."""
Shown = TypeVar("Shown", bound="Chart | Table | Prose")
STACKED = ("hardware", "facility", "energy", "maintenance", "rental", "api", "staff")
"""Categories with a colour of their own in the stacked chart; the rest is gathered."""


def _uncertainty(study: Study) -> Any:
    """What the frames of a study say by themselves; goes with this module."""
    c, u = study.cost, study.uncertainty
    rest = [n for n, o in c.options.items() if n != c.cheapest and not (o.hybrid and o.hybrid.end)]
    runner = min(rest, key=lambda n: c.options[n].present, default=c.cheapest)
    same = c.cheapest == c.baseline or c.baseline not in c.options
    pair = (c.cheapest, runner if same else c.baseline)
    bars = _tornado(c.plan, pair)
    shares = [
        SimpleNamespace(label=described(c.plan, x.driver)[0], **vars(x))
        for x in _sobol(c.plan, pair, bars, u.seed)
    ]
    return SimpleNamespace(
        **vars(u), focus=pair, focus_tornado=bars, sobol=shares, flips=_flips(c.plan, c.cheapest),
        correlations=catalogue.table("cost_correlations", Correlation),
    )  # fmt: skip


# --- sources ----------------------------------------------------------------------------------


def sources(comparison: Comparison, *stems: str) -> list[Source]:
    """Sources of the factors whose names begin with one of the stems; of all by default."""
    found = [
        f.source
        for name, f in comparison.plan.factors.items()
        if not stems or name.split(".")[0] in stems
    ]
    return list(dict.fromkeys(found))


def _moved(comparison: Comparison, drivers: Sequence[str]) -> list[Source]:
    """Sources of the factors that some drivers move."""
    found = [f.source for f in shown_factors(comparison.plan).values() if f.driver in drivers]
    return list(dict.fromkeys(found))


PRICES = ("server_price", "gpu_hour", "api_request", "electricity", "colocation", "fx")


def _label(comparison: Comparison, name: str) -> str:
    return comparison.options[name].label


def _years(comparison: Comparison) -> str:
    years = comparison.months / 12
    return f"{years:g} year" + ("s" if years != 1 else "")


def needs_prices(exhibit: Callable[[Study], Shown]) -> Callable[[Study], Shown | Prose]:
    """Where no option could be priced, an exhibit of costs says so instead."""

    @wraps(exhibit)
    def shown(study: Study) -> Shown | Prose:
        if not study.cost.options:
            return Prose("No option could be priced, so there is nothing to show here.")
        return exhibit(study)

    return shown


# --- the answer -------------------------------------------------------------------------------


def answer(study: Study) -> Prose:
    """What is cheapest, by how much, how sure, and at which volume that changes."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    if not c.options:
        return Prose("**No option could be priced.** " + _left_out(c))
    best = c.options[c.cheapest]
    spread = u.spreads[best.name].present
    text = (
        f"**{literal(best.label)} is the cheapest option**: {n.compact_money(best.present)} of "
        f"present cost over {_years(c)} ({n.compact_money(spread.low)} to "
        f"{n.compact_money(spread.high)} in nine of ten cases). "
    )
    text += _against(c, u, n, best)
    text += " " + _by_volume(c, n)
    if c.not_estimated:
        text += " " + _left_out(c)
    return Prose(text, sources(c, *PRICES))


def _against(c: Comparison, u: Any, n: Numbers, best: OptionCost) -> str:
    chances = u.chance_cheapest
    sure = (
        f"It is the cheapest in {n.percent(chances['list'][best.name])} of "
        f"{n.number(u.draws)} draws with API prices as listed, and in "
        f"{n.percent(chances['same_capability'][best.name])} if prices of the same capability "
        "go on falling."
    )
    if best.name == c.baseline:
        rival = literal(_label(c, u.focus[1]))
        gap = c.options[u.focus[1]].present - best.present
        return f"It is what runs today; {rival} would cost {n.compact_money(gap)} more. {sure}"
    if c.baseline not in c.options:
        return sure
    back = best.payback_discounted
    when = f"after {n.number(back, 0)} months" if back is not None else "not within the horizon"
    saved = n.compact_money(best.npv)
    rival = literal(_label(c, c.baseline))
    return f"Against {rival} it saves {saved} of present value; the money is back {when}. {sure}"


def _by_volume(c: Comparison, n: Numbers) -> str:
    """Which option is the cheapest at which volume, in words."""
    winners = c.volume.winners
    planned = f"{n.number(c.volume.planned, 0)} million tokens a month, the mean of the horizon"
    if len(winners) == 1:
        low, high = c.volume.million_tokens[0], c.volume.million_tokens[-1]
        return (
            f"Planned are {planned}; no other option becomes cheaper anywhere between "
            f"{n.number(low, 0)} and {n.number(high, 0)} million."
        )
    parts = []
    for w in winners:
        span = (
            f"below {n.number(w.below, 0)}" if w.above == 0
            else f"above {n.number(w.above, 0)}" if math.isinf(w.below)
            else f"from {n.number(w.above, 0)} to {n.number(w.below, 0)}"
        )  # fmt: skip
        parts.append(f"{literal(_label(c, w.option))} {span}")
    return f"Planned are {planned}. By volume, in millions: {'; '.join(parts)}."


def _left_out(c: Comparison) -> str:
    reasons = "; ".join(f"{literal(k)}: {literal(v)}" for k, v in c.not_estimated.items())
    return f"Not estimated, because there is no price or no estimate of speed – {reasons}."


# --- tables of money --------------------------------------------------------------------------


@needs_prices
def money_table(study: Study) -> Table:
    """Every option: cost, saving, return, paybacks, cost per million tokens."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    rows = []
    for name, o in c.options.items():
        spread = u.spreads[name]
        base = name == c.baseline
        rows.append(
            {
                "option": o.label + (" (baseline)" if base else ""),
                "total": n.compact_money(o.total, 2),
                "present cost": n.compact_money(o.present, 2),
                "P5 to P95": _span(spread.present, n),
                "NPV": DASH if base else n.compact_money(o.npv, 2),
                "IRR": DASH if base else _irr(o.irr, n),
                "payback": DASH if base else _months(o.payback_simple, n),
                "discounted": DASH if base else _months(o.payback_discounted, n),
                "per M tokens": DASH if o.lcot is None else n.money(o.lcot, 2),
            }
        )
    return Table(
        pd.DataFrame(rows),
        f"What each option costs over {_years(c)}, in {c.currency}",
        sources(c, *PRICES),
        stub="option",
        spanners={"payback [months]": ["payback", "discounted"]},
        notes=(
            "Total: plain sum. Present cost and NPV: discounted at "
            f"{n.percent(c.rate, 1)} a year, NPV against the baseline. P5 to P95: present cost in "
            "nine of ten draws. IRR: yearly return of what the option costs more at first; none "
            "where nothing comes back or no single rate exists. Per M tokens: levelised, input and "
            "output together, tokens discounted as money is.",
            *(_notes(c)),
        ),
    )


def _notes(c: Comparison) -> list[str]:
    return [note + "." for note in c.notes]


def _span(value: Range, n: Numbers) -> str:
    return f"{n.compact_money(value.low)} to {n.compact_money(value.high)}"


def _irr(value: float | None, n: Numbers) -> str:
    if value is None:
        return "none"
    return "over " + n.percent(HIGHEST_IRR) if value > HIGHEST_IRR else n.percent(value)


def _months(value: float | None, n: Numbers) -> str:
    return "never" if value is None else n.number(value, 0)


@needs_prices
def price_paths(study: Study) -> Table:
    """Present cost under both API price paths, always side by side."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    decline = parameter("api_decline")
    rows = [
        {
            "option": o.label,
            "same model, list price": n.compact_money(o.present_by_path["list"], 2),
            "cheapest in": n.percent(u.chance_cheapest["list"][name]),
            "same capability, falling": n.compact_money(o.present_by_path["same_capability"], 2),
            "cheapest in ": n.percent(u.chance_cheapest["same_capability"][name]),
        }
        for name, o in c.options.items()
    ]
    return Table(
        pd.DataFrame(rows),
        "Two futures of API prices: as listed, or falling at the same capability",
        [source_of(decline), *sources(c, "api_request")],
        stub="option",
        notes=(
            "Same model: a vendor rarely cuts the list price of a model before it retires it. Same "
            "capability: whoever changes models freely pays less each year, by "
            f"{n.percent(decline.central)} ({n.percent(decline.low)} to "
            f"{n.percent(decline.high)}) in our estimate; every change needs tests, which this "
            "figure leaves out.",
        ),
    )


@needs_prices
def yearly(study: Study) -> Table:
    """Cash view and accounting view of the cheapest option, by year."""
    c, n = study.cost, study.numbers
    o = c.options[c.cheapest]
    cash, booked = o.cash_view, o.accounting_view
    rows = [
        {"year": str(i + 1), "cash": n.money(a), "booked": n.money(b)}
        for i, (a, b) in enumerate(zip(cash, booked, strict=True))
    ]
    rows.append({"year": "sum", "cash": n.money(sum(cash)), "booked": n.money(sum(booked))})
    return Table(
        pd.DataFrame(rows),
        f"{o.label}: cost by year as paid, and as booked over {o.life} years",
        sources(c, "server_price", "life_years"),
        stub="year",
        totals=1,
        notes=(
            "Booked: investments in equal parts over their life; what is left of them, less what "
            "resale brings, falls on the last year. Both views have the same sum.",
        ),
    )


@needs_prices
def items(study: Study) -> Table:
    """Cost items of every option, plain sums over the horizon."""
    c, n = study.cost, study.numbers
    labels = list(dict.fromkeys(label for o in c.options.values() for label in o.by_item()))
    frame = {"item": labels}
    for o in c.options.values():
        sums = o.by_item()
        frame[o.name] = [n.money(sums[x]) if x in sums else DASH for x in labels]
    frame["item"].append("sum")
    for o in c.options.values():
        frame[o.name].append(n.money(o.total))
    return Table(
        pd.DataFrame(frame),
        f"Where the money goes: plain sums over {_years(c)}, {c.currency}",
        sources(c, *PRICES, "staff_cost", "maintenance"),
        stub="item",
        totals=1,
        align={o: "right" for o in c.options},
    )


# --- charts -----------------------------------------------------------------------------------


@needs_prices
def cumulative(study: Study) -> Chart:
    """Cost summed up over time, with the band of nine draws in ten at each year's end."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    figure, ax = style.figure(3.2)
    shade = style.colours(c.options)
    ends: list[tuple[float, str, str]] = []
    for name, o in c.options.items():
        running = np.cumsum(o.monthly)
        ax.plot(np.arange(len(running)), running, color=shade[name])
        if name in u.focus:
            band = u.spreads[name].cumulative
            months = np.minimum(np.arange(1, band.shape[1] + 1) * 12, c.months)
            ax.fill_between(months, band[0], band[2], color=shade[name], alpha=0.15, linewidth=0)
        ends.append((float(running[-1]), o.label, shade[name]))
    ends.sort()
    for y, (_, label, colour) in zip(_apart(ends, ax.get_ylim()[1]), ends, strict=True):
        style.label_line(ax, c.months, y, _short(label), colour)
    ax.set_xlim(0, c.months * 1.38)
    ax.set_xticks(range(0, c.months + 1, 12))
    ax.set_xlabel("months from today")
    ax.yaxis.set_major_formatter(n.axis("compact_money"))
    best = c.options[c.cheapest]
    words = "; ".join(f"{o.label} {n.compact_money(o.total)}" for o in c.options.values())
    return Chart(
        figure,
        f"{best.label} ends lowest, at {n.compact_money(best.total)} after {_years(c)}",
        f"Lines of cumulative cost by month for each option, with bands. At the end: {words}.",
        sources(c, *PRICES),
        "Lines: central case. Bands: nine of ten draws at each year's end, of the cheapest option "
        "and its rival. A step is a purchase; the last holds exit and resale.",
    )


def _apart(ends: Sequence[tuple[float, str, str]], top: float) -> list[float]:
    """Heights of labels, lowest first, moved so that none covers the one below."""
    gap = top * 0.06
    out: list[float] = []
    for value, _, _ in ends:
        out.append(max(value, out[-1] + gap) if out else value)
    return out


def _short(label: str, most: int = 26) -> str:
    return label if len(label) <= most else label[: most - 1].rstrip(" ,") + "…"


@needs_prices
def stacked(study: Study) -> Chart:
    """Cost of every option by category."""
    c, n = study.cost, study.numbers
    figure, ax = style.figure(0.9 + 0.42 * len(c.options))
    names = [x for x in STACKED if any(x in o.by_category() for o in c.options.values())]
    shade = {**style.colours(names), "other": style.GRID}
    for y, o in enumerate(c.options.values()):
        sums = o.by_category()
        other = sum(v for k, v in sums.items() if k not in names and v > 0)
        left = 0.0
        for key in (*names, "other"):
            width = sums.get(key, 0.0) if key != "other" else other
            ax.barh(y, max(width, 0.0), left=left, color=shade[key], height=0.62)
            left += max(width, 0.0)
        ax.annotate(n.compact_money(o.total), (left, y), (3, 0), textcoords="offset points",
                    va="center", fontsize=8.5)  # fmt: skip
    ax.set_yticks(range(len(c.options)), [_short(o.label, 34) for o in c.options.values()])
    ax.invert_yaxis()
    ax.xaxis.set_major_formatter(n.axis("compact_money"))
    ax.margins(x=0.12)
    handles = [ax.barh(0, 0, color=shade[k]) for k in (*names, "other")]
    figure.legend(handles, [CATEGORIES.get(k, k) for k in names] + ["other"],
                  loc="outside upper left", ncols=4, fontsize=8.5)  # fmt: skip
    best = c.options[c.cheapest]
    largest = max(best.by_category().items(), key=lambda kv: kv[1])
    words = "; ".join(
        f"{o.label}: " + ", ".join(f"{CATEGORIES.get(k, k)} {n.compact_money(v)}" for k, v in
                                   sorted(o.by_category().items(), key=lambda kv: -kv[1])[:3])
        for o in c.options.values()
    )  # fmt: skip
    return Chart(
        figure,
        f"{CATEGORIES.get(largest[0], largest[0]).capitalize()} is the largest part of "
        f"{best.label}: {n.compact_money(largest[1])}",
        f"Stacked bars of cost by category for each option. Largest parts: {words}.",
        sources(c, *PRICES),
        "Plain sums over the horizon; the number beside a bar is the total after resale.",
    )


@needs_prices
def per_million(study: Study) -> Chart:
    """Cost of a million tokens against volume: where one option takes over from another."""
    c, n = study.cost, study.numbers
    figure, ax = style.figure(3.2)
    shade = style.colours(c.options)
    v = c.volume
    ends = []
    for name, o in c.options.items():
        ax.plot(v.million_tokens, v.per_million[name], color=shade[name])
        ends.append((float(v.per_million[name][-1]), o.label, shade[name]))
    ax.set_xscale("log")
    ax.set_yscale("log")
    low = min(e[0] for e in ends)
    step = 1.4
    heights: list[float] = []
    for value, label, colour in sorted(ends):
        heights.append(max(value, heights[-1] * step) if heights else low)
        style.label_line(ax, v.million_tokens[-1], heights[-1], _short(label), colour)
    ax.axvline(v.planned, color=style.LINE, linestyle=":")
    ax.annotate("planned", (v.planned, ax.get_ylim()[1]), (3, -9), textcoords="offset points",
                fontsize=8.5, color=style.MUTED)  # fmt: skip
    ax.set_xlim(v.million_tokens[0], v.million_tokens[-1] * 12)
    ax.xaxis.set_major_formatter(n.axis("compact"))
    ax.yaxis.set_major_formatter(n.axis("money", 2))
    ax.set_xlabel("million tokens a month, mean of the horizon")
    ax.set_ylabel(f"{c.currency} per million tokens")
    cross = [w for w in v.winners if w.above > 0]
    title = (
        f"{_label(c, v.winners[0].option)} is the cheapest up to "
        f"{n.number(v.winners[0].below, 0)} million tokens a month"
        if cross
        else f"{_label(c, v.winners[0].option)} is the cheapest at every volume"
    )
    return Chart(
        figure,
        title,
        f"Lines of levelised cost per million tokens over volume, both axes logarithmic. "
        f"{_by_volume(c, n)}",
        sources(c, *PRICES),
        "Levelised cost at the planned mix of requests. Owned and committed machines are paid "
        "whether used or not, so their cost falls with volume until another machine is needed; a "
        "hybrid is split anew at each volume.",
    )


@needs_prices
def hybrid(study: Study) -> Chart | Prose:
    """Present cost against the number of servers owned, and the share of tokens that bursts."""
    c, n = study.cost, study.numbers
    found = [o for o in c.options.values() if o.hybrid is not None]
    if not found:
        return Prose("No hybrid is among the options, or it could not be priced.")
    o = found[0]
    h = o.hybrid
    assert h is not None
    count = [x[0] for x in h.curve]
    figure, (ax, below) = style.figure(3.6, rows=2, sharex=True, height_ratios=[2, 1])
    ax.plot(count, [x[1] for x in h.curve], "o-", color=style.SERIES[0])
    ax.axhline(h.base_cost, color=style.SERIES[1], linestyle="--")
    ax.annotate("all on own servers, with a spare", (count[-1], h.base_cost), (0, 4),
                textcoords="offset points", ha="right", fontsize=8.5,
                color=style.SERIES[1])  # fmt: skip
    best = min(h.curve, key=lambda x: x[1])
    ax.annotate(n.compact_money(best[1]), (best[0], best[1]), (0, -12), textcoords="offset points",
                ha="center", fontsize=8.5)  # fmt: skip
    ax.set_ylim(0, max(h.base_cost, max(x[1] for x in h.curve)) * 1.15)
    ax.set_ylabel("present cost")
    ax.yaxis.set_major_formatter(n.axis("compact_money"))
    below.bar(count, [x[2] for x in h.curve], color=style.SERIES[5], width=0.5)
    below.set_ylabel("share that bursts")
    below.yaxis.set_major_formatter(n.axis("percent"))
    below.set_xticks(count if len(count) <= 15 else count[:: math.ceil(len(count) / 12)])
    below.set_xlabel("servers owned at most")
    words = "; ".join(f"{k}: {n.compact_money(v)}, {n.percent(s, 1)} bursts" for k, v, s in h.curve)
    return Chart(
        figure,
        _hybrid_title(o, n),
        f"Present cost over servers owned. {words}.",
        sources(c, *PRICES),
        "None: the other side alone. Servers are bought when the load needs them; a hybrid keeps "
        "no spare, because the other side stands in.",
    )


def _hybrid_title(o: OptionCost, n: Numbers) -> str:
    h = o.hybrid
    assert h is not None
    if h.end == "burst":
        return "The best split owns no server: the other side alone is cheaper"
    if h.end == "base":
        return "The best split is none: all load on own servers is cheaper"
    servers = f"{h.servers} server" + ("s" if h.servers != 1 else "")
    return f"Lowest cost with {servers} owned; {n.percent(h.burst_share, 1)} of tokens burst"


# --- break-evens ------------------------------------------------------------------------------


@needs_prices
def break_evens(study: Study) -> Table:
    """Month, utilisation and volume, side by side for every option but the baseline."""
    c, n = study.cost, study.numbers
    rows = []
    for name, o in c.options.items():
        if name == c.baseline:
            continue
        b = o.break_even
        rows.append(
            {
                "option": o.label,
                "month": _months(b.month, n),
                "utilisation": DASH if b.utilisation is None else n.percent(b.utilisation, 1),
                "your use": DASH if b.used is None else n.percent(b.used, 1),
                "M tokens a month": _volume(b, n),
                "against": _label(c, b.rival) if b.rival in c.options else DASH,
                "remark": b.why or DASH,
            }
        )
    base = _label(c, c.baseline) if c.baseline in c.options else "the baseline"
    columns = [
        "option",
        "month",
        "utilisation",
        "your use",
        "M tokens a month",
        "against",
        "remark",
    ]
    return Table(
        pd.DataFrame(rows, columns=columns),
        f"Three break-evens, one question: when does leaving {base} pay?",
        sources(c, *PRICES),
        stub="option",
        align={
            "month": "right",
            "utilisation": "right",
            "your use": "right",
            "M tokens a month": "right",
        },
        notes=(
            "Month: discounted saving against the baseline back for good. Utilisation: share of "
            "the machines' capacity, within the latency limits, at which they cost what the rival "
            "would charge; beyond 100 % they never win. Volume: mean of the horizon, planned are "
            f"{n.number(c.volume.planned, 0)} million.",
        ),
    )


def _volume(b: BreakEven, n: Numbers) -> str:
    if b.volume is None:
        return DASH
    return f"{'above' if b.cheaper_above else 'below'} {n.number(b.volume, 0)}"


# --- uncertainty ------------------------------------------------------------------------------


@needs_prices
def tornado(study: Study) -> Chart:
    """What each input does to the saving between the cheapest option and its rival."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    bars = [b for b in u.focus_tornado if b.swing > 0][:MOST_BARS]
    centre = c.options[u.focus[1]].present - c.options[u.focus[0]].present
    figure, ax = style.figure(0.9 + 0.33 * max(1, len(bars)))
    for y, b in enumerate(bars):
        for value, colour in ((b.at_low, style.SERIES[5]), (b.at_high, style.SERIES[1])):
            ax.barh(y, value - centre, left=centre, color=colour, height=0.6)
        _ends(ax, b, y, n)
    ax.axvline(centre, color=style.INK, linewidth=0.8)
    ax.axvline(0, color=style.LINE, linestyle=":")
    ax.set_yticks(range(len(bars)), [_short(b.label, 44) for b in bars])
    ax.invert_yaxis()
    ax.margins(x=0.14)
    ax.xaxis.set_major_formatter(n.axis("compact_money"))
    best, rival = (_label(c, x) for x in u.focus)
    widest = f"{bars[0].label} matters most" if bars else "No input is uncertain"
    words = "; ".join(
        f"{b.label}: {n.compact_money(b.at_low)} to {n.compact_money(b.at_high)}" for b in bars[:5]
    )
    return Chart(
        figure,
        f"{widest} for the saving of {best} over {rival}",
        f"Tornado chart around a saving of {n.compact_money(centre)}. {words}.",
        _moved(c, [b.driver for b in bars[:5]]),
        "Saving in present value, one input at a time: blue at its P10, orange at its P90, the "
        "others central; numbers at the ends are the input's values. Left of zero the rival is "
        "the cheaper one.",
    )


def _ends(ax: object, b: Bar, y: int, n: Numbers) -> None:
    """The input's values at both ends of its bar."""
    from matplotlib.axes import Axes

    assert isinstance(ax, Axes)
    left, right = sorted(((b.at_low, b.band.low), (b.at_high, b.band.high)))
    for (x, value), side in ((left, "right"), (right, "left")):
        ax.annotate(_value(value, b.band.unit, n), (x, y), (-3 if side == "right" else 3, 0),
                    textcoords="offset points", va="center", ha=side, fontsize=8)  # fmt: skip


@needs_prices
def sobol(study: Study) -> Table:
    """Share of the variance of the saving that each input explains."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    rows = [
        {
            "input": s.label,
            "alone (S1)": n.number(s.first, 2),
            "plus or minus": n.number(s.first_interval, 2),
            "with others (ST)": n.number(s.total, 2),
            "plus or minus ": n.number(s.total_interval, 2),
        }
        for s in u.sobol[:MOST_BARS]
    ]
    columns = ["input", "alone (S1)", "plus or minus", "with others (ST)", "plus or minus "]
    first = u.sobol[0].label if u.sobol else "no input"
    return Table(
        pd.DataFrame(rows, columns=columns),
        f"Most of the spread comes from: {first}",
        _moved(c, [s.driver for s in u.sobol[:5]]),
        stub="input",
        notes=(
            "Sobol indices of the same saving: share of its variance that an input explains, alone "
            "and together with others, with 95 % intervals. Inputs are drawn independently here.",
        ),
    )


@needs_prices
def chances(study: Study) -> Table:
    """Monte Carlo: what each option may cost, and how often it is the cheapest."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    rows = [
        {
            "option": c.options[name].label,
            "P5": n.compact_money(s.present.low, 2),
            "P50": n.compact_money(s.present.central, 2),
            "P95": n.compact_money(s.present.high, 2),
            "saves against baseline in": DASH
            if name == c.baseline
            else n.percent(s.chance_of_saving),
            "cheapest in": n.percent(s.chance_cheapest),
        }
        for name, s in u.spreads.items()
    ]
    tied = "; ".join(f"{x.a} and {x.b} {x.correlation:+g}" for x in u.correlations)
    return Table(
        pd.DataFrame(rows),
        f"Present cost over {n.number(u.draws)} draws, {c.currency}",
        [*sources(c, *PRICES), *(source_of(x) for x in u.correlations)],
        stub="option",
        notes=(
            f"Seed {u.seed}. Correlations assumed: {tied.replace('_', ' ')}. P50 can lie above the "
            "central case, because demand and prices can rise more than they can fall.",
        ),
    )


@needs_prices
def flips(study: Study) -> Prose:
    """The two inputs whose change makes another option the cheapest, with the values."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    if not u.flips:
        return Prose(
            "**No single input changes which option is the cheapest** within three standard "
            "deviations of its central value."
        )
    lines = [_flip(f, c, n) for f in u.flips[:2]]
    more = len(u.flips) - len(lines)
    tail = f"\n\nFurther inputs that could flip it, all farther away: {more}." if more > 0 else ""
    words = "**What flips the order by cost:**\n\n" + "\n".join(lines) + tail
    return Prose(words, _moved(c, [f.driver for f in u.flips[:2]]))


def _value(value: float, unit: str, n: Numbers) -> str:
    """A value of a driver: rates by the year as percentages."""
    if unit in ("per year", "share"):
        return n.percent(value, 1)
    return n.number(value)


def _flip(f: Flip, c: Comparison, n: Numbers) -> str:
    where = "inside its range" if f.inside else "outside its P10 to P90 range"
    at, now = (_value(x, f.unit, n) for x in (f.at, f.central))
    words = f"at {at} instead of {now} {literal(f.unit)} ({where})"
    return f"- {literal(f.label)}: {words}, {literal(_label(c, f.winner))} is the cheapest."


# --- energy, claims, inputs -------------------------------------------------------------------


@needs_prices
def energy(study: Study) -> Table:
    """Electricity and emissions beside the money."""
    c, n = study.cost, study.numbers
    rows = []
    used: list[Source] = []
    for o in c.options.values():
        e = o.energy
        used += [i.source for i in e.inputs]
        rows.append(
            {
                "option": o.label,
                "MWh": DASH if e.kwh is None else n.number(e.kwh / 1000, 0),
                "tonnes CO2e": DASH if e.tonnes_co2e is None else n.number(e.tonnes_co2e, 1),
                "grid": e.grid or DASH,
                "present cost": n.compact_money(o.present, 2),
                "remark": e.why or DASH,
            }
        )
    return Table(
        pd.DataFrame(rows),
        f"Electricity and emissions over {_years(c)}, beside the money",
        list(dict.fromkeys(used)),
        stub="option",
        notes=(
            "kWh = kW under load × hours × (idle share + (1 - idle share) × use) × PUE; emissions "
            "with the yearly mean of the country's grid. A hybrid counts its own servers only.",
        ),
    )


@needs_prices
def claims(study: Study) -> Table | Prose:
    """Published claims, recomputed, and with this client's use and today's prices."""
    c, n = study.cost, study.numbers
    found = published.for_client(c, study.scenario)
    if not found:
        return Prose("No option owns servers, so the published claims have no counterpart here.")
    rows = [
        {
            "claim": f"{x.claim} ({x.case_id})",
            "printed": x.printed,
            "recomputed": n.number(x.recomputed),
            "with your load": "never" if x.yours is None else f"{n.number(x.yours)} {x.unit}",
            "the paper assumes": x.assumption,
        }
        for x in found
    ]
    first = found[0]
    yours = "never" if first.yours is None else f"{n.number(first.yours, 0)} months"
    return Table(
        pd.DataFrame(rows),
        f"The paper says {first.printed}; with your load it is {yours}",
        list(dict.fromkeys(s for x in found for s in x.sources)),
        align={"recomputed": "right"},
        notes=(
            "Recomputed: the paper's formula on the inputs printed beside it. With your load: the "
            "same question with all cost items, today's prices and the use that your load makes "
            "of the machines.",
        ),
    )


def remedies(study: Study) -> Table | Prose:
    """What it would cost to cure what the rules found, option by option; in no total above."""
    n, known = study.numbers, costing.remedies(study.scenario)
    wanted: dict[str, list[str]] = {}
    for name, option in study.options.items():
        for item in study.sovereignty.remedies(name):
            if item in known:
                wanted.setdefault(item, []).append(option.label)
    if not wanted:
        return Prose("No rule asks for a remedy that costs money.")
    rows = [
        {
            "remedy": known[x].label + style.mark(known[x].source.kind),
            "once": _cost(known[x].once, n),
            "a year": _cost(known[x].per_year, n),
            "on the API bill": DASH
            if known[x].share_of_api_bill.high == 0
            else n.range(known[x].share_of_api_bill),
            "for": "; ".join(options),
        }
        for x, options in wanted.items()
    ]
    return Table(
        pd.DataFrame(rows),
        f"{len(rows)} remedies that the rules ask for, and what they cost",
        list(dict.fromkeys(known[x].source for x in wanted)),
        stub="remedy",
        notes=(
            "Orders of magnitude, none of them in the totals above: whether a remedy is enough is "
            "for the data-protection officer to say.",
        ),
    )


def _cost(value: Range, n: Numbers) -> str:
    return DASH if value.high == 0 else n.range(value)


def _band(value: Range, n: Numbers) -> str:
    if value.unit == "per year":
        value = Range(value.low, value.central, value.high, "share")
        return n.range(value, 1) + " a year"
    return n.range(value)


def key_figures(study: Study) -> str:
    """The chapter's key figures as text, for a reader and for the notebook's own check."""
    c = study.cost
    lines = [
        f"{name}: total {o.total / 1000:,.0f} k{c.currency}, "
        f"present {o.present / 1000:,.0f} k{c.currency}"
        for name, o in c.options.items()
    ]
    lines += [f"{name}: not estimated" for name in c.not_estimated]
    return "\n".join([*lines, f"cheapest: {c.cheapest}"])


@needs_prices
def change(study: Study) -> Prose:
    """What would change the conclusion of the chapter."""
    c, u, n = study.cost, _uncertainty(study), study.numbers
    points = [_by_volume(c, n)]
    points += [_flip(f, c, n).lstrip("- ") for f in u.flips[:2]]
    other = min(c.options.values(), key=lambda o: o.present_by_path["same_capability"])
    if (
        other.name != c.cheapest
        and other.present_by_path["same_capability"]
        < c.options[c.cheapest].present_by_path["same_capability"]
    ):
        points.append(
            f"If API prices of the same capability fall as in our second path, "
            f"{literal(other.label)} is the cheapest."
        )
    return Prose("\n".join(f"- {p}" for p in points))
