"""No key, no identifier and no word of a program stands in what a client reads."""

import functools
import re
from collections.abc import Iterator

import pytest
from printed import exhibits
from shown import body
from siting.catalogue import column
from siting.inputs import scenario
from siting.quality import bare_name
from studies import FEW

SNAKE = re.compile(r"(?<![\w/.])[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?![\w/.])")
"""A field's name, such as `live_high`."""
SLASHED = re.compile(r"(?<![\w/.])[a-z][\w-]*/[\w.-]*(?:-[\w.-]*\d|\d[\w.-]*-)[\w.-]*")
"""A model as a repository has it, such as `google/gemma-4-31B-it`."""
MODEL = re.compile(
    r"(?<![\w/.-])(?:claude|codestral|command|deepseek|gemini|gemma|gpt|llama|mistral|qwen)-[\w.-]*\w"
)
"""A model as a vendor's interface has it, such as `gpt-4.1`."""
EMPTY = re.compile(r"(?<![\w.])(?:nan|None(?! of)|NaN|NaT|inf|n\.a\.|\de\+\d+)(?!\w)")
TWICE = re.compile(r"(?i)(?<![\w-])([a-z]+) \1(?![\w-])")
"""A word that stands twice in a row."""


@functools.cache
def identifiers() -> frozenset[str]:
    """Names of models, cards, servers and rules as the tables of facts have them, where they
    differ from what is said: those with a hyphen, and no capital at their beginning."""
    found = column("models", "model_id") | column("model_aliases", "alias", "model_id")
    found |= column("model_retirements", "model") | column("gpus", "id") | column("servers", "id")
    found |= column("sovereignty_rules", "rule_id")
    found |= {bare_name(name) for name in found}
    return frozenset(name for name in found if "-" in name and " " not in name)


def keys(client: str) -> frozenset[str]:
    """What a client's file calls its options, workloads and jobs, where that is no plain word."""
    said = scenario.load(client)
    named = [*said.options, *said.workloads, *said.fine_tuning]
    return frozenset(name for name in named if "-" in name or "_" in name)


def raw(text: str, known: frozenset[str]) -> Iterator[str]:
    """What should not stand in a text."""
    for pattern in (SNAKE, SLASHED, MODEL, EMPTY, TWICE):
        yield from (found.group() for found in pattern.finditer(text))
    words = set(re.findall(r"(?<![\w/.-])[\w./-]*\w", text))
    yield from sorted(words & known)


@pytest.mark.style
@pytest.mark.parametrize("client", FEW)
def test_a_body_names_nothing_by_its_key(client):
    known = identifiers() | keys(client)
    found = {
        f"{chapter}: {name} in {text!r}"
        for chapter in body()
        for exhibit in exhibits(chapter, client)
        for text in exhibit.texts
        for name in raw(text, known)
    }
    assert found == set()
