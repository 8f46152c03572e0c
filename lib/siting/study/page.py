"""What evaluating a study shows: what one asks first, then all frames by topic.

A page in Jupyter, lines of text in plain Python.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from textwrap import fill
from typing import TYPE_CHECKING

from siting.study import frames
from siting.study.frames import Topic
from siting.study.results import Results
from siting.study.wording import Wording

if TYPE_CHECKING:
    from siting.study import Study

FIRST: Mapping[str, str] = {
    "What is the answer?": "answer",
    "Which options are there, and what does each cost in all?": "sums",
    "How sure is that: what would turn it?": "variants",
}
"""Frames that answer what one asks first."""


def content(study: Study, topics: Sequence[type[Topic]]) -> str:
    """HTML that says what a study can be asked, without computing anything."""
    listed = frames.listed(*topics)
    asked = [(q, f"<code>s.{name}()</code>", listed[name].row) for q, name in FIRST.items()]
    return "".join(
        (
            f"<h3>{escape(study.client.name)}</h3>",
            _table(("you ask", "the frame", "one row"), asked),
            *map(_topic, topics),
            _members("Formats: how sentences and charts write it", Wording, "s."),
            _members("Results: the records that frames are made of", Results, "s.results."),
        )
    )


def told(study: Study, topics: Sequence[type[Topic]]) -> str:
    """The same in lines of plain text: what one asks first, and all frames by their names."""
    asked = [f"  {f's.{name}()':15}{question}" for question, name in FIRST.items()]
    by_topic = [
        fill(
            f"{_first_line(topic)}: {', '.join(frames.listed(topic))}",
            width=96,
            subsequent_indent="  ",
        )
        for topic in topics
    ]
    return "\n".join(
        (
            f"Study of {study.client.name}. Ask first:",
            *asked,
            *by_topic,
            "help(s.sums) tells the columns of a frame and their units; docs/frames.md has all.",
        )
    )


def _topic(topic: type[Topic]) -> str:
    """A topic's frames, a line each, folded."""
    told = frames.listed(topic)
    rows = [(f"<code>s.{name}()</code>", escape(said.row)) for name, said in told.items()]
    title = f"{_first_line(topic)} ({len(told)})"
    return _folded(escape(title), _table(("the frame", "one row"), rows))


def _members(title: str, owner: type, prefix: str) -> str:
    """What a class offers beside frames, folded: each name with the first line of its docstring."""
    rows = [
        (f"<code>{prefix}{name}{_call(member)}</code>", escape(_first_line(member)))
        for name, member in vars(owner).items()
        if not name.startswith("_") and inspect.getdoc(member) and not isinstance(member, dict)
    ]
    return _folded(escape(title), _table(("write", "for"), rows))


def _call(member: object) -> str:
    """The brackets of a method, with the names of what it takes."""
    if not inspect.isfunction(member):
        return ""
    return f"({', '.join(list(inspect.signature(member).parameters)[1:])})"


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0].removesuffix(".")


def _folded(title: str, inner: str) -> str:
    return f"<details><summary>{title}</summary>{inner}</details>"


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Cells of HTML as a table."""
    head = "".join(f"<th>{cell}</th>" for cell in heads)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
