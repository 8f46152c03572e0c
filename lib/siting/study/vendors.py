"""Frames of a study on the record of vendors, and what may happen."""

from __future__ import annotations

from siting.study.results import Results


class VendorFrames(Results):
    """Frames on the record of vendors, and what may happen."""
