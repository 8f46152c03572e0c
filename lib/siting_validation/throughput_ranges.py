"""Ranges of speed estimates from errors on what a fit has never seen, and whether they hold.

Two kinds of error are known of each measurement: by a fit that never saw its model on its card,
and by a fit that never saw its source. The first tell how a known campaign goes on; the second
what a stranger will see, and count alike for each source, however long its table. Both are sorted
by how far the case was from the rest (`siting.serving.spread`). Where few sources speak, the range
is widened by one over their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from siting.records import frozen
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
PAIR = "model and card"
SOURCE = "source"
ALIKE = {PAIR: 30, SOURCE: 10}
"""Rows from which groups count alike; smaller ones count less."""
WIDER = {PAIR: 0.9, SOURCE: 0.8}
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


def error(key: str) -> str:
    """Column of the errors of a fit that never saw a row's group of this kind."""
    return f"error without its {key}"


def distance(key: str) -> str:
    """Column of the distance of a row from the rows of all other groups of this kind."""
    return f"distance without its {key}"


def cases(
    regimes: Sequence[Mapping[str, str]], groups: Mapping[str, np.ndarray], load: Sequence[str]
) -> pd.DataFrame:
    """What ranges are sorted by, a row a measurement: its groups and its distance from others of
    each kind (`ALIKE`), its regime, kind and class of load, and the index of the campaign that it
    may be of (-1: none)."""
    held = [[applies(scope, x) for scope in CAMPAIGNS] for x in regimes]
    return pd.DataFrame(
        {
            **{key: groups[key] for key in ALIKE},
            **{distance(key): levels(regimes, groups[key]) for key in ALIKE},
            "regime": regimes,
            **{word: [x[word] for x in regimes] for word in ("loop", "engine")},
            "kind": [spread.kind_of(x["loop"]) for x in regimes],
            "load": load,
            "campaign": [h.index(True) if any(h) else -1 for h in held],
        }
    )


def levels(regimes: Sequence[Mapping[str, str]], groups: np.ndarray) -> np.ndarray:
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


@frozen
class ScopeRange:
    """The range of errors that holds for a scope."""

    scope: str
    """Conditions of siting_facts/engine_spread.csv; blank: all."""
    low: float
    """As a logarithm."""
    high: float
    count: int
    """Errors that it rests on."""


def table(cases: pd.DataFrame, held: float = HELD) -> list[ScopeRange]:
    """Ranges in the order in which they are looked up.

    cases: with errors, as logarithms of measured over predicted; nan where there is none. held:
    share that is left out on either side, outside campaigns.
    """
    near, far = (_seen(cases, key) for key in ALIKE)
    strangers = pd.concat([near[near.campaign < 0], far])
    return [*_campaign_rows(near[near.distance <= 2]), *_stranger_rows(strangers, held)]


def _seen(cases: pd.DataFrame, key: str) -> pd.DataFrame:
    """The rows that have an error without their group of a kind, with that and their distance."""
    found = cases[[*ALIKE, "kind", "load", "campaign"]]
    found = found.assign(error=cases[error(key)], distance=cases[distance(key)])
    return found[found.error.notna()]


def _of_load(cases: pd.DataFrame, load: str) -> pd.DataFrame:
    return cases[cases.load == load] if load else cases


def _scope(scope: str, load: str) -> str:
    return f"{scope} & load={load}" if load else scope


def _campaign_rows(near: pd.DataFrame) -> Iterator[ScopeRange]:
    for i, scope in enumerate(CAMPAIGNS):
        for load in (*LOADS[1:], ""):
            of = _of_load(near[near.campaign == i], load)
            if len(of) >= FEWEST * (2 if load else 1):
                low, high = quantiles(of.error.to_numpy(), of[PAIR].to_numpy(), PAIR)
                name = _scope(f"campaign=yes & {scope}", load)
                yield ScopeRange(scope=name, low=low, high=high, count=len(of))


def _stranger_rows(cases: pd.DataFrame, held: float) -> Iterator[ScopeRange]:
    """Ranges outside campaigns: by kind and size of load where all was seen, else by distance.

    None is narrower than that of the class before it, whoever measured that.
    """
    found: list[ScopeRange] = []
    seen = cases[cases.distance == 0]
    for of_kind in KINDS:
        for load in LOADS:
            alike = _of_load(seen[seen.kind == of_kind], load)
            more = MORE_OF_A_KIND + (1 if load else 0)
            if pooled := _pooled(alike, held, FEWEST * (2 if load else 1), SOURCES + more):
                scope = _scope(f"kind={of_kind} & distance=0", load)
                found.append(replace(pooled, scope=scope))
    of_kinds = tuple(found)
    before = ScopeRange(scope="", low=-NARROWEST, high=NARROWEST, count=0)
    for level in range(4):
        if level == 1:
            before = _widest(before, *of_kinds)
        pooled = _pooled(cases[cases.distance == level], held, FEWEST, SOURCES)
        before = _widest(before, pooled) if pooled else before
        count = pooled.count if pooled else 0
        found.append(replace(before, scope=f"distance={level}", count=count))
    yield from sorted(found, key=lambda found: -found.scope.count("="))
    yield replace(before, scope="", count=0)


def _widest(*found: ScopeRange) -> ScopeRange:
    """From the lowest low to the highest high."""
    return replace(found[0], low=min(r.low for r in found), high=max(r.high for r in found))


def _pooled(cases: pd.DataFrame, held: float, errors: int, sources: int) -> ScopeRange | None:
    """Range of the errors of sources that are heard; None where there are fewer errors or sources
    than these."""
    heard = cases[cases.groupby(SOURCE).error.transform("size") >= HEARD]
    if len(heard) < errors or heard[SOURCE].nunique() < sources:
        return None
    low, high = quantiles(heard.error.to_numpy(), heard[SOURCE].to_numpy(), SOURCE, held)
    return ScopeRange(scope="", low=low, high=high, count=len(heard))


def lookup(rows: list[ScopeRange], case: dict[str, str]) -> tuple[float, float]:
    """Low and high for a case, as `siting.serving.spread` would find them."""
    return next((r.low, r.high) for r in rows if applies(r.scope, case))


def bounds(cases: pd.DataFrame, key: str, held: float = HELD) -> tuple[np.ndarray, np.ndarray]:
    """Low and high, as logarithms, of the range of each row that is made without its group; nan
    where it has no error. cases, held: as of `table`."""
    found = np.full((2, len(cases)), np.nan)
    for name, own in cases[cases[error(key)].notna()].groupby(key):
        rows = table(cases[cases[key] != name], held)
        for _, alike in own.groupby(["loop", "engine", distance(key), "load"]):
            first = alike.iloc[0]
            case = spread.words(first.regime, first[distance(key)], first.load)
            found[:, alike.index] = np.array(lookup(rows, case))[:, None]
    return found[0], found[1]


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
