"""Machines that a scenario leaves to the kit: what is looked at, what is taken, what is refused."""

import datetime as dt
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from siting import catalogue
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.model import BEST
from siting.verdict import design
from siting.verdict.chain import Chain
from siting.verdict.design import Design, Machines
from studies import FEW


@dataclass
class Machine:
    """A server as it was sized, with as much of it as a design looks at."""

    gpu_count: int = 8


@dataclass
class Replicas:
    """A pool, likewise."""

    keeps_limits: bool = True
    calibrated: bool = True
    gpus_per_replica: int = 1


@dataclass
class Sized:
    """What an option needs, likewise."""

    pools: dict[str, Replicas] = field(default_factory=lambda: {"model": Replicas()})
    server: Machine = field(default_factory=Machine)
    beyond_room: dict[int, list[str]] = field(default_factory=dict)


def open_option(**said: Any) -> Scenario:
    """Base with own servers that are left to the kit."""
    machines = {"gpu": BEST, "server": BEST, "weights": "fp8", **said}
    return scenario.changed(
        scenario.load("base"), {f"options.owned.{k}": v for k, v in machines.items()}
    )


def looked_at(
    answers: dict[str, Design], among: tuple[design.Design, ...] = (), **said: Any
) -> tuple[design.Design, ...]:
    """Designs where these servers are as stated, and nobody prices any other."""
    machines = Machines(gpu="", server="", weights="")
    none = Design(machines=machines, sized=None, present=None, unpriced="no price")

    def planned(s: Scenario, name: str) -> Design:
        found = answers.get(s.options[name].server, none)
        return replace(found, machines=Machines.of(s.options[name]))

    return design.looked_at(open_option(**said), "owned", planned, among)


def at(present: float, **sized: Any) -> Design:
    """A design whose machines are those of the option that is looked at."""
    machines = Machines(gpu="", server="", weights="")
    return Design(machines=machines, sized=Sized(**sized), present=present)


def test_the_cheapest_of_those_that_keep_the_limits_is_the_best():
    found = looked_at(
        {
            "server-4x-l40s": at(300.0),
            "dgx-h100": at(200.0),
            "dgx-h200": at(100.0, pools={"model": Replicas(keeps_limits=False)}),
            "dgx-b200": at(50.0, pools={"model": Replicas(calibrated=False)}),
            "dgx-spark": at(20.0, pools={"model": Replicas(gpus_per_replica=8)}, server=Machine(1)),
            "dgx-b300": at(10.0, beyond_room={2: ["30.0 kW with cooling, the room has 12"]}),
            # one pool of two is enough to refuse it
            "hgx-h100-8gpu-oem": at(
                5.0, pools={"fast": Replicas(), "slow": Replicas(keeps_limits=False)}
            ),
        }
    )
    assert [d.machines.server for d in found if not d.refused] == ["dgx-h100", "server-4x-l40s"]
    why = {d.machines.server: d.refused for d in found}
    assert why["dgx-h200"] == "misses the latency limits"
    assert why["hgx-h100-8gpu-oem"] == "misses the latency limits"
    assert why["dgx-b200"] == "speed of these cards was not measured"
    assert why["dgx-spark"] == "one replica would span servers"
    assert why["dgx-b300"] == "in year 2 it needs 30.0 kW with cooling, the room has 12"
    assert why["dgx-a100-640gb"] == "no price"


def test_machines_that_are_fixed_are_left_alone_and_those_left_out_are_designed():
    base = scenario.load("base")
    assert Chain().built(base) is base
    for said in ({"gpu": BEST, "server": BEST}, {"gpu": "", "server": ""}):
        asked = open_option(**said)
        made = Chain().built(asked)
        option = made.options["owned"]
        assert option.server and catalogue.gpu(option.gpu)
        assert made.options["rented"] == asked.options["rented"]


def test_the_design_costs_no_more_than_the_typed_machines_and_keeps_the_limits():
    typed = scenario.changed(
        scenario.load("agence-lumiere"),
        {"options.owned.gpu": "h100-sxm5-80gb", "options.owned.server": "hgx-h100-8gpu-oem"},
    )
    chain = Chain()
    free = {**typed.options, "owned": design.opened(typed.options["owned"])}
    found = chain.designs(typed.model_copy(update={"options": free}), "owned")
    cost = {d.machines.server: d.present for d in found}
    best = found[0]
    assert not best.refused and best.sized is not None and best.sized.keeps_limits
    assert best.present is not None
    assert best.present < (cost["hgx-h100-8gpu-oem"] or 0) / 2
    # what was looked at is priced as an option of the report is
    made = {**typed.options, "owned": best.machines.put_in(typed.options["owned"])}
    priced = chain.option(typed.model_copy(update={"options": made}), "owned")
    assert priced is not None
    rate = typed.finance.discount_rate.central
    worth = sum(
        float(amount) * (1 + rate) ** (-month / 12)
        for flow in priced.flows
        for month, amount in enumerate(flow.amounts)
    )
    assert best.present == pytest.approx(worth, rel=1e-9)


def test_a_room_with_little_power_gets_machines_that_need_little():
    narrow = Chain().designs(open_option(room={"kw": 4.0, "pue": 1.3}), "owned")
    taken = next(d for d in narrow if not d.refused)
    assert taken.sized is not None and not taken.sized.beyond_room
    assert any("kW with cooling" in d.refused for d in narrow)


def test_a_quote_is_for_machines_that_are_named_and_an_api_has_none():
    offered = dt.date(2026, 10, 1)
    quote = {"value": 2.0, "unit": "EUR/GPU-h", "source": "offer", "date": offered}
    base = scenario.load("base")
    quotes = [{"item": "option.rented.gpu_hour", **quote}]
    with pytest.raises(DocumentError) as refused:
        scenario.changed(
            base, {"options.rented.gpu": BEST, "options.api.gpu": BEST, "finance.quotes": quotes}
        )
    said = str(refused.value)
    assert "the quote for gpu_hour is of certain machines" in said
    assert "an option of kind api has no use of it; remove it" in said


def test_months_to_production_lie_within_the_horizon():
    months = scenario.load("base").finance.horizon_months
    with pytest.raises(DocumentError, match="not within the horizon of"):
        scenario.changed(
            scenario.load("base"), {"options.owned.months_to_production": float(months)}
        )


@pytest.mark.parametrize("client", FEW)
def test_an_option_whose_machines_are_designed_keeps_all_else_that_is_said_of_it(client):
    said = scenario.load(client)
    machines = {"gpu", "server", "weights"}
    for name, option in Chain().built(said).options.items():
        kept = option.model_dump(exclude=machines)
        assert kept == said.options[name].model_dump(exclude=machines), name
