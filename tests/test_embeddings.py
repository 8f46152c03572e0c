"""Work that makes vectors: its price, its stock, and options that cannot do it."""

from pathlib import Path

import pytest
from cost_fixtures import sized
from siting import study
from siting.cli import scenarios
from siting.cost import costing, prices
from siting.inputs import scenario
from siting.inputs.scenario import DocumentError
from siting.verdict import alternatives, ordered
from siting.verdict.chain import Chain

SHOP = """
client: {name: Shop, country: PL, currency: USD, report_date: 2026-12-01, sector: other}
workloads:
  chat: {requests_per_day: 10_000, input_tokens: {mean: 1_000}, output_tokens: {mean: 200}}
  search:
    task: embed
    requests_per_day: 4_200_000
    input_tokens: {mean: 38}
    stock_tokens: 1_470_000_000
options:
  azure:
    {label: Azure, kind: managed_cloud, vendor: Microsoft Azure, provider: azure, country: SE,
     effort: none, models: {chat: gpt-5.4-mini, search: text-embedding-3-large}}
  mistral:
    {label: Mistral, kind: api, vendor: Mistral, provider: mistral,
     country: FR, models: {chat: mistral-small-latest, search: mistral-embed}}
  openai:
    {label: OpenAI, kind: api, vendor: OpenAI, provider: openai, country: IE, effort: none,
     models: {all: gpt-5.4-mini}}
  own:
    {label: Own, kind: on_premises, models: {all: Qwen/Qwen3.6-27B}, effort: none, country: PL,
     gpu: l40s-48gb}
finance: {baseline: azure, horizon_months: 48}
evidence:
  - {fields: ["*"], source: Call, date: 2026-11-20}
"""

ELSEWHERE = """  elsewhere:
    {label: Elsewhere, kind: api, vendor: OpenAI, provider: openai, country: IE, effort: none,
     models: {chat: gpt-5.4-mini, search: text-embedding-3-large}}
"""


def loaded(folder: Path, text: str = SHOP) -> scenario.Scenario:
    path = folder / "shop.yaml"
    path.write_text(text, encoding="utf-8")
    return scenario.load(path)


def test_vectors_cost_their_input_and_the_stock_where_the_model_changes(tmp_path):
    """Per million tokens 0.143 at Azure in the EU and 0.10 at Mistral; 1.47 billion in stock."""
    shop = loaded(tmp_path)
    plan = costing.compile_plan(shop, {name: sized(shop, name) for name in shop.options})
    assert plan.factors["api_request.azure.search"].value.central == pytest.approx(38 * 0.143e-6)
    assert plan.factors["api_request.mistral.search"].value.central == pytest.approx(3.8e-6)
    assert plan.factors["stock_price.mistral.search"].value.central == pytest.approx(147)
    assert "stock_price.azure.search" not in plan.factors  # today's vectors can stay
    once = [line for line in plan.options["mistral"].lines if line.item.driver == "stock"]
    assert [(line.workload, line.item.category) for line in once] == [("search", "migration")]


def test_the_answer_embeds_a_stock_anew_only_where_the_model_changes(tmp_path):
    """As another seller of today's model does not, and another model does."""
    shop = loaded(tmp_path, SHOP.replace("  own:\n", f"{ELSEWHERE}  own:\n"))
    chain = Chain()
    paid = {}
    for name in ("azure", "elsewhere", "mistral"):
        priced = chain.option(shop, name)
        assert priced is not None, name
        paid[name] = priced.paid_for("migration_embedding:search")
    assert paid["azure"] == paid["elsewhere"] == 0
    assert paid["mistral"] == pytest.approx(147)


def test_who_stays_with_a_seller_trains_no_users_for_another_model():
    s = scenario.load("tidewater-apps")
    chain = Chain()
    (other,) = (way for way in ordered.others(s) if way.standing == "in")
    both = ordered.with_option(s, other.name, other.option)
    priced = chain.costs(both)
    assert priced[other.name].paid_for("migration_evaluation") > 0
    assert priced[other.name].paid_for("migration_training") == 0


def test_an_option_that_writes_text_alone_is_not_priced_in_silence(tmp_path):
    shop = loaded(tmp_path)
    why = costing.compile_plan(
        shop, {name: sized(shop, name) for name in shop.options}
    ).not_estimated
    assert why["openai"] == "OpenAI sells no vectors of gpt-5.4-mini here; nobody on file does"
    assert "no speed of Qwen/Qwen3.6-27B is on file as it makes vectors" in why["own"]
    with pytest.raises(prices.NotPriced, match=r"sells no vectors .* here; Mistral does"):
        prices.embedding(shop.options["azure"], "mistral-embed", 1, shop.client.report_date)


def test_what_may_change_is_tried_of_vectors_too(tmp_path):
    """Its vector is no text that somebody wrote."""
    s = study.Study(loaded(tmp_path))
    tried = {path for variant in s.results.to_try for path in variant.changes}
    assert "workloads.search.input_tokens" in tried
    assert "workloads.search.output_tokens" not in tried


def test_no_offer_of_a_single_model_does_work_of_two_kinds(tmp_path):
    shop = loaded(tmp_path)
    assert alternatives.offers(shop, "open_api")
    assert not alternatives.search(shop)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mistral-embed", "mistral-embedd", "no model of embeddings; did you mean mistral-embed?"),
        ("{mean: 38}", "{mean: 38}\n    output_tokens: {mean: 9, p95: 9}",
         "embed writes no text; remove"),
        ("{requests_per_day: 10_000", "{stock_tokens: 9, requests_per_day: 1", "only embed has"),
        ("effort: none, country: PL", "effort: none, commitment: 1y", "own.commitment: an option"),
    ],
)  # fmt: skip
def test_what_would_change_nothing_is_refused(tmp_path, old, new, said):
    with pytest.raises(DocumentError) as refused:
        loaded(tmp_path, SHOP.replace(old, new))
    assert said in str(refused.value)


def test_check_names_people_whose_law_no_rule_looks_at(tmp_path):
    there = SHOP.replace("country: PL, currency", "country: PL, people: [PL, CZ, CA, JP], currency")
    (said,) = scenarios.abroad(loaded(tmp_path, there))
    assert said.startswith("client.people: no rule on file looks at people in JP; ask counsel")
