"""Result files of benchmarks: every tool's own words, units as stated, nothing impossible read."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from siting.inputs import benchmark

# one run told by each tool: 16 clients, 3,000 tokens in, 400 out, 500 tokens a second
VLLM = {
    "backend": "vllm", "request_rate": "inf", "max_concurrency": 16, "duration": 80.0,
    "completed": 100, "total_input_tokens": 300_000, "total_output_tokens": 40_000,
    "request_throughput": 1.25, "output_throughput": 500.0, "mean_ttft_ms": 300.0,
    "median_ttft_ms": 250.0, "mean_tpot_ms": 30.0, "mean_itl_ms": 30.0,
}  # fmt: skip
SGLANG = VLLM | {"backend": "sglang", "mean_e2e_latency_ms": 12_800.0, "concurrency": 15.9}
GUIDELLM = {
    "args": {},
    "benchmarks": [
        {
            "metrics": {
                "request_concurrency": {"successful": {"mean": c}},
                "output_tokens_per_second": {"successful": {"mean": 31.25 * c}},
                "time_to_first_token_ms": {"successful": {"mean": 300.0}},
                "inter_token_latency_ms": {"successful": {"mean": 30.0}},
                "prompt_token_count": {"successful": {"mean": 3000}},
                "output_token_count": {"successful": {"mean": 400}},
            }
        }
        for c in (8, 16)
    ],
}
# 0.1 counts requests a second, not those under way: 1.25/s × 12.8 s = 16
GUIDELLM_FIRST = {
    "benchmarks": [
        {
            "benchmarks": [
                {
                    "mode": "constant", "rate": 1.25, "completed_request_rate": 1.25,
                    "request_latency": 12.8, "time_to_first_token": 300.0,
                    "inter_token_latency": 30.0, "output_token_throughput": 500.0,
                    "prompt_token": 3000, "output_token": 400, "results": [],
                }
            ]
        }
    ]
}  # fmt: skip
FIGURES = {
    "request_throughput": {"unit": "requests/sec", "avg": 1.25},
    "request_latency": {"unit": "ms", "avg": 12_800.0},
    "output_token_throughput": {"unit": "tokens/sec", "avg": 500.0},
    "time_to_first_token": {"unit": "ms", "avg": 300.0, "p95": 400.0},
    "inter_token_latency": {"unit": "ms", "avg": 30.0},
    "input_sequence_length": {"unit": "tokens", "avg": 3000},
    "output_sequence_length": {"unit": "tokens", "avg": 400},
}
AIPERF = FIGURES | {"input_config": {"loadgen": {"concurrency": 16}}}
AIPERF_PHASES = FIGURES | {
    "schema_version": "1.1",
    "input_config": {
        "phases": [
            {"name": "warmup", "type": "concurrency", "concurrency": 4},
            {"name": "profiling", "type": "concurrency", "concurrency": 16},
        ]
    },
}
AIPERF_RATE = FIGURES | {"input_config": {"phases": [{"name": "profiling", "request_rate": 1.25}]}}
GENAI_PERF = FIGURES | {"input_config": {"perf_analyzer": {"stimulus": {"concurrency": 16}}}}
LLMPERF = {
    "version": "2023-08-31", "num_concurrent_requests": 16, "mean_input_tokens": 3000,
    "results_ttft_s_mean": 0.3, "results_inter_token_latency_s_mean": 0.03,
    "results_mean_output_throughput_token_per_s": 500.0,
    "results_number_input_tokens_mean": 3000, "results_number_output_tokens_mean": 400,
}  # fmt: skip
TOOLS: dict[str, Any] = {
    "vllm": VLLM,
    "vllm sweep": [VLLM | {"max_concurrency": 8, "output_throughput": 300.0}, VLLM],
    "sglang": SGLANG,
    "guidellm": GUIDELLM,
    "guidellm 0.1": GUIDELLM_FIRST,
    "aiperf": AIPERF,
    "aiperf 0.10": AIPERF_PHASES,
    "aiperf at a rate": AIPERF_RATE,
    "genai-perf": GENAI_PERF,
    "llmperf": LLMPERF,
}


@pytest.mark.parametrize("data", TOOLS.values(), ids=TOOLS.keys())
def test_every_tool_says_the_same_of_one_run(data: Any) -> None:
    seen = benchmark.read(json.dumps(data))
    assert seen["concurrency"] == pytest.approx(16)
    assert seen["output_tokens_per_s"] == pytest.approx(500)
    assert (seen["ttft_ms"], seen["tpot_ms"]) == (pytest.approx(300), pytest.approx(30))
    assert (seen["input_tokens"], seen["output_tokens"]) == (3000, 400)


def test_a_rate_without_a_limit_gives_the_requests_under_way_by_littles_law() -> None:
    # 1.25 requests/s × (300 ms + 399 × 30 ms) = 15.3
    data = VLLM | {"max_concurrency": None, "request_rate": 1.25}
    assert benchmark.read(json.dumps(data))["concurrency"] == pytest.approx(15.3375)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ("", "not JSON"),
        ("no json", "not JSON"),
        ("3", "no result"),
        ("[]", "no result"),
        ("[1, 2]", "no result"),
        ("{}", "neither"),
        ('{"benchmarks": null}', "no list"),
        ('{"benchmarks": 5}', "no list"),
        ('{"benchmarks": [{}]}', "neither"),
        ('{"records": [1]}', "neither"),
        ("[" * 100_000, "nested"),
        ("[" * 1000 + "]" * 1000, "nested"),
        (json.dumps(VLLM | {"mean_tpot_ms": -3}), "mean_tpot_ms is -3"),
        (json.dumps(VLLM | {"mean_tpot_ms": True}), "mean_tpot_ms is 'True'"),
        (json.dumps(VLLM | {"mean_tpot_ms": "30"}), "not a number"),
        (json.dumps(VLLM | {"mean_tpot_ms": 1e300}), "tpot_ms is 1e+300"),
        (json.dumps(VLLM | {"mean_tpot_ms": 1e-300}), "tpot_ms is 1e-300"),
        (json.dumps(VLLM | {"max_concurrency": 10**400}), "401 digits"),
        (json.dumps(VLLM | {"output_throughput": float("inf")}), "output_throughput is inf"),
        (json.dumps(AIPERF | {"inter_token_latency": {"unit": "furlongs", "avg": 3}}), "furlongs"),
        (
            json.dumps(
                FIGURES | {"input_config": {"phases": [{"concurrency": 4}, {"concurrency": 8}]}}
            ),
            "several concurrencies",
        ),
        (json.dumps({"avg_latency": 1.0, "latencies": [1.0]}), "bench latency"),
        (
            json.dumps({"elapsed_time": 1, "requests_per_second": 2, "tokens_per_second": 3}),
            "bench throughput",
        ),
        (json.dumps([{"end_to_end_latency_s": 1, "number_output_tokens": 5}]), "single responses"),
        (json.dumps({"experiments": [], "version": "2.41"}), "Perf Analyzer"),
    ],
)
def test_what_cannot_be_used_is_refused_in_one_line(data: str, said: str) -> None:
    with pytest.raises(ValueError) as refusal:
        benchmark.read(data)
    assert said in str(refusal.value)
    assert "\n" not in str(refusal.value) and len(str(refusal.value)) < 250


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5),
    st.just(10**400), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.sampled_from(["avg", "mean", "unit"]), st.floats(), max_size=2),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_and_never_breaks(data: st.DataObject) -> None:
    found = json.loads(json.dumps(data.draw(st.sampled_from(list(TOOLS.values())))))
    target: Any = found
    while True:
        if isinstance(target, list):
            target = data.draw(st.sampled_from(target))
        key = data.draw(st.sampled_from(sorted(target)))
        inner = target[key]
        if isinstance(inner, dict | list) and inner and data.draw(st.booleans()):
            target = inner
            continue
        target[key] = data.draw(VALUES)
        break
    try:
        seen = benchmark.read(json.dumps(found))
    except ValueError as refusal:
        assert "\n" not in str(refusal)
        return
    for name in benchmark.FIGURES:
        value = seen[name]
        assert value is None or 0 < value <= 1e9
