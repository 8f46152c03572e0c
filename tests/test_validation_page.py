"""docs/validation.md is what the measurements in the repository give today."""

from pathlib import Path

from siting_validation import page as validation_page

ROOT = Path(__file__).parents[1]
REMEDY = "run: python -m siting_validation docs/validation.md"


def test_the_page_is_what_the_measurements_give_today():
    page = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert page == validation_page.page(), REMEDY
