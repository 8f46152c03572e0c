"""Exporters of nbconvert that set an executed chapter as a report does.

    jupyter nbconvert --to siting_html 40_cost.ipynb
    jupyter nbconvert --to siting_pdf 40_cost.ipynb

A chapter that stands alone refers to another by what the sentence calls it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nbconvert.exporters import Exporter
from traitlets import Unicode

from siting_report.kit import kit_named
from siting_report.print import page, paper
from siting_report.print.document import Document, chapter, compose

_ASKED = "base"
"""Whose report it is where the notebook ran without the parameter `client`."""


class _ChapterExporter(Exporter):
    printed: Callable[[Document], str | bytes]
    """Writes the report of a chapter."""
    kit = Unicode("siting.kit", help="Module that knows who asks.").tag(config=True)

    def document(self, nb: Any, resources: Any) -> Document:
        """A report of this chapter alone. Raises ValueError where it has no first-level heading."""
        where = resources["metadata"]
        ran = nb.metadata.get("papermill", {}).get("parameters", {})
        client = str(ran.get("client", _ASKED))
        if client.endswith((".yaml", ".yml")):
            client = str(Path(where.get("path") or ".", client))
        alone = chapter(nb, where.get("name", "notebook"), part="body", own=False)
        return compose([alone], kit_named(self.kit).cover(client))

    def from_notebook_node(  # type: ignore[override]
        self, nb: Any, resources: Any = None, **kw: Any
    ) -> tuple[str | bytes, Any]:
        nb, resources = super().from_notebook_node(nb, resources, **kw)
        return self.printed(self.document(nb, resources)), resources


class HtmlExporter(_ChapterExporter):
    """The page of a chapter: one file that requests nothing."""

    file_extension = ".html"
    output_mimetype = "text/html"
    export_from_notebook = "siting page"
    printed = staticmethod(page.page)


class PdfExporter(_ChapterExporter):
    """A chapter on paper: a tagged PDF."""

    file_extension = ".pdf"
    output_mimetype = "application/pdf"
    export_from_notebook = "siting PDF"
    printed = staticmethod(paper.typeset)
