"""The ranking at other volumes, API prices and weights of cost, from the draws of the report.

Nothing is simulated anew: the draws of each path of API prices are moved along the curve of cost
against volume, and ranked again. In one draw all weights may be multiplied alike, so that a score
orders options as k·u·v + R does: u and v are weight and worth of cost, R is what the other criteria
give, k moves the weight of cost. R is the same in every case.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from siting.verdict.decision import DRAWS, Decision
from siting.verdict.ranking import (
    Floats,
    Sampled,
    central_weights,
    confidence,
    draw_weights,
    drawn_values,
    value,
)
from siting.verdict.turns import CostCurve

VOLUMES = (0.25, 0.5, 1.0, 2.0, 4.0)
"""Volumes of the cases, over the planned one."""
WEIGHTS = (0.1, 0.25, 0.4, 0.6)
"""Shares of all weight that cost may have; the report's own takes the place of the nearest."""


def outcomes(
    decision: Decision, costs: Mapping[str, Mapping[str, Sampled]], path: str, curve: CostCurve,
    seed: int,
) -> Iterator[tuple[float, str, float, bool, str, float, bool, str, float]]:  # fmt: skip
    """Every option that competes, in every case, as the frame `what_if` declares it.

    costs: present cost by path of API prices and option; path: that of the report.
    """
    options, known, yard = decision.competing, decision.criteria, decision.yard
    place = next((j for j, c in enumerate(known) if c.measure == "cost_ratio"), None)
    if place is None or not yard or any(o.cost is None for o in options):
        return
    rng = np.random.default_rng(seed)
    weights = draw_weights(decision.weights, DRAWS, rng)
    worths = drawn_values(options, known, DRAWS, rng)
    own = weights[:, place, None]
    rest = np.einsum("nc,noc->no", weights, worths) - own * worths[:, :, place]
    share = float(central_weights(decision.weights)[place])
    names = [o.name for o in options]
    reported = np.stack([costs[path][n].draws for n in names], axis=1)
    for volume in VOLUMES:
        moved = np.array([_moved(curve, n, volume) for n in names])
        cheapest = yard * float((np.median(reported, axis=0) * moved).min())
        cheapest /= float(np.median(reported, axis=0).min())
        for name, drawn in costs.items():
            cost = np.stack([drawn[n].draws for n in names], axis=1) * moved
            worth = np.resize(value(known[place], cost / cheapest), (DRAWS, len(names)))
            for weight in _weights(share):
                factor = weight / (1 - weight) * (1 - share) / share
                scores = (rest + factor * own * worth) / (1 + (factor - 1) * own)
                first = np.bincount(scores.argmax(axis=1), minlength=len(names)) / DRAWS
                best = int(scores.mean(axis=0).argmax())
                case = volume, name, weight, (volume, name, weight) == (1.0, path, share)
                for i, o in enumerate(options):
                    word = confidence(first[i]).word
                    middle = float(np.median(cost[:, i]))
                    yield *case, o.label, float(first[i]), i == best, word, middle


def _weights(share: float) -> Sequence[float]:
    """The weights of the cases; only the report's own where cost counts for nothing or all."""
    if not 0 < share < 1:
        return (share,)
    nearest = min(WEIGHTS, key=lambda w: abs(w - share))
    return tuple(sorted(share if w == nearest else w for w in WEIGHTS))


def _moved(curve: CostCurve, option: str, volume: float) -> Floats | float:
    """Cost of an option at a volume over its cost at the planned one."""
    found = np.interp(
        np.log([volume * curve.today, curve.today]), np.log(curve.at), np.log(curve.costs[option])
    )
    return float(np.exp(found[0] - found[1]))
