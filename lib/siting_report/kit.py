"""What a report asks of the library that its chapters call: one module, known by its name.

Importing it is cheap: what computes is imported inside its functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from siting_report.print.document import Cover

Summaries = Iterable[tuple[str, Sequence[str], bytes]]
"""Of each finished report: its folder, the names of its files, the content of its summary."""


class Kit(Protocol):
    """The members of such a module."""

    DISTRIBUTION: str
    """What is installed; the versions of all that it requires go into a report's fingerprint."""
    FIGURES: tuple[str, ...]
    """The files of a report that hold its figures."""
    files: Callable[[], set[Path]]
    """The files of the library that every report depends on: code, facts, themes."""
    keep: Callable[[str], None]
    """Has every chapter of this kernel find one study of the scenario at a path. It is computed
    as it is asked for."""
    write_results: Callable[[str, str], None]
    """Writes the files of figures of the scenario at a path to a folder."""
    cover: Callable[[str], Cover]
    """What page one of the scenario at a path says besides the answer."""
    index: Callable[[Summaries], str]
    """The page over all reports, as HTML."""


def kit_named(name: str) -> Kit:
    """The kit of a name, such as `siting.kit`."""
    return cast(Kit, import_module(name))
