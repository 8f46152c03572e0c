"""What a report calls: the document, the page and the paper."""

from siting.print.document import Cover, compose
from siting.print.page import page, sheet, warm
from siting.print.paper import lay_out, typeset

__all__ = ["Cover", "compose", "lay_out", "page", "sheet", "typeset", "warm"]
