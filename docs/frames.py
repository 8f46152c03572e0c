"""Writes the page on the frames of a study from their docstrings: `python docs/frames.py`.

A test compares the page with the docstrings, so that the two cannot differ.
"""

# ruff: noqa: E501

from __future__ import annotations

import inspect
from pathlib import Path

from siting import study
from siting.study import frames
from siting.study.frames import Declared, Topic

PAGE = Path(__file__).parent / "frames.md"
INTRODUCTION = """\
# Frames

Written by `make generated` from the docstrings in `lib/siting/study`; change them there. `help(s.costs)` prints the same, and evaluating `s` in JupyterLab lists it.

The sentence under a name says what one row is. A frame is a [pandas](https://pandas.pydata.org) table that a study gives: `s = study.open("acme")`, then `s.costs()`. Every call gives a copy that may be changed. **Unit**: of a column of numbers; `currency` is the client's. Infinite means never. **May be missing**: a row may leave it blank, because it is not known or does not apply; every other column is filled in every row. Columns `x_low`, `x`, `x_high` are a range, and where it says nothing else eight of ten cases lie inside. `attrs` carry sources, meanings and units to what shows a frame.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([INTRODUCTION, *(_topic(topic) for topic in study.topics())])


def _topic(topic: type[Topic]) -> str:
    title = (inspect.getdoc(topic) or "").partition("\n")[0].removesuffix(".")
    told = frames.listed(topic)
    return "\n".join([f"## {title}", "", *(_frame(name, said) for name, said in told.items())])


def _frame(name: str, said: Declared) -> str:
    optional = {column for cell in said.may_be_missing for column in frames.columns(cell)}
    rows = [
        f"| `{column}` | {said.units.get(column, '')} | {'yes' if column in optional else ''} "
        f"| {_plain(meaning)} |"
        for column, meaning in said.meanings.items()
    ]
    head = ["| column | unit | may be missing | meaning |", "|---|---|---|---|"]
    return "\n".join([f"### `s.{name}()`", "", _plain(said.row), "", *head, *rows, ""])


def _plain(text: str) -> str:
    """Words that Markdown leaves as they are in a table."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
