"""Reports on a cluster and in a store: what `siting_cluster` adds, and what is said without it."""

from __future__ import annotations

import json
import shutil
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
import small_kit
from click.testing import CliRunner
from siting.cli import cli
from siting_cluster import workers
from siting_cluster.store import reports_at
from siting_report.run import batch, extras
from siting_report.run.extras import BadAddress
from siting_report.run.job import library
from trial import Quick, plain

KIT = small_kit.__name__


def test_reports_go_whole_to_any_address_that_fsspec_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    import fsspec

    address = "memory://trial/reports"
    memory = fsspec.filesystem("memory")
    jobs = [plain("one"), plain("two")]
    assert batch.run(jobs, address, maker=Quick()).failed == {}
    assert json.loads(memory.cat("/trial/reports/one/summary.json")) == {}
    assert batch.run(jobs, address).up_to_date == ["one", "two"]
    assert memory.cat("/trial/reports/index.html")

    def breaks(*_: object) -> None:
        raise ValueError("no study")

    monkeypatch.setattr(Quick, "make", breaks)
    assert list(batch.run(jobs[:1], address, force=True, maker=Quick()).failed) == ["one"]
    assert memory.exists("/trial/reports/one/failed/manifest.json")
    assert reports_at(address).read("one", "report.html")
    assert reports_at(address).read("one", "report.html", most=1) is None
    memory.rm("/trial", recursive=True)


CERTIFIED = ["--tls-ca", "nobody.pem", "--tls-cert", "a.pem", "--tls-key", "b.pem"]


def refused(*words: str) -> str:
    result = CliRunner().invoke(cli, ["report", "tidewater-apps", "--force", *words])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize(
    "words,said",
    [
        (["--out", ""], "'' names no place for reports; write a folder such as reports"),
        (["--out", "nonsense://x"], "nonsense://x: Protocol not known: nonsense; write a folder"),
        (["--scheduler", "nonsense"], "scheduler 'nonsense': missing port number"),
        (["--scheduler", "tls://127.0.0.1:1"], "scheduler 'tls://127.0.0.1:1' speaks TLS; add"),
        (["--tls-ca", "a.pem"], "a tls:// cluster takes --tls-ca, --tls-cert and --tls-key"),
        ([*CERTIFIED, "--scheduler", "tcp://x:1"], "--tls-ca, --tls-cert and --tls-key need"),
        ([*CERTIFIED, "--scheduler", "tls://x:1"], "nobody.pem: does not exist; name the PEM"),
    ],
)
def test_a_place_or_a_cluster_that_is_none_is_one_message(words: list[str], said: str) -> None:
    assert refused(*words).startswith(said)


@pytest.mark.parametrize(
    "words,said",
    [
        (["--out", "s3://bucket"], "s3://bucket: reports at an address need a package"),
        (["--scheduler", "tcp://x:1"], "--scheduler tcp://x:1: reports made on a cluster need a"),
    ],
)
def test_without_the_package_it_is_said_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, words: list[str], said: str
) -> None:
    none = metadata.EntryPoints()
    monkeypatch.setattr(extras.metadata, "entry_points", lambda **_: none)
    assert refused(*words).startswith(said)


@pytest.mark.parametrize(
    "address",
    ["reference://x", "simplecache::memory://x", "dask://x", "github://a:b@c/d", "zip://x"],
)
def test_an_address_that_leads_elsewhere_or_only_reads_keeps_no_report(address: str) -> None:
    assert refused("--out", address).startswith(f"{address}: keeps no reports itself")


class OtherCluster:
    """A cluster of which one worker runs something else."""

    def run(self, function: object, kit: str, on_error: str) -> dict[str, object]:
        return {"tcp://a": library(KIT), "tcp://b": "0" * 64, "tcp://c": ModuleNotFoundError("x")}

    def run_on_scheduler(self, function: object, kit: str) -> str:
        return "1" * 64


def test_workers_and_a_scheduler_with_another_library_are_refused_by_name() -> None:
    with pytest.raises(BadAddress, match=r"^tcp:..b, tcp:..c, the scheduler: not this version"):
        workers.refuse_others(OtherCluster(), KIT)


def test_a_worker_that_came_later_with_another_library_makes_no_report() -> None:
    with pytest.raises(ValueError, match="a worker runs another version of the library"):
        workers._make(plain("one"), "0" * 64)


def certified(folder: Path) -> tuple[str, str, str]:
    """An authority of its own, and a certificate that it signed for this machine."""
    folder.mkdir()

    def openssl(words: str) -> None:
        asked = ["openssl", *words.split()]
        subprocess.run(asked, cwd=folder, check=True, capture_output=True, timeout=60)

    new = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    openssl(f"req -x509 {new} -keyout ca-key.pem -out ca.pem -days 2 -subj /CN=authority")
    openssl(f"req {new} -keyout key.pem -out asked.pem -subj /CN=node")
    signed_by = "-CA ca.pem -CAkey ca-key.pem -CAcreateserial"
    openssl(f"x509 -req -in asked.pem {signed_by} -out node.pem -days 2")
    return str(folder / "ca.pem"), str(folder / "node.pem"), str(folder / "key.pem")


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
def test_a_cluster_with_certificates_is_used_by_who_holds_one_and_by_nobody_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(workers, "CONNECT_S", 3)
    ours = certified(tmp_path / "ours")
    theirs = certified(tmp_path / "theirs")
    authority, certificate, key = ours
    with distributed.LocalCluster(
        n_workers=1,
        processes=False,
        protocol="tls://",
        dashboard_address=None,
        security=distributed.Security(
            tls_ca_file=authority,
            tls_scheduler_cert=certificate,
            tls_scheduler_key=key,
            tls_worker_cert=certificate,
            tls_worker_key=key,
            tls_client_cert=certificate,
            tls_client_key=key,
            require_encryption=True,
        ),
    ) as cluster:
        address = cluster.scheduler_address
        assert address.startswith("tls://")
        with workers.workers(address, KIT, print, ours) as asked:
            assert asked._connected().submit(len, "four").result() == 4
        for stranger in (theirs, None):
            with (
                pytest.raises(BadAddress, match=r"scheduler 'tls://.*(speaks TLS|does not match)"),
                workers.workers(address, KIT, print, stranger),
            ):
                pass
