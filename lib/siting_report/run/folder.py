"""Where reports stand: a folder, with one folder a client in it.

A report is put whole or not at all. `manifest.json` beside it holds the fingerprint of what it
was made from and the digest of each file, so that a damaged report counts as none.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from siting_report import plain_files
from siting_report.run import extras
from siting_report.run.job import Job

MANIFEST = "manifest.json"
FAILED = "failed"
"""Folder beside a report of what an attempt had shown that failed since."""
INDEX = "index.html"
"""Page over all reports, beside them."""
LARGEST = 256 * plain_files.MIB
"""A larger file is none of a report's. [bytes]"""
LARGEST_SUMMARY = 8 * plain_files.MIB
"""A whole report's is a fifth of a MiB. [bytes]"""
WORK = ".siting"
"""Folder inside the output folder for locks and for reports on their way."""


class Busy(Exception):
    """Another run holds this client."""


def reports_at(out: str | Path) -> ReportFolder:
    """The reports in a folder, or at an address such as `s3://bucket/reports`.

    Raises BadAddress.
    """
    if "://" in str(out):
        found: ReportFolder = extras.find("store", f"{out}: reports at an address")(str(out))
        return found
    if not str(out):
        raise extras.BadAddress("'' names no place for reports; write a folder such as reports")
    return ReportFolder(Path(out))


class ReportFolder:
    """A folder that holds one report a client, readable by its owner alone.

    Names of places within it are paths from it, with slashes.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    def clients(self) -> list[str]:
        """Names of the folders that hold reports or what is left of failed ones."""
        kinds = self._listed("").items()
        return [name for name, is_folder in kinds if is_folder and not name.startswith(".")]

    def read(self, client: str, name: str, most: int = LARGEST) -> bytes | None:
        """A file of a report, or beside the reports where `client` is empty; None where there is
        none, or no plain one of at most `most` bytes."""
        try:
            return self._content(f"{client}/{name}", most)
        except (FileNotFoundError, ValueError):
            return None

    def summaries(self) -> list[tuple[str, list[str], bytes]]:
        """Of each client its folder, the files in it, and its summary.json, empty without one."""
        return [
            (
                name,
                list(self._listed(name)),
                self.read(name, "summary.json", LARGEST_SUMMARY) or b"",
            )
            for name in self.clients()
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
        before = stated.get("origins", {})
        same = [name for name, origin in job.origins().items() if before.get(name) == origin]
        found = {name: self._intact(job.client, name, stated) for name in same}
        return {name: content for name, content in found.items() if content is not None}

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
        """Holds the client against other runs, and undoes what a killed one left half done.
        Raises Busy."""
        self._check(WORK)
        self._make(WORK)
        held = FileLock(self.root / WORK / f"{client}.lock", timeout=0, mode=0o600)
        try:
            held.acquire()
        except Timeout:
            raise Busy(client) from None
        try:
            self._recover(client)
            yield
        finally:
            held.release()

    def put(self, job: Job, files: Mapping[str, bytes]) -> None:
        """Replaces the client's report as a whole. Raises OSError and leaves the old one."""
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        manifest = {"fingerprint": job.fingerprint(), "files": digests, "origins": job.origins()}
        self._check(job.client)
        new, old = _on_its_way(job.client)
        try:
            self._write(new, {**files, MANIFEST: json.dumps(manifest, indent=1).encode()})
            if self._stands(job.client):
                self._move(job.client, old)
            self._move(new, job.client)
        except OSError:
            self._recover(job.client)
            raise
        self._discard(old)

    def put_failure(self, client: str, files: Mapping[str, bytes]) -> None:
        """Keeps what a failed attempt left, beside the last good report."""
        self._check(client)
        self._discard(f"{client}/{FAILED}")
        self._write(f"{client}/{FAILED}", {**files, MANIFEST: b"{}"})

    def put_index(self, page: str) -> None:
        """Writes `index.html` beside the reports. Raises OSError, and leaves none that is old."""
        try:
            self._write(WORK, {INDEX: page.encode()})
            self._move(f"{WORK}/{INDEX}", INDEX)
        except OSError:
            self._discard(INDEX)
            raise

    def clear(self) -> None:
        """Removes what killed runs left of reports on their way, whosever they were."""
        self._check(WORK)
        left = {Path(name).stem for name in self._listed(WORK) if name.endswith((".new", ".old"))}
        for client in sorted(left):
            with contextlib.suppress(Busy, OSError), self.lock(client):
                pass  # whoever takes the lock undoes what was left half done

    def _recover(self, client: str) -> None:
        """Undoes what a killed run left half done. The manifest of a report is written last."""
        for place in _on_its_way(client):
            if self._stands(f"{place}/{MANIFEST}") and not self._stands(client):
                self._move(place, client)
            self._discard(place)

    # What follows is all that touches the disk.

    def _check(self, name: str) -> None:
        """Raises OSError where something else is in the place of a folder."""
        place = self.root / name
        if place.is_symlink() or (place.exists() and not place.is_dir()):
            what = "a link" if place.is_symlink() else "a file"
            raise OSError(errno.ENOTDIR, f"is {what} where a folder should be; remove it", place)

    def _listed(self, place: str) -> dict[str, bool]:
        """What is in a folder by name, in order, and whether each is a folder itself."""
        try:
            found = sorted(os.scandir(self.root / place), key=lambda entry: entry.name)
        except (FileNotFoundError, NotADirectoryError):
            return {}
        return {entry.name: entry.is_dir(follow_symlinks=False) for entry in found}

    def _content(self, place: str, most: int) -> bytes:
        """Raises ValueError or FileNotFoundError where no plain file of that size is there."""
        return plain_files.content(self.root / place, most)

    def _stands(self, place: str) -> bool:
        return os.path.lexists(self.root / place)

    def _make(self, place: str) -> None:
        """A folder, and those that it lies in, that are their owner's alone."""
        for folder in (*reversed((self.root / place).parents), self.root / place):
            if not folder.exists():
                folder.mkdir(0o700, exist_ok=True)

    def _write(self, place: str, files: Mapping[str, bytes]) -> None:
        """Files in a folder, on disk before this returns; no link is followed."""
        new = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | plain_files.NO_LINK
        for name, content in files.items():
            self._make(f"{place}/{name}".rpartition("/")[0])
            descriptor = os.open(self.root / place / name, new, 0o600)
            with open(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(descriptor)

    def _move(self, place: str, to: str) -> None:
        (self.root / place).replace(self.root / to)

    def _discard(self, place: str) -> None:
        """Removes whatever is there: a folder, a file, a link but not what it leads to."""
        path = self.root / place
        with contextlib.suppress(OSError):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()


def _on_its_way(client: str) -> tuple[str, str]:
    """Where a client's next report is written, and where its last one waits."""
    return f"{WORK}/{client}.new", f"{WORK}/{client}.old"
