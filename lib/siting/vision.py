"""Which models take pictures, and how many tokens each makes of one.

Some take a fixed number, some cut the picture into tiles or patches, so that the same page is 256
tokens for one and 2,800 for another. `image_tokens.csv` holds it for a page of A4 at 150 dots per
inch. The tower that encodes pictures is part of a model's memory already.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Literal

from siting import catalogue
from siting.catalogue import Banded, table


class PictureTokens(Banded, tables="image_tokens", key="pattern"):
    """Tokens that the models of a pattern make of a page of A4 at 150 dots per inch."""

    pattern: str
    """As a shell writes it, on the name in small letters; the first row that fits holds."""
    unit: Literal["tokens"]


def row(model: str) -> PictureTokens | None:
    """What is known of a model; None where no row names it."""
    short = model.lower().split("/")[-1]
    rows = table("image_tokens", PictureTokens)
    return next((r for r in rows if fnmatch(short, r.pattern)), None)


def is_blind(model: str) -> bool:
    """Whether the catalogue knows a model, and no encoder of pictures in it."""
    try:
        known = catalogue.model(model)
    except KeyError:
        return False
    return not (known.vision_tower_params_b or known.vision_tokens or row(model))
