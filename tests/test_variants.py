"""Variants: the chain is the report's, nothing kept is stale, and every row can be made again."""

import dataclasses
import functools
import itertools
import random
from collections.abc import Sequence
from typing import Any

import pandas as pd
import pytest
from cost_fixtures import sized
from siting import quality
from siting.catalogue import settings
from siting.cost import ledger
from siting.inputs import scenario
from siting.inputs.scenario import changes
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import Scenario
from siting.rules import sovereignty
from siting.verdict import ordered, plausible, variants
from siting.verdict.chain import Chain
from siting.verdict.decision import Decision
from siting.verdict.variants import Outcome, Variant
from studies import FEW, opened


@functools.cache
def tried(client: str) -> tuple[tuple[Variant, Outcome], ...]:
    return opened(client).results.tried


def same(one: Decision, other: Decision) -> None:
    """Fails where two decisions differ in anything that a reader is told."""
    assert one.recommended == other.recommended
    assert one.share == other.share
    for a, b in zip(one.candidates, other.candidates, strict=True):
        assert (a.name, a.struck, a.uncleared) == (b.name, b.struck, b.uncleared)
        costs, others = a.burden.costs, b.burden.costs
        assert costs.keys() == others.keys()
        assert all((costs[f].present == others[f].present).all() for f in costs), a.name
    assert one.means == other.means
    assert one.lead == other.lead


def test_no_change_gives_the_decision_of_the_report():
    s = opened("tidewater-apps")
    same(Chain().decide(s.results.said), s.results.decision)


@pytest.mark.parametrize("client", ["klinikverbund-nordheide", "tidewater-apps"])
def test_rules_quality_and_sizes_read_nothing_that_the_chain_keeps_from_them(client):
    s = opened(client)
    whole = sovereignty.assess(s.scenario)
    for name, found in s.results.sovereignty.options.items():
        assert found.findings == whole.options[name].findings, name
    assert s.results.quality == quality.assess(s.scenario)
    alone = {name: sized(s.scenario, name) for name in s.scenario.options}
    for name, found in s.results.capacity.items():
        assert found.pools.keys() == alone[name].pools.keys()
        for year, model in itertools.product(range(1, found.years + 1), found.pools):
            kept, anew = (of[name].pools[model] for of in (s.results.capacity, alone))
            assert kept.gpus(year) == anew.gpus(year), (name, year)


def some(client: str, count: int, seed: int = 1) -> Sequence[tuple[Variant, Outcome]]:
    rows = tried(client)
    return random.Random(f"{client} {seed}").sample(rows, min(count, len(rows)))


def afresh(kept: Chain, changed: Scenario) -> Decision:
    """The decision of a chain that keeps nothing but what holds through all changes: the amount
    that matters."""
    return dataclasses.replace(Chain().decide(changed), matters=kept._matters)


@pytest.mark.parametrize("client", FEW)
def test_rows_given_back_as_words_have_the_same_first_option(client):
    start = scenario.load(client)
    for variant, outcome in some(client, 2):
        asked = changes.read(variant.set)
        found = afresh(opened(client).results.chain, scenario.changed(start, asked))
        assert found.recommended == outcome.option, variant
        assert found.share == pytest.approx(outcome.sure or 0.0), variant


@functools.cache
def used() -> Chain:
    """A chain that has decided on base, and keeps what the cases below leave in it."""
    chain = Chain()
    chain.decide(scenario.load("base"))
    return chain


SAID: dict[str, Any] = {
    "finance.horizon_months": 36, "finance.falling_prices": 0.9, "options.rented.commitment": "1y",
    "options.owned.redundancy": "none", "options.owned.attributes.key_control": "provider",
    "options.api.vendor": "Mistral", "rules.policies": ["no_us_parent"],
    "stability.readiness.evaluation_suite": True, "decision.premiums.open_weights": 5e4,
    "suppose.gone": ["OpenAI"], "client.country": "FR", "workloads.assistant.users": 99.0,
    "workloads.assistant.data.personal": False, "workloads.assistant.reasoning_tokens": 900.0,
}  # fmt: skip
"""A value of every section of a scenario, other than those of base.yaml."""


@pytest.mark.parametrize("path", SAID)
def test_a_field_that_moves_an_answer_is_part_of_every_key_that_reads_it(path):
    start = scenario.load("base")
    changed = put(start, {path: SAID[path]})
    same(used().decide(changed), afresh(used(), changed))


@pytest.mark.parametrize("client", FEW)
def test_the_first_option_differs_on_both_sides_of_a_switching_value(client):
    s = opened(client)
    for found in s.results.switches:
        assert found.below != found.above
        near = {}
        for name, factor in (("below", 1 - variants.BESIDE), ("above", 1 + variants.BESIDE)):
            change = variants.scaled_load(s.results.said, found.at * factor)
            near[name] = s.results.chain.decide(put(s.results.said, change)).recommended
        band = settings("decision_settings")["volume_band"].range
        assert band.low <= found.at <= band.high
        inside = band.low <= found.at * (1 - variants.BESIDE)
        if inside and found.at * (1 + variants.BESIDE) <= band.high:
            assert near == {"below": found.below, "above": found.above}


@pytest.mark.parametrize("client", FEW)
def test_a_change_that_moves_no_sum_is_not_counted(client):
    results = opened(client).results
    chain = results.chain
    counted = [variant.set for variant, _ in tried(client)]
    left = [v for v in results.to_try if v.set not in counted and len(v.changes) == 1]
    for variant in random.Random(client).sample(left, min(2, len(left))):
        assert chain.decide(put(results.said, variant.changes)).means == results.decision.means
    assert len(set(counted)) == len(counted)
    assert all(found.moves or variant.asked for variant, found in tried(client))


@pytest.mark.parametrize("client", FEW)
def test_the_list_holds_every_kind_of_change_and_only_possible_ones(client):
    start = scenario.load(client)
    listed = opened(client).results.to_try
    kinds = {variant.kind for variant in listed}
    assert {"input", "assumed", "offer", "event"} <= kinds
    assert len({v.set for v in listed}) == len(listed)
    vendors = {o.vendor for o in start.options.values() if o.vendor}
    gone = {lost for v in listed for lost in v.changes.get("suppose.gone", ())}
    assert vendors <= gone
    kept = [v.changes["rules.policies"] for v in listed if "rules.policies" in v.changes]
    for line in start.rules.policies:  # what a law asks as well is no choice of the client's
        without = [p for p in start.rules.policies if p != line]
        behind = plausible.law_behind(start, line, opened(client).results.chain)
        assert (without in kept) != behind, line


def test_an_answer_that_forbids_every_place_alike_is_no_turn():
    asked = plausible.change("blank", {}, {"question": "q", "whose": "", "of_whom": "",
                             "after": "none", "quoted": "none"})  # fmt: skip
    ends = plausible.change("vendor gone", {}, {"vendor": "v", "name": "v"})
    none, other = Outcome(answer="none"), Outcome(answer="changes", option="owned")
    assert [variants.turns(each, found) for each in (asked, ends) for found in (none, other)] == [
        False, True, True, True,
    ]  # fmt: skip
    assert not variants.turns(ends, Outcome(answer="stays", option="api"))


def test_what_the_file_names_is_tried_together():
    start = scenario.load("base")
    asked = {"workloads.assistant.arrivals": "agents", "finance.discount_rate": 0.03}
    together = [{"label": "agents and cheap money", "set": asked}]
    named = scenario.changed(start, {"what_if": together})
    found = [v for v in plausible.together(named) if v.kind == "together"]
    assert [(v.what, dict(v.changes)) for v in found] == [("agents and cheap money", asked)]


def test_what_the_file_names_is_the_change_that_is_tried_anyway_and_marked_as_asked():
    client = "tidewater-apps"
    (asked,) = (variant for variant, _ in tried(client) if variant.asked)
    # The file wants 28,000 requests a day tried, which are twice its own.
    assert (asked.what, asked.settled) == ("volume", "year")
    assert asked.changes["workloads.in-app-writer.requests_per_day"] == 28_000
    assert not [variant for variant, _ in tried(client) if variant.kind == "together"]


@pytest.mark.parametrize("client", FEW)
def test_the_frame_and_the_list_of_the_command_say_the_same(client):
    s = opened(client)
    rows = s.variants_tried()
    frame = s.variants().query("change_kind != 'switch'")
    assert len(rows) == len(frame) + len(s.results.switches)
    # a change after which nothing is first has no option: None in the list, missing in the frame
    keys = [None if pd.isna(key) else key for key in frame["key"]]
    assert [r["option"] for r in rows[: len(frame)]] == keys
    assert all("switching_value" in r for r in rows[len(frame) :])


@pytest.mark.parametrize(
    ("client", "name", "vendor", "a_month"),
    [
        # 2 replicas of one H100 NVL and a spare, 730 h at $ 3.19.
        ("tidewater-apps", "rented", "RunPod", 3 * 730 * 3.19),
        # 3 replicas of two H100 and a spare, 730 h at $ 2.1115, € 1 = $ 1.1172, and of 22 % VAT
        # the nine tenths that a bank does not get back.
        ("banca-valdora", "sovereign", "Seeweb", 8 * 730 * 2.1115 / 1.1172 * (1 + 0.9 * 0.22)),
    ],
)
def test_idle_cards_that_are_not_taken_back_are_billed_around_the_clock(
    client, name, vendor, a_month
):
    start = scenario.load(client)
    kept = scenario.changed(start, {"suppose.gone": [f"cards by the hour at {vendor}"]})
    chain = Chain()
    assert kept.hourly_at(name) in [
        lost for v in plausible.idle_cards(start, chain) for lost in v.changes["suppose.gone"]
    ]
    built = chain.built(kept)
    plan = chain.plan(built, name)
    flows = ledger.flows(plan, name, plan.central())
    (rent,) = (flow.amounts.ravel() for flow in flows if flow.category == "rental")
    assert rent[12] == pytest.approx(a_month, rel=1e-4)  # the rate has five digits
    assert chain.designed(kept).options[name].commitment == "month"
    terms = [o.option.commitment for o in ordered.terms(built) if o.of == name]
    assert terms == ["1y", "3y"]


def test_what_a_file_wants_tried_is_checked_before_it_is_tried():
    start = scenario.load("base")
    wrong = {"what_if": [{"label": "typo", "set": {"finance.discont_rate": 0.1}}]}
    with pytest.raises(scenario.DocumentError, match="did you mean discount_rate"):
        scenario.changed(start, wrong)
    with pytest.raises(scenario.DocumentError, match="'OpenAy' is no vendor, model or service of"):
        scenario.changed(start, {"suppose.gone": ["OpenAy"]})


def test_changes_survive_being_written_as_words_and_read_again():
    asked: dict[str, Any] = {
        "finance.discount_rate": {"low": 0.01, "central": 0.02, "high": 0.035},
        "rules.policies": [], "suppose.gone": ["OpenAI", "gpt-5.4-mini"],
        "options.api.attributes.zdr": True, "decision.premiums.own_keys": 1e-05,
        "options.new": {"label": "A: b, {c}", "kind": "api", "models": {"all": "x"}},
    }  # fmt: skip
    assert changes.read(changes.words(asked)) == asked
