"""What changed between two summaries of a report, the most important first.

A summary is the content of summary.json. A change of the recommendation comes before one of a
verdict, that before one of a figure. Among figures, an option's own (its cost, its GPUs) come
before their parts, those whose ranges no longer touch before the others, and large relative
changes before small ones.
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
_NAMES = ("id", "name", "kind", "subject", "option", "model", "owner", "day")
"""Keys that tell the records of a list apart; the first two do so alone."""
_HEADLINE_DEPTH = 4
"""Keys from the top to a figure of an option as a whole, such as options.api.cost.present_cost."""


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; `before` or `after` is None where it is new or gone."""

    part: Part
    name: str
    before: Any
    after: Any
    depth: int = 0
    """Keys that lead to it: an option's own figures are less deep than their parts."""

    @property
    def ratio(self) -> float | None:
        """After over before, of two figures of one sign; None otherwise."""
        old, new = _central(self.before), _central(self.after)
        if old is None or new is None or old * new <= 0:
            return None
        return new / old

    @property
    def apart(self) -> bool:
        """Two ranges that do not touch: a change beyond the uncertainty that they state.

        False where neither has a range: an exact figure does not say how sure it is.
        """
        old, new = _bounds(self.before), _bounds(self.after)
        if not old or not new or (old[0] == old[1] and new[0] == new[1]):
            return False
        return old[1] < new[0] or new[1] < old[0]

    @property
    def rank(self) -> tuple[int, bool, bool, float, str]:
        """Sorts changes, the most important first."""
        size = abs(math.log(self.ratio)) if self.ratio else math.inf
        inner = self.depth > _HEADLINE_DEPTH
        minor = inner or (self.part == "recommendation" and not self.name.endswith("option"))
        return (PARTS.index(self.part), minor, not self.apart, -size, self.name)

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
            _part(p, old.get(p, new.get(p))),
            _name(p),
            _plain(old.get(p)),
            _plain(new.get(p)),
            len(p),
        )
        for p in {**old, **new}
        if not _same(old.get(p), new.get(p))
    )
    return tuple(sorted(changes, key=lambda c: c.rank))


def as_text(changes: tuple[Change, ...], before: str, after: str, most: int | None = None) -> str:
    """The changes as lines under headings, at most `most` of each kind."""
    lines = [f"{before} → {after}"]
    if not changes:
        return f"{lines[0]}: nothing changed"
    for part, found in _grouped(changes):
        lines += ["", f"{HEADINGS[part]} ({len(found)})", *(f"  {c}" for c in found[:most])]
        if most is not None and len(found) > most:
            lines.append(f"  … and {len(found) - most} smaller ones (--all shows them)")
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
    central = f"{_digits(_central(value) or 0.0)}{unit}"
    return central if low == high else f"{central} ({_digits(low)} to {_digits(high)})"


def _digits(value: float) -> str:
    """Four significant digits, large numbers written out."""
    short = float(f"{value:.4g}")
    return f"{short:,.0f}" if abs(short) >= 10_000 else f"{short:,.4g}"


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
    if not isinstance(record, dict):
        return str(position + 1)
    named = [str(record[k]) for k in _NAMES if isinstance(record.get(k), str | int)]
    alone = "id" in record or "name" in record
    return " ".join(named[:1] if alone else named) or str(position + 1)


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
    return "input" if top in ("client", "weights") else "result"


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
