"""A scenario written out: as YAML that loads to the same scenario, and as a JSON schema."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from typing import Any

from siting.inputs import document
from siting.inputs.scenario.model import Scenario

_BAND = {"low", "central", "high"}
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*( [A-Za-z0-9_./-]+)*")


def resolved(scenario: Scenario) -> str:
    """The whole scenario as YAML that loads, alone, to the same scenario."""
    head = "# Written by siting: complete, so base.yaml is not read.\n"
    return head + as_yaml(scenario.model_dump(exclude_none=True))


def as_yaml(data: dict[str, Any]) -> str:
    """Plain data as YAML that every reader understands alike."""
    return "\n".join(_yaml(data, 0)) + "\n"


def _yaml(data: dict[Any, Any] | list[Any], depth: int) -> Iterator[str]:
    pad = "  " * depth
    pairs = (
        ((f"{_inline(k)}:", v) for k, v in data.items())
        if isinstance(data, dict)
        else (("-", v) for v in data)
    )
    for head, value in pairs:
        nested = isinstance(value, dict) and not value.keys() <= _BAND
        if not nested and not (isinstance(value, list) and any(isinstance(v, dict) for v in value)):
            yield f"{pad}{head} {_inline(value)}"
        elif isinstance(value, dict) and head == "-":
            first, *rest = _yaml(value, depth + 1)
            yield f"{pad}- {first.strip()}"
            yield from rest
        else:
            yield f"{pad}{head}"
            yield from _yaml(value, depth + 1)


def _inline(value: Any) -> str:
    """A value as this kit's reader, and any other, reads it back."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inline(k)}: {_inline(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        digits, e, exponent = repr(value).partition("e")
        return (digits if "." in digits else digits + ".0") + e + exponent
    if isinstance(value, dt.date):
        return str(value)
    bare = isinstance(value, str) and _PLAIN.fullmatch(value) and not document.ambiguity(value)
    if bare and value.lower() not in ("true", "false", "null"):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


_REPLACED_WHOLE = ("Evidence", "Quote", "Measured", "Shock")
"""Records that stand in lists: never merged with base.yaml, so their required keys stay so."""


def json_schema() -> dict[str, Any]:
    """JSON schema of a client's file, for editors. base.yaml supplies what is left out."""
    schema = Scenario.model_json_schema()
    for name, record in (("", schema), *schema["$defs"].items()):
        if name not in _REPLACED_WHOLE:
            record.pop("required", None)
        for field in record.get("properties", {}).values():
            if isinstance(field.get("default"), dict):
                field["default"].pop("unit", None)  # a range of a scenario has none
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}
