"""A library for reports that computes nothing, so that what may break is `siting_report` alone."""

from datetime import date
from pathlib import Path

from siting_report.formats import Numbers
from siting_report.kit import Summaries
from siting_report.print.document import Cover

DISTRIBUTION = "siting"
FIGURES = ("summary.json",)


def files() -> set[Path]:
    """This file is all that a report depends on."""
    return {Path(__file__)}


def keep(path: str) -> None:
    """There is nothing to compute."""


def write_results(path: str, folder: str) -> None:
    """A summary without a figure."""
    Path(folder, "summary.json").write_text("{}\n", encoding="utf-8")


def cover(path: str) -> Cover:
    """The same for everyone."""
    return Cover(
        title="Why?", client="A client", question="", report_date=date(2026, 11, 29),
        numbers=Numbers("IT", "EUR"), paper="a4", brand_colour="#1f3a5f", logo=None,
        figures={"summary.json": "Data"},
    )  # fmt: skip


def index(summaries: Summaries) -> str:
    """A page with the name of each report's folder."""
    names = "".join(f"<li>{folder}" for folder, *_ in summaries)
    return f"<!doctype html><html lang='en'><title>Reports</title><ul>{names}</ul></html>"
