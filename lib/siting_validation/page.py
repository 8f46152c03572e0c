"""docs/validation.md: how far the kit is off, made from the measurements in tests/data.

    python -m siting_validation docs/validation.md

Each chapter of the page is a function that returns Markdown; the page is their sequence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from siting_validation import aims, claims, comparison, stability, tables

HERE = Path(__file__).parent
ERRORS = "median / 90 %; in range; high / low"

INTRODUCTION = f"""\
# How far off is the kit?

Each table is computed from public measurements that the repository holds (`tests/data`), by the
functions that write a report; nothing measured is read to predict it. `siting validate KIND`
prints the same of any file with the columns of those in that folder, by source where rows have
one, and `--rows OUT.csv` writes each case. Remarks are rows of `tests/data/remarks.csv`; behind
each stand its day and what it rests on.

Cells read *{ERRORS}*: median and
90th percentile of the absolute error, the share of measurements between the low and high that a
report would print (meant to hold 80 %), and the width of that range in the middle. *In sight* are
rows that were known when rules and constants were made, which is kind; *left out* are those that
are predicted by constants and ranges that never saw their model on their card, or their source. A
case that its inputs do not determine is not predicted."""


def page() -> str:
    """The whole page."""
    memory = (serving(), fine_tuning())
    chapters = (INTRODUCTION, aimed(), *memory, speed(), vendors(), others(), costs())
    return "\n\n".join(chapters) + "\n"


def aimed() -> str:
    """What is to hold on rows that nobody calibrated on, what is missed, and why."""
    return "\n\n".join(
        [
            "## What is aimed at, and what is missed",
            "Errors and width at most, shares at least; a star marks what is missed.",
            tables.of(aims.rows(_kept("fit_throughput.json"), _kept("left_out.json"))),
            _listed("speed, aims"),
        ]
    )


# --- memory -----------------------------------------------------------------------------------


def serving() -> str:
    """Memory of serving: errors by quantity and by width of the weights, and their reasons."""
    return "\n\n".join(
        [
            "## GPU memory of serving",
            *_memory("vram", "start-up logs of vLLM, SGLang and llama.cpp"),
            "Constants that come from logs are found again without the rows left out "
            "(`python -m siting_validation.left_out`); what an engine's code says stays.",
            _classes("vram", ("weights_gib_per_gpu", "kv_cache_gib_per_gpu")),
            "### What is still poor, and why",
            _listed("serving"),
        ]
    )


def fine_tuning() -> str:
    """Memory of fine-tuning: errors, also by framework, and their reasons."""
    return "\n\n".join(
        [
            "## GPU memory of fine-tuning",
            *_memory("finetune", "records of peak memory, by the framework's own count"),
            "What a layer keeps is scaled anew without the rows left out. Rows of "
            "`lib/siting_facts/training_frameworks.csv` stay, which is a little kind where one "
            "source alone has measured a framework.",
            _classes("finetune", ("peak_gib_per_gpu",)),
            "### What is still poor, and why",
            _listed("fine-tuning"),
            "### Cases of memory that are far off, and why",
            _reasons(),
        ]
    )


def _memory(kind: str, what: str) -> list[str]:
    """Errors by quantity, in sight and left out, and how often a fit is judged right."""
    rows = comparison.read(comparison.shipped(kind))
    errors = comparison.summarise(comparison.compare(kind, rows))
    left_out = _kept("left_out.json")[kind]
    fits = errors.pop("fits")
    cells = [
        {
            "quantity": f"`{quantity}`",
            "n": str(e["n"]),
            "in sight": _errors(e),
            **_left_out(left_out, quantity),
        }
        for quantity, e in errors.items()
    ]
    judged = (
        f"Whether a run starts: {100 * fits['right']:.0f} % of {fits['n']} right; "
        f"{fits['said_fits_but_ran_out']} called safe ran out of memory, "
        f"{fits['said_no_but_ran']} called impossible ran."
    )
    return [f"{len(rows)} public {what}.", tables.of(cells), judged]


def _left_out(found: Mapping[str, Any], quantity: str) -> dict[str, str]:
    """Errors of a quantity with each group left out. found: errors by group and quantity."""
    return tables.left_out(lambda group: _errors(found[group][quantity]))


def _errors(e: Mapping[str, Any]) -> str:
    errors = f"{e['median_error_pct']:.2f} / {e['p90_error_pct']:.1f} %"
    return f"{errors}; {100 * e['coverage']:.0f} %; {e['median_high_over_low']:.2f}"


def _kept(name: str) -> dict[str, Any]:
    """Errors as a fit wrote them."""
    found: dict[str, Any] = json.loads((HERE / name).read_text(encoding="utf-8"))
    return found


def _classes(kind: str, quantities: Sequence[str]) -> str:
    """Errors by class of case (width of the weights, framework), left out."""
    found = _kept("left_out.json")[kind]
    by_source = found["source, by class"]
    rows = [
        {
            "class": name,
            "quantity": f"`{quantity}`",
            "n": str(of[quantity]["n"]),
            **_left_out({g: found[f"{g}, by class"][name] for g in tables.GROUPS}, quantity),
        }
        for name, of in by_source.items()
        for quantity in quantities
        if "median_error_pct" in of.get(quantity, {})
    ]
    return tables.of(rows, text=("quantity",))


def _reasons() -> str:
    """Cases of memory whose errors are large or odd, by what is known of the cause."""
    rows = tables.read(comparison.DATA / "worst_cases.csv")
    by_reason = rows.groupby("reason", sort=False).case_id.agg(", ".join)
    return "\n".join(f"- {cases}: {reason}." for reason, cases in by_reason.items())


def _listed(section: str) -> str:
    """Remarks on a section, rows of `tests/data/remarks.csv`, each with its day, on which its
    figures were read, and what it rests on: groups, files or addresses by semicolons."""
    rows = tables.read(comparison.DATA / "remarks.csv")
    return "\n".join(map(_remark, rows[rows.section == section].itertuples()))


def _remark(row: Any) -> str:
    names = row.rests_on.split("; ")
    named = ", ".join(name if name.startswith("https:") else f"`{name}`" for name in names)
    return f"- {row.remark} [{row.date}: {named}]"


# --- speed ------------------------------------------------------------------------------------

SOURCES = """\
Static batches (`trtdli`, `lmdeploy`, `qwen25`, `argonne*`), saturation (`trtllm*`), closed loops
(`nimdli`, `silicon`, `nimdocs`), request rates (`trtonline`, `blis*`, `iog`) and sources of 2026
that the form of the model was not made on (`spark`, `trtllm12`, `lotto3090`, `gpustack`, `infx26`,
`dstack405`, `a100burst`, `nebius26`, `gaudi3`, `recipes`, `sgl*`). Constants are fitted on all of
them (`python -m siting_validation.fit_throughput`), so the figures that count are those with the
rows left out; priors were set with the measurements in sight, so even these are a little kind.
Figures of each source are in `lib/siting_validation/fit_throughput.json`. Of open loops only the
time between tokens counts, as nobody states what share of the prompts was cached."""


def speed() -> str:
    """Speed: errors and ranges of what was left out, and their reasons."""
    return "\n\n".join(
        [
            "## Speed",
            SOURCES,
            tables.of(aims.reached(_kept("fit_throughput.json"))),
            "### What is still poor, and why",
            _listed("speed"),
        ]
    )


# --- vendors, others, costs -------------------------------------------------------------------


def vendors() -> str:
    """Probabilities on vendors, held against what came."""
    rows = stability.cells(stability.results())
    said = (
        "Each probability, foretold on past days from what was public on them. The first three "
        "come from the vendor's own notices; for shocks, a rate of the vendor's own is tried "
        "against the base rate of all, which is what reports print. *Skill* is against that base "
        "rate; the *largest gap* is between foretold and observed frequency in a fifth of the "
        "cases, where exact forecasts would show some 0.1. More: `siting validate stability`."
    )
    return "\n\n".join(["## Vendors", said, tables.of(rows, text=("printed",)), _listed("vendors")])


def others() -> str:
    """What other tools reached on the same rows, on the day on which they were asked."""
    return "## Other tools on the same rows\n\n" + _listed("other tools")


def costs() -> str:
    """Published cost claims, recomputed."""
    return "## Published cost claims, recomputed\n\n" + claims.markdown()


def write(path: Path) -> None:
    """Write the page to `path`."""
    path.write_text(page(), encoding="utf-8")
