"""Reading a `config.json`, in which families write one thing under many names.

The names are rows of siting_facts/config_keys.csv, what a word means (a kind of model, an
algorithm, a module's name) of siting_facts/config_words.csv: a new family is a new row.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Literal

from siting.catalogue import Fact, FactError, of_facts, table

Config = dict[str, Any]

MOST = 10**9
"""Larger numbers are no size of a model."""


Topic = Literal[
    "chunked attention", "dtype", "group of weights", "mlp without gate", "module", "no generator",
    "no language model", "one full layer of", "quantisation algorithm", "quantisation method",
    "quark weight", "shared expert", "tied embedding", "windows alone",
]  # fmt: skip
"""What is asked of a word in a file."""


class ConfigKey(Fact, tables="config_keys", key="field"):
    """The keys under which files hold a field, the first that is there counting."""

    field: str
    """Its name in the catalogue, or in the code that reads it."""
    keys: str
    """Separated by semicolons."""


class ConfigWord(Fact, tables="config_words", key="topic pattern"):
    """What a word in a file means."""

    topic: Topic
    pattern: str
    """Of rows that all are found in a text, the first counts."""
    meaning: str = ""


@of_facts
def keys() -> Mapping[str, list[str]]:
    """The keys of each field."""
    return {r.field: r.keys.split(";") for r in table("config_keys", ConfigKey)}


@of_facts
def _words(topic: Topic) -> list[tuple[re.Pattern[str], str]]:
    rows = table("config_words", ConfigWord)
    return [(re.compile(r.pattern), r.meaning) for r in rows if r.topic == topic]


def meaning(topic: Topic, text: str) -> str | None:
    """What `text` means; None where it holds no word of the topic."""
    return next((m for pattern, m in _words(topic) if pattern.search(text)), None)


def kind(config: Config) -> str:
    """The architecture that a file names."""
    return str(config.get("model_type") or "")


def get(config: Config, field: str) -> int | None:
    """The first of a field's keys that holds a number other than zero.

    Raises FactError for an absurd one.
    """
    for key in keys().get(field, [field]):
        value = config.get(key)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
            if not math.isfinite(value) or abs(value) > MOST:
                raise FactError(f"{key} is {value:.3g}, which no model has")
            return int(value)
    return None


def several(config: Config, *fields: str) -> Config:
    """Fields as they stand in the file."""
    return {field: get(config, field) for field in fields}


def need(config: Config, field: str) -> int:
    """The same, where the field decides. Raises FactError where it is missing or negative."""
    value = get(config, field)
    if value is None or value < 1:
        raise FactError(f"{keys().get(field, [field])[0]} is missing or not a positive number")
    return value


def listed(config: Config, key: str) -> list[Any]:
    """A list, empty where there is none."""
    value = config.get(key)
    return value if isinstance(value, list) else []


def blocks(config: Config) -> list[str]:
    """Kind of each block where attention, state, MLP and experts are blocks of their own."""
    letters = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}
    if config.get("hybrid_override_pattern"):
        return [letters.get(c, c) for c in str(config["hybrid_override_pattern"])]
    kinds = [str(k) for k in config.get("layers_block_type") or []]
    return kinds if "moe" in kinds or "mlp" in kinds else []
