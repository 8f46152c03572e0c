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
from collections.abc import Callable, Iterable, Mapping, Sequence
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
from siting.inputs.scenario.model import Method
from siting.quantity import Range
from siting.rules.findings import Finding

Weights: TypeAlias = Mapping[str, Range]
"""Points of each criterion, by its name."""
METHODS: Mapping[Method, str] = {
    "additive": "weighted sum",
    "free_weights": "weighted sum with any weights",
    "topsis": "nearness to the best of all (TOPSIS)",
    "promethee": "wins against each other (PROMETHEE II)",
}
"""Ways to put criteria together, in words."""

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


def _with_place(definition: str) -> str:
    """Refuses a definition without the place that `ConfidenceWord.meaning` fills."""
    if "{much}" not in definition:
        raise ValueError("write {much} where it says by how much another option is better")
    return definition


class ConfidenceWord(Fact, tables="confidence_words", key="word"):
    """A word for how sure the answer is, with the share of draws from which it is used."""

    word: str
    at_least: float
    definition: Annotated[str, AfterValidator(_with_place)]
    """What it means; {much} stands for by how much another option is better."""

    def meaning(self, much: str) -> str:
        """What it means, with by how much another option is better."""
        return self.definition.format(much=much)


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
    begins: str = ""
    """What it begins with, in words: several options may share a first move."""

    @property
    def struck(self) -> tuple[str, ...]:
        """What rules it out, in words, each said once."""
        return tuple(dict.fromkeys(barrier.told for barrier in self.barriers))


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Result of the acceptability analysis over the options that were not struck.

    Options are columns, or rows of `contributions`, in the order of `names`.
    """

    names: tuple[str, ...]
    scores: Floats
    """[draw, option] points: 100 where all is at its best goalpost; without a lower end."""
    contributions: Floats
    """[option, criterion] points at central weights and measures; they add up to the score."""
    costs: Floats | None
    """[draw, option] present cost in the client's currency; None where one of them has none."""

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

    @cached_property
    def acceptability(self) -> Floats:
        """[option, rank] share of draws in which the option takes that rank; rows and columns sum
        to 1. Ties are broken by the order of options."""
        n, k = self.scores.shape
        order = np.argsort(-self.scores, axis=1, kind="stable")
        return np.stack([np.bincount(order[:, r], minlength=k) / n for r in range(k)], axis=1)

    def first(self, name: str) -> float:
        """Share of draws in which the option wins."""
        return float(self.acceptability[self.names.index(name), 0])

    def beats_share(self, a: str, b: str) -> float:
        """Share of draws in which option `a` scores above option `b`."""
        return float((self.of(a) > self.of(b)).mean())

    def holds(self, names: Sequence[str], matters: float) -> float:
        """Share of draws in which no option beside these is better than the best of them by more
        than matters. [matters: points]"""
        own = np.isin(self.names, names)
        if own.all():
            return 1.0
        ahead = self.scores[:, ~own].max(axis=1) - self.scores[:, own].max(axis=1)
        return float((ahead <= matters).mean())

    def near_cheapest(self, name: str, matters: float) -> float | None:
        """Share of draws in which no option costs less by more than a share that matters."""
        if self.costs is None:
            return None
        own = self.costs[:, self.names.index(name)]
        return float((own <= self.costs.min(axis=1) * (1 + matters)).mean())

    # --- one option -------------------------------------------------------------------------------

    def score(self, name: str) -> Range:
        """P10 to P90 over draws; the centre is that at central weights and measures. [points]"""
        spread = self.spread(name)
        middle = float(self.contributions[self.names.index(name)].sum())
        return Range(min(spread.low, middle), middle, max(spread.high, middle), unit="points")

    def spread(self, name: str) -> Sampled:
        """The score over draws. [points]"""
        return Sampled.of(self.of(name))

    def regret(self, name: str) -> float:
        """Mean loss of score against the best option of each draw. [points]"""
        return float((self.scores.max(axis=1) - self.of(name)).mean())

    def regret_cost(self, name: str) -> float | None:
        """Mean extra cost over the cheapest option of each draw; None where a cost is missing.
        [client's currency]"""
        if self.costs is None:
            return None
        return float((self.costs[:, self.names.index(name)] - self.costs.min(axis=1)).mean())


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


def confidence(share: float) -> ConfidenceWord:
    """The word for a share of draws in which no other option is better by more than matters."""
    words = sorted(table("confidence_words", ConfidenceWord), key=lambda w: -w.at_least)
    return next(w for w in words if share >= w.at_least)


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


def draw_weights(weights: Weights, n: int, seed: int, free: bool = False) -> Floats:
    """[draw, criterion] weights, uniform between low and high, then divided by their sum.

    free: any weights at all, evenly over all divisions of one: exponential draws over their sum
    (Devroye, Non-Uniform Random Variate Generation, 1986, chapter V).
    """
    u = np.stack([streams.uniform(seed, n, "weight", name) for name in weights], axis=1)
    if free:
        drawn = -np.log(np.clip(u, 1e-12, 1))
    else:
        low = np.array([w.low for w in weights.values()])
        high = np.array([w.high for w in weights.values()])
        drawn = low + (high - low) * u
    total = drawn.sum(axis=1, keepdims=True)
    return np.asarray(np.where(total > 0, drawn / np.maximum(total, 1e-300), 1 / len(weights)))


def central_weights(weights: Weights) -> Floats:
    """Central weights divided by their sum."""
    central = np.array([w.central for w in weights.values()])
    return np.asarray(central / central.sum(), dtype=np.float64)


def central_worths(candidates: Sequence[Candidate], known: Sequence[Criterion]) -> Floats:
    """[option, criterion] worth of the central measure; an unknown measure is worth one half."""
    found = np.full((len(candidates), len(known)), 0.5)
    for (i, option), (j, criterion) in product(enumerate(candidates), enumerate(known)):
        if measure := option.measures.get(criterion.measure):
            found[i, j] = criterion.worth(measure.central)
    return found


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
    method: Method = "additive",
    draws: int,
    seed: int,
) -> Ranking:
    """Scores by draw, contributions and costs of the options that compete.

    weights: one of each criterion, in any order. draws: of weights and measures together.
    Raises ValueError without candidates, or where a measure has more or fewer draws than are
    asked for.
    """
    if not candidates:
        raise ValueError("nothing to rank: every option is struck")
    ordered = {c.criterion: weights[c.criterion] for c in criteria}
    shares = draw_weights(ordered, draws, seed, free=method == "free_weights")
    drawn = worths(candidates, criteria, draws, seed)
    costs = [c.cost.draws for c in candidates if c.cost]
    return Ranking(
        names=tuple(c.name for c in candidates),
        scores=_SCORES[method](shares, drawn),
        contributions=100 * central_worths(candidates, criteria) * central_weights(ordered),
        costs=np.stack(costs, axis=1) if len(costs) == len(candidates) else None,
    )


def _additive(shares: Floats, drawn: Floats) -> Floats:
    """Weighted sum of worths. [draw, option] points"""
    return np.asarray(100 * np.einsum("nc,noc->no", shares, drawn, optimize=True))


def _topsis(shares: Floats, drawn: Floats) -> Floats:
    """Nearness to the best of all options on each criterion, over that and nearness to the worst
    (Hwang and Yoon 1981). [draw, option] points"""
    weighed = shares[:, None] * drawn
    best = weighed.max(axis=1, keepdims=True)
    worst = weighed.min(axis=1, keepdims=True)
    to_best = np.sqrt(((weighed - best) ** 2).sum(axis=2))
    to_worst = np.sqrt(((weighed - worst) ** 2).sum(axis=2))
    apart = to_best + to_worst
    near = np.divide(to_worst, apart, out=np.full_like(apart, 0.5), where=apart > 0)
    return np.asarray(100 * near)


def _promethee(shares: Floats, drawn: Floats) -> Floats:
    """Net flow: weights of the criteria on which an option beats another, less those on which it
    is beaten, as a mean over the others (Brans and Vincke 1985). Two that are apart by no more than
    `indifferent_worth` are level. [draw, option] points"""
    count = drawn.shape[1]
    level = _setting("indifferent_worth").central
    apart = drawn[:, :, None] - drawn[:, None]
    wins = (apart > level).astype(float) - (apart < -level)
    net = np.einsum("nc,nokc->no", shares, wins, optimize=True) / max(1, count - 1)
    return np.asarray(50 + 50 * net)


_SCORES: Mapping[Method, Callable[..., Floats]] = {
    "additive": _additive,
    "free_weights": _additive,
    "topsis": _topsis,
    "promethee": _promethee,
}
