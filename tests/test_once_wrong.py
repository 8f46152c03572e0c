"""Mistakes that were once in reports, each across several topics."""

from __future__ import annotations

import datetime as dt

import pytest
from siting import catalogue, study
from siting.catalogue import Source
from siting.cost import prices
from siting.inputs.scenario import Option
from siting.serving.servers import Server
from studies import CLIENTS, opened

DAY = dt.date(2026, 11, 24)


def test_a_bare_year_or_month_ages_from_its_first_day() -> None:
    # From 1 January 2026 to 24 November: 327 days; from 1 November 23.
    for date, days in (("2026", 327), ("2026-11", 23), ("2026-11-20", 4), ("undated", None)):
        said = Source(source="s", locator="l", date=date, kind="published")
        assert said.age_days(DAY) == days


def test_a_median_is_as_old_as_its_oldest_member() -> None:
    machine = next(s for s in catalogue.table("servers", Server) if s.gpu_id == "h100-sxm5-80gb")
    _, source = prices.server_price(machine, DAY)
    rows = prices.known_at(DAY, "hardware_prices", prices.HardwarePrice, gpu_id=machine.gpu_id)
    used = [r for r in rows if r.used_in_estimate == "yes"]
    form = source.locator.split("form ")[1].split(",")[0]
    dates = sorted(r.date for r in used if r.form == form)
    assert len(set(dates)) > 1
    assert source.date == dates[0]


@pytest.mark.parametrize(
    ("region", "model", "factor"),
    [("EU", "gpt-5.4-mini", 1.1), ("", "gpt-5.4-mini", None), ("EU", "gpt-4.1", None)],
)
def test_an_endpoint_of_openai_that_is_pinned_costs_a_tenth_more_for_models_since_march_2026(
    region: str, model: str, factor: float | None
) -> None:
    option = Option.model_validate(
        {"label": "x", "kind": "api", "provider": "openai", "region": region}
    )
    row = prices.regional_surcharge(option, model)
    assert (row.factor if row else None) == factor


def test_where_hidden_tokens_are_over_a_quarter_of_a_bill_the_client_is_asked_to_count() -> None:
    s = opened("assekuranz-saentis")
    assert any("hidden reasoning" in c and "count it" in c for c in s.cautions().caution)
    counted = s.scenario.workloads["claims"].model_copy(update={"reasoning_tokens": 200})
    other = s.scenario.model_copy(update={"workloads": {**s.scenario.workloads, "claims": counted}})
    asked = [c for c in study.Study(other).cautions().caution if "count it" in c]
    assert not any("for claims" in c for c in asked)


@pytest.mark.parametrize("client", CLIENTS)
def test_steps_concern_the_kind_of_option_and_the_sector_of_the_client(client: str) -> None:
    s = opened(client)
    said = " ".join(s.steps().step)
    chosen = s.results.decision.choice
    own = chosen.kind in ("colocation", "on_premises", "hybrid")
    assert ("servers" in said) <= own
    assert ("exit plan" in said) <= (s.client.sector in ("banking", "insurance"))


@pytest.mark.parametrize("client", CLIENTS)
def test_what_comes_next_is_told_with_the_points_that_it_shares_with_the_choice(
    client: str,
) -> None:
    # Whatever strikes the choice may strike what follows it: a no-go then leads nowhere.
    s = opened(client)
    gate = s.gate().iloc[0]
    points = s.open_points()
    mine = set(points.point[points.option == s.chosen])
    theirs = points.point[points.option == gate.fallback]
    assert gate.fallback_points == len(theirs)
    assert gate.fallback_shared == sum(point in mine for point in theirs)


@pytest.mark.parametrize("client", CLIENTS)
def test_an_offer_that_may_be_struck_says_so_where_it_turns_the_answer(client: str) -> None:
    s = opened(client)
    turns = s.turns()
    offers = turns[turns.open_points.notna()]
    assert (offers.may_strike <= offers.open_points).all()
    for variant, found in s.results.tried:
        if variant.offer and found.option == variant.offer and found.answer != "stays":
            changed = s.results.changed(variant.changes, redesigned=True)
            law = s.results.chain.rules(changed).options[variant.offer]
            row = turns[turns.change == s.results.numbers.regrouped(variant.clause)]
            if len(row):
                assert row.may_strike.iloc[0] == sum(p.strikes for p in law.open_points)


@pytest.mark.parametrize("client", CLIENTS)
def test_duties_that_bind_nobody_yet_are_not_told_as_due(client: str) -> None:
    s = opened(client)
    points = s.open_points()
    to_come = {r.title for r in s.results.sovereignty.law.rules.values() if r.to_come}
    assert to_come == {
        "High-risk duties to come",
        "Decisions by technology to come (California ADMT)",
        "Consequential decisions to come (Colorado)",
    }
    assert not points.binds_today[points.point.isin(to_come)].any()
