"""From the chapters' results to measures: each rule on a small, made-up result."""

import dataclasses
from types import SimpleNamespace as Made

import numpy as np
import pytest
from siting import catalogue, quality, study
from siting.catalogue import Source, settings
from siting.quality import spoken
from siting.quantity import Range
from siting.rules.openness import ModelFinding
from siting.verdict import candidates
from siting.verdict.chain import Chain
from siting.verdict.ranking import Sampled
from studies import designed


@pytest.fixture(scope="module")
def scenario():
    return study.open("base").scenario


def changed(scenario, **decision):
    return scenario.model_copy(update={"decision": scenario.decision.model_copy(update=decision)})


NO_HYBRID = Made(split=None)
NOTHING = Made(verdicts={}, open_points=())
NOTHING_FAILS = Made(options={"owned": NOTHING, "hybrid": NOTHING})
NO_FLOOR = Made(of=lambda name: ())
KEEPS = Made(keeps_limits=True, kind="on_premises", beyond_room={})


def chapters(scenario, capacity, law, parity=NO_FLOOR, name="owned", **found):
    return candidates.Chapters(
        scenario=scenario,
        capacity={name: capacity},
        draws=found.pop("drawn", {name: Sampled(np.full(10, 500_000.0), 500_000.0)}),
        costs=found.pop("costs", {name: NO_HYBRID}),
        not_estimated=found.pop("not_estimated", {}),
        sovereignty=law,
        parity=parity,
    )


def reasons(scenario, capacity=KEEPS, law=NOTHING_FAILS, parity=NO_FLOOR, name="owned", **found):
    known = chapters(scenario, capacity, law, parity, name, **found)
    return tuple(barrier.told for barrier in candidates.barriers(known, name).fails)


def test_an_option_without_a_price_is_struck_whatever_the_client_asks(scenario):
    free = changed(scenario, hard_constraints=[])
    why = {"owned": "no price of a server"}
    assert reasons(free, costs={}, drawn={}, not_estimated=why) == (
        "its cost is not estimated, because no price of a server",
    )


def test_a_hybrid_that_owns_nothing_is_no_option_of_its_own(scenario):
    costs = {"hybrid": Made(split=Made(alone="burst"))}
    found = reasons(scenario, costs=costs, name="hybrid")
    assert found[0].startswith("its cheapest split is OpenAI API alone")


def test_what_the_room_cannot_hold_is_ruled_out_but_a_hybrid_may_own_fewer(scenario):
    full = {"keeps_limits": True, "beyond_room": {1: ["12.8 kW, the room has 12"]}}
    assert reasons(scenario, Made(kind="on_premises", **full)) == (
        "its servers need 12.8 kW, the room has 12",
    )
    assert reasons(scenario, Made(kind="hybrid", **full)) == ()


def test_a_budget_strikes_what_costs_more_a_year(scenario):
    # 500,000 over 60 months is 100,000 a year.
    tight = changed(scenario, hard_constraints=["budget"], budget_per_year=99_000.0)
    wide = changed(scenario, hard_constraints=["budget"], budget_per_year=101_000.0)
    assert reasons(tight) == ("its cost is over the budget",)
    assert reasons(wide) == ()


def test_latency_strikes_only_what_is_known_to_miss_its_limits(scenario):
    asked = changed(scenario, hard_constraints=["latency"])
    assert reasons(asked, Made(keeps_limits=False, kind="on_premises", beyond_room={})) == (
        "it misses the latency limits",
    )
    assert reasons(asked, Made(keeps_limits=None, kind="on_premises", beyond_room={})) == ()


def test_a_rule_that_fails_strikes_with_its_number_and_a_review_does_not(scenario):
    def verdict(word):
        rule = Made(title="Place", remedy="Move it.", owner="legal", provision="Act, Art. 1")
        return Made(
            rule=rule, verdict=word, reason="It is elsewhere.", may_not_apply=False,
            provision=rule.provision,
        )  # fmt: skip

    law = Made(
        options={
            "owned": Made(
                verdicts={"R-1": verdict("fail"), "R-2": verdict("review")},
                failing=lambda rule_id: (verdict("fail"),) if rule_id == "R-1" else (),
                open_points=(),
            )
        }
    )
    asked = changed(scenario, hard_constraints=["sovereignty"])
    assert reasons(asked, law=law) == ("Place (Act, Art. 1): It is elsewhere.",)
    other = changed(scenario, hard_constraints=["rule:R-2"])
    assert reasons(other, law=law) == ()


def test_a_worse_model_is_struck_only_if_quality_is_a_hard_constraint(scenario):
    worse = Made(verdict="worse", model="m", reference="r", reason="2 boards agree", items=500)
    worse.supported = False
    worse.own = None
    parity = Made(of=lambda name: (worse,))
    asked = changed(scenario, hard_constraints=["quality"])
    assert reasons(asked, parity=parity) == ("M is worse than R",)
    assert reasons(changed(scenario, hard_constraints=[]), parity=parity) == ()
    short = Made(verdict="unknown", model="m", reference="r", reason="own test", items=500)
    short.supported = False
    short.own = Made(reached=False, score=82.0, floor=84.0)
    below = Made(of=lambda name: (short,))
    assert reasons(asked, parity=below) == ("M is below your floor in your own test: 82, not 84",)
    short.own.reached = True
    assert reasons(asked, parity=below) == ()
    (doubt,) = candidates.unproven(scenario, parity, "owned")
    assert (doubt.point, doubt.reason, doubt.quality) == ("M as good as R", "2 boards agree", True)


def test_a_hard_constraint_that_is_not_shown_to_hold_leaves_an_option_uncleared(scenario):
    rule = Made(title="Place", remedy="Ask.", owner="legal", rule_id="R-1")
    open_ = Made(rule=rule, verdict="review", reason="Not known: place.", may_not_apply=False)
    point = Made(
        findings=(open_,),
        lead=open_,
        label="Place",
        reason="Not known: place.",
        clears="Where is it?",
        may_not_apply=False,
        owner="legal",
    )
    law = Made(options={"owned": Made(verdicts={"R-1": open_}, open_points=(point,))})
    drawn = {"owned": Sampled.of(np.linspace(400_000.0, 600_000.0, 101))}

    def doubts(capacity=KEEPS, **decision):
        asked = changed(scenario, **decision)
        known = chapters(asked, capacity, law, drawn=drawn)
        return [doubt.point for doubt in candidates.barriers(known, "owned").doubts]

    assert doubts(hard_constraints=["sovereignty"]) == ["Place"]
    assert doubts(hard_constraints=["rule:R-2"]) == []
    assert doubts(
        hard_constraints=["latency"],
        capacity=Made(keeps_limits=None, kind="on_premises", beyond_room={}),
    ) == ["Response time"]
    # P90 of the draws is 580,000 over five years, 116,000 a year; the median is within 110,000.
    tight = {"hard_constraints": ["budget"], "budget_per_year": 110_000.0}
    assert doubts(**tight) == ["Budget"]
    assert doubts(**tight | {"budget_per_year": 120_000.0}) == []


def test_the_margin_is_what_the_stricter_limit_leaves(scenario):
    # Four fifths of the limit are used at the peak, two fifths in a usual week's busiest hour.
    seen = Made(year_peak=0.8, usual_week_peak=0.4, strain=lambda seen: seen)
    pool = Made(latency=seen)
    found = candidates.latency_margin(Made(pools={"m": pool}))
    assert (found.low, found.central, found.high) == pytest.approx((0.2, 0.2, 0.6))
    assert candidates.latency_margin(Made(pools={})) is None


def test_an_open_point_is_a_coin_by_its_cause(scenario):
    def point(rule, answer=None, level="flow", own=False):
        rule = Made(rule_id=rule)
        lead = Made(rule=rule, reason="Why.", flow=Made(carrier="api"), turns_on_client=own)
        return Made(lead=lead, awaited=answer and Made(name=answer, level=level))

    own = point("D", own=True)  # what the client alone can mend is one coin for all its options
    points = (point("A"), point("B", "place"), point("C", "dpia_done", "client"), own)
    law = Made(options={"x": Made(counts={"fail": 1, "review": 60}, open_points=points)})
    found = candidates.findings(law, scenario, "x")
    vendor = scenario.options["api"].vendor
    assert found.certain == 1
    assert found.open == (f"A:{vendor}:Why.", f"place:{vendor}", "dpia_done", "D:Why.")
    assert found.central == 3.0


def test_a_vendor_or_model_that_is_supposed_to_be_gone_rules_out_what_needs_it(scenario):
    vendor = scenario.options["api"].vendor
    model = next(iter(scenario.options["api"].models.values()))
    open_model = next(iter(scenario.options["owned"].models.values()))
    for lost in (vendor, model):
        supposed = scenario.suppose.model_copy(update={"gone": [lost]})
        without = scenario.model_copy(update={"suppose": supposed})
        assert list(candidates.gone(without, "api")), lost
        assert list(candidates.gone(without, "hybrid")), lost
        assert not list(candidates.gone(without, "owned")), lost
    supposed = scenario.suppose.model_copy(update={"gone": [open_model]})
    assert not list(candidates.gone(scenario.model_copy(update={"suppose": supposed}), "owned"))


def test_options_share_a_first_move_where_they_begin_on_machines_of_ones_own(scenario):
    assert candidates.begins(scenario, "owned") == candidates.begins(scenario, "hybrid")
    assert candidates.begins(scenario, "api") == scenario.options["api"].vendor


def test_without_a_vendor_nothing_can_be_withdrawn_and_without_a_record_it_is_unknown():
    def stability(vendors, expected):
        return Made(options={"x": Made(vendors=vendors, expected=expected)})

    assert candidates.loss_share(stability((), None), "x", 100.0) == Range.exact(0.0, "share")
    assert candidates.loss_share(stability(("V",), None), "x", 100.0) is None
    loss = Range(5, 10, 30, unit="EUR per year")
    assert candidates.loss_share(stability(("V",), loss), "x", 100.0).central == pytest.approx(0.1)


def flow(amounts, category="hardware", capital=False):
    return Made(amounts=np.array(amounts, float), category=category, capital=capital)


def test_leaving_owned_hardware_loses_part_of_its_book_value(scenario):
    # 1,000 bought, written off over 5 years: 800 on the books after one. Half of it is lost, 400,
    # over a baseline of 200 a year: 2 years' worth.
    bought = [1000.0] + [0.0] * 60
    option = Made(flows=(flow(bought, capital=True),), life=5)
    found = candidates.exit_share(option, scenario, "owned", 200.0)
    setting = settings("decision_settings")["exit_value_lost"]
    assert found.central == pytest.approx(800 * setting.central / 200)
    assert found.low < found.central < found.high


def test_a_three_year_commitment_still_demands_two_years_of_rent(scenario):
    rented = scenario.options["rented"].model_copy(update={"commitment": "3y"})
    bound = scenario.model_copy(update={"options": {**scenario.options, "rented": rented}})
    option = Made(flows=(flow([0.0] + [10.0] * 60, "rental"),), life=5)
    assert candidates.committed(option, bound, "rented") == pytest.approx(240)
    assert candidates.committed(option, scenario, "rented") == 0  # on demand


def finding(used_by, **parts):
    unknown = dict.fromkeys(catalogue.column("openness_points", "part"), "unknown")
    said = unknown | parts
    return ModelFinding(model="a model", used_by=used_by, said=said, source=Source(**SOURCE))


SOURCE = {"source": "test", "locator": "test", "date": "undated"}


def test_an_open_model_under_a_free_licence_counts_more_than_one_with_conditions(scenario):
    def value(licence, used_by=("owned",)):
        model = finding(used_by, weights="published", licence_class=licence)
        name = used_by[0]
        return candidates.openness(scenario, Made(models=(model,)), name).central

    assert 0 < value("non_commercial") < value("conditions") < value("permissive") < 1
    assert value("permissive", ("api",)) == 0  # closed behind its vendor's API
    hosted = scenario.options["api"].model_copy(update={"kind": "open_api"})
    scenario = scenario.model_copy(update={"options": {**scenario.options, "api": hosted}})
    assert value("permissive", ("api",)) == value("permissive")  # another host has the same weights


def test_the_cheapest_migration_prices_a_move_and_its_band_is_that_of_its_factors():
    factors = {"days": Made(value=Range(5, 10, 30)), "fixed": Made(value=Range.exact(2))}

    def option(name, amount):
        project = Made(amounts=np.array([amount]), category="migration", factors=("days", "fixed"))
        return Made(flows=(project,), split=None, plan=Made(name=name), factors=factors)

    costs = {
        name: option(name, amount) for name, amount in (("a", 0.0), ("b", 100.0), ("c", 400.0))
    }
    found = candidates.switching_costs(costs, "EUR")
    assert found["a"] == Range(50, 100, 300, unit="EUR")  # to b; half and three times, as the days
    assert found["b"].central == 400  # away from b leads to c


def test_limits_that_are_kept_missed_or_not_known_are_three_answers():
    def held(keeps):
        found = candidates._by_latency(Made(keeps_limits=keeps), "latency")
        return [x.told for x in found.fails], [doubt.point for doubt in found.doubts]

    assert held(True) == ([], [])
    assert held(False) == (["it misses the latency limits"], [])
    assert held(None) == ([], ["Response time"])


def test_of_a_mix_on_own_servers_the_vendor_of_the_other_side_could_withdraw_it():
    priced = Chain().costs(designed("polderwerk"))
    mixed = priced["hybrid"].plan
    assert candidates.leaving(mixed) == mixed.burst.name
    assert candidates.leaving(priced["api"].plan) == "api"
    rented = mixed.base.option.model_copy(update={"vendor": "a host"})
    hosted = dataclasses.replace(mixed, base=dataclasses.replace(mixed.base, option=rented))
    assert candidates.leaving(hosted) == "hybrid"


def test_a_test_takes_real_items_only_where_both_models_run_today(scenario):
    def tried(model, reference):
        return quality.tried_on(scenario, Made(model=model, reference=reference, items=500))

    (today,) = {*scenario.options[scenario.finance.baseline].models.values()}
    other = "google/gemma-4-31B-it"
    assert spoken(other) != spoken(today)
    assert tried(today, f"maker/{today}") == "500 of your own items"
    assert tried(other, today) == tried(today, other) == "500 items without persons or secrets"
    assert tried(other, "x/other-9b") == "500 items without persons or secrets"
