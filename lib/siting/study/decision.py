"""Frames of a study on the verdict, its reasons and what turns it."""

from __future__ import annotations

from siting.study.results import Results


class DecisionFrames(Results):
    """Frames on the verdict, its reasons and what turns it."""
