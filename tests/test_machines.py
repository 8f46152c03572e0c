"""Machines are counted once, for what is sized and for what is billed; counts here are by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from siting import catalogue
from siting.cost import cashflow
from siting.inputs.scenario import Option
from siting.serving import machines
from siting.serving.machines import Renting, Work
from siting.serving.pools import PoolHours
from siting.serving.servers import StandBy
from siting.verdict.chain import Chain
from studies import FEW, designed


def test_servers_are_whole_and_kept_and_a_second_site_is_counted_apart():
    """Servers of eight cards hold four replicas of two and two of four. Pools of 9.2 and 3 replicas
    fill 10 / 4 + 3 / 2 = 4 servers; a year later 4.1 and 1 fill 5 / 4 + 1 / 2, and four are kept.
    One stands by; half of four stand at the second site."""
    small: Any = SimpleNamespace(gpus_per_replica=2, stand_by=StandBy(count=1))
    large: Any = SimpleNamespace(gpus_per_replica=4, stand_by=StandBy())
    server: Any = SimpleNamespace(gpu_count=8)
    peak = np.array([[[9.2, 4.1]], [[3.0, 1.0]]])
    work = Work(pools=[small, large], per_request=peak, peak=peak, mean=peak / 2)
    fleet = machines.owned(work, server, second_site=0.5)
    assert fleet.serving.tolist() == [[4, 4]]
    assert fleet.at_second_site.tolist() == [[2, 2]]
    assert fleet.servers.tolist() == [[7, 7]]
    assert fleet.gpus.tolist() == [[56, 56]]
    # In a mean hour 4.6 / 4 + 1.5 / 2 = 1.9 of the seven are used.
    assert fleet.busy[0, 0] == pytest.approx(1.9 / 7)


def rented(pool: Any, mean: float, peak: float) -> float:
    """GPUs that are paid in a mean hour for a pool that asks for so many replicas."""
    shape = (1, 1, 1)
    work = Work(
        pools=[pool], per_request=np.ones(shape), peak=np.full(shape, peak),
        mean=np.full(shape, mean),
    )  # fmt: skip
    idle = catalogue.settings("load_settings")["scale_down"].central
    option = Option(label="Rented", kind="rented_gpus")
    found = machines.rented(work, Renting(hours=1.0, idle=idle, option=option))
    return float(found.gpu_hours[0, 0])


def by_hour(replicas: float) -> Any:
    """A pool without spares whose requests ask for so many replicas in every hour of the year."""
    mix = SimpleNamespace(
        hours_of_year=lambda waiting, bunched=False: np.full(8736, replicas),
        batchable_share=0.0,
        turned_away=np.zeros(1),
    )
    pool = SimpleNamespace(mix=mix, gpus_per_replica=2, stand_by=StandBy())
    return SimpleNamespace(**vars(pool), hours=PoolHours(pool))


def test_work_that_may_wait_is_paid_on_rented_gpus_though_no_hour_needs_it():
    """Requests keep one replica; work that may wait keeps 3.4 busy, of which the bill says so."""
    assert rented(by_hour(0.0), mean=3.4, peak=4.0) == pytest.approx(3.4 * 2)
    # No more is paid than serves.
    assert rented(by_hour(0.0), mean=3.4, peak=3.0) == pytest.approx(3 * 2)


def test_replicas_that_existing_servers_hold_leave_only_what_is_beyond_them():
    # Of one replica held, half is asked for: none more. Of none held, one is kept for any load.
    pool = by_hour(0.5)
    half = np.full((1, 1, 1), 0.5)
    work = Work(pools=[pool], per_request=half, peak=half, mean=half)
    for held, more in ((1.0, 0.0), (0.4, 1.0), (0.0, 1.0)):
        assert machines._beyond(work, np.full((1, 1, 1), held)).item() == more, held


def test_rented_replicas_are_those_of_all_pools_in_each_year():
    # 1.5 and 4 replicas in the first year, 3 and 4 in the second, of two GPUs each
    peak = np.array([[[1.5, 3.0]], [[4.0, 4.0]]])
    work = Work(pools=[by_hour(1.0), by_hour(1.0)], per_request=peak, peak=peak, mean=peak)
    how = Renting(hours=1.0, idle=1.0, option=Option(label="Rented", kind="rented_gpus"))
    found = machines.rented(work, how)
    assert found.replicas.tolist() == [[6, 7]]
    assert found.gpus.tolist() == [[12, 14]]


@pytest.mark.parametrize("client", FEW)
def test_capacity_and_the_bill_count_the_same_machines(client):
    """As planned, year by year: servers exactly, hours that are given back within the steps of the
    bill's grid."""
    chain = Chain(draws=16)
    s = designed(client)
    for name, option in s.options.items():
        found = chain.sized(s, name)
        plan = chain.plan(s, name)
        if name not in plan.options or option.kind == "hybrid" or not found.pools:
            continue
        fleet = cashflow.fleet_needed(plan.options[name], plan.central(), plan.years)
        month = plan.central()["hours_per_month"][0]
        for year in range(1, plan.years + 1):
            if found.server is not None:
                assert found.bought(year) == fleet.servers[0, year - 1], name
                used = found.mean_utilisation(year)
                assert used == pytest.approx(fleet.busy[0, year - 1], rel=0.02), name
            else:
                paid = fleet.gpu_hours[0, year - 1] / month
                assert found.paid_gpus(year) == pytest.approx(paid, rel=0.02), name
