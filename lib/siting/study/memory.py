"""Frames of a study on memory of serving and of fine-tuning."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from siting import catalogue
from siting.catalogue import Gpu, Model, Source
from siting.dtypes import weight_format
from siting.memory import pool, vram
from siting.memory.deployment import usable_gib
from siting.memory.fine_tuning import METHODS, fewest_gpus, one_step
from siting.memory.vram import Memory, sweep
from siting.quality import bare_name
from siting.quantity import NotEstimated, total
from siting.study.frames import Rows, Topic, frame, frame_citing

BEFORE_CACHE = ("weights", "activations", "libraries", "graphs")
"""What comes off the budget before the cache."""

MAP_FORMATS = ("bf16", "fp8", "int4")
MAP_CARDS = 12
"""Columns of the fit map that are legible on a page."""


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

    @frame_citing(_memory_sources)
    def served_memory(self) -> Rows:
        """A group of cards that serves the load of a model of an option, where that is another than
        in `fits`. GiB of the fullest card.

        option: label of the option
        model: open model
        gpus: cards of the group [GPUs]
        budget: what the engine may take of a card [GiB]
        weights: what they take of it [GiB]
        activations: likewise [GiB]
        libraries: likewise [GiB]
        graphs: likewise [GiB]
        left: left for the cache [GiB]
        request: cache of one of the longest requests [GiB]
        requests: longest requests that fit at once [requests]
        """
        for fit in itertools.chain(*self.results.memory.values()):
            serving = self.results.capacity[fit.option].pools.get(fit.model)
            if serving is None or fit.memory is None:
                continue
            for found in fit.choices:
                cards = found.deployment.gpus
                if cards == serving.gpus_per_replica != fit.memory.deployment.gpus:
                    sizes = {part.name: part.gib.central for part in found.parts}
                    yield {
                        "option": fit.option,
                        "model": bare_name(fit.model),
                        "gpus": cards,
                        "budget": found.budget_gib.central,
                        **{name: sizes[name] for name in BEFORE_CACHE},
                        "left": found.pool_gib.central,
                        "request": found.request_gib,
                        "requests": found.max_concurrency.central,
                    }

    @frame
    def fit_map(self) -> Rows:
        """A model in a weight format on a card: the fewest that hold the planned requests.

        model: open model
        weights: format of the weights
        gpu: card
        card: memory of the card that a program can use [GiB]
        gpus: fewest of 1, 2, 4 and 8; infinite where 8 do not hold it [GPUs]
        planned: requests that must fit [requests]
        context: length of each [tokens]
        """
        models = self._candidate_models()
        if not models:
            return
        cards = self._cards()
        planned = vram.planning_concurrency()
        context = max((m.context for _, m in self._placed()), default=8192)
        fewest = sweep(models, cards, MAP_FORMATS, context).fewest_gpus(planned)
        for (of_model, of_format, of_card), gpus in np.ndenumerate(fewest):
            card = cards[of_card]
            yield {
                "model": bare_name(models[of_model].model_id),
                "weights": MAP_FORMATS[of_format],
                "gpu": card.gpu,
                "card": usable_gib(card).central,
                "gpus": gpus,
                "planned": planned,
                "context": context,
            }
        yield from map(catalogue.source_of, models)

    @frame_citing(_memory_sources)
    def headroom(self) -> Rows:
        """What longer or more requests would take on the same card and weights.

        option: label of the option
        model: open model
        gpus: cards now [GPUs]
        context: longest request now [tokens]
        planned: requests now [requests]
        longest: longest single request that fits [tokens]
        twice: twice the length, or what the model allows at most [tokens]
        gpus_longer?: cards for that length; infinite: more than 8; missing: the model's limit
            is reached [GPUs]
        gpus_more: cards for twice the requests; infinite: more than 8 [GPUs]
        """
        for where, m in self._placed():
            limit = m.deployment.model.max_position_embeddings or m.context
            twice = min(limit, 2 * m.context)
            yield {
                **where,
                "gpus": m.deployment.gpus,
                "context": m.context,
                "planned": m.concurrency,
                "longest": m.longest_context,
                "twice": twice,
                "gpus_longer": _gpus(m, twice, m.concurrency) if m.context < limit else None,
                "gpus_more": _gpus(m, m.context, 2 * m.concurrency),
            }

    @frame_citing(_memory_sources)
    def memory_changes(self) -> Rows:
        """Requests that fit if the weights or the cache were kept in fewer bits.

        option: label of the option
        model: open model
        change: what would be otherwise
        now: requests of the longest length that fit [requests]
        then: the same after the change [requests]
        """
        for where, m in self._placed():
            runs = m.deployment
            bits = weight_format(runs.weights).bits
            narrower = [f for f in ("fp8", "int4") if weight_format(f).bits < bits]
            changes = {f"weights in {f}": replace(runs, weights=f) for f in narrower}
            if runs.kv_cache == "bf16":
                changes["cache in 8 bit"] = replace(runs, kv_cache="fp8")
            for change, other in changes.items():
                then = vram.inference(other, m.context, m.concurrency)
                yield {
                    **where,
                    "change": change,
                    "now": m.max_concurrency.central,
                    "then": then.max_concurrency.central,
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

    @frame
    def fine_tuning_methods(self) -> Rows:
        """A way of fine-tuning a model that an option serves: the fewest cards that hold it.

        model: open model
        gpu: card
        method: all weights, LoRA or QLoRA
        gpus?: fewest of 1, 2, 4 and 8 [GPUs]
        peak*?: highest memory of a card [GiB]
        verdict: fits, tight or does not fit
        why: why it does not fit, or is not estimated
        """
        runs = (m.deployment for _, m in self._placed())
        for name, card in dict.fromkeys((d.model.model_id, d.gpu.id) for d in runs):
            model = catalogue.model(name)
            gpu = catalogue.gpu(card)
            for method, words in METHODS.items():
                row: dict[str, Any] = {
                    "model": bare_name(name),
                    "gpu": gpu.gpu,
                    "method": words,
                    "verdict": "no",
                    "why": "needs more than 8 GPUs",
                }
                try:
                    peak = fewest_gpus(one_step(method, model, 4096), model, gpu)
                except NotEstimated as error:
                    peak = None
                    row["why"] = f"not estimated, because {error}"
                if peak:
                    row |= {
                        "gpus": peak.job.gpus,
                        "peak*": peak.reserved,
                        "verdict": peak.verdict(gpu),
                        "why": "",
                    }
                    yield from (p.source for p in peak.parts)
                yield row

    # --- the map ------------------------------------------------------------------------------

    def _cards(self) -> list[Gpu]:
        """Cards of the options, then the newest of each vendor and size; by memory."""
        own = [catalogue.gpu(o.gpu) for o in self.options.values() if o.gpu]
        recent = (g for g in catalogue.gpus() if g.usable_gib and g.launch_date >= "2020")
        newest = sorted(recent, key=lambda g: g.launch_date, reverse=True)
        chosen: dict[tuple[str, float], Gpu] = {}
        for card in (*own, *newest):
            if len(chosen) < MAP_CARDS:
                chosen.setdefault((card.vendor, round(card.memory_gb_marketing)), card)
        return sorted(chosen.values(), key=lambda g: (usable_gib(g).central, g.id))

    def _candidate_models(self) -> list[Model]:
        """Open models that options serve or workloads name, those that the catalogue knows."""
        served = [m for o in self.options.values() if o.gpu for m in o.models.values()]
        named = [m for w in self.scenario.workloads.values() for m in w.models]
        known: dict[str, Model] = {}
        for name in (*served, *named):
            with contextlib.suppress(KeyError):
                model = catalogue.model(name)
                known.setdefault(model.model_id, model)
        return list(known.values())


def _gpus(m: Memory, context: int, requests: float) -> float:
    """Cards of the smallest group like this one for other requests; infinite where 8 are short."""
    found = vram.fewest_gpus(m.deployment, context, requests)
    return found.deployment.gpus if found else float("inf")
