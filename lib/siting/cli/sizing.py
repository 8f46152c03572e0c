"""Commands on one model and one GPU: does it fit, and how many are needed?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import click

from siting.cli.frame import (
    Refused,
    as_json,
    cli,
    completer,
    known_gpus,
    known_models,
    print_json,
    print_table,
)


def _options(
    options: Iterable[Callable[..., Any]],
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Several options as one decorator."""

    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(list(options)):
            function = option(function)
        return function

    return add


serving = _options(
    [
        click.option(
            "--model",
            required=True,
            shell_complete=completer(known_models),
            help="A model of the catalogue, or a config.json of Hugging Face.",
        ),
        click.option(
            "--gpu",
            required=True,
            shell_complete=completer(known_gpus),
            help="A GPU of the catalogue.",
        ),
        click.option("--weights", default="", help="Weight format, such as fp8; default: native."),
        click.option("--kv", default="auto", show_default=True, help="Format of the KV cache."),
        click.option("--tp", type=click.IntRange(1, 64), default=1, help="Tensor-parallel GPUs."),
        click.option(
            "--engine", default="vllm", show_default=True, help="vllm, sglang, llama.cpp …"
        ),
    ]
)
placing = _options(
    [
        click.option("--pp", type=click.IntRange(1, 64), default=1, help="Pipeline stages."),
        click.option(
            "--utilization",
            type=click.FloatRange(0.05, 1),
            help="Share of the GPU the engine takes.",
        ),
    ]
)


def _found(name: str, option: str, what: str, known: Callable[[], list[str]]) -> Any:
    from siting import catalogue, hf_config
    from siting.inputs.messages import suggestion

    try:
        return (hf_config.model if option == "--model" else catalogue.gpu)(name)
    except KeyError:
        hint = suggestion(name, known())
        raise Refused(f"{option}: {name!r} is no {what} of the catalogue; {hint}") from None


def _found_model(name: str) -> Any:
    return _found(name, "--model", "model", known_models)


def _found_gpu(name: str) -> Any:
    return _found(name, "--gpu", "GPU", known_gpus)


@cli.command()
@serving
@placing
@click.option("--context", type=click.IntRange(1), help="Longest request in tokens.")
@click.option(
    "--concurrency", type=click.FloatRange(0), default=1.0, help="Requests of that length at once."
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False),
    help="A config.json that describes the model, instead of the catalogue.",
)
@as_json
def fit(
    model: str,
    gpu: str,
    config: str | None,
    context: int | None,
    concurrency: float,
    as_json: bool,
    **how: Any,
) -> None:
    """Say whether a model fits on a GPU: memory by part, per GPU, each with a range.

    Also prints the longest context and the highest concurrency that fit. Without --context the
    model's own limit is taken.

    \b
    Example:
      siting fit --model google/gemma-4-31B-it --gpu h100-sxm5-80gb --weights fp8 --context 8192
    """
    from siting.memory import attention, vram
    from siting.memory.deployment import Deployment, planned

    try:
        chosen, card = _found_model(config or model), _found_gpu(gpu)
        shape = (how[name] for name in ("weights", "kv", "tp", "pp"))
        named = {name: how[name] for name in ("engine", "utilization")}
        memory = vram.inference(
            planned(Deployment(chosen, card, *shape, **named)), context, concurrency
        )
    except attention.NotEstimated as error:
        raise Refused(f"not estimated, because {error}") from None
    if as_json:
        print_json(_memory_json(memory))
    else:
        _print_memory(memory)


def _memory_json(memory: Any) -> dict[str, Any]:
    return {
        "model": memory.model.model_id,
        "gpu": memory.gpu.id,
        "gpus": memory.gpus,
        **{k: getattr(memory, k) for k in ("weights", "kv", "tp", "pp", "context", "concurrency")},
        "verdict": memory.verdict,
        "note": memory.note,
        "parts": [
            {
                "name": p.name,
                **p.gib.as_dict(),
                "formula": p.formula,
                "source": p.source.model_dump(),
            }
            for p in memory.parts
        ],
        "need": memory.need_gib.as_dict(),
        "budget": memory.budget_gib.as_dict(),
        "cache_pool": memory.pool_gib.as_dict(),
        "cache_tokens": memory.tokens.as_dict(),
        "max_concurrency": memory.max_concurrency.as_dict(),
        "longest_context": memory.longest_context,
        "inputs": [i.model_dump(mode="json") for i in memory.inputs],
    }


def _print_memory(memory: Any) -> None:
    what = f"{memory.model.model_id} on {memory.gpus} × {memory.gpu.gpu}"
    click.echo(f"{what}, weights {memory.weights or 'native'}: {memory.verdict}")
    click.echo(f"{memory.concurrency:g} requests of {memory.context:,} tokens; GiB per GPU\n")
    rows = [(p.name, *_three(p.gib, 2)) for p in memory.parts]
    rows.append(("needed", *_three(memory.need_gib, 2)))
    rows.append(("available to the engine", *_three(memory.budget_gib, 2)))
    print_table(("part", "central", "low", "high"), rows, right={1, 2, 3})
    click.echo()
    rows = [
        ("tokens the cache holds", *_three(memory.tokens, 0)),
        ("requests of that length at once", *_three(memory.max_concurrency, 1)),
    ]
    print_table(("what fits", "central", "low", "high"), rows, right={1, 2, 3})
    click.echo(f"\nlongest context that fits: {memory.longest_context:,} tokens")
    if memory.note:
        click.echo(memory.note)


def _three(value: Any, digits: int) -> tuple[str, str, str]:
    return (
        f"{value.central:,.{digits}f}",
        f"{value.low:,.{digits}f}",
        f"{value.high:,.{digits}f}",
    )


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


@cli.command()
@serving
@click.option(
    "--requests-per-day",
    type=click.FloatRange(0, min_open=True),
    required=True,
    help="On a working day.",
)
@click.option("--input", "input_tokens", type=MeanAndP95(), required=True, help="Tokens read.")
@click.option("--output", "output_tokens", type=MeanAndP95(), required=True, help="Tokens written.")
@click.option(
    "--hours",
    type=click.Choice(["office", "day", "flat", "night"]),
    default="office",
    show_default=True,
    help="When the requests come.",
)
@click.option(
    "--peak-factor",
    type=click.FloatRange(1, 50),
    default=1.5,
    show_default=True,
    help="Busiest hour of the year over the busiest of a usual week.",
)
@click.option("--cached-share", type=click.FloatRange(0, 1), default=0.0, help="Repeated prefixes.")
@click.option("--ttft", type=float, default=2.0, show_default=True, help="First token, seconds.")
@click.option("--tpot", type=float, default=60.0, show_default=True, help="Each token, ms.")
@click.option(
    "--percentile", type=float, default=95.0, show_default=True, help="Where the limits hold."
)
@click.option(
    "--redundancy",
    type=click.Choice(["none", "n+1", "2n"]),
    default="n+1",
    show_default=True,
    help="Spare replicas.",
)
@as_json
def size(model: str, gpu: str, as_json: bool, **asked: Any) -> None:
    """Say how many GPUs a load needs within latency limits, with a range.

    The limits hold at the percentile in the busiest hour of the year. Without --tp the number of
    GPUs a replica is chosen.

    \b
    Example:
      siting size --model google/gemma-4-31B-it --gpu h100-sxm5-80gb --weights fp8 \\
        --requests-per-day 20000 --input 3000,8000 --output 400,1000
    """
    from siting.serving import capacity
    from siting.serving.load import workload_load
    from siting.serving.replica import Limits

    if click.get_current_context().get_parameter_source("tp") == click.core.ParameterSource.DEFAULT:
        asked["tp"] = None
    option = _asked_option(_found_gpu(gpu).id, asked)
    workload = _asked_workload(_found_model(model).model_id, asked)
    asked_for = [(workload_load("load", workload), Limits.of(workload))]
    try:
        pool = capacity.best_pool(option, workload.models[0], asked_for, 1)
    except ValueError as error:
        raise Refused(f"not estimated, because {error}") from None
    if as_json:
        print_json(_pool_json(pool))
    else:
        _print_pool(pool)


def _asked_option(gpu: str, asked: dict[str, Any]) -> Any:
    from siting.inputs import scenario

    return scenario.Option(
        label=gpu,
        kind="rented_gpus",
        gpu=gpu,
        weights=asked["weights"],
        kv_cache=asked["kv"],
        engine=asked["engine"],
        tensor_parallel=asked["tp"],
        redundancy=asked["redundancy"],
    )


def _asked_workload(model: str, asked: dict[str, Any]) -> Any:
    from siting.inputs import scenario
    from siting.quantity import Range

    same = ("requests_per_day", "hours", "peak_factor", "input_tokens", "output_tokens")
    return scenario.Workload(
        description="from the command line",
        growth_per_year=Range.exact(0),
        cached_input_share=asked["cached_share"],
        latency=scenario.Latency(
            ttft_s=asked["ttft"], tpot_ms=asked["tpot"], percentile=asked["percentile"]
        ),
        models=[model],
        **{name: asked[name] for name in same},
    )


def _figures(pool: Any) -> dict[str, Any]:
    return {
        "gpus": pool.gpus(1),
        "replicas": pool.total_replicas(1),
        "requests_per_s_per_replica": pool.rate_per_replica,
    }


def _pool_json(pool: Any) -> dict[str, Any]:
    return {
        "model": pool.model,
        "gpu": pool.deployment.gpu.id,
        "gpus_per_replica": pool.gpus_per_replica,
        "keeps_limits": pool.keeps_limits,
        **{name: value.as_dict() for name, value in _figures(pool).items()},
        "notes": list(pool.notes),
        "inputs": [i.model_dump(mode="json") for i in pool.inputs],
    }


def _print_pool(pool: Any) -> None:
    click.echo(f"{pool.model} on {pool.gpus_per_replica} × {pool.deployment.gpu.gpu} a replica")
    rows = [(name.replace("_", " "), *_three(v, 2)) for name, v in _figures(pool).items()]
    print_table(("what", "central", "low", "high"), rows, right={1, 2, 3})
    if not pool.keeps_limits:
        click.echo("Even a lone request misses the limits: sized for the load alone.")
    for note in pool.notes:
        click.echo(note)
