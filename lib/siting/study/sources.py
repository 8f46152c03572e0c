"""Frames of a study on where its numbers come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from siting.catalogue import STALE_DAYS, Kind, Source
from siting.cost import uncertainty
from siting.study.cost import CostFrames
from siting.study.decision import DecisionFrames
from siting.study.frames import Rows, frame, frame_citing

KINDS: dict[Kind, str] = {
    "measured": "measured by the client or in a published benchmark",
    "client": "stated by the client",
    "published": "printed in a price list, data sheet, law or register",
    "estimate": "judged by us, because nothing better was found",
}
"""Kinds of evidence, the firmest first."""


class SourceFrames(DecisionFrames, CostFrames):
    """Frames on where each number comes from, how old it is, and what is left out."""

    def _used_sources(self) -> Iterator[Source]:
        return (i.source for i in self.used)

    @frame_citing(_used_sources)
    def inputs(self) -> Rows:
        """One number that a result used, with its origin.

        name: what it is
        *: its value as planned, and its range [1]
        unit: unit of the three
        source: title and publisher
        locator: where inside the source
        date: date that the source prints, or undated
        age_days: age at the date of the report; missing without a date [days]
        kind: measured, published, client or estimate
        stale: whether it is older than 90 days
        url: address of the source
        """
        return ((i.name, i.value, i.value.unit, *self._origin(i.source)) for i in self.used)

    def _origin(self, source: Source) -> tuple[Any, ...]:
        age, stale = source.age_days(self.client.report_date), self.is_stale(source)
        said = (source.source, source.locator, source.date)
        return *said, age, source.kind, stale, source.url

    @frame_citing(_used_sources)
    def kinds(self) -> Rows:
        """One kind of evidence that a number may rest on, the firmest first.

        kind: measured, client, published or estimate
        meaning: what the word says
        inputs: numbers of that kind [inputs]
        share: share of all numbers [share]
        stale: those older than 90 days [inputs]
        undated: those whose source prints no date [inputs]
        """
        for kind, meaning in KINDS.items():
            found = [i.source for i in self.used if i.source.kind == kind]
            stale, undated = sum(map(self.is_stale, found)), sum(s.date == "undated" for s in found)
            yield kind, meaning, len(found), len(found) / max(1, len(self.used)), stale, undated

    @frame
    def worth_replacing(self) -> Rows:
        """An input of the cost, by how far it moves the lead of the chosen option, the most first.

        input: what it is
        *: its value as planned, and its range [1]
        unit: unit of the three
        lead: how far the lead moves from one end to the other [points]
        turns: whether another option leads at one of the ends
        saving: how far the saving moves from one end to the other [currency]
        source: title and publisher of what it rests on
        locator: where inside the source
        date: date that the source prints, or undated
        age_days: age at the date of the report; missing without a date [days]
        kind: measured, published, client or estimate
        stale: whether it is older than 90 days
        url: address of the source
        """
        if not self.cost.options:
            return
        plan, first = self.cost.plan, next(iter(self.scenario.workloads))
        growth = self.scenario.source(f"workloads.{first}.growth_per_year")
        softest = {
            driver: max(
                (f.source for f in factors), key=lambda s: [*KINDS].index(s.kind), default=growth
            )
            for driver, factors in uncertainty.drivers(plan).items()
        }
        swings = {s.subject: s for s in self.decision.swings if s.kind == "cost"}
        rows: list[tuple[Any, ...]] = []
        for bar in self._bars:
            s, origin = swings.get(bar.driver), self._origin(softest[bar.driver])
            lead = (float(np.ptp(s.leads)), len({*s.leaders}) > 1) if s else (None, False)
            rows.append((bar.label, bar.band, bar.band.unit, *lead, bar.swing, *origin))
        yield from sorted(rows, key=lambda row: (-(row[3] or 0), -row[5]))
        yield from softest.values()

    @frame
    def evidence(self) -> Rows:
        """A document or person behind the scenario.

        source: document or person
        locator: where inside it
        date: its date
        kind: measured, published, client or estimate
        figures: figures of the scenario that it speaks for; missing for all others [figures]
        url: its address
        """
        for e in self.scenario.evidence:
            covered = None if "*" in e.fields else len(e.fields)
            yield e.source, e.locator, e.date.isoformat(), e.kind, covered, e.url

    @frame
    def left_out(self) -> Rows:
        """A figure that the scenario asks for and that no evidence supports: not estimated.

        option: the one that it is of; missing for a vendor
        subject: model, cost, or the vendor
        why: the reason
        """
        for name, found in self.capacity.items():
            yield from ((name, model, why) for model, why in found.not_estimated.items())
        yield from ((name, "cost", why) for name, why in self.cost.plan.not_estimated.items())
        for vendor in self.stability.unknown_vendors:
            yield None, vendor, "no record of this vendor, so the chances of all vendors are taken"

    @frame
    def cautions(self) -> Rows:
        """A sentence that a reader must know before trusting the numbers.

        caution: the sentence
        """
        return ((sentence,) for sentence in dict.fromkeys(self._cautions()))

    def _cautions(self) -> Iterator[str]:
        for option, subject, why in self.left_out().itertuples(index=False):
            said = "{0}: {1} not estimated, because {2}" if pd.notna(option) else "{1}: {2}"
            yield said.format(option, subject, why)
        for name, found in self.capacity.items():
            yield from (f"{self.labels[name]}: {words}" for words in found.warnings)
        yield from (*self.decision.warnings, *self.cost.plan.notes)
        if old := sum(self.is_stale(i.source) for i in self.used):
            yield f"{old} of {len(self.used)} inputs are older than {STALE_DAYS} days"
