"""Mistakes that were once in reports, each across several topics."""

from __future__ import annotations

import datetime as dt
import re
from unittest import mock

import pytest
from printed import printed, shown_of
from siting import catalogue
from siting.catalogue import Source
from siting.cost import prices
from siting.inputs.scenario import Option
from siting.serving.servers import Server
from studies import FEW, opened

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


def test_page_one_refers_to_no_chapter_that_the_report_leaves_out() -> None:
    kept = opened("tidewater-apps")
    for has, links in ((True, ["30_data"]), (False, [])):
        with mock.patch.object(kept, "has_chapter", return_value=has):
            shown = shown_of("10_decision", lambda _: kept)
        assert re.findall(r"\]\(#(\w+)\)", str(shown)) == links
        assert "Open points cleared" in str(shown)
        assert "page five" not in str(shown)


@pytest.mark.parametrize("client", FEW)
def test_duties_that_bind_nobody_yet_are_not_told_as_due(client: str) -> None:
    s = opened(client)
    left = s.points().dropna(subset="in_force")
    to_come = {r.title for r in s.results.sovereignty.law.rules.values() if r.to_come}
    assert to_come
    assert not left.in_force[left.point.isin(to_come)].any()


def test_nothing_of_today_ends_in_the_plan_before_the_choice_serves() -> None:
    # Servers that serve after 15 months end nothing within the twelve of the plan; a cloud does.
    ended = "previous service ended"
    assert ended not in set(opened("agence-lumiere").steps().label)
    assert ended in set(opened("banca-valdora").steps().label)


def test_the_vendor_is_asked_whether_it_takes_idle_cards_back_where_the_choice_hangs_on_it() -> (
    None
):
    s = opened("banca-valdora")
    answer = s.answer().iloc[0]
    # Three years at Seeweb are then first, for more than a month's bill (€ 0.12 million) above it.
    assert answer.idle_at == "Seeweb"
    tried = s.variants()
    (idle,) = tried[tried.what == "idle cards, Seeweb"].in_all
    assert idle - answer.in_all > answer.matters
    (letter,) = printed("71_letters", "banca-valdora").split("**To Seeweb.**")[1:]
    assert "idle cards" in letter.split("**To ")[0]
    assert "Seeweb for idle cards" in printed("40_cost", "banca-valdora")
    shown = s.variants().query("on_page_one")
    assert set(shown.key[shown.settled != "offer"]) <= {*s.results.options}


def test_a_busiest_hour_is_said_of_its_workload_and_over_the_mean_of_the_same() -> None:
    study = opened("tidewater-apps")
    loads = study.loads()
    most = loads.loc[loads.year_peak.idxmax()]
    times = most.year_peak / most.mean_rate
    said = printed("74_capacity_tables", "tidewater-apps")
    assert (
        f"{study.in_words(most.workload)} asks for {most.year_peak:.2f} requests a second" in said
    )
    assert f"{times:.1f} times its mean" in said


def test_a_limit_is_said_of_its_workload_and_called_the_clients_only_where_it_states_one() -> None:
    study = opened("tidewater-apps")
    works = study.scenario.workloads.items()
    stated = [study.in_words(n) for n, w in works if "latency" in w.model_fields_set]
    said = printed("20_quality", "tidewater-apps")
    named = re.findall(r"Your limits for (.+?) are", said)
    taken = re.findall(r"For (.+?) you state no limits", said)
    assert len(named) + len(taken) == 1
    assert {*named} <= {*stated} and not {*taken} & {*stated}


def test_costs_are_held_against_each_other_both_kept_or_both_left() -> None:
    study = opened("tidewater-apps")
    answer = study.answer().iloc[0]
    sums = study.sums()
    cost = sums.set_index(sums.option.astype(str)).cost
    assert answer.rival_is_kept
    own, other = study.money(cost[answer.option]), study.money(cost[answer.rival])
    said = printed("15_why", "tidewater-apps")
    assert f"Cost, kept to the end: {own}, against {other} for {answer.rival}." in said


def test_the_sum_to_ask_for_is_that_of_the_resolution() -> None:
    steps = opened("tidewater-apps").steps()
    until = steps[steps.decides.isin(["points", "order"])].due.max()
    spent = opened("tidewater-apps").money(steps[steps.due <= until].price.sum())
    assert f"{spent} for the steps until" in printed("40_cost", "tidewater-apps")


def test_lower_bills_are_said_to_come_from_serving_sooner_where_they_do() -> None:
    study = opened("banca-valdora")
    answer = study.answer().iloc[0]
    flows = study.cash_flows()
    today = flows[flows.item.str.startswith("Baseline until production")]
    until = today.groupby("option", observed=True).amount.sum()
    sums = study.sums().set_index("option")
    assert sums.until_live[answer.option] == pytest.approx(until[answer.option])

    parts = sums[["cost", "leaving"]]
    gap = parts.loc[answer.rival] - parts.loc[answer.option]
    sooner = until[answer.rival] - until[answer.option]
    assert (gap.cost + gap.leaving) / 2 < sooner < gap.cost + gap.leaving
    assert answer.cheaper_in == "sooner"
