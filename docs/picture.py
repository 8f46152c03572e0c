"""Draws README's picture, page one of a client's report: `make generated` runs it.

The picture says in its own data which text it shows. A test reads that text and page one of the
same client's report, so that README never shows what the kit no longer prints.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pypdfium2
from PIL import Image
from PIL.PngImagePlugin import PngInfo

PICTURE = Path(__file__).parent / "first-page.png"
CLIENT = "klinikverbund-nordheide"
DOTS_AN_INCH = 110
KEY = "shows"
"""The entry of the picture's data that holds the text of the page."""


def words(report: bytes) -> str:
    """The words of page one of a report's PDF, one blank between two."""
    page = pypdfium2.PdfDocument(report)[0]
    return " ".join(page.get_textpage().get_text_range().split())


def shown() -> str:
    """The words that the picture says it shows; none if it does not say."""
    with Image.open(PICTURE) as picture:
        return str(picture.info.get(KEY, ""))


def draw(report: bytes) -> None:
    """Writes the picture of page one of a report's PDF."""
    page = pypdfium2.PdfDocument(report)[0]
    drawn = page.render(scale=DOTS_AN_INCH / 72).to_pil().quantize(64)
    said = PngInfo()
    said.add_itxt(KEY, words(report))
    drawn.save(PICTURE, optimize=True, pnginfo=said)


def main() -> None:
    """Renders the client's report in a folder of its own and draws its first page."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["-m", "siting", "report", CLIENT, "--format", "pdf", "--out", folder]
        subprocess.run([sys.executable, *asked], check=True, cwd=PICTURE.parents[1])
        draw((Path(folder) / CLIENT / "report.pdf").read_bytes())


if __name__ == "__main__":
    main()
