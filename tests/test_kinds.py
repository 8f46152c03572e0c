"""Several kinds of server in one option: what is there serves first, and what is bought the rest.

The bill is checked by hand on round numbers; sizing and bill are held against each other on models
and cards of the catalogue.
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cost_fixtures import plain_capacity
from siting.cost import cashflow, tco
from siting.cost.tco import Comparison
from siting.inputs import scenario
from siting.inputs.document import DocumentError
from siting.inputs.scenario.model import ExistingServers, Scenario
from siting.quantity import Range
from siting.serving import servers
from siting.serving.capacity import OptionCapacity
from siting.serving.machines import ExistingKind
from siting.verdict.chain import Chain
from studies import WORKLOADS, designed

A100 = {"server": "dgx-a100-640gb", "number": 2, "age_years": 3, "years_left": 3}


def asked(times: float = 20, server: str = "hgx-h100-8gpu-oem", **changes: Any) -> Scenario:
    """Base with so many times its users on own servers of one kind, and others that are there."""
    data = scenario.load("base").model_dump()
    data["workloads"]["assistant"]["users"] *= times
    del data["options"]["hybrid"]
    data["options"]["owned"] |= {"server": server, "gpu": servers.server(server).gpu_id, **changes}
    return Scenario.model_validate(data)


def sized(chosen: Scenario) -> OptionCapacity:
    return Chain().sized(chosen, "owned")


# --- the bill, by hand ----------------------------------------------------------------------------


def by_hand(mixed: bool = False, vat_recoverable: float = 1.0, **said: Any) -> Comparison:
    """Base without growth for 24 months on servers of four cards, one card a replica, of which 100
    carry the peak. One server of eight is there, whose cards carry half as much each: eight
    replicas of 50, which is 16 %, so that 84 replicas are bought, 21 servers. What stands by must
    carry as much as the old server, 16 % of 25: four."""
    data = designed("base").model_dump()
    if not mixed:
        del data["options"]["hybrid"]
    data["finance"] |= {"horizon_months": 24, "vat_recoverable": vat_recoverable}
    for workload in data["workloads"].values():
        workload["growth_per_year"] = 0.0
    has_none = said.get("number") == 0
    if has_none:
        said = {}
    there = ExistingServers(
        **({"server": "dgx-a100-640gb", "number": 1, "age_years": 3, "years_left": 1} | said)
    )
    data["options"]["owned"]["existing_servers"] = [] if has_none else [there.model_dump()]
    chosen = Scenario.model_validate(data)
    found = plain_capacity(chosen)
    pool = found["owned"].pools["model"]
    pool.model = "model"
    pool.rate_per_replica = Range.exact(pool.mix.peak_rate / 100, "requests/s")
    kind = ExistingKind(
        stated=there, server=servers.server(there.server), worth={"model": 16.0}, not_served={}
    )
    found["owned"].existing = () if has_none else (kind,)
    found["owned"].server = servers.server("server-4x-l40s")
    found["owned"].runs = chosen.options["owned"]
    return tco.assess(chosen, found)


def amounts(comparison: Comparison, item: str) -> np.ndarray:
    flows = comparison.options["owned"].flows
    return np.sum([f.amounts for f in flows if f.item == item], axis=0)


def central(comparison: Comparison, *names: str) -> float:
    factors = comparison.plan.factors
    return float(np.prod([factors[name].value.central for name in names]))


def test_what_is_there_serves_first_and_what_is_bought_takes_the_rest():
    c = by_hand()
    fleet = cashflow.fleet_needed(c.plan.options["owned"], c.plan.central(), 2)
    assert fleet.serving[0].tolist() == [21, 25]  # the old server's year is over after the first
    assert fleet.servers[0].tolist() == [25, 29]
    there = at_hand(c).beside(c.plan.options["owned"].existing[0]).fleet
    assert there.servers[0].tolist() == [1, 0]
    assert there.gpus[0].tolist() == [8, 0]
    # A mean hour uses so many of 100 replicas' worth: all that is there serves alike.
    pool = c.plan.options["owned"].pools[0]
    mean = 100 * pool.mix.mean_rate / pool.mix.peak_rate
    assert fleet.busy[0] == pytest.approx([mean / (100 + 16), mean / 116])
    assert there.busy[0] == pytest.approx(fleet.busy[0])


def at_hand(comparison: Comparison) -> cashflow.Side:
    """The servers of an option with others that are there, as planned."""
    plan = comparison.plan
    priced = plan.options["owned"]
    fleet = cashflow.fleet_needed(priced, plan.central(), plan.years)
    return cashflow.Side(plan=plan, priced=priced, draws=plan.central(), known_fleet=fleet)


def test_each_kind_is_bought_fed_and_supported_by_its_own_prices():
    c = by_hand(support_per_year=12_000, value_each=7_000)
    unit = central(c, "server_price.owned", "fx.USD")
    assert amounts(c, "hardware")[[0, 12]] == pytest.approx([21 * unit, 4 * unit])
    assert amounts(c, "redundancy")[[0, 12]] == pytest.approx([4 * unit, 0])
    # What one would fetch today is counted once, for the one that is there.
    assert amounts(c, "owned_already:dgx-a100-640gb")[0] == pytest.approx(7_000)
    # In production after six months; support is 1,000 a month until the old server's year ends.
    paid = amounts(c, "maintenance:dgx-a100-640gb")
    dearer = (1 + central(c, "inflation")) ** (6 / 12)
    assert paid[7] == pytest.approx(1_000 * dearer)
    assert paid[6] == paid[13] == 0
    # Its power: 5.5 kW, idle share and use as machines draw it, at the same tariff and PUE.
    idle = central(c, "idle_share")
    busy = at_hand(c).fleet.busy[0, 0]
    kwh = 5.5 * (idle + (1 - idle) * busy) * 730
    power = amounts(c, "electricity:dgx-a100-640gb")
    assert power[7] == pytest.approx(kwh * central(c, "electricity.DE") * dearer)
    room = amounts(c, "colocation:dgx-a100-640gb")
    assert room[7] == pytest.approx(6.5 / (4 * 2.31 / 4 * 25) * amounts(c, "colocation")[7])
    # Hands are paid for all cards together, with the same economies of scale.
    hands = (100 + 8) / 8
    each = central(c, "fte_per_8_gpus.owned") * hands ** central(c, "staff_scale")
    staff = (central(c, "fte_platform.owned") + each) / 12 * central(c, "staff_cost")
    assert amounts(c, "staff")[7] == pytest.approx(staff * dearer)


def test_what_still_serves_at_the_end_is_sold_at_its_age_then():
    gone = by_hand(years_left=1)
    assert not np.any(amounts(gone, "residual:dgx-a100-640gb"))
    kept = by_hand(years_left=5)
    price = central(kept, "server_price.owned.dgx-a100-640gb", "fx.USD")
    worth = central(kept, "residual_after_5", "residual_scale")  # three years old, and two more
    assert amounts(kept, "residual:dgx-a100-640gb")[-1] == pytest.approx(-price * worth)


def test_vat_is_on_what_is_bought_for_existing_servers_and_not_on_what_they_would_fetch():
    def taxed(**said: Any) -> set[str]:
        lines = by_hand(vat_recoverable=0.0, **said).plan.options["owned"].lines
        of_old = [line for line in lines if line.existing]
        return {line.item.id for line in of_old if "vat" in line.factors}

    # Support is bought; what the client says that a server would fetch is not.
    stated = taxed(support_per_year=12_000, value_each=7_000)
    assert "maintenance" in stated and "owned_already" not in stated
    # Without a word of the client's it is a share of the price of a new one, with its VAT.
    assert "owned_already" in taxed(support_per_year=12_000)


# --- sizing, on models and cards of the catalogue -------------------------------------------------


@pytest.mark.parametrize("times", [0.5, 4, 20])
@pytest.mark.parametrize("redundancy", ["none", "n+1", "2n"])
def test_sizing_and_bill_count_the_same_servers_in_every_year(times, redundancy):
    chosen = asked(times, existing_servers=[A100], redundancy=redundancy, second_site=0.5)
    chain = Chain()
    found = chain.sized(chosen, "owned")
    plan = chain.plan(chosen, "owned")
    fleet = cashflow.fleet_needed(plan.options["owned"], plan.central(), plan.years)
    years = range(1, found.years + 1)
    assert fleet.serving[0].tolist() == [found.serving_servers(y) for y in years]
    assert [found.existing_servers(y) for y in years] == [2, 2, 2, 0, 0]
    assert fleet.servers[0].tolist() == [found.bought(y) for y in years]
    assert found.mean_utilisation() == pytest.approx(fleet.busy[0, 0])


def test_where_what_is_there_carries_all_nothing_is_bought_and_the_idle_stand_by():
    many = A100 | {"number": 9, "years_left": 5}
    found = sized(asked(4, existing_servers=[many]))
    assert [found.bought(year) for year in range(1, 6)] == [0] * 5
    assert found.availability() == pytest.approx(1, abs=1e-6)
    assert found.gpus().central == 72


def test_more_of_what_is_there_never_buys_more():
    bought = [
        sized(asked(100, existing_servers=[A100 | {"number": n}])).bought() for n in range(1, 12)
    ]
    assert all(more >= fewer for more, fewer in itertools.pairwise(bought))
    assert bought[-1] < bought[0]


def test_the_room_holds_all_kinds():
    room = {"kw": 30.0, "servers": 3}
    found = sized(asked(20, existing_servers=[A100], room=room, redundancy="n+1"))
    # Two of 5.5 kW, one that serves and one in reserve of 8.5 kW: 28 kW, four places.
    assert found.beyond_room[1] == ["4 servers, the room has places for 3"]
    # When those of 5.5 kW are gone, two serve and one stands by: 25.5 kW, three places.
    assert found.in_room(4) == 3
    assert 4 not in found.beyond_room


# --- bad words ------------------------------------------------------------------------------------


ENTRY = "{server: dgx-a100-640gb, number: 2, age_years: 3, years_left: 3}"


@pytest.mark.parametrize(
    ("entry", "field", "wrong"),
    [
        (ENTRY.replace("dgx-a100-640gb", "dgx-a100"), "[0].server", "did you mean"),
        (ENTRY.replace("3}", "3, value_each: -5}"), "[0].value_each", "between 0"),
        (ENTRY.replace("dgx-a100-640gb", "server-4x-l40s"), "servers", "write owned_servers"),
        (f"{ENTRY}, {ENTRY.replace('2', '1')}", "existing_servers", "add them up"),
    ],
)
def test_what_cannot_be_meant_is_refused_where_it_stands(tmp_path, entry, field, wrong):
    refused = refusal(tmp_path, f"  owned:\n    existing_servers: [{entry}]\n  api: {{}}\n")
    assert "client.yaml:8" in refused
    assert field in refused
    assert wrong in refused


def refusal(folder: Path, options: str) -> str:
    """What is said of a client with these options of base."""
    base = Path("params/base.yaml").read_text(encoding="utf-8")
    (folder / "base.yaml").write_text(base, encoding="utf-8")
    evidence = "evidence:\n  - {fields: [workloads, options, client, finance], source: the client, "
    evidence += "date: 2026-11-24, kind: client}\n"
    head = "client: {name: Several, country: DE, sector: industry, currency: EUR, "
    head += "report_date: 2026-11-24}\nfinance:\n  baseline: none\n\n\noptions:\n"
    path = folder / "client.yaml"
    path.write_text(head + options + WORKLOADS + evidence, encoding="utf-8")
    with pytest.raises(DocumentError) as refused:
        scenario.load(path)
    return str(refused.value)
