"""The command line: reads arguments, calls the library, prints. Nothing is computed here.

Results go to stdout, progress and problems to stderr. Exit status: 0 done; 1 some reports
failed, the others are complete; 2 the input is wrong and nothing was written.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Callable, Container, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from siting import __version__

if TYPE_CHECKING:
    from siting.inputs.document import Problem

FAILED, WRONG_INPUT = 1, 2


def main() -> None:
    """Entry point of `siting` and of `python -m siting`."""
    cli(prog_name="siting")


class Commands(click.Group):
    """The group of all commands: a user's mistake becomes a message, never a traceback."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            _explain(error)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError:
            from siting.inputs.messages import suggestion

            known = suggestion(args[0], self.list_commands(ctx))
            raise click.UsageError(f"{args[0]!r} is no command; {known}", ctx) from None


def _explain(error: Exception) -> NoReturn:
    """A mistake of the user as one message and exit status 2; a fault of ours goes on."""
    from siting.catalogue import FactError
    from siting.inputs.document import DocumentError

    if isinstance(error, DocumentError):
        _refuse(error.problems)
    if isinstance(error, FactError):
        raise Refused(str(error)) from None
    raise error


class Refused(click.ClickException):
    """The input is wrong: one message on stderr, exit status 2."""

    exit_code = WRONG_INPUT

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


def _refuse(problems: Iterable[Problem]) -> NoReturn:
    found = list(problems)
    count = f"{len(found)} problem{'s' if len(found) != 1 else ''}; nothing was written"
    raise Refused("\n".join([*map(str, found), count]))


def _print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def _table(
    head: Sequence[str], rows: Iterable[Sequence[object]], right: Container[int] = ()
) -> None:
    """Prints aligned columns; `right` holds the places of those that align right."""
    from siting.formats import columns

    click.echo("\n".join(columns([head, *rows], right)))


# --- Completion -----------------------------------------------------------------------------------


def _completer(
    known: Callable[[], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        start = incomplete.lower()
        return [name for name in known() if name.lower().startswith(start)]

    return complete


def _clients() -> list[str]:
    from siting.inputs import scenario

    return scenario.names()


def _models() -> list[str]:
    from siting import catalogue

    return [m.model_id for m in catalogue.models()]


def _gpus() -> list[str]:
    from siting import catalogue

    return [g.id for g in catalogue.gpus()]


def _tables() -> list[str]:
    from siting import catalogue

    return sorted(p.stem for p in catalogue.facts_dir().glob("*.csv"))


as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
clients_argument = click.argument("clients", nargs=-1, shell_complete=_completer(_clients))


def command(**settings: Any) -> Callable[[Callable[..., Any]], click.Command]:
    """A command whose help keeps its example as written."""
    return cli.command(**settings)


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="siting %(version)s")
def cli() -> None:
    """Where should an LLM workload live? Sourced, ranged reports from notebooks.

    \b
    First steps:
      siting new acme        write params/acme.yaml, commented, ready to render
      siting check acme      find what is wrong with it
      siting report acme     render reports/acme/report.html and report.pdf
    """


# --- Reports --------------------------------------------------------------------------------------


class Formats(click.ParamType[Any]):
    """`html`, `pdf` or both with a comma."""

    name = "html,pdf"

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        chosen = tuple(value.split(",")) if isinstance(value, str) else value
        if not chosen or set(chosen) - {"html", "pdf"}:
            self.fail(f"{value!r} is no format; write html, pdf or html,pdf", param, ctx)
        return chosen


@cli.command()
@clients_argument
@click.option("--out", default="reports", show_default=True, help="Folder or fsspec address.")
@click.option("--jobs", type=click.IntRange(0), default=0, help="Processes; default: one a core.")
@click.option("--force", is_flag=True, help="Render even what is up to date.")
@click.option("--scheduler", default="", help="Address of a running Dask scheduler.")
@click.option(
    "--format", "formats", type=Formats(), default="html,pdf", show_default=True, help="Documents."
)
@as_json
def report(
    clients: tuple[str, ...],
    out: str,
    jobs: int,
    force: bool,
    scheduler: str,
    formats: tuple[Any, ...],
    as_json: bool,
) -> None:
    """Render reports to reports/CLIENT: HTML, PDF, figures, workbook and notebooks.

    CLIENT is a name in params/ or a path to a YAML file; without one, all of params/ are
    rendered. What is up to date is left alone. A report appears whole or not at all.

    \b
    Example:
      siting report
      siting report acme --format html --out /tmp/draft
    """
    from siting.inputs import scenario
    from siting.inputs.document import DocumentError, Problem
    from siting.run import batch, job
    from siting.run.shelf import BadAddress

    prepared: dict[str, Any] = {}
    wrong: dict[str, list[Problem]] = {}
    for client in clients or scenario.names():
        try:
            made = job.prepare(client, formats=formats)
            if prepared.setdefault(made.client, made) != made:
                fault = f"another scenario of this run is named {made.client!r}, too"
                wrong[client] = [Problem(client, 0, "", fault, "rename it, or use another --out")]
        except DocumentError as error:
            wrong[client] = list(error.problems)
    problems = [p for found in wrong.values() for p in found]
    if problems and not prepared:
        if as_json:
            _print_json({"problems": [_fields(p) for p in problems]})
            sys.exit(WRONG_INPUT)
        _refuse(problems)
    try:
        outcome = batch.run(
            list(prepared.values()), out, at_once=jobs, force=force, scheduler=scheduler, say=_say
        )
    except BadAddress as error:
        raise Refused(str(error)) from None
    for name, found in wrong.items():
        outcome.failed[name] = "\n".join(map(str, found))
    if as_json:
        _print_json(
            {
                "out": out,
                "rendered": outcome.rendered,
                "up_to_date": outcome.current,
                "failed": outcome.failed,
                "interrupted": outcome.interrupted,
            }
        )
    else:
        for line in outcome.lines():
            click.echo(line, err=bool(outcome.failed))
    sys.exit(FAILED if outcome.failed or outcome.interrupted else 0)


def _say(line: str) -> None:
    click.echo(line, err=True)


# --- Scenarios ------------------------------------------------------------------------------------


@cli.command()
@clients_argument
@as_json
def check(clients: tuple[str, ...], as_json: bool) -> None:
    """Validate scenarios without rendering them.

    CLIENT is a name in params/ or a path to a YAML file; without one, all of params/ and
    base.yaml are checked. Every problem is listed with file, line, field, what is wrong and
    what to write instead.

    \b
    Example:
      siting check acme
      siting check ../elsewhere/client.yaml --json
    """
    from siting.inputs import scenario
    from siting.inputs.document import DocumentError

    found: list[Problem] = []
    checked = clients or ("base", *scenario.names())
    for client in checked:
        try:
            scenario.load(client)
        except DocumentError as error:
            found += error.problems
    found = list(dict.fromkeys(found))
    if as_json:
        _print_json({"checked": list(checked), "problems": [_fields(p) for p in found]})
        sys.exit(WRONG_INPUT if found else 0)
    if found:
        raise Refused("\n".join(map(str, found)))
    click.echo(f"{len(checked)} scenario{'s' if len(checked) != 1 else ''} checked, no problem.")


def _fields(record: Any) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}


@cli.command()
@click.argument("client")
@as_json
def new(client: str, as_json: bool) -> None:
    """Write a short, commented params/CLIENT.yaml that renders as it is.

    \b
    Example:
      siting new acme
    """
    from siting.inputs import scenario

    path = scenario.create(client)
    if as_json:
        _print_json({"client": client, "file": str(path)})
    else:
        click.echo(f"{path} is written. Edit it, then: siting report {client}")


@cli.command()
@click.argument("client", default="base", shell_complete=_completer(_clients))
@as_json
def show(client: str, as_json: bool) -> None:
    """Print a scenario whole: the client's file laid over base.yaml.

    \b
    Example:
      siting show acme
    """
    from siting.inputs import scenario

    found = scenario.load(client)
    if as_json:
        _print_json(found.model_dump(mode="json"))
    else:
        click.echo(scenario.resolved(found), nl=False)


@cli.command()
@as_json
def schema(as_json: bool) -> None:
    """Print the JSON schema of a scenario file, for completion and checks in editors.

    \b
    Example:
      siting schema > params/.schema.json
    """
    from siting.inputs import scenario

    _print_json(scenario.json_schema())


# --- Facts ----------------------------------------------------------------------------------------


@cli.command()
@click.option("--table", shell_complete=_completer(_tables), help="One table, such as gpus.")
@click.option(
    "--stale", "days", type=click.IntRange(0), help="Only facts older than DAYS, or undated."
)
@click.option("--search", help="Only facts that hold this text.")
@as_json
def facts(table: str | None, days: int | None, search: str | None, as_json: bool) -> None:
    """List every fact the kit uses, with source, date and age in days.

    \b
    Example:
      siting facts --table gpus
      siting facts --stale 90
    """
    from siting import provenance
    from siting.inputs.messages import suggestion

    if table and table not in _tables():
        raise Refused(f"{table!r} is no table of facts; {suggestion(table, _tables())}")
    found = provenance.entries(dt.date.today(), table)
    if days is not None:
        found = provenance.stale(found, days)
    chosen = [e for e in found if not search or search.lower() in str(e.facts).lower()]
    if as_json:
        _print_json([e.as_dict() for e in chosen])
        return
    rows = (
        (
            f"{e.table}:{e.line}",
            _short(e.name, 44),
            e.source.kind,
            e.source.date,
            "?" if e.age_days is None else str(e.age_days),
            _short(e.source.source, 50),
        )
        for e in chosen
    )
    _table(("where", "fact", "kind", "date", "age", "source"), rows, right={4})
    click.echo(f"{len(chosen)} facts", err=True)


def _short(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


# --- Results without a report, and what changed ---------------------------------------------------


@cli.command()
@click.argument("client", default="base", shell_complete=_completer(_clients))
@as_json
def summary(client: str, as_json: bool) -> None:
    """Compute a client's figures without rendering a report: the content of summary.json.

    \b
    Example:
      siting summary acme > figures.json
    """
    from siting import study

    _print_json(study.open(client).summary())


@cli.command()
@click.argument("before")
@click.argument("after")
@click.option("--html", "page", type=click.Path(dir_okay=False), help="Also write an HTML page.")
@click.option("--all", "everything", is_flag=True, help="Print small changes too.")
@as_json
def diff(before: str, after: str, page: str | None, everything: bool, as_json: bool) -> None:
    """Show what changed between two reports, the most important first.

    BEFORE and AFTER are each a client of reports/, a report's folder or summary.json,
    CLIENT@now (computed, not rendered), or CLIENT@DATE: the scenario and the facts as the
    repository held them on that day, computed by this version of the kit.

    \b
    Example:
      siting diff acme@2026-03 acme
      siting diff old/acme reports/acme --html changes.html
    """
    from siting.run import comparison, history

    changes = comparison.compare(history.summary(before), history.summary(after))
    if page:
        folder = Path(__file__).parent / "run"
        template = (folder / "comparison.html").read_text(encoding="utf-8")
        text = comparison.as_html(changes, before, after, template)
        Path(page).write_text(text, encoding="utf-8")
        click.echo(f"{page} is written.", err=True)
    if as_json:
        _print_json({"before": before, "after": after, "changes": [c.as_dict() for c in changes]})
    else:
        click.echo(comparison.as_text(changes, before, after, None if everything else 12))


# --- Memory and capacity of one model on one GPU --------------------------------------------------

model_option = click.option(
    "--model",
    required=True,
    shell_complete=_completer(_models),
    help="A model of the catalogue, or a config.json of Hugging Face.",
)
gpu_option = click.option(
    "--gpu", required=True, shell_complete=_completer(_gpus), help="A GPU of the catalogue."
)
_SERVING = (
    click.option("--weights", default="", help="Weight format, such as fp8; default: native."),
    click.option("--kv", default="auto", show_default=True, help="Format of the KV cache."),
    click.option("--tp", type=click.IntRange(1, 64), default=1, help="Tensor-parallel GPUs."),
    click.option("--engine", default="vllm", show_default=True, help="vllm, sglang, llama.cpp …"),
)


_PLACING = (
    click.option("--pp", type=click.IntRange(1, 64), default=1, help="Pipeline stages."),
    click.option(
        "--utilization", type=click.FloatRange(0.05, 1), help="Share of the GPU the engine takes."
    ),
)


def serving(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how a model is served."""
    for option in reversed((model_option, gpu_option, *_SERVING)):
        function = option(function)
    return function


def placing(function: Callable[..., Any]) -> Callable[..., Any]:
    """The options that say how one replica is laid out."""
    for option in reversed(_PLACING):
        function = option(function)
    return function


def _found_model(name: str) -> Any:
    from siting import hf_config
    from siting.inputs.messages import suggestion

    try:
        return hf_config.model(name)
    except KeyError:
        hint = suggestion(name, _models())
        raise Refused(f"--model: {name!r} is no model of the catalogue; {hint}") from None


def _found_gpu(name: str) -> Any:
    from siting import catalogue
    from siting.inputs.messages import suggestion

    try:
        return catalogue.gpu(name)
    except KeyError:
        hint = suggestion(name, _gpus())
        raise Refused(f"--gpu: {name!r} is no GPU of the catalogue; {hint}") from None


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
        d = planned(
            Deployment(
                _found_model(config or model),
                _found_gpu(gpu),
                how["weights"],
                how["kv"],
                how["tp"],
                how["pp"],
                engine=how["engine"],
                utilization=how["utilization"],
            )
        )
        memory = vram.inference(d, context, concurrency)
    except attention.NotEstimated as error:
        raise Refused(f"not estimated, because {error}") from None
    if as_json:
        _print_json(_memory_json(memory))
    else:
        _print_memory(memory)


def _memory_json(memory: Any) -> dict[str, Any]:
    return {
        "model": memory.model.model_id,
        "gpu": memory.gpu.id,
        "gpus": memory.gpus,
        **{k: getattr(memory, k) for k in ("weights", "kv", "tp", "pp", "context", "concurrency")},
        "verdict": memory.verdict,
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
    _table(("part", "central", "low", "high"), rows, right={1, 2, 3})
    click.echo()
    rows = [
        ("tokens the cache holds", *_three(memory.tokens, 0)),
        ("requests of that length at once", *_three(memory.max_concurrency, 1)),
    ]
    _table(("what fits", "central", "low", "high"), rows, right={1, 2, 3})
    click.echo(f"\nlongest context that fits: {memory.longest_context:,} tokens")


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
def size(
    model: str,
    gpu: str,
    weights: str,
    kv: str,
    tp: int,
    engine: str,
    requests_per_day: float,
    input_tokens: Any,
    output_tokens: Any,
    hours: Any,
    peak_factor: float,
    cached_share: float,
    ttft: float,
    tpot: float,
    percentile: float,
    redundancy: Any,
    as_json: bool,
) -> None:
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

    given = click.get_current_context().get_parameter_source("tp")
    option = scenario.Option(
        label=gpu,
        kind="rented_gpus",
        gpu=_found_gpu(gpu).id,
        weights=weights,
        kv_cache=kv,
        engine=engine,
        tensor_parallel=tp if given == click.core.ParameterSource.COMMANDLINE else None,
        redundancy=redundancy,
    )
    name = _found_model(model).model_id
    workload = scenario.Workload(
        description="from the command line",
        requests_per_day=requests_per_day,
        hours=hours,
        peak_factor=peak_factor,
        growth_per_year=Range.exact(0),
        input_tokens=input_tokens,
        output_tokens=output_tokens,
        cached_input_share=cached_share,
        latency=scenario.Latency(ttft_s=ttft, tpot_ms=tpot, percentile=percentile),
        models=[name],
    )
    asked = workload_load("load", workload)
    try:
        pool = capacity.best_pool(option, name, asked, capacity.limits_of([workload]), 1)
    except ValueError as error:
        raise Refused(f"not estimated, because {error}") from None
    figures = {
        "gpus": pool.gpus(1),
        "replicas": pool.total_replicas(1),
        "requests_per_s_per_replica": pool.rate_per_replica,
    }
    if as_json:
        _print_json(
            {
                "model": pool.model,
                "gpu": pool.deployment.gpu.id,
                "gpus_per_replica": pool.gpus_per_replica,
                "keeps_limits": pool.keeps_limits,
                **{name: value.as_dict() for name, value in figures.items()},
                "notes": list(pool.notes),
                "inputs": [i.model_dump(mode="json") for i in pool.inputs],
            }
        )
        return
    click.echo(f"{pool.model} on {pool.gpus_per_replica} × {pool.deployment.gpu.gpu} a replica")
    _table(
        ("what", "central", "low", "high"),
        [(name.replace("_", " "), *_three(v, 2)) for name, v in figures.items()],
        right={1, 2, 3},
    )
    if not pool.keeps_limits:
        click.echo("Even a lone request misses the limits: sized for the load alone.")
    for note in pool.notes:
        click.echo(note)


# --- How far off the kit is -----------------------------------------------------------------------


@cli.command()
@click.argument("kind", type=click.Choice(["vram", "finetune", "throughput", "stability"]))
@click.argument("csv", required=False, type=click.Path(exists=True, dir_okay=False))
@click.option("--rows", type=click.Path(dir_okay=False), help="Write each comparison to this CSV.")
@as_json
def validate(kind: str, csv: str | None, rows: str | None, as_json: bool) -> None:
    """Predict published measurements and say how far off the kit is.

    CSV has the columns of tests/data/KIND.csv, which is taken when no file is named. For
    stability, the score is tried on past events instead, against simple baselines.

    \b
    Example:
      siting validate vram
      siting validate throughput mine.csv --rows comparisons.csv
    """
    if kind == "stability":
        from siting.vendors import backtest

        panels = backtest.results()
        if as_json:
            _print_json(backtest.as_json(panels))
        else:
            click.echo("\n".join(backtest.lines(panels)))
        return
    from siting_validation import comparison

    try:
        path = Path(csv) if csv else comparison.shipped(kind)
        compared = comparison.compare(kind, comparison.read(path))
    except ValueError as error:
        raise Refused(str(error)) from None
    if rows:
        comparison.write_rows(compared, Path(rows))
    errors = comparison.summarise(compared)
    if as_json:
        _print_json(errors)
        return
    columns = ("n", "predicted", "median_error_pct", "p90_error_pct", "bias_pct", "coverage")
    _table(
        ("quantity", *(c.replace("_", " ") for c in columns)),
        ((name, *(_cell(found.get(c)) for c in columns)) for name, found in errors.items()),
        right={1, 2, 3, 4, 5, 6},
    )


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3g}" if isinstance(value, float) else str(value)


# --- Tables in and out ----------------------------------------------------------------------------


@cli.command("import")
@click.argument("kind", type=click.Choice(["quotes", "load", "focus"]))
@click.argument("table", type=click.Path(exists=True, dir_okay=False))
@click.option("--workload", default="assistant", help="load: the workload that was measured.")
@click.option("--option", "place", default="api", help="focus: the option that was billed.")
@click.option("--service", default="", help="focus: only charges that hold this text.")
@click.option("--requests", type=float, help="focus: requests a month behind the bill.")
@as_json
def import_(
    kind: str,
    table: str,
    workload: str,
    place: str,
    service: str,
    requests: float | None,
    as_json: bool,
) -> None:
    """Turn a client's table (CSV or XLSX) into a piece of scenario, to read and paste.

    \b
    quotes: columns item, value, unit, source, date (low, high, valid_until)
    load:   a log with time, requests, input_tokens, output_tokens, cached_tokens
    focus:  an invoice in FOCUS format: what a request of today's API really costs

    \b
    Example:
      siting import quotes offers.xlsx
      siting import load gateway.csv --workload assistant
      siting import focus invoice.csv --option api --service OpenAI --requests 310000
    """
    from siting.inputs import exchange, scenario

    path = Path(table)
    found: dict[str, Any]
    if kind == "load":
        fields, day = exchange.load(path)
        found = {"workloads": {workload: fields}}
        covered = [f"workloads.{workload}.{field}" for field in fields]
    else:
        if kind == "quotes":
            quotes = list(exchange.quotes(path))
        else:
            months = exchange.invoices(path, service)
            quote = exchange.cost_per_request(months, requests or 0, path)
            quotes = [quote.model_copy(update={"item": f"option.{place}.api_request"})]
        found = {"finance": {"quotes": [q.model_dump(exclude_none=True) for q in quotes]}}
        covered, day = ["finance.quotes"], max(quote.date for quote in quotes)
    # Dated by what the table covers: what was measured until then, whenever it is imported.
    evidence = {"fields": covered, "source": f"{path.name}, as exported", "date": day}
    found["evidence"] = [{**evidence, "kind": "measured" if kind == "load" else "client"}]
    if as_json:
        _print_json(found)
    else:
        click.echo(scenario.as_yaml(found), nl=False)


@cli.command()
@click.argument("target", type=click.Path(dir_okay=False))
@click.option("--reports", default="reports", show_default=True, help="Folder of the reports.")
@as_json
def table(target: str, reports: str, as_json: bool) -> None:
    """Write every figure of all reports as one tidy table, .csv or .parquet.

    One row is a client, an option and a figure, with low, central, high and unit.

    \b
    Example:
      siting table results.parquet
    """
    from siting.inputs import exchange

    found = {
        path.parent.name: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted(Path(reports).glob("*/summary.json"))
    }
    if not found:
        raise Refused(f"{reports} holds no report; run `siting report` first")
    frame = exchange.tidy(found)
    exchange.write(frame, Path(target))
    if as_json:
        _print_json({"file": target, "rows": len(frame), "clients": sorted(found)})
    else:
        click.echo(f"{target}: {len(frame)} figures of {len(found)} clients")
