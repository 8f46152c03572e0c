"""Gives matplotlib the one visual language of a report, as soon as a chart may be drawn."""

from __future__ import annotations

import logging
from functools import cache
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.font_manager import fontManager

from siting_report import style

for _font in sorted(style.FONTS.glob("SourceSansPro-*.ttf")):
    fontManager.addfont(str(_font))


@cache
def _settings() -> dict[Any, Any]:
    chosen = mpl.rc_params_from_file(style.THEME / "report.mplstyle", use_default_template=False)
    cycle = cycler(color=style.NEUTRAL)
    return {**dict(chosen), "axes.prop_cycle": cycle, "figure.figsize": (style.WIDTH, 2.8)}


def dress() -> None:
    """Gives matplotlib the house style, over its own defaults: a matplotlibrc of whoever renders a
    report changes nothing in it."""
    mpl.rcdefaults()
    mpl.rcParams.update(_settings())


dress()
# A second font, for signs that the first lacks, has fewer weights: no reader need know.
logging.getLogger("matplotlib.font_manager").setLevel(logging.ERROR)
