"""siting: where should an LLM workload live? Sourced, ranged reports from notebooks."""

__version__ = "0.1.0"
