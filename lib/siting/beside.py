"""Packages beside this one, which it finds by their entry points and never names.

Four groups: `siting.commands` (a command of `siting`; `import.load` one of `siting import`),
`siting.topics` (a class of frames that every study has), `siting.files` (a file of a report by its
name, made from a study) and `siting.models` (what reads a file that describes a model).
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from typing import Any, Literal

Group = Literal["commands", "topics", "files", "models"]


@cache
def entries(group: Group) -> dict[str, EntryPoint]:
    """What is declared in a group, by name, in the order of the alphabet."""
    found = entry_points(group=f"siting.{group}")
    return {entry.name: entry for entry in sorted(found, key=lambda entry: entry.name)}


def package(entry: EntryPoint) -> str:
    """The package that an entry point leads to."""
    return entry.module.partition(".")[0]


def is_there(entry: EntryPoint) -> bool:
    """Whether its package is installed, too."""
    return find_spec(package(entry)) is not None


def names(group: Group) -> tuple[str, ...]:
    """What a group holds of packages that are installed."""
    return tuple(name for name, entry in entries(group).items() if is_there(entry))


def loaded(group: Group) -> dict[str, Any]:
    """What a group holds, by name, of packages that are installed."""
    return {name: entries(group)[name].load() for name in names(group)}


def packages() -> list[str]:
    """Packages beside this one that make a part of a report."""
    found = [*entries("topics").values(), *entries("files").values()]
    return sorted({package(entry) for entry in found if is_there(entry)})


def missing(group: Group) -> list[str]:
    """Packages that a group names and that are not installed."""
    return sorted({package(entry) for entry in entries(group).values() if not is_there(entry)})
