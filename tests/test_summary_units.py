"""Figures of summary.json: each has a unit, and what never comes has none."""

import csv
from collections.abc import Iterator
from pathlib import Path
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
def test_every_figure_has_a_unit(client):
    content = opened(client).summary()
    assert not sorted(set(bare(content, (), content["units"], False)))
    assert all(content["units"].values())


def test_a_field_has_one_unit_wherever_it_stands():
    named: dict[str, set[str]] = {}
    file = Path(summary.__file__).with_suffix(".csv")
    for row in csv.DictReader(file.read_text(encoding="utf-8").splitlines()):
        if row["unit"] not in ("", "option", "{unit}"):  # whose record says it
            named.setdefault(row["field"], set()).add(row["unit"])
    assert {field: units for field, units in named.items() if len(units) > 1} == {}


def test_what_is_exact_is_a_plain_number_and_what_may_be_uncertain_a_range():
    cost = opened("klinikverbund-nordheide").summary()["options"]["owned"]["cost"]
    assert isinstance(cost["present_cost"], float) and cost["unit"] == "EUR"
    assert cost["present_cost_spread"].keys() == {"low", "central", "high", "unit"}
