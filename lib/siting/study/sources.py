"""Frames of a study on where its numbers come from, and what is left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from siting.catalogue import STALE_DAYS, Source, SourceKind
from siting.inputs.scenario.model import BEST
from siting.quality import spoken
from siting.study.frames import Rows, Topic, frame
from siting.verdict import options, ordered

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

    @frame(
        "name * source",
        "unit locator date age_days? kind stale url",
        citing=_used_sources,
    )
    def inputs(self) -> Rows:
        """One number that a result used, with its origin."""
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

    @frame("entries", "source locator date kind")
    def evidence(self) -> Rows:
        """A document or person behind the scenario."""
        for e in self.scenario.evidence:
            yield {
                "entries": ", ".join(e.fields),
                "source": e.source,
                "locator": e.locator,
                "date": e.date.isoformat(),
                "kind": e.kind,
            }

    @frame("about subject why", "")
    def left_out(self) -> Rows:
        """A figure that the scenario asks for and that no evidence supports: not estimated."""
        for name, found in self.results.capacity.items():
            for model, why in found.not_estimated.items():
                yield {"about": self.results.labels[name], "subject": model, "why": why}
        for name, why in self.results.cost.plan.not_estimated.items():
            yield {"about": self.results.labels[name], "subject": "cost", "why": why}
        for vendor in self.results.stability.unknown_vendors:
            why = "no record of this vendor, so the chances of all vendors are taken"
            yield {"about": "", "subject": vendor, "why": why}

    @frame(
        "caution",
        "about what",
    )
    def cautions(self) -> Rows:
        """A sentence that a reader must know before trusting the numbers."""
        for sentence in dict.fromkeys(self._cautions()):
            about = sentence.partition(": ")[0] if ": " in sentence else ""
            what = sentence.removeprefix(f"{about}: ")
            yield {"caution": sentence, "about": about, "what": what}

    def _ordered(self) -> Iterator[str]:
        """What is taken of models, efforts and terms that the scenario leaves to the kit."""
        for name, asked in self.results.said.options.items():
            taken = self.scenario.options[name]
            if ordered.is_open(asked) and taken.models:
                words = [spoken(model) for model in dict.fromkeys(taken.models.values())]
                words += [f"effort {taken.effort}"] if taken.effort else []
                words += [ordered.TERMS[taken.commitment]] if asked.commitment == BEST else []
                yield f"{taken.label}: left open, taken is what costs least: {', '.join(words)}"

    def _cautions(self) -> Iterator[str]:
        for found in self.left_out().to_dict("records"):
            if found["about"]:
                yield "{about}: {subject} not estimated, because {why}".format_map(found)
            else:
                yield "{subject}: {why}".format_map(found)
        yield from self._ordered()
        for name, sized in self.results.capacity.items():
            yield from (f"{self.results.labels[name]}: {words}" for words in sized.warnings)
        candidates = self.results.decision.candidates
        yield from options.notes(self.scenario, self.results.quality, candidates)
        yield from self.results.cost.plan.notes
        old = sum(self.results.is_stale(i.source) for i in self.results.used)
        if old:
            yield f"{old} of {len(self.results.used)} inputs are older than {STALE_DAYS} days"
