"""Whether a report that was sent still holds: no alarm without a move, and none missed."""

import contextlib
import copy
import csv
import datetime as dt
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import siting_facts
from click.testing import Result
from commands import siting
from siting import study
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.verdict import plausible
from siting.verdict.variants import Variant
from siting_recheck import recheck
from studies import alone

DAY = dt.date(2026, 11, 24)
Rows = list[dict[str, str]]


def figure(low: float, central: float, high: float, unit: str = "") -> dict:
    return {"low": low, "central": central, "high": high, "unit": unit}


def given(name: str, value: float, kind: str = "published") -> dict:
    return {"name": name, "unit": "EUR", "kind": kind, "value": figure(value, value, value)}


def turn(name: str, option: str | None, **said: Any) -> dict:
    usual = {"change": f"{name} is twice the plan", "settled": "pilot", "known_by": "2027-02-22"}
    return {"name": name, "option": option, "first": option, "answer": "changes", **usual, **said}


def switch(at: float, below: str = "api", above: str = "own", **said: Any) -> dict:
    usual = {"what": "volume", "below": below, "above": above}
    return {**usual, "threshold": at, "unit": "times the plan", **said}


KEPT = {
    "schema_version": 2,
    "version": "0.2.0",
    "facts_version": "2026-11-24",
    "client": {"country": "DE", "currency": "EUR"},
    "recommendation": {"option": "api"},
    "options": {"api": {"label": "An API"}, "own": {"label": "Own servers"}},
    "turns": [turn("volume", "own")],
    "flip_points": [switch(1.6)],
    "vendors": {"OpenAI": {"events": 3, "notices": 1, "red_flags": ["one"]}},
    "inputs": [given("Price of a request, chat: 1 in, 2 out", 0.010), given("users", 9, "client")],
}


def later(**changes: Any) -> dict:
    return {**copy.deepcopy(KEPT), **changes}


def told(now: dict) -> str:
    return recheck.compared("acme", KEPT, now, DAY).sentence


def test_what_is_the_same_is_told_in_no_word():
    assert told(later()) == ""


def test_a_cost_that_turns_nothing_raises_no_alarm():
    moved = {**KEPT["options"], "api": {"label": "An API", "present_cost": figure(1, 2, 3)}}
    assert told(later(options=moved, inputs=[given("Price of a request, chat: 9", 0.09)])) == ""


def test_an_answer_that_moved_is_told():
    said = told(later(recommendation={"option": "own"}))
    assert said == "acme, facts of 2026-11-24: the answer moves from An API to Own servers"


@pytest.mark.parametrize("at", [1.6, 1.6 * 1.04, 1.6 / 1.04])
def test_a_switching_value_within_what_counts_stays(at):
    assert told(later(flip_points=[switch(at)])) == ""


@pytest.mark.parametrize("lacking", ["turns", "recommendation", "schema_version"])
def test_a_report_of_another_version_is_refused_with_what_to_do(lacking):
    kept = {name: said for name, said in KEPT.items() if name != lacking}
    with pytest.raises(DocumentError, match="render it again with `siting report acme`"):
        recheck.compared("acme", kept, later(), DAY)


@pytest.mark.parametrize("odd", [None, 10**400, "a", [], {}, True, [1, "b"], {"c": [None]}, -1e999])
@pytest.mark.parametrize("section", [*KEPT])
def test_a_damaged_report_is_compared_or_refused_and_ends_in_no_traceback(section, odd):
    shapes = [odd, [odd], {"x": odd}]
    kept = KEPT[section]
    if isinstance(kept, list):
        shapes += [[{name: odd for name in row}] for row in kept]
    if isinstance(kept, dict):
        shapes.append({name: odd for name in kept})
    for shape in shapes:
        with contextlib.suppress(DocumentError):
            recheck.compared("acme", {**KEPT, section: shape}, later(turns=[]), DAY).as_dict()


def test_an_offer_that_ended_does_not_count():
    base = scenario.load("base")
    quotes = [
        {"item": "option.rented.gpu_hour", "value": 3, "unit": "EUR/GPU-h", "source": "Offer",
         "date": dt.date(2026, 11, 1), "valid_until": dt.date(2026, 12, 31)},
        {"item": "option.owned.server_price", "value": 9, "unit": "EUR", "source": "Offer",
         "date": dt.date(2026, 11, 1)},
    ]  # fmt: skip
    offered = scenario.changed(base, {"finance.quotes": quotes})
    changes = recheck.as_of(offered, dt.date(2027, 1, 1))
    assert [q["item"] for q in changes["finance.quotes"]] == ["option.owned.server_price"]
    day = dt.date(2026, 12, 31)
    assert recheck.as_of(offered, day) == {"client.report_date": day}


# --- with tables of facts that are altered --------------------------------------------------------


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that keeps the report of one small client, of which one change is tried: the others
    take a minute, and are not read."""
    every = plausible.variants

    def one(*of: Any) -> list[Variant]:
        return [variant for variant in every(*of) if variant.what == "API prices"]

    folder = tmp_path_factory.mktemp("kept")
    kept = folder / "small"
    kept.mkdir()
    asked = {"client.id": "small", "workloads.assistant.users": 20_000}
    small = scenario.changed(alone("api", "rented"), asked)
    (kept / "scenario.yaml").write_text(scenario.resolved(small), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plausible, "variants", one)
        summary = study.open(str(kept / "scenario.yaml")).summary()
        (kept / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
        yield folder


def altered(folder: Path, table: str, change: Callable[[Rows], Rows]) -> str:
    """A copy of the tables of facts in which one is otherwise."""
    shutil.copytree(siting_facts.FOLDER, folder)
    file = folder / f"{table}.csv"
    with file.open(encoding="utf-8", newline="") as read:
        rows = list(csv.DictReader(read))
    columns = list(rows[0])
    with file.open("w", encoding="utf-8", newline="") as written:
        writer = csv.DictWriter(written, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(change(rows))
    return str(folder)


def price(factor: float) -> Callable[[Rows], Rows]:
    """The hour of the rented card at another price."""

    def change(rows: Rows) -> Rows:
        moved = [r for r in rows if (r["provider"], r["gpu_id"]) == ("nebius", "h100-sxm5-80gb")]
        assert moved
        for row in moved:
            row["usd_gpu_hour"] = str(factor * float(row["usd_gpu_hour"]))
        return rows

    return change


def appended(rows: Rows) -> Rows:
    """The hour of the rented card costs a quarter from January on."""
    (old, *_) = (
        r
        for r in rows
        if (r["provider"], r["gpu_id"], r["commitment"])
        == ("nebius", "h100-sxm5-80gb", "on_demand")
    )
    new = {"usd_gpu_hour": str(float(old["usd_gpu_hour"]) / 4), "date": "2027-01-10"}
    return [*rows, old | new]


def asked(reports: Path, *words: str) -> Result:
    return siting("recheck", "small", "--reports", str(reports), *words)


def test_a_price_that_has_come_since_the_report_counts_as_of_a_later_day(
    reports, tmp_path, monkeypatch
):
    monkeypatch.setenv("SITING_FACTS", altered(tmp_path / "facts", "cloud_prices", appended))
    found = asked(reports, "--date", "2027-02-01", "--json")
    (said,) = json.loads(found.stdout)["reports"]
    assert (found.exit_code, said["day"]) == (1, "2027-02-01")
    moved = {move["name"]: (move["before"], move["after"]) for move in said["moves"]}
    turn = "if API prices hold for sure, then Rented GPUs, Nebius"
    assert moved["API prices"] == (None, turn)


def test_no_word_is_said_where_a_price_moves_and_nothing_turns(reports, tmp_path, monkeypatch):
    """So that cron sends no mail."""
    monkeypatch.setenv("SITING_FACTS", altered(tmp_path / "facts", "cloud_prices", price(1.01)))
    found = asked(reports, "--date", "2026-11-24")
    assert (found.exit_code, found.output) == (0, "")


def test_an_empty_folder_and_a_day_that_is_none_are_refused(tmp_path):
    empty = siting("recheck", "--reports", str(tmp_path))
    assert (empty.exit_code, "holds no report; run `siting report`" in empty.stderr) == (2, True)
    day = siting("recheck", "--date", "2026-02-30")
    assert (day.exit_code, "write YYYY-MM-DD" in day.stderr) == (2, True)
