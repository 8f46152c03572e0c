"""Do the tests notice? Breaks the library at 200 places, one by one: `python -m benchmarks.mutants`.

A mutant is the library with one place changed: a comparison by its edge, a sum into a difference,
a condition into its opposite, a number by one. It is killed if a test fails then. 40 places are
drawn from each of five packages; of each, the tests that carry out its line are run, the quickest
of each function first, until one fails. First the tests are run once, to see which line each carries out. Results
are kept as they come, so that a run that was stopped goes on; `docs/mutants.md` is written from
them. It takes about an hour of one core, so no test and no continuous integration runs it.
"""

# ruff: noqa: E501

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import importlib.machinery
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
LIBRARY = ROOT / "lib" / "siting"
PAGE = ROOT / "docs" / "mutants.md"
PACKAGES = ("memory", "serving", "cost", "rules", "verdict")
EACH = 40
"""Mutants of a package."""
MOST_TESTS = 40
"""Tests of a mutant, of those that carry out its line: of each test function its quickest case."""
ENOUGH = 40.0
"""Tests that have run so long without noticing a mutant have looked long enough. [s of CPU]"""
PATIENCE = 300.0
"""A mutant that takes longer hangs, which is noticed. [s of CPU]"""
TESTS = (
    "vram", "training", "validation_memory", "performance", "throughput_ranges", "capacity", "load",
    "quality", "tco", "uncertainty", "cost_frames", "independent", "vectors", "conditions",
    "sovereignty", "places", "once_wrong", "candidates", "ranking", "decision", "resilience",
    "stability", "notice", "reasoning", "alternatives", "sources_frames", "summary_units",
    "variants", "design", "levels", "by_hand",
)  # fmt: skip
"""Files of tests that concern these packages."""

_EDGES: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
}  # fmt: skip
_SIGNS: Mapping[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult,
    ast.FloorDiv: ast.Div, ast.Pow: ast.Mult, ast.Mod: ast.Mult,
}  # fmt: skip
_OTHER_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any", "ceil": "floor"}


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One place of the library, changed."""

    module: str
    """Path below lib/siting."""
    line: int
    place: int
    """Which of the places of the module, counted as `places` yields them."""
    before: str
    after: str


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
            other.body, other.orelse = orelse, body
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


def drawn(seed: int) -> list[Mutant]:
    """The same number from each package, in a random order."""
    found = []
    for package in PACKAGES:
        every = [m for path in sorted((LIBRARY / package).glob("*.py")) for m in _of(path)]
        found += random.Random(f"{seed} {package}").sample(every, EACH)
    random.Random(seed).shuffle(found)
    return found


def _of(path: Path) -> list[Mutant]:
    module = path.relative_to(LIBRARY).as_posix()
    return [
        Mutant(
            module=module,
            line=getattr(old, "lineno", 0),
            place=place,
            before=_shown(old),
            after=_shown(new),
        )
        for place, (old, new) in enumerate(places(ast.parse(path.read_text(encoding="utf-8"))))
    ]


def _shown(node: ast.AST) -> str:
    """A node in one line; of an `if`, its condition."""
    text = f"if {ast.unparse(node.test)}" if isinstance(node, ast.If) else ast.unparse(node)
    return " ".join(text.split())[:90]


# --- which test carries out which line ------------------------------------------------------------


class Clock:
    """Notes how long each test takes."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        self.seconds[report.nodeid] = self.seconds.get(report.nodeid, 0.0) + report.duration


def mapped(kept: Path) -> dict[str, list[str]]:
    """Tests by line (`module:line`), the quickest first; worked out once and kept."""
    if not kept.is_file():
        command = [sys.executable, "-m", "benchmarks.mutants", "--map", str(kept)]
        subprocess.run(command, cwd=ROOT, check=True)
    found: dict[str, list[str]] = json.loads(kept.read_text(encoding="utf-8"))
    return found


def _map(kept: Path) -> None:
    """Runs the tests, noting what each carries out."""
    import coverage
    import pytest

    clock = Clock()
    settings = kept.with_suffix(".cfg")
    settings.write_text(f"[run]\nsource = {LIBRARY}\ndata_file = {kept}.coverage\n")
    files = [f"tests/test_{name}.py" for name in TESTS]
    options = [f"--cov-config={settings}", f"--cov={LIBRARY}", "--cov-context=test"]
    quiet = ["--cov-report=", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"]
    pytest.main([*files, *options, *quiet], plugins=[clock])
    data = coverage.CoverageData(f"{kept}.coverage")
    data.read()
    by_line: dict[str, list[str]] = {}
    for path in data.measured_files():
        module = Path(path).relative_to(LIBRARY).as_posix()
        for line, contexts in data.contexts_by_lineno(path).items():
            tests = {c.partition("|")[0] for c in contexts if c}
            order = sorted(tests, key=lambda test: (clock.seconds.get(test, 9e9), test))
            by_line[f"{module}:{line}"] = order
    kept.write_text(json.dumps(by_line), encoding="utf-8")


# --- one mutant -----------------------------------------------------------------------------------


def _tests_of(mutant: Mutant, by_line: Mapping[str, list[str]]) -> list[str]:
    """The quickest tests that carry out a mutant: a statement is known by its first lines."""
    for line in range(mutant.line, mutant.line - 15, -1):
        tests = by_line.get(f"{mutant.module}:{line}")
        if tests:
            # Cases of one function say much the same: one of each sees more in the same time.
            by_function = {test.partition("[")[0]: test for test in reversed(tests)}
            return [test for test in tests if test in by_function.values()][:MOST_TESTS]
    return []


def judged(mutant: Mutant, tests: list[str]) -> str:
    """Killed, survived, or not reached: whether one of the tests fails with the mutant."""
    if not tests:
        return "not reached"
    pid = os.fork()
    if pid == 0:
        os._exit(_carried_out(mutant, tests))
    since = time.monotonic()
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) == 0 else "killed"
        if time.monotonic() - since > 10 * PATIENCE:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            return "killed"
        time.sleep(0.05)


class Patient:
    """Begins no further test once the tests have looked long enough."""

    def pytest_runtest_logfinish(self, nodeid: str, location: Any) -> None:
        import pytest

        if time.process_time() > ENOUGH:
            pytest.exit("looked long enough", returncode=0)


def _carried_out(mutant: Mutant, tests: list[str]) -> int:
    """Runs tests with a mutant in place of its module: 0 where all pass."""
    import resource

    import pytest

    resource.setrlimit(resource.RLIMIT_CPU, (int(PATIENCE), int(PATIENCE) + 5))
    resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    path = str(LIBRARY / mutant.module)
    code = compile(mutated(mutant.module, mutant.place), path, "exec", dont_inherit=True)
    read = importlib.machinery.SourceFileLoader.get_code

    def get_code(loader: importlib.machinery.SourceFileLoader, name: str) -> Any:
        return code if loader.path == path else read(loader, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[method-assign,assignment]
    return int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests], plugins=[Patient()]))


def _warm() -> None:
    """Imports what every mutant needs, none of it the library."""
    for name in ("numpy", "pandas", "scipy.stats", "scipy.optimize", "pydantic", "pytest", "yaml"):
        importlib.import_module(name)


def run(work: Path, seed: int) -> list[dict[str, Any]]:
    """Judges all mutants; those that a former run judged are not judged again."""
    work.mkdir(parents=True, exist_ok=True)
    os.chdir(ROOT)
    by_line = mapped(work / "lines.json")
    file = work / f"judged-{seed}.jsonl"
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []
    done = {(k["module"], k["place"]) for k in known}
    _warm()
    for mutant in drawn(seed):
        if (mutant.module, mutant.place) in done:
            continue
        tests = _tests_of(mutant, by_line)
        known.append({**asdict(mutant), "tests": len(tests), "fate": judged(mutant, tests)})
        with file.open("a", encoding="utf-8") as kept:
            kept.write(json.dumps(known[-1]) + "\n")
    return known


def page(known: list[dict[str, Any]]) -> str:
    """What became of the mutants: counts by package, and each that no test noticed."""
    fates = Counter((k["module"].split("/")[0], k["fate"] == "killed") for k in known)
    killed = sum(k["fate"] == "killed" for k in known)
    rows = [f"| `{p}` | {fates[p, True] + fates[p, False]} | {fates[p, True]} |" for p in PACKAGES]
    left = sorted(
        (k for k in known if k["fate"] != "killed"), key=lambda k: (k["module"], k["line"])
    )
    listed = [
        f"| `{k['module']}:{k['line']}` | `{_cell(k['before'])}` | `{_cell(k['after'])}` "
        f"| {k['fate']} |"
        for k in left
    ]
    return "\n".join(
        [
            "# Do the tests notice?",
            "",
            "Written by `python -m benchmarks.mutants`, which breaks the library at one place at a time and runs the tests that carry out that line, the quickest of each function first, until one fails. It takes about an hour of a core and is run by hand.",
            "",
            f"**{killed} of {len(known)} mutants were killed: {killed / max(1, len(known)):.0%}.**",
            "",
            "| package | mutants | killed |",
            "|---|---|---|",
            *rows,
            "",
            "Those that no test noticed. Some change nothing that can be told (a bound that no value meets, a seed, a step of an approximation).",
            "",
            "| place | before | after | |",
            "|---|---|---|---|",
            *listed,
            "",
        ]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("`", "'")


def main() -> None:
    ask = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    ask.add_argument("--seed", type=int, default=1)
    ask.add_argument("--work", type=Path, default=ROOT / ".venv" / "mutants")
    ask.add_argument("--map", type=Path, help=argparse.SUPPRESS)
    asked = ask.parse_args()
    if asked.map:
        _map(asked.map)
    else:
        PAGE.write_text(page(run(asked.work, asked.seed)), encoding="utf-8")


if __name__ == "__main__":
    main()
