"""A model from a file in Hugging Face's `config.json` format, its parameters counted by formula.

Nested multimodal configurations (`text_config`, `llm_config`) are read through. The count covers
embeddings, attention of every kind, dense and expert MLPs and linear layers; norms and biases
(below 0.1 %) and encoders for images or sound are left out, and the record says so.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from siting import catalogue
from siting.catalogue import FactError, Model

NESTED = ("text_config", "llm_config", "language_config", "language_model", "thinker_config")
UNGATED = (
    "phi",
    "gpt_neox",
    "gptj",
    "falcon",
    "starcoder2",
    "mpt",
    "gpt2",
    "opt",
    "bloom",
    "nemotron",
)
"""Architectures whose MLP has two matrices instead of three."""

Config = dict[str, Any]


def model(name: str) -> Model:
    """The model called `name`: one of the catalogue, or the path of a `config.json` or its folder.

    Raises KeyError with near names, FactError where a file is not a usable configuration.
    """
    file = _file(name)
    return _read_once(file) if file else catalogue.model(name)


def _file(name: str) -> Path | None:
    """The `config.json` that `name` is the path of, or of its folder; None where it is a name."""
    path = Path(name)
    try:
        if (path / "config.json").is_file():
            return path / "config.json"
    except (OSError, ValueError):  # longer than a path may be, or with what no path may have
        return None
    return path if name.lower().endswith(".json") else None


@cache
def _read_once(path: Path) -> Model:
    return read(path)


def read(path: Path) -> Model:
    """The model that `path` describes. Raises FactError naming the file and the missing field."""
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FactError(f"{path}: not a readable config.json ({error})") from None
    if not isinstance(whole, dict):
        raise FactError(f"{path}: not a config.json: the top level must be an object")
    return from_config(whole, str(path))


def from_config(whole: Config, name: str) -> Model:
    """The model of a parsed `config.json`; `name` is how messages and reports call it."""
    config = _language_part(whole)
    if "block_configs" in config:
        raise FactError(
            f"{name}: layers differ one by one (block_configs), which is not read; "
            "use the model's name in the catalogue"
        )
    blocks = config.get("layers_block_type") or config.get("hybrid_override_pattern") or ""
    config.setdefault("num_hidden_layers", len(blocks))
    layers = _need(config, name, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
    hidden = _need(config, name, "hidden_size", "n_embd", "d_model")
    heads = _need(config, name, "num_attention_heads", "n_head", "n_heads")
    vocabulary = _need(config, name, "vocab_size")
    shape: Config = {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "vocab_size": vocabulary,
        "num_key_value_heads": _kv_heads(config, heads),
        "head_dim": _get(config, "head_dim", "attention_head_dim") or hidden // heads,
        "intermediate_size": _get(
            config, "intermediate_size_mlp", "intermediate_size", "ffn_dim", "n_inner"
        )
        or 4 * hidden,
        "tie_word_embeddings": bool(
            whole.get("tie_word_embeddings", config.get("tie_word_embeddings", _tied(config)))
        ),
        "max_position_embeddings": _get(
            config, "max_position_embeddings", "n_positions", "max_seq_len", "model_max_length"
        ),
        "native_weight_dtype": _weights(whole, config),
        **_experts(config, layers),
        **_attention(config, layers),
        **_cross_attention(whole, config, layers),
    }
    counts = _count(config, shape)
    vision = "vision_config" in whole or "vit_config" in whole
    return Model(
        model_id=str(whole.get("_name_or_path") or name),
        family=str(config.get("model_type", "")),
        **shape,
        **counts,
        source="config.json given by the user",
        locator=name,
        date="undated",
        kind="client",
        note="parameters counted from the configuration, norms and biases left out"
        + ("; the image encoder is not counted" if vision else ""),
    )


def _language_part(whole: Config) -> Config:
    """The language model's own section, with what only the top level states."""
    for key in NESTED:
        part = whole.get(key)
        if isinstance(part, dict):
            inner = _language_part(part)
            if any(k in inner for k in ("num_hidden_layers", "n_layer", "hidden_size")):
                kept = {k: v for k, v in whole.items() if not isinstance(v, dict)}
                return {**kept, **inner}
    return whole


def _get(config: Config, *names: str) -> int | None:
    for name in names:
        value = config.get(name)
        if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
            return int(value)
    return None


def _need(config: Config, path: str, *names: str) -> int:
    value = _get(config, *names)
    if value is None or value < 0:
        raise FactError(f"{path}: {names[0]} is missing or not a positive number")
    return value


def _tied(config: Config) -> bool:
    """Families that tie by default leave the key out of their files."""
    return str(config.get("model_type", "")).startswith(("gemma", "cohere"))


def _kv_heads(config: Config, heads: int) -> int:
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        return 1
    return _get(config, "num_key_value_heads", "num_kv_heads", "n_head_kv") or heads


def _weights(whole: Config, config: Config) -> str:
    """Native weight format, from the quantisation section or the data type."""
    quantised = whole.get("quantization_config") or config.get("quantization_config")
    if isinstance(quantised, dict):
        method = str(quantised.get("quant_method", "")).lower()
        bits = _get(quantised, "bits", "w_bit")
        if method == "mxfp4":
            return "mxfp4"
        if method == "fp8" or "fp8" in method:
            return "fp8-mxfp4-experts" if config.get("expert_dtype") == "fp4" else "fp8"
        if method == "bitsandbytes":
            return "nf4" if quantised.get("load_in_4bit") else "bnb-int8"
        if method == "modelopt" or "nvfp4" in json.dumps(quantised).lower():
            return "nvfp4" if "fp4" in json.dumps(quantised).lower() else "fp8"
        if bits == 4 or method in ("awq", "auto-round"):
            return "int4"
        if bits == 8:
            return "int8"
        if method == "compressed-tensors":
            return _compressed_tensors(quantised)
    dtype = str(whole.get("torch_dtype") or whole.get("dtype") or config.get("dtype") or "bf16")
    return {"float16": "fp16", "float32": "fp32"}.get(dtype, "bf16")


def _compressed_tensors(quantised: Config) -> str:
    group: Config = next(iter((quantised.get("config_groups") or {}).values()), {})
    weights = group.get("weights") or {}
    bits, kind = weights.get("num_bits"), str(weights.get("type", ""))
    if bits == 8:
        return "fp8" if kind == "float" else "int8"
    if bits == 4:
        if kind == "float":
            return "mxfp4" if weights.get("group_size") == 32 else "nvfp4"
        return "int4-experts" if weights.get("group_size") == 32 else "int4"
    return "bf16"


def _experts(config: Config, layers: int) -> Config:
    experts = _get(
        config, "num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts"
    )
    if not experts or experts < 2:
        return {}
    width = _get(config, "moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
    shared = _get(config, "n_shared_experts", "num_shared_experts") or 0
    if str(config.get("model_type", "")).startswith("llama4"):
        shared = 1  # every mixture layer has one; the file does not say so
    shared_width = _get(
        config, "shared_expert_intermediate_size", "moe_shared_expert_intermediate_size"
    )
    if shared_width and width:
        shared = round(shared_width / width)
    step = (
        _get(
            config,
            "moe_layer_freq",
            "decoder_sparse_step",
            "expert_layer_period",
            "interleave_moe_layer_step",
        )
        or 1
    )
    dense = _get(config, "first_k_dense_replace", "num_dense_layers") or 0
    if isinstance(config.get("moe_layer_freq"), list):
        dense = sum(1 for f in config["moe_layer_freq"] if not f)
    return {
        "num_experts": experts,
        "experts_per_token": _get(
            config,
            "num_experts_per_tok",
            "num_experts_per_token",
            "experts_per_token",
            "top_k_experts",
            "moe_topk",
        ),
        "moe_intermediate_size": width,
        "shared_experts": shared,
        "first_dense_layers": min(dense, layers),
        "moe_layer_step": step if step > 1 else None,
    }


def _attention(config: Config, layers: int) -> Config:
    """Which kind of attention each layer has, from `layer_types` or the family's own keys."""
    kind = str(config.get("model_type", ""))
    types = [str(t) for t in config.get("layer_types") or config.get("layers_block_type") or []]
    window = _get(config, "sliding_window", "sliding_window_size", "attention_chunk_size")
    found: Config = {
        "sliding_window": window,
        "layers_full_attention": layers,
        "kv_shared_layers": _get(config, "num_kv_shared_layers"),
        "kv_heads_global_layers": _get(config, "num_global_key_value_heads"),
        "head_dim_global_layers": _get(config, "global_head_dim"),
        "mtp_layers": _get(config, "num_nextn_predict_layers", "mtp_num_hidden_layers"),
    }
    if _get(config, "swa_num_key_value_heads"):  # windows have heads of their own
        found |= {
            "kv_heads_global_layers": _get(config, "num_key_value_heads"),
            "num_key_value_heads": _get(config, "swa_num_key_value_heads"),
            "v_head_dim": _get(config, "v_head_dim"),
        }
    if _get(config, "kv_lora_rank"):
        found |= {
            "attention_kind": "mla",
            "kv_lora_rank": _get(config, "kv_lora_rank"),
            "qk_rope_head_dim": _get(config, "qk_rope_head_dim"),
            "q_lora_rank": _get(config, "q_lora_rank"),
            "v_head_dim": _get(config, "v_head_dim"),
            "index_heads": _get(config, "index_n_heads"),
            "index_head_dim": _get(config, "index_head_dim"),
        }
        nope = _get(config, "qk_nope_head_dim")
        if nope:
            found["head_dim"] = nope + (_get(config, "qk_rope_head_dim") or 0)
    ratios = config.get("compress_ratios")
    if isinstance(ratios, list):
        used = Counter(int(r) for r in ratios[:layers])
        return found | {
            "attention_kind": "compressed",
            "compress_ratios": ";".join(f"{r}:{n}" for r, n in sorted(used.items())),
            "index_head_dim": _get(config, "index_head_dim"),
            "q_lora_rank": _get(config, "q_lora_rank"),
        }
    linear = _linear(config, types, layers)
    if linear:
        return found | linear
    full = _full_layers(config, types, layers, window)
    if full < layers and "attention_kind" not in found:
        chunked = kind.startswith("llama4")
        found["attention_kind"] = "chunked" if chunked else "sliding"
        found["layers_full_attention"] = full
    elif "attention_kind" not in found:
        found["sliding_window"] = None
    return found


def _cross_attention(whole: Config, config: Config, layers: int) -> Config:
    """Layers that attend to image tokens, whose keys and values are held for each image."""
    crossed = config.get("cross_attention_layers")
    if not isinstance(crossed, list) or not crossed:
        return {}
    vision = whole.get("vision_config") or {}
    side = (_get(vision, "image_size") or 560) // (_get(vision, "patch_size") or 14)
    return {
        "layers_full_attention": layers - len(crossed),
        "cross_attention_layers": len(crossed),
        "cross_attention_tokens": (side**2 + 1) * (_get(vision, "max_num_tiles") or 4),
    }


def _full_layers(config: Config, types: list[str], layers: int, window: int | None) -> int:
    if types:
        return sum(t in ("full_attention", "attention", "global") for t in types)
    marks = config.get("hybrid_layer_pattern")
    if isinstance(marks, list):
        return sum(1 for m in marks if not m)
    no_rope = config.get("no_rope_layers")
    if isinstance(no_rope, list) and config.get("attention_chunk_size"):
        return sum(1 for f in no_rope if not f)
    pattern = _get(config, "sliding_window_pattern", "_sliding_window_pattern")
    if window and pattern:
        return layers // pattern
    if config.get("use_sliding_window") is False or not window:
        return layers
    family = str(config.get("model_type", ""))
    known = {"gemma2": 2, "gemma3": 6, "cohere2": 4, "gpt_oss": 2, "llama4": 4}
    for name, every in known.items():
        if family.startswith(name):
            return layers // every
    if family.startswith(("mistral", "starcoder2", "phi3", "mixtral")):
        return 0
    return layers


def _linear(config: Config, types: list[str], layers: int) -> Config:
    """State sizes of linear-attention and Mamba layers, per layer and sequence."""
    marks = config.get("attn_type_list")
    if isinstance(marks, list):  # lightning attention, 1 marks a full layer
        heads, width = _get(config, "num_attention_heads") or 0, _get(config, "head_dim") or 0
        return {
            "attention_kind": "hybrid-linear",
            "layers_full_attention": sum(1 for m in marks if m),
            "linear_layers": sum(1 for m in marks if not m),
            "conv_state_elements": 0,
            "recurrent_state_elements": heads * width * width,
            "recurrent_state_fp32": True,
        }
    own = config.get("linear_attn_config")
    if isinstance(own, dict):  # Kimi's delta attention beside latent attention
        heads, width = _get(own, "num_heads") or 0, _get(own, "head_dim") or 0
        kernel = _get(own, "short_conv_kernel_size") or 4
        return {
            "attention_kind": "hybrid-linear",
            "layers_full_attention": len(own.get("full_attn_layers") or []),
            "linear_layers": len(own.get("kda_layers") or []),
            "conv_state_elements": (kernel - 1) * 3 * heads * width,
            "recurrent_state_elements": heads * width * width,
            "recurrent_state_fp32": True,
        }
    period = _get(config, "full_attention_interval", "attn_layer_period")
    types = _blocks(config) or types
    linear = sum(t in ("linear_attention", "mamba", "recurrent", "conv") for t in types)
    if not linear and period and not types:
        linear = layers - layers // period
    if not linear:
        return {}
    full = sum(t in ("full_attention", "attention") for t in types) or layers - linear
    conv, state = _state(config)
    wide = "float32" in str(config.get("mamba_ssm_cache_dtype") or config.get("mamba_ssm_dtype"))
    return {
        "attention_kind": "hybrid-linear",
        "layers_full_attention": full,
        "linear_layers": linear,
        "conv_state_elements": conv,
        "recurrent_state_elements": state,
        "recurrent_state_fp32": wide,
        "sliding_window": None,
    }


def _state(config: Config) -> tuple[int, int]:
    hidden = _get(config, "hidden_size") or 0
    keys, values = _get(config, "linear_num_key_heads"), _get(config, "linear_num_value_heads")
    if keys and values:  # gated delta rule
        k, v = _get(config, "linear_key_head_dim") or 0, _get(config, "linear_value_head_dim") or 0
        kernel = _get(config, "linear_conv_kernel_dim") or 4
        return (kernel - 1) * (2 * keys * k + values * v), values * v * k
    kernel = _get(config, "mamba_d_conv", "conv_kernel", "conv_L_cache") or 4
    size = _get(config, "ssm_state_size", "mamba_d_state") or 0
    heads = _get(config, "mamba_num_heads", "mamba_n_heads")
    if heads:  # Mamba 2
        width = heads * (_get(config, "mamba_head_dim", "mamba_d_head") or 64)
        groups = _get(config, "n_groups", "mamba_n_groups") or 1
        return (kernel - 1) * (width + 2 * groups * size), width * size
    if "conv_L_cache" in config:  # gated short convolution
        return kernel * hidden, 0
    inner = (_get(config, "mamba_expand", "expand") or 2) * hidden  # Mamba 1
    return (kernel - 1) * inner, inner * (size or 16)


def _count(config: Config, shape: Config) -> Config:
    """Parameters in billions: total, of the routed experts, active a token, of the embedding."""
    embedding = shape["vocab_size"] * shape["hidden_size"]
    head = 0 if shape["tie_word_embeddings"] else embedding
    routed, mlp = _mlp_params(config, shape)
    whole = embedding + head + mlp + routed + _all_attention_params(config, shape)
    idle = 0.0
    if routed:
        idle = routed * (1 - (shape.get("experts_per_token") or 0) / shape["num_experts"])
    return {
        "total_params_b": whole / 1e9,
        "params_recomputed_b": whole / 1e9,
        "active_params_b": (whole - idle) / 1e9,
        "expert_params_b": routed / 1e9 if routed else None,
        "embedding_params_b": embedding / 1e9,
    }


def _mlp_params(config: Config, shape: Config) -> tuple[float, float]:
    """Parameters of the routed experts, and of dense MLPs, shared experts and routers."""
    hidden, layers = shape["hidden_size"], shape["num_hidden_layers"]
    matrices = 2 if str(config.get("model_type", "")).startswith(UNGATED) else 3
    dense_width, width = shape["intermediate_size"], shape.get("moe_intermediate_size") or 0
    experts, pattern = shape.get("num_experts") or 0, _blocks(config)
    if not experts:
        dense = pattern.count("mlp") if pattern else layers
        return 0.0, float(dense * matrices * hidden * dense_width)
    dense, step = shape.get("first_dense_layers") or 0, shape.get("moe_layer_step") or 1
    mixed = (layers - dense) // step
    if step > 1:
        dense = layers - mixed
    if pattern:
        mixed, dense = pattern.count("moe"), pattern.count("mlp")
    if config.get("enable_moe_block"):  # a dense MLP beside the experts on every layer
        dense = layers
    latent = _get(config, "moe_latent_size", "routed_expert_hidden_size")
    routed = float(mixed * experts * matrices * (latent or hidden) * width)
    shared = (shape.get("shared_experts") or 0) * matrices * hidden * width
    bridge = 2 * hidden * latent if latent else 0
    rest = dense * matrices * hidden * dense_width + mixed * (shared + experts * hidden + bridge)
    return routed, float(rest)


def _blocks(config: Config) -> list[str]:
    """Kind of each block where attention, state, MLP and experts are blocks of their own."""
    letters = {"M": "mamba", "*": "attention", "E": "moe", "-": "mlp"}
    if config.get("hybrid_override_pattern"):
        return [letters.get(c, c) for c in str(config["hybrid_override_pattern"])]
    kinds = [str(k) for k in config.get("layers_block_type") or []]
    return kinds if "moe" in kinds or "mlp" in kinds else []


def _all_attention_params(config: Config, shape: Config) -> float:
    """Projections of all attention and state layers."""
    hidden, layers = shape["hidden_size"], shape["num_hidden_layers"]
    linear = (shape.get("linear_layers") or 0) * _state_params(config, hidden)
    full = shape.get("layers_full_attention") or 0
    if shape.get("attention_kind") not in ("sliding", "chunked"):
        return float(linear + full * _attention_params(config, shape))
    wide = {
        **shape,
        "head_dim": shape.get("head_dim_global_layers") or shape["head_dim"],
        "num_key_value_heads": shape.get("kv_heads_global_layers") or shape["num_key_value_heads"],
    }
    shared = bool(config.get("attention_k_eq_v"))
    windows = (layers - full) * _attention_params(config, shape)
    return float(full * _attention_params(config, wide, shared) + windows)


def _attention_params(config: Config, shape: Config, keys_are_values: bool = False) -> float:
    """Projections of one attention layer."""
    hidden, heads, width = shape["hidden_size"], shape["num_attention_heads"], shape["head_dim"]
    rank, query = shape.get("kv_lora_rank"), shape.get("q_lora_rank")
    value = shape.get("v_head_dim") or width
    gate = 2 if config.get("attn_output_gate") else 1  # gated attention doubles the query
    q = (hidden + heads * width) * query if query else gate * hidden * heads * width
    out = heads * value * hidden
    if rank:
        rope = shape.get("qk_rope_head_dim") or 0
        kv = hidden * (rank + rope) + rank * heads * (width - rope + value)
        key, indexers = shape.get("index_head_dim") or 0, shape.get("index_heads") or 0
        return float(q + kv + out + (query or hidden) * indexers * key + hidden * (key + indexers))
    kv = hidden * shape["num_key_value_heads"] * (width + (0 if keys_are_values else value))
    if shape.get("attention_kind") == "compressed":
        kv = hidden * width  # one latent serves as key and value
    grouped = _get(config, "o_lora_rank")
    if grouped:
        out = heads * width * grouped + (_get(config, "o_groups") or 1) * grouped * hidden
    return float(q + kv + out)


def _state_params(config: Config, hidden: int) -> float:
    """Projections of one linear layer."""
    keys, values = _get(config, "linear_num_key_heads"), _get(config, "linear_num_value_heads")
    if keys and values:
        k, v = _get(config, "linear_key_head_dim") or 0, _get(config, "linear_value_head_dim") or 0
        return float(hidden * (2 * keys * k + 3 * values * v + 2 * values))
    if "conv_L_cache" in config:
        return 4.0 * hidden * hidden
    size = _get(config, "ssm_state_size", "mamba_d_state") or 16
    heads = _get(config, "mamba_num_heads", "mamba_n_heads")
    if heads:
        width = heads * (_get(config, "mamba_head_dim", "mamba_d_head") or 64)
        groups = _get(config, "n_groups", "mamba_n_groups") or 1
        return float(hidden * (3 * width + 2 * groups * size + heads))
    inner = (_get(config, "mamba_expand", "expand") or 2) * hidden
    rank = _get(config, "mamba_dt_rank") or hidden // 16
    return float(inner * (3 * hidden + 2 * rank + 3 * size))
