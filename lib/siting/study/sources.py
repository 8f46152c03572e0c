"""Frames of a study on where its numbers come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from babel.numbers import is_currency

from siting.catalogue import STALE_DAYS, Source, SourceKind
from siting.cost import uncertainty
from siting.cost.prices import exchange_rate
from siting.inputs.scenario.model import Tokens, Workload
from siting.quantity import Range
from siting.study.frames import Rows, Topic, frame, frame_citing
from siting.verdict import knowledge, options

KINDS: dict[SourceKind, str] = {
    "measured": "measured by the client or in a published benchmark",
    "client": "stated by the client",
    "published": "printed in a price list, data sheet, law or register",
    "estimate": "judged by us, because nothing better was found",
}
"""Kinds of evidence, the firmest first."""
MOST = 6
"""Inputs that move most, so many of whose sources stand under what is shown of them."""


class SourceFrames(Topic):
    """Frames on where each number comes from, how old it is, and what is left out."""

    def _used_sources(self) -> Iterator[Source]:
        return (i.source for i in self.results.used)

    @frame_citing(_used_sources)
    def inputs(self) -> Rows:
        """One number that a result used, with its origin.

        name: what it is
        *: its value as planned, and its range [1]
        unit: unit of the three
        source: title and publisher
        locator: where inside the source
        date: date that the source prints, or undated
        age_days?: age at the date of the report; missing without a date [days]
        kind: measured, published, client or estimate
        stale: whether it is older than 90 days
        url: address of the source
        """
        for i in self.results.used:
            yield {"name": i.name, "*": i.value, "unit": i.value.unit, **self._origin(i.source)}

    def _origin(self, source: Source) -> dict[str, Any]:
        """Where a number comes from, by column."""
        return {
            "source": source.source,
            "locator": source.locator,
            "date": source.date,
            "age_days": source.age_days(self.client.report_date),
            "kind": source.kind,
            "stale": self.results.is_stale(source),
            "url": source.url,
        }

    @frame_citing(_used_sources)
    def kinds(self) -> Rows:
        """One kind of evidence that a number may rest on, the firmest first.

        kind: measured, client, published or estimate
        meaning: what the word says
        inputs: numbers of that kind [inputs]
        share: share of all numbers [share]
        stale: those older than 90 days [inputs]
        undated: those whose source prints no date [inputs]
        of: numbers of all kinds [inputs]
        stale_of: of these, those older than 90 days [inputs]
        """
        every = [i.source for i in self.results.used]
        stale = sum(map(self.results.is_stale, every))
        for kind, meaning in KINDS.items():
            found = [source for source in every if source.kind == kind]
            yield {
                "kind": kind,
                "meaning": meaning,
                "inputs": len(found),
                "share": len(found) / max(1, len(every)),
                "stale": sum(self.results.is_stale(source) for source in found),
                "undated": sum(source.date == "undated" for source in found),
                "of": len(every),
                "stale_of": stale,
            }

    @frame
    def worth_replacing(self) -> Rows:
        """An uncertain input of the cost, by what it is worth to know it before choosing, the most
        first.

        input: what it is
        *: its value as planned, and its range [1]
        unit: unit of the three
        worth: expected saving if it were known [currency]
        source: title and publisher of what it rests on
        locator: where inside the source
        date: date that the source prints, or undated
        age_days?: age at the date of the report; missing without a date [days]
        kind: measured, published, client or estimate
        stale: whether it is older than 90 days
        url: address of the source
        """
        if not self.results.cost.options:
            return
        softest = self._softest()
        worth = {k.driver: k.worth for k in self.results.knowledge}
        rows: list[dict[str, Any]] = [
            {
                "input": self.results.input_in_words(driver.name, driver.label),
                "*": driver.band,
                "unit": driver.band.unit,
                "worth": worth.get(driver.name, 0.0),
                **self._origin(softest[driver.name]),
            }
            for driver in knowledge.drivers(self.results.uncertainty)
        ]
        yield from sorted(rows, key=lambda row: -row["worth"])
        yield from softest.values()

    @frame
    def movers(self) -> Rows:
        """An uncertain input of the cost, by what it moves between its ends with all else as
        planned: the saving of the chosen option against what it is held against, or its cost where
        it is held against nothing. What moves most is first.

        input: what it is
        place: at which option or model that is; blank where its name says none
        *: its value as planned, and its range [1]
        unit: unit of the three
        ends: both ends with their unit, in words
        at_low: saving, or cost, with the input at its low end [currency]
        at_high: the same at its high end [currency]
        moved: distance of the two [currency]
        kind: measured, published, client or estimate: the softest of what it rests on
        source: title and publisher of that
        title: its title alone
        date: date that the source prints, or undated
        action?: how to measure it; missing where no test is known
        days?: how long that takes [days]
        price*?: what it costs, converted on the day of the report [currency]
        worth: most that it can be worth before the choice: what choosing by cost would save in the
            mean of all cases, were the input known [currency]
        """
        chosen, rival = self.results.compared
        plan = self.results.uncertainty.plan
        moved = uncertainty.one_at_a_time(plan, tuple(dict.fromkeys((chosen, rival))))
        softest = self._softest()
        worths = {known.driver: known.worth for known in self.results.knowledge}
        rows: list[dict[str, Any]] = []
        for driver, costs in moved.items():
            at_low, at_high = costs[chosen] if rival == chosen else costs[rival] - costs[chosen]
            label, band = uncertainty.described(plan, driver)
            source = softest[driver]
            words = self.results.input_in_words(driver, knowledge.driver_label(driver, label))
            row = {
                "input": words,
                "place": words.partition(" at ")[2],
                "*": band,
                "unit": band.unit,
                "ends": self._ends(band),
                "at_low": float(at_low),
                "at_high": float(at_high),
                "moved": abs(float(at_high - at_low)),
                "kind": source.kind,
                "source": source.source,
                "title": source.source.partition(", ")[0],
                "date": source.date,
                **self._test_of(driver),
                "worth": worths.get(driver, 0.0),
            }
            rows.append(row)
        rows.sort(key=lambda row: -round(row["moved"], 2))  # below a cent lies the noise of sums
        yield from rows
        named = {source.source: source for source in softest.values()}
        yield from (named[row["source"]] for row in rows[:MOST])

    def _ends(self, band: Range) -> str:
        """Both ends of a range: `60 to 130% of the plan`, `0.1 to 0.5 FTE`."""
        numbers = self.results.numbers
        if is_currency(band.unit):
            return numbers.span(band)
        ends = (band.low, band.high)
        unit = band.unit.replace("per year", "a year")
        if unit == "a year" or unit.startswith(("of ", "share")):
            low, high = (numbers.number(100 * end, 0) for end in ends)
            return f"{low} to {high}% {unit}".removesuffix(" share")
        # Beyond a few months nobody plans by days.
        whole = unit == "months" and band.low >= 3
        low, high = (numbers.number(end, 0 if whole else _places(end)) for end in ends)
        return f"{low} to {high} {unit}"

    def _test_of(self, driver: str) -> dict[str, Any]:
        """How to measure a driver of cost, how long it takes and what it costs."""
        test = knowledge.experiment_for(driver)
        if test is None:
            return {}
        rate = exchange_rate(test.currency, self.client.currency, self.client.report_date).rate
        price = knowledge.estimate_in(test.cost, rate)
        return {"action": test.action, "days": test.days, "price*": price}

    def _softest(self) -> dict[str, Source]:
        """Of each driver of cost the source that is least firm."""
        first = next(iter(self.scenario.workloads))
        growth = self.scenario.source(f"workloads.{first}.growth_per_year")
        return {
            driver: max(
                (f.source for f in factors), key=lambda s: [*KINDS].index(s.kind), default=growth
            )
            for driver, factors in uncertainty.drivers(self.results.cost.plan).items()
        }

    @frame
    def evidence(self) -> Rows:
        """A document or person behind the scenario.

        source: document or person
        locator: where inside it
        date: its date
        kind: measured, published, client or estimate
        figures?: figures of the scenario that it speaks for; missing for all others [figures]
        url: its address
        """
        for e in self.scenario.evidence:
            yield {
                "source": e.source,
                "locator": e.locator,
                "date": e.date.isoformat(),
                "kind": e.kind,
                "figures": None if "*" in e.fields else len(e.fields),
                "url": e.url,
            }

    @frame
    def statements(self) -> Rows:
        """What a scenario says of one workload's load and demands, in words.

        workload: name of the workload
        what: what is said
        value: as what
        kind: who says so: client, or estimate where the client left it out
        date: when
        """
        for name, workload in self.scenario.workloads.items():
            for field, (what, value) in self._said_of(workload).items():
                if value:
                    origin = self.scenario.source(f"workloads.{name}.{field}")
                    yield {
                        "workload": name,
                        "what": what,
                        "value": value,
                        "kind": origin.kind,
                        "date": origin.date,
                    }
                    yield origin

    def _said_of(self, w: Workload) -> dict[str, tuple[str, str]]:
        """By field: what it is, and its value in words; blank where there is none."""
        numbers = self.results.numbers
        number = numbers.number

        def counted(value: float) -> str:
            if not value:
                return ""
            return number(value, 0 if value == int(value) else None)

        def tokens(of: Tokens) -> str:
            return f"{number(of.mean, 0)}, 95 of 100 below {number(of.p95, 0)}"

        steps = w.growth_by_year or [w.growth_per_year]
        grows = "growth_by_year" if w.growth_by_year else "growth_per_year"
        places = ("your country" if place == "country" else place for place in w.data.residency)
        growth = [numbers.range(replace(step, unit="share")) for step in steps]
        hours = w.hours if isinstance(w.hours, str) else "your own profile"
        limits = f"{w.latency.ttft_s:g} s, {w.latency.tpot_ms:g} ms a further token, "
        if w.latency.whole:
            limits += f"the whole answer within {w.latency.whole:g} s, "
        limits += f"for {w.latency.percentile:g} of 100"
        return {
            "users": ("users", counted(w.users)),
            "requests_per_user_day": ("requests of each a day", counted(w.requests_per_user_day)),
            "requests_per_day": ("requests of others a day", counted(w.requests_per_day)),
            "requests_per_month": ("requests a month", counted(w.requests_per_month)),
            "conversations_per_user_day": (
                "conversations of each a day",
                counted(w.conversations_per_user_day),
            ),
            "conversations_per_day": ("conversations a day", counted(w.conversations_per_day)),
            "conversations_per_month": (
                "conversations a month",
                counted(w.conversations_per_month),
            ),
            "turns": ("turns of a conversation", counted(w.turns) if w.turns > 1 else ""),
            "hours": ("profile of a day", hours),
            "weekdays": ("Monday to Sunday", ", ".join(f"{day:g}" for day in w.weekdays)),
            "peak_factor": ("fullest week over a usual one", f"{w.peak_factor:g}"),
            grows: ("growth a year", "; then ".join(growth)),
            "input_tokens": ("tokens read", tokens(w.input_tokens)),
            "output_tokens": ("tokens written", tokens(w.output_tokens)),
            "reasoning_tokens": ("hidden tokens", counted(w.reasoning_tokens or 0)),
            "cached_input_share": ("read from a cache", numbers.percent(w.cached_share)),
            "batchable_share": ("may wait", numbers.percent(w.batchable_share)),
            "latency": ("first token within", limits),
            "availability": ("must run", f"{100 * w.availability:g}% of the time"),
            "data": ("data must lie in", " or ".join(places)),
        }

    @frame
    def left_out(self) -> Rows:
        """A figure that the scenario asks for and that no evidence supports: not estimated.

        option?: the one that it is of; missing for a vendor
        subject: model, cost, or the vendor
        why: the reason
        """
        for name, found in self.results.capacity.items():
            for model, why in found.not_estimated.items():
                yield {"option": name, "subject": model, "why": why}
        for name, why in self.results.cost.plan.not_estimated.items():
            yield {"option": name, "subject": "cost", "why": why}
        for vendor in self.results.stability.unknown_vendors:
            why = "no record of this vendor, so the chances of all vendors are taken"
            yield {"subject": vendor, "why": why}

    @frame
    def cautions(self) -> Rows:
        """A sentence that a reader must know before trusting the numbers.

        caution: the sentence
        about: what it begins with and is about, such as an option; blank where it is about all
        what: the rest of it
        """
        for sentence in dict.fromkeys(self._cautions()):
            about = sentence.partition(": ")[0] if ": " in sentence else ""
            what = sentence.removeprefix(f"{about}: ")
            yield {"caution": sentence, "about": about, "what": what}

    def _cautions(self) -> Iterator[str]:
        for found in self.left_out().to_dict("records"):
            if pd.notna(found["option"]):
                yield "{option}: {subject} not estimated, because {why}".format_map(found)
            else:
                yield "{subject}: {why}".format_map(found)
        for name, sized in self.results.capacity.items():
            yield from (f"{self.results.labels[name]}: {words}" for words in sized.warnings)
        candidates = self.results.decision.candidates
        yield from options.notes(self.scenario, self.results.quality, candidates)
        yield from self.results.cost.plan.notes
        old = sum(self.results.is_stale(i.source) for i in self.results.used)
        if old:
            yield f"{old} of {len(self.results.used)} inputs are older than {STALE_DAYS} days"


def _places(value: float) -> int:
    """Decimals of a value of three significant digits without noughts at its end."""
    written = np.format_float_positional(float(f"{value:.3g}"), trim="-")
    return len(written.partition(".")[2])
