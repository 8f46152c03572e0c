"""Memory of the largest scenario that `siting check` accepts: its figures, and its whole report.

Eight workloads share 5e9 requests and 1e13 tokens a working day; sixteen options run them at
vendors, on rented and on owned GPUs, and as hybrids; twelve fine-tuning jobs; ten years. The
figures are summary, workbook and all frames, in one process; the report is that of all its
processes.

python -m benchmarks.largest
"""

from __future__ import annotations

import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import yaml
from siting import study
from siting.inputs import scenario
from siting.study import frames

from benchmarks.rendering import Kit, measure

WORKLOADS = 8
REQUESTS = 4.99e9
TOKENS = 1995
MODELS = ("google/gemma-4-31B-it", "Qwen/Qwen3.6-27B")
CARDS = ("h100-sxm5-80gb", "l40s-48gb", "h200-sxm-141gb")


class _Plain(yaml.SafeDumper):
    """Writes everything out: a scenario knows no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def content() -> dict[str, Any]:
    """The scenario, as plain data."""
    base = yaml.safe_load((scenario.project() / "params" / "base.yaml").read_text())
    (usual,) = base["workloads"].values()
    hours = ("office", "day", "flat", "night")
    for i in range(WORKLOADS):
        base["workloads"][f"work-{i}"] = usual | {
            "users": 0, "requests_per_day": REQUESTS / WORKLOADS, "hours": hours[i % 4],
            "input_tokens": {"mean": TOKENS * 0.8, "p95": TOKENS * 2},
            "output_tokens": {"mean": TOKENS * 0.2, "p95": TOKENS * 0.5},
            "growth_per_year": {"low": -0.05, "central": -0.01, "high": 0},
            "batchable_share": i / WORKLOADS, "arrivals": ("people", "machines", "agents")[i % 3],
        }  # fmt: skip
    del base["workloads"]["assistant"]
    own = base["options"]
    split = {f"work-{i}": MODELS[i % 2] for i in range(WORKLOADS)}
    for i, card in enumerate(CARDS):
        plain = {"models": split, "gpu": card, "effort": "none"}
        own[f"rented-{i}"] = own["rented"] | plain | {"label": f"Rented {i}"}
        own[f"owned-{i}"] = own["owned"] | plain | {"label": f"Owned {i}", "server": ""}
        for burst in ("api", "rented"):
            name = f"hybrid-{i}-{burst}"
            own[name] = own["hybrid"] | {"label": name, "base": f"owned-{i}", "burst": burst}
    base["fine_tuning"] = {
        f"job-{i}": {"model": MODELS[i % 2], "method": ("lora", "qlora", "full")[i % 3],
                     "examples": 100_000, "tokens_per_example": 2000, "runs_per_year": 12}
        for i in range(12)
    }  # fmt: skip
    base["finance"]["horizon_months"] = 120
    return base


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "largest.yaml"
        path.write_text(yaml.dump(content(), Dumper=_Plain, sort_keys=False))
        s = study.open(str(path))
        start = time.perf_counter()
        s.summary()
        s.files()
        for name in frames.listed(*study.topics()):
            getattr(s, name)()
        wall = time.perf_counter() - start
        whole = measure("whole report", 1, 1, Kit([str(path)], 1, folder))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    gpus = max(c.gpus().central for c in s.results.capacity.values())
    print(f"{len(s.scenario.workloads)} workloads, {len(s.scenario.options)} options", end=", ")
    print(f"{gpus:,.0f} GPUs: {peak:.2f} GiB, {time.process_time():.0f} s CPU, {wall:.0f} s")
    print(f"whole report: {whole.peak_mib / 1024:.2f} GiB, {whole.cpu_s:.0f} s CPU")


if __name__ == "__main__":
    main()
