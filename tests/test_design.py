"""Machines that a scenario leaves to the kit: what is looked at, what is taken, what is refused."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import studies
from siting import catalogue
from siting.cli import scenarios
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.model import BEST
from siting.serving.servers import Server
from siting.verdict import design, variants
from siting.verdict.chain import Chain
from siting.verdict.design import Costed
from studies import CLIENTS


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
    answers: dict[str, Costed], among: tuple[design.Design, ...] = (), **said: Any
) -> tuple[design.Design, ...]:
    """Designs where these servers are as stated, and nobody prices any other."""
    none = Costed(sized=None, present=None, why="no price")
    return design.looked_at(
        open_option(**said), "owned", lambda s, n: answers.get(s.options[n].server, none), among
    )


def at(present: float, **sized: Any) -> Costed:
    return Costed(sized=Sized(**sized), present=present, why="")  # type: ignore[arg-type]


def test_the_cheapest_of_those_that_keep_the_limits_is_the_best() -> None:
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


def test_a_variant_looks_again_at_machines_that_were_not_dearer_by_far() -> None:
    before = looked_at({"dgx-h100": at(100.0), "dgx-h200": at(120.0), "dgx-b300": at(200.0)})

    def again(**answers: Costed) -> list[str]:
        named = {server.replace("_", "-"): seen for server, seen in answers.items()}
        return [d.machines.server for d in looked_at(named, before[:4])]

    # one that cost twice as much is left out, even where it would now be cheap
    assert again(dgx_h100=at(110.0), dgx_h200=at(90.0), dgx_b300=at(1.0)) == [
        "dgx-h200", "dgx-h100",
    ]  # fmt: skip
    # a load that grows makes room for it: the best now costs 170, a quarter more is above 200
    assert again(dgx_h100=at(170.0), dgx_h200=at(180.0), dgx_b300=at(160.0))[0] == "dgx-b300"
    # where the best ones can no longer be taken, the next ones are looked at
    assert again(dgx_b300=at(300.0))[0] == "dgx-b300"


def test_every_server_of_the_catalogue_is_looked_at_and_what_is_fixed_stays() -> None:
    servers = {r.id: r.gpu_id for r in catalogue.table("servers", Server)}
    assert {d.machines.server for d in looked_at({})} == {*servers}
    of_card = looked_at({}, gpu="h100-sxm5-80gb")
    assert {d.machines.server for d in of_card} == {"dgx-h100", "hgx-h100-8gpu-oem"}
    assert all(d.machines.gpu == servers[d.machines.server] for d in of_card)
    assert {d.machines.weights for d in of_card} == {"fp8"}
    both = looked_at({}, server="dgx-h100", weights=BEST)
    assert sorted(d.machines.weights for d in both) == ["", "fp8"]


def test_machines_that_are_fixed_are_left_alone_and_those_left_out_are_designed() -> None:
    base = scenario.load("base")
    assert Chain().built(base) is base
    for said in ({"gpu": BEST, "server": BEST}, {"gpu": "", "server": ""}):
        asked = open_option(**said)
        made = Chain().built(asked)
        option = made.options["owned"]
        assert option.server and catalogue.gpu(option.gpu)
        assert made.options["rented"] == asked.options["rented"]


def test_the_design_costs_no_more_than_the_typed_machines_and_keeps_the_limits() -> None:
    typed = scenario.changed(
        scenario.load("agence-lumiere"),
        {
            "options.owned.gpu": "h100-sxm5-80gb",
            "options.owned.server": "hgx-h100-8gpu-oem",
        },
    )
    chain = Chain()
    free = {**typed.options, "owned": design.opened(typed.options["owned"])}
    found = chain.designs(typed.model_copy(update={"options": free}), "owned")
    cost = {d.machines.server: d.costed.present for d in found}
    best = found[0]
    assert not best.refused and best.costed.sized is not None and best.costed.sized.keeps_limits
    assert best.costed.present is not None
    assert best.costed.present < (cost["hgx-h100-8gpu-oem"] or 0) / 2
    # what was looked at is priced as an option of the report is
    made = {**typed.options, "owned": best.machines.put_in(typed.options["owned"])}
    priced = chain.option(typed.model_copy(update={"options": made}), "owned").priced
    assert priced is not None
    rate = typed.finance.discount_rate.central
    worth = sum(
        float(amount) * (1 + rate) ** (-month / 12)
        for flow in priced.flows
        for month, amount in enumerate(flow.amounts)
    )
    assert best.costed.present == pytest.approx(worth, rel=1e-9)


def test_a_room_with_little_power_gets_machines_that_need_little() -> None:
    narrow = Chain().designs(open_option(room={"kw": 4.0, "pue": 1.3}), "owned")
    taken = next(d for d in narrow if not d.refused)
    assert taken.costed.sized is not None and not taken.costed.sized.beyond_room
    assert any("kW with cooling" in d.refused for d in narrow)


def test_a_quote_is_for_machines_that_are_named_and_an_api_has_none() -> None:
    offered = dt.date(2026, 10, 1)
    quote = {"value": 2.0, "unit": "EUR/GPU-h", "source": "offer", "date": offered}
    base = scenario.load("base")
    quotes = [{"item": "option.rented.gpu_hour", **quote}]
    with pytest.raises(DocumentError) as refused:
        scenario.changed(
            base,
            {"options.rented.gpu": BEST, "options.api.gpu": BEST, "finance.quotes": quotes},
        )
    said = str(refused.value)
    assert "the quote for gpu_hour is of certain machines" in said
    assert "an option of kind api has no use of it; remove it" in said


def test_months_to_production_lie_within_the_horizon() -> None:
    months = scenario.load("base").finance.horizon_months
    with pytest.raises(DocumentError, match="not within the horizon of"):
        scenario.changed(
            scenario.load("base"), {"options.owned.months_to_production": float(months)}
        )


def test_check_says_where_half_of_what_is_bought_stands_idle(tmp_path: Path) -> None:
    typed = """
client: {name: Acme, country: DE, sector: industry, currency: EUR, report_date: 2026-11-24}
workloads:
  assistant:
    users: 50
    requests_per_user_day: 8
    input_tokens: {mean: 3_000, p95: 8_000}
    output_tokens: {mean: 400, p95: 1_000}
options:
  api: {}
  owned: {country: DE, gpu: h200-sxm5-141gb, server: dgx-h200}
evidence:
  - {fields: ["*"], source: Questionnaire, locator: call, date: 2026-11-19, kind: client}
"""
    path = tmp_path / "acme.yaml"
    path.write_text(typed, encoding="utf-8")
    (note,) = scenarios.idle(scenario.load(path), Chain())
    assert "options.owned: 7 of 8 GPUs" in note and "server: best" in note
    small = {"options.owned.gpu": BEST, "options.owned.server": BEST}
    designed = scenario.changed(scenario.load(path), small)
    assert not [n for n in scenarios.idle(designed, Chain()) if "7 of 8" in n]


@pytest.mark.parametrize("client", CLIENTS)
def test_an_option_whose_machines_are_designed_keeps_all_else_that_is_said_of_it(
    client: str,
) -> None:
    said = scenario.load(client)
    machines = {"gpu", "server", "weights"}
    for name, option in Chain().built(said).options.items():
        kept = option.model_dump(exclude=machines)
        assert kept == said.options[name].model_dump(exclude=machines), name


def test_a_change_that_moves_a_cost_far_is_designed_of_all_machines() -> None:
    """20,000 hidden tokens a request cost four times as much: cards of 180 GiB, which nothing but
    such a load needs, are cheapest then, and were not among the six that are for the plain load."""
    start = scenario.load("tidewater-apps")
    tokens = {"workloads.in-app-writer.reasoning_tokens": 20_000.0}
    changed = variants.put(start, tokens)
    after_the_plain_one = Chain()
    plain = after_the_plain_one.designs(start, "rented")[0]
    near = after_the_plain_one.designs(changed, "rented")[0]
    anew = Chain().designs(changed, "rented")[0]
    assert near.machines == anew.machines
    assert near.costed.present == anew.costed.present
    assert near.machines != plain.machines
    assert near.costed.present and plain.costed.present
    assert near.costed.present > design.FAR * plain.costed.present


def test_a_change_of_little_is_designed_of_the_cheapest_machines_alone() -> None:
    start = scenario.load("tidewater-apps")
    chain = Chain()
    every = chain.designs(start, "rented")
    dearer = variants.put(start, {"finance.discount_rate": 0.1})
    assert len(every) > design.SHORTLIST
    assert len(chain.designs(dearer, "rented")) == design.SHORTLIST


def test_what_is_listed_of_designs_does_not_hang_on_what_was_asked_before() -> None:
    """A variant that is tried first leaves a short list of machines behind; a report lists all."""
    start = scenario.load("assekuranz-saentis")
    free = {**start.options, "large": design.opened(start.options["large"])}
    opened = start.model_copy(update={"options": free})
    tried = Chain()
    tried.designs(variants.put(opened, {"finance.discount_rate": 0.1}), "large")
    assert len(tried.designs(opened, "large")) <= design.SHORTLIST
    listed = tried.every_design(opened, "large")
    anew = Chain().every_design(opened, "large")
    assert [(d.machines, d.costed.present) for d in listed] == [
        (d.machines, d.costed.present) for d in anew
    ]
    assert len(listed) > design.SHORTLIST
    frame = studies.opened("assekuranz-saentis").designs()
    assert sum(frame.option == "One H200 server") == len(listed)
