"""Draws and what every option then costs, on capacities with round numbers."""

import numpy as np
import pytest
import studies
from cost_fixtures import plain_capacity
from siting import catalogue, draws
from siting.cost import costing, ledger, tco, uncertainty
from siting.cost.prices import Factor
from siting.cost.tco import Comparison
from siting.cost.uncertainty import Uncertainty
from siting.quantity import Range


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    chosen = studies.designed("klinikverbund-nordheide")
    return tco.assess(chosen, plain_capacity(chosen, rate=0.5))


def assessed(comparison: Comparison, size: int, seed: int) -> Uncertainty:
    plan = comparison.plan
    scores = uncertainty.scores(list(uncertainty.drivers(plan)), size, seed)
    totals = ledger.totals(plan, uncertainty.draws_at(plan, scores))
    return Uncertainty(plan=plan, scores=scores, totals=totals)


@pytest.fixture(scope="module")
def found(comparison: Comparison) -> Uncertainty:
    return assessed(comparison, 4000, 1)


def factor(shape: str, low: float, central: float, high: float) -> Factor:
    source = catalogue.Source(source="test", locator="test", date="2026")
    return Factor(
        name="x", label="x", value=Range(low, central, high), source=source, driver="x",
        shape=shape,
    )  # fmt: skip


@pytest.mark.parametrize("client", studies.FEW)
def test_what_has_no_negative_band_is_negative_in_no_draw(client):
    chosen = studies.designed(client)
    plan = costing.compile_plan(chosen, plain_capacity(chosen))
    priced = [f for f in plan.factors.values() if f.value.unit != "per year" and f.value.low >= 0]
    assert len(priced) > 20
    for one in priced:
        assert uncertainty.value_at(one, np.array([-8.0]))[0] >= 0, one.name


@pytest.mark.parametrize(
    ("shape", "band", "quantiles"),
    [
        ("split_normal", (2.0, 3.0, 7.0), [2.0, 3.0, 7.0]),
        ("split_lognormal", (0.2, 1.0, 4.0), [0.2, 1.0, 4.0]),
        ("uniform", (0, 0.3, 0.7), [0.07, 0.35, 0.63]),
    ],
)
def test_a_band_lies_at_p10_p50_p90_and_a_uniform_spreads_evenly(shape, band, quantiles):
    z = np.random.default_rng(1).standard_normal(200_000)
    drawn = uncertainty.value_at(factor(shape, *band), z)
    assert np.percentile(drawn, (10, 50, 90)) == pytest.approx(quantiles, rel=0.008, abs=0.002)


def test_a_triangular_has_the_textbook_mean_and_ends():
    # mean of a triangular distribution: (low + mode + high) / 3 = (250 + 320 + 450) / 3 = 340
    z = np.random.default_rng(1).standard_normal(200_000)
    drawn = uncertainty.value_at(factor("triangular", 250, 320, 450), z)
    assert drawn.mean() == pytest.approx(340, rel=0.003)
    assert drawn.min() >= 250 and drawn.max() <= 450


def test_draws_are_correlated_as_the_table_says():
    names = ["server_price", "rental_drift", "residual_scale", "api_decline", "demand"]
    z = uncertainty.scores(names, 100_000, seed=3)
    r = np.corrcoef([z[n] for n in names])
    assert r[0, 1] == pytest.approx(0.6, abs=0.01)
    assert r[2, 1] == pytest.approx(0.6, abs=0.01)
    assert r[3, 1] == pytest.approx(-0.4, abs=0.01)
    assert abs(r[4]).max() == pytest.approx(1.0)
    assert abs(np.delete(r[4], 4)).max() < 0.02


def test_the_same_seed_gives_the_same_result_and_another_seed_another(comparison):
    one, same, other = (assessed(comparison, 500, seed).totals for seed in (7, 7, 8))
    assert one["owned"].spread == same["owned"].spread
    assert one["owned"].spread != other["owned"].spread


def test_a_draw_at_the_centre_is_the_central_case(comparison):
    plan = comparison.plan
    z = {n: np.zeros(1) for n in uncertainty.drivers(plan)}
    found = ledger.totals(plan, uncertainty.draws_at(plan, z))
    for name, o in comparison.options.items():
        assert found[name].present[0] == pytest.approx(o.present, abs=0.01)


def test_one_draw_in_ten_is_below_and_one_above_a_spread(found):
    for t in found.totals.values():
        assert (t.present < t.spread.low).mean() == pytest.approx(0.1, abs=0.01)
        assert (t.present > t.spread.high).mean() == pytest.approx(0.1, abs=0.01)


def test_draws_fill_every_slice_of_probability_once():
    drawn = np.sort(draws.uniform(3, 500, "a cause"))
    assert (np.floor(drawn * 500) == np.arange(500)).all()
    assert (draws.uniform(3, 500, "a cause") != draws.uniform(3, 500, "another")).any()


def test_a_new_input_leaves_the_draws_of_the_others_as_they_are():
    few = uncertainty.scores(["demand", "pue_overhead"], 100, seed=5)
    more = uncertainty.scores(["staff_cost", "demand", "pue_overhead"], 100, seed=5)
    assert (few["demand"] == more["demand"]).all()
    assert (few["pue_overhead"] == more["pue_overhead"]).all()


def test_correlations_that_no_inputs_can_have_are_refused(facts):
    # what follows the rental price closely cannot move closely against each other
    table = facts / "cost_correlations.csv"
    text = table.read_text().replace(",0.6,", ",0.95,").replace(",-0.4,", ",-0.95,")
    table.write_text(text)
    with pytest.raises(catalogue.FactError, match="no inputs can be correlated like this"):
        uncertainty.correlations()
