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

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, ValidationInfo

from siting.catalogue import Fact, table, unknown
from siting.inputs.attributes import dictionary
from siting.quantity import Z90, Range

Floats = NDArray[np.float64]
Weights: TypeAlias = Mapping[str, Range]
"""Points of each criterion, in the order of the criteria."""


MeasureName = Literal[
    "cost_ratio", "latency_margin", "loss_share", "findings", "openness", "months_to_production",
    "exit_share",
]  # fmt: skip
"""What is measured of every option (`candidates.candidates`)."""


def _known_measure(measure: str, row: ValidationInfo) -> str:
    sort, _, name = measure.partition(":")
    if sort == "answer" and re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return measure
    attributes = (f"attribute:{a.name}" for a in dictionary().values() if a.type == "number")
    known = (*get_args(MeasureName), *attributes)
    if row.context and measure not in known:
        raise ValueError(unknown(measure, "measure of an option", known))
    return measure


class Criterion(Fact, tables="decision_criteria", key="criterion"):
    """One thing that counts: how it is measured, its goalposts, its default weight and why."""

    criterion: str
    label: str
    measure: Annotated[str, AfterValidator(_known_measure)]
    """Key of `Candidate.measures`. `attribute:NAME`: a number of the dictionary of attributes;
    `answer:NAME`: one that this row adds to it. Options state both under `attributes`."""
    about: str
    """What the measure is of, in the words that stand beside its label."""
    unit: Literal["cost", "cost a year", "share", ""] = ""
    """cost, cost a year: in multiples of that of the cheapest allowed option; share; blank: a plain
    number, of which `about` says what it counts."""
    scale: Literal["linear", "log", "money"]
    """money: linear without end, so that an option loses points for every unit that it costs."""
    worst: float
    """Measure worth 0."""
    best: float
    """Measure worth 1."""
    weight: Range
    """Its default weight. [points]"""
    why: str

    @property
    def anything(self) -> Range:
        """The goalposts and their middle: what an unknown measure may be."""
        low, high = sorted((self.worst, self.best))
        return Range(low, (low + high) / 2, high, self.unit)

    def value(self, measure: Floats | float) -> Floats:
        """Worth of a measure: 0 at the worst goalpost, 1 at the best.

        Beyond its goalposts a measure is worth no less and no more, except money: twice as far
        beyond is twice as bad, and the worth is negative.
        """
        x, worst, best = np.asarray(measure, dtype=np.float64), self.worst, self.best
        if self.scale == "log":
            x = np.log(np.maximum(x, 1e-12))
            worst, best = float(np.log(worst)), float(np.log(best))
        worth = np.asarray((x - worst) / (best - worst))
        return worth if self.scale == "money" else np.clip(worth, 0.0, 1.0)


class ConfidenceWord(Fact, tables="confidence_words", key="word"):
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

    @property
    def ends(self) -> tuple[float, float, float]:
        """P10, P50 and P90 of the draws."""
        low, middle, high = map(float, np.quantile(self.draws, (0.1, 0.5, 0.9)))
        return low, middle, high


Measure = Range | Sampled


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """A constraint that is neither kept for certain nor broken."""

    point: str
    """What is in doubt, in a few words."""
    reason: str
    clears: str
    """What would clear it."""
    owner: str = "architect"
    """Who settles it."""
    quality: bool = False
    """Whether it is the model's quality that is not shown."""
    may_not_apply: bool = False
    """Whether it is not even known if the rule that asks for it concerns the option."""


@dataclass(frozen=True, kw_only=True)
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
class Ranking:
    """Result of the acceptability analysis over the options that were not struck.

    Options are columns, or rows of `contributions`, in the order of `names`.
    """

    names: tuple[str, ...]
    scores: Floats
    """[draw, option] points out of 100."""
    contributions: Floats
    """[option, criterion] points at central weights and measures; they add up to the score."""
    costs: Floats | None
    """[draw, option] present cost in the client's currency; None where one of them has none."""

    @cached_property
    def acceptability(self) -> Floats:
        """[option, rank] share of draws in which the option takes that rank; rows and columns sum
        to 1. Ties are broken by the order of options."""
        n, k = self.scores.shape
        order = np.argsort(-self.scores, axis=1, kind="stable")
        return np.stack([np.bincount(order[:, r], minlength=k) / n for r in range(k)], axis=1)

    @cached_property
    def best(self) -> str:
        """The option with the highest mean score, which is the least regret on average.

        Shares of wins alone would split between options that are alike.
        """
        return self.names[int(self.scores.mean(axis=0).argmax())]

    def first(self, name: str) -> float:
        """Share of draws in which the option wins."""
        return float(self.acceptability[self.names.index(name), 0])

    def beats_share(self, a: str, b: str) -> float:
        """Share of draws in which option `a` scores above option `b`."""
        one, other = (self.scores[:, self.names.index(name)] for name in (a, b))
        return float((one > other).mean())

    def score(self, name: str) -> Range:
        """0–100, P10 to P90 over draws; the centre is the score at central weights and measures."""
        low, _, high = self.spread(name)
        middle = float(self.contributions[self.names.index(name)].sum())
        return Range(min(low, middle), middle, max(high, middle), "points")

    def spread(self, name: str) -> tuple[float, float, float]:
        """P10, P50 and P90 of the score over draws."""
        return Sampled.of(self.scores[:, self.names.index(name)]).ends

    def regret(self, name: str) -> tuple[float, float | None]:
        """What choosing this option costs when another would have been better: mean loss of score,
        and mean extra cost over the cheapest option of each draw. [points, client's currency]"""
        at, costs = self.names.index(name), self.costs
        loss = self.scores.max(axis=1, keepdims=True) - self.scores
        extra = None if costs is None else float(np.mean(costs[:, at] - costs.min(axis=1)))
        return float(loss.mean(axis=0)[at]), extra


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


def draw(given: Range, n: int, rng: np.random.Generator) -> Floats:
    """Draws of a range read as P10, P50, P90: two half normals that meet at the centre."""
    z = rng.standard_normal(n)
    spread = np.where(z < 0, given.central - given.low, given.high - given.central)
    return given.central + z * spread / Z90


def draw_weights(weights: Weights, n: int, rng: np.random.Generator) -> Floats:
    """[draw, criterion] weights, uniform between low and high, then divided by their sum."""
    low, _, high = np.array([w.ends for w in weights.values()]).T
    drawn = rng.uniform(low, high, size=(n, len(low)))
    total = drawn.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, drawn / np.maximum(total, 1e-300), 1 / len(low)))


def central_weights(weights: Weights) -> Floats:
    """Central weights divided by their sum."""
    central = np.array([w.central for w in weights.values()])
    return np.asarray(central / central.sum(), dtype=np.float64)


def central_values(candidates: Sequence[Candidate], known: Sequence[Criterion]) -> Floats:
    """[option, criterion] value of the central measure; an unknown measure is worth one half."""
    values = np.full((len(candidates), len(known)), 0.5)
    for (i, option), (j, criterion) in product(enumerate(candidates), enumerate(known)):
        if measure := option.measures.get(criterion.measure):
            values[i, j] = criterion.value(measure.central)
    return values


def drawn(
    candidates: Sequence[Candidate], known: Sequence[Criterion], weights: Weights, n: int, seed: int
) -> tuple[Floats, Floats]:
    """[draw, criterion] weights, and [draw, option, criterion] values, drawn together.

    An unknown measure is uniform over worst to best.
    """
    rng = np.random.default_rng(seed)
    shares, values = draw_weights(weights, n, rng), np.empty((n, len(candidates), len(known)))
    for (j, criterion), (i, option) in product(enumerate(known), enumerate(candidates)):
        match option.measures.get(criterion.measure):
            case None:
                values[:, i, j] = rng.uniform(size=n)
            case Range() as measure:
                values[:, i, j] = criterion.value(draw(measure, n, rng))
            case Sampled() as measure:
                values[:, i, j] = criterion.value(np.resize(measure.draws, n))
    return shares, values


def rank(
    candidates: Sequence[Candidate], known: Sequence[Criterion], weights: Weights, n: int, seed: int
) -> Ranking:
    """Acceptability, pairwise wins, contributions and regret of the options that compete.

    n: number of draws of weights and measures together. Raises ValueError without candidates.
    """
    if not candidates:
        raise ValueError("nothing to rank: every option is struck")
    shares, values = drawn(candidates, known, weights, n, seed)
    costs = [c.cost.draws for c in candidates if c.cost]
    return Ranking(
        tuple(c.name for c in candidates),
        100 * np.einsum("nc,noc->no", shares, values, optimize=True),
        100 * central_values(candidates, known) * central_weights(weights),
        np.stack(costs, axis=1) if len(costs) == len(candidates) else None,
    )
