"""What others published that simulators expect, beside the kit, on the same open-loop runs.

    python -m siting_validation.compare_simulators [MEASUREMENTS.csv]

The makers of BLIS measured vLLM 0.15.1 on H100, A100 and L40S cards, ran three forms of it and
three other simulators on the same requests, and published what each expected
(`tests/data/simulators.csv`, with file and row). No simulator is run here. Two predictions of the
kit stand beside theirs: that of the fit, which saw these rows, and that of a fit without this whole
source. Writes compare_simulators.json, from which docs/validation.md is made.
"""

from __future__ import annotations

import argparse
import csv
import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from siting_validation import comparison
from siting_validation.fit_throughput import ConstantsFit, SpeedModel, read, summary

QUANTITY = "itl_or_tpot_ms"
SOURCE = "blis"
PUBLISHED = comparison.shipped("simulators")


def published() -> dict[str, dict[str, float]]:
    """Milliseconds between tokens that each simulator expects, by simulator and case."""
    found: dict[str, dict[str, float]] = {}
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["simulator"], {})[row["case_id"]] = float(row["itl_ms"])
    return found


def compared(
    said: Mapping[str, Mapping[str, float]],
    measured: Mapping[str, float],
    kit: Mapping[str, Mapping[str, float]],
) -> dict[str, dict[str, Any]]:
    """Errors of each simulator, and of each way of the kit on the cases that it answers.

    said, kit: milliseconds by name and case. measured: milliseconds by case.
    """
    return {
        name: {
            "simulator": _errors(cases, measured, cases),
            **{way: _errors(found, measured, cases) for way, found in kit.items()},
        }
        for name, cases in said.items()
    }


def _errors(
    found: Mapping[str, float], measured: Mapping[str, float], cases: Mapping[str, float]
) -> dict[str, Any]:
    """Of the cases that are named, those that are found."""
    logs = [np.log(found[case] / measured[case]) for case in cases if case in found]
    return summary(np.array(logs))


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measurements", type=Path, nargs="?")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)
    model = SpeedModel(read(asked.measurements or comparison.shipped("throughput")))
    names = [row["case_id"] for row in model.data.rows]
    here = model.data.keys["source"] == SOURCE
    ways = {
        "kit": model.predict(np.log([r.value for r in model.rows])),
        "kit without this source": model.predict(ConstantsFit(model).without(here)),
    }
    kit = {
        way: {names[i]: float(found[QUANTITY][i]) for i in np.flatnonzero(here)}
        for way, found in ways.items()
    }
    measured = {names[i]: float(model.data.rows[i][QUANTITY]) for i in np.flatnonzero(here)}
    result = compared(published(), measured, kit)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
