"""Engines that serve models: their names, their releases, and constants of each.

A constant is a row of siting_facts/memory_constants.csv, with the reason why it is what it is.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Annotated, Literal, get_args

from pydantic import AfterValidator

from siting.catalogue import Banded, Day, Fact, UnknownName, conditions, of_facts, scoped, table
from siting.quantity import NotEstimated

Release = tuple[int, int]
"""Major and minor."""


Engine = Literal["vllm", "sglang", "tensorrt-llm", "llama.cpp"]
ENGINES: tuple[Engine, ...] = get_args(Engine)
REGIME = {
    "card": ("unified", "amd"),
    "ranks": ("one", "few", "many"),
    "fused": ("yes", "no"),
    "sharded": ("yes", "no"),
}
"""What a constant may depend on, and the values that each has."""


def _release(text: str) -> str:
    if not version(text):
        raise ValueError(f"{text!r} is no release; write major and minor, such as 0.11")
    return text


ReleaseText = Annotated[str, AfterValidator(_release)]


class MemoryConstant(Banded, tables="memory_constants", key="engine name first before where"):
    """A fitted or published constant of an engine, with the reason why it is what it is."""

    engine: Literal[Engine, "any", "training"]
    name: str
    first: ReleaseText = ""
    """Release from which it holds; blank: from the beginning."""
    before: ReleaseText = ""
    """Release from which it holds no more; blank: it still does."""
    where: Annotated[str, scoped(lambda: REGIME)] = ""
    """Conditions joined by `&`, each `regime=value`; blank: always."""
    other: float | None = None
    """The other value where one of two holds, by a setting that nobody states; blank: none."""
    reason: str

    def holds(self, release: Release | None, regime: frozenset[tuple[str, str]]) -> bool:
        """Whether it describes `release` (None: the newest) in `regime`."""
        first = version(self.first)
        before = version(self.before)
        if (release is None and before) or (release and before and release >= before):
            return False
        if release and first and release < first:
            return False
        return all(condition in regime for condition in conditions(self.where))


@of_facts
def constant(
    engine: str,
    name: str,
    release: Release | None = None,
    regime: frozenset[tuple[str, str]] = frozenset(),
) -> MemoryConstant:
    """The row of siting_facts/memory_constants.csv that holds; the one with most conditions if
    several.

    regime: pairs such as ("fused", "yes"). Raises UnknownName where no row holds.
    """
    rows = table("memory_constants", MemoryConstant)
    named = (r for r in rows if (r.engine, r.name) == (engine, name))
    found = [r for r in named if r.holds(release, regime)]
    if not found:
        raise UnknownName(f"{engine}, {name}: no row holds for release {release}")
    return max(found, key=lambda row: len(list(conditions(row.where))))


class EngineRelease(Fact, tables="engine_releases", key="engine release"):
    """When a release of an engine came out."""

    engine: Engine
    release: ReleaseText
    released: Day
    """YYYY-MM."""


@of_facts
def release_of(engine: str, day: str) -> Release | None:
    """The release that was current on `day` (YYYY-MM-DD); None where none is on record."""
    rows = table("engine_releases", EngineRelease)
    known = [version(r.release) for r in rows if r.engine == engine and r.released <= day[:7]]
    return max((r for r in known if r), default=None)


WORDS = {
    "nim": "nim",  # before the engine that it wraps, which its name may mention
    **dict.fromkeys(("tensorrt", "trt"), "tensorrt-llm"),
    **{name: name for name in ("vllm", "sglang", "lmdeploy")},
    **dict.fromkeys(("llamacpp", "llamaserver", "ollama", "lmstudio"), "llama.cpp"),
}
"""What an engine's name holds, and the engine."""


@cache
def engine_name(text: str) -> str:
    """One name for the many ways of writing an engine's; its own, in lower case, if unknown."""
    key = re.sub(r"[\s_\-.]", "", text.lower())
    return next((name for word, name in WORDS.items() if word in key), text.lower())


def engine_family(text: str) -> str:
    """The engine of ENGINES that shares out memory as the one named does. Raises NotEstimated."""
    name = engine_name(text)
    family = "tensorrt-llm" if name == "nim" else name
    if family not in ENGINES:
        raise NotEstimated(f"engine {text!r} is unknown; known: {', '.join(ENGINES)}")
    return family


@cache
def version(text: str) -> Release | None:
    """Major and minor of a release such as 0.10.1.1; None for a development build or blank."""
    found = re.match(r"v?(?!0\.1\.dev)(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2])) if found else None


def patch(text: str) -> tuple[int, int, int] | None:
    """The same with what follows the minor; None where that is not stated either."""
    found = re.match(r"v?(?!0\.1\.dev)(\d+)\.(\d+)\.(\d+)", text.strip())
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
