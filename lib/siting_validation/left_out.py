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
import statistics
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from siting import catalogue
from siting.dtypes import weight_format
from siting.memory import distance, engines, pool, training
from siting.memory.deployment import max_sequences, prompt_chunk
from siting.quantity import GIB

from siting_validation import comparison, finetune, tables, vram
from siting_validation.cases import ERRORS, Prediction, Row, number

OUT = Path(__file__).with_suffix(".json")
FACTS = catalogue.facts_dir()
SHARE = 0.94
"""Of the measurements, on each side of the centre, that a stretched range shall hold: more than the
nine tenths that it promises, for few sources tell of many."""
BEYOND = 1.25
"""How much wider a range is than that of the next nearer class, where too few rows tell."""
FEW = 8
SOURCES = 3
QUANTITIES = {"weights_gib_per_gpu": "weights", "kv_cache_gib_per_gpu": "pool"}


@dataclass(frozen=True, kw_only=True)
class LoggedRow:
    """A row with what it is told apart by."""

    row: Row
    source: str
    card: str
    """Model and card."""
    aspects: dict[str, str]


def cases(kind: str) -> list[LoggedRow]:
    """The rows of a kind that can be read."""
    found = []
    for row in comparison.read(comparison.shipped(kind)):
        source = _source(row.get("source_url") or row.get("source") or row["case_id"])
        try:
            if kind == "vram":
                d = vram.run_of(row).deployment
                aspects = distance.aspects(d)
                pair = f"{d.model.model_id} on {d.gpu.id}"
            else:
                job = finetune.job_of(row)
                aspects = training.aspects(job)
                pair = f"{job.model.model_id} on {row.get('gpu')}"
        except ERRORS:
            continue
        found.append(LoggedRow(row=row, source=source, card=pair, aspects=aspects))
    return found


def _source(address: str) -> str:
    """The repository or site that a row comes from."""
    parts = address.split("/")
    return "/".join(parts[2:5] if "github" in address else parts[2:3]) or address


# --- constants from logs ----------------------------------------------------------------------

Key = tuple[str, ...]
"""engine, name, first, before, where: a row of siting_facts/memory_constants.csv."""


def derived(case: LoggedRow) -> Iterator[tuple[Key, float]]:
    """Values that a log gives for constants, each the only unknown of what is printed."""
    row = case.row
    d = vram.run_of(case.row).deployment
    outside = number(row, "non_torch_gib")
    activation = number(row, "activation_peak_gib")
    if d.family == "vllm" and outside is not None and row["case_id"] != "0":
        yield _key(d.behaviour("non_torch_gib")), outside
    if d.family == "vllm" and activation is not None:
        longest = vram.run_of(row).longest
        part = pool.activations(d, longest).gib.central * GIB
        constant = pool.sampler_row(d)
        each = max_sequences(d) * d.model.vocab_size
        sampler = constant.central * each
        dominates = part - sampler < sampler / 2 and prompt_chunk(d, longest) < 20_000
        if dominates and constant.kind == "measured":  # what source code says needs no log
            yield _key(constant), (activation * GIB - (part - sampler)) / each
    weights = number(row, "weights_gib_per_gpu")
    if d.family == "sglang" and weights is not None:
        extra = engines.constant("sglang", "load_extra_gib")
        yield _key(extra), weights - pool.loaded(d).central + extra.central


def _key(row: Any) -> Key:
    return row.engine, row.name, row.first, row.before, row.where


def constants(known: Sequence[LoggedRow]) -> dict[Key, float]:
    """Each constant as the median of its logs, a source weighing as the root of its number."""
    by: dict[Key, list[tuple[float, str]]] = defaultdict(list)
    for case in known:
        for key, value in derived(case):
            by[key].append((value, case.source))
    return {
        key: _quantile([value for value, _ in found], [source for _, source in found], 0.5)
        for key, found in by.items()
    }


SCALES = (0.8, 0.9, 1.0, 1.1, 1.25)


def training_scale(known: Sequence[LoggedRow]) -> dict[Key, float]:
    """Values that a layer keeps, scaled so that the median error of other records is least."""
    ids = {c.row["case_id"] for c in known}
    least = {
        scale: statistics.median(e for case, e in errors.items() if case in ids)
        + abs(scale - 1) * 0.02
        for scale, errors in _errors_by_scale().items()
    }
    best = min(least, key=lambda scale: least[scale])
    return {key: value * best for key, value in _layer_values().items()}


def _layer_values() -> dict[Key, float]:
    rows = [engines.constant("training", n) for n in ("hidden_values", "gated_values")]
    return {_key(r): r.central for r in rows}


@cache
def _errors_by_scale() -> dict[float, dict[str, float]]:
    known = cases("finetune")
    found = {}
    for scale in SCALES:
        with facts({k: v * scale for k, v in _layer_values().items()}):
            made = _predict("finetune", known)
        found[scale] = {c.case_id: abs(c.error) for c in made if c.error and c.quantity != "fits"}
    return found


@contextmanager
def facts(changed: dict[Key, float], spread: Iterable[dict[str, Any]] = ()) -> Iterator[None]:
    """The fact tables with other constants, and with another stretch of ranges."""
    with tempfile.TemporaryDirectory() as folder:
        for path in FACTS.iterdir():
            os.symlink(path, Path(folder) / path.name)
        constants = tables.read(FACTS / "memory_constants.csv").to_dict("records")
        table = [_changed(row, changed) for row in constants]
        tables.write(Path(folder) / "memory_constants.csv", table)
        if spread:
            tables.write(Path(folder) / "memory_spread.csv", list(spread))
        before = os.environ.get("SITING_FACTS")
        os.environ["SITING_FACTS"] = folder
        try:
            yield
        finally:
            os.environ.pop("SITING_FACTS")
            if before:
                os.environ["SITING_FACTS"] = before


def _changed(row: dict[Any, str], changed: dict[Key, float]) -> dict[str, str]:
    value = changed.get(tuple(row[c] for c in ("engine", "name", "first", "before", "where")))
    if value is None:
        return row
    low = min(float(row["low"]), value)
    high = max(float(row["high"]), value)
    return {**row, "low": f"{low:g}", "central": f"{value:g}", "high": f"{high:g}"}


# --- ranges -----------------------------------------------------------------------------------

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
    for q in ("weights", "pool", "peak")
]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Residual:
    """How much of its unstretched range a measurement lies off, on either side."""

    quantity: str
    source: str
    card: str
    distance: int
    low: float
    high: float
    down: float
    """Share of the centre by which the unstretched range reaches below it."""
    up: float

    def width(self, row: dict[str, Any]) -> float:
        """High over low of the range that a row of memory_spread.csv gives."""
        narrowest = float(row["narrowest"])
        least = (narrowest - 1) / (narrowest + 1)
        up = max(self.up * float(row["high"]), least)
        return (1 + up) / max(1 - max(self.down * float(row["low"]), least), 1e-3)


def _predict(kind: str, known: Sequence[LoggedRow]) -> list[Prediction]:
    return comparison.compare(kind, [c.row for c in known])


def residuals(
    kind: str, of: Sequence[LoggedRow], others: Sequence[LoggedRow]
) -> Iterator[Residual]:
    """Of the cases `of`, told how far they are from `others`."""
    seen = {(a, v) for c in others for a, v in c.aspects.items()}
    for case in of:
        far = sum((a, v) not in seen for a, v in case.aspects.items())
        for c in _predict(kind, [case]):
            quantity = QUANTITIES.get(c.quantity, "peak" if c.quantity.startswith("peak") else "")
            if quantity and c.central and c.measured is not None:
                slack = comparison.ROUNDING * abs(c.measured)
                down = c.central - c.measured - slack
                up = c.measured - c.central - slack
                low = max(0.0, down) / max(c.central - (c.low or 0.0), 1e-9)
                high = max(0.0, up) / max((c.high or 0.0) - c.central, 1e-9)
                yield Residual(
                    quantity=quantity,
                    source=case.source,
                    card=case.card,
                    distance=far,
                    low=low,
                    high=high,
                    down=1 - (c.low or 0.0) / c.central,
                    up=(c.high or 0.0) / c.central - 1,
                )


def stretch(found: Sequence[Residual]) -> list[dict[str, Any]]:
    """Factors by quantity and distance, each source weighing the same."""
    table = []
    for quantity in dict.fromkeys(r.quantity for r in found):
        low = high = 0.0
        for far in (0, 1, 2):
            alike = [r for r in found if r.quantity == quantity]
            rows = [r for r in alike if min(r.distance, 2) == far]
            if len({r.source for r in rows}) < SOURCES:  # two sources tell little of a third
                rows = [r for r in alike if min(r.distance, 2) in (far, far + 1)]
            if len(rows) < FEW:
                low = low * BEYOND or 1.0
                high = high * BEYOND or 1.0
            else:
                sources = [r.source for r in rows]
                low = max(_quantile([r.low for r in rows], sources, SHARE), low)
                high = max(_quantile([r.high for r in rows], sources, SHARE), high)
            table.append(
                {
                    "quantity": quantity, "distance": far, "low": f"{max(low, 0.2):.3g}",
                    "high": f"{max(high, 0.2):.3g}", "narrowest": 1, "measurements": len(rows),
                    "sources": len({r.source for r in rows}), **PLAIN,
                }
            )  # fmt: skip
    missing = {"weights", "pool", "peak"} - {r["quantity"] for r in table}
    return table + [r for r in UNSTRETCHED if r["quantity"] in missing]


def never_narrower(table: list[dict[str, Any]], found: Sequence[Residual]) -> list[dict[str, Any]]:
    """The same factors, with the middle width of nearer cases as the least of farther ones.

    Widths hang on what is predicted, not on what was measured: they are those of all rows, also
    where some are left out.
    """
    result = []
    for quantity in dict.fromkeys(r["quantity"] for r in table):
        narrowest = 1.0
        for row in (r for r in table if r["quantity"] == quantity):
            result.append(row | {"narrowest": f"{narrowest:g}"})
            alike = (
                r for r in found if (r.quantity, min(r.distance, 2)) == (quantity, row["distance"])
            )
            widths = [r.width(result[-1]) for r in alike]
            if widths:
                narrowest = max(narrowest, math.ceil(statistics.median(widths) * 100) / 100)
    return result


def _quantile(values: Sequence[float], sources: Sequence[str], share: float) -> float:
    """A quantile in which a source counts by the root of its rows: many logs of one campaign are
    not many logs."""
    count = Counter(sources)
    weights = [count[s] ** -0.5 for s in sources]
    return float(np.quantile(values, share, weights=weights, method="inverted_cdf"))


# --- leaving out ------------------------------------------------------------------------------


def left_out(kind: str, by: Callable[[LoggedRow], str]) -> list[tuple[Prediction, int]]:
    """Each group predicted from all others: comparison, and how far it is from them."""
    known = cases(kind)
    found = []
    fit = constants if kind == "vram" else training_scale
    base = _all_residuals(kind, known)
    every = [r for _, rs in base for r in rs]
    for group in dict.fromkeys(map(by, known)):
        inside = [c for c in known if by(c) == group]
        others = [c for c in known if by(c) != group]
        kept = {id(c) for c in others}
        spread = stretch([r for c, rs in base for r in rs if id(c) in kept])
        spread = never_narrower(spread, every)
        seen = {(a, v) for c in others for a, v in c.aspects.items()}
        with facts(fit(others), spread):
            for case in inside:
                far = min(2, sum((a, v) not in seen for a, v in case.aspects.items()))
                with _at_distance(far):
                    found += [(c, far) for c in _predict(kind, [case])]
    return found


def _all_residuals(kind: str, known: Sequence[LoggedRow]) -> list[tuple[LoggedRow, list[Residual]]]:
    """Residuals of each case with its source left out, from unstretched ranges.

    A case that no other source is near to is also predicted with its model and card left out
    alone: that tells of ranges where nothing is unmeasured.
    """
    found = _residuals_without(kind, known, lambda c: c.source)
    near = {id(c) for c, rs in found if any(r.distance == 0 for r in rs)}
    if len(near) >= FEW:
        return found
    closer = _residuals_without(kind, known, lambda c: c.card)
    return found + [(c, [r for r in rs if r.distance == 0]) for c, rs in closer]


def _residuals_without(
    kind: str, known: Sequence[LoggedRow], by: Callable[[LoggedRow], str]
) -> list[tuple[LoggedRow, list[Residual]]]:
    found = []
    fit = constants if kind == "vram" else training_scale
    for group in dict.fromkeys(map(by, known)):
        others = [c for c in known if by(c) != group]
        with facts(fit(others), UNSTRETCHED):
            for case in (c for c in known if by(c) == group):
                found.append((case, list(residuals(kind, [case], others))))
    return found


@contextmanager
def _at_distance(far: int) -> Iterator[None]:
    """Within, every case counts as `far` from what was measured."""
    before = distance.unmeasured
    for module in (distance, pool, training):
        module.unmeasured = lambda *_: ("",) * far  # type: ignore[attr-defined]
    try:
        yield
    finally:
        for module in (distance, pool, training):
            module.unmeasured = before  # type: ignore[attr-defined]


def summary(kind: str) -> dict[str, Any]:
    """Errors and coverage with each group left out, and coverage by distance."""
    result: dict[str, Any] = {}
    groups: dict[str, Callable[[LoggedRow], str]] = {
        "model and card": lambda c: c.card,
        "source": lambda c: c.source,
    }
    classes = {c.row["case_id"]: _class(kind, c) for c in cases(kind)}
    for name, by in groups.items():
        made = left_out(kind, by)
        result[name] = comparison.summarise([c for c, _ in made])
        result[f"{name}, by class"] = {
            of: comparison.summarise([c for c, _ in made if classes[c.case_id] == of])
            for of in sorted(set(classes.values()))
        }
        result[f"{name}, by distance"] = {
            str(far): comparison.summarise([c for c, f in made if f == far]) for far in (0, 1, 2)
        }
    return result


def _class(kind: str, case: LoggedRow) -> str:
    """What errors are told apart by: width of the weights, or the framework."""
    if kind == "finetune":
        return case.aspects["framework"]
    d = vram.run_of(case.row).deployment
    return "4 bit" if weight_format(d.weights, d.model).bits < 6 else "16 and 8 bit"


def write_tables() -> None:
    """The stretch from all rows, each with its source left out; and what was seen."""
    spread = []
    seen = []
    for kind, topic in (("vram", "serving"), ("finetune", "training")):
        known = cases(kind)
        every = [r for _, rs in _all_residuals(kind, known) for r in rs]
        made = never_narrower(stretch(every), every)
        spread += [r for r in made if (r["quantity"] == "peak") == (kind == "finetune")]
        count = Counter((a, v) for c in known for a, v in c.aspects.items())
        seen += [
            {"topic": topic, "aspect": a, "value": v, "measurements": n, **PLAIN}
            for (a, v), n in sorted(count.items())
            if not v.startswith("class-")
        ]
    tables.write(FACTS / "memory_spread.csv", spread)
    tables.write(FACTS / "memory_seen.csv", seen)


def main() -> None:
    if "--write" in sys.argv:
        write_tables()
    result = json.dumps({kind: summary(kind) for kind in ("vram", "finetune")}, indent=1)
    print(result)
    if "--write" in sys.argv:
        OUT.write_text(result + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
