"""The pages of the body as they are set on paper: each holds so many words, and so many numbers."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from pathlib import Path
from unittest import mock

import pypdf
import pytest
from printed import told
from siting import kit, study
from siting_report.print import document, paper
from siting_report.run import chapter
from studies import CLIENTS, opened

HERE = Path(__file__).parents[1]
WORDS = 300
NUMBERS = 45
"""What page one holds at most: it is read in 90 seconds."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """A chapter as it is set on paper, alone."""

    pages: int
    text: str

    @property
    def words(self) -> list[str]:
        """Whatever is printed between blanks and holds a letter."""
        return [token for token in self._tokens if re.search(r"[^\W\d_]", token)]

    @property
    def numbers(self) -> list[str]:
        """The same with a digit; the gap within a number is none."""
        return [token for token in self._tokens if re.search(r"\d", token)]

    @property
    def _tokens(self) -> list[str]:
        return re.sub(r"(?<=\d)\s(?=\d{3}\b)", "", self.text).split()


@cache
def set_on_paper(name: str, client: str) -> Page:
    """A chapter of a client's report, rendered as PDF."""
    notebook = (HERE / "notebooks" / f"{name}.ipynb").read_text("utf-8")
    with mock.patch.object(study, "open", opened):
        executed = json.loads(chapter.execute(notebook, client))
    made = document.chapter(executed, name, "body", own=False)
    composed = document.compose([made], kit.cover(str(HERE / "params" / f"{client}.yaml")))
    # The list of sources is no part of the page.
    paper_pages = pypdf.PdfReader(BytesIO(paper.typeset(replace(composed, sources=())))).pages
    text = "\n".join(page.extract_text() for page in paper_pages)
    return Page(pages=len(paper_pages), text=text)


@pytest.mark.parametrize("client", [*CLIENTS, "base"])
def test_page_one_is_one_page_that_is_read_in_ninety_seconds(client: str) -> None:
    page = set_on_paper("10_decision", client)
    assert page.pages == 1
    assert len(page.words) <= WORDS, " ".join(page.words)
    assert len(page.numbers) <= NUMBERS, page.numbers


@pytest.mark.parametrize("client", CLIENTS)
def test_page_one_prints_no_word_of_ours_and_nothing_missing(client: str) -> None:
    text = set_on_paper("10_decision", client).text
    ours = r"nan|None|NaT|draws|regret|struck|score|weight|leaning|spread|central|P10|NPV|TCO"
    assert re.findall(rf"\b({ours})\b", text) == []


@pytest.mark.parametrize("client", CLIENTS)
def test_page_one_begins_with_what_the_board_does_and_tells_the_sums_of_the_answer(
    client: str,
) -> None:
    s = opened(client)
    answer = s.answer().iloc[0]
    text = " ".join(set_on_paper("10_decision", client).text.split())
    begins = {
        "stay": "Stay with",
        "move": "(Move to|Buy)",
        "test first": "Test .+ first. If it passes",
    }
    assert re.search(begins[answer.advice], text)
    assert " ".join(s.money(answer.in_all).split()) in text
    if answer.next:
        assert " ".join(s.money(answer.next_in_all).split()) in text
        assert s.of_100(answer.cheaper_than_next) in text
    else:
        assert "bridge" in text


def test_page_one_says_what_rules_out_which_where_nothing_may_be_chosen() -> None:
    limits = {"decision.hard_constraints": ["budget"], "decision.budget_per_year": 1}
    s = study.open("base", limits)
    page = told("10_decision", "base", lambda _: s, "page_one")
    assert "# Change a limit, or add an option: none may be chosen." in page
    assert all(option in page for option in s.sums().option)
