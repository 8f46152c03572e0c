"""Figures of summary.json: each has a unit, and what never comes has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from studies import FEW, opened


def bare(value: Any, path: tuple[str, ...], known: dict[str, str], said: bool) -> Iterator[str]:
    """Paths of numbers without a unit."""
    if isinstance(value, dict):
        told = said or bool(value.get("unit"))  # a blank unit says nothing
        for key, inner in value.items():
            yield from bare(inner, (*path, key), known, told or key in known)
    elif isinstance(value, list):
        for inner in value:
            yield from bare(inner, path, known, said)
    elif isinstance(value, (int, float)) and not isinstance(value, bool) and not said:
        yield ".".join(path)


@pytest.mark.parametrize("client", FEW)
def test_every_figure_has_a_unit(client: str) -> None:
    content = opened(client).summary()
    assert not sorted(set(bare(content, (), content["units"], False)))
    assert all(content["units"].values())
