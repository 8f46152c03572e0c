"""Reading fields of a `config.json`, whose names differ from family to family."""

from __future__ import annotations

import math
from typing import Any

from siting.catalogue import FactError

Config = dict[str, Any]

MOST = 10**9
"""Larger numbers are no size of a model."""


def get(config: Config, *names: str) -> int | None:
    """The first of the fields that holds a number other than zero.

    Raises FactError for an absurd one.
    """
    for name in names:
        value = config.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
            if not math.isfinite(value) or abs(value) > MOST:
                raise FactError(f"{name} is {value:.3g}, which no model has")
            return int(value)
    return None


def same(config: Config, *names: str) -> Config:
    """Fields that the catalogue calls by the same name."""
    return {name: get(config, name) for name in names}


def need(config: Config, *names: str) -> int:
    """The same, where the field decides. Raises FactError where it is missing or negative."""
    value = get(config, *names)
    if value is None or value < 1:
        raise FactError(f"{names[0]} is missing or not a positive number")
    return value


def blocks(config: Config) -> list[str]:
    """Kind of each block where attention, state, MLP and experts are blocks of their own."""
    letters = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}
    if config.get("hybrid_override_pattern"):
        return [letters.get(c, c) for c in str(config["hybrid_override_pattern"])]
    kinds = [str(k) for k in config.get("layers_block_type") or []]
    return kinds if "moe" in kinds or "mlp" in kinds else []
