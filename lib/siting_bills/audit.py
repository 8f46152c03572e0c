"""What a plan foretold of an option's bill, what came, and why they differ.

A vendor bills by use: requests and tokens of an API, GPU-hours of rented cards. What it was
foretold to bill in a month is the plan's own bill of those items, in every draw of its uncertain
inputs: low and high are P10 and P90, central is the month as planned. Value-added tax is left out,
as it is of what came, and so are the months of moving over: a month that is billed is in
production.

**Why.** A bill is a chain: requests × tokens a request × GPU-hours a token × money a GPU-hour, of
which those links stand that both sides tell. The difference is split over the links by logarithmic
means: the effect of link x is L(came, planned) × ln(x came / x planned), with
L(a, b) = (a - b) / ln(a / b). These effects add up to the difference, whatever the order [1].

[1] B. W. Ang, "The LMDI approach to decomposition analysis: a practical guide", Energy Policy 33
(2005), 867-871, equations 5 and 6
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
from siting.cost import cashflow
from siting.cost.ledger import Clock
from siting.cost.money import MONTHS, Array, by_month
from siting.cost.priced import Draws, Plan
from siting.quantity import NotEstimated, Range
from siting.records import frozen

Quantity = Literal["requests", "tokens", "gpu_hours", "amount"]
"""What a month counts: requests, tokens (read, written and thought), GPU-hours, and money."""

NO_BILL = "no vendor bills this option by use"
CHAIN: tuple[Quantity, ...] = ("requests", "tokens", "gpu_hours", "amount")
WORDS: Mapping[Quantity, str] = {
    "requests": "requests",
    "tokens": "tokens",
    "gpu_hours": "GPU-hours",
    "amount": "money",
}
"""Quantities as a reader knows them."""


@frozen
class Billed:
    """What a bill says of a month; None where it does not say."""

    month: str
    """YYYY-MM"""
    amount: float
    """Without tax, net of credits. [currency]"""
    currency: str = ""
    credits: float = 0.0
    """Of which credits, as a negative amount."""
    taxes: float = 0.0
    """Left out of the amount."""
    requests: float | None = None
    tokens: float | None = None
    gpu_hours: float | None = None

    def of(self, quantity: Quantity) -> float | None:
        """A quantity; None where it is not told, or where nothing is left of it to compare."""
        found: float | None = getattr(self, quantity)
        return found if found is not None and found > 0 else None


@frozen
class Foretold:
    """What an option was foretold to be billed by month, in all draws and as planned."""

    option: str
    drawn: Mapping[Quantity, Array]
    """[n × M]"""
    planned: Mapping[Quantity, Array]
    """[M]"""
    items: tuple[str, ...]
    """Cost items that a vendor bills by use."""
    currency: str

    def range(self, quantity: Quantity, month: int) -> Range:
        """P10, as planned and P90 of a month, counted from 0; the plan may lie outside of both."""
        low, high = np.percentile(self.drawn[quantity][:, month], (10, 90)).tolist()
        planned = float(self.planned[quantity][month])
        return Range(min(low, planned), planned, max(high, planned), unit=self.currency)


@frozen
class Month:
    """One month: what was foretold, what came, and what each link made of the difference."""

    month: str
    foretold: Range
    """Bill of the month, without tax; nothing where no vendor bills the option by use.
    [client's currency]"""
    billed: float
    """[client's currency]"""
    credits: float
    """Of which credits, as a negative amount."""
    requests: float | None
    tokens: float | None
    gpu_hours: float | None
    """None where the bill does not say."""
    difference: float | None
    """Billed over planned; None where nothing was foretold. [client's currency]"""
    effects: Mapping[str, float]
    """What each link, in words, made of it; empty where the bill is not split."""
    inside: bool | None
    """Whether the bill lies in the range that was foretold; None where nothing was."""
    why_not: str
    """Why it is not split; nothing where it is."""


@frozen
class Audit:
    """A plan beside its bills."""

    foretold: Foretold
    months: tuple[Month, ...]
    outside: tuple[str, ...]
    """Months that were billed and lie outside the plan's horizon."""

    @property
    def billed(self) -> list[Month]:
        """The months of which a bill is there and was foretold."""
        return [month for month in self.months if month.difference is not None]

    @property
    def planned(self) -> float:
        """Plan of the months that are billed. [client's currency]"""
        return sum(month.foretold.central for month in self.billed)

    @property
    def came(self) -> float:
        """What was billed in them. [client's currency]"""
        return sum(month.billed for month in self.billed)

    @property
    def effects(self) -> dict[str, float]:
        """What each link made of the difference, over the months that are split."""
        found: dict[str, float] = {}
        for month in self.billed:
            for what, effect in month.effects.items():
                found[what] = found.get(what, 0.0) + effect
        return found

    @property
    def unsplit(self) -> float:
        """Difference of the billed months that could not be split. [client's currency]"""
        return sum(month.difference or 0.0 for month in self.billed if not month.effects)


# --- what was foretold ----------------------------------------------------------------------------


@frozen
class Tokens:
    """Mean tokens of a request of a workload."""

    seen: float
    """Read and written."""
    hidden: float
    """Thought."""


def foretold(
    plan: Plan, name: str, draws: Draws, asked: Mapping[str, Tokens], currency: str
) -> Foretold:
    """What an option was foretold to be billed by use.

    asked: by workload, the tokens of a request of this option; requests of a workload that it
    leaves out are not on the bill.
    Of one that no vendor bills by use only requests and tokens are foretold. Raises NotEstimated
    where the option could not be priced.
    """
    if name in plan.not_estimated:
        raise NotEstimated(plan.not_estimated[name])
    name = plan.options[name].alone or name
    planned = _billed(plan, name, plan.central(), asked)
    amounts = cashflow.bill(plan, name, plan.central())
    lines = [a.line for a in amounts if _is_by_use(a) and _is_on_it(a, asked)]
    return Foretold(
        option=name,
        drawn=_billed(plan, name, draws, asked),
        planned={quantity: values[0] for quantity, values in planned.items()},
        items=tuple(dict.fromkeys(line.item.label for line in lines)),
        currency=currency,
    )


def _is_by_use(amount: cashflow.Amount) -> bool:
    falls = amount.falls
    return falls.when == "running" and falls.path.startswith(("api", "rental"))


def _is_on_it(amount: cashflow.Amount, asked: Mapping[str, Tokens]) -> bool:
    """Whether an amount is on a bill for the requests of some workloads."""
    return amount.line.item.driver != "request" or amount.line.workload in asked


def _billed(
    plan: Plan, name: str, draws: Draws, asked: Mapping[str, Tokens]
) -> dict[Quantity, Array]:
    """Every quantity by month, zero where the option has none of it. [n × M each]"""
    size = len(draws["growth"])
    clock = Clock(plan, draws)
    found: dict[Quantity, Array] = {q: np.zeros((size, plan.months)) for q in CHAIN}
    hidden = _over_plan(plan, draws, "hidden_tokens")
    requests: list[tuple[str, Array]] = []
    for amount in cashflow.bill(plan, name, draws):
        if not (_is_by_use(amount) and _is_on_it(amount, asked)):
            continue
        counted = by_month(amount.quantity, plan.months) * clock.times(amount.falls.months)
        price = amount.price / draws["vat"] if "vat" in amount.line.factors else amount.price
        found["amount"] += counted * price[:, None] * clock.path(amount.falls.path)
        if amount.line.item.driver == "gpu_hour":
            found["gpu_hours"] += counted
        elif amount.line.item.driver == "request":
            requests.append((amount.line.workload, counted))
    if not requests:
        for workload, load in plan.loads.items():
            if workload not in asked:
                continue
            ratio = cashflow.load_ratio(load.growth, draws, plan.years)
            rate = load.mean_rate * 3600 * draws["hours_per_month"][:, None]
            counted = by_month(ratio * rate, plan.months)
            requests.append((workload, counted * clock.times(plan.months_of([workload]))))
    for workload, counted in requests:
        each = asked[workload]
        found["requests"] += counted
        found["tokens"] += counted * (each.seen + each.hidden * hidden[:, None])
    return found


def _over_plan(plan: Plan, draws: Draws, factor: str) -> Array:
    """A factor over its central value; 1 where the plan has none. [n]"""
    if factor not in plan.factors or not plan.factors[factor].value.central:
        return np.ones(len(draws["growth"]))
    return draws[factor] / plan.factors[factor].value.central


# --- why ------------------------------------------------------------------------------------------


def _link(of: Quantity, each: Quantity | None, planned: Mapping[Quantity, float]) -> str:
    """A link in words: how much of one quantity there is for each of another, or of the first one.

    Where quantities between are not told, it says what it stands for: volume (how much was asked),
    length (tokens a request), utilisation (GPU-hours for a token or a request), price (money for
    one of the last thing that was counted).
    """
    if each is None:
        whole = {"gpu_hours": "volume and utilisation (GPU-hours)", "amount": "all together"}
        return whole.get(of, f"volume ({WORDS[of]})")
    if of == "tokens":
        return "tokens a request"
    if of == "gpu_hours":
        return f"utilisation (GPU-hours for {WORDS[each]})"
    unit = {"requests": "a request", "tokens": "a token", "gpu_hours": "a GPU-hour"}[each]
    if each != "gpu_hours" and planned.get("gpu_hours", 0) > 0:
        return f"price and utilisation ({unit})"
    return f"price of {unit}"


def logarithmic_mean(a: float, b: float) -> float:
    """L(a, b) = (a - b) / ln(a / b), a where both are the same; both above zero."""
    ratio = math.log(a / b)
    return a if abs(ratio) < 1e-12 else (a - b) / ratio


def effects(planned: Mapping[Quantity, float], came: Mapping[Quantity, float]) -> dict[str, float]:
    """What each link makes of the difference in money, by its words; they add up to it.

    came: what is told, all above zero, the amount among it. planned: above zero where the plan has
    any of it; an option without GPU-hours has no such link. Additive LMDI-I, equation 6 of [1].
    """
    told = [q for q in CHAIN if q in came and planned.get(q, 0) > 0]
    weight = logarithmic_mean(came["amount"], planned["amount"])
    found: dict[str, float] = {}
    each: Quantity | None = None
    moved_before = 0.0
    for of in told:
        moved = math.log(came[of] / planned[of])
        found[_link(of, each, planned)] = weight * (moved - moved_before)
        each = of
        moved_before = moved
    return found


# --- all of it ------------------------------------------------------------------------------------


def index_of(month: str, report_month: str) -> int:
    """Place of a month in the plan, whose first follows that of the report. Both YYYY-MM."""
    (year, number), (first_year, first) = (map(int, m.split("-")) for m in (month, report_month))
    return (year - first_year) * MONTHS + number - first - 1


def audit(plan: Foretold, bills: Sequence[Billed], report_month: str) -> Audit:
    """A plan beside what came. report_month: YYYY-MM, after which the plan's months begin.

    Raises NotEstimated where no month lies in the plan's horizon, or where nothing that was
    foretold can be held against what came.
    """
    horizon = len(plan.planned["amount"])
    placed = {each.month: index_of(each.month, report_month) for each in bills}
    inside = [each for each in bills if 0 <= placed[each.month] < horizon]
    outside = tuple(each.month for each in bills if each not in inside)
    if not inside:
        said = f"the plan covers {horizon} months after {report_month}"
        raise NotEstimated(f"none of {', '.join(outside)} lies in the plan's horizon; {said}")
    if not plan.planned["amount"].any() and not any(c.requests or c.tokens for c in inside):
        write = "give an invoice that counts requests or tokens, or name another option"
        raise NotEstimated(f"{NO_BILL}, so there is no bill to foretell; {write}")
    months = tuple(_month(plan, each, placed[each.month]) for each in inside)
    return Audit(foretold=plan, months=months, outside=outside)


def _month(plan: Foretold, came: Billed, place: int) -> Month:
    planned = {quantity: float(values[place]) for quantity, values in plan.planned.items()}
    told = {q: value for q in CHAIN if (value := came.of(q)) is not None}
    why_not = ""
    split: dict[str, float] = {}
    if not planned["amount"]:
        why_not = NO_BILL
    elif "amount" not in told:
        why_not = "credits leave nothing to split" if came.credits else "nothing was billed"
    else:
        split = effects(planned, told)
    if len(split) == 1:
        why_not = "no bill tells requests, tokens or GPU-hours"
        split = {}
    expected = plan.range("amount", place)
    is_foretold = expected.high > 0
    return Month(
        month=came.month,
        foretold=expected,
        billed=came.amount,
        credits=came.credits,
        requests=came.requests,
        tokens=came.tokens,
        gpu_hours=came.gpu_hours,
        difference=came.amount - expected.central if is_foretold else None,
        effects=split,
        inside=expected.low <= came.amount <= expected.high if is_foretold else None,
        why_not=why_not,
    )
