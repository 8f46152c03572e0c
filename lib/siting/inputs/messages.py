"""What a validation error says to the person who wrote the file: the fault and the fix."""

from __future__ import annotations

import re
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from siting.catalogue import suggestion
from siting.inputs.document import Document, Path_, Problem, dotted

_KINDS = {
    "string_type": "text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "date_type": "a date, as 2026-11-24 without quotes",
    "list_type": "a list, as [a, b]",
    "dict_type": "a mapping of `key: value` lines",
    "model_type": "a mapping of `key: value` lines",
}


def quoted(value: Any) -> str:
    """A value as a message shows it, shortened."""
    text = "true" if value is True else "false" if value is False else repr(value)
    if value.__class__.__module__ == "datetime":
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def problems(
    refusal: ValidationError, document: Document, root: type[BaseModel]
) -> list[tuple[Path_, Problem]]:
    """One problem for each wrong place, with that place; a union's alternatives become one."""
    by_path: dict[Path_, list[ErrorDetails]] = {}
    for error in refusal.errors(include_url=False):
        by_path.setdefault(_written(error, document.data), []).append(error)
    return [
        (path, Problem(*document.place(path), dotted(path), *_said(here, path, root)))
        for path, here in by_path.items()
        # A deeper error of the same union says it better.
        if not any(len(p) > len(path) and p[: len(path)] == path for p in by_path)
    ]


def _written(error: ErrorDetails, data: Any) -> Path_:
    """The error's location as a path in the file, without pydantic's names of alternatives."""
    path: list[str | int] = []
    parts = [p for p in error["loc"] if p != "[key]"]
    for i, part in enumerate(parts):
        inside = part in data if isinstance(data, dict) else False
        at = isinstance(data, list) and isinstance(part, int) and part < len(data)
        if inside or at:
            path.append(part)
            data = data[part]
        elif error["type"] == "missing" and i == len(parts) - 1:
            path.append(part)
    return tuple(path)


def _said(errors: list[ErrorDetails], path: Path_, root: type[BaseModel]) -> tuple[str, str]:
    error = errors[0]
    if len({e["type"] for e in errors}) > 1:
        wanted = dict.fromkeys(map(_wanted, errors))
        return f"{quoted(error['input'])} does not fit", f"write {', or '.join(wanted)}"
    return _one(error, path, root)


def _wanted(error: ErrorDetails) -> str:
    if error["type"] == "literal_error":
        return re.sub(r"'", "", error["ctx"]["expected"])
    return _KINDS.get(error["type"], error["msg"].lower())


def _one(error: ErrorDetails, path: Path_, root: type[BaseModel]) -> tuple[str, str]:
    kind, value, ctx = error["type"], error["input"], error.get("ctx", {})
    shown = quoted(value)
    if kind == "missing":
        return "is missing", f"add `{path[-1]}:` here"
    if kind == "extra_forbidden":
        known = fields_at(root, path[:-1])
        return f"unknown key {quoted(path[-1])}", suggestion(str(path[-1]), known)
    if kind in _KINDS:
        return _wrong_type(kind, value, shown)
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", ctx["expected"])
        return f"{shown} is not one of the choices", suggestion(str(value), known)
    if kind in ("greater_than_equal", "greater_than", "less_than_equal", "less_than"):
        return _out_of_bounds(kind, value, shown, ctx)
    if kind == "string_pattern_mismatch":
        return f"{shown} is not in the right form", f"write {_form(ctx['pattern'])}"
    if kind == "string_too_short":
        return "is empty", "write a word or more"
    if kind == "string_too_long":
        return "the text is too long", f"use at most {ctx['max_length']} characters"
    if kind in ("too_short", "too_long"):
        count = ctx.get("min_length", ctx.get("max_length"))
        return f"has {ctx['actual_length']} entries", f"write {count}"
    if kind == "value_error":
        wrong, _, write = str(ctx["error"]).partition("; ")
        return (wrong, write) if write else (f"{shown} is wrong", wrong)
    return error["msg"].lower(), "see docs/scenario.md"


def _wrong_type(kind: str, value: Any, shown: str) -> tuple[str, str]:
    wanted = _KINDS[kind]
    if value is None:
        return "has no value", f"write {wanted}, or remove the key"
    if isinstance(value, str) and kind in ("int_type", "float_type"):
        number = re.sub(r"[\s']", "", value)
        if re.fullmatch(r"[-+]?\d+(\.\d+)?", number):
            number = re.sub(r"\d", lambda digit: str(int(digit[0])), number)  # of any script
            return f"{shown} is text", f"write {number} without quotes"
        return f"{shown} is text, not a number", f"write {wanted} without unit, sign or comma"
    if isinstance(value, str) and kind == "bool_type":
        return f"{shown} is text", "write true or false without quotes"
    if kind == "string_type" and not isinstance(value, (dict, list)):
        return f"{shown} is not text", f'write "{value}" in quotes'
    if kind == "list_type" and not isinstance(value, dict):
        return f"{shown} is not a list", f"write [{value}]"
    return f"{shown} is not {wanted.split(',')[0]}", f"write {wanted}"


_BOUND = {
    "greater_than_equal": ("is too small", "at least", "ge"),
    "greater_than": ("is too small", "more than", "gt"),
    "less_than_equal": ("is too large", "at most", "le"),
    "less_than": ("is too large", "less than", "lt"),
}


def _out_of_bounds(kind: str, value: Any, shown: str, ctx: dict[str, Any]) -> tuple[str, str]:
    wrong, words, key = _BOUND[kind]
    bound = ctx[key]
    plain = f"{bound:g}" if abs(bound) < 1e6 else f"{bound:_.0f}"
    percent = kind.startswith("less") and bound <= 1 and isinstance(value, (int, float))
    hint = f"; for {value:g} % write {value / 100:g}" if percent and 1 < value <= 100 else ""
    return f"{shown} {wrong}", f"write {words} {plain}{hint}"


_FORMS = {
    r"\S": "a word or more",
    "^[A-Z]{2}$": "a country code of two capitals, such as IT",
    "^[A-Z]{3}$": "a currency code of three capitals, such as EUR",
    "^#[0-9a-fA-F]{6}$": 'a colour such as "#1f3a5f", in quotes',
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$": "the name of a file beside the scenario, no path",
}


def _form(pattern: str) -> str:
    return _FORMS.get(pattern, f"small letters, digits, - or _ ({pattern})")


def fields_at(root: type[BaseModel], path: Path_) -> list[str]:
    """Names of the keys that the schema knows at `path`."""
    here: Any = root
    for part in path:
        here = _below(here, part)
    model = _model_in(here)
    return list(model.model_fields) if model else []


def _below(annotation: Any, part: str | int) -> Any:
    model = _model_in(annotation)
    if model is not None:
        field = model.model_fields.get(str(part))
        return field.annotation if field else None
    arguments = get_args(annotation)
    return arguments[-1] if arguments else None


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The record that an annotation (Annotated, optional) stands for, if it is one."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if getattr(annotation, "__origin__", None) in (dict, list):
        return None
    inside = [_model_in(a) for a in get_args(annotation)]
    return next((m for m in inside if m), None)
