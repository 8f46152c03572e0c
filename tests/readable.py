"""How a shipped chapter reads: what each cell shows is told above it, one thing a cell, no knots.

`faults` tells where a notebook breaks a rule. `make lint` holds the chapters of this repository to
the rules; what an analyst writes or edits is their own, and `make test` judges none of it.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

SHOWS = {"chart", "table", "say", "answers"}
LONGEST_CELL = 40
"""Lines of a cell, so that it stands on a screen."""
LONGEST_STEP = 15
"""Lines between two empty ones."""
LONGEST_FUNCTION = 6
"""Statements of a function, besides its docstring."""
LABELS = {"s", "answer", "options", "chosen", "today", "rival"}
"""Names that mean one thing in every chapter, and are given once."""
NAMES = "**Names"
"""Begins the one bold note that tells of names, and not of what its cell shows."""
SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
"""What keeps the names that are given in it to itself."""


def faults(cells: Sequence[Any]) -> list[str]:
    """Where the cells of a notebook break which rule: `cell: rule`."""
    parsed = {c["id"]: parse(c["source"]) for c in cells if c["cell_type"] == "code"}
    found = [f"{name}: {fault}" for name, tree in parsed.items() for fault in _of_cell(tree)]
    for before, cell in zip([None, *cells], cells, strict=False):
        if cell["cell_type"] != "code":
            continue
        found += [f"{cell['id']}: {fault}" for fault in _of_text(cell["source"])]
        is_shown = bool(_shown(parsed[cell["id"]]))
        is_noted = before is not None and before["cell_type"] == "markdown"
        if is_shown and not is_noted:
            found.append(f"{cell['id']}: no note above what is shown")
        if before is None or not _is_note(before):
            continue
        if not is_shown and _promises(before):
            found.append(f"{before['id']}: bold, as if the cell below it showed something")
        if before["id"] != f"{cell['id']}-note":
            found.append(
                f"{before['id']}: a note is called {cell['id']}-note, after the cell below"
            )
    return [*found, *_of_names(parsed.values()), *_of_order(parsed)]


def _is_note(cell: Any) -> bool:
    """Whether a cell is text for whoever edits the chapter, and not for its reader."""
    is_left_out = "remove-cell" in cell.get("metadata", {}).get("tags", [])
    return is_left_out and cell["cell_type"] == "markdown"


def _promises(note: Any) -> bool:
    """Whether it begins in bold, which says that what it names is shown below it."""
    return note["source"].startswith("**") and not note["source"].startswith(NAMES)


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
        case ast.Attribute(value=ast.Name(id="s"), attr="results"):
            yield "reaches past frames and formats; what it needs is a column, or a part of s"
        case ast.Subscript(value=of, slice=place):
            index = _whole(place)
            is_row = isinstance(of, ast.Attribute) and of.attr == "iloc"
            if index is not None and index not in ((0, -1) if is_row else (0, 1, -1)):
                yield f"found by its place: {ast.unparse(node)}; look it up by its label"
        case ast.ClassDef() | ast.Try() | ast.While():
            yield "a class, a try or a while; that belongs to the library"


def _whole(node: ast.expr) -> int | None:
    """The whole number that is written; None where something else is."""
    try:
        written = ast.literal_eval(node)
    except ValueError:
        return None
    return written if type(written) is int else None


def _is_text(node: ast.expr) -> bool:
    is_written = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return is_written or isinstance(node, ast.JoinedStr)


def _of_names(trees: Any) -> Iterator[str]:
    """What is given and never read, and what is given anew though it means one thing."""
    given = Counter[str]()
    read = {"fig", "_"}  # plt.subplots gives one, wanted or not; and what a loop leaves unread
    for tree in trees:
        nodes = list(ast.walk(tree))
        own = {id(name) for node in nodes for name in _read_to_give_anew(node)}
        names = [node for node in nodes if isinstance(node, ast.Name)]
        given.update({node.id for node in names if isinstance(node.ctx, ast.Store)})
        read |= {n.id for n in names if isinstance(n.ctx, ast.Load) and id(n) not in own}
    yield from (f"{name}: given and never read" for name in given if name not in read)
    yield from (f"{name}: given in more than one cell" for name in LABELS if given[name] > 1)


def _read_to_give_anew(node: ast.AST) -> list[ast.Name]:
    """`rows` on the right of `rows = rows[...]`: it is read for nothing but itself."""
    if not isinstance(node, ast.Assign):
        return []
    given = {name.id for target in node.targets for name in _stored(target)}
    names = [name for name in ast.walk(node.value) if isinstance(name, ast.Name)]
    return [name for name in names if name.id in given]


def _of_order(cells: Mapping[str, ast.Module]) -> Iterator[str]:
    """Names that two cells give and a third reads: run out of order, it would read the other's."""
    given = Counter[str]()
    read = set()
    for tree in cells.values():
        given.update(_given(tree))
        nodes = list(ast.walk(tree))
        names = [node for node in nodes if isinstance(node, ast.Name)]
        own = {node.arg for node in nodes if isinstance(node, ast.arg)}
        own |= {name.id for name in _stored(tree)}
        read |= {name.id for name in names if isinstance(name.ctx, ast.Load)} - own
    for name in sorted(read):
        if given[name] > 1 and name not in LABELS:
            yield f"{name}: read in one cell, and given in {given[name]} others"


def _given(node: ast.AST) -> set[str]:
    """Names that a cell gives to other cells: not those of a function or of a comprehension."""
    found = {name.id for name in _stored(node) if node is name}
    for inner in ast.iter_child_nodes(node):
        if isinstance(inner, ast.FunctionDef):
            found.add(inner.name)
        if not isinstance(inner, SCOPES):
            found |= _given(inner)
    return found


def _stored(node: ast.AST) -> list[ast.Name]:
    names = [name for name in ast.walk(node) if isinstance(name, ast.Name)]
    return [name for name in names if isinstance(name.ctx, ast.Store)]
