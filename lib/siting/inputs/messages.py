"""What a validation error says to the person who wrote the file: the fault and the fix."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from siting.catalogue import suggestion
from siting.inputs.document import Fault, Path_, hour_of, parted

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
_FORMS = {
    r"\S": "a word or more",
    "^[A-Z]{2}$": "a country code of two capitals, such as IT",
    "^[A-Z]{3}$": "a currency code of three capitals, such as EUR",
    "^#[0-9a-fA-F]{6}$": 'a colour such as "#1f3a5f", in quotes',
    r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$": "the name of a file beside the scenario, no path",
}
_SAID = {
    "missing": ("is missing", "add `{key}:` here{example}"),
    "string_pattern_mismatch": ("{shown} is not in the right form", "write {form}"),
    "string_too_short": ("is empty", "write a word or more"),
    "string_too_long": ("the text is too long", "use at most {max_length} characters"),
    "too_short": ("has {actual_length} entries", "write {min_length}"),
    "too_long": ("has {actual_length} entries", "write {max_length}"),
    "multiple_of": ("{shown} is between two that are known", "write a multiple of {multiple_of}"),
    "greater_than_equal": ("{shown} is too small", "write at least {ge}"),
    "greater_than": ("{shown} is too small", "write more than {gt}"),
    "less_than_equal": ("{shown} is too large", "write at most {le}{share}"),
    "less_than": ("{shown} is too large", "write less than {lt}{share}"),
}
"""Fault and remedy by pydantic's kind of error, with what the error holds in braces."""
_EXAMPLES = {
    "input_tokens": "{mean: 3_000}",
    "output_tokens": "{mean: 400}",
    "label": "Own servers",
    "kind": "api",
    "baseline": "none",
}
"""What a key that is missing may hold, where its name alone does not say it."""


EXPECTED = {
    "gpus": "write gpu: with the card; how many of them it takes, the kit works out of the load",
    "gpu_count": "write gpu: with the card; how many of them it takes, the kit works out",
    "requests_per_night": "write requests_per_day:, and hours: night",
    "requests_per_hour": "write requests_per_day:, and hours: with 24 numbers",
    "decision_date": "write it in the section decision, as date: with the day of go or no-go",
    "horizon_years": "write horizon_months:, 48 for four years",
    "weights": "say in decision.premiums what a property is worth a year, as {open_weights: "
    "10_000}, and in rules.policies or decision.hard_constraints what no money buys",
    "method": "leave it out: options are compared by one sum of money",
    "budget_per_year": "write finance.budget_any_year:, a limit of each fiscal year",
    "usual_cost_per_year": "leave it out: money is compared with money",
    "price_path": "say how likely prices fall: finance.falling_prices, 0 (they hold) to 1",
    "follows": "leave it out: a model is followed by the one that its vendors name",
    "policies_up_to": "say in decision.premiums what it is worth, as {no_third_law: 20 %}",
}
"""Keys that people expect and the kit has otherwise, and what to write."""
_MEANT = {
    "extraction": "summarise",
    "extract": "summarise",
    "translate": "summarise",
    "translation": "summarise",
    "rag": "chat",
    "search": "chat",
    "coding": "code",
    "tagging": "classify",
    "math": "mathematics",
}
"""Words that people have for a kind of work, and the one of the kit that thinks as much."""


def faults(refusal: ValidationError, data: Any, root: type[BaseModel]) -> list[Fault]:
    """One fault for each wrong place of data; a union's alternatives become one."""
    by_path: dict[Path_, list[ErrorDetails]] = {}
    for error in refusal.errors(include_url=False):
        by_path.setdefault(_written(error, data), []).append(error)
    above = {path[:end] for path in by_path for end in range(len(path))}
    found = []
    for path, here in by_path.items():
        if path not in above:  # a deeper error of the same union says it better
            wrong, write = _said(here, path, root)
            found.append(Fault(path, wrong, write))
    return found


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
    """Fault and remedy of the errors of one place."""
    error = errors[0]
    value = error["input"]
    shown = _shown(value)
    kind = error["type"]
    ctx = error.get("ctx", {})
    key = path[-1] if path else ""
    if len({e["type"] for e in errors}) > 1:
        return f"{shown} does not fit", f"write {', or '.join(dict.fromkeys(map(_wanted, errors)))}"
    if kind in _KINDS:
        wrong, write = _wrong_type(kind, value, shown, ctx)
        return wrong, f"{write}{_example(key)}" if kind == "model_type" else write
    if kind == "extra_forbidden":
        write = EXPECTED.get(str(key)) or suggestion(str(key), _keys(root, path[:-1]))
        return f"{_shown(key)} is no key here", write
    if kind == "literal_error":
        known = re.findall(r"'([^']*)'", ctx["expected"])
        return f"{shown} is no choice here", _choices(str(value), known)
    if kind == "value_error":
        wrong, write = parted(ctx["error"])
        return (wrong, write) if write else (f"{shown} is wrong", wrong)
    if kind not in _SAID:
        return error["msg"].lower(), "see docs/scenario.md"
    said = {name: _plain(limit) for name, limit in ctx.items()}
    pattern = said.get("pattern", "")
    said["form"] = _FORMS.get(pattern, f"small letters, digits, - or _ ({pattern})")
    said |= {"key": str(key), "shown": shown, "share": _share(value, ctx)}
    said["example"] = _example(key)
    wrong, write = _SAID[kind]
    return wrong.format(**said), write.format(**said)


def _choices(said: str, known: list[str]) -> str:
    """What to write of few choices: the one that is meant, and all of them."""
    listed = f"known: {', '.join(known)}"
    if (meant := _MEANT.get(said.lower(), "")) in known:
        return f"write {meant}, which is nearest; {listed}"
    near = suggestion(said, known)
    return near if near.startswith("known") else f"{near} {listed}"


def _example(key: str | int) -> str:
    """What a key may hold, to end a remedy with; nothing where its name says enough."""
    example = _EXAMPLES.get(str(key))
    return f", such as `{key}: {example}`" if example else ""


def _shown(value: Any) -> str:
    """A value as a message shows it, shortened."""
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    if value.__class__.__module__ == "datetime":
        text = str(value)
    return text if len(text) <= 60 else text[:57] + "…"


def _wanted(error: ErrorDetails) -> str:
    if error["type"] == "literal_error":
        return re.sub(r"'", "", error["ctx"]["expected"])
    return _KINDS.get(error["type"], error["msg"].lower())


PERCENT = r"\s*([-+]?\d+(?:\.\d+)?)\s*%\s*"


def _wrong_type(kind: str, value: Any, shown: str, ctx: Mapping[str, Any]) -> tuple[str, str]:
    wanted = _KINDS[kind]
    if ctx.get("class_name") == "LowCentralHigh":
        wanted = "a number, or {low: …, central: …, high: …}"
    if value is None:
        quoted = ", in quotes where it holds #" if kind == "string_type" else ""
        return "has no value", f"write {wanted}{quoted}, or remove the key"
    if isinstance(value, str) and (percent := re.fullmatch(PERCENT, value)):
        share = f"{float(percent[1]) / 100:g}"
        listed = f"[{share}]" if kind == "list_type" else share
        return f"{shown} is text, not a number", f"write {listed} for {percent[1]} %"
    if isinstance(value, str) and kind in ("int_type", "float_type"):
        hour = hour_of(value)
        if hour and not (float(hour) * 2).is_integer():
            before = math.floor(float(hour) * 2) / 2
            return f"{value!r} is no half hour", f"write the half hour before it: {before:g}"
        if hour:
            return f"{value!r} is text", f"write the hour as a number, {hour}, without quotes"
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


def _plain(limit: Any) -> str:
    if not isinstance(limit, int | float):
        return str(limit)
    return f"{limit:g}" if abs(limit) < 1e6 else f"{limit:_.0f}"


def _share(value: Any, ctx: dict[str, Any]) -> str:
    """What to write for a share that was given in percent."""
    percent = isinstance(value, int | float) and 1 < value <= 100
    below_1 = ctx.get("le", ctx.get("lt", math.inf)) <= 1
    return f"; for {value:g} % write {value / 100:g}" if percent and below_1 else ""


def _keys(annotation: Any, path: Path_) -> list[str]:
    """Names of the keys that the schema knows at `path` below a record, a list or a mapping."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        fields = annotation.model_fields
        if not path:
            return [info.alias or name for name, info in fields.items()]
        return _keys(fields[path[0]].annotation, path[1:]) if path[0] in fields else []
    inside = get_args(annotation)
    if get_origin(annotation) in (dict, list):
        return _keys(inside[-1], path[1:])
    return next(filter(None, (_keys(each, path) for each in inside)), [])
