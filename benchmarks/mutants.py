"""Do the tests notice? Breaks the library at 200 places, one by one: `python -m benchmarks.mutants`.

A mutant is the library with one place changed: a comparison by its edge, a sum into a difference,
a condition into its opposite, a number by one. It is killed if a test fails then. 40 places are
drawn from each of five packages; of each, the tests that carry it out are run, the quickest of each
function first, until one fails; what survives a short look is looked at long. A test that fails without the
mutant as well counts for nothing.

All tests are read once; a process forks off for each mutant and puts it into the functions as they
are. What survives so, and was carried out when the tests were read, is judged from the start, with
new imports. First each file of tests is run once, to see which places its tests carry out. Results are kept as they
come, so that a run that was stopped goes on; `docs/mutants.md` is written from them. It takes
about an hour of one core, so no test and no continuous integration runs it.

`--again` judges once more what was not killed, after tests were written for it, and `--fresh` some
that nobody has looked at; the page says all shares. What a person found out about a survivor stands
in `mutants.csv`.
"""

# ruff: noqa: E501

from __future__ import annotations

import argparse
import ast
import builtins
import copy
import csv
import gc
import hashlib
import importlib
import importlib.machinery
import json
import math
import os
import random
import subprocess
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "lib" / "siting"
PAGE = ROOT / "docs" / "mutants.md"
FINDINGS = Path(__file__).with_suffix(".csv")
PACKAGES = ("memory", "serving", "cost", "rules", "verdict")
EACH = 40
"""Mutants of a package."""
FRESH = 5
"""Mutants of a package that nobody has written a test for."""
LEFT_OUT = frozenset({
    "batch", "browser", "carried", "clients", "faults", "few_options", "free_texts", "howto",
    "own_files", "packaging", "pdf", "portfolio", "portfolio_browser", "recheck", "report",
    "edited_chapter", "strangers", "tutorial", "windows",
    "body_numbers", "columns", "data_page",
    "notebooks", "random_scenarios", "raw_names", "sources_frames", "summary_units",
    "validation_page",
    "beside", "bills", "chapters", "diff", "docs", "exchange", "foreign", "formats",
    "house", "logs", "notice", "places", "show", "words",
})  # fmt: skip
"""Files of tests that are not run: those that render reports, those that take minutes, and those
that look at files and texts, at `siting_report`, or at processes of their own."""


@dataclass(frozen=True, kw_only=True)
class Look:
    """How hard the tests look at a mutant."""

    tests: int
    """Of those that carry out its line."""
    enough: float
    """Tests that have run so long without noticing it have looked long enough. [s of CPU]"""
    patience: float
    """A mutant that takes longer hangs, which is noticed. [s of CPU]"""
    every_case: bool = False
    """Whether all cases of a test function are run, and not its quickest alone."""


SHORT = Look(tests=40, enough=20.0, patience=60.0)
LONG = Look(tests=1000, enough=25.0, patience=90.0, every_case=True)
"""For what survived the short look: by the same tests, more of them."""

CRASHED = 99
"""How a process ends that should not have."""
NOT_READ = " (not read)"
"""Follows the name of a file of tests whose imports fail."""

_EDGES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SIGNS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip
_OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor"}


Known = dict[str, Any]
"""A mutant that was judged, as it is kept: its fields, its verdict and the commit."""


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One place of the library, changed."""

    module: str
    """Path below lib/siting."""
    line: int
    place: int
    """Which of the places of the module, counted as `places` yields them."""
    text: str
    """The line."""
    before: str
    after: str

    @property
    def name(self) -> str:
        return f"{self.module}:{self.place}"


@dataclass(frozen=True)
class Verdict:
    """What became of a mutant."""

    fate: str
    """killed, survived, not reached or not judged."""
    by: str
    """The test that noticed it, or why it was not judged."""


def places(tree: ast.Module) -> Iterator[tuple[ast.AST, ast.AST]]:
    """Each place within a function that can be changed, and what it is changed into."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            for statement in function.body:
                for node in _walked(statement):
                    changed = _changed(node)
                    if changed is not None:
                        yield node, changed


def _walked(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all below, but for what no number depends on: messages, types, inner functions."""
    if isinstance(node, ast.Raise | ast.JoinedStr | ast.FunctionDef | ast.ClassDef | ast.arg):
        return
    if isinstance(node, ast.keyword) and node.arg in {"strict", "maxsize", "reverse"}:
        return
    yield node
    for name, value in ast.iter_fields(node):
        if name in {"annotation", "returns", "decorator_list", "slice"}:
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _walked(child)


def _changed(node: ast.AST) -> ast.AST | None:
    """The node with something else in its place; None where nothing is worth changing."""
    other = copy.copy(node)
    match other:
        case ast.Compare(ops=[op, *rest]):
            other.ops = [_EDGES[type(op)](), *rest]
        case ast.BinOp(op=op) if type(op) in _SIGNS and not _holds_text(other):
            other.op = _SIGNS[type(op)]()
        case ast.BoolOp(op=op):
            other.op = ast.Or() if isinstance(op, ast.And) else ast.And()
        case ast.UnaryOp(op=ast.Not() | ast.USub(), operand=operand):
            return operand
        case ast.IfExp(body=body, orelse=orelse):
            other.body = orelse
            other.orelse = body
        case ast.If(test=test):
            other.test = ast.copy_location(ast.UnaryOp(ast.Not(), test), test)
        case ast.Constant(value=bool() as value):
            other.value = not value
        case ast.Constant(value=int() | float() as value):
            other.value = value + 1
        case ast.Name(id=name) if name in _OTHER_NAMES:
            other.id = _OTHER_NAMES[name]
        case ast.Continue():
            return ast.copy_location(ast.Break(), node)
        case _:
            return None
    return other


def _holds_text(node: ast.AST) -> bool:
    return any(
        isinstance(n, ast.JoinedStr) or (isinstance(n, ast.Constant) and isinstance(n.value, str))
        for n in ast.walk(node)
    )


def mutated(module: str, place: int) -> ast.Module:
    """The syntax tree of a module with one place changed."""
    tree = ast.parse((LIBRARY / module).read_text(encoding="utf-8"))
    old, new = list(places(tree))[place]
    for parent in ast.walk(tree):
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(child is old for child in value):
                setattr(parent, name, [new if child is old else child for child in value])
    return ast.fix_missing_locations(tree)


def drawn(seed: int, each: int, without: Collection[str] = ()) -> list[Mutant]:
    """The same number from each package, one package after the other.

    `without` holds the names of those that are not to be drawn.
    """
    samples = []
    for package in PACKAGES:
        every = [m for path in sorted((LIBRARY / package).glob("*.py")) for m in _of(path)]
        free = [m for m in every if m.name not in without]
        samples.append(random.Random(f"{seed} {package}").sample(free, each))
    return [mutant for one_of_each in zip(*samples, strict=True) for mutant in one_of_each]


def _of(path: Path) -> list[Mutant]:
    text = path.read_text(encoding="utf-8")
    lines = ["", *text.splitlines()]
    return [
        Mutant(
            module=path.relative_to(LIBRARY).as_posix(),
            line=line,
            place=place,
            text=lines[line].strip(),
            before=_shown(old),
            after=_shown(new),
        )
        for place, (old, new) in enumerate(places(ast.parse(text)))
        if (line := getattr(old, "lineno", 0))
    ]


def _shown(node: ast.AST) -> str:
    """A node in one line; of an `if`, its condition."""
    text = f"if {ast.unparse(node.test)}" if isinstance(node, ast.If) else ast.unparse(node)
    return " ".join(text.split())[:90]


# --- which test carries out which place -----------------------------------------------------------


PROBE = "__reached__"
"""Name under which the library, while tests are mapped, finds what notes a place."""


def probed(module: str, numbers: Mapping[int, str]) -> ast.Module:
    """The syntax tree of a module that notes the given places when it carries them out."""
    tree = ast.parse((LIBRARY / module).read_text(encoding="utf-8"))
    for place, (node, _) in enumerate(places(tree)):
        if place not in numbers:
            continue
        note = ast.Call(ast.Name(PROBE, ast.Load()), [ast.Constant(numbers[place])], [])
        if isinstance(node, ast.If):
            node.test = ast.copy_location(_after(note, node.test), node.test)
        elif isinstance(node, ast.Continue):
            always = _after(note, ast.Constant(True))
            _exchange(tree, node, ast.copy_location(ast.If(always, [node], []), node))
        elif isinstance(node, ast.expr):
            _exchange(tree, node, ast.copy_location(_after(note, node), node))
    return ast.fix_missing_locations(tree)


def _after(note: ast.expr, value: ast.expr) -> ast.expr:
    """`(note, value)[1]`."""
    both = ast.Tuple([note, value], ast.Load())
    return ast.Subscript(both, ast.Constant(1), ast.Load())


def _exchange(tree: ast.Module, old: ast.AST, new: ast.AST) -> None:
    for parent in list(ast.walk(tree)):
        if isinstance(parent, ast.MatchValue):
            continue  # a pattern holds no calls
        for name, value in ast.iter_fields(parent):
            if value is old:
                setattr(parent, name, new)
            elif isinstance(value, list) and any(child is old for child in value):
                setattr(parent, name, [new if child is old else child for child in value])


class Notes:
    """Notes how long each test takes, what it carries out, and whether it passes."""

    def __init__(self) -> None:
        self.reached: set[str] = set()
        self.places: dict[str, list[str]] = {}
        self.seconds: dict[str, float] = {}
        self.amiss: set[str] = set()

    def pytest_runtest_logstart(self) -> None:
        self.reached.clear()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration
        if not report.passed:
            self.amiss.add(report.nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        self.places[nodeid] = sorted(self.reached)

    def of_those_that_pass(self) -> dict[str, tuple[float, list[str]]]:
        """By test: how long it took [s], and what it carried out."""
        passed = sorted(self.places.keys() - self.amiss)
        return {test: (self.seconds[test], self.places[test]) for test in passed}


def test_files() -> list[Path]:
    """The files of tests that are run: all but those left out."""
    every = sorted((ROOT / "tests").glob("test_*.py"))
    return [path for path in every if path.stem.removeprefix("test_") not in LEFT_OUT]


def _put(trees: Mapping[str, ast.Module]) -> None:
    """Lets whoever imports a module of the library get another in its place."""
    codes = {}
    for module, tree in trees.items():
        path = str(LIBRARY / module)
        codes[path] = compile(tree, path, "exec", dont_inherit=True)
    read = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> Any:
        return codes.get(loader.path) or read(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]


def in_child(work: Any, *given: Any, patience: float = math.inf) -> int:
    """What a function does in a process of its own; what it printed is lost. Its exit status.

    patience: ten times as long it may take. [s]
    """
    pid = os.fork()
    if pid == 0:
        status = CRASHED
        try:
            null = os.open(os.devnull, os.O_WRONLY)
            os.dup2(null, 1)
            os.dup2(null, 2)
            status = work(*given) or 0
        finally:
            os._exit(status)
    since = time.monotonic()
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() - since > 10 * patience:
            os.kill(pid, 9)
        time.sleep(0.02)


@dataclass(frozen=True)
class Reach:
    """What the tests carry out."""

    tests: Mapping[str, set[str]]
    """Of each mutant, by its name, the tests that carry out its place."""
    seconds: Mapping[str, float]
    """How long each test took."""

    def of(self, mutant: Mutant, look: Look) -> list[str]:
        """The tests that may notice a mutant: those that carry it out, and after them the others
        of files that open studies, as a study that one test computed serves the next."""
        direct = self.tests.get(mutant.name, set())
        files = {file for file in {_file(test) for test in direct} if _opens_studies(file)}
        beside = {test for test in self.seconds if _file(test) in files} - direct
        return self._in_turn(direct, look) + self._in_turn(beside, look)

    def _in_turn(self, tests: Collection[str], look: Look) -> list[str]:
        """The quickest first. Of each test function its quickest case alone, unless all are asked
        for: cases of one function say much the same, and one of each sees more in the same time."""
        turn = sorted(tests, key=lambda test: (self.seconds[test], test))
        if not look.every_case:
            first: dict[str, str] = {}
            for test in turn:
                first.setdefault(test.partition("[")[0], test)
            turn = list(first.values())
        return turn[: look.tests]


def _file(test: str) -> str:
    return test.partition("::")[0]


@cache
def _opens_studies(file: str) -> bool:
    return "studies" in (ROOT / file).read_text(encoding="utf-8")


def kept_map(path: Path, work: Path) -> Path:
    """Where the map of a file of tests is kept, until the file changes."""
    content = hashlib.sha256(path.read_bytes()).hexdigest()[:12]
    return work / f"{path.stem}-{content}.json"


def mapped(work: Path) -> Reach:
    """What the tests carry out of the mutants' places, as far as their files were mapped."""
    seconds: dict[str, float] = {}
    tests: dict[str, set[str]] = {}
    for path in test_files():
        kept = kept_map(path, work)
        found = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else {}
        for test, (took, reached) in found.items():
            seconds[test] = took
            for name in reached:
                tests.setdefault(name, set()).add(test)
    return Reach(tests, seconds)


# --- the judging ----------------------------------------------------------------------------------


class Court:
    """Judges mutants into files, each in a process of its own.

    try_: runs tests with a mutant, or with none, and writes the first that fails into a file.
    """

    def __init__(
        self, work: Path, try_: Callable[[Mutant | None, list[str], Path, Look], int]
    ) -> None:
        self.work = work
        self.try_ = try_
        self.reach = mapped(work)
        self.sound: dict[str, bool] = {}
        """Whether a test that failed with a mutant passes without one."""

    def judge(self, job: Job, only_kills: Collection[str] = ()) -> None:
        """Judges those that no former run judged.

        only_kills: names of those of which nothing is kept where no test notices them.
        """
        commit = _commit()
        done = {known["name"] for known in read(job.file)}
        for mutant in job.mutants:
            if mutant.name in done:
                continue
            verdict = self._verdict(mutant, job.look)
            if verdict.fate != "killed" and mutant.name in only_kills:
                continue
            about = asdict(mutant) | asdict(verdict)
            with job.file.open("a", encoding="utf-8") as kept:
                kept.write(json.dumps({"name": mutant.name, "commit": commit, **about}) + "\n")

    def _verdict(self, mutant: Mutant, look: Look) -> Verdict:
        tests = self.reach.of(mutant, look)
        if not tests:
            return Verdict("not reached", "")
        status, failed = self._run(mutant, tests, look)
        if failed and not self._is_sound(failed):
            return Verdict("not judged", f"{failed} fails without a mutant")
        if failed:
            return Verdict("killed", failed)
        if status < 0:
            return Verdict("killed", "no test: it came to no end")
        if status > 0:
            return Verdict("not judged", f"the tests ended with {status}")
        return Verdict("survived", "")

    def _run(self, mutant: Mutant | None, tests: list[str], look: Look) -> tuple[int, str]:
        """How the tests ended, and the first that failed."""
        note = self.work / "failed.txt"
        note.write_text("", encoding="utf-8")
        status = in_child(self.try_, mutant, tests, note, look, patience=look.patience)
        return status, note.read_text(encoding="utf-8")

    def _is_sound(self, test: str) -> bool:
        if test not in self.sound:
            # A file that could not be read with the mutant was read without it, when it was mapped.
            self.sound[test] = test.endswith(NOT_READ) or self._run(None, [test], LONG) == (0, "")
        return self.sound[test]


def limit(seconds: float) -> None:
    """Ends a process that takes too long or too much."""
    import resource

    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))


class Session:
    """Reads all tests once; then forks for each mutant and puts it into the functions as they are.

    What reading the tests carried out may survive so only because its results stand in the tests
    already: such mutants are left to be judged from the start.
    """

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.notes = Notes()
        self.failed: Path | None = None

    def run(self) -> int:
        setattr(builtins, PROBE, self.notes.reached.add)
        numbers: dict[str, dict[int, str]] = {}
        for mutant in (*self.asked.sample, *self.asked.fresh):
            numbers.setdefault(mutant.module, {})[mutant.place] = mutant.name
        _put({module: probed(module, places) for module, places in numbers.items()})
        files = [str(path.relative_to(ROOT)) for path in test_files()]
        return int(pytest.main(["-q", "-s", "-p", "no:cacheprovider", *files], plugins=[self]))

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        at_reading = frozenset(self.notes.reached)
        self.items = {item.nodeid: item for item in session.items}
        self.functions: dict[str, list[FunctionType]] = {}
        for each in gc.get_objects():
            if isinstance(each, FunctionType):
                self.functions.setdefault(each.__code__.co_filename, []).append(each)
        for path in test_files():
            kept = kept_map(path, self.asked.work)
            if not kept.is_file():
                in_child(self._map, str(path.relative_to(ROOT)), kept)
        court = Court(self.asked.work, self._try)
        for job in self.asked.jobs():
            court.judge(job, only_kills=at_reading)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and self.failed:
            self.failed.write_text(report.nodeid, encoding="utf-8")

    def _map(self, file: str, kept: Path) -> int:
        """Runs a file of tests, noting which places each that passes carries out."""
        items = [item for test, item in self.items.items() if _file(test) == file]
        if items:
            items[0].config.pluginmanager.register(self.notes)
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        kept.write_text(json.dumps(self.notes.of_those_that_pass()), encoding="utf-8")
        return 0

    def _try(self, mutant: Mutant | None, tests: list[str], failed: Path, look: Look) -> int:
        limit(look.patience)
        self.failed = failed
        if mutant is not None:
            self._put_into_functions(mutant)
        items = [self.items[test] for test in tests]
        for item, following in zip(items, [*items[1:], None], strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            if failed.stat().st_size or time.process_time() > look.enough:
                break
        return 0

    def _put_into_functions(self, mutant: Mutant) -> None:
        path = str(LIBRARY / mutant.module)
        tree = mutated(mutant.module, mutant.place)
        codes = _codes(compile(tree, path, "exec", dont_inherit=True))
        for function in self.functions[path]:
            code = function.__code__
            changed = codes.get((code.co_qualname, code.co_firstlineno))
            if changed is not None:
                function.__code__ = changed


def _codes(code: CodeType) -> dict[tuple[str, int], CodeType]:
    """The functions of a module by name and line, but for those that have no name of their own."""
    found: dict[tuple[str, int], CodeType] = {}
    for inner in code.co_consts:
        if isinstance(inner, CodeType):
            found |= _codes(inner)
            if not inner.co_name.startswith("<"):
                found[inner.co_qualname, inner.co_firstlineno] = inner
    return found


class Judge:
    """Runs tests in the order asked for, notes the first that fails, ends when it looked enough."""

    def __init__(self, tests: list[str], failed: Path, enough: float) -> None:
        self.enough = enough
        self.place = {test: place for place, test in enumerate(tests)}
        self.failed = failed

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items.sort(key=lambda item: self.place.get(item.nodeid, len(self.place)))

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failed.write_text(f"{report.nodeid}{NOT_READ}", encoding="utf-8")

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.write_text(report.nodeid, encoding="utf-8")

    def pytest_runtest_logfinish(self) -> None:
        if time.process_time() > self.enough and not self.failed.stat().st_size:
            pytest.exit("looked long enough", returncode=0)


def try_from_the_start(mutant: Mutant | None, tests: list[str], failed: Path, look: Look) -> int:
    """Imports the library with a mutant in place of its module, then runs tests."""
    limit(look.patience)
    if mutant is not None:
        _put({mutant.module: mutated(mutant.module, mutant.place)})
    judge = Judge(tests, failed, look.enough)
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=[judge]))


def _warm() -> None:
    """Imports what every mutant needs, none of it the library."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    for name in ("numpy", "pandas", "scipy.stats", "scipy.optimize", "pydantic", "yaml",
                 "IPython", "nbformat"):  # fmt: skip
        importlib.import_module(name)


def read(file: Path) -> list[Known]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    return [json.loads(line) for line in lines]


def _commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True, kw_only=True)
class Job:
    """Mutants that are judged alike."""

    mutants: list[Mutant]
    file: Path
    """Where the verdicts are kept."""
    look: Look


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is to be judged, and where what was found is kept."""

    work: Path
    sample: list[Mutant]
    fresh: list[Mutant]
    with_again: bool
    with_fresh: bool

    def file(self, name: str) -> Path:
        return self.work / f"{name}.jsonl"

    def jobs(self) -> Iterator[Job]:
        """What is judged, in turn: who survives a short look is looked at long, and anew once
        tests were written for him."""
        yield Job(mutants=self.sample, file=self.file("drawn"), look=SHORT)
        alive = self._alive(self.sample, "drawn")
        yield Job(mutants=alive, file=self.file("long"), look=LONG)
        if self.with_again:
            alive = self._alive(alive, "long")
            yield Job(mutants=alive, file=self.file("again"), look=LONG)
        if self.with_fresh:
            yield Job(mutants=self.fresh, file=self.file("fresh"), look=LONG)

    def _alive(self, mutants: list[Mutant], name: str) -> list[Mutant]:
        """Those that a former job judged and that it did not kill."""
        alive = {known["name"] for known in read(self.file(name)) if known["fate"] != "killed"}
        return [mutant for mutant in mutants if mutant.name in alive]


# --- the page -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """How many of some mutants were killed."""

    killed: int
    of: int

    def __str__(self) -> str:
        if not self.of:
            return "–"
        return f"{self.killed} of {self.of} ({self.killed / self.of:.0%})"

    @property
    def chance(self) -> str:
        """The share of all mutants that would be killed, with 95 % confidence (Wilson 1927)."""
        from scipy.stats import binomtest

        interval = binomtest(self.killed, self.of).proportion_ci(method="wilson")
        return f"{interval.low:.0%} and {interval.high:.0%}"


def share(known: Collection[Known], package: str = "") -> Share:
    """Of one package, or of all."""
    fates = [k["fate"] for k in known if k["module"].startswith(package)]
    return Share(fates.count("killed"), len(fates))


def page(first: list[Known], *, again: list[Known], fresh: list[Known]) -> str:
    """What became of the mutants: shares by package, and those that no test noticed."""
    later = {k["name"]: k for k in again}
    now = [later.get(k["name"], k) for k in first]
    found = _findings()
    rows = [
        f"| `{p}` | {share(first, p)} | {share(now, p)} | {share(fresh, p)} |" for p in PACKAGES
    ]
    rows.append(f"| together | {share(first)} | {share(now)} | {share(fresh)} |")
    left = [
        f"| `{k['module']}:{k['line']}` | {_change(k)} | {found.get(_key(k), k['fate'])} |"
        for k in sorted(now + fresh, key=_order)
        if k["fate"] != "killed"
    ]
    told = [
        "# Do the tests notice?",
        INTRODUCTION.format(commits=" and ".join(dict.fromkeys(k["commit"] for k in first))),
        "\n".join(
            ["| package | killed at first | now | drawn afresh |", "|---|---|---|---|", *rows]
        ),
        f"From so many places, the share of all that the tests noticed at first lies between {share(first).chance}, with 95 % confidence. *Now* is after tests were written for survivors, and says nothing about other places.",
        "## What no test notices",
        "\n".join(["| place | change | what we found |", "|---|---|---|", *left]),
    ]
    return "\n\n".join(told) + "\n"


INTRODUCTION = """\
`python -m benchmarks.mutants` breaks the library at one place at a time (a comparison by its edge, a sum into a difference, a condition into its opposite, a number by one) and runs the tests that carry out that place, until one fails: then the mutant is killed. Tests that render reports or take minutes are left out, so the whole suite notices more. Judged on commit {commits}."""


def _findings() -> dict[tuple[str, str, str], str]:
    """What a person found out about a mutant that survived, by module, line and what was there."""
    with FINDINGS.open(encoding="utf-8", newline="") as file:
        return {
            (row["module"], row["text"], row["before"]): row["finding"]
            for row in csv.DictReader(file)
        }


def _key(known: Known) -> tuple[str, str, str]:
    return known["module"], known["text"], known["before"]


def _order(known: Known) -> tuple[str, int, int]:
    return known["module"], known["line"], known["place"]


def _change(known: Known) -> str:
    return f"`{_cell(known['before'])}` → `{_cell(known['after'])}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ask.add_argument("--work", type=Path, default=ROOT / ".venv" / "mutants")
    ask.add_argument("--again", action="store_true", help="judge once more what was not killed")
    ask.add_argument("--fresh", action="store_true", help="judge 25 that were not drawn")
    ask.add_argument("--page", action="store_true", help="only write the page")
    said = ask.parse_args()
    sample = drawn(1, EACH)
    asked = Asked(
        work=said.work,
        sample=sample,
        fresh=drawn(2, FRESH, {mutant.name for mutant in sample}),
        with_again=said.again,
        with_fresh=said.fresh,
    )
    os.chdir(ROOT)
    if not said.page:
        said.work.mkdir(parents=True, exist_ok=True)
        _warm()
        in_child(Session(asked).run)
        court = Court(asked.work, try_from_the_start)
        for job in asked.jobs():
            court.judge(job)
    longer = {known["name"]: known for known in read(asked.file("long"))}
    first = [longer.get(known["name"], known) for known in read(asked.file("drawn"))]
    told = page(first, again=read(asked.file("again")), fresh=read(asked.file("fresh")))
    PAGE.write_text(told, encoding="utf-8")


if __name__ == "__main__":
    main()
