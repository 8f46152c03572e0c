"""Each page of the body says little: of base, and of a few scenarios at random.

Rules for who edits a chapter stand in docs/how-to/chapter.md; `test_clients` holds every client's
pages and paper to them.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import printed
import pytest
from shown import Shown, body, of_notebook
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.study import Study

from benchmarks import random_scenarios

WORDS, NUMBERS = 300, 45
"""That page one may hold; between its head and its foot."""
BESIDE = 150
"""Words that a page may hold beside its exhibits and its title."""
EXHIBITS = {"40_cost": 3}
"""Charts and tables of a page: two, and on that of cost the way from cash to the sum in all."""


def words(text: str) -> list[str]:
    """Words of a text, numbers among them; an amount such as `€ 10 000` is one."""
    joined = re.sub(r"(?<=\d)[\u202f\u00a0’](?=\d{3})|(?<=[€$£F])[\u202f\u00a0](?=\d)", "", text)
    return [word for word in joined.split() if re.search(r"\w", word)]


def numbers(said: list[str]) -> list[str]:
    """Those that hold a digit."""
    return [word for word in said if re.search(r"\d", word)]


def beside(page: tuple[Shown, ...]) -> list[str]:
    """Words of a page without its title and its exhibits."""
    texts = [text for e in page if e.kind in ("say", "answers") for text in e.texts]
    return words(re.sub(r"^# .*$", "", "\n".join(texts), flags=re.MULTILINE))


def hold(pages: dict[str, tuple[Shown, ...]]) -> None:
    """Holds the pages of a body to their rules."""
    first, *others = pages
    said = words("\n".join(text for e in pages[first] for text in e.texts))
    assert len(said) <= WORDS
    assert len(numbers(said)) <= NUMBERS
    for name in others:
        assert len(beside(pages[name])) <= BESIDE, name
        shown = [e for e in pages[name] if e.kind in ("chart", "table")]
        assert len(shown) <= EXHIBITS.get(name, 2), name


def hold_reported(files: Mapping[str, bytes], folder: str) -> None:
    """The same of a report, whose chapters that ran lie in a folder of its files."""
    hold({name: of_notebook(name, files[f"{folder}/{name}.ipynb"]) for name in body()})


def of_base(asked: dict[str, Any]) -> dict[str, tuple[Shown, ...]]:
    """The body's pages of base with other values."""
    s = Study(scenario.changed(scenario.load("base"), asked))
    return {name: printed.shown_of(name, lambda _: s) for name in body()}


@pytest.mark.style
def test_the_pages_of_base_keep_to_their_words():
    hold({name: printed.exhibits(name, "base") for name in body()})


def at_random() -> Iterator[dict[str, Any]]:
    """Changes of base that are not refused."""
    for asked in random_scenarios.drawn(9):
        try:
            scenario.changed(scenario.load("base"), asked)
        except DocumentError:
            continue
        yield asked


@pytest.mark.style
def test_the_pages_of_a_scenario_at_random_keep_to_their_words():
    hold(of_base(next(at_random())))


def test_words_and_numbers_are_counted_as_a_reader_does():
    said = words("It costs €\u202f10\u202f000 less than GPT-5.6 Luna – by 24 December.")
    assert len(said) == 10
    assert numbers(said) == ["€10000", "GPT-5.6", "24"]
