"""Frames of a study on where its numbers come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from siting.catalogue import STALE_DAYS, Source, SourceKind
from siting.study.frames import Rows, Topic, frame, frame_citing
from siting.verdict import options

KINDS: dict[SourceKind, str] = {
    "measured": "measured by the client or in a published benchmark",
    "client": "stated by the client",
    "published": "printed in a price list, data sheet, law or register",
    "estimate": "judged by us, because nothing better was found",
}
"""Kinds of evidence, the firmest first."""


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
