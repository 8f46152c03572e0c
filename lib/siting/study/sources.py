"""Frames of a study on where its numbers come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from siting.catalogue import Kind, Source
from siting.cost import uncertainty
from siting.study.cost import CostFrames
from siting.study.decision import DecisionFrames
from siting.study.frames import Made, Yielded, ends, frame

KINDS: dict[Kind, str] = {
    "measured": "measured by the client or in a published benchmark",
    "published": "printed in a price list, data sheet, law or register",
    "client": "stated by the client",
    "estimate": "judged by us, because nothing better was found",
}
_FIRMEST: Sequence[Kind] = ("measured", "client", "published", "estimate")


class SourceFrames(DecisionFrames, CostFrames):
    """Frames on where each number comes from, how old it is, and what is left out."""

    @frame
    def inputs(self) -> Made:
        """One number that a result used, with its origin.

        name: what it is
        low: low end of its range [1]
        central: its value as planned [1]
        high: high end of its range [1]
        unit: unit of the three
        source: title and publisher
        locator: where inside the source
        date: date that the source prints, or undated
        age_days: age at the date of the report; missing without a date [days]
        kind: measured, published, client or estimate
        stale: whether it is older than 90 days
        url: address of the source
        """
        rows = [(i.name, *ends(i.value), i.value.unit, *self._origin(i.source)) for i in self.used]
        return rows, (i.source for i in self.used)

    def _origin(self, source: Source) -> tuple[Any, ...]:
        age, stale = source.age_days(self.client.report_date), self.is_stale(source)
        said = (source.source, source.locator, source.date)
        return *said, age, source.kind, stale, source.url

    @frame
    def kinds(self) -> Yielded:
        """One kind of evidence that a number may rest on, the firmest first.

        kind: measured, client, published or estimate
        meaning: what the word says
        inputs: numbers of that kind [inputs]
        share: share of all numbers [share]
        stale: those older than 90 days [inputs]
        undated: those whose source prints no date [inputs]
        """
        for kind in _FIRMEST:
            found = [i.source for i in self.used if i.source.kind == kind]
            stale, undated = sum(map(self.is_stale, found)), sum(s.date == "undated" for s in found)
            share = len(found) / max(1, len(self.used))
            yield kind, KINDS[kind], len(found), share, stale, undated
        yield from (i.source for i in self.used)

    @frame
    def worth_replacing(self) -> Made:
        """An input of the cost, by how far it moves the lead of the chosen option, the most first.

        input: what it is
        low: low end of its range [1]
        central: its value as planned [1]
        high: high end of its range [1]
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
            return [], ()
        swings = {s.label: s for s in self.decision.swings if s.kind == "cost"}
        origins = dict(self._driver_sources())
        rows = []
        for moved in self.sensitivities().to_dict("records"):
            label, lead, turns = moved["driver"], None, False
            if swing := swings.get(label):
                lead = max(swing.leads) - min(swing.leads)
                turns = swing.leaders[0] != swing.leaders[1]
            value = [moved[end] for end in ("low", "central", "high", "unit")]
            saving = abs(moved["saving_high"] - moved["saving_low"])
            rows.append((label, *value, lead, turns, saving, *self._origin(origins[label])))
        rows.sort(key=lambda row: (-(row[5] or 0), -row[7]))
        return rows, origins.values()

    def _driver_sources(self) -> Iterator[tuple[str, Source]]:
        """The source of what each driver of the cost moves; of several, the one of most doubt."""
        plan = self.cost.plan
        for driver, factors in uncertainty.drivers(plan).items():
            label = uncertainty.described(plan, driver)[0]
            softest = max((f.source for f in factors), key=_softness, default=None)
            first = next(iter(self.scenario.workloads))
            growth = self.scenario.source(f"workloads.{first}.growth_per_year")
            yield label, softest or growth

    @frame
    def evidence(self) -> Yielded:
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
    def left_out(self) -> Yielded:
        """A figure that the scenario asks for and that no evidence supports: not estimated.

        option: label of the option; missing for a vendor
        subject: model, cost, or the vendor
        why: the reason
        """
        for name, option in self.options.items():
            for model, why in self.capacity[name].not_estimated.items():
                yield option.label, model, why
        for name, why in self.cost.not_estimated.items():
            yield self.options[name].label, "cost", why
        for vendor in self.stability.unknown_vendors:
            yield None, vendor, "no record of this vendor in the fact tables"

    @frame
    def cautions(self) -> Made:
        """A sentence that a reader must know before trusting the numbers.

        caution: the sentence
        """
        return [(sentence,) for sentence in self.warnings], ()


def _softness(source: Source) -> int:
    return _FIRMEST.index(source.kind)
