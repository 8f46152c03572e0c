"""Numbers that say how sure they are: a central value with a low and a high.

A `Range` is what every figure of a report is made of. Its low and high enclose, unless the
text says otherwise, 80 % of what we expect to measure (P10 to P90).
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

GIB = 2**30
"""Bytes in one GiB. GPU makers print GB (10^9 bytes); memory of an engine is logged in GiB."""


@dataclass(frozen=True, slots=True)
class Range:
    """A central value with its low and high, and the unit that all three carry.

    `unit` is printed as it stands ("GiB", "EUR", "tokens/s", "EUR per million tokens").
    Raises ValueError when low <= central <= high does not hold, or a value is not finite.
    """

    low: float
    central: float
    high: float
    unit: str = ""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.low, self.central, self.high))):
            raise ValueError(f"a range needs finite numbers: {self}")
        if not self.low <= self.central <= self.high:
            raise ValueError(f"a range needs low <= central <= high: {self}")

    @classmethod
    def exact(cls, value: float, unit: str = "") -> Range:
        """A value without uncertainty (a count, a price on a list)."""
        return cls(value, value, value, unit)

    @classmethod
    def around(cls, value: float, share: float, unit: str = "") -> Range:
        """`value` with a symmetric relative band, e.g. share=0.1 for plus or minus 10 %."""
        half = abs(value) * share
        return cls(value - half, value, value + half, unit)

    @classmethod
    def factor(cls, value: float, factor: float, unit: str = "") -> Range:
        """`value` with a band symmetric on a log scale: value / factor to value × factor."""
        low, high = sorted((value / factor, value * factor))
        return cls(low, value, high, unit)

    def scaled(self, factor: float, unit: str | None = None) -> Range:
        """Every value times `factor`; a negative factor swaps low and high."""
        low, high = sorted((self.low * factor, self.high * factor))
        return Range(low, self.central * factor, high, self.unit if unit is None else unit)

    def plus(self, other: Range) -> Range:
        """Sum when both move together: lows add, highs add (the wider, cautious band)."""
        return Range(
            self.low + other.low, self.central + other.central, self.high + other.high, self.unit
        )

    @property
    def is_exact(self) -> bool:
        return self.low == self.high

    def as_dict(self) -> dict[str, float | str]:
        """The shape that summary.json uses."""
        return {"low": self.low, "central": self.central, "high": self.high, "unit": self.unit}


def total(ranges: Iterable[Range], unit: str = "") -> Range:
    """Sum of independent ranges: centrals add, deviations add in quadrature on each side."""
    items = list(ranges)
    central = sum(r.central for r in items)
    down = math.sqrt(sum((r.central - r.low) ** 2 for r in items))
    up = math.sqrt(sum((r.high - r.central) ** 2 for r in items))
    return Range(central - down, central, central + up, unit or (items[0].unit if items else ""))
