"""Every shipped chapter runs for the shortest horizon that a scenario may have."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest
from printed import told
from siting import study
from siting.inputs.scenario.model import Finance
from studies import compute

CHAPTERS = sorted(p.stem for p in (Path(__file__).parents[1] / "notebooks").glob("[0-9]*.ipynb"))
CASES = [("tidewater-apps", chapter) for chapter in CHAPTERS]


@cache
def shortest(client: str) -> study.Study:
    """A client's study over the shortest horizon that its schema allows."""
    schema = Finance.model_json_schema()["properties"]["horizon_months"]
    assert schema["minimum"] == 12
    return compute(client, {"finance.horizon_months": schema["minimum"]})


@pytest.mark.parametrize(("client", "chapter"), CASES)
def test_a_chapter_runs_for_a_horizon_of_one_year(client: str, chapter: str) -> None:
    assert told(chapter, client, shortest)
