"""A client's report from its scenario, the index over all reports, and what changed between two."""

from pathlib import Path

THEME = Path(__file__).parents[1] / "theme"
"""What the index and the comparison are set with."""
