"""Words of the fact tables that code compares with: an unknown one is refused where it stands."""

from __future__ import annotations

import csv
import importlib
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from siting import catalogue
from siting.catalogue import FactError
from siting.cli import cli
from siting.cli.frame import check_tables
from siting.memory import attention
from siting.memory.deployment import Deployment
from siting.quantity import NotEstimated
from siting.serving import performance, spread

check_tables()  # declares the records of all tables, those of packages beside too
for module in (
    "siting_bills.bill_files",
    "siting_hf.fields",
    "siting_logs.log_files",
    "siting_seal.levels",
    "siting_validation.claims",
):
    importlib.import_module(module)


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the fact tables that the library reads, to be changed."""
    shutil.copytree(catalogue.facts_dir(), tmp_path / "facts")
    monkeypatch.setenv("SITING_FACTS", str(tmp_path / "facts"))
    return tmp_path / "facts"


def misspell(path: Path, column: str, word: str) -> int:
    """Writes another word into the first cell of a column that says something; its line."""
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        rows = []
        lines = []
        for row in reader:
            rows.append(row)
            lines.append(reader.line_num)
    first = next(i for i, row in enumerate(rows) if row[column])
    rows[first][column] = word
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        written.writeheader()
        written.writerows(rows)
    return lines[first]


@pytest.mark.parametrize(
    ("table", "column", "word", "said"),
    [
        ("models", "attention_kind", "slidng", "'slidng' should be 'full', 'sliding', "),
        ("models", "attention_kind", "ring", "'ring' should be 'full', 'sliding', "),
        ("gpus", "kernels", "Hoper", "'Hoper' should be 'Ada', "),
        ("gpus", "tensor_cores", "asynchronus", "'asynchronus' should be 'synchronous', "),
        ("plan_steps", "when", "unprovn", "'unprovn' is no condition of a step; did you mean unp"),
        ("engine_efficiency", "scope", "architecure=Hopper", "'architecure' is no word that a"),
        ("engine_efficiency", "scope", "architecture=Hoper", "'Hoper' is no value of architecture"),
        ("engine_spread", "scope", "campain=yes", "'campain' is no word that a condition tests"),
        ("memory_constants", "where", "rank=few", "'rank' is no word that a condition tests; did"),
        ("memory_constants", "where", "ranks=fw", "'fw' is no value of ranks; "),
    ],
)  # fmt: skip
def test_a_misspelt_word_is_refused_by_check_with_file_and_line(
    tables: Path, table: str, column: str, word: str, said: str
) -> None:
    line = misspell(tables / f"{table}.csv", column, word)
    result = CliRunner().invoke(cli, ["check", "--deep", "base"])
    assert result.exit_code == 2
    assert result.output.startswith(f"{table}.csv, line {line}, {column}: {said}"), result.output
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("table", "column", "word"),
    [
        ("config_words", "topic", "shared experts"),
        ("cost_items", "category", "energi"),
        ("cost_items", "multiply_by", "gpu_hours"),
        ("cost_items", "options", "ownd"),
        ("cost_parameters", "countries", "UK"),
        ("electricity", "taxes", "with VAT"),
        ("engine_releases", "engine", "vlm"),
        ("engine_spread", "quantity", "ttft"),
        ("gpus", "linked", "pair"),
        ("hardware_prices", "country", "UK"),
        ("hardware_prices", "price_kind", "retail"),
        ("licences", "excludes", "europe"),
        ("memory_constants", "engine", "vlm"),
        ("memory_constants", "first", "eleven"),
        ("memory_seen", "aspect", "cards"),
        ("memory_spread", "quantity", "pol"),
        ("model_aliases", "weights", "fp7"),
        ("model_quality", "effort", "hihg"),
        ("model_quality", "setting", "few shots"),
        ("models", "commercial_use", "maybe"),
        ("models", "native_weight_dtype", "fp7"),
        ("plan_steps", "kinds", "colocaton"),
        ("plan_steps", "owner", "architct"),
        ("plan_steps", "sectors", "bank"),
        ("provider_attributes", "subject", "knd:api"),
        ("pue", "place", "on_site"),
        ("quality_boards", "must_match", "settings"),
        ("regional_surcharges", "provider", "antropic"),
        ("regional_surcharges", "region", "Europe"),
        ("retirement_policies", "applies_to", "all"),
        ("retirement_policies", "stage", "beta"),
        ("sovereignty_attributes", "vendor_fact", "cert_iso2701"),
        ("sovereignty_rules", "cannot", "fails"),
        ("sovereignty_rules", "owner", "legal"),
        ("sovereignty_rules", "remedy_items", "own_key"),
        ("stability_readiness", "item", "weights"),
        ("stability_shocks", "category", "outages"),
        ("tco_cases", "unit", "dollars"),
        ("training_mfu", "regime", "Hoper"),
        ("training_mfu", "unit", "percent"),
        ("vat", "country", "UK"),
        ("vat_recovery", "sector", "bank"),
        ("vendor_backtests", "label", "skill shown"),
        ("vendor_events", "category", "prices"),
        ("vendor_events", "replaced_by", "anthropic-1"),
        ("vendor_settings", "unit", "hours"),
        ("vendors", "country", "USA"),
        ("vendors", "price_list", "antropic"),
        ("weight_formats", "other", "nvfp"),
    ],
)
def test_a_word_that_no_list_has_is_refused(
    tables: Path, table: str, column: str, word: str
) -> None:
    line = misspell(tables / f"{table}.csv", column, word)
    with pytest.raises(FactError, match=f"^{table}.csv, line {line}, {column}: '{word}' "):
        catalogue.table(table, catalogue.RECORDS[table])


DEPLOYMENTS = [
    Deployment(
        model=catalogue.model(model), gpu=gpu, weights=weights, tensor_parallel=tp, engine=engine
    )
    for gpu in catalogue.gpus()
    if gpu.bf16_dense_tflops or gpu.fp16_dense_tflops
    for model, weights in (
        ("meta-llama/Llama-3.1-8B-Instruct", "bf16"),
        ("openai/gpt-oss-120b", ""),
        ("Qwen/Qwen3-30B-A3B", "fp8"),
        ("meta-llama/Llama-3.1-8B-Instruct", "int4"),
    )
    for tp, engine in ((1, "vllm"), (4, "nim"), (8, "llama.cpp"))
]


@pytest.mark.parametrize(
    ("regime", "known"),
    [
        (performance.regime, performance.words()),
        (lambda d: spread.words(performance.regime(d), 1, "full"), spread.known_words()),
    ],
    ids=["efficiencies", "ranges"],
)
def test_conditions_may_ask_for_all_that_a_deployment_can_be_and_nothing_else(
    regime: Callable[[Deployment], dict[str, str]], known: dict[str, set[str]]
) -> None:
    for deployment in DEPLOYMENTS:
        case = regime(deployment)
        assert case.keys() <= known.keys()
        assert {k: v for k, v in case.items() if known[k] and v not in known[k]} == {}
    if known is performance.words():
        assert case.keys() == known.keys()


def test_a_new_generation_of_cards_is_a_row(tables: Path) -> None:
    """Its name is the maker's; it runs the kernels of the generation before until measured."""
    path = tables / "gpus.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    own = {"id": "r200-288gb", "gpu": "R200", "aliases": "", "architecture": "Rubin"}
    rows.append(next(r for r in rows if r["id"] == "b200-sxm6-180gb") | own)
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        written.writeheader()
        written.writerows(rows)
    check_tables()
    known = DEPLOYMENTS[0]
    new, before = (
        performance.regime(replace(known, gpu=catalogue.gpu(name)))
        for name in ("r200-288gb", "b200-sxm6-180gb")
    )
    assert new | {"gpu": ""} == before | {"gpu": ""}
    assert re.search("Rubin", catalogue.gpu("R200").architecture)


def test_layers_that_no_rule_explains_are_refused(tables: Path) -> None:
    path = tables / "models.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    row = next(r for r in rows if r["model_id"] == "Qwen/Qwen3-8B")
    row |= {"layers_full_attention": "4"}
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        written.writeheader()
        written.writerows(rows)
    with pytest.raises(
        FactError, match=r"^models.csv, Qwen/Qwen3-8B: the rules explain 4 of 36 la"
    ):
        check_tables()
    with pytest.raises(NotEstimated, match="the rules explain 4 of 36 layers; correct attention_"):
        attention.layer_groups(catalogue.model("Qwen/Qwen3-8B"))


FEW = 14
"""Different words of a column up to which it may be a list of words that code compares with."""
OPEN = {
    "names that the row itself gives": {
        "gpus.vendor", "gpus.form_factor", "kv_formats.aliases", "open_api_prices.host",
        "open_api_prices.provider", "optimizers.aliases", "quality_boards.settings",
        "reasoning_effort.aliases", "tco_cases.case_id", "training_frameworks.aliases",
        "training_frameworks.name", "training_methods.aliases", "country_groups.group",
        "vendor_backtests.quantity", "law_coverage.topic", "law_topics.topic",
        "model_replacements.model", "model_replacements.replacement",
    },
    "keys in files of other tools": {
        f"log_files.{column}"
        for column in (
            "records", "time", "input_tokens", "output_tokens", "cached_tokens", "requests",
            "identity", "model", "session", "blocks", "only", "skipped",
        )
    }
    | {
        f"bill_files.{column}"
        for column in (
            "end", "service", "quantity", "unit", "requests", "tokens", "gpu_hours",
        )
    },
    "patterns of names of models": {"regional_surcharges.models", "training_frameworks.models"},
    "articles and acts that a lawyer cites": {
        "sovereignty_rules.provision_beyond", "eea_incorporation.act", "eea_incorporation.group",
    },
    "sentences": {
        "plan_steps.guard", "sovereignty_rules.meanwhile", "model_replacements.evidence",
        "model_replacements.caveat",
    },
    "conditions and values that the rule book parses": {
        "sovereignty_flows.exists_when", "sovereignty_stress.value", "c3a_criteria.holds_when",
        "sovereignty_rules.lacking_when",
    },
    "countries, which `check_tables` knows": {"vendor_events.holds_in"},
    "names of other rows, which a test of the verdict holds": {"properties.contradicts"},
    "names of factors that `uncertainty.check_correlations` checks": {"cost_correlations.b"},
    "sentences, periods and units that are printed": {
        "log_files.skipped_because", "c3a_criteria.lacks",
        "carbon.second_value",
        "electricity.customer_class",
        "electricity.period", "engine_efficiency.unit", "environment_events.then",
        "gpus.second_source", "gpus.alias_assumptions", "open_api_prices.place",
        "quality_boards.comparable_when", "stability_shocks.rate_basis", "vendor_backtests.window",
        "vendor_backtests.method", "sovereignty_attributes.own_question",
    },
}  # fmt: skip
"""Columns of few words that are no list of words, by what they are instead."""


def test_every_column_of_few_words_is_closed_or_said_to_be_open() -> None:
    found = set()
    for table, record in catalogue.RECORDS.items():
        rows = [cells for _, cells in catalogue.rows(catalogue.facts_dir() / f"{table}.csv")]
        for column, field in record.model_fields.items():
            if column in catalogue.Fact.model_fields or [column] == [*record.key]:
                continue
            words = {cells[column] for cells in rows if column in cells}
            few = 0 < len(words) <= FEW and len(words) < len(rows)
            if few and field.annotation is str and not field.metadata:
                found.add(f"{table}.{column}")
    assert found == set().union(*OPEN.values())
