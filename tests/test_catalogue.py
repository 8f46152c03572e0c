"""The catalogue of models and cards: every row loads, can be sized, and agrees with itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from siting import catalogue, hf_config
from siting.catalogue import FactError
from siting.memory import attention
from siting.memory.attention import kv_format, request_bytes
from siting.memory.deployment import usable_gib
from siting.memory.weights import weight_bytes_per_gpu, weight_format

# Families whose total on the hub counts what the language model does not load: tower sizes or
# rounded names; each row's diff_explanation says which.
EXPLAINED = 1.0


@pytest.mark.parametrize("model", catalogue.models(), ids=lambda m: m.model_id)
def test_each_model_can_be_sized(model: catalogue.Model) -> None:
    assert weight_bytes_per_gpu(model).central > 0
    assert request_bytes(model, kv_format("auto"), 4096) > 0


def test_precomputed_cache_sizes_agree_with_the_layers() -> None:
    kv = attention.kv_format("bf16")
    for model in catalogue.models():
        if model.attention_kind == "compressed" or model.kv_bytes_per_token_bf16 is None:
            continue
        groups = attention.layer_groups(model)
        index = sum(g.count * g.index_bytes for g in groups)
        grown = attention.bytes_per_token(model, kv) - index
        windows = sum(
            g.count * g.bytes_per_token(kv) for g in groups if g.kind in ("window", "chunk")
        )
        assert grown == model.kv_bytes_per_token_bf16, model.model_id
        assert windows == (model.kv_bytes_per_token_in_window_bf16 or 0), model.model_id


def test_a_count_that_differs_from_the_published_one_is_explained() -> None:
    for model in catalogue.models():
        if model.recompute_diff_pct is not None and abs(model.recompute_diff_pct) > EXPLAINED:
            assert model.diff_explanation not in ("", "exact"), model.model_id


def test_aliases_lead_to_models() -> None:
    for alias in catalogue.table("model_aliases", catalogue.ModelAlias):
        assert catalogue.model(alias.alias).model_id == alias.model_id


def test_names_compare_without_case_and_dashes() -> None:
    assert catalogue.gpu("h100 sxm5 80gb").id == "h100-sxm5-80gb"
    assert catalogue.model("LLAMA-3.1-8b_instruct").model_id == "meta-llama/Llama-3.1-8B-Instruct"


def test_unknown_names_get_near_ones() -> None:
    with pytest.raises(KeyError, match="h100"):
        catalogue.gpu("h100x")


def test_a_card_known_by_its_memory_only_is_taken_as_such() -> None:
    card = catalogue.gpu("48GB-class")
    assert usable_gib(card).low < usable_gib(card).central <= 48
    assert usable_gib(card).high <= 48


def test_a_card_never_holds_more_than_its_data_sheet_says() -> None:
    for card in catalogue.gpus():
        usable = usable_gib(card)
        assert 0.65 * card.memory_gb_marketing <= usable.central <= card.memory_gb_marketing


def test_a_config_json_stands_in_for_a_model(tmp_path: Path) -> None:
    config = json.loads(
        (Path(__file__).parent / "vectors" / "grouped_query.json").read_text(encoding="utf-8")
    )["config"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    for name in (str(path), str(tmp_path)):
        model = hf_config.model(name)
        known = catalogue.model("meta-llama/Llama-3.1-8B-Instruct")
        assert model.params_recomputed_b == pytest.approx(known.params_recomputed_b, rel=1e-4)
        assert request_bytes(model, kv_format("auto"), 1000) == request_bytes(
            known, kv_format("auto"), 1000
        )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "not a readable config.json"),
        ("[]", "the top level must be an object"),
        ('{"hidden_size": 8}', "num_hidden_layers is missing"),
        ('{"block_configs": []}', "block_configs"),
    ],
)
def test_a_bad_config_json_is_refused_in_one_sentence(
    tmp_path: Path, text: str, fault: str
) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(FactError, match=fault):
        hf_config.read(path)


GROUP = {"weights": {"num_bits": 8, "type": "float"}}


@pytest.mark.parametrize(
    ("section", "expected"),
    [
        ({"quant_method": "fp8"}, "fp8"),
        ({"quant_method": "awq", "bits": 4}, "int4"),
        ({"quant_method": "gptq", "bits": 8}, "int8"),
        ({"quant_method": "mxfp4"}, "mxfp4"),
        ({"quant_method": "modelopt", "quant_algo": "NVFP4"}, "nvfp4"),
        ({"quant_method": "bitsandbytes", "load_in_4bit": True}, "nf4"),
        ({"quant_method": "compressed-tensors", "config_groups": {"g": GROUP}}, "fp8"),
    ],
)  # fmt: skip
def test_the_weight_format_is_read_from_the_config(
    section: dict[str, object], expected: str
) -> None:
    config = {
        "num_hidden_layers": 2,
        "hidden_size": 64,
        "num_attention_heads": 4,
        "vocab_size": 100,
    }
    made = hf_config.from_config({**config, "quantization_config": section}, "x")
    assert made.native_weight_dtype == expected
    assert weight_format("", made).bits < 16


@pytest.mark.parametrize(
    "name", ["m" * 400 + "/x", "m" * 5_000, "m" * 400 + ".json", "a\0b", "a\0b.json", "\ud800.json"]
)
def test_a_model_s_name_that_no_path_can_have_is_just_unknown(name: str) -> None:
    with pytest.raises((KeyError, catalogue.FactError)):
        hf_config.model(name)
