"""Open loops of public benchmarks: who meets whom in a short run; settings that a row states."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from siting.serving import performance
from siting.serving.loops import Traffic
from siting_validation import comparison, fit_throughput, runs, throughput

ROWS = comparison.read(comparison.shipped("throughput"))


def _traffic(sent: float) -> Traffic:
    return Traffic(load=32.0, input_tokens=200.0, output_tokens=200.0, sent=sent)


def test_a_long_run_meets_what_little_s_law_says():
    # 32 requests a second that stay for 3 s: 96
    assert runs.met(_traffic(math.inf), 3.0) == pytest.approx(96)


@pytest.mark.parametrize("stay", [0.5, 3.0, 6.25, 12.5, 40.0])
def test_a_short_run_meets_the_mean_of_a_fluid_that_grows_and_fades(stay):
    # 200 requests come within 6.25 s: how many are under way, stepped through in time
    comes = 200 / 32
    when = np.linspace(0, comes + stay, 200_001)
    under_way = 32 * (np.minimum(when, comes) - np.maximum(when - stay, 0))
    mean = (under_way**2).sum() / under_way.sum()
    assert runs.met(_traffic(200.0), stay) == pytest.approx(mean, rel=1e-3)
    assert runs.met(_traffic(200.0), stay) < min(200, 32 * stay)


def _run(case: str) -> tuple[runs.Run, dict[str, str]]:
    row = next(r for r in ROWS if r["case_id"] == case)
    return throughput.run_of(row), row


def test_a_row_s_own_limits_on_sequences_and_batch_are_read():
    run, row = _run("blis-9-general-s1")
    assert "--max-num-seqs 128 --max-num-batched-tokens 2048" in row["note"]
    d = run.deployment
    assert (d.sequences, d.batched_tokens, d.utilization) == (128, 2048, 0.9)
    assert run.traffic.chunk == 2048
    longest = float(run.asked.longest)
    assert performance.room(d, performance.replica(d), longest) == 128
    short, _ = _run("iog-meta-llama-3-8b-instruct-1xh100-pcie-80gb-32qps-1")
    assert short.asked.sent == 200 and run.asked.sent == math.inf


def test_near_saturation_a_slower_step_costs_more_than_itself():
    # the longer a step takes, the more requests meet: a tenth of a step is more than a tenth
    run, _ = _run("blis-24-general-s1")
    d = run.deployment
    r = performance.replica(d)
    k = performance.efficiencies(performance.regime(d) | {"loop": "open"})
    one, slow, fast = (
        float(runs.open_loop(r, k, run.traffic, 128.0, x).tpot_s) for x in (1.0, 1.1, 0.9)
    )
    assert slow / one > 1.1 and fast / one < 0.9
    idle = Traffic(load=0.01, input_tokens=27.0, output_tokens=248.0)
    alone = [float(runs.open_loop(r, k, idle, 128.0, x).tpot_s) for x in (1.0, 1.1)]
    assert alone[1] / alone[0] == pytest.approx(1.1, rel=0.01)


def test_the_range_of_an_open_loop_is_that_of_its_step_carried_through_the_queue():
    run, _ = _run("blis-24-general-s1")
    found = runs.expected(run).speeds["itl_or_tpot_ms"]
    where = performance.regime(run.deployment) | {"loop": "open"}
    low, high = runs.spread.factors(where, "itl_or_tpot_ms", 60) or (1.0, 1.0)
    assert found.low < found.central * low and found.high > found.central * high


@pytest.mark.parametrize("group", ["model and card", "source"])
def test_ranges_of_open_loops_hold_where_they_were_left_out(group):
    path = Path(fit_throughput.__file__).with_suffix(".json")
    held = json.loads(path.read_text(encoding="utf-8"))[group]["open loops"]
    assert held["itl_or_tpot_ms"]["inside"] >= 0.76
    assert held["itl_or_tpot_ms"]["width"] <= 2.6
