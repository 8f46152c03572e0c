"""What chapters show a client: the words of each exhibit, and the frames that it says it comes from
(`printed.exhibits` has them)."""

import functools
import inspect
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from matplotlib.figure import Figure
from matplotlib.text import Text
from siting.study import frames, topics
from siting_report import exhibit, show
from siting_report.show import drawn

NOTEBOOKS = Path(__file__).parents[1] / "notebooks"
_BY_ROW = {said.row: name for name, said in frames.listed(*topics()).items()}
"""Names of frames by what a row of theirs is."""


_NAMED = ("FixedFormatter", "StrCategoryFormatter")
"""What writes the names of categories along an axis."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An exhibit of a chapter.

    kind: chart, table, say or answers, as what shows it.
    """

    chapter: str
    kind: str
    texts: tuple[str, ...]
    """All that it says; of a chart without the numbers along its axes."""
    frames: frozenset[str]
    """Names of the frames that it says it comes from."""


def body() -> list[str]:
    """Names of the chapters of the body."""
    return [path.stem for path in sorted(NOTEBOOKS.glob("[0-6]*.ipynb")) if _is_body(path)]


def _is_body(path: Path) -> bool:
    said = json.loads(path.read_text(encoding="utf-8"))["metadata"].get("siting", {})
    return bool(said.get("part") != "appendix")


@contextmanager
def listening(chapter: str) -> Iterator[list[Shown]]:
    """What a chapter shows while it runs, in order; it is shown all the same."""
    found: list[Shown] = []

    def heard(function: Callable[..., None]) -> Callable[..., None]:
        make: Any = function.__wrapped__
        kind = function.__name__
        known = inspect.signature(make)

        @functools.wraps(make)
        def made_and_told(*args: Any, **kwargs: Any) -> exhibit.Exhibit:
            said = known.bind(*args, **kwargs).arguments
            texts = []
            if kind == "chart":
                texts = list(_drawn(drawn.figure_of(said["ax"])))
            made: exhibit.Exhibit = make(*args, **kwargs)
            rows = {attrs["row"] for attrs in exhibit.attributes(said.get("data"))}
            if kind == "table":
                rows |= {attrs["row"] for attrs in exhibit.attributes(said["df"]) if "row" in attrs}
            found.append(
                Shown(
                    chapter=chapter,
                    kind=kind,
                    texts=tuple(filter(None, [*texts, *_written(made)])),
                    frames=frozenset(_BY_ROW[row] for row in rows),
                )
            )
            return made

        return show._shown(made_and_told)

    with ExitStack() as patched:
        for function in (show.chart, show.table, show.say, show.answers):
            patched.enter_context(mock.patch.object(show, function.__name__, heard(function)))
        yield found


def of_notebook(chapter: str, ran: bytes) -> tuple[Shown, ...]:
    """The exhibits of a chapter that ran, as a report keeps it: of a drawing what stands around
    it."""
    outputs = (o for cell in json.loads(ran)["cells"] for o in cell.get("outputs", ()))
    made = (o["data"][exhibit.MIME] for o in outputs if exhibit.MIME in o.get("data", {}))
    return tuple(
        Shown(
            chapter=chapter,
            kind="say" if each["kind"] == "prose" else each["kind"],
            texts=tuple(_written(each)),
            frames=frozenset(),
        )
        for each in made
    )


def _drawn(figure: Figure) -> Iterator[str]:
    """Words of a figure: whatever is written in it, save the numbers and days along its axes."""
    written = figure.findobj(Text)
    along = set[Text]()
    for ax in figure.axes:
        for axis in (ax.xaxis, ax.yaxis):
            if type(axis.get_major_formatter()).__name__ not in _NAMED:
                along.update(axis.findobj(Text))
    for text in written:
        if text not in along and text.get_visible():
            yield str(text.get_text())


def _written(made: exhibit.Exhibit) -> Iterator[str]:
    """Words that stand around a drawing, in a table or in sentences."""
    for part in ("title", "note", "markdown"):
        yield made.get(part, "")
    for question, answer in made.get("items", ()):
        yield from (question, answer)
    for column in made.get("columns", ()):
        yield f"{column['head']} {column['unit']}"
    for row in made.get("rows", ()):
        yield from (cell["text"] for cell in row["cells"])
