"""The six pages of a report in German: nothing on them stays English or is left unsaid."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from printed import told
from shown import body
from siting import study
from siting.inputs import scenario
from siting_report import show, texts

CLIENT = "klinikverbund-nordheide"
ENGLISH = ("€ 0", " million", " and ", " the ", " of ", " is ", " by ", "costs", "Source")
"""What no German page holds."""


@cache
def german(client: str) -> study.Study:
    found = scenario.load(client)
    assert found.client.language == "de"
    return study.Study(found)


@pytest.mark.parametrize("chapter", body())
def test_the_six_pages_are_german_and_leave_nothing_unsaid(
    chapter: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    noted: list[Any] = []

    def display(bundle: Any, raw: bool, metadata: Any = None) -> None:
        shown.append(bundle["text/plain"])
        noted.append(metadata)

    monkeypatch.setattr(show, "_display", display)
    texts.noted()
    told(chapter, CLIENT, german)
    assert len(shown) > 3
    assert [each for each in noted if each] == []
    assert [word for word in ENGLISH for text in shown if word in text] == []
