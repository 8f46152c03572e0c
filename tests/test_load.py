"""Load that is mixed, that may wait, and that bunches: by hand, by invariant, and simulated."""

import csv
import dataclasses
import datetime as dt
import gzip
import heapq
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import studies
from cost_fixtures import sized
from hypothesis import given, settings
from hypothesis import strategies as st
from serving_simulation import served_together, simulate
from siting import catalogue
from siting.inputs import scenario
from siting.inputs.scenario.model import Option, Room, Scenario, Workload
from siting.memory import vram
from siting.memory.deployment import Deployment
from siting.quantity import LogNormal
from siting.serving import bunching, load, servers
from siting.serving.carrying import Carried
from siting.serving.curve import DeployedReplica, Lengths
from siting.serving.load import (
    HOURS_OF_WEEK,
    Demand,
    WaitingWork,
    level_needed,
    schedule,
    workload_load,
)
from siting.serving.mix import PoolWorkload
from siting.serving.pools import Pool
from siting.serving.queueing import latency
from siting.serving.sizes import best_pool

TRACES = Path(__file__).parent / "data" / "arrivals"
OPTION = Option(label="own", kind="rented_gpus", gpu="h100-sxm5-80gb", weights="fp8",
                models={"all": "google/gemma-4-31B-it"}, redundancy="none")  # fmt: skip
MODEL = "google/gemma-4-31B-it"


def workload(**changes: object) -> Workload:
    plain = {
        "description": "d", "requests_per_day": 20_000, "models": [MODEL],
        "input_tokens": {"mean": 2000, "p95": 5000}, "output_tokens": {"mean": 300, "p95": 800},
        "growth_per_year": {"low": 0, "central": 0, "high": 0},
        "latency": {"ttft_s": 2, "tpot_ms": 50, "percentile": 95},
    }  # fmt: skip
    return Workload.model_validate(plain | changes)


def test_half_hours_of_a_day_add_up_to_its_hours():
    # From half past eight to half past five: half a share at 8 and at 17, a whole one between.
    by_half_hour = [0] * 17 + [1] * 18 + [0] * 13
    by_hour = [0] * 8 + [1] + [2] * 8 + [1] + [0] * 6
    halves = workload_load("load", workload(hours=by_half_hour))
    whole = workload_load("load", workload(hours=by_hour))
    np.testing.assert_allclose(halves.hourly, whole.hourly)
    with pytest.raises(ValueError, match="write 24 numbers, or 48 of half hours"):
        workload(hours=[1] * 36)


def test_turns_of_a_conversation_are_requests_that_read_what_came_before():
    """61,000 conversations of 6 turns, 3,800 tokens in a turn in the mean and 210 out."""
    said = {
        "requests_per_day": 0, "conversations_per_day": 61_000, "turns": 6,
        "input_tokens": {"mean": 3_800, "p95": 4_000}, "output_tokens": {"mean": 210, "p95": 500},
    }  # fmt: skip
    talk = workload(**said)
    monday = workload_load("talk", talk).hourly[:24].sum() * 3600
    assert monday == pytest.approx(366_000)
    # n new tokens a turn: n, 2n + 210, 3n + 420 … 6n + 1050; together 21 n + 3150 = 6 × 3,800.
    new = (6 * 3_800 - 3_150) / 21
    assert talk.last_input == pytest.approx(6 * new + 5 * 210)
    read_before = sum(k * new + (k - 1) * 210 for k in range(1, 6))
    assert talk.cached_share == pytest.approx(read_before / (6 * 3_800))
    assert workload(**said, cached_input_share=0.5).cached_share == 0.5
    assert workload(cached_input_share=None).cached_share == 0
    # The last turn is longer than the 99.9th percentile of lengths that hardly spread.
    assert vram.longest_request(talk) >= 6 * new + 5 * 210
    with pytest.raises(ValueError, match="conversations have turns; write both"):
        workload(turns=6)
    with pytest.raises(ValueError, match="conversations have turns; write both"):
        workload(requests_per_day=0, conversations_per_day=100)


LETTERS = {
    "requests_per_day": 5000, "batchable_share": 1, "hours": "office",
    "input_tokens": {"mean": 1600, "p95": 4000}, "output_tokens": {"mean": 250, "p95": 600},
    "deadline": {"by": 6},
}  # fmt: skip


def pool(*workloads: Workload, years: int = 1) -> Pool:
    loads = [load.workload_load(f"w{i}", w) for i, w in enumerate(workloads)]
    return best_pool(OPTION, MODEL, loads, years)


def gpus(*workloads: Workload) -> float:
    return pool(*workloads).gpus(1).central


def test_of_two_hours_as_full_the_one_whose_requests_come_in_bursts_asks_for_more():
    def at(hour: int, requests: float, arrivals: str) -> Workload:
        hours = [float(hour == each) for each in range(24)]
        return workload(requests_per_day=requests, hours=hours, arrivals=arrivals)

    both = pool(at(10, 20_000, "people"), at(22, 19_000, "agents"))
    people, agents = (share.headroom for share in both.workloads)
    assert agents > 1.1 * people
    assert both.mix.busy_hour_of_week % 24 == 22


def scaled(w: Workload, times: float) -> Workload:
    return w.model_copy(update={"requests_per_day": w.requests_per_day * times})


# --- people do not hold more requests than they are ----------------------------------------------


def of_people(users: float, hourly: float, headroom: float = 3.0) -> PoolWorkload:
    """A workload of which a replica carries 2 requests a second, each 10 s under way: 20 at once.

    hourly: requests a second in every hour.
    """
    asked = load.workload_load("work", workload())
    asked = dataclasses.replace(
        asked, hourly=np.full(HOURS_OF_WEEK, hourly), peak_factor=1.0, most_at_once=users
    )
    carried = Carried(rate=2.0, headroom=headroom, slack=1.0, keeps_limits=True, concurrency=20.0)
    return PoolWorkload(load=asked, carried=carried)


def test_a_bunch_of_people_is_no_larger_than_they_are_by_hand():
    # A finite source of N = 40 who think Z s and wait R = 10 s asks X = N / (Z + R) a second: 3 of
    # Z = 3.33 s. N R / (Z + R) = 30 are under way on average, 1.5 replicas of 20, and never more
    # than 40, 2 replicas: three times the mean would be 90 requests of 40 people.
    think = 40 / 3 - 10
    on_average = 40 * 10 / (think + 10)
    assert of_people(1000, 3.0).bunched(1.0) == pytest.approx(3 * on_average / 20)
    assert of_people(40, 3.0).bunched(1.0) == pytest.approx(40 / 20)
    # Twice the users: twice of it. What an hour asks for on average is carried whatever.
    assert of_people(40, 3.0).bunched(2.0) == pytest.approx(80 / 20)
    assert of_people(40, 5.0).bunched(1.0) == pytest.approx(5.0 / 2.0)
    assert of_people(np.inf, 3.0).bunched(1.0) == pytest.approx(4.5)


@given(
    users=st.floats(1, 1e4), more=st.floats(1, 50), hourly=st.floats(0, 50),
    headroom=st.floats(1, 20),
)  # fmt: skip
def test_more_users_never_need_less_and_their_number_never_asks_for_more(
    users, more, hourly, headroom
):
    few, many, any_number = (
        of_people(each, hourly, headroom).bunched(1.0) for each in (users, users * more, np.inf)
    )
    assert (few <= many + 1e-9).all()
    assert (many <= any_number + 1e-9).all()


def test_agents_the_public_and_work_that_waits_are_not_bounded_by_people():
    own = {"users": 300, "requests_per_user_day": 8, "requests_per_day": 0}
    assert workload(**own).most_at_once == 300
    assert workload(**own | {"batchable_share": 0.3}).most_at_once == 300
    for also in (
        {"task": "agent"}, {"arrivals": "machines"}, {"requests_per_day": 5},
        {"requests_per_month": 5}, {"batchable_share": 1},
    ):  # fmt: skip
        assert workload(**own | also).most_at_once == np.inf, also


@pytest.mark.parametrize(("client", "users"), [("klinikverbund-nordheide", 2400), ("base", 2000)])
def test_clients_people_hold_one_request_each_at_most(client, users):
    s = scenario.load(client)
    s = s if client == "base" else studies.designed(client)
    for name in s.options:
        for each in sized(s, name).pools.values():
            (only,) = each.workloads
            assert only.load.most_at_once == users
            assert each.level() * only.carried.concurrency < users


def test_a_group_for_one_user_holds_one_request():
    alone = {"users": 1, "requests_per_user_day": 8, "requests_per_day": 0}
    s = scenario.load("base")
    for said, held in (({}, 8), (alone, 1)):
        works = {"assistant": workload(**said)}
        (fit,) = vram.assess(s.model_copy(update={"workloads": works}))["rented"]
        assert fit.memory is not None
        assert fit.memory.concurrency == held


# --- more work never needs less -----------------------------------------------------------------

mixed = st.tuples(
    st.builds(
        lambda n, i, o, share, hours: workload(
            requests_per_day=n, batchable_share=share, hours=hours,
            input_tokens={"mean": i, "p95": 2.5 * i}, output_tokens={"mean": o, "p95": 2.5 * o},
        ),
        st.floats(100, 300_000), st.floats(100, 6000), st.floats(20, 900),
        st.sampled_from([0, 0.05, 0.5, 1]), st.sampled_from(["office", "night", "flat"]),
    ),
    st.builds(
        lambda n, hours: workload(**LETTERS | {"requests_per_day": n, "hours": hours}),
        st.floats(100, 300_000), st.sampled_from(["office", "flat"]),
    ),
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(parts=mixed, times=st.floats(1.05, 40), which=st.integers(0, 1))
def test_gpus_never_fall_when_a_workload_grows(parts, times, which):
    grown = [scaled(w, times) if i == which else w for i, w in enumerate(parts)]
    assert gpus(*grown) >= gpus(*parts)


@settings(max_examples=15, deadline=None)
@given(parts=mixed)
def test_parts_together_are_never_served_by_less_than_the_largest(parts):
    assert gpus(*parts) >= max(gpus(w) for w in parts)


@settings(max_examples=15, deadline=None)
@given(parts=mixed)
def test_nothing_is_used_above_what_there_is_and_no_deadline_is_missed(parts):
    found = pool(*parts)
    busy = [s.interactive * s.load.peak_factor for s in found.workloads]
    assert (np.sum(busy, axis=0) + found.schedule.done <= found.replicas[0].central + 1e-6).all()
    assert found.schedule.late == pytest.approx(0, abs=1e-6)
    come = sum(float(s.waiting.sum()) * s.load.peak_factor for s in found.workloads)
    assert found.schedule.done.sum() == pytest.approx(come, rel=1e-3)


def test_letters_of_the_night_do_not_dilute_the_day():
    day = workload(requests_per_day=60_000, hours="office")
    counts = [gpus(day, workload(**LETTERS | {"requests_per_day": n})) for n in (1, 1e4, 5e4, 5e5)]
    assert counts == sorted(counts) and counts[0] == gpus(day) < counts[-1]


def test_windows_of_loads_that_grow_add_up():
    # Six replica-hours come in one hour and are due four hours later; two at once, always. The
    # first doubles, the second stays: 12 / 4 + 2 in the window of those hours.
    come = np.zeros(HOURS_OF_WEEK)
    come[40] = 6.0
    nothing = np.zeros(HOURS_OF_WEEK)
    waits = Demand(now=nothing, work=[WaitingWork(amount=come, due=np.arange(HOURS_OF_WEEK) + 5.0)])
    at_once = Demand(now=np.full(HOURS_OF_WEEK, 2.0), work=())
    alone = level_needed([waits], [1.0])
    assert alone > 1.0
    assert level_needed([waits, at_once], [2.0, 1.0]) == pytest.approx(2 * alone + 2.0)


def waiting(amount: Any, due: Any) -> WaitingWork:
    return WaitingWork(amount=amount, due=due)


def test_an_hour_of_work_due_within_two_hours_needs_half_of_it_at_once():
    # 10 replica-hours come in hour 0 of the week, are ready at 1 and due at 3: 5 at once
    come = np.zeros(HOURS_OF_WEEK)
    come[0] = 10
    due = np.arange(HOURS_OF_WEEK) + 3.0
    assert level_needed(
        [Demand(np.zeros(HOURS_OF_WEEK), [waiting(come, due)])], [1.0]
    ) == pytest.approx(5)
    busy = np.zeros(HOURS_OF_WEEK)
    busy[1] = 4  # the requests of hour 1 take 4: 4 + 10 over two hours
    assert level_needed([Demand(busy, [waiting(come, due)])], [1.0]) == pytest.approx(7)
    assert schedule(busy, [waiting(come, due)], 7).done[[1, 2]] == pytest.approx([3, 7])
    assert schedule(busy, [waiting(come, due)], 5).late == pytest.approx(4 / 10)


def test_work_of_every_day_that_may_wait_long_needs_the_mean_of_a_day():
    # 2 replica-hours a day, due 17 hours after they are ready: 14 in a week of 168 hours, though no
    # window of a week holds more than 13 that both come and are due in it
    come = np.zeros(HOURS_OF_WEEK)
    come[15::24] = come[23::24] = 1
    due = np.arange(HOURS_OF_WEEK) + 18.0
    assert level_needed(
        [Demand(np.zeros(HOURS_OF_WEEK), [waiting(come, due)])], [1.0]
    ) == pytest.approx(14 / 168)


@settings(max_examples=30, deadline=None)
@given(
    now=st.lists(st.floats(0, 5), min_size=24, max_size=24),
    come=st.lists(st.floats(0, 5), min_size=24, max_size=24),
    hours=st.integers(2, 48),
)
def test_the_level_is_enough_and_no_more(now, come, hours):
    base = np.tile(now, 7)
    amount = np.tile(come, 7)
    due = np.arange(HOURS_OF_WEEK) + 1.0 + hours
    level = level_needed([Demand(base, [waiting(amount, due)])], [1.0])
    assert schedule(base, [waiting(amount, due)], level + 1e-6).late == pytest.approx(0, abs=1e-4)
    # Below the mean, what is late shows only after more weeks than a schedule has.
    if level > max(base.max(), (base + amount).mean()) + 1e-3:
        assert schedule(base, [waiting(amount, due)], level * 0.98).late > 0


def test_a_deadline_by_an_hour_of_the_day_is_the_next_one_that_can_be_met():
    letters = load.workload_load("w", workload(**LETTERS))
    due = letters.due()
    assert due[0] == 6 and due[4] == 6  # what came before 5:00 is done by 6:00
    assert due[5] == 30 and due[17] == 30  # what came later, by 6:00 of the next day
    at_half_past = {**LETTERS, "deadline": {"by": 6.5}}
    assert np.array_equal(load.workload_load("w", workload(**at_half_past)).due(), due)


# --- calendar and growth ------------------------------------------------------------------------


def test_requests_of_a_month_come_on_its_working_days():
    w = workload(requests_per_day=0, requests_per_month=60_000, weekdays=[1] * 5 + [0, 0])
    found = load.workload_load("w", w, "CH", dt.date(2026, 11, 24))
    assert found.requests(1).central == pytest.approx(12 * 60_000, rel=1e-6)
    assert found.working < 1  # Swiss national holidays


CHRISTMAS = {"seasons": [{"from": "11-28", "weeks": 4, "factor": 3.2}]}


def test_a_season_adds_its_weeks_to_ordinary_ones_and_its_factor_to_the_peak():
    # 28 days, 3 in November and 25 in December, at 2.2 more: 8.8 ordinary weeks, 16.9 % of a year
    flat = {"weekdays": [1] * 7, "hours": "flat", "peak_factor": 1.5}
    usual, busy = (workload_load("w", workload(**flat, **more)) for more in ({}, CHRISTMAS))
    assert busy.mean_rate / usual.mean_rate - 1 == pytest.approx(4 * 2.2 * 7 / 365.25)
    assert busy.peak_factor == pytest.approx(1.5 * 3.2)
    usual_month = 365.25 / 12
    of_months = np.array(busy.by_month) * (busy.mean_rate / usual.mean_rate)
    assert of_months[:10] == pytest.approx(np.ones(10))
    assert of_months[10:] == pytest.approx([1 + 3 * 2.2 / usual_month, 1 + 25 * 2.2 / usual_month])


def test_the_busiest_hour_of_a_season_is_in_the_curve_of_the_year():
    busy = workload_load("w", workload(**CHRISTMAS, peak_factor=1))
    curve = load.duration_curve([busy], [busy.hourly])
    assert curve.mean() == pytest.approx(busy.mean_rate)
    assert curve[0] == pytest.approx(3.2 * busy.hourly.max(), rel=0.005)  # weeks are 52, not 52.2
    assert (busy.weeks > 2).sum() == 4
    # its busiest week is the busiest of an ordinary year, too
    usual = workload_load("w", workload(peak_factor=1.5))
    both = workload_load("w", workload(**CHRISTMAS, peak_factor=1.5))
    ordinary = both.weeks[0] / usual.weeks[0]
    assert both.weeks[-1] == pytest.approx(3.2 * ordinary * usual.weeks[-1])


def test_the_rates_that_users_see_are_higher_by_the_peak_of_the_year():
    found = pool(workload(peak_factor=1.5), workload(peak_factor=2.0)).latency
    of_week, of_year = (found.rates(of_year=way) for way in (False, True))
    assert of_year / of_week == pytest.approx([1.5, 2.0])


def test_a_holiday_is_a_sunday():
    # 2026 to 2030 in the Netherlands; each holiday on a working day loses that day
    import holidays

    days = holidays.country_holidays("NL", years=range(2026, 2031))
    lost = sum(day.weekday() < 5 for day in days)
    share = load.working_share((1, 1, 1, 1, 1, 0, 0), "NL", dt.date(2026, 11, 24))
    assert share == pytest.approx(1 - lost / (5 * 365.25 * 5 / 7), rel=1e-9)
    assert load.working_share((1,) * 7, "NL", dt.date(2026, 1, 1)) == 1
    assert load.working_share((1,) * 7, "XX", dt.date(2026, 1, 1)) == 1


def test_growth_of_single_years_holds_on_after_the_last():
    steps = [{"low": 0.1, "central": 0.25, "high": 0.4}] * 3 + [{"low": 0, "central": 0, "high": 0}]
    found = load.workload_load("w", workload(growth_by_year=steps))
    factors = [found.growth_factor(y) for y in range(1, 7)]
    assert factors == pytest.approx([1, 1.25, 1.25**2, 1.25**3, 1.25**3, 1.25**3])


# --- machines -----------------------------------------------------------------------------------


def test_availability_adds_spares_and_reaches_what_is_asked_for():
    up = servers.uptime()
    assert up == pytest.approx(1 / (1 + 0.0044))
    for needed in (1, 3, 12):
        spares = [servers.spares_for(needed, a) for a in (0.99, 0.999, 0.9999, 0.999999)]
        assert spares == sorted(spares) and spares[-1] > spares[0]
        assert servers.reached(needed, spares[2], up) >= 0.9999
    # two servers, one is enough: at least one of two runs
    assert servers.reached(1, 1, 0.9) == pytest.approx(1 - 0.1**2)
    assert servers.reached(2, 1, 0.9) == pytest.approx(0.9**3 + 3 * 0.9**2 * 0.1)
    assert servers.reached(0, 0, 0.9) == 1


def with_option(name: str, **changes: object) -> Scenario:
    data = scenario.load("base").model_dump()
    data["options"][name] |= changes
    return Scenario.model_validate(data)


def test_a_room_that_is_too_small_says_what_is_missing():
    found = sized(with_option("owned", room=Room(kw=1, pue=1.5, servers=1)), "owned")
    words = "; ".join(found.beyond_room[1])
    assert "kW" in words and "servers" in words
    assert not sized(with_option("owned", room=Room(kw=500)), "owned").beyond_room


def test_idle_gpus_of_a_server_are_counted():
    found = sized(with_option("owned", server="server-8x-l40s"), "owned")
    used = sum(p.replicas[0].central * p.gpus_per_replica for p in found.pools.values())
    assert found.idle_gpus == 8 - used > 0


# --- simulated ----------------------------------------------------------------------------------

SHORT = Lengths(input=LogNormal.fitted(800, 2000), output=LogNormal.fitted(150, 400))
LONG = Lengths(input=LogNormal.fitted(4000, 9000), output=LogNormal.fitted(600, 1500))


@pytest.mark.parametrize("use", [0.4, 0.75])
def test_a_mixture_waits_as_a_simulated_one_does(use):
    deployment = Deployment(
        model=catalogue.model(MODEL), gpu=catalogue.gpu("h100-sxm5-80gb"), weights="fp8"
    )
    weight = np.array([0.7, 0.3])
    curve = DeployedReplica(deployment=deployment).curve(Lengths.mixed([SHORT, LONG], weight))
    rate = use * curve.saturation_rate
    seen = served_together(curve, [SHORT, LONG], list(weight * rate), hours=60)
    for own, found in zip([SHORT, LONG], seen, strict=True):
        expected = latency(curve, rate, (95,), own)
        assert expected.ttft[95] == pytest.approx(np.quantile(found.ttft, 0.95), rel=0.15)
        assert expected.tpot[95] == pytest.approx(np.quantile(found.tpot, 0.95), rel=0.15)


def letters_done(found: Pool, level: float) -> tuple[np.ndarray, float]:
    """Hours that single letters wait, beside requests of the day, and the share that is late.

    Requests and letters arrive at random; what the requests of an hour leave of the level serves
    letters one by one, earliest deadline first. Two busiest weeks follow each other.
    """
    day, letters = found.workloads
    rng = np.random.default_rng(3)
    queue = []
    waits = []
    late = 0
    due = letters.load.due()
    for hour in range(2 * HOURS_OF_WEEK):
        slot = hour % HOURS_OF_WEEK
        asked = rng.poisson(day.load.interactive[slot] * day.load.peak_factor * 3600) / 3600
        able = max(level - asked / day.rate_alone, 0.0) * letters.rate_alone * 3600
        served = [heapq.heappop(queue) for _ in range(min(int(able), len(queue)))]
        ends = hour + (np.arange(len(served)) + 1) / max(able, 1.0)
        waits += [end - came for end, (_, came) in zip(ends, served, strict=True)]
        late += sum(hour >= end for end, _ in served)
        count = rng.poisson(letters.load.waiting[slot] * letters.load.peak_factor * 3600)
        for came in hour + rng.uniform(0, 1, count):
            heapq.heappush(queue, (hour - slot + due[slot], came))
    return np.array(waits), late / len(waits)


def test_of_letters_that_come_at_random_none_is_late_at_the_size_that_is_advised():
    found = pool(
        workload(requests_per_day=6_000), workload(**LETTERS | {"requests_per_day": 4_000})
    )
    waits, late = letters_done(found, float(found.replicas[0].central))
    assert late == 0
    # the longest time between coming in and a deadline: just after five, until six of the next day
    assert np.mean(waits > 25) < 0.01


def trace(name: str) -> np.ndarray:
    with gzip.open(TRACES / f"{name}.csv.gz", "rt") as file:
        rows = list(csv.reader(file))[1:]
    return np.array(rows, float)


@pytest.mark.parametrize(("name", "kind"), [("chat", "people"), ("code", "agents")])
def test_limits_hold_when_a_public_trace_is_replayed_at_the_size_that_is_advised(name, kind):
    seconds, inputs, outputs = trace(name).T
    span = (seconds[-1] - seconds[0]) / 3600
    w = workload(
        requests_per_day=len(seconds) / span * 24, hours="flat", weekdays=[1] * 7, peak_factor=1,
        input_tokens={"mean": inputs.mean(), "p95": np.quantile(inputs, 0.95)},
        output_tokens={"mean": outputs.mean(), "p95": np.quantile(outputs, 0.95)},
        arrivals=kind,
    )  # fmt: skip
    found = pool(w)
    replica = found.replica.curve(found.workloads[0].load.lengths)
    count = int(found.replicas[0].central)
    first = [  # requests go round the replicas in turn
        simulate(replica, seconds[i::count] - seconds[0], lengths=(inputs[i::count],
                                                                   outputs[i::count]))
        for i in range(count)
    ]  # fmt: skip
    ttft, tpot = (np.concatenate([getattr(s, what) for s in first]) for what in ("ttft", "tpot"))
    assert np.quantile(ttft, 0.95) <= w.latency.ttft_s
    assert np.quantile(tpot, 0.95) <= w.latency.tpot_ms / 1e3


def test_the_busy_minute_of_chat_is_what_the_trace_shows():
    counts = np.bincount((trace("chat")[:, 0] // 60).astype(int))[:-1]
    measured = np.quantile(counts, 0.95) / counts.mean()
    assert bunching.busy_minute() == pytest.approx(measured, rel=0.05)


def test_arrivals_that_bunch_more_need_more():
    def counted(kind: str) -> float:
        return gpus(workload(requests_per_day=200_000, arrivals=kind))

    assert counted("people") <= counted("machines") <= counted("agents")
