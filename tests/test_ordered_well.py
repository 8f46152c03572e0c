"""What is left to the kit is never dearer than what a client typed."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from siting.cost import costing
from siting.inputs import scenario
from siting.inputs.scenario.changes import put
from siting.inputs.scenario.model import BEST, Option, Scenario
from siting.places import COMMITTED, MIXED, OWNED, SELF_HOSTED
from siting.verdict import design, ordered, plausible
from siting.verdict.chain import Chain
from studies import FEW

TRIALS = 2
"""Scenarios at random for each client."""


def at_random(client: str, number: int) -> Scenario:
    """A client with another load, horizon and discount rate."""
    chance = random.Random(f"{client} {number}")
    found = scenario.load(client)
    changes: dict[str, Any] = {
        "finance.horizon_months": chance.choice([36, 48, 60]),
        "finance.discount_rate": round(chance.uniform(0.02, 0.12), 3),
    }
    for name, load in found.workloads.items():
        times = 10 ** chance.uniform(-0.5, 0.5)
        for line in ("requests_per_user_day", "requests_per_day", "requests_per_month"):
            if value := getattr(load, line):
                changes[f"workloads.{name}.{line}"] = value * times
    return put(found, changes)


def opened(option: Option, field: str) -> Option:
    """An option with one field left to the kit."""
    return option.model_copy(update={field: None if field == "tensor_parallel" else BEST})


FIELDS = ("gpu", "server", "weights", "tensor_parallel")


@pytest.mark.parametrize("client", FEW)
def test_a_machine_that_is_left_to_the_kit_is_never_dearer_than_what_was_typed(client: str) -> None:
    chance = random.Random(client)
    for number in range(TRIALS):
        chain = Chain()
        s = chain.built(at_random(client, number))
        own = [n for n, o in s.options.items() if o.kind in SELF_HOSTED]
        if not own:
            return
        name = chance.choice(own)
        option = s.options[name]
        field = chance.choice([f for f in FIELDS if f != "server" or option.kind in OWNED])
        typed = chain.as_planned(s, name)
        free = s.model_copy(update={"options": {**s.options, name: opened(option, field)}})
        found = chain.as_planned(chain.built(free), name)
        if design.refused(typed) or typed.present is None:
            continue
        assert found.present is not None, (number, name, field)
        assert found.present <= typed.present * (1 + 1e-9), (number, name, field)


BEST_OF = {"commitment": BEST, "effort": BEST, "models": {"all": BEST}}


@pytest.mark.parametrize("client", FEW)
def test_a_model_effort_or_term_that_is_left_to_the_kit_is_never_dearer(client: str) -> None:
    chance = random.Random(f"{client} ordered")
    for number in range(TRIALS):
        chain = Chain()
        s = chain.built(at_random(client, number))
        names = [n for n, o in s.options.items() if o.kind not in MIXED and n != s.finance.baseline]
        name = chance.choice(names)
        option = s.options[name]
        fields = [f for f in BEST_OF if f != "commitment" or option.kind in COMMITTED]
        field = chance.choice(fields)
        left = option.model_copy(update={field: BEST_OF[field]})
        free = s.model_copy(update={"options": {**s.options, name: left}})
        typed = chain.as_planned(s, name)
        built = chain.built(free)
        taken = built.options[name]
        assert not ordered.is_open(taken) or not taken.models
        if field != "commitment":
            standing = ordered._worst(s, taken) if taken.models else "in"
            assert standing != "out"
            if ordered._worst(s, option) != "in":  # what was typed may not take part
                continue
        if design.refused(typed) or typed.present is None:
            continue
        found = chain.as_planned(built, name)
        assert found.present is not None, (number, name, field)
        assert found.present <= typed.present * (1 + 1e-9), (number, name, field)


def said(name: str, **left: Any) -> Scenario:
    return scenario.changed(
        scenario.load("tidewater-apps"), {f"options.{name}.{k}": v for k, v in left.items()}
    )


def test_what_is_left_out_is_left_to_the_kit_and_what_runs_today_is_not() -> None:
    for left in ({"models": {}}, {"models": {"all": BEST}}, {"effort": BEST}, {"effort": ""}):
        taken = Chain().built(said("second-api", **left)).options["second-api"]
        assert taken.effort in ("", *ordered.EFFORTS, "high")
        assert BEST not in taken.models.values()
    for left in ({"models": {}}, {"models": {"all": BEST}}, {"effort": BEST}):
        with pytest.raises(scenario.ScenarioError, match="it runs today, and is there already"):
            said("api", **left)
    with pytest.raises(scenario.ScenarioError, match="one model is chosen for all workloads"):
        said("second-api", models={"in-app-writer": BEST})


@pytest.mark.parametrize("client", FEW)
def test_what_is_designed_once_is_designed(client: str) -> None:
    chain = Chain()
    once = chain.designed(scenario.load(client))
    assert list(chain.designed(once).options) == list(once.options)
    # each further way is there because it costs less than what was typed at its place
    said = chain.built(scenario.load(client))
    for name in once.options.keys() - said.options.keys():
        typed = max((n for n in said.options if name.startswith(n)), key=len)
        ways = chain.as_planned(once, name).present, chain.as_planned(once, typed).present
        assert None not in ways
        assert ways[0] < ways[1], name


def test_a_model_that_fails_its_test_is_among_the_changes_and_another_takes_its_place() -> None:
    chain = Chain()
    s = chain.built(scenario.load("klinikverbund-nordheide"))
    (change,) = plausible.failed_tests(s, chain)
    assert change.changes == {"suppose.gone": ["gpt-5.6-luna"]}
    found = chain.decide(put(s, change.changes))
    assert found.recommended is not None
    assert "luna" not in found.recommended


def test_the_renewal_of_todays_contract_is_paid_for_its_whole_term() -> None:
    # Banca Valdora's contract of 31 March 2027 renews for a year: 16 months from the report, less
    # those until the choice serves.
    chain = Chain()
    s = chain.built(scenario.load("banca-valdora"))
    chosen = chain.decide(s).recommended
    (change,) = plausible.renewals(s, chain)
    serves = chain.designed(s).options[str(chosen)].months_to_production.central
    assert change.changes["finance.parallel_months"] == pytest.approx(16.2 - serves, abs=0.1)


def test_an_invoice_beyond_the_list_may_be_one_of_more_tokens() -> None:
    s = scenario.load("tidewater-apps")
    name = s.finance.baseline
    quote = {
        "item": f"option.{name}.api_request", "value": 0.1, "unit": "USD/request",
        "source": "invoice", "date": dt.date(2026, 11, 1),
    }  # fmt: skip
    s = put(s, {"finance.quotes": [quote]})
    dearer, longer = plausible.invoices(s)
    assert dearer.changes == {"finance.quotes": []}
    assert longer.changes["finance.quotes"] == []
    (paid, *_) = costing.beside_list(s, name)
    before = s.workloads[paid.workload].input_tokens
    after = longer.changes[f"workloads.{paid.workload}.input_tokens"]
    assert after["mean"] / before.mean == after["p95"] / before.p95 == pytest.approx(paid.times)


def test_the_next_two_servers_that_carry_the_load_are_tried() -> None:
    chain = Chain()
    s = chain.built(scenario.load("assekuranz-saentis"))
    tried = [v.changes for v in plausible.hardware(s, chain)]
    for name in {path.split(".")[1] for changes in tried for path in changes}:
        servers = [c[f"options.{name}.server"] for c in tried if f"options.{name}.server" in c]
        assert 1 <= len(set(servers)) == len(servers) <= plausible.MACHINES
        assert s.options[name].server not in servers
