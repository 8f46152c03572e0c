"""Vendors: the record, red flags, and what a shock may cost."""

import datetime as dt
from typing import Any

import numpy as np
import pytest
import siting_facts
from siting import catalogue
from siting.cost.api_prices import source_of_end
from siting.inputs import scenario
from siting.quantity import Range
from siting.vendors import notice, stability, vendor_record
from siting.vendors.vendor_record import Event, Record, Retirement, Vendor, known_by, load, notices
from studies import opened

DAY = dt.date(2026, 11, 25)
PLACE = {"source": "test", "url": "https://example.org/a", "locator": "page", "date": "2026-01-01"}


def event(vendor: str = "Acme", **changes: object) -> Event:
    fields = {
        "event_id": "acme-1", "vendor": vendor, "event_date": "2026-11-24",
        "known_date": dt.date(2026, 11, 24), "category": "leadership", "direction": "adverse",
        "severity": 4, "evidence": "primary", "summary": "something happened", "added_on": DAY,
        **PLACE,
    }  # fmt: skip
    return Event.model_validate(fields | changes)


def vendor(name: str = "Acme", press: str = "high", role: str = "api") -> Vendor:
    return Vendor.model_validate({"vendor": name, "role": role, "press": press, **PLACE})


def record(*events: Event, vendors: tuple[Vendor, ...] = (vendor(),)) -> Record:
    return Record(vendors=vendors, events=events, notices=(), policies=(), facts=())


# Red flags


def flags(*events: Event, day: dt.date = DAY) -> list[str]:
    return [*vendor_record.on_record(record(*events), vendor(), day).red_flags]


def test_a_grave_event_of_the_last_year_is_a_red_flag_and_an_older_or_lesser_one_is_not():
    old = {"known_date": dt.date(2025, 11, 24), "event_date": "2025-11-24"}
    assert flags(event()) == ["2026-11-24: something happened"]
    assert flags(event(severity=3)) == []
    assert flags(event(direction="favourable")) == []
    assert flags(event(**old)) == []


def test_a_red_flag_says_that_it_is_alleged_or_since_ruled_on():
    assert flags(event(evidence="alleged")) == ["2026-11-24: alleged: something happened"]
    first = event(cluster="CASE", known_date=dt.date(2026, 10, 1), event_date="2026-10-01")
    ruling = {"event_id": "acme-2", "cluster": "CASE", "direction": "favourable"}
    ended = flags(first, event(**ruling, settles="final"))
    assert ended == ["2026-10-01: something happened (since lifted or settled)"]
    ruled = flags(first, event(**ruling, settles="appealable"))
    assert ruled == ["2026-10-01: something happened (since ruled on)"]


def test_an_undated_or_corrected_row_is_kept_and_not_counted():
    undated = event(date="undated")
    corrected = event(event_id="acme-2", replaced_by="acme-1")
    found = vendor_record.on_record(record(undated, corrected), vendor(), DAY)
    assert found.events == ()


def test_an_option_on_own_hardware_has_no_vendor():
    own = stability.assess(scenario.load("base")).options["owned"]
    assert own.vendors == () and own.expected is None and "no vendor" in own.why_not


# The record


def test_every_event_has_an_address_and_a_known_day_and_a_date_where_it_counts():
    ids = [e.event_id for e in load().events]
    assert len(ids) == len(set(ids))
    for e in load().events:
        assert e.url.startswith("http")
        assert e.known_date.isoformat() <= siting_facts.__version__
    counted = [e for v in load().vendors for e in load().events_of(v)]
    assert all(e.date not in ("", "undated") for e in counted)


def ratings() -> list[dict[str, str]]:
    """How each rater coded each event; no record reads them."""
    return [row for _, row in catalogue.rows(catalogue.facts_dir() / "vendor_event_ratings.csv")]


def test_rows_on_which_the_raters_differ_by_two_or_across_three_to_four_are_decided():
    coded: dict[str, list[int]] = {}
    for row in ratings():
        coded.setdefault(row["event_id"], []).append(int(row["severity"]))
    for e in load().events:
        if len(coded.get(e.event_id, ())) == 2 and not e.replaced_by:
            a, b = coded[e.event_id]
            if abs(a - b) >= 2 or (a >= 4) != (b >= 4):
                assert e.decided_on and e.decided_why, e.event_id


CODED = dt.date(2026, 11, 26)
"""Day until which every event was coded by both raters; the coding of a later one may follow."""


def test_every_event_has_two_codings_or_is_newer_than_the_raters_work():
    coded = {(r["event_id"], r["rater"]) for r in ratings()}
    events = {e.event_id: e for e in load().events}
    assert {event_id for event_id, _ in coded} <= events.keys()
    old = [i for i, e in events.items() if e.added_on <= CODED]
    assert len(old) >= 388
    assert {(i, rater) for i in old for rater in ("first", "second")} <= coded


@pytest.mark.parametrize(
    ("days", "stated", "basis", "short"),
    [
        (90, "", "stated", True),
        (91, "", "stated", False),
        (90, "", "latest possible", None),  # the notice may have been longer
        (91, "", "latest possible", False),
        (91, "yes", "stated", True),  # what the table says goes before what dates give
    ],
)
def test_a_notice_of_ninety_days_or_less_is_short(days, stated, basis, short):
    row = Retirement.model_validate(
        PLACE
        | {
            "vendor": "Acme",
            "platform": "p",
            "model": "m",
            "stage": "ga",
            "announced": "2026-01-01",
            "announced_basis": basis,
            "short_notice": stated,
            "retired": str(dt.date(2026, 1, 1) + dt.timedelta(days=days)),
        }
    )
    assert notices([row])[0].short is short


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


# Promises


def test_a_promise_that_the_latest_notices_fall_short_of_is_a_red_flag():
    """OpenAI promised 180 days in June 2026 and gave 92, 97 and 156 in October, 92 in November."""
    found = vendor_record.on_record(load(), load().vendor("OpenAI"), DAY)
    assert found.promise.days == 180
    assert sorted(n.days for n in found.broken) == [92, 92, 97, 156]
    (flag,) = (f for f in found.red_flags if f.startswith("promised 180 days"))
    assert "92 days on 2026-10-14" in flag and "97 days on 2026-10-01" in flag


def test_a_promise_is_not_measured_by_notices_given_before_it():
    early = vendor_record.on_record(load(), load().vendor("OpenAI"), dt.date(2026, 8, 1))
    assert early.broken == []


# Shocks


COST = Range(20_000, 60_000, 150_000, unit="EUR")


def loss(
    cost: Range | None = COST, name: str = "OpenAI", model: str = "gpt-5.4-mini", **ready: bool
) -> stability.OptionRisk:
    items = stability.checklist(scenario.model.Readiness(**ready))
    ends = (end_of(name, model),) if model else ()
    return exposed(readiness=items).expected_loss({name: ends}, cost)


def end_of(vendor: str, model: str) -> notice.Ending:
    return notice.ending(load(), vendor, model, DAY, 60, seed=1)


def exposed(**more: Any) -> stability.Exposure:
    usual = {"day": DAY, "readiness": {}}
    return stability.Exposure(record=load(), seed=1, **{**usual, **more})


def chance(found: stability.OptionRisk, kind: str) -> float:
    return next(float(k.chances.mean()) for k in found.kinds if k.kind.shock == kind)


def test_short_notice_is_the_vendors_own_and_other_shocks_are_those_of_its_kind_of_vendor():
    openai = loss()
    cohere = loss(name="Cohere", model="some-model")
    groq = loss(name="Groq", model="some-model")
    assert chance(openai, "api_withdrawn") < chance(groq, "api_withdrawn")
    for kind in stability.kinds().values():
        if kind.category != "notices":
            assert chance(openai, kind.shock) == chance(cohere, kind.shock)
            assert chance(openai, kind.shock) != chance(groq, kind.shock)


@pytest.mark.parametrize("host", ["Seeweb", "Outscale", "Nebius"])
def test_no_host_is_charged_with_the_block_of_a_model_vendor(host):
    found = loss(name=host, model="")
    (block,) = (k for k in found.kinds if k.kind.shock == "jurisdiction_blocked")
    # No case in the years of twelve hosts, which count 1, 1/2 and 1/4: 0.5 / (12 · 1.75 + 1).
    assert block.events == ()
    assert block.chances.mean() == pytest.approx(0.5 / (12 * 1.75 + 1), rel=0.1)


def test_a_block_in_another_country_is_none_for_the_client():
    """The Garante's block of DeepSeek (30 January 2025) holds in Italy alone."""

    def blocks(country: str) -> set[str]:
        found = exposed(country=country).expected_loss({"OpenAI": ()}, None).kinds
        (block,) = (k for k in found if k.kind.shock == "jurisdiction_blocked")
        return {e.event_id for e in block.events}

    assert "deepseek-2025-01-30-regulatory" in blocks("IT") - blocks("DE")
    assert "anthropic-2026-06-12-regulatory" in blocks("IT") & blocks("DE")


def test_a_quiet_year_is_one_in_which_none_of_its_parts_comes():
    (year,) = loss().quiet
    assert {p.kind.shock for p in year.parts} == {
        "api_withdrawn", "terms_changed", "jurisdiction_blocked", "adverse_ruling",
        "outage_of_a_day",
    }  # fmt: skip
    by_hand = np.prod([1 - p.chances.mean() for p in year.parts])
    assert year.chance is not None
    assert year.chance.central == pytest.approx(by_hand, abs=0.01)
    assert year.chance.low < year.chance.central < year.chance.high


def test_a_vendor_whose_record_nobody_searched_has_no_quiet_year():
    for name in ("Lambda", "Nobody knows"):
        (year,) = loss(name=name, model="").quiet
        assert year.chance is None and "not searched" in year.why_not


def test_an_end_that_is_announced_is_short_only_if_too_few_days_are_left():
    # GPT-4.1 at OpenAI ends on 14 January 2027: 90 days after the 16 October 2026.
    def short(day: dt.date) -> float:
        ends = {"OpenAI": (end_of("OpenAI", "gpt-4.1-2025-04-14"),)}
        found = exposed(day=day).expected_loss(ends, None)
        return chance(found, "api_withdrawn")

    assert (short(dt.date(2026, 10, 16)), short(dt.date(2026, 10, 17))) == (0.0, 1.0)


def test_the_age_of_a_model_is_taken_from_where_it_is_told():
    # Its age is known from Azure's page, which says nothing of its end at OpenAI.
    end = end_of("OpenAI", "gpt-5.4-mini")
    assert (end.released, source_of_end(end, DAY).kind) == (dt.date(2026, 3, 17), "estimate")


def test_weights_of_ones_own_are_ended_by_no_vendor():
    assert chance(loss(name="Nebius", model=""), "api_withdrawn") == 0


def test_a_case_that_the_vendor_won_is_no_adverse_ruling():
    # Musk v. OpenAI came to trial on 27 April 2026 and was dismissed on 18 May: no remedy.
    kind = stability.kinds()["adverse_ruling"]
    assert stability.cases(load(), kind, DAY, 3.0, ("api",)) == ()


def test_a_vendor_without_a_record_gets_the_base_rates_and_no_zero():
    base = scenario.load("base")
    option = base.options["api"].model_copy(update={"vendor": "Nobody knows"})
    options = {**base.options, "api": option}
    costs = dict.fromkeys(options, COST)
    a = stability.assess(base.model_copy(update={"options": options}), costs)
    assert a.unknown_vendors == ("Nobody knows",)
    assert a.options["api"].expected is not None
    assert a.options["api"].expected.central > 0


def test_a_model_that_retires_within_the_horizon_is_named_with_its_last_day():
    # Microsoft's page of 2 September 2026: gpt-4.1 ends on 14 April 2027.
    s = opened("klinikverbund-nordheide")
    (today,) = (e for e in s.results.retiring if e.option == s.scenario.finance.baseline)
    assert (today.ending.model, str(today.ending.retired)) == ("gpt-4.1", "2027-04-14")


def test_without_a_switching_cost_the_loss_is_not_estimated():
    assert loss(None).expected is None
    assert loss(None).why_not == "not estimated, because no switching cost is given"


def test_each_thing_in_hand_lowers_the_loss():
    plain, ready, more = (
        loss(**dict.fromkeys(held, True)).expected
        for held in ((), ("evaluation_suite",), ("evaluation_suite", "fallback_model_tested"))
    )
    assert plain and ready and more
    assert more.central < ready.central < plain.central


def test_the_loss_is_proportional_to_the_switching_cost():
    single = loss().expected
    double = loss(COST.scaled(2)).expected
    assert single and double and double.central == pytest.approx(2 * single.central)


def test_a_shock_says_which_options_it_hits_and_what_it_costs():
    base = scenario.load("base")
    asked = [
        scenario.model.Shock(vendor="OpenAI", kind="price_change"),
        scenario.model.Shock(vendor="Mistral", kind="api_withdrawn"),
    ]
    change = {"stability": base.stability.model_copy(update={"shocks": asked})}
    costs = dict.fromkeys(base.options, COST)
    a = stability.assess(base.model_copy(update=change), costs)
    price, mixed, gone = a.shocks
    assert {price.option, mixed.option} == {"api", "hybrid"}
    # A client runs one of its options, so a shock costs one move, not the sum of them all.
    assert price.one_off == mixed.one_off
    assert price.one_off is not None and price.one_off.low > 0
    assert gone.option is None and "no option" in gone.not_estimated
