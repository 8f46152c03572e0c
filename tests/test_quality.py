"""Model quality: parity inside a board's own uncertainty, derived by hand or from the board."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from siting import quality
from siting.inputs.scenario.model import Option, OwnEvaluation, Quality, Workload
from siting.quality import Board, Score
from studies import opened

PROVENANCE = {"source": "test", "locator": "test", "date": "2026-11"}
TOKENS = {"mean": 1000, "p95": 2000}


def test_a_model_at_another_effort_than_its_reference_is_named_with_it():
    asked = Workload(
        description="test",
        requests_per_day=100,
        input_tokens=TOKENS,
        output_tokens=TOKENS,
        quality=Quality(reference_model="openai/gpt-5.4", reference_effort="medium", boards=[]),
    )

    def named(model: str, effort: str) -> tuple[str, str]:
        option = Option(label="test", kind="api", models={"all": model}, effort=effort)
        found = quality.parity("test", asked, "test", option)
        assert found is not None
        return found.spoken, found.reference_spoken

    assert named("gpt-5.4", "low") == ("GPT-5.4 at low effort", "GPT-5.4 at medium effort")
    assert named("gpt-5.4", "medium") == ("GPT-5.4", "GPT-5.4")
    assert named("gpt-5.4-mini", "low") == ("GPT-5.4 mini", "GPT-5.4")


def board(name="gpqa", **change):
    given = {
        "board": name, "label": name, "task": "test", "direction": "higher", "unit": "percent",
        "tolerance_rule": "binomial", "items": 198, "points_per_unit": 1,
        "comparable_when": "always", **PROVENANCE,
    }  # fmt: skip
    return Board(**{**given, **change})


def score(value, effort="none", model="m", **more):
    return Score(model=model, board="gpqa", score=value, effort=effort, **more, **PROVENANCE)


def workload(boards, reference="openai/gpt-4.1", own=None, **more):
    return Workload(
        description="test",
        requests_per_day=100,
        input_tokens=TOKENS,
        output_tokens=TOKENS,
        models=["google/gemma-4-31B-it"],
        quality=Quality(reference_model=reference, boards=boards, own=own),
        **more,
    )


def self_hosted(model, effort=""):
    return Option(label="own", kind="on_premises", models={"all": model}, effort=effort)


@pytest.mark.parametrize(
    ("items", "percent", "points"),
    [(198, 80, 7.88), (225, 50, 9.24)],  # 1.96·√(2·0.8·0.2/198), 1.96·√(2·0.5·0.5/225)
)
def test_two_scores_differ_only_beyond_what_chance_gives(items, percent, points):
    found = quality.tolerance(board(items=items), score(percent), score(percent))
    assert found == pytest.approx(points, abs=0.01)


def test_printed_margins_add_in_quadrature():
    printed = board(tolerance_rule="printed", items=None)
    assert quality.tolerance(printed, score(70, margin=3.0), score(70, margin=4.0)) == 5.0


def test_unlike_settings_widen_the_tolerance_of_a_board_that_asks_for_like():
    strict = board(
        tolerance_rule="fixed", fixed_tolerance=3.0, must_match="setting", mismatch_tolerance=4.0
    )
    assert quality.tolerance(strict, score(70, setting="a"), score(70, setting="b")) == 5.0
    assert quality.tolerance(strict, score(70, setting="a"), score(70, setting="a")) == 3.0


def compared(a, b, on=None, margin=5.0, day=None):
    return quality.compare(on or board(), a, b, margin, day)


def test_a_model_is_as_good_only_where_its_interval_stays_above_the_margin():
    verdicts = [compared(score(x), score(60)).verdict for x in (66, 75, 45, 55)]
    # 1.96·√(2·0.63·0.37/198) = 9.5 points at a mean of 63 %: 6 − 9.5 is above −5, −5 − 9.8 is not.
    assert verdicts == ["as good", "better", "worse", "unknown"]


def test_a_noisy_board_approves_no_switch():
    # The same difference of nil: on 5,000 questions the interval is ± 1.8 points, on 20 ± 28.
    few, many = (compared(score(70), score(70), board(items=n)).verdict for n in (20, 5000))
    assert (few, many) == ("unknown", "as good")


@given(st.floats(-40, 40), st.floats(0, 30), st.floats(0, 20), st.floats(0, 20))
def test_a_wider_margin_never_turns_a_verdict_against_the_model(difference, half, margin, more):
    order = ["worse", "unknown", "as good", "better"]
    first, second = (quality.judged(difference, half, m) for m in (margin, margin + more))
    assert order.index(second) >= order.index(first)


def test_the_margin_is_held_against_the_board_in_its_own_unit():
    # 5 points are 0.25 of a rank score at 20 points a unit: 0.1 ± 0.2 below is not yet excluded.
    rank = board(
        direction="lower", tolerance_rule="fixed", fixed_tolerance=0.15, points_per_unit=20
    )
    assert compared(score(1.60), score(1.55), rank).verdict == "as good"
    assert compared(score(1.70), score(1.55), rank).verdict == "unknown"


def test_a_score_counts_half_after_a_year_and_two_old_boards_do_not_settle_it():
    old = score(70).model_copy(update={"date": "2024-11-24"})
    new = score(70).model_copy(update={"date": "2026-11-24"})
    day = dt.date(2026, 11, 24)
    assert quality.counts(old, day) == pytest.approx(0.25, rel=0.01)
    wide = {"items": 5000}
    aged = [compared(old, old, board(n, **wide), day=day) for n in ("a", "b")]
    fresh = [compared(new, new, board(n, **wide), day=day) for n in ("a", "b")]
    assert quality.agreed(tuple(fresh)) == ("as good", "2 boards agree")
    verdict, why = quality.agreed(tuple(aged))
    assert verdict == "unknown"
    assert "old" in why


def test_on_a_rank_board_lower_is_better():
    rank = board(direction="lower", tolerance_rule="fixed", fixed_tolerance=0.15)
    assert compared(score(1.3), score(1.9), rank).verdict == "better"


def test_a_model_without_a_row_is_unknown_and_never_worse():
    assert compared(None, score(99)).verdict == "unknown"


def test_a_saturated_board_says_nothing():
    assert compared(score(99), score(96), board(ceiling=95)).verdict == "unknown"


def test_a_model_that_declines_more_does_not_look_more_faithful():
    # 96 % faithful but answers 70 %: counted strictly 67.2 against 93.1.
    faithful = board(items=7700)
    shy = score(96.0, answer_rate_percent=70.0)
    plain = score(94.0, answer_rate_percent=99.0)
    assert compared(shy, plain, faithful).verdict == "unknown"


def test_a_score_is_that_of_the_effort_asked_for_or_else_of_whether_the_load_reasons():
    rows = (score(50, "none"), score(60, "high"), score(55, "medium"))
    assert quality.pick(rows, "high", thinking=False).score == 60
    rows = (score(50, "none"), score(60, "thinking"))
    assert quality.pick(rows, "", thinking=False).score == 50
    assert quality.pick(rows, "", thinking=True).score == 60
    assert quality.pick((score(60, "high"),), "none", thinking=False) is None


def test_more_effort_never_costs_fewer_tokens():
    ladder = [quality.effort_named(e) for e in ("none", "minimal", "low", "medium", "high", "max")]
    central = [e.tokens.central for e in ladder]
    assert central == sorted(central)


def test_one_board_alone_or_two_that_share_questions_do_not_support_a_switch():
    one = compared(score(70), score(70), board("a", items=5000))
    assert quality.agreed((one,))[0] == "unknown"
    whole = compared(score(70), score(70), board("whole", overlaps="part", items=5000))
    part = compared(score(70), score(70), board("part", items=5000))
    for both in ((whole, part), (part, whole)):
        assert quality.agreed(both)[0] == "unknown"


def test_of_boards_that_share_questions_the_one_of_more_weight_is_heard():
    old = compared(score(70), score(70), board("part", items=5000))
    whole = board("whole", overlaps="part", items=5000)
    pair = quality.replace(old, counts=0.4), compared(score(70), score(70), whole)
    silent, heard = quality.each_question_once(pair)
    assert (silent.counts, heard.counts) == (0, 1)
    assert "shares its questions" in silent.reason


def test_two_independent_boards_support_a_switch_and_the_weaker_verdict_counts():
    same = compared(score(70), score(70), board("a", items=5000))
    better = compared(score(90), score(60), board("b"))
    assert quality.agreed((same, better))[0] == "as good"
    worse = compared(score(40), score(70), board("a"))
    assert quality.agreed((worse, better)) == ("unknown", "the boards disagree")


def test_the_clients_own_evaluation_beats_the_boards():
    # 84 % on 200 items against a floor of 75 %: margin 1.96·√(0.84·0.16/200) = 5.1 points.
    own = OwnEvaluation(scores={"meta-llama/Llama-3.3-70B-Instruct": 84}, floor=75, items=200)
    asked = workload(["gpqa_diamond"], own=own)
    found = quality.parity("w", asked, "o", self_hosted("meta-llama/Llama-3.3-70B-Instruct"))
    assert found.own.tolerance == pytest.approx(5.08, abs=0.01)
    assert (found.verdict, found.supported) == ("better", True)


def test_the_test_that_is_asked_for_is_large_enough_for_its_margin():
    # 15 % of items tell two models apart that are as good: (1.96 + 0.8416)² · 0.15 / 0.05² = 470.9.
    assert quality.items_for(5) == 500
    assert quality.items_for(2) == 2950  # 7.849 · 0.15 / 0.0004 = 2,943.3
    # An interval of the paired difference of that size excludes the margin: 1.96·√(0.15/500) = 3.4.
    assert 196 * (0.15 / quality.items_for(5)) ** 0.5 < 5


def test_a_model_of_the_clients_own_test_is_shown_though_no_option_runs_it():
    found = opened("klinikverbund-nordheide").own_tests().set_index("spoken")
    # 0.79 of 240 letters, where 0.82 are asked for.
    assert found.score["Mistral Small 3.2 24B"] == 0.79
    assert dict(found.verdict) == {
        "GPT-4.1": "as good", "Gemma 4 31B": "as good", "Mistral Small 3.2 24B": "unknown",
    }  # fmt: skip


def test_where_the_clients_own_evidence_tells_nothing_a_general_index_is_shown_beside_it():
    # Artificial Analysis of August 2026, effort none: 26.8 for GPT-5.6 Luna, 19.6 for GPT-4.1.
    s = opened("klinikverbund-nordheide")
    found = s.board_scores().query("is_general")
    assert {*found.option} == {s.chosen}
    assert found.difference.to_list() == [pytest.approx(26.8 - 19.6)]
    (luna,) = s.parities().query("model == 'gpt-5.6-luna'").verdict
    assert luna == "unknown"


def test_the_day_on_which_what_comes_after_a_failed_test_serves_is_told():
    # Own servers, planned for six months from 24 November 2026, which is after GPT-4.1's last day.
    s = opened("klinikverbund-nordheide")
    (answer,) = s.answer().itertuples()
    (today,) = s.timeline().query("what == 'model'").end
    assert answer.fallback_live == "2027-05-26"
    assert answer.fallback_live > today == "2027-04-14"
    told = s.summary()["recommendation"]
    assert (told["if_failed"], told["if_failed_live"]) == ("owned", "2027-05-26")


def test_where_every_place_runs_the_tested_model_none_is_left_if_it_fails():
    s = opened("agence-lumiere")
    failed = s.variants().query("change.str.contains('does not pass your test')")
    assert list(failed.answer) == ["none"]
    assert s.answer().if_failed.item() == "none"
    allowed = s.sums().query("state != 'ruled out'").option
    doubted = s.parities().query("~supported and spoken == 'Mistral Small 3.2 24B'").option
    assert set(allowed) <= set(doubted)


def test_without_a_floor_the_own_test_is_held_against_what_the_reference_scored():
    # 80 against 82 of 200 items: ± 1.96·√((0.80·0.20 + 0.82·0.18)/200) = 7.69, so down to −9.69.
    own = OwnEvaluation(scores={"gpt-4.1": 82, "m": 80}, items=200)
    found = quality.own_result(own, "m", 10, "openai/gpt-4.1")
    assert (found.floor, found.verdict) == (82, "as good")
    assert found.tolerance == pytest.approx(7.69, abs=0.01)
    assert quality.own_result(own, "m", 9, "openai/gpt-4.1").verdict == "unknown"
    assert quality.own_result(own, "gpt-4.1", 0, "openai/gpt-4.1").verdict == "same model"
    assert quality.own_result(own, "m", 10, "openai/gpt-5.4-mini") is None


def test_an_own_score_below_the_floor_by_more_than_its_error_is_worse():
    own = OwnEvaluation(scores={"m": 0.60}, floor=0.75, items=200)
    assert quality.own_result(own, "m").verdict == "worse"
    assert quality.own_result(own, "another") is None


def test_an_own_score_must_reach_the_floor_and_may_be_unsure_by_the_margin():
    # 0.86 on 240 items: ± 0.044, so 0.816 against a floor of 0.82.
    own = OwnEvaluation(scores={"m": 0.86, "low": 0.81}, floor=0.82, items=240)
    assert quality.own_result(own, "m", 5).verdict == "as good"
    assert quality.own_result(own, "m", 0).verdict == "unknown"
    assert quality.own_result(own, "low", 20).verdict == "unknown"


@pytest.mark.parametrize(
    ("open_model", "reference", "name", "verdict"),
    [
        # Pairs that the published boards show, as of the dates in model_quality.csv.
        (
            "meta-llama/Llama-3.3-70B-Instruct",
            "openai/gpt-4.1",
            "vectara_factual_consistency",
            "better",
        ),
        ("openai/gpt-oss-120b", "openai/o4-mini", "aider_polyglot", "worse"),
        ("zai-org/GLM-5.2", "anthropic/claude-sonnet-4-6", "livebench_20260625", "as good"),
        ("google/gemma-4-31B-it", "anthropic/claude-sonnet-4-6", "euroeval_it_rank", "as good"),
    ],
)
def test_known_pairs_come_out_as_their_boards_say(open_model, reference, name, verdict):
    a = quality.pick(quality.scores(open_model, name), "", thinking=True)
    b = quality.pick(quality.scores(reference, name), "", thinking=True)
    assert compared(a, b, quality.boards()[name]).verdict == verdict


def test_another_checkpoint_of_the_same_architecture_has_no_score():
    # An alias of the catalogue shares memory and speed with a model, not its quality.
    assert quality.scores("google/gemma-4-31B", "livebench_20260108") == ()
    assert quality.scores("google/gemma-4-31B-it", "livebench_20260108")


def test_cloud_names_find_the_same_model():
    key = quality.name_key("anthropic/claude-sonnet-4-6")
    assert quality.name_key("eu.anthropic.claude-sonnet-4-6") == key
    assert quality.name_key("anthropic.claude-sonnet-4-6-v1:0") == key
    assert quality.name_key("gpt-4.1") == quality.name_key("openai/gpt-4.1")


def test_every_score_names_a_board_of_the_table_and_an_effort_that_is_known():
    known = quality.boards()
    for row in quality.table("model_quality", Score):
        assert row.board in known, row
        assert row.effort == "default" or quality.effort_named(row.effort), row
