"""How prices of models move: worked out by hand on a plan of round numbers, and on real clients."""

import datetime as dt
import functools
from statistics import NormalDist
from types import SimpleNamespace

import numpy as np
import pytest
import studies
from cost_fixtures import plain_capacity
from siting.cost import api_prices, costing, ledger, priced, prices, uncertainty
from siting.cost.api_prices import ModelPath, PricePath
from siting.inputs import scenario
from siting.vendors import notice
from siting.verdict.chain import Chain
from studies import designed

DAY = dt.date(2026, 11, 24)


def drawn(path: ModelPath, **values: float) -> dict[str, np.ndarray]:
    named = {path.end: values.pop("end", 99.0), path.successor: values.pop("successor", 1.0)}
    named |= {path.jump: values.pop("jump", 0.5), **values}
    return {"growth": np.zeros(1), **{n: np.array([v]) for n, v in named.items()}}


def test_a_named_model_keeps_its_price_until_it_ends_and_then_has_its_successors():
    path = ModelPath(key="V/m", how="named_model")
    price = path.over(drawn(path, end=18.0, successor=0.4), 36)[0]
    assert price.tolist() == [1.0] * 18 + [0.4] * 18


def test_a_successor_costs_a_share_of_what_the_model_costs_when_it_ends():
    # the list price doubles in month 3: who ends in month 2 has half of today's, later half of that
    path = ModelPath(key="V/m", how="named_model", announced=((3, 2.0),))
    assert path.over(drawn(path, end=2.0, successor=0.5), 5)[0].tolist() == [1, 1, 0.5, 0.5, 0.5]
    assert path.over(drawn(path, end=4.0, successor=0.5), 5)[0].tolist() == [1, 1, 1, 2, 1]


def test_five_weeks_do_not_move_the_cost_of_a_model_whose_price_is_announced():
    # genai-prices 0.2.3: the introductory price of this model ends with the year 2026
    asked = {"options.api.provider": "google", "options.api.vendor": "Google"}
    asked |= {"options.api.models.all": "gemini-3.8-flash"}
    found = []
    for day in (dt.date(2026, 11, 28), dt.date(2027, 1, 2)):
        there = scenario.changed(scenario.load("base"), asked | {"client.report_date": day})
        found.append(float(np.median(Chain().totals(there, "api")["hold"].present)))
    assert found[0] == pytest.approx(found[1], rel=0.05)


def test_a_rare_jump_comes_after_its_chance_over_its_yearly_rate():
    path = ModelPath(key="V/m", how="named_model")
    rate = prices.parameter("price_rise_rate").central
    # A chance of two years' rate: the rise comes after two years; at one half none does in five.
    risen = path.over(drawn(path, jump=2 * rate), 36)[0]
    assert risen.tolist() == [1.0] * 24 + [prices.parameter("price_rise").central] * 12
    cut = path.over(drawn(path, jump=1 - 0.99 * prices.parameter("price_cut_rate").central), 24)[0]
    assert cut.tolist() == [1.0] * 12 + [prices.parameter("price_cut").central] * 12
    assert path.over(drawn(path), 60).tolist() == [[1.0] * 60]


def test_who_tests_and_moves_gets_equal_quality_cheaper_for_two_years_and_no_longer():
    path = ModelPath(key="V/m", how="equal_quality")
    price = path.over(drawn(path, api_decline=0.5), 48)[0]
    assert price.tolist() == [1.0] * 12 + [0.5] * 12 + [0.25] * 24
    announced = ModelPath(key="V/m", how="equal_quality", announced=((3, 2.0),))
    price = announced.over(drawn(path, api_decline=0.5), 24)[0]
    assert price.tolist() == [1.0] * 3 + [2.0] * 9 + [0.5] * 12


def test_an_announced_change_falls_in_its_month():
    path = ModelPath(key="V/m", how="list", announced=((3, 2.0), (7, 1.5)))
    assert path.over(drawn(path), 9)[0].tolist() == [1, 1, 1, 2, 2, 2, 2, 1.5, 1.5]


def test_the_package_says_which_changes_are_announced():
    # genai-prices 0.2.3: the introductory price of this model ends with the year 2026.
    day = dt.date(2026, 11, 24)
    found = api_prices.announced("google", "gemini-3.6-flash", day, 24)
    assert [then.strftime("%Y-%m") for _, then in found][:1] == ["2027-01"]
    now, later = (prices.token_price("google", "gemini-3.6-flash", d) for d in (day, found[0][1]))
    assert now and later and later / now == pytest.approx(2.0, rel=0.01)


def test_months_left_are_those_announced_or_fit_the_lives_of_the_vendors_models():
    day = dt.date(2026, 11, 24)
    end = api_prices.ending("Microsoft/Azure OpenAI", "gpt-4.1", day, 60, 1)
    assert end.retired is not None
    left = notice.months_left(end, day)
    assert left.is_exact and left.central == pytest.approx((end.retired - day).days / 30.4375)
    other = api_prices.ending("OpenAI", "gpt-5.4-mini", day, 60, 1)
    left = notice.months_left(other, day)
    assert 0 < left.low < left.central < left.high


def plan_on(path: PricePath) -> priced.Plan:
    """Polderwerk's plan on a path of API prices."""
    chosen = designed("polderwerk")
    compiled = functools.partial(costing.compile_option, path=path)
    return costing.compile_plan(chosen, plain_capacity(chosen), compiled)


@pytest.mark.parametrize("path", ["named_model", "equal_quality", "list"])
def test_a_plan_is_billed_on_the_path_that_is_asked_for(path):
    plan = plan_on(path)
    assert {p.how for p in plan.api_paths.values()} == {path}
    flows = ledger.flows(plan, "api", plan.central())
    usage = next(f for f in flows if f.item.startswith("api_usage"))
    ratio = plan.path(usage.path, plan.central())[0]
    unit = usage.amounts[1] / usage.quantity[1]
    assert usage.amounts[1:] == pytest.approx(usage.quantity[1:] * unit * ratio)


def test_who_moves_each_year_tests_at_least_once_a_year():
    assert all(moves >= 1 for moves in plan_on("equal_quality").options["api"].moves)


def test_open_weights_at_a_host_stay_as_listed():
    for client in studies.FEW:
        chosen = designed(client)
        hosted = {o.vendor for o in chosen.options.values() if o.kind == "open_api"}
        plan = costing.compile_plan(chosen, plain_capacity(chosen))
        for key, path in plan.api_paths.items():
            if key.split("/")[0] in hosted:
                assert path.how == "list"


@pytest.mark.parametrize(("at", "last"), [("azure", "2027-04-14"), ("openai", "2027-01-14")])
def test_two_vendors_of_a_model_tell_the_same_successor(at, last):
    # Azure names gpt-5 for gpt-4.1 and ends it two months before; OpenAI names gpt-6-luna, which
    # nobody has measured against gpt-4.1. GPT-5.6 Luna was: 26.8 against 19.6 at effort none.
    vendor = {"azure": "Microsoft/Azure OpenAI", "openai": "OpenAI"}[at]
    asked = {"options.azure.provider": at, "options.azure.vendor": vendor}
    chosen = scenario.changed(designed("klinikverbund-nordheide"), asked)
    end = api_prices.ending(vendor, "gpt-4.1", chosen.client.report_date, 60, 1)
    assert end.retired == dt.date.fromisoformat(last)
    assert "gpt-5" not in {heir.model for heir in end.named}
    found = api_prices.successor_of(chosen, "azure", "gpt-4.1")
    assert found is not None
    assert (found.model, found.is_good) == ("gpt-5.6-luna", True)


def test_what_nobody_knows_to_be_as_good_is_drawn_for_the_class_of_the_model():
    asked = {"options.azure.models": {"all": "gpt-4o"}}
    chosen = scenario.changed(designed("klinikverbund-nordheide"), asked)
    heir = api_prices.successor_of(chosen, "azure", "gpt-4o")
    assert heir is not None and not heir.is_good
    plan = costing.compile_plan(chosen, plain_capacity(chosen))
    found = plan.factors["successor_price.Microsoft/Azure OpenAI/gpt-4o"]
    usual = prices.parameter("successor_price_1_to_5").range
    assert (found.value, found.shape) == (usual, "split_lognormal")
    assert found.note != api_prices.AS_LISTED


def test_who_stays_pays_from_the_end_on_what_who_buys_the_successor_now_pays():
    chain = Chain()
    chosen = chain.designed(scenario.load("klinikverbund-nordheide"))
    stays = chain.plan(chosen, "azure").api_paths
    buys = chain.plan(chosen, "azure-gpt-5-6-luna-none").api_paths
    old, new = "Microsoft/Azure OpenAI/gpt-4.1", "Microsoft/Azure OpenAI/gpt-5.6-luna"
    assert stays[old].then == buys[new]
    plan = chain.plan(chosen, "azure")
    # A letter of 7,500 tokens in, a tenth of them cached, and 900 out: at 2.00, 0.50 and 8.00
    # dollars a million before, at 0.20, 0.02 and 1.20 after, without a word of reasoning.
    before = 6_750 * 2.00 + 750 * 0.50 + 900 * 8.0
    # What follows is sold in the zone of the EU alone, at 1.1 of the global price.
    after = 1.1 * (6_750 * 0.20 + 750 * 0.02 + 900 * 1.20)
    found = plan.factors[stays[old].successor]
    assert found.value.is_exact
    assert found.note == api_prices.AS_LISTED
    assert found.value.central == pytest.approx(after / before, rel=1e-3)


def test_list_prices_of_a_million_tokens_are_those_that_the_vendor_publishes():
    # OpenAI's page of prices: GPT-4.1 at $2.00 in, $0.50 cached and $8.00 out a million tokens.
    load = prices.BilledTokens(input_mean=1000, output_mean=100)
    found = prices.api_request("openai", "gpt-4.1", load, 0.0, dt.date(2026, 11, 24))
    assert found.input_per_million == pytest.approx(2.00)
    assert found.cached_per_million == pytest.approx(0.50)
    assert found.output_per_million == pytest.approx(8.00)
    assert found.per_request == pytest.approx((1000 * 2.00 + 100 * 8.00) / 1e6)
    assert found.source.source.startswith("OpenAI price list (")  # its own, and no other's


def test_the_chance_of_a_jump_is_drawn_evenly_between_none_and_certainty():
    path = ModelPath(key="V/m", how="named_model")
    price = prices.api_request(
        "openai", "gpt-4.1", prices.BilledTokens(input_mean=1000, output_mean=100), 0.0, DAY
    )
    end = api_prices.ending("OpenAI", "gpt-4.1", DAY, 36, 1)
    drawn_from = {f.name: f for f in api_prices.factors(path, price, end, DAY, 36, None)}
    scores = np.array([NormalDist().inv_cdf(chance) for chance in (0.1, 0.75, 0.99)])
    found = uncertainty.value_at(drawn_from[path.jump], scores)
    assert found == pytest.approx([0.1, 0.75, 0.99])


def test_a_models_class_of_price_is_that_of_three_tokens_in_and_one_out():
    # (3 x 1.60 + 0.40) / 4 = 1.30 dollars a million; and half of it, once listed at half
    price = SimpleNamespace(input_per_million=1.60, output_per_million=0.40)
    assert api_prices._class_of(price, 1.0) == "successor_price_1_to_5"
    assert api_prices._class_of(price, 0.5) == "successor_price_below_1"
    assert api_prices._class_of(price, 4.0) == "successor_price_from_5"
