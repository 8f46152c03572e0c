"""Chapters where there is nothing to choose: every option is ruled out, or only one is there."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import printed
import pytest
from siting import study

CHAPTERS = sorted(p.stem for p in (Path(__file__).parents[1] / "notebooks").glob("[0-9]*.ipynb"))
SCENARIOS = {
    "none may be chosen": """
decision: {hard_constraints: [budget], budget_per_year: 1}
""",
    "an API alone": """
options: {api: {}}
""",
    "own servers alone, and nothing today": """
options: {owned: {country: DE}}
finance: {baseline: none}
""",
}
CLIENT = """
client: {name: Acme, country: DE, sector: industry, currency: EUR, report_date: 2026-11-24}
evidence:
  - {fields: ["*"], source: Questionnaire, locator: call, date: 2026-11-19, kind: client}
"""


@cache
def written(which: str, folder: Path) -> study.Study:
    path = folder / "acme.yaml"
    path.write_text(CLIENT + SCENARIOS[which], encoding="utf-8")
    return study.open(str(path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("few")


def said(chapter: str, which: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Plain text of what a chapter shows for one of the scenarios."""
    found = written(which, folder)
    monkeypatch.setattr(printed, "opened", lambda _: found)
    return printed.printed(chapter, which)


@pytest.mark.parametrize("which", SCENARIOS)
@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_ends_without_an_error_and_names_nothing_that_is_not_there(
    chapter: str, which: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = said(chapter, which, folder, monkeypatch)
    assert text.strip()
    assert not re.search(r"\b(nan|None)\b", text)


@pytest.mark.parametrize("chapter", ["60_vendors", "65_timeline", "70_decision_tables"])
def test_a_chapter_on_the_choice_says_that_every_option_is_ruled_out(
    chapter: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Every option is ruled out" in said(chapter, "none may be chosen", folder, monkeypatch)


def test_the_chapters_on_the_decision_and_its_inputs_say_that_nothing_is_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for chapter in ("68_confidence", "70_decision_tables"):
        assert "nothing is compared" in said(chapter, "an API alone", folder, monkeypatch)
    assert "No other option is priced" in said(
        "76_cost_tables", "an API alone", folder, monkeypatch
    )
