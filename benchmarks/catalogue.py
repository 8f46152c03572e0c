"""How long the whole catalogue takes: every model on every card, in four formats and four sizes.

python -m benchmarks.catalogue
"""

from __future__ import annotations

import time

from siting import catalogue
from siting.memory.vram import sweep

FORMATS = ("bf16", "fp8", "int4", "nvfp4")


def main() -> None:
    models = catalogue.models()
    gpus = catalogue.gpus()
    sweep(models, gpus, FORMATS[:1], 8192)  # facts are read once
    start = time.perf_counter()
    cpu = time.process_time()
    made = sweep(models, gpus, FORMATS, 8192)
    wall = time.perf_counter() - start
    used = time.process_time() - cpu
    print(f"{made.left_gib.size:,} combinations: {wall:.2f} s wall, {used:.2f} s CPU")


if __name__ == "__main__":
    main()
