"""What a reader must decode is found, and left nowhere in the packages that are clean of it."""

from __future__ import annotations

import reading

CLEAN = ("siting/dtypes.py", "siting/provenance.py", "siting/study/")
"""Modules and packages in which nothing is left to decode. A package joins when it is clean."""


def kinds(text: str) -> list[str]:
    return [kind for kind, _, _ in reading.found(text)]


def test_clean_packages_leave_nothing_to_decode() -> None:
    left = {
        f"{name}:{line}": f"{kind}: {code}"
        for name, places in reading.by_module().items()
        for kind, line, code in places
        if name.startswith(CLEAN)
    }
    assert not left


def test_a_record_of_more_than_three_values_names_them() -> None:
    assert kinds("Range(1, 2, 3, 'GiB')") == ["position"]
    assert kinds("tco.Rival(*what, cost)") == ["position"]
    assert kinds("Range(1, 2, 3, unit='GiB')") == []
    assert kinds("print(1, 2, 3, 4)") == []


def test_a_row_of_a_frame_is_not_told_by_places() -> None:
    assert kinds("def rows():\n yield name, *points") == ["position"]
    assert kinds("def rows():\n yield name, 1, 2, 3") == ["position"]
    assert kinds("rows = ((name, *points) for name, points in found)") == ["position"]
    assert kinds("def rows():\n yield {'option': name, **points}") == []
