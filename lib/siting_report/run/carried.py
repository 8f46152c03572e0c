"""What a report shows without a source, and what it could not carry: named at the end of a run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from itertools import chain
from pathlib import PurePosixPath
from typing import Any

_MIME = "application/vnd.siting+json"
_WIDGET = "application/vnd.jupyter.widget-view+json"
_SAID = {
    "source": "no source for {}; name the frame behind it, as `data=` of chart or table",
    "data": "figures without data in {}; say with `data=` which frame is behind them",
    "alternative text": "no alternative text for {}; say what is seen, as `alt=` of chart",
    "styles": "no colours, bars or styles in {}; say in words what they show, or draw a chart",
    "brevity": "several pages of rows in {}; show the first with `.head(30)`",
    "formula": "no formula in {}: LaTeX is not set; write it in words, or show a picture",
    "widget": "no widget in {}; show a chart of what it would be set to",
    "script": "no script in {}; draw a chart",
}
"""What a reader misses, by what an exhibit lacks or an output is."""
_STYLED = re.compile(r"<style\b|\sstyle\s*=|\sclass\s*=", re.IGNORECASE)
_SCRIPTED = re.compile(r"<script\b|\son\w+\s*=", re.IGNORECASE)
_FORMULA = re.compile(r"\$\$|\\\(|\\\[|\$[^$\n]*\\[a-z]+[^$\n]*\$")


def lacking(client: str, files: Mapping[str, bytes]) -> list[str]:
    """A line for each chapter in whose report a reader misses something of what its cells show.

    An exhibit is named by its title, a text by its first line, others by that of their cell.
    """
    lines = []
    for chapter, cells in _chapters(files):
        found: dict[str, list[str]] = {}
        for cell in cells:
            for output in cell.get("outputs", ()):
                data = output.get("data", {})
                exhibit = data.get(_MIME, {})
                is_text = exhibit.get("kind") in ("prose", "answers")
                read = "".join(data["text/plain"] if is_text else cell["source"]).strip()
                first = read.partition("\n")[0][:60]
                called = exhibit.get("title") or f"`{first}`"
                for what in _missed(data):
                    found.setdefault(what, []).append(called)
        if found:
            said = (_SAID[what].format(", ".join(found[what])) for what in _SAID if what in found)
            lines.append(f"{client}: {chapter}: {'; '.join(said)}")
    return lines


def untranslated(files: Mapping[str, bytes]) -> set[str]:
    """Texts of a report that have no translation into its language, and stay English."""
    found: set[str] = set()
    for _, cells in _chapters(files):
        for output in chain.from_iterable(cell.get("outputs", ()) for cell in cells):
            found |= {*output.get("metadata", {}).get("untranslated", ())}
    return found


def _chapters(files: Mapping[str, bytes]) -> Iterator[tuple[str, list[Any]]]:
    """Name and cells of each chapter among the files of a report."""
    for name, content in files.items():
        if name.startswith("notebooks/") and name.endswith(".ipynb"):
            yield PurePosixPath(name).stem, json.loads(content)["cells"]


def _missed(data: Mapping[str, Any]) -> Iterator[str]:
    """What a reader of the report misses of one output."""
    if _MIME in data:
        yield from (what for what in data[_MIME].get("lacks", ()) if what in _SAID)
        return
    if _WIDGET in data:
        yield "widget"
        return
    html = "".join(data.get("text/html", ""))
    is_picture = any(kind.startswith("image/") for kind in data)
    if "application/javascript" in data or _SCRIPTED.search(html):
        yield "script"
    if _STYLED.search(html):
        yield "styles"
    latex = "text/latex" in data and not html and not is_picture
    if latex or _FORMULA.search("".join(data.get("text/markdown", ""))):
        yield "formula"
