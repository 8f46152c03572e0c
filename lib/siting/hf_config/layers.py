"""Kinds of layers of a model: attention, windows, states, experts; from its `config.json`."""

from __future__ import annotations

from collections import Counter

from siting.hf_config.fields import Config, blocks, get, same

HIDDEN = ("hidden_size", "n_embd", "d_model")
EXPERTS = ("num_experts", "n_routed_experts", "num_local_experts", "moe_num_experts")
EXPERTS_USED = (
    *("num_experts_per_tok", "num_experts_per_token", "experts_per_token"),
    *("top_k_experts", "moe_topk"),
)
SHARED_WIDTH = ("shared_expert_intermediate_size", "moe_shared_expert_intermediate_size")
STEP = (
    *("moe_layer_freq", "decoder_sparse_step", "expert_layer_period"),
    "interleave_moe_layer_step",
)
LATENT = ("kv_lora_rank", "qk_rope_head_dim", "q_lora_rank", "v_head_dim", "index_head_dim")
"""Names under which files hold one thing, the first that is there counting; of latents, all."""


def experts(config: Config, layers: int) -> Config:
    count = get(config, *EXPERTS)
    if not count or count < 2:
        return {}
    width = get(config, "moe_intermediate_size", "expert_ffn_hidden_size", "intermediate_size")
    shared = get(config, "n_shared_experts", "num_shared_experts") or 0
    if str(config.get("model_type", "")).startswith("llama4"):
        shared = 1  # every mixture layer has one; the file does not say so
    wide, step = get(config, *SHARED_WIDTH), get(config, *STEP) or 1
    if wide and width:
        shared = round(wide / width)
    dense = get(config, "first_k_dense_replace", "num_dense_layers") or 0
    if isinstance(config.get("moe_layer_freq"), list):
        dense = sum(1 for f in config["moe_layer_freq"] if not f)
    return {
        "num_experts": count,
        "experts_per_token": get(config, *EXPERTS_USED),
        "moe_intermediate_size": width,
        "shared_experts": shared,
        "first_dense_layers": min(dense, layers),
        "moe_layer_step": step if step > 1 else None,
    }


def attention(config: Config, layers: int) -> Config:
    """Which kind of attention each layer has, from `layer_types` or the family's own keys."""
    types = [str(t) for t in config.get("layer_types") or config.get("layers_block_type") or []]
    window = get(config, "sliding_window", "sliding_window_size", "attention_chunk_size")
    found: Config = {
        "sliding_window": window,
        "layers_full_attention": layers,
        "kv_shared_layers": get(config, "num_kv_shared_layers"),
        "kv_heads_global_layers": get(config, "num_global_key_value_heads"),
        "head_dim_global_layers": get(config, "global_head_dim"),
        "mtp_layers": get(config, "num_nextn_predict_layers", "mtp_num_hidden_layers"),
    }
    own = get(config, "swa_num_key_value_heads")
    if own:  # windows have heads of their own
        found["kv_heads_global_layers"] = get(config, "num_key_value_heads")
        found |= {"num_key_value_heads": own} | same(config, "v_head_dim")
    if get(config, "kv_lora_rank"):
        heads = get(config, "index_n_heads")
        found |= {"attention_kind": "mla", "index_heads": heads} | same(config, *LATENT)
        nope = get(config, "qk_nope_head_dim")
        if nope:
            found["head_dim"] = nope + (get(config, "qk_rope_head_dim") or 0)
    ratios = config.get("compress_ratios")
    if isinstance(ratios, list):
        used = sorted(Counter(int(r) for r in ratios[:layers]).items())
        found["compress_ratios"] = ";".join(f"{ratio}:{count}" for ratio, count in used)
        found |= {"attention_kind": "compressed"} | same(config, "index_head_dim", "q_lora_rank")
        return found
    linear = _linear(config, types, layers)
    if linear:
        return found | linear
    if "attention_kind" not in found:
        full = _full_layers(config, types, layers, window)
        chunked = str(config.get("model_type", "")).startswith("llama4")
        if full < layers:
            kind = "chunked" if chunked else "sliding"
            found |= {"attention_kind": kind, "layers_full_attention": full}
        else:
            found["sliding_window"] = None
    return found


def cross_attention(whole: Config, config: Config, layers: int) -> Config:
    """Layers that attend to image tokens, whose keys and values are held for each image."""
    crossed = config.get("cross_attention_layers")
    if not isinstance(crossed, list) or not crossed:
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
    pattern = get(config, "sliding_window_pattern", "_sliding_window_pattern")
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
    marks, own = config.get("attn_type_list"), config.get("linear_attn_config")
    if isinstance(marks, list):  # lightning attention, 1 marks a full layer
        heads, width = get(config, "num_attention_heads") or 0, get(config, "head_dim") or 0
        full = sum(1 for m in marks if m)
        return _hybrid(full, len(marks) - full, 0, heads * width * width)
    if isinstance(own, dict):  # Kimi's delta attention beside latent attention
        heads, width = get(own, "num_heads") or 0, get(own, "head_dim") or 0
        conv = ((get(own, "short_conv_kernel_size") or 4) - 1) * 3 * heads * width
        full, linear = (len(own.get(k) or []) for k in ("full_attn_layers", "kda_layers"))
        return _hybrid(full, linear, conv, heads * width * width)
    period = get(config, "full_attention_interval", "attn_layer_period")
    types = blocks(config) or types
    linear = sum(t in ("linear_attention", "mamba", "recurrent", "conv") for t in types)
    if not linear and period and not types:
        linear = layers - layers // period
    if not linear:
        return {}
    full = sum(t in ("full_attention", "attention") for t in types) or layers - linear
    wide = "float32" in str(config.get("mamba_ssm_cache_dtype") or config.get("mamba_ssm_dtype"))
    return _hybrid(full, linear, *linear_layer(config)[1:], wide) | {"sliding_window": None}


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


def linear_layer(config: Config) -> tuple[float, int, int]:
    """Parameters of a linear layer, and elements of its convolution and of its recurrent state."""
    hidden = get(config, *HIDDEN) or 0
    keys, values = get(config, "linear_num_key_heads"), get(config, "linear_num_value_heads")
    if keys and values:  # gated delta rule
        k, v = get(config, "linear_key_head_dim") or 0, get(config, "linear_value_head_dim") or 0
        kernel = get(config, "linear_conv_kernel_dim") or 4
        projections = hidden * (2 * keys * k + 3 * values * v + 2 * values)
        return float(projections), (kernel - 1) * (2 * keys * k + values * v), values * v * k
    kernel = get(config, "mamba_d_conv", "conv_kernel", "conv_L_cache") or 4
    size = get(config, "ssm_state_size", "mamba_d_state") or 16
    heads = get(config, "mamba_num_heads", "mamba_n_heads")
    if heads:  # Mamba 2
        width = heads * (get(config, "mamba_head_dim", "mamba_d_head") or 64)
        groups = get(config, "n_groups", "mamba_n_groups") or 1
        projections = hidden * (3 * width + 2 * groups * size + heads)
        return float(projections), (kernel - 1) * (width + 2 * groups * size), width * size
    if "conv_L_cache" in config:  # gated short convolution
        return 4.0 * hidden * hidden, kernel * hidden, 0
    inner = (get(config, "mamba_expand", "expand") or 2) * hidden  # Mamba 1
    rank = get(config, "mamba_dt_rank") or hidden // 16
    projections = inner * (3 * hidden + 2 * rank + 3 * size)
    return float(projections), (kernel - 1) * inner, inner * size
