"""The known name that is likest to a misspelt one."""

from __future__ import annotations

import difflib
from collections.abc import Collection

ALIKE = 0.6
"""Likeness, as `difflib` counts it, from which a name may be meant: two letters of five may be
wrong."""


def nearest(name: str, known: Collection[str], alike: float = ALIKE) -> str | None:
    """The one of `known` that may be meant by `name`; None where none is like it."""
    return next(iter(difflib.get_close_matches(name, known, 1, alike)), None)
