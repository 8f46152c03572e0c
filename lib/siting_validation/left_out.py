"""What memory is worth where nobody calibrated: each source, each model and card, left out.

    python -m siting_validation.left_out [--write]

For each group that is left out, the constants that come from logs and the stretch of ranges are
found again from all other rows; then the group's rows are predicted. `--write` keeps the errors in
left_out.json (docs/validation.md prints them) and the stretch from all rows in
siting_facts/memory_spread.csv and siting_facts/memory_seen.csv, which the kit reads.
"""

from __future__ import annotations

import json
import math
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
from siting import catalogue
from siting.dtypes import weight_format
from siting.memory import distance, engines, pool, training
from siting.memory.deployment import max_sequences, prompt_chunk
from siting.quantity import GIB

from siting_validation import comparison, finetune, tables, vram
from siting_validation.cases import ERRORS, Row, number

OUT = Path(__file__).with_suffix(".json")
FACTS = catalogue.facts_dir()
SHARE = 0.94
"""Of the measurements, on each side of the centre, that a stretched range shall hold: more than the
nine tenths that it promises, for few sources tell of many."""
BEYOND = 1.25
"""How much wider a range is than that of the next nearer class, where too few rows tell."""
FEW = 8
SOURCES = 3
QUANTITIES = {
    "weights_gib_per_gpu": "weights",
    "kv_cache_gib_per_gpu": "pool",
    "peak_gib_per_gpu": "peak",
}
"""Those whose ranges are stretched, by their names in memory_spread.csv."""


def cases(kind: str) -> pd.DataFrame:
    """The rows of a kind that can be read: columns row, case, source, card (model and card), class
    (framework, or width of the weights) and aspects, by which they are told apart."""
    found = []
    for row in comparison.read(comparison.shipped(kind)):
        source = _source(row.get("source_url") or row.get("source") or row["case_id"])
        try:
            told = _serving(row) if kind == "vram" else _training(row)
        except ERRORS:
            continue
        found.append({"row": row, "case": row["case_id"], "source": source, **told})
    return pd.DataFrame(found)


def _serving(row: Row) -> dict[str, Any]:
    d = vram.run_of(row).deployment
    return {
        "card": f"{d.model.model_id} on {d.gpu.id}",
        "class": "4 bit" if weight_format(d.weights, d.model).bits < 6 else "16 and 8 bit",
        "aspects": distance.aspects(d),
    }


def _training(row: Row) -> dict[str, Any]:
    job = finetune.job_of(row)
    card = f"{job.model.model_id} on {row.get('gpu')}"
    return {"card": card, "class": job.framework, "aspects": training.aspects(job)}


def _source(address: str) -> str:
    """The repository or site that a row comes from."""
    parts = address.split("/")
    return "/".join(parts[2:5] if "github" in address else parts[2:3]) or address


# --- constants from logs ----------------------------------------------------------------------

Key = tuple[str, ...]
"""engine, name, first, before, where: a row of siting_facts/memory_constants.csv."""


def derived(row: Row) -> Iterator[tuple[Key, float]]:
    """Values that a log gives for constants, each the only unknown of what is printed."""
    run = vram.run_of(row)
    d = run.deployment
    outside = number(row, "non_torch_gib")
    activation = number(row, "activation_peak_gib")
    if d.family == "vllm" and outside is not None and row["case_id"] != "0":
        yield _key(d.behaviour("non_torch_gib")), outside
    if d.family == "vllm" and activation is not None:
        part = pool.activations(d, run.longest).gib.central * GIB
        constant = pool.sampler_row(d)
        each = max_sequences(d) * d.model.vocab_size
        sampler = constant.central * each
        dominates = part - sampler < sampler / 2 and prompt_chunk(d, run.longest) < 20_000
        if dominates and constant.kind == "measured":  # what source code says needs no log
            yield _key(constant), (activation * GIB - (part - sampler)) / each
    weights = number(row, "weights_gib_per_gpu")
    if d.family == "sglang" and weights is not None:
        extra = engines.constant("sglang", "load_extra_gib")
        yield _key(extra), weights - pool.loaded(d).central + extra.central


def _key(row: Any) -> Key:
    return row.engine, row.name, row.first, row.before, row.where


def constants(known: pd.DataFrame) -> dict[Key, float]:
    """Each constant as the median of its logs, a source weighing as the root of its number."""
    logs = zip(known.row, known.source, strict=True)
    values = [(key, value, source) for row, source in logs for key, value in derived(row)]
    found = pd.DataFrame(values, columns=["key", "value", "source"]).groupby("key")
    return {of.key.iloc[0]: _quantile(of, "value", 0.5) for _, of in found}


SCALES = (0.8, 0.9, 1.0, 1.1, 1.25)


def training_scale(known: pd.DataFrame) -> dict[Key, float]:
    """Values that a layer keeps, scaled so that the median error of other records is least."""
    errors = _errors_by_scale()
    least = errors[errors.index.isin(known.case)].median()
    least += np.abs(errors.columns.to_numpy(float) - 1) * 0.02
    return {key: value * least.idxmin() for key, value in _layer_values().items()}


def _layer_values() -> dict[Key, float]:
    rows = [engines.constant("training", n) for n in ("hidden_values", "gated_values")]
    return {_key(r): r.central for r in rows}


@cache
def _errors_by_scale() -> pd.DataFrame:
    """Sizes of the errors of all peaks, by case and scale."""
    known = cases("finetune")
    found = {}
    for scale in SCALES:
        with facts({k: v * scale for k, v in _layer_values().items()}):
            made = comparison.compare("finetune", known.row)
        found[scale] = made[made.quantity != "fits"].set_index("case_id").error.abs()
    return pd.DataFrame(found)


@contextmanager
def facts(
    changed: Mapping[Key, float],
    spread: Sequence[dict[str, Any]] = (),
    seen: Sequence[dict[str, Any]] = (),
) -> Iterator[None]:
    """The fact tables with other constants, another stretch of ranges, and other things seen."""
    constants = tables.read(FACTS / "memory_constants.csv").to_dict("records")
    made = {
        "memory_constants": [_changed(row, changed) for row in constants],
        "memory_spread": spread,
        "memory_seen": seen,
    }
    with tempfile.TemporaryDirectory() as folder:
        for path in FACTS.iterdir():
            os.symlink(path, Path(folder) / path.name)
        for name, rows in made.items():
            if rows:
                tables.write(Path(folder) / f"{name}.csv", list(rows))
        with mock.patch.dict(os.environ, SITING_FACTS=folder):
            yield


def _changed(row: dict[Any, str], changed: Mapping[Key, float]) -> dict[str, str]:
    value = changed.get(tuple(row[c] for c in ("engine", "name", "first", "before", "where")))
    if value is None:
        return row
    low = min(float(row["low"]), value)
    high = max(float(row["high"]), value)
    return {**row, "low": f"{low:g}", "central": f"{value:g}", "high": f"{high:g}"}


def seen(kind: str, known: pd.DataFrame) -> list[dict[str, Any]]:
    """What some cases have seen: rows of memory_seen.csv."""
    topic = "serving" if kind == "vram" else "training"
    count = Counter(pair for aspects in known.aspects for pair in aspects.items())
    return [
        {"topic": topic, "aspect": a, "value": v, "measurements": n, **PLAIN}
        for (a, v), n in sorted(count.items())
    ]


# --- leaving out ------------------------------------------------------------------------------


def without(
    kind: str, by: str, spread: Callable[[pd.DataFrame], list[dict[str, Any]]]
) -> pd.DataFrame:
    """Each case predicted by constants that never saw its group, as `comparison.compare` has it,
    with its source, its class, and its distance: aspects that no other group has; 2: or more.

    by: what groups are of, `source` or `card`
    spread: the stretch of ranges, of the cases that are left
    """
    known = cases(kind)
    fit = constants if kind == "vram" else training_scale
    found = []
    for _, own in known.groupby(by, sort=False):
        others = known.drop(own.index)
        met = {pair for aspects in others.aspects for pair in aspects.items()}
        far = [min(2, len(aspects.items() - met)) for aspects in own.aspects]
        with facts(fit(others), spread(others), seen(kind, others)):
            made = comparison.compare(kind, own.row)
        told = own.assign(distance=far)[["case", "source", "class", "distance"]]
        found.append(told.merge(made, left_on="case", right_on="case_id"))
    return pd.concat(found, ignore_index=True)


PLAIN = {
    "source": "siting, measurements with their source left out", "url": "",
    "locator": "siting_validation/left_out.py", "date": "2026-11-25", "kind": "estimate",
    "grade": "B", "note": "",
}  # fmt: skip
UNSTRETCHED = [
    {
        "quantity": q, "distance": 0, "low": 1, "high": 1, "narrowest": 1, "measurements": 0,
        "sources": 0, **PLAIN,
    }
    for q in QUANTITIES.values()
]  # fmt: skip


def residuals(kind: str) -> pd.DataFrame:
    """How much of its unstretched range a measurement lies off, on either side, with its source
    left out: columns case, quantity, source, distance, low, high, and, as shares of the centre,
    by how much the unstretched range reaches below (down) and above it (up).

    Where few cases are near to other sources, all are also predicted with their model and card
    left out alone: that tells of ranges where nothing is unmeasured.
    """
    found = _residuals(kind, "source")
    if found[found.distance == 0].case.nunique() < FEW:
        closer = _residuals(kind, "card")
        found = pd.concat([found, closer[closer.distance == 0]])
    return found


def _residuals(kind: str, by: str) -> pd.DataFrame:
    r = without(kind, by, lambda _: UNSTRETCHED)
    r = r[r.quantity.isin(QUANTITIES) & (r.central > 0) & r.measured.notna()]
    below = r.central - r.low
    above = r.high - r.central
    slack = comparison.ROUNDING * r.measured.abs()
    off = {
        "low": (r.central - r.measured - slack).clip(lower=0) / below.clip(lower=1e-9),
        "high": (r.measured - r.central - slack).clip(lower=0) / above.clip(lower=1e-9),
        "down": below / r.central,
        "up": above / r.central,
    }
    return r[["case", "source", "distance"]].assign(quantity=r.quantity.map(QUANTITIES), **off)


def stretch(found: pd.DataFrame) -> list[dict[str, Any]]:
    """Factors by quantity and distance, each source weighing the same."""
    table = []
    for quantity, alike in found.groupby("quantity", sort=False):
        low = high = 0.0
        for far in (0, 1, 2):
            rows = alike[alike.distance == far]
            if rows.source.nunique() < SOURCES:  # two sources tell little of a third
                rows = alike[alike.distance.isin((far, far + 1))]
            if len(rows) < FEW:
                low = low * BEYOND or 1.0
                high = high * BEYOND or 1.0
            else:
                low = max(_quantile(rows, "low", SHARE), low)
                high = max(_quantile(rows, "high", SHARE), high)
            table.append(
                {
                    "quantity": quantity, "distance": far, "low": f"{max(low, 0.2):.3g}",
                    "high": f"{max(high, 0.2):.3g}", "narrowest": 1, "measurements": len(rows),
                    "sources": rows.source.nunique(), **PLAIN,
                }
            )  # fmt: skip
    missing = set(QUANTITIES.values()) - set(found.quantity)
    return table + [r for r in UNSTRETCHED if r["quantity"] in missing]


def never_narrower(table: list[dict[str, Any]], found: pd.DataFrame) -> list[dict[str, Any]]:
    """The same factors, with the middle width of nearer cases as the least of farther ones.

    Widths hang on what is predicted, not on what was measured: they are those of all rows, also
    where some are left out.
    """
    result = []
    narrowest = dict.fromkeys(QUANTITIES.values(), 1.0)
    for row in table:
        quantity = row["quantity"]
        least = narrowest[quantity]
        result.append(row | {"narrowest": f"{least:g}"})
        alike = found[(found.quantity == quantity) & (found.distance == row["distance"])]
        if len(alike):
            least_share = (least - 1) / (least + 1)
            up = (alike.up * float(row["high"])).clip(lower=least_share)
            down = (alike.down * float(row["low"])).clip(lower=least_share)
            width = ((1 + up) / (1 - down).clip(lower=1e-3)).median()
            narrowest[quantity] = max(least, math.ceil(width * 100) / 100)
    return result


def _quantile(rows: pd.DataFrame, column: str, share: float) -> float:
    """A quantile in which a source counts by the root of its rows: many logs of one campaign are
    not many logs."""
    weights = rows.groupby("source").source.transform("size") ** -0.5
    found = np.quantile(rows[column], share, weights=weights, method="inverted_cdf")
    return float(found)


# --- what comes out ---------------------------------------------------------------------------


def summary(kind: str) -> dict[str, Any]:
    """Errors and coverage with each group left out, and coverage by distance."""
    result: dict[str, Any] = {}
    base = residuals(kind)

    def spread(others: pd.DataFrame) -> list[dict[str, Any]]:
        return never_narrower(stretch(base[base.case.isin(others.case)]), base)

    for name, by in {"model and card": "card", "source": "source"}.items():
        found = without(kind, by, spread)
        result[name] = comparison.summarise(found)
        for part in ("class", "distance"):
            result[f"{name}, by {part}"] = {
                str(of): comparison.summarise(rows) for of, rows in found.groupby(part)
            }
    return result


def write_tables() -> None:
    """The stretch from all rows, each with its source left out; and what was seen."""
    spread = []
    met = []
    for kind in ("vram", "finetune"):
        base = residuals(kind)
        made = never_narrower(stretch(base), base)
        spread += [r for r in made if (r["quantity"] == "peak") == (kind == "finetune")]
        met += [r for r in seen(kind, cases(kind)) if not r["value"].startswith("class-")]
    tables.write(FACTS / "memory_spread.csv", spread)
    tables.write(FACTS / "memory_seen.csv", met)


def main() -> None:
    if "--write" in sys.argv:
        write_tables()
    result = json.dumps({kind: summary(kind) for kind in ("vram", "finetune")}, indent=1)
    print(result)
    if "--write" in sys.argv:
        OUT.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
