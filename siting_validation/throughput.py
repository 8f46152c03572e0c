"""Predict published speeds row by row: tokens a second, time to first token, time per token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from siting.quantity import Range
from siting.serving import measurement
from siting.serving.performance import NotPredicted

from siting_validation.comparison import Comparison, Row, number, scored

UNCALIBRATED = "no measurement of this engine or GPU generation stands behind the model"
QUEUED = "every request is queued at the start: the wait for the first token has no estimate"


def throughput_row(row: Row) -> Iterator[Comparison]:
    """The speeds that a case asks for, with the range that a report would print."""
    for quantity in scored(row):
        try:
            measured = number(row, quantity)
        except ValueError:
            measured = None
        case = Comparison(row["case_id"], quantity, measured, group=row.get("group", ""))
        try:
            yield _filled(case, row)
        except NotPredicted as reason:
            yield replace(case, note=str(reason))


def _filled(case: Comparison, row: Row) -> Comparison:
    found = measurement.expected(measurement.run_of_row(row))
    value: Range | None = getattr(found, case.quantity, None)
    if value is None:
        known = case.quantity in ("ttft_ms", "itl_or_tpot_ms", "output_tokens_per_s_total")
        raise NotPredicted(QUEUED if known else f"{case.quantity} is not a speed that is estimated")
    note = "" if found.calibrated else UNCALIBRATED
    return replace(case, low=value.low, central=value.central, high=value.high, note=note)
