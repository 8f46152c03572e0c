"""Read a public start-up log as the kit's own inputs, and predict it.

Only what was set before the run is read: model, card, engine, formats, parallelism, limits. Words
of the notes count where they state a setting (number of cards, speculative decoding). A blank
limit takes the engine's default; a blank card or model is said to be missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from operator import attrgetter

from siting import catalogue
from siting.catalogue import Gpu, Model
from siting.memory import vram
from siting.memory.deployment import Deployment, max_sequences, usable_gib
from siting.memory.distance import aspects, in_words, unmeasured
from siting.memory.engines import constant, engine_family, version
from siting.memory.pool import CachePool, Held, activations, holds, loaded, request_gib
from siting.memory.weights import checkpoint_format
from siting.quantity import NotEstimated, Range
from siting.records import frozen

from siting_validation.cases import Estimate, Kind, Row, number, positive, whole


@frozen
class ServingRun:
    """A serving run, as far as its row states it."""

    deployment: Deployment
    """With a card of no memory where the row names none."""
    context: int | None
    card_known: bool = True
    engine_known: bool = True

    @property
    def card(self) -> Gpu:
        if not self.card_known:
            raise NotEstimated("the card is not stated")
        return self.deployment.gpu

    @property
    def note(self) -> str:
        """What a reader must know about every figure of this run."""
        if not self.card_known:
            return ""
        notes = [in_words(unmeasured("serving", aspects(self.deployment)))]
        if self.deployment.gpu.usable_gib is None:
            notes.append("usable memory of the card estimated from its data sheet")
        return "; ".join(filter(None, notes))

    @property
    def longest(self) -> int:
        """The stated context, else the model's own limit, which is the engine's default."""
        default = self.deployment.model.max_position_embeddings
        if self.deployment.family == "llama.cpp":
            default = int(constant("llama.cpp", "default_context").central)
        found = self.context or default
        if found is None:
            raise NotEstimated("max_model_len is not stated and the model's limit is unknown")
        return found


NO_CARD = catalogue.gpu("1GB-class").model_copy(update={"memory_gb_marketing": 0.0})


MEASURED_IN = {
    "kv_tokens_given_kv_gib": "kv_cache_tokens",
    "concurrency_given_kv_gib": "max_concurrency_x",
}


IN_GIB = ("weights_gib_per_gpu", "kv_cache_gib_per_gpu", "activation_peak_gib")


# --- what a row states ------------------------------------------------------------------------


def run_of(row: Row) -> ServingRun:
    """A serving run from a row of vram.csv. Raises NotEstimated, KeyError or ValueError."""
    model, weights = model_of(row)
    note = f"{row.get('checkpoint_as_stated', '')} {row.get('note', '')}".lower()
    speculative = bool(SPECULATION.search(note)) and bool(model.mtp_layers)
    cards = re.search(r"(\d+)\s*gpu\(s\)", note)
    gpu, named = gpu_of(row)
    engine, engine_known = _engine(row)
    ranks = re.search(r"\b(?:dcp|decode[ -]context[ -]parallel)\D{0,12}(\d+)", note)
    tp = whole(row, "tensor_parallel")
    if tp is None:
        tp = int(cards[1]) if cards and engine_family(engine) == "llama.cpp" else named
    # Cards before flash attention; llama.cpp had it off unless asked for, until late 2025.
    naive = gpu is not None and gpu.kernels == "GCN"
    deployment = Deployment(
        model=model,
        gpu=gpu or NO_CARD,
        weights=weights,
        kv_cache=row.get("kv_cache_dtype", "auto"),
        tensor_parallel=tp,
        pipeline_parallel=whole(row, "pipeline_parallel") or 1,
        engine=engine,
        engine_version=row.get("engine_version", ""),
        first_generation=_first_generation(row) or naive or None,
        utilization=_share(row, "gpu_memory_utilization"),
        batched_tokens=whole(row, "max_num_batched_tokens"),
        sequences=whole(row, "max_num_seqs"),
        eager=row.get("enforce_eager", "").lower() == "true",
        mtp=speculative,
        speculative_tokens=_drafted(note) if speculative else 0,
        images=_images(note),
        flash_attention=not naive and (engine != "llama.cpp" or "fa=1" in note),
        context_parallel=int(ranks[1]) if ranks else 1,
        prefix_caching=_prefix_caching(note),
    )
    return ServingRun(
        deployment=deployment,
        context=whole(row, "max_model_len"),
        card_known=gpu is not None,
        engine_known=engine_known,
    )


def _images(note: str) -> bool | None:
    """Whether requests may hold images; None where a row does not say."""
    if re.search(r"language[- ](?:model[- ])?only|text[- ]only|-text-|image\W{0,3}0\b", note):
        return False
    return True if re.search(r"images? allowed", note) else None


SPECULATION = re.compile(
    r"speculative (?:config|decoding)? ?(?:is )?on\b|num_speculative_tokens|"
    r"speculative[^;,.]*\d+ tokens|\bmtp ?[=:] ?\d|speculative decoding \w+_mtp|mtp layer kept"
)
"""Statements that set speculation; that a note speaks of it is not one."""


def _drafted(note: str) -> int:
    """Speculative tokens a step: as a note says, else the usual number."""
    stated = re.search(
        r"num_speculative_tokens\D{0,3}(\d{1,2})"
        r"|speculative\D{0,40}?(\d{1,2})\s*tokens|mtp[ =:]+(\d)\b",
        note,
    )
    if stated:
        return int(next(g for g in stated.groups() if g))
    return int(constant("any", "speculative_tokens").central)


def _prefix_caching(note: str) -> bool | None:
    """Whether a note says that prefixes are cached; None where it does not say."""
    if re.search(r"mamba cache mode align|prefix caching on", note):
        return True
    return False if re.search(r"prefix caching off|no prefix caching", note) else None


def _engine(row: Row) -> tuple[str, bool]:
    """The engine of a row, and whether it is one whose budget the kit knows.

    Weights, and requests of a given pool, do not depend on that budget.
    """
    name = row.get("engine", "")
    try:
        return engine_family(name), True
    except NotEstimated:
        return "tensorrt-llm", False


def model_of(row: Row, column: str = "model") -> tuple[Model, str]:
    """The model of a row, and its weight format where the named checkpoint narrows it down."""
    name = row.get(column, "")
    stated = row.get("checkpoint_as_stated", "")
    if not name:
        raise NotEstimated("the model is not stated")
    model = catalogue.model(name)
    weights = row.get("weight_format", "")
    aliases = (catalogue.find(n, "model_aliases", catalogue.ModelAlias) for n in (stated, name))
    special = next((a.weights for a in aliases if a and a.weights), "")
    if special.split("-")[0] == (weights or special).split("-")[0]:
        weights = special or weights
    return model, checkpoint_format(stated, weights)


def gpu_of(row: Row) -> tuple[Gpu | None, int]:
    """The card of a row (of several kinds the smallest), and how many are named."""
    names = [n.strip() for n in row.get("gpu", "").split("+") if n.strip()]
    stated = number(row, "gpu_memory_gib_stated")
    if not names:
        if stated is None:
            return None, 1
        names = [f"{max(1, round(stated))}GB-class"]
    named = [_card(n, stated) for n in names]
    card = min((gpu for _, gpu in named), key=lambda g: usable_gib(g).central)
    if stated is not None and "." in row["gpu_memory_gib_stated"]:  # as the driver reports it
        card = card.model_copy(update={"usable_gib": stated})
    elif stated is not None and card.id.startswith("a100-sxm4-80gb") and stated <= 40:
        card = catalogue.gpu("a100-sxm4-40gb")
    return card, sum(count for count, _ in named)


def _card(name: str, stated: float | None) -> tuple[int, Gpu]:
    """How many cards a name such as `2x RTX 3090` means, and which.

    A card that the catalogue lacks is known by the size in its name or in the row.
    """
    many = re.match(r"(\d+)\s*[x×]\s+?(.+)", name)
    count, plain = (int(many[1]), many[2]) if many else (1, name)
    try:
        return count, catalogue.gpu(plain)
    except KeyError:
        size = re.search(r"(\d+)\s*GB", plain)
        if size is None and stated is None:
            raise
        gigabytes = int(size[1]) if size else max(1, round(stated or 0))
        made = catalogue.gpu(f"{gigabytes}GB-class")
        if re.search(r"\bM[1-9]\b|apple|unified", plain, re.IGNORECASE):
            made = made.model_copy(update={"unified_memory": True})
        return count, made.model_copy(update={"gpu": plain})


def _share(row: Row, column: str) -> float | None:
    value = number(row, column)
    if value is not None and not 0 < value <= 1:
        raise ValueError(f"{column} {row[column]!r} is not a share between 0 and 1")
    return value


def _first_generation(row: Row) -> bool:
    """Logs that count GPU blocks, and changes dated before March 2025, are of vLLM's V0 engine.

    A release without that engine wins over a count of blocks.
    """
    stated = version(row.get("engine_version", ""))
    if stated and stated >= (0, 11):
        return False
    dated = re.search(r"\((\d{4})-(\d{2})\)", row.get("engine_version", ""))
    if dated and (int(dated[1]), int(dated[2])) < (2025, 3):
        return True
    return "gpu_blocks" in row


# --- the quantities ---------------------------------------------------------------------------


def predict(run: ServingRun, row: Row, quantity: str) -> Estimate:
    """A quantity of a run. Raises NotEstimated, KeyError or ValueError."""
    found = _range(run, row, quantity)
    in_share = run.card_known and quantity in IN_GIB
    return Estimate(found, run.note, usable_gib(run.card).central if in_share else None)


def _range(run: ServingRun, row: Row, quantity: str) -> Range:
    if quantity == "weights_gib_per_gpu":
        return loaded(run.deployment)
    if not run.engine_known and quantity not in MEASURED_IN:
        engine_family(row.get("engine", ""))  # says that it is unknown
    if quantity == "activation_peak_gib":
        d = run.deployment
        if not (d.is_v0 or d.sequences):  # else the card decides no more than the default batch
            _ = run.card
        return activations(d, run.longest).gib
    if quantity in MEASURED_IN:
        pool = number(row, "kv_cache_gib_per_gpu")
        if pool is None:
            raise NotEstimated("the measured cache pool is missing")
        return _from_pool(run, pool, _counted(run, quantity))
    if quantity == "kv_cache_gib_per_gpu":
        return _pool(run)
    if quantity == "fits":
        return _fits(run)
    held = _counted(run, quantity)
    low, central, high = (held(_held(run, end)) for end in _pool(run).ends)
    return Range(low, central, high)


def _pool(run: ServingRun) -> Range:
    """The cache pool; in llama.cpp the cache of the context that was asked for."""
    if run.deployment.family == "llama.cpp":
        return Range.around(request_gib(run.deployment, run.longest), 0.02, "GiB")
    _ = run.card
    return CachePool(run.deployment, run.longest).left


def _fits(run: ServingRun) -> Range:
    """1 if the run starts: weights load and the cache holds one request of the context.

    SGLang starts with whatever pool is left.
    """
    _ = run.card
    if run.deployment.family == "sglang":
        left = CachePool(run.deployment, run.longest).left
        return Range(float(left.low > 0), float(left.central > 0), float(left.high > 0))
    d = run.deployment  # what a log leaves out is the engine's default
    memory = vram.inference(replace(d, sequences=max_sequences(d)), run.longest)
    held = memory.max_concurrency
    if not memory.starts:
        return Range(0.0, 0.0, 1.0)
    return Range(float(held.low >= 1), float(held.central >= 1), float(held.high >= 1))


def _counted(run: ServingRun, quantity: str) -> Callable[[Held], float]:
    """What a measurement counts of what a pool holds: tokens, or requests of the whole context."""
    if quantity in ("kv_cache_tokens", "kv_tokens_given_kv_gib"):
        return attrgetter("tokens")
    if run.context is None:
        raise NotEstimated("max_model_len is not stated, and concurrency is a count of it")
    return attrgetter("requests")


def _from_pool(run: ServingRun, pool: float, held: Callable[[Held], float]) -> Range:
    """Tokens or requests of a pool whose size was measured (printed to 0.01 GiB)."""
    reached = [held(_held(run, size)) for size in (pool - 0.005, pool, pool + 0.005)]
    central = reached[1]
    reached.append(held(_held(run, pool, other_print=True)))
    if run.deployment.model.mtp_layers and not run.deployment.mtp:
        reached.append(held(_held(_speculative(run), pool)))
    if run.deployment.model.linear_layers and run.deployment.prefix_caching is None:
        cached = replace(run.deployment, prefix_caching=True)
        reached.append(held(_held(replace(run, deployment=cached), pool)))
    return Range(min(reached), central, max(reached))


def _speculative(run: ServingRun) -> ServingRun:
    """The same run with speculative decoding, which a log may have on without saying so."""
    depth = int(constant("any", "speculative_tokens").high)
    d = replace(run.deployment, mtp=True, speculative_tokens=depth)
    return replace(run, deployment=d)


def _held(run: ServingRun, pool: float, other_print: bool = False) -> Held:
    """What the engine prints; `other_print`: as the other generation of vLLM would print it."""
    d = run.deployment
    if run.context is None and d.release is None:
        other_print = not other_print  # the print that needs no context is the likelier one
    if d.family == "vllm" and not (d.release or d.is_v0):
        d = replace(d, engine_version="0.19" if other_print else "0.21")
    return holds(d, run.longest, pool)


KIND = Kind(
    quantities=(*IN_GIB, "kv_cache_tokens", "max_concurrency_x", "fits", *MEASURED_IN),
    cells=(
        dict.fromkeys((*IN_GIB, "kv_cache_tokens", "max_concurrency_x"), positive)
        | dict.fromkeys(("tensor_parallel", "pipeline_parallel", "max_model_len"), whole)
        | dict.fromkeys(("max_num_batched_tokens", "max_num_seqs"), whole)
        | {"gpu_memory_utilization": _share, "gpu_memory_gib_stated": positive}
        | {"kv_cache_gib_per_gpu": number}  # engines print how much they lack, too
    ),
    run=run_of,
    predict=predict,
    measured_in=MEASURED_IN,
)
