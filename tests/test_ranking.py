"""Ranking under uncertainty: small cases worked out by hand, and invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.quantity import Range
from siting.verdict import ranking, turns
from siting.verdict.ranking import Candidate, Criterion, Sampled
from siting.verdict.turns import CostCurve

PROVENANCE = {"source": "test", "locator": "test", "date": "2026-11", "why": "test"}


def criterion(name, measure, worst, best, scale="linear", weights=(1, 1, 1)):
    return Criterion(
        criterion=name,
        label=name,
        measure=measure,
        about="",
        unit="",
        scale=scale,
        worst=worst,
        best=best,
        weight=Range(*weights),
        **PROVENANCE,
    )


COST = criterion("cost", "cost_ratio", 4, 0.25, "log")
OPEN = criterion("openness", "openness", 0, 1)
EVEN = {"cost": Range(1, 1, 1), "openness": Range(1, 1, 1)}


def candidate(name, cost, openness, **more):
    exact = {"cost_ratio": Range.exact(cost), "openness": Range.exact(openness)}
    return Candidate(name=name, label=name, kind="api", measures=exact, **more)


def test_a_log_scale_puts_the_baseline_half_way_between_four_times_and_a_quarter():
    assert COST.value(np.array([4.0, 1.0, 0.25, 9.0])) == pytest.approx([0, 0.5, 1, 0])


def test_money_counts_beyond_its_goalposts_and_every_unit_alike():
    money = criterion("cost", "cost_ratio", 2, 0, "money")
    # Twice the cheapest scores 0, each further once takes another half.
    worth = money.value(np.array([0.0, 1.0, 2.0, 3.0, 4.4]))
    assert worth == pytest.approx([1, 0.5, 0, -0.5, -1.2])


def test_contributions_are_weight_times_value_and_add_up_to_the_score():
    # cost 1.0 is worth 0.5, openness 0.2; weights 3:1, so 100·(0.75·0.5 + 0.25·0.2) = 42.5.
    weights = {"cost": Range(3, 3, 3), "openness": Range(1, 1, 1)}
    result = ranking.rank([candidate("a", 1.0, 0.2)], [COST, OPEN], weights, 100, seed=1)
    assert result.contributions[0] == pytest.approx([37.5, 5.0])
    assert result.score("a").central == pytest.approx(42.5)


def test_an_option_better_on_every_criterion_always_wins():
    pair = [candidate("worse", 1.2, 0.3), candidate("better", 1.0, 0.4)]
    result = ranking.rank(pair, [COST, OPEN], EVEN, 500, seed=1)
    assert result.first("better") == 1.0
    assert result.best == "better"
    assert result.regret("better")[0] == 0.0


def test_two_options_with_the_same_uncertain_measures_win_half_the_draws_each():
    uncertain = {"cost_ratio": Range(0.5, 1.0, 2.0), "openness": Range.exact(0.5)}
    pair = [Candidate(name=n, label=n, kind="api", measures=uncertain) for n in ("a", "b")]
    # Standard error of a share of one half over 20,000 draws: 0.0035; five of them: 0.018.
    assert ranking.rank(pair, [COST, OPEN], EVEN, 20_000, seed=3).first("a") == pytest.approx(
        0.5, abs=0.018
    )


def test_options_that_are_alike_do_not_take_the_lead_from_each_other():
    # Two twins at 0.8 of the cost share the wins; the third wins more often than each of them,
    # because its cost swings, but loses more when it loses.
    rng = np.random.default_rng(2)
    swing = np.where(rng.uniform(size=20_000) < 0.45, 0.75, 1.9)
    twin = rng.normal(0, 0.01, (2, 20_000))
    options = [
        Candidate(
            name="gamble", label="", kind="api", measures={"cost_ratio": Sampled(swing, 1.0)}
        ),
        *(
            Candidate(
                name=f"twin {i}",
                label="",
                kind="api",
                measures={"cost_ratio": Sampled(0.8 + twin[i], 0.8)},
            )
            for i in (0, 1)
        ),
    ]
    result = ranking.rank(options, [COST], {"cost": Range(1, 1, 1)}, 20_000, seed=1)
    assert result.first("gamble") > max(result.first("twin 0"), result.first("twin 1"))
    assert result.best.startswith("twin")


def test_an_unknown_measure_counts_as_anything_between_worst_and_best():
    # a's openness is unknown: uniform on 0–1. b's is 0.25, costs equal: a wins in 75 % of draws.
    a = Candidate(name="a", label="a", kind="api", measures={"cost_ratio": Range.exact(1)})
    result = ranking.rank([a, candidate("b", 1, 0.25)], [COST, OPEN], EVEN, 20_000, seed=5)
    assert result.first("a") == pytest.approx(0.75, abs=0.016)


def test_costs_that_move_together_do_not_hide_which_is_cheaper():
    # Both swing by a factor of three, but a is cheaper by a tenth in every draw.
    swing = np.exp(np.random.default_rng(0).normal(0, 0.5, 4000))
    pair = [
        Candidate(name=n, label=n, kind="api", measures={"cost_ratio": Sampled(r, 1.0)})
        for n, r in (("a", 0.9 * swing), ("b", swing))
    ]
    assert ranking.rank(pair, [COST], {"cost": Range(1, 1, 1)}, 4000, seed=1).first("a") > 0.95


def test_every_rank_and_every_option_is_shared_out_completely():
    options = [candidate(n, c, o) for n, c, o in (("a", 1, 0.2), ("b", 0.8, 0.1), ("c", 1.3, 0.9))]
    weights = {"cost": Range(0, 1, 3), "openness": Range(0, 1, 3)}
    table = ranking.rank(options, [COST, OPEN], weights, 2000, seed=2).acceptability
    assert table.sum(axis=0) == pytest.approx(np.ones(3))
    assert table.sum(axis=1) == pytest.approx(np.ones(3))


options = st.lists(st.tuples(st.floats(0.1, 8), st.floats(0, 1)), min_size=2, max_size=5)


@settings(max_examples=25, deadline=None)
@given(options, st.floats(0.1, 8), st.floats(0, 1))
def test_adding_an_option_leaves_the_scores_of_the_others_alone(pairs, cost, openness):
    before = [candidate(str(i), *p) for i, p in enumerate(pairs)]
    after = [*before, candidate("new", cost, openness)]
    first = ranking.rank(before, [COST, OPEN], EVEN, 50, seed=1).contributions
    second = ranking.rank(after, [COST, OPEN], EVEN, 50, seed=1).contributions
    assert (second[: len(before)] == first).all()


@settings(max_examples=25, deadline=None)
@given(options, st.floats(0.1, 10))
def test_multiplying_all_weights_changes_nothing(pairs, factor):
    them = [candidate(str(i), *p) for i, p in enumerate(pairs)]
    scaled = {
        n: Range(w.low * factor, w.central * factor, w.high * factor) for n, w in EVEN.items()
    }
    a = ranking.rank(them, [COST, OPEN], EVEN, 200, seed=1)
    b = ranking.rank(them, [COST, OPEN], scaled, 200, seed=1)
    assert a.contributions == pytest.approx(b.contributions)


def test_the_weight_at_which_the_leader_changes_is_where_the_two_scores_meet():
    # Values (cost, openness): a (0.75, 0), b (0.5, 0.5); a leads at weights 1:1? 0.375 < 0.5: b.
    # w·0.75 = w·0.5 + (1−w)·0.5  ⇔  w = 2/3.
    two = [candidate("a", 0.5, 0.0), candidate("b", 1.0, 0.5)]
    lead = turns.Lead(two, [COST, OPEN], EVEN)
    cost = next(f for f in lead.weight_flips() if f.subject == "cost")
    assert (cost.to, cost.expected.central) == ("a", 0.5)
    assert cost.threshold == pytest.approx(2 / 3)
    assert not cost.plausible  # the weight is stated as exact, so two thirds is outside


def test_the_price_at_which_the_leader_loses_is_found():
    # Same openness; a costs 1.0, b 1.5 of the baseline "base" (2.0): a loses when 1.5 times dearer.
    three = [candidate("a", 1.0, 0.5), candidate("b", 1.5, 0.5), candidate("base", 2.0, 0.5)]
    flips = {f.subject: f for f in turns.Lead(three, [COST, OPEN], EVEN).price_flips()}
    assert flips["a"].threshold == pytest.approx(1.5, rel=0.01)
    assert flips["a"].to == "b"
    assert flips["b"].threshold == pytest.approx(1 / 1.5, rel=0.01)
    assert flips["base"].threshold == pytest.approx(0.5, rel=0.01)


def test_the_volume_at_which_owning_becomes_cheaper_is_found():
    # API: 1 per unit; own: 100 whatever the volume. They cost the same at 100.
    at = np.geomspace(10, 1000, 201)
    curve = CostCurve(at, {"api": at, "own": np.full_like(at, 100)}, Range(25, 50, 200))
    pair = [candidate("api", 1.0, 0.5), candidate("own", 2.0, 0.5)]
    (flip,) = turns.Lead(pair, [COST, OPEN], EVEN).load_flips(curve)
    assert flip.threshold == pytest.approx(100, rel=0.02)
    assert (flip.to, flip.plausible) == ("own", True)


def test_perfect_information_saves_the_difference_between_choosing_before_and_after():
    # Own costs 10; the API 5 or 17, equally likely. Before: own, 10. After: (5 + 10)/2 = 7.5.
    costs = np.array([np.full(1000, 10.0), np.tile([5.0, 17.0], 500)])
    assert turns.value_of_perfect_information(costs) == pytest.approx(2.5)


def test_knowing_the_input_that_decides_is_worth_all_and_knowing_another_nothing():
    rng = np.random.default_rng(4)
    price = rng.uniform(5, 17, 20_000)
    costs = np.array([np.full(20_000, 10.0), price])
    # E[max(0, 10 − price)] = 25/24 · ½ … price uniform on 5–17: ∫₅¹⁰ (10−x)/12 dx = 25/24 = 1.042.
    assert turns.value_of_perfect_information(costs) == pytest.approx(25 / 24, rel=0.03)
    assert turns.value_of_knowing(costs, price) == pytest.approx(25 / 24, rel=0.06)
    assert turns.value_of_knowing(costs, rng.uniform(size=20_000)) < 0.03


def test_confidence_words_follow_the_share_of_draws_won():
    words = [ranking.confidence(x).word for x in (1.0, 0.9, 0.89, 0.7, 0.5, 0.49)]
    assert words == ["clear", "clear", "likely", "likely", "leaning", "open"]


def test_a_weight_that_names_no_criterion_is_refused_with_the_names():
    with pytest.raises(ValueError, match="'price' is not a criterion; write one of cost"):
        ranking.weights_of({"price": Range(1, 1, 1)}, ranking.criteria())


def test_nothing_to_rank_is_said_in_words():
    with pytest.raises(ValueError, match="every option is struck"):
        ranking.rank([], [COST], {"cost": Range(1, 1, 1)}, 10, seed=1)


def test_the_lead_swings_as_the_scores_do_by_hand():
    # Weights even: a 0.5·0.5 + 0.5·0.5 = 50 points, b (cost 2, worth 0.25; openness 0.6) = 42.5.
    # Openness of a at 0.1 is worth 20 points less: the lead is 7.5 − 20 = −12.5.
    a = Candidate(
        name="a",
        label="a",
        kind="api",
        measures={"cost_ratio": Range.exact(1.0), "openness": Range(0.1, 0.5, 0.9)},
    )
    lead = turns.Lead([a, candidate("b", 2.0, 0.6)], [COST, OPEN], EVEN, "a")
    assert lead.of(lead.values, lead.central)[0] == pytest.approx(7.5)
    # At half the cost b is worth 0.5: 55 points, five more than a.
    price = turns.Driver("price", "b's price", Range(0.5, 1, 1), {"b": 1.0}, {"b": 2.0})
    first, second = lead.swings([price])
    assert (first.label, first.leads[0], first.leaders[0]) == (
        "openness",
        pytest.approx(-12.5),
        "b",
    )
    assert (second.leads[0], second.leads[2]) == pytest.approx((-5, 7.5))
