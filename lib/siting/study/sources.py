"""Frames of a study on where its numbers come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator

from siting.catalogue import STALE_DAYS, Source
from siting.inputs.scenario.model import BEST
from siting.quality import spoken
from siting.study.frames import Rows, Topic, frame, picked
from siting.verdict import options, ordered


class SourceFrames(Topic):
    """Frames on where each number comes from, how old it is, and what is left out."""

    def _used_sources(self) -> Iterator[Source]:
        return (i.source for i in self.results.used)

    @frame(
        "name * source",
        "unit locator date age_days? kind url",
        citing=_used_sources,
    )
    def inputs(self) -> Rows:
        """One number that a result used, with its origin."""
        for i in self.results.used:
            yield picked(i.source, "source locator date kind url") | {
                "name": i.name,
                "*": i.value,
                "unit": i.value.unit,
                "age_days": i.source.age_days(self.client.report_date),
            }

    @frame("about subject why", "")
    def left_out(self) -> Rows:
        """What a reader must know before trusting the numbers. Where a subject is named, it is a
        figure that the scenario asks for and no evidence supports: not estimated."""
        every = ({"subject": ""} | row for row in self._left_out())
        yield from {(row["about"], row["subject"], row["why"]): row for row in every}.values()

    def _left_out(self) -> Iterator[dict[str, str]]:
        """Its rows; those without a subject leave it out."""
        labels = self.results.labels
        for name, found in self.results.capacity.items():
            for model, why in found.not_estimated.items():
                yield {"about": labels[name], "subject": model, "why": why}
        for name, why in self.results.cost.plan.not_estimated.items():
            yield {"about": labels[name], "subject": "cost", "why": why}
        for vendor in self.results.stability.unknown_vendors:
            why = "no record of this vendor, so the chances of all vendors are taken"
            yield {"about": vendor, "why": why}
        yield from self._ordered()
        for name, sized in self.results.capacity.items():
            for words in sized.warnings:
                yield {"about": labels[name], "why": words}
        candidates = self.results.decision.candidates
        notes = options.notes(self.scenario, self.results.quality, candidates)
        for sentence in (*notes, *self.results.cost.plan.notes):
            about, colon, why = sentence.partition(": ")
            yield {"about": about if colon else "", "why": why or sentence}
        ages = (i.source.age_days(self.client.report_date) for i in self.results.used)
        old = sum(age is not None and age > STALE_DAYS for age in ages)
        if old:
            why = f"{old} of {len(self.results.used)} inputs are older than {STALE_DAYS} days"
            yield {"about": "", "why": why}

    def _ordered(self) -> Iterator[dict[str, str]]:
        """What is taken of models, efforts and terms that the scenario leaves to the kit."""
        for name, asked in self.results.said.options.items():
            taken = self.scenario.options[name]
            if ordered.is_open(asked) and all(map(taken.runs, self.scenario.workloads)):
                words = [spoken(model) for model in dict.fromkeys(taken.models.values())]
                words += [f"effort {taken.effort}"] if taken.effort else []
                words += [ordered.TERMS[taken.commitment]] if asked.commitment == BEST else []
                why = f"left open, taken is what costs least: {', '.join(words)}"
                yield {"about": taken.label, "why": why}
