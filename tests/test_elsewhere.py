"""Reports on a cluster: what `siting_cluster` adds, and what is said without it."""

from __future__ import annotations

from importlib import metadata

import pytest
import small_kit
from click.testing import CliRunner
from siting.cli import cli
from siting_cluster import workers
from siting_report.run import extras
from siting_report.run.extras import BadAddress
from siting_report.run.job import library
from trial import plain

KIT = small_kit.__name__


def refused(*words: str) -> str:
    result = CliRunner().invoke(cli, ["report", "tidewater-apps", "--force", *words])
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    return result.stderr


@pytest.mark.parametrize(
    "words,said",
    [
        (["--out", ""], "'' is no folder; write one such as reports"),
        (["--out", "s3://bucket"], "'s3://bucket' is no folder"),
        (["--scheduler", "nonsense"], "scheduler 'nonsense': missing port number"),
        (["--scheduler", "tls://127.0.0.1:1"], "scheduler 'tls://127.0.0.1:1' speaks TLS; name"),
    ],
)
def test_a_place_or_a_cluster_that_is_none_is_one_message(words: list[str], said: str) -> None:
    assert refused(*words).startswith(said)


def test_without_the_package_it_is_said_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    none = metadata.EntryPoints()
    monkeypatch.setattr(extras.metadata, "entry_points", lambda **_: none)
    said = "--scheduler tcp://x:1: reports made on a cluster need a"
    assert refused("--scheduler", "tcp://x:1").startswith(said)


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
