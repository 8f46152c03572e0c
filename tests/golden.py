"""Golden master: figures of all clients and of twenty scenarios at random, held against a58d008.

    python tests/golden.py            says what differs, by scenario; status 1 where anything does
    python tests/golden.py --write    takes what is found as what is right

A restructuring leaves it equal. What moves on purpose is written anew, and the commit tells it.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.rules import findings
from siting.study.results import Results

FOLDER = Path(__file__).parent / "data" / "golden"
CLIENTS = (
    "agence-lumiere", "assekuranz-saentis", "banca-valdora", "klinikverbund-nordheide",
    "polderwerk", "tidewater-apps",
)  # fmt: skip
RANDOM = 20
CLOSE = 1e-9
"""Relative: what the order of a sum may change."""
Figures = dict[str, str]


def changes(number: int) -> tuple[str, Mapping[str, Any]]:
    """A client, and what is changed in its file: the scenario at random of that number."""
    chance = random.Random(number)
    client = CLIENTS[number % len(CLIENTS)]
    found = scenario.load(client)
    changed: dict[str, Any] = {
        "finance.discount_rate": round(chance.uniform(0.02, 0.12), 3),
        "finance.horizon_months": chance.choice([36, 48, 60]),
        "seed": chance.randrange(1000),
    }
    for name, load in found.workloads.items():
        path = f"workloads.{name}"
        changed[f"{path}.peak_factor"] = round(chance.uniform(1, 3), 2)
        changed[f"{path}.growth_per_year"] = round(chance.uniform(-0.1, 0.6), 2)
        for volume in ("users", "requests_per_day", "requests_per_month"):
            if chance.random() < 0.7 and getattr(load, volume):
                times = 10 ** chance.uniform(-0.7, 0.5)
                changed[f"{path}.{volume}"] = float(round(getattr(load, volume) * times))
                break
    for name in found.options:
        months = round(chance.uniform(0, 12), 1)
        changed[f"options.{name}.months_to_production"] = months
    return client, changed


def asked(name: str) -> scenario.Scenario:
    """The scenario of that name: a client, base, or a number at random."""
    if not name.startswith("random-"):
        return scenario.load(name)
    client, changed = changes(int(name.removeprefix("random-")))
    return put(scenario.load(client), changed)


def figures(name: str) -> Figures:
    """Every figure that is held, by what it is of."""
    found = Results(asked(name))
    every = [*_figures(found), *(() if name.startswith("random-") else _states_of_rules(found))]
    return {" | ".join(words): f"{value:.12g}" for words, value in every}


def _figures(r: Results) -> Iterator[tuple[tuple[str, ...], float]]:
    for option in r.options:
        result = r.chain.option(r.scenario, option)
        totals = r.chain.totals(r.scenario, option)
        if totals is not None:
            cost = totals.present
            yield ("cost", option, "mean"), float(cost.mean())
            for share in (5, 25, 50, 75, 95):
                yield ("cost", option, f"p{share}"), float(np.percentile(cost, share))
        for pool in result.sized.pools.values():
            for year, count in enumerate(pool.replicas, start=1):
                place = ("replicas", option, pool.model, str(year))
                yield (*place, "low"), count.low
                yield (*place, "central"), count.central
                yield (*place, "high"), count.high
        for loss in r.stability.options[option].kinds:
            yield ("shock", option, loss.vendor, loss.kind.shock), loss.chance.central
    for option, fits in r.memory.items():
        for fit in fits:
            if fit.memory is not None:
                place = ("memory", option, fit.model)
                yield (*place, "need"), fit.memory.need_gib.central
                yield (*place, "pool"), fit.memory.pool_gib.central
                yield (*place, "context"), fit.memory.longest_context


def _states_of_rules(r: Results) -> Iterator[tuple[tuple[str, ...], float]]:
    """From not applicable (0) to failing (3); what is changed at random moves none."""
    for option in r.options:
        for rule, judged in r.sovereignty.options[option].findings.items():
            for one in judged:
                place = ("rule", option, rule, one.flow.kind, one.flow.label, one.flow.carrier)
                yield place, float(findings.SEVERITY.index(one.verdict))


def _kept(name: str) -> Figures:
    path = FOLDER / f"{name}.csv"
    if not path.exists():
        return {}
    with path.open(newline="") as file:
        return {row["of"]: row["value"] for row in csv.DictReader(file)}


def _write(name: str, found: Figures) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with (FOLDER / f"{name}.csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("of", "value"))
        writer.writerows(found.items())


def differences(name: str) -> list[str]:
    """What of a scenario is not as it was kept, a line each."""
    kept = _kept(name)
    found = figures(name)
    lines = [f"{of}: gone" for of in kept.keys() - found.keys()]
    lines += [f"{of}: new" for of in found.keys() - kept.keys()]
    for of in kept.keys() & found.keys():
        before = float(kept[of])
        now = float(found[of])
        if abs(now - before) > CLOSE * max(1.0, abs(before)):
            lines.append(f"{of}: {before:g} -> {now:g}")
    return sorted(lines)


def _one(name: str, write: bool) -> list[str]:
    if write:
        _write(name, figures(name))
        return []
    return differences(name)


def main(words: list[str]) -> int:
    """Compares, or writes; names of scenarios may be given. Returns the exit status."""
    write = "--write" in words
    names = [word for word in words if word != "--write"]
    names = names or ["base", *CLIENTS, *(f"random-{n}" for n in range(RANDOM))]
    wrong = 0
    with ProcessPoolExecutor(2) as workers:
        for name, lines in zip(names, workers.map(_one, names, [write] * len(names)), strict=True):
            wrong += len(lines)
            if lines:
                print(f"{name}: {len(lines)} differ", *lines[:12], sep="\n  ")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
