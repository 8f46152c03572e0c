"""A client's plan beside its bills: the audit of `siting_bills.audit` for a study and its files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import Any

import pandas as pd
from siting import quality
from siting.catalogue import suggestion
from siting.cost import prices, uncertainty
from siting.inputs.document import DocumentError
from siting.inputs.scenario.model import in_words
from siting.places import BY_REQUEST
from siting.quantity import NotEstimated
from siting.records import frozen
from siting.study import Study
from siting_report.formats import NONE, Numbers

from siting_bills import audit
from siting_bills.audit import Audit, Billed, Foretold, Month
from siting_bills.bills import Bills


@frozen
class Audited:
    """An audit with what is told beside it."""

    audit: Audit
    label: str
    """Of the option that was billed."""
    workloads: tuple[str, ...] = ()
    """Those whose requests alone are on the bill; none where it is for all."""
    numbers: Numbers
    taken: str
    """Which option was taken, where none is named; else nothing."""
    notes: tuple[str, ...]
    sources: tuple[str, ...]
    """Files that were read."""

    def as_dict(self) -> dict[str, Any]:
        """The shape of `siting audit --json`: money in the client's currency, without tax."""
        found = self.audit
        return {
            "option": found.foretold.option,
            "label": self.label,
            "workloads": self.workloads,
            "items": found.foretold.items,
            "currency": self.numbers.currency,
            "months": found.months,
            "planned": found.planned,
            "billed": found.came,
            "effects": found.effects,
            "unsplit": found.unsplit,
            "outside": found.outside,
            "notes": [*filter(None, [self.taken]), *self.notes],
            "sources": self.sources,
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
    chosen = _billed_option(study, option)
    label = study.results.labels[chosen]
    notes = list(bills.notes)
    taken = ""
    if not option:
        taken = (
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
    return Audited(
        audit=found,
        label=label,
        workloads=billed,
        numbers=study.results.numbers,
        taken=taken,
        notes=(*notes, *_without(found, bills, study.results.numbers)),
        sources=bills.formats,
    )


def _billed_option(study: Study, named: str) -> str:
    """The option that was billed: the one that is named, else the recommended one. Raises as
    `of_study`."""
    chosen = named or study.results.decision.recommended
    if not chosen:
        raise NotEstimated("no option is recommended; name the one that was billed with --option")
    if chosen not in study.options:
        wrong = f"{chosen!r} is no option"
        raise DocumentError.of("--option", wrong, suggestion(chosen, study.options))
    if study.options[chosen].kind == "split":
        parts = ", ".join(quality.leaves(study.scenario, chosen))
        wrong = f"{chosen} is a split, and each of its parts has a bill of its own"
        raise DocumentError.of("--option", wrong, f"name one, with its --workload: {parts}")
    return chosen


def _without(found: Audit, bills: Bills, numbers: Numbers) -> Iterator[str]:
    """What of the bills is not held against the plan."""
    if found.outside:
        yield f"outside the plan's horizon, and left out: {', '.join(found.outside)}"
    credits = {month.month: month.credits for month in found.months if month.credits}
    if credits:
        yield f"net of {numbers.money(-sum(credits.values()))} of credits: {', '.join(credits)}"
    taxed = [month.month for month in bills.months if month.taxes]
    if taxed:
        yield f"without the tax that is billed: {', '.join(taxed)}"


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
    return audit.foretold(results.cost.plan, option, draws, asked, study.client.currency)


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
        day = pd.Period(billed.month).end_time.date()
        found = prices.exchange_rate(billed.currency, study.client.currency, day)
        rate = found.rate
        at = f"{rate:.4g} {found.source.locator} of {found.source.date}"
        said = f"billed in {billed.currency}, at {at}"
        rates.setdefault(said, []).append(billed.month)
    return replace(billed, amount=billed.amount * rate, credits=billed.credits * rate)


# --- as a table -----------------------------------------------------------------------------------


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
        "billed": _money(month.billed, numbers),
        "over plan": _money(month.difference, numbers),
        **{link: _money(month.effects.get(link), numbers) for link in links},
        "": said,
    }


def _money(amount: float | None, numbers: Numbers) -> str:
    return NONE if amount is None else numbers.number(amount, 0)
