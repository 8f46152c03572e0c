"""Engines that serve models: their names, their releases, and constants of each.

A constant is a row of facts/memory_constants.csv, with the reason why it is what it is.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from siting import catalogue
from siting.catalogue import Fact, table
from siting.memory.attention import NotEstimated
from siting.quantity import Range


class MemoryConstant(Fact):
    """A fitted or published constant of an engine, with the reason why it is what it is."""

    engine: str
    name: str
    low: float
    central: float
    high: float
    unit: str
    reason: str

    @property
    def range(self) -> Range:
        return Range(self.low, self.central, self.high, self.unit)


def constant(engine: str, name: str) -> MemoryConstant:
    """A row of facts/memory_constants.csv."""
    return _constants(catalogue.facts_dir())[engine, name]


@cache
def _constants(folder: Path) -> dict[tuple[str, str], MemoryConstant]:
    return {(r.engine, r.name): r for r in table("memory_constants", MemoryConstant)}


ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")


def engine_name(text: str) -> str:
    """One name for the many ways of writing an engine's; its own, in lower case, if unknown."""
    key = re.sub(r"[\s_\-.]", "", text.lower())
    for word, name in (
        ("nim", "nim"),  # before the engine that it wraps, which its name may mention
        ("tensorrt", "tensorrt-llm"),
        ("trt", "tensorrt-llm"),
        ("vllm", "vllm"),
        ("sglang", "sglang"),
        ("lmdeploy", "lmdeploy"),
        ("llamacpp", "llama.cpp"),
        ("llamaserver", "llama.cpp"),
        ("ollama", "llama.cpp"),
        ("lmstudio", "llama.cpp"),
    ):
        if word in key:
            return name
    return text.lower()


def engine_family(text: str) -> str:
    """The engine of ENGINES that shares out memory as the one named does. Raises NotEstimated."""
    name = engine_name(text)
    family = "tensorrt-llm" if name == "nim" else name
    if family not in ENGINES:
        raise NotEstimated(f"engine {text!r} is unknown; known: {', '.join(ENGINES)}")
    return family


def version(text: str) -> tuple[int, int] | None:
    """Major and minor of a release such as 0.10.1.1; None for a development build or blank."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    if not found or re.match(r"v?0\.1\.dev", text.strip()):
        return None
    return int(found[1]), int(found[2])
