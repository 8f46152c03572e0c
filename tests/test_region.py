import pytest
from siting.cost import ledger
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.verdict.chain import Chain


@pytest.mark.parametrize("first", ["gpt-6-luna", "gpt-5.4-mini"])
def test_each_model_of_an_option_has_its_own_surcharge_for_the_region(first: str) -> None:
    # Azure's data zone of the EU: 20 % on GPT-6 Luna, 10 % on GPT-5.4 mini. In a mix the claims
    # are billed as where their model serves the letters, too.
    second = {"gpt-6-luna": "gpt-5.4-mini", "gpt-5.4-mini": "gpt-6-luna"}[first]
    said = put(scenario.load("assekuranz-saentis"), {"options.azure.region": "EU"})

    def billed(models: dict[str, str]) -> float:
        plan = Chain().plan(put(said, {"options.azure.models": models}), "azure")
        flows = ledger.flows(plan, "azure", plan.central())
        return float(sum(f.amounts.sum() for f in flows if f.item == "api_usage:claims"))

    mixed = billed({"claims": first, "letters": second})
    assert mixed == pytest.approx(billed({"all": first}), rel=1e-9)
