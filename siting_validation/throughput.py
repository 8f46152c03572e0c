"""Predict published speeds row by row: tokens a second, time to first token, time per token."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from siting.quantity import Range
from siting.serving import measurement
from siting.serving.measurement import Expected
from siting.serving.performance import NotPredicted

from siting_validation.comparison import Comparison, Row, number, scored

SPEEDS = ("ttft_ms", "itl_or_tpot_ms", "output_tokens_per_s_total")
QUEUED = "every request is queued at the start: the wait for the first token has no estimate"
NO_FIRST = "no time to first token of this engine was ever measured: none is estimated"


def throughput_row(row: Row) -> Iterator[Comparison]:
    """The speeds that a case asks for, with the range that a report would print."""
    try:
        found, why = _expected(row), ""
    except NotPredicted as reason:
        found, why = None, str(reason)
    for quantity in scored(row):
        case = Comparison(row["case_id"], quantity, None, group=row.get("group", ""))
        try:
            case = replace(case, measured=_measured(row, quantity))
            if found is None:
                raise NotPredicted(why)
            yield _filled(case, found, row)
        except NotPredicted as reason:
            yield replace(case, note=str(reason))


def _expected(row: Row) -> Expected:
    """The estimate of a row. Raises NotPredicted, whatever is wrong with the row."""
    try:
        return measurement.expected(measurement.run_of_row(row))
    except (ArithmeticError, ValueError, KeyError) as error:
        if isinstance(error, NotPredicted):
            raise
        raise NotPredicted(f"the row cannot be read: {str(error)[:100]}") from None


def _measured(row: Row, quantity: str) -> float | None:
    """What was measured. Raises NotPredicted for what no run can give."""
    try:
        value = number(row, quantity)
    except ValueError as error:
        raise NotPredicted(str(error)) from None
    if value is not None and value <= 0:
        raise NotPredicted(f"{quantity} is {value:g}, which no run can give")
    return value


def _filled(case: Comparison, found: Expected, row: Row) -> Comparison:
    value: Range | None = getattr(found, case.quantity, None)
    if case.quantity not in SPEEDS:
        raise NotPredicted(f"{case.quantity} is not a speed that is estimated")
    if value is None:
        queued = found.queued and case.quantity == "ttft_ms"
        raise NotPredicted(QUEUED if queued else NO_FIRST)
    half = _printed(row.get(case.quantity, "")) / 2
    low, high = min(value.low, value.central - half), max(value.high, value.central + half)
    return replace(
        case, low=max(low, 0.0), central=value.central, high=high, note=found.distance.words
    )


def _printed(text: str) -> float:
    """Step of the last digit that a table prints of a measurement: 12.3 is known to 0.1."""
    whole, _, decimals = text.strip().partition(".")
    return 10.0 ** -len(decimals) if (whole + decimals).isdigit() else 0.0
