"""Vendor stability: the record, the score's invariants, and what a shock may cost."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import catalogue
from siting.inputs import scenario
from siting.quantity import Range
from siting.vendors import shocks, stability, vendor_record
from siting.vendors.vendor_record import Event, Record, Retirement, Vendor, known_by, load, notices
from siting.vendors.vendor_score import (
    central,
    draw,
    evidence,
    losses,
    method,
    points_of,
    weights_of,
)

from siting_validation import raters

DAY = dt.date(2026, 11, 24)
M = method()
DRAWS = draw(M, 300, seed=7)
PLACE = {"source": "test", "url": "https://example.org/a", "locator": "page", "date": "2026-01-01"}


def event(vendor: str = "Acme", **changes: object) -> Event:
    fields = {
        "event_id": "acme-1",
        "vendor": vendor,
        "event_date": "2026-11-24",
        "known_date": DAY,
        "category": "leadership",
        "direction": "adverse",
        "severity": 4,
        "evidence": "primary",
        "summary": "something happened",
        "added_on": DAY,
        **PLACE,
    }
    return Event.model_validate(fields | changes)


def vendor(name: str = "Acme", press: str = "high", role: str = "api") -> Vendor:
    return Vendor.model_validate({"vendor": name, "role": role, "press": press, **PLACE})


def record(*events: Event, vendors: tuple[Vendor, ...] = (vendor(),)) -> Record:
    return Record(vendors, events, (), (), (), ())


def governance(*events: Event, day: dt.date = DAY) -> float:
    """Score with all weight on governance, whose only part is events: closed form."""
    ev = evidence(record(*events), vendor(), day)
    return float(losses(ev, M, central(M, {"C1": 1}))[0][0])


# The score against numbers worked out by hand


def test_a_fresh_event_of_severity_four_weighs_eight():
    # 2^(4-1) = 8; the halving burden is 12, so 100 · 2^(-8/12) = 62.996
    assert governance(event()) == pytest.approx(100 * 2 ** (-8 / 12))


def test_an_event_weighs_half_after_its_half_life():
    # leadership fades with 540 days: burden 4, so 100 · 2^(-4/12) = 79.37
    old = event(known_date=DAY - dt.timedelta(days=540))
    assert governance(old) == pytest.approx(100 * 2 ** (-4 / 12))


def test_an_allegation_weighs_half_of_what_a_primary_source_does():
    assert governance(event(evidence="alleged")) == pytest.approx(100 * 2 ** (-4 / 12))


def test_a_case_counts_once_at_its_worst_event():
    case = [event(event_id=f"e{i}", severity=s, cluster="CASE") for i, s in enumerate((2, 4, 3))]
    assert governance(*case) == pytest.approx(governance(event()))
    apart = [event(event_id=f"e{i}", severity=3) for i in range(2)]
    assert governance(*apart) == pytest.approx(100 * 2 ** (-8 / 12))  # 4 + 4


def test_an_appealable_ruling_leaves_half_of_its_case_standing_and_a_final_one_nothing():
    before = DAY - dt.timedelta(days=1)
    bad = event(cluster="CASE", known_date=before)
    whole = governance(bad)
    ruling = event(event_id="r", cluster="CASE", direction="favourable", settles="appealable")
    left = math.log(100 / governance(bad, ruling)) / math.log(100 / whole)
    assert left == pytest.approx(0.5)
    final = event(event_id="r", cluster="CASE", direction="favourable", settles="final")
    assert governance(bad, final) == pytest.approx(100)


def test_a_ruling_does_not_touch_another_case():
    before = DAY - dt.timedelta(days=1)
    ruling = event(event_id="r", cluster="OTHER", direction="favourable", settles="final")
    bad = event(cluster="CASE", known_date=before)
    assert governance(bad, ruling) == pytest.approx(governance(bad))


def test_good_news_offsets_at_most_half_of_the_burden():
    good = [event(event_id=f"g{i}", direction="favourable", severity=5) for i in range(5)]
    assert governance(event(), *good) == pytest.approx(100 * 2 ** (-4 / 12))


def test_a_lost_service_caps_the_score_for_a_year_and_less_once_reversed():
    weights = central(M)
    lost = event(severity=5, category="outage", known_date=DAY - dt.timedelta(days=30))
    ev = evidence(record(lost), vendor(), DAY)
    assert losses(ev, M, weights)[0][0] <= 60
    back = event(
        event_id="b", category="outage", direction="favourable", settles="final", cluster="X"
    )
    reversed_ = evidence(record(lost.model_copy(update={"cluster": "X"}), back), vendor(), DAY)
    assert 60 < losses(reversed_, M, weights)[0][0] <= 75
    later = evidence(record(lost), vendor(), DAY + dt.timedelta(days=400))
    assert losses(later, M, weights)[0][0] > 60


def test_a_corrected_row_is_kept_and_not_counted():
    gone = event(replaced_by="acme-2")
    assert record(gone).events and governance(gone) == pytest.approx(100)


def test_points_of_a_fact_are_read_from_its_scale():
    assert points_of("98=5;99.95=100", "98.975") == pytest.approx(52.5)
    assert points_of("full=100;none=5", "None") == 5
    assert points_of("full=100;none=5", "unclear") is None


# Invariants


EVENTS = st.builds(
    event,
    vendor=st.sampled_from(["OpenAI", "Mistral", "Nebius", "Google"]),
    event_id=st.uuids().map(str),
    category=st.sampled_from(sorted(M.categories)),
    severity=st.integers(1, 5),
    evidence=st.sampled_from(["primary", "stated", "reported", "alleged"]),
    cluster=st.sampled_from(["", "MUSK_v_OPENAI", "SHAI_HULUD", "NEW"]),
    known_date=st.dates(dt.date(2023, 1, 1), DAY),
)


def values(r: Record, name: str) -> np.ndarray:
    found = r.vendor(name)
    assert found is not None
    return losses(evidence(r, found, DAY), M, DRAWS)[0]


@settings(max_examples=25, deadline=None)
@given(EVENTS)
def test_an_adverse_event_never_raises_a_score_in_any_draw(new: Event):
    base = load()
    worse = replace(base, events=(*base.events, new))
    for name in ("OpenAI", "Mistral", "Nebius", "Google Vertex AI"):
        assert (values(worse, name) <= values(base, name) + 1e-9).all()


@settings(max_examples=15, deadline=None)
@given(st.sampled_from([e.event_id for e in load().events if e.evidence == "alleged"]))
def test_removing_an_allegation_never_lowers_a_score(gone: str):
    base = load()
    cleared = replace(base, events=tuple(e for e in base.events if e.event_id != gone))
    name = next(e.vendor for e in base.events if e.event_id == gone)
    name = name if base.vendor(name) else "Google Vertex AI"
    assert (values(cleared, name) >= values(base, name) - 1e-9).all()


@settings(max_examples=5, deadline=None)
@given(st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(shuffle: random.Random):
    base = load()
    rows = {k: list(getattr(base, k)) for k in ("vendors", "events", "notices", "facts", "ratings")}
    for r in rows.values():
        shuffle.shuffle(r)
    mixed = replace(base, **{k: tuple(r) for k, r in rows.items()})
    for v in base.vendors:
        np.testing.assert_array_equal(values(mixed, v.vendor), values(base, v.vendor))


def test_shorter_notice_never_raises_the_lifecycle_score():
    def with_days(days: int) -> float:
        rows = [
            Retirement.model_validate(
                PLACE
                | {
                    "vendor": "Acme",
                    "platform": "p",
                    "model": f"m{i}",
                    "stage": "ga",
                    "announced": str(DAY - dt.timedelta(days=days + i)),
                    "retired": str(DAY),
                    "announced_basis": "stated",
                }
            )
            for i in range(4)
        ]
        r = replace(record(), notices=notices(rows))
        return float(losses(evidence(r, vendor(), DAY), M, central(M))[0][0])

    scores = [with_days(d) for d in (400, 200, 100, 40, 5)]
    assert scores == sorted(scores, reverse=True) and scores[0] > scores[-1]


# Contributions, ranks, intervals


ASSESSED = stability.assess(scenario.load("base"))


def test_contributions_lead_from_a_hundred_to_the_score():
    for v in ASSESSED.everyone.values():
        total = 100 + sum(c.points for c in v.contributions)
        assert total == pytest.approx(v.score.central, abs=1e-9)


def test_every_contribution_that_is_not_a_gap_has_a_source_that_is_an_address():
    for v in ASSESSED.everyone.values():
        for c in v.contributions:
            if c.origin != "unknown":
                assert c.sources and all(s.url.startswith("http") for s in c.sources), c
            if c.origin in ("event", "notice", "fact"):
                assert c.ids, c


def test_every_red_flag_has_a_source_that_is_an_address():
    flags = [f for v in ASSESSED.everyone.values() for f in v.red_flags]
    assert flags and all(f.source.url.startswith("http") for f in flags)


def test_too_little_evidence_gives_no_rank():
    for v in ASSESSED.everyone.values():
        assert v.ranked == (v.rows >= 8 and v.covered >= 4)
        assert v.ranked or v.why_not.startswith("insufficient evidence")


def test_what_is_not_known_is_an_interval_and_no_average():
    # Finance is half events (none: 100) and half profit: mixed is 60, so sqrt(100 · 60) = 77.46.
    # Unknown profit lies between the floor of 5 and 100: sqrt(100 · 5) = 22.4 to 100.
    only = draw(M, 2000, 1, {"C3": 1})
    fact = {"vendor": "Acme", "attribute": "profitable", "value": "mixed"}
    told = replace(record(), facts=(vendor_record.VendorFact.model_validate(PLACE | fact),))
    assert losses(evidence(told, vendor(), DAY), M, only)[0] == pytest.approx(77.46, abs=0.01)
    bare = losses(evidence(record(), vendor(), DAY), M, only)[0]
    assert 22.3 < bare.min() < 30 and 99 < bare.max() <= 100


def test_weights_are_the_clients_and_stay_on_the_simplex():
    found = draw(M, 500, 1, {"C1": 3, "C4": 1}).weights
    np.testing.assert_allclose(sum(found.values()), 1)
    assert found["C1"].mean() > 2 * found["C4"].mean() and (found["C2"] == 0).all()
    with pytest.raises(ValueError, match="C9 is no criterion; write C1"):
        weights_of(M, {"C9": 1})


def test_default_weights_stay_in_their_ranges():
    found = draw(M, 500, 1).weights
    for c in M.criteria:
        assert (found[c.criterion] >= c.weight_low - 1e-9).all()
        assert (found[c.criterion] <= c.weight_high + 1e-9).all()


def test_an_option_on_own_hardware_has_no_vendor_to_score():
    own = ASSESSED.options["owned"]
    assert own.score is None and own.loss.expected is None and "no vendor" in own.why_not


# The method's tables


def test_shares_and_weights_sum_to_one():
    assert sum(c.weight for c in M.criteria) == pytest.approx(1)
    for parts in M.indicators.values():
        assert sum(i.share for i in parts) == pytest.approx(1)


def test_every_category_of_events_has_a_rubric_and_a_half_life():
    rules = {r.category for r in catalogue.table("severity_rubric", vendor_record.Rule)}
    used = {e.category for e in load().events}
    assert used <= rules and used <= set(M.categories)


# The record


def test_at_least_fifteen_vendors_have_eight_rows_or_more():
    rows = [len(load().events_of(v)) + len(load().notices_of(v)) for v in load().vendors]
    assert sum(n >= 8 for n in rows) >= 15


def test_every_event_has_an_address_a_known_day_and_a_severity_of_one_to_five():
    ids = [e.event_id for e in load().events]
    assert len(ids) == len(set(ids))
    for e in load().events:
        assert e.url.startswith("http") and 1 <= e.severity <= 5
        assert e.known_date <= DAY


def test_the_second_address_of_an_event_is_one_of_a_page_too():
    assert event(second_url="https://example.org/b").second_url
    with pytest.raises(ValueError, match="is no address of a page"):
        event(second_url="javascript:f")


def test_most_events_of_severity_four_and_five_rest_on_a_primary_source():
    grave = [e for e in load().events if e.severity >= 4 and not e.replaced_by]
    assert sum(e.evidence == "primary" for e in grave) / len(grave) > 0.6


def test_rows_on_which_the_raters_differ_by_two_or_across_three_to_four_are_decided():
    for e in load().events:
        own = [r.severity for r in load().ratings if r.event_id == e.event_id]
        if len(own) == 2 and not e.replaced_by:
            a, b = own
            if abs(a - b) >= 2 or (a >= 4) != (b >= 4):
                assert e.decided_on and e.decided_why, e.event_id


def test_every_correction_names_a_row_or_table_that_exists():
    ids = {e.event_id for e in load().events} | {"model_retirements"}
    assert all(e.replaced_by in ids for e in load().events if e.replaced_by)


def test_the_musk_case_is_one_cluster_and_says_what_was_not_decided():
    case = [e for e in load().events if e.cluster == "MUSK_v_OPENAI" and e.vendor == "OpenAI"]
    verdict = next(e for e in case if e.settles)
    assert len(case) >= 15
    assert "time-barred" in verdict.summary and "merits not decided" in verdict.summary
    assert verdict.settles == "appealable"
    assert any("appeal" in e.summary for e in case if e.known_date >= verdict.known_date)


@pytest.mark.parametrize(
    ("days", "stage", "severity"),
    [
        (180, "ga", 1),
        (179, "ga", 2),
        (91, "ga", 2),
        (90, "ga", 3),
        (8, "ga", 3),
        (7, "ga", 4),
        (7, "preview", 3),
        (180, "preview", 1),
    ],
)
def test_a_retirement_is_graded_by_days_of_notice(days: int, stage: str, severity: int):
    row = Retirement.model_validate(
        PLACE
        | {
            "vendor": "Acme",
            "platform": "p",
            "model": "m",
            "stage": stage,
            "announced": "2026-01-01",
            "retired": str(dt.date(2026, 1, 1) + dt.timedelta(days=days)),
        }
    )
    assert notices([row])[0].severity == severity


def test_one_notice_covers_all_models_that_end_together():
    fields = PLACE | {"vendor": "A", "platform": "p", "stage": "ga", "announced": "2026-01-01"}
    rows = [
        Retirement.model_validate(fields | {"model": f"m{i}", "retired": "2026-06-01"})
        for i in range(5)
    ]
    assert len(notices(rows)) == 1 and notices(rows)[0].days == 151


def test_a_month_counts_from_its_last_day_and_never_from_after_collection():
    assert known_by("2024-02") == dt.date(2024, 2, 29)
    assert known_by("2023") == dt.date(2023, 12, 31)
    assert known_by("2026") == known_by("undated") == vendor_record.COLLECTED


# Two raters


def test_weighted_kappa_by_hand():
    # ratings (1,1) (2,2) (1,2) (2,1): observed mean square 0.5; by chance also 0.5, so kappa 0
    first, second = np.array([1, 2, 1, 2]), np.array([1, 2, 2, 1])
    assert raters.weighted_kappa(first, second) == pytest.approx(0)
    assert raters.weighted_kappa(first, first) == 1


def test_the_raters_agree_as_the_method_reports():
    # 0.61 over all, 0.78 without retirements, 0.08 for retirements, on 277 events.
    found = {a.group: a.kappa for a in raters.agreement(load())}
    assert found["all events"] == pytest.approx(0.608, abs=0.001)
    assert found["without retirements"] == pytest.approx(0.783, abs=0.001)
    assert found["lifecycle"] == pytest.approx(0.08, abs=0.005)


def test_the_recoding_sheet_is_blind_and_complete():
    rows = list(csv.DictReader(io.StringIO(raters.recoding_sheet(load()))))
    assert {r["event_id"] for r in rows} == {e.event_id for e in load().events}
    assert all(r["severity"] == "" and r["direction"] == "" for r in rows)
    assert [r["event_id"] for r in rows] != sorted(r["event_id"] for r in rows)


# Shocks


COST = Range(20_000, 60_000, 150_000, "EUR")


def loss(cost: Range | None = COST, **ready: bool) -> shocks.OptionLoss:
    openai = load().vendor("OpenAI")
    assert openai is not None
    items = shocks.checklist(scenario.Readiness(**ready))
    return shocks.expected_loss(load(), "api", (openai,), cost, items, DAY, seed=1)


def test_without_a_switching_cost_the_loss_is_not_estimated():
    assert loss(None).expected is None
    assert loss(None).why_not == "not estimated, because no switching cost is given"


def test_readiness_lowers_the_loss_and_nothing_in_hand_is_the_worst():
    plain, ready = loss(), loss(fallback_model_tested=True, evaluation_suite=True)
    assert plain.expected and ready.expected and ready.with_everything and plain.with_nothing
    assert plain.expected == plain.with_nothing
    assert ready.with_everything.central < ready.expected.central < plain.expected.central


def test_the_loss_is_proportional_to_the_switching_cost():
    single, double = loss().expected, loss(COST.scaled(2)).expected
    assert single and double and double.central == pytest.approx(2 * single.central)


def test_a_vendor_that_retires_at_short_notice_has_the_higher_chance_of_it():
    kind = shocks.kinds()["api_withdrawn"]
    chance = {
        name: shocks.chance_draws(load(), kind, found, DAY, 1)[1].chance.central
        for name in ("OpenAI", "Groq", "Nebius")
        for found in [load().vendor(name)]
        if found
    }
    assert chance["Nebius"] == 0 < chance["OpenAI"] < chance["Groq"]


def test_a_shock_says_which_options_it_hits_and_what_it_costs():
    base = scenario.load("base")
    asked = [
        scenario.Shock(vendor="OpenAI", kind="price_change", factor=3),
        scenario.Shock(vendor="Mistral", kind="api_withdrawn"),
    ]
    change = {"stability": base.stability.model_copy(update={"shocks": asked})}
    a = stability.assess(
        base.model_copy(update=change), COST, {"api": Range.exact(10_000, "EUR per year")}
    )
    price, gone = a.shocks
    assert set(price.options) == {"api", "hybrid"}
    assert price.yearly == Range.exact(20_000, "EUR per year")  # 10 000 · (3 − 1)
    assert price.one_off is not None and price.one_off.low > 0
    assert gone.options == () and "no option" in gone.not_estimated
