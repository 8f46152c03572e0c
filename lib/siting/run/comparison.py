"""What changed between two summaries of a report, in words, the most important first.

A summary is the content of summary.json. A change of the recommendation comes before one of a
verdict, that before one of a figure. Among figures, an option's own (its cost, its GPUs) come
before their parts, those whose ranges no longer touch before the others, and large relative
changes before small ones.
"""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from babel.numbers import is_currency

from siting.formats import NONE, Numbers
from siting.quantity import Range
from siting.show import style

PARTS = {
    "recommendation": "Recommendation",
    "verdict": "Verdicts and flip points",
    "result": "Results",
    "warning": "Warnings",
    "input": "Inputs of the client",
    "fact": "Facts",
    "kit": "The kit itself",
}
"""Parts of a summary, the most important first, with their headings."""
_PART = {
    "recommendation": "recommendation", "warnings": "warning", "client": "input",
    "weights": "input", **dict.fromkeys(("schema_version", "version", "seed", "units"), "kit"),
}  # fmt: skip
"""Part of what stands under a key at the top; the rest are results, or verdicts by their name."""
_NAMES = ("id", "name", "kind", "subject", "option", "model", "owner", "day")
"""Keys that tell the records of a list apart; the first two do so alone."""
_OPTIONS = {"option", "baseline", "subject", "to", "against"}
"""Keys whose values name an option."""
_HEADLINE_DEPTH = 4
"""Keys from the top to a figure of an option as a whole, such as options.api.cost.present_cost."""
_WORDS = {
    "ttft_s": "time to first token", "tpot_ms": "time per token", "irr": "internal rate of return",
    "p50": "median", "p95": "95th percentile", "p99": "99th percentile", "kv_pool": "KV cache pool",
    "kv_cache": "KV cache", "npv_against_baseline": "net present value against today",
    "npv_spread": "net present value against today, range", "tensor_parallel": "tensor parallelism",
    "present_cost_spread": "present cost, range", "struck": "ruled out by", "to": "goes to",
    "not_cleared": "still open", "gpus_by_year": "GPUs", "replicas_by_year": "replicas",
    "servers_by_year": "servers", "gpu": "GPU", "gpus": "GPUs", "npv": "net present value",
    "recommendation.share": "share of cases in which it ranks first",
    "recommendation.leaving": "share of cases in which it beats what runs today",
}  # fmt: skip
"""Names of summary.json that are no words when their underscores are spaces."""

Key = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that differs; `before` or `after` is None where it is new or gone."""

    part: str
    name: str
    before: Any
    """A figure as a `Range`, or words."""
    after: Any
    depth: int = 0
    """Keys that lead to it: an option's own figures are less deep than their parts."""

    @property
    def ratio(self) -> float | None:
        """After over before, of two figures of one sign and unit; None otherwise."""
        old, new = self.before, self.after
        if not (isinstance(old, Range) and isinstance(new, Range)) or old.unit != new.unit:
            return None
        return new.central / old.central if old.central * new.central > 0 else None

    @property
    def apart(self) -> bool:
        """Two ranges that do not touch: a change beyond the uncertainty that they state.

        False where neither has a range: an exact figure does not say how sure it is.
        """
        old, new = self.before, self.after
        if not (isinstance(old, Range) and isinstance(new, Range)):
            return False
        return not (old.is_exact and new.is_exact) and (old.high < new.low or new.high < old.low)

    @property
    def rank(self) -> tuple[int, bool, bool, float, str]:
        """Sorts changes, the most important first."""
        size = abs(math.log(self.ratio)) if self.ratio else math.inf
        inner = self.depth > _HEADLINE_DEPTH
        minor = inner or (self.part == "recommendation" and self.name != "option")
        return (list(PARTS).index(self.part), minor, not self.apart, -size, self.name)

    def told(self, numbers: Numbers) -> tuple[str, str, str, str]:
        """What differs, before, after, and by how much, in words."""
        return (
            self.name, _shown(self.before, numbers), _shown(self.after, numbers),
            _by(self.ratio, numbers) + ("; the ranges do not touch" if self.apart else ""),
        )  # fmt: skip

    def sentence(self, numbers: Numbers) -> str:
        """The change in one line."""
        name, before, after, by = self.told(numbers)
        if self.part == "warning":
            return f"{name}: {'new' if self.before is None else 'gone'}"
        if self.before is None:
            return f"{name}: new, {after}"
        if self.after is None:
            return f"{name}: gone, was {before}"
        return f"{name}: from {before} to {after}{', ' * bool(by)}{by}"

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting diff --json`."""
        said = {name: getattr(self, name) for name in ("part", "name", "before", "after", "ratio")}
        return said | {"ranges_apart": self.apart}


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every difference between two summaries, the most important first."""
    old, new = dict(_flat(before)), dict(_flat(after))
    labels = {**_labels(before), **_labels(after)}
    changes = (
        Change(
            _part(path, old.get(path, new.get(path))),
            _name(path, labels),
            _plain(path, old.get(path), before, labels),
            _plain(path, new.get(path), after, labels),
            len(path),
        )
        for path in {**old, **new}
        if _bare(old.get(path)) != _bare(new.get(path))
    )
    return tuple(sorted(changes, key=lambda c: c.rank))


def numbers_of(summary: Mapping[str, Any]) -> Numbers:
    """Writes numbers as the summary's client does."""
    client = summary.get("client")
    said = client if isinstance(client, dict) else {}
    return Numbers(str(said.get("country", "")), str(said.get("currency", "")))


def as_text(
    changes: Sequence[Change], before: str, after: str, numbers: Numbers, most: int | None = None
) -> str:
    """The changes as lines under headings, at most `most` of each kind."""
    lines = [f"{before} → {after}"]
    if not changes:
        return f"{lines[0]}: nothing changed"
    for heading, found in _grouped(changes):
        lines += ["", f"{heading} ({len(found)})"]
        lines += [f"  {c.sentence(numbers)}" for c in found[:most]]
        if most is not None and len(found) > most:
            lines.append(f"  … and {len(found) - most} smaller ones (--all shows them)")
    return "\n".join(lines)


def as_html(changes: Sequence[Change], before: str, after: str, numbers: Numbers) -> str:
    """The changes as a page that needs no other file."""
    groups, title = list(_grouped(changes)), f"{before} → {after}"
    return style.template("changes.html.j2").render(title=title, groups=groups, numbers=numbers)


def _grouped(changes: Sequence[Change]) -> Iterator[tuple[str, list[Change]]]:
    for part, found in itertools.groupby(changes, lambda c: c.part):
        yield PARTS[part], list(found)


def _shown(value: Any, numbers: Numbers) -> str:
    if not isinstance(value, Range):
        return NONE if value is None else str(value)
    whole = all(v == int(v) for v in (value.low, value.central, value.high))
    return numbers.range(value, 0 if whole and not is_currency(value.unit[:3]) else None)


def _by(ratio: float | None, numbers: Numbers) -> str:
    if ratio is None or abs(ratio - 1) < 0.0005:
        return ""
    if ratio >= 3:
        return f"{numbers.number(ratio)} times as much"
    return f"{numbers.percent(abs(ratio - 1), 1)} {'more' if ratio > 1 else 'less'}"


# --- A summary as flat lines --------------------------------------------------------------------


def _flat(value: Any, path: Key = ()) -> Iterator[tuple[Key, Any]]:
    """Leaves of a summary; records of a list are told apart by their name, not their place."""
    if isinstance(value, dict) and not _is_figure(value) and (path[:1], len(path)) != _INPUT:
        for key, inner in value.items():
            yield from _flat(inner, (*path, str(key)))
    elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
        seen = Counter[str]()
        for place, inner in enumerate(value):
            name = _called(inner, place)
            seen[name] += 1
            yield from _flat(inner, (*path, f"{name} ({seen[name]})" if seen[name] > 1 else name))
    elif isinstance(value, list) and path == ("warnings",):
        yield from (((*path, str(text)), str(text)) for text in value)
    else:
        yield path, value


_INPUT = (("inputs",), 2)
"""Path and depth of an input, which is one thing with its value and its source."""


def _called(record: Any, place: int) -> str:
    if not isinstance(record, dict):
        return str(place + 1)
    named = [str(record[k]) for k in _NAMES if isinstance(record.get(k), str | int)]
    alone = "id" in record or "name" in record
    return " ".join(named[:1] if alone else named) or str(place + 1)


def _labels(summary: Mapping[str, Any]) -> dict[str, str]:
    """Options by their name in the scenario, as a reader knows them."""
    options = summary.get("options")
    found = options.items() if isinstance(options, dict) else ()
    return {name: str(o["label"]) for name, o in found if isinstance(o, dict) and "label" in o}


def _name(path: Key, labels: Mapping[str, str]) -> str:
    """The way to a leaf in words, without the section that the heading says."""
    if path[0] in ("inputs", "warnings"):
        return " · ".join(path[1:]) or path[0]
    words = []
    for above, part in itertools.pairwise(("", *path)):
        if part.isdecimal() and above.endswith("_by_year"):
            words.append(f"year {part}")
        elif above in ("options", "quality", "resilience", "flip_points", "volume_winners"):
            words.append(" ".join(labels.get(w, w) for w in part.split(" ")))
        else:
            plain = _WORDS.get(part, part.replace("_", " "))
            words.append(_WORDS.get(f"{above}.{part}", plain))
    said = path[0] in ("options", "recommendation") and len(path) > 1
    return " · ".join(words[said:])


def _part(path: Key, value: Any) -> str:
    if path[0] == "inputs":
        said = value if isinstance(value, dict) else {}
        source = said.get("source")
        kind = said.get("kind") or (source.get("kind") if isinstance(source, dict) else "")
        return "input" if kind in ("client", "measured") else "fact"
    judged = any("verdict" in part or "flip" in part for part in path)
    return _PART.get(path[0]) or ("verdict" if judged else "result")


def _bare(value: Any) -> Any:
    """What of a leaf counts as a change: of an input its value, not where it comes from. Yes and
    one are two things."""
    if isinstance(value, dict) and not _is_figure(value):
        return value.get("value", value)
    return (isinstance(value, bool), value)


def _plain(path: Key, value: Any, summary: Mapping[str, Any], labels: Mapping[str, str]) -> Any:
    """A leaf as a figure with its unit, or as words; None where there is none."""
    said, units = value if isinstance(value, dict) else {}, summary.get("units") or {}
    stated = next((units[key] for key in reversed(path) if key in units), "")
    inner = said.get("value", value)
    figure = _figure(inner, str(said.get("unit") or stated))
    if figure is not None or value is None:
        return figure
    if isinstance(inner, bool):
        return "yes" if inner else "no"
    if isinstance(inner, list):
        return "; ".join(map(str, inner)) or "none"
    if path[-1] in _OPTIONS and inner in labels:
        return labels[inner]
    text = str(inner)
    return (text.replace("_", " ") if re.fullmatch(r"[a-z_]+", text) else text) or "none"


def _figure(value: Any, unit: str) -> Range | None:
    ends = [value[k] for k in ("low", "central", "high")] if _is_figure(value) else [value] * 3
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in ends):
        return None
    if isinstance(value, dict) and (own := str(value.get("unit", ""))):
        unit = "share" if own == "1" else own
    try:
        return Range(ends[0], ends[1], ends[2], unit)
    except (ValueError, OverflowError):  # no range, in a file that something else wrote
        return None


def _is_figure(value: Any) -> bool:
    return isinstance(value, dict) and {"low", "central", "high"} <= value.keys()
