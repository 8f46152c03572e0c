"""What no file of a stranger can mean: numbers and days beyond these are slips, and are refused."""

from __future__ import annotations

import datetime as dt

MOST = 1e15
"""No amount and no count of a month is larger, either way."""
FIRST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
END = dt.datetime(2100, 1, 1, tzinfo=dt.UTC)
"""The first moment after all that are taken."""
LONGEST = dt.timedelta(days=3660)
"""What a log, or readings of a counter, may cover: ten years."""
RECORDS = 500_000
"""Of a file of JSON, each of which is held whole."""


def number(said: object) -> float | None:
    """A number, or a text that is one; None where it is neither, or beyond what is taken."""
    if isinstance(said, bool) or not isinstance(said, int | float | str):
        return None
    try:
        value = float(said)
    except (ValueError, OverflowError):
        return None
    return value if abs(value) <= MOST else None
