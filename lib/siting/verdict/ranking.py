"""Rank the options under uncertain weights and measures.

Options are compared by an additive value model with fixed goalposts: each criterion maps its
measure to 0–1, a weight times that value is the contribution, and contributions add up to the
score.

Weights and measures are both uncertain. Stochastic multicriteria acceptability analysis (SMAA-2,
Lahdelma and Salminen, Operations Research 49(3), 2001, 444–454) draws them together; the share of
draws in which an option ranks first is its acceptability. Fixed goalposts keep the other scores
unchanged when an option is added or removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from siting.catalogue import Fact, table
from siting.quantity import Z90, Range

Floats = NDArray[np.float64]


class Criterion(Fact):
    """One thing that counts: how it is measured, its goalposts, its default weight and why."""

    criterion: str
    label: str
    measure: str
    """Key of `Candidate.measures`, or `attribute:<key>` for a number of the option itself."""
    unit: str
    scale: Literal["linear", "log", "money"]
    """money: linear without end, so that an option loses points for every unit that it costs."""
    worst: float
    """Measure worth 0."""
    best: float
    """Measure worth 1."""
    weight_low: float
    weight_central: float
    weight_high: float
    why: str

    @property
    def weight(self) -> Range:
        """Its default weight."""
        return Range(self.weight_low, self.weight_central, self.weight_high, "points")


class ConfidenceWord(Fact):
    """A word for how sure the answer is, with the acceptability from which it is used."""

    word: str
    at_least: float
    definition: str


@dataclass(frozen=True)
class Sampled:
    """An uncertain value: its median, and draws in which it varies together with others."""

    draws: Floats
    central: float

    @classmethod
    def of(cls, draws: Floats) -> Sampled:
        """Draws with their median."""
        return cls(draws, float(np.median(draws)))

    def scaled(self, factor: float) -> Sampled:
        """Every value times `factor`."""
        return Sampled(self.draws * factor, self.central * factor)

    def range(self, unit: str = "") -> Range:
        """The central case with P10 and P90 of the draws."""
        low, high = (float(q) for q in np.quantile(self.draws, (0.1, 0.9)))
        return Range(min(low, self.central), self.central, max(high, self.central), unit)


Measure = Range | Sampled


@dataclass(frozen=True)
class Doubt:
    """A constraint that is neither kept for certain nor broken."""

    point: str
    """What is in doubt, in a few words."""
    reason: str
    clears: str
    """What would clear it."""
    regime: str = ""
    """Of the rule that it is about; blank for others."""
    quality: bool = False
    """Whether it is the model's quality that is not shown."""


@dataclass(frozen=True)
class Candidate:
    """One option as the decision sees it.

    `measures` holds, by name, a `Range` or draws that vary together with those of the other
    candidates (alike in length and order); a measure that is missing is unknown and counts as
    anything between worst and best.
    """

    name: str
    label: str
    kind: str
    measures: Mapping[str, Measure]
    cost: Sampled | None = None
    """Present cost over the horizon. [client's currency]"""
    struck: tuple[str, ...] = ()
    """Hard constraints that it fails, in words."""
    uncleared: tuple[Doubt, ...] = ()
    """Hard constraints that are not shown to hold, and models not shown to be good enough."""


@dataclass(frozen=True)
class Regret:
    """What choosing this option costs when another would have been better."""

    points: float
    """Mean loss of score, 0–100."""
    money: float | None
    """Mean extra cost over the cheapest option in each draw. [client's currency]"""


@dataclass(frozen=True)
class Ranking:
    """Result of the acceptability analysis over the options that were not struck."""

    names: tuple[str, ...]
    acceptability: Floats
    """[option, rank] share of draws in which the option takes that rank; rows and columns sum
    to 1."""
    beats: Floats
    """[a, b] share of draws in which a scores above b."""
    score: dict[str, Range]
    """0–100, P10 to P90 over draws; the centre is the score at central weights and measures."""
    median: dict[str, float]
    """Median score over draws."""
    contributions: dict[str, dict[str, float]]
    """Option, criterion: points at central weights and measures; they add up to the score."""
    regret: dict[str, Regret]

    def first(self, name: str) -> float:
        """Share of draws in which the option wins."""
        return float(self.acceptability[self.names.index(name), 0])

    def beats_share(self, a: str, b: str) -> float:
        """Share of draws in which option `a` scores above option `b`."""
        return float(self.beats[self.names.index(a), self.names.index(b)])

    @property
    def best(self) -> str:
        """The option with the least regret on average, which is the highest mean score.

        Shares of wins alone would split between options that are alike.
        """
        return min(self.names, key=lambda n: self.regret[n].points)


def criteria() -> tuple[Criterion, ...]:
    """Every criterion, in the order of the table."""
    return table("decision_criteria", Criterion)


def confidence(share: float) -> ConfidenceWord:
    """The word for a first-rank acceptability."""
    words = sorted(table("confidence_words", ConfidenceWord), key=lambda w: -w.at_least)
    return next(w for w in words if share >= w.at_least)


def weights_of(chosen: Mapping[str, Range], known: Sequence[Criterion]) -> dict[str, Range]:
    """The client's weights over the defaults of the table.

    Raises ValueError when a weight names no criterion, or all are zero.
    """
    names = [c.criterion for c in known]
    for name in set(chosen) - set(names):
        raise ValueError(
            f"decision.weights: {name!r} is not a criterion; write one of {', '.join(names)}"
        )
    result = {c.criterion: chosen.get(c.criterion, c.weight) for c in known}
    if sum(w.central for w in result.values()) <= 0:
        raise ValueError("decision.weights: all weights are 0; give at least one criterion weight")
    return result


def value(criterion: Criterion, measure: Floats | float) -> Floats:
    """Worth of a measure on a criterion: 0 at the worst goalpost, 1 at the best.

    Beyond its goalposts a measure is worth no less and no more, except money: twice as far beyond
    is twice as bad, and the worth is negative.
    """
    x = np.asarray(measure, dtype=np.float64)
    worst, best = criterion.worst, criterion.best
    if criterion.scale == "log":
        x = np.log(np.maximum(x, 1e-12))
        worst, best = float(np.log(worst)), float(np.log(best))
    worth = np.asarray((x - worst) / (best - worst))
    return worth if criterion.scale == "money" else np.clip(worth, 0.0, 1.0)


def draw(given: Range, n: int, rng: np.random.Generator) -> Floats:
    """Draws of a range read as P10, P50, P90: two half normals that meet at the centre."""
    z = rng.standard_normal(n)
    spread = np.where(z < 0, given.central - given.low, given.high - given.central)
    return given.central + z * spread / Z90


def draw_weights(weights: Mapping[str, Range], n: int, rng: np.random.Generator) -> Floats:
    """[draw, criterion] weights, uniform between low and high, then divided by their sum."""
    low = np.array([w.low for w in weights.values()])
    high = np.array([w.high for w in weights.values()])
    drawn = rng.uniform(low, high, size=(n, len(low)))
    total = drawn.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, drawn / np.maximum(total, 1e-300), 1 / len(low)))


def ends(measure: Measure | None, criterion: Criterion) -> tuple[float, float, float]:
    """P10, P50 and P90 of a measure; of an unknown one the goalposts and their middle."""
    if measure is None:
        low, high = sorted((criterion.worst, criterion.best))
        return low, (low + high) / 2, high
    if isinstance(measure, Range):
        return measure.low, measure.central, measure.high
    low, middle, high = (float(q) for q in np.quantile(measure.draws, (0.1, 0.5, 0.9)))
    return low, middle, high


def central_weights(weights: Mapping[str, Range]) -> Floats:
    """Central weights divided by their sum."""
    central = np.array([w.central for w in weights.values()])
    return np.asarray(central / central.sum(), dtype=np.float64)


def central_values(candidates: Sequence[Candidate], known: Sequence[Criterion]) -> Floats:
    """[option, criterion] value of the central measure; an unknown measure is worth one half."""
    table_ = np.full((len(candidates), len(known)), 0.5)
    for i, candidate in enumerate(candidates):
        for j, criterion in enumerate(known):
            measure = candidate.measures.get(criterion.measure)
            if measure is not None:
                table_[i, j] = value(criterion, measure.central)
    return table_


def drawn_values(
    candidates: Sequence[Candidate],
    known: Sequence[Criterion],
    n: int,
    rng: np.random.Generator,
) -> Floats:
    """[draw, option, criterion] values; an unknown measure is uniform over worst to best."""
    values = np.empty((n, len(candidates), len(known)))
    for j, criterion in enumerate(known):
        for i, candidate in enumerate(candidates):
            measure = candidate.measures.get(criterion.measure)
            if measure is None:
                values[:, i, j] = rng.uniform(size=n)
            elif isinstance(measure, Range):
                values[:, i, j] = value(criterion, draw(measure, n, rng))
            else:
                values[:, i, j] = value(criterion, np.resize(measure.draws, n))
    return values


def rank(
    candidates: Sequence[Candidate],
    known: Sequence[Criterion],
    weights: Mapping[str, Range],
    n: int,
    seed: int,
) -> Ranking:
    """Acceptability, pairwise wins, contributions and regret of the options that compete.

    n: number of draws of weights and measures together. Ties are broken by the order of options
    in the scenario. Raises ValueError without candidates.
    """
    if not candidates:
        raise ValueError("nothing to rank: every option is struck")
    rng = np.random.default_rng(seed)
    w = draw_weights(weights, n, rng)
    scores = 100 * np.einsum(
        "nc,noc->no", w, drawn_values(candidates, known, n, rng), optimize=True
    )
    order = np.argsort(-scores, axis=1, kind="stable")
    k = len(candidates)
    acceptability = np.stack([np.bincount(order[:, r], minlength=k) / n for r in range(k)], axis=1)
    beats = (scores[:, :, None] > scores[:, None, :]).mean(axis=0)
    points = 100 * central_values(candidates, known) * central_weights(weights)
    names, columns = [c.name for c in candidates], [c.criterion for c in known]
    low, median, high = np.quantile(scores, (0.1, 0.5, 0.9), axis=0)
    middle = points.sum(axis=1)
    ends = np.minimum(low, middle), middle, np.maximum(high, middle)
    return Ranking(
        tuple(names),
        acceptability,
        beats,
        {
            n_: Range(low, mid, high, "points")
            for n_, low, mid, high in zip(names, *ends, strict=True)
        },
        dict(zip(names, map(float, median), strict=True)),
        {
            n_: dict(zip(columns, map(float, p), strict=True))
            for n_, p in zip(names, points, strict=True)
        },
        _regrets(candidates, scores.max(axis=1, keepdims=True) - scores),
    )


def _regrets(candidates: Sequence[Candidate], loss: Floats) -> dict[str, Regret]:
    costs = [c.cost.draws for c in candidates if c.cost]
    extra: list[float | None] = [None] * len(candidates)
    if len(costs) == len(candidates):
        extra = [float(np.mean(cost - np.min(costs, axis=0))) for cost in costs]
    found = zip(candidates, loss.mean(axis=0), extra, strict=True)
    return {c.name: Regret(float(points), money) for c, points, money in found}
