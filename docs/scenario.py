"""Writes the page on the scenario from its JSON schema: `python docs/scenario.py`.

A test compares the page with the schema, so that the two cannot differ.
"""

# ruff: noqa: E501

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from siting.inputs import scenario

PAGE = Path(__file__).parent / "scenario.md"
INTRODUCTION = """\
# Scenario

Written by `make generated` from the records of the scenario; change it there.

`params/base.yaml` is complete and runs on its own. A client's file holds what differs. Every key is listed below; `siting check` answers a wrong one with the line and the fix, all of them in one round, and `params/.schema.json` gives completion in editors.

**How the two files combine.** Mappings merge key by key, lists and values are replaced, `null` removes what `base.yaml` says (JSON Merge Patch, [RFC 7396](https://www.rfc-editor.org/rfc/rfc7396)). Workloads are the client's alone: what one leaves out has the default below, and `siting check` asks for what has none. Options and fine-tuning jobs are the client's own list: once its file names any, those of `base.yaml` that it does not name are dropped, and an entry of the same name starts from `base.yaml`'s. An option that names another `kind`, `vendor` or `provider` than `base.yaml`'s of that name takes its `kind` alone: its region, weights, redundancy and months are its own to say.

**How to write values.** Numbers in full (`8_000_000`), yes and no as `true` and `false`, dates as `2026-11-24`. Where a number is not known exactly, write `{low: 1, central: 2, high: 3}`, meant as P10, P50 and P90; such keys are marked "number or range". Shares are written as 0.2, not 20.

**Who says so.** Every figure of a client's file is covered by an entry of `evidence`. The longest path wins.

**Files.** A logo (PNG or SVG) and results of benchmarks lie beside the scenario and are named without a path. Links are not followed.
"""
FIRST = ("Scenario", "Client", "Workload", "Option", "Finance", "Preferences")


def page() -> str:
    """The whole page."""
    schema = scenario.json_schema()
    records = {schema["title"]: schema, **schema["$defs"]}
    names = [*FIRST, *sorted(n for n in records if n not in FIRST and n != "LowCentralHigh")]
    return "\n".join([INTRODUCTION, *(_section(records[name]) for name in names)])


def _section(record: dict[str, Any]) -> str:
    rows = [f"| `{name}` | {_row(field)} |" for name, field in record["properties"].items()]
    head = ["| key | value | left out | meaning |", "|---|---|---|---|"]
    return "\n".join([f"## {record['title']}", "", _words(record), "", *head, *rows, ""])


def _row(field: dict[str, Any]) -> str:
    missing = "default" not in field
    default = "" if missing else f"`{json.dumps(field['default'], ensure_ascii=False)}`"
    if field.get("default") in (None, "", [], {}) or len(default) > 60:
        default = "" if missing or field["default"] in (None, "", [], {}) else "see the schema"
    kind = ", or ".join(dict.fromkeys(_kinds(field)))
    return " | ".join(part.replace("\n", " ") for part in (kind, default, _words(field)))


def _words(field: dict[str, Any]) -> str:
    return str(field.get("description", "")).replace("|", "\\|").replace("\n", " ")


def _kinds(field: dict[str, Any]) -> Iterator[str]:
    """What may be written, in words."""
    for one in field.get("anyOf", [field]):
        if "$ref" in one:
            name = one["$ref"].rsplit("/", 1)[1]
            yield "range" if name == "LowCentralHigh" else f"[{name}](#{name.lower()})"
        elif "enum" in one:
            yield ", ".join(f"`{v}`" for v in one["enum"])
        elif "const" in one:
            yield f"`{one['const']}`"
        elif one.get("type") == "array":
            yield f"list of {', or '.join(dict.fromkeys(_kinds(one['items'])))}"
        elif one.get("type") == "object":
            inner = one.get("additionalProperties") or next(
                iter(one.get("patternProperties", {}).values()), {}
            )
            if inner is True:
                yield "name: anything"
            else:
                yield f"name: {', or '.join(dict.fromkeys(_kinds(inner)))}" if inner else "mapping"
        elif one.get("type") != "null":
            yield _plain(one)


def _plain(one: dict[str, Any]) -> str:
    words = {"string": "text", "boolean": "true or false", "integer": "whole number"}
    kind = "date" if one.get("format") == "date" else words.get(one.get("type", ""), "number")
    ends = [
        f"{word} {one[key]:g}"
        for key, word in (
            ("minimum", "from"),
            ("exclusiveMinimum", "above"),
            ("maximum", "to"),
            ("exclusiveMaximum", "below"),
        )
        if key in one
    ]
    return " ".join([kind, *ends])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
