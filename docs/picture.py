"""Draws README's picture, page one of a client's report: `make generated` runs it."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pypdfium2

PICTURE = Path(__file__).parent / "first-page.png"
CLIENT = "polderwerk"
DOTS_AN_INCH = 110


def draw(report: bytes) -> None:
    """Writes the picture of page one of a report's PDF."""
    page = pypdfium2.PdfDocument(report)[0]
    drawn = page.render(scale=DOTS_AN_INCH / 72).to_pil().quantize(64)
    drawn.save(PICTURE, optimize=True)


def main() -> None:
    """Renders the client's report in a folder of its own and draws its first page."""
    with tempfile.TemporaryDirectory() as folder:
        asked = ["-m", "siting", "report", CLIENT, "--format", "pdf", "--out", folder]
        subprocess.run([sys.executable, *asked], check=True, cwd=PICTURE.parents[1])
        draw((Path(folder) / CLIENT / "report.pdf").read_bytes())


if __name__ == "__main__":
    main()
