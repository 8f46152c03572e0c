"""Figures worked out by hand at places that other tests pass by."""

import pytest
import siting_hf
from siting import catalogue
from siting.inputs import scenario
from siting.memory import training

SMALL = {
    "num_hidden_layers": 7, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100,
    "intermediate_size": 128, "moe_intermediate_size": 32, "num_experts": 8,
    "num_experts_per_tok": 2,
}  # fmt: skip


def test_experts_on_every_second_layer_leave_the_others_a_dense_mlp():
    # 7 layers: 3 with 8 experts of 3 x 64 x 32, and their router of 64 x 8; 4 with 3 x 64 x 128
    every = siting_hf.from_config(SMALL, "x").params_recomputed_b
    second = siting_hf.from_config({**SMALL, "interleave_moe_layer_step": 2}, "x")
    of_experts = 8 * 3 * 64 * 32 + 64 * 8
    assert every and second.params_recomputed_b
    saved = 4 * of_experts - 4 * 3 * 64 * 128
    assert every - second.params_recomputed_b == pytest.approx(saved / 1e9)


def test_adapters_on_all_layers_keep_what_goes_into_and_comes_out_of_each_matrix():
    # Llama 3.2 3B: hidden 3072, MLP 8192, 8 heads of 128 for keys. Into: query, key and value share
    # one, then output, gate and up one, and down 8192. Out: 3072 three times (query, output, down),
    # 1024 twice (key, value), 8192 twice (gate, up).
    model = catalogue.model("meta-llama/Llama-3.2-3B")
    into = 3 * 3072 + 8192
    out = 3 * 3072 + 2 * 1024 + 2 * 8192
    factor = training._fitted("adapter_values").central
    for method, expected in {"lora": into, "dora": into + out}.items():
        kept = {}
        for targets in ("all", "query_value"):
            job = training.Job(model=model, method=method, targets=targets, framework="litgpt")
            kept[targets] = training._layer_values(job).central
        assert kept["all"] - kept["query_value"] == pytest.approx(expected * factor), method


def test_a_load_is_bounded_at_the_end_of_the_horizon_and_not_a_year_later():
    # 2e9 requests a day that double each year: 4e9 in the second year, 8e9 in the third, over 5e9
    load = {
        "workloads.assistant.users": 0, "workloads.assistant.requests_per_user_day": 0,
        "workloads.assistant.requests_per_day": 2e9, "workloads.assistant.growth_per_year": 1.0,
        "workloads.assistant.input_tokens": {"mean": 500, "p95": 1000},
        "workloads.assistant.output_tokens": {"mean": 100, "p95": 200},
    }  # fmt: skip
    start = scenario.load("base")
    two_years = scenario.changed(start, {**load, "finance.horizon_months": 24})
    assert two_years.finance.horizon_months == 24
    with pytest.raises(scenario.DocumentError, match=r"8\.0e\+09 requests on the busiest weekday"):
        scenario.changed(start, {**load, "finance.horizon_months": 25})
    # a Saturday with three times the requests of a working day: 12e9 in the second year
    with pytest.raises(scenario.DocumentError, match=r"1\.2e\+10 requests on the busiest weekday"):
        busy = {"workloads.assistant.weekdays": [1, 1, 1, 1, 1, 3, 0]}
        scenario.changed(start, {**load, **busy, "finance.horizon_months": 24})


def test_weekdays_are_ratios_and_no_counts_of_requests():
    with pytest.raises(scenario.DocumentError, match="weekdays"):
        scenario.changed(
            scenario.load("base"), {"workloads.assistant.weekdays": [1200, 1100, 1, 1, 1, 0, 0]}
        )
