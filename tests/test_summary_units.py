"""Every figure of summary.json has a unit: beside it, or by the name of a field it stands in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from studies import CLIENTS, opened


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


@pytest.mark.parametrize("client", CLIENTS)
def test_every_figure_has_a_unit(client: str) -> None:
    content = opened(client).summary()
    assert not sorted(set(bare(content, (), content["units"], False)))
    assert all(content["units"].values())
