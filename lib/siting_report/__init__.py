"""Notebooks to a page and a paper: what a cell shows, how chapters run, how a report is set.

It may import nothing of `siting` or `siting_facts`: it knows no study, no GPU and no money. The
library that the chapters of a report call is known by the name of one module (`kit.Kit`).
"""

import os

# Before numpy is imported: parallel reports do not share each core among many threads.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
