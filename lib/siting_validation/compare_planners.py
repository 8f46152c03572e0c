"""Other ways to predict speed, on the same rows: a bare roofline, and AIConfigurator 0.12.

    python -m siting_validation.compare_planners MEASUREMENTS.csv [--every 8]

The roofline takes the kit's own bytes and arithmetic at full bandwidth and peak, the larger of
memory and arithmetic counting, without any overhead. AIConfigurator (PyPI, dependency of this
script alone) interpolates kernels that NVIDIA measured; it is asked in its aggregated mode for
every n-th row (every row of the sources of 2026) whose model, card and engine it knows. Writes
compare_planners.json, from which docs/validation.md is made.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import logging
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from siting.memory.deployment import Deployment

from siting_validation import throughput
from siting_validation.fit_throughput import QUANTITIES, SpeedModel, groups, read, summary

NEUTRAL = {
    "half_tokens": 0.0, "elementwise_passes": 0.0, "link_latency_us": 0.0, "additivity": 30.0,
    "layer_overhead_us": 0.0, "step_overhead_us": 0.0, "sequence_overhead_us": 0.0,
    "first_token_us": 0.0, "prompt_launch_us": 0.0, "step_wait": 0.0, "frontend_us": 0.0,
    "routing_skew": 1e-6, "product_pj": 1e-6,
}  # fmt: skip
"""Constants of a bare roofline; all others are shares of a peak, and 1."""

MODELS = {
    ("meta-llama/Llama-3.1-70B", "fp8"): "meta-llama/Meta-Llama-3.1-70B",
    ("meta-llama/Llama-3.1-70B", "nvfp4"): "meta-llama/Meta-Llama-3.1-70B",
    ("meta-llama/Llama-3.1-8B-Instruct", "fp8"): "meta-llama/Meta-Llama-3.1-8B",
    ("meta-llama/Llama-3.1-8B-Instruct", ""): "meta-llama/Meta-Llama-3.1-8B",
    ("deepseek-ai/DeepSeek-R1", "fp8"): "deepseek-ai/DeepSeek-R1",
    ("deepseek-ai/DeepSeek-R1", "nvfp4"): "nvidia/DeepSeek-V3.1-NVFP4",
    ("deepseek-ai/DeepSeek-V3", "fp8"): "deepseek-ai/DeepSeek-V3",
    ("openai/gpt-oss-120b", "nvfp4"): "openai/gpt-oss-120b",
    ("openai/gpt-oss-120b", "mxfp4"): "openai/gpt-oss-120b",
    ("deepseek-ai/DeepSeek-R1-0528", "fp8"): "deepseek-ai/DeepSeek-R1",
    ("Qwen/Qwen3.5-397B-A17B", "bf16"): "Qwen/Qwen3.5-397B-A17B",
    ("Qwen/Qwen3.5-397B-A17B", "nvfp4"): "nvidia/Qwen3.5-397B-A17B-NVFP4",
    ("MiniMaxAI/MiniMax-M2.5", "fp8"): "MiniMaxAI/MiniMax-M2.5",
    ("MiniMaxAI/MiniMax-M2.5", "nvfp4"): "nvidia/MiniMax-M2.5-NVFP4",
}
"""Its name for a model in a weight format; its own configuration says how experts are stored."""
SYSTEMS = {
    "h100-sxm5-80gb": "h100_sxm", "h200-sxm5-141gb": "h200_sxm", "b200-sxm6-180gb": "b200_sxm",
    "b300-sxm6-288gb": "b300_sxm", "gb200-186gb": "gb200",
}  # fmt: skip
BACKENDS = {"tensorrt-llm": "trtllm", "vllm": "vllm", "sglang": "sglang"}
FORMATS = {"fp8": "fp8", "nvfp4": "nvfp4", "bf16": "bfloat16", "": None}


def roofline(model: SpeedModel) -> dict[str, np.ndarray]:
    """Predictions of every row without a fitted constant."""
    names = [r.name for r in model.rows]
    first = {n: names.index(n) for n in names}
    theta = np.zeros(len(names))
    for name, value in NEUTRAL.items():
        theta[first[name]] = np.log(max(value, 1e-30))
    return model.predict(theta)


def aiconfigurator(row: dict[str, str]) -> dict[str, float] | str:
    """What AIConfigurator expects of a row, or why it says nothing."""
    from aiconfigurator.cli import api

    run = throughput.run_of_row(row)
    d = run.deployment
    weights = row.get("weight_format", "").lower().replace("fp8_block", "fp8")
    path = MODELS.get((row["model_id"], weights))
    if path is None or d.gpu.id not in SYSTEMS:
        return "model, card or format unknown to it"
    engine = next((v for k, v in BACKENDS.items() if k in row["engine"].lower()), None)
    if run.loop != "closed" or engine is None:
        return "no closed loop of its engines"
    moe = d.model.num_experts is not None
    moe_tp, moe_ep = _split_of_experts(d) if moe else (None, None)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            found: Any = api.cli_estimate(
                path,
                SYSTEMS[d.gpu.id],
                backend_name=engine,
                database_mode="HYBRID",
                isl=int(float(run.asked.input_tokens)),
                osl=int(float(run.asked.output_tokens)),
                batch_size=max(1, round(float(run.asked.load) / d.attention_data_parallel)),
                tp_size=d.tensor_parallel,
                attention_dp_size=d.attention_data_parallel,
                moe_tp_size=moe_tp,
                moe_ep_size=moe_ep,
                gemm_quant_mode=None if moe else FORMATS[weights],
            )
        except Exception as error:  # any failure of the other tool is an answer
            return f"{type(error).__name__}: {str(error)[:80]}"
    return {
        "ttft_ms": float(found.ttft),
        "itl_or_tpot_ms": float(found.tpot),
        "output_tokens_per_s_total": float(found.tokens_per_second),
    }


def _split_of_experts(d: Deployment) -> tuple[int, int]:
    """Ways that experts are split by width, and by expert: the latter where attention is copied."""
    return (1, d.gpus) if d.attention_data_parallel > 1 else (d.gpus, 1)


def main() -> None:
    """Compare, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--every", type=int, default=8)
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    model = SpeedModel(read(asked.measurements))
    bare = roofline(model)
    kit = model.predict(np.log([r.value for r in model.rows]))
    result: dict[str, Any] = {"roofline": {}, "kit": {}, "aiconfigurator": {"reasons": {}}}
    for q in QUANTITIES:
        result["roofline"][q] = summary(model.errors(bare, q))
        result["kit"][q] = summary(model.errors(kit, q))
    other = {q: np.full(len(model.data.rows), np.nan) for q in QUANTITIES}
    same = {q: np.full(len(model.data.rows), np.nan) for q in QUANTITIES}
    reasons: dict[str, int] = {}
    closed = np.flatnonzero((model.data.loop == "closed") & (model.data.keys["engine"] != "nim"))
    new = groups(model.data)["sources of 2026 (new)"][closed]
    chosen = sorted([*closed[~new][:: asked.every], *closed[new]])
    for i in chosen:
        said = aiconfigurator(model.data.rows[i])
        if isinstance(said, str):
            reasons[said] = reasons.get(said, 0) + 1
            continue
        for q, value in said.items():
            other[q][i] = value
            same[q][i] = kit[q][i]
    for q in QUANTITIES:
        if np.isfinite(model.errors(other, q)).any():
            result["aiconfigurator"][q] = summary(model.errors(other, q))
            result["aiconfigurator"][f"kit on the same rows, {q}"] = summary(model.errors(same, q))
    result["aiconfigurator"]["reasons"] = reasons
    result["aiconfigurator"]["asked"] = len(chosen)
    Path(__file__).with_suffix(".json").write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
