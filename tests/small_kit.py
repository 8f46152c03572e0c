"""A library for reports that computes nothing, so that what may break is `siting_report` alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import lean  # noqa: F401
from siting_report.formats import Numbers
from siting_report.kit import Summaries
from siting_report.print.document import Cover

DISTRIBUTION = "siting"
PACKAGES: tuple[str, ...] = ()
LATER: tuple[str, ...] = ()
FIGURES = ("summary.json",)


def files() -> set[Path]:
    """This file is all that a report depends on."""
    return {Path(__file__)}


def prepare() -> None:
    """There is nothing that is the same for every client."""


def compute(path: str, chapters: Sequence[str], figures: bool) -> None:
    """There is nothing to compute."""


def results(path: str) -> dict[str, bytes]:
    """A summary without a figure."""
    return {"summary.json": b"{}\n"}


def cover(path: str) -> Cover:
    """The same for everyone."""
    return Cover(
        title="Why?",
        client="A client",
        question="",
        report_date=date(2026, 11, 29),
        numbers=Numbers("IT", "EUR"),
        paper="a4",
        brand_colour="#1f3a5f",
        logo=None,
        figures={"summary.json": "Data"},
    )


def index(summaries: Summaries) -> str:
    """A page without an entry."""
    return "<!doctype html><html lang='en'><title>Reports</title></html>"
