"""The ranking at other volumes, API prices and weights of cost, from the draws of the report.

Nothing is simulated anew: the draws of each path of API prices are moved along the curve of cost
against volume, and ranked again. In one draw all weights may be multiplied alike, so that a score
orders options as k·u·v + R does: u and v are weight and worth of cost, R is what the other criteria
give, k moves the weight of cost. R is the same in every case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from siting.verdict import ranking
from siting.verdict.decision import DRAWS, Decision
from siting.verdict.ranking import Sampled
from siting.verdict.turns import CostCurve

VOLUMES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Volumes of the cases, over the planned one."""
WEIGHTS = (0.1, 0.25, 0.4, 0.6)
"""Shares of all weight that cost may have; the report's own takes the place of the nearest."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """An option that competes, in one case."""

    volume: float
    """Over the planned one."""
    path: str
    """Of API prices."""
    weight: float
    """Of cost, over the sum of all."""
    reported: bool
    """Whether it is the case of the report."""
    option: str
    first: float
    """Share of draws in which the option ranks first."""
    best: bool
    """Whether it has the highest mean score."""
    confidence: str
    cost: float
    """Median of the present cost. [client's currency]"""


def outcomes(
    d: Decision, costs: Mapping[str, Mapping[str, Sampled]], path: str
) -> Iterator[Outcome]:
    """Every option that competes, in every case.

    costs: present cost by path of API prices and option; path: that of the report.
    """
    options, known, curve, yard = d.competing, d.criteria, d.curve, d.yard
    place = next((j for j, c in enumerate(known) if c.measure == "cost_ratio"), None)
    if place is None or curve is None or not yard or any(o.cost is None for o in options):
        return
    weights, worths = ranking.drawn(options, known, d.weights, DRAWS, d.seed)
    own = weights[:, place, None]
    rest = np.einsum("nc,noc->no", weights, worths) - own * worths[:, :, place]
    share = float(ranking.central_weights(d.weights)[place])
    names = [o.name for o in options]
    drawn = {p: np.stack([c[n].draws for n in names], axis=1) for p, c in costs.items()}
    middles = np.median(drawn[path], axis=0)
    for volume in VOLUMES:
        moved = np.array([_moved(curve, n, volume) for n in names])
        cheapest = yard * float((middles * moved).min()) / float(middles.min())
        for name, planned in drawn.items():
            cost = planned * moved
            worth = np.resize(known[place].value(cost / cheapest), (DRAWS, len(names)))
            for weight in _weights(share):
                factor = weight / (1 - weight) * (1 - share) / share if weight != share else 1
                scores = (rest + factor * own * worth) / (1 + (factor - 1) * own)
                first = np.bincount(scores.argmax(axis=1), minlength=len(names)) / DRAWS
                best = int(scores.mean(axis=0).argmax())
                for i, o in enumerate(options):
                    yield Outcome(
                        volume=volume,
                        path=name,
                        weight=weight,
                        reported=(volume, name, weight) == (1.0, path, share),
                        option=o.name,
                        first=float(first[i]),
                        best=i == best,
                        confidence=ranking.confidence(first[i]).word,
                        cost=float(np.median(cost[:, i])),
                    )


def _weights(share: float) -> Sequence[float]:
    """The weights of the cases; only the report's own where cost counts for nothing or all."""
    if not 0 < share < 1:
        return (share,)
    nearest = min(WEIGHTS, key=lambda w: abs(w - share))
    return tuple(sorted(share if w == nearest else w for w in WEIGHTS))


def _moved(curve: CostCurve, option: str, volume: float) -> float:
    """Cost of an option at a volume over its cost at the planned one."""
    today, costs = curve.expected.central, curve.costs[option]
    moved, planned = np.interp(np.log([volume * today, today]), np.log(curve.at), np.log(costs))
    return float(np.exp(moved - planned))
