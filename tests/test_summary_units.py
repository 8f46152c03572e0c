"""Figures of summary.json: each has a unit, and what never comes has none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from siting.study import summary
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


def test_a_load_that_is_never_carried_has_no_latency() -> None:
    never = dict.fromkeys(("seen", "of_limit", "p50", "p95", "p99", "concurrency"))
    row = never | {"workload": "chat", "measure": "first token", "percentile": 95}
    further = row | {"measure": "further token"}
    carried = dict.fromkeys(never, 1.0) | {"workload": "search"}
    found = summary._latency([row | carried, further | carried, row, further])
    assert found is not None
    assert found["ttft_s"] == found["tpot_ms"] == {"p50": None, "p95": None, "p99": None}
    assert found["concurrency"] is None
    found = summary._latency([row | carried, further | carried])
    assert found is not None
    assert found["tpot_ms"] == {"p50": 1000.0, "p95": 1000.0, "p99": 1000.0}
