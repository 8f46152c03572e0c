"""Frames of a study on memory of serving and of fine-tuning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from siting import catalogue, hf_config
from siting.catalogue import Gpu, Source
from siting.dtypes import weight_format
from siting.memory import vram
from siting.memory.deployment import usable_gib
from siting.memory.fine_tuning import METHODS, fewest_gpus, one_step
from siting.memory.sweep import sweep
from siting.memory.vram import Fit, Memory
from siting.quantity import NotEstimated, total
from siting.study.frames import Made, Yielded, ends, frame
from siting.study.results import Results

BEFORE_CACHE = ("weights", "activations", "libraries", "graphs")
"""What comes off the budget before the cache."""

MAP_FORMATS = ("bf16", "fp8", "int4")
MAP_CARDS = 12
"""Columns of the fit map that are legible on a page."""


class MemoryFrames(Results):
    """Frames on memory of serving and of fine-tuning. All GiB are of the fullest GPU."""

    @frame
    def fits(self) -> Made:
        """A model of an option, on the fewest GPUs that hold it.

        option: label of the option
        model: open model
        model_key: its name in the catalogue
        gpu: card
        gpu_key: its name in the catalogue
        gpus: cards of one group [GPUs]
        tensor_parallel: cards among which a layer is split [GPUs]
        weights: format of the weights
        kv_cache: format of the cache
        context: longest request [tokens]
        planned: requests of that length that it must hold [requests]
        card: memory of the card that a program can use [GiB]
        budget_low: what the engine may take of it [GiB]
        budget: the same, central [GiB]
        budget_high: the same, at most [GiB]
        taken_low: weights and overhead, before the cache [GiB]
        taken: the same, central [GiB]
        taken_high: the same, at most [GiB]
        need_low: weights, overhead and the cache of the planned requests [GiB]
        need: the same, central [GiB]
        need_high: the same, at most [GiB]
        left_low: left for the cache [GiB]
        left: the same, central [GiB]
        left_high: the same, at most [GiB]
        requests_low: longest requests that fit at once [requests]
        requests: the same, central [requests]
        requests_high: the same, at most [requests]
        longest: longest single request that fits [tokens]
        verdict: fits, tight (by the central estimate only) or does not fit
        served_on: cards of a group that serves the load, which the limits decide [GPUs]
        served_requests: longest requests that fit on such a group [requests]
        why: why it is not estimated
        """
        return map(self._placement, self._fits()), self._memory_sources()

    @frame
    def memory_parts(self) -> Yielded:
        """One part of what a model takes on a GPU.

        option: label of the option
        model: open model
        part: weights, activations, libraries, graphs, or the cache of the planned requests
        before_cache: whether it comes off before the cache
        low: least [GiB]
        central: expected [GiB]
        high: most [GiB]
        formula: how it is worked out
        source: where the figure comes from
        kind: measured, published, client or estimate
        """
        for fit, m in self._placed():
            for p in m.parts:
                known = p.name, p.name in BEFORE_CACHE, *ends(p.gib), p.formula
                yield *self._where(fit), *known, p.source.source, p.source.kind
        yield from self._memory_sources()

    @frame
    def fit_map(self) -> Yielded:
        """A model in a weight format on a card: the fewest that hold the planned requests.

        model: open model
        weights: format of the weights
        gpu: card
        card: memory of the card that a program can use [GiB]
        gpus: fewest of 1, 2, 4 and 8; infinite where 8 do not hold it [GPUs]
        planned: requests that must fit [requests]
        context: length of each [tokens]
        """
        models = [hf_config.model(m) for m in self._candidate_models()]
        if not models:
            return
        cards, wanted = self._cards(), vram.planning_concurrency()
        context = max((m.context for _, m in self._placed()), default=8192)
        fewest = sweep(models, cards, MAP_FORMATS, context).fewest_gpus(wanted)
        for i, model in enumerate(models):
            for j, weights in enumerate(MAP_FORMATS):
                for k, card in enumerate(cards):
                    size, needed = usable_gib(card).central, fewest[i, j, k]
                    yield short(model.model_id), weights, card.gpu, size, needed, wanted, context
        yield from map(catalogue.source_of, models)

    @frame
    def headroom(self) -> Yielded:
        """What longer or more requests would take on the same card and weights.

        option: label of the option
        model: open model
        gpus: cards now [GPUs]
        context: longest request now [tokens]
        planned: requests now [requests]
        longest: longest single request that fits [tokens]
        twice: twice the length, or what the model allows at most [tokens]
        gpus_longer: cards for that length; infinite: more than 8; missing: the model's limit
            is reached [GPUs]
        gpus_more: cards for twice the requests; infinite: more than 8 [GPUs]
        """
        for fit, m in self._placed():
            limit = m.model.max_position_embeddings or m.context
            twice = min(limit, 2 * m.context)
            longer = _gpus(m, twice, m.concurrency) if m.context < limit else None
            now = m.gpus, m.context, m.concurrency, m.longest_context
            yield *self._where(fit), *now, twice, longer, _gpus(m, m.context, 2 * m.concurrency)
        yield from self._memory_sources()

    @frame
    def memory_changes(self) -> Yielded:
        """Requests that fit if the weights or the cache were kept in fewer bits.

        option: label of the option
        model: open model
        change: what would be otherwise
        now: requests of the longest length that fit [requests]
        then: the same after the change [requests]
        """
        for fit, m in self._placed():
            d, bits = m.deployment, weight_format(m.deployment.weights).bits
            narrower = [f for f in ("fp8", "int4") if weight_format(f).bits < bits]
            changes = {f"weights in {f}": replace(d, weights=f) for f in narrower}
            if d.kv_cache == "bf16":
                changes["cache in 8 bit"] = replace(d, kv_cache="fp8")
            for change, other in changes.items():
                then = vram.inference(other, m.context, m.concurrency).max_concurrency
                yield *self._where(fit), change, m.max_concurrency.central, then.central
        yield from self._memory_sources()

    @frame
    def fine_tuning(self) -> Yielded:
        """A fine-tuning job on the cards of an option.

        job: name of the job
        option: label of the option
        gpu: card
        gpu_key: its name in the catalogue
        gpus: fewest cards that hold it [GPUs]
        peak_low: highest memory of a card [GiB]
        peak: the same, central [GiB]
        peak_high: the same, at most [GiB]
        hours_low: time of one run [hours]
        hours: the same, central [hours]
        hours_high: the same, at most [hours]
        gpu_hours_low: cards times hours of one run [GPU-hours]
        gpu_hours: the same, central [GPU-hours]
        gpu_hours_high: the same, at most [GPU-hours]
        energy_low: of the GPUs in one run [kWh]
        energy: the same, central [kWh]
        energy_high: the same, at most [kWh]
        runs: runs a year [runs]
        verdict: fits, tight or does not fit
        why: why it is not estimated
        """
        for p in (p for found in self.training.values() for p in found):
            where = p.job, self.options[p.option].label, catalogue.gpu(p.gpu).gpu, p.gpu
            gpus, peak = (p.peak.job.gpus, p.peak.reserved) if p.peak else (None, None)
            time = p.time and (p.time.hours, p.time.gpu_hours, p.time.energy_kwh)
            spans = [end for r in (peak, *(time or (None,) * 3)) for end in ends(r)]
            yield *where, gpus, *spans, p.runs_per_year, p.verdict or "no", p.reason
            yield from (i.source for i in p.inputs)

    @frame
    def fine_tuning_methods(self) -> Yielded:
        """A way of fine-tuning a model that an option serves: the fewest cards that hold it.

        model: open model
        gpu: card
        method: all weights, LoRA or QLoRA
        gpus: fewest of 1, 2, 4 and 8 [GPUs]
        peak_low: highest memory of a card [GiB]
        peak: the same, central [GiB]
        peak_high: the same, at most [GiB]
        verdict: fits, tight or does not fit
        why: why it does not fit, or is not estimated
        """
        for name, card in dict.fromkeys((m.model.model_id, m.gpu.id) for _, m in self._placed()):
            model, gpu = hf_config.model(name), catalogue.gpu(card)
            for method, words in METHODS.items():
                size: tuple[float | None, ...] = (None, *ends(None))
                verdict, why = "no", "needs more than 8 GPUs"
                try:
                    peak = fewest_gpus(one_step(method, model, 4096), model, gpu)
                except NotEstimated as error:
                    peak, why = None, f"not estimated, because {error}"
                if peak:
                    size = peak.job.gpus, *ends(peak.reserved)
                    verdict, why = peak.verdict(gpu), ""
                    yield from (p.source for p in peak.parts)
                yield short(name), gpu.gpu, words, *size, verdict, why

    # --- rows ---------------------------------------------------------------------------------

    def _fits(self) -> list[Fit]:
        return [fit for fits in self.memory.values() for fit in fits]

    def _placed(self) -> Iterator[tuple[Fit, Memory]]:
        return ((f, f.memory) for f in self._fits() if f.memory is not None)

    def _memory_sources(self) -> Iterable[Source]:
        """The cards' and models' own first, then those of the parts."""
        made = [m for _, m in self._placed()]
        return [
            *(i.source for m in made for i in m.inputs),
            *(p.source for m in made for p in m.parts),
        ]

    def _where(self, fit: Fit) -> tuple[str, str]:
        return self.options[fit.option].label, short(fit.model)

    def _placement(self, fit: Fit) -> tuple[Any, ...]:
        """A row of `fits`; the group on which the load is carried may be another size."""
        m, where = fit.memory, (*self._where(fit), fit.model)
        if m is None:
            return *where, *(None,) * 28, fit.reason
        d, card = m.deployment, (m.gpu.gpu, m.gpu.id, m.gpus, m.deployment.tensor_parallel)
        asked = d.weights, d.kv_cache, m.context, m.concurrency, usable_gib(m.gpu).central
        taken = total((p.gib for p in m.parts if p.name in BEFORE_CACHE), "GiB")
        spans = m.budget_gib, taken, m.need_gib, m.pool_gib, m.max_concurrency
        pool = self.capacity[fit.option].pools.get(fit.model)
        size = pool.gpus_per_replica if pool else None
        held = [c.max_concurrency.central for c in fit.choices if c.gpus == size]
        served = m.longest_context, m.verdict, size, held[0] if held else None
        return *where, *card, *asked, *(end for r in spans for end in ends(r)), *served, ""

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

    def _candidate_models(self) -> list[str]:
        """Open models that options serve or workloads name, those that the catalogue knows."""
        served = [m for o in self.options.values() if o.gpu for m in o.models.values()]
        named = [m for w in self.scenario.workloads.values() for m in w.models]
        known = []
        for name in dict.fromkeys((*served, *named)):
            try:
                known.append(hf_config.model(name).model_id)
            except KeyError:
                continue
        return list(dict.fromkeys(known))


def short(model: str) -> str:
    """A model's name without its maker's."""
    return model.split("/")[-1]


def _gpus(m: Memory, context: int, requests: float) -> float:
    """Cards of the smallest group like this one for other requests; infinite where 8 are short."""
    found = vram.fewest_gpus(m.deployment, context, requests)
    return found.gpus if found else float("inf")
