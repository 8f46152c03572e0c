"""The packages of `lib` lean one way and stay readable.

No sum of lines is bounded: such a bound is paid for by whoever reads them.
"""

import ast
import subprocess
import sys

import house
import pytest

from benchmarks import mutants

FUNCTION = 60
"""Lines of a function that fit on a screen, without its docstring."""
REASONED: set[tuple[str, str]] = set()
"""Arrows up that docs/decisions.md gives a reason for: none."""


def test_a_function_fits_on_a_screen():
    long = [f for p in house.modules().values() for f in house.functions(p) if f[0] > FUNCTION]
    assert not long


def test_no_modules_import_each_other_in_a_circle():
    assert not house.circle()


def test_data_flow_one_way():
    assert house.arrows_up() == REASONED


ALONE = """
import importlib, pkgutil, sys
sys.modules |= dict.fromkeys({blocked!r})  # importing one of them fails
import {package}
for module in pkgutil.walk_packages({package}.__path__, "{package}."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
"""


def test_what_shows_prints_and_runs_notebooks_imports_nothing_of_the_domain():
    others = sorted(set(house.PACKAGES) - {"siting_report"})
    code = ALONE.format(blocked=others, package="siting_report")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("package", house.BESIDE)
def test_what_stands_beside_the_core_is_named_by_nothing_in_it(package):
    core = [
        path for name, path in house.modules().items() if name.split(".")[0] not in house.BESIDE
    ]
    assert not [path for path in core if package in path.read_text(encoding="utf-8")]


@pytest.mark.parametrize("package", house.PACKAGES)
def test_a_package_says_first_what_it_is_and_what_it_may_import(package):
    said = ast.get_docstring(ast.parse((house.LIB / package / "__init__.py").read_text()))
    assert said and "may import" in said[:500]
    table = (house.LIB.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert f"\n| `{package}` |" in table


def test_no_line_packs_more_than_a_reader_takes_in():
    broken = [breach for path in house.modules().values() for breach in house.breaches(path)]
    assert broken == []


def test_files_that_mutants_leave_out_are_there():
    left_out = {f"test_{name}" for name in mutants.LEFT_OUT}
    assert left_out <= {path.stem for path in (house.LIB.parent / "tests").glob("test_*.py")}
