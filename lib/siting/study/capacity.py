"""Frames of a study on load, GPUs and latency."""

from __future__ import annotations

from siting.study.results import Results


class CapacityFrames(Results):
    """Frames on load, GPUs and latency."""
