"""Finds what a reader must decode: `python tests/reading.py` lists it over all of `lib`.

- position: a record that is built of more than three values without their names, or of values
  whose number is not seen (`Rival(*what, cost)`); a row, yielded or made one by one, of more than
  three values, or with values whose number is not seen (`yield name, *points`). Nothing notices
  when two of them change places.
- packed: several things assigned at once that do not come from one (`a, b = f(), g()`).
- nested: a conditional inside a conditional or inside a text.
- times: text or a tuple times a number that may be a truth value (`"; late" * is_late`).
"""

from __future__ import annotations

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

LIB = Path(__file__).parents[1] / "lib"
MOST = 3
"""Values that a reader tells apart without names: low, central and high, say."""


def found(text: str) -> Iterator[tuple[str, int, str]]:
    """Kind, line and piece of code of everything in a module that must be decoded."""
    for node in ast.walk(ast.parse(text)):
        kind = _kind(node)
        if kind:
            yield kind, getattr(node, "lineno", 0), " ".join(ast.unparse(node).split())


def _kind(node: ast.AST) -> str:
    match node:
        case ast.Call() if _is_record(node.func) and _is_long(node.args):
            return "position"
        case ast.Yield(value=ast.Tuple(elts=values)) if _is_long(values):
            return "position"
        case ast.GeneratorExp(elt=ast.Tuple(elts=values)) if _is_long(values):
            return "position"
        case ast.ListComp(elt=ast.Tuple(elts=values)) if _is_long(values):
            return "position"
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple()):
            return "packed"
        case ast.IfExp() | ast.JoinedStr() if _holds_conditional(node):
            return "nested"
        case ast.BinOp(op=ast.Mult()) if _is_text(node.left) or _is_text(node.right):
            return "times"
    return ""


def _is_record(made: ast.expr) -> bool:
    """Whether what is called is named as a class is."""
    name = made.attr if isinstance(made, ast.Attribute) else getattr(made, "id", "")
    return name.lstrip("_")[:1].isupper()


def _is_long(values: list[ast.expr]) -> bool:
    return len(values) > MOST or any(isinstance(value, ast.Starred) for value in values)


def _holds_conditional(node: ast.AST) -> bool:
    inner = (x for child in ast.iter_child_nodes(node) for x in ast.walk(child))
    return any(isinstance(x, ast.IfExp) for x in inner)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str) and len(node.value) > 1
    return isinstance(node, ast.JoinedStr | ast.Tuple)


def by_module() -> dict[str, list[tuple[str, int, str]]]:
    """What each module of `lib` leaves to decode, by its path; modules without any left out."""
    every = {p.relative_to(LIB).as_posix(): [*found(p.read_text())] for p in LIB.rglob("*.py")}
    return {name: places for name, places in sorted(every.items()) if places}


if __name__ == "__main__":
    counted: dict[str, Counter[str]] = {}
    for name, places in by_module().items():
        if not name.startswith(tuple(sys.argv[1:]) or ""):
            continue
        for kind, line, code in places:
            counted.setdefault(kind, Counter())[name.rpartition("/")[0]] += 1
            sys.stdout.write(f"{name}:{line} {kind}: {code[:80]}\n")
    for kind, packages in counted.items():
        said = ", ".join(f"{package} {count}" for package, count in packages.most_common())
        sys.stdout.write(f"{kind} {packages.total()}: {said}\n")
