"""Frames of a study on SEAL levels and on C3A."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from siting.catalogue import source_of
from siting.inputs.attributes import Attribute, Known
from siting.rules.flows import FlowFacts
from siting.study.frames import Rows, Topic, frame

from siting_seal import levels


class SealFrames(Topic):
    """Which levels of the EU framework and of C3A an option can reach, and which it was given."""

    @frame(
        "option objective",
        "name at_most evidence unknown open",
    )
    def seal_levels(self) -> Rows:
        """One objective of the EU Cloud Sovereignty Framework for one option: a ceiling, no
        grade."""
        law = self.results.sovereignty.law
        for name, option in self.results.sovereignty.options.items():
            for level in levels.levels(option.flows, law):
                yield {
                    "option": name,
                    "objective": level.objective.objective,
                    "name": level.objective.name,
                    "at_most": level.at_most,
                    "evidence": _told(level.evidence),
                    "unknown": _unknown_of(level.unknown, option.flows),
                    "open": level.is_open,
                }
        yield from map(source_of, levels.objectives())
        yield from map(source_of, levels.ceilings())


def _told(evidence: Iterable[Known]) -> str:
    """Answers, each with what was asked."""
    return "; ".join(f"{known.attribute.label}: {known.text}" for known in evidence)


def _unknown_of(attributes: Iterable[Attribute], flows: Sequence[FlowFacts]) -> str:
    """What is asked, with the flows of which it is not known where it is known of others."""

    def told(attribute: Attribute) -> str:
        lacking = [f for f in flows if f.values.get(attribute.name) is None]
        if attribute.level != "flow" or len(lacking) in (0, len(flows)):
            return attribute.label
        named = dict.fromkeys(f.label.split(": ")[-1].lower() for f in lacking)
        return f"{attribute.label} ({', '.join(named)})"

    return "; ".join(map(told, attributes))
