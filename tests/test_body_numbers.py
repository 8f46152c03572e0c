"""Every number that the body prints stands in summary.json."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from printed import exhibits
from shown import Shown, body
from siting_report.formats import Numbers
from studies import FEW, opened

MONTHS = "January|February|March|April|May|June|July|August|September|October|November|December"
DATES = re.compile(
    rf"\d{{1,2}} (?:{MONTHS})(?: \d{{4}})?|(?:{MONTHS})(?: \d{{1,2}},)? \d{{4}}"
    rf"|(?:{MONTHS}) \d{{1,2}}|\d{{4}}-\d\d-\d\d|(?<=, )(?:19|20)\d\d$"
)
NUMBER = r"[−+]?\d+(?:\.\d+)?"
MONEY = re.compile(
    rf"[−+]?(?:€|£|\$|CHF)\s?(?P<first>{NUMBER})(?: to (?P<second>{NUMBER}))?(?P<word>\s?million)?"
    rf"(?: \((?P<low>{NUMBER}) to (?P<high>{NUMBER})\))?"
)
BARE = re.compile(
    rf"(?<![\w.\-/])(?P<value>{NUMBER})(?P<word>%| of 100\b| million\b)?(?!\w|\.\d|-\w)"
)

FIXED = (
    # Words of ours that stand in every report: what a mark means, how a scale is cut.
    r"[Pp]oints of 100|of 100\b(?= other| without|\s*$)|95% interval|from 0 to 1",
    r"older than 90 days|90 days or less",
    r"Median to 99 of 100, dot: 95",
    r"means in .* no other option",  # what a word such as "likely" means
    # Counts of what is drawn or listed beside them.
    r"\d+ of \d+ (?:changes|comparisons|models|principles)|(?<=and )\d+ more(?=:)",
    # Names with digits of their own.
    r"(?:Gemma|Sonnet|Small|Medium) \d(?:\.\d)?|ISO/IEC \d+",
)
"""What no section has to hold, and why."""

HOMES: Mapping[str, tuple[str, ...]] = {
    "answer": ("recommendation", "cash_gap", "gate", "money_terms"),
    "board_scores": ("quality",),
    "costs": ("options",),
    "parities": ("quality",),
    "pools": ("options",),
    "principles": ("recommendation",),
    "points": ("rule_points",),
    "steps": ("plan", "plan_lines", "gates"),
    "tests": ("recommendation",),
    "variants": ("variants", "turns"),
    "sums": ("options", "recommendation", "exclusions"),
}
"""Sections that hold a frame which has none of its own name under `shown`."""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """A number as it is printed.

    kind: money, share (a percentage, or of 100) or other. half: a half of its last digit.
    """

    text: str
    kind: str
    value: float
    half: float


@dataclass(frozen=True, kw_only=True)
class Held:
    """A number of summary.json."""

    section: str
    value: float
    unit: str


def printed_in(text: str) -> Iterator[Printed]:
    """The numbers of a text that sets thousands apart by nothing."""
    for found in MONEY.finditer(text):
        scale = 1e6 if found["word"] else 1.0
        # Both ends of a span are rounded alike: as the larger one is.
        second = _printed(found["second"], "money", scale).half if found["second"] else 0.0
        for name in ("first", "second", "low", "high"):
            if found[name]:
                number = _printed(found[name], "money", scale)
                yield replace(number, half=max(number.half, second))
    for found in BARE.finditer(MONEY.sub(" ", text)):
        million = found["word"] == " million"
        kind = "share" if found["word"] and not million else "other"
        yield _printed(found["value"], kind, 1e6 if million else 1.0)


def _printed(said: str, kind: str, scale: float) -> Printed:
    value = float(said.strip("−+")) * scale
    half = scale * 0.5 * 10.0 ** -len(said.partition(".")[2])
    if kind == "money" and scale == 1:
        half = _half_of(value, half)
    return Printed(text=said, kind=kind, value=value, half=half)


def _half_of(money: float, half: float) -> float:
    """Half of what an amount is rounded to: from a thousand on to full hundreds, or thousands."""
    if money < 1000 or money % 100:
        return half
    return max(half, 500.0 if money % 1000 == 0 and money >= 10_000 else 50.0)


def held_by(content: Mapping[str, Any]) -> list[Held]:
    """Every number of a summary with its unit."""
    units = content["units"]

    def found(value: Any, section: str, unit: str) -> Iterator[Held]:
        if isinstance(value, dict):
            own = str(value.get("unit", unit))
            for key, inner in value.items():
                yield from found(inner, section, str(units.get(key, own)))
        elif isinstance(value, list):
            for inner in value:
                yield from found(inner, section, unit)
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield Held(section=section, value=float(value), unit=unit)

    sections = {**content, **content["shown"]}
    del sections["shown"]
    return [held for name, value in sections.items() for held in found(value, name, "")]


def blanks(text: str) -> str:
    """A text in one line."""
    return re.sub(r"[ \n]+", " ", text)


def words_of(value: Any) -> Iterator[str]:
    """The texts of a summary that hold a digit."""
    inside: Iterable[Any] = ()
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    elif isinstance(value, str) and len(value) > 5 and re.search(r"\d", value):
        yield blanks(value)
    for inner in inside:
        yield from words_of(inner)


def clauses_of(words: Iterable[str]) -> Iterator[str]:
    """Texts, and their parts between semicolons and sentences, as a chapter may begin and end them,
    that hold a digit."""
    for word in words:
        for part in (word, *re.split(r"; |(?<=[a-z)][.?]) (?=[A-Z])", word)):
            for cut in (part, part.rstrip("."), re.sub(r" \(.*\)$", "", part)):
                if re.search(r"\d", cut) and len(cut) > 5:
                    yield cut
                    yield cut[:1].upper() + cut[1:]


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Looks numbers of exhibits up in one summary."""

    held: list[Held]
    words: list[str]
    cited: frozenset[str]
    """Numbers in the citations of what is open: articles, sections, acts."""
    numbers: Numbers

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Reader":
        client = content["client"]
        words = sorted(set(clauses_of(words_of(content))), key=len, reverse=True)
        numbers = Numbers(client["country"], client["currency"])
        laws = " ".join(point["provisions"] for point in content["shown"]["rule_points"])
        cited = frozenset(n.text for n in printed_in(laws))
        return cls(held=held_by(content), words=words, cited=cited, numbers=numbers)

    def plain(self, text: str) -> str:
        """A text without words that stand in the summary, days, and what is fixed; thousands are
        set apart by nothing."""
        said = blanks(text)
        for known in self.words:
            if known in said:  # and no end of a longer number: `60 000` of `160 000`
                said = re.sub(rf"(?<!\d){re.escape(known)}", "·", said)
        said = re.sub(rf"(?<=\d){self.numbers.separator}(?=\d{{3}})", "", said)
        for pattern in (DATES, *map(re.compile, FIXED)):
            said = pattern.sub("·", said)
        return said

    def missing(self, exhibit: Shown) -> list[str]:
        """Numbers of an exhibit that its frames hold in no section."""
        homes = {home for frame in exhibit.frames for home in HOMES.get(frame, (frame,))}
        if exhibit.kind in ("say", "answers"):  # sentences speak of everything
            homes = {held.section for held in self.held}
        held = [h for h in self.held if h.section in homes]
        cited = self.cited if "rule_points" in homes and exhibit.kind == "table" else frozenset()
        scales = self.scales(exhibit)
        return [
            f"{number.text} of {text!r}"
            for text in exhibit.texts
            for number in printed_in(self.plain(text))
            if number.text not in cited and not any(self._is(number, h, scales) for h in held)
        ]

    def scales(self, exhibit: Shown) -> list[float]:
        """What bare numbers of an exhibit are multiples of, where its units say that they are
        money: `€ thousand`, `EUR million`, or the sign alone."""
        sign = re.escape(self.numbers.sign(self.numbers.currency).strip())
        money = rf"(?:\b{self.numbers.currency}|{sign})"
        sizes = {"million": 1e6, "thousand": 1e3}
        whole = " ".join(exhibit.texts)
        found = [size for word, size in sizes.items() if re.search(rf"{money} {word}\b", whole)]
        if exhibit.kind == "table" and re.search(rf"{sign}(?!\s?[−\d]| thousand| million)", whole):
            found.append(1.0)
        return found

    def _is(self, number: Printed, held: Held, scales: Iterable[float]) -> bool:
        """Whether a number is what is held, as it is rounded."""
        value = abs(held.value)
        half = 1.000001 * number.half
        if held.unit.startswith(self.numbers.currency):
            if number.kind == "other":
                return any(
                    abs(value - scale * number.value)
                    <= _half_of(scale * number.value, scale * half)
                    for scale in scales
                )
            return number.kind == "money" and abs(value - number.value) <= half
        if number.kind == "money":
            return False
        is_share = held.unit in ("1", "share", "per year")
        if is_share and abs(100 * value - number.value) <= half:
            return True
        if held.unit == "tokens/min":  # a limit is asked for in three digits
            return abs(value - number.value) <= 0.005 * value
        # Times below a second are told in ms.
        if held.unit == "s" and value < 1 and abs(1000 * value - number.value) <= half:
            return number.kind == "other"
        return (number.kind == "other" or not is_share) and abs(value - number.value) <= half


@pytest.mark.parametrize("client", FEW)
def test_every_number_of_the_body_stands_in_the_summary(client):
    reader = Reader.of(opened(client).summary())
    page_one, *others = (exhibits(chapter, client) for chapter in body())
    shown = [*page_one, *(exhibit for page in others for exhibit in page)]
    charts = [exhibit for exhibit in shown if exhibit.kind == "chart"]
    assert len(charts) > 5 and len(shown) - len(charts) > 15
    assert sum(len([*printed_in(reader.plain(t))]) for e in page_one for t in e.texts) > 4
    assert [missed for exhibit in shown for missed in reader.missing(exhibit)] == []
