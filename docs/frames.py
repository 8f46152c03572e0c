"""Writes the page on the frames of a study from `columns.csv`: `python docs/frames.py`.

A test compares the page with the tables, so that the two cannot differ.
"""

# ruff: noqa: E501

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path

from siting import study
from siting.study import frames
from siting.study.frames import Declared, Topic

PAGE = Path(__file__).parent / "frames.md"
INTRODUCTION = """\
# Frames

Written by `make generated` from the topics in `lib/siting/study` and from `columns.csv` there; change them there. `help(s.sums)` prints columns with meanings and units; evaluating `s` in JupyterLab lists the frames.

A frame is a [pandas](https://pandas.pydata.org) table that a study gives: `s = study.open("acme")`, then `s.sums()`. Every call gives a copy that may be changed. Under each name stands what one row is, then its columns: those of its **key**, which tell rows apart, in bold. A name with `?` may be missing in a row, because it is not known or does not apply. `x*` are three columns, `x_low`, `x`, `x_high`: a range that, where it says nothing else, eight of ten cases lie in; `*` alone are `low`, `central`, `high`. One name has one meaning and one unit in all frames: they stand [at the end](#columns). `attrs` carry sources, meanings and units to what shows a frame.
"""
COLUMNS = """\
## Columns

With the unit of numbers in brackets; `currency` is the client's, `option` the label of an option. Infinite means never.

"""


def page() -> str:
    """The whole page."""
    topics = [_topic(topic) for topic in study.topics()]
    return "\n".join([INTRODUCTION, *topics]) + COLUMNS + "".join(_columns())


def _topic(topic: type[Topic]) -> str:
    title = (inspect.getdoc(topic) or "").partition("\n")[0].removesuffix(".")
    told = frames.listed(topic)
    return "\n".join([f"## {title}", "", *(_frame(name, said) for name, said in told.items())])


def _frame(name: str, said: Declared) -> str:
    """A frame in a line: its row, and its columns."""
    return f"### `s.{name}()`\n\n{_plain(said.row)} {' '.join(_cell(said, cell) for cell in said.cells)}\n"


def _cell(said: Declared, cell: str) -> str:
    """A column as the list of a frame has it."""
    told = f"`{cell}{'?' if cell in said.may_be_missing else ''}`"
    return f"**{told}**" if {*frames.columns(cell)} & {*said.key} else told


def _columns() -> Iterator[str]:
    """Every column that a frame names, by name."""
    known: dict[str, tuple[str, str]] = {}
    for folder in {Path(inspect.getfile(topic)).parent for topic in study.topics()}:
        if (folder / frames.COLUMNS).is_file():
            known |= frames.meanings(folder)
    for column, (unit, meaning) in sorted(known.items()):
        yield f"`{column}`{f' [{unit}]' if unit else ''}: {_plain(meaning)}  \n"


def _plain(text: str) -> str:
    """Words that Markdown leaves as they are in a table."""
    return text.replace("|", "\\|").replace("*", "\\*").replace("<", "&lt;")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
