"""Frames of a study on SEAL levels and on C3A."""

from __future__ import annotations

from siting.study.frames import Rows, Topic, frame

from siting_seal import levels


class SealFrames(Topic):
    """Which levels of the EU framework and of C3A an option can reach, and which it was given."""

    @frame(
        "option objective",
        "name at_most open",
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
                    "open": level.is_open,
                }
        yield from (each.provenance for each in levels.objectives())
        yield from (each.provenance for each in levels.ceilings())
