"""Commands on scenarios: checking, making, showing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from siting.cli.frame import (
    WRONG_INPUT,
    Refused,
    as_json,
    cli,
    clients_argument,
    completer,
    fields_of,
    known_clients,
    print_json,
)

if TYPE_CHECKING:
    from siting.inputs.document import Problem


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
        print_json({"checked": list(checked), "problems": [fields_of(p) for p in found]})
        sys.exit(WRONG_INPUT if found else 0)
    if found:
        raise Refused("\n".join(map(str, found)))
    click.echo(f"{len(checked)} scenario{'s' if len(checked) != 1 else ''} checked, no problem.")


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
        print_json({"client": client, "file": str(path)})
    else:
        click.echo(f"{path} is written. Edit it, then: siting report {client}")


@cli.command()
@click.argument("client", default="base", shell_complete=completer(known_clients))
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
        print_json(found.model_dump(mode="json"))
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

    print_json(scenario.json_schema())
