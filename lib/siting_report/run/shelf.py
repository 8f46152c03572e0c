"""Where reports are kept: a folder, or any address that fsspec knows.

A report is put whole or not at all. `manifest.json` beside it holds the fingerprint of what it
was made from and the digest of each file, so that a damaged report counts as none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import fsspec
from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem

from siting_report import plain_files
from siting_report.run.job import Job

MANIFEST = "manifest.json"
FAILED = "failed"
INDEX = "index.html"
"""Page over all reports, beside them."""
LARGEST = 256 * plain_files.MIB
"""A larger file is none of a report's."""
WORK = ".siting"
"""Folder inside the output folder for locks and for reports on their way."""


NO_SHELVES = frozenset(
    {
        "async_wrapper", "asyncwrapper", "blockcache", "cached", "dask", "data", "dir", "filecache",
        "generic", "gist", "git", "github", "http", "https", "libarchive", "pyscript", "reference",
        "simplecache", "tar", "zip",
    }
)  # fmt: skip
"""fsspec's addresses that lead to other addresses, hold what they name in themselves, or can only
be read; a `reference` is a program for templates."""


class Busy(Exception):
    """Another run holds this client."""


class BadAddress(ValueError):
    """Where reports shall go, or what shall make them, cannot be reached at this address."""


def shelf(out: str | Path) -> Shelf:
    """The shelf at a folder or at an address such as `memory://reports` or `s3://bucket/reports`.

    Raises BadAddress.
    """
    address = str(out)
    scheme, _, path = address.rpartition("://")
    if not path:
        raise BadAddress(f"{address!r} names no place for reports; write a folder such as reports")
    if scheme in NO_SHELVES or "::" in scheme:
        raise BadAddress(
            f"{address}: keeps no reports itself, but reads or leads to what is elsewhere; write a "
            "folder, or a place such as s3://bucket/reports"
        )
    if scheme in ("", "file", "local"):
        return Folder(Path(path))
    try:
        system, root = fsspec.core.url_to_fs(address)
        return Shelf(system, root)
    except (ValueError, ImportError, OSError) as error:
        raise BadAddress(
            f"{address}: {error}; write a folder, or an address that fsspec knows, "
            "such as s3://bucket/reports (which needs the package s3fs)"
        ) from None


LARGEST_SUMMARY = 8 * plain_files.MIB
"""A whole report's is a fifth of a MiB. [bytes]"""


class Shelf:
    """A place that holds one report a client.

    Object stores have no locks: of two runs at once on one client the later report stays. Should
    their files mix, digests tell, and the next run makes the report anew.
    """

    def __init__(self, system: Any, root: str) -> None:
        """system: fsspec's, in which all names below begin with `root`."""
        self.system = system
        self.root = root

    def clients(self) -> list[str]:
        """Names of the folders that hold reports or what is left of failed ones."""
        kinds = self._listed("").items()
        return [name for name, kind in kinds if kind == "directory" and not name.startswith(".")]

    def files(self, client: str) -> list[str]:
        """Names of what is in a client's folder."""
        return list(self._listed(client))

    def read(self, client: str, name: str, most: int | None = None) -> bytes | None:
        """A file of a report, or beside the reports where `client` is empty; None without one.

        most: bytes that are read; of a larger file as many and one more.
        """
        end = None if most is None else most + 1
        try:
            content: bytes = self.system.cat_file(self._at(client, name), end=end)
        except (FileNotFoundError, ValueError):
            return None
        return content

    def summaries(self) -> list[tuple[str, list[str], bytes]]:
        """Of each client its folder, the files in it, and its summary.json, empty without one and
        where it is larger than any that a report writes."""
        found = []
        for client in self.clients():
            content = self.read(client, "summary.json", LARGEST_SUMMARY) or b""
            if len(content) > LARGEST_SUMMARY:
                content = b""
            found.append((client, self.files(client), content))
        return found

    def holds(self, job: Job) -> bool:
        """Whether the report of exactly this job is here, undamaged."""
        if self.read(job.client, f"{FAILED}/{MANIFEST}") is not None:
            return False
        stated = self._manifest(job.client)
        names = {f"report.{form}" for form in job.formats}
        return (
            stated.get("fingerprint") == job.fingerprint()
            and names <= stated["files"].keys()
            and all(self._intact(job.client, name, stated) is not None for name in stated["files"])
        )

    def still_true(self, job: Job) -> dict[str, bytes]:
        """Files of the client's report that this job would make again the same."""
        stated = self._manifest(job.client)
        found: dict[str, bytes] = {}
        for name, origin in job.origins().items():
            if stated.get("origins", {}).get(name) == origin:
                content = self._intact(job.client, name, stated)
                found |= {name: content} if content is not None else {}
        return found

    def _manifest(self, client: str) -> dict[str, Any]:
        """What a client's manifest states; nothing where there is none that can be read."""
        try:
            stated = plain_files.parsed(self.read(client, MANIFEST) or b"")
            whole = all(isinstance(stated[key], dict) for key in ("files", "origins"))
        except (ValueError, LookupError, TypeError):
            return {}
        return stated if whole else {}

    def _intact(self, client: str, name: str, stated: Mapping[str, Any]) -> bytes | None:
        """A file of a report, if it is as it was written."""
        content = self.read(client, name)
        digest = hashlib.sha256(content or b"").hexdigest()
        return content if stated["files"].get(name) == digest else None

    @contextlib.contextmanager
    def lock(self, client: str) -> Iterator[None]:
        """Holds the client against other runs, where that can be. Raises Busy."""
        self._recover(client)
        yield

    def put(self, job: Job, files: Mapping[str, bytes]) -> None:
        """Replaces the client's report as a whole. Raises OSError and leaves the old one."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        manifest = {"fingerprint": job.fingerprint(), "files": digests, "origins": job.origins()}
        self._check(job.client)
        final, new, old = self._places(job.client)
        try:
            self._write(new, {**files, MANIFEST: json.dumps(manifest, indent=1).encode()})
            if self.system.exists(final):
                self.system.mv(final, old, recursive=True)
            self.system.mv(new, final, recursive=True)
        except OSError:
            self._recover(job.client)
            raise
        self._discard(old)

    def put_failure(self, client: str, files: Mapping[str, bytes]) -> None:
        """Keeps what a failed attempt left, beside the last good report."""
        self._check(client)
        self._discard(self._at(client, FAILED))
        self._write(self._at(client, FAILED), {**files, MANIFEST: b"{}"})

    def put_index(self, page: str) -> None:
        """Writes `index.html` beside the reports. Raises OSError, and leaves none that is old."""
        try:
            self._write(self._at(WORK), {INDEX: page.encode()})
            self.system.mv(self._at(WORK, INDEX), self._at(INDEX))
        except OSError:
            self._discard(self._at(INDEX))
            raise

    def clear(self) -> None:
        """Removes what killed runs left, where no other run can be at work on it."""

    def _check(self, client: str) -> None:
        """Raises OSError where something else is in the place of a client's folder."""

    def _at(self, *parts: str) -> str:
        return "/".join(filter(None, (self.root, *parts)))

    def _places(self, client: str) -> tuple[str, str, str]:
        """Where a report stands, where the next one is written, and where the last one waits."""
        return self._at(client), self._at(WORK, f"{client}.new"), self._at(WORK, f"{client}.old")

    def _recover(self, client: str) -> None:
        """Undoes what a killed run left half done. The manifest of a report is written last."""
        final, *left = self._places(client)
        for place in left:
            if self.system.exists(f"{place}/{MANIFEST}") and not self.system.lexists(final):
                self.system.mv(place, final, recursive=True)
            self._discard(place)

    def _discard(self, place: str) -> None:
        """Removes whatever is there: a folder, a file, a link but not what it leads to."""
        with contextlib.suppress(OSError):
            self.system.rm(place, recursive=True)

    def _write(self, folder: str, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            path = f"{folder}/{name}"
            self.system.makedirs(path.rpartition("/")[0], exist_ok=True)
            self.system.pipe_file(path, content)

    def _listed(self, client: str) -> dict[str, str]:
        """What is in a folder by name, in order, with the kind of each."""
        found: list[dict[str, str]] = []
        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
            found = self.system.ls(self._at(client), detail=True)
        return dict(sorted((PurePosixPath(one["name"]).name, one["type"]) for one in found))


class Folder(Shelf):
    """A local folder. Reports are readable by their owner alone."""

    def __init__(self, root: Path) -> None:
        super().__init__(_Disk(), str(root.absolute()))

    @contextlib.contextmanager
    def lock(self, client: str) -> Iterator[None]:
        self._refuse_link()
        self.system.makedirs(self._at(WORK))
        held = FileLock(self._at(WORK, f"{client}.lock"), timeout=0, mode=0o600)
        try:
            held.acquire()
        except Timeout:
            raise Busy(client) from None
        try:
            with super().lock(client):
                yield
        finally:
            held.release()

    def _refuse_link(self) -> None:
        """Raises OSError where the folder for work leads elsewhere."""
        place = Path(self._at(WORK))
        if place.is_symlink():
            raise OSError(errno.ENOTDIR, "is a link where a folder should be; remove it", place)

    def clear(self) -> None:
        """Removes what killed runs left of reports on their way, whosever they were."""
        self._refuse_link()
        left = {Path(name).stem for name in self._listed(WORK) if name.endswith((".new", ".old"))}
        for client in sorted(left):
            with contextlib.suppress(Busy, OSError), self.lock(client):
                pass  # whoever takes the lock undoes what was left half done

    def _check(self, client: str) -> None:
        place = Path(self._at(client))
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            what = "a link" if place.is_symlink() else "a file"
            raise OSError(errno.ENOTDIR, f"is {what} where a folder should be; remove it", place)


class _Disk(LocalFileSystem):  # type: ignore[misc]
    """Files of modes 0600 in folders of mode 0700, on disk before a call returns."""

    def cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        return plain_files.content(Path(path), LARGEST)[start:end]

    def makedirs(self, path: str, exist_ok: bool = True) -> None:
        if not os.path.exists(os.path.dirname(path)):
            self.makedirs(os.path.dirname(path))
        Path(path).mkdir(0o700, exist_ok=True)

    def pipe_file(self, path: str, value: bytes, **_: Any) -> None:
        written = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | plain_files.NO_LINK
        descriptor = os.open(path, written, 0o600)
        with open(descriptor, "wb") as file:
            file.write(value)
            file.flush()
            os.fsync(descriptor)

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        os.replace(path1, path2)
