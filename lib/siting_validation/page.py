"""docs/validation.md: how far the kit is off, made from the measurements in tests/data.

    python -m siting_validation docs/validation.md

Each chapter of the page is a function that returns Markdown; the page is their sequence.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from siting.dtypes import weight_format
from siting.memory import attention
from siting.vendors.vendor_record import load

from siting_validation import aims, claims, comparison, raters, remarks, stability, tables, vram
from siting_validation.cases import Prediction, Row

ROOT = Path(__file__).parents[2]
HERE = Path(__file__).parent
WORST = 3
"""Cases printed for each quantity."""

INTRODUCTION = """\
# How far off is the kit?

Every table below is computed from public measurements that the repository holds (`tests/data`),
by the same functions that write a report. Nothing measured is read to predict it. `siting
validate KIND` prints the same for any file with these columns. What is said of causes below a table
is a row of `tests/data/remarks.csv`: behind it stand the day on which it was written, of which its
figures are, and what it rests on.

*Median* and *90 %* are absolute errors; *in range* is the share of measurements between the low
and the high that a report would print, which are meant to hold 80 %. A case that the inputs do not
determine is not predicted, and counts against the share.
"""


def page() -> str:
    """The whole page."""
    chapters: tuple[Callable[[], str], ...] = (serving, fine_tuning, throughput, vendors, costs)
    return "\n\n".join([INTRODUCTION.rstrip(), *(c().strip() for c in chapters)]) + "\n"


# --- memory of serving ------------------------------------------------------------------------


def serving() -> str:
    """Memory of serving: errors by quantity, engine, format and attention; worst cases; peers."""
    rows = comparison.read(comparison.shipped("vram"))
    made = comparison.compare("vram", rows)
    by_case = {r["case_id"]: r for r in rows}
    return "\n\n".join(
        [
            "## GPU memory of serving",
            f"{len(rows)} public start-up logs of vLLM, SGLang and llama.cpp.",
            _errors_table(comparison.summarise(made)),
            _fits_line(comparison.summarise(made)["fits"]),
            "### Weights and cache pool by engine, weight format and kind of attention",
            _by_kind_table(made, by_case),
            "### With sources, models and cards left out",
            LEFT_OUT_SERVING,
            _left_out_table("vram", LEFT_OUT_QUANTITIES),
            "Weights of few bits apart:",
            _class_table("vram", ("weights_gib_per_gpu", "kv_cache_gib_per_gpu")),
            INSIDE,
            _distance_table("vram", LEFT_OUT_QUANTITIES),
            "### Worst cases, and why",
            _worst_table(made, by_case),
            "### What is still poor, and why",
            _listed("serving"),
            "### Other calculators on the same rows",
            _peers_text("serving"),
            _peers_table(comparison.summarise(made)),
        ]
    )


def _listed(section: str) -> str:
    """Remarks on a section, as a list."""
    return "\n".join(f"- {remark}" for remark in remarks.of(section))


def _said(section: str) -> str:
    """Remarks on a section, a paragraph each."""
    return "\n\n".join(remarks.of(section))


def _percent(value: float | None, digits: int = 1) -> str:
    return "" if value is None else f"{value:.{digits}f} %"


def _errors_table(errors: Mapping[str, Mapping[str, Any]]) -> str:
    shown = {name: e for name, e in errors.items() if name != "fits"}
    of_card = any("median_error_pct_of_card" in e for e in shown.values())
    rows = []
    for name, e in shown.items():
        row = {
            "quantity": f"`{name}`",
            "n": str(e["n"]),
            "predicted": _percent(100 * e["predicted"], 0),
            "median": _percent(e.get("median_error_pct"), 2),
            "90 %": _percent(e.get("p90_error_pct")),
            "bias": _percent(e.get("bias_pct")),
            "in range": _percent(100 * e["coverage"], 0) if e.get("coverage") is not None else "",
            "high / low": _ratio(e.get("median_high_over_low")),
        }
        if of_card:
            row["median, of the card"] = _percent(e.get("median_error_pct_of_card"), 2)
            row["90 %, of the card"] = _percent(e.get("p90_error_pct_of_card"))
        rows.append(row)
    return tables.of(rows)


def _ratio(value: float | None) -> str:
    return f"{value:.2f}" if value else ""


def _fits_line(e: Mapping[str, Any]) -> str:
    return (
        f"Whether a run starts: {_percent(100 * e['right'], 0)} of {e['n']} right; "
        f"{e['said_fits_but_ran_out']} was called safe and ran out of memory, "
        f"{e['said_no_but_ran']} was called impossible and ran."
    )


def _kinds_of(row: Row) -> tuple[str, str, str]:
    """Engine, weight format and kind of attention of a case, in the kit's own words."""
    run = vram.run_of(row)
    groups = {g.kind for g in attention.layer_groups(run.deployment.model)}
    names = {
        "latent": "multi-head latent",
        "state": "hybrid with linear states",
        "window": "sliding window",
        "chunk": "chunked",
        "compressed": "compressed",
    }
    kind = next((text for key, text in names.items() if key in groups), "")
    heads = run.deployment.model.num_attention_heads
    kv = run.deployment.model.num_key_value_heads
    plain = "grouped-query" if heads != kv else "multi-head"
    form = weight_format(run.deployment.weights, run.deployment.model).format
    return run.deployment.family, form, kind or plain


def _by_kind_table(made: Sequence[Prediction], by_case: Mapping[str, Row]) -> str:
    wanted = {"weights_gib_per_gpu": "weights", "kv_cache_gib_per_gpu": "cache pool"}
    rows = []
    told = {c.case_id for c in made if c.central is not None}
    labels = {case: _kinds_of(row) for case, row in by_case.items() if case in told}
    for place, what in enumerate(("engine", "weights", "attention")):
        for value in sorted({label[place] for label in labels.values()}):
            named = {case for case, label in labels.items() if label[place] == value}
            cases = [c for c in made if c.case_id in named]
            errors = comparison.summarise([c for c in cases if c.quantity in wanted])
            cells = {}
            for quantity, words in wanted.items():
                e = errors.get(quantity, {})
                cells[f"{words}: n"] = str(e.get("n", ""))
                cells[f"{words}: median"] = _percent(e.get("median_error_pct"), 2)
                cells[f"{words}: 90 %"] = _percent(e.get("p90_error_pct"))
                cells[f"{words}: of the card"] = _percent(e.get("median_error_pct_of_card"), 2)
            if any(cells.values()):
                rows.append({"": f"{what}: {value}", **cells})
    return tables.of(rows)


def _reasons() -> dict[tuple[str, str], str]:
    path = ROOT / "tests" / "data" / "worst_cases.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return {(r["case_id"], r["quantity"]): r["reason"] for r in csv.DictReader(file)}


def _worst_table(made: Sequence[Prediction], by_case: Mapping[str, Row]) -> str:
    reasons = _reasons()
    rows = []
    for quantity in dict.fromkeys(c.quantity for c in made):
        cases = [c for c in made if c.quantity == quantity and c.central is not None]
        if quantity == "fits":
            wrong = [c for c in cases if c.central != c.measured]
        else:
            cases = [c for c in cases if c.error is not None]
            wrong = sorted(cases, key=lambda c: -abs(c.error or 0.0))[:WORST]
        rows += [_worst_row(c, by_case[c.case_id], reasons) for c in wrong]
    return tables.of(rows, text=("quantity", "why"))


def _worst_row(c: Prediction, row: Row, reasons: Mapping[tuple[str, str], str]) -> dict[str, str]:
    model = (row.get("model") or row.get("model_id") or "").split("/")[-1]
    error = "" if c.error is None else f"{100 * c.error:+.1f} %"
    return {
        "case": f"{c.case_id} ({model})",
        "quantity": f"`{c.quantity}`",
        "measured": _figure(c.measured),
        "predicted": _figure(c.central),
        "error": error,
        "why": reasons.get((c.case_id, c.quantity)) or reasons.get((c.case_id, ""), ""),
    }


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


# --- left out ---------------------------------------------------------------------------------

LEFT_OUT_QUANTITIES = (
    "weights_gib_per_gpu",
    "kv_cache_gib_per_gpu",
    "kv_cache_tokens",
    "max_concurrency_x",
    "kv_tokens_given_kv_gib",
    "concurrency_given_kv_gib",
    "fits",
)
LEFT_OUT_SERVING = """\
The table above is kind: the rows that it judges were in sight when the rules were written. Here
each model on a card, each card, and each source (a repository or a site), is left out in turn;
constants that come from logs (the sampler's bytes, memory outside torch, what SGLang loads besides)
and the width of ranges are found again from the rest, and the rows left out are predicted by that
(`python -m siting_validation.left_out`). What comes from an engine's code stays: how blocks are
made, what is counted, what a release prints. *Far* counts what the others never measured among
card, family of models and engine."""

LEFT_OUT_TRAINING = """\
Here each model on a card, each card, and each source, is left out in turn. What a layer keeps is
scaled anew from the rest, and so is the width of ranges. The rows of
siting_facts/training_frameworks.csv, which say what a framework does with loss and checkpointing,
stay; where a framework is measured by one source only, its row was read there and from its code,
so that the errors of that source are a little kind. *Far* counts what the others never measured
among framework and family of models."""


def _left_out() -> dict[str, Any]:
    path = HERE / "left_out.json"
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _left_out_table(kind: str, quantities: Sequence[str]) -> str:
    rows = []
    for group in ("model and card", "card", "source"):
        errors = _left_out()[kind][group]
        for quantity in quantities:
            rows.append(_left_out_row(f"each {group}", quantity, errors[quantity]))
    return tables.of(rows, text=("quantity",))


def _left_out_row(name: str, quantity: str, e: Mapping[str, Any]) -> dict[str, str]:
    """What is foretold of rows that were left out: errors, or how often a fit is judged right."""
    if quantity == "fits":
        error = f"{_percent(100 * e['right'], 0)} right, {e['said_fits_but_ran_out']} unsafe"
    else:
        error = f"{e['median_error_pct']:.2f} / {e['p90_error_pct']:.1f} %"
    of_card = ""
    if "median_error_pct_of_card" in e:
        of_card = f"{e['median_error_pct_of_card']:.2f} / {e['p90_error_pct_of_card']:.1f} %"
    return {
        "left out": name,
        "quantity": f"`{quantity}`",
        "n": str(e["n"]),
        "median / 90 %": error,
        "of the card": of_card,
        "in range": _percent(100 * e["coverage"], 0),
        "high / low": _ratio(e.get("median_high_over_low")),
    }


def _class_table(kind: str, quantities: Sequence[str]) -> str:
    """Errors with models on cards, and with sources, left out, by class of case."""
    rows = []
    for group in ("model and card", "source"):
        for of, errors in _left_out()[kind][f"{group}, by class"].items():
            for quantity in quantities:
                e = errors.get(quantity)
                if not e or "median_error_pct" not in e:
                    continue
                rows.append(_left_out_row(f"each {group}: {of}", quantity, e))
    return tables.of(rows, text=("quantity",))


def _distance_table(kind: str, quantities: Sequence[str]) -> str:
    rows = []
    for group in ("model and card", "card", "source"):
        found = _left_out()[kind][f"{group}, by distance"]
        for far, name in (("0", "nothing new"), ("1", "one thing new"), ("2", "two or more")):
            errors = found[far]
            cells = {f"`{q}`": _held(errors[q]) if errors.get(q) else "" for q in quantities}
            if any(cells.values()):
                rows.append({"left out": f"each {group}: {name}", **cells})
    return tables.of(rows)


INSIDE = "Inside the range, and high over low of the middle one, by what the others never measured:"


def _held(e: Mapping[str, Any]) -> str:
    """Share of measurements in their range, of how many, and how wide the middle range is."""
    width = e.get("median_high_over_low")
    inside = f"{_percent(100 * e['coverage'], 0)} of {e['n']}"
    return f"{inside}; {width:.2f}" if width else inside


# --- peers ------------------------------------------------------------------------------------


def _peers() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "peers_memory.json").read_text())
    return found


def _peers_text(part: str) -> str:
    return (
        f"As of {_peers()['date']}, asked offline with the inputs of each row "
        "(`siting_validation/peers_memory.py`). n is the number of rows that a calculator can be "
        "asked about; none of them prints a range."
    )


def _peers_table(own: Mapping[str, Mapping[str, Any]]) -> str:
    quantities = {
        "weights_gib_per_gpu": "weights",
        "kv_tokens_given_kv_gib": "tokens of a measured pool",
        "concurrency_given_kv_gib": "requests of a measured pool",
    }
    everyone = {"siting": own}
    for name, found in _peers()["serving"].items():
        version = found["version"]
        label = f"{name} {version}" if version[0].isdigit() else name
        everyone[label] = found["errors"]
    rows = []
    for name, errors in everyone.items():
        judged = ""
        if fits := errors.get("fits"):
            right = _percent(100 * fits["right"], 0)
            judged = f"{right} of {fits['n']}; {fits['said_fits_but_ran_out']}"
        row = {"median / 90 % error (n)": name}
        row |= {words: _error_cell(errors.get(q)) for q, words in quantities.items()}
        rows.append({**row, "fits: right; unsafe": judged})
    return tables.of(rows)


def _error_cell(e: Mapping[str, Any] | None) -> str:
    if not e or e.get("median_error_pct") is None:
        return ""
    return f"{e['median_error_pct']:.1f} / {e['p90_error_pct']:.0f} % ({e['n']})"


# --- fine-tuning ------------------------------------------------------------------------------


def fine_tuning() -> str:
    """Memory of fine-tuning: errors by framework and method; worst cases; rules of thumb."""
    rows = comparison.read(comparison.shipped("finetune"))
    made = comparison.compare("finetune", rows)
    by_case = {r["case_id"]: r for r in rows}
    errors = comparison.summarise(made)
    groups = {}
    for column in ("framework", "method"):
        for value in sorted({r.get(column, "").split(" 0.")[0] for r in rows}):
            cases = [
                c
                for c in made
                if by_case[c.case_id].get(column, "").split(" 0.")[0] == value
                and c.quantity == "peak_gib_per_gpu"
            ]
            if cases:
                groups[f"{column}: {value}"] = comparison.summarise(cases)["peak_gib_per_gpu"]
    rules = {n: e["peak_gib_per_gpu"] for n, e in _peers()["training"].items()}
    compared = {"siting": errors["peak_gib_per_gpu"], **rules}
    return "\n\n".join(
        [
            "## GPU memory of fine-tuning",
            f"{len(rows)} public records of peak memory, by the framework's own count.",
            _errors_table(errors),
            _fits_line(errors["fits"]),
            "### By framework and method",
            tables.of(
                {
                    "": name,
                    "n": str(e["n"]),
                    "median": _percent(e.get("median_error_pct")),
                    "90 %": _percent(e.get("p90_error_pct")),
                    "in range": _percent(100 * e["coverage"], 0) if "coverage" in e else "",
                }
                for name, e in groups.items()
            ),
            "### With sources, models and cards left out",
            LEFT_OUT_TRAINING,
            _left_out_table("finetune", ("peak_gib_per_gpu", "fits")),
            "By framework:",
            _class_table("finetune", ("peak_gib_per_gpu",)),
            INSIDE,
            _distance_table("finetune", ("peak_gib_per_gpu",)),
            "### Worst cases, and why",
            _worst_table(made, by_case),
            "### What is still poor, and why",
            _listed("fine-tuning"),
            "### Rules of thumb on the same rows",
            tables.of(
                {"": name, "peak: median / 90 % error (n)": _error_cell(e)}
                for name, e in compared.items()
            ),
        ]
    )


# --- the other chapters -----------------------------------------------------------------------


def throughput() -> str:
    """Speed: errors by source; what holds when models, cards and sources are left out; peers."""
    made = comparison.compare("throughput", comparison.read(comparison.shipped("throughput")))
    fit = json.loads((HERE / "fit_throughput.json").read_text(encoding="utf-8"))
    asked = len(made)
    said = sum(c.central is not None for c in made)
    return "\n\n".join(
        [
            "## Speed",
            SPEED,
            f"{said:,} of {asked:,} speeds are predicted; the others say why.",
            _errors_table(comparison.summarise(made)),
            "### With each model on its card, and each source, left out",
            SPEED_LEFT_OUT,
            *(f"Each {key} left out:\n\n{_left_out_speeds(fit, key)}" for key in fit["left_out"]),
            "### What is aimed at, and what is missed",
            "Median and 90th percentile of the absolute error; share in the range; high over low. "
            "A star marks what is missed.",
            tables.of(aims.rows(fit)),
            _listed("speed, aims"),
            "### By how far a case is from what was measured",
            SPEED_DISTANCE,
            *(f"Each {key} left out:\n\n{_held_by_distance(fit, key)}" for key in fit["holds"]),
            "### By engine, card and generation",
            "Errors of the fit on what it was made of.",
            _speed_table(
                (f"{key} `{name}`", e)
                for key in ("engine", "architecture", "gpu")
                for name, e in fit["fit"][key].items()
            ),
            "### What is still poor, and why",
            _listed("speed"),
            "### By regime",
            "Errors of the fit by what a step spends its time on: short and long contexts, small "
            "and large batches, one GPU and many.",
            _speed_table((name, e) for name, e in fit["regimes"].items()),
            "### A bare roofline and AIConfigurator on the same rows",
            _planners(),
            "### What simulators expect of the same open loops",
            simulators(),
        ]
    )


SPEED = """\
Static batches (`trtdli`, `lmdeploy`, `qwen25`, `argonne*`), saturation (`trtllm*`), closed loops
(`nimdli`, `silicon`, `nimdocs`), request rates (`trtonline`, `blis*`, `iog`) and sources of 2026
that the form of the model was not made on (`spark`, `trtllm12`, `lotto3090`, `gpustack`, `infx26`,
`dstack405`, `a100burst`, `nebius26`, `gaudi3`, `recipes`, `sgl*`). Every first token under a known
load counts, also where its table is not scored for it; of open loops nobody states what share of
the prompts was cached, so only their time between tokens does. The constants were fitted on all of
them (`python -m siting_validation.fit_throughput`), so what counts are the tables further down."""
SPEED_LEFT_OUT = """\
Each row is predicted by a fit, and held in a range, that never saw its model on its card (or its
source). Priors were set by hand with the measurements in sight, so even these errors are a little
kind. The range of a time per token under a request rate is that of a step, carried through the
queue: near saturation, a longer step lets more requests meet, which makes it longer still.
Open loops are read with the limits on sequences and batch that their source states, and a run of
200 requests as one that ends before as many are under way as its rate asks for in the long run."""
SPEED_DISTANCE = """\
A card, a model or a format of experts of which there are fewer than ten other measurements is one
step, and so is a release of the engine; an engine on that generation of cards, or under that kind
of load, two. Distance 0: all was seen; 1: but for one step; 2: two or three; 3: more. No case has a
narrower range farther out. Each row is judged by a range made without its group, so that classes
are judged by different ones; where that alone makes a class narrower in the middle than a nearer
one, its rows are stretched until it is not. Share of measurements in the range; high over low:"""


def _left_out_speeds(fit: Mapping[str, Any], key: str) -> str:
    """Errors, share in the range and its width, by source."""
    rows = []
    for name, errors in fit["left_out"][key].items():
        row = {"": name}
        for q in SPEEDS:
            e = errors.get(q)
            h = fit["holds"][key][name].get(q)
            cell = ""
            if e and h:
                cell = f"{_speed_cell(e)}; {100 * h['inside']:.0f} %; {h['width']:.2f} ({e['n']})"
            row[f"`{q}`: median / 90 %; in range; high / low (n)"] = cell
        rows.append(row)
    return tables.of(rows)


def _held_by_distance(fit: Mapping[str, Any], key: str) -> str:
    return tables.of(
        {"": name, **{f"`{q}`": _held_speed(h[q]) if q in h else "" for q in SPEEDS}}
        for name, h in fit["holds"][key].items()
        if name.startswith("distance")
    )


def _held_speed(h: Mapping[str, Any]) -> str:
    return f"{100 * h['inside']:.0f} % of {h['n']}; {h['width']:.2f}"


SPEEDS = ("itl_or_tpot_ms", "ttft_ms", "output_tokens_per_s_total")


def _speed_table(rows: Iterable[tuple[str, Mapping[str, Any]]]) -> str:
    return tables.of(
        {
            "": name,
            **{f"`{q}`, median / 90 %": _speed_cell(errors.get(q)) for q in SPEEDS},
            "n": str(max((e["n"] for e in errors.values()), default=0)),
        }
        for name, errors in rows
    )


def _speed_cell(errors: Mapping[str, Any] | None) -> str:
    return f"{errors['median']:.1f} / {errors['p90']:.1f} %" if errors else ""


PLANNER = "AIConfigurator 0.12"
"""The release that answered compare_planners.json."""


def _planners() -> str:
    """What other ways of predicting reach, from siting_validation/compare_planners.json."""
    path = HERE / "compare_planners.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    other = found["aiconfigurator"]
    text = (
        "The roofline takes the same bytes and arithmetic at full bandwidth and peak. "
        f"{PLANNER} interpolates kernels that NVIDIA measured on these cards; it was "
        f"asked for {other['asked']} closed-loop rows and answered "
        f"{other['itl_or_tpot_ms']['n']}. The kit was fitted on these rows and AIConfigurator was "
        "not, and its settings were read off the tables, which do not print all of them."
    )
    answered = {q: other[q] for q in SPEEDS if q in other}
    same = {q: other[key] for q in SPEEDS if (key := f"kit on the same rows, {q}") in other}
    rows = [
        ("the kit, all rows", found["kit"]),
        ("bare roofline, all rows", found["roofline"]),
        (f"{PLANNER}, the rows that it answers", answered),
        ("the kit, those rows", same),
    ]
    return f"{text}\n\n{_speed_table(rows)}\n\n{_said('speed, other planners')}"


SIMULATORS = {
    "blis-trained-physics": "BLIS, trained physics",
    "blis-evolved": "BLIS, evolved",
    "blis-roofline": "BLIS, roofline",
    "aiconfigurator-estimate": "AIConfigurator",
    "llm-optimizer-estimate": "llm-optimizer",
    "vidur": "Vidur",
}
"""As the reader knows them, in the order of the table."""


def simulators() -> str:
    """What others' simulators reach, from siting_validation/compare_simulators.json."""
    path = HERE / "compare_simulators.json"
    found = json.loads(path.read_text(encoding="utf-8"))
    rows = [
        {
            "`itl_or_tpot_ms`, median / 90 %": name,
            "the simulator": _speed_cell(found[key]["simulator"]),
            "the kit": _speed_cell(found[key]["kit"]),
            "the kit without this source": _speed_cell(found[key]["kit without this source"]),
            "n": str(found[key]["simulator"]["n"]),
        }
        for key, name in SIMULATORS.items()
    ]
    return f"{OPEN_LOOPS}\n\n{tables.of(rows)}\n\n{_said('speed, simulators')}"


OPEN_LOOPS = """\
The makers of BLIS measured vLLM 0.15.1 under request rates and published what three forms of it and
three other simulators expect of each run (`tests/data/simulators.csv` names file and row). BLIS was
trained on other runs of the same campaign; these it had not seen. The kit's fit saw them; without
this source it saw three other runs of theirs alone. A
simulator is scored on the runs that it answers, and the kit on the same ones."""


def vendors() -> str:
    """Probabilities on vendors against the past, and the record that they rest on."""
    return stability.markdown(stability.results()) + "\n" + raters.markdown(load())


def costs() -> str:
    """Published cost claims, recomputed."""
    return "## Published cost claims, recomputed\n\n" + claims.markdown_table()


def write(path: Path) -> None:
    """Write the page to `path`."""
    path.write_text(page(), encoding="utf-8")
