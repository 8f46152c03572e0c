"""Commands on one model and one GPU: does it fit, and how many are needed?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from siting.cli.frame import Answer, Number, Refused, above_0, aligned, cli, option

if TYPE_CHECKING:
    from pydantic import BaseModel

    from siting.catalogue import Gpu, Model
    from siting.inputs.scenario.model import Tokens
    from siting.memory.vram import Memory
    from siting.quantity import Range

R = TypeVar("R", bound="BaseModel")

_FILE = click.Path(exists=True, dir_okay=False)
_COUNT = click.IntRange(1, 64)
_CONTEXT = click.IntRange(1, 20_000_000)
_HOURS = click.Choice(("office", "day", "flat", "night"))
_SPARES = click.Choice(("none", "n+1", "2n"))
_MODEL = "A model of the catalogue, or a config.json of Hugging Face."
_CONFIG = "A config.json that describes the model, instead of the catalogue."
_PEAK = "Busiest hour of the year over the busiest of a usual week."
_SERVING = (
    option("--gpu", str, "A GPU of the catalogue.", required=True),
    option("--weights", str, "Weight format, such as fp8; default: native.", ""),
    option("--kv kv_cache", str, "Format of the KV cache.", "auto"),
    option("--tp tensor_parallel", _COUNT, "Tensor-parallel GPUs."),
    option("--engine", str, "vllm, sglang, llama.cpp …", "vllm"),
)


def serving(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say how a model is served."""
    return reduce(lambda made, each: each(made), reversed(_SERVING), command)


def _found(model: str, gpu: str, config: str = "") -> tuple[Model, Gpu]:
    from siting import catalogue

    flag = "--model"
    try:
        chosen = catalogue.model_of(Path(config)) if config else catalogue.model(model)
        flag = "--gpu"
        return chosen, catalogue.gpu(gpu)
    except KeyError as error:
        raise Refused(f"{flag}: {error.args[0]}") from None


def _table(head: str, lines: Mapping[str, Range], decimals: int = 2) -> list[str]:
    """Names with their ranges."""
    cells = [
        {head: name}
        | {end: f"{getattr(value, end):,.{decimals}f}" for end in ("central", "low", "high")}
        for name, value in lines.items()
    ]
    return aligned(cells, right=("central", "low", "high"))


@cli.command()
@option("--model", str, _MODEL, "")
@serving
@option("--pp pipeline_parallel", _COUNT, "Pipeline stages.", 1)
@option("--utilization", Number(0.05, 1), "Share of the GPU the engine takes.")
@option("--context", _CONTEXT, "Longest request in tokens.")
@option("--concurrency", Number(0, 10**6), "Requests of that length at once.", 1.0)
@option("--config", _FILE, _CONFIG)
def fit(
    model: str, gpu: str, config: str, context: int | None, concurrency: float, **how: Any
) -> Answer:
    """Say whether a model fits on a GPU: memory by part, per GPU, each with a range.

    Also prints the longest context and the highest concurrency that fit. Without --context the
    model's own limit is taken.

    \b
    Example:
      siting fit --model google/gemma-4-31B-it --gpu h100-sxm5-80gb --weights fp8 --context 8192
    """
    from siting.memory import vram
    from siting.memory.deployment import Deployment, planned

    if not (config or model):
        raise Refused("name a model of the catalogue with --model, or a config.json with --config")
    chosen, card = _found(model, gpu, config)
    said = {name: value for name, value in how.items() if value is not None}
    deployment = planned(Deployment(model=chosen, gpu=card, **said))
    memory = vram.inference(deployment, context, concurrency)
    return Answer(_memory_json(memory), _memory_lines(memory))


def _memory_json(memory: Memory) -> dict[str, Any]:
    parts = [
        {"name": p.name, **p.gib.as_dict(), "formula": p.formula, "source": p.source}
        for p in memory.parts
    ]
    d = memory.deployment
    plain = ("context", "concurrency", "verdict", "note")
    return {
        "model": d.model.model_id,
        "gpu": d.gpu.id,
        "weights": d.weights,
        "kv": d.kv_cache,
        "tp": d.tensor_parallel,
        "pp": d.pipeline_parallel,
        "gpus": d.gpus,
        **{name: getattr(memory, name) for name in plain},
        "parts": parts,
        "need": memory.need_gib,
        "budget": memory.budget_gib,
        "cache_pool": memory.pool_gib,
        "cache_tokens": memory.tokens,
        "max_concurrency": memory.max_concurrency,
        "longest_context": memory.longest_context,
        "inputs": memory.inputs,
    }


def _memory_lines(memory: Memory) -> list[str]:
    d = memory.deployment
    what = f"{d.model.model_id} on {d.gpus} × {d.gpu.gpu}"
    parts = {part.name: part.gib for part in memory.parts}
    parts |= {"needed": memory.need_gib, "available to the engine": memory.budget_gib}
    noun = "request" if memory.concurrency == 1 else "requests"
    held = {
        "tokens the cache holds": memory.tokens,
        "requests of that length at once": memory.max_concurrency,
    }
    lines = [
        f"{what}, weights {d.weights or 'native'}: {memory.verdict}",
        f"{memory.concurrency:g} {noun} of {memory.context:,} tokens; GiB per GPU",
        "",
        *_table("part", parts),
        "",
        *_table("what fits", held, decimals=1),
        "",
        f"longest context that fits: {memory.longest_context:,} tokens",
    ]
    if memory.note:
        lines.append(memory.note)
    return lines


def _tokens(value: str) -> Tokens:
    """Tokens of a request as `MEAN,P95`."""
    from siting.inputs.scenario.model import Tokens

    try:
        mean, p95 = map(float, value.split(","))
        return Tokens(mean=mean, p95=p95)
    except ValueError:
        wrong = f"{value!r} is not MEAN,P95; write such as 3000,8000"
        raise click.BadParameter(wrong) from None


@cli.command()
@option("--model", str, _MODEL, required=True)
@serving
@option("--requests-per-day", above_0(10**10), "On a working day.", required=True)
@option("--input input_tokens", _tokens, "Tokens read.", required=True, metavar="MEAN,P95")
@option("--output output_tokens", _tokens, "Tokens written.", required=True, metavar="MEAN,P95")
@option("--hours", _HOURS, "When the requests come.", "office")
@option("--peak-factor", Number(1, 50), _PEAK, 1.5)
@option("--cached-share cached_input_share", Number(0, 1), "Repeated prefixes.", 0.0)
@option("--ttft ttft_s", above_0(600), "First token, seconds.", 2.0)
@option("--tpot tpot_ms", above_0(5000), "Each token, ms.", 60.0)
@option("--percentile", Number(50, 100, max_open=True), "Where the limits hold.", 95.0)
@option("--redundancy", _SPARES, "Spare replicas.", "n+1")
def size(model: str, gpu: str, **asked: Any) -> Answer:
    """Say how many GPUs a load needs within latency limits, with a range.

    The limits hold at the percentile in the busiest hour of the year. Without --tp the number of
    GPUs a replica is chosen.

    \b
    Example:
      siting size --model google/gemma-4-31B-it --gpu h100-sxm5-80gb --weights fp8 \\
        --requests-per-day 20000 --input 3000,8000 --output 400,1000
    """
    from siting.inputs.scenario.model import Latency, Option, Workload
    from siting.quantity import Range
    from siting.serving.load import workload_load
    from siting.serving.sizes import best_pool

    nowhere = set(asked).difference(*(r.model_fields for r in (Option, Workload, Latency)))
    assert not nowhere, f"flags that no record of a scenario has: {nowhere}"

    def of(record: type[R], **more: Any) -> R:
        """A record of a scenario with what was asked of it."""
        return record(**{k: v for k, v in asked.items() if k in record.model_fields}, **more)

    chosen, card = _found(model, gpu)
    name = model if Path(model).exists() else chosen.model_id
    place = of(Option, label=card.id, kind="rented_gpus", gpu=gpu)
    workload = of(
        Workload,
        description="from the command line",
        growth_per_year=Range.exact(0),
        latency=of(Latency),
        models=[name],
    )
    pool = best_pool(place, name, [workload_load("load", workload)], 1)
    figures = {
        "gpus": pool.gpus(1),
        "replicas": pool.total_replicas(1),
        "requests_per_s_per_replica": pool.rate_per_replica,
    }
    rows = {figure.replace("_", " "): value for figure, value in figures.items()}
    lines = [f"{pool.model} on {pool.gpus_per_replica} × {pool.deployment.gpu.gpu} a replica"]
    lines += _table("what", rows)
    plain = ("model", "gpus_per_replica", "keeps_limits", "notes", "inputs")
    data = {"gpu": card.id, **{name: getattr(pool, name) for name in plain}, **figures}
    return Answer(data, [*lines, *pool.notes])
