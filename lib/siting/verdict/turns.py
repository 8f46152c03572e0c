"""What would change the answer: flips of the lead, a tornado on it, and what knowledge is worth.

A flip is the value of one input at which another option takes the lead, all else at its centre. A
swing is what one input does to the lead of the chosen option over its best rival within the range
that the input has. Both use central weights and measures, so they can be checked by hand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siting.quantity import Range
from siting.verdict.ranking import (
    Candidate,
    Criterion,
    Floats,
    central_values,
    central_weights,
    ends,
    value,
)

EDGE = 1e-3
"""A weight this near to 0 or 1 is no flip point: there, options that tie on the rest meet."""


@dataclass(frozen=True)
class Flip:
    """A value of one input at which another option takes the lead, all else at its centre."""

    kind: Literal["weight", "price", "volume"]
    subject: str
    """Criterion or option whose value moves."""
    today: float
    threshold: float
    unit: str
    to: str
    """The option that leads beyond the threshold."""
    plausible: bool
    """True when the threshold lies inside the range that the scenario or the method states."""


@dataclass(frozen=True)
class CostCurve:
    """Present cost of each option as the load moves."""

    kind: Literal["volume"]
    at: Floats
    """Loads in rising order."""
    costs: Mapping[str, Floats]
    today: float
    unit: str
    plausible: tuple[float, float]
    """Loads that the scenario's growth and uncertainty make possible."""


# Flip points ------------------------------------------------------------------------------------


def weight_flips(
    names: Sequence[str],
    values: Floats,
    known: Sequence[Criterion],
    weights: Mapping[str, Range],
) -> tuple[Flip, ...]:
    """For each criterion, the weights nearest to today's, below and above, that change the leader.

    One weight moves, the others keep their proportions. Scores are linear in the weight w:
    S(w) = w·v + (1−w)·S₀, with S₀ the score without the criterion, so the threshold is exact.
    """
    central = central_weights(weights)
    found: list[Flip] = []
    for j, criterion in enumerate(known):
        rest = 1 - central[j]
        if rest <= 0:
            continue
        without = values @ np.where(np.arange(len(central)) == j, 0.0, central) / rest
        lead = int(np.argmax(central[j] * values[:, j] + rest * without))
        crossings = [
            (w, i)
            for i in range(len(names))
            if i != lead
            and (w := _crossing(values[lead, j], without[lead], values[i, j], without[i]))
            is not None
        ]
        for side in (
            max((c for c in crossings if c[0] < central[j]), default=None),
            min((c for c in crossings if c[0] >= central[j]), default=None),
        ):
            if side is not None:
                found.append(
                    _weight_flip(criterion, weights, float(central[j]), side[0], names[side[1]])
                )
    return tuple(found)


def _crossing(v_lead: float, s_lead: float, v: float, s: float) -> float | None:
    """Weight between 0 and 1 at which two linear scores meet; None if they do not."""
    slope = (v_lead - s_lead) - (v - s)
    if abs(slope) < 1e-12:
        return None
    w = (s - s_lead) / slope
    return float(w) if EDGE < w < 1 - EDGE else None


def _weight_flip(
    criterion: Criterion,
    weights: Mapping[str, Range],
    today: float,
    threshold: float,
    to: str,
) -> Flip:
    own = weights[criterion.criterion]
    others = sum(w.central for n, w in weights.items() if n != criterion.criterion)
    low, high = (x / (x + others) if x + others else 0.0 for x in (own.low, own.high))
    inside = low <= threshold <= high
    return Flip("weight", criterion.criterion, today, threshold, "share of all weight", to, inside)


def price_flips(
    candidates: Sequence[Candidate],
    known: Sequence[Criterion],
    weights: Mapping[str, Range],
    band: tuple[float, float] = (0.5, 2.0),
) -> tuple[Flip, ...]:
    """For each option, the change of its cost that changes the leader, as a factor on today's.

    The leader is made dearer until it loses; a rival is made cheaper until it wins.
    `plausible`: the factor lies within `band`. Factors from 1/20 to 20 are searched.
    """
    names = [c.name for c in candidates]
    known_ratios = (c.measures.get("cost_ratio") for c in candidates)
    ratios = np.array([r.central if r is not None else np.nan for r in known_ratios])
    lead = int(_leaders(candidates, known, weights, ratios[None, :])[0])
    found = []
    for i, name in enumerate(names):
        factors = np.geomspace(1, 20 if i == lead else 1 / 20, 601)
        moved = np.where(np.arange(len(names)) == i, factors[:, None], 1.0) * ratios
        leaders = _leaders(candidates, known, weights, moved)
        beyond = leaders != lead if i == lead else leaders == i
        if beyond.any():
            first = int(np.argmax(beyond))
            at = float(np.sqrt(factors[first - 1] * factors[first]))
            to = names[leaders[first]]
            inside = band[0] <= at <= band[1]
            found.append(Flip("price", name, 1.0, at, "times the cost planned", to, inside))
    return tuple(found)


def load_flips(
    candidates: Sequence[Candidate],
    known: Sequence[Criterion],
    weights: Mapping[str, Range],
    curve: CostCurve,
) -> tuple[Flip, ...]:
    """Loads at which the leader changes, when cost is known as a function of the load.

    Costs are measured against the cheapest at that load; other measures stay as they are. The
    threshold is the geometric middle of the two
    loads between which the leader changes.
    """
    names = [c.name for c in candidates]
    missing = np.full(len(curve.at), np.nan)
    cost = np.stack([curve.costs.get(n, missing) for n in names], axis=1)
    if np.isnan(cost).all(axis=1).any():
        return ()
    leaders = _leaders(candidates, known, weights, cost / np.nanmin(cost, axis=1)[:, None])
    found = []
    for i in np.flatnonzero(np.diff(leaders)):
        edge = float(np.sqrt(curve.at[i] * curve.at[i + 1]))
        to = names[leaders[i + 1] if edge >= curve.today else leaders[i]]
        inside = curve.plausible[0] <= edge <= curve.plausible[1]
        found.append(Flip(curve.kind, "load", curve.today, edge, curve.unit, to, inside))
    return tuple(found)


def _leaders(
    candidates: Sequence[Candidate],
    known: Sequence[Criterion],
    weights: Mapping[str, Range],
    ratios: Floats,
) -> NDArray[np.intp]:
    """Index of the leading option for each row of cost ratios [case, option]; nan is unknown."""
    values = np.repeat(central_values(candidates, known)[None], len(ratios), axis=0)
    for j, criterion in enumerate(known):
        if criterion.measure == "cost_ratio":
            values[:, :, j] = np.where(np.isnan(ratios), 0.5, value(criterion, ratios))
    lead: NDArray[np.intp] = np.argmax(values @ central_weights(weights), axis=1)
    return lead


# What knowledge is worth ------------------------------------------------------------------------


def value_of_perfect_information(costs: Mapping[str, Floats]) -> float:
    """Expected saving if every uncertainty were removed before choosing. [client's currency]

    EVPI = min over options of the mean cost − mean of the cheapest option's cost in each draw
    (Raiffa and Schlaifer 1961). Never negative.
    """
    table_ = np.stack(list(costs.values()))
    return float(table_.mean(axis=1).min() - table_.min(axis=0).mean())


def value_of_knowing(costs: Mapping[str, Floats], known: Floats, bins: int = 20) -> float:
    """Expected saving if one input were known before choosing (EVPPI). [client's currency]

    Draws are sorted into bins of equal size by the input; within a bin the option with the lowest
    mean cost is chosen. Bins leave a small upward bias, removed by the same estimate with the
    input shuffled.
    """
    order = np.argsort(known, kind="stable")
    shuffled = np.random.default_rng(len(known)).permutation(len(known))
    return max(0.0, _binned(costs, order, bins) - _binned(costs, shuffled, bins))


def _binned(costs: Mapping[str, Floats], order: NDArray[np.intp], bins: int) -> float:
    table_ = np.stack([c[order] for c in costs.values()])
    n = table_.shape[1] // bins * bins
    cut = table_[:, :n].reshape(len(costs), bins, -1).mean(axis=2)
    return float(cut.mean(axis=1).min() - cut.min(axis=0).mean())


# What one input does to the lead ----------------------------------------------------------------


@dataclass(frozen=True)
class Driver:
    """An uncertain input of cost, with the cost measure of every option at either end of it."""

    label: str
    unit: str
    low: float
    plan: float
    high: float
    at_low: Mapping[str, float]
    at_high: Mapping[str, float]


@dataclass(frozen=True)
class Swing:
    """What one input does to the lead of the chosen option over its best rival, in points."""

    kind: Literal["cost", "weight", "measure"]
    label: str
    option: str
    """Option whose measure it is; empty for weights and for inputs of several options."""
    unit: str
    low: float
    plan: float
    high: float
    lead_low: float
    lead_plan: float
    lead_high: float
    leader_low: str
    leader_high: str

    @property
    def reach(self) -> float:
        """Points between the ends."""
        return abs(self.lead_high - self.lead_low)


class Lead:
    """The lead of one option over the best of the others, at central weights and measures."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        known: Sequence[Criterion],
        weights: Mapping[str, Range],
        chosen: str,
    ) -> None:
        self.candidates, self.known, self.weights = candidates, known, weights
        self.names = [c.name for c in candidates]
        self.at = self.names.index(chosen)
        self.values = central_values(candidates, known)
        self.central = central_weights(weights)

    def of(self, values: Floats | None = None, weights: Floats | None = None) -> tuple[float, str]:
        """Points ahead of the best rival, and who leads."""
        scores = (
            100
            * (self.values if values is None else values)
            @ (self.central if weights is None else weights)
        )
        rivals = np.delete(scores, self.at)
        return float(scores[self.at] - rivals.max()), self.names[int(np.argmax(scores))]

    def swings(self, drivers: Sequence[Driver]) -> tuple[Swing, ...]:
        """Every input at both ends of its range, widest swing first."""
        if len(self.names) < 2:
            return ()
        found = [*self._costs(drivers), *self._weights(), *self._measures()]
        return tuple(sorted((s for s in found if s.reach > 0), key=lambda s: -s.reach))

    def _swing(
        self,
        kind: Literal["cost", "weight", "measure"],
        what: tuple[str, str, str],
        band: tuple[float, float, float],
        ends_: tuple[tuple[float, str], tuple[float, str]],
    ) -> Swing:
        (lead_low, leader_low), (lead_high, leader_high) = ends_
        return Swing(kind, *what, *band, lead_low, self.of()[0], lead_high, leader_low, leader_high)

    def _costs(self, drivers: Sequence[Driver]) -> list[Swing]:
        columns = [j for j, c in enumerate(self.known) if c.measure == "cost_ratio"]

        def at(costs: Mapping[str, float]) -> tuple[float, str]:
            moved = self.values.copy()
            for j in columns:
                for i, name in enumerate(self.names):
                    if name in costs:
                        moved[i, j] = value(self.known[j], costs[name])
            return self.of(moved)

        return [
            self._swing(
                "cost",
                (d.label, "", d.unit),
                (d.low, d.plan, d.high),
                (at(d.at_low), at(d.at_high)),
            )
            for d in drivers
        ]

    def _weights(self) -> list[Swing]:
        def at(name: str, points: float) -> tuple[float, tuple[float, str]]:
            moved = np.array([points if n == name else w.central for n, w in self.weights.items()])
            share = moved / moved.sum()
            return float(share[list(self.weights).index(name)]), self.of(weights=share)

        found = []
        for j, c in enumerate(self.known):
            own = self.weights[c.criterion]
            if own.low < own.high:
                (low, first), (high, second) = (at(c.criterion, w) for w in (own.low, own.high))
                band = low, float(self.central[j]), high
                found.append(self._swing("weight", (c.label, "", "share"), band, (first, second)))
        return found

    def _measures(self) -> list[Swing]:
        found = []
        for i, candidate in enumerate(self.candidates):
            for j, c in enumerate(self.known):
                band = ends(candidate.measures.get(c.measure), c)
                if c.measure == "cost_ratio" or band[0] == band[2]:
                    continue
                moved = []
                for x in (band[0], band[2]):
                    values = self.values.copy()
                    values[i, j] = value(c, x)
                    moved.append(self.of(values))
                what = (c.label, candidate.name, c.unit)
                found.append(self._swing("measure", what, band, (moved[0], moved[1])))
        return found
