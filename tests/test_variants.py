"""Variants: the chain is the report's, nothing kept is stale, and every row can be made again."""

from __future__ import annotations

import dataclasses
import functools
import random
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from siting import quality, study
from siting.inputs import scenario
from siting.inputs.scenario import changes
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import Scenario, Workload
from siting.quality import leaves
from siting.rules import sovereignty
from siting.serving import capacity
from siting.study import turns
from siting.study.results import Results
from siting.verdict import plausible, ranking, variants
from siting.verdict.chain import Chain
from siting.verdict.decision import Decision
from siting.verdict.variants import Outcome, Variant
from studies import CLIENTS, opened

EVERY = ("base", *CLIENTS)


@functools.cache
def tried(client: str) -> tuple[tuple[Variant, Outcome], ...]:
    return opened(client).results.tried


def same(one: Decision, other: Decision) -> None:
    """Fails where two decisions differ in anything that a reader is told."""
    assert one.recommended == other.recommended
    assert one.share == other.share
    for a, b in zip(one.candidates, other.candidates, strict=True):
        assert (a.name, a.struck, a.uncleared) == (b.name, b.struck, b.uncleared)
        assert (a.cost is None) == (b.cost is None)
        if a.cost is not None and b.cost is not None:
            assert (a.cost.draws == b.cost.draws).all(), a.name
    if one.ranking and other.ranking:
        assert (one.ranking.scores == other.ranking.scores).all()


@pytest.mark.parametrize("client", EVERY)
def test_no_change_gives_the_decision_of_the_report(client: str) -> None:
    s = opened(client)
    same(Chain().decide(s.scenario), s.results.decision)


def test_a_chain_that_forgot_its_variants_holds_what_the_report_was_made_of() -> None:
    results = Results(scenario.load(CLIENTS[0]))
    answer = results.decision
    own = results.chain._kept.keys() | set()
    assert results.tried
    assert len(results.chain._kept) > 2 * len(own)
    results.chain.forget_variants()
    assert results.chain._kept.keys() == own
    same(results.chain.decide(results.said), answer)
    assert results.chain._kept.keys() == own


@pytest.mark.parametrize("client", EVERY)
def test_rules_read_nothing_that_the_chain_keeps_from_them(client: str) -> None:
    s = opened(client)
    whole = sovereignty.assess(s.scenario)
    for name, found in s.results.sovereignty.options.items():
        assert found.findings == whole.options[name].findings, name


@pytest.mark.parametrize("client", EVERY)
def test_quality_and_sizes_read_nothing_that_the_chain_keeps_from_them(client: str) -> None:
    s = opened(client)
    assert s.results.quality == quality.assess(s.scenario)
    whole = capacity.assess(s.scenario)
    for name, sized in s.results.capacity.items():
        years = range(1, sized.years + 1)
        told = [(pool.model, pool.gpus(year)) for pool in sized.pools.values() for year in years]
        alone = whole[name].pools.values()
        assert told == [(pool.model, pool.gpus(year)) for pool in alone for year in years], name


def some(client: str, count: int, seed: int = 1) -> Sequence[tuple[Variant, Outcome]]:
    rows = tried(client)
    return random.Random(f"{client} {seed}").sample(rows, min(count, len(rows)))


@pytest.mark.parametrize("client", CLIENTS)
def test_twenty_rows_given_back_as_words_have_the_same_first_option(client: str) -> None:
    start = scenario.load(client)
    for variant, outcome in some(client, 20):
        asked = changes.read(variant.set)
        found = Chain().decide(scenario.changed(start, asked))
        assert found.recommended == outcome.option, variant
        assert found.share == pytest.approx(outcome.share or 0.0), variant


@pytest.mark.parametrize("client", EVERY)
def test_what_is_kept_equals_what_is_made_anew_in_any_order(client: str) -> None:
    start = scenario.load(client)
    kept = Chain()
    kept.decide(start)
    chosen = [variant for variant, _ in some(client, 12, seed=2)]
    for variant in reversed(chosen):
        changed = put(start, variant.changes)
        same(kept.decide(changed), Chain().decide(changed))


SAID: dict[str, Any] = {
    "finance.horizon_months": 36, "finance.discount_rate": 0.02, "finance.tax_rate": 0.25,
    "finance.price_path": "list", "finance.staff_cost_per_year": 50_000.0, "seed": 7,
    "options.rented.commitment": "1y", "options.rented.discount": 0.5,
    "options.owned.redundancy": "none", "options.owned.months_to_production": 12.0,
    "options.owned.weights": "fp8", "options.owned.attributes.key_control": "provider",
    "options.api.effort": "high", "options.api.vendor": "Mistral",
    "options.api.minimum_commitment_per_month": 1e5, "options.owned.owned_servers": 1,
    "options.hybrid.burst": "rented", "rules.retention_days_limit": 1,
    "rules.policies": ["no_us_parent"], "rules.attributes.dpa_signed": True,
    "stability.readiness.evaluation_suite": True, "decision.hard_constraints": [],
    "decision.method": "topsis", "decision.weights.openness": 50.0,
    "decision.usual_cost_per_year": 1e5, "suppose.gone": ["OpenAI"], "suppose.law": ["dpf_falls"],
    "suppose.follows": {"gpt-5.4-mini": "openai/gpt-5.5"},
    "client.sector": "banking", "client.country": "FR", "finance.baseline": "rented",
    "workloads.assistant.users": 99.0, "workloads.assistant.data.personal": False,
    "workloads.assistant.arrivals": "agents", "workloads.assistant.reasoning_tokens": 900.0,
    "workloads.assistant.availability": 0.9995, "workloads.assistant.hours": "night",
}  # fmt: skip
"""One value or more of every section of a scenario, other than those of base.yaml."""


@pytest.mark.parametrize("path", SAID)
def test_a_field_that_moves_an_answer_is_part_of_every_key_that_reads_it(path: str) -> None:
    start = scenario.load("base")
    kept = Chain()
    kept.decide(start)
    changed = put(start, {path: SAID[path]})
    same(kept.decide(changed), Chain().decide(changed))


def with_options(start: Scenario, **more: Any) -> Scenario:
    return start.model_copy(update={"options": {**start.options, **more}})


@pytest.mark.parametrize("client", CLIENTS)
def test_an_option_more_that_is_struck_leaves_every_score_of_the_others(client: str) -> None:
    s = opened(client)
    start = s.scenario
    before = s.results.decision
    assert before.ranking is not None
    part = leaves(start, before.ranking.best)[0]
    lost = start.options[part].model_copy(update={"vendor": "Nobody"})
    supposed = {"suppose": start.suppose.model_copy(update={"gone": ["Nobody"]})}
    after = Chain().decide(with_options(start, other=lost).model_copy(update=supposed))
    assert after.candidate("other").struck
    assert after.ranking is not None
    assert (after.ranking.scores == before.ranking.scores).all()
    assert after.share == before.share


def quoted(start: Scenario, name: str, twin: str) -> Scenario:
    """The scenario in which an option's quotes hold for its twin as well."""
    own = [q for q in start.finance.quotes if q.item.startswith(f"option.{name}.")]
    more = [q.model_copy(update={"item": q.item.replace(f".{name}.", f".{twin}.", 1)}) for q in own]
    finance = start.finance.model_copy(update={"quotes": [*start.finance.quotes, *more]})
    return start.model_copy(update={"finance": finance})


@pytest.mark.parametrize("client", CLIENTS)
def test_a_twin_of_the_leader_leaves_share_loss_and_word(client: str) -> None:
    s = opened(client)
    start = s.scenario
    before = s.results.decision
    assert before.ranking is not None
    best = before.ranking.best
    if start.finance.baseline == best:
        pytest.skip("a twin of what runs today would have to be moved to")
    twin = start.options[best].model_copy(update={"label": "Twin"})
    after = Chain().decide(quoted(with_options(start, twin=twin), best, "twin"))
    assert after.recommended in (best, "twin")
    assert after.share == before.share
    assert after.loss == pytest.approx(before.loss)
    assert after.word == before.word


@pytest.mark.parametrize("client", CLIENTS)
def test_the_first_option_differs_on_both_sides_of_a_switching_value(client: str) -> None:
    s = opened(client)
    for found in s.results.switches:
        assert found.below != found.above
        near = {}
        for name, factor in (("below", 1 - variants.BESIDE), ("above", 1 + variants.BESIDE)):
            change = found.dial.change(found.at * factor)
            near[name] = s.results.chain.decide(put(s.results.said, change)).recommended
        inside = found.dial.grid[0] <= found.at * (1 - variants.BESIDE)
        if inside and found.at * (1 + variants.BESIDE) <= found.dial.grid[-1]:
            assert near == {"below": found.below, "above": found.above}


@pytest.mark.parametrize("client", EVERY)
def test_the_list_holds_every_kind_of_change_and_only_possible_ones(client: str) -> None:
    start = scenario.load(client)
    listed = [variant for variant, _ in tried(client)]
    kinds = {variant.kind for variant in listed}
    assert {"input", "assumed", "offer", "event", "weight", "method"} <= kinds
    assert len({v.set for v in listed}) == len(listed)
    vendors = {o.vendor for o in start.options.values() if o.vendor}
    gone = {lost for v in listed for lost in v.changes.get("suppose.gone", ())}
    assert vendors <= gone
    kept = [v.changes["rules.policies"] for v in listed if "rules.policies" in v.changes]
    for line in start.rules.policies:
        assert [p for p in start.rules.policies if p != line] in kept, line


def test_a_policy_that_is_kept_for_its_price_is_left_out_in_earnest() -> None:
    """Left out of `policies` alone it would come back by its price."""
    start = scenario.changed(
        scenario.load("base"),
        {"rules.policies": [], "rules.policies_up_to": {"no_us_parent": 0.25}},
    )
    chain = Chain()
    settled = chain.settled(chain.designed(start))
    assert settled.rules.policies == ["no_us_parent"]
    assert chain.settled(settled) is settled
    (left_out,) = (v for v in plausible.policies(settled, chain) if "rules.policies" in v.changes)
    without = put(start, left_out.changes)
    assert without.rules.policies == [] and without.rules.policies_up_to == {}
    assert chain.priced_policies(chain.designed(without)) == ()


def test_what_the_file_names_is_tried_together() -> None:
    start = scenario.load("base")
    asked = {"workloads.assistant.arrivals": "agents", "finance.discount_rate": 0.03}
    together = [{"label": "agents and cheap money", "set": asked}]
    named = scenario.changed(start, {"what_if": together})
    found = [v for v in plausible.together(named) if v.kind == "together"]
    assert [(v.what, dict(v.changes)) for v in found] == [("agents and cheap money", asked)]


def test_what_the_file_names_is_the_change_that_is_tried_anyway_and_marked_as_asked() -> None:
    client = "tidewater-apps"
    (asked,) = (variant for variant, _ in tried(client) if variant.asked)
    # The file wants 28,000 requests a day tried, which are twice its own.
    assert (asked.what, asked.settled) == ("volume", "year")
    assert asked.changes["workloads.in-app-writer.requests_per_day"] == 28_000
    assert not [variant for variant, _ in tried(client) if variant.kind == "together"]


@pytest.mark.parametrize(
    ("ranked", "shown"),
    [
        # The worst of what the client settles, of what use shows, of what nothing does.
        (["nothing", "nothing", "an offer", "use", "you"], {0, 3, 4}),
        # What is asked stands for its kind though it does less.
        (["you", "nothing", "use", "use asked"], {0, 1, 3}),
        # An offer that nobody named has room where another kind is missing.
        (["nothing", "an offer", "an offer", "use"], {0, 1, 3}),
        # One kind alone: the worst three; a matter of weight comes last.
        (["weighing", "an offer", "an offer", "an offer"], {1, 2, 3}),
        (["weighing", "nothing"], {0, 1}),
    ],
)
def test_page_one_has_the_worst_of_each_kind_by_what_settles_it(
    ranked: list[Any], shown: set[int]
) -> None:
    changes = [
        turns._Sorted(settler=said.removesuffix(" asked"), asked=said.endswith("asked"))
        for said in ranked
    ]
    assert turns._of_page_one(changes) == shown


def test_a_lead_of_another_by_less_than_matters_is_level() -> None:
    chain = Chain()
    start = scenario.load("base")
    found = chain.decide(start)
    assert found.ranking is not None
    leads = {name: found.ranking.lead(name) for name in found.ranking.names}
    for name, lead in leads.items():
        answer = variants.outcome(found, name).answer
        if name == found.recommended:
            assert answer == "stays"
        else:
            assert lead is not None
            assert answer == ("level" if lead >= -2 else "changes")
    assert variants.outcome(dataclasses.replace(found, ranking=None), "api").answer == "none"


def test_nothing_is_to_be_shown_of_a_choice_that_is_ruled_out() -> None:
    found = opened("klinikverbund-nordheide").results.decision
    assert found.ranking is not None
    assert variants.outcome(found, found.recommended).cleared in (True, False)
    ruled_out = {c.name for c in found.candidates} - {*found.ranking.names}
    assert ruled_out
    for name in ruled_out:
        assert variants.outcome(found, name).cleared is None


@pytest.mark.parametrize(
    ("before", "said"),
    [("30 %", "discount: 20 % instead of 30 %"), ("as planned", "discount: 20 %")],
)
def test_a_change_is_told_with_what_it_takes_the_place_of_where_that_was_said(
    before: str, said: str
) -> None:
    made = Variant(kind="input", what="discount", before=before, after="20 %", changes={})
    assert made.phrase == said


def test_pictures_are_tried_only_where_a_workload_sends_some() -> None:
    base = scenario.load("base")
    name, plain = next(iter(base.workloads.items()))
    assert not list(plausible._pictures(base, name, plain))
    seeing = plain.model_copy(update={"images_per_request": 2.0})
    asked = base.model_copy(update={"workloads": {name: seeing}})
    tried = list(plausible._pictures(asked, name, seeing))
    assert tried
    for variant in tried:
        assert variant.changes.keys() == {f"workloads.{name}.images_per_request"}


@pytest.mark.parametrize("client", EVERY)
def test_the_frame_and_the_list_of_the_command_say_the_same(client: str) -> None:
    s = opened(client)
    rows = s.variants_tried()
    frame = s.variants()
    assert len(rows) == len(frame) + len(s.switching_values())
    # a change after which nothing is first has no option: None in the list, missing in the frame
    keys = [None if pd.isna(key) else key for key in frame["key"]]
    assert [r["option"] for r in rows[: len(frame)]] == keys
    assert all("switching_value" in r for r in rows[len(frame) :])


def test_what_decides_is_assumed_or_blank_and_names_its_present_value() -> None:
    for client in EVERY:
        deciding = opened(client).deciding()
        assert set(deciding.kind) <= {"assumed", "unanswered"}
        order = ["first option", "recommendation", "verdict"]
        places = deciding.effect.map(order.index)
        assert places.is_monotonic_increasing
        assert (deciding["value"] != deciding.other).all()


def test_a_policy_that_a_statute_asks_too_is_nothing_that_the_client_may_drop() -> None:
    # Section 393 SGB V asks for C5 where clouds hold patients' data; Art. 31 SREN for SecNumCloud.
    clinic = opened("klinikverbund-nordheide")
    listed = {v.what: v for v in plausible.policies(clinic.scenario, clinic.results.chain)}
    c5 = listed["policy line: that a service holds a C5 Type 2 attestation"]
    assert not c5.plausible
    assert c5.clause.endswith("though § 393(1) to (4) SGB V asks for the like (open)")
    assert not listed["hard condition: that no rule on data fails"].plausible
    assert not any("drop" in change for change in clinic.turns().change)
    told = clinic.exclusions().set_index("option").loc["Regional cloud"]
    assert "§ 393(1) to (4) SGB V asks for the like (open)" in told.rule

    state = opened("agence-lumiere")
    free = {v.what: v.plausible for v in plausible.policies(state.scenario, state.results.chain)}
    assert not free["policy line: that a service holds a SecNumCloud qualification"]
    assert free["policy line: that the maker of a model is European"]


def test_where_no_statute_asks_the_same_the_client_may_drop_its_policy() -> None:
    clinic = opened("klinikverbund-nordheide")
    industry = put(clinic.scenario, {"client.sector": "industry"})
    listed = {v.what: v for v in plausible.policies(industry, clinic.results.chain)}
    c5 = listed["policy line: that a service holds a C5 Type 2 attestation"]
    assert c5.plausible
    assert "393" not in c5.clause


def test_where_data_may_lie_is_the_clients_requirement_and_no_law() -> None:
    bank = opened("banca-valdora")
    whose = bank.exclusions().set_index("option").whose
    assert whose["Anthropic API"] == "your requirement"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["finance.discont_rate=0.1"], "did you mean discount_rate"),
        (["finance.discount_rate"], "write KEY=VALUE"),
        (["options.nowhere.gpu=x"], "options.nowhere.gpu: is not there"),
        (["finance.discount_rate=much"], "finance.discount_rate"),
        (["finance.horizon_months=[1"], "--set: finance.horizon_months: a list"),
    ],
)
def test_a_change_that_cannot_be_is_refused_with_what_to_write(words: list[str], said: str) -> None:
    with pytest.raises(scenario.ScenarioError, match=said.replace("(", r"\\(")):
        scenario.changed(scenario.load("base"), changes.read(words))


def test_what_a_file_wants_tried_is_checked_before_it_is_tried() -> None:
    start = scenario.load("base")
    wrong = {"what_if": [{"label": "typo", "set": {"finance.discont_rate": 0.1}}]}
    with pytest.raises(scenario.ScenarioError, match="did you mean discount_rate"):
        scenario.changed(start, wrong)
    with pytest.raises(scenario.ScenarioError, match="'OpenAy' is no vendor or model"):
        scenario.changed(start, {"suppose.gone": ["OpenAy"]})
    with pytest.raises(scenario.ScenarioError, match="'gpt-9' is no model of an option"):
        scenario.changed(start, {"suppose.follows": {"gpt-9": "openai/gpt-5.5"}})


def test_changes_survive_being_written_as_words_and_read_again() -> None:
    asked: dict[str, Any] = {
        "finance.discount_rate": {"low": 0.01, "central": 0.02, "high": 0.035},
        "rules.policies": [], "suppose.gone": ["OpenAI", "gpt-5.4-mini"],
        "options.api.attributes.zdr": True, "decision.weights.cost": 1e-05,
        "options.new": {"label": "A: b, {c}", "kind": "api", "models": {"all": "x"}},
    }  # fmt: skip
    assert changes.read(changes.words(asked)) == asked


def test_a_study_of_changes_is_the_study_of_the_changed_scenario() -> None:
    asked = {"finance.price_path": "list"}
    assert study.open("base", asked).scenario.finance.price_path == "list"


@pytest.mark.parametrize(
    ("what", "unit", "today", "at", "told"),
    [
        ("volume", "times the plan", 1.0, 1.7, "volume is above 1.7 times the plan"),
        (
            "weight of cost", "share of all weight", 0.5, 0.25,
            "weight of cost is below 25% of all weight",
        ),
    ],
)  # fmt: skip
def test_where_a_choice_turns_is_told_in_the_unit_of_what_is_turned(
    what: str, unit: str, today: float, at: float, told: str
) -> None:
    dial = SimpleNamespace(what=what, unit=unit, today=today)
    clause = variants.Switch._clause.fget  # type: ignore[attr-defined]
    assert clause(SimpleNamespace(dial=dial, at=at)) == told


def test_offers_that_are_there_already_or_serve_another_model_are_not_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def offer(provider: str, model: str) -> SimpleNamespace:
        way = {"kind": "rented_gpus", "models": {"all": model}, "gpu": "h100", "server": ""}
        return SimpleNamespace(provider=provider, **way)

    mine = offer("mine", "gemma")
    found = {"new": offer("new", "gemma"), "same": offer("mine", "gemma")}
    found["other"] = offer("new", "llama")
    offers = {"rented_gpus": lambda _: found.items()}
    monkeypatch.setattr(plausible.alternatives, "OFFERS", offers)
    monkeypatch.setattr(plausible, "_bandwidth_for_money", lambda *_: 1.0)
    said = SimpleNamespace(options={"mine": mine})
    assert plausible._shortlist(said, "rented_gpus", mine) == {"new": found["new"]}


def test_a_way_is_there_under_any_name_and_a_server_that_is_there_is_no_change() -> None:
    """Rented cards of one seller with one model are one way, whatever card and kind a file names:
    Banca Valdora's choice was offered to it as one more option. Of assekuranz-saentis' two servers
    the one would be the other, without its spare."""
    banca = opened("banca-valdora").scenario
    cloud = banca.options["sovereign"]
    for other in (
        {"kind": "rented_gpus"},
        {"gpu": "l40s-48gb"},
        {"models": {"staff": next(iter(cloud.models.values()))}},
    ):
        assert plausible.alternatives.is_there(banca, cloud.model_copy(update=other))
    for other in ({"provider": "nebius"}, {"models": {"all": "Qwen/Qwen3.6-27B"}}):
        assert not plausible.alternatives.is_there(banca, cloud.model_copy(update=other))
    for client in ("banca-valdora", "assekuranz-saentis"):
        s = opened(client).scenario
        for variant, _ in tried(client):
            for name in variant.options if variant.offer or variant.rebuilds else ():
                rest = {n: o for n, o in s.options.items() if n != name}
                others = s.model_copy(update={"options": rest})
                made = put(s, variant.changes).options[name]
                assert not plausible.alternatives.is_there(others, made), variant.what


def test_several_answers_at_once_are_no_turn_of_their_own_where_one_alone_does_the_same() -> None:
    def turned(changes: dict[str, object], lead: float | None, asked: bool = False) -> Any:
        found = Outcome(
            option="b", present_cost=1.0, share=1.0, lead=lead, cleared=None, answer="changes"
        )
        made = Variant(
            kind="unanswered", what="x", before="", after="", changes=changes, asked=asked
        )
        return made, found

    one = turned({"a": "broken"}, None)
    both = turned({"a": "broken", "b": [1]}, None)
    farther = turned({"a": "broken", "b": [2]}, -3.0)
    wished = turned({"a": "broken", "c": 1}, None, asked=True)
    assert variants.apart([one, both, farther, wished]) == (one, farther, wished)
    # Of tidewater's two blanks one alone, the worst answer to which rules out what runs.
    told = [v.phrase for v, found in tried("tidewater-apps") if found.answer != "stays"]
    assert not [clause for clause in told if "all that is unanswered" in clause]


def test_each_weight_is_tried_at_nought_and_doubled() -> None:
    tried = list(plausible.weights(scenario.load("base")))
    assert tried
    for nought, doubled in zip(tried[::2], tried[1::2], strict=True):
        ((field, none),) = nought.changes.items()
        ((same, twice),) = doubled.changes.items()
        assert field == same and none["central"] == 0
        assert twice["central"] == pytest.approx(2 * float(nought.before), rel=1e-4)
        assert nought.clause.endswith("counts for nothing")
        assert doubled.clause.endswith("counts twice")


@pytest.mark.parametrize(
    ("sector", "before", "after", "share"),
    [("software", "all", "none", 0.0), ("banking", "none", "all", 1.0)],
)
def test_users_are_tried_as_the_others_of_what_is_taken_of_them(
    sector: Any, before: str, after: str, share: float
) -> None:
    # A chat of a software house is taken to be its customers', one of a bank its own people's.
    chat = Workload.model_validate(
        {
            "description": "d", "task": "chat", "users": 100, "requests_per_user_day": 5,
            "models": ["google/gemma-4-31B-it"],
            "input_tokens": {"mean": 2000, "p95": 5000}, "output_tokens": {"mean": 300, "p95": 800},
            "growth_per_year": {"low": 0, "central": 0, "high": 0},
            "latency": {"ttft_s": 2, "tpot_ms": 50, "percentile": 95},
        }
    )  # fmt: skip
    (tried,) = plausible._outsiders("chat", chat, sector)
    assert (tried.before, tried.after) == (before, after)
    assert tried.changes == {"workloads.chat.outside_share": share}


def test_a_sum_with_other_weights_is_not_told_as_another_way_to_sum() -> None:
    start = scenario.load("base")
    said = {}
    for method in ("additive", "free_weights"):
        every = plausible.methods(put(start, {"decision.method": method}))
        said |= {(method, each.after): each.clause for each in every}
    freed = said["additive", ranking.METHODS["free_weights"]]
    assert freed == "the weights of the criteria are any that one may choose"
    stated = said["free_weights", ranking.METHODS["additive"]]
    assert stated == "the weights of the criteria are those stated"
    assert not [clause for clause in said.values() if clause.count("weighted sum") > 1]
