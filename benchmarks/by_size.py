"""CPU of `siting summary` over scenarios at random, by how many options and workloads they have.

Options and workloads are drawn from those of all clients; of one option in two, one thing or more
that a client typed is left to the kit. Each summary is made by a process of its own.

    python -m benchmarks.by_size 200
"""

from __future__ import annotations

import copy
import datetime as dt
import math
import random
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from siting.inputs import scenario
from siting.places import COMMITTED

from benchmarks.left_open import OPEN

EXAMPLES = 200
MOST_OPTIONS = 12
MOST_WORKLOADS = 8
DAY = dt.date(2026, 11, 1)
LIMIT_S = 120
"""CPU after which a summary is given up."""
Said = dict[str, Any]


@cache
def _of_clients(section: str) -> list[tuple[str, Said]]:
    """Options or workloads of all clients, with their names."""
    found: list[tuple[str, Said]] = []
    for client in scenario.names():
        whole = yaml.safe_load(scenario.resolved(scenario.load(client)))
        found += whole[section].items()
    return found


def _options(chance: random.Random, number: int) -> dict[str, Said]:
    """So many options: first what runs today, an API; where there are two, a mix now and then."""
    alone = [o for _, o in _of_clients("options") if o["kind"] not in ("hybrid", "split")]
    found: dict[str, Said] = {}
    for i in range(number):
        owned = [n for n, o in found.items() if o["kind"] in ("colocation", "on_premises")]
        if owned and chance.random() < 0.15:
            parts = {"base": chance.choice(owned), "burst": "option-0"}
            found[f"option-{i}"] = {"kind": "hybrid", "country": "DE", "label": f"Mix {i}", **parts}
            continue
        possible = [o for o in alone if i or o["kind"] == "api"]
        option = copy.deepcopy(chance.choice(possible))
        models = [*option["models"].values()]
        option |= {"label": f"{option['label'][:40]} {i}", "models": {"all": models[0]}}
        for dropped in ("existing_servers", "contracts", "contract_until", "notice_days",
                        "renews_for_months", "minimum_commitment_per_month"):  # fmt: skip
            option.pop(dropped, None)
        if not i:
            option["months_to_production"] = 0
        elif chance.random() < 0.5:
            lacking = [] if option["kind"] in COMMITTED else ["commitment"]
            said = [field for field in OPEN if option.get(field) and field not in lacking]
            for field in chance.sample(said, min(len(said), chance.choice([1, 2, 3]))):
                option[field] = copy.deepcopy(OPEN[field])
        found[f"option-{i}"] = option
    return found


def drawn(number: int) -> Said:
    """A scenario, as plain data, the same each time."""
    chance = random.Random(number)
    client = chance.choice(scenario.names())
    whole: Said = yaml.safe_load(scenario.resolved(scenario.load(client)))
    loads = [copy.deepcopy(load) for _, load in _of_clients("workloads")]
    kept = [chance.choice(loads) for _ in range(chance.randint(1, MOST_WORKLOADS))]
    finance = {k: v for k, v in whole["finance"].items() if k not in ("quotes", "baseline")}
    return {
        "client": {k: v for k, v in whole["client"].items() if k not in ("id", "yes_means")},
        "seed": number,
        "workloads": {f"work-{i}": copy.deepcopy(load) for i, load in enumerate(kept)},
        "options": _options(chance, chance.randint(1, MOST_OPTIONS)),
        "finance": {**finance, "baseline": "option-0"},
        "rules": whole["rules"],
        "decision": {"hard_constraints": ["quality", "sovereignty"]},
        "evidence": [{"fields": ["*"], "source": "drawn at random", "date": DAY}],
    }


def cpu(path: Path) -> float:
    """CPU of the summary of a scenario; without end where it is given up. [s]"""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    asked = [sys.executable, "-m", "siting", "summary", str(path)]
    done = subprocess.run(asked, capture_output=True, text=True, preexec_fn=_limited)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    took = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        return math.inf
    if done.returncode:
        raise SystemExit(f"{path}\n{done.stderr}")
    return took


def _limited() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_S, LIMIT_S))


def main(examples: int, first: int = 1) -> None:
    took: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(first, first + examples):
            path = Path(folder) / f"drawn-{number}.yaml"
            whole = drawn(number)
            path.write_text(yaml.safe_dump(whole, sort_keys=False))
            scenario.load(path)
            took.append(cpu(path))
            size = f"{len(whole['options'])} options, {len(whole['workloads'])} workloads"
            print(f"{number}: {size}: {took[-1]:.1f} s", flush=True)
    print(f"median {statistics.median(took):.1f} s, most {max(took):.1f} s of {len(took)}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or [EXAMPLES]))
