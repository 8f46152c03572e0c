"""The gallery of the documentation: reports of the example clients, as `make docs` renders them.

`mkdocs` calls `on_files` while it builds. The reports come from the folder that DOCS_GALLERY names
(`make docs` renders it); nothing of them is kept in the repository. Without them the page says how
to make them.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdfium2
from mkdocs.structure.files import File, Files

PAGE = "gallery.md"
SHOWN = ("report.html", "report.pdf", "cash-flows.xlsx", "summary.json")
DOTS_AN_INCH = 60
INTRODUCTION = """\
# Gallery

Reports of the example clients in `params/`, made by `make docs` with this version of the kit and
its facts. The clients are invented; prices, vendors and rules are as on file on the day of the
report.
"""
WITHOUT = "\nThis copy was built without them: `make docs` renders them first.\n"


def on_files(files: Files, config: Any) -> Files:
    """Adds the page, and the reports and pictures that it shows, to what is built."""
    homes: list[Path] = []
    if reports := os.environ.get("DOCS_GALLERY"):
        homes = sorted(path.parent for path in Path(reports).absolute().glob("*/report.html"))
    for home in homes:
        place = f"gallery/{home.name}"
        for name in SHOWN:
            source = str(home / name)
            files.append(File.generated(config, f"{place}/{name}", abs_src_path=source))
        drawn = picture((home / "report.pdf").read_bytes())
        files.append(File.generated(config, f"{place}/page-one.png", content=drawn))
    files.append(File.generated(config, PAGE, content=page(homes)))
    return files


def page(homes: list[Path]) -> str:
    """The text of the page on the reports in some folders."""
    if not homes:
        return INTRODUCTION + WITHOUT
    return "\n".join([INTRODUCTION, *(line for home in homes for line in _shown(home))])


def _shown(home: Path) -> Iterator[str]:
    """A report: who asks, what the answer is, page one, and the files."""
    said = json.loads((home / "summary.json").read_text(encoding="utf-8"))
    client = said["client"]
    answer = said["recommendation"]["label"] or "none of the options may be chosen"
    yield f"## {client['name']}"
    yield ""
    yield f"{client['sector'].capitalize()}, {client['country']}. First: {answer}."
    yield ""
    at = f"gallery/{home.name}"
    yield f"[![Page one of the report]({at}/page-one.png){{ width=360 }}]({at}/report.html)"
    yield ""
    yield (
        f"[Page]({at}/report.html) · [paper]({at}/report.pdf) · "
        f"[workbook]({at}/cash-flows.xlsx) · [figures]({at}/summary.json)"
    )
    yield ""


def picture(report: bytes) -> bytes:
    """Page one of a report's PDF, small, as PNG."""
    first = pypdfium2.PdfDocument(report)[0]
    drawn = io.BytesIO()
    first.render(scale=DOTS_AN_INCH / 72).to_pil().quantize(32).save(drawn, "PNG", optimize=True)
    return drawn.getvalue()
