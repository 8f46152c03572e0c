"""Words of the fact tables that code compares with: an unknown one is refused where it stands."""

import csv
import importlib
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from commands import siting
from siting import catalogue
from siting.catalogue import FactError
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


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write(rows: list[dict[str, str]], path: Path) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        written = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        written.writeheader()
        written.writerows(rows)


def misspell(path: Path, column: str, word: str) -> int:
    """Writes another word into the first cell of a column that says something; the line of that
    cell, 0 where no row says anything."""
    rows = rows_of(path)
    first = next((i for i, row in enumerate(rows) if row.get(column)), None)
    if first is None:
        return 0
    rows[first][column] = word
    write(rows, path)
    return first + 2


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
def test_a_misspelt_word_is_refused_by_check_with_file_and_line(facts, table, column, word, said):
    line = misspell(facts / f"{table}.csv", column, word)
    result = siting("check", "--deep", "base")
    assert result.exit_code == 2
    assert result.output.startswith(f"{table}.csv, line {line}, {column}: {said}"), result.output
    assert result.output.count("\n") == 1


def test_tables_that_were_found_sound_are_read_again_when_one_of_them_changes(facts):
    """Each check is a process of its own: within one, a table is read once."""
    command = [sys.executable, "-m", "siting", "check", "base"]
    assert subprocess.run(command, check=False, capture_output=True).returncode == 0
    misspell(facts / "gpus.csv", "kernels", "Foo")
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert done.returncode == 2
    assert "kernels: 'Foo' should be" in done.stderr


def test_check_of_a_client_names_every_mistake_of_tables_and_scenario_at_once(facts, tmp_path):
    """Two in one row, one in a condition of a rule, one of a property, one of the client."""
    line = misspell(facts / "gpus.csv", "kernels", "Foo")
    misspell(facts / "gpus.csv", "tensor_cores", "fast")
    for table, right, wrong in (
        ("sovereignty_rules", "not dpa_signed,", "not dpa_sigend,"),
        ("properties", "parent_country", "parent_county"),
    ):
        path = facts / f"{table}.csv"
        text = path.read_text(encoding="utf-8")
        path.write_text(text.replace(right, wrong, 1), encoding="utf-8")
    client = tmp_path / "acme.yaml"
    client.write_text("client: {name: Acme, contry: IT}\n", encoding="utf-8")
    result = siting("check", str(client))
    assert result.exit_code == 2
    for said in (
        rf"gpus.csv, line {line}, kernels: 'Foo' should be",
        rf"gpus.csv, line {line}, tensor_cores: 'fast' should be",
        r"sovereignty_rules.csv, line \d+, fail_when: 'dpa_sigend' is no attribute",
        r"properties.csv, line \d+, holds_when: 'parent_county' is no attribute",
        r"acme.yaml:1: client.contry: ",
    ):
        assert re.search(said, result.output), result.output


@pytest.mark.parametrize("table", catalogue.RECORDS)
def test_a_word_is_refused_in_every_column_that_has_a_list_or_a_form(facts, table):
    record = catalogue.RECORDS[table]
    path = facts / f"{table}.csv"
    shipped = path.read_bytes()
    closed = [
        c
        for c, field in record.model_fields.items()
        if c not in catalogue.Fact.model_fields and (field.annotation is not str or field.metadata)
    ]
    for column in closed:
        line = misspell(path, column, "no such word")
        if line:
            with pytest.raises(FactError, match=rf"^{table}.csv, line {line}, {column}\b"):
                catalogue.table(table, record)
        path.write_bytes(shipped)


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
def test_conditions_may_ask_for_all_that_a_deployment_can_be_and_nothing_else(regime, known):
    for deployment in DEPLOYMENTS:
        case = regime(deployment)
        assert case.keys() <= known.keys()
        assert {k: v for k, v in case.items() if known[k] and v not in known[k]} == {}
    if known is performance.words():
        assert case.keys() == known.keys()


def test_a_new_generation_of_cards_is_a_row(facts):
    """Its name is the maker's; it runs the kernels of the generation before until measured."""
    path = facts / "gpus.csv"
    rows = rows_of(path)
    own = {"id": "r250-288gb", "gpu": "R250", "aliases": "", "architecture": "Rubin"}
    rows.append(next(r for r in rows if r["id"] == "b200-sxm6-180gb") | own)
    write(rows, path)
    check_tables()
    known = DEPLOYMENTS[0]
    new, before = (
        performance.regime(replace(known, gpu=catalogue.gpu(name)))
        for name in ("r250-288gb", "b200-sxm6-180gb")
    )
    assert new | {"gpu": ""} == before | {"gpu": ""}
    assert re.search("Rubin", catalogue.gpu("R250").architecture)


def test_layers_that_no_rule_explains_are_refused(facts):
    path = facts / "models.csv"
    rows = rows_of(path)
    row = next(r for r in rows if r["model_id"] == "Qwen/Qwen3-8B")
    row |= {"layers_full_attention": "4"}
    write(rows, path)
    with pytest.raises(
        FactError, match=r"^models.csv, Qwen/Qwen3-8B: the rules explain 4 of 36 la"
    ):
        check_tables()
    with pytest.raises(NotEstimated, match="the rules explain 4 of 36 layers; correct attention_"):
        attention.layer_groups(catalogue.model("Qwen/Qwen3-8B"))
