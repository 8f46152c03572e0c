"""What each column of each wide frame holds, kept so that two that change places are noticed.

`python tests/columns.py` keeps it anew, in `data/columns.json`: after a column or a frame was added
or renamed. It refuses where two columns seem to have changed places. What is kept of a column is
rough (five quantiles of numbers, the commonest words), so figures may move without any of this.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import pandas as pd
import studies
from siting import study
from siting.study import frames
from studies import opened

KEPT = Path(__file__).parent / "data" / "columns.json"
CLIENTS = tuple(client for client in studies.CLIENTS if client != "base")
WIDE = 4
"""Columns of a wide frame, at least."""
QUANTILES = (0.0, 0.25, 0.5, 0.75, 1.0)
WORDS = 12
"""So many of the commonest texts of a column are kept."""
APART = 10.0
"""Distance of columns of which one holds text and the other numbers, or truth values."""

CLEARLY = 4
"""So many times better the other one's place suits columns that have changed places."""

Told: TypeAlias = "Mapping[str, Any]"
"""What is kept of a column: `numbers`, or `words` or `flags` with their share; then the share of
`missing`."""


def wide() -> list[str]:
    """Names of the frames that have many columns."""
    listed = frames.listed(*study.topics())
    return [name for name, said in listed.items() if len(said.meanings) >= WIDE]


@functools.cache
def now(name: str) -> dict[str, Told]:
    """What each column of a frame holds."""
    return told(rows(name))


def rows(name: str) -> pd.DataFrame:
    """A frame's rows of several clients."""
    made = [getattr(opened(client), name)() for client in CLIENTS]
    filled = [frame.astype({c: object for c in frame}) for frame in made if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else made[0]


def alike(frame: pd.DataFrame, a: str, b: str) -> bool:
    """Whether two columns hold the same in every row, so that nobody can tell them apart. Missing
    in both is the same, too."""
    both_missing = frame[a].isna() & frame[b].isna()
    return bool((both_missing | (frame[a].astype(str) == frame[b].astype(str))).all())


def told(frame: pd.DataFrame) -> dict[str, Told]:
    """What each column holds."""
    # A truth value is told with what it is true of: the first column that tells rows apart.
    apart = (column for column in frame if frame[column].astype(str).nunique() > 1)
    of = frame[next(apart, frame.columns[0])].astype(str)
    return {str(column): _told(values, of) for column, values in frame.items()}


def _told(values: pd.Series[Any], of: pd.Series[str]) -> Told:
    missing = round(float(values.isna().mean()), 3) if len(values) else 1.0
    known = values.dropna()
    if known.empty:
        return {"words": {}, "missing": missing}
    is_flag = known.map(lambda value: isinstance(value, bool)).all()
    if is_flag:
        known = of[known.index] + ": " + known.map(str)
    is_text = known.map(lambda value: isinstance(value, str)).all()
    if not is_text:
        numbers = known.astype(float).clip(-1e300, 1e300)
        kept = [float(f"{numbers.quantile(q, 'nearest'):.5g}") for q in QUANTILES]
        return {"numbers": kept, "missing": missing}
    shares = known.map(str).value_counts(normalize=True).sort_index()
    shares = shares.sort_values(ascending=False, kind="stable").head(WORDS)
    kind = "flags" if is_flag else "words"
    return {kind: {k: round(float(v), 3) for k, v in shares.items()}, "missing": missing}


def distance(one: Told, other: Told) -> float:
    """How unlike two columns are: 0 where they hold the same."""
    if one == other:
        return 0.0
    gap = abs(one["missing"] - other["missing"])
    kind, _ = one
    if kind not in other:
        return gap + APART
    if kind == "numbers":
        pairs = zip(one[kind], other[kind], strict=True)
        return gap + sum(abs(a - b) / (abs(a) + abs(b)) for a, b in pairs if a != b)
    shared = sum(min(share, other[kind].get(word, 0.0)) for word, share in one[kind].items())
    both = max(sum(one[kind].values()), sum(other[kind].values()), 1e-9)
    return gap + 1 - shared / both


def exchanged(now: Mapping[str, Told], kept: Mapping[str, Told]) -> list[tuple[str, str]]:
    """Pairs of columns that hold what the other one held.

    Columns that are much alike (a score and its median) may both move towards each other: the other
    one's place must suit them several times better than their own.
    """
    both = [column for column in now if column in kept]
    return [
        (a, b)
        for a, b in itertools.combinations(both, 2)
        if CLEARLY * (distance(now[a], kept[b]) + distance(now[b], kept[a])) + 1e-9
        < distance(now[a], kept[a]) + distance(now[b], kept[b])
    ]


def kept() -> dict[str, dict[str, Told]]:
    """What is kept of every wide frame."""
    found: dict[str, dict[str, Told]] = json.loads(KEPT.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    held = {name: now(name) for name in wide()}
    before = kept() if KEPT.is_file() else {}
    swapped = {name: exchanged(held[name], before.get(name, {})) for name in held}
    if any(swapped.values()):
        sys.exit(f"these have changed places: { {k: v for k, v in swapped.items() if v} }")
    lines = [
        f" {json.dumps(name)}: {{\n"
        + ",\n".join(f"  {json.dumps(c)}: {json.dumps(x)}" for c, x in columns.items())
        + "\n }"
        for name, columns in held.items()
    ]
    KEPT.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
