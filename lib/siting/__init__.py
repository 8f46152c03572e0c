"""siting: where should an LLM workload live? Sourced, ranged reports from notebooks."""

__version__ = "0.1.0"

import os

# Before numpy is imported: a process without threads of its libraries can be forked, and parallel
# reports do not share each core among many.
for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")
os.environ.setdefault("JE_ARROW_MALLOC_CONF", "background_thread:false")
