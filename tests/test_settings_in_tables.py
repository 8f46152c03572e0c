"""Disputable numbers stand in tables: who edits a row moves what is computed and what is said."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from siting import catalogue
from siting.cost import api_prices
from siting.cost.api_prices import ModelPath
from siting.memory.engines import constant

Edit = Callable[[str, str, str], None]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Edit:
    """Edits the beginning of a row of a table, in facts of the test's own."""

    def edit(table: str, before: str, after: str) -> None:
        shutil.copytree(catalogue.facts_dir(), tmp_path / "facts")
        path = tmp_path / "facts" / f"{table}.csv"
        text = path.read_text(encoding="utf-8")
        assert text.count(f"\n{before}") == 1
        path.write_text(text.replace(f"\n{before}", f"\n{after}"), encoding="utf-8")
        monkeypatch.setenv("SITING_FACTS", str(tmp_path / "facts"))

    return edit


def test_a_constant_of_more_conditions_holds_over_one_of_longer_words(edited):
    few = frozenset({("ranks", "few"), ("fused", "no"), ("card", "unified")})
    assert constant("vllm", "non_torch_gib", (0, 19), few).central == 0.5
    row = "vllm,non_torch_gib,,,card=unified,0.2,1.0,2.5,"
    # One condition that is written with many blanks, longer than `ranks=few&fused=no`.
    edited("memory_constants", row, row.replace("card=unified", "card            =       unified"))
    assert constant("vllm", "non_torch_gib", (0, 19), few).central == 0.5


def test_prices_of_equal_quality_fall_for_as_many_years_as_the_table_says(edited):
    path = ModelPath(key="a model", how="equal_quality")
    draws = {"api_decline": np.array([0.5]), "growth": np.zeros(1)}
    years = path.over(draws, 60)[0, ::12]
    assert years.tolist() == [1, 0.5, 0.25, 0.25, 0.25]
    row = "api_falls_for,Years for which API prices of equal quality fall,,,"
    edited("cost_parameters", f"{row}2,2,2,", f"{row}3,3,3,")
    assert api_prices.falling_years() == 3
    assert path.over(draws, 60)[0, ::12].tolist() == [1, 0.5, 0.25, 0.125, 0.125]
