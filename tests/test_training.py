"""Memory, time and energy of fine-tuning, against published records and against the arithmetic."""

import dataclasses
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import catalogue
from siting.catalogue import Model
from siting.inputs import scenario
from siting.inputs.scenario.model import FineTuning
from siting.memory import fine_tuning, training
from siting.memory.training import Job
from siting.memory.weights import tensors
from siting.quantity import GIB, NotEstimated

LLAMA = catalogue.model("meta-llama/Llama-2-7b-chat-hf")
SMALL = catalogue.model("meta-llama/Llama-3.2-3B-Instruct")


def one_step(method: Literal["full", "lora", "qlora"], model: Model, tokens: int) -> FineTuning:
    """A job with one sequence of `tokens` at a time."""
    return FineTuning(
        model=model.model_id, method=method, examples=1, tokens_per_example=tokens,
        sequence_length=tokens,
    )  # fmt: skip


def _part(peak: training.Peak, name: str) -> float:
    return next(p.gib.central for p in peak.parts if p.name == name)


def peak_of(model: Model = SMALL, **how: Any) -> training.Peak:
    return training.Peak(Job(model=model, **how))


def test_a_job_on_one_card_is_run_by_peft_and_on_more_by_torchtune_which_shards_it():
    model = catalogue.model("Qwen/Qwen3-32B")
    wanted = one_step("lora", model, 4096)
    jobs = [fine_tuning._job(wanted, model, gpus) for gpus in (1, 2)]
    assert [(job.framework, job.sharding) for job in jobs] == [
        ("peft", "none"),
        ("torchtune", "fsdp"),
    ]


def test_a_job_is_planned_on_the_cards_of_every_option_that_has_some():
    cards = {"rented": "h100-sxm5-80gb", "owned": "l40s-48gb"}
    said = {f"options.{name}.gpu": card for name, card in cards.items()}
    asked = scenario.changed(scenario.load("polderwerk"), said)
    (found,) = fine_tuning.assess(asked).values()
    assert {plan.option: plan.gpu for plan in found} == cards


def test_lora_without_checkpointing_is_what_litgpt_measured():
    # LitGPT resource tables: 19.84 and 27.07 GiB for 1 and 2 sequences of 1,304 tokens, rank 8 on
    # query and value; and 18.41 for 2 of 512, rank 32
    runs = ((1304, 1, 8, 19.84), (1304, 2, 8, 27.07), (512, 2, 32, 18.41))
    for tokens, batch, rank, measured in runs:
        peak = peak_of(
            LLAMA, method="lora", tokens=tokens, micro_batch=batch, checkpointing=False,
            lora_rank=rank, targets="query_value", framework="litgpt",
        )  # fmt: skip
        assert peak.reported.central == pytest.approx(measured, rel=0.04)


def test_full_training_in_sixteen_bit_is_what_torchtune_measured():
    # torchtune README, optimization flags, Llama 3.2 3B, 2 x 4,096 tokens: 24.9 GiB, and 23.1 with
    # the optimizer in the backward pass
    how = {"method": "full", "checkpointing": True, "framework": "torchtune"}
    assert peak_of(tokens=4096, micro_batch=2, **how).reported.central == pytest.approx(
        24.9, rel=0.06
    )


def test_states_are_as_wide_as_the_parameters_unless_deepspeed_keeps_a_master():
    # 3.2127 billion: 2 states x 2 B + 2 B of gradients; ZeRO-1 keeps 4 + 2 x 4 B, a quarter a rank
    own = tensors(SMALL).total
    plain = peak_of(method="full", tokens=1, framework="litgpt")
    assert _part(plain, "gradients and states") * GIB == pytest.approx(own * 6)
    zero = peak_of(method="full", tokens=1, gpus=4, sharding="zero1", framework="axolotl")
    assert _part(zero, "gradients and states") * GIB == pytest.approx(own * (12 / 4 + 2))


def test_gradients_are_divided_from_the_second_stage_of_zero_on():
    # Rajbhandari et al. 2020: stage 1 divides states, stage 2 gradients too, 3 parameters too
    kept = {s: Job(model=SMALL, gpus=8, sharding=s) for s in ("none", "zero1", "zero2", "zero3")}
    shares = {sharding: job.gradient_share for sharding, job in kept.items()}
    assert shares == {"none": 1, "zero1": 1, "zero2": 1 / 8, "zero3": 1 / 8}


def test_eight_bit_states_take_one_byte_each():
    peak = peak_of(method="full", optimizer="adamw_8bit", tokens=1, framework="litgpt")
    got = _part(peak, "gradients and states") * GIB
    assert got == pytest.approx(tensors(SMALL).total * (2 * 1 + 2))


def test_four_bit_bases_quantise_linear_layers_only():
    # 6.738 billion less 2 x 32000 x 4096 in 4.5 bit, those two in 16 bit
    ends = 2 * 32000 * 4096
    expected = (6.7384e9 - ends) * 4.5 / 8 + ends * 2
    peak = peak_of(LLAMA, method="qlora", base="nf4", tokens=1)
    assert _part(peak, "weights") * GIB == pytest.approx(expected, rel=1e-3)
    # the size of a file is known: on one card the range is 2 % on either side
    assert peak.parts[0].gib.high == pytest.approx(1.02 * peak.parts[0].gib.central)


def test_lora_trains_two_factors_for_each_matrix():
    # rank 8 on query and value of 32 layers: 8 x (4096 + 4096) x 2 x 32, as LitGPT prints
    job = Job(model=LLAMA, method="lora", lora_rank=8, targets="query_value")
    assert training._trained(job) == 4_194_304


def test_logits_follow_the_framework():
    tokens = 2 * 4096
    for frame, each in (("peft", 12), ("litgpt", 9), ("torchtune", 0.5)):
        peak = peak_of(tokens=4096, micro_batch=2, framework=frame)
        assert _part(peak, "logits") * GIB == pytest.approx(tokens * 128256 * each)


def test_names_are_read_with_versions_and_spellings():
    assert training.framework("HF PEFT 0.19.2.dev0@UNKNOWN").name == "peft"
    assert training.optimizer("adamw_bnb_8bit").name == "adamw_8bit"
    assert training.optimizer("").name == "adamw"
    assert training.method("QLoRA").name == "qlora"


@pytest.mark.parametrize(
    ("look", "word"),
    [
        (training.framework, "training framework 'abacus'"),
        (training.optimizer, "optimizer 'abacus'"),
        (training.method, "training method 'abacus'"),
    ],
)
def test_unknown_names_are_refused(look, word):
    with pytest.raises(NotEstimated, match=word):
        look("abacus")


tokens = st.integers(64, 8192)
some_method = st.sampled_from(["full", "lora", "dora", "qlora", "adapter_v2"])


@settings(max_examples=50, deadline=None)
@given(tokens=tokens, batch=st.integers(1, 8), method=some_method)
def test_longer_batches_never_need_less(tokens, batch, method):
    base = "nf4" if method == "qlora" else "bf16"
    one = peak_of(method=method, base=base, tokens=tokens, micro_batch=batch)
    more = peak_of(method=method, base=base, tokens=tokens, micro_batch=batch + 1)
    assert one.allocated.central <= more.allocated.central  # equal where gradients outweigh both
    assert one.allocated.low <= one.allocated.central <= one.allocated.high < one.reserved.high


@settings(max_examples=30, deadline=None)
@given(tokens=tokens, method=some_method)
def test_recomputing_activations_never_needs_more(tokens, method):
    kept = peak_of(method=method, tokens=tokens, checkpointing=False)
    saved = peak_of(method=method, tokens=tokens, checkpointing=True)
    assert saved.allocated.central <= kept.allocated.central


def test_time_is_flop_over_measured_speed():
    # 6 x 3.2127e9 x 1e8 FLOP at 0.40 x 989 TFLOP/s on one H100: 1.35 h
    h100 = catalogue.gpu("H100")
    job = Job(model=SMALL, method="full", framework="torchtune")
    row = fine_tuning.utilisation(job, h100)
    active = SMALL.active_recomputed_b or SMALL.active_params_b
    assert active is not None and h100.bf16_dense_tflops is not None
    expected = 6 * active * 1e9 * 1e8 / (row.central * h100.bf16_dense_tflops * 1e12) / 3600
    made = fine_tuning.RunTime(job, h100, 1e8)
    assert made.hours.central == pytest.approx(expected)
    assert made.hours.low < made.hours.central < made.hours.high
    assert made.energy_kwh.central == pytest.approx(expected * 0.8 * 0.7)


def test_a_card_without_bfloat16_is_as_fast_as_it_is_in_the_other_sixteen_bit_format():
    # 6 FLOP x 3.2127e9 parameters x 1e8 tokens; a V100 in SXM2 does 125 TFLOP/s in FP16
    v100 = catalogue.gpu("v100-sxm2-32gb")
    job = Job(model=SMALL, method="full", framework="torchtune")
    made = fine_tuning.RunTime(job, v100, 1e8)
    use = fine_tuning.utilisation(job, v100).central
    alone = 6 * 3.2127e9 * 1e8 / (125e12 * 3600)
    assert made.hours.central == pytest.approx(alone / use, rel=1e-3)


def test_three_passes_over_the_examples_take_three_times_as_long_as_one():
    job = one_step("lora", SMALL, 4096)
    card = catalogue.gpu("H100")

    def hours(epochs: int) -> float:
        wanted = job.model_copy(update={"epochs": epochs})
        made = fine_tuning._plan("job", wanted, "own", card)
        assert made.time is not None
        return made.time.gpu_hours.central

    assert hours(3) == pytest.approx(3 * hours(1))


def test_eight_gpus_take_an_eighth_of_the_time_and_the_same_energy():
    # Both recompute, as sharded runs do, so that they compute the same.
    h100 = catalogue.gpu("H100")
    alone = Job(model=SMALL, checkpointing=True)
    shared = Job(model=SMALL, checkpointing=True, gpus=8, sharding="fsdp")
    one, eight = (fine_tuning.RunTime(job, h100, 1e8) for job in (alone, shared))
    assert one.hours.central == pytest.approx(8 * eight.hours.central)
    assert one.energy_kwh.central == pytest.approx(eight.energy_kwh.central)


def test_time_recomputes_where_memory_does():
    # FSDP recomputes whatever the framework does by itself, in memory and in time: 6 FLOP, not 4.
    # What is selective recomputes attention alone, a few percent of a layer's work: 4.
    card = catalogue.gpu("h100-sxm5-80gb")

    def gpu_hours(
        sharding: training.Sharding, checkpointing: Literal["selective"] | None = None
    ) -> float:
        job = Job(
            model=SMALL, framework="litgpt", gpus=4, sharding=sharding, checkpointing=checkpointing
        )
        return fine_tuning.RunTime(job, card, 1e9).gpu_hours.central

    alone = gpu_hours("zero1")
    assert Job(model=SMALL, framework="litgpt", gpus=4, sharding="fsdp").recomputes is True
    assert gpu_hours("fsdp") == pytest.approx(1.5 * alone)
    assert gpu_hours("zero1", "selective") == pytest.approx(alone)


def test_the_energy_of_a_card_whose_power_is_unknown_is_not_none():
    unknown = catalogue.gpu("H100").model_copy(update={"tdp_w": None})
    with pytest.raises(NotEstimated, match=r"the power of H100.* is not in the catalogue"):
        fine_tuning.RunTime(Job(model=SMALL), unknown, 1e8)


def test_a_run_too_large_for_a_card_says_so():
    large = catalogue.model("meta-llama/Llama-3.3-70B-Instruct")
    peak = peak_of(large, method="full", framework="torchtune")
    assert peak.verdict(catalogue.gpu("H100")) == "does not fit"


def test_the_less_is_trained_the_fewer_gpus_are_needed():
    model = catalogue.model("Qwen/Qwen3-32B")
    card = catalogue.gpu("H100")
    jobs = [one_step(m, model, 4096) for m in ("full", "lora", "qlora")]
    found = [fine_tuning.fewest_gpus(job, model, card) for job in jobs]
    gpus = [peak.job.gpus if peak else 99 for peak in found]
    assert gpus == sorted(gpus, reverse=True) and gpus[0] > gpus[-1]


def test_parallel_ranks_share_the_model():
    # 3.2 billion parameters in 16 bit over 2 tensor x 2 pipeline ranks: a quarter on each
    whole = Job(model=SMALL, method="full", gpus=4, framework="megatron", sharding="zero1")
    split = dataclasses.replace(whole, tensor_parallel=2, pipeline_parallel=2)
    assert split.replicas == 1
    for part, ranks in (("weights", 4), ("logits", 2)):
        held, alone = (_part(training.Peak(job), part) for job in (split, whole))
        assert held == pytest.approx(alone / ranks)


def test_selective_checkpointing_lies_between_all_and_nothing():
    kept, some, none = (
        _part(peak_of(method="full", checkpointing=c), "activations")
        for c in (False, "selective", True)
    )
    assert none < some < kept


def test_a_framework_changes_with_time_and_model():
    # torchtune cut its loss into chunks in autumn 2024; Unsloth keeps logits of Gemma 2 and 3
    assert training.framework("torchtune", month="2024-08").logits_bytes > 5
    assert training.framework("torchtune", month="2024-09").logits_bytes > 5
    assert training.framework("torchtune", month="2024-10").logits_bytes < 1
    assert training.framework("torchtune").logits_bytes < 1
    assert training.framework("unsloth", "google/gemma-3-4b-it").logits_bytes > 4
    assert training.framework("unsloth", "google/gemma-4-31b-it").logits_bytes < 2


def test_a_full_run_with_its_parameters_in_host_memory_keeps_no_gradients():
    how = {"sharding": "fsdp", "parameters_offloaded": True, "framework": "torchtune"}
    assert _part(peak_of(method="full", gpus=8, **how), "gradients and states") == 0


def test_a_mixture_that_does_not_state_its_experts_is_not_sized():
    model = catalogue.model("openai/gpt-oss-120b").model_copy(update={"expert_params_b": None})
    with pytest.raises(NotEstimated, match="experts of openai/gpt-oss-120b"):
        tensors(model)


def test_the_step_of_an_optimizer_that_works_on_all_tensors_takes_ten_bytes_a_parameter():
    # Mistral 7B, 4 packed sequences of 4,096 with recomputing: 75.5 GiB were read off the card
    model = catalogue.model("mistralai/Mistral-7B-v0.1")
    job = Job(
        model=model, method="full", optimizer="adamw_torch", tokens=4096, micro_batch=4,
        checkpointing=True, framework="hf",
    )  # fmt: skip
    ten = 10 * tensors(model).total / GIB
    peak = training.Peak(job)
    assert peak.allocated.central == pytest.approx(ten, rel=0.01)
    assert peak.reserved.low < 75.5 < peak.reserved.high
    fused = training.Peak(dataclasses.replace(job, optimizer="adamw_torch_fused"))
    assert _part(fused, "optimizer step") == 0
    assert fused.allocated.central < peak.allocated.central
    # adapters are small, and gradients that go as they come leave no step
    adapters = dataclasses.replace(job, method="lora", tokens=1)
    assert _part(training.Peak(adapters), "optimizer step") == 0
    backward = training.Peak(dataclasses.replace(job, in_backward=True))
    assert _part(backward, "optimizer step") == 0


def test_sharding_leaves_gaps_unless_segments_grow():
    job = Job(model=SMALL, gpus=8, sharding="fsdp", framework="axolotl")
    made = training.Peak(job)
    # 1.25 of what is allocated, and 0.56 GiB of libraries
    assert made.reserved.central == pytest.approx(1.25 * made.allocated.central + 0.56)
    grows = training.Peak(dataclasses.replace(job, framework="torchtitan"))
    assert grows.reserved.central == pytest.approx(1.07 * grows.allocated.central + 0.56)


def test_padded_examples_are_as_long_as_examples_are_not_as_the_limit():
    job = Job(model=SMALL, tokens=8192, micro_batch=4, packed=False)
    assert job.batch.ends == (4 * 300, 4 * 1200, 4 * 2048)
    short = dataclasses.replace(job, tokens=512)
    assert short.batch.ends == (4 * 300, 4 * 512, 4 * 512)


BY_AXOLOTL = Job(
    model=SMALL, method="qlora", base="nf4-dq", optimizer="adamw_bnb_8bit", tokens=2048,
    micro_batch=2, checkpointing=True, framework="axolotl",
)  # fmt: skip


def test_a_loss_that_is_cut_keeps_no_logits_and_a_whole_one_those_of_transformers():
    # 2 x 2,048 tokens x 151,680 entries of MiMo 7B x 12 B: 6.9 GiB, of the 17.2 that Axolotl prints
    model = catalogue.model("XiaomiMiMo/MiMo-7B-RL")
    job = dataclasses.replace(BY_AXOLOTL, model=model, lora_rank=32, loss="whole")
    assert _part(training.Peak(job), "logits") == pytest.approx(6.94, rel=0.01)
    assert training.Peak(job).reported.central == pytest.approx(17.2, rel=0.05)
    cut = training.Peak(dataclasses.replace(job, loss="cut"))
    assert _part(cut, "logits") == 0


def test_bitsandbytes_quantises_the_encoder_of_images_where_transformers_runs_as_it_is():
    # Ministral 3 3B: 0.42 billion parameters of its encoder in 4.13 bit instead of 16
    model = catalogue.model("mistralai/Ministral-3-3B-Instruct-2512")
    job = Job(model=model, method="qlora", base="nf4-dq", framework="axolotl")
    saved = _part(training.Peak(dataclasses.replace(job, framework="unsloth")), "weights")
    saved -= _part(training.Peak(job), "weights")
    assert saved * GIB == pytest.approx(0.42e9 * (16 - 4.127) / 8, rel=0.01)


def test_experts_in_four_bit_are_unpacked_a_layer_at_a_time():
    # GLM-4.5-Air: 128 experts of 3 x 4,096 x 1,408 in 16 bit are 4.1 GiB; 63.4 GiB were logged
    model = catalogue.model("zai-org/GLM-4.5-Air")
    job = dataclasses.replace(BY_AXOLOTL, model=model, targets="attention", loss="cut")
    peak = training.Peak(job)
    assert _part(peak, "experts at work") * GIB == pytest.approx(128 * 3 * 4096 * 1408 * 2)
    assert peak.reported.central == pytest.approx(63.4, rel=0.03)
    # experts that were linear layers were unpacked one by one
    before = training.Peak(dataclasses.replace(job, month="2025-12"))
    assert "experts at work" not in {p.name for p in before.parts}
    # a dense model has none
    dense = training.Peak(dataclasses.replace(job, model=LLAMA))
    assert "experts at work" not in {p.name for p in dense.parts}


def test_the_gradient_of_one_expert_is_as_large_as_that_of_its_layer():
    # gpt-oss-120b: 36 layers of 128 experts of 3 x 2,880 x 2,880 and their biases, in 16 bit
    model = catalogue.model("openai/gpt-oss-120b")
    job = Job(model=model, method="full", gpus=8, sharding="fsdp", framework="axolotl")
    part = _part(training.Peak(job), "experts at work")
    assert part * GIB == pytest.approx(128 * 3 * 2880 * 2880 * 2, rel=0.01)
    elsewhere = training.Peak(dataclasses.replace(job, framework="torchtune"))
    assert "experts at work" not in {p.name for p in elsewhere.parts}


def test_adapters_on_each_expert_are_counted():
    # Trinity Nano: 56 layers x 128 experts x 3 x (1,024 + 256) x rank 32, which is 881 million;
    # one tensor for gate and up together: 2 x 1,024 + 3 x 256
    model = catalogue.model("arcee-ai/Trinity-Nano-Preview")
    job = Job(model=model, method="qlora", base="nf4", lora_rank=32, framework="axolotl")
    old = dataclasses.replace(job, month="2025-12")
    more = training._trained(dataclasses.replace(old, adapted_experts=True))
    assert more - training._trained(old) == 56 * 128 * 3 * (1024 + 256) * 32
    now = training._trained(dataclasses.replace(job, adapted_experts=True))
    assert now - training._trained(job) == 56 * 128 * (2 * 1024 + 3 * 256) * 32


def test_ranks_share_experts_and_the_rest_each_by_its_own_number():
    # Experts over 4 ranks, the rest over 2, and both over 2 stages.
    mixture = catalogue.model("mistralai/Mixtral-8x7B-Instruct-v0.1")
    whole = tensors(mixture)
    job = Job(model=mixture, gpus=8, tensor_parallel=2, pipeline_parallel=2, expert_parallel=4)
    held = (whole.total - whole.experts) / 2 / 2 + whole.experts / 4 / 2
    assert job.share == pytest.approx(held / whole.total)
    assert 0 < whole.experts < whole.total
    # Experts that no ranks of their own share are divided as the rest is.
    assert dataclasses.replace(job, expert_parallel=1).share == pytest.approx(1 / 4)
    paired = dataclasses.replace(job, tensor_parallel=4, expert_parallel=2, pipeline_parallel=1)
    held = (whole.total - whole.experts) / 4 + whole.experts / 2
    assert paired.share == pytest.approx(held / whole.total)


@pytest.mark.parametrize(
    ("model", "is_gated"),
    [
        ("meta-llama/Llama-2-7b-chat-hf", True),
        ("Qwen/Qwen3-32B", True),
        ("mistralai/Mixtral-8x7B-Instruct-v0.1", True),
        ("EleutherAI/pythia-6.9b", False),  # up and down: 2 x 4,096 x 16,384 of a layer
        ("microsoft/phi-2", False),
        ("tiiuae/falcon-7b", False),
    ],
)
def test_an_mlp_without_a_gate_is_told_from_the_number_of_parameters(model, is_gated):
    assert training._is_gated(catalogue.model(model)) is is_gated


def test_an_adapter_takes_half_as_long_again_where_the_framework_recomputes():
    # litgpt does not recompute by itself, torchtune does: 4 and 6 FLOP a parameter and token.
    card = catalogue.gpu("h100-sxm5-80gb")

    def hours(framework: str, checkpointing: bool | None) -> float:
        job = Job(model=SMALL, framework=framework, checkpointing=checkpointing)
        return fine_tuning.RunTime(job, card, 1e9).gpu_hours.central

    assert hours("torchtune", None) == pytest.approx(1.5 * hours("litgpt", None))
    assert hours("litgpt", True) == pytest.approx(hours("torchtune", None))
    assert hours("torchtune", False) == pytest.approx(hours("litgpt", None))
