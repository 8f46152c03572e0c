"""How the history of the facts is replayed: what counts as moved, and which old tables are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import recheck_history as history

VOLUME = {"what": "volume", "set": ["a=1"], "option": "api", "at": 1.6}
PRICE = {"what": "API prices", "set": ["b=2"], "option": "own", "day": None}


def side(answer: str = "api", **said: object) -> dict:
    usual = {"answer": answer, "turns": [PRICE], "switches": [VOLUME], "ranges": {}}
    return {**usual, **said}


ALIKE = history.Firsts(here=["own", "api"], there=["own", "api"])
SAME = {"before": ALIKE, "after": ALIKE}


def other(*there: str | None) -> history.Firsts:
    return history.Firsts(here=["own", "api"], there=[*there])


def version(commit: str = "abc", newer: tuple[str, ...] = ()) -> history.Version:
    return history.Version(
        commit=commit, day="2026-11-28", folder=Path(), newer=newer, digest=commit
    )


def test_what_comes_out_alike_on_both_sides_has_not_moved() -> None:
    assert history.moved(side(), side(), SAME) == []


@pytest.mark.parametrize(
    ("after", "anew", "told"),
    [
        (side("own"), SAME, "answer: api → own"),
        (side(), {**SAME, "before": other("api", "api")}, "API prices (before): own, else api"),
        (side(), {**SAME, "after": other("own", None)}, "volume (after): api, else None"),
        (side(ranges={"volume": [0.5, 1.5]}), SAME, "volume: outside the range expected of it"),
    ],
)
def test_another_answer_or_another_first_option_under_a_change_has_moved(
    after: dict, anew: dict, told: str
) -> None:
    assert history.moved(side(), after, anew) == [told]


def test_a_change_that_is_announced_for_another_day_has_moved() -> None:
    dated = [[PRICE | {"day": day}] for day in ("2027-01-01", "2027-02-01")]
    before, after = (side(turns=turns) for turns in dated)
    assert history.moved(before, after, SAME)[0] == "API prices: announced for another day"


@pytest.mark.parametrize(
    ("alarm", "moved", "verdict"),
    [([], [], "right"), (["x"], ["y"], "right"), (["x"], [], "false"), ([], ["y"], "missed")],
)
def test_an_alarm_is_false_without_a_move_and_missed_where_it_is_silent(
    alarm: list[str], moved: list[str], verdict: str
) -> None:
    found = history.Checked(client="acme", version=version(), alarm=alarm, moved=moved)
    assert found.verdict == verdict
    line = history.section([found]).splitlines()[-1]
    counts = [1, len(alarm), len(moved), int(verdict == "false"), int(verdict == "missed")]
    assert line == f"| all |  | {' | '.join(map(str, counts))} |"
