"""What a report asks of the library that its chapters call: one module, known by its name.

The name travels with the job, to other processes and other machines; the module itself does not.
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
    PACKAGES: tuple[str, ...]
    """What a warm process imports beforehand, with all modules in them."""
    LATER: tuple[str, ...]
    """Modules of others that are otherwise imported only once something needs them."""
    FIGURES: tuple[str, ...]
    """The files of a report that hold its figures."""
    files: Callable[[], set[Path]]
    """The files of the library that every report depends on: code, facts, themes."""
    prepare: Callable[[], None]
    """Works out what is the same for every client."""
    compute: Callable[[str, Sequence[str], bool], None]
    """Computes the study of a scenario once for all processes that are forked afterwards: path of
    the scenario, the chapters that will run (JSON), and whether the files of figures are wanted."""
    results: Callable[[str], dict[str, bytes]]
    """The files of figures of the scenario at a path, by name."""
    cover: Callable[[str], Cover]
    """What page one of the scenario at a path says besides the answer."""
    index: Callable[[Summaries], str]
    """The page over all reports, as HTML."""


def kit_named(name: str) -> Kit:
    """The kit of a name, such as `siting.kit`."""
    return cast(Kit, import_module(name))
