"""Frames of a study on which model is as good as which."""

from __future__ import annotations

from siting.study.results import Results


class QualityFrames(Results):
    """Frames on which model is as good as which."""
