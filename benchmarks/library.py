"""`python -m benchmarks.library`: seconds of CPU that the library takes for its larger tasks.

Each task is timed three times in a fresh process after one that warms the disk, and the best
counts. Tests hold no stopwatch; whoever changes one of these parts runs this before and after.
"""

from __future__ import annotations

import subprocess
import sys

_TIMED = """
import time
{before}
start = time.process_time()
{task}
print(time.process_time() - start)
"""
_STUDY = 'from siting import study\ns = study.open("base")\n'
TASKS = {
    "siting --help": ("", "import siting.cli"),
    "import of a study": ("", "from siting import study"),
    "scenario read and checked": (
        "from siting.inputs import scenario",
        'scenario.load("banca-valdora")',
    ),
    "memory of every option": (_STUDY, "s.results.memory"),
    "GPUs of every option": (_STUDY + "s.results.memory", "s.results.capacity"),
    "cost of every option": (_STUDY + "s.results.capacity", "s.results.cost"),
    "draws": (_STUDY + "s.results.cost", "s.results.uncertainty"),
    "verdict": (
        _STUDY + "r = s.results; r.uncertainty; r.stability; r.sovereignty; r.quality",
        "s.results.decision",
    ),
    "summary.json": (_STUDY, "s.summary()"),
    "workbook": (_STUDY + "s.results.uncertainty", "s.files()"),
}


CLIENTS = (
    "klinikverbund-nordheide", "polderwerk", "banca-valdora", "agence-lumiere",
    "assekuranz-saentis", "tidewater-apps",
)  # fmt: skip
_SLIDERS = """
name, load = next(iter(start.workloads.items()))
volume = "users" if load.users else "requests_per_day"
tokens = load.output_tokens
moves = dict()
for times in (0.5, 0.9, 1.1, 1.5, 2.0):
    more = dict(mean=tokens.mean * times, p95=tokens.p95 * times)
    moves["volume", times] = dict([(f"workloads.{name}.{volume}", getattr(load, volume) * times)])
    moves["length of answers", times] = dict([(f"workloads.{name}.output_tokens", more)])
    moves["discount rate", times] = dict([("finance.discount_rate", 0.06 * times)])
    moves["falling prices", times] = dict([("finance.falling_prices", 0.4 * times)])
taken = dict()
for (what, _), asked in moves.items():
    begun = time.process_time()
    chain.decide(scenario.changed(start, asked))
    taken.setdefault(what, []).append(time.process_time() - begun)
for what, each in taken.items():
    print("slider, " + what, sorted(each)[len(each) // 2])
"""
"""A move of each slider of explore.ipynb, the median of five."""
_CHAIN = """
import time
from siting.inputs import scenario
from siting.verdict import plausible, variants
from siting.verdict.chain import Chain

start = scenario.load("{client}")
Chain().decide(start)  # reads the tables
chain = Chain()
begun = time.process_time()
chain.decide(start)
print("chain", time.process_time() - begun)
{sliders}
listed = plausible.variants(start, chain)
spent = dict()
for kind in dict.fromkeys(v.kind for v in listed):
    own = [v for v in listed if v.kind == kind]
    begun = time.process_time()
    list(variants.tried(chain, start, own))
    spent[kind] = time.process_time() - begun
    print("a variant, " + kind, spent[kind] / len(own))
print("sixty variants", 60 * sum(spent.values()) / len(listed))
"""
"""The chain of a client once its tables are read, its variants by kind, and sixty as they come."""


def chains(client: str) -> list[tuple[str, float]]:
    """What a client's chain and its variants take, by name. [s of CPU]"""
    code = _CHAIN.format(client=client, sliders=_SLIDERS)
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    lines = (line.rpartition(" ") for line in run.stdout.splitlines())
    return [(name, float(taken)) for name, _, taken in lines]


def seconds(before: str, task: str) -> float:
    """The best of three runs. [s of CPU]"""
    code = _TIMED.format(before=before, task=task)
    runs = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        for _ in range(4)
    ]
    return min(float(run.stdout) for run in runs[1:])


if __name__ == "__main__":
    for name, (before, task) in TASKS.items():
        print(f"{name:28}{seconds(before, task):8.2f} s")
    for client in CLIENTS:
        print(client)
        for name, taken in chains(client):
            print(f"    {name:24}{taken:8.3f} s")
