"""A week replayed request by request: against queues with known waits, and by invariant."""

import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import Result
from commands import siting
from serving_simulation import poisson
from siting.inputs.scenario.model import Option, Workload
from siting.quantity import LogNormal
from siting.serving import load
from siting.serving.curve import Lengths
from siting.serving.pools import Pool
from siting.serving.queueing import latency
from siting.serving.sizes import best_pool
from siting_logs import arrivals, replay
from siting_logs import load as log_load
from siting_logs.batching import Prefix, PrefixCache, Speed, serve
from studies import opened

MODEL = "google/gemma-4-31B-it"
OPTION = Option(label="own", kind="rented_gpus", gpu="h100-sxm5-80gb", weights="fp8",
                models={"all": MODEL}, redundancy="none")  # fmt: skip


def jobs(
    when: Sequence[float],
    prompt: Sequence[int] | int = 1,
    output: Sequence[int] | int = 1,
    waits: bool = False,
    room: float = 0.0,
    prefixes: Sequence[Prefix] | None = None,
) -> pd.DataFrame:
    """Requests whose contexts cost nothing."""
    made = pd.DataFrame({"when": np.asarray(when, float)}).assign(
        input=prompt, cached=0, output=output, waits=waits, room=room, decode_s=0.0, attention_s=0.0
    )
    return made if prefixes is None else made.assign(prefix=prefixes)


def speed(step_s: float = 0.0, token_s: float = 0.0, most: int = 1, chunk: int = 10**6) -> Speed:
    """Steps that take as long however many sequences run, and a time for each prompt token."""
    column = max(1.0, chunk / 4)
    row = [step_s + token_s * column * place for place in range(6)]
    return Speed(step_s=[row] * (most + 1), column=column, chunk=chunk)


# --- queues whose waits are known ---------------------------------------------------------------

RATE = 0.8
"""Requests a second where a request takes a second: four fifths busy."""


def waits(made: pd.DataFrame, of: Speed) -> np.ndarray:
    served = serve(made, of, 1)
    return np.asarray(served.first_s - made.when)


def test_equal_requests_wait_as_in_a_queue_of_poisson_arrivals_and_constant_service():
    when = poisson(RATE, 100)
    served = waits(jobs(when, prompt=100), speed(token_s=0.01))
    # M/D/1: rho s / (2 (1 - rho)), and then a second of service.
    assert served.mean() - 1 == pytest.approx(RATE / (2 * (1 - RATE)), rel=0.04)


@pytest.mark.parametrize("part", ["prompt", "output"])
def test_requests_of_random_length_wait_as_in_a_queue_of_exponential_service(part):
    when = poisson(RATE, 120)
    lengths = np.maximum(1, np.random.default_rng(3).exponential(1000, len(when)).round())
    if part == "prompt":
        served = serve(jobs(when, prompt=lengths.astype(int)), speed(token_s=0.001), 1)
        waited = served.last_s - when - lengths / 1000
    else:
        # The first token takes a step, too, so that an answer of n tokens takes n steps.
        served = serve(jobs(when, output=lengths.astype(int)), speed(step_s=0.001), 1)
        waited = served.first_s - when - 0.001
    # M/M/1: rho / (mu (1 - rho)).
    assert waited.mean() == pytest.approx(RATE / (1 - RATE), rel=0.06)


def test_places_of_a_replica_make_requests_wait_as_servers_of_a_queue_do():
    places = 5
    when = poisson(RATE * places, 40)
    lengths = np.maximum(1, np.random.default_rng(3).exponential(1000, len(when)).round())
    served = serve(jobs(when, output=lengths.astype(int)), speed(step_s=0.001, most=places), 1)
    # M/M/c (Erlang C): 1 / (c mu - lambda) for those that wait.
    asked = RATE * places
    terms = [asked**n / math.factorial(n) for n in range(places)]
    full = asked**places / math.factorial(places) / (1 - RATE)
    mean = full / (sum(terms) + full) / (places - asked)
    assert (served.first_s - when - 0.001).mean() == pytest.approx(mean, rel=0.08)


# --- the scheduler, by hand ----------------------------------------------------------------------


def test_a_prompt_is_read_in_the_step_after_it_comes_and_slows_those_that_decode():
    # A second a step, a tenth a prompt token; the second request comes within the third step.
    made = jobs([0.0, 3.5], prompt=10, output=[5, 1])
    served = serve(made, speed(step_s=1.0, token_s=0.1, most=4), 1)
    # Read by 2, tokens at 3, 4, then a step of 2 with the other prompt, and the last at 7.
    assert served.first_s.tolist() == pytest.approx([2.0, 6.0])
    assert served.last_s.tolist() == pytest.approx([7.0, 6.0])


def test_long_prompts_are_read_in_chunks_and_first_come_is_first_served():
    served = serve(jobs([0.0, 0.1], prompt=[30, 10]), speed(1.0, 0.0, 4, chunk=10), 1)
    assert served.first_s.tolist() == pytest.approx([3.0, 4.0])


def test_a_full_cache_keeps_requests_out_until_one_is_done():
    served = serve(jobs([0.0, 0.0], output=10, room=0.6), speed(step_s=1.0, most=4), 1)
    assert served.first_s.tolist() == pytest.approx([1.0, 11.0])


def test_what_may_wait_is_read_where_no_other_waits():
    three = jobs([0.0, 0.1, 0.2], output=3)
    made = three.assign(waits=[False, True, False])
    served = serve(made, speed(step_s=1.0, most=1), 1)
    assert served.first_s.tolist() == pytest.approx([1.0, 7.0, 4.0])


def test_a_request_goes_to_the_replica_that_reads_it_soonest():
    served = serve(jobs([0.0, 0.0, 0.0, 0.0], prompt=10), speed(token_s=0.1), 4)
    assert served.first_s.tolist() == pytest.approx([1.0] * 4)


def test_a_request_that_no_cache_can_hold_is_refused_and_counted():
    made = jobs([0.0, 1.0]).assign(room=[1.5, 0.5])
    assert np.isfinite(serve(made, speed(step_s=1.0), 1).first_s).tolist() == [False, True]


# --- what a cache holds --------------------------------------------------------------------------


def test_leading_blocks_that_are_held_are_not_read_again():
    known = [
        Prefix((1, 2, 3), 512), Prefix((1, 2, 4), 512), Prefix((5, 2, 3), 512),
        Prefix((1, 2, 3), 512),
    ]  # fmt: skip
    made = jobs([0.0, 10.0, 20.0, 30.0], prompt=1500, prefixes=known)
    served = serve(made, speed(token_s=0.001), 1)
    # The third begins otherwise; of the fourth, the last token is computed anew.
    assert served.cached.tolist() == [0, 1024, 0, 1499]
    assert (served.first_s - made.when).tolist() == pytest.approx([1.5, 0.476, 1.5, 0.001])


def test_a_cache_gives_up_what_was_unused_for_longest_and_ends_before_beginnings():
    cache = PrefixCache(tokens=4 * 512)
    cache.keep(Prefix((1, 2, 3), 512))
    cache.keep(Prefix((7, 8), 512))
    assert cache.found(Prefix((1, 2, 3), 512), 5000) == 2 * 512
    assert cache.found(Prefix((7, 8), 512), 5000) == 2 * 512


def test_a_turn_finds_what_its_session_left_and_goes_where_it_is():
    turns = [Prefix((7,), 300), Prefix((8,), 500), Prefix((7,), 700)]
    made = jobs([0.0, 10.0, 20.0], prompt=[200, 400, 450], prefixes=turns)
    served = serve(made, speed(token_s=0.001), 2)
    assert served.cached.tolist() == [0, 0, 300]


# --- a client's week -----------------------------------------------------------------------------


def workload(**changes: object) -> Workload:
    plain = {
        "description": "d", "requests_per_day": 20_000, "models": [MODEL],
        "input_tokens": {"mean": 2000, "p95": 5000}, "output_tokens": {"mean": 300, "p95": 800},
        "growth_per_year": {"low": 0, "central": 0, "high": 0}, "peak_factor": 1.5,
        "latency": {"ttft_s": 2, "tpot_ms": 50, "percentile": 95},
    }  # fmt: skip
    return Workload.model_validate(plain | changes)


def pool(*workloads: Workload) -> Pool:
    loads = [load.workload_load(f"w{i}", w) for i, w in enumerate(workloads)]
    return best_pool(OPTION, MODEL, loads, 1)


LETTERS = {
    "requests_per_day": 3000, "batchable_share": 1, "deadline": {"by": 6},
    "input_tokens": {"mean": 1600, "p95": 4000}, "output_tokens": {"mean": 250, "p95": 600},
}  # fmt: skip


@pytest.fixture(scope="module")
def mixture() -> Pool:
    return pool(workload(), workload(**LETTERS))


def test_a_drawn_week_has_the_requests_hours_and_lengths_of_the_load(mixture):
    chat = mixture.loads[0]
    drawn = arrivals.drawn(mixture.loads, (1.5, 1.0))
    own = drawn[drawn.workload == 0]
    expected = chat.hourly * 1.5 * 3600
    counted = np.bincount((own.when / 3600).astype(int), minlength=168)
    assert len(own) == pytest.approx(expected.sum(), rel=0.02)
    assert counted == pytest.approx(expected, abs=6 * math.sqrt(expected.max()))
    assert own.input.mean() == pytest.approx(2000, rel=0.02)
    assert np.quantile(own.output, 0.95) == pytest.approx(800, rel=0.03)


def test_every_request_of_a_week_is_served_refused_or_told_as_waiting(mixture):
    week = replay.week(mixture)
    found = week.through(2)
    assert sum(s.requests + s.waiting + s.refused for s in found.seen) == len(week.requests)
    chat, letters = found.seen
    assert chat.requests and letters.waiting and not chat.waiting and not letters.requests


def test_the_same_week_gives_the_same_numbers_and_another_seed_others(mixture):
    hours = range(33, 36)

    def found(seed: int) -> replay.Replay:
        return replay.week(mixture, seed=seed, hours=hours).through(2)

    assert found(1) == found(1)
    assert found(1) != found(2)


def test_more_replicas_never_make_a_percentile_of_the_week_longer(mixture):
    week = replay.week(mixture, hours=range(33, 36))
    seen = [week.through(count).seen[0] for count in (1, 2, 3, 5, 8)]
    for measure in ("first token", "further token"):
        for level in (50, 95, 99):
            values = [s.waits[measure].percentiles[level] for s in seen]
            assert all(b <= a * 1.02 for a, b in itertools.pairwise(values))


def test_waiting_work_keeps_its_deadline_and_comes_when_others_are_few(mixture):
    week = replay.week(mixture)
    count = int(mixture.replicas[0].central)
    now = mixture.mix.busy(week.times)
    freed = arrivals.released(week.requests, now, mixture.mix.work(week.times), count)
    waits = arrivals.may_wait(freed)
    came = week.requests.when[arrivals.may_wait(week.requests)]
    assert waits.sum() == len(came)
    assert (freed.when[waits] < freed.due[waits]).all()
    busy = now[(freed.when[waits] / 3600).astype(int) % 168]
    assert busy.mean() < 0.7 * now[(came / 3600).astype(int)].mean()
    assert week.through(count).seen[1].late == 0


def test_an_answer_that_is_whole_too_late_misses_its_limit():
    found = pool(workload(latency={"whole": 15}))
    week = replay.week(found, usual=True)
    count = int(found.replicas[0].central)
    (seen,) = week.through(count).seen
    assert seen.limits.stated == {"whole answer": 15}
    assert seen.kept
    # an answer has its first token, and some 300 further ones
    first, further, whole = (each.percentiles[50] for each in seen.waits.values())
    assert whole == pytest.approx(first + 230 * further, rel=0.3)
    (asked,) = found.mix.workloads
    limits = replace(asked.load.limits, whole_s=whole)
    strict = replace(asked, load=replace(asked.load, limits=limits))
    sooner = replace(found, mix=replace(found.mix, workloads=(strict,)))
    (late,) = replace(week, pool=sooner).through(count).seen
    assert set(late.missed) > set(seen.missed) and not late.kept


def test_a_replica_alone_answers_as_the_formulas_have_it():
    found = pool(workload(requests_per_day=1000, cached_input_share=0.3))
    times = replay.ReplicaTimes.of(found.replica, found.loads[0].lengths)
    request = {
        "when": 0.0, "workload": 0, "input": 2000, "cached": 600, "output": 300, "due": math.inf,
    }  # fmt: skip
    one = pd.DataFrame([request])
    served = serve(times.jobs(one), times.speed, 1)
    same = Lengths(input=LogNormal(2000, 0), output=LogNormal(300, 0), cached_share=0.3)
    alone = latency(found.replica.curve(same), 1e-6, (50,))
    first = served.first_s[0] + times.first_token_s
    assert first == pytest.approx(alone.ttft[50], rel=0.02)
    token = (served.last_s[0] - served.first_s[0]) / 299
    assert token == pytest.approx(alone.tpot[50], rel=0.02)


# --- the command and the frame -------------------------------------------------------------------


def said(*words: str) -> Result:
    return siting("replay", *words)


def test_the_command_says_waits_by_workload_the_hours_that_miss_and_one_replica_fewer():
    first = said("klinikverbund-nordheide", "--option", "rented", "--usual", "--json")
    assert first.exit_code == 0, first.output
    (found,) = json.loads(first.output)["pools"]
    sized, fewer = found["replays"]
    assert (sized["replicas"], fewer["replicas"]) == (found["sized"], found["sized"] - 1)
    assert sized["kept"] and not sized["hours_missed"]
    assert sized["hit_rate"] == pytest.approx(0.1, abs=0.001)  # as the scenario states it
    (notes,) = sized["workloads"]
    waits = notes["waits"]["first token"]["percentiles"]
    assert 0 < waits["50"] < waits["95"] < waits["99"]


def test_the_frame_and_summary_hold_the_busiest_hour_as_sized_and_with_one_replica_fewer():
    s = opened("klinikverbund-nordheide")
    told = s.replay().query("measure == 'first token'").set_index("sized")
    assert told.replicas[True] - told.replicas[False] == 1
    assert told.kept.to_dict() == {True: True, False: False}
    assert told.hit_rate[True] == pytest.approx(0.1, abs=0.001)
    assert (told.p50 < told.p95).all() and (told.p95 < told.p99).all()
    (machines,) = s.summary()["options"][s.results.sized_option]["capacity"]["pools"].values()
    for case, row in (("as_sized", told.loc[True]), ("one_fewer", told.loc[False])):
        shown = machines["replay"][case]
        assert (shown["replicas"], shown["hit_rate"]) == (row.replicas, row.hit_rate)
        waits = shown["workloads"]["clinical-notes"]
        assert (waits["hours_missed"], waits["ttft_s"]["p95"]) == (row.missed, row.p95)


# --- a log ---------------------------------------------------------------------------------------

LOGS = Path(__file__).parent / "data" / "logs"


def test_hits_of_a_log_with_block_hashes_are_those_of_a_cache_that_holds_them_all():
    asked = replay.of_log(pool(workload()), log_load.logged(LOGS / "mooncake.jsonl"), "w0")
    share = log_load.load(LOGS / "mooncake.jsonl").fields["cached_input_share"]
    assert asked.through(1).hit_rate == pytest.approx(share, abs=0.001)
    assert asked.through(1) == asked.through(1)


def test_a_session_finds_no_more_than_the_log_says_was_cached():
    asked = replay.of_log(pool(workload()), log_load.logged(LOGS / "langfuse.jsonl"), "w0")
    stated = log_load.load(LOGS / "langfuse.jsonl").fields["cached_input_share"]
    assert 0.5 * stated < asked.through(1).hit_rate <= stated


def test_sums_of_a_bucket_cannot_be_replayed():
    refused = said("base", str(LOGS / "openai_usage.json"))
    assert refused.exit_code == 2
    assert "counts requests" in refused.output
