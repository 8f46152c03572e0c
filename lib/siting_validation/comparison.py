"""Predict published measurements row by row, and say how far off the kit is.

A file of measurements has one case a line; its column `score` names the quantities that the
other columns determine. For each, `compare` gives what the kit would have printed in a report:
low, central, high, or the reason why it does not print anything. `summarise` turns that into
errors. What a row states is read by the module of its kind (`KINDS`).
"""

from __future__ import annotations

import csv
import gzip
import math
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from siting.quantity import NotEstimated

from siting_validation import finetune, throughput, vram
from siting_validation.cases import ERRORS, Kind, Row, as_printed, scored

DATA = Path(__file__).parents[2] / "tests" / "data"
"""Measurements of the repository, and remarks on them."""
ENDS = ("low", "central", "high")
NUMBERS = ("measured", *ENDS, "scale")
COLUMNS = ("case_id", "quantity", "measured", *ENDS, "note")
"""What is written of a comparison."""


KINDS = {"vram": vram.KIND, "finetune": finetune.KIND, "throughput": throughput.KIND}


def shipped(kind: str) -> Path:
    """The measurements of a kind that come with the repository. Raises ValueError if absent."""
    for name in (f"{kind}.csv", f"{kind}.csv.gz"):
        if (DATA / name).is_file():
            return DATA / name
    raise ValueError(f"{DATA} holds no {kind}.csv: name a file of measurements")


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
    if not kind:
        return
    if "case_id" not in row:
        yield "case_id is blank; number the cases"
    for column, check in KINDS[kind].cells.items():
        try:
            check(row, column)
        except ValueError as error:
            yield f"{error}; write a number, or leave the cell blank"
    for quantity in scored(row):
        if quantity not in KINDS[kind].quantities:
            yield f"score {quantity!r} is none of {', '.join(KINDS[kind].quantities)}"


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


def compare(kind: str, rows: Iterable[Row]) -> pd.DataFrame:
    """What was measured and what the kit says without looking: a row each scored quantity of each
    case.

    Columns case_id, quantity, group, measured, low, central, high, scale (of `Estimate`), error
    (central over measured, less one), and note, which says of what has no numbers why. Raises
    KeyError for an unknown kind.
    """
    made = [said for row in rows for said in _predicted(KINDS[kind], row)]
    columns = ["case_id", "quantity", "group", "note", *NUMBERS]
    found = pd.DataFrame(made, columns=columns).astype(dict.fromkeys(NUMBERS, float))
    return found.assign(error=found.central / found.measured.where(found.measured != 0) - 1)


def _predicted(kind: Kind, row: Row) -> Iterator[dict[str, Any]]:
    """Every scored quantity of a case."""
    run = None
    fault: Exception | None = None
    try:
        run = kind.run(row)
    except ERRORS as error:
        fault = error
    for quantity in scored(row):
        said: dict[str, Any] = {"case_id": row["case_id"], "quantity": quantity}
        said["group"] = row.get("group", "")
        column = kind.measured_in.get(quantity, quantity)
        try:
            if quantity not in kind.quantities:
                raise NotEstimated(f"{quantity} is not a quantity of this kind")
            value = _started(row) if quantity == "fits" else kind.cells[column](row, column)
            said["measured"] = value
            if fault:
                raise fault
            found = kind.predict(run, row, quantity)
        except ERRORS as error:
            reason = error.args[0] if error.args else error
            yield said | {"note": f"not estimated, because {reason}"}
            continue
        ends = dict(zip(ENDS, as_printed(found.range, row, column).ends, strict=True))
        yield said | ends | {"note": found.note, "scale": found.scale}


def _started(row: Row) -> float | None:
    """1 where a run started, 0 where it ran out of memory; None where the row does not say."""
    if "outcome" in row:
        return float(row["outcome"].lower() != "oom")
    return {"yes": 0.0, "no": 1.0}.get(row.get("oom", "").lower())


def write_rows(compared: pd.DataFrame, path: Path) -> None:
    """Each comparison as a line of CSV, empty where the kit makes no statement."""
    compared.to_csv(path, columns=[*COLUMNS], index=False, float_format="%.6g")


def summarise(compared: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """Errors by quantity, and by group where the cases have one. compared: of `compare`.

    n: scored; predicted: share with a number; median and p90: absolute error in %; bias: median
    of the signed error in %; coverage: share of measurements within low to high; width: median
    high over low; reasons: why cases were not predicted. `fits` is judged right or wrong.
    """
    by_kind = compared.groupby(["group", "quantity"], sort=False)
    return {" ".join(filter(None, map(str, kind))): _summary(of) for kind, of in by_kind}


ROUNDING = 0.005
"""A measurement is printed rounded; a range that misses it by this share still holds it."""


def _summary(cases: pd.DataFrame) -> dict[str, Any]:
    made = cases.dropna(subset=["central", "measured"])
    slack = ROUNDING * made.measured.abs()
    inside = made.measured.between(made.low - slack, made.high + slack)
    result: dict[str, Any] = {
        "n": len(cases),
        "predicted": len(made) / len(cases),
        "reasons": cases.note[cases.central.isna()].value_counts().to_dict(),
    }
    if (cases.quantity == "fits").all():
        right = int((made.central == made.measured).sum())
        unsafe = int(((made.central == 1) & (made.measured == 0)).sum())
        return result | {
            "right": right / len(made) if len(made) else None,
            "said_fits_but_ran_out": unsafe,
            "said_no_but_ran": len(made) - right - unsafe,
            "coverage": _known(inside.mean()),
        }
    errors = made.error.dropna() * 100
    if len(errors):
        result |= {
            "median_error_pct": float(errors.abs().median()),
            "p90_error_pct": float(errors.abs().quantile(0.9)),
            "bias_pct": float(errors.median()),
            "coverage": float(inside.mean()),
            "median_high_over_low": _known((made.high / made.low)[made.low > 0].median()),
        }
    shares = ((made.central - made.measured).abs() / made.scale * 100).dropna()
    if len(shares):
        result |= {
            "median_error_pct_of_card": float(shares.median()),
            "p90_error_pct_of_card": float(shares.quantile(0.9)),
        }
    return result


def _known(figure: float) -> float | None:
    """A figure; None where nothing tells it."""
    return None if math.isnan(figure) else float(figure)
