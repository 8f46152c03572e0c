"""Frames of a study on money."""

from __future__ import annotations

from siting.study.results import Results


class CostFrames(Results):
    """Frames on money."""
