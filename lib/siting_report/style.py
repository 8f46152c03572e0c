"""The one visual language of a report: palette, type, pages.

Cool and dull colours are options, bright warm ones are warnings. An option's colour follows its
**role**: the chosen one is blue in every client's report and nothing else is, what runs today is
charcoal. Colour never stands
alone: every mark has a label, a shape or a word.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path

import font_source_sans_pro
import jinja2

THEME = Path(__file__).parent / "theme"
FONTS = Path(font_source_sans_pro.font_directory)

INK = "#1d252c"
MUTED = "#55606a"
AXIS = "#9aa4ad"
GRID = "#e3e7eb"
SHADE = "#f3f5f7"
GROUND = "#ffffff"
CHOSEN = "#0b62a8"
TODAY = "#2f3840"
OTHERS = ("#a877b0", "#7f9a5c", "#3b8f8c", "#8a526e", "#8d7a6a", "#c298a6")
OPEN = "#b87a00"
FAIL = "#a3211b"
"""Not cleared or not known; failed, ruled out, a limit."""
ADDED = "#aab4bc"
"""A cost that is added, and other parts that belong to no option."""
PARTS = ("#c9d0d6", "#aab4bc", "#5a6670", "#1d252c")

NEUTRAL = ("#404b6e", "#a79e86", "#49603d", "#909dc5", "#322f04", "#577191")
"""matplotlib's C0 to C5, for what is no option: a chart that names no colour claims no role."""

PLAIN = {"facecolor": GROUND, "edgecolor": "none", "pad": 0.5}
"""A text's box that hides the lines behind it."""

TEXT = {
    CHOSEN: "#0b62a8", TODAY: "#2f3840", OPEN: "#7d5200", FAIL: "#a3211b", ADDED: "#55606a",
    OTHERS[0]: "#7a4a86", OTHERS[1]: "#516b30", OTHERS[2]: "#23696a", OTHERS[3]: "#8a526e",
    OTHERS[4]: "#6a5848", OTHERS[5]: "#7d5261", NEUTRAL[1]: "#6d654f", NEUTRAL[3]: "#55628c",
}  # fmt: skip
"""The text colour of each fill: 4.5:1 on the ground."""

DARK = {
    INK: "#e8edf1", MUTED: "#a9b4bd", AXIS: "#6b7780", GRID: "#2b343c", SHADE: "#1d242a",
    GROUND: "#14191e", CHOSEN: "#58aef2", TODAY: "#e6ebef", OPEN: "#f2b544", FAIL: "#ff8a86",
    OTHERS[0]: "#a672c4", OTHERS[1]: "#7a9c48", OTHERS[2]: "#4fb0ab", OTHERS[3]: "#f0b4e0",
    OTHERS[4]: "#b39a83", OTHERS[5]: "#e4c0c8", "#7a4a86": "#c9a6df", "#516b30": "#a3c47c",
    "#23696a": "#7fd0cb", "#6a5848": "#d0baa5", "#7d5261": "#ecd0d8",
    NEUTRAL[0]: "#8691b2", NEUTRAL[1]: "#eeebb9", NEUTRAL[2]: "#91ba98", NEUTRAL[3]: "#62618a",
    NEUTRAL[4]: "#88844f", NEUTRAL[5]: "#b7d7ff", "#6d654f": "#eeebb9", "#55628c": "#a9b5dd",
    "#7d5200": "#f6c768", ADDED: "#6b7780", PARTS[0]: "#3a444c", PARTS[2]: "#a9b4bd",
}  # fmt: skip
"""What each colour becomes on a dark ground."""

TONES = {
    "bad": ("fail", "fails", "no", "does not fit", "struck", "ruled out", "worse", "not met"),
    "open": ("review", "tight", "partial", "conditional", "open question", "at risk", "unknown",
             "not cleared", "not known", "not estimated", "needs a decision"),
}  # fmt: skip
"""Verdict words by tone; any other word is plain: good needs no colour."""

WIDTH = 166 / 25.4
"""Width of the text of a page. [inches]"""
TWO_THIRDS = 106 / 25.4
THIRD = 54 / 25.4
"""The narrower widths of charts that stand side by side. [inches]"""


@cache
def template(name: str, theme: Path = THEME) -> jinja2.Template:
    """A page of a theme, to be filled in: what it is given is escaped."""
    pages = jinja2.Environment(loader=jinja2.FileSystemLoader(theme), autoescape=True)
    return pages.get_template(name)


def tone(verdict: str) -> str:
    """Tone of a verdict word: `bad`, `open`, or nothing."""
    word = verdict.strip().lower()
    return next((t for t, words in TONES.items() if word in words), "")


def colours(roles: Mapping[str, str]) -> dict[str, str]:
    """Fill of each option by label, from its role: `chosen`, `today`, or any other word."""
    others = iter(OTHERS * (1 + len(roles) // len(OTHERS)))
    fixed = {"chosen": CHOSEN, "today": TODAY}
    return {label: fixed.get(role) or next(others) for label, role in roles.items()}
