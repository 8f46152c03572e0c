"""Writes typeface.css of siting_report's theme: the typeface of paper and charts for the page.

No reader has to have it. Made beforehand, as it takes longer than a page; `make generated` runs it.
"""

import base64
import io
from collections.abc import Iterator

from fontTools import subset
from fontTools.ttLib import TTFont
from siting_report import style

LETTERS = (
    *range(0x20, 0x180), *range(0x2000, 0x2070), *range(0x20A0, 0x20C0), *range(0x2190, 0x2194),
    0x2212, 0x2248, 0x2260, 0x2264, 0x2265, 0x2713, 0x2715,
)  # fmt: skip
"""Code points that the page's own font covers: European Latin, currencies, marks. Others fall
back to a font of the reader's machine."""


def faces() -> Iterator[str]:
    """The typeface's weights as rules of a style sheet."""
    yield "/* Source Sans Pro, (c) Adobe, SIL Open Font License 1.1; see docs/typeface.py. */\n"
    for name, weight in (("Regular", 400), ("Semibold", 600), ("Bold", 700)):
        options = subset.Options(hinting=False, recalc_timestamp=False, name_IDs=[])
        options.layout_features = ["kern", "tnum", "lnum"]
        font = TTFont(style.FONTS / f"SourceSansPro-{name}.ttf", recalcTimestamp=False)
        chosen = subset.Subsetter(options)
        chosen.populate(unicodes=LETTERS)
        chosen.subset(font)
        font.flavor = "woff"
        data = io.BytesIO()
        font.save(data)
        yield (
            f"@font-face{{font-family:'Source Sans Pro';font-weight:{weight};"
            f"src:url(data:font/woff;base64,{base64.b64encode(data.getvalue()).decode()})}}\n"
        )


if __name__ == "__main__":
    (style.THEME / "typeface.css").write_text("".join(faces()), encoding="utf-8")
