"""A model from a file in Hugging Face's `config.json` format, its parameters counted by formula.

Nested multimodal configurations (`text_config`, `llm_config`) are read through. The count covers
embeddings, attention of every kind, dense and expert MLPs, linear layers and the encoder for
images; norms and biases (below 0.1 %) are left out, and the record says so. Models that do not
generate text are refused. It may import `siting`, which finds `read` by an entry point.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError
from siting.catalogue import FactError, Model

from siting_hf.fields import Config, get, keys, kind, listed, meaning, need
from siting_hf.layers import attention, count, cross_attention, encoder_params, experts
from siting_hf.quantisation import weight_format

LARGEST = 16 << 20
"""No configuration is larger. [B]"""


def read(path: Path) -> Model:
    """The model that `path` describes, with the weight format that NVIDIA's file beside it names.

    Raises FactError naming the file and the missing field.
    """
    whole = _object(path)
    beside = path.with_name("hf_quant_config.json")
    quantised = _object(beside) if beside != path and beside.is_file() else None
    return from_config(whole, str(path), quantised)


def _object(path: Path) -> Config:
    give = "give the config.json of a model"
    if not path.is_file() or path.stat().st_size > LARGEST:
        what = f"is larger than {LARGEST >> 20} MiB" if path.is_file() else "is no file"
        raise FactError(f"{path}: {what}; {give}")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        line = getattr(error, "lineno", "")
        raise FactError(f"{path}{line and f':{line}'}: is no readable JSON; {give}") from None
    if not isinstance(found, dict):
        raise FactError(f"{path}: is no JSON object; {give}")
    return found


def from_config(whole: Config, name: str, beside: Config | None = None) -> Model:
    """The model of a parsed `config.json`; `name` is how messages and reports call it.

    beside: the content of `hf_quant_config.json`. Raises FactError.
    """
    try:
        return _made(whole, name, beside)
    except FactError as error:
        raise FactError(f"{name}: {error}") from None
    except (ValidationError, TypeError, AttributeError, ValueError, ArithmeticError) as error:
        fault = type(error).__name__
        raise FactError(f"{name}: a field holds what no config.json has ({fault})") from None


def _made(whole: Config, name: str, beside: Config | None) -> Model:
    _refuse_what_generates_no_text(whole)
    config = dict(_language_part(whole))
    if "block_configs" in config:
        raise FactError(
            "layers differ one by one (block_configs), which is not read; "
            "use the model's name in the catalogue"
        )
    blocks = config.get("layers_block_type") or config.get("hybrid_override_pattern") or ""
    config.setdefault("num_hidden_layers", len(blocks))
    shape = _shape(whole, config)
    encoder = encoder_params(whole)
    return Model(
        model_id=str(whole.get("_name_or_path") or name),
        family=kind(config),
        native_weight_dtype=weight_format(whole, config, beside),
        vision_tower_params_b=encoder / 1e9 or None,
        **shape,
        **count(config, shape, encoder),
        source="config.json given by the user",
        locator=name,
        date="undated",
        kind="client",
        note="parameters counted from the configuration, norms and biases left out",
    )


def _shape(whole: Config, config: Config) -> Config:
    """Sizes of the layers, by their names in the catalogue."""
    layers = need(config, "num_hidden_layers")
    hidden = need(config, "hidden_size")
    heads = need(config, "num_attention_heads")
    usual = meaning("tied embedding", kind(config))
    grouped = get(config, "num_key_value_heads") or heads
    if config.get("multi_query") and not config.get("new_decoder_architecture"):
        grouped = 1
    return {
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "vocab_size": need(config, "vocab_size"),
        "num_key_value_heads": grouped,
        "head_dim": get(config, "head_dim") or hidden // heads,
        "intermediate_size": get(config, "intermediate_size") or 4 * hidden,
        "tie_word_embeddings": bool((config | whole).get("tie_word_embeddings", usual)),
        "max_position_embeddings": get(config, "max_position_embeddings"),
        **experts(config, layers),
        **attention(config, layers),
        **cross_attention(whole, config, layers),
    }


def _refuse_what_generates_no_text(whole: Config) -> None:
    """Raises FactError for an encoder, a translator, or a model for images or sound alone."""
    classes = [str(a) for a in listed(whole, "architectures")]
    no_generator = bool(classes) and all(meaning("no generator", c) for c in classes)
    encodes = whole.get("is_encoder_decoder") is True or no_generator
    if encodes or meaning("no language model", kind(whole)):
        what = kind(whole) or ", ".join(classes) or "an encoder-decoder"
        raise FactError(
            f"{what} is no language model that generates text token by token; "
            "only such models are sized"
        )


def _language_part(whole: Config) -> Config:
    """The language model's own section, with what only the top level states."""
    for key in keys()["language model"]:
        part = whole.get(key)
        if isinstance(part, dict):
            inner = _language_part(part)
            if any(k in inner for k in ("num_hidden_layers", "n_layer", "hidden_size")):
                kept = {k: v for k, v in whole.items() if not isinstance(v, dict)}
                return {**kept, **inner}
    return whole
