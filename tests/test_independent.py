"""The cash flows of two clients agree to the cent with a script that imports nothing of the kit."""

import json
from pathlib import Path

import independent_cash_flows
import pytest
from siting.cost import cashflow
from siting.inputs import scenario
from siting.study import Study, summary

ROOT = Path(__file__).parents[1]


MACHINES = {
    "polderwerk": {"gpu": "h100-sxm5-80gb", "server": "hgx-h100-8gpu-oem"},
    "tidewater-apps": {"gpu": "l40s-48gb", "server": "server-4x-l40s"},
}
"""Own servers, which the scenarios leave to the kit."""


@pytest.mark.parametrize("client", MACHINES)
@pytest.mark.usefixtures("untried")
def test_cash_flows_agree_with_an_independent_script(client, monkeypatch):
    # What is replayed, and what pages show, has no part in a sum, and takes most of the time.
    monkeypatch.setattr(summary, "_replay", lambda *_: None)
    monkeypatch.setattr(summary, "_shown", lambda *_: {})
    machines = MACHINES[client]
    start = scenario.load(client)
    both = {name: start.options[name] for name in (start.finance.baseline, "owned")}
    asks = start.client.model_copy(update={"yes_means": []})
    alone = start.model_copy(update={"options": both, "client": asks})
    typed = Study(scenario.changed(alone, {f"options.owned.{k}": v for k, v in machines.items()}))
    told = json.loads(json.dumps(typed.summary()))
    plan = typed.results.cost.plan
    fleet = cashflow.option_fleet(plan.options["owned"], plan.central(), plan.years)
    assert fleet is not None
    used = float(fleet.busy[0].mean())
    found = independent_cash_flows.totals(client, told, machines, used)
    assert len(found) == 2
    for name, (plain, present) in found.items():
        cost = told["options"][name]["cost"]
        assert cost["total_cost"] == pytest.approx(plain, abs=0.01), name
        assert cost["present_cost"] == pytest.approx(present, abs=0.01), name


def test_the_script_imports_nothing_of_the_kit():
    text = (ROOT / "tests" / "independent_cash_flows.py").read_text("utf-8")
    assert "import siting" not in text and "from siting" not in text
