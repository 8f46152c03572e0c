"""What a notebook shows: `chart`, `table`, `say`, `answers`, `need`. It knows no GPU and no money.

Each call shows at once and returns nothing, so it may stand in a loop or an `if`; a table without
rows, answers without questions and an empty text are not shown. Style, numbers of exhibits,
sources, alternative texts, formats and escaping come from here. A figure, a frame, a Styler,
Markdown, a picture or a print appears in the report without these calls as well, in the house
style, only without title and source.

`data` is the frame, or the list of frames, that the numbers come from: it brings the sources, the
client's formats and the names that Markdown must not misread. `pivot`, `unstack`, `merge` and the
like lose it, so name it there.
"""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec

from IPython.core import display_functions

from siting_report import style, texts
from siting_report.exhibit import (
    Answers,
    Data,
    Exhibit,
    Prose,
    Text,
    bundle,
    cited,
    holds_anything,
    in_language,
    joined,
    protected,
    refuse_unknown,
    unfounded,
)
from siting_report.show import displays, drawn, tabled
from siting_report.show.drawn import intervals

__all__ = [
    "Enough", "answers", "chart", "intervals", "load_ipython_extension", "need", "say", "style",
    "table",
]  # fmt: skip

P = ParamSpec("P")
UNTRANSLATED = "untranslated"
"""Metadata of an output: texts without a translation that were told while it was made."""
load_ipython_extension = displays.load
_display: Callable[..., Any] = display_functions.display
displays.load_if_running()


class Enough(Exception):
    """The rest of a chapter has nothing to show. No failure: the report goes on."""

    def _render_traceback_(self) -> list[str]:
        return []


def _shown(make: Callable[P, Exhibit]) -> Callable[P, None]:
    """Makes what makes an exhibit show it, if it holds anything."""
    known = inspect.signature(make).parameters

    @functools.wraps(make)
    def show(*args: P.args, **kwargs: P.kwargs) -> None:
        refuse_unknown(kwargs, known, make.__name__)
        made = make(*args, **kwargs)
        noted = texts.noted()
        if holds_anything(made):
            beside = {"metadata": {UNTRANSLATED: noted}} if noted else {}
            _display(bundle(made), raw=True, **beside)

    return show


chart = _shown(drawn.chart)
table = _shown(tabled.table)


@_shown
def say(text: Text, data: Data = None, file: str = "") -> Prose:
    """Shows computed sentences, in Markdown; HTML and images in it are shown as text.

    text: Markdown, or a list of sentences for one paragraph, of which empty ones are left out.
    A first line that begins with `# ` is the chapter's answer, set large.
    file: name of a Markdown file in the report's folder that holds the same text, behind what was
    said in it before. Raises ValueError for another name.
    """
    if file and not re.fullmatch(r"[\w-]+\.md", file):
        raise ValueError(f"{file!r} names no Markdown file; write a name such as letters.md")
    markdown = protected(joined(text, data), data)
    sources = cited(data)
    lacks = unfounded([markdown], data)
    return {"kind": "prose", "markdown": markdown, "file": file, "sources": sources, "lacks": lacks}


@_shown
def answers(items: Mapping[str, Text], data: Data = None, tone: str = "") -> Answers:
    """Shows short headed texts side by side: questions with their answers in Markdown, each a text
    or a list of sentences as `say` takes it.

    tone: `open` sets them on the colour of what is not cleared, `chosen` on that of the choice;
    `figures` sets each question large, as a figure, and the text below it as what it is.
    """
    told = [[in_language(q, data), protected(joined(a, data), data)] for q, a in items.items()]
    return {
        "kind": "answers", "tone": tone,
        "lacks": unfounded([text for item in told for text in item], data),
        "sources": cited(data),
        "items": told,
    }  # fmt: skip


def need(condition: object, otherwise: Text, data: Data = None) -> None:
    """Ends the chapter with the sentence `otherwise` where there is nothing to show."""
    if not condition:
        say(otherwise, data)
        raise Enough(str(otherwise))
