"""Weight format of a checkpoint: from its quantisation section, or NVIDIA's file beside it.

What is left in 16 bit (`ignore`, `exclude_modules`, `modules_to_not_convert`) decides which tensors
a format applies to: two checkpoints called FP8 may differ by a tenth in size.
"""

from __future__ import annotations

import json
import re
from collections import Counter

from siting_hf.fields import Config, get, keys, listed, meaning

GROUPS = ("attention", "mlp", "experts")
"""Modules that a format treats alike; norms, routers and other small ones are never quantised."""


def weight_format(whole: Config, config: Config, beside: Config | None = None) -> str:
    """Native weight format, by its name in the catalogue.

    beside: the content of `hf_quant_config.json`. A method that is not known becomes a name that
    no format has, so that whoever asks for the size is told.
    """
    stated = [part.get(key) for part in (whole, config) for key in keys()["quantisation"]]
    if isinstance(beside, dict):
        stated.append(beside.get("quantization", beside))
    for section in stated:
        if isinstance(section, dict) and section:
            return _of_section(section, config)
    dtype = str(whole.get("torch_dtype") or whole.get("dtype") or config.get("dtype") or "")
    return meaning("dtype", dtype) or "bf16"


def _of_section(section: Config, config: Config) -> str:
    method, algorithm = (str(section.get(k) or "").lower() for k in ("quant_method", "quant_algo"))
    if algorithm == "mixed_precision":
        return _variant(_mixed(section))
    if method == "bitsandbytes":
        return "nf4" if section.get("load_in_4bit") else "bnb-int8"
    if method == "fp8" and config.get("expert_dtype") == "fp4":
        return "fp8-mxfp4-experts"
    bits = get(section, "bits")
    known = meaning("quantisation method", method)
    if method == "compressed-tensors" or section.get("config_groups"):
        form = _of_groups(section)
    elif method == "quark":
        whole = section.get("global_quant_config")
        text = json.dumps(whole.get("weight") if isinstance(whole, dict) else whole).lower()
        form = meaning("quark weight", text) or "int8"
    elif algorithm:
        form = _of_algorithm(algorithm)
    elif method == "modelopt":  # an older file that does not name its algorithm
        form = "nvfp4" if "fp4" in json.dumps(section).lower() else "fp8"
    elif bits in (4, 8) and known in (None, "int4"):
        form = "int4" if bits == 4 else "int8"
    else:
        form = known or f"unknown ({method or 'no quant_method'})"
    kept = [str(m) for key in keys()["kept modules"] for m in listed(section, key)]
    if form == "nvfp4" and not kept:
        return form
    return _variant({g: "bf16" if _is_kept(g, kept, config) else form for g in GROUPS})


def _of_algorithm(name: str) -> str:
    return meaning("quantisation algorithm", name) or f"unknown ({name})"


def _of_groups(section: Config) -> str:
    groups = section.get("config_groups")
    group: object = next(iter(groups.values()), {}) if isinstance(groups, dict) else {}
    weights = group.get("weights") if isinstance(group, dict) else None
    if not isinstance(weights, dict):
        return _of_algorithm(str(section.get("format") or section.get("quant_algo") or "").lower())
    bits = weights.get("num_bits")
    stored = f"{bits} bit {weights.get('type')} by {weights.get('group_size')}"
    return meaning("group of weights", stored) or f"unknown ({bits} bit)"


def _is_kept(group: str, kept: list[str], config: Config) -> bool:
    """Whether a list of modules keeps a group in 16 bit in at least half of the layers."""
    names = [m for m in kept if meaning("module", m) == group]
    layers = {found[1] for m in names if (found := re.search(r"\.(\d+)(\.|$)", m))}
    everywhere = any(not re.search(r"\.\d+(\.|$)", m) for m in names)
    return everywhere or len(layers) >= (get(config, "num_hidden_layers") or 1) / 2


def _mixed(section: Config) -> dict[str, str]:
    """The format of each group where formats differ by layer: that of most of its modules."""
    layers = section.get("quantized_layers")
    named = layers.items() if isinstance(layers, dict) else ()
    found: dict[str, Counter[str]] = {g: Counter() for g in GROUPS}
    for name, value in named:
        group = meaning("module", str(name))
        if group and isinstance(value, dict):
            found[group][_of_algorithm(str(value.get("quant_algo") or "").lower())] += 1
    if not any(found.values()):
        return dict.fromkeys(GROUPS, "unknown (mixed_precision)")
    return {g: c.most_common(1)[0][0] if c else "bf16" for g, c in found.items()}


def _variant(forms: dict[str, str]) -> str:
    """The format of the catalogue in which each group is stored as `forms` says.

    Experts decide where they are quantised, else the MLPs do.
    """
    attention = forms["attention"]
    mlp = forms["mlp"]
    experts = forms["experts"]
    main = next((form for form in (experts, mlp) if form != "bf16"), attention)
    if main == "nvfp4":
        rest = "-fp8" if "fp8" in (attention, mlp) else ""
        if mlp != "nvfp4":
            return "nvfp4-experts-fp8" if rest else "nvfp4-experts-bf16"
        return "nvfp4-linear" if attention == "nvfp4" else f"nvfp4-mlp{rest}"
    if main in ("fp8", "int4") and attention == "bf16":
        return f"{main}-mlp"
    return main
