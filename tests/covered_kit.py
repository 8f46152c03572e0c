"""The library's kit with its page one and without a figure, for tests of what surrounds both."""

from pathlib import Path

from siting.kit import DISTRIBUTION, cover
from small_kit import FIGURES, index, keep, write_results

__all__ = ["DISTRIBUTION", "FIGURES", "cover", "files", "index", "keep", "write_results"]


def files() -> set[Path]:
    """This file is all that a report depends on."""
    return {Path(__file__)}
