"""The step-time model: bytes and arithmetic by hand, invariants, and published measurements."""

import datetime as dt
from dataclasses import replace
from itertools import pairwise, product
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import serving_rounds
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import catalogue
from siting.inputs.scenario.model import Measured
from siting.quantity import NotEstimated
from siting.serving import loops, performance, spread
from siting.serving.performance import Deployment
from siting_validation import comparison as validation
from siting_validation import runs


def deployed(model: str, gpu: str, **how: object) -> Deployment:
    return Deployment(model=catalogue.model(model), gpu=catalogue.gpu(gpu), **how)


LLAMA = deployed("meta-llama/Llama-3.1-8B", "h100-sxm5-80gb", weights="bf16")


def joined(kind: Literal["fabric", "pcie", "network"], bandwidth: float) -> performance.Link:
    return performance.Link(kind=kind, bandwidth=bandwidth)


def closed(
    r: performance.Replica, k: dict[str, float], room: float = 1e9, **asked: float
) -> loops.Speed:
    """Speeds of a closed loop of clients with room for so many sequences."""
    return loops.closed_loop(r, k, loops.Traffic(**asked), np.float64(room))


def constants(d: Deployment) -> dict[str, float]:
    return performance.efficiencies(performance.regime(d))


def test_a_step_reads_all_weights_but_the_embedding():
    # 8.0303 B parameters less 128,256 × 4,096 of the embedding, 2 B each: 15.01 GB
    r = performance.replica(LLAMA)
    assert r.dense_bytes == pytest.approx((8.0303e9 - 128256 * 4096) * 2, rel=1e-3)
    assert r.expert_bytes == 0


def test_cache_and_attention_of_grouped_queries():
    r = performance.replica(LLAMA)
    # 32 layers × 8 heads × 128 × (K and V) × 2 B = 131,072 B a token
    assert r.kv_bytes.tolist() == [131072, 0, 0]
    # two products of 2 FLOP with a key and a value: 4 × 32 heads × 128 × 32 layers
    assert r.attention_flop.tolist() == [4 * 32 * 128 * 32, 0, 0]


def test_latent_attention_repeats_its_cache_on_every_gpu():
    eight = performance.replica(
        deployed("deepseek-ai/DeepSeek-V3", "h200-sxm5-141gb", kv_cache="bf16", tensor_parallel=8)
    )
    # 61 layers × (512 + 64) × 2 B, whatever the split
    assert eight.kv_bytes.tolist() == [61 * 576 * 2, 0, 0]
    # absorbed decoding: 128 heads / 8 × 2 × (2 × 512 + 64) FLOP × 61 layers
    assert eight.attention_flop.tolist() == [16 * 2 * (2 * 512 + 64) * 61, 0, 0]


def test_a_token_draws_its_share_of_the_experts_and_a_large_batch_draws_all():
    d = deployed("mistralai/Mixtral-8x7B-v0.1", "h200-sxm5-141gb", weights="bf16")
    # even routing
    r = performance.replica(d)
    k = constants(d) | {"routing_skew": 1e-6}
    one = performance._weight_seconds(r, k, 1.0)
    many = performance._weight_seconds(r, k, 1e6)
    dense = r.dense_bytes / k["weight_memory"] / r.bandwidth
    assert (one - dense) / (many - dense) == pytest.approx(2 / 8)


def test_bridged_cards_reach_one_neighbour_and_pcie_doubles_each_generation():
    nvl = catalogue.gpu("h100-nvl-94gb")
    l40s = catalogue.gpu("l40s-48gb")
    assert performance.link(nvl, 2) == joined("fabric", 300e9)  # 600 GB/s in both directions
    assert performance.link(nvl, 4) == joined("pcie", 64e9)  # PCIe 5
    assert performance.link(l40s, 2) == joined("pcie", 32e9)  # PCIe 4
    assert performance.link(nvl, 8) == joined("pcie", 32e9)  # two sockets: no faster than PCIe 4


def test_a_format_that_the_card_lacks_is_computed_in_16_bit():
    fp8 = replace(LLAMA, weights="fp8")
    ampere = replace(fp8, gpu=catalogue.gpu("a100-sxm4-80gb"))
    assert performance.replica(ampere).compute == 312e12
    assert performance.replica(fp8).compute == pytest.approx(1978.9e12)


@settings(max_examples=40, deadline=None)
@given(
    sequences=st.floats(1, 500), context=st.floats(1, 50_000), prompt=st.floats(0, 20_000),
    more=st.floats(1.01, 3),
)  # fmt: skip
def test_a_step_is_never_faster_than_memory_and_grows_with_all_it_does(
    sequences, context, prompt, more
):
    r = performance.replica(LLAMA)
    k = constants(LLAMA)

    def step(*args: float) -> float:
        return float(performance.step_seconds(r, k, *args, 2000.0))

    now = step(sequences, context, prompt)
    assert now > (r.dense_bytes + sequences * context * r.kv_bytes.sum()) / r.bandwidth
    assert step(sequences * more, context, prompt) > now
    assert step(sequences, context * more, prompt) > now
    assert step(sequences, context, (prompt + 1) * more) > now


def test_cached_prefixes_save_reading_but_are_still_attended_to():
    r = performance.replica(LLAMA)
    k = constants(LLAMA)
    whole = performance.step_seconds(r, k, 0.0, 0.0, 8000.0, 8000.0)
    half = performance.step_seconds(r, k, 0.0, 0.0, 4000.0, 4000.0, 4000.0)
    short = performance.step_seconds(r, k, 0.0, 0.0, 4000.0, 4000.0)
    assert short < half < whole


def test_a_ring_sends_a_message_twice_but_for_the_share_that_a_card_holds():
    # All-reduce around a ring of n cards: 2 (n - 1) / n of the message (Patarasu and Yuan 2009).
    r = performance.replica(replace(LLAMA, tensor_parallel=4))
    k = constants(LLAMA) | {"link_latency_us": 0.0}
    message = 64.0 * r.hidden * 2
    exchanges = 2 * k["exchanges"] * r.layers
    expected = exchanges * message * 2 * 3 / 4 / (r.link * k["link"])
    assert performance._link_seconds(r, k, 64.0) == pytest.approx(expected)


def test_a_closed_loop_obeys_littles_law():
    r = performance.replica(LLAMA)
    k = constants(LLAMA)
    for clients, room in ((4.0, 100.0), (64.0, 16.0)):
        asked = {"load": clients, "input_tokens": 1000.0, "output_tokens": 200.0}
        s = closed(r, k, room, rounds=np.inf, **asked)
        stay = s.ttft_s + s.tpot_s * 199
        assert s.output_tokens_per_s / 200 * stay == pytest.approx(clients, rel=1e-9)


def test_stages_of_a_pipeline_hide_behind_each_other_unless_the_engine_waits():
    apart = replace(LLAMA, pipeline_parallel=2)
    k = constants(apart)
    served = performance.replica(apart)
    waiting = replace(served, waits=1.0)
    both = performance.step_seconds(served, k, 32.0, 1000.0)
    half = performance.step_seconds(replace(served, stages=1.0), k, 16.0, 1000.0)
    # two micro-batches of 16 are under way at once, or one after the other
    assert both == pytest.approx(half)
    assert performance.step_seconds(waiting, k, 32.0, 1000.0) == pytest.approx(2 * half)
    # one sequence cannot be split
    alone = performance.step_seconds(replace(served, stages=1.0), k, 1.0, 1000.0)
    for r in (served, waiting):
        assert performance.step_seconds(r, k, 1.0, 1000.0) == pytest.approx(alone)
    early = replace(apart, engine="tensorrt-llm", engine_version="0.11", batching="static")
    assert performance.replica(early).waits == 1
    assert performance.replica(replace(early, engine_version="1.0")).waits == 0


def test_each_stage_of_a_pipeline_holds_its_own_layers_of_a_sequence():
    # 131,072 B a token in all layers, of which each of two stages has a half
    apart = replace(LLAMA, pipeline_parallel=2)
    free = performance.pool_bytes(apart, 8192)
    held = performance.slots(apart, performance.replica(apart), 1000.0, 8192)
    assert held == pytest.approx(free / (1000 * 131072 / 2))


def test_a_group_larger_than_a_server_reaches_over_its_network():
    h100 = catalogue.gpu("h100-sxm5-80gb")
    assert performance.link(h100, 8) == joined("fabric", 450e9)
    assert performance.link(h100, 16) == joined("network", 50e9)  # 400 Gb/s a card
    assert performance.link(catalogue.gpu("gb200-186gb"), 16).kind == "fabric"  # 72 cards a rack
    # stages hand over little: the link that counts is that of the ranks that share a layer
    staged = replace(LLAMA, tensor_parallel=8, pipeline_parallel=2)
    assert performance.regime(staged)["link"] == "fabric"


def test_four_bit_weights_with_16_bit_activations_are_unpacked_on_every_card():
    card = catalogue.gpu("b200-sxm6-180gb")
    full = replace(LLAMA, gpu=card, weights="nvfp4")
    weight_only = replace(full, weights="nvfp4-w4a16")
    assert performance.regime(full)["dense"] == "fp4"
    assert performance.regime(weight_only)["dense"] == "fp4 unpacked"
    assert performance.replica(weight_only).compute == performance.replica(full).compute_16
    assert performance.replica(weight_only).dense_bytes == performance.replica(full).dense_bytes


def test_the_first_token_of_a_lone_request_takes_a_few_steps_and_no_tenth_of_a_second():
    # 19 to 30 ms were measured of 566 tokens on an H100, most of them cached
    k = constants(LLAMA)
    r = performance.replica(LLAMA)
    asked = {"input_tokens": 30.0, "output_tokens": 247.0, "prefix_tokens": 536.0}
    assert 0.010 < float(closed(r, k, np.inf, load=1.0, **asked).ttft_s) < 0.035


def test_one_block_a_sequence_walks_the_cache_and_none_takes_no_time():
    # by hand: a block a sequence and head takes `block_ns` for each cached token
    k = constants(LLAMA)
    r = replace(performance.replica(LLAMA), block_heads=1.0)
    walked = r.decode_flop(1000.0) / r.heads / performance.BLOCK_FLOP
    few = k["resident_blocks"] / 4  # all at once: one wave
    expected = walked * k["block_ns"] * k["pace"] * 1e-9
    assert expected > 0
    assert performance._block_seconds(r, k, few, 1000.0) == pytest.approx(expected)
    assert performance._block_seconds(replace(r, block_heads=0.0), k, few, 1000.0) == 0


def test_what_no_measurement_has_seen_widens_the_range_and_is_said():
    known = performance.regime(replace(LLAMA, model=catalogue.model("openai/gpt-oss-120b")))
    known |= {"loop": "closed"}
    strange = known | {"gpu": "abacus", "model": "x", "architecture": "Abacus", "experts": "fp2"}
    assert spread.distance(known).words == ""
    said = spread.distance(strange)
    assert said.level == 3 and "this card, this model, experts" in said.words
    for quantity in ("output_tokens_per_s_total", "itl_or_tpot_ms", "ttft_ms"):
        near, far = (spread.factors(w, quantity, 16) or (1, 1) for w in (known, strange))
        assert near[0] < 1 < near[1]
        assert far[0] <= near[0] and far[1] >= near[1]


def test_no_constant_stands_beyond_physics_and_there_are_fewer_than_fifty():
    rows = catalogue.table("engine_efficiency", performance.Efficiency)
    assert len(rows) < 50
    for row in rows:
        if row.unit.startswith("share"):
            assert 0 < row.value <= 1, row.name
        # a constant that stands in for something else is drawn far from what was expected of it
        assert 1 / 2 < row.value / row.prior < 2, (row.name, row.scope)
    shares = ("weight_memory", "expert_memory", "kv_memory", "compute", "expert_compute", "link")
    cards = ("a100-sxm4-80gb", "b200-sxm6-180gb", "mi300x-192gb")
    engines = ("vllm", "nim")
    for gpu, engine, weights in product(cards, engines, ("bf16", "fp8", "nvfp4")):
        d = replace(LLAMA, gpu=catalogue.gpu(gpu), engine=engine, weights=weights)
        assert all(constants(d)[name] <= 1 for name in shares)


# --- the form ---------------------------------------------------------------------------------


def test_padding_vanishes_at_one_row_and_is_half_a_tile_at_many():
    assert performance._padded(1.0, 30.0) == pytest.approx(1 + 30 / 31)
    assert performance._padded(1e6, 30.0) == pytest.approx(1e6 + 30, rel=1e-6)


def test_a_skew_of_routing_touches_fewer_experts_but_as_many_for_one_token():
    r = performance.replica(deployed("openai/gpt-oss-120b", "h100-sxm5-80gb"))
    even, skewed = ({"routing_skew": x} for x in (1e-6, 2.0))
    # 4 of 128 experts for one token; 64 tokens of even routing leave (1 - 4/128)^64 = 13 % out
    assert performance._touched(r, even, 1.0) == pytest.approx(4 / 128, rel=1e-3)
    assert performance._touched(r, even, 64.0) == pytest.approx(1 - (1 - 4 / 128) ** 64, rel=1e-3)
    assert performance._touched(r, skewed, 64.0) < performance._touched(r, even, 64.0)


def test_a_power_limit_slows_arithmetic_and_not_memory():
    free, capped = (
        performance.replica(deployed("mistralai/Mistral-7B-v0.1", "rtx-3090-24gb", power_limit_w=w))
        for w in (None, 220)
    )
    k = constants(LLAMA)
    ratio = performance._clock(capped, k) / performance._clock(free, k)
    assert ratio == pytest.approx((220 / 350) ** 0.4)
    assert (capped.compute, capped.bandwidth) == (free.compute, free.bandwidth)


def test_a_card_built_for_less_power_than_its_peak_takes_clocks_down():
    k = {"product_pj": 1.1}
    a100, h100, nvl = (
        performance._clock(performance.replica(replace(LLAMA, gpu=catalogue.gpu(g))), k)
        for g in ("a100-sxm4-80gb", "h100-sxm5-80gb", "h100-nvl-94gb")
    )
    assert a100 == 1  # 312 TFLOP/s × 1.1 pJ = 343 W of 400
    assert h100 == pytest.approx((700 / (989.4 * 1.1)) ** 0.4)  # 1,088 W
    assert nvl == pytest.approx((400 / (835 * 1.1)) ** 0.4)


def test_sparse_attention_keeps_all_and_reads_what_it_selects():
    r = performance.replica(
        deployed("deepseek-ai/DeepSeek-V3.2", "h200-sxm5-141gb", kv_cache="bf16")
    )
    # 61 layers × (576 × 2 B latent + 132 B index key)
    assert r.sequence_bytes(10_000.0) == pytest.approx(61 * (576 * 2 + 132) * 10_000)
    assert r.read_bytes(10_000.0) == pytest.approx(61 * (576 * 2 * 2048 + 132 * 10_000))


@pytest.mark.parametrize("rounds", [1.0, 10.0, np.inf])
def test_the_first_token_of_a_burst_waits_for_half_the_others(rounds):
    r = performance.replica(LLAMA)
    k = constants(LLAMA)
    asked = {"input_tokens": 2000.0, "output_tokens": 500.0, "rounds": rounds, "spread": 0.3}
    one, many = (closed(r, k, load=clients, **asked) for clients in (1.0, 64.0))
    prompt = one.ttft_s - performance.first_token_seconds(r, k)
    waited = (many.ttft_s - one.ttft_s) / prompt
    # a burst: some 32 prompts; a tenth of that where it is one round of ten; hardly any later
    low, high = {1.0: (20, 45), 10.0: (2, 6), np.inf: (0, 1.5)}[rounds]
    assert low < waited < high


@pytest.mark.parametrize(
    ("clients", "inp", "out", "spread", "rounds"),
    [
        (16, 1000, 200, 0.0, 1), (16, 1000, 200, 0.0, 10), (16, 1000, 200, 0.3, 10),
        (64, 1000, 500, 0.0, 4), (64, 1000, 500, 0.2, 10), (128, 2000, 300, 0.3, 6),
        (32, 4000, 200, 0.2, 1), (64, 200, 200, 0.2, 10),
    ],
)  # fmt: skip
def test_a_closed_loop_agrees_with_a_scheduler_stepped_through_request_by_request(
    clients, inp, out, spread, rounds
):
    # what a server adds to a scheduler is left out on both sides
    r = performance.replica(LLAMA)
    chunk = 8000
    k = constants(LLAMA) | {"first_token_us": 0.0, "prompt_launch_us": 0.0, "step_wait": 0.0}
    k |= {"step_tokens": 1.0, "frontend_us": 0.0}
    t = loops.Traffic(
        load=float(clients), input_tokens=inp, output_tokens=out, chunk=chunk, spread=spread,
        rounds=float(rounds),
    )  # fmt: skip
    s = loops.closed_loop(r, k, t, np.float64(1e9))
    decode = float(performance.step_seconds(r, k, clients, t.context))
    together = max(1, min(clients, chunk // inp))
    whole = float(performance.step_seconds(r, k, clients, t.context, together * inp, inp))
    seen = serving_rounds.closed_loop(
        clients, rounds, out, spread, together, decode, (whole - decode) / together
    )
    assert s.ttft_s == pytest.approx(seen.ttft_s, rel=0.15)
    assert s.tpot_s == pytest.approx(seen.tpot_s, rel=0.05)
    # the last requests of a run leave a replica half empty, which the model does not count
    assert s.output_tokens_per_s == pytest.approx(seen.output_tokens_per_s, rel=0.15)


def test_answers_of_different_lengths_pull_prompts_apart_over_a_part_of_their_steps():
    # Of 10 prompts read together, 9 x 15 / 16 come with one of later rounds; spread over 0.2 of
    # 40 steps a ninth of them; and of those that come as at random, 15 / 40 a step.
    for apart, with_it in ((0.0, 9 * 15 / 16), (0.2, 9 * 15 / 16 / 9)):
        t = loops.Traffic(load=16.0, input_tokens=1000.0, output_tokens=40.0, spread=apart)
        found = loops.others_read({"frontend_us": 0.0}, 16.0, 10.0, 1.0, t)
        assert found == pytest.approx(min(with_it + 15 / 40, 9)), apart


@pytest.mark.parametrize(
    ("running", "loop", "size"),
    [
        (1, "closed", "small"), (4, "closed", "small"), (5, "closed", "middle"),
        (64, "static", "middle"), (65, "static", "large"), (1, "saturated", "full"),
    ],
)  # fmt: skip
def test_batches_are_told_apart_by_size(running, loop, size):
    assert spread.load_class(running, loop) == size


# --- rows of measurements ---------------------------------------------------------------------

ROW = {
    "case_id": "x-1", "score": "itl_or_tpot_ms ttft_ms output_tokens_per_s_total", "engine": "vLLM",
    "model_id": "meta-llama/Llama-3.1-8B", "weight_format": "FP8", "gpu": "H100-SXM-80GB",
    "num_gpus": "1", "tensor_parallel": "1", "input_tokens": "1000", "output_tokens": "200",
    "concurrency_or_batch": "16", "offline_or_server": "server (closed loop)",
    "itl_or_tpot_ms": "10", "ttft_ms": "100", "output_tokens_per_s_total": "1500",
}  # fmt: skip


def compared(**changes: str) -> pd.DataFrame:
    return validation.compare("throughput", [ROW | changes])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_id": "nobody/Nothing-7B"}, "no model of the catalogue"),
        ({"gpu": "Abacus-2000"}, "no GPU of the catalogue"),
        ({"concurrency_or_batch": ""}, "neither concurrency, batch nor request rate"),
        ({"input_tokens": ""}, "input_tokens is not stated"),
        ({"weight_format": "FP3"}, "FP3"),
        ({"model_id": "meta-llama/Llama-3.1-405B", "weight_format": "BF16"}, "does not fit"),
        ({"concurrency_or_batch": "max", "score": "ttft_ms"}, "no estimate"),
        ({"engine": "Homegrown 1.0", "score": "ttft_ms"}, "none is estimated"),
        ({"note": "attention_dp=0 moe_tp=0 moe_ep=0"}, "attention_dp '0' is not a positive"),
        ({"tensor_parallel": "0"}, "tensor_parallel '0' is not a positive"),
        ({"tensor_parallel": "1e308"}, "tensor_parallel '1e308' is larger"),
        ({"tensor_parallel": "two"}, "tensor_parallel 'two' is not a number"),
        ({"itl_or_tpot_ms": "-1", "score": "itl_or_tpot_ms"}, "is not above zero"),
    ],
)
def test_a_row_that_cannot_be_predicted_says_why(change, said):
    made = compared(**change)
    assert made[["low", "central", "high"]].isna().all(axis=None)
    assert made.note.str.contains(said, case=False, regex=False).all()


@settings(max_examples=60, deadline=None)
@given(
    column=st.sampled_from(sorted(set(ROW) - {"case_id", "score"})),
    cell=st.one_of(st.text(max_size=8), st.sampled_from(["", "0", "-1", "nan", "1e9", "inf"])),
)
def test_a_damaged_row_never_breaks_the_prediction(column, cell):
    made = compared(**{column: cell})
    assert (made.central.notna() | (made.note != "")).all()


# --- published measurements -------------------------------------------------------------------

# Median and 90th percentile of the absolute error, in %, share inside the range and its median
# high over low, that the kit promises of rows like these.
PROMISED = {
    "trtdli": {"itl_or_tpot_ms": (7, 20, 0.74, 1.5), "ttft_ms": (7, 17, 0.74, 1.5)},
    "nimdli": {
        "itl_or_tpot_ms": (8, 22, 0.74, 1.6),
        "ttft_ms": (12, 40, 0.74, 2.0),
        "output_tokens_per_s_total": (8, 25, 0.74, 1.7),
    },
    "silicon": {"itl_or_tpot_ms": (17, 45, 0.74, 2.3)},
    "trt": {"output_tokens_per_s_total": (7, 22, 0.74, 1.7)},
    "qwen25": {"output_tokens_per_s_total": (10, 30, 0.74, 1.8)},
    "new": {
        "itl_or_tpot_ms": (15, 45, 0.74, 2.6),
        "output_tokens_per_s_total": (20, 65, 0.74, 3.2),
        "ttft_ms": (60, 200, 0.70, 6.0),
    },
}
NEW = (
    "spark", "trtllm12", "lotto3090", "gpustack", "infx26", "dstack405", "a100burst", "nebius26",
    "gaudi3", "recipes",
)  # fmt: skip


@pytest.fixture(scope="module")
def published() -> pd.DataFrame:
    rows = validation.read(validation.shipped("throughput"))
    return validation.compare("throughput", rows)


def _of(group: str, made: pd.DataFrame) -> dict[str, dict[str, float]]:
    own = made.group.isin(NEW) if group == "new" else made.group.str.startswith(group)
    return validation.summarise(made[own].assign(group=""))


@pytest.mark.parametrize("group", PROMISED)
def test_published_speeds_are_met_within_the_promised_errors_and_ranges(published, group):
    found = _of(group, published)
    for quantity, (median, tail, inside, width) in PROMISED[group].items():
        e = found[quantity]
        assert e["median_error_pct"] <= median, quantity
        assert e["p90_error_pct"] <= tail, quantity
        assert e["coverage"] >= inside, quantity
        assert e["median_high_over_low"] <= width, quantity


def test_nearly_all_published_speeds_are_predicted_and_ranges_are_no_narrower_farther_out(
    published,
):
    assert published.central.notna().mean() >= 0.95
    classes = ("wider than usual", "wide", "very wide")
    for quantity in ("output_tokens_per_s_total", "ttft_ms", "itl_or_tpot_ms"):
        made = published[(published.quantity == quantity) & (published.low > 0)]
        width = made.high / made.low
        widths = [width[made.note == ""].median()]
        for said in classes:
            own = width[made.note.str.endswith(f"is {said}")]
            widths += [own.median()] if len(own) else []
        # a printed digit widens some ranges by a hundredth
        assert len(widths) > 2, quantity
        assert all(far > 0.99 * near for near, far in pairwise(widths)), quantity


# --- a client's own benchmark -----------------------------------------------------------------


def measured(**figures: float) -> Measured:
    named = {"model": LLAMA.model.model_id, "gpu": LLAMA.gpu.id, "source": "own"}
    return Measured(**named, date=dt.date(2026, 11, 1), **figures)


def test_a_benchmark_equal_to_the_estimate_changes_nothing_and_twice_the_time_doubles_it():
    run = runs.Run(
        deployment=LLAMA,
        loop="closed",
        asked=loops.Traffic(load=16, input_tokens=1000, output_tokens=200),
    )
    tpot = runs.expected(run).speeds["itl_or_tpot_ms"].central
    for factor in (1.0, 2.0):
        seen = measured(concurrency=16.0, tpot_ms=tpot * factor)
        assert loops.slower(LLAMA, seen, 1000, 200) == pytest.approx(factor)


def test_a_benchmark_without_concurrency_is_not_guessed():
    with pytest.raises(NotEstimated, match="concurrency"):
        loops.slower(LLAMA, measured(tpot_ms=20.0), 1000, 200)
