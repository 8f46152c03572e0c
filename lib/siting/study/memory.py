"""Frames of a study on memory of serving and of fine-tuning."""

from __future__ import annotations

from siting.study.results import Results


class MemoryFrames(Results):
    """Frames on memory of serving and of fine-tuning."""
