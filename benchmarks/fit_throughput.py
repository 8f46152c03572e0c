"""Fit the efficiencies of the step-time model on public measurements, and say how well they hold.

    python benchmarks/fit_throughput.py MEASUREMENTS.csv [--write]

MEASUREMENTS.csv has the columns that `siting validate throughput` reads. With --write the fitted
values go into facts/engine_efficiency.csv, the ranges into facts/engine_spread.csv, the counts
into facts/engine_calibration.csv, and the errors into benchmarks/fit_throughput.json, from which
docs/validation.md is made. Without it, the errors are printed and nothing is written.

The fit is a regularised, robust least squares on logarithms: every constant has a prior and a
width (columns `prior` and `prior_factor`), so that what the measurements do not determine stays
where physics puts it. Large sources are weighted down, outliers count linearly. Priors were set
by hand with these measurements in sight; leave-one-out errors show what holds elsewhere.
"""

from __future__ import annotations

import argparse
import csv
import datetime as dt
import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import least_squares
from siting import catalogue
from siting.serving import measurement, performance
from siting.serving.measurement import Run
from siting.serving.performance import Efficiency, NotPredicted, Replica

from siting_validation import comparison as validation

QUANTITIES = ("output_tokens_per_s_total", "ttft_ms", "itl_or_tpot_ms")
NOISE = {"output_tokens_per_s_total": 0.12, "ttft_ms": 0.06, "itl_or_tpot_ms": 0.12}
"""Scatter of logarithms that no constant explains; first tokens of static batches repeat best."""
ROWS_OF_A_SOURCE = 150
"""A source with more rows than this counts as if its rows were repeated readings."""
HUBER = 1.5
"""Residuals beyond this many widths count linearly."""
LOOPS = ("static", "closed", "open", "saturated")
SPREAD_SCOPES = (
    "loop=static & engine=tensorrt-llm",
    "loop=static",
    "loop=saturated & mixture=yes",
    "loop=saturated",
    "loop=closed & engine=nim",
    "loop=closed & kernels=general & mixture=yes",
    "loop=closed & kernels=general",
    "loop=closed & mixture=yes",
    "",
)
"""Regimes with a range of their own, the most special first."""
ROWS_OF_A_REGIME = 20
"""Fewer measurements than this get no range of their own."""
HELD = (0.1, 0.9)
"""Quantiles of measured over predicted between which a range lies."""
OWN_SCATTER = 1.1
"""Our estimate: how far a client's own benchmark carries to another concurrency and another day."""
LEAVE_OUT = ("gpu", "architecture", "engine", "source")


@dataclass(frozen=True)
class Data:
    """Measurements as arrays, one entry a row of the file."""

    rows: list[dict[str, str]]
    replicas: Replica
    regimes: list[dict[str, str]]
    loop: np.ndarray
    load: np.ndarray
    inp: np.ndarray
    out: np.ndarray
    pool: np.ndarray
    measured: dict[str, np.ndarray]
    keys: dict[str, np.ndarray]
    """GPU, architecture, engine and source of each row."""


def read(path: Path) -> Data:
    """Rows that the model can predict, with what it needs to do so."""
    rows, runs, replicas, pools = [], [], [], []
    for row in validation.read(path):
        try:
            run = measurement.run_of_row(row)
            replicas.append(performance.replica(run.deployment))
        except NotPredicted:
            continue
        rows.append(row)
        runs.append(run)
        pools.append(_pool(run))
    regimes = [performance.regime(r.deployment) | {"loop": r.loop} for r in runs]
    keys = {k: np.array([x[k] for x in regimes]) for k in ("gpu", "architecture", "engine")}
    keys["source"] = np.array([row.get("group", row["case_id"].split("-")[0]) for row in rows])
    return Data(
        rows,
        performance.stack(replicas),
        regimes,
        np.array([r.loop for r in runs]),
        *(
            np.array([getattr(r, f) for r in runs])
            for f in ("load", "input_tokens", "output_tokens")
        ),
        np.array(pools),
        {q: np.array([_scored(row, q) for row in rows]) for q in QUANTITIES},
        keys,
    )


def _pool(run: Run) -> float:
    """Memory for the cache; unlimited for a static batch, which was made to fit."""
    if run.loop == "static":
        return np.inf
    try:
        return performance.pool_bytes(
            run.deployment, run.input_tokens + run.output_tokens, ran=True
        )
    except NotPredicted:
        return np.nan


def _scored(row: dict[str, str], quantity: str) -> float:
    value = validation.number(row, quantity) if quantity in validation.scored(row) else None
    return np.nan if value is None else value


class Model:
    """The constants of the table as one vector of logarithms, and predictions from it."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.rows = catalogue.table("engine_efficiency", Efficiency)
        self.prior = np.log([r.prior for r in self.rows])
        self.width = np.maximum(np.log([r.prior_factor for r in self.rows]), 1e-4)
        self.holds = np.array([[r.applies(x) for r in self.rows] for x in data.regimes], float)
        self.parts = [(x, np.flatnonzero(data.loop == x)) for x in LOOPS]

    def constants(self, theta: np.ndarray, at: np.ndarray) -> dict[str, np.ndarray]:
        """Every constant at the rows `at`."""
        names = dict.fromkeys(r.name for r in self.rows)
        of = {n: np.array([r.name == n for r in self.rows]) for n in names}
        return {n: np.exp(self.holds[at][:, m] @ theta[m]) for n, m in of.items()}

    def predict(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """The quantities of every row."""
        d = self.data
        found = {q: np.full(len(d.rows), np.nan) for q in QUANTITIES}
        for loop, at in self.parts:
            if not at.size:
                continue
            k = self.constants(theta, at)
            r = Replica(**{f.name: getattr(d.replicas, f.name)[at] for f in fields(Replica)})
            inp, out = d.inp[at], d.out[at]
            held = r.sequence_bytes(inp + k["occupancy"] * out)
            room = np.maximum(d.pool[at] / held * r.attention_ranks * r.stages, 1.0)
            s = performance.speed(r, k, loop, d.load[at], room, inp, out)
            for quantity, value in zip(
                QUANTITIES,
                (s.output_tokens_per_s, np.multiply(s.ttft_s, 1e3), np.multiply(s.tpot_s, 1e3)),
                strict=True,
            ):
                found[quantity][at] = np.where(d.pool[at] > 0, value, np.nan)
        return found

    def errors(self, found: dict[str, np.ndarray], quantity: str) -> np.ndarray:
        """Logarithm of predicted over measured."""
        return np.log(found[quantity] / self.data.measured[quantity])

    def weights(self, train: np.ndarray, quantity: str) -> np.ndarray:
        """Root of each row's weight: full up to ROWS_OF_A_SOURCE, then thinner."""
        asked = train & np.isfinite(self.data.measured[quantity]) & ~(self.data.pool <= 0)
        source = np.char.add(self.data.keys["source"], self.data.keys["engine"])
        weight = np.zeros(len(asked))
        for name in set(source[asked]):
            here = asked & (source == name)
            weight[here] = min(1.0, (ROWS_OF_A_SOURCE / here.sum()) ** 0.25)
        return weight

    def fit(self, train: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
        """The constants that explain the rows `train` best."""
        weights = {q: self.weights(train, q) for q in QUANTITIES}

        def residuals(theta: np.ndarray) -> np.ndarray:
            found = self.predict(theta)
            parts = [(theta - self.prior) / self.width]
            for q in QUANTITIES:
                at = weights[q] > 0
                e = self.errors(found, q)[at] / NOISE[q]
                size = np.abs(e)
                linear = np.sqrt(np.maximum(2 * HUBER * size - HUBER**2, 0))
                parts.append(np.sign(e) * np.where(size <= HUBER, size, linear) * weights[q][at])
            return np.concatenate(parts)

        first = self.prior if start is None else start
        steps = 40 if start is None else 12
        return least_squares(residuals, first, x_scale=self.width, max_nfev=steps).x

    def left_out(self, key: str, start: np.ndarray) -> dict[str, np.ndarray]:
        """Predictions of each row by a fit that never saw its GPU, engine, source …"""
        found = {q: np.full(len(self.data.rows), np.nan) for q in QUANTITIES}
        names = self.data.keys[key]
        for name in sorted(set(names)):
            test = names == name
            here = self.predict(self.fit(~test, start))
            for q in QUANTITIES:
                found[q][test] = here[q][test]
        return found


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


def regimes(data: Data) -> dict[str, np.ndarray]:
    """Rows by what a step spends its time on."""
    context, gpus = data.inp + data.out / 2, data.replicas.group
    formats = np.array([x["dense"] for x in data.regimes])
    mixture = np.array([x["mixture"] == "yes" for x in data.regimes])
    return {
        "batch or clients up to 4": (data.loop != "saturated") & (data.load <= 4),
        "5 to 64": (data.loop != "saturated") & (data.load > 4) & (data.load <= 64),
        "above 64": (data.loop != "saturated") & (data.load > 64),
        "saturated": data.loop == "saturated",
        "mean context up to 2,000 tokens": context <= 2000,
        "above 2,000": context > 2000,
        "one GPU": gpus == 1,
        "2 to 4 GPUs": (gpus > 1) & (gpus <= 4),
        "8 GPUs and more": gpus > 4,
        "16-bit weights": formats == "16",
        "8-bit weights": formats == "fp8",
        "4-bit weights": np.isin(formats, ["fp4", "int4"]),
        "dense models": ~mixture,
        "mixtures of experts": mixture,
    }


def report(model: Model, fitted: dict[str, np.ndarray], out: dict[str, Any]) -> dict[str, Any]:
    """Errors of the fit by source, engine, GPU and architecture, and of each leave-one-out."""
    found: dict[str, Any] = {"fit": {}, "left_out": {}}
    for key, names in model.data.keys.items():
        for name in sorted(set(names)):
            for q in QUANTITIES:
                e = np.where(names == name, model.errors(fitted, q), np.nan)
                if np.isfinite(e).any():
                    found["fit"].setdefault(key, {}).setdefault(str(name), {})[q] = summary(e)
    found["regimes"] = {
        name: {
            q: summary(np.where(here, model.errors(fitted, q), np.nan))
            for q in QUANTITIES
            if np.isfinite(np.where(here, model.errors(fitted, q), np.nan)).any()
        }
        for name, here in regimes(model.data).items()
    }
    for key, predicted in out.items():
        found["left_out"][key] = {q: summary(model.errors(predicted, q)) for q in QUANTITIES}
    return found


def spreads(model: Model, out: dict[str, Any]) -> list[dict[str, Any]]:
    """Ranges by regime: quantiles of measured over predicted, the row's GPU being left out.

    For an engine or a card never seen, every source counts alike, each left out as a whole, and
    the range is nowhere narrower than a seen one's.
    """
    rows = []
    for q in QUANTITIES:
        near, far = -model.errors(out["gpu"], q), -model.errors(out["source"], q)
        used = np.zeros(len(near), bool)
        seen = []
        for scope in SPREAD_SCOPES:
            here = np.array([performance.applies(scope, x) for x in model.data.regimes])
            chosen = np.isfinite(near) & here & (~used if scope else True)
            if chosen.sum() >= ROWS_OF_A_REGIME:
                seen.append(_spread_row(q, scope, near[chosen], np.ones(chosen.sum())))
                used |= here
        known = np.isfinite(far)
        source = model.data.keys["source"][known]
        alike = np.array([1 / (source == name).sum() for name in source])
        unseen = _spread_row(q, "calibrated=no", far[known], alike)
        unseen["low"] = min(r["low"] for r in (unseen, *seen))
        unseen["high"] = max(r["high"] for r in (unseen, *seen))
        own = {"quantity": q, "scope": "measured=yes", "measurements": 0}
        own |= {"low": round(1 / OWN_SCATTER, 3), "high": OWN_SCATTER}
        rows += [{k: own[k] for k in unseen}, unseen, *seen]
    return rows


def _spread_row(
    quantity: str, scope: str, errors: np.ndarray, weight: np.ndarray
) -> dict[str, Any]:
    order = np.argsort(errors)
    share = (np.cumsum(weight[order]) - weight[order] / 2) / weight.sum()
    low, high = np.exp(np.interp(HELD, share, errors[order]))
    return {
        "quantity": quantity,
        "scope": scope,
        "low": round(float(min(low, 1)), 3),
        "high": round(float(max(high, 1)), 3),
        "measurements": int(errors.size),
    }


def counts(model: Model) -> list[dict[str, Any]]:
    """Measurements by engine and by architecture."""
    return [
        {"regime": key, "value": name, "measurements": int((model.data.keys[key] == name).sum())}
        for key in ("engine", "architecture")
        for name in sorted(set(model.data.keys[key]))
    ]


def write(model: Model, theta: np.ndarray, out: dict[str, Any], errors: dict[str, Any]) -> None:
    """Put the results into the fact tables and the errors beside this file."""
    today = dt.date.today().isoformat()
    folder = catalogue.facts_dir()
    origin = {
        "source": "siting, fit to public throughput measurements",
        "url": "",
        "locator": "benchmarks/fit_throughput.py",
        "date": today,
        "kind": "estimate",
        "grade": "B",
        "note": "",
    }
    path = folder / "engine_efficiency.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row, value in zip(rows, np.exp(theta), strict=True):
        if float(row["prior_factor"]) > 1:
            row |= {"value": f"{value:.4g}", "date": today}
    _save(path, rows)
    _save(folder / "engine_spread.csv", [r | origin for r in spreads(model, out)])
    _save(folder / "engine_calibration.csv", [r | origin for r in counts(model)])
    Path(__file__).with_suffix(".json").write_text(json.dumps(errors, indent=1) + "\n")


def _save(path: Path, rows: list[dict[str, Any]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Fit, leave out, print; write if asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--write", action="store_true", help="write the fact tables")
    asked = parser.parse_args()
    model = Model(read(asked.measurements))
    everything = np.ones(len(model.data.rows), bool)
    theta = model.fit(everything)
    fitted = model.predict(theta)
    out = {key: model.left_out(key, theta) for key in LEAVE_OUT}
    errors = report(model, fitted, out)
    for row, value in zip(model.rows, np.exp(theta), strict=True):
        print(f"{row.name:20} {row.scope:42} {value:9.4g}  (prior {row.prior:g})")
    for key, found in (errors["fit"]["source"] | errors["left_out"]).items():
        cells = [f"{q} {s['median']:5.1f} /{s['p90']:5.1f} %" for q, s in found.items()]
        print(f"{key:14}", "  ".join(cells))
    if asked.write:
        write(model, theta, out, errors)


if __name__ == "__main__":
    main()
