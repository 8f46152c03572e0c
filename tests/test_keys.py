"""No key of a scenario is accepted in silence: something other than the schema reads it."""

import ast
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from siting.inputs.attributes import dictionary
from siting.inputs.scenario import model

LIB = Path(model.__file__).parents[3]
READ_AS_A_WHOLE = {
    **{
        ("Readiness", key): "stability_readiness.csv says what it saves"
        for key in ("weights_held", "abstraction_layer", "evaluation_suite")
    },
    ("Evidence", "locator"): "a source is cited with it (`Scenario.source`)",
    ("Evidence", "url"): "a source is cited with it (`Scenario.source`)",
}
"""Keys that the schema alone reads, and how they reach the report."""


def records() -> Iterator[type[BaseModel]]:
    for found in vars(model).values():
        if (
            isinstance(found, type)
            and issubclass(found, model.Strict)
            and found is not model.Strict
        ):
            yield found


def read() -> set[str]:
    """Names that code outside the schema looks at, or that a table says where it is stated."""
    names = {part for a in dictionary().values() for part in a.stated_in.split()[:1]}
    found = {step for path in names for step in path.split(".")}
    for path in LIB.glob("siting*/**/*.py"):
        if path == Path(model.__file__):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(node.value.split("."))
    return found


def properties(record: type[BaseModel]) -> dict[str, set[str]]:
    """Keys that a property or method of the record reads for others, by its name."""
    source = ast.parse(Path(model.__file__).read_text(encoding="utf-8"))
    (own,) = (n for n in source.body if isinstance(n, ast.ClassDef) and n.name == record.__name__)
    return {
        each.name: {n.attr for n in ast.walk(each) if isinstance(n, ast.Attribute)}
        for each in own.body
        if isinstance(each, ast.FunctionDef) and not each.name.startswith("_")
    }


def test_every_key_is_read_by_more_than_the_schema():
    known = read()
    silent = []
    for record in records():
        through = {
            key for name, keys in properties(record).items() if name in known for key in keys
        }
        for key in record.model_fields:
            if key not in known | through and (record.__name__, key) not in READ_AS_A_WHOLE:
                silent.append(f"{record.__name__}.{key}")
    assert not silent
