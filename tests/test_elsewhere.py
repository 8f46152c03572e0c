"""Reports on a cluster and in a store: what `siting_cluster` adds, and what is said without it."""

import json
from importlib import metadata

import fsspec
import pytest
import small_kit
from commands import siting
from siting_cluster import workers
from siting_cluster.store import reports_at
from siting_report.run import batch, extras
from siting_report.run.extras import BadAddress
from siting_report.run.job import library
from trial import Quick, plain

KIT = small_kit.__name__


def test_reports_go_whole_to_any_address_that_fsspec_knows(monkeypatch):
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


def refused(*words: str) -> str:
    result = siting("report", "tidewater-apps", "--force", *words)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize(
    "words,said",
    [
        (["--out", ""], "'' names no place for reports; write a folder such as reports"),
        (["--out", "nonsense://x"], "nonsense://x: Protocol not known: nonsense; write a folder"),
        (["--out", "reference://x"], "reference://x: keeps no reports itself"),
        (["--scheduler", "nonsense"], "scheduler 'nonsense': missing port number"),
        (["--scheduler", "tls://127.0.0.1:1"], "scheduler 'tls://127.0.0.1:1' speaks TLS; name"),
    ],
)
def test_a_place_or_a_cluster_that_is_none_is_one_message(words, said):
    assert refused(*words).startswith(said)


@pytest.mark.parametrize(
    "words,said",
    [
        (["--out", "s3://bucket"], "s3://bucket: reports at an address need a package"),
        (["--scheduler", "tcp://x:1"], "--scheduler tcp://x:1: reports made on a cluster need a"),
    ],
)
def test_without_the_package_it_is_said_what_is_missing(monkeypatch, words, said):
    none = metadata.EntryPoints()
    monkeypatch.setattr(extras.metadata, "entry_points", lambda **_: none)
    assert refused(*words).startswith(said)


class OtherCluster:
    """A cluster of which one worker runs something else."""

    def run(self, function: object, kit: str, on_error: str) -> dict[str, object]:
        return {"tcp://a": library(KIT), "tcp://b": "0" * 64, "tcp://c": ModuleNotFoundError("x")}

    def run_on_scheduler(self, function: object, kit: str) -> str:
        return "1" * 64


def test_workers_and_a_scheduler_with_another_library_are_refused_by_name():
    with pytest.raises(BadAddress, match=r"^tcp:..b, tcp:..c, the scheduler: not this version"):
        workers.refuse_others(OtherCluster(), KIT)


def test_a_worker_that_came_later_with_another_library_makes_no_report():
    with pytest.raises(ValueError, match="a worker runs another version of the library"):
        workers._make(plain("one"), "0" * 64)
