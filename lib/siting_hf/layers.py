"""Layers of a model, from its `config.json`: attention, windows, states, experts, and parameters.

Parameters are counted by formula.
"""

from __future__ import annotations

from collections import Counter

from siting.records import frozen

from siting_hf.fields import Config, blocks, get, kind, listed, meaning, several


def experts(config: Config, layers: int) -> Config:
    found = several(config, "num_experts", "experts_per_token", "moe_intermediate_size")
    if (found["num_experts"] or 0) < 2:
        return {}
    shared = get(config, "shared_experts") or 0
    if meaning("shared expert", kind(config)):  # the file does not say so
        shared = 1
    wide = get(config, "shared_expert_width")
    width = found["moe_intermediate_size"]
    if wide and width:
        shared = round(wide / width)
    dense = get(config, "first_dense_layers") or 0
    step = get(config, "moe_layer_step") or 1
    if isinstance(config.get("moe_layer_freq"), list):
        dense = sum(1 for f in config["moe_layer_freq"] if not f)
    return found | {
        "shared_experts": shared,
        "first_dense_layers": min(dense, layers),
        "moe_layer_step": step if step > 1 else None,
    }


WINDOWS = "sliding_window", "kv_shared_layers", "kv_heads_global_layers", "head_dim_global_layers"
LATENT = "kv_lora_rank", "qk_rope_head_dim", "q_lora_rank", "v_head_dim"
INDEX = "index_head_dim", "index_heads"
"""Fields that stand in a file as the catalogue wants them."""


def attention(config: Config, layers: int) -> Config:
    """Which kind of attention each layer has, from `layer_types` or the family's own keys."""
    types = [str(t) for t in config.get("layer_types") or config.get("layers_block_type") or []]
    found: Config = several(config, *WINDOWS, "mtp_layers")
    found["layers_full_attention"] = layers
    if own := get(config, "swa_num_key_value_heads"):  # windows have heads of their own
        found["kv_heads_global_layers"] = get(config, "num_key_value_heads")
        found |= {"num_key_value_heads": own} | several(config, "v_head_dim")
    if get(config, "kv_lora_rank"):
        found |= {"attention_kind": "mla"} | several(config, *LATENT, *INDEX)
        if nope := get(config, "qk_nope_head_dim"):
            found["head_dim"] = nope + (found["qk_rope_head_dim"] or 0)
    ratios = config.get("compress_ratios")
    if isinstance(ratios, list):
        used = sorted(Counter(int(r) for r in ratios[:layers]).items())
        found["compress_ratios"] = ";".join(f"{ratio}:{count}" for ratio, count in used)
        found |= several(config, "index_head_dim", "q_lora_rank")
        return found | {"attention_kind": "compressed"}
    if linear := _linear(config, types, layers):
        return found | linear
    if "attention_kind" in found:
        return found
    full = _full_layers(config, types, layers, found["sliding_window"])
    if full >= layers:
        return found | {"sliding_window": None}
    windows = "chunked" if meaning("chunked attention", kind(config)) else "sliding"
    return found | {"attention_kind": windows, "layers_full_attention": full}


def cross_attention(whole: Config, config: Config, layers: int) -> Config:
    """Layers that attend to image tokens, whose keys and values are held for each image."""
    crossed = listed(config, "cross_attention_layers")
    if not crossed:
        return {}
    vision = whole.get("vision_config") or {}
    side = (get(vision, "image_size") or 560) // (get(vision, "patch_size") or 14)
    return {
        "layers_full_attention": layers - len(crossed),
        "cross_attention_layers": len(crossed),
        "cross_attention_tokens": (side**2 + 1) * (get(vision, "max_num_tiles") or 4),
    }


def _full_layers(config: Config, types: list[str], layers: int, window: int | None) -> int:
    if types:
        return sum(t in ("full_attention", "attention", "global") for t in types)
    marks = config.get("hybrid_layer_pattern")
    if not isinstance(marks, list) and config.get("attention_chunk_size"):
        marks = config.get("no_rope_layers")
    if isinstance(marks, list):
        return sum(1 for m in marks if not m)
    pattern = get(config, "window_pattern")
    if window and pattern:
        return layers // pattern
    if config.get("use_sliding_window") is False or not window:
        return layers
    if meaning("windows alone", kind(config)):
        return 0
    return layers // int(meaning("one full layer of", kind(config)) or 1)


def _linear(config: Config, types: list[str], layers: int) -> Config:
    """State sizes of linear-attention and Mamba layers, per layer and sequence."""
    marks = config.get("attn_type_list")
    own = config.get("linear_attn_config")
    if isinstance(marks, list):  # lightning attention, 1 marks a full layer
        heads = get(config, "num_attention_heads") or 0
        width = get(config, "head_dim") or 0
        full = sum(1 for m in marks if m)
        return _hybrid(full, len(marks) - full, 0, heads * width * width)
    if isinstance(own, dict):  # Kimi's delta attention beside latent attention
        heads = get(own, "num_heads") or 0
        width = get(own, "head_dim") or 0
        conv = ((get(own, "short_conv_kernel_size") or 4) - 1) * 3 * heads * width
        full = len(own.get("full_attn_layers") or [])
        linear = len(own.get("kda_layers") or [])
        return _hybrid(full, linear, conv, heads * width * width)
    period = get(config, "full_attention_interval")
    types = blocks(config) or types
    linear = sum(t in ("linear_attention", "mamba", "recurrent", "conv") for t in types)
    if not linear and period and not types:
        linear = layers - layers // period
    if not linear:
        return {}
    full = sum(t in ("full_attention", "attention") for t in types) or layers - linear
    wide = "float32" in str(config.get("mamba_ssm_cache_dtype") or config.get("mamba_ssm_dtype"))
    rest = {"layers_without_cache": layers - full - linear} if blocks(config) else {}
    layer = linear_layer(config)
    mixed = _hybrid(full, linear, layer.conv_state, layer.recurrent_state, wide)
    return mixed | rest | {"sliding_window": None}


def _hybrid(full: int, linear: int, conv: int, state: int, wide: bool = True) -> Config:
    """Layers with states of so many elements among full ones; wide: states are in 32 bit."""
    return {
        "attention_kind": "hybrid-linear",
        "layers_full_attention": full,
        "linear_layers": linear,
        "conv_state_elements": conv,
        "recurrent_state_elements": state,
        "recurrent_state_fp32": wide,
    }


@frozen
class LinearLayer:
    """One layer that keeps a state instead of a cache."""

    params: float
    conv_state: int
    """Elements of the state of its convolution."""
    recurrent_state: int
    """Elements of its recurrent state."""


def linear_layer(config: Config) -> LinearLayer:
    """What a linear layer holds, by the kind of it that a configuration describes."""
    hidden = get(config, "hidden_size") or 0
    keys = get(config, "linear_num_key_heads")
    values = get(config, "linear_num_value_heads")
    kernel = get(config, "state_kernel") or 4
    size = get(config, "state_size") or 16
    if keys and values:  # gated delta rule
        k = get(config, "linear_key_head_dim") or 0
        v = get(config, "linear_value_head_dim") or 0
        kernel = get(config, "linear_conv_kernel_dim") or 4
        params = hidden * (2 * keys * k + 3 * values * v + 2 * values)
        conv = (kernel - 1) * (2 * keys * k + values * v)
        recurrent = values * v * k
    elif heads := get(config, "state_heads"):  # Mamba 2
        width = heads * (get(config, "state_head_dim") or 64)
        groups = get(config, "state_groups") or 1
        params = hidden * (3 * width + 2 * groups * size + heads)
        conv = (kernel - 1) * (width + 2 * groups * size)
        recurrent = width * size
    elif "conv_L_cache" in config:  # gated short convolution
        params = 4 * hidden * hidden
        conv = kernel * hidden
        recurrent = 0
    else:  # Mamba 1
        inner = (get(config, "state_expansion") or 2) * hidden
        rank = get(config, "mamba_dt_rank") or hidden // 16
        params = inner * (3 * hidden + 2 * rank + 3 * size)
        conv = (kernel - 1) * inner
        recurrent = inner * size
    return LinearLayer(params=float(params), conv_state=conv, recurrent_state=recurrent)


# --- parameters -------------------------------------------------------------------------------


def count(config: Config, shape: Config, encoder: float = 0.0) -> Config:
    """Parameters in billions: total, of the routed experts, active a token, of the embedding."""
    embedding = shape["vocab_size"] * shape["hidden_size"]
    head = 0 if shape["tie_word_embeddings"] else embedding
    routed, mlp = _mlp_params(config, shape)
    whole = embedding + head + mlp + routed + _all_attention_params(config, shape) + encoder
    chosen = (shape.get("experts_per_token") or 0) / (shape.get("num_experts") or 1)
    idle = routed * (1 - chosen)
    return {
        "total_params_b": whole / 1e9,
        "params_recomputed_b": whole / 1e9,
        "active_params_b": (whole - idle) / 1e9,
        "expert_params_b": routed / 1e9 if shape.get("num_experts") else None,
        "embedding_params_b": embedding / 1e9,
    }


def _mlp_params(config: Config, shape: Config) -> tuple[float, float]:
    """Parameters of the routed experts, and of dense MLPs, shared experts and routers."""
    hidden = shape["hidden_size"]
    layers = shape["num_hidden_layers"]
    matrices = 2 if meaning("mlp without gate", kind(config).lower()) else 3
    dense_width = shape["intermediate_size"]
    width = shape.get("moe_intermediate_size") or 0
    experts = shape.get("num_experts") or 0
    pattern = blocks(config)
    if not experts:
        dense = pattern.count("mlp") if pattern else layers
        return 0.0, float(dense * matrices * hidden * dense_width)
    dense = shape.get("first_dense_layers") or 0
    step = shape.get("moe_layer_step") or 1
    mixed = (layers - dense) // step
    if step > 1:
        dense = layers - mixed
    if pattern:
        mixed = pattern.count("moe")
        dense = pattern.count("mlp")
    if config.get("enable_moe_block"):  # a dense MLP beside the experts on every layer
        dense = layers
    latent = get(config, "expert_latent_size")
    routed = float(mixed * experts * matrices * (latent or hidden) * width)
    shared = (shape.get("shared_experts") or 0) * matrices * hidden * width
    bridge = 2 * hidden * latent if latent else 0
    rest = dense * matrices * hidden * dense_width + mixed * (shared + experts * hidden + bridge)
    return routed, float(rest)


def _all_attention_params(config: Config, shape: Config) -> float:
    """Projections of all attention and state layers."""
    linear = (shape.get("linear_layers") or 0) * linear_layer(config).params
    full = shape.get("layers_full_attention") or 0
    if shape.get("attention_kind") not in ("sliding", "chunked"):
        return float(linear + full * _attention_params(config, shape))
    windows = (shape["num_hidden_layers"] - full) * _attention_params(config, shape)
    own = {"head_dim": "head_dim_global_layers", "num_key_value_heads": "kv_heads_global_layers"}
    wide = shape | {field: shape.get(other) or shape[field] for field, other in own.items()}
    shared = bool(config.get("attention_k_eq_v"))
    return float(full * _attention_params(config, wide, shared) + windows)


def _attention_params(config: Config, shape: Config, keys_are_values: bool = False) -> float:
    """Projections of one attention layer."""
    hidden = shape["hidden_size"]
    heads = shape["num_attention_heads"]
    width = shape["head_dim"]
    rank = shape.get("kv_lora_rank")
    query = shape.get("q_lora_rank")
    value = shape.get("v_head_dim") or width
    gate = 2 if config.get("attn_output_gate") else 1  # gated attention doubles the query
    q = (hidden + heads * width) * query if query else gate * hidden * heads * width
    out = heads * value * hidden
    if rank:
        rope = shape.get("qk_rope_head_dim") or 0
        kv = hidden * (rank + rope) + rank * heads * (width - rope + value)
        key = shape.get("index_head_dim") or 0
        indexers = shape.get("index_heads") or 0
        return float(q + kv + out + (query or hidden) * indexers * key + hidden * (key + indexers))
    kv = hidden * shape["num_key_value_heads"] * (width + (0 if keys_are_values else value))
    if shape.get("attention_kind") == "compressed":
        kv = hidden * width  # one latent serves as key and value
    if grouped := get(config, "o_lora_rank"):
        out = heads * width * grouped + (get(config, "o_groups") or 1) * grouped * hidden
    return float(q + kv + out)


def encoder_params(whole: Config) -> float:
    """Parameters of the encoder for images: attention and MLP of its layers, and its patches."""
    vision = whole.get("vision_config") or whole.get("vit_config")
    if not isinstance(vision, dict):
        return 0.0
    hidden = get(vision, "vision_width") or 0
    layers = get(vision, "vision_layers") or 0
    inner = get(vision, "intermediate_size") or round(hidden * float(vision.get("mlp_ratio") or 4))
    matrices = 3 if "silu" in str(vision.get("hidden_act")) else 2
    patch = get(vision, "patch_size") or 14
    return float(layers * (4 * hidden**2 + matrices * hidden * inner) + 3 * patch**2 * hidden)
