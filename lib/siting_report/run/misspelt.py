"""What a cell raised, with the name that is meant where one was misspelt.

Python suggests names in a traceback alone, and pandas suggests no column at all.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator, Mapping
from typing import Any

from siting_report.nearest import ALIKE_IN_CODE, nearest

_QUOTED = re.compile(r"'([^']+)'")


def told(error: BaseException, scope: Mapping[str, Any]) -> str:
    """Kind and words of an error, and the known name that is nearest to what it does not find.

    scope: names of the notebook, with what they stand for.
    """
    said = f"{type(error).__name__}: {error}"
    for wrong in _sought(error):
        near = nearest(wrong, sorted(_known(error, scope)), ALIKE_IN_CODE)
        if near and near not in said:
            return f"{said}; did you mean {near!r}?"
    return said


def _sought(error: BaseException) -> Iterator[str]:
    """Names that an error is about: a variable, an attribute, or columns."""
    if isinstance(error, NameError | AttributeError) and error.name:
        yield error.name
    if isinstance(error, KeyError) and error.args:
        key = error.args[0]
        if isinstance(key, str):
            # One column is named alone; several stand in a sentence, in quotation marks.
            yield from _QUOTED.findall(key) or [key]


def _known(error: BaseException, scope: Mapping[str, Any]) -> set[str]:
    """Names that could have been meant."""
    if isinstance(error, AttributeError):
        return {name for name in dir(error.obj) if not name.startswith("_")} | _columns(error.obj)
    if isinstance(error, NameError):
        return {name for name in scope if not name.startswith("_")} | set(dir(builtins))
    return set().union(*map(_columns, scope.values()))


def _columns(thing: Any) -> set[str]:
    """Names of a frame's columns and levels of its index; none of anything else."""
    import pandas as pd

    if not isinstance(thing, pd.DataFrame | pd.Series):
        return set()
    columns = thing.columns if isinstance(thing, pd.DataFrame) else thing.index
    return {name for name in (*columns, *thing.index.names) if isinstance(name, str)}
