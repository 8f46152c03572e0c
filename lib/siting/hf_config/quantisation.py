"""Weight format of a checkpoint: from its quantisation section, or NVIDIA's file beside it.

What is left in 16 bit (`ignore`, `exclude_modules`, `modules_to_not_convert`) decides which tensors
a format applies to: two checkpoints called FP8 may differ by a tenth in size.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

from siting.hf_config.fields import Config, get

ALGORITHMS = (
    (r"nvfp4|w4a\d+_nvfp4", "nvfp4"),
    (r"mxfp4", "mxfp4"),
    (r"fp8", "fp8"),
    (r"w4a|int4|awq|gptq", "int4"),
    (r"w8a|int8|sq_per_channel|smoothquant", "int8"),
)
"""What NVIDIA's `quant_algo` begins with or holds, and the format that it means."""

METHODS = {
    "mxfp4": "mxfp4",
    "fp8": "fp8",
    "fbgemm_fp8": "fp8",
    "awq": "int4",
    "auto-round": "int4",
    "gptq": "int4",
    "hqq": "int4",
}
KEPT = ("ignore", "exclude_modules", "modules_to_not_convert", "ignored_layers", "exclude")
"""Names of the list of modules that stay in 16 bit."""


def weight_format(whole: Config, config: Config, beside: Config | None = None) -> str:
    """Native weight format, by its name in the catalogue.

    beside: the content of `hf_quant_config.json`. A method that is not known becomes a name that
    no format has, so that whoever asks for the size is told.
    """
    section = next(
        (
            s
            for part in (whole, config)
            for key in ("quantization_config", "compression_config")
            if isinstance(s := part.get(key), dict) and s
        ),
        None,
    )
    if section is None and isinstance(beside, dict):
        section = beside.get("quantization", beside)
    if isinstance(section, dict) and section:
        return _of_section(section, config)
    dtype = str(whole.get("torch_dtype") or whole.get("dtype") or config.get("dtype") or "bf16")
    return {"float16": "fp16", "float32": "fp32"}.get(dtype.removeprefix("torch."), "bf16")


def _of_section(section: Config, config: Config) -> str:
    method = str(section.get("quant_method") or "").lower()
    algorithm = str(section.get("quant_algo") or "").lower()
    mixture = bool(get(config, "num_experts", "n_routed_experts", "num_local_experts"))
    kept = [str(m) for key in KEPT for m in _listed(section.get(key))]
    if method == "compressed-tensors" or section.get("config_groups"):
        return _scoped(_of_groups(section), kept, mixture)
    if method == "bitsandbytes":
        return "nf4" if section.get("load_in_4bit") else "bnb-int8"
    if method == "quark":
        return _scoped(_of_quark(section), kept, mixture)
    if algorithm == "mixed_precision":
        return _mixed(section, kept, mixture)
    if algorithm:
        return _scoped(_of_algorithm(algorithm), kept, mixture)
    if method == "fp8" and config.get("expert_dtype") == "fp4":
        return "fp8-mxfp4-experts"
    if method == "modelopt":  # an older file that does not name its algorithm
        return "nvfp4" if "fp4" in json.dumps(section).lower() else "fp8"
    bits = get(section, "bits", "w_bit")
    if bits in (4, 8) and METHODS.get(method, "int4") == "int4":
        return "int4" if bits == 4 else "int8"
    return _scoped(METHODS.get(method) or f"unknown ({method or 'no quant_method'})", kept, mixture)


def _listed(value: object) -> Iterable[object]:
    return value if isinstance(value, list) else ()


def _of_algorithm(name: str) -> str:
    return next(
        (form for pattern, form in ALGORITHMS if re.search(pattern, name)), f"unknown ({name})"
    )


def _of_groups(section: Config) -> str:
    groups = section.get("config_groups")
    group: object = next(iter(groups.values()), {}) if isinstance(groups, dict) else {}
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict):
        return _of_algorithm(str(section.get("format") or section.get("quant_algo") or "").lower())
    bits, floating = weights.get("num_bits"), str(weights.get("type", "")) == "float"
    if bits == 8:
        return "fp8" if floating else "int8"
    if bits == 4:
        fine = weights.get("group_size") == 32
        if floating:
            return "mxfp4" if fine else "nvfp4"
        return "int4-experts" if fine else "int4"
    return "bf16" if bits is None else f"unknown ({bits} bit)"


def _of_quark(section: Config) -> str:
    whole = section.get("global_quant_config")
    text = json.dumps(whole.get("weight") if isinstance(whole, dict) else whole).lower()
    return (
        "mxfp4"
        if "fp4" in text
        else "fp8"
        if "fp8" in text
        else "int4"
        if "int4" in text
        else "int8"
    )


def _mixed(section: Config, kept: list[str], mixture: bool) -> str:
    """Formats differ by layer: that of most layers, the experts' where there are some."""
    layers = section.get("quantized_layers")
    named = layers.items() if isinstance(layers, dict) else ()
    forms = [
        (str(k), _of_algorithm(str(v.get("quant_algo") or "").lower()))
        for k, v in named
        if isinstance(v, dict)
    ]
    experts = [form for name, form in forms if "expert" in name] or [form for _, form in forms]
    if not experts:
        return "unknown (mixed_precision)"
    return _scoped(Counter(experts).most_common(1)[0][0], kept, mixture)


def _scoped(form: str, kept: list[str], mixture: bool) -> str:
    """The variant of a format by what the checkpoint leaves in 16 bit."""
    attention = any(
        re.search(r"attn|attention|[qkvo]_proj", m) and not re.search(r"\.\d+\.", m) for m in kept
    )
    if form == "fp8" and attention and not mixture:
        return "fp8-mlp"
    if form == "nvfp4":
        if attention:
            return "nvfp4-mlp"
        return "nvfp4-linear" if kept else "nvfp4"
    return form
