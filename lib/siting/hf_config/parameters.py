"""Parameters of a model, counted by formula from its `config.json`."""

from __future__ import annotations

from siting.hf_config.fields import Config, blocks, get, kind, meaning
from siting.hf_config.layers import linear_layer


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
    hidden, layers = shape["hidden_size"], shape["num_hidden_layers"]
    matrices = 2 if meaning("mlp without gate", kind(config).lower()) else 3
    dense_width, width = shape["intermediate_size"], shape.get("moe_intermediate_size") or 0
    experts, pattern = shape.get("num_experts") or 0, blocks(config)
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
    latent = get(config, "expert_latent_size")
    routed = float(mixed * experts * matrices * (latent or hidden) * width)
    shared = (shape.get("shared_experts") or 0) * matrices * hidden * width
    bridge = 2 * hidden * latent if latent else 0
    rest = dense * matrices * hidden * dense_width + mixed * (shared + experts * hidden + bridge)
    return routed, float(rest)


def _all_attention_params(config: Config, shape: Config) -> float:
    """Projections of all attention and state layers."""
    linear = (shape.get("linear_layers") or 0) * linear_layer(config)[0]
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
    if grouped := get(config, "o_lora_rank"):
        out = heads * width * grouped + (get(config, "o_groups") or 1) * grouped * hidden
    return float(q + kv + out)


def encoder_params(whole: Config) -> float:
    """Parameters of the encoder for images: attention and MLP of its layers, and its patches."""
    vision = whole.get("vision_config") or whole.get("vit_config")
    if not isinstance(vision, dict):
        return 0.0
    hidden, layers = get(vision, "vision_width") or 0, get(vision, "vision_layers") or 0
    inner = get(vision, "intermediate_size") or round(hidden * float(vision.get("mlp_ratio") or 4))
    matrices = 3 if "silu" in str(vision.get("hidden_act")) else 2
    patch = get(vision, "patch_size") or 14
    return float(layers * (4 * hidden**2 + matrices * hidden * inner) + 3 * patch**2 * hidden)
