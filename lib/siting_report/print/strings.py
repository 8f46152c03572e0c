"""Text as strings of Typst, in which no sign is code."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from siting_report import style


@cache
def _glyphs() -> frozenset[int]:
    """Code points that the report's fonts can show: PDF/UA allows no other."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import get_font

    fonts = [
        style.FONTS / "SourceSansPro-Regular.ttf",
        Path(get_data_path(), "fonts", "ttf", "DejaVuSansMono.ttf"),
    ]
    return frozenset(code for font in fonts for code in get_font(font).get_charmap())


def _shown(text: str) -> str:
    """Text without signs that no font of the report has; each becomes a box."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(map(_sign, text))


def _sign(sign: str) -> str:
    """A sign, a box in the place of one that no font has, nothing for a control sign."""
    if sign == "\n" or ord(sign) in _glyphs():
        return sign
    return "" if sign < " " else "□"


def in_line(text: str) -> str:
    """Text of one line that the report's fonts can show."""
    return _shown(text).replace("\n", " ")


def quoted(text: str) -> str:
    """Text as a string of Typst."""
    plain = in_line(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{plain}"'


def quoted_lines(text: str) -> str:
    """Text whose line breaks stay."""
    return '"' + "\\n".join(quoted(line)[1:-1] for line in text.rstrip().splitlines()) + '"'
