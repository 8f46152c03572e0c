"""The step-time model: bytes and arithmetic by hand, invariants, and published measurements."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import catalogue
from siting.inputs import benchmark
from siting.serving import measurement, performance
from siting.serving.performance import Deployment, NotPredicted

from siting_validation import comparison as validation


def deployed(model: str, gpu: str, **how: object) -> Deployment:
    return Deployment(catalogue.model(model), catalogue.gpu(gpu), **how)  # type: ignore[arg-type]


LLAMA = deployed("meta-llama/Llama-3.1-8B", "h100-sxm5-80gb", weights="bf16")


def constants(d: Deployment) -> dict[str, float]:
    return performance.efficiencies(performance.regime(d))


def test_a_step_reads_all_weights_but_the_embedding() -> None:
    # 8.0303 B parameters less 128,256 × 4,096 of the embedding, 2 B each: 15.01 GB
    r = performance.replica(LLAMA)
    assert r.dense_bytes == pytest.approx((8.0303e9 - 128256 * 4096) * 2, rel=1e-3)
    assert r.expert_bytes == 0


def test_cache_and_attention_of_grouped_queries() -> None:
    r = performance.replica(LLAMA)
    # 32 layers × 8 heads × 128 × (K and V) × 2 B = 131,072 B a token
    assert r.kv_bytes == 131072
    # two products of 2 FLOP with a key and a value: 4 × 32 heads × 128 × 32 layers
    assert r.attention_flop == 4 * 32 * 128 * 32


def test_latent_attention_repeats_its_cache_on_every_gpu() -> None:
    eight = performance.replica(
        deployed("deepseek-ai/DeepSeek-V3", "h200-sxm5-141gb", kv_cache="bf16", tensor_parallel=8)
    )
    assert eight.kv_bytes == 61 * 576 * 2  # 61 layers × (512 + 64) × 2 B, whatever the split
    # absorbed decoding: 128 heads / 8 × 2 × (2 × 512 + 64) FLOP × 61 layers
    assert eight.attention_flop == 16 * 2 * (2 * 512 + 64) * 61


def test_a_token_draws_its_share_of_the_experts_and_a_large_batch_draws_all() -> None:
    d = deployed("mistralai/Mixtral-8x7B-v0.1", "h200-sxm5-141gb", weights="bf16")
    r, k = performance.replica(d), constants(d)
    one = performance._weight_seconds(r, k, 1.0)
    many = performance._weight_seconds(r, k, 1e6)
    dense = r.dense_bytes / k["weight_memory"] / r.bandwidth
    assert (one - dense) / (many - dense) == pytest.approx(2 / 8)


def test_bridged_cards_reach_one_neighbour_and_pcie_doubles_each_generation() -> None:
    nvl, l40s = catalogue.gpu("h100-nvl-94gb"), catalogue.gpu("l40s-48gb")
    assert performance.link(nvl, 2) == ("nvlink", 300e9)  # 600 GB/s in both directions
    assert performance.link(nvl, 4) == ("pcie", 64e9)  # PCIe 5
    assert performance.link(l40s, 2) == ("pcie", 32e9)  # PCIe 4


def test_a_format_that_the_card_lacks_is_computed_in_16_bit() -> None:
    ampere = performance.replica(
        deployed("meta-llama/Llama-3.1-8B", "a100-sxm4-80gb", weights="fp8")
    )
    assert ampere.compute == 312e12
    hopper = performance.replica(
        deployed("meta-llama/Llama-3.1-8B", "h100-sxm5-80gb", weights="fp8")
    )
    assert hopper.compute == pytest.approx(1978.9e12)


@settings(max_examples=40, deadline=None)
@given(
    sequences=st.floats(1, 500),
    context=st.floats(1, 50_000),
    prompt=st.floats(0, 20_000),
    more=st.floats(1.01, 3),
)
def test_a_step_is_never_faster_than_memory_and_grows_with_all_it_does(
    sequences: float, context: float, prompt: float, more: float
) -> None:
    r, k = performance.replica(LLAMA), constants(LLAMA)

    def step(*args: float) -> float:
        return float(performance.step_seconds(r, k, *args, 2000.0))

    now = step(sequences, context, prompt)
    assert now > (r.dense_bytes + sequences * context * r.kv_bytes) / r.bandwidth
    assert step(sequences * more, context, prompt) > now
    assert step(sequences, context * more, prompt) > now
    assert step(sequences, context, (prompt + 1) * more) > now


def test_cached_prefixes_save_reading_but_are_still_attended_to() -> None:
    r, k = performance.replica(LLAMA), constants(LLAMA)
    whole = performance.step_seconds(r, k, 0.0, 0.0, 8000.0, 8000.0)
    half = performance.step_seconds(r, k, 0.0, 0.0, 4000.0, 4000.0, 4000.0)
    short = performance.step_seconds(r, k, 0.0, 0.0, 4000.0, 4000.0)
    assert short < half < whole


def test_arrays_give_what_single_replicas_give() -> None:
    several = [replace(LLAMA, tensor_parallel=t) for t in (1, 2, 4)]
    stacked = performance.stack([performance.replica(d) for d in several])
    k = constants(LLAMA)
    together = performance.step_seconds(stacked, k, 8.0, 1000.0)
    apart = [performance.step_seconds(performance.replica(d), k, 8.0, 1000.0) for d in several]
    np.testing.assert_allclose(together, apart)


def test_a_closed_loop_obeys_littles_law() -> None:
    r, k = performance.replica(LLAMA), constants(LLAMA)
    for clients, room in ((4.0, 100.0), (64.0, 16.0)):
        s = performance.closed_loop(r, k, clients, room, 1000.0, 200.0)
        stay = s.ttft_s + s.tpot_s * 199
        assert s.output_tokens_per_s / 200 * stay == pytest.approx(clients, rel=1e-9)


def test_every_constant_says_why_and_tests_a_known_condition() -> None:
    known = set(performance.regime(LLAMA))
    for row in catalogue.table("engine_efficiency", performance.Efficiency):
        assert row.reason
        assert {c.partition("=")[0].strip() for c in row.scope.split("&") if c.strip()} <= known


def test_an_engine_or_card_never_measured_has_a_wider_range() -> None:
    known = performance.regime(LLAMA) | {"loop": "closed"}
    strange = performance.regime(replace(LLAMA, gpu=catalogue.gpu("mi300x-192gb")))
    for quantity in ("output_tokens_per_s_total", "itl_or_tpot_ms", "ttft_ms"):
        near = performance.spread(known, quantity)
        far = performance.spread(strange | {"loop": "closed"}, quantity)
        assert far[1] / far[0] > near[1] / near[0]


# --- rows of measurements ---------------------------------------------------------------------

ROW = {
    "case_id": "x-1",
    "score": "itl_or_tpot_ms ttft_ms output_tokens_per_s_total",
    "engine": "vLLM",
    "model_id": "meta-llama/Llama-3.1-8B",
    "weight_format": "FP8",
    "gpu": "H100-SXM-80GB",
    "num_gpus": "1",
    "tensor_parallel": "1",
    "input_tokens": "1000",
    "output_tokens": "200",
    "concurrency_or_batch": "16",
    "offline_or_server": "server (closed loop)",
    "itl_or_tpot_ms": "10",
    "ttft_ms": "100",
    "output_tokens_per_s_total": "1500",
}


def compared(**changes: str) -> list[validation.Comparison]:
    return validation.compare("throughput", [ROW | changes])


def test_a_row_is_predicted_with_a_range() -> None:
    for c in compared():
        assert c.low is not None and c.central is not None and c.high is not None
        assert c.low < c.central < c.high


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_id": "nobody/Nothing-7B"}, "not a model"),
        ({"gpu": "Abacus-2000"}, "not a GPU"),
        ({"concurrency_or_batch": ""}, "neither concurrency, batch nor request rate"),
        ({"input_tokens": ""}, "input_tokens is not stated"),
        ({"weight_format": "FP3"}, "FP3"),
        ({"model_id": "meta-llama/Llama-3.1-405B", "weight_format": "BF16"}, "does not fit"),
        ({"concurrency_or_batch": "max", "score": "ttft_ms"}, "no estimate"),
    ],
)
def test_a_row_that_cannot_be_predicted_says_why(change: dict[str, str], said: str) -> None:
    for c in compared(**change):
        assert c.central is None and c.low is None and c.high is None
        assert said.lower() in c.note.lower()


def test_an_unknown_engine_is_predicted_and_said_to_be_uncalibrated() -> None:
    for c in compared(engine="Homegrown 1.0"):
        assert c.central is not None
        assert "no measurement" in c.note


@settings(max_examples=60, deadline=None)
@given(
    column=st.sampled_from(sorted(set(ROW) - {"case_id", "score"})),
    cell=st.one_of(st.text(max_size=8), st.sampled_from(["", "0", "-1", "nan", "1e9", "inf"])),
)
def test_a_damaged_row_never_breaks_the_prediction(column: str, cell: str) -> None:
    for c in compared(**{column: cell}):
        assert c.note or c.central is not None


def test_expert_and_tensor_parallelism_on_the_same_gpus_are_counted_once() -> None:
    note = "attention_dp=1 moe_tp=8 moe_ep=8"
    run = measurement.run_of_row(ROW | {"num_gpus": "64", "tensor_parallel": "64", "note": note})
    assert run.deployment.gpus == 8


# --- published measurements -------------------------------------------------------------------

# Median and 90th percentile of the absolute error that the kit promises, in %.
PROMISED = {
    "trt": {"itl_or_tpot_ms": (7, 20), "ttft_ms": (6, 16), "output_tokens_per_s_total": (7, 22)},
    "nim": {"itl_or_tpot_ms": (10, 26), "ttft_ms": (14, 45), "output_tokens_per_s_total": (10, 28)},
    "silicon": {"itl_or_tpot_ms": (20, 50)},
    "qwen25": {"output_tokens_per_s_total": (12, 33)},
}
GROUPS = {
    "trtdli": "trt", "trtllm014": "trt", "trtllm017": "trt", "trtllm10": "trt",
    "nimdli": "nim", "silicon": "silicon", "qwen25": "qwen25",
}  # fmt: skip


@pytest.fixture(scope="module")
def published() -> list[validation.Comparison]:
    rows = validation.read(validation.shipped("throughput"))
    return validation.compare("throughput", rows)


def test_published_speeds_are_met_within_the_promised_errors(
    published: list[validation.Comparison],
) -> None:
    named = [replace(c, group=GROUPS[c.group]) for c in published if c.group in GROUPS]
    found = validation.summarise(named)
    for group, promised in PROMISED.items():
        for quantity, (median, tail) in promised.items():
            e = found[f"{group} {quantity}"]
            assert e["median_error_pct"] <= median, (group, quantity)
            assert e["p90_error_pct"] <= tail, (group, quantity)


def test_ranges_hold_about_80_percent_and_are_not_wide(
    published: list[validation.Comparison],
) -> None:
    found = validation.summarise([replace(c, group="") for c in published])
    for quantity, width in (
        ("itl_or_tpot_ms", 1.5),
        ("ttft_ms", 1.5),
        ("output_tokens_per_s_total", 1.7),
    ):
        e = found[quantity]
        assert e["predicted"] >= 0.97
        assert 0.75 <= e["coverage"] <= 0.92
        assert e["median_high_over_low"] <= width


# --- a client's own benchmark -----------------------------------------------------------------


def test_a_benchmark_equal_to_the_estimate_changes_nothing_and_twice_the_time_doubles_it() -> None:
    run = measurement.Run(LLAMA, "closed", 1000, 200, 16)
    tpot = measurement.expected(run).itl_or_tpot_ms.central
    for factor in (1.0, 2.0):
        seen = benchmark.Benchmark("own", concurrency=16, tpot_ms=tpot * factor)
        assert measurement.slower(LLAMA, seen, 1000, 200) == pytest.approx(factor)


def test_a_benchmark_without_concurrency_is_not_guessed() -> None:
    with pytest.raises(NotPredicted, match="concurrency"):
        measurement.slower(LLAMA, benchmark.Benchmark("own", tpot_ms=20.0), 1000, 200)
