"""Limits on money and days: ceilings of fiscal years, go-live, freezes, contracts, by hand."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
from cost_fixtures import plain_capacity
from siting.cost import dates, fiscal, ledger, tco
from siting.cost.ledger import BEFORE
from siting.inputs import scenario
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.changes import changed
from siting.quantity import DAYS_OF_MONTH, Range
from siting.study.results import Results
from siting.verdict.chain import Chain
from siting.verdict.exclusion import given_up
from siting.verdict.until_live import ContractEnd, UntilLive

XMAS = [{"from": "11-01", "to": "01-06"}]
CONTRACT = {
    "options.api.contract_until": dt.date(2027, 3, 31),
    "options.api.notice_days": 60,
    "options.api.minimum_commitment_per_month": 100_000,
}


def with_(**changes: Any) -> Scenario:
    """The base scenario, with `__` for the dots of a path."""
    return changed(scenario.load("base"), {k.replace("__", "."): v for k, v in changes.items()})


def test_a_year_is_paid_as_its_months_are_before_profit_tax():
    season = [{"from": "11-28", "weeks": 4, "factor": 3.2}]
    start = with_(workloads__assistant__seasons=season, finance__tax_rate=0.3)
    start = changed(start, {**CONTRACT, "options.api.renews_for_months": 12})
    found = tco.assess(start, plain_capacity(start))
    spans = fiscal.spans(start)
    assert [year.name for year in spans] == ["2026", "2027", "2028", "2029", "2030", "2031"]
    for name, option in found.options.items():
        paid = ledger.total(ledger.Clock(found.plan, found.plan.central()), name, spans).paid[0]
        flows = [f for f in option.flows if f.category not in (ledger.TAX, ledger.FORGONE)]
        monthly = np.sum([flow.amounts for flow in flows], axis=0)
        assert paid == pytest.approx([year.sum_of(monthly) for year in spans]), name


def test_a_year_over_the_ceiling_rules_out_and_a_year_that_may_be_is_open():
    chain = Chain(draws=64)
    start = chain.designed(with_(finance__budget_any_year=1e9))
    years = {c.name: c.burden.years for c in chain.candidates(start) if c.burden.years}
    worst = max(years["api"], key=lambda paid: paid.central)
    between = (worst.central + max(paid.high for paid in years["api"])) / 2
    for most, struck, doubts in ((worst.central - 1, 1, 0), (between, 0, 1), (1e9, 0, 0)):
        asked = changed(start, {"finance.budget_any_year": most, "decision.hard_constraints": []})
        (api,) = (c for c in chain.candidates(asked) if c.name == "api")
        over = [barrier for barrier in api.barriers if barrier.line == "finance.budget_any_year"]
        assert len(over) == struck
        open_ = [doubt.owner for doubt in api.uncleared if doubt.point.startswith("Ceiling")]
        assert open_ == ["finance"] * doubts
        assert bool(given_up(api, [])) == bool(struck)


@pytest.mark.parametrize(
    ("day", "goes"),
    [
        (dt.date(2026, 12, 1), dt.date(2027, 1, 7)),
        (dt.date(2027, 1, 6), dt.date(2027, 1, 7)),
        (dt.date(2027, 1, 7), dt.date(2027, 1, 7)),
        (dt.date(2027, 10, 31), dt.date(2027, 10, 31)),
        (dt.date(2027, 11, 1), dt.date(2028, 1, 7)),
    ],
)
def test_what_would_go_live_in_a_freeze_goes_on_the_day_after(day, goes):
    start = with_(client__freezes=XMAS)
    since = start.client.report_date
    assert dates.thawed(start, (day - since).days) == (goes - since).days


def test_waiting_is_paid_to_the_end_of_a_freeze():
    # 24 November 2026: the freeze from 1 November 2027 to 6 January 2028 ends on day 409
    months = {"low": 11.5, "central": 12.0, "high": 12.5}
    start = with_(options__owned__months_to_production=months, client__freezes=XMAS)
    plan = tco.assess(start, plain_capacity(start)).plan
    waited = ledger.Clock(plan, plan.central()).waiting("owned").sum()
    assert waited == pytest.approx(409 / DAYS_OF_MONTH)


def test_an_option_misses_the_latest_go_live_by_days_and_the_plan_counts_back():
    # six months are 182.6 days, from 24 November 2026 to 26 May 2027
    exact = {"low": 6, "central": 6, "high": 6}
    start = with_(options__owned__months_to_production=exact, client__live_by=dt.date(2027, 5, 16))
    assert dates.late(start, "api") is None
    late = dates.late(start, "owned")
    assert late is not None
    assert late.central == pytest.approx(6 * DAYS_OF_MONTH - 173)
    # what follows the 90 days of a test takes 92.6 more: go ten days before the 90th is over
    assert dates.latest_go(start, "owned") == dt.date(2026, 11, 24) + dt.timedelta(days=80)
    (owned,) = (c for c in Chain(draws=16).candidates(start) if c.name == "owned")
    assert any("10 days after 16 May 2027" in told for told in owned.struck)
    frozen = changed(start, {"client.live_by": dt.date(2027, 12, 24), "client.freezes": XMAS})
    # counted back from 31 October 2027
    assert dates.latest_go(frozen, "owned") == dt.date(2027, 10, 31) - dt.timedelta(days=93)


def test_go_is_decided_after_the_pilot_and_on_what_runs_after_a_month():
    start = with_()
    found = {name: dates.go(start, name).day for name in start.options}
    today = start.finance.baseline
    assert found.pop(today) == 30
    assert set(found.values()) == {90}


def test_another_model_where_the_service_runs_is_decided_on_after_its_test():
    start = with_()
    api = start.options["api"]
    terms = {"label": "luna", "months_to_production": Range(0.5, 1.0, 2.0)}
    luna = api.model_copy(update={"models": {"all": "gpt-5.6-luna"}, **terms})
    abroad = luna.model_copy(update={"country": "US", "label": "abroad"})
    s = start.model_copy(update={"options": {**start.options, "luna": luna, "abroad": abroad}})
    assert [dates.go(s, name).day for name in ("api", "luna", "abroad")] == [30, 30, 90]
    month = DAYS_OF_MONTH
    assert dates.serves(s, "luna").ends == pytest.approx((30 + (month - 30) / 2, month, 2 * month))


def test_a_cost_begins_when_the_plan_has_an_option_serve():
    # two months, but nothing is ordered before the 90th day; of what runs today nothing is
    start = with_()
    plan = tco.assess(start, plain_capacity(start)).plan
    months = plan.central()["months_to_production.rented"]
    assert months.item() == pytest.approx(90 / DAYS_OF_MONTH)
    assert not plan.central()["months_to_production.api"].any()


def test_who_stays_decides_by_the_day_on_which_notice_is_due():
    # 37 days to 31 December 2026, and 24 to 18 December: what is past binds nobody
    late = changed(scenario.load("base"), {**CONTRACT, "options.api.notice_days": 90})
    soon = changed(late, {"options.api.notice_days": 103})
    past = changed(late, {"options.api.notice_days": 200})
    assert [dates.go(each, "api").day for each in (late, soon, past)] == [30, 24, 30]


def test_notice_is_given_in_days_where_a_contract_says_so():
    start = changed(with_(client__notice_months=3), CONTRACT)
    (contract,) = dates.renewals(start)
    assert contract.notice == dt.date(2027, 1, 30)
    without = changed(start, {"options.api.notice_days": None})
    assert dates.renewals(without)[0].notice == dt.date(2026, 12, 31)


@pytest.mark.parametrize(
    ("until", "notices"),
    [
        # the year of the plan ends on 24 November 2027
        (dt.date(2027, 12, 31), [dt.date(2027, 6, 30)]),
        (dt.date(2028, 12, 31), []),
        (dt.date(2026, 11, 23), []),
    ],
)
def test_a_notice_within_the_plan_is_told_though_the_contract_ends_after_it(until, notices):
    start = with_(client__notice_months=6, options__api__contract_until=until)
    assert [contract.notice for contract in dates.renewals(start)] == notices


def test_a_vendor_answers_two_weeks_before_notice_is_due_or_half_way_to_it():
    start = changed(scenario.load("base"), CONTRACT)  # notice of 60 days: due on 30 January
    assert dates.renewals(start)[0].answer_by == dt.date(2027, 1, 16)
    soon = changed(start, {"options.api.notice_days": 117})  # due ten days after the report
    assert dates.renewals(soon)[0].answer_by == dt.date(2026, 11, 29)


def test_who_moves_pays_a_commitment_until_its_contract_ends():
    # 127 days to 31 March 2027, or 493 to 31 March 2028; rented serves after 2 months, 1 beside
    rent = {"months_to_production": {"low": 1, "central": 2, "high": 3}}
    exact = {f"options.rented.{key}": value for key, value in rent.items()}
    start = changed(with_(finance__parallel_months=1), {**CONTRACT, **exact})
    start = changed(start, {"decision.date": dt.date(2026, 12, 24)})

    def owed(asked: Scenario) -> float:
        option = tco.assess(asked, plain_capacity(asked)).options["rented"]
        (flow,) = (f for f in option.flows if f.item == "contract")
        assert flow.category == BEFORE
        return float(flow.amounts.sum())

    assert owed(start) == pytest.approx(1e5 * (127 / DAYS_OF_MONTH - 3))
    # notice of 60 days is due on 30 January, after go, and it serves in time: no renewal is needed
    renews = changed(start, {"options.api.renews_for_months": 12})
    assert owed(renews) == pytest.approx(owed(start))
    late = changed(renews, {"decision.date": dt.date(2027, 2, 1)})
    # it serves on the day of go, the 69th, and the months beside come after
    assert owed(late) == pytest.approx(1e5 * ((493 - 69) / DAYS_OF_MONTH - 1))


def test_a_renewal_of_which_nobody_said_what_it_owes_may_cost_as_much_as_is_used_today():
    # 493 days to 31 March 2028; go on 1 February is after the notice of 30 January
    start = changed(with_(decision__date=dt.date(2027, 2, 1)), CONTRACT)
    start = changed(start, {"options.api.renews_for_months": 12})
    chain = Chain(draws=64)

    def end(minimum: float | None) -> ContractEnd:
        asked = changed(start, {"options.api.minimum_commitment_per_month": minimum})
        live = dates.serves(asked, "rented")
        (found,) = UntilLive(
            scenario=asked, chain=chain, recommended="rented", live=live, retiring=()
        ).contracts
        return found

    said = end(100_000)
    assert (said.given, said.unused) == ("extended", None)
    assert said.owed > 0
    assert (end(0).owed, end(0).unused) == (0, None)
    unsaid = end(None)
    unsaid_of = changed(start, {"options.api.minimum_commitment_per_month": None})
    priced = chain.option(unsaid_of, "api")
    assert priced is not None
    off = dates.switched_off(start, "rented")
    assert unsaid.owed == 0
    assert unsaid.unused == pytest.approx(priced.by_request(off, 493))


def test_nothing_bridges_to_no_choice():
    # its model ends on 30 April 2027, and no last day of the one that follows is announced
    start = changed(scenario.load("agence-lumiere"), {"finance.baseline": "api"})
    chain = Chain(draws=16)
    ends = [end for end in Results(start).retiring if end.option == "api"]
    assert [end.last for end in ends] == [dt.date(2027, 4, 30)]
    until = UntilLive(scenario=start, chain=chain, recommended=None, live=None, retiring=ends)
    assert until.bridging is None
    assert until.contracts == ()


def test_several_contracts_are_owed_each_to_its_end():
    further = {"contract_until": dt.date(2027, 6, 30), "minimum_commitment_per_month": 50_000}
    start = changed(scenario.load("base"), {**CONTRACT, "options.api.contracts": [further]})
    assert [each.until for each in dates.renewals(start)] == [
        dt.date(2027, 3, 31),
        dt.date(2027, 6, 30),
    ]
    assert start.options["api"].committed_per_month == 150_000
    ends = {each.minimum: each.months * DAYS_OF_MONTH for each in dates.owed(start, "rented")}
    assert ends == pytest.approx({100_000: 127, 50_000: 218})


def test_by_the_month_machines_of_a_month_are_those_of_its_busiest_hour():
    season = [{"from": "12-01", "weeks": 2, "factor": 4}]
    start = with_(options__rented__commitment="month", workloads__assistant__seasons=season)
    start = changed(start, {"workloads.assistant.growth_per_year": 0.0})
    found = tco.assess(start, plain_capacity(start, rate=0.02))
    option = found.options["rented"]
    (hours,) = (f for f in option.flows if f.item == "gpu_rental")
    year = hours.quantity[4:16]
    december = year.argmax()
    assert year[december] / np.delete(year, december) == pytest.approx(4, rel=0.1)


def test_a_mix_owns_no_more_than_its_room_holds():
    # a 4 x L40S server draws 1.96 kW, at a PUE of 1.5 2.94: two of them fit 8 kW; requests
    # elsewhere are dear, so that a third would pay
    dear = {"item": "option.api.api_request", "value": 0.05, "unit": "EUR/request"}
    dear |= {"source": "an offer", "date": dt.date(2026, 11, 1)}
    found = {}
    for key, room in (("free", {"pue": 1.5}), ("room", {"kw": 8, "pue": 1.5})):
        asked = with_(options__owned__room=room, finance__quotes=[dear])
        found[key] = tco.assess(asked, plain_capacity(asked, rate=0.05)).plan.options["hybrid"]
    assert found["free"].split.servers > 2
    assert found["room"].split.servers == 2
    assert not found["room"].alone
