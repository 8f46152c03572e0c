"""Up to which price an offer may go: the price that weighs most, and where it reaches a limit."""

import numpy as np
import pytest
from siting.cost.tco import CashFlow
from siting.verdict import offers
from siting.verdict.chain import Chain
from studies import opened


def flow(category: str, amount: float, *factors: str) -> CashFlow:
    """A line of a cash-flow table that is paid at once."""
    return CashFlow(
        item=category, label=category, category=category, amounts=np.array([amount, 0.0]),
        factors=factors, quantity=np.array([1.0, 0.0]), unit="server",
    )  # fmt: skip


def test_the_main_price_is_that_by_which_most_is_paid_and_holds_no_tax():
    server = flow("hardware", 300.0, "server_price.own", "fx.USD", "vat")
    kept = flow("maintenance", 900.0, "maintenance.own", "server_price.own", "fx.USD", "vat")
    bought = flow("api", 200.0, "api_request.api.chat", "api_price_band")
    other = flow("api", 100.0, "api_request.api.code", "api_price_band")
    today = flow("before_production", 5000.0, "api_request.today.chat")
    central = {"server_price.own": 100.0, "fx.USD": 0.9, "vat": 1.2, "api_price_band": 1.0}
    central |= {"api_request.api.chat": 0.01, "api_request.api.code": 0.02}
    # Upkeep follows the price of a server, and what runs until then is another option's.
    found = offers.main_price([server, kept, bought, today], central)
    assert found is not None
    assert (found.thing, found.factors) == ("server", {"server_price.own"})
    assert found.planned == pytest.approx(90.0)  # 100 x 0.9, without the tax of a fifth
    dear = flow("api", 400.0, "api_request.api.chat", "api_price_band")
    found = offers.main_price([server, dear, other], central)
    assert found is not None
    # Two workloads have two prices of a request: only their ratio is one number.
    assert (found.thing, found.planned) == ("request", None)
    assert found.factors == {"api_request.api.chat", "api_request.api.code"}
    assert offers.main_price([kept, today], central) is None


def test_a_price_reaches_a_limit_where_what_it_adds_fills_the_gap():
    def likely(times: float) -> float:
        return 70 + 30 * times

    # 70 of 100 do not move with the price: at 160 it is (160 - 70) / 30 = 3 times the planned one.
    assert offers.times_at(likely, 160.0) == pytest.approx(3.0, rel=1e-3)
    assert offers.times_at(likely, 110.0) == pytest.approx(4 / 3, rel=1e-3)
    assert offers.times_at(likely, 100.0) is None  # there as planned already

    def bent(times: float) -> float:
        return 70 + 30 * times**0.5

    # (160 - 70) / 30 = 3, whose square is 9.
    assert offers.times_at(bent, 160.0) == pytest.approx(9.0, rel=1e-2)


def test_a_price_that_moves_nothing_reaches_no_limit():
    assert offers.times_at(lambda at: 70.0, 80.0) is None


def test_the_price_of_the_gate_is_where_the_likely_cost_is_at_its_limit():
    s = opened("klinikverbund-nordheide")
    gate = s.answer().iloc[0]
    results = s.results
    chosen = results.decision.recommended
    central = {name: x.value.central for name, x in results.cost.plan.factors.items()}
    main = offers.main_price(results.cost.options[chosen].flows, central)
    assert main is not None and main.planned == pytest.approx(gate.planned_price)
    chain = results.chain
    at = chain.likely_at(results.scenario, chosen, main.factors, gate.price_times)
    assert at == pytest.approx(gate.turns_at, rel=offers.NEAR)
    # At the planned price it is the likely cost of page one.
    likely = results.decision.choice.likely
    assert chain.likely_at(results.scenario, chosen, main.factors, 1.0) == pytest.approx(likely)


def test_a_dearer_price_moves_what_runs_until_then_too():
    """agence-lumiere's mix and its cloud of today pay one price of GPU-hours: what was kept of the
    cloud at the price as planned is not taken for it."""
    results = opened("agence-lumiere").results
    asked = results.scenario, results.decision.recommended, {"gpu_hour.sovereign"}, 1.3
    assert results.chain.likely_at(*asked) == Chain().likely_at(*asked)
