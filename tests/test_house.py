"""The library stays small, flat and free of circles (`python tests/house.py` prints the counts)."""

import house
import pytest

LINES = 16_500
"""What was asked of the library; what it has is a little less."""
FUNCTION = 60
REASONED = {
    ("inputs.scenario.checks", "rules"),
}
"""Arrows up that docs/decisions.md gives a reason for."""


def test_the_library_is_small() -> None:
    assert sum(map(house.lines_of_code, house.modules().values())) <= LINES


def test_a_function_fits_on_a_screen() -> None:
    long = [f for p in house.modules().values() for f in house.functions(p) if f[0] > FUNCTION]
    assert not long


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert not house.circle()


def test_data_flow_one_way() -> None:
    assert house.arrows_up() == REASONED


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('"""Doc."""\n\nx = 1\n', 1),
        ("# comment\n\n\ny = [\n    1,\n\n    2,  # two\n]\n", 4),
        ('def f():\n    """Doc\n    of two lines."""\n    return "text"\n', 2),
    ],
)
def test_lines_of_code_are_counted_without_blanks_comments_and_docstrings(
    tmp_path, text: str, lines: int
) -> None:
    path = tmp_path / "m.py"
    path.write_text(text, encoding="utf-8")
    assert house.lines_of_code(path) == lines
