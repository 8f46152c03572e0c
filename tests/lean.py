"""Spares processes that tests start a second, where it is imported before nbformat.

jsonschema, which nbformat loads, compiles a grammar of addresses if it finds this package, for a
kind of check that no notebook asks for. Reports do the same (`siting_report.run.forge`).
"""

from __future__ import annotations

import sys

sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
