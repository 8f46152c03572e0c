"""What would change the answer: flips of the lead, a tornado on it, and what knowledge is worth.

A flip is the value of one input at which another option takes the lead, all else at its centre. A
swing is what one input does to the lead of the chosen option over its best rival within the range
that the input has. Both use central weights and measures, so they can be checked by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from siting.quantity import Range
from siting.verdict import ranking
from siting.verdict.ranking import Candidate, Criterion, Floats, Weights

VOLUME = "million tokens a month"
EDGE = 1e-3
"""A weight this near to 0 or 1 is no flip point: there, options that tie on the rest meet."""
FACTORS = Range(0.5, 1, 2, "times")
"""Changes of an option's cost that count as plausible."""


@dataclass(frozen=True)
class Flip:
    """A value of one input at which another option takes the lead, all else at its centre."""

    kind: Literal["weight", "price", "volume"]
    subject: str
    """Criterion or option whose value moves."""
    expected: Range
    """As planned, and the range that the scenario or the method states."""
    threshold: float
    to: str
    """The option that leads beyond the threshold."""

    @property
    def plausible(self) -> bool:
        """Whether the threshold lies inside the range."""
        return self.expected.low <= self.threshold <= self.expected.high

    @property
    def distance(self) -> float:
        """How far the threshold is from today, as a factor (of weights: in share of them all)."""
        if self.kind == "weight":
            return abs(self.threshold - self.expected.central) * 4
        return abs(float(np.log(self.threshold / self.expected.central)))


@dataclass(frozen=True)
class CostCurve:
    """Present cost of each option as the volume of tokens moves."""

    at: Floats
    """Million tokens a month, in rising order."""
    costs: Mapping[str, Floats]
    expected: Range
    """The planned volume, and those that the scenario's growth and uncertainty make possible."""


# What knowledge is worth ------------------------------------------------------------------------


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
    by_input, shuffled = np.argsort(known), np.random.default_rng(len(known))
    return max(0.0, saved(by_input) - saved(shuffled.permutation(len(known))))


# The lead -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Driver:
    """An uncertain input of cost, with the cost measure of every option at either end of it."""

    name: str
    label: str
    band: Range
    at_low: Mapping[str, float]
    at_high: Mapping[str, float]
    draws: Floats | None = None
    """Its draws, aligned with the cost draws of the candidates; None where it is as planned."""


Kind: TypeAlias = Literal["cost", "weight", "measure"]
Ends: TypeAlias = list[tuple[Floats, Floats]]
"""Values and weights at the low and at the high end of an input."""


@dataclass(frozen=True)
class Swing:
    """What one input does to the lead of the chosen option over its best rival."""

    kind: Kind
    label: str
    subject: str
    """Option whose measure it is, driver of a cost, criterion of a weight."""
    band: Range
    leads: tuple[float, float, float]
    """At the low end, as planned, and at the high end. [points]"""
    leaders: tuple[str, str]
    """Who leads at the low and at the high end."""

    @property
    def reach(self) -> float:
        """Points between the ends."""
        return abs(self.leads[-1] - self.leads[0])


class Lead:
    """Who leads at central weights and measures, by how much, and what moves it."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        known: Sequence[Criterion],
        weights: Weights,
        chosen: str = "",
    ) -> None:
        """chosen: the option whose lead is told; by default the one that leads."""
        self.candidates, self.known, self.weights = candidates, known, weights
        self.names = [c.name for c in candidates]
        self.values = ranking.central_values(candidates, known)
        self.central = ranking.central_weights(weights)
        self.first = int(np.argmax(self.values @ self.central))
        self.at = self.names.index(chosen) if chosen else self.first

    # What changes the leader ------------------------------------------------------------------

    def flips(self, curve: CostCurve | None = None) -> tuple[Flip, ...]:
        """Weights, costs and loads at which the chosen option loses the lead to an allowed rival,
        or gains it where another leads as planned."""
        if len(self.names) < 2:
            return ()
        by_load = self.load_flips(curve) if curve else ()
        found = (*self.weight_flips(), *self.price_flips(), *by_load)
        chosen = self.names[self.at]
        return tuple(f for f in found if (f.to != chosen) == (self.at == self.first))

    def weight_flips(self) -> Iterator[Flip]:
        """For each criterion, the weights nearest to today's, below and above, that change the
        leader.

        One weight moves, the others keep their proportions. Scores are linear in the weight w:
        S(w) = w·v + (1−w)·S₀, with S₀ the score without the criterion, so the threshold is exact.
        """
        scores = self.values @ self.central
        for j, criterion in enumerate(self.known):
            today, own = float(self.central[j]), self.values[:, j]
            if today >= 1:
                continue
            without = (scores - today * own) / (1 - today)
            slopes = own - without
            relative = slopes[self.first] - slopes
            relative[np.abs(relative) < 1e-12] = 0
            with np.errstate(divide="ignore", invalid="ignore"):
                at = (without - without[self.first]) / relative
            meets = (at > EDGE) & (at < 1 - EDGE)
            expected = Range.ordered(self._shared(j)[:, j].tolist(), "share")
            for side in (meets & (at < today), meets & (at >= today)):
                if side.any():
                    to = int(np.argmin(np.where(side, np.abs(at - today), np.inf)))
                    name = self.names[to]
                    yield Flip("weight", criterion.criterion, expected, float(at[to]), name)

    def price_flips(self) -> Iterator[Flip]:
        """For each option, the change of its cost that changes the leader, as a factor on today's.

        The leader is made dearer until it loses; a rival is made cheaper until it wins. Factors
        from 1/20 to 20 are searched.
        """
        known = (c.measures.get("cost_ratio") for c in self.candidates)
        ratios = np.array([r.central if r is not None else np.nan for r in known])
        first = int(self._leaders(ratios[None, :])[0])
        for i, name in enumerate(self.names):
            factors = np.geomspace(1, 20 if i == first else 1 / 20, 601)
            moved = np.where(np.arange(len(ratios)) == i, factors[:, None], 1.0) * ratios
            leaders = self._leaders(moved)
            beyond = leaders != first if i == first else leaders == i
            if beyond.any():
                edge = int(np.argmax(beyond))
                at = float(np.sqrt(factors[edge - 1] * factors[edge]))
                yield Flip("price", name, FACTORS, at, self.names[leaders[edge]])

    def load_flips(self, curve: CostCurve) -> Iterator[Flip]:
        """Loads at which the leader changes, when cost is known as a function of the load.

        Costs are measured against the cheapest at that load; other measures stay as they are. The
        threshold is the geometric middle of the two loads between which the leader changes.
        """
        missing = np.full(len(curve.at), np.nan)
        cost = np.stack([curve.costs.get(n, missing) for n in self.names], axis=1)
        if np.isnan(cost).all(axis=1).any():
            return
        leaders = self._leaders(cost / np.nanmin(cost, axis=1)[:, None])
        for i in np.flatnonzero(np.diff(leaders)):
            edge = float(np.sqrt(curve.at[i] * curve.at[i + 1]))
            to = self.names[leaders[i + 1] if edge >= curve.expected.central else leaders[i]]
            yield Flip("volume", "load", curve.expected, edge, to)

    def _leaders(self, ratios: Floats) -> NDArray[np.intp]:
        """Index of the leading option for each row of cost ratios [case, option]; nan: unknown."""
        values = np.repeat(self.values[None], len(ratios), axis=0)
        for j, criterion in enumerate(self.known):
            if criterion.measure == "cost_ratio":
                values[:, :, j] = np.where(np.isnan(ratios), 0.5, criterion.value(ratios))
        lead: NDArray[np.intp] = np.argmax(values @ self.central, axis=1)
        return lead

    def _shared(self, j: int) -> Floats:
        """Weights as shares of all, with one of them at its low, centre and high. [3, criterion]"""
        ends = np.array(list(zip(*(w.ends for w in self.weights.values()), strict=True)))
        moved = np.where(np.arange(len(self.known)) == j, ends, ends[1])
        return np.asarray(moved / np.maximum(moved.sum(axis=1, keepdims=True), 1e-300))

    # What one input does to the lead ----------------------------------------------------------

    def of(self, values: Floats, weights: Floats) -> tuple[float, str]:
        """Points ahead of the best rival, and who leads."""
        scores = 100 * values @ weights
        rivals = np.delete(scores, self.at)
        return float(scores[self.at] - rivals.max()), self.names[int(np.argmax(scores))]

    def swings(self, drivers: Sequence[Driver]) -> tuple[Swing, ...]:
        """Every input at both ends of its range, widest swing first."""
        if len(self.names) < 2:
            return ()
        found, (plan, _) = [], self.of(self.values, self.central)
        for kind, label, subject, band, ends in self._inputs(drivers):
            (low, low_leader), (high, high_leader) = (self.of(*end) for end in ends)
            leads, leaders = (low, plan, high), (low_leader, high_leader)
            found.append(Swing(kind, label, subject, band, leads, leaders))
        return tuple(sorted((s for s in found if s.reach > 0), key=lambda s: -s.reach))

    def _inputs(self, drivers: Sequence[Driver]) -> Iterator[tuple[Kind, str, str, Range, Ends]]:
        """Kind, label, subject and range of each input, with values and weights at both ends."""
        for d in drivers:
            moved = [self._with("cost_ratio", costs) for costs in (d.at_low, d.at_high)]
            yield "cost", d.label, d.name, d.band, [(values, self.central) for values in moved]
        for j, c in enumerate(self.known):
            shares = self._shared(j)
            band = Range.ordered(shares[:, j].tolist(), "share")
            ends = [(self.values, weights) for weights in (shares[0], shares[2])]
            yield "weight", c.label, c.criterion, band, ends
        for option, c in product(self.candidates, self.known):
            if c.measure != "cost_ratio":
                band = Range.ordered(option.measures.get(c.measure, c.anything).ends, c.unit)
                moved = [self._with(c.measure, {option.name: x}) for x in (band.low, band.high)]
                yield "measure", c.label, option.name, band, [(v, self.central) for v in moved]

    def _with(self, measure: str, found: Mapping[str, float]) -> Floats:
        """The values with a measure of some options in place of their own."""
        moved = self.values.copy()
        for (i, name), (j, c) in product(enumerate(self.names), enumerate(self.known)):
            if c.measure == measure and name in found:
                moved[i, j] = c.value(found[name])
        return moved
