"""Memory of serving, against start-up logs and against what must hold whatever the numbers are."""

import dataclasses
import itertools
from typing import Any

import pytest
from cache_bytes import request_bytes
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import catalogue, dtypes
from siting.inputs.scenario.model import Tokens, Workload
from siting.memory import attention, distance, engines, pool, vram, weights
from siting.memory.deployment import Deployment, planned
from siting.quantity import GIB, NotEstimated, Range

LLAMA = catalogue.model("meta-llama/Llama-3.1-8B-Instruct")
QWEN = catalogue.model("Qwen/Qwen3-32B")
H100 = catalogue.gpu("H100")
L40S = catalogue.gpu("L40S")
MODELS = [m.model_id for m in catalogue.models() if m.params_recomputed_b and m.num_hidden_layers]


def deployed(model: str, gpu: catalogue.Gpu = H100, **how: Any) -> Deployment:
    return Deployment(model=catalogue.model(model), gpu=gpu, **how)


def blocks(
    model: str, gib: float, longest: int, kv: str = "auto", mtp: bool = False, **how: Any
) -> attention.Blocks:
    """What a pool of so many GiB holds of requests as long as that."""
    groups = attention.layer_groups(catalogue.model(model), mtp=mtp)
    cells = attention.Cells(groups=groups, kv=dtypes.kv_format(kv), **how)
    return cells.blocks(gib * GIB, longest)


# --- weights ----------------------------------------------------------------------------------


def test_sixteen_bit_weights_are_two_bytes_a_parameter():
    # 8.0303 billion parameters x 2 B = 14.96 GiB, which vLLM logs too (issue 10517)
    assert weights.weight_bytes_per_gpu(LLAMA, "bf16").central / GIB == pytest.approx(
        14.96, rel=1e-3
    )


def test_only_linear_layers_are_quantised_in_eight_bit():
    # 69.5 of 70.55 billion: 2 x 128256 x 8192 = 2.10 billion stay in 16 bit
    model = catalogue.model("meta-llama/Llama-3.1-70B-Instruct")
    linear = 70.5537e9 - 2 * 128256 * 8192
    ends = 2 * 128256 * 8192
    got = weights.weight_bytes_per_gpu(model, "fp8").central
    assert got == pytest.approx(linear * 8.01 / 8 + ends * 2, rel=1e-3)


def test_four_bit_experts_of_gpt_oss_take_their_tiles():
    # 65.97 GiB on one GPU and 17.22 on each of four: vLLM 0.10 start-up logs
    model = catalogue.model("openai/gpt-oss-120b")
    assert weights.weight_bytes_per_gpu(model).central / GIB == pytest.approx(65.97, rel=0.005)
    assert weights.weight_bytes_per_gpu(model, tp=4).central / GIB == pytest.approx(17.22, rel=0.01)


def test_latent_projections_are_whole_on_every_rank():
    # 61 layers x 7168 x (1536 + 512 + 64) in 8 bit, of which a rank would else hold a sixteenth
    model = catalogue.model("deepseek-ai/DeepSeek-V3")
    t = weights.tensors(model)
    assert t.replicated == 61 * 7168 * (1536 + 512 + 64)
    sixteen = weights.weight_bytes_per_gpu(model, "fp8", tp=16).central
    one = weights.weight_bytes_per_gpu(model, "fp8", tp=1).central
    assert sixteen - one / 16 == pytest.approx(t.replicated * 8.01 / 8 * 15 / 16, rel=1e-6)


def test_a_file_of_llama_cpp_weighs_what_its_table_says():
    # 4.58 GiB for Llama 3 8B in Q4_K_M; 4,403 MiB of it went to the GPU (public log): the token
    # embedding stays in host memory
    model = catalogue.model("meta-llama/Meta-Llama-3-8B-Instruct")
    on_gpu = weights.gguf_bytes(model, dtypes.weight_format("gguf-Q4_K_M"), 1)
    assert on_gpu / 2**20 == pytest.approx(4403, rel=0.01)


def test_layers_of_llama_cpp_split_with_the_head_on_the_last_card():
    # 33 units on two cards: 17 layers, and 15 with the head; K and V of 17 layers are 544 MiB
    model = catalogue.model("meta-llama/Meta-Llama-3-8B-Instruct")
    fullest = weights.gguf_bytes(model, dtypes.weight_format("gguf-Q4_K_M"), 2)
    assert fullest / 2**30 == pytest.approx(2.237, rel=0.01)
    run = Deployment(model=model, gpu=H100, kv_cache="f16", tensor_parallel=2, engine="llama.cpp")
    assert pool.request_gib(run, 8192) * 1024 == pytest.approx(544)


def test_the_compute_buffer_of_llama_cpp_holds_scores_without_flash_attention():
    # Llama 3 8B, two cards, 8,192 tokens: 0.625 GiB a card in a public log of 2024; the scores are
    # 4 B x 32 heads x 512 x 8,192 tokens = 0.5 GiB, and 80 MiB come with the second card
    model = "meta-llama/Meta-Llama-3-8B-Instruct"
    two = deployed(model, tensor_parallel=2, engine="llama.cpp", flash_attention=False)
    plain = pool.activations(two, 8192).gib.central
    two = dataclasses.replace(two, flash_attention=True)
    flash = pool.activations(two, 8192).gib.central
    assert plain == pytest.approx(0.625, rel=0.1)
    # with it, the logits of 512 tokens: Qwen3 30B-A3B logged 0.434 GiB with 151,936 entries
    assert flash == pytest.approx(4 * 512 * 128256 / GIB + 80 / 1024)


def test_a_stated_mean_of_a_gguf_name_is_taken():
    assert dtypes.weight_format("gguf-Q4_K (4.64 BPW)").bits == 4.64


def test_prediction_layers_are_loaded_only_when_asked():
    model = catalogue.model("zai-org/GLM-5")
    assert weights.tensors(model, mtp=True).mtp == pytest.approx((753.8641 - 743.9112) * 1e9)
    assert weights.tensors(model).mtp == 0


def test_pipeline_stages_hold_the_layers_of_the_fullest():
    # 126 layers over 4 stages: 32 in the fullest; its share of the body, and one of the two ends
    model = catalogue.model("meta-llama/Llama-3.1-405B-Instruct")
    t = weights.tensors(model)
    expected = 2 * ((t.attention + t.mlp) * 32 / 126 + t.embedding)
    assert weights.weight_bytes_per_gpu(model, "bf16", pp=4).central == pytest.approx(expected)


def test_unknown_formats_are_refused_by_name():
    with pytest.raises(NotEstimated, match=r"fp7.*did you mean fp8"):
        weights.weight_bytes_per_gpu(LLAMA, "fp7")
    with pytest.raises(NotEstimated, match="'q9' is no KV cache format"):
        dtypes.kv_format("q9")


# --- the engine's own sum ---------------------------------------------------------------------


def test_the_pool_of_a_qwen3_32b_on_an_h100_is_what_vllm_logged():
    # llm-d summary table: 61.03 + 5.64 + 0.14, and a cache of 4.45 GiB, in 0.9 x 79.18
    made = vram.inference(Deployment(model=QWEN, gpu=H100, engine_version="0.11"), 16000)
    parts = {p.name: p.gib.central for p in made.parts}
    assert parts["weights"] == pytest.approx(61.03, rel=1e-3)
    assert parts["activations"] == pytest.approx(5.64, rel=0.02)
    assert made.pool_gib.central == pytest.approx(4.45, abs=0.1)
    assert made.verdict == "fits"  # it did


def test_the_same_run_with_32000_tokens_does_not_start():
    made = vram.inference(Deployment(model=QWEN, gpu=H100, engine_version="0.11"), 32000)
    assert made.verdict == "does not fit"
    assert 16000 <= made.longest_context < 32000


def test_blocks_of_a_windowed_model_give_the_logged_concurrency():
    # gpt-oss 120B, 4 x A100: 45.32 GiB hold 2,640,144 printed tokens and 284.25 requests of 16,384
    made = blocks("openai/gpt-oss-120b", 45.32, 16384, tp=4)
    assert made.smallest_group_tokens == pytest.approx(2640144, rel=1e-4)
    assert made.concurrency == pytest.approx(284.25, abs=0.01)


def test_blocks_grow_until_they_hold_a_state():
    # Qwen3.6 35B-A3B on GB10: 47.55 GiB print 623,040 tokens = 590 x 1,056, and 18.44 requests
    made = blocks("Qwen/Qwen3.6-35B-A3B", 47.55, 131072)
    assert made.block_tokens == 1056
    assert made.smallest_group_tokens == 623040
    assert made.concurrency == pytest.approx(18.44, abs=0.005)


def test_two_head_shapes_share_one_page():
    # Gemma 4 12B: 69.53 GiB hold 41.08 requests of 8,192 tokens with 4,096 at a time
    made = blocks("google/gemma-4-12B-it", 69.53, 8192, chunk=4096)
    assert made.concurrency == pytest.approx(41.08, abs=0.01)


def test_windows_are_windows_in_every_release_and_only_the_print_changes():
    # Gemma 4 31B at 8,192 tokens, chunks of 4,096: a full layer's block holds 32 tokens, so 256
    # blocks; each of five groups of windows holds (1023 + 4096) / 16 + 1 = 321. A public log of
    # 66,540 blocks prints 66540 / (256 + 5 x 321) = 35.75 requests.
    runs = [deployed("google/gemma-4-31B-it", L40S, engine_version=v) for v in ("0.20.0", "0.21")]
    gib = 66540 * 10 * 16 * 16 * 512 * 2 / GIB  # ten layers a group, 16 tokens of 16 x 512 values
    old, new = (pool.holds(d, 8192, gib + 1e-6) for d in runs)
    assert old.requests == new.requests == pytest.approx(35.755, rel=1e-4)
    assert old.tokens == 66540 // 6 * 16  # tokens of the smallest of six groups
    assert new.tokens == pytest.approx(35.755 * 8192, rel=1e-4)


def test_latents_were_kept_as_heads_before_release_07():
    # DeepSeek V2: 60 layers x 128 heads x 2 x 192 values; since then 60 x 576
    run = deployed("deepseek-ai/DeepSeek-V2-Chat", tensor_parallel=8)
    old, new = (
        pool.request_gib(dataclasses.replace(run, engine_version=v), 1000) * GIB
        for v in ("0.6.2", "0.7.2")
    )
    assert old == pytest.approx(1000 * 60 * 16 * 2 * 192 * 2)
    assert new == pytest.approx(1000 * 60 * 576 * 2)


def test_the_ik_fork_prices_windows_at_full_length():
    # Gemma 3 27B at 32,768 tokens: 62 x 16 x 256 x 2 B a token make 15.5 GiB (public log: 15 to 16)
    run = deployed(
        "google/gemma-3-27b-it", kv_cache="f16", engine="llama.cpp",
        engine_version="ik_llama.cpp fork",
    )  # fmt: skip
    assert pool.request_gib(run, 32768) == pytest.approx(15.5)
    assert pool.request_gib(dataclasses.replace(run, engine_version=""), 32768) < 4


def test_without_graphs_none_are_captured_beside_the_budget():
    run = deployed("google/gemma-3-27b-it", engine="vllm", engine_version="0.8.0")
    assert pool.graphs_outside(run).central > 0
    eager = dataclasses.replace(run, eager=True)
    assert pool.graphs_outside(eager) == Range.exact(0.0, "GiB")


def test_speculative_decoding_adds_layers_states_and_columns():
    # Nemotron 3 Super, 8-bit cache, three speculative tokens: blocks of 8,432, 27.81 requests
    model = "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-BF16"
    made = blocks(model, 36.25, 131072, kv="fp8", mtp=True, speculative_tokens=3)
    assert made.block_tokens == 8432
    assert made.smallest_group_tokens == 1399712
    assert made.concurrency == pytest.approx(27.81, abs=0.005)


def test_the_first_engine_of_vllm_profiles_the_whole_context():
    # Llama 3.1 8B at 131,072 tokens on MI300X: 14.63 GiB of activations
    run = Deployment(model=LLAMA, gpu=catalogue.gpu("MI300X"), engine_version="0.7.0")
    part = pool.activations(run, 131072)
    assert part.gib.central == pytest.approx(14.63, rel=0.08)


def test_the_sampler_is_not_divided_by_ranks():
    one, two = (
        pool.activations(Deployment(model=QWEN, gpu=H100, tensor_parallel=tp), 16000).gib.central
        for tp in (1, 2)
    )
    assert one == two == pytest.approx(5.64, rel=0.02)  # both logged as 5.64 GiB


def test_graphs_count_from_release_021_on():
    assert pool.graphs(Deployment(model=LLAMA, gpu=H100, engine_version="0.20.1")).gib.central == 0
    assert pool.graphs(Deployment(model=LLAMA, gpu=H100, engine_version="0.21.0")).gib.central > 0


def test_a_new_deployment_is_planned_with_the_current_release():
    d = planned(Deployment(model=LLAMA, gpu=H100))
    assert d.release == (0, 33)
    made = vram.inference(d, 8192)
    assert next(p for p in made.parts if p.name == "graphs").gib.central > 0


def test_sglang_keeps_activations_outside_its_share():
    run = Deployment(model=LLAMA, gpu=H100, weights="bf16", engine="sglang", utilization=0.8)
    made = pool.CachePool(run, 8192)
    loaded = made.parts[0].gib.central
    assert made.left.central == pytest.approx(made.budget.central - loaded)


def test_tensorrt_llm_takes_a_share_of_what_is_free_after_loading():
    made = vram.inference(
        Deployment(model=LLAMA, gpu=H100, weights="fp8", engine="tensorrt-llm"), 8192
    )
    taken = sum(p.gib.central for p in made.parts if p.name != "cache")
    assert made.pool_gib.central == pytest.approx(0.9 * (79.18 - taken), rel=1e-6)


def test_the_many_names_of_an_engine_are_one():
    assert engines.engine_family("TensorRT-LLM 1.0") == "tensorrt-llm"
    assert engines.engine_family("ik_llama.cpp") == "llama.cpp"
    assert engines.engine_name("NVIDIA NIM (TensorRT-LLM)") == "nim"
    assert engines.engine_family("NVIDIA NIM (TensorRT-LLM)") == "tensorrt-llm"
    assert engines.engine_name("Abacus") == "abacus"
    with pytest.raises(NotEstimated, match="engine 'abacus'"):
        engines.engine_family("abacus")


# --- what must hold whatever the numbers are --------------------------------------------------

some_model = st.sampled_from(MODELS).map(catalogue.model)
some_group = st.sampled_from([1, 2, 4, 8])


@settings(max_examples=60, deadline=None)
@given(
    model=some_model, tokens=st.integers(1, 200_000), more=st.integers(1, 100_000), tp=some_group
)
def test_more_tokens_never_need_less(model, tokens, more, tp):
    few, many = (
        request_bytes(model, dtypes.kv_format("auto"), t, tp) for t in (tokens, tokens + more)
    )
    assert few <= many


@settings(max_examples=60, deadline=None)
@given(model=some_model, tp=some_group, fmt=st.sampled_from(["bf16", "fp8", "int4", "nvfp4"]))
def test_more_ranks_never_hold_more_and_never_less_than_a_share(model, tp, fmt):
    one = weights.weight_bytes_per_gpu(model, fmt).central
    split = weights.weight_bytes_per_gpu(model, fmt, tp=tp).central
    assert one / tp <= split * (1 + 1e-9) <= one * (1 + 1e-9)
    kv = dtypes.kv_format("auto")
    assert request_bytes(model, kv, 5000, tp) <= request_bytes(model, kv, 5000)


@settings(max_examples=60, deadline=None)
@given(model=some_model, tp=some_group, context=st.integers(256, 100_000))
def test_parts_pool_and_budget_add_up(model, tp, context):
    made = vram.inference(planned(Deployment(model=model, gpu=H100, tensor_parallel=tp)), context)
    taken = sum(p.gib.central for p in made.parts if p.name != "cache")
    assert made.pool_gib.central + taken == pytest.approx(made.budget_gib.central)
    if made.pool_gib.central > 0 and made.longest_context:
        held = pool.request_gib(made.deployment, made.longest_context)
        assert held <= made.pool_gib.central
    else:
        assert made.verdict == "does not fit"


@settings(max_examples=40, deadline=None)
@given(model=some_model, pool=st.floats(0.5, 100), tp=some_group)
def test_blocks_never_promise_more_than_the_pool(model, pool, tp):
    longest = 8192
    kv = dtypes.kv_format("auto")
    groups = attention.layer_groups(model)
    try:
        made = attention.Cells(groups=groups, kv=kv, tp=tp).blocks(pool * GIB, longest)
    except NotEstimated:
        return
    need = request_bytes(model, kv, longest, tp) - sum(
        g.count * g.span * g.bytes_per_token(kv, tp) for g in groups if g.kind == "cross"
    )
    assert made.concurrency * need <= pool * GIB * 1.001


# --- solvers ----------------------------------------------------------------------------------


def test_the_fewest_gpus_are_the_first_that_fit():
    run = planned(deployed("meta-llama/Llama-3.3-70B-Instruct", weights="bf16"))
    found = vram.fewest_gpus(run, 8192, 4)
    assert found is not None and found.deployment.tensor_parallel == 4
    smaller = dataclasses.replace(run, tensor_parallel=2)
    assert vram.inference(smaller, 8192, 4).verdict == "does not fit"


# --- behaviour by release ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "bytes_each"),
    [("0.7.2", 38), ("0.10.2", 38), ("0.16.1", 38), ("0.17.0", 14.9), ("0.19.0", 14.9), ("", 38)],
)
def test_the_sampler_takes_what_its_release_takes(version, bytes_each):
    # One campaign on one card: Qwen3-14B took 5.64 GiB in 0.15 and 0.16, and 2.23 from 0.17 on.
    # Without a release, that of the model's own time is taken (Qwen3: April 2025).
    run = Deployment(model=QWEN, gpu=H100, engine_version=version)
    assert pool.sampler_row(run).central == bytes_each


def test_a_start_up_of_release_019_is_reproduced():
    # Public log, H100 of 79.19 GiB at 0.95: weights 14.99, activations 1.89, outside torch 0.25,
    # pool 58.11 GiB, 476,016 tokens; with two ranks 7.51, 1.89, 2.07 and 63.76 GiB
    card = H100.model_copy(update={"usable_gib": 79.19})
    run = Deployment(
        model=LLAMA, gpu=card, weights="bf16", engine_version="0.19.0", utilization=0.95
    )
    one = pool.CachePool(run, 32768)
    assert one.left.central == pytest.approx(58.11, abs=0.1)
    assert one.parts[0].gib.central == pytest.approx(14.99, abs=0.02)
    assert one.parts[1].gib.central == pytest.approx(1.89, abs=0.03)
    two = pool.CachePool(dataclasses.replace(run, tensor_parallel=2), 8192)
    assert two.left.central == pytest.approx(63.76, abs=0.15)


def test_old_cards_ran_the_first_engine_until_011():
    card = catalogue.gpu("V100-SXM2-32GB")
    assert Deployment(model=LLAMA, gpu=card, engine_version="0.8.5").is_v0
    assert not Deployment(model=LLAMA, gpu=card, engine_version="0.11.0").is_v0
    assert not Deployment(model=LLAMA, gpu=H100, engine_version="0.8.5").is_v0


def test_prefix_caching_keeps_two_blocks_of_each_state():
    # Qwen3.6-35B under 0.20.0: 10 full and 30 linear layers make four groups; 8,192 tokens are four
    # blocks of 2,096 tokens, and three groups of states hold two: 15 blocks / 10 = 1.50, as logged
    for states in (1, 2):
        made = blocks("Qwen/Qwen3.6-35B-A3B", 1, 8192, kv="fp8", state_blocks=states)
        assert made.per_request == 4 + 3 * states


def test_four_bit_experts_need_room_for_the_warm_up_beside_the_budget():
    # Public log: gpt-oss-20b, 0.19.0 at 0.95, made its pool and ran out of memory in the sampler
    run = deployed("openai/gpt-oss-20b", engine_version="0.19.0", utilization=0.95)
    assert not pool.warms_up(run)
    assert pool.warms_up(dataclasses.replace(run, utilization=0.9))
    assert pool.warms_up(dataclasses.replace(run, engine_version="0.21"))
    assert pool.warms_up(dataclasses.replace(run, model=LLAMA))
    # and what `siting fit` says is what `siting validate` says
    tight = vram.inference(run, 8192)
    assert tight.verdict == "does not fit" and "utilization" in tight.note
    assert vram.inference(dataclasses.replace(run, utilization=0.9), 8192).verdict == "fits"


def test_ranks_that_share_tokens_multiply_what_a_pool_holds():
    run = deployed("deepseek-ai/DeepSeek-V3", tensor_parallel=8)
    one = pool.holds(run, 8192, 20.0)
    eight = pool.holds(dataclasses.replace(run, context_parallel=8), 8192, 20.0)
    assert eight == pool.Held(one.tokens * 8, one.requests * 8)


def test_the_ik_fork_unfolds_latents_over_the_context():
    # DeepSeek V3, 131,072 tokens, batch 1,024: 128 heads x (192 + 128) x 2 B a token, the logits
    # 4 B x 1,024 x 129,280, and 0.5 GiB of scores: 10.99 GiB; a public log has 11.44
    run = deployed(
        "deepseek-ai/DeepSeek-V3", weights="gguf-q4_k_m", kv_cache="q8_0", engine="llama.cpp",
        engine_version="ik_llama.cpp fork", batched_tokens=1024,
    )  # fmt: skip
    made = pool.activations(run, 131072).gib
    assert made.central == pytest.approx(10.99, abs=0.01)
    assert made.low < 11.44 < made.high


def test_a_run_in_32_bit_caches_in_32_bit():
    wide = pool.request_gib(Deployment(model=LLAMA, gpu=H100, weights="fp32"), 8192)
    assert wide == 2 * pool.request_gib(Deployment(model=LLAMA, gpu=H100, weights="bf16"), 8192)


def test_the_table_of_positions_is_loaded_with_the_weights():
    # Gemma 3 stretches 131,072 positions by 8, of 256 values a head: 0.5 GiB; a log has 8.58 GiB
    model = catalogue.model("google/gemma-3-4b-it")
    bare = weights.weight_bytes_per_gpu(model, "bf16").central / GIB
    got = pool.loaded(Deployment(model=model, gpu=H100, weights="bf16")).central
    assert got - bare == pytest.approx(0.5)
    assert got == pytest.approx(8.58, abs=0.1)


def test_a_card_that_nobody_measured_has_a_wider_range_and_says_so():
    known = distance.aspects(Deployment(model=LLAMA, gpu=H100))
    assert distance.unmeasured("serving", known) == ()
    strange = distance.unmeasured("serving", {**known, "card": "abacus"})
    assert distance.in_words(strange) == "no measurement of this card: range wide"
    near, far = (distance.widened(Range(9, 10, 11), "pool", n) for n in (0, 2))
    assert far.low <= near.low and near.high <= far.high and near.central == far.central


def test_no_range_is_narrower_than_what_a_log_prints():
    made = distance.widened(Range.exact(10.0, "GiB"), "weights", 0, 0.005)
    assert (made.low, made.high) == (9.995, 10.005)


def test_each_quantity_is_stretched_by_its_own_scatter():
    # rows of siting_facts/memory_spread.csv for what was measured: a GiB on either side
    for quantity, ends in (("weights", (9.566, 10.411)), ("pool", (9.8, 10.816))):
        made = distance.widened(Range(9, 10, 11), quantity, 0)
        assert (made.low, made.high) == pytest.approx(ends), quantity


# --- a client's options -----------------------------------------------------------------------


def test_the_longest_request_is_the_far_tail_of_both_parts():
    # mean = p95 / e^(1.6449 s - s^2 / 2); with p95 = mean there is no spread at all
    short = Tokens(mean=100, p95=100)

    def longest(asked: Tokens) -> int:
        return vram.longest_request(
            Workload.model_construct(input_tokens=asked, output_tokens=short, reasoning_tokens=None)
        )

    assert longest(Tokens(mean=1000, p95=1000)) == 2048
    wide = longest(Tokens(mean=3000, p95=8000))
    assert 15_000 < wide < 40_000 and wide % 1024 == 0


# --- what an engine refuses, and what it leaves out ---------------------------------------------

HYBRID = catalogue.model("Qwen/Qwen3.6-27B")


def test_an_engine_told_to_serve_text_loads_no_encoder():
    # a start-up log of vLLM 0.20 in language-model-only mode: 17.62 GiB, 0.86 less than with it
    run = Deployment(model=HYBRID, gpu=H100, weights="nvfp4", engine_version="0.20", images=False)
    assert pool.loaded(run).central == pytest.approx(17.62, abs=0.02)
    both = dataclasses.replace(run, images=True)
    assert pool.loaded(both).central - pool.loaded(run).central == pytest.approx(0.86, abs=0.01)
    unknown = dataclasses.replace(run, images=None)
    assert pool.loaded(unknown).low <= pool.loaded(run).central
    assert pool.loaded(unknown).central == pool.loaded(both).central


def test_a_model_that_sees_keeps_a_copy_of_its_images_beside_its_states():
    # 2,448 tokens of images lie among the 8,192 of a step, each of 5,120 values of 2 bytes
    seeing = deployed("meta-llama/Llama-4-Scout-17B-16E-Instruct", weights="fp8", images=True)
    text = dataclasses.replace(seeing, images=False)
    some, none = (pool.activations(d, 8192).gib.central for d in (seeing, text))
    assert (some - none) * GIB == pytest.approx(8192 * 5120 * 2)


def test_a_video_is_encoded_at_start_up_before_release_012_and_an_image_from_then_on():
    # 16 frames in pairs: 8 times the 16,384 tokens of the largest image
    now = deployed("Qwen/Qwen3-VL-8B-Instruct", engine_version="0.12")
    before = dataclasses.replace(now, engine_version="0.11")
    video, image = (pool._vision_encoder(d, 262_144).central for d in (before, now))
    assert image > 0
    assert video == pytest.approx(8 * image)


def test_a_four_bit_mixture_may_have_only_its_experts_in_four_bit():
    # 33.94 GiB a card of two were logged of a checkpoint with groups of 32 and 16-bit attention
    mixture = catalogue.model("mistralai/Mistral-Small-4-119B-2603")
    run = Deployment(model=mixture, gpu=L40S, weights="int4", tensor_parallel=2)
    assert pool.loaded(run).low < 29.5 and pool.loaded(run).high > 33.94
    named = weights.checkpoint_format("cyankiwi/Mistral-Small-4-119B-2603-AWQ-4bit", "awq-int4")
    told = pool.loaded(dataclasses.replace(run, weights=named))
    assert told.central == pytest.approx(33.94, rel=0.03)
    assert weights.checkpoint_format("someone/Some-AWQ", "awq-int4") == "awq-int4"


def test_more_sequences_than_state_blocks_stop_the_engine_that_captures_graphs():
    # public logs of vLLM 0.26 on an L40S: 184 blocks of 8.82 GiB, 256 sequences refused, 16 served
    run = Deployment(model=HYBRID, gpu=L40S, weights="fp8", engine_version="0.26", sequences=256)
    refused, _ = pool.stops(run, 131072, 8.82)
    assert "at most 184 sequences" in refused
    assert pool.stops(dataclasses.replace(run, sequences=16), 131072, 8.82) == ("", "")
    assert pool.stops(dataclasses.replace(run, eager=True), 131072, 8.82) == ("", "")
    assert pool.stops(dataclasses.replace(run, engine_version="0.18"), 131072, 8.82) == ("", "")
    # where nothing is stated, a new deployment sets what the engine asks for
    refused, hint = pool.stops(dataclasses.replace(run, sequences=None), 131072, 8.82)
    assert not refused and "set max_num_seqs" in hint
    plain = dataclasses.replace(run, model=QWEN)
    assert pool.stops(plain, 32768, 1.0) == ("", "")


def test_cards_of_160_gib_read_16384_tokens_a_step_from_release_028_on():
    large = catalogue.gpu("MI300X")
    cards = (("0.27", large, 8192), ("0.28", large, 16384), ("0.28", H100, 8192))
    for version, card, tokens in (*cards, ("0.28", L40S, 2048)):
        run = Deployment(model=LLAMA, gpu=card, engine_version=version)
        assert pool.prompt_chunk(run, 8192) == tokens


def test_scores_of_a_sparse_indexer_are_whole_on_amd_cards_and_in_chunks_on_nvidias():
    how = {"tensor_parallel": 8, "engine_version": "0.28"}
    run = deployed("deepseek-ai/DeepSeek-V4-Pro", catalogue.gpu("MI300X"), **how)
    longest = 1_048_576
    # 16,384 tokens x 1,048,576 positions x 8 B = 128 GiB of scores and a masked copy
    assert pool.activations(run, longest).gib.central > 128
    assert vram.inference(run, longest).verdict == "does not fit"
    other = dataclasses.replace(run, gpu=catalogue.gpu("B200"))
    assert pool.activations(other, longest).gib.central < 8
    small = dataclasses.replace(run, batched_tokens=2048)
    assert vram.inference(small, longest).verdict != "does not fit"


def test_graphs_grow_with_the_sizes_that_are_captured_and_are_none_if_eager():
    run = Deployment(model=LLAMA, gpu=H100, engine_version="0.26", sequences=256)
    some = dataclasses.replace(run, sequences=16)
    none = dataclasses.replace(run, eager=True)
    # 0.3 GiB and 0.0165 for each of 32 layers at 51 sizes; 7 of them up to 32 sequences
    assert pool.graphs(run).gib.central == pytest.approx(0.828, abs=0.001)
    assert pool.graphs(some).gib.central == pytest.approx(0.828 * 7 / 51, abs=0.001)
    assert pool.graphs(none).gib.high == 0


def test_the_share_that_vllm_takes_by_default_follows_its_release():
    for version, share in (("0.26", 0.9), ("0.27", 0.92), ("0.33", 0.92)):
        run = Deployment(model=LLAMA, gpu=H100, engine_version=version)
        assert pool.engine_budget(run).central == pytest.approx(share * 79.18, rel=1e-3)


def test_sglang_shares_its_pool_between_states_and_keys_and_takes_five_states_a_request():
    run = Deployment(model=HYBRID, gpu=H100, weights="fp8", engine="sglang")
    # 153.9 MB of states and 65.5 kB of keys and values a token, as its documentation says
    assert pool.fixed_shares(run, 1, 19.0) == pytest.approx(
        19.0 * GIB * 0.9 / 1.9 / 153.9e6 / 5, rel=0.02
    )
    assert pool.fixed_shares(run, 131072, 19.0) == pytest.approx(
        19.0 * GIB / 1.9 / 65.5e3 / 131072, rel=0.02
    )
    # windows of Gemma 4 get 0.8 of the tokens of full layers, however short they are
    windows = dataclasses.replace(run, model=catalogue.model("google/gemma-4-31B-it"))
    each = 10 * 8192 + 0.8 * 50 * 16384
    assert pool.fixed_shares(windows, 2000, 10.0) == pytest.approx(10 * GIB / each / 2000)


def test_ranges_of_memory_never_shrink_as_distance_grows():
    rows = catalogue.table("memory_spread", distance.Stretch)
    for quantity in {r.quantity for r in rows}:
        own = sorted((r for r in rows if r.quantity == quantity), key=lambda r: r.distance)
        assert [r.distance for r in own] == [0, 1, 2]
        for near, far in itertools.pairwise(own):
            assert near.low <= far.low and near.high <= far.high


@pytest.mark.parametrize("weights", ["bf16", "fp8", "awq"])
def test_a_model_that_sees_nothing_is_as_large_whether_images_are_switched_off_or_not(weights):
    run = Deployment(model=QWEN, gpu=H100, weights=weights, images=None)
    assert pool.loaded(run) == pool.loaded(dataclasses.replace(run, images=False))


def test_a_head_keeps_a_scale_of_its_keys_and_one_of_its_values():
    # vLLM's eight bits a token and head: 128 bytes of keys, 128 of values, two scales of 4 bytes.
    layer = attention.Layers(kind="full", count=1, heads=8, width=256)
    assert layer.bytes_per_token(dtypes.kv_format("int8_per_token_head")) == 8 * (128 + 128 + 2 * 4)
