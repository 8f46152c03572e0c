"""Frames of a study on memory of serving and of fine-tuning."""

from __future__ import annotations

import itertools
from typing import Any

from siting import catalogue
from siting.catalogue import Source
from siting.memory import vram
from siting.memory.vram import Memory
from siting.quality import bare_name
from siting.quantity import total
from siting.study.frames import Rows, Topic, frame, picked

BEFORE_CACHE = ("weights", "activations", "libraries", "graphs")
"""What comes off the budget before the cache."""


class MemoryFrames(Topic):
    """Frames on memory of serving and of fine-tuning. All GiB are of the fullest GPU."""

    def _memory_sources(self) -> list[Source]:
        """The cards' and models' own first, then those of the parts."""
        fits = itertools.chain(*self.results.memory.values())
        made = [fit.memory for fit in fits if fit.memory]
        own = [i.source for m in made for i in m.inputs]
        return own + [p.source for m in made for p in m.parts]

    @frame(
        "option model",
        "gpu? gpus? weights? context? must_hold? of_weights? of_activations? of_libraries? "
        "of_graphs? budget? taken? need? free? at_once*? longest? verdict? served_on? "
        "served_requests? why",
        citing=_memory_sources,
    )
    def fits(self) -> Rows:
        """A model of an option, on the fewest GPUs that hold it."""
        for fit in itertools.chain(*self.results.memory.values()):
            row = {
                "option": fit.option,
                "model": bare_name(fit.model),
                "why": fit.reason,
            }
            if fit.memory is not None:
                row |= self._fit(fit, fit.memory) | {"why": ""}
            yield row

    def _fit(self, fit: vram.Fit, found: Memory) -> dict[str, Any]:
        """What `fits` says of a model whose memory is estimated."""
        runs = found.deployment
        before_cache = (p.gib for p in found.parts if p.name in BEFORE_CACHE)
        serving = self.results.capacity[fit.option].pools.get(fit.model)
        served_on = serving and serving.gpus_per_replica
        held = [c.max_concurrency.central for c in fit.choices if c.deployment.gpus == served_on]
        return {
            **picked(runs, "gpus weights"),
            **picked(found, "context verdict"),
            "gpu": runs.gpu.gpu,
            "must_hold": found.concurrency,
            **{f"of_{p.name}": p.gib.central for p in found.parts if p.name in BEFORE_CACHE},
            "budget": found.budget_gib.central,
            "taken": total(before_cache, "GiB").central,
            "need": found.need_gib.central,
            "free": found.pool_gib.central,
            "at_once*": found.max_concurrency,
            "longest": found.longest_context,
            "served_on": served_on,
            "served_requests": next(iter(held), None),
        }

    @frame(
        "job option gpu",
        "gpus? peak_memory*? hours? runs verdict",
    )
    def fine_tuning(self) -> Rows:
        """A fine-tuning job on the cards of an option."""
        for p in itertools.chain(*self.results.training.values()):
            row = {
                **picked(p, "job option"),
                "gpu": catalogue.gpu(p.gpu).gpu,
                "runs": p.runs_per_year,
                "verdict": p.verdict or "no",
            }
            if p.peak:
                row |= {"gpus": p.peak.job.gpus, "peak_memory*": p.peak.reserved}
            if p.time:
                row |= {"hours": p.time.hours.central}
            yield row
            yield from (i.source for i in p.inputs)
