"""The decision: small cases whose answer can be seen, and rules that must always hold."""

import numpy as np
import pytest
from siting.catalogue import table
from siting.quantity import Range
from siting.verdict import plan, ranking
from siting.verdict.decision import Case, decide
from siting.verdict.plan import Facts, PlanStep
from siting.verdict.ranking import Candidate, Sampled
from siting.verdict.turns import CostCurve

CRITERIA = ranking.criteria()
WEIGHTS = ranking.weights_of({}, CRITERIA)
DRAWS = 4000
FACTS = Facts(
    models={"own": "Gemma"},
    references={"own": "GPT"},
    vendors={"api": "OpenAI"},
    reviews={"own": ("transfer impact assessment",)},
)


def candidate(name, cost, kind="api", spread=0.05, **more):
    swing = np.exp(np.random.default_rng(sum(map(ord, name))).normal(0, spread, DRAWS))
    measures = {
        "cost_ratio": Sampled(cost * swing, cost),
        "latency_margin": Range.exact(0.3),
        "loss_share": Range.exact(0.1),
        "findings": Range.exact(3),
        "openness": Range.exact(0.5),
        "months_to_production": Range.exact(3),
        "exit_share": Range.exact(0.2),
    }
    measures |= more.pop("measures", {})
    return Candidate(
        name, name.title(), kind, measures, cost=Sampled(1e6 * cost * swing, 1e6 * cost), **more
    )


def taken(*candidates, **more):
    return decide(Case(candidates, "api", CRITERIA, WEIGHTS, FACTS, seed=1, **more))


def test_a_much_cheaper_option_with_proven_quality_is_recommended_with_confidence():
    found = taken(candidate("api", 1.0), candidate("own", 0.4, "on_premises"))
    assert (found.recommended, found.preferred, found.word.word) == ("own", None, "clear")


def test_staying_with_the_api_can_be_the_answer():
    found = taken(candidate("api", 1.0), candidate("own", 2.5, "on_premises"))
    assert found.recommended == "api"
    assert found.stays


def test_a_switch_that_is_not_proven_is_preferred_but_not_recommended():
    own = candidate("own", 0.4, "on_premises", unproven=("one board only",))
    found = taken(candidate("api", 1.0), own)
    assert (found.recommended, found.preferred) == ("api", "own")
    assert any("Test Gemma against GPT" in step.text for step in found.plan)


def test_the_baseline_needs_no_proof():
    api = candidate("api", 1.0, unproven=("nobody tested it",))
    assert taken(api, candidate("own", 2.5, "on_premises")).recommended == "api"


def test_options_that_cannot_be_told_apart_leave_the_client_where_it_is():
    # Three alike, each wins about a third of the draws: below one half, so the word is `open`.
    wide = {"spread": 0.5}
    found = taken(*(candidate(n, 1.0, **wide) for n in ("other", "third", "api")))
    assert found.word.word == "open"
    assert found.recommended == "api"


def test_leaving_is_advised_when_two_rivals_share_the_wins_but_both_beat_staying():
    rivals = [candidate(n, 0.3, "on_premises", spread=0.3) for n in ("own", "rented")]
    found = taken(*rivals, candidate("third", 0.3, spread=0.3), candidate("api", 1.0))
    assert found.word.word == "open"
    assert found.recommended != "api"
    assert found.leaving > 0.9


def test_while_a_switch_waits_for_proof_the_client_stays_even_if_another_scores_higher():
    own = candidate("own", 0.4, "on_premises", unproven=("one board only",))
    found = taken(candidate("api", 1.0), candidate("other", 0.97), own)
    assert (found.recommended, found.preferred) == ("api", "own")


def test_a_baseline_that_is_struck_gives_way_to_the_best_proven_option():
    own = candidate("own", 0.4, "on_premises", unproven=("one board only",))
    api = candidate("api", 1.0, struck=("fails rule R1",))
    found = taken(api, candidate("other", 0.97), candidate("third", 1.5), own)
    assert (found.recommended, found.preferred) == ("other", "own")


def test_a_struck_option_stays_visible_with_its_reason_and_its_price():
    own = candidate("own", 0.1, "on_premises", struck=("fails rule R1",))
    found = taken(candidate("api", 1.0), own)
    assert found.recommended == "api"
    assert found.struck == (own,)
    assert found.candidate("own").cost is not None


def test_with_every_option_struck_nothing_is_recommended():
    found = taken(candidate("api", 1.0, struck=("over budget",)))
    assert found.recommended is None
    assert found.ranking is None
    assert found.share == 0


def test_the_price_at_which_the_answer_changes_is_reported_for_the_winner():
    found = taken(candidate("api", 1.0), candidate("own", 0.8, "on_premises"))
    flip = next(f for f in found.flips if f.kind == "price" and f.subject == "own")
    assert flip.to == "api"
    # 0.8 × 1.25 = 1.0: all else is alike.
    assert flip.threshold == pytest.approx(1.25, rel=0.02)


def test_the_volume_at_which_the_answer_changes_is_reported():
    at = np.geomspace(0.1, 10, 101)
    curve = CostCurve("volume", at, {"api": at, "own": np.full(101, 2.0)}, 1.0, "x", (0.5, 3))
    found = taken(candidate("api", 1.0), candidate("own", 2.0, "on_premises"), curves=(curve,))
    flip = next(f for f in found.flips if f.kind == "volume")
    assert flip.threshold == pytest.approx(2.0, rel=0.05)
    assert (flip.to, flip.plausible) == ("own", True)


def test_contributions_add_up_to_the_score_of_every_option():
    found = taken(candidate("api", 1.0), candidate("own", 0.7, "on_premises"))
    for name, parts in found.ranking.contributions.items():
        assert sum(parts.values()) == pytest.approx(found.ranking.score[name].central)


def test_knowing_the_deciding_input_is_worth_no_more_than_knowing_everything():
    rng = np.random.default_rng(3)
    price = rng.uniform(0.5, 1.5, DRAWS)
    one = Sampled(np.ones(DRAWS), 1.0)
    api = Candidate("api", "API", "api", {"cost_ratio": one}, cost=Sampled(1e6 * price, 1e6))
    own = Candidate(
        "own",
        "Own",
        "on_premises",
        {"cost_ratio": Sampled(1 / price, 1.0)},
        cost=Sampled(np.full(DRAWS, 1e6), 1e6),
    )
    noise = rng.uniform(size=DRAWS)
    drivers = {"api_price": price, "noise": noise}
    found = taken(api, own, uncertain=drivers, labels={"api_price": "API price: a table"})
    best = found.knowledge[0]
    assert best.label == "API price"
    assert 0.9 * found.perfect_information < best.worth <= found.perfect_information


def test_open_findings_and_critical_functions_appear_in_the_plan():
    steps = taken(candidate("api", 1.0), candidate("own", 0.4, "on_premises")).plan
    assert any("transfer impact assessment" in step.text for step in steps)
    assert not any("exit plan" in step.text for step in steps)
    assert [s.day for s in steps] == sorted(s.day for s in steps)


def test_every_plan_step_of_the_table_can_be_filled_in_and_has_a_known_condition():
    known = plan.conditions("a", "b", "a", [], Facts({}, {}, {}, {"b": ("x",)}, True), True)
    known |= {"stay", "switch", "measure"}
    for step in table("plan_steps", PlanStep):
        assert step.when in known, step.step
        assert "{" not in step.step.format(
            option="", model="", reference="", vendor="", reviews="", experiment=""
        )
        assert step.day in (30, 90, 365)


def test_every_option_kind_has_a_step_for_each_horizon():
    for kind in ("api", "managed_cloud", "rented_gpus", "on_premises", "hybrid"):
        days = {s.day for s in taken(candidate("api", 1.0), candidate("x", 0.3, kind)).plan}
        assert days == {30, 90, 365}
