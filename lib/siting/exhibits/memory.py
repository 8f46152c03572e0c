"""Memory fit: what a model needs on a GPU, what is left for requests, and what more would take.

All figures are per GPU, the fullest of a group. A range holds 80 % of what we expect to measure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from siting import catalogue, hf_config
from siting.catalogue import Gpu, Source
from siting.exhibits import Chart, Prose, Table, literal, style
from siting.formats import Numbers
from siting.inputs.scenario import Scenario
from siting.memory import deployment, sweep, training, vram, weights
from siting.memory.vram import Fit, Memory
from siting.quantity import Range, total
from siting.study import Study

PARTS = ("weights", "activations", "libraries", "graphs")
"""What comes off the budget before the cache."""

GROUPED = {"libraries": "libraries and graphs", "graphs": "libraries and graphs"}
SHADES = dict(
    zip(
        ("weights", "activations", "libraries and graphs", "left for the cache"),
        (style.SERIES[0], style.SERIES[1], style.SERIES[3], style.SERIES[2]),
        strict=True,
    )
)

MAP_FORMATS = ("bf16", "fp8", "int4")
MAP_CARDS = 12
"""Columns of the fit map that are legible on a page."""


def _fits(study: Study) -> list[Fit]:
    return [fit for fits in study.memory.values() for fit in fits]


def _made(study: Study) -> list[tuple[Fit, Memory]]:
    return [(f, f.memory) for f in _fits(study) if f.memory is not None]


def _label(study: Study, fit: Fit) -> str:
    return study.options[fit.option].label


def _short(model: str) -> str:
    return model.split("/")[-1]


def _group(memory: Memory) -> str:
    return f"{memory.gpus} × {memory.gpu.gpu}"


def _sources(memories: Iterable[Memory]) -> tuple[Source, ...]:
    """Sources behind some memories, each once, with the cards' and models' own first."""
    found = [i.source for m in memories for i in m.inputs]
    found += [p.source for m in memories for p in m.parts]
    return tuple({(s.source, s.url, s.locator): s for s in found}.values())


# --- the answer -------------------------------------------------------------------------------


def answer(study: Study) -> Prose:
    """Each option in a sentence: does it fit, with how much room, and how sure is that."""
    if not _fits(study):
        return Prose("No option of this scenario runs a model on GPUs of its own.")
    lines = [_sentence(study, fit) for fit in _fits(study)]
    return Prose("\n".join(f"- {line}" for line in lines), _sources(m for _, m in _made(study)))


def _sentence(study: Study, fit: Fit) -> str:
    n, who = study.numbers, f"**{literal(_label(study, fit))}**, {literal(_short(fit.model))}"
    if fit.memory is None:
        return f"{who}: {literal(fit.reason)}."
    m = fit.memory
    room = n.range(m.max_concurrency, 0 if m.max_concurrency.central >= 10 else 1)
    words = {
        "fits": "fits",
        "tight": "fits by the central estimate only",
        "does not fit": "falls short",
    }
    if m.verdict == "does not fit":
        shortfall = f" of the {m.concurrency:g} that we plan for"
        return (
            f"{who}: on {_group(m)} {room} of {n.number(m.context, 0)} tokens at once,{shortfall}."
        )
    return (
        f"{who} in {m.weights} {words[m.verdict]} on {_group(m)}: after "
        f"{n.range(_off(m), 1)} for weights and overhead a GPU, the cache holds {room} of "
        f"{n.number(m.context, 0)} tokens at once."
    )


def _off(memory: Memory) -> Range:
    """All that comes off the budget before the cache."""
    return total((p.gib for p in memory.parts if p.name in PARTS), "GiB")


def overview(study: Study) -> Table | Prose:
    """One line an option and model: GPUs, room, verdict."""
    if not _fits(study):
        return answer(study)
    rows = [_overview_row(study, fit) for fit in _fits(study)]
    return Table(
        pd.DataFrame(rows),
        _overview_title(study),
        _sources(m for _, m in _made(study)),
        badges=["verdict"],
        stub="option",
        notes=[
            f"A choice of GPUs must hold {vram.planning_concurrency():g} of the longest requests; "
            "the load decides how many such groups are needed (next chapter).",
            "tight: fits by the central estimate, not by the whole range.",
        ],
    )


def _overview_title(study: Study) -> str:
    made = _made(study)
    good = sum(m.verdict == "fits" for _, m in made)
    return f"{good} of {len(_fits(study))} model placements fit with the whole of their range"


def _overview_row(study: Study, fit: Fit) -> dict[str, str]:
    n, m = study.numbers, fit.memory
    head = {"option": _label(study, fit), "model": _short(fit.model)}
    if m is None:
        blank = dict.fromkeys(
            ("GPUs", "weights", "budget, GiB", "left for cache, GiB", "requests"), ""
        )
        return {**head, **blank, "longest context": fit.reason, "verdict": "no"}
    return {
        **head,
        "GPUs": _group(m),
        "weights": m.weights,
        "budget, GiB": n.number(m.budget_gib.central, 1),
        "left for cache, GiB": _cell(m.pool_gib, n, 1),
        "requests": _cell(m.max_concurrency, n, 0),
        "longest context": n.number(m.longest_context, 0),
        "verdict": m.verdict,
    }


# --- part by part -----------------------------------------------------------------------------


def waterfall(study: Study) -> Chart | Prose:
    """Where the memory of a GPU goes, option by option, up to the card's total."""
    made = _made(study)
    if not made:
        return answer(study)
    drawn, ax = style.figure(1.0 + 0.72 * len(made))
    for row, (fit, memory) in enumerate(made):
        name = f"{_label(study, fit)}: {_short(fit.model)} in {memory.weights}, {_group(memory)}"
        ax.text(0, row - 0.36, name, fontsize=8.5, va="bottom")
        _bar(ax, row, memory, study.numbers)
    ax.set_yticks([])
    ax.set_ylim(len(made) - 0.4, -0.85)
    ax.set_xlabel("GiB on the fullest GPU")
    ax.xaxis.set_major_formatter(study.numbers.axis("number", 0))
    ax.xaxis.grid(True)
    ax.spines["left"].set_visible(False)
    handles = [ax.barh(-9, 0, color=colour, label=name) for name, colour in SHADES.items()]
    drawn.legend(handles=handles, ncols=len(handles), loc="outside lower center", frameon=False)
    text = "; ".join(
        f"{_label(study, f)}, {_group(m)}: weights {_gib(m, 'weights', study.numbers)}, "
        f"left for the cache {study.numbers.range(m.pool_gib, 1)} of "
        f"{study.numbers.quantity(m.gpu.usable_gib or m.budget_gib.central, 'GiB', 1)}"
        for f, m in made
    )
    return Chart(
        drawn,
        _waterfall_title(made, study.numbers),
        f"Stacked bars of the memory of one GPU for each option. {text}.",
        _sources(m for _, m in made),
        note="The line under a bar is the range of where the cache begins; the upright one is the "
        "card's total.",
    )


def _gib(memory: Memory, part: str, numbers: Numbers) -> str:
    return numbers.range(next(p.gib for p in memory.parts if p.name == part), 1)


def _cell(value: Range, numbers: Numbers, decimals: int) -> str:
    """A range without its unit, for a table cell; exact values without a span."""
    central = numbers.number(value.central, decimals)
    return central if value.is_exact else f"{central} ({numbers.span(value, decimals)})"


def _waterfall_title(made: list[tuple[Fit, Memory]], numbers: Numbers) -> str:
    shares = [m.pool_gib.central / m.budget_gib.central for _, m in made]
    low, high = (numbers.percent(max(0.0, v)) for v in (min(shares), max(shares)))
    if low == high:
        return f"{low} of what the engine may take is left for requests"
    return f"Between {low} and {high} of what the engine may take is left for requests"


def _bar(ax: Axes, row: int, memory: Memory, numbers: Numbers) -> None:
    taken = {name: 0.0 for name in SHADES}
    for part in memory.parts:
        if part.name in PARTS:
            taken[GROUPED.get(part.name, part.name)] += part.gib.central
    taken["left for the cache"] = max(0.0, memory.pool_gib.central)
    start = 0.0
    for name, width in taken.items():
        ax.barh(row, width, left=start, height=0.46, color=SHADES[name])
        if width > 0.08 * memory.budget_gib.central:
            ax.text(
                start + width / 2, row, numbers.number(width, 1), ha="center", va="center",
                color="white", fontsize=8.5, in_layout=False,
            )  # fmt: skip
        start += width
    off = _off(memory)
    ax.plot([off.low, off.high], [row + 0.31, row + 0.31], color=style.INK, linewidth=1.5)
    total_gib = deployment.usable_gib(memory.gpu).central
    ax.plot([total_gib, total_gib], [row - 0.3, row + 0.3], color=style.INK, linewidth=1.2)


def parts(study: Study) -> Table | Prose:
    """Each part with its range, formula and source."""
    made = _made(study)
    if not made:
        return answer(study)
    rows = [
        {
            "option": f"{_label(study, f)}: {_short(f.model)}, {_group(m)}",
            "part": p.name,
            "GiB a GPU": _cell(p.gib, study.numbers, 2) + style.mark(p.source.kind),
            "how": p.formula,
            "source": p.source.source,
        }
        for f, m in made
        for p in m.parts
        if p.gib.high
    ]
    return Table(
        pd.DataFrame(rows),
        "What each part takes, and where the figure comes from",
        _sources(m for _, m in made),
        align={"GiB a GPU": "right"},
        group="option",
        stub="part",
        notes=["cache: what the planned requests take, out of what is left."],
    )


# --- other cards, other models ----------------------------------------------------------------


def _cards(scenario: Scenario) -> list[Gpu]:
    """Cards of the map: those of the options, then the newest of each vendor and size."""
    own = [catalogue.gpu(o.gpu) for o in scenario.options.values() if o.gpu]
    newest = sorted(
        (g for g in catalogue.gpus() if g.usable_gib and g.launch_date >= "2020"),
        key=lambda g: g.launch_date,
        reverse=True,
    )
    chosen: dict[tuple[str, float], Gpu] = {}
    for card in (*own, *newest):
        if len(chosen) < MAP_CARDS:
            chosen.setdefault((card.vendor, round(card.memory_gb_marketing)), card)
    return sorted(chosen.values(), key=lambda g: (deployment.usable_gib(g).central, g.id))


def _models(scenario: Scenario) -> list[str]:
    named = [m for w in scenario.workloads.values() for m in w.models]
    served = [m for o in scenario.options.values() if o.gpu for m in o.models.values()]
    known = []
    for name in dict.fromkeys((*served, *named)):
        try:
            known.append(hf_config.model(name).model_id)
        except KeyError:
            continue
    return list(dict.fromkeys(known))


def fit_map(study: Study) -> Chart | Prose:
    """Fewest GPUs for each model and format on each card."""
    models = [hf_config.model(m) for m in _models(study.scenario)]
    cards = _cards(study.scenario)
    if not models:
        return Prose("No open-weight model is named in this scenario.")
    context = max((m.context for _, m in _made(study)), default=8192)
    wanted = vram.planning_concurrency()
    made = sweep.sweep(models, cards, MAP_FORMATS, context)
    fewest = made.fewest_gpus(wanted).reshape(-1, len(cards))
    labels = [f"{_short(m.model_id)}, {f}" for m in models for f in MAP_FORMATS]
    drawn, ax = style.figure(1.6 + 0.27 * len(labels))
    steps = np.searchsorted([1, 2, 4, 8, np.inf], fewest)
    tones = ListedColormap(["#00694f", "#4d9b84", "#9fc9bd", "#dceae6", "#f3ded5"])
    ax.imshow(steps, cmap=tones, vmin=0, vmax=4, aspect="auto")
    for (row, column), value in np.ndenumerate(fewest):
        text = "–" if np.isinf(value) else f"{value:.0f}"
        dark = steps[row, column] < 2
        ax.text(
            column, row, text, ha="center", va="center", fontsize=8.5,
            color="white" if dark else style.INK,
        )  # fmt: skip
    ax.set_xticks(range(len(cards)), [c.gpu for c in cards], rotation=40, ha="right", fontsize=8)
    ax.set_yticks(range(len(labels)), labels, fontsize=8.5)
    ax.tick_params(length=0)
    for spine in ax.spines.values():
        spine.set_visible(False)
    single = int((fewest == 1).sum())
    number = study.numbers.number
    return Chart(
        drawn,
        f"{single} of {fewest.size} combinations of model, format and card need a single GPU",
        f"Grid of {len(labels)} models and formats by {len(cards)} cards; each cell is the fewest "
        f"GPUs that hold {wanted:g} requests of {number(context, 0)} tokens. "
        + _map_words(fewest, labels, cards),
        tuple(catalogue.source_of(m) for m in models),
        note=f"Fewest GPUs (1, 2, 4 or 8) for {wanted:g} requests of {number(context, 0)} tokens "
        "in vLLM; – : not on 8. Whether a format is good enough is a question of quality.",
    )


def _map_words(fewest: np.ndarray, labels: list[str], cards: list[Gpu]) -> str:
    """The smallest card on which each row runs alone, for the alternative text."""
    lines = []
    for label, row in zip(labels, fewest, strict=True):
        alone = [c.gpu for c, v in zip(cards, row, strict=True) if v == 1]
        lines.append(
            f"{label}: alone on {alone[0]} and larger" if alone else f"{label}: on none alone"
        )
    return "; ".join(lines) + "."


def headroom(study: Study) -> Table | Prose:
    """What twice the context, or twice the requests, would take on the same card."""
    made = _made(study)
    if not made:
        return answer(study)
    rows = [_headroom_row(study, f, m) for f, m in made]
    return Table(
        pd.DataFrame(rows),
        "What the next context length, or twice the users, would need",
        _sources(m for _, m in made),
        stub="option",
        notes=[
            "GPUs of one group; the same card and weights. A context beyond what the model "
            "allows is not offered."
        ],
    )


def _headroom_row(study: Study, fit: Fit, memory: Memory) -> dict[str, str]:
    n = study.numbers
    limit = memory.model.max_position_embeddings or memory.context
    longer = vram.larger(memory, context_factor=2) if memory.context < limit else None
    more = vram.larger(memory, concurrency_factor=2)
    twice = min(limit, 2 * memory.context)
    return {
        "option": f"{_label(study, fit)}: {_short(fit.model)}",
        "now": f"{_gpus(memory)}, {n.number(memory.context, 0)} tokens × {memory.concurrency:g}",
        "longest request that fits": n.number(memory.longest_context, 0),
        "context": f"{n.number(twice, 0)} tokens: {_gpus(longer)}"
        if memory.context < limit
        else "the model's limit is reached",
        "twice the requests": _gpus(more),
    }


def _gpus(memory: Memory | None) -> str:
    if memory is None:
        return "more than 8 GPUs"
    tight = " (tight)" if memory.verdict == "tight" else ""
    return f"{memory.gpus} GPU{'s' if memory.gpus > 1 else ''}{tight}"


# --- fine-tuning ------------------------------------------------------------------------------


def fine_tuning(study: Study) -> Table | Prose:
    """The client's fine-tuning jobs; without any, what each method would take."""
    plans = [p for plans in study.training.values() for p in plans]
    if not plans:
        return feasibility(study)
    rows = [_plan_row(study, p) for p in plans]
    sources = {(i.source.source, i.source.locator): i.source for p in plans for i in p.inputs}
    return Table(
        pd.DataFrame(rows),
        "What the fine-tuning jobs take",
        tuple(sources.values()),
        badges=["verdict"],
        stub="job",
        notes=["Energy of the GPUs alone. Time from measured utilisation of training runs."],
    )


def _plan_row(study: Study, plan: training.Plan) -> dict[str, str]:
    n, gpu = study.numbers, catalogue.gpu(plan.gpu).gpu
    head = {"job": plan.job, "option": study.options[plan.option].label}
    if plan.peak is None or plan.time is None:
        return {**head, "GPUs": gpu, "peak, GiB a GPU": plan.reason, "hours a run": "",
                "kWh a year": "", "verdict": "no"}  # fmt: skip
    peak, time = plan.peak.reserved, plan.time
    return {
        **head,
        "GPUs": f"{plan.peak.job.gpus} × {gpu}",
        "peak, GiB a GPU": _cell(peak, n, 1),
        "hours a run": f"{n.number(time.hours.central)} ({n.span(time.hours)})",
        "kWh a year": n.number(time.energy_kwh.central * plan.runs_per_year),
        "verdict": plan.verdict or "no",
    }


def feasibility(study: Study) -> Table | Prose:
    """Fewest GPUs for full, LoRA and QLoRA fine-tuning of the models that options serve."""
    pairs = dict.fromkeys((m.model.model_id, m.gpu.id) for _, m in _made(study))
    found = [
        f
        for model, gpu in pairs
        for f in training.feasibility(hf_config.model(model), catalogue.gpu(gpu))
    ]
    if not found:
        return Prose("No open-weight model runs on the client's own GPUs, so none is fine-tuned.")
    rows = [_feasible_row(f, study.numbers) for f in found]
    sources = {
        (p.source.source, p.source.locator): p.source for f in found if f.peak for p in f.peak.parts
    }
    return Table(
        pd.DataFrame(rows),
        "No fine-tuning is planned; this is what it would take",
        tuple(sources.values()),
        badges=["verdict"],
        group="model",
        stub="method",
        notes=["One sequence of 4,096 tokens a step, activations recomputed, AdamW, rank 16."],
    )


def _feasible_row(found: training.Feasible, numbers: Numbers) -> dict[str, str]:
    name = {"full": "all weights", "lora": "LoRA", "qlora": "QLoRA"}[found.method]
    head = {"model": _short(found.model), "method": name}
    gpu = catalogue.gpu(found.gpu).gpu
    if found.peak is None:
        return {**head, "GPUs": gpu, "peak, GiB a GPU": found.reason, "verdict": "no"}
    peak = found.peak.reserved
    return {
        **head,
        "GPUs": f"{found.peak.job.gpus} × {gpu}",
        "peak, GiB a GPU": _cell(peak, numbers, 1),
        "verdict": found.verdict or "no",
    }


# --- the end of the chapter -------------------------------------------------------------------


def change(study: Study) -> Prose:
    """What would change the conclusion, computed for the placement with least room."""
    made = _made(study)
    if not made:
        return answer(study)
    fit, m = min(made, key=lambda pair: pair[1].max_concurrency.central / pair[1].concurrency)
    n, lines = study.numbers, []
    widest = max((p for p in m.parts if p.name in PARTS), key=lambda p: p.gib.high - p.gib.low)
    lines.append(
        f"The least sure part of {literal(_label(study, fit))} is {widest.name}: "
        f"{n.range(widest.gib, 1)} a GPU. The engine's start-up log settles it in minutes."
    )
    for form in ("fp8", "int4"):
        if weights.weight_format(form).bits < weights.weight_format(m.weights).bits:
            lines.append(_other_format(m, form, n))
    if m.kv == "bf16":
        lines.append(_other_cache(m, n))
    return Prose("\n".join(f"- {line}" for line in lines))


def _other(memory: Memory, form: str, kv: str) -> Memory:
    d = replace(memory.deployment, weights=form, kv_cache=kv)
    return vram.inference(d, memory.context, memory.concurrency)


def _other_format(memory: Memory, form: str, numbers: Numbers) -> str:
    made = _other(memory, form, memory.kv)
    return (
        f"Weights in {form} instead of {literal(memory.weights)} leave room for "
        f"{numbers.number(made.max_concurrency.central, 0)} requests instead of "
        f"{numbers.number(memory.max_concurrency.central, 0)}; test the quality first."
    )


def _other_cache(memory: Memory, numbers: Numbers) -> str:
    made = _other(memory, memory.weights, "fp8")
    return (
        f"A cache in 8 bit holds {numbers.number(made.max_concurrency.central, 0)} requests "
        f"instead of {numbers.number(memory.max_concurrency.central, 0)}."
    )


def key_figures(study: Study) -> str:
    """The chapter's numbers as plain text, one line an option and model."""
    lines = []
    for fit in _fits(study):
        m = fit.memory
        if m is None:
            lines.append(f"{fit.option} {_short(fit.model)}: {fit.reason}")
            continue
        lines.append(
            f"{fit.option} {_short(fit.model)} {m.weights} on {m.gpus} x {m.gpu.id}: {m.verdict}; "
            f"off {_off(m).central:.1f} GiB, pool {m.pool_gib.central:.1f} GiB, "
            f"{m.max_concurrency.central:.1f} requests of {m.context} tokens"
        )
    return "\n".join(lines)
