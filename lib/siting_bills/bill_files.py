"""Formats of bills: what their files hold, and where (siting_facts/bill_files.csv)."""

from __future__ import annotations

from siting.catalogue import Fact


class BillFile(Fact, tables="bill_files", key="format"):
    """What the files of a format hold, and where: names of columns."""

    format: str
    marks: str
    """Columns by which such a file is known: all of them."""
    start: str = ""
    end: str = ""
    amount: str = ""
    currency: str = ""
    """Left out: the file does not say."""
    category: str = ""
    """Says of a row that it is a tax or a credit."""
    service: str = ""
    quantity: str = ""
    unit: str = ""
    """Of quantity, such as `1M tokens`."""
    requests: str = ""
    tokens: str = ""
    """Names whose values add up, separated by spaces."""
    gpu_hours: str = ""
