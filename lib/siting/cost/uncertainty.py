"""How sure the cost comparison is: what its inputs may be, and what every option then costs.

The uncertain factors of the plan are drawn, and every option is billed with `ledger.totals`, as is
the central case. Draws are correlated by a Gaussian copula: factors of one driver
move together, and siting_facts/cost_correlations.csv says which drivers follow each other. A
hybrid owns in every draw what is best in the central case, because servers are bought before the
future is known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

import numpy as np
import scipy  # whose parts load once they are used: a check of a file needs none

from siting import catalogue
from siting import draws as streams
from siting.catalogue import Fact
from siting.cost import ledger, tco
from siting.cost.money import Array
from siting.cost.priced import Draws, Plan
from siting.cost.prices import Factor
from siting.quantity import Range
from siting.records import frozen

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
    split_lognormal: the same for their logarithms;
    uniform and triangular: low and high are the ends, central the mode. At zero, where all else
    is as planned, it is central whatever its shape.
    """
    v = factor.value
    floor = factor.floor
    if not factor.is_drawn:
        return np.full_like(z, v.central)
    if factor.shape == "uniform":
        out = v.low + (v.high - v.low) * scipy.special.ndtr(z)
    elif factor.shape == "split_lognormal":
        out = np.exp(streams.at_score(Range.ordered(np.log(v.ends).tolist()), z))
    elif factor.shape == "triangular":
        out = _triangular(v, scipy.special.ndtr(z))
    else:
        out = streams.at_score(v, z)
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

    Gaussian copula: the Cholesky factor of the correlation matrix times independent scores. The
    drivers of the table of correlations are always drawn together, used or not, so that the draws
    of one never depend on which others are there.
    """
    found = _tied(size, seed)
    untied = {n: streams.normal(seed, size, n) for n in names if n not in found}
    return {n: found[n] if n in found else untied[n] for n in names}


@catalogue.of_facts
def _tied(size: int, seed: int) -> Mapping[str, Array]:
    """Scores of the drivers that follow each other."""
    names = correlated()
    z = np.array([streams.normal(seed, size, n) for n in names])
    return dict(zip(names, np.linalg.cholesky(correlations()) @ z, strict=True))


@catalogue.of_facts
def correlated() -> tuple[str, ...]:
    """Drivers that the table of correlations names, in its order."""
    pairs = ((c.a, c.b) for c in catalogue.table("cost_correlations", Correlation))
    return tuple(dict.fromkeys(chain(*pairs)))


def correlations() -> Array:
    """How closely these drivers follow each other. Raises FactError where no draws can do so."""
    at = {name: i for i, name in enumerate(correlated())}
    matrix = np.eye(len(at))
    for c in catalogue.table("cost_correlations", Correlation):
        matrix[at[c.a], at[c.b]] = matrix[at[c.b], at[c.a]] = c.correlation
    if np.linalg.eigvalsh(matrix).min(initial=1) <= 1e-9:
        raise catalogue.FactError(
            "siting_facts/cost_correlations.csv: no inputs can be correlated like this (what moves "
            "with one of two cannot move against both); bring the correlations nearer to 0"
        )
    return matrix


def draws_at(plan: Plan, z: Mapping[str, Array]) -> Draws:
    """Values of all factors at the scores of their drivers; the rest stay central."""
    size = max(np.size(v) for v in z.values())
    out = plan.central(growth=z.get(GROWTH, np.zeros(size)))
    for name, moved in drivers(plan).items():
        if name in z:
            out |= {factor.name: value_at(factor, z[name]) for factor in moved}
    return out


def a_tenth_more(plan: Plan, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """What a tenth more of one factor adds to the present cost of some options, all else as
    planned: by factor, then by option."""
    factors = sorted(tco.drawn_factors(plan) & plan.factors.keys())
    scale = np.ones((len(factors), len(factors) + 1))  # the last column is the plan
    np.fill_diagonal(scale, 1.1)
    moved = {f: plan.factors[f].value.central * row for f, row in zip(factors, scale, strict=True)}
    costs = {n: t.present for n, t in ledger.totals(plan, plan.central(**moved), names).items()}
    return {
        factor: {name: float(cost[place] - cost[-1]) for name, cost in costs.items()}
        for place, factor in enumerate(factors)
    }


# --- results ----------------------------------------------------------------------------------


@frozen
class Uncertainty:
    """Costs of one scenario over many futures: all options in the same draws, so that what they
    share cancels out."""

    plan: Plan
    scores: Mapping[str, Array]
    """Standard normal score of each driver. [n each]"""
    totals: Mapping[str, ledger.Totals]
    """Cost of each option."""


# --- what an input is -------------------------------------------------------------------------


def label_of(plan: Plan, driver: str) -> str:
    """A driver in words: as its own factor, or else the widest of those it moves."""
    if driver == GROWTH:
        return "Growth of demand"
    moved = drivers(plan)[driver]
    factor = max(moved, key=lambda f: (f.name == driver, f.value.high - f.value.low))
    return factor.label if factor.driver == factor.name else factor.label.split(",")[0]
