"""Page one, the tables, the charts and summary.json of a real client cannot disagree."""

import re

import numpy as np
import pytest
from siting import study
from siting.exhibits import decision as exhibits
from siting.verdict import candidates, decision
from siting.verdict.turns import Flip


@pytest.fixture(scope="module")
def base():
    return study.open("base")


@pytest.fixture(scope="module")
def summary(base):
    found = base.summary()
    return {**found, "ranking": found["options"]}


def text(exhibit):
    return exhibit._repr_mimebundle_()["text/plain"]


def bare(markdown):
    """Markdown without its backslashes and stars."""
    return re.sub(r"\\(.)", r"\1", markdown).replace("**", "")


def test_page_one_answers_four_questions(base):
    items = exhibits.page_one(base).items
    assert [q for q, _ in items] == [
        "What should we do?",
        "How sure is that?",
        "What does it cost?",
        "What would change the answer?",
    ]
    assert all(a.strip() for _, a in items)


def test_page_one_names_the_option_that_summary_json_recommends(base, summary):
    said = bare(exhibits.answer(base))
    found = summary["recommendation"]
    verb = "Stay with" if found["stays"] else "Move to"
    assert said.startswith(f"{verb} {found['label']}.")


def test_the_share_in_words_is_the_share_of_table_chart_and_summary(base, summary):
    d, numbers = base.decision, base.numbers
    best = d.ranking.best
    share = numbers.percent(summary["ranking"][best]["acceptability"][0])
    assert f"ranks first in {share}" in bare(exhibits.certainty(d, numbers))
    assert share in exhibits.acceptability_chart(base).title
    for table in (exhibits.cost_and_regret(base), exhibits.at_a_glance(base)):
        row = table.frame.set_index("option").loc[d.candidate(best).label]
        assert row["ranks first"] == share


def test_the_cost_in_words_is_the_cost_of_the_table_and_of_summary(base, summary):
    d, numbers = base.decision, base.numbers
    cost = decision.present_cost(d.candidate(d.recommended), numbers.currency)
    assert summary["recommendation"]["present_cost"] == cost.as_dict()
    assert exhibits.money(cost, numbers) in bare(exhibits.costs(base))
    row = exhibits.at_a_glance(base).frame.set_index("option")
    label = d.candidate(d.recommended).label
    assert row.loc[label, "present cost"] == exhibits.money(cost, numbers)


def test_the_cost_draws_are_those_of_the_cost_chapter(base):
    # Monte Carlo of the cost chapter: same plan, same seed, hence the same median.
    for name, spread in base.uncertainty.spreads.items():
        assert np.median(base.decision.candidate(name).cost.draws) == pytest.approx(
            spread.present.central
        )


def test_the_central_cost_is_the_central_case_of_the_cash_flows(base, summary):
    for name, option in base.cost.options.items():
        found = summary["ranking"][name]["present_cost"]["central"]
        assert found == pytest.approx(option.present)


def test_each_column_of_points_adds_up_to_the_score_in_the_chart(base, summary):
    for name, entry in summary["ranking"].items():
        if "contributions" in entry:
            assert sum(entry["contributions"].values()) == pytest.approx(entry["score"]["central"])
            shown = base.numbers.number(entry["score"]["central"], 0)
            label = base.decision.candidate(name).label
            assert f"{label} {shown}" in exhibits.ranking_chart(base).alt


def test_every_flip_in_words_stands_in_the_table_and_in_summary(base, summary):
    d = base.decision
    assert len(summary["flip_points"]) == len(d.flips)
    assert len(exhibits.flip_points(base).frame) == len(d.flips)
    assert all(f in d.flips for f in exhibits.main_flips(d))


def test_beyond_a_weight_flip_the_named_option_really_leads(base):
    d = base.decision
    values = np.array([list(v.values()) for v in d.ranking.values.values()])
    order = [c.criterion for c in d.criteria]
    central = np.array([d.weights[c].central for c in order])
    for flip in (f for f in d.flips if f.kind == "weight"):
        j = order.index(flip.subject)
        beyond = flip.threshold + 0.002 * np.sign(flip.threshold - flip.today)
        rest = np.where(np.arange(len(order)) == j, 0, central)
        weights = rest / rest.sum() * (1 - beyond)
        weights[j] = beyond
        assert d.ranking.names[int(np.argmax(values @ weights))] == flip.to


def test_struck_options_are_in_every_table_with_their_reason(base):
    d = base.decision
    for c in d.struck:
        assert c.label in text(exhibits.at_a_glance(base))
        assert c.struck[0] in text(exhibits.struck(base))


def test_measures_of_all_criteria_are_filled_or_said_to_be_unknown(base):
    known = {c.measure for c in base.decision.criteria}
    for c in base.decision.candidates:
        assert set(c.measures) <= known
    table = text(exhibits.measures(base))
    assert table.count("unknown") == sum(
        m not in c.measures for c in base.decision.candidates for m in known
    )


def test_the_baseline_is_in_production_and_costs_once_itself(base):
    c = base.decision.candidate(base.scenario.finance.baseline)
    assert c.measures["months_to_production"].central == 0
    assert np.all(c.measures["cost_ratio"].draws == 1)


def test_a_full_move_costs_more_with_higher_bands_and_never_less_than_nothing(base):
    for cost in candidates.switching_costs(base.cost).values():
        assert 0 <= cost.low <= cost.central <= cost.high


def test_the_verdicts_on_quality_in_summary_are_those_of_the_table(base):
    found = base.summary()["quality"]
    shown = text(exhibits.quality(base))
    for parity in (p for p in base.quality.parities if p.verdict != "same model"):
        entry = found[parity.option][f"{parity.workload}, {parity.model}"]
        assert entry["verdict"] == parity.verdict
        assert f"{parity.model} against {parity.reference}" in shown


def test_flip_sentences_say_which_way_the_value_moves(base):
    d, numbers = base.decision, base.numbers
    name = d.candidates[0].name
    dearer = Flip("price", name, 1.0, 1.5, "times", d.candidates[1].name, True)
    cheaper = Flip("price", name, 1.0, 0.5, "times", name, True)
    assert "rises by 50" in exhibits.flip_sentence(dearer, d, numbers)
    assert "its cost falls by 50" in exhibits.flip_sentence(cheaper, d, numbers)
