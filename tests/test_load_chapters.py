"""Chapters on load and memory: their frames by hand and by invariant, and what they print."""

from __future__ import annotations

import numpy as np
import pytest
from printed import printed
from siting import study
from siting.serving.pools import Pool
from studies import CLIENTS, opened

CHAPTERS = ("20_quality", "72_memory", "74_capacity_tables")


@pytest.fixture(scope="module", params=CLIENTS)
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


def test_only_a_mix_has_replicas_on_servers_of_its_own_beside_those_of_the_whole_load() -> None:
    sized = opened("klinikverbund-nordheide").pools()
    assert (sized.owned.notna() == sized.hybrid).all()


# --- frames of load and capacity ----------------------------------------------------------------


def test_a_mix_owns_the_servers_that_its_cost_counts(client: study.Study) -> None:
    machines = client.machines().set_index("option")
    for name, option in client.results.cost.options.items():
        if option.hybrid and client.results.labels[name] in machines.index:
            row = machines.loc[client.results.labels[name]]
            assert row.servers == option.servers[0]
            assert row.paid == row.servers * row.gpus_of_server


def test_gpus_of_a_year_are_those_of_its_replicas_and_spares(client: study.Study) -> None:
    sized = client.pools()
    years = client.gpus_by_year().query("year == 1").set_index("option")
    cards = (sized.replicas + sized.spares) * sized.gpus_per_replica
    for option, count in cards.groupby(sized.option, observed=True).sum().items():
        assert years.central[option] == count


def test_latencies_say_whether_the_limit_is_kept(client: study.Study) -> None:
    seen = client.latencies()
    assert (seen.kept == (seen.seen <= seen.limit)).all()
    assert (seen.p50 <= seen.p95).all() and (seen.p95 <= seen.p99).all()


def test_one_pool_is_shown_where_there_are_any(client: study.Study) -> None:
    assert client.pools().shown.sum() >= bool(pools(client))


# --- frames of memory ---------------------------------------------------------------------------


def test_parts_and_what_is_left_fill_the_budget(client: study.Study) -> None:
    parts = client.memory_parts()
    taken = parts[parts.before_cache].groupby(["option", "model"], observed=True).central.sum()
    for row in client.fits().dropna(subset="left").itertuples():
        assert taken[row.option, row.model] + row.left == pytest.approx(row.budget)


def test_every_part_names_its_formula_and_source(client: study.Study) -> None:
    parts = client.memory_parts()
    assert parts.formula.astype(bool).all() and parts.source.astype(bool).all()


def test_without_own_gpus_no_memory_is_planned() -> None:
    base = opened("base").scenario
    kept = {n: o for n, o in base.options.items() if o.kind == "api"}
    only = study.Study(base.model_copy(update={"options": kept}))
    assert only.fits().empty and only.pools().empty and only.memory_parts().empty
    assert list(only.pools().columns)


def test_a_model_outside_the_catalogue_is_not_estimated_and_says_why() -> None:
    base = opened("base").scenario
    option = base.options["rented"].model_copy(update={"models": {"all": "acme/Unknown-7B"}})
    only = study.Study(base.model_copy(update={"options": {**base.options, "rented": option}}))
    row = only.fits().query("model == 'Unknown-7B'").iloc[0]
    assert row.why.startswith("not estimated, because") and np.isnan(row.left)
