"""Capacity: the load by hour, what a replica carries, how many GPUs that takes, how busy they are.

A range holds 80 % of what we expect to measure. Utilisation comes out; it is never put in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd

from siting import catalogue
from siting.catalogue import Source
from siting.exhibits import Chart, Prose, Table, literal, style
from siting.formats import Numbers
from siting.quantity import Range
from siting.serving import capacity, performance
from siting.serving import load as loads_
from siting.serving.capacity import OptionCapacity, Pool
from siting.serving.performance import NotPredicted
from siting.serving.queueing import latency
from siting.study import Study

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def _own(study: Study) -> list[tuple[str, OptionCapacity, Pool]]:
    """Pools of options that run on GPUs of their own; a hybrid shows as its base does."""
    return [
        (study.options[name].label, found, pool)
        for name, found in study.capacity.items()
        if found.kind != "hybrid"
        for pool in found.pools.values()
    ]


def _short(model: str) -> str:
    return model.split("/")[-1]


def _sources(study: Study) -> tuple[Source, ...]:
    found = [i.source for _, _, p in _own(study) for i in p.inputs]
    return tuple({(s.source, s.url, s.locator): s for s in found}.values())


def _whole(count: Range, n: Numbers) -> str:
    """A count with its span, without unit."""
    central = n.number(count.central, 0)
    return central if count.is_exact else f"{central} ({n.span(count, 0)})"


def _rate(pool: Pool, n: Numbers) -> str:
    """Requests a second that a replica carries, with its span and origin."""
    r = pool.rate_per_replica
    return f"{n.number(r.central, 2)} ({n.span(r, 2)}){_mark(pool)}"


def _ticks(n: Numbers, top: float) -> Callable[..., str]:
    """Tick labels of requests a second up to `top`, all with as many decimals."""
    return n.axis("number", 2 if top < 1 else 1 if top < 10 else 0)


def _mark(pool: Pool) -> str:
    return style.mark("measured" if pool.measured else "estimate")


# --- the answer -------------------------------------------------------------------------------


def answer(study: Study) -> Prose:
    """Each option in a sentence: GPUs, latency and how busy they are."""
    lines = [_sentence(study, label, pool) for label, _, pool in _own(study)]
    for name, found in study.capacity.items():
        label = literal(study.options[name].label)
        lines += [
            f"**{label}**: {literal(_short(model))} is not estimated, because {literal(why)}."
            for model, why in found.not_estimated.items()
            if found.kind != "hybrid"
        ]
    if not lines:
        return Prose("No option of this scenario runs a model on GPUs of its own.")
    return Prose("\n".join(f"- {line}" for line in lines), _sources(study))


def _sentence(study: Study, label: str, pool: Pool) -> str:
    n, seen = study.numbers, pool.peak_hour
    p = pool.limits.percentile
    gpus = n.range(pool.gpus(1), 0)
    kept = "keeps" if pool.keeps_limits else "**misses**"
    return (
        f"**{literal(label)}**, {literal(_short(pool.model))}: {gpus} of {pool.deployment.gpu.gpu}"
        f"{_spares(pool)}. In the busiest hour of the year p{p} to the first token is "
        f"{n.quantity(seen.ttft[p], 's', 1)} and p{p} per token "
        f"{n.quantity(seen.tpot[p] * 1e3, 'ms', 0)}, which {kept} the limits of "
        f"{n.quantity(pool.limits.ttft_s, 's', 1)} and "
        f"{n.quantity(pool.limits.tpot_s * 1e3, 'ms', 0)}. Over the week the GPUs are used "
        f"{n.percent(pool.mean_utilisation())}{_mark(pool)}."
    )


def _spares(pool: Pool) -> str:
    spare = pool.total_replicas(1).central - pool.replicas[0].central
    if not spare:
        return ", none of them a spare"
    return f", {spare * pool.gpus_per_replica:.0f} of them standing by"


def overview(study: Study) -> Table:
    """Every option on GPUs of its own, with its GPUs, speed and use."""
    n = study.numbers
    rows = [
        {
            "option": label,
            "model": _short(pool.model),
            "a replica": f"{pool.gpus_per_replica} × {pool.deployment.gpu.gpu}",
            "requests/s a replica": _rate(pool, n),
            "GPUs, year 1": _whole(pool.gpus(1), n),
            f"GPUs, year {len(pool.replicas)}": _whole(pool.gpus(len(pool.replicas)), n),
            "used": n.percent(pool.mean_utilisation()),
            "limits": "met" if pool.keeps_limits else "not met",
        }
        for label, _, pool in _own(study)
    ]
    return Table(
        pd.DataFrame(rows),
        _overview_title(study),
        _sources(study),
        badges=("limits",) if rows else (),
        notes=[note for _, _, p in _own(study) for note in dict.fromkeys(p.notes)],
    )


def _overview_title(study: Study) -> str:
    pools = [p for _, _, p in _own(study)]
    if not pools:
        return "No option runs on GPUs of its own"
    counts = [p.gpus(1).central for p in pools]
    used = [p.mean_utilisation() for p in pools]
    n = study.numbers
    gpus = _span([n.number(c, 0) for c in sorted(counts)])
    return f"{gpus} GPUs in the first year, used {_span(map(n.percent, sorted(used)))} of the time"


def _span(values: Iterable[str]) -> str:
    """First to last of sorted figures, or the one that they all print as."""
    found = list(dict.fromkeys(values))
    return found[0] if len(found) == 1 else f"{found[0]} to {found[-1]}"


def _loads(study: Study) -> Mapping[str, loads_.Load]:
    """Load by workload: as models on GPUs of one's own see it, if there are any."""
    found = list(study.capacity.values())
    return next((f.loads for f in found if f.pools), found[0].loads)


# --- the load ---------------------------------------------------------------------------------


def load_by_hour(study: Study) -> Chart:
    """Requests a second in each hour of a usual week, by workload."""
    n = study.numbers
    loads = _loads(study)
    figure, ax = style.figure(2.6)
    for (name, load), colour in zip(loads.items(), style.SERIES, strict=False):
        ax.step(range(loads_.HOURS_OF_WEEK), load.hourly, where="post", color=colour)
        peak = int(load.hourly.argmax())
        if len(loads) > 1:
            style.label_line(ax, peak, float(load.hourly[peak]), name, colour)
    ax.set_xticks([d * 24 for d in range(7)], DAYS)
    ax.set_xlim(0, loads_.HOURS_OF_WEEK)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("requests/s")
    ax.yaxis.set_major_formatter(_ticks(n, ax.get_ylim()[1]))
    busiest = max(float(x.hourly.max()) for x in loads.values())
    mean = sum(float(x.hourly.mean()) for x in loads.values())
    title = (
        f"The busiest hour of a usual week asks for {n.number(busiest)} requests/s, "
        f"{n.number(busiest / mean if mean else 0, 1)} times the mean"
    )
    return Chart(figure, title, f"{title}. By hour of the week, Monday to Sunday, by workload.")


def load_figures(study: Study) -> Table:
    """What each workload asks for: rates, tokens, and what may wait."""
    n = study.numbers
    rows = []
    for name, load in _loads(study).items():
        tokens, lengths = load.year(1), load.lengths
        rows.append(
            {
                "workload": name,
                "requests a year": n.compact(tokens.requests.central),
                "mean, requests/s": n.number(float(load.hourly.mean())),
                "busiest of the year": n.number(load.peak_rate),
                "tokens read": n.number(lengths.input_mean, 0),
                "of them cached": n.percent(lengths.cached_share),
                "tokens written": n.number(lengths.output_mean, 0),
                "may wait": n.percent(load.batchable_share),
                "growth a year": n.range(_growth(load.growth)),
            }
        )
    return Table(
        pd.DataFrame(rows),
        "What the client asks for, in the first year",
        notes=["Tokens are means of a request; tokens written include hidden reasoning."],
    )


def _growth(band: object) -> Range:
    low, central, high = (getattr(band, k) for k in ("low", "central", "high"))
    return Range(low, central, high, "share")


def duration_curve(study: Study) -> Chart | Prose:
    """Hours of the year by load, and how much of it each replica of a pool would carry."""
    pools = _own(study)
    if not pools:
        return Prose("Without GPUs of one's own there is no base load to cover.")
    n, (label, _, pool) = study.numbers, pools[-1]
    hours = pool.load.duration_curve()
    figure, ax = style.figure(2.6)
    share = np.linspace(0, 1, 400)  # as many as a page can show, not one for each hour
    drawn = np.interp(share, np.linspace(0, 1, len(hours)), hours)
    ax.fill_between(share, drawn, color=style.SERIES[0], alpha=0.25, linewidth=0)
    ax.plot(share, drawn, color=style.SERIES[0])
    count = int(pool.replicas[0].central)
    for replicas in range(1, count + 1) if count <= 4 else (1, count // 2, count):
        level = replicas * pool.rate_per_replica.central
        if level > 1.6 * hours[0]:
            break
        ax.axhline(level, color=style.MUTED, linewidth=0.8, linestyle="--")
        carried = n.percent(pool.served_share(replicas), 1)
        text = f"{replicas} serving: {carried} of requests"
        ax.annotate(
            text, (1, level), (0, 2), textcoords="offset points", ha="right", va="bottom",
            color=style.MUTED, fontsize=8.5,
        )  # fmt: skip
    ax.set_xlim(0, 1)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("share of the hours of a year")
    ax.set_ylabel("requests/s")
    ax.xaxis.set_major_formatter(n.axis("percent"))
    ax.yaxis.set_major_formatter(_ticks(n, float(hours[0])))
    night = n.percent(float(np.mean(hours < hours[0] / 10)))
    title = f"In {night} of all hours the load is below a tenth of its peak"
    alt = f"{title}. Load duration curve for {label}, with what serving replicas carry."
    return Chart(figure, title, alt, note=f"Replicas of {label}, within the latency limits.")


# --- one replica ------------------------------------------------------------------------------


def throughput_and_latency(study: Study) -> Chart | Prose:
    """Latency of one replica against the load it carries, with limits and the chosen point."""
    pools = _own(study)
    if not pools:
        return Prose("The latency of an API is the vendor's: only a measurement tells it.")
    n, p = study.numbers, pools[0][2].limits.percentile
    figure, axes = style.figure(2.8, columns=2)
    for (label, _, pool), colour in zip(pools, style.SERIES, strict=False):
        rates = np.linspace(0.02, 0.97, 24) * pool.curve.saturation_rate
        seen = [latency(pool.curve, r, (pool.limits.percentile,)) for r in rates]
        chosen = pool.peak_hour
        values = ([s.ttft[pool.limits.percentile] for s in seen],
                  [s.tpot[pool.limits.percentile] * 1e3 for s in seen])  # fmt: skip
        points = (
            chosen.ttft[pool.limits.percentile],
            chosen.tpot[pool.limits.percentile] * 1e3,
        )
        for ax, line, point in zip(axes, values, points, strict=True):
            ax.plot(rates, line, color=colour, label=label)
            ax.plot(chosen.rate, point, "o", color=colour)
    limits = pools[0][2].limits
    for ax, limit, text in zip(
        axes, (limits.ttft_s, limits.tpot_s * 1e3), ("first token, s", "per token, ms"), strict=True
    ):
        ax.axhline(limit, color=style.BAD, linewidth=0.8, linestyle="--")
        ax.set_ylim(0, 1.6 * limit)
        ax.set_xlim(left=0)
        ax.set_xlabel("requests/s a replica")
        ax.set_ylabel(f"p{p}, {text}")
        ax.xaxis.set_major_formatter(_ticks(n, ax.get_xlim()[1]))
    style.legend(figure, axes[0])
    worst = min(p_.rate_per_replica.central / p_.curve.saturation_rate for _, _, p_ in pools)
    title = (
        "Limits, not throughput, decide: a replica may carry no more than "
        f"{n.percent(worst)} of what it could"
        if worst < 0.8
        else "A replica carries most of its throughput before a limit is met"
    )
    return Chart(
        figure,
        title,
        f"{title}. p{p} time to first token and per token against requests a second, by option.",
        _sources(study),
        note="Dots: the busiest hour of the first year. Dashed: the client's limits.",
    )


def percentiles(study: Study) -> Table:
    """Latency at p50, p95 and p99 in the busiest hour of a usual week and of the year."""
    n = study.numbers
    rows = []
    for label, _, pool in _own(study):
        for name, seen in (("usual week", pool.busy_hour), ("year", pool.peak_hour)):
            row = {"option": label, "busiest hour of the": name}
            row |= {f"p{p}, s": n.number(seen.ttft[p], 2) for p in (50, 95, 99)}
            row |= {f"p{p}, ms": n.number(seen.tpot[p] * 1e3, 0) for p in (50, 95, 99)}
            row |= {"under way": n.number(seen.concurrency * pool.replicas[0].central, 1)}
            rows.append(row)
    frame = pd.DataFrame(rows)
    spanners = {"first token": [f"p{p}, s" for p in (50, 95, 99)],
                "per token": [f"p{p}, ms" for p in (50, 95, 99)]}  # fmt: skip
    return Table(
        frame,
        "What users wait for in the busiest hours",
        _sources(study),
        spanners=spanners if rows else {},
        notes=[
            "Under way: mean requests in the system, all replicas together. It is the arrival "
            "rate times the mean stay (Little's law)."
        ],
    )


def without_one(study: Study) -> Prose:
    """What the busiest hour looks like when one replica is down."""
    lines = []
    for label, _, pool in _own(study):
        n, p = study.numbers, pool.limits.percentile
        total = pool.total_replicas(1).central
        rate = pool.load.peak_rate / max(total - 1, 1)
        text = f"**{literal(label)}**: with one of {total:.0f} replicas down, "
        if total <= 1:
            lines.append(text + "nothing serves.")
            continue
        seen = latency(pool.curve, rate, (p,))
        if not seen.stable:
            lines.append(text + "the rest cannot carry the busiest hour of the year.")
            continue
        lines.append(
            text + f"p{p} in the busiest hour of the year is {n.quantity(seen.ttft[p], 's', 1)} "
            f"to the first token and {n.quantity(seen.tpot[p] * 1e3, 'ms', 0)} per token: limits "
            f"{'kept' if pool.limits.kept(seen) else '**missed**'}."
        )
    return Prose("\n".join(f"- {line}" for line in lines) or "No replica of one's own can fail.")


# --- GPUs over time ---------------------------------------------------------------------------


def gpus_by_year(study: Study) -> Chart | Prose:
    """GPUs with spares by year of the horizon, by option."""
    options = [
        (study.options[name].label, found)
        for name, found in study.capacity.items()
        if found.pools and found.kind != "hybrid"
    ]
    if not options:
        return Prose("No option of this scenario needs GPUs of its own.")
    n = study.numbers
    figure, ax = style.figure(2.6)
    width = 0.8 / len(options)
    for i, ((label, found), colour) in enumerate(zip(options, style.SERIES, strict=False)):
        years = np.arange(1, found.years + 1) + (i - (len(options) - 1) / 2) * width
        ranges = found.gpus_by_year
        ax.vlines(
            years, [r.low for r in ranges], [r.high for r in ranges], color=colour, linewidth=5,
            alpha=0.3,
        )  # fmt: skip
        ax.plot(years, [r.central for r in ranges], "o", color=colour, label=label)
        for x, r in zip(years, ranges, strict=True):
            ax.annotate(
                n.number(r.central, 0), (x, r.central), (6, 0), textcoords="offset points",
                va="center", fontsize=8,
            )  # fmt: skip
    ax.set_xticks(range(1, options[0][1].years + 1))
    ax.set_xlabel("year")
    ax.set_ylabel("GPUs, spares included")
    ax.set_ylim(bottom=0)
    style.legend(figure, ax)
    first, last = options[0][1].gpus(1), options[0][1].gpus(options[0][1].years)
    title = (
        f"{options[0][0]}: {n.number(first.central, 0)} GPUs in year 1, "
        f"{_whole(last, n)} in year {options[0][1].years}"
    )
    alt = f"{title}. GPUs by year for each option, with a range for growth and speed."
    return Chart(figure, title, alt, _sources(study))


def utilisation_by_hour(study: Study) -> Chart | Prose:
    """Used share of the GPUs in each hour of a usual week of the first year."""
    pools = _own(study)
    if not pools:
        return Prose("Without GPUs of one's own nothing stands idle; the vendor carries that.")
    n = study.numbers
    figure, ax = style.figure(2.6)
    for (label, _, pool), colour in zip(pools, style.SERIES, strict=False):
        used = pool.utilisation()
        ax.step(range(len(used)), used, where="post", color=colour, label=label)
    ax.set_xticks([d * 24 for d in range(7)], DAYS)
    ax.set_xlim(0, loads_.HOURS_OF_WEEK)
    ax.set_ylim(bottom=0)
    ax.set_ylabel("used")
    ax.yaxis.set_major_formatter(n.axis("percent"))
    style.legend(figure, ax)
    idle = sorted(1 - p.mean_utilisation() for _, _, p in pools)
    title = f"Paid for and idle: {_span(map(n.percent, idle))} of the GPU hours"
    alt = f"{title}. Used share of all GPUs, spares included, by hour of the week and option."
    return Chart(
        figure,
        title,
        alt,
        _sources(study),
        note="Work that may wait fills the idlest hours. 100 % is what all GPUs could serve.",
    )


# --- how sure, and what would change it --------------------------------------------------------


def basis(study: Study) -> Table:
    """What stands behind each speed: measurements of engine and card, or the client's own."""
    n = study.numbers
    counts = {
        (row.regime, row.value): row.measurements
        for row in catalogue.table("engine_calibration", performance.Calibration)
    }
    rows = []
    for label, _, pool in _own(study):
        where = performance.regime(pool.deployment)
        r = pool.rate_per_replica
        rows.append(
            {
                "option": label,
                "engine": pool.deployment.engine,
                "measurements of the engine": n.number(
                    counts.get(("engine", where["engine"]), 0), 0
                ),
                "generation": where["architecture"],
                "of the generation": n.number(
                    counts.get(("architecture", where["architecture"]), 0), 0
                ),
                "speed, high over low": n.number(r.high / r.low if r.low else 0, 2),
                "origin": "measured" if pool.measured else "estimate",
            }
        )
    return Table(
        pd.DataFrame(rows),
        "What the speeds rest on",
        _sources(study),
        notes=["docs/validation.md shows how far off the model is, source by source."],
    )


CHANGES = ("twice the load", "half the limits", "no cached prefixes", "half the answers")


def changes(study: Study) -> Table | Prose:
    """GPUs of the first year under other loads and limits."""
    rows = []
    for name, found in study.capacity.items():
        option = study.options[name]
        if found.kind == "hybrid":
            continue
        for model, pool in found.pools.items():
            row = {
                "option": option.label,
                "as stated": study.numbers.number(pool.gpus(1).central, 0),
            }
            for change, (load, limits) in zip(CHANGES, _changed(pool), strict=True):
                try:
                    other = capacity.best_pool(option, model, load, limits, 1)
                    kept = "" if other.keeps_limits else ", limits missed"
                    row[change] = f"{study.numbers.number(other.gpus(1).central, 0)}{kept}"
                except NotPredicted:
                    row[change] = "does not fit"
            rows.append(row)
    if not rows:
        return Prose("An API needs no GPUs of one's own, whatever the load.")
    return Table(pd.DataFrame(rows), "GPUs in the first year if something were otherwise")


def _changed(pool: Pool) -> list[tuple[loads_.Load, capacity.Limits]]:
    load, limits = pool.load, pool.limits
    tight = replace(limits, ttft_s=limits.ttft_s / 2, tpot_s=limits.tpot_s / 2)
    uncached = replace(load.lengths, cached_share=0.0)
    short = replace(
        load.lengths, output=replace(load.lengths.output, mean=load.lengths.output_mean / 2)
    )
    return [
        (replace(load, hourly=load.hourly * 2), limits),
        (load, tight),
        (replace(load, lengths=uncached), limits),
        (replace(load, lengths=short), limits),
    ]


def key_figures(study: Study) -> str:
    """The chapter's figures as text, for the record."""
    lines = []
    for label, _, pool in _own(study):
        seen, year = pool.busy_hour, len(pool.replicas)
        gpus = [pool.gpus(y) for y in (1, year)]
        lines.append(
            f"{label}, {_short(pool.model)} on {pool.gpus_per_replica} x {pool.deployment.gpu.id}: "
            f"{gpus[0].central:.0f} GPUs in year 1, {gpus[1].central:.0f} in year {year}; "
            f"{pool.rate_per_replica.central:.2f} requests/s a replica; "
            f"used {pool.mean_utilisation():.1%}; busy hour p95 first token {seen.ttft[95]:.2f} s, "
            f"per token {seen.tpot[95] * 1e3:.0f} ms, {seen.concurrency:.1f} under way a replica"
        )
    return "\n".join(lines) or "no option on GPUs of its own"


def change(study: Study) -> Prose:
    """Two or three sentences on what would move the number of GPUs."""
    pools = _own(study)
    if not pools:
        return Prose(
            "A limit on latency that the vendor cannot promise, or a model that must run here."
        )
    n, (label, _, pool) = study.numbers, pools[0]
    room = pool.replicas[0].central * pool.rate_per_replica.central / pool.load.peak_rate
    r = pool.rate_per_replica
    factor = n.number(r.high / r.low, 1)
    return Prose(
        f"The first year's replicas of {literal(label)} carry {n.number(room, 1)} times the "
        f"busiest hour; beyond that the next replica is due. A benchmark of the client's own on "
        f"this card would replace a speed that is known within a factor of {factor}. "
        f"Work that may wait fills idle hours without a GPU more."
    )
