"""Reports at an address that fsspec knows: an object store, another machine, this one's memory."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from siting_report.run.extras import BadAddress
from siting_report.run.folder import ReportFolder

NO_STORES = frozenset(
    {
        "async_wrapper", "asyncwrapper", "blockcache", "cached", "dask", "data", "dir", "filecache",
        "generic", "gist", "git", "github", "http", "https", "libarchive", "pyscript", "reference",
        "simplecache", "tar", "zip",
    }
)  # fmt: skip
"""fsspec's addresses that lead to other addresses, hold what they name in themselves, or can only
be read; a `reference` is a program for templates."""


def reports_at(address: str) -> ReportFolder:
    """The reports at an address such as `memory://reports` or `s3://bucket/reports`.

    Raises BadAddress.
    """
    scheme, _, path = address.rpartition("://")
    if not path:
        raise BadAddress(f"{address!r} names no place for reports; write a folder such as reports")
    if scheme in NO_STORES or "::" in scheme:
        raise BadAddress(
            f"{address}: keeps no reports itself, but reads or leads to what is elsewhere; write a "
            "folder, or a place such as s3://bucket/reports"
        )
    if scheme in ("file", "local"):
        return ReportFolder(Path(path))
    try:
        system, root = fsspec.core.url_to_fs(address)
    except (ValueError, ImportError, OSError) as error:
        raise BadAddress(
            f"{address}: {error}; write a folder, or an address that fsspec knows, "
            "such as s3://bucket/reports (which needs the package s3fs)"
        ) from None
    return ReportStore(system, root)


class ReportStore(ReportFolder):
    """A store that holds one report a client.

    Object stores have no locks: of two runs at once on one client the later report stays. Should
    their files mix, digests tell, and the next run makes the report anew.
    """

    def __init__(self, system: Any, root: str) -> None:
        """system: fsspec's, in which all names below begin with `root`."""
        self.system = system
        self._root = root

    @contextlib.contextmanager
    def lock(self, client: str) -> Iterator[None]:
        self._recover(client)
        yield

    def clear(self) -> None:
        """What is on its way may be another run's, which no lock shows."""

    def _check(self, name: str) -> None:
        """A store has no links."""

    def _at(self, place: str) -> str:
        return "/".join(filter(None, (self._root, place.strip("/"))))

    def _listed(self, place: str) -> dict[str, bool]:
        found: list[dict[str, str]] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = self.system.ls(self._at(place), detail=True)
        kinds = {PurePosixPath(one["name"]).name: one["type"] == "directory" for one in found}
        return dict(sorted(kinds.items()))

    def _content(self, place: str, most: int) -> bytes:
        content: bytes = self.system.cat_file(self._at(place), end=most + 1)
        if len(content) > most:
            raise ValueError("is larger than any that a report holds")
        return content

    def _stands(self, place: str) -> bool:
        return bool(self.system.lexists(self._at(place)))

    def _write(self, place: str, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            path = self._at(f"{place}/{name}")
            self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.system.pipe_file(path, content)

    def _move(self, place: str, to: str) -> None:
        self.system.mv(self._at(place), self._at(to), recursive=True)

    def _discard(self, place: str) -> None:
        with contextlib.suppress(OSError):
            self.system.rm(self._at(place), recursive=True)
