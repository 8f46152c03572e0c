"""What other memory calculators say of the same rows as the kit, written to peers_memory.json.

    python -m siting_validation.peers_memory [LLMFIT_BINARY]

Peers that are installed are asked offline, through their own functions, with the inputs of each
row: hf-mem's cache function, aiconfigurator's model classes, llmfit's `plan` command. Two rules
are computed here: the usual one (parameters x bytes x 1.2) and accelerate's (parameters x width
of the data type; four times that for training with Adam). A peer that has no notion of a quantity
or refuses a row is not scored on it. The JSON is kept in the repository, because the peers are no
dependency of the kit.
"""

from __future__ import annotations

import datetime as dt
import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from siting.catalogue import FactError, Model
from siting.dtypes import weight_format
from siting.memory import training
from siting.quantity import GIB, NotEstimated

from siting_validation import comparison, finetune
from siting_validation import vram as logs
from siting_validation.cases import Prediction, Row, number, scored
from siting_validation.vram import ServingRun

OUT = Path(__file__).with_suffix(".json")
NOMINAL_BITS = {"fp32": 32, "bf16": 16, "fp16": 16, "fp8": 8, "int8": 8, "bnb-int8": 8}
"""Bits that a rule of thumb takes for a format; every other format is 4 bit to it."""

Peer = Callable[[ServingRun, Row, str], float | None]


def _bits(run: ServingRun) -> float:
    form = weight_format(run.deployment.weights, run.deployment.model)
    if form.scope == "file":
        return 16 if form.bits == 16 else round(form.bits)
    return NOMINAL_BITS.get(form.format, 4)


def _params(run: ServingRun) -> float:
    return (
        run.deployment.model.total_params_b or run.deployment.model.params_recomputed_b or 0
    ) * 1e9


def _rule(run: ServingRun, row: Row, quantity: str) -> float | None:
    """Parameters x bytes x 1.2 against the memory on the data sheet."""
    size = _params(run) * _bits(run) / 8
    if quantity == "weights_gib_per_gpu":
        return size / run.deployment.tensor_parallel / run.deployment.pipeline_parallel / GIB
    if quantity == "fits":
        return float(
            size * 1.2
            <= run.card.memory_gb_marketing
            * 1e9
            * run.deployment.tensor_parallel
            * run.deployment.pipeline_parallel
        )
    return None


def _accelerate(run: ServingRun, row: Row, quantity: str) -> float | None:
    """Parameters x width of the data type, no cache, no overhead."""
    size = _params(run) * _bits(run) / 8
    if quantity == "weights_gib_per_gpu":
        return size / run.deployment.tensor_parallel / run.deployment.pipeline_parallel / GIB
    if quantity == "fits":
        return float(
            size
            <= run.card.memory_gb_marketing
            * 1e9
            * run.deployment.tensor_parallel
            * run.deployment.pipeline_parallel
        )
    return None


# --- hf-mem -----------------------------------------------------------------------------------


def config_of(model: Model) -> dict[str, Any]:
    """The `config.json` of a model: aiconfigurator's copy, else the fields of the catalogue."""
    path = _bundled(model.model_id)
    if path:
        whole: dict[str, Any] = json.loads(path.read_text())
        return dict(whole.get("text_config") or whole)
    names = (
        "num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads",
        "intermediate_size", "vocab_size",
    )  # fmt: skip
    config = {n: getattr(model, n) for n in names if getattr(model, n) is not None}
    if not model.kv_lora_rank:
        config["head_dim"] = model.head_dim
    if model.attention_kind == "sliding" and model.sliding_window:
        full = model.layers_full_attention or 0
        layers = model.num_hidden_layers
        config["sliding_window"] = model.sliding_window
        config["layer_types"] = ["full_attention"] * full + ["sliding_attention"] * (layers - full)
    if model.linear_layers:
        full = model.layers_full_attention or 0
        config["layer_types"] = ["full_attention"] * full + [
            "linear_attention"
        ] * model.linear_layers
    return config


@cache
def _bundled(name: str) -> Path | None:
    try:
        import aiconfigurator_core
    except ImportError:
        return None
    folder = Path(aiconfigurator_core.__file__).parent / "model_configs"
    path = folder / f"{name.replace('/', '--')}_config.json"
    return path if path.is_file() else None


def _hf_mem(run: ServingRun, row: Row, quantity: str) -> float | None:
    from hf_mem.safetensors.kv_cache import compute_safetensors_kv_cache_size

    if quantity not in logs.MEASURED_IN:
        return None
    pool = number(row, "kv_cache_gib_per_gpu") or 0.0
    narrow = "8" in run.deployment.kv_cache and "bf16" not in run.deployment.kv_cache
    dtype = "F8_E4M3" if narrow else "BF16"
    config = config_of(run.deployment.model)
    config["num_hidden_layers"] = (
        config.get("num_hidden_layers") or run.deployment.model.num_hidden_layers
    )
    need = compute_safetensors_kv_cache_size(config, dtype, run.longest)
    requests = float(pool * GIB * run.deployment.tensor_parallel / need)
    return requests * run.longest if quantity.startswith("kv_tokens") else requests


# --- aiconfigurator ---------------------------------------------------------------------------


@cache
def _aiconfigurator_model(name: str, tp: int, gemm: str, moe: str, cache_mode: str) -> Any:
    from aiconfigurator_core.sdk import common, config, models

    path = _bundled(name)
    if path is None:
        raise NotEstimated("not among its bundled models")
    made = config.ModelConfig(
        tp_size=tp,
        gemm_quant_mode=common.GEMMQuantMode[gemm],
        moe_quant_mode=common.MoEQuantMode[moe],
        kvcache_quant_mode=common.KVCacheQuantMode[cache_mode],
        fmha_quant_mode=common.FMHAQuantMode["bfloat16"],
        moe_tp_size=tp,
        moe_ep_size=1,
    )
    return models.get_model(name, made, "vllm")


def _aiconfigurator(run: ServingRun, row: Row, quantity: str) -> float | None:
    if quantity != "weights_gib_per_gpu" and quantity not in logs.MEASURED_IN:
        return None
    form = weight_format(run.deployment.weights, run.deployment.model).format
    gemm, moe = {
        "bf16": ("bfloat16", "bfloat16"),
        "fp16": ("bfloat16", "bfloat16"),
        "fp8": ("fp8_block", "fp8_block"),
        "int4": ("int4_wo", "int4_wo"),
        "mxfp4": ("bfloat16", "w4a16_mxfp4"),
        "nvfp4": ("bfloat16", "nvfp4"),
    }[form]
    narrow = "8" in run.deployment.kv_cache and "bf16" not in run.deployment.kv_cache
    made = _aiconfigurator_model(
        run.deployment.model.model_id,
        run.deployment.tensor_parallel,
        gemm,
        moe,
        "fp8" if narrow else "bfloat16",
    )
    if quantity == "weights_gib_per_gpu":
        return (
            float(sum(op.get_weights() for op in made.context_ops))
            / run.deployment.pipeline_parallel
            / GIB
        )
    pool = (number(row, "kv_cache_gib_per_gpu") or 0.0) * GIB
    requests = float(pool / made.get_kvcache_bytes_per_sequence(run.longest))
    return requests * run.longest if quantity.startswith("kv_tokens") else requests


# --- llmfit -----------------------------------------------------------------------------------

LLMFIT_FORMATS = {
    "bf16": "BF16", "fp16": "F16", "fp8": "FP8", "int4": "AWQ-4bit", "gguf-q4_k_m": "Q4_K_M",
    "gguf-f16": "F16", "mxfp4": "MXFP4", "nvfp4": "NVFP4",
}  # fmt: skip


@cache
def _llmfit_plan(binary: str, model: str, quant: str, context: int) -> dict[str, Any]:
    done = subprocess.run(
        [binary, "--json", "plan", model, "--context", str(context), "--quant", quant],
        capture_output=True, text=True, timeout=60, cwd=tempfile.gettempdir(), check=False,
    )  # fmt: skip
    if done.returncode:
        raise NotEstimated(done.stderr.strip()[:120] or "refused")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _llmfit(binary: str) -> Peer:
    def predict(run: ServingRun, row: Row, quantity: str) -> float | None:
        if quantity not in ("weights_gib_per_gpu", "fits"):
            return None
        form = weight_format(run.deployment.weights, run.deployment.model).format
        context = run.longest if run.deployment.family != "llama.cpp" else run.context or 4096
        plan = _llmfit_plan(binary, run.deployment.model.model_id, LLMFIT_FORMATS[form], context)
        if plan["model_name"].lower() != run.deployment.model.model_id.lower():
            raise NotEstimated("another model was found")
        if quantity == "weights_gib_per_gpu":
            return (
                float(plan["disk_size_gb"])
                * 1e9
                / run.deployment.tensor_parallel
                / run.deployment.pipeline_parallel
                / GIB
            )
        memory = (
            run.card.memory_gb_marketing
            * run.deployment.tensor_parallel
            * run.deployment.pipeline_parallel
        )
        return float(plan["minimum"]["vram_gb"] <= memory)

    return predict


# --- scoring ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class NamedPeer:
    name: str
    version: str
    predict: Peer


def peers(llmfit: str | None) -> list[NamedPeer]:
    """The peers that can be asked here."""
    found = [
        NamedPeer("parameters × bytes × 1.2", "rule of thumb", _rule),
        NamedPeer("accelerate's arithmetic", "parameters × width", _accelerate),
    ]
    packages = (
        ("hf-mem", "hf-mem", _hf_mem),
        ("aiconfigurator", "aiconfigurator-core", _aiconfigurator),
    )
    for name, package, predict in packages:
        try:
            found.append(NamedPeer(name, metadata.version(package), predict))
        except metadata.PackageNotFoundError:
            continue
    if llmfit:
        text = subprocess.run([llmfit, "--version"], capture_output=True, text=True, check=True)
        found.append(NamedPeer("llmfit", text.stdout.split()[-1], _llmfit(llmfit)))
    return found


def serve(peer: NamedPeer, rows: list[Row]) -> list[Prediction]:
    """A peer's figures for the rows of vram.csv that it can be asked about."""
    made = []
    for row in rows:
        try:
            run = logs.run_of(row)
        except (NotEstimated, FactError, KeyError, ValueError):
            continue
        for quantity in scored(row):
            measured = logs.measured_of(row, quantity)
            try:
                value = peer.predict(run, row, quantity)
            except (NotEstimated, FactError, KeyError, ValueError, TypeError, ArithmeticError):
                value = None
            if value is not None:
                made.append(
                    Prediction(
                        case_id=row["case_id"],
                        quantity=quantity,
                        measured=measured,
                        low=value,
                        central=value,
                        high=value,
                    )
                )
    return made


def train(rows: list[Row], factor: Callable[[training.Job], float]) -> list[Prediction]:
    """A rule's peak for the rows of finetune.csv: parameters x `factor`."""
    made = []
    for row in rows:
        if "peak_gib_per_gpu" not in scored(row):
            continue
        job = finetune.job_of(row)
        value = (job.model.total_params_b or 0) * 1e9 * factor(job) / job.gpus / GIB
        measured = number(row, "peak_gib_per_gpu")
        made.append(
            Prediction(
                case_id=row["case_id"],
                quantity="peak_gib_per_gpu",
                measured=measured,
                low=value,
                central=value,
                high=value,
            )
        )
    return made


def _width(job: training.Job) -> float:
    return {"nf4": 0.5, "nf4-dq": 0.5, "int8": 1.0}.get(job.base, 2.0)


def main() -> None:
    llmfit = sys.argv[1] if len(sys.argv) > 1 else None
    rows = comparison.read(comparison.shipped("vram"))
    runs = comparison.read(comparison.shipped("finetune"))
    result: dict[str, Any] = {"date": dt.date.today().isoformat(), "serving": {}, "training": {}}
    for peer in peers(llmfit):
        errors = comparison.summarise(serve(peer, rows))
        result["serving"][peer.name] = {"version": peer.version, "errors": errors}
        print(peer.name, peer.version, json.dumps(errors, indent=1), file=sys.stderr)
    rules = {
        "parameters × bytes × 1.2": lambda j: _width(j) * 1.2,
        "accelerate's arithmetic (4 × for Adam)": lambda j: _width(j) * 4,
    }
    for name, factor in rules.items():
        result["training"][name] = comparison.summarise(train(runs, factor))
    OUT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
