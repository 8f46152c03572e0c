"""Commands on one model and one GPU: does it fit, and how many are needed?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from siting.cli.frame import (
    Answer,
    Number,
    Refused,
    above_0,
    aligned,
    cli,
    completer,
    known_gpus,
    known_models,
)

if TYPE_CHECKING:
    from siting.catalogue import Gpu, Input, Model
    from siting.memory.vram import Memory
    from siting.quantity import Range
    from siting.serving.capacity import Pool

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _options(*options: Decorator) -> Decorator:
    """Several options as one decorator."""
    return lambda function: reduce(lambda made, option: option(made), reversed(options), function)


def _usual(*flag: str, type: Any = str, default: Any, help: str) -> Decorator:
    """An option that has a usual value, which its help names."""
    return click.option(*flag, type=type, default=default, show_default=True, help=help)


def _model_option(**how: Any) -> Decorator:
    said = "A model of the catalogue, or a config.json of Hugging Face."
    return click.option("--model", shell_complete=completer(known_models), help=said, **how)


_FILE = click.Path(exists=True, dir_okay=False)
_SHARE, _PERCENTILE = Number(0, 1), Number(50, 100, max_open=True)
_HOURS, _SPARES = ("office", "day", "flat", "night"), ("none", "n+1", "2n")
_gpu = click.option(
    "--gpu", required=True, shell_complete=completer(known_gpus), help="A GPU of the catalogue."
)
_weights = click.option(
    "--weights", default="", help="Weight format, such as fp8; default: native."
)
_kv = _usual("--kv", "kv_cache", default="auto", help="Format of the KV cache.")
_tp = click.option(
    "--tp", "tensor_parallel", type=click.IntRange(1, 64), help="Tensor-parallel GPUs."
)
_engine = _usual("--engine", default="vllm", help="vllm, sglang, llama.cpp …")
serving = _options(_gpu, _weights, _kv, _tp, _engine)


def _found(model: str, gpu: str, config: str = "") -> tuple[Model, Gpu]:
    from siting import catalogue, hf_config

    option = "--model"
    try:
        chosen = hf_config.read(Path(config)) if config else hf_config.model(model)
        option = "--gpu"
        return chosen, catalogue.gpu(gpu)
    except KeyError as error:
        raise Refused(f"{option}: {error.args[0]}") from None


def _table(head: str, *rows: tuple[str, Range, int]) -> list[str]:
    """Names with their ranges, to so many decimals, as lines."""
    cells = (
        (name, *(f"{v:,.{decimals}f}" for v in (value.central, value.low, value.high)))
        for name, value, decimals in rows
    )
    return aligned((head, "central", "low", "high"), cells, right={1, 2, 3})


@cli.answering()
@_model_option(default="")
@serving
@click.option("--pp", type=click.IntRange(1, 64), default=1, help="Pipeline stages.")
@click.option("--utilization", type=Number(0.05, 1), help="Share of the GPU the engine takes.")
@click.option("--context", type=click.IntRange(1, 20_000_000), help="Longest request in tokens.")
@click.option(
    "--concurrency", type=Number(0, 10**6), default=1.0, help="Requests of that length at once."
)
@click.option(
    "--config", type=_FILE, help="A config.json that describes the model, instead of the catalogue."
)
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
    from siting.quantity import NotEstimated

    if not (config or model):
        raise Refused("name a model of the catalogue with --model, or a config.json with --config")
    try:
        chosen, card = _found(model, gpu, config)
        shape = (how["weights"], how["kv_cache"], how["tensor_parallel"] or 1, how["pp"])
        named = {name: how[name] for name in ("engine", "utilization")}
        memory = vram.inference(
            planned(Deployment(chosen, card, *shape, **named)), context, concurrency
        )
    except NotEstimated as error:
        raise Refused(f"not estimated, because {error}") from None
    return Answer(_memory_json(memory), _memory_lines(memory))


def _memory_json(memory: Memory) -> dict[str, Any]:
    parts = [
        {"name": p.name, **p.gib.as_dict(), "formula": p.formula, "source": p.source.model_dump()}
        for p in memory.parts
    ]
    d, plain = memory.deployment, ("gpus", "context", "concurrency", "verdict", "note")
    return {
        "model": memory.model.model_id,
        "gpu": memory.gpu.id,
        "weights": d.weights,
        "kv": d.kv_cache,
        "tp": d.tensor_parallel,
        "pp": d.pipeline_parallel,
        **{name: getattr(memory, name) for name in plain},
        "parts": parts,
        "need": memory.need_gib.as_dict(),
        "budget": memory.budget_gib.as_dict(),
        "cache_pool": memory.pool_gib.as_dict(),
        "cache_tokens": memory.tokens.as_dict(),
        "max_concurrency": memory.max_concurrency.as_dict(),
        "longest_context": memory.longest_context,
        "inputs": _inputs(memory.inputs),
    }


def _inputs(used: Iterable[Input]) -> list[dict[str, Any]]:
    return [each.model_dump(mode="json") for each in used]


def _memory_lines(memory: Memory) -> list[str]:
    what = f"{memory.model.model_id} on {memory.gpus} × {memory.gpu.gpu}"
    parts = [(part.name, part.gib, 2) for part in memory.parts]
    whole = [("needed", memory.need_gib, 2), ("available to the engine", memory.budget_gib, 2)]
    tokens = ("tokens the cache holds", memory.tokens, 0)
    requests = ("requests of that length at once", memory.max_concurrency, 1)
    return [
        f"{what}, weights {memory.deployment.weights or 'native'}: {memory.verdict}",
        f"{memory.concurrency:g} requests of {memory.context:,} tokens; GiB per GPU",
        "",
        *_table("part", *parts, *whole),
        "",
        *_table("what fits", tokens, requests),
        "",
        f"longest context that fits: {memory.longest_context:,} tokens",
        *filter(None, [memory.note]),
    ]


class MeanAndP95(click.ParamType[Any]):
    """Tokens of a request as `MEAN,P95`."""

    name = "mean,p95"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        from siting.inputs.scenario import Tokens

        try:
            mean, p95 = (float(x) for x in value.split(","))
            return Tokens(mean=mean, p95=p95)
        except ValueError:
            self.fail(f"{value!r} is not MEAN,P95; write such as 3000,8000", param, ctx)


@cli.answering()
@_model_option(required=True)
@serving
@click.option("--requests-per-day", type=above_0(10**10), required=True, help="On a working day.")
@click.option("--input", "input_tokens", type=MeanAndP95(), required=True, help="Tokens read.")
@click.option("--output", "output_tokens", type=MeanAndP95(), required=True, help="Tokens written.")
@_usual("--hours", type=click.Choice(_HOURS), default="office", help="When the requests come.")
@_usual(
    "--peak-factor",
    type=Number(1, 50),
    default=1.5,
    help="Busiest hour of the year over the busiest of a usual week.",
)
@click.option(
    "--cached-share", "cached_input_share", type=_SHARE, default=0.0, help="Repeated prefixes."
)
@_usual(
    "--ttft",
    "ttft_s",
    type=Number(0, 600, min_open=True),
    default=2.0,
    help="First token, seconds.",
)
@_usual("--tpot", "tpot_ms", type=above_0(5000), default=60.0, help="Each token, ms.")
@_usual(
    "--percentile", type=Number(50, 100, max_open=True), default=95.0, help="Where the limits hold."
)
@_usual("--redundancy", type=click.Choice(_SPARES), default="n+1", help="Spare replicas.")
def size(model: str, gpu: str, **asked: Any) -> Answer:
    """Say how many GPUs a load needs within latency limits, with a range.

    The limits hold at the percentile in the busiest hour of the year. Without --tp the number of
    GPUs a replica is chosen.

    \b
    Example:
      siting size --model google/gemma-4-31B-it --gpu h100-sxm5-80gb --weights fp8 \\
        --requests-per-day 20000 --input 3000,8000 --output 400,1000
    """
    from siting.inputs import scenario
    from siting.quantity import Range
    from siting.serving import capacity
    from siting.serving.load import workload_load
    from siting.serving.replica import Limits

    def given(*names: str) -> dict[str, Any]:
        return {name: asked[name] for name in names}

    chosen, card = _found(model, gpu)
    name = model if Path(model).exists() else chosen.model_id
    how = given("weights", "kv_cache", "engine", "tensor_parallel", "redundancy")
    option = scenario.Option(label=card.id, kind="rented_gpus", gpu=gpu, **how)
    workload = scenario.Workload(
        description="from the command line",
        growth_per_year=Range.exact(0),
        latency=scenario.Latency(**given("ttft_s", "tpot_ms", "percentile")),
        models=[name],
        **given("requests_per_day", "hours", "peak_factor", "cached_input_share"),
        **given("input_tokens", "output_tokens"),
    )
    load = [(workload_load("load", workload), Limits.of(workload))]
    try:
        pool = capacity.best_pool(option, name, load, 1)
    except ValueError as error:
        raise Refused(f"not estimated, because {error}") from None
    figures = {
        "gpus": pool.gpus(1),
        "replicas": pool.total_replicas(1),
        "requests_per_s_per_replica": pool.rate_per_replica,
    }
    rows = ((name.replace("_", " "), value, 2) for name, value in figures.items())
    lines = [f"{pool.model} on {pool.gpus_per_replica} × {pool.deployment.gpu.gpu} a replica"]
    lines += _table("what", *rows)
    if not pool.keeps_limits:
        lines.append("Even a lone request misses the limits: sized for the load alone.")
    return Answer(_pool_json(pool, figures), [*lines, *pool.notes])


def _pool_json(pool: Pool, figures: dict[str, Range]) -> dict[str, Any]:
    return {
        "model": pool.model,
        "gpu": pool.deployment.gpu.id,
        "gpus_per_replica": pool.gpus_per_replica,
        "keeps_limits": pool.keeps_limits,
        **{name: value.as_dict() for name, value in figures.items()},
        "notes": list(pool.notes),
        "inputs": _inputs(pool.inputs),
    }
