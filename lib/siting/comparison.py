"""What changed between two summaries of a report, the most important first.

A summary is the content of summary.json. A change of the recommendation comes before one of a
verdict, that before one of a figure; among figures, those whose ranges no longer touch come
first, then the larger relative change.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Part = Literal["recommendation", "verdict", "result", "warning", "input", "fact", "kit"]
PARTS: tuple[Part, ...] = (
    "recommendation",
    "verdict",
    "result",
    "warning",
    "input",
    "fact",
    "kit",
)
HEADINGS: dict[Part, str] = {
    "recommendation": "Recommendation",
    "verdict": "Verdicts and flip points",
    "result": "Results",
    "warning": "Warnings",
    "input": "Inputs of the client",
    "fact": "Facts",
    "kit": "The kit itself",
}
_KIT = {"schema_version", "version", "kit_version", "siting_version", "seed"}
_NAMES = ("id", "name", "option", "rule_id", "rule", "criterion", "path", "title", "vendor")


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; `before` or `after` is None where it is new or gone."""

    part: Part
    name: str
    before: Any
    after: Any

    @property
    def ratio(self) -> float | None:
        """After over before, of two figures of one sign; None otherwise."""
        old, new = _central(self.before), _central(self.after)
        if old is None or new is None or old * new <= 0:
            return None
        return new / old

    @property
    def apart(self) -> bool:
        """The two ranges do not touch: more than the uncertainty that both state."""
        old, new = _bounds(self.before), _bounds(self.after)
        return bool(old and new and (old[1] < new[0] or new[1] < old[0]))

    @property
    def rank(self) -> tuple[int, int, float, str]:
        """Sorts changes, the most important first."""
        size = abs(math.log(self.ratio)) if self.ratio else math.inf
        return (PARTS.index(self.part), 0 if self.apart else 1, -size, self.name)

    def __str__(self) -> str:
        if self.before is None:
            return f"{self.name}: new, {shown(self.after)}"
        if self.after is None:
            return f"{self.name}: gone, was {shown(self.before)}"
        text = f"{self.name}: {shown(self.before)} → {shown(self.after)}"
        if self.ratio and abs(self.ratio - 1) >= 0.0005:
            text += f" ({self.ratio - 1:+.1%}{', ranges do not touch' if self.apart else ''})"
        return text

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting diff --json`."""
        return {
            "part": self.part,
            "name": self.name,
            "before": self.before,
            "after": self.after,
            "ratio": self.ratio,
            "ranges_apart": self.apart,
        }


def compare(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    """Every difference between two summaries, the most important first."""
    old, new = dict(_flat(before)), dict(_flat(after))
    changes = (
        Change(
            _part(path, old.get(path) or new.get(path)),
            _name(path),
            _plain(old.get(path)),
            _plain(new.get(path)),
        )
        for path in {**old, **new}
        if not _same(old.get(path), new.get(path))
    )
    return tuple(sorted(changes, key=lambda c: c.rank))


def as_text(changes: tuple[Change, ...], before: str, after: str) -> str:
    """The changes as lines under headings."""
    lines = [f"{before} → {after}"]
    if not changes:
        return f"{lines[0]}: nothing changed"
    for part, found in _grouped(changes):
        lines += ["", f"{HEADINGS[part]} ({len(found)})", *(f"  {c}" for c in found)]
    return "\n".join(lines)


def as_html(changes: tuple[Change, ...], before: str, after: str, page: str) -> str:
    """The changes as a page that needs no other file. `page` is the template."""
    rows = []
    for part, found in _grouped(changes):
        rows.append(f"<h2>{HEADINGS[part]} ({len(found)})</h2>")
        rows.append("<table><thead><tr><th>What</th><th>Before</th><th>After</th>")
        rows.append("<th>Change</th></tr></thead><tbody>")
        for c in found:
            share = f"{c.ratio - 1:+.1%}" if c.ratio else ""
            cells = (c.name, shown(c.before), shown(c.after), share)
            mark = ' class="apart"' if c.apart else ""
            rows.append(f"<tr{mark}>" + "".join(f"<td>{html.escape(x)}</td>" for x in cells))
            rows.append("</tr>")
        rows.append("</tbody></table>")
    body = "\n".join(rows) or "<p>Nothing changed.</p>"
    title = html.escape(f"{before} → {after}")
    return page.replace("{{title}}", title).replace("{{body}}", body)


def shown(value: Any) -> str:
    """A value in a few words: a figure with its range and unit, or the text itself."""
    if value is None:
        return "–"
    figure = _bounds(value)
    if figure is None:
        return str(value)
    low, high = figure
    unit = f" {value['unit']}" if isinstance(value, dict) and value.get("unit") else ""
    central = f"{_central(value):,.4g}{unit}"
    return central if low == high else f"{central} ({low:,.4g} to {high:,.4g})"


# --- A summary as flat lines --------------------------------------------------------------------

Key = tuple[str, ...]


def _flat(value: Any, path: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Leaves of a summary; records of a list are told apart by their name, not their place."""
    if path[:1] == ("inputs",) and len(path) == 2:
        yield path, value
    elif isinstance(value, dict) and not _is_figure(value):
        for key, inner in value.items():
            yield from _flat(inner, (*path, str(key)))
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        for i, inner in enumerate(value):
            yield from _flat(inner, (*path, _called(inner, i)))
    elif isinstance(value, list) and path[:1] == ("warnings",):
        for text in value:
            yield (*path, str(text)), str(text)
    else:
        yield path, ", ".join(map(str, value)) if isinstance(value, list) else value


def _called(record: Any, position: int) -> str:
    if isinstance(record, dict):
        for key in _NAMES:
            if isinstance(record.get(key), str):
                return str(record[key])
    return str(position + 1)


def _name(path: Key) -> str:
    start = 1 if path[0] in ("inputs", "options", "warnings") and len(path) > 1 else 0
    return " · ".join(p.replace("_", " ") for p in path[start:])


def _part(path: Key, value: Any) -> Part:
    top = path[0]
    if top == "inputs":
        kind = value.get("kind") if isinstance(value, dict) else ""
        source = value.get("source") if isinstance(value, dict) else None
        kind = kind or (source.get("kind") if isinstance(source, dict) else "")
        return "input" if kind in ("client", "measured") else "fact"
    if top in _KIT:
        return "kit"
    if "recommend" in top or (top == "decision" and "recommend" in path[-1]):
        return "recommendation"
    if top == "warnings":
        return "warning"
    if any("verdict" in p or "flip" in p for p in path):
        return "verdict"
    return "input" if top in ("client", "scenario") else "result"


def _plain(value: Any) -> Any:
    """An input record as the figure that it holds."""
    if isinstance(value, dict) and isinstance(value.get("value"), dict | int | float | str):
        inner = value["value"]
        if isinstance(inner, int | float) and value.get("unit"):
            return {"low": inner, "central": inner, "high": inner, "unit": value["unit"]}
        return inner
    return value


def _same(old: Any, new: Any) -> bool:
    return bool(_plain(old) == _plain(new) and type(old) is type(new))


def _is_figure(value: Any) -> bool:
    return isinstance(value, dict) and {"low", "central", "high"} <= value.keys()


def _bounds(value: Any) -> tuple[float, float] | None:
    if _is_figure(value):
        low, high = value["low"], value["high"]
        return (
            (low, high) if isinstance(low, int | float) and isinstance(high, int | float) else None
        )
    if isinstance(value, int | float) and not isinstance(value, bool):
        return (value, value)
    return None


def _central(value: Any) -> float | None:
    bounds = _bounds(value)
    if bounds is None:
        return None
    return float(value["central"]) if isinstance(value, dict) else float(value)


def _grouped(changes: tuple[Change, ...]) -> Iterator[tuple[Part, list[Change]]]:
    for part in PARTS:
        found = [c for c in changes if c.part == part]
        if found:
            yield part, found
