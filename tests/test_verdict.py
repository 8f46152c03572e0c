"""The verdict in money: the sum, the right to leave, and what no change of form may move."""

import datetime as dt
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import studies
from siting.catalogue import settings
from siting.cost import ledger
from siting.cost.ledger import CashFlow, Totals
from siting.inputs.attributes import properties
from siting.inputs.document import DocumentError
from siting.inputs.scenario import changes
from siting.verdict import options
from siting.verdict.candidate import Barrier, Burden, Candidate, Doubt
from siting.verdict.decision import PARTS, Decision, Fallback
from siting.verdict.leaving import NOWHERE, Course, Terms, leave

N = 400
RANDOM = 200
TERMS = Terms(rate=0.06, months=60, after=2, margin=0.05)
HAS = ("open_weights", "in_country", "own_keys")


def option(name: str, bills: np.ndarray, fall: np.ndarray, **more: object) -> Candidate:
    """An option with these yearly bills in each case and future. [N × 5]"""
    costs = {
        "hold": Totals(present=(bills * TERMS.discount).sum(axis=1), yearly=bills),
        "fall": Totals(present=(fall * TERMS.discount).sum(axis=1), yearly=fall),
    }
    nothing = dict.fromkeys(("loss", "remedies_once", "remedies_yearly"), np.zeros(N))
    has = more.pop("has", frozenset())
    burden = Burden(**{"costs": costs, **nothing, **more})
    return Candidate(name=name, label=name, kind="api", place=name, bears=lambda: burden, has=has)


def bearing(c: Candidate, name: str = "", **other: object) -> Candidate:
    """An option with another burden in this."""
    burden = replace(c.burden, **other)
    return replace(c, name=name or c.name, bears=lambda: burden)


def question(seed: int) -> Decision:
    """A decision at random: three to five options, two futures, losses, remedies, premiums."""
    rng = np.random.default_rng(seed)
    found = []
    for i in range(int(rng.integers(3, 6))):
        level = rng.lognormal(4, 0.6)
        bills = level * rng.lognormal(0, rng.uniform(0.05, 0.8), (N, 1)) * np.ones((1, 5))
        bills *= rng.lognormal(0, 0.1, (N, 5))
        falls = bills * np.where(np.arange(5) < 2, 1, rng.uniform(0.3, 1))
        found.append(
            option(
                f"o{i}",
                bills,
                falls,
                loss=rng.lognormal(1, 0.5, N),
                remedies_once=10.0 * (rng.random(N) < 0.5),
                remedies_yearly=2.0 * (rng.random(N) < 0.5),
                entry=rng.uniform(0, 60),
                bound=rng.uniform(0, 30),
                wait=rng.uniform(0, 0.8),
                has=frozenset(rng.choice(HAS, int(rng.integers(0, 4)), replace=False).tolist()),
            )
        )
    return Decision(
        candidates=tuple(found),
        baseline="o0",
        terms=TERMS,
        falling=float(rng.uniform(0.1, 0.9)),
        premiums={"open_weights": float(rng.uniform(0, 20))},
    )


@pytest.fixture(scope="module")
def at_random() -> tuple[Decision, ...]:
    return tuple(question(seed) for seed in range(RANDOM))


def answered(d: Decision) -> tuple[str | None, float, float | None]:
    return d.recommended, d.share, d.lead


# --- the right to leave, by hand ------------------------------------------------------------------


def course(bill: float, **more: float) -> Course:
    billed = Totals(present=np.full(40, 5 * bill), yearly=np.full((40, 5), bill))
    own = Burden(remedies_once=np.zeros(40), **more)
    return Course(own=own, billed=billed, yearly=np.zeros(40))


def test_who_pays_100_a_year_leaves_for_60_after_two_years():
    # Left are years 3 to 5, paid in their middle: 1.06^-2.5 + 1.06^-3.5 + 1.06^-4.5 = 2.4496.
    # Saved are 40 a year less the move of 30 (worth today): 40 × 2.4496 - 30 = 67.98.
    left = leave(course(100), {"there": course(60, entry=30)}, TERMS)
    assert left.share == 1
    assert left.saved == pytest.approx(np.full(40, -67.98), abs=0.01)


def test_nobody_leaves_for_less_than_the_margin():
    # 96 a year is no 5 % less than 100; nor is 80 once the move of 60 is in: 80 + 60/2.45 = 104.
    left = leave(course(100), {"near": course(96), "far": course(80, entry=60)}, TERMS)
    assert (left.taken == NOWHERE).all()
    assert not left.saved.any()


def test_who_waits_pays_the_old_bill_till_then():
    # Half a year of waiting at 100 instead of 60 costs 20 more: 67.98 + 30 - 20 = 77.98.
    left = leave(course(100), {"there": course(60, wait=0.5)}, TERMS)
    assert left.saved == pytest.approx(np.full(40, -77.98), abs=0.01)


def test_who_comes_pays_the_remedies_there_on_the_day_of_leaving():
    # 30 in two years are 30 × 1.06^-2 = 26.70 today: 97.98 - 26.70 = 71.28.
    there = course(60)
    mends = replace(there, own=replace(there.own, remedies_once=np.full(40, 30.0)))
    left = leave(course(100), {"there": mends}, TERMS)
    assert left.saved == pytest.approx(np.full(40, -71.28), abs=0.01)


def test_nobody_foresees_what_comes_later():
    # The bill there doubles after the year that is looked at: leaving proves wrong, and is counted.
    there = course(60)
    there.billed.yearly[:, 3:] = 200.0
    left = leave(course(100), {"there": there}, TERMS)
    assert left.share == 1
    assert (left.saved > 0).all()


def test_within_two_years_nobody_leaves():
    short = Terms(rate=0.06, months=24, after=2, margin=0.05)
    assert leave(course(100), {"there": course(1)}, short).share == 0


# --- what an option costs, by hand ----------------------------------------------------------------


def paid_at_once(category: str, amount: float, capital: bool = False) -> CashFlow:
    amounts = np.array([amount, *[0.0] * 60])
    return replace(ledger._sum_of_money(category, category, category, amounts), capital=capital)


def test_who_comes_pays_the_move_and_what_machines_lose_until_the_end():
    # Servers of 1,000 last five years. Bought after two, they are three years old in the end: two
    # fifths are in the books, of which a sale brings all but what it loses.
    plan: Any = SimpleNamespace(central=lambda: {"life_years": [5.0]})
    flows = (
        paid_at_once("hardware", 1_000, capital=True),
        paid_at_once("migration", 70),
        paid_at_once("api", 500),
    )
    lost = settings("decision_settings")["exit_value_lost"].range.central
    owned = options.Priced(name="owned", plan=plan, flows=flows)
    terms = replace(TERMS, rate=0.0)
    assert owned.entry(terms) == pytest.approx(1_000 - 400 * (1 - lost) + 70)


def test_remedies_cost_once_in_the_first_year_and_by_the_month_in_each():
    # November and December, then twelve months: 100 once, and 12 a year.
    plan: Any = SimpleNamespace(
        client=SimpleNamespace(report_date=dt.date(2026, 11, 24)),
        finance=SimpleNamespace(fiscal_year_start=1, horizon_months=14),
    )
    paid = np.array([[10.0, 60.0]] * 3)
    remedies = options.Remedied(once=np.full(3, 100.0), yearly=np.full(3, 12.0))
    years = options._paid_by_year(plan, paid, remedies)
    assert [year.central for year in years] == [10 + 100 + 2, 60 + 12]


@pytest.mark.parametrize(("keeps", "found"), [(None, [Doubt]), (False, [Barrier]), (True, [])])
def test_latency_that_nobody_knows_is_open_and_a_limit_that_is_missed_strikes(keeps, found):
    api: Any = SimpleNamespace(capacity=SimpleNamespace(keeps_limits=keeps))
    assert [type(said) for said in options.Assessed.judged(api, "latency")] == found


# --- properties of the sum ------------------------------------------------------------------------


def test_parts_add_up_to_the_sum(at_random):
    for d in at_random:
        for name, mean in d.means.items():
            assert sum(d.part(name, part) for part in PARTS) == pytest.approx(mean)


def test_a_twin_moves_neither_the_first_nor_how_sure_nor_the_lead(at_random):
    for d in at_random[:40]:
        for c in d.candidates:
            twin = replace(c, name=f"{c.name}-twin")
            first, sure, lead = answered(replace(d, candidates=(*d.candidates, twin)))
            assert first == d.recommended
            assert sure == pytest.approx(d.share, abs=0.02)
            assert lead == (d.lead if d.lead is None else pytest.approx(d.lead))


def test_a_dominated_option_is_never_first(at_random):
    for d in at_random:
        best = d.choice
        assert best is not None
        dearer = {
            future: Totals(present=t.present + 5, yearly=t.yearly + 1)
            for future, t in best.burden.costs.items()
        }
        worse = bearing(best, "worse", costs=dearer, loss=best.burden.loss + 1)
        assert replace(d, candidates=(worse, *d.candidates)).recommended == best.name


def scaled(c: Candidate, by: float) -> Candidate:
    own = c.burden
    return bearing(
        c,
        costs={
            f: Totals(present=t.present * by, yearly=t.yearly * by) for f, t in own.costs.items()
        },
        loss=own.loss * by,
        remedies_once=own.remedies_once * by,
        remedies_yearly=own.remedies_yearly * by,
        entry=own.entry * by,
        bound=own.bound * by,
    )


def test_currency_and_order_of_options_move_nothing(at_random):
    for d in at_random:
        first, sure, lead = answered(d)
        other = replace(
            d,
            candidates=tuple(scaled(c, 1.08) for c in reversed(d.candidates)),
            premiums={name: 1.08 * paid for name, paid in d.premiums.items()},
        )
        found = answered(other)
        assert found[0] == first
        assert found[1] == pytest.approx(sure)
        assert found[2] == (None if lead is None else pytest.approx(1.08 * lead))


def test_one_amount_more_for_all_moves_neither_the_first_nor_how_sure(at_random):
    for d in at_random:
        dearer = tuple(
            bearing(
                c,
                costs={
                    f: Totals(present=t.present + 100, yearly=t.yearly)
                    for f, t in c.burden.costs.items()
                },
            )
            for c in d.candidates
        )
        found = replace(d, candidates=dearer, matters=d.counts)
        assert (found.recommended, found.share) == (d.recommended, d.share)


def test_without_leaving_a_dearer_option_changes_nothing(at_random):
    bound = replace(TERMS, after=0)
    for d in at_random:
        kept = replace(d, terms=bound)
        dearest = kept.candidate(list(kept.means)[-1])
        dear = replace(scaled(dearest, 3.0), name="dear", place="dear", has=frozenset())
        more = replace(kept, candidates=(*kept.candidates, dear))
        assert answered(more) == (kept.recommended, kept.share, kept.lead)
        assert more.means.items() >= kept.means.items()


def test_what_is_not_shown_earns_nothing(at_random):
    for d in at_random:
        unknown = tuple(replace(c, has=frozenset()) for c in d.candidates)
        paid = sum(d.premiums.values()) * TERMS.annuity()
        for name in replace(d, candidates=unknown).means:
            assert replace(d, candidates=unknown).part(name, "premiums") == pytest.approx(paid)
        open_ = tuple(
            replace(c, uncleared=(Doubt(point="x", reason="", clears=""),)) for c in d.candidates
        )
        assert replace(d, candidates=open_).means == d.means


def test_just_beyond_a_belief_the_named_option_is_first(at_random):
    turned = 0
    for d in at_random:
        for turn, side in zip(d.beliefs, (-1, 1), strict=True):
            if turn is not None:
                turned += 1
                assert replace(d, falling=turn.at + side * 1e-9).recommended == turn.option
                assert replace(d, falling=turn.at - side * 1e-9).recommended == d.recommended
    assert turned > 20


def test_just_beyond_its_premium_an_option_with_the_property_is_first(at_random):
    solved = 0
    for d in at_random[:40]:
        for found in d.principles(HAS):
            having = {c.name for c in d.competing if found.property in c.has}
            if found.premium is None or found.premium <= 0:
                continue
            solved += 1
            assert d.paying(found.property, found.premium * 1.002).recommended in having
            just = d.paying(found.property, found.premium * (1 - 1e-4) - 1e-4)
            assert just.recommended not in having
    assert solved > 20


def test_a_model_that_nobody_has_measured_counts_where_the_choice_has_a_test_to_pass_elsewhere(
    at_random,
):
    moves = [d for d in at_random if d.choice and not d.stays]
    assert moves
    for d in moves:
        assert d.choice is not None
        today = d.mean(d.baseline)
        alone, beside = d.saving(), d.saving([today / 2])
        assert alone and beside
        whole = today - d.means[d.choice.name]
        assert beside.model == pytest.approx(max(alone.model, today / 2))
        for split in (alone, beside):
            assert split.model + split.place + split.order == pytest.approx(whole)


FLAT = np.full((N, 5), 100.0)
BARRED = (Barrier(reason="no", by="condition"),)


def of_these(*candidates: Candidate) -> Decision:
    """A decision without premiums, in which the last option runs today."""
    today = candidates[-1].name
    return Decision(candidates=candidates, baseline=today, terms=TERMS, falling=0.5, premiums={})


def test_an_option_that_is_left_in_most_cases_is_a_bridge_and_never_next():
    d = of_these(option("cheap", FLAT, FLAT), option("dear", 3 * FLAT, 3 * FLAT))
    assert d.recommended == "cheap"
    assert d.is_bridge("dear")
    assert d.next is None
    assert d.lead is None


def test_an_option_that_fails_a_limit_is_never_first_and_no_way_out():
    barred = replace(option("barred", 0.1 * FLAT, 0.1 * FLAT), barriers=BARRED)
    d = of_these(barred, option("a", FLAT, FLAT))
    assert d.recommended == "a"
    assert d.left("a") == 0


def test_what_a_limit_strikes_falls_with_all_of_which_it_is_open():
    x, y = (Doubt(point=point, reason="", clears="") for point in "xy")
    d = of_these(
        replace(option("first", FLAT, FLAT), uncleared=(x, y)),
        replace(option("too", 1.1 * FLAT, 1.1 * FLAT), uncleared=(x,)),
        replace(option("other", 1.2 * FLAT, 1.2 * FLAT), uncleared=(y,)),
        option("clear", 1.3 * FLAT, 1.3 * FLAT),
    )
    assert d.recommended == "first"
    # Nobody leaves it for what is struck: 120 a year for five years, 4.3369 worth today.
    in_all = pytest.approx(520.43, abs=0.01)
    assert d.fallback == Fallback(point="x", option="other", in_all=in_all)
    assert of_these(option("first", FLAT, FLAT)).fallback is None


def test_nothing_is_first_where_all_fail():
    d = of_these(replace(option("a", FLAT, FLAT), barriers=BARRED))
    assert (d.recommended, d.share, d.lead, d.level) == (None, 0.0, None, ())


# --- on clients -----------------------------------------------------------------------------------


@pytest.fixture(params=["klinikverbund-nordheide", "tidewater-apps"])
def client(request: pytest.FixtureRequest) -> str:
    return request.param


def test_summary_holds_the_verdict_and_its_parts_add_up(client):
    found = studies.opened(client).summary()
    said = found["recommendation"]
    assert said["in_all"] == pytest.approx(found["options"][said["option"]]["in_all"]["total"])
    for option_ in found["options"].values():
        if option_["in_all"]:
            parts = sum(option_["in_all"][part] for part in PARTS)
            assert parts == pytest.approx(option_["in_all"]["total"], abs=1)
        assert {limit["state"] for limit in option_["limits"]} <= {"pass", "fail", "open"}


def test_set_gives_back_each_premium_and_belief_that_is_told(client):
    r = studies.opened(client).results
    for found in r.principles:
        if found.premium and found.premium > 0:
            beyond = {f"decision.premiums.{found.property}": found.premium * 1.01}
            then = r.chain.decide(changes.put(r.said, beyond))
            assert then.choice is not None
            assert found.property in then.choice.has
    for turn, side in zip(r.decision.beliefs, (-1, 1), strict=True):
        if turn is not None:
            beyond = {"finance.falling_prices": turn.at + side * 0.001}
            assert r.chain.decide(changes.put(r.said, beyond)).recommended == turn.option


def test_a_premium_may_be_a_share_of_the_bill():
    s = studies.opened("tidewater-apps")
    said = changes.changed(s.results.said, {"decision.premiums": {"open_weights": "20 %"}})
    assert said.decision.premiums_a_year(1_000.0) == {"open_weights": 200.0}


def test_premiums_that_contradict_are_refused():
    s = studies.opened("tidewater-apps")
    both = {"decision.premiums": {"own_machines": 1.0, "no_own_machines": 1.0}}
    with pytest.raises(DocumentError, match="no option has both"):
        changes.changed(s.results.said, both)


def test_every_property_is_judged_and_named_once():
    known = properties()
    assert len({row.label for row in known.values()}) == len(known)
    for name, row in known.items():
        assert not row.contradicts or known[row.contradicts].contradicts == name
