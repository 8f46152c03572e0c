"""Vendor stability: how safe, how sure, what could happen, and what the record is worth.

Higher is safer in every chart. Vendors without enough evidence are named, never ranked.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from matplotlib.colors import LinearSegmentedColormap

from siting.catalogue import Source, source_of
from siting.exhibits import Chart, Prose, Table, literal, style
from siting.formats import Numbers
from siting.quantity import Range
from siting.vendors import backtest as tests
from siting.vendors.stability import Assessment, Pair, VendorScore
from siting.vendors.vendor_record import Event, load, setting

SAFER = "Higher is safer."
MUSK = "MUSK_v_OPENAI"
"""The worked example: a case whose verdict settles nothing about the merits."""
HEAT = LinearSegmentedColormap.from_list("heat", ["#f3c7a8", "#f7f3ee", "#9fc9dc"])


def _unique(sources: Iterable[Source]) -> tuple[Source, ...]:
    return tuple({(s.url, s.locator, s.source): s for s in sources}.values())


def _mine(a: Assessment) -> list[VendorScore]:
    """The client's vendors, each once, safest first."""
    found = {v.vendor: v for v in a.vendors.values()}
    return sorted(found.values(), key=lambda v: (not v.ranked, -v.score.central, v.vendor))


def _ranked(a: Assessment) -> list[VendorScore]:
    return sorted(
        (v for v in a.everyone.values() if v.ranked), key=lambda v: (-v.score.central, v.vendor)
    )


def _points(value: Range, numbers: Numbers) -> str:
    return f"{numbers.number(value.central, 0)} ({numbers.span(value, 0)})"


def answer(a: Assessment, numbers: Numbers) -> Prose:
    """The chapter's answer, in computed sentences."""
    lines = _flag_lines(a) + [_vendor_line(v, numbers) for v in _mine(a)]
    lines += [
        f"**{literal(n)}** is not in the record: no score, and no guess." for n in a.unknown_vendors
    ]
    if not lines:
        lines = ["No option of this scenario depends on a vendor whose service could be withdrawn."]
    pairs = _pairs_of(a, [v.vendor for v in _mine(a)])
    lines += [_pair_line(p, numbers) for p in pairs[:3]]
    lines += [_loss_line(a, o, numbers) for o in a.options if a.options[o].loss.expected]
    text = "\n".join(f"- {line}" for line in lines)
    close = "The score sorts a sourced record; it is no forecast (see the backtest below)."
    return Prose(
        f"{text}\n\n{SAFER} {close}", _unique(f.source for v in _mine(a) for f in v.red_flags)
    )


def _flag_lines(a: Assessment) -> list[str]:
    """The gravest flags by name, before any number; the table below has them all."""
    flags = [(v.vendor, f) for v in _mine(a) for f in v.red_flags]
    flags.sort(key=lambda pair: float("inf") if pair[1].cap is None else pair[1].cap)
    lines = [f"**Red flag, {literal(vendor)}**: {literal(f.text)}" for vendor, f in flags[:3]]
    if len(flags) > 3:
        lines.append(f"{len(flags) - 3} more red flags are in the table below.")
    return lines


def _vendor_line(v: VendorScore, numbers: Numbers) -> str:
    if not v.ranked:
        return f"**{literal(v.vendor)}**: {v.why_not}; no rank is given."
    wide = f"{numbers.number(v.low95, 0)} to {numbers.number(v.high95, 0)} at 95 %"
    points = f"{_points(v.score, numbers)} points of 100 at 80 %, {wide}"
    return f"**{literal(v.vendor)}**: {points}."


def _pair_chance(p: Pair, numbers: Numbers) -> str:
    """The probability, with a decimal where rounding would cross the bar of separability."""
    near = abs(p.probability - setting("separable")) < 0.005
    return numbers.percent(p.probability, 1 if near else 0)


def _pair_line(p: Pair, numbers: Numbers) -> str:
    chance = _pair_chance(p, numbers)
    if p.separable:
        return f"**{literal(p.ahead)}** is ahead of {literal(p.behind)} with probability {chance}."
    return f"{literal(p.ahead)} and {literal(p.behind)} are **not separable** ({chance})."


def _loss_line(a: Assessment, option: str, numbers: Numbers) -> str:
    loss = a.options[option].loss
    assert loss.expected is not None
    cost = numbers.range(loss.expected) + style.mark("estimate")
    return f"Option {literal(option)}: shocks to its vendors are expected to cost {cost}."


def _pairs_of(a: Assessment, vendors: Sequence[str]) -> list[Pair]:
    return [p for p in a.pairs if p.ahead in vendors and p.behind in vendors]


def red_flags(a: Assessment) -> Table | Prose:
    """What to know before any number."""
    rows = [
        {
            "Vendor": v.vendor,
            "Red flag": f.text,
            "Caps the score at": "–" if f.cap is None else f"{f.cap:.0f}",
            "Source": f.source.url,
        }
        for v in _mine(a)
        for f in v.red_flags
    ]
    if not rows:
        return Prose("There is no red flag among this client’s vendors.")
    count = len(rows)
    title = f"{count} red flags among this client’s vendors" if count != 1 else "One red flag"
    sources = _unique(f.source for v in _mine(a) for f in v.red_flags)
    return Table(pd.DataFrame(rows), title, sources, group="Vendor", align={"Red flag": "left"})


def comparison(a: Assessment, numbers: Numbers) -> Chart:
    """Every vendor with enough evidence, with its 80 % interval; the client's in colour."""
    ranked = _ranked(a)
    mine = {v.vendor for v in _mine(a)}
    drawn, ax = style.figure(0.9 + 0.29 * len(ranked))
    shades = [style.SERIES[0] if v.vendor in mine else style.LINE for v in ranked]
    style.intervals(
        ax,
        [v.vendor for v in ranked],
        [v.score for v in ranked],
        numbers,
        colour=shades,
        decimals=0,
    )
    for y, v in enumerate(ranked):
        ax.plot([v.low95, v.high95], [y, y], color=shades[y], linewidth=0.8)
    ax.set_xlim(0, 100)
    ax.set_xlabel("Stability, points of 100: higher is safer →")
    thin = [v.vendor for v in a.everyone.values() if not v.ranked]
    capped = [
        v.vendor
        for v in ranked
        if any(c.criterion == "cap" and c.points <= -0.5 for c in v.contributions)
    ]
    split = sum(p.separable for p in a.pairs)
    title = f"{split} of {len(a.pairs)} pairs of vendors can be told apart"
    alt = f"{SAFER} " + "; ".join(f"{v.vendor} {_points(v.score, numbers)}" for v in ranked)
    note = (
        f"{SAFER} Dot: median; thick bar: 80 %; thin line: 95 %. In colour: this client’s vendors. "
        f"Held down by a red flag: {numbers.names(capped)}. "
        f"Insufficient evidence, so no rank: {numbers.names(thin)}."
    )
    return Chart(drawn, title, alt, _method_sources(a), note)


def _method_sources(a: Assessment) -> tuple[Source, ...]:
    return _unique(i.source for i in a.inputs)[:1]


def acceptability(a: Assessment, numbers: Numbers) -> Table:
    """How often each vendor takes each rank over all draws."""
    rows = []
    for name, shares in sorted(a.acceptability.items(), key=lambda kv: -_mean_rank(kv[1])):
        cumulative = np.cumsum(shares)
        low, high = (int(np.searchsorted(cumulative, q)) + 1 for q in (0.1, 0.9))
        rows.append(
            {
                "Vendor": name,
                "First": numbers.percent(shares[0]),
                "Among the first three": numbers.percent(sum(shares[:3])),
                "Last three": numbers.percent(sum(shares[-3:])),
                "Rank, 80 %": f"{low} to {high}",
            }
        )
    width = [r["Rank, 80 %"] for r in rows]
    title = f"Ranks overlap: even the first vendor’s rank is {width[0]}" if rows else "No rank"
    notes = [
        "Share of draws over weights, half-lives, severities, evidence, rows and unknown facts."
    ]
    return Table(pd.DataFrame(rows), title, _method_sources(a), stub="Vendor", notes=notes)


def _mean_rank(shares: Sequence[float]) -> float:
    return -float(np.dot(shares, range(1, len(shares) + 1)))


def pairs(a: Assessment, numbers: Numbers, limit: int = 12) -> Table:
    """Why two vendors are, or are not, separable. The client's own pairs come first."""
    mine = [v.vendor for v in _mine(a)]
    chosen = _pairs_of(a, mine)
    chosen += [p for p in a.pairs if (p.ahead in mine or p.behind in mine) and p not in chosen]
    rows = [
        {
            "Ahead": p.ahead,
            "Behind": p.behind,
            "Probability": _pair_chance(p, numbers),
            "Verdict": "separable" if p.separable else "not separable",
            "Because (points of difference)": _because(p, numbers),
        }
        for p in (chosen or list(a.pairs))[:limit]
    ]
    apart = sum(r["Verdict"] == "separable" for r in rows)
    title = f"{apart} of {len(rows)} pairs with this client’s vendors are separable"
    notes = [f"Separable from a probability of 90 % on. {SAFER}"]
    columns = ["Ahead", "Behind", "Probability", "Verdict", "Because (points of difference)"]
    return Table(pd.DataFrame(rows, columns=columns), title, _method_sources(a), notes=notes)


def _because(p: Pair, numbers: Numbers) -> str:
    parts = [f"{name} {numbers.number(points, 1)}" for name, points in p.reasons]
    gap, spread = numbers.number(abs(p.gap), 0), numbers.number(p.spread, 0)
    most = ", ".join(parts) or "no large difference"
    return f"medians {gap} apart, 80 % intervals {spread} wide; {most}"


def criteria(a: Assessment, numbers: Numbers) -> Chart:
    """Heat map: each criterion's median, and how much evidence stands behind it."""
    shown = _mine(a) + [v for v in _ranked(a) if v.vendor not in {m.vendor for m in _mine(a)}]
    names = list(dict.fromkeys((c.criterion, c.name) for v in shown for c in v.criteria))
    names = sorted(names)
    drawn, ax = style.figure(1.0 + 0.34 * len(shown))
    grid = np.full((len(shown), len(names)), np.nan)
    for y, v in enumerate(shown):
        for c in v.criteria:
            x = names.index((c.criterion, c.name))
            grid[y, x] = c.score.central
            evidence = c.events + c.notices + c.facts
            text = f"{numbers.number(c.score.central, 0)}{'?' if c.unknown else ''}\n({evidence})"
            ax.text(
                x, y, text, ha="center", va="center", fontsize=8, color=style.INK, in_layout=False
            )
    ax.imshow(grid, cmap=HEAT, vmin=0, vmax=100, aspect="auto")
    ax.set_yticks(range(len(shown)), [v.vendor for v in shown])
    labels = [n.replace(" and ", "\nand ").replace("utability", "ut-\nability") for _, n in names]
    ax.set_xticks(range(len(names)), labels, fontsize=8)
    ax.xaxis.tick_top()
    ax.grid(False)
    holes = sum(c.unknown for v in shown for c in v.criteria)
    cells = sum(len(v.criteria) for v in shown)
    title = f"{holes} of {cells} cells rest in part on facts that were not found"
    alt = f"{SAFER} " + "; ".join(_weakest(v, numbers) for v in shown)
    note = (
        f"{SAFER} Median points of 100; in brackets: events, notices and facts behind the cell. "
        "?: a part is not known and counts as an interval. Blank: does not apply."
    )
    return Chart(drawn, title, alt, _method_sources(a), note)


def _weakest(v: VendorScore, numbers: Numbers) -> str:
    low = min(v.criteria, key=lambda c: c.score.central)
    return f"{v.vendor}: lowest in {low.name}, {numbers.number(low.score.central, 0)}"


def contributions(a: Assessment, vendor: str, numbers: Numbers, limit: int = 14) -> Table:
    """What leads from 100 points to a vendor's score, event by event, with addresses."""
    v = a.everyone[vendor]
    names = {c.criterion: c.name for c in v.criteria} | {"cap": "red flag"}
    parts = sorted(v.contributions, key=lambda c: -abs(c.points))
    shown = [c for c in parts[:limit] if abs(c.points) >= 0.05]
    rows = [{"Criterion": "start", "What": "full score", "Points": "100", "Source": "–"}]
    rows += [
        {
            "Criterion": names[c.criterion],
            "What": c.what,
            "Points": numbers.number(c.points, 1),
            "Source": c.sources[0].url if c.sources else "–",
        }
        for c in shown
    ]
    rest = sum(c.points for c in parts[len(shown) :])
    if len(parts) > len(shown):
        smaller = f"smaller items ({len(parts) - len(shown)})"
        rows.append(
            {"Criterion": "all", "What": smaller, "Points": numbers.number(rest, 1), "Source": "–"}
        )
    rows.append(
        {
            "Criterion": "score",
            "What": "median over all draws",
            "Points": numbers.number(v.score.central, 1),
            "Source": "–",
        }
    )
    title = f"{vendor} keeps {numbers.number(v.score.central, 0)} of 100 points"
    if shown:
        most = numbers.number(-shown[0].points, 0)
        title += f"; the largest item, {names[shown[0].criterion]}, takes {most}"
    sources = _unique(s for c in shown for s in c.sources[:1])
    return Table(pd.DataFrame(rows), title, sources, totals=1, notes=[SAFER])


def exposure(a: Assessment, numbers: Numbers) -> Table:
    """Who is written about more has more rows: the score with and without that."""
    rows = [
        {
            "Vendor": v.vendor,
            "Followed by the press": v.press,
            "Rows": numbers.number(v.rows, 0),
            "Criteria with evidence": numbers.number(v.covered, 0),
            "Score": numbers.number(v.score.central, 0),
            "Severity 3 and more only": numbers.number(v.severe_only, 0),
        }
        for v in _ranked(a)
    ]
    moved = max((abs(v.score.central - v.severe_only) for v in _ranked(a)), default=0.0)
    title = (
        f"Leaving out small events moves no score by more than {numbers.number(moved, 0)} points"
    )
    notes = [
        f"{SAFER} Rows: events and retirement notices. A vendor that the press follows less "
        "carries an unseen burden, drawn from zero to about what a closely followed vendor carries."
    ]
    return Table(pd.DataFrame(rows), title, _method_sources(a), stub="Vendor", notes=notes)


def timeline(a: Assessment, numbers: Numbers) -> Chart:
    """Events of the client's vendors by day of becoming public and severity."""
    shown = [v for v in _mine(a) if v.events] or _ranked(a)[:4]
    drawn, axes = style.figure(0.7 + 1.15 * len(shown), rows=len(shown), sharex=True, squeeze=False)
    severe: list[Event] = []
    for ax, v in zip(axes[:, 0], shown, strict=True):
        for e in v.events:
            up = 1 if e.direction == "favourable" else -1
            colour = style.SERIES[0] if up > 0 else style.SERIES[1]
            shade = 0.35 if e.evidence == "alleged" else 0.9
            ax.vlines(e.known_date, 0, up * e.severity, color=colour, alpha=shade, linewidth=1.6)
            if e.severity >= 4:
                severe.append(e)
        ax.axhline(0, color=style.LINE, linewidth=0.8)
        ax.set_ylim(-5.6, 5.6)
        ax.set_yticks([-5, 0, 5], ["5", "", "5"])
        ax.set_title(v.vendor, loc="left", fontsize=9)
        ax.grid(False)
    axes[-1, 0].set_xlim(dt.date(2022, 7, 1), a.as_of)
    years = [dt.date(year, 1, 1) for year in range(2023, a.as_of.year + 1)]
    axes[-1, 0].set_xticks(years, [str(day.year) for day in years])
    count = sum(len(v.events) for v in shown)
    title = (
        f"{len(severe)} of {count} events of {numbers.names([v.vendor for v in shown])} are grave"
    )
    alt = "Events of severity 4 or 5: " + "; ".join(
        f"{e.vendor} {e.event_date}: {e.summary}" for e in severe
    )
    note = (
        "Up (blue): favourable; down (orange): adverse; length: severity 1 to 5, grave from 4; "
        "pale: alleged. Retirement notices stand in their own table."
    )
    return Chart(drawn, title, alt, _unique(source_of(e) for e in severe), note)


def case(a: Assessment, cluster: str = MUSK) -> Table:
    """One case from first filing to its present state: it counts once."""
    found = [e for e in load().as_of(a.as_of).events if e.cluster == cluster and not e.replaced_by]
    rows = [
        {
            "Public on": str(e.known_date),
            "Vendor": e.vendor,
            "What": e.summary,
            "Severity": str(e.severity),
            "Direction": e.direction,
            "Evidence": e.evidence,
            "Ends the case": e.settles or "–",
        }
        for e in sorted(found, key=lambda e: (e.known_date, e.severity))
    ]
    title = f"{len(rows)} rows, one case: it is counted at its worst state still standing"
    notes = ["appealable: the ruling removes about half of the adverse state until an appeal ends."]
    sources = _unique(source_of(e) for e in found)
    return Table(pd.DataFrame(rows), title, sources, notes=notes, align={"Public on": "left"})


def case_reading(a: Assessment, numbers: Numbers, vendor: str = "OpenAI") -> Prose:
    """What the worked example costs in points, and what the verdict did and did not decide."""
    v = a.everyone[vendor]
    ids = {e.event_id for e in v.events if e.cluster == MUSK}
    points = sum(c.points for c in v.contributions if ids & set(c.ids))
    verdict = next(e for e in v.events if e.cluster == MUSK and e.settles)
    appeal = [e for e in v.events if e.cluster == MUSK and e.known_date >= verdict.known_date]
    appeal = [e for e in appeal if "appeal" in e.summary.lower()]
    said = f" {appeal[0].summary}" if appeal else ""
    text = (
        f"The case takes {numbers.number(-points, 1)} of {vendor}’s points. "
        f"{numbers.date(verdict.event_date)}: {verdict.summary}{said} A time bar is not a finding "
        "on the merits, so the case fades and is not erased; a final end would remove it."
    )
    return Prose(text, _unique(source_of(e) for e in [verdict, *appeal]))


def notice(a: Assessment, numbers: Numbers) -> Table:
    """What each platform promised, and how much notice it has given."""
    shown = _mine(a) + [v for v in _ranked(a) if v.vendor not in {m.vendor for m in _mine(a)}]
    shown = [v for v in shown if v.notices or v.promised_days is not None]
    rows = [
        {
            "Vendor": v.vendor,
            "Notices (models in general use)": numbers.number(v.notice_count, 0),
            "Lower quartile, days": _maybe(v.notice_quartile_days, numbers),
            "Promise counts as, days": _maybe(v.promised_days, numbers),
            "Short notices": numbers.number(sum(n.short is True for n in v.notices), 0),
            "Dates moved forward": numbers.number(sum(n.moved == "forward" for n in v.notices), 0),
        }
        for v in shown
    ]
    short = [v.vendor for v in shown if (v.notice_quartile_days or 999) <= 90]
    title = f"{len(short)} of {len(shown)} platforms gave 90 days or less in a quarter of cases"
    sources = _unique(source_of(v.notices[0].row) for v in shown if v.notices)
    notes = [
        "A promise counts no more than what was kept, and half while it is young. Short: 90 days "
        "or less, any stage. On rented or own GPUs no vendor sets an end date."
    ]
    return Table(pd.DataFrame(rows), title, sources, stub="Vendor", notes=notes)


def _maybe(value: float | None, numbers: Numbers) -> str:
    return "unknown" if value is None else numbers.number(value, 0)


def backtest_lines() -> Prose:
    """The backtest in five honest lines."""
    return Prose(
        "\n".join(f"{i}. {line}" for i, line in enumerate(tests.lines(tests.results()), 1))
    )


def backtest(numbers: Numbers) -> Chart:
    """AUC of the score and its baselines on the two main outcomes, with 95 % intervals."""
    panels = [tests.results()[0], tests.results()[-1]]
    heights = [len(p.tests) - 1 for p in panels]
    drawn, axes = style.figure(1.0 + 0.3 * sum(heights), rows=2, sharex=True, height_ratios=heights)
    for ax, panel in zip(axes, panels, strict=True):
        shown = [t for t in panel.tests if t.predictor != "base rate"]
        ranges = [Range(t.auc.low, t.auc.value, t.auc.high) for t in shown]
        colour = [style.SERIES[0] if i == 0 else style.LINE for i in range(len(shown))]
        style.intervals(
            ax, [t.predictor for t in shown], ranges, numbers, colour=colour, decimals=2
        )
        ax.axvline(0.5, color=style.SERIES[1], linewidth=1)
        ax.set_title(panel.text, loc="left", fontsize=9)
        ax.set_xlim(0, 1)
    axes[-1].set_xlabel("AUC: chance of ranking a bad year above a good one; 0.5 is a coin")
    title = f"On grave events: {panels[0].verdict}; on short notice the past tells something"
    alt = "; ".join(
        f"{p.text}, {t.predictor}: {t.auc.value:.2f} ({t.auc.low:.2f} to {t.auc.high:.2f})"
        for p in panels
        for t in p.tests
    )
    note = "Bars: 95 %, bootstrap over vendors. Orange line: a coin. Baselines in grey."
    return Chart(drawn, title, alt, (), note)


def verdicts(numbers: Numbers) -> Table:
    """What every test showed, also where it showed nothing."""
    rows = [
        {
            "Outcome in the next 12 months": p.text,
            "Coding": p.coding,
            "Cases": numbers.number(p.n, 0),
            "Base rate": numbers.percent(p.base_rate),
            "Score, AUC": _estimate(p.tests[0].auc, numbers),
            "Best baseline, AUC": f"{p.best_baseline.predictor} "
            f"{numbers.number(p.best_baseline.auc.value, 2)}",
            "Brier skill": _estimate(p.tests[0].brier_skill, numbers),
            "Verdict": p.verdict,
        }
        for p in tests.results()
    ]
    none = sum(r["Verdict"].startswith("no skill shown") for r in rows)
    title = f"{none} of {len(rows)} tests show no skill of the score"
    return Table(pd.DataFrame(rows), title, notes=["Brackets: 95 %, bootstrap over vendors."])


def _estimate(e: tests.Estimate, numbers: Numbers) -> str:
    return f"{numbers.number(e.value, 2)} ({numbers.span(Range(e.low, e.value, e.high), 2)})"


def agreement(a: Assessment, numbers: Numbers) -> Table:
    """How far two raters agree on severity, by category."""
    rows = [
        {
            "Events": g.group.replace("_", " "),
            "Number": numbers.number(g.n, 0),
            "Same": numbers.percent(g.exact),
            "Within one step": numbers.percent(g.within_one),
            "Weighted kappa": "–" if g.kappa is None else numbers.number(g.kappa, 2),
            "95 %": "–"
            if g.low is None or g.high is None
            else f"{numbers.number(g.low, 2)} to {numbers.number(g.high, 2)}",
        }
        for g in a.agreement
    ]
    whole = a.agreement[0].kappa or 0.0
    title = f"Two raters agree on severity with a weighted kappa of {numbers.number(whole, 2)}"
    notes = [
        "lifecycle: the first rater graded by days of notice, a rule that was then unwritten; "
        "notices are now graded by that rule alone. A blind sheet for a third rater: "
        "stability.recoding_sheet(vendor_record.load())."
    ]
    return Table(pd.DataFrame(rows), title, stub="Events", notes=notes)


def drivers(a: Assessment, vendor: str, numbers: Numbers) -> Table:
    """Which weights and settings move a score; the rest is the rows and what is not known."""
    found = a.drivers(vendor)
    names = {c.criterion: c.name for c in a.everyone[vendor].criteria}
    rows = [
        {
            "Setting": " ".join(names.get(w, w) for w in d.name.split()),
            "Share of variance": numbers.percent(d.share),
            "95 %": " to ".join(map(numbers.percent, d.interval)),
        }
        for d in found
        if d.interval
    ]
    told = sum(d.share for d in found)
    title = (
        f"Settings explain about {numbers.percent(min(1.0, told))} of the spread of {vendor}’s "
        "score; codings, dropped rows and unknown facts the rest"
    )
    return Table(pd.DataFrame(rows), title, _method_sources(a), stub="Setting")


def shocks(a: Assessment, numbers: Numbers) -> Table | Prose:
    """The scenario's what-ifs: effect on service and cost."""
    if not a.shocks:
        return Prose("This scenario asks no what-if (`stability.shocks`); the chances follow.")
    rows = [
        {
            "Shock": f"{e.vendor}: {e.kind.shock.replace('_', ' ')}",
            "Options hit": ", ".join(e.options) or "none",
            "Service": e.service,
            "Months to normal": numbers.span(e.months, 0),
            "Cost of the move": "–" if e.one_off is None else numbers.range(e.one_off),
            "Change per year": "–" if e.yearly is None else numbers.range(e.yearly),
            "Not estimated": e.not_estimated or "–",
        }
        for e in a.shocks
    ]
    title = f"{len(rows)} what-ifs of this scenario"
    columns = [
        "Shock", "Options hit", "Service", "Months to normal", "Cost of the move",
        "Change per year", "Not estimated",
    ]  # fmt: skip
    sources = _unique(source_of(e.kind) for e in a.shocks)
    return Table(pd.DataFrame(rows, columns=columns), title, sources)


def losses(a: Assessment, numbers: Numbers) -> Table:
    """Expected yearly loss by option, vendor and kind of shock: chance, cost, product."""
    rows = [
        {
            "Option": o.option,
            "Shock": f"{k.vendor}: {k.kind.shock.replace('_', ' ')}",
            "Chance a year": _chance(k.rate.chance, numbers),
            "Rests on": k.rate.basis,
            "Cost if it happens": "–" if k.cost is None else numbers.range(k.cost),
            "Expected a year": "–" if k.expected is None else numbers.range(k.expected),
        }
        for o in a.options.values()
        for k in o.loss.kinds
    ]
    known = [o.loss.expected.central for o in a.options.values() if o.loss.expected]
    title = "Expected yearly loss from vendor shocks is not estimated: no switching cost is given"
    if known:
        low, high = (numbers.money(v) for v in (min(known), max(known)))
        title = f"Vendor shocks are expected to cost {low} to {high} a year, by option (estimate)"
    columns = [
        "Option", "Shock", "Chance a year", "Rests on", "Cost if it happens", "Expected a year",
    ]  # fmt: skip
    sources = _unique(source_of(k.kind) for o in a.options.values() for k in o.loss.kinds)
    frame = pd.DataFrame(rows, columns=columns)
    return Table(frame, title, sources, group="Option", notes=[LOSS_NOTE])


LOSS_NOTE = (
    "Chances come from cases of all vendors in the last three years, model retirement from the "
    "vendor’s own notices. Blocks are counted in any country: for one country they are an upper "
    "bound. All of it is an estimate and can be struck from the decision."
)


def _chance(value: Range, numbers: Numbers) -> str:
    low, high = numbers.percent(value.low, 1), numbers.percent(value.high, 1)
    return f"{numbers.percent(value.central, 1)} ({low} to {high})"


def readiness(a: Assessment, numbers: Numbers) -> Table:
    """What the client has in hand, and what each item saves."""
    rows = [
        {
            "In hand": "yes" if i.in_hand else "no",
            "Item": i.remedy.name,
            "Saves of the switching cost": _chance(
                Range(i.remedy.reduces_low, i.remedy.reduces, i.remedy.reduces_high), numbers
            ),
            "Why": i.remedy.meaning,
        }
        for i in a.readiness
    ]
    have = sum(i.in_hand for i in a.readiness)
    title = f"{have} of {len(rows)} readiness items are in hand"
    sources = _unique(source_of(i.remedy) for i in a.readiness)
    notes = [_readiness_effect(a, numbers)]
    return Table(pd.DataFrame(rows), title, sources, badges=["In hand"], notes=notes)


def _readiness_effect(a: Assessment, numbers: Numbers) -> str:
    parts = [
        f"{o.option}: {numbers.range(o.loss.with_nothing)} with nothing in hand, "
        f"{numbers.range(o.loss.with_everything)} with everything"
        for o in a.options.values()
        if o.loss.with_nothing and o.loss.with_everything
    ]
    return "; ".join(parts) or "The effect in money is not estimated: no switching cost is given."


def change(a: Assessment, numbers: Numbers) -> Prose:
    """What would change the conclusion."""
    near = [p for p in a.pairs if 0.75 <= p.probability < 0.97]
    mine = {v.vendor for v in _mine(a)}
    near = [p for p in near if p.ahead in mine or p.behind in mine][:3]
    lines = [
        f"- {literal(p.ahead)} and {literal(p.behind)} stand at {numbers.percent(p.probability)}: "
        f"a grave event, or a fact found, can move them across the line ({_because(p, numbers)})."
        for p in near
    ]
    holes = {
        v.vendor: [c.what for c in v.contributions if c.what.startswith("not known")]
        for v in _mine(a)
    }
    lines += [f"- {literal(n)}: {'; '.join(w)}." for n, w in holes.items() if w]
    lines += [
        f"- With the whole readiness list in hand, the expected yearly loss of option "
        f"{literal(o.option)} falls from {numbers.range(o.loss.expected)} to "
        f"{numbers.range(o.loss.with_everything)}."
        for o in a.options.values()
        if o.loss.expected and o.loss.with_everything
    ]
    return Prose("\n".join(lines) or "Nothing near a line: no single event would change it.")


def first(a: Assessment) -> str:
    """The vendor shown in detail: the client's first one whose score no red flag holds down."""
    shown = _mine(a) or _ranked(a)
    free = [v for v in shown if v.ranked and all(c.criterion != "cap" for c in v.contributions)]
    return (free or shown)[0].vendor


def key_figures(a: Assessment) -> str:
    """The chapter's key figures as plain text, one line each."""
    lines = [
        f"{v.vendor}: {v.score.central:.1f} ({v.score.low:.1f} to {v.score.high:.1f}) of 100"
        if v.ranked
        else f"{v.vendor}: {v.why_not}"
        for v in _mine(a)
    ]
    apart = sum(p.separable for p in a.pairs)
    lines.append(
        f"vendors with a rank: {len(_ranked(a))}; separable pairs: {apart} of {len(a.pairs)}"
    )
    return "\n".join(lines)
