"""A client's plan beside its bills: the audit of `siting_bills.audit` for a study and its files.

What bills teach becomes a piece of scenario, to read and paste: as of the last month that was
billed, so that the plan begins there anew.
"""

from __future__ import annotations

import calendar
import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import pandas as pd
from siting import quality
from siting.catalogue import suggestion
from siting.cost import prices, uncertainty
from siting.inputs.document import DocumentError
from siting.inputs.scenario.changes import changed
from siting.inputs.scenario.model import in_words
from siting.places import BY_REQUEST, MIXED
from siting.quantity import Z90, NotEstimated, Range
from siting.study import Study
from siting_report.formats import NONE, Numbers

from siting_bills import audit
from siting_bills.audit import Audit, Billed, Foretold, Learned, Month, Quantity
from siting_bills.bills import Bills

NAMED = 3
"""Files that evidence names; it counts the others."""


@dataclass(frozen=True, kw_only=True)
class Audited:
    """An audit with what is told beside it."""

    audit: Audit
    label: str
    """Of the option that was billed."""
    workloads: tuple[str, ...] = ()
    """Those whose requests alone are on the bill; none where it is for all."""
    numbers: Numbers
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    """Files that were read."""

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting audit --json`: money in the client's currency, without tax."""
        found = self.audit
        money = self.numbers.currency
        return {
            "option": found.foretold.option,
            "label": self.label,
            "workloads": self.workloads,
            "items": found.foretold.items,
            "currency": money,
            "months": [_as_dict(month, money) for month in found.months],
            "planned": found.planned,
            "billed": found.came,
            "effects": found.effects,
            "unsplit": found.unsplit,
            "learned": [
                {
                    "input": each.step.what,
                    "planned": replace(each.planned, unit="times the plan"),
                    "seen": replace(each.seen, unit="times the plan"),
                    "months": each.months,
                    "scatter": each.scatter,
                    "narrower": each.narrower,
                    "surprises": each.surprises,
                }
                for each in found.learned
            ],
            "outside": found.outside,
            "notes": self.notes,
            "sources": self.sources,
        }


def _as_dict(month: Month, currency: str) -> dict[str, Any]:
    came = month.came
    return {
        "month": month.month,
        "foretold": replace(month.foretold, unit=currency),
        "billed": came.amount,
        "credits": came.credits,
        "requests": came.requests,
        "tokens": came.tokens,
        "gpu_hours": came.gpu_hours,
        "difference": month.difference,
        "effects": month.effects,
        "inside": month.inside,
        "why_not": month.why_not,
    }


def of_study(
    study: Study, bills: Bills, option: str = "", workloads: Sequence[str] = ()
) -> Audited:
    """A study's plan beside bills.

    option: the one that was billed; blank: the recommended one
    workloads: whose requests are on the bill; none: those of the option's own quote for a request,
    where that names some, else all

    Raises DocumentError for an option or a workload that is none, NotEstimated where there is
    nothing to compare.
    """
    chosen = option or study.results.decision.recommended or ""
    if not chosen:
        raise NotEstimated("no option is recommended; name the one that was billed with --option")
    if chosen not in study.options:
        wrong = f"{chosen!r} is no option"
        raise DocumentError.of("--option", wrong, suggestion(chosen, study.options))
    if study.options[chosen].kind == "split":
        parts = ", ".join(quality.leaves(study.scenario, chosen))
        wrong = f"{chosen} is a split, and each of its parts has a bill of its own"
        raise DocumentError.of("--option", wrong, f"name one, with its --workload: {parts}")
    notes = list(bills.notes)
    if not option:
        label = study.results.labels[chosen]
        notes.append(
            f"held against {label}, which the report recommends; --option names another that was "
            f"billed, of {', '.join(study.options)}"
        )
    billed = _workloads(study, chosen, workloads)
    if billed:
        listed = ", ".join(map(in_words, billed))
        notes.append(f"held against the requests of {listed} alone")
    rates: dict[str, list[str]] = {}
    came = [_in_currency(month, study, rates) for month in bills.months]
    notes += [f"{said}: {', '.join(months)}" for said, months in rates.items()]
    report_day = study.client.report_date
    found = audit.audit(_foretold(study, chosen, billed), came, f"{report_day:%Y-%m}")
    if found.outside:
        notes.append(f"outside the plan's horizon, and left out: {', '.join(found.outside)}")
    credits = [month for month in found.months if month.came.credits]
    if credits:
        said = study.results.numbers.money(-sum(month.came.credits for month in credits))
        notes.append(f"net of {said} of credits: {', '.join(m.month for m in credits)}")
    taxed = [month.month for month in bills.months if month.taxes]
    if taxed:
        notes.append(f"without the tax that is billed: {', '.join(taxed)}")
    return Audited(
        audit=found,
        label=study.results.labels[chosen],
        workloads=billed,
        numbers=study.results.numbers,
        notes=tuple(notes),
        sources=bills.formats,
    )


def _workloads(study: Study, option: str, named: Sequence[str]) -> tuple[str, ...]:
    """Workloads whose requests alone are on a bill: those that are named, else those of the
    option's own quote for a request; none where it is for all.

    Raises DocumentError for a workload that is none, or where machines are billed, not requests.
    """
    known = study.scenario.workloads
    for workload in named:
        if workload not in known:
            wrong = f"{workload!r} is no workload"
            raise DocumentError.of("--workload", wrong, suggestion(workload, known))
    if study.options[option].kind not in BY_REQUEST:
        if named:
            wrong = f"{study.results.labels[option]} is not billed by request"
            raise DocumentError.of("--workload", wrong, "leave it out: the bill is for all")
        return ()
    quotes = study.scenario.finance.quotes
    quoted = [q.workloads for q in quotes if q.item == f"option.{option}.api_request"]
    on_it = {*(named or chain.from_iterable(quoted))}
    only = [w for w in known if w in on_it]
    return () if len(only) == len(known) else tuple(only)


def _foretold(study: Study, option: str, workloads: Sequence[str] = ()) -> Foretold:
    results = study.results
    draws = uncertainty.draws_at(results.cost.plan, results.uncertainty.scores)
    asked = _asked(study, option)
    asked = {name: asked[name] for name in workloads or asked}
    return audit.foretold(results.cost.plan, option, draws, asked)


def _asked(study: Study, option: str) -> dict[str, audit.Tokens]:
    """Tokens of a request by workload, those that the option's model thinks among them."""
    (*_, leaf) = quality.leaves(study.scenario, option)
    asked = {
        name: quality.at_effort(study.scenario, leaf, name) for name in study.scenario.workloads
    }
    return {
        name: audit.Tokens(
            seen=workload.input_tokens.mean + workload.output_tokens.mean,
            hidden=workload.reasoning_tokens or 0.0,
        )
        for name, workload in asked.items()
    }


def _in_currency(billed: Billed, study: Study, rates: dict[str, list[str]]) -> Billed:
    """A month in the client's currency, at the last rate of that month that is known.

    rates: in words, the months that each holds for.
    """
    rate = 1.0
    if billed.currency != study.client.currency:
        day = last_day(billed.month)
        found = prices.exchange_rate(billed.currency, study.client.currency, day)
        rate = found.rate
        at = f"{rate:.4g} {found.source.locator} of {found.source.date}"
        said = f"billed in {billed.currency}, at {at}"
        rates.setdefault(said, []).append(billed.month)
    return replace(billed, amount=billed.amount * rate, credits=billed.credits * rate)


def last_day(month: str) -> dt.date:
    """The last day of a month, YYYY-MM."""
    year, number = map(int, month.split("-"))
    return dt.date(year, number, calendar.monthrange(year, number)[1])


# --- as a table -----------------------------------------------------------------------------------


def frame(told: Audited) -> pd.DataFrame:
    """A row a month: option, month, planned, low, high, billed, difference, one column for each
    link of the chain, inside, why_not. Money in the client's currency, without tax."""
    links = list(told.audit.effects)
    return pd.DataFrame(
        [
            {
                "option": told.label,
                "month": month.month,
                "planned": month.foretold.central,
                "low": month.foretold.low,
                "high": month.foretold.high,
                "billed": month.came.amount,
                "difference": month.difference,
                **{link: month.effects.get(link) for link in links},
                "inside": month.inside,
                "why_not": month.why_not,
            }
            for month in told.audit.months
        ]
    )


def cells(told: Audited) -> list[dict[str, str]]:
    """Rows of the table that is printed, cells by heading, the last one the sum."""
    numbers = told.numbers
    found = told.audit
    rows = [_row(month, list(found.effects), numbers) for month in found.months]
    whole = {
        "month": "sum",
        "planned": _money(found.planned, numbers),
        "foretold": "",
        "billed": _money(found.came, numbers),
        "over plan": _money(found.came - found.planned, numbers),
        **{link: _money(effect, numbers) for link, effect in found.effects.items()},
        "": "",
    }
    return [*rows, whole]


def _row(month: Month, links: Sequence[str], numbers: Numbers) -> dict[str, str]:
    low, high = (_money(end, numbers) for end in (month.foretold.low, month.foretold.high))
    said = month.why_not
    if not said and month.inside is False:
        said = "outside the range"
    return {
        "month": month.month,
        "planned": _money(month.foretold.central, numbers),
        "foretold": f"{low} to {high}",
        "billed": _money(month.came.amount, numbers),
        "over plan": _money(month.difference, numbers),
        **{link: _money(month.effects.get(link), numbers) for link in links},
        "": said,
    }


def _money(amount: float | None, numbers: Numbers) -> str:
    return NONE if amount is None else numbers.number(amount, 0)


def lessons(told: Audited) -> list[str]:
    """What the months say of each input, a line each."""
    return [_lesson(each, told.numbers) for each in told.audit.learned]


def _lesson(each: Learned, numbers: Numbers) -> str:
    seen = numbers.number(each.seen.central)
    low, high = (numbers.number(end) for end in (each.seen.low, each.seen.high))
    months = "1 month" if each.months == 1 else f"{each.months} months"
    said = f"{each.step.what}: {seen} times the plan ({low} to {high}) after {months}; "
    if each.narrower is None:
        return f"{said}the plan gave it no range"
    was = " to ".join(numbers.number(end) for end in (each.planned.low, each.planned.high))
    said += f"the plan had {was}, {numbers.percent(each.narrower)} as wide now"
    return f"{said}, and outside of what the plan had" if each.surprises else said


# --- as a piece of scenario -----------------------------------------------------------------------


def narrowed(told: Audited, study: Study) -> dict[str, Any]:
    """The inputs that the bills narrow, as a piece of scenario with its evidence.

    It is as of the last billed month, for whose growth the demand is moved on. What a mix sends to
    its vendor says nothing of the demand as a whole.
    Raises NotEstimated where the bills narrow no input of a scenario.
    """
    last = told.audit.months[-1].month
    day = last_day(last)
    finance: dict[str, Any] = {}
    quotes = []
    learned = {each.step.link: each for each in told.audit.learned}
    volume = learned.get("volume")
    is_mix = study.options[told.audit.foretold.option].kind in MIXED
    # Of a part of the workloads a bill says nothing of the demand as a whole, either.
    if volume and volume.step.of != "gpu_hours" and not (is_mix or told.workloads):
        finance["demand"] = _band(volume.seen, _central(study, "demand") * _grown(told, volume))
    use = learned.get("utilisation")
    if use and volume:
        scale = _central(study, "throughput") * _use_at_volume(told, study, use, volume)
        speed = Range.ordered([1 / end for end in use.seen.ends])
        finance["throughput"] = _band(speed, scale)
    price = learned.get("price")
    if price and price.step.each is not None and "utilisation" not in price.step.what:
        quotes.append(_quote(told, study, learned, day))
    if quotes:
        finance["quotes"] = quotes
    if not finance:
        said = "the bills tell no requests, tokens or GPU-hours that an input stands for"
        raise NotEstimated(f"nothing is narrowed: {said}")
    fields = [f"finance.{name}" for name in finance]
    report_date = max(day, study.client.report_date)
    _refuse_impossible(study, {"client": {"report_date": report_date}, "finance": finance})
    months = [month.month for month in told.audit.months]
    return {
        "client": {"report_date": report_date},
        "finance": finance,
        "evidence": [
            {
                "fields": fields,
                "source": f"Bills: {_some(told.sources)}",
                "locator": f"{len(months)} months, {months[0]} to {months[-1]}, by siting audit",
                "date": day,
                "kind": "measured",
            }
        ],
    }


def _refuse_impossible(study: Study, piece: Mapping[str, Mapping[str, Any]]) -> None:
    """Raises NotEstimated where the bills tell an input that no scenario may hold."""
    said = {f"{part}.{name}": value for part, held in piece.items() for name, value in held.items()}
    try:
        changed(study.scenario, said)
    except DocumentError as error:
        for problem in error.problems:
            if problem.field.startswith("finance."):
                wrong = f"of {problem.field} the bills tell what {problem.wrong}"
                raise NotEstimated(f"{wrong}; check what the files count") from None


def _some(files: Sequence[str]) -> str:
    """The first few files, and how many more there are."""
    more = len(files) - NAMED
    return ", ".join([*files[:NAMED], *([f"{more} more"] if more > 0 else [])])


def _band(factor: Range, scale: float) -> dict[str, float]:
    """A range as a scenario has it, in three digits."""
    ends = zip(("low", "central", "high"), factor.ends, strict=True)
    return {name: float(f"{end * scale:.4g}") for name, end in ends}


def _central(study: Study, factor: str) -> float:
    return float(study.results.cost.plan.factors[factor].value.central)


def _grown(told: Audited, volume: Learned) -> float:
    """What the plan lets a quantity grow from its first month to the last that was billed."""
    planned = told.audit.foretold.planned[volume.step.of]
    return float(planned[told.audit.last] / planned[0])


def _use_at_volume(told: Audited, study: Study, use: Learned, volume: Learned) -> float:
    """GPU-hours for a unit of work that the plan needs at the volume that came, over those at the
    volume that was planned: cards come whole, so a smaller volume uses them less well."""
    plan = study.results.cost.plan
    option = told.audit.foretold.option
    demand = _central(study, "demand") * volume.seen.central
    asked = _asked(study, option)
    then = audit.foretold(plan, option, plan.central(demand=demand), asked).drawn
    planned = told.audit.foretold.planned
    each = use.step.each or "requests"
    month = told.audit.last
    use_then = then["gpu_hours"][0, month] / then[each][0, month]
    return float(use_then / (planned["gpu_hours"][month] / planned[each][month]))


def _quote(
    told: Audited, study: Study, learned: dict[Any, Learned], day: dt.date
) -> dict[str, Any]:
    """The price that was paid, as a quote of the option: of a request, or of a GPU-hour."""
    price = learned["price"]
    planned = told.audit.foretold.planned
    of_gpu = price.step.each == "gpu_hours"
    unit: Quantity = "gpu_hours" if of_gpu else "requests"
    each = float(planned["amount"][told.audit.last] / planned[unit][told.audit.last])
    item = "gpu_hour"
    per = "GPU-h"
    if not of_gpu:  # a plan adds what is asked twice to the price of a request
        each /= _central(study, "retries")
        item = "api_request"
        per = "request"
    paid = price.seen
    if price.step.each == "tokens" and "length" in learned:
        paid = product([paid, learned["length"].seen])
    (*_, name) = quality.leaves(study.scenario, told.audit.foretold.option)
    of_some = {"workloads": list(told.workloads)} if told.workloads else {}
    return {
        "item": f"option.{name}.{item}",
        **of_some,
        "value": _band(paid, each),
        "unit": f"{study.client.currency}/{per}",
        "source": f"Bills of {told.audit.months[0].month} to {told.audit.months[-1].month}",
        "date": day,
    }


def product(factors: Iterable[Range]) -> Range:
    """Product of independent log-normal factors: means and variances of the logarithms add."""
    mean = 0.0
    variance = 0.0
    for factor in factors:
        mean += (math.log(factor.low) + math.log(factor.high)) / 2
        variance += (math.log(factor.high / factor.low) / (2 * Z90)) ** 2
    half = Z90 * math.sqrt(variance)
    return Range(math.exp(mean - half), math.exp(mean), math.exp(mean + half))
