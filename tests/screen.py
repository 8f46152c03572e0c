"""What a browser shows of a report: its width, the size of its text, what lies over what."""

from dataclasses import dataclass
from typing import Any

_LOOK = """
const shown = what => [...document.querySelectorAll(what)].filter(e => e.checkVisibility());
const size = e => parseFloat(getComputedStyle(e).fontSize);
const drawn = text => { const m = text.getScreenCTM(); return size(text) * Math.hypot(m.a, m.b) };
const covered = [];
for (const chart of shown('main svg')) {
  const texts = [...chart.querySelectorAll('text')].filter(t => t.textContent.trim());
  const boxes = texts.map(t => t.getBoundingClientRect());
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
    const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
    const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
    const least = Math.min(a.width * a.height, b.width * b.height);
    // Boxes are a little wider than their letters: a third counts.
    if (wide > 1 && high > 0 && wide * high > least / 3)
      covered.push([texts[i].textContent, texts[i + 1 + j].textContent]);
  }));
}
return {
  width: document.documentElement.scrollWidth,
  beyond: shown('main *').filter(e => !e.closest('.wide, svg') &&
    e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 80)),
  covered,
  chart_text: shown('main svg text').map(drawn),
  prose: shown('main :is(p, td, th, li, figcaption, summary, button), nav a').map(size),
};
"""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A page as it stands in the window."""

    width: int
    """Of all that is on it. [CSS pixels]"""
    beyond: list[str]
    """Elements that reach past the right edge, but for tables, which scroll in boxes."""
    covered: list[list[str]]
    """Pairs of texts of a chart of which one lies over the other."""
    chart_text: list[float]
    """Size of each text of a chart as it is shown. [CSS pixels]"""
    prose: list[float]
    """Size of other text. [CSS pixels]"""


def seen(driver: Any) -> Seen:
    """What the window of a browser shows."""
    return Seen(**driver.execute_script(_LOOK))
