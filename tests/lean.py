"""Spares processes that tests start a second, where it is imported before nbformat.

It hides from jsonschema what reports hide from it, too.
"""

from __future__ import annotations

from siting_report.run.unseen import ADDRESSES, unseen

with unseen(*ADDRESSES):
    import nbformat  # noqa: F401
