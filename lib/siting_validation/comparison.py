"""Predict published measurements row by row, and say how far off the kit is.

A file of measurements has one case a line; its column `score` names the quantities that the
other columns determine. For each, `compare` gives what the kit would have printed in a report:
low, central, high, or the reason why it does not print anything. `summarise` turns that into
errors. Each kind of measurement is read by a function of its own (`KINDS`).
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from siting_validation import finetune, throughput, vram
from siting_validation.cases import Prediction, Row, scored

COLUMNS = ("case_id", "quantity", "measured", "low", "central", "high", "note")


Predictor = Callable[[Row], Iterator[Prediction]]
KINDS: dict[str, Predictor] = {
    "vram": vram.vram_row,
    "finetune": finetune.finetune_row,
    "throughput": throughput.throughput_row,
}
"""What predicts a case, by kind of measurement."""


def kinds() -> tuple[str, ...]:
    """Kinds of measurements that can be predicted row by row."""
    return tuple(KINDS)


def shipped(kind: str) -> Path:
    """The measurements of a kind that come with the repository. Raises ValueError if absent."""
    folder = Path(__file__).parents[2] / "tests" / "data"
    for name in (f"{kind}.csv", f"{kind}.csv.gz"):
        if (folder / name).is_file():
            return folder / name
    raise ValueError(f"{folder} holds no {kind}.csv: name a file of measurements")


def read(path: Path, kind: str = "") -> list[Row]:
    """The cases of a CSV file, gzipped or not.

    kind: of the measurements, where cells that no run can have shall be refused. Raises ValueError
    without a `case_id` column, and with the line and the column of each such cell.
    """
    try:
        rows = _rows(path)
    except (OSError, EOFError, csv.Error, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: cannot be read ({error}); write a CSV in UTF-8") from None
    faults = [f"{path}:{line}: {fault}" for line, row in rows for fault in _faults(kind, row)]
    if kind and not faults and not any(scored(row) for _, row in rows):
        faults = [f"{path}: column score names no quantity; see docs/validation.md"]
    if faults:
        more = [f"… and {len(faults) - MOST_FAULTS} more"] if len(faults) > MOST_FAULTS else []
        raise ValueError("\n".join([*faults[:MOST_FAULTS], *more]))
    return [row for _, row in rows]


MOST_FAULTS = 20
"""Wrong cells of a file that are told."""


def _faults(kind: str, row: Row) -> Iterator[str]:
    """What is wrong with the cells of a case."""
    checks = {"vram": vram.CELLS, "finetune": finetune.CELLS, "throughput": throughput.CELLS}
    quantities = {
        "vram": vram.QUANTITIES,
        "finetune": finetune.QUANTITIES,
        "throughput": throughput.SPEEDS,
    }
    if kind and "case_id" not in row:
        yield "case_id is blank; number the cases"
    for column, check in checks.get(kind, {}).items():
        try:
            check(row, column)
        except ValueError as error:
            yield f"{error}; write a number, or leave the cell blank"
    for quantity in scored(row) if kind else ():
        if quantity not in quantities[kind]:
            yield f"score {quantity!r} is none of {', '.join(quantities[kind])}"


def _rows(path: Path) -> list[tuple[int, Row]]:
    """The cases with the line that each ends in."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if "case_id" not in (reader.fieldnames or []):
            raise ValueError(f"{path}: column case_id is missing; see docs/validation.md")
        return [
            (
                reader.line_num,
                {k: v.strip() for k, v in row.items() if k and isinstance(v, str) and v.strip()},
            )
            for row in reader
        ]


def compare(kind: str, rows: Iterable[Row]) -> list[Prediction]:
    """Every scored quantity of every case. Raises KeyError for an unknown kind."""
    predict = KINDS[kind]
    return [c for row in rows for c in predict(row)]


def write_rows(comparisons: Sequence[Prediction], path: Path) -> None:
    """Each comparison as a line of CSV, empty where the kit makes no statement."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for c in comparisons:
            cells = [getattr(c, name) for name in COLUMNS]
            writer.writerow([_cell(v) for v in cells])


def _cell(value: str | float | None) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def summarise(comparisons: Sequence[Prediction]) -> dict[str, dict[str, Any]]:
    """Errors by quantity, and by group where the cases have one.

    n: scored; predicted: share with a number; median and p90: absolute error in %; bias: median
    of the signed error in %; coverage: share of measurements within low to high; width: median
    high over low; reasons: why cases were not predicted. `fits` is judged right or wrong.
    """
    keys = dict.fromkeys((c.group, c.quantity) for c in comparisons)
    return {
        " ".join(filter(None, key)): _summary(
            [c for c in comparisons if (c.group, c.quantity) == key]
        )
        for key in keys
    }


def _summary(cases: list[Prediction]) -> dict[str, Any]:
    made = [c for c in cases if c.central is not None and c.measured is not None]
    result: dict[str, Any] = {
        "n": len(cases),
        "predicted": len(made) / len(cases),
        "reasons": dict(Counter(c.note for c in cases if c.central is None).most_common()),
    }
    if cases and cases[0].quantity == "fits":
        return result | _judged(made)
    errors = np.array([c.error for c in made if c.error is not None])
    if errors.size:
        result |= {
            "median_error_pct": float(np.median(np.abs(errors)) * 100),
            "p90_error_pct": float(np.quantile(np.abs(errors), 0.9) * 100),
            "bias_pct": float(np.median(errors) * 100),
            "coverage": float(np.mean([_inside(c) for c in made])),
            "median_high_over_low": _width(made),
        }
    scales = [(c.central - c.measured, c.scale) for c in made if c.scale]  # type: ignore[operator]
    if scales:
        shares = np.array([abs(d) / s for d, s in scales]) * 100
        result |= {
            "median_error_pct_of_card": float(np.median(shares)),
            "p90_error_pct_of_card": float(np.quantile(shares, 0.9)),
        }
    return result


ROUNDING = 0.005
"""A measurement is printed rounded; a range that misses it by this share still holds it."""


def _inside(c: Prediction) -> bool:
    if c.low is None or c.high is None or c.measured is None:
        return False
    slack = ROUNDING * abs(c.measured)
    return c.low - slack <= c.measured <= c.high + slack


def _width(cases: list[Prediction]) -> float | None:
    ratios = [c.high / c.low for c in cases if c.low and c.high and c.low > 0]
    return float(np.median(ratios)) if ratios else None


def _judged(cases: list[Prediction]) -> dict[str, Any]:
    right = sum(c.central == c.measured for c in cases)
    unsafe = sum(c.central == 1 and c.measured == 0 for c in cases)
    return {
        "right": right / len(cases) if cases else None,
        "said_fits_but_ran_out": unsafe,
        "said_no_but_ran": len(cases) - right - unsafe,
        "coverage": float(np.mean([_inside(c) for c in cases])) if cases else None,
    }
