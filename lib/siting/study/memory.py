"""Frames of a study on memory of serving and of fine-tuning."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

from siting import catalogue
from siting.catalogue import Source
from siting.memory import pool, vram
from siting.memory.deployment import usable_gib
from siting.memory.vram import Memory
from siting.quality import bare_name
from siting.quantity import total
from siting.study.frames import Rows, Topic, frame, frame_citing

BEFORE_CACHE = ("weights", "activations", "libraries", "graphs")
"""What comes off the budget before the cache."""


class MemoryFrames(Topic):
    """Frames on memory of serving and of fine-tuning. All GiB are of the fullest GPU."""

    def _placed(self) -> Iterator[tuple[dict[str, str], Memory]]:
        """Option and model as a row names them, and what the model takes, where it is estimated."""
        for fit in itertools.chain(*self.results.memory.values()):
            if fit.memory:
                yield {"option": fit.option, "model": bare_name(fit.model)}, fit.memory

    def _memory_sources(self) -> list[Source]:
        """The cards' and models' own first, then those of the parts."""
        made = [m for _, m in self._placed()]
        own = [i.source for m in made for i in m.inputs]
        return own + [p.source for m in made for p in m.parts]

    @frame_citing(_memory_sources)
    def fits(self) -> Rows:
        """A model of an option, on the fewest GPUs that hold it.

        option: label of the option
        model: open model
        model_key: its name in the catalogue
        gpu?: card
        gpu_key?: its name in the catalogue
        gpus?: cards of one group [GPUs]
        tensor_parallel?: cards among which a layer is split [GPUs]
        weights?: format of the weights
        kv_cache?: format of the cache
        context?: longest request [tokens]
        planned?: requests of that length that it must hold [requests]
        card?: memory of the card that a program can use [GiB]
        share?: part of it that the engine takes [share]
        budget*?: what the engine may take of it [GiB]
        taken*?: weights and overhead, before the cache [GiB]
        need*?: weights, overhead and the cache of the planned requests [GiB]
        left*?: left for the cache [GiB]
        left_share?: that over the budget; nought where nothing is left [share]
        requests*?: longest requests that fit at once [requests]
        of_planned?: that over those that it must hold [times]
        longest?: longest single request that fits [tokens]
        verdict?: fits, tight (by the central estimate only) or does not fit
        served_on?: cards of a group that serves the load, which the limits decide [GPUs]
        served_requests?: longest requests that fit on such a group [requests]
        why: why it is not estimated
        """
        for fit in itertools.chain(*self.results.memory.values()):
            row = {
                "option": fit.option,
                "model": bare_name(fit.model),
                "model_key": fit.model,
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
            "gpu": runs.gpu.gpu,
            "gpu_key": runs.gpu.id,
            "gpus": runs.gpus,
            "tensor_parallel": runs.tensor_parallel,
            "weights": runs.weights,
            "kv_cache": runs.kv_cache,
            "context": found.context,
            "planned": found.concurrency,
            "card": usable_gib(runs.gpu).central,
            "share": pool.engine_share(runs).central,
            "budget*": found.budget_gib,
            "taken*": total(before_cache, "GiB"),
            "need*": found.need_gib,
            "left*": found.pool_gib,
            "left_share": max(found.pool_gib.central, 0.0) / found.budget_gib.central,
            "requests*": found.max_concurrency,
            "of_planned": found.max_concurrency.central / found.concurrency,
            "longest": found.longest_context,
            "verdict": found.verdict,
            "served_on": served_on,
            "served_requests": next(iter(held), None),
        }

    @frame_citing(_memory_sources)
    def memory_parts(self) -> Rows:
        """One part of what a model takes on a GPU.

        option: label of the option
        model: open model
        part: weights, activations, libraries, graphs, or the cache of the planned requests
        before_cache: whether it comes off before the cache
        *: least, expected and most [GiB]
        formula: how it is worked out
        source: where the figure comes from
        kind: measured, published, client or estimate
        """
        for where, m in self._placed():
            for p in m.parts:
                yield {
                    **where,
                    "part": p.name,
                    "before_cache": p.name in BEFORE_CACHE,
                    "*": p.gib,
                    "formula": p.formula,
                    "source": p.source.source,
                    "kind": p.source.kind,
                }

    @frame
    def fine_tuning(self) -> Rows:
        """A fine-tuning job on the cards of an option.

        job: name of the job
        option: label of the option
        gpu: card
        gpu_key: its name in the catalogue
        gpus?: fewest cards that hold it [GPUs]
        peak*?: highest memory of a card [GiB]
        hours*?: time of one run [hours]
        gpu_hours*?: cards times hours of one run [GPU-hours]
        energy*?: of the GPUs in one run [kWh]
        runs: runs a year [runs]
        verdict: fits, tight or does not fit
        why: why it is not estimated
        """
        for p in itertools.chain(*self.results.training.values()):
            row = {
                "job": p.job,
                "option": p.option,
                "gpu": catalogue.gpu(p.gpu).gpu,
                "gpu_key": p.gpu,
                "runs": p.runs_per_year,
                "verdict": p.verdict or "no",
                "why": p.reason,
            }
            if p.peak:
                row |= {"gpus": p.peak.job.gpus, "peak*": p.peak.reserved}
            if p.time:
                row |= {
                    "hours*": p.time.hours,
                    "gpu_hours*": p.time.gpu_hours,
                    "energy*": p.time.energy_kwh,
                }
            yield row
            yield from (i.source for i in p.inputs)

    # --- the map ------------------------------------------------------------------------------
