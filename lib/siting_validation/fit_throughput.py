"""Fit the efficiencies of the step-time model on public measurements, and say how well they hold.

    python -m siting_validation.fit_throughput [MEASUREMENTS.csv] [--dry | --errors]

MEASUREMENTS.csv has the columns that `siting validate throughput` reads (default: those in the
repository). The fitted values go into siting_facts/engine_efficiency.csv, the ranges into
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

import argparse
import datetime as dt
import json
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from siting import catalogue
from siting.quantity import NotEstimated
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


@dataclass(frozen=True, kw_only=True)
class Measurements:
    """Measurements as arrays, one entry a row of the file."""

    rows: list[dict[str, str]]
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
    """GPU, architecture, engine, source, and model with card of each row."""


def read(path: Path) -> Measurements:
    """Rows that the model can predict, with what it needs to do so."""
    rows: list[dict[str, str]] = []
    runs: list[Run] = []
    replicas: list[Replica] = []
    rooms: list[float] = []
    for row in validation.read(path):
        try:
            run = throughput.run_of(row)
            replicas.append(performance.replica(run.deployment, run.dummy))
        except ERRORS:
            continue
        rows.append(row)
        runs.append(run)
        rooms.append(_room(run, replicas[-1]))
    regimes = [performance.regime(r.deployment) | {"loop": r.loop} for r in runs]
    keys = {k: np.array([x[k] for x in regimes]) for k in ("gpu", "architecture", "engine")}
    keys["source"] = np.array([_source(row) for row in rows])
    keys["model and card"] = np.array([f"{x['model']} {x['gpu']}" for x in regimes])
    met = [r.traffic for r in runs]
    asked = {f.name: np.array([getattr(t, f.name) for t in met], float) for f in fields(Traffic)}
    return Measurements(
        rows=rows,
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
        found = {q: np.full(len(d.rows), np.nan) for q in (*QUANTITIES, RUNNING)}
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
        source = self.data.keys["source"]
        weight = np.zeros(len(asked))
        for name in set(source[asked]):
            here = asked & (source == name)
            weight[here] = min(1.0, (ROWS_OF_A_SOURCE / here.sum()) ** 0.25)
        return weight


def _noise(quantity: str, data: Measurements) -> np.ndarray:
    """Scatter of each row that no constant explains; less in campaigns of one laboratory."""
    strange = (data.loop != "static") & (data.keys["engine"] != "nim")
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
        slopes = {q: np.zeros((len(m.data.rows), int(self.free.sum()))) for q in QUANTITIES}
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
        found = {q: np.full(len(m.data.rows), np.nan) for q in QUANTITIES}
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


def summary(errors: np.ndarray) -> dict[str, Any]:
    """Count, median and 90th percentile of the absolute error, and bias, in per cent."""
    e = np.expm1(errors[np.isfinite(errors)])
    size = np.abs(e) * 100
    return {
        "n": int(e.size),
        "median": round(float(np.median(size)), 1),
        "p90": round(float(np.quantile(size, 0.9)), 1),
        "bias": round(float(np.median(e)) * 100, 1),
    }


def summaries(errors: dict[str, np.ndarray], here: np.ndarray) -> dict[str, Any]:
    """A summary of each quantity that was measured on the rows `here`."""
    shown = {q: np.where(here, e, np.nan) for q, e in errors.items()}
    return {q: summary(e) for q, e in shown.items() if np.isfinite(e).any()}


def groups(data: Measurements) -> dict[str, np.ndarray]:
    """Rows by source; sources of one maker or one kind together."""
    source = data.keys["source"]
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


def cases(model: SpeedModel, theta: np.ndarray) -> ranges.Cases:
    """What the ranges are sorted by."""
    d = model.data
    running = model.predict(theta)[RUNNING]
    load = [spread.load_class(n, x) for n, x in zip(running, d.loop, strict=True)]
    kept = {key: d.keys[key] for key in ranges.ALIKE}
    far = {key: ranges.levels(d.regimes, names) for key, names in kept.items()}
    return ranges.Cases(regimes=d.regimes, load=np.array(load), groups=kept, levels=far)


def holds(fit: ConstantsFit, c: ranges.Cases, errors: dict[str, ranges.Errors]) -> dict[str, Any]:
    """Share of measurements inside ranges made without their group, by source and distance."""
    data = fit.model.data
    found: dict[str, Any] = {}
    for key in ranges.ALIKE:
        where = groups(data) | {f"distance {n}": c.levels[key] == n for n in range(4)}
        found[key] = {name: {} for name in where}
        for q, e in errors.items():
            low, high = ranges.bounds(c, e, key)
            if q == "itl_or_tpot_ms":
                low, high = fit.carried(key, low, high)
            low, high = ranges.never_narrower(low, high, c.levels[key])
            own = e.near if key == "model and card" else e.far
            inside = (low - 0.005 <= own) & (own <= high + 0.005)
            width = np.exp(high - low)
            for name, here in where.items():
                at = here & np.isfinite(low)
                if at.any():
                    found[key][name][q] = {
                        "n": int(at.sum()),
                        "inside": round(float(inside[at].mean()), 3),
                        "width": round(float(np.median(width[at])), 2),
                    }
    return found


def left_out(model: SpeedModel, predicted: dict[str, np.ndarray]) -> dict[str, Any]:
    """Errors of what is left out, by source and kind of source."""
    errors = {q: model.errors(predicted, q) for q in QUANTITIES}
    by_group = {name: summaries(errors, here) for name, here in groups(model.data).items()}
    return {name: found for name, found in by_group.items() if found}


# --- facts ------------------------------------------------------------------------------------


def seen(data: Measurements) -> list[dict[str, Any]]:
    """What the measurements have seen often enough, aspect by aspect."""
    met = {key: [spread.value_of(key, x) for x in data.regimes] for key in spread.ASPECTS}
    met["first token"] = data.keys["engine"][np.isfinite(data.measured["ttft_ms"])].tolist()
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
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measurements", type=Path, nargs="?")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    parser.add_argument("--errors", action="store_true", help="write the errors alone")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    model = SpeedModel(read(asked.measurements or validation.shipped("throughput")))
    fit = ConstantsFit(model)
    out = {key: fit.left_out(key) for key in ranges.ALIKE}
    by_quantity = {
        q: ranges.Errors(
            near=-model.errors(out["model and card"], q),
            far=-model.errors(out["source"], q),
            held=ranges.OF_STRANGERS.get(q, ranges.HELD),
        )
        for q in QUANTITIES
    }
    c = cases(model, fit.theta)
    errors = {
        "left_out": {key: left_out(model, predicted) for key, predicted in out.items()},
        "holds": holds(fit, c, by_quantity),
    }
    everything = np.ones(len(model.data.rows), bool)
    spreads = [
        r for q, e in by_quantity.items() for r in ranges.facts(q, ranges.table(c, e, everything))
    ]
    made = json.dumps(errors, indent=1)
    print(made)
    if not asked.dry:
        Path(__file__).with_suffix(".json").write_text(made + "\n")
    if not asked.dry and not asked.errors:
        write_facts(fit, spreads)


if __name__ == "__main__":
    main()
