"""The catalogue of models and cards: every row loads, can be sized, and agrees with itself."""

import csv
import datetime as dt
import json
import re
from pathlib import Path
from typing import get_args

import pytest
import siting_hf
from cache_bytes import bytes_per_token, request_bytes
from commands import siting
from hypothesis import given, settings
from hypothesis import strategies as st
from siting import catalogue, dtypes, places
from siting.catalogue import RECORDS, FactError
from siting.cli.frame import check_tables
from siting.cost import priced, prices
from siting.dtypes import kv_format, weight_format
from siting.inputs.scenario import Option
from siting.memory import attention
from siting.memory.deployment import usable_gib
from siting.memory.weights import weight_bytes_per_gpu
from siting.vendors import vendor_record

check_tables()  # declares the records of all tables


def test_each_model_can_be_sized():
    for model in catalogue.models():
        assert weight_bytes_per_gpu(model).central > 0, model.model_id
        assert request_bytes(model, kv_format("auto"), 4096) > 0, model.model_id


def test_precomputed_cache_sizes_agree_with_the_layers():
    kv = dtypes.kv_format("bf16")
    for model in catalogue.models():
        if model.attention_kind == "compressed" or model.kv_bytes_per_token_bf16 is None:
            continue
        groups = attention.layer_groups(model)
        index = sum(g.count * g.index_bytes for g in groups)
        grown = bytes_per_token(model, kv) - index
        windows = sum(
            g.count * g.bytes_per_token(kv) for g in groups if g.kind in ("window", "chunk")
        )
        assert grown == model.kv_bytes_per_token_bf16, model.model_id
        assert windows == (model.kv_bytes_per_token_in_window_bf16 or 0), model.model_id


def test_aliases_lead_to_models():
    for alias in catalogue.table("model_aliases", catalogue.ModelAlias):
        assert catalogue.model(alias.alias).model_id == alias.model_id


def test_a_card_known_by_its_memory_only_is_taken_as_such():
    card = catalogue.gpu("48GB-class")
    assert usable_gib(card).low < usable_gib(card).central <= 48
    assert usable_gib(card).high <= 48


def test_a_card_never_holds_more_than_its_data_sheet_says():
    for card in catalogue.gpus():
        usable = usable_gib(card)
        assert 0.65 * card.memory_gb_marketing <= usable.central <= card.memory_gb_marketing


def test_a_config_json_stands_in_for_a_model(tmp_path):
    config = json.loads(
        (Path(__file__).parent / "vectors" / "grouped_query.json").read_text(encoding="utf-8")
    )["config"]
    path = tmp_path / "config.json"
    path.write_text(json.dumps(config))
    for name in (str(path), str(tmp_path)):
        model = catalogue.model(name)
        known = catalogue.model("meta-llama/Llama-3.1-8B-Instruct")
        assert model.params_recomputed_b == pytest.approx(known.params_recomputed_b, rel=1e-4)
        assert request_bytes(model, kv_format("auto"), 1000) == request_bytes(
            known, kv_format("auto"), 1000
        )


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("{", "is no readable JSON; give the config.json"),
        ("[]", "is no JSON object; give the config.json"),
        ('{"hidden_size": 8}', "num_hidden_layers is missing"),
        ('{"block_configs": []}', "block_configs"),
    ],
)
def test_a_bad_config_json_is_refused_in_one_sentence(tmp_path, text, fault):
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(FactError, match=fault):
        siting_hf.read(path)


PLAIN = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "vocab_size": 100}
QUARK = {"weight": {"dtype": "fp8_e4m3"}}
MIXED = {
    "layers.0.mlp.experts.0": {"quant_algo": "NVFP4"},
    "layers.0.self_attn": {"quant_algo": "FP8"},
}
BY_LAYER = ["lm_head", "layers.0.self_attn*", "layers.1.self_attn*"]
SHARED = ["layers.0.mlp.shared_experts*", "layers.1.mlp.shared_experts*"]
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
        ({"quant_algo": "FP8", "kv_cache_quant_algo": "FP8"}, "fp8"),
        ({"quant_algo": "FP8", "ignore": ["lm_head", "*self_attn*"]}, "fp8-mlp"),
        ({"quant_algo": "W4A16_AWQ"}, "int4"),
        ({"quant_algo": "NVFP4", "exclude_modules": ["lm_head"]}, "nvfp4-linear"),
        ({"quant_algo": "NVFP4", "ignore": ["model.layers.*.self_attn*"]}, "nvfp4-mlp"),
        ({"quant_method": "fbgemm_fp8", "modules_to_not_convert": ["lm_head"]}, "fp8"),
        ({"quant_method": "quark", "global_quant_config": QUARK}, "fp8"),
        ({"quant_algo": "MIXED_PRECISION", "quantized_layers": MIXED}, "nvfp4-experts-fp8"),
        ({"quant_algo": "NVFP4", "exclude_modules": BY_LAYER}, "nvfp4-mlp"),
        ({"quant_algo": "NVFP4", "exclude_modules": [*BY_LAYER, *SHARED]}, "nvfp4-experts-bf16"),
        ({"quant_algo": "NVFP4", "exclude_modules": BY_LAYER[:1]}, "nvfp4-linear"),
        ({"quant_algo": "NVFP4", "exclude_modules": ["layers.0.mlp.gate"]}, "nvfp4-linear"),
        ({"quant_method": "gptq", "bits": 4, "ignore": ["re:.*self_attn.*"]}, "int4-mlp"),
    ],
)  # fmt: skip
def test_the_weight_format_is_read_from_the_config(section, expected):
    made = siting_hf.from_config({**PLAIN, "quantization_config": section}, "x")
    assert made.native_weight_dtype == expected
    assert weight_format("", made).bits < 16


@pytest.mark.parametrize(
    ("kind", "classes"),
    [
        ("bert", ["BertForMaskedLM"]),
        ("clip", ["CLIPModel"]),
        ("whisper", ["WhisperForConditionalGeneration"]),
        ("newkind", ["NewkindForMaskedLM"]),
    ],
)
def test_models_that_generate_no_text_are_refused(kind, classes):
    with pytest.raises(FactError, match="no language model"):
        siting_hf.from_config({**PLAIN, "model_type": kind, "architectures": classes}, "x")


def test_the_encoder_for_images_is_counted():
    # SigLIP of Gemma 3: 27 layers x (4 x 1152^2 + 2 x 1152 x 4304), and 14 x 14 x 3 patches
    vision = {"hidden_size": 1152, "num_hidden_layers": 27, "intermediate_size": 4304}
    plain = siting_hf.from_config({**PLAIN}, "x")
    made = siting_hf.from_config({"text_config": PLAIN, "vision_config": vision}, "x")
    expected = 27 * (4 * 1152**2 + 2 * 1152 * 4304) + 3 * 14**2 * 1152
    assert made.vision_tower_params_b == pytest.approx(expected / 1e9)
    assert made.params_recomputed_b and plain.params_recomputed_b
    assert made.params_recomputed_b - plain.params_recomputed_b == pytest.approx(expected / 1e9)


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 10**12), st.floats(), st.text(max_size=6),
    st.lists(st.integers(-1, 3), max_size=3), st.dictionaries(st.text(max_size=3), st.none()),
)  # fmt: skip
FIELDS = st.sampled_from(
    [
        "num_hidden_layers", "hidden_size", "num_attention_heads", "vocab_size", "head_dim",
        "num_key_value_heads", "layer_types", "num_experts", "moe_intermediate_size",
        "kv_lora_rank", "quantization_config", "vision_config", "text_config", "sliding_window",
        "model_type", "architectures", "torch_dtype", "compress_ratios", "attn_type_list",
        "linear_attn_config", "hybrid_override_pattern", "cross_attention_layers", "moe_layer_freq",
        "tie_word_embeddings", "full_attention_interval", "_name_or_path", "no_rope_layers",
    ]
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(changes=st.dictionaries(FIELDS, ODD, max_size=5))
def test_no_config_json_crashes_the_reader(changes):
    try:
        made = siting_hf.from_config({**PLAIN, **changes}, "x")
    except FactError as error:
        assert str(error).startswith("x: ")
    else:
        assert made.num_hidden_layers


@pytest.mark.parametrize(
    "name", ["m" * 400 + "/x", "m" * 5_000, "m" * 400 + ".json", "a\0b", "a\0b.json", "\ud800.json"]
)
def test_a_model_s_name_that_no_path_can_have_is_just_unknown(name):
    with pytest.raises((KeyError, catalogue.FactError)):
        catalogue.model(name)


def test_no_setting_and_no_parameter_has_a_row_that_nobody_reads():
    lib = Path(catalogue.__file__).parent
    code = "".join(path.read_text(encoding="utf-8") for path in lib.rglob("*.py"))
    tables = [table for table, record in RECORDS.items() if record is catalogue.Setting]
    names = [name for table in tables for name in catalogue.settings(table)]
    names += [row.id for row in catalogue.table("cost_parameters", prices.Parameter)]
    for name in names:
        rest = name.partition("_")[2]
        # Some are put together: `{kind}_memory`, `notice_{name}`, `residual_after_{age}`.
        read = (f'"{name}"', f'}}_{rest}"', f'"{rest}"', f"{name.rstrip('12345')}{{")
        assert any(word in code for word in read), name


# --- tables that others read --------------------------------------------------------------------


def test_what_follows_a_model_costs_what_the_price_list_says():
    """The record of replacements against the list, with what the region costs on top."""
    day = dt.date(2026, 12, 1)
    rows = catalogue.table("model_replacements", vendor_record.ModelReplacement)
    assert rows
    for row in rows:
        option = Option(label="x", kind="api", provider=row.provider, region=row.region)
        region = prices.regional_surcharge(option, row.replacement)
        listed = prices.token_price(row.provider, row.replacement, day)  # 1,000 tokens each way
        assert listed, row.replacement
        factor = region.factor if region else 1.0
        assert (row.input + row.output) / 1000 == pytest.approx(listed * factor), row.replacement


# --- damaged tables -----------------------------------------------------------------------------


def write(path: Path, **cells: str) -> None:
    """Other cells in line 2 of a table."""
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rows[0] |= cells
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]))
        written.writeheader()
        written.writerows(rows)


@pytest.mark.parametrize(
    ("table", "cells", "said"),
    [
        ("vat", {"date": "2026-02-30"}, "date: '2026-02-30' is no date; write YYYY, YYYY-MM"),
        ("vat", {"rate": "20"}, "rate: '20' should be less than or equal to 1"),
        ("vat", {"locator": " "}, "locator: is missing; fill it in"),
        ("vendor_events", {"ends": "fine-tuning"}, "row: ends and ends_on go together; write the"),
        ("model_retirements", {"retired": "soon"}, "retired: 'soon' is no date"),
        ("vendor_settings", {"low": "9"}, "row: low 9, central "),
        ("gpus", {"memory_bandwidth_gb_s": "-5"}, "memory_bandwidth_gb_s: '-5' should be greater"),
        ("cloud_prices", {"usd_gpu_hour": "nan"}, "usd_gpu_hour: 'nan' should be a finite number"),
        ("cloud_prices", {"gpu_id": "h999"}, "gpu_id: 'h999' is no GPU of siting_facts/gpus.csv; "),
        ("cost_items", {"driver": "serverz"},
         "driver: 'serverz' is no driver; did you mean server"),
        ("severity_rubric", {"kind": "guess"}, "kind: 'guess' should be 'measured', 'published'"),
    ],
)  # fmt: skip
def test_a_wrong_cell_is_refused_by_table_line_and_field(facts, table, cells, said):
    write(facts / f"{table}.csv", **cells)
    with pytest.raises(FactError, match=f"^{table}.csv, line 2, " + re.escape(said)):
        catalogue.table(table, RECORDS.get(table, catalogue.Unread))


def add(path: Path, like: str, **cells: str) -> int:
    """Appends a row like the first that has a cell `like`, with other cells; its line."""
    with path.open(encoding="utf-8", newline="") as file:
        row = next(row for row in csv.DictReader(file) if like in row.values())
    with path.open("a", encoding="utf-8", newline="") as file:
        csv.DictWriter(file, list(row)).writerow(row | cells)
    return path.read_text(encoding="utf-8").count("\n")


ITEM = {"like": "connectivity", "id": "x"}
RULE = {"like": "GDPR-5-1", "rule_id": "HOUSE-1"}
CARD = {"like": "h100-sxm5-80gb", "id": "x1", "gpu": "Example X1", "aliases": ""}
TYPOS = [
    ("provider_attributes", {"like": "vendor:Nebius", "subject": "vendor:Nebiu"},
     "subject: 'Nebiu' is no vendor here; did you mean Nebius"),
    ("provider_attributes", {"like": "vendor:OpenAI/us", "subject": "vendor:OpenAI/eae"},
     "subject: 'eae' is no group of clients; did you mean ee"),
    ("provider_attributes", {"like": "vendor:OpenAI/us", "attribute": "place", "value": "XQ"},
     "value: place is country, not 'XQ'; write a value of it"),
    ("properties", {"like": "own_keys", "property": "x", "holds_when": "operator_country == 'XQ'"},
     "holds_when: 'XQ' is no value of operator_country; "),
    ("properties", {"like": "own_keys", "property": "x", "contradicts": "own_machine"},
     "contradicts: 'own_machine' is no property; did you mean own_machines"),
    ("cost_items", ITEM | {"options": ""},
     "options: a remedy names no kind of option, and every other item some; write such as owned"),
    ("cost_items", ITEM | {"category": "remedy"},
     "options: a remedy names no kind of option, and every other item some"),
    ("cost_items", ITEM | {"currency": ""},
     "currency: is missing; write such as EUR, or a price in multiply_by"),
    ("cost_items", ITEM | {"multiply_by": "server_price"},
     "currency: EUR and server_price are money each; keep one"),
    ("cost_items", {"like": "insurance", "id": "insurance", "label": "Fire", "high": "9"} |
     {"valid_from": "2026-01-01"},
     "id: 'insurance' is Insurance of the servers already; write another"),
    ("cost_items", {"like": "insurance", "id": "insurance", "label": "Fire", "when": "monthly"} |
     {"high": "9"}, "id: 'insurance' is Insurance of the servers already; write another"),
    ("cost_items", ITEM | {"quoted_per": "GPU-yaer"},
     "quoted_per: 'GPU-yaer' is no unit of a quote; did you mean GPU-year"),
    ("sovereignty_rules", RULE | {"fail_when": "", "review_when": "", "fail_reason": ""} |
     {"review_reason": "", "cannot": "fail", "cannot_why": "x"},
     "review_when: is missing, as is fail_when; write one of both"),
    ("sovereignty_rules", RULE | {"fail_reason": ""},
     "fail_reason: stands beside fail_when; write both or none"),
    ("sovereignty_rules", RULE | {"review_when": "", "review_reason": ""},
     "cannot: names review where review_when is blank, and there alone; write one of both"),
    ("sovereignty_rules", RULE | {"review_when": "", "review_reason": "", "cannot": "review"},
     "cannot_why: is missing; write why"),
    ("sovereignty_rules", RULE | {"review_when": "", "cannot": "review", "cannot_why": "x"},
     "review_reason: stands beside review_when; write both or none"),
    ("sovereignty_rules", RULE | {"regime": "GDRP"},
     "regime: 'GDRP' is no head of the report; did you mean GDPR"),
    ("gpus", CARD | {"aliases": "Example One;h100"},
     "aliases: 'h100' is a name of h100-sxm5-80gb already; write it in one row"),
    ("gpus", CARD | {"memory_bandwidth_gb_s": "6"},
     "memory_bandwidth_gb_s: 6 GB/s is too little; write 6000 for 6 TB/s"),
    ("gpus", CARD | {"memory_gb_marketing": "160", "usable_gib": "200"},
     "usable_gib: 200 GiB of a card of 160 GB; write what a driver reports"),
]  # fmt: skip


@pytest.mark.parametrize(("table", "cells", "said"), TYPOS, ids=[said for *_, said in TYPOS])
def test_a_typo_in_a_new_row_is_refused_with_what_to_write(facts, table, cells, said):
    line = add(facts / f"{table}.csv", **cells)
    with pytest.raises(FactError) as refused:
        check_tables()
    (told,) = str(refused.value).splitlines()
    assert told.startswith(f"{table}.csv, line {line}, {said}")


def test_a_new_row_of_another_day_or_a_head_of_its_own_is_no_typo(facts):
    add(facts / "cost_items.csv", "insurance", low="0.1", central="0.1", high="0.1",
        valid_from="2026-12-01")  # fmt: skip
    add(facts / "sovereignty_rules.csv", "GDPR-5-1", rule_id="X-1", regime="US state privacy law")
    add(facts / "sovereignty_rules.csv", "GDPR-5-1", rule_id="X-2", regime="Secrecy")
    check_tables()


def test_all_faults_of_all_tables_are_told_in_one_round(facts):
    path = facts / "gpus.csv"
    short, *lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    lines[1] = "x,y\n"
    path.write_text(short.replace("tdp_w", "tdp") + "".join(lines), encoding="utf-8")
    card = add(path, **CARD | {"memory_bandwidth_gb_s": "6"})
    rate = add(facts / "vat.csv", "IT", country="US", rate="20")
    with pytest.raises(FactError) as refused:
        check_tables()
    write = "quote text that has a comma in it, and write a comma for each blank cell"
    bandwidth = "memory_bandwidth_gb_s: 6 GB/s is too little; write 6000 for 6 TB/s"
    assert set(str(refused.value).splitlines()) == {
        "gpus.csv, line 2, tdp: is no column here; remove it",
        f"gpus.csv, line 3: not as many cells as columns; {write}",
        f"gpus.csv, line {card}, {bandwidth}",
        f"vat.csv, line {rate}, rate: '20' should be less than or equal to 1",
    }


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda t: t.encode("latin-1", "replace") + b"\xe9", "line LAST: is not UTF-8; save the"),
        (lambda t: t.encode("utf-16"), "line 1: is not UTF-8; save the table as CSV UTF-8"),
        (lambda t: f"{t}a,b\n".encode(), "line LAST: not as many cells as columns; quote text"),
        (lambda t: t.replace("\n", ",\n", 2).replace(",\n", "\n", 1).encode(), "line 2: not as ma"),
        (lambda t: f'{t}"a'.encode(), "line LAST: unexpected end of data; close each quotation"),
        (lambda t: f"{t}{'a' * 131073},".encode(), "line LAST: field larger than field limit"),
        (lambda t: t.replace("locator", "where", 1).encode(), "column 'locator' stands there 0 ti"),
        (lambda t: t.replace("tdp_w", "note", 1).encode(), "column 'note' stands there 2 times"),
    ],
)
def test_a_damaged_file_is_refused_by_line(facts, damage, said):
    path = facts / "gpus.csv"
    whole = path.read_text(encoding="utf-8")
    said = said.replace("LAST", str(whole.count("\n") + 1))  # the line after all rows
    path.write_bytes(damage(whole))
    with pytest.raises(FactError, match=r"^gpus.csv[,:] " + re.escape(said)):
        catalogue.table("gpus", RECORDS["gpus"])


def test_whoever_reads_a_damaged_file_is_told_so_in_one_line(facts):
    path = facts / "gpus.csv"
    path.write_bytes(path.read_text(encoding="utf-8").encode("utf-16"))
    for command in (["check"], ["facts"], ["summary", "base"]):
        result = siting(*command)
        assert result.exit_code == 2, command
        assert result.output.startswith("gpus.csv, line 1: is not UTF-8; save the table"), command
        assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("page", "words"),
    [
        ("rule", get_args(catalogue.Owner)),
        ("cost-item", get_args(priced.Category)),
        ("cost-item", get_args(priced.When)),
        ("cost-item", priced.DRIVERS),
        ("cost-item", priced.PRICES + priced.SCALES),
        ("cost-item", places.TRAITS),
    ],
)
def test_a_page_names_every_word_that_its_table_takes(page, words):
    text = Path(f"docs/how-to/{page}.md").read_text(encoding="utf-8")
    assert {*words} - {"mixed"} <= {*re.findall(r"`([\w ]+)`", text)}
