"""The memory chapter's exhibits, on every client of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest
from siting import study
from siting.exhibits import Chart, Prose, Table, memory

CLIENTS = sorted(p.stem for p in (Path(__file__).parents[1] / "params").glob("*.yaml"))
EXHIBITS = (
    memory.answer,
    memory.overview,
    memory.waterfall,
    memory.parts,
    memory.fit_map,
    memory.headroom,
    memory.fine_tuning,
    memory.change,
)


@pytest.fixture(scope="module", params=CLIENTS)
def client(request: pytest.FixtureRequest) -> study.Study:
    return study.open(request.param)


def test_each_exhibit_renders(client: study.Study) -> None:
    for exhibit in EXHIBITS:
        made = exhibit(client)
        assert isinstance(made, Chart | Prose | Table)
        assert made._repr_mimebundle_()["text/html"]


def test_charts_say_their_numbers_in_words(client: study.Study) -> None:
    for exhibit in (memory.waterfall, memory.fit_map):
        made = exhibit(client)
        if isinstance(made, Chart):
            assert any(c.isdigit() for c in made.alt)
            assert any(c.isdigit() for c in made.title)


def test_every_part_of_every_placement_has_a_source(client: study.Study) -> None:
    for fits in client.memory.values():
        for fit in fits:
            assert fit.memory is not None or fit.reason
            for part in fit.memory.parts if fit.memory else ():
                assert part.source.source and part.source.locator and part.formula


def test_bars_of_the_waterfall_fill_the_budget(client: study.Study) -> None:
    for fits in client.memory.values():
        for m in (f.memory for f in fits if f.memory):
            taken = sum(p.gib.central for p in m.parts if p.name in memory.PARTS)
            assert taken + m.pool_gib.central == pytest.approx(m.budget_gib.central)


def test_key_figures_name_each_placement(client: study.Study) -> None:
    placed = [f for fits in client.memory.values() for f in fits]
    assert len(memory.key_figures(client).splitlines()) == len(placed)


def test_a_scenario_without_own_gpus_says_so_in_every_exhibit() -> None:
    base = study.open("base").scenario
    kept = {n: o for n, o in base.options.items() if o.kind == "api"}
    only = study.Study(base.model_copy(update={"options": kept}))
    for exhibit in (memory.answer, memory.overview, memory.waterfall, memory.headroom):
        made = exhibit(only)
        assert isinstance(made, Prose) and "No option" in made.markdown
    assert isinstance(memory.fine_tuning(only), Prose)


def test_a_model_outside_the_catalogue_is_not_estimated_and_says_why() -> None:
    base = study.open("base").scenario
    option = base.options["rented"].model_copy(update={"models": {"all": "acme/Unknown-7B"}})
    changed = base.model_copy(update={"options": {"rented": option}})
    only = study.Study(changed)
    (fit,) = only.memory["rented"]
    assert fit.memory is None and fit.reason.startswith("not estimated, because")
    made = memory.answer(only)
    assert "acme/Unknown-7B" in made.markdown.replace("\\", "")
