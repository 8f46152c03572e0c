"""Fit the efficiencies of the step-time model on public measurements, and say how well they hold.

    python -m siting_validation.fit_throughput [--dry | --errors]

The fitted values go into siting_facts/engine_efficiency.csv, the ranges into
siting_facts/engine_spread.csv, what was seen into siting_facts/engine_calibration.csv, and the
errors, with models, cards and sources left out, into siting_validation/fit_throughput.json, from
which docs/validation.md is made. With --dry, the errors are printed and nothing is written; with
--errors they alone are, where rows or their reading changed and the constants stay until the next
fit.

The fit is a regularised, robust least squares on logarithms: every constant has a prior and a
width (columns `prior` and `prior_factor`), so that what the measurements do not determine stays
where physics puts it. Large sources are weighted down, outliers count linearly. A fit without
some rows starts from the whole fit and takes Gauss-Newton steps on its Jacobian.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import least_squares
from siting import catalogue
from siting.quantity import NotEstimated
from siting.records import frozen
from siting.serving import performance, spread
from siting.serving.loops import Traffic
from siting.serving.performance import Efficiency, Replica

from siting_validation import comparison as validation
from siting_validation import runs as loads
from siting_validation import tables, throughput
from siting_validation import throughput_ranges as ranges
from siting_validation.cases import ERRORS, positive, scored
from siting_validation.runs import Run

QUANTITIES = ("output_tokens_per_s_total", "ttft_ms", "itl_or_tpot_ms")
RUNNING = "running"
"""Sequences in the batch, beside the quantities of a prediction."""
NOISE = {"output_tokens_per_s_total": 0.12, "ttft_ms": 0.07, "itl_or_tpot_ms": 0.12}
"""Scatter of logarithms that no constant explains."""
SERVED_NOISE = 0.3
"""The same of a first token where requests come and go: it hangs on when each of them came."""
ROWS_OF_A_SOURCE = 150
"""A source with more rows than this counts as if its rows were repeated readings."""
HUBER = 1.5
"""Residuals beyond this many widths count linearly."""
LOOPS = ("static", "closed", "open", "saturated")


@frozen
class Measurements:
    """Measurements as arrays, one entry a row of the file."""

    replicas: Replica
    regimes: list[dict[str, str]]
    loop: np.ndarray
    traffic: Traffic
    room: np.ndarray
    """Sequences that a replica takes in at once; NaN where the memory model cannot say."""
    measured: dict[str, np.ndarray]
    scored: dict[str, np.ndarray]
    """Whether a row asks for a quantity: the others are judged, and make no constant."""
    keys: dict[str, np.ndarray]
    """Source, and model with card, of each row."""

    def __len__(self) -> int:
        return len(self.loop)


def read() -> Measurements:
    """Rows of the repository that the model can predict, with what it needs to do so."""
    rows: list[dict[str, str]] = []
    runs: list[Run] = []
    replicas: list[Replica] = []
    rooms: list[float] = []
    for row in validation.read(validation.shipped("throughput")):
        try:
            run = throughput.run_of(row)
            replicas.append(performance.replica(run.deployment, run.dummy))
        except ERRORS:
            continue
        rows.append(row)
        runs.append(run)
        rooms.append(_room(run, replicas[-1]))
    regimes = [performance.regime(r.deployment) | {"loop": r.loop} for r in runs]
    keys = {
        ranges.SOURCE: np.array([_source(row) for row in rows]),
        ranges.PAIR: np.array([f"{x['model']} {x['gpu']}" for x in regimes]),
    }
    met = [r.traffic for r in runs]
    asked = {f.name: np.array([getattr(t, f.name) for t in met], float) for f in fields(Traffic)}
    return Measurements(
        replicas=stack(replicas),
        regimes=regimes,
        loop=np.array([r.loop for r in runs]),
        traffic=Traffic(**asked),
        room=np.array(rooms),
        measured={q: np.array([_measured(row, q) for row in rows]) for q in QUANTITIES},
        scored={q: np.array([q in scored(row) for row in rows]) for q in QUANTITIES},
        keys=keys,
    )


def _source(row: dict[str, str]) -> str:
    return row.get("group") or row["case_id"].split("-")[0]


def _room(run: Run, replica: Replica) -> float:
    """Sequences taken in at once; unlimited for a static batch, which was made to fit."""
    if run.loop == "static":
        return np.inf
    try:
        return performance.room(run.deployment, replica, float(run.asked.longest))
    except NotEstimated:
        return np.nan


UNEXPLAINED = ("nimdocs",)
"""Sources whose first tokens contradict their own throughput."""
LONGEST_WAIT_MS = 60_000
"""First tokens beyond it, where no table scores them, are of runs whose fields contradict."""


def _measured(row: dict[str, str], quantity: str) -> float:
    """What a row says of a quantity: where it is scored, and every first token under a known load.

    Open loops are left out of first tokens: nobody states what share of their prompts is cached.
    """
    value = positive(row, quantity)
    if value is None:
        return np.nan
    if quantity in scored(row):
        return value
    known = bool(row.get("concurrency_or_batch")) and _source(row) not in UNEXPLAINED
    first = quantity == "ttft_ms" and known and value < LONGEST_WAIT_MS
    return value if first else np.nan


def stack(replicas: Sequence[Replica]) -> Replica:
    """Replicas as one whose numbers are arrays, in order."""
    columns = {f.name: [getattr(r, f.name) for r in replicas] for f in fields(Replica)}
    return Replica(**{name: np.stack(values, axis=-1) for name, values in columns.items()})


def part(record: Any, at: np.ndarray) -> Any:
    """The entries `at` of a record of arrays."""
    return type(record)(**{f.name: getattr(record, f.name)[..., at] for f in fields(record)})


class SpeedModel:
    """The constants of the table as one vector of logarithms, and predictions from it."""

    def __init__(self, data: Measurements) -> None:
        self.data = data
        self.rows = catalogue.table("engine_efficiency", Efficiency)
        self.prior = np.log([r.prior for r in self.rows])
        self.width = np.maximum(np.log([r.prior_factor for r in self.rows]), 1e-4)
        holds = np.array(
            [[performance.applies(r.scope, x) for r in self.rows] for x in data.regimes], float
        )
        names = dict.fromkeys(r.name for r in self.rows)
        of = {n: np.array([r.name == n for r in self.rows]) for n in names}
        self.parts = []
        for loop in LOOPS:
            at = np.flatnonzero(data.loop == loop)
            here = {n: (m, holds[at][:, m]) for n, m in of.items()}
            self.parts.append((loop, at, here, part(data.replicas, at), part(data.traffic, at)))

    def predict(
        self, theta: np.ndarray, only: np.ndarray | None = None, slower: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        """The quantities of every row, or of the rows `only`.

        slower: how many times as long a step takes, row by row; of open loops alone.
        """
        d = self.data
        found = {q: np.full(len(d), np.nan) for q in (*QUANTITIES, RUNNING)}
        for loop, at, here, r, t in self.parts:
            k = {n: np.exp(holds @ theta[m]) for n, (m, holds) in here.items()}
            if only is not None:
                asked = np.flatnonzero(only[at])
                at = at[asked]
                r = part(r, asked)
                t = part(t, asked)
                k = {n: value[asked] for n, value in k.items()}
            if not at.size:
                continue
            if loop == "open" and slower is not None:
                s = loads.open_loop(r, k, t, d.room[at], slower[at])
            else:
                s = loads.KINDS[loop](r, k, t, d.room[at])
            shown = (s.output_tokens_per_s, np.multiply(s.ttft_s, 1e3), np.multiply(s.tpot_s, 1e3))
            for quantity, value in zip(QUANTITIES, shown, strict=True):
                found[quantity][at] = np.where(np.isnan(d.room[at]), np.nan, value)
            found[RUNNING][at] = s.running
        return found

    def errors(self, found: dict[str, np.ndarray], quantity: str) -> np.ndarray:
        """Logarithm of predicted over measured."""
        predicted = found[quantity]
        measured = self.data.measured[quantity]
        return np.asarray(np.log(predicted / measured))

    def weights(self, quantity: str) -> np.ndarray:
        """Root of each row's weight: full up to ROWS_OF_A_SOURCE, then thinner."""
        asked = self.data.scored[quantity] & ~np.isnan(self.data.room)
        asked &= np.isfinite(self.data.measured[quantity])
        source = self.data.keys[ranges.SOURCE]
        weight = np.zeros(len(asked))
        for name in set(source[asked]):
            here = asked & (source == name)
            weight[here] = min(1.0, (ROWS_OF_A_SOURCE / here.sum()) ** 0.25)
        return weight


def _noise(quantity: str, data: Measurements) -> np.ndarray:
    """Scatter of each row that no constant explains; less in campaigns of one laboratory."""
    engine = np.array([x["engine"] for x in data.regimes])
    strange = (data.loop != "static") & (engine != "nim")
    return np.where((quantity == "ttft_ms") & strange, SERVED_NOISE, NOISE[quantity])


class ConstantsFit:
    """The constants that explain measurements best, and those without some of the rows."""

    def __init__(self, model: SpeedModel) -> None:
        self.model = model
        self.free = model.width > 1e-3
        self.weight = {q: model.weights(q) for q in QUANTITIES}
        self.noise = {q: _noise(q, model.data) for q in QUANTITIES}
        start = model.prior.copy()
        found = least_squares(self._residuals, start[self.free], x_scale=model.width[self.free],
                              max_nfev=25)  # fmt: skip
        self.theta = self._whole(found.x)
        self.errors, self.jacobian = self._linear(self.theta)

    def _whole(self, free: np.ndarray) -> np.ndarray:
        theta = self.model.prior.copy()
        theta[self.free] = free
        return theta

    def _residuals(self, free: np.ndarray) -> np.ndarray:
        theta = self._whole(free)
        m = self.model
        found = self.model.predict(theta)
        parts = [((theta - m.prior) / m.width)[self.free]]
        for q in QUANTITIES:
            at = self.weight[q] > 0
            e = m.errors(found, q)[at] / self.noise[q][at]
            size = np.abs(e)
            linear = np.sqrt(np.maximum(2 * HUBER * size - HUBER**2, 0))
            parts.append(np.sign(e) * np.where(size <= HUBER, size, linear) * self.weight[q][at])
        return np.concatenate(parts)

    def _linear(self, theta: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
        """Errors of every row at `theta`, and their slopes in the free constants."""
        m = self.model
        here = m.predict(theta)
        base = {q: m.errors(here, q) for q in QUANTITIES}
        slopes = {q: np.zeros((len(m.data), int(self.free.sum()))) for q in QUANTITIES}
        for j, i in enumerate(np.flatnonzero(self.free)):
            moved = theta.copy()
            moved[i] += 1e-4
            there = m.predict(moved)
            for q in QUANTITIES:
                slopes[q][:, j] = (m.errors(there, q) - base[q]) / 1e-4
        return base, slopes

    def without(self, left: np.ndarray) -> np.ndarray:
        """The constants had the rows `left` never been measured: reweighted Gauss-Newton."""
        m = self.model
        free = self.free
        prior = (m.prior - self.theta)[free]
        a0 = np.diag(1 / m.width[free] ** 2)
        step = np.zeros(free.sum())
        for _ in range(4):
            a = a0.copy()
            b = a0 @ prior
            for q in QUANTITIES:
                at = (self.weight[q] > 0) & ~left
                j = self.jacobian[q][at]
                e = self.errors[q][at] + j @ step
                noise = self.noise[q][at]
                robust = np.minimum(1.0, HUBER * noise / np.maximum(np.abs(e), 1e-12))
                w = (self.weight[q][at] / noise) ** 2 * robust
                a += (j * w[:, None]).T @ j
                b -= (j * w[:, None]).T @ self.errors[q][at]
            step = np.linalg.solve(a, b)
        theta = self.theta.copy()
        theta[free] += np.clip(step, -1.5, 1.5)
        return theta

    def left_out(self, key: str) -> dict[str, np.ndarray]:
        """Predictions of each row by a fit that never saw its model with its card, its source …"""
        m = self.model
        found = {q: np.full(len(m.data), np.nan) for q in QUANTITIES}
        names = m.data.keys[key]
        for name in sorted(set(names)):
            test = names == name
            here = m.predict(self.without(test), test)
            for q in QUANTITIES:
                found[q][test] = here[q][test]
        return found

    def carried(self, key: str, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bounds of times per token, where those of open loops are taken as bounds of a step.

        The longer a step takes, the more requests meet, which makes it longer still.
        """
        m = self.model
        names = m.data.keys[key]
        own = [low.copy(), high.copy()]
        for name in sorted(set(names[m.data.loop == "open"])):
            here = (names == name) & (m.data.loop == "open") & np.isfinite(low)
            theta = self.without(names == name)
            centre = m.predict(theta, here)["itl_or_tpot_ms"]
            for bound in own:
                moved = m.predict(theta, here, np.exp(bound))["itl_or_tpot_ms"]
                bound[here] = np.log(moved / centre)[here]
        return own[0], own[1]


# --- how well it holds ------------------------------------------------------------------------


def groups(data: Measurements) -> dict[str, np.ndarray]:
    """Rows by source; sources of one maker or one kind together."""
    source = data.keys[ranges.SOURCE]
    found = {str(name): source == name for name in sorted(set(source))}
    found["TensorRT-LLM's tables (trt*)"] = np.char.startswith(source, "trt")
    found["sources of 2026 (new)"] = np.isin(source, NEW)
    found["open loops"] = data.loop == "open"
    found["pipeline stages"] = data.replicas.stages > 1
    return found | {"all": np.ones(len(source), bool)}


NEW = (
    "blis", "blis480", "iog", "sglq36", "sglamd", "sglmm", "sglm3",
    "spark", "trtllm12", "lotto3090", "gpustack", "infx26", "dstack405", "rtx6kpro", "a100burst",
    "nebius26", "gaudi3", "recipes", "gemma4a100", "mi300x8b",
)  # fmt: skip
"""Sources that the form of the model was not made on."""


def cases(fit: ConstantsFit) -> pd.DataFrame:
    """What the ranges are sorted by, a row a measurement."""
    d = fit.model.data
    running = fit.model.predict(fit.theta)[RUNNING]
    load = [spread.load_class(n, x) for n, x in zip(running, d.loop, strict=True)]
    return ranges.cases(d.regimes, d.keys, load)


def held(quantity: str) -> float:
    """Share of strangers' errors that is left out on either side of a quantity's range."""
    return ranges.OF_STRANGERS.get(quantity, ranges.HELD)


def holds(fit: ConstantsFit, c: pd.DataFrame, quantity: str, key: str) -> pd.DataFrame:
    """Of each measurement, its error with its group left out (as a logarithm of predicted over
    measured), whether it is inside of a range made without its group, and how wide that is (high
    over low); only of rows where the quantity was measured."""
    low, high = ranges.bounds(c, key, held(quantity))
    if quantity == "itl_or_tpot_ms":
        low, high = fit.carried(key, low, high)
    low, high = ranges.never_narrower(low, high, c[ranges.distance(key)].to_numpy())
    own = c[ranges.error(key)]
    inside = own.between(low - 0.005, high + 0.005)
    found = pd.DataFrame({"error": -own, "inside": inside, "width": np.exp(high - low)})
    return found.dropna()


def summary(found: pd.DataFrame) -> dict[str, Any]:
    """Count, median and 90th percentile of the absolute error [%], share inside, middle width."""
    size = np.expm1(found.error).abs() * 100
    return {
        "n": len(found),
        "median": round(float(size.median()), 1),
        "p90": round(float(size.quantile(0.9)), 1),
        "inside": round(float(found.inside.mean()), 3),
        "width": round(float(found.width.median()), 2),
    }


def summaries(fit: ConstantsFit, by_quantity: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """How well what is left out is predicted, by what that is, by source or distance, and by
    quantity."""
    made: dict[str, Any] = {}
    for key in ranges.ALIKE:
        found = {q: holds(fit, c, q, key) for q, c in by_quantity.items()}
        far = next(iter(by_quantity.values()))[ranges.distance(key)]
        where = groups(fit.model.data) | {f"distance {n}": far.to_numpy() == n for n in range(4)}
        made[key] = {
            name: {q: summary(f[here[f.index]]) for q, f in found.items() if here[f.index].any()}
            for name, here in where.items()
        }
    return made


# --- facts ------------------------------------------------------------------------------------


def seen(data: Measurements) -> list[dict[str, Any]]:
    """What the measurements have seen often enough, aspect by aspect."""
    met = {key: [spread.value_of(key, x) for x in data.regimes] for key in spread.ASPECTS}
    first = np.isfinite(data.measured["ttft_ms"])
    met["first token"] = [x["engine"] for x, has in zip(data.regimes, first, strict=True) if has]
    return [
        {"topic": "speed", "aspect": aspect, "value": value, "measurements": n}
        for aspect, values in met.items()
        for value, n in sorted(Counter(values).items())
        if n >= spread.ENOUGH
    ]


def write_facts(fit: ConstantsFit, spreads: list[dict[str, Any]]) -> None:
    """Put constants, ranges and what was seen into the fact tables."""
    folder = catalogue.facts_dir()
    origin = {
        "source": "siting, fit to public throughput measurements",
        "url": "",
        "locator": "siting_validation/fit_throughput.py",
        "date": dt.date.today().isoformat(),
        "kind": "estimate",
        "grade": "B",
        "note": "",
    }
    constants = tables.read(folder / "engine_efficiency.csv")
    fitted = constants.prior_factor.astype(float) > 1
    constants.loc[fitted, "value"] = [f"{value:.4g}" for value in np.exp(fit.theta)[fitted]]
    constants.loc[fitted, "date"] = origin["date"]
    tables.write(folder / "engine_efficiency.csv", constants)
    tables.write(folder / "engine_spread.csv", [r | origin for r in spreads])
    tables.write(folder / "engine_calibration.csv", [r | origin for r in seen(fit.model.data)])


def main() -> None:
    """Fit, leave out, print the errors; write unless told not to."""
    warnings.simplefilter("ignore", RuntimeWarning)
    fit = ConstantsFit(SpeedModel(read()))
    c = cases(fit)
    predicted = {key: fit.left_out(key) for key in ranges.ALIKE}
    by_quantity = {
        q: c.assign(**{ranges.error(k): -fit.model.errors(p, q) for k, p in predicted.items()})
        for q in QUANTITIES
    }
    made = json.dumps(summaries(fit, by_quantity), indent=1)
    print(made)
    if "--dry" in sys.argv:
        return
    Path(__file__).with_suffix(".json").write_text(made + "\n")
    if "--errors" not in sys.argv:
        tables_of = {q: ranges.table(of, held(q)) for q, of in by_quantity.items()}
        write_facts(fit, [r for q, rows in tables_of.items() for r in ranges.facts(q, rows)])


if __name__ == "__main__":
    main()
