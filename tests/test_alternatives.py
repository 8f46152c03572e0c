"""Alternatives that a scenario does not name, and open models by the token at a host."""

import datetime as dt
import re
from dataclasses import replace

import pytest
from siting import quality, study
from siting.cost import prices
from siting.inputs import scenario
from siting.inputs.scenario.model import NAME
from siting.verdict import alternatives
from studies import opened

DAY = dt.date(2026, 11, 24)


def test_a_request_at_a_host_costs_its_tokens():
    # OVHcloud, gpt-oss-120b: 0.08 EUR in and 0.40 out per million: 3,000 and 400 tokens
    load = prices.BilledTokens(input_mean=3000, input_sigma=0.0, output_mean=400, cached_share=0.0)
    found = prices.open_request("ovhcloud", "openai/gpt-oss-120b", load, 0, DAY, "EUR")
    assert found.currency == "EUR"
    assert found.per_request == pytest.approx((3000 * 0.08 + 400 * 0.40) / 1e6)


def test_a_host_that_does_not_sell_a_model_is_told_with_those_that_do():
    load = prices.BilledTokens(input_mean=3000, input_sigma=0.0, output_mean=400, cached_share=0.0)
    with pytest.raises(prices.NotPriced, match=r"known hosts: .*infomaniak"):
        prices.open_request("scaleway", "google/gemma-4-31B-it", load, 0, DAY, "EUR")


def test_the_option_that_is_found_is_ranked_when_it_is_pasted(tmp_path):
    chosen = scenario.load("base")
    found = alternatives.search(chosen, ["open_api"], judged=3)
    best = found[0]
    assert best.present < opened("base").results.cost.options["api"].present
    piece = "\n".join("  " + line for line in best.paste.splitlines())
    file = tmp_path / "client.yaml"
    base = chosen.model_dump(mode="json", exclude_none=True)
    del base["evidence"]
    text = scenario.as_yaml({k: base[k] for k in ("workloads", "options")}) + piece + "\n"
    file.write_text(text + 'evidence: [{fields: ["*"], source: x, locator: x, date: 2026-11-01}]\n')
    again = study.open(str(file))
    assert again.results.cost.options[best.name].present == pytest.approx(best.present, rel=1e-6)


def test_an_alternative_is_as_good_as_its_worst_workload(monkeypatch):
    real = quality.assess

    def of_two_workloads(chosen: scenario.Scenario) -> quality.Parities:
        found = real(chosen)
        both = [replace(p, verdict=v) for p in found.parities for v in ("better", "unknown")]
        return replace(found, parities=tuple(both))

    monkeypatch.setattr(quality, "assess", of_two_workloads)
    (best,) = alternatives.search(scenario.load("base"), ["open_api"], judged=1)
    assert best.quality == "unknown"


@pytest.mark.parametrize("kind", ["rented_gpus", "servers"])
def test_no_offer_is_lost_because_another_has_its_name(kind):
    chosen = scenario.load("base")
    made = [o for _, o in alternatives.OFFERS[kind](chosen) if not alternatives.is_there(chosen, o)]
    found = alternatives.offers(chosen, kind)
    assert list(found.values()) == made
    assert all(re.match(NAME, name) for name in found)


def test_alternatives_of_each_kind_are_found_and_none_is_named_already():
    chosen = scenario.load("base")
    for kind in alternatives.KINDS:
        found = alternatives.search(chosen, [kind], judged=2)
        assert found, kind
        for r in found:
            assert not alternatives.is_there(chosen, r.option)


def test_a_model_below_the_floor_is_not_offered_though_it_is_the_cheapest():
    # The hospitals' own test: Mistral Small 0.79, the floor 0.82; no hard condition asks for it.
    asked = {"decision.hard_constraints": ["sovereignty"]}
    chosen = scenario.changed(scenario.load("klinikverbund-nordheide"), asked)
    found = alternatives.search(chosen, ["open_api"])
    short = [r for r in found if "Mistral-Small" in r.model]
    assert short and min(found, key=lambda r: r.present) in short
    said = "Mistral Small 3.2 24B is below your floor in your own test: 0.79, not 0.82"
    assert all(said in r.ruled_out for r in short)
    tried = opened("klinikverbund-nordheide").variants()
    assert not tried.what[tried.change_kind == "offer"].str.contains("Mistral Small").any()


def offered(client: str, kind: str, seller: str) -> list[alternatives.Alternative]:
    """Offers of a seller to a client, held against its rules."""
    chosen = scenario.load(client)
    mine = {n: o for n, o in alternatives.offers(chosen, kind).items() if o.provider == seller}
    return alternatives.priced(chosen, mine, len(mine))


def test_no_offer_breaks_a_rule_though_the_client_makes_rules_no_hard_condition():
    # The software house asks for the EU and makes nothing of law hard; DeepSeek keeps logs in
    # China (provider_attributes.csv).
    assert scenario.load("polderwerk").decision.hard_constraints == ["quality"]
    found = offered("polderwerk", "api", "deepseek")
    assert found
    for offer in found:
        assert any("Takes place in CN" in why for why in offer.ruled_out), offer.name
    # Where data may lie anywhere, nothing of it fails.
    elsewhere = offered("tidewater-apps", "api", "deepseek")
    assert elsewhere and not [why for offer in elsewhere for why in offer.ruled_out if "CN" in why]


@pytest.mark.parametrize(
    ("client", "rules"),
    [
        ("klinikverbund-nordheide", {"Place of processing and storage"}),  # data in the EU
        ("agence-lumiere", {"Place of processing and storage", "Operator from the EEA"}),
        ("tidewater-apps", set()),  # neither place nor operator is asked for
    ],
)
def test_a_seller_of_whom_no_country_is_known_is_not_offered_where_a_rule_hangs_on_it(
    client, rules
):
    silent = "no country of machines or seller is on file"
    found = offered(client, "rented_gpus", "hyperbolic")
    assert found
    for offer in found:
        assert not offer.option.country
        told = {why.split(" (")[0] for why in offer.ruled_out if silent in why}
        assert told >= rules if rules else not told
    # Of Seeweb the seller's country is known: it is asked where the cards stand.
    for offer in offered(client, "rented_gpus", "seeweb"):
        assert not [why for why in offer.ruled_out if silent in why]
