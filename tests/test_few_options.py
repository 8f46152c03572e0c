"""Every chapter holds at the edges: nothing may be chosen, one option is alone, a single year."""

import re
from typing import Any

import printed
from siting.inputs import scenario
from siting.inputs.scenario.model import Finance
from siting.study import Study
from studies import alone

CHAPTERS = sorted(path.stem for path in (printed.HERE / "notebooks").glob("[0-9]*.ipynb"))
SHORTEST: int = Finance.model_json_schema()["properties"]["horizon_months"]["minimum"]


def told(s: Study) -> str:
    """What all chapters say of a study, in which no value that is missing shows as such."""
    exhibits = [each for chapter in CHAPTERS for each in printed.shown_of(chapter, lambda _: s)]
    said = " ".join(text for each in exhibits for text in each.texts)
    gaps = re.findall(r".{30}\b(?:nan|NaN|NaT|None)\b.{30}", said)
    assert [gap for gap in gaps if "None of" not in gap] == []
    return said


def test_chapters_of_a_single_year_say_why_no_option_may_be_chosen():
    assert SHORTEST == 12
    asked: dict[str, Any] = {"finance.horizon_months": SHORTEST, "finance.budget_any_year": 1}
    assert "over your ceiling" in told(Study(scenario.changed(alone("api", "rented"), asked)))


def test_chapters_of_one_option_have_no_gap():
    s = Study(alone("rented", runs=False))
    assert s.options["rented"].label in told(s)
