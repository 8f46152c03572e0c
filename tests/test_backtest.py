"""The backtest: its statistics by hand, its leakage rules, and the figures it publishes."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.vendors import vendor_score
from siting.vendors.vendor_record import VendorFact, load

from siting_validation import stability as backtest
from siting_validation.stability import OUTCOMES, Case, auc, brier_skill, event_cases, notice_cases

DAY = dt.date(2025, 1, 1)
MODEL = next(e for e in load().events if e.vendor == "OpenAI" and not e.replaced_by)


# Statistics


def test_auc_by_hand():
    y = np.array([0.0, 0, 1, 1])
    assert auc(np.array([1.0, 2, 3, 4]), y) == 1
    assert auc(np.array([1.0, 1, 1, 1]), y) == 0.5
    # pairs (0.5 over 0.1 and 0.4), (0.3 over 0.1, not over 0.4): 3 of 4
    assert auc(np.array([0.1, 0.4, 0.5, 0.3]), y) == 0.75


def test_brier_skill_is_one_for_a_perfect_forecast_and_zero_for_the_base_rate():
    y, base = np.array([0.0, 1, 1, 0]), np.full(4, 0.5)
    assert brier_skill(y, base, y) == 1
    assert brier_skill(base, base, y) == 0


def test_wilson_interval_as_published():
    # 8 of 10: (0.490, 0.943), Newcombe 1998, Statistics in Medicine 17
    assert backtest.wilson(8, 10) == pytest.approx((0.490, 0.943), abs=0.001)


def test_a_logit_finds_the_log_odds_of_two_groups():
    # groups at x = ±1 with frequencies 3/4 and 1/4: slope ln 3, intercept 0
    x = np.repeat([1.0, -1.0], 400)
    y = np.concatenate([np.repeat([1.0, 0], [300, 100]), np.repeat([1.0, 0], [100, 300])])
    a, b = backtest.fit_logit(x, y)
    assert a == pytest.approx(0, abs=1e-6)
    assert b == pytest.approx(np.log(3), rel=0.01)


def test_a_predictor_that_knows_the_answer_gets_all_the_skill():
    rng = np.random.default_rng(1)
    cases = [
        Case(f"v{i % 10}", DAY, (float(hit), float(rng.random())), bool(hit))
        for i, hit in enumerate(rng.random(200) < 0.4)
    ]
    knows, noise = backtest.evaluate(cases, ("knows", "noise"))
    assert knows.auc.value == 1 and knows.brier_skill.low > 0.8
    assert noise.auc.low < 0.5 < noise.auc.high and not noise.calibrated


def test_the_bootstrap_draws_whole_vendors():
    # a sample that draws vendor b twice and a never is b's own AUC
    x, y = np.array([1.0, 2, 4, 3, 5]), np.array([0.0, 1, 0, 1, 1])
    own = np.array([[1.0, 0], [1, 0], [0, 1], [0, 1], [0, 1]])
    drawn = backtest._auc_draws(x, y, own, np.array([[1.0, 1], [0, 2], [2, 0]]))
    assert drawn == pytest.approx([auc(x, y), auc(x[2:], y[2:]), auc(x[:2], y[:2])])


# Leakage


def row(cases: list[Case], vendor: str) -> tuple[float, ...]:
    return next(c.values for c in cases if c.vendor == vendor and c.day == DAY)


BEFORE = event_cases(load(), OUTCOMES[0], [DAY])


@settings(max_examples=20, deadline=None)
@given(
    st.dates(DAY + dt.timedelta(days=1), dt.date(2026, 11, 24)),
    st.integers(1, 5),
    st.sampled_from(sorted(vendor_score.method().categories)),
    st.sampled_from(["", "final"]),
    st.sampled_from(["", "MUSK_v_OPENAI", "GARANTE_CHATGPT"]),
)
def test_what_becomes_known_after_the_day_moves_no_past_score(
    known: dt.date, severity: int, category: str, settles: str, cluster: str
):
    for direction in ("adverse", "favourable"):
        new = MODEL.model_copy(
            update={
                "event_id": "later",
                "known_date": known,
                "event_date": "2024-06-01",  # it happened before, and nobody knew
                "severity": severity,
                "category": category,
                "cluster": cluster,
                "settles": settles if direction == "favourable" else "",
                "direction": direction,
            }
        )
        later = replace(load(), events=(*load().events, new))
        after = event_cases(later, OUTCOMES[0], [DAY])
        assert [c.values for c in after] == [c.values for c in BEFORE]


def test_notices_and_facts_of_later_sources_move_no_past_score():
    notice = next(n for n in load().notices if n.vendor == "OpenAI" and n.days)
    later = replace(
        load(),
        notices=(*load().notices, replace(notice, known_date=DAY + dt.timedelta(days=1), days=1)),
        facts=(
            *load().facts,
            VendorFact(
                vendor="OpenAI", attribute="profitable", value="yes",
                source="s", url="https://x.test", locator="l", date="2025-02",
            ),
            VendorFact(
                vendor="OpenAI", attribute="profitable", value="yes",
                source="s", url="https://x.test", locator="l", date="undated",
            ),
        ),
    )  # fmt: skip
    assert row(event_cases(later, OUTCOMES[0], [DAY]), "OpenAI") == row(BEFORE, "OpenAI")
    wanted = notice_cases(load(), [DAY])
    assert [c.values for c in notice_cases(later, [DAY])] == [c.values for c in wanted]


def test_an_event_known_on_the_day_does_move_the_score():
    # the counterpart: the tests above could not pass on a score that ignores events
    new = MODEL.model_copy(
        update={
            "event_id": "now",
            "known_date": DAY,
            "severity": 5,
            "cluster": "",
            "category": "leadership",
        }
    )
    changed = event_cases(replace(load(), events=(*load().events, new)), OUTCOMES[0], [DAY])
    assert row(changed, "OpenAI")[0] > row(BEFORE, "OpenAI")[0]


@pytest.mark.parametrize(("offset", "counts"), [(0, False), (1, True), (365, True), (366, False)])
def test_an_outcome_lies_after_the_day_and_within_twelve_months(offset: int, counts: bool):
    vendor = load().vendor("OpenAI")
    assert vendor is not None
    new = MODEL.model_copy(
        update={
            "event_id": "x", "severity": 5, "direction": "adverse", "category": "outage",
            "known_date": DAY + dt.timedelta(days=offset),
        }
    )  # fmt: skip
    alone = replace(load(), events=(new,))
    assert backtest.event_happened(alone, vendor, DAY, OUTCOMES[0]) is counts


def test_a_vendor_enters_when_its_first_row_was_public():
    for c in event_cases(load(), OUTCOMES[0]):
        vendor = load().vendor(c.vendor)
        assert vendor is not None and load().as_of(c.day).events_of(vendor)


def test_a_prediction_never_uses_its_own_vendor():
    x, y = np.arange(12.0), np.array([0.0, 1] * 6)
    vendors = ["a"] * 4 + ["b"] * 4 + ["c"] * 4
    first, _ = backtest.leave_vendor_out(x, y, vendors)
    y[:4] = 1 - y[:4]
    second, _ = backtest.leave_vendor_out(x, y, vendors)
    np.testing.assert_array_equal(first[:4], second[:4])
    assert (first[4:] != second[4:]).any()


def test_the_forward_test_uses_only_windows_that_had_closed():
    days = [dt.date(2023, 1, 1)] * 10 + [dt.date(2024, 1, 1)] * 10
    x = np.tile(np.arange(10.0), 2)
    y = (x > 4).astype(float)
    known = backtest.forward_skill(x, y, days)
    assert known is not None and known > 0.5
    overlapping = [dt.date(2023, 1, 1)] * 10 + [dt.date(2023, 7, 1)] * 10
    assert backtest.forward_skill(x, y, overlapping) is None


def test_both_raters_codings_are_tested():
    first = backtest.coded(load(), "first")
    changed = [e for e, f in zip(load().events, first.events, strict=True) if e != f]
    assert len(changed) > 10
    assert {p.coding for p in backtest.results()} >= {"decided", "first rater", "second rater"}


# What is published


def test_a_short_notice_is_foretold_by_the_notices_so_far_and_not_by_counting():
    # The method's own run on 89 platform-quarters: AUC 0.74 (0.60–0.88), skill +0.17; row count
    # 0.47. Here 83, as platforms enter when the record first shows them serving.
    panel = backtest.results()[-1]
    median, count = panel.test("median notice so far"), panel.test("row count")
    assert panel.n == 83 and panel.vendors == 12
    assert median.auc.value == pytest.approx(0.74, abs=0.03)
    assert median.brier_skill.value == pytest.approx(0.17, abs=0.03)
    assert count.auc.value < 0.5 and count.brier_skill.value < 0
    assert panel.test("score").ranks


def test_no_skill_is_claimed_where_none_is_shown():
    for panel in backtest.results():
        own = panel.tests[0]
        assert panel.verdict.startswith("no skill shown") == (own.auc.low <= 0.5)


def test_the_base_rate_has_no_skill():
    for panel in backtest.results():
        base = panel.test("base rate")
        assert base.auc.value == 0.5 and base.brier_skill.value == 0


def test_calibration_bins_hold_all_cases():
    for panel in backtest.results():
        for t in panel.tests:
            assert sum(b.n for b in t.calibration) == panel.n
            assert all(b.low <= b.observed <= b.high for b in t.calibration)


def test_the_json_has_what_the_contract_names():
    found = backtest.as_json(backtest.results())
    assert found["outcome"] == OUTCOMES[0].text and found["n"] > 100
    named = {"score": found["score"], **found["baselines"]}
    assert set(named) == {"score", "base rate", "row count", "last-year count", "size"}
    for entry in named.values():
        for figure in ("auc", "brier_skill"):
            assert entry[figure]["low"] <= entry[figure]["value"] <= entry[figure]["high"]
        assert len(entry["calibration"]) == 3
    assert "an event counts from the day it was public" in found["leakage_rules"]


def test_the_pooled_notice_is_the_lower_quartile_of_the_record():
    days = [n.days for n in vendor_score.habit(load().notices)]
    setting = vendor_score.method().settings["notice_pool_days"]
    assert np.percentile(days, 25) == pytest.approx(setting.central, abs=3)
    assert setting.low <= np.percentile(days, 25) <= setting.high


def test_unknown_notice_reaches_no_further_than_any_platform_gives():
    quartiles = [
        np.percentile([n.days for n in known], 25)
        for v in load().vendors
        for known in [vendor_score.habit(load().notices_of(v))]
        if len(known) >= 3
    ]
    assert max(quartiles) == pytest.approx(
        vendor_score.method().settings["notice_unknown"].high, abs=3
    )
