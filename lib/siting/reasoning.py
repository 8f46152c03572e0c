"""Which models think before they answer, and what a kind of work needs of it.

Hidden tokens are billed and generated like output. A model that thinks by default costs several
times what its visible answers suggest, so a scenario says at which effort it runs.
"""

from __future__ import annotations

from fnmatch import fnmatch
from typing import Literal

from siting.catalogue import Fact, column, of_facts, table
from siting.quantity import Range


class Reasoning(Fact, tables="model_reasoning", key="pattern"):
    """Whether the models that a pattern names think, and who decides it."""

    pattern: str
    """As a shell writes it, on the name in small letters; the first row that fits holds."""
    thinks: Literal["always", "on", "chosen", "off", "never"]
    """on: unless told not to; chosen: by the effort of a request, without a default that holds for
    all releases; off: only if asked."""


class Task(Fact, tables="reasoning_task", key="task"):
    """What a kind of work needs in hidden tokens, over chat at the same effort."""

    task: str
    label: str
    factor: Range


@of_facts
def efforts() -> frozenset[str]:
    """Words for an effort at which a model runs; `default` where it is not known."""
    cells = column("reasoning_effort", "effort", "aliases")
    return frozenset(word for cell in cells for word in cell.split(";")) | {"default"}


@of_facts
def thinks(model: str) -> str:
    """How a model decides to think (`Reasoning.thinks`); blank where it is not known."""
    short = model.lower().split("/")[-1]
    rows = table("model_reasoning", Reasoning)
    return next((r.thinks for r in rows if fnmatch(short, r.pattern)), "")


def effort_after(effort: str, model: str) -> str:
    """The effort at which a model takes over from one that runs at an effort: the same, and as
    little as it can where that one does not reason."""
    if not effort_missing(model, effort):
        return effort
    return "default" if thinks(model) == "always" else "none"


def effort_missing(model: str, effort: str) -> bool:
    """Whether a scenario must say how much the model reasons, and does not."""
    return not effort.strip() and thinks(model) in ("always", "on", "chosen")
