"""Rank the options under uncertain weights and measures.

Options are compared by an additive value model with fixed goalposts: each criterion maps its
measure to a worth, 0 at its worst goalpost and 1 at its best. A share of the weights times that
worth is the contribution, and a hundred times their sum the score, in points. A worth ends at its
goalposts, except that of money: what costs less than its best goalpost is worth more than 1, what
costs more than its worst is worth less than 0. So a score is at most 100 points where nothing is
cheaper than that goalpost, and has no lower end. Goalposts follow from the scenario and the tables,
never from the other options, so that an option more moves no score.

Weights and measures are both uncertain. Stochastic multicriteria acceptability analysis (SMAA-2,
Lahdelma and Salminen, Operations Research 49(3), 2001, 444–454) draws them together; the share of
draws in which an option ranks first is its acceptability. It is split between options that are
alike, so that how sure an answer is, is told by another share: the draws in which no other option
is better by more than matters.

What has the same cause is drawn once: a rule under review is one coin by rule, vendor and reason,
whichever option carries it; the other measures go by kind of place, vendor and criterion.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Annotated, Literal, TypeAlias, get_args

import numpy as np
from pydantic import AfterValidator, ValidationInfo

from siting import draws as streams
from siting.catalogue import Fact, settings, table, unknown
from siting.draws import Floats
from siting.inputs.attributes import dictionary
from siting.quantity import Range
from siting.rules.findings import Finding

Weights: TypeAlias = Mapping[str, Range]
"""Points of each criterion, by its name."""
MeasureName = Literal[
    "cost_ratio", "latency_margin", "loss_share", "findings", "openness", "months_to_production",
    "exit_share",
]  # fmt: skip
"""What is measured of every option (`candidates.candidate`)."""


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
    """cost, cost a year: in multiples of what such a service usually costs (`cost.reference`), over
    the horizon or a year; share; blank: a plain number, of which `about` says what it counts."""
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
        return Range(low, (low + high) / 2, high, unit=self.unit)

    def worth(self, measure: Floats | float) -> Floats:
        """Worth of a measure: 0 at the worst goalpost, 1 at the best.

        Beyond its goalposts a measure is worth no less and no more, except money: twice as far
        beyond is twice as bad, and the worth is negative.
        """
        x = np.asarray(measure, dtype=np.float64)
        worst = self.worst
        best = self.best
        if self.scale == "log":
            x = np.log(np.maximum(x, 1e-12))
            worst = float(np.log(worst))
            best = float(np.log(best))
        found = np.asarray((x - worst) / (best - worst))
        return found if self.scale == "money" else np.clip(found, 0.0, 1.0)


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
    def low(self) -> float:
        """P10 of the draws."""
        return float(np.quantile(self.draws, 0.1))

    @property
    def high(self) -> float:
        """P90 of the draws."""
        return float(np.quantile(self.draws, 0.9))


@dataclass(frozen=True)
class Coins:
    """A count that is partly open: so many for certain, and one more for each coin that falls so.

    A coin is named by its cause; options with the same open point share it.
    """

    certain: float
    open: tuple[str, ...] = ()

    @property
    def central(self) -> float:
        """The mean: every coin counts a half."""
        return self.certain + len(self.open) / 2

    @property
    def low(self) -> float:
        """None of the open ones."""
        return self.certain

    @property
    def high(self) -> float:
        """All of the open ones."""
        return self.certain + len(self.open)

    def drawn(self, seed: int, n: int) -> Floats:
        """The count in each draw. [n]"""
        counts = np.full(n, self.certain)
        for cause in self.open:
            counts += streams.uniform(seed, n, "open", cause) < 0.5
        return counts


Measure = Range | Sampled | Coins
"""Each tells its `low`, `central` and `high`."""


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
class Barrier:
    """What rules an option out: the cause, and how a reader is told."""

    told: str
    by: Literal["gone", "price", "part", "room", "rule", "condition"]
    """gone: its vendor or model; price: it has none; part: it is a mix of one part alone; room: too
    small for its servers; rule: fails, as a hard condition asks that it does not; condition: a hard
    condition on anything else."""
    line: str = ""
    """The hard condition, as the scenario writes it; blank where none is needed to strike."""
    findings: tuple[Finding, ...] = ()
    """What the rule says of each flow on which it fails."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One option as the decision sees it.

    `measures` holds, by name, a range, a count that is partly open, or draws that vary together
    with those of the other candidates (as many as are ranked, in one order); a measure that is
    missing is unknown and counts as anything between worst and best.
    """

    name: str
    label: str
    kind: str
    measures: Mapping[str, Measure]
    cost: Sampled | None = None
    """Present cost over the horizon. [client's currency]"""
    barriers: tuple[Barrier, ...] = ()
    """What rules it out."""
    uncleared: tuple[Doubt, ...] = ()
    """Hard constraints that are not shown to hold, and models not shown to be good enough."""
    cause: str = ""
    """Kind of place and vendors: what its measures are drawn by; its kind where it is blank."""

    @property
    def struck(self) -> tuple[str, ...]:
        """What rules it out, in words, each said once."""
        return tuple(dict.fromkeys(barrier.told for barrier in self.barriers))


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Result of the acceptability analysis over the options that were not struck.

    Options are columns, or rows of `points`, in the order of `names`.
    """

    names: tuple[str, ...]
    scores: Floats
    """[draw, option] points: 100 where all is at its best goalpost; without a lower end."""
    points: Floats
    """[option, criterion] mean points over the draws; they add up to the mean score."""

    # --- the choice: by mean score, which is the least regret on average ------------------------

    @cached_property
    def means(self) -> dict[str, float]:
        """Mean score over the draws, by option. [points]"""
        return dict(zip(self.names, self.scores.mean(axis=0).tolist(), strict=True))

    @cached_property
    def best(self) -> str:
        """The option with the highest mean score.

        Shares of wins alone would split between options that are alike.
        """
        return max(self.names, key=self.mean)

    def mean(self, name: str) -> float:
        """Mean score over the draws: what `best` and `lead` go by. [points]"""
        return self.means[name]

    def next(self, name: str, without: Iterable[str] = ()) -> str | None:
        """The option that would follow this one: the best of the others by mean score; None where
        no other competes.

        without: options that are left out, too.
        """
        others = [other for other in self.names if other not in {name, *without}]
        return max(others, key=self.mean, default=None)

    def lead(self, name: str) -> float | None:
        """Mean score of an option over that of the next; None where it does not compete, or alone.
        [points]"""
        after = self.next(name)
        if after is None or name not in self.names:
            return None
        return self.mean(name) - self.mean(after)

    # --- how sure: shares of the draws ------------------------------------------------------------

    def of(self, name: str) -> Floats:
        """Score of an option in each draw. [points]"""
        return self.scores[:, self.names.index(name)]

    def holds(self, names: Sequence[str], matters: float) -> float:
        """Share of draws in which no option beside these is better than the best of them by more
        than matters. [matters: points]"""
        own = np.isin(self.names, names)
        if own.all():
            return 1.0
        ahead = self.scores[:, ~own].max(axis=1) - self.scores[:, own].max(axis=1)
        return float((ahead <= matters).mean())

    def spread(self, name: str) -> Sampled:
        """The score over draws. [points]"""
        return Sampled.of(self.of(name))


def _setting(name: str) -> Range:
    return settings("decision_settings")[name].range


def matters_points() -> float:
    """A lead that counts. [points]"""
    return _setting("matters_points").central


def may_matter_points() -> float:
    """A lead, or a part of one, up to which nothing speaks for either side. [points of 100]"""
    return _setting("matters_points").low


def matters_cost() -> float:
    """A difference in cost that counts. [share]"""
    return _setting("matters_cost").central


def all_criteria() -> tuple[Criterion, ...]:
    """Every criterion, in the order of the table."""
    return table("decision_criteria", Criterion)


def weights_of(chosen: Mapping[str, Range], known: Sequence[Criterion]) -> dict[str, Range]:
    """The client's weights over the defaults of the table.

    Raises ValueError when a weight names no criterion, or all are zero.
    """
    names = [c.criterion for c in known]
    for name in chosen:
        if name not in names:
            raise ValueError(f"decision.weights: {unknown(name, 'criterion', names)}")
    result = {c.criterion: chosen.get(c.criterion, c.weight) for c in known}
    if sum(w.central for w in result.values()) <= 0:
        raise ValueError("decision.weights: all weights are 0; give at least one criterion weight")
    return result


def draw_weights(weights: Weights, n: int, seed: int) -> Floats:
    """[draw, criterion] weights, uniform between low and high, then divided by their sum."""
    u = np.stack([streams.uniform(seed, n, "weight", name) for name in weights], axis=1)
    low = np.array([w.low for w in weights.values()])
    high = np.array([w.high for w in weights.values()])
    drawn = low + (high - low) * u
    total = drawn.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, drawn / np.maximum(total, 1e-300), 1 / len(weights)))


def worths(
    candidates: Sequence[Candidate], known: Sequence[Criterion], n: int, seed: int
) -> Floats:
    """[draw, option, criterion] worth of every measure; an unknown one is anything from worst to
    best.

    Raises ValueError where a measure was not drawn n times: its draws would meet those of others
    that have another cause.
    """
    found = np.empty((n, len(candidates), len(known)))
    for (j, criterion), (i, option) in product(enumerate(known), enumerate(candidates)):
        cause = criterion.criterion, option.cause or option.kind
        match option.measures.get(criterion.measure):
            case None:
                found[:, i, j] = streams.uniform(seed, n, *cause)
            case Range() as measure:
                z = streams.normal(seed, n, *cause)
                found[:, i, j] = criterion.worth(streams.at_score(measure, z))
            case Coins() as measure:
                found[:, i, j] = criterion.worth(measure.drawn(seed, n))
            case Sampled() as measure:
                if len(measure.draws) != n:
                    drawn = f"{option.name}: {criterion.measure} has {len(measure.draws)} draws"
                    raise ValueError(f"{drawn}, and {n} are ranked")
                found[:, i, j] = criterion.worth(measure.draws)
    return found


def rank(
    candidates: Sequence[Candidate],
    criteria: Sequence[Criterion],
    weights: Weights,
    *,
    draws: int,
    seed: int,
) -> Ranking:
    """Scores by draw and mean points of the options that compete: a weighted sum of worths.

    weights: one of each criterion, in any order. draws: of weights and measures together.
    Raises ValueError without candidates, or where a measure has more or fewer draws than are
    asked for.
    """
    if not candidates:
        raise ValueError("nothing to rank: every option is struck")
    ordered = {c.criterion: weights[c.criterion] for c in criteria}
    shares = draw_weights(ordered, draws, seed)
    drawn = worths(candidates, criteria, draws, seed)
    return Ranking(
        names=tuple(c.name for c in candidates),
        scores=np.asarray(100 * np.einsum("nc,noc->no", shares, drawn, optimize=True)),
        points=np.asarray(100 * np.einsum("nc,noc->oc", shares, drawn, optimize=True) / draws),
    )
