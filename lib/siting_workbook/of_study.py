"""The workbook of a study: a file of its report."""

from __future__ import annotations

from siting.study import Study

from siting_workbook import workbook


def content(study: Study) -> bytes:
    """The content of cash-flows.xlsx: the cost chapter with live formulas."""
    return workbook.content(study.results.cost, study.scenario, study.budget())
