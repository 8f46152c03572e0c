"""docs/validation.md is what the measurements in the repository give today."""

from __future__ import annotations

from siting_validation import page as validation_page

REMEDY = "run: python -m siting_validation docs/validation.md"


def test_the_page_prints_the_current_errors_of_memory() -> None:
    page = (validation_page.ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
    assert validation_page.serving().strip() in page, REMEDY
    assert validation_page.fine_tuning().strip() in page, REMEDY


def test_each_worst_case_is_explained() -> None:
    for chapter in (validation_page.serving(), validation_page.fine_tuning()):
        rows = [r for r in chapter.splitlines() if "case |" not in r and r.startswith("| ")]
        worst = [r.split(" | ") for r in rows if r.count(" | ") == 5 and "(" in r.split(" | ")[0]]
        for cells in worst:
            error = cells[4].rstrip(" %")
            # an error below one percent needs no reason
            assert cells[5].strip(" |") or abs(float(error or 100)) < 1, cells
