"""Ranking under uncertainty: small cases worked out by hand, and invariants."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.quantity import Range
from siting.verdict import knowledge, ranking
from siting.verdict.ranking import Candidate, Coins, Criterion, RankingRules, Sampled

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


def ranked(options, criteria, weights, n, seed, method="additive"):
    asked = RankingRules(
        criteria=tuple(criteria), weights=weights, method=method, draws=n, seed=seed
    )
    return ranking.rank(options, asked)


def test_a_log_scale_puts_the_baseline_half_way_between_four_times_and_a_quarter():
    assert COST.worth(np.array([4.0, 1.0, 0.25, 9.0])) == pytest.approx([0, 0.5, 1, 0])


def test_money_counts_beyond_its_goalposts_and_every_unit_alike():
    money = criterion("cost", "cost_ratio", 2, 0, "money")
    # Twice the cheapest scores 0, each further once takes another half.
    worth = money.worth(np.array([0.0, 1.0, 2.0, 3.0, 4.4]))
    assert worth == pytest.approx([1, 0.5, 0, -0.5, -1.2])


def test_contributions_are_weight_times_value_and_add_up_to_the_score():
    # cost 1.0 is worth 0.5, openness 0.2; weights 3:1, so 100·(0.75·0.5 + 0.25·0.2) = 42.5.
    weights = {"cost": Range(3, 3, 3), "openness": Range(1, 1, 1)}
    result = ranked([candidate("a", 1.0, 0.2)], [COST, OPEN], weights, 100, seed=1)
    assert result.contributions[0] == pytest.approx([37.5, 5.0])
    assert result.score("a").central == pytest.approx(42.5)


def test_an_option_better_on_every_criterion_always_wins():
    pair = [candidate("worse", 1.2, 0.3), candidate("better", 1.0, 0.4)]
    result = ranked(pair, [COST, OPEN], EVEN, 500, seed=1)
    assert result.first("better") == 1.0
    assert result.best == "better"
    assert result.regret("better") == 0.0


def test_an_equal_or_nearly_equal_option_leaves_share_and_loss_as_they_were():
    # Reviews are coins by their cause: a twin has the same, a near twin one more. Another vendor's
    # measures are drawn apart, so that the rival does win now and then.
    reviews = tuple(f"rule {i}" for i in range(6))
    findings = criterion("findings", "findings", 12, 0)
    uncertain = {"cost_ratio": Range(0.7, 1.0, 1.5), "findings": Coins(0, reviews)}

    def one(name, cause, **more):
        measures = uncertain | more
        return Candidate(name=name, label=name, kind="api", cause=cause, measures=measures)

    leader = one("leader", "api:A")
    rival = one("rival", "api:B", cost_ratio=Range(0.9, 1.2, 1.6))
    near = one("near", "api:A", findings=Coins(0, (*reviews, "one more")))
    weights = {"cost": Range(1, 1, 1), "findings": Range(1, 1, 1)}
    shares = []
    for options in ([leader, rival], [leader, rival, one("twin", "api:A")], [leader, rival, near]):
        found = ranked(options, [COST, findings], weights, 4000, seed=3)
        assert found.best == "leader"
        shares.append((found.holds(["leader"], 2.0), found.regret("leader")))
    assert 0.5 < shares[0][0] < 0.99
    assert shares[1] == shares[0]
    assert shares[2] == pytest.approx(shares[0], abs=1e-12)


def test_options_of_other_vendors_with_the_same_uncertain_measures_win_half_the_draws_each():
    uncertain = {"cost_ratio": Range(0.5, 1.0, 2.0), "openness": Range.exact(0.5)}
    pair = [
        Candidate(name=n, label=n, kind="api", cause=f"api:{n}", measures=uncertain)
        for n in ("a", "b")
    ]
    # Standard error of a share of one half over 20,000 draws: 0.0035; five of them: 0.018.
    assert ranked(pair, [COST, OPEN], EVEN, 20_000, seed=3).first("a") == pytest.approx(
        0.5, abs=0.018
    )


def test_a_coin_that_two_options_share_falls_alike_for_both():
    first = Coins(1, ("a", "b"))
    second = Coins(2, ("b", "c"))
    assert (first.low, first.central, first.high) == (1, 2.0, 3)
    both = ranking.streams.uniform(7, 1000, "open", "b") < 0.5
    others = ranking.streams.uniform(7, 1000, "open", "a") < 0.5
    assert (first.drawn(7, 1000) == 1 + both + others).all()
    assert (second.drawn(7, 1000) - 2 - both >= 0).all()


def test_an_option_holds_where_no_other_is_better_by_more_than_matters():
    scores = np.array([[50.0, 51.5, 20.0], [50.0, 53.0, 20.0], [50.0, 10.0, 60.0]])
    costs = np.array([[100.0, 96.0, 99.0], [100.0, 90.0, 99.0], [100.0, 99.0, 101.0]])
    made = ranking.Ranking(
        names=("a", "b", "c"), scores=scores, contributions=np.zeros((3, 1)), costs=costs
    )
    assert made.holds(["a"], 2.0) == pytest.approx(1 / 3)
    assert made.holds(["a", "b"], 2.0) == pytest.approx(2 / 3)
    assert made.holds(["a", "b", "c"], 2.0) == 1.0
    assert made.near_cheapest("a", 0.05) == pytest.approx(2 / 3)
    assert made.lead("a") == pytest.approx(50 - np.mean([51.5, 53.0, 10.0]))


def test_other_methods_agree_on_what_is_better_on_every_criterion():
    three = [
        candidate("worse", 1.4, 0.3),
        candidate("better", 1.0, 0.6),
        candidate("mid", 1.2, 0.5),
    ]
    for method in ranking.METHODS:
        found = ranked(three, [COST, OPEN], EVEN, 200, seed=1, method=method)
        assert found.best == "better", method
        assert found.first("better") == 1.0, method


def test_topsis_and_promethee_score_two_options_as_by_hand():
    # Worths: a (0.5, 1), b (1, 0); weights even. TOPSIS: a is 0.25 from the best and 0.5 from the
    # worst of the two: 66.7 points. PROMETHEE: each wins one of two even criteria: 50.
    pair = [candidate("a", 1.0, 1.0), candidate("b", 0.25, 0.0)]
    near = ranked(pair, [COST, OPEN], EVEN, 10, seed=1, method="topsis").scores
    assert near[0] == pytest.approx([100 * 0.5 / 0.75, 100 * 0.25 / 0.75])
    wins = ranked(pair, [COST, OPEN], EVEN, 10, seed=1, method="promethee").scores
    assert wins[0] == pytest.approx([50, 50])


def test_what_comes_next_is_what_the_lead_is_held_against():
    """Planned, the third is ahead of the second; in the mean of all cases it is behind."""
    rng = np.random.default_rng(1)
    swings = Sampled(np.where(rng.uniform(size=2000) < 0.5, 0.5, 1.5), 0.5)
    options = [
        Candidate(name="best", label="", kind="api", measures={"cost_ratio": Range.exact(0.4)}),
        Candidate(name="even", label="", kind="api", measures={"cost_ratio": Range.exact(0.7)}),
        Candidate(name="swings", label="", kind="api", measures={"cost_ratio": swings}),
    ]
    result = ranked(options, [COST], {"cost": Range(1, 1, 1)}, 2000, seed=1)
    assert result.score("swings").central > result.score("even").central
    assert result.best == "best"
    assert result.next("best") == "even"
    assert result.lead("best") == pytest.approx(result.mean("best") - result.mean("even"))
    assert result.next("even") == "best"


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
    result = ranked(options, [COST], {"cost": Range(1, 1, 1)}, 20_000, seed=1)
    assert result.first("gamble") > max(result.first("twin 0"), result.first("twin 1"))
    assert result.best.startswith("twin")


def test_an_unknown_measure_counts_as_anything_between_worst_and_best():
    # a's openness is unknown: uniform on 0–1. b's is 0.25, costs equal: a wins in 75 % of draws.
    a = Candidate(name="a", label="a", kind="api", measures={"cost_ratio": Range.exact(1)})
    result = ranked([a, candidate("b", 1, 0.25)], [COST, OPEN], EVEN, 20_000, seed=5)
    assert result.first("a") == pytest.approx(0.75, abs=0.016)


def test_costs_that_move_together_do_not_hide_which_is_cheaper():
    # Both swing by a factor of three, but a is cheaper by a tenth in every draw.
    swing = np.exp(np.random.default_rng(0).normal(0, 0.5, 4000))
    pair = [
        Candidate(name=n, label=n, kind="api", measures={"cost_ratio": Sampled(r, 1.0)})
        for n, r in (("a", 0.9 * swing), ("b", swing))
    ]
    assert ranked(pair, [COST], {"cost": Range(1, 1, 1)}, 4000, seed=1).first("a") > 0.95


def test_every_rank_and_every_option_is_shared_out_completely():
    options = [candidate(n, c, o) for n, c, o in (("a", 1, 0.2), ("b", 0.8, 0.1), ("c", 1.3, 0.9))]
    weights = {"cost": Range(0, 1, 3), "openness": Range(0, 1, 3)}
    table = ranked(options, [COST, OPEN], weights, 2000, seed=2).acceptability
    assert table.sum(axis=0) == pytest.approx(np.ones(3))
    assert table.sum(axis=1) == pytest.approx(np.ones(3))


options = st.lists(st.tuples(st.floats(0.1, 8), st.floats(0, 1)), min_size=2, max_size=5)


@settings(max_examples=25, deadline=None)
@given(options, st.floats(0.1, 8), st.floats(0, 1))
def test_adding_an_option_leaves_the_scores_of_the_others_alone(pairs, cost, openness):
    before = [candidate(str(i), *p) for i, p in enumerate(pairs)]
    after = [*before, candidate("new", cost, openness)]
    first = ranked(before, [COST, OPEN], EVEN, 50, seed=1)
    second = ranked(after, [COST, OPEN], EVEN, 50, seed=1)
    assert (second.contributions[: len(before)] == first.contributions).all()
    assert (second.scores[:, : len(before)] == first.scores).all()


@settings(max_examples=25, deadline=None)
@given(options, st.floats(0.1, 10))
def test_multiplying_all_weights_changes_nothing(pairs, factor):
    them = [candidate(str(i), *p) for i, p in enumerate(pairs)]
    scaled = {
        n: Range(w.low * factor, w.central * factor, w.high * factor) for n, w in EVEN.items()
    }
    a = ranked(them, [COST, OPEN], EVEN, 200, seed=1)
    b = ranked(them, [COST, OPEN], scaled, 200, seed=1)
    assert a.contributions == pytest.approx(b.contributions)


def test_perfect_information_saves_the_difference_between_choosing_before_and_after():
    # Own costs 10; the API 5 or 17, equally likely. Before: own, 10. After: (5 + 10)/2 = 7.5.
    costs = np.array([np.full(1000, 10.0), np.tile([5.0, 17.0], 500)])
    assert knowledge.value_of_perfect_information(costs) == pytest.approx(2.5)


def test_knowing_the_input_that_decides_is_worth_all_and_knowing_another_nothing():
    rng = np.random.default_rng(4)
    price = rng.uniform(5, 17, 20_000)
    costs = np.array([np.full(20_000, 10.0), price])
    # E[max(0, 10 − price)] = 25/24 · ½ … price uniform on 5–17: ∫₅¹⁰ (10−x)/12 dx = 25/24 = 1.042.
    assert knowledge.value_of_perfect_information(costs) == pytest.approx(25 / 24, rel=0.03)
    assert knowledge.value_of_knowing(costs, price) == pytest.approx(25 / 24, rel=0.06)
    assert knowledge.value_of_knowing(costs, rng.uniform(size=20_000)) < 0.03


def test_confidence_words_follow_the_share_of_draws_won():
    words = [ranking.confidence(x).word for x in (1.0, 0.9, 0.89, 0.75, 0.74, 0.6, 0.59)]
    assert words == ["clear", "clear", "likely", "likely", "leaning", "leaning", "open"]


def test_a_weight_that_names_no_criterion_is_refused_with_the_names():
    with pytest.raises(ValueError, match="'price' is no criterion; known: cost"):
        ranking.weights_of({"price": Range(1, 1, 1)}, ranking.all_criteria())


def test_the_order_of_the_weights_changes_nothing():
    # By place, cost would get the weight of openness: 100·(0.25·0.5 + 0.75·0.2) = 27.5, not 42.5.
    weights = {"openness": Range(1, 1, 1), "cost": Range(3, 3, 3)}
    result = ranked([candidate("a", 1.0, 0.2)], [COST, OPEN], weights, 100, seed=1)
    assert result.score("a").central == pytest.approx(42.5)
    assert result.scores[:, 0] == pytest.approx(np.full(100, 42.5))


def test_a_measure_with_other_draws_than_are_ranked_is_refused():
    few = {"cost_ratio": Sampled(np.ones(50), 1.0)}
    option = Candidate(name="a", label="a", kind="api", measures=few)
    with pytest.raises(ValueError, match="a: cost_ratio has 50 draws, and 100 are ranked"):
        ranked([option], [COST], {"cost": Range(1, 1, 1)}, 100, seed=1)


def test_options_are_level_on_a_criterion_up_to_the_difference_of_the_table():
    # 0.05 of worth: 0.50 and 0.54 are level, 0.50 and 0.56 are not.
    for openness, scores in ((0.54, [50, 50]), (0.56, [0, 100])):
        pair = [candidate("a", 1.0, 0.5), candidate("b", 1.0, openness)]
        weights = {"openness": Range(1, 1, 1)}
        found = ranked(pair, [OPEN], weights, 10, seed=1, method="promethee")
        assert found.scores[0] == pytest.approx(scores)


def test_nothing_to_rank_is_said_in_words():
    with pytest.raises(ValueError, match="every option is struck"):
        ranked([], [COST], {"cost": Range(1, 1, 1)}, 10, seed=1)
