"""Whether a model fits: memory of one GPU by part, and what an option's GPUs hold.

`inference` adds the parts up for one deployment, per GPU, each with a range, its formula and its
source; `fewest_gpus` solves for the group; `assess` answers for a client's options.
"""

from __future__ import annotations

import math
from dataclasses import field, replace

from siting import catalogue, pictures, quality
from siting.catalogue import Input, Model, UnknownName
from siting.dtypes import weight_format
from siting.inputs.scenario.model import Option, Scenario, Workload
from siting.memory import pool
from siting.memory.deployment import Deployment, planned, usable_gib
from siting.memory.distance import aspects, in_words, unmeasured
from siting.memory.engines import constant
from siting.memory.pool import CachePool, MemoryPart, Verdict
from siting.memory.weights import tensors
from siting.places import SELF_HOSTED
from siting.quantity import Z999, LogNormal, NotEstimated, Range, total
from siting.records import frozen


@frozen
class Memory:
    """Memory of one GPU (the fullest) while serving a model, with what it leaves for requests."""

    deployment: Deployment
    """With weight and cache formats by their names in the catalogue."""
    context: int
    """Longest request. [tokens]"""
    concurrency: float
    """Requests of that length that were asked for."""
    parts: tuple[MemoryPart, ...]
    """Weights, activations, libraries, graphs, and the cache that was asked for."""
    budget_gib: Range
    """What the engine may take of the card."""
    pool_gib: Range
    """What is left for the cache; below zero: the weights alone do not fit."""
    request_gib: float
    """Cache of one request of the longest length."""
    tokens: Range
    """Tokens that the pool holds, as the engine would print them."""
    max_concurrency: Range
    """Requests of the longest length that fit at once."""
    longest_context: int
    """Longest single request that fits, up to what the model allows. [tokens]"""
    verdict: Verdict
    refusal: str = ""
    """Why it does not start as it is set, and what to set instead; blank: it does."""
    hint: str = ""
    """What to set so that it starts where nothing was stated; blank: nothing."""
    inputs: tuple[Input, ...] = field(default=())

    @property
    def starts(self) -> bool:
        """False: the engine stops before the first request."""
        return not self.refusal

    @property
    def note(self) -> str:
        """What keeps it from starting, and what of this case nobody measured; blank if nothing."""
        far = in_words(unmeasured("serving", aspects(self.deployment)))
        return "; ".join(filter(None, (self.refusal, self.hint, far)))

    @property
    def need_gib(self) -> Range:
        """Sum of the parts, with the cache that was asked for."""
        return total((p.gib for p in self.parts), "GiB")


def inference(d: Deployment, context: int | None = None, concurrency: float = 1) -> Memory:
    """Memory of serving as `d` says, per GPU.

    context: longest request [tokens], the model's own limit if None. concurrency: requests of
    that length at once. A blank release is unknown; see `deployment.planned`. Raises NotEstimated.
    """
    longest = context or d.model.max_position_embeddings
    if longest is None:
        raise NotEstimated(f"the context of {d.model.model_id} is not known: state one")
    made = pool.CachePool(d, longest)
    need = pool.request_gib(d, longest)
    form = weight_format(d.weights, d.model)
    cells = pool.kv_format(d)
    held = [pool.holds(d, longest, left) for left in made.left.ends]
    requests = Range.ordered([each.requests for each in held], "requests")
    asked = MemoryPart(
        name="cache",
        gib=Range.exact(need * concurrency, "GiB"),
        formula=f"{concurrency:g} requests, {cells.format}, of {pool.request_formula(d, longest)}",
        source=cells.provenance,
    )
    refusal, hint = pool.stops(d, longest, made.left.central)
    verdict: Verdict = "does not fit"
    if not refusal and requests.central >= concurrency:
        verdict = "fits" if requests.low >= concurrency else "tight"
    return Memory(
        deployment=replace(d, weights=form.format, kv_cache=cells.format),
        context=longest,
        concurrency=concurrency,
        parts=(*made.parts, asked),
        budget_gib=made.budget,
        pool_gib=made.left,
        request_gib=need,
        tokens=Range.ordered([each.tokens for each in held], "tokens"),
        max_concurrency=requests,
        longest_context=pool.longest_context(d, made.left.central),
        verdict=verdict,
        refusal=refusal,
        hint=hint,
        inputs=_inputs(d, made),
    )


def _inputs(d: Deployment, made: CachePool) -> tuple[Input, ...]:
    form = weight_format(d.weights, d.model)
    size = Range.exact(tensors(d.model).total / 1e9, "billion")
    bits = Range.exact(form.bits, "bit")
    model = f"parameters of {d.model.model_id}"
    memory = f"usable memory, {d.gpu.gpu}"
    width = f"bits a parameter, {form.format}"
    found = [
        Input(name=model, value=size, source=d.model.provenance),
        Input(name=memory, value=usable_gib(d.gpu), source=d.gpu.provenance),
        Input(name=width, value=bits, source=form.provenance),
    ]
    # Weights are told by parameters and bits.
    found += [part.input for part in made.parts if part.name != "weights"]
    return tuple(found)


TENSOR_PARALLEL = (1, 2, 4, 8)


def can_split(model: Model, tp: int) -> bool:
    """Whether attention heads divide evenly over `tp` ranks."""
    return model.num_attention_heads % tp == 0


def group_sizes(
    d: Deployment, context: int | None = None, concurrency: float = 1
) -> tuple[Memory, ...]:
    """The memory of `d` on 1, 2, 4 and 8 cards, as far as attention heads divide."""
    return tuple(
        inference(replace(d, tensor_parallel=tp), context, concurrency)
        for tp in TENSOR_PARALLEL
        if can_split(d.model, tp)
    )


def fewest_gpus(d: Deployment, context: int | None = None, concurrency: float = 1) -> Memory | None:
    """The smallest tensor-parallel group that holds `concurrency` requests; None if none does."""
    tried = group_sizes(d, context, concurrency)
    return next((m for m in tried if m.verdict != "does not fit"), None)


# --- a client's options -----------------------------------------------------------------------


@frozen
class Fit:
    """Whether a model fits where an option would run it."""

    option: str
    workloads: tuple[str, ...]
    """Workloads that share this model in this option."""
    model: str
    memory: Memory | None = None
    """The group of GPUs that was chosen; None if nothing fits or it could not be estimated."""
    choices: tuple[Memory, ...] = ()
    """What was looked at: 1, 2, 4 and 8 GPUs, or the group that the client names."""
    reason: str = ""
    """Why there is no `memory`."""


def longest_request(w: Workload) -> int:
    """Longest request to plan for: the 99.9th percentile of each part, added up. [tokens]

    With hidden reasoning; rounded up to 1,024. A conversation is as long as its last turn.
    """
    read, written = (
        LogNormal.fitted(t.mean, t.p95).quantile(Z999) for t in (w.input_tokens, w.output_tokens)
    )
    length = (w.reasoning_tokens or 0) + max(read, w.last_input) + written
    return math.ceil(length / 1024) * 1024


def assess(scenario: Scenario) -> dict[str, tuple[Fit, ...]]:
    """For each option that runs models on GPUs of its own: a `Fit` for each model it serves.

    An API has no memory to fit; a hybrid is made of other options. Both are left out.
    """
    return {
        name: tuple(
            _fit(name, option, model, works, scenario)
            for model, works in served(option, scenario).items()
        )
        for name, option in scenario.options.items()
        if option.kind in SELF_HOSTED
    }


def deployment(option: Option, model: Model, size: int) -> Deployment:
    """A model on `size` of an option's GPUs: what memory, load and latency are computed for."""
    return Deployment(
        model=model,
        gpu=catalogue.gpu(option.gpu),
        weights=option.weights,
        kv_cache=option.kv_cache,
        tensor_parallel=size,
        engine=option.engine,
    )


def served(option: Option, scenario: Scenario) -> dict[str, tuple[str, ...]]:
    """Models that an option serves, each with its workloads."""
    pools: dict[str, tuple[str, ...]] = {}
    for name, workload in scenario.workloads.items():
        model = option.runs(name) or next(iter(workload.models), "")
        pools[model] = (*pools.get(model, ()), name)
    return pools


def _fit(
    name: str, option: Option, model_name: str, works: tuple[str, ...], scenario: Scenario
) -> Fit:
    fit = Fit(option=name, workloads=works, model=model_name)
    loads = [quality.at_effort(scenario, name, w) for w in works]
    try:
        for work in works:
            pictures.tokens(scenario.workloads[work], model_name)  # refuses one that takes none
        model = catalogue.model(model_name)
        context = option.context or max(map(longest_request, loads))
        context = min(context, model.max_position_embeddings or context)
        d = planned(deployment(option, model, option.tensor_parallel or 1))
        at_once = sum(load.most_at_once for load in loads)
        # Longest requests that a choice of GPUs must hold before the load is known.
        wanted = min(constant("any", "planning_concurrency").central, at_once)
        lone = (inference(d, context, wanted),) if option.tensor_parallel else ()
        choices = lone or group_sizes(d, context, wanted)
    except (UnknownName, NotEstimated) as error:
        return replace(fit, reason=f"not estimated, because {error.args[0]}")
    chosen = next((m for m in choices if m.verdict != "does not fit"), None)
    if chosen is None and choices:  # a lone long request may still be served
        started = (m for m in choices if m.starts and m.max_concurrency.central >= 1)
        chosen = next(started, None)
    reason = "" if chosen else "no group of up to 8 GPUs holds the model and one longest request"
    return replace(fit, model=model.model_id, memory=chosen, choices=choices, reason=reason)
