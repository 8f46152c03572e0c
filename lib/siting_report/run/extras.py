"""What other packages add to the running of reports, found by entry points of one group.

`store` is called with an address and gives a `folder.ReportFolder` that keeps reports there.
`workers` is called with the address of a scheduler, the name of a kit and what takes a line of
progress; it gives a context in which a `report.Maker` makes reports elsewhere.
"""

from __future__ import annotations

from importlib import metadata
from typing import Any

GROUP = "siting.clusters"


class BadAddress(ValueError):
    """Where reports shall go, or what shall make them, cannot be reached at this address."""


def find(name: str, wanted: str) -> Any:
    """What a package offers under this name. Raises BadAddress, which says what was wanted."""
    for point in metadata.entry_points(group=GROUP, name=name):
        return point.load()
    raise BadAddress(
        f"{wanted} need a package that this installation lacks: one with the entry point "
        f"{name!r} of {GROUP}; install the kit whole"
    )
