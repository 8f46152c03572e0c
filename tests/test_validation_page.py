"""docs/validation.md is what the measurements in the repository give today."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from siting import catalogue
from siting_validation import aims, comparison, remarks
from siting_validation import page as validation_page

ROOT = Path(__file__).parents[1]
REMEDY = "run: python -m siting_validation docs/validation.md"


def test_the_page_is_what_the_measurements_give_today() -> None:
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert page == validation_page.page(), REMEDY


def test_an_aim_is_starred_where_it_is_missed_and_nowhere_else() -> None:
    aim = aims.Aim(said="", group="g", quantity=aims.TTFT, median=40, p90=120, inside=72, width=5)

    def cell(median: float, p90: float, inside: float, width: float) -> str:
        found = {"left_out": {"source": {"g": {aims.TTFT: {"median": median, "p90": p90}}}}}
        held = {"source": {"g": {aims.TTFT: {"inside": inside, "width": width}}}}
        return aim.cell({**found, "holds": held}, "source")

    # what is as large as asked is reached
    assert cell(40.0, 120.0, 0.72, 5.0) == "40.0 / 120.0 %; 72 %; 5.00"
    assert cell(40.1, 120.1, 0.719, 5.01) == "40.1* / 120.1* %; 72* %; 5.01*"


def test_a_remark_says_when_it_was_written_and_what_it_rests_on() -> None:
    groups = {r["group"] for r in comparison.read(comparison.shipped("throughput"))}
    page = validation_page.page()
    folders = (remarks.DATA, validation_page.HERE, catalogue.facts_dir())
    for remark in remarks.every():
        dt.date.fromisoformat(remark.date)  # raises where it is none
        assert remark.markdown in page
        for source in remark.sources:
            files = [folder / source for folder in folders]
            known = source in groups or source.startswith("https://")
            assert known or any(file.is_file() for file in files), (source, remark.remark)


def test_a_section_without_a_remark_is_refused() -> None:
    with pytest.raises(LookupError, match="no row of section 'sped'"):
        remarks.of("sped")
