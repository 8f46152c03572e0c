"""Where reports are kept: a folder, or any address that fsspec knows.

A report is put whole or not at all. `manifest.json` beside it holds the fingerprint of what it
was made from and the digest of each file, so that a damaged report counts as none.
"""

from __future__ import annotations

import abc
import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from siting.inputs import beside
from siting.run.job import Job

try:
    import fcntl
except ImportError:  # a system without file locks: two runs at once are the user's care
    fcntl = None  # type: ignore[assignment]

MANIFEST = "manifest.json"
FAILED = "failed"
INDEX = "index.html"
"""Page over all reports, beside them."""
LARGEST = 256 * beside.MIB
"""A larger file is none of a report's."""
WORK = ".siting"
"""Folder inside the output folder for locks and for reports on their way."""


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
    return Folder(Path(path)) if scheme in ("", "file", "local") else Remote(address)


class _Stated(abc.ABC):
    """What a shelf knows from the manifests that it holds, which its `read` gives."""

    @abc.abstractmethod
    def read(self, client: str, name: str) -> bytes | None:
        """A file of a report, or beside the reports where `client` is empty; None without one."""

    @abc.abstractmethod
    def clients(self) -> list[str]:
        """Names of the folders that hold reports or what is left of failed ones."""

    @abc.abstractmethod
    def files(self, client: str) -> list[str]:
        """Names of what is in a client's folder."""

    def summaries(self) -> list[tuple[str, list[str], bytes]]:
        """Of each client its folder, the files in it, and its summary.json, empty without one."""
        return [
            (client, self.files(client), self.read(client, "summary.json") or b"")
            for client in self.clients()
        ]

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
            stated = beside.parsed(self.read(client, MANIFEST) or b"")
            whole = all(isinstance(stated[key], dict) for key in ("files", "origins"))
        except (ValueError, LookupError, TypeError):
            return {}
        return stated if whole else {}

    def _intact(self, client: str, name: str, stated: Mapping[str, Any]) -> bytes | None:
        """A file of a report, if it is as it was written."""
        content = self.read(client, name)
        digest = hashlib.sha256(content or b"").hexdigest()
        return content if stated["files"].get(name) == digest else None


def _with_manifest(job: Job, files: Mapping[str, bytes]) -> dict[str, bytes]:
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    manifest = {"fingerprint": job.fingerprint(), "files": digests, "origins": job.origins()}
    return {**files, MANIFEST: json.dumps(manifest, indent=1).encode()}


class Folder(_Stated):
    """A local folder. Reports are readable by their owner alone."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.work = root / WORK

    def clients(self) -> list[str]:
        folders = self.root.iterdir() if self.root.is_dir() else ()
        return sorted(
            p.name for p in folders
            if p.is_dir() and not p.is_symlink() and not p.name.startswith(".")
        )  # fmt: skip

    def files(self, client: str) -> list[str]:
        return sorted(p.name for p in (self.root / client).iterdir())

    def read(self, client: str, name: str) -> bytes | None:
        try:
            return beside.content(self.root / client / name, LARGEST)
        except (FileNotFoundError, ValueError):
            return None

    @contextlib.contextmanager
    def lock(self, client: str) -> Iterator[None]:
        """Holds the client against other runs. Raises Busy."""
        if not self.root.exists():
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.work.mkdir(mode=0o700, exist_ok=True)
        path = self.work / f"{client}.lock"
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            if fcntl is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise Busy(client) from None
            self._recover(client)
            yield
        finally:
            if fcntl is not None:
                # Closing is not enough: a worker forked meanwhile holds a copy of the descriptor.
                fcntl.flock(descriptor, fcntl.LOCK_UN)
            os.close(descriptor)

    def _recover(self, client: str) -> None:
        """Undoes what a killed run left half done."""
        old, new = self._aside(client), self._coming(client)
        if old.is_dir() and not os.path.lexists(self.root / client):
            old.rename(self.root / client)
        for left in (old, new):
            _discard(left)

    def _aside(self, client: str) -> Path:
        return self.work / f"{client}.old"

    def _coming(self, client: str) -> Path:
        return self.work / f"{client}.new"

    def put(self, job: Job, files: Mapping[str, bytes]) -> None:
        """Replaces the client's report as a whole. Raises OSError and leaves the old one."""
        final, new, old = self._place(job.client), self._coming(job.client), self._aside(job.client)
        try:
            _write(new, _with_manifest(job, files))
            if final.exists():
                final.rename(old)
            new.rename(final)
        except OSError:
            self._recover(job.client)
            raise
        _discard(old)

    def _place(self, client: str) -> Path:
        """The folder of a client's report. Raises OSError where something else is in its place."""
        place = self.root / client
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            what = "a link" if place.is_symlink() else "a file"
            raise OSError(errno.ENOTDIR, f"is {what} where a folder should be; remove it", place)
        return place

    def put_failure(self, client: str, files: Mapping[str, bytes]) -> None:
        """Keeps what a failed attempt left, beside the last good report."""
        place = self._place(client)
        place.mkdir(mode=0o700, exist_ok=True)
        _discard(place / FAILED)
        _write(place / FAILED, {**files, MANIFEST: b"{}"})

    def put_index(self, page: str) -> None:
        """Writes `index.html` beside the reports. Raises OSError, and leaves none that is old."""
        target = self.root / INDEX
        try:
            _write(self.work, {INDEX: page.encode()})
            (self.work / INDEX).replace(target)
        except OSError:
            target.unlink(missing_ok=True)
            raise


def _discard(path: Path) -> None:
    """Removes whatever is at a path: a folder, a file, a link but not what it leads to."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Files of modes 0600 in folders of mode 0700, on disk before this returns."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(descriptor)


class Remote(_Stated):
    """An address of fsspec. A report is uploaded beside the old one, then takes its place.

    Object stores have no locks: of two runs at once on one client the later report stays. Should
    their files mix, digests tell, and the next run makes the report anew.
    """

    def __init__(self, address: str) -> None:
        import fsspec

        try:
            self.system, self.root = fsspec.core.url_to_fs(address)
        except (ValueError, ImportError, OSError) as error:
            raise BadAddress(
                f"{address}: {error}; write a folder, or an address that fsspec knows, "
                "such as s3://bucket/reports (which needs the package s3fs)"
            ) from None

    def clients(self) -> list[str]:
        with contextlib.suppress(FileNotFoundError):
            found = self.system.ls(self.root, detail=True)
            names = (PurePosixPath(f["name"]).name for f in found if f["type"] == "directory")
            return sorted(name for name in names if not name.startswith("."))
        return []

    def files(self, client: str) -> list[str]:
        found = self.system.ls(f"{self.root}/{client}", detail=False)
        return sorted(PurePosixPath(name).name for name in found)

    def read(self, client: str, name: str) -> bytes | None:
        try:
            content: bytes = self.system.cat_file("/".join(filter(None, (self.root, client, name))))
        except FileNotFoundError:
            return None
        return content

    @contextlib.contextmanager
    def lock(self, client: str) -> Iterator[None]:
        final, new = self._places(client)
        # A run was killed after the old report went. The manifest is uploaded last.
        if self.system.exists(f"{new}/{MANIFEST}") and not self.system.exists(final):
            self.system.mv(new, final, recursive=True)
        yield

    def _places(self, client: str) -> tuple[str, str]:
        return f"{self.root}/{client}", f"{self.root}/{WORK}/{client}.new"

    def put(self, job: Job, files: Mapping[str, bytes]) -> None:
        final, new = self._places(job.client)
        with contextlib.suppress(FileNotFoundError):
            self.system.rm(new, recursive=True)
        self._upload(new, _with_manifest(job, files))
        with contextlib.suppress(FileNotFoundError):
            self.system.rm(final, recursive=True)
        self.system.mv(new, final, recursive=True)

    def put_failure(self, client: str, files: Mapping[str, bytes]) -> None:
        self._upload(f"{self.root}/{client}/{FAILED}", {**files, MANIFEST: b"{}"})

    def put_index(self, page: str) -> None:
        self.system.pipe_file(f"{self.root}/{INDEX}", page.encode())

    def _upload(self, folder: str, files: Mapping[str, bytes]) -> None:
        for name, content in files.items():
            path = f"{folder}/{name}"
            self.system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            self.system.pipe_file(path, content)


Shelf = Folder | Remote
"""A place that holds one report a client."""
