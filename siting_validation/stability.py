"""Would the score have told, on a past day, what the next twelve months brought?

Each case is a vendor on a quarter day. The predictor sees what was public on that day
(`Record.as_of`); the outcome is what became public in the twelve months after it. The score is
set against baselines that cost nothing: the base rate, the number of rows so far (attention), the
rows of the last year, and the size of the vendor.

Leakage rules, each one tested in tests/test_backtest.py:
1. an event counts from the day it was public, a notice from its announcement, a fact or a promise
   from the date of its source; undated sources count only from the day of collection;
2. cases that straddle the day are cut at it: a later ruling cannot soften an earlier event;
3. a vendor enters when its first row was public, not because it later made news;
4. severities are tested under both raters' codings, for neither was blind to what came later;
5. every prediction comes from a model fitted without the vendor it is for; the forward one uses
   only windows that had closed by the day;
6. no half-life, weight or goalpost was chosen on these outcomes, with one exception that is told:
   the interval for notice that no vendor states was narrowed to what platforms give after a first
   run, in which the lifecycle criterion had AUC 0.67 (0.54–0.81).
What no rule mends: the rows were written down in 2026, by people who knew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, lru_cache

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata
from siting.vendors import vendor_score
from siting.vendors.vendor_record import Event, Notice, Record, Vendor, load
from siting.vendors.vendor_score import Term

Array = npt.NDArray[np.float64]

YEAR = dt.timedelta(days=365)
DRAWS = 2000
"""Bootstrap resamples of vendors."""
EVENT_DAYS = tuple(dt.date(year, month, 1) for year in (2024, 2025) for month in (1, 4, 7, 10))[:7]
"""Quarter days of the event tests: the last window ends before the log thins out (July 2026)."""
NOTICE_DAYS = tuple(dt.date(y, m, 1) for y in (2024, 2025) for m in (1, 4, 7, 10))
"""Quarter days of the notice tests: retirement pages are complete to autumn 2026."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be foretold, in words and as a rule on the twelve months after a day."""

    key: str
    text: str
    categories: tuple[str, ...]
    """Event categories that count; empty: all."""
    min_severity: int
    criterion: str
    """Criterion whose own score is tested against it; empty: the whole score."""


OUTCOMES = (
    Outcome("any_severe", "any adverse event of severity 4 or 5", (), 4, ""),
    Outcome(
        "governance",
        "leadership or ownership, severity 3 or more",
        ("leadership", "ownership"),
        3,
        "C1",
    ),
    Outcome(
        "legal", "court or regulator, severity 3 or more", ("regulatory", "litigation"), 3, "C2"
    ),
    Outcome("finance", "financial trouble, severity 2 or more", ("finance",), 2, "C3"),
    Outcome("price_terms", "price or terms, severity 3 or more", ("price", "terms"), 3, "C5"),
    Outcome(
        "availability_security",
        "outage or security, severity 3 or more",
        ("outage", "security"),
        3,
        "C6",
    ),
)
SHORT_NOTICE = Outcome(
    "short_notice", "a generally available model retired at 90 days’ notice or less", (), 0, "C4"
)


@dataclass(frozen=True, slots=True)
class Bin:
    """One third of the predictions: mean predicted and observed frequency, with its interval."""

    predicted: float
    observed: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure with its 95 % interval, bootstrapped over vendors."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Test:
    """One predictor against one outcome."""

    predictor: str
    auc: Estimate
    brier_skill: Estimate
    """Against the base rate of the other vendors; above zero is better than knowing nothing."""
    forward_skill: float | None
    """The same, fitted only on windows that had closed by the day; None with too few."""
    calibration: tuple[Bin, ...]
    leave_one_out: tuple[float, float]
    """Lowest and highest AUC when one vendor is left out."""

    @property
    def ranks(self) -> bool:
        """Ranks cases better than a coin, beyond doubt at 95 %."""
        return self.auc.low > 0.5

    @property
    def calibrated(self) -> bool:
        """Its probabilities beat the base rate, beyond doubt at 95 %."""
        return self.brier_skill.low > 0


@dataclass(frozen=True, slots=True)
class Panel:
    """All predictors against one outcome."""

    outcome: str
    text: str
    coding: str
    n: int
    vendors: int
    positives: int
    tests: tuple[Test, ...]

    @property
    def base_rate(self) -> float:
        return self.positives / self.n if self.n else 0.0

    def test(self, predictor: str) -> Test:
        return next(t for t in self.tests if t.predictor == predictor)

    @property
    def best_baseline(self) -> Test:
        return max((t for t in self.tests if t.predictor in BASELINES), key=lambda t: t.auc.value)

    @property
    def verdict(self) -> str:
        """In words: does the score rank, do its probabilities help, does it beat counting?"""
        own, best = self.tests[0], self.best_baseline
        if own.auc.high < 0.5:
            return "no skill shown; it ranks the other way round"
        if not own.ranks:
            return "no skill shown"
        above = own.auc.value > best.auc.value
        against = f"{'above' if above else 'not above'} {best.predictor} ({best.auc.value:.2f})"
        if own.calibrated:
            return f"skill shown, {against}"
        return f"ranks better than chance, {against}; probabilities no better than the base rate"

    def as_dict(self) -> dict[str, object]:
        """The shape that `siting validate stability --json` prints."""
        return {
            "outcome": self.text,
            "coding": self.coding,
            "n": self.n,
            "vendors": self.vendors,
            "base_rate": self.base_rate,
            "verdict": self.verdict,
            "predictors": {t.predictor: _as_dict(t) for t in self.tests},
        }


def _as_dict(test: Test) -> dict[str, object]:
    return {
        "auc": asdict(test.auc),
        "brier_skill": asdict(test.brier_skill),
        "forward_brier_skill": test.forward_skill,
        "calibration": [asdict(b) for b in test.calibration],
        "auc_leaving_one_vendor_out": {
            "low": test.leave_one_out[0],
            "high": test.leave_one_out[1],
        },
    }


BASELINES = ("row count", "last-year count", "size", "base rate")


@dataclass(frozen=True, slots=True)
class Case:
    """A vendor on a day: the predictors' values and what followed."""

    vendor: str
    day: dt.date
    values: tuple[float, ...]
    happened: bool


# Statistics


def auc(scores: Array, happened: Array) -> float:
    """Chance that a case where it happened was ranked above one where it did not; ties half.

    Mann–Whitney U over n₁n₀ (Hanley and McNeil 1982, Radiology 143). nan without both kinds.
    """
    hits, misses = int(happened.sum()), int((1 - happened).sum())
    if not hits or not misses:
        return float("nan")
    ranks = rankdata(scores)
    return float((ranks[happened == 1].sum() - hits * (hits + 1) / 2) / (hits * misses))


def fit_logit(x: Array, y: Array) -> tuple[float, float]:
    """Intercept and slope of a one-variable logistic regression, with a weak pull to zero.

    The pull (a unit normal prior on the slope of a standardised predictor) keeps the fit finite
    where a predictor separates a small sample completely.
    """
    beta = np.zeros(2)
    design = np.column_stack([np.ones(len(x)), x])
    prior = np.diag([1e-6, 1.0])
    for _ in range(25):
        p = 1 / (1 + np.exp(-design @ beta))
        weight = p * (1 - p) + 1e-9
        step = np.linalg.solve(
            design.T @ (design * weight[:, None]) + prior, design.T @ (y - p) - prior @ beta
        )
        beta += step
        if np.abs(step).max() < 1e-8:
            break
    return float(beta[0]), float(beta[1])


def _predict(train_x: Array, train_y: Array, x: Array) -> Array:
    """Probabilities for `x` from a logit on the training cases; their base rate if they agree."""
    spread = float(train_x.std())
    if spread == 0 or train_y.min() == train_y.max():
        return np.full(len(x), _base(train_y))
    a, b = fit_logit((train_x - train_x.mean()) / spread, train_y)
    p: Array = 1 / (1 + np.exp(-(a + b * (x - train_x.mean()) / spread)))
    return p


def _base(y: Array) -> float:
    """Base rate with half a case added on each side, so that it is never 0 or 1."""
    return float((y.sum() + 0.5) / (len(y) + 1))


def leave_vendor_out(x: Array, y: Array, vendors: Sequence[str]) -> tuple[Array, Array]:
    """Predicted probability and base rate of each case, from the other vendors alone."""
    names = np.array(vendors)
    p, base = np.zeros(len(x)), np.zeros(len(x))
    for name in set(vendors):
        own = names == name
        p[own] = _predict(x[~own], y[~own], x[own])
        base[own] = _base(y[~own])
    return p, base


def brier_skill(p: Array, base: Array, y: Array) -> float:
    """1 − Brier score of the prediction over that of the base rate; above zero is skill."""
    reference = float(np.mean((base - y) ** 2))
    return 1 - float(np.mean((p - y) ** 2)) / reference if reference else 0.0


def forward_skill(x: Array, y: Array, days: Sequence[dt.date]) -> float | None:
    """Brier skill when each day is predicted from windows that had closed by it."""
    order = np.array([d.toordinal() for d in days])
    p, base, seen = np.zeros(len(x)), np.zeros(len(x)), np.zeros(len(x), dtype=bool)
    for day in sorted(set(order)):
        closed, now = order + YEAR.days <= day, order == day
        if closed.sum() >= 8:
            p[now] = _predict(x[closed], y[closed], x[now])
            base[now] = _base(y[closed])
            seen |= now
    return brier_skill(p[seen], base[seen], y[seen]) if seen.any() else None


def calibration(p: Array, y: Array, bins: int = 3) -> tuple[Bin, ...]:
    """Thirds of the predictions: predicted against observed, with Wilson 95 % intervals."""
    out = []
    for part in np.array_split(np.argsort(p, kind="stable"), bins):
        if len(part):
            low, high = wilson(int(y[part].sum()), len(part))
            out.append(Bin(float(p[part].mean()), float(y[part].mean()), low, high, len(part)))
    return tuple(out)


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson score interval of a proportion (Wilson 1927, JASA 22)."""
    share, zz = hits / n, z * z / n
    half = z * float(np.sqrt(share * (1 - share) / n + zz / (4 * n)))
    return (
        max(0.0, (share + zz / 2 - half) / (1 + zz)),
        min(1.0, (share + zz / 2 + half) / (1 + zz)),
    )


def _interval(draws: Array, central: float) -> Estimate:
    found = draws[np.isfinite(draws)]
    if not np.isfinite(central) or not len(found):
        return Estimate(0.5, 0.0, 1.0)
    low, high = np.percentile(found, [2.5, 97.5])
    return Estimate(central, min(float(low), central), max(float(high), central))


def _resamples(count: int, seed: int = 20261124) -> Array:
    """How often each of `count` vendors is drawn, by bootstrap sample. [DRAWS × count]

    Whole vendors are drawn, for their windows overlap.
    """
    rng = np.random.default_rng(seed)
    return rng.multinomial(count, np.full(count, 1 / count), DRAWS).astype(float)


def _auc_draws(x: Array, y: Array, own: Array, counts: Array) -> Array:
    """AUC of every bootstrap sample: pairs won between vendors, weighted by how often drawn.

    own: which case belongs to which vendor. [cases × vendors]
    """
    hits, misses = y == 1, y == 0
    over, under = x[hits][:, None], x[misses][None, :]
    won = (over > under) + 0.5 * (over == under)
    between = own[hits].T @ won @ own[misses]
    pairs = (counts @ own[hits].sum(axis=0)) * (counts @ own[misses].sum(axis=0))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn: Array = np.einsum("bi,ij,bj->b", counts, between, counts) / pairs
    return drawn


def _skill_draws(p: Array, base: Array, y: Array, own: Array, counts: Array) -> Array:
    """Brier skill of every bootstrap sample."""
    error, reference = (counts @ (own.T @ (q - y) ** 2) for q in (p, base))
    with np.errstate(invalid="ignore", divide="ignore"):
        drawn: Array = 1 - error / reference
    return drawn


def evaluate(cases: Sequence[Case], names: Sequence[str]) -> tuple[Test, ...]:
    """Every predictor against the outcome of the cases. A higher value means more risk."""
    y = np.array([float(c.happened) for c in cases])
    vendors, days = [c.vendor for c in cases], [c.day for c in cases]
    who = sorted(set(vendors))
    own = np.array([[float(v == w) for w in who] for v in vendors])
    counts = _resamples(len(who))
    out = []
    for i, name in enumerate(names):
        x = np.array([c.values[i] for c in cases])
        p, base = leave_vendor_out(x, y, vendors)
        left = [auc(x[keep], y[keep]) for keep in (own == 0).T]
        finite = [a for a in left if np.isfinite(a)]
        out.append(
            Test(
                predictor=name,
                auc=_interval(_auc_draws(x, y, own, counts), auc(x, y)),
                brier_skill=_interval(
                    _skill_draws(p, base, y, own, counts), brier_skill(p, base, y)
                ),
                forward_skill=forward_skill(x, y, days),
                calibration=calibration(p, y),
                leave_one_out=(min(finite, default=0.5), max(finite, default=0.5)),
            )
        )
    return tuple(out)


# Panels


def coded(record: Record, rater: str) -> Record:
    """The record with one rater's severities instead of the decided ones."""
    own = {r.event_id: r.severity for r in record.ratings if r.rater == rater}
    events = tuple(replace_severity(e, own.get(e.event_id, e.severity)) for e in record.events)
    return replace(record, events=events)


def replace_severity(event: Event, severity: int) -> Event:
    return event.model_copy(update={"severity": severity})


def subjects(record: Record) -> tuple[Vendor, ...]:
    """One vendor per company: platforms of a group share their events and would count twice."""
    seen: dict[str, Vendor] = {}
    for v in record.vendors:
        seen.setdefault(v.group or v.vendor, v)
    return tuple(seen.values())


def event_happened(record: Record, vendor: Vendor, day: dt.date, outcome: Outcome) -> bool:
    """Whether an adverse event of the outcome became public in (day, day + 12 months]."""
    return any(
        e.direction == "adverse"
        and e.severity >= outcome.min_severity
        and (not outcome.categories or e.category in outcome.categories)
        and day < e.known_date <= day + YEAR
        for e in record.events_of(vendor)
    )


@lru_cache(maxsize=1024)
def _central(known: Record, vendor: str, day: dt.date) -> tuple[float, Sequence[Term]]:
    """Score and terms at central settings; every outcome asks for the same ones."""
    found = next(v for v in known.vendors if v.vendor == vendor)
    m = vendor_score.method()
    ev = vendor_score.evidence(known, found, day)
    values, terms = vendor_score.losses(ev, m, vendor_score.central(m))
    return float(values[0]), terms


def _risk(known: Record, vendor: Vendor, day: dt.date, criterion: str) -> float:
    """Log loss of the score, or of one criterion's own terms, at central settings."""
    score, terms = _central(known, vendor.vendor, day)
    if not criterion:
        return 100 - score
    return float(sum(t.loss[0] for t in terms if t.criterion == criterion))


def _burden(known: Record, vendor: Vendor, day: dt.date, criterion: str) -> float:
    """Log loss from recorded events alone: nothing for what was not written down."""
    terms = _central(known, vendor.vendor, day)[1]
    wanted = (t for t in terms if t.origin == "event" and criterion in ("", t.criterion))
    return float(sum(t.loss[0] for t in wanted))


def _last_year(known: Record, vendor: Vendor, day: dt.date) -> int:
    recent = [e for e in known.events_of(vendor) if e.known_date > day - YEAR]
    return len(recent) + sum(n.known_date > day - YEAR for n in known.notices_of(vendor))


PREDICTORS = (
    "score",
    "score without exposure correction",
    "row count",
    "last-year count",
    "size",
    "base rate",
)


def event_cases(
    record: Record, outcome: Outcome, days: Sequence[dt.date] = EVENT_DAYS
) -> list[Case]:
    """Cases of an event outcome: vendors with a public row on each quarter day."""
    cases = []
    for day in days:
        known = record.as_of(day)
        for vendor in subjects(record):
            rows = len(known.events_of(vendor)) + len(known.notices_of(vendor))
            if not known.events_of(vendor):
                continue
            values = (
                _risk(known, vendor, day, outcome.criterion),
                _burden(known, vendor, day, outcome.criterion),
                float(np.log1p(rows)),
                float(_last_year(known, vendor, day)),
                float(vendor.size == "large"),
                0.0,
            )
            happened = event_happened(record, vendor, day, outcome)
            cases.append(Case(vendor.vendor, day, values, happened))
    return cases


NOTICE_PREDICTORS = (
    "score",
    "median notice so far",
    "share of short notices so far",
    "row count",
    "last-year count",
    "promised days",
    "size",
    "base rate",
)


def notice_cases(record: Record, days: Sequence[dt.date] = NOTICE_DAYS) -> list[Case]:
    """Cases of the notice outcome: platforms that state days of notice, once they serve models."""
    m, cases = vendor_score.method(), []
    platforms = [v for v in record.vendors if states_notice(record, v)]
    for day in days:
        known = record.as_of(day)
        pool = [n for n in known.notices if n.days is not None and not n.at_launch]
        for vendor in platforms:
            if serving_since(record, vendor) > day:
                continue
            own = [n for n in known.notices_of(vendor) if n.days is not None and not n.at_launch]
            ev = vendor_score.evidence(known, vendor, day)
            values = (
                _risk(known, vendor, day, "C4"),
                -_median_days(own or pool),
                _short_share(own, pool),
                float(np.log1p(len(known.events_of(vendor)) + len(known.notices_of(vendor)))),
                float(_last_year(known, vendor, day)),
                -(vendor_score.promised_days(ev, m) or 0.0),
                float(vendor.size == "large"),
                0.0,
            )
            cases.append(Case(vendor.vendor, day, values, short_notice(record, vendor, day)))
    return cases


def states_notice(record: Record, vendor: Vendor) -> bool:
    """Whether the vendor states days of notice at all, so that the outcome can be seen."""
    return any(n.short is not None for n in record.notices_of(vendor))


def serving_since(record: Record, vendor: Vendor) -> dt.date:
    """First month in which the record shows the platform serving a model."""
    rows = [n.row for n in record.notices_of(vendor)]
    dates = [d for r in rows for d in (r.released, r.announced, r.retired) if len(d) >= 7]
    return dt.date.fromisoformat(f"{min(dates)[:7]}-01") if dates else dt.date.max


def _median_days(notices: Sequence[Notice]) -> float:
    days = [n.days for n in notices if n.days is not None]
    return float(np.median(days)) if days else 90.0


def _short_share(own: Sequence[Notice], pool: Sequence[Notice]) -> float:
    """Share of notices of 90 days or less, drawn to the pooled share by two notices' weight."""
    all_short = [n.short for n in pool if n.short is not None]
    pooled = float(np.mean(all_short)) if all_short else 0.5
    short = [bool(n.short) for n in own if n.short is not None]
    return (sum(short) + 2 * pooled) / (len(short) + 2)


def short_notice(record: Record, vendor: Vendor, day: dt.date) -> bool:
    """Whether a GA retirement at 90 days or less was announced in (day, day + 12 months]."""
    return any(
        n.stage == "ga" and n.short is True and day < n.known_date <= day + YEAR
        for n in record.notices_of(vendor)
    )


def _panel(outcome: Outcome, coding: str, cases: Sequence[Case], names: Sequence[str]) -> Panel:
    return Panel(
        outcome=outcome.key,
        text=outcome.text,
        coding=coding,
        n=len(cases),
        vendors=len({c.vendor for c in cases}),
        positives=sum(c.happened for c in cases),
        tests=evaluate(cases, names),
    )


@cache
def results() -> tuple[Panel, ...]:
    """The tests on the record of `facts/`, worked out once."""
    return run(load())


def run(record: Record) -> tuple[Panel, ...]:
    """Every test: the whole score under three codings, each criterion, and the notices."""
    severe, *others = OUTCOMES
    panels = [
        _panel(severe, "decided", event_cases(record, severe), PREDICTORS),
        _panel(severe, "first rater", event_cases(coded(record, "first"), severe), PREDICTORS),
        _panel(severe, "second rater", event_cases(coded(record, "second"), severe), PREDICTORS),
    ]
    close = replace(record, vendors=tuple(v for v in record.vendors if v.press == "high"))
    cases = event_cases(close, severe)
    panels.append(_panel(severe, "decided, closely followed vendors", cases, PREDICTORS))
    dated = replace(record, events=tuple(e for e in record.events if e.date != "undated"))
    cases = event_cases(dated, severe)
    panels.append(_panel(severe, "decided, dated sources", cases, PREDICTORS))
    panels += [_panel(o, "decided", event_cases(record, o), PREDICTORS) for o in others]
    panels.append(_panel(SHORT_NOTICE, "days of notice", notice_cases(record), NOTICE_PREDICTORS))
    return tuple(panels)


def as_json(panels: Sequence[Panel]) -> dict[str, object]:
    """`siting validate stability --json`: the headline outcome first, then every test.

    For the score and each baseline: AUC and Brier skill with low and high (95 %, bootstrap over
    vendors), calibration, n and the outcome tested.
    """
    headline = panels[0]
    return {
        **headline.as_dict(),
        "score": _as_dict(headline.test("score")),
        "baselines": {b: _as_dict(headline.test(b)) for b in BASELINES},
        "panels": [p.as_dict() for p in panels],
        "leakage_rules": (__doc__ or "").split("tests/test_backtest.py:\n")[-1].strip(),
    }


def lines(panels: Sequence[Panel]) -> list[str]:
    """The backtest in five sentences, with the figures computed."""
    severe, notice = panels[0], panels[-1]
    own, count = severe.test("score"), severe.test("row count")
    bare = severe.test("score without exposure correction")
    median = notice.test("median notice so far")
    rest = [p for p in panels[1:-1] if p.outcome != severe.outcome]
    shown = sum(p.tests[0].ranks for p in rest)
    by_criterion = "; ".join(
        f"{p.outcome.replace('_', ' ')} {p.tests[0].auc.value:.2f}, {p.tests[1].auc.value:.2f}, "
        f"{p.best_baseline.predictor} {p.best_baseline.auc.value:.2f}"
        for p in rest
    )
    second, close = (
        next(p for p in panels if p.coding == c)
        for c in ("second rater", "decided, closely followed vendors")
    )
    return [
        f"On {severe.text} in the next 12 months ({severe.n} vendor-quarters, {severe.vendors} "
        f"vendors, base rate {severe.base_rate:.0%}) the score has AUC {_words(own.auc)}: "
        f"{severe.verdict}.",
        f"Counting rows gives {_words(count.auc)}, the score without its correction for press "
        f"coverage {_words(bare.auc)}. The log cannot test that correction, for what nobody wrote "
        f"down is missing from the outcome too; among the {close.vendors} vendors that the press "
        f"follows closely the score has {_words(close.test('score').auc)}, row count "
        f"{_words(close.test('row count').auc)}.",
        f"The outcome depends on who coded it: under the second rater the score has "
        f"{_words(second.test('score').auc)} and row count {_words(second.test('row count').auc)}.",
        f"Of {len(rest)} criteria {shown or 'none'} ranks beyond doubt against events of its own "
        f"kind (AUC with correction, without it, best baseline): {by_criterion}.",
        f"On {notice.text} ({notice.n} platform-quarters, base rate {notice.base_rate:.0%}) the "
        f"median notice so far has AUC {_words(median.auc)} and Brier skill "
        f"{median.brier_skill.value:+.2f} ({median.brier_skill.low:+.2f} to "
        f"{median.brier_skill.high:+.2f}); row count {notice.test('row count').auc.value:.2f}. "
        f"The lifecycle criterion, built on it, has {_words(notice.test('score').auc)}.",
    ]


def _words(e: Estimate) -> str:
    return f"{e.value:.2f} ({e.low:.2f}–{e.high:.2f})"


def markdown(panels: Sequence[Panel]) -> str:
    """The section on vendor stability of docs/validation.md."""
    head = "| outcome | coding | n | base rate | predictor | AUC (95 %) | Brier skill (95 %) |"
    body = [
        f"| {p.text} | {p.coding} | {p.n} | {p.base_rate:.2f} | {t.predictor} | {_words(t.auc)} | "
        f"{t.brier_skill.value:+.2f} ({t.brier_skill.low:+.2f} to {t.brier_skill.high:+.2f}) |"
        for p in panels
        for t in p.tests
    ]
    points = [f"- {line}" for line in lines(panels)]
    rule = "|---|---|---|---|---|---|---|"
    return "\n".join(["## Vendor stability", "", *points, "", head, rule, *body, ""])
