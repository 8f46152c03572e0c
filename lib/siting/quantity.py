"""Numbers that say how sure they are: a central value with a low and a high.

A `Range` is what every figure of a report is made of. Its low and high enclose, unless the
text says otherwise, 80 % of what we expect to measure (P10 to P90).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import KW_ONLY, dataclass
from statistics import NormalDist

GIB = 2**30
"""Bytes in one GiB. GPU makers print GB (10^9 bytes); memory of an engine is logged in GiB."""

DAYS_OF_YEAR = 365.25
DAYS_OF_MONTH = DAYS_OF_YEAR / 12
"""Of the calendar, in the mean: between dates and months, and in the load of a year."""
DAYS_OF_PLAN_YEAR = 365
"""Of the plan of cash flows: what is paid by the hour is paid for 8 760 hours a year, 730 a month,
as clouds bill. What is set against its months (a part of one, the year in which a model ends)
counts in these days, so that twelve months of bills are a year."""

Z90, Z95, Z975, Z999 = (NormalDist().inv_cdf(q) for q in (0.9, 0.95, 0.975, 0.999))
"""Quantiles of the standard normal distribution."""


class NotEstimated(ValueError):
    """A figure that the inputs do not determine; the message says which input is missing."""


@dataclass(frozen=True, slots=True)
class LogNormal:
    """A positive quantity whose logarithm is normal: lengths of requests, prices, waits.

    `mean` is the arithmetic mean, `sigma` the standard deviation of the logarithm.
    """

    mean: float
    sigma: float

    @classmethod
    def fitted(cls, mean: float, p95: float) -> LogNormal:
        """With this mean and 95th percentile: p95/mean = exp(Z95 σ - σ²/2).

        Beyond a ratio of exp(Z95²/2) = 3.87 none exists, and the widest is taken (σ = Z95).
        """
        ratio = math.log(max(p95 / mean, 1.0)) if mean > 0 else 0.0
        return cls(mean, Z95 - math.sqrt(max(0.0, Z95 * Z95 - 2 * ratio)))

    @property
    def median(self) -> float:
        return self.mean * math.exp(-self.sigma * self.sigma / 2)

    def quantile(self, z: float) -> float:
        """Value at the quantile whose standard normal score is `z` (`Z95` for the 95th)."""
        return self.median * math.exp(self.sigma * z)


@dataclass(frozen=True, slots=True)
class Range:
    """A central value with its low and high, and the unit that all three carry.

    `unit` is printed as it stands ("GiB", "EUR", "tokens/s", "EUR per million tokens").
    Raises ValueError when low <= central <= high does not hold, or a value is not finite.
    """

    low: float
    central: float
    high: float
    _: KW_ONLY
    unit: str = ""

    def __post_init__(self) -> None:
        if not all(map(math.isfinite, (self.low, self.central, self.high))):
            raise ValueError(f"a range needs finite numbers: {self}")
        if not self.low <= self.central <= self.high:
            said = f"low {self.low:g}, central {self.central:g}, high {self.high:g}"
            raise ValueError(f"{said} are not in order; write low <= central <= high")

    @classmethod
    def exact(cls, value: float, unit: str = "") -> Range:
        """A value without uncertainty (a count, a price on a list)."""
        return cls(value, value, value, unit=unit)

    @classmethod
    def ordered(cls, values: Iterable[float], unit: str = "") -> Range:
        """Three values, whichever is lowest."""
        low, central, high = sorted(values)
        return cls(low, central, high, unit=unit)

    @property
    def ends(self) -> tuple[float, float, float]:
        """Low, central and high."""
        return self.low, self.central, self.high

    @classmethod
    def around(cls, value: float, share: float, unit: str = "") -> Range:
        """`value` with a symmetric relative band, e.g. share=0.1 for plus or minus 10 %."""
        half = abs(value) * share
        return cls(value - half, value, value + half, unit=unit)

    def scaled(self, factor: float, unit: str | None = None) -> Range:
        """Every value times `factor`; a negative factor swaps low and high."""
        ends = (end * factor for end in self.ends)
        return Range.ordered(ends, self.unit if unit is None else unit)

    def plus(self, other: Range) -> Range:
        """Sum when both move together: lows add, highs add (the wider, cautious band)."""
        return Range.ordered(map(operator.add, self.ends, other.ends), self.unit)

    def times(self, other: Range, unit: str = "") -> Range:
        """Product when both move together, of ranges above zero."""
        return Range.ordered(map(operator.mul, self.ends, other.ends), unit)

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
    return Range(
        central - down, central, central + up, unit=unit or (items[0].unit if items else "")
    )
