"""The decision: small cases whose answer can be seen, and rules that must always hold."""

import dataclasses
import datetime as dt
import itertools
from collections import defaultdict
from types import SimpleNamespace as Made

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import study
from siting.catalogue import settings as settings_of
from siting.catalogue import table
from siting.draws import DRAWS
from siting.inputs import scenario
from siting.inputs.scenario.model import Readiness
from siting.quantity import Range
from siting.verdict import decision as deciding
from siting.verdict import knowledge, plan, ranking
from siting.verdict.decision import Case, advise, decide, inputs
from siting.verdict.knowledge import Driver, Knowledge
from siting.verdict.plan import Facts, PlanStep, Turning
from siting.verdict.ranking import Barrier, Candidate, Doubt, Sampled

CRITERIA = ranking.all_criteria()
WEIGHTS = ranking.weights_of({}, CRITERIA)
WORDS = {"model": "the model", "reference": "the model in use", "vendor": "the vendor"}
WORDS |= {"tried": "500 items", "guard": ""}
OWN = {"model": "Gemma", "reference": "GPT"}
REVIEW = Made(
    label="transfer impact assessment",
    reason="Not known.",
    clears="Write it.",
    owner="data protection",
    findings=(Made(rule=Made(rule_id="GDPR-46-1")),),
    awaited=None,
    may_not_apply=False,
)
LACKS = frozenset(f"no {what}" for what in Readiness.model_fields)
NONE_ENDS = {**WORDS, "ending": ""}
FACTS = Facts(
    words=defaultdict(lambda: NONE_ENDS, own={**NONE_ENDS, **OWN}),
    reviews={"own": [REVIEW]},
    holds=LACKS,
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
        name=name,
        label=name.title(),
        kind=kind,
        measures=measures,
        cost=Sampled(1e6 * cost * swing, 1e6 * cost),
        **more,
    )


def broken(told):
    return Barrier(told=told, by="condition", line="budget")


def case(*candidates, baseline="api", **more):
    return Case(
        candidates=candidates,
        baseline=baseline,
        criteria=CRITERIA,
        weights=WEIGHTS,
        seed=1,
        **more,
    )


def taken(*candidates, **more):
    return decide(case(*candidates, **more))


def advised(*candidates, facts=FACTS, drivers=()):
    return advise(taken(*candidates), facts, drivers)


def test_a_much_cheaper_option_with_proven_quality_is_recommended_with_confidence():
    found = taken(candidate("api", 1.0), candidate("own", 0.4, "on_premises"))
    assert (found.recommended, found.word.word) == ("own", "clear")


def test_staying_with_the_api_can_be_the_answer():
    found = taken(candidate("api", 1.0), candidate("own", 2.5, "on_premises"))
    assert found.recommended == "api"
    assert found.stays


DOUBT = Doubt(
    point="Gemma as good as GPT", reason="one board only", clears="Test it.", quality=True
)


def test_an_option_that_is_not_cleared_may_lead_and_says_what_clears_it():
    own = candidate("own", 0.4, "on_premises", uncleared=(DOUBT,))
    found = taken(candidate("api", 1.0), own)
    assert found.recommended == "own"
    assert found.candidate("own").uncleared[0].clears == "Test it."
    assert not found.cleared
    steps = advise(found, FACTS, ()).plan
    assert any("Test Gemma against GPT" in step.row.step for step in steps)


def test_where_one_option_is_left_no_knowledge_could_change_the_choice_and_none_is_priced():
    assert advised(candidate("api", 1.0)).perfect_information is None
    assert advised(candidate("api", 1.0), candidate("own", 0.9)).perfect_information is not None


def test_options_that_cannot_be_told_apart_are_called_open():
    # Three alike in the mean whose costs swing apart: another is better more often than not.
    wide = {"spread": 0.5}
    found = taken(*(candidate(n, 1.0, **wide) for n in ("other", "third", "api")))
    assert found.word.word == "open"


def test_the_word_baseline_alone_moves_nothing():
    options = [candidate(n, c) for n, c in (("api", 1.0), ("own", 0.8), ("third", 1.4))]
    found = [taken(*options, baseline=baseline) for baseline in ("api", "own", "third", "none")]
    assert len({(d.recommended, d.word.word, d.share) for d in found}) == 1


@settings(max_examples=15, deadline=None)
@given(st.permutations([("a", 1.0), ("b", 0.8), ("c", 1.4)]), st.sampled_from(["", "other-", "z"]))
def test_names_and_order_of_options_change_nothing(options, prefix):
    found = taken(
        *(dataclasses.replace(candidate(n, c), name=prefix + n, label=n) for n, c in options)
    )
    plain = taken(*(candidate(n, c) for n, c in (("a", 1.0), ("b", 0.8), ("c", 1.4))))
    assert found.recommended == prefix + plain.recommended == prefix + "b"
    assert {n: found.ranking.score(n).central for n in found.ranking.names} == pytest.approx(
        {prefix + n: plain.ranking.score(n).central for n in plain.ranking.names}
    )
    assert found.share == plain.share


@settings(max_examples=40, deadline=None)
@given(st.floats(0.05, 60), st.floats(1.001, 20))
def test_a_score_falls_strictly_with_cost(cost, times):
    dear, cheap = (
        taken(candidate("api", 1.0), candidate("own", c, spread=1e-9)).ranking.score("own").central
        for c in (cost * times, cost)
    )
    assert dear < cheap


def test_a_dearer_option_always_scores_less_however_dear_it_is():
    scores = [
        taken(candidate("api", 1.0), candidate("own", cost, "on_premises", spread=1e-9))
        .ranking.score("own").central
        for cost in (0.5, 1.0, 2.0, 2.1, 4.4, 9.0, 50.0)
    ]  # fmt: skip
    assert all(a > b for a, b in itertools.pairwise(scores))


def test_a_test_that_costs_more_than_its_answer_is_worth_is_no_step():
    test = knowledge.experiment_for("demand")

    def known(worth, rate=1.0):
        return Knowledge(driver="demand", label="demand", worth=worth, experiment=test, rate=rate)

    assert not known(test.cost.central - 1).pays
    assert known(test.cost.central + 1).pays
    # In francs at 0.5 a euro the same test costs half.
    assert known(test.cost.central - 1, rate=0.5).pays


def test_an_estimate_in_another_currency_claims_no_further_digits():
    days = Range(2000, 4500, 9000, unit="EUR")
    francs = knowledge.estimate_in(days, 0.91932, "CHF")
    # 1838.64, 4136.94 and 8273.88 francs.
    assert francs == Range(1800, 4100, 8300, unit="CHF")
    odd = Range.exact(4567, "EUR")
    assert knowledge.estimate_in(odd, 1.0) == odd


def test_a_step_of_one_sector_is_not_given_to_another():
    found = {}
    for sector in ("banking", "health"):
        facts = dataclasses.replace(FACTS, holds=frozenset({"critical"}), sector=sector)
        steps = advised(candidate("api", 1.0), facts=facts).plan
        found[sector] = " ".join(s.row.step + s.row.why for s in steps)
    assert "exit plan" in found["banking"]
    assert "financial" not in found["health"]


def test_a_struck_option_stays_visible_with_its_reason_and_its_price():
    own = candidate("own", 0.1, "on_premises", barriers=(broken("fails rule R1"),))
    found = taken(candidate("api", 1.0), own)
    assert found.recommended == "api"
    assert [c for c in found.candidates if c.struck] == [own]
    assert found.candidate("own").cost is not None


def test_with_every_option_struck_nothing_is_recommended():
    found = taken(candidate("api", 1.0, barriers=(broken("over budget"),)))
    assert found.recommended is None
    assert found.ranking is None
    assert found.share == 0


def test_options_that_begin_alike_hold_together_more_often_than_each_alone():
    own = candidate("own", 0.8, "on_premises", spread=0.3, begins="own servers")
    mix = candidate("mix", 0.8, "hybrid", spread=0.3, begins="own servers")
    found = taken(own, mix, candidate("api", 1.2, begins="the API"))
    first = found.first_moves[0]
    assert (first.words, set(first.options)) == ("own servers", {"own", "mix"})
    assert first.share > found.share
    assert first.share == found.ranking.holds(["own", "mix"], ranking.matters_points())


def test_a_loss_of_points_is_told_as_the_money_that_buys_them():
    # Cost weighs 30 of 95 points and is worth 1 at nothing, 0 at twice the usual: a point costs
    # usual × 2 ÷ (100 × 30/95).
    found = taken(candidate("api", 1.0), candidate("own", 1.0, "on_premises"), usual=300_000.0)
    total = sum(w.central for w in WEIGHTS.values())
    share = WEIGHTS["cost"].central / total
    assert found.point == pytest.approx(300_000 * 2 / (100 * share))
    assert found.loss == pytest.approx(found.point * found.ranking.regret(found.recommended))


def test_contributions_add_up_to_the_score_of_every_option():
    found = taken(candidate("api", 1.0), candidate("own", 0.7, "on_premises"))
    for name, parts in zip(found.ranking.names, found.ranking.contributions, strict=True):
        assert sum(parts) == pytest.approx(found.ranking.score(name).central)


def test_knowing_the_deciding_input_is_worth_no_more_than_knowing_everything():
    rng = np.random.default_rng(3)
    price = rng.uniform(0.5, 1.5, DRAWS)
    one = Sampled(np.ones(DRAWS), 1.0)
    api = Candidate(
        name="api",
        label="API",
        kind="api",
        measures={"cost_ratio": one},
        cost=Sampled(1e6 * price, 1e6),
    )
    own = Candidate(
        name="own",
        label="Own",
        kind="on_premises",
        measures={"cost_ratio": Sampled(1 / price, 1.0)},
        cost=Sampled(np.full(DRAWS, 1e6), 1e6),
    )
    drawn = {"API price": price, "noise": rng.uniform(size=DRAWS)}
    drivers = tuple(Driver(name=n, label=n, band=Range.exact(1), draws=x) for n, x in drawn.items())
    found = advised(api, own, drivers=drivers)
    best = found.knowledge[0]
    assert best.label == "API price"
    assert 0.9 * found.perfect_information < best.worth <= found.perfect_information


def test_open_findings_and_critical_functions_appear_in_the_plan():
    steps = advised(candidate("api", 1.0), candidate("own", 0.4, "on_premises")).plan
    assert any("transfer impact assessment" in step.row.step for step in steps)
    assert not any("exit plan" in step.row.step for step in steps)
    assert [s.row.day for s in steps] == sorted(s.row.day for s in steps)


def test_every_plan_step_of_the_table_can_be_filled_in_and_has_a_known_condition():
    facts = dataclasses.replace(
        FACTS, words={"b": {"ending": "x"}}, reviews={"b": [REVIEW]}, holds=LACKS | {"critical"}
    )
    doubtful = candidate("b", 1.0, uncleared=(DOUBT,))
    known = plan.conditions(doubtful, "a", [], facts) | {"stay", "switch", "measure"}
    known |= {"renewing", "leaving", "leaving at go", "bridging", "turning", "counsel", "overlap"}
    known |= {"mends", "moving", "ceasing", "dated", "proving", "piloting", "today", "due soon"}
    words = [
        "counsel",
        "tried",
        "guard",
        "today",
        "option",
        "model",
        "reference",
        "vendor",
        "reviews",
        "ending",
        "experiment",
        "measured",
        "owner",
        "renewed",
        "notice",
        "until",
        "renews",
        "bridge",
        "bridged",
        "offers",
        "turning",
        "before",
        "switch",
        "beside",
        "service",
        "last",
        "asked",
        "also",
        "also_reviewed",
        "proofs",
        "by",
    ]
    for step in table("plan_steps", PlanStep):
        assert step.when in known, step.step
        assert "{" not in (step.step + step.label).format(**dict.fromkeys(words, ""))
        assert step.day in (30, 90, 365)


def test_a_contract_that_ends_has_its_notice_as_a_step_before_that_day():
    def told(days, best):
        renewal = plan.Renewal(
            vendor="Bedrock",
            until=dt.date(2027, 3, 31),
            notice=dt.date(2026, 12, 31),
            days=days,
        )
        facts = dataclasses.replace(FACTS, renewal=renewal)
        own = candidate("own", best, "on_premises")
        steps = advised(candidate("api", 1.0), own, facts=facts).plan
        # Only what the contract asks for comes before the notice: the rest keeps its day.
        own_day = ("renewing", "leaving", "leaving at go")
        assert {s.row.day for s in steps if s.row.when not in own_day} <= {30, 90, 365}
        return [s.row for s in steps if s.row.when in ("renewing", "leaving")]

    (leaving,) = told(37, 0.4)
    assert (leaving.day, leaving.when) == (30, "leaving")
    assert "notice by 31 December 2026" in leaving.step and "past 31 March 2027" in leaving.step
    (renewing,) = told(12, 2.5)
    assert (renewing.day, renewing.when) == (12, "renewing")
    kept = advised(candidate("api", 1.0), candidate("own", 0.4, "on_premises")).plan
    assert not [s for s in kept if s.row.when in ("renewing", "leaving")]


def test_what_an_offer_would_turn_is_asked_for_at_the_price_of_each_offer():
    def told(turning, best):
        facts = dataclasses.replace(FACTS, turning=turning)
        own = candidate("own", best, "on_premises")
        steps = advised(candidate("api", 1.0), own, facts=facts).plan
        return [s for s in steps if s.row.when == "turning"]

    alpha = Turning(clause="you take Alpha, which is no option yet")
    two = (alpha, Turning(clause="it is rented for three years"))
    (step,) = told(two, 2.5)  # today's API stays
    assert step.row.label == "2 written offers of what would turn it"
    assert "that you take Alpha, which is no option yet; that it is rented" in step.row.step
    assert (step.row.day, step.price.central) == (30, 2 * step.row.cost.central)
    (step,) = told(two[:1], 2.5)
    assert step.row.label == "a written offer of what would turn it"
    assert not told((), 2.5)
    (moved,) = told(two, 0.4)  # own servers are moved to: what turns that is asked for as well
    assert moved.price.central == 2 * moved.row.cost.central
    silent = dataclasses.replace(alpha, unshown=("C5 Type 2 attestation",))
    (step,) = told((silent,), 2.5)
    assert (
        step.row.label
        == "a written offer of what would turn it, with proof of C5 Type 2 attestation"
    )
    (step,) = told((dataclasses.replace(silent, seller="Alpha"),), 2.5)
    assert step.row.label == "Alpha's offer and C5 Type 2 attestation"
    assert "no option yet (first proof of C5 Type 2 attestation)" in step.row.step


def test_who_is_asked_for_what_would_turn_the_answer_is_named():
    def asked(*turning):
        facts = dataclasses.replace(FACTS, turning=turning)
        steps = advised(candidate("api", 1.0), candidate("own", 2.5), facts=facts).plan
        (step,) = [s for s in steps if s.row.when == "turning"]
        return step.row.label, step.row.step

    alpha = Turning(clause="you add Alpha", seller="Alpha")
    beta = Turning(clause="Beta is rented by the hour", seller="Beta GPUs")
    gamma = Turning(clause="you add Gamma", seller="Gamma", unshown=("C5",))
    delta = Turning(clause="Delta comes to hold the C5 that it lacks", seller="Delta", lacks="C5")
    assert asked(alpha)[0] == "Alpha's offer"
    assert asked(alpha, beta)[0] == "offers of Alpha and Beta GPUs"
    assert asked(alpha, gamma)[0] == "Alpha's offer; Gamma's offer and C5"
    assert asked(gamma, delta)[0] == "C5 of Gamma and Delta"
    assert "Delta comes to hold the C5 that it lacks (by which day)" in asked(delta)[1]
    unnamed = Turning(clause="it has no spare machine")
    assert asked(alpha, unnamed)[0] == "2 written offers of what would turn it"


def test_what_is_in_hand_is_no_step():
    def told(holds, *points):
        facts = dataclasses.replace(FACTS, holds=holds, reviews={"api": [*points]})
        return " ".join(s.row.label for s in advised(candidate("api", 1.0), facts=facts).plan)

    contingency = Made(rule=Made(rule_id="NIST-62"))
    open_ = Made(**{**vars(REVIEW), "label": "Contingency", "findings": (contingency,)})
    assert "gateway" in told(LACKS, open_) and "fallback model tested" in told(LACKS, open_)
    has_gateway = LACKS - {"no abstraction_layer"}
    assert "gateway" not in told(has_gateway, open_)
    assert "fallback model tested" in told(has_gateway, open_)
    # The rule passes, or waits for an answer: there is nothing to test yet.
    assert "fallback model tested" not in told(LACKS)
    waits = Made(**{**vars(open_), "awaited": Made(name="critical_function")})
    assert "fallback model tested" not in told(LACKS, waits)
    # A rule that a step mends is nobody's to decide besides.
    assert "open points decided" not in told(LACKS, open_)
    assert "open points decided" in told(LACKS, waits)


def test_every_option_kind_has_a_step_for_each_horizon():
    for kind in ("api", "managed_cloud", "rented_gpus", "on_premises", "hybrid"):
        days = {s.row.day for s in advised(candidate("api", 1.0), candidate("x", 0.3, kind)).plan}
        assert days == {30, 90, 365}


def test_the_notice_of_todays_contract_is_as_many_months_before_its_end_or_its_last_day() -> None:
    base = scenario.load("base")
    day = base.client.report_date
    last = dt.date(2027, 3, 31)
    today = base.finance.baseline

    def renewal(months: int | None, until: dt.date | None = last) -> plan.Renewal | None:
        said = scenario.changed(
            base, {"client.notice_months": months, f"options.{today}.contract_until": until}
        )
        return plan.renewal(said)

    found = renewal(3)
    assert found is not None
    assert (found.until, found.notice) == (last, dt.date(2026, 12, 31))
    assert found.days == (dt.date(2026, 12, 31) - day).days
    unsaid = renewal(None)
    assert unsaid is not None and unsaid.notice == last
    past = renewal(12)
    assert past is not None and past.days == 0
    assert renewal(3, None) is None
    assert renewal(3, day + dt.timedelta(days=366)) is None


def test_notice_is_given_without_an_extension_only_where_it_can_wait_for_go_and_leaves_no_gap() -> (
    None
):
    """Go or no-go falls on 22 February 2027, 90 days after the report."""
    decided = dt.date(2027, 2, 22)

    def when(notice: dt.date, until: dt.date, serves: dt.date) -> plan.Notice:
        contract = plan.Renewal(vendor="Bedrock", until=until, notice=notice, days=0)
        return contract.given(decided, serves)

    late = dt.date(2027, 9, 30)
    assert when(dt.date(2026, 12, 31), late, dt.date(2027, 5, 26)) == "extended"
    assert when(dt.date(2027, 6, 30), late, dt.date(2027, 10, 1)) == "extended"
    assert when(dt.date(2027, 6, 30), late, late) == "at go"
    assert when(decided, late, late) == "at go"


@pytest.mark.parametrize(
    ("keeps", "cost", "more", "holds"),
    [
        ("own", 125.0, 0.25, True),  # at its price, no more
        ("own", 126.0, 0.26, False),
        ("own", 80.0, -0.2, True),
        ("api", 100.0, 0.0, True),  # first with it and without
        ("own", None, None, False),  # what cannot be priced
        (None, None, None, False),  # all ruled out
    ],
)
def test_a_policy_is_kept_as_long_as_it_costs_no_more_than_it_may(keeps, cost, more, holds) -> None:
    found = deciding.PricedPolicy(
        line="no_us_parent", at_most=0.25, keeps=keeps, cost=cost, without="api", cost_without=100.0
    )
    assert (found.more, found.holds) == (more and pytest.approx(more), holds)


def test_limits_that_the_client_sets_are_told_among_the_inputs_with_their_source() -> None:
    changes = {
        "decision.hard_constraints": ["sovereignty", "budget"],
        "decision.budget_per_year": 300_000.0,
        "rules.policies_up_to": {"no_us_parent": 0.25},
        "options.owned.room": {"kw": 20.0, "servers": 3},
    }
    limited = scenario.changed(scenario.load("base"), changes)
    units = [(each.value.central, each.value.unit) for each in deciding.limits(limited)]
    assert units == [(300_000, "EUR"), (0.25, "share"), (20, "kW"), (3, "servers")]
    first = next(deciding.limits(limited))
    assert first.name == "budget of a year"
    unasked = scenario.changed(limited, {"decision.hard_constraints": ["sovereignty"]})
    assert next(deciding.limits(unasked)).name == "budget of a year, not a hard condition"


def test_the_clients_own_day_of_go_or_no_go_comes_before_that_of_the_plan() -> None:
    """A board that sits 45 days after the report of 24 November 2026, on 8 January 2027."""
    base = scenario.load("base")
    today = base.finance.baseline
    assert plan.go(base, today) == plan.Go(day=30)
    assert plan.go(base, "rented") == plan.Go(day=90)
    dated = scenario.changed(base, {"decision.date": dt.date(2027, 1, 8)})
    for name in (today, "rented"):
        assert plan.go(dated, name) == plan.Go(day=45, stated=45)

    offer = {"item": "option.rented.gpu_hour", "value": 3, "unit": "EUR/GPU-h", "source": "Offer",
             "date": dt.date(2026, 11, 1), "valid_until": dt.date(2026, 12, 31)}  # fmt: skip
    offered = scenario.changed(dated, {"finance.quotes": [offer]})
    assert plan.go(offered, "rented") == plan.Go(day=37, stated=45)
    assert plan.go(offered, "rented").ends_before
    assert plan.go(offered, "owned") == plan.Go(day=45, stated=45)


def test_nothing_of_a_move_serves_before_go_and_an_early_go_makes_nothing_else_faster() -> None:
    months = Range(1, 4, 8)  # 30, 122 and 244 days
    usual = plan.days_to_serve(months)
    assert usual.ends == pytest.approx((98, 122, 244), abs=0.6)  # 90 and a quarter of 32
    assert plan.days_to_serve(months, 45).ends == pytest.approx((64, 122, 244), abs=0.6)
    assert plan.days_to_serve(months, 120).ends == pytest.approx((128, 152, 274), abs=0.6)


@pytest.mark.parametrize("go", [20, 45, 120])
def test_what_is_due_before_go_is_due_by_the_clients_own_day(go: int) -> None:
    dated = dict.fromkeys(("own", "api"), plan.Go(day=go, stated=go))
    facts = dataclasses.replace(FACTS, go=dated, baseline="api")
    moved = plan.plan(candidate("own", 0.3, "on_premises"), "api", [], facts)
    assert {s.row.day for s in moved} == {min(30, go), go, 365}
    (decided,) = (s for s in moved if s.row.when == "dated")
    assert decided.row.day == go and decided.row.owner == "management"
    stays = plan.plan(candidate("api", 0.3), "api", [], facts)
    assert {s.row.day for s in stays} == {min(30, go), go, 90, 365}


def test_the_plan_says_what_follows_without_an_extension_and_for_how_long() -> None:
    def told(months: int | None, until: dt.date) -> tuple[str, str]:
        said = scenario.changed(
            scenario.load("banca-valdora"),
            {"options.bedrock.renews_for_months": months, "options.bedrock.contract_until": until},
        )
        steps = study.Study(said).results.advice.plan
        (step,) = (s.row for s in steps if s.row.when.startswith("leaving"))
        return step.when, step.step

    when, step = told(12, dt.date(2027, 3, 31))
    assert when == "leaving"
    assert "Without that agreement give none: the contract then renews to 31 March 2028" in step
    when, step = told(None, dt.date(2027, 3, 31))
    assert "renews for a term that you have not stated" in step
    # Live by 26 May 2027 at the latest: notice three months before 31 August can wait for go.
    when, step = told(6, dt.date(2027, 8, 31))
    assert when == "leaving at go"
    assert "by 31 May 2027 once go is signed" in step and "renews to 29 February 2028" in step


@dataclasses.dataclass(frozen=True)
class LastDay:
    """Of a model of a vendor."""

    model: str
    retired: dt.date | None
    vendor: str = "Vendor"


def test_a_plan_names_what_ends_within_a_year_and_what_ends_before_the_option_serves() -> None:
    # Decided on 24 November 2026, the servers serve half a year later, on 26 May 2027.
    own = Made(label="Own servers", months_to_production=Range.exact(6.0))
    said = Made(
        options={"own": own},
        client=Made(report_date=dt.date(2026, 11, 24)),
        finance=Made(baseline="api"),
    )
    ends = (
        LastDay("Alpha", dt.date(2027, 3, 1)),
        LastDay("Beta", dt.date(2027, 8, 1)),
        LastDay("Gamma", dt.date(2028, 3, 1)),
        LastDay("Delta", None),
    )
    risks = Made(options={"api": Made(endings=ends)})
    assert plan._ending(said, risks, "own") == (
        "Alpha at Vendor (last day 1 March 2027, before Own servers serves) and "
        "Beta at Vendor (last day 1 August 2027)"
    )


def test_each_setting_of_the_decision_is_an_input_and_one_of_them_of_promethee_alone() -> None:
    def told(method: str) -> list[str]:
        said = scenario.changed(scenario.load("base"), {"decision.method": method})
        of_limits = {each.name for each in deciding.limits(said)}
        return [each.name for each in inputs(said, ()) if each.name not in of_limits]

    every = [row.meaning.split(";")[0] for row in settings_of("decision_settings").values()]
    assert told("promethee") == every
    assert len(told("additive")) == len(every) - 1
