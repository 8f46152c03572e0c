"""Frames of a study on memory of serving and of fine-tuning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from siting import catalogue, hf_config
from siting.catalogue import Gpu, Source
from siting.memory import vram
from siting.memory.deployment import usable_gib
from siting.memory.fine_tuning import Feasible, Plan, feasibility
from siting.memory.sweep import sweep
from siting.memory.vram import Fit, Memory
from siting.memory.weights import weight_format
from siting.quantity import total
from siting.study.frames import Made, frame, spread
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
        rows = [self._placement(f, f.memory) for f in self._fits()]
        return rows, self._memory_sources()

    @frame
    def memory_parts(self) -> Made:
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
        rows = [
            {
                **self._where(fit),
                "part": p.name,
                "before_cache": p.name in BEFORE_CACHE,
                **spread(p.gib),
                "formula": p.formula,
                "source": p.source.source,
                "kind": p.source.kind,
            }
            for fit, m in self._placed()
            for p in m.parts
        ]
        return rows, self._memory_sources()

    @frame
    def fit_map(self) -> Made:
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
            return [], ()
        cards, wanted = self._cards(), vram.planning_concurrency()
        context = max((m.context for _, m in self._placed()), default=8192)
        fewest = sweep(models, cards, MAP_FORMATS, context).fewest_gpus(wanted)
        rows = [
            {
                "model": short(models[i].model_id),
                "weights": MAP_FORMATS[j],
                "gpu": cards[k].gpu,
                "card": usable_gib(cards[k]).central,
                "gpus": count,
                "planned": wanted,
                "context": context,
            }
            for (i, j, k), count in np.ndenumerate(
                fewest.reshape(len(models), len(MAP_FORMATS), len(cards))
            )
        ]
        return rows, tuple(catalogue.source_of(m) for m in models)

    @frame
    def headroom(self) -> Made:
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
        rows = [self._headroom(f, m) for f, m in self._placed()]
        return rows, self._memory_sources()

    @frame
    def memory_changes(self) -> Made:
        """Requests that fit if the weights or the cache were kept in fewer bits.

        option: label of the option
        model: open model
        change: what would be otherwise
        now: requests of the longest length that fit [requests]
        then: the same after the change [requests]
        """
        rows = [row for f, m in self._placed() for row in self._fewer_bits(f, m)]
        return rows, self._memory_sources()

    @frame
    def fine_tuning(self) -> Made:
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
        plans = [p for found in self.training.values() for p in found]
        return map(self._job, plans), (i.source for p in plans for i in p.inputs)

    @frame
    def fine_tuning_methods(self) -> Made:
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
        pairs = dict.fromkeys((m.model.model_id, m.gpu.id) for _, m in self._placed())
        found = [
            f
            for model, gpu in pairs
            for f in feasibility(hf_config.model(model), catalogue.gpu(gpu))
        ]
        sources = [p.source for f in found if f.peak for p in f.peak.parts]
        return map(_method, found), sources

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

    def _where(self, fit: Fit) -> dict[str, str]:
        return {"option": self.options[fit.option].label, "model": short(fit.model)}

    def _placement(self, fit: Fit, m: Memory | None) -> dict[str, Any]:
        if m is None:
            blank = dict.fromkeys(_OF_A_FIT)
            return {**self._where(fit), "model_key": fit.model, **blank, "why": fit.reason}
        taken = total((p.gib for p in m.parts if p.name in BEFORE_CACHE), "GiB")
        return {
            **self._where(fit),
            "model_key": fit.model,
            "gpu": m.gpu.gpu,
            "gpu_key": m.gpu.id,
            "gpus": m.gpus,
            "tensor_parallel": m.tp,
            "weights": m.weights,
            "kv_cache": m.kv,
            "context": m.context,
            "planned": m.concurrency,
            "card": usable_gib(m.gpu).central,
            **spread(m.budget_gib, "budget"),
            **spread(taken, "taken"),
            **spread(m.need_gib, "need"),
            **spread(m.pool_gib, "left"),
            **spread(m.max_concurrency, "requests"),
            "longest": m.longest_context,
            "verdict": m.verdict,
            **self._serving(fit),
            "why": "",
        }

    def _serving(self, fit: Fit) -> dict[str, float | None]:
        """The group on which the load of a placement is carried; it may be another size."""
        pool = self.capacity[fit.option].pools.get(fit.model)
        size = pool.gpus_per_replica if pool else None
        held = [c.max_concurrency.central for c in fit.choices if c.gpus == size]
        return {"served_on": size, "served_requests": held[0] if held else None}

    def _headroom(self, fit: Fit, m: Memory) -> dict[str, Any]:
        limit = m.model.max_position_embeddings or m.context
        longer = vram.larger(m, context_factor=2) if m.context < limit else None
        return {
            **self._where(fit),
            "gpus": m.gpus,
            "context": m.context,
            "planned": m.concurrency,
            "longest": m.longest_context,
            "twice": min(limit, 2 * m.context),
            "gpus_longer": _gpus(longer) if m.context < limit else None,
            "gpus_more": _gpus(vram.larger(m, concurrency_factor=2)),
        }

    def _fewer_bits(self, fit: Fit, m: Memory) -> Iterator[dict[str, Any]]:
        bits = weight_format(m.weights).bits
        others = [(f, m.kv) for f in ("fp8", "int4") if weight_format(f).bits < bits]
        for weights, kv in [*others, (m.weights, "fp8")]:
            if (weights, kv) == (m.weights, m.kv) or (weights == m.weights and m.kv != "bf16"):
                continue
            other = replace(m.deployment, weights=weights, kv_cache=kv)
            made = vram.inference(other, m.context, m.concurrency)
            same = weights == m.weights
            yield {
                **self._where(fit),
                "change": "cache in 8 bit" if same else f"weights in {weights}",
                "now": m.max_concurrency.central,
                "then": made.max_concurrency.central,
            }

    def _job(self, plan: Plan) -> dict[str, Any]:
        row: dict[str, Any] = {
            "job": plan.job,
            "option": self.options[plan.option].label,
            "gpu": catalogue.gpu(plan.gpu).gpu,
            "gpu_key": plan.gpu,
            "runs": plan.runs_per_year,
            "verdict": plan.verdict or "no",
            "why": plan.reason,
        }
        peak, time = plan.peak, plan.time
        if peak is None or time is None:
            peak = time = None
        return row | {
            "gpus": peak.job.gpus if peak else None,
            **spread(peak.reserved if peak else None, "peak"),
            **spread(time.hours if time else None, "hours"),
            **spread(time.gpu_hours if time else None, "gpu_hours"),
            **spread(time.energy_kwh if time else None, "energy"),
        }

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


def _gpus(m: Memory | None) -> float:
    return float("inf") if m is None else m.gpus


def _method(found: Feasible) -> dict[str, Any]:
    peak = found.peak
    return {
        "model": short(found.model),
        "gpu": catalogue.gpu(found.gpu).gpu,
        "method": {"full": "all weights", "lora": "LoRA", "qlora": "QLoRA"}[found.method],
        "gpus": peak.job.gpus if peak else None,
        **spread(peak.reserved if peak else None, "peak"),
        "verdict": found.verdict or "no",
        "why": found.reason,
    }


_OF_A_FIT = (
    *("gpu", "gpu_key", "gpus", "tensor_parallel", "weights", "kv_cache", "context", "planned"),
    *("card", "longest", "verdict", "served_on", "served_requests"),
    *(
        f"{what}{end}"
        for what in ("budget", "taken", "need", "left", "requests")
        for end in ("_low", "", "_high")
    ),
)
