"""Frames of a study on flows of data, rules and licences."""

from __future__ import annotations

from siting.study.results import Results


class DataFrames(Results):
    """Frames on flows of data, rules and licences."""
