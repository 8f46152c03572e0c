"""Writes the page on commands from the command line's own help: `python docs/commands.py`.

A test compares the page with the help, so that the two cannot differ.
"""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import click
from siting.cli import cli, frame

PAGE = Path(__file__).parent / "commands.md"
INTRODUCTION = """\
# Commands

Written by `make generated` from the help of the commands; change it there.

Results go to stdout; progress and problems go to stderr. With `--json`, stdout holds nothing but
JSON. Exit status: **0** done; **1** some reports failed, the others are complete, or, of
`siting recheck`, something moved; **2** the input is wrong and nothing was written.

A CLIENT is a name in `params/`, or a path to a YAML file anywhere.

## On Windows

`check`, `schema`, `fit`, `size`, `summary`, `variants`, `rivals`, `import` and `facts` need nothing
of POSIX: a test hides its modules and runs them. Not supported outside WSL: `report`, which ends
groups of processes and says so in one line; and `make`.
Nothing was tried on a machine with Windows.
"""


def page() -> str:
    """The whole page."""
    return "\n".join(
        [INTRODUCTION, *(_section("siting", n, c) for n, c in sorted(frame.commands(cli).items()))]
    )


def _section(above: str, name: str, command: click.Command) -> str:
    context = click.Context(command, info_name=name)
    usage = " ".join([above, name, *command.collect_usage_pieces(context)])
    text = inspect.cleandoc(command.help or "").replace("\b\n", "")
    text = re.sub(r"((?:^  .*\n?)+)", r"\n```console\n\1\n```\n", text, flags=re.MULTILINE)
    text = re.sub(r"\n\n```\n", "\n```\n", text)
    rows = [_row(option, context) for option in command.params if isinstance(option, click.Option)]
    parts = [f"## {above} {name}", f"`{usage}`", text.strip()]
    if rows:
        parts.append("\n".join(["| option | meaning |", "|---|---|", *rows]))
    if isinstance(command, frame.Commands):
        inner = frame.commands(command).items()
        parts += [_section(f"{above} {name}", n, c).strip() for n, c in inner]
    return "\n\n".join(parts) + "\n"


def _row(option: click.Option, context: click.Context) -> str:
    record = option.get_help_record(context)
    assert record is not None
    names, text = (part.replace("|", "\\|") for part in record)
    return f"| `{names}` | {text} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
