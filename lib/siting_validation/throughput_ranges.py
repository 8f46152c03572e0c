"""Ranges of speed estimates from errors on what a fit has never seen, and whether they hold.

Two kinds of error are known of each measurement: by a fit that never saw its model on its card,
and by a fit that never saw its source. The first tell how a known campaign goes on; the second
what a stranger will see, and count alike for each source, however long its table. Both are sorted
by how far the case was from the rest (`siting.serving.spread`). Where few sources speak, the range
is widened by one over their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from siting.serving import spread
from siting.serving.performance import applies

CAMPAIGNS = (
    "loop=static & engine=tensorrt-llm",
    "loop=static & engine=vllm & architecture=Ampere",
    "loop=closed & engine=nim",
)
"""Regimes that one campaign of measurements covers, whose own scatter is the range near it."""
HELD = 0.1
"""Share of measured over predicted that is left out on either side of a range."""
OF_STRANGERS = {"ttft_ms": 0.14}
"""The same outside campaigns, where it is another: few sources whose first tokens lie far off make
the tails long. At this share each class of distance holds some four fifths of what was left out."""
FEWEST = 20
"""Fewer errors than this make no range of their own; classes of load need twice as many."""
SOURCES = 4
"""A range of strangers needs as many."""
MORE_OF_A_KIND = 1
"""And so many more where it is of one kind of load alone: of four, a quarter of one source decides
where a range ends, and leaving another out moved one end of a class from 0.83 to 0.46."""
HEARD = 5
"""A source with fewer errors in a class says nothing of it."""
ALIKE = {"model and card": 30, "source": 10}
"""Rows from which groups count alike; smaller ones count less."""
WIDER = {"model and card": 0.9, "source": 0.8}
"""Over the number of groups, what is added to a range: few groups show too little of the scatter.
Both were chosen so that ranges hold on groups that were left out of making them."""
NARROWEST = 0.03
"""Scatter of repeated runs and rounding of what is printed: no range is narrower."""
OWN_SCATTER = 1.25
"""How far a client's own benchmark carries to another concurrency and other lengths: of public
runs of one deployment under a server's load, some four fifths lie within so much of what another
of them foretells (16 sources, which count alike from 30 rows on)."""
KINDS = ("static", "saturated", "served")
LOADS = ("", "small", "middle", "large", "full")


@dataclass(frozen=True)
class Errors:
    """Errors of one quantity, row by row, as logarithms of measured over predicted."""

    near: np.ndarray
    """Model on its card left out."""
    far: np.ndarray
    """Source left out."""
    held: float = HELD
    """Share that is left out on either side, outside campaigns."""


@dataclass(frozen=True, kw_only=True)
class Cases:
    """What ranges are sorted by, one entry a row."""

    regimes: list[dict[str, str]]
    load: np.ndarray
    """Class of load."""
    groups: dict[str, np.ndarray]
    """`model and card` and `source`."""
    levels: dict[str, np.ndarray]
    """Distance from all rows of other groups, for each kind of group."""

    @property
    def kind(self) -> np.ndarray:
        return np.array([spread.kind_of(x["loop"]) for x in self.regimes])

    @property
    def campaign(self) -> np.ndarray:
        """Index of the campaign whose regime a row is in; -1: none."""
        held = [[applies(s, x) for s in CAMPAIGNS] for x in self.regimes]
        return np.array([h.index(True) if any(h) else -1 for h in held])


def levels(regimes: list[dict[str, str]], groups: np.ndarray) -> np.ndarray:
    """Distance of each row from the rows of all other groups."""
    steps = np.zeros(len(regimes), int)
    for key, aspect in spread.ASPECTS.items():
        values = [spread.value_of(key, x) for x in regimes]
        rows = pd.DataFrame({"value": values, "group": groups})
        alike = rows.groupby("value").value.transform("size")
        own = rows.groupby(["value", "group"]).value.transform("size")
        steps += np.where(alike - own < spread.ENOUGH, aspect.steps, 0)
    return np.array([spread.level(s) for s in steps])


def quantiles(
    errors: np.ndarray, groups: np.ndarray, key: str, held: float = HELD
) -> tuple[float, float]:
    """Low and high of the errors, groups counting alike, wider where they are few."""
    alike = ALIKE[key]
    _, at = np.unique(groups, return_inverse=True)
    size = np.bincount(at)
    weight = (np.minimum(size, alike) / size)[at]
    order = np.argsort(errors)
    share = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    low, high = np.interp((held, 1 - held), share, errors[order])
    wider = 1 + WIDER[key] / max(float(np.minimum(size, alike).sum() / alike), 1.0)
    return min(low * wider, -NARROWEST), max(high * wider, NARROWEST)


@dataclass(frozen=True, kw_only=True)
class ScopeRange:
    """The range of errors that holds for a scope."""

    scope: str
    """Conditions of siting_facts/engine_spread.csv; blank: all."""
    low: float
    """As a logarithm."""
    high: float
    count: int
    """Errors that it rests on."""


def table(cases: Cases, errors: Errors, kept: np.ndarray) -> list[ScopeRange]:
    """Ranges in the order in which they are looked up, from the rows `kept`."""
    return [*_campaign_rows(cases, errors, kept), *_stranger_rows(cases, errors, kept)]


def _campaign_rows(cases: Cases, errors: Errors, kept: np.ndarray) -> Iterator[ScopeRange]:
    near = kept & np.isfinite(errors.near) & (cases.levels["model and card"] <= 2)
    group = cases.groups["model and card"]
    campaign = cases.campaign
    for i, scope in enumerate(CAMPAIGNS):
        here = near & (campaign == i)
        for load in (*LOADS[1:], ""):
            at = here & (cases.load == load) if load else here
            if at.sum() < FEWEST * (2 if load else 1):
                continue
            low, high = quantiles(errors.near[at], group[at], "model and card")
            name = _scope(f"campaign=yes & {scope}", load)
            yield ScopeRange(scope=name, low=low, high=high, count=int(at.sum()))


def _scope(scope: str, load: str) -> str:
    return f"{scope} & load={load}" if load else scope


def _stranger_rows(cases: Cases, errors: Errors, kept: np.ndarray) -> Iterator[ScopeRange]:
    """Ranges outside campaigns: by kind and size of load where all was seen, else by distance.

    None is narrower than that of the class before it, whoever measured that.
    """
    near = kept & np.isfinite(errors.near) & (cases.campaign < 0)
    far = kept & np.isfinite(errors.far)
    level_near = cases.levels["model and card"]
    level_far = cases.levels["source"]
    found: list[ScopeRange] = []
    for of_kind in KINDS:
        alike = cases.kind == of_kind
        for load in LOADS:
            here = alike & (cases.load == load) if load else alike
            seen_near = near & (level_near == 0) & here
            seen_far = far & (level_far == 0) & here
            scope = _scope(f"kind={of_kind} & distance=0", load)
            if pooled := _pooled(cases, errors, seen_near, seen_far, load, MORE_OF_A_KIND):
                found.append(replace(pooled, scope=scope))
    of_kinds = tuple(found)
    before = ScopeRange(scope="", low=-NARROWEST, high=NARROWEST, count=0)
    for level in range(4):
        if level == 1:
            before = _widest(before, *of_kinds)
        pooled = _pooled(cases, errors, near & (level_near == level), far & (level_far == level))
        before = _widest(before, pooled) if pooled else before
        count = pooled.count if pooled else 0
        found.append(replace(before, scope=f"distance={level}", count=count))
    yield from sorted(found, key=lambda found: -found.scope.count("="))
    yield replace(before, scope="", count=0)


def _widest(*found: ScopeRange) -> ScopeRange:
    """From the lowest low to the highest high."""
    return replace(found[0], low=min(r.low for r in found), high=max(r.high for r in found))


def _pooled(
    cases: Cases,
    errors: Errors,
    near: np.ndarray,
    far: np.ndarray,
    load: str = "",
    more: int = 0,
) -> ScopeRange | None:
    """Range of the errors `near` of known and `far` of unknown sources; None if few.

    load: of a class of load alone, which more must tell of. more: sources that must, besides.
    """
    source = cases.groups["source"]
    sources = np.concatenate([source[near], source[far]])
    names, counts = np.unique(sources, return_counts=True)
    heard = np.isin(sources, names[counts >= HEARD])
    enough = heard.sum() >= FEWEST * (2 if load else 1)
    least = SOURCES + more + (1 if load else 0)
    if not enough or (counts >= HEARD).sum() < least:
        return None
    all_errors = np.concatenate([errors.near[near], errors.far[far]])[heard]
    low, high = quantiles(all_errors, sources[heard], "source", errors.held)
    return ScopeRange(scope="", low=low, high=high, count=int(heard.sum()))


def lookup(rows: list[ScopeRange], case: dict[str, str]) -> tuple[float, float]:
    """Low and high for a case, as `siting.serving.spread` would find them."""
    return next((r.low, r.high) for r in rows if applies(r.scope, case))


def bounds(cases: Cases, errors: Errors, key: str) -> tuple[np.ndarray, np.ndarray]:
    """Low and high, as logarithms, of the range of each row that is made without its group."""
    own = errors.near if key == "model and card" else errors.far
    lows = np.full(len(own), np.nan)
    highs = np.full(len(own), np.nan)
    group = cases.groups[key]
    for name in sorted(set(group[np.isfinite(own)])):
        at = group == name
        rows = table(cases, errors, ~at)
        found: dict[tuple[str, ...], tuple[float, float]] = {}
        for i in np.flatnonzero(at & np.isfinite(own)):
            case = spread.words(cases.regimes[i], int(cases.levels[key][i]), cases.load[i])
            mark = tuple(case[w] for w in ("loop", "engine", "distance", "load"))
            if mark not in found:
                found[mark] = lookup(rows, case)
            lows[i], highs[i] = found[mark]
    return lows, highs


def never_narrower(
    low: np.ndarray, high: np.ndarray, level: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The same bounds, as logarithms, with no class of distance narrower in the middle than a
    nearer one.

    Each row is held in a range made without its group, so that classes are judged by different
    tables. Where that alone makes a farther class narrower, its rows are stretched.
    """
    wider = np.ones(len(low))
    least = 0.0
    for n in range(4):
        at = (level == n) & np.isfinite(low)
        if at.any():
            width = float(np.median(high[at] - low[at]))
            wider[at] = max(least / width, 1.0)
            least = max(least, width)
    return low * wider, high * wider


def facts(quantity: str, rows: list[ScopeRange]) -> list[dict[str, Any]]:
    """The rows of siting_facts/engine_spread.csv of a quantity; a client's own benchmark comes
    after campaigns, whose ranges are narrower."""
    scatter = float(np.log(OWN_SCATTER))
    own = ScopeRange(scope="measured=yes", low=-scatter, high=scatter, count=0)
    campaigns = [row for row in rows if row.scope.startswith("campaign=yes")]
    others = rows[len(campaigns) :]
    return [
        {
            "quantity": quantity,
            "scope": row.scope,
            "low": round(float(np.exp(row.low)), 3),
            "high": round(float(np.exp(row.high)), 3),
            "measurements": row.count,
        }
        for row in [*campaigns, own, *others]
    ]
