"""Refreshing facts from the network: shown first, large moves asked about, whole or not at all."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from siting.cli import cli
from siting.cost import refresh
from siting.cost.refresh import Feed, FeedError, Move

FEED = Feed("numbers", "https://example.org/x", "numbers.json", lambda path: _numbers(path))


def _numbers(path: Path | None) -> dict[str, float]:
    return json.loads(path.read_bytes()) if path else {"a": 100.0, "b": 10.0, "gone": 1.0}


@pytest.fixture
def feed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """One feed in a folder of its own, answering with what the test says."""
    monkeypatch.setenv("SITING_FACTS", str(tmp_path))
    monkeypatch.setattr(refresh, "FEEDS", (FEED,))

    def answers(content: dict[str, float] | None, *words: str, said: str = "") -> Result:
        def fetch(url: str) -> bytes:
            if content is None:
                raise FeedError("cannot be fetched (no network)")
            return json.dumps(content).encode()

        monkeypatch.setattr(refresh, "fetch", fetch)
        return CliRunner().invoke(cli, ["facts", "refresh", *words], input=said)

    return answers


def test_small_moves_are_shown_and_accepted(feed, tmp_path: Path) -> None:
    result = feed({"a": 105.0, "b": 10.0, "gone": 1.0})
    assert result.exit_code == 0
    assert "+5.0%" in result.stdout
    assert json.loads((tmp_path / "numbers.json").read_text())["a"] == 105.0


@pytest.mark.parametrize("said,kept", [("y\n", True), ("n\n", False), ("", False)])
def test_a_move_above_10_percent_is_asked_about(
    feed, tmp_path: Path, said: str, kept: bool
) -> None:
    result = feed({"a": 111.0, "b": 10.0, "gone": 1.0}, said=said)
    assert "Accept 1 moves above 10 %?" in result.stderr
    assert (tmp_path / "numbers.json").exists() is kept


def test_as_json_a_large_move_needs_yes(feed, tmp_path: Path) -> None:
    assert json.loads(feed({"a": 200.0}, "--json").stdout)[0]["status"] == "refused"
    assert not (tmp_path / "numbers.json").exists()
    assert json.loads(feed({"a": 200.0}, "--json", "--yes").stdout)[0]["status"] == "accepted"


def test_without_a_network_it_says_so_and_changes_nothing(feed, tmp_path: Path) -> None:
    result = feed(None)
    assert result.exit_code == 1
    assert "cannot be fetched" in result.stderr
    assert "Nothing was changed" in result.stdout
    assert not list(tmp_path.iterdir())


def test_moves_are_sorted_by_size_and_hold_what_is_new_and_gone() -> None:
    found = refresh.moves(FEED, json.dumps({"a": 90.0, "b": 15.0, "new": 2.0}).encode())
    assert found == [
        Move("b", 10.0, 15.0),
        Move("a", 100.0, 90.0),
        Move("gone", 1.0, None),
        Move("new", None, 2.0),
    ]
    assert [m.is_large for m in found] == [True, False, False, False]  # 10 % is not above 10 %


@pytest.mark.parametrize("content", [b"<html>", b"", b"{}"])
@pytest.mark.parametrize("one", refresh.FEEDS, ids=lambda f: f.file)
def test_an_answer_that_is_no_data_is_refused(one: Feed, content: bytes) -> None:
    with pytest.raises(FeedError):
        refresh.moves(one, content)


def test_exchange_rates_are_read_from_the_zip_of_the_ecb() -> None:
    # The layout of eurofxref-hist.csv: newest day first, a column a currency, N/A for no rate.
    text = "Date,USD,JPY,\n2026-11-20,1.25,160,\n2026-11-19,1.2,N/A,\n"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("eurofxref-hist.csv", text)
    moved = {m.name: m.after for m in refresh.moves(refresh.FEEDS[0], packed.getvalue())}
    assert (moved["USD"], moved["JPY"]) == (1.25, 160)


def test_the_price_list_of_the_package_has_prices_of_known_models() -> None:
    prices = refresh.api_prices(None)
    assert prices["openai gpt-4o"] == pytest.approx(1000 * (2.5 + 10) / 1e6)  # USD 2.50 and 10.00
