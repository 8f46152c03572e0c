"""The group of commands that turn a client's own table into a piece of scenario."""

from __future__ import annotations

from siting.cli.frame import Commands, cli


class Imports(Commands):
    """Kinds of table, each of a package beside this one."""

    within = "import."


@cli.group("import", cls=Imports)
def import_() -> None:
    """Turn a client's table (CSV) into a piece of scenario, to read and paste."""
