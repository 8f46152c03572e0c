"""How sure the cost comparison is: tornado, Sobol indices, Monte Carlo, flip points.

All four draw the uncertain factors of the plan and bill every option with `tco.totals`, the same
evaluation as the central case. Draws are correlated by a Gaussian copula: factors of one driver
move together, and facts/cost_correlations.csv says which drivers follow each other. A hybrid owns
in every draw what is best in the central case, because servers are bought before the future is
known.
"""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import ndtr, ndtri

from siting import catalogue
from siting.catalogue import Fact
from siting.cost import tco
from siting.cost.cashflow import Draws, Plan, at_score
from siting.cost.money import Array
from siting.cost.prices import Factor, parameter
from siting.cost.tco import Comparison
from siting.inputs.scenario import Scenario
from siting.quantity import Z90, Range

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 20_000
SOBOL_BASE = 512
"""Base sample of the Sobol indices, a power of two; (drivers + 2) evaluations for each."""
SOBOL_DRIVERS = 12
"""The drivers with the widest tornado bars enter the Sobol indices."""
REACH = 3.0
"""Flip points are searched so many standard deviations to each side of the central value."""
GROWTH = "growth"


class Correlation(Fact, tables="cost_correlations", key="a b"):
    """How closely two drivers follow each other (normal scores)."""

    a: str
    b: str
    correlation: float


# --- draws ------------------------------------------------------------------------------------


def value_at(factor: Factor, z: Array) -> Array:
    """Value of a factor at standard normal scores.

    split_normal: P10, P50 and P90 are low, central and high, each side with its own spread;
    uniform and triangular: low and high are the ends, central the mode. At zero, where all else
    is as planned, it is central whatever its shape.
    """
    v, floor = factor.value, factor.floor
    if not factor.is_drawn:
        return np.full_like(z, v.central)
    if factor.shape == "uniform":
        out = v.low + (v.high - v.low) * ndtr(z)
    elif factor.shape == "triangular":
        out = _triangular(v, ndtr(z))
    else:
        out = at_score(v, z)
    least = 0.0 if floor is None and v.low >= 0 else floor
    return np.where(z == 0, v.central, np.clip(out, least, factor.ceiling))


def _triangular(v: Range, u: Array) -> Array:
    """Inverse of the triangular distribution with mode `central`."""
    width = v.high - v.low
    rising = v.low + np.sqrt(u * width * (v.central - v.low))
    falling = v.high - np.sqrt((1 - u) * width * (v.high - v.central))
    return np.where(u < (v.central - v.low) / width, rising, falling)


def drivers(plan: Plan) -> dict[str, list[Factor]]:
    """What moves, and the factors that it moves; growth of demand moves the load itself."""
    found: dict[str, list[Factor]] = {}
    drawn = tco.drawn_factors(plan)
    for f in plan.factors.values():
        if f.is_drawn and f.name in drawn:
            found.setdefault(f.driver, []).append(f)
    if any(g.low < g.high for load in plan.loads.values() for g in load.growth):
        found[GROWTH] = []
    return found


def scores(names: Sequence[str], size: int, seed: int) -> dict[str, Array]:
    """Correlated standard normal scores of the drivers. [size each]

    Gaussian copula: the Cholesky factor of the correlation matrix times independent scores.
    """
    # One stream for each driver, so that a new input leaves the draws of the others as they are.
    streams = (np.random.default_rng([seed, zlib.crc32(n.encode())]) for n in names)
    z = np.array([stream.standard_normal(size) for stream in streams])
    at = {n: i for i, n in enumerate(names)}
    matrix = _matrix(at)
    tied = [i for i in range(len(names)) if np.count_nonzero(matrix[i]) > 1]
    if tied:
        z[tied] = np.linalg.cholesky(matrix[np.ix_(tied, tied)]) @ z[tied]
    return {n: z[at[n]] for n in names}


def _matrix(at: Mapping[str, int]) -> Array:
    """Correlations of drivers at their places. Raises FactError where no draws can have them."""
    matrix = np.eye(len(at))
    for c in catalogue.table("cost_correlations", Correlation):
        if c.a in at and c.b in at:
            matrix[at[c.a], at[c.b]] = matrix[at[c.b], at[c.a]] = c.correlation
    if np.linalg.eigvalsh(matrix).min(initial=1) <= 1e-9:
        raise catalogue.FactError(
            "facts/cost_correlations.csv: no inputs can be correlated like this (what moves with "
            "one of two cannot move against both); bring the correlations nearer to 0"
        )
    return matrix


def check_correlations() -> None:
    """Raises FactError where the table of correlations is impossible."""
    pairs = ((c.a, c.b) for c in catalogue.table("cost_correlations", Correlation))
    _matrix({n: i for i, n in enumerate(dict.fromkeys(chain(*pairs)))})


def draws_at(plan: Plan, z: Mapping[str, Array]) -> Draws:
    """Values of all factors at the scores of their drivers; the rest stay central."""
    size = max(np.size(v) for v in z.values())
    out = plan.central(growth=z.get(GROWTH, np.zeros(size)))
    for name, moved in drivers(plan).items():
        if name in z:
            out |= {factor.name: value_at(factor, z[name]) for factor in moved}
    return out


# --- results ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Bar:
    """A bar of the tornado: what one driver does to the saving of an option over the baseline."""

    driver: str
    label: str
    band: Range
    """The driver's band: value at P10, central, P90, with its unit."""
    at_low: float
    at_high: float
    """NPV of the saving with the driver at P10 and at P90, all others central."""

    @property
    def swing(self) -> float:
        return abs(self.at_high - self.at_low)


@dataclass(frozen=True)
class Spread:
    """What an option may cost, over all draws: P10, median and P90, as everywhere in a report."""

    present: Range
    """Present cost; low and high are P10 and P90, central is the median."""
    npv: Range
    """Saving against the baseline."""
    chance_of_saving: float
    chance_cheapest: float
    cumulative: Array
    """Cost summed up to each year's end, P10, P50, P90. [3 × Y]"""


@dataclass(frozen=True)
class Flip:
    """A driver whose change alone makes another option the cheapest."""

    driver: str
    label: str
    band: Range
    """The driver's band: value at P10, central, P90, with its unit."""
    at: float
    winner: str
    inside: bool
    """Whether the flip lies between P10 and P90 of the driver."""
    deviations: float
    """How far away it is, in standard deviations of the driver."""


@dataclass(frozen=True)
class Uncertainty:
    """Costs of one scenario over many futures: all options in the same draws, so that what they
    share cancels out, and on both paths of API prices."""

    plan: Plan
    path: str
    """The scenario's own: `list` or `same_capability`."""
    scores: Mapping[str, Array]
    """Standard normal score of each driver. [n each]"""
    by_path: Mapping[str, Mapping[str, tco.Totals]]
    """By path, then by option."""

    @property
    def totals(self) -> Mapping[str, tco.Totals]:
        """Cost of each option, on the scenario's own path."""
        return self.by_path[self.path]

    @cached_property
    def chance_cheapest(self) -> dict[str, dict[str, float]]:
        """Share of draws in which each option is the cheapest, by path, then by option; a hybrid
        that is one of its parts leaves the win to the part."""
        found: dict[str, dict[str, float]] = {}
        for path, totals in self.by_path.items():
            order = self.plan.simple_first(totals)
            costs = np.array([totals[n].present for n in order])
            best = np.argmin(costs, axis=0) if order else np.zeros(1)
            found[path] = {n: float((best == order.index(n)).mean()) for n in totals}
        return found

    @cached_property
    def spreads(self) -> dict[str, Spread]:
        """P10, median and P90 of every option's costs, and of its saving over the baseline, on the
        scenario's own path."""
        chance, base = self.chance_cheapest[self.path], self.totals.get(self.plan.baseline)
        found = {}
        for name, t in self.totals.items():
            saving = base.present - t.present if base is not None else -t.present
            present, npv = (
                Range(*np.percentile(x, (10, 50, 90)).tolist()) for x in (t.present, saving)
            )
            summed = np.percentile(np.cumsum(t.yearly, axis=1), (10, 50, 90), axis=0)
            found[name] = Spread(present, npv, float((saving > 0).mean()), chance[name], summed)
        return found


def assess(scenario: Scenario, comparison: Comparison, size: int = DRAWS) -> Uncertainty:
    """All options billed with the same `size` draws, whose API prices fall, and do not."""
    plan, path, decline = comparison.plan, comparison.price_path, parameter("api_decline").factor()
    names = list(drivers(plan))
    drawn = scores(list(dict.fromkeys([*names, decline.driver])), size, scenario.seed)
    falls = {"list": np.zeros(size), "same_capability": value_at(decline, drawn[decline.driver])}
    own = {name: drawn[name] for name in names}
    return Uncertainty(plan, path, own, tco.by_path(plan, draws_at(plan, own), falls))


def falling(plan: Plan) -> Plan:
    """The plan with API prices that fall for equal quality."""
    return replace(plan, factors={**plan.factors, "api_decline": parameter("api_decline").factor()})


# --- one driver at a time ---------------------------------------------------------------------


def one_at_a_time(plan: Plan, steps: Array) -> tuple[list[str], dict[str, tco.Totals]]:
    """Drivers, and all options with each in turn at each of the scores. [drivers × steps draws]"""
    names = list(drivers(plan))
    each = np.kron(np.eye(len(names)), steps)
    return names, tco.totals(plan, draws_at(plan, dict(zip(names, each, strict=True))))


def tornado(plan: Plan, pair: tuple[str, str]) -> tuple[Bar, ...]:
    """Saving of the first option over the second with each driver at P10 and P90, widest first."""
    names, found = one_at_a_time(plan, np.array([-Z90, Z90]))
    saving = found[pair[1]].present - found[pair[0]].present
    bars = [
        Bar(name, *described(plan, name), float(saving[2 * i]), float(saving[2 * i + 1]))
        for i, name in enumerate(names)
    ]
    return tuple(sorted(bars, key=lambda b: -b.swing))


def described(plan: Plan, name: str) -> tuple[str, Range]:
    """Label of a driver and its values at P10, centre, P90."""
    if name == GROWTH:
        steps = [g for load in plan.loads.values() for g in load.growth]
        band = max(steps, key=lambda b: b.high - b.low)
        return "Growth of demand", Range(band.low, band.central, band.high, "per year")
    factor = _named(plan, name)
    low, high = (float(value_at(factor, np.array([z]))[0]) for z in (-Z90, Z90))
    centre = min(max(factor.value.central, low), high)
    label = factor.label if factor.driver == factor.name else factor.label.split(",")[0]
    return label, Range(low, centre, high, factor.value.unit)


def _named(plan: Plan, driver: str) -> Factor:
    """The factor that tells a driver's values: its own, or else the widest of those it moves."""
    moved = drivers(plan)[driver]
    return max(moved, key=lambda f: (f.name == driver, f.value.high - f.value.low))


def flips(plan: Plan, best: str, rivals: Sequence[str] = ()) -> tuple[Flip, ...]:
    """Nearest value of each driver at which a rival is cheaper than `best`, nearest driver first.

    rivals: all other options by default.

    The other options are as planned; only a hybrid may own another number of servers than in the
    central case, because the question is which way to go.
    """
    steps = np.linspace(-REACH, REACH, 49)
    names, found = one_at_a_time(plan, steps)
    order = [best, *(rivals or (n for n in found if n != best))]
    present = np.array([np.round(found[n].present, 6) for n in order])
    cost = present.reshape(len(order), len(names), len(steps))
    out = []
    for i, name in enumerate(names):
        winner = np.argmin(cost[:, i], axis=0)
        turned = np.flatnonzero(winner)
        if len(turned):
            j = int(turned[np.argmin(np.abs(steps[turned]))])
            z = _between(cost[:, i], steps, j, int(winner[j]))
            what = name, *described(plan, name), _value(plan, name, z)
            out.append(Flip(*what, order[int(winner[j])], abs(z) <= Z90, abs(z)))
    return tuple(sorted(out, key=lambda f: f.deviations))


def _between(cost: Array, steps: Array, j: int, winner: int) -> float:
    """Score between step j and its neighbour at which the winner draws level with option 0."""
    back = j - int(np.sign(steps[j]))
    gap_j, gap_back = (float(cost[winner, k] - cost[0, k]) for k in (j, back))
    if gap_back <= 0 or gap_back == gap_j:
        return float(steps[j])
    return float(steps[j] + (steps[back] - steps[j]) * gap_j / (gap_j - gap_back))


def _value(plan: Plan, name: str, z: float) -> float:
    """Value of a driver at a score."""
    at = np.array([z])
    if name == GROWTH:
        return float(at_score(described(plan, name)[1], at)[0])
    return float(value_at(_named(plan, name), at)[0])


# --- Sobol ------------------------------------------------------------------------------------


def sobol(
    plan: Plan, pair: tuple[str, str], bars: Sequence[Bar], seed: int, base: int = SOBOL_BASE
) -> pd.DataFrame:
    """Shares of the saving's variance that the widest bars of its tornado explain (SALib).

    By driver, largest first: `S1` alone and `ST` together with others, each with its 95 %
    half-interval `…_conf`; empty where nothing varies. Saltelli's sample with a fixed seed; drivers
    are taken as independent, as the indices demand. `ST` is at least `S1`, its own part: below it
    the two differ by the noise of their estimates alone.
    """
    import pandas as pd
    from SALib.analyze import sobol as analyse
    from SALib.sample import sobol as sample

    names = [b.driver for b in bars[:SOBOL_DRIVERS]]
    if len(names) < 2:
        return pd.DataFrame()
    problem = {"num_vars": len(names), "names": names, "bounds": [[0.0, 1.0]] * len(names)}
    u = sample.sample(problem, base, calc_second_order=False, seed=seed)
    z = ndtri(np.clip(u, 1e-9, 1 - 1e-9))
    cost = tco.totals(plan, draws_at(plan, dict(zip(names, z.T, strict=True))), list(pair))
    saving = cost[pair[1]].present - cost[pair[0]].present
    if float(np.std(saving)) == 0:
        return pd.DataFrame()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a bootstrap of a nil index divides by zero
        found = analyse.analyze(
            problem, saving / np.std(saving), calc_second_order=False, seed=seed,
            num_resamples=100, print_to_console=False,
        )  # fmt: skip
    both: pd.DataFrame = pd.concat(found.to_df(), axis=1)
    return both.assign(ST=both[["S1", "ST"]].max(axis=1)).sort_values("ST", ascending=False)
