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
    "memory of every option": (_STUDY, "s.memory"),
    "GPUs of every option": (_STUDY + "s.memory", "s.capacity"),
    "cost of every option": (_STUDY + "s.capacity", "s.cost"),
    "draws and sensitivities": (_STUDY + "s.cost", "s.uncertainty; s.sensitivities()"),
    "verdict": (_STUDY + "s.uncertainty; s.stability; s.sovereignty; s.quality", "s.decision"),
    "every model on every card": (_STUDY, "s.fit_map()"),
    "summary.json": (_STUDY, "s.summary()"),
    "workbook": (_STUDY + "s.uncertainty", "s.workbook()"),
}


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
