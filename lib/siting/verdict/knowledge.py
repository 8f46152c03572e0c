"""What it is worth to know an uncertain input of cost before deciding, and how to measure it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from siting.catalogue import Currency, Fact, NotNegative, table
from siting.cost import uncertainty
from siting.cost.uncertainty import Uncertainty
from siting.draws import Floats
from siting.quantity import Range


class Experiment(Fact, tables="experiments", key="driver"):
    """A way to measure an uncertain input of the cost comparison, and what it costs."""

    driver: str
    """Start of the name of the driver of cost that it measures."""
    label: str = ""
    """What is then known, in words; blank where the driver's own name says it."""
    action: str
    days: NotNegative
    cost: Range
    currency: Currency


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    """What it is worth to know one input before deciding."""

    driver: str
    """Name of the driver of cost; several may share a label."""
    label: str
    worth: float
    """Expected saving if the input were known. [client's currency]"""
    experiment: Experiment | None
    rate: float = 1.0
    """Client's currency per unit of the experiment's."""

    @property
    def price(self) -> Range | None:
        """What the test costs; None where none is known. [client's currency]"""
        test = self.experiment
        return None if test is None else estimate_in(test.cost, self.rate)

    @property
    def pays(self) -> bool:
        """Whether the answer is worth more than the test that gives it."""
        return self.price is not None and self.worth > self.price.central


def estimate_in(cost: Range, rate: float, unit: str | None = None) -> Range:
    """An estimate of working hours in another currency, of two significant digits.

    A round sum of euros is a round sum of francs: further digits would be those of the exchange
    rate, not of the estimate. Nothing changes at a rate of 1.

    rate: of the other currency per unit of the estimate's
    """
    there = cost.scaled(rate, unit)
    if rate == 1:
        return there
    return Range.ordered((float(f"{end:.2g}") for end in there.ends), there.unit)


def experiment_for(driver: str) -> Experiment | None:
    """The way to measure a driver of cost; None where none is known."""
    return next((e for e in table("experiments", Experiment) if driver.startswith(e.driver)), None)


def worth_knowing(
    costs: Floats, found: Uncertainty, rate: Callable[[str], float]
) -> tuple[Knowledge, ...]:
    """What each uncertain input of a comparison of costs is worth knowing, highest first; only
    those worth something.

    costs: in the draws of the comparison. [option, draw]
    rate: client's currency per unit of another.
    """
    every = []
    for driver, scores in found.scores.items():
        test = experiment_for(driver)
        own = uncertainty.label_of(found.plan, driver).split(": ")[0]
        known = Knowledge(
            driver=driver,
            label=(test and test.label) or own,
            worth=value_of_knowing(costs, scores),
            experiment=test,
            rate=rate(test.currency) if test else 1.0,
        )
        every.append(known)
    return tuple(sorted((k for k in every if k.worth > 0), key=lambda k: -k.worth))


# --- value of information -------------------------------------------------------------------------


def value_of_perfect_information(costs: Floats) -> float:
    """Expected saving if every uncertainty were removed before choosing. [client's currency]

    costs: [option, draw]. EVPI = min over options of the mean cost − mean of the cheapest option's
    cost in each draw (Raiffa and Schlaifer 1961). Never negative.
    """
    return float(costs.mean(axis=1).min() - costs.min(axis=0).mean())


def value_of_knowing(costs: Floats, known: Floats, bins: int = 20) -> float:
    """Expected saving if one input were known before choosing (EVPPI). [client's currency]

    costs: [option, draw]. Draws are sorted into bins of equal size by the input; within a bin the
    option with the lowest mean cost is chosen. Bins leave a small upward bias, removed by the same
    estimate with the input shuffled.
    """

    def saved(order: NDArray[np.intp]) -> float:
        whole = costs.take(order[: len(order) // bins * bins], axis=1)
        return value_of_perfect_information(whole.reshape(len(costs), bins, -1).mean(axis=2))

    # A stable sort takes thirty times as long, and no two draws are alike.
    by_input = np.argsort(known)
    shuffled = np.random.default_rng(len(known))
    return max(0.0, saved(by_input) - saved(shuffled.permutation(len(known))))
