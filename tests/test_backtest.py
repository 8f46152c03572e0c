"""Tests of the probabilities on vendors: statistics by hand, leakage rules, published figures."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from siting import catalogue, study
from siting.vendors.stability import cases, kinds
from siting.vendors.vendor_record import known_by, load
from siting_validation import stability
from siting_validation.stability import ChanceGap, ForecastCase, auc, brier_skill

PANELS = stability.results()
NOTICES = PANELS[:3]


def test_auc_by_hand():
    # Pairs (hit, miss): 3>1, 3>2, 2>1, 2=2: 3.5 of 4.
    assert auc(np.array([3.0, 2, 1, 2]), np.array([1.0, 1, 0, 0])) == 3.5 / 4
    assert np.isnan(auc(np.array([1.0, 2]), np.array([1.0, 1])))


def test_brier_skill_is_one_for_a_perfect_forecast_and_zero_for_the_base_rate():
    y = np.array([1.0, 0, 0, 0])
    base = np.full(4, 0.25)
    assert brier_skill(y, base, y) == 1
    assert brier_skill(base, base, y) == 0


def test_wilson_interval_as_published():
    # Newcombe 1998, Statistics in Medicine 17, table I: 81 of 263, 0.2553 to 0.3662
    assert stability.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)


def test_a_predictor_that_knows_the_answer_gets_all_the_skill():
    cases = [
        ForecastCase(v, {stability.OWN: float(y), stability.BASE_RATE: 0.5}, bool(y))
        for v in "abcd"
        for y in (0, 1, 0, 1)
    ]
    knows = stability.evaluate(cases)[0]
    assert knows.auc.value == knows.brier_skill.value == 1 and knows.gap == 0 and knows.shown


def test_the_bootstrap_draws_whole_vendors():
    x = np.array([1.0, 2, 3, 4])
    y = np.array([0.0, 1, 0, 1])
    own = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1]])
    drawn = stability._auc_draws(x, y, own, np.array([[1.0, 1], [0, 2], [2, 0]]))
    assert drawn == pytest.approx([auc(x, y), 1.0, 1.0])


def test_a_notice_is_foretold_from_earlier_notices_alone():
    record = load()
    cut = dt.date(2026, 1, 1)
    fewer = replace(
        record, notices=tuple(n for n in record.notices if n.announced and n.announced < cut)
    )
    every, without = (stability.notice_cases(r, 90) for r in (record, fewer))
    assert 20 < len(without) < len(every)
    for early, late in zip(without, every, strict=False):  # sums of other lengths: last digits
        assert (early.vendor, early.happened) == (late.vendor, late.happened)
        for name in (stability.OWN, stability.BASE_RATE):
            assert early.foretold[name] == pytest.approx(late.foretold[name], rel=1e-12)


def test_what_becomes_known_after_the_day_moves_no_forecast_of_a_shock(monkeypatch):
    record = load()
    cut = stability.DAYS[-3]
    monkeypatch.setattr(stability, "DAYS", (cut,))
    early = replace(record, events=tuple(e for e in record.events if e.known_date <= cut))
    for kind in kinds().values():
        before, after = (
            [(c.vendor, c.foretold) for c in stability.shock_cases(r, kind)]
            for r in (early, record)
        )
        assert before and before == after


def test_a_case_that_is_settled_later_is_not_settled_on_the_day():
    kind = kinds()["adverse_ruling"]
    record = load()
    on_trial = dt.date(2026, 5, 1)
    known = [e for e in record.events_of(record.vendor("OpenAI")) if e.cluster == "MUSK_v_OPENAI"]
    trial = any(e.severity >= 4 and e.known_date <= on_trial for e in known)
    assert bool(cases(record, kind, on_trial, 3.0, ("api",))) == trial
    assert cases(record, kind, dt.date(2026, 6, 1), 3.0, ("api",)) == ()


def test_short_notice_is_foretold_by_the_vendors_own_notices():
    ninety = NOTICES[0].own
    assert NOTICES[0].quantity == "next notice at most 90 days"
    assert ninety.auc.value >= 0.80
    assert ninety.leave_one_out.low >= 0.75
    for panel in (NOTICES[0], NOTICES[2]):
        assert panel.own.brier_skill.low > 0, panel.quantity
        assert panel.label == "by vendor: skill shown"


def test_a_vendors_own_record_moves_a_chance_only_where_skill_is_shown():
    # At 30 days the record leans on one host with twelve notices: without it no skill is seen.
    chances = study.open("base").notice_chances()
    own = chances.groupby("within").by_vendor.agg(["min", "max"])
    shown = {p.quantity for p in NOTICES if p.own.brier_skill.low > 0}
    for days, (least, most) in own.iterrows():
        assert least == most == (f"next notice at most {days:g} days" in shown)
    assert set(own.index) == {30, 90, 180}
    spread = chances.groupby("within").chance.nunique()
    assert (spread[own["max"]] > 1).all()
    # Where none is shown it is a typical vendor's, no likelier than its own of more days.
    wide = chances.pivot_table("chance", "vendor", "within")
    pool = chances[chances.within == 30].chance.max()
    assert wide[30].to_numpy() == pytest.approx(wide[90].clip(upper=pool).to_numpy())


def test_a_notice_of_fewer_days_is_never_likelier_than_one_of_more():
    for client in ("base", "polderwerk"):
        for end in ("chance_low", "chance", "chance_high"):
            wide = study.open(client).notice_chances().pivot_table(end, "vendor", "within")
            assert (wide.diff(axis=1).iloc[:, 1:] >= 0).all(axis=None)


def test_choosing_one_variant_by_what_was_known_does_as_well_as_mixing_all():
    for panel in NOTICES:
        picked, _ = panel.choices
        assert picked.predictor == stability.CHOSEN
        assert abs(picked.auc.value - panel.own.auc.value) < 0.02, panel.quantity
        assert abs(picked.brier_skill.value - panel.own.brier_skill.value) < 0.03, panel.quantity
        assert picked.gap <= picked.gap_if_exact.p90, panel.quantity


def test_one_model_scores_as_well_as_the_mixture_and_is_further_off_in_its_fifths():
    # What docs/validation.md says of both; where it ends to be so, the mixture has no reason left.
    for panel in NOTICES:
        for alone in panel.choices:
            for more in (alone.brier_more, alone.log_more):
                assert more.low < 0 < more.high, (panel.quantity, alone.predictor)
    for alone in stability.ALONE:
        assert max(p.test(alone).gap for p in NOTICES) > stability.GAP_HELD + 0.005
    assert max(p.own.gap for p in NOTICES) <= max(
        p.test(a).gap for p in NOTICES for a in stability.ALONE
    )


def test_how_much_worse_a_forecast_scores_by_hand():
    # Of a vendor's two notices one came, foretold 1/2 and 1/2 by the mixture, 3/4 and 3/4 by the
    # other: Brier (1/16 + 9/16)/2 against 1/4, so +1/16; log (ln 4/3 + ln 4)/2 − ln 2 = ln(4/3)/2.
    told = {stability.OWN: 0.5, stability.BASE_RATE: 0.5, stability.CHOSEN: 0.75}
    made = [ForecastCase("a", told, came) for came in (True, False)]
    test = next(t for t in stability.evaluate(made) if t.predictor == stability.CHOSEN)
    assert test.brier_more.value == pytest.approx(1 / 16)
    assert test.log_more.value == pytest.approx(np.log(4 / 3) / 2)
    # One vendor drawn again and again is the same vendor: its range has no width.
    assert test.brier_more.low == pytest.approx(test.brier_more.high)
    assert stability.log_score(np.array([0.25]), np.array([1.0])) == pytest.approx(np.log(4))


def test_the_one_variant_of_a_day_rests_on_earlier_notices_alone():
    record = load()
    cut = dt.date(2026, 1, 1)
    fewer = replace(
        record, notices=tuple(n for n in record.notices if n.announced and n.announced < cut)
    )
    every, without = (stability.notice_cases(r, 90) for r in (record, fewer))
    for early, late in zip(without, every, strict=False):
        for name in stability.ALONE:
            assert early.foretold[name] == pytest.approx(late.foretold[name], rel=1e-12)


def test_the_largest_gap_of_exact_forecasts_by_hand():
    # Five classes of one case each, foretold 1/2: came or not, the gap is 1/2 in every draw.
    assert stability.gap_if_exact(np.full(5, 0.5)) == ChanceGap(0.5, 0.5)
    assert stability.gap_if_exact(np.zeros(9)) == ChanceGap(0, 0)


def test_no_fifth_of_the_notices_is_further_off_than_chance_allows():
    for panel in NOTICES:
        assert panel.own.gap <= panel.own.gap_if_exact.p90, panel.quantity


@pytest.mark.xfail(
    strict=True, reason="with the notices of November, 0.13 at 90 days and 0.14 at 180 are missed"
)
def test_no_fifth_of_the_notices_is_further_off_than_asked():
    for panel in NOTICES:
        assert round(panel.own.gap, 2) <= stability.GAP_HELD == 0.12, panel.quantity


def test_foretold_and_observed_agree_within_sampling_error_in_every_fifth():
    for panel in NOTICES:
        for b in panel.own.calibration:
            assert b.low <= b.predicted <= b.high, (panel.quantity, b)


def test_no_skill_is_claimed_where_none_is_shown():
    for panel in PANELS[3:-1]:
        assert panel.label == "the same for all vendors: not enough evidence"


YEAR = PANELS[-1]


def test_the_forecast_of_quiet_years_says_whether_it_beats_the_share_of_those_before():
    assert YEAR.quantity == stability.QUIET
    assert YEAR.n > 50 and YEAR.vendors >= 9
    skill = YEAR.own.brier_skill
    assert skill.low < 0.1 < skill.value < skill.high
    assert (YEAR.label == "by vendor: skill shown") == (skill.low > 0)
    assert len(YEAR.own.calibration) == 5
    assert {t.predictor for t in YEAR.tests} == {stability.OWN, *stability.BASELINES}


def test_a_quiet_year_is_foretold_from_what_was_public_on_the_day(monkeypatch):
    """Without the events and promises of later days no forecast moves."""
    record = load()
    cut = stability.DAYS[-5]
    monkeypatch.setattr(stability, "DAYS", (cut,))
    early = replace(
        record,
        events=tuple(e for e in record.events if e.known_date <= cut),
        policies=tuple(p for p in record.policies if known_by(p.date) <= cut),
    )
    before, after = (
        [(c.vendor, c.foretold) for c in stability.year_cases(r)] for r in (early, record)
    )
    assert before and before == after


def test_what_forces_a_move_is_counted_for_the_client_and_not_for_others():
    """OpenAI closed its service to China in 2024: no move for a client in Germany."""
    record = load()
    day = dt.date(2024, 4, 1)
    openai = record.vendor("OpenAI")
    model = stability._newest(record, openai, day)
    assert not stability._forced(record, openai, model, day, ("api",))
    found = cases(record, kinds()["terms_changed"], day + stability.YEAR, 1.0, ("api",))
    assert "openai-2024-07-09-terms" in {e.event_id for e in found}


def test_the_ranking_within_a_vendor_by_hand():
    # a: the hit above its miss; b: the hit below; c has no hit. One pair of two is won.
    scores = np.array([0.9, 0.1, 0.2, 0.8, 0.5])
    came = np.array([1.0, 0, 1, 0, 0])
    assert stability.auc_within(scores, came, list("aabbc")) == 0.5
    assert stability.auc_within(scores[:2], came[:2], list("aa")) == 1.0


def test_what_never_came_shows_no_skill():
    told = {stability.OWN: 0.01, stability.BASE_RATE: 0.1}
    cases = [ForecastCase(v, told, False) for v in "abcd" for _ in range(9)]
    panel = stability._panel("q", "d", "w", "m", cases)
    assert panel.own.brier_skill.value > 0 and panel.label.startswith("the same for all")


def test_calibration_bins_hold_all_cases():
    for panel in PANELS:
        assert sum(b.n for b in panel.own.calibration) == panel.n


def test_the_json_has_what_the_contract_names():
    found = stability.as_json(PANELS)
    assert set(found["baselines"]) == {"base rate", "row count", "last-year count", "size"}
    for test in (found["score"], *found["baselines"].values()):
        assert set(test["auc"]) == set(test["brier_skill"]) == {"value", "low", "high"}
    assert found["n"] and found["outcome"] and found["score"]["calibration"]
    for probability in found["probabilities"]:
        assert {"outcome", "window", "n", "method", "predictors", "verdict"} <= set(probability)


def test_the_table_of_results_is_true():
    path = catalogue.facts_dir() / "vendor_backtests.csv"
    with path.open(encoding="utf-8", newline="") as file:
        kept = [r for r in csv.DictReader(file) if not r["label"].startswith("withdrawn")]
    made = [stability.row(p) for p in PANELS]
    assert kept == made, "run `python -m siting_validation.stability`"
