"""The library stays flat and free of circles (`python tests/house.py` prints its counts).

No sum of lines is bounded: such a bound is paid for by whoever reads them.
"""

import house

FUNCTION = 60
"""Lines of a function that fit on a screen, without its docstring."""
REASONED = {
    ("inputs.scenario.checks", "rules"),
}
"""Arrows up that docs/decisions.md gives a reason for."""


def test_a_function_fits_on_a_screen() -> None:
    long = [f for p in house.modules().values() for f in house.functions(p) if f[0] > FUNCTION]
    assert not long


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not house.circle()


def test_data_flow_one_way() -> None:
    assert house.arrows_up() == REASONED
