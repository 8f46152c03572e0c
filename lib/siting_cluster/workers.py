"""Reports made by the workers of a running Dask cluster, each in a kernel of its own there.

A worker that is killed has its reports made by another; a scheduler that is gone is waited for.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING

from siting_report.run.extras import BadAddress
from siting_report.run.job import Job, library
from siting_report.run.report import Files, Here, Note

if TYPE_CHECKING:
    from distributed import Client

PATIENCE_S = 60
"""How long a cluster that is gone, or has no workers, is waited for. [s]"""
CONNECT_S = 10
"""How long a scheduler may take to answer at first. [s]"""
GONE = "the cluster is gone; run it again to go on"


@contextlib.contextmanager
def workers(address: str, kit: str, say: Callable[[str], None]) -> Iterator[Workers]:
    """The workers of the scheduler at an address, all of which run this very library.

    Raises BadAddress.
    """
    with Workers(address, kit, say) as asked:
        yield asked


class Workers:
    """Makes reports on a cluster (`siting_report.run.report.Maker`)."""

    def __init__(self, address: str, kit: str, say: Callable[[str], None]) -> None:
        self._address = address
        self._kit = kit
        self._say = say
        self._connecting = threading.Lock()
        self._client: Client | None = None
        self._has_ended = False

    def __enter__(self) -> Workers:
        with contextlib.ExitStack() as leave:
            try:
                import dask
                import distributed  # noqa: F401 (its settings, before one is changed for a time)
            except ImportError:
                raise BadAddress("a scheduler needs Dask: pip install 'siting[dask]'") from None
            # A connection logs its last messages, and with them the jobs: 1,000 by default.
            leave.enter_context(dask.config.set({"distributed.admin.low-level-log-length": 10}))
            leave.callback(self.end)
            client = self._connect(CONNECT_S)
            self._leave = leave.pop_all()
        self.at_once = 2 * max(1, sum(client.nthreads().values()))
        return self

    def __exit__(self, *_: object) -> None:
        self._leave.close()

    def make(self, job: Job, note: Note) -> Files:
        while True:
            client = self._connected()
            try:
                asked = client.submit(_make, job, library(job.kit), pure=False)
                files: Files = asked.result()
            except CancelledError:
                self._drop(client)
            except RuntimeError as error:
                if client.status == "running":
                    raise ValueError(f"{error}") from None
                self._drop(client)  # it closes by itself where it lost its scheduler
            else:
                return files

    def end(self) -> None:
        self._has_ended = True
        if self._client is not None:
            self._client.close(timeout=1)

    def _drop(self, client: Client) -> None:
        """Has the cluster be waited for, once for all reports that were asked of it."""
        with self._connecting:
            if self._has_ended:
                raise BadAddress("interrupted")
            if self._client is client:
                self._say(f"the cluster is gone; waiting for it, at most {PATIENCE_S} s")
                client.close(timeout=1)
                self._client = None

    def _connected(self) -> Client:
        with self._connecting:
            if self._client is not None:
                return self._client
            try:
                return self._connect(PATIENCE_S)
            except BadAddress:
                raise BadAddress(GONE) from None

    def _connect(self, patience_s: int) -> Client:
        """Raises BadAddress where there is no scheduler, no worker, or another library."""
        from distributed import Client

        try:
            client = Client(self._address, timeout=patience_s)
        except TypeError:
            raise BadAddress(
                f"scheduler {self._address!r} speaks TLS; name your certificate in Dask's own "
                "configuration, distributed.comm.tls"
            ) from None
        except (OSError, ValueError) as error:
            raise BadAddress(
                f"scheduler {self._address!r}: {error}; write the address that `dask scheduler` "
                "prints, such as tcp://10.0.0.5:8786"
            ) from None
        self._client = client
        self._await_workers(client)
        refuse_others(client, self._kit)
        return client

    def _await_workers(self, client: Client) -> None:
        if client.nthreads():
            return
        self._say(f"the cluster has no workers yet; waiting for them, at most {PATIENCE_S} s")
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError:
            raise BadAddress(
                f"scheduler {self._address!r}: no worker came within {PATIENCE_S} s; "
                f"start some with `dask worker {self._address}`"
            ) from None


def refuse_others(client: Client, kit: str) -> None:
    """Raises BadAddress naming the processes of a cluster that run another library."""
    mine = library(kit)
    found = client.run(library, kit, on_error="return")
    with contextlib.suppress(Exception):  # a scheduler may do without the library
        found["the scheduler"] = client.run_on_scheduler(library, kit)
    others = [process for process, digest in found.items() if digest != mine]
    if others:
        raise BadAddress(
            f"{', '.join(others)}: not this version of the library and of what it stands on; "
            "install the same there as here, and start it again"
        )


def _make(job: Job, asked_by: str) -> Files:
    """What a worker does. asked_by: digest of the library that asks; another one's report would
    not be its own."""
    if asked_by != library(job.kit):
        raise ValueError("a worker runs another version of the library; install the same there")
    with Here() as maker:
        return maker.make(job)
