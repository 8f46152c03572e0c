"""Mistakes that were once in reports, each across several topics."""

import datetime as dt

import pytest
from siting import catalogue
from siting.catalogue import Source
from siting.cost import prices
from siting.inputs.scenario import Option
from siting.serving.servers import Server
from studies import FEW, opened

DAY = dt.date(2026, 11, 24)


def test_a_bare_year_or_month_ages_from_its_first_day():
    # From 1 January 2026 to 24 November: 327 days; from 1 November 23.
    for date, days in (("2026", 327), ("2026-11", 23), ("2026-11-20", 4), ("undated", None)):
        said = Source(source="s", locator="l", date=date, kind="published")
        assert said.age_days(DAY) == days


def test_a_median_is_as_old_as_its_oldest_member():
    machine = next(s for s in catalogue.table("servers", Server) if s.gpu_id == "h100-sxm5-80gb")
    source = prices.server_price(machine, DAY).source
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
    region, model, factor
):
    option = Option.model_validate(
        {"label": "x", "kind": "api", "provider": "openai", "region": region}
    )
    row = prices.regional_surcharge(option, model)
    assert (row.factor if row else None) == factor


@pytest.mark.parametrize("client", FEW)
def test_duties_that_bind_nobody_yet_are_not_told_as_due(client):
    s = opened(client)
    left = s.points().dropna(subset="in_force")
    to_come = {r.title for r in s.results.sovereignty.law.rules.values() if r.to_come}
    assert to_come
    assert not left.in_force[left.point.isin(to_come)].any()


@pytest.mark.parametrize("client", FEW)
def test_what_is_billed_until_an_option_serves_is_what_runs_today_until_then(client):
    s = opened(client)
    flows = s.cash_flows()
    today = flows[flows.item.str.startswith("Baseline until production")]
    until = today.groupby("option", observed=True).amount.sum()
    told = s.sums().set_index("option").until_live
    assert len(until) and told[until.index].to_list() == pytest.approx(until.to_list())
