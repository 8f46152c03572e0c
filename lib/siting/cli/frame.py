"""What all commands share: the group, its messages, JSON and tables on stdout, completion."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

import click

from siting import __version__

if TYPE_CHECKING:
    from siting.inputs.document import Problem

FAILED, WRONG_INPUT = 1, 2


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
        refuse(error.problems)
    if isinstance(error, FactError):
        raise Refused(str(error)) from None
    raise error


class Refused(click.ClickException):
    """The input is wrong: one message on stderr, exit status 2."""

    exit_code = WRONG_INPUT

    def show(self, file: Any = None) -> None:
        click.echo(self.message, err=True)


def refuse(problems: Iterable[Problem]) -> NoReturn:
    found = list(problems)
    count = f"{len(found)} problem{'s' if len(found) != 1 else ''}; nothing was written"
    raise Refused("\n".join([*listed(found), count]))


def listed(problems: Sequence[Problem], most: int = 100) -> list[str]:
    """The first problems in a line each, and how many more there are."""
    more = len(problems) - most
    return [*map(str, problems[:most]), *([f"… and {more:,} more"] if more > 0 else [])]


def print_json(data: Any) -> None:
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def print_table(
    head: Sequence[str], rows: Iterable[Sequence[object]], right: Container[int] = ()
) -> None:
    """Prints aligned columns; `right` holds the places of those that align right."""
    from siting.formats import columns

    for line in columns([head, *rows], right):
        click.echo(printable(line))


def printable(text: str) -> str:
    """Text without what a terminal would obey: a table or a file may hold a stranger's words."""
    from siting.inputs.document import INVISIBLE

    return INVISIBLE.sub("?", text)


def fields_of(record: Any) -> dict[str, Any]:
    """A record with slots as a dictionary."""
    return {name: getattr(record, name) for name in record.__slots__}


def completer(
    known: Callable[[], Iterable[str]],
) -> Callable[[click.Context, click.Parameter, str], list[str]]:
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        start = incomplete.lower()
        return [name for name in known() if name.lower().startswith(start)]

    return complete


def known_clients() -> list[str]:
    from siting.inputs import scenario

    return scenario.names()


def known_models() -> list[str]:
    from siting import catalogue

    return [m.model_id for m in catalogue.models()]


def known_gpus() -> list[str]:
    from siting import catalogue

    return [g.id for g in catalogue.gpus()]


def known_tables() -> list[str]:
    from siting import catalogue

    return sorted(p.stem for p in catalogue.facts_dir().glob("*.csv"))


as_json = click.option("--json", "as_json", is_flag=True, help="Machine-readable, on stdout.")
clients_argument = click.argument("clients", nargs=-1, shell_complete=completer(known_clients))


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
