"""Inference engines by the many ways of writing their names, and their releases."""

from __future__ import annotations

import re

from siting.memory.attention import NotEstimated

ENGINES = ("vllm", "sglang", "tensorrt-llm", "llama.cpp")


def engine_family(name: str) -> str:
    """One of ENGINES for the many ways of writing it. Raises NotEstimated."""
    key = re.sub(r"[\s_\-.]", "", name.lower())
    for word, family in (
        ("vllm", "vllm"),
        ("sglang", "sglang"),
        ("tensorrt", "tensorrt-llm"),
        ("trt", "tensorrt-llm"),
        ("nim", "tensorrt-llm"),
        ("llamacpp", "llama.cpp"),
        ("llamaserver", "llama.cpp"),
        ("ollama", "llama.cpp"),
        ("lmstudio", "llama.cpp"),
    ):
        if word in key:
            return family
    raise NotEstimated(f"engine {name!r} is unknown; known: {', '.join(ENGINES)}")


def version(text: str) -> tuple[int, int] | None:
    """Major and minor of a release such as 0.10.1.1; None for a development build or blank."""
    found = re.match(r"v?(\d+)\.(\d+)", text.strip())
    if not found or re.match(r"v?0\.1\.dev", text.strip()):
        return None
    return int(found[1]), int(found[2])
