"""What a report asserts: its titles of options, its sentences of what follows a model; about whom,
in which measure, with which sign.

A title that names no option speaks of the chosen one. Titles that say what would be, rather than
what is, assert nothing here; so do titles of two subjects of which none is the grammatical one.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

HYPOTHETICAL = re.compile(
    r"\b(?:[Ii]f|would|could|can turn|may|above|below|unless|until|not certain|[Ww]hy|[Ww]hat)\b"
)
"""Words of a title that tell what might be."""
MEASURES: dict[str, tuple[str, str]] = {
    "first": (
        r"comes? first|is first|ranks first|stays ahead|scores highest",
        r"does not come first|is not first|comes? (?:second|last)|falls behind",
    ),
    "cost": (
        r"\d less than|costs? less|cheaper|saves",
        r"\d more than|costs? more|dearer",
    ),
    "allowed": (
        r"may be chosen|is allowed|breaks no rule|is cleared",
        r"is ruled out|is struck|fails? a rule|is not cleared",
    ),
    "limits": (
        r"limits hold for|within your limits",
        r"limits do not hold|outside your limits|miss(?:es)? your limits",
    ),
    "quality": (
        r"as good as|within your margin",
        r"worse than|not yet shown|no test shows|below your floor",
    ),
    "data": (
        r"data (?:but .*)?stay (?:in|on)|no data leaves?",
        r"data leaves?",
    ),
}
"""By measure, what asserts it and what denies it."""
DENIED = re.compile(r"\b(?:not|no longer|never|except)\b")
TIMES = re.compile(r"([\d.]+) (?:\([^)]*\) )?times")
INSTEAD = re.compile(r"([\d.]+)(?: million)? instead of [^\d]*([\d.]+)")
DEARER = re.compile(r"dearer|costs? more")
CHEAPER = re.compile(r"cheaper|costs? less")
LIVE = re.compile(r"(?:go live|live from|in service)(?: about| in| from)? (.{6,20}?\d{4})")


@dataclass(frozen=True, kw_only=True)
class Claim:
    """What one title says of one subject in one measure."""

    title: str
    subject: str
    measure: str
    sign: str
    """`+` or `-`, or what is said where the measure has no sign, such as a day."""


def of_page(page: str) -> list[str]:
    """Titles of the body of a report in HTML: answers of chapters, those of figures and tables."""
    body = page.partition('class="chapter appendix"')[0]
    found = re.findall(
        r"<h2\b[^>]*>(.*?)</h2>|<figcaption>(.*?)(?:<span|</figcaption>)", body, re.S
    )
    plain = (re.sub(r"<[^>]*>", " ", a or b) for a, b in found)
    return [" ".join(html.unescape(text).split()) for text in plain]


def claims(titles: Iterable[str], options: Sequence[str], chosen: str) -> list[Claim]:
    """What titles assert. options: labels, of which the one that stands first is the subject."""
    made = []
    for title in titles:
        said = re.sub(r"^(?:Figure|Table|What if) \d* *", "", title)
        for clause in re.split(r"[;:]|, and |, but ", said):
            if not HYPOTHETICAL.search(clause):
                made += _of_clause(title, clause, options, chosen)
    return made


def _of_clause(title: str, clause: str, options: Sequence[str], chosen: str) -> list[Claim]:
    places = {clause.find(name): name for name in options if name in clause}
    subject = places[min(places)] if places else chosen
    made = []
    for measure, (asserted, denied) in MEASURES.items():
        if re.search(denied, clause):
            sign = "-"
        elif re.search(asserted, clause):
            sign = "-" if DENIED.search(clause) else "+"
        else:
            continue
        made.append(Claim(title=title, subject=subject, measure=measure, sign=sign))
    for day in LIVE.findall(clause):
        made.append(Claim(title=title, subject=subject, measure="live", sign=day))
    return made


def of_successors(page: str, models: Iterable[str]) -> list[Claim]:
    """What sentences of a report in HTML say of the price after a model's end: dearer or cheaper.

    models: as a person says them; the first that a sentence names is its subject.
    """
    told = []
    names = sorted(models, key=len, reverse=True)
    for paragraph in re.findall(r"<p\b[^>]*>(.*?)</p>", page, re.S):
        plain = " ".join(html.unescape(re.sub(r"<[^>]*>", "", paragraph)).split())
        for sentence in re.split(r"(?<=[^\d]\.) (?=[A-Z])", plain):
            places = {sentence.find(name): name for name in names if name in sentence}
            sign = _dearer(sentence)
            if places and sign:
                subject = places[min(places)]
                told.append(Claim(title=sentence, subject=subject, measure="price", sign=sign))
    return told


def _dearer(sentence: str) -> str:
    """Whether a sentence says dearer (`-`), cheaper (`+`), as dear (`=`), or nothing of it."""
    ratios = [float(found) for found in TIMES.findall(sentence)]
    ratios += [float(then) / float(now) for then, now in INSTEAD.findall(sentence)]
    if DEARER.search(sentence) or any(ratio > 1 for ratio in ratios):
        return "-"
    if CHEAPER.search(sentence) or any(ratio < 1 for ratio in ratios):
        return "+"
    return "=" if ratios else ""


def contradictions(found: Sequence[Claim]) -> list[tuple[Claim, Claim]]:
    """Pairs of claims about one subject in one measure that say different things; and two options
    of which both are said to be first."""
    apart = [
        (a, b)
        for a, b in combinations(found, 2)
        if (a.subject, a.measure) == (b.subject, b.measure) and a.sign != b.sign
    ]
    leaders = [claim for claim in found if claim.measure == "first" and claim.sign == "+"]
    apart += [(a, b) for a, b in combinations(leaders, 2) if a.subject != b.subject]
    return apart
