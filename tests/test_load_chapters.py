"""Chapters on load and memory: their frames by hand and by invariant, and what they print."""

from __future__ import annotations

from itertools import chain

import numpy as np
import pytest
from printed import printed
from siting import study
from siting.serving.pools import Pool
from studies import FEW, opened

CHAPTERS = ("20_quality", "72_memory", "74_capacity_tables")


@pytest.fixture(scope="module", params=FEW)
def client(request: pytest.FixtureRequest) -> study.Study:
    return opened(request.param)


def pools(s: study.Study) -> list[Pool]:
    return [pool for option in s.results.capacity.values() for pool in option.pools.values()]


# --- chapters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_runs_where_machines_are_owned_and_where_none_are(chapter: str) -> None:
    owned = opened("klinikverbund-nordheide")
    own = owned.pools().query("shown").iloc[0]
    text = printed(chapter, "klinikverbund-nordheide")
    assert chapter == "20_quality" or (own.base in text and own.model in text)
    assert printed(chapter, "agence-lumiere").strip()


# --- frames of load and capacity ----------------------------------------------------------------


# --- frames of memory ---------------------------------------------------------------------------


def test_parts_and_what_is_left_fill_the_budget(client: study.Study) -> None:
    for row in client.fits().dropna(subset="free").itertuples():
        assert row.taken + row.free == pytest.approx(row.budget)


def test_every_part_names_its_formula_and_source(client: study.Study) -> None:
    parts = [p for fit in chain(*client.results.memory.values()) for p in fit.memory.parts]
    assert all(p.formula and p.source.source for p in parts)


def test_without_own_gpus_no_memory_is_planned() -> None:
    base = opened("base").scenario
    kept = {n: o for n, o in base.options.items() if o.kind == "api"}
    only = study.Study(base.model_copy(update={"options": kept}))
    assert only.fits().empty and only.pools().empty
    assert list(only.pools().columns)


def test_a_model_outside_the_catalogue_is_not_estimated_and_says_why() -> None:
    base = opened("base").scenario
    option = base.options["rented"].model_copy(update={"models": {"all": "acme/Unknown-7B"}})
    only = study.Study(base.model_copy(update={"options": {**base.options, "rented": option}}))
    row = only.fits().query("model == 'Unknown-7B'").iloc[0]
    assert row.why.startswith("not estimated, because") and np.isnan(row.free)
