"""How the parts of `lib` lean, and what makes a line of it hard to read.

A circle is a set of modules that import each other, wherever in the module the import stands; an
arrow up is an import of a part that comes later in `LAYERS`.
"""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

LIB = Path(__file__).parents[1] / "lib"
PACKAGES = tuple(sorted(path.parent.name for path in LIB.glob("*/__init__.py")))
LAYERS = (
    (
        "siting_report.formats", "siting_report.kit", "siting_report.nearest",
        "siting_report.plain_files", "siting_report.phrases", "siting_report.texts",
    ),
    ("siting_report.exhibit", "siting_report.style"),
    ("siting_report.show",),
    ("siting_report.print",),
    ("siting_report.run",),
    ("siting.beside", "siting.draws", "siting.quantity", "siting.records"),
    (
        "siting.catalogue", "siting.dtypes", "siting.places", "siting.provenance",
        "siting.reference_rates",
    ),
    ("siting.inputs", "siting.pictures", "siting.quality", "siting.reasoning", "siting.vision"),
    ("siting.memory",),
    ("siting.serving",),
    ("siting.cost", "siting.vendors"),
    ("siting.rules",),
    ("siting.verdict",),
    ("siting.study",),
    ("siting.run", "siting.show", "siting_validation"),
    ("siting.cli", "siting.kit", "siting.__main__"),
    (
        "siting_bills", "siting_cluster", "siting_hf", "siting_logs", "siting_recheck",
        "siting_seal", "siting_workbook",
    ),
)  # fmt: skip
"""Data flow downwards in this list. The library of a kit is known to `siting_report` by name."""
BESIDE = LAYERS[-1]
"""Packages that the core finds by entry points and never names."""


@cache
def parsed(path: Path) -> ast.Module:
    """The Python of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def modules() -> dict[str, Path]:
    """Every module of the packages by its name; the packages themselves are left out."""
    found = {}
    for path in sorted(LIB.rglob("*.py")):
        parts = path.relative_to(LIB).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        if name not in PACKAGES:
            found[name] = path
    return found


def part(module: str) -> str:
    """The part of a package that a module belongs to: `siting.cost` of `siting.cost.tco`."""
    return ".".join(module.split(".")[:2])


def functions(path: Path) -> Iterator[tuple[int, str]]:
    """Length without docstring, and place, of every function. [lines]"""
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or 0) - node.lineno + 1
            if ast.get_docstring(node) is not None:
                length -= (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
            yield length, f"{path.relative_to(LIB)}:{node.lineno} {node.name}"


@cache
def imports() -> dict[str, set[str]]:
    """The modules that each module imports when it runs; those for type checkers are left out."""
    known = modules()
    return {name: set(_imported(parsed(p), known)) for name, p in known.items()}


def _imported(tree: ast.AST, known: Mapping[str, Path]) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        names = []
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{a.name}" for a in node.names] + [node.module or ""]
        elif isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        inner = [name for name in names if name in known]
        yield from (n for n in inner if not any(o.startswith(n + ".") for o in inner))
        yield from _imported(node, known)


def circle() -> list[str]:
    """Modules that import each other in a circle; none if there is no circle."""
    try:
        TopologicalSorter(imports()).prepare()
    except CycleError as error:
        return [str(name) for name in error.args[1]]
    return []


def arrows_up() -> set[tuple[str, str]]:
    """Imports of a part that comes later: the module, and the part that it imports."""
    return {
        (module, part(other))
        for module, others in imports().items()
        for other in others
        if _layer(other) > _layer(module)
    }


def _layer(module: str) -> int:
    """The place in `LAYERS` of a module's part, or of its whole package."""
    for place, layer in enumerate(LAYERS):
        if part(module) in layer or module.split(".")[0] in layer:
            return place
    raise LookupError(f"{part(module)} has no place in LAYERS of tests/house.py")


# --- What makes a line hard to read ---------------------------------------------------------------


def breaches(path: Path) -> Iterator[str]:
    """Places of a module that pack more into a line than a reader takes in, each with its rule."""
    for node in ast.walk(parsed(path)):
        for rule, breaks in RULES.items():
            if breaks(node):
                yield f"{path.relative_to(LIB)}:{getattr(node, 'lineno', 0)} {rule}"


def _packed(node: ast.AST) -> bool:
    """`a, b = f(), 3`: several values of different making; a swap and pairs of one making stay."""
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)):
        return False
    if not isinstance(node.targets[0], ast.Tuple):
        return False
    made = {_making(value) for value in node.value.elts}
    return len(made) > 1


def _making(value: ast.expr) -> str:
    """What kind of expression makes a value; of a call, of what."""
    if isinstance(value, ast.Call):
        return f"call of {ast.unparse(value.func)}"
    if isinstance(value, ast.UnaryOp) and isinstance(value.operand, ast.Constant):
        return "Constant"
    return type(value).__name__


def _splatted(node: ast.AST) -> bool:
    """`yield *row, cost`, `rows.append((name, *cells))`: a row of which no reader sees how many
    cells it has."""
    made: list[ast.AST | None] = []
    match node:
        case ast.Yield():
            made = [node.value]
        case ast.ListComp() | ast.GeneratorExp():
            made = [node.elt]
        case ast.Call(func=ast.Attribute(attr="append")):
            made = [*node.args]
        case ast.List():
            made = [*node.elts]
    rows = (row for row in made if isinstance(row, ast.Tuple | ast.List))
    return any(isinstance(cell, ast.Starred) for row in rows for cell in row.elts)


def _text_times_truth(node: ast.AST) -> bool:
    """`", too" * (count > 1)` and `(None,) * missing`: a condition in disguise."""
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult)):
        return False
    sides = (node.left, node.right)
    return any(map(_is_text, sides)) and any(map(_is_truth, sides))


def _is_text(side: ast.expr) -> bool:
    text = isinstance(side, ast.Constant) and isinstance(side.value, str)
    return text or isinstance(side, ast.JoinedStr | ast.List | ast.Tuple)


def _is_truth(side: ast.expr) -> bool:
    if isinstance(side, ast.Call):
        return ast.unparse(side.func) in ("bool", "any", "all", "isinstance")
    negated = isinstance(side, ast.UnaryOp) and isinstance(side.op, ast.Not)
    return negated or isinstance(side, ast.Compare | ast.BoolOp)


def _nested_choice(node: ast.AST) -> bool:
    """A conditional expression inside another, or inside an f-string."""
    if isinstance(node, ast.IfExp):
        return any(isinstance(inner, ast.IfExp) for inner in ast.walk(node) if inner is not node)
    if isinstance(node, ast.FormattedValue):
        return any(isinstance(inner, ast.IfExp) for inner in ast.walk(node))
    return False


def _built_by_place(node: ast.AST) -> bool:
    """A record of more than three fields that its place among them tells apart."""
    if not isinstance(node, ast.ClassDef):
        return False
    fields = [f for f in node.body if isinstance(f, ast.AnnAssign)]
    kinds = [ast.unparse(f.annotation) for f in fields]
    if "KW_ONLY" in kinds:  # what stands below it is given by keyword
        kinds = kinds[: kinds.index("KW_ONLY")]
    if len([kind for kind in kinds if "ClassVar" not in kind]) <= 3:
        return False
    tuples = any(ast.unparse(base).endswith("NamedTuple") for base in node.bases)
    said = [ast.unparse(d) for d in node.decorator_list]
    records = [d for d in said if d.startswith("dataclass")]
    return tuples or any("kw_only=True" not in d for d in records)


RULES = {
    "packs values of different making into one assignment": _packed,
    "splats a tuple in a row": _splatted,
    "multiplies text by a truth value": _text_times_truth,
    "holds a conditional in a conditional or in an f-string": _nested_choice,
    "is a record of more than three fields that can be built by place": _built_by_place,
}
"""What makes a line hard to read: a rule's words, and whether a node breaks it."""
