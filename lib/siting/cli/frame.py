"""What all commands share: the group, its messages, JSON and lines on stdout."""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, is_dataclass, replace
from functools import partial
from hashlib import sha256
from importlib.util import cache_from_source
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from siting import __version__, beside

if TYPE_CHECKING:
    from siting.inputs.document import Problem
    from siting.inputs.scenario import Examined
    from siting.inputs.scenario.changes import Changes

FAILED = 1
WRONG_INPUT = 2
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Answer(NamedTuple):
    """What a command has to say: data with `--json`, else lines, to stderr if it failed."""

    data: Any
    lines: Iterable[str] | None = None
    """None: the data, as JSON."""
    status: int = 0


class StatusAnswer(Answer):
    """An answer whose status tells what was found: whatever it is, its lines go to stdout."""


class Command(click.Command):
    """A command whose function gives an Answer: it prints the answer, and has `--json`."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **how)
        said = "Machine-readable, on stdout."
        self.params.append(click.Option(["--json", "as_json"], is_flag=True, help=said))

    def invoke(self, ctx: click.Context) -> None:
        as_json = ctx.params.pop("as_json")
        answer: Answer = super().invoke(ctx)
        if as_json or answer.lines is None:
            click.echo(_json(answer.data))
        else:
            goes_wrong = bool(answer.status) and not isinstance(answer, StatusAnswer)
            for line in answer.lines:
                click.echo(shown(line), err=goes_wrong)
        if answer.status:
            sys.exit(answer.status)


def shown(text: str) -> str:
    """Text without what a terminal would obey; a scenario, a table or a name of a file may hold
    it."""
    from siting.inputs.document import INVISIBLE

    return INVISIBLE.sub("?", text)


def _json(data: Any) -> str:
    """JSON in which what a terminal would obey is spelt out."""
    from siting.inputs.document import INVISIBLE

    text = json.dumps(_finite(data), indent=2, ensure_ascii=False)
    return INVISIBLE.sub(lambda mark: f"\\u{ord(mark[0]):04x}", text)


def _finite(data: Any) -> Any:
    """Data as JSON has them: a number that it cannot hold, such as no limit, is null."""
    if isinstance(data, Mapping):
        return {key: _finite(value) for key, value in data.items()}
    if isinstance(data, list | tuple):
        return [_finite(value) for value in data]
    if isinstance(data, float):
        return data if math.isfinite(data) else None
    return data if isinstance(data, str | int | None) else _finite(_plain(data))


def _plain(record: Any) -> Any:
    """A record as JSON has it."""
    if hasattr(record, "as_dict"):
        return record.as_dict()
    if hasattr(record, "model_dump"):
        return record.model_dump(mode="json")
    return asdict(record) if is_dataclass(record) and not isinstance(record, type) else str(record)


class Commands(click.Group):
    """The group of all commands: a user's mistake becomes a message, never a traceback."""

    command_class = Command
    within = ""
    """What the names of commands in packages beside this one begin with."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        own = {name for name in beside.names("commands") if self._holds(name)}
        return sorted({*super().list_commands(ctx), *(n.removeprefix(self.within) for n in own)})

    def _holds(self, name: str) -> bool:
        """Whether a command of a package beside this one is of this group."""
        return name.startswith(self.within) and "." not in name.removeprefix(self.within)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """A command of its own, else one of a package beside. Raises Refused where that package is
        not installed."""
        if own := super().get_command(ctx, name):
            return own
        entry = beside.entries("commands").get(self.within + name)
        if entry is None:
            return None
        if not beside.is_there(entry):
            said = f"{beside.package(entry)}, which has this command, is not installed"
            raise Refused(f"{name}: {said}; install siting as a whole")
        found: click.Command = entry.load()
        return found

    def invoke(self, ctx: click.Context) -> Any:
        try:
            try:
                return super().invoke(ctx)
            except (ArithmeticError, LookupError, ValueError):
                check_tables()
                raise
        except ValueError as error:
            from siting_report.run.extras import BadAddress

            from siting.catalogue import FactError
            from siting.inputs.document import DocumentError
            from siting.quantity import NotEstimated

            if isinstance(error, DocumentError):
                raise Refused("\n".join(refusal(error.problems))) from None
            if isinstance(error, NotEstimated):
                raise Refused(f"not estimated, because {error}") from None
            if isinstance(error, FactError | BadAddress):
                raise Refused("\n".join(listed(str(error).splitlines()))) from None
            raise


command = partial(click.command, cls=Command)
"""Decorates a command of a package beside this one, which an entry point names."""


def commands(group: Commands) -> dict[str, click.Command]:
    """The commands of a group by name, those of packages beside this one too."""
    ctx = click.Context(group)
    found = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
    return {name: one for name, one in found.items() if one is not None}


class Refused(click.ClickException):
    """The input is wrong: one message on stderr, exit status 2."""

    exit_code = WRONG_INPUT

    def show(self, file: Any = None) -> None:
        click.echo(shown(self.message), err=True)


def check_tables() -> None:
    """Refuses damaged tables of facts, before a client's file is blamed. Raises FactError naming
    all that is wrong with them."""
    from siting import catalogue, provenance
    from siting.cost import priced, uncertainty
    from siting.memory import attention
    from siting.rules import properties, rulebook
    from siting.verdict import options  # noqa: F401 (whose imports hold all records)

    faults = catalogue.Faults()
    tables = sorted({*catalogue.RECORDS, *provenance.tables()})
    records = {name: catalogue.RECORDS.get(name, catalogue.Unread) for name in tables}
    checks: list[Callable[[], object]] = [
        *(partial(catalogue.table, name, record) for name, record in records.items()),
        priced.checked_items,
        uncertainty.correlations,
        attention.check_models,
        rulebook.rule_book,
        properties.parsed,
    ]
    for check in checks:
        try:
            check()
        except catalogue.FactError as error:
            faults.add(error)
    faults.refuse()


def check_changed_tables() -> None:
    """As `check_tables`, but for tables that were found sound and have not changed since, nor the
    code that reads them: their stamp is kept where bytecode is."""
    kept = Path(cache_from_source(__file__)).with_name("sound_tables")
    stamp = _stamp()
    with contextlib.suppress(OSError):
        if kept.read_text(encoding="utf-8") == stamp:
            return
    check_tables()
    if not sys.dont_write_bytecode:
        with contextlib.suppress(OSError):
            kept.write_text(stamp, encoding="utf-8")


def _stamp() -> str:
    """Which tables and what code there is: name, size and time of each file, and the time of the
    last installation."""
    import pydantic
    import siting_report

    from siting import catalogue

    found = [sys.version]
    for top in (
        catalogue.facts_dir(),
        Path(__file__).parents[1],
        Path(siting_report.__file__).parent,
    ):
        for folder, within, names in os.walk(top):
            within[:] = [name for name in within if name != "__pycache__"]
            for path in filter(os.path.exists, (os.path.join(folder, name) for name in names)):
                was = os.stat(path)
                found.append(f"{path} {was.st_size} {was.st_mtime_ns}")
    found.append(f"{os.stat(Path(pydantic.__file__).parents[1]).st_mtime_ns}")
    return sha256("\n".join(sorted(found)).encode()).hexdigest()


def refusal(problems: Sequence[Problem]) -> list[str]:
    """Problems in a line each, and how many they are."""
    return [*listed(problems), f"{counted(len(problems), 'problem')}; nothing was written"]


def counted(number: int, what: str) -> str:
    """A number of things: `1 problem`, `2 problems`."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def listed(problems: Sequence[Problem | str], most: int = 100) -> list[str]:
    """The first problems in a line each, and how many more there are."""
    lines = [str(problem) for problem in problems[:most]]
    more = len(problems) - most
    if more > 0:
        lines.append(f"… and {more:,} more")
    return lines


class Prepared(NamedTuple):
    """What clients were named for a command."""

    jobs: list[Any]
    """Of those that can be rendered."""
    opened: dict[str, Examined]
    """Scenarios of which enough can be read, as changed, by what was named."""
    wrong: dict[str, list[Problem]]
    """What is wrong with those that cannot be rendered, by what was named."""


def prepare(
    clients: Iterable[str],
    formats: tuple[Any, ...] = ("html", "pdf"),
    out: str = "",
    changes: Changes | None = None,
) -> Prepared:
    """What of clients can be rendered, and what is wrong with the others.

    out: where the reports will stand; an address is somebody else's to guard.
    """
    from siting.inputs import scenario
    from siting.inputs.document import DocumentError, Gathered, Problem
    from siting.run import job

    prepared: dict[str, Any] = {}
    opened: dict[str, Examined] = {}
    wrong: dict[str, list[Problem]] = {}
    for client in clients:
        try:
            path = scenario.path_of(client)
            opened[client] = read = scenario.examined(path)
            if not read.problems:
                found = scenario.changed(read.found, changes or {})
                opened[client] = replace(read, found=found)
            problems = Gathered(read.problems)
            with problems:
                made = job.prepare(path, opened[client].found, formats=formats)
            problems.refuse()
            if out and "://" not in out:
                job.refuse_replacing(path, made.client, Path(out))
            if prepared.setdefault(made.client, made) != made:
                fault = f"another scenario of this run is named {made.client!r}, too"
                write = "rename it, or use another --out"
                wrong[client] = [Problem(file=client, wrong=fault, write=write)]
        except DocumentError as error:
            wrong[client] = list(error.problems)
    return Prepared(list(prepared.values()), opened, wrong)


def option(flag: str, type: Any, help: str, usual: Any = None, **how: Any) -> Decorator:
    """An option by its flag, and its name where that differs; help names what is usual."""
    if usual is not None:
        how |= {"default": usual, "show_default": bool(usual)}
    return click.option(*flag.split(), type=type, help=help, **how)


class Number(click.FloatRange):
    """A number within bounds; infinity and what is no number are refused."""

    def convert(self, value: Any, param: Any, ctx: Any) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value!r} is not a finite number", param, ctx)
        return found


above_0 = partial(Number, 0, min_open=True)
"""A number above zero and up to a bound."""


@contextlib.contextmanager
def writing(path: str) -> Iterator[None]:
    """Refuses a place where nothing can be written."""
    try:
        yield
    except OSError as error:
        wrong = f"{path}: cannot be written ({error.strerror or error})"
        raise Refused(f"{wrong}; name a folder that is there") from None


QUIET_S = 2
"""Work that takes longer says on a terminal how far it is, first after so long, then ever more
rarely. [s]"""


@contextlib.contextmanager
def followed() -> Iterator[Callable[[Callable[[], str]], None]]:
    """Follows long work on a terminal; gives what is told how far the work says that it is."""
    ended = threading.Event()
    told: list[Callable[[], str]] = [lambda: "sizing and pricing"]

    def tell() -> None:
        began = time.monotonic()
        pause = QUIET_S
        while not ended.wait(pause):
            click.echo(f"{time.monotonic() - began:.0f} s: {told[-1]()}", err=True)
            pause *= 2

    if sys.stderr.isatty():
        threading.Thread(target=tell, daemon=True).start()
    try:
        yield told.append
    finally:
        ended.set()


def aligned(rows: Iterable[Mapping[str, object]], right: Container[str] = ()) -> list[str]:
    """Lines of aligned columns, cells by heading; none without a row.

    `right` holds the headings of columns that align right. Of a row that lacks a heading of the
    first one, or has a further one, a KeyError is raised.
    """
    found = [{name: str(cell) for name, cell in row.items()} for row in rows]
    if not found:
        return []
    widths = {name: max(len(name), *(len(row[name]) for row in found)) for name in found[0]}
    lines = []
    for row in ({name: name for name in widths}, *found):
        cells = [
            cell.rjust(widths[name]) if name in right else cell.ljust(widths[name])
            for name, cell in row.items()
        ]
        lines.append("  ".join(cells).rstrip())
    return lines


def name_in_scenario(value: str) -> str:
    """Name of a workload or an option in a scenario."""
    from siting.inputs.scenario.model import NAME

    if not re.fullmatch(NAME, value):
        wrong = f"{value!r} is no name; write small letters, digits, - or _"
        raise click.BadParameter(wrong)
    return value


def _read(ctx: click.Context, option: click.Parameter, said: Sequence[str]) -> Changes:
    """What the words of `--set` change, by dotted path."""
    from siting.inputs.scenario.changes import read

    return read(said)


changes = click.option(
    "--set",
    "changes",
    multiple=True,
    callback=_read,
    metavar="KEY=VALUE",
    help="Change the scenario, such as finance.discount_rate=0.06; as often as needed.",
)
clients = click.argument("clients", nargs=-1)
client = click.argument("client", default="base")


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
