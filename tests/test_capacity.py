"""Load, queue and replicas: by hand, by invariant, and against a simulated scheduler."""

import contextlib
import dataclasses
import datetime as dt
import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import studies
from cost_fixtures import sized
from hypothesis import given
from hypothesis import strategies as st
from serving_simulation import poisson, simulate
from siting import catalogue
from siting.inputs import scenario
from siting.inputs.scenario import Scenario
from siting.inputs.scenario.model import Latency as Stated
from siting.inputs.scenario.model import Measured
from siting.memory import vram
from siting.quantity import LogNormal, NotEstimated, Range
from siting.serving import bunching, bursts, loops, queueing, servers
from siting.serving.capacity import OptionCapacity, SplitCapacity
from siting.serving.curve import Curve, DeployedReplica, Lengths
from siting.serving.load import PROFILES, duration_curve, schedule, workload_load
from siting.serving.performance import Deployment
from siting.serving.queueing import Limits, latency, sustained
from siting.serving.sizes import best_pool
from siting.verdict.chain import Chain
from siting_validation import comparison as validation

CLIENTS = studies.FEW


@pytest.fixture(scope="module")
def base() -> Scenario:
    return scenario.load("base")


def with_workload(s: Scenario, **changes: object) -> Scenario:
    data = s.model_dump()
    data["workloads"]["assistant"] |= changes
    return Scenario.model_validate(data)


def curve(lengths: Lengths, gpu: str = "l40s-48gb", gpus: int = 4) -> Curve:
    d = Deployment(
        model=catalogue.model("meta-llama/Llama-3.3-70B-Instruct"),
        gpu=catalogue.gpu(gpu),
        weights="fp8",
        tensor_parallel=gpus,
    )
    return DeployedReplica(deployment=d).curve(lengths)


LONG = Lengths(
    input=LogNormal.fitted(2000, 5000), output=LogNormal.fitted(1500, 4000), cached_share=0.2
)


# --- load -------------------------------------------------------------------------------------


def test_a_week_holds_what_its_users_ask_for(base):
    # 2,000 users × 8 requests × (5 + 2 × 0.1) days
    load = workload_load("assistant", base.workloads["assistant"])
    assert load.hourly.sum() * 3600 == pytest.approx(2000 * 8 * 5.2)
    # office hours: 10 of 85 parts of a day in the busiest hour, times the peak factor
    profile = PROFILES["office"]
    busiest = 2000 * 8 * max(profile) / sum(profile) / 3600
    assert load.interactive.max() == pytest.approx(busiest * 0.95)  # 5 % may wait
    assert load.interactive.max() * load.peak_factor == pytest.approx(busiest * 0.95 * 1.6)


def test_requests_of_a_year_follow_users_and_growth_and_a_part_of_each_is_cached(base):
    load = workload_load("assistant", base.workloads["assistant"])
    first = load.requests(1)
    third = load.requests(3)
    assert first.low == first.central == first.high == pytest.approx(2000 * 8 * 5.2 / 7 * 365.25)
    assert third.central == pytest.approx(first.central * 1.15**2)
    assert third.high == pytest.approx(first.central * 1.4**2)
    assert load.lengths.input.mean == 3000
    assert load.lengths.prompt_mean == pytest.approx(3000 * 0.7)


def test_the_duration_curve_holds_the_years_load_and_peaks_at_the_busiest_hour(base):
    load = workload_load("assistant", base.workloads["assistant"])
    hours = duration_curve([load], [load.hourly])
    assert len(hours) == 52 * 168
    assert (np.diff(hours) <= 0).all()
    assert hours.mean() == pytest.approx(load.hourly.mean())
    assert hours[0] == pytest.approx(load.hourly.max() * load.peak_factor, rel=1e-3)


def test_a_mixture_has_the_mean_and_the_spread_of_its_parts():
    def lengths(tokens: float) -> Lengths:
        return Lengths(input=LogNormal(tokens, 0.5), output=LogNormal(100, 0.3), cached_share=0.5)

    both = Lengths.mixed([lengths(1000), lengths(2000)], np.array([0.25, 0.75]))
    assert both.input.mean == pytest.approx((1 * 1000 + 3 * 2000) / 4)
    second = (1 * 1000**2 + 3 * 2000**2) / 4 * math.exp(0.25)
    assert math.exp(both.input.sigma**2) == pytest.approx(second / 1750**2)


def test_long_answers_are_met_more_often_among_those_under_way():
    # a thousand short answers for each long one of a thousand times the length: half the places
    short = Lengths(input=LogNormal(100, 0), output=LogNormal(10, 0))
    long = Lengths(input=LogNormal(9000, 0), output=LogNormal(10_000, 0))
    both = Lengths.mixed([short, long], np.array([1000, 1]) / 1001)
    assert both.context_mean == pytest.approx((105 + 14_000) / 2, rel=1e-6)


@given(mean=st.floats(10, 1e5), ratio=st.floats(1.0, 3.8))
def test_a_log_normal_has_the_mean_and_p95_that_were_stated(mean, ratio):
    sigma = LogNormal.fitted(mean, mean * ratio).sigma
    # p95 = exp(mu + 1.6449 sigma), mean = exp(mu + sigma²/2)
    assert math.exp(1.6448536 * sigma - sigma**2 / 2) == pytest.approx(ratio, rel=1e-4)


# --- queue ------------------------------------------------------------------------------------


@pytest.mark.parametrize("use", [0.3, 0.6, 0.8])
def test_the_queue_agrees_with_a_simulation_of_a_thousand_hours(use):
    replica = curve(LONG)
    rate = use * replica.saturation_rate
    expected = latency(replica, rate)
    seen = simulate(replica, poisson(rate, 1000))
    assert expected.concurrency == pytest.approx(seen.concurrency, rel=0.03)
    assert expected.ttft[95] == pytest.approx(np.quantile(seen.ttft, 0.95), rel=0.15)
    assert expected.tpot[95] == pytest.approx(np.quantile(seen.tpot, 0.95), rel=0.15)
    assert expected.tpot_mean == pytest.approx(seen.tpot.mean(), rel=0.05)


def test_the_busiest_hours_of_a_simulated_week_are_those_of_the_model(base):
    # Six weeks of the client's own hours, 1,008 hours; the arrival rate changes every hour.
    replica = curve(LONG)
    load = workload_load("assistant", base.workloads["assistant"])
    hourly = load.hourly / load.hourly.max() * 0.6 * replica.saturation_rate
    rng = np.random.default_rng(5)
    counts = rng.poisson(np.tile(hourly, 6) * 3600)
    starts = np.repeat(np.arange(len(counts)) * 3600.0, counts)
    arrivals = np.sort(starts + rng.uniform(0, 3600, len(starts)))
    seen = simulate(replica, arrivals)
    hours = (arrivals[len(arrivals) // 50 :] // 3600).astype(int) % 168
    busy = np.isin(hours, np.flatnonzero(hourly > 0.99 * hourly.max()))
    expected = latency(replica, float(hourly.max()))
    assert expected.ttft[95] == pytest.approx(np.quantile(seen.ttft[busy], 0.95), rel=0.15)


def test_a_full_cache_makes_requests_wait():
    replica = curve(LONG)
    few = Curve(
        decode_s=replica.decode_s[:8], prompt_s=replica.prompt_s, attention_s=replica.attention_s,
        first_token_s=0.0, chunk_tokens=replica.chunk_tokens, lengths=LONG,
    )  # fmt: skip
    rate = 0.8 * few.saturation_rate
    expected = latency(few, rate)
    seen = simulate(few, poisson(rate, 1000))
    assert expected.ttft[95] == pytest.approx(np.quantile(seen.ttft, 0.95), rel=0.15)
    assert expected.ttft[95] > 3 * latency(replica, rate).ttft[95]


def test_requests_that_do_not_slow_each_other_down_are_as_many_as_erlang_says():
    # A step of 20 ms however many share it, 300 tokens of 6 s: at 5 a second 30 are under way,
    # and with room for all their number is Poisson's, whose variance is its mean.
    output = LogNormal(300, 0.5)
    apart = Curve(
        decode_s=np.full(200, 0.02),
        prompt_s=1e-9,
        attention_s=0.0,
        first_token_s=0.0,
        chunk_tokens=1000,
        lengths=Lengths(input=LogNormal(100, 0), output=output),
    )
    busy = queueing._Busy(apart, 5.0)
    assert busy.served == pytest.approx(30, rel=0.01)
    assert busy.variance == pytest.approx(30, rel=0.01)


def test_where_a_larger_batch_is_slower_the_fastest_is_held():
    # A step of one takes a second and one of two takes three: one at a time serves 1 a second, two
    # together 2/3. At 0.8 a second one is held: M/M/1 with a load of 0.8, a fifth of the time idle.
    # 0.8² / (1 - 0.8) = 3.2 wait, and half of that where answers are all of one length.
    worse = Curve(
        decode_s=np.array([1.0, 3.0]),
        prompt_s=0.0,
        attention_s=0.0,
        first_token_s=0.0,
        chunk_tokens=1000,
        lengths=Lengths(input=LogNormal(100, 0), output=LogNormal(1, 0)),
    )
    busy = queueing._Busy(worse, 0.8)
    assert busy.share == pytest.approx([0.2, 0.8])
    assert busy.waiting == pytest.approx(1.6)


def test_a_rented_replica_fails_as_a_machine_does():
    """By hand: it runs for 1 / (1 + failures a day × days of repair) of the time, and all that
    serve must; of one that serves and one that stands by, one must."""
    known = catalogue.settings("load_settings")
    up = 1 / (1 + known["server_failures"].central * known["server_repair"].central)
    rented = sized(studies.designed("base"), "rented")
    (pool,) = rented.pools.values()
    assert (pool.replicas[0].central, pool.stand_by.count) == (1, 1)
    assert rented.availability(spares=False) == pytest.approx(up)
    assert rented.availability() == pytest.approx(1 - (1 - up) ** 2)


def test_a_spare_server_takes_the_place_of_one_that_fails():
    """By hand: servers of eight cards hold four replicas of two. Five replicas serve on two; one
    more stands by and takes over. Without it the four of the failed one are gone."""
    server = next(s for s in catalogue.table("servers", servers.Server) if s.gpu_count == 8)
    for bought, left in ((3, 5.0), (2, 1.0)):
        found: Any = SimpleNamespace(server=server, spare_servers=lambda bought=bought: bought - 2)
        pool: Any = SimpleNamespace(
            replicas=[Range.exact(5.0)],
            total_replicas=lambda year: Range.exact(5.0),
            gpus_per_replica=2,
        )
        assert OptionCapacity.left_when_one_fails(found, pool) == left
    rented: Any = SimpleNamespace(server=None)
    for stand_by, left in ((0.0, 4.0), (1.0, 5.0)):
        pool.total_replicas = lambda year, more=stand_by: Range.exact((5.0 + more) * year)
        assert OptionCapacity.left_when_one_fails(rented, pool) == left


def test_a_split_is_asked_for_the_availability_of_its_most_demanding_part():
    rest: Any = {"kind": "api", "years": 3, "loads": {}, "pools": {}, "not_estimated": {}}
    parts: Any = {n: SimpleNamespace(**rest, wanted=w) for n, w in (("a", 0.99), ("b", 0.999))}
    option: Any = SimpleNamespace(kind="split")
    assert SplitCapacity.of(option, parts).wanted == 0.999


def test_a_request_that_no_cards_hold_is_told_with_its_prompt_and_its_answer():
    endless = Lengths(input=LogNormal(400_000, 0.1), output=LogNormal(400_000, 0.1))
    with pytest.raises(NotEstimated, match="with one request of 800,000 tokens"):
        curve(endless)


def test_more_load_never_shortens_a_wait():
    replica = curve(LONG)
    seen = [latency(replica, u * replica.saturation_rate) for u in np.linspace(0.05, 0.95, 19)]
    for quantity in ("concurrency", "ttft_mean", "tpot_mean"):
        values = [getattr(s, quantity) for s in seen]
        assert values == sorted(values)


def test_a_lone_request_waits_for_nothing_and_an_overload_for_ever():
    replica = curve(LONG)
    alone = latency(replica, 1e-6)
    # prompt of median length, and one decode step; nobody is ahead
    assert alone.ttft[50] < replica.first_token_s + replica.prompt_s + 2 * replica.decode_s[0]
    assert alone.tpot_mean == pytest.approx(replica.decode_s[0], rel=0.02)
    assert math.isinf(latency(replica, 1.01 * replica.saturation_rate).concurrency)


def test_the_sustained_rate_is_the_largest_that_keeps_the_limits():
    replica = curve(LONG)
    limits = Limits(ttft_s=3.0, tpot_s=0.08, percentile=95)
    rate = sustained(replica, limits)
    assert limits.strain(latency(replica, rate, (95,))) <= 1
    assert limits.strain(latency(replica, rate * 1.02, (95,))) > 1
    assert sustained(replica, Limits(ttft_s=3.0, tpot_s=0.001, percentile=95)) == 0


def test_the_whole_answer_is_a_limit_of_its_own():
    replica = curve(LONG)
    alone = latency(replica, 1e-6)
    mean = alone.ttft_mean + alone.tpot_mean * LONG.output.mean
    longer = LONG.output.quantile(1.6449) - LONG.output.mean
    assert alone.whole[50] < mean < alone.whole[95]
    by_length = mean + longer * alone.tpot_mean  # the length of the answer moves it most
    assert by_length * 0.999 < alone.whole[95] < 1.1 * by_length
    whole = 1.5 * alone.whole[95]
    rate = sustained(replica, Limits(ttft_s=600, tpot_s=5, percentile=95, whole_s=whole))
    assert latency(replica, rate, (95,)).whole[95] <= whole
    assert latency(replica, rate * 1.02, (95,)).whole[95] > whole
    said = Stated.model_validate({"whole": 3})
    assert (said.ttft_s, said.tpot_ms) == (3, 5000)
    assert Stated.model_validate({"whole": 3.0, "tpot_ms": 40.0}).tpot_ms == 40


# --- replicas ---------------------------------------------------------------------------------


@pytest.mark.parametrize("client", CLIENTS)
def test_every_report_obeys_littles_law_and_uses_nothing_above_what_it_has(client):
    loaded = scenario.load(client)
    for option in (sized(loaded, name) for name in loaded.options):
        used = option.mean_utilisation()
        assert used is None or 0 < used <= 1
        for pool in option.pools.values():
            once = [1.0] * len(pool.workloads)
            usual = schedule(pool.mix.busy(once), pool.mix.work(once), pool.replicas[0].central)
            done = pool.mix.interactive + usual.done
            assert (done <= pool.replicas[0].central + 1e-9).all()
            come = sum(float((s.interactive + s.waiting).sum()) for s in pool.workloads)
            assert done.sum() == pytest.approx(come, rel=1e-3)
            if len(pool.workloads) > 1:  # means are those of the mixture, not of one workload
                continue
            for of_year in (False, True):
                rates = pool.latency.rates(of_year=of_year)
                (seen,) = pool.latency.seen(rates, pool.replicas[0].central).values()
                out = pool.workloads[0].load.lengths.output.mean
                stay = seen.ttft_mean + seen.tpot_mean * (out - 1)
                assert seen.rate * stay == pytest.approx(seen.concurrency, rel=0.01)


def test_an_api_needs_no_gpus_and_its_latency_is_not_guessed(base):
    api = sized(base, "api")
    assert not api.pools and api.gpus() == Range.exact(0, "GPUs")
    assert api.keeps_limits is None and api.mean_utilisation() is None
    assert api.years == 5 and api.loads["assistant"].requests(5).central > 0


def test_a_hybrid_has_its_bases_pools(base):
    hybrid, owned = (Chain().sized(base, name).pools for name in ("hybrid", "owned"))
    assert [p.gpus(1) for p in hybrid.values()] == [p.gpus(1) for p in owned.values()]


def test_spares_stand_by(base):
    def gpus(redundancy: str) -> Range:
        data = base.model_dump()
        data["options"]["owned"]["redundancy"] = redundancy
        (pool,) = sized(Scenario.model_validate(data), "owned").pools.values()
        return pool.total_replicas(1)

    none = gpus("none")
    one = gpus("n+1")
    twice = gpus("2n")
    assert one.central == none.central + 1
    assert (twice.low, twice.central, twice.high) == (none.low * 2, none.central * 2, none.high * 2)


def test_a_model_too_large_for_the_cards_is_not_sized(base):
    data = base.model_dump()
    data["options"]["owned"]["models"] = {"all": "deepseek-ai/DeepSeek-V3"}
    found = sized(Scenario.model_validate(data), "owned")
    assert not found.pools
    assert "does not fit" in found.not_estimated["deepseek-ai/DeepSeek-V3"]


def test_limits_that_nothing_keeps_are_said_to_be_missed(base):
    tight = {"ttft_s": 2.0, "tpot_ms": 1.0, "percentile": 95}
    (pool,) = sized(with_workload(base, latency=tight), "owned").pools.values()
    assert not pool.keeps_limits
    assert any("misses" in note for note in pool.notes)


def test_a_limit_that_no_lone_request_keeps_gives_way_to_half_as_much_again():
    replica = curve(LONG)
    alone = latency(replica, queueing.LONE_RATE, (95,))
    tight = Limits(ttft_s=600, tpot_s=0.001, percentile=95)
    found = queueing.relaxed(replica, tight, LONG)
    assert found.tpot_s == pytest.approx(1.5 * alone.tpot[95])
    assert found.ttft_s == 600


def letters_beside_chat(ttft_s: float) -> Scenario:
    """Long letters by night on the machines of a chat with a limit, which no letter could keep."""
    s = scenario.load("assekuranz-saentis")
    return scenario.changed(
        s,
        {
            "workloads.claims.latency.ttft_s": ttft_s,
            "workloads.letters.input_tokens": {"mean": 20_000.0, "p95": 60_000.0},
            "options.large.gpu": "a100-sxm4-80gb",
            "options.large.server": "",
            "options.large.tensor_parallel": 2,
        },
    )


def test_work_that_may_wait_keeps_no_limit_of_a_chat_beside_it():
    large = sized(letters_beside_chat(0.5), "large")
    (pool,) = large.pools.values()
    assert all(0 < s.rate_alone < math.inf for s in pool.workloads)
    assert all(math.isfinite(r.high) for r in pool.replicas)
    # a looser limit of the chat lets a replica carry more letters
    (loose,) = sized(letters_beside_chat(2.5), "large").pools.values()
    assert loose.workloads[1].rate_alone > pool.workloads[1].rate_alone


def test_a_model_that_nobody_knows_leaves_its_option_out(base):
    rented = base.options["rented"].model_copy(update={"models": {"all": "acme/unheard-of"}})
    unheard = base.model_copy(update={"options": {"rented": rented}})
    why = sized(unheard, "rented").not_estimated["acme/unheard-of"]
    assert why.startswith("'acme/unheard-of' is no model of the catalogue")


@pytest.mark.parametrize("kind", ["people", "machines", "agents"])
def test_what_machines_turn_away_is_what_comes_above_them(kind):
    hours = bunching.series(kind).reshape(bunching.HOURS, -1)
    hours = hours / hours.mean(axis=1, keepdims=True)
    # without a queue, by hand: the mean of all seconds' excess over what is carried
    alone = [np.maximum(hours - c, 0).mean() for c in bunching.CARRIED]
    assert bunching.turned_away(kind, 0.0) == pytest.approx(np.array(alone), abs=1e-9)
    # a queue takes some of it, and a longer one more; with nothing to carry it, all goes elsewhere
    short = bunching.turned_away(kind, 0.5)
    long = bunching.turned_away(kind, 5.0)
    assert short[0] == long[0] == 1.0
    assert (long <= short + 1e-12).all() and (short <= np.array(alone) + 1e-12).all()
    assert (np.diff(long) <= 1e-12).all()


def test_a_course_is_read_between_its_steps_and_rests_after_the_last():
    # One hour rises by 10 and by 20, another by 4 and by 0.
    course = np.array([[0.0, 10.0, 30.0], [0.0, 4.0, 4.0]])
    step = np.array([[0.5, 0.25], [1.5, 1.0], [2.0, 7.0]])
    assert bursts._at(course, step).tolist() == [[5, 1], [20, 4], [30, 4]]


def test_a_mean_prompt_takes_what_prompts_of_all_lengths_take_on_average():
    # attention grows with the square of a length: the mean is not that of the mean length
    lengths = Lengths(input=LogNormal(9000, 0.9), output=LogNormal(300, 0.5))
    made = DeployedReplica(
        deployment=Deployment(
            model=catalogue.model("google/gemma-4-31B-it"),
            gpu=catalogue.gpu("h100-sxm5-80gb"),
            weights="fp8",
        )
    )
    found = made.curve(lengths)
    longest = 9000 * math.exp(0.9 * 3.0902 - 0.9**2 / 2)  # the 99.9th percentile
    drawn = np.random.default_rng(1).lognormal(math.log(9000) - 0.9**2 / 2, 0.9, 400_000)
    drawn = np.minimum(drawn, longest)
    assert found.reading(drawn).mean() == pytest.approx(found.prompt_s, rel=0.01)
    same = made.curve(Lengths(input=LogNormal(9000, 0.0), output=LogNormal(300, 0.5)))
    assert found.attention_s > 1.5 * same.attention_s > 0
    assert same.prompt_s < found.prompt_s


@pytest.mark.parametrize("kind", ["people", "machines", "agents"])
def test_machines_that_were_sized_for_bursts_turn_next_to_nothing_away(kind, base):
    asked = with_workload(base, arrivals=kind)
    (share,) = sized(asked, "rented").pools["google/gemma-4-31B-it"].workloads
    away = np.interp(share.headroom, bunching.CARRIED, share.turned_away)
    assert away < 0.05  # requests beyond the percentile that the limits name


RUN = {
    "model": "google/gemma-4-31B-it", "gpu": "h100-sxm5-80gb", "tensor_parallel": 1,
    "concurrency": 16, "tpot_ms": 60, "source": "own run", "date": dt.date(2026, 11, 1),
}  # fmt: skip


def test_a_benchmark_replaces_the_estimate_and_shows_the_difference(base):
    estimate = sized(base, "rented").pools["google/gemma-4-31B-it"]
    measured = with_workload(base, measured=[RUN])
    pool = sized(measured, "rented").pools["google/gemma-4-31B-it"]
    assert pool.measured.startswith("own run") and "slower" in pool.measured
    assert pool.rate_per_replica.central < estimate.rate_per_replica.central
    narrow = pool.rate_per_replica
    wide = estimate.rate_per_replica
    assert narrow.high / narrow.low < wide.high / wide.low
    assert not sized(measured, "owned").pools["google/gemma-4-31B-it"].measured  # another card


PUBLIC = {row["case_id"]: row for row in validation.read(validation.shipped("throughput"))}


def public_run(case: str) -> Measured:
    """A public measurement, as a client would write it down as its own."""
    row = PUBLIC[case]
    return Measured(
        model=row["model_id"],
        gpu=row["gpu"],
        concurrency=float(row["concurrency_or_batch"]),
        tpot_ms=float(row["itl_or_tpot_ms"]),
        input_tokens=float(row["input_tokens"]),
        output_tokens=float(row["output_tokens"]),
        source=case,
        date=dt.date(2026, 11, 1),
    )


@pytest.mark.parametrize(
    ("own", "weights", "other"),
    [
        ("nebius26-0012", "mxfp4", "nebius26-0010"),
        ("a100burst-0004", "bf16", "a100burst-0002"),
        ("spark-0058", "mxfp4", "spark-0059"),
    ],
)
def test_a_public_run_that_is_taken_for_the_clients_own_narrows_the_range_to_it(
    own, weights, other, base
):
    """Another run of that source, at another load, lies in what is left of the range."""
    run = public_run(own)
    loads = [
        dataclasses.replace(load, hourly=load.hourly / 100)
        for load in sized(base, "owned").loads.values()
    ]
    card = {"gpu": run.gpu, "server": "", "models": {"all": run.model}, "weights": weights}
    option = base.options["rented"].model_copy(update=card | {"tensor_parallel": 1})
    wide = best_pool(option, run.model, loads, 3)
    narrow = best_pool(option, run.model, loads, 3, [run])
    assert narrow.measured.startswith(own)
    widths = [pool.slowness.high / pool.slowness.low for pool in (wide, narrow)]
    assert widths[1] == pytest.approx(1.25**2, rel=0.01) and widths[1] < widths[0]
    taken = narrow.replica.slower
    assert loops.slower(narrow.deployment, run, 0, 0) == pytest.approx(taken)
    beside = loops.slower(narrow.deployment, public_run(other), 0, 0) / taken
    assert narrow.slowness.low <= beside <= narrow.slowness.high


@pytest.mark.parametrize(
    ("change", "said"),
    [({"concurrency": None}, "concurrency"), ({"tensor_parallel": 7}, "do not divide")],
)
def test_a_benchmark_that_cannot_be_used_leaves_the_estimate_and_says_so(base, change, said):
    estimate = sized(base, "rented").pools["google/gemma-4-31B-it"]
    asked = with_workload(base, measured=[RUN | change])
    pool = sized(asked, "rented").pools[estimate.model]
    assert not pool.measured
    assert any("not used: own run" in note and said in note for note in pool.notes)
    if "concurrency" in change:
        narrow = pool.rate_per_replica
        wide = estimate.rate_per_replica
        assert narrow.high / narrow.low == pytest.approx(wide.high / wide.low)


@pytest.mark.parametrize("model", ["google/gemma-4-31B-it", "openai/gpt-oss-20b"])
@pytest.mark.parametrize("times", [0.1, 20])
def test_no_size_of_a_group_that_is_not_looked_at_needs_fewer_gpus(model, times, base):
    (load,) = sized(base, "owned").loads.values()
    loads = [dataclasses.replace(load, hourly=load.hourly * times)]
    for gpu in ("l40s-48gb", "h100-sxm5-80gb", "b200-sxm6-180gb"):
        card = {"gpu": gpu, "server": "", "models": {"all": model}, "tensor_parallel": None}
        option = base.options["rented"].model_copy(update=card)
        found = best_pool(option, model, loads, 3)
        assert found.keeps_limits
        for size in vram.TENSOR_PARALLEL:
            fixed = option.model_copy(update={"tensor_parallel": size})
            with contextlib.suppress(NotEstimated):
                other = best_pool(fixed, model, loads, 3)
                needs = [sum(p.gpus(y).central for y in (1, 2, 3)) for p in (found, other)]
                assert needs[0] <= needs[1] or not other.keeps_limits


def test_a_prompt_that_is_found_whole_in_the_cache_costs_its_last_token(base):
    whole = with_workload(base, cached_input_share=1.0)
    most = with_workload(base, cached_input_share=0.9)
    found = []
    for asked in (whole, most):
        (pool,) = sized(asked, "owned").pools.values()
        found.append(pool.workloads[0].rate_alone)
    assert math.isfinite(found[0]) and found[0] >= found[1] > 0
