"""Frames of a study on inputs, and where they come from."""

from __future__ import annotations

from siting.study.results import Results


class SourceFrames(Results):
    """Frames on inputs, and where they come from."""
