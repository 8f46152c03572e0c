"""How a shipped chapter reads: what each cell shows is told above it, one thing a cell, no knots.

`faults` tells where a notebook breaks a rule. `make lint` holds the chapters of this repository to
the rules; what an analyst writes or edits is their own, and `make test` judges none of it.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

SHOWS = {"chart", "table", "say", "answers", "cases"}
LONGEST_CELL = 40
"""Lines of a cell, so that it stands on a screen."""
LONGEST_STEP = 15
"""Lines between two empty ones."""
LONGEST_FUNCTION = 6
"""Statements of a function, besides its docstring."""
LABELS = {"s", "answer", "options", "chosen", "today", "rival"}
"""Names that mean one thing in every chapter, and are given once."""


def faults(cells: Sequence[Any]) -> list[str]:
    """Where the cells of a notebook break which rule: `cell: rule`."""
    parsed = {c["id"]: parse(c["source"]) for c in cells if c["cell_type"] == "code"}
    found = [f"{name}: {fault}" for name, tree in parsed.items() for fault in _of_cell(tree)]
    for before, cell in zip([None, *cells], cells, strict=False):
        if cell["cell_type"] != "code":
            continue
        found += [f"{cell['id']}: {fault}" for fault in _of_text(cell["source"])]
        if _shown(parsed[cell["id"]]) and (before is None or before["cell_type"] != "markdown"):
            found.append(f"{cell['id']}: no note above what is shown")
    return [*found, *_of_names(parsed.values())]


def parse(source: str) -> ast.Module:
    """The Python of a cell; commands of a shell or of IPython are left out."""
    if source.startswith("%%"):
        return ast.parse("")
    return ast.parse(
        "\n".join(x for x in source.splitlines() if not x.lstrip().startswith(("!", "%")))
    )


def _shown(tree: ast.Module) -> list[ast.Call]:
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
    return [call for call in calls if isinstance(call.func, ast.Name) and call.func.id in SHOWS]


def _of_text(source: str) -> Iterator[str]:
    if len(source.splitlines()) > LONGEST_CELL:
        yield f"longer than {LONGEST_CELL} lines"
    if max(len(step.splitlines()) for step in source.split("\n\n")) > LONGEST_STEP:
        yield f"a step of more than {LONGEST_STEP} lines; part it by an empty line"


def _of_cell(tree: ast.Module) -> Iterator[str]:
    if len(_shown(tree)) > 1:
        yield "shows more than one thing"
    for node in ast.walk(tree):
        yield from _of_node(node)


def _of_node(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.JoinedStr() | ast.IfExp():
            inner = [n for n in ast.walk(node) if n is not node and isinstance(n, ast.IfExp)]
            if inner:
                yield "a choice inside a text or inside another choice"
        case ast.BinOp(op=ast.Mult()):
            if _is_text(node.left) or _is_text(node.right):
                yield "a text times a number or a truth value"
        case ast.Assign(targets=[ast.Tuple()], value=ast.Tuple()):
            yield "two assignments in one"
        case ast.Lambda():
            if node.args.defaults:
                yield "a lambda with a default"
        case ast.FunctionDef():
            if not ast.get_docstring(node):
                yield f"{node.name} has no docstring"
            elif len(node.body) - 1 > LONGEST_FUNCTION:
                yield f"{node.name} has more than {LONGEST_FUNCTION} statements"
        case ast.Call(func=ast.Attribute(attr="sort_values"), args=by, keywords=named):
            # Several columns are sorted so always; by one, pandas keeps no order of equals.
            is_by_one = not (by and isinstance(by[0], ast.List))
            if is_by_one and "kind" not in {keyword.arg for keyword in named}:
                yield "a sort that leaves the order of equals to chance; write kind='stable'"
        case ast.ClassDef() | ast.Try() | ast.While():
            yield "a class, a try or a while; that belongs to the library"


def _is_text(node: ast.expr) -> bool:
    is_written = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_written or isinstance(node, ast.JoinedStr)


def _of_names(trees: Any) -> Iterator[str]:
    """What is given and never read, and what is given anew though it means one thing."""
    given = Counter[str]()
    read = {"fig"}  # plt.subplots gives one, wanted or not
    for tree in trees:
        names = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        given.update({node.id for node in names if isinstance(node.ctx, ast.Store)})
        read |= {node.id for node in names if isinstance(node.ctx, ast.Load)}
    yield from (f"{name}: given and never read" for name in given if name not in read)
    yield from (f"{name}: given in more than one cell" for name in LABELS if given[name] > 1)
