"""Packages that others load where they find them, though reports do without.

pandas keeps texts in pyarrow's memory, at 40 MiB and a tenth of a chapter's time. jsonschema, which
nbformat loads, compiles a grammar of addresses, for a kind of check that no notebook asks for.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Iterator

ARROW = "pyarrow"
ADDRESSES = ("rfc3987_syntax", "isoduration")
"""What jsonschema takes for checks of addresses and durations."""


@contextlib.contextmanager
def unseen(*packages: str) -> Iterator[None]:
    """Whatever is imported here finds these packages as if they were not installed; a chapter that
    imports one finds it afterwards. One that is imported already stays."""
    hidden = [name for name in packages if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


_OF_ARROW = re.compile(r"\bpyarrow\b|\bArrowDtype\b")


def asks_for_arrow(chapter: str) -> bool:
    """Whether a chapter, a notebook as JSON, names types or readers of pandas that pyarrow serves.

    pandas decides as it is imported whether it has them: such a chapter needs an interpreter that
    hid nothing.
    """
    return bool(_OF_ARROW.search(chapter))
