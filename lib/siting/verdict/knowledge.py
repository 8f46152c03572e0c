"""What it is worth to know an uncertain input of cost before deciding, and how to measure it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from siting.catalogue import Currency, Fact, NotNegative, table
from siting.cost import uncertainty
from siting.cost.prices import exchange_rate
from siting.cost.uncertainty import Uncertainty
from siting.draws import Floats
from siting.inputs.scenario.model import Client
from siting.quantity import Range
from siting.records import frozen


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


@frozen
class Knowledge:
    """What it is worth to know one input before deciding."""

    driver: str
    """Name of the driver of cost; several may share a label."""
    label: str
    worth: float
    """Expected saving if the input were known. [client's currency]"""
    experiment: Experiment | None
    price: Range | None = None
    """What the test costs; None where none is known. [client's currency]"""

    @property
    def pays(self) -> bool:
        """Whether the answer is worth more than the test that gives it."""
        return self.price is not None and self.worth > self.price.central


def estimate_in(client: Client, cost: Range, currency: str) -> Range:
    """An estimate of working hours in the client's currency, of two significant digits.

    A round sum of euros is a round sum of francs: further digits would be those of the exchange
    rate, not of the estimate. Nothing changes at a rate of 1.

    currency: of the estimate; blank: the client's
    """
    own = client.currency
    rate = exchange_rate(currency or own, own, client.report_date).rate
    there = cost.scaled(rate, own)
    if rate == 1:
        return there
    return Range.ordered((float(f"{end:.2g}") for end in there.ends), own)


def worth_knowing(costs: Floats, found: Uncertainty, client: Client) -> tuple[Knowledge, ...]:
    """What each uncertain input of a comparison of costs is worth knowing, highest first; only
    those worth something.

    costs: in the draws of the comparison. [option, draw]
    """
    every = []
    for driver, scores in found.scores.items():
        ways = (way for way in table("experiments", Experiment) if driver.startswith(way.driver))
        test = next(ways, None)
        own = uncertainty.label_of(found.plan, driver).split(": ")[0]
        known = Knowledge(
            driver=driver,
            label=(test and test.label) or own,
            worth=value_of_knowing(costs, scores),
            experiment=test,
            price=estimate_in(client, test.cost, test.currency) if test else None,
        )
        every.append(known)
    return tuple(sorted((k for k in every if k.worth > 0), key=lambda k: -k.worth))


BINS = 20
"""Groups of draws alike in the input that would be known."""


# --- value of information -------------------------------------------------------------------------


def value_of_perfect_information(costs: Floats) -> float:
    """Expected saving if every uncertainty were removed before choosing. [client's currency]

    costs: [option, draw]. EVPI = min over options of the mean cost − mean of the cheapest option's
    cost in each draw (Raiffa and Schlaifer 1961). Never negative.
    """
    return float(costs.mean(axis=1).min() - costs.min(axis=0).mean())


def value_of_knowing(costs: Floats, known: Floats) -> float:
    """Expected saving if one input were known before choosing (EVPPI). [client's currency]

    costs: [option, draw]. Draws are sorted into BINS of equal size by the input; within a bin the
    option with the lowest mean cost is chosen. Bins leave a small upward bias, removed by the same
    estimate with the input shuffled.
    """

    def saved(order: NDArray[np.intp]) -> float:
        whole = costs.take(order[: len(order) // BINS * BINS], axis=1)
        return value_of_perfect_information(whole.reshape(len(costs), BINS, -1).mean(axis=2))

    # A stable sort takes thirty times as long, and no two draws are alike.
    by_input = np.argsort(known)
    shuffled = np.random.default_rng(len(known))
    return max(0.0, saved(by_input) - saved(shuffled.permutation(len(known))))
