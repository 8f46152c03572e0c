"""What would change the answer: flips of the lead, a tornado on it, and what knowledge is worth.

A flip is the value of one input at which another option takes the lead, all else at its centre. A
swing is what one input does to the lead of the chosen option over its best rival within the range
that the input has. Both use central weights and measures, so they can be checked by hand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

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

VOLUME = "million tokens a month"
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
    """Present cost of each option as the volume of tokens moves."""

    at: Floats
    """Million tokens a month, in rising order."""
    costs: Mapping[str, Floats]
    today: float
    plausible: tuple[float, float]
    """Loads that the scenario's growth and uncertainty make possible."""


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
    # A stable sort takes thirty times as long, and no two draws are alike.
    order = np.argsort(known)
    shuffled = np.random.default_rng(len(known)).permutation(len(known))
    return max(0.0, _binned(costs, order, bins) - _binned(costs, shuffled, bins))


def _binned(costs: Mapping[str, Floats], order: NDArray[np.intp], bins: int) -> float:
    table_ = np.stack([c[order] for c in costs.values()])
    n = table_.shape[1] // bins * bins
    cut = table_[:, :n].reshape(len(costs), bins, -1).mean(axis=2)
    return float(cut.mean(axis=1).min() - cut.min(axis=0).mean())


# The lead -----------------------------------------------------------------------------------------


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


Move: TypeAlias = tuple[
    tuple[Literal["cost", "weight", "measure"], str, str, str],
    tuple[float, float, float],
    list[dict[str, Floats]],
]
"""Kind, input, option and unit; low, planned and high value; what is moved at both ends."""


class Lead:
    """Who leads at central weights and measures, by how much, and what moves it."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        known: Sequence[Criterion],
        weights: Mapping[str, Range],
        chosen: str = "",
    ) -> None:
        """chosen: the option whose lead is told; by default the one that leads."""
        self.candidates, self.known, self.weights = candidates, known, weights
        self.names = [c.name for c in candidates]
        self.values = central_values(candidates, known)
        self.central = central_weights(weights)
        self.first = int(np.argmax(self.values @ self.central))
        self.at = self.names.index(chosen) if chosen else self.first

    # What changes the leader ------------------------------------------------------------------

    def flips(self, curve: CostCurve | None = None) -> tuple[Flip, ...]:
        """Weights, costs and loads at which the chosen option loses the lead to an allowed rival,
        or gains it where another leads as planned."""
        if len(self.names) < 2:
            return ()
        found = (
            *self.weight_flips(),
            *self.price_flips(),
            *(self.load_flips(curve) if curve else ()),
        )
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
            with np.errstate(divide="ignore", invalid="ignore"):
                at = (without - without[self.first]) / np.where(
                    np.abs(relative) < 1e-12, 0, relative
                )
            meets = (at > EDGE) & (at < 1 - EDGE)
            low, high = (self._shares(criterion.criterion, end)[j] for end in ("low", "high"))
            for side in (meets & (at < today), meets & (at >= today)):
                if side.any():
                    to = int(np.argmin(np.where(side, np.abs(at - today), np.inf)))
                    what = criterion.criterion, today, float(at[to]), "share", self.names[to]
                    yield Flip("weight", *what, bool(low <= at[to] <= high))

    def price_flips(self, band: tuple[float, float] = (0.5, 2.0)) -> Iterator[Flip]:
        """For each option, the change of its cost that changes the leader, as a factor on today's.

        The leader is made dearer until it loses; a rival is made cheaper until it wins.
        `plausible`: the factor lies within `band`. Factors from 1/20 to 20 are searched.
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
                at, to = np.sqrt(factors[edge - 1] * factors[edge]), self.names[leaders[edge]]
                yield Flip(
                    "price", name, 1.0, float(at), "times", to, bool(band[0] <= at <= band[1])
                )

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
        low, high = curve.plausible
        for i in np.flatnonzero(np.diff(leaders)):
            edge = float(np.sqrt(curve.at[i] * curve.at[i + 1]))
            to = self.names[leaders[i + 1] if edge >= curve.today else leaders[i]]
            yield Flip("volume", "load", curve.today, edge, VOLUME, to, low <= edge <= high)

    def _leaders(self, ratios: Floats) -> NDArray[np.intp]:
        """Index of the leading option for each row of cost ratios [case, option]; nan: unknown."""
        values = np.repeat(self.values[None], len(ratios), axis=0)
        for j, criterion in enumerate(self.known):
            if criterion.measure == "cost_ratio":
                values[:, :, j] = np.where(np.isnan(ratios), 0.5, value(criterion, ratios))
        lead: NDArray[np.intp] = np.argmax(values @ self.central, axis=1)
        return lead

    def _shares(self, criterion: str, end: Literal["low", "high"]) -> Floats:
        """Shares of all weight with one at an end of its range, the others at their centre."""
        points = {n: w.central for n, w in self.weights.items()}
        moved = np.array(
            list((points | {criterion: getattr(self.weights[criterion], end)}).values())
        )
        return np.asarray(moved / (moved.sum() or 1), dtype=np.float64)

    # What one input does to the lead ----------------------------------------------------------

    def of(self, values: Floats | None = None, weights: Floats | None = None) -> tuple[float, str]:
        """Points ahead of the best rival, and who leads."""
        moved, shares = (self.values if values is None else values), weights
        scores = 100 * moved @ (self.central if shares is None else shares)
        rivals = np.delete(scores, self.at)
        return float(scores[self.at] - rivals.max()), self.names[int(np.argmax(scores))]

    def swings(self, drivers: Sequence[Driver]) -> tuple[Swing, ...]:
        """Every input at both ends of its range, widest swing first."""
        if len(self.names) < 2:
            return ()
        plan, found = self.of()[0], []
        for what, band, moves in (*self._costs(drivers), *self._weights(), *self._measures()):
            (low, leader_low), (high, leader_high) = (self.of(**move) for move in moves)
            found.append(Swing(*what, *band, low, plan, high, leader_low, leader_high))
        return tuple(sorted((s for s in found if s.reach > 0), key=lambda s: -s.reach))

    def _costs(self, drivers: Sequence[Driver]) -> Iterator[Move]:
        for d in drivers:
            moves = [self._with("cost_ratio", costs) for costs in (d.at_low, d.at_high)]
            yield ("cost", d.label, "", d.unit), (d.low, d.plan, d.high), moves

    def _weights(self) -> Iterator[Move]:
        for j, c in enumerate(self.known):
            own = self.weights[c.criterion]
            if own.low < own.high:
                ends = [self._shares(c.criterion, end) for end in ("low", "high")]
                band = float(ends[0][j]), float(self.central[j]), float(ends[1][j])
                yield ("weight", c.label, "", "share"), band, [{"weights": w} for w in ends]

    def _measures(self) -> Iterator[Move]:
        for candidate in self.candidates:
            for c in self.known:
                low, plan, high = ends(candidate.measures.get(c.measure), c)
                if c.measure != "cost_ratio" and low < high:
                    moves = [self._with(c.measure, {candidate.name: x}) for x in (low, high)]
                    yield ("measure", c.label, candidate.name, c.unit), (low, plan, high), moves

    def _with(self, measure: str, found: Mapping[str, float]) -> dict[str, Floats]:
        """The values with a measure of some options in place of their own."""
        moved = self.values.copy()
        for j, c in enumerate(self.known):
            for i, name in enumerate(self.names):
                if c.measure == measure and name in found:
                    moved[i, j] = value(c, found[name])
        return {"values": moved}
